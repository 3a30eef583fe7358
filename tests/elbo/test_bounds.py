"""Bounds and estimates of the evidence against quadrature, enumeration and the linear-Gaussian model."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from course_utils import elbo
from course_utils.elbo import bounds
from course_utils.gaussian import log_density_standard_normal

PROPERTY = settings(max_examples=40, deadline=None, derandomize=True, database=None)
DTYPES = [torch.float32, torch.float64]
LOG_2PI = math.log(2 * math.pi)
MODEL = (1.5, -0.3, 0.4)  # w, b, noise_var


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def distributions(n):
    """Probabilities of n outcomes, some of them zero."""
    counts = st.lists(st.integers(0, 9), min_size=n, max_size=n).filter(lambda c: sum(c) > 0)
    return counts.map(lambda c: torch.tensor(c, dtype=torch.float64) / sum(c))


# --------------------------------------------------------------------------------------------- kl_discrete


def test_kl_discrete_agrees_with_scipy():
    q, p = (
        torch.tensor([0.1, 0.2, 0.7], dtype=torch.float64),
        torch.tensor([0.4, 0.5, 0.1], dtype=torch.float64),
    )
    assert elbo.kl_discrete(q, p).item() == pytest.approx(stats.entropy(q, p))
    assert elbo.kl_discrete(q.float(), p.float()).dtype == torch.float32


def test_kl_discrete_at_impossible_outcomes():
    sure, open_ = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.25, 0.75, 0.0])
    assert elbo.kl_discrete(sure, open_).item() == pytest.approx(math.log(4))  # 0 log 0/p = 0 log 0/0 = 0
    assert elbo.kl_discrete(open_, sure).item() == math.inf
    with pytest.raises(ValueError, match=r"got \(3,\) and \(2,\)"):
        elbo.kl_discrete(sure, torch.ones(2) / 2)
    with pytest.raises(ValueError, match=r"1-D tensors .* got \(1, 3\) and \(1, 3\)"):
        elbo.kl_discrete(sure[None], sure[None])


@given(q=distributions(4), p=distributions(4))
@PROPERTY
def test_kl_discrete_is_positive_unless_the_two_are_equal(q, p):
    kl = elbo.kl_discrete(q, p)
    assert kl == pytest.approx(stats.entropy(q, p), abs=1e-12)
    assert elbo.kl_discrete(q, q) == 0
    assert kl > 0 or torch.allclose(q, p, rtol=0, atol=1e-12)


# ------------------------------------------------------------------------------------- a VAE with one latent


@pytest.mark.parametrize("dtype", DTYPES)
def test_negative_elbo_on_numbers_worked_by_hand(dtype):
    x, logits = torch.ones(2, 1, 2, 2, dtype=dtype), torch.zeros(2, 1, 2, 2, dtype=dtype)
    mu, logvar = torch.tensor([[3.0, 4.0], [0.0, 0.0]], dtype=dtype), torch.zeros(2, 2, dtype=dtype)
    terms = elbo.elbo_terms(x, logits, mu, logvar)
    log_likelihood, kl = -4 * math.log(2), [12.5, 0.0]  # four fair pixels; 25/2 and 0
    assert terms.log_likelihood.tolist() == pytest.approx([log_likelihood] * 2)
    assert terms.kl.tolist() == pytest.approx(kl)
    assert terms.elbo.tolist() == pytest.approx([log_likelihood - k for k in kl])
    loss = elbo.negative_elbo(x, logits, mu, logvar)
    assert loss.dtype == dtype
    assert loss.item() == pytest.approx(4 * math.log(2) + 6.25)  # the mean over the batch
    assert elbo.negative_elbo(x, logits, mu, logvar, beta=4).item() == pytest.approx(4 * math.log(2) + 25)
    assert elbo.negative_elbo(x, logits, mu, logvar, 0.0).item() == pytest.approx(4 * math.log(2))


def test_negative_elbo_passes_gradients_to_decoder_and_encoder():
    x = torch.rand(3, 5, generator=seeded(), dtype=torch.float64)
    tensors = [
        torch.randn(3, d, generator=seeded(d), dtype=torch.float64, requires_grad=True) for d in (5, 2, 2)
    ]
    assert torch.autograd.gradcheck(lambda logits, mu, v: elbo.negative_elbo(x, logits, mu, v, 0.7), tensors)


def test_evidence_is_elbo_plus_gap_in_a_vae_small_enough_to_integrate():
    """Six binary pixels, one latent, a linear decoder: every integral over z is done on a grid."""
    z = torch.linspace(-12, 12, 4001, dtype=torch.float64)
    logits = z[:, None] * torch.tensor([2.0, -1.0, 0.5, 3.0, -2.0, 0.1]) + 0.3  # (grid, pixels)
    x = torch.tensor([1.0, 0, 1, 1, 0, 1], dtype=torch.float64).expand(len(z), 6)
    mu, logvar = torch.full((len(z), 1), 0.4).double(), torch.full((len(z), 1), -0.5).double()
    q = torch.from_numpy(stats.norm(0.4, math.exp(-0.25)).pdf(z))
    terms = elbo.elbo_terms(x, logits, mu, logvar)
    bound = torch.trapezoid(q * terms.elbo, z)
    log_joint = terms.log_likelihood + log_density_standard_normal(z[:, None])
    evidence = elbo.log_evidence_quadrature(lambda _: log_joint, z)
    gap = torch.trapezoid(q * (q.log() - (log_joint - evidence)), z)  # KL(q || posterior)
    assert gap > 0.01
    torch.testing.assert_close(bound + gap, evidence)


def test_elbo_terms_refuse_mismatched_shapes():
    x, mu = torch.zeros(2, 4), torch.zeros(2, 3)
    with pytest.raises(ValueError, match=r"logits \(2, 5\), x \(2, 4\)"):
        elbo.negative_elbo(x, torch.zeros(2, 5), mu, mu)
    with pytest.raises(ValueError, match=r"mu \(2, 3\), logvar \(2, 1\)"):
        elbo.negative_elbo(x, x, mu, mu[:, :1])
    with pytest.raises(ValueError, match=r"one batch size, got \(2, 4\) and \(1, 3\)"):
        elbo.negative_elbo(x, x, mu[:1], mu[:1])


# ---------------------------------------------------------------------------------------- elbo_monte_carlo


def test_elbo_monte_carlo_is_unbiased_and_its_standard_error_is_right():
    x, q_mean, q_std, generator = torch.tensor(1.2), 0.2, 0.9, seeded()
    exact = elbo.linear_gaussian_elbo(x, q_mean, q_std**2, *MODEL)
    pairs = [
        elbo.elbo_monte_carlo(
            lambda z: elbo.linear_gaussian_log_joint(x, z, *MODEL), q_mean, q_std, 300, generator
        )
        for _ in range(800)
    ]
    scores = torch.stack([(estimate - exact) / error for estimate, error in pairs])
    assert scores.mean().abs() < 4 / math.sqrt(800)
    assert abs(scores.std() - 1) < 4 / math.sqrt(2 * 800)


def test_at_the_posterior_every_draw_gives_the_evidence():
    x = torch.tensor([1.2], dtype=torch.float64)
    mean, var = elbo.optimal_gaussian_posterior(x, *MODEL)
    joint = lambda z: elbo.linear_gaussian_log_joint(x, z, *MODEL)  # noqa: E731
    estimate, error = elbo.elbo_monte_carlo(joint, mean.squeeze(), var.sqrt(), 50, seeded())
    torch.testing.assert_close(estimate, elbo.linear_gaussian_log_evidence(x, *MODEL).squeeze())
    assert error < 1e-12


def test_elbo_monte_carlo_differentiates_through_its_draws():
    x = torch.tensor(1.2, dtype=torch.float64)
    mean, std = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.2, 0.9))
    n = 200_000
    joint = lambda z: elbo.linear_gaussian_log_joint(x, z, *MODEL)  # noqa: E731
    estimated = torch.autograd.grad(elbo.elbo_monte_carlo(joint, mean, std, n, seeded())[0], (mean, std))
    exact = torch.autograd.grad(elbo.linear_gaussian_elbo(x, mean, std**2, *MODEL), (mean, std))
    # gradients per draw have a standard deviation below 10 here
    assert all(abs(a - b) < 4 * 10 / math.sqrt(n) for a, b in zip(estimated, exact, strict=True))


def test_elbo_monte_carlo_keeps_the_digits_of_a_tiny_std():
    estimate, error = elbo.elbo_monte_carlo(
        lambda z: 0 * z, 1000.0, 1e-8, 10_000, seeded()
    )  # entropy of q alone
    assert abs(estimate - (0.5 + 0.5 * LOG_2PI + math.log(1e-8))) < 4 * error < 0.05


def test_elbo_monte_carlo_at_the_door():
    with pytest.raises(ValueError, match="n >= 2 samples, got n = 1"):
        elbo.elbo_monte_carlo(lambda z: z, 0.0, 1.0, 1)
    with pytest.raises(
        ValueError, match=r"log_joint must give one value per point, shape \(5,\), got \(5, 1\)"
    ):
        elbo.elbo_monte_carlo(lambda z: z[:, None], 0.0, 1.0, 5)


# ------------------------------------------------------------------------------- importance-weighted bound


@given(q=distributions(3), joint=st.lists(st.floats(-5, 1), min_size=3, max_size=3))
@PROPERTY
def test_the_importance_weighted_bound_rises_with_k_to_the_evidence(q, joint):
    """Three states, so the expectation over K draws is a sum over 3^K tuples: exact, no sampling."""
    log_joint, q = torch.tensor(joint, dtype=torch.float64), (q + 0.05) / 1.15
    log_w = log_joint - q.log()
    expected = []
    for k in (1, 2, 3, 5):
        tuples = torch.tensor(list(itertools.product(range(3), repeat=k))).T  # (K, 3^K)
        expected.append((q[tuples].prod(0) * elbo.importance_weighted_bound(log_w[tuples])).sum().item())
    evidence = log_joint.logsumexp(0)
    posterior = (log_joint - evidence).exp()
    assert expected[0] == pytest.approx((evidence - elbo.kl_discrete(q, posterior)).item())  # K = 1: the ELBO
    assert all(a <= b + 1e-12 for a, b in itertools.pairwise([*expected, evidence.item()]))


def test_the_importance_weighted_bound_is_sound_at_extreme_weights():
    log_w = torch.tensor([[900.0, -1500.0, -1500.0], [-1500.0, -1501.0, -math.inf]])
    expected = [900 - math.log(2), -1500 + math.log1p(math.exp(-1)) - math.log(2), -1500 - math.log(2)]
    assert elbo.importance_weighted_bound(log_w).tolist() == pytest.approx(expected, rel=1e-6)
    with pytest.raises(ValueError, match=r"\(K, batch\), got \(3,\)"):
        elbo.importance_weighted_bound(log_w[0])


def test_the_importance_weighted_bounds_gradient_is_the_normalised_weight():
    log_w = torch.randn(4, 3, generator=seeded(), dtype=torch.float64, requires_grad=True)
    elbo.importance_weighted_bound(log_w).sum().backward()
    torch.testing.assert_close(log_w.grad, log_w.softmax(0).detach())


# ------------------------------------------------------------------------------------------- quadrature


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-10)])
@pytest.mark.parametrize("shift", [0.0, -1500.0, 900.0])
def test_quadrature_finds_the_evidence_of_the_linear_gaussian_model(dtype, tolerance, shift):
    x, grid = torch.tensor(1.2, dtype=dtype), torch.linspace(-10, 10, 2001, dtype=dtype)
    result = elbo.log_evidence_quadrature(
        lambda z: elbo.linear_gaussian_log_joint(x, z, *MODEL) + shift, grid
    )
    assert result.dtype == dtype
    exact = elbo.linear_gaussian_log_evidence(x, *MODEL) + shift
    torch.testing.assert_close(result, exact, rtol=1e-6, atol=tolerance)


def test_quadrature_is_the_trapezoidal_rule_exact_for_straight_lines():
    uneven = torch.tensor([1.0, 1.5, 3.0, 4.0], dtype=torch.float64)
    assert elbo.log_evidence_quadrature(torch.log, uneven).item() == pytest.approx(
        math.log(7.5)
    )  # (16 - 1) / 2
    assert elbo.log_evidence_quadrature(torch.zeros_like, uneven[:2]).item() == pytest.approx(math.log(0.5))


def test_quadrature_agrees_with_scipy_on_a_bimodal_posterior():
    def joint(z):  # x = z^2 + noise
        return -0.5 * z**2 - 0.5 * (4 - z**2) ** 2 / 0.3

    expected, _ = integrate.quad(lambda z: math.exp(joint(z)), -6, 6, points=[-2, 2], epsabs=1e-13)
    result = elbo.log_evidence_quadrature(joint, torch.linspace(-6, 6, 2001, dtype=torch.float64))
    assert result.exp().item() == pytest.approx(expected)


@pytest.mark.parametrize("grid", [torch.zeros(1), torch.zeros(2, 2), torch.tensor([1.0, 0.0])])
def test_quadrature_refuses_a_grid_that_is_none(grid):
    with pytest.raises(ValueError, match="grid must be 1-D and increasing"):
        elbo.log_evidence_quadrature(lambda z: z, grid)


# --------------------------------------------------------------------------------- marginal_by_monte_carlo


def test_the_average_over_the_prior_finds_the_evidence():
    w = torch.tensor([1.0, 0.5, -0.5])  # x = w . z + noise is N(0, |w|^2 + 1) for z of three dimensions
    likelihood = stats.norm(0.7, 1).logpdf
    n = 4 * bounds.CHUNK + 17
    estimate = elbo.marginal_by_monte_carlo(lambda z: torch.from_numpy(likelihood(z @ w)), n, 3, seeded())
    exact = stats.norm(0, math.sqrt(2.5)).logpdf(0.7)
    # relative standard deviation of p(x|z): E[p^2] / p(x)^2 - 1, with p^2 = N(., 1/2) / sqrt(4 pi)
    second = stats.norm(0, math.sqrt(2.0)).pdf(0.7) / math.sqrt(4 * math.pi)
    error = math.sqrt((second / math.exp(2 * exact) - 1) / n)
    assert estimate.shape == ()
    assert abs(estimate.item() - exact) < 4 * error < 0.02


def test_draws_come_in_chunks_that_add_up_to_n_standard_normals():
    chunks = []

    def record(z):
        chunks.append(z)
        return torch.full((len(z),), -1500.0)

    n = bounds.CHUNK * 2 + 5
    assert elbo.marginal_by_monte_carlo(record, n, 2, seeded()).item() == pytest.approx(-1500, abs=1e-3)
    assert max(len(z) for z in chunks) <= bounds.CHUNK
    z = torch.cat(chunks)
    assert z.shape == (n, 2)
    assert (z.mean(0).abs() < 4 / math.sqrt(n)).all()
    assert ((z.T.cov() - torch.eye(2)).abs() < 4 * math.sqrt(2 / n)).all()
    assert not chunks[0][:5].equal(chunks[-1])


def test_marginal_by_monte_carlo_weighs_every_draw_alike():
    values = iter([900.0, -1500.0])  # one full chunk, then a short one that contributes nothing
    n = bounds.CHUNK + 100
    estimate = elbo.marginal_by_monte_carlo(lambda z: torch.full((len(z),), next(values)), n, 1, seeded())
    assert estimate.item() == pytest.approx(900 + math.log(bounds.CHUNK / n), rel=1e-6)
    assert elbo.marginal_by_monte_carlo(lambda z: torch.full((len(z),), -math.inf), 3, 1).item() == -math.inf


def test_marginal_by_monte_carlo_at_the_door():
    with pytest.raises(ValueError, match=r"log_likelihood_fn must give .* shape \(5,\), got \(5, 2\)"):
        elbo.marginal_by_monte_carlo(lambda z: z, 5, 2)
    with pytest.raises(ValueError, match="n >= 1 samples, got n = 0"):
        elbo.marginal_by_monte_carlo(lambda z: z, 0, 2)


# ----------------------------------------------------------------------------------------------- all of them


def test_inputs_are_left_as_they_were():
    tensors = [torch.tensor([0.0, 0.25, 0.75]), torch.rand(2, 3), torch.rand(2, 3), torch.linspace(0, 1, 5)]
    before = [t.clone() for t in tensors]
    q, a, b, grid = tensors
    elbo.kl_discrete(q, q)
    elbo.negative_elbo(a, b, a, b)
    elbo.importance_weighted_bound(a)
    elbo.log_evidence_quadrature(torch.zeros_like, grid)
    elbo.elbo_monte_carlo(torch.zeros_like, grid[1], grid[2], 10)
    assert all(t.equal(b) for t, b in zip(tensors, before, strict=True))
