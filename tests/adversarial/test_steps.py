"""One step of either player against the same step by hand, and what it leaves alone."""

import copy

import pytest
import torch
from torch import nn

from course_utils.adversarial import (
    adam,
    discriminator_loss,
    discriminator_step,
    frozen,
    generator_loss,
    generator_step,
)


@pytest.fixture
def players():
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(3, 8), nn.SiLU(), nn.Linear(8, 2))
    discriminator = nn.Sequential(nn.Linear(2, 8), nn.SiLU(), nn.Linear(8, 1))
    return discriminator, generator, torch.randn(5, 2), torch.randn(6, 3)


def sgd(module):
    return torch.optim.SGD(module.parameters(), lr=0.1)


def with_stale_gradients(module):
    for i, parameter in enumerate(module.parameters()):
        parameter.grad = torch.full_like(parameter, 1.0 + i)
    return module


def state(module):
    return [
        (p.detach().clone(), None if p.grad is None else p.grad.clone(), p.requires_grad)
        for p in module.parameters()
    ]


def assert_as_found(module, before):
    for (value, grad, required), (value2, grad2, required2) in zip(before, state(module), strict=True):
        assert torch.equal(value, value2)
        assert required == required2
        assert (grad is None and grad2 is None) or torch.equal(grad, grad2)


def test_the_discriminators_step_is_that_of_its_loss_and_leaves_the_generator_as_found(players):
    discriminator, generator, real, z = players
    by_hand = copy.deepcopy(discriminator)
    loss = discriminator_loss(by_hand(real), by_hand(generator(z).detach()))
    optimizer = sgd(by_hand)
    loss.backward()
    optimizer.step()
    before = state(with_stale_gradients(generator))
    returned = discriminator_step(with_stale_gradients(discriminator), generator, sgd(discriminator), real, z)
    torch.testing.assert_close(returned, loss.detach())
    assert not returned.requires_grad
    assert_as_found(generator, before)
    for p, q in zip(discriminator.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(p, q)


@pytest.mark.parametrize("saturating", [False, True])
def test_the_generators_step_is_that_of_its_loss_and_leaves_the_discriminator_as_found(players, saturating):
    discriminator, generator, _, z = players
    by_hand = copy.deepcopy(generator)
    loss = generator_loss(discriminator(by_hand(z)), saturating)
    optimizer = sgd(by_hand)
    loss.backward()
    optimizer.step()
    discriminator.requires_grad_(True)
    discriminator[0].bias.requires_grad_(False)  # whatever was frozen before stays so
    before = state(with_stale_gradients(discriminator))
    stale = with_stale_gradients(generator)
    returned = generator_step(stale, discriminator, sgd(generator), z, saturating=saturating)
    torch.testing.assert_close(returned, loss.detach())
    assert_as_found(discriminator, before)
    for p, q in zip(generator.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(p, q)


def test_frozen_thaws_even_after_an_error(players):
    discriminator, generator, _, _ = players
    with frozen(discriminator, generator):
        assert not any(p.requires_grad for p in [*discriminator.parameters(), *generator.parameters()])
    with pytest.raises(IndexError), frozen(discriminator, generator):
        discriminator[99]
    assert all(p.requires_grad for p in [*discriminator.parameters(), *generator.parameters()])


def test_adam_moves_all_the_modules_it_is_given(players):
    discriminator, generator, _, z = players
    optimizer = adam(discriminator, generator, lr=0.1)
    before = [p.detach().clone() for m in (discriminator, generator) for p in m.parameters()]
    generator_loss(discriminator(generator(z))).backward()
    optimizer.step()
    after = [p for m in (discriminator, generator) for p in m.parameters()]
    assert all((p != q).any() for p, q in zip(before, after, strict=True))
