"""Exercise 7.1: the loss of a beta-VAE."""

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from course_utils.elbo import negative_elbo
from course_utils.exercises import Case, Exercise, Mistake, close
from course_utils.exercises import observers as common
from course_utils.exercises.observers import Inputs
from course_utils.gaussian import kl_standard_normal
from course_utils.likelihoods import bernoulli_log_likelihood

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _batch(
    batch: int, dim: int, beta: float, generator: Generator, *, dtype: torch.dtype = torch.float32
) -> dict:
    shape = batch, 1, 6, 5
    # No log-variance near 0, where many slips make no difference; both signs in every row.
    size = 0.4 + torch.rand(batch, dim, generator=generator, dtype=dtype)
    sign = torch.where(torch.arange(dim) % 2 == 0, 1.0, -1.0).to(dtype)
    return {
        "x": torch.rand(shape, generator=generator, dtype=dtype),  # grey pixels
        "logits": 2 * torch.randn(shape, generator=generator, dtype=dtype),
        "mu": 1.5 * torch.randn(batch, dim, generator=generator, dtype=dtype),
        "logvar": size * sign,
        "beta": beta,
    }


_LEAVES = {"_gradients_of": ["logits", "mu", "logvar"]}


def beta_of_four(generator: Generator) -> Inputs:
    return _batch(5, 3, 4.0, generator) | _LEAVES


def beta_of_a_quarter(generator: Generator) -> Inputs:
    return _batch(4, 4, 0.25, generator) | _LEAVES


def batch_of_one_in_float64(generator: Generator) -> Inputs:
    return _batch(1, 2, 2.5, generator, dtype=torch.float64)


def beta_of_one(generator: Generator) -> Inputs:
    return _batch(6, 2, 1.0, generator)


def extreme_logits(generator: Generator) -> Inputs:
    inputs = _batch(4, 2, 3.0, generator)
    x = (inputs["x"] > 0.5).float()
    logits = 300 * torch.sign(inputs["logits"])  # about half of them on the wrong side
    logvar = torch.tensor([[-200.0, 2.0], [1.0, -120.0], [8.0, 3.0], [-3.0, 5.0]])
    return inputs | _LEAVES | {"x": x, "logits": logits, "logvar": logvar}


# --- wrong answers that students give -------------------------------------------------------------


def _log_likelihood(x: Tensor, logits: Tensor) -> Tensor:
    return bernoulli_log_likelihood(logits, x)


def averaged_over_pixels(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, x) + beta * kl_standard_normal(mu, logvar).mean()


