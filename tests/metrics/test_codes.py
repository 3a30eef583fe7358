"""Active units and total correlation on codes whose covariance is chosen."""

import math

import pytest
import torch

from course_utils.gaussian import kl_full_covariance
from course_utils.metrics import active_units, gaussian_total_correlation


def whitened(n, d, seed=0):
    """Codes (n, d), float64, whose sample covariance (divided by n) is the identity exactly."""
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.linalg.qr(x - x.mean(0)).Q * math.sqrt(n)


def test_active_units_count_variances_above_the_threshold():
    mu = whitened(500, 5) * torch.tensor([1.0, 0.2, 0.099, 0.0, 0.101]) + torch.tensor([0.0, 9, 9, 9, 9])
    assert active_units(mu) == 3  # variances 1, 0.04, 0.0098, 0, 0.0102; a mean far from 0 is no activity
    assert active_units(mu, 0.05) == 1
    assert active_units(mu, threshold=0.001) == 4
    assert active_units(torch.full((10, 3), 0.1)) == 0
    assert active_units(torch.tensor([[0.0], [1.0]]), 0.25) == 0  # exactly the threshold is not above it


def test_active_units_keep_the_digits_of_a_large_mean():
    assert active_units(1e4 + torch.tensor([[0.0], [1.0]]).repeat(500, 1)) == 1


COVARIANCE = torch.tensor([[4.0, 1.0, 0.5], [1.0, 1.0, -0.2], [0.5, -0.2, 0.3]], dtype=torch.float64)


def test_total_correlation_is_the_divergence_from_the_product_of_marginals():
    codes = whitened(400, 3) @ torch.linalg.cholesky(COVARIANCE).T + 5.0
    mean = torch.zeros(1, 3, dtype=torch.float64)
    product = COVARIANCE.diagonal().diag()[None]
    exact = kl_full_covariance(mean, COVARIANCE[None], mean, product).item()
    assert exact > 0.3
    assert gaussian_total_correlation(codes) == pytest.approx(exact)
    changed = codes[:, [2, 0, 1]] * torch.tensor([-1e-6, 3.0, 1e6])
    assert gaussian_total_correlation(changed) == pytest.approx(exact)


@pytest.mark.parametrize("rho", [0.0, 0.5, -0.9, 0.999999])
def test_total_correlation_of_two_dimensions_is_a_function_of_their_correlation(rho):
    a, b = whitened(100, 2).T
    codes = torch.stack([a, rho * a + math.sqrt(1 - rho**2) * b], dim=1)
    assert gaussian_total_correlation(codes) == pytest.approx(-0.5 * math.log(1 - rho**2), abs=1e-9)


def test_total_correlation_at_its_ends():
    a, b = whitened(100, 2).float().T
    constant = torch.full((100,), 0.1)
    assert gaussian_total_correlation(torch.stack([a, b, -3 * a], dim=1)) == math.inf
    assert gaussian_total_correlation(torch.stack([a, constant, b], dim=1)) == pytest.approx(0, abs=1e-10)
    assert gaussian_total_correlation(torch.stack([a, constant], dim=1)) == 0
    assert gaussian_total_correlation(whitened(100, 40)[:30]) == math.inf


def test_refused():
    for function in (active_units, gaussian_total_correlation):
        with pytest.raises(ValueError, match=r"n_examples >= 2, got \(5,\)"):
            function(torch.zeros(5))
        with pytest.raises(ValueError, match=r"n_examples >= 2, got \(1, 3\)"):
            function(torch.zeros(1, 3))
