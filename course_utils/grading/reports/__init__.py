"""What comes of a run: the table, a page and a results file per student, a summary of the class."""

from functools import partial

from course_utils.grading.reports.feedback import write_feedback
from course_utils.grading.reports.gradescope import write_results
from course_utils.grading.reports.summary import Summary
from course_utils.grading.reports.table import Table
from course_utils.grading.run import Run

__all__ = ["write_reports"]


def write_reports(run: Run) -> Summary:
    """Write all reports on what has been graded so far; one student after the other, so that memory stays flat."""
    lectures = {lecture.name: lecture for lecture in run.settings.lectures.values()}
    summary = Summary()
    by_student = partial(run.records.by_student, run.submissions)  # read from disk, each time anew
    graded = {record.lecture for _, records in by_student() for record in records if record.lecture}
    with Table(run.out / "grades.csv", [lectures[name] for name in sorted(graded)]) as table:
        for student, records in by_student():
            table.add(student, records)
            write_feedback(run.out / "feedback", student, records)
            write_results(run.out / "gradescope", student, records)
            summary.add(records)
    summary.write(run.out)
    return summary
