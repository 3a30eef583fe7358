"""``course grade`` as a person sees it: progress, what to do after an interrupt, and where the results are."""

from pathlib import Path
from typing import Any

import typer
from tqdm import tqdm

from course_utils.grading.records import Record
from course_utils.grading.reports import write_reports
from course_utils.grading.run import Run, grade
from course_utils.grading.submissions import find_submissions


def grade_and_report(source: Path, out: Path, *, nbgrader: Path | None = None, **options: Any) -> None:
    """Grade, then write all reports; after an interrupt, on what there is.

    Raises: CourseError where there is nothing to grade or no way to do so.
    """
    counts = {"graded": 0, "earlier": 0, "problems": 0}
    run: Run | None = None
    with tqdm(total=len(find_submissions(source)), unit="notebook", disable=None) as bar:

        def done(record: Record, earlier: bool) -> None:
            counts["earlier" if earlier else "graded"] += 1
            counts["problems"] += bool(record.problem)
            bar.update()

        try:
            run = grade(source, out, done=done, **options)
        except KeyboardInterrupt:
            n_left = bar.total - counts["graded"] - counts["earlier"]
            typer.echo(
                f"Interrupted with {n_left} to go; nothing is lost, the same command goes on.", err=True
            )
            raise typer.Exit(130) from None
    write_reports(run)
    if nbgrader:
        from course_utils.grading.reports.nbgrader import write_gradebook

        n = write_gradebook(run, nbgrader, options["lectures"])
        typer.echo(f"{n} submissions entered into {nbgrader / 'gradebook.db'}.")
    for sentence in _sentences(counts, out):
        typer.echo(sentence)


def _sentences(counts: dict[str, int], out: Path) -> list[str]:
    said = [
        f"{counts['graded']} notebooks graded"
        + (f", {counts['earlier']} before" if counts["earlier"] else "")
    ]
    if counts["problems"]:
        said.append(f"{counts['problems']} could not be read; the reasons are in grades.csv")
    return [
        *(f"{sentence}." for sentence in said),
        f"{out / 'grades.csv'} and {out / 'summary.html'} are written.",
    ]
