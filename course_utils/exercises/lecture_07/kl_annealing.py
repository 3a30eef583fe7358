"""Exercise 7.2: warm the price of the KL term up."""

import math

import torch
from torch import Generator

from course_utils.elbo import kl_annealing
from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.lecture_07 import observers
from course_utils.exercises.observers import Inputs

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _integer(low: int, high: int, generator: Generator) -> int:
    return int(torch.randint(low, high, (), generator=generator))


def _schedule(warmup: int, beta: float, steps: list[int]) -> Inputs:
    return {"_calls": [[step, warmup, beta] for step in steps]}


def up_to_four(generator: Generator) -> Inputs:
    warmup = 4 * _integer(20, 60, generator) + 1
    steps = [0, 1, warmup // 4, warmup // 2, warmup - 1, warmup, warmup + 1, 2 * warmup, 9 * warmup + 5]
    return _schedule(warmup, 4.0, steps)


def a_small_beta(generator: Generator) -> Inputs:
    warmup = 4 * _integer(20, 60, generator) + 3
    return _schedule(warmup, 0.3, [0, 3, warmup // 3, warmup - 2, warmup, 3 * warmup])


def no_warmup(generator: Generator) -> Inputs:
    beta = _integer(2, 9, generator) / 2 + 0.25
    return _schedule(0, beta, [0, 1, 7, _integer(10, 1000, generator)])


def a_warmup_of_one(generator: Generator) -> Inputs:
    beta = _integer(2, 9, generator) / 2 + 0.25
    return _schedule(1, beta, [0, 1, 2, _integer(3, 50, generator)])


# --- wrong answers that students give -------------------------------------------------------------


def never_stops(step: int, warmup: int, beta: float) -> float:
    return beta * step / warmup if warmup else beta


def beta_ignored(step: int, warmup: int, beta: float) -> float:
    return kl_annealing(step, warmup, 1.0)


def capped_at_one(step: int, warmup: int, beta: float) -> float:
    return min(1.0, kl_annealing(step, warmup, beta))


def starts_late(step: int, warmup: int, beta: float) -> float:
    return beta if step >= warmup else 0.0


def one_step_early(step: int, warmup: int, beta: float) -> float:
    return kl_annealing(step + 1, warmup, beta)


def one_step_late(step: int, warmup: int, beta: float) -> float:
    return kl_annealing(step, warmup + 1, beta)


def division_by_zero(step: int, warmup: int, beta: float) -> float:
    return beta * min(1.0, step / warmup)


def zero_without_warmup(step: int, warmup: int, beta: float) -> float:
    return kl_annealing(step, warmup, beta) if warmup else 0.0


def zero_over_zero(step: int, warmup: int, beta: float) -> float:
    return beta * min(1.0, step / max(warmup, 1))


def cooled_down(step: int, warmup: int, beta: float) -> float:
    return beta - kl_annealing(step, warmup, beta)


def from_one_to_beta(step: int, warmup: int, beta: float) -> float:
    return 1 + kl_annealing(step, warmup, beta - 1)


def cyclical(step: int, warmup: int, beta: float) -> float:
    return beta * (step % warmup) / warmup if warmup else beta


def back_to_one(step: int, warmup: int, beta: float) -> float:
    return beta * step / warmup if step < warmup else 1.0


def along_a_sigmoid(step: int, warmup: int, beta: float) -> float:
    return beta / (1 + math.exp(-10 * (min(step / max(warmup, 1), 50) - 0.5)))


def along_a_cosine(step: int, warmup: int, beta: float) -> float:
    return beta * (1 - math.cos(math.pi * kl_annealing(step, warmup, 1.0))) / 2


def nothing_in_the_end(step: int, warmup: int, beta: float) -> float | None:
    if step < warmup:
        return beta * step / warmup
    return None


# --- right answers, written independently ---------------------------------------------------------


def smaller_of_two(step: int, warmup: int, beta: float) -> float:
    return beta if warmup == 0 else min(beta, step * (beta / warmup))


def as_a_tensor(step: int, warmup: int, beta: float) -> torch.Tensor:
    if not warmup:
        return torch.tensor(beta)
    return torch.tensor(step / warmup, dtype=torch.float64).clamp(max=1.0) * beta


def by_lerp(step: int, warmup: int, beta: float) -> float:
    return beta * min(step, warmup) / warmup if warmup > 0 else beta


exercise = Exercise(
    id="kl_annealing",
    lecture=7,
    position=2,
    title="Warm the KL term up",
    points=1,
    minutes=5,
    difficulty=1,
    reference=kl_annealing,
    cases=(
        Case("from 0 to 4 and beyond", up_to_four, observers.weights_at),
        Case("a beta below 1", a_small_beta, observers.weights_at),
        Case("no warm-up at all", no_warmup, observers.weights_at),
        Case("a warm-up of one step", a_warmup_of_one, observers.weights_at),
    ),
    mistakes=(
        Mistake(
            "never_stops",
            "The weight keeps growing after the warm-up. From step `warmup` on it is beta.",
            never_stops,
        ),
        Mistake("beta_ignored", "The line ends at 1, whatever beta is. It ends at beta.", beta_ignored),
        Mistake(
            "capped_at_one",
            "The weight is cut off at 1. The fraction of the warm-up that is over is at most 1; the weight is "
            "at most beta.",
            capped_at_one,
        ),
        Mistake(
            "starts_late",
            "The weight jumps from 0 to beta at the end of the warm-up. Let it grow on a line (and if it should: "
            "// gives whole numbers, / gives fractions).",
            starts_late,
        ),
        Mistake("one_step_early", "At step 0 the weight is 0. This line is one step early.", one_step_early),
        Mistake(
            "one_step_late",
            "At step `warmup` the weight is beta already. This line is longer by one step.",
            one_step_late,
        ),
        Mistake(
            "division_by_zero",
            "With warmup = 0 your answer divides by zero. Without a warm-up the weight is beta from the "
            "start.",
            division_by_zero,
        ),
        Mistake(
            "zero_without_warmup",
            "With warmup = 0 the weight stays 0. Without a warm-up it is beta from the start.",
            zero_without_warmup,
        ),
        Mistake(
            "zero_at_the_first_step",
            "With warmup = 0 the weight at step 0 is 0. Without a warm-up it is beta from the very first step.",
            zero_over_zero,
        ),
        Mistake("cooled_down", "The weight falls from beta to 0. It has to rise.", cooled_down),
        Mistake(
            "from_one_to_beta",
            "The line starts at 1. It starts at 0, where the model is an autoencoder with noise.",
            from_one_to_beta,
        ),
        Mistake(
            "cyclical",
            "The weight falls back to 0 at the end of the warm-up (cyclical annealing does this; here the "
            "weight stays at beta).",
            cyclical,
        ),
        Mistake("back_to_one", "After the warm-up the weight is 1. It stays at beta.", back_to_one),
        Mistake(
            "along_a_sigmoid",
            "This is a sigmoid: it never is 0, and never quite beta. A straight line is asked for.",
            along_a_sigmoid,
        ),
        Mistake("along_a_cosine", "This is a cosine ramp. A straight line is asked for.", along_a_cosine),
        Mistake(
            "nothing_in_the_end",
            "After the warm-up nothing is returned. Return beta there.",
            nothing_in_the_end,
        ),
    ),
    accepted=(smaller_of_two, as_a_tensor, by_lerp),
    hints=(
        "Which fraction of the warm-up is over at `step`? And from when on is it all of it?",
        "beta times that fraction, and the fraction is never more than 1.",
        "If step >= warmup, return beta (this also covers warmup = 0, without a division). Else beta * step / "
        "warmup.",
    ),
)
