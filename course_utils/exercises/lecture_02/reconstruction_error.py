"""Exercise 2.1: the squared error of a reconstruction, one number per example."""

import torch
from torch import Tensor

from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.observers import Inputs


def reconstruction_error(x: Tensor, x_hat: Tensor) -> Tensor:
    """The reference: squared, summed over everything but the batch."""
    return (x - x_hat).square().flatten(1).sum(1)


# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _pair(shape: tuple[int, ...], generator: torch.Generator) -> Inputs:
    return {"x": torch.rand(shape, generator=generator), "x_hat": torch.rand(shape, generator=generator)}


def seven_images(generator: torch.Generator) -> Inputs:
    return _pair((7, 1, 28, 28), generator)


def one_image(generator: torch.Generator) -> Inputs:
    return _pair((1, 1, 28, 28), generator)


def vectors_in_float64(generator: torch.Generator) -> Inputs:
    pair = _pair((5, 12), generator)
    return {name: 10 * part.double() - 5 for name, part in pair.items()}


def sequences_of_vectors(generator: torch.Generator) -> Inputs:
    return _pair((3, 5, 4), generator)


def colour_images_that_are_not_square(generator: torch.Generator) -> Inputs:
    return _pair((4, 3, 6, 10), generator)


# --- wrong answers that students give -------------------------------------------------------------


def averaged_over_pixels(x: Tensor, x_hat: Tensor) -> Tensor:
    return (x - x_hat).square().flatten(1).mean(1)


def averaged_over_the_batch(x: Tensor, x_hat: Tensor) -> Tensor:
    return reconstruction_error(x, x_hat).mean()


def averaged_over_everything(x: Tensor, x_hat: Tensor) -> Tensor:
    return (x - x_hat).square().mean()


def summed_over_everything(x: Tensor, x_hat: Tensor) -> Tensor:
    return (x - x_hat).square().sum()


def with_one_half(x: Tensor, x_hat: Tensor) -> Tensor:
    return 0.5 * reconstruction_error(x, x_hat)


def with_a_root(x: Tensor, x_hat: Tensor) -> Tensor:
    return reconstruction_error(x, x_hat).sqrt()


def absolute(x: Tensor, x_hat: Tensor) -> Tensor:
    return (x - x_hat).abs().flatten(1).sum(1)


def summed_before_squaring(x: Tensor, x_hat: Tensor) -> Tensor:
    return (x - x_hat).flatten(1).sum(1).square()


def summed_over_one_dimension(x: Tensor, x_hat: Tensor) -> Tensor:
    return (x - x_hat).square().sum(1)


# --- right answers, written independently ---------------------------------------------------------


def with_einsum(x: Tensor, x_hat: Tensor) -> Tensor:
    difference = (x_hat - x).reshape(len(x), -1)
    return torch.einsum("bd,bd->b", difference, difference)


def as_a_squared_norm(x: Tensor, x_hat: Tensor) -> Tensor:
    return torch.linalg.vector_norm(x - x_hat, dim=tuple(range(1, x.ndim))) ** 2


def example_by_example(x: Tensor, x_hat: Tensor) -> Tensor:
    return torch.stack(
        [torch.nn.functional.mse_loss(a, b, reduction="sum") for a, b in zip(x, x_hat, strict=True)]
    )


exercise = Exercise(
    id="reconstruction_error",
    lecture=2,
    position=1,
    title="How wrong is a reconstruction?",
    points=1,
    minutes=5,
    difficulty=1,
    reference=reconstruction_error,
    cases=(
        Case("a batch of seven images", seven_images),
        Case("a batch of one image", one_image),
        Case("five vectors of 12 numbers in float64", vectors_in_float64),
        Case("colour images of 6 by 10 pixels", colour_images_that_are_not_square),
        Case("three sequences of five vectors, (3, 5, 4)", sequences_of_vectors),
    ),
    mistakes=(
        Mistake(
            "averaged_over_pixels",
            "The squares are averaged over the pixels. Sum them: as a mean, an error would weigh less "
            "the more pixels an image has.",
            averaged_over_pixels,
        ),
        Mistake(
            "averaged_over_the_batch",
            "The examples are averaged away. Give one number per example, shape (B,); whoever trains "
            "takes the mean.",
            averaged_over_the_batch,
        ),
        Mistake(
            "averaged_over_everything",
            "This is the default of mse_loss: one mean over batch and pixels together. "
            "Keep the batch, and sum over everything else.",
            averaged_over_everything,
        ),
        Mistake(
            "summed_over_everything",
            "The examples are added together. Sum over everything *but* the batch: the result has shape "
            "(B,).",
            summed_over_everything,
        ),
        Mistake(
            "one_half",
            "There is no one half in this definition (in lecture 6 one will turn up, with a reason).",
            with_one_half,
        ),
        Mistake(
            "root",
            "This is the distance, the root of what is asked. Leave the squared error squared.",
            with_a_root,
        ),
        Mistake(
            "absolute",
            "This sums absolute differences. Square them: large deviations shall count for more.",
            absolute,
        ),
        Mistake(
            "summed_before_squaring",
            "The differences are summed before they are squared, so that too bright and too dark cancel. "
            "Square first.",
            summed_before_squaring,
        ),
        Mistake(
            "one_dimension",
            "Only dimension 1 is summed away. An image has channel, height and width: flatten everything "
            "after the batch first.",
            summed_over_one_dimension,
        ),
    ),
    accepted=(with_einsum, as_a_squared_norm, example_by_example),
    hints=(
        "One number per example: which dimensions have to go, and which one stays?",
        "`flatten(1)` turns (B, 1, 28, 28), or any other shape, into (B, D). Then there is one dimension "
        "to sum over.",
        "Difference, `.square()`, `.flatten(1)`, `.sum(1)`, in this order.",
    ),
)
