"""Observers of lecture 4: repeated estimates with their standard errors."""

from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import observers
from course_utils.exercises.observers import (
    ADVANCES,
    NEAR,
    ONLY_SOURCE,
    SPREAD,
    UNCHANGED,
    Answer,
    Arrays,
    Inputs,
    NonsenseError,
    ask_until_clear,
    is_far_off,
    standard_errors_off,
)

SAME_SEED = "the same seed gives the same estimate"
POSITIVE = "the standard error is above zero"
CALIBRATION = "squared deviation of the estimate from its mean, less the squared standard error"
STATED = "standard error"
SCALING = "n times the squared standard error, for n draws less that for 4 n"


def repeated_estimates(answer: Answer, inputs: Inputs) -> Arrays:
    """Estimates, until it is clear that their mean is the KL and their scatter the standard error they state.

    The mean of ``CALIBRATION`` over repeats is zero for an honest standard error, whatever the estimator.
    """
    generator = torch.Generator().manual_seed(inputs["_seed"])
    global_state = torch.random.get_rng_state()
    arguments = observers.positional(inputs)
    first = _pair(answer(*arguments, generator))
    rows = ask_until_clear(
        lambda: _pair(answer(*arguments, generator)),
        lambda rows: _is_clear(rows, inputs),
        inputs["_first"],
        inputs["_most"],
    )
    again = _pair(answer(*arguments, torch.Generator().manual_seed(inputs["_seed"])))
    estimates, errors = rows.T  # each (repeats,)
    n = len(estimates)
    squared_deviations = (estimates - estimates.mean()).square() * n / (n - 1)
    originals = observers.positional(inputs)
    untouched = all(
        torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(arguments, originals, strict=True)
    )
    return {
        "estimate": estimates,
        SPREAD: estimates.std(),
        CALIBRATION: squared_deviations - errors.square(),
        STATED: errors,
        POSITIVE: (errors > 1e-9).all(),
        ADVANCES: first[0] != estimates[0],
        SAME_SEED: torch.tensor(torch.equal(first, again)),
        ONLY_SOURCE: torch.tensor(torch.equal(global_state, torch.random.get_rng_state())),
        UNCHANGED: torch.tensor(untouched),
    }


def _is_clear(rows: Tensor, inputs: Inputs) -> bool:
    estimates, errors = rows.T
    ratio, factor = estimates.var() / errors.square().mean(), inputs["_factor"]
    calibration = (estimates - estimates.mean()).square() - errors.square()
    columns, truth = torch.stack([estimates, calibration], 1), torch.tensor([inputs["_kl"], 0.0])
    is_near = bool((standard_errors_off(columns, truth) < NEAR).all())
    return (is_near and bool(1 / factor < ratio < factor)) or is_far_off(columns, truth)


def errors_of_few_and_many(answer: Answer, inputs: Inputs) -> Arrays:
    """The standard error from n draws against that from 4 n, which should be half as large."""
    generator = torch.Generator().manual_seed(inputs["_seed"])
    *gaussians, n = observers.positional(inputs)

    def ask() -> Tensor:
        few, many = (_pair(answer(*gaussians, m, generator))[1] for m in (n, 4 * n))
        return n * few.square() - 4 * n * many.square()

    def is_clear(rows: Tensor) -> bool:
        return bool(standard_errors_off(rows, 0.0) < NEAR) or is_far_off(rows, 0.0)

    return {SCALING: ask_until_clear(ask, is_clear, inputs["_first"], inputs["_most"])}


def _pair(result: Any) -> Tensor:
    """(estimate, standard error) as a float64 tensor (2,)."""
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise NonsenseError("it should return a pair, (estimate, standard_error)")
    parts = [observers.as_array(part).double() for part in result]
    for part in parts:
        if part.ndim:
            raise NonsenseError(
                f"it returns a tensor of shape {tuple(part.shape)} where one number is expected"
            )
    return torch.stack(parts)
