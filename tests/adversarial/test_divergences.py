"""Quadrature against closed forms and scipy, and the identities that connect the game with its divergences."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.spatial.distance import jensenshannon

from course_utils.adversarial import (
    gan_value,
    jensen_shannon,
    kl_on_grid,
    optimal_discriminator,
    value_at_optimum,
    value_on_grid,
    wasserstein_on_grid,
)
from course_utils.gaussian import kl_univariate

GRID = torch.linspace(-12, 12, 4801, dtype=torch.float64)
FUNCTIONS = [kl_on_grid, jensen_shannon, value_at_optimum, wasserstein_on_grid]
ALL = [*FUNCTIONS, lambda p, q, grid: value_on_grid(p, p, q, grid)]


def normal(mean, std=1.0):
    return torch.from_numpy(stats.norm.pdf(GRID.numpy(), mean, std))


def mixture():
    return 0.3 * normal(-3, 0.5) + 0.7 * normal(1, 1.2)


def test_kl_is_that_of_the_closed_form():
    expected = kl_univariate(0.5, 1.0, -1.0, 2.0)
    torch.testing.assert_close(kl_on_grid(normal(0.5), normal(-1, 2), GRID).float(), expected)


def test_jensen_shannon_is_that_of_scipy():
    p, q = mixture(), normal(0, 2)
    expected = jensenshannon(p.numpy(), q.numpy()) ** 2  # discrete, on a grid so fine that it is the same
    assert jensen_shannon(p, q, GRID).item() == pytest.approx(expected, abs=1e-9)
    assert jensen_shannon(q, p, GRID).item() == pytest.approx(expected, abs=1e-9)


def test_jensen_shannon_lies_between_zero_and_log_two_and_does_not_see_the_distance():
    assert jensen_shannon(mixture(), mixture(), GRID).item() == pytest.approx(0, abs=1e-12)
    for mean in (7.0, 9.0):
        far = jensen_shannon(normal(-mean, 0.3), normal(mean, 0.3), GRID).item()
        assert far == pytest.approx(math.log(2), abs=1e-9)


def test_the_value_at_the_optimum_is_twice_jensen_shannon_minus_log_four():
    for p, q in [(mixture(), normal(0, 2)), (normal(-1), normal(2)), (normal(-9, 0.2), normal(9, 0.2))]:
        expected = 2 * jensen_shannon(p, q, GRID) - math.log(4)
        torch.testing.assert_close(
            value_at_optimum(p, q, GRID), expected, atol=1e-8, rtol=0
        )  # mass beyond the grid


def test_any_other_discriminator_does_worse():
    p, q = mixture(), normal(0, 2)
    best = optimal_discriminator(p, q)
    top = value_on_grid(best, p, q, GRID)
    torch.testing.assert_close(top, value_at_optimum(p, q, GRID))
    for other in (best**1.1, 0.98 * best, 0.02 + 0.98 * best, torch.full_like(best, 0.5)):
        assert value_on_grid(other, p, q, GRID) < top - 1e-5


def test_the_value_of_samples_agrees_with_quadrature():
    """Two million draws; the logit of the best discriminator is log p - log q."""
    generator = torch.Generator().manual_seed(0)
    x, g = torch.randn(2, 2_000_000, generator=generator, dtype=torch.float64)
    g = 1 + g

    def logit(x):
        return 0.5 * (x - 1) ** 2 - 0.5 * x**2

    sampled = gan_value(logit(x), logit(g)).item()
    # each term's standard deviation is below 0.5, so four standard errors are below 0.003
    assert sampled == pytest.approx(value_at_optimum(normal(0), normal(1), GRID).item(), abs=0.003)


def test_wasserstein_is_that_of_scipy_and_grows_with_the_shift():
    p, q = mixture(), normal(0, 2)
    expected = stats.wasserstein_distance(GRID.numpy(), GRID.numpy(), p.numpy(), q.numpy())
    assert wasserstein_on_grid(p, q, GRID).item() == pytest.approx(expected, abs=1e-4)
    shifts = [wasserstein_on_grid(normal(-2), normal(-2 + s), GRID).item() for s in (0, 1, 5)]
    assert shifts == pytest.approx([0, 1, 5], abs=1e-6)


def test_the_grid_need_not_be_uniform():
    p, q = mixture(), normal(0, 2)
    grid = torch.from_numpy(np.sort(np.concatenate([GRID.numpy(), np.linspace(-4, 3, 999) + 1e-5])))
    p2, q2 = (torch.from_numpy(np.interp(grid.numpy(), GRID.numpy(), d.numpy())) for d in (p, q))
    for function in FUNCTIONS:
        torch.testing.assert_close(function(p2, q2, grid), function(p, q, GRID), atol=1e-4, rtol=0)


@pytest.mark.parametrize("function", ALL)
def test_bad_grids_and_shapes_are_refused(function):
    p = torch.ones(5)
    with pytest.raises(ValueError, match="increasing"):
        function(p, p, torch.tensor([0.0, 1.0, 1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match=r"one shape, got \(5,\), \(4,\) and \(5,\)"):
        function(p, torch.ones(4), torch.arange(5.0))
