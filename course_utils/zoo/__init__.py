"""The models of the course side by side: trained on the same images for the same number of steps, then measured.

Every contestant is the short form of a lecture: in `autoencoders` AE (2), VAE (6), beta-VAE (7) and conditional VAE
(8); in `games` GAN and WGAN-GP (10), conditional, progressive and style-based GAN (11); from lecture 12 `hybrids` has
the adversarial autoencoder, adversarial variational Bayes and BiGAN, and `boltzmann` the Boltzmann machine. A
contestant is a function ``(data, budget, generator) -> Trained``; ``CONTESTANTS`` lists them by name. Left out are
models that do not make images from noise (translation), and variants of one model's networks or pixels.
"""

from course_utils.zoo.autoencoders import joint_log_weights
from course_utils.zoo.boltzmann import annealed_log_partition
from course_utils.zoo.contest import Budget, Contestant, Score, Trained, measure
from course_utils.zoo.games import progressive_gan
from course_utils.zoo.roster import CONTESTANTS, train

__all__ = [
    "CONTESTANTS",
    "Budget",
    "Contestant",
    "Score",
    "Trained",
    "annealed_log_partition",
    "joint_log_weights",
    "measure",
    "progressive_gan",
    "train",
]
