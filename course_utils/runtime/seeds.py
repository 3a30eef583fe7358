"""One call that makes a notebook repeatable."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def seed_everything(seed: int) -> torch.Generator:
    """Seed Python, NumPy and torch, and return a generator to hand to everything that draws.

    Library code takes the generator explicitly; the three global seeds are for what cannot,
    the initial weights of ``torch.nn`` layers above all.

    Parameters: ``seed``, an integer in [0, 2**32), the range NumPy accepts.
    Returns: a fresh CPU generator seeded with the same number.
    Raises: ValueError if ``seed`` is outside that range.

    >>> import torch
    >>> torch.equal(torch.rand(3, generator=seed_everything(0)), torch.rand(3, generator=seed_everything(0)))
    True
    """
    import numpy as np
    import torch

    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must lie in [0, 2**32), but it is {seed}.")
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (libraries that draw from NumPy's global state)
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)
