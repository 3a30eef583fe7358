"""Exercise 6.1: the log-likelihood of pixels under Bernoullis given by their logits."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.observers import Inputs, value, value_and_gradients
from course_utils.likelihoods import bernoulli_log_likelihood

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _images(n: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Inputs:
    """Grey pixels, some of them fully black or white, and logits that know a little about them."""
    x = (1.6 * torch.rand(n, 1, 28, 28, generator=generator, dtype=torch.float64) - 0.3).clamp(0, 1)
    noise = torch.randn(n, 1, 28, 28, generator=generator, dtype=torch.float64)
    return {"logits": (0.7 + 2.0 * (x - 0.5) + 1.5 * noise).to(dtype), "x": x.to(dtype)}


def five_grey_images(generator: torch.Generator) -> Inputs:
    return _images(5, generator)


def four_images(generator: torch.Generator) -> Inputs:
    return {**_images(4, generator), "_gradients_of": ["logits"]}


def one_image_in_float64(generator: torch.Generator) -> Inputs:
    return _images(1, generator, torch.float64)


def sure_logits(generator: torch.Generator) -> Inputs:
    """Logits of -300 and 300, most of them right, and grey pixels among the others."""
    x = torch.rand(3, 1, 28, 28, generator=generator)
    x = torch.where(torch.rand(x.shape, generator=generator) < 0.9, x.round(), x)
    signs = torch.where(torch.rand(x.shape, generator=generator) < 0.02, -1.0, 1.0)
    logits = 300 * signs * torch.where(x > 0.5, 1.0, -1.0)
    return {"logits": logits, "x": x, "_gradients_of": ["logits"]}


# --- wrong answers that students give -------------------------------------------------------------


def sign_flipped(logits: Tensor, x: Tensor) -> Tensor:
    return -bernoulli_log_likelihood(logits, x)


def averaged_over_pixels(logits: Tensor, x: Tensor) -> Tensor:
    return bernoulli_log_likelihood(logits, x) / x[0].numel()


def averaged_over_the_batch(logits: Tensor, x: Tensor) -> Tensor:
    return bernoulli_log_likelihood(logits, x).mean()


def summed_over_the_batch(logits: Tensor, x: Tensor) -> Tensor:
    return bernoulli_log_likelihood(logits, x).sum()


def pixel_by_pixel(logits: Tensor, x: Tensor) -> Tensor:
    return -F.binary_cross_entropy_with_logits(logits, x, reduction="none")


def one_dimension_summed(logits: Tensor, x: Tensor) -> Tensor:
    return pixel_by_pixel(logits, x).sum(1)


def logarithm_of_the_sigmoid(logits: Tensor, x: Tensor) -> Tensor:
    p = torch.sigmoid(logits)
    return (x * p.log() + (1 - x) * (1 - p).log()).flatten(1).sum(1)


def epsilon_in_the_logarithm(logits: Tensor, x: Tensor) -> Tensor:
    p = torch.sigmoid(logits)
    return (x * (p + 1e-8).log() + (1 - x) * (1 - p + 1e-8).log()).flatten(1).sum(1)


def torchs_clamped_cross_entropy(logits: Tensor, x: Tensor) -> Tensor:
    return -F.binary_cross_entropy(torch.sigmoid(logits), x, reduction="none").flatten(1).sum(1)


def sigmoid_twice(logits: Tensor, x: Tensor) -> Tensor:
    return bernoulli_log_likelihood(torch.sigmoid(logits), x)


def arguments_swapped(logits: Tensor, x: Tensor) -> Tensor:
    return bernoulli_log_likelihood(x, logits)


def white_pixels_only(logits: Tensor, x: Tensor) -> Tensor:
    return (x * F.logsigmoid(logits)).flatten(1).sum(1)


def black_pixels_the_wrong_way(logits: Tensor, x: Tensor) -> Tensor:
    return (x * F.logsigmoid(logits) + (1 - x) * (1 - F.logsigmoid(logits))).flatten(1).sum(1)


def black_and_white(logits: Tensor, x: Tensor) -> Tensor:
    return bernoulli_log_likelihood(logits, (x > 0.5).to(x.dtype))


def squared_error(logits: Tensor, x: Tensor) -> Tensor:
    return -(torch.sigmoid(logits) - x).square().flatten(1).sum(1)


def in_bits(logits: Tensor, x: Tensor) -> Tensor:
    return bernoulli_log_likelihood(logits, x) / torch.tensor(2.0).log()


def without_a_graph(logits: Tensor, x: Tensor) -> Tensor:
    return bernoulli_log_likelihood(logits.detach(), x)


# --- right answers, written independently ---------------------------------------------------------


def by_softplus(logits: Tensor, x: Tensor) -> Tensor:
    """By log p = x l - log(1 + e^l)."""
    return (x * logits - F.softplus(logits)).reshape(len(x), -1).sum(dim=1)


def by_two_logsigmoids(logits: Tensor, x: Tensor) -> Tensor:
    return torch.einsum("bchw,bchw->b", x, F.logsigmoid(logits)) + torch.einsum(
        "bchw,bchw->b", 1 - x, F.logsigmoid(-logits)
    )


def by_torch_distributions(logits: Tensor, x: Tensor) -> Tensor:
    pixels = torch.distributions.Bernoulli(logits=logits, validate_args=False)
    return torch.distributions.Independent(pixels, 3, validate_args=False).log_prob(x)


exercise = Exercise(
    id="bernoulli_log_likelihood",
    lecture=6,
    position=1,
    title="Bernoulli pixels",
    points=2,
    minutes=8,
    difficulty=1,
    reference=bernoulli_log_likelihood,
    cases=(
        Case("five grey images", five_grey_images, value),
        Case("gradients reach the logits", four_images, value_and_gradients),
        Case("a batch of one in float64", one_image_in_float64, value),
        Case("logits of -300 and 300", sure_logits, value_and_gradients),
    ),
    mistakes=(
        Mistake(
            "sign_flipped",
            "This is the cross-entropy, minus the log-likelihood: a log-likelihood of pixels is never positive, and it "
            "is to be made large.",
            sign_flipped,
        ),
        Mistake(
            "averaged_over_pixels",
            "The pixels are averaged. The log-likelihood of an image is the sum over its pixels: averaged, it would "
            "weigh 784 times too little against the KL term.",
            averaged_over_pixels,
        ),
        Mistake(
            "averaged_over_the_batch",
            "The batch is averaged away. Give one number per image; the loss takes the mean later.",
            averaged_over_the_batch,
        ),
        Mistake(
            "summed_over_the_batch",
            "Everything is summed, the batch too. Sum over the pixels of each image only.",
            summed_over_the_batch,
        ),
        Mistake(
            "pixel_by_pixel",
            "This is one number per pixel. Sum over everything but the batch: .flatten(1).sum(1).",
            pixel_by_pixel,
        ),
        Mistake(
            "one_dimension_summed",
            "Only the dimension of the channels is summed, which is of size 1. Flatten the image first: "
            ".flatten(1).sum(1).",
            one_dimension_summed,
        ),
        Mistake(
            "logarithm_of_the_sigmoid",
            "Right for small logits, but for large ones the sigmoid rounds to 0 or 1, and its logarithm is minus "
            "infinity. Work with the logits: log sigmoid(l) = -softplus(-l).",
            logarithm_of_the_sigmoid,
        ),
        Mistake(
            "epsilon_in_the_logarithm",
            "An epsilon inside the logarithm hides the overflow and gives wrong values instead: a pixel can then never "
            "cost more than -log(epsilon). Work with the logits: log sigmoid(l) = -softplus(-l).",
            epsilon_in_the_logarithm,
        ),
        Mistake(
            "clamped",
            "F.binary_cross_entropy takes probabilities and clamps their logarithms at -100, so a surely wrong pixel "
            "costs 100 nats where it should cost 300, and its gradient is lost. Use the logits.",
            torchs_clamped_cross_entropy,
        ),
        Mistake(
            "sigmoid_twice",
            "The sigmoid is taken twice: binary_cross_entropy_with_logits takes the logits as they are.",
            sigmoid_twice,
        ),
        Mistake(
            "arguments_swapped",
            "The logits and the image have changed places: the image x weighs the logarithms of the probabilities.",
            arguments_swapped,
        ),
        Mistake(
            "white_pixels_only",
            "Only x log p is there. A pixel of value 0 costs log(1 - p): without that term the decoder paints "
            "everything white.",
            white_pixels_only,
        ),
        Mistake(
            "one_minus_the_logarithm",
            "The second term needs log(1 - p), not 1 - log p. With logits: log(1 - sigmoid(l)) = log sigmoid(-l).",
            black_pixels_the_wrong_way,
        ),
        Mistake(
            "black_and_white",
            "The grey pixels are rounded to black and white. Keep x as it is: a pixel of 0.3 counts 0.3 log p + "
            "0.7 log(1 - p).",
            black_and_white,
        ),
        Mistake(
            "squared_error",
            "This is a squared error, the log-likelihood of a Gaussian up to constants. Bernoulli pixels cost a "
            "cross-entropy.",
            squared_error,
        ),
        Mistake(
            "in_bits",
            "This is in bits. We count in nats: natural logarithms.",
            in_bits,
        ),
        Mistake(
            "without_a_graph",
            "No gradient reaches the logits, so the decoder cannot learn. Leave out .detach() and torch.no_grad().",
            without_a_graph,
        ),
    ),
    accepted=(by_softplus, by_two_logsigmoids, by_torch_distributions),
    hints=(
        "A pixel x under a Bernoulli of probability p has the log-likelihood x log p + (1 - x) log(1 - p). "
        "What are log p and log(1 - p) for p = sigmoid(l), without computing p?",
        "log p = -softplus(-l) and log(1 - p) = -softplus(l), so a pixel counts x l - softplus(l). "
        "`F.binary_cross_entropy_with_logits(logits, x, reduction='none')` is minus that.",
        "`(x * logits - F.softplus(logits))`, then sum over everything but the batch: `.flatten(1).sum(1)`.",
    ),
)
