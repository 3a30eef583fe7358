"""The latent plane: its image, its nearest code, its clicks and its sentence."""

import dataclasses

import pytest
import torch
from torch import Tensor

from course_utils.data import load
from course_utils.widgets import Explorer, latent_plane_playground
from course_utils.widgets.latent_plane_playground import decoded_image, make_figure, nearest_code, small_vae


class Ramp(torch.nn.Module):
    """The code is the mean of both halves of the image; the logits of a code are z1 on the left, z2 on the right."""

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu = torch.stack([x[..., :14].mean((1, 2, 3)), x[..., 14:].mean((1, 2, 3))], 1)
        return mu, torch.zeros_like(mu)

    def decode(self, z: Tensor) -> Tensor:
        return z.repeat_interleave(14, 1)[:, None, None].expand(-1, 1, 28, 28)


@pytest.fixture(scope="module")
def data():
    return load("digits").subset(40, 30)


def test_the_image_is_the_sigmoid_of_the_logits_at_the_point() -> None:
    image = decoded_image(Ramp().decode, torch.tensor([2.0, -1.0]))
    assert image.shape == (28, 28)
    torch.testing.assert_close(image[5, 3], torch.tensor(2.0).sigmoid())
    torch.testing.assert_close(image[5, 20], torch.tensor(-1.0).sigmoid())


def test_the_nearest_code_is_that_of_all_distances() -> None:
    codes = torch.randn(50, 2, generator=torch.Generator().manual_seed(1))
    for z in codes[:5] + 0.01:
        index, distance = nearest_code(z, codes)
        assert distance == pytest.approx(torch.cdist(z[None], codes).min().item(), rel=1e-3)
        assert index == int(torch.cdist(z[None], codes).argmin())


def test_the_picture_follows_the_point(data) -> None:
    figure, update = make_figure(Ramp(), data)
    update(1.0, -2.0)
    shown = torch.as_tensor(figure.axes[1].images[0].get_array().data)
    torch.testing.assert_close(shown, decoded_image(Ramp().decode, torch.tensor([1.0, -2.0])))
    assert update.cross.get_xdata() == [1.0]
    assert update.cross.get_ydata() == [-2.0]


def test_the_sentence_names_the_nearest_class_and_the_prior(data) -> None:
    data = dataclasses.replace(data, test_labels=torch.full_like(data.test_labels, 7))
    _, update = make_figure(Ramp(), data)
    sentence = update(0.0, 0.0)
    assert "100 % of the prior lies further out" in sentence
    assert f"of class {data.class_names[7]}" in sentence


def test_a_click_into_the_plane_moves_both_sliders(data) -> None:
    explorer = latent_plane_playground(Ramp(), data)
    assert isinstance(explorer, Explorer)
    axes = explorer.canvas.figure.axes[0]
    pixel = axes.transData.transform((-1.5, 2.0))
    before = explorer.png
    explorer.picture.point = axes.figure.transFigure.inverted().transform(pixel).tolist()
    assert explorer.values == pytest.approx({"z1": -1.5, "z2": 2.0})
    assert explorer.png != before


def test_without_a_model_a_small_one_is_trained(data) -> None:
    state = torch.random.get_rng_state()
    model = small_vae(data, latent_dim=2)
    assert model.encode(data.test_images)[0].shape == (30, 2)
    assert torch.equal(state, torch.random.get_rng_state())
