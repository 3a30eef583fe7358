"""The checks are proved here: by their mistakes, their accepted answers and the lazy answers, over many seeds."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from course_utils.exercises import Exercise, evaluate, exercise_ids, get_exercise

SEEDS = range(20)
EXERCISES = [get_exercise(exercise_id) for exercise_id in exercise_ids()]


# With the scope of a module, pytest runs all tests of one exercise together: what its own answers show is then
# still remembered, and is observed once.
@pytest.fixture(scope="module", params=EXERCISES, ids=lambda exercise: exercise.id)
def exercise(request: pytest.FixtureRequest) -> Exercise:
    return request.param


def test_right_answers_pass_on_every_seed(exercise: Exercise) -> None:
    for answer in (exercise.reference, *exercise.accepted):
        for seed in SEEDS:
            verdict = evaluate(exercise.id, answer, seed)
            assert verdict.passed, f"{answer.__name__}, seed {seed}: {verdict.message}"
            assert verdict.points == exercise.points


def test_mistakes_are_rejected_and_recognised_on_every_seed(exercise: Exercise) -> None:
    for mistake in exercise.mistakes:
        for seed in SEEDS:
            verdict = evaluate(exercise.id, mistake.answer, seed)
            assert not verdict.passed, f"{mistake.name}, seed {seed}"
            assert verdict.mistake == mistake.name, (
                f"{mistake.name}, seed {seed}: {verdict.mistake}, {verdict.message}"
            )
            assert verdict.points < exercise.points


def zeros(shape_of: Tensor) -> Tensor:
    return torch.zeros_like(shape_of)


def ones(shape_of: Tensor) -> Tensor:
    return torch.ones_like(shape_of)


def nans(shape_of: Tensor) -> Tensor:
    return torch.full(shape_of.shape, torch.nan)


def randoms(shape_of: Tensor) -> Tensor:
    return torch.rand(shape_of.shape)


def like(result: Any, fill: Callable[[Tensor], Tensor]) -> Any:
    """A result of the reference's own structure with every number replaced."""
    if isinstance(result, Tensor):
        return fill(result.detach()).to(result.dtype).requires_grad_(result.is_floating_point())
    if isinstance(result, tuple | list):
        return tuple(like(part, fill) for part in result)
    if isinstance(result, dict):
        return {key: like(part, fill) for key, part in result.items()}
    if isinstance(result, set | frozenset | str):
        return type(result)()
    return type(result)(fill(torch.tensor(float(result))).nan_to_num(7.0).item())


def lazy_answers(exercise: Exercise) -> dict[str, Callable]:
    """Answers that do no work. A module's lazy twin is made from its outputs."""
    if inspect.isclass(exercise.reference):
        return {"none": lambda *a: None, "identity": nn.Identity}

    def filled(fill: Callable[[Tensor], Tensor]) -> Callable:
        return lambda *arguments: like(exercise.reference(*arguments), fill)

    return {
        "zeros": filled(zeros),
        "ones": filled(ones),
        "nan": filled(nans),
        "random": filled(randoms),
        "none": lambda *arguments: None,
        "first input": lambda *arguments: arguments[0] if arguments else None,
        "last input": lambda *arguments: arguments[-1] if arguments else None,
    }


def test_lazy_answers_earn_nothing_on_any_seed(exercise: Exercise) -> None:
    for name, answer in lazy_answers(exercise).items():
        for seed in SEEDS:
            verdict = evaluate(exercise.id, answer, seed)
            assert not verdict.passed, f"{name}, seed {seed}"
            assert verdict.points == 0, f"{name}, seed {seed}: {verdict.cases}"


def test_definitions_are_complete(exercise: Exercise) -> None:
    assert len(exercise.mistakes) >= 5
    assert len(exercise.accepted) >= 2
    assert 1 <= len(exercise.hints) <= 3
    assert len({case.name for case in exercise.cases}) == len(exercise.cases) >= 2
    assert len({mistake.name for mistake in exercise.mistakes}) == len(exercise.mistakes)
    assert 1 <= exercise.difficulty <= 3
    assert exercise.minutes > 0
    assert exercise.points > 0
    for mistake in exercise.mistakes:
        assert mistake.sentence.endswith((".", "?")), "a sentence for the student"


def test_observers_live_apart_from_the_answers(exercise: Exercise) -> None:
    """The grader's jail imports observers only: a definition there would hand out the reference."""
    for case in exercise.cases:
        module, name = case.observe.__module__, case.observe.__qualname__
        assert module.rpartition(".")[2] == "observers"
        assert "." not in name
        assert "<" not in name


def test_inputs_are_plain_data_and_depend_on_the_seed_alone(exercise: Exercise) -> None:
    for case in exercise.cases:
        first, again = exercise.inputs(case, 3), exercise.inputs(case, 3)
        assert first.keys() == again.keys()
        for name, value in first.items():
            assert is_plain(value), name
            assert (
                torch.equal(torch.as_tensor(value), torch.as_tensor(again[name]))
                if isinstance(value, Tensor)
                else value == again[name]
            )


def is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(is_plain(part) for part in value)
    return value is None or type(value) in (Tensor, int, float, bool, str)


def test_positions_number_each_lecture_from_one_without_gaps() -> None:
    for lecture in {e.lecture for e in EXERCISES}:
        positions = [e.position for e in EXERCISES if e.lecture == lecture]
        assert positions == list(range(1, len(positions) + 1))
