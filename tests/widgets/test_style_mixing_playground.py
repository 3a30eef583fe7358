"""The style mixing playground: its functions, its picture and its sentence."""

import pytest
import torch
from torch import Generator, Tensor, nn

from course_utils.data import load
from course_utils.widgets import Explorer, style_mixing_playground
from course_utils.widgets.style_mixing_playground import class_samples, make_figure, mixed_samples

NAMES = ("a", "b", "c")


def grey(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1).expand(-1, 1, 28, 28)


class Ordered(nn.Module):
    """Images of one grey: a tenth of the label plus a hundredth of z's first number."""

    latent_dim = 3

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return grey(y / 10 + z[:, 0] / 100)


class Layers(nn.Module):
    """Four layers, of which layer k adds a hundredth of z's first number times 2^k, and the noise almost nothing."""

    latent_dim, n_layers = 2, 4

    def styles(self, z: Tensor) -> Tensor:
        return z[:, None, :1].expand(-1, self.n_layers, -1)

    def synthesise(self, w: Tensor, generator: Generator) -> Tensor:
        noise = 1e-5 * torch.randn(len(w), generator=generator)
        return grey(0.5 + (w[:, :, 0] * torch.tensor([1.0, 2.0, 4.0, 8.0])).sum(1) / 100 + noise)


def test_all_samples_are_of_the_class_ordered() -> None:
    z = torch.tensor([[1.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    images = class_samples(Ordered(), z, 2)
    assert images.shape == (2, 1, 28, 28)
    torch.testing.assert_close(images.mean((1, 2, 3)), torch.tensor([0.21, 0.22]))


@pytest.mark.parametrize(("crossover", "wanted"), [(0, 0.8), (1, 0.79), (2, 0.77), (4, 0.65)])
def test_the_layers_before_the_crossover_are_a(crossover: int, wanted: float) -> None:
    one, two = torch.tensor([1.0, 0.0]), torch.tensor([2.0, 0.0])
    images = mixed_samples(Layers(), one, two, crossover)
    torch.testing.assert_close(images.mean((1, 2, 3)), torch.tensor([0.65, wanted, 0.8]), atol=1e-3, rtol=0)


def test_the_noise_is_the_same_in_all_three() -> None:
    z = torch.tensor([1.0, 0.0])
    a, mixture, b = mixed_samples(Layers(), z, z, 2)
    assert torch.equal(a, mixture)
    assert torch.equal(a, b)


def test_the_picture_and_the_sentence_follow_the_sliders() -> None:
    figure, update = make_figure(Ordered(), Layers(), NAMES)
    sentence = update(2, 3, 5, 1)
    left, right = (axes.images[0].get_array() for axes in figure.axes)
    assert left.shape == (56, 112)
    assert left[30, 0] == pytest.approx(0.2 + update.z_class[4, 0].item() / 100, abs=1e-5)
    assert right.shape == (28, 84)
    a, b = (update.z_style[i, 0].item() for i in (3, 5))
    assert right[0, 30] == pytest.approx(0.5 + (a + 14 * b) / 100, abs=1e-3)
    assert figure.axes[0].get_title(loc="left") == "the chosen class, eight times"
    assert sentence.startswith(
        "Class c. Layers before 1 of 4 have the style of image 3, the others that of image 5"
    )
    assert update(2, 3, 3, 1).endswith("differs from a by 0.000 and from b by 0.000 per pixel.")


def test_moving_a_slider_redraws() -> None:
    explorer = style_mixing_playground(Ordered(), Layers(), load("digits").subset(50, 10))
    assert isinstance(explorer, Explorer)
    assert explorer.set(crossover=1) != explorer.set(crossover=3)


def test_without_models_small_ones_are_trained() -> None:
    state = torch.random.get_rng_state()
    explorer = style_mixing_playground(data=load("digits").subset(100, 10))
    assert torch.equal(state, torch.random.get_rng_state()), "the notebook's own draws are left alone"
    assert explorer.set(label=1) != explorer.set(label=8)
