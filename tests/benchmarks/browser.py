"""From a key on a slider to the new picture, for every playground, as a reader has it: in JupyterLab, in a browser."""

import tempfile
from pathlib import Path

from course_utils import widgets
from course_utils.presenting.browser import HOW_TO_GET_ONE, browser_arguments, find_browser
from tests.benchmarks.frame import CannotMeasure, Table, median
from tests.browser.lab import running_lab

SOURCE = "from course_utils import widgets\n_ = widgets.{}()"
PRESS = """(cell) => new Promise((resolve) => {
  const slider = cell.querySelector("[role=slider]");
  const back = slider.getAttribute("aria-valuenow") === slider.getAttribute("aria-valuemax");
  const start = performance.now();
  cell.querySelector("img").addEventListener("load", () => resolve(performance.now() - start), { once: true });
  slider.dispatchEvent(new KeyboardEvent("keydown", { key: back ? "ArrowLeft" : "ArrowRight", bubbles: true }));
})"""


def run(presses: int = 20) -> Table:
    path = find_browser()
    if path is None:
        raise CannotMeasure(HOW_TO_GET_ONE)
    from playwright.sync_api import sync_playwright

    table = Table(
        "From a key to the new picture",
        f"In JupyterLab in chromium, on one machine: {presses} presses of an arrow key on the first slider, each from "
        "the key to the picture being there (kernel, message, decoding).",
        ("playground", "wall ms"),
    )
    names = widgets.playgrounds()
    with tempfile.TemporaryDirectory() as home, running_lab(Path(home)) as lab, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=browser_arguments())
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        lab.open(page, lab.write("playgrounds.ipynb", [SOURCE.format(name) for name in names]))
        lab.run_all(page, timeout=300)
        for name, cell in zip(names, page.locator(".jp-CodeCell").all(), strict=True):
            cell.locator("img").first.wait_for()
            cell.scroll_into_view_if_needed()
            if not cell.locator("[role=slider]").count():
                continue
            times = [cell.evaluate(PRESS) for _ in range(presses + 2)][2:]  # the first two warm up
            table.rows.append((name, median(times, digits=0)))
        lab.shut_down(page)
        browser.close()
    return table
