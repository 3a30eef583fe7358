import io

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from PIL import Image
from traitlets.config import Config

from course_utils import widgets
from course_utils.plotting import new_figure, pictures
from course_utils.widgets import Explorer, choice, explore, player, slider

ALT = "A sine wave whose frequency and sign follow the controls"


def wave():
    figure, axes = new_figure()
    x = np.linspace(0, 6, 100)
    (line,) = axes.plot(x, np.sin(x))
    axes.set_ylim(-1.1, 1.1)

    def update(frequency, sign=1):
        if frequency == 13:
            raise ValueError("13 is unlucky\nand this is the second line")
        line.set_ydata(sign * np.sin(frequency * x))
        return f"frequency {frequency} < 14"

    return figure, update


def explorer(**more):
    figure, update = wave()
    return Explorer(figure, update, alt=ALT, frequency=slider(1, 20, 2, 1, "frequency"), **more)


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_a_control_redraws_the_picture_and_moving_it_back_restores_it():
    e = explorer(sign=choice({"up": 1, "down": -1}, "sign"))
    first = e.png
    second = e.set(frequency=5)
    third = e.set(sign=-1)
    assert first != second != third
    assert e.values == {"frequency": 5, "sign": -1}
    assert e.set(frequency=2, sign=1) == first


def test_the_live_picture_is_the_saved_one_at_first_and_carries_the_alt_text():
    e = explorer()
    difference = np.abs(pixels(e.png).astype(int) - pixels(e.first_picture))
    assert difference.mean() < 1  # the saved one has a palette
    assert (e.picture.alt, e.picture.png) == (ALT, e.png)
    assert "frequency 2 &lt; 14" in e.message.value  # escaped


def test_an_error_is_one_sentence_and_the_next_move_recovers():
    e = explorer()
    before = e.png
    assert e.set(frequency=13) == before
    assert "13 is unlucky" in e.message.value
    assert "second line" not in e.message.value
    assert e.set(frequency=14) != before
    assert "unlucky" not in e.message.value


