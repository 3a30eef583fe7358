"""Seeds, device, threads, versions, and the error that shows as one line."""

import platform
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from course_utils import runtime


def test_seed_everything_repeats_all_four_sources():
    def draws():
        generator = runtime.seed_everything(7)
        return (
            random.random(),
            np.random.rand(),  # noqa: NPY002
            torch.rand(1).item(),
            torch.rand(1, generator=generator).item(),
        )

    first = draws()
    assert first == draws()
    assert first[2] == first[3]  # the generator is seeded alike, and is its own
    assert runtime.seed_everything(8).initial_seed() == 8


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_outside_the_range_is_refused(seed):
    with pytest.raises(ValueError, match=rf"seed must lie in \[0, 2\*\*32\), but it is {seed}"):
        runtime.seed_everything(seed)


def test_device_is_the_cpu_unless_asked(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("COURSE_DEVICE", raising=False)
    assert runtime.device() == torch.device("cpu")
    monkeypatch.setenv("COURSE_DEVICE", "CUDA")
    assert runtime.device() == torch.device("cuda")
    monkeypatch.setenv("COURSE_DEVICE", "auto")
    assert runtime.device() == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert runtime.device() == torch.device("cpu")


def test_device_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("COURSE_DEVICE", "cuda")
    with pytest.raises(
        runtime.CourseError, match=r"asks for 'cuda', which torch cannot use .* unset COURSE_DEVICE"
    ):
        runtime.device()
    monkeypatch.setenv("COURSE_DEVICE", "gpu")
    with pytest.raises(
        runtime.CourseError, match=r"COURSE_DEVICE is 'gpu'; choose 'cpu', 'cuda', 'mps' or 'auto'\."
    ):
        runtime.device()


def test_limit_threads_only_ever_lowers():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert runtime.limit_threads(2) == 2
        assert torch.get_num_threads() == 2
        assert runtime.limit_threads(5) == 2
    finally:
        torch.set_num_threads(before)
    with pytest.raises(ValueError, match="n_threads must be at least 1, but it is 0"):
        runtime.limit_threads(0)


def test_versions_name_what_is_installed(monkeypatch):
    found = runtime.versions()
    assert found["python"] == platform.python_version()
    assert found["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert found["numpy"] == np.__version__
    monkeypatch.setattr("course_utils.runtime.packages.PACKAGES", ("no-such-package",))
    assert runtime.versions()["no-such-package"] == "not installed"


def test_course_error_is_one_line_in_a_notebook_and_whole_elsewhere():
    """Through IPython itself: the same code path a kernel takes."""
    script = """
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
config = Config()
config.HistoryManager.enabled = False
shell = InteractiveShell(config=config)
result = shell.run_cell("from course_utils import data\\ndata.load('imagenet')")
assert type(result.error_in_exec).__name__ == "CourseError", result
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.strip().splitlines()
    assert lines == [
        "CourseError: There is no data set 'imagenet'; choose one of digits, shapes, mnist, fashion_mnist."
    ]


def test_subclass_shows_its_own_name():
    class DivergedError(runtime.CourseError):
        pass

    assert DivergedError("The loss is not finite.")._render_traceback_() == [
        "DivergedError: The loss is not finite."
    ]


def test_import_brings_nothing_heavy():
    script = """
import sys
import course_utils.runtime, course_utils.data
heavy = {"torchvision", "sklearn", "matplotlib", "ipywidgets", "scipy", "IPython"} & set(sys.modules)
assert not heavy, heavy
course_utils.data.load("digits")
assert "sklearn" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
