"""Settings for every test run: notebooks under nbval get the environment that they were built in."""

import contextlib
import os
import socket
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from jupyter_core.utils import ensure_event_loop
from xdist.scheduler import LoadScopeScheduling

from course_utils.notebooks.environment import FOREIGN, KERNEL_ENV

HOME = pytest.StashKey[Path]()

# Grading needs bubblewrap and limits that only Linux has.
collect_ignore = [] if sys.platform == "linux" else ["tests/grading"]

# nbval leaves its kernels' sockets and null device to the garbage collector, which strikes during any later
# test. Only those are named here: what our own code leaves open still counts as an error.
LEFT_BY_NBVAL = (
    "ignore:unclosed <socket.socket:ResourceWarning",
    "ignore:unclosed file <_io.TextIOWrapper name='(/dev/null|nul)':ResourceWarning",
)


def pytest_configure(config: pytest.Config) -> None:
    """Set the environment of all kernels, and undo what is left at the end."""
    for line in LEFT_BY_NBVAL:
        config.addinivalue_line("filterwarnings", line)
    home = tempfile.TemporaryDirectory(prefix="course-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(home.cleanup)
    config.add_cleanup(lambda: ensure_event_loop().close())  # the one on which nbval talks to its kernels
    config.stash[HOME] = Path(home.name)
    for key in set(FOREIGN) - {"COURSE_DATA_DIR"}:  # the tests of the original MNIST files read that one
        os.environ.pop(key, None)
    os.environ.update(KERNEL_ENV)
    _use_home(config, "tests")
    if sys.platform == "linux":
        _raise_loopback()
    if config.getoption("nbval", False) or config.getoption("nbval_lax", False):
        from tests.forked import fork_kernels

        fork_kernels()


class ByFileOrExercise(LoadScopeScheduling):
    """Keep together, on one core, what shares a kernel or remembered work: a file, or the tests of one exercise."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        parameters = test.partition("[")[2].rstrip("]")  # the exercise comes first
        return parameters.partition("-")[0] if file.endswith("test_definitions.py") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFileOrExercise:
    """Spread the tests over the cores in our own portions, whatever ``--dist`` says."""
    return ByFileOrExercise(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give each notebook a course home of its own: progress in one lecture must not show in another."""
    is_notebook = item.path.suffix == ".ipynb"
    _use_home(item.config, f"{item.path.parent.name}-{item.path.stem}" if is_notebook else "tests")


def _raise_loopback() -> None:
    """Where the network was cut with ``unshare -n``, the loopback interface is down too, and kernels talk over it."""
    import fcntl

    get_flags, set_flags, up = 0x8913, 0x8914, 0x1
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        name, flags = struct.unpack("16sh", fcntl.ioctl(any_socket, get_flags, struct.pack("16sh", b"lo", 0)))
        if not flags & up:
            fcntl.ioctl(any_socket, set_flags, struct.pack("16sh", name, flags | up))


def _use_home(config: pytest.Config, name: str) -> None:
    home = config.stash[HOME] / name
    os.environ.update(COURSE_HOME=str(home / "course"), IPYTHONDIR=str(home / "ipython"))
