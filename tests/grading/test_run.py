"""A whole run: every submission gets its row, it can stop anywhere and go on, and more processes change no grade."""

import csv
import json
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from course_utils.cli import app
from course_utils.grading import run as running
from course_utils.grading.bundle import write_bundle
from course_utils.grading.lectures import Lecture
from course_utils.grading.records import Record
from course_utils.grading.reports import write_reports
from course_utils.grading.reports.page import text
from course_utils.grading.reports.table import harmless
from course_utils.grading.run import Run, grade
from course_utils.grading.sandbox import NoSandboxError, start_zygote
from course_utils.grading.worker import Settings, Task, Worker
from course_utils.runtime import CourseError
from tests.grading.conftest import HONEST, IMPORTS, RIGHT, ROOT, SMALL, notebook

pytestmark = pytest.mark.timeout(300)
SWAPPED = RIGHT.replace("q * (q", "p * (q")
BITS = RIGHT.replace(".sum()", ".sum() / 0.6931471805599453")


@pytest.fixture(autouse=True)
def small_lecture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "read_lectures", lambda folder: {3: SMALL})


@pytest.fixture
def handed_in(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    cells = {
        "anna": (RIGHT, HONEST),
        "ben": (BITS, HONEST),
        "=cmd|' calc'!A0": (RIGHT,),
        "<script>alert(1)</script>": (
            "def kl_discrete(q, p):\n    raise ValueError('<script>alert(2)</script>')",
        ),
        "dora": ("import os; os._exit(3)", RIGHT, HONEST),
        "empty": (),
    }
    for name, own in cells.items():
        (folder / name.replace("/", "∕")).mkdir(parents=True)
        (folder / name.replace("/", "∕") / "03_small.ipynb").write_bytes(notebook(IMPORTS, *own))
    (folder / "fred").mkdir()
    (folder / "fred" / "03_small.ipynb").write_bytes(b"\x00\xff junk")
    (folder / "gil").mkdir()
    (folder / "gil" / "09_other.ipynb").write_bytes(notebook("x = 1"))
    return folder


def rows(out: Path) -> dict[str, dict[str, str]]:
    with (out / "grades.csv").open(encoding="utf-8", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


@pytest.fixture
def graded(handed_in: Path, tmp_path: Path) -> Run:
    run = grade(handed_in, tmp_path / "out", seed=5)
    write_reports(run)
    return run


def test_everybody_gets_a_row_and_a_page(graded: Run) -> None:
    table = rows(graded.out)
    assert len(table) == 8
    assert [table["anna"][name] for name in ("kl_discrete", "total", "of", "problem")] == ["2", "4", "4", ""]
    assert [table["ben"][name] for name in ("kl_discrete", "optimal_gaussian_posterior", "total")] == [
        "0",
        "2",
        "2",
    ]
    assert table["dora"]["total"] == "4"
    assert table["empty"]["total"] == "0"
    assert "not" in table["fred"]["problem"]
    assert "none of the course's lectures" in table["gil"]["problem"]
    assert "'=cmd|' calc'!A0" in table  # a spreadsheet would take it for a formula
    assert len(list((graded.out / "feedback").glob("*.html"))) == 8
    ben = (graded.out / "feedback" / "ben.html").read_text(encoding="utf-8")
    assert "natural logarithm" in ben
    assert "should be" in ben
    assert "A hint" in ben
    for page in graded.out.rglob("*.html"):
        content = page.read_text(encoding="utf-8")
        assert "<script" not in content
        assert "http" not in content.replace("http-equiv", "")
    summary = (graded.out / "summary.html").read_text(encoding="utf-8")
    assert "data:image/png;base64," in summary
    assert "bits" in summary
    results = json.loads((graded.out / "gradescope" / "ben" / "results.json").read_text(encoding="utf-8"))
    assert results["score"] == 2.0
    assert [test["score"] for test in results["tests"]] == [0.0, 2.0]
    assert {test["status"] for test in results["tests"]} == {"failed", "passed"}
    assert not (graded.out / "gradescope" / "fred" / "results.json").read_text().count('"tests": [{')

    again: list[bool] = []
    grade(graded.submissions[0].source, graded.out, done=lambda record, earlier: again.append(earlier))
    assert again == [True] * 8
    with pytest.raises(CourseError, match="another seed"):
        grade(graded.submissions[0].source, graded.out, seed=6)


def test_an_interrupted_run_goes_on_and_gives_the_same_grades(handed_in: Path, tmp_path: Path) -> None:
    def interrupt(record: Record, earlier: bool) -> None:
        if record.student == "ben":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade(handed_in, tmp_path / "stopped", seed=5, done=interrupt)
    earlier_ones: list[str] = []
    resumed = grade(
        handed_in,
        tmp_path / "stopped",
        done=lambda r, earlier: earlier_ones.append(r.student) if earlier else None,
    )
    assert "anna" in earlier_ones
    assert "fred" not in earlier_ones
    spread = grade(handed_in, tmp_path / "two", seed=5, jobs=2)
    write_reports(resumed)
    write_reports(spread)
    assert rows(resumed.out) == rows(spread.out)


def test_a_changed_notebook_is_graded_again(handed_in: Path, tmp_path: Path) -> None:
    for name in {path.name for path in handed_in.iterdir()} - {"anna", "fred"}:
        (handed_in / name / "03_small.ipynb").unlink(missing_ok=True)
    (handed_in / "gil" / "09_other.ipynb").unlink()
    grade(handed_in, tmp_path / "out")
    (handed_in / "anna" / "03_small.ipynb").write_bytes(notebook(IMPORTS, SWAPPED))
    new: list[str] = []
    run = grade(
        handed_in, tmp_path / "out", done=lambda r, earlier: None if earlier else new.append(r.student)
    )
    assert new == ["anna"]
    write_reports(run)
    assert rows(run.out)["anna"]["total"] == "0"


def test_secret_seeds_differ_from_run_to_run(handed_in: Path, tmp_path: Path) -> None:
    seeds = {running._settings({3: SMALL}, tmp_path / name, None, True).seed for name in "abc"}
    assert len(seeds) == 3
    assert running._settings({3: SMALL}, tmp_path / "a", None, True).seed in seeds
    (tmp_path / "b" / "run.json").write_text("?")
    with pytest.raises(CourseError, match="cannot be read"):
        running._settings({3: SMALL}, tmp_path / "b", None, True)


def test_without_bubblewrap_the_run_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("course_utils.grading.sandbox.shutil.which", lambda name: None)
    with pytest.raises(NoSandboxError, match="bubblewrap"):
        start_zygote(confined=True)


def test_where_bubblewrap_cannot_work_its_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "course_utils.grading.sandbox._bubblewrap", lambda way: ["sh", "-c", "echo no namespaces >&2"]
    )
    with pytest.raises(NoSandboxError, match="no namespaces"):
        start_zygote(confined=True)


def test_without_a_sandbox_the_same_grades_come_out() -> None:
    worker = Worker(Settings({3: SMALL}, seed=5, version="", confined=False))
    with worker.zygote:
        cells = (IMPORTS, BITS, HONEST, "def kl_discrete(q, p):\n    os._exit(1)")
        good = worker.grade(Task("a", "a", 3, notebook(*cells[:3])))
        bad = worker.grade(Task("b", "b", 3, notebook("import os", *cells)))
    assert [verdict.points for verdict in good.verdicts] == [0.0, 2.0]
    assert [verdict.points for verdict in bad.verdicts] == [0.0, 2.0]


@pytest.mark.parametrize("value", ["<b>", "a\x00b\x1b[31m", "\ud800", "‮"])
def test_text_of_a_page_is_harmless(value: str) -> None:
    made = text(value)
    assert "<" not in made
    made.encode("utf-8")
    assert not any(ord(c) < 32 for c in made)


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x", "\t=1"])
def test_formulas_are_text(value: str) -> None:
    assert harmless(value).startswith("'")
    assert harmless("anna") == "anna"


def test_the_bundle_holds_lectures_and_package_and_no_solution(
    tmp_path: Path, lectures: dict[int, Lecture]
) -> None:
    assert write_bundle(ROOT, tmp_path / "bundle.zip") > 100
    with zipfile.ZipFile(tmp_path / "bundle.zip") as bundle:
        names = bundle.namelist()
        assert "course/course_utils/__init__.py" in names
        assert sum(name.startswith("course/lectures/") for name in names) == len(lectures)
        assert not any("solutions/" in name or "tests/" in name or name.endswith(".pyc") for name in names)
        for name in names:
            if name.endswith(".ipynb"):
                assert b"BEGIN SOLUTION" not in bundle.read(name)
    again = tmp_path / "again.zip"
    write_bundle(ROOT, again)
    assert again.read_bytes() == (tmp_path / "bundle.zip").read_bytes()
    with pytest.raises(CourseError, match="no lectures"):
        write_bundle(tmp_path, tmp_path / "x.zip")


def test_a_bundle_with_a_solution_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lectures").mkdir()
    (tmp_path / "lectures" / "03_x.ipynb").write_text("### BEGIN SOLUTION")
    with pytest.raises(CourseError, match="holds a solution"):
        write_bundle(tmp_path, tmp_path / "x.zip")


def test_the_commands_are_there() -> None:
    for command, option in (("grade", "--unsafe-no-sandbox"), ("release", "--student-bundle")):
        shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
        assert shown.exit_code == 0
        assert option in shown.output.replace("\x1b[1;36m", "").replace("\x1b[0m", "")
