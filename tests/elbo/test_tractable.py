"""The two exact models against quadrature, torch.distributions and an EM written out in loops."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from course_utils import elbo
from course_utils.gaussian import kl_univariate, log_density_univariate
from course_utils.likelihoods import mixture_log_likelihood

PROPERTY = settings(max_examples=40, deadline=None, derandomize=True, database=None)
NUMBER, VARIANCE = st.floats(-3, 3), st.floats(0.05, 5)
MODELS = [(1.5, -0.3, 0.4), (-0.7, 2.0, 3.0), (0.0, 1.0, 0.5)]  # w, b, noise_var


def number(value):
    return torch.tensor(value, dtype=torch.float64)


# ------------------------------------------------------------------------------------------ linear-Gaussian


def joint(z, x, w, b, noise_var):
    """The density p(x, z), by scipy."""
    return stats.norm.pdf(z) * stats.norm.pdf(x, w * z + b, math.sqrt(noise_var))


@pytest.mark.parametrize("model", MODELS)
def test_joint_evidence_and_posterior_agree_with_quadrature(model):
    x = 1.2
    evidence, first, second = (
        integrate.quad(lambda z, k=k: z**k * joint(z, x, *model), -12, 12, epsabs=1e-13)[0] for k in range(3)
    )
    assert elbo.linear_gaussian_log_evidence(number(x), *model).exp().item() == pytest.approx(evidence)
    mean, var = elbo.optimal_gaussian_posterior(number([x]), *model)
    assert mean.item() == pytest.approx(first / evidence)
    assert var.item() == pytest.approx(second / evidence - (first / evidence) ** 2)
    log_joint = elbo.linear_gaussian_log_joint(number(x), number(0.7), *model)
    assert log_joint.exp().item() == pytest.approx(joint(0.7, x, *model))


@pytest.mark.parametrize("model", MODELS)
def test_the_exact_elbo_agrees_with_quadrature(model):
    x, q = 1.2, stats.norm(0.3, 0.6)
    expected, _ = integrate.quad(
        lambda z: q.pdf(z) * (math.log(joint(z, x, *model)) - q.logpdf(z)), -5, 5.5, epsabs=1e-12
    )
    assert elbo.linear_gaussian_elbo(number(x), 0.3, 0.36, *model).item() == pytest.approx(expected)


@given(x=NUMBER, w=NUMBER, b=NUMBER, noise_var=VARIANCE, q_mean=NUMBER, q_var=VARIANCE)
@PROPERTY
def test_evidence_is_elbo_plus_the_kl_to_the_posterior(x, w, b, noise_var, q_mean, q_var):
    model, x = (w, b, noise_var), number([x])
    mean, var = elbo.optimal_gaussian_posterior(x, *model)
    bound = elbo.linear_gaussian_elbo(x, q_mean, q_var, *model)
    evidence = elbo.linear_gaussian_log_evidence(x, *model)
    assert bound <= evidence + 1e-12
    torch.testing.assert_close(bound + kl_univariate(q_mean, math.sqrt(q_var), mean, var.sqrt()), evidence)
    torch.testing.assert_close(elbo.linear_gaussian_elbo(x, mean, var, *model), evidence)


def test_parameters_may_be_numbers_scalars_or_one_per_example():
    x, w = torch.tensor([0.5, -1.0, 2.0]), torch.tensor([1.0, 2.0, 3.0])
    mean, var = elbo.optimal_gaussian_posterior(x, 2.0, 0.5, 0.25)
    assert (mean.shape, var.shape, mean.dtype) == ((3,), (), torch.float32)
    tensors = elbo.optimal_gaussian_posterior(x, *(torch.tensor(v) for v in (2.0, 0.5, 0.25)))
    torch.testing.assert_close((mean, var), tensors)
    mean, var = elbo.optimal_gaussian_posterior(x, w, 0.5, 0.25)
    assert (mean.shape, var.shape) == ((3,), (3,))
    each = [elbo.optimal_gaussian_posterior(x[i : i + 1], w[i], 0.5, 0.25) for i in range(3)]
    torch.testing.assert_close(mean, torch.cat([m for m, _ in each]))
    torch.testing.assert_close(var, torch.stack([v for _, v in each]))


def test_linear_gaussian_gradients_agree_with_finite_differences():
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    x, q_mean, w, b = (row.clone().requires_grad_() for row in draws[:4])
    q_var, noise_var = (row.exp().requires_grad_() for row in draws[4:])
    assert torch.autograd.gradcheck(elbo.linear_gaussian_elbo, (x, q_mean, q_var, w, b, noise_var))
    assert torch.autograd.gradcheck(elbo.linear_gaussian_log_evidence, (x, w, b, noise_var))


# --------------------------------------------------------------------------------------------- em_step

DATA = torch.cat([torch.linspace(-4, -1, 30), torch.linspace(0, 5, 50)]).double()
START = (number([0.3, 0.7]), number([-1.0, 1.0]), number([1.0, 2.0]))


def em_in_loops(x, weights, means, stds):
    """EM for a mixture, written out component by component."""
    r = np.array([w * stats.norm.pdf(x, m, s) for w, m, s in zip(weights, means, stds, strict=True)])
    r /= r.sum(axis=0)
    count = r.sum(axis=1)
    new_means = [r_k @ x / n_k for r_k, n_k in zip(r, count, strict=True)]
    new_vars = [r_k @ (x - m) ** 2 / n_k for r_k, n_k, m in zip(r, count, new_means, strict=True)]
    return count / len(x), new_means, np.sqrt(new_vars)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-12)])
def test_em_step_agrees_with_em_written_in_loops(dtype, tolerance):
    result = elbo.em_step(*(t.to(dtype) for t in (DATA, *START)))
    assert all(t.dtype == dtype for t in result)
    for ours, loops in zip(result, em_in_loops(*(t.numpy() for t in (DATA, *START))), strict=True):
        np.testing.assert_allclose(ours, loops, rtol=tolerance)


def test_em_never_lowers_the_likelihood_and_stops_at_a_stationary_point():
    def total(weights, means, stds):
        return mixture_log_likelihood(DATA, weights.log(), means, stds).sum()

    parameters, values = START, []
    for _ in range(200):
        values.append(total(*parameters).item())
        parameters = elbo.em_step(DATA, *parameters)
    assert all(later >= earlier - 1e-9 for earlier, later in itertools.pairwise(values))
    assert values[-1] > values[0] + 1
    weights, means, stds = (p.detach().requires_grad_() for p in parameters)
    total(weights, means, stds).backward()
    assert means.grad.abs().max() < 1e-3
    assert stds.grad.abs().max() < 1e-3
    torch.testing.assert_close(
        weights.grad, torch.full((2,), 80.0).double(), rtol=1e-4, atol=0
    )  # multiplier N


def test_the_e_step_closes_the_gap_of_the_elbo():
    """With q the responsibilities, sum_n E_q[log p(x, k)] + H(q) is the log-likelihood itself."""
    weights, means, stds = START
    log_joint = weights.log() + log_density_univariate(DATA[:, None], means, stds)
    r = log_joint.softmax(1)
    bound = (r * (log_joint - r.log())).sum()
    torch.testing.assert_close(bound, mixture_log_likelihood(DATA, weights.log(), means, stds).sum())


def test_em_stays_finite_where_a_component_explains_nothing():
    far = (torch.tensor([0.5, 0.5]), torch.tensor([0.0, 1e4]), torch.tensor([1.0, 1.0]))
    weights, means, stds = elbo.em_step(torch.tensor([-1.0, 0.0, 1.0, 1e3]), *far)
    assert all(t.isfinite().all() for t in (weights, means, stds))
    assert weights.sum().item() == pytest.approx(1)


def test_em_refuses_mismatched_shapes_and_leaves_its_inputs_alone():
    with pytest.raises(ValueError, match=r"weights \(3,\), means \(2,\), stds \(2,\)"):
        elbo.em_step(DATA, torch.ones(3) / 3, *START[1:])
    with pytest.raises(ValueError, match=r"got \(80, 1\) and \(2,\)"):
        elbo.em_step(DATA[:, None], *START)
    before = [t.clone() for t in (DATA, *START)]
    elbo.em_step(DATA, *START)
    assert all(t.equal(b) for t, b in zip((DATA, *START), before, strict=True))
