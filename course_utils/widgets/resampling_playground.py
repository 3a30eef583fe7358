"""Lecture 9's first playground: what smoothing does to the weights that show rare codes more often.

On the left the histogram of the codes, as they come and as they are shown; on the right the share of the rare group in
both.
"""

from collections.abc import Callable
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Generator, Tensor

from course_utils.models import resampling_weights
from course_utils.plotting import COLOURS
from course_utils.plotting.style import STYLE
from course_utils.widgets.controls import slider
from course_utils.widgets.explorer import Explorer, explore

__all__ = ["Resampled", "example_codes", "make_figure", "resampled", "resampling_playground"]

N_COMMON, N_RARE = 970, 30
ALT = (
    "Left: a histogram of codes, a high hill of common ones around 0 and a few rare ones near 3. A second outline "
    "shows the same codes as they are drawn with the weights: flatter, with the rare ones higher. Right: two bars, the "
    "share of the rare group before and after. Sliders set alpha and the number of bins."
)


class Resampled(NamedTuple):
    """Histograms as densities before and after, on common ``edges``; share of the rare group; effective examples."""

    edges: np.ndarray
    before: np.ndarray
    after: np.ndarray
    rare_share: float
    n_effective: float


def resampled(codes: Tensor, is_rare: Tensor, bins: int, alpha: float) -> Resampled:
    """What is shown when examples are drawn by `resampling_weights` of one latent dimension.

    Parameters: ``codes`` (n,), at least two different ones; ``is_rare`` (n,) bool; ``bins`` >= 1; ``alpha`` >= 0.
    Returns: `Resampled`; ``n_effective`` is 1 over the sum of squared weights, n if all are alike.

    >>> codes, is_rare = torch.tensor([0.0, 0.1, 0.2, 1.0]), torch.tensor([False, False, False, True])
    >>> round(resampled(codes, is_rare, bins=2, alpha=0.0).rare_share, 3)  # every occupied bin alike
    0.5
    """
    weights = resampling_weights(codes[:, None].double(), bins, alpha).numpy()
    before, edges = np.histogram(codes.double().numpy(), bins, density=True)
    after, _ = np.histogram(codes.double().numpy(), edges, weights=weights, density=True)
    rare_share, n_effective = float(weights[is_rare.numpy()].sum()), float(1 / (weights**2).sum())
    return Resampled(edges, before, after, rare_share, n_effective)


def example_codes() -> tuple[Tensor, Tensor]:
    """970 common codes around 0 and 30 rare ones around 3, the same every time: (1000,) and a mask (1000,)."""
    generator = Generator().manual_seed(0)
    common, rare = (torch.randn(n, generator=generator) for n in (N_COMMON, N_RARE))
    return torch.cat([0.7 * common, 3 + 0.5 * rare]), torch.arange(N_COMMON + N_RARE) >= N_COMMON


@mpl.rc_context(STYLE)
def make_figure(codes: Tensor, is_rare: Tensor) -> tuple[Figure, Callable[..., str]]:
    """The figure and its update function, ``update(log10_alpha, bins)``, which returns a sentence."""
    figure = Figure(figsize=(10.0, 3.9))
    left, right = figure.subplots(1, 2, width_ratios=(2.2, 1))
    share = is_rare.double().mean().item()
    nothing = np.zeros(1), np.array([codes.min().item(), codes.max().item()])
    before = left.stairs(*nothing, fill=True, color=COLOURS["neutral"], label="as they come")
    after = left.stairs(*nothing, color=COLOURS["posterior"], linewidth=2.5, label="as they are shown")
    left.set(title="Smoothing decides how flat it gets", xlabel="code", ylabel="density", ylim=(0, 0.75))
    left.legend(loc="upper right")
    bars = right.bar(
        ["as they come", "as shown"],
        [share, share],
        color=[COLOURS["neutral"], COLOURS["posterior"]],
        width=0.6,
    )
    label = right.text(1, share, "", ha="center", va="bottom", weight="bold")
    right.text(0, share, f" {share:.0%}", ha="center", va="bottom", weight="bold")
    right.set(title="Share of the rare group", ylim=(0, 0.8))

    def update(log10_alpha: float, bins: int) -> str:
        alpha = 10.0**log10_alpha
        now = resampled(codes, is_rare, bins, alpha)
        before.set_data(now.before, now.edges)
        after.set_data(now.after, now.edges)
        bars[1].set_height(now.rare_share)
        label.set_text(f"{now.rare_share:.0%}")
        label.set_y(now.rare_share)
        return (
            f"alpha = {alpha:.3g}, {bins} bins: the rare group's share goes from {share:.0%} to {now.rare_share:.0%}, "
            f"and {len(codes)} examples are worth {now.n_effective:.0f} equally weighted ones."
        )

    return figure, update


def resampling_playground(codes: Tensor | None = None, is_rare: Tensor | None = None) -> Explorer:
    """Show the playground: sliders for the smoothing alpha (its logarithm to base 10) and the number of bins.

    Parameters: ``codes`` (n,) of one latent dimension and the mask ``is_rare`` (n,); by default an example.
    """
    if codes is None or is_rare is None:
        codes, is_rare = example_codes()
    figure, update = make_figure(codes, is_rare)
    return explore(
        figure,
        update,
        alt=ALT,
        log10_alpha=slider(-3.0, 1.0, -1.5, 0.25, "log10 of alpha"),
        bins=slider(4, 40, 12, 1, "bins"),
    )
