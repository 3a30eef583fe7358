"""Exercise 4.2: the KL divergence from samples, with its standard error."""

import math

import torch
from torch import Generator, Tensor
from torch.distributions import Normal

from course_utils.exercises import Case, Exercise, Mistake, at_most, same_mean
from course_utils.exercises.lecture_04 import observers
from course_utils.exercises.lecture_04.observers import CALIBRATION, SCALING, STATED
from course_utils.exercises.observers import SPREAD, Arrays, Inputs
from course_utils.gaussian import kl_monte_carlo, kl_univariate

Pair = tuple[Tensor, Tensor]

# --- inputs: plain data from a seeded generator ---------------------------------------------------------
# The second Gaussian is narrower or a little wider than the first, so that estimators with weights p/q, which
# are right too, have finite variance.


def _problem(
    ratio: float, shift: float, n: int, generator: Generator, *, first: int, most: int, factor: float = 2.0
) -> Inputs:
    """``factor``: how far the variance of the estimates may be from the squared standard error, and clearly is it."""
    mu1 = 2 * torch.rand((), generator=generator) - 1
    sigma1 = 3 + torch.rand((), generator=generator)
    shift *= 0.8 + 0.6 * torch.rand((), generator=generator)  # so that the KL differs from seed to seed
    gaussians = {"mu1": mu1, "sigma1": sigma1, "mu2": mu1 + shift * sigma1, "sigma2": ratio * sigma1}
    return {
        **gaussians,
        "n": n,
        "_kl": float(_exact(gaussians)),
        "_first": first,
        "_most": most,
        "_factor": factor,
        "_seed": int(torch.randint(2**31, (), generator=generator)),
    }


def _exact(inputs: Inputs) -> Tensor:
    return kl_univariate(*(inputs[name].double() for name in ("mu1", "sigma1", "mu2", "sigma2")))


def p_narrower(generator: Generator) -> Inputs:
    # Standard errors 1.3 times too large or too small show after 768 calls, and seldom pass for right after 48.
    return _problem(0.7, 0.6, 400, generator, first=48, most=768, factor=1.25)


def p_wider_in_float64(generator: Generator) -> Inputs:
    problem = _problem(1.1, -0.8, 60, generator, first=16, most=200)
    return {key: value.double() if isinstance(value, Tensor) else value for key, value in problem.items()}


def four_draws(generator: Generator) -> Inputs:
    return _problem(0.8, 0.5, 4, generator, first=16, most=160)


def nearly_the_same(generator: Generator) -> Inputs:
    """So close together that many estimates of the KL are negative, as they must be where the mean is right."""
    return _problem(0.95, 0.03, 4, generator, first=48, most=320, factor=1e6)


def two_hundred_and_eight_hundred(generator: Generator) -> Inputs:
    return _problem(0.75, 0.7, 200, generator, first=8, most=64)


def closed_form(inputs: Inputs) -> Arrays:
    """What the means over repeats should be; the size of the standard error is the estimator's own affair."""
    return {
        "estimate": _exact(inputs)[None],
        CALIBRATION: torch.zeros(1),
        STATED: torch.full((1,), torch.nan),
    }


def closed_form_of_the_mean(inputs: Inputs) -> Arrays:
    """As ``closed_form``, without a word on the standard error, for which 4 draws leave n or n - 1 open."""
    return closed_form(inputs) | {CALIBRATION: torch.full((1,), torch.nan)}


def _same_mean_if_known(seen: Tensor, wanted: Tensor) -> str | None:
    """Tells mistakes apart, and leaves right answers alone, for which nothing (NaN) is wanted."""
    return None if wanted.isnan().all() else same_mean(6.0)(seen, wanted)


def equal_scaling(inputs: Inputs) -> Arrays:
    return {SCALING: torch.zeros(1)}


# --- wrong answers that students give -------------------------------------------------------------------


