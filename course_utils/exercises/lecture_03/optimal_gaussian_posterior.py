"""Exercise 3.4: the exact posterior of the linear-Gaussian model."""

import torch
from torch import Tensor

from course_utils.elbo import optimal_gaussian_posterior
from course_utils.exercises import Case, Exercise, Mistake, close
from course_utils.exercises.lecture_03 import observers
from course_utils.exercises.observers import Inputs

Pair = tuple[Tensor, Tensor]

# --- inputs: plain data from a seeded generator -----------------------------------------------------------------


def _model(
    n: int,
    generator: torch.Generator,
    *,
    w: float | None = None,
    noise_var: float | None = None,
    dtype: torch.dtype = torch.float32,
) -> Inputs:
    u = torch.rand(3, generator=generator).tolist()
    w = 1.3 + u[0] if w is None else w
    noise_var = 0.3 + 0.3 * u[1] if noise_var is None else noise_var
    b = 0.8 + u[2]
    x = b + 3.0 + 2.0 * torch.rand(n, generator=generator)  # all on one side: no posterior mean near 0
    return {"x": x.to(dtype)} | {
        name: torch.tensor(number, dtype=dtype)
        for name, number in (("w", w), ("b", b), ("noise_var", noise_var))
    }


def six_observations(generator: torch.Generator) -> Inputs:
    return _model(6, generator)


def one_observation(generator: torch.Generator) -> Inputs:
    return _model(1, generator)


def negative_slope_in_float64(generator: torch.Generator) -> Inputs:
    return _model(
        4, generator, w=-2.0 + 0.5 * torch.rand((), generator=generator).item(), dtype=torch.float64
    )


def hardly_any_noise(generator: torch.Generator) -> Inputs:
    """In float64: float32 would not forgive the right formula 1 - w^2 / (w^2 + noise_var)."""
    return _model(5, generator, noise_var=1e-6, dtype=torch.float64)


def mostly_noise(generator: torch.Generator) -> Inputs:
    return _model(5, generator, noise_var=400.0)


def no_slope(generator: torch.Generator) -> Inputs:
    return _model(5, generator, w=0.0)


# --- wrong answers that students give ---------------------------------------------------------------------------


