"""Comparisons tell right from wrong, and say how they differ."""

import pytest
import torch

from course_utils.exercises import (
    at_most,
    close,
    exact,
    same_first_error,
    same_law,
    same_mean,
    same_spread,
)


def test_close_accepts_rounding_and_nothing_more() -> None:
    wanted = torch.tensor([1.0, 1000.0])
    assert close()(wanted * (1 + 5e-4), wanted) is None
    assert close()(wanted * 1.002, wanted) == "entry [0] should be 1 and is 1.002"


def test_close_wants_the_same_infinities_and_nans() -> None:
    inf, nan = torch.tensor(torch.inf), torch.tensor(torch.nan)
    assert close()(inf, inf) is None
    assert close()(nan, nan) is None
    assert close()(-inf, inf) == "should be inf and is -inf"
    assert close()(nan, torch.tensor(0.0)) == "should be 0 and is nan"
    assert close()(torch.tensor(1e30), inf) is not None


def test_close_reports_shapes_first() -> None:
    assert close()(torch.zeros(3, 1), torch.zeros(3)) == "the shape should be (3,) and is (3, 1)"


def test_exact_sees_the_last_unit() -> None:
    assert exact()(torch.tensor(7), torch.tensor(7)) is None
    assert exact()(torch.tensor(8), torch.tensor(7)) == "should be 7 and is 8"
    assert exact()(torch.tensor([True]), torch.tensor([False])) == "entry [0] should be False and is True"


def normal(*shape: int, seed: int, mean: float = 0.0, std: float = 1.0) -> torch.Tensor:
    return mean + std * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("seed", range(30))
def test_same_law_accepts_another_sample_of_the_same_law(seed: int) -> None:
    assert same_law()(normal(300, 4, seed=seed), normal(300, 4, seed=1000 + seed)) is None
    assert same_mean()(normal(300, 4, seed=seed), torch.zeros(1, 4)) is None


@pytest.mark.parametrize("seed", range(30))
def test_same_mean_sees_half_a_standard_deviation(seed: int) -> None:
    clause = same_mean()(normal(300, seed=seed, mean=0.5), torch.zeros(1))
    assert clause is not None
    assert clause.startswith("on average over repeats, should be 0 and is 0.")


@pytest.mark.parametrize("seed", range(30))
def test_same_spread_sees_a_variance_in_place_of_a_standard_deviation(seed: int) -> None:
    assert same_spread()(normal(300, seed=seed, std=4.0), normal(300, seed=1000 + seed, std=2.0)) is not None


def test_constant_repeats_are_compared_like_numbers() -> None:
    constant = torch.full((50, 2), 3.0)
    assert same_law()(constant, constant.clone()) is None
    assert same_mean()(constant + 0.01, constant) is not None
    assert same_spread()(constant, normal(50, 2, seed=0)) is not None


def test_statistics_refuse_other_shapes_and_single_draws() -> None:
    assert same_mean()(torch.zeros(50, 3), torch.zeros(50, 2)) == "the shape should be (2,) and is (3,)"
    assert same_mean()(torch.tensor(1.0), torch.zeros(50)) is not None
    assert same_mean()(torch.zeros(1), torch.zeros(50)) is not None


def test_nan_never_passes_for_a_statistic() -> None:
    for comparison in (same_mean(), same_spread(), same_law()):
        assert comparison(torch.full((50,), torch.nan), normal(50, seed=0)) is not None


def test_at_most_bounds_from_above_only() -> None:
    assert at_most()(torch.tensor(0.5), torch.tensor(1.0)) is None
    assert at_most(0.5)(torch.tensor(0.6), torch.tensor(1.0)) == "should be at most 0.5 and is 0.6"
    assert at_most()(torch.tensor(torch.nan), torch.tensor(1.0)) is not None


def test_same_first_error_groups_wrong_answers_by_their_first_wrong_place() -> None:
    truth = torch.tensor([True, False, True])
    compare, first_missed, last_missed = (
        same_first_error(truth),
        ~truth.logical_xor(_at(1)),
        truth.logical_xor(_at(2)),
    )
    assert compare(truth, truth) is None
    assert compare(last_missed, truth) is not None
    assert compare(truth, last_missed) is not None
    assert compare(last_missed, last_missed) is None
    assert compare(truth.logical_xor(_at(0)), truth.logical_xor(_at(0))) is None
    assert compare(~truth, truth.logical_xor(_at(0))) is None, "wrong in all places, first in the first"
    assert compare(~truth, last_missed) is not None
    assert compare(first_missed, ~truth) is not None, "a mistake in several places stands for itself"
    assert compare(~truth, ~truth) is None
    assert compare(torch.tensor([True]), truth) is not None


def _at(place: int) -> torch.Tensor:
    return torch.arange(3) == place
