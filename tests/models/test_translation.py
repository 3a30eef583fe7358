"""Cycle loss by hand, outlines by eye, and translators that keep the size."""

import pytest
import torch

from course_utils.models import Translator, cycle_loss, outline


def test_the_cycle_loss_is_the_weighted_sum_of_mean_absolute_errors():
    g = torch.Generator().manual_seed(0)
    x, x_cycled = torch.rand(2, 3, 1, 4, 4, generator=g, dtype=torch.float64)
    y, y_cycled = torch.rand(2, 5, 1, 4, 4, generator=g, dtype=torch.float64)
    expected = (
        sum(abs(a - b) for a, b in zip(x.flatten().tolist(), x_cycled.flatten().tolist(), strict=True)) / 48
    )
    expected += (
        sum(abs(a - b) for a, b in zip(y.flatten().tolist(), y_cycled.flatten().tolist(), strict=True)) / 80
    )
    loss = cycle_loss(x, x_cycled, y, y_cycled, 10.0)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(10 * expected)
    assert cycle_loss(x, x, y, y, 10.0).item() == 0


def test_the_gradient_reaches_both_journeys_and_shapes_must_fit():
    x = torch.zeros(2, 1, 4, 4)
    there, back = torch.ones(2, 1, 4, 4, requires_grad=True), torch.ones(2, 1, 4, 4, requires_grad=True)
    cycle_loss(x, there, x, back, 3.0).backward()
    torch.testing.assert_close(there.grad, torch.full_like(there, 3 / 32))
    torch.testing.assert_close(back.grad, there.grad)
    with pytest.raises(
        ValueError, match=r"y and y_cycled must have one shape, got \(2, 1, 4, 4\) and \(1, 1, 4, 4\)"
    ):
        cycle_loss(x, there, x, back[:1], 3.0)


def test_an_outline_is_hollow_and_flat_paper_has_none():
    x = torch.zeros(1, 1, 9, 9)
    x[..., 2:7, 2:7] = 1.0
    edge = outline(x)
    assert edge[0, 0, 4, 4] == 0  # inside
    assert edge[0, 0, 0, 0] == 0  # far outside
    assert edge[0, 0, 2, 2:7].tolist() == [1.0] * 5
    assert outline(torch.full((1, 1, 5, 5), 0.7)).abs().max() == 0  # no edge at the border either
    torch.testing.assert_close(outline(1 - x), edge)


@pytest.mark.parametrize("side", [28, 14])
def test_translators_keep_the_size_and_learn(side):
    torch.manual_seed(0)
    model = Translator()
    x = torch.rand(3, 1, side, side)
    out = model(x)
    assert out.shape == x.shape
    assert 0 < out.min() < out.max() < 1
    out.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
