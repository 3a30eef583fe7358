import json
import os
from pathlib import Path

import nbformat
import pytest

from course_utils import notebooks
from course_utils.notebooks import BuildError, build, build_lectures

SECOND = "# %% [markdown]\n# # 5 · Another\n" + "\n# %%\n# NBVAL_CHECK_OUTPUT\nprint(1)\n" * 5


def run(repository, definitions, *names, **settings):
    return build_lectures(repository.root, names, definitions=definitions, **settings)


@pytest.fixture
def no_kernel(monkeypatch):
    def refuse(*args, **settings):
        pytest.fail("a kernel was started")

    monkeypatch.setattr(build, "execute", refuse)


def edit(path, change):
    """Change a notebook's file through its JSON, written the way Jupyter writes it."""
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(
        json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )


# --- a build ---------------------------------------------------------------------------------------


def test_a_build_executes_both_notebooks(built):
    complete, student = (nbformat.read(path, as_version=4) for path in (built.complete, built.student))
    for notebook in (complete, student):
        nbformat.validate(notebook)
        counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
        assert counts == list(range(1, 11))

    def printed(notebook):
        outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
        return "".join(output.text for output in outputs).splitlines()

    assert printed(complete) == ["1", "2", "3", "square: True", "twice: True", "9", "2.5"]
    assert printed(student) == [
        *("1", "2", "3", "to do: Exercise 3.1: write square", "to do: Exercise 3.2: write twice", "9", "2.5"),
    ]


def test_a_forced_build_gives_the_same_bytes(built, definitions):
    before = built.bytes()
    report = run(built, definitions, force=True)
    assert [lecture.state for lecture in report.lectures] == ["executed"]
    assert built.bytes() == before


@pytest.mark.usefixtures("no_kernel")
def test_a_current_lecture_is_neither_executed_nor_written(built, definitions):
    times = [path.stat().st_mtime_ns for path in built.bytes()]
    report = run(built, definitions)
    assert [lecture.state for lecture in report.lectures] == ["current"]
    assert report.ok
    assert [path.stat().st_mtime_ns for path in built.bytes()] == times


@pytest.mark.usefixtures("no_kernel")
@pytest.mark.parametrize(
    "change",
    [
        ("# Between.", "# Another word."),
        ('# %% [markdown]\n# Between.', '# %% [markdown] slideshow={"slide_type": "notes"}\n# Between.'),
        ('# %% [markdown]\n# Between.', '# %% [markdown]\n# New.\n\n# %% [markdown]\n# Between.'),
        ('tags=["keep"]', 'tags=["kept"]'),
    ],
)  # fmt: skip
def test_a_change_of_text_or_metadata_keeps_the_outputs(built, definitions, change):
    built.write(change)
    assert not run(built, definitions, check=True).ok
    report = run(built, definitions)
    assert [lecture.state for lecture in report.lectures] == ["rewritten"]
    assert run(built, definitions, check=True).ok
    for path in (built.complete, built.student):
        code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        assert code[-1].outputs[0].text == "2.5\n"


def test_a_change_of_code_executes_the_lecture_again(built, definitions):
    built.write(("print(2.5)", "print(3.5)"))
    assert [lecture.state for lecture in run(built, definitions).lectures] == ["executed"]
    assert "3.5" in built.student.read_text()
    assert run(built, definitions, check=True).ok


# --- what is stale ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_kernel")
def test_a_check_finds_a_built_lecture_current_and_writes_nothing(built, definitions):
    before = built.bytes()
    assert run(built, definitions, check=True).ok
    assert built.bytes() == before


def swap(content):
    content["cells"][1], content["cells"][2] = content["cells"][2], content["cells"][1]


