"""Pick beta and a latent dimension, and walk along it (lecture 7)."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from course_utils.data import few_shapes
from course_utils.gaussian import kl_standard_normal_per_dim, reparameterize
from course_utils.likelihoods import bernoulli_log_likelihood
from course_utils.models import VAEEnsemble
from course_utils.plotting import COLOURS, new_figure
from course_utils.widgets.controls import choice, slider
from course_utils.widgets.explorer import Explorer, explore

__all__ = ["correlations", "make_figure", "ranked_dimensions", "traversal_playground", "walk"]

REACH = 2.0  # traversals go from -REACH to REACH, in standard deviations of the prior
N_STEPS = 9
MIDDLE = 116  # the image whose code the walk starts from: middling in all factors
NAMES = "scale", "x", "y"
ALT = (
    "On the left the image decoded from a code. Right of it nine images, the walk along one latent dimension "
    "while the others stay, with a frame around the one on the left. On the right a bar for each dimension, the "
    "nats it costs, the chosen one darker. Controls choose beta, the dimension and its value."
)


def ranked_dimensions(mu: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
    """Latent dimensions in the order of what they carry.

    Parameters: ``mu``, ``logvar`` of shape (n_examples, latent_dim).
    Returns: their numbers, the busiest first, and their average KL terms in nats in that order; each (latent_dim,).
    """
    nats = kl_standard_normal_per_dim(mu, logvar).mean(0)
    return nats.argsort(descending=True), nats.sort(descending=True).values


def walk(z: Tensor, index: int, n_steps: int = N_STEPS) -> Tensor:
    """Codes along one coordinate, from -2 to 2 in even steps, the others as in ``z`` (latent_dim,).

    Returns: shape (n_steps, latent_dim).
    """
    steps = torch.linspace(-REACH, REACH, n_steps)[:, None]
    return torch.where(torch.arange(len(z)) == index, steps, z)


def correlations(code: Tensor, factors: Tensor) -> Tensor:
    """Correlation of one code (n_examples,) with each factor (n_examples, n_factors); 0 for one that never moves."""
    columns = torch.cat([code[:, None], factors], 1)
    centred = columns - columns.mean(0)
    unit = centred / centred.norm(dim=0).clamp_min(1e-6)
    return unit[:, 1:].T @ unit[:, 0]


def make_figure(
    models: VAEEnsemble, x: Tensor, factors: Tensor, numbers: Sequence[int]
) -> tuple[Figure, "Update"]:
    """The figure and its update function ``update(beta, rank, value)``; ``beta`` is a number of a model."""
    figure, axes = new_figure(1, 3, figsize=(10.0, 3.2), width_ratios=(1, 1, 1.1))
    return figure, Update(models, x, factors, numbers, axes)


class Update:
    """Redraws for a model, a dimension (by rank) and its value; the codes are computed once."""

    @torch.no_grad()
    def __init__(self, models, x, factors, numbers, axes) -> None:  # noqa: ANN001
        self.models, self.factors = models, factors
        mu, logvar = models.encode(x)
        self.codes = {k: mu[k] for k in numbers}
        self.ranked = {k: ranked_dimensions(mu[k], logvar[k]) for k in numbers}
        one, strip, bars = axes
        side, dim = models.side, mu.shape[-1]
        self.one = one.imshow(np.zeros((side, side)), vmin=0, vmax=1, cmap="gray")
        one.set_title("one code")
        self.side = side
        width = 3 * (side + 1) - 1
        self.strip = strip.imshow(np.zeros((width, width)), vmin=0, vmax=1, cmap="gray")
        (self.frame,) = strip.plot([], [], color=COLOURS["posterior"], linewidth=3.5)
        strip.set_title("the walk, from top left")
        for ax in (one, strip):
            ax.set(xticks=[], yticks=[])
            ax.grid(False)
        self.bars = bars.barh(range(1, dim + 1), [0.0] * dim, color=COLOURS["neutral"])
        bars.set(xlim=(0, 2), ylim=(dim + 0.6, 0.4), yticks=range(1, dim + 1), xlabel="nats")
        bars.set_title("dimensions")

    @torch.no_grad()
    def __call__(self, beta: int, rank: int, value: float) -> str:
        """Draw; returns a sentence about what the dimension does."""
        order, nats = self.ranked[beta]
        index, z = int(order[rank - 1]), self.codes[beta][MIDDLE]
        codes = torch.cat([walk(z, index), z[None]])
        codes[-1, index] = value
        images = torch.sigmoid(self.models.decode_one(beta, codes))[:, 0]
        self.one.set_data(images[-1].numpy())
        self.strip.set_data(self._mosaic(images[:-1]))
        self._put_frame(round((value + REACH) / (2 * REACH) * (N_STEPS - 1)))
        for place, (bar, length) in enumerate(zip(self.bars, nats.tolist(), strict=True), start=1):
            bar.set_width(length)
            bar.set_color(COLOURS["kl"] if place == rank else COLOURS["neutral"])
        related = correlations(self.codes[beta][:, index], self.factors)
        words = ", ".join(f"{name} {r:+.2f}" for name, r in zip(NAMES, related.tolist(), strict=True))
        return f"Dimension {rank} costs {nats[rank - 1]:.2f} nats. Its correlation with the factors: {words}."

    def _mosaic(self, images: Tensor) -> np.ndarray:
        padded = torch.nn.functional.pad(images, (0, 1, 0, 1), value=1.0)  # a white line between images
        rows = [torch.cat(list(row), 1) for row in padded.split(3)]
        return torch.cat(rows, 0)[:-1, :-1].numpy()

    def _put_frame(self, step: int) -> None:
        top, left = (step // 3) * (self.side + 1) - 0.5, (step % 3) * (self.side + 1) - 0.5
        right, bottom = left + self.side, top + self.side
        self.frame.set_data([left, right, right, left, left], [top, top, bottom, bottom, top])


def traversal_playground(
    models: VAEEnsemble | None = None, numbers: dict[str, int] | None = None, *, start: str | None = None
) -> Explorer:
    """Show the playground: buttons choose beta, sliders the latent dimension and its value.

    Parameters: ``models`` are trained on :func:`course_utils.data.few_shapes`; without them, three small ones
    are trained, which takes a second or two. ``numbers`` maps what is written on a button to the number of a
    model; ``start`` is the button that is down at first.
    """
    x, factors = few_shapes()
    if models is None or numbers is None:
        betas = 0.5, 2.0, 4.0
        models, numbers = _small_models(x, betas), {f"{beta:g}": k for k, beta in enumerate(betas)}
    figure, update = make_figure(models, x, factors, list(numbers.values()))
    buttons = choice(numbers, "beta")
    if start is not None:
        buttons.value = numbers[start]
    return explore(
        figure,
        update,
        alt=ALT,
        beta=buttons,
        rank=slider(1, len(update.bars), 1, 1, "latent dimension, busiest first"),
        value=slider(-REACH, REACH, 1.0, 0.25, "its value"),
    )


def _small_models(x: Tensor, betas: Sequence[float], n_steps: int = 300) -> VAEEnsemble:
    generator = torch.Generator().manual_seed(0)
    models = VAEEnsemble(len(betas), side=x.shape[-1], latent_dim=6, generator=generator)
    optimizer = torch.optim.Adam(models.parameters(), lr=1e-2)
    for step in range(n_steps):
        batch = x[torch.randint(len(x), (64,), generator=generator)]
        mu, logvar = models.encode(batch)
        logits = models.decode(reparameterize(mu, logvar, generator))
        error = -bernoulli_log_likelihood(logits.flatten(0, 1), batch.repeat(len(betas), 1, 1, 1))
        nats = kl_standard_normal_per_dim(mu, logvar).sum(-1).mean(1)  # (n_models,)
        price = torch.tensor(betas) * min(1.0, 4 * step / n_steps)
        loss = error.view(len(betas), -1).mean(1) + price * nats
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
    return models.eval()
