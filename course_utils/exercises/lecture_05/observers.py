"""Observers of lecture 5: the law and the gradients of a draw, and gradient estimates repeated.

An objective handed to an answer has a gradient known in closed form. With ``z ~ N(mu, sigma^2)``:
a polynomial by the moments of z, ``E[sin z] = sin(mu) exp(-sigma^2 / 2)``, ``P(z > c)`` by the normal density.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import observers
from course_utils.exercises.comparisons import standard_error_of_log_std
from course_utils.exercises.observers import (
    ADVANCES,
    NEAR,
    ONLY_SOURCE,
    UNCHANGED,
    Answer,
    Arrays,
    Inputs,
    NonsenseError,
    ask_until_clear,
    is_far_off,
    standard_errors_off,
    unwatched,
)

SAME_SEED = "the same seed gives the same draws"
FOLLOWS_GLOBAL = "torch.manual_seed repeats the draws when no generator is given"
FRESH = "two calls without a generator give different draws"
FINITE = "every number is finite"
LESS_VARIANCE = "the variance is less than a fifth of what it is without a baseline"
NOT_MORE_VARIANCE = "the variance is not larger than without a baseline"
REACHES = "a gradient reaches {}"

MEAN = "(z - mu) / sigma"
SQUARE = "the square of (z - mu) / sigma"
SHARES = "shares of (z - mu) / sigma below -1.5, -0.7, 0, 0.7 and 1.5"
DIMENSIONS = "the square of the sum over the dimensions, divided by their number"
EXAMPLES = "the square of the sum over the examples, divided by their number"

# shares of a standard normal below these points tell it from any other law with mean 0 and variance 1
POINTS = torch.tensor([-1.5, -0.7, 0.0, 0.7, 1.5], dtype=torch.float64)
STANDARD_NORMAL = {
    MEAN: torch.zeros(1),
    SQUARE: torch.ones(1),
    SHARES: torch.special.ndtr(POINTS)[None],
    DIMENSIONS: torch.ones(1),
    EXAMPLES: torch.ones(1),
}
"""What the statistics of the noise are on average."""


# --- reparameterize -------------------------------------------------------------------------------


def law_of_the_noise(answer: Answer, inputs: Inputs) -> Arrays:
    """Draws, undone: eps = (z - mu) / sigma should be standard normal, independent everywhere.

    Each entry of a large batch is a draw of its own, so four calls show the law; a batch of one is asked for until its
    law is clear.
    """
    generator = torch.Generator().manual_seed(inputs["_seed"])
    global_state = torch.random.get_rng_state()
    arguments = observers.positional(inputs)
    first = _draw(answer, arguments, generator)
    z = ask_until_clear(
        lambda: _draw(answer, observers.positional(inputs), generator),
        lambda z: _is_clear(_noise(z, inputs).flatten(1), torch.zeros(1), torch.ones(1)),
        inputs["_first"],
        inputs["_most"],
    )
    again = _draw(answer, observers.positional(inputs), torch.Generator().manual_seed(inputs["_seed"]))
    return {
        ADVANCES: torch.tensor(not torch.equal(first, z[0])),
        ONLY_SOURCE: torch.tensor(torch.equal(global_state, torch.random.get_rng_state())),
        SAME_SEED: torch.tensor(torch.equal(first, again)),
        UNCHANGED: _unchanged(arguments, inputs),
        **_statistics(_noise(z, inputs)),
    }


def law_without_a_generator(answer: Answer, inputs: Inputs) -> Arrays:
    """As ``law_of_the_noise``, but called with mu and logvar alone: torch's global generator draws."""
    torch.default_generator.manual_seed(inputs["_seed"])
    z = torch.stack([_draw(answer, observers.positional(inputs)) for _ in range(inputs["_first"])])
    torch.default_generator.manual_seed(inputs["_seed"])
    again = _draw(answer, observers.positional(inputs))
    return {
        FRESH: torch.tensor(not torch.equal(z[0], z[1])),
        FOLLOWS_GLOBAL: torch.tensor(torch.equal(z[0], again)),
        **_statistics(_noise(z, inputs)),
    }


