"""Exercise 7.5: walk along one latent coordinate, and hold the others."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.lecture_07 import observers
from course_utils.exercises.observers import Inputs

Decoder = Callable[[Tensor], Tensor]


def latent_traversal(decoder: Decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    """The reference: one copy of z for each value, one coordinate set."""
    codes = z.reshape(1, -1).repeat(len(values), 1)  # (n, D)
    codes[:, index] = values.to(codes)
    return torch.sigmoid(decoder(codes))


# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _walk(
    dim: int,
    index: int,
    n: int,
    generator: Generator,
    *,
    scale: float = 1.5,
    two_dimensional: bool = False,
    dtype: torch.dtype = torch.float32,
) -> Inputs:
    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=dtype)

    # No coordinate of z near 0, where "set" and "added" look alike; the values come in no order.
    size = 0.6 + torch.rand(dim, generator=generator, dtype=dtype)
    z = size * torch.where(torch.arange(dim) % 2 == 0, 1.0, -1.0).to(dtype)
    values = torch.linspace(-2.2, 2.6, n, dtype=dtype) if n > 1 else torch.full((1,), 1.3, dtype=dtype)
    order = torch.cat([torch.arange(1, n, 2), torch.arange(0, n, 2)])
    return {
        "_a": normal(dim, 8) / dim**0.5,
        "_b": normal(8, 784),
        "_c": normal(784),
        "_scale": scale,
        "z": z[None] if two_dimensional else z,
        "index": index,
        "values": values[order],
    }


def five_values(generator: Generator) -> Inputs:
    return _walk(4, 2, 5, generator)


def z_with_a_batch_of_one(generator: Generator) -> Inputs:
    return _walk(6, 0, 7, generator, two_dimensional=True)


def a_single_value_in_float64(generator: Generator) -> Inputs:
    return _walk(3, 1, 1, generator, dtype=torch.float64)


def one_latent_dimension(generator: Generator) -> Inputs:
    return _walk(1, 0, 4, generator)


def extreme_logits(generator: Generator) -> Inputs:
    return _walk(5, 4, 3, generator, scale=150.0)


# --- wrong answers that students give -------------------------------------------------------------


def _codes(z: Tensor, values: Tensor) -> Tensor:
    return z.reshape(1, -1).repeat(len(values), 1)


def added(decoder: Decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    codes = _codes(z, values)
    codes[:, index] += values
    return torch.sigmoid(decoder(codes))


def scaled(decoder: Decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    codes = _codes(z, values)
    codes[:, index] *= values
    return torch.sigmoid(decoder(codes))


def logits(decoder: Decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    codes = _codes(z, values)
    codes[:, index] = values
    return decoder(codes)


def sigmoid_twice(decoder: Decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    return torch.sigmoid(latent_traversal(decoder, z, index, values))


def black_and_white(decoder: Decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    return latent_traversal(decoder, z, index, values).round()


def others_zero(decoder: Decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    codes = torch.zeros_like(_codes(z, values))
    codes[:, index] = values
    return torch.sigmoid(decoder(codes))


def all_coordinates(decoder: Decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    codes = values[:, None].repeat(1, z.numel())
    return torch.sigmoid(decoder(codes))


def counted_from_one(decoder: Decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    return latent_traversal(decoder, z, index - 1, values)


def always_the_first(decoder: Decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    return latent_traversal(decoder, z, 0, values)


def one_code_for_all(decoder: Decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    code, codes = z.reshape(-1).clone(), []
    for value in values:
        code[index] = value
        codes.append(code)  # the same tensor every time
    return torch.sigmoid(decoder(torch.stack(codes)))


def in_place(decoder: Decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    images = []
    for value in values:
        z.view(1, -1)[0, index] = value
        images.append(torch.sigmoid(decoder(z.view(1, -1))))
    return torch.cat(images)


def written_into_an_expanded_view(decoder: Decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    codes = z.reshape(1, -1).expand(len(values), -1)
    codes[:, index] = values  # all rows share their memory
    return torch.sigmoid(decoder(codes))


def without_a_channel(decoder: Decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    return latent_traversal(decoder, z, index, values).squeeze(1)


def flattened(decoder: Decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    return latent_traversal(decoder, z, index, values).flatten(1)


def sorted_values(decoder: Decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    return latent_traversal(decoder, z, index, values.sort().values)


def from_first_to_last(decoder: Decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    first, last = values[0].item(), values[-1].item()
    return latent_traversal(decoder, z, index, torch.linspace(first, last, len(values), dtype=values.dtype))


def differences(decoder: Decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    return latent_traversal(decoder, z, index, values) - torch.sigmoid(decoder(z.reshape(1, -1)))


# --- right answers, written independently ---------------------------------------------------------


def one_by_one(decoder: Decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    images = []
    for value in values:
        code = z.detach().clone().reshape(1, -1)
        code[0, index] = value
        images.append(decoder(code).sigmoid()[0])
    return torch.stack(images)


def with_a_mask(decoder: Decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    here = torch.arange(z.numel()) == index
    codes = torch.where(here, values[:, None], z.reshape(1, -1))
    with torch.no_grad():
        return 1 / (1 + torch.exp(-decoder(codes).clamp(-80, 80)))


def put_together(decoder: Decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    row, n = z.flatten(), len(values)
    before, after = row[:index].expand(n, -1), row[index + 1 :].expand(n, -1)
    return torch.sigmoid(decoder(torch.cat([before, values.reshape(n, 1), after], dim=1)))


exercise = Exercise(
    id="latent_traversal",
    lecture=7,
    position=5,
    title="A latent traversal",
    points=2,
    minutes=8,
    difficulty=1,
    reference=latent_traversal,
    cases=(
        Case("five values of the third of four coordinates", five_values, observers.traversal),
        Case("z of shape (1, D), the first coordinate", z_with_a_batch_of_one, observers.traversal),
        Case("a single value, float64", a_single_value_in_float64, observers.traversal),
        Case("a single latent dimension", one_latent_dimension, observers.traversal),
        Case("logits of several hundred, the last coordinate", extreme_logits, observers.traversal),
    ),
    mistakes=(
        Mistake("added", "The values are added to the coordinate. Set it to them.", added),
        Mistake("scaled", "The coordinate is multiplied by the values. Set it to them.", scaled),
        Mistake(
            "logits",
            "These are the decoder's logits. The sigmoid makes images, with pixels in [0, 1], of them.",
            logits,
        ),
        Mistake("sigmoid_twice", "The sigmoid is applied twice, which makes everything grey.", sigmoid_twice),
        Mistake(
            "black_and_white",
            "The pixels are rounded to black and white. Return the probabilities.",
            black_and_white,
        ),
        Mistake(
            "others_zero", "The other coordinates are set to 0. They keep their values in z.", others_zero
        ),
        Mistake("all_coordinates", "All coordinates are set. Only one of them moves.", all_coordinates),
        Mistake(
            "counted_from_one",
            "The coordinate before the right one moves: index counts from 0.",
            counted_from_one,
        ),
        Mistake("always_the_first", "The first coordinate moves, whatever index says.", always_the_first),
        Mistake(
            "one_code_for_all",
            "All images are alike: one tensor is changed again and again, and the list holds it n times. Make "
            "a copy for each value, with .clone().",
            one_code_for_all,
        ),
        Mistake(
            "in_place",
            "Your answer writes into z, and whoever handed it in finds it changed. Make a copy first.",
            in_place,
        ),
        Mistake(
            "expanded_view",
            "The rows of z.expand(n, -1) share their memory, so they can't be given different values. "
            "Use .repeat(n, 1), or .clone() after .expand.",
            written_into_an_expanded_view,
        ),
        Mistake("without_a_channel", "The channel is lost: (n, 1, 28, 28) is asked for.", without_a_channel),
        Mistake("flattened", "The images are flattened. Leave them as the decoder makes them.", flattened),
        Mistake("sorted_values", "The values are sorted. Keep their order.", sorted_values),
        Mistake(
            "from_first_to_last",
            "The coordinate walks evenly from the first value to the last. Use the values themselves.",
            from_first_to_last,
        ),
        Mistake("differences", "These are differences to the image of z. Return the images.", differences),
    ),
    accepted=(one_by_one, with_a_mask, put_together),
    hints=(
        "The decoder takes a batch of codes. What should the batch be, row by row?",
        "`z.reshape(1, -1).repeat(n, 1)` is n copies of z, whichever of the two shapes it has.",
        "Set column `index` of the copies to `values`, decode, apply the sigmoid once.",
    ),
)
