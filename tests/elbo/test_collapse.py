"""KL annealing and free bits against what they promise."""

import pytest
import torch

from course_utils.elbo import free_bits, kl_annealing
from course_utils.gaussian import kl_standard_normal, kl_standard_normal_per_dim


def test_annealing_is_a_line_and_then_flat() -> None:
    weights = [kl_annealing(step, 8, 2.0) for step in range(12)]
    assert weights == [0.25 * min(step, 8) for step in range(12)]


def test_no_warmup_means_no_annealing() -> None:
    assert kl_annealing(0, 0, 3.0) == 3.0


def test_negative_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be negative, got -1 and 5"):
        kl_annealing(-1, 5)


def test_free_bits_of_zero_change_nothing() -> None:
    mu, logvar = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0))
    per_dim = kl_standard_normal_per_dim(mu, logvar)
    torch.testing.assert_close(free_bits(per_dim, 0.0), kl_standard_normal(mu, logvar).mean())


def test_the_floor_is_for_the_batch_mean_of_a_dimension_not_for_each_example() -> None:
    per_dim = torch.tensor([[0.0, 0.4], [2.0, 0.2]])
    torch.testing.assert_close(free_bits(per_dim, 0.5), torch.tensor(1.0 + 0.5))


def test_a_dimension_below_the_floor_feels_nothing() -> None:
    mu = torch.tensor([[0.1, 2.0], [0.2, 1.0]], requires_grad=True)
    free_bits(kl_standard_normal_per_dim(mu, torch.zeros(2, 2)), 0.5).backward()
    assert mu.grad is not None
    assert (mu.grad[:, 0] == 0).all()
    torch.testing.assert_close(mu.grad[:, 1], torch.tensor([1.0, 0.5]))


def test_wrong_shapes_and_negative_floors_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(batch, latent_dim\), got \(3,\)"):
        free_bits(torch.zeros(3), 0.1)
    with pytest.raises(ValueError, match=r"cannot be negative, got -0\.5"):
        free_bits(torch.zeros(3, 2), -0.5)
