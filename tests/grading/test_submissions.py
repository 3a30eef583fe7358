"""Every layout is found, and nothing in a file, not its bytes and not its name, stops the reader."""

import copy
import io
import json
import random
import zipfile
from pathlib import Path

import pytest

from course_utils.grading import submissions
from course_utils.grading.lectures import Lecture, read_lectures, which_lecture
from course_utils.grading.submissions import (
    Submission,
    UnreadableError,
    clean_name,
    code_cells,
    file_name,
    find_submissions,
)
from course_utils.runtime import CourseError
from tests.grading.conftest import IMPORTS, ROOT, SMALL, notebook

CELL = {"cell_type": "code", "source": "x = 1"}


def found(*paths: str, root: Path) -> list[tuple[str, int | None]]:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(notebook("x = 1"))
    return [(submission.student, submission.lecture) for submission in find_submissions(root)]


def test_all_layouts_are_found(tmp_path: Path) -> None:
    assert found("anna/03_elbo.ipynb", "anna/04_gaussian_kl.ipynb", root=tmp_path / "a") == [
        ("anna", 3),
        ("anna", 4),
    ]
    assert found("ben.ipynb", root=tmp_path / "b") == [("ben", None)]
    assert found("submitted/carl/ps1/03_elbo.ipynb", root=tmp_path / "c") == [("carl", 3)]
    assert found("Dora Day_4711_03_elbo.ipynb", root=tmp_path / "d") == [("Dora Day_4711", 3)]
    assert found(
        "eve/.ipynb_checkpoints/03_elbo-checkpoint.ipynb", "eve/03_elbo.ipynb", root=tmp_path / "e"
    ) == [("eve", 3)]


def test_a_zip_is_read_without_being_unpacked(tmp_path: Path) -> None:
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("anna/03_elbo.ipynb", notebook("a = 1"))
        opened.writestr("../../evil/03_elbo.ipynb", notebook("b = 1"))
        opened.writestr("/berta/03_elbo.ipynb", notebook("c = 1"))
        opened.writestr("__MACOSX/anna/._03_elbo.ipynb", b"junk")
        opened.writestr("anna/notes.txt", b"")
    assert [submission.student for submission in find_submissions(archive)] == ["anna", "berta", "evil"]
    assert [code_cells(submission.read()) for submission in find_submissions(archive)] == [
        ["a = 1"],
        ["c = 1"],
        ["b = 1"],
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.zip"]


def test_a_zip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submissions, "MAX_NOTEBOOK", 1 << 20)
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("a/03_elbo.ipynb", bytes(5 << 20))
    with pytest.raises(UnreadableError, match="larger than 1 MB"):
        find_submissions(archive)[0].read()


def test_a_damaged_zip_entry_is_unreadable_and_nothing_else(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("a/03_elbo.ipynb", notebook("x = 1" * 1000))
    data = bytearray(buffer.getvalue())
    data[60:75] = bytes(15)
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(UnreadableError, match="damaged"):
        find_submissions(tmp_path / "x.zip")[0].read()


def test_a_link_to_elsewhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.ipynb").write_bytes(notebook("secret = 1"))
    folder = tmp_path / "in" / "eve"
    folder.mkdir(parents=True)
    (folder / "03_elbo.ipynb").symlink_to(tmp_path / "secret.ipynb")
    with pytest.raises(UnreadableError, match="link"):
        find_submissions(tmp_path / "in")[0].read()


def test_where_there_is_nothing_one_sentence_says_so(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="no notebooks"):
        find_submissions(tmp_path)
    with pytest.raises(CourseError, match="neither a folder nor a zip"):
        find_submissions(tmp_path / "absent")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"not json", "not JSON"),
        (b"\xff\xfe\x00", "not UTF-8"),
        ("{ü}".encode("latin-1"), "not UTF-8"),
        (b"\x00" * 100, "not JSON"),
        (b"[" * 1_000_000, "not JSON"),
        (b"1" * 100_000, "not JSON"),
        (b"[]", "no dictionary"),
        (b'"cells"', "no dictionary"),
        (b"{}", "no list of cells"),
        (b'{"cells": {}}', "no list of cells"),
        (b'{"worksheets": [{}]}', "no list of cells"),
        (json.dumps({"cells": [CELL] * 2001}).encode(), "2,001 cells"),
        (json.dumps({"cells": [{**CELL, "source": "x" * 700_000}]}).encode(), "longer than 600,000"),
    ],
)
def test_what_is_no_notebook_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        code_cells(data)


@pytest.mark.parametrize(
    ("cells", "sources"),
    [
        ([CELL, {"cell_type": "markdown", "source": "y"}, {"cell_type": "raw", "source": "z"}], ["x = 1"]),
        ([{"cell_type": "code", "source": ["a\n", "b"]}], ["a\nb"]),
        ([{"cell_type": "code", "source": ["a\n", 3, None]}], ["a\n"]),
        ([{"cell_type": "code", "source": 3}, {"cell_type": "code"}], ["", ""]),
        ([None, 1, "x", [], {"cell_type": ["code"]}, CELL], ["x = 1"]),
        ([{"cell_type": "code", "source": "a\r\nb"}], ["a\nb"]),
        ([{"cell_type": "code", "source": "\ud800"}], ["?"]),
        ([{**CELL, "id": "same", "metadata": {"nbgrader": "edited"}, "outputs": "?"}] * 2, ["x = 1"] * 2),
    ],
)
def test_of_cells_only_the_code_counts(cells: list, sources: list[str]) -> None:
    assert code_cells(json.dumps({"cells": cells}).encode()) == sources


