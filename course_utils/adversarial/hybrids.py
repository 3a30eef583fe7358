r"""Losses of the models that join a game with an encoder: BiGAN, adversarial autoencoder, adversarial VB.

All from logits, each mean over its own batch, without factors one half.
"""

from torch import Tensor

from course_utils.adversarial.losses import discriminator_loss, generator_loss

__all__ = ["aae_losses", "avb_discriminator_loss", "avb_elbo", "bigan_losses"]


def bigan_losses(encoder_pair_logits: Tensor, generator_pair_logits: Tensor) -> tuple[Tensor, Tensor]:
    r"""Losses of a game over pairs: an image with its code against a latent with its image.

    .. math:: L_D = -E_x[\log D(x, E(x))] - E_z[\log(1 - D(G(z), z))]
    .. math:: L_{GE} = -E_x[\log(1 - D(x, E(x)))] - E_z[\log D(G(z), z)]

    The encoder's pairs are the real ones. Encoder and generator are on one side, against the discriminator:
    both want their own pairs taken for the other's. Where the game ends, E inverts G. The second loss is
    the non-saturating one.

    Parameters: the discriminator's logits of pairs (x, E(x)) and (G(z), z), (B,) or (B, 1).
    Returns: ``(d_loss, ge_loss)``, each 0-d, in nats.
    References: Donahue et al. 2017, arXiv:1605.09782, Section 3; Dumoulin et al. 2017, arXiv:1606.00704
    (the same game with a stochastic encoder, and the non-saturating loss, Algorithm 1).

    >>> import torch
    >>> bigan_losses(torch.zeros(2), torch.zeros(2))
    (tensor(1.3863), tensor(1.3863))
    """
    d_loss = discriminator_loss(encoder_pair_logits, generator_pair_logits)
    ge_loss = discriminator_loss(
        generator_pair_logits, encoder_pair_logits
    )  # the same with the labels swapped
    return d_loss, ge_loss


def aae_losses(prior_logits: Tensor, code_logits: Tensor) -> tuple[Tensor, Tensor]:
    r"""Losses of a game over codes, which makes all the codes together look like draws of the prior.

    .. math:: L_D = -E_{z \sim p(z)}[\log D(z)] - E_x[\log(1 - D(E(x)))], \qquad L_E = -E_x[\log D(E(x))]

    Draws of the prior are the real ones. The game needs only samples of the prior, no density: any shape will do.

    Parameters: the code discriminator's logits of prior draws and of codes, (B,) or (B, 1).
    Returns: ``(d_loss, encoder_loss)``, each 0-d, in nats; the encoder's is non-saturating.
    References: Makhzani et al. 2016, arXiv:1511.05644, Section 2.

    >>> import torch
    >>> aae_losses(torch.zeros(2), torch.zeros(2))
    (tensor(1.3863), tensor(0.6931))
    """
    return discriminator_loss(prior_logits, code_logits), generator_loss(code_logits)


def avb_discriminator_loss(t_posterior: Tensor, t_prior: Tensor) -> Tensor:
    r"""Loss whose minimum, over all functions T(x, z), is a log ratio of densities.

    .. math:: L_T = -E_{x} E_{z \sim q(z|x)}[\log s(T(x, z))] - E_{x} E_{z \sim p(z)}[\log(1 - s(T(x, z)))]
    .. math:: T^*(x, z) = \log q(z|x) - \log p(z)

    Draws of the posterior are the positive class. The logit of the best discriminator is the log of the ratio
    of the two densities, so a q that can only be sampled gets its KL term all the same.

    Parameters: T(x, z) for z from the posterior of x and from the prior, (B,) or (B, 1).
    Returns: 0-d, in nats.
    References: Mescheder et al. 2017, arXiv:1701.04722, Section 3 and Proposition 1.

    >>> import torch
    >>> avb_discriminator_loss(torch.zeros(2), torch.zeros(2))
    tensor(1.3863)
    """
    return discriminator_loss(t_posterior, t_prior)


def avb_elbo(t_posterior: Tensor, log_likelihood: Tensor) -> Tensor:
    r"""ELBO with the KL term read off the discriminator, to be maximised.

    .. math:: E_x E_{z \sim q(z|x)}[\log p(x|z) - T(x, z)]

    A bound only at T = T*; a T that lags behind understates the KL. The gradient is taken with T's parameters
    held fixed, which at T* is exact: the expectation of the gradient of log q - log p with respect to q's own
    parameters is 0 (Proposition 2).

    Parameters: ``t_posterior``, T(x, z) for z from the posterior of x, and ``log_likelihood``, log p(x|z) summed
    over pixels, both (B,) or (B, 1).
    Returns: 0-d, in nats per example.
    Raises: ValueError if they do not hold one number for each of the same examples.
    References: Mescheder et al. 2017, arXiv:1701.04722, Section 3 and Proposition 2.

    >>> import torch
    >>> avb_elbo(torch.tensor([2.0, 4.0]), torch.tensor([-10.0, -20.0]))
    tensor(-18.)
    """
    if t_posterior.numel() != log_likelihood.numel():
        raise ValueError(
            "T and log-likelihood must hold one number per example, "
            f"got {tuple(t_posterior.shape)} and {tuple(log_likelihood.shape)}"
        )
    return log_likelihood.mean() - t_posterior.mean()
