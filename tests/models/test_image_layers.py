"""The layers next to the image against those of ``nn``, which work out the same sums in another order."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from course_utils.models.image_layers import HALVE, FromImage, ToImage

LAYERS = {
    "from the image": (lambda: FromImage(5), lambda: nn.Conv2d(1, 5, **HALVE), (3, 1, 8, 12)),
    "to the image": (lambda: ToImage(5), lambda: nn.ConvTranspose2d(5, 1, **HALVE), (3, 5, 4, 6)),
}
cases = pytest.mark.parametrize("name", LAYERS)


def seeded():
    return torch.Generator().manual_seed(0)


def pair(name):
    make, make_usual, shape = LAYERS[name]
    own, usual = make().double(), make_usual().double()
    usual.load_state_dict(own.state_dict())
    return own, usual, torch.randn(shape, generator=seeded(), dtype=torch.float64, requires_grad=True)


def derivatives(layer, x):
    """Of an uneven function of the maps: to the input and to both parameters."""
    y = layer(x)
    weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)
    return y, *torch.autograd.grad((weights * y.square()).sum(), (x, layer.weight, layer.bias))


@cases
def test_the_values_and_all_gradients_are_those_of_the_usual_layer(name):
    own, usual, x = pair(name)
    for mine, theirs in zip(derivatives(own, x), derivatives(usual, x), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)


@cases
def test_the_gradient_of_a_gradient_is_that_of_the_usual_layer(name):
    own, usual, x = pair(name)
    penalties = []
    for layer in (own, usual):
        (slope,) = torch.autograd.grad(layer(x).pow(3).sum(), x, create_graph=True)
        penalties.append(torch.autograd.grad(slope.square().sum(), (x, layer.weight, layer.bias)))
    for mine, theirs in zip(*penalties, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-10)


@cases
def test_only_the_gradients_that_are_wanted_are_collected(name):
    own, _, x = pair(name)
    own.requires_grad_(False)
    own(x).sum().backward()
    assert x.grad is not None
    assert own.weight.grad is None
    assert own.bias.grad is None
    own.requires_grad_(True)
    own(x.detach()).sum().backward()
    assert own.weight.grad is not None
    assert own.bias.grad is not None


@cases
def test_parameters_begin_as_those_of_the_usual_layer_and_fit_it(name):
    make, make_usual, _ = LAYERS[name]
    torch.manual_seed(0)
    own = make().state_dict()
    torch.manual_seed(0)
    usual = make_usual().state_dict()
    assert own.keys() == usual.keys()
    assert all(torch.equal(own[key], usual[key]) for key in own)


def test_the_weight_can_be_limited():
    layer = spectral_norm(FromImage(5)).eval()  # no power iteration between the two
    x = torch.rand(2, 1, 8, 8, requires_grad=True)
    assert not torch.equal(layer.weight, layer.parametrizations.weight.original)
    torch.testing.assert_close(
        layer(x), nn.functional.conv2d(x, layer.weight, layer.bias, stride=2, padding=1)
    )
