r"""The conditional GAN: the generator is told a class, the discriminator judges the image together with it."""

from torch import Tensor, nn

from course_utils.models.adversarial import ConvDiscriminator, ConvGenerator
from course_utils.models.conditional import condition

__all__ = ["ConditionalGenerator", "ProjectionDiscriminator", "projection_logits"]


def projection_logits(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    r"""Logit of an image with a label: how real it looks, and how much like its class.

    .. math:: l(x, y) = \underbrace{w^\top \phi(x) + b}_{\text{real?}} + \underbrace{v_y^\top \phi(x)}_{\text{a } y?}

    The best logit is :math:`\log p(x)/q(x) + \log p(y|x)/q(y|x)`, and when both conditionals are softmax functions of
    features, the second log ratio is exactly such an inner product, up to terms that the first absorbs.

    Parameters: ``features`` phi(x) of shape (B, F); ``class_embedding`` v_y, already looked up, (B, F);
    ``weight`` w, (F,); ``bias`` b, 0-d.
    Returns: shape (B,).
    References: Miyato & Koyama 2018, arXiv:1802.05637, Section 3.

    >>> import torch
    >>> phi, v = torch.tensor([[1.0, 2.0]]), torch.tensor([[10.0, 100.0]])
    >>> projection_logits(phi, v, torch.tensor([1.0, 1.0]), torch.tensor(0.5))  # 3 + 0.5 + 210
    tensor([213.5000])
    """
    return features @ weight + bias + (class_embedding * features).sum(1)


class ConditionalGenerator(nn.Module):
    """A convolutional generator whose noise has the label behind it as a one-hot vector.

    Departure from the paper: there the label chooses the scales and shifts of the batch normalisation; here it
    enters as in the first conditional GAN, which is simpler and enough for ten classes.

    References: Mirza & Osindero 2014, arXiv:1411.1784; Miyato & Koyama 2018, arXiv:1802.05637.

    >>> import torch
    >>> ConditionalGenerator(latent_dim=32)(torch.zeros(5, 32), torch.arange(5)).shape
    torch.Size([5, 1, 28, 28])
    """

    def __init__(self, latent_dim: int, n_classes: int = 10, width: int = 16) -> None:
        super().__init__()
        self.latent_dim, self.n_classes = latent_dim, n_classes
        self.generator = ConvGenerator(latent_dim + n_classes, width)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Images (batch, 1, 28, 28) of the classes ``y`` (batch,) int64, from noise (batch, latent_dim)."""
        return self.generator(condition(z, y, self.n_classes))


class ProjectionDiscriminator(nn.Module):
    """A convolutional discriminator with one vector per class, on which the image's features are projected.

    Departure from the paper: two strided convolutions instead of residual blocks, and their features as they are
    instead of summed over the map, since where a stroke lies tells a digit's class.

    References: Miyato & Koyama 2018, arXiv:1802.05637, Figure 1 (d).

    >>> import torch
    >>> ProjectionDiscriminator()(torch.zeros(5, 1, 28, 28), torch.arange(5)).shape
    torch.Size([5])
    """

    def __init__(self, n_classes: int = 10, width: int = 16, *, spectral: bool = False) -> None:
        super().__init__()
        self.body = ConvDiscriminator(width, spectral=spectral)
        self.classes = nn.Embedding(n_classes, self.body.feature_dim)
        nn.init.normal_(
            self.classes.weight, std=0.01
        )  # at first the label says little, and then what is learned

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Logits (batch,) for images (batch, 1, 28, 28) with labels ``y`` (batch,) int64."""
        weight, bias = self.body.head.weight[0], self.body.head.bias[0]
        return projection_logits(self.body.features(x), self.classes(y), weight, bias)
