"""One process that grades: in this one, in a pool on this machine, or on a cluster."""

import ctypes
import gc
import signal
import sys
import threading
import time
from dataclasses import dataclass
from hashlib import sha256

import torch

from course_utils.grading.jail import Zygote
from course_utils.grading.judge import grade_notebook
from course_utils.grading.lectures import Lecture, which_lecture
from course_utils.grading.processors import one_processor
from course_utils.grading.records import Record
from course_utils.grading.submissions import UnreadableError, code_cells


@dataclass(frozen=True)
class Settings:
    """What is the same for a whole run."""

    lectures: dict[int, Lecture]
    seed: int
    version: str
    confined: bool = True


@dataclass(frozen=True)
class Task:
    """One submission with its bytes; ``problem`` says why there are none."""

    student: str
    place: str
    lecture: int | None
    data: bytes = b""
    problem: str = ""

    @property
    def digest(self) -> str:
        """The hash of what was handed in."""
        return sha256(self.data).hexdigest()


class Worker:
    """Grades one submission after the other in jails of one zygote."""

    def __init__(self, settings: Settings) -> None:
        torch.set_num_threads(1)
        self.settings = settings
        self.zygote = Zygote(confined=settings.confined)
        self._one_at_a_time = threading.Lock()
        gc.freeze()  # torch's hundred thousand objects need not be looked through again

    def grade(self, task: Task) -> Record:
        """A record in any case: of a notebook that cannot be graded, it says why."""
        began = time.monotonic()
        try:
            if task.problem:
                raise UnreadableError(task.problem)
            sources = code_cells(task.data)
            lecture = self._lecture(task, sources)
        except UnreadableError as problem:
            return Record(task.student, task.place, "", task.digest, self.settings.version, str(problem))
        with self._one_at_a_time, one_processor():
            verdicts, used = grade_notebook(self.zygote, lecture, sources, self.settings.seed)
        return Record(
            task.student,
            task.place,
            lecture.name,
            task.digest,
            self.settings.version,
            verdicts=tuple(verdicts),
            cpu=round(used.cpu, 4),
            seconds=round(time.monotonic() - began, 3),
        )

    def _lecture(self, task: Task, sources: list[str]) -> Lecture:
        lectures = self.settings.lectures
        number = which_lecture(lectures, sources) if task.lecture is None else task.lecture
        if number not in lectures:
            raise UnreadableError("it is none of the course's lectures")
        if not lectures[number].exercises:
            raise UnreadableError(f"lecture {number} has no exercises")
        return lectures[number]


_worker: Worker | None = None
_starting = threading.Lock()


def start_worker(settings: Settings) -> None:
    """Prepare this process for a run; one that is prepared already stays as it is."""
    global _worker
    with _starting:
        present = _worker and (_worker.settings.version, _worker.settings.seed, _worker.settings.confined)
        if present == (settings.version, settings.seed, settings.confined):
            return
        if _worker:
            _worker.zygote.close()
        _worker = Worker(settings)


def start_pool_worker(settings: Settings) -> None:
    """Prepare a process of a pool on this machine: interrupts are the parent's business, and its end is ours."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    start_worker(settings)


def grade_task(task: Task) -> Record:
    """Grade in this process, which has been prepared."""
    assert _worker is not None
    return _worker.grade(task)
