"""What the exercises on games share: logits of two batches, and wrong ways from logits to a loss.

The losses of lectures 10 and 12 are sums of one and the same term: minus the mean log-probability that some logits
give to a label. What goes wrong inside that term is written down once, here; each exercise says how its losses are
put together from terms.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.exercises.definition import Case, Mistake
from course_utils.exercises.observers import Answer, Inputs, value_and_gradients

# --- inputs: plain data from a seeded generator ---------------------------------------------------

Names = tuple[str, str]


def two_batch_cases(*names: str) -> tuple[Case, ...]:
    """Cases of a loss of two batches of logits, the arguments ``names``; the first batch is the one called real."""
    batches = partial(_two_batches, names)
    return (
        Case("two batches", partial(batches, (6, 6)), value_and_gradients),
        Case("batches of different sizes", partial(batches, (9, 4)), value_and_gradients),
        Case("logits of shape (B, 1)", partial(batches, (5, 5), column=True), value_and_gradients),
        Case("logits up to 300, many of them wrong", partial(_sure_batches, names), value_and_gradients),
        Case(
            "one example each, in float64", partial(batches, (1, 1), dtype=torch.float64), value_and_gradients
        ),
    )


def _two_batches(
    names: Names,
    sizes: tuple[int, int],
    generator: Generator,
    *,
    column: bool = False,
    dtype: torch.dtype = torch.float32,
) -> Inputs:
    """The first mostly positive, the second mostly negative, and never mirror images: exchanging them shows."""

    def batch(n: int, slope: float, shift: float) -> Tensor:
        u, noise = (f(n, generator=generator, dtype=dtype) for f in (torch.rand, torch.randn))
        logits = slope * (2 * u + 0.3 * noise.clamp(-2, 2)) + shift
        return logits[:, None] if column else logits

    batches = batch(sizes[0], 1.0, -0.2), batch(sizes[1], -0.6, -0.3)
    return dict(zip(names, batches, strict=True)) | {"_gradients_of": list(names)}


def _sure_batches(names: Names, generator: Generator) -> Inputs:
    """Logits up to 300 of either sign: right, wrong, and a few in between."""
    right = torch.tensor([300.0, 150.0, 60.0, 20.0, 1.0, -30.0, -150.0, -300.0])
    wrong = torch.tensor([300.0, 120.0, 50.0, -1.0, -20.0, -60.0, -180.0, -300.0])
    batches = [sizes * (0.9 + 0.1 * torch.rand(8, generator=generator)) for sizes in (right, wrong)]
    return dict(zip(names, batches, strict=True)) | {"_gradients_of": list(names)}


# --- one term, wrong ------------------------------------------------------------------------------

Term = Callable[[Tensor, bool], Tensor]
"""Minus the mean log-probability that logits give to the label real (True) or fake (False)."""


def _towards(logits: Tensor, real: bool) -> Tensor:
    return logits if real else -logits


def _naive(logits: Tensor, real: bool) -> Tensor:
    d = logits.sigmoid()
    return -(d if real else 1 - d).log().mean()


def _overflow(logits: Tensor, real: bool) -> Tensor:
    return (-_towards(logits, real)).exp().log1p().mean()


def _with_epsilon(logits: Tensor, real: bool) -> Tensor:
    d = logits.sigmoid()
    return -((d if real else 1 - d) + 1e-8).log().mean()


def _clipped(logits: Tensor, real: bool) -> Tensor:
    d = logits.sigmoid().clamp(1e-7, 1 - 1e-7)
    return -(d if real else 1 - d).log().mean()


def _clamped(logits: Tensor, real: bool) -> Tensor:
    return F.binary_cross_entropy(logits.sigmoid(), torch.full_like(logits, float(real)))


def _sigmoid_twice(logits: Tensor, real: bool) -> Tensor:
    return -F.logsigmoid(_towards(logits.sigmoid(), real)).mean()


def _summed(logits: Tensor, real: bool) -> Tensor:
    return -F.logsigmoid(_towards(logits, real)).sum()


_SLIPS = (
    Mistake(
        "naive",
        "At a logit of 300 a probability has been rounded to 0 or 1, and its logarithm is infinite. Take F.logsigmoid "
        "of the logits: it never forms the probability, and log(1 - D) is the logsigmoid of minus the logit.",
        _naive,
    ),
    Mistake(
        "overflow",
        "At a logit of 300 a float32 gives up: e^300 is infinite, and sigmoid(-300) is 0. F.logsigmoid and F.softplus "
        "form neither.",
        _overflow,
    ),
    Mistake(
        "with_epsilon",
        "A small number inside the logarithm stops it at -18, and takes the gradient away where the discriminator is "
        "most wrong. Take F.logsigmoid of the logits.",
        _with_epsilon,
    ),
    Mistake(
        "clipped",
        "The probabilities are clipped, which stops their logarithm at -16, and takes the gradient away where the "
        "discriminator is most wrong. Take F.logsigmoid of the logits.",
        _clipped,
    ),
    Mistake(
        "clamped",
        "F.binary_cross_entropy stops at 100 for probabilities that were rounded to 0 or 1. Its form with logits, or "
        "F.logsigmoid, does not.",
        _clamped,
    ),
    Mistake(
        "sigmoid_twice",
        "The sigmoid is taken twice, so that D lies between 0.5 and 0.73 whatever the logit. F.logsigmoid, and the "
        "cross-entropy with logits, take it themselves: hand them the logits as they are.",
        _sigmoid_twice,
    ),
    Mistake("summed", "The examples of a batch are summed over. Take their mean.", _summed),
)


def slips(losses: Callable[[Term], Answer]) -> tuple[Mistake, ...]:
    """The mistakes inside a term, for an exercise whose answer ``losses`` puts together from terms."""
    return tuple(replace(slip, answer=losses(slip.answer)) for slip in _SLIPS)
