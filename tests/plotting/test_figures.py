from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.text import Text

from course_utils import plotting
from course_utils.plotting import (
    CLASS_COLOURS,
    COLOURS,
    curves,
    density_1d,
    image_grid,
    latent_plane,
    stacked_terms,
)
from course_utils.plotting.style import STYLE


def generator():
    return torch.Generator().manual_seed(0)


def examples():
    images = torch.rand(7, 1, 28, 28, generator=generator())
    codes = torch.randn(60, 2, generator=generator())
    names = [str(i) for i in range(10)]
    x = np.linspace(-3, 3, 50)
    return {
        "image_grid": image_grid(
            images, n_columns=4, title="t", row_labels=["a", "b"], column_labels=list("wxyz")
        ),
        "latent_plane": latent_plane(codes, torch.arange(60) % 10, title="t", class_names=names),
        "curves": curves({"train": [3, 2, 1], "test": [3, 2.5, 2]}, title="t", xlabel="epoch", ylabel="nats"),
        "density_1d": density_1d(
            x, {"prior": np.exp(-(x**2) / 2)}, title="t", xlabel="z", samples=codes[:, 0]
        ),
        "stacked_terms": stacked_terms({"a": {"reconstruction": 8.0, "kl": 1.0}}, title="t"),
    }


@pytest.mark.parametrize("name", ["image_grid", "latent_plane", "curves", "density_1d", "stacked_terms"])
def test_no_text_is_below_12_points_and_no_text_is_cut_off(name):
    figure = examples()[name]
    plotting.png_bytes(figure)
    texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    assert "t" in [t.get_text() for t in texts]
    assert min(t.get_fontsize() for t in texts) >= 12
    width, height = figure.canvas.get_width_height()
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert box.x0 >= -1
        assert box.y0 >= -1
        assert box.x1 <= width + 1
        assert box.y1 <= height + 1


def test_helpers_leave_the_global_style_alone_and_use_course_style_sets_it():
    with mpl.rc_context():
        mpl.rcdefaults()
        before = dict(mpl.rcParams)
        examples()
        assert dict(mpl.rcParams) == before
        plotting.use_course_style()
        assert all(
            mpl.rcParams[key] == STYLE[key] for key in ("font.size", "axes.titlesize", "axes.axisbelow")
        )


def test_importing_plotting_does_not_start_pyplot():
    import subprocess
    import sys

    code = "import sys, course_utils.plotting; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_image_grid_puts_each_image_in_its_place_on_one_scale():
    images = torch.arange(5.0)[:, None, None] * torch.ones(5, 28, 28) / 4
    (drawn,) = image_grid(images, n_columns=3, title="t").axes[0].images
    mosaic = np.ma.filled(drawn.get_array(), np.nan)
    gap = 2
    assert mosaic.shape == (2 * 28 + gap, 3 * 28 + 2 * gap)
    assert mosaic[0, 0] == 0
    assert mosaic[27, 28 + gap] == 0.25
    assert mosaic[28 + gap, 28 + gap] == 1.0
    assert np.isnan(mosaic[-1, -1])  # the sixth place is empty
    assert drawn.get_clim() == (0, 1)


@pytest.mark.parametrize("n_columns", [2, 10])
def test_a_long_title_of_an_image_grid_is_wrapped_not_cut_off(n_columns):
    title = "Only the sum of the two terms makes a model that one can draw new images from, " * 2
    figure = image_grid(
        torch.rand(10, 28, 28), n_columns=n_columns, title=title, row_labels=["a"] * (10 // n_columns)
    )
    plotting.png_bytes(figure)
    (drawn,) = [t for t in figure.findobj(Text) if t.get_text().startswith("Only")]
    assert drawn.get_text().split() == title.split()
    box, (width, height) = drawn.get_window_extent(), figure.canvas.get_width_height()
    assert box.x1 <= width
    assert box.y1 <= height


@pytest.mark.parametrize("labels", [None, ["a row"]])
def test_a_single_row_of_images_has_no_empty_strip(labels):
    figure = image_grid(torch.rand(10, 28, 28), n_columns=10, title="t", row_labels=labels)
    plotting.png_bytes(figure)
    assert figure.get_tightbbox().height > 0.85 * figure.get_figheight()
    images = figure.axes[0].get_window_extent()
    assert images.height > 0.6 * figure.get_figheight() * figure.dpi


@pytest.mark.parametrize("shape", [(28, 28), (2, 3, 28, 28), (0, 28, 28)])
def test_image_grid_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match=r"images must have shape .*got \("):
        image_grid(torch.zeros(shape), n_columns=2, title="t")


