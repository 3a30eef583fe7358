r"""Put a figure on the page as a small PNG with alt text that really arrives.

How the alt text travels was tried, not assumed (JupyterLab 4.6, nbconvert 7.17):

* ``image/png`` with metadata ``{"image/png": {"alt": ...}}``, as ``IPython.display.Image(alt=...)`` sends it,
  loses the
  text: JupyterLab's image renderer sets ``src``, ``width`` and ``height`` only, and nbconvert's templates
  ``lab`` and ``reveal`` write "No description has been provided for this image" (only ``classic`` reads the
  metadata).
* ``text/html`` with ``<img alt="..." src="data:image/png;base64,...">`` keeps it everywhere: JupyterLab, also
  in a notebook that is not trusted yet (its sanitizer lets ``alt`` and data URIs on images pass), nbconvert's
  HTML and slides, nbviewer.

So a figure is one ``text/html`` output, and its ``text/plain`` twin is the alt text itself, which is what a
terminal, a diff and a reader without images get. Both forms in one output would double every notebook. The
picture is still a
plain PNG: :func:`pictures` gets them out of a notebook.
"""

import base64
import html
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

__all__ = ["check_alt", "figure_html", "pictures", "png_bytes", "show"]

MIN_ALT_CHARACTERS = 20
# Alt text made of nothing but these says that there is a picture, which a screen reader says anyway.
EMPTY_WORDS = set(
    """a an the this that is are of in on at and with for here some figure figures fig image images picture
    plot plots chart graph diagram drawing illustration showing shows show displays output result results see
    above below cell matplotlib png data lecture alt text description caption todo tbd untitled
    placeholder""".split()  # noqa: SIM905
)
# A mean error of one level in 255 cannot be seen; past it the figure keeps its full colours.
LARGEST_PALETTE_ERROR = 1.0

_IMG = re.compile(
    r'<img[^>]*?alt="(?P<alt>[^"]*)"[^>]*?src="data:image/png;base64,(?P<data>[A-Za-z0-9+/=\s]+)"'
)


def show(figure: Figure, alt: str) -> None:
    """Show a figure on the page with alt text, and close it.

    Parameters: ``figure``, from a helper here or from pyplot; ``alt`` says in a sentence what there is to
    see, the claim and the shape of the evidence, for a reader who cannot see it.
    Raises: ValueError for alt text that is empty, generic or under 20 characters.
    """
    check_alt(alt)
    data = png_bytes(figure)
    close(figure)
    publish({"text/html": figure_html(data, alt), "text/plain": alt.strip()})


def check_alt(alt: str) -> None:
    """Refuse alt text that tells a reader nothing.

    Raises: ValueError if ``alt`` is shorter than 20 characters or holds only words like "figure" and "plot".

    >>> check_alt("figure")
    Traceback (most recent call last):
    ...
    ValueError: alt text must say what the figure shows, in at least 20 characters; got 'figure'
    """
    words = re.findall(r"[^\W\d_]+", alt.lower()) if isinstance(alt, str) else []
    if not isinstance(alt, str) or len(alt.strip()) < MIN_ALT_CHARACTERS or EMPTY_WORDS.issuperset(words):
        raise ValueError(
            f"alt text must say what the figure shows, in at least {MIN_ALT_CHARACTERS} characters; "
            f"got {alt!r}"
        )


def png_bytes(figure: Figure) -> bytes:
    """Render a figure as a small PNG; the same figure gives the same bytes.

    Colours are reduced to a palette of 256 where the eye cannot tell (most figures have fewer to begin with),
    which makes the file two to four times smaller. There is no metadata: no time, no software version.

    Parameters: ``figure``, drawn at its own ``dpi``.
    Returns: the bytes of the PNG file.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return small_png(np.asarray(canvas.buffer_rgba()))


def small_png(pixels: np.ndarray) -> bytes:
    """Encode RGBA pixels of shape (height, width, 4), uint8, as :func:`png_bytes` says."""
    buffer = io.BytesIO()
    _with_palette(Image.fromarray(pixels).convert("RGB")).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def figure_html(png: bytes, alt: str) -> str:
    """The ``<img>`` tag that carries a PNG and its alt text; the text is escaped."""
    data = base64.b64encode(png).decode("ascii")
    return f'<img alt="{html.escape(alt.strip())}" src="data:image/png;base64,{data}">'


def pictures(notebook: Mapping[str, Any]) -> Iterator[tuple[int, str, bytes]]:
    """Every figure stored in a notebook.

    Parameters: ``notebook``, as nbformat or ``json.load`` reads it.
    Returns: an iterator over (index of the cell, alt text, bytes of the PNG file).
    """
    for index, cell in enumerate(notebook["cells"]):
        for output in cell.get("outputs", []):
            source = output.get("data", {}).get("text/html", "")
            for match in _IMG.finditer(source if isinstance(source, str) else "".join(source)):
                yield index, html.unescape(match["alt"]), base64.b64decode(match["data"])


def publish(bundle: Mapping[str, Any]) -> None:
    """Send a bundle of representations to the notebook; without one, print the plain text."""
    from IPython import get_ipython
    from IPython.display import display

    if get_ipython() is None:
        print(bundle["text/plain"])
    else:
        display(dict(bundle), raw=True)


def _with_palette(picture: Image.Image) -> Image.Image:
    """The picture with at most 256 colours, or as it was where that would show."""
    if picture.getcolors(256) is not None:
        return picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=256)  # exact: nothing is merged
    reduced = picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    before, after = (np.asarray(p.convert("RGB"), dtype=np.int16) for p in (picture, reduced))
    return reduced if np.abs(before - after).mean() <= LARGEST_PALETTE_ERROR else picture


def close(figure: Figure) -> None:
    """Take the figure from pyplot, if it came from there, so that it is not shown a second time."""
    import sys

    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close(figure)