def gradients_of_a_draw(answer: Answer, inputs: Inputs) -> Arrays:
    """What reaches mu and logvar: dz / dmu is 1, and dz / dlogvar is (z - mu) / 2, whatever was drawn."""
    mu, logvar = (part.requires_grad_() for part in observers.positional(inputs))
    z = answer(mu, logvar, torch.Generator().manual_seed(inputs["_seed"]))
    observers.as_array(z)  # refuses what is not numbers
    found = observers.gradients(z, {"mu": mu, "logvar": logvar})
    # the weights with which ``gradients`` reduces z to a scalar
    weights = torch.linspace(0.5, 1.5, mu.numel(), dtype=mu.dtype).reshape(mu.shape)
    d_mu, d_logvar = (torch.zeros_like(mu) if part is None else part / weights for part in found.values())
    return {
        REACHES.format("mu"): torch.tensor(found["mu"] is not None),
        REACHES.format("logvar"): torch.tensor(found["logvar"] is not None),
        "the gradient of z with respect to mu": d_mu.detach(),
        "the gradient of z with respect to logvar, divided by z - mu": (d_logvar / (z - mu)).detach(),
    }


def extreme_draws(answer: Answer, inputs: Inputs) -> Arrays:
    """Draws with logvar far out: finite, with finite gradients, and standard normal noise inside."""
    generator = torch.Generator().manual_seed(inputs["_seed"])
    mu, logvar = (part.requires_grad_() for part in observers.positional(inputs))
    z = [answer(mu, logvar, generator) for _ in range(inputs["_first"])]
    found = observers.gradients(z, {"mu": mu, "logvar": logvar})
    finite = [part for part in (*z, *found.values()) if part is not None]
    stacked = torch.stack([observers.as_array(part) for part in z])
    return {
        FINITE: torch.tensor(all(bool(part.isfinite().all()) for part in finite)),
        **_statistics(_noise(stacked, inputs)),
    }


def _draw(answer: Answer, arguments: list[Any], *generator: torch.Generator) -> Tensor:
    z = observers.as_array(answer(*arguments, *generator))
    if z.shape != arguments[0].shape:
        raise NonsenseError(
            f"its z has shape {tuple(z.shape)} for mu of shape {tuple(arguments[0].shape)}: one z per example"
        )
    return z


def _noise(z: Tensor, inputs: Inputs) -> Tensor:
    """(repeats, batch, latent_dim) in double precision: what multiplies sigma in each draw."""
    return (z.double() - inputs["mu"].double()) * (-0.5 * inputs["logvar"].double()).exp()


def _statistics(eps: Tensor) -> Arrays:
    """One row per entry: on average over them all, standard normal noise gives ``STANDARD_NORMAL``.

    Noise that entries share makes the sums over the dimensions of an example, or over the examples, too large.
    """
    _, batch, dim = eps.shape
    return {
        MEAN: eps.flatten(),
        SQUARE: eps.square().flatten(),
        SHARES: (eps.flatten().unsqueeze(-1) < POINTS).float(),
        DIMENSIONS: eps.sum(2).square().flatten() / dim,
        EXAMPLES: eps.sum(1).square().flatten() / batch,
    }


# --- the three estimators -------------------------------------------------------------------------


def repeated_gradients(answer: Answer, inputs: Inputs) -> Arrays:
    """Estimates of (d/dmu, d/dsigma) of E[f(z)], until it is clear that their mean and spread are right.

    And how the answer treats randomness.
    """
    return _gradients(answer, inputs, torch.tensor(inputs["_spread"]))


