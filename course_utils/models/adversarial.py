r"""The two players: generators map noise to data, discriminators (or critics) map data to one logit each.

A generator takes z ~ N(0, I), (batch, latent_dim), and makes points (batch, data_dim) or images
(batch, 1, 28, 28) with values in (0, 1), ready to be looked at: no sigmoid is missing. A discriminator gives
logits (batch,), no probabilities; it treats the examples of a batch one by one, as a gradient penalty needs.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from course_utils.models.image_layers import HALVE, FromImage, ToImage

__all__ = ["ConvDiscriminator", "ConvGenerator", "MLPDiscriminator", "MLPGenerator", "MinibatchDeviation"]

SLOPE = 0.2  # of the leaky ReLU: a discriminator with dead units has nothing to tell the generator


class MLPGenerator(nn.Module):
    """Noise -> two hidden layers -> points, for data in the plane.

    References: Goodfellow et al. 2014, arXiv:1406.2661 (there with maxout and dropout; here plain ReLUs).

    >>> MLPGenerator(latent_dim=8)(torch.zeros(5, 8)).shape
    torch.Size([5, 2])
    """

    def __init__(self, latent_dim: int, data_dim: int = 2, hidden_dim: int = 128) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.net = nn.Sequential(
            nn.Linear(latent_dim, hidden_dim), nn.ReLU(),
            nn.Linear(hidden_dim, hidden_dim), nn.ReLU(),
            nn.Linear(hidden_dim, data_dim),
        )  # fmt: skip

    def forward(self, z: Tensor) -> Tensor:
        """Points (batch, data_dim) from noise (batch, latent_dim)."""
        return self.net(z)


class MLPDiscriminator(nn.Module):
    """Points, or codes -> two hidden layers -> one logit each.

    Parameters: ``spectral`` divides every weight matrix by its largest singular value, so that no layer can
    stretch a distance and the slope of the whole is at most 1.

    References: Goodfellow et al. 2014, arXiv:1406.2661; Miyato et al. 2018, arXiv:1802.05957 (``spectral``).

    >>> MLPDiscriminator(spectral=True)(torch.zeros(5, 2)).shape
    torch.Size([5])
    """

    def __init__(self, data_dim: int = 2, hidden_dim: int = 128, *, spectral: bool = False) -> None:
        super().__init__()
        limited = spectral_norm if spectral else nn.Identity()
        self.net = nn.Sequential(
            limited(nn.Linear(data_dim, hidden_dim)), nn.LeakyReLU(SLOPE),
            limited(nn.Linear(hidden_dim, hidden_dim)), nn.LeakyReLU(SLOPE),
            limited(nn.Linear(hidden_dim, 1)),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch,) for points (batch, data_dim)."""
        return self.net(x).squeeze(1)


class ConvGenerator(nn.Module):
    """Noise -> a map of 7x7 -> 14x14 -> 28x28, by transposed convolutions.

    Batch normalisation makes smoother strokes, and more of the data has a sample nearby after a few hundred steps.
    It couples the samples of a batch while training: call ``eval()`` before drawing one sample alone.

    Departures from the paper: two doublings instead of four, 32 and 16 channels instead of 1024 to 128, and a
    sigmoid at the end instead of tanh, because our images lie in [0, 1].

    Parameters: ``width``, the channels at 14x14; there are twice as many at 7x7.

    References: Radford, Metz & Chintala 2016, arXiv:1511.06434.

    >>> ConvGenerator(latent_dim=32)(torch.zeros(5, 32)).shape
    torch.Size([5, 1, 28, 28])
    """

    def __init__(self, latent_dim: int, width: int = 16) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.net = nn.Sequential(
            nn.Linear(latent_dim, 2 * width * 7 * 7), nn.Unflatten(1, (2 * width, 7, 7)),
            nn.BatchNorm2d(2 * width), nn.ReLU(inplace=True),
            nn.ConvTranspose2d(2 * width, width, **HALVE), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
            ToImage(width), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, z: Tensor) -> Tensor:
        """Images (batch, 1, 28, 28) with values in (0, 1) from noise (batch, latent_dim)."""
        return self.net(z)


class MinibatchDeviation(nn.Module):
    """Behind the maps of each image, one more: how much the images of its batch differ, everywhere the same number.

    A discriminator that sees it catches a generator whose images are all alike, however good each one is.

    Departure from the paper: the deviation is over the whole batch instead of groups of four.

    References: Karras et al. 2018, arXiv:1710.10196, Section 3.

    >>> MinibatchDeviation()(torch.tensor([1.0, 3.0]).view(2, 1, 1, 1)).flatten(1)
    tensor([[1., 1.],
            [3., 1.]])
    """

    def forward(self, h: Tensor) -> Tensor:
        """Maps (batch, channels, height, width) to (batch, channels + 1, height, width)."""
        deviation = (h.var(0, correction=0) + 1e-8).sqrt().mean()
        return torch.cat([h, deviation.expand(len(h), 1, *h.shape[2:])], dim=1)


class ConvDiscriminator(nn.Module):
    """28x28 -> 14x14 -> a map of 7x7 -> one logit, by strided convolutions.

    Departures from the paper: two halvings instead of four, few channels, and no batch normalisation, which
    would make the logit of one image depend on the others (a gradient penalty forbids that).

    Parameters: ``width``, the channels at 14x14; there are twice as many at 7x7. ``spectral``: see
    :class:`MLPDiscriminator`; a convolution's kernel is taken as one matrix, as in its paper. With
    ``minibatch_deviation`` it sees how diverse its batch is (:class:`MinibatchDeviation`), and its examples are no
    longer judged one by one.

    References: Radford, Metz & Chintala 2016, arXiv:1511.06434; Miyato et al. 2018, arXiv:1802.05957.

    >>> ConvDiscriminator()(torch.zeros(5, 1, 28, 28)).shape
    torch.Size([5])
    """

    def __init__(self, width: int = 16, *, spectral: bool = False, minibatch_deviation: bool = False) -> None:
        super().__init__()
        limited = spectral_norm if spectral else nn.Identity()
        self.feature_dim = (2 * width + minibatch_deviation) * 7 * 7
        self.body = nn.Sequential(
            limited(FromImage(width)), nn.LeakyReLU(SLOPE, inplace=True),
            limited(nn.Conv2d(width, 2 * width, **HALVE)), nn.LeakyReLU(SLOPE, inplace=True),
            MinibatchDeviation() if minibatch_deviation else nn.Identity(), nn.Flatten(),
        )  # fmt: skip
        self.head = limited(nn.Linear(self.feature_dim, 1))

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees of images (batch, 1, 28, 28): (batch, feature_dim)."""
        return self.body(2 * x - 1)  # pixels centred: black paper would leave most weights without a gradient

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch,) for images (batch, 1, 28, 28)."""
        return self.head(self.features(x)).squeeze(1)
