"""Seeds, device, threads, clear errors, and the one door through which torchvision is imported.

``import course_utils.runtime`` costs next to nothing, so that a ``course`` command that needs no tensors starts at
once: torch and torchvision are imported by the functions that use them, and the checks of ``course doctor`` live in
:mod:`course_utils.runtime.doctor`.
"""

from course_utils.runtime.errors import CourseError
from course_utils.runtime.hardware import device, limit_threads
from course_utils.runtime.packages import versions
from course_utils.runtime.seeds import seed_everything
from course_utils.runtime.vision import torchvision

__all__ = ["CourseError", "device", "limit_threads", "seed_everything", "torchvision", "versions"]
