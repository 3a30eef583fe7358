"""One class, one style, and what each of them does to the image (lecture 8)."""

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor, nn

from course_utils.data import ImageData, load
from course_utils.elbo import negative_elbo
from course_utils.models import ConditionalMLPDecoder, ConditionalMLPEncoder, ConditionalVAE
from course_utils.plotting import COLOURS, new_figure
from course_utils.training import fit
from course_utils.widgets.controls import slider
from course_utils.widgets.explorer import Explorer, explore

__all__ = ["class_style_playground", "images_in_style", "make_figure", "strongest_latents"]

REACH = 2.5  # standard deviations of the prior to either side
N_COLUMNS = 5
ALT = (
    "On the left one large image drawn by a conditional VAE, on the right the images of all classes from the same "
    "code, the chosen class framed. A slider chooses the class; two more move the two strongest latent dimensions, "
    "and all images change their style together."
)


@torch.no_grad()
def images_in_style(model: nn.Module, z: Tensor, n_classes: int) -> Tensor:
    """One code, decoded as every class.

    Parameters: ``model`` has ``decode(z, y) -> logits``; ``z`` (latent_dim,).
    Returns: probabilities (n_classes, 1, 28, 28).
    """
    return model.decode(z.expand(n_classes, -1), torch.arange(n_classes)).sigmoid()


def strongest_latents(model: nn.Module, latent_dim: int, n_classes: int, k: int = 2) -> list[int]:
    """The latent dimensions that change the images most when they go from -2 to 2 and the others stay at 0.

    Dimensions that the model does not use, of which a VAE often has some, come last.

    Returns: ``k`` of the indices 0 .. latent_dim - 1, the strongest first.
    Raises: ValueError if there are fewer than ``k``.
    """
    if latent_dim < k:
        raise ValueError(f"{k} latent dimensions are wanted and there are {latent_dim}")
    low, high = (
        torch.stack([images_in_style(model, row, n_classes) for row in end * torch.eye(latent_dim)])
        for end in (-2, 2)
    )
    return (high - low).square().flatten(1).sum(1).topk(k).indices.tolist()


def make_figure(model: nn.Module, latent_dim: int, class_names: tuple[str, ...]) -> tuple[Figure, "Update"]:
    """The figure and its update function, ``update(label, first, second)``: a class and two coordinates of z."""
    figure, axes = new_figure(1, 2, figsize=(9.0, 3.7), width_ratios=(1, 1.75))
    return figure, Update(model, latent_dim, class_names, *axes)


class Update:
    """Redraws for a class and a position along the two strongest latent dimensions."""

    def __init__(self, model: nn.Module, latent_dim: int, class_names: tuple[str, ...], large, small) -> None:  # noqa: ANN001
        self.model, self.latent_dim, self.class_names = model, latent_dim, class_names
        self.latents = strongest_latents(model, latent_dim, len(class_names))
        blank = torch.zeros(28, 28).numpy()
        self.large = large.imshow(blank, vmin=0, vmax=1, cmap="gray")
        self.small = small.imshow(
            self._mosaic(torch.zeros(len(class_names), 1, 28, 28)), vmin=0, vmax=1, cmap="gray"
        )
        self.frame = Rectangle((0, 0), 28, 28, fill=False, edgecolor=COLOURS["model"], linewidth=4)
        small.add_patch(self.frame)
        large.set_title("the class you chose")
        small.set_title("all classes, from the same z")
        for ax in (large, small):
            ax.set(xticks=[], yticks=[])
            ax.grid(False)

    def __call__(self, label: int, first: float, second: float) -> str:
        """Draw; returns a sentence about what is there."""
        z = torch.zeros(self.latent_dim)
        z[self.latents] = torch.tensor([first, second], dtype=torch.float)
        images = images_in_style(self.model, z, len(self.class_names))
        self.large.set_data(images[label, 0].numpy())
        self.small.set_data(self._mosaic(images))
        row, column = divmod(label, N_COLUMNS)
        self.frame.set_xy((28 * column - 0.5, 28 * row - 0.5))
        one, two = self.latents
        return (
            f"Class {self.class_names[label]}, with z[{one}] = {first:.2f} and z[{two}] = {second:.2f}, the others 0: "
            f"{100 * images[label].mean():.0f} % of the page is ink."
        )

    @staticmethod
    def _mosaic(images: Tensor):  # noqa: ANN205
        """The images in rows of five, as one array."""
        missing = -len(images) % N_COLUMNS
        padded = torch.cat([images, torch.zeros(missing, *images.shape[1:])])
        rows = padded.view(-1, N_COLUMNS, *padded.shape[-2:])
        return rows.permute(0, 2, 1, 3).flatten(2).flatten(0, 1).numpy()


def class_style_playground(
    model: nn.Module | None = None, latent_dim: int = 8, data: ImageData | None = None
) -> Explorer:
    """Show the playground: a slider for the class, one for each of the two strongest latent dimensions.

    Parameters: ``model`` has ``decode(z, y) -> logits`` for z of ``latent_dim`` numbers; without one, a small one is
    trained, which takes a few seconds. ``data`` names the classes, the default data set unless given.
    """
    data = data or load()
    model = model or _small_model(data, latent_dim)
    figure, update = make_figure(model, latent_dim, data.class_names)
    one, two = update.latents
    return explore(
        figure,
        update,
        alt=ALT,
        label=slider(0, data.n_classes - 1, data.n_classes // 3, 1, "class"),
        first=slider(-REACH, REACH, 1.5, 0.25, f"style: z[{one}]"),
        second=slider(-REACH, REACH, -1.0, 0.25, f"style: z[{two}]"),
    )


def _small_model(data: ImageData, latent_dim: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        classes = data.n_classes
        model = ConditionalVAE(
            ConditionalMLPEncoder(latent_dim, classes, 128), ConditionalMLPDecoder(latent_dim, classes, 128)
        )

        def loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
            return negative_elbo(x, *model(x, y))

        fit(
            model,
            loss,
            (data.train_images[:1400], data.train_labels[:1400]),
            epochs=12,
            batch_size=64,
            lr=3e-3,
            generator=torch.Generator().manual_seed(0),
            label="a small conditional VAE",
        )
    return model
