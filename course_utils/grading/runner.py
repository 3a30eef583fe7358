"""Inside the jail: run a student's cells, then do to the answers what the judge asks for.

Everything here shares a process with the student's code and can be turned against itself. That harms nobody: what is
sent back is data, and only the judge, outside, decides what it is worth.
"""

import ast
import builtins
import importlib
import importlib.abc
import importlib.machinery
import linecache
import os
import random
import re
import signal
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dis import opmap
from functools import lru_cache
from typing import Any

import numpy as np
import torch

import course_utils.exercises
from course_utils.exercises.evaluation import Outcome, observe
from course_utils.exercises.forbidden import forbidden_name
from course_utils.exercises.limits import quiet, time_limit
from course_utils.grading import tracing
from course_utils.grading.tracing import Recorder, Trace
from course_utils.grading.wire import Channel, WireError

SECONDS_PER_CELL = 8.0
STANDING_IN = ("matplotlib", "ipywidgets", "IPython", "course_utils.plotting", "course_utils.widgets")
"""Packages that show things. Lectures import them, no answer needs them, and they take long to load."""

_current_frames = sys._current_frames  # at hand before anybody can exchange it


# --- what the lectures import, without the waiting ---------------------------------------------------------------


class Inert:
    """Stands in for whatever only shows: it can be called, indexed and entered, and does nothing."""

    def __call__(self, *_: Any, **__: Any) -> "Inert":
        """Whatever is asked, itself."""
        return self

    def __getattr__(self, name: str) -> "Inert":
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, _: Any) -> "Inert":
        return self

    def __setitem__(self, _: Any, __: Any) -> None:
        pass

    def __enter__(self) -> "Inert":
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def __iter__(self) -> Iterator["Inert"]:
        return iter((self, self))


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds a module full of inert objects for each name in ``STANDING_IN``."""

    def find_spec(self, name: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        """Only for the packages stood in for."""
        ours = any(name == package or name.startswith(f"{package}.") for package in STANDING_IN)
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if ours else None

    def exec_module(self, module: types.ModuleType) -> None:
        """Give the module every attribute there can be."""
        module.__getattr__ = Inert().__getattr__  # type: ignore[method-assign]


def stand_in() -> None:
    """Prepare the zygote: stand-ins are found first, and a check hands its answer on without a word."""
    sys.meta_path.insert(0, StandIns())
    course_utils.exercises.check = course_utils.exercises.feedback.check = lambda _, answer: answer


# --- the conversation with the judge -----------------------------------------------------------------------------


def serve(channel: Channel) -> None:
    """Run the cells, then observe one exercise after the other, until the judge has seen enough."""
    # The first of a process tree of its own, so that whatever else there is, is left over.
    alone = os.getpid() == 1
    work = channel.receive()
    for name in work["refused"]:
        refuse(name)
    notebook = Notebook(work["answers"])
    untouched = Snapshot(everything=False)
    for number, cell in enumerate(work["cells"]):
        if cell is not None:
            if not cell["lecture"]:
                channel.send({"cell": number, "token": work["token"]})
                if not untouched.everything and may_patch(number, cell["source"]):
                    untouched = Snapshot(everything=True)
            notebook.run(number, **cell)
            if not cell["lecture"]:
                untouched.restore()
                _leave_behind(channel, alone)
    for name, dotted in work["given"].items():
        notebook.namespace[name] = _find(dotted)
    channel.send({"failed": notebook.failed, "token": work["token"]})
    with suppress(WireError):
        while True:
            observe_exercise(channel, notebook.answers, channel.receive())
            untouched.restore()
            _leave_behind(channel, alone)
            channel.send({"ended": True, "token": work["token"]})


def _leave_behind(channel: Channel, alone: bool) -> None:
    """End the processes that a cell has started; if it has started threads, go on in a child, which has none."""
    _kill_others(alone)
    if len(_current_frames()) > 1 and (child := os.fork()):
        channel.close()
        os.waitpid(child, 0)
        os._exit(0)


def _kill_others(alone: bool) -> None:
    if alone:
        with suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def observe_exercise(channel: Channel, answers: dict[str, Any], request: dict[str, Any]) -> None:
    """Answer the judge's cases of one exercise until it says that it is done."""
    exercise_id, forbidden = request["exercise"], request["forbidden"]
    for name in forbidden:
        refuse(name)
    answer = answers.get(exercise_id)
    can_be_seen = callable(answer) and not forbidden_name(answer, forbidden)
    while (case := channel.receive()) is not None:
        if exercise_id not in answers:
            message = f"There is no {exercise_id} in this notebook."
            _send(channel, Outcome(trouble="error", message=message), None)
        elif can_be_seen:
            _send(channel, *_observe_case(answer, case))
        else:
            _send(channel, observe(answer, _find(case["observer"]), case["inputs"], forbidden), None)


