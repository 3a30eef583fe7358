"""The one error of the notebook pipeline: it always says where."""

from course_utils.runtime import CourseError


class BuildError(CourseError):
    """A lecture cannot be built; the message names the file and, where there is one, the line and the cell.

    Parameters
    ----------
    problem : str
        What is wrong and what to do about it, one sentence.
    file : str
        The lecture's file, relative to the repository.
    cell : int, optional
        Position of the cell, counted from 1 over all cells of the source.
    line : int, optional
        Line of the percent script, counted from 1.
    """

    def __init__(self, problem: str, *, file: str, cell: int | None = None, line: int | None = None) -> None:
        self.problem, self.file, self.cell, self.line = problem, file, cell, line
        where = file
        if line is not None:
            where += f", line {line}"
        if cell is not None:
            where += f" (cell {cell})"
        super().__init__(f"{where}: {problem}")
