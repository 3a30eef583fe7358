"""All models of the course on one data set with one budget: lecture 12's table, at a budget worth seeing."""

import torch
from torch import Tensor

from course_utils.data import load
from course_utils.metrics import feature_net
from course_utils.zoo import CONTESTANTS, Budget, measure, train
from tests.benchmarks.frame import Table

BUDGET = Budget(steps=800, batch_size=32, latent_dim=8, hidden_dim=128, width=8)
SEEDS = range(3)
DIGITS = (1, 1, 2, 1, 1, 4)  # behind the point, by column; the last column is a yes or no


def score(name: str) -> Tensor:
    """The rows of one model, one for each seed: (seeds, 7)."""
    data = load()
    net = feature_net(data)
    rows = [measure(train(name, data, BUDGET, seed=seed), data, net) for seed in SEEDS]
    return torch.stack([row.tensor() for row in rows])


def entry(column: Tensor, digits: int) -> str:
    """Mean and standard error over seeds; a dash where the model has no such number."""
    if column.isnan().any():
        return "–"
    error = column.std() / len(column) ** 0.5
    return f"{column.mean():.{digits}f} ± {error:.{digits}f}"


def run() -> Table:
    table = Table(
        "Generative zoo",
        f"The models of the course on {load().name}, {BUDGET.steps} steps with batches of {BUDGET.batch_size} each, "
        f"{BUDGET.latent_dim} latents; means over {len(SEEDS)} seeds with standard errors. The bound is in nats per "
        "black and white test image (conditional VAE: of log p(x), labels summed out; RBM: estimated by annealing; "
        "AVB: the part of the KL that is not Gaussian as its T says), the error a squared error per image, the "
        "Frechet distance that of 300 samples from the test images in the course's feature network; sampling is for "
        "100 images.",
        ("model", "bound", "error", "Frechet", "classes", "train, CPU s", "sample, CPU s", "infers"),
    )
    for name in CONTESTANTS:
        columns = score(name).T
        shown = [entry(column, digits) for column, digits in zip(columns[:-1], DIGITS, strict=True)]
        table.rows.append((name, *shown, "yes" if columns[-1].mean() > 0 else "no"))
    return table
