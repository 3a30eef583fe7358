"""Exercise 1.1: Bayes' rule on a grid, from p(x) and p(y|x) to p(x|y)."""

import torch
from torch import Tensor

from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.observers import Inputs


def class_conditional_density(p_x: Tensor, p_y_given_x: Tensor) -> Tensor:
    """The reference: the joint, divided by its own total p(y)."""
    joint = p_x * p_y_given_x
    return joint / joint.sum()


# --- inputs: plain data from a seeded generator -----------------------------------------------------------------


def _grid(shape: tuple[int, ...], generator: torch.Generator) -> Inputs:
    logits = torch.randn(3, *shape, generator=generator)
    return {
        "p_x": torch.randn(shape, generator=generator).flatten().softmax(0).reshape(shape),
        "p_y_given_x": (2 * logits).softmax(0)[0],
    }


def plane(generator: torch.Generator) -> Inputs:
    return _grid((6, 8), generator)


def line_in_float64(generator: torch.Generator) -> Inputs:
    return {name: array.double() for name, array in _grid((200,), generator).items()}


def space(generator: torch.Generator) -> Inputs:
    return _grid((4, 3, 5), generator)


def single_point(generator: torch.Generator) -> Inputs:
    return _grid((1,), generator)


def rare_class(generator: torch.Generator) -> Inputs:
    grid = _grid((5, 5), generator)
    return {"p_x": grid["p_x"], "p_y_given_x": 1e-12 * grid["p_y_given_x"]}


def empty_places(generator: torch.Generator) -> Inputs:
    grid = _grid((5, 7), generator)
    grid["p_x"][1] = 0.0
    grid["p_y_given_x"][:, 2] = 0.0
    return {"p_x": grid["p_x"] / grid["p_x"].sum(), "p_y_given_x": grid["p_y_given_x"]}


# --- wrong answers that students give ---------------------------------------------------------------------------


def joint_only(p_x: Tensor, p_y_given_x: Tensor) -> Tensor:
    return p_x * p_y_given_x


def classifier_normalised(p_x: Tensor, p_y_given_x: Tensor) -> Tensor:
    return p_y_given_x / p_y_given_x.sum()


def divided_by_p_x(p_x: Tensor, p_y_given_x: Tensor) -> Tensor:
    ratio = p_y_given_x / p_x.clamp_min(1e-30)
    return ratio / ratio.sum()


def one_axis(p_x: Tensor, p_y_given_x: Tensor) -> Tensor:
    joint = p_x * p_y_given_x
    return joint / joint.sum(-1, keepdim=True).clamp_min(1e-30)


def softmaxed(p_x: Tensor, p_y_given_x: Tensor) -> Tensor:
    return (p_x * p_y_given_x).flatten().softmax(0).reshape(p_x.shape)


def unweighted_class_probability(p_x: Tensor, p_y_given_x: Tensor) -> Tensor:
    return p_x * p_y_given_x / p_y_given_x.mean()


def peak_one(p_x: Tensor, p_y_given_x: Tensor) -> Tensor:
    joint = p_x * p_y_given_x
    return joint / joint.max()


def with_epsilon(p_x: Tensor, p_y_given_x: Tensor) -> Tensor:
    joint = p_x * p_y_given_x
    return joint / (joint.sum() + 1e-8)


def in_place(p_x: Tensor, p_y_given_x: Tensor) -> Tensor:
    p_x *= p_y_given_x
    return p_x / p_x.sum()


# --- right answers, written independently -----------------------------------------------------------------------


def with_class_probability(p_x: Tensor, p_y_given_x: Tensor) -> Tensor:
    p_y = torch.dot(p_x.flatten(), p_y_given_x.flatten())
    return p_y_given_x / p_y * p_x


def in_logarithms(p_x: Tensor, p_y_given_x: Tensor) -> Tensor:
    log_joint = torch.log(p_x) + torch.log(p_y_given_x)
    return torch.exp(log_joint - torch.logsumexp(log_joint.reshape(-1), dim=0))


def with_numpy(p_x: Tensor, p_y_given_x: Tensor) -> Tensor:
    joint = p_x.numpy() * p_y_given_x.numpy()
    return torch.from_numpy(joint / joint.sum())


exercise = Exercise(
    id="class_conditional_density",
    lecture=1,
    position=1,
    title="From a classifier and a density to pictures of one class",
    points=2,
    minutes=6,
    difficulty=1,
    reference=class_conditional_density,
    cases=(
        Case("a class on a 6 x 8 grid", plane),
        Case("a line of 200 points in float64", line_in_float64),
        Case("a grid with three axes", space),
        Case("a grid of a single point", single_point),
        Case("a class with probability 1e-12 everywhere", rare_class),
        Case("places where p(x) or p(y|x) is zero", empty_places),
    ),
    mistakes=(
        Mistake(
            "joint",
            "This is the joint p(x, y): over the grid it sums to p(y), not to 1. Divide it by that sum.",
            joint_only,
        ),
        Mistake(
            "forgets_p_x",
            "This normalises the classifier alone. A place where the classifier is sure but no x ever falls must "
            "stay empty: multiply by p(x) first.",
            classifier_normalised,
        ),
        Mistake(
            "divides_by_p_x",
            "p(x) belongs in the numerator: p(x|y) = p(y|x) p(x) / p(y). You divide by it.",
            divided_by_p_x,
        ),
        Mistake(
            "one_axis",
            "This sums over the last axis only, so that every row of the grid sums to 1. The whole grid competes "
            "for one unit of mass: sum over all of it.",
            one_axis,
        ),
        Mistake(
            "softmax",
            "A softmax is for logits. The products p(x) p(y|x) are already non-negative: dividing by their sum is "
            "enough.",
            softmaxed,
        ),
        Mistake(
            "unweighted_p_y",
            "p(y) is the average of p(y|x) over where x really falls, sum of p(x) p(y|x); you average over the grid "
            "as if all of it were equally likely.",
            unweighted_class_probability,
        ),
        Mistake("peak_one", "This makes the largest value 1. It is the sum that has to be 1.", peak_one),
        Mistake(
            "epsilon",
            "The small constant in the denominator swamps a rare class, whose p(y) may be smaller still. Divide by "
            "p(y) as it is.",
            with_epsilon,
        ),
        Mistake(
            "in_place",
            "Right value, but `p_x *= ...` writes into the caller's tensor: the next class would start from a "
            "spoilt p(x). Make a new tensor.",
            in_place,
        ),
    ),
    accepted=(with_class_probability, in_logarithms, with_numpy),
    hints=(
        "Bayes' rule has three factors: p(y|x), p(x) and p(y). Two are given. What is p(y), the share of all x that "
        "belong to this class?",
        "p(y) is the sum over the grid of p(x) p(y|x): the very products you need anyway.",
        "Name the product `joint`, and divide it by its sum over the whole grid.",
    ),
)
