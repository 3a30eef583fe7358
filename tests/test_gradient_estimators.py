"""Gradient estimators judged by bias and variance over repeats, against expectations known in closed form."""

import math

import pytest
import torch
from scipy import integrate, stats

from course_utils.gradient_estimators import (
    gumbel_softmax,
    pathwise_gradient,
    score_function_gradient,
    score_function_with_baseline,
)

ESTIMATORS = [score_function_gradient, score_function_with_baseline, pathwise_gradient]
MU, SIGMA = torch.tensor(1.0, dtype=torch.float64), torch.tensor(0.5, dtype=torch.float64)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def repeated(estimator, f, n, repeats, mu=MU, sigma=SIGMA):
    """Independent estimates, shape (repeats, 2)."""
    generator = seeded()
    return torch.stack([torch.stack(estimator(f, mu, sigma, n, generator)) for _ in range(repeats)])


def assert_unbiased(estimates, truth):
    error = estimates.std(0) / math.sqrt(len(estimates))
    assert ((estimates.mean(0) - torch.tensor(truth, dtype=torch.float64)).abs() < 4 * error + 1e-12).all()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_estimates_are_unbiased_at_four_draws(estimator):
    # E[z^2 + 3 z] = mu^2 + sigma^2 + 3 mu
    estimates = repeated(estimator, lambda z: z**2 + 3 * z, n=4, repeats=2500)
    assert_unbiased(estimates, [2 * 1.0 + 3, 2 * 0.5])


def test_the_baseline_stays_unbiased_at_two_draws_where_a_shared_mean_would_halve_the_gradient():
    assert_unbiased(repeated(score_function_with_baseline, lambda z: z, n=2, repeats=4000), [1.0, 0.0])


@pytest.mark.parametrize("estimator", [score_function_gradient, score_function_with_baseline])
def test_the_score_function_needs_no_derivative(estimator):
    # E[1(z > 0)] = Phi(mu / sigma)
    density = stats.norm.pdf(1 / 0.5)
    estimates = repeated(estimator, lambda z: (z > 0).double(), n=200, repeats=400)
    assert_unbiased(estimates, [density / 0.5, -density * 1 / 0.5**2])


def test_the_score_functions_variance_is_the_one_worked_out_by_hand():
    # f = z: Var[(mu + sigma e) e / sigma] = mu^2 / sigma^2 + 2, one draw's variance, over n
    n, repeats = 5, 4000
    variance = n * repeated(score_function_gradient, lambda z: z, n, repeats)[:, 0].var().item()
    assert variance == pytest.approx(1 / 0.25 + 2, rel=0.15)  # the standard error is 3 %


def test_pathwise_has_no_variance_where_f_is_linear():
    estimates = repeated(pathwise_gradient, lambda z: 3 * z, n=4, repeats=50)
    assert (estimates[:, 0] == 3).all()
    assert estimates[:, 1].std() == pytest.approx(3 / 2, rel=0.4)  # mean of four epsilons, times 3


def test_variances_are_ordered_and_the_baseline_removes_a_large_mean():
    def f(z):
        return z**2 + 100

    plain, baseline, pathwise = (repeated(e, f, n=16, repeats=400).var(0) for e in ESTIMATORS)
    assert (baseline < plain / 100).all()
    assert (pathwise < baseline / 2).all()


def test_a_constant_added_to_f_changes_nothing_under_the_baseline():
    first = score_function_with_baseline(lambda z: z**2, MU, SIGMA, 4, seeded())
    second = score_function_with_baseline(lambda z: z**2 + 1000, MU, SIGMA, 4, seeded())
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_vector_of_parameters_is_estimated_at_once(estimator):
    mu, sigma = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 1.5])
    estimates = repeated(
        estimator, lambda z: (z**2).sum(-1), 200, 300, mu, sigma
    ).double()  # (repeats, 2, dim)
    assert_unbiased(estimates, [[2.0, -4.0], [1.0, 3.0]])


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_estimates_are_plain_numbers_and_leave_the_inputs_alone(estimator):
    mu, sigma = torch.tensor(1.0, requires_grad=True), torch.tensor(0.5, requires_grad=True)
    with torch.no_grad():  # as inside an optimiser's loop
        estimates = estimator(lambda z: z**2, mu, sigma, 4, seeded())
    assert estimates == estimator(lambda z: z**2, mu, sigma, 4, seeded())
    assert all(e.shape == () and not e.requires_grad and e.dtype == torch.float32 for e in estimates)
    assert mu.grad is None
    assert (mu.item(), sigma.item()) == (1.0, 0.5)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_mistakes_at_the_door(estimator):
    with pytest.raises(ValueError, match=r"one value per draw, shape \(4,\), got \(\)"):
        estimator(lambda z: z.sum(), MU, SIGMA, 4)
    with pytest.raises(ValueError, match=r"mu \(\), sigma \(2,\)"):
        estimator(lambda z: z, MU, SIGMA.expand(2), 4)


def test_a_leave_one_out_baseline_needs_another_draw():
    with pytest.raises(ValueError, match="n >= 2 draws, got n = 1"):
        score_function_with_baseline(lambda z: z, MU, SIGMA, 1)


# ---------------------------------------------------------------------------------------- Gumbel-softmax


@pytest.mark.parametrize("temperature", [0.1, 1.0, 10.0])
def test_the_largest_entry_follows_the_categorical_at_every_temperature(temperature):
    n, probabilities = 20_000, torch.tensor([0.6, 0.3, 0.1])
    y = gumbel_softmax((5 + probabilities.log()).expand(n, 3), temperature, seeded())
    torch.testing.assert_close(y.sum(1), torch.ones(n))
    assert (y >= 0).all()
    frequency = y.argmax(1).bincount(minlength=3) / n
    assert ((frequency - probabilities).abs() < 4 * (probabilities * (1 - probabilities) / n).sqrt()).all()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_two_classes_give_a_logistic_through_a_sigmoid(temperature):
    # the difference of two Gumbels is logistic, so y_1 = sigmoid((l_1 - l_2 + logistic) / temperature)
    n = 20_000
    y = gumbel_softmax(torch.tensor([1.0, 0.0]).expand(n, 2), temperature, seeded())[:, 0]
    law = stats.logistic(1.0)
    moments = [
        integrate.quad(lambda s, k=k: law.pdf(s) / (1 + math.exp(-s / temperature)) ** k, -60, 60)[0]
        for k in (1, 2)
    ]
    assert abs(y.mean() - moments[0]) < 4 * y.std() / math.sqrt(n)
    assert abs(y.square().mean() - moments[1]) < 4 * y.square().std() / math.sqrt(n)
    assert abs(torch.corrcoef(torch.stack([y[1:], y[:-1]]))[0, 1]) < 4 / math.sqrt(n)  # rows are independent


def test_relaxed_draws_pass_gradients_and_stand_extreme_logits():
    logits = torch.tensor([[0.3, -0.2, 0.1]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a: gumbel_softmax(a, 0.7, seeded()), (logits,))
    y = gumbel_softmax(torch.tensor([[300.0, -300.0, 0.0]]), 0.1, seeded())
    assert y.tolist() == [[1, 0, 0]]
    with pytest.raises(ValueError, match="temperature must be positive, got 0"):
        gumbel_softmax(logits, 0)
