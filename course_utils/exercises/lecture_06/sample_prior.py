"""Exercise 6.6: new images, from codes drawn from the prior."""

import torch
from torch import Generator, Tensor, nn

from course_utils.exercises import Case, Exercise, Mistake, close, same_law
from course_utils.exercises.lecture_06 import observers
from course_utils.exercises.observers import Inputs


def sample_prior(decoder: nn.Module, n: int, dim: int, generator: Generator) -> Tensor:
    """The reference: draw, decode, sigmoid."""
    return torch.sigmoid(decoder(_codes(n, dim, generator)))


def _codes(n: int, dim: int, generator: Generator) -> Tensor:
    return torch.randn(n, dim, generator=generator)


# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _sizes(n: int, dim: int, generator: Generator) -> Inputs:
    return {"n": n, "dim": dim, "_seed": int(torch.randint(2**31, (), generator=generator))}


def many_images(generator: Generator) -> Inputs:
    return _sizes(300, 6, generator)


def two_dimensions(generator: Generator) -> Inputs:
    return _sizes(400, 2, generator)


def one_image(generator: Generator) -> Inputs:
    return _sizes(1, 20, generator)


# --- wrong answers that students give -------------------------------------------------------------


def the_logits(decoder: nn.Module, n: int, dim: int, generator: Generator) -> Tensor:
    return decoder(_codes(n, dim, generator))


def sigmoid_twice(decoder: nn.Module, n: int, dim: int, generator: Generator) -> Tensor:
    return torch.sigmoid(sample_prior(decoder, n, dim, generator))


def clamped_logits(decoder: nn.Module, n: int, dim: int, generator: Generator) -> Tensor:
    return decoder(_codes(n, dim, generator)).clamp(0, 1)


def exponential(decoder: nn.Module, n: int, dim: int, generator: Generator) -> Tensor:
    return decoder(_codes(n, dim, generator)).exp().clamp(0, 1)


def black_and_white(decoder: nn.Module, n: int, dim: int, generator: Generator) -> Tensor:
    return (sample_prior(decoder, n, dim, generator) > 0.5).float()


def pixels_drawn(decoder: nn.Module, n: int, dim: int, generator: Generator) -> Tensor:
    return torch.bernoulli(sample_prior(decoder, n, dim, generator), generator=generator)


def uniform_codes(decoder: nn.Module, n: int, dim: int, generator: Generator) -> Tensor:
    return torch.sigmoid(decoder(torch.rand(n, dim, generator=generator)))


def centred_uniform_codes(decoder: nn.Module, n: int, dim: int, generator: Generator) -> Tensor:
    return torch.sigmoid(decoder(2 * torch.rand(n, dim, generator=generator) - 1))


def truncated(decoder: nn.Module, n: int, dim: int, generator: Generator) -> Tensor:
    return torch.sigmoid(decoder(0.5 * _codes(n, dim, generator)))


def the_mean_of_the_prior(decoder: nn.Module, n: int, dim: int, generator: Generator) -> Tensor:
    return torch.sigmoid(decoder(0 * _codes(n, dim, generator)))


def one_code_for_all(decoder: nn.Module, n: int, dim: int, generator: Generator) -> Tensor:
    return torch.sigmoid(decoder(_codes(1, dim, generator).expand(n, dim)))


def one_number_for_a_code(decoder: nn.Module, n: int, dim: int, generator: Generator) -> Tensor:
    return torch.sigmoid(decoder(_codes(n, 1, generator).expand(n, dim)))


def one_image_only(decoder: nn.Module, n: int, dim: int, generator: Generator) -> Tensor:
    return sample_prior(decoder, 1, dim, generator)


def flat(decoder: nn.Module, n: int, dim: int, generator: Generator) -> Tensor:
    return sample_prior(decoder, n, dim, generator).flatten(1)


def global_generator(decoder: nn.Module, n: int, dim: int, generator: Generator) -> Tensor:
    return torch.sigmoid(decoder(torch.randn(n, dim)))


def own_seed(decoder: nn.Module, n: int, dim: int, generator: Generator) -> Tensor:
    return sample_prior(decoder, n, dim, Generator().manual_seed(0))


# --- right answers, written independently ---------------------------------------------------------


def drawn_one_by_one(decoder: nn.Module, n: int, dim: int, generator: Generator) -> Tensor:
    with torch.no_grad():
        codes = [torch.empty(dim).normal_(generator=generator) for _ in range(n)]
        return decoder(torch.stack(codes)).sigmoid()


