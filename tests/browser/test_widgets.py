"""Every playground in JupyterLab, as a reader has it: what can be moved is moved, and the picture follows."""

import re

import pytest

from course_utils import widgets
from tests.browser.moves import PICTURE, move_everything, state, wait_for_other_picture

TimeoutError = pytest.importorskip(
    "playwright.sync_api", reason="the browser tests need the dev extra"
).TimeoutError
pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SOURCE = "from course_utils import widgets\n_ = widgets.{}()"


@pytest.fixture(scope="module")
def opened(chromium, lab):
    """A notebook with all playgrounds, one a cell, run from top to bottom."""
    page = chromium.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(60_000)
    lab.open(page, lab.write("playgrounds.ipynb", [SOURCE.format(name) for name in widgets.playgrounds()]))
    lab.run_all(page)
    yield page
    lab.shut_down(page)
    page.close()


@pytest.fixture(params=widgets.playgrounds())
def playground(request, opened):
    """One playground's cell, in sight."""
    index = widgets.playgrounds().index(request.param)
    cell = opened.locator(".jp-CodeCell").nth(index)
    cell.locator(PICTURE).first.wait_for()
    cell.scroll_into_view_if_needed()
    return cell


def test_it_runs_without_an_error(playground):
    assert playground.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    assert playground.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    assert len(playground.locator(PICTURE).first.get_attribute("alt")) > 60


def test_the_keyboard_alone_moves_every_control(playground):
    move_everything(playground)


def test_pictures_that_take_clicks_follow_them(opened):
    n_clicked = 0
    for cell in opened.locator(".jp-CodeCell").all():
        picture = cell.locator(PICTURE).first
        if picture.evaluate("image => image.style.cursor") == "crosshair":
            picture.scroll_into_view_if_needed()
            before, box = state(cell), picture.bounding_box()
            for across, up in ((0.3, 0.4), (0.25, 0.6), (0.7, 0.4), (0.35, 0.55)):
                picture.click(position={"x": across * box["width"], "y": up * box["height"]})
            wait_for_other_picture(cell, before)
            n_clicked += 1
    if not n_clicked:
        pytest.skip("no playground takes clicks")


def test_play_plays(opened):
    button = opened.get_by_role("button", name=re.compile("Play$")).first  # its icon is part of its name
    cell = opened.locator(".jp-CodeCell").filter(has=button).first
    before = state(cell)
    button.focus()
    opened.keyboard.press("Space")
    wait_for_other_picture(cell, before)
    opened.keyboard.press("Space")
