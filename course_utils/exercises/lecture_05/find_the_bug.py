"""Exercise 5.5: five ways to draw z as one finds them in published code, three of them wrong."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake, observers, same_first_error
from course_utils.exercises.observers import Answer, Inputs

LETTERS = "ABCDE"


def find_the_bug() -> set[str]:
    """The reference."""
    return {"A", "C", "D"}


TRUTH = torch.tensor([letter in find_the_bug() for letter in LETTERS])


def the_letters(generator: Generator) -> Inputs:
    """The question has no inputs of its own: it is the same for every seed."""
    return {"_letters": LETTERS}


# --- wrong answers that students give -------------------------------------------------------------


def all_of_them() -> set[str]:
    return set(LETTERS)


def none_of_them() -> set[str]:
    return set()


def the_right_ones() -> set[str]:
    return set(LETTERS) - find_the_bug()


def _but_for(letter: str) -> Answer:
    """The truth with one letter turned round."""
    return lambda: find_the_bug() ^ {letter}


# --- right answers, written independently ---------------------------------------------------------


def as_a_string() -> str:
    return "acd"


def as_a_list() -> list[str]:
    return ["D", "A", "C"]


def by_trying_them_out() -> set[str]:
    """Measure each snippet as printed: its variance, its independence, its gradient of logvar."""

    def a(mu: Tensor, logvar: Tensor) -> Tensor:
        std = torch.exp(logvar)
        eps = torch.randn_like(std)
        return eps.mul(std).add_(mu)

    def b(mu: Tensor, logvar: Tensor) -> Tensor:
        inverse_std = torch.exp(-logvar / 2)
        return mu - torch.randn_like(mu) / inverse_std

    def c(mu: Tensor, logvar: Tensor) -> Tensor:
        std = (logvar / 2).exp()
        return torch.normal(mu, std)

    def d(mu: Tensor, logvar: Tensor) -> Tensor:
        std = torch.exp(logvar / 2)
        eps = torch.randn(mu.shape[1])
        return mu + eps * std

    def e(mu: Tensor, logvar: Tensor) -> Tensor:
        return torch.randn_like(mu).mul(logvar.mul(0.5).exp()).add(mu)

    def is_wrong(snippet: Callable[[Tensor, Tensor], Tensor]) -> bool:
        mu = torch.full((20_000, 2), 1.0, requires_grad=True)
        logvar = torch.full((20_000, 2), 1.0, requires_grad=True)
        z = snippet(mu, logvar)
        z.square().mean().backward()
        wrong_variance = abs(z.var().item() - 2.718) > 0.2
        shared = abs((z[0::2] - 1).mul(z[1::2] - 1).mean().item()) > 0.2
        return wrong_variance or shared or not logvar.grad.abs().any()

    return {letter for letter, snippet in zip("ABCDE", (a, b, c, d, e), strict=True) if is_wrong(snippet)}


exercise = Exercise(
    id="find_the_bug",
    lecture=5,
    position=5,
    title="Find the bug",
    points=3,
    minutes=15,
    difficulty=2,
    reference=find_the_bug,
    cases=(
        Case("the wrong snippets", the_letters, observers.letters, same_first_error(TRUTH)),
        Case("an answer, not a guess", the_letters, observers.letters_again),
    ),
    mistakes=(
        Mistake(
            "all_marked",
            "You have marked all five, and some of them are right. For which do mean, variance and "
            "gradients all come out?",
            all_of_them,
        ),
        Mistake(
            "none_marked",
            "You have marked none, and some of them are wrong. Call each with logvar = 1 and look at "
            "the variance, at two "
            "examples side by side, and at the gradient of logvar.",
            none_of_them,
        ),
        Mistake(
            "right_ones_marked",
            "You have sorted them well and handed in the other heap: the letters of the wrong snippets "
            "are asked for.",
            the_right_ones,
        ),
        Mistake(
            "missed_A",
            "Look at A again, and draw 10,000 times with logvar = 2: the variance should be exp(2) = "
            "7.4 and comes out as "
            "55. exp(logvar) is the variance; it stands where the standard deviation belongs.",
            _but_for("A"),
        ),
        Mistake(
            "marked_B",
            "B is right. Dividing by exp(-logvar / 2) is multiplying by exp(logvar / 2), and -eps has "
            "the same law as eps.",
            _but_for("B"),
        ),
        Mistake(
            "missed_C",
            "Look at C again, at what reaches logvar: z.sum().backward() runs without an error and "
            "leaves logvar.grad at "
            "zero. torch.normal draws the right numbers and passes no gradient on.",
            _but_for("C"),
        ),
        Mistake(
            "missed_D",
            "Look at D again, at the shape of eps: with mu = 0 and logvar = 0, two examples of one "
            "batch get the very same "
            "z. It broadcasts one eps to all examples.",
            _but_for("D"),
        ),
        Mistake(
            "marked_E",
            "E is right. The chained methods multiply eps by exp(logvar / 2) and add mu; none of them "
            "works in place.",
            _but_for("E"),
        ),
    ),
    accepted=(as_a_string, as_a_list, by_trying_them_out),
    hints=(
        "Strange-looking code may be right, and familiar-looking code wrong. Don't read, measure: all "
        "five can be called.",
        "Three questions for each: is the variance exp(logvar)? Are two examples with the same mu and "
        "logvar drawn "
        "independently? Does a gradient that isn't zero reach logvar?",
        "Take mu = torch.zeros(10_000, 2) and logvar = torch.full((10_000, 2), 2.0), both with "
        "requires_grad_(). Print "
        "z.var(), the first two rows of z, and logvar.grad after z.square().sum().backward().",
    ),
)
