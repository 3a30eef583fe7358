r"""Lecture 3's playground: move q's mean and width, and the evidence splits into ELBO and gap.

One number x = 2 is observed, the prior is :math:`z \sim N(0, 1)`, and :math:`x = f(z) + \text{noise}` with a
noise variance of 1/2. With the straight line :math:`f(z) = 1.5 z + 0.5` the posterior is Gaussian and q can
reach it; with the parabola :math:`f(z) = z^2` it has two bumps and no Gaussian can. Everything is in nats.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure

from course_utils.elbo import log_evidence_quadrature
from course_utils.gaussian import entropy, kl_univariate, log_density_univariate
from course_utils.plotting import COLOURS, new_figure
from course_utils.plotting.style import STYLE
from course_utils.widgets import Explorer, choice, explore, slider

__all__ = ["DECODERS", "Reading", "elbo_playground", "elbo_reading", "make_figure", "posterior_density"]

X, NOISE_VAR, SLOPE, OFFSET = 2.0, 0.5, 1.5, 0.5
DECODERS = {"straight line": "line", "parabola": "parabola"}  # what is shown -> the name used here
FLOOR = -9.0  # the bars stand on it; a lower ELBO is not drawn


class Reading(NamedTuple):
    """The evidence taken apart for one q, in nats.

    ``log_evidence = elbo + gap``, ``elbo = reconstruction - kl_to_prior = expected_log_joint + entropy``.
    """

    log_evidence: float
    elbo: float
    gap: float
    reconstruction: float
    kl_to_prior: float
    expected_log_joint: float
    entropy: float


def elbo_reading(q_mean: float, q_std: float, decoder: str = "line") -> Reading:
    r"""The evidence of x = 2 and all terms of the ELBO for q = N(q_mean, q_std^2).

    The expectations are closed forms, from :math:`E[z^2] = m^2 + s^2` and
    :math:`E[z^4] = m^4 + 6 m^2 s^2 + 3 s^4`; the parabola's evidence is a quadrature.

    Parameters: ``q_mean``, ``q_std`` (a standard deviation, > 0); ``decoder`` "line" or "parabola".
    Returns: a `Reading`.
    Raises: ValueError if ``q_std`` is not positive or the decoder is unknown.

    >>> round(elbo_reading(9 / 11, (2 / 11) ** 0.5).gap, 6)  # q is the posterior of the straight line
    0.0
    """
    if q_std <= 0:
        raise ValueError(f"q_std must be positive, got {q_std}")
    log_evidence = _log_evidence(decoder)
    second = q_mean**2 + q_std**2
    fourth = q_mean**4 + 6 * q_mean**2 * q_std**2 + 3 * q_std**4
    if decoder == "line":
        squared_error = (X - SLOPE * q_mean - OFFSET) ** 2 + (SLOPE * q_std) ** 2
    else:
        squared_error = X**2 - 2 * X * second + fourth
    reconstruction = -0.5 * (math.log(2 * math.pi * NOISE_VAR) + squared_error / NOISE_VAR)
    kl_to_prior = kl_univariate(_double(q_mean), q_std, 0.0, 1.0).item()
    elbo = reconstruction - kl_to_prior
    entropy_of_q = entropy(2 * _double([q_std]).log()).item()
    return Reading(
        log_evidence=log_evidence,
        elbo=elbo,
        gap=log_evidence - elbo,
        reconstruction=reconstruction,
        kl_to_prior=kl_to_prior,
        expected_log_joint=reconstruction - 0.5 * (math.log(2 * math.pi) + second),
        entropy=entropy_of_q,
    )


def posterior_density(z: np.ndarray, decoder: str = "line") -> np.ndarray:
    """The exact posterior p(z | x = 2) at points ``z`` of shape (n,): the joint divided by the evidence."""
    log_posterior = _log_joint(decoder)(torch.as_tensor(z, dtype=torch.float64)) - _log_evidence(decoder)
    return log_posterior.exp().numpy()


@mpl.rc_context(STYLE)
def make_figure() -> tuple[Figure, Callable[..., str]]:
    """Draw the figure, two panels, and return it with the function that moves q in it.

    Returns: ``(figure, update)``; ``update(q_mean, q_std, decoder)`` returns the sums as a sentence.
    """
    figure, (left, right) = new_figure(1, 2, figsize=(10.5, 4.4), width_ratios=(1.5, 1))
    z = np.linspace(-4, 4, 401)
    left.plot(z, _normal(z, 0, 1), color=COLOURS["prior"], linestyle=":", label="prior p(z)")
    (posterior,) = left.plot(z, 0 * z, color=COLOURS["truth"], label="posterior p(z|x)")
    (q,) = left.plot(z, 0 * z, color=COLOURS["posterior"], linestyle="--", label="your q(z)")
    left.set(xlim=(-4, 4), ylim=(0, 2.1), xlabel="latent z", ylabel="density")
    left.set_title("Move q onto the posterior")
    left.legend(loc="upper left")

    look = {"width": 0.8, "bottom": FLOOR}
    (whole,) = right.bar([0], [1], color=COLOURS["neutral"], **look)
    (part,) = right.bar([1], [1], color=COLOURS["posterior"], **look)
    (gap,) = right.bar([1], [1], color=COLOURS["kl"], hatch="//", edgecolor="white", **look)
    level = right.axhline(0, color=COLOURS["truth"], linewidth=1.5)
    words = {"ha": "center", "va": "top", "fontsize": 13, "weight": "bold"}
    whole_text = right.text(0, 0, "", color="black", **words)
    part_text = right.text(1, 0, "", color="white", **words)
    gap_text = right.text(1.5, 0, "", color="#8a5200", fontsize=13, weight="bold", va="center")
    below_text = right.text(1.5, FLOOR + 0.1, "", fontsize=12, va="bottom")
    right.set(xlim=(-0.5, 2.35), ylim=(FLOOR, 0), ylabel="nats (bars stand on the lower edge)")
    right.set_xticks([0, 1], ["evidence", "ELBO + gap"])
    right.set_title("Always: log p(x) = ELBO + gap")
    right.grid(axis="x", visible=False)

    def update(q_mean: float, q_std: float, decoder: str) -> str:
        reading = elbo_reading(q_mean, q_std, decoder)
        posterior.set_ydata(posterior_density(z, decoder))
        q.set_ydata(_normal(z, q_mean, q_std))
        top, between = reading.log_evidence, max(reading.elbo, FLOOR)
        whole.set_height(top - FLOOR)
        part.set_height(between - FLOOR)
        gap.set_y(between)
        gap.set_height(top - between)
        level.set_ydata([top, top])
        whole_text.set_y(top - 0.2)
        whole_text.set_text(f"log p(x)\n{_number(top)}")
        part_text.set_y(between - 0.2)
        # two lines of text need a bar that is tall enough for them
        part_text.set_text(f"ELBO\n{_number(reading.elbo)}" if between > FLOOR + 1.4 else "")
        gap_text.set_y(min((top + between) / 2, top - 0.7))
        gap_text.set_text(f"gap\n{_number(reading.gap)}")
        below_text.set_text(f"ELBO {_number(reading.elbo)},\nfar below" if reading.elbo < FLOOR else "")
        return _sentence(reading)

    return figure, update


def elbo_playground() -> Explorer:
    """Show the playground: sliders for the mean and the width of q, and a choice of two decoders."""
    figure, update = make_figure()
    alt = (
        "Left: the posterior, the wider prior, and a Gaussian q, too far left and too wide. Right: the "
        "evidence log p(x) as one bar, and beside it the ELBO with the gap stacked on top, which reach the same level. "
        "Sliders move the mean and the width of q, and a choice bends the decoder."
    )
    return explore(
        figure,
        update,
        alt=alt,
        q_mean=slider(-3.0, 3.0, -0.2, 0.05, "mean of q"),
        q_std=slider(0.2, 2.0, 0.8, 0.05, "width of q"),
        decoder=choice(DECODERS, "decoder"),
    )


def _sentence(reading: Reading) -> str:
    return (
        f"log p(x) {_number(reading.log_evidence)} = ELBO {_number(reading.elbo)} + gap {_number(reading.gap)}. "
        f"The ELBO is the reconstruction, {_number(reading.reconstruction)}, minus the KL to the prior, "
        f"{_number(reading.kl_to_prior)}; or the expected log joint, {_number(reading.expected_log_joint)}, plus the "
        f"entropy, {_number(reading.entropy)}."
    )


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def _log_joint(decoder: str) -> Callable[[torch.Tensor], torch.Tensor]:
    if decoder not in DECODERS.values():
        raise ValueError(f"decoder must be one of {', '.join(DECODERS.values())}, got {decoder!r}")

    def log_joint(z: torch.Tensor) -> torch.Tensor:
        mean = SLOPE * z + OFFSET if decoder == "line" else z**2
        return log_density_univariate(_double(X), mean, NOISE_VAR**0.5) + log_density_univariate(z, 0.0, 1.0)

    return log_joint


@cache
def _log_evidence(decoder: str) -> float:
    grid = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    return log_evidence_quadrature(_log_joint(decoder), grid).item()


def _normal(z: np.ndarray, mean: float, std: float) -> np.ndarray:
    return log_density_univariate(torch.as_tensor(z), mean, std).exp().numpy()


def _double(value: float | list[float]) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)
