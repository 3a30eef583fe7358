"""The networks of the course: plain modules, as small as the lectures show them.

Images are (batch, 1, 28, 28) in [0, 1]; a decoder gives logits unless its docstring says otherwise.
"""

from course_utils.models.autoencoders import ConvAutoencoder, LinearAutoencoder, MLPAutoencoder
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
    "ConvAutoencoder",
    "ConvDecoder",
    "ConvEncoder",
    "GaussianVAE",
    "LinearAutoencoder",
    "MLPAutoencoder",
    "MLPDecoder",
    "MLPEncoder",
    "RNNDecoder",
    "RNNEncoder",
]
