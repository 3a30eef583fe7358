"""The environment that every lecture's kernel gets: when it is built, and when nbval runs it again."""

import os
from pathlib import Path

KERNEL_ENV = {
    "TQDM_DISABLE": "1",  # progress bars hold times, which differ from run to run
    "PYTHONHASHSEED": "0",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "OMP_NUM_THREADS": "1",  # sums in the same order on every machine, and lectures can run side by side
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}

# Settings of the user's, or of a test run, that would change what a lecture prints.
FOREIGN = ("COURSE_DATASET", "COURSE_DATA_DIR", "PYTHONWARNINGS", "FORCE_COLOR", "PYTHONSTARTUP")


def kernel_env(home: Path) -> dict[str, str]:
    """Return the environment of a clean kernel: the course's settings, and nothing of the user's own.

    Parameters
    ----------
    home : Path
        A fresh folder that stands in for the course's home (progress) and IPython's profile.
    """
    env = {key: value for key, value in os.environ.items() if key not in FOREIGN}
    return env | KERNEL_ENV | {"COURSE_HOME": str(home / "course"), "IPYTHONDIR": str(home / "ipython")}
