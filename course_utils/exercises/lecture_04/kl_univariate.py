"""Exercise 4.1: KL divergence between one-dimensional Gaussians."""

import math

import torch
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.observers import Inputs
from course_utils.gaussian import kl_univariate

# --- inputs: plain data from a seeded generator ---------------------------------------------------------


def _pairs(*shape: int, generator: Generator) -> Inputs:
    """Pairs of Gaussians that differ clearly in mean and in width, p the wider one in every other pair."""
    mu1, shift, spread, ratio = (torch.rand(shape, generator=generator) for _ in range(4))
    sigma1 = 0.4 + 0.5 * spread
    wider = torch.arange(mu1.numel()).reshape(shape) % 2 == 0
    factor = 1.6 + 0.8 * ratio
    return {
        "mu1": 4 * mu1 - 2,
        "sigma1": sigma1,
        "mu2": 4 * mu1 - 2 + 0.4 + shift,
        "sigma2": torch.where(wider, sigma1 * factor, sigma1 / factor),
    }


def six_pairs(generator: Generator) -> Inputs:
    return _pairs(6, generator=generator)


def single_numbers(generator: Generator) -> Inputs:
    return _pairs(generator=generator)


def batch_of_one_in_float64(generator: Generator) -> Inputs:
    return {name: value.double() for name, value in _pairs(1, generator=generator).items()}


def equal_gaussians(generator: Generator) -> Inputs:
    pairs = _pairs(4, generator=generator)
    return {"mu1": pairs["mu1"], "sigma1": pairs["sigma1"], "mu2": pairs["mu1"], "sigma2": pairs["sigma1"]}


def narrow_against_wide(generator: Generator) -> Inputs:
    pairs = _pairs(4, generator=generator)
    return pairs | {
        "sigma1": 1e-3 * pairs["sigma1"],
        "mu2": 300 + pairs["mu2"],
        "sigma2": 1e2 * pairs["sigma2"],
    }


# --- wrong answers that students give -------------------------------------------------------------------


