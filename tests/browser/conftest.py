"""One JupyterLab and one chromium for all tests of a file; without a chromium, the tests are skipped and say so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from course_utils.presenting.browser import HOW_TO_GET_ONE, browser_arguments, find_browser
from tests.browser.lab import Lab, running_lab

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def chromium() -> Iterator:
    """A browser, for the tests of one file: its event loop must not meet the one of the notebook tests."""
    path = find_browser()
    if path is None:
        pytest.skip(HOW_TO_GET_ONE)
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need the dev extra")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=browser_arguments())
        yield browser
        browser.close()


@pytest.fixture
def page(chromium) -> Iterator:
    """A page of a browser that has nothing stored, which notes errors and every request to another host."""
    context = chromium.new_context(viewport={"width": 1280, "height": 720}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.foreign, page.errors = [], []
    page.on("request", lambda request: is_local(request.url) or page.foreign.append(request.url))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    yield page
    context.close()


def is_local(url: str) -> bool:
    return url.startswith(("file:", "data:", "blob:", "about:", "http://127.0.0.1:", "ws://127.0.0.1:"))


@pytest.fixture(scope="session")
def lab(tmp_path_factory) -> Iterator[Lab]:
    """A JupyterLab over an empty folder, with nobody's settings."""
    if find_browser() is None:
        pytest.skip(HOW_TO_GET_ONE)
    with running_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab
