"""The networks of the course: plain modules, as small as the lectures show them.

Images are (batch, 1, 28, 28) in [0, 1]; a decoder gives logits unless its docstring says otherwise.
"""

from course_utils.models.autoencoders import ConvAutoencoder, LinearAutoencoder, MLPAutoencoder
from course_utils.models.conditional import (
    ConditionalConvDecoder,
    ConditionalConvEncoder,
    ConditionalMLPDecoder,
    ConditionalMLPEncoder,
    ConditionalVAE,
    condition,
    label_maps,
)
from course_utils.models.debiasing import DebiasingVAE, debiasing_vae_loss, resampling_weights
from course_utils.models.ensemble import VAEEnsemble
from course_utils.models.vae import (
    VAE,
    ConvDecoder,
    ConvEncoder,
    GaussianVAE,
    MLPDecoder,
    MLPEncoder,
    RNNDecoder,
    RNNEncoder,
)

__all__ = [
    "VAE",
    "ConditionalConvDecoder",
    "ConditionalConvEncoder",
    "ConditionalMLPDecoder",
    "ConditionalMLPEncoder",
    "ConditionalVAE",
    "ConvAutoencoder",
    "ConvDecoder",
    "ConvEncoder",
    "DebiasingVAE",
    "GaussianVAE",
    "LinearAutoencoder",
    "MLPAutoencoder",
    "MLPDecoder",
    "MLPEncoder",
    "RNNDecoder",
    "RNNEncoder",
    "VAEEnsemble",
    "condition",
    "debiasing_vae_loss",
    "label_maps",
    "resampling_weights",
]
