"""From one image to another, in pixel space and in latent space (lecture 2)."""

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from course_utils.data import ImageData, load
from course_utils.models import MLPAutoencoder
from course_utils.plotting import COLOURS, new_figure
from course_utils.training import fit
from course_utils.widgets.controls import slider
from course_utils.widgets.explorer import Explorer, explore

__all__ = ["homotopy_playground", "make_figure", "nearest_squared_distance", "paths"]

N_STEPS = 21
ALT = (
    "Two images and a curve. On the left the mixture of the pixels of two images, a double exposure; in the "
    "middle the image decoded from the mixture of their codes; on the right the squared distance of both to the "
    "nearest training image along the way: it rises higher on the pixel path. Sliders choose the two images and "
    "the position."
)


@torch.no_grad()
def paths(autoencoder: nn.Module, a: Tensor, b: Tensor, n_steps: int) -> tuple[Tensor, Tensor]:
    """The straight line between two images in pixel space, and that between their codes, decoded.

    Parameters: ``autoencoder`` has ``encode`` and ``decode``; ``a``, ``b`` of shape (1, 28, 28).
    Returns: both paths, each (n_steps, 1, 28, 28). The first starts at a and ends at b, the second at their
    reconstructions.
    Raises: ValueError if n_steps is below 2.
    """
    if n_steps < 2:
        raise ValueError(f"a path needs at least 2 steps, its ends; got {n_steps}")
    t = torch.linspace(0, 1, n_steps, dtype=a.dtype)
    codes = autoencoder.encode(torch.stack([a, b]))  # (2, ...)
    return _line(a, b, t), autoencoder.decode(_line(codes[0], codes[1], t))


def nearest_squared_distance(images: Tensor, reference: Tensor) -> Tensor:
    """Squared error between each image and the one most like it in a reference set.

    Parameters: ``images`` (n, ...), ``reference`` (N, ...), the same shape behind the first dimension.
    Returns: shape (n,), summed over pixels.

    >>> nearest_squared_distance(torch.tensor([[0.0], [3.0]]), torch.tensor([[1.0], [5.0]]))
    tensor([1., 4.])
    """
    x, y = images.flatten(1), reference.flatten(1)
    # |x - y|^2 = |x|^2 - 2 x.y + |y|^2: one matrix product in place of n N differences.
    squared = x.square().sum(1, keepdim=True) - 2 * x @ y.T + y.square().sum(1)
    return squared.clamp_min(0).min(1).values


def make_figure(autoencoder: nn.Module, data: ImageData) -> tuple[Figure, "Update"]:
    """The figure and its update function, ``update(start, end, t)``: indices of two test images and a position."""
    figure, (pixel_axes, latent_axes, axes) = new_figure(1, 3, figsize=(10.0, 3.6), width_ratios=(1, 1, 1.5))
    return figure, Update(autoencoder, data, pixel_axes, latent_axes, axes)


class Update:
    """Redraws for a pair of images and a position t in [0, 1]; the paths are computed once for each pair."""

    def __init__(self, autoencoder: nn.Module, data: ImageData, pixel_axes, latent_axes, axes) -> None:  # noqa: ANN001
        self.autoencoder, self.data, self.pair = autoencoder, data, None
        blank = torch.zeros(data.test_images.shape[-2:]).numpy()
        self.pictures = [ax.imshow(blank, vmin=0, vmax=1, cmap="gray") for ax in (pixel_axes, latent_axes)]
        for ax, title in ((pixel_axes, "pixels mixed"), (latent_axes, "codes mixed, decoded")):
            ax.set(title=title, xticks=[], yticks=[])
            ax.grid(False)
        t = torch.linspace(0, 1, N_STEPS)
        looks = (("pixel path", "baseline", "--"), ("latent path", "model", "-"))
        self.lines = [axes.plot(t, t, s, color=COLOURS[c], label=name)[0] for name, c, s in looks]
        self.dots = [axes.plot(0, 0, "o", ms=10, color=COLOURS[c])[0] for _, c, _ in looks]
        axes.set(
            title="distance to the nearest real image", xlabel="position t on the path", xlim=(-0.03, 1.03)
        )
        axes.set(ylabel="squared error", ylim=(0, 50))
        axes.legend(loc="upper left", ncols=2)

    def __call__(self, start: int, end: int, t: float) -> str:
        """Draw; returns a sentence about what is there."""
        if self.pair != (start, end):
            self.pair = (start, end)
            images = self.data.test_images
            self.paths = paths(self.autoencoder, images[start], images[end], N_STEPS)
            self.distances = [nearest_squared_distance(path, self.data.train_images) for path in self.paths]
        step = round(t * (N_STEPS - 1))
        for picture, path in zip(self.pictures, self.paths, strict=True):
            picture.set_data(path[step, 0].numpy())
        for line, dot, distance in zip(self.lines, self.dots, self.distances, strict=True):
            line.set_ydata(distance)
            dot.set_data([step / (N_STEPS - 1)], [distance[step]])
        labels, names = self.data.test_labels, self.data.class_names
        pixel, latent = (distance[step].item() for distance in self.distances)
        return (
            f"From {names[labels[start]]} to {names[labels[end]]}, t = {step / (N_STEPS - 1):.2f}: squared error to "
            f"the nearest training image {pixel:.0f} on the pixel path, {latent:.0f} on the latent path."
        )


def homotopy_playground(autoencoder: nn.Module | None = None, data: ImageData | None = None) -> Explorer:
    """Show the playground: two sliders choose two test images, a third walks between them.

    Parameters: ``autoencoder`` has ``encode`` and ``decode``; without one, a small one is trained, which takes
    a few seconds. ``data`` is the default data set unless given.
    """
    data = data or load()
    autoencoder = autoencoder or _small_autoencoder(data)
    figure, update = make_figure(autoencoder, data)
    last = len(data.test_images) - 1
    start, end = _first_of_two_classes(data)
    return explore(
        figure,
        update,
        alt=ALT,
        start=slider(0, last, start, 1, "from test image"),
        end=slider(0, last, end, 1, "to test image"),
        t=slider(0.0, 1.0, 0.5, 1 / (N_STEPS - 1), "t"),
    )


def _small_autoencoder(data: ImageData) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        autoencoder = MLPAutoencoder(code_dim=5)
    x = data.train_images[:1500]

    def loss(model: nn.Module, x: Tensor) -> Tensor:
        return functional.mse_loss(model(x), x, reduction="sum") / len(x)

    generator = torch.Generator().manual_seed(0)
    fit(
        autoencoder,
        loss,
        (x,),
        epochs=10,
        batch_size=64,
        lr=3e-3,
        generator=generator,
        label="a small autoencoder",
    )
    return autoencoder


def _first_of_two_classes(data: ImageData) -> tuple[int, int]:
    """Of the digits, a 1 and a 2: little of one lies on the other, so that the pixel path is a double exposure."""
    return tuple(int((data.test_labels == label).nonzero()[0]) for label in (1, 2))


def _line(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    return torch.lerp(a[None], b[None], t.view(-1, *[1] * a.ndim))
