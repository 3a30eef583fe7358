"""Objects of a class that is an answer: in the jail and in a replay, a stand-in is what the observer gets to see.

Of parameters and of gradients with respect to them a replay shows a thousand entries at most, each in place of its
neighbours too: every student's network has parameters of its own, and nobody compares them with anything.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.grading.tracing.arguments import methods, value_of
from course_utils.grading.tracing.stacks import ReplayError

MAX_SHOWN = 1024
MAX_PARAMETERS = 1 << 24
"""More than sixteen million numbers in one object are refused by a replay."""


class StandIn(nn.Module):
    """In the place of an object that an answer made: its parameters and buffers, and its methods to be called."""

    def __init__(
        self,
        tensors: tuple[Sequence[nn.Parameter], Sequence[Tensor]],
        names: Sequence[str],
        call: Callable[["StandIn", str, tuple[Any, ...]], Any],
    ) -> None:
        super().__init__()
        for i, parameter in enumerate(tensors[0]):
            self.register_parameter(f"parameter_{i}", parameter)
        for i, buffer in enumerate(tensors[1]):
            self.register_buffer(f"buffer_{i}", buffer)
        vars(self).update(_names=frozenset(names), _call=call)

    def __getattr__(self, name: str) -> Any:
        if name in vars(self).get("_names", ()):
            return partial(self._ask, name)
        return super().__getattr__(name)

    def forward(self, *arguments: Any) -> Any:
        """What the object gives when it is called."""
        return self._call(self, "__call__", arguments)

    def put_in(self) -> dict[str, Callable[..., Any]]:
        """Functions that the observer has put in the place of methods."""
        return {name: value for name, value in vars(self).items() if name in self._names and name[:1] != "_"}

    def _ask(self, name: str, *arguments: Any) -> Any:
        return self._call(self, name, arguments)


def described(made: nn.Module) -> dict[str, Any]:
    """All that a replay needs to stand in for it."""
    parts = {name.split(".")[0] for _, name, _ in methods([made]) if name}
    names = {name for _, path, name in methods([made]) if not path} - {"forward", "train", "zero_grad"}
    return {
        "parameters": [[shown(value_of(p)), p.requires_grad] for p in made.parameters()],
        "buffers": [shown(value_of(b)) for b in made.buffers()],
        "names": sorted((names | parts) - {"requires_grad_"}),
        "training": made.training,
    }


def stand_in(description: dict[str, Any], call: Callable[[StandIn, str, tuple[Any, ...]], Any]) -> StandIn:
    """The stand-in of a description, with tensors of its own."""
    parameters = [nn.Parameter(filled_up(value), bool(graph)) for value, graph in description["parameters"]]
    buffers = [filled_up(value) for value in description["buffers"]]
    if sum(tensor.numel() for tensor in (*parameters, *buffers)) > MAX_PARAMETERS:
        raise ReplayError("an object with that many parameters is not replayed")
    made = StandIn((parameters, buffers), [str(name) for name in description["names"]], call)
    made.training = bool(description["training"])
    return made


def shown(tensor: Tensor) -> list[Any]:
    """``[entries, shape]``: some of its entries where it has many."""
    step = -(-tensor.numel() // MAX_SHOWN) or 1
    return [tensor.detach().flatten()[::step].clone(), list(tensor.shape)]


def filled_up(part: Sequence[Any]) -> Tensor:
    """A tensor of that shape from some of its entries; raises ReplayError where they are not of it."""
    entries, shape = part
    n = prod(shape)
    if not all(type(size) is int and size >= 0 for size in shape) or n > MAX_PARAMETERS:
        raise ReplayError("a tensor of that shape is not replayed")
    step = -(-n // MAX_SHOWN) or 1
    if len(entries) != -(-n // step):
        raise ReplayError("there are more or fewer entries than the shape says")
    return torch.repeat_interleave(entries, step)[:n].reshape(shape) if n else torch.empty(shape)
