"""Exercise 2.2: reconstruct from the first k principal components."""

import torch
from torch import Tensor

from course_utils.exercises import Case, Exercise, Mistake, close
from course_utils.exercises.observers import Inputs


def pca_reconstruct(x: Tensor, k: int) -> Tensor:
    """The reference: project the centred data on its first k right singular vectors."""
    mean = x.mean(0)
    directions = torch.linalg.svd(x - mean, full_matrices=False).Vh[:k]  # (k, D), orthonormal rows
    return mean + (x - mean) @ directions.T @ directions


# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _cloud(n: int, dim: int, generator: torch.Generator) -> Tensor:
    """A Gaussian cloud off the origin whose spread falls by a third from each direction to the next."""
    directions = torch.linalg.qr(torch.randn(dim, dim, generator=generator)).Q
    spread = 4 * 0.67 ** torch.arange(dim)
    centre = 3 * torch.randn(dim, generator=generator)
    return (torch.randn(n, dim, generator=generator) * spread) @ directions + centre


def three_of_ten(generator: torch.Generator) -> Inputs:
    return {"x": _cloud(60, 10, generator), "k": 3}


def one_of_six_in_float64(generator: torch.Generator) -> Inputs:
    return {"x": _cloud(40, 6, generator).double(), "k": 1}


def fewer_examples_than_dimensions(generator: torch.Generator) -> Inputs:
    return {"x": _cloud(12, 30, generator), "k": 4}


def all_of_five(generator: torch.Generator) -> Inputs:
    return {"x": _cloud(30, 5, generator), "k": 5}


# --- wrong answers that students give -------------------------------------------------------------


def _directions(centred: Tensor) -> Tensor:
    return torch.linalg.svd(centred, full_matrices=False).Vh  # (min(N, D), D)


def not_centred(x: Tensor, k: int) -> Tensor:
    directions = _directions(x)[:k]
    return x @ directions.T @ directions


def mean_not_added_back(x: Tensor, k: int) -> Tensor:
    return pca_reconstruct(x, k) - x.mean(0)


def projected_without_centring(x: Tensor, k: int) -> Tensor:
    directions = _directions(x - x.mean(0))[:k]
    return x @ directions.T @ directions


def smallest_directions(x: Tensor, k: int) -> Tensor:
    mean = x.mean(0)
    directions = _directions(x - mean)[-k:]
    return mean + (x - mean) @ directions.T @ directions


def returns_codes(x: Tensor, k: int) -> Tensor:
    centred = x - x.mean(0)
    return centred @ _directions(centred)[:k].T


def without_singular_values(x: Tensor, k: int) -> Tensor:
    mean = x.mean(0)
    u, _, vh = torch.linalg.svd(x - mean, full_matrices=False)
    return mean + u[:, :k] @ vh[:k]


def columns_for_rows(x: Tensor, k: int) -> Tensor:
    mean = x.mean(0)
    directions = torch.linalg.svd(x - mean, full_matrices=True).Vh[:, :k]  # (D, k)
    return mean + (x - mean) @ directions @ directions.T


def centred_per_example(x: Tensor, k: int) -> Tensor:
    mean = x.mean(1, keepdim=True)
    directions = _directions(x - mean)[:k]
    return mean + (x - mean) @ directions.T @ directions


def standardised(x: Tensor, k: int) -> Tensor:
    mean, std = x.mean(0), x.std(0)
    z = (x - mean) / std
    directions = _directions(z)[:k]
    return mean + std * (z @ directions.T @ directions)


# --- right answers, written independently ---------------------------------------------------------


def by_the_covariance(x: Tensor, k: int) -> Tensor:
    centred = x - x.mean(dim=0, keepdim=True)
    vectors = torch.linalg.eigh(centred.T @ centred / len(x)).eigenvectors  # ascending eigenvalues
    largest = vectors[:, -k:]
    return centred @ (largest @ largest.T) + x.mean(dim=0, keepdim=True)


def by_the_gram_matrix(x: Tensor, k: int) -> Tensor:
    centre = x.sum(0) / x.shape[0]
    examples = torch.linalg.eigh((x - centre) @ (x - centre).T).eigenvectors[:, -k:]  # (N, k)
    return centre + examples @ (examples.T @ (x - centre))


def by_a_truncated_svd(x: Tensor, k: int) -> Tensor:
    mean = x.mean(0)
    u, s, vh = torch.linalg.svd(x - mean)
    s = s.clone()
    s[k:] = 0
    return (u[:, : len(s)] * s) @ vh[: len(s)] + mean


# Both go through the squares of the data in float32; the clouds have a spread of about 4.
_TOLERANCE = close(rtol=1e-3, atol=5e-3)

exercise = Exercise(
    id="pca_reconstruct",
    lecture=2,
    position=2,
    title="Through k numbers and back, linearly",
    points=3,
    minutes=12,
    difficulty=2,
    reference=pca_reconstruct,
    cases=(
        Case("60 points in 10 dimensions, k = 3", three_of_ten, compare=_TOLERANCE),
        Case("40 points in 6 dimensions in float64, k = 1", one_of_six_in_float64, compare=_TOLERANCE),
        Case("fewer points than dimensions", fewer_examples_than_dimensions, compare=_TOLERANCE),
        Case(
            "with k = D nothing is lost",
            all_of_five,
            compare=_TOLERANCE,
            expected=lambda inputs: {"result": inputs["x"]},
        ),
    ),
    mistakes=(
        Mistake(
            "not_centred",
            "The mean is never subtracted: the first direction then points from the origin to the cloud, "
            "and not along it. Centre first, and add the mean back at the end.",
            not_centred,
        ),
        Mistake(
            "mean_not_added_back",
            "This reconstructs the centred data. Add the mean back, so that x_hat lies where x lies.",
            mean_not_added_back,
        ),
        Mistake(
            "projected_without_centring",
            "The directions are right, but x is projected without its mean subtracted: "
            "what the mean has outside the k directions is lost.",
            projected_without_centring,
        ),
        Mistake(
            "smallest",
            "These are the k directions of *least* variance. svd sorts from large to small, eigh from "
            "small to large.",
            smallest_directions,
        ),
        Mistake(
            "codes",
            "This returns the codes, shape (N, k). Map them back with the same directions and add the mean.",
            returns_codes,
        ),
        Mistake(
            "without_singular_values",
            "The singular values are missing: U's columns have length 1, so every direction gets the "
            "same spread. "
            "Use U * S, or project x itself on the directions.",
            without_singular_values,
        ),
        Mistake(
            "columns_for_rows",
            "svd returns V transposed: the directions are the first k *rows* of Vh, and these are its "
            "columns.",
            columns_for_rows,
        ),
        Mistake(
            "centred_per_example",
            "The mean is taken over the dimensions of each example. It is the mean example that has to "
            "go: x.mean(0), shape (D,).",
            centred_per_example,
        ),
        Mistake(
            "standardised",
            "Each column is divided by its standard deviation, which changes the question: PCA minimises "
            "the squared "
            "error in the units of the data. Centre only.",
            standardised,
        ),
    ),
    accepted=(by_the_covariance, by_the_gram_matrix, by_a_truncated_svd),
    hints=(
        "Three steps: move the cloud to the origin, drop everything outside the best k directions, move "
        "it back.",
        "`torch.linalg.svd(centred, full_matrices=False).Vh` holds the directions in its rows, the most "
        "important first.",
        "With directions W of shape (k, D), the codes are `centred @ W.T`, and `codes @ W` takes them "
        "back to D dimensions.",
    ),
)
