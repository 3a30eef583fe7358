"""From an answer to a verdict, in two halves: ``observe`` runs the answer, ``judge`` decides.

In the notebook both run in one process (``evaluate``). The grader runs ``observe`` in the student's jail and
``judge`` in its own process, with the same code.
"""

import linecache
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch

from course_utils.exercises.catalogue import get_exercise
from course_utils.exercises.definition import Case, Exercise, Mistake
from course_utils.exercises.forbidden import forbidden_name
from course_utils.exercises.limits import TooSlowError, preserved_state, quiet, time_limit
from course_utils.exercises.observers import Answer, Arrays, Inputs, NonsenseError, Observer

Status = Literal["untouched", "error", "wrong", "mistake", "right"]
Trouble = Literal["untouched", "error", "too slow"]

SECONDS_PER_CASE = 5.0
_PACKAGE = str(Path(__file__).parents[1])
_NOT_THE_STUDENTS = (_PACKAGE, sys.prefix, sys.base_prefix, "<frozen")


@dataclass(frozen=True)
class Outcome:
    """What one case showed: named arrays, or the trouble that kept it from showing any."""

    arrays: Arrays | None = None
    trouble: Trouble | None = None
    message: str = ""
    printed: str = ""
    n_printed: int = 0


@dataclass(frozen=True)
class CaseResult:
    """One case of a verdict: ``difference`` is empty where the answer passed, else what was expected and seen."""

    name: str
    passed: bool
    difference: str = ""


@dataclass(frozen=True)
class Verdict:
    """What a student is told and a grader records.

    ``status`` is "untouched", "error", "wrong", "mistake" or "right"; ``mistake`` the name of the known mistake
    the answer behaves like, if any; ``message`` plain text for the student.
    """

    exercise_id: str
    status: Status
    points: float
    max_points: float
    mistake: str | None
    message: str
    cases: tuple[CaseResult, ...] = ()

    @property
    def passed(self) -> bool:
        """True when every case passed."""
        return self.status == "right"


def evaluate(exercise_id: str, answer: Answer, seed: int = 0) -> Verdict:
    """Check an answer to an exercise on the inputs that belong to ``seed``.

    Never raises for anything the answer does: errors, endless loops, floods of output and nonsense become a verdict.

    Raises: UnknownExerciseError if there is no such exercise.
    """
    exercise = get_exercise(exercise_id)
    outcomes: list[Outcome] = []
    for case in exercise.cases:
        # An answer that hangs, or has not been begun, does so in the other cases too: one look is enough.
        if outcomes and outcomes[-1].trouble in ("untouched", "too slow"):
            outcomes.append(outcomes[-1])
        else:
            outcomes.append(observe(answer, case.observe, exercise.inputs(case, seed), exercise.forbidden))
    return judge(exercise, outcomes, seed)


def observe(answer: Answer, observer: Observer, inputs: Inputs, forbidden: Sequence[str] = ()) -> Outcome:
    """Run an answer under an observer, within bounds, whatever it does."""
    if answer is None or answer is Ellipsis:
        return Outcome(trouble="untouched")
    if not callable(answer):
        return Outcome(
            trouble="error", message=f"A function is expected here, and this is a {type(answer).__name__}."
        )
    if name := forbidden_name(answer, forbidden):
        return Outcome(trouble="error", message=f"{name} is what this exercise asks you to write yourself.")
    with preserved_state(), quiet() as text:
        arrays, trouble, message = _attempt(answer, observer, inputs)
    return Outcome(arrays, trouble, message, text.kept, text.length)


@lru_cache(maxsize=10_000)
def _observe_own(exercise: Exercise, answer: Answer, case: Case, seed: int) -> Outcome:
    """What the course's own answer, the reference or a known mistake, shows: the same for every student."""
    return observe(answer, case.observe, exercise.inputs(case, seed))


def _attempt(answer: Answer, observer: Observer, inputs: Inputs) -> tuple[Arrays | None, Trouble | None, str]:
    try:
        with time_limit(SECONDS_PER_CASE):
            return observer(answer, inputs), None, ""
    except NotImplementedError:
        return None, "untouched", ""
    except TooSlowError:
        question = "Is there an endless loop, or one step per draw?"
        return (
            None,
            "too slow",
            f"Your answer did not finish within {SECONDS_PER_CASE:.0f} seconds. {question}",
        )
    except NonsenseError as error:
        return None, "error", f"Your answer ran, but {error}".rstrip("?.") + "."
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: the notebook goes on
        return None, "error", _describe(error)


