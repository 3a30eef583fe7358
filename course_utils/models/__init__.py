"""The networks of the course: plain modules, as small as the lectures show them.

Images are (batch, 1, 28, 28) in [0, 1]; a decoder gives logits unless its docstring says otherwise.
"""

from course_utils.models.adversarial import (
    ConvDiscriminator,
    ConvGenerator,
    MinibatchDeviation,
    MLPDiscriminator,
    MLPGenerator,
)
from course_utils.models.autoencoders import ConvAutoencoder, LinearAutoencoder, MLPAutoencoder
from course_utils.models.boltzmann import RBM, free_energy, gibbs_step, log_partition
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
from course_utils.models.hybrids import BlackBoxEncoder, ImageEncoder, PairDiscriminator
from course_utils.models.progressive import ProgressiveDiscriminator, ProgressiveGenerator, fade_in, shrink
from course_utils.models.projection import ConditionalGenerator, ProjectionDiscriminator, projection_logits
from course_utils.models.style import MappingNetwork, StyleGenerator, adaptive_instance_norm, style_mix
from course_utils.models.translation import Translator, cycle_loss, outline
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
    "RBM",
    "VAE",
    "BlackBoxEncoder",
    "ConditionalConvDecoder",
    "ConditionalConvEncoder",
    "ConditionalGenerator",
    "ConditionalMLPDecoder",
    "ConditionalMLPEncoder",
    "ConditionalVAE",
    "ConvAutoencoder",
    "ConvDecoder",
    "ConvDiscriminator",
    "ConvEncoder",
    "ConvGenerator",
    "DebiasingVAE",
    "GaussianVAE",
    "ImageEncoder",
    "LinearAutoencoder",
    "MLPAutoencoder",
    "MLPDecoder",
    "MLPDiscriminator",
    "MLPEncoder",
    "MLPGenerator",
    "MappingNetwork",
    "MinibatchDeviation",
    "PairDiscriminator",
    "ProgressiveDiscriminator",
    "ProgressiveGenerator",
    "ProjectionDiscriminator",
    "RNNDecoder",
    "RNNEncoder",
    "StyleGenerator",
    "Translator",
    "VAEEnsemble",
    "adaptive_instance_norm",
    "condition",
    "cycle_loss",
    "debiasing_vae_loss",
    "fade_in",
    "free_energy",
    "gibbs_step",
    "label_maps",
    "log_partition",
    "outline",
    "projection_logits",
    "resampling_weights",
    "shrink",
    "style_mix",
]
