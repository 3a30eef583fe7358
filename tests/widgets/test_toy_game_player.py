"""The player of the toy game: its films, its figure, its sentences, its clock."""

import numpy as np
import pytest

from course_utils.data import toy2d_centres
from course_utils.widgets import toy_game_player
from course_utils.widgets.toy_game_player import FIRST_SHOWN, GAMES, N_FRAMES, SPEEDS, make_figure, play


@pytest.fixture(scope="module")
def films():
    return play(n_frames=4, every=3, seed=0)


def test_a_film_holds_the_first_step_and_every_third(films) -> None:
    assert len(films) == len(GAMES) == 2
    for film in films:
        assert film.step.tolist() == [1, 3, 6, 9]
        assert film.samples.shape == (4, 240, 2)
        assert film.surface.shape == (4, 41, 41)
        assert ((film.surface > 0) & (film.surface < 1)).all()
        assert film.losses.shape == (4, 2)
        assert film.modes.shape == (4,)


def test_both_games_differ_and_are_the_same_every_time(films) -> None:
    assert not np.allclose(films[0].samples, films[1].samples)
    play.cache_clear()
    again = play(n_frames=4, every=3, seed=0)
    assert all(
        np.allclose(a, b)
        for old, new in zip(films, again, strict=True)
        for a, b in zip(old, new, strict=True)
    )


def test_the_surface_lies_as_the_picture_does() -> None:
    """Rows from below, columns from the left: at the data D is higher than in the far corner outside the ring."""
    film = play()[1]
    ticks = np.linspace(-3, 3, 41)
    at = [[int(np.abs(ticks - c).argmin()) for c in centre] for centre in toy2d_centres("ring").tolist()]
    on_data = np.mean([film.surface[8:, row, column].mean() for column, row in at])
    corners = film.surface[8:, [0, 0, -1, -1], [0, -1, 0, -1]].mean()
    assert on_data > corners + 0.1


def test_a_frame_is_shown_as_it_was_played(films) -> None:
    figure, update = make_figure(films)
    sentence = update(frame=2, game=1, speed=200)
    plane, curves = figure.axes
    assert np.allclose(plane.collections[1].get_offsets(), films[1].samples[2])
    assert np.allclose(plane.images[0].get_array(), films[1].surface[2])
    assert np.allclose(curves.lines[0].get_ydata(), films[1].losses[:3, 0])
    assert np.allclose(curves.lines[1].get_ydata(), films[1].losses[:3, 1])
    assert sentence.startswith(f"Step 6: the samples reach {films[1].modes[2]} of 8 modes")


def test_player_steps_and_changes_speed_and_redraws_fast(capsys) -> None:
    explorer = toy_game_player()
    frames = explorer.controls["frame"]
    clock, _, step, position = frames.children
    first = explorer.png
    assert frames.value == FIRST_SHOWN
    step.click()
    assert frames.value == FIRST_SHOWN + 1
    assert explorer.png != first
    explorer.set(speed=SPEEDS["fast"])
    assert clock.interval == SPEEDS["fast"]
    position.value = N_FRAMES - 1
    step.click()  # stays at the end
    assert frames.value == N_FRAMES - 1
    for frame in range(5):
        position.value = frame
    assert explorer.canvas.n_backgrounds == 1  # no slow redraw was needed
