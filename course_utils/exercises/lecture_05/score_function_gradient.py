"""Exercise 5.2: the gradient of an expectation from values of f alone."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake, close, same_law
from course_utils.exercises.lecture_05 import observers
from course_utils.exercises.lecture_05.observers import closed_form_law, gaussian_problem
from course_utils.exercises.observers import ADVANCES, ONLY_SOURCE, UNCHANGED, Inputs
from course_utils.gradient_estimators import score_function_gradient, score_function_with_baseline

Objective = Callable[[Tensor], Tensor]
Pair = tuple[Tensor, Tensor]

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def a_parabola(generator: Generator) -> Inputs:
    return gaussian_problem(400, (16, 256), generator, coefficients=[2.0, 3.0, 1.0])


def a_step(generator: Generator) -> Inputs:
    return gaussian_problem(400, (12, 192), generator, step=1.5, dtype=torch.float64)


def a_narrow_gaussian(generator: Generator) -> Inputs:
    return gaussian_problem(400, (12, 192), generator, narrow=True, coefficients=[1.0, -2.0, 1.0, 0.5])


def four_draws(generator: Generator) -> Inputs:
    return gaussian_problem(4, (16, 256), generator, coefficients=[20.0, 1.0])


def one_draw(generator: Generator) -> Inputs:
    return gaussian_problem(1, (16, 256), generator, coefficients=[4.0, 1.0])


# --- wrong answers that students give -------------------------------------------------------------


def _draw(mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Tensor:
    return mu + sigma * torch.randn(n, generator=generator, dtype=mu.dtype)


def _scores(z: Tensor, mu: Tensor, sigma: Tensor) -> Pair:
    return (z - mu) / sigma**2, ((z - mu) ** 2 - sigma**2) / sigma**3


def _means(values: Tensor, scores: Pair) -> Pair:
    return (values * scores[0]).mean(), (values * scores[1]).mean()


def summed(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    d_mu, d_sigma = score_function_gradient(f, mu, sigma, n, generator)
    return n * d_mu, n * d_sigma


def wrong_sign(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    d_mu, d_sigma = score_function_gradient(f, mu, sigma, n, generator)
    return -d_mu, -d_sigma


def swapped(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    d_mu, d_sigma = score_function_gradient(f, mu, sigma, n, generator)
    return d_sigma, d_mu


def with_respect_to_variance(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    d_mu, d_sigma = score_function_gradient(f, mu, sigma, n, generator)
    return d_mu, d_sigma / (2 * sigma)


def with_respect_to_log_sigma(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    d_mu, d_sigma = score_function_gradient(f, mu, sigma, n, generator)
    return d_mu, sigma * d_sigma


def with_respect_to_logvar(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    d_mu, d_sigma = score_function_gradient(f, mu, sigma, n, generator)
    return d_mu, sigma * d_sigma / 2


def sigma_as_variance(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    z = _draw(mu, sigma.sqrt(), n, generator)
    return _means(f(z), _scores(z, mu, sigma.sqrt()))


def divided_by_sigma_once(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    z = _draw(mu, sigma, n, generator)
    return _means(f(z), ((z - mu) / sigma, _scores(z, mu, sigma)[1]))


def normaliser_forgotten(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    z = _draw(mu, sigma, n, generator)
    return _means(f(z), ((z - mu) / sigma**2, (z - mu) ** 2 / sigma**3))


def density_not_its_log(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    z = _draw(mu, sigma, n, generator)
    density = (-0.5 * ((z - mu) / sigma) ** 2).exp() / (sigma * (2 * torch.pi) ** 0.5)
    return _means(f(z) * density, _scores(z, mu, sigma))


def score_alone(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    z = _draw(mu, sigma, n, generator)
    return _means(torch.ones_like(z), _scores(z, mu, sigma))


def product_of_means(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    z = _draw(mu, sigma, n, generator)
    score_mu, score_sigma = _scores(z, mu, sigma)
    return f(z).mean() * score_mu.mean(), f(z).mean() * score_sigma.mean()


def one_shared_draw(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    z = _draw(mu, sigma, 1, generator).expand(n)
    return _means(f(z), _scores(z, mu, sigma))


def uniform_noise(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    z = mu + sigma * torch.rand(n, generator=generator, dtype=mu.dtype)
    return _means(f(z), _scores(z, mu, sigma))


def with_a_baseline(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    if n == 1:
        return score_function_gradient(f, mu, sigma, n, generator)
    return score_function_with_baseline(f, mu, sigma, n, generator)


def with_the_mean_subtracted(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    z = _draw(mu, sigma, n, generator)
    return _means(f(z) - f(z).mean(), _scores(z, mu, sigma))


def pathwise(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    mu, sigma = mu.clone().requires_grad_(), sigma.clone().requires_grad_()
    mean = f(_draw(mu, sigma, n, generator)).mean()
    if not mean.requires_grad:
        return torch.zeros(()), torch.zeros(())
    d_mu, d_sigma = torch.autograd.grad(mean, (mu, sigma))
    return d_mu, d_sigma


def ignores_n(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    return score_function_gradient(f, mu, sigma, 1000, generator)


def own_seed(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    return score_function_gradient(f, mu, sigma, n, Generator().manual_seed(0))


def global_generator(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    return score_function_gradient(f, mu, sigma, n)


# --- right answers, written independently ---------------------------------------------------------


def by_autograd_of_the_log_density(
    f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator
) -> list[Tensor]:
    mu, sigma = mu.detach().requires_grad_(), sigma.detach().requires_grad_()
    with torch.no_grad():
        z = torch.normal(mu.expand(n), sigma.expand(n), generator=generator)
        values = f(z)
    surrogate = (values * torch.distributions.Normal(mu, sigma).log_prob(z)).mean()
    surrogate.backward()
    return [mu.grad, sigma.grad]


def in_plain_numbers(
    f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator
) -> tuple[float, float]:
    z = _draw(mu, sigma, n, generator)
    m, s, d_mu, d_sigma = float(mu), float(sigma), 0.0, 0.0
    for value, draw in zip(f(z).tolist(), z.tolist(), strict=True):
        standardised = (draw - m) / s
        d_mu += value * standardised / s / n
        d_sigma += value * (standardised**2 - 1) / s / n
    return d_mu, d_sigma


def in_one_product(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Tensor:
    eps = torch.empty(n, dtype=mu.dtype).normal_(generator=generator)
    scores = torch.stack([eps, eps * eps - 1]) / sigma
    d_mu, d_sigma = scores @ f(mu + eps * sigma) / n
    return d_mu, d_sigma


_OBSERVE = observers.repeated_gradients
_COMPARE = {name: close() for name in (ADVANCES, ONLY_SOURCE, UNCHANGED, observers.SAME_SEED)}
_COMPARE |= {"d/dmu": same_law(), "d/dsigma": same_law()}

exercise = Exercise(
    id="score_function_gradient",
    lecture=5,
    position=2,
    title="A gradient from values alone",
    points=3,
    minutes=15,
    difficulty=2,
    reference=score_function_gradient,
    cases=(
        Case("a parabola and 400 draws", a_parabola, _OBSERVE, _COMPARE, closed_form_law),
        Case("a step, which has no derivative, in float64", a_step, _OBSERVE, _COMPARE, closed_form_law),
        Case("a narrow Gaussian and a cubic", a_narrow_gaussian, _OBSERVE, _COMPARE, closed_form_law),
        Case("four draws", four_draws, _OBSERVE, _COMPARE, closed_form_law),
        Case("a single draw", one_draw, _OBSERVE, _COMPARE, closed_form_law),
    ),
    mistakes=(
        Mistake("summed", "The n terms are added up. An expectation is estimated by their mean.", summed),
        Mistake(
            "wrong_sign",
            "The sign is turned round. d log q / dmu is (z - mu) / sigma^2: positive where z lies above mu.",
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
            "logvar_gradient",
            "This is the gradient with respect to logvar. sigma itself is asked for: d logvar / dsigma "
            "= 2 / sigma.",
            with_respect_to_logvar,
        ),
        Mistake(
            "sigma_as_variance",
            "sigma is taken for a variance. It is the standard deviation: z = mu + sigma * eps, "
            "without a root.",
            sigma_as_variance,
        ),
        Mistake(
            "divided_once",
            "d log q / dmu is (z - mu) / sigma^2; you divide by sigma only once. With eps it is eps / sigma.",
            divided_by_sigma_once,
        ),
        Mistake(
            "normaliser_forgotten",
            "log q also contains -log sigma, from the constant in front of the exponential. Its "
            "derivative, -1 / sigma, "
            "is missing in the score for sigma, and the score no longer has mean zero.",
            normaliser_forgotten,
        ),
        Mistake(
            "density_weighted",
            "f is multiplied by the density q(z) as well. The draws come from q already: weight f by "
            "the score alone.",
            density_not_its_log,
        ),
        Mistake(
            "score_alone",
            "This averages the score alone, whose mean is zero. Each draw's score is weighted by f(z).",
            score_alone,
        ),
        Mistake(
            "product_of_means",
            "You multiply the mean of f by the mean of the score. The product is taken draw by draw, "
            "then averaged.",
            product_of_means,
        ),
        Mistake("one_draw", "One draw is used n times: the mean needs n independent draws.", one_shared_draw),
        Mistake(
            "uniform_noise",
            "torch.rand draws uniformly between 0 and 1. z is Gaussian: use torch.randn.",
            uniform_noise,
        ),
        Mistake(
            "with_baseline",
            "This has a baseline already, and so less variance than the plain estimator that is asked "
            "for here. Keep it "
            "for exercise 5.4.",
            with_a_baseline,
        ),
        Mistake(
            "mean_subtracted",
            "The mean of f over the same draws is subtracted. It contains the very draw it is used on, "
            "which shrinks the "
            "gradient, and to zero for n = 1. Here no baseline is asked for.",
            with_the_mean_subtracted,
        ),
        Mistake(
            "pathwise",
            "This differentiates f. The score function only needs its values: for a step the "
            "derivative is zero, and the "
            "gradient of the expectation is not.",
            pathwise,
        ),
        Mistake("ignores_n", "You draw 1,000 values of z whatever `n` says. Draw n.", ignores_n),
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
    accepted=(by_autograd_of_the_log_density, in_plain_numbers, in_one_product),
    hints=(
        "The gradient is an expectation again: of f(z) times the gradient of log q(z). Draw, multiply, "
        "average.",
        "log q(z) = -log sigma - (z - mu)^2 / (2 sigma^2) + constant. Differentiate by hand, once for "
        "mu and once for sigma.",
        "With eps = (z - mu) / sigma the two scores are eps / sigma and (eps^2 - 1) / sigma. Multiply "
        "each by f(z) and take "
        "the mean over the n draws.",
    ),
)
