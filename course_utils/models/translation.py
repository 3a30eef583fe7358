r"""Unpaired translation: two generators that undo each other, and no example of how a translation should look."""

import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.image_layers import FromImage, ToImage

__all__ = ["Translator", "cycle_loss", "outline"]


def cycle_loss(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    r"""How far a journey there and back leads from where it began.

    .. math:: \lambda \big( E\lVert F(G(x)) - x \rVert_1 + E\lVert G(F(y)) - y \rVert_1 \big)

    with the mean absolute error over all pixels for the norm.

    Parameters: images ``x`` and ``x_cycled`` = F(G(x)) of one shape, ``y`` and ``y_cycled`` = G(F(y)) of one
    shape; ``weight`` is lambda (10 in the paper).
    Returns: 0-d, in units of the grey scale.
    Raises: ValueError if the shapes of a pair differ; the message gives both.
    References: Zhu et al. 2017, arXiv:1703.10593, eq. (2).

    >>> import torch
    >>> zeros = torch.zeros(1, 1, 2, 2)
    >>> cycle_loss(zeros, zeros + 0.5, zeros, zeros - 0.25, weight=10)
    tensor(7.5000)
    """
    for name, a, b in (("x", x, x_cycled), ("y", y, y_cycled)):
        if a.shape != b.shape:
            raise ValueError(
                f"{name} and {name}_cycled must have one shape, got {tuple(a.shape)} and {tuple(b.shape)}"
            )
    return weight * ((x_cycled - x).abs().mean() + (y_cycled - y).abs().mean())


def outline(x: Tensor) -> Tensor:
    """Edges of images: the brightest minus the darkest pixel of every 3x3 neighbourhood.

    Parameters: ``x`` of shape (B, 1, H, W), values in [0, 1].
    Returns: the same shape, values in [0, 1].

    >>> import torch
    >>> outline(torch.tensor([[[[0.0, 0.0, 0.0, 1.0, 1.0, 1.0]]]]))
    tensor([[[[0., 0., 1., 1., 0., 0.]]]])
    """
    brightest = F.max_pool2d(x, 3, stride=1, padding=1)
    darkest = -F.max_pool2d(-x, 3, stride=1, padding=1)
    return brightest - darkest


class Translator(nn.Module):
    """Images of one kind -> 14x14 -> images of the other kind: a small network that keeps things in their place.

    Departures from the paper: one halving and one residual block instead of two and six to nine, batch instead of
    instance normalisation, and a sigmoid at the end.

    References: Zhu et al. 2017, arXiv:1703.10593; Johnson et al. 2016, arXiv:1603.08155 (the architecture).

    >>> import torch
    >>> Translator()(torch.zeros(5, 1, 28, 28)).shape
    torch.Size([5, 1, 28, 28])
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.down = nn.Sequential(FromImage(width), nn.BatchNorm2d(width), nn.ReLU())
        self.middle = nn.Sequential(
            nn.Conv2d(width, width, kernel_size=3, padding=1), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.up = nn.Sequential(ToImage(width), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """Images (batch, 1, H, W) to images of the same size, values in (0, 1); H and W even."""
        h = self.down(2 * x - 1)
        return self.up(h + self.middle(h))
