r"""Progressive growing: a game at 7x7 first, then at 14x14, then at 28x28, each new layer faded in."""

import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.adversarial import SLOPE
from course_utils.models.image_layers import HALVE

__all__ = ["STAGES", "ProgressiveDiscriminator", "ProgressiveGenerator", "fade_in", "shrink"]

STAGES = (7, 14, 28)  # side of the images, in pixels


def fade_in(low: Tensor, high: Tensor, alpha: float | Tensor) -> Tensor:
    r"""Blend what a network made before it grew with what its new layer makes.

    .. math:: (1 - \alpha)\, \mathrm{up}(low) + \alpha\, high

    As alpha goes from 0 to 1 the new layer takes over, with no jump that would upset the opponent.

    Parameters: ``low`` of shape (B, C, h, w), enlarged to the size of ``high`` (B, C, H, W) by repeating pixels;
    ``alpha`` in [0, 1].
    Returns: the shape of ``high``.
    References: Karras et al. 2018, arXiv:1710.10196, Figure 2.

    >>> import torch
    >>> fade_in(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 4, 4), 0.25)[0, 0, 0]
    tensor([0.7500, 0.7500, 0.7500, 0.7500])
    """
    return (1 - alpha) * F.interpolate(low, size=high.shape[-2:], mode="nearest") + alpha * high


def shrink(x: Tensor, side: int) -> Tensor:
    """Images averaged down to ``side`` x ``side`` pixels: the data of an earlier stage.

    >>> import torch
    >>> shrink(torch.eye(4)[None, None], 2)[0, 0]
    tensor([[0.5000, 0.0000],
            [0.0000, 0.5000]])
    """
    return F.adaptive_avg_pool2d(x, side)


class ProgressiveGenerator(nn.Module):
    """A convolutional generator that can stop at 7x7 or 14x14, with a layer that makes an image at each size.

    Departures from the paper: three stages instead of nine, one layer for each, batch normalisation instead of
    pixel normalisation and equalised learning rates, no averaging of weights, and a sigmoid at the end.

    Parameters: ``width``, the channels at 28x28; twice as many at 14x14 and four times at 7x7.

    References: Karras et al. 2018, arXiv:1710.10196.

    >>> import torch
    >>> [ProgressiveGenerator(32)(torch.zeros(2, 32), stage).shape[-1] for stage in range(3)]
    [7, 14, 28]
    """

    def __init__(self, latent_dim: int, width: int = 8) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        start = nn.Sequential(nn.Linear(latent_dim, 4 * width * 7 * 7), nn.Unflatten(1, (4 * width, 7, 7)))
        self.grow = nn.ModuleList([
            nn.Sequential(start, nn.BatchNorm2d(4 * width), nn.ReLU()),
            _double(4 * width, 2 * width),
            _double(2 * width, width),
        ])  # fmt: skip
        self.to_image = nn.ModuleList(nn.Conv2d(c * width, 1, kernel_size=3, padding=1) for c in (4, 2, 1))

    def forward(self, z: Tensor, stage: int = 2, alpha: float = 1.0) -> Tensor:
        """Images (batch, 1, side, side) in (0, 1), ``side = STAGES[stage]``, the last layer faded in by alpha."""
        before = h = self.grow[0](z)
        for layer in self.grow[1 : stage + 1]:
            before, h = h, layer(h)
        image = self.to_image[stage](h).sigmoid()
        if stage == 0 or alpha == 1:
            return image
        return fade_in(self.to_image[stage - 1](before).sigmoid(), image, alpha)


class ProgressiveDiscriminator(nn.Module):
    """The generator's mirror image: each size has a layer that reads an image of that size.

    Departures from the paper: those of :class:`ProgressiveGenerator`, and no minibatch standard deviation.

    References: Karras et al. 2018, arXiv:1710.10196.

    >>> import torch
    >>> discriminator = ProgressiveDiscriminator()
    >>> [discriminator(torch.zeros(2, 1, side, side), stage).shape for stage, side in enumerate(STAGES)]
    [torch.Size([2]), torch.Size([2]), torch.Size([2])]
    """

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.from_image = nn.ModuleList(
            nn.Sequential(nn.Conv2d(1, c * width, kernel_size=3, padding=1), nn.LeakyReLU(SLOPE))
            for c in (4, 2, 1)
        )
        self.halve = nn.ModuleList([nn.Identity(), _half(2 * width, 4 * width), _half(width, 2 * width)])
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(4 * width * 7 * 7, 1))

    def forward(self, x: Tensor, stage: int = 2, alpha: float = 1.0) -> Tensor:
        """Logits (batch,) for images (batch, 1, side, side), ``side = STAGES[stage]``."""
        x = 2 * x - 1
        h = self.halve[stage](self.from_image[stage](x))
        if stage > 0 and alpha < 1:
            old = self.from_image[stage - 1](F.avg_pool2d(x, 2))
            h = (1 - alpha) * old + alpha * h
        for layer in reversed(self.halve[1:stage]):
            h = layer(h)
        return self.head(h).squeeze(1)


def _double(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose2d(n_in, n_out, **HALVE), nn.BatchNorm2d(n_out), nn.ReLU())


def _half(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(n_in, n_out, **HALVE), nn.LeakyReLU(SLOPE))
