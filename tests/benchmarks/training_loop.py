"""One pass over images of MNIST by four models: the usual loop, the course's loop, the arithmetic alone."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook
from torch.utils.data import Dataset, Subset

from course_utils.adversarial import adam, discriminator_step, fit_adversarial, generator_step
from course_utils.elbo import negative_elbo
from course_utils.models import (
    VAE,
    ConvDecoder,
    ConvDiscriminator,
    ConvEncoder,
    ConvGenerator,
    MLPDecoder,
    MLPDiscriminator,
    MLPEncoder,
    MLPGenerator,
)
from course_utils.training import fit
from tests.benchmarks import usual
from tests.benchmarks.by_hand import ByHand
from tests.benchmarks.frame import Table, median, ratio, take_turns_apart
from tests.benchmarks.usual import BATCH, GAN_BETAS, GAN_LR, LR, NOISE

N_IMAGES = 150 * BATCH  # in each round; an epoch takes in proportion (see training_growth)
CODE = 20

Work = Callable[[], object]


class FlatDiscriminator(MLPDiscriminator):
    """Sees an image as 784 numbers."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1))


@dataclass(frozen=True)
class Game:
    """A generator and a discriminator of images."""

    name: str
    goal: float
    generator: Callable[[], nn.Module]
    discriminator: Callable[[], nn.Module]

    def usual(self, dataset: Dataset) -> object:
        return usual.train_gan(self.generator(), self.discriminator(), dataset)

    def course(self, images: Tensor) -> object:
        """As in lecture 10, on as many batches as the usual loop has."""
        maker, judge = self.generator(), self.discriminator()
        of_maker, of_judge = (adam(net, lr=GAN_LR, betas=GAN_BETAS) for net in (maker, judge))
        return fit_adversarial(
            lambda x: discriminator_step(judge, maker, of_judge, x, torch.randn(len(x), NOISE)),
            lambda x: generator_step(maker, judge, of_maker, torch.randn(len(x), NOISE)),
            (images,),
            steps=len(images) // BATCH,
            batch_size=BATCH,
            won_below=None,
            generator=None,
        )


@dataclass(frozen=True)
class Autoencoder:
    """A VAE of images; ``by_hand``, if there is one, trains it for an epoch with derivatives worked out by hand."""

    name: str
    goal: float
    model: Callable[[], VAE]
    by_hand: Callable[[VAE, Tensor], object] | None = None

    def usual(self, dataset: Dataset) -> object:
        return usual.train_vae(self.model(), dataset)

    def course(self, images: Tensor) -> object:
        return fit(
            self.model(),
            lambda model, x: negative_elbo(x, *model(x)),
            (images,),
            epochs=1,
            batch_size=BATCH,
            lr=LR,
            generator=None,
        )


MODELS = (
    Autoencoder(
        "MLP VAE",
        28,
        lambda: VAE(MLPEncoder(CODE), MLPDecoder(CODE)),
        by_hand=lambda model, images: ByHand(model).epoch(images),
    ),
    Autoencoder("convolutional VAE", 70, lambda: VAE(ConvEncoder(CODE, 16), ConvDecoder(CODE, 16))),
    Game(
        "MLP GAN",
        55,
        lambda: nn.Sequential(MLPGenerator(NOISE, 784, 256), nn.Sigmoid()),
        lambda: FlatDiscriminator(784, 256),
    ),
    Game("convolutional GAN", 70, lambda: ConvGenerator(NOISE), ConvDiscriminator),
)


def arithmetic(step: Work) -> list[Work]:
    """The matrix products and convolutions of one step, forwards and backwards: nothing of it but these."""
    products: list[Work] = []

    def remember(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            products.extend(products_of(layer, inputs[0], output))

    handle = register_module_forward_hook(remember)
    try:
        step()
    finally:
        handle.remove()
    return products


def products_of(layer: nn.Module, x: Tensor, y: Tensor) -> list[Work]:
    """One product forwards, and one backwards for each that a gradient is due to: the weights, the input."""
    due_to_x, due_to_weight = x.requires_grad, layer.weight.requires_grad and y.requires_grad
    x, weight, error = x.detach(), layer.weight.detach(), torch.randn_like(y)
    if isinstance(layer, nn.Linear):
        backwards = [lambda: error.T @ x] * due_to_weight + [lambda: error @ weight] * due_to_x
        return [lambda: x @ weight.T, *backwards]
    transposed = isinstance(layer, nn.ConvTranspose2d)
    how = (layer.stride, layer.padding, layer.dilation, transposed, layer.output_padding, layer.groups)
    due = [due_to_x, due_to_weight, False]
    backwards = [lambda: torch.ops.aten.convolution_backward(error, x, weight, None, *how, due)]
    return [lambda: torch.convolution(x, weight, None, *how), *backwards * any(due)]


def measure_model(
    model: Autoencoder | Game, dataset: Dataset, images: Tensor, rounds: int
) -> list[tuple[str, ...]]:
    """The rows of one model."""
    products = arithmetic(lambda: model.course(images[:BATCH]))
    contenders = {
        "usual loop": lambda: model.usual(dataset),
        "course's loop": lambda: model.course(images),
        "products alone": lambda: [product() for _ in range(len(images) // BATCH) for product in products],
    }
    if isinstance(model, Autoencoder) and model.by_hand is not None:
        contenders["derivatives by hand"] = lambda: model.by_hand(model.model(), images)
    torch.manual_seed(0)
    samples = take_turns_apart(contenders, rounds)
    base = [s.cpu for s in samples["usual loop"]]
    rows = []
    for name, own in samples.items():
        cpu, wall = [s.cpu for s in own], [s.wall for s in own]
        goal = f"{model.goal} %" if name == "course's loop" else ""
        rows.append((model.name, name, median(cpu), ratio(cpu, base), goal, median(wall)))
    return rows


def run(rounds: int = 5) -> Table:
    images = usual.mnist_images()[:N_IMAGES].clone()
    dataset = Subset(usual.mnist_dataset(), range(N_IMAGES))
    table = Table(
        "Training loop",
        f"One pass over {N_IMAGES:,} images of MNIST from new parameters, batch {BATCH}, {rounds} rounds. The "
        "usual loop (`tests/benchmarks/usual.py`): torchvision's data set, DataLoader, sigmoid before the "
        "cross-entropy, Adam not fused, `.item()` at every step. The course's: `fit` and `fit_adversarial` on tensors "
        "in memory. Both train the course's models to the same objective: the VAEs 784-400-20, and 16 and 32 "
        "channels; the GANs 64-256-256-784, and 16 and 32 channels. The products alone are the matrix products and "
        "convolutions of the course's steps. With derivatives by hand (`tests/benchmarks/by_hand.py`) there is no "
        "autograd, no module and no large array made twice: what is left of the step is arithmetic.",
        ("model", "loop", "CPU s", "of the usual loop", "goal", "wall s"),
    )
    for model in MODELS:
        table.rows += measure_model(model, dataset, images, rounds)
    return table
