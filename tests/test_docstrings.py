"""Every example in a docstring runs, and no formula in one was eaten by a backslash."""

import ast
import doctest
import importlib.util
import pkgutil
from pathlib import Path

import pytest

import course_utils

ROOT = Path(course_utils.__file__).parent
MODULES = sorted(module.name for module in pkgutil.walk_packages([str(ROOT)], "course_utils."))
WITH_EXAMPLES = [
    name for name in MODULES if ">>> " in Path(importlib.util.find_spec(name).origin).read_text("utf-8")
]


def test_there_are_examples() -> None:
    assert len(MODULES) > 80
    assert len(WITH_EXAMPLES) >= 15


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_run(name: str) -> None:
    results = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert results.attempted > 0
    assert results.failed == 0


def test_no_docstring_holds_a_control_character() -> None:
    r"""A docstring with LaTeX that is not raw turns \theta into a tab and \beta into a backspace."""
    files = sorted(ROOT.rglob("*.py"))
    assert len(files) > 80
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node, clean=False) or ""
                assert all(character == "\n" or character.isprintable() for character in text), (
                    file.name,
                    text,
                )
