"""Click into a latent plane, see the image that is decoded there (lecture 6)."""

import math

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from course_utils.data import ImageData, load
from course_utils.elbo import negative_elbo
from course_utils.models import VAE, MLPDecoder, MLPEncoder
from course_utils.plotting import COLOURS, latent_plane, new_figure
from course_utils.training import fit
from course_utils.widgets.controls import slider
from course_utils.widgets.explorer import Explorer, explore

__all__ = ["decoded_image", "latent_plane_playground", "make_figure", "nearest_code", "small_vae"]

REACH = 3.5  # of the plane that is shown, on each side of 0
ALT = (
    "On the left the latent plane with the codes of the test images, a colour and a marker for each class, and a "
    "cross at the point that is looked at; circles hold one half and 95 per cent of the prior. On the right the image "
    "that is decoded from this point. A click into the plane, or two sliders, move the cross."
)


@torch.no_grad()
def decoded_image(decoder: nn.Module, z: Tensor) -> Tensor:
    """The image at one point of the latent space: probabilities (28, 28) from a code (latent_dim,).

    >>> decoded_image(lambda z: torch.zeros(len(z), 1, 28, 28), torch.zeros(2)).unique()
    tensor([0.5000])
    """
    return torch.sigmoid(decoder(z[None]))[0, 0]


def nearest_code(z: Tensor, codes: Tensor) -> tuple[int, float]:
    """Index of the code nearest to a point, and its distance; z (latent_dim,), codes (n, latent_dim).

    >>> nearest_code(torch.tensor([3.0, 4.0]), torch.tensor([[9.0, 9.0], [0.0, 0.0]]))
    (1, 5.0)
    """
    distance = (codes - z).norm(dim=1)
    return int(distance.argmin()), distance.min().item()


def make_figure(model: nn.Module, data: ImageData) -> tuple[Figure, "Update"]:
    """The figure and its update function, ``update(z1, z2)``; ``update.plane`` are the axes that take clicks."""
    figure, (plane, picture) = new_figure(1, 2, figsize=(10.0, 4.9), width_ratios=(1.25, 1))
    return figure, Update(model, data, plane, picture)


class Update:
    """Redraws for a point (z1, z2) of the plane."""

    def __init__(self, model: nn.Module, data: ImageData, plane, picture) -> None:  # noqa: ANN001
        self.model, self.data, self.plane = model, data, plane
        with torch.no_grad():
            self.codes = model.encode(data.test_images)[0]
        latent_plane(
            self.codes,
            data.test_labels,
            title="Click: which image lives there?",
            class_names=data.class_names,
            xlabel="$z_1$",
            ylabel="$z_2$",
            ax=plane,
        )
        angle = torch.linspace(0, 2 * math.pi, 100)
        for share in (0.5, 0.95):  # in two dimensions, P(|z| < r) = 1 - exp(-r^2 / 2)
            radius = math.sqrt(-2 * math.log(1 - share))
            plane.plot(radius * angle.cos(), radius * angle.sin(), color=COLOURS["prior"], linewidth=1.6)
        (self.cross,) = plane.plot(
            [0], [0], "P", markersize=15, color=COLOURS["truth"], markeredgecolor="white"
        )
        plane.set_aspect("equal", adjustable="box")
        plane.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH))
        blank = torch.zeros(data.test_images.shape[-2:]).numpy()
        self.image = picture.imshow(blank, vmin=0, vmax=1, cmap="gray")
        picture.set(title="decoded: sigmoid of the logits", xticks=[], yticks=[])
        picture.grid(False)

    def __call__(self, z1: float, z2: float) -> str:
        """Draw; returns a sentence about what is there."""
        z = torch.tensor([z1, z2])
        self.cross.set_data([z1], [z2])
        self.image.set_data(decoded_image(self.model.decode, z).numpy())
        index, distance = nearest_code(z, self.codes)
        outside = math.exp(-0.5 * (z1**2 + z2**2))
        label = self.data.class_names[int(self.data.test_labels[index])]
        return (
            f"z = ({z1:.1f}, {z2:.1f}): {100 * outside:.0f} % of the prior lies further out. The nearest test image, "
            f"at distance {distance:.2f}, is of class {label}."
        )


def latent_plane_playground(model: nn.Module | None = None, data: ImageData | None = None) -> Explorer:
    """Show the playground: a click into the plane, or two sliders, choose the point to be decoded.

    Parameters: ``model`` has ``encode(x) -> (mu, logvar)`` and ``decode(z) -> logits`` with two latents; without one,
    a small one is trained, which takes a few seconds. ``data`` is the default data set unless given.
    """
    data = data or load().subset(1000, 300)
    figure, update = make_figure(model or small_vae(data, latent_dim=2), data)
    return explore(
        figure,
        update,
        alt=ALT,
        click=(update.plane, "z1", "z2"),
        z1=slider(-REACH, REACH, 0.5, 0.1, "z1"),
        z2=slider(-REACH, REACH, -0.5, 0.1, "z2"),
    )


def small_vae(data: ImageData, latent_dim: int) -> VAE:
    """A VAE that is trained in a few seconds, for a playground that is given none."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = VAE(MLPEncoder(latent_dim, 128), MLPDecoder(latent_dim, 128))
        x = data.train_images[:1000]
        generator = torch.Generator().manual_seed(0)

        def loss(model: VAE, x: Tensor) -> Tensor:
            return negative_elbo(x, *model(x))

        fit(model, loss, (x,), epochs=10, batch_size=32, lr=3e-3, generator=generator, label="a small VAE")
    return model
