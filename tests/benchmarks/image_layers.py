"""The layers next to the image against those of `torch.nn`, which have the same parameters and give the same."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_utils.adversarial import frozen
from course_utils.models.image_layers import FromImage, ToImage
from tests.benchmarks.frame import Table, median, ratio, take_turns
from tests.benchmarks.usual import BATCH, with_usual_layers

CHANNELS = 16
REPEATS = 20  # of each measurement

Pass = Callable[[nn.Module, Tensor, Tensor], object]


def forwards(layer: nn.Module, x: Tensor, error: Tensor) -> None:
    with torch.no_grad():
        layer(x)


def to_all(layer: nn.Module, x: Tensor, error: Tensor) -> None:
    torch.autograd.grad(layer(x), (x, layer.weight, layer.bias), error)


def to_input(layer: nn.Module, x: Tensor, error: Tensor) -> None:
    with frozen(layer):
        torch.autograd.grad(layer(x), x, error)


def to_parameters(layer: nn.Module, x: Tensor, error: Tensor) -> None:
    torch.autograd.grad(layer(x.detach()), (layer.weight, layer.bias), error)


# what the course does with them: a decoder or generator learns and draws; a discriminator learns, or lets through
WORK: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], Pass]] = {
    "to the image, forwards": (lambda: ToImage(CHANNELS), (BATCH, CHANNELS, 14, 14), forwards),
    "to the image, and all gradients": (lambda: ToImage(CHANNELS), (BATCH, CHANNELS, 14, 14), to_all),
    "from the image, forwards": (lambda: FromImage(CHANNELS), (BATCH, 1, 28, 28), forwards),
    "from the image, and back to it": (lambda: FromImage(CHANNELS), (BATCH, 1, 28, 28), to_input),
    "from the image, and to the parameters": (lambda: FromImage(CHANNELS), (BATCH, 1, 28, 28), to_parameters),
}


def run(rounds: int = 15) -> Table:
    table = Table(
        "Layers next to the image",
        "`FromImage` and `ToImage` (`course_utils/models/image_layers.py`) against `nn.Conv2d` and "
        f"`nn.ConvTranspose2d`: batch {BATCH}, {CHANNELS} channels of 14x14 on one side, one of 28x28 on the other; "
        f"CPU time, {rounds} rounds.",
        ("work", "`torch.nn`, ms", "ours, ms", "ours of `torch.nn`'s"),
    )
    # given back at once: from then on the C library keeps what is smaller, as in a long training
    torch.empty(7_000_000)
    for name, (make, shape, work) in WORK.items():
        x = torch.rand(shape).requires_grad_()
        error = torch.randn_like(make()(x))
        layers = {"usual": with_usual_layers(make()), "ours": make()}
        contenders = {
            key: lambda layer=layer, work=work, x=x, error=error: [
                work(layer, x, error) for _ in range(REPEATS)
            ]
            for key, layer in layers.items()
        }
        take_turns(contenders, 1)
        usual, ours = ([s.cpu for s in own] for own in take_turns(contenders, rounds).values())
        unit = 1000 / REPEATS
        table.rows.append((name, median(usual, unit=unit), median(ours, unit=unit), ratio(ours, usual)))
    return table
