"""One epoch of the VAE that everybody teaches, on MNIST: the usual loop, the course's loop, the arithmetic alone.

784-400-20, batch 128, Adam 1e-3.
"""

import gzip
import os
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.data import load
from course_utils.runtime import CourseError, torchvision
from course_utils.training import fit
from tests.benchmarks.frame import CannotMeasure, Table, median, ratio, take_turns

BATCH, LR = 128, 1e-3


class Vae(nn.Module):
    """The usual one; the decoder gives logits."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(784, 400)
        self.mu, self.logvar = nn.Linear(400, 20), nn.Linear(400, 20)
        self.decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = functional.relu(self.hidden(x))
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decoder(z), mu, logvar


def kl(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()


def usual_dataset(given: Path, folder: Path) -> torch.utils.data.Dataset:
    """The original files as torchvision's data set, which wants them unpacked; ``given`` may be read-only."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for packed in (given / "MNIST" / "raw").glob("*.gz"):
        (raw / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    vision = torchvision()
    return vision.datasets.MNIST(folder, transform=vision.transforms.ToTensor())


def usual_epoch(dataset: torch.utils.data.Dataset) -> float:
    """As in most tutorials: a loader, a transform per image, sigmoid and cross-entropy, `.item()` at every step."""
    torch.manual_seed(0)
    loader = torch.utils.data.DataLoader(dataset, batch_size=BATCH, shuffle=True)
    model = Vae()
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    total = 0.0
    for images, _ in loader:
        x = images.view(-1, 784)
        optimizer.zero_grad()
        logits, mu, logvar = model(x)
        loss = functional.binary_cross_entropy(torch.sigmoid(logits), x, reduction="sum") + kl(mu, logvar)
        loss.backward()
        total += loss.item()
        optimizer.step()
    return total / len(dataset)


def negative_elbo(model: Vae, x: Tensor) -> Tensor:
    logits, mu, logvar = model(x)
    reconstruction = functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    return (reconstruction + kl(mu, logvar)) / len(x)


def course_epoch(images: Tensor) -> float:
    generator = torch.manual_seed(0)
    x = images.reshape(len(images), 784)
    return fit(Vae(), negative_elbo, (x,), epochs=1, batch_size=BATCH, lr=LR, generator=generator).train[0][
        "loss"
    ]


def arithmetic(n_examples: int) -> None:
    """The matrix products of an epoch and nothing else: forwards, and twice as many backwards."""
    shapes = [(784, 400), (400, 40), (20, 400), (400, 784)]
    weights = [torch.randn(shape) for shape in shapes]
    inputs = [torch.randn(BATCH, shape[0]) for shape in shapes]
    errors = [torch.randn(BATCH, shape[1]) for shape in shapes]
    for _ in range(n_examples // BATCH):
        for i, (x, w, e) in enumerate(zip(inputs, weights, errors, strict=True)):
            x @ w
            x.T @ e
            if i > 0:  # no gradient is needed for the images
                e @ w.T


def run(rounds: int = 3) -> Table:
    if not os.environ.get("COURSE_DATA_DIR"):
        raise CannotMeasure("COURSE_DATA_DIR names no folder with MNIST/raw.")
    try:
        images = load("mnist").train_images
    except CourseError as error:
        raise CannotMeasure(str(error)) from error
    with tempfile.TemporaryDirectory() as folder:  # the data set is in memory once it is made
        dataset = usual_dataset(Path(os.environ["COURSE_DATA_DIR"]), Path(folder))
    losses: dict[str, float] = {}
    contenders = {
        "usual loop": lambda: losses.update(usual=usual_epoch(dataset)),
        "course's loop": lambda: losses.update(course=course_epoch(images)),
        "matrix products alone": lambda: arithmetic(len(images)),
    }
    samples = take_turns(contenders, rounds)
    usual = [s.cpu for s in samples["usual loop"]]
    table = Table(
        "Training loop",
        f"One epoch of an MLP VAE (784-400-20, batch {BATCH}, Adam {LR:g}) on the {len(images):,} images of MNIST, "
        f"from a new model, {rounds} rounds. Mean loss over the epoch: {losses['usual']:.1f} nats with the usual loop "
        f"(torchvision data set, DataLoader), {losses['course']:.1f} with the course's (tensors in memory, fused Adam, "
        "logits in the loss).",
        ("loop", "CPU s", "of the usual loop", "wall s"),
    )
    for name, own in samples.items():
        cpu, wall = [s.cpu for s in own], [s.wall for s in own]
        table.rows.append((name, median(cpu), ratio(cpu, usual), median(wall)))
    return table
