r"""How good samples are as a whole, measured between two clouds of features: real and generated.

For images the features are those of `feature_net`; any other table (n, dim) will do, such
as the points of a toy set themselves. Compare only numbers made with the same features and the same number of
samples: all three depend on both.
"""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["PrecisionRecall", "frechet_distance", "precision_recall"]

CHUNK = 512  # rows of a table of distances held at a time
EXACT = (
    "donot_use_mm_for_euclid_dist"  # the faster way, by a matrix product, loses the digits of small distances
)


def frechet_distance(features_a: Tensor, features_b: Tensor) -> float:
    r"""Frechet distance between the Gaussians that have the means and covariances of two clouds.

    .. math:: d^2 = \lVert\mu_a - \mu_b\rVert^2
              + \operatorname{tr}\big(\Sigma_a + \Sigma_b - 2 (\Sigma_a^{1/2} \Sigma_b \Sigma_a^{1/2})^{1/2}\big)

    (As usual for this metric, it is the square that is reported.) It falls when samples get better *or* more
    varied and cannot tell which; see `precision_recall`. Means and covariances are all it sees. Two samples of
    one distribution do not have distance 0: it is too high by an amount that falls as 1/n, so both clouds need
    many more rows than columns.

    With centred tables, scaled so that :math:`A^\top A = \Sigma_a`, :math:`B^\top B = \Sigma_b`, the trace of the root
    is the sum of the singular values of :math:`A B^\top`, or of the triangular factors of A and B. So no square
    root of a covariance, which may be singular, is taken, and half the digits are not lost. This is why no
    library is used: torchmetrics' FrechetInceptionDistance accepts a feature network of one's own too, but
    takes the root through eigenvalues of the unsymmetric :math:`\Sigma_a\Sigma_b`, and would be two more packages
    for ten lines.

    Parameters: ``features_a``, ``features_b`` of shape (n, dim) and (m, dim), n, m >= 2.
    Returns: >= 0, in the squared units of the features, computed in float64.
    Raises: ValueError if the shapes do not fit or a feature is not finite.
    References: Heusel et al. 2017, arXiv:1706.08500, eq. (6); Dowson & Landau 1982, The Frechet distance between
    multivariate normal distributions; Chong & Forsyth 2020, arXiv:1911.07023 (its bias).

    >>> cloud = torch.tensor([[0.0], [2.0]])  # mean 1, variance 2
    >>> round(frechet_distance(cloud, 3 * cloud), 6)  # (3 - 1)^2 + (sqrt(18) - sqrt(2))^2
    12.0
    """
    features_a, features_b = _clouds(features_a, features_b, at_least=2)
    mean_a, mean_b = features_a.mean(0), features_b.mean(0)
    a, b = (
        (features_a - mean_a) / (len(features_a) - 1) ** 0.5,
        (features_b - mean_b) / (len(features_b) - 1) ** 0.5,
    )
    # A = Q R with Q^T Q = I: R has A's covariance, and only dim rows
    r_a, r_b = torch.linalg.qr(a, mode="r").R, torch.linalg.qr(b, mode="r").R
    cross = torch.linalg.svdvals(r_a @ r_b.T).sum()
    squared = (mean_a - mean_b).square().sum() + a.square().sum() + b.square().sum() - 2 * cross
    return max(0.0, squared.item())


class PrecisionRecall(NamedTuple):
    """Share of the generated samples that look real, and share of the real ones that could be generated."""

    precision: float
    recall: float


def precision_recall(features_real: Tensor, features_fake: Tensor, k: int = 3) -> PrecisionRecall:
    r"""Improved precision and recall: the shares of either cloud that lie inside the region of the other.

    A cloud's region is the union of balls around its points, each reaching to the point's k-th nearest
    neighbour in the same cloud:

    .. math:: f(x, \Phi) = 1 \text{ if } \lVert x - x'\rVert \le \lVert x' - \mathrm{NN}_k(x', \Phi)\rVert
              \text{ for some } x' \in \Phi, \text{ else } 0

    Precision is the mean of f(fake, real cloud): fidelity. Recall is the mean of f(real, fake cloud): coverage.
    Blurred or noisy samples lose precision, missing modes lose recall. For two samples of one distribution both
    lie somewhat below 1, by how much depends on k and n; one outlier in a cloud makes a large ball.

    Parameters: ``features_real`` (n, dim), ``features_fake`` (m, dim); ``k`` >= 1, less than n and m. A point is
    not its own neighbour. Time grows as (n + m)^2; memory does not.
    Returns: `PrecisionRecall`, both in [0, 1].
    Raises: ValueError if the shapes do not fit, a feature is not finite, or there are too few rows for k.
    References: Kynkäänniemi et al. 2019, arXiv:1904.06991, eq. (1) and (2).

    >>> real, fake = torch.tensor([[0.0], [1.0], [5.0], [6.0]]), torch.tensor([[0.0], [0.5]])
    >>> precision_recall(real, fake, k=1)
    PrecisionRecall(precision=1.0, recall=0.5)
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    real, fake = _clouds(features_real, features_fake, at_least=k + 1)
    return PrecisionRecall(precision=_share_inside(fake, real, k), recall=_share_inside(real, fake, k))


def _share_inside(points: Tensor, cloud: Tensor, k: int) -> float:
    # the nearest of all is the point itself, at distance 0, so the k-th neighbour is the (k + 1)-th smallest
    radius = torch.cat([_distances(part, cloud).kthvalue(k + 1, dim=1).values for part in cloud.split(CHUNK)])
    inside = torch.cat([(_distances(part, cloud) <= radius).any(1) for part in points.split(CHUNK)])
    return inside.double().mean().item()


def _distances(a: Tensor, b: Tensor) -> Tensor:
    return torch.cdist(a, b, compute_mode=EXACT)


def _clouds(a: Tensor, b: Tensor, at_least: int) -> tuple[Tensor, Tensor]:
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < at_least:
        raise ValueError(
            f"expected features (n, dim) and (m, dim) with {at_least} rows or more, got {tuple(a.shape)} "
            f"and {tuple(b.shape)}"
        )
    if not (a.isfinite().all() and b.isfinite().all()):
        raise ValueError("features must be finite")
    return a.detach().cpu().double(), b.detach().cpu().double()
