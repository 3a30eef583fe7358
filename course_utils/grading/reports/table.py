"""``grades.csv``: one row per student, one column per exercise."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from course_utils.grading.lectures import Lecture
from course_utils.grading.records import Record, write_whole


class Table:
    """The table while it is being filled; it is written whole at the end."""

    def __init__(self, file: Path, lectures: Sequence[Lecture]) -> None:
        self.file, self.text = file, io.StringIO()
        self.exercise_ids = [exercise.id for lecture in lectures for exercise in lecture.exercises]
        self.max_points = sum(
            float(exercise.points) for lecture in lectures for exercise in lecture.exercises
        )
        self.writer = csv.writer(self.text, lineterminator="\n")
        self.writer.writerow(["student", *self.exercise_ids, "total", "of", "problem"])

    def __enter__(self) -> "Table":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, where: TracebackType | None) -> None:
        if kind is None:
            write_whole(self.file, self.text.getvalue())

    def add(self, student: str, records: Sequence[Record]) -> None:
        """One student's row; an exercise of a lecture that was not handed in stays empty."""
        points = {verdict.exercise_id: verdict.points for record in records for verdict in record.verdicts}
        cells = [f"{points[name]:g}" if name in points else "" for name in self.exercise_ids]
        problems = "; ".join(f"{record.place}: {record.problem}" for record in records if record.problem)
        total = f"{round(sum(points.values()), 2):g}"
        self.writer.writerow([harmless(student), *cells, total, f"{self.max_points:g}", harmless(problems)])


def harmless(text: str) -> str:
    """Text that a spreadsheet takes for text: a leading sign of a formula gets an apostrophe in front."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
