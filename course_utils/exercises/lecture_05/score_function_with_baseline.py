"""Exercise 5.4: the score function with a baseline that does not look at the draw it is used on."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake, same_mean
from course_utils.exercises.lecture_05 import observers
from course_utils.exercises.lecture_05.observers import closed_form, gaussian_problem
from course_utils.exercises.observers import Inputs
from course_utils.gradient_estimators import (
    pathwise_gradient,
    score_function_gradient,
    score_function_with_baseline,
)

Objective = Callable[[Tensor], Tensor]
Pair = tuple[Tensor, Tensor]

# --- inputs: plain data from a seeded generator ---------------------------------------------------
# At n = 2 the baselines that cheat are off by a half. For a step near mu the estimates scatter least, so that this is
# nearly five of their standard errors after 32 calls, and fourteen after 300.


def two_draws(generator: Generator) -> Inputs:
    return gaussian_problem(2, (32, 300), generator, step=1.0, height=20.0, times_less=100.0)


def a_parabola_on_a_hill(generator: Generator) -> Inputs:
    return gaussian_problem(800, (20, 160), generator, coefficients=[120.0, 3.0, 1.0])


def a_step_up_from_five(generator: Generator) -> Inputs:
    return gaussian_problem(400, (16, 128), generator, step=1.0, height=5.0, narrow=True, dtype=torch.float64)


# --- wrong answers that students give -------------------------------------------------------------


def _draw(mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Tensor:
    return mu + sigma * torch.randn(n, generator=generator, dtype=mu.dtype)


def _means(advantage: Tensor, z: Tensor, mu: Tensor, sigma: Tensor) -> Pair:
    eps = (z - mu) / sigma
    return (advantage * eps / sigma).mean(), (advantage * (eps**2 - 1) / sigma).mean()


def mean_of_the_same_draws(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    z = _draw(mu, sigma, n, generator)
    values = f(z)
    return _means(values - values.mean(), z, mu, sigma)


def no_baseline(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    return score_function_gradient(f, mu, sigma, n, generator)


def baseline_added(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    z = _draw(mu, sigma, n, generator)
    values = f(z)
    return _means(values + (values.sum() - values) / (n - 1), z, mu, sigma)


def own_value(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    z = _draw(mu, sigma, n, generator)
    return _means(f(z) - f(z), z, mu, sigma)


def standardised(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    z = _draw(mu, sigma, n, generator)
    values = f(z)
    return _means((values - values.mean()) / (values.std() + 1e-8), z, mu, sigma)


def for_mu_only(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    z = _draw(mu, sigma, n, generator)
    values = f(z)
    others = (values.sum() - values) / (n - 1)
    return _means(values - others, z, mu, sigma)[0], _means(values, z, mu, sigma)[1]


def summed(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    d_mu, d_sigma = score_function_with_baseline(f, mu, sigma, n, generator)
    return n * d_mu, n * d_sigma


def wrong_sign(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    d_mu, d_sigma = score_function_with_baseline(f, mu, sigma, n, generator)
    return -d_mu, -d_sigma


def swapped(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    d_mu, d_sigma = score_function_with_baseline(f, mu, sigma, n, generator)
    return d_sigma, d_mu


def with_respect_to_variance(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    d_mu, d_sigma = score_function_with_baseline(f, mu, sigma, n, generator)
    return d_mu, d_sigma / (2 * sigma)


def with_respect_to_log_sigma(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    d_mu, d_sigma = score_function_with_baseline(f, mu, sigma, n, generator)
    return d_mu, sigma * d_sigma


def divided_by_sigma_once(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    d_mu, d_sigma = score_function_with_baseline(f, mu, sigma, n, generator)
    return sigma * d_mu, d_sigma


def pathwise(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    return pathwise_gradient(f, mu, sigma, n, generator)


def own_seed(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    return score_function_with_baseline(f, mu, sigma, n, Generator().manual_seed(0))


def global_generator(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    return score_function_with_baseline(f, mu, sigma, n)


# --- right answers, written independently ---------------------------------------------------------


def as_a_covariance(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    eps = torch.empty(n, dtype=mu.dtype).normal_(generator=generator)
    rows = torch.stack([f(mu + sigma * eps), eps / sigma, eps.square() / sigma])
    covariance = torch.cov(rows)  # divides by n - 1
    return covariance[0, 1], covariance[0, 2]


def one_draw_left_out_at_a_time(
    f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator
) -> list[Tensor]:
    z = torch.normal(mu.expand(n), sigma.expand(n), generator=generator)
    values = f(z)
    others = values.expand(n, n)[~torch.eye(n, dtype=torch.bool)].reshape(n, n - 1)
    advantage = values - others.mean(1)
    score_mu, score_sigma = (z - mu) / sigma**2, (z - mu) ** 2 / sigma**3 - 1 / sigma
    return [torch.mean(advantage * score_mu), torch.mean(advantage * score_sigma)]


def value_at_the_mean(
    f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator
) -> tuple[float, float]:
    z = _draw(mu, sigma, n, generator)
    d_mu, d_sigma = _means(f(z) - f(mu.reshape(1)), z, mu, sigma)
    return d_mu.item(), d_sigma.item()


def each_half_for_the_other(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    z = _draw(mu, sigma, n, generator)
    values, half = f(z), n // 2
    baseline = torch.cat([values[half:].mean().expand(half), values[:half].mean().expand(n - half)])
    return _means(values - baseline, z, mu, sigma)


def further_draws_for_the_baseline(
    f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator
) -> Pair:
    baseline = f(_draw(mu, sigma, n, generator)).mean()
    z = _draw(mu, sigma, n, generator)
    return _means(f(z) - baseline, z, mu, sigma)


_OBSERVE = observers.repeated_gradients_and_variance
_COMPARE = {"d/dmu": same_mean(5.5), "d/dsigma": same_mean(5.5)}  # all else: statements that hold or do not

exercise = Exercise(
    id="score_function_with_baseline",
    lecture=5,
    position=4,
    title="A baseline that does not cheat",
    points=3,
    minutes=15,
    difficulty=3,
    reference=score_function_with_baseline,
    cases=(
        Case("two draws and a step on a hill", two_draws, _OBSERVE, _COMPARE, closed_form),
        Case("800 draws and a parabola on a hill", a_parabola_on_a_hill, _OBSERVE, _COMPARE, closed_form),
        Case("400 draws and a higher step, in float64", a_step_up_from_five, _OBSERVE, _COMPARE, closed_form),
    ),
    mistakes=(
        Mistake(
            "same_draws",
            "The baseline is made from all n draws, so it depends on the draw it is subtracted from, and on "
            "average the gradient is wrong (by the factor 1 - 1/n for a mean: 1/2 for two draws; the constant of "
            "least variance is no better, if it is estimated from these draws). Leave that draw out of its baseline.",
            mean_of_the_same_draws,
        ),
        Mistake(
            "no_baseline",
            "Right on average, but with the full variance of the plain estimator: nothing is "
            "subtracted from f.",
            no_baseline,
        ),
        Mistake(
            "baseline_added",
            "The baseline is added. Subtract it: what is left should be small and of both signs.",
            baseline_added,
        ),
        Mistake(
            "own_value",
            "Each draw's own value is its baseline, so nothing is left. A baseline may use the other "
            "draws only.",
            own_value,
        ),
        Mistake(
            "standardised",
            "Dividing by the standard deviation of f rescales the gradient (and the mean over all "
            "draws biases it). Only "
            "subtract, and only what the draw itself had no part in.",
            standardised,
        ),
        Mistake(
            "for_mu_only",
            "The baseline is subtracted for mu but not for sigma. The same differences weight both scores.",
            for_mu_only,
        ),
        Mistake("summed", "The n terms are added up. An expectation is estimated by their mean.", summed),
        Mistake(
            "wrong_sign",
            "The sign is turned round: the weights are f minus the baseline, not the baseline minus f.",
            wrong_sign,
        ),
        Mistake("swapped", "The two are the other way round: return (d/dmu, d/dsigma).", swapped),
        Mistake(
            "variance_gradient",
            "This is the gradient with respect to sigma^2. With respect to sigma it is 2 sigma times "
            "as large.",
            with_respect_to_variance,
        ),
        Mistake(
            "log_sigma_gradient",
            "This is the gradient with respect to log sigma. Divide by sigma for the one with respect "
            "to sigma.",
            with_respect_to_log_sigma,
        ),
        Mistake(
            "divided_once",
            "d log q / dmu is (z - mu) / sigma^2; you divide by sigma only once. With eps it is eps / sigma.",
            divided_by_sigma_once,
        ),
        Mistake(
            "pathwise",
            "This differentiates f. It has little variance, but a score function needs values of f "
            "only: for a step the "
            "derivative is zero or does not exist, and the gradient of the expectation does.",
            pathwise,
        ),
        Mistake(
            "own_seed",
            "Every call uses the same draws: you seed a generator of your own inside. Use the one that "
            "is passed.",
            own_seed,
        ),
        Mistake(
            "global_generator",
            "The draws ignore `generator`, so a seed doesn't repeat them. Pass generator=generator to "
            "torch.randn.",
            global_generator,
        ),
    ),
    accepted=(
        as_a_covariance,
        one_draw_left_out_at_a_time,
        value_at_the_mean,
        each_half_for_the_other,
        further_draws_for_the_baseline,
    ),
    hints=(
        "Subtract from each f(z_i) a number that does not depend on z_i. Which draws may you use to make it?",
        "The mean of the other n - 1 values: (sum of all values - own value) / (n - 1), for all i at once.",
        "Take your answer to exercise 5.2 and replace f(z) by f(z) minus that mean, for mu and for sigma.",
    ),
)
