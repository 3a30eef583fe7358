"""What lecture 7's checks watch beyond one value: tables of calls, whole numbers, and a decoder being asked."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils.exercises.observers import UNCHANGED, Answer, Arrays, Inputs, NonsenseError, as_array

WHOLE = "every result is an int"


def weights_at(answer: Answer, inputs: Inputs) -> Arrays:
    """One number per call in ``inputs["_calls"]``, a list of lists of positional arguments."""
    return {"result": torch.stack([_number(answer(*arguments)) for arguments in inputs["_calls"]])}


def counts(answer: Answer, inputs: Inputs) -> Arrays:
    """One count per code, which are ``"_code 0"``, ``"_code 1"``..., with a threshold each in ``"_thresholds"``."""
    originals = [value for name, value in inputs.items() if name.startswith("_code")]
    codes = [code.clone() for code in originals]
    results = [answer(*pair) for pair in zip(codes, inputs["_thresholds"], strict=True)]
    whole = [isinstance(r, int | np.integer) and not isinstance(r, bool | np.bool_) for r in results]
    return {
        "result": torch.stack([_number(result) for result in results]),
        WHOLE: torch.tensor(all(whole)),
        UNCHANGED: torch.tensor(all(map(torch.equal, codes, originals))),
    }


def one_number(answer: Answer, inputs: Inputs) -> Arrays:
    """A number, 0-d tensor or float alike, and whether the arguments were left alone."""
    arguments = [a.clone() if isinstance(a, Tensor) else a for k, a in inputs.items() if k[0] != "_"]
    result = answer(*arguments)
    return {"result": _number(result), UNCHANGED: _left_alone(arguments, inputs)}


class Decoder:
    """``logits = scale * (tanh(z A) B + c)`` as images: every coordinate shows in every pixel."""

    def __init__(self, inputs: Inputs) -> None:
        self.a, self.b, self.c, self.scale = (inputs[f"_{name}"] for name in ("a", "b", "c", "scale"))

    def __call__(self, z: Tensor) -> Tensor:
        """Logits (n, 1, 28, 28) of codes (n, D)."""
        if z.ndim != 2 or z.shape[1] != len(self.a):
            raise ValueError(f"the decoder takes codes (n, {len(self.a)}), and was given {tuple(z.shape)}")
        logits = self.scale * (torch.tanh(z @ self.a) @ self.b + self.c)
        return logits.reshape(len(z), 1, 28, 28)


def traversal(answer: Answer, inputs: Inputs) -> Arrays:
    """The images along one coordinate, for a decoder made from plain numbers."""
    arguments = [a.clone() if isinstance(a, Tensor) else a for k, a in inputs.items() if k[0] != "_"]
    result = answer(Decoder(inputs), *arguments)
    if not isinstance(result, Tensor):
        raise NonsenseError(f"it returns a {type(result).__name__} where a tensor of images is expected")
    return {"result": as_array(result), UNCHANGED: _left_alone(arguments, inputs)}


def _number(result: Any) -> Tensor:
    array = as_array(result)
    if array.shape != ():
        raise NonsenseError(
            f"it returns something of shape {tuple(array.shape)} where one number is expected"
        )
    return array.double()


def _left_alone(arguments: list, inputs: Inputs) -> Tensor:
    originals = [value for name, value in inputs.items() if name[0] != "_"]
    pairs = zip(arguments, originals, strict=True)
    return torch.tensor(all(torch.equal(a, b) for a, b in pairs if isinstance(b, Tensor)))
