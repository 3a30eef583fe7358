"""Building lectures: both notebooks or neither, and only what is not current.

A notebook is current when rebuilding its cells gives the file's very bytes (with the outputs that it
holds), and the hash of its code, which stands in its metadata, is the one that its outputs were made from.
"""

import copy
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_utils.notebooks.cell import Cell
from course_utils.notebooks.complete import code_hash, complete_notebook
from course_utils.notebooks.errors import BuildError
from course_utils.notebooks.execute import ExecutionError, execute
from course_utils.notebooks.markers import is_note
from course_utils.notebooks.outputs import tidy_outputs
from course_utils.notebooks.source import Definitions, Lecture, read_lecture
from course_utils.notebooks.student import leaks, student_notebook


@dataclass(frozen=True)
class LectureReport:
    """What became of one lecture.

    ``state`` is "current" (nothing to do), "rewritten" (text changed, outputs kept), "executed", "stale"
    (found by a check) or "failed"; ``problems`` says why for the last two; ``seconds`` is the time it took.
    """

    name: str
    state: str
    seconds: float
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class BuildReport:
    """What became of all lectures; ``ok`` when none of them failed or is stale."""

    lectures: tuple[LectureReport, ...]
    orphans: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """Every problem found, one sentence each."""
        return (*(problem for lecture in self.lectures for problem in lecture.problems), *self.orphans)

    @property
    def ok(self) -> bool:
        """Whether everything is built and current."""
        return not self.problems


@dataclass(frozen=True)
class Target:
    """One of the two notebooks of a lecture: its cells as they should be, and its file."""

    path: Path
    notebook: NotebookNode


def build_lectures(
    root: Path,
    names: Sequence[str] = (),
    check: bool = False,
    force: bool = False,
    jobs: int = 1,
    *,
    definitions: Definitions | None = None,
    done: Callable[[LectureReport], None] | None = None,
) -> BuildReport:
    """Build lectures, or check that they are built.

    Parameters
    ----------
    root : Path
        The repository, with ``solutions/`` (sources and complete notebooks) and ``lectures/``.
    names : sequence of str
        Lectures by number ("3", "03") or name ("03_elbo"); none means all.
    check : bool
        Only report what is stale; nothing is run or written.
    force : bool
        Execute current lectures too.
    jobs : int
        Lectures that are built at the same time.
    definitions : mapping, optional
        Exercise definitions by id; by default those of ``course_utils.exercises``.
    done : callable, optional
        Called with each lecture's report when it is finished.

    Returns
    -------
    BuildReport
        A lecture that fails does not keep the others from being built.

    Raises
    ------
    BuildError
        If a name is not that of a lecture.
    """
    root = root.resolve()
    sources = find_sources(root, names)
    definitions = course_definitions() if definitions is None else definitions

    def one(path: Path) -> LectureReport:
        start = time.perf_counter()
        try:
            state, problems = "current", tuple(stale(path, root, definitions)) if check else ()
            if problems:
                state = "stale"
            elif not check:
                state = build_lecture(path, root, definitions, force=force)
        except BuildError as error:
            state, problems = "failed", (str(error),)
        report = LectureReport(path.stem, state, time.perf_counter() - start, problems)
        if done is not None:
            done(report)
        return report

    with ThreadPoolExecutor(max_workers=max(jobs, 1)) as pool:
        reports = tuple(pool.map(one, sources))
    return BuildReport(reports, () if names else tuple(orphans(root)))


def course_definitions() -> Definitions:
    """Return the exercise definitions of the course by id."""
    from course_utils.exercises import exercise_ids, get_exercise  # loads every definition: only when asked

    return {exercise_id: get_exercise(exercise_id) for exercise_id in exercise_ids()}


def find_sources(root: Path, names: Sequence[str] = ()) -> list[Path]:
    """Return the sources of the named lectures, or of all, in their order.

    Raises
    ------
    BuildError
        If a name is not that of a lecture.
    """
    sources = sorted((root / "solutions").glob("[0-9]*_*.py"))
    if not names:
        return sources
    found = []
    for name in names:
        stem = Path(name).stem
        matches = [
            path
            for path in sources
            if path.stem == stem or (stem.isdigit() and int(path.stem.split("_")[0]) == int(stem))
        ]
        if not matches:
            known = ", ".join(path.stem for path in sources) or "none yet"
            raise BuildError(f'there is no lecture "{name}"; the lectures are: {known}', file="solutions")
        found += [path for path in matches if path not in found]
    return found


def orphans(root: Path) -> Iterator[str]:
    """Name the notebooks that have no source."""
    stems = {path.stem for path in find_sources(root)}
    for folder in ("solutions", "lectures"):
        for path in sorted((root / folder).glob("*.ipynb")):
            if path.stem not in stems:
                yield f"{folder}/{path.name}: has no source solutions/{path.stem}.py; delete it"


def plan(path: Path, root: Path, definitions: Definitions) -> tuple[Lecture, Target, Target]:
    """Return a lecture and its two notebooks as they should be, without outputs.

    Raises
    ------
    BuildError
        If the source is not a well-formed lecture.
    """
    lecture = read_lecture(path, definitions)
    complete = complete_notebook(lecture)
    student = student_notebook(complete, lecture)
    file = f"{path.stem}.ipynb"
    return lecture, Target(root / "solutions" / file, complete), Target(root / "lectures" / file, student)


