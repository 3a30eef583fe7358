r"""Lecture 12's player: a chain of Gibbs steps, frame by frame, and the free energy on its way.

On the left the visible units that were drawn, beside them the hidden units that were drawn before, and the
probabilities that the next visible units are drawn with; on the right the free energy of every image so far.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Generator, Tensor

from course_utils.models import RBM, free_energy
from course_utils.plotting import COLOURS
from course_utils.plotting.style import STYLE
from course_utils.widgets.controls import choice, player
from course_utils.widgets.explorer import Explorer, explore

__all__ = ["Chain", "example_machine", "gibbs_chain", "gibbs_player", "make_figure"]

N_FRAMES = 60
ALT = (
    "Three square images, the visible units, the hidden units that they were drawn from and the probabilities of the "
    "next visible units, beside a curve of the free energy against the step of the chain. A player goes through the "
    "steps, and buttons choose where the chain starts."
)


class Chain(NamedTuple):
    """One chain: visible (n, V), hidden units drawn on the way (n, H), probabilities (n, V), free energy (n,)."""

    visible: np.ndarray
    hidden: np.ndarray
    probabilities: np.ndarray
    energy: np.ndarray


@torch.no_grad()
def gibbs_chain(machine: RBM, start: Tensor, n_frames: int = N_FRAMES, *, seed: int = 0) -> Chain:
    """Every state of a chain of Gibbs steps from ``start`` (V,), 0 or 1: frame 0 is the start itself.

    ``hidden[k]`` is drawn given ``visible[k]``, ``probabilities[k]`` are those of the visible units given it, and
    ``visible[k + 1]`` is drawn from them.

    >>> machine = RBM(4, 2)
    >>> gibbs_chain(machine, torch.zeros(4), 3).visible.shape
    (3, 4)
    """
    generator = Generator().manual_seed(seed)
    v, rows = start[None], []
    for _ in range(n_frames):
        h = torch.bernoulli((v @ machine.W + machine.c).sigmoid(), generator=generator)
        p = (h @ machine.W.T + machine.b).sigmoid()
        rows.append((v[0], h[0], p[0], free_energy(v, machine.W, machine.b, machine.c)[0]))
        v = torch.bernoulli(p, generator=generator)
    return Chain(*(torch.stack(column).numpy() for column in zip(*rows, strict=True)))


def example_machine() -> tuple[RBM, dict[str, Tensor]]:
    """A machine of 9 + 6 units that knows three horizontal bars, and two places to start from."""
    bars = torch.eye(3).repeat_interleave(3, dim=1)  # (3, 9)
    generator = Generator().manual_seed(0)
    machine = RBM(9, 6, generator)
    optimizer = torch.optim.SGD(machine.parameters(), lr=0.2)
    for _ in range(200):
        loss, _ = machine.contrastive_divergence(bars.repeat(10, 1), generator=generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    noise = torch.rand(9, generator=generator).round()
    return machine, {"a bar": bars[0], "noise": noise}


@mpl.rc_context(STYLE)
def make_figure(machine: RBM, starts: Mapping[str, Tensor]) -> tuple[Figure, Callable[..., str]]:
    """The figure and its update function, ``update(start, frame)``, which returns a sentence."""
    chains = {name: gibbs_chain(machine, start, seed=i) for i, (name, start) in enumerate(starts.items())}
    figure = Figure(figsize=(10.5, 3.6))
    panels = figure.subplots(1, 4, width_ratios=(1, 1, 1, 1.6))
    names = "visible", "hidden", "next visible: p"
    pictures = []
    first = next(iter(chains.values()))
    for axes, name, values in zip(panels[:3], names, first[:3], strict=False):
        shown = axes.imshow(_square(values[0]), vmin=0, vmax=1, cmap="gray", interpolation="nearest")
        axes.set(title=name, xticks=[], yticks=[])
        axes.grid(False)
        pictures.append(shown)
    right = panels[3]
    (line,) = right.plot([], [], color=COLOURS["model"])
    (dot,) = right.plot([], [], "o", color=COLOURS["truth"], markersize=9)
    every = np.concatenate([chain.energy for chain in chains.values()])
    margin = 0.08 * (every.max() - every.min()) + 1e-3
    right.set(xlim=(-1, N_FRAMES), ylim=(every.min() - margin, every.max() + margin))
    right.set(title="free energy", xlabel="Gibbs step", ylabel="nats")

    def update(start: str, frame: int) -> str:
        chain = chains[start]
        for picture, values in zip(pictures, chain[:3], strict=False):
            picture.set_data(_square(values[frame]))
        line.set_data(np.arange(frame + 1), chain.energy[: frame + 1])
        dot.set_data([frame], [chain.energy[frame]])
        return (
            f"Step {frame} from {start}: free energy {chain.energy[frame]:.1f} nats, "
            f"{int(chain.hidden[frame].sum())} of {chain.hidden.shape[1]} hidden units are on."
        )

    return figure, update


def gibbs_player(machine: RBM | None = None, starts: Mapping[str, Tensor] | None = None) -> Explorer:
    """Show the player: where the chain starts, and a button and a slider that go through its steps.

    Parameters: ``machine``, a trained `RBM`; ``starts``, at least two names with an image (V,), 0 or 1, each. By
    default a small example.
    """
    if machine is None or starts is None:
        machine, starts = example_machine()
    figure, update = make_figure(machine, starts)
    return explore(
        figure,
        update,
        alt=ALT,
        start=choice(list(starts), "the chain starts from"),
        frame=player(N_FRAMES, "Gibbs step", interval=250),
    )


def _square(values: np.ndarray) -> np.ndarray:
    """The units as a square, those that are missing to a square left white."""
    side = math.ceil(math.sqrt(len(values)))
    return np.concatenate([values, np.ones(side * side - len(values))]).reshape(side, side)
