"""Grading one notebook: the questions, put to a jail, and the decision, taken from what came back."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from course_utils.exercises.definition import Case, Exercise
from course_utils.exercises.evaluation import Outcome, Verdict, judge, observe
from course_utils.grading.jail import SECONDS_PER_CASE, SECONDS_PER_CELL, SECONDS_TO_FORK, Jail, Used, Zygote
from course_utils.grading.lectures import Lecture
from course_utils.grading.tracing import Replay, copied
from course_utils.grading.wire import WireError, WireTimeoutError

SECONDS_PER_NOTEBOOK = 240.0
"""Wall time for one submission, all its jails together; exercises not reached by then get no points."""

HUNG = "Your answer did not finish in time and did not let itself be interrupted. Is there an endless loop?"
DIED = "Your answer ended the process it ran in, or sent something that is no result."
TOO_LARGE = "Your answer needed more memory than there is for it."
MISSING = "There is no {} in this notebook."
NO_TIME = "The cells before this exercise used up the time there is for one notebook."


@dataclass
class _Progress:
    """What survives when a jail has to be given up: what is settled, what is right, which cells not to run again."""

    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    right: dict[str, Verdict] = field(default_factory=dict)
    skipped: dict[int, str] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    cell: int | None = None
    exercise: str | None = None
    used: Used = field(default_factory=Used)


def grade_notebook(
    zygote: Zygote, lecture: Lecture, sources: Sequence[str], seed: int
) -> tuple[list[Verdict], Used]:
    """Verdicts on all exercises of a lecture, in their order, and what they cost.

    Where a jail dies or hangs, what it was doing is given up, and a new one goes on with the rest: one crash costs one
    cell or one exercise. No case is ever put twice.
    """
    progress, deadline = _Progress(), time.monotonic() + SECONDS_PER_NOTEBOOK
    work = lecture.work(sources)
    while open_exercises := [e for e in lecture.exercises if e.id not in progress.settled]:
        if time.monotonic() > deadline:
            for exercise in open_exercises:
                _give_up(progress, exercise.id, NO_TIME)
            break
        _one_jail(zygote, lecture, work, open_exercises, progress, seed)
    verdicts = [progress.right.get(e.id) or _decide(e, progress, sources, seed) for e in lecture.exercises]
    return verdicts, progress.used


def _one_jail(
    zygote: Zygote,
    lecture: Lecture,
    work: Sequence[dict[str, Any] | None],
    exercises: Sequence[Exercise],
    progress: _Progress,
    seed: int,
) -> None:
    """Go on with one jail until all is settled, or until it has to be given up."""
    jail = zygote.jail()
    trouble: WireError | None = None
    progress.cell = progress.exercise = None
    with jail:
        try:
            _run_cells(jail, lecture, work, progress)
            for exercise in exercises:
                _observe(jail, exercise, progress, seed)
                if not _can_go_on(exercise, work, progress, seed):
                    break
        except WireError as error:
            trouble = error
    progress.used.cpu += jail.used.cpu
    progress.used.peak = max(progress.used.peak, jail.used.peak)
    if trouble is None:
        return
    reason = (
        HUNG if isinstance(trouble, WireTimeoutError) else TOO_LARGE if jail.used.too_much_memory else DIED
    )
    if progress.exercise is not None:
        _give_up(progress, progress.exercise, reason)
    elif progress.cell is not None and progress.cell not in progress.skipped:
        progress.skipped[progress.cell] = reason.replace("Your answer", "This cell")
    else:  # it never began: nothing to leave out, so nothing to hope for
        for exercise in exercises:
            _give_up(progress, exercise.id, reason)


def _can_go_on(
    exercise: Exercise, work: Sequence[dict[str, Any] | None], progress: _Progress, seed: int
) -> bool:
    """Whether the next exercise may be observed in the same jail.

    An answer that is right has done what it was asked for, and one not begun nothing; what any other has done to the
    process is nothing the next one should meet. And where others build on an answer that is not right, they get the
    course's version, as the check in the notebook gives it to them.
    """
    verdict = _decide(exercise, progress, (), seed)
    if verdict.passed:
        progress.right[exercise.id] = verdict
        return True
    if library_name(exercise):
        progress.given[exercise.id] = library_name(exercise)
    idle = verdict.status == "untouched" or verdict.message.startswith(MISSING.format(exercise.id))
    return idle and not _is_built_upon(exercise.id, work)


def _is_built_upon(exercise_id: str, work: Sequence[dict[str, Any] | None]) -> bool:
    own = [cell["source"] for cell in work if cell and not cell["lecture"]]
    defines, mentions = _definition(exercise_id), re.compile(rf"\b{exercise_id}\b")
    return any(mentions.search(source) and not defines.search(source) for source in own)


def _run_cells(
    jail: Jail, lecture: Lecture, work: Sequence[dict[str, Any] | None], progress: _Progress
) -> None:
    cells = [None if number in progress.skipped else cell for number, cell in enumerate(work)]
    refused = own_versions([exercise for exercise in lecture.exercises if exercise.id not in progress.given])
    request = {"cells": cells, "answers": [e.id for e in lecture.exercises], "refused": refused}
    jail.ask({**request, "given": progress.given, "token": jail.token})
    seconds = SECONDS_TO_FORK
    while "failed" not in (said := jail.hear_of("failed", seconds)):
        number = said["cell"]
        if type(number) is not int or not 0 <= number < len(cells) or cells[number] is None:
            raise WireError("a cell was announced that there is not")
        cells[number] = None  # each is announced once, so this ends
        progress.cell, seconds = number, SECONDS_PER_CELL
    if isinstance(said["failed"], dict):
        failed = {
            int(n): str(text)[:300] for n, text in said["failed"].items() if n.isascii() and n.isdecimal()
        }
        progress.skipped |= {
            number: text for number, text in failed.items() if number < len(cells)
        } | progress.skipped


def _observe(jail: Jail, exercise: Exercise, progress: _Progress, seed: int) -> None:
    """Put all cases of an exercise to the answer."""
    progress.exercise = exercise.id
    outcomes = progress.outcomes.setdefault(exercise.id, [])
    jail.ask({"exercise": exercise.id, "forbidden": list(exercise.forbidden)})
    for case in exercise.cases:
        if outcomes and outcomes[-1].trouble in ("untouched", "too slow"):
            outcomes.append(outcomes[-1])
        else:
            outcomes.append(_put(jail, exercise, case, seed))
    jail.ask(None)
    jail.hear_of("ended", SECONDS_PER_CASE)
    progress.settled.add(exercise.id)
    progress.exercise = None


def _put(jail: Jail, exercise: Exercise, case: Case, seed: int) -> Outcome:
    """Put one case to the answer, and see with our own eyes what its results amount to."""
    observer, inputs = f"{case.observe.__module__}.{case.observe.__qualname__}", _inputs(exercise, case, seed)
    outcome, trace = jail.observe(observer, inputs)
    if outcome.trouble:
        return outcome
    seen = replay(trace, case, copied(inputs))  # what is done to them must not reach the next student
    return replace(seen, printed=outcome.printed, n_printed=outcome.n_printed)


@lru_cache(maxsize=1000)
def _inputs(exercise: Exercise, case: Case, seed: int) -> dict[str, Any]:
    """The inputs of one case, which are the same for all students of a run."""
    return exercise.inputs(case, seed)


def replay(trace: Any, case: Case, inputs: dict[str, Any]) -> Outcome:
    """Observe an answer by its trace, which may be anything; what does not fit the calls is an error of the answer."""
    try:
        return observe(Replay(trace), case.observe, inputs)
    except Exception:  # not even the form of a trace
        return Outcome(trouble="error", message=DIED)


def _give_up(progress: _Progress, exercise_id: str, reason: str) -> None:
    """The cases that were not reached count as errors; those that were keep what they showed."""
    progress.outcomes.setdefault(exercise_id, []).append(Outcome(trouble="error", message=reason))
    progress.settled.add(exercise_id)


def _decide(exercise: Exercise, progress: _Progress, sources: Sequence[str], seed: int) -> Verdict:
    outcomes = progress.outcomes[exercise.id][: len(exercise.cases)]
    outcomes += [outcomes[-1]] * (len(exercise.cases) - len(outcomes))
    if sources and (reason := _failed_cell(exercise.id, progress.skipped, sources)):
        missing = MISSING.format(exercise.id)
        outcomes = [
            Outcome(trouble="error", message=reason) if outcome.message == missing else outcome
            for outcome in outcomes
        ]
    try:
        return judge(exercise, outcomes, seed)
    # Arrays that no observer would give can confuse a comparison, never convince it.
    except Exception as error:
        return judge(exercise, [_incomparable(error)] * len(exercise.cases), seed)


def _incomparable(error: Exception) -> Outcome:
    message = f"What your answer gives cannot be compared with what it should give ({type(error).__name__})."
    return Outcome(trouble="error", message=message)


def _failed_cell(exercise_id: str, failed: dict[int, str], sources: Sequence[str]) -> str:
    """Why the cell that should have defined an answer did not, if it is known."""
    defines = _definition(exercise_id)
    for number in sorted(failed):
        if defines.search(sources[number]):
            return f"The cell of your answer failed: {failed[number]}"
    return ""


def _definition(exercise_id: str) -> re.Pattern[str]:
    return re.compile(rf"^\s*(?:def|class)\s+{exercise_id}\b|^{exercise_id}\s*=", re.MULTILINE)


def own_versions(exercises: Sequence[Exercise]) -> list[str]:
    """The course's own functions, outside its exercises, that are the answers to these."""
    names = {name for exercise in exercises if (name := library_name(exercise))}
    return sorted(
        names | {name for e in exercises for name in e.forbidden if name.startswith("course_utils.")}
    )


def library_name(exercise: Exercise) -> str:
    """The dotted name of the reference if it stands in the package proper, which students have; else empty."""
    module, name = exercise.reference.__module__, exercise.reference.__qualname__
    return "" if module.startswith("course_utils.exercises.") else f"{module}.{name}"
