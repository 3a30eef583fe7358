"""The Boltzmann machine of lecture 12 as a contestant, and how its likelihood is estimated."""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.data import ImageData
from course_utils.models import RBM
from course_utils.zoo.contest import Budget, Trained, batches

__all__ = ["annealed_log_partition", "boltzmann_machine"]

N_GIBBS = 100  # steps from noise to a sample


def boltzmann_machine(data: ImageData, budget: Budget, generator: Generator) -> Trained:
    """Trained by one step of contrastive divergence on pixels drawn from the grey ones."""
    pixels = data.train_images.flatten(1)
    rbm = RBM(pixels.shape[1], budget.hidden_dim, generator)
    rbm.start_from(pixels)
    optimizer = torch.optim.SGD(rbm.parameters(), lr=0.05, momentum=0.5)
    for (batch,) in batches(pixels, budget=budget, generator=generator):
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
