"""A class of a thousand in one call: how fast, and how much memory after ten, a hundred and a thousand submissions."""

import json
import os
import tempfile
import time
from pathlib import Path

import psutil

from course_utils.grading.records import Record
from course_utils.grading.run import grade
from course_utils.grading.sandbox import NoSandboxError
from tests.benchmarks.frame import CannotMeasure, Table

ROOT = Path(__file__).parents[2]
NAME = "04_gaussian_kl"
MARKS = (10, 100, 1000)


def run(n: int = MARKS[-1]) -> Table:
    notebook = (ROOT / "solutions" / f"{NAME}.ipynb").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        submissions, out = Path(folder) / "submissions", Path(folder) / "grades"
        for i in range(n):
            place = submissions / f"student{i:04}"
            place.mkdir(parents=True)
            (place / f"{NAME}.ipynb").write_text(_signed(notebook, i), encoding="utf-8")
        rows = _Rows()
        try:
            grade(submissions, out, lectures=ROOT / "lectures", seed=1, done=rows.done)
        except NoSandboxError as reason:
            raise CannotMeasure(str(reason)) from reason
    return Table(
        "A class of a thousand",
        f"{n:,} submissions of {NAME}, all answers right, in one call on one process; memory is that "
        "of the grader and of the sandbox, resident, once a jail has ended. Submissions per second since the start, "
        "which loads torch in the sandbox.",
        (
            "submissions",
            "grader MB",
            "sandbox MB",
            "wall s",
            "CPU s of the jails, each",
            "submissions per second",
        ),
        rows.rows,
    )


class _Rows:
    """Looks at the memory when so many have been graded."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, ...]] = []
        self.began, self.n, self.cpu = time.perf_counter(), 0, 0.0

    def done(self, record: Record, _: bool) -> None:
        assert record.points == record.max_points, record
        self.n, self.cpu = self.n + 1, self.cpu + record.cpu
        if self.n not in MARKS:
            return
        wall = time.perf_counter() - self.began
        here = psutil.Process(os.getpid())
        sandbox = [process.memory_info().rss for process in here.children(recursive=True)]
        megabytes = [f"{size / 2**20:.0f}" for size in (here.memory_info().rss, sum(sandbox))]
        self.rows.append(
            (f"{self.n:,}", *megabytes, f"{wall:.0f}", f"{self.cpu / self.n:.3f}", f"{self.n / wall:.1f}")
        )


def _signed(notebook: str, i: int) -> str:
    """No two students hand in the same bytes."""
    content = json.loads(notebook)
    cell = {"cell_type": "markdown", "id": f"name{i:04}", "metadata": {}, "source": f"Student {i}"}
    return json.dumps({**content, "cells": [cell, *content["cells"]]})
