import io
import json

import matplotlib as mpl
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from PIL import Image
from traitlets.config import Config

from course_utils import plotting
from course_utils.plotting import check_alt, figure_html, new_figure, pictures, png_bytes, show

ALT = 'A line that rises from 0 to 1, with a "quote" & a <tag>'


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """An IPython shell to display into, without a history file or a profile in the home folder."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    config = Config({"HistoryManager": {"enabled": False}})
    yield InteractiveShell.instance(config=config)
    InteractiveShell.clear_instance()


def line():
    figure, axes = new_figure()
    axes.plot([0, 1], [0, 1])
    axes.set_title("It rises")
    return figure


@pytest.mark.parametrize(
    "alt",
    [
        "",
        " " * 40,
        "figure",
        "a plot",
        "too short",
        "This figure shows the results of the plot above.",
        "Image 1 2 3 4 5 6 7 8",
        None,
    ],
)
def test_empty_and_generic_alt_text_is_refused(alt):
    with pytest.raises(
        ValueError, match="alt text must say what the figure shows, in at least 20 characters; got"
    ):
        check_alt(alt)


def test_good_alt_text_passes():
    check_alt("The loss falls from 200 to 105 nats.")
    check_alt(ALT)


def test_the_output_is_one_image_with_alt_text_and_its_plain_twin(shell):
    with capture_output() as captured:
        show(line(), ALT)
    (output,) = captured.outputs
    assert set(output.data) == {"text/html", "text/plain"}
    assert output.data["text/plain"] == ALT
    notebook = json.loads(json.dumps({"cells": [{"outputs": []}, {"outputs": [{"data": output.data}]}, {}]}))
    ((index, alt, png),) = pictures(notebook)
    assert (index, alt) == (1, ALT)
    assert Image.open(io.BytesIO(png)).size == (1000, 400)


def test_pictures_reads_lines_as_nbformat_stores_them():
    lines = figure_html(b"\x89PNG", ALT).splitlines(keepends=True)
    notebook = {"cells": [{"outputs": [{"data": {"text/html": ["<p>\n", *lines]}}]}]}
    assert list(pictures(notebook)) == [(0, ALT, b"\x89PNG")]


def test_without_a_notebook_the_alt_text_is_printed(capsys):
    show(line(), ALT)
    assert capsys.readouterr().out == ALT + "\n"


def test_a_figure_of_pyplot_is_closed(capsys):
    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, _ = plt.subplots()
    show(figure, ALT)
    assert not plt.fignum_exists(figure.number)


def test_a_refused_figure_is_not_shown(capsys):
    with pytest.raises(ValueError, match="alt text"):
        show(line(), "figure")
    assert capsys.readouterr().out == ""


def test_the_png_is_deterministic_and_without_metadata():
    first, second = png_bytes(line()), png_bytes(line())
    assert first == second
    picture = Image.open(io.BytesIO(first))
    assert picture.info == {}
    chunks = [kind for kind in (b"tEXt", b"iTXt", b"zTXt", b"tIME", b"eXIf") if kind in first]
    assert chunks == []


@pytest.mark.parametrize("cmap", ["gray", "viridis"])
def test_the_palette_is_exact_for_few_colours_and_close_for_many(cmap):
    figure, axes = new_figure()
    axes.imshow(np.linspace(0, 1, 28 * 28).reshape(28, 28), cmap=cmap)
    axes.scatter(*np.random.default_rng(0).random((2, 200)) * 27, c=np.linspace(0, 1, 200), cmap="plasma")
    seen = np.asarray(Image.open(io.BytesIO(png_bytes(figure))).convert("RGB"), dtype=int)
    drawn = np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)
    assert np.abs(seen - drawn).mean() < 1


def test_few_colours_are_kept_exactly():
    picture = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).convert("RGB")
    reduced = plotting.display._with_palette(picture)
    assert reduced.mode == "P"
    assert np.array_equal(np.asarray(reduced.convert("RGB")), np.asarray(picture))


def test_noise_in_full_colour_is_not_reduced():
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    assert plotting.display._with_palette(Image.fromarray(noise)).mode == "RGB"


def test_a_plain_figure_is_small():
    assert len(png_bytes(line())) < 25_000
