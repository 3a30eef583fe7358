r"""Two models whose posterior and evidence are exact: the ground truth beside every estimate.

The linear-Gaussian model, all scalar per example:

.. math:: z \sim N(0, 1), \qquad x = w z + b + \text{noise}, \qquad \text{noise} \sim N(0, \text{noise\_var})

and the mixture of one-dimensional Gaussians, on which EM is coordinate ascent on the ELBO. For both,
:math:`\log p(x) = \mathrm{ELBO} + D_{KL}(q(z) \,\|\, p(z|x))` holds to rounding. Everything is in nats.
"""

import torch
from torch import Tensor

from course_utils._arguments import as_tensors, require_same_shape
from course_utils.gaussian import kl_univariate, log_density_univariate

Scalar = Tensor | float


def optimal_gaussian_posterior(x: Tensor, w: Scalar, b: Scalar, noise_var: Scalar) -> tuple[Tensor, Tensor]:
    r"""Exact posterior of the linear-Gaussian model: the q at which the ELBO is log p(x).

    .. math:: p(z|x) = N\Big(\frac{w (x - b)}{w^2 + \text{noise\_var}},\;
              \frac{\text{noise\_var}}{w^2 + \text{noise\_var}}\Big)

    Parameters: ``x`` of shape (batch,); ``w``, ``b``, ``noise_var`` (a variance, > 0) 0-d, (batch,)
    or numbers.
    Returns: ``(mean, var)``: mean (batch,), and the *variance*, of the shape of ``w`` and ``noise_var``.
    References: Bishop 2006, Pattern Recognition and Machine Learning, eq. (2.116).

    >>> optimal_gaussian_posterior(torch.tensor([3.0]), 1.0, 1.0, 1.0)
    (tensor([1.]), tensor(0.5000))
    """
    x, w, b, noise_var = as_tensors(x, w, b, noise_var)
    total = w**2 + noise_var
    return w * (x - b) / total, noise_var / total


def linear_gaussian_log_evidence(x: Tensor, w: Scalar, b: Scalar, noise_var: Scalar) -> Tensor:
    r"""Exact log evidence of the linear-Gaussian model, element-wise.

    .. math:: \log p(x) = \log N(x;\, b,\, w^2 + \text{noise\_var})

    Parameters: as for `optimal_gaussian_posterior`.
    Returns: shape (batch,), in nats.
    References: Bishop 2006, Pattern Recognition and Machine Learning, eq. (2.115).

    >>> linear_gaussian_log_evidence(torch.tensor([1.0]), 2.0, 1.0, 5.0)  # -log(18 pi) / 2
    tensor([-2.0176])
    """
    return log_density_univariate(x, b, (w**2 + noise_var) ** 0.5)


def linear_gaussian_log_joint(x: Tensor, z: Tensor, w: Scalar, b: Scalar, noise_var: Scalar) -> Tensor:
    r"""Log joint density of the linear-Gaussian model, element-wise.

    .. math:: \log p(x, z) = \log N(x;\, w z + b,\, \text{noise\_var}) + \log N(z;\, 0, 1)

    Parameters: ``x`` and ``z`` of shapes that broadcast; the rest as for `optimal_gaussian_posterior`.
    Returns: the broadcast shape of ``x`` and ``z``, in nats.

    >>> linear_gaussian_log_joint(torch.tensor(1.0), torch.zeros(2), 2.0, 1.0, 1.0)  # -log(2 pi)
    tensor([-1.8379, -1.8379])
    """
    return log_density_univariate(x, w * z + b, noise_var**0.5) + log_density_univariate(z, 0.0, 1.0)


