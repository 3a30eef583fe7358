"""Exercise 9.1: weights that show rare codes as often as common ones."""

import numpy as np
import torch
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake, close
from course_utils.exercises.observers import Arrays, Inputs
from course_utils.models import resampling_weights

# --- inputs: plain data from a seeded generator ---------------------------------------------------
# Codes keep away from the edges between bins, so that every convention for an edge counts them alike. Each dimension
# has codes on the first and on the last edge: its range is known, and the largest code asks where it belongs.


def _codes(n: int, dim: int, bins: int, generator: Generator) -> Tensor:
    columns = []
    for _ in range(dim):
        popularity = torch.rand(bins, generator=generator) ** 2 + 0.02  # common and rare bins
        index = torch.multinomial(popularity, n, replacement=True, generator=generator)
        position = index + 0.15 + 0.7 * torch.rand(n, generator=generator)
        low, high = torch.randperm(n, generator=generator)[:2]
        position[low], position[high] = 0.0, float(bins)
        start, width = (
            2 * torch.randn((), generator=generator),
            0.2 + 0.5 * torch.rand((), generator=generator),
        )
        columns.append(start - 2 + width * position)
    return torch.stack(columns, dim=1)


def three_dimensions(generator: Generator) -> Inputs:
    return {"mu": _codes(60, 3, 6, generator), "bins": 6, "alpha": 0.05}


def one_dimension_unsmoothed(generator: Generator) -> Inputs:
    return {"mu": _codes(40, 1, 5, generator).double(), "bins": 5, "alpha": 0.0}


def five_dimensions(generator: Generator) -> Inputs:
    return {"mu": _codes(200, 5, 10, generator).double(), "bins": 10, "alpha": 0.2}


def strong_smoothing(generator: Generator) -> Inputs:
    return {"mu": _codes(50, 2, 8, generator), "bins": 8, "alpha": 2.0}


def one_example(generator: Generator) -> Inputs:
    return {"mu": torch.randn(1, 4, generator=generator), "bins": 10, "alpha": 0.1}


def every_occupied_bin_alike(inputs: Inputs) -> Arrays:
    """Without smoothing, in one dimension, the codes of one bin share what any other bin gets as well."""
    codes, bins = inputs["mu"][:, 0].numpy(), inputs["bins"]
    counts, edges = np.histogram(codes, bins)
    which = np.clip(np.searchsorted(edges, codes, side="right") - 1, 0, bins - 1)
    return {"result": torch.from_numpy(1 / (counts[which] * (counts > 0).sum()))}


# --- wrong answers that students give -------------------------------------------------------------


