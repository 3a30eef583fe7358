"""The reparameterization player: its numbers against autograd, its noise, its figure, its sentences."""

import doctest
import sys

import numpy as np
import pytest
import torch

from course_utils.widgets import reparameterization_player
from course_utils.widgets.reparameterization_player import (
    N_FRAMES,
    N_STRINGS,
    follow,
    make_figure,
    noise,
    sway,
)

MODULE = sys.modules["course_utils.widgets.reparameterization_player"]


@pytest.mark.parametrize(("mu", "sigma", "eps"), [(0.3, 0.7, 1.2), (-2.0, 1.6, -2.5), (1.0, 0.2, 0.0)])
def test_derivatives_are_those_of_autograd(mu: float, sigma: float, eps: float) -> None:
    leaves = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (mu, sigma)]
    z = leaves[0] + leaves[1] * eps
    draw = follow(mu, sigma, eps)
    expected = [part.item() for part in torch.autograd.grad(z, leaves, retain_graph=True)]
    expected += [part.item() for part in torch.autograd.grad(0.5 * (z - 1) ** 2, leaves)]
    assert draw == pytest.approx((z.item(), *expected))


def test_the_gradients_of_all_eps_average_to_the_exact_one() -> None:
    eps = np.random.default_rng(0).standard_normal(100_000)
    draws = follow(-0.5, 0.6, eps)  # numbers or arrays, the same arithmetic
    for estimates, exact in ((draws.d_mu, -1.5), (draws.d_sigma, 0.6)):
        assert abs(estimates.mean() - exact) < 5 * estimates.std() / np.sqrt(len(eps))


def test_kept_noise_stays_and_new_noise_does_not() -> None:
    assert np.array_equal(noise(1.2, 0.0, 1.0, anew=False), noise(1.2, 0.5, 1.0, anew=False))
    assert noise(1.2, 0.0, 1.0, anew=False)[0] == 1.2
    assert not np.isin(noise(1.2, 0.0, 1.0, anew=True), noise(1.2, 0.1, 1.0, anew=True)).any()
    assert np.array_equal(noise(1.2, 0.0, 1.0, anew=True), noise(1.2, 0.0, 1.0, anew=True))
    assert noise(1.2, 0.0, 1.0, anew=False).shape == noise(1.2, 0.0, 1.0, anew=True).shape == (1 + N_STRINGS,)


def test_the_cloud_is_standard_normal() -> None:
    cloud = noise(0.0, 0.0, 1.0, anew=False)[1:]
    assert cloud.mean() == pytest.approx(0, abs=1e-12)
    assert cloud.std() == pytest.approx(1, abs=0.05)


def test_sway_closes_its_circle_and_keeps_sigma_positive() -> None:
    path = [sway(0.5, 0.2, frame) for frame in range(N_FRAMES + 1)]
    assert path[0] == (0.5, 0.2)
    assert path[-1] == pytest.approx(path[0])
    assert min(sigma for _, sigma in path) > 0.05


def test_sigma_must_be_positive() -> None:
    with pytest.raises(ValueError, match=r"sigma must be positive, got 0\.0"):
        follow(0.0, 0.0, 1.0)


def test_the_emphasised_string_joins_eps_and_z() -> None:
    figure, update = make_figure()
    sentence = update(0.5, 2.0, -1.0, False, 0)
    string = next(
        line for line in figure.axes[0].lines if len(line.get_xdata()) == 2 and line.get_marker() == "o"
    )
    assert list(string.get_xdata()) == [-1.0, -1.5]
    assert "lands at z = -1.50" in sentence
    assert "if sigma does, by -0.10" in sentence


def test_player_redraws_as_its_controls_move(capsys) -> None:
    explorer = reparameterization_player()
    first = explorer.png
    assert explorer.set(mu=0.5, sigma=0.3) != first
    assert "another eps" not in explorer.message.value
    explorer.set(anew=True, frame=7)
    assert "another eps" in explorer.message.value
    assert explorer.canvas.n_backgrounds == 1  # no slow redraw was needed


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(MODULE).failed == 0