def _observe_case(answer: Callable[..., Any], case: dict[str, Any]) -> tuple[Outcome, Trace | None]:
    """What the answer shows in one case, and the trace of how it did."""
    _seed_everything()
    recorder = Recorder(answer)
    outcome = observe(recorder, _find(case["observer"]), case["inputs"])
    return outcome, None if outcome.trouble else recorder.trace()


def _send(channel: Channel, outcome: Outcome, trace: Trace | None) -> None:
    """Send all but the arrays, which the judge makes itself, from the trace."""
    said = {"trouble": outcome.trouble, "message": outcome.message, "printed": outcome.printed}
    said |= {"n_printed": outcome.n_printed}
    try:
        channel.send({"trace": trace, **said})
    except ValueError as error:
        message = f"Your answer ran, but what it gives cannot be written down: {error}."
        said |= {"trouble": "error", "message": message}
        channel.send({"trace": None, **said})


def _seed_everything() -> None:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.default_generator.manual_seed(0)  # torch.manual_seed also thinks of devices that are not there


_TOOLS = {
    "setattr",
    "delattr",
    "exec",
    "eval",
    "vars",
    "globals",
    "locals",
    "sys",
    "os",
    "builtins",
    "ctypes",
    "gc",
}
_TOOLS |= {"importlib", "inspect", "types", "modules", "patch", "signal", "threading"}
_WRITE_ATTRIBUTES = {opmap["STORE_ATTR"], opmap["DELETE_ATTR"]}


def may_patch(number: int, source: str) -> bool:
    """Whether a cell looks as if it might change what it did not make."""
    with suppress(Exception):  # what cannot be compiled is not run
        return _names_tools(compiled(number, source)) and any(map(_may_patch, ast.walk(parsed(source))))
    return False


def _names_tools(code: types.CodeType) -> bool:
    """Whether it is worth going through all of its syntax, which takes longer than to run most cells."""
    names = {*code.co_names, *code.co_varnames, *code.co_cellvars, *code.co_freevars}
    parts = {part for name in names for part in name.split(".")}
    if parts & _TOOLS or any("__" in part for part in parts) or _WRITE_ATTRIBUTES & {*code.co_code[::2]}:
        return True
    return any(_names_tools(inner) for inner in code.co_consts if isinstance(inner, types.CodeType))


def _may_patch(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return name[:2] == "__"
        case ast.Attribute(attr=name, ctx=context):
            return not isinstance(context, ast.Load) or (name[:2] == "__" and name != "__init__")
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return any({*name.name.split("."), name.asname} & _TOOLS for name in names)
        case ast.Name(id=name):
            return name in _TOOLS or name[:2] == "__"
    return False


_TRACING = [
    sys.modules[f"{tracing.__name__}.{name}"] for name in ("arguments", "gradients", "objects", "recorder")
]
_RELIED_ON = [torch.Tensor, torch.Generator, torch.nn.Module, torch.optim.Optimizer, Outcome, Channel]
_RELIED_ON += [kind for module in _TRACING for kind in vars(module).values() if isinstance(kind, type)]


class Snapshot:
    """What cells may find patched and the runner relies on; put back after each cell, so that it harms no other.

    To look at everything costs a tenth of a second, since it copies what jails share; cells that patch nothing are
    spared that. Who deceives ``may_patch`` spoils his own other answers, and nothing else.
    """

    def __init__(self, *, everything: bool) -> None:
        self.everything = everything
        self._modules, self._classes, self._loaded = [], [], {}
        if not everything:
            return
        modules = [torch, torch.nn.functional, builtins, os, sys.modules["json"], sys.modules["math"], np]
        modules += [module for name, module in sys.modules.items() if name.startswith("course_utils")]
        self._modules = [(vars(module), dict(vars(module))) for module in modules]
        self._classes = [(kind, dict(vars(kind))) for kind in _RELIED_ON]
        self._loaded = dict(sys.modules)

    def restore(self) -> None:
        """Undo every change that can be seen by comparing names with what they stood for."""
        for now, before in [*self._modules, (sys.modules, self._loaded)]:
            for name, value in before.items():
                if now.get(name) is not value:
                    now[name] = value
        for kind, before in self._classes:
            for name in [name for name in vars(kind) if name not in before]:
                delattr(kind, name)
            for name, value in before.items():
                if vars(kind).get(name) is not value:
                    setattr(kind, name, value)
        if self._loaded:
            sys.settrace(None)
            sys.setprofile(None)
        sys.setrecursionlimit(1000)
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)


