"""Exercise 4.5: six printed formulas, three of them wrong."""

import torch
from torch import Generator
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from course_utils.exercises import Case, Exercise, Mistake, observers, same_first_error
from course_utils.exercises.observers import Answer, Inputs

LETTERS = "ABCDEF"


def misprints() -> set[str]:
    """The reference."""
    return {"B", "C", "E"}


TRUTH = torch.tensor([letter in misprints() for letter in LETTERS])


def the_letters(generator: Generator) -> Inputs:
    """The question has no inputs of its own: it is the same for every seed."""
    return {"_letters": LETTERS}


# --- wrong answers that students give -------------------------------------------------------------------


def all_of_them() -> set[str]:
    return set(LETTERS)


def none_of_them() -> set[str]:
    return set()


def the_right_ones() -> set[str]:
    return set(LETTERS) - misprints()


def _but_for(letter: str) -> Answer:
    """The truth with one letter turned round."""
    return lambda: misprints() ^ {letter}


# --- right answers, written independently ---------------------------------------------------------------


def as_a_string() -> str:
    return "bce"


def as_a_list() -> list[str]:
    return ["E", "B", "C"]


def by_trying_them_out() -> set[str]:
    """Every formula as printed, against torch.distributions at one arbitrary setting."""
    mu1, mu2 = torch.tensor([0.3, -1.0, 2.0]), torch.tensor([-0.4, 0.5, 1.0])
    s1, s2 = torch.tensor([0.6, 1.5, 0.9]), torch.tensor([1.2, 0.8, 0.5])
    root = torch.tensor([[1.0, 0, 0], [0.5, 0.8, 0], [-0.3, 0.2, 1.4]])
    cov1, cov2 = torch.diag(s1**2), root @ root.T
    d, inverse = mu1 - mu2, torch.linalg.inv(root @ root.T)

    q, p = Independent(Normal(mu1, s1), 1), Independent(Normal(mu2, s2), 1)
    standard = Independent(Normal(torch.zeros(3), torch.ones(3)), 1)
    full1, full2, shifted = (
        MultivariateNormal(mu1, cov1),
        MultivariateNormal(mu2, cov2),
        MultivariateNormal(mu1, cov2),
    )
    rho = s1.log()
    printed_and_true = {
        "A": (
            (0.5 * ((s1**2 + d**2) / s2**2 - 1 - torch.log(s1**2 / s2**2))).sum(),
            kl_divergence(q, p),
        ),
        "B": (-0.5 * (1 + s1.log() - mu1**2 - s1**2).sum(), kl_divergence(q, standard)),
        "C": ((torch.log(s2**2 / s1**2) + (s1**2 + d**2) / s2**2 - 1).sum(), kl_divergence(q, p)),
        "D": ((mu1**2 / 2 + (2 * rho).exp() / 2 - rho - 0.5).sum(), kl_divergence(q, standard)),
        "E": (
            0.5 * (torch.trace(inverse @ cov1) + torch.logdet(cov2) - torch.logdet(cov1) + d @ inverse @ d),
            kl_divergence(full1, full2),
        ),
        "F": (0.5 * d @ inverse @ d, kl_divergence(shifted, full2)),
    }
    return {letter for letter, pair in printed_and_true.items() if not torch.isclose(*pair, rtol=1e-3)}


exercise = Exercise(
    id="misprints",
    lecture=4,
    position=5,
    title="Find the misprints",
    points=3,
    minutes=15,
    difficulty=2,
    reference=misprints,
    cases=(
        Case("the three wrong formulas", the_letters, observers.letters, same_first_error(TRUTH)),
        Case("an answer, not a guess", the_letters, observers.letters_again),
    ),
    mistakes=(
        Mistake(
            "all_marked",
            "You have marked all six, and three of them are right. Which give 0 for equal Gaussians, and "
            "never less?",
            all_of_them,
        ),
        Mistake(
            "none_marked",
            "You have marked none, and three of them are wrong. Put in numbers for which you know the KL.",
            none_of_them,
        ),
        Mistake(
            "right_ones_marked",
            "You have sorted them well and handed in the other heap: the letters of the wrong formulas are "
            "asked for.",
            the_right_ones,
        ),
        Mistake(
            "marked_A",
            "A is right. The ratio of variances may look upside down, but there is a minus before the "
            "logarithm: -1/2 log(s1^2 / s2^2) is log(s2 / s1). There is more to look at among the others.",
            _but_for("A"),
        ),
        Mistake(
            "missed_B",
            "B is wrong: try mu = 0, sigma = 0.7 in one dimension. It gives -0.077, and no KL is negative: "
            "under the one half stands log sigma where log sigma^2 belongs.",
            _but_for("B"),
        ),
        Mistake(
            "missed_C",
            "C is wrong: it is 0 for equal Gaussians and never negative, and still it is twice the KL. Try "
            "two unit Gaussians one apart, where the KL is 1/2. The one half is missing.",
            _but_for("C"),
        ),
        Mistake(
            "marked_D",
            "D is right. Nothing is missing before rho: it is log sigma, and 1/2 log sigma^2 is log sigma.",
            _but_for("D"),
        ),
        Mistake(
            "missed_E",
            "E is wrong: for two equal Gaussians its trace is the number of dimensions and the rest is 0, so it gives "
            "half that number where the KL is 0. The number of dimensions has to be subtracted inside.",
            _but_for("E"),
        ),
        Mistake(
            "marked_F",
            "F is right. KL is not symmetric in general, but between Gaussians with one common covariance "
            "it is: trace and log-determinants drop out, and the squared distance does not care about the "
            "order.",
            _but_for("F"),
        ),
    ),
    accepted=(as_a_string, as_a_list, by_trying_them_out),
    hints=(
        "First test: put in two equal Gaussians. Every KL is 0 there. Which formula is not?",
        "Second test: a KL is never negative. Let one sigma go from 0.1 to 3 at equal means and look at the "
        "sign.",
        "A formula can pass both tests and be wrong by a factor. Third test: one number that you know, such "
        "as 1/2 nat for two unit Gaussians one apart. Test all six in code.",
    ),
)
