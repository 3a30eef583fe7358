"""Computation graphs: what is round, what is square, and where the gradients stop."""

import pytest
from matplotlib.colors import same_color
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from course_utils.plotting import COLOURS, new_figure
from course_utils.plotting.graphs import computation_graph

NODES = {
    "a": ("$a$", 0.0, 0.0, "input"),
    "z": ("$z$", 2.0, 0.0, "random"),
    "f": ("$f$", 4.0, 1.0, "computed"),
}
EDGES = [("a", "z"), ("z", "f")]


def drawn(**gradients):
    figure, axes = new_figure()
    computation_graph(axes, NODES, EDGES, **gradients)
    figure.draw_without_rendering()
    return axes


def arrows(axes, colour):
    patches = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    return [patch for patch in patches if same_color(patch.get_edgecolor(), colour)]


def test_random_nodes_are_round_and_all_others_square() -> None:
    axes = drawn()
    assert [patch.center for patch in axes.patches if isinstance(patch, Circle)] == [(2.0, 0.0)]
    assert sum(isinstance(patch, FancyBboxPatch) for patch in axes.patches) == 2
    assert [text.get_text() for text in axes.texts] == ["$a$", "$z$", "$f$"]


def test_gradients_run_against_the_values_and_stop_where_they_are_blocked() -> None:
    axes = drawn(backward=[("z", "f")], blocked=[("a", "z")])
    assert len(arrows(axes, COLOURS["truth"])) == len(EDGES)
    assert len(arrows(axes, COLOURS["model"])) == 2
    (cross,) = axes.lines
    assert cross.get_marker() == "x"
    assert cross.get_xdata()[0] == pytest.approx(1.0)  # half-way from z to a


def test_unknown_kinds_are_refused() -> None:
    _, axes = new_figure()
    with pytest.raises(
        ValueError, match="the kind of node 'z' must be one of input, computed, random, got 'round'"
    ):
        computation_graph(axes, {"z": ("$z$", 0.0, 0.0, "round")}, [])
