"""Real handwritten digits that need no network: scikit-learn's embedded 8x8 set, enlarged to 28x28."""

import gzip
import importlib.util
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from course_utils.data.image_data import ImageData
from course_utils.runtime import CourseError

N_TEST_PER_CLASS = 30
SPLIT_SEED = 0

# Chosen by eye and by histogram beside real MNIST: a steeper curve frays the edges, a higher
# threshold breaks thin strokes, a lower one closes the loops of 8 and 6.
CONTRAST = 12.0
THRESHOLD = 0.6


def load_digits() -> ImageData:
    """The 1,797 digits of the UCI test set, as 28x28 images, split into 1,497 train and 300 test.

    The original 8x8 images count ink in 4x4 blocks of a 32x32 scan, 0 to 16. They are resampled
    and contrast-stretched by :func:`enlarge`. Every class has 30 test images; the split and the
    order come from a fixed seed. The file does not tell who wrote which digit, so a writer can
    appear in both halves.

    Returns: ImageData named ``"digits"``, classes ``"0"`` to ``"9"``, no factors.
    Raises: CourseError if the installed scikit-learn does not contain the file.

    References: E. Alpaydin and C. Kaynak 1998, Optical Recognition of Handwritten Digits, UCI
    Machine Learning Repository, https://doi.org/10.24432/C50P49 (CC BY 4.0).
    """
    small, labels = read_uci_digits()
    train, test = split_by_class(labels, n_test_per_class=N_TEST_PER_CLASS, seed=SPLIT_SEED)
    images = enlarge(small)
    return ImageData(
        name="digits",
        train_images=images[train],
        train_labels=labels[train],
        test_images=images[test],
        test_labels=labels[test],
        class_names=tuple("0123456789"),
    )


def read_uci_digits() -> tuple[Tensor, Tensor]:
    """The set as scikit-learn ships it.

    The file is read directly, because ``import sklearn.datasets`` takes a second and ``load_digits``
    would spend it only to read this file.

    Returns: images (1797, 8, 8) float32 in [0, 1], labels (1797,) int64, in the file's order.
    Raises: CourseError if the file is missing or not what it should be.
    """
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise CourseError(
            "The digits come with scikit-learn, which is missing; run: pip install scikit-learn"
        )
    path = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    try:
        with gzip.open(path, "rt") as file:
            table = np.loadtxt(file, delimiter=",", dtype=np.float32)
    except (OSError, EOFError, ValueError) as error:
        raise CourseError(
            f"The digits of scikit-learn cannot be read from {path}; "
            "run: pip install --force-reinstall --no-deps scikit-learn"
        ) from error
    if table.shape != (1797, 65):
        raise CourseError(
            f"{path} holds a table of shape {table.shape} where the 1797 digits should be; "
            "run: pip install --force-reinstall --no-deps scikit-learn"
        )
    return torch.from_numpy(table[:, :64] / 16).view(-1, 8, 8), torch.from_numpy(table[:, 64]).long()


def enlarge(small: Tensor) -> Tensor:
    r"""Resample 8x8 grey images to 28x28 images with MNIST's look: dark ground, white strokes, thin edges.

    Bicubic interpolation takes the 8x8 digit to 24x24 inside a border of 2 pixels. The border is
    zero *before* the interpolation, so that strokes that touch the frame end softly. Then the
    contrast is stretched by a sigmoid scaled to keep 0 at 0 and 1 at 1,

    .. math:: y = \frac{s(x) - s(0)}{s(1) - s(0)}, \qquad s(x) = \frac{1}{1 + e^{-k (x - t)}},

    with steepness :math:`k` = ``CONTRAST`` and threshold :math:`t` = ``THRESHOLD``.

    Parameters: ``small`` of shape (N, 8, 8) in [0, 1].
    Returns: shape (N, 1, 28, 28) in [0, 1].
    """
    bordered = functional.pad(small.unsqueeze(1), (1, 1, 1, 1))  # (N, 1, 10, 10)
    large = functional.interpolate(bordered, size=30, mode="bicubic", align_corners=False)
    large = large[:, :, 1:-1, 1:-1]  # 28x28: the 24x24 digit and 2 pixels on every side

    def stretch(x: Tensor) -> Tensor:
        return torch.sigmoid(CONTRAST * (x - THRESHOLD))

    low, high = stretch(torch.tensor(0.0)), stretch(torch.tensor(1.0))
    return ((stretch(large) - low) / (high - low)).clamp(0, 1)  # bicubic overshoots a little


def split_by_class(labels: Tensor, *, n_test_per_class: int, seed: int) -> tuple[Tensor, Tensor]:
    """Split indices into train and test with the same number of test examples in every class.

    Parameters: ``labels`` (N,) int64.
    Returns: train indices and test indices, both shuffled; together they are 0 .. N - 1, once each.
    """
    generator = torch.Generator().manual_seed(seed)
    is_test = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        members = (labels == label).nonzero().flatten()
        is_test[members[torch.randperm(len(members), generator=generator)[:n_test_per_class]]] = True

    def shuffled(index: Tensor) -> Tensor:
        return index[torch.randperm(len(index), generator=generator)]

    return shuffled((~is_test).nonzero().flatten()), shuffled(is_test.nonzero().flatten())


def augment(images: Tensor, n: int, *, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Make ``n`` images from fewer by small random affine maps: a larger set with the same labels.

    Each result turns one image by up to 12 degrees, scales it by 0.85 to 1.1, shears it by up to
    0.15 and moves it by up to 1.5 pixels, all uniform; small enough that a digit keeps its class.
    Every image is used ``n / len(images)`` times, rounded down or up.

    Augment the training half only: a changed copy of a test image is still that test image.

    Parameters: ``images`` (N, 1, H, W).
    Returns: images (n, 1, H, W), within the range of the given ones and 0, and index (n,) int64 of
    the image each was made from: ``labels[index]`` are their labels.
    Raises: ValueError if there is nothing to start from or ``n`` is negative.
    """
    if images.dim() != 4 or len(images) == 0:
        raise ValueError(f"images must have shape (N, 1, H, W) with N > 0, not {tuple(images.shape)}.")
    if n < 0:
        raise ValueError(f"n must not be negative, but it is {n}.")
    rounds = -(-n // len(images))
    index = torch.cat(
        [torch.randperm(len(images), generator=generator) for _ in range(rounds)]
        or [torch.empty(0, dtype=torch.long)]
    )[:n]

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=generator)

    angle = uniform(-math.pi / 15, math.pi / 15)  # 12 degrees
    scale, shear = uniform(0.85, 1.1), uniform(-0.15, 0.15)
    # grid_sample wants the map from target to source, in coordinates where the image spans [-1, 1].
    cos, sin = angle.cos() / scale, angle.sin() / scale
    right, down = (3 / size * (2 * torch.rand(n, generator=generator) - 1) for size in images.shape[:1:-1])
    affine = torch.stack([cos, shear * cos - sin, right, sin, shear * sin + cos, down], dim=1).view(
        n, 2, 3
    )  # rotation times shear, then the shift; 1.5 pixels are 3 / size
    if n == 0:
        return images[:0], index
    grid = functional.affine_grid(affine, [n, *images.shape[1:]], align_corners=False)
    return functional.grid_sample(images[index], grid, align_corners=False), index
