"""What nbgrader itself makes of our grades: its export, its feedback, its manual grading, its formgrader."""

import csv
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from course_utils.exercises import Verdict
from course_utils.grading.lectures import Lecture
from course_utils.grading.records import Record, Records
from course_utils.grading.reports.nbgrader import shown_notebook, write_gradebook
from course_utils.grading.run import Run
from course_utils.grading.submissions import find_submissions, read_notebook
from course_utils.grading.worker import Settings
from tests.grading.conftest import ROOT

pytestmark = [pytest.mark.timeout(240), pytest.mark.filterwarnings("ignore")]
NAME = "03_elbo"


@pytest.fixture
def run(tmp_path: Path, lectures: dict[int, Lecture]) -> Run:
    """Two students' records, as a run leaves them; nobody's code is run here."""
    for student in ("anna", "ben"):
        notebook = json.loads((ROOT / "lectures" / f"{NAME}.ipynb").read_text(encoding="utf-8"))
        notebook["cells"][1]["source"] = "<script>alert(1)</script>"
        place = tmp_path / "submitted" / student / "ps1"
        place.mkdir(parents=True)
        (place / f"{NAME}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    made = Run(
        tmp_path, find_submissions(tmp_path), Records(tmp_path / "records"), Settings(lectures, 1, "v")
    )
    for submission, share in zip(made.submissions, (1.0, 0.5), strict=True):
        verdicts = tuple(
            Verdict(e.id, "wrong", share * e.points, e.points, None, f"<b>{share}</b>")
            for e in lectures[3].exercises
        )
        made.records.write(
            submission, Record(submission.student, submission.place, NAME, "", "v", verdicts=verdicts)
        )
    return made


def test_points_are_in_the_gradebook_and_manual_ones_stay(
    run: Run, tmp_path: Path, lectures: dict[int, Lecture]
) -> None:
    course, total = tmp_path / "course", sum(e.points for e in lectures[3].exercises)
    assert write_gradebook(run, course, ROOT / "lectures") == 2
    url = f"sqlite:///{course / 'gradebook.db'}"
    with Gradebook(url) as gradebook:
        assert gradebook.find_submission("ps1", "anna").score == total
        assert gradebook.find_submission("ps1", "ben").score == total / 2
        grade = gradebook.find_grade("check-kl_discrete", NAME, "ps1", "ben")
        assert not grade.needs_manual_grade
        grade.manual_score = 1.75
        gradebook.db.commit()
    write_gradebook(run, course, ROOT / "lectures")
    with Gradebook(url) as gradebook:
        assert gradebook.find_grade("check-kl_discrete", NAME, "ps1", "ben").score == 1.75


@pytest.mark.slow
def test_nbgrader_exports_and_gives_feedback(run: Run, tmp_path: Path) -> None:
    course = tmp_path / "course"
    write_gradebook(run, course, ROOT / "lectures")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for command in (["export"], ["generate_feedback", "ps1"]):
        subprocess.run(
            [sys.executable, "-m", "nbgrader", *command],
            cwd=course,
            env=environment,
            check=True,
            capture_output=True,
        )
    with (course / "grades.csv").open(newline="") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert scores["anna"] == 2 * scores["ben"] > 0
    page = (course / "feedback" / "anna" / "ps1" / f"{NAME}.html").read_text(encoding="utf-8")
    assert "<script>alert(1)</script>" not in page
    assert "&lt;b&gt;1.0&lt;/b&gt;" in page


@pytest.fixture
def formgrader(run: Run, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Fetches pages of a formgrader that runs on our gradebook."""
    course = tmp_path / "course"
    write_gradebook(run, course, ROOT / "lectures")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [
        f"--port={port}",
        "--ServerApp.ip=127.0.0.1",
        "--IdentityProvider.token=secret",
        "--no-browser",
    ]
    options += [
        "--allow-root",
        "--ServerApp.jpserver_extensions={'nbgrader.server_extensions.formgrader': True}",
    ]
    environment = {**os.environ, "HOME": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
    environment |= {
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
    }

    def fetch(path: str) -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/formgrader{path}")
        request.add_header("Authorization", "token secret")
        with urllib.request.urlopen(request, timeout=60) as page:
            return page.read().decode()

    with (tmp_path / "log").open("w") as log:
        command = [sys.executable, "-m", "jupyter_server", *options]
        server = subprocess.Popen(command, cwd=course, env=environment, stdout=log, stderr=log)
        try:
            for _ in range(120):
                with suppress(OSError):
                    fetch("")
                    break
                assert server.poll() is None, (tmp_path / "log").read_text()[-2000:]
                time.sleep(0.5)
            yield fetch
        finally:
            server.terminate()
            server.wait()


@pytest.mark.slow
def test_the_formgrader_shows_the_grades(
    formgrader: Callable[[str], str], lectures: dict[int, Lecture]
) -> None:
    total = sum(e.points for e in lectures[3].exercises)
    assert [assignment["name"] for assignment in json.loads(formgrader("/api/assignments"))] == ["ps1"]
    students = {student["id"]: student["score"] for student in json.loads(formgrader("/api/students"))}
    assert students == {"anna": total, "ben": total / 2}
    for page in ("/manage_submissions/ps1", f"/gradebook/ps1/{NAME}"):
        assert "nbgrader formgrade" in formgrader(page)
    for submitted in json.loads(formgrader(f"/api/submitted_notebooks/ps1/{NAME}")):
        assert submitted["score"] == students[submitted["student"]]
        page = formgrader(f"/submissions/{submitted['id']}")
        assert "&lt;b&gt;" in page
        assert "<script>alert(1)</script>" not in page
        grades = json.loads(formgrader(f"/api/grades?submission_id={submitted['id']}"))
        assert sum(grade["auto_score"] for grade in grades) == students[submitted["student"]]


def test_the_shown_notebook_takes_nothing_but_text_from_the_student() -> None:
    released = nbformat.read(ROOT / "lectures" / f"{NAME}.ipynb", as_version=4)
    theirs = read_notebook((ROOT / "lectures" / f"{NAME}.ipynb").read_bytes())["cells"]
    for cell in theirs:
        cell["outputs"] = [{"output_type": "display_data", "data": {"text/html": "<script>"}, "metadata": {}}]
        cell["metadata"] = {**cell["metadata"], "evil": "yes"}
    strange = [None, 3, {"cell_type": "code", "source": 3}, {"cell_type": "x"}, *theirs, *theirs]
    shown = json.dumps(shown_notebook(released, strange, ()))
    assert "evil" not in shown
    assert "text/html" not in shown
    assert shown.count('"grade_id": "check-kl_discrete"') == 1