def judge(exercise: Exercise, outcomes: Sequence[Outcome], seed: int) -> Verdict:
    """Decide from what was observed; needs neither the answer nor its process."""
    results = tuple(
        CaseResult(case.name, not difference, difference)
        for case, outcome in zip(exercise.cases, outcomes, strict=True)
        for difference in [_difference(case, outcome, _expected(exercise, case, seed))]
    )
    status, mistake, message = _status(exercise, outcomes, results, seed)
    share = sum(result.passed for result in results) / len(results) if results[0].passed else 0.0
    return Verdict(
        exercise_id=exercise.id,
        status=status,
        points=round(exercise.points * share, 2),
        max_points=float(exercise.points),
        mistake=mistake.name if mistake else None,
        message=message + _about_output(outcomes),
        cases=results,
    )


def _status(
    exercise: Exercise, outcomes: Sequence[Outcome], results: Sequence[CaseResult], seed: int
) -> tuple[Status, Mistake | None, str]:
    if all(result.passed for result in results):
        return "right", None, f"{_count(len(results), 'case')} passed."
    if all(outcome.trouble == "untouched" for outcome in outcomes):
        return (
            "untouched",
            None,
            "Not begun yet: write your answer in place of the line that raises NotImplementedError.",
        )
    if mistake := _known_mistake(exercise, outcomes, results, seed):
        return "mistake", mistake, mistake.sentence
    first = next(result for result in results if not result.passed)
    trouble = next((outcome for outcome in outcomes if outcome.trouble), None)
    if trouble:
        return "error", None, trouble.message or "Part of your answer still raises NotImplementedError."
    return "wrong", None, f"{first.name[:1].upper()}{first.name[1:]}: {first.difference}."


def _known_mistake(
    exercise: Exercise, outcomes: Sequence[Outcome], results: Sequence[CaseResult], seed: int
) -> Mistake | None:
    """The mistake that behaves like the answer where the answer first goes wrong, and in most cases beside."""
    first = next(i for i, result in enumerate(results) if not result.passed)

    def alike(mistake: Mistake, i: int) -> bool:
        case = exercise.cases[i]
        return _alike(case, outcomes[i], _observe_own(exercise, mistake.answer, case, seed))

    candidates = [mistake for mistake in exercise.mistakes if alike(mistake, first)]
    counts = [sum(alike(mistake, i) for i in range(len(results))) for mistake in candidates]
    if not candidates or 2 * max(counts) <= len(results):
        return None
    return candidates[counts.index(max(counts))]


def _alike(case: Case, outcome: Outcome, other: Outcome) -> bool:
    if outcome.arrays is None or other.arrays is None:
        return outcome.arrays is other.arrays and outcome.message == other.message
    return not _difference(case, outcome, other.arrays)


@lru_cache(maxsize=10_000)
def _expected(exercise: Exercise, case: Case, seed: int) -> Arrays:
    reference = _observe_own(exercise, exercise.reference, case, seed)
    if reference.arrays is None:
        raise RuntimeError(f"The reference of {exercise.id} fails in case {case.name!r}: {reference.message}")
    return reference.arrays | (case.expected(exercise.inputs(case, seed)) if case.expected else {})


def _difference(case: Case, outcome: Outcome, expected: Arrays) -> str:
    """Empty where the outcome agrees with the expected arrays, else one clause."""
    if outcome.arrays is None:
        return outcome.message or "not begun yet"
    if outcome.arrays.keys() != expected.keys():
        return f"the answer should give {_listed(expected)} and gives {_listed(outcome.arrays)}"
    for name, wanted in expected.items():
        seen = outcome.arrays[name]
        clause = case.comparison(name)(seen, wanted)
        if clause and wanted.dtype is torch.bool and wanted.ndim == 0:
            return f"it should hold that {name}, and it does not"
        if clause:
            return f"{name}: {clause}"
    return ""


def _describe(error: BaseException) -> str:
    """One sentence: what went wrong and in which of the student's own lines."""
    what = f"{type(error).__name__}: {_first_line(error)}".rstrip(": ")
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_NOT_THE_STUDENTS)]
    if not own:
        return f"Calling your answer raised {what}."
    line = (own[-1].line or linecache.getline(own[-1].filename, own[-1].lineno or 0)).strip()
    return f"Your answer raised {what}\nin line {own[-1].lineno} of its cell: {line}".rstrip(": ")


def _first_line(error: BaseException) -> str:
    try:
        return (str(error).splitlines() or [""])[0][:200]
    except BaseException:  # an exception class of the student's own may fail at being printed
        return ""


def _about_output(outcomes: Sequence[Outcome]) -> str:
    outcome = max(outcomes, key=lambda outcome: outcome.n_printed)
    if not outcome.n_printed:
        return ""
    rest = outcome.n_printed - len(outcome.printed)
    more = f" ... and {rest:,} characters more" if rest > 0 else ""
    return f"\nIt printed: {outcome.printed.strip()}{more}"


def _listed(arrays: Arrays) -> str:
    names = [name for name in arrays if name.startswith("result")]
    return ", ".join(names) or "nothing"


def _count(n: int, noun: str) -> str:
    return f"The only {noun}" if n == 1 else f"All {n} {noun}s"
