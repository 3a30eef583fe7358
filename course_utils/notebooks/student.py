"""The student notebook: answers become stubs, by nbgrader's own preprocessors used as plain functions.

The speaker's notes stay behind: timing and answers to questions are not for those who will be asked.
"""

import ast
import copy
from collections.abc import Iterator

from nbformat import NotebookNode
from nbgrader.preprocessors import CheckCellMetadata, ClearSolutions, ComputeChecksums, LockCells

from course_utils.notebooks.cell import Cell
from course_utils.notebooks.complete import sign
from course_utils.notebooks.markers import BEGIN, END, is_note, solution_lines
from course_utils.notebooks.outputs import texts
from course_utils.notebooks.source import Lecture

SHORTEST_SECRET = 16
"""A solution's lines of at least this many characters occur nowhere in the student notebook."""


def student_notebook(complete: NotebookNode, lecture: Lecture) -> NotebookNode:
    """Make the student notebook from the complete one, both not executed.

    Raises
    ------
    BuildError
        If a stub is not valid Python, or a line of a solution is still to be read somewhere.
    """
    notebook, resources = copy.deepcopy(complete), {}
    notebook.cells = [cell for cell in notebook.cells if not is_note(cell.metadata)]
    stubs = {
        part.exercise.id: _stub(part.exercise.number, part.exercise.id) for part in lecture.parts.values()
    }
    for cell in notebook.cells:
        if cell.id.startswith("answer-"):
            clear = ClearSolutions(
                code_stub={"python": stubs[cell.metadata["exercise"]]},
                begin_solution_delimeter=BEGIN,
                end_solution_delimeter=END,
            )
            clear.preprocess_cell(cell, {"language": "python"}, 0)
    for preprocessor in (LockCells(), ComputeChecksums(), CheckCellMetadata()):
        notebook, resources = preprocessor.preprocess(notebook, resources)
    for source_cell, cell in _answers(lecture, notebook):
        _check_stub(source_cell, cell)
    for source_cell, line, where in leaks(lecture, notebook):
        raise source_cell.error(
            f"the solution's line `{line}` is to be read in the student notebook, in {where}"
        )
    return sign(notebook)


def _stub(number: str, exercise_id: str) -> str:
    return f'raise NotImplementedError("Exercise {number}: write {exercise_id}")'


def _answers(lecture: Lecture, notebook: NotebookNode) -> Iterator[tuple[Cell, NotebookNode]]:
    by_id = {cell.id: cell for cell in notebook.cells}
    for index, part in lecture.parts.items():
        if part.role == "answer":
            yield lecture.cells[index], by_id[f"answer-{part.exercise.id}"]


def _check_stub(source_cell: Cell, cell: NotebookNode) -> None:
    try:
        ast.parse(cell.source)
    except SyntaxError as error:
        problem = (
            f"without its solution the cell is not Python ({error.msg}); are the markers indented alike?"
        )
        raise source_cell.error(problem) from error


def leaks(lecture: Lecture, notebook: NotebookNode) -> Iterator[tuple[Cell, str, str]]:
    """Find the lines of solutions that occur in a notebook's cells or saved outputs.

    Yields
    ------
    (Cell, str, str)
        The answer's cell in the source, the line, and where it occurs.
    """
    readable = list(_readable(notebook))
    for index, part in lecture.parts.items():
        if part.role != "answer":
            continue
        for line in solution_lines(lecture.cells[index]):
            if len(line) < SHORTEST_SECRET:
                continue
            for where, text in readable:
                if line in text:
                    yield lecture.cells[index], line, where


def _readable(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    for number, cell in enumerate(notebook.cells, start=1):
        yield f"cell {number} ({cell.cell_type})", cell.source
        for output in cell.get("outputs", ()):
            for text in texts(output):
                yield f"the output of cell {number}", text
