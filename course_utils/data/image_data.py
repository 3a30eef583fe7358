"""The one form in which every image data set is handed out."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from course_utils.runtime import CourseError

IMAGE_SHAPE = (1, 28, 28)


@dataclass(frozen=True, eq=False)
class ImageData:
    """Images in memory, split into train and test.

    Attributes:
        name: the word that :func:`course_utils.data.load` knows it by.
        train_images, test_images: (N, 1, 28, 28), float32 in [0, 1]; 0 is background, 1 is ink.
        train_labels, test_labels: (N,), int64 in 0 .. n_classes - 1.
        class_names: one name per class.
        train_factors, test_factors: (N, F) float32, the numbers the images were drawn from, or
            None where nobody knows them.
        factor_names: F names, empty without factors.

    Raises: ValueError on construction if shapes, types or ranges are not as above.
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    class_names: tuple[str, ...]
    train_factors: Tensor | None = None
    test_factors: Tensor | None = None
    factor_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for half in ("train", "test"):
            images, labels = getattr(self, f"{half}_images"), getattr(self, f"{half}_labels")
            factors = getattr(self, f"{half}_factors")
            if images.dtype != torch.float32 or images.shape[1:] != IMAGE_SHAPE:
                raise ValueError(
                    f"{half}_images must be float32 of shape (N, 1, 28, 28), "
                    f"but they are {images.dtype} of shape {tuple(images.shape)}."
                )
            if len(images) and not (images.min() >= 0 and images.max() <= 1):  # also refuses NaN
                raise ValueError(
                    f"{half}_images must lie in [0, 1], but they span [{images.min()}, {images.max()}]."
                )
            if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
                raise ValueError(
                    f"{half}_labels must be int64 of shape ({len(images)},), "
                    f"but they are {labels.dtype} of shape {tuple(labels.shape)}."
                )
            if len(labels) and not (labels.min() >= 0 and labels.max() < self.n_classes):
                raise ValueError(
                    f"{half}_labels must lie in 0 .. {self.n_classes - 1}, "
                    f"but they span {labels.min()} .. {labels.max()}."
                )
            expected = (len(images), len(self.factor_names)) if self.factor_names else None
            found = None if factors is None else tuple(factors.shape)
            if found != expected:
                raise ValueError(f"{half}_factors must have shape {expected}, but they have {found}.")

    @property
    def n_classes(self) -> int:
        """How many classes the labels count."""
        return len(self.class_names)

    def subset(self, n_train: int, n_test: int) -> "ImageData":
        """The first ``n_train`` training and ``n_test`` test examples.

        The examples were shuffled when the set was loaded, so the classes are mixed.

        Raises: CourseError if the set has fewer.
        """
        for half, n in (("training", n_train), ("test", n_test)):
            available = len(self.train_images if half == "training" else self.test_images)
            if not 0 <= n <= available:
                raise CourseError(
                    f"{self.name} has {available} {half} images, so a subset of {n} cannot be taken; "
                    f"ask for 0 to {available}."
                )
        return replace(
            self,
            train_images=self.train_images[:n_train],
            train_labels=self.train_labels[:n_train],
            train_factors=None if self.train_factors is None else self.train_factors[:n_train],
            test_images=self.test_images[:n_test],
            test_labels=self.test_labels[:n_test],
            test_factors=None if self.test_factors is None else self.test_factors[:n_test],
        )

    def __repr__(self) -> str:
        factors = f", factors {', '.join(self.factor_names)}" if self.factor_names else ""
        return (
            f"ImageData({self.name!r}: {len(self.train_images)} train + {len(self.test_images)} test "
            f"images 1x28x28 in [0, 1], {self.n_classes} classes{factors})"
        )
