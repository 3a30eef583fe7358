"""What an answer can do to the check, and what the check says about it."""

import random
import re
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from course_utils import gaussian
from course_utils.exercises import UnknownExerciseError, Verdict, evaluate, evaluation, get_exercise
from course_utils.exercises.evaluation import Outcome, judge
from course_utils.gaussian import kl_univariate as the_courses_own

RIGHT = get_exercise("kl_discrete").reference


def verdict_on(answer: Any) -> Verdict:
    return evaluate("kl_discrete", answer)


def raising(error: BaseException) -> Callable:
    def answer(q: Tensor, p: Tensor) -> Tensor:
        raise error

    return answer


@pytest.mark.parametrize("answer", [None, ..., raising(NotImplementedError("Exercise 3.1"))])
def test_untouched(answer: Any) -> None:
    verdict = verdict_on(answer)
    assert (verdict.status, verdict.points, verdict.passed) == ("untouched", 0.0, False)


def test_a_right_answer_has_all_points() -> None:
    verdict = verdict_on(RIGHT)
    assert (verdict.status, verdict.points, verdict.max_points) == ("right", 2.0, 2.0)
    assert verdict.passed
    assert verdict.mistake is None
    assert verdict.message == "All 5 cases passed."


def test_an_answer_begun_in_part_is_not_untouched() -> None:
    def answer(q: Tensor, p: Tensor) -> Tensor:
        if (q == 0).any():
            raise NotImplementedError
        return RIGHT(q, p)

    verdict = verdict_on(answer)
    assert verdict.status == "error"
    assert "still raises NotImplementedError" in verdict.message
    assert 0 < verdict.points < 2


def test_an_error_names_the_students_own_line() -> None:
    def answer(q: Tensor, p: Tensor) -> Tensor:
        ratio = q / p
        return torch.matmul(ratio, torch.ones(77))

    verdict = verdict_on(answer)
    assert verdict.status == "error"
    assert "RuntimeError" in verdict.message
    assert "return torch.matmul(ratio, torch.ones(77))" in verdict.message
    assert f"line {answer.__code__.co_firstlineno + 2} " in verdict.message


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(0),
        KeyboardInterrupt(),
        UnprintableError(),
        RecursionError("deep"),
        MemoryError(),
        GeneratorExit(),
    ],
)
def test_whatever_is_raised_becomes_a_verdict(error: BaseException) -> None:
    verdict = verdict_on(raising(error))
    assert verdict.status == "error"
    assert type(error).__name__ in verdict.message


def test_an_endless_loop_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "SECONDS_PER_CASE", 0.3)

    def answer(q: Tensor, p: Tensor) -> Tensor:
        while True:
            pass

    start, n_threads = time.monotonic(), threading.active_count()
    verdict = verdict_on(answer)
    assert time.monotonic() - start < 3
    assert verdict.status == "error"
    assert "endless loop" in verdict.message
    assert threading.active_count() == n_threads


def test_a_loop_that_swallows_exceptions_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "SECONDS_PER_CASE", 0.3)

    def answer(q: Tensor, p: Tensor) -> Tensor:
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                continue

    assert "endless loop" in verdict_on(answer).message


def test_a_flood_of_output_is_cut() -> None:
    def answer(q: Tensor, p: Tensor) -> Tensor:
        print("x" * 1_000_000)
        print("y" * 1_000_000, file=sys.stderr)
        return RIGHT(q, p)

    verdict = verdict_on(answer)
    assert verdict.passed, "printing is no mistake"
    assert "2,000,002" not in verdict.message.split("It printed")[0]
    assert "characters more" in verdict.message
    assert len(verdict.message) < 700


@pytest.mark.parametrize(
    ("nonsense", "clause"),
    [
        (None, r"is a return statement missing\.$"),
        ("0.3", "returns a str"),
        (object(), "returns a object"),
        ([1.0, 2.0], "result 1"),
        (torch.ones(3), r"shape should be \(\) and is \(3,\)"),
        (torch.ones(1), r"shape should be \(\) and is \(1,\)"),
        (torch.tensor(1j), "returns a Tensor where"),
        (torch.nan, "is nan"),
        (np.float64(0.123456), "is 0.12346"),
        pytest.param(10**400, "too large for 64 bits", id="huge"),
    ],
)
def test_nonsense_is_named(nonsense: Any, clause: str) -> None:
    verdict = verdict_on(lambda q, p: nonsense)
    assert verdict.status in ("wrong", "error")
    assert verdict.points == 0
    assert re.search(clause, verdict.message), verdict.message


def test_something_that_is_no_function() -> None:
    verdict = verdict_on(torch.tensor(0.3))
    assert verdict.status == "error"
    assert "this is a Tensor" in verdict.message