def in_two_halves(decoder: nn.Module, n: int, dim: int, generator: Generator) -> Tensor:
    codes = torch.normal(0.0, 1.0, (n, dim), generator=generator)
    return torch.cat([1 / (1 + (-decoder(part)).exp()) for part in codes.split(200)]).detach()


def through_the_inverse(decoder: nn.Module, n: int, dim: int, generator: Generator) -> Tensor:
    u = torch.rand(n, dim, generator=generator, dtype=torch.float64).clamp(1e-12, 1 - 1e-12)
    decoder.eval()
    return torch.nn.functional.softplus(-decoder(torch.special.ndtri(u).float())).neg().exp()


_COMPARE = {name: same_law() for name in observers.STATISTICS} | {
    observers.FRACTION: close(rtol=0.02, atol=1e-3)
}
_ANY = {name: lambda _seen, _wanted: None for name in observers.STATISTICS}  # one code has no statistics

exercise = Exercise(
    id="sample_prior",
    lecture=6,
    position=6,
    title="New images from the prior",
    points=2,
    minutes=5,
    difficulty=1,
    reference=sample_prior,
    cases=(
        Case("300 images, six latents", many_images, observers.prior_samples, _COMPARE),
        Case("400 images, two latents", two_dimensions, observers.prior_samples, _COMPARE),
        Case("one image, twenty latents", one_image, observers.prior_samples, _COMPARE | _ANY),
    ),
    mistakes=(
        Mistake(
            "the_logits",
            "These are the decoder's logits. The images are probabilities: their sigmoid.",
            the_logits,
        ),
        Mistake("sigmoid_twice", "The sigmoid is taken twice, so that nothing is ever black.", sigmoid_twice),
        Mistake(
            "clamped_logits",
            "The logits are clamped to [0, 1]. A logit becomes a probability by the sigmoid.",
            clamped_logits,
        ),
        Mistake(
            "exponential",
            "exp(logit) is the odds, p / (1 - p). The probability is the sigmoid of the logit.",
            exponential,
        ),
        Mistake(
            "black_and_white",
            "The probabilities are rounded to black and white. Return them as they are.",
            black_and_white,
        ),
        Mistake(
            "pixels_drawn",
            "The pixels are drawn from their probabilities: a sample of p(x|z), and a speckled one. Here the "
            "probabilities themselves are asked for.",
            pixels_drawn,
        ),
        Mistake(
            "uniform_codes",
            "torch.rand draws from [0, 1), a corner of the latent space. The prior is N(0, I): torch.randn.",
            uniform_codes,
        ),
        Mistake(
            "centred_uniform_codes",
            "The codes are uniform. The prior is N(0, I): torch.randn.",
            centred_uniform_codes,
        ),
        Mistake(
            "truncated",
            "The codes are shrunk towards 0. That gives cleaner and more ordinary images, but not samples of the "
            "model: z ~ N(0, I).",
            truncated,
        ),
        Mistake(
            "the_mean_of_the_prior",
            "Every code is 0, so every image is the same. Draw from the prior, N(0, I).",
            the_mean_of_the_prior,
        ),
        Mistake(
            "one_code_for_all",
            "One code is drawn and decoded n times. Draw n of them: torch.randn(n, dim, ...).",
            one_code_for_all,
        ),
        Mistake(
            "one_number_for_a_code",
            "All entries of a code are the same number. Draw each of them: torch.randn(n, dim, ...).",
            one_number_for_a_code,
        ),
        Mistake("one_image_only", "n images are asked for, and this is one.", one_image_only),
        Mistake(
            "flat",
            "The images have lost their shape: flattened, or the channel squeezed away. Leave them as the "
            "decoder gives "
            "them, (n, 1, 28, 28).",
            flat,
        ),
        Mistake(
            "global_generator",
            "The codes do not come from the generator that is given: torch.randn(n, dim, generator=generator).",
            global_generator,
        ),
        Mistake(
            "own_seed",
            "Every call gives the same images: a generator is seeded inside. Draw from the one that is given.",
            own_seed,
        ),
    ),
    accepted=(drawn_one_by_one, in_two_halves, through_the_inverse),
    hints=(
        "Two steps, as the model says: first z from p(z), then an image from z. No encoder is needed.",
        "`torch.randn(n, dim, generator=generator)` are n draws of N(0, I). The decoder makes logits of them.",
        "`torch.sigmoid(decoder(z))`.",
    ),
)
