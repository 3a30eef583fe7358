"""Exercise 6.2: the log-likelihood of pixels under Gaussians, with its constant."""

import math

import torch
from torch import Tensor

from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.observers import Inputs, value, value_and_gradients
from course_utils.likelihoods import gaussian_log_likelihood

Sigma = Tensor | float
LOG_2PI = math.log(2 * math.pi)

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _images(n: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Inputs:
    x = torch.rand(n, 1, 28, 28, generator=generator, dtype=torch.float64)
    mean = x + 0.3 * torch.randn(x.shape, generator=generator, dtype=torch.float64)
    return {"mean": mean.to(dtype), "x": x.to(dtype)}


def a_number(generator: torch.Generator) -> Inputs:
    return {**_images(5, generator), "sigma": 0.2 + 0.1 * torch.rand((), generator=generator).item()}


def a_learned_number(generator: torch.Generator) -> Inputs:
    sigma = 0.3 + 0.1 * torch.rand((), generator=generator)
    return {**_images(4, generator), "sigma": sigma, "_gradients_of": ["mean", "sigma"]}


def one_per_pixel(generator: torch.Generator) -> Inputs:
    images = _images(3, generator, torch.float64)
    sigma = 0.2 + 0.6 * torch.rand(images["x"].shape, generator=generator, dtype=torch.float64)
    return {**images, "sigma": sigma, "_gradients_of": ["mean", "sigma"]}


def one_image_and_a_narrow_gaussian(generator: torch.Generator) -> Inputs:
    return {**_images(1, generator), "sigma": 1e-4}


# --- wrong answers that students give -------------------------------------------------------------


def _log(sigma: Sigma) -> Tensor:
    return torch.as_tensor(sigma).log()


def _summed(pixels: Tensor) -> Tensor:
    return pixels.flatten(1).sum(1)


def without_the_constant(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    return _summed(-0.5 * ((x - mean) / sigma) ** 2 - _log(sigma))


def without_log_sigma(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    return _summed(-0.5 * ((x - mean) / sigma) ** 2 - 0.5 * LOG_2PI)


def squares_only(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    return _summed(-0.5 * ((x - mean) / sigma) ** 2)


def without_the_half(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    return _summed(-(((x - mean) / sigma) ** 2) - _log(sigma) - 0.5 * LOG_2PI)


def half_a_log_sigma(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    return _summed(-0.5 * ((x - mean) / sigma) ** 2 - 0.5 * _log(sigma) - 0.5 * LOG_2PI)


def twice_log_sigma(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    return _summed(-0.5 * ((x - mean) / sigma) ** 2 - 2 * _log(sigma) - 0.5 * LOG_2PI)


def whole_log_2pi(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    return _summed(-0.5 * ((x - mean) / sigma) ** 2 - _log(sigma) - LOG_2PI)


def sigma_as_variance(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    return gaussian_log_likelihood(mean, x, torch.as_tensor(sigma) ** 0.5)


def sigma_as_log_sigma(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    return gaussian_log_likelihood(mean, x, torch.as_tensor(sigma).exp())


def sigma_as_logvar(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    return gaussian_log_likelihood(mean, x, (0.5 * torch.as_tensor(sigma)).exp())


def sigma_not_squared(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    return _summed(-0.5 * (x - mean) ** 2 / sigma - _log(sigma) - 0.5 * LOG_2PI)


def normaliser_counted_once(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    normaliser = (_log(sigma) + 0.5 * LOG_2PI) * torch.ones_like(x)
    return squares_only(mean, x, sigma) - normaliser.flatten(1).mean(1)


def sign_flipped(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    return -gaussian_log_likelihood(mean, x, sigma)


def normaliser_added(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    return _summed(-0.5 * ((x - mean) / sigma) ** 2 + _log(sigma) + 0.5 * LOG_2PI)


def averaged_over_pixels(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    return gaussian_log_likelihood(mean, x, sigma) / x[0].numel()


def averaged_over_the_batch(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    return gaussian_log_likelihood(mean, x, sigma).mean()


def pixel_by_pixel(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    return -0.5 * ((x - mean) / sigma) ** 2 - _log(sigma) - 0.5 * LOG_2PI


def logarithm_of_the_density(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    density = (-0.5 * ((x - mean) / sigma) ** 2).exp() / (sigma * math.sqrt(2 * math.pi))
    return _summed(density.log())


def sigma_without_a_gradient(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    return gaussian_log_likelihood(mean, x, torch.as_tensor(sigma).detach())


def without_a_graph(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    return gaussian_log_likelihood(mean, x, sigma).detach()


# --- right answers, written independently ---------------------------------------------------------


def by_torch_distributions(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    return torch.distributions.Normal(mean, sigma).log_prob(x).sum((1, 2, 3))


def term_by_term(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    variance = torch.as_tensor(sigma, dtype=x.dtype).expand(x.shape) ** 2
    normaliser = 0.5 * torch.log(2 * torch.pi * variance).flatten(1).sum(1)
    return -normaliser - ((mean - x).square() / (2 * variance)).flatten(1).sum(1)


def by_torchs_loss(mean: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    variance = torch.as_tensor(sigma, dtype=x.dtype).pow(2).expand(x.shape)
    loss = torch.nn.functional.gaussian_nll_loss(mean, x, variance, full=True, eps=1e-30, reduction="none")
    return -loss.reshape(len(x), -1).sum(1)


exercise = Exercise(
    id="gaussian_log_likelihood",
    lecture=6,
    position=2,
    title="Gaussian pixels",
    points=2,
    minutes=10,
    difficulty=1,
    reference=gaussian_log_likelihood,
    cases=(
        Case("sigma a number, five images", a_number, value),
        Case("sigma a tensor that is learned", a_learned_number, value_and_gradients),
        Case("one sigma per pixel, in float64", one_per_pixel, value_and_gradients),
        Case("a batch of one, sigma of 0.0001", one_image_and_a_narrow_gaussian, value),
    ),
    mistakes=(
        Mistake(
            "constant_missing",
            "The constant -log(2 pi) / 2 is missing, once for each pixel. It changes no gradient, but without it this "
            "is no log-likelihood and can't be compared with any other.",
            without_the_constant,
        ),
        Mistake(
            "log_sigma_missing",
            "-log sigma is missing. Without it a learned sigma grows for ever, since a wider Gaussian forgives every "
            "error and pays nothing for it.",
            without_log_sigma,
        ),
        Mistake(
            "squares_only",
            "This is the squared error, scaled. The normaliser of the Gaussian, -log sigma - log(2 pi) / 2 for each "
            "pixel, is missing.",
            squares_only,
        ),
        Mistake(
            "half_missing",
            "The factor one half before the square is missing: (x - m)^2 / (2 sigma^2).",
            without_the_half,
        ),
        Mistake(
            "half_log_sigma",
            "There is one log sigma for each pixel, or one half of log sigma^2: not one half of log sigma.",
            half_a_log_sigma,
        ),
        Mistake(
            "twice_log_sigma",
            "log sigma is counted twice for each pixel. The normaliser is log sigma, which is one half of log sigma^2.",
            twice_log_sigma,
        ),
        Mistake(
            "whole_log_2pi",
            "The normaliser of a Gaussian is sigma times the root of 2 pi: its logarithm has one half of log(2 pi).",
            whole_log_2pi,
        ),
        Mistake(
            "sigma_as_variance",
            "sigma is taken for the variance. It is the standard deviation: the square is divided by 2 sigma^2.",
            sigma_as_variance,
        ),
        Mistake(
            "sigma_as_log_sigma",
            "sigma is put through the exponential, as if it were a logarithm. It is the standard deviation itself.",
            sigma_as_log_sigma,
        ),
        Mistake(
            "sigma_as_logvar",
            "sigma is taken for logvar. Here it is the standard deviation itself, no logarithm.",
            sigma_as_logvar,
        ),
        Mistake(
            "sigma_not_squared",
            "The squared difference is divided by 2 sigma where it should be 2 sigma^2.",
            sigma_not_squared,
        ),
        Mistake(
            "normaliser_once",
            "The normaliser is counted once per image. Every pixel has a Gaussian of its own: with 784 pixels it "
            "counts 784 times.",
            normaliser_counted_once,
        ),
        Mistake(
            "sign_flipped",
            "This is minus the log-likelihood. The loss will turn the sign; the log-likelihood is to be made large.",
            sign_flipped,
        ),
        Mistake(
            "normaliser_added",
            "The normaliser is added where it should be subtracted: the density is divided by sigma sqrt(2 pi).",
            normaliser_added,
        ),
        Mistake(
            "averaged_over_pixels",
            "The pixels are averaged. The log-likelihood of an image is the sum over its pixels.",
            averaged_over_pixels,
        ),
        Mistake(
            "averaged_over_the_batch",
            "The batch is averaged away. Give one number per image; the loss takes the mean later.",
            averaged_over_the_batch,
        ),
        Mistake(
            "pixel_by_pixel",
            "This is one number per pixel. Sum over everything but the batch: .flatten(1).sum(1).",
            pixel_by_pixel,
        ),
        Mistake(
            "logarithm_of_the_density",
            "The density is computed first and its logarithm taken after: far from the mean it rounds to 0, and the "
            "logarithm is minus infinity. Write the logarithm down term by term.",
            logarithm_of_the_density,
        ),
        Mistake(
            "sigma_without_a_gradient",
            "No gradient reaches sigma, so it can't be learned: .item(), float(), math.log or .detach() cut it off. "
            "`torch.as_tensor(sigma)` takes a number or a tensor and keeps the graph.",
            sigma_without_a_gradient,
        ),
        Mistake(
            "without_a_graph",
            "The values are right, but no gradient comes back to the mean. Leave out .detach() and torch.no_grad().",
            without_a_graph,
        ),
    ),
    accepted=(by_torch_distributions, term_by_term, by_torchs_loss),
    hints=(
        "The density of one pixel is exp(-(x - m)^2 / (2 sigma^2)) / (sigma sqrt(2 pi)). Take the logarithm on paper "
        "first: three terms.",
        "-(x - m)^2 / (2 sigma^2) - log sigma - log(2 pi) / 2, for every pixel. If sigma is a plain number, "
        "`torch.as_tensor(sigma).log()` is its logarithm all the same.",
        "Compute the three terms in the shape of x (they broadcast), then `.flatten(1).sum(1)`: the last two are then "
        "counted once for each pixel by themselves.",
    ),
)
