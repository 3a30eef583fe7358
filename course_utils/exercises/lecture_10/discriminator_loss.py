"""Exercise 10.3: what the discriminator minimises."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.adversarial import discriminator_loss, gan_value, smoothed_discriminator_loss
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
    real, fake = (
        2 * torch.rand(n, generator=generator, dtype=dtype)
        + 0.3 * torch.randn(n, generator=generator, dtype=dtype)
        for n in (n_real, n_fake)
    )
    real, fake = real - 0.2, -0.6 * fake - 0.3  # never mirror images of each other
    if column:
        real, fake = real[:, None], fake[:, None]
    return {"real_logits": real, "fake_logits": fake, "_gradients_of": ["real_logits", "fake_logits"]}


def two_batches(generator: Generator) -> Inputs:
    return _logits(6, 6, generator)


def of_different_sizes(generator: Generator) -> Inputs:
    return _logits(4, 10, generator)


def columns(generator: Generator) -> Inputs:
    return _logits(5, 5, generator, column=True)


def sure_and_wrong(generator: Generator) -> Inputs:
    sizes = torch.tensor([300.0, 150.0, 70.0, 30.0, 1.0, -30.0, -150.0, -300.0])
    real, fake = (sizes * (0.9 + 0.1 * torch.rand(8, generator=generator)) for _ in range(2))
    return {"real_logits": -real, "fake_logits": fake, "_gradients_of": ["real_logits", "fake_logits"]}


def one_each(generator: Generator) -> Inputs:
    return _logits(1, 1, generator, dtype=torch.float64)


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


def summed(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-real).sum() + F.softplus(fake).sum()


def sigmoid_twice(real: Tensor, fake: Tensor) -> Tensor:
    return discriminator_loss(real.sigmoid(), fake.sigmoid())


def naive(real: Tensor, fake: Tensor) -> Tensor:
    return -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()


def with_epsilon(real: Tensor, fake: Tensor) -> Tensor:
    return -(real.sigmoid() + 1e-8).log().mean() - (1 - fake.sigmoid() + 1e-8).log().mean()


def clamped(real: Tensor, fake: Tensor) -> Tensor:
    one, zero = torch.ones_like(real), torch.zeros_like(fake)
    return F.binary_cross_entropy(real.sigmoid(), one) + F.binary_cross_entropy(fake.sigmoid(), zero)


def fakes_called_real(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-real).mean() + F.softplus(-fake).mean()


def minus_between(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-real).mean() - F.softplus(fake).mean()


def fakes_detached(real: Tensor, fake: Tensor) -> Tensor:
    return discriminator_loss(real, fake.detach()) + 0 * fake.sum()


def real_only(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-real).mean() + 0 * fake.sum()


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


_watched = observers.value_and_gradients

exercise = Exercise(
    id="discriminator_loss",
    lecture=10,
    position=3,
    title="The discriminator's loss",
    points=1,
    minutes=4,
    difficulty=1,
    reference=discriminator_loss,
    cases=(
        Case("two batches", two_batches, _watched),
        Case("batches of different sizes", of_different_sizes, _watched),
        Case("logits of shape (B, 1)", columns, _watched),
        Case("logits up to 300, many of them wrong", sure_and_wrong, _watched),
        Case("one example each, in float64", one_each, _watched),
    ),
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
        Mistake("summed", "The batches are summed over. Take the mean of each.", summed),
        Mistake(
            "sigmoid_twice",
            "The sigmoid is taken twice: the loss takes it itself. With probabilities for logits no loss falls below "
            "1.0, and the gradient is weak everywhere.",
            sigmoid_twice,
        ),
        Mistake(
            "naive",
            "At a logit of 300 a probability has been rounded to 0 or 1, and its logarithm is infinite. Use the "
            "logits: gan_value does.",
            naive,
        ),
        Mistake(
            "with_epsilon",
            "A small number inside the logarithm stops the loss at 18, and takes the gradient away where the "
            "discriminator is most wrong. Use the logits: gan_value does.",
            with_epsilon,
        ),
        Mistake(
            "clamped",
            "F.binary_cross_entropy stops at 100 for probabilities that were rounded to 0. Its form with logits does "
            "not.",
            clamped,
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
    ),
    accepted=(by_cross_entropy, by_softplus, by_two_classes),
    hints=(
        "You have written nearly all of it: the discriminator makes the value large.",
        "Or a classifier with labels: F.binary_cross_entropy_with_logits with ones, then with zeros, and their sum.",
        "Minus gan_value.",
    ),
)
