"""Losses of the hybrids against their formulas, and what the minimum of the last is: a log ratio."""

import pytest
import torch

from course_utils.adversarial import aae_losses, avb_discriminator_loss, avb_elbo, bigan_losses
from course_utils.gaussian import kl_univariate, log_density_univariate


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def logits(n, seed):
    return 2 * torch.randn(n, generator=seeded(seed), dtype=torch.float64)


def test_bigan_losses_are_cross_entropies_with_the_labels_swapped_for_the_other_side():
    encoder, generator = logits(5, 0), logits(7, 1)
    d_loss, ge_loss = bigan_losses(encoder, generator)
    e, g = encoder.sigmoid(), generator.sigmoid()
    torch.testing.assert_close(d_loss, -e.log().mean() - (1 - g).log().mean())
    torch.testing.assert_close(ge_loss, -(1 - e).log().mean() - g.log().mean())


def test_aae_losses_take_the_prior_for_real_and_the_encoder_is_not_saturating():
    prior, code = logits(5, 0), logits(7, 1)
    d_loss, encoder_loss = aae_losses(prior, code)
    torch.testing.assert_close(d_loss, -prior.sigmoid().log().mean() - (1 - code.sigmoid()).log().mean())
    torch.testing.assert_close(encoder_loss, -code.sigmoid().log().mean())


@pytest.mark.parametrize(
    "losses",
    [bigan_losses, aae_losses, lambda a, b: (avb_discriminator_loss(a, b),), lambda a, b: (avb_elbo(a, b),)],
)
@pytest.mark.parametrize("size", [-300.0, 300.0])
@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_losses_are_finite_scalars_with_finite_gradients_at_large_logits(losses, size, shape):
    a, b = torch.full(shape, size, requires_grad=True), torch.full(shape, -size, requires_grad=True)
    for loss in losses(a, b):
        assert loss.shape == ()
        a.grad = b.grad = None
        loss.backward()
        for x in (a, b):
            assert x.grad is None or x.grad.isfinite().all()
        assert loss.isfinite()


def test_t_star_is_the_log_ratio_of_posterior_and_prior_on_a_gaussian_case():
    """Q(z|x) = N(0.8 x, 0.6^2), prior N(0, 1), x = -1 or 1: T* is a quadratic in z for either x, known exactly."""
    n, generator = 200_000, seeded()
    x = torch.tensor([-1.0, 1.0], dtype=torch.float64).repeat(n // 2)
    posterior = 0.8 * x + 0.6 * torch.randn(n, generator=generator, dtype=torch.float64)
    prior = torch.randn(n, generator=generator, dtype=torch.float64)
    coefficients = torch.zeros(4, dtype=torch.float64, requires_grad=True)

    def t(x, z):
        return torch.stack([torch.ones_like(z), x, x * z, z**2], dim=1) @ coefficients

    optimizer = torch.optim.LBFGS([coefficients], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = avb_discriminator_loss(t(x, posterior), t(x, prior))
        loss.backward()
        return loss

    optimizer.step(closure)
    z = torch.linspace(-1.5, 1.5, 7, dtype=torch.float64)
    for side in (-1.0, 1.0):
        exact = log_density_univariate(z, 0.8 * side, 0.6) - log_density_univariate(z, 0.0, 1.0)
        with torch.no_grad():
            found = t(torch.full_like(z, side), z)
        # standard errors of a logistic regression on 400,000 draws are about 0.02 within these z
        torch.testing.assert_close(found, exact, atol=0.08, rtol=0)
    # and the mean of T* over the posterior is the KL divergence
    kl = kl_univariate(0.8, 0.6, 0.0, 1.0).item()
    assert t(x, posterior).mean().item() == pytest.approx(kl, abs=0.02)


def test_the_elbo_takes_the_kl_from_the_discriminator():
    t, log_likelihood = logits(6, 0), logits(6, 1)
    expected = (log_likelihood - t).mean()
    torch.testing.assert_close(avb_elbo(t, log_likelihood), expected)
    torch.testing.assert_close(avb_elbo(t[:, None], log_likelihood), expected)
    with pytest.raises(ValueError, match=r"per example, got \(6,\) and \(5,\)"):
        avb_elbo(t, log_likelihood[:5])


def test_the_gradient_at_t_star_with_t_held_fixed_is_that_of_the_true_kl():
    """Proposition 2: the path through T*'s own dependence on q averages to zero."""
    mu = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    eps = torch.randn(400_000, generator=seeded(), dtype=torch.float64)
    z = mu + 0.6 * eps
    t_star = log_density_univariate(z, mu.detach(), 0.6) - log_density_univariate(z, 0.0, 1.0)
    (-avb_elbo(t_star, torch.zeros_like(z))).backward()
    assert mu.grad.item() == pytest.approx(0.7, abs=0.01)  # d KL / d mu = mu
