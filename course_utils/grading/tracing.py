"""What an answer was asked and what it gave, written down in the jail and gone through again by the judge.

An observer that runs beside the student's code can be made to say anything: a student may patch it, or write its
arrays himself. So the jail also sends the **trace**: every result the answer gave, and the judge runs the same observer
in its own process, on the same inputs, with a ``Replay`` in the answer's place. All that a student decides, then, is
what the answer returns when it is called; statistics, statements and comparisons are made where he is not.

A replay shows what can be seen of a call: its result, arguments it changed, functions it was given and called, whether
it drew from the global generator, and the gradients that reached its arguments. Answers that are classes, or that are
given whole models, cannot be replayed; ``judge`` finds out by trying it with the reference.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Trace = dict[str, Any]

MAX_CALLS = 100_000
_HERE = "\0tensor"


class Recorder:
    """Stands before an answer and writes down its calls."""

    def __init__(self, answer: Callable[..., Any]) -> None:
        self._answer = answer
        self._calls: list[dict[str, Any]] = []
        self._leaves: list[Tensor] = []
        self._gradients: list[Tensor | None] = []
        self._listening: set[int] = set()

    def __call__(self, *arguments: Any) -> Any:
        """Call the answer."""
        asked: list[Any] = []
        before = [(i, a, a.detach().clone()) for i, a in enumerate(arguments) if isinstance(a, Tensor)]
        state = torch.random.get_rng_state()
        if any(map(callable, arguments)):
            with ExitStack() as until_it_returns:
                given = [_overheard(a, i, asked, until_it_returns) for i, a in enumerate(arguments)]
                result = self._answer(*given)
        else:
            result = self._answer(*arguments)
        changed = [[i, a.detach().clone()] for i, a, old in before if not torch.equal(a, old)]
        with_graph = [isinstance(part, Tensor) and part.requires_grad for part in _parts(result)]
        self._calls.append(
            {
                "result": _plain(result),
                "with_graph": with_graph,
                "leaves": [self._number(leaf) for leaf in _leaves(arguments)] if any(with_graph) else [],
                "changed": changed,
                "asked": asked,
                "drew": not torch.equal(state, torch.random.get_rng_state()),
            }
        )
        return self._tapped(result) if any(with_graph) else result

    def trace(self) -> Trace:
        """All of it, as plain data; calls in a row that differ in numbers only are stacked."""
        return {"runs": _stacked(self._calls), "gradients": self._gradients}

    def _tapped(self, result: Any) -> Any:
        """The result, telling when a gradient comes in: what arrives at the leaves by other ways is not counted."""
        parts = [
            _Tap.apply(part, self) if isinstance(part, Tensor) and part.requires_grad else part
            for part in _parts(result)
        ]
        return _like(result, parts)

    def listen(self) -> None:
        """From now to the end of this backward pass, gradients come from a result."""
        self._listening = set(range(len(self._leaves)))
        torch.autograd.Variable._execution_engine.queue_callback(self._listening.clear)

    def _number(self, leaf: Tensor) -> int:
        for number, known in enumerate(self._leaves):
            if known is leaf:
                return number
        number = len(self._leaves)
        self._leaves.append(leaf)
        self._gradients.append(None)

        def arrived(gradient: Tensor) -> None:
            if number in self._listening:
                old = self._gradients[number]
                self._gradients[number] = (
                    gradient.detach().clone() if old is None else old + gradient.detach()
                )

        leaf.register_hook(arrived)
        return number


class Replay:
    """Stands in for an answer whose calls were recorded, in their order; raises ReplayError where none is left."""

    def __init__(self, trace: Trace) -> None:
        self._calls = _unstacked(trace["runs"])
        self._gradients = list(trace["gradients"])

    def __call__(self, *arguments: Any) -> Any:
        """Do what the answer did when it was called here."""
        call = next(self._calls, None)
        if call is None:
            raise ReplayError("there are fewer results than calls")
        for i, value in call["changed"]:
            with torch.no_grad():
                arguments[i].data.copy_(value)
        for i, asked in call["asked"]:
            arguments[i](*asked)
        if call["drew"]:
            torch.rand(1)
        if not any(call["with_graph"]):
            return call["result"]
        return self._with_gradients(call, arguments)

    def _with_gradients(self, call: dict[str, Any], arguments: Sequence[Any]) -> Any:
        leaves = _leaves(arguments)
        gradients = [self._gradients[number] for number in call["leaves"]]
        for number, leaf in zip(call["leaves"], leaves, strict=True):
            if self._gradients[number] is not None:
                self._gradients[number] = torch.zeros_like(leaf)  # the sum over all calls goes out once
        parts = _parts(call["result"])
        tensors = [part for part, graph in zip(parts, call["with_graph"], strict=True) if graph]
        joined = iter(
            _Joined.apply(gradients, len(tensors), *tensors, *leaves) if leaves else _loose(tensors)
        )
        parts = [
            next(joined) if graph else part for part, graph in zip(parts, call["with_graph"], strict=True)
        ]
        return _like(call["result"], parts)


class ReplayError(Exception):
    """A trace does not fit the observer's calls."""


