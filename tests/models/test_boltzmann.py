"""The restricted Boltzmann machine against enumeration of all its states."""

import itertools
import math

import pytest
import torch

from course_utils.models import RBM, free_energy, gibbs_step, log_partition

V, H = 3, 2


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def machine(seed=0, scale=1.5, n_visible=V, n_hidden=H, dtype=torch.float64):
    g = seeded(seed)
    return [
        scale * torch.randn(*shape, generator=g, dtype=dtype)
        for shape in ((n_visible, n_hidden), (n_visible,), (n_hidden,))
    ]


def states(n):
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=n)), dtype=torch.float64)


def joint_energies(W, b, c):
    """E(v, h) of every pair of states, (2^V, 2^H), term by term."""
    v, h = states(len(b)), states(len(c))
    return torch.stack([torch.stack([-(vi @ W @ hj) - b @ vi - c @ hj for hj in h]) for vi in v])


def transition_matrix(W, b, c):
    """P(v -> v') = sum over h of p(v' | h) p(h | v), from the joint probabilities themselves."""
    joint = (-joint_energies(W, b, c)).exp()
    return (joint / joint.sum(1, keepdim=True)) @ (joint / joint.sum(0)).T


@pytest.mark.parametrize("seed", range(3))
def test_the_free_energy_sums_the_hidden_units_out(seed):
    W, b, c = machine(seed)
    expected = -(-joint_energies(W, b, c)).exp().sum(1).log()
    torch.testing.assert_close(free_energy(states(V), W, b, c), expected)


@pytest.mark.parametrize("seed", range(3))
def test_the_partition_function_is_that_of_all_states(seed):
    W, b, c = machine(seed, n_visible=5, n_hidden=4)
    expected = (-joint_energies(W, b, c)).exp().sum().log()
    torch.testing.assert_close(log_partition(W, b, c), expected)
    torch.testing.assert_close((-free_energy(states(5), W, b, c)).logsumexp(0), expected)
    with pytest.raises(ValueError, match=r"21 hidden units have 2\^21 states"):
        log_partition(torch.zeros(3, 21), torch.zeros(3), torch.zeros(21))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_free_energy_holds_at_large_inputs(dtype):
    W = torch.full((2, 2), 150.0, dtype=dtype, requires_grad=True)
    v, b, c = (
        torch.tensor([[1.0, 1.0], [0.0, 0.0]], dtype=dtype),
        torch.zeros(2, dtype=dtype),
        torch.zeros(2, dtype=dtype),
    )
    value = free_energy(v, W, b, c)  # two hidden units with input 300; softplus(0) = log 2
    torch.testing.assert_close(value, torch.tensor([-600.0, -2 * math.log(2)], dtype=dtype))
    value.sum().backward()
    assert W.grad.isfinite().all()


def test_the_gibbs_step_moves_as_the_exact_transition_matrix_says_and_is_in_balance():
    W, b, c = machine(1, scale=1.0)
    exact = transition_matrix(W, b, c)
    # detailed balance: p(v) P(v -> v') = p(v') P(v' -> v)
    p = (-free_energy(states(V), W, b, c)).softmax(0)
    flow = p[:, None] * exact
    torch.testing.assert_close(flow, flow.T)
    n, generator = 40_000, seeded()
    powers = torch.tensor([4.0, 2.0, 1.0], dtype=torch.float64)
    for i, v in enumerate(states(V)):
        after = gibbs_step(v.expand(n, V), W, b, c, generator)
        assert after.unique().tolist() == [0, 1]
        counts = torch.bincount((after @ powers).long(), minlength=2**V) / n
        errors = (exact[i] * (1 - exact[i]) / n).sqrt()
        assert ((counts - exact[i]).abs() < 4.5 * errors).all()  # 64 comparisons


def test_long_chains_forget_where_they_began_and_visit_states_as_often_as_the_model_says():
    W, b, c = machine(2, scale=0.8)
    rbm = RBM(V, H).double()
    with torch.no_grad():
        for parameter, value in zip((rbm.W, rbm.b, rbm.c), (W, b, c), strict=True):
            parameter.copy_(value)
    n = 40_000
    end = rbm.sample(torch.ones(n, V, dtype=torch.float64), 30, seeded())
    counts = (
        torch.bincount((end @ torch.tensor([4.0, 2.0, 1.0], dtype=torch.float64)).long(), minlength=8) / n
    )
    p = (-rbm.free_energy(states(V)) - log_partition(W, b, c)).exp().detach()
    assert p.sum().item() == pytest.approx(1)
    assert ((counts - p).abs() < 4.5 * (p * (1 - p) / n).sqrt()).all()


def test_the_same_generator_gives_the_same_chain_and_the_input_is_left_alone():
    W, b, c = machine(n_visible=20, n_hidden=10, dtype=torch.float32)
    v = (torch.rand(6, 20, generator=seeded()) < 0.5).float()
    before = v.clone()
    first, second = gibbs_step(v, W, b, c, seeded(3)), gibbs_step(v, W, b, c, seeded(3))
    assert torch.equal(first, second)
    assert torch.equal(v, before)
    generator = seeded(3)
    assert not torch.equal(gibbs_step(v, W, b, c, generator), gibbs_step(v, W, b, c, generator))


def test_contrastive_divergence_with_long_chains_is_the_gradient_of_the_log_likelihood():
    """With enough steps the chains end at the model, and what is left is noise of the average over 100,000 of them."""
    torch.manual_seed(0)
    rbm = RBM(4, 3).double()
    with torch.no_grad():
        for parameter in rbm.parameters():
            parameter.copy_(0.7 * torch.randn(parameter.shape, dtype=torch.float64))
    v = states(4)[[1, 3, 3, 12, 15]].repeat(20_000, 1)
    exact = rbm.free_energy(v).mean() + log_partition(rbm.W, rbm.b, rbm.c)
    expected = torch.autograd.grad(exact, list(rbm.parameters()))
    loss, chain = rbm.contrastive_divergence(v, n_steps=15, generator=seeded())
    assert not chain.requires_grad
    for found, wanted in zip(torch.autograd.grad(loss, list(rbm.parameters())), expected, strict=True):
        torch.testing.assert_close(found, wanted, atol=0.008, rtol=0)  # 5 standard errors of a 0/1 average


def test_learning_raises_the_exact_likelihood_towards_that_of_the_data():
    """Four visible units that always come in equal pairs: entropy log 4, which a machine can reach."""
    torch.manual_seed(0)
    g = seeded()
    rbm = RBM(4, 6, g)
    v = states(2).float().repeat_interleave(2, dim=1).repeat(32, 1)  # (128, 4)
    rbm.start_from(v)
    optimizer = torch.optim.SGD(rbm.parameters(), lr=0.3)

    def nll():
        return (rbm.free_energy(v).mean() + log_partition(rbm.W, rbm.b, rbm.c)).item()

    before = nll()
    chain = None
    for _ in range(800):
        loss, chain = rbm.contrastive_divergence(v, n_steps=1, chain=chain, generator=g)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert before > 2.7  # four independent units: 4 log 2 = 2.77
    assert math.log(4) - 0.01 < nll() < math.log(4) + 0.35


def test_the_biases_start_at_the_log_odds_of_the_pixels():
    rbm = RBM(3, 2)
    rbm.start_from(torch.tensor([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))
    torch.testing.assert_close(rbm.b.detach(), torch.tensor([0.99, 0.25, 0.01]).logit())
    rbm.W.data.zero_()
    torch.testing.assert_close(rbm.mean_field(torch.ones(1, 3))[0], torch.tensor([0.99, 0.25, 0.01]))
