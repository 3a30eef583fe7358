"""Exercise 2.3: the size that a convolution leaves."""

import math

import torch
from torch import nn

from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.lecture_02.observers import sizes
from course_utils.exercises.observers import Inputs


def conv_output_size(n: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """The reference: count the places where the kernel fits."""
    return (n + 2 * padding - kernel) // stride + 1


# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _integer(low: int, high: int, generator: torch.Generator) -> int:
    return int(torch.randint(low, high + 1, (), generator=generator))


def plain(generator: torch.Generator) -> Inputs:
    random = [[_integer(12, 40, generator), _integer(2, 7, generator)] for _ in range(4)]
    return {"_calls": [[6, 3], [28, 5], [7, 1], [5, 5], *random]}


def with_padding(generator: torch.Generator) -> Inputs:
    random = [
        [_integer(12, 40, generator), _integer(3, 7, generator), 1, _integer(1, 2, generator)]
        for _ in range(4)
    ]
    return {"_calls": [[28, 3, 1, 1], [6, 5, 1, 1], *random]}


def with_stride(generator: torch.Generator) -> Inputs:
    random = [
        [_integer(12, 40, generator), _integer(2, 5, generator), _integer(2, 4, generator)] for _ in range(4)
    ]
    return {"_calls": [[7, 3, 2], [11, 3, 4], [28, 2, 2], *random]}


def strides_that_leave_a_rest(generator: torch.Generator) -> Inputs:
    random = [[2 * _integer(6, 20, generator), 3, 2, 1] for _ in range(3)]
    return {"_calls": [[28, 3, 2, 1], [8, 3, 2], [28, 5, 3, 1], [13, 4, 4, 2], *random]}


# --- wrong answers that students give -------------------------------------------------------------


def padded_on_one_side(n: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    return (n + padding - kernel) // stride + 1


def without_the_plus_one(n: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    return (n + 2 * padding - kernel) // stride


def plus_one_inside(n: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    return (n + 2 * padding - kernel + 1) // stride


def rounded_up(n: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    return math.ceil((n + 2 * padding - kernel) / stride) + 1


def not_rounded(n: int, kernel: int, stride: int = 1, padding: int = 0) -> float:
    return (n + 2 * padding - kernel) / stride + 1


def stride_ignored(n: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    return n + 2 * padding - kernel + 1


def padding_ignored(n: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    return (n - kernel) // stride + 1


def as_if_same(n: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    return math.ceil(n / stride)


# --- right answers, written independently ---------------------------------------------------------


def by_counting(n: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    return len(range(0, n + 2 * padding - kernel + 1, stride))


def by_asking_torch(n: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    return nn.functional.conv1d(
        torch.zeros(1, 1, n), torch.zeros(1, 1, kernel), stride=stride, padding=padding
    ).shape[-1]


def by_floor(n: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    last_start = n + padding + padding - kernel
    return math.floor(last_start / stride + 1)


exercise = Exercise(
    id="conv_output_size",
    lecture=2,
    position=3,
    title="How large is a convolution's output?",
    points=1,
    minutes=5,
    difficulty=1,
    reference=conv_output_size,
    cases=(
        Case("stride 1, no padding", plain, observe=sizes),
        Case("with padding", with_padding, observe=sizes),
        Case("with a stride", with_stride, observe=sizes),
        Case("strides that leave a rest", strides_that_leave_a_rest, observe=sizes),
    ),
    mistakes=(
        Mistake(
            "one_side",
            "The padding is added on one side only. It is put on both: n grows by 2 * padding.",
            padded_on_one_side,
        ),
        Mistake(
            "without_the_plus_one",
            "One is missing: a kernel as large as the image fits in exactly one place, and this says 0.",
            without_the_plus_one,
        ),
        Mistake(
            "plus_one_inside",
            "The 1 stands inside the division. The first place costs no step: divide the room to move by "
            "the stride, then add 1.",
            plus_one_inside,
        ),
        Mistake(
            "rounded_up",
            "This rounds up. A kernel that would hang over the edge is not placed: round down.",
            rounded_up,
        ),
        Mistake(
            "not_rounded", "Sizes are whole numbers: use // (which rounds down) in place of /.", not_rounded
        ),
        Mistake(
            "stride_ignored",
            "The stride is not used: with stride s the kernel is placed at every s-th position only.",
            stride_ignored,
        ),
        Mistake(
            "padding_ignored",
            "The padding is not used: the kernel may also start on the zeros around the image.",
            padding_ignored,
        ),
        Mistake(
            "as_if_same",
            "This is the size under 'same' padding, whatever the padding is. Count the places for the "
            "padding that is given.",
            as_if_same,
        ),
    ),
    accepted=(by_counting, by_asking_torch, by_floor),
    hints=(
        "The kernel's left edge starts at 0. How far to the right can it go?",
        "It can move by n + 2 * padding - kernel pixels. How many places is that in steps of `stride`, "
        "the first one included?",
        "Room to move, floor-divided (`//`) by the stride, plus one.",
    ),
)
