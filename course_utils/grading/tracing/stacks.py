"""Calls as plain data: hundreds that differ in numbers only become one form with stacks of tensors."""

import marshal
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor

Trace = dict[str, Any]
Call = dict[str, Any]

DEFAULTS: Call = {
    "on": [None, "__call__"],
    "given": "",
    "steps": [],
    "own": [],
    "drew": False,
    "made": None,
    "result": None,
    "with_graph": [],
    "gradients": [],
}
"""A call as long as nothing else is said: of the answer itself, not of an object that it made."""

MAX_CALLS = 100_000
_TENSOR, _FLOAT = "\0tensor", "\0float"


class ReplayError(Exception):
    """A trace does not fit the observer's calls."""


def plain(value: Any, tensors: list[Tensor]) -> Any:
    """The value with containers of the plain kinds; its tensors, as they are, go to the list as well.

    What cannot be plain is left as it is, and fails when the trace is sent.
    """
    if isinstance(value, Tensor):
        tensors.append(value)
        return value
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return plain(torch.from_numpy(value.copy()), tensors)
    if isinstance(value, tuple | list):
        parts = [plain(part, tensors) for part in value]
        return tuple(parts) if isinstance(value, tuple) else parts
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if isinstance(value, dict):
        return {key: plain(part, tensors) for key, part in value.items()}
    return value


def exchanged(value: Any, tensors: Iterator[Tensor]) -> Any:
    """Plain data with other tensors in the place of its own."""
    if isinstance(value, Tensor):
        return next(tensors)
    if isinstance(value, tuple | list):
        return type(value)(exchanged(part, tensors) for part in value)
    if isinstance(value, dict):
        return {key: exchanged(part, tensors) for key, part in value.items()}
    return value


def copied(value: Any) -> Any:
    """Plain data with copies of its tensors."""
    tensors: list[Tensor] = []
    form = plain(value, tensors)
    return exchanged(form, iter([tensor.clone() for tensor in tensors]))


def stacked(calls: Sequence[Call]) -> Trace:
    """Runs of calls: the form of one, how many, and each of its tensors with those of the others below it."""
    flat = [(tensors := [], _flat(call, tensors)) for call in calls]
    runs = []
    for _, group in groupby(flat, key=_kind):
        members = list(group)
        columns = [_column(column) for column in zip(*(tensors for tensors, _ in members), strict=True)]
        runs.append({"form": members[0][1], "n": len(members), "columns": columns})
    return {"runs": runs}


def unstacked(trace: Trace) -> Iterator[Call]:
    """The calls of a trace; raises ReplayError (or anything else) for what is none."""
    for run in trace["runs"]:
        if not 0 <= run["n"] <= MAX_CALLS or any(len(column) != run["n"] for column in run["columns"]):
            raise ReplayError("the stacks are not of one height")
        rows = zip(*(column.unbind() for column in run["columns"]), strict=True) if run["columns"] else None
        for _ in range(run["n"]):
            yield DEFAULTS | _filled(run["form"], iter(next(rows) if rows else ()))


def _kind(part: tuple[list[Tensor | float], Any]) -> tuple[Any, ...]:
    """What calls have in common that can be stacked."""
    tensors, form = part
    try:
        written: bytes | str = marshal.dumps(form, 2)
    except ValueError:  # no plain data, which whoever sends it will find out
        written = repr(form)
    return written, [float if type(t) is float else (t.dtype, t.shape) for t in tensors]


def _column(values: Sequence[Tensor | float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64) if type(values[0]) is float else torch.stack(values)


def _flat(value: Any, tensors: list[Tensor | float]) -> Any:
    """The value with a mark in the place of each tensor and each float, which go to the list."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is float:
        tensors.append(value)
        return _FLOAT
    if isinstance(value, Tensor):
        tensors.append(value)
        return _TENSOR
    if isinstance(value, dict):
        return {key: _flat(part, tensors) for key, part in value.items()}
    if kind is list or kind is tuple:
        return kind([_flat(part, tensors) for part in value])
    return value


def _filled(form: Any, tensors: Iterator[Tensor]) -> Any:
    """The inverse of ``_flat``."""
    kind = type(form)
    if kind is str:
        return next(tensors) if form == _TENSOR else next(tensors).item() if form == _FLOAT else form
    if kind is dict:
        return {key: _filled(part, tensors) for key, part in form.items()}
    if kind is list or kind is tuple:
        return kind([_filled(part, tensors) for part in form])
    return form
