"""The complete notebook's cells, made from a lecture's source and the exercise definitions."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from course_utils.notebooks.cell import Cell
from course_utils.notebooks.source import Definition, Lecture, Part

# Fixed, so that neither the builder's Python version nor its kernel's name shows in a diff.
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE_INFO = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}

HINT_LABELS = {
    1: ("A hint",),
    2: ("Hint 1: a nudge", "Hint 2: nearly there"),
    3: ("Hint 1: a nudge", "Hint 2: the idea", "Hint 3: nearly there"),
}


def complete_notebook(lecture: Lecture) -> NotebookNode:
    """Make the complete notebook of a lecture, not executed.

    Cell ids depend on a cell's own content (and on how many equal cells come before it), or on the
    exercise's id: inserting a cell changes no other cell's id.
    """
    cells: list[NotebookNode] = []
    for index, cell in enumerate(lecture.cells):
        part = lecture.parts.get(index)
        cells.append(_exercise_cell(cell, part) if part else _plain_cell(cell))
        if part and part.role == "check" and part.exercise.hints:
            cells.append(_hints_cell(part.exercise))
    _give_ids(cells)
    metadata = {
        **lecture.metadata,
        "kernelspec": dict(KERNELSPEC),
        "language_info": dict(LANGUAGE_INFO),
    }
    return sign(new_notebook(cells=cells, metadata=metadata))


def sign(notebook: NotebookNode) -> NotebookNode:
    """Write the hash of the code cells into the metadata: the outputs are those of exactly this code."""
    notebook.metadata["course"] = {"code_hash": code_hash(notebook)}
    return notebook


def code_hash(notebook: NotebookNode) -> str:
    """Return the hash of a notebook's code cells in their order."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def _plain_cell(cell: Cell) -> NotebookNode:
    make = {"code": new_code_cell, "markdown": new_markdown_cell, "raw": new_raw_cell}[cell.kind]
    return make(cell.source, metadata=dict(cell.metadata), id="unset")


def _exercise_cell(cell: Cell, part: Part) -> NotebookNode:
    node = _plain_cell(cell)
    node.id = f"{part.role}-{part.exercise.id}"
    node.metadata.setdefault("slideshow", {"slide_type": "skip"})
    if part.role == "text":
        node.source = f"{_heading(part.exercise)}\n\n{cell.source}"
        return node
    node.metadata["slideshow"] = {"slide_type": "skip"}
    node.metadata["exercise"] = part.exercise.id
    node.metadata["nbgrader"] = _nbgrader(part)
    return node


def _heading(exercise: Definition) -> str:
    dots = "●" * exercise.difficulty + "○" * (3 - exercise.difficulty)
    points = f"{exercise.points:g} point" + ("" if exercise.points == 1 else "s")
    return (
        f"### Exercise {exercise.number} · {exercise.title}\n\n"
        f"Difficulty {dots} ({exercise.difficulty} of 3) · about {exercise.minutes} minutes · {points}"
    )


def _nbgrader(part: Part) -> dict[str, Any]:
    if part.role == "answer":
        role = {"grade_id": part.exercise.id, "solution": True, "grade": False, "locked": False}
    else:
        points = {"points": part.exercise.points}
        role = {
            "grade_id": f"check-{part.exercise.id}",
            "solution": False,
            "grade": True,
            "locked": True,
            **points,
        }
    return {"schema_version": 3, "task": False, **role}


def _hints_cell(exercise: Definition) -> NotebookNode:
    folded = [
        f"<details>\n<summary>{label}</summary>\n\n{hint.strip()}\n\n</details>"
        for label, hint in zip(HINT_LABELS[len(exercise.hints)], exercise.hints, strict=True)
    ]
    metadata = {"exercise": exercise.id, "slideshow": {"slide_type": "skip"}}
    return new_markdown_cell("\n\n".join(folded), metadata=metadata, id=f"hints-{exercise.id}")


def _give_ids(cells: Sequence[NotebookNode]) -> None:
    seen: Counter[str] = Counter()
    for cell in cells:
        if cell.id != "unset":
            continue
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[digest] += 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
