"""Exercise 8.4: keep the style, change the class."""

import torch
from torch import Generator, Tensor, nn

from course_utils.exercises import Case, Exercise, Mistake, close
from course_utils.exercises.lecture_08 import observers
from course_utils.exercises.observers import Inputs


def style_transfer(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    """The reference: encode with the old label, decode the posterior mean with the new one."""
    mu, _ = model.encode(x, y_from)
    return model.decode(mu, y_to).sigmoid()


# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _inputs(batch: int, dim: int, generator: Generator, dtype: torch.dtype = torch.float32) -> Inputs:
    n_classes = 5

    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator, dtype=dtype)

    y_from = torch.randint(n_classes, (batch,), generator=generator)
    shift = torch.randint(1, n_classes, (batch,), generator=generator)
    return {
        "x": torch.rand(batch, 1, 28, 28, generator=generator, dtype=dtype),
        "y_from": y_from,
        "y_to": (y_from + shift) % n_classes,
        "_x_to_mu": 0.06 * normal(784, dim),
        "_y_to_mu": normal(n_classes, dim),
        "_x_to_logvar": 0.01 * normal(784, dim),
        "_y_to_logvar": normal(n_classes, dim) - 1,
        "_z_to_logits": 0.5 * normal(dim, 784),
        "_y_to_logits": normal(n_classes, 784),
        "_seed": int(torch.randint(2**31, (), generator=generator)),
    }


def several_images(generator: Generator) -> Inputs:
    return _inputs(6, 4, generator)


def one_image(generator: Generator) -> Inputs:
    return _inputs(1, 3, generator)


def images_in_float64(generator: Generator) -> Inputs:
    return _inputs(4, 5, generator, torch.float64)


# --- wrong answers that students give -------------------------------------------------------------


