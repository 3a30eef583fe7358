"""One step of either player: what it may touch, and what it must leave alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.adversarial.losses import discriminator_loss, generator_loss

__all__ = ["adam", "discriminator_step", "frozen", "generator_step"]


def adam(*modules: nn.Module, lr: float, betas: tuple[float, float] = (0.5, 0.999)) -> torch.optim.Adam:
    """Adam for one player: fused, and with half the usual momentum, since the opponent moves too.

    Parameters: ``modules`` whose parameters this player moves; ``lr``, ``betas`` as in ``torch.optim.Adam``.
    References: Radford et al. 2016, arXiv:1511.06434, Section 4.

    >>> adam(nn.Linear(2, 1), lr=2e-4).defaults["betas"]
    (0.5, 0.999)
    """
    return torch.optim.Adam([p for m in modules for p in m.parameters()], lr=lr, betas=betas, fused=True)


def discriminator_step(
    discriminator: nn.Module, generator: nn.Module, optimizer: Optimizer, real: Tensor, z: Tensor
) -> Tensor:
    """Move the discriminator one step, on one real and one generated batch.

    The generator only lends its samples: they are made without a graph, so its parameters and their gradients
    stay exactly as they were.

    Parameters: ``optimizer`` of the discriminator's parameters; ``real`` of shape (B, ...); ``z`` of shape
    (B, latent_dim).
    Returns: the loss before the step, 0-d, in nats, detached.
    References: Goodfellow et al. 2014, arXiv:1406.2661, Algorithm 1.
    """
    with torch.no_grad():
        fake = generator(z)
    loss = discriminator_loss(discriminator(real), discriminator(fake))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


def generator_step(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizer: Optimizer,
    z: Tensor,
    *,
    saturating: bool = False,
) -> Tensor:
    """Move the generator one step, through the discriminator, which stays where it is.

    The gradient passes through the discriminator's layers to the samples. Its parameters are frozen meanwhile:
    they collect no gradients that the next discriminator step would have to clear, and a third of the work of
    the backward pass is saved.

    Parameters: ``optimizer`` of the generator's parameters; ``z`` of shape (B, latent_dim).
    Returns: the loss before the step, 0-d, in nats, detached.
    References: Goodfellow et al. 2014, arXiv:1406.2661, Algorithm 1 and Section 3 (the non-saturating loss).
    """
    with frozen(discriminator):
        loss = generator_loss(discriminator(generator(z)), saturating)
        optimizer.zero_grad()
        loss.backward()
    optimizer.step()
    return loss.detach()


@contextmanager
def frozen(*modules: nn.Module) -> Iterator[None]:
    """Let gradients pass through ``modules`` without collecting any on their parameters.

    Afterwards each parameter's ``requires_grad`` is what it was before.

    >>> layer = nn.Linear(2, 1)
    >>> with frozen(layer):
    ...     x = torch.ones(1, 2, requires_grad=True)
    ...     layer(x).sum().backward()
    >>> layer.weight.grad is None, torch.equal(x.grad, layer.weight)
    (True, True)
    """
    before = [(parameter, parameter.requires_grad) for module in modules for parameter in module.parameters()]
    for parameter, _ in before:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter, required in before:
            parameter.requires_grad_(required)
