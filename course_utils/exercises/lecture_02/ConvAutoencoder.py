"""Exercise 2.5: a convolutional autoencoder whose code is a 7x7 map, judged by what it does."""

import torch
from torch import Tensor, nn

from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.lecture_02.observers import only_through_the_code, shapes, trained
from course_utils.exercises.observers import Inputs
from course_utils.models import ConvAutoencoder

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _images(n: int, generator: torch.Generator) -> Inputs:
    coarse = torch.rand(n, 1, 7, 7, generator=generator)  # smooth images, as real ones are
    x = nn.functional.interpolate(coarse, size=28, mode="bilinear", align_corners=False)
    return {"_x": x, "_seed": int(torch.randint(2**31, (), generator=generator))}


def five_images(generator: torch.Generator) -> Inputs:
    return _images(5, generator)


def one_image(generator: torch.Generator) -> Inputs:
    return _images(1, generator)


def eight_images(generator: torch.Generator) -> Inputs:
    return _images(8, generator)


def two_images(generator: torch.Generator) -> Inputs:
    return _images(2, generator)


# --- wrong answers that students give -------------------------------------------------------------


class OneHalvingOnly(ConvAutoencoder):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 8, 4, 2, 1), nn.ReLU(), nn.Conv2d(8, 4, 3, 1, 1))
        self.decoder = nn.Sequential(nn.Conv2d(4, 8, 3, 1, 1), nn.ReLU(), nn.ConvTranspose2d(8, 1, 4, 2, 1))


class WithoutPadding(ConvAutoencoder):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 4, 3, 2))
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(4, 8, 3, 2), nn.ReLU(), nn.ConvTranspose2d(8, 1, 3, 2, output_padding=1)
        )


class WithoutOutputPadding(ConvAutoencoder):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 4, 3, 2, 1))
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(4, 8, 3, 2, 1), nn.ReLU(), nn.ConvTranspose2d(8, 1, 3, 2, 1)
        )


class FlatCode(ConvAutoencoder):
    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x).flatten(1)

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z.view(-1, 4, 7, 7))


class WithoutTheBatch(ConvAutoencoder):
    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x).squeeze(0)


class CodeBesideTheImage(ConvAutoencoder):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z = self.encode(x)
        return self.decode(z), z


class AroundTheCode(ConvAutoencoder):
    def forward(self, x: Tensor) -> Tensor:
        return x + self.decode(self.encode(x))


class CutOff(ConvAutoencoder):
    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x).detach())


