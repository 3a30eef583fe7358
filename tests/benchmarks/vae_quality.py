"""How good the lectures' VAEs become on the real MNIST: test negative ELBO by epoch, by architecture."""

import os

import torch
from torch import Tensor, nn

from course_utils.data import load
from course_utils.elbo import negative_elbo
from course_utils.models import VAE, ConvDecoder, ConvEncoder, MLPDecoder, MLPEncoder
from course_utils.runtime import CourseError
from course_utils.training import History, fit
from tests.benchmarks.frame import CannotMeasure, Table, measure

LATENT_DIM, BATCH, LR, EPOCHS = 20, 128, 1e-3, 10
MODELS = {
    "MLP, 784-400-20": lambda: VAE(MLPEncoder(LATENT_DIM), MLPDecoder(LATENT_DIM)),
    "CNN, 16 and 32 channels": lambda: VAE(ConvEncoder(LATENT_DIM, 16), ConvDecoder(LATENT_DIM, 16)),
}


def loss(model: nn.Module, x: Tensor) -> Tensor:
    return negative_elbo(x, *model(x))


def train(name: str, images: Tensor, test_images: Tensor) -> History:
    generator = torch.manual_seed(0)
    model = MODELS[name]()
    return fit(
        model,
        loss,
        (images,),
        test=(test_images,),
        epochs=EPOCHS,
        batch_size=BATCH,
        lr=LR,
        generator=generator,
    )


def run() -> Table:
    if not os.environ.get("COURSE_DATA_DIR"):
        raise CannotMeasure("COURSE_DATA_DIR names no folder with MNIST/raw.")
    try:
        mnist = load("mnist")
    except CourseError as error:
        raise CannotMeasure(str(error)) from error
    table = Table(
        "Quality of the VAE on MNIST",
        "Test negative ELBO in nats per image (grey pixels, Bernoulli, one draw of z), "
        f"{LATENT_DIM} latents, Adam {LR:g}, batch {BATCH}, all {len(mnist.train_images):,} training images, one seed. "
        f"The goals: at most 106 for the MLP after {EPOCHS} epochs, and the CNN below it. Seconds include the test "
        "after every epoch.",
        ("model", "parameters", "after 1 epoch", "after 5", f"after {EPOCHS}", "CPU s"),
    )
    for name, make in MODELS.items():
        histories: list[History] = []
        took = measure(
            lambda name=name, kept=histories: kept.append(train(name, mnist.train_images, mnist.test_images))
        )
        by_epoch = histories[0].column("loss", "test")
        n_parameters = sum(p.numel() for p in make().parameters())
        shown = (f"{by_epoch[epoch - 1]:.1f}" for epoch in (1, 5, EPOCHS))
        table.rows.append((name, f"{n_parameters:,}", *shown, f"{took.cpu:.0f}"))
    return table
