"""What an exercise is: data that the notebook's check, the grader's judge and the test suite all use."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from course_utils.exercises import observers
from course_utils.exercises.comparisons import Comparison, close
from course_utils.exercises.observers import Answer, Arrays, Inputs, Observer


@dataclass(frozen=True, eq=False)
class Case:
    """One situation an answer is put into.

    ``inputs`` makes plain data from a seeded generator; ``observe`` turns the answer's behaviour on them into named
    arrays; ``compare`` says how each array is held against the expected one (one comparison for all, or by name,
    ``close()`` for names not listed). ``expected`` is a closed form, ``inputs -> arrays``, which replaces the
    reference's observation under the names it gives.
    """

    name: str
    inputs: Callable[[torch.Generator], Inputs]
    observe: Observer = observers.value
    compare: Comparison | Mapping[str, Comparison] = field(default_factory=close)
    expected: Callable[[Inputs], Arrays] | None = None

    def comparison(self, array_name: str) -> Comparison:
        """The comparison for one named array."""
        if isinstance(self.compare, Mapping):
            return self.compare.get(array_name, close())
        return self.compare


@dataclass(frozen=True, eq=False)
class Mistake:
    """A wrong answer that students really give, executable, with the sentence they should read."""

    name: str
    sentence: str
    answer: Answer


@dataclass(frozen=True, eq=False)
class Exercise:
    """An exercise, whole.

    The first case asks for the thing itself: without it there are no points. Every case passed is worth an equal
    share of ``points``. ``forbidden`` lists dotted names that may not be called because they *are* the answer.
    """

    id: str
    lecture: int
    position: int
    title: str
    points: int
    minutes: int
    difficulty: int
    reference: Answer
    cases: tuple[Case, ...]
    mistakes: tuple[Mistake, ...]
    accepted: tuple[Answer, ...]
    hints: tuple[str, ...]
    forbidden: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """As printed in the notebook: lecture, dot, position within the lecture."""
        return f"{self.lecture}.{self.position}"

    def inputs(self, case: Case, seed: int) -> dict[str, Any]:
        """Inputs of one case; the same for the same seed, different from case to case."""
        mixed = f"{self.id}/{case.name}/{seed}"
        return dict(case.inputs(torch.Generator().manual_seed(_hash(mixed))))


def _hash(text: str) -> int:
    # Python's own hash() differs from process to process.
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
