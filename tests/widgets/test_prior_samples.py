"""The playground of lecture 1: its closed forms against Monte Carlo, and its figure."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal

from course_utils.widgets.prior_samples import (
    MAX_DIM,
    N_REPEATS,
    SIZES,
    codes_needed,
    effective_number,
    estimates,
    exact_log_evidence,
    make_figure,
    prior_playground,
    spread_per_dimension,
)


@pytest.mark.parametrize("dim", [1, 3, 16])
@pytest.mark.parametrize("std", [0.1, 0.7])
def test_exact_log_evidence_is_that_of_the_marginal_gaussian(dim: int, std: float) -> None:
    x = torch.full((dim,), math.sqrt(1 + std**2))
    marginal = MultivariateNormal(torch.zeros(dim), (1 + std**2) * torch.eye(dim))
    assert exact_log_evidence(dim, std) == pytest.approx(marginal.log_prob(x).item(), rel=1e-5)


def test_estimates_are_unbiased_for_p_of_x() -> None:
    std, noise = 0.8, torch.randn(2000, 100, 3, generator=torch.Generator().manual_seed(0))
    ratio = (estimates(noise, std)[0] - torch.tensor([exact_log_evidence(d, std) for d in (1, 2, 3)])).exp()
    standard_error = ratio.std(0) / math.sqrt(2000)
    assert ((ratio.mean(0) - 1).abs() < 5 * standard_error).all()


def test_estimates_average_the_likelihood_of_the_typical_x() -> None:
    std, noise = 0.5, torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(1))
    estimated, log_likelihoods = estimates(noise, std)
    assert estimated.shape == (2, 3)
    by_hand = Normal(noise[0], std).log_prob(torch.tensor(math.sqrt(1 + std**2))).sum(1)  # (4,)
    torch.testing.assert_close(log_likelihoods[0, :, 2], by_hand)
    torch.testing.assert_close(estimated[0, 2], by_hand.exp().mean().log())


@pytest.mark.parametrize("std", [0.3, 0.5, 1.0])
def test_spread_per_dimension_is_what_sampling_measures(std: float) -> None:
    z = torch.randn(400_000, generator=torch.Generator().manual_seed(2))
    p = Normal(z, std).log_prob(torch.tensor(math.sqrt(1 + std**2))).exp().double()
    # The mean of p^2 has a relative standard error below 0.5 % here: 2 % is four of them.
    assert (p**2).mean().item() / p.mean().item() ** 2 == pytest.approx(spread_per_dimension(std), rel=0.02)


def test_codes_needed_multiply_by_the_spread_with_each_dimension() -> None:
    r = spread_per_dimension(0.3)
    assert codes_needed(1, 0.3, relative_error=1.0) == pytest.approx(r - 1)
    assert codes_needed(9, 0.3) / codes_needed(8, 0.3) == pytest.approx(r, rel=1e-4)
    assert r == pytest.approx(4, abs=0.1)  # lecture 1 says "four times"


def test_effective_number_lies_between_one_and_n() -> None:
    assert effective_number(torch.zeros(7)).item() == pytest.approx(7)
    assert effective_number(torch.tensor([0.0, -2000.0, -2000.0])).item() == pytest.approx(1)
    assert effective_number(torch.tensor([900.0, 900.0])).item() == pytest.approx(2)


def test_std_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive, got 0"):
        estimates(torch.zeros(1, 2, 3), 0.0)


def test_the_figure_shows_estimates_minus_truth() -> None:
    figure, update = make_figure()
    sentence = update(dim=4, n=100, std=0.3)
    gap = torch.as_tensor(update.dots.get_ydata()).reshape(N_REPEATS, MAX_DIM)
    expected, _ = estimates(update.noise[:, :100], 0.3)
    torch.testing.assert_close(gap[:, 3].float(), expected[:, 3] - exact_log_evidence(4, 0.3))
    assert sentence.startswith("D = 4, noise 0.30: 100 codes are worth")
    assert len(figure.axes) == 2


def test_every_control_changes_the_picture() -> None:
    explorer = prior_playground()
    pictures = {explorer.set(), explorer.set(dim=3), explorer.set(std=0.6), explorer.set(n=SIZES[0])}
    assert len(pictures) == 4
    assert "cannot be drawn" not in explorer.message.value
