"""The players: shapes, ranges, what depends on what, and that a short game is won by those who should win it."""

import pytest
import torch
from torch import nn

from course_utils.adversarial import adam, discriminator_step, generator_step, gradient_penalty
from course_utils.data import RING_CENTRES, toy2d
from course_utils.models import (
    BlackBoxEncoder,
    ConditionalGenerator,
    ConvDiscriminator,
    ConvGenerator,
    ImageEncoder,
    MinibatchDeviation,
    MLPDiscriminator,
    MLPGenerator,
    PairDiscriminator,
    ProjectionDiscriminator,
    projection_logits,
)

IMAGES = torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 3, 9, 1, 1, 5])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def noise(n, dim=8):
    return torch.randn(n, dim, generator=seeded())


PLAYERS = {
    "mlp generator": (lambda: MLPGenerator(8), lambda n: (noise(n),), (2,)),
    "conv generator": (lambda: ConvGenerator(8), lambda n: (noise(n),), (1, 28, 28)),
    "conditional": (lambda: ConditionalGenerator(8), lambda n: (noise(n), LABELS[:n]), (1, 28, 28)),
    "mlp discriminator": (lambda: MLPDiscriminator(8), lambda n: (noise(n),), ()),
    "spectral mlp": (lambda: MLPDiscriminator(8, spectral=True), lambda n: (noise(n),), ()),
    "conv discriminator": (lambda: ConvDiscriminator(), lambda n: (IMAGES[:n],), ()),
    "spectral conv": (lambda: ConvDiscriminator(spectral=True), lambda n: (IMAGES[:n],), ()),
    "sees its batch": (lambda: ConvDiscriminator(minibatch_deviation=True), lambda n: (IMAGES[:n],), ()),
    "projection": (lambda: ProjectionDiscriminator(), lambda n: (IMAGES[:n], LABELS[:n]), ()),
    "image encoder": (lambda: ImageEncoder(3), lambda n: (IMAGES[:n],), (3,)),
    "black-box encoder": (lambda: BlackBoxEncoder(3), lambda n: (IMAGES[:n], seeded()), (3,)),
    "pairs": (lambda: PairDiscriminator(8), lambda n: (IMAGES[:n], noise(n)), ()),
}


@pytest.mark.parametrize("name", PLAYERS)
@pytest.mark.parametrize("n", [1, 6])
def test_batches_go_in_and_batches_come_out(name, n):
    make, inputs, shape = PLAYERS[name]
    out = make().eval()(*inputs(n))
    assert out.shape == (n, *shape)
    assert out.isfinite().all()
    if shape == (1, 28, 28):
        assert 0 < out.min() < out.max() < 1


@pytest.mark.parametrize("name", PLAYERS)
def test_the_output_reaches_every_parameter(name):
    make, inputs, _ = PLAYERS[name]
    model = make()
    model(*inputs(6)).square().sum().backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name


@pytest.mark.parametrize(
    "name",
    ["mlp discriminator", "spectral mlp", "conv discriminator", "spectral conv", "projection", "pairs"],
)
def test_discriminators_judge_one_by_one(name):
    make, inputs, _ = PLAYERS[name]
    model = make().eval()
    together = model(*inputs(6))
    alone = torch.cat([model(*(x[i : i + 1] for x in inputs(6))) for i in range(6)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "make", [lambda: MLPDiscriminator(6, spectral=True), lambda: ConvDiscriminator(spectral=True)]
)
def test_spectral_normalisation_gives_every_matrix_the_largest_singular_value_one(make):
    model = make()
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            layer.weight = 3 * layer.weight  # what is set is normalised when it is read
    for _ in range(60):  # one power iteration for each pass in training mode
        model(noise(2, 6) if isinstance(model, MLPDiscriminator) else IMAGES[:2])
    model.eval()
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            largest = torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2).item()
            assert largest == pytest.approx(1, abs=0.02)


