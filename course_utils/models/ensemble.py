"""Many small VAEs trained at once, for lectures that compare settings and seeds."""

import math

import torch
from torch import Generator, Tensor, nn

__all__ = ["VAEEnsemble"]


class VAEEnsemble(nn.Module):
    r"""``n_models`` independent VAEs of one shape in one module: every weight has a leading model dimension.

    ``side`` squared pixels -> ``hidden_dim`` -> ``mu``, ``logvar``, and back, with ReLUs. A batched matrix product
    does for all models what a linear layer does for one, at little more than the cost of the arithmetic. No
    parameter is shared: the gradient of a sum of losses is each model's own.

    Parameters: ``side`` of the square images; ``generator`` draws the initial weights, uniform within
    :math:`1/\sqrt{n_{in}}`; biases start at 0.

    >>> models = VAEEnsemble(3, side=12, latent_dim=6)
    >>> mu, logvar = models.encode(torch.zeros(5, 1, 12, 12))
    >>> mu.shape, models.decode(mu).shape
    (torch.Size([3, 5, 6]), torch.Size([3, 5, 1, 12, 12]))
    """

    def __init__(
        self,
        n_models: int,
        *,
        side: int,
        latent_dim: int,
        hidden_dim: int = 48,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.side = side
        widths = side * side, hidden_dim, 2 * latent_dim, latent_dim, hidden_dim, side * side
        sizes = [(widths[i], widths[i + 1]) for i in (0, 1, 3, 4)]  # encoder, then decoder
        drawn = [2 * torch.rand(n_models, n_in, n_out, generator=generator) - 1 for n_in, n_out in sizes]
        self.weights = nn.ParameterList(u / math.sqrt(u.shape[1]) for u in drawn)
        self.biases = nn.ParameterList(torch.zeros(n_models, 1, n_out) for _, n_out in sizes)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``(mu, logvar)`` of every model, each (n_models, batch, latent_dim), for images (batch, 1, side, side)."""
        pixels = x.flatten(1).expand(len(self.weights[0]), -1, -1)
        return self._linear(1, self._linear(0, pixels).relu()).chunk(2, dim=-1)

    def decode(self, z: Tensor) -> Tensor:
        """Logits (n_models, batch, 1, side, side) of codes (n_models, batch, latent_dim)."""
        logits = self._linear(3, self._linear(2, z).relu())
        return logits.unflatten(2, (1, self.side, self.side))

    def decode_one(self, model: int, z: Tensor) -> Tensor:
        """One model alone: logits (batch, 1, side, side) of codes (batch, latent_dim)."""
        (w1, w2), (b1, b2) = ([p[2][model], p[3][model]] for p in (self.weights, self.biases))
        return ((z @ w1 + b1).relu() @ w2 + b2).unflatten(1, (1, self.side, self.side))

    def _linear(self, layer: int, x: Tensor) -> Tensor:
        return torch.baddbmm(self.biases[layer], x, self.weights[layer])
