"""Computation graphs: round nodes are random, square ones are computed, and gradients flow against the arrows."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from course_utils.plotting.style import COLOURS

__all__ = ["computation_graph"]

RADIUS = 0.38
FORWARD, BACKWARD = COLOURS["truth"], COLOURS["model"]
FILL = {
    "input": "#ffffff",
    "computed": "#e8eef4",
    "random": "#f1e3f3",
}

Node = tuple[str, float, float, str]


def computation_graph(
    axes: Axes,
    nodes: Mapping[str, Node],
    edges: Sequence[tuple[str, str]],
    *,
    backward: Sequence[tuple[str, str]] = (),
    blocked: Sequence[tuple[str, str]] = (),
) -> None:
    """Draw a computation graph, values flowing along the edges and gradients back.

    Parameters: ``nodes`` maps a name to ``(text, x, y, kind)``, kind one of "input" (square, white), "computed"
    (square) and "random" (round); give them a distance of about 1.5. ``edges`` are pairs of names, in the direction
    of the values. Of these, ``backward`` carry a gradient back to their first node, drawn beside the edge in the
    model's colour, and ``blocked`` would carry one but do not: the arrow ends in a cross.
    Raises: ValueError for a kind that there is not.
    """
    for name, (text, x, y, kind) in nodes.items():
        if kind not in FILL:
            raise ValueError(f"the kind of node {name!r} must be one of {', '.join(FILL)}, got {kind!r}")
        look = {"facecolor": FILL[kind], "edgecolor": FORWARD, "linewidth": 1.8, "zorder": 3}
        if kind == "random":
            axes.add_patch(Circle((x, y), RADIUS, **look))
        else:
            side = 2 * RADIUS - 0.12
            box = FancyBboxPatch((x - side / 2, y - side / 2), side, side, boxstyle="round,pad=0.06", **look)
            axes.add_patch(box)
        axes.text(x, y, text, ha="center", va="center", fontsize=15, zorder=4)

    for first, last in edges:
        _arrow(axes, nodes[first], nodes[last], FORWARD)
    for first, last in (*backward, *blocked):
        _arrow(axes, nodes[last], nodes[first], BACKWARD, stops=(first, last) in blocked)
    xs, ys = ([node[i] for node in nodes.values()] for i in (1, 2))
    axes.set(xlim=(min(xs) - 0.7, max(xs) + 0.7), ylim=(min(ys) - 0.7, max(ys) + 0.7))
    axes.set_aspect("equal")
    axes.axis("off")


def _arrow(axes: Axes, start: Node, end: Node, colour: str, *, stops: bool | None = None) -> None:
    """Draw one arrow; a gradient (``stops`` given) runs to the right of its way, a blocked one only half of it."""
    (x0, y0), (x1, y1) = start[1:3], end[1:3]
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    along, across = ((x1 - x0) / length, (y1 - y0) / length), ((y1 - y0) / length, -(x1 - x0) / length)
    is_gradient, gap = stops is not None, RADIUS + 0.1
    reach = length - gap if not stops else 0.5 * length
    side = 0.17 if is_gradient else 0.0
    points = [
        (x0 + at * along[0] + side * across[0], y0 + at * along[1] + side * across[1]) for at in (gap, reach)
    ]
    axes.add_patch(
        FancyArrowPatch(
            *points,
            arrowstyle="-" if stops else "-|>",
            mutation_scale=18,
            shrinkA=0,
            shrinkB=0,
            linewidth=2.6 if is_gradient else 1.6,
            linestyle=(0, (3, 1.6)) if is_gradient else "-",
            color=colour,
            zorder=2,
        )
    )
    if stops:
        axes.plot(*points[1], marker="x", markersize=15, markeredgewidth=4, color=colour, zorder=5)
