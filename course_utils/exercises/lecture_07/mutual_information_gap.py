"""Exercise 7.6: the mutual information gap."""

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import one_hot

from course_utils.exercises import Case, Exercise, Mistake, close
from course_utils.exercises.lecture_07 import observers
from course_utils.exercises.observers import Inputs
from course_utils.metrics import mutual_information_gap as by_the_library

# --- the reference, in parts from which the wrong answers are made too ----------------------------


def _binned(codes: Tensor, bins: int) -> Tensor:
    """Equal-width bins between each code's minimum and maximum: (N, D) int64."""
    low, high = codes.min(0).values, codes.max(0).values
    width = torch.where(high > low, high - low, 1)  # a constant code sits in its first bin
    return ((codes - low) / width * bins).long().clamp(max=bins - 1)


def _levels(factors: Tensor) -> list[Tensor]:
    return [column.unique(return_inverse=True)[1] for column in factors.T]


def _entropy(p: Tensor, dim: int | tuple[int, ...]) -> Tensor:
    return -torch.xlogy(p, p).sum(dim)


def _joint(binned: Tensor, level: Tensor) -> Tensor:
    """How often bin and level occur together: (D, bins, levels), each table summing to 1."""
    rows = one_hot(binned).double()  # (N, D, bins)
    return torch.einsum("ndb,nl->dbl", rows, one_hot(level).double()) / len(level)


def _table(binned: Tensor, levels: list[Tensor]) -> Tensor:
    """I(z_j; v_k), in nats: (F, D)."""
    joints = [_joint(binned, level) for level in levels]
    return torch.stack([_entropy(p.sum(2), 1) + _entropy(p.sum(1), 1) - _entropy(p, (1, 2)) for p in joints])


def _entropies(levels: list[Tensor]) -> Tensor:
    return torch.stack([_entropy(one_hot(level).double().mean(0), 0) for level in levels])


def _shares(binned: Tensor, levels: list[Tensor]) -> Tensor:
    return _table(binned, levels) / _entropies(levels)[:, None]


def _gap(shares: Tensor) -> float:
    best = shares.topk(2, dim=1).values
    return (best[:, 0] - best[:, 1]).mean().item()


