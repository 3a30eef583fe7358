"""Where tensors live, and how many threads work on them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from course_utils.runtime.errors import CourseError

if TYPE_CHECKING:
    import torch

DEVICE_VARIABLE = "COURSE_DEVICE"


def _available(kind: str) -> bool:
    import torch

    if kind == "cuda":
        return torch.cuda.is_available()
    if kind == "mps":
        return torch.backends.mps.is_available()
    return kind == "cpu"


def device() -> torch.device:
    """The device the course computes on: the CPU, unless ``COURSE_DEVICE`` asks for another.

    The models of the course are small enough that a CPU trains them in seconds, and on a CPU
    the same seed gives the same figures to everybody. ``COURSE_DEVICE=cuda`` or ``mps`` takes an
    accelerator, ``auto`` takes the first that is there.

    Raises: CourseError if the device is unknown or this machine does not have it.
    """
    import torch

    kind = os.environ.get(DEVICE_VARIABLE, "").strip().lower() or "cpu"
    if kind == "auto":
        kind = next(kind for kind in ("cuda", "mps", "cpu") if _available(kind))
    if kind not in ("cpu", "cuda", "mps"):
        raise CourseError(f"{DEVICE_VARIABLE} is {kind!r}; choose 'cpu', 'cuda', 'mps' or 'auto'.")
    if not _available(kind):
        raise CourseError(
            f"{DEVICE_VARIABLE} asks for {kind!r}, which torch cannot use on this machine; "
            f"unset {DEVICE_VARIABLE} to work on the CPU."
        )
    return torch.device(kind)


def limit_threads(n_threads: int = 2) -> int:
    """Let torch use at most ``n_threads`` CPU threads, and return how many it uses now.

    Small matrices gain nothing from many threads and lose time to their coordination, and several
    notebooks on one machine get in each other's way. A lower setting is left alone.

    Raises: ValueError if ``n_threads`` is below 1.
    """
    import torch

    if n_threads < 1:
        raise ValueError(f"n_threads must be at least 1, but it is {n_threads}.")
    if torch.get_num_threads() > n_threads:
        torch.set_num_threads(n_threads)
    return torch.get_num_threads()
