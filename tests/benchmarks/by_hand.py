"""The MLP VAE's step with its derivatives worked out by hand: about the least that a step costs in PyTorch.

No autograd, no modules, every large array made once. Nobody should write a loop like this; it says how much of the
course's loop is arithmetic, and so how far a loop of a dozen lines could come down at all.
"""

import torch
from torch import Tensor
from torch.nn import functional

from course_utils.models import VAE
from tests.benchmarks.usual import BATCH, LR

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # Adam's own


class ByHand:
    """A VAE of one hidden layer each, trained by Adam on batches of one size.

    Parameters: ``model`` gives the first parameters (encoder: hidden, mu, logvar; decoder: hidden, logits) and is not
    changed; ``batch`` images of 784 pixels come at each step.
    """

    def __init__(self, model: VAE, batch: int = BATCH) -> None:
        pairs = [(p.detach(), q.detach()) for p, q in zip(*[iter(model.parameters())] * 2, strict=True)]
        hidden, mu, logvar, decoder, out = pairs
        heads = tuple(torch.cat(parts) for parts in zip(mu, logvar, strict=True))  # one product for both
        self.parameters = [p.clone() for pair in (hidden, heads, decoder, out) for p in pair]
        self.gradients, self.means, self.squares = (
            list(map(torch.zeros_like, self.parameters)) for _ in "123"
        )
        self.steps = [torch.zeros(()) for _ in self.parameters]
        n_hidden, n_codes = hidden[0].shape[0], mu[0].shape[0]
        self.h, self.dh, self.r, self.dr = (torch.empty(batch, n_hidden) for _ in range(4))
        self.s, self.ds = (torch.empty(batch, 2 * n_codes) for _ in range(2))
        self.logits, self.error = (torch.empty(batch, hidden[0].shape[1]) for _ in range(2))

    def epoch(self, images: Tensor) -> float:
        """One pass over (n, 1, 28, 28) in a random order, whole batches only; returns the mean loss, in nats."""
        pixels, batch = images.flatten(1), len(self.h)
        order = torch.randperm(len(pixels))[: len(pixels) // batch * batch]
        x, total = torch.empty(batch, pixels.shape[1]), torch.zeros(())
        torch.set_flush_denormal(True)
        for chosen in order.split(batch):
            torch.index_select(pixels, 0, chosen, out=x)
            total += self.step(x, torch.randn(batch, self.s.shape[1] // 2))
        torch.set_flush_denormal(False)
        return float(total / (len(order) // batch))

    def step(self, x: Tensor, noise: Tensor) -> Tensor:
        """One step on pixels (batch, 784) with noise (batch, latent_dim); returns the loss before it, 0-d, in nats."""
        w1, b1, w2, b2, w3, b3, w4, b4 = self.parameters
        torch.addmm(b1, x, w1.T, out=self.h).relu_()
        torch.addmm(b2, self.h, w2.T, out=self.s)
        mu, logvar = self.s.chunk(2, 1)
        sigma = (0.5 * logvar).exp_()
        z = torch.addcmul(mu, sigma, noise)
        torch.addmm(b3, z, w3.T, out=self.r).relu_()
        torch.addmm(b4, self.r, w4.T, out=self.logits)
        variance = sigma.square()
        kl = 0.5 * (mu.square() + variance - 1 - logvar).sum()
        nll = functional.softplus(self.logits).sum() - torch.dot(x.flatten(), self.logits.flatten())
        self._go_back(x, z, mu, noise * sigma, variance)
        self._adam()
        return (nll + kl) / len(x)

    def _go_back(self, x: Tensor, z: Tensor, mu: Tensor, spread: Tensor, variance: Tensor) -> None:
        _, _, w2, _, w3, _, w4, _ = self.parameters
        d1, e1, d2, e2, d3, e3, d4, e4 = self.gradients
        torch.sigmoid(self.logits, out=self.error).sub_(x).div_(len(x))
        torch.mm(self.error.T, self.r, out=d4)
        torch.sum(self.error, 0, out=e4)
        dr = _behind_relu(torch.mm(self.error, w4, out=self.dr), self.r)
        torch.mm(dr.T, z, out=d3)
        torch.sum(dr, 0, out=e3)
        dz, (d_mu, d_logvar) = dr @ w3, self.ds.chunk(2, 1)
        torch.add(dz, mu, alpha=1 / len(x), out=d_mu)
        torch.add(0.5 * dz * spread, variance - 1, alpha=0.5 / len(x), out=d_logvar)
        torch.mm(self.ds.T, self.h, out=d2)
        torch.sum(self.ds, 0, out=e2)
        dh = _behind_relu(torch.mm(self.ds, w2, out=self.dh), self.h)
        torch.mm(dh.T, x, out=d1)
        torch.sum(dh, 0, out=e1)

    def _adam(self) -> None:
        torch._foreach_add_(self.steps, 1)
        torch._fused_adam_(
            self.parameters, self.gradients, self.means, self.squares, [], self.steps,
            lr=LR, beta1=BETA1, beta2=BETA2, eps=EPSILON, weight_decay=0.0, amsgrad=False, maximize=False,
        )  # fmt: skip


def _behind_relu(gradient: Tensor, activation: Tensor) -> Tensor:
    """In place: 0 where the unit was off."""
    return torch.ops.aten.threshold_backward.grad_input(gradient, activation, 0, grad_input=gradient)
