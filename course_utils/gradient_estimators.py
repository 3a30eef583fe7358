r"""Monte-Carlo estimators of the gradient of an expectation with respect to what is sampled from.

The target is :math:`\nabla_{\mu, \sigma}\, E_{z \sim N(\mu, \sigma^2)}[f(z)]`; ``sigma`` is a standard
deviation. Written for scalars, as lecture 5 teaches them; ``mu`` and ``sigma`` may also be (dim,), with f
taking (n, dim) to (n,). All three estimators are unbiased; they differ in variance and in what they ask of f.
"""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from course_utils._arguments import require_same_shape
from course_utils.gaussian import draw_standard_normal

__all__ = [
    "gumbel_softmax",
    "pathwise_gradient",
    "score_function_gradient",
    "score_function_with_baseline",
]

Objective = Callable[[Tensor], Tensor]


def score_function_gradient(
    f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator | None = None
) -> tuple[Tensor, Tensor]:
    r"""Score-function (REINFORCE) estimate: f is only evaluated, and need not be differentiable.

    .. math:: \nabla E[f(z)] = E[f(z)\, \nabla \log q(z)], \qquad
              \partial_\mu \log q = \frac{\epsilon}{\sigma}, \quad
              \partial_\sigma \log q = \frac{\epsilon^2 - 1}{\sigma}, \quad \epsilon = \frac{z - \mu}{\sigma}

    Parameters: ``f`` takes n draws, (n,), to n values, (n,); ``mu``, ``sigma`` 0-d; ``n`` draws.
    Returns: ``(d/dmu, d/dsigma)``, 0-d and detached: means over the n draws.
    Raises: ValueError if the shapes do not fit.
    References: Williams 1992, Machine Learning 8, 229-256; Mohamed et al. 2020, arXiv:1906.10652, Section 4.

    >>> mu, sigma = torch.tensor(1.0), torch.tensor(0.5)  # E[z^2] = mu^2 + sigma^2
    >>> d_mu, d_sigma = score_function_gradient(lambda z: z**2, mu, sigma, 100_000)
    >>> bool((d_mu - 2).abs() < 0.2), bool((d_sigma - 1).abs() < 0.2)  # > 10 standard errors
    (True, True)
    """
    values, score_mu, score_sigma = _values_and_scores(f, mu, sigma, n, generator)
    return _mean_product(values, score_mu), _mean_product(values, score_sigma)


def score_function_with_baseline(
    f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator | None = None
) -> tuple[Tensor, Tensor]:
    r"""Score-function estimate with a leave-one-out baseline: less variance, and still unbiased.

    .. math:: \frac1n \sum_i \big(f(z_i) - b_i\big) \nabla\log q(z_i), \qquad
              b_i = \frac{1}{n - 1} \sum_{j \ne i} f(z_j)

    The baseline of a draw is made from the *other* draws. It is then independent of the score that it
    multiplies, whose mean is zero; the mean over all n, this draw included, would shrink the gradient by
    the factor 1 - 1/n.

    Parameters: as for `score_function_gradient`, with ``n`` >= 2.
    Returns: ``(d/dmu, d/dsigma)``, 0-d and detached.
    Raises: ValueError if n < 2, when there is no other draw, or if the shapes do not fit.
    References: Kool et al. 2019, Buy 4 REINFORCE samples, get a baseline for free!; Mnih & Rezende 2016,
    arXiv:1602.06725; Williams 1992, Machine Learning 8, 229-256.

    >>> mu, sigma = torch.tensor(1.0), torch.tensor(0.5)
    >>> d_mu, _ = score_function_with_baseline(lambda z: z + 1000.0, mu, sigma, 100_000)
    >>> bool((d_mu - 1).abs() < 0.05)  # over ten standard errors; one is 6 without the baseline
    True
    """
    if n < 2:
        raise ValueError(f"a leave-one-out baseline needs n >= 2 draws, got n = {n}")
    values, score_mu, score_sigma = _values_and_scores(f, mu, sigma, n, generator)
    # b_i = (sum_j f_j - f_i) / (n - 1), hence f_i - b_i = n / (n - 1) (f_i - mean f)
    advantage = (values - values.mean()) * (n / (n - 1))
    return _mean_product(advantage, score_mu), _mean_product(advantage, score_sigma)


