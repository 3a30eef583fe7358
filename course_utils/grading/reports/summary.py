"""The class at a glance: how each exercise went, and which mistakes were made how often."""

import base64
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from course_utils.exercises import get_exercise
from course_utils.grading.records import Record, write_whole
from course_utils.grading.reports.feedback import LOOK
from course_utils.grading.reports.page import page, text

# Told apart by lightness too, so that the plot can be printed in grey.
COLOURS = {
    "right": "#009E73",
    "mistake": "#E69F00",
    "wrong": "#D55E00",
    "error": "#8c3a00",
    "untouched": "#c7c9cc",
}


class Summary:
    """Counts, which stay small however many students there are."""

    def __init__(self) -> None:
        self.statuses: dict[str, Counter[str]] = {}
        self.mistakes: dict[str, Counter[str]] = {}
        self.totals: list[float] = []
        self.problems: list[tuple[str, str, str]] = []

    def add(self, records: Sequence[Record]) -> None:
        """Count one student."""
        self.totals.append(round(sum(record.points for record in records), 2))
        for record in records:
            if record.problem:
                self.problems.append((record.student, record.place, record.problem))
            for verdict in record.verdicts:
                self.statuses.setdefault(verdict.exercise_id, Counter())[verdict.status] += 1
                if verdict.mistake:
                    self.mistakes.setdefault(verdict.exercise_id, Counter())[verdict.mistake] += 1

    def write(self, out: Path) -> None:
        """Write ``summary.html``."""
        write_whole(out / "summary.html", self.html())

    def html(self) -> str:
        """The whole page, with the plot in it."""
        average = sum(self.totals) / max(len(self.totals), 1)
        head = f"<h1>The class</h1>\n<p>{len(self.totals)} students, {average:.1f} points on average.</p>"
        return page("The class", head, self._figure(), self._exercises(), self._mistakes(), self._problems())

    def _exercise_ids(self) -> list[str]:
        return sorted(
            self.statuses, key=lambda name: (get_exercise(name).lecture, get_exercise(name).position)
        )

    def _figure(self) -> str:
        if not self.statuses:
            return ""
        alt = "; ".join(f"{name}: {n['right']} of {n.total()} right" for name, n in self.statuses.items())
        image = base64.b64encode(self.png()).decode()
        return f'<img src="data:image/png;base64,{image}" alt="Bars of how each exercise went. {text(alt)}.">'

    def png(self) -> bytes:
        """A bar per exercise: the shares of right answers, known mistakes, other wrong ones, errors, not begun."""
        from matplotlib.figure import Figure

        names = self._exercise_ids()
        figure = Figure(figsize=(9, 1.4 + 0.36 * len(names)), layout="constrained")
        axes = figure.subplots()
        left = [0.0] * len(names)
        for status, colour in COLOURS.items():
            widths = [100 * self.statuses[name][status] / self.statuses[name].total() for name in names]
            label = LOOK[status].partition(" ")[2].lower()
            axes.barh(range(len(names)), widths, left=left, color=colour, edgecolor="white", label=label)
            left = [a + b for a, b in zip(left, widths, strict=True)]
        labels = [f"{get_exercise(name).number}  {name}" for name in names]
        axes.set(
            xlim=(0, 100), xlabel="share of the submissions (%)", yticks=range(len(names)), yticklabels=labels
        )
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside upper center", ncols=len(COLOURS), frameon=False)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()

    def _exercises(self) -> str:
        head = (
            "<tr><th>No.</th><th>Exercise</th>"
            + "".join(f"<th>{LOOK[status]}</th>" for status in COLOURS)
            + "</tr>"
        )
        rows = [
            f"<tr><td>{get_exercise(name).number}</td><td>{text(get_exercise(name).title)}</td>"
            + "".join(f'<td class="number">{self.statuses[name][status]}</td>' for status in COLOURS)
            + "</tr>"
            for name in self._exercise_ids()
        ]
        return f"<h2>Exercises</h2>\n<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"

    def _mistakes(self) -> str:
        rows = []
        for name in self._exercise_ids():
            sentences = {mistake.name: mistake.sentence for mistake in get_exercise(name).mistakes}
            for mistake, n in self.mistakes.get(name, Counter()).most_common():
                cells = f'<td>{text(name)}</td><td class="number">{n}</td>'
                rows.append(
                    (
                        n,
                        f"<tr>{cells}<td>{text(mistake)}</td><td>{text(sentences.get(mistake, ''))}</td></tr>",
                    )
                )
        if not rows:
            return ""
        body = "".join(row for _, row in sorted(rows, key=lambda pair: -pair[0]))
        head = "<tr><th>Exercise</th><th>How often</th><th>Mistake</th><th>What students are told</th></tr>"
        return f"<h2>Mistakes, the most frequent first</h2>\n<table><thead>{head}</thead><tbody>{body}</tbody></table>"

    def _problems(self) -> str:
        if not self.problems:
            return ""
        rows = "".join(
            f"<tr>{''.join(f'<td>{text(part)}</td>' for part in problem)}</tr>" for problem in self.problems
        )
        head = "<tr><th>Student</th><th>File</th><th>Why it could not be graded</th></tr>"
        return f"<h2>Not graded</h2>\n<table><thead>{head}</thead><tbody>{rows}</tbody></table>"
