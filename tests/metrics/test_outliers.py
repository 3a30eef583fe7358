"""ROC against all pairs counted one by one, and against scikit-learn."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from course_utils.metrics import auroc, input_complexity_score, roc_curve

few_values = st.lists(st.integers(-3, 3), min_size=1, max_size=12).map(lambda v: torch.tensor(v).float())
PROPERTY = settings(max_examples=100, deadline=None, derandomize=True, database=None)


def gaussians(n_in, n_out, shift):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n_in, generator=generator), torch.randn(n_out, generator=generator) + shift


@given(few_values, few_values)
@PROPERTY
def test_auroc_counts_pairs(scores_in, scores_out):
    pairs = [1.0 if o > i else 0.5 if o == i else 0.0 for i in scores_in for o in scores_out]
    area = auroc(scores_in, scores_out)
    assert isinstance(area, float)
    assert area == pytest.approx(sum(pairs) / len(pairs))
    assert auroc(scores_out, scores_in) == pytest.approx(1 - area)
    assert auroc(-scores_in, -scores_out) == pytest.approx(1 - area)
    assert auroc(scores_in.exp(), scores_out.exp()) == area  # only the order counts


@given(few_values, few_values)
@PROPERTY
def test_curve_agrees_with_scikit_learn_and_encloses_the_area(scores_in, scores_out):
    is_outlier = torch.cat([torch.zeros(len(scores_in)), torch.ones(len(scores_out))])
    scores = torch.cat([scores_in, scores_out])
    expected_fpr, expected_tpr, _ = reference.roc_curve(is_outlier, scores, drop_intermediate=False)
    fpr, tpr = roc_curve(scores_in, scores_out)
    assert fpr.tolist() == pytest.approx(expected_fpr)
    assert tpr.tolist() == pytest.approx(expected_tpr)
    assert torch.trapezoid(tpr, fpr).item() == pytest.approx(auroc(scores_in, scores_out))


def test_two_gaussians_against_closed_form_and_scikit_learn():
    scores_in, scores_out = gaussians(20_000, 5_000, 1.0)
    exact = 0.5 * (1 + math.erf(0.5))  # P(N(1, 2) > 0)
    area = auroc(scores_in, scores_out)
    assert area == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 5_000))
    is_outlier = torch.cat([torch.zeros(20_000), torch.ones(5_000)])
    assert area == pytest.approx(reference.roc_auc_score(is_outlier, torch.cat([scores_in, scores_out])))


def test_a_million_scores_take_no_table_of_pairs():
    scores_in, scores_out = gaussians(500_000, 500_000, 0.0)  # a table of pairs would have 250 GB
    assert auroc(scores_in, scores_out) == pytest.approx(0.5, abs=0.005)


def test_infinite_mixed_and_integer_scores():
    infinity = torch.tensor([math.inf, -math.inf])
    assert auroc(infinity, torch.tensor([0.0, math.inf])) == (0.5 + 0.75) / 2
    assert auroc(torch.tensor([0, 1]), torch.tensor([0.5, 2.5], dtype=torch.float64)) == 0.75
    assert auroc(torch.tensor([0, 1]), torch.tensor([1])) == 0.75


def test_columns_of_a_matrix_and_scores_with_a_gradient():
    table = torch.tensor([[0.0, 1.0], [1.0, 2.0]], requires_grad=True)
    assert auroc(table[:, 0], table[:, 1]) == 0.875  # a warning would be an error here
    assert roc_curve(table[:, 0], table[:, 1])[1].tolist() == [0.0, 0.5, 1.0, 1.0]


@pytest.mark.parametrize("function", [auroc, roc_curve])
def test_scores_refused(function):
    scores = torch.zeros(3)
    with pytest.raises(ValueError, match=r"scores_out must have shape \(n,\) with n >= 1, got \(0,\)"):
        function(scores, scores[:0])
    with pytest.raises(ValueError, match=r"scores_in must have shape .* got \(1, 3\)"):
        function(scores[None], scores)
    with pytest.raises(ValueError, match="scores_out has 1 NaN among its 2 scores"):
        function(scores, torch.tensor([0.0, math.nan]))


def test_input_complexity_score_in_bits():
    nats, bits = torch.tensor([-100.0, -100.0, -200.0]), torch.tensor([0.0, 50.0, 50.0])
    expected = [100 / math.log(2), 100 / math.log(2) - 50, 200 / math.log(2) - 50]
    assert input_complexity_score(nats, bits).tolist() == pytest.approx(expected)
    with pytest.raises(ValueError, match=r"log_likelihood \(3,\), compressed_bits \(1,\)"):
        input_complexity_score(nats, bits[:1])
