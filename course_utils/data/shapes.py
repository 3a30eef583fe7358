"""Shapes drawn from known factors, in the style of dSprites: the test bench for disentanglement."""

import math

import torch
from torch import Tensor

from course_utils.data.image_data import ImageData

SHAPES = ("square", "ellipse", "heart")
FACTOR_NAMES = ("shape", "scale", "orientation", "x", "y")

# A quarter turn, ends excluded: after it a square looks the same again, and two factor vectors
# would give one image. dSprites turns all shapes by 360 degrees and so has images whose
# orientation nobody can tell.
LEVELS = (
    torch.arange(3.0),
    torch.linspace(0.5, 1.0, 6),
    math.pi / 2 * torch.arange(10) / 10,
    torch.linspace(0.0, 1.0, 16),
    torch.linspace(0.0, 1.0, 16),
)
N_COMBINATIONS = math.prod(len(level) for level in LEVELS)

FULL_SIDE = 10.0  # pixels: side of the square at scale 1; the others have the same area
MARGIN = 8.0  # pixels from the frame to the outermost centres, so that every shape fits
_CHUNK = 2000  # images drawn at once, to keep the memory small


def load_shapes(n_train: int = 6000, n_test: int = 1000, *, seed: int = 0) -> ImageData:
    """Shapes with the five factors they were drawn from; the label is the shape.

    Factors are drawn uniformly from the 3 x 6 x 10 x 16 x 16 = 46,080 combinations of
    :data:`LEVELS`, without repetition as long as there are enough of them.

    Returns: ImageData named ``"shapes"``, three classes, factors (N, 5): shape 0 to 2, scale 0.5 to
    1, orientation 0 to 0.45 pi in radians, x and y 0 to 1. See :func:`draw_shapes`.
    Raises: ValueError if a count is negative.

    References: L. Matthey, I. Higgins, D. Hassabis and A. Lerchner 2017, dSprites: disentanglement
    testing sprites, https://github.com/google-deepmind/dsprites-dataset (the idea; these images
    are drawn here).
    """
    if min(n_train, n_test) < 0:
        raise ValueError(f"Counts must not be negative, but they are {n_train} and {n_test}.")
    factors = sample_factors(n_train + n_test, generator=torch.Generator().manual_seed(seed))
    images = draw_shapes(factors)
    labels = factors[:, 0].long()
    return ImageData(
        name="shapes",
        train_images=images[:n_train],
        train_labels=labels[:n_train],
        train_factors=factors[:n_train],
        test_images=images[n_train:],
        test_labels=labels[n_train:],
        test_factors=factors[n_train:],
        class_names=SHAPES,
        factor_names=FACTOR_NAMES,
    )


