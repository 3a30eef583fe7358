"""What the checks of lecture 1 watch beyond the plain value: the law of draws, a function handed to the answer."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.exercises import observers
from course_utils.exercises.observers import (
    ADVANCES,
    ONLY_SOURCE,
    UNCHANGED,
    Answer,
    Arrays,
    Inputs,
    NonsenseError,
)

SAME_SEED = "the same seed gives the same draws"
DISTINCT = "most draws differ from all others"
LEVELS = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9], dtype=torch.float64)
RATIO = "estimated p(x) / exact p(x)"
SPREAD = "standard deviation of the estimates of p(x), relative to p(x)"
N_CODES = "number of codes that log_likelihood_fn was asked about"


def boolean_value(answer: Answer, inputs: Inputs) -> Arrays:
    """As ``observers.value``, and whether the result holds booleans."""
    arguments = observers.positional(inputs)
    result = observers.as_array(answer(*arguments))
    return {
        "the result is a boolean tensor": torch.tensor(result.dtype == torch.bool),
        "result": result,
        UNCHANGED: _unchanged(arguments, inputs),
    }


def law_of_a_large_sample(answer: Answer, inputs: Inputs) -> Arrays:
    """Where the draws of one call fall: below the mixture's own 10 %, 30 %, ..., 90 % points lie these shares.

    F(x) is uniform on (0, 1) if x has the distribution function F, so one comparison sees the whole law.
    """
    generator = torch.Generator().manual_seed(inputs["_seed"])
    global_state = torch.random.get_rng_state()
    arguments = observers.positional(inputs)
    sample = _sample(answer, arguments, generator)
    following = _sample(answer, observers.positional(inputs), generator)
    again = _sample(answer, observers.positional(inputs), torch.Generator().manual_seed(inputs["_seed"]))
    level = _mixture_cdf(sample.double(), inputs["weights"], inputs["means"], inputs["stds"])
    return {
        ADVANCES: torch.tensor(not torch.equal(sample, following)),
        ONLY_SOURCE: torch.tensor(torch.equal(global_state, torch.random.get_rng_state())),
        SAME_SEED: torch.tensor(torch.equal(sample, again)),
        # Not all of them: float32 far from 0 repeats itself.
        DISTINCT: torch.tensor(len(sample.unique()) > 0.6 * len(sample)),
        "shares of draws below the 10 %, 30 %, ..., 90 % points": (
            level[:, None] < LEVELS
        ).double(),  # (n, 5)
        UNCHANGED: _unchanged(arguments, inputs),
    }


def independence_of_small_samples(answer: Answer, inputs: Inputs) -> Arrays:
    """Many calls for a few draws each from a mixture with a gap at ``inputs["_gap"]``: who falls left of it, and where.

    Draws that share a label, or whose counts are rounded, have the right shares on average and the wrong spread.
    """
    generator = torch.Generator().manual_seed(inputs["_seed"])
    rows = [_sample(answer, observers.positional(inputs), generator) for _ in range(inputs["_repeats"])]
    left = (torch.stack(rows) < inputs["_gap"]).double()  # (repeats, n)
    return {
        "share of draws left of the gap, position by position": left,
        "share of draws left of the gap, call by call": left.mean(1),
    }


def evidence_ratio(answer: Answer, inputs: Inputs) -> Arrays:
    """Repeat an estimate of log p(x) and report estimate / truth, whose mean is 1 if the estimate of p(x) is unbiased.

    ``x | z ~ N(gain * z, std^2)`` in each dimension; every log-likelihood is moved by ``offset``.
    """
    generator = torch.Generator().manual_seed(inputs["_seed"])
    global_state = torch.random.get_rng_state()
    exact = log_evidence(inputs)
    log_likelihood = LogLikelihood(inputs)
    n, dim = inputs["n"], len(inputs["_x"])

    estimates = [
        observers.as_array(answer(log_likelihood, n, dim, generator)).double()
        for _ in range(inputs["_repeats"])
    ]
    if wrong := {tuple(estimate.shape) for estimate in estimates} - {()}:
        raise NonsenseError(f"it returns a tensor of shape {wrong.pop()} where one number is expected")
    stacked = torch.stack(estimates)
    # Bounded, so that a wildly wrong estimate stays a number that can be compared.
    ratio = (stacked - exact).clamp(-60, 60).exp()
    return {
        N_CODES: torch.tensor(log_likelihood.n_codes / inputs["_repeats"]),
        RATIO: ratio,
        SPREAD: ratio.std(),
        ADVANCES: torch.tensor(not torch.equal(stacked[0], stacked[1])),
        ONLY_SOURCE: torch.tensor(torch.equal(global_state, torch.random.get_rng_state())),
    }


class LogLikelihood:
    """log p(x|z) of the toy model for one x, as a function of codes ``(m, dim)``; counts the codes it has seen."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self.n_codes = 0

    def __call__(self, z: Tensor) -> Tensor:
        """Log-likelihoods (m,) in nats."""
        x, gain, std = self._inputs["_x"], self._inputs["_gain"], self._inputs["_std"]
        if z.ndim != 2 or z.shape[1] != len(x):
            raise ValueError(
                f"log_likelihood_fn takes codes of shape (m, {len(x)}) and was given {tuple(z.shape)}"
            )
        self.n_codes += len(z)
        residual = (x.to(z.dtype) - gain * z) / std
        constant = self._inputs["_offset"] - len(x) * (math.log(std) + 0.5 * math.log(2 * math.pi))
        return constant - 0.5 * residual.square().sum(1)


def log_evidence(inputs: Inputs) -> float:
    """The exact log p(x): x ~ N(0, gain^2 + std^2) in each dimension."""
    x, variance = inputs["_x"].double(), inputs["_gain"] ** 2 + inputs["_std"] ** 2
    log_density = -0.5 * (x.square() / variance + math.log(2 * math.pi * variance))
    return log_density.sum().item() + inputs["_offset"]


def _sample(answer: Callable[..., Tensor], arguments: list, generator: torch.Generator) -> Tensor:
    n = arguments[-1]
    sample = observers.as_array(answer(*arguments, generator))
    if sample.shape != (n,):
        raise NonsenseError(f"it returns shape {tuple(sample.shape)} where ({n},) is asked for")
    return sample


def _mixture_cdf(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    standardised = (x[:, None] - means.double()) / stds.double()
    return torch.special.ndtr(standardised) @ weights.double()


def _unchanged(arguments: list, inputs: Inputs) -> Tensor:
    pairs = zip(arguments, observers.positional(inputs), strict=True)
    return torch.tensor(all(torch.equal(a, b) for a, b in pairs if isinstance(b, Tensor)))
