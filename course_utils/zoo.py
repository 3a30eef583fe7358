r"""The models of the course side by side: trained on the same images for the same number of steps, then measured.

Every contestant here is the short form of a lecture: AE (2), VAE (6), beta-VAE (7), GAN and WGAN-GP (10), and from
lecture 12 the Boltzmann machine, BiGAN, the adversarial autoencoder and adversarial variational Bayes. A contestant
is a function ``(images, budget, generator) -> Trained``; ``CONTESTANTS`` lists them by name.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from course_utils.adversarial import (
    aae_losses,
    adam,
    avb_discriminator_loss,
    avb_elbo,
    bigan_losses,
    critic_generator_loss,
    critic_loss,
    discriminator_step,
    endless_minibatches,
    frozen,
    generator_step,
    gradient_penalty,
)
from course_utils.data import ImageData
from course_utils.elbo import negative_elbo
from course_utils.gaussian import kl_standard_normal
from course_utils.likelihoods import bernoulli_log_likelihood
from course_utils.metrics import FeatureNet, frechet_distance
from course_utils.models import (
    RBM,
    VAE,
    BlackBoxEncoder,
    ConvDiscriminator,
    ConvGenerator,
    ImageEncoder,
    MLPDecoder,
    MLPDiscriminator,
    MLPEncoder,
    PairDiscriminator,
)

__all__ = ["CONTESTANTS", "Budget", "Score", "Trained", "annealed_log_partition", "measure", "train"]


@dataclass(frozen=True)
class Budget:
    """What every contestant gets: generator or model steps on batches of one size, and networks of one width."""

    steps: int = 200
    batch_size: int = 32
    latent_dim: int = 8
    hidden_dim: int = 128
    width: int = 8


@dataclass
class Trained:
    """A trained contestant: what it can do, and None for what it can't.

    ``sample(n)`` gives images (n, 1, 28, 28); ``reconstruct(x)`` images like x; ``bound(x)`` a number of nats for each
    of the black and white images x; ``encode(x)`` codes (n, latent_dim). ``seconds`` are CPU seconds of training.
    """

    name: str
    sample: Callable[[int], Tensor]
    reconstruct: Callable[[Tensor], Tensor] | None = None
    bound: Callable[[Tensor], Tensor] | None = None
    encode: Callable[[Tensor], Tensor] | None = None
    seconds: float = math.nan


@dataclass
class Score:
    """One row of the table. NaN where a model has no such number.

    ``bound``: nats per black and white test image, of which more is better; ``error``: squared error of a
    reconstruction, summed over pixels; ``frechet``: distance of samples from test images in the feature network;
    ``classes``: those that at least ``share`` of the samples belong to; ``train`` and ``sample``: CPU seconds, the
    latter for 100 images; ``infers``: 1 with an inference network, else 0.
    """

    bound: float
    error: float
    frechet: float
    classes: float
    train: float
    sample: float
    infers: float

    def tensor(self) -> Tensor:
        """The numbers in order, (7,), float64."""
        return torch.tensor([getattr(self, field.name) for field in fields(self)], dtype=torch.float64)


def train(name: str, images: Tensor, budget: Budget, *, seed: int) -> Trained:
    """Train one contestant, weights, batches and noise drawn from ``seed``.

    Parameters: ``name``, a key of ``CONTESTANTS``; ``images`` (n, 1, 28, 28) in [0, 1].
    Raises: ValueError for a name that is not in ``CONTESTANTS``.
    """
    if name not in CONTESTANTS:
        raise ValueError(f"there is no contestant {name!r}; there are {', '.join(CONTESTANTS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = Generator().manual_seed(seed)
        start = time.process_time()
        trained = CONTESTANTS[name](images, budget, generator)
        trained.seconds = time.process_time() - start
    return trained


@torch.no_grad()
def measure(
    trained: Trained, data: ImageData, net: FeatureNet, *, n: int = 300, share: float = 0.02
) -> Score:
    """Measure one contestant on the test images.

    Parameters: ``net`` from :func:`~course_utils.metrics.feature_net`; ``n`` samples are drawn; see :class:`Score`.
    """
    x = data.test_images
    start = time.process_time()
    samples = trained.sample(n)
    seconds = (time.process_time() - start) * 100 / n
    counts = net.logits(samples).argmax(1).bincount(minlength=data.n_classes)
    return Score(
        bound=trained.bound((x > 0.5).float()).mean().item() if trained.bound else math.nan,
        error=_squared_error(trained.reconstruct(x), x) if trained.reconstruct else math.nan,
        frechet=frechet_distance(net(samples), net(x)),
        classes=float((counts >= share * n).sum()),
        train=trained.seconds,
        sample=seconds,
        infers=float(trained.encode is not None),
    )


def _squared_error(a: Tensor, b: Tensor) -> float:
    return (a - b).square().flatten(1).sum(1).mean().item()


# ------------------------------------------------------------------------------------------- models of the ELBO


def _batches(x: Tensor, budget: Budget, generator: Generator) -> Iterator[Tensor]:
    batches = endless_minibatches(x, batch_size=budget.batch_size, generator=generator)
    return (next(batches)[0] for _ in range(budget.steps))


def _vae(beta: float) -> Callable[[Tensor, Budget, Generator], Trained]:
    def make(x: Tensor, budget: Budget, generator: Generator) -> Trained:
        dim, hidden = budget.latent_dim, budget.hidden_dim
        model = VAE(MLPEncoder(dim, hidden), MLPDecoder(dim, hidden))
        optimizer = adam(model, lr=3e-3, betas=(0.9, 0.999))
        for batch in _batches(x, budget, generator):
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

    return make


def _autoencoder(x: Tensor, budget: Budget, generator: Generator) -> Trained:
    """Lecture 2's autoencoder; its samples decode draws of one Gaussian fitted to the codes."""
    encoder = ImageEncoder(budget.latent_dim, budget.hidden_dim)
    decoder = MLPDecoder(budget.latent_dim, budget.hidden_dim)
    optimizer = adam(encoder, decoder, lr=3e-3, betas=(0.9, 0.999))
    for batch in _batches(x, budget, generator):
        optimizer.zero_grad()
        (-bernoulli_log_likelihood(decoder(encoder(batch)), batch).mean()).backward()
        optimizer.step()
    encoder.eval()
    with torch.no_grad():
        codes = encoder(x)
    mean, factor = codes.mean(0), torch.linalg.cholesky(codes.T.cov())
    return Trained(
        "AE + Gaussian",
        sample=lambda n: decoder(mean + torch.randn(n, len(mean), generator=generator) @ factor.T).sigmoid(),
        reconstruct=lambda v: decoder(encoder(v)).sigmoid(),
        encode=encoder,
    )