def labels_swapped(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    return style_transfer(model, x, y_to, y_from)


def old_label_kept(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    return style_transfer(model, x, y_from, y_from)


def new_label_for_both(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    return style_transfer(model, x, y_to, y_to)


def one_target_for_all(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    return style_transfer(model, x, y_from, y_to[:1].expand(len(y_to)))


def drawn(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    mu, logvar = model.encode(x, y_from)
    return model.decode(mu + (0.5 * logvar).exp() * torch.randn_like(mu), y_to).sigmoid()


def drawn_from_the_prior(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    mu, _ = model.encode(x, y_from)
    return model.decode(torch.randn_like(mu), y_to).sigmoid()


def logvar_decoded(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    second_comes_first = model.encode(x, y_from)[1]
    return model.decode(second_comes_first, y_to).sigmoid()


def moved_by_sigma(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    mu, logvar = model.encode(x, y_from)
    return model.decode(mu + (0.5 * logvar).exp(), y_to).sigmoid()


def style_of_the_first(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    mu, _ = model.encode(x, y_from)
    return model.decode(mu[:1].expand_as(mu), y_to).sigmoid()


def mean_style(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    mu, _ = model.encode(x, y_from)
    return model.decode(mu.mean(0, keepdim=True).expand_as(mu), y_to).sigmoid()


def no_style(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    mu, _ = model.encode(x, y_from)
    return model.decode(torch.zeros_like(mu), y_to).sigmoid()


def logits(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    return model.decode(model.encode(x, y_from)[0], y_to)


def sigmoid_twice(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    return style_transfer(model, x, y_from, y_to).sigmoid()


def black_and_white(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    return (style_transfer(model, x, y_from, y_to) > 0.5).to(x.dtype)


def blended_with_the_original(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    return (x + style_transfer(model, x, y_from, y_to)) / 2


def difference_added(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    change = style_transfer(model, x, y_from, y_to) - style_transfer(model, x, y_from, y_from)
    return (x + change).clamp(0, 1)


def flattened(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    return style_transfer(model, x, y_from, y_to).flatten(1)


def in_place(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    mu, _ = model.encode(x, y_from)
    y_from.copy_(y_to)
    return model.decode(mu, y_from).sigmoid()


# --- right answers, written independently ---------------------------------------------------------


@torch.no_grad()
def without_a_graph(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    style = model.encode(x, y_from)[0]
    return torch.special.expit(model.decode(style, y_to))


def one_by_one(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    images = []
    for image, old, new in zip(x.split(1), y_from.split(1), y_to.split(1), strict=True):
        mean, _ = model.encode(image, old)
        images.append(1 / (1 + (-model.decode(mean, new)).exp()))
    return torch.cat(images)


def clamped_to_be_sure(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    code, _logvar = model.encode(x.clone(), y_from.clone())
    return torch.sigmoid(model.decode(code.detach(), y_to)).clamp(0.0, 1.0).view_as(x)


_COMPARE = close(rtol=2e-3, atol=1e-4)

exercise = Exercise(
    id="style_transfer",
    lecture=8,
    position=4,
    title="Another digit in the same hand",
    points=3,
    minutes=10,
    difficulty=2,
    reference=style_transfer,
    cases=(
        Case("six images, other classes", several_images, observers.transferred, _COMPARE),
        Case("a batch of one", one_image, observers.transferred, _COMPARE),
        Case("float64", images_in_float64, observers.transferred, _COMPARE),
    ),
    mistakes=(
        Mistake(
            "labels_swapped",
            "The two labels have changed places: x is of class y_from, so the encoder gets that one, and y_to is "
            "for the decoder.",
            labels_swapped,
        ),
        Mistake(
            "old_label_kept",
            "The decoder gets the old label, so this is only a reconstruction. Decode with y_to.",
            old_label_kept,
        ),
        Mistake(
            "new_label_for_both",
            "The encoder is told that x is of class y_to, which it is not: it then codes as style what does not "
            "look like that class. Encode with y_from.",
            new_label_for_both,
        ),
        Mistake(
            "one_target_for_all",
            "All images get the first target. y_to holds one label for each image.",
            one_target_for_all,
        ),
        Mistake(
            "drawn",
            "z is drawn, so every call gives other images. Take the posterior mean, mu.",
            drawn,
        ),
        Mistake(
            "drawn_from_the_prior",
            "The codes come from the prior and not from the images: a style, but nobody's. Take mu.",
            drawn_from_the_prior,
        ),
        Mistake(
            "logvar_decoded",
            "The log variance is decoded in place of the mean. encode returns (mu, logvar), in this order.",
            logvar_decoded,
        ),
        Mistake(
            "moved_by_sigma",
            "z = mu + sigma is one standard deviation off. The posterior mean is mu alone.",
            moved_by_sigma,
        ),
        Mistake(
            "style_of_the_first",
            "All images get the style of the first. Each keeps its own.",
            style_of_the_first,
        ),
        Mistake(
            "mean_style",
            "All images get the mean style of the batch. Each keeps its own.",
            mean_style,
        ),
        Mistake("no_style", "z = 0 has no style of x in it. Decode the posterior mean of x.", no_style),
        Mistake("logits", "These are logits. Images are probabilities: take the sigmoid, once.", logits),
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
            "blended_with_the_original",
            "This is a double exposure of the old image and the new. Return the new one alone.",
            blended_with_the_original,
        ),
        Mistake(
            "difference_added",
            "The change is added to the old image. Return what is decoded with the new label.",
            difference_added,
        ),
        Mistake("flattened", "The images are flattened. Return (B, 1, 28, 28), as decode does.", flattened),
        Mistake(
            "in_place",
            "Your answer writes into one of its arguments: methods that end in an underscore change the tensor that "
            "was handed in.",
            in_place,
        ),
    ),
    accepted=(without_a_graph, one_by_one, clamped_to_be_sure),
    hints=(
        "z is what is left of an image when its class is taken away. Which label has to be taken away, and which one "
        "put in?",
        "`model.encode(x, y_from)` returns `(mu, logvar)`. The style is `mu`; nothing is drawn.",
        "`model.decode(mu, y_to)` gives logits; their sigmoid is what is returned.",
    ),
)
