"""A student's page: points, what was expected and seen, the mistake by name, and a hint."""

from collections.abc import Sequence
from pathlib import Path

from course_utils.exercises import Verdict, get_exercise
from course_utils.grading.records import Record, write_whole
from course_utils.grading.reports.page import page, text, with_code
from course_utils.grading.submissions import file_name

LOOK = {
    "right": "✓ Right",
    "mistake": "✗ A known slip",
    "wrong": "✗ Not yet",
    "error": "! Error",
    "untouched": "○ Not begun",
}


def write_feedback(folder: Path, student: str, records: Sequence[Record]) -> Path:
    """Write a student's page."""
    file = folder / f"{file_name(student)}.html"
    write_whole(file, feedback(student, records))
    return file


def feedback(student: str, records: Sequence[Record]) -> str:
    """The whole page as HTML."""
    points, of = sum(record.points for record in records), sum(record.max_points for record in records)
    head = f"<h1>Feedback for {text(student)}</h1>\n<p><strong>{points:g} of {of:g} points</strong></p>"
    parts = [_record(record) for record in sorted(records, key=lambda record: record.lecture)]
    return page(f"Feedback for {student}", head, *parts)


def _record(record: Record) -> str:
    if record.problem:
        return (
            f"<h2>{text(record.place)}</h2>\n"
            f'<section class="error"><p>This could not be graded: {text(record.problem)}.</p></section>'
        )
    head = f"<h2>{text(record.lecture)} · {record.points:g} of {record.max_points:g} points</h2>"
    return "\n".join([head, *(_exercise(verdict) for verdict in record.verdicts)])


def _exercise(verdict: Verdict) -> str:
    exercise = get_exercise(verdict.exercise_id)
    points = f'<span class="points">{verdict.points:g} of {verdict.max_points:g}</span>'
    title = f"{points}{LOOK[verdict.status]} · Exercise {exercise.number} · {text(exercise.title)}"
    first, *rest = verdict.message.split("\n")
    message = f'<p class="message">{with_code(first)}</p>' + (
        f"<pre>{text(chr(10).join(rest))}</pre>" if rest else ""
    )
    return "\n".join(
        [
            f'<section class="{verdict.status}" id="{text(exercise.id)}">',
            f"<h3>{title}</h3>",
            message,
            _cases(verdict),
            _hint(verdict, exercise.hints),
            "</section>",
        ]
    )


def _cases(verdict: Verdict) -> str:
    if verdict.status in ("right", "untouched"):
        return ""
    rows = [
        f"<tr><td>{'✓' if case.passed else '✗'}</td><td>{text(case.name)}</td><td>{text(case.difference)}</td></tr>"
        for case in verdict.cases
    ]
    head = "<tr><th></th><th>Case</th><th>Expected and seen</th></tr>"
    return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def _hint(verdict: Verdict, hints: Sequence[str]) -> str:
    if verdict.passed or not hints:
        return ""
    return f"<details><summary>A hint</summary><p>{with_code(hints[0])}</p></details>"
