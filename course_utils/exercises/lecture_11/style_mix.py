"""Exercise 11.5: coarse styles of one, fine styles of the other."""

import torch
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.comparisons import exact
from course_utils.exercises.observers import Inputs, value
from course_utils.models import style_mix

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _inputs(
    shape: tuple[int, int, int], crossover: int, generator: Generator, dtype: torch.dtype = torch.float32
) -> Inputs:
    def styles() -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=dtype)

    return {"w_a": styles(), "w_b": styles(), "crossover": crossover}


def two_of_five_layers(generator: Generator) -> Inputs:
    return _inputs((3, 5, 4), 2, generator)


def nothing_of_a(generator: Generator) -> Inputs:
    return _inputs((2, 4, 3), 0, generator)


def nothing_of_b(generator: Generator) -> Inputs:
    return _inputs((2, 4, 3), 4, generator)


def one_pair_in_float64(generator: Generator) -> Inputs:
    return _inputs((1, 6, 2), 4, generator, torch.float64)


def as_many_examples_as_layers_and_numbers(generator: Generator) -> Inputs:
    return _inputs((4, 4, 4), 1, generator)


# --- wrong answers that students give -------------------------------------------------------------


def swapped(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    return style_mix(w_b, w_a, crossover)


def one_layer_late(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    return style_mix(w_a, w_b, crossover + 1)


def one_layer_early(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    return style_mix(w_a, w_b, max(crossover - 1, 0))


def counted_from_the_end(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    return style_mix(w_a, w_b, w_a.shape[1] - crossover)


def across_the_numbers(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    return torch.cat([w_a[..., :crossover], w_b[..., crossover:]], dim=-1)


def across_the_batch(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    return torch.cat([w_a[:crossover], w_b[crossover:]])


def joined_in_the_wrong_dimension(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    return torch.cat([w_a[:, : w_a.shape[1] // 2], w_b[:, : w_a.shape[1] // 2]], dim=2)


def fine_styles_first(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    return torch.cat([w_b[:, crossover:], w_a[:, :crossover]], dim=1)


def coarse_styles_of_both(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    return torch.cat([w_a[:, :crossover], w_b[:, : w_b.shape[1] - crossover]], dim=1)


def average(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    return (w_a + w_b) / 2


def share_of_the_crossover(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    share = crossover / w_a.shape[1]
    return share * w_a + (1 - share) * w_b


def a_single_layer(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    mixed = w_a.clone()
    mixed[:, crossover : crossover + 1] = w_b[:, crossover : crossover + 1]
    return mixed


def everything_behind_everything(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    return torch.cat([w_a, w_b], dim=1)


def summed_with_zeros_missing(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    mixed = w_a + w_b
    mixed[:, :crossover] = w_a[:, :crossover]
    return mixed


def fine_styles_of_the_first(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    return style_mix(w_a, w_b[:1].expand_as(w_b), crossover)


def crossover_ignored(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    return style_mix(w_a, w_b, w_a.shape[1] // 2)


def into_a(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    w_a[:, crossover:] = w_b[:, crossover:]
    return w_a


def into_b(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    mixed = w_b
    mixed[:, :crossover] = w_a[:, :crossover]
    return mixed


# --- right answers, written independently ---------------------------------------------------------


def by_a_mask(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    layer = torch.arange(w_a.shape[1])[None, :, None]
    return torch.where(layer < crossover, w_a, w_b)


def by_a_copy(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    mixed = w_b.clone()
    mixed[:, :crossover] = w_a[:, :crossover]
    return mixed


def layer_by_layer(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    n_layers = w_a.size(1)
    return torch.stack([(w_a if i < crossover else w_b)[:, i] for i in range(n_layers)], dim=1)


exercise = Exercise(
    id="style_mix",
    lecture=11,
    position=5,
    title="Coarse of one, fine of the other",
    points=2,
    minutes=5,
    difficulty=1,
    reference=style_mix,
    cases=(
        Case("two of five layers are a's", two_of_five_layers, value, exact()),
        Case("crossover 0: all layers are b's", nothing_of_a, value, exact()),
        Case("crossover after the last layer: all are a's", nothing_of_b, value, exact()),
        Case("a single pair in float64", one_pair_in_float64, value, exact()),
        Case("4 examples, 4 layers, 4 numbers", as_many_examples_as_layers_and_numbers, value, exact()),
    ),
    mistakes=(
        Mistake(
            "swapped",
            "The two have changed places: the layers before the crossover are a's, the others b's.",
            swapped,
        ),
        Mistake(
            "one_layer_late",
            "The change comes one layer late: layer number crossover, counted from 0, is b's already.",
            one_layer_late,
        ),
        Mistake(
            "one_layer_early",
            "The change comes one layer early: of a are the layers 0 to crossover - 1.",
            one_layer_early,
        ),
        Mistake(
            "counted_from_the_end",
            "The crossover is counted from the end. The first crossover layers are a's.",
            counted_from_the_end,
        ),
        Mistake(
            "across_the_numbers",
            "Each style vector is cut in two. The layers, dimension 1, are what is divided between a and b.",
            across_the_numbers,
        ),
        Mistake(
            "across_the_batch",
            "The first examples are a's and the others b's. Every example is mixed: the layers are dimension 1.",
            across_the_batch,
        ),
        Mistake(
            "joined_in_the_wrong_dimension",
            "The parts are set side by side, which makes style vectors of twice the length. Join them along the "
            "layers, dimension 1.",
            joined_in_the_wrong_dimension,
        ),
        Mistake(
            "fine_styles_first",
            "b's fine styles go to the first layers, where the coarse ones belong. Every layer keeps its place.",
            fine_styles_first,
        ),
        Mistake(
            "coarse_styles_of_both",
            "b's first styles are put into the last layers. Every layer keeps its place: w_b[:, crossover:].",
            coarse_styles_of_both,
        ),
        Mistake(
            "average",
            "All layers get the average of both styles. Each layer gets the style of either a or b.",
            average,
        ),
        Mistake(
            "share_of_the_crossover",
            "The styles are blended in proportion. Each layer gets the style of either a or b, whole.",
            share_of_the_crossover,
        ),
        Mistake(
            "a_single_layer",
            "Only one layer is b's. All layers from the crossover on are.",
            a_single_layer,
        ),
        Mistake(
            "everything_behind_everything",
            "There are twice as many layers as before. Take the first part of one and the last part of the other.",
            everything_behind_everything,
        ),
        Mistake(
            "summed_with_zeros_missing",
            "From the crossover on, both styles are added up. Those layers are b's alone.",
            summed_with_zeros_missing,
        ),
        Mistake(
            "fine_styles_of_the_first",
            "All examples get the fine styles of the first of b. Example i of a is mixed with example i of b.",
            fine_styles_of_the_first,
        ),
        Mistake(
            "crossover_ignored",
            "The change always comes halfway. It comes at layer crossover.",
            crossover_ignored,
        ),
        Mistake(
            "into_a",
            "The result is right, and w_a is spoilt: your answer writes into it. Clone first, or use torch.cat.",
            into_a,
        ),
        Mistake(
            "into_b",
            "The result is right, and w_b is spoilt: mixed = w_b is no copy. Clone first, or use torch.cat.",
            into_b,
        ),
    ),
    accepted=(by_a_mask, by_a_copy, layer_by_layer),
    hints=(
        "Which dimension counts the layers? The other two are left whole.",
        "`w_a[:, :crossover]` are the coarse styles of a. What are the fine ones of b?",
        "`torch.cat` joins the two parts along dimension 1, and copies them.",
    ),
)
