"""The importance-sampled likelihood against integrals done on a grid and models whose posterior is exact."""

import math

import pytest
import torch
from torch import nn

from course_utils.elbo import log_evidence_quadrature
from course_utils.gaussian import kl_standard_normal, log_density_standard_normal
from course_utils.likelihoods import bernoulli_log_likelihood, gaussian_log_likelihood
from course_utils.metrics import bits_per_dim, importance_log_likelihood
from course_utils.metrics import likelihood as module


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


class OneLatent:
    """Six pixels and one latent, so that p(x) is an integral on a line; counts what it is asked to decode."""

    def __init__(self, dtype=torch.float64):
        self.slope = torch.tensor([2.0, -1.0, 0.5, 3.0, -2.0, 0.1], dtype=dtype).view(1, 2, 3)
        self.batches = []

    def encode(self, x):
        direction = x.flatten(1).sum(1, keepdim=True)
        return 0.4 * direction - 1.2, torch.full_like(direction, -0.5)

    def decode(self, z):
        self.batches.append(len(z))
        return z.view(-1, 1, 1, 1) * self.slope + 0.3

    def log_evidence(self, x):
        grid = torch.linspace(-12, 12, 4001, dtype=x.dtype)
        logits = OneLatent(x.dtype).decode(grid)
        joint = bernoulli_log_likelihood(logits, x.expand_as(logits)) + log_density_standard_normal(
            grid[:, None]
        )
        return log_evidence_quadrature(lambda _: joint, grid)


def images(n, dtype=torch.float64):
    return torch.rand(n, 1, 2, 3, generator=seeded(1)).round().to(dtype)


def test_bits_per_dim_on_numbers_worked_by_hand():
    assert bits_per_dim(784 * 8 * math.log(2), 784) == pytest.approx(8)  # 256 equally likely grey values
    assert bits_per_dim(torch.tensor([2.0, 4.0]), 2).tolist() == pytest.approx(
        [1 / math.log(2), 2 / math.log(2)]
    )
    with pytest.raises(ValueError, match="n_dims must be at least 1, got 0"):
        bits_per_dim(1.0, 0)


def test_many_draws_reach_the_evidence():
    x, model = images(7), OneLatent()
    exact = torch.stack([model.log_evidence(image) for image in x])
    estimate = importance_log_likelihood(model, x, 20_000, seeded())
    assert exact.std() > 0.5  # the seven differ, so mixing them up would show
    torch.testing.assert_close(estimate, exact, rtol=0, atol=0.05)


def test_one_draw_is_the_elbo_on_average_and_more_draws_lie_between_it_and_the_evidence():
    x, model, n = images(1), OneLatent(), 4000
    grid = torch.linspace(-12, 12, 4001, dtype=x.dtype)
    mu, logvar = model.encode(x)
    q = torch.exp(-0.5 * ((grid - mu.squeeze()) ** 2 / logvar.exp().squeeze() + logvar.squeeze()))
    q /= torch.trapezoid(q, grid)
    logits = model.decode(grid)
    elbo = torch.trapezoid(q * bernoulli_log_likelihood(logits, x.expand_as(logits)), grid)
    elbo -= kl_standard_normal(mu, logvar).squeeze()
    one, five = (importance_log_likelihood(model, x.expand(n, 1, 2, 3), k, seeded()) for k in (1, 5))
    assert abs(one.mean() - elbo) < 4 * one.std() / math.sqrt(n)
    assert elbo + 0.05 < five.mean() < model.log_evidence(x) - 0.001


class Exact(nn.Module):
    """x | z ~ N(z, s^2 I), two pixels; encode is the exact posterior, so one draw gives log p(x)."""

    noise = 0.5

    def encode(self, x):
        variance = self.noise**2 / (1 + self.noise**2)
        return x.flatten(1) / (1 + self.noise**2), torch.full_like(x.flatten(1), math.log(variance))

    def decode(self, z):
        return z.view(-1, 1, 1, 2)

    def log_likelihood(self, mean, x):
        return gaussian_log_likelihood(mean, x, self.noise)


def test_at_the_exact_posterior_one_draw_is_enough_for_any_likelihood():
    model, x = Exact(), torch.randn(50, 1, 1, 2, generator=seeded(), dtype=torch.float64)
    exact = gaussian_log_likelihood(torch.zeros_like(x), x, math.sqrt(1 + model.noise**2))
    for k in (1, 3):
        estimate = importance_log_likelihood(model, x, k, seeded(), log_likelihood=model.log_likelihood)
        torch.testing.assert_close(estimate, exact)


@pytest.mark.parametrize(("batch", "n_draws"), [(3, 11), (20, 11), (40, 3), (16, 1), (0, 5)])
def test_memory_is_bounded_and_no_draw_is_lost(monkeypatch, batch, n_draws):
    monkeypatch.setattr(module, "CHUNK", 16)
    model, x = OneLatent(), images(batch)
    estimate = importance_log_likelihood(model, x, n_draws, seeded())
    assert estimate.shape == (batch,)
    assert sum(model.batches) == batch * n_draws
    assert all(size <= 16 for size in model.batches)


def test_chunks_do_not_change_the_estimate(monkeypatch):
    exact_model, x = Exact(), torch.randn(50, 1, 1, 2, generator=seeded(), dtype=torch.float64)
    whole = importance_log_likelihood(exact_model, x, 7, seeded(), log_likelihood=exact_model.log_likelihood)
    monkeypatch.setattr(module, "CHUNK", 16)
    parts = importance_log_likelihood(exact_model, x, 7, seeded(), log_likelihood=exact_model.log_likelihood)
    torch.testing.assert_close(whole, parts)
    x = images(5)
    exact = torch.stack([OneLatent().log_evidence(image) for image in x])
    torch.testing.assert_close(
        importance_log_likelihood(OneLatent(), x, 20_000, seeded()), exact, rtol=0, atol=0.05
    )


def test_same_generator_same_numbers_and_no_gradient():
    x = images(4, torch.float32).requires_grad_()
    first, again = (importance_log_likelihood(OneLatent(torch.float32), x, 9, seeded(3)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, importance_log_likelihood(OneLatent(torch.float32), x, 9, seeded(4)))
    assert first.dtype == torch.float32
    assert not first.requires_grad


def test_at_the_door():
    with pytest.raises(ValueError, match="n_draws >= 1, got 0"):
        importance_log_likelihood(OneLatent(), images(2), 0)
    with pytest.raises(ValueError, match=r"logits \(2, 1, 2, 3\), x \(2, 6\)"):
        importance_log_likelihood(OneLatent(), images(2).flatten(1), 1)
