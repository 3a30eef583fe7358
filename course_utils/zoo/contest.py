"""The rules: what every contestant gets, what it hands back, and how that is measured."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import torch
from torch import Generator, Tensor

from course_utils.adversarial import endless_minibatches
from course_utils.data import ImageData
from course_utils.metrics import FeatureNet, frechet_distance

__all__ = ["Budget", "Contestant", "Score", "Trained", "batches", "draw_labels", "measure"]


@dataclass(frozen=True)
class Budget:
    """What every contestant gets: generator or model steps on batches of one size, and networks of one width."""

    steps: int = 200
    batch_size: int = 32
    latent_dim: int = 8
    hidden_dim: int = 128
    width: int = 8

    @property
    def noise_dim(self) -> int:
        """Noise of a GAN, which pays nothing for having more than a code needs, and is better with it."""
        return 4 * self.latent_dim


@dataclass
class Trained:
    """A trained contestant: what it can do, and None for what it can't.

    ``sample(n)`` gives images (n, 1, 28, 28); ``reconstruct(x)`` images like x; ``bound(x)`` a number of nats for each
    of the black and white images x; ``encode(x)`` codes (n, latent_dim). ``seconds`` are CPU seconds of training.
    """

    name: str
    sample: Callable[[int], Tensor]
    reconstruct: Callable[[Tensor], Tensor] | None = None
    bound: Callable[[Tensor], Tensor] | None = None
    encode: Callable[[Tensor], Tensor] | None = None
    seconds: float = math.nan


# trains on the training half of the data, weights drawn from torch's global state, all else from the generator
Contestant = Callable[[ImageData, Budget, Generator], Trained]


@dataclass
class Score:
    """One row of the table. NaN where a model has no such number.

    ``bound``: nats per black and white test image, of which more is better; ``error``: squared error of a
    reconstruction, summed over pixels; ``frechet``: distance of samples from test images in the feature network;
    ``classes``: those that at least ``share`` of the samples belong to; ``train`` and ``sample``: CPU seconds, the
    latter for 100 images; ``infers``: 1 with an inference network, else 0.
    """

    bound: float
    error: float
    frechet: float
    classes: float
    train: float
    sample: float
    infers: float

    def tensor(self) -> Tensor:
        """The numbers in order, (7,), float64."""
        return torch.tensor([getattr(self, field.name) for field in fields(self)], dtype=torch.float64)


@torch.no_grad()
def measure(
    trained: Trained, data: ImageData, net: FeatureNet, *, n: int = 300, share: float = 0.02
) -> Score:
    """Measure one contestant on the test images.

    Parameters: ``net`` from :func:`~course_utils.metrics.feature_net`; ``n`` samples are drawn; see :class:`Score`.
    """
    x = data.test_images
    start = time.process_time()
    samples = trained.sample(n)
    seconds = (time.process_time() - start) * 100 / n
    counts = net.logits(samples).argmax(1).bincount(minlength=data.n_classes)
    return Score(
        bound=trained.bound((x > 0.5).float()).mean().item() if trained.bound else math.nan,
        error=_squared_error(trained.reconstruct(x), x) if trained.reconstruct else math.nan,
        frechet=frechet_distance(net(samples), net(x)),
        classes=float((counts >= share * n).sum()),
        train=trained.seconds,
        sample=seconds,
        infers=float(trained.encode is not None),
    )


def _squared_error(a: Tensor, b: Tensor) -> float:
    return (a - b).square().flatten(1).sum(1).mean().item()


# ------------------------------------------------------------------------------- what several contestants need


def batches(*tensors: Tensor, budget: Budget, generator: Generator) -> Iterator[tuple[Tensor, ...]]:
    """As many shuffled minibatches as the budget has steps."""
    endless = endless_minibatches(*tensors, batch_size=budget.batch_size, generator=generator)
    return (next(endless) for _ in range(budget.steps))


def draw_labels(labels: Tensor, n: int, generator: Generator) -> Tensor:
    """``n`` labels that occur as often as in ``labels``: what to order from a model that wants to be told a class."""
    return labels[torch.randint(len(labels), (n,), generator=generator)]
