"""Exercise 10.2: the value of the game, from logits."""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.adversarial import gan_value
from course_utils.exercises import Case, Exercise, Mistake, observers
from course_utils.exercises.observers import Inputs

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _logits(
    n_real: int,
    n_fake: int,
    generator: Generator,
    *,
    column: bool = False,
    dtype: torch.dtype = torch.float32,
) -> Inputs:
    """Real logits mostly above 0 and fake ones mostly below, neither alike: exchanging them shows."""
    real, fake = (
        2 * torch.rand(n, generator=generator, dtype=dtype)
        + 0.3 * torch.randn(n, generator=generator, dtype=dtype)
        for n in (n_real, n_fake)
    )
    real, fake = real - 0.2, -0.6 * fake - 0.3
    if column:
        real, fake = real[:, None], fake[:, None]
    return {"real_logits": real, "fake_logits": fake, "_gradients_of": ["real_logits", "fake_logits"]}


def two_batches(generator: Generator) -> Inputs:
    return _logits(7, 7, generator)


def of_different_sizes(generator: Generator) -> Inputs:
    return _logits(9, 4, generator)


def columns(generator: Generator) -> Inputs:
    return _logits(5, 5, generator, column=True)


def sure_of_itself(generator: Generator) -> Inputs:
    """Up to 300 on either side, right and wrong."""
    sizes = torch.tensor([300.0, 120.0, 60.0, 25.0, 0.5, -25.0, -120.0, -300.0])
    real, fake = (sizes * (0.9 + 0.1 * torch.rand(8, generator=generator)) for _ in range(2))
    return {"real_logits": real, "fake_logits": -fake, "_gradients_of": ["real_logits", "fake_logits"]}


def one_each(generator: Generator) -> Inputs:
    return _logits(1, 1, generator, dtype=torch.float64)


# --- wrong answers that students give -------------------------------------------------------------


def negated(real: Tensor, fake: Tensor) -> Tensor:
    return -gan_value(real, fake)


def swapped(real: Tensor, fake: Tensor) -> Tensor:
    return gan_value(fake, real)


def sigmoid_twice(real: Tensor, fake: Tensor) -> Tensor:
    return gan_value(real.sigmoid(), fake.sigmoid())


def logits_as_probabilities(real: Tensor, fake: Tensor) -> Tensor:
    return real.log().mean() + (1 - fake).log().mean()


def naive(real: Tensor, fake: Tensor) -> Tensor:
    return real.sigmoid().log().mean() + (1 - fake.sigmoid()).log().mean()


def with_epsilon(real: Tensor, fake: Tensor) -> Tensor:
    return (real.sigmoid() + 1e-8).log().mean() + (1 - fake.sigmoid() + 1e-8).log().mean()


def clamped(real: Tensor, fake: Tensor) -> Tensor:
    one, zero = torch.ones_like(real), torch.zeros_like(fake)
    return -F.binary_cross_entropy(real.sigmoid(), one) - F.binary_cross_entropy(fake.sigmoid(), zero)


def one_half(real: Tensor, fake: Tensor) -> Tensor:
    return 0.5 * gan_value(real, fake)


def one_batch(real: Tensor, fake: Tensor) -> Tensor:
    return torch.cat([F.logsigmoid(real), F.logsigmoid(-fake)]).mean()


def summed(real: Tensor, fake: Tensor) -> Tensor:
    return F.logsigmoid(real).sum() + F.logsigmoid(-fake).sum()


def fake_taken_for_real(real: Tensor, fake: Tensor) -> Tensor:
    return F.logsigmoid(real).mean() + F.logsigmoid(fake).mean()


def minus_between(real: Tensor, fake: Tensor) -> Tensor:
    return F.logsigmoid(real).mean() - F.logsigmoid(-fake).mean()


def one_minus_the_log(real: Tensor, fake: Tensor) -> Tensor:
    return F.logsigmoid(real).mean() + (1 - F.logsigmoid(fake)).mean()


def real_only(real: Tensor, fake: Tensor) -> Tensor:
    return F.logsigmoid(real).mean() + 0 * fake.sum()


def in_bits(real: Tensor, fake: Tensor) -> Tensor:
    return gan_value(real, fake) / math.log(2)


def log_of_the_mean(real: Tensor, fake: Tensor) -> Tensor:
    return real.sigmoid().mean().log() + (-fake).sigmoid().mean().log()


def wasserstein(real: Tensor, fake: Tensor) -> Tensor:
    return real.mean() - fake.mean()


def without_a_graph(real: Tensor, fake: Tensor) -> float:
    return gan_value(real, fake).item()


