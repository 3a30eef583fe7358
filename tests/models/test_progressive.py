"""Growing networks: fading is a blend, and nothing jumps when a layer arrives or has arrived."""

import pytest
import torch
import torch.nn.functional as F

from course_utils.models import ProgressiveDiscriminator, ProgressiveGenerator, fade_in, shrink
from course_utils.models.progressive import STAGES


def noise(n=3, dim=8):
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(0))


def images(side, n=3):
    return torch.rand(n, 1, side, side, generator=torch.Generator().manual_seed(1))


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0, torch.tensor(0.3)])
def test_fading_in_blends_every_block_with_its_one_pixel(alpha):
    low = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    high = torch.randn(2, 3, 8, 10, dtype=torch.float64, requires_grad=True)
    out = fade_in(low, high, alpha)
    assert out.shape == high.shape
    for i, j in [(0, 0), (3, 7), (7, 9)]:
        expected = (1 - float(alpha)) * low[:, :, i // 2, j // 2] + float(alpha) * high[:, :, i, j]
        torch.testing.assert_close(out[:, :, i, j], expected, atol=1e-7, rtol=0)
    assert torch.autograd.gradcheck(lambda a, b: fade_in(a, b, float(alpha)), (low, high))


def test_shrinking_keeps_the_brightness_and_averages_blocks():
    x = images(28)
    for side in STAGES:
        small = shrink(x, side)
        assert small.shape == (3, 1, side, side)
        torch.testing.assert_close(small.mean((2, 3)), x.mean((2, 3)))
    torch.testing.assert_close(shrink(x, 7)[0, 0, 2, 3], x[0, 0, 8:12, 12:16].mean())


@pytest.mark.parametrize("stage", [0, 1, 2])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_every_stage_makes_and_judges_images_of_its_size(stage, alpha):
    generator, discriminator = ProgressiveGenerator(8), ProgressiveDiscriminator()
    made = generator(noise(), stage, alpha)
    assert made.shape == (3, 1, STAGES[stage], STAGES[stage])
    assert 0 < made.min() < made.max() < 1
    assert discriminator(made, stage, alpha).shape == (3,)


@pytest.mark.parametrize("stage", [1, 2])
def test_a_new_layer_arrives_without_a_jump_and_then_takes_over(stage):
    generator, discriminator = ProgressiveGenerator(8).eval(), ProgressiveDiscriminator().eval()
    z, x = noise(), images(STAGES[stage])
    before = generator(z, stage - 1)
    torch.testing.assert_close(generator(z, stage, 0.0), F.interpolate(before, scale_factor=2.0))
    judged_before = discriminator(F.avg_pool2d(x, 2), stage - 1)
    torch.testing.assert_close(discriminator(x, stage, 0.0), judged_before)
    half = 0.5 * (generator(z, stage, 0.0) + generator(z, stage, 1.0))
    torch.testing.assert_close(generator(z, stage, 0.5), half)
    assert (generator(z, stage, 1.0) - generator(z, stage, 0.0)).abs().max() > 0.01
    # one by one
    alone = torch.cat([discriminator(x[i : i + 1], stage, 0.5) for i in range(3)])
    torch.testing.assert_close(discriminator(x, stage, 0.5), alone, atol=1e-6, rtol=1e-5)


def test_layers_of_later_stages_wait_untouched():
    generator, discriminator = ProgressiveGenerator(8), ProgressiveDiscriminator()
    discriminator(generator(noise(), 1, 0.5), 1, 0.5).sum().backward()
    for waiting in (
        generator.grow[2],
        generator.to_image[2],
        discriminator.halve[2],
        discriminator.from_image[2],
    ):
        assert all(p.grad is None for p in waiting.parameters())
    working = [
        *generator.grow[:2],
        *generator.to_image[:2],
        *discriminator.from_image[:2],
        discriminator.halve[1],
    ]
    assert all(p.grad is not None for module in working for p in module.parameters())
