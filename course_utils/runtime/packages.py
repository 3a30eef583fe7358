"""Which versions are installed, read without importing anything."""

import platform
from importlib import metadata

PACKAGES = (
    "course-utils",
    "torch",
    "torchvision",
    "numpy",
    "scikit-learn",
    "matplotlib",
    "jupyterlab",
    "ipywidgets",
    "ipykernel",
)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages a lecture stands on; "not installed" where one is missing.

    >>> versions()["python"] == platform.python_version()
    True
    """
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
