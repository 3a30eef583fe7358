"""Every lecture on the real MNIST, unchanged: it runs to its end, and every claim that it checks holds there too."""

import re
from pathlib import Path

import nbformat
import pytest

from course_utils.data.torchvision_sets import where
from course_utils.notebooks.build import find_sources
from course_utils.notebooks.execute import execute
from course_utils.notebooks.markers import is_compared
from course_utils.notebooks.outputs import texts

ROOT = Path(__file__).parents[2]
USE_MNIST = "import os\nos.environ.update(COURSE_DATASET='mnist', COURSE_DATA_DIR={folder!r})"


@pytest.fixture(scope="module")
def folder():
    raw = where("mnist")
    if raw is None:
        pytest.skip("the files of MNIST are not here: COURSE_DATA_DIR names no folder that holds them")
    return raw.parents[1].resolve()


def verdicts(cell):
    """What a cell prints about its claims: its Trues and Falses, in order."""
    return [
        word
        for output in cell.outputs
        for text in texts(output)
        for word in re.findall(r"\b(?:True|False)\b", text)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("source", find_sources(ROOT), ids=lambda path: path.stem)
def test_the_lecture_runs_on_mnist_and_its_claims_hold_there(source, folder):
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    saved = list(notebook.cells)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(USE_MNIST.format(folder=str(folder))))

    executed = execute(notebook, source.parent)

    for before, after in zip(saved, executed.cells[1:], strict=True):
        if before.cell_type == "code" and is_compared(before.source):
            assert verdicts(after) == verdicts(before), f"{after.source}\n{after.outputs}"
