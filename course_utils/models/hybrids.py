r"""Networks of the models that join a game with an encoder: BiGAN, adversarial autoencoder, adversarial VB.

All use the same few parts: an :class:`ImageEncoder` or a :class:`BlackBoxEncoder` from images to codes, a decoder or
generator back, and a discriminator of codes (:class:`~course_utils.models.MLPDiscriminator`) or of pairs
(:class:`PairDiscriminator`). Which parts a model has, and what they play for, the lecture says in its losses.
"""

import torch
from torch import Generator, Tensor, nn

from course_utils.gaussian import draw_standard_normal
from course_utils.models.adversarial import SLOPE, ConvDiscriminator

__all__ = ["BlackBoxEncoder", "ImageEncoder", "PairDiscriminator"]


class ImageEncoder(nn.Module):
    """One code for each image, without noise: BiGAN's encoder, and the adversarial autoencoder's.

    It is the convolutional discriminator with as many outputs as the code has dimensions.

    Departures from the papers: Donahue et al. and Makhzani et al. use larger networks, and for their best results a
    code with noise; the deterministic code is their simplest variant.

    References: Donahue et al. 2017, arXiv:1605.09782; Makhzani et al. 2016, arXiv:1511.05644.

    >>> ImageEncoder(latent_dim=8)(torch.zeros(5, 1, 28, 28)).shape
    torch.Size([5, 8])
    """

    def __init__(self, latent_dim: int, width: int = 16, hidden_dim: int = 128) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.image = ConvDiscriminator(width)
        self.image.head = nn.Sequential(
            nn.Linear(self.image.feature_dim, hidden_dim), nn.LayerNorm(hidden_dim), nn.LeakyReLU(SLOPE),
            nn.Linear(hidden_dim, latent_dim),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Codes (batch, latent_dim) of images (batch, 1, 28, 28)."""
        return self.image.head(self.image.features(x))


class BlackBoxEncoder(nn.Module):
    r"""Codes from images and noise: a q(z|x) that can be sampled, and whose density nobody can write down.

    The noise enters at the input of a network that bends it: :math:`z = f(x, \epsilon)`. Every shape of posterior is
    within reach, where the Gaussian encoder has only mean and width.

    Departure from the paper: the noise joins once, beside the features of the image, not at several layers.

    References: Mescheder et al. 2017, arXiv:1701.04722, Section 3.

    >>> encoder = BlackBoxEncoder(latent_dim=2)
    >>> encoder(torch.zeros(5, 1, 28, 28), torch.Generator().manual_seed(0)).shape
    torch.Size([5, 2])
    """

    def __init__(self, latent_dim: int, noise_dim: int = 8, width: int = 16, hidden_dim: int = 128) -> None:
        super().__init__()
        self.latent_dim, self.noise_dim = latent_dim, noise_dim
        self.features = ImageEncoder(hidden_dim, width, hidden_dim)
        self.join = nn.Sequential(
            nn.Linear(hidden_dim + noise_dim, hidden_dim), nn.LeakyReLU(SLOPE),
            nn.Linear(hidden_dim, hidden_dim), nn.LeakyReLU(SLOPE),
            nn.Linear(hidden_dim, latent_dim),
        )  # fmt: skip

    def forward(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        """One draw of z, (batch, latent_dim), for each of the images (batch, 1, 28, 28)."""
        eps = draw_standard_normal((len(x), self.noise_dim), x, generator)
        return self.join(torch.cat([self.features(x), eps], dim=1))


class PairDiscriminator(nn.Module):
    """One logit for an image together with a code: BiGAN's discriminator, and T(x, z) of adversarial VB.

    Departures from the papers: the image goes through two strided convolutions, the code joins their features, two
    dense layers judge both.

    References: Donahue et al. 2017, arXiv:1605.09782, Figure 1; Mescheder et al. 2017, arXiv:1701.04722, Section 3.

    >>> PairDiscriminator(latent_dim=8)(torch.zeros(5, 1, 28, 28), torch.zeros(5, 8)).shape
    torch.Size([5])
    """

    def __init__(self, latent_dim: int, width: int = 16, hidden_dim: int = 128) -> None:
        super().__init__()
        self.image = ConvDiscriminator(width)
        self.image.head = nn.Linear(self.image.feature_dim, hidden_dim)
        self.code = nn.Linear(latent_dim, hidden_dim)
        self.judge = nn.Sequential(
            nn.LeakyReLU(SLOPE),
            nn.Linear(2 * hidden_dim, hidden_dim),
            nn.LeakyReLU(SLOPE),
            nn.Linear(hidden_dim, 1),
        )

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Logits (batch,) for images (batch, 1, 28, 28) and codes (batch, latent_dim)."""
        image = self.image.head(self.image.features(x))
        return self.judge(torch.cat([image, self.code(z)], dim=1)).squeeze(1)
