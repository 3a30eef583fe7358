r"""The convolutions next to the image, with one channel on that side: as ``nn`` has them, but worked out in less time.

The kernel is 4, the stride 2, the padding 1: it halves an even size, and transposed it doubles it. PyTorch's kernels
for a CPU are made for many channels, and slow on the way *to* one: in the transposed convolution, and for the gradient
that leaves an ordinary one. The same sums are a convolution of stride 1 to blocks of 2 x 2 pixels, four channels of
which :func:`torch.nn.functional.pixel_shuffle` makes the image, and that is several times as fast
(``tests/benchmarks/image_layers.py``).

References: Shi et al. 2016, arXiv:1609.07009 (a transposed convolution as a convolution and a shuffle).
"""

import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import FunctionCtx
from torch.nn.grad import conv2d_weight

__all__ = ["HALVE", "FromImage", "ToImage"]

HALVE = {"kernel_size": 4, "stride": 2, "padding": 1}  # transposed, it doubles
STEPS = {"stride": 2, "padding": 1}


class FromImage(nn.Conv2d):
    """Images (batch, 1, H, W) -> (batch, ``channels``, H / 2, W / 2), for networks that send a gradient back to them.

    H and W are even. Parameters and results are those of ``nn.Conv2d(1, channels, **HALVE)``, and so is the time
    where no gradient goes back.

    >>> import torch
    >>> layer = FromImage(3)
    >>> x = torch.rand(2, 1, 8, 8, requires_grad=True)
    >>> torch.equal(layer(x), F.conv2d(x, layer.weight, layer.bias, stride=2, padding=1))
    True
    """

    def __init__(self, channels: int) -> None:
        super().__init__(1, channels, **HALVE)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (batch, channels, H / 2, W / 2) from images (batch, 1, H, W)."""
        return _FromImage.apply(x, self.weight, self.bias) if x.requires_grad else super().forward(x)


class ToImage(nn.ConvTranspose2d):
    """(batch, ``channels``, H, W) -> images (batch, 1, 2 H, 2 W).

    Parameters and results are those of ``nn.ConvTranspose2d(channels, 1, **HALVE)``.

    >>> import torch
    >>> layer = ToImage(3)
    >>> h = torch.rand(2, 3, 4, 4)
    >>> torch.allclose(layer(h), F.conv_transpose2d(h, layer.weight, layer.bias, stride=2, padding=1), atol=1e-6)
    True
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 1, **HALVE)

    def forward(self, x: Tensor) -> Tensor:
        """Images (batch, 1, 2 H, 2 W) from maps (batch, channels, H, W)."""
        return _ToImage.apply(x, self.weight) + self.bias


# Each of the two is the other's gradient, so a gradient of a gradient (a penalty on it) is no special case.


class _FromImage(Function):
    """``F.conv2d`` of images (batch, 1, H, W) with weight (channels, 1, 4, 4) and bias (channels,) or None."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return F.conv2d(x, weight, bias, **STEPS)

    @staticmethod
    def backward(ctx: FunctionCtx, error: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        to_x, to_weight, to_bias = ctx.needs_input_grad
        return (
            _ToImage.apply(error, weight) if to_x else None,
            conv2d_weight(x, weight.shape, error, **STEPS) if to_weight else None,
            error.sum((0, 2, 3)) if to_bias else None,
        )


class _ToImage(Function):
    """``F.conv_transpose2d`` of (batch, channels, H, W) with weight (channels, 1, 4, 4)."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        blocks = F.conv_transpose2d(x, F.pixel_unshuffle(weight, 2))
        return F.pixel_shuffle(blocks, 2)[..., 1:-1, 1:-1]

    @staticmethod
    def backward(ctx: FunctionCtx, error: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        to_x, to_weight = ctx.needs_input_grad
        return (
            _FromImage.apply(error, weight, None) if to_x else None,
            conv2d_weight(error, weight.shape, x, **STEPS) if to_weight else None,
        )
