r"""A classifier that looks at its own latent space to see which of its examples are rare: the debiasing VAE.

One encoder gives a class logit and the Gaussian posterior of a VAE; the decoder is trained on the target class
alone. Between epochs, the histogram of the target's codes says which of them to show more often.
"""

from itertools import pairwise

import torch
from torch import Generator, Tensor, nn

from course_utils.gaussian import reparameterize
from course_utils.models.vae import MLPDecoder, MLPEncoder

__all__ = ["DebiasingVAE", "debiasing_vae_loss", "resampling_weights"]


class DebiasingVAE(nn.Module):
    """A yes-or-no classifier and a VAE on one encoder.

    The first of the encoder's ``mu`` outputs has no posterior: it is the logit of "x belongs to the target class".

    Parameters: ``latent_dim`` is the dimension of z; ``hidden_dim`` the width of encoder and decoder.

    References: Amini, Soleimany, Schwarting, Bhatia & Rus 2019, Uncovering and mitigating algorithmic bias through
    learned latent structure, https://doi.org/10.1145/3306618.3314243.

    >>> class_logit, logits, mu, logvar = DebiasingVAE(latent_dim=3)(torch.zeros(5, 1, 28, 28))
    >>> class_logit.shape, logits.shape, mu.shape, logvar.shape
    (torch.Size([5]), torch.Size([5, 1, 28, 28]), torch.Size([5, 3]), torch.Size([5, 3]))
    """

    def __init__(self, latent_dim: int, hidden_dim: int = 128) -> None:
        super().__init__()
        self.encoder = MLPEncoder(latent_dim + 1, hidden_dim)
        self.decoder = MLPDecoder(latent_dim, hidden_dim)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``(class_logit, mu, logvar)`` of shapes (batch,), (batch, latent_dim) twice, for x (batch, 1, 28, 28)."""
        mu, logvar = self.encoder(x)  # (batch, 1 + latent_dim) each
        return mu[:, 0], mu[:, 1:], logvar[:, 1:]

    def decode(self, z: Tensor) -> Tensor:
        """Logits (batch, 1, 28, 28) of p(x|z) for z (batch, latent_dim)."""
        return self.decoder(z)

    def forward(self, x: Tensor, generator: Generator | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """``(class_logit, logits, mu, logvar)``, the logits decoded from one draw of z for each image."""
        class_logit, mu, logvar = self.encode(x)
        return class_logit, self.decode(reparameterize(mu, logvar, generator)), mu, logvar


def resampling_weights(mu: Tensor, bins: int, alpha: float) -> Tensor:
    r"""How often to show each example, so that rare codes come as often as common ones.

    .. math:: w_i \propto \prod_{d=1}^{D} \frac{1}{\hat q_d(\mu_{id}) + \alpha}, \qquad \sum_i w_i = 1

    :math:`\hat q_d` is the histogram of latent dimension d as a density, over ``bins`` bins of equal width between
    its smallest and its largest code. The smaller alpha, the more the rare ones count; as alpha grows, all weights
    become the same. A dimension in which all codes are equal changes nothing.

    Parameters: ``mu`` (n, latent_dim), codes of the target class; ``bins`` >= 1; ``alpha`` >= 0, in units of the
    density.
    Returns: shape (n,), probabilities that sum to 1.
    Raises: ValueError if mu is not 2-D with examples in it, bins is below 1 or alpha is negative.
    References: Amini et al. 2019, https://doi.org/10.1145/3306618.3314243.

    >>> resampling_weights(torch.tensor([[0.0], [0.1], [0.2], [1.0]]), bins=2, alpha=0.0)  # three codes and one
    tensor([0.1667, 0.1667, 0.1667, 0.5000])
    """
    if mu.dim() != 2 or len(mu) == 0:
        raise ValueError(f"mu must have shape (n, latent_dim) with n >= 1, got {tuple(mu.shape)}")
    if bins < 1 or alpha < 0:
        raise ValueError(f"bins must be at least 1 and alpha not negative, got {bins} and {alpha}")
    log_w = torch.zeros(len(mu), dtype=torch.float64)  # a product of many factors leaves the range of float32
    for codes in mu.detach().double().T:
        low, high = codes.min(), codes.max()
        width = (high - low) / bins
        if width == 0:
            continue
        index = ((codes - low) / width).long().clamp(max=bins - 1)  # the largest code belongs to the last bin
        density = torch.bincount(index, minlength=bins) / (len(codes) * width)
        log_w -= (density[index] + alpha).log()
    return log_w.softmax(0).to(mu.dtype)


def debiasing_vae_loss(classification_loss: Tensor, vae_loss: Tensor, is_target: Tensor) -> Tensor:
    r"""Loss of the debiasing VAE: everybody is classified, only the target class is encoded and decoded.

    .. math:: L = \frac1B \sum_{b=1}^{B} \big(L^{\mathrm{class}}_b + t_b\, L^{\mathrm{VAE}}_b\big)

    Parameters: ``classification_loss``, ``vae_loss`` (batch,), per example; ``is_target`` = t (batch,), bool or 0
    and 1.
    Returns: 0-d, the mean over the whole batch, targets or not.
    Raises: ValueError if the shapes differ.
    References: Amini et al. 2019, https://doi.org/10.1145/3306618.3314243.

    >>> debiasing_vae_loss(torch.tensor([1.0, 3.0]), torch.tensor([10.0, 20.0]), torch.tensor([True, False]))
    tensor(7.)
    """
    shapes = [tuple(t.shape) for t in (classification_loss, vae_loss, is_target)]
    if any(a != b for a, b in pairwise(shapes)):
        raise ValueError(f"the three tensors must have one shape (batch,), got {shapes}")
    return (classification_loss + is_target * vae_loss).mean()
