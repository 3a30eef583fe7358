"""Exercise 12.3: both sides of a game over pairs of an image and a code."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.adversarial import bigan_losses
from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises import observers as watching
from course_utils.exercises.lecture_12 import observers
from course_utils.exercises.observers import Inputs

# --- inputs: plain data from a seeded generator ---------------------------------------------------

NAMES = "encoder_pair_logits", "generator_pair_logits"
Pair = tuple[Tensor, Tensor]


def two_batches(generator: Generator) -> Inputs:
    return observers.two_batches(NAMES, (6, 6), generator)


def of_different_sizes(generator: Generator) -> Inputs:
    return observers.two_batches(NAMES, (4, 9), generator)


def columns(generator: Generator) -> Inputs:
    return observers.two_batches(NAMES, (5, 5), generator, column=True)


def sure(generator: Generator) -> Inputs:
    return observers.sure_batches(NAMES, generator)


def one_each(generator: Generator) -> Inputs:
    return observers.two_batches(NAMES, (1, 1), generator, dtype=torch.float64)


# --- wrong answers that students give -------------------------------------------------------------


def exchanged(e: Tensor, g: Tensor) -> Pair:
    return bigan_losses(g, e)


def minimax(e: Tensor, g: Tensor) -> Pair:
    d, _ = bigan_losses(e, g)
    return d, -d


def generator_alone(e: Tensor, g: Tensor) -> Pair:
    return bigan_losses(e, g)[0], F.softplus(-g).mean()


def encoder_alone(e: Tensor, g: Tensor) -> Pair:
    return bigan_losses(e, g)[0], F.softplus(e).mean()


def encoder_on_the_discriminators_side(e: Tensor, g: Tensor) -> Pair:
    return bigan_losses(e, g)[0], F.softplus(-e).mean() + F.softplus(-g).mean()


def same_loss_twice(e: Tensor, g: Tensor) -> Pair:
    d, _ = bigan_losses(e, g)
    return d, d


def one_half(e: Tensor, g: Tensor) -> Pair:
    d, ge = bigan_losses(e, g)
    return 0.5 * d, 0.5 * ge


def one_half_in_d(e: Tensor, g: Tensor) -> Pair:
    d, ge = bigan_losses(e, g)
    return 0.5 * d, ge


def one_batch(e: Tensor, g: Tensor) -> Pair:
    def joined(a: Tensor, b: Tensor) -> Tensor:
        return torch.cat([F.softplus(-a), F.softplus(b)]).mean()

    return joined(e, g), joined(g, e)


def summed(e: Tensor, g: Tensor) -> Pair:
    return F.softplus(-e).sum() + F.softplus(g).sum(), F.softplus(e).sum() + F.softplus(-g).sum()


def values(e: Tensor, g: Tensor) -> Pair:
    d, ge = bigan_losses(e, g)
    return -d, -ge


def sigmoid_twice(e: Tensor, g: Tensor) -> Pair:
    return bigan_losses(e.sigmoid(), g.sigmoid())


def naive(e: Tensor, g: Tensor) -> Pair:
    p, q = e.sigmoid(), g.sigmoid()
    return -p.log().mean() - (1 - q).log().mean(), -(1 - p).log().mean() - q.log().mean()


def with_epsilon(e: Tensor, g: Tensor) -> Pair:
    p, q, tiny = e.sigmoid(), g.sigmoid(), 1e-8
    return (
        -(p + tiny).log().mean() - (1 - q + tiny).log().mean(),
        -(1 - p + tiny).log().mean() - (q + tiny).log().mean(),
    )


def clamped(e: Tensor, g: Tensor) -> Pair:
    def nats(logits: Tensor, label: float) -> Tensor:
        return F.binary_cross_entropy(logits.sigmoid(), torch.full_like(logits, label))

    return nats(e, 1.0) + nats(g, 0.0), nats(e, 0.0) + nats(g, 1.0)


def wasserstein(e: Tensor, g: Tensor) -> Pair:
    return g.mean() - e.mean(), e.mean() - g.mean()


def wasserstein_with_the_wrong_sign(e: Tensor, g: Tensor) -> Pair:
    return e.mean() - g.mean(), g.mean() - e.mean()


def encoder_detached(e: Tensor, g: Tensor) -> Pair:
    return bigan_losses(e.detach(), g)


def generator_detached(e: Tensor, g: Tensor) -> Pair:
    return bigan_losses(e, g.detach())


def without_a_graph(e: Tensor, g: Tensor) -> tuple[float, float]:
    d, ge = bigan_losses(e, g)
    return d.item(), ge.item()


def one_number(e: Tensor, g: Tensor) -> Tensor:
    return sum(bigan_losses(e, g))


# --- right answers, written independently ---------------------------------------------------------


def by_cross_entropy(e: Tensor, g: Tensor) -> Pair:
    bce, one, zero = F.binary_cross_entropy_with_logits, torch.ones_like, torch.zeros_like
    return bce(e, one(e)) + bce(g, zero(g)), bce(e, zero(e)) + bce(g, one(g))


def by_softplus(e: Tensor, g: Tensor) -> list[Tensor]:
    return [F.softplus(-e).mean() + F.softplus(g).mean(), F.softplus(e).mean() + F.softplus(-g).mean()]


def the_second_from_the_first(e: Tensor, g: Tensor) -> Pair:
    d = -(F.logsigmoid(e).mean() + F.logsigmoid(-g).mean())
    return d, d + e.mean() - g.mean()  # log(1 - D) = log D - l


_watched = watching.value_and_gradients

exercise = Exercise(
    id="bigan_losses",
    lecture=12,
    position=3,
    title="A game over pairs",
    points=2,
    minutes=8,
    difficulty=2,
    reference=bigan_losses,
    cases=(
        Case("two batches of pairs", two_batches, _watched),
        Case("batches of different sizes", of_different_sizes, _watched),
        Case("logits of shape (B, 1)", columns, _watched),
        Case("logits up to 300, many of them wrong", sure, _watched),
        Case("one pair each, in float64", one_each, _watched),
    ),
    mistakes=(
        Mistake(
            "exchanged",
            "Real and fake are exchanged, or the two losses are: for the discriminator the encoder's pairs (x, "
            "E(x)) are the real ones, and its loss comes first.",
            exchanged,
        ),
        Mistake(
            "minimax",
            "The second loss is minus the first: the saturating game, whose gradient vanishes where the "
            "discriminator is sure. Swap the labels instead of the sign.",
            minimax,
        ),
        Mistake(
            "generator_alone",
            "The second loss holds the generator's pairs only, so the encoder would learn nothing. It has two "
            "terms, like the first.",
            generator_alone,
        ),
        Mistake(
            "encoder_alone",
            "The second loss holds the encoder's pairs only, so the generator would learn nothing. It has two "
            "terms, like the first.",
            encoder_alone,
        ),
        Mistake(
            "encoder_on_the_discriminators_side",
            "In the second loss the encoder's pairs are called real: then the encoder helps the discriminator. It "
            "wants its pairs to be taken for the generator's.",
            encoder_on_the_discriminators_side,
        ),
        Mistake(
            "same_loss_twice",
            "Both sides have the same loss, so nobody plays against anybody. The labels are swapped in the second.",
            same_loss_twice,
        ),
        Mistake(
            "one_half",
            "There is a factor one half. Both losses are plain sums of two means.",
            one_half,
        ),
        Mistake(
            "one_half_in_d", "The first loss has a factor one half, and no reason for it.", one_half_in_d
        ),
        Mistake(
            "one_batch",
            "Both batches are joined before the mean: half the loss, and the larger batch weighs more. Each has a "
            "mean of its own.",
            one_batch,
        ),
        Mistake("summed", "The batches are summed over. Take the mean of each.", summed),
        Mistake("values", "Both have the sign of a value to be made large. A loss is made small.", values),
        Mistake(
            "sigmoid_twice",
            "The sigmoid is taken twice: logsigmoid, and the cross-entropy with logits, take it themselves.",
            sigmoid_twice,
        ),
        Mistake(
            "naive",
            "At a logit of 300 a probability has been rounded to 0 or 1, and its logarithm is infinite. Use the "
            "logits.",
            naive,
        ),
        Mistake(
            "with_epsilon",
            "A small number inside the logarithm takes the gradient away where the discriminator is most wrong. "
            "Use the logits.",
            with_epsilon,
        ),
        Mistake(
            "clamped",
            "F.binary_cross_entropy stops at 100 for probabilities that were rounded. Its form with logits does not.",
            clamped,
        ),
        Mistake(
            "wasserstein",
            "These are the losses of a critic. Here the discriminator gives log odds: take logarithms of "
            "probabilities.",
            wasserstein,
        ),
        Mistake(
            "wasserstein_with_the_wrong_sign",
            "These are a critic's losses, and with the wrong sign. Here the discriminator gives log odds: take "
            "logarithms of probabilities.",
            wasserstein_with_the_wrong_sign,
        ),
        Mistake(
            "encoder_detached",
            "The encoder's logits are detached, so neither discriminator nor encoder learns from them. What is "
            "detached in a discriminator's step is the pair, before the discriminator sees it.",
            encoder_detached,
        ),
        Mistake(
            "generator_detached",
            "The generator's logits are detached, so neither discriminator nor generator learns from them.",
            generator_detached,
        ),
        Mistake(
            "without_a_graph",
            "The losses have lost their graph, so nothing can be trained on them. Return tensors.",
            without_a_graph,
        ),
        Mistake("one_number", "Return two losses, (d_loss, ge_loss), not their sum.", one_number),
    ),
    accepted=(by_cross_entropy, by_softplus, the_second_from_the_first),
    hints=(
        "The first loss is lecture 10's discriminator_loss. Which of the two batches is the real one?",
        "The second side wants the opposite labels on both batches. Don't turn the sign: swap the labels.",
        "discriminator_loss(a, b) is -F.logsigmoid(a).mean() - F.logsigmoid(-b).mean(). Call it twice, with the "
        "batches in either order.",
    ),
)
