"""Exercise 12.4: both sides of a game that gives the codes the shape of the prior."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.adversarial import aae_losses
from course_utils.exercises import Exercise, Mistake, games
from course_utils.exercises.observers import Answer

Pair = tuple[Tensor, Tensor]

# --- wrong answers that students give -------------------------------------------------------------


def _d(prior: Tensor, code: Tensor) -> Tensor:
    return aae_losses(prior, code)[0]


def codes_called_real(prior: Tensor, code: Tensor) -> Pair:
    return _d(code, prior), F.softplus(code).mean()


def batches_exchanged(prior: Tensor, code: Tensor) -> Pair:
    return aae_losses(code, prior)


def only_d_swapped(prior: Tensor, code: Tensor) -> Pair:
    return _d(code, prior), F.softplus(-code).mean()


def saturating(prior: Tensor, code: Tensor) -> Pair:
    return _d(prior, code), -F.softplus(code).mean()


def encoder_gives_itself_away(prior: Tensor, code: Tensor) -> Pair:
    return _d(prior, code), F.softplus(code).mean()


def encoder_sign(prior: Tensor, code: Tensor) -> Pair:
    return _d(prior, code), -F.softplus(-code).mean()


def encoder_from_the_prior(prior: Tensor, code: Tensor) -> Pair:
    return _d(prior, code), F.softplus(-prior).mean()


def encoder_with_both(prior: Tensor, code: Tensor) -> Pair:
    return _d(prior, code), _d(code, prior)


def minus_d(prior: Tensor, code: Tensor) -> Pair:
    d = _d(prior, code)
    return d, -d


def one_half(prior: Tensor, code: Tensor) -> Pair:
    d, e = aae_losses(prior, code)
    return 0.5 * d, e


def one_half_in_both(prior: Tensor, code: Tensor) -> Pair:
    d, e = aae_losses(prior, code)
    return 0.5 * d, 0.5 * e


def order(prior: Tensor, code: Tensor) -> Pair:
    d, e = aae_losses(prior, code)
    return e, d


def one_batch(prior: Tensor, code: Tensor) -> Pair:
    return torch.cat([F.softplus(-prior), F.softplus(code)]).mean(), F.softplus(-code).mean()


def prior_alone(prior: Tensor, code: Tensor) -> Pair:
    return F.softplus(-prior).mean(), F.softplus(-code).mean()


def values(prior: Tensor, code: Tensor) -> Pair:
    d, e = aae_losses(prior, code)
    return -d, -e


def wasserstein(prior: Tensor, code: Tensor) -> Pair:
    return code.mean() - prior.mean(), -code.mean()


def codes_detached(prior: Tensor, code: Tensor) -> Pair:
    return aae_losses(prior, code.detach())


def without_a_graph(prior: Tensor, code: Tensor) -> tuple[float, float]:
    d, e = aae_losses(prior, code)
    return d.item(), e.item()


def one_number(prior: Tensor, code: Tensor) -> Tensor:
    return sum(aae_losses(prior, code))


def _losses_by(term: games.Term) -> Answer:
    return lambda prior, code: (term(prior, True) + term(code, False), term(code, True))


# --- right answers, written independently ---------------------------------------------------------


def by_cross_entropy(prior: Tensor, code: Tensor) -> Pair:
    bce, one, zero = F.binary_cross_entropy_with_logits, torch.ones_like, torch.zeros_like
    return bce(prior, one(prior)) + bce(code, zero(code)), bce(code, one(code))


def by_softplus(prior: Tensor, code: Tensor) -> list[Tensor]:
    return [F.softplus(-prior).mean() + F.softplus(code).mean(), F.softplus(-code).mean()]


def by_logaddexp(prior: Tensor, code: Tensor) -> Pair:
    def minus_log_sigmoid(logits: Tensor) -> Tensor:
        return torch.logaddexp(torch.zeros_like(logits), -logits).mean()

    return minus_log_sigmoid(prior) + minus_log_sigmoid(-code), minus_log_sigmoid(code)


exercise = Exercise(
    id="aae_losses",
    lecture=12,
    position=4,
    title="A prior imposed by a game",
    points=2,
    minutes=6,
    difficulty=1,
    reference=aae_losses,
    cases=games.two_batch_cases("prior_logits", "code_logits"),
    mistakes=(
        Mistake(
            "codes_called_real",
            "Real and fake are exchanged: here the draws of the prior are the real ones. It still is a game, but the "
            "logits mean the opposite.",
            codes_called_real,
        ),
        Mistake(
            "batches_exchanged",
            "The two batches are exchanged in both losses: the draws of the prior come first, and the encoder's loss "
            "is taken of its codes.",
            batches_exchanged,
        ),
        Mistake(
            "only_d_swapped",
            "In the discriminator's loss real and fake are exchanged: it would call codes real, and so would the "
            "encoder have it. Draws of the prior are the real ones.",
            only_d_swapped,
        ),
        Mistake(
            "saturating",
            "The encoder's loss is the saturating one, log(1 - D): no gradient where its codes are seen through. "
            "Take -log D.",
            saturating,
        ),
        Mistake(
            "encoder_gives_itself_away",
            "The encoder's loss is small when its codes are seen through. It wants them taken for draws of the "
            "prior: label 1.",
            encoder_gives_itself_away,
        ),
        Mistake(
            "encoder_sign",
            "The encoder's loss has the wrong sign: made small, it would make the codes look less like the prior.",
            encoder_sign,
        ),
        Mistake(
            "encoder_from_the_prior",
            "The encoder's loss is taken from the prior's logits, on which the encoder has no influence at all.",
            encoder_from_the_prior,
        ),
        Mistake(
            "encoder_with_both",
            "The encoder's loss holds the prior's logits too. They don't depend on the encoder: leave them out. In "
            "BiGAN both batches belong to the second player; here only the codes do.",
            encoder_with_both,
        ),
        Mistake(
            "minus_d",
            "The encoder's loss is minus the discriminator's: the saturating game. Take -log D of the codes.",
            minus_d,
        ),
        Mistake(
            "one_half",
            "The discriminator's loss has a factor one half. Here it is the plain sum of two means.",
            one_half,
        ),
        Mistake(
            "one_half_in_both",
            "There is a factor one half in both losses. Take plain means.",
            one_half_in_both,
        ),
        Mistake("order", "The order is (d_loss, encoder_loss).", order),
        Mistake(
            "one_batch",
            "Both batches are joined before the mean: half the loss, and the larger batch weighs more. Each has a "
            "mean of its own.",
            one_batch,
        ),
        Mistake(
            "prior_alone",
            "The discriminator's loss lacks the codes: calling everything real would be best.",
            prior_alone,
        ),
        Mistake("values", "Both have the sign of a value to be made large. A loss is made small.", values),
        Mistake(
            "wasserstein",
            "These are the losses of a critic. Here the discriminator gives log odds: take logarithms of "
            "probabilities.",
            wasserstein,
        ),
        Mistake(
            "codes_detached",
            "The codes' logits are detached, so the encoder hears nothing of the game. In the discriminator's step "
            "it is the codes that are detached, before the discriminator sees them.",
            codes_detached,
        ),
        Mistake(
            "without_a_graph",
            "The losses have lost their graph, so nothing can be trained on them. Return tensors.",
            without_a_graph,
        ),
        Mistake("one_number", "Return two losses, (d_loss, encoder_loss), not their sum.", one_number),
        *games.slips(_losses_by),
    ),
    accepted=(by_cross_entropy, by_softplus, by_logaddexp),
    hints=(
        "It is the game of lecture 10 with codes in place of images. Who takes the place of the generator?",
        "The encoder's loss is lecture 10's non-saturating generator loss, on the logits of its codes alone.",
        "-F.logsigmoid(prior_logits).mean() - F.logsigmoid(-code_logits).mean(), and for the encoder "
        "-F.logsigmoid(code_logits).mean().",
    ),
)
