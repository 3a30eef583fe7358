"""The lectures themselves: current, complete, safe to hand out, and running in every state of the answers."""

import copy
import json
import re
import tomllib
from pathlib import Path

import nbformat
import pytest

from course_utils.exercises import get_exercise
from course_utils.notebooks.build import build_lectures, course_definitions, find_sources
from course_utils.notebooks.execute import execute
from course_utils.notebooks.markers import is_compared
from course_utils.notebooks.outputs import problems, texts
from course_utils.notebooks.source import MIN_COMPARED, read_lecture
from course_utils.notebooks.student import leaks
from course_utils.plotting.display import check_alt, pictures

ROOT = Path(__file__).parents[2]
SOURCES = find_sources(ROOT)
NOTEBOOKS = [ROOT / folder / f"{path.stem}.ipynb" for path in SOURCES for folder in ("solutions", "lectures")]
MIN_LECTURES = 2
MAX_BYTES = 1_500_000

PRINT_PROGRESS = """
import json
from course_utils.exercises.progress import load_progress
print(json.dumps({exercise_id: record.status for exercise_id, record in load_progress().items()}))
"""

PRINT_PASSING = """
from course_utils.exercises import evaluate
print(json.dumps([exercise_id for exercise_id in {ids} if evaluate(exercise_id, globals()[exercise_id], 0).passed]))
"""
EXERCISE_OR_IMPORT = re.compile(r"(answer|check)-|\w+\n(import|from) ")

each_lecture = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}-{path.stem}")


def read(path):
    return nbformat.read(path, as_version=4)


def student_path(source):
    return ROOT / "lectures" / f"{source.stem}.ipynb"


def test_the_lectures_are_there():
    assert len(SOURCES) >= MIN_LECTURES
    numbers = [int(path.stem.split("_")[0]) for path in SOURCES]
    assert numbers == list(range(1, len(SOURCES) + 1))


def test_everything_derived_is_current():
    report = build_lectures(ROOT, check=True)
    assert report.ok, "\n".join(report.problems)


def test_nbval_runs_every_notebook_in_the_same_command_as_the_tests():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (command,) = re.findall(r"^\t.*-m pytest\b.*\bsolutions\b.*$", makefile, flags=re.MULTILINE)
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"][
        "ini_options"
    ]
    words = f"{command} {options['addopts']}".split()
    assert {"tests", "solutions", "lectures", "--nbval-lax", "--nbval-current-env"} <= set(words)


@each_lecture
def test_no_line_of_a_solution_is_in_the_student_notebook(source):
    """Nor of a solution of another exercise: every line of every solution against every cell and output."""
    lecture = read_lecture(source, course_definitions())
    assert list(leaks(lecture, read(student_path(source)))) == []


@each_notebook
def test_outputs_are_compared(path):
    compared = [cell for cell in read(path).cells if cell.cell_type == "code" and is_compared(cell.source)]
    assert len(compared) >= MIN_COMPARED
    for cell in compared:
        assert any(text.strip() for output in cell.outputs for text in texts(output)), cell.source


@each_notebook
def test_every_figure_has_alt_text_of_its_own(path):
    notebook = read(path)
    shown = list(pictures(notebook))
    assert shown, "a lecture has figures"
    for _, alt, _ in shown:
        check_alt(alt)
    # no picture of another kind, which would not be among these
    bundles = [
        output.data for cell in notebook.cells for output in cell.get("outputs", ()) if "data" in output
    ]
    assert sum(bundle.get("text/html", "").count("<img") for bundle in bundles) == len(shown)
    assert not any(kind.startswith("image/") for bundle in bundles for kind in bundle)
    alts = [alt for _, alt, _ in shown]
    assert len(set(alts)) == len(alts), "two figures with the same alt text"


@each_notebook
def test_nothing_of_this_machine_is_saved(path):
    notebook = read(path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert list(problems(cell, ROOT)) == []
            assert not [output for output in cell.outputs if output.output_type == "error"]
    assert "widgets" not in notebook.metadata


@each_notebook
def test_the_file_is_small_enough_to_open_quickly(path):
    assert path.stat().st_size < MAX_BYTES


# --- every state of the answers: as they are, nbval runs the untouched and the right ones to their end ---------


def first_words(cell):
    """What the card of a check cell says, without its colours."""
    return next(output.data["text/plain"] for output in cell.outputs if "data" in output)


@each_notebook
def test_the_saved_cards_say_that_answers_are_right_or_to_do(path):
    symbol = "✓" if path.parent.name == "solutions" else "○"
    cards = [first_words(cell) for cell in read(path).cells if cell.id.startswith("check-")]
    assert cards
    assert all(card.startswith(symbol) for card in cards), cards


def wrong_answer(position, exercise):
    """Source code of a wrong answer: in turn a mistake that students make, nonsense, and an error."""
    name = exercise.id
    if position % 3 == 0:
        return f"from course_utils.exercises import get_exercise\n{name} = get_exercise('{name}').mistakes[0].answer"
    body = "return 'nonsense'" if position % 3 == 1 else "raise KeyError('a slip of the pen')"
    return f"def {name}(*inputs, **settings):\n    {body}"


@pytest.mark.parametrize(
    "whole", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["exercises", "whole"]
)
@each_lecture
def test_after_wrong_answers_the_lecture_goes_on_as_after_none(source, whole):
    """Checks put the course's version in the place of a wrong answer, which is all that the other cells can see of it.

    Unless the whole notebook is wanted, those cells are left out: nbval runs them with the same versions.
    """
    notebook = copy.deepcopy(read(student_path(source)))
    answers = [cell for cell in notebook.cells if cell.id.startswith("answer-")]
    ids = [cell.metadata["exercise"] for cell in answers]
    for position, cell in enumerate(answers):
        cell.source = wrong_answer(position, get_exercise(cell.metadata["exercise"]))
    notebook.cells = [
        cell for cell in notebook.cells if whole or EXERCISE_OR_IMPORT.match(f"{cell.id}\n{cell.source}")
    ]
    notebook.cells.append(nbformat.v4.new_code_cell(PRINT_PROGRESS))
    notebook.cells.append(nbformat.v4.new_code_cell(PRINT_PASSING.format(ids=ids)))

    executed = execute(notebook, ROOT / "lectures")

    cards = [first_words(cell) for cell in executed.cells if cell.id.startswith("check-")]
    assert len(cards) == len(ids) > 0
    assert all(card[0] in "✗!" for card in cards), cards
    status = json.loads(executed.cells[-2].outputs[0].text)
    assert {status[exercise_id] for exercise_id in ids[::3]} == {"mistake"}
    assert not {status[exercise_id] for exercise_id in ids} & {"right", "untouched"}
    assert json.loads(executed.cells[-1].outputs[0].text) == ids