def _aae(x: Tensor, budget: Budget, generator: Generator) -> Trained:
    dim = budget.latent_dim
    encoder, decoder = ImageEncoder(dim, budget.hidden_dim), MLPDecoder(dim, budget.hidden_dim)
    judge = MLPDiscriminator(dim, budget.hidden_dim)
    d_adam, adam_ = adam(judge, lr=2e-3), adam(encoder, decoder, lr=2e-3)
    for batch in _batches(x, budget, generator):
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


def _avb(x: Tensor, budget: Budget, generator: Generator) -> Trained:
    dim, hidden = budget.latent_dim, budget.hidden_dim
    encoder, decoder = BlackBoxEncoder(dim, hidden_dim=hidden), MLPDecoder(dim, hidden)
    t = PairDiscriminator(dim, hidden)
    t_adam, adam_ = adam(t, lr=2e-3), adam(encoder, decoder, lr=2e-3)
    for batch in _batches(x, budget, generator):
        z = encoder(batch, generator)
        for _ in range(N_T_STEPS):
            with torch.no_grad():
                again = encoder(batch, generator)
            prior = torch.randn(z.shape, generator=generator)
            t_adam.zero_grad()
            avb_discriminator_loss(t(batch, again), t(batch, prior)).backward()
            t_adam.step()
        with frozen(t):
            adam_.zero_grad()
            (-avb_elbo(t(batch, z), bernoulli_log_likelihood(decoder(z), batch))).backward()
        adam_.step()

    def bound(v: Tensor) -> Tensor:
        z = encoder(v, generator)
        return bernoulli_log_likelihood(decoder(z), v) - t(v, z)

    return Trained(
        "AVB",
        sample=lambda n: decoder(torch.randn(n, dim, generator=generator)).sigmoid(),
        reconstruct=lambda v: decoder(encoder(v, generator)).sigmoid(),
        bound=bound,
        encode=lambda v: encoder(v, generator),
    )


# -------------------------------------------------------------------------------------------------------- games


def _average(model: nn.Module) -> AveragedModel:
    """A running mean of the weights, whose samples are better than those of the last step."""
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.97), use_buffers=True)


def _gan(x: Tensor, budget: Budget, generator: Generator) -> Trained:
    dim = 4 * budget.latent_dim  # a GAN pays nothing for further noise, and is better with it
    g, d = ConvGenerator(dim, budget.width), ConvDiscriminator(budget.width)
    d_adam, g_adam, average = adam(d, lr=2e-3), adam(g, lr=2e-3), _average(g)
    for batch in _batches(x, budget, generator):
        discriminator_step(d, g, d_adam, batch, torch.randn(len(batch), dim, generator=generator))
        generator_step(g, d, g_adam, torch.randn(len(batch), dim, generator=generator))
        average.update_parameters(g)
    average.eval()
    return Trained("GAN", sample=lambda n: average(torch.randn(n, dim, generator=generator)))


def _wgan(x: Tensor, budget: Budget, generator: Generator) -> Trained:
    dim = 4 * budget.latent_dim
    g, critic = ConvGenerator(dim, budget.width), ConvDiscriminator(budget.width)
    c_adam, g_adam, average = adam(critic, lr=2e-3), adam(g, lr=2e-3), _average(g)
    for batch in _batches(x, budget, generator):
        with torch.no_grad():
            fake = g(torch.randn(len(batch), dim, generator=generator))
        c_adam.zero_grad()
        penalty = gradient_penalty(critic, batch, fake, generator)
        (critic_loss(critic(batch), critic(fake)) + penalty).backward()
        c_adam.step()
        with frozen(critic):
            g_adam.zero_grad()
            critic_generator_loss(critic(g(torch.randn(len(batch), dim, generator=generator)))).backward()
        g_adam.step()
        average.update_parameters(g)
    average.eval()
    return Trained("WGAN-GP", sample=lambda n: average(torch.randn(n, dim, generator=generator)))


