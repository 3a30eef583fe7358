r"""The variational autoencoder: one objective, and three pairs of encoder and decoder that go with it.

An encoder maps images x (batch, 1, 28, 28) to ``mu`` and ``logvar``, each (batch, latent_dim); ``logvar`` is
:math:`\log\sigma^2`. A decoder maps z (batch, latent_dim) to logits (batch, 1, 28, 28). Any encoder goes with
any decoder of the same ``latent_dim``.
"""

import torch
from torch import Generator, Tensor, nn

from course_utils.gaussian import reparameterize
from course_utils.models.image_layers import HALVE, ToImage

__all__ = [
    "VAE",
    "ConvDecoder",
    "ConvEncoder",
    "GaussianVAE",
    "MLPDecoder",
    "MLPEncoder",
    "RNNDecoder",
    "RNNEncoder",
]

SIDE = 28


class VAE(nn.Module):
    """An encoder, a draw, a decoder.

    Parameters: ``encoder`` and ``decoder`` as this module's docstring says.

    References: Kingma & Welling 2014, arXiv:1312.6114; Rezende, Mohamed & Wierstra 2014, arXiv:1401.4082.

    >>> logits, mu, logvar = VAE(MLPEncoder(20), MLPDecoder(20))(torch.zeros(3, 1, 28, 28))
    >>> logits.shape, mu.shape, logvar.shape
    (torch.Size([3, 1, 28, 28]), torch.Size([3, 20]), torch.Size([3, 20]))
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``(mu, logvar)`` of q(z|x), each (batch, latent_dim), for images (batch, 1, 28, 28)."""
        return self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        """Logits (batch, 1, 28, 28) of p(x|z) for z (batch, latent_dim)."""
        return self.decoder(z)

    def forward(self, x: Tensor, generator: Generator | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """``(logits, mu, logvar)``, the logits decoded from one draw of q(z|x) for each image."""
        mu, logvar = self.encode(x)
        return self.decode(reparameterize(mu, logvar, generator)), mu, logvar


class GaussianVAE(VAE):
    """A VAE whose pixels are Gaussian: the sigmoid of the decoder's output is their mean.

    Parameters: ``sigma``, the standard deviation of every pixel in units of the grey scale; where it is to be
    learned, the one it starts from. ``learn_sigma`` makes it a parameter, one number for all pixels.

    References: Rybkin, Daniilidis & Levine 2021, arXiv:2006.13202, on learning one sigma for all pixels.

    >>> GaussianVAE(MLPEncoder(20), MLPDecoder(20), sigma=0.5).sigma
    tensor(0.5000)
    """

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, *, sigma: float = 1.0, learn_sigma: bool = False
    ) -> None:
        super().__init__(encoder, decoder)
        self.log_sigma = nn.Parameter(torch.tensor(sigma).log(), requires_grad=learn_sigma)

    @property
    def sigma(self) -> Tensor:
        """The standard deviation of a pixel, 0-d; a logarithm is what is stored, so it stays positive."""
        return self.log_sigma.exp()


class GaussianHead(nn.Module):
    """Two linear maps from features (batch, n_features) to ``mu`` and ``logvar``, each (batch, latent_dim)."""

    def __init__(self, n_features: int, latent_dim: int) -> None:
        super().__init__()
        self.mu = nn.Linear(n_features, latent_dim)
        self.logvar = nn.Linear(n_features, latent_dim)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """``(mu, logvar)``."""
        return self.mu(features), self.logvar(features)


# ------------------------------------------------------------------------------------ pixels as one long vector


class MLPEncoder(nn.Sequential):
    """784 pixels -> ``hidden_dim`` -> ``mu`` and ``logvar``, the network of the VAE paper's appendix C."""

    def __init__(self, latent_dim: int, hidden_dim: int = 400) -> None:
        super().__init__(
            nn.Flatten(),
            nn.Linear(SIDE * SIDE, hidden_dim), nn.ReLU(),
            GaussianHead(hidden_dim, latent_dim),
        )  # fmt: skip


class MLPDecoder(nn.Sequential):
    """``latent_dim`` -> ``hidden_dim`` -> 784 logits."""

    def __init__(self, latent_dim: int, hidden_dim: int = 400) -> None:
        super().__init__(
            nn.Linear(latent_dim, hidden_dim), nn.ReLU(),
            nn.Linear(hidden_dim, SIDE * SIDE), nn.Unflatten(1, (1, SIDE, SIDE)),
        )  # fmt: skip


# ------------------------------------------------------------------------------------------- pixels as a picture


class ConvEncoder(nn.Sequential):
    """28x28 -> 14x14 -> 7x7 in two convolutions of stride 2, then ``mu`` and ``logvar``.

    ``width`` is the number of channels of the first convolution; the second has twice as many.
    """

    def __init__(self, latent_dim: int, width: int = 32) -> None:
        super().__init__(
            nn.Conv2d(1, width, **HALVE), nn.ReLU(),  # (batch, width, 14, 14)
            nn.Conv2d(width, 2 * width, **HALVE), nn.ReLU(),  # (batch, 2 width, 7, 7)
            nn.Flatten(),
            GaussianHead(2 * width * 7 * 7, latent_dim),
        )  # fmt: skip


class ConvDecoder(nn.Sequential):
    """``latent_dim`` -> 7x7 -> 14x14 -> 28x28, the encoder's layers in reverse, transposed."""

    def __init__(self, latent_dim: int, width: int = 32) -> None:
        super().__init__(
            nn.Linear(latent_dim, 2 * width * 7 * 7), nn.ReLU(), nn.Unflatten(1, (2 * width, 7, 7)),
            nn.ConvTranspose2d(2 * width, width, **HALVE), nn.ReLU(),
            ToImage(width),
        )  # fmt: skip


# ------------------------------------------------------------------------------------- rows of pixels as a sequence


class RNNEncoder(nn.Module):
    """Reads the image row by row, top to bottom, with a GRU; its last state gives ``mu`` and ``logvar``.

    References: Cho et al. 2014, arXiv:1406.1078 (the GRU); Bowman et al. 2016, arXiv:1511.06349 (a VAE whose
    encoder and decoder are recurrent).
    """

    def __init__(self, latent_dim: int, hidden_dim: int = 128) -> None:
        super().__init__()
        self.gru = nn.GRU(SIDE, hidden_dim, batch_first=True)
        self.head = GaussianHead(hidden_dim, latent_dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``(mu, logvar)``, each (batch, latent_dim), for images (batch, 1, 28, 28)."""
        _, state = self.gru(x.squeeze(1))  # 28 steps of 28 pixels; state (1, batch, hidden_dim)
        return self.head(state.squeeze(0))


class RNNDecoder(nn.Module):
    """Writes the image row by row with a GRU that is shown z at every row.

    It does not see the rows it has written: given z, rows are independent, as the Bernoulli likelihood says.
    A decoder that sees them can model the image without z (Bowman et al. 2016, arXiv:1511.06349).
    """

    def __init__(self, latent_dim: int, hidden_dim: int = 128) -> None:
        super().__init__()
        self.start = nn.Linear(latent_dim, hidden_dim)
        self.gru = nn.GRU(latent_dim, hidden_dim, batch_first=True)
        self.row = nn.Linear(hidden_dim, SIDE)

    def forward(self, z: Tensor) -> Tensor:
        """Logits (batch, 1, 28, 28) for z (batch, latent_dim)."""
        every_row = z.unsqueeze(1).expand(-1, SIDE, -1)  # (batch, 28, latent_dim)
        states, _ = self.gru(every_row, self.start(z).tanh().unsqueeze(0))
        return self.row(states).unsqueeze(1)
