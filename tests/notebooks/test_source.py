import re
from dataclasses import replace

import pytest

from course_utils.notebooks.errors import BuildError
from course_utils.notebooks.source import read_lecture
from course_utils.runtime import CourseError

ANSWER_CELL = """\
# %%
def square(x):
    \"\"\"Return x times x.\"\"\"
    ### BEGIN SOLUTION
    product = x * x  # a secret way
    return product
    ### END SOLUTION

"""
TEXT_CELL = """\
# %% [markdown] exercise="square"
# Write `square(x)`.

"""
CHECK_CELL = """\
# %%
square = check("square", square)

"""


def refused(repository, definitions, *changes):
    path = repository.write(*changes)
    with pytest.raises(BuildError) as caught:
        read_lecture(path, definitions)
    return str(caught.value)


def test_a_well_formed_lecture_is_read_with_the_role_of_every_cell(repository, definitions):
    lecture = read_lecture(repository.source, definitions)
    assert lecture.number == 3
    assert [cell.kind for cell in lecture.cells].count("code") == 10
    roles = {index: (part.role, part.exercise.id) for index, part in lecture.parts.items()}
    assert list(roles.values()) == [
        (role, name) for name in ("square", "twice") for role in ("text", "answer", "check")
    ]
    assert lecture.cells[2].metadata == {"slideshow": {"slide_type": "fragment"}, "tags": ["keep"]}


def test_every_cell_knows_the_line_of_its_first_line(repository, definitions):
    lines = repository.source.read_text().splitlines()
    for cell in read_lecture(repository.source, definitions).cells:
        first = cell.source.splitlines()[0]
        assert lines[cell.line - 1] == (first if cell.kind == "code" else f"# {first}")


@pytest.mark.parametrize(
    "misspelt",
    [
        "### BEGIN SOLUTIONS",
        "## BEGIN SOLUTION",
        "### begin solution",
        "###BEGIN SOLUTION",
        "### BEGIN  SOLUTION",
        "### BEGIN SOLUTION (vectorised)",
        "### BEGN SOLUTION",
        "### BEGIN_SOLUTION",
        "# BEGINSOLUTION",
        "# Begin solution",
        "#BEGIN SOLUTION",
        "x = 1  ### BEGIN SOLUTION",
        "### SOLUTION",
    ],
)
def test_a_misspelt_begin_marker_is_refused(repository, definitions, misspelt):
    message = refused(repository, definitions, ("### BEGIN SOLUTION", misspelt))
    assert re.match(r"solutions/03_tiny\.py, line 33 \(cell 7\): `.*` is not a marker", message), message


@pytest.mark.parametrize(
    "misspelt", ["### END SOLUTOIN", "### END SOLUTIONS", "## END SOLUTION", "### end solution", "### END"]
)
def test_a_misspelt_end_marker_is_refused(repository, definitions, misspelt):
    message = refused(repository, definitions, ("### END SOLUTION", misspelt))
    assert re.match(r"solutions/03_tiny\.py, line 36 \(cell 7\): `.*` is not a marker", message), message


@pytest.mark.parametrize(
    "comment", ["# the solution", "# end of the solution", "# solve it", "# begin with x"]
)
def test_an_ordinary_comment_is_no_marker(repository, definitions, comment):
    path = repository.write(("    return product", f"    {comment}\n    return product"))
    read_lecture(path, definitions)


@pytest.mark.parametrize(
    ("change", "line", "problem"),
    [
        (("    ### END SOLUTION\n", ""), 33, "without an `### END SOLUTION` below"),
        (("    ### BEGIN SOLUTION\n", ""), 35, "without a `### BEGIN SOLUTION` above"),
        (("    return product", "    ### BEGIN SOLUTION"), 35, "inside a solution that is still open"),
    ],
)
def test_unbalanced_and_nested_markers_are_refused(repository, definitions, change, line, problem):
    message = refused(repository, definitions, change)
    assert message.startswith(f"solutions/03_tiny.py, line {line} (cell 7): ")
    assert problem in message


def test_a_marker_in_a_markdown_cell_is_refused(repository, definitions):
    message = refused(repository, definitions, ("# Between.", "# ### BEGIN SOLUTION"))
    assert re.match(r"solutions/03_tiny\.py, line 42 \(cell 9\): .* in a cell that is not code", message)


def test_a_solution_outside_an_exercise_is_refused(repository, definitions):
    change = ("print(1)", "### BEGIN SOLUTION\nprint(1)\n### END SOLUTION")
    message = refused(repository, definitions, change)
    assert re.match(r"solutions/03_tiny\.py, line 17 \(cell 3\): a solution outside an exercise", message)


@pytest.mark.parametrize(
    ("changes", "cell", "problem"),
    [
        pytest.param([(TEXT_CELL, TEXT_CELL + "# %%\n1\n\n")], 7, "followed by its answer", id="between"),
        pytest.param([(ANSWER_CELL, "")], 7, "followed by its answer", id="no answer"),
        pytest.param([(ANSWER_CELL, ""), (TEXT_CELL, ANSWER_CELL + TEXT_CELL)], 6, "outside", id="swapped"),
        pytest.param([(CHECK_CELL, "")], 8, 'a cell with check("square", ...)', id="no check"),
        pytest.param([(CHECK_CELL, ""), (TEXT_CELL, CHECK_CELL + TEXT_CELL)], 6, "right after", id="early"),
        pytest.param([('check("square"', 'check("twice"')], 8, 'check("square", ...)', id="other check"),
        pytest.param([('check("square"', "check(square.__name__")], 8, "written out", id="computed id"),
        pytest.param([("print(2)", 'check("twice", 1)')], 4, "must come right after", id="stray check"),
        pytest.param([('[markdown] exercise="square"', 'exercise="square"')], 6, "", id="text is code"),
        pytest.param([("# Write `square", "# ## Write `square")], 6, "without a heading", id="own heading"),
    ],
)  # fmt: skip
def test_an_exercise_out_of_order_is_refused(repository, definitions, changes, cell, problem):
    message = refused(repository, definitions, *changes)
    assert re.match(rf"solutions/03_tiny\.py, line \d+ \(cell {cell}\): ", message), message
    assert problem in message


