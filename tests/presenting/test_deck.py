"""How cells become slides, without a browser."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils.presenting import browser
from course_utils.presenting.deck import presentation, slides
from course_utils.presenting.slides import markdown_html, slides_html, write_slides
from course_utils.runtime import CourseError


def cell(kind, source, make=new_markdown_cell, **more):
    return make(source, metadata={"slideshow": {"slide_type": kind}} if kind else {}, **more)


def drawing(*tags):
    output = new_output(
        "display_data", {"text/html": '<img alt="a line that rises" src="data:,">', "text/plain": "x"}
    )
    drawn = cell("subslide", "draw()", new_code_cell, outputs=[output])
    drawn.metadata["tags"] = list(tags)
    return drawn


def deck(*cells):
    return slides(presentation(new_notebook(cells=list(cells))))


def sources(slide):
    return [block.cell.source for block in slide.blocks]


def test_slide_types_sort_cells():
    found = deck(
        cell("slide", "a"), cell("fragment", "b"), cell("", "c"), cell("-", "d"), cell("notes", "n"), cell("skip", "s"),
        cell("subslide", "e"), cell("slide", "f"),
    )  # fmt: skip
    assert [sources(slide) for slide in found] == [["a", "b", "c", "d"], ["e"], ["f"]]
    assert [block.is_fragment for block in found[0].blocks] == [False, True, False, False]
    assert [slide.is_below for slide in found] == [False, True, False]
    assert [note.source for note in found[0].notes] == ["n"]


def test_an_exercise_is_one_slide():
    text = cell(
        "skip",
        "### Exercise 1.2 · Squares\n\n2 points\n\nWrite `square(x)`.\n\nMore words.",
        id="text-square",
    )
    (first, turn) = deck(cell("slide", "a"), text, cell("skip", "answer", new_code_cell, id="answer-square"))
    (source,) = sources(turn)
    assert turn.is_below
    assert "### Your turn\n\n**Exercise 1.2 · Squares**\n\n2 points\n\nWrite `square(x)`." in source
    assert "More words" not in source
    assert len(first.blocks) == 1


def test_an_exercise_that_its_author_shows_is_shown():
    (only,) = deck(cell("slide", "### Exercise 1.2\n\n2 points\n\nWrite.", id="text-square"))
    assert len(only.blocks) == 1


def test_a_picture_hides_its_code_unless_told_otherwise():
    hidden, kept = deck(drawing(), drawing("code-on-slide"))
    assert (hidden.blocks[0].hides_code, kept.blocks[0].hides_code) == (True, False)
    assert hidden.blocks[0].cell.metadata["jupyter"] == {"source_hidden": True}
    assert '<details class="code">' in slides_html([hidden], "t")
    assert '<details class="code">' not in slides_html([kept], "t")


def test_what_speaks_to_tools_is_left_out():
    answer = "def f():\n    ### BEGIN SOLUTION\n    return 2\n    ### END SOLUTION\nf()"
    source = f"# NBVAL_CHECK_OUTPUT\nx = 1  # noqa: E741\n{answer}"
    (slide,) = deck(cell("slide", source, new_code_cell))
    assert sources(slide) == ["x = 1\ndef f():\n    return 2\nf()"]


def test_the_notebook_itself_is_not_changed():
    notebook = new_notebook(cells=[drawing(), cell("skip", "### E\n\n1\n\nWrite.", id="text-e")])
    before = nbformat.writes(notebook)
    presentation(notebook)
    assert nbformat.writes(notebook) == before


def test_the_page_asks_nobody_for_anything(tmp_path):
    nbformat.write(new_notebook(cells=[cell("slide", "# Hello\n\n$x$"), drawing()]), tmp_path / "n.ipynb")
    page = tmp_path / "slides" / "n.html"
    assert write_slides(tmp_path / "n.ipynb", page) == 2
    text = page.read_text(encoding="utf-8")
    assert "<title>Hello</title>" in text
    assert text.count("\n<script>") == 4
    assert "<script src" not in text
    assert "<link" not in text
    assert "@import" not in text


def test_formulas_reach_the_page_as_written():
    assert "$\\mu_1 < \\mu_2$" in markdown_html("where $\\mu_1 < \\mu_2$.").replace("&lt;", "<")
    assert "<em>" not in markdown_html("$a_1 b_1$ and $a_2 b_2$")


def test_outputs_are_escaped():
    output = new_output("stream", name="stdout", text="<b> & more\n")
    (slide,) = deck(cell("slide", "print()", new_code_cell, outputs=[output]))
    assert "&lt;b&gt; &amp; more</pre>" in slides_html([slide], "t")


def test_a_browser_can_be_named(monkeypatch):
    monkeypatch.setenv("COURSE_BROWSER", "no-such-browser")
    assert browser.find_browser() is None


def test_without_a_browser_the_pdf_says_how_to_get_one(monkeypatch, tmp_path):
    monkeypatch.setattr(browser, "find_browser", lambda: None)
    with pytest.raises(CourseError, match="but not the PDF: no chromium was found: install one"):
        browser.print_pdf(tmp_path / "n.html", tmp_path / "n.pdf")


def test_a_browser_that_fails_is_quoted(monkeypatch, tmp_path):
    monkeypatch.setattr(browser, "find_browser", lambda: "false")
    with pytest.raises(CourseError, match="could not print"):
        browser.print_pdf(tmp_path / "n.html", tmp_path / "n.pdf")
