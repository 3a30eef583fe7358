r"""The restricted Boltzmann machine: a density up to a constant, a sampler, and learning by short chains.

Visible units v (the pixels) and hidden units h, all 0 or 1, and no connections within a layer:

.. math:: p(v, h) = \frac{1}{Z} e^{-E(v, h)}, \qquad E(v, h) = -v^\top W h - b^\top v - c^\top h

v is (batch, V), W is (V, H), b is (V,) and c is (H,) throughout.
"""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

__all__ = ["RBM", "free_energy", "gibbs_step", "log_partition"]


def free_energy(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    r"""Energy of an image with the hidden units summed out: :math:`p(v) = e^{-F(v)} / Z`.

    .. math:: F(v) = -b^\top v - \sum_j \log\big(1 + e^{c_j + (v^\top W)_j}\big)

    Parameters: ``v`` of shape (B, V); ``W`` (V, H); visible biases ``b`` (V,); hidden biases ``c`` (H,).
    Returns: shape (B,), in nats.
    References: Hinton 2012, A practical guide to training restricted Boltzmann machines, eq. (25).

    >>> free_energy(torch.ones(1, 2), torch.zeros(2, 3), torch.tensor([1.0, 2.0]), torch.zeros(3))  # -3 - 3 log 2
    tensor([-5.0794])
    """
    return -v @ b - F.softplus(v @ W + c).sum(1)


def gibbs_step(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator | None = None) -> Tensor:
    r"""Draw the hidden units given the visible ones, then the visible ones given the hidden ones.

    .. math:: p(h_j = 1 | v) = s\big(c_j + (v^\top W)_j\big), \qquad p(v_i = 1 | h) = s\big(b_i + (W h)_i\big)

    Repeated, this visits images as often as the model says they should occur.

    Parameters: ``v`` of shape (B, V), 0 or 1; ``W`` (V, H); ``b`` (V,); ``c`` (H,).
    Returns: the next v, shape (B, V), 0 or 1, of the dtype of ``v``.
    References: Hinton 2002, https://doi.org/10.1162/089976602760128018; Hinton 2012, Section 3.

    >>> certain = torch.full((2, 2), 100.0)  # any hidden unit that is on switches all visible ones on
    >>> gibbs_step(torch.tensor([[1.0, 0.0]]), certain, torch.full((2,), -50.0), torch.full((2,), -50.0))
    tensor([[1., 1.]])
    """
    h = _bernoulli(v @ W + c, generator)
    return _bernoulli(h @ W.T + b, generator)


def log_partition(W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    r"""Exact :math:`\log Z` of a small machine, by adding up all :math:`2^H` states of its hidden layer.

    .. math:: Z = \sum_h e^{c^\top h} \prod_i \big(1 + e^{b_i + (W h)_i}\big)

    Parameters: ``W`` (V, H) with H at most 20; ``b`` (V,); ``c`` (H,).
    Returns: 0-d, in nats.
    Raises: ValueError for more hidden units: every one doubles the work.
    References: Salakhutdinov & Murray 2008, https://doi.org/10.1145/1390156.1390266 (what to do for large ones).

    >>> log_partition(torch.zeros(4, 3), torch.zeros(4), torch.zeros(3))  # 2^7 states of energy 0: 7 log 2
    tensor(4.8520)
    """
    n_hidden = W.shape[1]
    if n_hidden > 20:
        raise ValueError(f"{n_hidden} hidden units have 2^{n_hidden} states, too many to add up; 20 at most")
    states = (
        torch.arange(2**n_hidden, device=W.device)[:, None] >> torch.arange(n_hidden, device=W.device) & 1
    )
    # with the layers' roles exchanged the free energy of h is that of the machine turned round
    return torch.logsumexp(-free_energy(states.to(W.dtype), W.T, c, b), dim=0)


class RBM(nn.Module):
    r"""A restricted Boltzmann machine, trained by contrastive divergence.

    The gradient of :math:`-\log p(v)` is that of :math:`F(v)` at the data minus that of F at draws of the model, and
    the draws would need an endless chain. Contrastive divergence takes k Gibbs steps from the data instead.

    Parameters: ``n_visible``, ``n_hidden``; ``generator`` draws the initial weights, N(0, 0.01^2).

    References: Hinton 2002, https://doi.org/10.1162/089976602760128018; Tieleman 2008,
    https://doi.org/10.1145/1390156.1390290 (chains that persist).

    >>> rbm = RBM(784, 64)
    >>> loss, chain = rbm.contrastive_divergence(torch.zeros(5, 784))
    >>> loss.shape, chain.shape
    (torch.Size([]), torch.Size([5, 784]))
    """

    def __init__(self, n_visible: int, n_hidden: int, generator: Generator | None = None) -> None:
        super().__init__()
        self.W = nn.Parameter(0.01 * torch.randn(n_visible, n_hidden, generator=generator))
        self.b = nn.Parameter(torch.zeros(n_visible))
        self.c = nn.Parameter(torch.zeros(n_hidden))

    @torch.no_grad()
    def start_from(self, v: Tensor) -> None:
        """Set the visible biases to the log odds of the pixels of ``v`` (N, V): half the work of training is done.

        References: Hinton 2012, A practical guide to training restricted Boltzmann machines, Section 8.
        """
        self.b.copy_(v.mean(0).clamp(0.01, 0.99).logit())

    def free_energy(self, v: Tensor) -> Tensor:
        """-log p(v) up to a constant, (B,), for v (B, V)."""
        return free_energy(v, self.W, self.b, self.c)

    @torch.no_grad()
    def sample(self, v: Tensor, n_steps: int, generator: Generator | None = None) -> Tensor:
        """The chains that start at v (B, V), ``n_steps`` Gibbs steps later, (B, V), 0 or 1."""
        for _ in range(n_steps):
            v = gibbs_step(v, self.W, self.b, self.c, generator)
        return v

    @torch.no_grad()
    def mean_field(self, v: Tensor) -> Tensor:
        """Grey images (B, V) in [0, 1] for v (B, V): visible probabilities, given the hidden ones' probabilities."""
        return ((v @ self.W + self.c).sigmoid() @ self.W.T + self.b).sigmoid()

    def contrastive_divergence(
        self, v: Tensor, *, n_steps: int = 1, chain: Tensor | None = None, generator: Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Loss whose gradient is the contrastive-divergence update, and where the chains ended.

        Its value means little (it is no bound and may be negative); its gradient lowers the free energy of the data
        and raises that of what the model dreams instead.

        Parameters: ``v``, binary images (B, V); ``n_steps`` is k. ``chain`` (any number, V): chains to go on with
        instead of starting at the data (persistent contrastive divergence); hand in what the last call returned.
        Returns: ``(loss, chain)``: mean F(v) - mean F(chain), 0-d in nats, and the chains' end, without graph.
        """
        end = self.sample(v if chain is None else chain, n_steps, generator)
        return self.free_energy(v).mean() - self.free_energy(end).mean(), end


def _bernoulli(logits: Tensor, generator: Generator | None) -> Tensor:
    source = logits.device if generator is None else generator.device
    u = torch.rand(logits.shape, generator=generator, dtype=logits.dtype, device=source).to(logits.device)
    return (u < logits.sigmoid()).to(logits.dtype)