def build_lecture(path: Path, root: Path, definitions: Definitions, *, force: bool = False) -> str:
    """Build one lecture's two notebooks: "current", "rewritten" or "executed".

    Raises
    ------
    BuildError
        If the source is not well-formed, a cell fails, or an output must not be saved; then neither file
        is touched.
    """
    lecture, *targets = plan(path, root, definitions)
    kept = [None if force else with_kept_outputs(target) for target in targets]
    if all(kept):
        texts = [to_text(notebook) for notebook in kept]
        if all(
            target.path.read_text(encoding="utf-8") == text
            for target, text in zip(targets, texts, strict=True)
        ):
            return "current"
        state = "rewritten"
    else:
        texts = [to_text(_executed(target, lecture, root)) for target in targets]
        state = "executed"
    _replace_all([target.path for target in targets], texts)
    return state


def stale(path: Path, root: Path, definitions: Definitions) -> Iterator[str]:
    """Say what is not current about one lecture, without a kernel.

    Raises
    ------
    BuildError
        If the source is not a well-formed lecture.
    """
    _, *targets = plan(path, root, definitions)
    for target in targets:
        if problem := _why_stale(target):
            name = target.path.relative_to(root).as_posix()
            yield f"{name}: {problem}; run `course build {path.stem.split('_')[0]}`"


def with_kept_outputs(target: Target) -> NotebookNode | None:
    """Return the notebook with the outputs of its file, or None if those are not of this very code."""
    saved = _read(target.path)
    if saved is None or saved.metadata.get("course") != target.notebook.metadata["course"]:
        return None
    if code_hash(saved) != code_hash(target.notebook) or not _is_executed(saved):
        return None
    notebook = copy.deepcopy(target.notebook)
    for cell, old in zip(_code_cells(notebook), _code_cells(saved), strict=True):
        cell.outputs, cell.execution_count = old.outputs, old.execution_count
    return notebook


def to_text(notebook: NotebookNode) -> str:
    """Return the bytes' text of a notebook's file."""
    nbformat.validate(notebook)
    return nbformat.writes(notebook, version=4) + "\n"


def _why_stale(target: Target) -> str | None:
    if not target.path.exists():
        return "is missing"
    saved = _read(target.path)
    if saved is None:
        return "is not a notebook"
    if (kept := with_kept_outputs(target)) is not None:
        return (
            None if target.path.read_text(encoding="utf-8") == to_text(kept) else _difference(target, saved)
        )
    if [cell.source for cell in _code_cells(saved)] == [cell.source for cell in _code_cells(target.notebook)]:
        return "its outputs were made from other code, or are not there"
    return _difference(target, saved)


def _difference(target: Target, saved: NotebookNode) -> str:
    """Say where a saved notebook differs from what it should be."""
    wanted, found = target.notebook.cells, saved.cells
    ids, wanted_ids = [cell.get("id") for cell in found], [cell.id for cell in wanted]
    if ids != wanted_ids and sorted(map(str, ids)) == sorted(wanted_ids):
        return "its cells are in another order than the source's"
    for number, (cell, old) in enumerate(zip(wanted, found, strict=False), start=1):
        for key in ("cell_type", "source", "metadata", "id"):
            if cell[key] != old.get(key):
                return f"cell {number} has another {key} than the source gives"
    if len(wanted) != len(found):
        return f"has {len(found)} cells where the source gives {len(wanted)}"
    if saved.metadata != target.notebook.metadata:
        return "the notebook's metadata are not the builder's"
    return "is not written the way the builder writes it"


def _executed(target: Target, lecture: Lecture, root: Path) -> NotebookNode:
    target.path.parent.mkdir(exist_ok=True)
    try:
        notebook = execute(target.notebook, target.path.parent)
        tidy_outputs(notebook, root)
    except ExecutionError as error:
        place = f"in {target.path.relative_to(root).as_posix()}"
        raise _source_cell(lecture, target.notebook, error.index).error(f"{place}: {error}") from None
    if target.path.parent.name == "lectures":
        for cell, line, where in leaks(lecture, notebook):
            raise cell.error(
                f"the solution's line `{line}` is to be read in the student notebook, in {where}"
            )
    return notebook


def _source_cell(lecture: Lecture, notebook: NotebookNode, index: int) -> Cell:
    """Return the source's cell of a notebook's cell: hints are added to it, and notes may be left out."""
    n_generated = sum(cell.id.startswith("hints-") for cell in notebook.cells[:index])
    with_notes = any(is_note(cell.metadata) for cell in notebook.cells)
    written = [cell for cell in lecture.cells if with_notes or not is_note(cell.metadata)]
    return written[index - n_generated]


def _code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _is_executed(notebook: NotebookNode) -> bool:
    counts = [cell.execution_count for cell in _code_cells(notebook) if cell.source.strip()]
    return counts == list(range(1, len(counts) + 1))


def _read(path: Path) -> NotebookNode | None:
    try:
        return nbformat.v4.reads(path.read_text(encoding="utf-8"))  # as it is: not upgraded, no ids added
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None


def _replace_all(paths: Sequence[Path], texts: Sequence[str]) -> None:
    """Write every file beside its place first, then put all in place."""
    waiting = [path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in paths]
    try:
        for temporary, text in zip(waiting, texts, strict=True):
            temporary.write_text(text, encoding="utf-8", newline="\n")
        for temporary, path in zip(waiting, paths, strict=True):
            os.replace(temporary, path)
    finally:
        for temporary in waiting:
            temporary.unlink(missing_ok=True)
