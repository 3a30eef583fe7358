r"""The losses of a generative adversarial game, from logits.

A discriminator gives one logit l per image, and calls it real with probability :math:`D = s(l) = 1/(1+e^{-l})`.
No probability is formed: :math:`\log D = \log s(l)` and :math:`\log(1 - D) = \log s(-l)` are finite for any
finite logit, while log(1 - sigmoid(20)) is already infinite in float32. Every mean is over its own batch, in nats.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "discriminator_loss",
    "gan_value",
    "generator_loss",
    "optimal_discriminator",
    "smoothed_discriminator_loss",
]


def optimal_discriminator(p: Tensor, q: Tensor) -> Tensor:
    r"""Best answer to a fixed generator: the probability that a point came from the data.

    .. math:: D^*(x) = \frac{p(x)}{p(x) + q(x)}

    Where neither has mass no answer is better than another, and 1/2 is given.

    Parameters: ``p`` and ``q``, the densities of data and generator at the same points, not negative, of shapes
    that broadcast.
    Returns: their broadcast shape, in [0, 1].
    References: Goodfellow et al. 2014, arXiv:1406.2661, Proposition 1.

    >>> optimal_discriminator(torch.tensor([3.0, 1.0, 0.0]), torch.tensor([1.0, 1.0, 0.0]))
    tensor([0.7500, 0.5000, 0.5000])
    """
    # divided by the larger first: p + q of two tiny densities, or of two huge ones, is lost to the dtype
    largest = torch.maximum(p, q)
    scale = torch.where(largest > 0, largest, 1)
    p, q = p / scale, q / scale
    return torch.where(largest > 0, p / torch.where(largest > 0, p + q, 1), 0.5)


def gan_value(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    r"""Value of the game: the discriminator raises it, the generator lowers it.

    .. math:: V(D, G) = E_{x \sim p}[\log D(x)] + E_{z}[\log(1 - D(G(z)))]

    A discriminator that knows nothing (all logits 0) has :math:`-\log 4`, and none has more than 0.

    Parameters: logits of the two batches, (B,) or (B, 1); the batches may differ in size.
    Returns: 0-d, in nats, at most 0.
    References: Goodfellow et al. 2014, arXiv:1406.2661, eq. (1).

    >>> gan_value(torch.zeros(4), torch.zeros(4))  # -log 4
    tensor(-1.3863)
    """
    return F.logsigmoid(real_logits).mean() + F.logsigmoid(-fake_logits).mean()


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Minus the value of the game, to be minimised by the discriminator.

    It is the sum of two cross-entropies, real images labelled 1 and fake ones 0, without a factor one half.

    Parameters: logits of the two batches, (B,) or (B, 1); the batches may differ in size.
    Returns: 0-d, in nats, at least 0; log 4 = 1.3863 for a discriminator that knows nothing.
    References: Goodfellow et al. 2014, arXiv:1406.2661, Algorithm 1.

    >>> discriminator_loss(torch.tensor([-300.0]), torch.tensor([300.0]))  # sure, and wrong twice
    tensor(600.)
    """
    return -gan_value(real_logits, fake_logits)


def smoothed_discriminator_loss(real_logits: Tensor, fake_logits: Tensor, *, target: float = 0.9) -> Tensor:
    r"""Discriminator's loss with one-sided label smoothing: real images are real with probability 0.9.

    .. math:: -E_p[t \log D + (1 - t) \log(1 - D)] - E_z[\log(1 - D(G(z)))]

    Only the label of the real images is softened, so the best answer is :math:`t p / (p + q)`, which still is
    small where there is no data: softening both would pull the generator towards its own mistakes.

    Parameters: logits of the two batches; ``target`` is t, in (0, 1]; 1 gives :func:`discriminator_loss`.
    Returns: 0-d, in nats.
    References: Salimans et al. 2016, arXiv:1606.03498, Section 3.4.

    >>> smoothed_discriminator_loss(torch.zeros(2), torch.zeros(2))
    tensor(1.3863)
    """
    real = target * F.logsigmoid(real_logits) + (1 - target) * F.logsigmoid(-real_logits)
    return -real.mean() - F.logsigmoid(-fake_logits).mean()


def generator_loss(fake_logits: Tensor, saturating: bool = False) -> Tensor:
    r"""Loss that the generator minimises: non-saturating unless asked for the minimax game's own.

    .. math:: L_G = -E_z[\log D(G(z))] \qquad\text{or, saturating,}\qquad L_G = E_z[\log(1 - D(G(z)))]

    Both fall as D is fooled and have the same fixed point. With respect to the logit, the first has gradient
    :math:`D - 1` and the second :math:`-D`: when the discriminator sees through every fake, :math:`D \to 0`,
    the first pulls with full strength and the second not at all.

    Parameters: ``fake_logits``, the discriminator's logits of generated images, (B,) or (B, 1).
    Returns: 0-d, in nats; log 2 or -log 2 where the discriminator knows nothing.
    References: Goodfellow et al. 2014, arXiv:1406.2661, Section 3.

    >>> generator_loss(torch.zeros(3)), generator_loss(torch.zeros(3), saturating=True)
    (tensor(0.6931), tensor(-0.6931))
    """
    return F.logsigmoid(-fake_logits).mean() if saturating else -F.logsigmoid(fake_logits).mean()