def repeated_gradients_and_variance(answer: Answer, inputs: Inputs) -> Arrays:
    """Estimates until their mean is clear, with both variances held against the plain score function's.

    The variance has to be ``inputs["_times_less"]`` times smaller: by as much as leaves noise around 0 no scale at
    which it has a variance that small and yet a standard error that hides the gradient.
    """
    arrays, times = _gradients(answer, inputs, None), inputs.get("_times_less", 5.0)
    for name, plain in zip(("d/dmu", "d/dsigma"), inputs["_spread"], strict=True):
        arrays[f"{name}: {NOT_MORE_VARIANCE}"] = arrays[name].var() < 2 * plain**2
        arrays[f"{name}: {LESS_VARIANCE}"] = arrays[name].var() < plain**2 / times
    return arrays


def _gradients(answer: Answer, inputs: Inputs, spread: Tensor | None) -> Arrays:
    generator = torch.Generator().manual_seed(inputs["_seed"])
    global_state = torch.random.get_rng_state()
    f, arguments = objective(inputs), observers.positional(inputs)
    exact = torch.tensor(exact_gradient(inputs))
    # The same mu and sigma every time: a gradient left behind in them, to be added to, shows in the next estimate.
    estimates = ask_until_clear(
        lambda: _pair(answer(f, *arguments, generator)),
        lambda rows: _is_clear(rows, exact, spread),
        inputs["_first"],
        inputs["_most"],
    )
    again = _pair(answer(f, *observers.positional(inputs), torch.Generator().manual_seed(inputs["_seed"])))
    return {
        ADVANCES: (estimates != estimates[0]).any(),  # two may well be alike, where f is a step
        ONLY_SOURCE: torch.tensor(torch.equal(global_state, torch.random.get_rng_state())),
        SAME_SEED: torch.tensor(torch.equal(again, estimates[0])),
        UNCHANGED: _unchanged(arguments, inputs),
        "d/dmu": estimates[:, 0],
        "d/dsigma": estimates[:, 1],
    }


def _is_clear(rows: Tensor, means: Tensor, spreads: Tensor | None) -> bool:
    """Whether rows have these means and standard deviations, as near as can be seen; or means far from them."""
    off = standard_errors_off(rows, means)
    right = off < NEAR
    if spreads is not None:
        right = off * rows.std(0) < NEAR * spreads
        # 3 of its standard errors, since few rows with heavy tails make those too small
        right &= (rows.std(0) / spreads).log().abs() < 3 * standard_error_of_log_std(rows)
    return bool(right.all()) or is_far_off(rows, means)


def gaussian_problem(
    n: int,
    calls: tuple[int, int],
    generator: torch.Generator,
    *,
    estimator: str = "score function",
    narrow: bool = False,
    dtype: torch.dtype = torch.float32,
    **objective: float | list[float],
) -> Inputs:
    """Inputs of the two observers above; sigma is far from 1 and 1/2, where slips would not show.

    ``calls`` are the fewest and the most. f is made 0.2 to 20 times as large, so that the gradient for one seed is not
    that for another.
    """
    u = torch.rand(3, generator=generator).tolist()
    inputs = {
        "mu": torch.tensor(0.8 + 0.4 * u[0], dtype=dtype),
        "sigma": torch.tensor(0.25 + 0.05 * u[1] if narrow else 1.6 + 0.3 * u[1], dtype=dtype),
        "n": n,
        **{f"_{name}": value for name, value in objective.items()},
        "_scale": 0.2 * 100 ** u[2],
        "_first": calls[0],
        "_most": calls[1],
        "_seed": int(torch.randint(2**31, (), generator=generator)),
    }
    return {**inputs, "_spread": exact_spread(inputs, estimator)}


def closed_form(inputs: Inputs) -> Arrays:
    """The exact gradient, to stand in for a reference's estimates of it."""
    d_mu, d_sigma = exact_gradient(inputs)
    return {"d/dmu": torch.tensor([d_mu]), "d/dsigma": torch.tensor([d_sigma])}


def closed_form_law(inputs: Inputs) -> Arrays:
    """As many rows as leave no doubt of their own, with the exact gradient as mean and the exact spread around it."""
    signs = torch.tensor([-1.0, 1.0], dtype=torch.float64).repeat(1000)
    columns = zip(exact_gradient(inputs), inputs["_spread"], strict=True)
    return {
        name: mean + signs * std for name, (mean, std) in zip(("d/dmu", "d/dsigma"), columns, strict=True)
    }