def swapped(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    return torch.log(sigma1 / sigma2) + (sigma2**2 + (mu1 - mu2) ** 2) / (2 * sigma1**2) - 0.5


def without_one_half(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    return torch.log(sigma2**2 / sigma1**2) + (sigma1**2 + (mu1 - mu2) ** 2) / sigma2**2 - 1


def without_the_constant(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    return torch.log(sigma2 / sigma1) + (sigma1**2 + (mu1 - mu2) ** 2) / (2 * sigma2**2)


def sigma_taken_for_variance(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    return 0.5 * (torch.log(sigma2 / sigma1) + (sigma1 + (mu1 - mu2) ** 2) / sigma2 - 1)


def log_ratio_flipped(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    return torch.log(sigma1 / sigma2) + (sigma1**2 + (mu1 - mu2) ** 2) / (2 * sigma2**2) - 0.5


def log_sigma_for_log_variance(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    return 0.5 * (torch.log(sigma2 / sigma1) + (sigma1**2 + (mu1 - mu2) ** 2) / sigma2**2 - 1)


def half_of_the_square_lost(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    return torch.log(sigma2 / sigma1) + (sigma1**2 + (mu1 - mu2) ** 2) / sigma2**2 - 0.5


def means_not_squared(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    return torch.log(sigma2 / sigma1) + (sigma1**2 + (mu1 - mu2).abs()) / (2 * sigma2**2) - 0.5


def means_left_out(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    return torch.log(sigma2 / sigma1) + sigma1**2 / (2 * sigma2**2) - 0.5


def cross_entropy(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    return 0.5 * torch.log(2 * math.pi * sigma2**2) + (sigma1**2 + (mu1 - mu2) ** 2) / (2 * sigma2**2)


def wrong_sign(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    return 0.5 - torch.log(sigma2 / sigma1) - (sigma1**2 + (mu1 - mu2) ** 2) / (2 * sigma2**2)


def averaged(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    return with_two_logarithms(mu1, sigma1, mu2, sigma2).mean()


def summed(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    return with_two_logarithms(mu1, sigma1, mu2, sigma2).sum()


# --- right answers, written independently ---------------------------------------------------------------


def with_two_logarithms(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    return (
        sigma2.log() - sigma1.log() + ((mu1 - mu2).square() + sigma1.square()) / sigma2.square() / 2 - 1 / 2
    )


def cross_entropy_less_entropy(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    precision = sigma2.pow(-2)
    cross = -0.5 * torch.log(precision / (2 * math.pi)) + 0.5 * precision * (sigma1**2 + (mu1 - mu2) ** 2)
    return cross - 0.5 * torch.log(2 * math.pi * math.e * sigma1**2)


def with_plain_numbers(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    rows = zip(*(t.flatten().tolist() for t in (mu1, sigma1, mu2, sigma2)), strict=True)
    values = [math.log(s2 / s1) + (s1 * s1 + (m2 - m1) ** 2) / (2 * s2 * s2) - 0.5 for m1, s1, m2, s2 in rows]
    return torch.tensor(values).reshape(mu1.shape)


exercise = Exercise(
    id="kl_univariate",
    lecture=4,
    position=1,
    title="KL divergence between two Gaussians on the line",
    points=2,
    minutes=8,
    difficulty=1,
    reference=kl_univariate,
    cases=(
        Case("six pairs of Gaussians", six_pairs),
        Case("0-d tensors", single_numbers),
        Case("a batch of one in float64", batch_of_one_in_float64),
        Case("two equal Gaussians, where the KL is 0", equal_gaussians),
        Case("a narrow q far from a wide p", narrow_against_wide),
    ),
    mistakes=(
        Mistake(
            "swapped_direction",
            "This is KL(N2 || N1). The expectation is taken under the first Gaussian: its spread stands in "
            "the numerator, and everything is measured in units of the second one's sigma.",
            swapped,
        ),
        Mistake(
            "without_one_half",
            "This is exactly twice the KL: the one half of the Gaussian's exponent is lost. "
            "Two unit Gaussians one apart are 0.5 nats from each other.",
            without_one_half,
        ),
        Mistake(
            "without_the_constant",
            "The constant is missing: for two equal Gaussians this gives 1/2 instead of 0. E[(x - mu1)^2] is "
            "sigma1 squared, which leaves -1/2.",
            without_the_constant,
        ),
        Mistake(
            "sigma_for_variance",
            "sigma is a standard deviation here and you use it as a variance. Square it in the fraction, and "
            "log(sigma2 / sigma1) then has no one half.",
            sigma_taken_for_variance,
        ),
        Mistake(
            "log_ratio_flipped",
            "The ratio in the logarithm is upside down: log q - log p holds -log(sigma1) + log(sigma2). "
            "As it is, the result turns negative for some pairs, which no KL does.",
            log_ratio_flipped,
        ),
        Mistake(
            "log_sigma_for_log_variance",
            "There is a one half in front of the logarithm of the sigmas. It belongs in front of "
            "log(sigma^2), and 1/2 log(sigma2^2 / sigma1^2) is log(sigma2 / sigma1).",
            log_sigma_for_log_variance,
        ),
        Mistake(
            "fraction_not_halved",
            "The fraction is twice too large: its denominator is 2 sigma2^2. For equal Gaussians it has to "
            "be 1/2.",
            half_of_the_square_lost,
        ),
        Mistake(
            "means_not_squared",
            "The distance between the means enters squared: E[(x - mu2)^2] = sigma1^2 + (mu1 - mu2)^2.",
            means_not_squared,
        ),
        Mistake(
            "means_left_out",
            "The means make no difference to your result. E[(x - mu2)^2] under the first Gaussian is "
            "sigma1^2 plus the squared distance of the means.",
            means_left_out,
        ),
        Mistake(
            "cross_entropy",
            "This is the cross-entropy -E[log p]. KL also has E[log q], minus the entropy of the first "
            "Gaussian.",
            cross_entropy,
        ),
        Mistake(
            "wrong_sign", "The sign is turned round: KL is the mean of log q - log p under q.", wrong_sign
        ),
        Mistake(
            "averaged",
            "You average over the pairs. The KL is element-wise: one number for each pair, and an average "
            "only when a loss asks for it.",
            averaged,
        ),
        Mistake("summed", "You add up the pairs. The KL is element-wise: one number for each pair.", summed),
    ),
    accepted=(with_two_logarithms, cross_entropy_less_entropy, with_plain_numbers),
    hints=(
        "Three terms: one compares the widths, one holds what the square costs under p, one is a constant.",
        "Try it on equal Gaussians first, where the three terms have to add up to 0.",
        "The first term is `torch.log(sigma2 / sigma1)`, the last is `-0.5`. The one between is a fraction "
        "with `sigma1**2` and the squared distance of the means above the line. What stands below it?",
    ),
    forbidden=("course_utils.gaussian.kl_univariate",),
)
