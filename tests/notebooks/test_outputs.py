import sys
import tempfile
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course_utils.notebooks.execute import ExecutionError
from course_utils.notebooks.outputs import WIDGET, tidy_outputs

ROOT = Path("/somewhere/course")


def tidied(*outputs, source="x"):
    notebook = new_notebook(cells=[new_code_cell("1"), new_code_cell(source, outputs=list(outputs))])
    tidy_outputs(notebook, ROOT)
    return notebook.cells[1].outputs


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def shown(**data):
    return new_output("display_data", data={key.replace("__", "/"): value for key, value in data.items()})


FIGURE = '<img alt="What one sees" src="data:image/png;base64,iVBORw0KGgo/tmp/x=">'


def test_a_live_widget_leaves_its_picture():
    output = shown(text__html=FIGURE, text__plain="What one sees")
    output.data[WIDGET] = {"model_id": "1", "version_major": 2, "version_minor": 0}
    output.metadata = {WIDGET: {}}
    (left,) = tidied(output)
    assert left.data == {"text/html": FIGURE, "text/plain": "What one sees"}
    assert left.metadata == {}


@pytest.mark.parametrize(
    "output",
    [
        shown(image__png="iVBORw0KGgo="),
        shown(text__html='<img src="x">'),
        shown(text__html='<img alt="" src="x">'),
    ],
)
def test_a_picture_without_alt_text_is_refused(output):
    with pytest.raises(ExecutionError, match="a picture without alt text"):
        tidied(output)


def test_a_widget_without_a_picture_is_refused():
    output = shown(text__plain="VBox()")
    output.data[WIDGET] = {"model_id": "1"}
    with pytest.raises(ExecutionError, match="a widget without a static picture") as caught:
        tidied(output)
    assert caught.value.index == 1


@pytest.mark.parametrize(
    "text",
    [
        "/tmp/ipykernel_4242/1234567.py:3: note",
        "/private/var/folders/ab/T/ipykernel_4242/1234567.py:3: note",
        r"C:\Users\ann\AppData\Local\Temp\ipykernel_4242\1234567.py:3: note",
    ],
)
def test_the_temporary_name_of_a_cell_is_shortened(text):
    assert tidied(stream(text))[0].text == "<cell>:3: note"


def test_paths_in_the_repository_become_relative():
    (output,) = tidied(stream("see /somewhere/course/lectures/03.ipynb"))
    assert output.text == "see lectures/03.ipynb"


def test_colours_of_a_traceback_are_dropped():
    output = new_output("error", ename="E", evalue="", traceback=["\x1b[0;31mE\x1b[0m: no"])
    assert tidied(output)[0].traceback == ["E: no"]


@pytest.mark.parametrize(
    "path",
    [
        Path(sys.prefix) / "lib/x.py",
        Path(tempfile.gettempdir()) / "x.txt",
        Path.home() / "course/x.txt",
        ROOT,
    ],
    ids=["environment", "temporary", "home", "root"],
)
@pytest.mark.parametrize(
    "make", [stream, lambda text: shown(text__html=f"<b>{text}</b>")], ids=["stream", "html"]
)
def test_a_path_of_this_machine_is_refused(path, make):
    with pytest.raises(ExecutionError, match="holds a path of this machine"):
        tidied(make(f"read {path} now"))


@pytest.mark.parametrize("text", ["a/tmpfile", "data/tmp/x", "50 / 2", "https://arxiv.org/abs/1312.6114"])
def test_other_slashes_are_no_path_of_this_machine(text):
    assert tidied(stream(text))[0].text == text


@pytest.mark.parametrize(
    ("output", "source", "problem"),
    [
        (stream("UserWarning: slow", "stderr"), "x", "writes to stderr: 'UserWarning: slow'"),
        (shown(text__plain="<Line2D at 0x7f12ab34cd56>"), "x", "a memory address"),
        (shown(text__html=FIGURE), "# NBVAL_CHECK_OUTPUT\nx", "compared but shows a picture"),
        (None, "# NBVAL_CHECK_OUTPUT\nx", "compared but has no output"),
    ],
)
def test_what_differs_from_run_to_run_is_refused(output, source, problem):
    with pytest.raises(ExecutionError, match=problem):
        tidied(*([] if output is None else [output]), source=source)
