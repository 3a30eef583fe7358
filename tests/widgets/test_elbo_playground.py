"""The ELBO playground: its sums against quadrature and the library, its picture, its sentence."""

import numpy as np
import pytest
import torch

from course_utils.elbo import linear_gaussian_elbo, linear_gaussian_log_evidence
from course_utils.widgets import elbo_playground
from course_utils.widgets.elbo_playground import (
    DECODERS,
    NOISE_VAR,
    OFFSET,
    SLOPE,
    X,
    elbo_reading,
    make_figure,
    posterior_density,
)

POSTERIOR_OF_THE_LINE = (9 / 11, (2 / 11) ** 0.5)
SETTINGS = [(-0.2, 0.8), (1.4, 0.3), (-3.0, 2.0), (2.0, 0.2)]
each_decoder = pytest.mark.parametrize("decoder", DECODERS.values())
each_q = pytest.mark.parametrize(("q_mean", "q_std"), SETTINGS)


def expectation(function, q_mean: float, q_std: float) -> float:
    """E_q of a function of z, by the trapezoidal rule over twelve standard deviations on either side."""
    eps = np.linspace(-12, 12, 20_001)
    weights = np.exp(-(eps**2) / 2) / np.sqrt(2 * np.pi)
    return float(np.trapezoid(weights * function(q_mean + q_std * eps), eps))


def log_normal(z, mean, std):
    return -0.5 * np.log(2 * np.pi) - np.log(std) - (z - mean) ** 2 / (2 * std**2)


@each_decoder
@each_q
def test_terms_agree_with_quadrature(decoder: str, q_mean: float, q_std: float) -> None:
    reading = elbo_reading(q_mean, q_std, decoder)

    def decode(z):
        return SLOPE * z + OFFSET if decoder == "line" else z**2

    def log_likelihood(z):
        return log_normal(X, decode(z), NOISE_VAR**0.5)

    wanted = {
        "reconstruction": expectation(log_likelihood, q_mean, q_std),
        "kl_to_prior": expectation(
            lambda z: log_normal(z, q_mean, q_std) - log_normal(z, 0, 1), q_mean, q_std
        ),
        "expected_log_joint": expectation(lambda z: log_likelihood(z) + log_normal(z, 0, 1), q_mean, q_std),
        "entropy": expectation(lambda z: -log_normal(z, q_mean, q_std), q_mean, q_std),
    }
    for name, value in wanted.items():
        assert getattr(reading, name) == pytest.approx(value, rel=1e-8), name


@each_decoder
@each_q
def test_gap_is_the_divergence_from_the_posterior(decoder: str, q_mean: float, q_std: float) -> None:
    z = np.linspace(-30, 30, 120_001)
    log_q = log_normal(z, q_mean, q_std)
    x_mean = SLOPE * z + OFFSET if decoder == "line" else z**2
    log_joint = log_normal(X, x_mean, NOISE_VAR**0.5) + log_normal(z, 0, 1)
    log_posterior = log_joint - np.log(np.trapezoid(np.exp(log_joint), z))
    divergence = np.trapezoid(np.exp(log_q) * (log_q - log_posterior), z)
    assert elbo_reading(q_mean, q_std, decoder).gap == pytest.approx(divergence, rel=1e-4, abs=1e-6)


@each_q
def test_line_agrees_with_the_library(q_mean: float, q_std: float) -> None:
    x, reading = torch.tensor([X], dtype=torch.float64), elbo_reading(q_mean, q_std)
    model = (SLOPE, OFFSET, NOISE_VAR)
    assert reading.elbo == pytest.approx(linear_gaussian_elbo(x, q_mean, q_std**2, *model).item())
    assert reading.log_evidence == pytest.approx(linear_gaussian_log_evidence(x, *model).item())


@each_decoder
@each_q
def test_both_readings_give_the_same_bound_below_the_evidence(
    decoder: str, q_mean: float, q_std: float
) -> None:
    reading = elbo_reading(q_mean, q_std, decoder)
    assert reading.expected_log_joint + reading.entropy == pytest.approx(reading.elbo)
    assert reading.elbo < reading.log_evidence
    assert reading.gap > 0


def test_gap_closes_at_the_posterior_of_the_line_and_never_for_the_parabola() -> None:
    assert elbo_reading(*POSTERIOR_OF_THE_LINE).gap == pytest.approx(0, abs=1e-9)
    every = [
        elbo_reading(m, s, "parabola").gap for m in np.linspace(-3, 3, 61) for s in np.linspace(0.2, 2, 37)
    ]
    assert min(every) > 0.5  # log 2 and a little: q covers one of two equal bumps


@each_decoder
def test_posterior_is_a_density(decoder: str) -> None:
    z = np.linspace(-8, 8, 4001)
    assert np.trapezoid(posterior_density(z, decoder), z) == pytest.approx(1)


def test_posterior_of_the_line_is_the_known_gaussian() -> None:
    z = np.linspace(-4, 4, 101)
    np.testing.assert_allclose(posterior_density(z), np.exp(log_normal(z, *POSTERIOR_OF_THE_LINE)), rtol=1e-9)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="q_std must be positive, got 0"):
        elbo_reading(0.0, 0.0)
    with pytest.raises(ValueError, match="decoder must be one of line, parabola, got 'circle'"):
        elbo_reading(0.0, 1.0, "circle")


def test_update_says_the_sums_that_it_draws() -> None:
    _, update = make_figure()
    sentence = update(*POSTERIOR_OF_THE_LINE, "line")
    assert sentence.startswith("log p(x) −1.83 = ELBO −1.83 + gap 0.00.")


@each_decoder
def test_stacked_bars_end_at_the_evidence(decoder: str) -> None:
    figure, update = make_figure()
    update(-0.2, 0.8, decoder)
    whole, part, gap = figure.axes[1].patches
    reading = elbo_reading(-0.2, 0.8, decoder)
    assert part.get_y() + part.get_height() == pytest.approx(reading.elbo)
    assert gap.get_y() == pytest.approx(reading.elbo)
    assert gap.get_y() + gap.get_height() == pytest.approx(reading.log_evidence)
    assert whole.get_y() + whole.get_height() == pytest.approx(reading.log_evidence)


def test_playground_redraws_as_its_controls_move(capsys) -> None:
    explorer = elbo_playground()
    first = explorer.png
    assert explorer.set(q_mean=0.8, q_std=0.45) != first
    assert explorer.set(decoder="parabola") != explorer.set(decoder="line")
    assert explorer.canvas.n_backgrounds == 1  # no slow redraw was needed
