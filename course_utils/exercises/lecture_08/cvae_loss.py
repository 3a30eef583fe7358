"""Exercise 8.2: the loss of a conditional VAE."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.distributions import Independent, Normal, kl_divergence

from course_utils.elbo import negative_elbo
from course_utils.exercises import Case, Exercise, Mistake, close
from course_utils.exercises.lecture_08 import observers
from course_utils.exercises.observers import Inputs
from course_utils.gaussian import kl_standard_normal, reparameterize
from course_utils.likelihoods import bernoulli_log_likelihood


def cvae_loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The reference: the negative ELBO, with the label given to encoder and decoder."""
    mu, logvar = model.encode(x, y)
    logits = model.decode(reparameterize(mu, logvar), y)
    return negative_elbo(x, logits, mu, logvar)


# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _inputs(
    batch: int,
    dim: int,
    generator: Generator,
    *,
    repeats: int,
    dtype: torch.dtype = torch.float32,
    binary: bool = False,
    scale: float = 1.0,
    width: int = 28,
) -> Inputs:
    n_classes, n_pixels = 4, 28 * width

    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator, dtype=dtype)

    x = torch.rand(batch, 1, 28, width, generator=generator, dtype=dtype)
    # logvar stays within about -1.2 and 1.2 and off 0, so that every wrong power of sigma shows
    sign = torch.where(torch.arange(dim) % 2 == 0, 1.0, -1.0).to(dtype)
    return {
        "x": (x < 0.5).to(dtype) if binary else x,
        "y": torch.arange(batch)[torch.randperm(batch, generator=generator)] % n_classes,
        "_x_to_mu": 0.05 * normal(n_pixels, dim),
        "_y_to_mu": normal(n_classes, dim),
        "_x_to_logvar": 0.01 * normal(n_pixels, dim),
        "_y_to_logvar": sign * (0.5 + 0.4 * normal(n_classes, dim).abs().clamp(max=2)),
        "_z_to_logits": scale * 0.3 * normal(dim, n_pixels),
        "_y_to_logits": scale * 0.8 * normal(n_classes, n_pixels),
        "_repeats": repeats,
        "_seed": int(torch.randint(2**31, (), generator=generator)),
    }


def grey_images(generator: Generator) -> Inputs:
    return _inputs(32, 8, generator, repeats=7)


def half_an_image_in_float64(generator: Generator) -> Inputs:
    return _inputs(1, 6, generator, repeats=2, dtype=torch.float64, width=14)


def large_logits(generator: Generator) -> Inputs:
    return _inputs(8, 4, generator, repeats=0, binary=True, scale=100.0)


# --- wrong answers that students give -------------------------------------------------------------


