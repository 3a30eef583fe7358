"""Every playground in JupyterLab, as a reader has it: what can be moved is moved, and the picture follows."""

import pytest

from course_utils import widgets

TimeoutError = pytest.importorskip(
    "playwright.sync_api", reason="the browser tests need the dev extra"
).TimeoutError
pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SOURCE = "from course_utils import widgets\n_ = widgets.{}()"
PICTURE = ".jp-OutputArea img"


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
    moved = 0
    for slider in playground.locator("[role=slider]").all():
        assert slider.get_attribute("aria-label"), "a slider without a name"
        at_the_end = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
        slider.focus()
        changes(playground, "ArrowLeft" if at_the_end else "ArrowRight", press=5)
        moved += 1
    for group in playground.locator(".widget-radio-box").all():
        group.locator("input:checked").focus()
        changes(playground, "ArrowDown")
        moved += 1
    for box in playground.locator("select").all():
        box.focus()
        changes(playground, "ArrowDown")
        moved += 1
    assert moved


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
    button = opened.get_by_role("button", name="Play", exact=True).first
    cell = opened.locator(".jp-CodeCell").filter(has=button).first
    before = state(cell)
    button.focus()
    opened.keyboard.press("Space")
    wait_for_other_picture(cell, before)
    opened.keyboard.press("Space")


def changes(playground, key, *, press=1):
    """Press a key and wait for another picture; a step may be too small to be seen, several are not."""
    before = state(playground)
    for _ in range(press):
        playground.page.keyboard.press(key)
    wait_for_other_picture(playground, before)


def state(playground):
    """The picture's pixels, as one number."""
    return playground.evaluate(PIXELS)


def wait_for_other_picture(playground, before):
    try:
        playground.page.wait_for_function(
            f"([cell, before]) => ![null, before].includes(({PIXELS})(cell))",
            arg=[playground.element_handle(), before],
            timeout=20_000,
        )
    except TimeoutError:
        focused = playground.page.evaluate("document.activeElement.outerHTML.slice(0, 300)")
        pytest.fail(f"the picture stayed as it was; in focus: {focused}")
    assert "cannot be drawn" not in playground.inner_text()


PIXELS = """(cell) => {
  const image = cell.querySelector(".jp-OutputArea img");
  if (!image?.complete || !image.naturalWidth) return null;
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const bytes = context.getImageData(0, 0, canvas.width, canvas.height).data;
  let hash = 0;
  for (let i = 0; i < bytes.length; i++) hash = (Math.imul(hash, 31) + bytes[i]) | 0;
  return hash;
}"""
