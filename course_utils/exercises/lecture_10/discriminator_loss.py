"""Exercise 10.3: what the discriminator minimises."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.adversarial import discriminator_loss, gan_value, smoothed_discriminator_loss
from course_utils.exercises import Exercise, Mistake, games
from course_utils.exercises.observers import Answer

# --- wrong answers that students give -------------------------------------------------------------


def the_value(real: Tensor, fake: Tensor) -> Tensor:
    return gan_value(real, fake)


def swapped(real: Tensor, fake: Tensor) -> Tensor:
    return discriminator_loss(fake, real)


def one_half(real: Tensor, fake: Tensor) -> Tensor:
    return 0.5 * discriminator_loss(real, fake)


def one_batch(real: Tensor, fake: Tensor) -> Tensor:
    logits = torch.cat([real, fake])
    labels = torch.cat([torch.ones_like(real), torch.zeros_like(fake)])
    return F.binary_cross_entropy_with_logits(logits, labels)


def fakes_called_real(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-real).mean() + F.softplus(-fake).mean()


def minus_between(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-real).mean() - F.softplus(fake).mean()


def fakes_detached(real: Tensor, fake: Tensor) -> Tensor:
    return discriminator_loss(real, fake.detach())


def real_only(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-real).mean()


def smoothed(real: Tensor, fake: Tensor) -> Tensor:
    return smoothed_discriminator_loss(real, fake)


def hinge(real: Tensor, fake: Tensor) -> Tensor:
    return (1 - real).relu().mean() + (1 + fake).relu().mean()


def wasserstein(real: Tensor, fake: Tensor) -> Tensor:
    return fake.mean() - real.mean()


def wasserstein_with_the_wrong_sign(real: Tensor, fake: Tensor) -> Tensor:
    return real.mean() - fake.mean()


def without_a_graph(real: Tensor, fake: Tensor) -> float:
    return discriminator_loss(real, fake).item()


def _loss_by(term: games.Term) -> Answer:
    return lambda real, fake: term(real, True) + term(fake, False)


# --- right answers, written independently ---------------------------------------------------------


def by_cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    loss_real = F.binary_cross_entropy_with_logits(real, torch.ones_like(real))
    loss_fake = F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
    return loss_real + loss_fake


def by_softplus(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def by_two_classes(real: Tensor, fake: Tensor) -> Tensor:
    def nats(logits: Tensor, label: int) -> Tensor:
        flat = logits.flatten()
        pair = torch.stack([torch.zeros_like(flat), flat], dim=1)  # sigmoid(l) = softmax((0, l))
        return -pair.log_softmax(1)[:, label].mean()

    return nats(real, 1) + nats(fake, 0)


exercise = Exercise(
    id="discriminator_loss",
    lecture=10,
    position=3,
    title="The discriminator's loss",
    points=1,
    minutes=4,
    difficulty=1,
    reference=discriminator_loss,
    cases=games.two_batch_cases("real_logits", "fake_logits"),
    mistakes=(
        Mistake(
            "the_value",
            "This is the value, which the discriminator makes large. A loss is made small: turn the sign.",
            the_value,
        ),
        Mistake(
            "swapped",
            "Real and fake are exchanged: this discriminator learns to call fakes real.",
            swapped,
        ),
        Mistake(
            "one_half",
            "There is a factor one half. Here the loss is minus the value, the plain sum of two means.",
            one_half,
        ),
        Mistake(
            "one_batch",
            "Both batches are joined before the mean, which is half the loss, and weighs the larger batch more. Each "
            "has a mean of its own.",
            one_batch,
        ),
        Mistake(
            "fakes_called_real",
            "The fakes are labelled 1 here: this is the generator's wish. For the discriminator they are 0.",
            fakes_called_real,
        ),
        Mistake(
            "minus_between",
            "The fakes' term has the wrong sign: the discriminator would be paid for its errors on them.",
            minus_between,
        ),
        Mistake(
            "fakes_detached",
            "The fake logits are detached, so the discriminator learns nothing from the fakes. What is to be detached "
            "is the images, before the discriminator sees them.",
            fakes_detached,
        ),
        Mistake("real_only", "The fakes' term is missing: calling everything real would be best.", real_only),
        Mistake(
            "smoothed",
            "This is the loss with smoothed labels, a trick of section 6. Here real is 1.",
            smoothed,
        ),
        Mistake("hinge", "This is the hinge loss, another game. Here it is minus the value.", hinge),
        Mistake(
            "wasserstein",
            "This is the critic's loss of section 9. The discriminator's takes logarithms of probabilities.",
            wasserstein,
        ),
        Mistake(
            "wasserstein_with_the_wrong_sign",
            "This is the loss of a critic, with the wrong sign at that: it would score fakes above real examples. "
            "The discriminator's takes logarithms of probabilities.",
            wasserstein_with_the_wrong_sign,
        ),
        Mistake(
            "without_a_graph",
            "The loss has lost its graph, so nothing can be trained on it. Return the tensor.",
            without_a_graph,
        ),
        *games.slips(_loss_by),
    ),
    accepted=(by_cross_entropy, by_softplus, by_two_classes),
    hints=(
        "You have written nearly all of it: the discriminator makes the value large.",
        "Or a classifier with labels: F.binary_cross_entropy_with_logits with ones, then with zeros, and their sum.",
        "Minus gan_value.",
    ),
)
