import numpy as np
import pytest

from course_utils.plotting import COLOURS, new_figure
from course_utils.widgets.canvas import FastCanvas


def scene():
    """Two axes with one of each kind of artist a playground moves."""
    figure, (left, right) = new_figure(1, 2, figsize=(5, 2.5))
    x = np.linspace(-3, 3, 60)
    parts = {
        "line": left.plot(x, np.sin(x), label="wave")[0],
        "dots": left.scatter(x[::6], np.cos(x[::6]), color=COLOURS["data"]),
        "text": left.text(0, 0.5, "hello"),
        "span": left.axvspan(-1, 1, alpha=0.2),
        "bars": right.bar(["a", "b"], [1.0, 2.0]),
        "left": left,
        "right": right,
        "figure": figure,
    }
    left.set_title("left")
    left.legend()
    right.set_ylim(0, 4)
    right.set_xlabel("label")
    return figure, parts


CHANGES = {
    "line": lambda p: p["line"].set_ydata(np.cos(np.linspace(-3, 3, 60))),
    "dots": lambda p: p["dots"].set_offsets([[0, 0], [1, 0.5]]),
    "text": lambda p: p["text"].set_text("other"),
    "hidden": lambda p: p["text"].set_visible(False),
    "bar": lambda p: p["bars"][0].set_height(3.5),
    "new artist": lambda p: p["right"].plot([0, 1], [3, 1], zorder=5),
    "removed artist": lambda p: p["span"].remove(),
    "title": lambda p: p["left"].set_title("a new title"),
    "empty title": lambda p: p["left"].set_title(""),
    "label": lambda p: p["right"].set_xlabel("a new label"),
    "limits": lambda p: p["right"].set_ylim(0, 8),
    "ticks": lambda p: p["left"].set_xticks([-2, 2], ["low", "high"]),
    "autoscale": lambda p: p["left"].plot([0, 9], [0, 9]),
    "scale": lambda p: p["right"].set_yscale("symlog"),
    "hidden axes": lambda p: p["left"].set_visible(False),
    "supertitle": lambda p: p["figure"].text(0.5, 0.5, "over all"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_fast_redraw_is_a_full_draw_pixel_for_pixel(change):
    figure, parts = scene()
    fast = FastCanvas(figure)
    before = fast.draw().copy()
    CHANGES[change](parts)
    after = fast.draw().copy()
    again = fast.draw().copy()
    fast.canvas.draw()
    full = np.asarray(fast.canvas.buffer_rgba())
    np.testing.assert_array_equal(after, full)
    np.testing.assert_array_equal(again, full)
    assert not np.array_equal(before, after)


def test_data_that_moves_does_not_cost_a_new_background():
    figure, parts = scene()
    fast = FastCanvas(figure)
    for change in ("line", "dots", "text", "bar"):
        CHANGES[change](parts)
        fast.draw()
    assert fast.n_backgrounds == 1
    CHANGES["limits"](parts)
    fast.draw()
    assert fast.n_backgrounds == 2


def test_three_dimensions_are_drawn_in_full():
    figure, axes = new_figure(subplot_kw={"projection": "3d"})
    (line,) = axes.plot([0, 1], [0, 1], [0, 1])
    fast = FastCanvas(figure)
    before = fast.draw().copy()
    line.set_data_3d([0, 1], [1, 0], [0, 1])
    assert not np.array_equal(before, fast.draw())