CHANGES = {
    "text": (lambda c: c["cells"][0].update(source=["# Mine"]), "cell 1 has another source"),
    "code": (lambda c: c["cells"][2].update(source=["# NBVAL_CHECK_OUTPUT"]), "cell 3 has another"),
    "metadata": (lambda c: c["cells"][0].update(metadata={}), "cell 1 has another metadata"),
    "id": (lambda c: c["cells"][0].update(id="mine"), "cell 1 has another id"),
    "type": (lambda c: c["cells"][0].update(cell_type="raw"), "cell 1 has another cell_type"),
    "order": (swap, "another order"),
    "one more": (lambda c: c["cells"].append(c["cells"][0] | {"id": "more"}), "cells where the source gives"),
    "one less": (lambda c: c["cells"].pop(), "cells where the source gives"),
    "no outputs": (lambda c: c["cells"][2].update(outputs=[], execution_count=None), "made from other code"),
    "ran twice": (lambda c: c["cells"][2].update(execution_count=99), "outputs were made from other"),
    "hash": (lambda c: c["metadata"]["course"].update(code_hash="0" * 64), "outputs were made from other"),
    "no hash": (lambda c: c["metadata"].pop("course"), "outputs were made from other"),
    "kernel": (lambda c: c["metadata"]["kernelspec"].update(display_name="mine"), "the notebook's metadata"),
    "version": (lambda c: c["metadata"]["language_info"].update(version="3.11.7"), "the notebook's metadata"),
}  # fmt: skip


@pytest.mark.usefixtures("no_kernel")
@pytest.mark.parametrize("which", ["complete", "student"])
@pytest.mark.parametrize("kind", CHANGES)
def test_a_check_finds_every_kind_of_staleness(built, definitions, which, kind):
    change, problem = CHANGES[kind]
    path = getattr(built, which)
    edit(path, change)
    report = run(built, definitions, check=True)
    assert [lecture.state for lecture in report.lectures] == ["stale"]
    (found,) = report.problems
    assert found.startswith(f"{path.parent.name}/03_tiny.ipynb: ")
    assert problem in found
    assert found.endswith("; run `course build 03`")


@pytest.mark.usefixtures("no_kernel")
@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_text("half a note"), "is not a notebook"),
        (lambda path: path.write_text("[1, 2]"), "is not a notebook"),
        (lambda path: path.write_text(path.read_text().replace("\n ", "\n  ")), "is not written the way"),
        (lambda path: path.write_text(path.read_text().rstrip()), "is not written the way"),
    ],
)
def test_a_check_finds_missing_damaged_and_reformatted_files(built, definitions, damage, problem):
    damage(built.student)
    assert problem in run(built, definitions, check=True).problems[0]


@pytest.mark.usefixtures("no_kernel")
def test_a_check_finds_a_changed_definition(built, definitions):
    definitions["square"] = type(definitions["square"])("square", 3, "3.1", title="Squares", points=3)
    problems = run(built, definitions, check=True).problems
    assert len(problems) == 2
    assert all("has another source than the source gives" in problem for problem in problems)


@pytest.mark.usefixtures("no_kernel")
def test_a_check_reports_a_malformed_source(built, definitions):
    built.write(("### BEGIN SOLUTION", "### BEGIN SOLUTIONS"))
    report = run(built, definitions, check=True)
    assert [lecture.state for lecture in report.lectures] == ["failed"]
    assert "solutions/03_tiny.py, line 33 (cell 7): " in report.problems[0]


@pytest.mark.usefixtures("no_kernel")
@pytest.mark.parametrize("folder", ["solutions", "lectures"])
def test_a_notebook_without_a_source_is_an_orphan(built, definitions, folder):
    (built.root / folder / "07_gone.ipynb").write_text("{}")
    report = run(built, definitions, check=True)
    assert report.problems == (f"{folder}/07_gone.ipynb: has no source solutions/07_gone.py; delete it",)


# --- what goes wrong -------------------------------------------------------------------------------

