"""Colours, fonts and sizes, in one place.

Sizes are chosen for a projector: at the default 10 x 4 inches nothing is set below 12 points, which on a
slide that shows the figure at full width is about 2.5 % of the slide's height.
"""

from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["CLASS_COLOURS", "CLASS_MARKERS", "COLOURS", "STYLE", "new_figure", "use_course_style"]

# One colour per concept through the whole course. The hues are those of Okabe & Ito ("Color universal
# design", 2008), darkened until each has a contrast of at least 3:1 against white (WCAG 2.1, 1.4.11) and
# moved apart for dichromats (tests/plotting/test_palette.py simulates them and states the distances that are
# kept).
_BLUE, _RED, _SKY, _PURPLE, _GREEN, _ORANGE = "#003f73", "#ba2500", "#059bf1", "#a16caa", "#5a9257", "#d48207"
_BLACK, _GREY, _LIGHT_GREY = "#000000", "#737373", "#bdbdbd"

COLOURS: dict[str, str] = {
    "data": _BLUE,
    "real": _BLUE,  # real examples are the data
    "model": _RED,
    "fake": _RED,  # what the model makes
    "prior": _SKY,
    "posterior": _PURPLE,
    "reconstruction": _GREEN,
    "kl": _ORANGE,
    "truth": _BLACK,
    "baseline": _GREY,
    "neutral": _LIGHT_GREY,  # gridlines, guides, what should stay in the background
}

# Ten classes are more than colour alone can carry for a dichromat, so each class also has a marker of its
# own, and latent_plane writes the class's name at its centre.
CLASS_COLOURS: tuple[str, ...] = (
    "#0511a2", "#df775d", "#196103", "#ae79fd", "#5d0457",
    "#45a2a1", "#d10565", "#6a75b1", "#b98d08", "#3c2e1f",
)  # fmt: skip
CLASS_MARKERS: tuple[str, ...] = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")

STYLE: dict[str, Any] = {
    "figure.figsize": (10.0, 4.0),
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "figure.titlesize": 16,
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same figure on every machine
    "font.size": 13,
    "axes.titlesize": 15,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelsize": 13,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "legend.fontsize": 12,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#4d4d4d",
    "axes.axisbelow": True,  # data over the grid; the fast redraw of course_utils.widgets relies on it too
    "axes.grid": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.8,
    "axes.prop_cycle": mpl.cycler(color=[_BLUE, _RED, _GREEN, _PURPLE, _ORANGE, _SKY, _BLACK, _GREY]),
    "lines.linewidth": 2.4,
    "lines.markersize": 6,
    "scatter.edgecolors": "none",
    "image.cmap": "gray",
    "image.interpolation": "nearest",
}


def use_course_style() -> None:
    """Make every figure drawn from here on look like the course's; call it once, at the top of a notebook."""
    mpl.rcParams.update(STYLE)


def new_figure(
    n_rows: int = 1,
    n_columns: int = 1,
    *,
    figsize: tuple[float, float] | None = None,
    **subplots: Any,
) -> tuple[Figure, Any]:
    """A figure in the course's style that pyplot does not know about, so that nothing shows it twice.

    Parameters: rows and columns of axes; ``figsize`` in inches, 10 x 4 unless given; ``subplots`` as in
    :meth:`matplotlib.figure.Figure.subplots` (``squeeze``, ``sharex``, ``width_ratios``, ...).
    Returns: the figure and its axes, one :class:`~matplotlib.axes.Axes` or an array of them.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=figsize)
        axes: Axes | Any = figure.subplots(n_rows, n_columns, **subplots)
    return figure, axes
