"""Log-likelihoods of data under a decoder's output or a mixture: pure functions on tensors.

One convention throughout: a result is per example, summed over pixels (never averaged), in nats. Decoders
give logits; no probability is formed on the way, so nothing saturates.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils._arguments import require_same_shape
from course_utils.gaussian import log_density_univariate

__all__ = ["bernoulli_log_likelihood", "gaussian_log_likelihood", "mixture_log_likelihood"]


def bernoulli_log_likelihood(logits: Tensor, x: Tensor) -> Tensor:
    r"""Log-likelihood of pixels under independent Bernoullis given by their logits, per example.

    .. math:: \log p(x) = \sum_i x_i \log s(l_i) + (1 - x_i) \log(1 - s(l_i)), \qquad s(l) = 1 / (1 + e^{-l})

    Grey pixels are allowed; the value is then minus a cross-entropy and no longer the log of a normalised
    density (Loaiza-Ganem & Cunningham 2019).

    Parameters: ``logits`` and ``x`` of one shape (batch, ...); pixels in [0, 1].
    Returns: shape (batch,), in nats, summed over pixels.
    Raises: ValueError if the shapes differ; the message gives both.
    References: Kingma & Welling 2014, arXiv:1312.6114, Appendix C.1; Loaiza-Ganem & Cunningham 2019,
    arXiv:1907.06845.

    >>> bernoulli_log_likelihood(torch.zeros(2, 1, 2, 2), torch.ones(2, 1, 2, 2))  # -4 log 2
    tensor([-2.7726, -2.7726])
    """
    require_same_shape(logits=logits, x=x)
    return -_sum_over_pixels(F.binary_cross_entropy_with_logits(logits, x, reduction="none"))


def gaussian_log_likelihood(mean: Tensor, x: Tensor, sigma: Tensor | float) -> Tensor:
    r"""Log-likelihood of pixels under independent Gaussians, with the normalising constant, per example.

    .. math:: \log p(x) = \sum_i -\tfrac12\log 2\pi - \log\sigma_i - \frac{(x_i - m_i)^2}{2\sigma_i^2}

    Parameters: ``mean`` and ``x`` of one shape (batch, ...); ``sigma``, the standard deviation (> 0),
    a number, a 0-d tensor, or one per pixel, of any shape that broadcasts to that of ``x``.
    Returns: shape (batch,), in nats, summed over pixels.
    Raises: ValueError if the shapes do not fit; the message gives them.
    References: Kingma & Welling 2014, arXiv:1312.6114, Appendix C.2.

    >>> gaussian_log_likelihood(torch.zeros(1, 4), torch.ones(1, 4), 1.0)  # -2 log(2 pi) - 2
    tensor([-5.6758])
    """
    require_same_shape(mean=mean, x=x)
    if isinstance(sigma, Tensor) and not _broadcasts_to(sigma, x):
        raise ValueError(f"sigma {tuple(sigma.shape)} does not broadcast to the shape of x, {tuple(x.shape)}")
    return _sum_over_pixels(log_density_univariate(x, mean, sigma))


def mixture_log_likelihood(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    r"""Log-likelihood of scalars under a mixture of Gaussians; finite far from every component.

    .. math:: \log p(x) = \log \sum_k \exp\big(\log\pi_k + \log N(x; \mu_k, \sigma_k^2)\big)

    Parameters: ``x`` of shape (batch,); ``log_weights`` (log pi, normalised), ``means`` and ``stds``
    (standard deviations) of shape (n_components,).
    Returns: shape (batch,), in nats.
    Raises: ValueError if the shapes do not fit; the message gives them.
    References: Bishop 2006, Pattern Recognition and Machine Learning, eq. (9.14).

    >>> half = torch.tensor([0.5, 0.5]).log()
    >>> mixture_log_likelihood(torch.tensor([0.0]), half, torch.tensor([-1.0, 1.0]), torch.ones(2))
    tensor([-1.4189])
    """
    require_same_shape(log_weights=log_weights, means=means, stds=stds)
    if x.dim() != 1 or means.dim() != 1:
        raise ValueError(f"expected 1-D x and components, got {tuple(x.shape)} and {tuple(means.shape)}")
    return torch.logsumexp(log_weights + log_density_univariate(x.unsqueeze(1), means, stds), dim=1)


def _sum_over_pixels(values: Tensor) -> Tensor:
    """Sum over everything but the batch: (batch, ...) -> (batch,); scalars, (batch,), are left alone."""
    return values.unsqueeze(1).flatten(1).sum(1)


def _broadcasts_to(small: Tensor, large: Tensor) -> bool:
    """Say whether ``small`` broadcasts to the shape of ``large`` without making it any larger."""
    pairs = zip(reversed(small.shape), reversed(large.shape), strict=False)
    return small.dim() <= large.dim() and all(a in (1, b) for a, b in pairs)