# --- right answers, written independently ---------------------------------------------------------


def by_softplus(real: Tensor, fake: Tensor) -> Tensor:
    return -F.softplus(-real).mean() - F.softplus(fake).mean()


def by_cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    real_part = F.binary_cross_entropy_with_logits(real, torch.ones_like(real))
    return -(real_part + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake)))


def by_logaddexp(real: Tensor, fake: Tensor) -> Tensor:
    zero = torch.zeros(1, dtype=real.dtype)
    log_d, log_1_minus_d = -torch.logaddexp(zero, -real), -torch.logaddexp(zero, fake)
    return log_d.sum() / log_d.numel() + log_1_minus_d.sum() / log_1_minus_d.numel()


_watched = observers.value_and_gradients

exercise = Exercise(
    id="gan_value",
    lecture=10,
    position=2,
    title="The value of the game",
    points=2,
    minutes=8,
    difficulty=1,
    reference=gan_value,
    cases=(
        Case("two batches", two_batches, _watched),
        Case("batches of different sizes", of_different_sizes, _watched),
        Case("logits of shape (B, 1)", columns, _watched),
        Case("logits up to 300", sure_of_itself, _watched),
        Case("one example each, in float64", one_each, _watched),
    ),
    mistakes=(
        Mistake(
            "negated",
            "The sign is the other one: this is the discriminator's loss. The value is what it makes large, and it is "
            "never above 0.",
            negated,
        ),
        Mistake(
            "swapped",
            "Real and fake are exchanged. log D belongs to the real examples, log(1 - D) to the fake ones.",
            swapped,
        ),
        Mistake(
            "sigmoid_twice",
            "The sigmoid is taken twice. A function that expects logits takes it itself: hand it the logits as they "
            "are.",
            sigmoid_twice,
        ),
        Mistake(
            "logits_as_probabilities",
            "The logarithm is taken of the logits. D is their sigmoid; a logit may be negative.",
            logits_as_probabilities,
        ),
        Mistake(
            "naive",
            "At a logit of 300 a probability has been rounded to 0 or 1, and its logarithm is infinite. Take "
            "F.logsigmoid, which never forms the probability; log(1 - D) is the logsigmoid of minus the logit.",
            naive,
        ),
        Mistake(
            "with_epsilon",
            "A small number inside the logarithm stops it at -18, and takes the gradient away where the "
            "discriminator is most wrong. Take F.logsigmoid instead.",
            with_epsilon,
        ),
        Mistake(
            "clamped",
            "F.binary_cross_entropy stops at 100 for probabilities that were rounded to 0. Its form with logits, or "
            "F.logsigmoid, does not.",
            clamped,
        ),
        Mistake("one_half", "There is a factor one half. The value is the plain sum of two means.", one_half),
        Mistake(
            "one_batch",
            "The mean is taken over both batches together. Each batch has a mean of its own, whatever its size.",
            one_batch,
        ),
        Mistake("summed", "The batches are summed over. Expectations are means.", summed),
        Mistake(
            "fake_taken_for_real",
            "The fakes' term is log D as well. It is log(1 - D): the logsigmoid of minus the logit.",
            fake_taken_for_real,
        ),
        Mistake(
            "minus_between",
            "The two terms are subtracted. The discriminator wants both large.",
            minus_between,
        ),
        Mistake(
            "one_minus_the_log",
            "This is 1 - log D for the fakes. It is log(1 - D), and 1 - sigmoid(l) = sigmoid(-l).",
            one_minus_the_log,
        ),
        Mistake("real_only", "The fakes' term is missing.", real_only),
        Mistake("in_bits", "The logarithm has base 2. We count in nats: base e.", in_bits),
        Mistake(
            "log_of_the_mean",
            "The mean is taken inside the logarithm. It is the mean of log D, not the log of the mean D.",
            log_of_the_mean,
        ),
        Mistake(
            "wasserstein",
            "This is the critic's objective of section 9, the difference of the mean scores. Here logarithms of "
            "probabilities are averaged.",
            wasserstein,
        ),
        Mistake(
            "without_a_graph",
            "The value has lost its graph. Minus the value is to be a loss: return the tensor.",
            without_a_graph,
        ),
    ),
    accepted=(by_softplus, by_cross_entropy, by_logaddexp),
    hints=(
        "Two means, one for each batch, added. What is 1 - sigmoid(l), written with one sigmoid?",
        "log D = F.logsigmoid(l) and log(1 - D) = F.logsigmoid(-l): no probability is ever formed.",
        "F.logsigmoid of the real logits, averaged; plus F.logsigmoid of minus the fake logits, averaged.",
    ),
)
