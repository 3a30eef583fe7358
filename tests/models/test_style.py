"""Styles: what adaptive instance normalisation does to moments, which layer hears which style, what noise changes."""

import pytest
import torch
import torch.nn.functional as F

from course_utils.models import MappingNetwork, StyleGenerator, adaptive_instance_norm, style_mix


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def test_the_maps_leave_with_the_moments_of_the_style():
    g = seeded()
    x = 3 + 5 * torch.randn(4, 3, 6, 7, generator=g, dtype=torch.float64)
    scale, bias = (torch.randn(4, 3, generator=g, dtype=torch.float64) for _ in range(2))
    out = adaptive_instance_norm(x, scale, bias, 0.0)
    torch.testing.assert_close(out.mean((2, 3)), bias)
    torch.testing.assert_close(out.std((2, 3), correction=0), scale.abs())
    # whatever the maps' own brightness and contrast were
    torch.testing.assert_close(adaptive_instance_norm(7 * x - 2, scale, bias, 0.0), out)


@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_it_is_torchs_instance_norm_with_a_style_for_each_example(eps):
    g = seeded()
    x, scale, bias = (torch.randn(*s, generator=g) for s in ((4, 3, 6, 7), (4, 3), (4, 3)))
    out = adaptive_instance_norm(x, scale, bias, eps)
    for i in range(4):
        expected = F.instance_norm(x[i : i + 1], weight=scale[i], bias=bias[i], eps=eps)
        torch.testing.assert_close(out[i : i + 1], expected, atol=1e-5, rtol=1e-5)


def test_a_flat_map_becomes_the_bias_and_gradients_are_those_of_finite_differences():
    out = adaptive_instance_norm(torch.full((1, 2, 3, 3), 7.0), torch.ones(1, 2), torch.tensor([[1.0, -2.0]]))
    torch.testing.assert_close(out[0, :, 0, 0], torch.tensor([1.0, -2.0]))
    inputs = [
        torch.randn(s, generator=seeded(), dtype=torch.float64).requires_grad_()
        for s in ((2, 2, 3, 3), (2, 2), (2, 2))
    ]
    assert torch.autograd.gradcheck(adaptive_instance_norm, inputs)


def test_mixing_takes_the_first_layers_from_a_and_the_rest_from_b():
    a, b = torch.randn(2, 4, 5, generator=seeded(1)), torch.randn(2, 4, 5, generator=seeded(2))
    for crossover in range(5):
        mixed = style_mix(a, b, crossover)
        for layer in range(4):
            assert torch.equal(mixed[:, layer], (a if layer < crossover else b)[:, layer])


def test_the_mapping_hears_the_direction_of_z_and_not_its_length():
    mapping, z = MappingNetwork(8), torch.randn(5, 8, generator=seeded())
    torch.testing.assert_close(mapping(z), mapping(100 * z), atol=1e-5, rtol=1e-5)
    assert mapping(z).std(0).mean() > 0.3  # and it doesn't start by making all styles alike


def test_each_layer_hears_its_own_style():
    generator = StyleGenerator(8).eval()
    heard = []
    for layer in generator.layers:
        layer.register_forward_pre_hook(lambda module, inputs: heard.append(inputs[1]))
    w = torch.randn(3, generator.n_layers, 64, generator=seeded())
    image = generator.synthesise(w, seeded())
    assert image.shape == (3, 1, 28, 28)
    assert 0 < image.min() < image.max() < 1
    assert all(torch.equal(style, w[:, i]) for i, style in enumerate(heard))
    for layer in range(generator.n_layers):
        changed = w.clone()
        changed[0, layer] += 1
        again = generator.synthesise(changed, seeded())
        assert (again[0] - image[0]).abs().max() > 1e-3
        torch.testing.assert_close(again[1:], image[1:])  # other images do not hear it


def test_an_image_is_its_styles_and_its_noise():
    generator, z = StyleGenerator(8), torch.randn(3, 8, generator=seeded())
    assert torch.equal(generator(z, seeded(1)), generator.synthesise(generator.styles(z), seeded(1)))
    assert torch.equal(generator(z, seeded(1)), generator(z, seeded(2)))  # at first the noise has no strength
    with torch.no_grad():
        for layer in generator.layers:
            layer.noise_strength.fill_(0.3)
    assert not torch.equal(generator(z, seeded(1)), generator(z, seeded(2)))
    assert torch.equal(generator(z, seeded(1)), generator(z, seeded(1)))


def test_the_output_reaches_every_parameter_and_examples_are_independent():
    generator, z = StyleGenerator(8), torch.randn(4, 8, generator=seeded())
    generator(z, seeded()).square().sum().backward()
    for name, parameter in generator.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    torch.testing.assert_close(generator(z)[:1], generator(z[:1]), atol=1e-6, rtol=1e-5)