class LayersInAList(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = [nn.Conv2d(1, 4, 4, 4), nn.ConvTranspose2d(4, 1, 4, 4)]

    def encode(self, x: Tensor) -> Tensor:
        return self.layers[0](x)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers[1](self.encode(x))


# --- right answers, written independently ---------------------------------------------------------


class Pooled(nn.Module):
    """Pooling on the way down, nearest-neighbour upsampling on the way up; forward never calls encode."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding="same"), nn.ELU(), nn.AvgPool2d(2),
            nn.Conv2d(6, 3, 3, padding="same"), nn.ELU(), nn.AvgPool2d(2),
        )  # fmt: skip
        self.up = nn.Sequential(
            nn.Upsample(scale_factor=2), nn.Conv2d(3, 6, 3, padding="same"), nn.ELU(),
            nn.Upsample(scale_factor=2), nn.Conv2d(6, 1, 3, padding="same"),
        )  # fmt: skip

    def encode(self, images: Tensor) -> Tensor:
        return self.down(images)

    def forward(self, images: Tensor) -> Tensor:
        return self.up(self.down(images))


class InOneStep(nn.Module):
    """Patches of 4x4, normalised in batches; the encoder is a submodule that is called encode."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Conv2d(1, 16, 4, stride=4), nn.BatchNorm2d(16), nn.Tanh())
        self.back = nn.ConvTranspose2d(16, 1, 4, stride=4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.back(self.encode(x)))


class ThroughALinearLayer(nn.Module):
    """Mixes all positions of the map on the way back."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 8, 3, 2, 1), nn.Conv2d(8, 2, 3, 2, 1)
        self.mix = nn.Linear(98, 98)
        self.third = nn.ConvTranspose2d(2, 8, 3, 2, 1, output_padding=1)
        self.fourth = nn.ConvTranspose2d(8, 1, 3, 2, 1, output_padding=1)

    def encode(self, x: Tensor) -> Tensor:
        return self.second(torch.relu(self.first(x)))

    def forward(self, x: Tensor) -> Tensor:
        z = self.mix(self.encode(x).flatten(1)).view(-1, 2, 7, 7)
        return self.fourth(torch.relu(self.third(z)))


exercise = Exercise(
    id="ConvAutoencoder",
    lecture=2,
    position=5,
    title="A convolutional autoencoder",
    points=4,
    minutes=20,
    difficulty=3,
    reference=ConvAutoencoder,
    cases=(
        Case("five images", five_images, shapes),
        Case("a batch of one", one_image, shapes),
        Case("training on eight images", eight_images, trained),
        Case("no path around the code", two_images, only_through_the_code),
    ),
    mistakes=(
        Mistake(
            "one_halving",
            "The code is a 14 x 14 map: only one layer halves the size. 28 has to be halved twice to "
            "reach 7.",
            OneHalvingOnly,
        ),
        Mistake(
            "without_padding",
            "The code is a 6 x 6 map: without padding a kernel of 3 and a stride of 2 lead from 28 to 13 "
            "to 6. "
            "Ask conv_output_size which padding leads to 14 and to 7.",
            WithoutPadding,
        ),
        Mistake(
            "without_output_padding",
            "The reconstruction has 25 x 25 pixels: with kernel 3, stride 2, padding 1 the way back goes "
            "7, 13, 25. "
            "Either output_padding=1 or a kernel of 4 makes it 7, 14, 28.",
            WithoutOutputPadding,
        ),
        Mistake("flat_code", "encode gives a flat vector. Leave the code a map, (B, C, 7, 7).", FlatCode),
        Mistake(
            "without_the_batch",
            "In a batch of one the first dimension is squeezed away. It is the batch: keep it, (1, C, 7, 7).",
            WithoutTheBatch,
        ),
        Mistake(
            "code_beside_the_image",
            "forward returns two things. Return the reconstruction only; whoever wants the code calls "
            "encode.",
            CodeBesideTheImage,
        ),
        Mistake(
            "around_the_code",
            "The reconstruction depends on x in ways that the code does not see: there is a path around "
            "the bottleneck "
            "(a skip connection, perhaps). decode(encode(x)) must be all there is.",
            AroundTheCode,
        ),
        Mistake(
            "cut_off",
            "The loss does not reach every parameter: either a layer is made that forward never uses, or the "
            "code was detached (or made under no_grad) on its way to the decoder.",
            CutOff,
        ),
        Mistake(
            "layers_in_a_list",
            "model.parameters() is empty, so there is nothing to train: a plain list hides its layers. "
            "Use nn.Sequential, or make every layer an attribute of its own.",
            LayersInAList,
        ),
    ),
    accepted=(Pooled, InOneStep, ThroughALinearLayer),
    hints=(
        "Two layers that halve the size on the way to the code, two that double it on the way back, a "
        "non-linearity between. "
        "Which kernel, stride and padding halve 28 exactly?",
        "`nn.Conv2d(c_in, c_out, kernel_size=4, stride=2, padding=1)` halves: 28, 14, 7. "
        "`nn.ConvTranspose2d` with the same three numbers doubles: 7, 14, 28.",
        "Make `self.encoder` and `self.decoder` two `nn.Sequential`s. `encode` returns `self.encoder(x)`, "
        "and `forward` returns `self.decoder(self.encode(x))`. A last `nn.Sigmoid()` keeps pixels in [0, "
        "1].",
    ),
)
