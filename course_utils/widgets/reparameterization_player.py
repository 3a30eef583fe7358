r"""Lecture 5's player: strings from the noise to the draws, as mu and sigma move.

Above lies the noise, :math:`\epsilon \sim N(0, 1)`, below the draws :math:`z = \mu + \sigma\epsilon`; a string joins
each eps to its z. On the right stands an objective, :math:`f(z) = (z - 1)^2 / 2`, whose mean
:math:`E[f(z)] = ((\mu - 1)^2 + \sigma^2) / 2` has the gradient :math:`(\mu - 1, \sigma)`.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure

from course_utils.plotting import COLOURS
from course_utils.plotting.style import STYLE
from course_utils.widgets import Explorer, choice, explore, player, slider

__all__ = ["Draw", "follow", "make_figure", "noise", "reparameterization_player", "sway"]

N_STRINGS = 24
N_FRAMES = 48
X = np.linspace(-6, 6, 361)
NOISE_HEIGHT, DRAWS_HEIGHT, SCALE = 1.0, 0.0, 0.55  # where the two lines lie, and how high a density is drawn
TARGET = 1.0
# Quantiles of N(0, 1) and not draws: an even picture with few strings.
CLOUD = torch.special.ndtri((torch.arange(N_STRINGS, dtype=torch.float64) + 0.5) / N_STRINGS).numpy()


class Draw(NamedTuple):
    """One draw, how it moves with mu and sigma, and the gradient of E[f(z)] estimated from it alone."""

    z: float
    dz_dmu: float
    dz_dsigma: float
    d_mu: float
    d_sigma: float


def follow(mu: float, sigma: float, eps: float) -> Draw:
    """Where one eps lands, z = mu + sigma eps, and its derivatives; f(z) = (z - 1)^2 / 2.

    Parameters: ``mu``; ``sigma`` > 0, a standard deviation; ``eps``, the noise.
    Raises: ValueError if sigma is not positive.

    >>> follow(2.0, 0.5, 1.0)
    Draw(z=2.5, dz_dmu=1.0, dz_dsigma=1.0, d_mu=1.5, d_sigma=1.5)
    """
    if sigma <= 0:
        raise ValueError(f"sigma must be positive, got {sigma}")
    z = mu + sigma * eps
    slope = z - TARGET
    return Draw(z, 1.0, eps, slope, slope * eps)


def noise(eps: float, mu: float, sigma: float, *, anew: bool) -> np.ndarray:
    """The noise on the upper line, the one followed first.

    Kept: ``eps`` and a cloud of normal quantiles, whatever mu and sigma are. Drawn anew: a fresh draw for every
    setting of mu and sigma, as a sampler gives that knows nothing of its last call (the same for the same setting).
    Returns: shape (1 + N_STRINGS,).
    """
    if anew:
        seed = [round(1000 * (mu + 100)), round(1000 * sigma)]
        return np.random.default_rng(seed).standard_normal(1 + N_STRINGS)
    return np.concatenate([[eps], CLOUD])


def sway(mu: float, sigma: float, frame: int) -> tuple[float, float]:
    """Where mu and sigma are while the player runs: around the sliders' values, and on them at frame 0.

    >>> sway(0.5, 0.8, 0)
    (0.5, 0.8)
    """
    angle = 2 * math.pi * frame / N_FRAMES
    return mu + 1.2 * math.sin(angle), sigma * math.exp(
        0.35 * (math.cos(angle) - 1) + 0.35 * math.sin(2 * angle)
    )


@mpl.rc_context(STYLE)
def make_figure() -> tuple[Figure, Callable[..., str]]:
    """Draw the two panels.

    Returns: ``(figure, update)``; ``update(mu, sigma, eps, anew, frame)`` moves everything and returns a sentence.
    """
    figure = Figure(figsize=(10.5, 5.0))
    strings_axes, objective_axes = figure.subplots(1, 2, width_ratios=(1.55, 1))
    draw_strings = _strings_panel(strings_axes)
    draw_objective = _objective_panel(objective_axes)

    def update(mu: float, sigma: float, eps: float, anew: bool, frame: int) -> str:
        mu, sigma = sway(mu, sigma, frame)
        eps_all = noise(eps, mu, sigma, anew=anew)
        z_all = mu + sigma * eps_all
        draw_strings(eps_all, z_all, mu, sigma)
        draw_objective(z_all)
        return _sentence(mu, sigma, float(eps_all[0]), anew)

    return figure, update


def reparameterization_player() -> Explorer:
    """Show the player: mu, sigma, the eps to follow, noise kept or drawn anew, and a button that moves mu and sigma."""
    figure, update = make_figure()
    alt = (
        "Left: a line with the standard normal noise above, a line with the draws of z below, and a string from each "
        "eps to its z; the strings fan in from the wide noise to the narrower draws around mu, and one is "
        "emphasised. Right: a parabola with the same draws on it and the tangent at the emphasised one. Controls "
        "move mu and sigma, choose the eps to follow, and draw the noise anew at every move instead of keeping it."
    )
    return explore(
        figure,
        update,
        alt=alt,
        mu=slider(-2.0, 2.0, -0.5, 0.1, "mu"),
        sigma=slider(0.2, 1.6, 0.6, 0.05, "sigma"),
        eps=slider(-2.5, 2.5, 1.2, 0.1, "the eps to follow"),
        anew=choice({"kept": False, "drawn anew at every move": True}, "the noise is"),
        frame=player(N_FRAMES, "let mu and sigma sway", interval=120),
    )


def _strings_panel(axes: Axes) -> Callable[[np.ndarray, np.ndarray, float, float], None]:
    """The two lines with their densities and strings; returns the function that moves them."""
    for height in (NOISE_HEIGHT, DRAWS_HEIGHT):
        axes.axhline(height, color=COLOURS["truth"], linewidth=1)
    look = {"linewidth": 0, "alpha": 0.35}
    axes.fill_between(
        X, NOISE_HEIGHT, NOISE_HEIGHT + SCALE * _density(X, 0, 1), color=COLOURS["baseline"], **look
    )
    below = axes.fill_between(X, 0 * X, color=COLOURS["posterior"], **look)
    strings = LineCollection([], colors=COLOURS["baseline"], linewidths=0.8, alpha=0.7)
    axes.add_collection(strings)
    cloud_eps = axes.scatter([], [], s=14, color=COLOURS["baseline"])
    cloud_z = axes.scatter([], [], s=14, color=COLOURS["posterior"])
    (one,) = axes.plot([], [], "o-", color=COLOURS["model"], linewidth=3, markersize=10)
    words = {"fontsize": 14, "weight": "bold"}
    upper = axes.text(0, NOISE_HEIGHT + 0.06, "", color=COLOURS["model"], ha="center", va="bottom", **words)
    lower = axes.text(0, -0.06, "", color=COLOURS["model"], ha="center", va="top", **words)
    axes.text(-5.4, 1.24, "noise  eps ~ N(0, 1)", fontsize=12, va="bottom")
    axes.text(-5.4, -0.7, "draws  z = mu + sigma eps", fontsize=12, va="bottom")
    axes.set(xlim=(-5.5, 5.5), ylim=(-0.75, 1.4), xlabel="value of eps (above) and of z (below)", yticks=[])
    axes.set_title("Each z hangs on its own eps")
    axes.grid(False)

    def draw(eps: np.ndarray, z: np.ndarray, mu: float, sigma: float) -> None:
        strings.set_segments(
            [[(a, NOISE_HEIGHT), (b, DRAWS_HEIGHT)] for a, b in zip(eps[1:], z[1:], strict=True)]
        )
        cloud_eps.set_offsets(np.column_stack([eps[1:], np.full(N_STRINGS, NOISE_HEIGHT)]))
        cloud_z.set_offsets(np.column_stack([z[1:], np.full(N_STRINGS, DRAWS_HEIGHT)]))
        one.set_data([eps[0], z[0]], [NOISE_HEIGHT, DRAWS_HEIGHT])
        _fill(below, -np.minimum(SCALE * _density(X, mu, sigma), 0.7))
        upper.set_text(f"{eps[0]:.1f}")
        upper.set_x(eps[0])
        lower.set_text(f"{z[0]:.2f}")
        lower.set_x(z[0])

    return draw


def _objective_panel(axes: Axes) -> Callable[[np.ndarray], None]:
    """The objective with the draws on it and the tangent at one of them; returns the function that moves them."""
    axes.plot(X, 0.5 * (X - TARGET) ** 2, color=COLOURS["truth"], linewidth=1.5)
    dots = axes.scatter([], [], s=14, color=COLOURS["posterior"])
    (tangent,) = axes.plot([], [], color=COLOURS["model"], linewidth=3)
    (one,) = axes.plot([], [], "o", color=COLOURS["model"], markersize=10)
    axes.set(xlim=(-4.5, 5.5), ylim=(-1.5, 12), xlabel="z", ylabel="f(z)")
    axes.set_title("and carries the slope of f")

    def draw(z: np.ndarray) -> None:
        heights = 0.5 * (z - TARGET) ** 2
        dots.set_offsets(np.column_stack([z[1:], heights[1:]]))
        reach = np.array([-1.3, 1.3]) / math.sqrt(
            1 + 0.1 * (z[0] - TARGET) ** 2
        )  # of similar length on the page
        tangent.set_data(z[0] + reach, heights[0] + (z[0] - TARGET) * reach)
        one.set_data([z[0]], [heights[0]])

    return draw


def _sentence(mu: float, sigma: float, eps: float, anew: bool) -> str:
    draw = follow(mu, sigma, eps)
    where = f"mu = {mu:.2f}, sigma = {sigma:.2f}: eps = {eps:.2f} lands at z = {draw.z:.2f}."
    if anew:
        return f"{where} At the next move there will be another eps, so this z has no derivative: it is just gone."
    return (
        f"{where} If mu grows by 0.1, z moves by 0.10; if sigma does, by {0.1 * draw.dz_dsigma:.2f}. Gradient of "
        f"E[f] from this draw alone: ({draw.d_mu:.2f}, {draw.d_sigma:.2f}); exact: ({mu - TARGET:.2f}, {sigma:.2f})."
    )


def _fill(area: PolyCollection, heights: np.ndarray) -> None:
    """Give a filled area new heights over the line of the draws."""
    area.set_verts([np.vstack([[X[0], 0.0], np.column_stack([X, heights]), [X[-1], 0.0]])])


def _density(x: np.ndarray, mean: float, std: float) -> np.ndarray:
    return np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * math.sqrt(2 * math.pi))
