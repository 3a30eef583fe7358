"""What the tests of grading share: one sandbox, a small lecture, and notebooks handed in."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from course_utils.exercises import get_exercise
from course_utils.exercises.definition import Exercise
from course_utils.grading.jail import Zygote
from course_utils.grading.lectures import Lecture, read_lectures
from course_utils.grading.sandbox import NoSandboxError

ROOT = Path(__file__).parents[2]

HONEST = """
def optimal_gaussian_posterior(x, w, b, noise_var):
    precision = 1 + w**2 / noise_var
    return w * (x - b) / noise_var / precision, 1 / precision
"""
RIGHT = """
def kl_discrete(q, p):
    return torch.where(q > 0, q * (q.log() - p.log()), 0.0).sum()
"""


class SmallLecture(Lecture):
    """Two exercises: one for the cheat, one that is answered honestly."""

    @property
    def exercises(self) -> list[Exercise]:
        return [get_exercise("kl_discrete"), get_exercise("optimal_gaussian_posterior")]

    def __reduce__(self) -> tuple:
        return SmallLecture, (self.number, self.name, self.cells)


IMPORTS = "import torch\nfrom torch import Tensor\n\nfrom course_utils.exercises import check"
SMALL = SmallLecture(3, "03_small", (IMPORTS,))


def notebook(*cells: str) -> bytes:
    """A notebook file with these code cells."""
    made = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": cell}
        for cell in cells
    ]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


@pytest.fixture(scope="session")
def lectures() -> dict[int, Lecture]:
    return read_lectures(ROOT / "lectures")


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    try:
        started = Zygote()
    except NoSandboxError as reason:
        pytest.skip(str(reason))
    with started:
        yield started
