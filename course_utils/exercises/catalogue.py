"""Finding exercises: one file per exercise, ``lecture_NN/<exercise id>.py``, found by its name."""

import difflib
import importlib
from functools import cache
from pathlib import Path

from course_utils.exercises.definition import Exercise
from course_utils.runtime import CourseError

_FOLDER = Path(__file__).parent


class UnknownExerciseError(CourseError):
    """There is no exercise of that id."""


@cache
def _modules() -> dict[str, str]:
    files = sorted(_FOLDER.glob("lecture_*/*.py"))
    return {
        file.stem: f"{__package__}.{file.parent.name}.{file.stem}"
        for file in files
        if file.stem not in {"__init__", "observers"}
    }


@cache
def exercise_ids() -> list[str]:
    """All exercise ids, in the order of the course."""
    exercises = [get_exercise(exercise_id) for exercise_id in _modules()]
    return [exercise.id for exercise in sorted(exercises, key=lambda e: (e.lecture, e.position))]


def get_exercise(exercise_id: str) -> Exercise:
    """The definition of one exercise.

    Raises: UnknownExerciseError for an id that does not exist; the message names the nearest one that does.

    >>> get_exercise("kl_discrete").number
    '3.1'
    """
    module = _modules().get(exercise_id)
    if module is None:
        near = difflib.get_close_matches(str(exercise_id), _modules(), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else " `course progress` lists them all."
        raise UnknownExerciseError(f"There is no exercise {exercise_id!r}.{hint}")
    return importlib.import_module(module).exercise