def linear_gaussian_elbo(
    x: Tensor, q_mean: Scalar, q_var: Scalar, w: Scalar, b: Scalar, noise_var: Scalar
) -> Tensor:
    r"""Exact ELBO of a Gaussian q in the linear-Gaussian model, element-wise.

    .. math:: \mathrm{ELBO} = \log N(x;\, w m + b,\, \text{noise\_var}) - \frac{w^2 v}{2\, \text{noise\_var}}
              - D_{KL}\big(N(m, v) \,\|\, N(0, 1)\big)

    Parameters: ``q_mean`` m and ``q_var`` v (a variance) 0-d, (batch,) or numbers; the rest as for
    `optimal_gaussian_posterior`.
    Returns: shape (batch,), in nats.
    References: Bishop 2006, Pattern Recognition and Machine Learning, Section 9.4 (the decomposition).

    >>> x, model = torch.tensor([3.0]), (1.0, 1.0, 1.0)
    >>> mean, var = optimal_gaussian_posterior(x, *model)
    >>> linear_gaussian_elbo(x, mean, var, *model), linear_gaussian_log_evidence(x, *model)
    (tensor([-2.2655]), tensor([-2.2655]))
    """
    x, q_mean, q_var, w, b, noise_var = as_tensors(x, q_mean, q_var, w, b, noise_var)
    # E_q (x - w z - b)^2 = (x - w m - b)^2 + w^2 v
    at_mean = log_density_univariate(x, w * q_mean + b, noise_var**0.5)
    log_likelihood = at_mean - w**2 * q_var / (2 * noise_var)
    return log_likelihood - kl_univariate(q_mean, q_var**0.5, 0.0, 1.0)


def em_step(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r"""Run one step of expectation maximisation for a mixture of one-dimensional Gaussians.

    E step: given the parameters, the best q is the posterior, the responsibilities

    .. math:: r_{nk} = \frac{\pi_k N(x_n; \mu_k, \sigma_k^2)}{\sum_j \pi_j N(x_n; \mu_j, \sigma_j^2)}

    M step: given q, the best parameters are, with :math:`N_k = \sum_n r_{nk}`,

    .. math:: \pi_k = \frac{N_k}{N}, \qquad \mu_k = \frac{1}{N_k} \sum_n r_{nk} x_n, \qquad
              \sigma_k^2 = \frac{1}{N_k} \sum_n r_{nk} (x_n - \mu_k)^2

    The log-likelihood never falls. A component that settles on a single point ends with ``std`` 0: that is
    the likelihood's own singularity, and nothing here hides it.

    Parameters: ``x`` of shape (n_examples,); ``weights`` (positive, summing to 1), ``means`` and ``stds``
    (standard deviations) of shape (n_components,).
    Returns: new ``(weights, means, stds)``; the variance is taken around the *new* means.
    Raises: ValueError if the shapes do not fit; the message gives them.
    References: Neal & Hinton 1998, A view of the EM algorithm that justifies incremental, sparse, and other
    variants; Bishop 2006, Pattern Recognition and Machine Learning, Section 9.2.2.

    >>> x = torch.tensor([-5.0, -3.0, 3.0, 5.0])
    >>> em_step(x, torch.tensor([0.5, 0.5]), torch.tensor([-4.0, 4.0]), torch.ones(2))
    (tensor([0.5000, 0.5000]), tensor([-4.,  4.]), tensor([1., 1.]))
    """
    require_same_shape(weights=weights, means=means, stds=stds)
    if x.dim() != 1 or means.dim() != 1:
        raise ValueError(f"expected 1-D x and components, got {tuple(x.shape)} and {tuple(means.shape)}")
    x = x.unsqueeze(1)  # (n_examples, 1), against components (n_components,)
    log_r = torch.log_softmax(weights.log() + log_density_univariate(x, means, stds), dim=1)
    # r_nk / N_k is a softmax over the examples: no division by an N_k that has underflowed to zero
    share = log_r.softmax(dim=0)  # (n_examples, n_components), columns sum to 1
    new_weights = log_r.exp().mean(0)
    new_means = (share * x).sum(0)
    new_stds = (share * (x - new_means) ** 2).sum(0).sqrt()
    return new_weights, new_means, new_stds
