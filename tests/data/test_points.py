"""The point clouds have the moments their closed forms say, within five standard errors."""

import math

import pytest
import torch

from course_utils import data
from course_utils.data import points as module

N = 100_000
NAMES = ("ring", "grid", "moons", "spirals")


def draw(name, n=N, seed=0):
    return data.toy2d(name, n, generator=torch.Generator().manual_seed(seed))


def assert_mean(values, expected, n_errors=5):
    """The mean of independent draws lies within n_errors of its own standard error."""
    values = values.double()
    error = values.std() / len(values) ** 0.5
    assert (values.mean() - expected).abs() < n_errors * error


@pytest.mark.parametrize("name", NAMES)
def test_mean_is_zero_and_draws_repeat(name):
    points = draw(name)
    assert points.shape == (N, 2)
    assert points.dtype == torch.float32
    assert_mean(points[:, 0], 0)
    assert_mean(points[:, 1], 0)
    assert torch.equal(points, draw(name))
    assert not torch.equal(points, draw(name, seed=1))


@pytest.mark.parametrize(
    ("name", "second_moments"),
    [
        # E xx, E yy, E xy: that of the centres (or of the curve) plus the noise's variance.
        ("ring", (2 + 0.1**2, 2 + 0.1**2, 0)),
        ("grid", (2 + 0.05**2, 2 + 0.05**2, 0)),
        ("moons", (0.75 + 0.1**2, 0.5 - 1 / math.pi + 1 / 16 + 0.1**2, 0.125 - 1 / math.pi)),
    ],
)
def test_second_moments(name, second_moments):
    x, y = draw(name).double().T
    for values, expected in zip((x * x, y * y, x * y), second_moments, strict=True):
        assert_mean(values, expected)


def test_spirals_second_and_fourth_moment_of_the_radius():
    """Without noise r^2 = 4 u; noise with variance s^2 a coordinate adds 2 s^2, and 8 s^2 r^2 + 8 s^4."""
    squared, s2 = draw("spirals").double().square().sum(1), 0.05**2
    assert_mean(squared, 2 + 2 * s2)
    assert_mean(squared**2, 16 / 3 + 8 * s2 * 2 + 8 * s2**2)


def test_spirals_lie_on_their_arms():
    points, component = data.toy2d_with_components("spirals", N, generator=torch.Generator().manual_seed(0))
    points = points.double() * (1 - 2 * component).unsqueeze(1)
    radius = points.norm(dim=1)
    wrapped = torch.atan2(points[:, 1], points[:, 0]) - 1.5 * math.pi * radius
    off = torch.atan2(wrapped.sin(), wrapped.cos()) / (1.5 * math.pi)  # to the arm, along the radius
    off = off[radius > 0.5]  # nearer to the centre the arms run into each other
    assert off.abs().max() < 0.4  # a whole turn would be 4/3, the other arm is at 2/3
    # The arm stands oblique to the radius, which stretches the noise by at most 1.09.
    assert 0.05 < off.std() < 0.05 * 1.1


@pytest.mark.parametrize(("name", "std"), [("ring", data.RING_STD), ("grid", data.GRID_STD)])
def test_mixtures_are_equally_weighted_gaussians_at_their_centres(name, std):
    centres = data.toy2d_centres(name)
    points, component = data.toy2d_with_components(name, N, generator=torch.Generator().manual_seed(0))
    counts = component.bincount(minlength=len(centres)).double()
    expected = N / len(centres)
    assert ((counts - expected).abs() < 5 * expected**0.5).all()
    noise = (points - centres[component]).double()
    assert_mean(noise[:, 0] ** 2, std**2)
    assert_mean(noise[:, 1] ** 2, std**2)
    assert_mean((noise**4).sum(1), 6 * std**4)  # a Gaussian's fourth moment is 3 sigma^4
    assert torch.equal(torch.cdist(points[:2000], centres).argmin(1), component[:2000])


