r"""Many toy games at once, each with rules of its own: what a single lucky or unlucky seed cannot show.

All weights have a leading dimension for the games, so that one batched matrix product does for all of them what a
linear layer does for one. No number is shared: the gradient of a sum of losses is each game's own.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

__all__ = ["MLPEnsemble", "Rules", "play_games"]

# ``watch(step, judge, sample, (discriminator losses, generator losses))``
Watch = Callable[[int, Callable[[Tensor], Tensor], Callable[[int], Tensor], tuple[Tensor, Tensor]], None]

SLOPE = 0.2  # of the discriminators' leaky ReLU, as in `course_utils.models`


@dataclass(frozen=True)
class Rules:
    """How one game is played.

    Parameters: ``label``, the probability that a real point is to be called real, below 1 for one-sided smoothing;
    ``spectral``, whether each matrix of the discriminator is divided by its largest singular value; the learning
    rates of the two players; ``saturating``, whether the generator minimises log(1 - D).
    """

    label: float = 1.0
    spectral: bool = False
    lr_discriminator: float = 1e-3
    lr_generator: float = 1e-3
    saturating: bool = False


class MLPEnsemble(nn.Module):
    """``n_models`` multi-layer perceptrons of one shape in one module.

    Parameters: ``widths``, from the input to the output; ``slope`` of the leaky ReLU between layers (0: a ReLU);
    ``spectral`` (n_models,) booleans: for which of them every matrix is divided by its largest singular value,
    found by one power iteration per call in training mode; ``generator`` draws the weights, uniform within
    1/sqrt(n_in), as ``nn.Linear`` does.

    >>> MLPEnsemble(3, (2, 8, 1))(torch.zeros(3, 5, 2)).shape
    torch.Size([3, 5, 1])
    """

    def __init__(
        self,
        n_models: int,
        widths: Sequence[int],
        *,
        slope: float = 0.0,
        spectral: Tensor | None = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.slope = slope
        self.spectral = None if spectral is None or not spectral.any() else spectral.view(-1, 1, 1)

        def uniform(n_in: int, *shape: int) -> nn.Parameter:
            return nn.Parameter((2 * torch.rand(shape, generator=generator) - 1) / math.sqrt(n_in))

        pairs = list(pairwise(widths))
        self.weights = nn.ParameterList(uniform(n, n_models, n, m) for n, m in pairs)
        self.biases = nn.ParameterList(uniform(n, n_models, 1, m) for n, m in pairs)
        self.directions = [torch.randn(n_models, 1, m, generator=generator) for _, m in pairs]

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (n_models, batch, n_out) of inputs (n_models, batch, n_in)."""
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if self.spectral is not None:
                weight = torch.where(self.spectral, weight / self._largest(i), weight)
            x = torch.baddbmm(bias, x, weight)
            if i + 1 < len(self.weights):
                x = F.leaky_relu(x, self.slope)
        return x

    def _largest(self, layer: int) -> Tensor:
        """The largest singular value of each model's matrix, (n_models, 1, 1), in the graph of the matrix."""
        weight, right = self.weights[layer], self.directions[layer]
        with torch.no_grad():
            left = F.normalize(right @ weight.mT, dim=2)
            if self.training:
                right = F.normalize(left @ weight, dim=2)
                self.directions[layer] = right
        return left @ weight @ right.mT


def play_games(
    rules: Sequence[Rules],
    data: Callable[[int], Tensor],
    *,
    steps: int,
    batch_size: int = 64,
    latent_dim: int = 2,
    hidden_dim: int = 32,
    watch: Watch | None = None,
    generator: Generator | None,
) -> Callable[[int], Tensor]:
    r"""Play one game for each of the rules, all from starts and with points and noise of their own.

    Both players have two hidden layers; they move in turn, by Adam with :math:`\beta = (0.5, 0.999)`.

    Parameters: ``data(n)`` draws n points (n, dim); ``batch_size`` points per game and step;
    ``watch(step, judge, sample, losses)`` is called after each step, counted from 1: ``judge`` takes (n_games, n, dim)
    to logits (n_games, n, 1), ``sample`` is what is returned in the end, and ``losses`` are those of discriminator
    and generator, each (n_games,), from before their moves. ``generator`` draws all but the data.
    Returns: ``sample(n)``, which draws (n_games, n, dim) from the trained generators.
    Raises: ValueError if there are no rules.
    References: for the rules see :func:`course_utils.adversarial.smoothed_discriminator_loss`;
    Miyato et al. 2018, arXiv:1802.05957 (spectral normalisation); Heusel et al. 2017, arXiv:1706.08500 (two rates).

    >>> sample = play_games([Rules()] * 3, lambda n: torch.randn(n, 2), steps=2, generator=None)
    >>> sample(5).shape
    torch.Size([3, 5, 2])
    """
    if not rules:
        raise ValueError("there must be rules for one game or more")
    n, dim = len(rules), data(1).shape[1]

    def column(name: str) -> Tensor:
        return torch.tensor([float(getattr(rule, name)) for rule in rules])[:, None, None]

    label, saturating = column("label"), column("saturating") > 0
    players = (
        MLPEnsemble(
            n,
            (dim, hidden_dim, hidden_dim, 1),
            slope=SLOPE,
            spectral=column("spectral").flatten() > 0,
            generator=generator,
        ),
        MLPEnsemble(n, (latent_dim, hidden_dim, hidden_dim, dim), generator=generator),
    )
    judges, makers = players
    moves = _Adam(judges, column("lr_discriminator")), _Adam(makers, column("lr_generator"))

    def make(n_points: int) -> Tensor:
        return makers(torch.randn(n, n_points, latent_dim, generator=generator))

    sample, judge = torch.no_grad()(make), torch.no_grad()(judges)
    for step in range(1, steps + 1):
        real = data(n * batch_size).view(n, batch_size, dim)
        on_real, on_fake = judges(torch.cat([real, sample(batch_size)], 1)).split(batch_size, dim=1)
        nats = F.softplus(on_fake) + F.softplus(-on_real) + (1 - label) * on_real
        loss_d = nats.mean((1, 2))
        moves[0].step(loss_d.sum())
        on_fake = judges(make(batch_size))
        nats = torch.where(saturating, -F.softplus(on_fake), F.softplus(-on_fake))
        loss_g = nats.mean((1, 2))
        moves[1].step(loss_g.sum())
        if watch is not None:
            watch(step, judge, sample, (loss_d.detach(), loss_g.detach()))
    return sample


class _Adam:
    """Adam with a learning rate for each model, (n_models, 1, 1); parameters have the models first."""

    def __init__(self, module: nn.Module, lr: Tensor, betas: tuple[float, float] = (0.5, 0.999)) -> None:
        self.parameters, self.lr, self.betas, self.t = list(module.parameters()), lr, betas, 0
        self.moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in self.parameters]

    def step(self, loss: Tensor) -> None:
        self.t += 1
        b1, b2 = self.betas
        gradients = torch.autograd.grad(loss, self.parameters)
        with torch.no_grad():
            for p, g, (first, second) in zip(self.parameters, gradients, self.moments, strict=True):
                first.lerp_(g, 1 - b1)
                second.lerp_(g * g, 1 - b2)
                root = (second / (1 - b2**self.t)).sqrt_().add_(1e-8)
                p -= self.lr / (1 - b1**self.t) * first / root
