"""A class to order from a conditional GAN, and two styles mixed layer by layer (lecture 11)."""

from collections.abc import Callable

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Generator, Tensor, nn

from course_utils.adversarial import adam, discriminator_loss, endless_minibatches, frozen, generator_loss
from course_utils.data import ImageData, load
from course_utils.models import (
    ConditionalGenerator,
    ConvDiscriminator,
    ProjectionDiscriminator,
    StyleGenerator,
    style_mix,
)
from course_utils.plotting import new_figure
from course_utils.widgets.controls import slider
from course_utils.widgets.explorer import Explorer, explore

__all__ = ["class_samples", "make_figure", "mixed_samples", "style_mixing_playground"]

N_STYLES = 8  # noise vectors to choose from
N_COLUMNS = 4
ALT = (
    "On the left eight images of the chosen class, drawn by a conditional GAN. On the right three images of a "
    "style-based generator: source a, the mixture, and source b. Sliders choose the class, the two sources, and the "
    "layer from which the styles are those of b."
)


@torch.no_grad()
def class_samples(generator: nn.Module, z: Tensor, label: int) -> Tensor:
    """One class from several noise vectors.

    Parameters: ``generator(z, y)`` makes images; ``z`` (n, latent_dim); ``label`` of all n.
    Returns: images (n, 1, 28, 28).
    """
    return generator(z, torch.full((len(z),), label))


@torch.no_grad()
def mixed_samples(generator: nn.Module, z_a: Tensor, z_b: Tensor, crossover: int) -> Tensor:
    """Image a, the one with a's styles before layer ``crossover`` and b's from there on, and image b.

    Parameters: ``generator`` has ``styles(z) -> (n, layers, D)`` and ``synthesise(w, random)``; ``z_a`` and ``z_b``
    (latent_dim,). The noise inputs are drawn from the same seed every time, so that only the styles differ.
    Returns: images (3, 1, 28, 28).
    """
    w = generator.styles(torch.stack([z_a, z_b]))
    w_a, w_b = w[:1], w[1:]
    rows = (w_a, style_mix(w_a, w_b, crossover), w_b)
    return torch.cat([generator.synthesise(row, Generator().manual_seed(0)) for row in rows])


def make_figure(
    conditional: nn.Module, style: nn.Module, class_names: tuple[str, ...]
) -> tuple[Figure, "Update"]:
    """The figure and its update function, ``update(label, a, b, crossover)``."""
    figure, axes = new_figure(1, 2, figsize=(9.5, 3.0), width_ratios=(2, 3))
    return figure, Update(conditional, style, class_names, *axes)


class Update:
    """Redraws for a class, two sources of style and a layer."""

    def __init__(
        self, conditional: nn.Module, style: nn.Module, class_names: tuple[str, ...], left: Axes, right: Axes
    ) -> None:
        self.conditional, self.style, self.class_names = conditional, style, class_names
        random = Generator().manual_seed(1)
        self.z_class = torch.randn(2 * N_COLUMNS, conditional.latent_dim, generator=random)
        self.z_style = torch.randn(N_STYLES, style.latent_dim, generator=random)
        self.left = left.imshow(_mosaic(torch.zeros(8, 1, 28, 28), N_COLUMNS), vmin=0, vmax=1)
        self.right = right.imshow(_mosaic(torch.zeros(3, 1, 28, 28), 3), vmin=0, vmax=1)
        left.set_title("the chosen class, eight times", loc="left")
        right.set_title("source a, mixture, source b", loc="left")
        for ax in (left, right):
            ax.set(xticks=[], yticks=[])
            ax.grid(False)

    def __call__(self, label: int, a: int, b: int, crossover: int) -> str:
        """Draw; returns a sentence about what is there."""
        ordered = class_samples(self.conditional, self.z_class, label)
        triple = mixed_samples(self.style, self.z_style[a], self.z_style[b], crossover)
        self.left.set_data(_mosaic(ordered, N_COLUMNS))
        self.right.set_data(_mosaic(triple, 3))
        to_a, to_b = ((triple[1] - triple[i]).abs().mean().item() for i in (0, 2))
        n_layers = self.style.n_layers
        return (
            f"Class {self.class_names[label]}. Layers before {crossover} of {n_layers} have the style of image {a}, "
            f"the others that of image {b}: the mixture differs from a by {to_a:.3f} and from b by {to_b:.3f} per "
            "pixel."
        )


def style_mixing_playground(
    conditional: nn.Module | None = None, style: nn.Module | None = None, data: ImageData | None = None
) -> Explorer:
    """Show the playground: a class to order, two sources of style, and the layer where one gives way to the other.

    Parameters: ``conditional(z, y)`` and ``style``, a generator with ``styles`` and ``synthesise``, both in evaluation
    mode and with ``latent_dim``; without them small ones are trained, which takes some seconds. ``data`` names the
    classes, the default data set unless given.
    """
    data = data or load()
    if conditional is None:
        conditional = _small_conditional(data)
    if style is None:
        style = _small_style(data)
    figure, update = make_figure(conditional, style, data.class_names)
    return explore(
        figure,
        update,
        alt=ALT,
        label=slider(0, data.n_classes - 1, data.n_classes // 3, 1, "class"),
        a=slider(0, N_STYLES - 1, 0, 1, "source a"),
        b=slider(0, N_STYLES - 1, 1, 1, "source b"),
        crossover=slider(0, style.n_layers, style.n_layers // 2, 1, "b from layer"),
    )


def _mosaic(images: Tensor, n_columns: int):  # noqa: ANN202
    """Images in rows, as one array."""
    rows = images.view(-1, n_columns, *images.shape[-2:])
    return rows.permute(0, 2, 1, 3).flatten(2).flatten(0, 1).numpy()


def _small_conditional(data: ImageData) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = ConditionalGenerator(latent_dim=32, n_classes=data.n_classes, width=8)
        discriminator = ProjectionDiscriminator(n_classes=data.n_classes, width=8)
    train = (data.train_images[:1400], data.train_labels[:1400])
    return _train(
        generator, discriminator, train, lambda n, random, y: (torch.randn(n, 32, generator=random), y)
    )


def _small_style(data: ImageData) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = StyleGenerator(latent_dim=32, width=8)
        discriminator = ConvDiscriminator(width=8, minibatch_deviation=True)
    train = (data.train_images[:1400],)
    return _train(
        generator, discriminator, train, lambda n, random: (torch.randn(n, 32, generator=random), random)
    )


def _train(
    generator: nn.Module, discriminator: nn.Module, train: tuple[Tensor, ...], draw: Callable, steps: int = 80
) -> nn.Module:
    """A short game; ``draw(n, random, *labels)`` gives the generator's arguments, ``labels`` also go to the judge."""
    random = Generator().manual_seed(0)
    adams = [adam(module, lr=2e-3, betas=(0.0, 0.99)) for module in (discriminator, generator)]
    batches = endless_minibatches(*train, batch_size=32, generator=random)
    for _ in range(steps):
        x, *labels = next(batches)
        fake = generator(*draw(len(x), random, *labels))  # one batch for both
        loss = discriminator_loss(discriminator(x, *labels), discriminator(fake.detach(), *labels))
        adams[0].zero_grad()
        loss.backward()
        adams[0].step()
        with frozen(discriminator):
            loss = generator_loss(discriminator(fake, *labels))
            adams[1].zero_grad()
            loss.backward()
        adams[1].step()
    return generator.eval().requires_grad_(False)
