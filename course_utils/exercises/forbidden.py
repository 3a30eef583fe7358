"""Which ready-made functions an answer calls: a notebook's reminder, and the first of the grader's two lines."""

import dis
import importlib
import inspect
from collections.abc import Iterator, Sequence
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any


def forbidden_name(answer: Any, forbidden: Sequence[str]) -> str | None:
    """The first of the dotted names that the answer, or a helper defined beside it, refers to; None if none.

    Judged by the object a global name stands for, and by attribute names (``distributions.kl_divergence``), so a
    student's own function that happens to have a library's name is no offence.
    """
    if not forbidden:
        return None
    functions = list(_functions(answer, seen=set()))
    used = [name for function in functions for name in _attributes(function.__code__)]
    values = [value for function in functions for value in _globals(function)]
    for name in forbidden:
        if name.rpartition(".")[2] in used or any(value is _find(name) for value in values):
            return name
    return None


def _functions(answer: Any, seen: set[int]) -> Iterator[FunctionType]:
    """The answer's function or methods, and the functions of the same module that they call."""
    if id(answer) in seen:
        return
    seen.add(id(answer))
    if inspect.isclass(answer):
        for member in vars(answer).values():
            yield from _functions(member, seen)
    elif isinstance(answer, FunctionType):
        yield answer
        for value in _globals(answer):
            if isinstance(value, FunctionType) and value.__module__ == answer.__module__:
                yield from _functions(value, seen)


def _globals(function: FunctionType) -> list[Any]:
    names = _loaded(function.__code__)[0]
    return [function.__globals__[name] for name in names if name in function.__globals__]


def _attributes(code: CodeType) -> list[str]:
    return _loaded(code)[1]


@lru_cache(maxsize=1000)
def _loaded(code: CodeType) -> tuple[list[str], list[str]]:
    """The names of globals and of attributes that a function's code uses."""
    instructions = [i for part in _codes(code) for i in dis.get_instructions(part)]
    attributes = {"LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"}
    return (
        [i.argval for i in instructions if i.opname == "LOAD_GLOBAL"],
        [i.argval for i in instructions if i.opname in attributes],
    )


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _find(dotted: str) -> Any:
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)
