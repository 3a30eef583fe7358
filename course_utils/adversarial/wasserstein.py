r"""The Wasserstein game: a critic that scores instead of judging, and the penalties that keep it smooth.

A critic f gives any number, larger for what looks real. Among functions with slope at most 1 everywhere, the
largest difference of its means over data and samples is the distance between the two distributions.
"""

import torch
from torch import Tensor, nn

__all__ = ["critic_generator_loss", "critic_loss", "gradient_penalty", "r1_penalty"]


def critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    r"""Loss that the critic minimises: minus its estimate of the Wasserstein-1 distance.

    .. math:: L_C = E_z[f(G(z))] - E_{x \sim p}[f(x)]

    A bound only for a critic of slope at most 1: add :func:`gradient_penalty`.

    Parameters: the critic's scores, without any sigmoid, (B,) or (B, 1); the batches may differ in size.
    Returns: 0-d, in the units of the data.
    References: Arjovsky et al. 2017, arXiv:1701.07875, eq. (2).

    >>> critic_loss(torch.tensor([2.0, 4.0]), torch.tensor([1.0]))
    tensor(-2.)
    """
    return fake_scores.mean() - real_scores.mean()


def critic_generator_loss(fake_scores: Tensor) -> Tensor:
    r"""Loss that the generator minimises against a critic: :math:`L_G = -E_z[f(G(z))]`.

    Parameters: ``fake_scores`` of shape (B,) or (B, 1).
    Returns: 0-d.
    References: Arjovsky et al. 2017, arXiv:1701.07875, Algorithm 1.

    >>> critic_generator_loss(torch.tensor([1.0, 3.0]))
    tensor(-2.)
    """
    return -fake_scores.mean()


def gradient_penalty(
    critic: nn.Module, real: Tensor, fake: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    r"""How far the critic's slope is from 1 between real and fake examples.

    .. math:: E\big[(\lVert\nabla_{\hat x} f(\hat x)\rVert_2 - 1)^2\big],
              \qquad \hat x = u x + (1 - u) G(z), \quad u \sim U(0, 1) \text{ for each example}

    Two-sided, without a weight (the paper's is 10). It can be differentiated again, which is how the critic
    learns from it; nothing flows back to ``real`` or ``fake``. The norm is per example, so the critic must treat
    examples one by one: no batch normalisation.

    Parameters: ``critic`` takes a batch to scores (B,) or (B, 1); ``real`` and ``fake`` of one shape (B, ...);
    ``generator`` draws the B weights u.
    Returns: 0-d, at least 0.
    Raises: ValueError if the shapes differ; the message gives both.
    References: Gulrajani et al. 2017, arXiv:1704.00028, eq. (3).

    >>> gradient_penalty(lambda x: 3 * x[:, 0], torch.zeros(4, 2), torch.ones(4, 2))  # slope 3 everywhere
    tensor(4.)
    """
    if real.shape != fake.shape:
        raise ValueError(
            f"real and fake must have one shape, got {tuple(real.shape)} and {tuple(fake.shape)}"
        )
    source = real.device if generator is None else generator.device
    u = torch.rand(len(real), generator=generator, dtype=real.dtype, device=source).to(real.device)
    u = u.view(-1, *[1] * (real.dim() - 1))  # (B, 1, ...): one weight for all pixels of an example
    between = (u * real + (1 - u) * fake).detach().requires_grad_()
    return (_slopes(critic, between).clamp_min(TINY).sqrt() - 1).square().mean()


# Below this squared slope a square root has no usable derivative, and 0 * inf would be NaN.
TINY = 1e-24


def r1_penalty(critic: nn.Module, real: Tensor) -> Tensor:
    r"""Squared slope of the discriminator at the data: :math:`E_{x \sim p}[\lVert\nabla_x f(x)\rVert_2^2]`.

    Once the samples match the data, the discriminator should be flat there; without this a game can circle
    around its equilibrium forever. Used with the ordinary losses, half of it times a weight.

    Parameters: ``critic`` takes a batch to logits (B,) or (B, 1), examples one by one; ``real`` of shape (B, ...).
    Returns: 0-d, at least 0, without factor or weight; it can be differentiated again.
    References: Mescheder et al. 2018, arXiv:1801.04406, Section 4.1.

    >>> r1_penalty(lambda x: 3 * x[:, 0], torch.zeros(4, 2))
    tensor(9.)
    """
    return _slopes(critic, real.detach().requires_grad_()).mean()


def _slopes(critic: nn.Module, x: Tensor) -> Tensor:
    """Squared norm of the gradient of each score with respect to its own example, (B,), kept in the graph."""
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return gradient.square().flatten(1).sum(1)
