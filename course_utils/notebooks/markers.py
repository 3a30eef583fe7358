"""The markers in a lecture's cells: solution regions and compared outputs, spelt exactly or refused."""

import re
from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any

from course_utils.notebooks.cell import Cell

BEGIN = "### BEGIN SOLUTION"
END = "### END SOLUTION"

COMPARED = "# NBVAL_CHECK_OUTPUT"


def is_compared(source: str) -> bool:
    """Tell whether nbval compares the output of a code cell with this source."""
    return any(line.strip() == COMPARED for line in source.splitlines())


def is_note(metadata: Mapping[str, Any]) -> bool:
    """Tell whether a cell with these metadata holds notes for the speaker."""
    return metadata.get("slideshow", {}).get("slide_type") == "notes"


def solution_regions(cell: Cell) -> list[tuple[int, int]]:
    """Return the solution regions of a cell as pairs of line offsets, markers included.

    Raises
    ------
    BuildError
        If a marker is nested, or has no partner.
    """
    regions: list[tuple[int, int]] = []
    begin: int | None = None
    for offset, line in enumerate(cell.source.splitlines()):
        if line.strip() == BEGIN:
            if begin is not None:
                raise cell.error(f"`{BEGIN}` inside a solution that is still open", offset)
            begin = offset
        elif line.strip() == END:
            if begin is None:
                raise cell.error(f"`{END}` without a `{BEGIN}` above it", offset)
            regions.append((begin, offset))
            begin = None
    if begin is not None:
        raise cell.error(f"`{BEGIN}` without an `{END}` below it", begin)
    return regions


def solution_lines(cell: Cell) -> list[str]:
    """Return the stripped lines inside the solution regions of a cell."""
    lines = cell.source.splitlines()
    return [line.strip() for begin, end in solution_regions(cell) for line in lines[begin + 1 : end]]


def check_markers(cell: Cell) -> None:
    """Refuse misspelt markers: a solution that is not recognised would reach the students.

    Raises
    ------
    BuildError
        If a line is nearly, but not exactly, one of the markers, or a marker stands where none may stand.
    """
    for offset, line in enumerate(cell.source.splitlines()):
        if line.strip() in (BEGIN, END):
            if cell.kind != "code":
                raise cell.error(f"`{line.strip()}` in a cell that is not code", offset)
        elif _looks_like_solution_marker(line, cell.kind):
            problem = (
                f"`{line.strip()}` is not a marker; they read exactly `{BEGIN}` and `{END}`, alone on a line"
            )
            raise cell.error(problem, offset)
        elif cell.kind == "code" and "NBVAL" in line.upper() and line.strip() != COMPARED:
            raise cell.error(
                f"`{line.strip()}` is not a marker; the one in use reads exactly `{COMPARED}`", offset
            )
    if cell.kind == "code":
        solution_regions(cell)
        if is_compared(cell.source) and cell.source.splitlines()[0].strip() != COMPARED:
            raise cell.error(f"`{COMPARED}` must be the first line of its cell")


def _looks_like_solution_marker(line: str, kind: str) -> bool:
    if re.search(r"\b(BEGIN|END)[ _-]*SOLUTION", line):
        return True
    if kind != "code" or "#" not in line:
        return False
    if line.lstrip().startswith("###"):  # three hashes are kept for markers: no slip of any kind gets through
        return True
    words = re.findall(r"[A-Z]+", line[line.index("#") :].upper())
    if len(words) == 1:
        return any(_alike(words[0], whole) > 0.85 for whole in ("BEGINSOLUTION", "ENDSOLUTION"))
    if len(words) != 2:
        return False
    return (
        max(_alike(words[0], verb) for verb in ("BEGIN", "END")) > 0.6 and _alike(words[1], "SOLUTION") > 0.7
    )


def _alike(left: str, right: str) -> float:
    return SequenceMatcher(None, left, right).ratio()