def test_centres():
    ring, grid = data.toy2d_centres("ring"), data.toy2d_centres("grid")
    torch.testing.assert_close(ring.norm(dim=1), torch.full((8,), 2.0))
    gaps = (ring - ring.roll(-1, 0)).norm(dim=1)
    torch.testing.assert_close(gaps, torch.full((8,), 4 * math.sin(math.pi / 8)))
    assert grid.shape == (25, 2)
    assert set(grid.flatten().tolist()) == {-2.0, -1.0, 0.0, 1.0, 2.0}
    assert len(grid.unique(dim=0)) == 25
    ring.zero_()  # a copy: the constants stay
    assert data.RING_CENTRES.norm() > 5


def test_moons_are_half_circles_that_face_each_other():
    points, component = data.toy2d_with_components("moons", N, generator=torch.Generator().manual_seed(0))
    upper = points[component == 0].double() + torch.tensor([0.5, 0.25])
    lower = points[component == 1].double() - torch.tensor([0.5, 0.25])
    for half, sign in ((upper, 1), (lower, -1)):
        assert_mean(half.square().sum(1), 1 + 2 * 0.1**2)
        assert (sign * half[:, 1] > -0.5).all()


def test_swiss_roll_lies_on_the_roll_and_fills_the_sheet_evenly():
    points, position = data.swiss_roll(N, generator=torch.Generator().manual_seed(0))
    assert points.shape == (N, 3)
    assert position.shape == (N,)
    t = torch.hypot(points[:, 0], points[:, 2]).double()  # the radius is the angle
    assert t.min() > 1.5 * math.pi - 1e-4
    assert t.max() < 4.5 * math.pi + 1e-4
    torch.testing.assert_close(points[:, 0].double(), t * t.cos(), atol=2e-3, rtol=0)
    torch.testing.assert_close(points[:, 2].double(), t * t.sin(), atol=2e-3, rtol=0)
    # Uniform over the sheet: first two moments of length and height.
    length = 0.5 * (4.5 * math.pi * math.hypot(1, 4.5 * math.pi) + math.asinh(4.5 * math.pi))
    length -= 0.5 * (1.5 * math.pi * math.hypot(1, 1.5 * math.pi) + math.asinh(1.5 * math.pi))
    for values, end in ((position, length), (points[:, 1], 21.0)):
        assert values.min() >= 0
        assert values.max() <= end + 1e-3
        assert_mean(values, end / 2)
        assert_mean(values.double() ** 2, end**2 / 3)


def test_swiss_roll_position_is_the_length_along_the_roll():
    """Summed chords between neighbours approach the arc length: an independent route to the integral."""
    points, position = data.swiss_roll(20_000, generator=torch.Generator().manual_seed(0))
    order = position.argsort()
    curve = points[order][:, [0, 2]].double()
    chords = (curve[1:] - curve[:-1]).norm(dim=1).sum()
    assert chords == pytest.approx((position.max() - position.min()).item(), rel=1e-4)


def test_swiss_roll_noise():
    clean, position = data.swiss_roll(N, generator=torch.Generator().manual_seed(0))
    noisy, same = data.swiss_roll(N, noise=0.3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(position, same)
    for column in (noisy - clean).T:
        assert_mean(column, 0)
        assert_mean(column.double() ** 2, 0.3**2)


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="no 'rings' here; choose one of ring, grid, moons, spirals"):
        draw("rings")
    with pytest.raises(ValueError, match="n must not be negative, but it is -3"):
        draw("ring", n=-3)
    with pytest.raises(ValueError, match="choose one of ring, grid"):
        data.toy2d_centres("moons")
    with pytest.raises(ValueError, match="noise is a standard deviation"):
        data.swiss_roll(5, noise=-1, generator=None)
    with pytest.raises(ValueError, match="n must not be negative"):
        data.swiss_roll(-5, generator=None)
    for name in module.NAMES:
        assert draw(name, n=0).shape == (0, 2)
