"""Who takes part, by name."""

import time

import torch
from torch import Generator

from course_utils.data import ImageData
from course_utils.zoo.autoencoders import autoencoder, conditional_vae, vae
from course_utils.zoo.boltzmann import boltzmann_machine
from course_utils.zoo.contest import Budget, Contestant, Trained
from course_utils.zoo.games import conditional_gan, gan, progressive_gan, style_gan, wasserstein_gan
from course_utils.zoo.hybrids import adversarial_autoencoder, adversarial_variational_bayes, bigan

__all__ = ["CONTESTANTS", "train"]

CONTESTANTS: dict[str, Contestant] = {
    "AE + Gaussian": autoencoder,
    "VAE": vae(1.0),
    "beta-VAE": vae(4.0),
    "conditional VAE": conditional_vae,
    "RBM": boltzmann_machine,
    "AAE": adversarial_autoencoder,
    "AVB": adversarial_variational_bayes,
    "GAN": gan,
    "WGAN-GP": wasserstein_gan,
    "conditional GAN": conditional_gan,
    "progressive GAN": progressive_gan(),
    "style GAN": style_gan,
    "BiGAN": bigan,
}


def train(name: str, data: ImageData, budget: Budget, *, seed: int) -> Trained:
    """Train one contestant on the training half of ``data``, weights, batches and noise drawn from ``seed``.

    Raises: ValueError for a name that is not in ``CONTESTANTS``.
    """
    if name not in CONTESTANTS:
        raise ValueError(f"there is no contestant {name!r}; there are {', '.join(CONTESTANTS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = Generator().manual_seed(seed)
        start = time.process_time()
        trained = CONTESTANTS[name](data, budget, generator)
        trained.seconds = time.process_time() - start
    return trained
