"""Critic losses on cases whose distance is known, and penalties against gradients worked out by hand."""

import pytest
import torch
from torch import nn

from course_utils.adversarial import critic_generator_loss, critic_loss, gradient_penalty, r1_penalty


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_two_point_masses_are_as_far_apart_as_they_are():
    """Data at 5, samples at 2: the best critic of slope 1 rises from 2 to 5, and the distance is 3."""
    real, fake = torch.full((4, 1), 5.0), torch.full((6, 1), 2.0)
    assert critic_loss(real, fake).item() == pytest.approx(-3)  # f(x) = x
    assert critic_loss(-real, -fake).item() == pytest.approx(3)  # f(x) = -x, the worst
    bent = [critic_loss(f(real), f(fake)).item() for f in (torch.tanh, torch.sin, lambda x: 0.5 * x)]
    assert min(bent) > -3
    assert critic_generator_loss(fake).item() == pytest.approx(-2)


def test_a_critic_trained_with_the_penalty_finds_the_distance_between_point_masses():
    torch.manual_seed(0)
    # in the plane: on a line a slope that starts negative can't turn round without passing 0, which costs 10
    critic = nn.Sequential(nn.Linear(2, 32), nn.SiLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(critic.parameters(), lr=1e-2)
    real, fake = (
        torch.tensor([[1.2, 1.1]]).expand(32, 2),
        torch.tensor([[0.0, -0.5]]).expand(32, 2),
    )  # 2 apart
    generator = seeded()
    for _ in range(400):
        loss = critic_loss(critic(real), critic(fake))
        total = loss + 10 * gradient_penalty(critic, real, fake, generator)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    # max over the slope s of 2 s - 10 (s - 1)^2 is at s = 1.1: the penalty lets the estimate be 10 % too large
    assert -loss.item() == pytest.approx(2.2, abs=0.1)


def test_the_penalty_of_a_linear_critic_is_the_distance_of_its_slope_from_one():
    weight = torch.tensor([3.0, 4.0])
    value = gradient_penalty(lambda x: x @ weight, torch.randn(5, 2), torch.randn(5, 2), seeded())
    assert value.item() == pytest.approx(16)
    flat = gradient_penalty(
        lambda x: x @ torch.tensor([0.0, 0.1]), torch.randn(5, 2), torch.randn(5, 2), seeded()
    )
    assert flat.item() == pytest.approx(0.81)  # two-sided: too flat is punished as well


def test_interpolates_lie_on_the_segments_with_one_uniform_weight_per_example():
    seen = []

    def critic(x):
        seen.append(x.detach())
        return x.flatten(1).sum(1, keepdim=True)

    n = 2000
    real, fake = torch.zeros(n, 1, 4, 4), torch.rand(n, 1, 4, 4, generator=seeded(1)) + 1
    gradient_penalty(critic, real, fake, seeded())
    weight = seen[0] / fake  # (n, 1, 4, 4), 1 - u
    torch.testing.assert_close(weight, weight[:, :, :1, :1].expand_as(weight))  # the same for all pixels
    u = weight[:, 0, 0, 0].sort().values
    uniform = torch.linspace(0, 1, n)
    assert (u - uniform).abs().max() < 1.95 / n**0.5  # Kolmogorov-Smirnov, 0.1 % level


def test_the_generator_decides_the_weights_and_advances():
    def critic(x):
        return x.square().sum(1)

    real, fake = torch.zeros(8, 2), torch.ones(8, 2)
    generator = seeded()
    first, second = (gradient_penalty(critic, real, fake, generator).item() for _ in range(2))
    assert first != second
    assert gradient_penalty(critic, real, fake, seeded()).item() == first
    # by hand: the gradient of |x|^2 is 2 x, and |x| = sqrt 2 (1 - u)
    u = torch.rand(8, generator=seeded())
    assert first == pytest.approx(((2 * 2**0.5 * (1 - u) - 1) ** 2).mean().item(), rel=1e-5)


@pytest.mark.parametrize("penalty", [gradient_penalty, lambda f, real, fake, g: r1_penalty(f, real)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_penalties_can_be_differentiated_again(penalty, dtype):
    """f(x) = a |x|^2 / 2 has slope a |x|: the derivative of each penalty with respect to a is known."""
    a = torch.tensor(3.0, dtype=dtype, requires_grad=True)
    x = torch.randn(6, 2, generator=seeded(), dtype=dtype)
    value = penalty(lambda x: 0.5 * a * x.square().sum(1), x, x, seeded())  # fake = real: no weight matters
    value.backward()
    norm = x.norm(dim=1)
    expected = (2 * (3 * norm - 1) * norm).mean() if penalty is gradient_penalty else (6 * norm**2).mean()
    torch.testing.assert_close(a.grad, expected)


def test_penalties_leave_the_images_and_their_graph_alone():
    real, fake = (torch.randn(3, 2, generator=seeded(s), requires_grad=True) for s in (1, 2))
    before = real.detach().clone(), fake.detach().clone()
    critic = nn.Sequential(nn.Linear(2, 8), nn.SiLU(), nn.Linear(8, 1))
    (gradient_penalty(critic, real, 2 * fake, seeded()) + r1_penalty(critic, real)).backward()
    assert real.grad is None
    assert fake.grad is None
    assert torch.equal(real, before[0])
    assert torch.equal(fake, before[1])
    assert critic[0].weight.grad.abs().sum() > 0


def test_a_flat_critic_costs_one_and_gives_no_nan():
    weight = torch.zeros(2, requires_grad=True)
    value = gradient_penalty(lambda x: x @ weight, torch.ones(3, 2), torch.zeros(3, 2), seeded())
    value.backward()
    assert value.item() == pytest.approx(1)
    assert weight.grad.isfinite().all()


def test_examples_that_do_not_pair_up_are_refused():
    with pytest.raises(ValueError, match=r"one shape, got \(3, 2\) and \(4, 2\)"):
        gradient_penalty(lambda x: x.sum(1), torch.zeros(3, 2), torch.zeros(4, 2))


def test_r1_is_the_mean_squared_slope_at_the_data():
    x = torch.randn(7, 3, generator=seeded())
    assert r1_penalty(lambda x: x.square().sum(1), x).item() == pytest.approx(
        4 * x.square().sum(1).mean().item()
    )
