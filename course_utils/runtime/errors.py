"""The error that a student reads: one sentence, no traceback."""


class CourseError(Exception):
    """Something the reader can put right; the message is one sentence that says how.

    In a notebook it shows as one line: IPython asks an exception for its own rendering
    (``_render_traceback_``) before it prints twenty frames that lead into a library. In a
    plain Python session the traceback stays complete, for whoever debugs the course itself.

    >>> print(CourseError("There is no data set 'x'; choose 'digits'.")._render_traceback_()[0])
    CourseError: There is no data set 'x'; choose 'digits'.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]
