"""Point clouds whose distribution is known in closed form, for everything that should be checked first."""

import math

import torch
from torch import Tensor

RING_RADIUS = 2.0
RING_STD = 0.1
GRID_SPACING = 1.0
GRID_STD = 0.05
MOONS_STD = 0.1
SPIRALS_STD = 0.05
SPIRALS_RADIUS = 2.0
SPIRALS_TURN = 3 * math.pi  # radians from the centre to the end of an arm
ROLL_ANGLES = (1.5 * math.pi, 4.5 * math.pi)
ROLL_WIDTH = 21.0

_EIGHTHS = 2 * math.pi * torch.arange(8, dtype=torch.float64) / 8
RING_CENTRES = (RING_RADIUS * torch.stack([_EIGHTHS.cos(), _EIGHTHS.sin()], dim=1)).float()  # (8, 2)
_TICKS = GRID_SPACING * torch.arange(-2.0, 3.0)
GRID_CENTRES = torch.cartesian_prod(_TICKS, _TICKS)  # (25, 2)

_CENTRES = {"ring": RING_CENTRES, "grid": GRID_CENTRES}
_STDS = {"ring": RING_STD, "grid": GRID_STD, "moons": MOONS_STD, "spirals": SPIRALS_STD}
NAMES = tuple(_STDS)


def toy2d(name: str, n: int, *, generator: torch.Generator | None) -> Tensor:
    """Draw ``n`` independent points in the plane; see :func:`toy2d_with_components` for what is drawn.

    Returns: points (n, 2), float32.

    >>> toy2d("ring", 5, generator=torch.Generator().manual_seed(0)).shape
    torch.Size([5, 2])
    """
    return toy2d_with_components(name, n, generator=generator)[0]


def toy2d_with_components(name: str, n: int, *, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    r"""Draw ``n`` points in the plane, and which part of the distribution each came from.

    ``"ring"``: 8 equally likely Gaussians at :data:`RING_CENTRES`, standard deviation 0.1.
    ``"grid"``: 25 equally likely Gaussians at :data:`GRID_CENTRES`, standard deviation 0.05.
    ``"moons"``: two half circles of radius 1 facing each other,
    :math:`\pm(\cos\theta - \tfrac12, \sin\theta - \tfrac14)` with :math:`\theta` uniform on
    :math:`[0, \pi]`, plus noise of standard deviation 0.1; the mean is exactly 0.
    ``"spirals"``: two arms :math:`\pm r (\cos\theta, \sin\theta)` with :math:`r = 2\sqrt{u}`,
    :math:`\theta = 3\pi\sqrt{u}` and :math:`u` uniform on [0, 1], plus noise of standard deviation
    0.05; the mean is exactly 0 and :math:`E\lVert x\rVert^2 = 2 + 2 \cdot 0.05^2`.

    Returns: points (n, 2) float32 and component (n,) int64 (8, 25, 2 or 2 of them).
    Raises: ValueError if the name is unknown or ``n`` is negative.
    """
    _check(name, n, NAMES)
    noise = _STDS[name] * torch.randn(n, 2, generator=generator)
    if name in _CENTRES:
        centres = _CENTRES[name]
        component = torch.randint(len(centres), (n,), generator=generator)
        return centres[component] + noise, component
    component = torch.randint(2, (n,), generator=generator)
    u = torch.rand(n, generator=generator)
    if name == "moons":
        theta = math.pi * u
        arm = torch.stack([theta.cos() - 0.5, theta.sin() - 0.25], dim=1)
    else:
        theta = SPIRALS_TURN * u.sqrt()
        arm = SPIRALS_RADIUS * u.sqrt().unsqueeze(1) * torch.stack([theta.cos(), theta.sin()], dim=1)
    return arm * (1 - 2 * component).unsqueeze(
        1
    ) + noise, component  # the second arm is the first, turned by pi


def toy2d_centres(name: str) -> Tensor:
    """The means of the Gaussians of ``"ring"``, shape (8, 2), or ``"grid"``, shape (25, 2).

    Returns: a fresh copy, to be changed freely.
    Raises: ValueError for the sets that are not mixtures of Gaussians.
    """
    _check(name, 0, tuple(_CENTRES))
    return _CENTRES[name].clone()


def swiss_roll(n: int, *, noise: float = 0.0, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    r"""Draw ``n`` points from a rolled-up rectangle in space: three coordinates, intrinsic dimension 2.

    A point is :math:`(t\cos t, h, t\sin t)` with the angle t in [1.5 pi, 4.5 pi] and the height h
    in [0, 21]. It is drawn uniformly *on the sheet*: h and the length along the roll,

    .. math:: s(t) = \int_{t_0}^{t} \sqrt{1 + \tau^2}\, d\tau
              = \tfrac12 \bigl[\tau \sqrt{1 + \tau^2} + \operatorname{asinh} \tau \bigr]_{t_0}^{t},

    are uniform, so that (s, h) are the coordinates of the sheet laid flat, which is what a
    manifold method should recover.

    Parameters: ``noise``, standard deviation of Gaussian noise added to each coordinate.
    Returns: points (n, 3) and position (n,), the length s along the roll, 0 at its inner end, in
    the units of the points (about 0 to 90); the height is ``points[:, 1]``, up to noise.
    Raises: ValueError if ``n`` or ``noise`` is negative.

    References: J. Tenenbaum, V. de Silva and J. Langford 2000, A global geometric framework for
    nonlinear dimensionality reduction, Science 290 (the data set and Isomap).
    """
    _check("swiss_roll", n, ("swiss_roll",))
    if noise < 0:
        raise ValueError(f"noise is a standard deviation and must not be negative, but it is {noise}.")

    def primitive(t: Tensor) -> Tensor:
        return 0.5 * (t * (1 + t**2).sqrt() + t.asinh())

    start, end = primitive(torch.tensor(ROLL_ANGLES, dtype=torch.float64))
    position = (end - start) * torch.rand(n, dtype=torch.float64, generator=generator)
    t = (2 * (start + position)).sqrt()  # s grows almost like t^2 / 2: a few Newton steps are exact
    for _ in range(4):
        t = t - (primitive(t) - start - position) / (1 + t**2).sqrt()
    height = ROLL_WIDTH * torch.rand(n, dtype=torch.float64, generator=generator)
    points = torch.stack([t * t.cos(), height, t * t.sin()], dim=1)
    if noise:
        points = points + noise * torch.randn(n, 3, dtype=torch.float64, generator=generator)
    return points.float(), position.float()


def _check(name: str, n: int, names: tuple[str, ...]) -> None:
    if name not in names:
        raise ValueError(f"There is no {name!r} here; choose one of {', '.join(names)}.")
    if n < 0:
        raise ValueError(f"n must not be negative, but it is {n}.")
