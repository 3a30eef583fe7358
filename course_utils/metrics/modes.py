"""Mode coverage on toy data whose modes are known: how many were found, and how much misses them all."""

import torch
from torch import Tensor

__all__ = ["count_modes", "high_quality_share"]

EXACT = (
    "donot_use_mm_for_euclid_dist"  # the faster way, by a matrix product, loses the digits of small distances
)


def count_modes(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> int:
    """Count the modes that samples reach: those with ``min_count`` samples or more within ``radius``.

    A sample within reach of two centres counts for both; choose a radius below half their distance.

    Parameters: ``samples`` (n, dim); ``centres`` (n_modes, dim); ``radius`` >= 0, Euclidean, in the units of
    the samples (three standard deviations of a mode are usual); ``min_count`` >= 1.
    Returns: a number from 0 to n_modes.
    Raises: ValueError if the shapes do not fit or a setting is out of range.
    References: Che et al. 2017, arXiv:1612.02136, and Srivastava et al. 2017, VEEGAN, arXiv:1705.07761,
    Section 5 (modes captured, on a ring and a grid of Gaussians).

    >>> count_modes(torch.tensor([[0.0], [0.1], [5.0]]), torch.tensor([[0.0], [5.0]]), 0.3, min_count=2)
    1
    """
    if min_count < 1:
        raise ValueError(f"min_count must be at least 1, got {min_count}")
    return int((_within(samples, centres, radius).sum(0) >= min_count).sum())


def high_quality_share(samples: Tensor, centres: Tensor, radius: float) -> float:
    """Share of the samples that lie within ``radius`` of some centre.

    Parameters and raises: as for `count_modes`; there must be a sample.
    Returns: in [0, 1]. Of a two-dimensional Gaussian 0.9889 lies within three standard deviations.
    References: Srivastava et al. 2017, VEEGAN, arXiv:1705.07761, Section 5 (high-quality samples).

    >>> high_quality_share(torch.tensor([[0.0], [0.1], [5.0], [2.0]]), torch.tensor([[0.0], [5.0]]), 0.3)
    0.75
    """
    near = _within(samples, centres, radius)
    if len(near) == 0:
        raise ValueError("a share of no samples does not exist")
    return near.any(1).double().mean().item()


def _within(samples: Tensor, centres: Tensor, radius: float) -> Tensor:
    """Say which samples lie within the radius of which centres, (n, n_modes)."""
    if samples.dim() != 2 or centres.dim() != 2 or samples.shape[1] != centres.shape[1]:
        raise ValueError(
            f"expected samples (n, dim) and centres (n_modes, dim), got {tuple(samples.shape)} "
            f"and {tuple(centres.shape)}"
        )
    if not radius >= 0:
        raise ValueError(f"radius must not be negative, got {radius}")
    return torch.cdist(samples.detach(), centres.to(samples), compute_mode=EXACT) <= radius
