r"""Lecture 4's playground: two Gaussians on a line, and the KL divergence in both directions.

The upper panel has the densities q and p. Each lower panel has the integrand of one direction,
:math:`q \log(q/p)` and :math:`p \log(p/q)`, whose area above zero less that below is the divergence, in nats.
"""

from collections.abc import Callable
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from course_utils.gaussian import kl_univariate, log_density_univariate
from course_utils.plotting import COLOURS
from course_utils.plotting.style import STYLE
from course_utils.widgets import Explorer, explore, slider

__all__ = ["Divergences", "integrand", "kl_both_ways", "kl_playground", "make_figure"]

X = np.linspace(-8, 8, 641)
TOP, BOTTOM = 1.6, -0.5  # of the panels with the integrands; what lies outside is cut off


class Divergences(NamedTuple):
    """KL(q || p) and KL(p || q), in nats."""

    q_to_p: float
    p_to_q: float


def kl_both_ways(q_mean: float, q_std: float, p_mean: float, p_std: float) -> Divergences:
    """The KL divergence of q = N(q_mean, q_std^2) and p = N(p_mean, p_std^2) in both directions.

    Parameters: means and standard deviations (> 0).
    Returns: `Divergences`, in nats.
    Raises: ValueError if a standard deviation is not positive.

    >>> kl_both_ways(1.0, 1.0, 0.0, 1.0)  # equal widths: the two directions agree
    Divergences(q_to_p=0.5, p_to_q=0.5)
    """
    if min(q_std, p_std) <= 0:
        raise ValueError(f"standard deviations must be positive, got {q_std} and {p_std}")
    q, p = (_double(q_mean), q_std), (_double(p_mean), p_std)
    return Divergences(kl_univariate(*q, *p).item(), kl_univariate(*p, *q).item())


def integrand(x: np.ndarray, mean: float, std: float, other_mean: float, other_std: float) -> np.ndarray:
    """The integrand q log(q / p) at points ``x`` (n,), for q = N(mean, std^2) and p the other Gaussian.

    Where q underflows to 0 the integrand is 0, as its limit is.
    """
    log_q = _log_density(x, mean, std)
    return np.exp(log_q) * (log_q - _log_density(x, other_mean, other_std))


@mpl.rc_context(STYLE)
def make_figure() -> tuple[Figure, Callable[..., str]]:
    """Draw the figure, three panels, and return it with the function that moves the Gaussians in it.

    Returns: ``(figure, update)``; ``update(q_mean, q_std, p_mean, p_std)`` returns both divergences in a sentence.
    """
    figure = Figure(figsize=(10.5, 5.6))
    grid = figure.add_gridspec(2, 2, height_ratios=(1, 1.15))
    densities, forward, backward = (figure.add_subplot(cell) for cell in (grid[0, :], grid[1, 0], grid[1, 1]))

    (q,) = densities.plot(X, 0 * X, color=COLOURS["posterior"], label="q")
    (p,) = densities.plot(X, 0 * X, color=COLOURS["prior"], linestyle="--", label="p")
    densities.set(xlim=(-8, 8), ylim=(0, 1.1), xlabel="x", ylabel="density")
    densities.set_title("Two Gaussians, and a divergence in each direction")
    densities.legend(loc="upper left")

    panels = [
        _integrand_panel(forward, "KL(q || p): q decides where to look", "q log(q / p)"),
        _integrand_panel(backward, "KL(p || q): p decides where to look", "p log(p / q)"),
    ]

    def update(q_mean: float, q_std: float, p_mean: float, p_std: float) -> str:
        first, second = (q_mean, q_std), (p_mean, p_std)
        q.set_ydata(np.exp(_log_density(X, *first)))
        p.set_ydata(np.exp(_log_density(X, *second)))
        kl = kl_both_ways(*first, *second)
        panels[0](integrand(X, *first, *second), kl.q_to_p)
        panels[1](integrand(X, *second, *first), kl.p_to_q)
        return _sentence(kl)

    return figure, update


def kl_playground() -> Explorer:
    """Show the playground: sliders for the means and the widths of q and p."""
    figure, update = make_figure()
    alt = (
        "Above: two Gaussian densities, a narrow q inside a wide p. Below: the integrands of KL(q || p) and "
        "KL(p || q) with the areas above zero shaded in one colour and those below zero in another; the second "
        "divergence is much the larger. Four sliders move the means and the widths."
    )
    return explore(
        figure,
        update,
        alt=alt,
        q_mean=slider(-4.0, 4.0, 0.5, 0.1, "mean of q"),
        q_std=slider(0.4, 3.0, 0.6, 0.05, "width of q"),
        p_mean=slider(-4.0, 4.0, -0.5, 0.1, "mean of p"),
        p_std=slider(0.4, 3.0, 1.6, 0.05, "width of p"),
    )


def _integrand_panel(axes: Axes, title: str, ylabel: str) -> Callable[[np.ndarray, float], None]:
    """Prepare a panel; returns the function that draws an integrand and writes its area."""
    axes.set(xlim=(-8, 8), ylim=(BOTTOM, TOP), xlabel="x", ylabel=ylabel)
    axes.set_title(title)
    axes.axhline(0, color=COLOURS["truth"], linewidth=1)
    above = axes.fill_between(X, 0 * X, color=COLOURS["kl"], alpha=0.75, linewidth=0)
    below = axes.fill_between(X, 0 * X, color=COLOURS["baseline"], alpha=0.75, linewidth=0)
    words = axes.text(7.7, TOP - 0.1, "", ha="right", va="top", fontsize=14, weight="bold")

    def draw(values: np.ndarray, area: float) -> None:
        _fill(above, values.clip(0, None))
        _fill(below, values.clip(None, 0))
        words.set_text(f"{area:.2f} nats" + (", cut off" if values.max() > TOP else ""))

    return draw


def _fill(area: PolyCollection, heights: np.ndarray) -> None:
    """Give a filled area new heights over the same base line."""
    outline = np.column_stack([X, heights])
    area.set_verts([np.vstack([[X[0], 0.0], outline, [X[-1], 0.0]])])


def _sentence(kl: Divergences) -> str:
    if max(kl) < 0.005:
        return "KL(q || p) = KL(p || q) = 0.00 nats: the two are the same distribution."
    larger, smaller = max(kl), min(kl)
    if larger - smaller < 0.005:
        compared = "Equal widths make the two directions equal."
    else:
        name = "KL(q || p)" if kl.q_to_p > kl.p_to_q else "KL(p || q)"
        compared = f"{name} is {larger / smaller:.1f} times the other."
    return f"KL(q || p) = {kl.q_to_p:.2f} nats, KL(p || q) = {kl.p_to_q:.2f} nats. {compared}"


def _log_density(x: np.ndarray, mean: float, std: float) -> np.ndarray:
    return log_density_univariate(torch.as_tensor(x), mean, std).numpy()


def _double(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)