def test_image_grid_refuses_labels_that_do_not_fit():
    with pytest.raises(ValueError, match="the grid has 2 rows, got 1 row labels"):
        image_grid(torch.zeros(4, 28, 28), n_columns=2, title="t", row_labels=["a"])


def test_latent_plane_shows_every_code_in_its_class_and_names_the_classes():
    codes, labels = torch.randn(40, 2, generator=generator()), torch.arange(40) % 3
    axes = latent_plane(codes, labels, title="t", class_names=["a", "b", "c", "never seen"]).axes[0]
    assert [len(c.get_offsets()) for c in axes.collections] == [14, 13, 13]
    np.testing.assert_allclose(axes.collections[1].get_offsets(), codes[labels == 1].numpy())
    assert mpl.colors.to_hex(axes.collections[2].get_facecolor()[0]) == CLASS_COLOURS[2]
    assert [t.get_text() for t in axes.texts] == ["a", "b", "c"]


def test_latent_plane_draws_into_axes_that_are_there():
    figure, (left, right) = plotting.new_figure(1, 2)
    labels = torch.zeros(5)
    assert latent_plane(torch.zeros(5, 2), labels, title="t", class_names=["a"], ax=right) is figure
    assert not left.collections
    assert right.collections


@pytest.mark.parametrize(
    ("codes", "labels", "n_classes", "message"),
    [
        ((4, 3), 4, 2, r"got \(4, 3\) and \(4,\)"),
        ((4, 2), 3, 2, r"got \(4, 2\) and \(3,\)"),
        ((4, 2), 4, 11, "at most 10 classes"),
    ],
)
def test_latent_plane_refuses_what_does_not_fit(codes, labels, n_classes, message):
    with pytest.raises(ValueError, match=message):
        latent_plane(torch.zeros(codes), torch.zeros(labels), title="t", class_names=["x"] * n_classes)


def test_curves_take_the_colour_of_their_concept_and_epochs_start_at_1():
    figure = curves(
        {"model": [3.0, 2.0], "other": [1.0, 1.0]}, title="t", xlabel="x", ylabel="y", colours={"other": "kl"}
    )
    model, other = figure.axes[0].lines
    assert list(model.get_xdata()) == [1, 2]
    assert all(tick == round(tick) for tick in figure.axes[0].get_xticks())
    assert (model.get_color(), other.get_color()) == (COLOURS["model"], COLOURS["kl"])
    assert model.get_linestyle() != other.get_linestyle()


def test_names_of_curves_that_end_at_the_same_place_do_not_overlap():
    figure = curves({name: [1.0, 1.0] for name in "abcd"}, title="t", xlabel="x", ylabel="y")
    figure.canvas.draw()
    boxes = sorted((t.get_window_extent() for t in figure.axes[0].texts), key=lambda box: box.y0)
    assert len(boxes) == 4
    assert all(low.y1 <= high.y0 for low, high in pairwise(boxes))


def test_curves_refuse_lengths_that_differ():
    with pytest.raises(ValueError, match=r"the curve 'a' has shape \(3,\) but x has \(2,\)"):
        curves({"a": [1, 2, 3]}, x=[1, 2], title="t", xlabel="x", ylabel="y")


def test_stacked_terms_add_up():
    axes = stacked_terms({"a": {"reconstruction": 8.0, "kl": 1.5}, "b": {"kl": 4.0}}, title="t").axes[0]
    ends = {round(p.get_y() + 0.3): p.get_x() + p.get_width() for p in axes.patches}
    assert ends == {0: 9.5, 1: 4.0}
    assert [t.get_text().strip() for t in axes.texts if t.get_color() != "white"] == ["9.5", "4"]


def test_stacked_terms_refuse_both_signs():
    with pytest.raises(ValueError, match="must have one sign"):
        stacked_terms({"a": {"elbo": -3.0, "gap": 1.0}}, title="t")
