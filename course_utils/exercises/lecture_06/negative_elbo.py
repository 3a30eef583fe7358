"""Exercise 6.4: the loss of a VAE with Bernoulli pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.elbo import negative_elbo
from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.observers import Inputs, value, value_and_gradients
from course_utils.gaussian import kl_standard_normal
from course_utils.likelihoods import bernoulli_log_likelihood

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _batch(n: int, dim: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Inputs:
    """What a network in training gives: reconstruction and KL of one size, so that neither hides the other."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    x = (1.6 * torch.rand(n, 1, 28, 28, generator=generator, dtype=torch.float64) - 0.3).clamp(0, 1)
    tensors = {
        "x": x,
        "logits": 0.5 + 3.0 * (x - 0.5) + normal(n, 1, 28, 28),
        "mu": 2.0 + 3.0 * normal(n, dim),
        "logvar": 1.5 * normal(n, dim) - 1.0,
    }
    return {name: tensor.to(dtype) for name, tensor in tensors.items()}


def a_batch(generator: torch.Generator) -> Inputs:
    return _batch(6, 20, generator)


def with_gradients(generator: torch.Generator) -> Inputs:
    return {**_batch(4, 10, generator), "_gradients_of": ["logits", "mu", "logvar"]}


def one_example_in_float64(generator: torch.Generator) -> Inputs:
    return _batch(1, 8, generator, torch.float64)


def far_out(generator: torch.Generator) -> Inputs:
    """Logits of -300 and 300, some of them wrong; a logvar of -200, and one of 12."""
    inputs = _batch(3, 6, generator)
    x = inputs["x"].round()
    wrong = torch.rand(x.shape, generator=generator) < 0.02
    logvar = inputs["logvar"].clone()
    logvar[0, 0], logvar[1, 2] = -200.0, 12.0
    logits = 300.0 * torch.where((x > 0.5) ^ wrong, 1.0, -1.0)
    return {**inputs, "x": x, "logits": logits, "logvar": logvar, "_gradients_of": ["logits", "mu", "logvar"]}


# --- wrong answers that students give -------------------------------------------------------------


def _reconstruction(x: Tensor, logits: Tensor) -> Tensor:
    return -bernoulli_log_likelihood(logits, x)


def averaged_over_pixels(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, x) + kl_standard_normal(mu, logvar).mean()


