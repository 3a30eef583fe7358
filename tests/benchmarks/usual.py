"""The baseline: the training loops of most tutorials, written out plainly.

Torchvision's data set with ToTensor on each image, a shuffling DataLoader, probabilities by a sigmoid and then the
binary cross-entropy, Adam not fused, `.item()` at every step. The models are the course's own, with the layers of
`torch.nn` throughout.
"""

import gzip
import os
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from course_utils.data import load
from course_utils.models.image_layers import FromImage, ToImage
from course_utils.runtime import CourseError, torchvision
from tests.benchmarks.frame import CannotMeasure

BATCH, LR = 128, 1e-3
GAN_LR, GAN_BETAS, NOISE = 2e-4, (0.5, 0.999), 64


def mnist_images() -> Tensor:
    """The training images as the course has them, (60000, 1, 28, 28), in memory."""
    if not os.environ.get("COURSE_DATA_DIR"):
        raise CannotMeasure("COURSE_DATA_DIR names no folder with MNIST/raw.")
    try:
        return load("mnist").train_images
    except CourseError as error:
        raise CannotMeasure(str(error)) from error


def mnist_dataset() -> Dataset:
    """The original files as torchvision's data set, which wants them unpacked; what is given may be read-only."""
    if not os.environ.get("COURSE_DATA_DIR"):
        raise CannotMeasure("COURSE_DATA_DIR names no folder with MNIST/raw.")
    vision = torchvision()
    with tempfile.TemporaryDirectory() as folder:  # the data set is in memory once it is made
        raw = Path(folder) / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for packed in (Path(os.environ["COURSE_DATA_DIR"]) / "MNIST" / "raw").glob("*.gz"):
            (raw / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
        return vision.datasets.MNIST(folder, transform=vision.transforms.ToTensor())


def with_usual_layers(model: nn.Module) -> nn.Module:
    """The same model, in place, where the course has layers that work out the same sums in less time."""
    for layer in model.modules():
        if isinstance(layer, FromImage | ToImage):
            # nn.Conv2d or nn.ConvTranspose2d: parameters and names are the same
            layer.__class__ = type(layer).__base__
    return model


def train_vae(model: nn.Module, dataset: Dataset, epochs: int = 1) -> list[float]:
    """The mean loss of each epoch, in nats per image."""
    model = with_usual_layers(model)
    loader = DataLoader(dataset, batch_size=BATCH, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    losses = []
    for _ in range(epochs):
        total = 0.0
        for x, _ in loader:
            optimizer.zero_grad()
            logits, mu, logvar = model(x)
            reconstruction = functional.binary_cross_entropy(torch.sigmoid(logits), x, reduction="sum")
            kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
            loss = reconstruction + kl
            loss.backward()
            total += loss.item()
            optimizer.step()
        losses.append(total / len(dataset))
    return losses


def train_gan(generator: nn.Module, discriminator: nn.Module, dataset: Dataset) -> tuple[float, float]:
    """One epoch, as in PyTorch's own tutorial; the mean losses of discriminator and generator, in nats.

    The discriminator learns from a real and a fake batch, one after the other; then the generator learns from the
    same fake batch, looked at anew.
    """
    generator, discriminator = with_usual_layers(generator), with_usual_layers(discriminator)
    loader = DataLoader(dataset, batch_size=BATCH, shuffle=True)
    of_discriminator = torch.optim.Adam(discriminator.parameters(), lr=GAN_LR, betas=GAN_BETAS)
    of_generator = torch.optim.Adam(generator.parameters(), lr=GAN_LR, betas=GAN_BETAS)
    criterion = nn.BCELoss()
    discriminator_losses, generator_losses = [], []
    for real, _ in loader:
        ones, zeros = torch.ones(len(real)), torch.zeros(len(real))
        discriminator.zero_grad()
        loss_real = criterion(torch.sigmoid(discriminator(real)), ones)
        loss_real.backward()
        fake = generator(torch.randn(len(real), NOISE))
        loss_fake = criterion(torch.sigmoid(discriminator(fake.detach())), zeros)
        loss_fake.backward()
        of_discriminator.step()
        generator.zero_grad()
        loss = criterion(torch.sigmoid(discriminator(fake)), ones)
        loss.backward()
        of_generator.step()
        discriminator_losses.append(loss_real.item() + loss_fake.item())
        generator_losses.append(loss.item())
    return sum(discriminator_losses) / len(loader), sum(generator_losses) / len(loader)
