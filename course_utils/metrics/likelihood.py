"""How well a model predicts data: log-likelihood estimated by importance sampling, and its units."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from course_utils.elbo import importance_weighted_bound
from course_utils.gaussian import log_density, log_density_standard_normal, reparameterize
from course_utils.likelihoods import bernoulli_log_likelihood

__all__ = ["bits_per_dim", "importance_log_likelihood"]

CHUNK = (
    1024  # images decoded at a time in `importance_log_likelihood`: bounds the memory, whatever n_draws is
)


def bits_per_dim(nats: Tensor | float, n_dims: int) -> Tensor | float:
    r"""Turn a negative log-likelihood in nats per image into bits per dimension.

    .. math:: \mathrm{bits} = \frac{-\log p(x)}{D \log 2}

    This many bits per pixel a lossless code built on the model would need, if p is a probability of discrete
    pixels. For a density of real-valued pixels the number is relative to the width of a pixel value's bin.

    Parameters: ``nats``, the *negative* log-likelihood or negative ELBO of whole images, a tensor of any shape
    or a number; ``n_dims`` = D, the number of pixels that it sums over (784 for 28x28).
    Returns: the same shape, in bits per dimension.
    Raises: ValueError if n_dims is below 1.
    References: Theis et al. 2016, A note on the evaluation of generative models, arXiv:1511.01844.

    >>> bits_per_dim(torch.tensor([784 * math.log(2)]), 784)  # one fair coin per pixel
    tensor([1.])
    """
    if n_dims < 1:
        raise ValueError(f"n_dims must be at least 1, got {n_dims}")
    return nats / (n_dims * math.log(2))


@torch.no_grad()
def importance_log_likelihood(
    model: Any,
    x: Tensor,
    n_draws: int,
    generator: Generator | None = None,
    *,
    log_likelihood: Callable[[Tensor, Tensor], Tensor] = bernoulli_log_likelihood,
) -> Tensor:
    r"""Estimate the log-likelihood of images under a VAE by importance sampling from its own posterior.

    .. math:: \log p(x) \approx \log \frac1K \sum_{k=1}^K \frac{p(x | z_k)\, p(z_k)}{q(z_k | x)},
              \qquad z_k \sim q(z | x), \quad p(z) = N(0, I)

    In expectation it never exceeds log p(x) and never falls as K grows; K = 1 is a one-draw estimate of the
    ELBO. No gradient is recorded, and no more than ``CHUNK`` images are decoded at a time.

    Parameters: ``model`` has ``encode(x) -> (mu, logvar)``, each (batch, latent_dim), and
    ``decode(z) -> logits`` of the shape of x; it is used in the mode (train or eval) that it is in. ``x`` of
    shape (batch, ...), pixels in [0, 1]; ``n_draws`` = K >= 1; ``generator`` draws z (None: torch's own).
    ``log_likelihood(logits, x) -> (batch,)`` is log p(x|z), by default that of Bernoulli pixels.
    Returns: shape (batch,), in nats.
    Raises: ValueError if n_draws is below 1, or the decoder's output has not the shape of x.
    References: Burda et al. 2016, arXiv:1509.00519, eq. (8); Rezende et al. 2014, arXiv:1401.4082.
    """
    if n_draws < 1:
        raise ValueError(f"an average needs n_draws >= 1, got {n_draws}")
    bounds = [x.new_empty(0)]
    for images in x.split(CHUNK) if len(x) else ():
        mu, logvar = model.encode(images)  # (batch, latent_dim) each
        per_chunk = max(1, CHUNK // len(images))
        log_w = []
        for start in range(0, n_draws, per_chunk):
            k = min(per_chunk, n_draws - start)
            z = reparameterize(mu.expand(k, *mu.shape), logvar.expand(k, *mu.shape), generator)
            logits = model.decode(z.flatten(0, 1))  # (k * batch, ...)
            repeated = images.expand(k, *images.shape).flatten(0, 1)
            log_x_given_z = log_likelihood(logits, repeated).unflatten(0, (k, len(images)))
            log_w.append(log_x_given_z + log_density_standard_normal(z) - log_density(z, mu, logvar))
        bounds.append(importance_weighted_bound(torch.cat(log_w)))  # from (K, batch)
    return torch.cat(bounds)
