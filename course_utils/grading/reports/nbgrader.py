"""Grades into nbgrader's gradebook through its own API, so that its export, feedback and formgrader go on from there.

Points of exercises are nbgrader's automatic scores; free-text answers stay with its manual grading, and what a person
has entered there is never touched. Beside the gradebook, ``autograded/STUDENT/ASSIGNMENT/`` gets the notebook that
nbgrader shows: the student's cells without their outputs, and under each check what the judge says.
"""

import html
import json
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from nbformat import NotebookNode, read
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from course_utils.exercises import Verdict
from course_utils.grading.records import Record, write_whole
from course_utils.grading.run import Run
from course_utils.grading.submissions import UnreadableError, file_name, read_notebook


def write_gradebook(run: Run, course: Path, lectures: Path) -> int:
    """Write all of a run's grades into ``course/gradebook.db``; returns how many submissions there were.

    Assignments that the gradebook does not have yet are made from the published lectures, by nbgrader's own code.
    """
    n = 0
    with _gradebook(course) as gradebook:
        for submission in run.submissions:
            record = run.records.read(submission)
            if record is None or not record.lecture:
                continue
            released = read(lectures / f"{record.lecture}.ipynb", as_version=4)
            assignment = _assignment(submission.place, record.lecture)
            _prepare(gradebook, released, assignment, record.lecture)
            source = course / "source" / assignment / f"{record.lecture}.ipynb"
            if not source.exists():  # the formgrader lists what it finds there
                write_whole(source, (lectures / f"{record.lecture}.ipynb").read_text(encoding="utf-8"))
            _enter(gradebook, record, assignment)
            try:
                handed_in = read_notebook(submission.read())["cells"]
            except (UnreadableError, KeyError):  # the file has gone, or has changed since it was graded
                continue
            shown = shown_notebook(released, handed_in, record.verdicts)
            folder = course / "autograded" / file_name(record.student) / assignment
            write_whole(folder / f"{record.lecture}.ipynb", json.dumps(shown, indent=1))
            n += 1
    return n


@contextmanager
def _gradebook(course: Path) -> Iterator[Any]:
    from nbgrader.api import Gradebook

    course.mkdir(parents=True, exist_ok=True)
    # nbgrader starts `alembic` by name, and beside an interpreter that was called by its path nobody would find it.
    beside = str(Path(sys.executable).parent)
    if beside not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([beside, os.environ.get("PATH", os.defpath)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SQLAlchemy's, about how nbgrader uses it
        with Gradebook(f"sqlite:///{course.resolve() / 'gradebook.db'}") as gradebook:
            yield gradebook


def _assignment(place: str, lecture: str) -> str:
    """The folder below the student's where nbgrader's layout has one, else the lecture's name."""
    parts = [part for part in PurePosixPath(place).parts if part != "submitted"]
    return parts[1] if len(parts) == 3 and re.fullmatch(r"[A-Za-z0-9][\w .-]{0,99}", parts[1]) else lecture


def _prepare(gradebook: Any, released: NotebookNode, assignment: str, notebook: str) -> None:
    """Make sure that the gradebook knows the assignment, the notebook and its cells."""
    from nbgrader.api import MissingEntry
    from nbgrader.preprocessors import SaveCells

    gradebook.update_or_create_assignment(assignment)
    try:
        known = {cell.name for cell in gradebook.find_notebook(notebook, assignment).grade_cells}
    except MissingEntry:
        known = set()
    if known >= set(_grade_cells(released)):
        return
    about = {"notebook": notebook, "assignment": assignment, "db_url": str(gradebook.engine.url)}
    SaveCells().preprocess(released, {"nbgrader": about})
    gradebook.db.expire_all()  # it was written through another connection


def _grade_cells(released: NotebookNode) -> dict[str, NotebookNode]:
    marked = [cell for cell in released.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    return {cell.metadata["nbgrader"]["grade_id"]: cell for cell in marked}


def _enter(gradebook: Any, record: Record, assignment: str) -> None:
    """One student's points; a manual score that is there already stays."""
    student = file_name(record.student)
    gradebook.update_or_create_student(student)
    submission = gradebook.update_or_create_submission(assignment, student)
    points = {f"check-{verdict.exercise_id}": verdict.points for verdict in record.verdicts}
    for notebook in submission.notebooks:
        for grade in notebook.grades if notebook.name == record.lecture else ():
            if grade.name in points:
                grade.auto_score = points[grade.name]
                grade.needs_manual_grade = False
            else:
                grade.needs_manual_grade = grade.manual_score is None
    gradebook.db.commit()


def shown_notebook(
    released: NotebookNode, handed_in: list[Any], verdicts: tuple[Verdict, ...]
) -> NotebookNode:
    """The student's cells with the course's metadata; of what was handed in, only the text of cells is taken."""
    ours = {
        cell.metadata["nbgrader"]["grade_id"]: cell for cell in released.cells if "nbgrader" in cell.metadata
    }
    published = {cell.source for cell in released.cells}
    left = dict(ours)
    cells = []
    for theirs in handed_in:
        if isinstance(theirs, dict):
            own = left.pop(_grade_id(theirs), None)
            cells.append(_shown(theirs, own, published))
    cells += left.values()  # what the student has deleted; its grade is shown all the same
    messages = {f"check-{verdict.exercise_id}": verdict for verdict in verdicts}
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
        verdict = messages.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
        if verdict and cell.cell_type == "code":
            text = f"{verdict.points:g} of {verdict.max_points:g} points\n{verdict.message}\n"
            cell.outputs = [new_output("stream", name="stdout", text=text)]
    return new_notebook(cells=cells, metadata=released.metadata)


def _grade_id(cell: dict[str, Any]) -> str | None:
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return grade_id if isinstance(grade_id, str) else None


def _shown(theirs: dict[str, Any], own: NotebookNode | None, published: set[str]) -> NotebookNode:
    source = theirs.get("source", "")
    source = "".join(map(str, source)) if isinstance(source, list) else str(source)
    kind = own.cell_type if own else theirs.get("cell_type")
    metadata = own.metadata if own else {}
    if own and own.metadata["nbgrader"].get("locked"):
        source = own.source
    if kind == "code":
        return new_code_cell(source, metadata=metadata)
    if source not in published:  # a page made from it must not run a student's script
        source = html.escape(source, quote=False)
    return (new_markdown_cell if kind == "markdown" else new_raw_cell)(source, metadata=metadata)
