"""One slider for each latent: what does each do to the image, the others held (lecture 6)."""

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from course_utils.data import ImageData, load
from course_utils.plotting import COLOURS, new_figure
from course_utils.widgets.controls import slider
from course_utils.widgets.explorer import Explorer, explore
from course_utils.widgets.latent_plane_playground import decoded_image, small_vae

__all__ = ["latent_sliders", "make_figure", "moved"]

REACH = 3.0  # of a slider, in standard deviations of the prior
ALT = (
    "Three pictures. On the left a test image, in the middle the image decoded from its code after the sliders have "
    "moved it, on the right a bar for each latent: the code of the image as a grey bar, the moved one as a coloured "
    "dot. One slider chooses the image, one more for each latent adds to that latent and leaves the others."
)


def moved(code: Tensor, offsets: list[float]) -> Tensor:
    """The code with an offset added to each latent: (latent_dim,).

    Raises: ValueError if their numbers differ.

    >>> moved(torch.tensor([1.0, 2.0]), [0.0, -0.5])
    tensor([1.0000, 1.5000])
    """
    if len(offsets) != len(code):
        raise ValueError(f"expected one offset for each of {len(code)} latents, got {len(offsets)}")
    return code + torch.tensor(offsets, dtype=code.dtype)


def make_figure(model: nn.Module, data: ImageData) -> tuple[Figure, "Update"]:
    """The figure and its update function, ``update(image, d1, d2, ...)``: an index and an offset for each latent."""
    figure, axes = new_figure(1, 3, figsize=(10.0, 3.5), width_ratios=(1, 1, 1.5))
    return figure, Update(model, data, *axes)


class Update:
    """Redraws for a test image and offsets to its code."""

    def __init__(self, model: nn.Module, data: ImageData, left, middle, right) -> None:  # noqa: ANN001
        self.model, self.data = model, data
        with torch.no_grad():
            self.codes = model.encode(data.test_images)[0]
        blank = torch.zeros(data.test_images.shape[-2:]).numpy()
        self.pictures = [axes.imshow(blank, vmin=0, vmax=1, cmap="gray") for axes in (left, middle)]
        for axes, title in ((left, "test image"), (middle, "decoded after the move")):
            axes.set(title=title, xticks=[], yticks=[])
            axes.grid(False)
        numbers = range(1, self.latent_dim + 1)
        self.bars = right.bar(numbers, [0.0] * self.latent_dim, color=COLOURS["neutral"], label="its code")
        (self.dots,) = right.plot(
            numbers, [0.0] * self.latent_dim, "o", ms=9, color=COLOURS["posterior"], label="moved"
        )
        right.set(title="the code", xlabel="latent", ylabel="value", ylim=(-4.5, 4.5), xticks=list(numbers))
        right.legend(loc="upper right", ncols=2)

    @property
    def latent_dim(self) -> int:
        """How many latents, and so how many sliders, there are."""
        return self.codes.shape[1]

    def __call__(self, image: int, **offsets: float) -> str:
        """Draw; returns a sentence about what has changed."""
        code = self.codes[image]
        z = moved(code, list(offsets.values()))
        before, after = decoded_image(self.model.decode, code), decoded_image(self.model.decode, z)
        self.pictures[0].set_data(self.data.test_images[image, 0].numpy())
        self.pictures[1].set_data(after.numpy())
        for bar, height in zip(self.bars, code.tolist(), strict=True):
            bar.set_height(height)
        self.dots.set_ydata(z.numpy())
        changed = [str(j) for j, offset in enumerate(offsets.values(), start=1) if offset]
        which = f"latents {', '.join(changed)} moved" if changed else "nothing moved yet"
        return f"{which}; summed squared change of the image: {(after - before).square().sum():.1f}."


def latent_sliders(model: nn.Module | None = None, data: ImageData | None = None) -> Explorer:
    """Show the playground: a slider chooses a test image, and one for each latent moves its code.

    Parameters: ``model`` has ``encode(x) -> (mu, logvar)`` and ``decode(z) -> logits``; without one, a small one with
    four latents is trained, which takes a few seconds. ``data`` is the default data set unless given.
    """
    data = data or load().subset(1000, 300)
    figure, update = make_figure(model or small_vae(data, latent_dim=4), data)
    latents = {
        f"d{j}": slider(-REACH, REACH, 0.0, 0.1, f"add to z{j}") for j in range(1, update.latent_dim + 1)
    }
    last = len(data.test_images) - 1
    return explore(figure, update, alt=ALT, image=slider(0, last, 0, 1, "test image"), **latents)
