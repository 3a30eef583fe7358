"""Observing an answer: call it, take gradients, repeat it, watch what it touches, and write down named arrays.

An observer runs beside the answer (in the notebook, or in the grader's jail) and decides nothing: it turns
behaviour into plain tensors, which ``comparisons`` then hold against the reference's. So this module never
imports an exercise's definition. Every observer has the form ``observe(answer, inputs) -> {name: tensor}``;
``inputs`` is plain data (tensors, numbers, strings, lists of them), and a name that starts with an underscore
is an instruction to the observer, the others are the answer's positional arguments, in order.

A 0-d boolean array is a statement about the answer; its name is the sentence that should hold.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

Answer = Callable[..., Any]
Inputs = Mapping[str, Any]
Arrays = dict[str, Tensor]
Observer = Callable[[Answer, Inputs], Arrays]

UNCHANGED = "the arguments are left as they were"
ADVANCES = "two calls with the same generator give different draws"
ONLY_SOURCE = "the generator is the only source of randomness"
SPREAD = "standard deviation of the estimates"
"""Bounded from above where estimates are compared on average: noise of any size passes for any mean."""
SAME_EVERY_TIME = "every call gives the same letters"
NEAR, FAR = 2.0, 12.0  # standard errors; comparisons draw the line at 5 or 6
ENOUGH = 48  # repeats, to tell one mistake from another


class NonsenseError(TypeError):
    """The answer gave back something that is not numbers; the message says what, in one clause."""


def value(answer: Answer, inputs: Inputs) -> Arrays:
    """What the answer returns for the inputs, and whether it left them alone."""
    arguments = positional(inputs)
    result = answer(*arguments)
    return {**named(result), UNCHANGED: _same(arguments, positional(inputs))}


def value_and_gradients(answer: Answer, inputs: Inputs) -> Arrays:
    """As ``value``, and the gradient with respect to each argument named in ``inputs["_gradients_of"]``.

    The result is reduced to a scalar with fixed uneven weights, so that entries cannot stand in for each other.
    """
    arguments = {name: _copy(argument) for name, argument in inputs.items() if not name.startswith("_")}
    leaves = {name: arguments[name].requires_grad_() for name in inputs["_gradients_of"]}
    result = answer(*arguments.values())
    arrays = named(result)
    arrays[UNCHANGED] = _same(arguments.values(), positional(inputs))
    for name, gradient in gradients(result, leaves).items():
        arrays[f"a gradient reaches {name}"] = torch.tensor(gradient is not None)
        arrays[f"gradient with respect to {name}"] = (
            torch.zeros_like(leaves[name]) if gradient is None else gradient.detach()
        )
    return arrays


def draws(answer: Answer, inputs: Inputs) -> Arrays:
    """Repeat an answer whose last argument is a generator: ``{"draws": (repeats, ...)}`` and how it treats randomness.

    ``inputs["_repeats"]`` is the number of calls, ``inputs["_seed"]`` the seed of the one generator they share.
    """
    generator = torch.Generator().manual_seed(inputs["_seed"])
    global_state = torch.random.get_rng_state()
    rows = [as_array(answer(*positional(inputs), generator)) for _ in range(inputs["_repeats"])]
    if len({row.shape for row in rows}) > 1:
        raise NonsenseError("it gives results of different shapes for the same arguments")
    stacked = torch.stack(rows)
    return {
        "draws": stacked,
        ADVANCES: torch.tensor(not torch.equal(stacked[0], stacked[1])),
        ONLY_SOURCE: torch.tensor(torch.equal(global_state, torch.random.get_rng_state())),
    }


def ask_until_clear(
    ask: Callable[[], Tensor], is_clear: Callable[[Tensor], bool], first: int, most: int
) -> Tensor:
    """Rows of what an answer gives: ``first`` of them, then twice as many again and again, until they are clear.

    So what is right, or grossly wrong, is asked for seldom, and only what might be either ``most`` times: the power of
    many calls at the price of few. What is clear depends on the rows alone, so a judge who goes through recorded calls
    stops where the observer did, and whoever sends fewer has sent too few.
    """
    rows = [ask() for _ in range(first)]
    while len(rows) < most and not is_clear(torch.stack(rows)):
        rows += [ask() for _ in range(min(len(rows), most - len(rows)))]
    return torch.stack(rows)


def standard_errors_off(rows: Tensor, truth: float | Tensor) -> Tensor:
    """How far the means over dimension 0 are from the truth; ``NEAR`` are 19 of 20 right ones, ``FAR`` is none."""
    return (rows.mean(0) - truth).abs() * len(rows) ** 0.5 / rows.std(0)


def is_far_off(rows: Tensor, truth: float | Tensor) -> bool:
    """Whether one of the means is grossly wrong, with enough rows to say which mistake it is."""
    return len(rows) >= ENOUGH and bool((standard_errors_off(rows, truth) > FAR).any())


def unwatched(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function handed to an answer whose calls say nothing: a grader that records an answer leaves them out."""
    function.unwatched = True  # type: ignore[attr-defined]
    return function


