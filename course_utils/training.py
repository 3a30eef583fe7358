r"""Minibatches from memory and the one training loop that the lectures share.

The loop in :func:`fit` is the loop a student writes: draw a batch, compute the loss, zero the gradients, go
backwards, take a step. Everything around it is bookkeeping that costs next to nothing:

* Batches are cut from tensors that already lie in memory. A ``DataLoader`` would fetch, transform and stack
  example by example, which on small images costs more than the arithmetic of the model.
* Adam is *fused*: one kernel updates all parameters instead of a dozen small ones per parameter.
* Losses are kept as tensors and averaged once per epoch.
* While Adam takes its step, numbers too small to matter count as 0, see ``_step``.
"""

import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from tqdm.auto import tqdm

from course_utils.runtime import CourseError

__all__ = ["DivergedError", "History", "evaluate", "fit", "minibatches"]

# ``loss_fn(model, *batch)`` gives the loss, or the loss and its named parts.
LossFn = Callable[..., Tensor | tuple[Tensor, Mapping[str, Tensor | float]]]

# How many steps may pass between two looks at the loss where a look makes the host wait for the accelerator.
STEPS_BETWEEN_LOOKS = 50


class DivergedError(CourseError):
    """The loss stopped being a finite number; the message says when, and what to try."""


@dataclass
class History:
    """What training recorded: one dictionary per epoch for the training data and one for the test data.

    ``train[epoch]`` and ``test[epoch]`` hold ``"loss"`` and the named parts that the loss function returned,
    each a mean over the examples. ``train`` averages over the epoch, while the model was changing; ``test``
    is measured at the end of the epoch, so in the first epochs it is often the lower of the two. ``test`` is
    empty without test data.

    >>> history = History(train=[{"loss": 2.0, "kl": 0.5}, {"loss": 1.0, "kl": 0.75}])
    >>> history.column("kl")
    [0.5, 0.75]
    """

    train: list[dict[str, float]] = field(default_factory=list)
    test: list[dict[str, float]] = field(default_factory=list)

    def column(self, name: str, split: str = "train") -> list[float]:
        """One recorded quantity, one number per epoch.

        Parameters: ``name`` is ``"loss"`` or the name of a part; ``split`` is ``"train"`` or ``"test"``.
        Raises: ValueError if there is no such split or no such name; the message lists those there are.
        """
        if split not in ("train", "test"):
            raise ValueError(f"split must be 'train' or 'test', got {split!r}")
        rows = getattr(self, split)
        if any(name not in row for row in rows):
            raise ValueError(f"nothing named {name!r} was recorded on {split}; there are {sorted(rows[0])}")
        return [row[name] for row in rows]


def minibatches(
    *tensors: Tensor, batch_size: int, generator: torch.Generator | None
) -> Iterator[tuple[Tensor, ...]]:
    """One epoch of shuffled minibatches, cut from tensors that lie in memory.

    Every example comes exactly once; the last batch is smaller when ``batch_size`` does not divide their
    number.

    Parameters: ``tensors`` share their first dimension (n_examples, ...); ``batch_size`` is at least 1;
    ``generator`` (on the CPU) draws the order, ``None`` means torch's global one.
    Returns: an iterator over tuples, one tensor of shape (batch, ...) for each of ``tensors``, rows in step.
    Raises: ValueError if there are no tensors, their lengths differ or are 0, or ``batch_size`` is below 1.

    >>> x = torch.arange(5)
    >>> [len(batch) for (batch,) in minibatches(x, batch_size=2, generator=None)]
    [2, 2, 1]
    """
    n_examples = _n_examples(tensors)
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    order = torch.randperm(n_examples, generator=generator).to(tensors[0].device)
    return (tuple(t.index_select(0, chosen) for t in tensors) for chosen in order.split(batch_size))


def fit(
    model: nn.Module,
    loss_fn: LossFn,
    train: tuple[Tensor, ...],
    *,
    test: tuple[Tensor, ...] | None = None,
    epochs: int,
    batch_size: int = 128,
    lr: float = 1e-3,
    optimizer: Optimizer | None = None,
    scheduler: LRScheduler | None = None,
    generator: torch.Generator | None,
    label: str = "training",
) -> History:
    """Train ``model`` by minibatch gradient descent and record how it went.

    Parameters: ``model`` is changed in place and left in evaluation mode, ready to be looked at.
    ``loss_fn(model, *batch)`` returns the loss, a scalar that is the *mean over the batch* of a per-example
    quantity, or ``(loss, parts)`` with further scalars of that kind to record by name. ``train`` and ``test``
    are tuples of tensors that share their first dimension, on the model's device; ``epochs`` counts passes
    over ``train``; ``batch_size`` holds for both. ``optimizer`` is any over the model's parameters, by
    default fused Adam with learning rate ``lr``. ``scheduler`` moves the learning rate of the ``optimizer`` that
    it was made for, and is stepped after every batch. ``generator`` shuffles ``train``: the same generator state,
    model and loss give bitwise the same history. ``label`` stands before the progress bar, which
    ``TQDM_DISABLE=1`` in the environment switches off.
    Returns: the :class:`History` of loss and parts.
    Raises: :class:`DivergedError` as soon as the loss is not finite. On the CPU this is seen before the step
    is taken, so the parameters stay as they were. ValueError for tuples of unequal or no length, and for a scheduler of
    another optimizer.

    Reading the loss off the tensor is free on the CPU (a microsecond, the value is there already), so every
    step is checked. On an accelerator it would make the host wait, so there the losses are looked at every
    ``STEPS_BETWEEN_LOOKS`` steps and at the end of each epoch; the step reported is exact all the same.
    """
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    if scheduler is not None and scheduler.optimizer is not optimizer:
        raise ValueError(
            "the scheduler was made for another optimizer; pass that one as well, as optimizer=..."
        )
    history = History()
    watch = _Watch(label)
    # tqdm's bar for notebooks, unlike the one for terminals, does not look at the variable itself.
    hidden = os.environ.get("TQDM_DISABLE", "") not in ("", "0")
    bar = tqdm(range(epochs), desc=label, unit="epoch", disable=hidden)
    for epoch in bar:
        model.train()
        means = _Means()
        for batch in minibatches(*train, batch_size=batch_size, generator=generator):
            loss, parts = _loss_and_parts(loss_fn(model, *batch))
            watch.look(loss, epoch)
            optimizer.zero_grad()
            loss.backward()
            _step(optimizer)
            if scheduler is not None:
                scheduler.step()
            means.add(loss, parts, n_examples=len(batch[0]))
        watch.close_epoch()
        history.train.append(means.read())
        if test is not None:
            history.test.append(evaluate(model, loss_fn, test, batch_size=batch_size))
        bar.set_postfix(_postfix(history))
    model.eval()
    return history


