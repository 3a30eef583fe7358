"""Lecture 11's games with more seeds and more steps: label, growing, style and the plain game, by one ruler."""

import statistics

import torch

from course_utils.data import load
from course_utils.metrics import feature_net, frechet_distance, precision_recall
from course_utils.zoo import CONTESTANTS, Budget, progressive_gan
from tests.benchmarks.frame import Table, measure

GAMES = {
    "plain": CONTESTANTS["GAN"],
    "conditional": CONTESTANTS["conditional GAN"],
    "progressive": CONTESTANTS["progressive GAN"],
    "not grown": progressive_gan((0, 0, 1)),
    "style": CONTESTANTS["style GAN"],
}
# steps -> game -> seeds; whether growing helps is asked where a game is still young
SEEDS = {200: dict.fromkeys(GAMES, 3), 1000: {name: 2 for name in GAMES if name != "not grown"}}
N_SAMPLES = 1000


def play(name: str, steps: int, seed: int) -> tuple[float, float, float, float]:
    """Frechet distance, precision and recall of one game's samples, and the CPU seconds it was played for."""
    data = load()
    ruler = feature_net(data)
    generator = torch.manual_seed(seed)
    budget = Budget(steps=steps, batch_size=32, latent_dim=16, width=16)
    trained = []
    took = measure(lambda: trained.append(GAMES[name](data, budget, generator)))
    with torch.no_grad():
        real, made = ruler(data.test_images), ruler(trained[0].sample(N_SAMPLES))
    return frechet_distance(real, made), *precision_recall(real, made), took.cpu


def run() -> Table:
    table = Table(
        "Modern GANs",
        f"The games of lecture 11 on {load().name}, batches of 32, a few seeds, whose values stand one by one: "
        f"Frechet distance, precision and recall of {N_SAMPLES:,} samples against the test images, in the "
        "course's feature network. Not grown: the progressive game's networks, at 28x28 from the first step on.",
        ("game", "steps", "distance", "precision", "recall", "CPU s"),
    )
    for steps, games in SEEDS.items():
        for name, n_seeds in games.items():
            *quality, seconds = zip(*(play(name, steps, seed) for seed in range(n_seeds)), strict=True)
            shown = [
                ", ".join(f"{value:.{digits}f}" for value in values)
                for values, digits in zip(quality, (3, 2, 2), strict=True)
            ]
            table.rows.append((name, f"{steps:,}", *shown, f"{statistics.mean(seconds):.1f}"))
    return table
