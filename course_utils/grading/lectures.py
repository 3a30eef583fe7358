"""What of a submission is run: the student's own cells, and of the lecture's own cells only what answers may need.

A lecture's cells are recognised by their content in the published ``lectures/*.ipynb``. Of a recognised cell, those
imports, functions, classes and assignments whose right-hand side costs nothing (constants, names, arithmetic, and calls
in ``CHEAP``) are run whose names the student's own cells mention, or that these need in turn. Loading data, training
and drawing are none of these, so a submission costs milliseconds and not the lecture's minute. Cells with a ``check``
are the course's own and are not run at all.
"""

import ast
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from course_utils.exercises import exercise_ids, get_exercise
from course_utils.exercises.definition import Exercise
from course_utils.grading.submissions import code_cells
from course_utils.runtime import CourseError

CHEAP = {
    "seed_everything", "Generator", "manual_seed", "tensor", "as_tensor", "arange", "linspace", "zeros", "ones", "eye",
    "range", "set", "frozenset", "tuple", "list", "dict", "len", "float", "int", "str", "bool", "sqrt", "log", "exp",
    "radians",
}  # fmt: skip
_SIMPLE = (
    ast.Constant, ast.Name, ast.Attribute, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.UnaryOp, ast.BinOp, ast.Call,
    ast.keyword, ast.operator, ast.unaryop, ast.expr_context, ast.Subscript, ast.Slice,
)  # fmt: skip


@dataclass(frozen=True)
class Lecture:
    """A lecture as published: its exercises, and its code cells by the hash of their content."""

    number: int
    name: str
    cells: tuple[str, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        # Workers make the rest again: definitions hold functions that cannot be pickled.
        return Lecture, (self.number, self.name, self.cells)

    @cached_property
    def exercises(self) -> list[Exercise]:
        """In the order of the lecture."""
        return [e for e in map(get_exercise, exercise_ids()) if e.lecture == self.number]

    @cached_property
    def kept(self) -> dict[str, list["Statement"]]:
        """What may be run of each of the lecture's own cells, by its hash; nothing for most."""
        return {content_hash(cell): _statements(cell) for cell in self.cells}

    def work(self, sources: Sequence[str]) -> list[dict[str, Any] | None]:
        """Each of a submission's code cells as the jail wants it; None where there is nothing to run."""
        known = [self.kept.get(content_hash(source)) for source in sources]
        own = [source for source, statements in zip(sources, known, strict=True) if statements is None]
        needed = _needed(own, [statement for statements in known for statement in statements or ()])
        return [_work(source, statements, needed) for source, statements in zip(sources, known, strict=True)]


@dataclass(frozen=True)
class Statement:
    """A statement of a lecture that costs nothing, the names it makes, and the words in it."""

    source: str
    names: frozenset[str]
    words: frozenset[str]

    def is_needed(self, needed: set[str]) -> bool:
        """Whether one of the names it makes is needed; answers not begun always are."""
        return "NotImplementedError" in self.words or not self.names.isdisjoint(needed)


def _needed(own: Sequence[str], statements: Sequence[Statement]) -> set[str]:
    """The words in a student's cells, and in the statements needed for them."""
    needed = {word for source in own for word in _words(source)}
    size = -1
    while len(needed) > size:
        size = len(needed)
        for statement in statements:
            if statement.is_needed(needed):
                needed |= statement.words
    return needed


def _work(source: str, statements: list[Statement] | None, needed: set[str]) -> dict[str, Any] | None:
    if statements is None:
        return {"source": source, "lecture": False} if source.strip() else None
    kept = "\n".join(statement.source for statement in statements if statement.is_needed(needed))
    return {"source": kept, "lecture": True} if kept else None


def read_lectures(folder: Path) -> dict[int, Lecture]:
    """The published lectures, by number.

    Raises: CourseError where there are none.
    """
    lectures = {}
    for file in sorted(folder.glob("[0-9][0-9]_*.ipynb")):
        number = int(file.stem[:2])
        lectures[number] = Lecture(number, file.stem, tuple(code_cells(file.read_bytes())))
    if not lectures:
        raise CourseError(f"There are no lectures in {folder}; say where they are with --lectures.")
    return lectures


def which_lecture(lectures: dict[int, Lecture], sources: Sequence[str]) -> int | None:
    """The lecture with which a notebook has most code cells in common; None where it has none."""
    hashes = {content_hash(source) for source in sources}
    common = {number: len(hashes & lecture.kept.keys()) for number, lecture in lectures.items()}
    best = max(common, key=lambda number: common[number], default=None)
    return best if best is not None and common[best] else None


def content_hash(source: str) -> str:
    """A hash that does not see trailing spaces and blank lines, which editors change by themselves."""
    lines = [line.rstrip() for line in source.split("\n")]
    text = json.dumps([line for line in lines if line])
    return hashlib.sha256(text.encode()).hexdigest()


def _statements(source: str) -> list[Statement]:
    tree = ast.parse(source)
    if any(_is_check(node) for node in ast.walk(tree)):
        return []
    return [_statement(statement) for statement in tree.body if _is_cheap(statement)]


def _statement(node: ast.stmt) -> Statement:
    source = ast.unparse(node)
    made = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        made = {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        made = {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return Statement(source, frozenset(made), _words(source))


def _words(source: str) -> frozenset[str]:
    return frozenset(re.findall(r"[^\W\d]\w*", source))


def _is_check(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "check"


def _is_cheap(statement: ast.stmt) -> bool:
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.ClassDef():
            return True
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            return all(isinstance(node, _SIMPLE) and _costs_nothing(node) for node in ast.walk(value))
    return False


def _costs_nothing(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return True
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    return name in CHEAP
