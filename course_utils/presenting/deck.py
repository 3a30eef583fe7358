"""From a lecture's notebook to slides: what is shown, in which order, and what is said about it."""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

__all__ = ["Block", "Slide", "presentation", "shows_picture", "slides"]

CODE_ON_SLIDE = "code-on-slide"
"""The tag of a cell whose picture does not push its code out of sight."""

FOR_TOOLS = re.compile(
    r"^\s*# NBVAL_CHECK_OUTPUT\n|^\s*### (BEGIN|END) SOLUTION\n|\s*# (noqa|fmt:).*$", re.MULTILINE
)
"""What speaks to tools and not to readers."""


@dataclass(frozen=True)
class Block:
    """One cell on a slide; a fragment appears at the next key press."""

    cell: NotebookNode
    is_fragment: bool
    hides_code: bool


@dataclass
class Slide:
    """What is on the screen at one time, and the speaker's notes to it. ``is_below``: reached by going down."""

    is_below: bool
    blocks: list[Block] = field(default_factory=list)
    notes: list[NotebookNode] = field(default_factory=list)


def presentation(notebook: NotebookNode) -> NotebookNode:
    """Return a copy of a lecture's notebook for presenting: a slide "Your turn" stands for each exercise.

    Cells that draw hide their code, which the notebook shows and nobody in the last row can read; the tag
    ``code-on-slide`` keeps it in sight.
    """
    shown = copy.deepcopy(notebook)
    cells = []
    for cell in shown.cells:
        if cell.cell_type == "code":
            cell.source = FOR_TOOLS.sub("", cell.source)
        if cell.id.startswith("text-") and slide_type(cell) == "skip":
            cells.append(_your_turn(cell))
        if hides_code(cell):
            cell.metadata["jupyter"] = {**cell.metadata.get("jupyter", {}), "source_hidden": True}
        cells.append(cell)
    shown.cells = cells
    return shown


def slides(notebook: NotebookNode) -> list[Slide]:
    """Sort the cells of a notebook (as `presentation` returns it) into slides, by their ``slide_type``.

    "slide" begins a new slide to the right, "subslide" one below, "fragment" appears at the next key press,
    "notes" are for the speaker, "skip" is left out; a cell without any of these continues the slide.
    """
    deck: list[Slide] = []
    for cell in notebook.cells:
        kind = slide_type(cell)
        if kind == "skip":
            continue
        if kind == "notes":
            if deck:
                deck[-1].notes.append(cell)
            continue
        if kind in ("slide", "subslide") or not deck:
            deck.append(Slide(is_below=kind == "subslide" and bool(deck)))
        deck[-1].blocks.append(Block(cell, kind == "fragment", hides_code(cell)))
    return deck


def slide_type(cell: NotebookNode) -> str:
    """Return a cell's slide type; "" for one that continues the slide."""
    kind = cell.metadata.get("slideshow", {}).get("slide_type", "")
    return "" if kind == "-" else kind


def hides_code(cell: NotebookNode) -> bool:
    """Tell whether a cell's code gives way to the picture that it draws."""
    return shows_picture(cell) and CODE_ON_SLIDE not in cell.metadata.get("tags", ())


def shows_picture(cell: NotebookNode) -> bool:
    """Tell whether a picture is among a cell's stored outputs."""
    return any("<img" in text for text in _html_outputs(cell))


def _html_outputs(cell: NotebookNode) -> Iterator[str]:
    for output in cell.get("outputs", ()):
        yield output.get("data", {}).get("text/html", "")


def _your_turn(text: NotebookNode) -> NotebookNode:
    """The slide that stands for an exercise: its heading, what it counts, and the first sentence of its text."""
    heading, facts, task = [*text.source.split("\n\n"), "", ""][:3]
    title = heading.lstrip("# ")
    source = (
        f"### Your turn\n\n**{title}**\n\n{facts}\n\n{task}\n\n"
        "Write it in the notebook; the cell below it says whether you are right. *Stuck? Unfold a hint.*"
    )
    metadata = {"slideshow": {"slide_type": "subslide"}, "tags": ["your-turn"]}
    return new_markdown_cell(source, metadata=metadata, id=text.id.replace("text-", "turn-", 1))
