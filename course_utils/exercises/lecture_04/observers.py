"""Observers of lecture 4: repeated estimates with their standard errors."""

from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import observers
from course_utils.exercises.observers import (
    ADVANCES,
    ONLY_SOURCE,
    SPREAD,
    UNCHANGED,
    Answer,
    Arrays,
    Inputs,
    NonsenseError,
)

SAME_SEED = "the same seed gives the same estimate"
POSITIVE = "the standard error is above zero"
CALIBRATION = "squared deviation of the estimate from its mean, less the squared standard error"
STATED = "standard error"
SCALING = "n times the squared standard error, for n draws less that for 4 n"


def repeated_estimates(answer: Answer, inputs: Inputs) -> Arrays:
    """Many estimates: their mean, whether their scatter is the standard error they state, and their randomness.

    The mean of ``CALIBRATION`` over repeats is zero for an honest standard error, whatever the estimator.
    """
    generator = torch.Generator().manual_seed(inputs["_seed"])
    global_state = torch.random.get_rng_state()
    arguments = observers.positional(inputs)
    first = _pair(answer(*arguments, generator))
    rows = [_pair(answer(*arguments, generator)) for _ in range(inputs["_repeats"])]
    again = _pair(answer(*arguments, torch.Generator().manual_seed(inputs["_seed"])))
    estimates, errors = torch.stack(rows).T  # each (repeats,)
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


def errors_of_few_and_many(answer: Answer, inputs: Inputs) -> Arrays:
    """The standard error from n draws against that from 4 n, which should be half as large."""
    generator = torch.Generator().manual_seed(inputs["_seed"])
    *gaussians, n = observers.positional(inputs)
    few, many = (
        torch.stack([_pair(answer(*gaussians, m, generator))[1] for _ in range(inputs["_repeats"])])
        for m in (n, 4 * n)
    )
    return {SCALING: n * few.square() - 4 * n * many.square()}


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
