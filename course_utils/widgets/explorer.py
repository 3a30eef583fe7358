"""A figure with controls: change a value, see the picture change."""

import html
from collections.abc import Callable
from typing import Any

import ipywidgets
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.plotting.display import check_alt, close, figure_html, publish, small_png
from course_utils.widgets.canvas import FastCanvas
from course_utils.widgets.picture import Picture

__all__ = ["Explorer", "explore"]

# update(**values) changes the artists; it may return a sentence about the state they are in now
Update = Callable[..., str | None]

# axes, and the names of the sliders that a click into them sets: the horizontal one, the vertical one
Click = tuple[Axes, str, str]


def explore(
    figure: Figure, update: Update, *, alt: str, click: Click | None = None, **controls: ipywidgets.Widget
) -> "Explorer":
    """Show a figure with controls that redraw it.

    In JupyterLab this is a live widget; in a notebook that is read without a kernel, the picture of the first
    state stays. Both carry the alt text.

    Parameters: ``figure`` is drawn by the caller, once. ``update(**values)`` is called with the value of each
    control and changes the figure's artists in place (``line.set_ydata``, ``image.set_data``,
    ``text.set_text``), so that a redraw takes less than 50 ms; it may return a sentence about the new state,
    which stands under the picture, where a screen reader finds it too. ``alt`` says what there is to see at
    first and what the controls change. ``click=(axes, "x", "y")`` lets a click into the axes, or a drag, set
    the sliders named x and y, which do the same by keyboard. ``controls`` are made by
    :func:`~course_utils.widgets.slider`, :func:`~course_utils.widgets.choice` or
    :func:`~course_utils.widgets.player`, each under the name of the argument of ``update`` that it sets.
    Returns: the :class:`Explorer`, already on the page, which a program can drive as a reader would.
    Raises: ValueError for alt text that is empty or generic, or if there are no controls; and whatever
    ``update`` raises in the first state. Later, an error becomes one sentence under the picture.
    """
    explorer = Explorer(figure, update, alt=alt, click=click, **controls)
    explorer.show()
    return explorer


class Explorer:
    """An interactive figure: ``controls`` by name, ``picture`` and ``message``; ``view`` holds them all.

    Without a browser, ``set`` moves controls and returns the new picture:

    >>> from course_utils.plotting import new_figure
    >>> from course_utils.widgets import slider
    >>> figure, axes = new_figure()
    >>> (line,) = axes.plot([0, 1], [0, 0])
    >>> explorer = Explorer(
    ...     figure,
    ...     lambda slope: line.set_ydata([0, slope / 10]),
    ...     alt="A line whose slope follows the slider",
    ...     slope=slider(0, 10, 5, 1, "slope"),
    ... )
    >>> explorer.set(slope=2) != explorer.set(slope=3)
    True
    """

    def __init__(
        self,
        figure: Figure,
        update: Update,
        *,
        alt: str,
        click: Click | None = None,
        **controls: ipywidgets.Widget,
    ) -> None:
        check_alt(alt)
        if not controls:
            raise ValueError("explore needs a control, for example mean=slider(-3.0, 3.0, 0.0, 0.1, 'mean')")
        if click and not controls.keys() >= set(click[1:]):
            raise ValueError(
                f"a click sets {click[1]} and {click[2]}; there are the controls {list(controls)}"
            )
        self.update, self.alt, self.controls = update, alt, controls
        close(figure)
        self.first_sentence = update(**self.values) or ""
        self.canvas = FastCanvas(figure)
        self.first_picture = small_png(self.canvas.draw())
        self.picture = Picture(alt=alt.strip(), takes_clicks=click is not None)
        self.message = ipywidgets.HTML()
        self._render(self.first_sentence)
        layout = ipywidgets.Layout(flex_flow="row wrap", grid_gap="0 2em")
        row = ipywidgets.Box(list(controls.values()), layout=layout)
        self.view = ipywidgets.VBox([row, self.picture, self.message])
        for control in controls.values():
            control.observe(self._redraw, names="value")
        if click:
            self.picture.observe(lambda change: self._go_to(*click, *change.new), names="point")

    @property
    def values(self) -> dict[str, Any]:
        """The value of each control, by name."""
        return {name: control.value for name, control in self.controls.items()}

    def set(self, **values: Any) -> bytes:
        """Move controls as a reader would. Returns: the PNG file then on the page."""
        for name, value in values.items():
            self.controls[name].value = value
        return self.png

    def show(self) -> None:
        """Put the live widget on the page, and with it the picture that stays when no kernel runs."""
        still = {
            "text/html": figure_html(self.first_picture, self.alt) + _sentence(self.first_sentence),
            "text/plain": f"{self.alt} {self.first_sentence}".strip(),
        }
        publish(self.view._repr_mimebundle_() | still)

    def _ipython_display_(self) -> None:
        """Nothing: `explore` has shown it, and the last line of a cell would show it again."""

    def _go_to(self, axes: Axes, x: str, y: str, across: float, up: float) -> None:
        """Set two sliders to a point of the picture, and draw once."""
        pixel = axes.figure.transFigure.transform((across, up))
        if not axes.bbox.contains(*pixel):
            return
        for name, value in zip((x, y), axes.transData.inverted().transform(pixel), strict=True):
            control = self.controls[name]
            steps = round((value - control.min) / control.step)
            control.unobserve(self._redraw, names="value")
            control.value = min(max(control.min + steps * control.step, control.min), control.max)
            control.observe(self._redraw, names="value")
        self._redraw()

    def _redraw(self, _change: object = None) -> None:
        try:
            self._render(self.update(**self.values) or "")
        except Exception as error:
            # Whoever moves a slider is helped by a sentence, not by a traceback for each step of it.
            reason = str(error).strip().split("\n")[0] or type(error).__name__
            self.message.value = _sentence(f"This setting cannot be drawn ({reason}). Move a control back.")

    def _render(self, sentence: str) -> None:
        self.png = self.canvas.png()
        self.picture.png = self.png
        self.message.value = _sentence(sentence)


def _sentence(text: str) -> str:
    """One line under the picture; a screen reader says it when it changes."""
    return f'<p role="status" style="font-size: 1.1em">{html.escape(text)}</p>' if text else ""
