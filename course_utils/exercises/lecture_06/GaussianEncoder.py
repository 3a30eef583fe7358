"""Exercise 6.3: an encoder that gives a mean and a log-variance, judged by what it does."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.lecture_06.observers import can_learn, encodes
from course_utils.exercises.observers import Inputs
from course_utils.models import ConvEncoder, MLPEncoder


class GaussianEncoder(MLPEncoder):
    """The reference: one hidden layer and two heads."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim, hidden_dim=128)


# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _images(n: int, latent_dim: int, generator: torch.Generator) -> Inputs:
    coarse = torch.rand(n, 1, 7, 7, generator=generator)  # smooth images, as real ones are
    x = F.interpolate(coarse, size=28, mode="bilinear", align_corners=False)
    return {"_x": x, "_latent_dim": latent_dim, "_seed": int(torch.randint(2**31, (), generator=generator))}


def five_images(generator: torch.Generator) -> Inputs:
    return _images(5, 7, generator)


def one_image(generator: torch.Generator) -> Inputs:
    return _images(1, 2, generator)


def one_latent(generator: torch.Generator) -> Inputs:
    return _images(3, 1, generator)


def two_images(generator: torch.Generator) -> Inputs:
    return _images(2, 4, generator)


# --- wrong answers that students give -------------------------------------------------------------


class Small(nn.Module):
    """What the wrong answers change: a hidden layer of 64 and two heads."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.Tanh())
        self.mu, self.logvar = nn.Linear(64, latent_dim), nn.Linear(64, latent_dim)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        h = self.features(x)
        return self.mu(h), self.logvar(h)


class MeanThroughAReLU(Small):
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        mu, logvar = super().forward(x)
        return F.relu(mu), logvar


class MeanThroughASigmoid(Small):
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        mu, logvar = super().forward(x)
        return torch.sigmoid(mu), logvar


class VarianceInsteadOfItsLogarithm(Small):
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        mu, logvar = super().forward(x)
        return mu, logvar.exp()


class OneHeadForBoth(Small):
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        mu = self.mu(self.features(x))
        return mu, mu


class ConstantLogvar(Small):
    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        self.logvar = nn.Parameter(torch.zeros(latent_dim))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        mu = self.mu(self.features(x))
        return mu, self.logvar.expand_as(mu)


class DrawsZ(Small):
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        mu, logvar = super().forward(x)
        return mu + (0.5 * logvar).exp() * torch.randn_like(mu), logvar


class NotSplit(Small):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(super().forward(x), 1)


class ReturnsZToo(Small):
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        mu, logvar = super().forward(x)
        return mu + (0.5 * logvar).exp(), mu, logvar


class SplitAlongTheBatch(Small):
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(torch.cat(super().forward(x), 1).chunk(2, dim=0)) + (x,) * (len(x) == 1)


class HalfTheLatents(Small):
    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        self.both = nn.Linear(64, latent_dim + latent_dim % 2)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.both(self.features(x)).chunk(2, dim=1))


class AlwaysTwenty(Small):
    def __init__(self, latent_dim: int) -> None:
        super().__init__(20)


class WithoutTheBatch(Small):
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        mu, logvar = super().forward(x)
        return mu.squeeze(), logvar.squeeze()


class DropoutForEver(Small):
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        h = F.dropout(self.features(x), 0.5, training=True)
        return self.mu(h), self.logvar(h)


class NormalisedByTheBatch(Small):
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        h = self.features(x)
        h = (h - h.mean(0)) / (h.std(0, correction=0) + 1e-5)
        return self.mu(h), self.logvar(h)


class CutOff(Small):
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        h = self.features(x).detach()
        return self.mu(h), self.logvar(h)


class LayersInAList(Small):
    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        self.layers = [self.features, self.mu, self.logvar]
        del self.features, self.mu, self.logvar

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        h = self.layers[0](x)
        return self.layers[1](h), self.layers[2](h)


class BlindToTheImage(Small):
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return super().forward(0 * x)


# --- right answers, written independently ---------------------------------------------------------


class OneMatrixForBoth(nn.Module):
    """One linear layer gives both, split in the middle; dropout, and a clamped logvar."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(784, 128), nn.GELU(), nn.Dropout(0.2), nn.Linear(128, 2 * latent_dim)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = self.net(x.view(len(x), -1)).chunk(2, dim=1)
        return mu, logvar.clamp(-10, 10)


