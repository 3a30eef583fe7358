"""Exercise 12.3: both sides of a game over pairs of an image and a code."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.adversarial import bigan_losses
from course_utils.exercises import Exercise, Mistake, games
from course_utils.exercises.observers import Answer

Pair = tuple[Tensor, Tensor]

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


def values(e: Tensor, g: Tensor) -> Pair:
    d, ge = bigan_losses(e, g)
    return -d, -ge


def second_negative(e: Tensor, g: Tensor) -> Pair:
    d, ge = bigan_losses(e, g)
    return d, -ge


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


def _losses_by(term: games.Term) -> Answer:
    return lambda e, g: (term(e, True) + term(g, False), term(g, True) + term(e, False))


# --- right answers, written independently ---------------------------------------------------------


def by_cross_entropy(e: Tensor, g: Tensor) -> Pair:
    bce, one, zero = F.binary_cross_entropy_with_logits, torch.ones_like, torch.zeros_like
    return bce(e, one(e)) + bce(g, zero(g)), bce(e, zero(e)) + bce(g, one(g))


def by_softplus(e: Tensor, g: Tensor) -> list[Tensor]:
    return [F.softplus(-e).mean() + F.softplus(g).mean(), F.softplus(e).mean() + F.softplus(-g).mean()]


def the_second_from_the_first(e: Tensor, g: Tensor) -> Pair:
    d = -(F.logsigmoid(e).mean() + F.logsigmoid(-g).mean())
    return d, d + e.mean() - g.mean()  # log(1 - D) = log D - l


exercise = Exercise(
    id="bigan_losses",
    lecture=12,
    position=3,
    title="A game over pairs",
    points=2,
    minutes=8,
    difficulty=2,
    reference=bigan_losses,
    cases=games.two_batch_cases("encoder_pair_logits", "generator_pair_logits"),
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
        Mistake("values", "Both have the sign of a value to be made large. A loss is made small.", values),
        Mistake(
            "second_negative",
            "The second loss has swapped labels and the other sign as well: made small, it would help the "
            "discriminator. Swap the labels only.",
            second_negative,
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
        *games.slips(_losses_by),
    ),
    accepted=(by_cross_entropy, by_softplus, the_second_from_the_first),
    hints=(
        "The first loss is lecture 10's discriminator_loss. Which of the two batches is the real one?",
        "The second side wants the opposite labels on both batches. Don't turn the sign: swap the labels.",
        "discriminator_loss(a, b) is -F.logsigmoid(a).mean() - F.logsigmoid(-b).mean(). Call it twice, with the "
        "batches in either order.",
    ),
)
