"""Exercise 3.6: the importance-weighted bound from K log weights."""

import math

import torch
from torch import Tensor

from course_utils.elbo import importance_weighted_bound
from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.observers import Inputs

# --- inputs: plain data from a seeded generator -----------------------------------------------------------------


def _log_weights(k: int, batch: int, level: float, generator: torch.Generator) -> Tensor:
    return level + 1.5 * torch.randn(k, batch, generator=generator)


def fifty_by_four(generator: torch.Generator) -> Inputs:
    return {"log_w": _log_weights(50, 4, -3.0, generator)}


def one_weight_each(generator: torch.Generator) -> Inputs:
    return {"log_w": _log_weights(1, 5, -3.0, generator)}


def batch_of_one_in_float64(generator: torch.Generator) -> Inputs:
    return {"log_w": _log_weights(200, 1, -2.0, generator).double()}


def as_many_weights_as_examples(generator: torch.Generator) -> Inputs:
    return {"log_w": _log_weights(7, 7, -3.0, generator)}


def very_unlikely(generator: torch.Generator) -> Inputs:
    return {"log_w": _log_weights(20, 3, -1500.0, generator)}


def very_likely(generator: torch.Generator) -> Inputs:
    return {"log_w": _log_weights(20, 3, 900.0, generator)}


def from_one_extreme_to_the_other(generator: torch.Generator) -> Inputs:
    """Neither one constant taken out of the whole batch nor an example's mean log weight keeps these finite."""
    levels = torch.tensor([-1500.0, 900.0, -3.0, -3.0])
    log_w = _log_weights(20, 4, 0.0, generator) + levels
    log_w[0, 3] = -1400.0  # one hopeless draw drags the mean far below the largest
    log_w[1:15, 3] -= 1000.0
    return {"log_w": log_w}


# --- wrong answers that students give ---------------------------------------------------------------------------


def mean_of_logs(log_w: Tensor) -> Tensor:
    return log_w.mean(0)


def without_log_k(log_w: Tensor) -> Tensor:
    return log_w.logsumexp(0)


def log_k_added(log_w: Tensor) -> Tensor:
    return log_w.logsumexp(0) + math.log(len(log_w))


def divided_outside(log_w: Tensor) -> Tensor:
    return log_w.logsumexp(0) / len(log_w)


def naive(log_w: Tensor) -> Tensor:
    return log_w.exp().mean(0).log()


def over_the_batch(log_w: Tensor) -> Tensor:
    return log_w.logsumexp(1) - math.log(log_w.shape[1])


def log_of_batch_size(log_w: Tensor) -> Tensor:
    return log_w.logsumexp(0) - math.log(log_w.shape[1])


def batch_averaged(log_w: Tensor) -> Tensor:
    return importance_weighted_bound(log_w).mean()


def best_weight(log_w: Tensor) -> Tensor:
    return log_w.max(0).values


def not_a_logarithm(log_w: Tensor) -> Tensor:
    return log_w.exp().mean(0)


def negated(log_w: Tensor) -> Tensor:
    return -importance_weighted_bound(log_w)


def self_normalised(log_w: Tensor) -> Tensor:
    return (log_w.softmax(0) * log_w).sum(0)


# --- right answers, written independently -----------------------------------------------------------------------


def maximum_taken_out(log_w: Tensor) -> Tensor:
    top = log_w.amax(dim=0)
    return top + (log_w - top).exp().mean(dim=0).log()


def one_after_the_other(log_w: Tensor) -> Tensor:
    total = log_w[0]
    for row in log_w[1:]:
        total = torch.logaddexp(total, row)
    return total - torch.log(torch.tensor(float(log_w.size(0))))


def with_weights_of_one_over_k(log_w: Tensor) -> Tensor:
    k, batch = log_w.shape
    return torch.stack([torch.logsumexp(log_w[:, b] - math.log(k), -1) for b in range(batch)])


exercise = Exercise(
    id="importance_weighted_bound",
    lecture=3,
    position=6,
    title="The importance-weighted bound",
    points=2,
    minutes=6,
    difficulty=1,
    reference=importance_weighted_bound,
    cases=(
        Case("50 weights for each of four examples", fifty_by_four),
        Case("one weight each, where the bound is the ELBO's estimate", one_weight_each),
        Case("a batch of one, in float64", batch_of_one_in_float64),
        Case("as many weights as examples", as_many_weights_as_examples),
        Case("log weights around -1500", very_unlikely),
        Case("log weights around +900", very_likely),
        Case("log weights from -1500 to +900 in one batch", from_one_extreme_to_the_other),
    ),
    mistakes=(
        Mistake(
            "mean_of_logs",
            "This is the mean of the log weights: the ELBO's estimate, whatever K is. Average the weights "
            "first, then take "
            "the logarithm.",
            mean_of_logs,
        ),
        Mistake(
            "no_log_k",
            "Log-sum-exp is the logarithm of the sum. The bound has the mean: subtract log K.",
            without_log_k,
        ),
        Mistake("log_k_added", "Dividing by K means subtracting log K: you add it.", log_k_added),
        Mistake(
            "divided_outside",
            "The logarithm is divided by K. Dividing inside the logarithm means subtracting log K.",
            divided_outside,
        ),
        Mistake(
            "underflow",
            "The exponentials leave the range of floats: exp(-1500) is 0 and exp(900) infinite. Use "
            "torch.logsumexp.",
            naive,
        ),
        Mistake(
            "over_the_batch",
            "The mean runs over the batch. log_w is (K, B): average over the first dimension, one bound "
            "per example.",
            over_the_batch,
        ),
        Mistake(
            "log_of_batch_size",
            "This subtracts the logarithm of the batch size B. The mean is over K weights.",
            log_of_batch_size,
        ),
        Mistake(
            "batch_averaged",
            "One bound per example is asked for, shape (B,): do not average over the batch.",
            batch_averaged,
        ),
        Mistake("best_weight", "This is the largest weight alone. The bound averages all K.", best_weight),
        Mistake(
            "not_a_logarithm",
            "This is the mean weight, an estimate of p(x). The bound is its logarithm.",
            not_a_logarithm,
        ),
        Mistake(
            "negated",
            "This is minus the bound. As a bound on log p(x) it is not negated; as a loss it will be.",
            negated,
        ),
        Mistake(
            "self_normalised",
            "This weighs the log weights by the weights themselves. The bound is the logarithm of the "
            "plain mean of weights.",
            self_normalised,
        ),
    ),
    accepted=(maximum_taken_out, one_after_the_other, with_weights_of_one_over_k),
    hints=(
        "Average first, take the logarithm last. Over which of the two dimensions?",
        "The weights come as logarithms. The logarithm of their sum is `torch.logsumexp`; a mean is a sum "
        "divided by K.",
        "Take torch.logsumexp over dimension 0 and subtract the logarithm of the number of rows.",
    ),
)
