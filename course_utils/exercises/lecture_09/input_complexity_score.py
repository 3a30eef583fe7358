"""Exercise 9.4: an outlier score that does not take a simple image for a likely one."""

import math

import torch
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.observers import Inputs
from course_utils.metrics import input_complexity_score

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _scores(n: int, generator: Generator, dtype: torch.dtype = torch.float32) -> Inputs:
    return {
        "log_likelihood": -60 - 200 * torch.rand(n, generator=generator, dtype=dtype),
        "compressed_bits": (100 + 300 * torch.rand(n, generator=generator, dtype=dtype)).round(),
    }


def eight_images(generator: Generator) -> Inputs:
    return _scores(8, generator)


def five_in_float64(generator: Generator) -> Inputs:
    return _scores(5, generator, torch.float64)


def one_image(generator: Generator) -> Inputs:
    return _scores(1, generator)


def whole_bits(generator: Generator) -> Inputs:
    inputs = _scores(6, generator)
    return {**inputs, "compressed_bits": inputs["compressed_bits"].long()}


def far_out(generator: Generator) -> Inputs:
    inputs = _scores(4, generator)
    return {**inputs, "log_likelihood": torch.tensor([-1500.0, -900.0, 0.0, 900.0])}


# --- wrong answers that students give -------------------------------------------------------------


def nats_and_bits(log_likelihood: Tensor, compressed_bits: Tensor) -> Tensor:
    return -log_likelihood - compressed_bits


def multiplied(log_likelihood: Tensor, compressed_bits: Tensor) -> Tensor:
    return -log_likelihood * math.log(2) - compressed_bits


def in_nats(log_likelihood: Tensor, compressed_bits: Tensor) -> Tensor:
    return -log_likelihood - compressed_bits * math.log(2)


def bits_divided(log_likelihood: Tensor, compressed_bits: Tensor) -> Tensor:
    return (-log_likelihood - compressed_bits) / math.log(2)


def decimal(log_likelihood: Tensor, compressed_bits: Tensor) -> Tensor:
    return -log_likelihood / math.log(10) - compressed_bits


def added(log_likelihood: Tensor, compressed_bits: Tensor) -> Tensor:
    return -log_likelihood / math.log(2) + compressed_bits


def likelihood_not_negated(log_likelihood: Tensor, compressed_bits: Tensor) -> Tensor:
    return log_likelihood / math.log(2) - compressed_bits


def high_for_inliers(log_likelihood: Tensor, compressed_bits: Tensor) -> Tensor:
    return log_likelihood / math.log(2) + compressed_bits


def likelihood_alone(log_likelihood: Tensor, compressed_bits: Tensor) -> Tensor:
    return -log_likelihood / math.log(2) + 0 * compressed_bits


def ratio(log_likelihood: Tensor, compressed_bits: Tensor) -> Tensor:
    return -log_likelihood / math.log(2) / compressed_bits


def magnitude(log_likelihood: Tensor, compressed_bits: Tensor) -> Tensor:
    return (-log_likelihood / math.log(2) - compressed_bits).abs()


def logarithm_twice(log_likelihood: Tensor, compressed_bits: Tensor) -> Tensor:
    return -torch.log2(log_likelihood.abs() + 1e-12) - compressed_bits


def exponential_first(log_likelihood: Tensor, compressed_bits: Tensor) -> Tensor:
    return -torch.log2(log_likelihood.exp()) - compressed_bits


def from_bytes(log_likelihood: Tensor, compressed_bits: Tensor) -> Tensor:
    return -log_likelihood / math.log(2) - 8 * compressed_bits


def per_pixel(log_likelihood: Tensor, compressed_bits: Tensor) -> Tensor:
    return (-log_likelihood / math.log(2) - compressed_bits) / 784


def averaged(log_likelihood: Tensor, compressed_bits: Tensor) -> Tensor:
    return (-log_likelihood / math.log(2) - compressed_bits).mean()


# --- right answers, written independently ---------------------------------------------------------


