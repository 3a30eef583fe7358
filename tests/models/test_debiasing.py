"""The debiasing VAE: shapes, who sends gradients where, and weights against histograms counted by NumPy."""

import numpy as np
import pytest
import torch

from course_utils.models import DebiasingVAE, debiasing_vae_loss, resampling_weights


@pytest.fixture
def mu() -> torch.Tensor:
    return torch.randn(80, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([0.3, 1.0, 4.0])


def by_numpy(mu: torch.Tensor, bins: int, alpha: float) -> np.ndarray:
    weights = np.ones(len(mu))
    for codes in mu.double().numpy().T:
        density, edges = np.histogram(codes, bins, density=True)
        weights /= density[np.clip(np.searchsorted(edges, codes, side="right") - 1, 0, bins - 1)] + alpha
    return weights / weights.sum()


@pytest.mark.parametrize(("bins", "alpha"), [(1, 0.1), (5, 0.0), (10, 0.01), (40, 3.0)])
def test_weights_are_those_of_numpys_histograms(mu: torch.Tensor, bins: int, alpha: float) -> None:
    np.testing.assert_allclose(resampling_weights(mu, bins, alpha), by_numpy(mu, bins, alpha), rtol=1e-4)


def test_without_smoothing_every_occupied_bin_gets_the_same_in_one_dimension() -> None:
    codes = torch.tensor([[0.0]] * 50 + [[0.45]] * 8 + [[1.0]] * 2)
    weights = resampling_weights(codes, 3, 0.0)
    torch.testing.assert_close(
        torch.stack([part.sum() for part in weights.split([50, 8, 2])]), torch.full((3,), 1 / 3)
    )


def test_much_smoothing_leaves_all_alike(mu: torch.Tensor) -> None:
    torch.testing.assert_close(resampling_weights(mu, 10, 1e6), torch.full((80,), 1 / 80), rtol=1e-4, atol=0)


def test_a_constant_dimension_and_a_single_example_change_nothing(mu: torch.Tensor) -> None:
    wider = torch.cat([mu, torch.full((80, 1), 0.7)], 1)
    torch.testing.assert_close(resampling_weights(wider, 10, 0.1), resampling_weights(mu, 10, 0.1))
    assert resampling_weights(mu[:1], 10, 0.1).tolist() == [1.0]


def test_many_dimensions_do_not_overflow() -> None:
    codes = torch.randn(50, 200, generator=torch.Generator().manual_seed(1))
    weights = resampling_weights(codes, 10, 1e-6)
    assert weights.isfinite().all()
    assert weights.sum().item() == pytest.approx(1.0, abs=1e-5)


def test_rare_combinations_of_common_codes_are_not_seen() -> None:
    corners = torch.tensor([[0.0, 0.0]] * 48 + [[1.0, 1.0]] * 48 + [[0.0, 1.0]] * 2 + [[1.0, 0.0]] * 2)
    torch.testing.assert_close(resampling_weights(corners, 2, 0.0), torch.full((100,), 0.01))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(3), 5, 0.1), r"got \(3,\)"),
        ((torch.zeros(0, 2), 5, 0.1), r"n >= 1"),
        ((torch.zeros(3, 2), 0, 0.1), "bins must be at least 1"),
        ((torch.zeros(3, 2), 5, -0.1), "alpha not negative"),
    ],
)
def test_weights_refuse_nonsense(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resampling_weights(*arguments)


def test_the_loss_counts_the_vae_for_targets_only() -> None:
    classification = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    vae = torch.tensor([10.0, 20.0, 30.0, 40.0], requires_grad=True)
    for mask in (torch.tensor([True, False, True, False]), torch.tensor([1.0, 0.0, 1.0, 0.0])):
        loss = debiasing_vae_loss(classification, vae, mask)
        assert loss.item() == pytest.approx((10 + 40) / 4)
        to_classification, to_vae = torch.autograd.grad(loss, (classification, vae))
        assert to_classification.tolist() == [0.25] * 4
        assert to_vae.tolist() == [0.25, 0.0, 0.25, 0.0]
    with pytest.raises(ValueError, match="one shape"):
        debiasing_vae_loss(classification, vae[:, None], mask)


def test_logit_and_codes_come_from_one_encoder() -> None:
    model = DebiasingVAE(latent_dim=2, hidden_dim=8)
    x = torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(2))
    class_logit, logits, mu, logvar = model(x, torch.Generator().manual_seed(3))
    assert (class_logit.shape, logits.shape, mu.shape, logvar.shape) == ((6,), x.shape, (6, 2), (6, 2))
    class_logit.sum().backward(retain_graph=True)
    shared = model.encoder[1].weight
    assert shared.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in model.decoder.parameters())
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_the_draw_follows_the_generator() -> None:
    model, x = DebiasingVAE(latent_dim=2, hidden_dim=8), torch.rand(3, 1, 28, 28)
    first, again, other = (model(x, torch.Generator().manual_seed(seed))[1] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
