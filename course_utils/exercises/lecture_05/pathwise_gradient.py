"""Exercise 5.3: the gradient of an expectation along the path of the draw."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake, close, same_law
from course_utils.exercises.lecture_05 import observers
from course_utils.exercises.lecture_05.observers import closed_form_law, gaussian_problem
from course_utils.exercises.observers import ADVANCES, ONLY_SOURCE, UNCHANGED, Inputs
from course_utils.gradient_estimators import pathwise_gradient, score_function_gradient

Objective = Callable[[Tensor], Tensor]
Pair = tuple[Tensor, Tensor]

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _problem(n: int, calls: tuple[int, int], generator: Generator, **objective: Any) -> Inputs:
    return gaussian_problem(n, calls, generator, estimator="pathwise", **objective)


def a_cubic(generator: Generator) -> Inputs:
    return _problem(100, (12, 192), generator, coefficients=[1.0, -1.0, 1.5, 0.4])


def a_sine(generator: Generator) -> Inputs:
    return _problem(200, (12, 192), generator, narrow=True, sine=3.0, dtype=torch.float64)


def a_parabola_on_a_hill(generator: Generator) -> Inputs:
    return _problem(16, (12, 192), generator, coefficients=[100.0, 3.0, 1.0])


def one_draw(generator: Generator) -> Inputs:
    return _problem(1, (16, 256), generator, coefficients=[0.0, 1.0, 1.0])


# --- wrong answers that students give -------------------------------------------------------------


def _leaves(mu: Tensor, sigma: Tensor) -> Pair:
    return mu.clone().requires_grad_(), sigma.clone().requires_grad_()


def _noise(mu: Tensor, n: int, generator: Generator) -> Tensor:
    return torch.randn(n, generator=generator, dtype=mu.dtype)


def summed(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    mu, sigma = _leaves(mu, sigma)
    return torch.autograd.grad(f(mu + sigma * _noise(mu, n, generator)).sum(), (mu, sigma))


def leaves_of_the_caller(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    mu.requires_grad_(), sigma.requires_grad_()
    f(mu + sigma * _noise(mu, n, generator)).mean().backward()
    return mu.grad, sigma.grad


def wrong_sign(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    d_mu, d_sigma = pathwise_gradient(f, mu, sigma, n, generator)
    return -d_mu, -d_sigma


def swapped(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    d_mu, d_sigma = pathwise_gradient(f, mu, sigma, n, generator)
    return d_sigma, d_mu


def with_respect_to_variance(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    d_mu, d_sigma = pathwise_gradient(f, mu, sigma, n, generator)
    return d_mu, d_sigma / (2 * sigma)


def with_respect_to_log_sigma(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    d_mu, d_sigma = pathwise_gradient(f, mu, sigma, n, generator)
    return d_mu, sigma * d_sigma


def sigma_as_variance(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    mu, sigma = _leaves(mu, sigma)
    return torch.autograd.grad(f(mu + sigma.sqrt() * _noise(mu, n, generator)).mean(), (mu, sigma))


def sigma_as_logvar(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    mu, sigma = _leaves(mu, sigma)
    return torch.autograd.grad(f(mu + (sigma / 2).exp() * _noise(mu, n, generator)).mean(), (mu, sigma))


def eps_forgotten(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    d_mu, _ = pathwise_gradient(f, mu, sigma, n, generator)
    return d_mu, d_mu.clone()


def drawn_by_torch(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    mu, sigma = _leaves(mu, sigma)
    z = torch.normal(mu.expand(n), sigma.expand(n), generator=generator)
    return torch.autograd.grad(f(z).mean(), (mu, sigma))


def noise_term_detached(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    d_mu, d_sigma = pathwise_gradient(f, mu, sigma, n, generator)
    return d_mu, torch.zeros_like(d_sigma)


def sampled_without_graph(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    mu, sigma = _leaves(mu, sigma)
    z = torch.distributions.Normal(mu, sigma).sample((n,))
    return torch.autograd.grad(f(z).mean(), (mu, sigma))


def at_the_mean(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    mu, sigma = _leaves(mu, sigma)
    z = (mu + sigma * _noise(mu, n, generator)).mean()
    return torch.autograd.grad(f(z.expand(1)).sum(), (mu, sigma))


def score_function(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    return score_function_gradient(f, mu, sigma, n, generator)


def one_shared_eps(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    return pathwise_gradient(f, mu, sigma, 1, generator)


def uniform_noise(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    mu, sigma = _leaves(mu, sigma)
    z = mu + sigma * torch.rand(n, generator=generator, dtype=mu.dtype)
    return torch.autograd.grad(f(z).mean(), (mu, sigma))


def ignores_n(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    return pathwise_gradient(f, mu, sigma, 1000, generator)


def own_seed(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    return pathwise_gradient(f, mu, sigma, n, Generator().manual_seed(0))


def global_generator(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    return pathwise_gradient(f, mu, sigma, n)


# --- right answers, written independently ---------------------------------------------------------


def with_backward(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    mu, sigma = mu.detach().clone().requires_grad_(), sigma.detach().clone().requires_grad_()
    z = mu + sigma * torch.empty(n, dtype=mu.dtype).normal_(generator=generator)
    (f(z).sum() / n).backward()
    return mu.grad, sigma.grad


def chain_rule_by_hand(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> list[float]:
    eps = torch.randn(n, 1, generator=generator, dtype=torch.float64)[:, 0]
    z = (mu + sigma * eps).detach().requires_grad_()
    (slope,) = torch.autograd.grad(f(z).sum(), z)
    return [slope.mean().item(), (slope * eps).mean().item()]


def with_a_functional_gradient(f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> Pair:
    eps = torch.normal(0.0, 1.0, (n,), generator=generator, dtype=mu.dtype)
    return torch.func.grad(lambda m, s: f(m + s * eps).mean(), argnums=(0, 1))(mu, sigma)


_OBSERVE = observers.repeated_gradients
_COMPARE = {name: close() for name in (ADVANCES, ONLY_SOURCE, UNCHANGED, observers.SAME_SEED)}
_COMPARE |= {"d/dmu": same_law(), "d/dsigma": same_law()}

exercise = Exercise(
    id="pathwise_gradient",
    lecture=5,
    position=3,
    title="A gradient along the path of the draw",
    points=3,
    minutes=12,
    difficulty=2,
    reference=pathwise_gradient,
    cases=(
        Case("a cubic and 100 draws", a_cubic, _OBSERVE, _COMPARE, closed_form_law),
        Case("a sine under a narrow Gaussian, in float64", a_sine, _OBSERVE, _COMPARE, closed_form_law),
        Case("a parabola on a hill and 16 draws", a_parabola_on_a_hill, _OBSERVE, _COMPARE, closed_form_law),
        Case("a single draw", one_draw, _OBSERVE, _COMPARE, closed_form_law),
    ),
    mistakes=(
        Mistake(
            "summed",
            "The gradients of the n draws are added up. The expectation is estimated by their mean.",
            summed,
        ),
        Mistake(
            "leaves_of_the_caller",
            "backward() adds to .grad, and the caller's mu and sigma keep theirs: the second call returns the sum of "
            "two gradients. Make leaves of your own, mu.detach().clone().requires_grad_(), in every call.",
            leaves_of_the_caller,
        ),
        Mistake(
            "wrong_sign",
            "The sign is turned round: this is the gradient of E[f(z)], not of its negative.",
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
            "sigma_as_variance",
            "sigma is taken for a variance. It is the standard deviation: z = mu + sigma * eps, "
            "without a root.",
            sigma_as_variance,
        ),
        Mistake(
            "sigma_as_logvar",
            "sigma goes through exp(sigma / 2), as if it were a log-variance. Here it is the standard "
            "deviation itself.",
            sigma_as_logvar,
        ),
        Mistake(
            "eps_forgotten",
            "Both numbers are the mean slope of f. By the chain rule dz / dsigma = eps: the slope at "
            "each draw is weighted "
            "by its own eps for sigma.",
            eps_forgotten,
        ),
        Mistake(
            "torch_normal",
            "torch.normal(mu, sigma) has a gradient that is zero everywhere, without an error. Draw "
            "eps from N(0, 1) and "
            "make z from mu, sigma and eps by arithmetic.",
            drawn_by_torch,
        ),
        Mistake(
            "no_gradient_to_sigma",
            "The gradient for sigma is zero: sigma is not in the graph of z. Leave sigma * eps attached.",
            noise_term_detached,
        ),
        Mistake(
            "sample",
            ".sample() draws without a graph, so there is nothing to differentiate. Make z = mu + "
            "sigma * eps.",
            sampled_without_graph,
        ),
        Mistake(
            "mean_of_draws",
            "The draws are averaged before f. It is f(z), or its gradient, that is averaged.",
            at_the_mean,
        ),
        Mistake(
            "score_function",
            "This is the score-function estimator: right on average, but with far more variance. "
            "Differentiate f along "
            "z = mu + sigma * eps instead.",
            score_function,
        ),
        Mistake(
            "one_eps", "One eps is used for all n draws: the mean needs n independent ones.", one_shared_eps
        ),
        Mistake(
            "uniform_noise",
            "torch.rand draws uniformly between 0 and 1. The noise is standard normal: torch.randn.",
            uniform_noise,
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
    accepted=(with_backward, chain_rule_by_hand, with_a_functional_gradient),
    hints=(
        "Make z from mu, sigma and noise that depends on neither. Then it is an ordinary derivative, "
        "and autograd does it.",
        "Autograd needs leaves: `mu = mu.detach().requires_grad_()`, and the same for sigma. Then "
        "build z and the mean of f(z).",
        "`torch.autograd.grad(mean_of_f, (mu, sigma))` returns both numbers, in this order.",
    ),
)
