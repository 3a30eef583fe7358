"""Exercise 12.5: the loss that makes a network learn a log ratio of densities."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.adversarial import avb_discriminator_loss
from course_utils.exercises import Exercise, Mistake, games
from course_utils.exercises.observers import Answer

# --- wrong answers that students give -------------------------------------------------------------


def exchanged(q: Tensor, p: Tensor) -> Tensor:
    return avb_discriminator_loss(p, q)


def the_value(q: Tensor, p: Tensor) -> Tensor:
    return -avb_discriminator_loss(q, p)


def one_half(q: Tensor, p: Tensor) -> Tensor:
    return 0.5 * avb_discriminator_loss(q, p)


def one_batch(q: Tensor, p: Tensor) -> Tensor:
    return torch.cat([F.softplus(-q), F.softplus(p)]).mean()


def difference_of_means(q: Tensor, p: Tensor) -> Tensor:
    return p.mean() - q.mean()


def difference_of_means_turned(q: Tensor, p: Tensor) -> Tensor:
    return q.mean() - p.mean()


def donsker_varadhan(q: Tensor, p: Tensor) -> Tensor:
    return p.flatten().logsumexp(0) - torch.tensor(float(p.numel())).log() - q.mean()


def posterior_alone(q: Tensor, p: Tensor) -> Tensor:
    return F.softplus(-q).mean()


def prior_alone(q: Tensor, p: Tensor) -> Tensor:
    return F.softplus(p).mean()


def both_positive(q: Tensor, p: Tensor) -> Tensor:
    return F.softplus(-q).mean() + F.softplus(-p).mean()


def minus_between(q: Tensor, p: Tensor) -> Tensor:
    return F.softplus(-q).mean() - F.softplus(p).mean()


def squared(q: Tensor, p: Tensor) -> Tensor:
    return (q.sigmoid() - 1).square().mean() + p.sigmoid().square().mean()


def posterior_detached(q: Tensor, p: Tensor) -> Tensor:
    return avb_discriminator_loss(q.detach(), p)


def without_a_graph(q: Tensor, p: Tensor) -> float:
    return avb_discriminator_loss(q, p).item()


def _loss_by(term: games.Term) -> Answer:
    return lambda q, p: term(q, True) + term(p, False)


# --- right answers, written independently ---------------------------------------------------------


def by_cross_entropy(q: Tensor, p: Tensor) -> Tensor:
    positive = F.binary_cross_entropy_with_logits(q, torch.ones_like(q))
    return positive + F.binary_cross_entropy_with_logits(p, torch.zeros_like(p))


def by_logsigmoid(q: Tensor, p: Tensor) -> Tensor:
    return -(F.logsigmoid(q).mean() + F.logsigmoid(-p).mean())


def by_logaddexp(q: Tensor, p: Tensor) -> Tensor:
    return torch.logaddexp(torch.zeros_like(q), -q).mean() + torch.logaddexp(torch.zeros_like(p), p).mean()


exercise = Exercise(
    id="avb_discriminator_loss",
    lecture=12,
    position=5,
    title="A loss that learns a log ratio",
    points=1,
    minutes=5,
    difficulty=1,
    reference=avb_discriminator_loss,
    cases=games.two_batch_cases("t_posterior", "t_prior"),
    mistakes=(
        Mistake(
            "exchanged",
            "Posterior and prior are exchanged: T would become log p - log q. Draws of the posterior are the "
            "positive class.",
            exchanged,
        ),
        Mistake("the_value", "This is to be made large. A loss is made small: turn the sign.", the_value),
        Mistake("one_half", "There is a factor one half. Take the plain sum of two means.", one_half),
        Mistake(
            "one_batch",
            "Both batches are joined before the mean. Then T* is off by the log ratio of their sizes: each has a "
            "mean of its own.",
            one_batch,
        ),
        Mistake(
            "difference_of_means",
            "This is a critic's loss, without a minimum: T could grow for ever. The logistic loss has its minimum "
            "at the log ratio.",
            difference_of_means,
        ),
        Mistake(
            "difference_of_means_turned",
            "This is the difference of the means, with the wrong sign at that, and it has no minimum. Take the "
            "logistic loss.",
            difference_of_means_turned,
        ),
        Mistake(
            "donsker_varadhan",
            "This is another bound on the KL divergence (Donsker and Varadhan), whose best T is the log ratio up "
            "to a constant. Here the logistic loss is asked for.",
            donsker_varadhan,
        ),
        Mistake(
            "posterior_alone",
            "The prior's term is missing: T would be made large everywhere.",
            posterior_alone,
        ),
        Mistake(
            "prior_alone", "The posterior's term is missing: T would be made small everywhere.", prior_alone
        ),
        Mistake(
            "both_positive",
            "Both batches are labelled 1. Draws of the prior are the negative class, -log(1 - s(T)).",
            both_positive,
        ),
        Mistake("minus_between", "The prior's term has the wrong sign. Add both.", minus_between),
        Mistake(
            "squared",
            "Squared errors of the probabilities are taken. The logistic loss takes logarithms.",
            squared,
        ),
        Mistake(
            "posterior_detached",
            "T at the posterior's draws is detached, so T never learns where q has its mass. What is detached in "
            "this step are the draws z, before T sees them.",
            posterior_detached,
        ),
        Mistake(
            "without_a_graph",
            "The loss has lost its graph, so nothing can be trained on it. Return the tensor.",
            without_a_graph,
        ),
        *games.slips(_loss_by),
    ),
    accepted=(by_cross_entropy, by_logsigmoid, by_logaddexp),
    hints=(
        "T is the logit of a classifier that is asked: did this z come from the posterior, or from the prior?",
        "-log s(T) for draws of the posterior, -log(1 - s(T)) for draws of the prior, each averaged over its own "
        "batch.",
        "-F.logsigmoid(t_posterior).mean() - F.logsigmoid(-t_prior).mean()",
    ),
)