class Convolutions(nn.Module):
    """Convolutions, normalised in batches."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, 8, 4, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 4, 2, 1), nn.ReLU()
        )
        self.heads = nn.ModuleList([nn.Linear(392, d), nn.Linear(392, d)])

    def forward(self, images: Tensor) -> list[Tensor]:
        h = self.convolutions(images).flatten(1)
        return [head(h) for head in self.heads]


class RowByRow(nn.Module):
    """A recurrent network, and a head for logvar that starts at zero."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.rows = nn.GRU(28, 16, batch_first=True)
        self.mean, self.log_variance = nn.Linear(16, latent_dim), nn.Linear(16, latent_dim)
        nn.init.zeros_(self.log_variance.weight)
        nn.init.zeros_(self.log_variance.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.rows(x[:, 0])[0][:, -1]
        return self.mean(h), self.log_variance(h)


class NarrowConvolutions(ConvEncoder):
    """The course's own, with few channels."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim, width=4)


exercise = Exercise(
    id="GaussianEncoder",
    lecture=6,
    position=3,
    title="The encoder",
    points=3,
    minutes=12,
    difficulty=2,
    reference=GaussianEncoder,
    cases=(
        Case("five images, seven latents", five_images, encodes),
        Case("what it can learn", two_images, can_learn),
        Case("a batch of one, two latents", one_image, encodes),
        Case("one latent", one_latent, encodes),
    ),
    mistakes=(
        Mistake(
            "mean_through_a_relu",
            "mu can't be negative: it comes out of a ReLU. Half of the latent space would be out of reach. The last "
            "layer before mu is linear.",
            MeanThroughAReLU,
        ),
        Mistake(
            "mean_through_a_sigmoid",
            "mu stays within -1 and 1: it comes out of a sigmoid or a tanh. The prior reaches from -2 to 2 and beyond; "
            "the last layer before mu is linear.",
            MeanThroughASigmoid,
        ),
        Mistake(
            "variance",
            "The second output can't be negative: it is a variance, or a standard deviation, or it went through "
            "a ReLU. "
            "logvar is a logarithm, any number: give the linear layer's output as it is.",
            VarianceInsteadOfItsLogarithm,
        ),
        Mistake(
            "one_head_for_both",
            "mu and logvar are the same numbers. Each needs a linear layer of its own (or a half of a common one).",
            OneHeadForBoth,
        ),
        Mistake(
            "constant_logvar",
            "logvar is the same for all images. How sure the encoder is depends on what it sees: compute logvar from "
            "the image.",
            ConstantLogvar,
        ),
        Mistake(
            "draws_z",
            "Two looks at one image give two different means: the noise is added already. The encoder gives mu and "
            "logvar; the draw comes after it.",
            DrawsZ,
        ),
        Mistake(
            "not_split",
            "mu and logvar come as one tensor. Return a pair: .chunk(2, dim=1) cuts it in the middle.",
            NotSplit,
        ),
        Mistake("z_too", "Three things are returned. Return the pair (mu, logvar) only.", ReturnsZToo),
        Mistake(
            "split_along_the_batch",
            "The tensor is cut along the batch, so mu belongs to one half of the images and logvar to the other. Cut "
            "along dim=1.",
            SplitAlongTheBatch,
        ),
        Mistake(
            "half_the_latents",
            "mu and logvar share latent_dim numbers between them. Each has latent_dim: the common layer needs "
            "2 * latent_dim outputs.",
            HalfTheLatents,
        ),
        Mistake(
            "always_twenty",
            "The number of latents is always 20. It is the argument, latent_dim.",
            AlwaysTwenty,
        ),
        Mistake(
            "without_the_batch",
            "squeeze() takes away every dimension of size 1, the batch of one and the single latent too. Leave mu and "
            "logvar (B, latent_dim).",
            WithoutTheBatch,
        ),
        Mistake(
            "dropout_for_ever",
            "Dropout is on in evaluation mode. Use nn.Dropout, or F.dropout(..., training=self.training).",
            DropoutForEver,
        ),
        Mistake(
            "normalised_by_the_batch",
            "In evaluation mode, what an image gets depends on the others in its batch. nn.BatchNorm1d keeps running "
            "statistics for that.",
            NormalisedByTheBatch,
        ),
        Mistake(
            "cut_off",
            "Gradients do not reach every parameter: something is detached, or made under torch.no_grad(), or a "
            "layer is "
            "made that forward never uses.",
            CutOff,
        ),
        Mistake(
            "layers_in_a_list",
            "module.parameters() is empty, so there is nothing to train: a plain list hides its layers. Make each an "
            "attribute of its own, or use nn.ModuleList.",
            LayersInAList,
        ),
        Mistake(
            "blind",
            "mu and logvar are the same for all images: the image does not reach them.",
            BlindToTheImage,
        ),
    ),
    accepted=(OneMatrixForBoth, Convolutions, RowByRow, NarrowConvolutions),
    hints=(
        "Some layers that turn the image into features, and then two linear layers side by side, one for mu and one "
        "for logvar.",
        "`nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU())` makes 256 features. Both heads are "
        "`nn.Linear(256, latent_dim)`.",
        "In `__init__`: call `super().__init__()`, make self.features, self.mu and self.logvar. In `forward`: "
        "`h = self.features(x)`, and return `self.mu(h), self.logvar(h)`, without any function after them.",
    ),
)