class _Joined(torch.autograd.Function):
    """Recorded results, joined to the arguments by the recorded gradients."""

    @staticmethod
    def forward(ctx: Any, gradients: list[Tensor | None], n: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.gradients, ctx.n = gradients, n
        return tuple(tensor.clone() for tensor in tensors[:n])

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> tuple[Any, ...]:
        return (None, None, *[None] * ctx.n, *ctx.gradients)


def _stacked(calls: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Runs of calls: the form of one, how many, and each of its tensors with those of the others below it."""
    flat = [(tensors := [], _flat(call, tensors)) for call in calls]
    keyed = [(repr(form), [(t.dtype, t.shape) for t in tensors], form, tensors) for tensors, form in flat]
    runs = []
    for _, group in groupby(keyed, key=lambda one: one[:2]):
        members = list(group)
        columns = [torch.stack(column) for column in zip(*(member[3] for member in members), strict=True)]
        runs.append({"form": members[0][2], "n": len(members), "columns": columns})
    return runs


def _unstacked(runs: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for run in runs:
        if not 0 <= run["n"] <= MAX_CALLS or any(len(column) != run["n"] for column in run["columns"]):
            raise ReplayError("the stacks are not of one height")
        rows = zip(*(column.unbind() for column in run["columns"]), strict=True) if run["columns"] else None
        for _ in range(run["n"]):
            yield _filled(run["form"], iter(next(rows) if rows else ()))


def _flat(value: Any, tensors: list[Tensor]) -> Any:
    """The value with ``_HERE`` in the place of each tensor, which goes to the list."""
    if isinstance(value, Tensor):
        tensors.append(value)
        return _HERE
    if isinstance(value, dict):
        return {key: _flat(part, tensors) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_flat(part, tensors) for part in value)
    return value


def _filled(form: Any, tensors: Iterator[Tensor]) -> Any:
    """The inverse of ``_flat``."""
    if form == _HERE:
        return next(tensors)
    if isinstance(form, dict):
        return {key: _filled(part, tensors) for key, part in form.items()}
    if type(form) in (list, tuple):
        return type(form)(_filled(part, tensors) for part in form)
    return form


class _Tap(torch.autograd.Function):
    """Hands a result on, and tells its recorder when a gradient comes back."""

    @staticmethod
    def forward(ctx: Any, result: Tensor, recorder: Recorder) -> Tensor:
        ctx.recorder = recorder
        return result.view_as(result)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        ctx.recorder.listen()
        return gradient, None


def _overheard(argument: Any, i: int, asked: list[Any], until: ExitStack) -> Any:
    """The argument; if it is a function or a model, one that notes the values it is asked about."""

    def note(given: Sequence[Any]) -> None:
        asked.append([i, [_plain(value) for value in given]])

    def function(*given: Any) -> Any:
        note(given)
        return argument(*given)

    if isinstance(argument, nn.Module):
        until.callback(argument.register_forward_pre_hook(lambda _, given: note(given)).remove)
        return argument
    return function if callable(argument) and not isinstance(argument, type) else argument


def _leaves(arguments: Sequence[Any]) -> list[Tensor]:
    """The tensors to which an observer may take gradients: arguments, and the parameters of models among them."""
    found: list[Tensor] = []
    for argument in arguments:
        if isinstance(argument, nn.Module):
            found += [parameter for parameter in argument.parameters() if parameter.requires_grad]
        elif isinstance(argument, Tensor) and argument.requires_grad and argument.is_leaf:
            found.append(argument)
    return found


def _loose(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Results that require gradients though no argument does: of parameters of the student's own."""
    return [tensor.requires_grad_() for tensor in tensors]


def _parts(result: Any) -> list[Any]:
    if isinstance(result, dict):
        return list(result.values())
    return list(result) if isinstance(result, tuple | list) else [result]


def _like(result: Any, parts: list[Any]) -> Any:
    if isinstance(result, dict):
        return dict(zip(result, parts, strict=True))
    return (
        type(result)(parts)
        if type(result) in (tuple, list)
        else parts
        if isinstance(result, tuple)
        else parts[0]
    )


def _plain(value: Any) -> Any:
    """A copy as plain data; what cannot be is left as it is, and fails when the trace is sent."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return torch.from_numpy(value.copy())
    if isinstance(value, tuple | list):
        parts = [_plain(part) for part in value]
        return tuple(parts) if isinstance(value, tuple) else parts
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return value
