"""Exercise 2.4: the size that a transposed convolution makes."""

import torch
from torch import nn

from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.lecture_02.observers import sizes
from course_utils.exercises.observers import Inputs


def conv_transpose_output_size(
    n: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0
) -> int:
    """The reference: from the first stamp's left edge to the last one's right edge, cropped, topped up."""
    return (n - 1) * stride + kernel - 2 * padding + output_padding


# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _integer(low: int, high: int, generator: torch.Generator) -> int:
    return int(torch.randint(low, high + 1, (), generator=generator))


def plain(generator: torch.Generator) -> Inputs:
    random = [[_integer(5, 20, generator), _integer(2, 7, generator)] for _ in range(4)]
    return {"_calls": [[4, 3], [1, 5], [7, 1], *random]}


def with_stride(generator: torch.Generator) -> Inputs:
    random = [
        [_integer(5, 20, generator), _integer(2, 6, generator), _integer(2, 4, generator)] for _ in range(4)
    ]
    return {"_calls": [[4, 3, 2], [7, 2, 2], *random]}


def with_padding(generator: torch.Generator) -> Inputs:
    random = [
        [_integer(5, 20, generator), _integer(3, 6, generator), _integer(2, 3, generator), 1]
        for _ in range(4)
    ]
    return {"_calls": [[7, 4, 2, 1], [6, 5, 1, 2], *random]}


def with_output_padding(generator: torch.Generator) -> Inputs:
    random = [
        [_integer(5, 20, generator), _integer(3, 6, generator), 3, 1, _integer(1, 2, generator)]
        for _ in range(4)
    ]
    return {"_calls": [[7, 3, 2, 1, 1], [14, 3, 2, 1, 1], *random]}


# --- wrong answers that students give -------------------------------------------------------------


def convolution(n: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0) -> int:
    return (n + 2 * padding - kernel) // stride + 1 + output_padding


def n_gaps(n: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0) -> int:
    return n * stride + kernel - 2 * padding + output_padding


def only_the_stride(n: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0) -> int:
    return n * stride


def padding_added(n: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0) -> int:
    return (n - 1) * stride + kernel + 2 * padding + output_padding


def cropped_on_one_side(
    n: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0
) -> int:
    return (n - 1) * stride + kernel - padding + output_padding


def output_padding_twice(
    n: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0
) -> int:
    return (n - 1) * stride + kernel - 2 * padding + 2 * output_padding


def output_padding_ignored(
    n: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0
) -> int:
    return (n - 1) * stride + kernel - 2 * padding


def kernel_less_one(n: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0) -> int:
    return (n - 1) * stride + kernel - 1 - 2 * padding + output_padding


# --- right answers, written independently ---------------------------------------------------------


def by_asking_torch(n: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0) -> int:
    layer = nn.ConvTranspose1d(1, 1, kernel, stride=stride, padding=padding, output_padding=output_padding)
    return layer(torch.zeros(1, 1, n)).shape[-1]


def by_stamping(n: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0) -> int:
    covered = {i * stride + j for i in range(n) for j in range(kernel)}
    return max(covered) + 1 - 2 * padding + output_padding


def by_undoing_the_convolution(
    n: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0
) -> int:
    size = 1
    while (size + 2 * padding - kernel) // stride + 1 < n or size + 2 * padding < kernel:
        size += 1
    return size + output_padding


exercise = Exercise(
    id="conv_transpose_output_size",
    lecture=2,
    position=4,
    title="And a transposed convolution's?",
    points=1,
    minutes=6,
    difficulty=1,
    reference=conv_transpose_output_size,
    cases=(
        Case("stride 1, no padding", plain, observe=sizes),
        Case("with a stride", with_stride, observe=sizes),
        Case("with padding", with_padding, observe=sizes),
        Case("with output padding", with_output_padding, observe=sizes),
    ),
    mistakes=(
        Mistake(
            "convolution",
            "This is the size of an ordinary convolution. Transposed, every input pixel stamps a kernel: "
            "4 grow to 6.",
            convolution,
        ),
        Mistake(
            "n_gaps",
            "n stamps have only n - 1 gaps between them: the last stamp starts at (n - 1) * stride.",
            n_gaps,
        ),
        Mistake(
            "only_the_stride",
            "Size times stride is true for some kernels only. The last stamp reaches a whole kernel "
            "further than its start.",
            only_the_stride,
        ),
        Mistake(
            "padding_added",
            "Padding makes the output of a transposed convolution *smaller*: it undoes what padding adds "
            "in the convolution.",
            padding_added,
        ),
        Mistake(
            "one_side", "The padding is cut from one side only. It is cut from both.", cropped_on_one_side
        ),
        Mistake(
            "output_padding_twice", "Output padding is added on one side only, once.", output_padding_twice
        ),
        Mistake(
            "output_padding_ignored",
            "The output padding is not used. It is added at the end, on one side.",
            output_padding_ignored,
        ),
        Mistake(
            "kernel_less_one",
            "One is missing: a single pixel stamps a whole kernel, so 1 grows to `kernel`.",
            kernel_less_one,
        ),
    ),
    accepted=(by_asking_torch, by_stamping, by_undoing_the_convolution),
    hints=(
        "Put the n stamps down. Where does the last one start, and where does it end?",
        "The last stamp starts at (n - 1) * stride and is `kernel` long. Then crop both sides, then top "
        "up one.",
        "(n - 1) steps of the stride, plus the kernel, minus twice the padding, plus the output padding "
        "once.",
    ),
)