FAILURES = {
    "a cell of both": (("print(2.5)", "print(1 / 0)"), 14, "solutions", "ZeroDivisionError"),
    "only untouched": (
        ("print(2.5)", "print(2.5 if 'secret' in str(In[5]) else 1 / 0)"),
        14,
        "lectures",
        "ZeroDiv",
    ),
    "an output": (
        ("print(2)", "import os; print(os.path.expanduser('~/x'))"),
        4,
        "solutions",
        "a path of this",
    ),
    "a warning": (("print(2)", "import warnings; warnings.warn('slow')"), 4, "solutions", "stderr"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_a_failure_names_the_cell_and_leaves_the_files_untouched(built, definitions, kind):
    change, cell, folder, problem = FAILURES[kind]
    before = built.bytes()
    built.write(change)
    report = run(built, definitions)
    assert [lecture.state for lecture in report.lectures] == ["failed"]
    (found,) = report.problems
    assert found.startswith("solutions/03_tiny.py, line ")
    assert f"(cell {cell}): in {folder}/03_tiny.ipynb: " in found
    assert problem in found
    assert built.bytes() == before
    names = {path.name for folder in ("solutions", "lectures") for path in (built.root / folder).iterdir()}
    assert names == {"03_tiny.py", "03_tiny.ipynb"}


def test_a_failure_behind_notes_that_students_do_not_get_names_the_right_cell(built, definitions):
    built.write(
        ("# %% [markdown]\n# Between.", '# %% [markdown] slideshow={"slide_type": "notes"}\n# Between.'),
        ("print(2.5)", "print(2.5 if 'secret' in str(In[5]) else 1 / 0)"),
    )
    (found,) = run(built, definitions).problems
    assert "(cell 14): in lectures/03_tiny.ipynb: ZeroDiv" in found


def test_a_solution_that_the_outputs_give_away_is_refused(built, definitions):
    give_away = "print('product', '= x * x ', '# a secret way')"
    built.write(("print(2.5)", give_away))
    (problem,) = run(built, definitions).problems
    assert "(cell 7): the solution's line `product = x * x  # a secret way` is to be read in" in problem
    assert "in the output of cell 16" in problem


def test_a_disk_that_is_full_leaves_the_files_untouched(built, definitions, monkeypatch):
    before = built.bytes()
    built.write(("# Between.", "# Another word."))
    write_text = Path.write_text

    def full(path, *args, **settings):
        if path.parent.name == "lectures":
            raise OSError(28, "No space left on device")
        return write_text(path, *args, **settings)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        run(built, definitions)
    assert built.bytes() == before
    assert not list(built.root.glob("*/.*.tmp"))


# --- which lectures --------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_kernel")
@pytest.mark.parametrize("name", ["3", "03", "03_tiny", "solutions/03_tiny.py", "lectures/03_tiny.ipynb"])
def test_a_lecture_is_named_by_number_or_name(built, definitions, name):
    (built.root / "solutions/05_other.py").write_text(SECOND)
    report = run(built, definitions, name, check=True)
    assert [lecture.name for lecture in report.lectures] == ["03_tiny"]


def test_an_unknown_name_is_refused(built, definitions):
    problem = r'^solutions: there is no lecture "4"; the lectures are: 03_tiny$'
    with pytest.raises(BuildError, match=problem):
        run(built, definitions, "4")


def test_lectures_are_built_side_by_side_and_a_failing_one_stops_no_other(repository, definitions):
    repository.write(("print(2.5)", "1 / 0"))
    (repository.root / "solutions/05_other.py").write_text(SECOND)
    finished = []
    report = run(repository, definitions, jobs=2, done=finished.append)
    assert [(lecture.name, lecture.state) for lecture in report.lectures] == [
        ("03_tiny", "failed"),
        ("05_other", "executed"),
    ]
    assert not report.ok
    assert {lecture.name for lecture in finished} == {"03_tiny", "05_other"}
    assert all(lecture.seconds > 0 for lecture in report.lectures)
    assert repository.bytes() == {}
    assert (repository.root / "lectures/05_other.ipynb").exists()


def test_the_package_loads_its_parts_when_they_are_used():
    assert set(notebooks.__all__) == {"BuildError", "BuildReport", "LectureReport", "build_lectures"}
    for name in notebooks.__all__:
        assert getattr(notebooks, name).__module__.startswith("course_utils.notebooks.")
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        notebooks.nothing  # noqa: B018


def test_the_environment_of_this_test_run_is_that_of_a_build():
    from course_utils.notebooks.environment import KERNEL_ENV

    assert {key: os.environ.get(key) for key in KERNEL_ENV} == KERNEL_ENV
    assert "course-tests-" in os.environ["COURSE_HOME"]
