"""Outside: stands in for an answer whose calls were recorded."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from course_utils.grading.tracing.arguments import ask_again, fingerprint, watched
from course_utils.grading.tracing.gradients import Gradients, joined
from course_utils.grading.tracing.objects import StandIn, filled_up, stand_in
from course_utils.grading.tracing.stacks import Call, ReplayError, Trace, exchanged, plain, unstacked


class Replay:
    """Does what an answer did, call by call; raises ReplayError where the trace does not fit the calls."""

    def __init__(self, trace: Trace) -> None:
        self._calls = unstacked(trace)
        self._n_made = 0

    def __call__(self, *arguments: Any) -> Any:
        """Do what the answer did when it was called here."""
        return self._go_on([None, "__call__"], arguments, None)

    def _go_on(self, on: list[Any], arguments: tuple[Any, ...], of: StandIn | None) -> Any:
        call = next(self._calls, None)
        if call is None:
            raise ReplayError("there are fewer results than calls")
        if list(call["on"]) != on:
            raise ReplayError("something else was called")
        if of is not None and call["given"] != fingerprint(arguments):
            raise ReplayError("what was given to the answer's object was something else")
        with_graph = any(call["with_graph"])
        inputs = [t for t in watched([*arguments, of]) if t.requires_grad] if with_graph else []
        if call["steps"]:
            ask_again(call["steps"], arguments, {} if of is None else of.put_in())
        if call["own"]:
            _change_own(call, of)
        if call["drew"]:
            torch.rand(1)
        if call["made"] is not None:
            return self._make(call)
        if not with_graph:
            return call["result"]
        return _with_gradients(call, inputs, {id(tensor) for tensor in watched([of])})

    def _make(self, call: Call) -> StandIn:
        number, self._n_made = self._n_made, self._n_made + 1
        return stand_in(call["made"], lambda of, name, given: self._go_on([number, name], given, of))


def _change_own(call: Call, of: StandIn | None) -> None:
    """What a call has changed of its own object."""
    tensors = watched([of])
    for i, what, value in call["own"]:
        if what == "value":  # its shape, too, where it was not known before
            tensors[i].data = filled_up(value)
        elif what == "grad":
            tensors[i].grad = None if value is None else filled_up(value)
        elif what == "requires_grad":
            tensors[i].requires_grad_(bool(value))


def _with_gradients(call: Call, inputs: list[Tensor], own: set[int]) -> Any:
    """The recorded result, joined to the inputs by the recorded gradients."""
    tensors: list[Tensor] = []
    form = plain(call["result"], tensors)
    passes: Iterator[list[Any]] = iter(call["gradients"])

    def pullback(_: Gradients) -> Gradients:
        found = next(passes, None)
        if found is None:
            raise ReplayError("there are fewer gradients than passes")
        pairs = zip(inputs, found, strict=True)
        return [g if g is None or id(t) not in own else filled_up(g) for t, g in pairs]

    chosen = [tensor for tensor, graph in zip(tensors, call["with_graph"], strict=True) if graph]
    # Without inputs: results that require gradients of parameters of the student's own.
    taps = iter(joined(chosen, inputs, pullback) if inputs else [t.requires_grad_() for t in chosen])
    return exchanged(
        form, iter([next(taps) if graph else t for t, graph in zip(tensors, call["with_graph"], strict=True)])
    )
