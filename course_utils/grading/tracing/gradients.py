"""Results joined to what gradients may be taken to, so that each pass back through them is one step of a trace."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Gradients = Sequence[Tensor | None]
Pullback = Callable[[Gradients], Gradients]
"""From the gradients of a loss with respect to the results, to those with respect to the inputs."""


class _Joined(torch.autograd.Function):
    """Hands results on as functions of the inputs, with a given pullback."""

    @staticmethod
    def forward(ctx: Any, pullback: Pullback, results: Sequence[Tensor], *_: Tensor) -> tuple[Tensor, ...]:
        ctx.pullback = pullback
        ctx.set_materialize_grads(False)  # a result that is not used says nothing about the inputs
        return tuple(result.detach() for result in results)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        return (None, None, *ctx.pullback(gradients))


def joined(results: Sequence[Tensor], inputs: Sequence[Tensor], pullback: Pullback) -> Sequence[Tensor]:
    """The results, whose gradients go to the inputs by way of the pullback."""
    return _Joined.apply(pullback, results, *inputs)


def recorded(
    results: Sequence[Tensor], inputs: Sequence[Tensor], note: Callable[[Gradients], None]
) -> Pullback:
    """The true pullback, whose values are noted each time."""

    def pullback(gradients: Gradients) -> Gradients:
        pairs = zip(results, gradients, strict=True)
        with (
            torch.enable_grad()
        ):  # a scalar, since gradients handed to autograd make it import half a second's worth
            total = sum((result * gradient).sum() for result, gradient in pairs if gradient is not None)
        found = torch.autograd.grad(total, inputs, retain_graph=True, allow_unused=True)
        note(found)
        return found

    return pullback


def cut_off(argument: Any) -> Any:
    """The argument without the history it has, which is the observer's, and would be gone through twice."""
    if isinstance(argument, Tensor) and argument.requires_grad and not argument.is_leaf:
        return argument.detach().requires_grad_()
    return argument
