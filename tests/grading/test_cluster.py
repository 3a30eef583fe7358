"""The same run on a cluster of separate processes gives the same grades."""

from pathlib import Path

import pytest

from course_utils.grading import run as running
from course_utils.grading.run import grade
from course_utils.runtime import CourseError
from tests.grading.conftest import HONEST, IMPORTS, RIGHT, SMALL, notebook

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.filterwarnings("ignore")]
distributed = pytest.importorskip("distributed")


@pytest.fixture(autouse=True)
def small_lecture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "read_lectures", lambda folder: {3: SMALL})


def test_a_cluster_gives_the_same_grades(tmp_path: Path) -> None:
    answers = {
        "anna": RIGHT,
        "ben": RIGHT.replace("q * (q", "p * (q"),
        "carl": "import os; os._exit(0)",
        "dora": "",
    }
    for name, answer in answers.items():
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "03_small.ipynb").write_bytes(notebook(IMPORTS, answer, HONEST))
    here = grade(tmp_path / "in", tmp_path / "here", seed=3)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        there = grade(tmp_path / "in", tmp_path / "there", seed=3, scheduler=cluster.scheduler_address)
    for submission in here.submissions:
        one, other = here.records.read(submission), there.records.read(submission)
        assert one is not None
        assert other is not None
        assert one.verdicts == other.verdicts


def test_where_there_is_no_scheduler_one_sentence_says_so(tmp_path: Path) -> None:
    (tmp_path / "anna.ipynb").write_bytes(notebook(IMPORTS))
    with pytest.raises(CourseError, match="no Dask scheduler"):
        grade(tmp_path, tmp_path / "out", scheduler="tcp://127.0.0.1:9")
