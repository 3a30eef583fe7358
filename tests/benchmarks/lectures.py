"""How long each lecture runs from top to bottom, kernel start included, and what it spends that time on."""

import json
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_utils.notebooks.execute import execute
from tests.benchmarks.frame import CannotMeasure, Table, measure

SOLUTIONS = Path(__file__).parents[2] / "solutions"

BEFORE = """
import time as _time
_begun, _seconds, _drawing = [_time.perf_counter()], [], []
get_ipython().events.register("pre_run_cell", lambda *_: _begun.append(_time.perf_counter()))
get_ipython().events.register("post_run_cell", lambda *_: _seconds.append(_time.perf_counter() - _begun[-1]))
"""
AFTER_IMPORTS = """
def _timed(draw):
    def timed(*arguments):
        begun = _time.perf_counter()
        try:
            return draw(*arguments)
        finally:
            _drawing.append(_time.perf_counter() - begun)
    return timed
from course_utils.plotting import display as _display
from course_utils.widgets import explorer as _explorer
_display.png_bytes = _timed(_display.png_bytes)
_explorer.FastCanvas, _explorer.small_png = _timed(_explorer.FastCanvas), _timed(_explorer.small_png)
"""
AFTER = "import json as _json\nprint(_json.dumps([_seconds, _drawing]))"


def run() -> Table:
    paths = sorted(SOLUTIONS.glob("*.ipynb"))
    if not paths:
        raise CannotMeasure("there is no notebook in solutions; run `course build` first.")
    table = Table(
        "Lectures",
        "Each complete notebook in a new kernel, once. The limit is 60 s on two cores. Where the seconds go: the "
        "kernel's start and end, the cell of imports, drawing (from a figure to its PNG, playgrounds too), checks of "
        "exercises, and what is left for learning and computing.",
        ("lecture", "wall s", "CPU s", "kernel", "imports", "drawing", "checks", "learning", "notebook kB"),
    )
    for path in paths:
        notebook, kinds = probed(nbformat.read(path, as_version=4))
        executed: list[NotebookNode] = []
        sample = measure(lambda n=notebook, p=path, e=executed: e.append(execute(n, p.parent)))
        seconds, drawing = json.loads(executed[0].cells[-1].outputs[0].text)
        spent = dict.fromkeys(("probe", "imports", "check", "cell"), 0.0)
        for kind, second in zip(kinds, seconds, strict=True):
            spent[kind] += second
        drawn = sum(drawing)
        parts = (
            sample.wall - sum(spent.values()),
            spent["imports"],
            drawn,
            spent["check"],
            spent["cell"] - drawn,
        )
        row = (sample.wall, sample.cpu, *parts)
        table.rows.append((path.stem, *(f"{s:.1f}" for s in row), f"{path.stat().st_size / 1000:.0f}"))
    return table


def probed(notebook: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """The notebook with cells of our own that note the time, and the kind of each cell whose end they see."""
    probe = nbformat.v4.new_code_cell
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    first, *others = code
    kinds = ["probe", "imports", "probe", *("check" if c.id.startswith("check-") else "cell" for c in others)]
    notebook.cells = [probe(BEFORE), first, probe(AFTER_IMPORTS), *others, probe(AFTER)]
    return notebook, kinds
