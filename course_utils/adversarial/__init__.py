"""Games between two networks: losses, what they measure, one training loop, and how a game fails.

`losses` has the ordinary game and `wasserstein` the critic's; `divergences` has what they amount to, by quadrature;
`hybrids` the games that train an encoder too; `steps` one move of either player; `training` the alternating loop,
`ensemble` many toy games at once, and `failures` the names for what it may end in. The networks are in
`course_utils.models`.
"""

from course_utils.adversarial.divergences import (
    jensen_shannon,
    kl_on_grid,
    value_at_optimum,
    value_on_grid,
    wasserstein_on_grid,
)
from course_utils.adversarial.ensemble import MLPEnsemble, Rules, play_games
from course_utils.adversarial.failures import coverage, diversity, name_failures
from course_utils.adversarial.hybrids import aae_losses, avb_discriminator_loss, avb_elbo, bigan_losses
from course_utils.adversarial.losses import (
    discriminator_loss,
    gan_value,
    generator_loss,
    optimal_discriminator,
    smoothed_discriminator_loss,
)
from course_utils.adversarial.steps import adam, discriminator_step, frozen, generator_step
from course_utils.adversarial.training import (
    CollapsedError,
    GameHistory,
    endless_minibatches,
    fit_adversarial,
)
from course_utils.adversarial.wasserstein import (
    critic_generator_loss,
    critic_loss,
    gradient_penalty,
    r1_penalty,
)

__all__ = [
    "CollapsedError",
    "GameHistory",
    "MLPEnsemble",
    "Rules",
    "aae_losses",
    "adam",
    "avb_discriminator_loss",
    "avb_elbo",
    "bigan_losses",
    "coverage",
    "critic_generator_loss",
    "critic_loss",
    "discriminator_loss",
    "discriminator_step",
    "diversity",
    "endless_minibatches",
    "fit_adversarial",
    "frozen",
    "gan_value",
    "generator_loss",
    "generator_step",
    "gradient_penalty",
    "jensen_shannon",
    "kl_on_grid",
    "name_failures",
    "optimal_discriminator",
    "play_games",
    "r1_penalty",
    "smoothed_discriminator_loss",
    "value_at_optimum",
    "value_on_grid",
    "wasserstein_on_grid",
]
