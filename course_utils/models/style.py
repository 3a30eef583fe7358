r"""The style-based generator: a constant, painted over by styles, from coarse to fine."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from course_utils.gaussian import draw_standard_normal
from course_utils.models.adversarial import SLOPE
from course_utils.models.image_layers import HALVE, ToImage

__all__ = ["MappingNetwork", "StyleGenerator", "adaptive_instance_norm", "style_mix"]


def adaptive_instance_norm(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    r"""Wipe out the mean and the size of every map of every example, and paint on those of a style.

    .. math:: s_{bc} \frac{x_{bc} - \mu(x_{bc})}{\sqrt{\sigma^2(x_{bc}) + \epsilon}} + b_{bc}

    Mean and variance are over the pixels of one map of one example, the batch plays no part.

    Parameters: ``x`` of shape (B, C, H, W); ``scale`` and ``bias`` of shape (B, C); ``eps`` stands inside the root.
    Returns: the shape of ``x``.
    References: Huang & Belongie 2017, arXiv:1703.06868, eq. (8); Karras et al. 2019, arXiv:1812.04948, eq. (1).

    >>> x = torch.tensor([[[[1.0, 3.0]]]])  # one map of two pixels, mean 2, standard deviation 1
    >>> adaptive_instance_norm(x, torch.tensor([[10.0]]), torch.tensor([[5.0]]))
    tensor([[[[-5.0000, 15.0000]]]])
    """
    normalised = F.group_norm(x, num_groups=x.shape[1], eps=eps)  # groups of one map: instance normalisation
    return scale[:, :, None, None] * normalised + bias[:, :, None, None]


def style_mix(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    """Styles of a up to a layer, those of b from there on: coarse features of one, fine ones of the other.

    Parameters: ``w_a``, ``w_b`` of shape (B, layers, D); ``crossover``, the first layer that is b's, 0 to layers.
    Returns: shape (B, layers, D).
    References: Karras et al. 2019, arXiv:1812.04948, Section 3.1.

    >>> style_mix(torch.zeros(1, 4, 1), torch.ones(1, 4, 1), crossover=1).flatten()
    tensor([0., 1., 1., 1.])
    """
    return torch.cat([w_a[:, :crossover], w_b[:, crossover:]], dim=1)


class MappingNetwork(nn.Module):
    """From z, which must be Gaussian, to w, which may be distributed as the data wants.

    Departure from the paper: three layers of 64 instead of eight of 512.

    References: Karras et al. 2019, arXiv:1812.04948, Section 2.

    >>> MappingNetwork(32)(torch.ones(5, 32)).shape
    torch.Size([5, 64])
    """

    def __init__(self, latent_dim: int, style_dim: int = 64, n_layers: int = 3) -> None:
        super().__init__()
        sizes = [latent_dim] + [style_dim] * n_layers
        self.net = nn.Sequential()
        for n_in, n_out in pairwise(sizes):
            self.net.append(nn.Linear(n_in, n_out)).append(nn.LeakyReLU(SLOPE))
            # torch's own start shrinks its input in every layer: all w would be alike, and the game lost to collapse
            nn.init.kaiming_normal_(self.net[-2].weight, a=SLOPE)

    def forward(self, z: Tensor) -> Tensor:
        """Style w (batch, style_dim) from z (batch, latent_dim), whose length is set to sqrt(latent_dim) first."""
        return self.net(z / (z.square().mean(1, keepdim=True) + 1e-8).sqrt())


class StyleLayer(nn.Module):
    """Convolution (or the constant), noise, leaky ReLU, and the style by adaptive instance normalisation."""

    def __init__(self, convolution: nn.Module, channels: int, style_dim: int) -> None:
        super().__init__()
        self.convolution = convolution
        self.noise_strength = nn.Parameter(
            torch.zeros(channels, 1, 1)
        )  # learned per channel, at first no noise
        self.style = nn.Linear(style_dim, 2 * channels)
        nn.init.normal_(self.style.weight, std=style_dim**-0.5)
        nn.init.zeros_(self.style.bias)

    def forward(self, h: Tensor, w: Tensor, generator: Generator | None) -> Tensor:
        h = self.convolution(h)
        noise = draw_standard_normal(
            (len(h), 1, *h.shape[2:]), h, generator
        )  # one map, shared by the channels
        scale, bias = self.style(w).chunk(2, dim=1)
        h = F.leaky_relu(h + self.noise_strength * noise, SLOPE)
        return adaptive_instance_norm(h, 1 + scale, bias)  # scales start around 1, shifts around 0


class StyleGenerator(nn.Module):
    r"""A learned constant of 7x7 becomes an image of 28x28 in four layers, each told a style of its own.

    ============  ======  =========================
    layer         size    what it does
    ============  ======  =========================
    0             7x7     the constant
    1             7x7     convolution
    2             14x14   transposed convolution
    3             14x14   convolution
    ============  ======  =========================

    A last transposed convolution, without a style, makes the image.

    Departures from the paper: four layers instead of eighteen, few channels, plain transposed convolutions without
    blurring or equalised learning rates, not grown progressively, and a sigmoid at the end.

    References: Karras, Laine & Aila 2019, arXiv:1812.04948.

    >>> generator = StyleGenerator(latent_dim=32)
    >>> generator(torch.ones(5, 32)).shape, generator.styles(torch.ones(5, 32)).shape
    (torch.Size([5, 1, 28, 28]), torch.Size([5, 4, 64]))
    """

    n_layers = 4

    def __init__(self, latent_dim: int, width: int = 16, style_dim: int = 64) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.mapping = MappingNetwork(latent_dim, style_dim)
        self.constant = nn.Parameter(torch.randn(1, 2 * width, 7, 7))
        self.layers = nn.ModuleList([
            StyleLayer(nn.Identity(), 2 * width, style_dim),
            StyleLayer(nn.Conv2d(2 * width, 2 * width, kernel_size=3, padding=1), 2 * width, style_dim),
            StyleLayer(nn.ConvTranspose2d(2 * width, width, **HALVE), width, style_dim),
            StyleLayer(nn.Conv2d(width, width, kernel_size=3, padding=1), width, style_dim),
        ])  # fmt: skip
        self.to_image = ToImage(width)

    def styles(self, z: Tensor) -> Tensor:
        """The same w for every layer, (batch, layers, style_dim), from z (batch, latent_dim): to be mixed."""
        return self.mapping(z).unsqueeze(1).expand(-1, self.n_layers, -1)

    def synthesise(self, w: Tensor, generator: Generator | None = None) -> Tensor:
        """Images (batch, 1, 28, 28) in (0, 1) from styles (batch, layers, style_dim); ``generator`` draws the noise."""
        h = self.constant.expand(len(w), -1, -1, -1)
        for layer, style in zip(self.layers, w.unbind(1), strict=True):
            h = layer(h, style, generator)
        return self.to_image(h).sigmoid()

    def forward(self, z: Tensor, generator: Generator | None = None) -> Tensor:
        """Images (batch, 1, 28, 28) in (0, 1) from z (batch, latent_dim), one style throughout."""
        return self.synthesise(self.styles(z), generator)