def _index(mu: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """Bin of each code in its own dimension, (n, D), and the widths of the bins, (D,)."""
    low, high = mu.min(0).values, mu.max(0).values
    width = ((high - low) / bins).clamp_min(1e-12)
    return ((mu - low) / width).long().clamp(max=bins - 1), width


def _counts(mu: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """How many codes share the bin of each code, (n, D), and the widths of the bins, (D,)."""
    index, width = _index(mu, bins)
    columns = [torch.bincount(column, minlength=bins)[column] for column in index.T]
    return torch.stack(columns, dim=1).to(mu.dtype), width


def _density(mu: Tensor, bins: int) -> Tensor:
    counts, width = _counts(mu, bins)
    return counts / (len(mu) * width)


def _normalised(weights: Tensor) -> Tensor:
    return weights / weights.sum()


def common_preferred(mu: Tensor, bins: int, alpha: float) -> Tensor:
    return _normalised((_density(mu, bins) + alpha).prod(1))


def not_normalised(mu: Tensor, bins: int, alpha: float) -> Tensor:
    return (1 / (_density(mu, bins) + alpha)).prod(1)


def mean_of_one(mu: Tensor, bins: int, alpha: float) -> Tensor:
    weights = not_normalised(mu, bins, alpha)
    return weights / weights.mean()


def summed_over_dimensions(mu: Tensor, bins: int, alpha: float) -> Tensor:
    return _normalised((1 / (_density(mu, bins) + alpha)).sum(1))


def largest_over_dimensions(mu: Tensor, bins: int, alpha: float) -> Tensor:
    return _normalised((1 / (_density(mu, bins) + alpha)).max(1).values)


def largest_share_over_dimensions(mu: Tensor, bins: int, alpha: float) -> Tensor:
    index, _ = _index(mu, bins)
    weights = torch.zeros(len(mu), dtype=torch.float64)
    for codes, own in zip(mu.double().numpy().T, index.T, strict=True):
        smoothed = torch.from_numpy(np.histogram(codes, bins, density=True)[0]) + alpha
        weights = torch.maximum(weights, _normalised(1 / (smoothed / smoothed.sum())[own]))
    return _normalised(weights).to(mu.dtype)


def first_dimension_only(mu: Tensor, bins: int, alpha: float) -> Tensor:
    return not_normalised(mu[:, :1], bins, alpha) / not_normalised(mu[:, :1], bins, alpha).sum()


def counts_for_density(mu: Tensor, bins: int, alpha: float) -> Tensor:
    return _normalised((1 / (_counts(mu, bins)[0] + alpha)).prod(1))


def shares_for_density(mu: Tensor, bins: int, alpha: float) -> Tensor:
    return _normalised((1 / (_counts(mu, bins)[0] / len(mu) + alpha)).prod(1))


def alpha_ignored(mu: Tensor, bins: int, alpha: float) -> Tensor:
    return _normalised((1 / _density(mu, bins)).prod(1))


def alpha_outside(mu: Tensor, bins: int, alpha: float) -> Tensor:
    return _normalised((1 / _density(mu, bins) + alpha).prod(1))


def alpha_once(mu: Tensor, bins: int, alpha: float) -> Tensor:
    return _normalised(1 / (_density(mu, bins).prod(1) + alpha))


def softmax_of_the_product(mu: Tensor, bins: int, alpha: float) -> Tensor:
    return not_normalised(mu, bins, alpha).softmax(0)


def one_histogram_for_all(mu: Tensor, bins: int, alpha: float) -> Tensor:
    density = _density(mu.reshape(-1, 1), bins).reshape(mu.shape)
    return _normalised((1 / (density + alpha)).prod(1))


def joint_histogram(mu: Tensor, bins: int, alpha: float) -> Tensor:
    index, width = _index(mu, bins)
    together = (index[:, None] == index[None]).all(2).sum(1)  # codes in the same cell of the grid
    return _normalised(1 / (together / (len(mu) * width.prod()) + alpha))


def largest_in_a_bin_of_its_own(mu: Tensor, bins: int, alpha: float) -> Tensor:
    low, high = mu.min(0).values, mu.max(0).values
    width = ((high - low) / bins).clamp_min(1e-12)
    index = ((mu - low) / width + 1e-4).long().clamp(max=bins)  # the largest code: index `bins`
    columns = [torch.bincount(column, minlength=bins + 1)[column] for column in index.T]
    density = torch.stack(columns, dim=1) / (len(mu) * width)
    return _normalised((1 / (density + alpha)).prod(1))


def one_bin_too_few(mu: Tensor, bins: int, alpha: float) -> Tensor:
    return _normalised((1 / (_density(mu, bins - 1) + alpha)).prod(1))


def fixed_range(mu: Tensor, bins: int, alpha: float) -> Tensor:
    width = 6 / bins  # of a histogram between -3 and 3
    index = ((mu + 3) / width).long().clamp(0, bins - 1)
    columns = [torch.bincount(column, minlength=bins)[column] for column in index.T]
    density = torch.stack(columns, dim=1) / (len(mu) * width)
    return _normalised((1 / (density + alpha)).prod(1))


def gaussian_in_place_of_a_histogram(mu: Tensor, bins: int, alpha: float) -> Tensor:
    density = (-0.5 * mu**2).exp() / (2 * torch.pi) ** 0.5
    return _normalised((1 / (density + alpha)).prod(1))


def logarithms(mu: Tensor, bins: int, alpha: float) -> Tensor:
    return -(_density(mu, bins) + alpha).log().sum(1)


def all_alike(mu: Tensor, bins: int, alpha: float) -> Tensor:
    return torch.full((len(mu),), 1 / len(mu), dtype=mu.dtype)


# --- right answers, written independently ---------------------------------------------------------


def by_numpy(mu: Tensor, bins: int, alpha: float) -> Tensor:
    weights = np.ones(len(mu))
    for codes in mu.double().numpy().T:
        density, edges = np.histogram(codes, bins=bins, density=True)
        inner = edges[1:-1]
        weights *= 1.0 / (density[np.digitize(codes, inner)] + alpha)
    return torch.from_numpy(weights / weights.sum()).to(mu.dtype)


def by_torchs_histogram(mu: Tensor, bins: int, alpha: float) -> Tensor:
    weights = torch.ones(len(mu), dtype=mu.dtype)
    for d in range(mu.shape[1]):
        codes = mu[:, d].contiguous()
        density, edges = torch.histogram(codes, bins, density=True)
        which = torch.bucketize(codes, edges[1:-1].contiguous(), right=True)
        weights = weights / (density[which] + alpha)
    return weights / weights.sum()


def in_logarithms(mu: Tensor, bins: int, alpha: float) -> Tensor:
    if len(mu) == 1:
        return torch.ones(1, dtype=mu.dtype)
    return torch.softmax(-torch.log(_density(mu, bins) + alpha).sum(dim=1), dim=0)


_CLOSE = close(rtol=1e-3, atol=1e-7)

exercise = Exercise(
    id="resampling_weights",
    lecture=9,
    position=1,
    title="Show the rare ones more often",
    points=3,
    minutes=15,
    difficulty=2,
    reference=resampling_weights,
    cases=(
        Case("sixty codes in three dimensions", three_dimensions, compare=_CLOSE),
        Case(
            "one dimension without smoothing, in float64",
            one_dimension_unsmoothed,
            compare=_CLOSE,
            expected=every_occupied_bin_alike,
        ),
        Case("two hundred codes in five dimensions, in float64", five_dimensions, compare=_CLOSE),
        Case("strong smoothing", strong_smoothing, compare=_CLOSE),
        Case("a single example", one_example, compare=_CLOSE),
    ),
    mistakes=(
        Mistake(
            "common_preferred",
            "This shows the common codes even more often: the weight is one over the density, not the density.",
            common_preferred,
        ),
        Mistake(
            "not_normalised",
            "The weights do not sum to 1. Divide by their sum over the examples at the end.",
            not_normalised,
        ),
        Mistake(
            "mean_of_one",
            "The weights average 1 here. They shall be probabilities, and sum to 1.",
            mean_of_one,
        ),
        Mistake(
            "summed_over_dimensions",
            "The factors of the latent dimensions are added up. Multiply them.",
            summed_over_dimensions,
        ),
        Mistake(
            "largest_over_dimensions",
            "Only the rarest dimension of each example counts here (some published code does this). The product over "
            "all dimensions is asked.",
            largest_over_dimensions,
        ),
        Mistake(
            "largest_share_over_dimensions",
            "Only the rarest dimension of each example counts here, as in the code of a well-known course. The product "
            "over all dimensions is asked.",
            largest_share_over_dimensions,
        ),
        Mistake(
            "first_dimension_only",
            "Only the first latent dimension is used. Every dimension gives a factor.",
            first_dimension_only,
        ),
        Mistake(
            "counts",
            "These are counts, not densities: alpha means something else for every size of the data. Divide by the "
            "number of examples and by the width of a bin.",
            counts_for_density,
        ),
        Mistake(
            "shares",
            "Each bin holds its share of the examples here. A density is the share divided by the width of the bin, "
            "and beside alpha that makes a difference.",
            shares_for_density,
        ),
        Mistake("alpha_ignored", "alpha is not used: it is added to every density.", alpha_ignored),
        Mistake(
            "alpha_outside",
            "alpha is added after dividing. It belongs under the fraction: one over (density plus alpha).",
            alpha_outside,
        ),
        Mistake(
            "alpha_once",
            "alpha is added once, to the product of the densities. Each dimension has its own: 1 / (density + alpha), "
            "and then the product.",
            alpha_once,
        ),
        Mistake(
            "softmax",
            "A softmax of the weights exponentiates them. Divide by their sum (a softmax would be right for their "
            "logarithms).",
            softmax_of_the_product,
        ),
        Mistake(
            "one_histogram_for_all",
            "All dimensions share one histogram, over one common range. Each has its own.",
            one_histogram_for_all,
        ),
        Mistake(
            "joint_histogram",
            "The codes are counted on a grid over all dimensions at once, where nearly every cell is empty. Take a "
            "histogram of each dimension by itself.",
            joint_histogram,
        ),
        Mistake(
            "largest_code",
            "The largest code of each dimension has a bin of its own, so it looks rarer than it is. It lies on the "
            "last edge, and belongs to the last bin.",
            largest_in_a_bin_of_its_own,
        ),
        Mistake(
            "bins_minus_one",
            "There is a bin too few: `bins` bins have bins + 1 edges.",
            one_bin_too_few,
        ),
        Mistake(
            "fixed_range",
            "The histogram runs from -3 to 3, whatever the codes are. It runs from the smallest to the largest code of "
            "its dimension.",
            fixed_range,
        ),
        Mistake(
            "prior",
            "This is the density of the prior N(0, 1). How often codes come is counted from mu, by a histogram.",
            gaussian_in_place_of_a_histogram,
        ),
        Mistake(
            "logarithms",
            "These are log weights, not normalised. Exponentiate them, and divide by their sum.",
            logarithms,
        ),
        Mistake("all_alike", "All weights are the same: nothing is resampled.", all_alike),
    ),
    accepted=(by_numpy, by_torchs_histogram, in_logarithms),
    hints=(
        "One dimension at a time: how many codes share the bin of this one, and how wide is a bin?",
        "A density is count / (number of examples * width). `torch.histogram(codes, bins, density=True)` or "
        "`np.histogram` give densities and edges; `torch.bucketize` with the inner edges finds the bin of each code.",
        "Begin with weights of one, divide them by (density of the code's bin + alpha) for each dimension in turn, and "
        "divide by their sum at the end.",
    ),
    forbidden=("course_utils.models.resampling_weights",),
)
