"""How the course's loop grows with images, batch size and code size, and the memory that it and the usual loop need."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Subset

from course_utils.elbo import negative_elbo
from course_utils.models import VAE, MLPDecoder, MLPEncoder
from course_utils.training import fit
from tests.benchmarks import usual
from tests.benchmarks.frame import CannotMeasure, Sample, Table, median, take_turns
from tests.benchmarks.usual import BATCH

STATUS = Path("/proc/self/status")
CODE = 20
N_IMAGES = (1_000, 6_000, 20_000, 60_000)
BATCHES = (32, 64, 256)
CODES = (2, 100)
N_SHORT = 6_000  # images in a run that varies something else than their number


def epoch(images: Tensor, batch: int = BATCH, code: int = CODE) -> None:
    fit(
        VAE(MLPEncoder(code), MLPDecoder(code)),
        lambda model, x: negative_elbo(x, *model(x)),
        (images,),
        epochs=1,
        batch_size=batch,
        generator=None,
    )


def import_only() -> None:
    """What a process holds before it loads any image."""


def usual_short() -> None:
    usual.train_vae(VAE(MLPEncoder(CODE), MLPDecoder(CODE)), Subset(usual.mnist_dataset(), range(N_SHORT)))


def course_short() -> None:
    epoch(usual.mnist_images()[:N_SHORT])


def peak_megabytes(work: Callable[[], object]) -> float:
    """Peak of the resident memory of a process of its own that does ``work``."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_peak_here, work).result()


def _peak_here(work: Callable[[], object]) -> float:
    torch.set_num_threads(1)
    work()
    # not ru_maxrss, which a new process inherits from the one that started it
    (row,) = (row for row in STATUS.read_text().splitlines() if row.startswith("VmHWM:"))
    return int(row.split()[1]) / 1024


def run(rounds: int = 3) -> Table:
    if not STATUS.exists():
        raise CannotMeasure(f"there is no {STATUS}, in which Linux says what a process holds.")
    images = usual.mnist_images()
    short = images[:N_SHORT]
    runs = {(f"{n:,}", BATCH, CODE): (n, lambda n=n: epoch(images[:n])) for n in N_IMAGES}
    runs |= {
        (f"{N_SHORT:,}", batch, CODE): (N_SHORT, lambda b=batch: epoch(short, batch=b)) for batch in BATCHES
    }
    runs |= {(f"{N_SHORT:,}", BATCH, code): (N_SHORT, lambda c=code: epoch(short, code=c)) for code in CODES}
    samples: dict[tuple, list[Sample]] = take_turns({key: work for key, (_, work) in runs.items()}, rounds)
    bare, theirs, ours = (peak_megabytes(work) for work in (import_only, usual_short, course_short))
    table = Table(
        "Growth of the training loop",
        f"One epoch of the MLP VAE (784-400-code) with the course's loop on MNIST, {rounds} rounds. Peak memory of a "
        f"process that loads MNIST and trains on {N_SHORT:,} of its images: {theirs:.0f} MB with the usual loop, which "
        f"keeps bytes, {ours:.0f} MB with the course's, which keeps all 70,000 images as floats; {bare:.0f} MB before "
        "anything is loaded.",
        ("images", "batch", "code", "CPU s", "CPU µs per image"),
    )
    for key, (n, _) in runs.items():
        cpu = [s.cpu for s in samples[key]]
        table.rows.append((*map(str, key), median(cpu), median(cpu, unit=1e6 / n, digits=0)))
    return table
