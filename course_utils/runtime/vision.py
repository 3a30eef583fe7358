"""The one door through which the course imports torchvision.

torchvision is two things: Python code (data sets, transforms, models) and a compiled library of
operators for object detection. The library only loads beside the very build of torch it was
compiled for. A CUDA build of torchvision beside a CPU-only torch, which is what a plain
``pip install`` can leave on a laptop, keeps quiet about the library and then fails on import with

    RuntimeError: operator torchvision::nms does not exist

because its Python code gives two of the missing operators, ``nms`` and ``qnms``, a shape rule.
A shape rule needs only the operator's *schema*, its signature. Declaring the two schemas is
therefore enough for everything else to import and work; the operators themselves stay absent and
say so when called. The course needs none of them.

Where the compiled library loads, nothing is declared: the import is tried first.
"""

from __future__ import annotations

import importlib
import re
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_SCHEMAS = {"nms": f"nms{_SIGNATURE}", "qnms": f"qnms{_SIGNATURE}"}
_MISSING = re.compile(r"operator torchvision::(\w+) does not exist")

# torch forgets a schema when the Library object that declared it is collected.
_declared: list[torch.library.Library] = []


def torchvision() -> ModuleType:
    """Import torchvision and return it, also where its compiled operators do not load.

    After the first call a plain ``import torchvision`` works too.

    Raises: whatever ``import torchvision`` raises, except for the one failure explained at the top
    of this file.

    References: torch.library, https://docs.pytorch.org/docs/stable/library.html
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        missing = _MISSING.fullmatch(str(error))
        if _declared or missing is None or missing[1] not in _SCHEMAS:
            raise
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS.values():
        library.define(schema)
    _declared.append(library)
    # The failed import leaves submodules behind that would be taken for complete ones.
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    return importlib.import_module("torchvision")


def operators_load() -> bool:
    """True where torchvision's compiled operators work, False where only its Python code does."""
    torchvision()
    return bool(importlib.import_module("torchvision.extension")._has_ops())
