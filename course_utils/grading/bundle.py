"""What students get: the lectures, the package they import, and how to install it; no solutions, and no tests."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

from course_utils.runtime import CourseError

TOP = "course"
FILES = ("README.md", "LICENSE", "pyproject.toml", "constraints.txt", "environment.yml", "Makefile")
SKIPPED_SUFFIXES = {".pyc", ".pyo"}
MARKERS = ("### BEGIN SOLUTION", "### END SOLUTION")
_DATE = (1980, 1, 1, 0, 0, 0)  # the same bytes from the same course


def write_bundle(root: Path, bundle: Path) -> int:
    """Write the zip file; returns the number of files in it.

    The check in the notebooks needs the exercises' definitions, so the package holds them, references included: they
    are a help for learning. Grades do not hang on them, for the grader's jail has none of them in it.

    Raises: CourseError if there are no lectures, or a solution would get out.
    """
    files = list(_files(root))
    if not any(file.suffix == ".ipynb" for file in files):
        raise CourseError(f"There are no lectures in {root / 'lectures'}: `course build` makes them.")
    for file in files:
        if file.suffix == ".ipynb" and any(marker in file.read_text(encoding="utf-8") for marker in MARKERS):
            raise CourseError(f"{file} holds a solution. Build the lectures anew: `course build --force`.")
    bundle.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            entry = zipfile.ZipInfo(f"{TOP}/{file.relative_to(root).as_posix()}", _DATE)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, file.read_bytes())
    return len(files)


def _files(root: Path) -> Iterator[Path]:
    yield from (root / name for name in FILES if (root / name).is_file())
    yield from sorted((root / "lectures").glob("*.ipynb"))
    for file in sorted((root / "course_utils").rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts and file.suffix not in SKIPPED_SUFFIXES:
            yield file
