"""Exercise 3.3: the ELBO from samples of q, with a standard error."""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from course_utils.elbo import elbo_monte_carlo
from course_utils.exercises import Case, Exercise, Mistake, at_most, close, exact, same_mean
from course_utils.exercises.lecture_03 import observers
from course_utils.exercises.lecture_03.observers import ERROR_FITS, N_DRAWS
from course_utils.exercises.observers import SPREAD, Arrays, Inputs

LogJoint = Callable[[Tensor], Tensor]
Pair = tuple[Tensor, Tensor]

# --- inputs: plain data from a seeded generator -----------------------------------------------------------------
# Mostly q is wider than the posterior, which makes the terms vary by several nats: a wrong standard error shows. With
# 2,000 draws it is close to the posterior: a small error of the estimate shows.


def _problem(
    n: int,
    repeats: int,
    generator: Generator,
    *,
    offset: float = 0.0,
    bump_stds: tuple[float, ...] = (0.2,),
    dtype: torch.dtype = torch.float32,
) -> Inputs:
    u = torch.rand(4, generator=generator).tolist()
    n_bumps = len(bump_stds)
    return {
        "q_mean": torch.tensor(0.6 + 0.4 * u[0], dtype=dtype),
        "q_std": torch.tensor(0.4 + 0.1 * u[1], dtype=dtype),
        "n": n,
        "_log_masses": [offset - 2.0 - u[2] + 0.3 * k for k in range(n_bumps)],
        "_bump_means": [-0.2 + 0.4 * u[3] + 2.0 * k for k in range(n_bumps)],
        "_bump_stds": list(bump_stds),
        "_repeats": repeats,
        "_seed": int(torch.randint(2**31, (), generator=generator)),
    }


def fifty_draws(generator: Generator) -> Inputs:
    return _problem(50, 150, generator)


def two_bumps_in_float64(generator: Generator) -> Inputs:
    return _problem(100, 40, generator, bump_stds=(0.3, 0.4), dtype=torch.float64)


def many_draws(generator: Generator) -> Inputs:
    return _problem(2000, 40, generator, bump_stds=(0.6,))


def very_unlikely(generator: Generator) -> Inputs:
    return _problem(100, 40, generator, offset=-1500.0)


def very_likely(generator: Generator) -> Inputs:
    return _problem(100, 40, generator, offset=900.0)


def closed_form(inputs: Inputs) -> Arrays:
    return {"estimate": torch.tensor([observers.exact_elbo(inputs)]), ERROR_FITS: torch.zeros(())}


# --- wrong answers that students give ---------------------------------------------------------------------------


def _draw(q_mean: Tensor, q_std: Tensor, n: int, generator: Generator) -> Tensor:
    return q_mean + q_std * torch.randn(n, generator=generator)


def _log_q(z: Tensor, q_mean: Tensor, q_std: Tensor) -> Tensor:
    return -0.5 * math.log(2 * math.pi) - q_std.log() - 0.5 * ((z - q_mean) / q_std) ** 2


def _summary(terms: Tensor) -> Pair:
    return terms.mean(), terms.std() / math.sqrt(len(terms))


def without_entropy(log_joint: LogJoint, q_mean: Tensor, q_std: Tensor, n: int, generator: Generator) -> Pair:
    return _summary(log_joint(_draw(q_mean, q_std, n, generator)))


def entropy_subtracted(
    log_joint: LogJoint, q_mean: Tensor, q_std: Tensor, n: int, generator: Generator
) -> Pair:
    z = _draw(q_mean, q_std, n, generator)
    return _summary(log_joint(z) + _log_q(z, q_mean, q_std))


def wrong_sign(log_joint: LogJoint, q_mean: Tensor, q_std: Tensor, n: int, generator: Generator) -> Pair:
    estimate, error = elbo_monte_carlo(log_joint, q_mean, q_std, n, generator)
    return -estimate, error


def std_as_variance(log_joint: LogJoint, q_mean: Tensor, q_std: Tensor, n: int, generator: Generator) -> Pair:
    z = _draw(q_mean, q_std, n, generator)
    log_q = -0.5 * (2 * math.pi * q_std).log() - (z - q_mean) ** 2 / (2 * q_std)
    return _summary(log_joint(z) - log_q)


def no_two_pi(log_joint: LogJoint, q_mean: Tensor, q_std: Tensor, n: int, generator: Generator) -> Pair:
    z = _draw(q_mean, q_std, n, generator)
    return _summary(log_joint(z) + q_std.log() + 0.5 * ((z - q_mean) / q_std) ** 2)


