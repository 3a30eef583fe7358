r"""The one alternating loop that all adversarial lectures share.

As in :func:`course_utils.training.fit` the loop is the one a student writes: draw a batch, let the discriminator
step, let the generator step. What a step is, the lecture says. The bookkeeping around it records both losses,
looks at the samples from time to time, and says in words when the game has failed.
"""

import math
import os
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from tqdm.auto import tqdm

from course_utils.adversarial.failures import WON, coverage, diversity, name_failures
from course_utils.runtime import CourseError
from course_utils.training import DivergedError, History, minibatches

__all__ = ["CollapsedError", "GameHistory", "endless_minibatches", "fit_adversarial"]

# ``step(*batch)`` moves one player and gives its loss before the move, or that and further scalars by name.
Step = Callable[..., Tensor | tuple[Tensor, Mapping[str, Tensor | float]]]

N_LOOKED_AT = 256  # samples, and as many examples, that diversity and coverage are measured on


class CollapsedError(CourseError):
    """The game ended with samples that are no picture of the data; the message says what was measured."""


@dataclass
class GameHistory(History):
    """What a game recorded: one dictionary in ``train`` for each stretch of steps.

    ``train[k]`` holds ``"step"`` (steps taken by then), ``"discriminator"`` and ``"generator"`` (mean losses over
    the stretch), the named parts of the steps, and, when samples are looked at, ``"diversity"`` and ``"coverage"``
    at its end. ``failures`` are sentences that name what had gone wrong by the end of training.
    """

    failures: list[str] = field(default_factory=list)


def endless_minibatches(
    *tensors: Tensor, batch_size: int, generator: torch.Generator | None
) -> Iterator[tuple[Tensor, ...]]:
    """Shuffled minibatches, epoch after epoch without end, all of ``batch_size`` (or of all there is).

    The examples left over at the end of an epoch are left out of it: which ones is drawn anew each time.

    Parameters and raises: as in :func:`course_utils.training.minibatches`.

    >>> batches = endless_minibatches(torch.arange(5), batch_size=2, generator=None)
    >>> [len(next(batches)[0]) for _ in range(4)]
    [2, 2, 2, 2]
    """
    size = min(batch_size, len(tensors[0]))
    while True:
        for batch in minibatches(*tensors, batch_size=size, generator=generator):
            if len(batch[0]) == size:
                yield batch


def fit_adversarial(
    discriminator_step: Step,
    generator_step: Step,
    train: tuple[Tensor, ...],
    *,
    steps: int,
    batch_size: int = 64,
    n_discriminator_steps: int = 1,
    sample: Callable[[int], Tensor] | None = None,
    won_below: float | None = WON,
    strict: bool = False,
    record_every: int = 50,
    generator: torch.Generator | None,
    label: str = "game",
) -> GameHistory:
    """Let two players move in turn and record how it went.

    Parameters: ``discriminator_step(*batch)`` and ``generator_step(*batch)`` each move one player, on a batch of
    ``train`` (a tuple of tensors that share their first dimension), and return its loss before the move, 0-d,
    or ``(loss, parts)`` with further scalars to record. Models, optimizers and the noise they draw are theirs.
    ``steps`` counts the generator's steps; before each come ``n_discriminator_steps`` of the other player, every
    one on a fresh batch, the last of which the generator gets too. ``sample(n)`` makes n samples of the kind of
    ``train[0]``, looked at for diversity and coverage every ``record_every`` steps; without it neither is known.
    ``won_below``: see :func:`~course_utils.adversarial.failures.name_failures`; None for a critic, whose loss is
    no cross-entropy. ``generator`` draws the batches. ``label`` stands before the progress bar (off with
    ``TQDM_DISABLE=1``) and before every sentence about a failure.
    Returns: the :class:`GameHistory`. A failure by the end of training is printed and kept in ``failures``, so
    that no curve of a failed game goes unlabelled; with ``strict`` it is raised instead.
    Raises: :class:`~course_utils.training.DivergedError` once a loss is not finite, naming the player and the step;
    :class:`CollapsedError` for the other failures, if ``strict``. ValueError for tuples of unequal or no length.
    """
    history = GameHistory()
    batches = endless_minibatches(*train, batch_size=batch_size, generator=generator)
    hidden = os.environ.get("TQDM_DISABLE", "") not in ("", "0")
    bar = tqdm(range(1, steps + 1), desc=label, unit="step", disable=hidden)
    means = _Means(label)
    for step in bar:
        for _ in range(n_discriminator_steps):
            batch = next(batches)
            means.add("discriminator", discriminator_step(*batch), step)
        means.add("generator", generator_step(*batch), step)
        if step % record_every == 0 or step == steps:
            row = {"step": float(step), **means.read()}
            if sample is not None:
                row |= _look_at(sample, train[0])
            history.train.append(row)
            bar.set_postfix({name: f"{value:.3g}" for name, value in row.items() if name != "step"})
    if history.train:
        history.failures = name_failures(history.train[-1], won_below=won_below)
    sentences = [f"{label} failed by step {steps}: {failure}." for failure in history.failures]
    if strict and sentences:
        raise CollapsedError(" ".join(sentences))
    for sentence in sentences:
        print(textwrap.fill(sentence, 100))  # a line that a slide can hold
    return history


def _look_at(sample: Callable[[int], Tensor], data: Tensor) -> dict[str, float]:
    """Diversity and coverage of fresh samples, against the first examples: always the same, so curves compare."""
    data = data[:N_LOOKED_AT]
    with torch.no_grad():
        samples = sample(len(data))
    return {"diversity": diversity(samples, data), "coverage": coverage(samples, data)}


class _Means:
    """Means of the losses over a stretch of steps; a loss that is not finite stops the game at once."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.values: dict[str, list[float]] = {}
        self.last_finite: dict[str, float] = {}

    def add(
        self, player: str, result: Tensor | tuple[Tensor, Mapping[str, Tensor | float]], step: int
    ) -> None:
        loss, parts = result if isinstance(result, tuple) else (result, {})
        value = float(loss)
        if not math.isfinite(value):
            raise DivergedError(self._explain(player, value, step))
        self.last_finite[player] = value
        for name, number in {player: value, **parts}.items():
            self.values.setdefault(name, []).append(float(number))

    def read(self) -> dict[str, float]:
        means = {name: sum(values) / len(values) for name, values in self.values.items()}
        self.values.clear()
        return means

    def _explain(self, player: str, value: float, step: int) -> str:
        if player in self.last_finite:
            before = f"before it was {self.last_finite[player]:.4g}"
            advice = "try smaller learning rates, a gradient penalty or spectral normalisation"
        else:
            before = "it never was finite"
            advice = "look for NaN in the data, and for the log of a probability where logits would do"
        return (
            f"{self.label} diverged: the {player}'s loss became {value} in step {step}; {before}; {advice}."
        )
