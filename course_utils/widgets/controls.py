"""Labelled controls that work with the keyboard alone.

All send their value while they move. Nothing has to be throttled here: the browser sends the next value only
when the kernel has answered the last one, and of the values in between it keeps just the newest.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets
import traitlets

__all__ = ["Player", "choice", "player", "slider"]

_WHOLE_LABEL = {"description_width": "initial"}  # else ipywidgets cuts labels off after some ten characters


def slider(low: float, high: float, value: float, step: float, description: str) -> ipywidgets.ValueWidget:
    """A slider from ``low`` to ``high``; whole numbers if all of them are ``int``, else decimal ones.

    The number beside it can be clicked and typed over; arrow keys move it by ``step``.
    Raises: ValueError if ``value`` lies outside, ``step`` is not positive or the label is empty.
    """
    _check_label(description)
    if not low <= value <= high or step <= 0:
        raise ValueError(f"expected low <= value <= high and step > 0, got {low}, {value}, {high} and {step}")
    whole = all(isinstance(number, int) for number in (low, high, value, step))
    kind = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
    decimals = {} if whole else {"readout_format": f".{_decimals(step)}f"}
    return kind(value=value, min=low, max=high, step=step, description=description, style=_WHOLE_LABEL,
                layout=ipywidgets.Layout(width="26em", max_width="100%"), **decimals)  # fmt: skip


def choice(options: Sequence[Any] | Mapping[str, Any], description: str) -> ipywidgets.ValueWidget:
    """A choice of one among a few: buttons side by side up to five options, a drop-down list for more.

    Parameters: ``options``, or a mapping from what is shown to the value it stands for; the first is chosen.
    Raises: ValueError if there are fewer than two options or the label is empty.
    """
    _check_label(description)
    pairs = list(options.items()) if isinstance(options, Mapping) else [(str(o), o) for o in options]
    if len(pairs) < 2:
        raise ValueError(f"a choice needs at least two options, got {len(pairs)}")
    if len(pairs) > 5:
        return ipywidgets.Dropdown(options=pairs, description=description, style=_WHOLE_LABEL)
    layout = ipywidgets.Layout(width="max-content")
    return ipywidgets.RadioButtons(
        options=pairs, description=description, style=_WHOLE_LABEL, orientation="horizontal", layout=layout
    )


def player(n: int, description: str, *, interval: int = 200) -> "Player":
    """Frames 0 to ``n - 1``: a button that plays and pauses, and a slider to go to any of them.

    Parameters: ``n``, at least 2; ``interval`` between frames in milliseconds.
    Raises: ValueError if ``n`` is below 2 or the label is empty.
    """
    if n < 2:
        raise ValueError(f"a player needs at least two frames, got {n}")
    return Player(n, description, interval)


class Player(ipywidgets.HBox):
    """A button and a slider that share one ``value``, the index of the frame.

    The button starts and stops ipywidgets' player, whose own buttons are icons without a name.
    """

    value = traitlets.Int(0)

    def __init__(self, n: int, description: str, interval: int) -> None:
        self.min, self.max = 0, n - 1
        clock = ipywidgets.Play(
            min=0, max=n - 1, step=1, interval=interval, layout=ipywidgets.Layout(display="none")
        )
        button = ipywidgets.ToggleButton(
            description="Play", icon="play", layout=ipywidgets.Layout(width="6em")
        )
        position = slider(0, n - 1, 0, 1, description)
        super().__init__([clock, button, position], layout=ipywidgets.Layout(flex_flow="row wrap"))
        # Linked in the browser: a frame is shown without a round trip for the clock.
        ipywidgets.jslink((button, "value"), (clock, "playing"))
        ipywidgets.jslink((clock, "value"), (position, "value"))
        traitlets.link((position, "value"), (self, "value"))


def _check_label(description: str) -> None:
    if not description.strip():
        raise ValueError(
            "a control needs a description: it is the only thing a screen reader can say about it"
        )


def _decimals(step: float) -> int:
    text = f"{step:.6f}".rstrip("0")
    return max(1, len(text) - text.index(".") - 1)
