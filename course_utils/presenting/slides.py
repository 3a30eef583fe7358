"""A lecture's slides as one HTML file: reveal.js, MathJax, pictures and style are all inside."""

import html
import re
from functools import cache
from importlib.metadata import files
from pathlib import Path

import nbformat
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

from course_utils.presenting.deck import Block, Slide, presentation, slides

__all__ = ["slides_html", "write_slides"]

HERE = Path(__file__).parent
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{reveal_css}</style>
<style>{code_css}</style>
<style>{own_css}</style>
</head>
<body>
<main class="reveal"><div class="slides">
{slides}
</div></main>
<script>{reveal}</script>
<script>{notes}</script>
<script>{own}</script>
<script>{mathjax}</script>
</body>
</html>
"""


def write_slides(notebook: Path, page: Path) -> int:
    """Write the slides of a notebook with stored outputs. Returns: how many slides there are."""
    lecture = nbformat.read(notebook, as_version=4)
    deck = slides(presentation(lecture))
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(slides_html(deck, _title(lecture)), encoding="utf-8", newline="\n")
    return len(deck)


def slides_html(deck: list[Slide], title: str) -> str:
    """Return the page that shows a deck; it makes no request to any host."""
    columns: list[list[str]] = []
    for slide in deck:
        if not slide.is_below or not columns:
            columns.append([])
        columns[-1].append(_section(slide))
    return PAGE.format(
        title=html.escape(title),
        slides="\n".join(f"<section>\n{''.join(column)}</section>" for column in columns),
        reveal_css=_reveal("dist/reveal.css"),
        reveal=_script(_reveal("dist/reveal.js")),
        notes=_script(_reveal("plugin/notes/notes.js")),
        mathjax=_script(_file("sphinx-mathjax-offline", "static/mathjax/tex-svg-full.js")),
        code_css=HtmlFormatter(style="a11y-light").get_style_defs(".highlight"),
        own_css=(HERE / "slides.css").read_text(encoding="utf-8"),
        own=(HERE / "slides.js").read_text(encoding="utf-8"),
    )


def _section(slide: Slide) -> str:
    blocks = "".join(map(_block, slide.blocks))
    notes = "".join(markdown_html(cell.source) for cell in slide.notes)
    aside = f'<aside class="notes">{notes}</aside>' if notes else ""
    is_turn = any("your-turn" in block.cell.metadata.get("tags", ()) for block in slide.blocks)
    turn = ' class="your-turn"' if is_turn else ""
    return f'<section{turn}><div class="content">{blocks}</div>{aside}</section>\n'


def _block(block: Block) -> str:
    cell = block.cell
    if cell.cell_type == "markdown":
        inside = markdown_html(cell.source)
    elif cell.cell_type == "code":
        code = _code_html(cell.source)
        if block.hides_code:
            code = f'<details class="code"><summary>code</summary>{code}</details>'
        inside = code + "".join(map(_output, cell.outputs))
    else:
        return ""
    return f'<div class="block {cell.cell_type}{" fragment" if block.is_fragment else ""}">{inside}</div>\n'


def markdown_html(source: str) -> str:
    """Render a cell's Markdown as JupyterLab does; formulas are left to MathJax."""
    renderer = IPythonRenderer(escape=False, exclude_anchor_links=True)
    return MarkdownWithMath(renderer=renderer).render(source)


def _code_html(source: str) -> str:
    """Return highlighted code that the keyboard can scroll where it is wide."""
    return Highlight2HTML()(source, language="python").replace("<pre>", '<pre tabindex="0">', 1)


def _output(output: NotebookNode) -> str:
    data = output.get("data", {})
    if "text/html" in data:
        return f'<div class="output">{data["text/html"]}</div>'
    text = output.get("text") or data.get("text/plain") or "\n".join(output.get("traceback", ()))
    return f'<pre class="output" tabindex="0">{html.escape(text.rstrip())}</pre>'


def _title(lecture: NotebookNode) -> str:
    heading = re.search(r"^# (.+)$", lecture.cells[0].source, re.MULTILINE)
    return heading.group(1) if heading else "Slides"


def _reveal(path: str) -> str:
    return _file("sphinx-revealjs", f"static/revealjs/{path}")


@cache
def _file(package: str, path: str) -> str:
    """Read a file of an installed package, whose import name does not matter."""
    found = next(file for file in files(package) or () if file.as_posix().endswith(path))
    return Path(str(found.locate())).read_text(encoding="utf-8")


def _script(source: str) -> str:
    """Keep a script's own text from ending the element that it stands in."""
    return re.sub(
        r"</(script)", r"<\\/\1", re.sub(r"//# sourceMappingURL=.*", "", source), flags=re.IGNORECASE
    )
