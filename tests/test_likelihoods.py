"""Log-likelihoods against scipy, torch.distributions and quadrature."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch.distributions import Bernoulli, Categorical, Independent, MixtureSameFamily, Normal

from course_utils.likelihoods import bernoulli_log_likelihood, gaussian_log_likelihood, mixture_log_likelihood

DTYPES = [torch.float32, torch.float64]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images(batch=3, seed=0, dtype=torch.float64):
    return torch.rand(batch, 1, 5, 4, generator=seeded(seed), dtype=dtype)


# ---------------------------------------------------------------------------------------------- Bernoulli


@pytest.mark.parametrize("dtype", DTYPES)
def test_bernoulli_agrees_with_torch_distributions_on_binary_pixels(dtype):
    logits, x = 8 * images(dtype=dtype) - 4, images(seed=1, dtype=dtype).round()
    result = bernoulli_log_likelihood(logits, x)
    assert result.shape == (3,)
    assert result.dtype == dtype
    torch.testing.assert_close(result, Independent(Bernoulli(logits=logits), 3).log_prob(x))


def test_bernoulli_of_grey_pixels_is_minus_the_cross_entropy():
    logits, x = 8 * images() - 4, images(seed=1)
    p = 1 / (1 + np.exp(-logits.numpy()))
    expected = (x.numpy() * np.log(p) + (1 - x.numpy()) * np.log(1 - p)).sum((1, 2, 3))
    np.testing.assert_allclose(bernoulli_log_likelihood(logits, x), expected)


def test_the_probabilities_of_all_binary_images_sum_to_one():
    every = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 6)  # all 64 images of 6 pixels
    logits = torch.randn(6, generator=seeded()).expand(64, 6)
    assert bernoulli_log_likelihood(logits, every).exp().sum().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_bernoulli_is_exact_at_logits_of_300(dtype):
    logits = torch.tensor([[300.0], [300.0], [-300.0], [-300.0], [300.0]], dtype=dtype, requires_grad=True)
    x = torch.tensor([[1.0], [0.0], [1.0], [0.0], [0.25]], dtype=dtype)
    result = bernoulli_log_likelihood(logits, x)
    result.sum().backward()
    assert result.tolist() == pytest.approx([0, -300, -300, 0, -225], abs=1e-100)  # e^-300 for the zeros
    torch.testing.assert_close(logits.grad, x - torch.sigmoid(logits.detach()))


# ----------------------------------------------------------------------------------------------- Gaussian


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sigma", [0.3, torch.tensor(2.0), 0.5 + images(1, seed=3), 0.5 + images(3, seed=3)])
def test_gaussian_agrees_with_scipy_for_every_kind_of_sigma(sigma, dtype):
    mean, x = images(dtype=dtype), images(seed=1, dtype=dtype)
    sigma = sigma.to(dtype) if isinstance(sigma, torch.Tensor) else sigma
    scale = np.broadcast_to(np.asarray(sigma), x.shape)
    expected = stats.norm.logpdf(x.numpy(), mean.numpy(), scale).sum((1, 2, 3))
    result = gaussian_log_likelihood(mean, x, sigma)
    assert result.dtype == dtype
    np.testing.assert_allclose(result, expected, rtol=1e-4 if dtype == torch.float32 else 1e-12)


def test_gaussian_of_one_scalar_per_example_is_not_summed_over_the_batch():
    x = torch.tensor([0.0, 1.0, 2.0])
    expected = torch.tensor([0.0, -0.5, -2.0]) - 0.5 * math.log(2 * math.pi)
    torch.testing.assert_close(gaussian_log_likelihood(torch.zeros(3), x, 1.0), expected)


def test_the_best_sigma_is_the_root_mean_square_error():
    mean, x = images(), images(seed=1)
    sigma = (x - mean).square().mean().sqrt().requires_grad_()
    gaussian_log_likelihood(mean, x, sigma).sum().backward()
    assert abs(sigma.grad.item()) < 1e-9
    with torch.no_grad():
        best, wider, narrower = (gaussian_log_likelihood(mean, x, sigma * s).sum() for s in (1, 1.1, 0.9))
    assert best > wider
    assert best > narrower


def test_likelihood_gradients_agree_with_finite_differences():
    a, x, sigma = images().requires_grad_(), images(seed=1), 0.5 + images(seed=2)
    assert torch.autograd.gradcheck(lambda logits: bernoulli_log_likelihood(logits, x), (a,))
    assert torch.autograd.gradcheck(gaussian_log_likelihood, (a, x.requires_grad_(), sigma.requires_grad_()))
    scalar = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: gaussian_log_likelihood(a.detach(), x.detach(), s), (scalar,))


# ------------------------------------------------------------------------------------------------ mixture

LOG_WEIGHTS = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64).log()
MEANS = torch.tensor([-2.0, 0.5, 3.0], dtype=torch.float64)
STDS = torch.tensor([0.5, 1.0, 0.2], dtype=torch.float64)


def test_mixture_agrees_with_torch_distributions_and_has_mass_one():
    mixture = MixtureSameFamily(Categorical(logits=LOG_WEIGHTS), Normal(MEANS, STDS))
    x = torch.linspace(-6, 6, 50, dtype=torch.float64)
    torch.testing.assert_close(mixture_log_likelihood(x, LOG_WEIGHTS, MEANS, STDS), mixture.log_prob(x))

    def density(value):
        return mixture_log_likelihood(torch.tensor([value]).double(), LOG_WEIGHTS, MEANS, STDS).exp().item()

    mass, _ = integrate.quad(density, -9, 9, points=MEANS.tolist())
    assert mass == pytest.approx(1, abs=1e-8)


def test_mixture_is_finite_far_from_every_component():
    x = torch.tensor([-60.0, 1e6], requires_grad=True)
    result = mixture_log_likelihood(x, LOG_WEIGHTS.float(), MEANS.float(), STDS.float())
    result.sum().backward()
    # out there one component has all the mass: the widest
    expected = LOG_WEIGHTS[1] + Normal(MEANS[1], STDS[1]).log_prob(x.detach().double())
    torch.testing.assert_close(result.double(), expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(x.grad.double(), 0.5 - x.detach().double(), rtol=1e-6, atol=0)


def test_a_component_of_weight_zero_takes_no_part():
    weights, means = torch.tensor([1.0, 0.0]).log(), torch.tensor([0.0, 5.0])
    result = mixture_log_likelihood(torch.tensor([5.0]), weights, means, torch.ones(2))
    assert result.item() == pytest.approx(-12.5 - 0.5 * math.log(2 * math.pi))


# -------------------------------------------------------------------------------------------- at the door


def test_mismatched_shapes_are_refused_with_both_shapes():
    with pytest.raises(ValueError, match=r"logits \(2, 4\), x \(2, 1\)"):
        bernoulli_log_likelihood(torch.zeros(2, 4), torch.zeros(2, 1))
    with pytest.raises(ValueError, match=r"mean \(2, 4\), x \(4,\)"):
        gaussian_log_likelihood(torch.zeros(2, 4), torch.zeros(4), 1.0)
    for sigma in (torch.ones(2), torch.ones(3, 2, 4)):  # per example by mistake; larger than x
        with pytest.raises(ValueError, match=r"sigma .* does not broadcast to the shape of x, \(2, 4\)"):
            gaussian_log_likelihood(torch.zeros(2, 4), torch.zeros(2, 4), sigma)
    with pytest.raises(ValueError, match=r"log_weights \(2,\), means \(3,\), stds \(3,\)"):
        mixture_log_likelihood(torch.zeros(4), torch.zeros(2), torch.zeros(3), torch.ones(3))
    with pytest.raises(ValueError, match=r"got \(4, 1\) and \(3,\)"):
        mixture_log_likelihood(torch.zeros(4, 1), torch.zeros(3), torch.zeros(3), torch.ones(3))


def test_inputs_are_left_as_they_were():
    tensors = [images(), images(seed=1), LOG_WEIGHTS.clone(), MEANS.clone(), STDS.clone()]
    before = [t.clone() for t in tensors]
    a, x, *components = tensors
    bernoulli_log_likelihood(a, x)
    gaussian_log_likelihood(a, x, x + 1)
    mixture_log_likelihood(x[:, 0, 0, 0], *components)
    assert all(t.equal(b) for t, b in zip(tensors, before, strict=True))
