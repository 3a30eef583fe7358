"""From one percent script per lecture to two executed notebooks, and the proof that they are current.

The rooms, in the order in which a lecture passes through them:

- ``source`` reads ``solutions/NN_name.py`` and refuses what is not a well-formed lecture;
- ``complete`` makes the complete notebook's cells: headings, hints, ids and nbgrader metadata;
- ``student`` replaces the answers by stubs;
- ``execute`` runs a notebook in a clean kernel and tidies its outputs;
- ``build`` decides what has to be done and writes both files, or neither.

Only instructors need this package; it wants the ``instructor`` extra (jupytext, nbclient, nbgrader).
"""

from course_utils.notebooks.build import BuildReport, LectureReport, build_lectures
from course_utils.notebooks.errors import BuildError

__all__ = ["BuildError", "BuildReport", "LectureReport", "build_lectures"]
