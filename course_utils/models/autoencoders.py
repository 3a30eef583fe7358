"""The autoencoders of lecture 2, exactly as the lecture shows them.

Each squeezes its input x through a code z, and has the same three parts: ``encode(x) -> z``,
``decode(z) -> x_hat``, and ``forward(x)``, which is ``decode(encode(x))``.
"""

from torch import Tensor, nn

__all__ = ["ConvAutoencoder", "LinearAutoencoder", "MLPAutoencoder"]

SIDE = 28
N_PIXELS = SIDE * SIDE


class LinearAutoencoder(nn.Module):
    """Two matrices and no non-linearity: the best it can do is PCA.

    It has no biases and expects centred data, as PCA does after subtracting the mean.

    Parameters: ``n_inputs`` is the dimension D of the data, ``code_dim`` the dimension of the code.

    References: P. Baldi and K. Hornik 1989, Neural networks and principal component analysis,
    https://doi.org/10.1016/0893-6080(89)90014-2.

    >>> import torch
    >>> LinearAutoencoder(n_inputs=784, code_dim=4)(torch.zeros(2, 784)).shape
    torch.Size([2, 784])
    """

    def __init__(self, n_inputs: int, code_dim: int) -> None:
        super().__init__()
        self.encode = nn.Linear(n_inputs, code_dim, bias=False)
        self.decode = nn.Linear(code_dim, n_inputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, n_inputs) to (B, n_inputs) through a code of shape (B, code_dim)."""
        return self.decode(self.encode(x))


def dense(n_in: int, n_out: int) -> nn.Sequential:
    """One hidden layer: linear, normalised (so that large learning rates work), bent."""
    return nn.Sequential(nn.Linear(n_in, n_out), nn.LayerNorm(n_out), nn.SiLU())


class MLPAutoencoder(nn.Module):
    """784 pixels -> 256 -> 128 -> code -> 128 -> 256 -> 784 pixels.

    Parameters: ``code_dim`` is the dimension of the code.

    References: G. Hinton and R. Salakhutdinov 2006, Reducing the dimensionality of data with neural networks,
    https://doi.org/10.1126/science.1127647.

    >>> import torch
    >>> MLPAutoencoder(code_dim=5).encode(torch.zeros(3, 1, 28, 28)).shape
    torch.Size([3, 5])
    """

    def __init__(self, code_dim: int) -> None:
        super().__init__()
        self.encode = nn.Sequential(
            nn.Flatten(), dense(N_PIXELS, 256), dense(256, 128), nn.Linear(128, code_dim)
        )
        self.decode = nn.Sequential(
            dense(code_dim, 128), dense(128, 256), nn.Linear(256, N_PIXELS),
            nn.Sigmoid(), nn.Unflatten(1, (1, SIDE, SIDE)),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 1, 28, 28) to (B, 1, 28, 28), values in (0, 1), through a code of shape (B, code_dim)."""
        return self.decode(self.encode(x))


class ConvAutoencoder(nn.Module):
    """28x28 -> 14x14 -> a map of 7x7 -> 14x14 -> 28x28, in four convolutions.

    A kernel of 4 with stride 2 and padding 1 halves an even size exactly, and transposed it doubles it.
    Nothing in here knows the size of the image: any multiple of 4 goes in and comes out.

    Parameters: ``code_channels`` is the number of channels of the code, ``width`` that of the layers
    around it.

    >>> import torch
    >>> ConvAutoencoder().encode(torch.zeros(3, 1, 28, 28)).shape
    torch.Size([3, 4, 7, 7])
    """

    def __init__(self, code_channels: int = 4, width: int = 16) -> None:
        super().__init__()
        sizes = {"kernel_size": 4, "stride": 2, "padding": 1}
        self.encoder = nn.Sequential(
            nn.Conv2d(1, width, **sizes), nn.SiLU(), nn.Conv2d(width, code_channels, **sizes)
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(code_channels, width, **sizes), nn.SiLU(),
            nn.ConvTranspose2d(width, 1, **sizes), nn.Sigmoid(),
        )  # fmt: skip

    def encode(self, x: Tensor) -> Tensor:
        """Code of shape (B, code_channels, 7, 7) for images (B, 1, 28, 28)."""
        return self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        """Images with values in (0, 1) from codes."""
        return self.decoder(z)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 1, 28, 28) to (B, 1, 28, 28), values in (0, 1)."""
        return self.decode(self.encode(x))
