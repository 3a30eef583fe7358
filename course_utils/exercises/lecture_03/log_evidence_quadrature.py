"""Exercise 3.2: the log evidence of a model with one scalar latent, by quadrature."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.elbo import log_evidence_quadrature
from course_utils.exercises import Case, Exercise, Mistake, close
from course_utils.exercises.lecture_03 import observers
from course_utils.exercises.observers import Arrays, Inputs

LogJoint = Callable[[Tensor], Tensor]


# --- inputs: plain data from a seeded generator -----------------------------------------------------------------
# The bumps lie well inside the grid and are wider than its step, where every consistent rule agrees.


def _uniform(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * torch.rand((), generator=generator).item()


def _one_bump(log_mass: float, n: int, generator: torch.Generator) -> Inputs:
    low, high = _uniform(-9.0, -7.0, generator), _uniform(8.0, 10.0, generator)
    return {
        "grid": torch.linspace(low, high, n),
        "_log_masses": [log_mass],
        "_bump_means": [_uniform(-1.5, 1.5, generator)],
        "_bump_stds": [_uniform(0.7, 1.1, generator)],
    }


def one_bump(generator: torch.Generator) -> Inputs:
    return _one_bump(_uniform(-4.0, -2.0, generator), 401, generator)


def coarser_grid(generator: torch.Generator) -> Inputs:
    return _one_bump(_uniform(-4.0, -2.0, generator), 201, generator)


def two_bumps_far_from_zero(generator: torch.Generator) -> Inputs:
    start = _uniform(20.0, 40.0, generator)
    return {
        "grid": torch.linspace(start, start + 9.0, 601, dtype=torch.float64),
        "_log_masses": [_uniform(-3.0, -1.0, generator), _uniform(-3.0, -1.0, generator)],
        "_bump_means": [start + 2.5, start + 6.0],
        "_bump_stds": [0.3, 0.5],
    }


def very_unlikely(generator: torch.Generator) -> Inputs:
    return _one_bump(_uniform(-1500.0, -1400.0, generator), 401, generator)


def very_likely(generator: torch.Generator) -> Inputs:
    return _one_bump(_uniform(800.0, 900.0, generator), 401, generator)


def exact(inputs: Inputs) -> Arrays:
    return {"result": torch.logsumexp(torch.tensor(inputs["_log_masses"], dtype=torch.float64), 0)}


# --- wrong answers that students give ---------------------------------------------------------------------------


def without_the_step(log_joint: LogJoint, grid: Tensor) -> Tensor:
    return torch.logsumexp(log_joint(grid), 0)


def average(log_joint: LogJoint, grid: Tensor) -> Tensor:
    return torch.logsumexp(log_joint(grid), 0) - math.log(len(grid))


def naive(log_joint: LogJoint, grid: Tensor) -> Tensor:
    return (log_joint(grid).exp().sum() * (grid[1] - grid[0])).log()


def logarithm_integrated(log_joint: LogJoint, grid: Tensor) -> Tensor:
    return torch.trapezoid(log_joint(grid), grid)


def step_as_a_factor(log_joint: LogJoint, grid: Tensor) -> Tensor:
    return torch.logsumexp(log_joint(grid), 0) * (grid[1] - grid[0])


def step_subtracted(log_joint: LogJoint, grid: Tensor) -> Tensor:
    return torch.logsumexp(log_joint(grid), 0) - (grid[1] - grid[0]).log()


def not_a_logarithm(log_joint: LogJoint, grid: Tensor) -> Tensor:
    return torch.trapezoid(log_joint(grid).exp(), grid)


def highest_point(log_joint: LogJoint, grid: Tensor) -> Tensor:
    return log_joint(grid).max()


def own_grid(log_joint: LogJoint, grid: Tensor) -> Tensor:
    own = torch.linspace(-5, 5, 1001, dtype=grid.dtype)
    return log_evidence_quadrature(log_joint, own)


# --- right answers, written independently -----------------------------------------------------------------------


def rectangles(log_joint: LogJoint, grid: Tensor) -> Tensor:
    return torch.logsumexp(log_joint(grid), 0) + torch.log(grid[1] - grid[0])


def maximum_taken_out(log_joint: LogJoint, grid: Tensor) -> float:
    values = log_joint(grid)
    top = values.max()
    return float(top + torch.trapezoid(torch.exp(values - top), grid).log())


def simpson(log_joint: LogJoint, grid: Tensor) -> Tensor:
    weights = torch.ones_like(grid)
    weights[1:-1:2], weights[2:-1:2] = 4.0, 2.0
    step = (grid[-1] - grid[0]) / (len(grid) - 1)
    return torch.logsumexp(log_joint(grid) + weights.log(), dim=-1) + torch.log(step / 3)


def mean_height_times_width(log_joint: LogJoint, grid: Tensor) -> Tensor:
    return torch.logsumexp(log_joint(grid), 0) - math.log(len(grid)) + torch.log(grid[-1] - grid[0])


def midpoints(log_joint: LogJoint, grid: Tensor) -> Tensor:
    middle, width = (grid[1:] + grid[:-1]) / 2, grid.diff()
    return torch.logsumexp(log_joint(middle) + width.log(), 0)


# Rules that all tend to the integral differ by up to 1 / G on G points: 0.005 nats on the coarser grid.
_COMPARE = close(rtol=1e-5, atol=6e-3)
_OBSERVE = observers.evidence_on_a_grid

exercise = Exercise(
    id="log_evidence_quadrature",
    lecture=3,
    position=2,
    title="The evidence by quadrature",
    points=2,
    minutes=10,
    difficulty=2,
    reference=log_evidence_quadrature,
    cases=(
        Case("one bump on 401 points", one_bump, _OBSERVE, _COMPARE, exact),
        Case("one bump on 201 points", coarser_grid, _OBSERVE, _COMPARE, exact),
        Case("two bumps far from zero, in float64", two_bumps_far_from_zero, _OBSERVE, _COMPARE, exact),
        Case("a log evidence below -1400", very_unlikely, _OBSERVE, _COMPARE, exact),
        Case("a log evidence above 800", very_likely, _OBSERVE, _COMPARE, exact),
    ),
    mistakes=(
        Mistake(
            "no_step",
            "The heights are added up but not the areas: each point stands for an interval as wide as the "
            "grid's step.",
            without_the_step,
        ),
        Mistake(
            "average",
            "This is the average height of the joint. The integral is its area: multiply by the width, "
            "not by 1 / G.",
            average,
        ),
        Mistake(
            "underflow",
            "The exponentials leave the range of floats: exp(-1400) is 0 and exp(800) infinite. Stay in "
            "logarithms with "
            "torch.logsumexp.",
            naive,
        ),
        Mistake(
            "log_integrated",
            "You integrate log p(x, z). It is the joint p(x, z) itself that is integrated; the logarithm "
            "comes last.",
            logarithm_integrated,
        ),
        Mistake(
            "step_as_factor",
            "A factor becomes a summand in logarithms: add the logarithm of the step instead of "
            "multiplying by the step.",
            step_as_a_factor,
        ),
        Mistake(
            "step_subtracted",
            "The step's logarithm has the wrong sign: areas are height times width.",
            step_subtracted,
        ),
        Mistake(
            "not_a_logarithm",
            "This is p(x). Return its logarithm, and stay in logarithms on the way.",
            not_a_logarithm,
        ),
        Mistake(
            "highest_point",
            "This is the height of the joint at its highest point. The evidence is the area under all of it.",
            highest_point,
        ),
        Mistake(
            "own_grid",
            "You integrate over a grid of your own. Use the one that is passed: the bump may lie anywhere.",
            own_grid,
        ),
    ),
    accepted=(rectangles, maximum_taken_out, simpson, midpoints, mean_height_times_width),
    hints=(
        "An integral over a grid is a sum of areas: height times width. What is the logarithm of such a sum?",
        "The heights come as logarithms. `torch.logsumexp` adds them up without ever leaving the range of "
        "floats.",
        "All widths are the same, so the width comes out of the sum: add its logarithm to the log-sum-exp of "
        "`log_joint(grid)`. The width is the distance between two neighbours.",
    ),
)