def evaluate(
    model: nn.Module, loss_fn: LossFn, data: tuple[Tensor, ...], *, batch_size: int = 128
) -> dict[str, float]:
    """Mean loss and parts over ``data``, in evaluation mode and without gradients.

    Batches are taken in order and weighted by their size, so the result is the exact mean over the examples,
    ragged last batch included. The model's mode is put back afterwards.

    Parameters and raises: as in :func:`fit`.
    Returns: ``{"loss": ..., part: ...}``.
    """
    n_examples = _n_examples(data)
    was_training = model.training
    model.eval()
    means = _Means()
    try:
        with torch.no_grad():
            for start in range(0, n_examples, batch_size):
                batch = tuple(t[start : start + batch_size] for t in data)
                means.add(*_loss_and_parts(loss_fn(model, *batch)), n_examples=len(batch[0]))
    finally:
        model.train(was_training)
    return means.read()


def _step(optimizer: Optimizer) -> None:
    """Take a step in which denormal numbers, those below 1e-38, count as 0.

    Where a gradient has become 0 for good, as behind a dead ReLU, Adam's running mean shrinks by 0.9 in every step
    and gets stuck among them after some 830. CPUs are slow with such numbers: on MNIST a quarter of a VAE's weights
    come to that, and every step takes half as long again. (The setting is one of this thread; others of torch's, where
    there are any, keep theirs.)
    """
    torch.set_flush_denormal(True)
    try:
        optimizer.step()
    finally:
        torch.set_flush_denormal(False)


class _Means:
    """Means over examples of scalars that arrive as means over batches; summed in double precision."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.values: dict[str, list[Tensor]] = {}

    def add(self, loss: Tensor, parts: Mapping[str, Tensor | float], n_examples: int) -> None:
        self.sizes.append(n_examples)
        for name, value in {"loss": loss, **parts}.items():
            self.values.setdefault(name, []).append(torch.as_tensor(value, device=loss.device).detach())

    def read(self) -> dict[str, float]:
        sizes = torch.tensor(self.sizes, dtype=torch.float64)
        columns = {name: torch.stack(column).cpu() for name, column in self.values.items()}
        return {name: float(sizes @ column.double() / sizes.sum()) for name, column in columns.items()}


class _Watch:
    """Stops training when the loss is not finite, at little cost on any device."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.epoch = self.step = 0
        self.last_finite: float | None = None
        self.unseen: list[Tensor] = []

    def look(self, loss: Tensor, epoch: int) -> None:
        self.epoch = epoch
        self.unseen.append(loss.detach())
        if loss.device.type == "cpu" or len(self.unseen) == STEPS_BETWEEN_LOOKS:
            self._read()

    def close_epoch(self) -> None:
        self._read()
        self.step = 0

    def _read(self) -> None:
        for value in torch.stack(self.unseen).tolist() if len(self.unseen) > 1 else map(float, self.unseen):
            self.step += 1
            if not math.isfinite(value):
                raise DivergedError(self._explain(value))
            self.last_finite = value
        self.unseen.clear()

    def _explain(self, value: float) -> str:
        if self.last_finite is None:
            before = "it never was finite"
            advice = "look for NaN in the data, and for log(0) or a division by 0 in the loss"
        else:
            before = f"the last finite loss was {self.last_finite:.4g}"
            advice = "try a learning rate ten times smaller, or look for log(0) or exp of a large logvar"
        where = f"epoch {self.epoch + 1}, step {self.step}"
        return f"{self.label} stopped: the loss became {value} in {where}; {before}; {advice}."


def _loss_and_parts(result: Any) -> tuple[Tensor, Mapping[str, Tensor | float]]:
    loss, parts = result if isinstance(result, tuple) else (result, {})
    if not isinstance(loss, Tensor) or loss.ndim != 0:
        got = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        raise ValueError(f"the loss function must return a scalar tensor, the mean over the batch; got {got}")
    return loss, parts


def _n_examples(tensors: tuple[Tensor, ...]) -> int:
    lengths = [len(t) for t in tensors]
    if not lengths or len(set(lengths)) > 1 or lengths[0] == 0:
        raise ValueError(
            f"expected one or more tensors with the same number of examples, got lengths {lengths}"
        )
    return lengths[0]


def _postfix(history: History) -> dict[str, str]:
    shown = {name: f"{value:.4g}" for name, value in history.train[-1].items()}
    if history.test:
        shown["test loss"] = f"{history.test[-1]['loss']:.4g}"
    return shown