def test_an_answer_of_the_wrong_number_of_arguments() -> None:
    verdict = verdict_on(lambda q: q)
    assert verdict.status == "error"
    assert "takes 1 positional argument but 2 were given" in verdict.message


def test_writing_into_the_arguments_is_wrong_even_through_data() -> None:
    def answer(q: Tensor, p: Tensor) -> Tensor:
        result = RIGHT(q, p)
        q.data.mul_(2)
        return result

    verdict = verdict_on(answer)
    assert verdict.status == "wrong"
    assert "the arguments are left as they were" in verdict.message


def test_a_mistake_is_named_with_its_sentence() -> None:
    verdict = verdict_on(lambda q, p: RIGHT(p, q))
    assert verdict.status == "mistake"
    assert verdict.mistake == "swapped_direction"
    assert verdict.message.startswith("This is KL(p || q).")


def test_partial_credit_needs_the_first_case() -> None:
    naive = verdict_on(lambda q, p: (q * (q.log() - p.log())).sum())
    assert naive.mistake == "zero_log_zero"
    assert naive.points == pytest.approx(2 * 3 / 5)
    assert [case.passed for case in naive.cases] == [True, True, False, False, True]


def by_attribute(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    return gaussian.kl_univariate(mu1, sigma1, mu2, sigma2)


def by_name(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    return the_courses_own(mu1, sigma1, mu2, sigma2)


def by_import(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    from course_utils.gaussian import kl_univariate as own

    return own(mu1, sigma1, mu2, sigma2)


def by_a_helper(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    return by_attribute(mu1, sigma1, mu2, sigma2)


@pytest.mark.parametrize("answer", [by_attribute, by_name, by_import, by_a_helper])
def test_the_courses_own_version_is_no_answer(answer: Callable) -> None:
    verdict = evaluate("kl_univariate", answer)
    assert verdict.points == 0
    assert (
        "course_utils.gaussian.kl_univariate is what this exercise asks you to write yourself"
        in verdict.message
    )


def kl_univariate(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    return torch.log(sigma2 / sigma1) + (sigma1**2 + (mu1 - mu2) ** 2) / (2 * sigma2**2) - 0.5


def test_ones_own_function_may_have_the_courses_name() -> None:
    assert evaluate("kl_univariate", lambda *arguments: kl_univariate(*arguments)).passed


def test_a_library_may_be_used() -> None:
    def answer(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
        normal = torch.distributions.Normal
        return torch.distributions.kl_divergence(normal(mu1, sigma1), normal(mu2, sigma2))

    assert evaluate("kl_univariate", answer).passed


def test_an_answer_disturbs_nothing_of_ours() -> None:
    def answer(q: Tensor, p: Tensor) -> Tensor:
        torch.manual_seed(1), random.seed(1), np.random.seed(1)  # noqa: NPY002
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        return RIGHT(q, p)

    before = (torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy())  # noqa: NPY002
    assert verdict_on(answer).passed
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert (np.random.get_state()[1] == before[2]).all()  # noqa: NPY002
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()


def test_warnings_are_no_errors() -> None:
    def answer(q: Tensor, p: Tensor) -> Tensor:
        import warnings

        warnings.warn("deprecated", stacklevel=1)
        return RIGHT(q, p)

    assert verdict_on(answer).passed


def test_seeds_change_the_inputs_and_nothing_else() -> None:
    exercise = get_exercise("kl_discrete")
    case = exercise.cases[0]
    assert torch.equal(exercise.inputs(case, 1)["q"], exercise.inputs(case, 1)["q"])
    assert not torch.equal(exercise.inputs(case, 1)["q"], exercise.inputs(case, 2)["q"])


def test_an_unknown_exercise_is_one_sentence_with_the_nearest_name() -> None:
    with pytest.raises(UnknownExerciseError, match=r"no exercise 'kl_discret'\. Did you mean 'kl_discrete'"):
        evaluate("kl_discret", RIGHT)


def test_the_judge_withstands_any_arrays() -> None:
    """What comes out of a jail may be anything of the wire's types."""
    exercise = get_exercise("kl_discrete")
    junk = [
        {},
        {"result": torch.zeros(0)},
        {"result": torch.zeros(2, 0, 3), "more": torch.ones(1)},
        {"result": torch.tensor(True)},
        {"result": torch.tensor(5, dtype=torch.uint8), "the arguments are left as they were": torch.ones(3)},
    ]
    for arrays in junk:
        verdict = judge(exercise, [Outcome(arrays=arrays)] * len(exercise.cases), seed=0)
        assert not verdict.passed
        assert verdict.points == 0
