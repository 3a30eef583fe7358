"""Reading a lecture's percent script, and refusing what is not a well-formed lecture."""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import jupytext

from course_utils.notebooks.cell import Cell
from course_utils.notebooks.errors import BuildError
from course_utils.notebooks.markers import check_markers, is_compared, solution_regions

MIN_COMPARED = 5
"""Every lecture compares at least this many outputs with what is stored."""

JUPYTEXT_KEYS = {
    "lines_to_next_cell",
    "lines_to_end_of_cell_marker",
}  # blank lines of the script, no matter here

CELL_MARKER = re.compile(r"^# %%(\s|$)")


class Definition(Protocol):
    """What the builder reads of an exercise definition (``course_utils.exercises.Exercise`` has it)."""

    id: str
    lecture: int
    number: str
    title: str
    points: float
    minutes: int
    difficulty: int
    hints: tuple[str, ...]


Definitions = Mapping[str, Definition]


@dataclass(frozen=True)
class Part:
    """The role of a cell in an exercise: its ``text``, its ``answer`` or its ``check``."""

    role: str
    exercise: Definition


@dataclass(frozen=True)
class Lecture:
    """A lecture's validated source.

    ``parts`` maps the index of a cell to its part in an exercise; other cells are not in it.
    """

    path: Path
    number: int
    cells: tuple[Cell, ...]
    parts: dict[int, Part]
    metadata: dict[str, Any]


def read_lecture(path: Path, definitions: Definitions) -> Lecture:
    """Read and validate one percent script.

    Parameters
    ----------
    path : Path
        The source, named ``NN_name.py`` after its lecture's number.
    definitions : mapping from exercise id to definition
        All exercises of the course; the lecture must hold exactly those with its number.

    Raises
    ------
    BuildError
        On the first thing that is wrong, with file, line and cell.
    """
    name = _display_name(path)
    if not (match := re.match(r"(\d+)_\w+$", path.stem)):
        raise BuildError("a lecture's file is named NN_name.py, for instance 03_elbo.py", file=name)
    number = int(match.group(1))
    cells, metadata = _read_cells(path, name)
    for cell in cells:
        check_markers(cell)
        if cell.kind == "code":
            _check_python(cell)
    parts = _find_exercises(cells, definitions, number)
    _check_complete(name, parts, definitions, number)
    n_compared = sum(is_compared(cell.source) for cell in cells if cell.kind == "code")
    if n_compared < MIN_COMPARED:
        problem = (
            f"has {n_compared} cells with `# NBVAL_CHECK_OUTPUT`, a lecture needs at least {MIN_COMPARED}"
        )
        raise BuildError(problem, file=name)
    return Lecture(path, number, tuple(cells), parts, metadata)


def _display_name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}" if path.parent.name else path.name


