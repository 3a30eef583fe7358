"""Exercise 8.3: draw images of one class."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake, close
from course_utils.exercises.lecture_08 import observers
from course_utils.exercises.observers import Inputs

Decode = Callable[[Tensor, Tensor], Tensor]


def sample_class(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    """The reference: codes from the prior, the same label beside each."""
    z = torch.randn(n, latent_dim, generator=generator)
    return decode(z, torch.full((n,), y)).sigmoid()


# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _inputs(n: int, dim: int, generator: Generator) -> Inputs:
    n_classes = 5
    return {
        "y": int(torch.randint(1, n_classes, (), generator=generator)),
        "n": n,
        "latent_dim": dim,
        "_z_to_logits": 0.7 * torch.randn(dim, 784, generator=generator),
        "_y_to_logits": 0.4 * torch.randn(n_classes, 784, generator=generator)
        + torch.linspace(-1.5, 1.5, n_classes)[:, None],
        "_seed": int(torch.randint(2**31, (), generator=generator)),
    }


def many_images(generator: Generator) -> Inputs:
    return _inputs(160, 20, generator)


def one_image(generator: Generator) -> Inputs:
    return _inputs(1, 6, generator)


def one_latent_dimension(generator: Generator) -> Inputs:
    return {**_inputs(12, 1, generator), "y": 0}  # the first class is one too


# --- wrong answers that students give -------------------------------------------------------------


def _normal(n: int, dim: int, generator: Generator) -> Tensor:
    return torch.randn(n, dim, generator=generator)


def logits(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    return decode(_normal(n, latent_dim, generator), torch.full((n,), y))


def sigmoid_twice(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    return sample_class(decode, y, n, latent_dim, generator).sigmoid()


def black_and_white(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    return (sample_class(decode, y, n, latent_dim, generator) > 0.5).float()


def pixels_drawn(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    return torch.bernoulli(sample_class(decode, y, n, latent_dim, generator), generator=generator)


def clamped_logits(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    return logits(decode, y, n, latent_dim, generator).clamp(0, 1)


def label_as_a_number(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    return decode(_normal(n, latent_dim, generator), y).sigmoid()


def label_as_a_float(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    return decode(_normal(n, latent_dim, generator), torch.full((n,), float(y))).sigmoid()


def a_single_label(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    return decode(_normal(n, latent_dim, generator), torch.tensor([y])).sigmoid()


def labels_in_a_column(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    return decode(_normal(n, latent_dim, generator), torch.full((n, 1), y)).sigmoid()


def class_zero(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    return decode(_normal(n, latent_dim, generator), torch.zeros(n, dtype=torch.long)).sigmoid()


def one_after_the_other(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    return decode(_normal(n, latent_dim, generator), torch.arange(n) % (y + 1)).sigmoid()


def uniform_codes(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    return decode(torch.rand(n, latent_dim, generator=generator), torch.full((n,), y)).sigmoid()


def centred_uniform_codes(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    z = 2 * torch.rand(n, latent_dim, generator=generator) - 1
    return decode(z, torch.full((n,), y)).sigmoid()


def mean_of_the_prior(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    return decode(torch.zeros(n, latent_dim), torch.full((n,), y)).sigmoid()


def one_code_for_all(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    return decode(_normal(1, latent_dim, generator).repeat(n, 1), torch.full((n,), y)).sigmoid()


def one_number_for_all_dimensions(
    decode: Decode, y: int, n: int, latent_dim: int, generator: Generator
) -> Tensor:
    return decode(_normal(n, 1, generator).repeat(1, latent_dim), torch.full((n,), y)).sigmoid()


def codes_around_the_class(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    return decode(y + _normal(n, latent_dim, generator), torch.full((n,), y)).sigmoid()


def global_generator(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    return decode(torch.randn(n, latent_dim), torch.full((n,), y)).sigmoid()


def own_seed(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    return sample_class(decode, y, n, latent_dim, Generator().manual_seed(0))


def flattened(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    return sample_class(decode, y, n, latent_dim, generator).flatten(1)


def channel_dropped(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    return sample_class(decode, y, n, latent_dim, generator)[:, 0]


# --- right answers, written independently ---------------------------------------------------------


def one_by_one(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    label = torch.tensor([y], dtype=torch.int64)
    images = [decode(torch.normal(0.0, 1.0, (1, latent_dim), generator=generator), label) for _ in range(n)]
    return torch.special.expit(torch.cat(images))


@torch.no_grad()
def without_a_graph(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    z = torch.empty(n, latent_dim).normal_(generator=generator)
    return 1 / (1 + torch.exp(-decode(z, y * torch.ones(n, dtype=torch.int64))))


def all_zeros_and_a_label(decode: Decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    codes = torch.randn((latent_dim, n), generator=generator).T
    return torch.sigmoid(decode(codes, torch.as_tensor(y).repeat(n)))


_COMMON = {
    observers.EXTREME: close(rtol=0.0, atol=0.15),
    observers.FROM_CODES: close(rtol=0.25, atol=1e-4),
    observers.BRIGHTNESS: close(rtol=0.15, atol=1e-3),
}
# Standard errors over 160 * 20 = 3,200 draws: 0.018, 0.013 and 0.17.
_MANY = _COMMON | {
    observers.CODE_MEAN: close(rtol=0.0, atol=0.12),
    observers.CODE_STD: close(rtol=0.0, atol=0.08),
    observers.CODE_FOURTH: close(rtol=0.3, atol=0.1),
}
# Over 6 or 12 draws: only nonsense shows.
_FEW = _COMMON | {
    observers.CODE_MEAN: close(rtol=0.0, atol=3.0),
    observers.CODE_STD: close(rtol=0.0, atol=2.0),
    observers.CODE_FOURTH: close(rtol=0.0, atol=1e3),
    observers.FROM_CODES: close(rtol=0.6, atol=1e-4),
    observers.BRIGHTNESS: close(rtol=0.5, atol=1e-3),
}

exercise = Exercise(
    id="sample_class",
    lecture=8,
    position=3,
    title="Images to order",
    points=3,
    minutes=10,
    difficulty=1,
    reference=sample_class,
    cases=(
        Case("160 images of one class", many_images, observers.images_of_a_class, _MANY),
        Case("a single image", one_image, observers.images_of_a_class, _FEW),
        Case("one latent dimension, class 0", one_latent_dimension, observers.images_of_a_class, _FEW),
    ),
    mistakes=(
        Mistake(
            "logits",
            "These are logits, of any sign and size. Images are probabilities: take the sigmoid, once.",
            logits,
        ),
        Mistake(
            "sigmoid_twice",
            "The sigmoid is taken twice: no pixel is darker than a half. Once is enough.",
            sigmoid_twice,
        ),
        Mistake(
            "black_and_white",
            "The probabilities are rounded to black and white. Return the probabilities themselves.",
            black_and_white,
        ),
        Mistake(
            "pixels_drawn",
            "The pixels are drawn, which adds salt and pepper. Return the probabilities themselves.",
            pixels_drawn,
        ),
        Mistake(
            "clamped_logits",
            "Logits are cut off at 0 and 1. They become probabilities by the sigmoid.",
            clamped_logits,
        ),
        Mistake(
            "label_as_a_number",
            "decode gets the label as a Python number. It takes a tensor with one int64 label for each code: "
            "torch.full((n,), y).",
            label_as_a_number,
        ),
        Mistake(
            "label_as_a_float",
            "The labels are floats. They count classes: int64, as torch.full((n,), y) makes them from an int.",
            label_as_a_float,
        ),
        Mistake(
            "a_single_label",
            "There is one label for n codes. Repeat it: torch.full((n,), y).",
            a_single_label,
        ),
        Mistake(
            "labels_in_a_column",
            "The labels have shape (n, 1). decode takes (n,).",
            labels_in_a_column,
        ),
        Mistake("class_zero", "Whatever is ordered, class 0 is delivered: give y to decode.", class_zero),
        Mistake(
            "one_after_the_other",
            "The images are of several classes. All n of them get the label y.",
            one_after_the_other,
        ),
        Mistake(
            "uniform_codes",
            "torch.rand draws between 0 and 1, and the decoder was trained with z ~ N(0, I): torch.randn.",
            uniform_codes,
        ),
        Mistake(
            "centred_uniform_codes",
            "The codes are uniform between -1 and 1. The prior is N(0, I): torch.randn.",
            centred_uniform_codes,
        ),
        Mistake(
            "mean_of_the_prior",
            "Nothing is drawn: every image comes from z = 0. z ~ N(0, I) brings the styles.",
            mean_of_the_prior,
        ),
        Mistake(
            "one_code_for_all",
            "One code is repeated, so that all images are the same. Draw n of them.",
            one_code_for_all,
        ),
        Mistake(
            "one_number_for_all_dimensions",
            "All dimensions of a code hold the same number. Draw (n, latent_dim) of them.",
            one_number_for_all_dimensions,
        ),
        Mistake(
            "codes_around_the_class",
            "The codes are centred at the label. The prior is N(0, I) for every class; the label goes to decode.",
            codes_around_the_class,
        ),
        Mistake(
            "global_generator",
            "The codes do not come from the generator that is given: torch.randn(..., generator=generator).",
            global_generator,
        ),
        Mistake(
            "own_seed",
            "Every call gives the same images, because a generator is seeded inside. Draw from the given one.",
            own_seed,
        ),
        Mistake("flattened", "The images are flattened. Return (n, 1, 28, 28), as decode does.", flattened),
        Mistake(
            "channel_dropped",
            "The channel is missing: (n, 28, 28). Return (n, 1, 28, 28), as decode does.",
            channel_dropped,
        ),
    ),
    accepted=(one_by_one, without_a_graph, all_zeros_and_a_label),
    hints=(
        "Two things go into the decoder: one is drawn anew for every image, the other is the same for all.",
        "`torch.randn(n, latent_dim, generator=generator)` draws the codes; `torch.full((n,), y)` is n times y, as "
        "int64.",
        "`decode(z, labels)` gives logits; their sigmoid is what is returned.",
    ),
)
