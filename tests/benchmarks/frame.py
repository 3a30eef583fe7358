"""How the benchmarks measure: contenders take turns within one run, and medians with their spread are reported.

Taking turns means that whatever slows the machine for a while slows all contenders, so ratios hold even where
times do not. CPU time counts this process and the processes it waited for; unlike wall time, it hardly depends on
what else runs.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

PACKAGES = ("torch", "torchvision", "numpy", "matplotlib", "ipywidgets", "jupyterlab")


class CannotMeasure(Exception):
    """What a benchmark needs is not there; the message says what."""


@dataclass(frozen=True)
class Sample:
    """One run of one contender, in seconds."""

    wall: float
    cpu: float


@dataclass
class Table:
    """One section of the results: a sentence on what was measured, and rows under a header."""

    title: str
    note: str
    header: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)

    def markdown(self) -> str:
        lines = [self.header, ["---"] + ["---:"] * (len(self.header) - 1), *self.rows]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"## {self.title}\n\n{self.note}\n\n{table}\n"


def clock() -> Sample:
    # os.times ticks in hundredths of a second: good enough for other processes, too coarse for a redraw in this one
    children = os.times().children_user + os.times().children_system
    return Sample(time.perf_counter(), time.process_time() + children)


def measure(work: Callable[[], object]) -> Sample:
    before = clock()
    work()
    after = clock()
    return Sample(after.wall - before.wall, after.cpu - before.cpu)


def take_turns(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[Sample]]:
    """Each contender once a round, the first to go changing from round to round."""
    return _turns({name: partial(measure, work) for name, work in contenders.items()}, rounds)


def take_turns_apart(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[Sample]]:
    """As `take_turns`, each in a process of its own: what one does to its memory or settings is no other's gain."""
    with ExitStack() as stack:
        return _turns({name: stack.enter_context(_apart(work)) for name, work in contenders.items()}, rounds)


def _turns(measured: Mapping[str, Callable[[], Sample]], rounds: int) -> dict[str, list[Sample]]:
    names = list(measured)
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    for i in range(rounds):
        for name in names[i % len(names) :] + names[: i % len(names)]:
            samples[name].append(measured[name]())
    return samples


@contextmanager
def _apart(work: Callable[[], object]) -> Iterator[Callable[[], Sample]]:
    """What measures the work in a process that is forked here and waits for its turns."""
    context = get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, work), daemon=True)
    process.start()
    theirs.close()  # so that its death is heard of

    def ask() -> Sample:
        ours.send("your turn")
        return ours.recv()

    try:
        yield ask
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Connection, work: Callable[[], object]) -> None:
    while pipe.recv():
        pipe.send(measure(work))


def median(values: Sequence[float], *, unit: float = 1.0, digits: int = 2) -> str:
    """Median, with the smallest and the largest value; ``unit`` is 1000 for milliseconds."""
    middle, low, high = (unit * v for v in (statistics.median(values), min(values), max(values)))
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def ratio(own: Sequence[float], other: Sequence[float]) -> str:
    """Median of the ratios within each round, in per cent, with the smallest and the largest."""
    return median([a / b for a, b in zip(own, other, strict=True)], unit=100, digits=1) + " %"


def machine() -> str:
    """The processor and the versions, and nothing that tells whose machine it is."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        model = next(
            (row.split(":")[1].strip() for row in cpuinfo.read_text().splitlines() if "model name" in row),
            model,
        )
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    cores = f"{os.cpu_count()} cores, PyTorch on one thread"
    return f"{model}, {cores}; {platform.system()}, Python {platform.python_version()}, {versions}."
