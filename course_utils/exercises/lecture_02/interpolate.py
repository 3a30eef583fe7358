"""Exercise 2.7: equal steps on the straight line between two tensors."""

import torch
from torch import Tensor

from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.observers import Inputs


def interpolate(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """The reference: weights 0 to 1, broadcast over everything a and b have."""
    weight = torch.linspace(0, 1, steps, dtype=a.dtype).view(-1, *[1] * a.ndim)
    return (1 - weight) * a + weight * b


# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _ends(shape: tuple[int, ...], steps: int, generator: torch.Generator) -> Inputs:
    a, b = torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)
    return {"a": a, "b": b, "steps": steps}


def codes_in_ten_steps(generator: torch.Generator) -> Inputs:
    return _ends((16,), 10, generator)


def images_in_five_steps(generator: torch.Generator) -> Inputs:
    return _ends((1, 28, 28), 5, generator)


def two_steps(generator: torch.Generator) -> Inputs:
    return _ends((4,), 2, generator)


def batches_in_float64(generator: torch.Generator) -> Inputs:
    ends = _ends((3, 5), 7, generator)
    return {"a": ends["a"].double(), "b": ends["b"].double(), "steps": ends["steps"]}


def from_a_point_to_itself(generator: torch.Generator) -> Inputs:
    a = torch.randn(6, generator=generator)
    return {"a": a, "b": a.clone(), "steps": 4}


# --- wrong answers that students give -------------------------------------------------------------


def _with_weights(a: Tensor, b: Tensor, weights: Tensor) -> Tensor:
    return torch.stack([(1 - w) * a + w * b for w in weights.to(a.dtype)])


def without_the_last(a: Tensor, b: Tensor, steps: int) -> Tensor:
    return _with_weights(a, b, torch.arange(steps) / steps)


def without_the_first(a: Tensor, b: Tensor, steps: int) -> Tensor:
    return _with_weights(a, b, torch.arange(1, steps + 1) / steps)


def without_both_ends(a: Tensor, b: Tensor, steps: int) -> Tensor:
    return _with_weights(a, b, torch.arange(1, steps + 1) / (steps + 1))


def one_too_many(a: Tensor, b: Tensor, steps: int) -> Tensor:
    return _with_weights(a, b, torch.linspace(0, 1, steps + 1))


def backwards(a: Tensor, b: Tensor, steps: int) -> Tensor:
    return interpolate(b, a, steps)


def steps_last(a: Tensor, b: Tensor, steps: int) -> Tensor:
    return interpolate(a, b, steps).movedim(0, -1)


def difference_forgotten(a: Tensor, b: Tensor, steps: int) -> Tensor:
    return torch.stack([a + w * b for w in torch.linspace(0, 1, steps, dtype=a.dtype)])


def on_a_sphere(a: Tensor, b: Tensor, steps: int) -> Tensor:
    cosine = ((a * b).sum() / (a.norm() * b.norm())).clamp(-1, 1)
    angle = torch.acos(cosine).clamp_min(1e-4)
    weights = torch.linspace(0, 1, steps, dtype=a.dtype)
    return torch.stack(
        [(torch.sin((1 - w) * angle) * a + torch.sin(w * angle) * b) / torch.sin(angle) for w in weights]
    )


def as_a_list(a: Tensor, b: Tensor, steps: int) -> list[Tensor]:
    return list(interpolate(a, b, steps))


# --- right answers, written independently ---------------------------------------------------------


def with_lerp(a: Tensor, b: Tensor, steps: int) -> Tensor:
    return torch.stack([torch.lerp(a, b, i / (steps - 1)) for i in range(steps)])


def along_the_difference(a: Tensor, b: Tensor, steps: int) -> Tensor:
    return a + torch.tensordot(torch.arange(steps).to(a) / (steps - 1), b - a, dims=0)


exercise = Exercise(
    id="interpolate",
    lecture=2,
    position=7,
    title="A straight line in equal steps",
    points=1,
    minutes=6,
    difficulty=1,
    reference=interpolate,
    cases=(
        Case("two codes of 16 numbers, ten steps", codes_in_ten_steps),
        Case("two images, five steps", images_in_five_steps),
        Case("two steps are the two ends", two_steps),
        Case("two batches in float64, seven steps", batches_in_float64),
        Case("from a point to itself", from_a_point_to_itself),
    ),
    mistakes=(
        Mistake(
            "without_the_last",
            "The last step stops short of b. With both ends included, `steps` points leave steps - 1 gaps.",
            without_the_last,
        ),
        Mistake(
            "without_the_first",
            "The first step has already left a. The weights start at 0 and end at 1.",
            without_the_first,
        ),
        Mistake(
            "without_both_ends",
            "Both ends are missing. The first point is a itself and the last one b.",
            without_both_ends,
        ),
        Mistake(
            "one_too_many",
            "There is one point too many: `steps` counts the points, not the gaps between them.",
            one_too_many,
        ),
        Mistake("backwards", "The path runs from b to a. At weight 0 it should be at a.", backwards),
        Mistake(
            "steps_last",
            "The steps are the last dimension. Put them first: result[0] is a, result[-1] is b.",
            steps_last,
        ),
        Mistake(
            "as_a_list",
            "The points are right, but they come as a list. Stack them into one tensor: torch.stack(points).",
            as_a_list,
        ),
        Mistake(
            "difference_forgotten",
            "This adds a growing part of b to a whole a, and ends at a + b. The line is a + t (b - a).",
            difference_forgotten,
        ),
        Mistake(
            "on_a_sphere",
            "This follows an arc (a spherical interpolation). Asked is the straight line.",
            on_a_sphere,
        ),
    ),
    accepted=(with_lerp, along_the_difference),
    hints=(
        "Which mixture of a and b is at the start, in the middle, at the end?",
        "The weights are `torch.linspace(0, 1, steps)`. The point at weight t is (1 - t) a + t b.",
        "One way: `torch.stack` over the weights. Another: `weight.view(-1, *[1] * a.ndim)`, so that "
        "broadcasting does it.",
    ),
)
