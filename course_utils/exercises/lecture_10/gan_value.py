"""Exercise 10.2: the value of the game, from logits."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.adversarial import gan_value
from course_utils.exercises import Exercise, Mistake, games
from course_utils.exercises.observers import Answer

# --- wrong answers that students give -------------------------------------------------------------


def negated(real: Tensor, fake: Tensor) -> Tensor:
    return -gan_value(real, fake)


def swapped(real: Tensor, fake: Tensor) -> Tensor:
    return gan_value(fake, real)


def logits_as_probabilities(real: Tensor, fake: Tensor) -> Tensor:
    return real.log().mean() + (1 - fake).log().mean()


def one_half(real: Tensor, fake: Tensor) -> Tensor:
    return 0.5 * gan_value(real, fake)


def one_batch(real: Tensor, fake: Tensor) -> Tensor:
    return torch.cat([F.logsigmoid(real), F.logsigmoid(-fake)]).mean()


def fake_taken_for_real(real: Tensor, fake: Tensor) -> Tensor:
    return F.logsigmoid(real).mean() + F.logsigmoid(fake).mean()


def minus_between(real: Tensor, fake: Tensor) -> Tensor:
    return F.logsigmoid(real).mean() - F.logsigmoid(-fake).mean()


def one_minus_the_log(real: Tensor, fake: Tensor) -> Tensor:
    return F.logsigmoid(real).mean() + (1 - F.logsigmoid(fake)).mean()


def real_only(real: Tensor, fake: Tensor) -> Tensor:
    return F.logsigmoid(real).mean()


def fakes_detached(real: Tensor, fake: Tensor) -> Tensor:
    return gan_value(real, fake.detach())


def in_bits(real: Tensor, fake: Tensor) -> Tensor:
    return gan_value(real, fake) / math.log(2)


def log_of_the_mean(real: Tensor, fake: Tensor) -> Tensor:
    return real.sigmoid().mean().log() + (-fake).sigmoid().mean().log()


def wasserstein(real: Tensor, fake: Tensor) -> Tensor:
    return real.mean() - fake.mean()


def without_a_graph(real: Tensor, fake: Tensor) -> float:
    return gan_value(real, fake).item()


def _value_by(term: games.Term) -> Answer:
    return lambda real, fake: -term(real, True) - term(fake, False)


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


exercise = Exercise(
    id="gan_value",
    lecture=10,
    position=2,
    title="The value of the game",
    points=2,
    minutes=8,
    difficulty=1,
    reference=gan_value,
    cases=games.two_batch_cases("real_logits", "fake_logits"),
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
            "logits_as_probabilities",
            "The logarithm is taken of the logits. D is their sigmoid; a logit may be negative.",
            logits_as_probabilities,
        ),
        Mistake("one_half", "There is a factor one half. The value is the plain sum of two means.", one_half),
        Mistake(
            "one_batch",
            "The mean is taken over both batches together. Each batch has a mean of its own, whatever its size.",
            one_batch,
        ),
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
        Mistake(
            "fakes_detached",
            "The fake logits are detached, so no gradient reaches them. What a discriminator's step detaches is the "
            "images, before the discriminator sees them.",
            fakes_detached,
        ),
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
        *games.slips(_value_by),
    ),
    accepted=(by_softplus, by_cross_entropy, by_logaddexp),
    hints=(
        "Two means, one for each batch, added. What is 1 - sigmoid(l), written with one sigmoid?",
        "log D = F.logsigmoid(l) and log(1 - D) = F.logsigmoid(-l): no probability is ever formed.",
        "F.logsigmoid of the real logits, averaged; plus F.logsigmoid of minus the fake logits, averaged.",
    ),
)
