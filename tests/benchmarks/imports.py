"""What importing the package costs over importing torch; the goal is 0.3 s."""

import subprocess
import sys

from tests.benchmarks.frame import Table, median, take_turns

STATEMENTS = {
    "torch": "import torch",
    "course_utils": "import torch, course_utils",
    "course_utils.exercises": "import torch, course_utils.exercises",
    "course_utils.training": "import torch, course_utils.training",
    "course_utils.plotting": "import torch, course_utils.plotting",
    "course_utils.widgets": "import torch, course_utils.widgets",
}


def run(rounds: int = 7) -> Table:
    commands = {name: [sys.executable, "-c", code] for name, code in STATEMENTS.items()}
    contenders = {name: lambda c=c: subprocess.run(c, check=True) for name, c in commands.items()}
    samples = take_turns(contenders, rounds)
    table = Table(
        "Import time",
        f"Each in a new process, {rounds} rounds. The first row is the whole of `import torch`; the others are what "
        "comes on top of it. The goal for `course_utils` is 0.3 s.",
        ("import", "CPU s", "wall s"),
        [
            (
                "torch, all of it",
                *(median([getattr(s, kind) for s in samples["torch"]]) for kind in ("cpu", "wall")),
            )
        ],
    )
    for name in list(STATEMENTS)[1:]:
        extra = zip(samples[name], samples["torch"], strict=True)
        cpu, wall = zip(*((a.cpu - b.cpu, a.wall - b.wall) for a, b in extra), strict=True)
        table.rows.append((name, median(cpu), median(wall)))
    return table