def times_log2_of_e(log_likelihood: Tensor, compressed_bits: Tensor) -> Tensor:
    return -(math.log2(math.e) * log_likelihood + compressed_bits)


def as_log_ratio(log_likelihood: Tensor, compressed_bits: Tensor) -> Tensor:
    log_background = -compressed_bits * math.log(2)  # in nats: the compressor as a model
    return (log_background - log_likelihood) / math.log(2)


def one_by_one(log_likelihood: Tensor, compressed_bits: Tensor) -> Tensor:
    pairs = zip(log_likelihood.tolist(), compressed_bits.tolist(), strict=True)
    scores = [-nats / math.log(2.0) - bits for nats, bits in pairs]
    return torch.tensor(scores, dtype=log_likelihood.dtype)


exercise = Exercise(
    id="input_complexity_score",
    lecture=9,
    position=4,
    title="Take the complexity away",
    points=1,
    minutes=5,
    difficulty=1,
    reference=input_complexity_score,
    cases=(
        Case("eight images", eight_images),
        Case("five images in float64", five_in_float64),
        Case("a single image", one_image),
        Case("whole numbers of bits", whole_bits),
        Case("log-likelihoods from -1500 to 900", far_out),
    ),
    mistakes=(
        Mistake(
            "nats_and_bits",
            "The log-likelihood is in nats and the compressed size in bits: you subtract apples from pears. Divide the "
            "nats by ln 2.",
            nats_and_bits,
        ),
        Mistake(
            "multiplied",
            "Nats become bits by *dividing* by ln 2 (one nat is 1.44 bits), not by multiplying.",
            multiplied,
        ),
        Mistake("in_nats", "This is the score in nats. Asked for is bits: divide it by ln 2.", in_nats),
        Mistake(
            "bits_divided",
            "Both terms are divided by ln 2, but the compressed size is in bits already.",
            bits_divided,
        ),
        Mistake("decimal", "This is the logarithm to base 10. Bits have base 2: divide by ln 2.", decimal),
        Mistake(
            "added",
            "The compressed size is added, which punishes complex images twice. Subtract it: it is what an image of "
            "this complexity costs anyway.",
            added,
        ),
        Mistake(
            "not_negated",
            "The log-likelihood goes in with the wrong sign. A high score says outlier, so start from minus log p.",
            likelihood_not_negated,
        ),
        Mistake(
            "high_for_inliers",
            "The sign is turned: this is high for inliers. A high score says outlier.",
            high_for_inliers,
        ),
        Mistake("likelihood_alone", "The compressed size does not enter at all.", likelihood_alone),
        Mistake(
            "ratio",
            "The two code lengths are divided. Subtract them: the difference is the logarithm of a ratio already.",
            ratio,
        ),
        Mistake(
            "magnitude",
            "The absolute value makes images that the model knows well look like outliers. The sign matters.",
            magnitude,
        ),
        Mistake(
            "logarithm_twice",
            "log_likelihood is a logarithm already. To change its base, divide by ln 2; don't take another logarithm.",
            logarithm_twice,
        ),
        Mistake(
            "exponential_first",
            "exp(log_likelihood) is 0 or infinite for images. Stay with logarithms: dividing by ln 2 changes the base.",
            exponential_first,
        ),
        Mistake("bytes", "compressed_bits counts bits, not bytes: no factor of 8.", from_bytes),
        Mistake(
            "per_pixel", "The score is of the whole image: no division by the number of pixels.", per_pixel
        ),
        Mistake("averaged", "The images are averaged away. Give one score for each, shape (B,).", averaged),
    ),
    accepted=(times_log2_of_e, as_log_ratio, one_by_one),
    hints=(
        "Both terms are lengths of a message in bits: one with the model's code, one with a general compressor's.",
        "The model's code for x takes minus log2 p(x) bits, and log2 p = ln p / ln 2.",
        "`-log_likelihood / math.log(2)`, minus the bits.",
    ),
    forbidden=("course_utils.metrics.input_complexity_score",),
)
