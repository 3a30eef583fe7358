"""Exercise 12.6: an ELBO without a density of q."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.adversarial import avb_elbo
from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises import observers as watching
from course_utils.exercises.observers import Inputs

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _batch(
    n: int, generator: Generator, *, column: bool = False, dtype: torch.dtype = torch.float32
) -> Inputs:
    t = 4.0 + 5.0 * torch.randn(n, generator=generator, dtype=dtype).clamp(-2, 2)
    t = torch.cat([-2.0 - t[:1].abs(), 3.0 + t[1:]])  # one where q is less dense than the prior
    nats = -90.0 - 30.0 * torch.rand(n, generator=generator, dtype=dtype)
    if column:
        t, nats = t[:, None], nats[:, None]
    return {"t_posterior": t, "log_likelihood": nats, "_gradients_of": ["t_posterior", "log_likelihood"]}


def eight_examples(generator: Generator) -> Inputs:
    return _batch(8, generator)


def columns(generator: Generator) -> Inputs:
    return _batch(5, generator, column=True)


def one_example(generator: Generator) -> Inputs:
    return _batch(1, generator, dtype=torch.float64)


def far_out(generator: Generator) -> Inputs:
    size = 0.9 + 0.1 * torch.rand(4, generator=generator)
    return {
        "t_posterior": size * torch.tensor([300.0, -300.0, 120.0, 60.0]),
        "log_likelihood": size * torch.tensor([-1500.0, -700.0, 900.0, -3.0]),
        "_gradients_of": ["t_posterior", "log_likelihood"],
    }


# --- wrong answers that students give -------------------------------------------------------------


def negative(t: Tensor, nats: Tensor) -> Tensor:
    return t.mean() - nats.mean()


def t_added(t: Tensor, nats: Tensor) -> Tensor:
    return nats.mean() + t.mean()


def both_negative(t: Tensor, nats: Tensor) -> Tensor:
    return -nats.mean() - t.mean()


def likelihood_alone(t: Tensor, nats: Tensor) -> Tensor:
    return nats.mean()


def t_alone(t: Tensor, nats: Tensor) -> Tensor:
    return -t.mean()


def log_of_the_sigmoid(t: Tensor, nats: Tensor) -> Tensor:
    return nats.mean() - F.logsigmoid(t).mean()


def fooling(t: Tensor, nats: Tensor) -> Tensor:
    return nats.mean() + F.logsigmoid(-t).mean()


def probability(t: Tensor, nats: Tensor) -> Tensor:
    return nats.mean() - t.sigmoid().mean()


def ratio(t: Tensor, nats: Tensor) -> Tensor:
    return nats.mean() - t.clamp_max(80).exp().mean()


def never_negative(t: Tensor, nats: Tensor) -> Tensor:
    return nats.mean() - t.relu().mean()


def absolute(t: Tensor, nats: Tensor) -> Tensor:
    return nats.mean() - t.abs().mean()


def one_half(t: Tensor, nats: Tensor) -> Tensor:
    return nats.mean() - 0.5 * t.mean()


def summed(t: Tensor, nats: Tensor) -> Tensor:
    return nats.sum() - t.sum()


def t_summed(t: Tensor, nats: Tensor) -> Tensor:
    return nats.mean() - t.sum()


def for_each(t: Tensor, nats: Tensor) -> Tensor:
    return nats - t


def t_detached(t: Tensor, nats: Tensor) -> Tensor:
    return nats.mean() - t.detach().mean()


def likelihood_detached(t: Tensor, nats: Tensor) -> Tensor:
    return nats.detach().mean() - t.mean()


def without_a_graph(t: Tensor, nats: Tensor) -> float:
    return avb_elbo(t, nats).item()


# --- right answers, written independently ---------------------------------------------------------


def mean_of_the_difference(t: Tensor, nats: Tensor) -> Tensor:
    return (nats - t).mean()


def sum_over_the_size(t: Tensor, nats: Tensor) -> Tensor:
    return (nats.flatten().sum() - t.flatten().sum()) / len(t)


def as_a_product(t: Tensor, nats: Tensor) -> Tensor:
    weights = torch.full((len(t),), 1 / len(t), dtype=t.dtype)
    return weights @ nats.view(-1) - weights @ t.view(-1)


_watched = watching.value_and_gradients

exercise = Exercise(
    id="avb_elbo",
    lecture=12,
    position=6,
    title="An ELBO for a posterior without a density",
    points=1,
    minutes=5,
    difficulty=1,
    reference=avb_elbo,
    cases=(
        Case("eight examples", eight_examples, _watched),
        Case("numbers of shape (B, 1)", columns, _watched),
        Case("one example, in float64", one_example, _watched),
        Case("T up to 300, log-likelihoods from -1500 to 900", far_out, _watched),
    ),
    mistakes=(
        Mistake(
            "negative",
            "This is the negative ELBO. Here the ELBO itself is asked for, which is made large: log-likelihood "
            "minus T.",
            negative,
        ),
        Mistake(
            "t_added",
            "T is added. On average it is the KL divergence from posterior to prior, a price: subtract it.",
            t_added,
        ),
        Mistake(
            "both_negative",
            "The log-likelihood has the wrong sign: the ELBO grows with it.",
            both_negative,
        ),
        Mistake("likelihood_alone", "T is missing: this is the reconstruction term alone.", likelihood_alone),
        Mistake("t_alone", "The log-likelihood is missing.", t_alone),
        Mistake(
            "log_of_the_sigmoid",
            "This takes log s(T), a log-probability. The log ratio of the densities is the logit T itself.",
            log_of_the_sigmoid,
        ),
        Mistake(
            "fooling",
            "This is the loss of a generator that fools T, log(1 - s(T)): then it is no bound on log p(x). "
            "Subtract T itself.",
            fooling,
        ),
        Mistake(
            "probability",
            "The sigmoid of T is subtracted, a probability. The KL term in nats is the mean of T itself.",
            probability,
        ),
        Mistake(
            "ratio", "e^T is the ratio of the densities. The KL term is the mean of its logarithm, T.", ratio
        ),
        Mistake(
            "never_negative",
            "Negative T are set to 0. A KL divergence is not negative, but the log ratio at a single draw may well "
            "be, and the mean needs those draws.",
            never_negative,
        ),
        Mistake(
            "absolute",
            "The absolute value of T is taken. At a single draw the log ratio may be negative, and the mean needs "
            "that.",
            absolute,
        ),
        Mistake("one_half", "T has a factor one half. The log ratio enters as it is.", one_half),
        Mistake("summed", "The batch is summed over. Take the mean.", summed),
        Mistake(
            "t_summed",
            "T is summed over the batch while the log-likelihood is averaged. Take the mean of both.",
            t_summed,
        ),
        Mistake("for_each", "This is one number for each example. Take the mean over the batch.", for_each),
        Mistake(
            "t_detached",
            "T is detached, so the encoder would not hear of the KL term: the gradient passes through T to z, and "
            "through z to the encoder. Only T's own parameters stay fixed.",
            t_detached,
        ),
        Mistake(
            "likelihood_detached",
            "The log-likelihood is detached, so the decoder would never learn.",
            likelihood_detached,
        ),
        Mistake(
            "without_a_graph",
            "The ELBO has lost its graph, so nothing can be trained on it. Return the tensor.",
            without_a_graph,
        ),
    ),
    accepted=(mean_of_the_difference, sum_over_the_size, as_a_product),
    hints=(
        "ELBO = reconstruction minus KL. Which of the two arguments is the one, and what is the other on average?",
        "KL(q || p) is the mean of log q - log p over draws of q, and T* is just that log ratio.",
        "log_likelihood.mean() - t_posterior.mean()",
    ),
)
