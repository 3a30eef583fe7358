"""What may be saved as an output: tidied where that is safe, refused where the lecture has to change."""

import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from nbformat import NotebookNode

from course_utils.notebooks.execute import ExecutionError
from course_utils.notebooks.markers import is_compared

WIDGET = "application/vnd.jupyter.widget-view+json"

# A cell's code has a file name made of the kernel's process number and a hash.
CELL_FILE = re.compile(r"(?:[A-Za-z]:)?[\w./\\~-]*ipykernel_\d+[/\\]\d+\.py")
ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")
PICTURE = re.compile(r"data:image/[^\"']*")  # figures are <img> tags with alt text, see plotting.show
IMG_WITHOUT_ALT = re.compile(r"<img(?![^>]*\balt=\"[^\"]+\")", re.IGNORECASE)
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def tidy_outputs(notebook: NotebookNode, root: Path) -> None:
    """Tidy the outputs of an executed notebook in place.

    Live widgets are dropped in favour of their static picture, names of temporary cell files and the
    repository's own path are shortened.

    Raises
    ------
    ExecutionError
        If an output holds something that must not be saved: a path of this machine, a memory address, a
        warning, a picture without alt text, a widget without a picture, or (in a compared cell) any picture,
        or nothing at all.
    """
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            _drop_widget(output, index)
            _map_texts(output, lambda text: _shorten(text, root))
            output.pop("transient", None)
        for problem in problems(cell, root):
            raise ExecutionError(problem, index)


def problems(cell: NotebookNode, root: Path) -> Iterator[str]:
    """Say what must not be saved among the outputs of an executed code cell."""
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stderr":
            yield f"writes to stderr: {output.text.strip()[:300]!r}"
        if WIDGET in output.get("data", {}):
            yield "saves a live widget, which is gone when the notebook is opened again"
        for text in texts(output):
            for path in machine_paths(text, root):
                yield f"its output holds a path of this machine: {path}"
            if match := ADDRESS.search(text):
                yield f"its output holds a memory address ({match.group()}), another one on every run"
        data = output.get("data", {})
        if any(kind.startswith("image/") for kind in data) or IMG_WITHOUT_ALT.search(
            data.get("text/html", "")
        ):
            yield "shows a picture without alt text: end with plotting.show(figure, alt=...)"
    if is_compared(cell.source):
        if not cell.outputs:
            yield "is marked as compared but has no output"
        elif any(_has_picture(output) for output in cell.outputs):
            yield "is marked as compared but shows a picture, and pictures differ between machines"


def texts(output: NotebookNode) -> Iterator[str]:
    """Yield every text of an output: streams, tracebacks, and its data without the pictures."""
    if "text" in output:
        yield output.text
    yield from output.get("traceback", ())
    for kind, value in output.get("data", {}).items():
        if not kind.startswith("image/"):
            yield PICTURE.sub("", value if isinstance(value, str) else str(value))


def machine_paths(text: str, root: Path) -> Iterator[str]:
    """Yield the absolute paths in a text that lead into this machine's folders."""
    folders = {str(root), sys.prefix, sys.base_prefix, str(Path.home()), tempfile.gettempdir()}
    for folder in sorted(folders, key=len, reverse=True):
        if len(Path(folder).parts) > 1 and (
            match := re.search(rf"(?<![\w.]){re.escape(folder)}(?:[/\\]\S*|\b)", text)
        ):
            yield match.group()


def _drop_widget(output: NotebookNode, index: int) -> None:
    data = output.get("data", {})
    if WIDGET not in data:
        return
    if not _has_picture(output):
        raise ExecutionError(
            "shows a widget without a static picture, which leaves a hole in the saved file", index
        )
    del data[WIDGET]
    output.get("metadata", {}).pop(WIDGET, None)


def _has_picture(output: NotebookNode) -> bool:
    data = output.get("data", {})
    return any(kind.startswith("image/") for kind in data) or "<img" in data.get("text/html", "")


def _shorten(text: str, root: Path) -> str:
    text = CELL_FILE.sub("<cell>", text)
    return text.replace(f"{root}/", "").replace(f"{root}\\", "")


def _map_texts(output: NotebookNode, change: Callable[[str], str]) -> None:
    if isinstance(output.get("text"), str):
        output.text = change(output.text)
    if "traceback" in output:
        output.traceback = [change(ANSI.sub("", line)) for line in output.traceback]
    for kind, value in output.get("data", {}).items():
        if isinstance(value, str) and not kind.startswith("image/"):
            output.data[kind] = change(value)
