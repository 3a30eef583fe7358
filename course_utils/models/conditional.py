"""The conditional variational autoencoder: the label stands beside x on the way in and beside z on the way out.

An encoder maps images x (batch, 1, 28, 28) and labels y (batch,) to ``mu`` and ``logvar``, each
(batch, latent_dim); a decoder maps z (batch, latent_dim) and y to logits (batch, 1, 28, 28). Labels are int64,
0 to ``num_classes`` - 1.
"""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from course_utils.gaussian import reparameterize
from course_utils.models.image_layers import HALVE
from course_utils.models.vae import SIDE, ConvDecoder, GaussianHead, MLPDecoder

__all__ = [
    "ConditionalConvDecoder",
    "ConditionalConvEncoder",
    "ConditionalMLPDecoder",
    "ConditionalMLPEncoder",
    "ConditionalVAE",
    "condition",
    "label_maps",
]


def condition(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    """Features and, behind them, the label as a one-hot vector.

    Parameters: ``features`` (batch, n_features); ``y`` (batch,) int64 in 0 .. num_classes - 1.
    Returns: shape (batch, n_features + num_classes), of the features' dtype.
    Raises: RuntimeError, from torch, for a label that is no class or a batch of another size.

    >>> condition(torch.tensor([[0.5, 0.2]]), torch.tensor([1]), num_classes=3)
    tensor([[0.5000, 0.2000, 0.0000, 1.0000, 0.0000]])
    """
    return torch.cat([features, F.one_hot(y, num_classes).to(features.dtype)], dim=1)


def label_maps(x: Tensor, y: Tensor, num_classes: int) -> Tensor:
    """Images and, as further channels, one constant map per class: 1 everywhere for the label's, else 0.

    Parameters: ``x`` (batch, channels, height, width); ``y`` (batch,) int64.
    Returns: shape (batch, channels + num_classes, height, width).

    >>> label_maps(torch.zeros(2, 1, 4, 4), torch.tensor([2, 0]), num_classes=3)[:, 1:, 0, 0]
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    one_hot = F.one_hot(y, num_classes).to(x.dtype)
    return torch.cat([x, one_hot[:, :, None, None].expand(-1, -1, *x.shape[2:])], dim=1)


class ConditionalVAE(nn.Module):
    """An encoder that is told the label, a draw, a decoder that is told the label.

    Parameters: ``encoder`` and ``decoder`` as this module's docstring says.

    References: Sohn, Lee & Yan 2015, Learning structured output representation using deep conditional generative
    models, NeurIPS; Kingma et al. 2014, arXiv:1406.5298.

    >>> encoder, decoder = ConditionalMLPEncoder(8, num_classes=10), ConditionalMLPDecoder(8, num_classes=10)
    >>> x, y = torch.zeros(3, 1, 28, 28), torch.tensor([4, 0, 9])
    >>> logits, mu, logvar = ConditionalVAE(encoder, decoder)(x, y)
    >>> logits.shape, mu.shape, logvar.shape
    (torch.Size([3, 1, 28, 28]), torch.Size([3, 8]), torch.Size([3, 8]))
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def encode(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """``(mu, logvar)`` of q(z|x, y), each (batch, latent_dim)."""
        return self.encoder(x, y)

    def decode(self, z: Tensor, y: Tensor) -> Tensor:
        """Logits (batch, 1, 28, 28) of p(x|z, y)."""
        return self.decoder(z, y)

    def forward(
        self, x: Tensor, y: Tensor, generator: Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """``(logits, mu, logvar)``, the logits decoded from one draw of q(z|x, y) for each image."""
        mu, logvar = self.encode(x, y)
        return self.decode(reparameterize(mu, logvar, generator), y), mu, logvar


# ------------------------------------------------------------------------------------ pixels as one long vector


class ConditionalMLPEncoder(nn.Sequential):
    """784 pixels and the label -> ``hidden_dim`` -> ``mu`` and ``logvar``."""

    def __init__(self, latent_dim: int, num_classes: int, hidden_dim: int = 400) -> None:
        super().__init__(
            nn.Linear(SIDE * SIDE + num_classes, hidden_dim), nn.ReLU(),
            GaussianHead(hidden_dim, latent_dim),
        )  # fmt: skip
        self.num_classes = num_classes

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """``(mu, logvar)``, each (batch, latent_dim)."""
        return super().forward(condition(x.flatten(1), y, self.num_classes))


class ConditionalMLPDecoder(MLPDecoder):
    """``latent_dim`` numbers and the label -> ``hidden_dim`` -> 784 logits."""

    def __init__(self, latent_dim: int, num_classes: int, hidden_dim: int = 400) -> None:
        super().__init__(latent_dim + num_classes, hidden_dim)
        self.num_classes = num_classes

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Logits (batch, 1, 28, 28)."""
        return super().forward(condition(z, y, self.num_classes))


# ------------------------------------------------------------------------------------------- pixels as a picture


class ConditionalConvEncoder(nn.Sequential):
    """The image and a map per class -> 14x14 -> 7x7 -> ``mu`` and ``logvar``.

    ``width`` is the number of channels of the first convolution; the second has twice as many.
    """

    def __init__(self, latent_dim: int, num_classes: int, width: int = 32) -> None:
        super().__init__(
            nn.Conv2d(1 + num_classes, width, **HALVE), nn.ReLU(),  # (batch, width, 14, 14)
            nn.Conv2d(width, 2 * width, **HALVE), nn.ReLU(),  # (batch, 2 width, 7, 7)
            nn.Flatten(),
            GaussianHead(2 * width * 7 * 7, latent_dim),
        )  # fmt: skip
        self.num_classes = num_classes

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """``(mu, logvar)``, each (batch, latent_dim)."""
        return super().forward(label_maps(x, y, self.num_classes))


class ConditionalConvDecoder(ConvDecoder):
    """``latent_dim`` numbers and the label -> 7x7 -> 14x14 -> 28x28."""

    def __init__(self, latent_dim: int, num_classes: int, width: int = 32) -> None:
        super().__init__(latent_dim + num_classes, width)
        self.num_classes = num_classes

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Logits (batch, 1, 28, 28)."""
        return super().forward(condition(z, y, self.num_classes))
