"""What can be seen of an answer by what it was given: tensors it changes, and functions and models it calls."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from course_utils.grading.tracing.stacks import ReplayError, exchanged, plain

Changes = list[list[Any]]
_IDLE = (nn.Module, Optimizer, object)


def watched(arguments: Sequence[Any]) -> list[Tensor]:
    """The tensors among the arguments, in lists too, and those that models and optimizers hold; each once."""
    found: dict[int, Tensor] = {}
    for argument in arguments:
        if isinstance(argument, Tensor):
            tensors: Sequence[Tensor] = [argument]
        elif isinstance(argument, nn.Module):
            tensors = [*argument.parameters(), *argument.buffers()]
        elif isinstance(argument, Optimizer):
            tensors = [parameter for group in argument.param_groups for parameter in group["params"]]
        elif isinstance(argument, tuple | list | dict):
            tensors = watched(list(argument.values() if isinstance(argument, dict) else argument))
        else:
            continue
        found |= {id(tensor): tensor for tensor in tensors}
    return list(found.values())


class State:
    """Values, gradients and ``requires_grad`` of some tensors, and what has become of them since the last look."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._tensors = tensors
        self.look()

    def look(self) -> None:
        """Remember how they are now."""
        self._known = [(value_of(t).clone(), _gradient(t), t.requires_grad) for t in self._tensors]

    def changes(self) -> Changes:
        """``[which, what, value]`` for all that has changed; and remember how they are now."""
        found: Changes = []
        for i, (tensor, (value, gradient, requires)) in enumerate(
            zip(self._tensors, self._known, strict=True)
        ):
            now = value_of(tensor)
            if now.shape != value.shape or now.dtype != value.dtype or not torch.equal(now, value):
                found.append([i, "value", now.clone()])
            if tensor.requires_grad is not requires:
                found.append([i, "requires_grad", tensor.requires_grad])
            if (requires or tensor.requires_grad) and not _equal(after := _gradient(tensor), gradient):
                found.append([i, "grad", after])
        if found:
            self.look()
        return found


def make_changes(tensors: Sequence[Tensor], changes: Changes) -> None:
    """The same to other tensors."""
    for i, what, value in changes:
        if what == "value":
            tensors[i].data.copy_(value)
        elif what == "requires_grad":
            tensors[i].requires_grad_(bool(value))
        elif what == "grad":
            tensors[i].grad = value
        else:
            raise ReplayError("there is no such change")


