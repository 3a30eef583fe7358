"""One pass over images of MNIST by four models: the usual loop, the course's loop, the arithmetic alone."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook
from torch.utils.data import Dataset, Subset

from course_utils.adversarial import adam, discriminator_loss, fit_adversarial, frozen, generator_loss
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


def move(loss: Tensor, optimizer: torch.optim.Optimizer) -> Tensor:
    """Down the gradient of the loss, which is given back without its graph."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


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
        """As in lecture 11, on as many batches as the usual loop has: one batch of fakes serves both players."""
        maker, judge = self.generator(), self.discriminator()
        of_maker, of_judge = (adam(net, lr=GAN_LR, betas=GAN_BETAS) for net in (maker, judge))
        fake = None

        def step_of_judge(x: Tensor) -> Tensor:
            nonlocal fake
            fake = maker(torch.randn(len(x), NOISE))
            return move(discriminator_loss(judge(x), judge(fake.detach())), of_judge)

        def step_of_maker(x: Tensor) -> Tensor:
            with frozen(judge):
                return move(generator_loss(judge(fake)), of_maker)

        return fit_adversarial(
            step_of_judge,
            step_of_maker,
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
    """The product forwards, and those backwards to what a gradient is due to: the weights, the input."""
    layer = deepcopy(layer)  # the step is about to change the weights
    x = x.detach().requires_grad_(x.requires_grad)
    forwards = torch.no_grad()(lambda: layer.forward(x))
    if not y.requires_grad:
        return [forwards]
    again, error = layer.forward(x), torch.randn_like(y)
    due = [tensor for tensor in (x, layer.weight) if tensor.requires_grad]
    return [forwards, lambda: torch.autograd.grad(again, due, error, retain_graph=True)]


def repeat(products: list[Work], steps: int) -> None:
    """Without keeping what comes out: fresh memory would cost as much as the products."""
    for _ in range(steps):
        for product in products:
            product()


def measure_model(
    model: Autoencoder | Game, dataset: Dataset, images: Tensor, rounds: int
) -> list[tuple[str, ...]]:
    """The rows of one model."""
    products = arithmetic(lambda: model.course(images[:BATCH]))
    contenders = {
        "usual loop": lambda: model.usual(dataset),
        "course's loop": lambda: model.course(images),
        "products alone": lambda: repeat(products, len(images) // BATCH),
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
        "cross-entropy, Adam not fused, `.item()` at every step, `torch.nn`'s own layers. The course's: `fit` and "
        "`fit_adversarial` on tensors in memory, with `course_utils/models/image_layers.py` next to the image. Both "
        "train the course's models to the same objective (VAEs 784-400-20, and of 16 and 32 channels; GANs "
        "64-256-256-784, and of 16 and 32 channels) and make one batch of fakes for both players. The products alone "
        "are the matrix products and convolutions of the course's steps. With derivatives by hand "
        "(`tests/benchmarks/by_hand.py`) there is no autograd, no module and no large array made twice: what is left "
        "of the step is arithmetic.",
        ("model", "loop", "CPU s", "of the usual loop", "goal", "wall s"),
    )
    for model in MODELS:
        table.rows += measure_model(model, dataset, images, rounds)
    return table
