"""How two observations of the same quantity are compared: what was seen against what was wanted.

A comparison is symmetric in its use: the judge holds an answer's observation against the
reference's ("is it right?") and against each known mistake's ("is it *this* mistake?").
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Comparison = Callable[[Tensor, Tensor], str | None]
"""``compare(seen, wanted)`` gives None where they agree, else one clause that says how they differ."""


def close(rtol: float = 1e-3, atol: float = 1e-5) -> Comparison:
    """Agree element by element: ``|seen - wanted| <= atol + rtol * |wanted|``, infinities and NaNs in the same places.

    The defaults are what float32 can meet after a few hundred additions.
    """

    def compare(seen: Tensor, wanted: Tensor) -> str | None:
        if seen.shape != wanted.shape:
            return f"the shape should be {tuple(wanted.shape)} and is {tuple(seen.shape)}"
        if wanted.dtype == torch.bool or seen.dtype == torch.bool:
            return (
                None
                if torch.equal(seen.bool(), wanted.bool())
                else _first_difference(seen, wanted, seen != wanted)
            )
        seen, wanted = seen.double(), wanted.double()
        differs = ~torch.isclose(seen, wanted, rtol=rtol, atol=atol, equal_nan=True)
        return _first_difference(seen, wanted, differs) if differs.any() else None

    return compare


def exact() -> Comparison:
    """Agree to the last bit of what they say: for counts, labels, sets and booleans."""
    return close(rtol=0.0, atol=0.0)


def same_mean(n_standard_errors: float = 5.0) -> Comparison:
    """The means over dimension 0 (independent repeats) agree within ``n_standard_errors`` standard errors.

    ``wanted`` with a single row is a closed form without an error of its own. At 5 standard errors a
    right answer is refused about once in two million comparisons.
    """

    def compare(seen: Tensor, wanted: Tensor) -> str | None:
        if clause := _shapes_differ(seen, wanted):
            return clause
        seen, wanted = seen.double(), wanted.double()
        error = torch.sqrt(_squared_standard_error(seen) + _squared_standard_error(wanted))
        gap = (seen.mean(0) - wanted.mean(0)).abs()
        # 1e-6 of the scale: rounding, for answers with no spread at all.
        differs = ~(gap <= n_standard_errors * error + 1e-6 * (1 + wanted.mean(0).abs()))
        if not differs.any():
            return None
        return "on average over repeats, " + _first_difference(seen.mean(0), wanted.mean(0), differs)

    return compare


def same_spread(n_standard_errors: float = 6.0) -> Comparison:
    """The standard deviations over dimension 0 (independent repeats) agree within their standard errors."""

    def compare(seen: Tensor, wanted: Tensor) -> str | None:
        if clause := _shapes_differ(seen, wanted):
            return clause
        seen, wanted = seen.double(), wanted.double()
        spread_seen, spread_wanted = seen.std(0), wanted.std(0)
        error = torch.hypot(standard_error_of_log_std(seen), standard_error_of_log_std(wanted))
        gap = (spread_seen.clamp_min(1e-12).log() - spread_wanted.clamp_min(1e-12).log()).abs()
        tiny = (spread_seen < 1e-6) & (spread_wanted < 1e-6)
        differs = ~((gap <= n_standard_errors * error) | tiny)
        if not differs.any():
            return None
        return "the standard deviation over repeats: " + _first_difference(
            spread_seen, spread_wanted, differs
        )

    return compare


def same_law(n_standard_errors: float = 6.0) -> Comparison:
    """Same mean and same spread over dimension 0 (independent repeats)."""
    mean, spread = same_mean(n_standard_errors), same_spread(n_standard_errors)
    return lambda seen, wanted: mean(seen, wanted) or spread(seen, wanted)


def at_most(slack: float = 1.0) -> Comparison:
    """``seen`` is finite and not larger than ``slack`` times ``wanted``: for variances and losses after training."""

    def compare(seen: Tensor, wanted: Tensor) -> str | None:
        if seen.shape != wanted.shape:
            return f"the shape should be {tuple(wanted.shape)} and is {tuple(seen.shape)}"
        differs = ~(seen.double() <= slack * wanted.double())
        if not differs.any():
            return None
        bound = slack * wanted.double()
        return _first_difference(seen, bound, differs).replace("should be", "should be at most")

    return compare


def same_first_error(truth: Tensor) -> Comparison:
    """For answers that mark statements as wrong, (n,) booleans: right, or alike where they first go wrong.

    Held against ``truth``: equal or not, without saying where. A known mistake in a single place stands for every
    answer whose first wrong place is that one, so that a few sentences, each about one statement, meet all 2^n - 1
    wrong answers and none gives the others away. A known mistake in several places stands for itself alone.
    """

    def compare(seen: Tensor, wanted: Tensor) -> str | None:
        clause = "these are not the wrong ones, or not all of them"
        if seen.shape != truth.shape:
            return clause
        if (wanted != truth).sum() != 1:
            return None if torch.equal(seen, wanted) else clause
        first = (seen != truth).nonzero().flatten()[:1]
        return None if torch.equal(first, (wanted != truth).nonzero().flatten()) else clause

    return compare


def _shapes_differ(seen: Tensor, wanted: Tensor) -> str | None:
    """For arrays of repeats: everything but the number of repeats must agree."""
    if seen.ndim == wanted.ndim and seen.shape[0] > 1 and seen.shape[1:] == wanted.shape[1:]:
        return None
    return f"the shape should be {tuple(wanted.shape[1:])} and is {tuple(seen.shape[1:])}"


def _squared_standard_error(samples: Tensor) -> Tensor:
    n = samples.shape[0]
    return samples.var(0) / n if n > 1 else torch.zeros_like(samples[0])


def standard_error_of_log_std(samples: Tensor) -> Tensor:
    """Of log std over dimension 0, by the delta method: sqrt(kurtosis - 1) / (2 sqrt(n))."""
    n = samples.shape[0]
    centred = samples - samples.mean(0)
    variance = centred.square().mean(0).clamp_min(1e-24)
    kurtosis = centred.pow(4).mean(0) / variance.square()
    return ((kurtosis - 1).clamp_min(0.5) / (4 * n)).sqrt()


def _first_difference(seen: Tensor, wanted: Tensor, differs: Tensor) -> str:
    index = tuple(differs.nonzero()[0].tolist())
    where = f"entry {list(index)} " if index else ""
    return f"{where}should be {_show(wanted[index])} and is {_show(seen[index])}"


def _show(value: Tensor) -> str:
    number = value.item()
    if isinstance(number, bool | int):
        return str(number)
    if math.isfinite(number) and number == round(number) and abs(number) < 1e6:
        return f"{number:.0f}"
    return f"{number:.5g}"
