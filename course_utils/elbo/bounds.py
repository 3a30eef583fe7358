r"""The evidence :math:`\log p(x)`, estimated and bounded, and the VAE's objective.

Everything per example is summed over pixels or latent dimensions and in nats; all averages of densities are
taken by log-sum-exp, so log values from -1500 to 900 are as good as any.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from course_utils._arguments import as_tensors
from course_utils.gaussian import LOG_2PI, draw_standard_normal, kl_standard_normal
from course_utils.likelihoods import bernoulli_log_likelihood

CHUNK = 8192  # draws at a time in `marginal_by_monte_carlo`: bounds the memory, whatever n is


def kl_discrete(q: Tensor, p: Tensor) -> Tensor:
    r"""KL divergence between two discrete distributions over the same outcomes.

    .. math:: D_{KL}(q \| p) = \sum_i q_i \log\frac{q_i}{p_i}, \qquad 0 \log 0 = 0

    Parameters: ``q``, ``p`` of shape (n_outcomes,), each summing to 1.
    Returns: 0-d, in nats; infinite where q has mass on an outcome that p excludes.
    Raises: ValueError if they are not 1-D of one length; the message gives both shapes.
    References: Cover & Thomas 2006, Elements of Information Theory, eq. (2.26).

    >>> kl_discrete(torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5]))  # log 2
    tensor(0.6931)
    """
    if q.dim() != 1 or q.shape != p.shape:
        raise ValueError(f"expected two 1-D tensors of one length, got {tuple(q.shape)} and {tuple(p.shape)}")
    # xlogy(0, anything) is 0, so impossible outcomes of q drop out
    return (torch.xlogy(q, q) - torch.xlogy(q, p)).sum()


class ElboTerms(NamedTuple):
    """The two halves of the ELBO per example, each (batch,), in nats; ``elbo`` is their difference."""

    log_likelihood: Tensor
    kl: Tensor

    @property
    def elbo(self) -> Tensor:
        """The bound on log p(x): log-likelihood minus KL, shape (batch,)."""
        return self.log_likelihood - self.kl


def elbo_terms(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> ElboTerms:
    r"""Reconstruction and KL term of a VAE with Bernoulli pixels and prior N(0, I), per example.

    .. math:: \mathrm{ELBO}(x) = \underbrace{E_{q(z|x)}[\log p(x|z)]}_{\text{one draw of } z}
              - D_{KL}(q(z|x) \,\|\, p(z))

    Parameters: ``x`` and ``logits`` of one shape (batch, ...), pixels in [0, 1], logits decoded from one draw
    of z per example; ``mu``, ``logvar`` of shape (batch, latent_dim).
    Returns: `ElboTerms` with ``log_likelihood``, ``kl`` and ``elbo``, each (batch,), in nats.
    Raises: ValueError if shapes differ within a pair, or the batches between the pairs.
    References: Kingma & Welling 2014, arXiv:1312.6114, eq. (7).

    >>> terms = elbo_terms(torch.ones(1, 2), torch.zeros(1, 2), torch.ones(1, 4), torch.zeros(1, 4))
    >>> terms.log_likelihood, terms.kl, terms.elbo
    (tensor([-1.3863]), tensor([2.]), tensor([-3.3863]))
    """
    if len(x) != len(mu):
        raise ValueError(f"x and mu must have one batch size, got {tuple(x.shape)} and {tuple(mu.shape)}")
    return ElboTerms(bernoulli_log_likelihood(logits, x), kl_standard_normal(mu, logvar))


def negative_elbo(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> Tensor:
    r"""Loss of a VAE (beta = 1) or beta-VAE with Bernoulli pixels: the mean over the batch.

    .. math:: L = \frac1B \sum_b \big(-\log p(x_b | z_b) + \beta\, D_{KL}(q(z | x_b) \,\|\, p(z))\big)

    Parameters: as for `elbo_terms`; ``beta`` weighs the KL term.
    Returns: 0-d, in nats per example, to be minimised.
    Raises: ValueError as `elbo_terms`.
    References: Kingma & Welling 2014, arXiv:1312.6114, eq. (10); Higgins et al. 2017, beta-VAE, eq. (4).

    >>> negative_elbo(torch.ones(1, 2), torch.zeros(1, 2), torch.ones(1, 4), torch.zeros(1, 4))
    tensor(3.3863)
    """
    terms = elbo_terms(x, logits, mu, logvar)
    return (beta * terms.kl - terms.log_likelihood).mean()


def elbo_monte_carlo(
    log_joint: Callable[[Tensor], Tensor],
    q_mean: Tensor | float,
    q_std: Tensor | float,
    n: int,
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Estimate the ELBO of a Gaussian q over a scalar latent from n draws, with its standard error.

    .. math:: \widehat{\mathrm{ELBO}} = \frac1n \sum_i \big(\log p(x, z_i) - \log q(z_i)\big), \; z_i \sim q

    At the exact posterior every term is log p(x), and the standard error is 0. Gradients flow to ``q_mean``
    and ``q_std`` where they are tensors.

    Parameters: ``log_joint`` takes z (n,) to log p(x, z) (n,); ``q_mean``, ``q_std`` 0-d or numbers;
    ``n`` >= 2 draws.
    Returns: ``(estimate, standard_error)``, 0-d, in nats.
    Raises: ValueError if n < 2, or log_joint does not give one value per draw.
    References: Kingma & Welling 2014, arXiv:1312.6114, eq. (6).

    >>> posterior_is_prior = lambda z: -0.5 * z**2 - 0.5 * LOG_2PI - 7.0  # log p(x) = -7
    >>> elbo_monte_carlo(posterior_is_prior, 0.0, 1.0, 100)[0]
    tensor(-7.)
    """
    if n < 2:
        raise ValueError(f"a standard error needs n >= 2 samples, got n = {n}")
    q_mean, q_std = as_tensors(q_mean, q_std)
    eps = draw_standard_normal((n,), q_mean, generator)
    # log q(z) = -log sigma - log(2 pi) / 2 - eps^2 / 2; (z - mean) / std would lose the digits of a tiny std
    log_q = -q_std.log() - 0.5 * (LOG_2PI + eps**2)
    terms = _values(log_joint, q_mean + q_std * eps, "log_joint") - log_q
    return terms.mean(), terms.std() / math.sqrt(n)


