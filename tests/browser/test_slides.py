"""The slides of every lecture: they fit, all is there, and nothing comes from elsewhere."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from course_utils.presenting.browser import HOW_TO_GET_ONE, find_browser
from course_utils.presenting.deck import presentation, slides
from course_utils.presenting.slides import write_slides
from tests.browser.audit import violations
from tests.browser.conftest import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

NOTEBOOKS = sorted((ROOT / "solutions").glob("[0-9][0-9]_*.ipynb"))
SMALLEST = 16  # px on a slide of 1280 x 720; see slides.css
AUDIT = Path(__file__).with_name("slides_audit.js").read_text(encoding="utf-8")
QUICK = "04_gaussian_kl"  # stands for all where the tests of all take minutes
each_lecture = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


def open_slides(page, path, query=""):
    page.context.set_offline(True)
    page.goto(path.as_uri() + query)
    page.wait_for_function("document.documentElement.dataset.ready", timeout=120_000)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The slides of a lecture as a file, written once."""
    folder = tmp_path_factory.mktemp("slides")

    def written(notebook):
        page = folder / f"{notebook.stem}.html"
        if not page.exists():
            write_slides(notebook, page)
        return page

    return written


def test_there_are_lectures():
    assert len(NOTEBOOKS) >= 5


@each_lecture
def test_every_slide_fits_and_is_whole(page, written, notebook):
    open_slides(page, written(notebook))
    assert page.evaluate(AUDIT, SMALLEST) == []
    assert (page.foreign, page.errors) == ([], [])
    n_slides = page.evaluate("Reveal.getTotalSlides()")
    assert n_slides == len(slides(presentation(nbformat.read(notebook, as_version=4))))


QUICK_AND_SLOW = [
    pytest.param(p, marks=() if p.stem == QUICK else pytest.mark.slow, id=p.stem) for p in NOTEBOOKS
]


@pytest.mark.parametrize("notebook", QUICK_AND_SLOW)
def test_slides_grow_with_the_screen(page, written, notebook):
    page.set_viewport_size({"width": 1920, "height": 1080})
    open_slides(page, written(notebook))
    assert page.evaluate("Reveal.getScale()") == pytest.approx(1.5)
    assert page.evaluate(AUDIT, SMALLEST) == []


@pytest.mark.parametrize("notebook", QUICK_AND_SLOW)
def test_slides_pass_the_accessibility_audit(page, written, notebook):
    open_slides(page, written(notebook), "?print-pdf")  # all slides at once
    assert violations(page, headings=False) == []  # their order is that of the notebook, tested there


BROKEN = {
    "a long line": ('<pre class="output">' + "x" * 200 + "</pre>", "sideways"),
    "a long text": ("<p>" + "many words " * 700 + "</p>", "below the screen"),
    "a missing picture": (
        '<img alt="a line that rises" src="nowhere.png" width="90" height="90">',
        "missing",
    ),
    "a shrunken picture": ("<img alt='x' style='width: 90px' src='{wide}'>", "too small to be read"),
    "small print": ("<p style='font-size: 12px'>by the way</p>", "text of 12.0 px"),
    "raw mathematics": ("<p>the mean \\mu of it</p>", "not rendered"),
    "wrong mathematics": ("<p>$\\frac{1}$</p>", "mathematics with an error"),
    "an unknown command": ("<p>$\\elbow(q)$</p>", "mathematics with an error"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_the_audit_sees_what_is_wrong(page, tmp_path, kind):
    html, problem = BROKEN[kind]
    wide = "data:image/svg+xml,<svg xmlns=%22http://www.w3.org/2000/svg%22 width=%22900%22 height=%2290%22/>"
    cell = nbformat.v4.new_markdown_cell(
        "# A slide\n\nwith words", metadata={"slideshow": {"slide_type": "slide"}}
    )
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "one.ipynb")
    path = tmp_path / "one.html"
    write_slides(tmp_path / "one.ipynb", path)
    text = path.read_text(encoding="utf-8")
    assert text.count("<p>with words</p>") == 1
    path.write_text(text.replace("<p>with words</p>", html.replace("{wide}", wide)), encoding="utf-8")
    open_slides(page, path)
    if kind == "a shrunken picture":  # the page itself sizes pictures
        page.evaluate("document.querySelector('img').style.setProperty('--picture', '90px')")
    assert any(problem in found for found in page.evaluate(AUDIT, SMALLEST))


def test_derivations_appear_line_by_line(page, written):
    notebook = next(path for path in NOTEBOOKS if path.stem == "03_elbo")
    open_slides(page, written(notebook))
    counts = page.evaluate(DERIVATIONS)
    assert counts
    assert all(seen == list(range(1, n_lines + 1)) for n_lines, seen in counts), counts


DERIVATIONS = """() => {
  const found = [];
  for (const slide of Reveal.getSlides()) {
    const later = slide.querySelectorAll("g.fragment").length;
    if (!later || slide.querySelectorAll(".fragment").length !== later) continue;
    const { h, v } = Reveal.getIndices(slide);
    Reveal.slide(h, v, -1);
    const seen = [];
    do {
      seen.push(1 + slide.querySelectorAll("g.fragment.visible").length);
    } while (seen.length <= later && Reveal.nextFragment());
    found.push([later + 1, seen]);
  }
  return found;
}"""


def test_notes_are_for_the_speaker_and_exercises_are_one_slide(page, written):
    notebook = next(path for path in NOTEBOOKS if path.stem == "03_elbo")
    open_slides(page, written(notebook))
    assert page.locator("aside.notes").count() >= 5
    assert page.locator("aside.notes:visible").count() == 0
    cells = nbformat.read(notebook, as_version=4).cells
    n_exercises = sum(cell.id.startswith("text-") for cell in cells)
    assert page.locator("section.your-turn").count() == n_exercises
    assert "### BEGIN SOLUTION" not in page.content()


def test_the_command_writes_the_page_and_a_pdf_with_a_page_for_each_slide(tmp_path):
    if find_browser() is None:
        pytest.skip(HOW_TO_GET_ONE)
    command = [
        sys.executable,
        "-c",
        "from course_utils.cli import main; main()",
        "slides",
        QUICK,
        "--out",
        tmp_path,
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    notebook = nbformat.read(ROOT / "solutions" / f"{QUICK}.ipynb", as_version=4)
    n_slides = len(slides(presentation(notebook)))
    assert f"{QUICK}.html: {n_slides} slides" in run.stdout
    content = (tmp_path / f"{QUICK}.pdf").read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", content)) == n_slides
    assert len(content) > 200_000  # the pictures are in it
