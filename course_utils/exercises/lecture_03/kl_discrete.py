"""Exercise 3.1: KL divergence between two discrete distributions."""

import math

import torch
from torch import Tensor

from course_utils.elbo import kl_discrete
from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.observers import Inputs

# --- inputs: plain data from a seeded generator -----------------------------------------------------------------


def _probabilities(n: int, generator: torch.Generator) -> Tensor:
    return torch.softmax(torch.randn(n, generator=generator), 0)


def five_outcomes(generator: torch.Generator) -> Inputs:
    return {"q": _probabilities(5, generator), "p": _probabilities(5, generator)}


def many_outcomes_in_float64(generator: torch.Generator) -> Inputs:
    return {"q": _probabilities(400, generator).double(), "p": _probabilities(400, generator).double()}


def q_without_mass_somewhere(generator: torch.Generator) -> Inputs:
    q, p = _probabilities(6, generator), _probabilities(6, generator)
    q[1] = q[4] = 0.0
    return {"q": q / q.sum(), "p": p}


def both_without_mass_somewhere(generator: torch.Generator) -> Inputs:
    q, p = _probabilities(6, generator), _probabilities(6, generator)
    q[2] = p[2] = 0.0
    return {"q": q / q.sum(), "p": p / p.sum()}


def p_without_mass_where_q_has_some(generator: torch.Generator) -> Inputs:
    q, p = _probabilities(6, generator), _probabilities(6, generator)
    p[3] = 0.0
    return {"q": q, "p": p / p.sum()}


# --- wrong answers that students give ---------------------------------------------------------------------------


def swapped(q: Tensor, p: Tensor) -> Tensor:
    return kl_discrete(p, q)


def averaged(q: Tensor, p: Tensor) -> Tensor:
    return kl_discrete(q, p) / len(q)


def in_bits(q: Tensor, p: Tensor) -> Tensor:
    return kl_discrete(q, p) / math.log(2)


def wrong_sign(q: Tensor, p: Tensor) -> Tensor:
    return -kl_discrete(q, p)


def unweighted(q: Tensor, p: Tensor) -> Tensor:
    return torch.where(q > 0, q.log() - p.log(), 0.0).sum()


def cross_entropy(q: Tensor, p: Tensor) -> Tensor:
    return -torch.where(q > 0, q * p.log(), 0.0).sum()


def zero_times_log_zero(q: Tensor, p: Tensor) -> Tensor:
    return (q * (q.log() - p.log())).sum()


def smoothed(q: Tensor, p: Tensor) -> Tensor:
    return (q * ((q + 1e-8).log() - (p + 1e-8).log())).sum()


# --- right answers, written independently -----------------------------------------------------------------------


def with_xlogy(q: Tensor, p: Tensor) -> Tensor:
    return (torch.xlogy(q, q) - torch.xlogy(q, p)).sum()


def on_the_support(q: Tensor, p: Tensor) -> Tensor:
    support = q != 0
    return torch.sum(q[support] * torch.log(q[support] / p[support]))


def with_plain_numbers(q: Tensor, p: Tensor) -> float:
    total = 0.0
    for a, b in zip(q.tolist(), p.tolist(), strict=True):
        if a > 0:
            total += a * math.log(a / b) if b > 0 else math.inf
    return total


exercise = Exercise(
    id="kl_discrete",
    lecture=3,
    position=1,
    title="KL divergence between discrete distributions",
    points=2,
    minutes=8,
    difficulty=1,
    reference=kl_discrete,
    cases=(
        Case("two distributions over five outcomes", five_outcomes),
        Case("400 outcomes in float64", many_outcomes_in_float64),
        Case("q has no mass at two outcomes", q_without_mass_somewhere),
        Case("q and p both have no mass at one outcome", both_without_mass_somewhere),
        Case("p has no mass where q has some", p_without_mass_where_q_has_some),
    ),
    mistakes=(
        Mistake(
            "swapped_direction",
            "This is KL(p || q). The first argument is the distribution the expectation is taken under: "
            "weight by q.",
            swapped,
        ),
        Mistake(
            "averaged",
            "The terms are summed over outcomes, not averaged: the weights q already sum to 1.",
            averaged,
        ),
        Mistake("bits", "This is in bits. The course measures in nats: use the natural logarithm.", in_bits),
        Mistake(
            "wrong_sign",
            "The sign is turned round: KL is the mean of log q - log p under q, never negative.",
            wrong_sign,
        ),
        Mistake(
            "unweighted",
            "The log-ratios are added up without their weights: each counts q times.",
            unweighted,
        ),
        Mistake(
            "cross_entropy",
            "This is the cross-entropy -sum q log p. KL also subtracts the entropy of q: use log q - log p.",
            cross_entropy,
        ),
        Mistake(
            "zero_log_zero",
            "0 * log 0 is nan in floating point. An outcome that q never produces contributes exactly 0: "
            "leave it out.",
            zero_times_log_zero,
        ),
        Mistake(
            "smoothed",
            "A small constant inside the logarithm hides the case that matters: where q has mass and p has "
            "none, "
            "KL is infinite. Leave out the outcomes with q = 0 instead.",
            smoothed,
        ),
    ),
    accepted=(with_xlogy, on_the_support, with_plain_numbers),
    hints=(
        "An expectation under q is a sum weighted by q. Of which quantity?",
        "Write the integrand `q * (q.log() - p.log())` for one outcome and ask what it is when q = 0, and "
        "when p = 0.",
        "`torch.where(q > 0, ..., 0.0)` keeps the terms where q has mass; then sum them.",
    ),
)
