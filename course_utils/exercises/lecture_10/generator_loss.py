"""Exercise 10.4: what the generator minimises, in two versions."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.adversarial import generator_loss
from course_utils.exercises import Case, Exercise, Mistake, games, observers
from course_utils.exercises.observers import Answer, Inputs

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _logits(n: int, generator: Generator, dtype: torch.dtype = torch.float32) -> Tensor:
    """Mostly below 0, as for fakes that are seen through."""
    noise = torch.randn(n, generator=generator, dtype=dtype)
    return 1.2 * noise.clamp(-2, 2) - 1.0 - 0.5 * torch.rand(n, generator=generator, dtype=dtype)


def _sure(generator: Generator) -> Tensor:
    sizes = torch.tensor([-300.0, -140.0, -60.0, -25.0, 2.0, 25.0, 140.0, 300.0])
    return sizes * (0.9 + 0.1 * torch.rand(8, generator=generator))


def _inputs(logits: Tensor, *saturating: bool) -> Inputs:
    flag = {"saturating": saturating[0]} if saturating else {}
    return {"fake_logits": logits, **flag, "_gradients_of": ["fake_logits"]}


def by_default(generator: Generator) -> Inputs:
    return _inputs(_logits(7, generator))


def asked_to_saturate(generator: Generator) -> Inputs:
    return _inputs(_logits(6, generator), True)


def asked_not_to(generator: Generator) -> Inputs:
    return _inputs(_logits(4, generator)[:, None], False)


def sure_by_default(generator: Generator) -> Inputs:
    return _inputs(_sure(generator))


def sure_and_saturating(generator: Generator) -> Inputs:
    return _inputs(_sure(generator), True)


def a_batch_of_one(generator: Generator) -> Inputs:
    return _inputs(_logits(1, generator, torch.float64))


# --- wrong answers that students give -------------------------------------------------------------


def exchanged(logits: Tensor, saturating: bool = False) -> Tensor:
    return generator_loss(logits, not saturating)


def flag_ignored(logits: Tensor, saturating: bool = False) -> Tensor:
    return generator_loss(logits)


def always_saturating(logits: Tensor, saturating: bool = False) -> Tensor:
    return generator_loss(logits, True)


def sign_of_non_saturating(logits: Tensor, saturating: bool = False) -> Tensor:
    loss = generator_loss(logits, saturating)
    return loss if saturating else -loss


def sign_of_saturating(logits: Tensor, saturating: bool = False) -> Tensor:
    loss = generator_loss(logits, saturating)
    return -loss if saturating else loss


def both_signs(logits: Tensor, saturating: bool = False) -> Tensor:
    return -generator_loss(logits, saturating)


def labelled_fake(logits: Tensor, saturating: bool = False) -> Tensor:
    return F.softplus(logits).mean()


def one_half(logits: Tensor, saturating: bool = False) -> Tensor:
    return 0.5 * generator_loss(logits, saturating)


def log_of_the_mean(logits: Tensor, saturating: bool = False) -> Tensor:
    return (-logits).sigmoid().mean().log() if saturating else -logits.sigmoid().mean().log()


def probabilities(logits: Tensor, saturating: bool = False) -> Tensor:
    return -logits.sigmoid().mean()


def wasserstein(logits: Tensor, saturating: bool = False) -> Tensor:
    return -logits.mean()


def wasserstein_with_the_wrong_sign(logits: Tensor, saturating: bool = False) -> Tensor:
    return logits.mean()


def without_a_graph(logits: Tensor, saturating: bool = False) -> float:
    return generator_loss(logits, saturating).item()


def _loss_by(term: games.Term) -> Answer:
    def loss(logits: Tensor, saturating: bool = False) -> Tensor:
        return -term(logits, False) if saturating else term(logits, True)

    return loss


# --- right answers, written independently ---------------------------------------------------------


def by_softplus(logits: Tensor, saturating: bool = False) -> Tensor:
    if saturating:
        return -F.softplus(logits).mean()
    return F.softplus(-logits).mean()


def by_cross_entropy(logits: Tensor, saturating: bool = False) -> Tensor:
    label = torch.zeros_like(logits) if saturating else torch.ones_like(logits)
    nats = F.binary_cross_entropy_with_logits(logits, label)
    return -nats if saturating else nats


def by_logaddexp(logits: Tensor, saturating: bool = False) -> Tensor:
    minus_log_d = torch.logaddexp(torch.zeros_like(logits), -logits)
    # log(1 - D) = log D - l
    return (-minus_log_d - logits).mean() if saturating else minus_log_d.mean()


_watched = observers.value_and_gradients

exercise = Exercise(
    id="generator_loss",
    lecture=10,
    position=4,
    title="The generator's two losses",
    points=2,
    minutes=8,
    difficulty=2,
    reference=generator_loss,
    cases=(
        Case("without a second argument", by_default, _watched),
        Case("saturating", asked_to_saturate, _watched),
        Case("logits of shape (B, 1), not saturating", asked_not_to, _watched),
        Case("logits up to 300", sure_by_default, _watched),
        Case("logits up to 300, saturating", sure_and_saturating, _watched),
        Case("a batch of one, in float64", a_batch_of_one, _watched),
    ),
    mistakes=(
        Mistake(
            "exchanged",
            "The two losses are exchanged: the default is the non-saturating one, -log D. log(1 - D) is the one that "
            "saturates where D is near 0.",
            exchanged,
        ),
        Mistake(
            "flag_ignored",
            "The second argument is ignored. With saturating=True the loss is the mean of log(1 - D).",
            flag_ignored,
        ),
        Mistake(
            "always_saturating",
            "This is always the saturating loss, log(1 - D). The default is -log D, whose gradient is strongest where "
            "the fakes are seen through.",
            always_saturating,
        ),
        Mistake(
            "sign_of_non_saturating",
            "The non-saturating loss has the wrong sign: made small, it would make the fakes look *less* real.",
            sign_of_non_saturating,
        ),
        Mistake(
            "sign_of_saturating",
            "The saturating loss has the wrong sign. It is +mean log(1 - D): made small, it makes D large.",
            sign_of_saturating,
        ),
        Mistake(
            "both_signs",
            "Both losses have the wrong sign: made small, they would make the fakes look less real.",
            both_signs,
        ),
        Mistake(
            "labelled_fake",
            "This is -log(1 - D), the discriminator's part: it is small when the fakes are seen through. The "
            "generator wants the opposite.",
            labelled_fake,
        ),
        Mistake("one_half", "There is a factor one half. Take the plain mean.", one_half),
        Mistake(
            "log_of_the_mean",
            "The mean is taken inside the logarithm. It is the mean of the logarithms.",
            log_of_the_mean,
        ),
        Mistake(
            "probabilities",
            "The probabilities are averaged, without a logarithm. Their gradient vanishes where D is near 0, too.",
            probabilities,
        ),
        Mistake(
            "wasserstein",
            "This is the loss against a critic, section 9: the mean score. Here it is a logarithm of a probability.",
            wasserstein,
        ),
        Mistake(
            "wasserstein_with_the_wrong_sign",
            "This is the mean logit, with a sign that makes fakes look less real; and the generator's loss takes a "
            "logarithm of a probability.",
            wasserstein_with_the_wrong_sign,
        ),
        Mistake(
            "without_a_graph",
            "The loss has lost its graph, so nothing can be trained on it. Return the tensor.",
            without_a_graph,
        ),
        *games.slips(_loss_by),
    ),
    accepted=(by_softplus, by_cross_entropy, by_logaddexp),
    hints=(
        "Both losses are made small, and both are small when the discriminator takes the fakes for real.",
        "log D is F.logsigmoid(l), log(1 - D) is F.logsigmoid(-l). One of the two comes with a minus sign.",
        "Saturating: the mean of F.logsigmoid(-fake_logits). Otherwise: minus the mean of F.logsigmoid(fake_logits).",
    ),
)
