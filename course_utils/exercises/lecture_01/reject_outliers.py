"""Exercise 1.5: reject what is less likely than a given share of the training data."""

import torch
from torch import Tensor

from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.lecture_01.observers import boolean_value
from course_utils.exercises.observers import Inputs


def reject_outliers(log_density: Tensor, train_log_density: Tensor, quantile: float) -> Tensor:
    """The reference: below the training densities' quantile."""
    return log_density < torch.quantile(train_log_density, quantile)


# --- inputs: plain data from a seeded generator -----------------------------------------------------------------
# The training densities have a long lower tail, as log-densities do. New points lie half way between two of them and
# away from the threshold: every convention for a quantile between two examples gives the same answer.


def _spread(n_train: int, quantile: float, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Training log-densities from 0 upwards, and candidates for new points below and above their quantile."""
    gaps = torch.linspace(3, 0.2, n_train) * (0.5 + torch.rand(n_train, generator=generator))
    train = (gaps / gaps.sum()).cumsum(0) * 200  # increasing
    candidates = (train[1:] + train[:-1]) / 2
    rank = quantile * (n_train - 1)
    between = torch.arange(n_train - 1) + 0.5
    return train, candidates[between < rank - 1.5], candidates[between > rank + 1.5]


def _inputs(n: int, n_train: int, quantile: float, offset: float, generator: torch.Generator) -> Inputs:
    """Half of the new points below the threshold, evenly over the tail, and half of them anywhere above it."""
    train, below, above = _spread(n_train, quantile, generator)
    chosen = below[torch.linspace(0, len(below) - 1, n - n // 2).round().long()]
    chosen = torch.cat([chosen, above[torch.randint(len(above), (n // 2,), generator=generator)]])
    return {
        "log_density": chosen[torch.randperm(n, generator=generator)] + offset,
        "train_log_density": train[torch.randperm(n_train, generator=generator)] + offset,
        "quantile": quantile,
    }


def ordinary(generator: torch.Generator) -> Inputs:
    return _inputs(12, 1000, 0.2, -90.0, generator)


def strict_in_float64(generator: torch.Generator) -> Inputs:
    inputs = _inputs(30, 2000, 0.05, -300.0, generator)
    return {name: value.double() if isinstance(value, Tensor) else value for name, value in inputs.items()}


def one_new_point(generator: torch.Generator) -> Inputs:
    return _inputs(1, 100, 0.3, -50.0, generator)


def only_outliers(generator: torch.Generator) -> Inputs:
    train, _, _ = _spread(200, 0.05, generator)
    far = -5000 + 1000 * torch.rand(6, generator=generator)
    return {
        "log_density": far,
        "train_log_density": train[torch.randperm(200, generator=generator)],
        "quantile": 0.05,
    }


def tiny_densities(generator: torch.Generator) -> Inputs:
    return _inputs(12, 200, 0.2, -1500.0, generator)


def huge_densities(generator: torch.Generator) -> Inputs:
    return _inputs(12, 200, 0.2, 700.0, generator)


# --- wrong answers that students give ---------------------------------------------------------------------------


def kept(log_density: Tensor, train_log_density: Tensor, quantile: float) -> Tensor:
    return log_density >= torch.quantile(train_log_density, quantile)


def other_tail(log_density: Tensor, train_log_density: Tensor, quantile: float) -> Tensor:
    return log_density < torch.quantile(train_log_density, 1 - quantile)


def high_densities(log_density: Tensor, train_log_density: Tensor, quantile: float) -> Tensor:
    return log_density > torch.quantile(train_log_density, 1 - quantile)


def quantile_of_the_batch(log_density: Tensor, train_log_density: Tensor, quantile: float) -> Tensor:
    return log_density < torch.quantile(log_density, quantile)


def compared_as_densities(log_density: Tensor, train_log_density: Tensor, quantile: float) -> Tensor:
    return log_density.exp() < torch.quantile(train_log_density.exp(), quantile)


def quantile_as_threshold(log_density: Tensor, train_log_density: Tensor, quantile: float) -> Tensor:
    return log_density.exp() < quantile


def lowest_seen(log_density: Tensor, train_log_density: Tensor, quantile: float) -> Tensor:
    return log_density < train_log_density.min()


def share_of_the_range(log_density: Tensor, train_log_density: Tensor, quantile: float) -> Tensor:
    low, high = train_log_density.min(), train_log_density.max()
    return log_density < low + quantile * (high - low)


def percentile(log_density: Tensor, train_log_density: Tensor, quantile: float) -> Tensor:
    return log_density < torch.quantile(train_log_density, quantile / 100)


def as_numbers(log_density: Tensor, train_log_density: Tensor, quantile: float) -> Tensor:
    return reject_outliers(log_density, train_log_density, quantile).float()


def rejected_values(log_density: Tensor, train_log_density: Tensor, quantile: float) -> Tensor:
    return log_density[log_density < torch.quantile(train_log_density, quantile)]


# --- right answers, written independently -----------------------------------------------------------------------


def by_sorting(log_density: Tensor, train_log_density: Tensor, quantile: float) -> Tensor:
    ordered = torch.sort(train_log_density).values
    return log_density <= ordered[int(quantile * (len(ordered) - 1))]


def by_counting(log_density: Tensor, train_log_density: Tensor, quantile: float) -> Tensor:
    share_below = (train_log_density[None, :] < log_density[:, None]).double().mean(dim=1)
    return share_below < quantile


def with_kthvalue(log_density: Tensor, train_log_density: Tensor, quantile: float) -> Tensor:
    k = max(1, round(quantile * len(train_log_density)))
    return torch.lt(log_density, train_log_density.kthvalue(k).values)


exercise = Exercise(
    id="reject_outliers",
    lecture=1,
    position=5,
    title="Reject what is too unlikely",
    points=2,
    minutes=6,
    difficulty=1,
    reference=reject_outliers,
    cases=(
        Case("12 new points, quantile 0.2", ordinary, boolean_value),
        Case("30 new points in float64, quantile 0.05", strict_in_float64, boolean_value),
        Case("a single new point", one_new_point, boolean_value),
        Case("nothing but outliers", only_outliers, boolean_value),
        Case("log-densities around -1500", tiny_densities, boolean_value),
        Case("log-densities around +700", huge_densities, boolean_value),
    ),
    mistakes=(
        Mistake(
            "kept", "This marks what is kept. True stands for rejected: a density BELOW the threshold.", kept
        ),
        Mistake(
            "other_tail",
            "The threshold is the (1 - quantile) point, so nearly everything is rejected. Outliers sit in the lower "
            "tail: take the quantile itself.",
            other_tail,
        ),
        Mistake(
            "high_densities",
            "This rejects the points of highest density. An outlier is where the model expects little: low density.",
            high_densities,
        ),
        Mistake(
            "quantile_of_the_batch",
            "The threshold comes from the new points, so the same share of every batch would be rejected, good or "
            "bad. Take it from the training densities.",
            quantile_of_the_batch,
        ),
        Mistake(
            "exponentials",
            "exp() of such log-densities is 0 or infinite, and then they no longer differ. The logarithm keeps the "
            "order: compare the logarithms themselves.",
            compared_as_densities,
        ),
        Mistake(
            "quantile_as_threshold",
            "`quantile` is a share of the training data, not a density. Find the log-density below which that share "
            "lies.",
            quantile_as_threshold,
        ),
        Mistake(
            "lowest_seen",
            "The lowest training density depends on one odd example alone, and `quantile` is not used.",
            lowest_seen,
        ),
        Mistake(
            "share_of_range",
            "A quantile splits the training EXAMPLES in a given proportion; you split the range between the lowest "
            "and the highest density.",
            share_of_the_range,
        ),
        Mistake("percent", "`quantile` lies between 0 and 1 already: don't divide by 100.", percentile),
        Mistake(
            "numbers",
            "Right, but as 0.0 and 1.0. Return booleans, so that `images[rejected]` picks the rejected ones.",
            as_numbers,
        ),
        Mistake(
            "values",
            "These are the densities of the rejected points. Return one True or False for every point, shape (B,).",
            rejected_values,
        ),
    ),
    accepted=(by_sorting, by_counting, with_kthvalue),
    hints=(
        "Two steps: a threshold from the training densities, then a comparison for every new point.",
        "`torch.quantile(values, q)` gives the value below which a share q of them lies.",
        "The comparison `a < b` of a tensor with a number is the boolean tensor that is asked for.",
    ),
)
