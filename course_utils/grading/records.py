"""What is kept of each graded submission: one JSON file, so that a run can stop anywhere and go on."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from course_utils.exercises.evaluation import CaseResult, Verdict
from course_utils.grading.submissions import Submission, file_name


@dataclass(frozen=True)
class Record:
    """One graded submission: the verdicts, or the problem that kept it from being graded."""

    student: str
    place: str
    lecture: str
    digest: str
    version: str
    problem: str = ""
    verdicts: tuple[Verdict, ...] = ()
    cpu: float = 0.0
    seconds: float = 0.0

    @property
    def points(self) -> float:
        """The sum of all exercises' points."""
        return round(sum(verdict.points for verdict in self.verdicts), 2)

    @property
    def max_points(self) -> float:
        """What there was to be had."""
        return sum(verdict.max_points for verdict in self.verdicts)


class Records:
    """The folder of records of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, submission: Submission) -> Path:
        """Where a submission's record is kept; different for each place a notebook was found in."""
        place = sha256(submission.place.encode()).hexdigest()[:16]
        return self.folder / file_name(submission.student) / f"{place}.json"

    def write(self, submission: Submission, record: Record) -> None:
        """Write a record, whole or not at all."""
        write_whole(self.file(submission), json.dumps(asdict(record), indent=1))

    def read(self, submission: Submission) -> Record | None:
        """The record of a submission; None where there is none that can be read."""
        try:
            return _record(json.loads(self.file(submission).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def by_student(self, submissions: Iterable[Submission]) -> Iterator[tuple[str, list[Record]]]:
        """Each student's records, one per lecture: of several notebooks of one lecture the last by name counts.

        ``submissions`` are sorted by student, as ``find_submissions`` gives them.
        """
        student, records = "", {}
        for submission in submissions:
            if submission.student != student:
                if records:
                    yield student, list(records.values())
                student, records = submission.student, {}
            if record := self.read(submission):
                records[record.lecture or record.place] = record
        if records:
            yield student, list(records.values())


def write_whole(file: Path, text: str) -> None:
    """Replace a file in one step, so that nobody ever sees half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", dir=file.parent, prefix=".", delete=False, encoding="utf-8", newline=""
    ) as new:
        new.write(text)
    os.chmod(new.name, 0o644)
    os.replace(new.name, file)


def _record(fields: dict[str, Any]) -> Record:
    verdicts = [
        Verdict(**{**verdict, "cases": tuple(CaseResult(**case) for case in verdict["cases"])})
        for verdict in fields.pop("verdicts")
    ]
    return Record(**fields, verdicts=tuple(verdicts))