# --- the notebook ------------------------------------------------------------------------------------------------


class Notebook:
    """The namespace in which cells are run, and the answers found there."""

    def __init__(self, exercise_ids: Sequence[str]) -> None:
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module
        self.namespace = module.__dict__
        self.namespace |= {"display": Inert(), "get_ipython": Inert()}
        self.exercise_ids = exercise_ids
        self.answers: dict[str, Any] = {}
        self.failed: dict[str, str] = {}
        _seed_everything()

    def run(self, number: int, source: str, lecture: bool) -> None:
        """Run one cell; a lecture's own cell statement by statement, none of which may stop the next.

        An answer is what a student's cell (or an untouched stub) last made of its name, whatever the lecture,
        which may import the course's version later on, does with that name.
        """
        before = {name: self.namespace.get(name) for name in self.exercise_ids}
        try:
            if lecture:
                self._run_leniently(number, source)
            else:
                with time_limit(SECONDS_PER_CELL), quiet():
                    exec(compiled(number, source), self.namespace)
        except BaseException as error:  # exits and interrupts too: the next cell is another matter
            self.failed[str(number)] = _sentence(error)
        for name, old in before.items():
            new = self.namespace.get(name)
            own = not lecture or getattr(new, "__module__", None) == "__main__"
            if new is not None and new is not old and own:
                self.answers[name] = new

    def _run_leniently(self, number: int, source: str) -> None:
        for statement in ast.parse(source).body:
            with suppress(Exception):
                module = ast.Module([statement], type_ignores=[])
                exec(compile(module, _remember(number, source), "exec"), self.namespace)


@lru_cache
def compiled(number: int, source: str) -> types.CodeType:
    """The code of a cell, under a name by which tracebacks find its lines."""
    return compile(parsed(source), _remember(number, source), "exec")


@lru_cache
def parsed(source: str) -> ast.Module:
    """The syntax of a cell; raises SyntaxError."""
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.parse(plain_python(source))


def plain_python(source: str) -> str:
    """The source without IPython's magics, shell lines and questions."""
    lines = source.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    if lines[first].startswith("%%"):
        if not re.match(r"%%(time|timeit|capture|prun|python3?)\b", lines[first]):
            return ""
        lines[first] = ""
    return "\n".join(re.sub(r"^(\s*)(?:[%!].*|[\w.]+\?{1,2}\s*)$", r"\1pass", line) for line in lines)


def _remember(number: int, source: str) -> str:
    """A file name for the cell, under which tracebacks find its lines."""
    name = f"<cell {number + 1}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    return name


def _sentence(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:300]
    except BaseException:  # an exception class of the student's own may fail at being printed
        return "an error that cannot be printed"


# --- what may not be called --------------------------------------------------------------------------------------


def refuse(dotted: str) -> None:
    """Make a ready-made function raise; whoever holds it already finds it changed, too."""
    module, _, name = dotted.rpartition(".")
    target = _find(dotted)
    message = f"{dotted} is what the exercise asks you to write yourself"
    scope: dict[str, Any] = {}
    exec(f"def refused(*_, **__):\n    raise PermissionError({message!r})", scope)
    refused = scope["refused"]
    if isinstance(target, type):
        target.__init__ = refused  # type: ignore[misc]
        return
    while target is not None:
        if isinstance(target, types.FunctionType) and not target.__closure__:
            target.__code__, target.__defaults__, target.__kwdefaults__ = refused.__code__, None, None
        target = getattr(target, "__wrapped__", None)
    if not isinstance(getattr(importlib.import_module(module), name), types.FunctionType):
        setattr(importlib.import_module(module), name, refused)


def _find(dotted: str) -> Any:
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)