def test_byte_order_marks_and_old_notebooks_are_read() -> None:
    text = json.dumps({"worksheets": [{"cells": [{"cell_type": "code", "input": ["x = 1"]}]}]})
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert code_cells(text.encode(encoding)) == ["x = 1"]


@pytest.mark.parametrize(
    "name", ["../../etc", "a/b", "a\0b", "", ".", "x" * 500, "=cmd()", "‮evil", "con", "Zoë"]
)
def test_names_become_harmless(name: str) -> None:
    made = file_name(clean_name(name))
    assert made
    assert len(made) <= 80
    assert not set("/\\\0") & set(made)
    assert made not in (".", "..")
    assert file_name("anna") == "anna"


def test_different_names_stay_different() -> None:
    assert file_name("Zoë A") != file_name("Zoé A")


def test_thousands_of_mutated_notebooks_are_read_or_refused(tmp_path: Path) -> None:
    """Bytes flipped, cut, doubled and exchanged; types exchanged; nothing but sources or a refusal comes out."""
    dice = random.Random(1)
    original = (ROOT / "lectures" / "03_elbo.ipynb").read_bytes()
    original = json.dumps({**json.loads(original), "cells": json.loads(original)["cells"][:12]}).encode()
    strange = [None, 0, -1, 1e308, "", "\0", "\ud800", [], {}, [[]], {"a": {}}, True, "code", ["code"]]
    n_read, refusals = 0, []
    for _ in range(5000):
        data = _mutated(original, dice, strange)
        try:
            sources = code_cells(data)
            n_read += 1
            assert all(isinstance(source, str) for source in sources)
            SMALL.work(sources)
            json.dumps(sources).encode()
        except UnreadableError as refusal:
            refusals.append(str(refusal))
    assert 500 < n_read < 4900
    assert all(5 < len(refusal) < 200 for refusal in refusals)


def _mutated(original: bytes, dice: random.Random, strange: list) -> bytes:
    if dice.random() < 0.5:
        value = json.loads(original)
        for _ in range(dice.randint(1, 5)):
            place = value
            while isinstance(place, dict | list) and place:
                key = dice.choice(list(place) if isinstance(place, dict) else range(len(place)))
                if dice.random() < 0.35 or not isinstance(place[key], dict | list):
                    place[key] = copy.deepcopy(dice.choice(strange))
                    break
                place = place[key]
        return json.dumps(value).encode()
    data = bytearray(original)
    for _ in range(dice.randint(1, 4)):
        start = dice.randrange(len(data))
        end = min(len(data), start + dice.choice([1, 1, 1, 10, 1000]))
        data[start:end] = dice.choice(
            [b"", bytes([dice.randrange(256)]), data[start:end] * 2, b"{", b'"', b"\xff\xfe"]
        )
    return bytes(data)


# --- the lecture's own cells -------------------------------------------------------------------------------------

DEMONSTRATION = """import math
from course_utils.data import load

N, RATE = 3, 2 * math.pi
data = load()
generator = seed_everything(0)
print("training")
for epoch in range(N):
    train(data)
def helper(x):
    return x + N
"""


def test_of_a_demonstration_only_what_is_needed_is_kept() -> None:
    lecture = Lecture(3, "03_x", (DEMONSTRATION, "f = check('f', f)", "plot(1)"))
    own = "def f(x):\n    return helper(x, generator)"
    kept, check, plot, theirs = lecture.work([DEMONSTRATION + "  \n\n", "f = check('f', f)", "plot(1)", own])
    assert kept is not None
    assert kept["lecture"]
    for line in ("import math", "N, RATE", "seed_everything", "def helper"):
        assert line in kept["source"]
    assert not any(word in kept["source"] for word in ("load", "print", "train"))
    assert check is None
    assert plot is None
    assert theirs == {"source": own, "lecture": False}


def test_what_no_answer_mentions_is_not_run() -> None:
    lecture = Lecture(3, "03_x", (DEMONSTRATION,))
    kept, _ = lecture.work([DEMONSTRATION, "def f(x):\n    return x"])
    assert kept is None
    kept, _ = lecture.work([DEMONSTRATION, "def f(x):\n    return math.sqrt(x)"])
    assert kept == {"source": "import math", "lecture": True}


def test_an_answer_that_was_not_begun_is_run() -> None:
    stub = "def f(x):\n    raise NotImplementedError('Exercise 3.1: write f')"
    (kept,) = Lecture(3, "03_x", (stub,)).work([stub])
    assert kept is not None
    assert "NotImplementedError" in kept["source"]


def test_a_lecture_is_told_by_its_content(lectures: dict[int, Lecture]) -> None:
    assert which_lecture(lectures, list(lectures[3].cells)[:9]) == 3
    assert which_lecture(lectures, ["nothing = 1"]) is None
    assert which_lecture({}, [IMPORTS]) is None


def test_the_published_lectures_leave_little_to_run(lectures: dict[int, Lecture]) -> None:
    assert len(lectures) >= 5
    for lecture in lectures.values():
        work = [cell for cell in lecture.work(lecture.cells) if cell]
        assert len(work) < len(lecture.cells)
        assert "check(" not in "".join(cell["source"] for cell in work)


def test_without_lectures_one_sentence_says_so(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="no lectures"):
        read_lectures(tmp_path)


def test_submissions_can_be_sent_to_workers() -> None:
    import pickle

    assert isinstance(pickle.loads(pickle.dumps(Submission("a", 1, "p", Path("x"), "e"))), Submission)
    again = pickle.loads(pickle.dumps(SMALL))
    assert again == SMALL
