"""Data sets in memory: every loader returns the same :class:`ImageData`, so one word switches a notebook.

==================  =====================================================================
``digits``          1,797 real handwritten digits, embedded in scikit-learn (the default)
``shapes``          drawn shapes with known factors, in the style of dSprites
``mnist``           the real MNIST, downloaded once or read from ``COURSE_DATA_DIR``
``fashion_mnist``   the real Fashion-MNIST, likewise
==================  =====================================================================

Points in the plane (:func:`toy2d`) and in space (:func:`swiss_roll`) have no train or test half:
draw as many as you like.
"""

import os
from collections.abc import Callable

from course_utils.data.digits import augment, load_digits
from course_utils.data.image_data import ImageData
from course_utils.data.points import (
    GRID_CENTRES,
    GRID_STD,
    RING_CENTRES,
    RING_STD,
    swiss_roll,
    toy2d,
    toy2d_centres,
    toy2d_with_components,
)
from course_utils.data.shapes import draw_shapes, few_shapes, load_shapes
from course_utils.data.torchvision_sets import load_torchvision_set
from course_utils.runtime import CourseError

__all__ = [
    "DATASETS",
    "GRID_CENTRES",
    "GRID_STD",
    "RING_CENTRES",
    "RING_STD",
    "ImageData",
    "augment",
    "draw_shapes",
    "few_shapes",
    "load",
    "swiss_roll",
    "toy2d",
    "toy2d_centres",
    "toy2d_with_components",
]

DATASET_VARIABLE = "COURSE_DATASET"

_LOADERS: dict[str, Callable[[], ImageData]] = {
    "digits": load_digits,
    "shapes": load_shapes,
    "mnist": lambda: load_torchvision_set("mnist"),
    "fashion_mnist": lambda: load_torchvision_set("fashion_mnist"),
}

DATASETS = tuple(_LOADERS)


def load(name: str | None = None) -> ImageData:
    """Load a data set by name.

    Parameters: ``name``, one of :data:`DATASETS`; without it the environment variable
    ``COURSE_DATASET`` chooses, and without that it is ``"digits"``.
    Returns: an :class:`ImageData` with images (N, 1, 28, 28), float32 in [0, 1], shuffled with a
    fixed seed: the same on every call.
    Raises: CourseError, one sentence that says what to do, if the name is unknown or the data
    cannot be had.

    >>> load("digits").train_images.shape
    torch.Size([1497, 1, 28, 28])
    """
    wanted = name if name is not None else os.environ.get(DATASET_VARIABLE) or "digits"
    key = wanted.strip().lower().replace("-", "_") if isinstance(wanted, str) else wanted
    if key not in _LOADERS:
        source = f" (from {DATASET_VARIABLE})" if name is None else ""
        raise CourseError(f"There is no data set {wanted!r}{source}; choose one of {', '.join(DATASETS)}.")
    return _LOADERS[key]()
