"""A run: all submissions of a folder, on one machine or many, that can stop anywhere and go on."""

import json
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from course_utils.grading.lectures import Lecture, read_lectures
from course_utils.grading.records import Record, Records, write_whole
from course_utils.grading.sandbox import PACKAGE
from course_utils.grading.submissions import Submission, UnreadableError, find_submissions
from course_utils.grading.worker import Settings, Task, Worker, grade_task, start_pool_worker, start_worker
from course_utils.runtime import CourseError

Done = Callable[[Record, bool], None]
"""Called after each submission with its record, and whether it was graded in an earlier run."""


@dataclass(frozen=True)
class Run:
    """What there is after a run: the submissions, their records, and what they were graded with."""

    out: Path
    submissions: list[Submission]
    records: Records
    settings: Settings


def grade(
    source: Path,
    out: Path,
    *,
    lectures: Path = Path("lectures"),
    seed: int | None = None,
    jobs: int = 1,
    scheduler: str | None = None,
    confined: bool = True,
    done: Done = lambda record, earlier: None,
) -> Run:
    """Grade every notebook in a folder or zip file, and keep a record of each in ``out``.

    Parameters: ``seed`` repeats an earlier run's inputs (None: secret ones, written to ``out/run.json``); ``jobs``
    processes on this machine, or the workers of a Dask ``scheduler``; ``confined=False`` runs the students' code
    without a sandbox. What ``out`` holds already is not graded again, unless the notebook, the lectures or the
    exercises have changed.

    Raises: CourseError where there is nothing to grade or no way to do so.
    """
    submissions = find_submissions(source)
    settings = _settings(read_lectures(lectures), out, seed, confined)
    run = Run(out, submissions, Records(out / "records"), settings)
    todo = _not_yet(run, done)
    with _grader(settings, jobs, scheduler) as grader:
        for submission, record in grader(todo):
            run.records.write(submission, record)
            done(record, False)
    return run


def _settings(lectures: dict[int, Lecture], out: Path, seed: int | None, confined: bool) -> Settings:
    """The run's seed: as asked, as in the run that is resumed, or a new secret one."""
    file = out / "run.json"
    try:
        earlier = json.loads(file.read_text(encoding="utf-8"))["seed"]
    except FileNotFoundError:
        earlier = None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CourseError(f"{file} cannot be read; grade into another folder.") from error
    if None not in (seed, earlier) and seed != earlier:
        raise CourseError(f"{out} holds a run with another seed; grade into another folder.")
    seed = next((s for s in (seed, earlier) if s is not None), secrets.randbits(48))
    settings = Settings(lectures, seed, _version(lectures), confined)
    about = {"seed": seed, "version": settings.version, "lectures": [x.name for x in lectures.values()]}
    write_whole(file, json.dumps({**about, "sandbox": confined}, indent=1) + "\n")
    return settings


def _version(lectures: dict[int, Lecture]) -> str:
    """A hash of all that grades depend on."""
    digest = sha256(repr(sorted((x.number, x.name, x.cells) for x in lectures.values())).encode())
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.relative_to(PACKAGE).parts[0] in ("exercises", "grading"):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _not_yet(run: Run, done: Done) -> Iterator[tuple[Submission, Task]]:
    """The submissions without a valid record, each with its bytes; read one at a time."""
    for submission in run.submissions:
        task = Task(submission.student, submission.place, submission.lecture)
        try:
            task = Task(submission.student, submission.place, submission.lecture, submission.read())
        except UnreadableError as problem:
            task = Task(submission.student, submission.place, submission.lecture, problem=str(problem))
        record = run.records.read(submission)
        if record and (record.digest, record.version) == (task.digest, run.settings.version):
            done(record, True)
        else:
            yield submission, task


Grader = Callable[[Iterator[tuple[Submission, Task]]], Iterator[tuple[Submission, Record]]]


@contextmanager
def _grader(settings: Settings, jobs: int, scheduler: str | None) -> Iterator[Grader]:
    """Something that turns tasks into records, in any order."""
    if scheduler:
        with _cluster(scheduler, settings) as (executor, n_workers):
            yield partial(_spread, executor, 3 * n_workers)
    elif jobs > 1:
        workers = ProcessPoolExecutor(jobs, get_context("spawn"), start_pool_worker, (settings,))
        try:
            yield partial(_spread, workers, 3 * jobs)
        except BrokenProcessPool as error:
            raise CourseError(
                "A grading process was ended from outside; the same command goes on."
            ) from error
        finally:
            workers.shutdown(wait=True, cancel_futures=True)
    else:
        worker = Worker(settings)
        try:
            yield lambda todo: ((submission, worker.grade(task)) for submission, task in todo)
        finally:
            worker.zygote.close()


def _spread(
    executor: Executor, at_once: int, todo: Iterator[tuple[Submission, Task]]
) -> Iterator[tuple[Submission, Record]]:
    """Hand out tasks, only so many at once that memory stays flat."""
    running: dict[Future, Submission] = {}
    while True:
        for submission, task in islice(todo, at_once - len(running)):
            running[executor.submit(grade_task, task)] = submission
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            yield running.pop(future), future.result()


@contextmanager
def _cluster(address: str, settings: Settings) -> Iterator[tuple[Executor, int]]:
    try:
        from distributed import Client, WorkerPlugin
    except ImportError as error:
        raise CourseError('--scheduler needs Dask: pip install "course-utils[cluster]"') from error
    try:
        client = Client(address, timeout=20, set_as_default=False)
    except OSError as error:
        raise CourseError(f"There is no Dask scheduler at {address}.") from error

    class Prepare(WorkerPlugin):
        """Sends the settings once to each worker, also to those that join later."""

        name = "course-grade"

        def setup(self, worker: object) -> None:
            start_worker(settings)

    with client:
        n_workers = len(client.scheduler_info(n_workers=-1)["workers"])
        if not n_workers:
            raise CourseError(f"The scheduler at {address} has no workers.")
        client.register_plugin(Prepare())
        yield client.get_executor(pure=False), n_workers
