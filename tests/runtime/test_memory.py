"""Freed memory stays with the process: the kernel need not clear the same pages at every step."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, torch
from course_utils.runtime import keep_freed_memory
torch.set_num_threads(1)
kept = {keep} and keep_freed_memory()

def step():
    activations = [torch.ones(2_000_000) for _ in range(10)]  # 8 MB each, all needed until the step is over

step(), step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages_cleared(*, keep: bool) -> tuple[bool, int]:
    program = PROGRAM.format(keep=keep)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    kept, faults = done.stdout.split()
    return kept == "True", int(faults)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is one of glibc")
def test_memory_that_a_step_frees_is_there_for_the_next() -> None:
    kept, with_it = pages_cleared(keep=True)
    _, without = pages_cleared(keep=False)
    assert kept
    assert with_it < without / 20  # of 5 times 80 MB


def test_elsewhere_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    from course_utils.runtime import memory

    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: pytest.fail("the C library was touched"))
    assert memory.keep_freed_memory.__wrapped__() is False


def test_training_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from course_utils import training
    from course_utils.adversarial import training as game

    asked: list[str] = []
    monkeypatch.setattr(training, "keep_freed_memory", lambda: asked.append("fit"))
    monkeypatch.setattr(game, "keep_freed_memory", lambda: asked.append("game"))
    layer, data = torch.nn.Linear(1, 1), (torch.ones(4, 1),)
    training.fit(layer, lambda model, x: model(x).mean(), data, epochs=1, generator=None)
    game.fit_adversarial(lambda x: x.mean(), lambda x: x.mean(), data, steps=1, generator=None)
    assert asked == ["fit", "game"]
