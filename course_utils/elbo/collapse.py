"""Two cures for posterior collapse: let the KL term in slowly, or let it have a little for nothing."""

from torch import Tensor

__all__ = ["free_bits", "kl_annealing"]


def kl_annealing(step: int, warmup: int, beta: float = 1.0) -> float:
    """Weight of the KL term during training: a line from 0 at step 0 to ``beta`` at step ``warmup``, then flat.

    Parameters: ``step`` >= 0 counts optimiser steps; ``warmup`` >= 0 of them (0: no annealing).
    Returns: the weight, between 0 and ``beta``.
    Raises: ValueError if ``step`` or ``warmup`` is negative.
    References: Bowman et al. 2016, arXiv:1511.06349, Section 3.1 (theirs is a sigmoid); Sonderby et al. 2016,
    arXiv:1602.02282, Section 2.3 (the line).

    >>> [kl_annealing(step, warmup=100, beta=4.0) for step in (0, 50, 100, 1000)]
    [0.0, 2.0, 4.0, 4.0]
    """
    if step < 0 or warmup < 0:
        raise ValueError(f"step and warmup count steps and cannot be negative, got {step} and {warmup}")
    return beta if step >= warmup else beta * step / warmup


def free_bits(kl_per_dim: Tensor, lam: float) -> Tensor:
    r"""KL term in which every latent dimension may cost ``lam`` nats on average without paying.

    .. math:: \sum_j \max\Big(\lambda,\; \frac1B \sum_b D_{KL}\big(q(z_j|x_b) \,\|\, p(z_j)\big)\Big)

    Below the floor a dimension has no gradient: nothing pushes it further towards the prior. Despite the name
    the floor is in nats here, as everything is.

    Parameters: ``kl_per_dim`` of shape (batch, latent_dim), in nats, as `gaussian.kl_standard_normal_per_dim`
    gives it; ``lam`` >= 0, in nats.
    Returns: 0-d, in nats, at least ``latent_dim * lam``.
    Raises: ValueError if ``kl_per_dim`` is not 2-D or ``lam`` is negative.
    References: Kingma et al. 2016, arXiv:1606.04934, eq. (15), with one group per dimension.

    >>> import torch
    >>> free_bits(torch.tensor([[0.0, 3.0], [0.2, 1.0]]), lam=0.5)  # max(0.5, 0.1) + max(0.5, 2)
    tensor(2.5000)
    """
    if kl_per_dim.dim() != 2:
        raise ValueError(f"kl_per_dim must have shape (batch, latent_dim), got {tuple(kl_per_dim.shape)}")
    if lam < 0:
        raise ValueError(f"lam is a number of nats and cannot be negative, got {lam}")
    return kl_per_dim.mean(0).clamp(min=lam).sum()