def test_a_spectral_critic_is_nowhere_steeper_than_one():
    model = MLPDiscriminator(2, spectral=True)
    for _ in range(60):
        model(noise(4, 2))
    model.eval()
    x = 5 * torch.randn(500, 2, generator=seeded())
    (slope,) = torch.autograd.grad(model(x.requires_grad_()).sum(), x)
    assert slope.norm(dim=1).max() < 1.02


def test_the_minibatch_deviation_is_the_mean_standard_deviation_over_the_batch():
    h = torch.randn(5, 3, 2, 2, generator=seeded())
    out = MinibatchDeviation()(h)
    assert torch.equal(out[:, :3], h)
    torch.testing.assert_close(
        out[:, 3:], h.std(0, correction=0).mean().expand(5, 1, 2, 2), atol=1e-4, rtol=1e-4
    )
    same = h[:1].expand(5, -1, -1, -1).requires_grad_()
    out = MinibatchDeviation()(same)
    assert out[:, 3].max() < 1e-3
    out.sum().backward()  # a deviation of zero has a gradient that is no NaN


def test_a_critics_penalty_reaches_a_convolutional_discriminator_twice():
    critic = ConvDiscriminator()
    gradient_penalty(critic, IMAGES, IMAGES.flip(0), seeded()).backward()
    assert critic.body[0].weight.grad.abs().sum() > 0


def test_the_projection_is_the_sum_of_its_two_parts():
    g = seeded()
    phi, v, w, b = (torch.randn(s, generator=g, dtype=torch.float64) for s in ((5, 4), (5, 4), (4,), ()))
    expected = torch.stack([sum((w[k] + v[i, k]) * phi[i, k] for k in range(4)) + b for i in range(5)])
    torch.testing.assert_close(projection_logits(phi, v, w, b), expected)
    inputs = [x.requires_grad_() for x in (phi, v, w, b)]
    assert torch.autograd.gradcheck(projection_logits, inputs)


def test_the_label_matters_to_both_conditional_players():
    generator, discriminator = ConditionalGenerator(8).eval(), ProjectionDiscriminator().eval()
    z = noise(1).expand(10, -1)
    images = generator(z, torch.arange(10))
    assert len(images.flatten(1).unique(dim=0)) == 10
    logits = discriminator(IMAGES[:1].expand(10, -1, -1, -1), torch.arange(10))
    phi = discriminator.body.features(IMAGES[:1])
    parts = discriminator.body(IMAGES[:1]) + discriminator.classes.weight @ phi[0]
    torch.testing.assert_close(logits, parts)


def test_a_black_box_encoder_draws_from_its_generator_only():
    encoder = BlackBoxEncoder(3)
    first = encoder(IMAGES, seeded(1))
    torch.manual_seed(7)
    assert torch.equal(first, encoder(IMAGES, seeded(1)))
    assert not torch.equal(first, encoder(IMAGES, seeded(2)))
    same_image = encoder(IMAGES[:1].expand(6, -1, -1, -1), seeded(1))
    assert same_image.std(0).min() > 0  # one image, many codes


def test_a_short_game_on_the_ring_reaches_all_eight_modes():
    """The settings of the lecture; 300 steps are enough for most samples to be near the ring."""
    g = seeded()
    ring = toy2d("ring", 4000, generator=g)
    generator, discriminator = MLPGenerator(2), MLPDiscriminator()
    d_adam, g_adam = adam(discriminator, lr=2e-3), adam(generator, lr=2e-3)
    for _ in range(300):
        x = ring[torch.randint(len(ring), (128,), generator=g)]
        z = torch.randn(2, 128, 2, generator=g)
        discriminator_step(discriminator, generator, d_adam, x, z[0])
        generator_step(generator, discriminator, g_adam, z[1])
    samples = generator(torch.randn(2000, 2, generator=g)).detach()
    nearest = torch.cdist(samples, RING_CENTRES).min(1)
    assert len(nearest.indices[nearest.values < 0.5].unique()) == 8
