"""`python -m tests.benchmarks`: measure everything and write RESULTS.md; with names, measure those and only print."""

import os

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # before torch is imported, here and in the processes started from here
os.environ.setdefault("MPLBACKEND", "agg")
os.environ["TQDM_DISABLE"] = "1"

import sys
import traceback
import warnings
from importlib import import_module
from pathlib import Path

import torch

from tests.benchmarks.frame import CannotMeasure, machine

BENCHMARKS = (
    "imports",
    "checks",
    "grading",
    "grading_many",
    "widgets",
    "browser",
    "lectures",
    "image_layers",
    "training_loop",
    "training_growth",
    "time_to_quality",
    "vae_quality",
    "zoo",
    "modern_gans",
)
RESULTS = Path(__file__).with_name("RESULTS.md")

INTRODUCTION = """# Measured

Written by `make bench`. Times are medians, with the smallest and the largest in brackets; ratios are taken within each
round of one run, in which contenders take turns. CPU time is the main figure: it hardly depends on what else runs.
"""


def main(names: list[str]) -> int:
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        print(
            f"There is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}.", file=sys.stderr
        )
        return 2
    torch.set_num_threads(1)
    broken: list[str] = []
    sections = [INTRODUCTION, machine() + "\n"]
    for name in names or BENCHMARKS:
        print(f"... {name}", file=sys.stderr)
        try:
            section = import_module(f"tests.benchmarks.{name}").run().markdown()
        except Exception as reason:  # one that breaks must not cost the figures of the others
            if not isinstance(reason, CannotMeasure):
                traceback.print_exc()
                broken.append(name)
            section = f"## {name}\n\nNot measured: {reason}\n"
        print(section, flush=True)
        sections.append(section)
    if not names:
        RESULTS.write_text("\n".join(sections), encoding="utf-8")
    return 1 if broken else 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main(sys.argv[1:]))
