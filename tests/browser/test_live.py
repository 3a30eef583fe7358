"""`course present`: the presenter in JupyterLab shows the slides that were exported, in a running kernel."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.notebooks.complete import KERNELSPEC
from course_utils.presenting.live import serve
from tests.browser.moves import changes

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def typed(make, kind, source):
    return make(source, metadata={"slideshow": {"slide_type": kind}})


@pytest.fixture(scope="module")
def lecture(tmp_path_factory):
    """A small lecture with every kind of slide."""
    exercise = typed(new_markdown_cell, "skip", "### Exercise 1.1 · Squares\n\n1 point\n\nWrite `square(x)`.")
    exercise.id = "text-square"
    cells = [
        typed(new_markdown_cell, "slide", "# The lecture\n\n$$E = \\int p(x)\\, dx$$"),
        typed(new_markdown_cell, "notes", "Ask them."),
        typed(new_code_cell, "skip", "answer = 6 * 7"),
        exercise,
        typed(new_markdown_cell, "slide", "## The answer"),
        typed(new_code_cell, "fragment", "# NBVAL_CHECK_OUTPUT\nprint('it is', answer)"),
        typed(new_code_cell, "slide", "from course_utils.widgets import kl_playground\n_ = kl_playground()"),
    ]
    path = tmp_path_factory.mktemp("lecture") / "01_small.ipynb"
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": dict(KERNELSPEC)}), path)
    return path


def test_slides_are_live_in_jupyterlab(page, lecture):
    before = lecture.read_bytes()
    with serve(lecture) as server:
        server.run_all()
        page.goto(server.url)
        page.wait_for_selector(".reveal .slides section.present h1")
        page.wait_for_selector("section.present mjx-container")
        assert page.get_by_text("Ask them.").filter(visible=True).count() == 0
        seen = [page.locator("section.present").last.inner_text()]
        for _ in range(3):
            page.keyboard.press("Space")
            page.wait_for_timeout(300)
            seen.append(page.locator("section.present").last.inner_text())
        assert "The lecture" in seen[0]
        assert "Your turn" in seen[1]
        assert "Write square(x)" in seen[1]
        assert "The answer" in seen[2]
        assert "it is 42" in seen[3]
        assert "NBVAL" not in seen[3]
        (session,) = server.ask("sessions")
        assert session["path"] == lecture.name  # the page has found the kernel that ran the cells
        page.keyboard.press("Space")
        sliders_work(page)
    assert page.foreign == []
    assert lecture.read_bytes() == before


def sliders_work(page):
    slide = page.locator("section.present").last
    slide.locator("[role=slider]").first.focus()
    slide.locator("img").wait_for()
    address = page.url
    changes(slide, "ArrowRight", press=5)
    assert page.url == address  # the arrow has not turned the page