def no_log_sigma(log_joint: LogJoint, q_mean: Tensor, q_std: Tensor, n: int, generator: Generator) -> Pair:
    z = _draw(q_mean, q_std, n, generator)
    return _summary(log_joint(z) + 0.5 * math.log(2 * math.pi) + 0.5 * ((z - q_mean) / q_std) ** 2)


def from_the_prior(log_joint: LogJoint, q_mean: Tensor, q_std: Tensor, n: int, generator: Generator) -> Pair:
    z = torch.randn(n, generator=generator)
    return _summary(log_joint(z) - _log_q(z, q_mean, q_std))


def log_of_the_mean(log_joint: LogJoint, q_mean: Tensor, q_std: Tensor, n: int, generator: Generator) -> Pair:
    z = _draw(q_mean, q_std, n, generator)
    terms = log_joint(z) - _log_q(z, q_mean, q_std)
    return terms.logsumexp(0) - math.log(n), terms.std() / math.sqrt(n)


def summed(log_joint: LogJoint, q_mean: Tensor, q_std: Tensor, n: int, generator: Generator) -> Pair:
    estimate, error = elbo_monte_carlo(log_joint, q_mean, q_std, n, generator)
    return n * estimate, n * error


def standard_deviation(
    log_joint: LogJoint, q_mean: Tensor, q_std: Tensor, n: int, generator: Generator
) -> Pair:
    estimate, error = elbo_monte_carlo(log_joint, q_mean, q_std, n, generator)
    return estimate, error * math.sqrt(n)


def divided_by_n(log_joint: LogJoint, q_mean: Tensor, q_std: Tensor, n: int, generator: Generator) -> Pair:
    estimate, error = elbo_monte_carlo(log_joint, q_mean, q_std, n, generator)
    return estimate, error / math.sqrt(n)


def one_shared_draw(log_joint: LogJoint, q_mean: Tensor, q_std: Tensor, n: int, generator: Generator) -> Pair:
    z = (q_mean + q_std * torch.randn(1, generator=generator)).expand(n)
    return _summary(log_joint(z) - _log_q(z, q_mean, q_std))


def ignores_n(log_joint: LogJoint, q_mean: Tensor, q_std: Tensor, n: int, generator: Generator) -> Pair:
    return elbo_monte_carlo(log_joint, q_mean, q_std, 1000, generator)


def global_generator(
    log_joint: LogJoint, q_mean: Tensor, q_std: Tensor, n: int, generator: Generator
) -> Pair:
    return elbo_monte_carlo(log_joint, q_mean, q_std, n)


def own_seed(log_joint: LogJoint, q_mean: Tensor, q_std: Tensor, n: int, generator: Generator) -> Pair:
    return elbo_monte_carlo(log_joint, q_mean, q_std, n, Generator().manual_seed(0))


# --- right answers, written independently -----------------------------------------------------------------------


def with_the_entropy_in_closed_form(
    log_joint: LogJoint, q_mean: Tensor, q_std: Tensor, n: int, generator: Generator
) -> tuple[float, float]:
    values = log_joint(torch.normal(q_mean.expand(n), q_std.expand(n), generator=generator))
    entropy = 0.5 + 0.5 * math.log(2 * math.pi) + math.log(float(q_std))
    return float(values.mean() + entropy), float((values.var() / n).sqrt())


def with_torch_distributions(
    log_joint: LogJoint, q_mean: Tensor, q_std: Tensor, n: int, generator: Generator
) -> Pair:
    z = torch.randn((n,), generator=generator, dtype=q_mean.dtype) * q_std + q_mean
    terms = log_joint(z) - torch.distributions.Normal(q_mean, q_std).log_prob(z)
    return torch.sum(terms) / n, torch.std(terms, correction=0) / n**0.5


def with_running_sums(
    log_joint: LogJoint, q_mean: Tensor, q_std: Tensor, n: int, generator: Generator
) -> tuple[float, float]:
    eps = torch.empty(n, dtype=torch.float64).normal_(generator=generator)
    log_q = -(eps**2) / 2 - torch.log(q_std * math.sqrt(2 * math.pi))
    terms = log_joint(q_mean + q_std * eps) - log_q
    estimate = terms.mean()
    return estimate.item(), math.sqrt(((terms - estimate) ** 2).sum().item() / (n * (n - 1)))