def test_a_check_in_the_answer_cell_is_refused(repository, definitions):
    change = ("    ### END SOLUTION\n", '    ### END SOLUTION\nsquare = check("square", square)\n')
    message = refused(repository, definitions, change)
    assert re.search(r"\(cell 7\): the text of exercise \"square\" must be followed by its answer", message)


def test_a_check_cell_with_a_solution_is_refused(repository, definitions):
    changed = CHECK_CELL.rstrip() + "\n### BEGIN SOLUTION\n### END SOLUTION\n\n"
    message = refused(repository, definitions, (CHECK_CELL, changed))
    assert re.search(r'\(cell 8\): the check cell of exercise "square" must not hold a solution', message)


def test_an_exercise_without_definition_is_refused(repository, definitions):
    del definitions["square"]
    message = refused(repository, definitions)
    assert re.search(r'\(cell 6\): exercise "square" has no definition; lecture 3 has twice', message)


def test_a_stray_check_without_definition_is_refused(repository, definitions):
    message = refused(repository, definitions, ("print(1)", 'check("cube", 1)'))
    assert re.search(r'line 16 \(cell 3\): check\("cube", ...\) has no definition', message)


def test_an_exercise_of_another_lecture_is_refused(repository, definitions):
    definitions["square"] = replace(definitions["square"], lecture=4)
    message = refused(repository, definitions)
    assert re.search(r'\(cell 6\): exercise "square" is defined for lecture 4, not 3', message)


def test_an_exercise_that_is_there_twice_is_refused(repository, definitions):
    message = refused(repository, definitions, ('exercise="twice"', 'exercise="square"'))
    assert re.search(r'\(cell 10\): exercise "square" is there twice, first in line 28', message)


def test_a_defined_exercise_that_is_missing_is_refused(repository, definitions):
    definitions["cube"] = replace(definitions["square"], id="cube", number="3.3")
    with pytest.raises(
        BuildError, match=r"^solutions/03_tiny\.py: the defined exercise cube of .* is missing$"
    ):
        read_lecture(repository.source, definitions)


def test_exercises_in_another_order_than_their_numbers_are_refused(repository, definitions):
    definitions["square"] = replace(definitions["square"], number="3.10")
    message = refused(repository, definitions)
    assert re.search(r'\(cell 10\): exercise 3\.2 "twice" stands after 3\.10 "square"', message)


def test_a_fourth_hint_is_refused(repository, definitions):
    definitions["square"] = replace(definitions["square"], hints=("a", "b", "c", "d"))
    assert '(cell 6): exercise "square" has 4 hints' in refused(repository, definitions)


def test_fewer_than_five_compared_outputs_are_refused(repository, definitions):
    message = refused(repository, definitions, ("# NBVAL_CHECK_OUTPUT\nprint(2.5)", "print(2.5)"))
    assert message == (
        "solutions/03_tiny.py: has 4 cells with `# NBVAL_CHECK_OUTPUT`, a lecture needs at least 5"
    )


@pytest.mark.parametrize("misspelt", ["# NBVAL_CHECK_OUTPUTS", "# nbval_check_output", "#NBVAL_CHECK_OUTPUT"])
def test_a_misspelt_comparison_marker_is_refused(repository, definitions, misspelt):
    message = refused(repository, definitions, ("# NBVAL_CHECK_OUTPUT\nprint(1)", f"{misspelt}\nprint(1)"))
    assert re.search(r"line 16 \(cell 3\): `.*` is not a marker", message)


def test_a_comparison_marker_below_the_first_line_is_refused(repository, definitions):
    change = ("# NBVAL_CHECK_OUTPUT\nprint(1)", "print(1)\n# NBVAL_CHECK_OUTPUT")
    assert "(cell 3): `# NBVAL_CHECK_OUTPUT` must be the first line" in refused(
        repository, definitions, change
    )


@pytest.mark.parametrize("code", ["%matplotlib inline", "def broken(:"])
def test_a_cell_that_is_not_plain_python_is_refused(repository, definitions, code):
    message = refused(repository, definitions, ("print(1)", f"print(1)\n{code}"))
    assert re.search(r"line 18 \(cell 3\): is not plain Python", message)


def test_code_before_the_first_cell_is_refused(repository, definitions):
    path = repository.write()
    path.write_text("import os\n" + path.read_text())
    with pytest.raises(BuildError, match=r"^solutions/03_tiny\.py: has 14 lines `# %%` but 15 cells"):
        read_lecture(path, definitions)


def test_a_file_that_cannot_be_read_is_refused(repository, definitions):
    repository.source.write_bytes(b"# %%\n\xff\xfe")
    with pytest.raises(BuildError, match=r"^solutions/03_tiny\.py: cannot be read"):
        read_lecture(repository.source, definitions)


def test_a_file_without_a_number_is_refused(repository, definitions):
    path = repository.source.rename(repository.source.with_name("tiny.py"))
    with pytest.raises(BuildError, match=r"^solutions/tiny\.py: a lecture's file is named NN_name\.py"):
        read_lecture(path, definitions)


def test_a_build_error_is_a_course_error_that_knows_its_place():
    error = BuildError("is wrong", file="solutions/03_x.py", cell=4, line=40)
    assert isinstance(error, CourseError)
    assert (error.file, error.cell, error.line) == ("solutions/03_x.py", 4, 40)
