"""What grading one submission costs: against importing torch once, and against nbgrader's autograde."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from course_utils.grading.lectures import read_lectures
from course_utils.grading.sandbox import NoSandboxError
from course_utils.grading.worker import Settings, Task, Worker
from tests.benchmarks.frame import CannotMeasure, Sample, Table, median, take_turns

ROOT = Path(__file__).parents[2]
LECTURES = ("04_gaussian_kl", "05_reparameterization")
AUTOGRADES = 3


class Meter:
    """Grades a notebook, and knows the CPU time of judge, sandbox and jail together."""

    def __init__(self, worker: Worker, task: Task) -> None:
        self.worker, self.task = worker, task

    def __call__(self) -> Sample:
        inside, began, own = self._cpu_inside(), time.perf_counter(), time.process_time()
        record = self.worker.grade(self.task)
        own, wall = time.process_time() - own, time.perf_counter() - began
        assert record.points == record.max_points, record
        return Sample(wall, own + self._cpu_inside() - inside)

    def _cpu_inside(self) -> float:
        sandbox = psutil.Process(self.worker.zygote.process_id)
        times = [process.cpu_times() for process in (sandbox, *sandbox.children(recursive=True))]
        # What the jails used stands with the zygote as its ended children.
        return sum(t.user + t.system + t.children_user + t.children_system for t in times)


def run(rounds: int = 15) -> Table:
    lectures = read_lectures(ROOT / "lectures")
    names = [name for name in LECTURES if (ROOT / "solutions" / f"{name}.ipynb").exists()]
    try:
        worker = Worker(Settings(lectures, seed=1, version="benchmark"))
    except NoSandboxError as reason:
        raise CannotMeasure(str(reason)) from reason
    with worker.zygote, tempfile.TemporaryDirectory() as folder:
        rows = [_row(name, worker, Path(folder), rounds) for name in names]
    return Table(
        "Grading",
        f"A submission with all answers right, after a first one that is not counted, {rounds} rounds: judge, sandbox "
        "and jail together, in turn with `python -c 'import torch'`; and `nbgrader autograde` of the same notebook, "
        f"{AUTOGRADES} times; times is the ratio of the medians. The goals: at most a quarter of the former, and a "
        "hundredth of the latter.",
        (
            "lecture",
            "submission, CPU s",
            "wall s",
            "torch, CPU s",
            "share",
            "autograde, CPU s",
            "wall s",
            "times",
        ),
        rows,
    )


def _row(name: str, worker: Worker, folder: Path, rounds: int) -> tuple[str, ...]:
    data = (ROOT / "solutions" / f"{name}.ipynb").read_bytes()
    meter = Meter(worker, Task("student", f"{name}.ipynb", int(name[:2]), data))
    meter()
    grading: list[Sample] = []
    torch = [sys.executable, "-c", "import torch"]
    contenders: dict[str, Callable[[], object]] = {
        "grade": lambda: grading.append(meter()),
        "torch": lambda: subprocess.run(torch, check=True),
    }
    imports = take_turns(contenders, rounds)["torch"]
    cpu, wall = [s.cpu for s in grading], [s.wall for s in grading]
    shares = [100 * a / b.cpu for a, b in zip(cpu, imports, strict=True)]
    slow = _autograde(name, data, folder)
    slow_cpu, slow_wall = [s.cpu for s in slow], [s.wall for s in slow]
    times = statistics.median(slow_cpu) / statistics.median(cpu)
    return (
        name, median(cpu, digits=3), median(wall), median([s.cpu for s in imports]), median(shares, digits=1) + " %",
        median(slow_cpu, digits=1), median(slow_wall, digits=1), f"{times:.0f}",
    )  # fmt: skip


def _autograde(name: str, data: bytes, folder: Path) -> list[Sample]:
    """nbgrader's own way with the same notebook: it runs all of it, checks included, in a kernel."""
    for place, content in {
        f"source/{name}": _without_outputs((ROOT / "solutions" / f"{name}.ipynb").read_bytes()),
        f"submitted/student/{name}": _without_outputs(data),
    }.items():
        (folder / place).mkdir(parents=True)
        (folder / place / f"{name}.ipynb").write_bytes(content)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    # The kernel needs the package, and nothing of what this test run may have set up for coverage or display.
    environment["PYTHONPATH"] = str(ROOT)

    def nbgrader(*arguments: str) -> None:
        command = [sys.executable, "-m", "nbgrader", *arguments]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise CannotMeasure(f"nbgrader {arguments[0]}: {done.stderr[-300:]}")

    nbgrader("generate_assignment", name, "--force")
    return take_turns({"autograde": lambda: nbgrader("autograde", name, "--force")}, AUTOGRADES)["autograde"]


def _without_outputs(data: bytes) -> bytes:
    notebook = json.loads(data)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    return json.dumps(notebook).encode()
