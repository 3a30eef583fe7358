"""Autoencoders with and without a bound: lectures 2, 6, 7 and 8."""

import torch
from torch import Generator, Tensor

from course_utils.adversarial import adam
from course_utils.data import ImageData
from course_utils.elbo import negative_elbo
from course_utils.gaussian import (
    kl_standard_normal,
    log_density,
    log_density_standard_normal,
    reparameterize,
)
from course_utils.likelihoods import bernoulli_log_likelihood
from course_utils.models import (
    VAE,
    ConditionalMLPDecoder,
    ConditionalMLPEncoder,
    ConditionalVAE,
    ImageEncoder,
    MLPDecoder,
    MLPEncoder,
)
from course_utils.zoo.contest import Budget, Contestant, Trained, batches, draw_labels

__all__ = ["autoencoder", "conditional_vae", "joint_log_weights", "vae"]

LR, BETAS = 3e-3, (0.9, 0.999)


def autoencoder(data: ImageData, budget: Budget, generator: Generator) -> Trained:
    """Lecture 2's autoencoder; its samples decode draws of one Gaussian fitted to the codes."""
    encoder = ImageEncoder(budget.latent_dim, budget.hidden_dim)
    decoder = MLPDecoder(budget.latent_dim, budget.hidden_dim)
    optimizer = adam(encoder, decoder, lr=LR, betas=BETAS)
    for (batch,) in batches(data.train_images, budget=budget, generator=generator):
        optimizer.zero_grad()
        (-bernoulli_log_likelihood(decoder(encoder(batch)), batch).mean()).backward()
        optimizer.step()
    encoder.eval()
    with torch.no_grad():
        codes = encoder(data.train_images)
    mean, factor = codes.mean(0), torch.linalg.cholesky(codes.T.cov())
    return Trained(
        "AE + Gaussian",
        sample=lambda n: decoder(mean + torch.randn(n, len(mean), generator=generator) @ factor.T).sigmoid(),
        reconstruct=lambda v: decoder(encoder(v)).sigmoid(),
        encode=encoder,
    )


def vae(beta: float) -> Contestant:
    """The VAE of lecture 6 with ``beta`` 1, else lecture 7's; the bound is the ELBO, whatever was trained."""

    def contestant(data: ImageData, budget: Budget, generator: Generator) -> Trained:
        dim, hidden = budget.latent_dim, budget.hidden_dim
        model = VAE(MLPEncoder(dim, hidden), MLPDecoder(dim, hidden))
        optimizer = adam(model, lr=LR, betas=BETAS)
        for (batch,) in batches(data.train_images, budget=budget, generator=generator):
            optimizer.zero_grad()
            negative_elbo(batch, *model(batch, generator), beta).backward()
            optimizer.step()

        def bound(v: Tensor) -> Tensor:
            logits, mu, logvar = model(v, generator)
            return bernoulli_log_likelihood(logits, v) - kl_standard_normal(mu, logvar)

        return Trained(
            "VAE" if beta == 1 else "beta-VAE",
            sample=lambda n: model.decode(torch.randn(n, dim, generator=generator)).sigmoid(),
            reconstruct=lambda v: model.decode(model.encode(v)[0]).sigmoid(),
            bound=bound,
            encode=lambda v: model.encode(v)[0],
        )

    return contestant


def conditional_vae(data: ImageData, budget: Budget, generator: Generator) -> Trained:
    """Lecture 8's: told the labels in training, it draws them itself to sample, and sums them out in its bound.

    To reconstruct or to encode an image it takes the class that its own bounds make most probable.
    """
    dim, hidden, n_classes = budget.latent_dim, budget.hidden_dim, data.n_classes
    y = data.train_labels
    model = ConditionalVAE(
        ConditionalMLPEncoder(dim, n_classes, hidden), ConditionalMLPDecoder(dim, n_classes, hidden)
    )
    optimizer = adam(model, lr=LR, betas=BETAS)
    for images, labels in batches(data.train_images, y, budget=budget, generator=generator):
        optimizer.zero_grad()
        negative_elbo(images, *model(images, labels, generator)).backward()
        optimizer.step()
    log_prior = (y.bincount(minlength=n_classes) / len(y)).log()

    def sample(n: int) -> Tensor:
        z = torch.randn(n, dim, generator=generator)
        return model.decode(z, draw_labels(y, n, generator)).sigmoid()

    def classify(v: Tensor) -> Tensor:
        return joint_log_weights(model, v, log_prior, generator).argmax(1)

    def reconstruct(v: Tensor) -> Tensor:
        labels = classify(v)
        return model.decode(model.encode(v, labels)[0], labels).sigmoid()

    return Trained(
        "conditional VAE",
        sample=sample,
        reconstruct=reconstruct,
        bound=lambda v: joint_log_weights(model, v, log_prior, generator).logsumexp(1),
        encode=lambda v: model.encode(v, classify(v))[0],
    )


def joint_log_weights(
    model: ConditionalVAE, x: Tensor, log_prior: Tensor, generator: Generator | None = None
) -> Tensor:
    r"""How probable the model finds each image together with each label, from one code for each pair.

    .. math:: \log p(y) + \log p(x|z_y, y) + \log p(z_y) - \log q(z_y|x, y), \qquad z_y \sim q(z|x, y)

    The expectation of an entry is :math:`\log p(y)` plus the ELBO of :math:`\log p(x|y)`. The sum of a row's
    exponentials has the expectation :math:`p(x)`, so by Jensen their logsumexp is on average at most
    :math:`\log p(x)`, and at least what the logsumexp of the ELBOs would be: a bound that needs no label, and may
    stand beside a VAE's.

    Parameters: ``x`` (n, 1, 28, 28), black and white; ``log_prior`` (n_classes,), log p(y).
    Returns: shape (n, n_classes), in nats.
    """
    n_classes = len(log_prior)
    repeated = x.repeat_interleave(n_classes, 0)  # every image with every label
    labels = torch.arange(n_classes).repeat(len(x))
    mu, logvar = model.encode(repeated, labels)
    z = reparameterize(mu, logvar, generator)
    log_likelihood = bernoulli_log_likelihood(model.decode(z, labels), repeated)
    log_w = log_likelihood + log_density_standard_normal(z) - log_density(z, mu, logvar)
    return log_w.view(len(x), n_classes) + log_prior
