"""What a student has done so far, remembered between sessions in one small JSON file."""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

from course_utils.exercises.catalogue import exercise_ids, get_exercise
from course_utils.exercises.definition import Exercise
from course_utils.exercises.evaluation import Verdict
from course_utils.runtime import CourseError


@dataclass(frozen=True)
class Record:
    """The state of one exercise: the latest ``status``, the best ``points`` so far and the number of attempts."""

    status: str = "untouched"
    points: float = 0.0
    attempts: int = 0


def progress_file() -> Path:
    """``progress.json`` in ``COURSE_HOME``, or in the user's data folder of this platform."""
    folder = os.environ.get("COURSE_HOME") or platformdirs.user_data_dir("generative-models-course")
    return Path(folder) / "progress.json"


def load_progress() -> dict[str, Record]:
    """Records by exercise id; empty where nothing (or nothing readable) is stored."""
    try:
        stored = json.loads(progress_file().read_text(encoding="utf-8"))
        return {exercise_id: Record(**fields) for exercise_id, fields in stored.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def record(verdict: Verdict) -> None:
    """Remember a verdict; an exercise that was only looked at is not an attempt."""
    if verdict.status == "untouched":
        return
    records = load_progress()
    old = records.get(verdict.exercise_id, Record())
    records[verdict.exercise_id] = Record(verdict.status, max(old.points, verdict.points), old.attempts + 1)
    _write({exercise_id: asdict(entry) for exercise_id, entry in records.items()})


def _write(content: dict) -> None:
    """Replace the file in one step; a file that could not be read is kept beside it, not overwritten."""
    file = progress_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists() and not load_progress():
        file.replace(file.with_suffix(".unreadable.json"))
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as new:
        json.dump(content, new, indent=1, sort_keys=True)
    os.replace(new.name, file)


@dataclass(frozen=True)
class Row:
    """One line of the table of progress."""

    exercise: Exercise
    record: Record


def progress_rows(lecture: int | None = None) -> list[Row]:
    """All exercises in course order, or those of one lecture, each with what is remembered of it.

    Raises: CourseError for a lecture without exercises.
    """
    records = load_progress()
    exercises = [get_exercise(exercise_id) for exercise_id in exercise_ids()]
    rows = [Row(e, records.get(e.id, Record())) for e in exercises if lecture in (None, e.lecture)]
    if not rows:
        raise CourseError(
            f"Lecture {lecture} has no exercises; there are lectures 1 to {exercises[-1].lecture}."
        )
    return rows
