"""Bounds around foreign code that runs in this process: time, output, and the random state it may disturb.

They keep a notebook usable when an answer misbehaves; they are no defence against malice (that is the jail's work).
"""

import ctypes
import io
import random
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress

import numpy as np
import torch

_SPARE = np.random.MT19937(0)
"""What draws for NumPy's global functions while an answer is looked at."""


class TooSlowError(BaseException):
    """The answer did not come back in time. No Exception, so that ``except Exception`` in a loop does not eat it."""


class CappedText(io.TextIOBase):
    """Keeps the first ``limit`` characters written and counts the rest."""

    def __init__(self, limit: int = 400) -> None:
        self.limit, self.kept, self.length = limit, "", 0

    def write(self, text: str) -> int:
        """Keep what still fits."""
        self.kept += text[: self.limit - len(self.kept)]
        self.length += len(text)
        return len(text)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TooSlowError inside the block after ``seconds`` (again every 0.2 s, for code that swallows it once).

    Works in any thread and on every platform, but only between two bytecodes of Python. In the main thread the
    system's alarm does it, which costs next to nothing; elsewhere another thread has to.
    """
    has_alarm = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    with (_alarm if has_alarm else _watch)(seconds):
        yield


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def interrupt(*_: object) -> None:
        raise TooSlowError

    earlier = signal.signal(signal.SIGALRM, interrupt)
    left = signal.setitimer(signal.ITIMER_REAL, seconds, 0.2)
    try:
        yield
    finally:
        try:
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
        finally:  # the alarm may have gone off in the line before, and goes off again until it is taken back
            signal.setitimer(signal.ITIMER_REAL, *left)  # somebody else's, or none
            signal.signal(signal.SIGALRM, earlier)


@contextmanager
def _watch(seconds: float) -> Iterator[None]:
    thread = ctypes.c_ulong(threading.get_ident())
    finished, interrupted = threading.Event(), threading.Event()

    def interrupt() -> None:
        pause = seconds
        while not finished.wait(pause):
            interrupted.set()
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(TooSlowError))
            pause = 0.2

    watch = threading.Thread(target=interrupt, daemon=True)
    watch.start()
    try:
        yield
    finally:
        finished.set()
        watch.join()
        if interrupted.is_set():
            _let_pending_interrupt_arrive()


def _let_pending_interrupt_arrive() -> None:
    """One may have been set while the block was already ending; it arrives between the next bytecodes, here."""
    with suppress(TooSlowError):
        for _ in range(1000):
            pass


@contextmanager
def quiet() -> Iterator[CappedText]:
    """Take what is printed, and drop warnings, inside the block."""
    text = CappedText()
    with warnings.catch_warnings(), redirect_stdout(text), redirect_stderr(text):
        warnings.simplefilter("ignore")
        yield text


@contextmanager
def preserved_state() -> Iterator[None]:
    """Give back the global random states, gradient mode and default dtype as they were found."""
    python, numpy = random.getstate(), np.random.get_bit_generator()
    generator, dtype = torch.default_generator.get_state(), torch.get_default_dtype()
    np.random.set_bit_generator(_SPARE)  # copying NumPy's state would take a tenth of a millisecond
    try:
        with torch.enable_grad():
            yield
    finally:
        random.setstate(python)
        np.random.set_bit_generator(numpy)
        torch.default_generator.set_state(generator)
        torch.set_default_dtype(dtype)
