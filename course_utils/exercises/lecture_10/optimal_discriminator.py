"""Exercise 10.1: the best discriminator against a fixed generator."""

import torch
from torch import Generator, Tensor

from course_utils.adversarial import optimal_discriminator
from course_utils.exercises import Case, Exercise, Mistake, close
from course_utils.exercises.observers import Inputs

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _densities(*shape: int, generator: Generator, dtype: torch.dtype = torch.float32) -> Inputs:
    """Between 0.05 and 3, and of different sums: normalising either shows."""
    p, q = (0.05 + scale * torch.rand(shape, generator=generator, dtype=dtype) ** 2 for scale in (3.0, 1.5))
    return {"p": p, "q": q}


def on_a_line(generator: Generator) -> Inputs:
    return _densities(9, generator=generator)


def on_a_plane(generator: Generator) -> Inputs:
    return _densities(4, 5, generator=generator)


def one_side_empty(generator: Generator) -> Inputs:
    inputs = _densities(8, generator=generator)
    p, q = inputs["p"], inputs["q"]
    p[:3], q[5:] = 0, 0
    return {"p": p, "q": q}


def far_from_both(generator: Generator) -> Inputs:
    inputs = _densities(8, generator=generator)
    scale = 10.0 ** -torch.linspace(4, 20, 8)
    return {name: density * scale for name, density in inputs.items()}


def one_point(generator: Generator) -> Inputs:
    return _densities(1, generator=generator, dtype=torch.float64)


# --- wrong answers that students give -------------------------------------------------------------


def the_ratio(p: Tensor, q: Tensor) -> Tensor:
    return p / q


def generators_share(p: Tensor, q: Tensor) -> Tensor:
    return q / (p + q)


def the_logit(p: Tensor, q: Tensor) -> Tensor:
    return p.log() - q.log()


def sigmoid_of_the_ratio(p: Tensor, q: Tensor) -> Tensor:
    return torch.sigmoid(p / q)


def sigmoid_of_the_difference(p: Tensor, q: Tensor) -> Tensor:
    return torch.sigmoid(p - q)


def one_half(p: Tensor, q: Tensor) -> Tensor:
    return torch.full_like(p, 0.5)


def hard_decision(p: Tensor, q: Tensor) -> Tensor:
    return (p > q).to(p.dtype)


def small_number_added(p: Tensor, q: Tensor) -> Tensor:
    return p / (p + q + 1e-8)


def contrast(p: Tensor, q: Tensor) -> Tensor:
    return (p - q) / (p + q)


def normalised_first(p: Tensor, q: Tensor) -> Tensor:
    p, q = p / p.sum(), q / q.sum()
    return p / (p + q)


def over_the_mixture(p: Tensor, q: Tensor) -> Tensor:
    return p / (0.5 * (p + q))


def softmaxed(p: Tensor, q: Tensor) -> Tensor:
    return p.exp() / (p.exp() + q.exp() + 1)


def in_place(p: Tensor, q: Tensor) -> Tensor:
    q += p
    return p / q


# --- right answers, written independently ---------------------------------------------------------


def by_the_odds(p: Tensor, q: Tensor) -> Tensor:
    return 1 / (1 + q / p)


def by_the_logit(p: Tensor, q: Tensor) -> Tensor:
    return torch.sigmoid(torch.log(p) - torch.log(q))


def by_bayes(p: Tensor, q: Tensor) -> Tensor:
    joint = torch.stack([0.5 * p, 0.5 * q])  # a fair coin decides who draws
    return joint[0] / joint.sum(0)


exercise = Exercise(
    id="optimal_discriminator",
    lecture=10,
    position=1,
    title="The best discriminator",
    points=1,
    minutes=5,
    difficulty=1,
    reference=optimal_discriminator,
    cases=(
        Case("densities along a line", on_a_line),
        Case("densities on a plane", on_a_plane),
        Case("where one of the two has no mass", one_side_empty),
        Case("far out, where both are tiny", far_from_both, compare=close(atol=1e-6)),
        Case("one point in float64", one_point),
    ),
    mistakes=(
        Mistake(
            "ratio", "This is the ratio p / q, the odds. A probability is a share: what of what?", the_ratio
        ),
        Mistake(
            "swapped",
            "This is the probability that the point is fake. D is the probability that it is real.",
            generators_share,
        ),
        Mistake("logit", "This is log(p / q), the logit of D. Take its sigmoid.", the_logit),
        Mistake(
            "sigmoid_of_the_ratio",
            "The sigmoid is taken of p / q. It belongs to the logarithm of that ratio.",
            sigmoid_of_the_ratio,
        ),
        Mistake(
            "sigmoid_of_the_difference",
            "The sigmoid is taken of p - q. The logit of D is the difference of the logarithms.",
            sigmoid_of_the_difference,
        ),
        Mistake(
            "one_half",
            "One half is where the game ends, when p = q. Here the two differ from point to point.",
            one_half,
        ),
        Mistake(
            "hard_decision",
            "This is the best guess, real or fake. The value of the game asks for a probability.",
            hard_decision,
        ),
        Mistake(
            "small_number_added",
            "A small number is added to the denominator. Far from the data p and q are smaller than it, and D is "
            "pulled to 0.",
            small_number_added,
        ),
        Mistake("contrast", "This runs from -1 to 1. A probability runs from 0 to 1.", contrast),
        Mistake(
            "normalised_first",
            "p and q are normalised over the points given. They are values of densities, at any points: take them "
            "as they are.",
            normalised_first,
        ),
        Mistake(
            "over_the_mixture",
            "p is divided by the mixture (p + q) / 2, which gives up to 2. The share of p is of the sum.",
            over_the_mixture,
        ),
        Mistake(
            "softmaxed",
            "The densities are exponentiated. They are no logits: p and q themselves are weighed against each other.",
            softmaxed,
        ),
        Mistake(
            "in_place",
            "An argument is overwritten: += and /= write into the tensor that was handed in.",
            in_place,
        ),
    ),
    accepted=(by_the_odds, by_the_logit, by_bayes),
    hints=(
        "A coin decides whether a point is drawn from p or from q. You see the point: what is the probability that it "
        "came from p? This is Bayes' rule with equal priors.",
        "Or maximise p log D + q log(1 - D) at one point: set the derivative p / D - q / (1 - D) to 0.",
        "p's share of the total density p + q, element by element.",
    ),
)
