import copy

import nbformat
import pytest
from nbformat.v4 import new_output
from nbgrader.nbgraderformat import MetadataValidator

from course_utils.notebooks.complete import code_hash, complete_notebook
from course_utils.notebooks.errors import BuildError
from course_utils.notebooks.source import read_lecture
from course_utils.notebooks.student import leaks, student_notebook


@pytest.fixture
def make(repository, definitions):
    def make(*changes):
        lecture = read_lecture(repository.write(*changes), definitions)
        return lecture, student_notebook(complete_notebook(lecture), lecture)

    return make


def cell(notebook, cell_id):
    return next(cell for cell in notebook.cells if cell.id == cell_id)


def test_answers_become_stubs_that_name_the_exercise(make):
    _, notebook = make()
    assert cell(notebook, "answer-square").source == (
        'def square(x):\n    """Return x times x."""\n'
        '    raise NotImplementedError("Exercise 3.1: write square")'
    )
    assert cell(notebook, "answer-twice").source == (
        'def twice(x):\n    raise NotImplementedError("Exercise 3.2: write twice")'
    )


def test_every_region_of_an_answer_becomes_a_stub(make):
    more = "def helper(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION\n\ndef twice(x):"
    _, notebook = make(("def twice(x):", more))
    assert cell(notebook, "answer-twice").source.count("raise NotImplementedError") == 2


def test_the_notebook_is_valid_by_jupyter_and_by_nbgrader(make):
    _, notebook = make()
    nbformat.validate(notebook)
    MetadataValidator().validate_nb(notebook)


def test_cells_that_matter_cannot_be_deleted_and_checks_not_be_edited(make):
    _, notebook = make()
    answer, check = cell(notebook, "answer-square").metadata, cell(notebook, "check-square").metadata
    assert (answer["deletable"], answer.get("editable", True)) == (False, True)
    assert (check["deletable"], check["editable"]) == (False, False)
    assert answer["nbgrader"]["checksum"]


def test_only_answers_differ_from_the_complete_notebook(repository, definitions):
    lecture = read_lecture(repository.source, definitions)
    complete = complete_notebook(lecture)
    before = copy.deepcopy(complete)
    student = student_notebook(complete, lecture)
    assert complete == before
    differing = [
        new.id for old, new in zip(complete.cells, student.cells, strict=True) if old.source != new.source
    ]
    assert differing == ["answer-square", "answer-twice"]
    assert student.metadata["course"]["code_hash"] == code_hash(student) != code_hash(complete)


def test_the_speakers_notes_are_for_the_speaker(repository, definitions):
    note = ("# %% [markdown]\n# Between.", '# %% [markdown] slideshow={"slide_type": "notes"}\n# Ask them.')
    lecture = read_lecture(repository.write(note), definitions)
    complete = complete_notebook(lecture)
    student = student_notebook(complete, lecture)
    assert [c.source for c in complete.cells if c not in student.cells and c.cell_type == "markdown"] == [
        "Ask them."
    ]
    assert len(student.cells) == len(complete.cells) - 1


def test_no_line_of_a_solution_is_left(make):
    _, notebook = make()
    text = nbformat.writes(notebook)
    assert "secret" not in text
    assert "product = x * x" not in text


@pytest.mark.parametrize(
    "place",
    [
        ("# Between.", "# Between: `product = x * x  # a secret way`."),
        ("print(2)", "print(2)\nproduct = x * x  # a secret way"),
        ('    """Return x times x."""', '    """Return product = x * x  # a secret way."""'),
    ],
)
def test_a_line_of_a_solution_elsewhere_is_refused(make, place):
    problem = r"^solutions/03_tiny\.py, line 3\d \(cell 7\): the solution's line `product = .*` is to be read"
    with pytest.raises(BuildError, match=problem):
        make(place)


def test_a_line_of_a_solution_in_a_hint_is_refused(definitions, make):
    definitions["square"] = type(definitions["square"])(
        "square", 3, "3.1", hints=("Write `product = x * x  # a secret way`.",)
    )
    with pytest.raises(BuildError, match=r"\(cell 7\): the solution's line .* in cell 9 \(markdown\)"):
        make()


@pytest.mark.parametrize(
    "output",
    [
        new_output("stream", name="stdout", text="1\n  product = x * x  # a secret way\n"),
        new_output("display_data", data={"text/html": "<code>product = x * x  # a secret way</code>"}),
        new_output("error", ename="E", evalue="", traceback=["----> product = x * x  # a secret way"]),
    ],
    ids=lambda output: output.output_type,
)
def test_a_line_of_a_solution_in_a_saved_output_is_found(make, output):
    lecture, notebook = make()
    assert list(leaks(lecture, notebook)) == []
    cell(notebook, "check-square").outputs.append(output)
    ((source, line, where),) = leaks(lecture, notebook)
    assert (source.number, line, where) == (7, "product = x * x  # a secret way", "the output of cell 8")


def test_short_lines_are_no_secret(make):
    make(("print(2)", "return_product = 1"), ("    return product", "    return product  # so"))


def test_markers_that_leave_broken_code_are_refused(make):
    with pytest.raises(BuildError, match=r"\(cell 11\): without its solution the cell is not Python"):
        make(
            (
                "def twice(x):\n    ### BEGIN SOLUTION\n    doubled",
                "### BEGIN SOLUTION\ndef twice(x):\n    doubled",
            ),
            (
                "    return doubled\n    ### END SOLUTION",
                "    if x:\n        ### END SOLUTION\n        return doubled",
            ),
        )