def mutual_information_gap(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    """The reference, from one table of counts per factor."""
    return _gap(_shares(_binned(codes, bins), _levels(factors)))


# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _off_the_edges(codes: Tensor, bins: int) -> Tensor:
    """Move codes from the edges of their bins, where rounding decides; minimum and maximum stay."""
    low, high = codes.min(0).values, codes.max(0).values
    place = (codes - low) / (high - low) * bins
    inside = place.floor().clamp(max=bins - 1) + 0.1 + 0.8 * (place - place.floor())
    inside = torch.where((place == 0) | (place == bins), place, inside)
    return low + inside / bins * (high - low)


def _with_full_ends(codes: Tensor, bins: int, generator: Generator) -> Tensor:
    """A tenth of each code lies in its first bin and a tenth in its last, so that it shows who is left out."""
    low, high = codes.quantile(0.1, 0), codes.quantile(0.9, 0)
    jitter = 0.4 / bins * torch.rand(codes.shape, generator=generator, dtype=codes.dtype) * (high - low)
    return torch.where(codes < low, low + jitter, torch.where(codes > high, high - jitter, codes))


def _labelled(
    n: int, bins: int, generator: Generator, *, dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """Three factors with 2, 4 and 3 levels of unequal weight, in five codes: sharp, split, mixed and noise."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    def factor(levels: list[float], weights: list[float]) -> Tensor:
        drawn = torch.multinomial(torch.tensor(weights), n, replacement=True, generator=generator)
        return torch.tensor(levels, dtype=torch.float64)[drawn]

    a = factor([0.25, 0.5], [0.75, 0.25])
    b = factor([0.0, 0.3, 0.6, 0.9], [0.5, 0.2, 0.2, 0.1])
    c = factor([-1.0, 2.0, 7.0], [0.6, 0.2, 0.2])
    noise = 0.25 * normal(5, n)
    codes = [
        40 * a + 8 * noise[0],
        b + 0.6 * noise[1],
        b - 0.2 * c + noise[2],
        c + 2 * noise[3],
        3 * noise[4],
    ]
    # a long tail in one code: equal widths are not equal counts
    table = torch.stack(codes, 1)
    table[:, 3] = table[:, 3] + (table[:, 3] / 4).exp()
    table = _off_the_edges(_with_full_ends(table, bins, generator), bins)
    return {"codes": table.to(dtype), "factors": torch.stack([a, b, c], 1).to(dtype)}


def three_factors_in_five_codes(generator: Generator) -> Inputs:
    return _labelled(120, 20, generator) | {"bins": 20}


def a_code_that_never_moves(generator: Generator) -> Inputs:
    inputs = _labelled(100, 20, generator)
    dead = torch.full((100, 1), 0.7)
    codes = torch.cat([inputs["codes"][:, :2], dead, inputs["codes"][:, 2:]], 1)
    return {"codes": codes, "factors": inputs["factors"], "bins": 20}


def one_factor_in_float64(generator: Generator) -> Inputs:
    inputs = _labelled(120, 12, generator, dtype=torch.float64)
    return {"codes": inputs["codes"][:, 1:4], "factors": inputs["factors"][:, 1:2], "bins": 12}


def _perfect(generator: Generator) -> Inputs:
    """One code for each factor and one that never moves: the gap is 1."""
    factors = torch.cartesian_prod(torch.arange(3.0), torch.arange(4.0), torch.tensor([0.25, 0.5]))
    codes = factors * torch.tensor([1.0, -0.3, 20.0]) + 0.2
    codes = codes[:, torch.randperm(3, generator=generator)]
    return {"codes": torch.cat([codes, torch.ones(len(codes), 1)], 1), "factors": factors, "bins": 20}


def _one(_: Inputs) -> dict[str, Tensor]:
    return {"result": torch.tensor(1.0, dtype=torch.float64)}


# --- wrong answers that students give -------------------------------------------------------------


def in_nats(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    return _gap(_table(_binned(codes, bins), _levels(factors)))


def over_the_log_of_the_levels(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    levels = _levels(factors)
    sizes = torch.tensor([float(v.max() + 1) for v in levels]).log()
    return _gap(_table(_binned(codes, bins), levels) / sizes[:, None])


def over_the_entropy_of_the_code(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    binned = _binned(codes, bins)
    return _gap(_table(binned, _levels(factors)) / _entropies(list(binned.T)).clamp(min=1e-9))


def over_the_mean_entropy(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    levels = _levels(factors)
    return _gap(_table(_binned(codes, bins), levels) / _entropies(levels).mean())


def best_alone(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    return _shares(_binned(codes, bins), _levels(factors)).amax(1).mean().item()


def best_less_worst(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    shares = _shares(_binned(codes, bins), _levels(factors))
    return (shares.amax(1) - shares.amin(1)).mean().item()


def best_less_mean(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    shares = _shares(_binned(codes, bins), _levels(factors))
    return (shares.amax(1) - shares.mean(1)).mean().item()


def gap_of_each_code(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    shares = _shares(_binned(codes, bins), _levels(factors))
    if len(shares) < 2:
        return float(shares.amax(0).mean())
    return _gap(shares.T)


def summed_over_factors(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    return factors.shape[1] * mutual_information_gap(codes, factors, bins)


def one_per_factor(codes: Tensor, factors: Tensor, bins: int = 20) -> Tensor:
    best = _shares(_binned(codes, bins), _levels(factors)).topk(2, dim=1).values
    return best[:, 0] - best[:, 1]


def second_less_best(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    return -mutual_information_gap(codes, factors, bins)


def levels_cut_to_whole_numbers(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    levels = _levels(factors.long())
    return _gap(_table(_binned(codes, bins), levels) / _entropies(levels).clamp(min=1e-9)[:, None])


def common_bins(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    low, high = codes.min(), codes.max()
    binned = ((codes - low) / (high - low) * bins).long().clamp(max=bins - 1)
    return _gap(_shares(binned, _levels(factors)))


def equal_counts(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    return _gap(_shares(codes.argsort(0).argsort(0) * bins // len(codes), _levels(factors)))


def always_twenty_bins(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    return mutual_information_gap(codes, factors)


def maximum_in_a_bin_of_its_own(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    low, high = codes.min(0).values, codes.max(0).values
    width = torch.where(high > low, high - low, 1)
    return _gap(_shares(((codes - low) / width * bins).long(), _levels(factors)))


def minimum_in_a_bin_of_its_own(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    binned = [
        torch.bucketize(c, torch.linspace(c.min().item(), c.max().item(), bins + 1, dtype=c.dtype))
        for c in codes.T
    ]
    return _gap(_shares(torch.stack(binned, 1), _levels(factors)))


def constant_code_undefined(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    low, high = codes.min(0).values, codes.max(0).values
    place = (codes - low) / (high - low) * bins
    shares = _shares(place.nan_to_num(0).long().clamp(max=bins - 1), _levels(factors))
    shares[:, place.isnan().any(0)] = torch.nan
    return _gap(shares)


def zero_times_the_log_of_zero(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    levels = _levels(factors)
    joints = [_joint(_binned(codes, bins), level) for level in levels]
    table = [(p * (p / (p.sum(2, keepdim=True) * p.sum(1, keepdim=True))).log()).sum((1, 2)) for p in joints]
    return _gap(torch.stack(table) / _entropies(levels)[:, None])


def squared_correlation(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    joint = torch.cat([factors, codes], 1).T.double()
    centred = joint - joint.mean(1, keepdim=True)
    unit = centred / centred.norm(dim=1, keepdim=True).clamp(min=1e-9)
    n = factors.shape[1]
    return _gap((unit @ unit.T)[:n, n:].square())


def joint_entropy_instead(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    binned, levels = _binned(codes, bins), _levels(factors)
    joint = [_entropy(_joint(binned, level), (1, 2)) for level in levels]
    return _gap(torch.stack(joint) / _entropies(levels)[:, None])


def in_place(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    codes -= codes.min(0).values
    return mutual_information_gap(codes, factors, bins)


# --- right answers, written independently ---------------------------------------------------------


def by_numpy(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    gaps = []
    for v in factors.numpy().T:
        information = []
        for z in codes.numpy().T:
            counts = np.stack(
                [np.histogram(z[v == level], bins, (z.min(), z.max()))[0] for level in np.unique(v)]
            )
            p = counts / counts.sum()
            q = p.sum(1, keepdims=True) * p.sum(0)
            information.append((p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum())
        weights = np.unique(v, return_counts=True)[1] / len(v)
        second, first = np.sort(information)[-2:]
        gaps.append((first - second) / -(weights * np.log(weights)).sum())
    return float(np.mean(gaps))


def in_bits_with_one_hot_tables(codes: Tensor, factors: Tensor, bins: int = 20) -> Tensor:
    low, span = codes.amin(0), codes.amax(0) - codes.amin(0)
    edges = low + span * torch.arange(1, bins).reshape(-1, 1) / bins  # inner ones (bins - 1, D)
    index = (codes[:, None, :] >= edges).sum(1) * (span > 0)  # (N, D)
    rows = one_hot(index, bins).double()  # (N, D, bins)
    total = codes.new_zeros((), dtype=torch.float64)
    for v in factors.unbind(1):
        columns = (v[:, None] == torch.unique(v)).double()  # (N, levels)
        p = torch.einsum("ndb,nl->dbl", rows, columns) / len(v)
        p_bin, p_level = p.sum(2), columns.mean(0)

        def entropy(q: Tensor) -> Tensor:
            return -torch.where(q > 0, q * q.clamp(min=1e-300).log2(), 0.0)

        information = entropy(p_bin).sum(1) + entropy(p_level).sum() - entropy(p).sum((1, 2))
        ordered = information.sort(descending=True).values / entropy(p_level).sum()
        total = total + (ordered[0] - ordered[1])
    return total / factors.shape[1]


exercise = Exercise(
    id="mutual_information_gap",
    lecture=7,
    position=6,
    title="The mutual information gap",
    points=4,
    minutes=25,
    difficulty=3,
    reference=mutual_information_gap,
    cases=(
        Case(
            "three factors in five codes",
            three_factors_in_five_codes,
            observers.one_number,
            close(rtol=1e-4, atol=2e-5),
        ),
        Case(
            "a code that never moves",
            a_code_that_never_moves,
            observers.one_number,
            close(rtol=1e-4, atol=2e-5),
        ),
        Case("one factor, float64", one_factor_in_float64, observers.one_number, close(rtol=1e-4, atol=2e-5)),
        Case("one code for each factor", _perfect, observers.one_number, expected=_one),
    ),
    mistakes=(
        Mistake(
            "in_nats",
            "The gap is in nats. Divide the mutual information by the factor's entropy, so that 1 is the most.",
            in_nats,
        ),
        Mistake(
            "over_the_log_of_the_levels",
            "You divide by the log of the number of levels, which is the entropy only if all levels are "
            "equally frequent. Take the entropy of the levels as they occur.",
            over_the_log_of_the_levels,
        ),
        Mistake(
            "over_the_entropy_of_the_code",
            "You divide by the entropy of the code. The denominator is the entropy of the factor.",
            over_the_entropy_of_the_code,
        ),
        Mistake(
            "over_the_mean_entropy",
            "All factors are divided by one entropy. Each has a denominator of its own.",
            over_the_mean_entropy,
        ),
        Mistake(
            "best_alone",
            "This is the information in the best code, without the gap: a factor that two codes share would "
            "score as high. Subtract the second best.",
            best_alone,
        ),
        Mistake(
            "best_less_worst",
            "The worst code is subtracted. The gap is to the second best.",
            best_less_worst,
        ),
        Mistake(
            "best_less_mean",
            "The mean over the codes is subtracted. The gap is to the second best.",
            best_less_mean,
        ),
        Mistake(
            "gap_of_each_code",
            "You compare factors for each code. MIG compares codes for each factor.",
            gap_of_each_code,
        ),
        Mistake("summed_over_factors", "The factors are summed. Average them.", summed_over_factors),
        Mistake("one_per_factor", "This is one gap per factor. Their mean is asked for.", one_per_factor),
        Mistake(
            "second_less_best",
            "The gap is negative: the best less the second best, not the other way round.",
            second_less_best,
        ),
        Mistake(
            "levels_cut_to_whole_numbers",
            "The factors are made integers, and levels such as 0.3 and 0.6 become one. The levels are whatever "
            "values occur: torch.unique(..., return_inverse=True) numbers them.",
            levels_cut_to_whole_numbers,
        ),
        Mistake(
            "common_bins",
            "All codes share one set of bins, so a code on a small scale falls into a few of them. Each code has "
            "bins of its own, from its minimum to its maximum.",
            common_bins,
        ),
        Mistake(
            "equal_counts",
            "Your bins hold equally many examples. Here they are equally wide.",
            equal_counts,
        ),
        Mistake("always_twenty_bins", "There are 20 bins, whatever `bins` says.", always_twenty_bins),
        Mistake(
            "maximum_in_a_bin_of_its_own",
            "The maximum of a code falls into a bin of its own, number bins + 1. It belongs to the last one.",
            maximum_in_a_bin_of_its_own,
        ),
        Mistake(
            "minimum_in_a_bin_of_its_own",
            "The minimum of a code falls into a bin of its own, below the first. It belongs to the first one "
            "(torch.bucketize counts edges that are smaller: leave the outer edges out).",
            minimum_in_a_bin_of_its_own,
        ),
        Mistake(
            "constant_code_undefined",
            "A code that never moves gives 0 / 0 here. It lies in one bin and carries no information.",
            constant_code_undefined,
        ),
        Mistake(
            "zero_times_the_log_of_zero",
            "The result is not a number: a bin and a level that never come together contribute 0 log 0, which counts "
            "as 0 and which torch and numpy make nan. torch.xlogy(p, p) knows that; or leave empty pairs out.",
            zero_times_the_log_of_zero,
        ),
        Mistake(
            "squared_correlation",
            "This compares squared correlations. They only see straight lines; mutual information sees any "
            "dependence.",
            squared_correlation,
        ),
        Mistake(
            "joint_entropy_instead",
            "This is the joint entropy. I(z; v) = H(z) + H(v) - H(z, v).",
            joint_entropy_instead,
        ),
        Mistake(
            "in_place",
            "Your answer writes into an argument: `-=` and methods that end in an underscore change the tensor "
            "that was handed in.",
            in_place,
        ),
    ),
    accepted=(by_numpy, in_bits_with_one_hot_tables, by_the_library),
    hints=(
        "Three steps: number the bins of each code and the levels of each factor; count how often each pair occurs; "
        "from the counts, the mutual information. Only then the gap.",
        "With counts p[bin, level] / N: I = sum p log(p / (p_bin p_level)), where 0 log 0 = 0 (torch.xlogy), and "
        "H = -sum p_level log p_level. `torch.bincount(bin * n_levels + level)` counts pairs.",
        "bin = floor((z - min) / (max - min) * bins), at most bins - 1. For each factor, `topk(2)` of I / H over the "
        "codes; the mean of first less second.",
    ),
)
