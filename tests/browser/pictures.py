"""`make pictures`: take the README's pictures anew, from the project itself.

They are taken by hand after a change that shows, not by the tests: every machine's fonts give other bytes.
"""

import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from course_utils.presenting.browser import browser_arguments, find_browser
from course_utils.presenting.slides import write_slides
from tests.browser.lab import Lab, running_lab

ROOT = Path(__file__).parents[2]
OUT = ROOT / "pictures"
LECTURE = "04_gaussian_kl"
IMPORTS = """from course_utils.exercises import check
import torch
"""
ATTEMPT = """def kl_univariate(mu1, sigma1, mu2, sigma2):
    quadratic = (sigma1 + (mu1 - mu2) ** 2) / (2 * sigma2)
    return torch.log(sigma2 / sigma1) / 2 + quadratic - 0.5


kl_univariate = check("kl_univariate", kl_univariate)"""


def main() -> None:
    """Write three pictures, each below 130 kB."""
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home, running_lab(Path(home)) as lab, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_browser(), args=browser_arguments())
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        save("lecture", lecture(page, lab))
        save("check", card(page, lab))
        save("slide", slide(page, Path(home)))
        browser.close()


def lecture(page: Any, lab: Lab) -> bytes:
    """The playground of a lecture, moved a little, with the text above it."""
    shutil.copy(ROOT / "lectures" / f"{LECTURE}.ipynb", lab.folder)
    lab.open(page, f"{LECTURE}.ipynb")
    lab.run_all(page, timeout=300)
    page.evaluate("jupyterapp.commands.execute('application:toggle-left-area')")
    widget = page.locator(".widget-vbox").first
    widget.locator("[role=slider]").first.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.locator(".jp-Cell").filter(has=widget).first.evaluate("cell => cell.scrollIntoView({block: 'end'})")
    page.wait_for_timeout(1500)
    picture = page.screenshot()
    lab.shut_down(page)
    return picture


def card(page: Any, lab: Lab) -> bytes:
    """The card under an answer that makes a known slip."""
    lab.open(page, lab.write("card.ipynb", [IMPORTS, ATTEMPT]))
    lab.run_all(page)
    page.wait_for_timeout(1000)
    picture = page.locator(".jp-CodeCell").nth(1).screenshot()
    lab.shut_down(page)
    return picture


def slide(page: Any, home: Path) -> bytes:
    """A slide with a formula, its check and what that prints."""
    write_slides(ROOT / "solutions" / f"{LECTURE}.ipynb", home / "slides.html")
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto((home / "slides.html").as_uri())
    page.wait_for_function("document.documentElement.dataset.ready")
    page.evaluate("Reveal.slide(2, 1, 1e6)")
    page.wait_for_timeout(500)
    return page.screenshot()


def save(name: str, png: bytes) -> None:
    """Write a screenshot with a palette, which is a third of the size and looks the same."""
    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    picture.save(OUT / f"{name}.png", optimize=True)
    print(OUT / f"{name}.png", picture.size, (OUT / f"{name}.png").stat().st_size)


if __name__ == "__main__":
    main()
