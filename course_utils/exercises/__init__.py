"""Exercises: ``check`` in the notebook, ``evaluate`` under it, and one definition per exercise in ``lecture_NN/``."""

from course_utils.exercises.catalogue import UnknownExerciseError, exercise_ids, get_exercise
from course_utils.exercises.comparisons import (
    at_most,
    close,
    exact,
    same_first_error,
    same_law,
    same_mean,
    same_spread,
)
from course_utils.exercises.definition import Case, Exercise, Mistake
from course_utils.exercises.evaluation import Verdict, evaluate
from course_utils.exercises.feedback import check, progress_view

__all__ = [
    "Case",
    "Exercise",
    "Mistake",
    "UnknownExerciseError",
    "Verdict",
    "at_most",
    "check",
    "close",
    "evaluate",
    "exact",
    "exercise_ids",
    "get_exercise",
    "progress_view",
    "same_first_error",
    "same_law",
    "same_mean",
    "same_spread",
]