def _bigan(x: Tensor, budget: Budget, generator: Generator) -> Trained:
    dim = budget.latent_dim
    g, e = ConvGenerator(dim, budget.width), ImageEncoder(dim, budget.hidden_dim)
    d = PairDiscriminator(dim, budget.hidden_dim, spectral=True)
    both = nn.ModuleList([g, e])
    d_adam, ge_adam = adam(d, lr=2e-3, betas=(0.0, 0.99)), adam(both, lr=2e-3, betas=(0.0, 0.99))
    average = _average(both)
    for batch in _batches(x, budget, generator):
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


# --------------------------------------------------------------------------------------------- Boltzmann machine

N_GIBBS = 100  # steps from noise to a sample


def _rbm(x: Tensor, budget: Budget, generator: Generator) -> Trained:
    pixels = x.flatten(1)
    rbm = RBM(pixels.shape[1], budget.hidden_dim, generator)
    rbm.start_from(pixels)
    optimizer = torch.optim.SGD(rbm.parameters(), lr=0.05, momentum=0.5)
    for batch in _batches(pixels, budget, generator):
        v = torch.bernoulli(batch, generator=generator)
        loss, _ = rbm.contrastive_divergence(v, generator=generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def sample(n: int) -> Tensor:
        start = torch.bernoulli(pixels.mean(0).expand(n, -1), generator=generator)
        return rbm.mean_field(rbm.sample(start, N_GIBBS, generator)).view(-1, 1, 28, 28)

    def bound(v: Tensor) -> Tensor:
        base = pixels.mean(0).clamp(0.01, 0.99).logit()
        log_z = annealed_log_partition(rbm.W, rbm.b, rbm.c, base, generator=generator)
        return -rbm.free_energy(v.flatten(1)) - log_z

    return Trained(
        "RBM",
        sample=sample,
        reconstruct=lambda v: rbm.mean_field(v.flatten(1)).view_as(v),
        bound=bound,
        encode=lambda v: (v.flatten(1) @ rbm.W + rbm.c).sigmoid(),
    )


@torch.no_grad()
def annealed_log_partition(
    W: Tensor,
    b: Tensor,
    c: Tensor,
    base: Tensor,
    *,
    n_chains: int = 50,
    n_temperatures: int = 150,
    generator: Generator | None = None,
) -> Tensor:
    r"""Estimate log Z of a machine too large to add up, by annealed importance sampling.

    Chains start at independent pixels with log odds ``base`` and are led to the machine over small changes,

    .. math:: \log p^*_k(v) = (1 - \beta_k)\, v^\top b_0 + \beta_k\, v^\top b
              + \sum_j \log\big(1 + e^{\beta_k (c_j + (v^\top W)_j)}\big)

    each of which adds the change of :math:`\log p^*` to the chain's log weight. The mean *weight* is an unbiased
    estimate of Z over that of the start, so its logarithm tends to be too low, and log p(v) too high.

    Parameters: ``W`` (V, H), ``b`` and ``base`` (V,), ``c`` (H,).
    Returns: 0-d, in nats.
    References: Salakhutdinov & Murray 2008, https://doi.org/10.1145/1390156.1390266; Neal 2001, arXiv:physics/9803008.

    >>> annealed_log_partition(torch.zeros(4, 3), torch.zeros(4), torch.zeros(3), torch.zeros(4))  # 7 log 2
    tensor(4.8520)
    """
    n_hidden = W.shape[1]
    v = torch.bernoulli(base.sigmoid().expand(n_chains, -1), generator=generator)
    log_w = torch.full((n_chains,), (F.softplus(base).sum() + n_hidden * math.log(2)).item())
    betas = torch.linspace(0, 1, n_temperatures + 1).tolist()
    for last, beta in pairwise(betas):
        drive, tilt = v @ W + c, v @ (b - base)
        log_w += (beta - last) * tilt + (F.softplus(beta * drive) - F.softplus(last * drive)).sum(1)
        h = torch.bernoulli((beta * drive).sigmoid(), generator=generator)
        p = (beta * (h @ W.T + b) + (1 - beta) * base).sigmoid()
        v = torch.bernoulli(p, generator=generator)
    return log_w.logsumexp(0) - math.log(n_chains)


CONTESTANTS: dict[str, Callable[[Tensor, Budget, Generator], Trained]] = {
    "AE + Gaussian": _autoencoder,
    "VAE": _vae(1.0),
    "beta-VAE": _vae(4.0),
    "RBM": _rbm,
    "AAE": _aae,
    "AVB": _avb,
    "GAN": _gan,
    "WGAN-GP": _wgan,
    "BiGAN": _bigan,
}