class Listener:
    """Notes, for one call, what is done to the arguments and asked of them, in its order."""

    def __init__(self, arguments: Sequence[Any], state: State) -> None:
        self.steps: list[list[Any]] = []
        self._arguments, self._state, self._busy = arguments, state, False
        self._generators = generators(arguments)

    @contextmanager
    def listening(self) -> Iterator[list[Any]]:
        """The arguments, functions among them exchanged; what models and optimizers are asked is noted inside."""
        undo: list[Callable[[], object]] = []
        try:
            given = [self._function(i, argument) for i, argument in enumerate(self._arguments)]
            for (i, path, name), (thing, method) in methods(self._arguments).items():
                if path is not None:
                    undo.append(exchange(thing, name, self.overheard([i, path, name], method)))
            yield given
        finally:
            for step in reversed(undo):
                step()
            self.note_changes()

    def overheard(self, target: list[Any], function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, each call of which is noted; what it calls itself is its own business."""

        def listened(*given: Any, **named: Any) -> Any:
            if self._busy:
                return function(*given, **named)
            step = self._asked(target, given, named)
            before = [generator.get_state() for generator in self._generators]
            self._busy = True
            try:
                return function(*given, **named)
            finally:
                self._busy = False
                step[5] = [
                    [i, state]
                    for i, (generator, state) in enumerate(zip(self._generators, before, strict=True))
                    if not torch.equal(state, generator.get_state())
                ]
                self._state.look()  # what it has changed it changes in a replay, too

        return listened

    def note_changes(self) -> None:
        """Note what the answer itself has changed."""
        if changes := self._state.changes():
            self.steps.append(["set", changes])

    def _function(self, i: int, argument: Any) -> Any:
        plain_function = callable(argument) and not isinstance(argument, nn.Module | type)
        return self.overheard([i, None, "__call__"], argument) if plain_function else argument

    def _asked(self, target: list[Any], given: Sequence[Any], named: dict[str, Any]) -> list[Any]:
        self.note_changes()
        tensors: list[Tensor] = []
        values = plain([list(map(self._or_argument, given)), named], tensors)
        with_graph = [tensor.requires_grad for tensor in tensors]
        copies = exchanged(values, iter([tensor.detach().clone() for tensor in tensors]))
        step = ["ask", target, copies, with_graph, torch.is_grad_enabled(), []]
        self.steps.append(step)
        return step

    def _or_argument(self, value: Any) -> Any:
        """A generator cannot be written down, but told by its place among the arguments."""
        if isinstance(value, Generator):
            return {"generator": next((i for i, g in enumerate(self._generators) if g is value), None)}
        return value


def ask_again(steps: Sequence[Any], arguments: Sequence[Any], others: dict[str, Callable[..., Any]]) -> None:
    """Do to the arguments what was done to them; ``others`` are functions that were put into an answer's object."""
    tensors, own = watched(arguments), generators(arguments)
    known: dict[Any, tuple[Any, Callable[..., Any]]] | None = None
    for kind, *step in steps:
        if kind == "set":
            with torch.no_grad():
                make_changes(tensors, step[0])
            continue
        if kind != "ask":
            raise ReplayError("there is no such step")
        target, values, with_graph, grad_enabled, states = step
        if known is None:
            known = methods(arguments) | {(-1, None, name): (None, f) for name, f in others.items()}
        thing, method = known[tuple(target)]
        if isinstance(thing, nn.Module) and target[2] == "forward":
            method = thing  # with its hooks
        leaves: list[Tensor] = []
        plain(values, leaves)
        leaves = [
            leaf.requires_grad_() if graph else leaf for leaf, graph in zip(leaves, with_graph, strict=True)
        ]
        given, named = exchanged(values, iter(leaves))
        given = [_argument(value, own) for value in given]
        for i, state in states:
            own[i].set_state(state)
        with torch.set_grad_enabled(bool(grad_enabled)):
            method(*given, **named)


def methods(arguments: Sequence[Any]) -> dict[tuple[int, str | None, str], tuple[Any, Callable[..., Any]]]:
    """What an answer may call: function arguments, and the public methods of models, their parts, and optimizers."""
    found: dict[tuple[int, str | None, str], tuple[Any, Callable[..., Any]]] = {}
    for i, argument in enumerate(arguments):
        if isinstance(argument, nn.Module):
            for path, part in argument.named_modules():
                names = _public(part) | {"forward", "train", "zero_grad", "requires_grad_"}
                found |= {(i, path, name): (part, getattr(part, name)) for name in sorted(names)}
        elif isinstance(argument, Optimizer):
            found |= {
                (i, "", name): (argument, getattr(argument, name))
                for name in sorted(_public(argument) | {"step", "zero_grad"})
            }
        elif callable(argument) and not isinstance(argument, type):
            found[i, None, "__call__"] = argument, argument
    return found


def exchange(thing: Any, name: str, new: Callable[..., Any]) -> Callable[[], object]:
    """Give an object a method of its own; returns what takes it away again."""
    attributes = vars(thing)
    old = attributes.get(name)
    attributes[name] = new
    return (lambda: attributes.pop(name, None)) if old is None else (lambda: attributes.update({name: old}))


def generators(arguments: Sequence[Any]) -> list[Generator]:
    """The global generator, and those among the arguments."""
    return [torch.default_generator, *(a for a in arguments if isinstance(a, Generator))]


def value_of(tensor: Tensor) -> Tensor:
    """Its numbers; of a parameter whose shape is not known yet, none."""
    return torch.empty(0) if is_lazy(tensor) else tensor.detach()


def _argument(value: Any, own: Sequence[Generator]) -> Any:
    return own[value["generator"]] if isinstance(value, dict) and value.keys() == {"generator"} else value


def _public(thing: Any) -> set[str]:
    kinds = takewhile(lambda kind: kind not in _IDLE, type(thing).__mro__)
    return {
        name
        for kind in kinds
        for name, value in vars(kind).items()
        if callable(value) and name[:1] != "_" and not isinstance(value, type)
    }


def _gradient(tensor: Tensor) -> Tensor | None:
    if not tensor.requires_grad or not tensor.is_leaf or tensor.grad is None:
        return None
    return tensor.grad.detach().clone()


def _equal(one: Tensor | None, other: Tensor | None) -> bool:
    return one is other or (one is not None and other is not None and torch.equal(one, other))
