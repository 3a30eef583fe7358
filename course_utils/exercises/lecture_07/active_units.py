"""Exercise 7.4: how many latent dimensions a model uses."""

import torch
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake, exact
from course_utils.exercises.lecture_07 import observers
from course_utils.exercises.observers import Inputs
from course_utils.metrics import active_units

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _means(
    n: int,
    variances: list[float],
    generator: Generator,
    *,
    offset: float = 1.5,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Codes whose columns have exactly these variances (divided by n - 1), off centre and in mixed order."""
    noise = torch.randn(n, len(variances), generator=generator, dtype=torch.float64)
    unit = (noise - noise.mean(0)) / noise.std(0)
    sign = torch.where(torch.arange(len(variances)) % 2 == 0, 1.0, -1.0)
    columns = unit * torch.tensor(variances, dtype=torch.float64).sqrt() + offset * sign
    return columns[:, torch.randperm(len(variances), generator=generator)].to(dtype)


def _models(codes: list[Tensor], thresholds: list[float]) -> Inputs:
    return {f"_code {i}": code for i, code in enumerate(codes)} | {"_thresholds": thresholds}


def _some(variances: list[float], generator: Generator) -> list[float]:
    """One to three dimensions of each variance, so that no count can be known beforehand."""
    copies = torch.randint(1, 4, (len(variances),), generator=generator).tolist()
    return [variance for variance, n in zip(variances, copies, strict=True) for _ in range(n)]


# Variances well away from the threshold, and on both sides of what a slip would compare with it.
def a_hundredth(generator: Generator) -> Inputs:
    codes = [
        _means(200, _some([1.0, 0.6, 0.05, 0.003, 1e-4, 3e-5], generator), generator),
        _means(200, _some([0.8, 0.2, 0.05, 0.002, 1e-6], generator), generator, offset=0.06),
        _means(150, _some([4e-3, 2e-3, 1e-6], generator), generator),
        _means(300, _some([0.9, 1.2, 0.4], generator), generator, offset=0.3),
    ]
    return _models(codes, [0.01] * 4)


def other_thresholds(generator: Generator) -> Inputs:
    variances = [0.9, 0.3, 0.06, 0.012, 0.0025, 1e-4]
    codes = [_means(120, _some(variances, generator), generator) for _ in range(4)]
    return _models(codes, [0.5, 0.1, 0.03, 0.001])


def one_dimension(generator: Generator) -> Inputs:
    return _models([_means(50, [variance], generator) for variance in (0.5, 0.003)], [0.01] * 2)


def constant_and_float64(generator: Generator) -> Inputs:
    alive = _means(60, [0.7, 0.03, 0.001], generator, dtype=torch.float64)
    dead = torch.full((60, 2), 3.0, dtype=torch.float64)
    return _models([torch.cat([dead, alive], 1), dead], [0.01] * 2)


# --- wrong answers that students give -------------------------------------------------------------


def standard_deviations(mu: Tensor, threshold: float) -> int:
    return int((mu.std(0) > threshold).sum())


def over_the_dimensions(mu: Tensor, threshold: float) -> int:
    return int((mu.var(1, unbiased=False) > threshold).sum())


def mean_squares(mu: Tensor, threshold: float) -> int:
    return int((mu.square().mean(0) > threshold).sum())


def sizes_of_the_means(mu: Tensor, threshold: float) -> int:
    return int((mu.mean(0).abs() > threshold).sum())


def entries(mu: Tensor, threshold: float) -> int:
    return int(((mu - mu.mean(0)).square() > threshold).sum())


def sums_of_squares(mu: Tensor, threshold: float) -> int:
    return int(((mu - mu.mean(0)).square().sum(0) > threshold).sum())


def inactive(mu: Tensor, threshold: float) -> int:
    return int((mu.var(0) < threshold).sum())


def threshold_ignored(mu: Tensor, threshold: float) -> int:
    return int((mu.var(0) > 0.01).sum())


def relative_to_the_largest(mu: Tensor, threshold: float) -> int:
    variance = mu.var(0)
    return int((variance > threshold * variance.max()).sum())


def not_quite_zero(mu: Tensor, threshold: float) -> int:
    return int((mu.var(0) > 0).sum())


def a_share(mu: Tensor, threshold: float) -> float:
    return (mu.var(0) > threshold).float().mean().item()


def a_mask(mu: Tensor, threshold: float) -> Tensor:
    return mu.var(0) > threshold


def a_tensor(mu: Tensor, threshold: float) -> Tensor:
    return (mu.var(0) > threshold).sum()


def in_place(mu: Tensor, threshold: float) -> int:
    mu -= mu.mean(0)
    return int((mu.square().mean(0) > threshold).sum())


# --- right answers, written independently ---------------------------------------------------------


def by_numpy(mu: Tensor, threshold: float) -> int:
    return sum(float(column.var()) > threshold for column in mu.numpy().T)


def by_hand(mu: Tensor, threshold: float) -> int:
    centred = mu - mu.mean(dim=0, keepdim=True)
    variance = (centred * centred).sum(dim=0) / len(mu)
    return len([v for v in variance.tolist() if v > threshold])


def from_covariance(mu: Tensor, threshold: float) -> int:
    covariance = torch.cov(mu.T).reshape(mu.shape[1], mu.shape[1])
    return torch.count_nonzero(covariance.diagonal() >= threshold).item()


exercise = Exercise(
    id="active_units",
    lecture=7,
    position=4,
    title="Active units",
    points=1,
    minutes=5,
    difficulty=1,
    reference=active_units,
    cases=(
        Case("four models and a threshold of 0.01", a_hundredth, observers.counts, exact()),
        Case("other thresholds", other_thresholds, observers.counts, exact()),
        Case("a single dimension", one_dimension, observers.counts, exact()),
        Case("float64, and dimensions that never move", constant_and_float64, observers.counts, exact()),
    ),
    mistakes=(
        Mistake(
            "standard_deviations",
            "The standard deviation is compared with the threshold (or the variance with its square). Compare the "
            "variance.",
            standard_deviations,
        ),
        Mistake(
            "over_the_dimensions",
            "The variance is taken over the dimensions of each example, and examples are counted. Take it over "
            "the examples, dimension 0.",
            over_the_dimensions,
        ),
        Mistake(
            "mean_squares",
            "Mean squares are compared, not variances: a dimension that always says 1.5 tells nothing about "
            "the image. Subtract the mean.",
            mean_squares,
        ),
        Mistake(
            "sizes_of_the_means",
            "The size of mu, or of its mean over the examples, is compared. What counts is how much mu varies around "
            "its mean.",
            sizes_of_the_means,
        ),
        Mistake(
            "entries",
            "Single entries are counted, examples times dimensions. Take the variance of each dimension, and "
            "count dimensions.",
            entries,
        ),
        Mistake(
            "sums_of_squares",
            "The squared deviations are added up over the examples. The variance is their mean.",
            sums_of_squares,
        ),
        Mistake("inactive", "These are the dimensions below the threshold. Count those above.", inactive),
        Mistake(
            "threshold_ignored", "The threshold is always 0.01 here. Use the argument.", threshold_ignored
        ),
        Mistake(
            "relative_to_the_largest",
            "The threshold is taken relative to the largest variance. It is absolute.",
            relative_to_the_largest,
        ),
        Mistake(
            "not_quite_zero",
            "Every dimension that moves at all is counted. Compare the variance with the threshold.",
            not_quite_zero,
        ),
        Mistake("a_share", "This is a share, between 0 and 1. A count is asked for.", a_share),
        Mistake("a_mask", "This says for each dimension whether it is active. How many are there?", a_mask),
        Mistake(
            "not_an_int",
            "The number is right, but it is a tensor or a float. Make it an int: int(...) or .item().",
            a_tensor,
        ),
        Mistake(
            "in_place",
            "Your answer writes into mu: `-=` and methods that end in an underscore change the tensor that was "
            "handed in.",
            in_place,
        ),
    ),
    accepted=(by_numpy, by_hand, from_covariance),
    hints=(
        "A dimension is used if its posterior mean differs from image to image. Which number says how much?",
        "`mu.var(0)` is the variance of each dimension over the examples.",
        "Compare it with the threshold, count the True ones with .sum(), and make the count an int.",
    ),
)