def test_an_error_in_the_first_state_is_the_authors_and_is_raised():
    figure, update = wave()
    with pytest.raises(ValueError, match="unlucky"):
        Explorer(figure, update, alt=ALT, frequency=slider(1, 20, 13, 1, "frequency"))


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """An IPython shell to display into, without a history file or a profile in the home folder."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    config = Config({"HistoryManager": {"enabled": False}})
    yield InteractiveShell.instance(config=config)
    InteractiveShell.clear_instance()


def test_the_page_gets_one_bundle_live_and_still(shell):
    figure, update = wave()
    with capture_output() as captured:
        result = explore(figure, update, alt=ALT, frequency=slider(1, 20, 2, 1, "frequency"))
        shell.displayhook(result)  # what the last line of a cell does
    (output,) = captured.outputs
    assert set(output.data) == {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"}
    ((_, alt, png),) = pictures({"cells": [{"outputs": [{"data": output.data}]}]})
    assert (alt, png) == (ALT, result.first_picture)
    assert output.data["text/plain"] == f"{ALT} frequency 2 < 14"


def test_explore_refuses_generic_alt_text_and_no_controls():
    figure, update = wave()
    with pytest.raises(ValueError, match="alt text"):
        explore(figure, update, alt="figure", frequency=slider(1, 20, 2, 1, "frequency"))
    with pytest.raises(ValueError, match="explore needs a control"):
        explore(figure, update, alt=ALT)


def plane():
    """A point in a plane, with a slider for each coordinate."""
    figure, axes = new_figure()
    (point,) = axes.plot([0], [0], "o")
    axes.set(xlim=(-4, 4), ylim=(-2, 2))
    drawn = []

    def update(across, up, size=1):
        drawn.append((across, up))
        point.set_data([across], [up])

    sliders = {"across": slider(-3.0, 3.0, 0.0, 0.1, "z1"), "up": slider(-2.0, 2.0, 0.0, 0.1, "z2")}
    return Explorer(figure, update, alt=ALT, click=(axes, "across", "up"), **sliders), axes, drawn


def click(explorer, axes, x, y):
    pixel = axes.transData.transform((x, y))
    explorer.picture.point = axes.figure.transFigure.inverted().transform(pixel).tolist()


def test_a_click_sets_both_sliders_and_draws_once():
    e, axes, drawn = plane()
    before, n_drawn = e.png, len(drawn)
    click(e, axes, 1.23, -0.58)
    assert e.values == {"across": pytest.approx(1.2), "up": pytest.approx(-0.6)}  # the sliders' steps
    assert drawn[n_drawn:] == [(pytest.approx(1.2), pytest.approx(-0.6))]
    assert e.png != before


def test_after_a_click_the_sliders_still_work():
    e, axes, drawn = plane()
    click(e, axes, 1.0, 1.0)
    e.set(up=-1.0)
    assert drawn[-1] == (pytest.approx(1.0), pytest.approx(-1.0))


def test_a_click_beyond_a_slider_goes_to_its_end_and_one_outside_the_axes_nowhere():
    e, axes, _ = plane()
    click(e, axes, 3.9, 0.5)
    assert e.values == {"across": 3.0, "up": pytest.approx(0.5)}
    click(e, axes, 9.0, 1.5)
    assert e.values == {"across": 3.0, "up": pytest.approx(0.5)}


def test_a_click_needs_the_sliders_it_sets():
    figure, update = wave()
    with pytest.raises(ValueError, match="a click sets z1 and z2; there are the controls"):
        Explorer(
            figure, update, alt=ALT, click=(figure.axes[0], "z1", "z2"), frequency=slider(1, 9, 2, 1, "f")
        )


def test_slider_is_whole_or_decimal_and_shows_its_step():
    assert type(slider(0, 10, 5, 1, "n")).__name__ == "IntSlider"
    fine = slider(-3.0, 3.0, 0.0, 0.05, "mean")
    assert type(fine).__name__ == "FloatSlider"
    assert fine.readout_format == ".2f"
    assert fine.continuous_update
    assert fine.style.description_width == "initial"  # the label is not cut off


def test_choice_gives_values_behind_names_and_becomes_a_list_when_long():
    short, long = choice({"yes": 1, "no": 0}, "answer"), choice(list(range(10)), "digit")
    assert (short.value, type(short).__name__) == (1, "RadioButtons")
    assert (long.value, type(long).__name__) == (0, "Dropdown")


def test_player_drives_the_figure():
    figure, update = wave()
    e = Explorer(figure, update, alt=ALT, frequency=player(5, "frame"))
    first = e.png
    e.controls["frequency"].children[-1].value = 3  # the slider inside
    assert e.values == {"frequency": 3}
    assert e.png != first
    assert [child.description for child in e.controls["frequency"].children[1:]] == ["Play", "frame"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: slider(0, 1, 2, 1, "x"), "expected low <= value <= high and step > 0"),
        (lambda: slider(0, 1, 0, 0, "x"), "step > 0"),
        (lambda: slider(0, 1, 0, 1, " "), "a control needs a description"),
        (lambda: choice(["only"], "x"), "at least two options, got 1"),
        (lambda: choice(["a", "b"], ""), "a control needs a description"),
        (lambda: player(1, "x"), "at least two frames, got 1"),
        (lambda: player(5, ""), "a control needs a description"),
    ],
)
def test_controls_refuse_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_playgrounds_load_when_asked_for():
    assert set(widgets.playgrounds()) == set(widgets._PLAYGROUNDS)
    with pytest.raises(AttributeError, match="no attribute 'no_such_playground'"):
        _ = widgets.no_such_playground


@pytest.mark.parametrize("name", widgets.playgrounds())
def test_every_playground_redraws_without_a_new_background(name):
    """What is slow in a redraw is ticks and titles; a playground that changes them at every step is too slow."""
    playground = getattr(widgets, name)()
    assert isinstance(playground, Explorer)
    shift = np.abs(pixels(playground.png).astype(int) - pixels(playground.first_picture)).mean()
    assert shift < 1, "the picture jumps when the page becomes live"
    for name, control in playground.controls.items():
        if name == "speed":
            continue  # of a film: another pace, not another picture
        before, value = playground.png, control.value
        options = getattr(control, "options", None)
        control.value = options[-1][1] if options else (control.min if value != control.min else control.max)
        assert playground.png != before
        assert "cannot be drawn" not in playground.message.value
        control.value = value
        assert playground.png == before
    assert playground.canvas.n_backgrounds == 1
