"""Exercise 6.7: the log-likelihood by importance sampling."""

import math

import torch
from torch import Tensor

from course_utils.elbo import importance_weighted_bound
from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.observers import Inputs, value


def importance_log_likelihood(log_joint: Tensor, log_q: Tensor) -> Tensor:
    """The reference: the log of the mean of the weights p(x, z_k) / q(z_k | x)."""
    return importance_weighted_bound(log_joint - log_q)


# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _log_densities(
    k: int, batch: int, generator: torch.Generator, dtype: torch.dtype = torch.float32, spread: float = 3.0
) -> Inputs:
    """Log weights that differ by a few nats within an image, and by more between images."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    log_q = 1.5 * normal(k, batch) - 4.0
    log_joint = log_q - 20.0 + 4.0 * normal(batch) + spread * normal(k, batch)
    return {"log_joint": log_joint.to(dtype), "log_q": log_q.to(dtype)}


def seven_draws(generator: torch.Generator) -> Inputs:
    return _log_densities(7, 5, generator)


def one_draw(generator: torch.Generator) -> Inputs:
    return _log_densities(1, 4, generator)


def one_image_in_float64(generator: torch.Generator) -> Inputs:
    return _log_densities(50, 1, generator, torch.float64)


def far_out(generator: torch.Generator) -> Inputs:
    inputs = _log_densities(6, 4, generator)
    # as far from 0 as images of many pixels, or Gaussian pixels of a small sigma, are
    shift = torch.tensor([-1500.0, -400.0, 300.0, 900.0])
    log_joint = inputs["log_joint"] + shift
    log_joint[0, :2] += 200.0  # one draw that hits where the others miss
    return {**inputs, "log_joint": log_joint}


# --- wrong answers that students give -------------------------------------------------------------


def the_elbo(log_joint: Tensor, log_q: Tensor) -> Tensor:
    return (log_joint - log_q).mean(0)


def without_log_k(log_joint: Tensor, log_q: Tensor) -> Tensor:
    return torch.logsumexp(log_joint - log_q, 0)


def divided_by_k(log_joint: Tensor, log_q: Tensor) -> Tensor:
    return torch.logsumexp(log_joint - log_q, 0) / len(log_q)


def log_k_added(log_joint: Tensor, log_q: Tensor) -> Tensor:
    return torch.logsumexp(log_joint - log_q, 0) + math.log(len(log_q))


def over_the_images(log_joint: Tensor, log_q: Tensor) -> Tensor:
    return torch.logsumexp(log_joint - log_q, 1) - math.log(log_q.shape[1])


def log_of_the_batch(log_joint: Tensor, log_q: Tensor) -> Tensor:
    return torch.logsumexp(log_joint - log_q, 0) - math.log(log_q.shape[1])


def exponential_first(log_joint: Tensor, log_q: Tensor) -> Tensor:
    return (log_joint - log_q).exp().mean(0).log()


def logarithms_divided(log_joint: Tensor, log_q: Tensor) -> Tensor:
    return torch.logsumexp(log_joint / log_q, 0) - math.log(len(log_q))


def weights_upside_down(log_joint: Tensor, log_q: Tensor) -> Tensor:
    return torch.logsumexp(log_q - log_joint, 0) - math.log(len(log_q))


def q_multiplied(log_joint: Tensor, log_q: Tensor) -> Tensor:
    return torch.logsumexp(log_joint + log_q, 0) - math.log(len(log_q))


def q_forgotten(log_joint: Tensor, log_q: Tensor) -> Tensor:
    return torch.logsumexp(log_joint, 0) - math.log(len(log_q))


def best_draw(log_joint: Tensor, log_q: Tensor) -> Tensor:
    return (log_joint - log_q).max(0).values


def difference_of_averages(log_joint: Tensor, log_q: Tensor) -> Tensor:
    return torch.logsumexp(log_joint, 0) - torch.logsumexp(log_q, 0)


def self_normalised(log_joint: Tensor, log_q: Tensor) -> Tensor:
    log_w = log_joint - log_q
    return (log_w.softmax(0) * log_w).sum(0)


def one_number(log_joint: Tensor, log_q: Tensor) -> Tensor:
    return importance_log_likelihood(log_joint, log_q).mean()


def sign_flipped(log_joint: Tensor, log_q: Tensor) -> Tensor:
    return -importance_log_likelihood(log_joint, log_q)


def clamped_weights(log_joint: Tensor, log_q: Tensor) -> Tensor:
    weights = (log_joint - log_q).clamp(-80, 80).exp()
    return weights.mean(0).log()


def shifted_by_the_mean(log_joint: Tensor, log_q: Tensor) -> Tensor:
    log_w = log_joint - log_q
    middle = log_w.mean(0)
    return middle + (log_w - middle).exp().mean(0).log()


def shifted_by_the_largest_of_all(log_joint: Tensor, log_q: Tensor) -> Tensor:
    log_w = log_joint - log_q
    return log_w.max() + (log_w - log_w.max()).exp().mean(0).log()


# --- right answers, written independently ---------------------------------------------------------


def largest_taken_out(log_joint: Tensor, log_q: Tensor) -> Tensor:
    log_w = log_joint - log_q
    top = log_w.amax(0)
    return top + (log_w - top).exp().mean(0).log()


def one_after_the_other(log_joint: Tensor, log_q: Tensor) -> Tensor:
    total = log_joint[0] - log_q[0]
    for joint, q in zip(log_joint[1:], log_q[1:], strict=True):
        total = torch.logaddexp(total, joint - q)
    return total - torch.tensor(float(len(log_q)), dtype=total.dtype).log()


def averaged_inside(log_joint: Tensor, log_q: Tensor) -> Tensor:
    n_draws = log_joint.size(dim=0)
    return (log_joint - log_q - math.log(n_draws)).T.logsumexp(dim=1)


exercise = Exercise(
    id="importance_log_likelihood",
    lecture=6,
    position=7,
    title="The likelihood by importance sampling",
    points=2,
    minutes=8,
    difficulty=2,
    reference=importance_log_likelihood,
    cases=(
        Case("seven draws, five images", seven_draws, value),
        Case("one draw: the ELBO's own estimate", one_draw, value),
        Case("fifty draws for one image, in float64", one_image_in_float64, value),
        Case("log densities from -1500 to 900", far_out, value),
    ),
    mistakes=(
        Mistake(
            "the_elbo",
            "The logarithms of the weights are averaged: that is the ELBO. Here the weights are averaged, and the "
            "logarithm is taken of their mean.",
            the_elbo,
        ),
        Mistake(
            "log_k_missing",
            "The weights are added up. Their mean is 1/K of that: subtract log K, or the estimate grows with the "
            "number of draws for ever.",
            without_log_k,
        ),
        Mistake(
            "divided_by_k",
            "The logarithm is divided by K. The division by K belongs inside: log(sum / K) = log sum - log K.",
            divided_by_k,
        ),
        Mistake("log_k_added", "log K has the wrong sign: log(sum / K) = log sum - log K.", log_k_added),
        Mistake(
            "over_the_images",
            "The average runs over the images. The draws are the first dimension, (K, B): average over dim 0.",
            over_the_images,
        ),
        Mistake(
            "log_of_the_batch",
            "The number of images is divided by, where it should be the number of draws: K is the first dimension.",
            log_of_the_batch,
        ),
        Mistake(
            "exponential_first",
            "Right for moderate numbers, but exp of -1500 is 0 and exp of 900 is infinite. Keep the weights as "
            "logarithms: torch.logsumexp.",
            exponential_first,
        ),
        Mistake(
            "logarithms_divided",
            "The logarithms are divided by one another. The logarithm of a ratio is a difference: log_joint - log_q.",
            logarithms_divided,
        ),
        Mistake(
            "weights_upside_down",
            "The weights are upside down: w = p(x, z) / q(z | x), so log w = log_joint - log_q.",
            weights_upside_down,
        ),
        Mistake(
            "q_multiplied",
            "log_q is added. The draws come from q already; the weight divides by it: log_joint - log_q.",
            q_multiplied,
        ),
        Mistake(
            "q_forgotten",
            "log_q plays no part. Where q draws often, each draw must count less: the weight is p(x, z) / q(z | x).",
            q_forgotten,
        ),
        Mistake(
            "best_draw",
            "Only the best draw counts here. Average all weights.",
            best_draw,
        ),
        Mistake(
            "difference_of_averages",
            "Joint and q are averaged apart. The mean is that of the ratios: subtract draw by draw, then logsumexp.",
            difference_of_averages,
        ),
        Mistake(
            "self_normalised",
            "This averages the log weights with normalised weights. The estimate is the log of the plain mean of the "
            "weights.",
            self_normalised,
        ),
        Mistake(
            "one_number",
            "The images are averaged away. Give one number per image, (B,).",
            one_number,
        ),
        Mistake(
            "sign_flipped",
            "The sign is turned: this is minus the log-likelihood.",
            sign_flipped,
        ),
        Mistake(
            "clamped",
            "Clamping the log weights keeps them from overflowing and changes the answer. Use torch.logsumexp.",
            clamped_weights,
        ),
        Mistake(
            "shifted_by_the_mean",
            "The mean of the log weights is taken out before the exponential, and a weight far above it still "
            "overflows. Take out the largest one, as torch.logsumexp does.",
            shifted_by_the_mean,
        ),
        Mistake(
            "shifted_by_the_largest_of_all",
            "The largest log weight of the whole batch is taken out, so the weights of less likely images all become "
            "0. Each image has a largest one of its own: torch.logsumexp over dim 0.",
            shifted_by_the_largest_of_all,
        ),
    ),
    accepted=(largest_taken_out, one_after_the_other, averaged_inside),
    hints=(
        "p(x) is the mean of p(x, z) / q(z | x) over draws from q. You are given logarithms, and want the logarithm of "
        "that mean.",
        "The log weights are `log_joint - log_q`. The log of a sum of exponentials is `torch.logsumexp`.",
        "`torch.logsumexp(log_joint - log_q, 0)`, minus log K with K = len(log_q).",
    ),
)