def standard_deviation(x: Tensor, w: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    mean, var = optimal_gaussian_posterior(x, w, b, noise_var)
    return mean, var.sqrt()


def precision(x: Tensor, w: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    mean, var = optimal_gaussian_posterior(x, w, b, noise_var)
    return mean, 1 / var


def noise_squared(x: Tensor, w: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    return optimal_gaussian_posterior(x, w, b, noise_var**2)


def offset_forgotten(x: Tensor, w: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    return optimal_gaussian_posterior(x, w, torch.zeros_like(b), noise_var)


def offset_added(x: Tensor, w: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    return optimal_gaussian_posterior(x, w, -b, noise_var)


def prior_forgotten(x: Tensor, w: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    return (x - b) / w, noise_var / w**2


def slope_forgotten(x: Tensor, w: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    return (x - b) / (w**2 + noise_var), noise_var / (w**2 + noise_var)


def slope_not_squared(x: Tensor, w: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    return w * (x - b) / (w + noise_var), noise_var / (w + noise_var)


def law_of_x(x: Tensor, w: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    return torch.zeros_like(x) + b, w**2 + noise_var


def likelihood_of_x(x: Tensor, w: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    return w * x + b, noise_var


def prior(x: Tensor, w: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    return torch.zeros_like(x), torch.ones_like(x)


def complement(x: Tensor, w: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    return w * (x - b) / (w**2 + noise_var), w**2 / (w**2 + noise_var)


def batch_averaged(x: Tensor, w: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    return optimal_gaussian_posterior(x.mean().expand(len(x)), w, b, noise_var)


# --- right answers, written independently -----------------------------------------------------------------------


def by_adding_precisions(x: Tensor, w: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    total = 1 + w.square() / noise_var  # precision of the prior plus that of the observation
    return (w * (x - b) / noise_var) / total, (1 / total).expand(x.shape)


def by_conditioning_a_joint_gaussian(x: Tensor, w: Tensor, b: Tensor, noise_var: Tensor) -> Pair:
    covariance, variance_of_x = w, w * w + noise_var
    gain = covariance / variance_of_x
    # 1 - gain * covariance would cancel where there is hardly any noise
    return gain * (x - b), (
        variance_of_x - covariance * covariance
    ) / variance_of_x if noise_var > 1e-3 else noise_var / variance_of_x


def example_by_example(x: Tensor, w: Tensor, b: Tensor, noise_var: Tensor) -> list[Tensor | float]:
    slope, offset, noise = float(w), float(b), float(noise_var)
    var = noise / (slope * slope + noise)
    return [torch.tensor([slope * (value - offset) * var / noise for value in x.tolist()]), var]


_OBSERVE = observers.posterior_of_each_example
_COMPARE = close(rtol=1e-3, atol=1e-9)

exercise = Exercise(
    id="optimal_gaussian_posterior",
    lecture=3,
    position=4,
    title="The posterior that closes the gap",
    points=2,
    minutes=12,
    difficulty=2,
    reference=optimal_gaussian_posterior,
    cases=(
        Case("six observations", six_observations, _OBSERVE, _COMPARE),
        Case("a batch of one", one_observation, _OBSERVE, _COMPARE),
        Case("a falling line, in float64", negative_slope_in_float64, _OBSERVE, _COMPARE),
        Case("hardly any noise", hardly_any_noise, _OBSERVE, _COMPARE),
        Case("mostly noise", mostly_noise, _OBSERVE, _COMPARE),
        Case("x does not depend on z", no_slope, _OBSERVE, _COMPARE),
    ),
    mistakes=(
        Mistake(
            "std_returned",
            "This is the posterior's standard deviation. The variance is asked for.",
            standard_deviation,
        ),
        Mistake("precision_returned", "This is the posterior's precision, one over the variance.", precision),
        Mistake("noise_squared", "noise_var is a variance already: it is not squared again.", noise_squared),
        Mistake("offset_forgotten", "The offset b is missing: w z explains x - b, not x.", offset_forgotten),
        Mistake("offset_added", "The offset has the wrong sign: w z explains x - b.", offset_added),
        Mistake(
            "prior_forgotten",
            "This is the z that explains x best, the likelihood alone. The prior N(0, 1) pulls the mean "
            "towards 0 and "
            "adds its precision of 1; without it, w = 0 breaks.",
            prior_forgotten,
        ),
        Mistake(
            "slope_forgotten",
            "The mean lacks a factor w: in the exponent, z stands beside w (x - b) / noise_var.",
            slope_forgotten,
        ),
        Mistake(
            "slope_not_squared",
            "The slope enters squared: z^2 stands beside w^2 / noise_var + 1.",
            slope_not_squared,
        ),
        Mistake(
            "law_of_x",
            "This is the law of x, N(b, w^2 + noise_var): the evidence. The law of z given x is asked for.",
            law_of_x,
        ),
        Mistake(
            "likelihood_of_x",
            "This is p(x|z), the law of x given z. The law of z given x is asked for.",
            likelihood_of_x,
        ),
        Mistake(
            "prior_returned",
            "This is the prior N(0, 1). It becomes the posterior only where x says nothing about z.",
            prior,
        ),
        Mistake(
            "complement",
            "The variance shrinks as the noise shrinks: noise_var / (w^2 + noise_var). You have one minus "
            "that.",
            complement,
        ),
        Mistake(
            "batch_averaged", "Every x has its own posterior: do not average over the batch.", batch_averaged
        ),
    ),
    accepted=(by_adding_precisions, by_conditioning_a_joint_gaussian, example_by_example),
    hints=(
        "Up to a constant, log p(z|x) is log p(x, z) as a function of z, which is a parabola. "
        "What do its curvature and its top say about a Gaussian?",
        "Write log p(x, z) = -a z^2 / 2 + c z + const and collect the terms: one contribution to a from "
        "the prior, one "
        "from the likelihood, and c from the likelihood alone.",
        "a = 1 + w^2 / noise_var and c = w (x - b) / noise_var. A Gaussian with this exponent has mean c / "
        "a and "
        "variance 1 / a; simplify, so that w = 0 works.",
    ),
)
