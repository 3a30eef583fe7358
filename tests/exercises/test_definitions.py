"""The checks are proved here: by their mistakes, their accepted answers and the lazy answers, over many seeds.

Three seeds in `make test`, seventeen more in `make slow`, where a quarter of an hour is no matter.
"""

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from course_utils.exercises import Exercise, evaluate, exercise_ids, get_exercise
from course_utils.exercises.evaluation import Outcome, _difference, _expected, _observe_own, judge, observe
from course_utils.exercises.observers import Answer

SEEDS, MORE_SEEDS = range(3), range(3, 20)
EXERCISES = [get_exercise(exercise_id) for exercise_id in exercise_ids()]


# With the scope of a module, pytest runs all tests of one exercise together: what its own answers show is then
# still remembered, and is observed once.
@pytest.fixture(scope="module", params=EXERCISES, ids=lambda exercise: exercise.id)
def exercise(request: pytest.FixtureRequest) -> Exercise:
    return request.param


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> None:
    """The first use of torch.func imports for seconds on a busy machine, and an answer has five."""
    torch.func.grad(torch.sum)(torch.ones(2))
    weight = torch.ones(2, requires_grad=True)
    torch.autograd.grad(2 * weight, weight, torch.ones(2))


@lru_cache(maxsize=10_000)
def seen(exercise: Exercise, answer: Answer, seed: int) -> list[Outcome]:
    """What one of the exercise's own answers shows, observed anew only where it is not the same every time."""
    if not is_deterministic(exercise, answer):
        return [observe(answer, case.observe, exercise.inputs(case, seed)) for case in exercise.cases]
    return [_observe_own(exercise, answer, case, seed) for case in exercise.cases]


@lru_cache(maxsize=1000)
def is_deterministic(exercise: Exercise, answer: Answer) -> bool:
    """Whether the judge, who keeps what he has observed of it, sees what anybody else would."""
    for case in exercise.cases:
        torch.manual_seed(1)
        again = observe(answer, case.observe, exercise.inputs(case, 0))
        kept = _observe_own(exercise, answer, case, 0)
        arrays, others = again.arrays or {}, kept.arrays or {}
        if again.message != kept.message or arrays.keys() != others.keys():
            return False
        if not all(torch.equal(arrays[name].nan_to_num(), others[name].nan_to_num()) for name in arrays):
            return False
    return True


def right_answers_pass(exercise: Exercise, seeds: range) -> None:
    for answer in (exercise.reference, *exercise.accepted):
        assert evaluate(exercise.id, answer, 0).points == exercise.points
        for seed in seeds:
            outcomes = seen(exercise, answer, seed)
            verdict = judge(exercise, outcomes, seed)
            assert verdict.passed, f"{answer.__name__}, seed {seed}: {verdict.message}"
            assert verdict.points == exercise.points


def mistakes_are_rejected_and_recognised(exercise: Exercise, seeds: range) -> None:
    for mistake in exercise.mistakes:
        assert evaluate(exercise.id, mistake.answer, 0).mistake == mistake.name
        for seed in seeds:
            verdict = judge(exercise, seen(exercise, mistake.answer, seed), seed)
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


def lazy_answers_earn_nothing(exercise: Exercise, seeds: range) -> None:
    for name, answer in lazy_answers(exercise).items():
        verdict = evaluate(exercise.id, answer, 0)
        assert not verdict.passed, name
        assert verdict.points == 0, f"{name}: {verdict.cases}"
        for seed in seeds:  # the first case is the gate: without it there are no points
            gate = exercise.cases[0]
            outcome = observe(answer, gate.observe, exercise.inputs(gate, seed))
            assert _difference(gate, outcome, _expected(exercise, gate, seed)), f"{name}, seed {seed}"


PROOFS = pytest.mark.parametrize(
    "proof", [right_answers_pass, mistakes_are_rejected_and_recognised, lazy_answers_earn_nothing]
)


@PROOFS
def test_on_every_seed(exercise: Exercise, proof: Callable[[Exercise, range], None]) -> None:
    proof(exercise, SEEDS)


@pytest.mark.slow
@PROOFS
def test_on_more_seeds(exercise: Exercise, proof: Callable[[Exercise, range], None]) -> None:
    proof(exercise, MORE_SEEDS)


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
