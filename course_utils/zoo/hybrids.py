"""The models of lecture 12 that join a game with an encoder: adversarial autoencoder, AVB and BiGAN."""

import torch
from torch import Generator, Tensor, nn
from torch.distributions import MultivariateNormal

from course_utils.adversarial import (
    aae_losses,
    adam,
    avb_discriminator_loss,
    avb_elbo,
    bigan_losses,
    frozen,
)
from course_utils.data import ImageData
from course_utils.gaussian import log_density_standard_normal
from course_utils.likelihoods import bernoulli_log_likelihood
from course_utils.models import (
    BlackBoxEncoder,
    ConvGenerator,
    ImageEncoder,
    MLPDecoder,
    MLPDiscriminator,
    PairDiscriminator,
)
from course_utils.zoo.contest import Budget, Trained, batches
from course_utils.zoo.games import average_of

__all__ = ["adversarial_autoencoder", "adversarial_variational_bayes", "bigan"]

LR = 2e-3


def adversarial_autoencoder(data: ImageData, budget: Budget, generator: Generator) -> Trained:
    """Codes that a game makes look like draws of N(0, I); the weight of the game is 10 nats."""
    dim = budget.latent_dim
    encoder, decoder = ImageEncoder(dim, budget.hidden_dim), MLPDecoder(dim, budget.hidden_dim)
    judge = MLPDiscriminator(dim, budget.hidden_dim)
    d_adam, adam_ = adam(judge, lr=LR), adam(encoder, decoder, lr=LR)
    for (batch,) in batches(data.train_images, budget=budget, generator=generator):
        codes = encoder(batch)
        prior = torch.randn(codes.shape, generator=generator)
        d_loss, _ = aae_losses(judge(prior), judge(codes.detach()))
        d_adam.zero_grad()
        d_loss.backward()
        d_adam.step()
        with frozen(judge):
            nats = -bernoulli_log_likelihood(decoder(codes), batch).mean()
            _, encoder_loss = aae_losses(judge(prior), judge(codes))
            adam_.zero_grad()
            (nats + 10 * encoder_loss).backward()
        adam_.step()
    encoder.eval()
    return Trained(
        "AAE",
        sample=lambda n: decoder(torch.randn(n, dim, generator=generator)).sigmoid(),
        reconstruct=lambda v: decoder(encoder(v)).sigmoid(),
        encode=encoder,
    )


N_T_STEPS = 2  # of T before each of the model: a T that lags behind understates the KL term


def adversarial_variational_bayes(data: ImageData, budget: Budget, generator: Generator) -> Trained:
    r"""A posterior that can only be sampled, with adaptive contrast.

    With r(z|x) the Gaussian that has the mean and covariance of q(z|x), estimated from draws,

    .. math:: D_{KL}(q \| p) = D_{KL}(q \| r) + E_q[\log r(z|x) - \log p(z)]

    so that T, which is shown whitened codes, has only to tell q from r. If T had to tell q from p, it would lag behind
    the encoder by tens of nats.

    Departure from the paper: all of the covariance instead of the variances; without it q hides in correlations.

    References: Mescheder et al. 2017, arXiv:1701.04722, Section 4.
    """
    dim, hidden = budget.latent_dim, budget.hidden_dim
    encoder, decoder = BlackBoxEncoder(dim, 2 * dim, hidden), MLPDecoder(dim, hidden)
    t = PairDiscriminator(dim, hidden)
    t_adam, adam_ = adam(t, lr=LR), adam(encoder, decoder, lr=LR)

    def log_ratio(x: Tensor, z: Tensor, r: MultivariateNormal) -> Tensor:
        """What T and r together take log q(z|x) - log p(z) to be, (batch,)."""
        return t(x, _whiten(z, r)) + r.log_prob(z) - log_density_standard_normal(z)

    for (batch,) in batches(data.train_images, budget=budget, generator=generator):
        r = _gaussian_of(encoder, batch, 2 * dim, generator)
        for _ in range(N_T_STEPS):
            with torch.no_grad():
                codes = _whiten(encoder(batch, generator), r)
            normal = torch.randn(codes.shape, generator=generator)
            t_adam.zero_grad()
            avb_discriminator_loss(t(batch, codes), t(batch, normal)).backward()
            t_adam.step()
        with frozen(t):
            z = encoder(batch, generator)
            adam_.zero_grad()
            (-avb_elbo(log_ratio(batch, z, r), bernoulli_log_likelihood(decoder(z), batch))).backward()
        adam_.step()

    def bound(v: Tensor) -> Tensor:
        z, r = encoder(v, generator), _gaussian_of(encoder, v, 8 * dim, generator)
        return bernoulli_log_likelihood(decoder(z), v) - log_ratio(v, z, r)

    return Trained(
        "AVB",
        sample=lambda n: decoder(torch.randn(n, dim, generator=generator)).sigmoid(),
        reconstruct=lambda v: decoder(encoder(v, generator)).sigmoid(),
        bound=bound,
        encode=lambda v: encoder(v, generator),
    )


@torch.no_grad()
def _gaussian_of(encoder: BlackBoxEncoder, x: Tensor, n: int, generator: Generator) -> MultivariateNormal:
    """For each image the Gaussian with mean and covariance of ``n`` draws of its code."""
    draws = encoder(x.repeat_interleave(n, 0), generator).view(len(x), n, -1)
    mean = draws.mean(1)
    centred = draws - mean[:, None]
    covariance = centred.mT @ centred / (n - 1) + 1e-4 * torch.eye(draws.shape[2])
    return MultivariateNormal(mean, covariance, validate_args=False)


def _whiten(z: Tensor, r: MultivariateNormal) -> Tensor:
    return torch.linalg.solve_triangular(r.scale_tril, (z - r.loc)[..., None], upper=False).squeeze(-1)


def bigan(data: ImageData, budget: Budget, generator: Generator) -> Trained:
    """A game over pairs of image and code; samples and codes are those of running means of the weights."""
    dim = budget.latent_dim
    g, e = ConvGenerator(dim, budget.width), ImageEncoder(dim, budget.hidden_dim)
    d = PairDiscriminator(dim, budget.hidden_dim, spectral=True)
    both = nn.ModuleList([g, e])
    d_adam, ge_adam = adam(d, lr=LR, betas=(0.0, 0.99)), adam(both, lr=LR, betas=(0.0, 0.99))
    average = average_of(both, budget)
    for (batch,) in batches(data.train_images, budget=budget, generator=generator):
        z = torch.randn(len(batch), dim, generator=generator)
        fake, codes = g(z), e(batch)
        d_loss, _ = bigan_losses(d(batch, codes.detach()), d(fake.detach(), z))
        d_adam.zero_grad()
        d_loss.backward()
        d_adam.step()
        with frozen(d):
            _, ge_loss = bigan_losses(d(batch, codes), d(fake, z))
            ge_adam.zero_grad()
            ge_loss.backward()
        ge_adam.step()
        average.update_parameters(both)
    average.eval()
    g, e = average.module
    return Trained(
        "BiGAN",
        sample=lambda n: g(torch.randn(n, dim, generator=generator)),
        reconstruct=lambda v: g(e(v)),
        encode=e,
    )
