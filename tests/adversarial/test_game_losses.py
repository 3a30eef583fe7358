"""The game's losses against probabilities in double precision, autograd and quadrature."""

import math

import pytest
import torch
from torch import nn

from course_utils.adversarial import (
    discriminator_loss,
    gan_value,
    generator_loss,
    optimal_discriminator,
    smoothed_discriminator_loss,
)

DTYPES = [torch.float32, torch.float64]
LOSSES = [
    discriminator_loss,
    gan_value,
    smoothed_discriminator_loss,
    lambda real, fake: generator_loss(fake),
    lambda real, fake: generator_loss(fake, True),
]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def logits(n, seed, scale=3.0):
    return scale * torch.randn(n, generator=seeded(seed), dtype=torch.float64)


def test_the_value_is_that_of_the_probabilities_each_mean_over_its_own_batch():
    real, fake = logits(7, 0), logits(5, 1)
    d_real, d_fake = 1 / (1 + (-real).exp()), 1 / (1 + (-fake).exp())
    expected = d_real.log().sum() / 7 + (1 - d_fake).log().sum() / 5
    torch.testing.assert_close(gan_value(real, fake), expected)
    torch.testing.assert_close(discriminator_loss(real, fake), -expected)
    torch.testing.assert_close(generator_loss(fake), -d_fake.log().mean())
    torch.testing.assert_close(generator_loss(fake, saturating=True), (1 - d_fake).log().mean())
    torch.testing.assert_close(generator_loss(fake, True), (1 - d_fake).log().mean())


@pytest.mark.parametrize("target", [0.7, 0.9, 1.0])
def test_smoothing_is_the_cross_entropy_of_torch_with_soft_labels_for_real_images_only(target):
    real, fake = logits(6, 0), logits(6, 1)
    bce = nn.BCEWithLogitsLoss()
    expected = bce(real, torch.full_like(real, target)) + bce(fake, torch.zeros_like(fake))
    torch.testing.assert_close(smoothed_discriminator_loss(real, fake, target=target), expected)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("shape", [(4,), (4, 1), (1,)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_losses_are_scalars_and_columns_are_as_good_as_rows(loss, shape, dtype):
    real, fake = logits(shape[0], 0).to(dtype), logits(shape[0], 1).to(dtype)
    value = loss(real.view(shape), fake.view(shape))
    assert value.shape == ()
    assert value.dtype == dtype
    torch.testing.assert_close(value, loss(real, fake))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("size", [-300.0, -90.0, 90.0, 300.0])
def test_nothing_overflows_at_large_logits_neither_values_nor_gradients(loss, size):
    real, fake = torch.full((2,), size, requires_grad=True), torch.full((2,), size, requires_grad=True)
    value = loss(real, fake)
    value.backward()
    wide = loss(real.detach().double(), fake.detach().double())
    torch.testing.assert_close(value.double(), wide, rtol=1e-6, atol=1e-6)
    for x in (real, fake):
        assert x.grad is None or x.grad.isfinite().all()


def test_where_every_fake_is_seen_through_only_the_non_saturating_loss_pulls():
    for saturating, slope in [(False, -1.0), (True, 0.0)]:
        fake = torch.tensor([-20.0], requires_grad=True)
        generator_loss(fake, saturating).backward()
        assert fake.grad.item() == pytest.approx(slope, abs=1e-8)
    for saturating in (False, True):  # both are minimised by looking real
        fake = torch.tensor([0.3], requires_grad=True)
        generator_loss(fake, saturating).backward()
        assert fake.grad.item() < -0.4


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_those_of_finite_differences(loss):
    real, fake = logits(3, 0).requires_grad_(), logits(3, 1).requires_grad_()
    assert torch.autograd.gradcheck(loss, (real, fake))


def test_the_optimal_discriminator_maximises_the_value_at_every_point():
    p, q = torch.rand(2, 9, generator=seeded(), dtype=torch.float64)
    best = optimal_discriminator(p, q)
    candidates = torch.linspace(0.001, 0.999, 999, dtype=torch.float64)[:, None]
    values = p * candidates.log() + q * (1 - candidates).log()
    found = candidates[values.argmax(0), 0]
    torch.testing.assert_close(found, best, atol=1e-3, rtol=0)


def test_the_optimal_discriminator_holds_where_densities_vanish_underflow_or_overflow():
    p = torch.tensor([0.0, 1.0, 0.0, 1e-40, 3e38, 2e-30])
    q = torch.tensor([0.0, 0.0, 2.0, 1e-40, 3e38, 6e-30])
    expected = torch.tensor([0.5, 1.0, 0.0, 0.5, 0.5, 0.25])
    torch.testing.assert_close(optimal_discriminator(p, q), expected)
    assert optimal_discriminator(torch.tensor(1.0), torch.tensor([1.0, 3.0])).tolist() == [0.5, 0.25]


def test_a_discriminator_that_is_trained_finds_the_optimal_one_and_its_smoothed_version():
    """Three outcomes, a logit for each: the minimum is known exactly."""
    p, q = torch.tensor([0.7, 0.2, 0.1]).double(), torch.tensor([0.1, 0.2, 0.7]).double()
    for target in (1.0, 0.9):
        logit = torch.zeros(3, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS([logit], max_iter=100, line_search_fn="strong_wolfe")

        def closure(logit=logit, target=target, optimizer=optimizer):
            optimizer.zero_grad()
            # 10 examples of each batch, in the proportions of p and q
            real, fake = (logit.repeat_interleave((10 * d).round().long()) for d in (p, q))
            loss = smoothed_discriminator_loss(real, fake, target=target)
            loss.backward()
            return loss

        optimizer.step(closure)
        # only the real half is softened: t p against (1 - t) p + q
        torch.testing.assert_close(logit.detach().sigmoid(), target * p / (p + q), atol=1e-5, rtol=0)


def test_knowing_nothing_costs_log_four():
    zeros = torch.zeros(5)
    assert discriminator_loss(zeros, zeros).item() == pytest.approx(math.log(4))
