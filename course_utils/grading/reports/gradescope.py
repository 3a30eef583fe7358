"""Gradescope's ``results.json``, one per student (the form its autograder containers write)."""

import json
from collections.abc import Sequence
from pathlib import Path

from course_utils.exercises import get_exercise
from course_utils.grading.records import Record, write_whole
from course_utils.grading.submissions import file_name


def write_results(folder: Path, student: str, records: Sequence[Record]) -> Path:
    """Write a student's ``STUDENT/results.json``."""
    file = folder / file_name(student) / "results.json"
    write_whole(file, json.dumps(results(records), indent=1) + "\n")
    return file


def results(records: Sequence[Record]) -> dict[str, object]:
    """The content of ``results.json``: a score, and a test per exercise."""
    problems = [
        f"{record.place} could not be graded: {record.problem}." for record in records if record.problem
    ]
    verdicts = [verdict for record in records for verdict in record.verdicts]
    return {
        "score": round(sum(verdict.points for verdict in verdicts), 2),
        "execution_time": round(sum(record.seconds for record in records), 1),
        "output": "\n".join(problems),
        "output_format": "text",
        "visibility": "visible",
        "tests": [
            {
                "number": get_exercise(verdict.exercise_id).number,
                "name": get_exercise(verdict.exercise_id).title,
                "score": verdict.points,
                "max_score": verdict.max_points,
                "status": "passed" if verdict.passed else "failed",
                "output": verdict.message,
                "output_format": "text",
                "visibility": "visible",
                "tags": [verdict.exercise_id, verdict.status],
            }
            for verdict in verdicts
        ],
    }