def averaged_everywhere(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    kl = kl_standard_normal(mu, logvar).mean() / mu.shape[1]
    return F.binary_cross_entropy_with_logits(logits, x) + kl


def kl_averaged_over_dimensions(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return _reconstruction(x, logits).mean() + kl_standard_normal(mu, logvar).mean() / mu.shape[1]


def summed_over_the_batch(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return negative_elbo(x, logits, mu, logvar) * len(x)


def kl_summed_over_the_batch(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return _reconstruction(x, logits).mean() + kl_standard_normal(mu, logvar).sum()


def reconstruction_summed_over_the_batch(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return _reconstruction(x, logits).sum() + kl_standard_normal(mu, logvar).mean()


def one_per_example(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return _reconstruction(x, logits) + kl_standard_normal(mu, logvar)


def the_elbo_itself(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return -negative_elbo(x, logits, mu, logvar)


def kl_subtracted(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return (_reconstruction(x, logits) - kl_standard_normal(mu, logvar)).mean()


def likelihood_added(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return (kl_standard_normal(mu, logvar) - _reconstruction(x, logits)).mean()


def without_the_kl(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return _reconstruction(x, logits).mean() + 0 * (mu.sum() + logvar.sum())


def without_the_half(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return (_reconstruction(x, logits) + 2 * kl_standard_normal(mu, logvar)).mean()


def logvar_as_log_sigma(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return negative_elbo(x, logits, mu, 2 * logvar)


def half_lost_on_logvar(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - 0.5 * logvar).sum(1)
    return (_reconstruction(x, logits) + kl).mean()


def minus_one_lost(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    kl = 0.5 * (mu**2 + logvar.exp() - logvar).sum(1)
    return (_reconstruction(x, logits) + kl).mean()


def logarithm_of_the_exponential(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    variance = logvar.exp()
    kl = 0.5 * (mu**2 + variance - 1 - variance.log()).sum(1)
    return (_reconstruction(x, logits) + kl).mean()


def logarithm_of_the_sigmoid(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    p = torch.sigmoid(logits)
    likelihood = (x * p.log() + (1 - x) * (1 - p).log()).flatten(1).sum(1)
    return (kl_standard_normal(mu, logvar) - likelihood).mean()


def torchs_clamped_cross_entropy(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    reconstruction = F.binary_cross_entropy(torch.sigmoid(logits), x, reduction="sum") / len(x)
    return reconstruction + kl_standard_normal(mu, logvar).mean()


def sigmoid_twice(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return negative_elbo(x, torch.sigmoid(logits), mu, logvar)


def squared_error(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    error = (torch.sigmoid(logits) - x).square().flatten(1).sum(1)
    return (error + kl_standard_normal(mu, logvar)).mean()


def arguments_swapped(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return negative_elbo(logits, x, mu, logvar)


def mu_and_logvar_swapped(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return negative_elbo(x, logits, logvar, mu)


def as_a_plain_number(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> float:
    return negative_elbo(x, logits, mu, logvar).item()


def kl_without_a_graph(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return negative_elbo(x, logits, mu.detach(), logvar.detach())


# --- right answers, written independently ---------------------------------------------------------


def in_one_expression(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    cross_entropy = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return (cross_entropy + kl) / x.shape[0]


def by_torch_distributions(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    from torch.distributions import Bernoulli

    likelihood = Bernoulli(logits=logits, validate_args=False).log_prob(x).sum((1, 2, 3))
    kl = 0.5 * (mu.square() + torch.expm1(logvar) - logvar).sum(-1)
    return torch.mean(kl - likelihood)


def one_image_after_the_other(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    losses = []
    for image, logit, m, v in zip(x, logits, mu, logvar, strict=True):
        losses.append((F.softplus(logit) - image * logit).sum() + ((m * m + v.exp() - v).sum() - len(m)) / 2)
    return torch.stack(losses).mean()


exercise = Exercise(
    id="negative_elbo",
    lecture=6,
    position=4,
    title="The loss of a VAE",
    points=3,
    minutes=10,
    difficulty=2,
    reference=negative_elbo,
    cases=(
        Case("six images, twenty latents", a_batch, value),
        Case("gradients reach logits, mu and logvar", with_gradients, value_and_gradients),
        Case("a batch of one in float64", one_example_in_float64, value),
        Case("logits of -300 and 300, logvar of -200", far_out, value_and_gradients),
    ),
    mistakes=(
        Mistake(
            "averaged_over_pixels",
            "The reconstruction is averaged over the pixels and the KL term is summed over the latents: the KL term "
            "then weighs 784 times too much, and the model ignores the image. Sum both.",
            averaged_over_pixels,
        ),
        Mistake(
            "averaged_everywhere",
            "Both terms are averages, over pixels and over latent dimensions. Both are sums; only the batch is "
            "averaged.",
            averaged_everywhere,
        ),
        Mistake(
            "kl_averaged_over_dimensions",
            "The KL term is averaged over the latent dimensions. Sum it over them, and take the mean over the batch.",
            kl_averaged_over_dimensions,
        ),
        Mistake(
            "summed_over_the_batch",
            "The examples are added up. The loss is their mean, so that it does not grow with the batch.",
            summed_over_the_batch,
        ),
        Mistake(
            "kl_summed_over_the_batch",
            "The KL term is added up over the batch while the reconstruction is averaged. Both: sum per example, mean "
            "over the batch.",
            kl_summed_over_the_batch,
        ),
        Mistake(
            "reconstruction_summed_over_the_batch",
            "The reconstruction is added up over the batch while the KL term is averaged. Both: sum per example, mean "
            "over the batch.",
            reconstruction_summed_over_the_batch,
        ),
        Mistake(
            "one_per_example",
            "This is one number per example. The loss is their mean, a scalar.",
            one_per_example,
        ),
        Mistake(
            "the_elbo_itself",
            "This is the ELBO, which is maximised. A loss is minimised: turn the sign of the whole.",
            the_elbo_itself,
        ),
        Mistake(
            "kl_subtracted",
            "The KL term has the wrong sign: in the loss it is added. As it is, the model is paid for running away "
            "from the prior.",
            kl_subtracted,
        ),
        Mistake(
            "likelihood_added",
            "The reconstruction term has the wrong sign: the loss contains minus the log-likelihood. As it is, the "
            "model is paid for bad reconstructions.",
            likelihood_added,
        ),
        Mistake(
            "kl_missing",
            "The KL term is missing: this trains an autoencoder, and nothing holds the codes near the prior.",
            without_the_kl,
        ),
        Mistake(
            "half_missing",
            "The factor one half of the KL term is missing: KL = 1/2 sum (mu^2 + exp(logvar) - 1 - logvar).",
            without_the_half,
        ),
        Mistake(
            "logvar_as_log_sigma",
            "logvar is taken for log sigma. It is log sigma^2: the variance is exp(logvar), not exp(2 logvar).",
            logvar_as_log_sigma,
        ),
        Mistake(
            "half_twice_on_logvar",
            "Inside the bracket stands logvar itself: the one half in front of it is log sigma's already.",
            half_lost_on_logvar,
        ),
        Mistake(
            "minus_one_missing",
            "The -1 of each latent dimension is missing from the KL term. No gradient sees it, but a KL of the prior "
            "with itself must be 0.",
            minus_one_lost,
        ),
        Mistake(
            "logarithm_of_the_exponential",
            "log(exp(logvar)) is infinite where exp underflows. logvar is there already: use it as it is.",
            logarithm_of_the_exponential,
        ),
        Mistake(
            "logarithm_of_the_sigmoid",
            "Right for small logits, but for large ones the sigmoid rounds to 0 or 1, and its logarithm is minus "
            "infinity. Work with the logits.",
            logarithm_of_the_sigmoid,
        ),
        Mistake(
            "clamped",
            "F.binary_cross_entropy takes probabilities and clamps their logarithms at -100: a surely wrong pixel "
            "costs too little, and its gradient is lost. Use the logits.",
            torchs_clamped_cross_entropy,
        ),
        Mistake(
            "sigmoid_twice",
            "The sigmoid is taken twice: binary_cross_entropy_with_logits takes the logits as they are.",
            sigmoid_twice,
        ),
        Mistake(
            "squared_error",
            "The reconstruction is a squared error. Bernoulli pixels cost a cross-entropy.",
            squared_error,
        ),
        Mistake(
            "arguments_swapped",
            "The images and the logits have changed places. Here the images come first.",
            arguments_swapped,
        ),
        Mistake("mu_and_logvar_swapped", "mu and logvar have changed places.", mu_and_logvar_swapped),
        Mistake(
            "plain_number",
            "No graph stands behind this number, so nothing can be trained on it. Return the tensor: no .item(), "
            "no .detach(), no torch.no_grad().",
            as_a_plain_number,
        ),
        Mistake(
            "kl_without_a_graph",
            "No gradient of the KL term reaches mu and logvar: the value is right, and nothing holds the codes near "
            "the prior.",
            kl_without_a_graph,
        ),
    ),
    accepted=(in_one_expression, by_torch_distributions, one_image_after_the_other),
    hints=(
        "You have both halves already: `bernoulli_log_likelihood` from this lecture, `kl_standard_normal` from "
        "lecture 4. One is to be made large, the other small.",
        "Per example: KL minus log-likelihood, both summed and not averaged. Over the batch: the mean.",
        "`(kl - log_likelihood).mean()`, with `kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)`.",
    ),
)
