r"""Gaussian densities, sampling and divergences: pure functions on tensors.

One convention throughout: a result is per example, summed over latent dimensions, in nats; ``logvar`` is
the natural log of the variance, :math:`\log\sigma^2`, and a ``sigma`` is a standard deviation.
:math:`D_{KL}(q \| p)` takes the distribution under which the expectation is taken as its first argument.

A result that the dtype cannot hold comes back as an honest infinity, never as NaN.
"""

import math

import torch
from torch import Generator, Tensor

from course_utils._arguments import as_tensors, require_same_shape

__all__ = [
    "draw_standard_normal",
    "entropy",
    "kl_diagonal",
    "kl_full_covariance",
    "kl_monte_carlo",
    "kl_standard_normal",
    "kl_standard_normal_per_dim",
    "kl_univariate",
    "log_density",
    "log_density_standard_normal",
    "log_density_univariate",
    "reparameterize",
]

LOG_2PI = math.log(2 * math.pi)


# ---------------------------------------------------------------------------------------------- densities


def log_density(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    r"""Log density of a Gaussian with diagonal covariance, per example.

    .. math:: \log N(z; \mu, \sigma^2)
              = -\tfrac12 \sum_j \Big(\log 2\pi + \log\sigma_j^2 + \frac{(z_j - \mu_j)^2}{\sigma_j^2}\Big)

    Parameters: ``mu``, ``logvar`` of shape (batch, latent_dim); ``z`` of shape (..., batch, latent_dim), so
    that several draws per example, (K, batch, latent_dim), need no loop.
    Returns: shape (..., batch), in nats, summed over latent_dim.
    Raises: ValueError if the shapes do not fit; the message gives them.
    References: Kingma & Welling 2014, arXiv:1312.6114, Appendix C.2.

    >>> log_density(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2, 3))  # -3/2 log(2 pi)
    tensor([-2.7568, -2.7568])
    """
    require_same_shape(mu=mu, logvar=logvar)
    if z.shape[z.dim() - mu.dim() :] != mu.shape:
        raise ValueError(f"z must end in the shape of mu and logvar, {tuple(mu.shape)}, got {tuple(z.shape)}")
    return -0.5 * (LOG_2PI + logvar + _standardise(z - mu, logvar) ** 2).sum(-1)


def log_density_standard_normal(z: Tensor) -> Tensor:
    r"""Log density of the prior :math:`N(0, I)`, per example.

    Parameters: ``z`` of shape (..., batch, latent_dim).
    Returns: shape (..., batch), in nats, summed over latent_dim.

    >>> log_density_standard_normal(torch.tensor([[0.0, 2.0]]))  # -log(2 pi) - 2
    tensor([-3.8379])
    """
    return -0.5 * (LOG_2PI + z**2).sum(-1)


def log_density_univariate(x: Tensor | float, mu: Tensor | float, sigma: Tensor | float) -> Tensor:
    r"""Log density of one-dimensional Gaussians, element-wise (nothing is summed).

    .. math:: \log N(x; \mu, \sigma^2) = -\tfrac12 \log 2\pi - \log\sigma - \frac{(x - \mu)^2}{2\sigma^2}

    Parameters: ``x``, ``mu``, ``sigma`` (standard deviation, > 0): tensors that broadcast, or numbers.
    Returns: their broadcast shape, in nats.
    References: Bishop 2006, Pattern Recognition and Machine Learning, eq. (1.46).

    >>> log_density_univariate(torch.tensor([0.0, 4.0]), 0.0, 2.0)
    tensor([-1.6121, -3.6121])
    """
    x, mu, sigma = as_tensors(x, mu, sigma)
    return -0.5 * LOG_2PI - sigma.log() - 0.5 * ((x - mu) / sigma) ** 2


def entropy(logvar: Tensor) -> Tensor:
    r"""Differential entropy of a Gaussian with diagonal covariance, per example; negative when narrow.

    .. math:: H = \tfrac12 \sum_j (1 + \log 2\pi + \log\sigma_j^2)

    Parameters: ``logvar`` of shape (batch, latent_dim).
    Returns: shape (batch,), in nats, summed over latent_dim.
    References: Cover & Thomas 2006, Elements of Information Theory, Theorem 8.4.1.

    >>> entropy(torch.zeros(1, 2))  # log(2 pi e)
    tensor([2.8379])
    """
    return 0.5 * (1 + LOG_2PI + logvar).sum(-1)


# ----------------------------------------------------------------------------------------------- sampling


def reparameterize(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    r"""Draw from a diagonal Gaussian so that gradients reach its parameters.

    .. math:: z = \mu + \sigma \odot \epsilon, \quad \sigma = e^{\log\sigma^2 / 2}, \; \epsilon \sim N(0, I)

    Parameters: ``mu``, ``logvar`` of shape (batch, latent_dim); ``generator`` draws epsilon
    (None: torch's own).
    Returns: one ``z`` per example, shape (batch, latent_dim).
    Raises: ValueError if the shapes differ; the message gives both.
    References: Kingma & Welling 2014, arXiv:1312.6114, Section 2.4; Rezende et al. 2014, arXiv:1401.4082.

    >>> reparameterize(torch.tensor([[1.0, 2.0]]), torch.full((1, 2), -200.0))  # almost no noise
    tensor([[1., 2.]])
    """
    require_same_shape(mu=mu, logvar=logvar)
    eps = draw_standard_normal(mu.shape, mu, generator)
    return mu + (0.5 * logvar).exp() * eps


def draw_standard_normal(shape: tuple[int, ...], like: Tensor, generator: Generator | None = None) -> Tensor:
    """Draw independent N(0, 1) numbers of ``shape``, with the dtype and on the device of ``like``.

    A generator draws on its own device, so one seeded on the CPU serves a model on an accelerator too.

    >>> draw_standard_normal((2, 3), torch.zeros(1, dtype=torch.float64)).dtype
    torch.float64
    """
    source = like.device if generator is None else generator.device
    return torch.randn(shape, generator=generator, dtype=like.dtype, device=source).to(like.device)


# --------------------------------------------------------------------------------------------- divergences


def kl_univariate(
    mu1: Tensor | float, sigma1: Tensor | float, mu2: Tensor | float, sigma2: Tensor | float
) -> Tensor:
    r"""KL divergence between one-dimensional Gaussians, element-wise.

    .. math:: D_{KL}\big(N(\mu_1, \sigma_1^2) \,\|\, N(\mu_2, \sigma_2^2)\big)
              = \log\frac{\sigma_2}{\sigma_1} + \frac{\sigma_1^2 + (\mu_1 - \mu_2)^2}{2\sigma_2^2} - \tfrac12

    Parameters: means and standard deviations (> 0), tensors that broadcast, or numbers.
    Returns: their broadcast shape, in nats, never negative.
    References: Bishop 2006, Pattern Recognition and Machine Learning, exercise 1.30.

    >>> kl_univariate(torch.tensor([0.0, 1.0]), 1.0, 0.0, 1.0)
    tensor([0.0000, 0.5000])
    """
    mu1, sigma1, mu2, sigma2 = as_tensors(mu1, sigma1, mu2, sigma2)
    log_ratio = sigma1.log() - sigma2.log()
    return 0.5 * (_variance_penalty(2 * log_ratio) + ((mu1 - mu2) / sigma2) ** 2)


def kl_standard_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    r"""KL divergence from a diagonal Gaussian to the prior N(0, I), per example: the VAE's KL term.

    .. math:: D_{KL} = \tfrac12 \sum_j (\mu_j^2 + \sigma_j^2 - 1 - \log\sigma_j^2)

    Parameters: ``mu``, ``logvar`` of shape (batch, latent_dim).
    Returns: shape (batch,), in nats, summed over latent_dim and not averaged, never negative.
    Raises: ValueError if the shapes differ; the message gives both.
    References: Kingma & Welling 2014, arXiv:1312.6114, Appendix B.

    >>> kl_standard_normal(torch.ones(2, 3), torch.zeros(2, 3))
    tensor([1.5000, 1.5000])
    """
    return kl_standard_normal_per_dim(mu, logvar).sum(-1)


def kl_standard_normal_per_dim(mu: Tensor, logvar: Tensor) -> Tensor:
    r"""What each latent dimension adds to `kl_standard_normal`: a dimension at 0 carries nothing about x.

    .. math:: \tfrac12 (\mu_j^2 + \sigma_j^2 - 1 - \log\sigma_j^2)

    Parameters: ``mu``, ``logvar`` of shape (batch, latent_dim).
    Returns: shape (batch, latent_dim), in nats, never negative.
    Raises: ValueError if the shapes differ; the message gives both.

    >>> kl_standard_normal_per_dim(torch.tensor([[2.0, 0.0]]), torch.zeros(1, 2))
    tensor([[2., 0.]])
    """
    require_same_shape(mu=mu, logvar=logvar)
    return 0.5 * (mu**2 + _variance_penalty(logvar))


def kl_diagonal(mu1: Tensor, logvar1: Tensor, mu2: Tensor, logvar2: Tensor) -> Tensor:
    r"""KL divergence between two Gaussians with diagonal covariances, per example.

    .. math:: D_{KL} = \tfrac12 \sum_j \Big(\frac{\sigma_{1j}^2}{\sigma_{2j}^2} - 1
              - \log\frac{\sigma_{1j}^2}{\sigma_{2j}^2} + \frac{(\mu_{1j} - \mu_{2j})^2}{\sigma_{2j}^2}\Big)

    Parameters: four tensors of shape (batch, latent_dim).
    Returns: shape (batch,), in nats, summed over latent_dim, never negative.
    Raises: ValueError if the shapes differ; the message gives all four.
    References: Duchi 2007, Derivations for Linear Algebra and Optimization.

    >>> kl_diagonal(torch.zeros(1, 2), torch.zeros(1, 2), torch.full((1, 2), 3.0), torch.zeros(1, 2))
    tensor([9.])
    """
    require_same_shape(mu1=mu1, logvar1=logvar1, mu2=mu2, logvar2=logvar2)
    return 0.5 * (_variance_penalty(logvar1 - logvar2) + _standardise(mu1 - mu2, logvar2) ** 2).sum(-1)


def kl_full_covariance(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    r"""KL divergence between two Gaussians with full covariances, per example.

    .. math:: D_{KL} = \tfrac12 \Big(\operatorname{tr}(\Sigma_2^{-1}\Sigma_1) - D
              + \log\frac{\det\Sigma_2}{\det\Sigma_1}
              + (\mu_1 - \mu_2)^\top \Sigma_2^{-1} (\mu_1 - \mu_2)\Big)

    With :math:`\Sigma_i = L_i L_i^\top` and :math:`M = L_2^{-1} L_1` (lower triangular) the trace is the sum
    of all squares of M and the log-determinants sit on its diagonal, so no inverse and no determinant is
    formed: the determinant of a 40-dimensional covariance of scale 1e-10 is 1e-400, which no float holds.

    Parameters: ``mu1``, ``mu2`` of shape (batch, dim); ``cov1``, ``cov2``, the covariances themselves and not
    their factors, of shape (batch, dim, dim).
    Returns: shape (batch,), in nats, never negative.
    Raises: ValueError if the shapes do not fit, or a covariance is not symmetric positive definite (to the
    precision of its dtype).
    References: Duchi 2007, Derivations for Linear Algebra and Optimization; Higham 2002, Accuracy
    and Stability of Numerical Algorithms, chapters 8 and 10 (triangular solves, Cholesky).

    >>> mu, cov = torch.zeros(1, 2), torch.tensor([[[2.0, 1.0], [1.0, 2.0]]])
    >>> kl_full_covariance(mu, cov, mu, torch.eye(2)[None])  # (4 - 2 - log 3) / 2
    tensor([0.4507])
    """
    require_same_shape(mu1=mu1, mu2=mu2)
    factor1, factor2 = _cholesky("cov1", cov1, mu1), _cholesky("cov2", cov2, mu2)
    # M = L2^{-1} L1  and  y = L2^{-1} (mu1 - mu2), both by forward substitution
    m = torch.linalg.solve_triangular(factor2, factor1, upper=False)  # (batch, dim, dim)
    y = torch.linalg.solve_triangular(factor2, (mu1 - mu2).unsqueeze(-1), upper=False).squeeze(-1)
    # tr(Sigma2^{-1} Sigma1) - D - log det M^2 = sum_{i>j} M_ij^2 + sum_i (M_ii^2 - 1 - log M_ii^2)
    log_diagonal = factor1.diagonal(dim1=-2, dim2=-1).log() - factor2.diagonal(dim1=-2, dim2=-1).log()
    below = m.tril(-1).square().sum((-2, -1))
    return 0.5 * (below + (_variance_penalty(2 * log_diagonal) + y**2).sum(-1))


def kl_monte_carlo(
    mu1: Tensor | float,
    sigma1: Tensor | float,
    mu2: Tensor | float,
    sigma2: Tensor | float,
    n: int,
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Estimate the KL divergence between one-dimensional Gaussians from samples, with its standard error.

    .. math:: \widehat{D} = \frac1n \sum_i \log\frac{q(x_i)}{p(x_i)}, \quad x_i \sim q = N(\mu_1, \sigma_1^2),
              \qquad \mathrm{SE} = \frac{s}{\sqrt n}

    Parameters: means and standard deviations, tensors that broadcast, or numbers; ``n`` >= 2 draws.
    Returns: ``(estimate, standard_error)`` in nats, each of the broadcast shape; s is the sample standard
    deviation of the n log ratios.
    Raises: ValueError if n < 2, when a standard error does not exist.

    >>> estimate, error = kl_monte_carlo(0.0, 1.0, 1.0, 1.0, 10_000, torch.Generator().manual_seed(0))
    >>> bool((estimate - 0.5).abs() < 4 * error)
    True
    """
    if n < 2:
        raise ValueError(f"a standard error needs n >= 2 samples, got n = {n}")
    mu1, sigma1, mu2, sigma2 = torch.broadcast_tensors(*as_tensors(mu1, sigma1, mu2, sigma2))
    eps = draw_standard_normal((n, *mu1.shape), mu1, generator)
    # log q(x)/p(x) at x = mu1 + sigma1 eps, without forming x, which would lose the digits of a tiny sigma1
    log_ratio = sigma2.log() - sigma1.log() + 0.5 * (((mu1 - mu2 + sigma1 * eps) / sigma2) ** 2 - eps**2)
    return log_ratio.mean(0), log_ratio.std(0) / math.sqrt(n)


# ------------------------------------------------------------------------------------------ numerical parts


def _variance_penalty(log_ratio: Tensor) -> Tensor:
    """Compute r - 1 - log r from log r: expm1 keeps it from turning negative near r = 1, and exact at 1."""
    return torch.expm1(log_ratio) - log_ratio


def _standardise(difference: Tensor, logvar: Tensor) -> Tensor:
    """Divide by exp(logvar / 2) in two steps: exp(100) is infinite in float32, and 0 * inf is NaN."""
    root = (-0.25 * logvar).exp()
    return difference * root * root


def _cholesky(name: str, covariance: Tensor, mu: Tensor) -> Tensor:
    """Lower Cholesky factor of a batch of covariances; anything else is refused by name."""
    expected = (*mu.shape, mu.shape[-1])
    if tuple(covariance.shape) != expected:
        raise ValueError(
            f"{name} must have shape {expected} beside means of shape {tuple(mu.shape)}, "
            f"got {tuple(covariance.shape)}"
        )
    # Cholesky reads only the lower triangle: a factor passed by mistake would slip through
    if ((covariance - covariance.mT).abs() > 1e-3 * covariance.abs().amax((-2, -1), keepdim=True)).any():
        raise ValueError(f"{name} is not symmetric; pass the covariance itself, not its Cholesky factor")
    factor, info = torch.linalg.cholesky_ex(covariance)
    if info.any():
        example = int(info.ne(0).flatten().nonzero()[0])
        raise ValueError(f"{name} is not positive definite in {covariance.dtype} (example {example})")
    return factor
