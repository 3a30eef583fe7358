"""What lecture 11 has to watch beyond values: how much of two images there is in a blend, and how one was enlarged."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises.observers import UNCHANGED, Answer, Arrays, Inputs, as_array, positional

SHAPE = "shape of the result"
SHARES = "shares of low and of high in the result"
ENLARGED = "low is enlarged by repeating pixels, or by going straight from one to the next"
LEFT_OVER = "size of what is neither low nor high"
LOW_REACHED, HIGH_REACHED = "a gradient reaches low", "a gradient reaches high"
OF_LOW, OF_HIGH = "gradient with respect to low, summed over each map", "gradient with respect to high"


def faded(answer: Answer, inputs: Inputs) -> Arrays:
    """Call ``answer(low, high, alpha)`` and say how much of either is in the result, however low was enlarged.

    Enlarged by repeating pixels or bilinearly, with the corners of the maps aligned or not: any of the three will
    do, and the one that leaves least over is held against the answer. Each row of the gradient's weights sums to 1
    in all three, so the gradient with respect to low is compared after summing over each map.
    """
    arguments = positional(inputs)
    low, high = arguments[0].requires_grad_(), arguments[1].requires_grad_()
    result = answer(*arguments)
    seen = as_array(result)
    arrays = {
        SHAPE: torch.tensor(seen.shape),
        UNCHANGED: torch.tensor(torch.equal(low, inputs["low"]) and torch.equal(high, inputs["high"])),
    }
    of_low, of_high = _gradients(result, seen, low, high)
    arrays[LOW_REACHED], arrays[HIGH_REACHED] = (torch.tensor(g is not None) for g in (of_low, of_high))
    arrays[OF_LOW] = torch.zeros(low.shape[:2]) if of_low is None else of_low.sum((2, 3)).float()
    arrays[OF_HIGH] = torch.zeros_like(high) if of_high is None else of_high
    if seen.shape != high.shape or not seen.isfinite().all():
        missing = torch.tensor(torch.nan)
        return arrays | {SHARES: missing.expand(2), LEFT_OVER: missing, ENLARGED: torch.tensor(False)}
    shares, left_over = min(
        (_explain(seen, up, inputs["high"]) for up in _enlarged(inputs)), key=lambda e: e[1]
    )
    return arrays | {SHARES: shares, LEFT_OVER: left_over, ENLARGED: left_over < 1e-3}


def _enlarged(inputs: Inputs) -> list[Tensor]:
    low, size = inputs["low"], inputs["high"].shape[2:]
    return [
        F.interpolate(low, size=size, mode="nearest"),
        F.interpolate(low, size=size, mode="bilinear", align_corners=False),
        F.interpolate(low, size=size, mode="bilinear", align_corners=True),
    ]


def _explain(seen: Tensor, up: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Least squares: the result as a combination of both, and the root mean square of what is left over."""
    target = seen.double().flatten()
    columns = torch.stack([up.double().flatten(), high.double().flatten()], 1)
    shares = torch.linalg.solve(columns.T @ columns, columns.T @ target)
    return shares, (target - columns @ shares).square().mean().sqrt()


def _gradients(
    result: Tensor, seen: Tensor, low: Tensor, high: Tensor
) -> tuple[Tensor | None, Tensor | None]:
    """Of a sum in which every map has a weight of its own."""
    if not (isinstance(result, Tensor) and result.requires_grad):
        return None, None
    maps = torch.linspace(0.5, 1.5, seen[..., 0, 0].numel(), dtype=seen.dtype).view(seen.shape[:-2])
    scalar = (result * maps[..., None, None]).sum()
    return torch.autograd.grad(scalar, (low, high), allow_unused=True)
