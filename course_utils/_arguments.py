"""What the mathematics does with its arguments at the door."""

import torch
from torch import Tensor


def require_same_shape(**tensors: Tensor) -> None:
    """Refuse tensors of different shapes, naming each with its shape: broadcasting would hide the mistake."""
    if len({tuple(tensor.shape) for tensor in tensors.values()}) > 1:
        shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in tensors.items())
        raise ValueError(f"expected tensors of one shape, got {shapes}")


def as_tensors(*values: Tensor | float) -> list[Tensor]:
    """Let numbers stand beside tensors: they take the dtype and device of the first floating tensor."""
    floating = (value for value in values if isinstance(value, Tensor) and value.is_floating_point())
    like = next(floating, torch.empty(()))
    return [value if isinstance(value, Tensor) else like.new_tensor(value) for value in values]
