"""The factors of the drawn shapes are true: measured back from the images."""

import math

import pytest
import torch

from course_utils import data
from course_utils.data import shapes

TICKS = torch.arange(28) + 0.5


@pytest.fixture(scope="module")
def loaded():
    return data.load("shapes")


def centroids(images):
    mass = images.sum((1, 2, 3))
    return (images.sum((1, 2)) * TICKS).sum(1) / mass, (images.sum((1, 3)) * TICKS).sum(1) / mass


def row(shape, scale=1.0, orientation=0.0, x=0.5, y=0.5):
    return torch.tensor([[shape, scale, orientation, x, y]])


def test_centroid_follows_x_and_y(loaded):
    right, down = centroids(loaded.train_images)
    assert (right - (8 + 12 * loaded.train_factors[:, 3])).abs().max() < 0.1  # pixels
    assert (down - (8 + 12 * loaded.train_factors[:, 4])).abs().max() < 0.1


def test_area_is_the_square_of_scale_for_all_shapes_alike(loaded):
    area = loaded.train_images.sum((1, 2, 3))
    expected = (10 * loaded.train_factors[:, 1]) ** 2
    # Grey corners are approximate; the smallest squares, 25 pixels, feel it most.
    assert (area / expected - 1).abs().max() < 0.05
    for shape in range(3):
        ratio = (area / expected)[loaded.train_labels == shape].mean()
        assert ratio == pytest.approx(1, abs=0.01)


def test_label_is_the_shape(loaded):
    assert torch.equal(loaded.train_labels, loaded.train_factors[:, 0].long())
    assert loaded.class_names == ("square", "ellipse", "heart")
    assert loaded.factor_names == ("shape", "scale", "orientation", "x", "y")


@pytest.mark.parametrize("shape", [0, 1, 2])
def test_quarter_turn_of_orientation_turns_the_image_clockwise(shape):
    for orientation in (0.0, 0.3, 1.1):
        before = data.draw_shapes(row(shape, orientation=orientation))
        after = data.draw_shapes(row(shape, orientation=orientation + math.pi / 2))
        torch.testing.assert_close(after, before.rot90(-1, dims=(2, 3)), atol=1e-4, rtol=0)
        if shape != 0:
            assert (after - before).abs().max() > 0.5


@pytest.mark.parametrize("degrees", [0, 30, 60])
def test_long_axis_of_the_ellipse_points_along_its_orientation(degrees):
    image = data.draw_shapes(row(1, orientation=math.radians(degrees)))[0, 0]
    dx, dy = TICKS[None, :] - 14, TICKS[:, None] - 14
    mass = image.sum()
    xx, yy, xy = ((image * term).sum() / mass for term in (dx**2, dy**2, dx * dy))
    axis = 0.5 * math.degrees(math.atan2(2 * xy, xx - yy))
    assert axis == pytest.approx(degrees, abs=1)
    long, short = torch.linalg.eigvalsh(torch.tensor([[xx, xy], [xy, yy]])).flip(0)
    assert (long / short).sqrt() == pytest.approx(1.6, rel=0.03)


def test_heart_is_upright_and_symmetric_and_square_is_square():
    heart = data.draw_shapes(row(2))[0, 0]
    torch.testing.assert_close(heart, heart.flip(1), atol=1e-5, rtol=0)
    width = (heart > 0.5).sum(1)
    ink = width.nonzero().flatten()
    assert width[ink[-1]] <= 2  # the point, below
    assert heart[ink[0], 13] < 0.5  # the notch, above
    square = data.draw_shapes(row(0))[0, 0]
    assert (square == 1).sum() == 100
    assert square.sum() == 100


def test_every_combination_of_factors_gives_its_own_image():
    """So orientation can be read off every image; in dSprites a square after a quarter turn cannot."""
    factors = shapes.sample_factors(shapes.N_COMBINATIONS, generator=torch.Generator().manual_seed(0))
    assert len(factors.unique(dim=0)) == shapes.N_COMBINATIONS == 46080
    # One position is enough: elsewhere the same shapes stand.
    here = factors[(factors[:, 3] == 0) & (factors[:, 4] == 1)]
    seen = {image.mul(255).round().byte().numpy().tobytes() for image in data.draw_shapes(here)}
    assert len(seen) == len(here) == 180


def test_no_shape_touches_the_frame():
    corners = torch.cartesian_prod(
        torch.arange(3.0),
        torch.ones(1),
        torch.linspace(0, 1.6, 17),
        torch.tensor([0.0, 1.0]),
        torch.tensor([0.0, 1.0]),
    )
    images = data.draw_shapes(corners)
    frame = torch.ones(28, 28, dtype=torch.bool)
    frame[1:-1, 1:-1] = False
    assert images[:, 0, frame].max() < 0.5  # at most a grey fringe


def test_edges_are_anti_aliased_and_move_smoothly():
    factors = torch.cat([row(0, orientation=0.2, x=0.5 + shift / 12) for shift in torch.linspace(0, 1, 11)])
    images = data.draw_shapes(factors)
    assert ((images > 0.05) & (images < 0.95)).double().mean() > 0.02
    steps = (images[1:] - images[:-1]).abs().amax((1, 2, 3))
    assert steps.max() < 0.15  # a tenth of a pixel changes no grey value by more
    assert steps.min() > 0.05


def test_factors_are_levels_spread_evenly(loaded):
    factors = torch.cat([loaded.train_factors, loaded.test_factors])
    assert len(factors.unique(dim=0)) == len(factors) == 7000  # none twice: no test image in train
    for column, level in zip(factors.T, shapes.LEVELS, strict=True):
        values, counts = column.unique(return_counts=True)
        torch.testing.assert_close(values, level)
        expected = 7000 / len(level)
        assert ((counts - expected).abs() < 5 * expected**0.5).all()
    correlation = torch.corrcoef(factors.T) - torch.eye(5)
    assert correlation.abs().max() < 5 / 7000**0.5


def test_any_number_can_be_drawn_and_the_seed_decides():
    small = shapes.load_shapes(30, 5, seed=1)
    assert len(small.train_images) == 30
    assert len(small.test_images) == 5
    assert not torch.equal(small.train_factors, shapes.load_shapes(30, 5, seed=2).train_factors)
    many = shapes.sample_factors(2 * shapes.N_COMBINATIONS + 1, generator=torch.Generator().manual_seed(0))
    assert many.unique(dim=0, return_counts=True)[1].tolist().count(2) == shapes.N_COMBINATIONS - 1
    assert data.draw_shapes(torch.empty(0, 5)).shape == (0, 1, 28, 28)


def test_images_are_drawn_from_the_stored_factors(loaded):
    assert torch.equal(data.draw_shapes(loaded.test_factors), loaded.test_images)


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match=r"shape \(N, 5\), not \(3, 4\)"):
        data.draw_shapes(torch.zeros(3, 4))
    with pytest.raises(ValueError, match="shape factor must be 0"):
        data.draw_shapes(row(1.5))
    with pytest.raises(ValueError, match="must not be negative, but they are -1 and 5"):
        shapes.load_shapes(-1, 5)
