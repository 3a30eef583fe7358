"""Distances between clouds against closed forms, another route, and counting by hand; then on damaged digits."""

import math

import pytest
import torch
from scipy import linalg, stats

from course_utils.metrics import frechet_distance, precision_recall
from course_utils.metrics import sample_quality as module


def normal(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def with_covariance(covariance, n=200, seed=0):
    """A cloud of n points whose mean is 0 and whose covariance (divided by n - 1) is the given one, exactly."""
    x = normal(n, len(covariance), seed)
    white = torch.linalg.qr(x - x.mean(0)).Q * math.sqrt(n - 1)
    return white @ torch.linalg.cholesky(covariance).T


def random_covariance(d, seed):
    x = normal(2 * d, d, seed)
    return x.T @ x / d


# ------------------------------------------------------------------------------------------ Frechet distance


def test_distance_in_one_dimension_is_that_of_means_and_deviations():
    a, b = (
        with_covariance(torch.tensor([[4.0]]).double()) + 1,
        with_covariance(torch.tensor([[9.0]]).double()) - 3,
    )
    assert frechet_distance(a, b) == pytest.approx((1 + 3) ** 2 + (2 - 3) ** 2)
    assert isinstance(frechet_distance(a, b), float)


def test_distance_agrees_with_the_matrix_square_root():
    cov_a, cov_b = random_covariance(6, 1), random_covariance(6, 2)
    shift = normal(1, 6, 3)
    a, b = with_covariance(cov_a, 300, 4) + shift, with_covariance(cov_b, 150, 5)
    root = linalg.sqrtm((cov_a @ cov_b).numpy()).real
    expected = shift.square().sum() + (cov_a + cov_b).trace() - 2 * root.trace()
    assert frechet_distance(a, b) == pytest.approx(expected.item())
    assert frechet_distance(b, a) == pytest.approx(expected.item())
    turn = torch.linalg.qr(normal(6, 6, 6)).Q  # a rotation of the features changes nothing, a scale squares
    assert frechet_distance(3 * a @ turn, 3 * b @ turn) == pytest.approx(9 * expected.item())


def test_distance_is_the_cost_of_the_best_map_between_the_gaussians():
    """Between Gaussians it is the squared 2-Wasserstein distance; in one dimension that is an integral."""
    u = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    quantiles = torch.from_numpy(stats.norm.ppf(u.numpy()))
    cost = ((1 + 2 * quantiles) - (-0.5 + 0.7 * quantiles)).square().mean()
    a = with_covariance(torch.tensor([[4.0]]).double()) + 1
    b = with_covariance(torch.tensor([[0.49]]).double()) - 0.5
    assert frechet_distance(a, b) == pytest.approx(cost.item(), rel=1e-4)


def test_distance_to_itself_is_zero_also_for_singular_covariances():
    cloud = normal(50, 8)
    flat = torch.cat([cloud, cloud[:, :3] * 1e3, torch.full((50, 2), 0.1)], dim=1)
    few = normal(5, 40)
    for features in (cloud, flat, few, 1e-6 * cloud, cloud.float()):
        size = features.double().var(0).sum().item()
        assert frechet_distance(features, features) <= 1e-12 * size
        assert frechet_distance(features, features.flip(0)) <= 1e-12 * size


def test_distance_between_two_samples_of_one_law_falls_as_one_over_n():
    def floor(n):
        return sum(frechet_distance(normal(n, 10, s), normal(n, 10, s + 100)) for s in range(10)) / 10

    floors = [floor(n) for n in (100, 400, 1600)]
    assert 3 < floors[0] / floors[1] < 5
    assert 3 < floors[1] / floors[2] < 5


def test_constant_samples_are_at_the_distance_of_the_variance():
    cloud = with_covariance(random_covariance(4, 1))
    assert frechet_distance(cloud, torch.zeros(20, 4)) == pytest.approx(cloud.var(0).sum().item())


# -------------------------------------------------------------------------------------- precision and recall


def by_the_definition(points, cloud, k):
    """Share of points inside some ball, with loops."""
    inside = 0
    for x in points:
        for i, centre in enumerate(cloud):
            others = sorted((centre - y).norm().item() for j, y in enumerate(cloud) if j != i)
            if (x - centre).norm().item() <= others[k - 1]:
                inside += 1
                break
    return inside / len(points)


@pytest.mark.parametrize("k", [1, 3])
def test_agrees_with_the_definition(k, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 7)
    real, fake = normal(40, 2), 0.5 * normal(31, 2, 1) + 0.8
    precision, recall = precision_recall(real, fake, k)
    assert precision == pytest.approx(by_the_definition(fake, real, k))
    assert recall == pytest.approx(by_the_definition(real, fake, k))
    assert 0.4 < recall < precision < 1
    assert precision_recall(fake, real, k) == (recall, precision)
    assert precision_recall(5 * real + 7, 5 * fake + 7, k) == (precision, recall)


def test_narrow_samples_are_precise_and_wide_ones_recall():
    real = normal(500, 4)
    narrow, wide = (
        precision_recall(real, 0.3 * normal(500, 4, 1)),
        precision_recall(real, 3 * normal(500, 4, 1)),
    )
    assert narrow.precision > 0.9
    assert narrow.recall < 0.3
    assert wide.precision < 0.3
    assert wide.recall > 0.9
    assert min(precision_recall(real, normal(500, 4, 1))) > 0.8


def test_the_edge_of_a_ball_is_inside_and_copies_cover_only_themselves():
    real = torch.tensor([[0.0], [1.0], [10.0], [11.0]])
    assert precision_recall(real, torch.tensor([[2.0], [2.01]]), k=1).precision == 0.5
    collapsed = precision_recall(real, torch.full((5, 1), 0.5))
    assert collapsed == (1.0, 0.0)
    assert precision_recall(real, real[:1].expand(4, 1)) == (1.0, 0.25)


# ------------------------------------------------------------------------------------------------ at the door


def test_refused():
    cloud = torch.zeros(5, 2)
    for function in (frechet_distance, precision_recall):
        with pytest.raises(ValueError, match=r"got \(5, 2\) and \(5, 1\)"):
            function(cloud, cloud[:, :1])
        with pytest.raises(ValueError, match=r"got \(5,\) and \(5, 2\)"):
            function(cloud[:, 0], cloud)
        with pytest.raises(ValueError, match="features must be finite"):
            function(cloud, cloud + math.inf)
    with pytest.raises(ValueError, match="with 2 rows or more"):
        frechet_distance(cloud, cloud[:1])
    with pytest.raises(ValueError, match="with 4 rows or more"):
        precision_recall(cloud, cloud[:3])
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        precision_recall(cloud, cloud, k=0)