def letters(answer: Answer, inputs: Inputs) -> Arrays:
    """Which of the letters in ``inputs["_letters"]``, a string, the answer names: one boolean each."""
    return {"marked": _marked(answer(), inputs["_letters"])}


def letters_again(answer: Answer, inputs: Inputs) -> Arrays:
    """Whether the same letters come back on every call."""
    first, *others = (_marked(answer(), inputs["_letters"]) for _ in range(9))
    return {SAME_EVERY_TIME: torch.tensor(all(torch.equal(first, other) for other in others))}


def positional(inputs: Inputs) -> list[Any]:
    """The answer's arguments, fresh copies each time, so that an answer that writes into them harms nobody."""
    return [_copy(argument) for name, argument in inputs.items() if not name.startswith("_")]


def gradients(result: Any, leaves: Mapping[str, Tensor]) -> dict[str, Tensor | None]:
    """Gradient of a fixed weighted sum of ``result`` (one tensor or several) for each leaf; None where none arrives."""
    parts = [
        part for part in (result if isinstance(result, tuple | list) else [result]) if _differentiable(part)
    ]
    if not parts:
        return dict.fromkeys(leaves)
    scalar = sum((part * _uneven_weights(part)).sum() for part in parts)
    found = torch.autograd.grad(scalar, list(leaves.values()), allow_unused=True)
    return dict(zip(leaves, found, strict=True))


def named(result: Any) -> Arrays:
    """Arrays under the names a student would use: ``result``; ``result 1``, ``result 2`` for several; a dict's keys."""
    if isinstance(result, dict):
        return {f"result[{key!r}]": as_array(part) for key, part in result.items()}
    if isinstance(result, tuple | list):
        return {f"result {i}": as_array(part) for i, part in enumerate(result, start=1)}
    return {"result": as_array(result)}


def as_array(result: Any) -> Tensor:
    """A detached tensor of numbers from what an answer returned; refuses everything else in one clause."""
    if isinstance(result, Tensor) and not result.is_complex():
        return result.detach().clone()
    if isinstance(result, np.ndarray | np.generic) and result.dtype.kind in "biuf":
        return torch.from_numpy(np.array(result))
    if isinstance(result, bool | float) or (isinstance(result, int) and abs(result) < 2**63):
        return torch.tensor(result, dtype=torch.float64 if isinstance(result, float) else None)
    if isinstance(result, int):
        raise NonsenseError("it returns a whole number too large for 64 bits")
    if result is None:
        raise NonsenseError("it returns None; is a return statement missing?")
    raise NonsenseError(f"it returns a {type(result).__name__} where a tensor or a number is expected")


def _marked(result: Any, alphabet: str) -> Tensor:
    """A set of letters as booleans; lists, tuples, strings and small letters say the same thing."""
    if result is None:
        raise NonsenseError("it returns None; is a return statement missing?")
    if not isinstance(result, Collection) or isinstance(result, dict | bytes):
        raise NonsenseError(f"it returns a {type(result).__name__} where a set of letters is expected")
    named = {str(letter).upper() for letter in result}
    if strangers := sorted(named - set(alphabet)):
        raise NonsenseError(f"it names {strangers[0]!r}, and the letters are {alphabet[0]} to {alphabet[-1]}")
    return torch.tensor([letter in named for letter in alphabet])


def _copy(argument: Any) -> Any:
    return argument.detach().clone() if isinstance(argument, Tensor) else argument


def _same(arguments: Iterable[Any], originals: Iterable[Any]) -> Tensor:
    pairs = zip(arguments, originals, strict=True)
    return torch.tensor(all(torch.equal(a, b) for a, b in pairs if isinstance(b, Tensor)))


def _differentiable(part: Any) -> bool:
    return isinstance(part, Tensor) and part.requires_grad


def _uneven_weights(part: Tensor) -> Tensor:
    return torch.linspace(0.5, 1.5, part.numel(), dtype=part.dtype).reshape(part.shape)
