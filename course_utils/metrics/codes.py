r"""What the codes of a data set look like from outside: how many dimensions work, and how independently."""

import math

import torch
from torch import Tensor

__all__ = ["active_units", "gaussian_total_correlation"]


def active_units(mu: Tensor, threshold: float = 0.01) -> int:
    r"""Count the latent dimensions whose posterior mean depends on the image.

    .. math:: A_j = \operatorname{Var}_x\big(\mu_j(x)\big) > \text{threshold}

    A dimension that has collapsed to the prior has the same posterior for every image, so its mean does not
    move. The threshold is in units of the prior's variance, 1.

    Parameters: ``mu`` of shape (n_examples, latent_dim), the posterior means of many images.
    Returns: a number from 0 to latent_dim.
    Raises: ValueError if ``mu`` is not such a matrix, with two examples or more.
    References: Burda et al. 2016, arXiv:1509.00519, Section 5.2.

    >>> active_units(torch.tensor([[0.0, 5.0, 0.01], [1.0, 5.0, 0.0]]))  # only the first moves
    1
    """
    _require_table(mu, "mu")
    return int((mu.double().var(0, correction=0) > threshold).sum())


def gaussian_total_correlation(codes: Tensor) -> float:
    r"""Total correlation of a Gaussian with the codes' covariance: how far they are from independent.

    .. math:: \mathrm{TC} = D_{KL}\Big(N(\mu, \Sigma) \,\Big\|\, \prod_j N(\mu_j, \Sigma_{jj})\Big)
              = \tfrac12 \Big(\sum_j \log \Sigma_{jj} - \log\det\Sigma\Big)

    Scale and order of the dimensions do not matter. It sees linear dependence only: 0 means uncorrelated, not
    independent. Constant dimensions are independent of everything, and left out.

    Parameters: ``codes`` of shape (n_examples, latent_dim): posterior means, or draws of z (whose noise
    hides part of the correlation of the means).
    Returns: in nats, >= 0; infinite where one dimension is a linear function of others (always so when there
    are no more examples than dimensions).
    Raises: ValueError if ``codes`` is not such a matrix, with two examples or more.
    References: Watanabe 1960, Information theoretical analysis of multivariate correlation; Locatello et al.
    2019, arXiv:1811.12359, Section 5.2 (this Gaussian version, on means and on draws).

    >>> gaussian_total_correlation(torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]))
    0.0
    """
    _require_table(codes, "codes")
    moving = codes[:, codes.amax(0) > codes.amin(0)].double()
    if moving.shape[1] < 2:
        return 0.0
    # with unit diagonal, TC = -log det(correlation) / 2; a huge or a tiny code loses no digits in it
    centred = moving - moving.mean(0)
    unit = centred / centred.norm(dim=0)
    eigenvalues = torch.linalg.eigvalsh(unit.T @ unit)
    if eigenvalues[0] <= len(eigenvalues) * torch.finfo(torch.float64).eps:
        return math.inf
    return max(0.0, -0.5 * eigenvalues.log().sum().item())  # rounding must not make it negative


def _require_table(values: Tensor, name: str) -> None:
    if values.dim() != 2 or len(values) < 2:
        raise ValueError(
            f"{name} must have shape (n_examples, latent_dim) with n_examples >= 2, got {tuple(values.shape)}"
        )
