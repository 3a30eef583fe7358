"""Exercise 1.2: log-likelihood of a one-dimensional Gaussian mixture, finite far from the data."""

import math

import torch
from torch import Tensor

from course_utils.exercises import Case, Exercise, Mistake, close
from course_utils.exercises.observers import Inputs

LOG_TWO_PI = math.log(2 * math.pi)


def mixture_log_likelihood(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    """The reference: log-sum-exp over components of log weight plus log density."""
    standardised = (x[:, None] - means) / stds  # (B, K)
    log_densities = -0.5 * standardised.square() - stds.log() - 0.5 * LOG_TWO_PI
    return torch.logsumexp(log_weights + log_densities, dim=1)


# --- inputs: plain data from a seeded generator -----------------------------------------------------------------


def _mixture(n_components: int, generator: torch.Generator) -> Inputs:
    return {
        "log_weights": (1.5 * torch.randn(n_components, generator=generator)).log_softmax(0),
        "means": 2 * torch.randn(n_components, generator=generator),
        "stds": 0.3 + 0.5 * torch.rand(n_components, generator=generator),
    }


def near_the_data(generator: torch.Generator) -> Inputs:
    mixture = _mixture(3, generator)
    return {"x": 2 * torch.randn(8, generator=generator), **mixture}


def many_points_in_float64(generator: torch.Generator) -> Inputs:
    inputs = {"x": 2 * torch.randn(300, generator=generator), **_mixture(5, generator)}
    return {name: array.double() for name, array in inputs.items()}


def one_point(generator: torch.Generator) -> Inputs:
    return {"x": torch.randn(1, generator=generator), **_mixture(4, generator)}


def one_component(generator: torch.Generator) -> Inputs:
    return {"x": 2 * torch.randn(6, generator=generator), **_mixture(1, generator)}


def far_from_the_data(generator: torch.Generator) -> Inputs:
    """A log density of -750 to -1500, so that its exponential is 0 in float64 too; close to -1500 twice."""
    mixture = _mixture(3, generator) | {"stds": torch.tensor([0.9, 1.0, 1.1])}
    means = mixture["means"].clamp(-2, 2)
    low, high = 47 + 3 * torch.rand(2, generator=generator), 56.5 + torch.rand(2, generator=generator)
    x = torch.stack(
        [means.min() - low[0], means.max() + low[1], means.min() - high[0], means.max() + high[1]]
    )
    return {"x": x, **mixture, "means": means}


# --- wrong answers that students give ---------------------------------------------------------------------------


def _log_densities(x: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return -0.5 * ((x[:, None] - means) / stds) ** 2 - torch.log(stds) - 0.5 * LOG_TWO_PI


def no_log_two_pi(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return mixture_log_likelihood(x, log_weights, means, stds) + 0.5 * LOG_TWO_PI


def no_log_std(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return mixture_log_likelihood(x, log_weights + stds.log(), means, stds)


def no_half(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    log_densities = -(((x[:, None] - means) / stds) ** 2) - stds.log() - 0.5 * LOG_TWO_PI
    return torch.logsumexp(log_weights + log_densities, 1)


def std_taken_for_variance(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return mixture_log_likelihood(x, log_weights, means, stds.sqrt())


def variance_passed_as_std(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return mixture_log_likelihood(x, log_weights, means, stds**2)


def sum_of_logs(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return (log_weights + _log_densities(x, means, stds)).sum(1)


def average_of_logs(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return (log_weights.exp() * _log_densities(x, means, stds)).sum(1)


def weights_not_logarithms(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return torch.logsumexp(log_weights.exp() + _log_densities(x, means, stds), 1)


def weights_forgotten(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return torch.logsumexp(_log_densities(x, means, stds), 1)


def best_component(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return (log_weights + _log_densities(x, means, stds)).amax(1)


def exponentials(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return (log_weights.exp() * _log_densities(x, means, stds).exp()).sum(1).log()


def exponentials_with_epsilon(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return ((log_weights.exp() * _log_densities(x, means, stds).exp()).sum(1) + 1e-12).log()


def whole_batch(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return mixture_log_likelihood(x, log_weights, means, stds).sum()


def wrong_axis(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return torch.logsumexp(log_weights + _log_densities(x, means, stds), 0)


# --- right answers, written independently -----------------------------------------------------------------------


def with_a_ready_made_mixture(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    labels = torch.distributions.Categorical(logits=log_weights)
    components = torch.distributions.Normal(means, stds)
    return torch.distributions.MixtureSameFamily(labels, components).log_prob(x)


def with_distributions(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    components = torch.distributions.Normal(means, stds)
    return (components.log_prob(x.unsqueeze(-1)) + log_weights).logsumexp(-1)


def with_the_maximum_taken_out(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    log_joint = (
        log_weights - (x[:, None] - means) ** 2 / (2 * stds**2) - torch.log(stds * math.sqrt(2 * math.pi))
    )
    largest = log_joint.max(dim=1, keepdim=True).values
    return largest[:, 0] + (log_joint - largest).exp().sum(dim=1).log()


def one_component_after_the_other(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    total = torch.full_like(x, -math.inf)
    for log_weight, mean, std in zip(log_weights, means, stds, strict=True):
        log_density = -((x - mean) ** 2) / (2 * std**2) - 0.5 * torch.log(2 * math.pi * std**2)
        total = torch.logaddexp(total, log_weight + log_density)
    return total


exercise = Exercise(
    id="mixture_log_likelihood",
    lecture=1,
    position=2,
    title="Log-likelihood of a mixture",
    points=3,
    minutes=12,
    difficulty=2,
    reference=mixture_log_likelihood,
    cases=(
        # A float32 rounding error here is about 1e-6 of the value.
        Case("8 points, 3 components", near_the_data, compare=close(rtol=1e-4, atol=1e-4)),
        Case(
            "300 points, 5 components, float64", many_points_in_float64, compare=close(rtol=1e-4, atol=1e-4)
        ),
        Case("a single point", one_point, compare=close(rtol=1e-4, atol=1e-4)),
        Case("a single component", one_component, compare=close(rtol=1e-4, atol=1e-4)),
        Case("far from the data, down to -1500 nats", far_from_the_data, compare=close(rtol=1e-4, atol=1e-4)),
    ),
    mistakes=(
        Mistake(
            "no_log_two_pi",
            "Every value is too large by 0.92 nats, half of log(2 pi): the Gaussian's constant is missing.",
            no_log_two_pi,
        ),
        Mistake(
            "no_log_std",
            "The term -log(std) is missing: a wide component must be lower at its peak, or it would hold more mass "
            "than 1.",
            no_log_std,
        ),
        Mistake(
            "no_half",
            "The exponent of a Gaussian is minus one HALF of the squared standardised distance.",
            no_half,
        ),
        Mistake(
            "std_for_variance",
            "You use `stds` where the variance belongs: they are standard deviations, so divide by std before "
            "squaring and subtract log(std), not half of it.",
            std_taken_for_variance,
        ),
        Mistake(
            "variance_for_std",
            "You use the squares of `stds`, the variances, where standard deviations belong: a Normal takes its "
            "standard deviation.",
            variance_passed_as_std,
        ),
        Mistake(
            "sum_of_logs",
            "You add up logarithms, which multiplies the components: p(x) is a SUM over z of p(z) p(x|z), "
            "and the logarithm comes after it (log-sum-exp).",
            sum_of_logs,
        ),
        Mistake(
            "average_of_logs",
            "This averages log p(x|z) under p(z). The logarithm of an average is never smaller than the average of "
            "the logarithms (Jensen): what you have is a lower bound on log p(x). Keep it in mind for lecture 3.",
            average_of_logs,
        ),
        Mistake(
            "weights_not_logs",
            "`log_weights` are logarithms already: add them to the log densities as they are, without exp.",
            weights_not_logarithms,
        ),
        Mistake(
            "no_weights",
            "The weights p(z) are missing: each component counts with its own share.",
            weights_forgotten,
        ),
        Mistake(
            "best_component",
            "This keeps only the component that explains x best. The others add probability too: sum over all of "
            "them.",
            best_component,
        ),
        Mistake(
            "underflow",
            "Right near the data, -inf far from it: exp(-1500) is 0 in floating point. Stay in logarithms and let "
            "torch.logsumexp take the largest term out first.",
            exponentials,
        ),
        Mistake(
            "epsilon",
            "The small constant inside the logarithm keeps it finite but wrong: far from the data every x gets the "
            "same log(1e-12). Use torch.logsumexp on the logarithms instead.",
            exponentials_with_epsilon,
        ),
        Mistake(
            "batch_summed",
            "One number for the whole batch. Log-likelihoods are per example in this course: return shape (B,).",
            whole_batch,
        ),
        Mistake(
            "wrong_axis",
            "You sum over the points and keep the components. It is the latent variable that is summed out: the "
            "axis of the components.",
            wrong_axis,
        ),
    ),
    accepted=(
        with_a_ready_made_mixture,
        with_distributions,
        with_the_maximum_taken_out,
        one_component_after_the_other,
    ),
    hints=(
        "Write log p(x, z = k) = log w_k + log N(x; m_k, s_k^2) for every point and every component first: a table of "
        "shape (B, K). `x[:, None]` makes the points a column.",
        "log N(x; m, s) = -((x - m) / s)^2 / 2 - log s - log(2 pi) / 2. Then the latent variable has to be summed "
        "out, in logarithms.",
        "`torch.logsumexp(table, dim=1)` is log(sum(exp(table))) without ever forming the exponentials of very "
        "negative numbers.",
    ),
)