def pathwise_gradient(
    f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator | None = None
) -> tuple[Tensor, Tensor]:
    r"""Pathwise (reparameterisation) estimate: differentiate f along the draw.

    .. math:: \nabla E[f(z)] = E_{\epsilon \sim N(0, 1)}\big[f'(z)\, \nabla z\big], \quad
              z = \mu + \sigma\epsilon, \quad \partial_\mu z = 1, \quad \partial_\sigma z = \epsilon

    Parameters: as for `score_function_gradient`, but ``f`` must be differentiable by autograd.
    Returns: ``(d/dmu, d/dsigma)``, 0-d and detached.
    Raises: ValueError if the shapes do not fit.
    References: Kingma & Welling 2014, arXiv:1312.6114; Rezende et al. 2014, arXiv:1401.4082.

    >>> mu, sigma = torch.tensor(1.0), torch.tensor(0.5)
    >>> pathwise_gradient(lambda z: 3 * z, mu, sigma, 4)[0]
    tensor(3.)
    """
    require_same_shape(mu=mu, sigma=sigma)
    eps = draw_standard_normal((n, *mu.shape), mu, generator)
    with torch.enable_grad():
        mu, sigma = mu.detach().requires_grad_(), sigma.detach().requires_grad_()
        mean = _evaluate(f, mu + sigma * eps).mean()
        d_mu, d_sigma = torch.autograd.grad(mean, (mu, sigma))
    return d_mu, d_sigma


def gumbel_softmax(logits: Tensor, temperature: float, generator: Generator | None = None) -> Tensor:
    r"""Draw from the relaxed categorical (Concrete) distribution; differentiable in the logits.

    .. math:: y = \operatorname{softmax}\Big(\frac{l + g}{\tau}\Big), \qquad g_k = -\log e_k, \quad e_k \sim
              \mathrm{Exponential}(1) \quad\text{(standard Gumbel)}

    The largest entry is at k with probability softmax(logits)_k at *every* temperature; as the temperature
    goes to 0 the draw becomes one-hot, and the variance of its gradient grows.

    Parameters: ``logits`` of shape (batch, n_classes); ``temperature`` tau > 0.
    Returns: shape (batch, n_classes), rows on the simplex.
    Raises: ValueError if the temperature is not positive.
    References: Jang et al. 2017, arXiv:1611.01144, eq. (2); Maddison et al. 2017, arXiv:1611.00712.

    >>> y = gumbel_softmax(torch.zeros(5, 3), 0.5)
    >>> torch.allclose(y.sum(1), torch.ones(5))
    True
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    source = logits.device if generator is None else generator.device
    exponential = torch.empty_like(logits, device=source).exponential_(generator=generator)
    return ((logits - exponential.log().to(logits.device)) / temperature).softmax(-1)


def _values_and_scores(
    f: Objective, mu: Tensor, sigma: Tensor, n: int, generator: Generator | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw n times: f(z) of shape (n,), and the scores d log q / dmu, d log q / dsigma of shape (n, ...)."""
    require_same_shape(mu=mu, sigma=sigma)
    with torch.no_grad():
        eps = draw_standard_normal((n, *mu.shape), mu, generator)
        return _evaluate(f, mu + sigma * eps), eps / sigma, (eps**2 - 1) / sigma


def _evaluate(f: Objective, z: Tensor) -> Tensor:
    values = f(z)
    if values.shape != z.shape[:1]:
        raise ValueError(
            f"f must give one value per draw, shape {tuple(z.shape[:1])}, got {tuple(values.shape)}"
        )
    return values


def _mean_product(values: Tensor, score: Tensor) -> Tensor:
    return torch.einsum("n,n...->...", values, score) / len(values)
