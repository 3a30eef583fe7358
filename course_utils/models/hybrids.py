r"""Networks of the models that join a game with an encoder: BiGAN, adversarial autoencoder, adversarial VB.

All use the same few parts: an :class:`ImageEncoder` or a :class:`BlackBoxEncoder` from images to codes, a decoder or
generator back, and a discriminator of codes (:class:`~course_utils.models.MLPDiscriminator`) or of pairs
(:class:`PairDiscriminator`). Which parts a model has, and what they play for, the lecture says in its losses.
"""

import torch
from torch import Generator, Tensor, nn

from course_utils.gaussian import draw_standard_normal
from course_utils.models.adversarial import MLPDiscriminator

__all__ = ["BlackBoxEncoder", "ImageEncoder", "PairDiscriminator"]

SIDE = 28


class ImageEncoder(nn.Sequential):
    """784 pixels -> two hidden layers -> one code for each image, without noise.

    BiGAN's encoder, and the adversarial autoencoder's. Without the batch normalisation all codes run away together in
    one direction, many times as far as the prior reaches, and the discriminator wins.

    Departures from the papers: 256 hidden units instead of 1024 and 1000; of the encoders that Makhzani et al. try,
    the deterministic one.

    References: Donahue et al. 2017, arXiv:1605.09782, Section 4.2; Makhzani et al. 2016, arXiv:1511.05644.

    >>> ImageEncoder(latent_dim=8)(torch.zeros(5, 1, 28, 28)).shape
    torch.Size([5, 8])
    """

    def __init__(self, latent_dim: int, hidden_dim: int = 256) -> None:
        super().__init__(
            nn.Flatten(),
            nn.Linear(SIDE * SIDE, hidden_dim), nn.BatchNorm1d(hidden_dim), nn.ReLU(),
            nn.Linear(hidden_dim, hidden_dim), nn.BatchNorm1d(hidden_dim), nn.ReLU(),
            nn.Linear(hidden_dim, latent_dim),
        )  # fmt: skip
        self.latent_dim = latent_dim


class BlackBoxEncoder(nn.Module):
    r"""Codes from images and noise: a q(z|x) that can be sampled, and whose density nobody can write down.

    The noise enters at the input of a network that bends it: :math:`z = f(x, \epsilon)`. Every shape of posterior is
    within reach, where the Gaussian encoder has only mean and width.

    Departure from the paper: the noise joins beside the pixels, once, and not at several layers.

    References: Mescheder et al. 2017, arXiv:1701.04722, Section 3.

    >>> encoder = BlackBoxEncoder(latent_dim=2)
    >>> encoder(torch.zeros(5, 1, 28, 28), torch.Generator().manual_seed(0)).shape
    torch.Size([5, 2])
    """

    def __init__(self, latent_dim: int, noise_dim: int = 8, hidden_dim: int = 256) -> None:
        super().__init__()
        self.latent_dim, self.noise_dim = latent_dim, noise_dim
        self.net = nn.Sequential(
            nn.Linear(SIDE * SIDE + noise_dim, hidden_dim), nn.ReLU(),
            nn.Linear(hidden_dim, hidden_dim), nn.ReLU(),
            nn.Linear(hidden_dim, latent_dim),
        )  # fmt: skip

    def forward(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        """One draw of z, (batch, latent_dim), for each of the images (batch, 1, 28, 28)."""
        eps = draw_standard_normal((len(x), self.noise_dim), x, generator)
        return self.net(torch.cat([x.flatten(1), eps], dim=1))


class PairDiscriminator(nn.Module):
    """One logit for an image together with a code: BiGAN's discriminator, and T(x, z) of adversarial VB.

    Pixels and code stand side by side from the first layer on: what fits together is the question, and a network
    that met the code only behind the features of the image would learn to answer it more slowly.

    Departures from the papers: two hidden layers of 256, no dropout.

    Parameters: ``spectral``: see :class:`~course_utils.models.MLPDiscriminator`; BiGAN's game needs it here, T must
    be free to grow and is better without.

    References: Donahue et al. 2017, arXiv:1605.09782, Section 4.2; Mescheder et al. 2017, arXiv:1701.04722.

    >>> PairDiscriminator(latent_dim=8)(torch.zeros(5, 1, 28, 28), torch.zeros(5, 8)).shape
    torch.Size([5])
    """

    def __init__(self, latent_dim: int, hidden_dim: int = 256, *, spectral: bool = False) -> None:
        super().__init__()
        self.net = MLPDiscriminator(SIDE * SIDE + latent_dim, hidden_dim, spectral=spectral)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Logits (batch,) for images (batch, 1, 28, 28) and codes (batch, latent_dim)."""
        return self.net(torch.cat([2 * x.flatten(1) - 1, z], dim=1))
