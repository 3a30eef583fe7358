"""One look for all figures of the course, and the one way they reach the page: with alt text.

Helpers return a :class:`matplotlib.figure.Figure`; :func:`show` puts it on the page. For anything special,
write matplotlib in the lecture and take the colours from :data:`COLOURS`.
"""

from course_utils.plotting.display import check_alt, figure_html, pictures, png_bytes, show
from course_utils.plotting.figures import curves, density_1d, image_grid, latent_plane, stacked_terms
from course_utils.plotting.style import CLASS_COLOURS, CLASS_MARKERS, COLOURS, new_figure, use_course_style

__all__ = [
    "CLASS_COLOURS",
    "CLASS_MARKERS",
    "COLOURS",
    "check_alt",
    "curves",
    "density_1d",
    "figure_html",
    "image_grid",
    "latent_plane",
    "new_figure",
    "pictures",
    "png_bytes",
    "show",
    "stacked_terms",
    "use_course_style",
]
