"""In the jail: stands before an answer and writes its calls down."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.grading.tracing.arguments import (
    Listener,
    State,
    can_be_asked,
    exchange,
    fingerprint,
    has_drawn,
    watched,
)
from course_utils.grading.tracing.gradients import Gradients, cut_off, joined, recorded
from course_utils.grading.tracing.objects import StandIn, described, shown
from course_utils.grading.tracing.stacks import DEFAULTS, Call, Trace, exchanged, plain, stacked


class Recorder:
    """Stands before an answer and writes down its calls, and those of the objects it makes."""

    def __init__(self, answer: Callable[..., Any]) -> None:
        self._answer = answer
        self._calls: list[Call] = []
        self._made: list[nn.Module] = []

    def __call__(self, *arguments: Any) -> Any:
        """Call the answer."""
        return self._record([None, "__call__"], self._answer, arguments)

    def trace(self) -> Trace:
        """All of it, as plain data."""
        return stacked(self._calls)

    def _method(self, number: int, of: StandIn, name: str, arguments: tuple[Any, ...]) -> Any:
        made = self._made[number]
        if made.training is not of.training:
            made.train(of.training)
        function = made if name == "__call__" else getattr(made, name)
        return self._record([number, name], function, arguments, of)

    def _record(
        self,
        on: list[Any],
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        of: StandIn | None = None,
    ) -> Any:
        call: Call = {} if on == DEFAULTS["on"] else {"on": on, "given": fingerprint(arguments)}
        self._calls.append(call)  # before what is called inside
        held, own = watched(arguments), [] if of is None else watched([of])
        inputs = [tensor for tensor in (*held, *own) if tensor.requires_grad]
        if inputs:
            arguments = tuple(map(cut_off, arguments))
            held = watched(arguments)
        of_own, dice = State(own), torch.default_generator.get_state()
        listener = Listener(arguments, State(held))
        if own or any(map(can_be_asked, arguments)):
            with listener.listening() as given, self._put_in(on[0], of, listener):
                result = function(*given)
        else:
            result = function(*arguments)
        listener.note_changes()
        changes = [
            [i, what, shown(value) if isinstance(value, Tensor) else value]
            for i, what, value in of_own.changes()
        ]
        drew = has_drawn(torch.default_generator, dice)
        for key, value in {"steps": listener.steps, "own": changes, "drew": drew}.items():
            if value:
                call[key] = value
        tensors: list[Tensor] = []
        form = plain(result, tensors)
        with_graph = [tensor.requires_grad for tensor in tensors]
        if isinstance(result, nn.Module):
            call["made"] = described(result)
            return self._stand_in(result)
        call["result"] = exchanged(form, iter([tensor.detach().clone() for tensor in tensors]))
        if not any(with_graph):
            return result
        call["with_graph"], call["gradients"] = with_graph, []
        return self._tapped(call, form, tensors, inputs, of) if inputs else result

    def _tapped(
        self, call: Call, form: Any, tensors: list[Tensor], inputs: list[Tensor], of: StandIn | None
    ) -> Any:
        """The result, each pass of gradients through which is noted."""
        own = {id(tensor) for tensor in watched([of])}

        def note(found: Gradients) -> None:
            pairs = list(zip(inputs, found, strict=True))
            call["gradients"].append(
                [None if g is None else shown(g) if id(t) in own else g.detach().clone() for t, g in pairs]
            )

        results = [tensor for tensor in tensors if tensor.requires_grad]
        taps = iter(joined(results, inputs, recorded(results, inputs, note)))
        return exchanged(form, iter([next(taps) if t.requires_grad else t for t in tensors]))

    def _stand_in(self, made: nn.Module) -> StandIn:
        number = len(self._made)
        self._made.append(made)
        held = list(made.parameters()), list(made.buffers())
        stand_in = StandIn(
            held, described(made)["names"], lambda of, name, given: self._method(number, of, name, given)
        )
        stand_in.training = made.training
        return stand_in

    @contextmanager
    def _put_in(self, number: int | None, of: StandIn | None, listener: Listener) -> Iterator[None]:
        """What the observer has put in the place of the stand-in's methods, in the place of the object's own."""
        put_in = of.put_in() if of is not None else {}
        if number is None or not put_in:
            yield
            return
        made = self._made[number]

        def put(name: str, function: Callable[..., Any]) -> Callable[[], object]:
            def called(*given: Any) -> Any:
                undo()  # the observer may want the real one inside
                try:
                    return function(*given)
                finally:
                    exchange(made, name, heard)

            heard = listener.overheard([-1, None, name], called)
            undo = exchange(made, name, heard)
            return undo

        undos = [put(name, function) for name, function in put_in.items()]
        try:
            yield
        finally:
            for undo in undos:
                undo()
