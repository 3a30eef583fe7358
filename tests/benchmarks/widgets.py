"""From a moved control to the new picture, for every playground, without the browser's share."""

import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

from course_utils import widgets
from tests.benchmarks.frame import Table, measure, median


def run(moves: int = 20) -> Table:
    table = Table(
        "Redraw of the playgrounds",
        f"From a control's new value to the encoded picture, {moves} moves of each control. The goal is 50 ms. In the "
        "browser, sending and showing the picture come on top.",
        ("playground", "control", "CPU ms", "wall ms", "picture kB"),
    )
    for name in widgets.playgrounds():
        with redirect_stdout(
            io.StringIO()
        ):  # the alt text, which is what there is to show without a notebook
            playground = getattr(widgets, name)()
        for label, control in playground.controls.items():
            samples = [
                measure(lambda c=control, v=v: setattr(c, "value", v)) for v in _values(control, moves)
            ]
            cpu, wall = ([getattr(s, kind) for s in samples] for kind in ("cpu", "wall"))
            times = (median(t, unit=1000, digits=0) for t in (cpu, wall))
            table.rows.append((name, label, *times, f"{len(playground.png) / 1000:.0f}"))
    return table


def _values(control: Any, n: int) -> Iterator[Any]:
    """Values from one end of a control to the other and back, none twice in a row."""
    options = [value for _, value in getattr(control, "options", ())]
    if options:
        yield from (options[(i + 1) % len(options)] for i in range(n))
        return
    low, high = control.min, control.max
    whole = isinstance(control.value, int)
    steps = min(n, high - low) if whole else n
    for i in range(1, n + 1):
        part = low + (high - low) * (i % (steps + 1)) / steps
        yield round(part) if whole else part