def _draw(model: nn.Module, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    mu, logvar = model.encode(x, y)
    return mu, logvar, reparameterize(mu, logvar)


def label_kept_from_the_encoder(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar, z = _draw(model, x, torch.zeros_like(y))
    return negative_elbo(x, model.decode(z, y), mu, logvar)


def label_kept_from_the_decoder(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar, z = _draw(model, x, y)
    return negative_elbo(x, model.decode(z, torch.zeros_like(y)), mu, logvar)


def mean_decoded(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar = model.encode(x, y)
    return negative_elbo(x, model.decode(mu, y), mu, logvar)


def prior_decoded(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar = model.encode(x, y)
    return negative_elbo(x, model.decode(torch.randn_like(mu), y), mu, logvar)


def variance_as_std(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar = model.encode(x, y)
    z = mu + logvar.exp() * torch.randn_like(mu)
    return negative_elbo(x, model.decode(z, y), mu, logvar)


def one_noise_for_all(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar = model.encode(x, y)
    z = mu + (0.5 * logvar).exp() * torch.randn_like(mu[0])
    return negative_elbo(x, model.decode(z, y), mu, logvar)


def same_noise_every_time(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar = model.encode(x, y)
    z = reparameterize(mu, logvar, Generator().manual_seed(0))
    return negative_elbo(x, model.decode(z, y), mu, logvar)


def draw_detached(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar, z = _draw(model, x, y)
    return negative_elbo(x, model.decode(z.detach(), y), mu, logvar)


def averaged_over_pixels(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar, z = _draw(model, x, y)
    return F.binary_cross_entropy_with_logits(model.decode(z, y), x) + kl_standard_normal(mu, logvar).mean()


def averaged_over_everything(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar, z = _draw(model, x, y)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).mean()
    return F.binary_cross_entropy_with_logits(model.decode(z, y), x) + kl


def kl_averaged_over_dimensions(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar, z = _draw(model, x, y)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).mean()
    return kl - bernoulli_log_likelihood(model.decode(z, y), x).mean()


def summed_over_the_batch(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return cvae_loss(model, x, y) * len(x)


def one_per_example(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar, z = _draw(model, x, y)
    return kl_standard_normal(mu, logvar) - bernoulli_log_likelihood(model.decode(z, y), x)


def no_kl(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    _, _, z = _draw(model, x, y)
    return -bernoulli_log_likelihood(model.decode(z, y), x).mean()


def kl_subtracted(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar, z = _draw(model, x, y)
    return negative_elbo(x, model.decode(z, y), mu, logvar, beta=-1.0)


def kl_without_one_half(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar, z = _draw(model, x, y)
    return negative_elbo(x, model.decode(z, y), mu, logvar, beta=2.0)


def kl_with_log_sigma(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar, z = _draw(model, x, y)
    kl = 0.5 * (mu.square() + (2 * logvar).exp() - 1 - 2 * logvar).sum(1)
    return (kl - bernoulli_log_likelihood(model.decode(z, y), x)).mean()


def to_be_maximised(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return -cvae_loss(model, x, y)


def sigmoid_twice(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar, z = _draw(model, x, y)
    return negative_elbo(x, model.decode(z, y).sigmoid(), mu, logvar)


def squared_error(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar, z = _draw(model, x, y)
    error = (model.decode(z, y).sigmoid() - x).square().flatten(1).sum(1)
    return (error + kl_standard_normal(mu, logvar)).mean()


def logarithm_of_a_sigmoid(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar, z = _draw(model, x, y)
    p = model.decode(z, y).sigmoid()
    log_likelihood = x * p.log() + (1 - x) * (1 - p).log()
    return (kl_standard_normal(mu, logvar) - log_likelihood.flatten(1).sum(1)).mean()


def logarithm_of_a_little_more(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar, z = _draw(model, x, y)
    p = model.decode(z, y).sigmoid()
    log_likelihood = x * (p + 1e-8).log() + (1 - x) * (1 - p + 1e-8).log()
    return (kl_standard_normal(mu, logvar) - log_likelihood.flatten(1).sum(1)).mean()


def clamped_cross_entropy(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar, z = _draw(model, x, y)
    cross_entropy = F.binary_cross_entropy(model.decode(z, y).sigmoid(), x, reduction="sum") / len(x)
    return cross_entropy + kl_standard_normal(mu, logvar).mean()


def plain_number(model: nn.Module, x: Tensor, y: Tensor) -> float:
    return cvae_loss(model, x, y).item()


def several_draws(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar = model.encode(x, y)
    losses = [negative_elbo(x, model.decode(reparameterize(mu, logvar), y), mu, logvar) for _ in range(10)]
    return torch.stack(losses).mean()


# --- right answers, written independently ---------------------------------------------------------


def by_distributions(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar = model.encode(x, y)
    q = Independent(Normal(mu, logvar.mul(0.5).exp()), 1)
    prior = Independent(Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1)
    pixels = torch.distributions.Bernoulli(logits=model.decode(q.rsample(), y), validate_args=False)
    return (kl_divergence(q, prior) - pixels.log_prob(x).sum((1, 2, 3))).sum() / x.shape[0]


def with_log_sigmoids(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar = model.encode(x, y)
    z = torch.addcmul(mu, logvar.exp().sqrt(), torch.randn(mu.shape, dtype=mu.dtype))
    logits = model.decode(z, y).flatten(1)
    pixels = x.flatten(1)
    cross_entropy = -(pixels * F.logsigmoid(logits) + (1 - pixels) * F.logsigmoid(-logits)).sum(1)
    kl = -0.5 * torch.sum(1 + logvar - mu**2 - torch.exp(logvar), dim=1)
    return torch.mean(cross_entropy + kl)


def example_by_example(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    total = 0.0
    for i in range(len(x)):
        mu, logvar = model.encode(x[i : i + 1], y[i : i + 1])
        logits = model.decode(mu - torch.randn_like(mu) * torch.exp(logvar / 2), y[i : i + 1])
        total = total + F.softplus(logits).sum() - (x[i : i + 1] * logits).sum()
        total = total + 0.5 * (mu * mu + logvar.exp() - logvar - 1).sum()
    return total / len(x)


def decoded_twice(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    mu, logvar = model.encode(x, y)
    q = torch.distributions.MultivariateNormal(mu, torch.diag_embed(logvar.exp()))
    prior = torch.distributions.MultivariateNormal(
        torch.zeros_like(mu), torch.eye(mu.shape[1], dtype=mu.dtype)
    )
    z = q.rsample()
    log_likelihood = x * F.logsigmoid(model.decode(z, y)) + (1 - x) * F.logsigmoid(-model.decode(z, y))
    return (kl_divergence(q, prior) - log_likelihood.flatten(1).sum(1)).mean()


# Numbers tell mistakes apart, and depend a little on what is drawn; whether an answer is right, the statements decide.
_NUMBERS = {
    observers.LOSS_RATIO: close(rtol=0.05, atol=0.003),
    observers.DECODER_WEIGHT: close(rtol=0.1, atol=0.005),
    observers.MU_WEIGHTS: close(rtol=0.15, atol=0.01),
    observers.LOGVAR_WEIGHTS: close(rtol=0.3, atol=0.1),
}
# Standard errors over 8 * 32 * 8 = 2,048 draws: 0.022, 0.016 and 0.22.
_MANY = {
    observers.NOISE_MEAN: close(rtol=0.0, atol=0.15),
    observers.NOISE_STD: close(rtol=0.1, atol=0.05),
    observers.NOISE_FOURTH: close(rtol=0.0, atol=1.1),
}
# Over 3 * 6 = 18 draws: 0.24, 0.17 and 2.3.
_FEW = {
    observers.NOISE_MEAN: close(rtol=0.0, atol=1.5),
    observers.NOISE_STD: close(rtol=0.0, atol=0.95),
    observers.NOISE_FOURTH: close(rtol=0.0, atol=1e3),
}

exercise = Exercise(
    id="cvae_loss",
    lecture=8,
    position=2,
    title="The loss of a conditional VAE",
    points=4,
    minutes=15,
    difficulty=2,
    reference=cvae_loss,
    cases=(
        Case("32 grey images, four classes", grey_images, observers.loss_of_a_witness, _NUMBERS | _MANY),
        Case(
            "one half image, 28 x 14, in float64",
            half_an_image_in_float64,
            observers.loss_of_a_witness,
            _NUMBERS | _FEW,
        ),
        Case(
            "logits of several hundred",
            large_logits,
            observers.loss_of_a_witness,
            _NUMBERS | _FEW | {observers.NOISE_STD: close(rtol=0.0, atol=0.8)},
        ),
    ),
    mistakes=(
        Mistake(
            "label_kept_from_the_encoder",
            "The encoder is not given the labels of the images. Call model.encode(x, y).",
            label_kept_from_the_encoder,
        ),
        Mistake(
            "label_kept_from_the_decoder",
            "The decoder is not given the labels of the images, so z has to carry the class as well. Call "
            "model.decode(z, y).",
            label_kept_from_the_decoder,
        ),
        Mistake(
            "mean_decoded",
            "The decoder gets mu, and nothing is drawn. The first term of the ELBO is an average over z ~ q(z|x, y): "
            "draw z = mu + sigma * eps.",
            mean_decoded,
        ),
        Mistake(
            "prior_decoded",
            "z is drawn from the prior and knows nothing of the image. Draw it from q(z|x, y), with the mu and "
            "logvar that encode returned.",
            prior_decoded,
        ),
        Mistake(
            "variance_as_std",
            "exp(logvar) is the variance; the standard deviation is exp(logvar / 2).",
            variance_as_std,
        ),
        Mistake(
            "one_noise_for_all",
            "Some of the noise is shared, between the examples of a batch or between the dimensions of a code. Draw "
            "eps with the full shape of mu, (B, D).",
            one_noise_for_all,
        ),
        Mistake(
            "same_noise_every_time",
            "Every call draws the same noise, because a generator is seeded inside. Draw from torch's global one, "
            "and do not seed it here.",
            same_noise_every_time,
        ),
        Mistake(
            "draw_detached",
            "The likelihood sends no gradient to the encoder: z is cut off from mu and logvar (.detach(), .sample() "
            "or torch.no_grad()). Reparameterise.",
            draw_detached,
        ),
        Mistake(
            "averaged_over_pixels",
            "The cross-entropy is averaged over the pixels, and the KL term is not: it then weighs 784 times too "
            "much. Sum over the pixels, average over the batch only.",
            averaged_over_pixels,
        ),
        Mistake(
            "averaged_over_everything",
            "Both terms are averages over pixels or dimensions, of which there are not equally many. Sum over "
            "them, and average over the batch only.",
            averaged_over_everything,
        ),
        Mistake(
            "kl_averaged_over_dimensions",
            "The KL term is averaged over the latent dimensions. Sum over them, average over the batch only.",
            kl_averaged_over_dimensions,
        ),
        Mistake(
            "summed_over_the_batch",
            "The examples are added up. A loss is the mean over the batch.",
            summed_over_the_batch,
        ),
        Mistake(
            "one_per_example",
            "This is one number per example. The loss is their mean, a scalar.",
            one_per_example,
        ),
        Mistake("no_kl", "The KL term is missing: nothing keeps q(z|x, y) near the prior.", no_kl),
        Mistake(
            "kl_subtracted",
            "The KL term has the wrong sign. The ELBO is log-likelihood minus KL; the loss is minus that, so KL is "
            "added.",
            kl_subtracted,
        ),
        Mistake(
            "kl_without_one_half",
            "The KL term is twice too large. All of it, mu^2 + sigma^2 - 1 - log sigma^2, is halved.",
            kl_without_one_half,
        ),
        Mistake(
            "kl_with_log_sigma",
            "The KL term takes logvar for log sigma. It is log sigma^2 already: exp(logvar) is sigma^2.",
            kl_with_log_sigma,
        ),
        Mistake(
            "to_be_maximised",
            "This is the ELBO itself. A loss is minimised: return minus the ELBO.",
            to_be_maximised,
        ),
        Mistake(
            "sigmoid_twice",
            "A sigmoid is taken twice: decode returns logits, and the cross-entropy *with logits* takes them as "
            "they are.",
            sigmoid_twice,
        ),
        Mistake(
            "squared_error",
            "The first term is a squared error. The pixels are Bernoulli here: minus log p(x|z, y) is a "
            "cross-entropy.",
            squared_error,
        ),
        Mistake(
            "logarithm_of_a_sigmoid",
            "Right for moderate logits. A sigmoid of 100 is exactly 1 in float32, and log(1 - 1) is minus infinity: "
            "use the cross-entropy with logits.",
            logarithm_of_a_sigmoid,
        ),
        Mistake(
            "logarithm_of_a_little_more",
            "A small number inside the logarithm keeps it finite, and wrong for large logits. The cross-entropy "
            "with logits needs none.",
            logarithm_of_a_little_more,
        ),
        Mistake(
            "clamped_cross_entropy",
            "F.binary_cross_entropy cuts every logarithm off at -100, and a saturated sigmoid has no gradient. "
            "F.binary_cross_entropy_with_logits takes the logits themselves.",
            clamped_cross_entropy,
        ),
        Mistake(
            "plain_number",
            "No graph stands behind this number, so nothing can be trained with it. Return the tensor as it is: no "
            ".item(), no .detach(), no torch.no_grad().",
            plain_number,
        ),
        Mistake(
            "several_draws",
            "Several codes are decoded for each example. Averaging them is no error in principle, but one z per "
            "example is asked for, and is enough (lecture 5).",
            several_draws,
        ),
    ),
    accepted=(by_distributions, with_log_sigmoids, example_by_example, decoded_twice),
    hints=(
        "It is the negative ELBO of lecture 6, with y beside x in the encoder and beside z in the decoder. Which of "
        "its terms does the label change directly?",
        "`encode` gives mu and logvar; z comes from these by the reparameterisation of lecture 5; "
        "`decode` gives the logits. The prior is N(0, I) for every class.",
        "Per example: `F.binary_cross_entropy_with_logits(logits, x, reduction='none')` summed over the pixels, plus "
        "half the sum of `mu**2 + logvar.exp() - 1 - logvar`. Then the mean over the batch.",
    ),
)
