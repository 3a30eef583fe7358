"""Exercise 2.6: the loss of a denoising autoencoder."""

import torch
from torch import Tensor, nn

from course_utils.exercises import Case, Exercise, Mistake, close
from course_utils.exercises.comparisons import Comparison
from course_utils.exercises.lecture_02.observers import denoising
from course_utils.exercises.observers import Inputs


def denoising_loss(model: nn.Module, x: Tensor, noise_std: float, generator: torch.Generator) -> Tensor:
    """The reference: the model sees the noisy images, the error is against the clean ones."""
    noisy = x + noise_std * _normal(x, generator)
    return (model(noisy) - x).square().flatten(1).sum(1).mean()


def _normal(x: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(x.shape, generator=generator, dtype=x.dtype)


# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _seed(generator: torch.Generator) -> int:
    return int(torch.randint(2**31, (), generator=generator))


def grey_images_and_little_noise(generator: torch.Generator) -> Inputs:
    # Far enough from 0 and 1 that clamping, which is either's right, changes nothing.
    x = 0.4 + 0.2 * torch.rand(24, 1, 28, 28, generator=generator)
    return {"x": x, "noise_std": 0.05, "_seed": _seed(generator)}


def one_grey_image(generator: torch.Generator) -> Inputs:
    x = 0.4 + 0.2 * torch.rand(1, 1, 28, 28, generator=generator)
    return {"x": x, "noise_std": 0.04, "_seed": _seed(generator)}


def black_and_white_in_float64(generator: torch.Generator) -> Inputs:
    x = (torch.rand(6, 1, 28, 28, generator=generator) < 0.3).double()
    return {"x": x, "noise_std": 0.5, "_seed": _seed(generator)}


# --- wrong answers that students give -------------------------------------------------------------


def noisy_target(model: nn.Module, x: Tensor, noise_std: float, generator: torch.Generator) -> Tensor:
    noisy = x + noise_std * _normal(x, generator)
    return (model(noisy) - noisy).square().flatten(1).sum(1).mean()


def clean_input(model: nn.Module, x: Tensor, noise_std: float, generator: torch.Generator) -> Tensor:
    noisy = x + noise_std * _normal(x, generator)
    return (model(x) - noisy).square().flatten(1).sum(1).mean()


def averaged_over_pixels(model: nn.Module, x: Tensor, noise_std: float, generator: torch.Generator) -> Tensor:
    return denoising_loss(model, x, noise_std, generator) / x[0].numel()


def summed_over_the_batch(
    model: nn.Module, x: Tensor, noise_std: float, generator: torch.Generator
) -> Tensor:
    return denoising_loss(model, x, noise_std, generator) * len(x)


def with_one_half(model: nn.Module, x: Tensor, noise_std: float, generator: torch.Generator) -> Tensor:
    return denoising_loss(model, x, noise_std, generator) / 2


def variance_for_deviation(
    model: nn.Module, x: Tensor, noise_std: float, generator: torch.Generator
) -> Tensor:
    return denoising_loss(model, x, noise_std**0.5, generator)


def squared_deviation(model: nn.Module, x: Tensor, noise_std: float, generator: torch.Generator) -> Tensor:
    return denoising_loss(model, x, noise_std**2, generator)


def uniform_noise(model: nn.Module, x: Tensor, noise_std: float, generator: torch.Generator) -> Tensor:
    noisy = x + noise_std * torch.rand(x.shape, generator=generator, dtype=x.dtype)
    return (model(noisy) - x).square().flatten(1).sum(1).mean()


def one_noise_for_all(model: nn.Module, x: Tensor, noise_std: float, generator: torch.Generator) -> Tensor:
    noisy = x + noise_std * _normal(x[:1], generator)
    return (model(noisy) - x).square().flatten(1).sum(1).mean()


def global_generator(model: nn.Module, x: Tensor, noise_std: float, generator: torch.Generator) -> Tensor:
    noisy = x + noise_std * torch.randn_like(x)
    return (model(noisy) - x).square().flatten(1).sum(1).mean()


def same_noise_every_time(
    model: nn.Module, x: Tensor, noise_std: float, generator: torch.Generator
) -> Tensor:
    return denoising_loss(model, x, noise_std, torch.Generator().manual_seed(0))


def as_a_plain_number(model: nn.Module, x: Tensor, noise_std: float, generator: torch.Generator) -> float:
    return denoising_loss(model, x, noise_std, generator).item()


def one_per_example(model: nn.Module, x: Tensor, noise_std: float, generator: torch.Generator) -> Tensor:
    noisy = x + noise_std * _normal(x, generator)
    return (model(noisy) - x).square().flatten(1).sum(1)


# --- right answers, written independently ---------------------------------------------------------


def clamped(model: nn.Module, x: Tensor, noise_std: float, generator: torch.Generator) -> Tensor:
    noise = torch.empty_like(x).normal_(0, noise_std, generator=generator)
    corrupted = (x + noise).clamp(0, 1)
    return nn.functional.mse_loss(model(corrupted), x, reduction="sum") / x.shape[0]


def drawn_one_by_one(model: nn.Module, x: Tensor, noise_std: float, generator: torch.Generator) -> Tensor:
    corrupted = torch.stack([torch.normal(image, noise_std, generator=generator) for image in x])
    difference = (x - model(corrupted)).reshape(len(x), -1)
    return torch.einsum("bd,bd->", difference, difference) / len(x)


_MOMENTS = "standard deviation of the noise divided by noise_std", "mean of the noise divided by noise_std"
_FOURTH = "fourth moment of the noise (3 for a normal law)"
_RATIOS = "loss divided by what it should be", "gradient divided by what it should be"


def _tolerances(moments: float, fourth: float) -> dict[str, Comparison]:
    """Ratios are 1 for a right answer whatever is drawn; a mistake's ratio depends a little on the draw."""
    return {
        **{name: close(rtol=0.15, atol=0.02) for name in _RATIOS},
        **{name: close(rtol=moments, atol=moments) for name in _MOMENTS},
        _FOURTH: close(rtol=fourth, atol=0.1),
    }


def _ignored(seen: Tensor, wanted: Tensor) -> None:
    """Clamped or not is either's right, and under much noise these tell the two apart."""


exercise = Exercise(
    id="denoising_loss",
    lecture=2,
    position=6,
    title="The denoising loss",
    points=3,
    minutes=10,
    difficulty=2,
    reference=denoising_loss,
    cases=(
        # Standard errors over 24 * 784 draws: 0.005, 0.007 and (of the fourth moment, relative) 0.024.
        Case(
            "24 grey images, little noise", grey_images_and_little_noise, denoising, _tolerances(0.06, 0.25)
        ),
        # Over 784 draws: 0.025, 0.036 and 0.12.
        Case("a batch of one", one_grey_image, denoising, _tolerances(0.25, 0.8)),
        Case(
            "black and white images in float64, much noise",
            black_and_white_in_float64,
            denoising,
            {**_tolerances(0.06, 0.25), **dict.fromkeys([*_MOMENTS, _FOURTH], _ignored)},
        ),
    ),
    mistakes=(
        Mistake(
            "noisy_target",
            "The target is the noisy image: this asks for the noise back. Compare with the clean x.",
            noisy_target,
        ),
        Mistake(
            "clean_input",
            "The model is given the clean images, and the noise sits in the target. Turn them round: "
            "noisy in, clean out.",
            clean_input,
        ),
        Mistake(
            "averaged_over_pixels",
            "The squares are averaged over the pixels. Sum them, and average over the batch only.",
            averaged_over_pixels,
        ),
        Mistake(
            "summed_over_the_batch",
            "The examples are added up. A loss is the mean over the batch.",
            summed_over_the_batch,
        ),
        Mistake(
            "one_half",
            "There is no one half in this loss: a sum of squares over pixels, a mean over the batch.",
            with_one_half,
        ),
        Mistake(
            "root_of_the_deviation",
            "noise_std is a standard deviation already: multiply the standard normal noise by it, "
            "without a root.",
            variance_for_deviation,
        ),
        Mistake(
            "squared_deviation",
            "The noise is multiplied by the variance. Noise of standard deviation s is s times standard "
            "normal noise.",
            squared_deviation,
        ),
        Mistake(
            "uniform_noise",
            "torch.rand draws from the interval [0, 1): this noise only ever brightens. Standard normal "
            "noise is torch.randn.",
            uniform_noise,
        ),
        Mistake(
            "one_noise_for_all",
            "All images of the batch get the same noise. Draw in the shape of the whole x.",
            one_noise_for_all,
        ),
        Mistake(
            "global_generator",
            "The noise does not come from the generator that is given: use torch.randn(x.shape, "
            "generator=generator).",
            global_generator,
        ),
        Mistake(
            "same_noise_every_time",
            "The same noise is drawn on every call, so that the model can learn it by heart. "
            "Draw from the given generator, and do not seed anything here.",
            same_noise_every_time,
        ),
        Mistake(
            "plain_number",
            "No graph stands behind this number, so no gradient reaches the model. Return the tensor as it is: "
            "no .item(), no .detach(), no torch.no_grad().",
            as_a_plain_number,
        ),
        Mistake(
            "one_per_example",
            "This is one number per example. The loss is their mean, a scalar.",
            one_per_example,
        ),
    ),
    accepted=(clamped, drawn_one_by_one),
    hints=(
        "Two images play a part: one goes into the model, the other is what the output is compared with. "
        "Which is which?",
        "`torch.randn(x.shape, generator=generator)` is standard normal noise. "
        "Scale it by `noise_std`, add it to x, and keep x itself for the comparison.",
        "`(model(noisy) - x)`, squared, summed over the pixels of each image, averaged over the batch. "
        "For float64 images, ask randn for `dtype=x.dtype`.",
    ),
)
