"""The door to torchvision opens with and without its compiled operators, and hides no other failure."""

import importlib
import subprocess
import sys

import pytest
import torch

from course_utils.runtime import vision


@pytest.fixture
def imports(monkeypatch):
    """Replace the import of torchvision: each attempt takes the next of these results."""

    def plan(*results):
        attempts = list(results)

        def import_module(name):
            assert name == "torchvision"
            result = attempts.pop(0)
            if isinstance(result, Exception):
                raise result
            return result

        monkeypatch.setattr(importlib, "import_module", import_module)
        return attempts

    declared = []

    class Library:
        def __init__(self, namespace, kind):
            assert (namespace, kind) == ("torchvision", "FRAGMENT")

        def define(self, schema):
            declared.append(schema.partition("(")[0])

    monkeypatch.setattr(vision, "_declared", [])
    monkeypatch.setattr(torch.library, "Library", Library)
    plan.declared = declared
    return plan


def missing(operator):
    return RuntimeError(f"operator torchvision::{operator} does not exist")


def test_real_torchvision_imports_through_the_door_without_a_warning():
    """In a fresh process: here, beside whatever torch is installed, everything the course uses works."""
    script = """
import torch
from course_utils.runtime import torchvision, vision
module = torchvision()
assert torchvision() is module
import torchvision as plain
assert plain is module
from torchvision import datasets, transforms, utils
assert transforms.functional.resize(torch.zeros(1, 8, 8), [4, 4]).shape == (1, 4, 4)
assert utils.make_grid(torch.zeros(4, 1, 8, 8)).dim() == 3
boxes, scores = torch.tensor([[0., 0., 1., 1.]]), torch.ones(1)
if vision.operators_load():
    assert not vision._declared
    module.ops.nms(boxes, scores, 0.5)
else:
    try:
        module.ops.nms(boxes, scores, 0.5)
    except RuntimeError as error:
        assert "Couldn't load custom C++ ops" in str(error)
    else:
        raise AssertionError("an operator that is not there gave an answer")
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_nothing_is_declared_where_torchvision_imports(imports):
    imports("the module")
    assert vision.torchvision() == "the module"
    assert imports.declared == []


@pytest.mark.parametrize("operator", ["nms", "qnms"])
def test_both_schemas_are_declared_where_one_is_missed(imports, operator):
    left = imports(missing(operator), "the module")
    assert vision.torchvision() == "the module"
    assert imports.declared == ["nms", "qnms"]
    assert left == []


def test_half_imported_modules_are_dropped_before_the_second_try(imports, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.half_done", object())
    monkeypatch.setitem(sys.modules, "torchvision_of_somebody_else", object())
    kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "torchvision"}
    imports(missing("nms"), "the module")
    vision.torchvision()
    assert "torchvision.half_done" not in sys.modules
    assert "torchvision_of_somebody_else" in sys.modules
    kept.pop("torchvision.half_done")
    sys.modules.update(kept)  # other tests go on with the real one


@pytest.mark.parametrize(
    "error",
    [
        ImportError("No module named 'torchvision'"),
        RuntimeError(
            "Detected that PyTorch and torchvision were compiled with different CUDA major versions."
        ),
        missing("roi_align"),
        OSError("libcudart.so.12: cannot open shared object file"),
    ],
    ids=["absent", "other CUDA", "other operator", "library"],
)
def test_every_other_failure_is_shown_as_it_is(imports, error):
    imports(error, "never reached")
    with pytest.raises(type(error)) as caught:
        vision.torchvision()
    assert caught.value is error
    assert imports.declared == []


def test_failure_after_the_declaration_is_shown(imports):
    imports(missing("nms"), missing("qnms"))
    with pytest.raises(RuntimeError, match="torchvision::qnms does not exist"):
        vision.torchvision()
