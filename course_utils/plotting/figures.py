"""Figures that many lectures draw: image grids, latent planes, curves, densities, evidence bars."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike
from torch import Tensor

from course_utils.plotting.style import CLASS_COLOURS, CLASS_MARKERS, COLOURS, STYLE, new_figure

__all__ = ["curves", "density_1d", "image_grid", "latent_plane", "stacked_terms"]

DASHES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)))

TITLE_CHARACTERS_PER_INCH = 8.0  # of the course's title font, on the safe side


@mpl.rc_context(STYLE)
def image_grid(
    images: Tensor | np.ndarray,
    *,
    n_columns: int,
    title: str,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    value_range: tuple[float, float] | None = (0.0, 1.0),
    cell_inches: float | None = None,
) -> Figure:
    """Images side by side, row after row, all on the same grey scale.

    Parameters: ``images`` of shape (n, 1, height, width) or (n, height, width); the last row may be short.
    ``row_labels`` stand to the left and ``column_labels`` above. ``value_range`` is drawn from black to
    white; ``None`` takes the range of the images. ``cell_inches`` is the side of one image, by default what
    fills 10 inches (at most 1.4).
    Raises: ValueError if the shape is another one or the labels do not fit the grid.
    """
    pixels = _array(images)
    if pixels.ndim == 4 and pixels.shape[1] == 1:
        pixels = pixels[:, 0]
    if pixels.ndim != 3 or len(pixels) == 0:
        raise ValueError(
            f"images must have shape (n, 1, height, width) or (n, height, width), got {pixels.shape}"
        )
    n_rows = -(-len(pixels) // n_columns)
    for name, labels, wanted in (("row", row_labels, n_rows), ("column", column_labels, n_columns)):
        if labels is not None and len(labels) != wanted:
            raise ValueError(f"the grid has {wanted} {name}s, got {len(labels)} {name} labels")

    # One mosaic instead of n axes: drawing an axes costs more than drawing all the images.
    height, width = pixels.shape[1:]
    gap = max(1, round(0.07 * height))
    low, high = value_range or (float(pixels.min()), float(pixels.max()))
    mosaic = np.full((n_rows * (height + gap) - gap, n_columns * (width + gap) - gap), np.nan)
    for i, picture in enumerate(pixels):
        top, left = (i // n_columns) * (height + gap), (i % n_columns) * (width + gap)
        mosaic[top : top + height, left : left + width] = picture

    margin = 0.0 if row_labels is None else 0.3 + 0.105 * max(map(len, row_labels))
    cell = cell_inches or min(1.4, (10.0 - margin) / n_columns)
    figure_width = max(margin + n_columns * cell, 3.0)
    # The title may use the whole width, and as many lines as it needs.
    lines = textwrap.wrap(title, int(figure_width * TITLE_CHARACTERS_PER_INCH))
    enough = n_rows * cell * height / width + 0.4 + 0.3 * len(lines)  # fitted below
    figure, axes = new_figure(figsize=(figure_width, enough))
    axes.imshow(np.ma.masked_invalid(mosaic), vmin=low, vmax=high, cmap="gray", interpolation="nearest")
    figure.suptitle("\n".join(lines), x=0.0, ha="left", fontsize=STYLE["axes.titlesize"])
    axes.set_anchor("N")
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, top=False, labeltop=column_labels is not None, labelbottom=False)
    columns = np.arange(n_columns) * (width + gap) + (width - 1) / 2
    rows = np.arange(n_rows) * (height + gap) + (height - 1) / 2
    axes.set_xticks(columns if column_labels else [], column_labels or [])
    axes.set_yticks(rows if row_labels else [], row_labels or [])
    _fit_height(figure)
    return figure


def _fit_height(figure: Figure) -> None:
    """Give the figure the height that its contents take at its width: images keep their shape, so it is not known."""
    figure.draw_without_rendering()
    figure.set_figheight(figure.get_tightbbox().height + 0.1)


@mpl.rc_context(STYLE)
def latent_plane(
    codes: Tensor | np.ndarray,
    labels: Tensor | np.ndarray,
    *,
    title: str,
    class_names: Sequence[str],
    xlabel: str = "latent dimension 1",
    ylabel: str = "latent dimension 2",
    ax: Axes | None = None,
) -> Figure:
    """Codes in a plane, one colour and one marker a class, the class's name at its median.

    Parameters: ``codes`` of shape (n, 2); ``labels`` of shape (n,), integers below ``len(class_names)``, of
    which ten are told apart. ``ax`` draws into axes that are there already (for panels side by side) instead
    of a new figure.
    Returns: the figure, with equal units on both axes.
    Raises: ValueError if the shapes or the number of classes do not fit.
    """
    points, classes = _array(codes), _array(labels).astype(int)
    if points.ndim != 2 or points.shape[1] != 2 or classes.shape != points.shape[:1]:
        raise ValueError(f"expected codes (n, 2) and labels (n,), got {points.shape} and {classes.shape}")
    if len(class_names) > len(CLASS_COLOURS):
        raise ValueError(f"at most {len(CLASS_COLOURS)} classes can be told apart, got {len(class_names)}")
    figure, axes = (ax.figure, ax) if ax is not None else new_figure(figsize=(7.5, 6.0))
    for k, name in enumerate(class_names):
        own = points[classes == k]
        if len(own) == 0:
            continue
        axes.scatter(
            *own.T,
            s=22,
            color=CLASS_COLOURS[k],
            marker=CLASS_MARKERS[k],
            alpha=0.65,
            linewidths=0,
            label=name,
        )
        badge = {
            "boxstyle": "round,pad=0.25",
            "facecolor": "white",
            "edgecolor": CLASS_COLOURS[k],
            "alpha": 0.9,
        }
        axes.text(
            *np.median(own, axis=0),
            name,
            weight="bold",
            ha="center",
            va="center",
            bbox=badge,
        )
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axes.set_aspect("equal", adjustable="datalim")
    return figure


@mpl.rc_context(STYLE)
def curves(
    values: Mapping[str, ArrayLike | Tensor],
    *,
    x: ArrayLike | Tensor | None = None,
    title: str,
    xlabel: str,
    ylabel: str,
    colours: Mapping[str, str] | None = None,
    bands: Mapping[str, ArrayLike | Tensor] | None = None,
    log_x: bool = False,
    log_y: bool = False,
    direct_labels: bool = True,
) -> Figure:
    """Named curves over a common x, each with its name at its right end.

    Colour is never the only difference: curves also differ in their dashes, and names stand beside the lines,
    where no legend has to be matched by colour.

    Parameters: ``values`` maps a name to (n,) numbers; ``x`` is (n,), by default 1, 2, ..., n (epochs).
    ``colours`` maps a name to a colour or to a key of ``COLOURS``; ``bands`` maps a name to (n,) half-widths,
    drawn as a shaded band (say what they are in the title or caption). ``direct_labels=False`` draws a legend
    instead.
    Raises: ValueError if a curve's length is not that of ``x``.
    """
    figure, axes = new_figure()
    labels: list[tuple[float, float, str, str]] = []
    for i, (name, column) in enumerate(values.items()):
        y = _array(column)
        at = np.arange(1, len(y) + 1) if x is None else _array(x)
        if at.shape != y.shape:
            raise ValueError(f"the curve {name!r} has shape {y.shape} but x has {at.shape}")
        marker = "o" if len(y) <= 12 else None
        (line,) = axes.plot(
            at, y, color=_colour(name, colours), linestyle=DASHES[i % len(DASHES)], marker=marker, label=name
        )
        if bands and name in bands:
            half = _array(bands[name])
            axes.fill_between(at, y - half, y + half, color=line.get_color(), alpha=0.2, linewidth=0)
        labels.append((at[-1], y[-1], name, line.get_color()))
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axes.set_xscale("log" if log_x else "linear")
    if x is None and not log_x:
        axes.xaxis.set_major_locator(
            MaxNLocator(integer=True)
        )  # after the scale, which brings a locator of its own
    axes.set_yscale("log" if log_y else "linear")
    if direct_labels:
        _label_ends(axes, labels)
    else:
        axes.legend()
    return figure


@mpl.rc_context(STYLE)
def density_1d(
    x: ArrayLike | Tensor,
    densities: Mapping[str, ArrayLike | Tensor],
    *,
    title: str,
    xlabel: str,
    ylabel: str = "density",
    samples: ArrayLike | Tensor | None = None,
    colours: Mapping[str, str] | None = None,
) -> Figure:
    """Densities over a line, with samples as ticks under them.

    Parameters: ``x`` of shape (n,); ``densities`` maps a name to (n,) values; ``samples`` of shape (m,), of
    which the first 2,000 are drawn; ``colours`` maps a name to a colour or to a key of ``COLOURS``, by
    default the name itself.
    """
    figure, axes = new_figure()
    at = _array(x)
    for i, (name, column) in enumerate(densities.items()):
        y = _array(column)
        (line,) = axes.plot(
            at, y, color=_colour(name, colours), linestyle=DASHES[i % len(DASHES)], label=name
        )
        axes.fill_between(at, y, color=line.get_color(), alpha=0.12, linewidth=0)
    if samples is not None:
        shown = _array(samples)[:2000]
        ticks = {"markersize": 14, "alpha": 0.5, "clip_on": False, "color": COLOURS["data"]}
        axes.plot(shown, np.zeros_like(shown), "|", label="samples", **ticks)
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axes.set_ylim(bottom=0)
    axes.legend()
    return figure


@mpl.rc_context(STYLE)
def stacked_terms(
    bars: Mapping[str, Mapping[str, float]],
    *,
    title: str,
    ylabel: str = "nats per example",
    colours: Mapping[str, str] | None = None,
) -> Figure:
    """Bars that add up, such as negative ELBO = reconstruction + KL, with every number written in.

    Parameters: ``bars`` maps a bar's name to its terms, ``{"2 codes": {"reconstruction": 80.1, "kl": 12.3},
    ...}``, all of one sign within a bar and the same terms in each. ``colours`` maps a term to a colour or a
    key of ``COLOURS``, by default the term itself.
    Raises: ValueError if the terms of a bar have both signs, since stacked they would not add up to its
    height.
    """
    figure, axes = new_figure()
    terms = list(dict.fromkeys(term for parts in bars.values() for term in parts))
    heights = np.array([[parts.get(term, 0.0) for term in terms] for parts in bars.values()])  # (bars, terms)
    if ((heights.min(1) < 0) & (heights.max(1) > 0)).any():
        raise ValueError("the terms of a bar must have one sign, or they do not add up to its height")
    ends = heights.cumsum(1)  # (bars, terms)
    too_narrow = np.abs(heights) < 0.08 * np.abs(ends[:, -1]).max()  # for its number
    look = {"height": 0.6, "edgecolor": "white", "linewidth": 1.5}
    for k, term in enumerate(terms):
        colour = _colour(term, colours) or CLASS_COLOURS[k]
        drawn = axes.barh(
            list(bars), heights[:, k], left=ends[:, k] - heights[:, k], color=colour, label=term, **look
        )
        numbers = [
            "" if narrow else f"{v:.4g}" for v, narrow in zip(heights[:, k], too_narrow[:, k], strict=True)
        ]
        axes.bar_label(drawn, numbers, label_type="center", color="white", weight="bold", fontsize=14)
    for row, total in enumerate(ends[:, -1]):
        side = "left" if total >= 0 else "right"
        axes.text(total, row, f" {total:.4g} ", va="center", ha=side, weight="bold", fontsize=14)
    axes.set(title=title, xlabel=ylabel)
    axes.margins(x=0.12)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.legend(ncols=len(terms), loc="upper left", bbox_to_anchor=(0, -0.18))
    return figure


def _label_ends(axes: Axes, labels: list[tuple[float, float, str, str]]) -> None:
    """Write each curve's name at its right end, pushed apart where names would overlap."""
    figure = axes.figure
    figure.draw_without_rendering()  # the axes know their size only after the layout ran
    to_pixels, line_height = axes.transData.transform, 1.25 * 14 * figure.dpi / 72
    ends = sorted(
        (to_pixels((x, y))[1], x, y, name, colour) for x, y, name, colour in labels if np.isfinite(y)
    )
    taken = -np.inf
    look = {"weight": "bold", "fontsize": 14, "va": "center", "annotation_clip": False}
    for pixel, x, y, name, colour in ends:
        taken = max(pixel, taken + line_height)
        offset = (8, (taken - pixel) * 72 / figure.dpi)
        axes.annotate(name, (x, y), xytext=offset, textcoords="offset points", color=colour, **look)


def _colour(name: str, colours: Mapping[str, str] | None) -> str | None:
    """The colour asked for, else the concept's if the name is one, else ``None``: the next of the cycle."""
    chosen = (colours or {}).get(name, name)
    return COLOURS.get(chosen, None if chosen == name else chosen)


def _array(values: ArrayLike | Tensor) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