_OBSERVE = observers.repeated_elbo
# With R repeats the logarithm of their spread has a standard error of 1 / sqrt(2 R): these are 7.8 and 8 of them.
_MANY = {
    N_DRAWS: exact(),
    "estimate": same_mean(6.0),
    SPREAD: at_most(5.0),
    ERROR_FITS: close(rtol=0.0, atol=0.45),
}
_FEW = _MANY | {ERROR_FITS: close(rtol=0.0, atol=0.9)}

exercise = Exercise(
    id="elbo_monte_carlo",
    lecture=3,
    position=3,
    title="The ELBO from samples, with its error",
    points=3,
    minutes=15,
    difficulty=2,
    reference=elbo_monte_carlo,
    cases=(
        Case("50 draws", fifty_draws, _OBSERVE, _MANY, closed_form),
        Case("a posterior with two bumps, in float64", two_bumps_in_float64, _OBSERVE, _FEW, closed_form),
        Case("2,000 draws", many_draws, _OBSERVE, _FEW, closed_form),
        Case("an ELBO around -1500", very_unlikely, _OBSERVE, _FEW, closed_form),
        Case("an ELBO around +900", very_likely, _OBSERVE, _FEW, closed_form),
    ),
    mistakes=(
        Mistake(
            "no_entropy",
            "This is E_q[log p(x, z)] alone. The ELBO also subtracts log q(z), which on average adds the "
            "entropy of q.",
            without_entropy,
        ),
        Mistake(
            "entropy_subtracted",
            "log q(z) is added where it is to be subtracted: the terms are log p(x, z) - log q(z).",
            entropy_subtracted,
        ),
        Mistake(
            "wrong_sign",
            "This is minus the ELBO. As a bound on log p(x) it is not negated; as a loss it will be.",
            wrong_sign,
        ),
        Mistake(
            "std_as_variance",
            "q_std is a standard deviation, and the density of q takes it for a variance: divide (z - "
            "mean)^2 by 2 std^2.",
            std_as_variance,
        ),
        Mistake(
            "no_two_pi", "The density of q lacks its constant: log q(z) contains -log(2 pi) / 2.", no_two_pi
        ),
        Mistake(
            "no_log_sigma", "The density of q is not normalised: log q(z) contains -log(std).", no_log_sigma
        ),
        Mistake(
            "prior_draws",
            "The draws come from N(0, 1). The expectation is under q: z = q_mean + q_std * eps.",
            from_the_prior,
        ),
        Mistake(
            "log_of_mean",
            "This averages the ratios p(x, z) / q(z) first and takes the logarithm last. That is the "
            "importance-weighted "
            "bound of the end of this lecture; the ELBO is the mean of the logarithms.",
            log_of_the_mean,
        ),
        Mistake("summed", "The terms are summed. An expectation is estimated by their mean.", summed),
        Mistake(
            "std_not_error",
            "This is the spread of single terms. The error of their mean is smaller: divide by the square "
            "root of n.",
            standard_deviation,
        ),
        Mistake(
            "divided_by_n",
            "The standard deviation is divided by n. Variances of a mean fall like 1 / n, so its standard "
            "error falls like "
            "1 / sqrt(n).",
            divided_by_n,
        ),
        Mistake("one_draw", "One draw is used n times: the mean needs n independent draws.", one_shared_draw),
        Mistake("ignores_n", "You draw 1,000 values of z whatever `n` says. Draw n.", ignores_n),
        Mistake(
            "global_generator",
            "The draws ignore `generator`, so a seed doesn't repeat them. Pass generator=generator to "
            "torch.randn.",
            global_generator,
        ),
        Mistake(
            "own_seed",
            "Every call uses the same draws: you seed a generator of your own inside. Use the one that is "
            "passed.",
            own_seed,
        ),
    ),
    accepted=(with_the_entropy_in_closed_form, with_torch_distributions, with_running_sums),
    hints=(
        "The ELBO is an expectation under q. Draw from q, evaluate what stands inside the expectation, "
        "and average.",
        "Draws of q: `q_mean + q_std * eps` with standard normal `eps`. Inside the expectation stands log "
        "p(x, z) - log q(z), "
        "and log q(z) is the log density of a Gaussian with all its constants.",
        "Call the n differences `terms`. The estimate is their mean; its standard error is their standard "
        "deviation "
        "divided by math.sqrt(n).",
    ),
)
