"""Judge and jail on one processor: they take turns, and what is in its caches serves both.

It saves a tenth of the CPU time of a submission. Where there is no such setting (other than on Linux) or it is
not allowed, nothing changes.
"""

import ctypes
import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

MOMENT = 0.001
"""Seconds of sleep, for the system wakes a thread up on a processor that is idle: so several judges find one each."""


def processors() -> list[int]:
    """Those that this thread may use; none where nobody can tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def use_processors(allowed: Collection[int]) -> None:
    """Let this thread, and what it forks, use these only."""
    if allowed:
        with suppress(OSError, ValueError):
            os.sched_setaffinity(0, allowed)


@contextmanager
def one_processor() -> Iterator[None]:
    """Stay on the present processor, which the system chose as one that is idle, inside the block."""
    allowed = processors()
    if len(allowed) > 1:
        time.sleep(MOMENT)
        use_processors([ctypes.CDLL(None).sched_getcpu()])
    try:
        yield
    finally:
        use_processors(allowed)
