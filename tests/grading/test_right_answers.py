"""Whoever hands in the course's own solutions gets every point, in each lecture."""

import pytest

from course_utils.grading.jail import Zygote
from course_utils.grading.judge import grade_notebook
from course_utils.grading.lectures import Lecture
from course_utils.grading.submissions import code_cells
from tests.grading.conftest import ROOT

SOLUTIONS = sorted((ROOT / "solutions").glob("[0-9][0-9]_*.ipynb"))

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("name", [file.stem for file in SOLUTIONS])
def test_the_solutions_earn_every_point(zygote: Zygote, lectures: dict[int, Lecture], name: str) -> None:
    sources = code_cells((ROOT / "solutions" / f"{name}.ipynb").read_bytes())
    verdicts, _ = grade_notebook(zygote, lectures[int(name[:2])], sources, seed=4)
    assert {v.exercise_id: v.message for v in verdicts if not v.passed} == {}
