"""What can be seen of an answer by what it was given: tensors it changes, and functions and models it calls."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from hashlib import sha256
from itertools import takewhile
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from course_utils.grading.tracing.stacks import ReplayError, exchanged, plain

Changes = list[list[Any]]
Methods = dict[tuple[int, str | None, str], tuple[Any, Callable[..., Any]]]
"""By the place of an argument, the path to one of its parts and a name: the thing, and what can be called."""
_IDLE = (nn.Module, Optimizer, object)
_ONLY_DATA = (Tensor, int, float, str, type)


def watched(arguments: Sequence[Any]) -> list[Tensor]:
    """The tensors among the arguments, in lists too, and those that models and optimizers hold; each once."""
    found: dict[int, Tensor] = {}
    for argument in arguments:
        if isinstance(argument, Tensor):
            found[id(argument)] = argument
        else:
            found |= {id(tensor): tensor for tensor in _held(argument)}
    return list(found.values())


def _held(argument: Any) -> Sequence[Tensor]:
    if isinstance(argument, nn.Module):
        return [*argument.parameters(), *argument.buffers()]
    if isinstance(argument, (tuple, list, dict)):
        return watched(list(argument.values() if isinstance(argument, dict) else argument))
    if hasattr(argument, "param_groups"):
        return [parameter for group in argument.param_groups for parameter in group["params"]]
    return ()


class State:
    """Values, gradients and ``requires_grad`` of some tensors, and what has become of them since the last look."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._tensors = tensors
        self.look()

    def look(self) -> None:
        """Remember how they are now."""
        self._known = list(map(_all_of, self._tensors))

    def changes(self) -> Changes:
        """``[which, what, value]`` for all that has changed; and remember how they are now."""
        now = list(map(_all_of, self._tensors))
        if now == self._known:
            return []
        found: Changes = []
        for i, (tensor, old, new) in enumerate(zip(self._tensors, self._known, now, strict=True)):
            if new[0] != old[0]:
                found.append([i, "value", value_of(tensor).clone()])
            if new[1] is not old[1]:
                found.append([i, "requires_grad", new[1]])
            if new[2] != old[2]:
                found.append([i, "grad", None if new[2] is None else tensor.grad.detach().clone()])
        self._known = now
        return found


def _all_of(tensor: Tensor) -> tuple[Any, bool, Any]:
    """All of a tensor that can change; numbers as bytes, which are compared fastest."""
    if not tensor.requires_grad:
        return _bytes(tensor), False, None
    gradient = tensor.grad if tensor.is_leaf else None
    return _bytes(value_of(tensor)), True, None if gradient is None else _bytes(gradient)


def _bytes(tensor: Tensor) -> Any:
    data = (tensor.detach() if tensor.requires_grad else tensor).numpy()
    return data.tobytes() if data.ndim == 0 else (data.dtype.char, data.shape, data.tobytes())


