"""A slider per latent: the moved code, the picture and the sentence."""

import pytest
import torch
from torch import Tensor

from course_utils.data import load
from course_utils.widgets import Explorer, latent_sliders
from course_utils.widgets.latent_sliders import make_figure, moved


class Rows(torch.nn.Module):
    """The code of an image: means of its four blocks of seven rows; each latent is the logit of its block."""

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu = x.view(-1, 4, 7 * 28).mean(2)
        return mu, torch.zeros_like(mu)

    def decode(self, z: Tensor) -> Tensor:
        return z.repeat_interleave(7, 1)[:, None, :, None].expand(-1, 1, 28, 28)


@pytest.fixture(scope="module")
def data():
    return load("digits").subset(40, 30)


def test_an_offset_moves_its_own_latent_only() -> None:
    assert moved(torch.tensor([1.0, 2.0, 3.0]), [0.0, 0.5, 0.0]).tolist() == [1.0, 2.5, 3.0]


def test_there_is_one_offset_for_each_latent() -> None:
    with pytest.raises(ValueError, match="one offset for each of 2 latents, got 3"):
        moved(torch.zeros(2), [0.0, 0.0, 0.0])


def test_the_picture_follows_the_sliders(data) -> None:
    figure, update = make_figure(Rows(), data)
    update(image=3, d1=0.0, d2=0.0, d3=2.0, d4=0.0)
    left, middle, _ = (axes.images[0].get_array().data if axes.images else None for axes in figure.axes)
    torch.testing.assert_close(torch.as_tensor(left), data.test_images[3, 0])
    code = Rows().encode(data.test_images[3:4])[0][0]
    torch.testing.assert_close(torch.as_tensor(middle)[15, 0], (code[2] + 2).sigmoid())
    torch.testing.assert_close(torch.as_tensor(middle)[1, 0], code[0].sigmoid())
    assert update.dots.get_ydata()[2] == pytest.approx(code[2].item() + 2)


def test_the_sentence_says_what_moved(data) -> None:
    _, update = make_figure(Rows(), data)
    still = {"d1": 0.0, "d2": 0.0, "d3": 0.0, "d4": 0.0}
    assert update(image=0, **still).startswith("nothing moved yet; summed squared change of the image: 0.0")
    assert update(image=0, **{**still, "d2": 1.0, "d4": -1.0}).startswith("latents 2, 4 moved")


def test_every_latent_has_a_slider_that_redraws(data) -> None:
    explorer = latent_sliders(Rows(), data)
    assert isinstance(explorer, Explorer)
    assert list(explorer.controls) == ["image", "d1", "d2", "d3", "d4"]
    assert explorer.set(d1=1.0) != explorer.set(d1=-1.0)
