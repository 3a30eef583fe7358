"""Redraw a figure fast: what stays is drawn once, what moves is drawn over it.

Most of the time of ``figure.canvas.draw()`` goes into ticks, their labels, titles and the layout. Those
change rarely, so they are kept as a background, and a redraw paints the data artists of each axes over it.
When a limit, a tick or a title did change, matplotlib's own ``stale`` flags and the view limits tell, and the
background is drawn anew.
"""

import io

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

__all__ = ["FastCanvas"]


class FastCanvas:
    """A figure's canvas that repaints only what can have changed.

    The picture is the one a full ``draw`` gives, pixel for pixel, as long as grid and ticks lie under the
    data (``axes.axisbelow``, part of the course's style). The layout is computed once and then kept, so that
    nothing jumps while a slider moves.
    """

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        self.canvas = FigureCanvasAgg(figure)
        if engine := figure.get_layout_engine():
            engine.execute(figure)
            figure.set_layout_engine("none")
        # 3-D axes sort their artists by depth, and subfigures hold axes of their own: both are drawn in full.
        self.in_full = bool(figure.subfigs) or any(axes.name == "3d" for axes in figure.axes)
        self.n_backgrounds = (
            0  # how often the slow part ran; a playground that redraws it always is a slow one
        )
        self._draw_background()

    def draw(self) -> np.ndarray:
        """Draw the figure as it is now.

        Returns: RGBA pixels of shape (height, width, 4), uint8, valid until the next call.
        """
        if self.in_full:
            self.canvas.draw()
            return np.asarray(self.canvas.buffer_rgba())
        if self._views() != self.views or any(artist.stale for artist in self._still()):
            self._draw_background()
        self.canvas.restore_region(self.background)
        for artist in self._moving():
            artist.draw(self.canvas.get_renderer())
        return np.asarray(self.canvas.buffer_rgba())

    def png(self) -> bytes:
        """Draw, and encode in the least time, not the least space. Returns: the bytes of a PNG file."""
        buffer = io.BytesIO()
        Image.fromarray(self.draw()).convert("RGB").save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()

    def _draw_background(self) -> None:
        moving = self._moving()
        for artist in moving:
            artist.set_animated(True)  # matplotlib's word for "leave me out of draw"
        self.canvas.draw()
        for artist in moving:
            artist.set_animated(False)
        for artist in self._still():
            artist.stale = False  # an empty title is never drawn and would stay stale for ever
        self.background = self.canvas.copy_from_bbox(self.figure.bbox)
        self.views = self._views()
        self.n_backgrounds += 1

    def _moving(self) -> list[Artist]:
        """What is painted at every redraw, lowest first: the data of each axes, then what lies over all axes."""
        axes = sorted((a for a in self.figure.axes if a.get_visible()), key=Artist.get_zorder)
        data = [
            a for one in axes for a in sorted(one.get_children(), key=Artist.get_zorder) if _moves(one, a)
        ]
        over = [
            a for a in self.figure.get_children() if not isinstance(a, Axes) and a is not self.figure.patch
        ]
        return [artist for artist in (*data, *over) if artist.get_visible()]

    def _still(self) -> list[Artist]:
        """What the background holds."""
        own = [a for axes in self.figure.axes for a in axes.get_children() if not _moves(axes, a)]
        labels = [
            a.label for a in own if isinstance(a, Axis)
        ]  # an axis does not hear of a change to its label
        return [*own, *labels, self.figure.patch]

    def _views(self) -> list[tuple]:
        """What the ticks depend on; reading ``viewLim`` also runs an autoscale that is due."""
        return [(axes.get_visible(), *axes.viewLim.bounds) for axes in self.figure.axes]


def _moves(axes: Axes, artist: Artist) -> bool:
    """Whether an artist is painted at every redraw: all but the ticks, the grid, the titles and the paper."""
    is_title = isinstance(artist, Text) and artist not in axes.texts
    return not (artist is axes.patch or isinstance(artist, Axis) or is_title)
