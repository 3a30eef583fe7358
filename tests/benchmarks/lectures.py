"""How long each lecture runs from top to bottom, kernel start included."""

from pathlib import Path

import nbformat

from course_utils.notebooks.execute import execute
from tests.benchmarks.frame import CannotMeasure, Table, measure

SOLUTIONS = Path(__file__).parents[2] / "solutions"


def run() -> Table:
    notebooks = sorted(SOLUTIONS.glob("*.ipynb"))
    if not notebooks:
        raise CannotMeasure("there is no notebook in solutions; run `course build` first.")
    table = Table(
        "Lectures",
        "Each complete notebook in a new kernel, once. The limit is 60 s on two cores.",
        ("lecture", "wall s", "CPU s", "notebook kB"),
    )
    for path in notebooks:
        notebook = nbformat.read(path, as_version=4)
        sample = measure(lambda n=notebook, p=path: execute(n, p.parent))
        size = f"{path.stat().st_size / 1000:.0f}"
        table.rows.append((path.stem, f"{sample.wall:.1f}", f"{sample.cpu:.1f}", size))
    return table
