r"""What the games measure, for densities tabulated on a grid: the truth that trained networks are held against.

Densities are given at points of one increasing grid, and integrals are trapezoidal sums, exact enough for smooth
densities whose mass lies inside it.
"""

import torch
from torch import Tensor

from course_utils.adversarial.losses import optimal_discriminator

__all__ = [
    "jensen_shannon",
    "kl_on_grid",
    "value_at_optimum",
    "value_on_grid",
    "wasserstein_on_grid",
]


def kl_on_grid(p: Tensor, q: Tensor, grid: Tensor) -> Tensor:
    r"""KL divergence between two densities on a line.

    .. math:: D_{KL}(p \| q) = \int p(x) \log\frac{p(x)}{q(x)}\, dx

    Parameters: densities ``p``, ``q`` at the points of ``grid``, all (n_grid,).
    Returns: 0-d, in nats; infinite where p has mass and q has none.
    Raises: ValueError if the shapes differ, or the grid does not increase.
    References: Cover & Thomas 2006, Elements of Information Theory, eq. (8.46).

    >>> grid = torch.linspace(0, 1, 1001)
    >>> kl_on_grid(2 * grid, torch.ones(1001), grid)  # log 2 - 1/2
    tensor(0.1931)
    """
    _require_grid(p, q, grid)
    return torch.trapezoid(torch.xlogy(p, p) - torch.xlogy(p, q), grid)


def jensen_shannon(p: Tensor, q: Tensor, grid: Tensor) -> Tensor:
    r"""Jensen-Shannon divergence: how much a point tells about which of the two it came from.

    .. math:: JSD(p, q) = \tfrac12 D_{KL}(p \| m) + \tfrac12 D_{KL}(q \| m), \qquad m = \tfrac12 (p + q)

    Between 0 (equal) and log 2 (no overlap, however near or far: the reason why its gradient vanishes).

    Parameters: densities ``p``, ``q`` at the points of ``grid``, all (n_grid,).
    Returns: 0-d, in nats, in [0, log 2].
    Raises: ValueError if the shapes differ, or the grid does not increase.
    References: Lin 1991, https://doi.org/10.1109/18.61115; Goodfellow et al. 2014, arXiv:1406.2661, Theorem 1.

    >>> grid = torch.linspace(0, 2, 201)
    >>> jensen_shannon((grid < 1).float(), (grid > 1).float(), grid)  # log 2, up to the grid's width
    tensor(0.6897)
    """
    _require_grid(p, q, grid)
    m = 0.5 * (p + q)
    return 0.5 * (kl_on_grid(p, m, grid) + kl_on_grid(q, m, grid))


def value_on_grid(discriminator: Tensor, p: Tensor, q: Tensor, grid: Tensor) -> Tensor:
    r"""Value of the game for any discriminator, by quadrature instead of sampling.

    .. math:: V(D) = \int p(x) \log D(x) + q(x) \log(1 - D(x))\, dx

    Parameters: ``discriminator``, the probabilities D(x) in [0, 1], and the densities ``p`` and ``q`` of data
    and generator, at the points of ``grid``, all (n_grid,).
    Returns: 0-d, in nats.
    Raises: ValueError if the shapes differ, or the grid does not increase.
    References: Goodfellow et al. 2014, arXiv:1406.2661, eq. (3).

    >>> grid = torch.linspace(0, 1, 101)
    >>> value_on_grid(torch.full((101,), 0.5), torch.ones(101), 2 * grid, grid)  # -log 4, whatever p and q
    tensor(-1.3863)
    """
    _require_grid(discriminator, p, grid)
    _require_grid(p, q, grid)
    return torch.trapezoid(torch.xlogy(p, discriminator) + torch.xlogy(q, 1 - discriminator), grid)


def value_at_optimum(p: Tensor, q: Tensor, grid: Tensor) -> Tensor:
    r"""Value of the game against the best discriminator: :math:`V(D^*) = 2\, JSD(p, q) - \log 4`.

    Computed from :math:`D^* = p / (p + q)`, not from the divergence, so that the identity can be checked.

    Parameters, raises: as in :func:`value_on_grid`.
    Returns: 0-d, in nats, in [-log 4, 0].
    References: Goodfellow et al. 2014, arXiv:1406.2661, Theorem 1.

    >>> grid = torch.linspace(0, 1, 101)
    >>> value_at_optimum(torch.ones(101), torch.ones(101), grid)  # -log 4
    tensor(-1.3863)
    """
    _require_grid(p, q, grid)
    # D and 1 - D each as a ratio of its own: 1 - D* is lost to rounding where D* is near 1
    real, fake = optimal_discriminator(p, q), optimal_discriminator(q, p)
    return torch.trapezoid(torch.xlogy(p, real) + torch.xlogy(q, fake), grid)


def wasserstein_on_grid(p: Tensor, q: Tensor, grid: Tensor) -> Tensor:
    r"""Wasserstein-1 distance on a line: the area between the two distribution functions.

    .. math:: W_1(p, q) = \int |F_p(x) - F_q(x)|\, dx

    It grows with the distance between the two, overlap or not.

    Parameters: densities ``p``, ``q`` at the points of ``grid``, all (n_grid,).
    Returns: 0-d, in units of the grid.
    Raises: ValueError if the shapes differ, or the grid does not increase.
    References: Villani 2003, Topics in Optimal Transportation, Theorem 2.18 and remark 2.19.

    >>> grid = torch.linspace(-8, 8, 801)
    >>> density = lambda mean: torch.exp(-0.5 * (grid - mean) ** 2) / (2 * torch.pi) ** 0.5
    >>> wasserstein_on_grid(density(-1.0), density(2.0), grid)  # the shift
    tensor(3.)
    """
    _require_grid(p, q, grid)
    difference = torch.cumulative_trapezoid(p - q, grid)
    return torch.trapezoid(torch.cat([difference.new_zeros(1), difference]).abs(), grid)


def _require_grid(p: Tensor, q: Tensor, grid: Tensor) -> None:
    if grid.dim() != 1 or len(grid) < 2 or not (grid.diff() > 0).all():
        raise ValueError(f"grid must be 1-D and increasing, with two points or more, got {tuple(grid.shape)}")
    if p.shape != grid.shape or q.shape != grid.shape:
        shapes = f"{tuple(p.shape)}, {tuple(q.shape)} and {tuple(grid.shape)}"
        raise ValueError(f"densities and grid must have one shape, got {shapes}")