def fingerprint(arguments: Sequence[Any]) -> str:
    """A hash of the tensors among the arguments."""
    tensors = [argument for argument in arguments if isinstance(argument, Tensor)]
    return sha256(repr(list(map(_bytes, tensors))).encode()).hexdigest()


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

    @cached_property
    def _generators(self) -> list[Generator]:
        return generators(self._arguments)

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

    def overheard(self, target: list[Any], function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, each call of which is noted; what it calls itself is its own business."""

        def listened(*given: Any, **named: Any) -> Any:
            if self._busy:
                return function(*given, **named)
            if target[1] is None:  # a plain function of plain values: nothing else to be seen
                self._note(target, given, named)
                return function(*given, **named)
            if target[2] == "step" and (closures := [f for f in (*given, *named.values()) if callable(f)]):
                # As optimizers do it; what a closure asks and changes is the answer's doing.
                with torch.enable_grad():
                    loss = closures[0]()
                listened()
                return loss
            # Under vmap or grad, a look would be a part of what they transform.
            with torch._C._DisableFuncTorch():
                self.note_changes()
                step = self._note(target, given, named)
                before = [generator.get_state() for generator in self._generators]
            self._busy = True
            try:
                return function(*given, **named)
            finally:
                self._busy = False
                with torch._C._DisableFuncTorch():
                    step[5] = [
                        [i, state]
                        for i, (generator, state) in enumerate(zip(self._generators, before, strict=True))
                        if has_drawn(generator, state)
                    ]
                    self._state.look()  # what it has changed it changes in a replay, too

        return listened

    def note_changes(self) -> None:
        """Note what the answer itself has changed."""
        if changes := self._state.changes():
            self.steps.append(["set", changes])

    def _function(self, i: int, argument: Any) -> Any:
        heard = is_plain_function(argument)
        return self.overheard([i, None, "__call__"], argument) if heard else argument

    def _note(self, target: list[Any], given: Sequence[Any], named: dict[str, Any]) -> list[Any]:
        tensors: list[Tensor] = []
        values = plain([list(map(self._or_argument, given)), named], tensors)
        with_graph = [tensor.requires_grad for tensor in tensors]
        bare = [torch.func.debug_unwrap(tensor, recurse=True) for tensor in tensors]
        copies = exchanged(values, iter([tensor.detach().clone() for tensor in bare]))
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
    known = methods(arguments) | {(-1, None, name): (None, f) for name, f in others.items()}
    for kind, *step in steps:
        if kind == "ask":
            _ask(step, known, own)
        elif kind == "set":
            with torch.no_grad():
                make_changes(tensors, step[0])
        else:
            raise ReplayError("there is no such step")


def _ask(step: list[Any], known: Methods, own: Sequence[Generator]) -> None:
    target, values, with_graph, grad_enabled, states = step
    thing, method = known[tuple(target)]
    if isinstance(thing, nn.Module) and target[2] == "forward":
        method = thing  # with its hooks
    if any(with_graph):
        leaves: list[Tensor] = []
        plain(values, leaves)
        for leaf, graph in zip(leaves, with_graph, strict=True):
            leaf.requires_grad_(bool(graph))
    given, named = values
    for i, state in states:
        own[i].set_state(state)
    with torch.set_grad_enabled(bool(grad_enabled)):
        method(*(_argument(value, own) for value in given), **named)


def methods(arguments: Sequence[Any]) -> Methods:
    """What an answer may call: function arguments, and public methods of models, their parts, and other objects."""
    found: Methods = {}
    for i, argument in enumerate(arguments):
        if isinstance(argument, nn.Module):
            for path, part in argument.named_modules():
                names = _public(part) | {"forward", "train", "zero_grad", "requires_grad_"}
                found |= {(i, path, name): (part, getattr(part, name)) for name in sorted(names)}
        elif is_plain_function(argument):
            found[i, None, "__call__"] = argument, argument
        elif can_be_asked(argument) and not callable(argument):
            names = _public(argument) | ({"step", "zero_grad"} if isinstance(argument, Optimizer) else set())
            found |= {(i, "", name): (argument, getattr(argument, name)) for name in sorted(names)}
    return found


def can_be_asked(argument: Any) -> bool:
    """Whether it is a function, or an object with methods, and whoever gave it wants to know what it is asked."""
    return not isinstance(argument, _ONLY_DATA) and hasattr(argument, "__dict__") and is_watched(argument)


def is_plain_function(argument: Any) -> bool:
    """Whether it can only be called, and whoever gave it wants to know with what."""
    return callable(argument) and not isinstance(argument, nn.Module | type) and is_watched(argument)


def is_watched(argument: Any) -> bool:
    """False for what ``observers.unwatched`` has marked."""
    return not getattr(argument, "unwatched", False)


def exchange(thing: Any, name: str, new: Callable[..., Any]) -> Callable[[], object]:
    """Give an object a method of its own; returns what takes it away again."""
    attributes = vars(thing)
    old = attributes.get(name)
    attributes[name] = new
    return (lambda: attributes.pop(name, None)) if old is None else (lambda: attributes.update({name: old}))


def generators(arguments: Sequence[Any]) -> list[Generator]:
    """The global generator, and those among the arguments."""
    return [torch.default_generator, *(a for a in arguments if isinstance(a, Generator))]


def has_drawn(generator: Generator, since: Tensor) -> bool:
    """Whether it is in another state."""
    return generator.get_state().numpy().tobytes() != since.numpy().tobytes()


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
