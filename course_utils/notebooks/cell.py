"""One cell of a lecture's source, which knows where it stands."""

from dataclasses import dataclass, field
from typing import Any

from course_utils.notebooks.errors import BuildError


@dataclass(frozen=True)
class Cell:
    """One cell of the source, with the place it came from."""

    file: str
    number: int
    line: int
    kind: str
    source: str
    metadata: dict[str, Any] = field(default_factory=dict)

    def error(self, problem: str, offset: int = 0) -> BuildError:
        """Return the error that says ``problem`` of the line ``offset`` lines into this cell."""
        return BuildError(problem, file=self.file, cell=self.number, line=self.line + offset)