def _read_cells(path: Path, name: str) -> tuple[list[Cell], dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
        notebook = jupytext.reads(text, fmt="py:percent")
    except Exception as error:  # jupytext raises many kinds; each means: this is not a percent script
        raise BuildError(f"cannot be read as a percent script: {error}", file=name) from error
    lines = text.splitlines()
    markers = [i for i, line in enumerate(lines) if CELL_MARKER.match(line)]
    if len(markers) != len(notebook.cells):
        problem = (
            f"has {len(markers)} lines `# %%` but {len(notebook.cells)} cells; "
            "start the file with one, and write none inside a string or a fenced block"
        )
        raise BuildError(problem, file=name)
    cells = []
    for number, (marker, cell) in enumerate(zip(markers, notebook.cells, strict=True), start=1):
        first = marker + 1  # the first line of the source, past the blank ones that jupytext drops
        while first < len(lines) - 1 and not lines[first].strip():
            first += 1
        metadata = {key: _plain(value) for key, value in cell.metadata.items() if key not in JUPYTEXT_KEYS}
        cells.append(Cell(name, number, first + 1, cell.cell_type, cell.source.strip("\n"), metadata))
    metadata = {
        key: _plain(value)
        for key, value in notebook.metadata.items()
        if key not in ("jupytext", "kernelspec", "language_info")
    }
    return cells, metadata


def _plain(value: Any) -> Any:
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def _check_python(cell: Cell) -> None:
    try:
        ast.parse(cell.source)
    except SyntaxError as error:
        offset = (error.lineno or 1) - 1
        raise cell.error(
            f"is not plain Python ({error.msg}); magics are not used in lectures", offset
        ) from error


def _checked_ids(cell: Cell) -> list[str]:
    """Return the exercise ids that a code cell calls ``check`` with."""
    ids = []
    for node in ast.walk(ast.parse(cell.source)):
        if not (isinstance(node, ast.Call) and getattr(node.func, "id", None) == "check"):
            continue
        first = node.args[0] if node.args else None
        if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
            problem = 'check(...) needs the exercise id written out: check("some_id", some_id)'
            raise cell.error(problem, node.lineno - 1)
        ids.append(first.value)
    return ids


def _find_exercises(cells: Sequence[Cell], definitions: Definitions, lecture: int) -> dict[int, Part]:
    """Find each exercise's text, answer and check cell, which follow one another in this order."""
    parts: dict[int, Part] = {}
    seen: dict[str, Cell] = {}
    last: Definition | None = None
    for index, cell in enumerate(cells):
        if "exercise" in cell.metadata:
            exercise = _look_up(cell, cell.metadata["exercise"], definitions, lecture)
            if exercise.id in seen:
                first = seen[exercise.id]
                raise cell.error(f'exercise "{exercise.id}" is there twice, first in line {first.line}')
            if last is not None and _order(exercise) <= _order(last):
                problem = f'exercise {exercise.number} "{exercise.id}" stands after {last.number} "{last.id}"'
                raise cell.error(problem)
            seen[exercise.id] = cell
            last = exercise
            parts |= _exercise_parts(cells, index, exercise)
        elif index not in parts:
            _refuse_stray(cell, definitions)
    return parts


def _order(exercise: Definition) -> tuple[int, ...]:
    return tuple(int(part) for part in exercise.number.split("."))


def _look_up(cell: Cell, exercise_id: str, definitions: Definitions, lecture: int) -> Definition:
    if cell.kind != "markdown":
        raise cell.error(f'exercise="{exercise_id}" belongs on a [markdown] cell, the exercise\'s text')
    if exercise_id not in definitions:
        raise cell.error(f'exercise "{exercise_id}" has no definition; {_known(definitions, lecture)}')
    exercise = definitions[exercise_id]
    if exercise.lecture != lecture:
        raise cell.error(f'exercise "{exercise_id}" is defined for lecture {exercise.lecture}, not {lecture}')
    if cell.source.lstrip().startswith("#"):
        raise cell.error(
            "an exercise's text starts without a heading: the builder writes it from the definition"
        )
    if len(exercise.hints) > 3:
        raise cell.error(f'exercise "{exercise_id}" has {len(exercise.hints)} hints; three are the most')
    return exercise


def _known(definitions: Definitions, lecture: int) -> str:
    ids = [exercise.id for exercise in definitions.values() if exercise.lecture == lecture]
    return f"lecture {lecture} has {', '.join(ids)}" if ids else f"lecture {lecture} has none at all"


def _exercise_parts(cells: Sequence[Cell], index: int, exercise: Definition) -> dict[int, Part]:
    text, following = cells[index], list(cells[index + 1 : index + 3])
    answer = following[0] if following else None
    if answer is None or answer.kind != "code" or not solution_regions(answer) or _checked_ids(answer):
        problem = (
            f'the text of exercise "{exercise.id}" must be followed by its answer cell '
            "(code with ### BEGIN SOLUTION and ### END SOLUTION, no check)"
        )
        raise (answer or text).error(problem)
    check = following[1] if len(following) == 2 else None
    if check is None or check.kind != "code" or _checked_ids(check) != [exercise.id]:
        call = f'check("{exercise.id}", ...)'
        problem = f'the answer of exercise "{exercise.id}" must be followed by a cell with {call}'
        raise (check or answer).error(problem)
    if solution_regions(check):
        raise check.error(f'the check cell of exercise "{exercise.id}" must not hold a solution')
    return {index + k: Part(role, exercise) for k, role in enumerate(("text", "answer", "check"))}


def _refuse_stray(cell: Cell, definitions: Definitions) -> None:
    """Refuse an answer or a check outside an exercise."""
    if cell.kind != "code":
        return
    for exercise_id in _checked_ids(cell):
        if exercise_id not in definitions:
            raise cell.error(f'check("{exercise_id}", ...) has no definition')
        problem = f'check("{exercise_id}", ...) must come right after the text and the answer of its exercise'
        raise cell.error(problem)
    if regions := solution_regions(cell):
        problem = 'a solution outside an exercise: the cell before it must be [markdown] exercise="its id"'
        raise cell.error(problem, regions[0][0])


def _check_complete(name: str, parts: Mapping[int, Part], definitions: Definitions, lecture: int) -> None:
    present = {part.exercise.id for part in parts.values()}
    wanted = [exercise.id for exercise in definitions.values() if exercise.lecture == lecture]
    if missing := [exercise_id for exercise_id in wanted if exercise_id not in present]:
        plural = "s" if len(missing) > 1 else ""
        raise BuildError(
            f"the defined exercise{plural} {', '.join(missing)} of this lecture is missing", file=name
        )
