"""Finding a chromium, which prints the slides as PDF and runs the browser tests."""

import os
import shutil
import subprocess
import tempfile
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
    with tempfile.TemporaryDirectory(prefix="course-pdf-", ignore_cleanup_errors=True) as profile:
        command = [
            browser, "--headless", *browser_arguments(), f"--user-data-dir={profile}", "--no-pdf-header-footer",
            "--virtual-time-budget=60000", f"--print-to-pdf={pdf.resolve()}", f"{page.resolve().as_uri()}?print-pdf",
        ]  # fmt: skip
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=180)
        except subprocess.TimeoutExpired:
            raise CourseError(f"{browser} did not print {page} within three minutes.") from None
    if run.returncode or not pdf.exists():
        reason = (run.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise CourseError(f"{browser} could not print {page}: {reason}")
