"""Moving what a cell shows, by keyboard, and waiting for the picture to follow."""

import pytest

PICTURE = ".jp-OutputArea img"
TimeoutError = pytest.importorskip(
    "playwright.sync_api", reason="the browser tests need the dev extra"
).TimeoutError


def move_everything(cell):
    """Move every slider, choice and list of a cell by the keyboard alone; each has a name and changes the picture."""
    moved = 0
    for slider in cell.locator("[role=slider]").all():
        assert slider.get_attribute("aria-label"), "a slider without a name"
        at_the_end = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
        slider.focus()
        changes(cell, "ArrowLeft" if at_the_end else "ArrowRight", press=5)
        moved += 1
    for group in cell.locator(".widget-radio").all():
        group.locator("input:checked").focus()
        if "speed" in group.inner_text():  # shows when something plays
            cell.page.keyboard.press("ArrowDown")
            assert not group.locator("input").first.is_checked()
        else:
            changes(cell, "ArrowDown")
        moved += 1
    for box in cell.locator("select").all():
        box.focus()
        changes(cell, "ArrowDown")
        moved += 1
    assert moved


def changes(cell, key, *, press=1):
    """Press a key and wait for another picture; a step may be too small to be seen, several are not."""
    before = state(cell)
    for _ in range(press):
        cell.page.keyboard.press(key)
    wait_for_other_picture(cell, before)


def state(cell):
    """The picture's pixels, as one number."""
    return cell.evaluate(PIXELS)


def wait_for_other_picture(cell, before):
    try:
        cell.page.wait_for_function(
            f"([cell, before]) => ![null, before].includes(({PIXELS})(cell))",
            arg=[cell.element_handle(), before],
            timeout=20_000,
        )
    except TimeoutError:
        focused = cell.page.evaluate("document.activeElement.outerHTML.slice(0, 300)")
        pytest.fail(f"the picture stayed as it was; in focus: {focused}")
    assert "cannot be drawn" not in cell.inner_text()


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
