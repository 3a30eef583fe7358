"""Lecture 10's player: a game of two small networks about eight Gaussians on a ring, step by step.

The games are played once, when the player is made; a frame is then only looked up and drawn.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import ipywidgets
import matplotlib as mpl
import numpy as np
import torch
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from course_utils.adversarial import Rules, play_games
from course_utils.data import toy2d, toy2d_centres
from course_utils.metrics import count_modes
from course_utils.plotting import COLOURS
from course_utils.plotting.style import STYLE
from course_utils.widgets import Explorer, choice, explore, player

__all__ = ["GAMES", "Film", "make_figure", "play", "toy_game_player"]

GAMES = {
    "generator moves faster": Rules(lr_discriminator=1e-3, lr_generator=2e-3),
    "discriminator moves faster": Rules(lr_discriminator=4e-3, lr_generator=2e-3),
}
SPEEDS = {"slow": 500, "normal": 200, "fast": 70}  # milliseconds from frame to frame
N_FRAMES, EVERY, N_SAMPLES, N_GRID, EDGE = 41, 16, 240, 41, 3.0
RADIUS, MIN_COUNT = 0.3, 4
FIRST_SHOWN = 16


class Film(NamedTuple):
    """A game as it was played: everything a frame shows, frame by frame."""

    step: np.ndarray  # (frames,)
    samples: np.ndarray  # (frames, n, 2)
    surface: np.ndarray  # (frames, n_grid, n_grid), D(x), rows from below
    losses: np.ndarray  # (frames, 2), discriminator's and generator's, in nats
    modes: np.ndarray  # (frames,)


@lru_cache(maxsize=4)
def play(n_frames: int = N_FRAMES, every: int = EVERY, seed: int = 3) -> tuple[Film, ...]:
    """Play the `GAMES`, and keep a frame after the first step and after every ``every`` steps.

    Returns: one `Film` for each of the games, in their order; the same for the same arguments.
    """
    generator = torch.Generator().manual_seed(seed)
    ticks = torch.linspace(-EDGE, EDGE, N_GRID)
    grid = torch.cartesian_prod(ticks, ticks).flip(1)  # x runs fastest
    steps, samples, surfaces, losses = [], [], [], []

    def watch(step: int, judge: Callable, sample: Callable, both: tuple) -> None:
        if step == 1 or step % every == 0:
            steps.append(step)
            samples.append(sample(N_SAMPLES))
            surfaces.append(judge(grid.expand(len(GAMES), -1, -1)).sigmoid().view(len(GAMES), N_GRID, N_GRID))
            losses.append(torch.stack(both, dim=1))

    def ring(n: int) -> torch.Tensor:
        return toy2d("ring", n, generator=generator)

    rules = list(GAMES.values())
    play_games(rules, ring, steps=(n_frames - 1) * every, watch=watch, generator=generator)
    step, centres = np.array(steps), toy2d_centres("ring")
    clouds = torch.stack(samples)  # (frames, games, n, 2)
    modes = [[count_modes(cloud, centres, RADIUS, MIN_COUNT) for cloud in film] for film in clouds.unbind(1)]
    parts = (clouds.numpy(), torch.stack(surfaces).numpy(), torch.stack(losses).numpy())
    return tuple(Film(step, *(part[:, k] for part in parts), np.array(modes[k])) for k in range(len(rules)))


@mpl.rc_context(STYLE)
def make_figure(films: tuple[Film, ...]) -> tuple[Figure, Callable[..., str]]:
    """Draw the plane and the losses.

    Returns: ``(figure, update)``; ``update(frame, game, speed)`` shows one frame of one film (``game`` is its index)
    and returns a sentence. The speed is the clock's affair.
    """
    figure = Figure(figsize=(10.5, 4.8))
    plane, curves = figure.subplots(1, 2, width_ratios=(1, 1.25))
    paper = LinearSegmentedColormap.from_list("paper", ["#8a8a8a", "#ffffff"])
    surface = plane.imshow(
        films[0].surface[0], extent=(-EDGE, EDGE) * 2, origin="lower", cmap=paper, vmin=0, vmax=1,
        interpolation="bilinear", zorder=0,
    )  # fmt: skip
    data = toy2d("ring", 240, generator=torch.Generator().manual_seed(0)).numpy()
    plane.scatter(*data.T, s=14, color=COLOURS["real"], marker="o", label="data")
    samples = plane.scatter(*films[0].samples[0].T, s=16, color=COLOURS["fake"], marker="x", linewidths=1.2)
    samples.set_label("samples")
    plane.set(xlim=(-EDGE, EDGE), ylim=(-EDGE, EDGE), aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    plane.set_title("White: taken for real, grey: for fake")
    plane.grid(False)
    plane.legend(loc="upper right", frameon=True, handletextpad=0.2, borderpad=0.3)

    looks = (("discriminator", COLOURS["truth"], "-"), ("generator", COLOURS["fake"], "--"))
    lines = [curves.plot([], [], style, color=colour, label=label)[0] for label, colour, style in looks]
    curves.axhline(np.log(4), color=COLOURS["baseline"], linestyle=":")
    curves.text(0.99 * films[0].step[-1], np.log(4) + 0.04, "log 4", color=COLOURS["baseline"], ha="right")
    top = 1.08 * max(np.quantile(film.losses, 0.995) for film in films)
    curves.set(xlim=(0, films[0].step[-1]), ylim=(0, top), xlabel="step", ylabel="loss in nats")
    curves.set_title("Losses so far")
    curves.legend(loc="upper left", ncols=2)

    def update(frame: int, game: int, speed: int) -> str:
        film = films[game]
        surface.set_data(film.surface[frame])
        samples.set_offsets(film.samples[frame])
        for line, values in zip(lines, film.losses.T, strict=True):
            line.set_data(film.step[: frame + 1], values[: frame + 1])
        d_loss = film.losses[frame, 0]
        return (
            f"Step {film.step[frame]}: the samples reach {film.modes[frame]} of 8 modes; the discriminator's loss is "
            f"{d_loss:.2f} nats (1.39 would be knowing nothing)."
        )

    return figure, update


def toy_game_player() -> Explorer:
    """Show the player: play and pause, one frame on, a slider to any frame, the speed, and which game."""
    figure, update = make_figure(play())
    alt = (
        "Left: a plane with eight blue clusters of data on a ring, red crosses for the generator's samples, and a "
        "background that is white where the discriminator takes points for real and grey where it takes them for "
        "fake. Right: the losses of both players against the step, with a dotted line at log 4. Controls play, pause "
        "and step through the game, set the speed, and choose which of the players moves faster."
    )
    frames = player(N_FRAMES, "frame", interval=SPEEDS["normal"])
    on = ipywidgets.Button(description="Step", icon="step-forward", layout=ipywidgets.Layout(width="6em"))
    clock, play_button, position = frames.children
    position.value = FIRST_SHOWN
    on.on_click(lambda _: setattr(position, "value", min(position.value + 1, frames.max)))
    frames.children = (clock, play_button, on, position)
    names = ("normal", "slow", "fast")
    speed = choice({name: SPEEDS[name] for name in names}, "speed")
    speed.observe(lambda change: setattr(clock, "interval", change.new), names="value")
    game = choice({name: k for k, name in enumerate(GAMES)}, "who")
    return explore(figure, update, alt=alt, frame=frames, game=game, speed=speed)
