"""Finding a chromium, which prints the slides as PDF and runs the browser tests."""

import os
import shutil
from pathlib import Path

from course_utils.runtime import CourseError

__all__ = ["HOW_TO_GET_ONE", "browser_arguments", "find_browser", "print_pdf"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
HOW_TO_GET_ONE = (
    "no chromium was found: install one (Debian and Ubuntu: apt install chromium; elsewhere Chrome or Edge will do) "
    "or name it in COURSE_BROWSER"
)


def find_browser() -> str | None:
    """Return the path of a browser of the chromium family: ``COURSE_BROWSER``, or the first that is installed."""
    if named := os.environ.get("COURSE_BROWSER"):
        return shutil.which(named)
    found = (shutil.which(name) for name in (*NAMES, *PLACES))
    return next((path for path in found if path), None)


def browser_arguments() -> list[str]:
    """Return what a browser without a window needs here: root may not have chromium's sandbox, nor needs it."""
    arguments = ["--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb"]
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [*arguments, "--no-sandbox"] if is_root else arguments


def print_pdf(page: Path, pdf: Path) -> None:
    """Print the slides in ``page`` to ``pdf``, one page a slide.

    Raises
    ------
    CourseError
        If there is no browser, or it fails.
    """
    browser = find_browser()
    if browser is None:
        raise CourseError(f"{page} is written, but not the PDF: {HOW_TO_GET_ONE}.")
    from playwright.sync_api import Error, sync_playwright

    try:
        with sync_playwright() as driver:
            chromium = driver.chromium.launch(executable_path=browser, args=browser_arguments())
            printed = chromium.new_page()
            printed.goto(f"{page.resolve().as_uri()}?print-pdf")
            printed.wait_for_function("document.documentElement.dataset.ready", timeout=180_000)
            printed.pdf(path=pdf, prefer_css_page_size=True, print_background=True)
            chromium.close()
    except Error as error:
        raise CourseError(f"{browser} could not print {page}: {str(error).strip().splitlines()[0]}") from None
