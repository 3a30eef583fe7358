"""Gaussian densities and divergences against independent routes: scipy, torch.distributions, NumPy, sampling.

Where a tolerance is a number of standard errors, the draws are seeded, so the outcome is the same every time.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from course_utils import gaussian

PROPERTY = settings(max_examples=40, deadline=None, derandomize=True, database=None)
DTYPES = [torch.float32, torch.float64]
FOUR = st.lists(st.floats(-4, 4), min_size=4, max_size=4).map(lambda v: torch.tensor(v, dtype=torch.float64))
NUMBER = st.floats(-4, 4)
SIGMA = st.floats(0.1, 5)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normals(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=seeded(seed), dtype=dtype)


def covariances(batch, dim, seed=0):
    a = normals(batch, dim, dim, seed=seed)
    return a @ a.mT / dim + 0.5 * torch.eye(dim, dtype=a.dtype)


# ---------------------------------------------------------------------------------------------- densities


@pytest.mark.parametrize("dtype", DTYPES)
def test_log_density_agrees_with_torch_distributions(dtype):
    mu, logvar, z = normals(5, 3, dtype=dtype), normals(5, 3, seed=1, dtype=dtype), normals(5, 3, dtype=dtype)
    expected = Independent(Normal(mu, (logvar / 2).exp()), 1).log_prob(z + 1)
    result = gaussian.log_density(z + 1, mu, logvar)
    assert result.dtype == dtype
    torch.testing.assert_close(result, expected)


def test_log_density_takes_several_draws_per_example():
    mu, logvar, z = normals(5, 3), normals(5, 3, seed=1), normals(7, 5, 3, seed=2)
    looped = torch.stack([gaussian.log_density(draw, mu, logvar) for draw in z])
    torch.testing.assert_close(gaussian.log_density(z, mu, logvar), looped)


def test_log_density_standard_normal_agrees_with_scipy():
    z = normals(2, 4, 3)
    expected = stats.norm.logpdf(z.numpy()).sum(-1)
    np.testing.assert_allclose(gaussian.log_density_standard_normal(z), expected)


@given(mu=NUMBER, sigma=SIGMA)
@PROPERTY
def test_univariate_density_has_mass_one_and_the_variance_it_names(mu, sigma):
    def density(x):
        return gaussian.log_density_univariate(torch.tensor(x, dtype=torch.float64), mu, sigma).exp().item()

    limits = (mu - 12 * sigma, mu + 12 * sigma)
    mass, _ = integrate.quad(density, *limits)
    variance, _ = integrate.quad(lambda x: (x - mu) ** 2 * density(x), *limits)
    assert mass == pytest.approx(1, abs=1e-8)
    assert variance == pytest.approx(sigma**2, rel=1e-7)


def test_entropy_is_minus_the_expected_log_density():
    logvar = torch.tensor([[-3.0, 0.0, 2.0]], dtype=torch.float64)
    total = sum(stats.norm(0, math.exp(v / 2)).entropy() for v in (-3.0, 0.0, 2.0))
    torch.testing.assert_close(gaussian.entropy(logvar), torch.tensor([total], dtype=torch.float64))


@pytest.mark.parametrize("logvar", [-200.0, 80.0])
def test_densities_survive_extreme_log_variances_in_float32(logvar):
    mu, logvars = torch.ones(1, 2, requires_grad=True), torch.full((1, 2), logvar, requires_grad=True)
    result = gaussian.log_density(torch.ones(1, 2), mu, logvars)
    result.sum().backward()
    expected = -math.log(2 * math.pi) - logvar
    assert result.item() == pytest.approx(expected, rel=1e-6)
    assert gaussian.entropy(logvars.detach()).item() == pytest.approx(1 - expected, rel=1e-6)
    assert mu.grad.eq(0).all()
    torch.testing.assert_close(logvars.grad, torch.full((1, 2), -0.5))


# ----------------------------------------------------------------------------------------------- sampling


def test_reparameterized_draws_have_the_right_moments_and_are_independent():
    n = 40_000
    mu, logvar = torch.tensor([1.0, -2.0]).expand(n, 2), torch.tensor([2.0, -1.0]).expand(n, 2)
    z = gaussian.reparameterize(mu, logvar, seeded())
    eps = (z - mu) / (logvar / 2).exp()
    assert (eps.mean(0).abs() < 4 / math.sqrt(n)).all()
    assert ((eps.var(0) - 1).abs() < 4 * math.sqrt(2 / n)).all()  # variance of a sample variance: 2 / n
    # correlation between the dimensions, and between one example and the next: standard error 1 / sqrt(n)
    assert (eps[:, 0] * eps[:, 1]).mean().abs() < 4 / math.sqrt(n)
    assert ((eps[1:] * eps[:-1]).mean(0).abs() < 4 / math.sqrt(n)).all()


def test_reparameterize_passes_gradients_to_both_parameters():
    mu, logvar = normals(3, 2).requires_grad_(), normals(3, 2, seed=1).requires_grad_()
    z = gaussian.reparameterize(mu, logvar, seeded())
    z.sum().backward()
    torch.testing.assert_close(mu.grad, torch.ones_like(mu))
    torch.testing.assert_close(logvar.grad, (z - mu).detach() / 2)  # d(e^{v/2} eps)/dv
    assert torch.autograd.gradcheck(lambda m, v: gaussian.reparameterize(m, v, seeded()), (mu, logvar))


def test_the_generator_is_the_only_source_of_draws_and_advances():
    mu, logvar, generator = torch.zeros(2, 3), torch.zeros(2, 3), seeded()
    first, second = (gaussian.reparameterize(mu, logvar, generator) for _ in range(2))
    assert not first.equal(second)
    assert first.equal(gaussian.reparameterize(mu, logvar, seeded()))
    torch.manual_seed(5)
    without = gaussian.reparameterize(mu, logvar)
    assert not without.equal(gaussian.reparameterize(mu, logvar))
    torch.manual_seed(5)
    assert without.equal(gaussian.reparameterize(mu, logvar))


@pytest.mark.parametrize("dtype", DTYPES)
def test_draws_have_the_dtype_they_are_for(dtype):
    draws = gaussian.draw_standard_normal((3, 2), torch.zeros((), dtype=dtype), seeded())
    assert (draws.shape, draws.dtype) == ((3, 2), dtype)


@pytest.mark.parametrize("logvar", [-200.0, 80.0])
def test_reparameterize_stays_finite(logvar):
    draws = gaussian.reparameterize(torch.ones(64, 2), torch.full((64, 2), logvar), seeded())
    assert draws.isfinite().all()
    assert draws.sub(1).abs().max() == pytest.approx(math.exp(logvar / 2) * 2.8, rel=0.5, abs=1e-20)


# ------------------------------------------------------------------------------------ KL in closed form


@pytest.mark.parametrize(
    ("mu1", "sigma1", "mu2", "sigma2"), [(0, 1, 1, 2), (0, 2, 1, 1), (-3, 0.2, 0.5, 4), (2, 1, -2, 0.7)]
)
def test_kl_univariate_agrees_with_quadrature(mu1, sigma1, mu2, sigma2):
    q, p = stats.norm(mu1, sigma1), stats.norm(mu2, sigma2)
    limits = (mu1 - 12 * sigma1, mu1 + 12 * sigma1)
    expected, _ = integrate.quad(lambda x: q.pdf(x) * (q.logpdf(x) - p.logpdf(x)), *limits, epsabs=1e-11)
    arguments = [torch.tensor(float(value), dtype=torch.float64) for value in (mu1, sigma1, mu2, sigma2)]
    assert gaussian.kl_univariate(*arguments).item() == pytest.approx(expected, rel=1e-9)
    assert gaussian.kl_univariate(mu1, sigma1, mu2, sigma2).item() == pytest.approx(expected, rel=1e-5)


def test_kl_univariate_is_elementwise_and_lets_numbers_stand_beside_tensors():
    mu = torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64)
    result = gaussian.kl_univariate(mu, 1.0, 0.1, 1.0)
    assert result.dtype == torch.float64
    # exact in float64 only if 0.1 was never rounded to float32
    torch.testing.assert_close(result, 0.5 * (mu - 0.1) ** 2, rtol=1e-14, atol=0)
    assert (
        gaussian.kl_univariate(torch.tensor(1), 0.5, 1.0, 0.5).item() == 0
    )  # an integer mean rounds nothing


def test_kl_standard_normal_on_numbers_worked_by_hand():
    mu = torch.tensor([[3.0, 4.0], [0.0, 0.0], [0.0, 0.0]])
    logvar = torch.tensor([[0.0, 0.0], [math.log(4), 0.0], [0.0, 0.0]])
    expected = torch.tensor([12.5, 1.5 - math.log(2), 0.0])  # 25/2;  (4 - 1 - log 4)/2;  0
    torch.testing.assert_close(gaussian.kl_standard_normal(mu, logvar), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_diagonal_kls_agree_with_torch_distributions(dtype):
    mu1, logvar1, mu2, logvar2 = (normals(6, 3, seed=s, dtype=dtype) for s in range(4))
    q, p = (Independent(Normal(m, (v / 2).exp()), 1) for m, v in ((mu1, logvar1), (mu2, logvar2)))
    torch.testing.assert_close(gaussian.kl_diagonal(mu1, logvar1, mu2, logvar2), kl_divergence(q, p))
    prior = Independent(Normal(torch.zeros_like(mu1), 1.0), 1)
    torch.testing.assert_close(gaussian.kl_standard_normal(mu1, logvar1), kl_divergence(q, prior))


@pytest.mark.parametrize(("logvar", "expected"), [(-200.0, 99.5), (80.0, 0.5 * math.exp(80) - 40.5)])
def test_kl_standard_normal_at_extreme_log_variances_in_float32(logvar, expected):
    logvars = torch.full((1, 1), logvar, requires_grad=True)
    result = gaussian.kl_standard_normal(torch.zeros(1, 1), logvars)
    result.sum().backward()
    assert result.item() == pytest.approx(expected, rel=1e-5)
    assert logvars.grad.item() == pytest.approx(0.5 * math.expm1(logvar), rel=1e-5)


def test_kl_diagonal_never_makes_nan_out_of_zero_times_infinity():
    mu, narrow, wide = torch.ones(1, 1), torch.full((1, 1), -200.0), torch.full((1, 1), 80.0)
    assert gaussian.kl_diagonal(mu, narrow, mu, narrow).item() == 0
    assert gaussian.kl_diagonal(mu, narrow, mu, wide).item() == pytest.approx(139.5)  # (e^-280 - 1 + 280) / 2
    assert gaussian.kl_diagonal(mu, wide, mu, narrow).item() == math.inf  # e^280 / 2 is no float32
    result = gaussian.kl_diagonal(mu.double(), wide.double(), mu.double(), narrow.double())
    assert result.item() == pytest.approx(0.5 * math.exp(280))


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_kl_univariate_at_extreme_scales_in_float32(scale):
    result = gaussian.kl_univariate(torch.tensor(0.0), scale, torch.tensor(scale), 2 * scale)
    assert result.item() == pytest.approx(math.log(2) + 2 / 8 - 0.5, rel=1e-4)


# -------------------------------------------------------------------------------- KL, full covariances


def numpy_kl(mu1, cov1, mu2, cov2):
    """The textbook formula with an inverse and slogdet, example by example."""
    inverse, difference = np.linalg.inv(cov2), mu2 - mu1
    log_ratio = np.linalg.slogdet(cov2)[1] - np.linalg.slogdet(cov1)[1]
    return 0.5 * (np.trace(inverse @ cov1) - len(mu1) + log_ratio + difference @ inverse @ difference)


def test_full_covariance_kl_agrees_with_the_textbook_and_with_torch():
    mu1, mu2, cov1, cov2 = normals(4, 3), normals(4, 3, seed=1), covariances(4, 3), covariances(4, 3, seed=1)
    result = gaussian.kl_full_covariance(mu1, cov1, mu2, cov2)
    textbook = [numpy_kl(*(t[i].numpy() for t in (mu1, cov1, mu2, cov2))) for i in range(4)]
    np.testing.assert_allclose(result, textbook, rtol=1e-10)
    torch.testing.assert_close(
        result, kl_divergence(MultivariateNormal(mu1, cov1), MultivariateNormal(mu2, cov2))
    )
    single = gaussian.kl_full_covariance(mu1.float(), cov1.float(), mu2.float(), cov2.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single, result.float(), rtol=1e-5, atol=1e-5)


def test_full_covariance_kl_of_diagonal_covariances_is_the_diagonal_kl():
    mu1, logvar1, mu2, logvar2 = (normals(5, 4, seed=s) for s in range(4))
    result = gaussian.kl_full_covariance(mu1, logvar1.exp().diag_embed(), mu2, logvar2.exp().diag_embed())
    torch.testing.assert_close(result, gaussian.kl_diagonal(mu1, logvar1, mu2, logvar2))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-12)])
def test_full_covariance_kl_is_sound_in_40_dimensions_at_scale_1e_minus_10(dtype, tolerance):
    mu1, mu2, cov1, cov2 = (
        normals(2, 40),
        normals(2, 40, seed=1),
        covariances(2, 40),
        covariances(2, 40, seed=1),
    )
    expected = gaussian.kl_full_covariance(mu1, cov1, mu2, cov2)
    assert (1e-10 * cov1.float()).det().eq(0).all()  # why the determinant is no way to do it
    small = [t.to(dtype) for t in (1e-5 * mu1, 1e-10 * cov1, 1e-5 * mu2, 1e-10 * cov2)]
    # multiplying x by 1e-5 changes no divergence
    torch.testing.assert_close(gaussian.kl_full_covariance(*small).double(), expected, rtol=tolerance, atol=0)


def test_full_covariance_kl_is_never_negative_where_trace_minus_dim_would_be():
    cov = covariances(8, 40).float()
    mu = torch.zeros(8, 40)
    result = gaussian.kl_full_covariance(mu, cov, mu, cov)
    assert (result >= 0).all()
    assert (result < 1e-8).all()


def test_nearly_singular_covariances_give_a_number_or_a_clear_error():
    rho = 1 - 1e-9
    near = torch.tensor([[[1, rho], [rho, 1]]], dtype=torch.float64)
    mu, eye = torch.zeros(1, 2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)[None]
    expected = -0.5 * math.log1p(-(rho**2))
    assert gaussian.kl_full_covariance(mu, near, mu, eye).item() == pytest.approx(expected, rel=1e-6)
    with pytest.raises(ValueError, match=r"cov1 is not positive definite in torch\.float32"):
        gaussian.kl_full_covariance(mu.float(), near.float(), mu.float(), eye.float())


def test_full_covariance_kl_refuses_what_is_no_covariance():
    mu, eye = torch.zeros(2, 3), torch.eye(3).expand(2, 3, 3)
    indefinite = eye.clone()
    indefinite[1, 2, 2] = -1.0
    with pytest.raises(ValueError, match=r"cov2 is not positive definite .*example 1"):
        gaussian.kl_full_covariance(mu, eye, mu, indefinite)
    with pytest.raises(ValueError, match=r"cov1 is not symmetric; pass the covariance itself"):
        gaussian.kl_full_covariance(mu, (eye + 0.5).tril(), mu, eye)
    with pytest.raises(ValueError, match=r"cov1 must have shape \(2, 3, 3\) .* got \(3, 3\)"):
        gaussian.kl_full_covariance(mu, torch.eye(3), mu, eye)
    with pytest.raises(ValueError, match=r"cov1 is not positive definite"):
        gaussian.kl_full_covariance(mu, eye * math.nan, mu, eye)


# ------------------------------------------------------------------------------------------ Monte Carlo


def test_kl_monte_carlo_is_unbiased_and_its_standard_error_is_right():
    repeats, arguments = 1000, (0.5, 0.8, -0.5, 1.5)
    # 1000 independent estimates in one batch; standardised, they have mean 0 and standard deviation 1
    estimate, error = gaussian.kl_monte_carlo(torch.full((repeats,), 0.5), *arguments[1:], 400, seeded())
    assert estimate.shape == error.shape == (repeats,)
    scores = (estimate - gaussian.kl_univariate(*arguments)) / error
    assert abs(scores.mean()) < 4 / math.sqrt(repeats)
    assert abs(scores.std() - 1) < 4 / math.sqrt(2 * repeats)


def test_kl_monte_carlo_keeps_the_digits_of_a_tiny_sigma():
    estimate, error = gaussian.kl_monte_carlo(1000.0, 1e-8, 1000.0, 2e-8, 10_000, seeded())
    assert abs(estimate - gaussian.kl_univariate(0.0, 1.0, 0.0, 2.0)) < 4 * error < 0.05
    with pytest.raises(ValueError, match="n >= 2 samples, got n = 1"):
        gaussian.kl_monte_carlo(0.0, 1.0, 0.0, 1.0, 1)


# ------------------------------------------------------------------------------------------- properties


@given(mu1=FOUR, logvar1=FOUR, mu2=FOUR, logvar2=FOUR)
@PROPERTY
def test_kl_is_positive_unless_the_two_are_equal(mu1, logvar1, mu2, logvar2):
    assert gaussian.kl_diagonal(mu1, logvar1, mu1, logvar1) == 0
    assert gaussian.kl_diagonal(mu1, logvar1, mu2, logvar2) >= 0
    if (mu1 - mu2).abs().max() > 1e-3 or (logvar1 - logvar2).abs().max() > 1e-3:
        assert gaussian.kl_diagonal(mu1, logvar1, mu2, logvar2) > 1e-9


@given(logvar=st.floats(-(2**-10), 2**-10, width=32))
@PROPERTY
def test_kl_is_not_negative_next_to_the_prior_even_in_float32(logvar):
    assert gaussian.kl_standard_normal(torch.zeros(1, 1), torch.full((1, 1), logvar)) >= 0
    assert gaussian.kl_univariate(0.0, torch.tensor(logvar / 2).exp(), 0.0, 1.0) >= 0


@given(mu1=FOUR, logvar1=FOUR, mu2=FOUR, logvar2=FOUR)
@PROPERTY
def test_kl_adds_up_over_independent_dimensions(mu1, logvar1, mu2, logvar2):
    arguments = (mu1, logvar1, mu2, logvar2)
    parts = gaussian.kl_diagonal(*(t[:1] for t in arguments)) + gaussian.kl_diagonal(
        *(t[1:] for t in arguments)
    )
    sigma1, sigma2 = (logvar1 / 2).exp(), (logvar2 / 2).exp()
    torch.testing.assert_close(gaussian.kl_diagonal(*arguments), parts)
    torch.testing.assert_close(gaussian.kl_univariate(mu1, sigma1, mu2, sigma2).sum(), parts)


@given(seed=st.integers(0, 10_000), shift=FOUR)
@PROPERTY
def test_kl_does_not_change_under_a_common_affine_map(seed, shift):
    mu1, mu2 = normals(1, 4, seed=seed), normals(1, 4, seed=seed + 1)
    cov1, cov2 = covariances(1, 4, seed=seed), covariances(1, 4, seed=seed + 1)
    a = torch.linalg.qr(normals(4, 4, seed=seed + 2)).Q * torch.tensor([0.1, 1.0, 2.0, 10.0])  # invertible
    mapped = gaussian.kl_full_covariance(
        mu1 @ a.mT + shift, a @ cov1 @ a.mT, mu2 @ a.mT + shift, a @ cov2 @ a.mT
    )
    torch.testing.assert_close(
        mapped, gaussian.kl_full_covariance(mu1, cov1, mu2, cov2), rtol=1e-7, atol=1e-9
    )


@given(mu1=NUMBER, sigma1=SIGMA, mu2=NUMBER, sigma2=SIGMA, scale=st.floats(0.01, 100), shift=NUMBER)
@PROPERTY
def test_univariate_kl_does_not_change_under_a_common_affine_map(mu1, sigma1, mu2, sigma2, scale, shift):
    arguments = torch.tensor([mu1, sigma1, mu2, sigma2], dtype=torch.float64)
    mapped = arguments * scale + torch.tensor([shift, 0, shift, 0])
    expected = gaussian.kl_univariate(*arguments)
    torch.testing.assert_close(gaussian.kl_univariate(*mapped), expected, rtol=1e-7, atol=1e-9)


def test_gradients_agree_with_finite_differences():
    mu1, v1, mu2, v2 = (normals(2, 3, seed=s).requires_grad_() for s in range(4))
    a1, a2 = (normals(2, 3, 3, seed=s).requires_grad_() for s in (4, 5))
    eye = torch.eye(3, dtype=torch.float64)

    def full(m1, b1, m2, b2):  # a covariance moves along symmetric matrices only
        return gaussian.kl_full_covariance(m1, b1 @ b1.mT + eye, m2, b2 @ b2.mT + eye)

    check = torch.autograd.gradcheck
    assert check(gaussian.log_density, (mu2, mu1, v1))
    assert check(gaussian.log_density_standard_normal, (mu1,))
    assert check(lambda x, m, v: gaussian.log_density_univariate(x, m, v.exp()), (mu2, mu1, v1))
    assert check(gaussian.entropy, (v1,))
    assert check(gaussian.kl_standard_normal, (mu1, v1))
    assert check(gaussian.kl_diagonal, (mu1, v1, mu2, v2))
    assert check(
        lambda m1, s1, m2, s2: gaussian.kl_univariate(m1, s1.exp(), m2, s2.exp()), (mu1, v1, mu2, v2)
    )
    assert check(full, (mu1, a1, mu2, a2))


# ------------------------------------------------------------------------------------------- at the door


@pytest.mark.parametrize(
    "call",
    [
        lambda a, b: gaussian.reparameterize(a, b),
        lambda a, b: gaussian.kl_standard_normal(a, b),
        lambda a, b: gaussian.log_density(a, a, b),
        lambda a, b: gaussian.kl_diagonal(a, a, b, b),
        lambda a, b: gaussian.kl_full_covariance(a, a.diag_embed(), b, b.diag_embed()),
        lambda a, b: gaussian.log_density(b, a, a),
    ],
)
def test_mismatched_shapes_are_refused_with_both_shapes(call):
    # these two would broadcast without a word
    with pytest.raises(ValueError, match=r"(?s)(?=.*\(5, 3\))(?=.*\(5, 1\))"):
        call(torch.ones(5, 3), torch.ones(5, 1))


def test_inputs_are_left_as_they_were():
    tensors = [torch.full((2, 3), 0.5), torch.full((2, 3), 0.7), torch.eye(3).expand(2, 3, 3).clone()]
    before = [t.clone() for t in tensors]
    mu, logvar, cov = tensors
    gaussian.log_density(mu, mu, logvar)
    gaussian.reparameterize(mu, logvar)
    gaussian.kl_diagonal(mu, logvar, logvar, mu)
    gaussian.kl_univariate(mu, logvar, logvar, mu)
    gaussian.kl_full_covariance(mu, cov, logvar, cov)
    gaussian.kl_monte_carlo(mu, logvar, logvar, mu, 10)
    assert all(t.equal(b) for t, b in zip(tensors, before, strict=True))
