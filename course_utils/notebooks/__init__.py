"""From one percent script per lecture to two executed notebooks, and the proof that they are current.

The rooms, in the order in which a lecture passes through them:

- ``source`` reads ``solutions/NN_name.py`` and refuses what is not a well-formed lecture;
- ``complete`` makes the complete notebook's cells: headings, hints, ids and nbgrader metadata;
- ``student`` replaces the answers by stubs;
- ``execute`` runs a notebook in a clean kernel and tidies its outputs;
- ``build`` decides what has to be done and writes both files, or neither.

Only instructors need this package; it wants the ``instructor`` extra (jupytext, nbclient, nbgrader).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course_utils.notebooks.build import BuildReport, LectureReport, build_lectures
    from course_utils.notebooks.errors import BuildError

__all__ = ["BuildError", "BuildReport", "LectureReport", "build_lectures"]


def __getattr__(name: str) -> Any:
    """Load the pipeline when it is first used: jupytext and nbgrader take two seconds to import."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from course_utils.notebooks import build, errors

    return getattr(errors if name == "BuildError" else build, name)
