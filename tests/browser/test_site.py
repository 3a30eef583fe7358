"""The reading copy, as files without a server or a network."""

import pytest

from course_utils.presenting.site import ROOMS, build_site
from tests.browser.audit import violations
from tests.browser.conftest import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

LECTURES = sorted(path.stem for path in (ROOT / "lectures").glob("[0-9][0-9]_*.ipynb"))
RENDERED = "() => document.readyState === 'complete' && (!window.MathJax || MathJax.startup.promise.then(() => true))"


@pytest.fixture(scope="module")
def site(chromium, tmp_path_factory):
    return build_site(ROOT, tmp_path_factory.mktemp("site") / "html").parent


@pytest.fixture
def read(page, site):
    """Open a page of the site, without a network, and wait until its formulas are set."""

    def read(name):
        page.context.set_offline(True)
        page.goto(f"{site.as_uri()}/{name}")
        page.wait_for_function(RENDERED)
        return page

    yield read
    assert (page.foreign, page.errors) == ([], [])


@pytest.mark.parametrize("lecture", LECTURES)
def test_a_lecture_is_whole(read, site, lecture):
    page = read(f"{lecture}.html")
    assert page.locator("h1").count() == 1
    assert (
        page.evaluate("[...document.images].filter((i) => i.loading !== 'lazy' && !i.naturalWidth).length")
        == 0
    )
    assert page.evaluate("[...document.images].filter((i) => !i.alt).length") == 0
    assert page.locator("mjx-container").count() > 10
    assert page.locator("[data-mml-node=merror]").count() == 0
    text = page.locator("article").inner_text()
    assert "NotImplementedError" in text  # the student's version, not the solution
    assert "NBVAL" not in text


def test_all_is_reached_from_the_first_page(read, site):
    page = read("index.html")
    links = {link.get_attribute("href") for link in page.locator("article a").all()}
    assert {f"{lecture}.html" for lecture in LECTURES} <= links
    assert {f"course_utils.{room}.html" for rooms in ROOMS.values() for room in rooms} <= links


@pytest.mark.parametrize(
    ("words", "page_name"), [("Jensen", "03_elbo"), ("importance_weighted_bound", "course_utils.elbo")]
)
def test_search_finds_lectures_and_reference(read, words, page_name):
    page = read(f"search.html?q={words}")
    page.wait_for_selector(f"#search-results a[href*='{page_name}']")


def test_the_reference_has_signatures_and_words(read):
    page = read("course_utils.gaussian.html")
    entry = page.locator("dt#course_utils\\.gaussian\\.kl_univariate")
    assert "kl_univariate" in entry.inner_text()
    assert page.locator("dl.py.function").count() >= 8
    assert page.locator("mjx-container").count() > 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "name",
    [
        "index",
        "course_utils.gaussian",
        "search",
        *(pytest.param(name, marks=pytest.mark.slow) for name in LECTURES),
    ],
)
def test_pages_pass_the_accessibility_audit(read, page, scheme, name):
    page.emulate_media(color_scheme=scheme)
    read(f"{name}.html")
    page.evaluate("scheme => { document.body.dataset.theme = scheme }", scheme)
    assert violations(page, within="body") == []
