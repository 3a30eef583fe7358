"""The homotopy playground: its paths, its distance, its picture and its sentence."""

import pytest
import torch
from torch import nn

from course_utils.data import load
from course_utils.widgets import Explorer, homotopy_playground
from course_utils.widgets.homotopy_playground import make_figure, nearest_squared_distance, paths


class Rotation(nn.Module):
    """An autoencoder whose code is the image itself, turned by a quarter: both paths must then agree."""

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return x.rot90(1, (-2, -1))

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return z.rot90(-1, (-2, -1))


class Squares(nn.Module):
    """The code is the square of the image: the latent path is a root mean square."""

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return x.square()

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return z.sqrt()


@pytest.fixture(scope="module")
def data():
    return load("digits")


def test_paths_start_and_end_where_they_should() -> None:
    a, b = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    pixel, latent = paths(Squares(), a, b, 5)
    assert pixel.shape == latent.shape == (5, 1, 28, 28)
    torch.testing.assert_close(pixel[0], a)
    torch.testing.assert_close(pixel[-1], b)
    torch.testing.assert_close(pixel[1], 0.75 * a + 0.25 * b)
    torch.testing.assert_close(latent[0], a)
    torch.testing.assert_close(latent[2], ((a**2 + b**2) / 2).sqrt())


def test_a_linear_code_gives_the_pixel_path() -> None:
    a, b = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(2))
    pixel, latent = paths(Rotation(), a, b, 4)
    torch.testing.assert_close(pixel, latent)


def test_a_path_needs_two_ends() -> None:
    with pytest.raises(ValueError, match="at least 2 steps, its ends; got 1"):
        paths(Rotation(), torch.zeros(1, 28, 28), torch.ones(1, 28, 28), 1)


def test_the_nearest_distance_is_that_of_all_pairs() -> None:
    generator = torch.Generator().manual_seed(3)
    images, reference = (
        torch.rand(6, 1, 4, 4, generator=generator),
        torch.rand(9, 1, 4, 4, generator=generator),
    )
    wanted = (images[:, None] - reference[None]).square().sum((2, 3, 4)).min(1).values
    torch.testing.assert_close(nearest_squared_distance(images, reference), wanted)
    assert nearest_squared_distance(reference, reference).max() < 1e-5


def test_the_picture_follows_the_sliders(data) -> None:
    figure, update = make_figure(Squares(), data)
    update(0, 5, 0.0)
    shown = figure.axes[0].images[0].get_array()
    torch.testing.assert_close(torch.as_tensor(shown.data), data.test_images[0, 0])
    update(0, 5, 1.0)
    torch.testing.assert_close(
        torch.as_tensor(figure.axes[0].images[0].get_array().data), data.test_images[5, 0]
    )
    assert figure.axes[2].lines[2].get_xdata() == [1.0]


def test_the_sentence_names_both_classes_and_distances(data) -> None:
    _, update = make_figure(Squares(), data)
    first, second = (data.class_names[data.test_labels[i]] for i in (3, 7))
    sentence = update(3, 7, 0.5)
    assert sentence.startswith(f"From {first} to {second}, t = 0.50")
    assert "on the pixel path" in sentence
    assert "on the latent path" in sentence


def test_moving_a_slider_redraws(data) -> None:
    explorer = homotopy_playground(Squares(), data)
    assert isinstance(explorer, Explorer)
    assert explorer.set(t=0.5, start=0, end=5) != explorer.set(t=0.8)
