import json
from dataclasses import replace

import nbformat
import pytest
from nbgrader.nbgraderformat import MetadataValidator

from course_utils.notebooks.complete import complete_notebook
from course_utils.notebooks.source import read_lecture


def complete(repository, definitions, *changes):
    return complete_notebook(read_lecture(repository.write(*changes), definitions))


def by_id(notebook):
    return {cell.id: cell for cell in notebook.cells}


def test_the_notebook_is_valid_by_jupyter_and_by_nbgrader(repository, definitions):
    notebook = complete(repository, definitions)
    nbformat.validate(notebook)
    MetadataValidator().validate_nb(notebook)


def test_the_text_has_a_heading_and_a_line_with_difficulty_time_and_points(repository, definitions):
    cells = by_id(complete(repository, definitions))
    assert cells["text-square"].source == (
        "### Exercise 3.1 · Squares\n\n"
        "Difficulty ●●○ (2 of 3) · about 5 minutes · 2 points\n\n"
        "Write `square(x)`."
    )
    assert "●○○ (1 of 3) · about 5 minutes · 1 point\n" in cells["text-twice"].source


def test_hints_follow_the_check_each_folded_from_nudge_to_nearly_there(repository, definitions):
    notebook = complete(repository, definitions)
    ids = [cell.id for cell in notebook.cells]
    assert ids[ids.index("check-square") + 1] == "hints-square"
    hints = by_id(notebook)["hints-square"]
    assert hints.cell_type == "markdown"
    folded = hints.source.split("\n\n<details>\n")
    assert len(folded) == 3
    for hint, label, text in zip(
        folded, ("nudge", "idea", "nearly there"), definitions["square"].hints, strict=True
    ):
        summary, body, end = hint.split("\n\n")
        assert label in summary
        assert (body, end) == (text, "</details>")  # blank lines around it: else its markdown is not rendered


def test_an_exercise_without_hints_has_no_hints_cell(repository, definitions):
    definitions["twice"] = replace(definitions["twice"], hints=())
    assert "hints-twice" not in by_id(complete(repository, definitions))


def test_answers_and_checks_carry_nbgrader_metadata(repository, definitions):
    cells = by_id(complete(repository, definitions))
    assert cells["answer-square"].metadata["nbgrader"] == {
        "schema_version": 3, "task": False, "grade_id": "square", "solution": True, "grade": False,
        "locked": False,
    }  # fmt: skip
    assert cells["check-square"].metadata["nbgrader"] == {
        "schema_version": 3, "task": False, "grade_id": "check-square", "solution": False, "grade": True,
        "locked": True, "points": 2,
    }  # fmt: skip
    graded = [cell.metadata["nbgrader"]["grade_id"] for cell in cells.values() if "nbgrader" in cell.metadata]
    assert len(graded) == len(set(graded)) == 4


def test_slideshow_metadata_are_kept_and_exercises_skipped(repository, definitions):
    change = ('[markdown] exercise="twice"', '[markdown] slideshow={"slide_type": "slide"} exercise="twice"')
    notebook = complete(repository, definitions, change)
    cells = by_id(notebook)
    slide = {cell.id: cell.metadata.get("slideshow", {}).get("slide_type") for cell in notebook.cells}
    for role in ("text", "answer", "check", "hints"):
        assert slide[f"{role}-square"] == "skip"
    assert slide["text-twice"] == "slide"
    assert slide["answer-twice"] == "skip"
    assert notebook.cells[0].metadata == {"slideshow": {"slide_type": "slide"}}
    tagged = next(cell for cell in cells.values() if cell.source.endswith("print(1)"))
    assert tagged.metadata == {"slideshow": {"slide_type": "fragment"}, "tags": ["keep"]}


def test_kernel_and_language_are_fixed_without_a_minor_version(repository, definitions):
    metadata = complete(repository, definitions).metadata
    assert set(metadata) == {"course", "kernelspec", "language_info"}
    assert metadata.kernelspec.name == "python3"
    assert "version" not in metadata.language_info


def test_the_same_source_gives_the_same_bytes(repository, definitions):
    first, second = (nbformat.writes(complete(repository, definitions)) for _ in range(2))
    assert first == second


def test_blank_lines_of_the_script_do_not_matter(repository, definitions):
    plain = complete(repository, definitions)
    spaced = complete(
        repository, definitions, ("\n# %% [markdown]\n# Between.", "\n\n\n# %% [markdown]\n# Between.")
    )
    assert plain == spaced


@pytest.mark.parametrize("new", ["# %%\nx = 1\n\n", "# %% [markdown]\n# New.\n\n"])
@pytest.mark.parametrize("before", ["# %% [markdown] slideshow", '# %% [markdown] exercise="twice"'])
def test_an_inserted_cell_changes_no_other_id(repository, definitions, new, before):
    ids = [cell.id for cell in complete(repository, definitions).cells]
    longer = [cell.id for cell in complete(repository, definitions, (before, new + before)).cells]
    assert len(longer) == len(ids) + 1
    inserted = [cell_id for cell_id in longer if cell_id not in ids]
    assert len(inserted) == 1
    assert [cell_id for cell_id in longer if cell_id not in inserted] == ids


def test_equal_cells_have_ids_of_their_own(repository, definitions):
    notebook = complete(repository, definitions, ("print(2)", "print(1)"), ("print(3)", "print(1)"))
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    same = [cell.id for cell in notebook.cells if cell.source.endswith("print(1)")]
    assert [cell_id.split("-")[1:] for cell_id in same] == [[], ["2"], ["3"]]


def test_the_code_hash_follows_code_and_its_order_but_not_text(repository, definitions):
    def signature(*changes):
        return json.dumps(complete(repository, definitions, *changes).metadata["course"])

    plain = signature()
    assert signature(("# Between.", "# Another word.")) == plain
    assert signature(("print(1)", "print(1 )")) != plain
    first, second = "# NBVAL_CHECK_OUTPUT\nprint(2)", "# NBVAL_CHECK_OUTPUT\nprint(3)"
    assert signature((first, "swap"), (second, first), ("swap", second)) != plain
