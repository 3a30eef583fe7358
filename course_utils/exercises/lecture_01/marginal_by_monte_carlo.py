"""Exercise 1.4: log p(x) as a log of an average over codes drawn from the prior."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.exercises import Case, Exercise, Mistake, at_most, exact, same_mean
from course_utils.exercises.lecture_01 import observers
from course_utils.exercises.lecture_01.observers import N_CODES, RATIO, SPREAD
from course_utils.exercises.observers import Arrays, Inputs

LogLikelihoodFn = Callable[[Tensor], Tensor]


def marginal_by_monte_carlo(
    log_likelihood_fn: LogLikelihoodFn, n: int, dim: int, generator: torch.Generator
) -> Tensor:
    """The reference: log-mean-exp of the log-likelihoods of n codes from the prior."""
    z = torch.randn(n, dim, generator=generator)
    return torch.logsumexp(log_likelihood_fn(z), dim=0) - math.log(n)


# --- inputs: plain data from a seeded generator -----------------------------------------------------------------
# A faint signal (gain below the noise) keeps the likelihood's spread small, so that few repeats suffice.


def _model(dim: int, n: int, repeats: int, offset: float, generator: torch.Generator) -> Inputs:
    return {
        "n": n,
        "_x": 0.7 + 0.5 * torch.rand(dim, generator=generator),
        "_gain": 0.6,
        "_std": 0.9,
        "_offset": offset
        + 6 * torch.rand((), generator=generator).item(),  # so that no two seeds have one log p(x)
        "_repeats": repeats,
        "_seed": int(torch.randint(2**31, (), generator=generator)),
    }


def two_dimensions(generator: torch.Generator) -> Inputs:
    return _model(2, 50, 60, 0.0, generator)


def one_dimension(generator: torch.Generator) -> Inputs:
    return _model(1, 40, 40, 0.0, generator)


def one_code(generator: torch.Generator) -> Inputs:
    return _model(2, 1, 100, 0.0, generator)


def very_unlikely(generator: torch.Generator) -> Inputs:
    return _model(3, 50, 30, -1500.0, generator)


def very_likely(generator: torch.Generator) -> Inputs:
    return _model(3, 50, 30, 900.0, generator)


def unbiased(_: Inputs) -> Arrays:
    """The average of p(x|z) over the prior is p(x), whatever the number of codes."""
    return {RATIO: torch.ones(1, dtype=torch.float64)}


# --- wrong answers that students give ---------------------------------------------------------------------------


def mean_of_logs(log_likelihood_fn: LogLikelihoodFn, n: int, dim: int, generator: torch.Generator) -> Tensor:
    return log_likelihood_fn(torch.randn(n, dim, generator=generator)).mean()


def sum_not_mean(log_likelihood_fn: LogLikelihoodFn, n: int, dim: int, generator: torch.Generator) -> Tensor:
    return log_likelihood_fn(torch.randn(n, dim, generator=generator)).logsumexp(0)


def divided_outside(
    log_likelihood_fn: LogLikelihoodFn, n: int, dim: int, generator: torch.Generator
) -> Tensor:
    return log_likelihood_fn(torch.randn(n, dim, generator=generator)).logsumexp(0) / n


def mean_of_exponentials(
    log_likelihood_fn: LogLikelihoodFn, n: int, dim: int, generator: torch.Generator
) -> Tensor:
    return log_likelihood_fn(torch.randn(n, dim, generator=generator)).exp().mean().log()


def prior_counted_twice(
    log_likelihood_fn: LogLikelihoodFn, n: int, dim: int, generator: torch.Generator
) -> Tensor:
    z = torch.randn(n, dim, generator=generator)
    log_prior = -0.5 * z.square().sum(1) - 0.5 * dim * math.log(2 * math.pi)
    return (log_likelihood_fn(z) + log_prior).logsumexp(0) - math.log(n)


def uniform_codes(log_likelihood_fn: LogLikelihoodFn, n: int, dim: int, generator: torch.Generator) -> Tensor:
    return log_likelihood_fn(torch.rand(n, dim, generator=generator)).logsumexp(0) - math.log(n)


def best_code(log_likelihood_fn: LogLikelihoodFn, n: int, dim: int, generator: torch.Generator) -> Tensor:
    return log_likelihood_fn(torch.randn(n, dim, generator=generator)).max()


def same_code(log_likelihood_fn: LogLikelihoodFn, n: int, dim: int, generator: torch.Generator) -> Tensor:
    z = torch.randn(1, dim, generator=generator).expand(n, dim)
    return log_likelihood_fn(z).logsumexp(0) - math.log(n)


def not_a_logarithm(
    log_likelihood_fn: LogLikelihoodFn, n: int, dim: int, generator: torch.Generator
) -> Tensor:
    return log_likelihood_fn(torch.randn(n, dim, generator=generator)).exp().mean()


def global_generator(
    log_likelihood_fn: LogLikelihoodFn, n: int, dim: int, generator: torch.Generator
) -> Tensor:
    return log_likelihood_fn(torch.randn(n, dim)).logsumexp(0) - math.log(n)


def own_seed(log_likelihood_fn: LogLikelihoodFn, n: int, dim: int, generator: torch.Generator) -> Tensor:
    return marginal_by_monte_carlo(log_likelihood_fn, n, dim, torch.Generator().manual_seed(0))


def fixed_number(log_likelihood_fn: LogLikelihoodFn, n: int, dim: int, generator: torch.Generator) -> Tensor:
    return marginal_by_monte_carlo(log_likelihood_fn, 1000, dim, generator)


# --- right answers, written independently -----------------------------------------------------------------------


def with_the_maximum_taken_out(
    log_likelihood_fn: LogLikelihoodFn, n: int, dim: int, generator: torch.Generator
) -> float:
    log_likelihoods = log_likelihood_fn(torch.normal(0.0, 1.0, (n, dim), generator=generator))
    largest = log_likelihoods.max()
    return float(largest + torch.log(torch.mean(torch.exp(log_likelihoods - largest))))


def in_chunks(log_likelihood_fn: LogLikelihoodFn, n: int, dim: int, generator: torch.Generator) -> Tensor:
    total = torch.tensor(-math.inf, dtype=torch.float64)
    for start in range(0, n, 32):
        z = torch.randn(min(32, n - start), dim, generator=generator, dtype=torch.float64)
        total = torch.logaddexp(total, log_likelihood_fn(z).logsumexp(0))
    return total - math.log(n)


def through_the_inverse_distribution(
    log_likelihood_fn: LogLikelihoodFn, n: int, dim: int, generator: torch.Generator
) -> Tensor:
    uniform = torch.rand((n, dim), generator=generator, dtype=torch.float64).clamp(1e-12, 1 - 1e-12)
    log_weights = torch.full((n,), -math.log(n), dtype=torch.float64)
    return (log_weights + log_likelihood_fn(torch.special.ndtri(uniform))).logsumexp(dim=-1)


# A factor of two leaves room for the noise of both standard deviations; a single code used n times is off by sqrt(n).
_COMPARE = {N_CODES: exact(), RATIO: same_mean(), SPREAD: at_most(2.0)}


def with_antithetic_pairs(
    log_likelihood_fn: LogLikelihoodFn, n: int, dim: int, generator: torch.Generator
) -> Tensor:
    half = torch.randn((n + 1) // 2, dim, generator=generator)
    z = torch.cat([half, -half])[:n]
    return log_likelihood_fn(z).logsumexp(0) - math.log(n)


exercise = Exercise(
    id="marginal_by_monte_carlo",
    lecture=1,
    position=4,
    title="The marginal by Monte Carlo",
    points=3,
    minutes=10,
    difficulty=2,
    reference=marginal_by_monte_carlo,
    cases=(
        Case("50 codes in two dimensions", two_dimensions, observers.evidence_ratio, _COMPARE, unbiased),
        Case("40 codes in one dimension", one_dimension, observers.evidence_ratio, _COMPARE, unbiased),
        Case("a single code", one_code, observers.evidence_ratio, _COMPARE, unbiased),
        Case("log-likelihoods around -1500", very_unlikely, observers.evidence_ratio, _COMPARE, unbiased),
        Case("log-likelihoods around +900", very_likely, observers.evidence_ratio, _COMPARE, unbiased),
    ),
    mistakes=(
        Mistake(
            "mean_of_logs",
            "You average log p(x|z). It is p(x|z) that is averaged, the logarithm comes last; the other way round "
            "gives a lower bound (Jensen), and a loose one.",
            mean_of_logs,
        ),
        Mistake(
            "sum_not_mean",
            "An expectation is an average: log-sum-exp alone is the logarithm of the sum. Subtract log(n).",
            sum_not_mean,
        ),
        Mistake(
            "divided_outside",
            "Dividing the sum by n means subtracting log(n) once it is a logarithm, not dividing the logarithm by n.",
            divided_outside,
        ),
        Mistake(
            "underflow",
            "The exponentials run out of range: exp(-1500) is 0 and exp(900) infinite. Use torch.logsumexp on the "
            "log-likelihoods as they are.",
            mean_of_exponentials,
        ),
        Mistake(
            "prior_twice",
            "The prior is counted twice: the codes are drawn from p(z) already, so each counts with p(x|z) alone.",
            prior_counted_twice,
        ),
        Mistake(
            "uniform_codes",
            "torch.rand draws uniformly between 0 and 1. The prior is the standard normal: torch.randn.",
            uniform_codes,
        ),
        Mistake(
            "best_code",
            "This reports the best code only. p(x) is the average over all codes, the many bad ones included.",
            best_code,
        ),
        Mistake(
            "same_code",
            "The estimates scatter far more than those of n independent codes from N(0, I). Is one code used n "
            "times, or one number in every dimension?",
            same_code,
        ),
        Mistake(
            "not_a_logarithm",
            "This is p(x). Return its logarithm, and stay in logarithms on the way.",
            not_a_logarithm,
        ),
        Mistake(
            "global_generator",
            "The codes ignore `generator`, so a seed doesn't repeat them. Pass generator=generator to torch.randn.",
            global_generator,
        ),
        Mistake(
            "own_seed",
            "Every call uses the same codes: you seed a generator of your own inside. Use the one that is passed.",
            own_seed,
        ),
        Mistake("ignores_n", "You draw 1,000 codes whatever `n` says. Draw n.", fixed_number),
    ),
    accepted=(
        with_the_maximum_taken_out,
        in_chunks,
        through_the_inverse_distribution,
        with_antithetic_pairs,
    ),
    hints=(
        "p(x) is the expectation of p(x|z) for z from the prior. An expectation is estimated by an average over n "
        "draws.",
        "The logarithm of an average of exponentials: log-sum-exp of the log-likelihoods, and then something for "
        "the n.",
        "Draw `z` with torch.randn of shape (n, dim), ask `log_likelihood_fn(z)` for n log-likelihoods, take "
        "torch.logsumexp over them and subtract math.log(n).",
    ),
)