def _normal(mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Tensor:
    return mu + sigma * torch.randn(n, generator=generator, dtype=mu.dtype)


def _log_ratio(x: Tensor, mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    return torch.log(sigma2 / sigma1) - 0.5 * ((x - mu1) / sigma1) ** 2 + 0.5 * ((x - mu2) / sigma2) ** 2


def _mean_and_error(values: Tensor) -> Pair:
    return values.mean(), values.std() / math.sqrt(len(values))


def _log_ratios(
    mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator
) -> Tensor:
    return _log_ratio(_normal(mu1, sigma1, n, generator), mu1, sigma1, mu2, sigma2)


def drawn_from_p(
    mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator
) -> Pair:
    return _mean_and_error(_log_ratio(_normal(mu2, sigma2, n, generator), mu1, sigma1, mu2, sigma2))


def swapped(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator) -> Pair:
    return _mean_and_error(_log_ratios(mu2, sigma2, mu1, sigma1, n, generator))


def wrong_sign(
    mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator
) -> Pair:
    return _mean_and_error(-_log_ratios(mu1, sigma1, mu2, sigma2, n, generator))


def without_normalisers(
    mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator
) -> Pair:
    x = _normal(mu1, sigma1, n, generator)
    return _mean_and_error(0.5 * ((x - mu2) / sigma2) ** 2 - 0.5 * ((x - mu1) / sigma1) ** 2)


def without_one_half(
    mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator
) -> Pair:
    x = _normal(mu1, sigma1, n, generator)
    return _mean_and_error(torch.log(sigma2 / sigma1) + ((x - mu2) / sigma2) ** 2 - ((x - mu1) / sigma1) ** 2)


def sigma_taken_for_variance(
    mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator
) -> Pair:
    return _mean_and_error(_log_ratios(mu1, sigma1.sqrt(), mu2, sigma2.sqrt(), n, generator))


def drawn_with_the_variance(
    mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator
) -> Pair:
    x = _normal(mu1, sigma1.sqrt(), n, generator)
    return _mean_and_error(_log_ratio(x, mu1, sigma1, mu2, sigma2))


def weighted_twice(
    mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator
) -> Pair:
    x = _normal(mu1, sigma1, n, generator)
    density = torch.exp(-0.5 * ((x - mu1) / sigma1) ** 2) / (sigma1 * math.sqrt(2 * math.pi))
    return _mean_and_error(density * _log_ratio(x, mu1, sigma1, mu2, sigma2))


def absolute(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator) -> Pair:
    return _mean_and_error(_log_ratios(mu1, sigma1, mu2, sigma2, n, generator).abs())


def summed(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator) -> Pair:
    values = _log_ratios(mu1, sigma1, mu2, sigma2, n, generator)
    return values.sum(), values.std() * math.sqrt(n)


def standard_deviation(
    mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator
) -> Pair:
    values = _log_ratios(mu1, sigma1, mu2, sigma2, n, generator)
    return values.mean(), values.std()


def squared_error(
    mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator
) -> Pair:
    values = _log_ratios(mu1, sigma1, mu2, sigma2, n, generator)
    return values.mean(), values.var() / n


def divided_by_n(
    mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator
) -> Pair:
    values = _log_ratios(mu1, sigma1, mu2, sigma2, n, generator)
    return values.mean(), values.std() / n


def same_draw(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator) -> Pair:
    return _mean_and_error(_log_ratios(mu1, sigma1, mu2, sigma2, 1, generator).expand(n))


def closed_form_instead(
    mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator
) -> Pair:
    kl = torch.log(sigma2 / sigma1) + (sigma1**2 + (mu1 - mu2) ** 2) / (2 * sigma2**2) - 0.5
    return kl, torch.zeros_like(kl)


def own_seed(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator) -> Pair:
    return _mean_and_error(_log_ratios(mu1, sigma1, mu2, sigma2, n, torch.Generator().manual_seed(0)))


def global_generator(
    mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator
) -> Pair:
    x = mu1 + sigma1 * torch.randn(n)
    return _mean_and_error(_log_ratio(x, mu1, sigma1, mu2, sigma2))


def always_a_hundred(
    mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator
) -> Pair:
    return _mean_and_error(_log_ratios(mu1, sigma1, mu2, sigma2, 100, generator))


# --- right answers, written independently ---------------------------------------------------------------


def with_log_prob(
    mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator
) -> Pair:
    x = torch.normal(mu1.expand(n), sigma1.expand(n), generator=generator)
    values = Normal(mu1, sigma1).log_prob(x) - Normal(mu2, sigma2).log_prob(x)
    return values.mean(), (values.var(correction=0) / n).sqrt()


def with_the_entropy_in_closed_form(
    mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator
) -> tuple[float, float]:
    x = mu1 + sigma1 * torch.randn(n, generator=generator)
    cross_entropy = sigma2.log() + 0.5 * ((x - mu2) / sigma2) ** 2
    estimate = cross_entropy.mean() - sigma1.log() - 0.5
    return estimate.item(), cross_entropy.std().item() / n**0.5


def with_antithetic_pairs(
    mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator
) -> Pair:
    eps = torch.randn(n // 2, generator=generator)
    values = torch.stack(
        [_log_ratio(mu1 + sign * sigma1 * eps, mu1, sigma1, mu2, sigma2) for sign in (-1, 1)]
    )
    return _mean_and_error(values.mean(0))


def with_a_control_variate(
    mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator
) -> list[Tensor]:
    log_ratio = _log_ratios(mu1, sigma1, mu2, sigma2, n, generator)
    values = log_ratio + torch.expm1(
        -log_ratio
    )  # E[p/q - 1] = 0 under q: Schulman's estimator, never negative
    return [values.mean(), values.std() / math.sqrt(n)]


_COMPARE = {
    "estimate": same_mean(6.0),
    SPREAD: at_most(5.0),
    CALIBRATION: same_mean(6.0),
    STATED: _same_mean_if_known,
}

exercise = Exercise(
    id="kl_monte_carlo",
    lecture=4,
    position=2,
    title="The same number from samples, with its error bar",
    points=3,
    minutes=12,
    difficulty=2,
    reference=kl_monte_carlo,
    cases=(
        Case("p narrower than q, 400 draws", p_narrower, observers.repeated_estimates, _COMPARE, closed_form),
        Case(
            "p wider than q, 60 draws in float64",
            p_wider_in_float64,
            observers.repeated_estimates,
            _COMPARE,
            closed_form,
        ),
        Case("no more than 4 draws", four_draws, observers.repeated_estimates, _COMPARE, closed_form),
        Case(
            "two Gaussians close together",
            nearly_the_same,
            observers.repeated_estimates,
            # Here an honest estimator that draws only log p is nine times as noisy as one that draws log q - log p.
            _COMPARE | {CALIBRATION: _same_mean_if_known, SPREAD: at_most(50.0)},
            closed_form_of_the_mean,
        ),
        Case(
            "200 draws against 800",
            two_hundred_and_eight_hundred,
            observers.errors_of_few_and_many,
            {SCALING: same_mean(6.0)},
            equal_scaling,
        ),
    ),
    mistakes=(
        Mistake(
            "drawn_from_p",
            "The samples come from the second Gaussian. KL(q || p) is an average under its first argument: "
            "draw x from N(mu1, sigma1^2).",
            drawn_from_p,
        ),
        Mistake(
            "swapped_direction",
            "This estimates KL(N2 || N1). Both the samples and the sign of the log-ratio have to be those "
            "of the first.",
            swapped,
        ),
        Mistake(
            "wrong_sign", "The sign is turned round: average log q(x) - log p(x) for x from q.", wrong_sign
        ),
        Mistake(
            "without_normalisers",
            "The normalisers are missing: log N has -log(sigma) beside the square, and the two sigmas "
            "differ.",
            without_normalisers,
        ),
        Mistake(
            "without_one_half",
            "The squares in the log-densities have lost their one half: log N = -log(sigma) - 1/2 ((x - mu) "
            "/ sigma)^2 plus a constant.",
            without_one_half,
        ),
        Mistake(
            "sigma_for_variance",
            "sigma is a standard deviation, and you treat it as a variance (is there a square root of it "
            "somewhere?).",
            sigma_taken_for_variance,
        ),
        Mistake(
            "drawn_with_wrong_width",
            "The densities are right, the draws are not: their standard deviation has to be sigma1 itself, "
            "not its root.",
            drawn_with_the_variance,
        ),
        Mistake(
            "weighted_twice",
            "You multiply by q(x) as well. Drawing from q already is the weighting: samples fall where q is "
            "large.",
            weighted_twice,
        ),
        Mistake(
            "absolute_values",
            "You average the absolute value of the log-ratio. Single terms may be negative; only their mean "
            "may not.",
            absolute,
        ),
        Mistake(
            "summed",
            "The estimate grows with n: an expectation is estimated by the mean, not the sum.",
            summed,
        ),
        Mistake(
            "standard_deviation",
            "The second number is the standard deviation of a single term. The mean of n terms is sqrt(n) "
            "times more certain.",
            standard_deviation,
        ),
        Mistake(
            "squared_error",
            "The second number is the variance of the mean. The standard error is its square root, in nats "
            "like the estimate.",
            squared_error,
        ),
        Mistake(
            "divided_by_n",
            "The standard error is too small: standard deviations are divided by sqrt(n), only variances by "
            "n.",
            divided_by_n,
        ),
        Mistake(
            "same_draw",
            "One sample is used n times, so the n terms are one and the same. Draw n independent ones.",
            same_draw,
        ),
        Mistake(
            "closed_form",
            "That is the closed form, not an estimate. Here the point is to have a second, independent "
            "route: use samples only.",
            closed_form_instead,
        ),
        Mistake(
            "own_seed",
            "Every call gives the same estimate: a generator is seeded inside. Draw from the one that is "
            "passed.",
            own_seed,
        ),
        Mistake(
            "global_generator",
            "The draws ignore `generator`, so its seed does not repeat them. Pass generator=generator.",
            global_generator,
        ),
        Mistake(
            "ignores_n",
            "The number of draws does not follow `n`: from 200 to 800 draws the standard error has to halve.",
            always_a_hundred,
        ),
    ),
    accepted=(
        with_log_prob,
        with_the_entropy_in_closed_form,
        with_antithetic_pairs,
        with_a_control_variate,
    ),
    hints=(
        "KL(q || p) is an expectation. Under which distribution, and of what?",
        "Draw x from the first Gaussian, n of them, and compute log q(x) - log p(x) for each. The estimate "
        "is their mean; how far do such means scatter?",
        "`torch.randn(n, generator=generator)` scaled by `sigma1` and moved by `mu1` gives x. With the n "
        "log-ratios in `r`, the answer is `r.mean()` and `r.std()` over the root of n.",
    ),
    forbidden=("course_utils.gaussian.kl_monte_carlo",),
)