def averaged_over_dimensions(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    kl = kl_standard_normal(mu, logvar) / mu.shape[1]
    return (beta * kl - _log_likelihood(x, logits)).mean()


def averaged_over_both(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    kl = kl_standard_normal(mu, logvar).mean() / mu.shape[1]
    return F.binary_cross_entropy_with_logits(logits, x) + beta * kl


def summed_over_the_batch(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    return len(x) * negative_elbo(x, logits, mu, logvar, beta)


def one_per_example(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    return beta * kl_standard_normal(mu, logvar) - _log_likelihood(x, logits)


def beta_ignored(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    return negative_elbo(x, logits, mu, logvar)


def beta_on_the_reconstruction(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    return (kl_standard_normal(mu, logvar) - beta * _log_likelihood(x, logits)).mean()


def beta_on_both(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    return beta * negative_elbo(x, logits, mu, logvar)


def one_over_beta(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    return negative_elbo(x, logits, mu, logvar, 1 / beta)


def beta_added(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    return negative_elbo(x, logits, mu, logvar) + beta


def maximised(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    return -negative_elbo(x, logits, mu, logvar, beta)


def kl_rewarded(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    return negative_elbo(x, logits, mu, logvar, -beta)


def likelihood_punished(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    return (beta * kl_standard_normal(mu, logvar) + _log_likelihood(x, logits)).mean()


def without_the_half(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    return negative_elbo(x, logits, mu, logvar, 2 * beta)


def logvar_as_log_sigma(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    return negative_elbo(x, logits, mu, 2 * logvar, beta)


def squared_error(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    error = (torch.sigmoid(logits) - x).square().flatten(1).sum(1)
    return (error + beta * kl_standard_normal(mu, logvar)).mean()


def logits_as_probabilities(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    p = logits.clamp(1e-6, 1 - 1e-6)
    error = F.binary_cross_entropy(p, x, reduction="sum") / len(x)
    return error + beta * kl_standard_normal(mu, logvar).mean()


def sigmoid_twice(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    return negative_elbo(x, torch.sigmoid(logits), mu, logvar, beta)


def cross_entropy_of_probabilities(
    x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float
) -> Tensor:
    error = F.binary_cross_entropy(torch.sigmoid(logits), x, reduction="sum") / len(x)
    return error + beta * kl_standard_normal(mu, logvar).mean()


def log_of_the_sigmoid(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    p = torch.sigmoid(logits)
    error = -(x * p.log() + (1 - x) * (1 - p).log()).flatten(1).sum(1)
    return (error + beta * kl_standard_normal(mu, logvar)).mean()


def log_of_the_variance(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    variance = logvar.exp()
    kl = 0.5 * (mu**2 + variance - 1 - variance.log()).sum(1)
    return (beta * kl - _log_likelihood(x, logits)).mean()


def kl_without_a_graph(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    return negative_elbo(x, logits, mu.detach(), logvar.detach(), beta)


def plain_number(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> float:
    return negative_elbo(x, logits, mu, logvar, beta).item()


def in_place(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    loss = negative_elbo(x, logits, mu, logvar, beta)
    logvar.data.exp_()
    return loss


# --- right answers, written independently ---------------------------------------------------------


def by_torch(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    rec = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / x.size(0)
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
    return rec + beta * kl


def by_hand(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    error = (F.softplus(logits) - x * logits).reshape(len(x), -1).sum(-1)
    kl = (logvar.exp() + mu * mu - logvar - 1).sum(-1) / 2
    return torch.stack([e + beta * k for e, k in zip(error, kl, strict=True)]).mean()


exercise = Exercise(
    id="beta_vae_loss",
    lecture=7,
    position=1,
    title="The loss of a beta-VAE",
    points=2,
    minutes=8,
    difficulty=1,
    reference=negative_elbo,
    cases=(
        Case("five examples, beta = 4", beta_of_four, common.value_and_gradients),
        Case("four examples, beta = 1/4", beta_of_a_quarter, common.value_and_gradients),
        Case("beta = 1, the VAE", beta_of_one),
        Case("a batch of one in float64", batch_of_one_in_float64),
        Case(
            "logits of -300 and 300, logvar down to -200",
            extreme_logits,
            common.value_and_gradients,
            close(rtol=1e-3, atol=1e-4),
        ),
    ),
    mistakes=(
        Mistake(
            "averaged_over_pixels",
            "The reconstruction term is averaged over the pixels, so beta weighs the KL term against one "
            "pixel. Sum over the pixels, and average over the batch only.",
            averaged_over_pixels,
        ),
        Mistake(
            "averaged_over_dimensions",
            "The KL term is averaged over the latent dimensions. Sum over them, and average over the batch "
            "only.",
            averaged_over_dimensions,
        ),
        Mistake(
            "averaged_over_both",
            "Both terms are averaged over everything. Per example, pixels and latent dimensions are summed; "
            "only the batch is averaged.",
            averaged_over_both,
        ),
        Mistake(
            "summed_over_the_batch",
            "The examples are added up. A loss is the mean over the batch.",
            summed_over_the_batch,
        ),
        Mistake(
            "one_per_example", "This is one number per example. The loss is their mean.", one_per_example
        ),
        Mistake("beta_ignored", "This is the loss of a plain VAE: beta has no effect.", beta_ignored),
        Mistake(
            "beta_on_the_reconstruction",
            "beta multiplies the reconstruction term here. It is the price of the KL term.",
            beta_on_the_reconstruction,
        ),
        Mistake(
            "beta_on_both",
            "beta multiplies both terms, which changes nothing but the learning rate. It belongs to the KL "
            "term alone: a pair of brackets too many?",
            beta_on_both,
        ),
        Mistake("one_over_beta", "The KL term is divided by beta. Multiply it.", one_over_beta),
        Mistake("beta_added", "beta is added. It multiplies the KL term.", beta_added),
        Mistake(
            "maximised",
            "This is minus the loss: a quantity to be maximised, and an optimiser minimises.",
            maximised,
        ),
        Mistake(
            "kl_rewarded",
            "The KL term has the wrong sign: the further from the prior, the lower this loss.",
            kl_rewarded,
        ),
        Mistake(
            "likelihood_punished",
            "The log-likelihood has the wrong sign: a loss contains minus the log-likelihood.",
            likelihood_punished,
        ),
        Mistake(
            "without_the_half", "The KL term is twice too large: its factor 1/2 is lost.", without_the_half
        ),
        Mistake(
            "logvar_as_log_sigma",
            "logvar is the log of the variance, log sigma^2, and is taken for log sigma here.",
            logvar_as_log_sigma,
        ),
        Mistake(
            "squared_error",
            "A squared error is the likelihood of Gaussian pixels. Here pixels are Bernoulli.",
            squared_error,
        ),
        Mistake(
            "logits_as_probabilities",
            "The logits are taken for probabilities. The probability of a white pixel is sigmoid(logits).",
            logits_as_probabilities,
        ),
        Mistake(
            "sigmoid_twice",
            "The sigmoid is applied twice: a function that takes logits applies it itself.",
            sigmoid_twice,
        ),
        Mistake(
            "clamped",
            "With logits of 300 the sigmoid is exactly 1, and binary_cross_entropy cuts the logarithm off at "
            "-100. Work with the logits: binary_cross_entropy_with_logits.",
            cross_entropy_of_probabilities,
        ),
        Mistake(
            "log_of_the_sigmoid",
            "With logits of 300 the sigmoid is exactly 1, and the log of 1 minus it is minus infinity. Work "
            "with the logits: binary_cross_entropy_with_logits.",
            log_of_the_sigmoid,
        ),
        Mistake(
            "log_of_the_variance",
            "log(exp(logvar)) is minus infinity when logvar is -200. Use logvar as it is.",
            log_of_the_variance,
        ),
        Mistake(
            "kl_without_a_graph",
            "No gradient reaches mu and logvar through the KL term: it is cut off from the graph.",
            kl_without_a_graph,
        ),
        Mistake(
            "plain_number",
            "No graph stands behind this number, so nothing can be trained with it. Return the tensor as it "
            "is: no .item(), no .detach().",
            plain_number,
        ),
        Mistake(
            "in_place",
            "Your answer writes into an argument: methods that end in an underscore change the tensor that "
            "was handed in.",
            in_place,
        ),
    ),
    accepted=(by_torch, by_hand),
    hints=(
        "It is the negative ELBO of lecture 6 with one number more. Which of its two terms does beta weigh?",
        "Per example: the binary cross-entropy of the pixels, summed, plus beta times the KL term, summed over "
        "the latent dimensions. Then the mean over the batch.",
        "`F.binary_cross_entropy_with_logits(logits, x, reduction='none')` is the first term pixel by pixel; "
        "`kl_standard_normal(mu, logvar)` of course_utils.gaussian is the second, (B,).",
    ),
)
