"""Many games at once: each is what it would be alone, and the rules do what they say."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.adversarial import MLPEnsemble, Rules, play_games
from course_utils.adversarial.ensemble import _Adam
from course_utils.data import toy2d


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_each_model_is_a_perceptron_of_its_own() -> None:
    models = MLPEnsemble(3, (2, 5, 4, 1), slope=0.2, generator=gen())
    x = torch.randn(3, 7, 2, generator=gen(1))
    outputs = models(x)
    for k in range(3):
        h = x[k]
        for i in range(3):
            h = F.linear(h, models.weights[i][k].T, models.biases[i][k, 0])
            h = F.leaky_relu(h, 0.2) if i < 2 else h
        assert torch.allclose(outputs[k], h, atol=1e-6)


def test_spectral_models_have_slope_one_and_the_others_are_left_alone() -> None:
    spectral = torch.tensor([True, False])
    models = MLPEnsemble(2, (2, 16, 16, 1), slope=0.2, spectral=spectral, generator=gen())
    with torch.no_grad():
        for weight in models.weights:
            weight *= 30
        x = torch.randn(2, 50, 2, generator=gen(1))
        for _ in range(60):  # power iterations
            models(x)
        models.eval()
    x.requires_grad_()
    (slope,) = torch.autograd.grad(models(x).sum(), x)
    assert slope[0].norm(dim=1).max() <= 1.001
    assert slope[1].norm(dim=1).max() > 100


def test_adam_is_torchs_with_a_rate_for_each_model() -> None:
    models = MLPEnsemble(2, (2, 3, 1), generator=gen())
    rates = (1e-2, 3e-3)
    alone = [[p[k].detach().clone().requires_grad_() for p in models.parameters()] for k in range(2)]
    torchs = [torch.optim.Adam(p, lr=lr, betas=(0.5, 0.999)) for p, lr in zip(alone, rates, strict=True)]
    ours = _Adam(models, torch.tensor(rates)[:, None, None])
    for step in range(4):
        x = torch.randn(2, 6, 2, generator=gen(step))
        ours.step((models(x) ** 2).sum())
        for k in range(2):
            w1, w2, b1, b2 = alone[k]
            torchs[k].zero_grad()
            (((x[k] @ w1 + b1).relu() @ w2 + b2) ** 2).sum().backward()
            torchs[k].step()
    for k in range(2):
        for together, own in zip(models.parameters(), alone[k], strict=True):
            assert torch.allclose(together[k], own, atol=1e-5)


def test_rules_apply_to_their_own_game_only() -> None:
    def losses(rules: list[Rules]) -> Tensor:
        seen = []
        play_games(
            rules,
            lambda n: torch.ones(n, 2),
            steps=3,
            generator=gen(3),
            watch=lambda step, judge, sample, both: seen.append(torch.stack(both)),
        )
        return torch.stack(seen)  # (steps, 2, games)

    plain = losses([Rules(), Rules()])
    for other in (
        Rules(label=0.8),
        Rules(saturating=True),
        Rules(lr_generator=0.5),
        Rules(lr_discriminator=0.5),
    ):
        changed = losses([Rules(), other])
        assert torch.allclose(plain[:, :, 0], changed[:, :, 0])
        assert not torch.allclose(plain[:, :, 1], changed[:, :, 1])
    saturating = losses([Rules(), Rules(saturating=True)])
    assert (saturating[:, 1, 1] < 0).all()
    assert (plain[:, 1] > 0).all()


def test_a_game_learns_the_mean_of_its_data() -> None:
    data = gen(1)
    sample = play_games(
        [Rules(lr_discriminator=4e-3, lr_generator=2e-3)] * 2,
        lambda n: torch.randn(n, 2, generator=data) * 0.5 + torch.tensor([3.0, -1.0]),
        steps=400,
        generator=gen(2),
    )
    means = sample(2000).mean(1)
    assert means.shape == (2, 2)
    assert ((means - torch.tensor([3.0, -1.0])).norm(dim=1) < 0.6).all()


def test_faster_discriminators_find_more_modes() -> None:
    data = gen(5)
    rules = [Rules(lr_generator=2e-3)] * 3 + [Rules(lr_generator=2e-3, lr_discriminator=4e-3)] * 3
    sample = play_games(rules, lambda n: toy2d("ring", n, generator=data), steps=500, generator=gen(4))
    spread = sample(500).var(1).sum(1)  # the ring's is 2^2 + 2 * 0.1^2
    assert spread[3:].mean() > spread[:3].mean()


def test_without_rules_there_is_no_game() -> None:
    with pytest.raises(ValueError, match="rules for one game or more"):
        play_games([], lambda n: torch.zeros(n, 2), steps=1, generator=None)
