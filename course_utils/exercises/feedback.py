"""What a student sees: the card under a check cell, and the table of progress."""

import html
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from course_utils.exercises.catalogue import get_exercise
from course_utils.exercises.evaluation import Verdict, evaluate
from course_utils.exercises.progress import Row, progress_rows, record
from course_utils.runtime import CourseError

A = TypeVar("A", bound=Callable[..., Any])

# Symbol, heading and colour by status; the symbols carry the meaning without the colour.
_LOOK = {
    "untouched": ("○", "To do", "#6b7280"),
    "error": ("!", "Error", "#b45309"),
    "wrong": ("✗", "Not yet", "#b91c1c"),
    "mistake": ("✗", "A known slip", "#b91c1c"),
    "right": ("✓", "Right", "#047857"),
}


_LEFT = "text-align:left"  # JupyterLab sets tables flush right, which tears words and states apart


@dataclass(frozen=True)
class Card:
    """A message as a card: HTML for notebooks, with a plain-text twin."""

    status: str
    title: str
    message: str

    def __str__(self) -> str:
        symbol, heading, _ = _LOOK[self.status]
        return f"{symbol} {heading} · {self.title}\n{self.message}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._html()}

    def _html(self) -> str:
        symbol, heading, colour = _LOOK[self.status]
        paragraphs = "".join(f"<div>{_html_sentence(line)}</div>" for line in self.message.split("\n"))
        # Colours are set for text and background together, so the card reads the same in light and dark themes.
        return (
            f'<div role="status" style="border-left:6px solid {colour};background:#f9fafb;color:#111827;'
            f'padding:.6em 1em;margin:.3em 0;border-radius:4px;max-width:52em;line-height:1.45">'
            f'<div><strong style="color:{colour}">{symbol} {heading}</strong> · {html.escape(self.title)}</div>'
            f"{paragraphs}</div>"
        )


def check(exercise_id: str, answer: A) -> A:
    """Check an answer, show a card, remember progress, and hand on something that works.

    Returns the answer if it is right, else the course's own version, so that the cells below always run.
    Never raises.
    """
    try:
        exercise = get_exercise(exercise_id)
    except CourseError as error:
        _show(Card("error", exercise_id, str(error)))
        return answer
    if answer is exercise.reference:
        _show(
            Card(
                "untouched",
                _title(exercise_id),
                "This is the course's version. Run the cell with your answer, then this one.",
            )
        )
        return answer
    verdict = evaluate(exercise_id, answer)
    _remember(verdict)
    _show(card(verdict))
    return answer if verdict.passed else exercise.reference


def card(verdict: Verdict) -> Card:
    """The card that shows a verdict."""
    message = verdict.message
    if verdict.status in ("wrong", "mistake", "error") and verdict.points:
        message += f"\n{verdict.points:g} of {_points(verdict.max_points)} so far."
    if not verdict.passed:
        message += "\nThe cells below go on with the course's version."
    return Card(verdict.status, _title(verdict.exercise_id), message)


def _title(exercise_id: str) -> str:
    exercise = get_exercise(exercise_id)
    return f"Exercise {exercise.number} · {exercise_id} · {_points(exercise.points)}"


def _points(n: float) -> str:
    return f"{n:g} point" + ("" if n == 1 else "s")


def _html_sentence(line: str) -> str:
    """A line of a message, escaped; what stands behind "in line N of its cell:" is the student's code."""
    place, colon, code = html.escape(line).partition(" of its cell: ")
    if not colon:
        return place
    return f'{place}{colon}<code style="background:transparent;color:inherit">{code}</code>'


def _remember(verdict: Verdict) -> None:
    try:
        record(verdict)
    except OSError:  # a read-only or full home folder is no reason to stop a student
        return


def _show(shown: Any) -> None:
    """Display in a notebook, print elsewhere."""
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        print(shown)
    else:
        ipython.display.display(shown)


class ProgressView:
    """The table of progress, for the last line of a notebook cell."""

    def __init__(self, lecture: int | None = None) -> None:
        self.rows = progress_rows(lecture)

    @property
    def total(self) -> str:
        """Points so far of points to be had."""
        points = sum(row.record.points for row in self.rows)
        return f"{points:g} of {sum(row.exercise.points for row in self.rows)} points"

    def __str__(self) -> str:
        return "\n".join([*map(_text_line, self.rows), self.total])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        titles = ("No.", "Exercise", "State", "Points", "Attempts")
        head = "<tr>" + "".join(f'<th scope="col" style="{_LEFT}">{title}</th>' for title in titles) + "</tr>"
        body = "".join(map(_html_line, self.rows))
        table = f"<table><caption>{self.total}</caption><thead>{head}</thead><tbody>{body}</tbody></table>"
        return {"text/plain": str(self), "text/html": table}


def _text_line(row: Row) -> str:
    symbol, points = _LOOK[row.record.status][0], f"{row.record.points:g}/{row.exercise.points}"
    return f"{symbol} {row.exercise.number:>5}  {row.exercise.id:<32} {points}"


def _html_line(row: Row) -> str:
    symbol, heading, _ = _LOOK[row.record.status]
    cells = (
        row.exercise.number,
        f"<code>{row.exercise.id}</code>",
        f"{symbol} {heading}",
        f"{row.record.points:g} / {row.exercise.points}",
        str(row.record.attempts),
    )
    return "<tr>" + "".join(f'<td style="{_LEFT}">{cell}</td>' for cell in cells) + "</tr>"


def progress_view(lecture: int | None = None) -> ProgressView:
    """How far you are: all exercises, or those of one lecture."""
    return ProgressView(lecture)
