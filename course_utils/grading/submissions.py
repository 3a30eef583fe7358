"""Finding and reading what students handed in. Every byte of it is untrusted, names included.

Four layouts are understood, as a folder or as a zip of it: ``STUDENT/NN_lecture.ipynb``, ``STUDENT.ipynb`` (where the
lecture is told by its content), nbgrader's ``submitted/STUDENT/ASSIGNMENT/NN_lecture.ipynb``, and a flat folder as
learning platforms pack it, ``STUDENT_..._NN_lecture.ipynb``.
"""

import hashlib
import json
import re
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from course_utils.runtime import CourseError

MEBIBYTE = 1 << 20
MAX_NOTEBOOK = 25 * MEBIBYTE  # bytes; figures in the outputs count too
MAX_CELLS = 2_000
MAX_CODE = 600_000  # characters in all code cells together
MAX_FILES = 20_000
_LECTURE = re.compile(r"(?:^|[^0-9])(\d{2})_[a-z][a-z_]*", re.IGNORECASE)
_SKIPPED = {".ipynb_checkpoints", "__MACOSX"}


class UnreadableError(Exception):
    """A submission cannot be graded; the message says why, in one clause."""


@dataclass(frozen=True)
class Submission:
    """One notebook of one student: whose, of which lecture (None: its content has to tell), and where it is."""

    student: str
    lecture: int | None
    place: str
    source: Path
    entry: str

    def read(self) -> bytes:
        """Its bytes; raises UnreadableError."""
        return _read_file(self) if self.source.is_dir() else _read_entry(self)


def find_submissions(source: Path) -> list[Submission]:
    """All notebooks in a folder or zip file, in the order of their names.

    Raises: CourseError where there is nothing to grade.
    """
    if source.is_dir():
        found = list(_in_folder(source))
    elif zipfile.is_zipfile(source):
        found = list(_in_zip(source))
    else:
        raise CourseError(f"{source} is neither a folder nor a zip file.")
    if not found:
        raise CourseError(f"There are no notebooks in {source}.")
    return sorted(found, key=lambda submission: (submission.student, submission.place))


def _in_folder(folder: Path) -> Iterator[Submission]:
    for file in sorted(folder.rglob("*.ipynb"))[:MAX_FILES]:
        inside = PurePosixPath(file.relative_to(folder).as_posix())
        if not _SKIPPED & set(inside.parts):
            yield _submission(inside, folder, str(file.relative_to(folder)))


def _in_zip(archive: Path) -> Iterator[Submission]:
    with zipfile.ZipFile(archive) as opened:
        entries = opened.infolist()[:MAX_FILES]
    for entry in entries:
        inside = PurePosixPath(entry.filename.replace("\\", "/"))
        if inside.suffix == ".ipynb" and not entry.is_dir() and not _SKIPPED & set(inside.parts):
            yield _submission(inside, archive, entry.filename)


def _submission(inside: PurePosixPath, source: Path, entry: str) -> Submission:
    folders = [part for part in inside.parts[:-1] if part not in ("..", ".", "/", "submitted")]
    lecture = _LECTURE.search(inside.stem)
    student = folders[0] if folders else inside.stem
    if not folders and lecture:
        student = inside.stem[: lecture.start()].strip("_- ") or inside.stem
    number = int(lecture[1]) if lecture else None
    return Submission(clean_name(student), number, clean_name(str(inside)), source, entry)


def clean_name(name: str) -> str:
    """A name without control characters and invisible marks, of at most 200 characters."""
    visible = [c for c in name if unicodedata.category(c)[0] != "C"]
    return "".join(visible).strip()[:200] or "unnamed"


def file_name(student: str) -> str:
    """A file name for a student's name: itself where it is harmless, else its letters and a hash."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,79}", student):
        return student
    letters = re.sub(r"[^A-Za-z0-9]+", "-", student).strip("-")[:40] or "student"
    return f"{letters}-{hashlib.sha256(student.encode()).hexdigest()[:10]}"


def _read_file(submission: Submission) -> bytes:
    file = submission.source / submission.entry
    try:
        if not file.resolve().is_relative_to(submission.source.resolve()):
            raise UnreadableError("it is a link to a file elsewhere")
        if not file.is_file():
            raise UnreadableError("it is no regular file")
        with file.open("rb") as opened:
            return _capped(opened.read(MAX_NOTEBOOK + 1))
    except OSError as error:
        raise UnreadableError(f"the file cannot be read ({error.strerror})") from error


def _read_entry(submission: Submission) -> bytes:
    try:
        # The size in the archive's directory may be a lie; reading stops at the cap whatever it says.
        with zipfile.ZipFile(submission.source) as opened, opened.open(submission.entry) as stream:
            return _capped(stream.read(MAX_NOTEBOOK + 1))
    except (
        Exception
    ) as error:  # zipfile, zlib, lzma and bz2 have a dozen kinds for damaged, encrypted and unknown
        if isinstance(error, UnreadableError):
            raise
        raise UnreadableError(f"the zip file's entry is damaged ({type(error).__name__})") from error


def _capped(data: bytes) -> bytes:
    if len(data) > MAX_NOTEBOOK:
        raise UnreadableError(f"it is larger than {MAX_NOTEBOOK // MEBIBYTE} MB")
    return data


def code_cells(data: bytes) -> list[str]:
    """The sources of a notebook's code cells, in order; nothing else in it matters for the grade.

    Raises: UnreadableError.
    """
    cells = read_notebook(data)["cells"]
    sources = [_source(cell) for cell in cells if isinstance(cell, dict) and cell.get("cell_type") == "code"]
    if sum(map(len, sources)) > MAX_CODE:
        raise UnreadableError(f"its code is longer than {MAX_CODE:,} characters")
    return sources


def read_notebook(data: bytes) -> dict[str, Any]:
    """A notebook with a list of ``cells``, whatever may be in it.

    Raises: UnreadableError.
    """
    notebook = _json(data)
    if not isinstance(notebook, dict):
        raise UnreadableError("it is no notebook: there is no dictionary at the top")
    cells = notebook.get("cells")
    if cells is None:  # notebooks of before 2015
        sheets = notebook.get("worksheets")
        sheet = sheets[0] if isinstance(sheets, list) and sheets else None
        cells = sheet.get("cells") if isinstance(sheet, dict) else None
    if not isinstance(cells, list):
        raise UnreadableError("it is no notebook: there is no list of cells")
    if len(cells) > MAX_CELLS:
        raise UnreadableError(f"it has {len(cells):,} cells; {MAX_CELLS:,} are the most")
    return {**notebook, "cells": cells}


def _json(data: bytes) -> Any:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return json.loads(data.decode(encoding))
    except UnicodeDecodeError as error:
        raise UnreadableError("its text is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableError("it is not JSON" if data.strip() else "it is empty") from error


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if not isinstance(source, str):
        return ""
    # Lone surrogates can be written in JSON, but not sent on as text.
    return source.encode("utf-8", "replace").decode().replace("\r\n", "\n")
