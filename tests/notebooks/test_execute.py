import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.notebooks.complete import KERNELSPEC
from course_utils.notebooks.environment import KERNEL_ENV
from course_utils.notebooks.execute import ExecutionError, execute


def notebook(*sources):
    cells = [new_markdown_cell("text"), *(new_code_cell(source) for source in sources)]
    return new_notebook(cells=cells, metadata={"kernelspec": KERNELSPEC, "language_info": {"name": "python"}})


def texts(executed):
    return [cell.outputs[0].text.strip() if cell.outputs else None for cell in executed.cells[1:]]


def test_a_clean_kernel_in_the_stated_environment_and_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATASET", "mnist")
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "mine"))
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    # a startup file in the user's profile must not be run
    startup = tmp_path / "ipython/profile_default/startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("mine = 1\n")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    original = notebook(
        "import os, pathlib, sys",
        f"print([os.environ[key] for key in {sorted(KERNEL_ENV)}])",
        "print(os.environ.get('COURSE_DATASET'), os.environ.get('PYTHONWARNINGS'), 'mine' in globals())",
        "print(pathlib.Path(os.environ['COURSE_HOME']).is_relative_to(pathlib.Path.cwd()))",
        "print(pathlib.Path.cwd().name, sys.prefix)",
        "for i in range(3):\n    print(i, flush=True)\n    sys.stdout.flush()",
    )
    executed = execute(original, tmp_path)
    import sys

    assert texts(executed) == [
        None,
        str([KERNEL_ENV[key] for key in sorted(KERNEL_ENV)]),
        "None None False",
        "False",
        f"{tmp_path.name} {sys.prefix}",
        "0\n1\n2",
    ]
    assert len(executed.cells[-1].outputs) == 1
    assert [cell.execution_count for cell in executed.cells[1:]] == [1, 2, 3, 4, 5, 6]
    assert all(cell.metadata == {} for cell in executed.cells), "no times in the metadata"
    assert executed.metadata == original.metadata
    assert original.cells[1].execution_count is None, "the notebook that was given is not changed"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import time\ntime.sleep(60)", "takes longer than 1 s"),
        ("import os\nos._exit(1)", "the kernel died"),
    ],
)
def test_a_failing_cell_is_named(tmp_path, source, problem):
    with pytest.raises(ExecutionError, match=problem) as caught:
        execute(notebook("x = 1", source, "y = 2"), tmp_path, timeout=1 if "sleep" in source else 60)
    assert caught.value.index == 2
