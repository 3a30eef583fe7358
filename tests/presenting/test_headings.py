"""Headings are in order: whoever moves by them, with a screen reader or in a table of contents, misses nothing."""

import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "lectures").glob("[0-9][0-9]_*.ipynb"))


def headings(notebook):
    """Levels and titles, in order; what stands in fenced code is none."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = re.sub(r"^(```|~~~).*?^\1", "", cell.source, flags=re.MULTILINE | re.DOTALL)
            yield from (
                (len(marks), title) for marks, title in re.findall(r"^(#{1,6}) +(.+)$", text, re.MULTILINE)
            )


def out_of_order(levels_and_titles):
    level = 0
    for next_level, title in levels_and_titles:
        if next_level > level + 1:
            yield title
        level = next_level


def test_a_level_that_is_left_out_is_found():
    assert list(out_of_order([(1, "a"), (2, "b"), (3, "c"), (2, "d"), (4, "e")])) == ["e"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_headings_are_in_order(notebook):
    found = list(headings(nbformat.read(notebook, as_version=4)))
    assert [level for level, _ in found].count(1) == 1
    assert found[0][0] == 1
    assert list(out_of_order(found)) == []
    assert len({title for level, title in found if level == 2}) == sum(level == 2 for level, _ in found)