def importance_weighted_bound(log_w: Tensor) -> Tensor:
    r"""Importance-weighted lower bound on log p(x) from K log weights, per example.

    .. math:: L_K = \log \frac1K \sum_{k=1}^K w_k, \qquad
              \log w_k = \log p(x, z_k) - \log q(z_k | x), \quad z_k \sim q(z | x)

    K = 1 is the ELBO; in expectation it never falls as K grows, and tends to log p(x).

    Parameters: ``log_w`` of shape (K, batch).
    Returns: shape (batch,), in nats.
    Raises: ValueError if ``log_w`` is not 2-D; the message gives its shape.
    References: Burda et al. 2016, arXiv:1509.00519, eq. (8).

    >>> importance_weighted_bound(torch.tensor([[900.0, -1500.0], [900.0, -1500.0]]))
    tensor([  900., -1500.])
    """
    if log_w.dim() != 2:
        raise ValueError(f"log_w must have shape (K, batch), got {tuple(log_w.shape)}")
    return torch.logsumexp(log_w, dim=0) - math.log(len(log_w))


def log_evidence_quadrature(log_joint: Callable[[Tensor], Tensor], grid: Tensor) -> Tensor:
    r"""Log evidence of a model with one scalar latent, by the trapezoidal rule in log space.

    .. math:: \log p(x) = \log \int p(x, z)\, dz \approx \log \sum_g h_g\, e^{\log p(x, z_g)}

    Parameters: ``log_joint`` takes z (n_grid,) to log p(x, z) (n_grid,); ``grid`` of shape (n_grid,),
    increasing, wide enough to hold the posterior.
    Returns: 0-d, in nats.
    Raises: ValueError if the grid is not 1-D and increasing, or log_joint does not give one value per point.

    >>> grid = torch.linspace(-10, 10, 1001)
    >>> log_evidence_quadrature(lambda z: -0.5 * z**2 - 0.5 * LOG_2PI - 1000.0, grid)
    tensor(-1000.)
    """
    if grid.dim() != 1 or len(grid) < 2 or not (grid.diff() > 0).all():
        raise ValueError(f"grid must be 1-D and increasing, with two points or more, got {tuple(grid.shape)}")
    # a point stands for half the interval on either side; the two ends have one side only
    half = 0.5 * grid.diff()
    widths = torch.cat([half[:1], half[:-1] + half[1:], half[-1:]])  # (n_grid,)
    return torch.logsumexp(_values(log_joint, grid, "log_joint") + widths.log(), dim=0)


def marginal_by_monte_carlo(
    log_likelihood_fn: Callable[[Tensor], Tensor], n: int, dim: int, generator: Generator | None = None
) -> Tensor:
    r"""Log evidence of one x from draws of the prior N(0, I): right, and hopeless once dim is large.

    .. math:: \log p(x) \approx \log \frac1n \sum_i p(x | z_i), \qquad z_i \sim N(0, I)

    The average of p(x|z) is unbiased; its log is low on average (Jensen), the more so the fewer draws
    explain x.

    Parameters: ``log_likelihood_fn`` takes z (m, dim) to log p(x|z) (m,), called in chunks; ``n`` >= 1.
    Returns: 0-d, in nats.
    Raises: ValueError if n < 1, or log_likelihood_fn does not give one value per draw.

    >>> marginal_by_monte_carlo(lambda z: torch.full((len(z),), -1500.0), 20_000, 2)
    tensor(-1500.)
    """
    if n < 1:
        raise ValueError(f"an average needs n >= 1 samples, got n = {n}")
    like = torch.empty(())
    sizes = [min(CHUNK, n - start) for start in range(0, n, CHUNK)]
    draws = (draw_standard_normal((size, dim), like, generator) for size in sizes)
    sums = [_values(log_likelihood_fn, z, "log_likelihood_fn").logsumexp(0) for z in draws]
    return torch.stack(sums).logsumexp(0) - math.log(n)


def _values(function: Callable[[Tensor], Tensor], z: Tensor, name: str) -> Tensor:
    values = function(z)
    if values.shape != z.shape[:1]:
        expected, got = tuple(z.shape[:1]), tuple(values.shape)
        raise ValueError(f"{name} must give one value per point, shape {expected}, got {got}")
    return values