def objective(inputs: Inputs) -> Callable[[Tensor], Tensor]:
    """f: ``_scale`` times a polynomial with ``_coefficients`` c0, c1, ..., a step at ``_step``, or a sine.

    A step from ``_height`` to 1 more has no graph.
    """
    scale = inputs["_scale"]
    if "_step" in inputs:
        height = inputs.get("_height", 0.0)
        return unwatched(lambda z: scale * ((z.detach() > inputs["_step"]).to(z.dtype) + height))
    if "_sine" in inputs:
        return unwatched(lambda z: scale * inputs["_sine"] * torch.sin(z))

    def polynomial(z: Tensor) -> Tensor:
        value = torch.full_like(z, inputs["_coefficients"][-1])
        for coefficient in inputs["_coefficients"][-2::-1]:
            value = value * z + coefficient
        return scale * value

    return unwatched(polynomial)


def exact_gradient(inputs: Inputs) -> tuple[float, float]:
    """(d/dmu, d/dsigma) of E[f(z)] in closed form."""
    d_mu, d_sigma = _unscaled_gradient(inputs)
    return inputs["_scale"] * d_mu, inputs["_scale"] * d_sigma


def _unscaled_gradient(inputs: Inputs) -> tuple[float, float]:
    mu, sigma = float(inputs["mu"]), float(inputs["sigma"])
    if "_step" in inputs:
        a = (inputs["_step"] - mu) / sigma
        density = math.exp(-(a**2) / 2) / math.sqrt(2 * math.pi)
        return density / sigma, density * a / sigma
    if "_sine" in inputs:
        shrunk = inputs["_sine"] * math.exp(-(sigma**2) / 2)
        return shrunk * math.cos(mu), -sigma * shrunk * math.sin(mu)
    # E[z^2] = mu^2 + sigma^2, E[z^3] = mu^3 + 3 mu sigma^2
    _, c1, c2, c3 = (*inputs["_coefficients"], 0.0, 0.0)[:4]
    return c1 + 2 * c2 * mu + 3 * c3 * (mu**2 + sigma**2), 2 * c2 * sigma + 6 * c3 * mu * sigma


def exact_spread(inputs: Inputs, estimator: str) -> list[float]:
    """Standard deviations of d/dmu and d/dsigma, by quadrature, of the pathwise or the score-function estimator."""
    mu, sigma = float(inputs["mu"]), float(inputs["sigma"])
    eps = torch.linspace(-10, 10, 4001, dtype=torch.float64)
    density = (-0.5 * eps.square()).exp() / math.sqrt(2 * math.pi)
    z = (mu + sigma * eps).requires_grad_()
    values = objective(inputs)(z)
    if estimator == "pathwise":
        (slope,) = torch.autograd.grad(values.sum(), z)
        terms = torch.stack([slope, slope * eps])
    else:
        terms = values.detach() * torch.stack([eps, eps.square() - 1]) / sigma
    means = torch.trapezoid(terms * density, eps)
    return ((torch.trapezoid(terms.square() * density, eps) - means.square()) / inputs["n"]).sqrt().tolist()


def _pair(result: Any) -> Tensor:
    """(d/dmu, d/dsigma) as a float64 tensor (2,)."""
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise NonsenseError("it should return two numbers, (d/dmu, d/dsigma)")
    numbers = [observers.as_array(part) for part in result]
    for name, number in zip(("d/dmu", "d/dsigma"), numbers, strict=True):
        if number.shape != ():
            raise NonsenseError(f"its {name} has shape {tuple(number.shape)} where one number is expected")
    return torch.stack(numbers).double()


def _unchanged(arguments: list[Any], inputs: Inputs) -> Tensor:
    originals = observers.positional(inputs)
    pairs = zip(arguments, originals, strict=True)
    return torch.tensor(all(torch.equal(a, b) for a, b in pairs if isinstance(b, Tensor)))
