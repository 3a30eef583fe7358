"""The reading copy: the lectures as pages, with search and the reference of the package, for a browser and no server.

Made with Sphinx and MyST-NB: notebooks with their stored outputs and docstrings become pages of one site, under one
search, which Sphinx builds as a script and so works from a file as well. A converter of notebooks alone (nbconvert) has
neither search nor reference; the newer MyST engine wants Node.js and a server.
"""

import io
import shutil
import tempfile
import warnings
from importlib.metadata import files
from pathlib import Path

import nbformat
from sphinx.application import Sphinx

from course_utils.runtime import CourseError

__all__ = ["build_site"]

ROOMS = {
    "The mathematics": ("gaussian", "likelihoods", "elbo", "gradient_estimators", "adversarial", "metrics"),
    "Models and data": ("models", "data", "training"),
    "What is seen": ("plotting", "widgets", "exercises"),
}
SETTINGS = {
    "project": "Deep generative models",
    "author": "",
    "html_show_copyright": False,
    "extensions": ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"],
    "html_theme": "furo",
    "html_title": "Deep generative models",
    "html_copy_source": False,
    "html_show_sourcelink": False,
    "html_show_search_summary": False,  # would fetch the pages found, which a browser refuses for files
    "html_static_path": ["_static"],
    "html_css_files": ["site.css"],
    "html_js_files": ["site.js"],
    "mathjax_path": "tex-svg-full.js",
    "mathjax3_config": {"options": {"enableMenu": False}},
    "nb_execution_mode": "off",
    "myst_enable_extensions": ["dollarmath", "amsmath"],
    "myst_dmath_double_inline": True,
    "myst_heading_anchors": 3,
    "autodoc_typehints": "description",
    "autodoc_member_order": "bysource",
    "pygments_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "suppress_warnings": [
        "myst.header",
        "docutils",
        "misc.highlighting_failure",
        "mystnb",
        "myst.xref_missing",
    ],
}
HERE = Path(__file__).parent


def build_site(root: Path, out: Path) -> Path:
    """Write the site of the lectures in ``root``. Returns: its first page.

    Raises
    ------
    CourseError
        If there are no lectures, or Sphinx fails.
    """
    notebooks = sorted((root / "lectures").glob("[0-9][0-9]_*.ipynb"))
    if not notebooks:
        raise CourseError(f"{root / 'lectures'} holds no lectures; run this in the course's folder.")
    with tempfile.TemporaryDirectory(prefix="course-site-", ignore_cleanup_errors=True) as folder:
        source = Path(folder)
        titles = [_copy(notebook, source) for notebook in notebooks]
        _write_pages(source, [notebook.stem for notebook in notebooks], titles)
        static = source / "_static"
        static.mkdir()
        for name in ("site.css", "site.js"):
            shutil.copy(HERE / name, static)
        mathjax = next(f for f in files("sphinx-mathjax-offline") or () if f.name == "tex-svg-full.js")
        shutil.copy(str(mathjax.locate()), static)
        problems = io.StringIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Sphinx's own parts, about each other
            app = Sphinx(
                source,
                None,
                out,
                source / ".doctrees",
                "html",
                SETTINGS,
                status=None,
                warning=problems,
                freshenv=True,
            )
            app.build(force_all=True)
    if app.statuscode:
        raise CourseError(f"Sphinx could not make the site: {problems.getvalue().strip().splitlines()[-1]}")
    return out / "index.html"


def _copy(notebook: Path, folder: Path) -> str:
    """Copy a lecture for reading. Returns: its title."""
    lecture = nbformat.read(notebook, as_version=4)
    for cell in lecture.cells:
        if cell.cell_type == "code":
            cell.source = cell.source.removeprefix("# NBVAL_CHECK_OUTPUT\n")
    nbformat.write(lecture, folder / notebook.name)
    return lecture.cells[0].source.splitlines()[0].lstrip("# ")


def _write_pages(folder: Path, stems: list[str], titles: list[str]) -> None:
    lectures = "\n".join(f"{title} <{stem}>" for title, stem in zip(titles, stems, strict=True))
    rooms = [f"course_utils.{room}" for names in ROOMS.values() for room in names]
    index = (
        "# Deep generative models, from autoencoders to GANs\n\nThe lectures to read, with all their figures; to run "
        "them, move what moves in them and have answers checked, open the notebooks in JupyterLab (`make lab`).\n\n"
        f"```{{toctree}}\n:caption: Lectures\n:maxdepth: 1\n\n{lectures}\n```\n\n"
        f"```{{toctree}}\n:caption: Reference\n:maxdepth: 1\n\n{chr(10).join(rooms)}\n```\n"
    )
    (folder / "index.md").write_text(index, encoding="utf-8")
    for room in rooms:
        lines = [f"``{room}``", "=" * (len(room) + 4), "", f".. automodule:: {room}", "   :members:", ""]
        (folder / f"{room}.rst").write_text("\n".join(lines), encoding="utf-8")
