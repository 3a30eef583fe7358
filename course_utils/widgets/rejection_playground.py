"""Lecture 9's second playground: one threshold on an outlier score, and what it accepts and rejects."""

from collections.abc import Callable
from typing import NamedTuple

import matplotlib as mpl
import torch
from matplotlib.figure import Figure
from torch import Tensor

from course_utils.data import load
from course_utils.metrics import auroc, roc_curve
from course_utils.plotting import COLOURS
from course_utils.plotting.style import STYLE
from course_utils.widgets.controls import slider
from course_utils.widgets.explorer import Explorer, explore

__all__ = ["Decision", "decide", "make_figure", "rejection_playground"]

N_SHOWN = 8
ALT = (
    "Left: the ROC curve of an outlier score with a dot at the threshold that the slider sets. Right: two rows of "
    "images, the last ones still accepted below the threshold and the first ones rejected above it, usual ones and "
    "outliers mixed."
)


class Decision(NamedTuple):
    """A threshold on the score, and the share of inliers and of outliers that reach it."""

    threshold: float
    false_alarms: float
    caught: float


def decide(scores_in: Tensor, scores_out: Tensor, quantile: float) -> Decision:
    """Reject what scores above a quantile of the inliers' scores.

    Parameters: ``scores_in`` (n,), ``scores_out`` (m,), high = outlier; ``quantile`` in [0, 1].
    Returns: `Decision`, with the shares of both that lie above the threshold.

    >>> decide(torch.arange(10.0), torch.tensor([4.0, 20.0]), 0.5)
    Decision(threshold=4.5, false_alarms=0.5, caught=0.5)
    """
    threshold = torch.quantile(scores_in.double(), quantile)
    shares = [(scores.double() > threshold).double().mean().item() for scores in (scores_in, scores_out)]
    return Decision(threshold.item(), *shares)


@mpl.rc_context(STYLE)
def make_figure(
    scores_in: Tensor, scores_out: Tensor, images_in: Tensor, images_out: Tensor
) -> tuple[Figure, Callable[..., str]]:
    """The figure and its update function, ``update(accepted)``: per cent of the usual images to be accepted."""
    figure = Figure(figsize=(10.0, 4.0))
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.7))
    left.plot([0, 1], [0, 1], color=COLOURS["neutral"], linestyle=":")
    left.plot(*roc_curve(scores_in, scores_out), color=COLOURS["model"])
    (dot,) = left.plot(0, 0, "o", ms=11, color=COLOURS["truth"], clip_on=False)
    left.set(
        xlabel="usual images rejected",
        ylabel="outliers rejected",
        aspect="equal",
        xlim=(0, 1),
        ylim=(0, 1.02),
    )
    left.set_title(f"AUROC {auroc(scores_in, scores_out):.2f}")

    scores, order = torch.cat([scores_in, scores_out]).double().sort()
    images = torch.cat([images_in, images_out])[order, 0]
    is_outlier = order >= len(scores_in)
    side = images.shape[-1]
    picture = right.imshow(torch.zeros(2 * side + 8, N_SHOWN * side).numpy(), vmin=0, vmax=1, cmap="gray")
    marks = [
        right.text((k + 0.5) * side, row * (side + 8) + side + 4, "", ha="center", va="center", fontsize=12)
        for row in range(2)
        for k in range(N_SHOWN)
    ]
    right.set(xticks=[], title="Around the threshold (* = outlier)")
    right.set_yticks([side / 2, 1.5 * side + 8], ["rejected", "accepted"])
    right.set_ylim(2 * side + 8, -1)
    right.grid(False)
    right.spines[:].set_visible(False)

    def update(accepted: int) -> str:
        now = decide(scores_in, scores_out, accepted / 100)
        cut = int((scores <= now.threshold).sum())
        canvas = torch.full((2 * side + 8, N_SHOWN * side), torch.nan)
        rows = (range(cut, min(cut + N_SHOWN, len(scores))), range(max(cut - N_SHOWN, 0), cut))
        for row, members in enumerate(rows):
            for k in range(N_SHOWN):
                marks[row * N_SHOWN + k].set_text("*" if k < len(members) and is_outlier[members[k]] else "")
            for k, i in enumerate(members):
                top = row * (side + 8)
                canvas[top : top + side, k * side : (k + 1) * side] = images[i]
        picture.set_data(canvas.numpy())
        dot.set_data([now.false_alarms], [now.caught])
        accepted_share = f"{1 - now.false_alarms:.0%} of the usual images accepted"
        return f"With {accepted_share}, {now.caught:.0%} of the outliers are rejected."

    return figure, update


def rejection_playground(
    scores_in: Tensor | None = None,
    scores_out: Tensor | None = None,
    images_in: Tensor | None = None,
    images_out: Tensor | None = None,
) -> Explorer:
    """Show the playground: a slider for how many of the usual images are to be accepted.

    Parameters: scores (n,) and (m,), high = outlier, with the images (n, 1, 28, 28) and (m, 1, 28, 28) they belong to.
    Without them, digits against mirrored digits, scored by the squared error of 16 principal components.
    """
    if scores_in is None or scores_out is None or images_in is None or images_out is None:
        scores_in, scores_out, images_in, images_out = _example()
    figure, update = make_figure(scores_in, scores_out, images_in, images_out)
    return explore(figure, update, alt=ALT, accepted=slider(50, 100, 95, 1, "usual images accepted (%)"))


def _example() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    data = load()
    x = data.train_images[:1000].flatten(1)
    basis = torch.linalg.svd(x - x.mean(0), full_matrices=False).Vh[:16]  # (16, 784)

    def score(images: Tensor) -> Tensor:
        centred = images.flatten(1) - x.mean(0)
        return (centred - centred @ basis.T @ basis).square().sum(1)

    usual = data.test_images[:300]
    mirrored = usual.flip(3)
    return score(usual), score(mirrored), usual, mirrored