def sample_factors(n: int, *, generator: torch.Generator | None) -> Tensor:
    """Draw ``n`` of the 46,080 factor combinations, each once before any comes again.

    Returns: (n, 5) float32 in the units of :func:`draw_shapes`.
    """
    rounds = -(-n // N_COMBINATIONS)
    orders = [torch.randperm(N_COMBINATIONS, generator=generator) for _ in range(rounds)]
    code = torch.cat([torch.empty(0, dtype=torch.long), *orders])[:n]
    columns = []
    for level in reversed(LEVELS):  # the code is a number in mixed radix, y its last digit
        columns.append(level[code % len(level)])
        code = code // len(level)
    return torch.stack(columns[::-1], dim=1)


def few_shapes() -> tuple[Tensor, Tensor]:
    """All 256 combinations of three factors, on 12 x 12 pixels: small enough to train thirty models in seconds.

    Ellipses that lie flat, of 4 scales at 8 x 8 places, cut to the middle 24 x 24 pixels and averaged over
    2 x 2. The places span 9.6 pixels from left to right and 6 from top to bottom (before averaging).

    Returns: images (256, 1, 12, 12) float32 in [0, 1] and their factors (256, 3): scale 0.5 to 1, x 0.1 to
    0.9, y 0.25 to 0.75, in the units of :func:`draw_shapes`; no shuffling, y runs fastest.
    """
    shape, orientation = torch.tensor([1.0]), torch.tensor([0.0])
    scale, x, y = torch.linspace(0.5, 1, 4), torch.linspace(0.1, 0.9, 8), torch.linspace(0.25, 0.75, 8)
    factors = torch.cartesian_prod(shape, scale, orientation, x, y)
    images = torch.nn.functional.avg_pool2d(draw_shapes(factors)[:, :, 2:26, 2:26], 2)
    return images, factors[:, [1, 3, 4]]


def draw_shapes(factors: Tensor) -> Tensor:
    r"""Draw one white shape on black per row of ``factors``.

    The grey value of a pixel is the part of it that the shape covers, approximated from the signed
    distance d in pixels between its centre and the outline as :math:`\tfrac12 - d`, cut to [0, 1].

    Parameters: ``factors`` (N, 5), any real values in these ranges, not only :data:`LEVELS`:
        shape: 0 square, 1 ellipse (axes 1.6 : 1), 2 heart (a square with two half discs);
        scale: 0.5 to 1; the area is (10 scale)^2 pixels, for all shapes alike;
        orientation: radians, clockwise on the screen;
        x, y: position of the centroid; 0 is 8 pixels from the left or the top, 1 as far from the
        right or the bottom.
    Returns: (N, 1, 28, 28) float32 in [0, 1].
    Raises: ValueError if there are not five columns or the shape is not 0, 1 or 2.
    """
    if factors.dim() != 2 or factors.shape[1] != len(FACTOR_NAMES):
        raise ValueError(f"factors must have shape (N, 5), not {tuple(factors.shape)}.")
    if not torch.isin(factors[:, 0], LEVELS[0].to(factors)).all():
        raise ValueError("the shape factor must be 0 (square), 1 (ellipse) or 2 (heart).")
    chunks = [_draw(chunk) for chunk in factors.float().split(_CHUNK)]
    return torch.cat(chunks) if chunks else torch.empty(0, 1, 28, 28)


def _draw(factors: Tensor) -> Tensor:
    shape, scale, orientation, x, y = (column[:, None, None] for column in factors.T)  # each (N, 1, 1)
    side = FULL_SIDE * scale
    ticks = torch.arange(28) + 0.5  # pixel centres
    dx = ticks[None, None, :] - (MARGIN + (28 - 2 * MARGIN) * x)
    dy = ticks[None, :, None] - (MARGIN + (28 - 2 * MARGIN) * y)
    # Coordinates in the frame of the shape, u to its right and v downwards.
    u = orientation.cos() * dx + orientation.sin() * dy
    v = orientation.cos() * dy - orientation.sin() * dx
    distance = torch.empty(len(factors), 28, 28)
    for index, outline in enumerate((_square, _ellipse, _heart)):
        rows = shape.flatten() == index
        distance[rows] = outline(u[rows], v[rows], side[rows])
    return (0.5 - distance).clamp(0, 1).unsqueeze(1)


# Signed distance to an outline in pixels, negative inside, for shapes of area side^2 centred on
# their centroid. It has to be right only within a pixel of the outline.


def _square(u: Tensor, v: Tensor, side: Tensor) -> Tensor:
    qu, qv = u.abs() - side / 2, v.abs() - side / 2
    outside = torch.hypot(qu.clamp(min=0), qv.clamp(min=0))
    return outside + torch.maximum(qu, qv).clamp(max=0)


def _ellipse(u: Tensor, v: Tensor, side: Tensor) -> Tensor:
    a = side * math.sqrt(1.6 / math.pi)  # pi a b = side^2 with a = 1.6 b
    b = a / 1.6
    # First order: f / |grad f| for f = sqrt((u/a)^2 + (v/b)^2) - 1.
    radius = torch.hypot(u / a, v / b)
    slope = torch.hypot(u / a**2, v / b**2) / radius.clamp(min=1e-6)
    return (radius - 1) / slope.clamp(min=1e-6)


def _heart(u: Tensor, v: Tensor, side: Tensor) -> Tensor:
    # A square of half side a standing on its corner, with half discs of radius a on its two upper
    # sides: area (4 + pi) a^2. The half discs lift the centroid above the square's centre.
    a = side / math.sqrt(4 + math.pi)
    lift = a * (math.pi + 4 / 3) / (math.sqrt(2) * (4 + math.pi))
    v = v - lift
    p, q = (u - v) / math.sqrt(2), (-u - v) / math.sqrt(2)  # along the upper right and upper left normal
    right, left = torch.hypot(p - a, q) - a, torch.hypot(p, q - a) - a
    return torch.minimum(_square(p, q, 2 * a), torch.minimum(right, left))
