"""Exercise 11.4: the loss of a journey there and back."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.observers import Inputs, value, value_and_gradients
from course_utils.models import cycle_loss

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _inputs(
    shape_x: tuple[int, ...],
    shape_y: tuple[int, ...],
    weight: float,
    generator: Generator,
    dtype: torch.dtype = torch.float32,
) -> Inputs:
    def images(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=dtype)

    def near(image: Tensor, least: float) -> Tensor:
        # errors of both signs; none so small that rounding could turn its sign, and with it the gradient
        size = least + 0.4 * images(*image.shape)
        return image + torch.where(images(*image.shape) < 0.4, size, -size)

    x, y = images(*shape_x), images(*shape_y)
    return {
        "x": x,
        "x_cycled": near(x, 0.05),
        "y": y,
        "y_cycled": near(y, 0.2),
        "weight": weight,
        "_gradients_of": ["x_cycled", "y_cycled"],
    }


def two_batches(generator: Generator) -> Inputs:
    return _inputs((4, 1, 5, 5), (4, 1, 5, 5), 10.0, generator)


def batches_of_different_size(generator: Generator) -> Inputs:
    return _inputs((2, 1, 4, 4), (5, 1, 4, 4), 3.0, generator)


def one_image_each_in_float64(generator: Generator) -> Inputs:
    return _inputs((1, 1, 6, 6), (1, 1, 6, 6), 0.5, generator, torch.float64)


def digits(generator: Generator) -> Inputs:
    return _inputs((3, 1, 28, 28), (3, 1, 28, 28), 10.0, generator)


# --- wrong answers that students give -------------------------------------------------------------


def _l1(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).abs().mean()


def squared(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return weight * (F.mse_loss(x_cycled, x) + F.mse_loss(y_cycled, y))


def root_mean_square(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return weight * (F.mse_loss(x_cycled, x).sqrt() + F.mse_loss(y_cycled, y).sqrt())


def huber(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return weight * (F.smooth_l1_loss(x_cycled, x) + F.smooth_l1_loss(y_cycled, y))


def summed_over_everything(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return weight * ((x_cycled - x).abs().sum() + (y_cycled - y).abs().sum())


def summed_over_pixels(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return weight * (
        (x_cycled - x).abs().flatten(1).sum(1).mean() + (y_cycled - y).abs().flatten(1).sum(1).mean()
    )


def one_for_each_image(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return weight * ((x_cycled - x).abs().flatten(1).mean(1) + (y_cycled - y).abs().flatten(1).mean(1).mean())


def shape_of_one(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return cycle_loss(x, x_cycled, y, y_cycled, weight).reshape(1)


def half_of_it(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return weight * (_l1(x_cycled, x) + _l1(y_cycled, y)) / 2


def only_x(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return weight * _l1(x_cycled, x)


def only_y(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return weight * _l1(y_cycled, y)


def weight_forgotten(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return _l1(x_cycled, x) + _l1(y_cycled, y)


def weight_on_the_first(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return weight * _l1(x_cycled, x) + _l1(y_cycled, y)


def weight_on_the_second(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return _l1(x_cycled, x) + weight * _l1(y_cycled, y)


def shared_weight(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return weight * _l1(x_cycled, x) + (1 - weight) * _l1(y_cycled, y)


def signed(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return weight * ((x_cycled - x).mean() + (y_cycled - y).mean())


def absolute_value_last(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return weight * ((x_cycled - x).mean().abs() + (y_cycled - y).mean().abs())


def difference(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return weight * (_l1(x_cycled, x) - _l1(y_cycled, y))


def product(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return weight * _l1(x_cycled, x) * _l1(y_cycled, y)


def paired(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return weight * (_l1(x_cycled, y[:1]) + _l1(y_cycled, x[:1]))


def detached(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return cycle_loss(x, x_cycled.detach(), y, y_cycled.detach(), weight)


def in_place(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return weight * (x.sub_(x_cycled).abs().mean() + y.sub_(y_cycled).abs().mean())


# --- right answers, written independently ---------------------------------------------------------


def by_l1_loss(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    return weight * F.l1_loss(x_cycled, x) + weight * F.l1_loss(y_cycled, y)


def by_norms(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    there = torch.linalg.vector_norm(x - x_cycled, ord=1) / x.numel()
    back = torch.linalg.vector_norm(y - y_cycled, ord=1) / y.numel()
    return (there + back) * weight


def image_by_image(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    pairs = ((x, x_cycled), (y, y_cycled))
    means = [torch.stack([torch.abs(i - j).mean() for i, j in zip(a, b, strict=True)]) for a, b in pairs]
    return weight * means[0].mean() + weight * means[1].mean()


exercise = Exercise(
    id="cycle_loss",
    lecture=11,
    position=4,
    title="There and back again",
    points=2,
    minutes=8,
    difficulty=1,
    reference=cycle_loss,
    cases=(
        Case("two batches of images", two_batches, value_and_gradients),
        Case("batches of different size", batches_of_different_size, value_and_gradients),
        Case("one image each, in float64", one_image_each_in_float64, value_and_gradients),
        Case("images of 28x28", digits, value),
    ),
    mistakes=(
        Mistake(
            "squared",
            "The errors are squared. Asked for is the mean absolute error, which does not forgive small errors "
            "everywhere, as blur makes them.",
            squared,
        ),
        Mistake(
            "root_mean_square",
            "This is the root of the mean square. Asked for is the mean absolute error.",
            root_mean_square,
        ),
        Mistake(
            "huber",
            "smooth_l1_loss squares errors below 1, and no pixel's error is larger. Use the absolute value.",
            huber,
        ),
        Mistake(
            "summed_over_everything",
            "Pixels and images are summed. Take the mean over all of them, else the weight means something else for "
            "every batch.",
            summed_over_everything,
        ),
        Mistake(
            "summed_over_pixels",
            "The pixels are summed. Here, other than in a likelihood, the mean is taken over pixels too.",
            summed_over_pixels,
        ),
        Mistake(
            "one_for_each_image",
            "This is one loss for each image. Return a single number, the mean over the batch.",
            one_for_each_image,
        ),
        Mistake("shape_of_one", "The shape is (1,). Return a scalar, of shape ().", shape_of_one),
        Mistake(
            "half_of_it",
            "This is the mean of the two errors. They are added.",
            half_of_it,
        ),
        Mistake(
            "only_x",
            "Only the journey from x counts. That from y and back counts as well.",
            only_x,
        ),
        Mistake(
            "only_y",
            "Only the journey from y counts. That from x and back counts as well.",
            only_y,
        ),
        Mistake("weight_forgotten", "The weight is not used.", weight_forgotten),
        Mistake(
            "weight_on_the_first",
            "The weight multiplies the first error only. A bracket is missing.",
            weight_on_the_first,
        ),
        Mistake(
            "weight_on_the_second",
            "The weight multiplies the second error only. Both are weighted.",
            weight_on_the_second,
        ),
        Mistake(
            "shared_weight",
            "The weight is shared out between the two as weight and 1 - weight. It multiplies both.",
            shared_weight,
        ),
        Mistake(
            "signed",
            "The absolute value is missing: errors of both signs cancel.",
            signed,
        ),
        Mistake(
            "absolute_value_last",
            "Errors of both signs cancel in the mean before an absolute value is taken, if one is taken at all. Take "
            "it of every pixel's error.",
            absolute_value_last,
        ),
        Mistake("difference", "One error is subtracted from the other. Add them.", difference),
        Mistake("product", "The two errors are multiplied. Add them.", product),
        Mistake(
            "paired",
            "x_cycled is compared with y. There are no pairs: each image is compared with itself before its journey.",
            paired,
        ),
        Mistake(
            "detached",
            "No gradient reaches the translated images, so neither translator learns from this loss. Do not "
            "detach, and return the tensor, not its .item().",
            detached,
        ),
        Mistake(
            "in_place",
            "Your answer writes into one of its arguments: methods that end in an underscore change the tensor that "
            "was handed in.",
            in_place,
        ),
    ),
    accepted=(by_l1_loss, by_norms, image_by_image),
    hints=(
        "Each image is compared with itself after its journey: two errors, one for each kind of image.",
        "The mean absolute error of x is `(x_cycled - x).abs().mean()`.",
        "Add the two errors, and multiply the sum by the weight.",
    ),
)
