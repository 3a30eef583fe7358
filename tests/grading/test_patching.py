"""Which cells are looked at closely because they may patch what they did not make: the quick look misses none."""

import ast

import pytest

from course_utils.grading.runner import _may_patch, may_patch, parsed
from course_utils.notebooks.build import course_definitions, find_sources
from course_utils.notebooks.source import read_lecture
from tests.grading.adversaries import ADVERSARIES
from tests.grading.conftest import ROOT

PATCHES = [
    "torch.abs = lambda x: 0",
    "torch.abs, x = 1, 2",
    "del torch.abs",
    "for torch.abs in range(3): pass",
    "with open('f') as torch.abs: pass",
    "torch.abs += 1",
    "def f():\n    def g():\n        torch.abs = 1",
    "class A:\n    def f(self):\n        torch.abs = 1",
    "f = lambda: setattr(torch, 'abs', None)",
    "import os.path",
    "from unittest.mock import patch as p",
    "import numpy as sys",
    "x = [].__class__",
    "x = lambda: __builtins__",
    "%matplotlib inline\ntorch.abs = 1",
]
HARMLESS = [
    "y = torch.zeros(3, dtype=torch.float32)",
    "def f(q, p):\n    return (q * (q.log() - p.log())).sum()",
    "class A(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.x = 1",
    "this is no Python",
    "x = " + "(" * 500 + ")" * 500,
]


@pytest.mark.parametrize("source", PATCHES)
def test_every_way_to_patch_is_seen(source: str) -> None:
    assert may_patch(0, source)


@pytest.mark.parametrize("source", HARMLESS)
def test_what_patches_nothing_is_spared(source: str) -> None:
    assert not may_patch(0, source)


def test_the_quick_look_agrees_with_the_syntax() -> None:
    """On all cells of the course and of the cheats."""
    lectures = [read_lecture(path, course_definitions()) for path in find_sources(ROOT)]
    sources = [cell.source for lecture in lectures for cell in lecture.cells if cell.kind == "code"]
    sources += ADVERSARIES.values()
    assert len(sources) > 300
    for source in sources:
        try:
            tree = parsed(source)
        except SyntaxError:
            continue
        assert may_patch(0, source) == any(map(_may_patch, ast.walk(tree))), source
