"""The class and style playground: its functions, its picture and its sentence."""

import pytest
import torch
from torch import Tensor, nn

from course_utils.data import load
from course_utils.widgets import Explorer, class_style_playground
from course_utils.widgets.class_style_playground import images_in_style, make_figure, strongest_latents

NAMES = ("a", "b", "c", "d", "e", "f", "g")


class Sheet(nn.Module):
    """Decodes to one grey: the label plus a weighted sum of z; the third dimension weighs most, the first nothing."""

    weights = torch.tensor([0.0, 0.1, 0.9, 0.3])

    def decode(self, z: Tensor, y: Tensor) -> Tensor:
        return ((z @ self.weights) + y).view(-1, 1, 1, 1).expand(-1, 1, 28, 28)


def test_one_code_becomes_every_class() -> None:
    z = torch.tensor([5.0, 1.0, -1.0, 2.0])
    images = images_in_style(Sheet(), z, 7)
    assert images.shape == (7, 1, 28, 28)
    wanted = torch.sigmoid(torch.arange(7) + 0.1 - 0.9 + 0.6)
    torch.testing.assert_close(images.mean((1, 2, 3)), wanted)


def test_the_strongest_dimensions_are_found_in_order() -> None:
    assert strongest_latents(Sheet(), 4, 2, k=3) == [2, 3, 1]


def test_two_dimensions_are_needed() -> None:
    with pytest.raises(ValueError, match="2 latent dimensions are wanted and there are 1"):
        strongest_latents(Sheet(), 1, 2)


def test_the_picture_follows_the_sliders() -> None:
    figure, update = make_figure(Sheet(), 4, NAMES)
    update(6, 1.0, -2.0)
    large, small = (axes.images[0].get_array() for axes in figure.axes)
    wanted = torch.sigmoid(torch.arange(7) + 0.9 * 1.0 - 0.3 * 2.0)
    assert large[3, 3] == pytest.approx(wanted[6].item())
    # seven classes in rows of five: class 6 stands in the second row, second column, and the rest is empty
    assert small.shape == (56, 140)
    assert small[30, 30] == pytest.approx(wanted[6].item())
    assert small[30, 60] == 0
    assert figure.axes[1].patches[0].get_xy() == (27.5, 27.5)


def test_the_sentence_names_class_and_style() -> None:
    _, update = make_figure(Sheet(), 4, NAMES)
    grey = 100 * torch.sigmoid(torch.tensor(2 + 0.45)).item()
    wanted = f"Class c, with z[2] = 0.50 and z[3] = 0.00, the others 0: {grey:.0f} % of the page is ink."
    assert update(2, 0.5, 0.0) == wanted


def test_moving_a_slider_redraws() -> None:
    explorer = class_style_playground(Sheet(), 4, load("digits"))
    assert isinstance(explorer, Explorer)
    assert explorer.set(label=3) != explorer.set(first=-2.0)


def test_without_a_model_a_small_one_is_trained() -> None:
    state = torch.random.get_rng_state()
    explorer = class_style_playground(data=load("digits").subset(200, 10))
    assert torch.equal(state, torch.random.get_rng_state()), "the notebook's own draws are left alone"
    assert explorer.set(label=1) != explorer.set(label=8)
