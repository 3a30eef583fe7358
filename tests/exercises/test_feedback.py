"""What ``check`` returns, shows and remembers."""

import json
from pathlib import Path

import pytest

from course_utils.exercises import check, get_exercise, progress_view
from course_utils.exercises.feedback import Card, card
from course_utils.exercises.progress import load_progress
from course_utils.runtime import CourseError

EXERCISE = get_exercise("kl_discrete")
RIGHT = EXERCISE.accepted[0]
WRONG = EXERCISE.mistakes[0].answer


def untouched(q: object, p: object) -> None:
    raise NotImplementedError("Exercise 3.1: write kl_discrete")


def test_a_right_answer_is_handed_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("kl_discrete", RIGHT) is RIGHT
    assert capsys.readouterr().out.startswith("✓ Right · Exercise 3.1 · kl_discrete · 2 points\n")


@pytest.mark.parametrize("answer", [WRONG, untouched, None, "nonsense", lambda: None])
def test_anything_else_is_replaced_by_the_courses_version_and_says_so(
    answer: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check("kl_discrete", answer) is EXERCISE.reference
    assert "go on with the course's version" in capsys.readouterr().out


def test_the_courses_version_does_not_count_as_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    handed_on = check("kl_discrete", untouched)
    assert check("kl_discrete", handed_on) is handed_on
    assert "This is the course's version" in capsys.readouterr().out
    assert load_progress() == {}


def test_an_unknown_id_is_shown_not_raised(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("kl_discrte", RIGHT) is RIGHT
    assert "Did you mean 'kl_discrete'" in capsys.readouterr().out


def test_html_is_escaped() -> None:
    def answer(q: object, p: object) -> None:
        raise ValueError("<script>alert(1)</script>")

    from course_utils.exercises import evaluate

    html = card(evaluate("kl_discrete", answer))._repr_mimebundle_()["text/html"]
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_a_card_tells_its_state_without_colour() -> None:
    states = {str(Card(status, "t", "m")) for status in ("untouched", "error", "wrong", "mistake", "right")}
    assert len(states) == 5


def test_progress_keeps_the_best_points_the_latest_state_and_the_attempts() -> None:
    check("kl_discrete", untouched)
    assert load_progress() == {}
    check("kl_discrete", RIGHT)
    check("kl_discrete", WRONG)
    record = load_progress()["kl_discrete"]
    assert (record.status, record.points, record.attempts) == ("mistake", 2.0, 2)


def test_an_unreadable_progress_file_is_kept_beside_the_new_one(home: Path) -> None:
    (home / "progress.json").write_text("{half a fi")
    check("kl_discrete", RIGHT)
    assert (home / "progress.unreadable.json").read_text() == "{half a fi"
    assert json.loads((home / "progress.json").read_text())["kl_discrete"]["status"] == "right"


def test_a_folder_that_cannot_be_written_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "file" / "below"))
    assert check("kl_discrete", RIGHT) is RIGHT
    assert "✓" in capsys.readouterr().out


def test_no_temporary_file_stays(home: Path) -> None:
    check("kl_discrete", RIGHT)
    assert [file.name for file in home.iterdir()] == ["progress.json"]


def test_the_view_counts_points_in_text_and_html() -> None:
    check("kl_discrete", RIGHT)
    view = progress_view(3)
    assert "✓   3.1  kl_discrete" in str(view)
    assert view.total.startswith("2 of ")
    assert view.total in view._repr_mimebundle_()["text/html"]
    assert "1.1" not in str(view)


def test_the_view_of_a_lecture_that_is_not_there() -> None:
    with pytest.raises(CourseError, match="Lecture 77 has no exercises"):
        progress_view(77)
