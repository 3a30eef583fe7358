"""The KL playground: its numbers against quadrature, its areas, its sentence, its picture."""

import numpy as np
import pytest

from course_utils.widgets import kl_playground
from course_utils.widgets.kl_playground import integrand, kl_both_ways, make_figure

SETTINGS = [(0.5, 0.6, -0.5, 1.6), (0.0, 1.0, 0.0, 1.0), (-4.0, 0.4, 4.0, 3.0), (1.5, 3.0, 1.0, 0.4)]
each_setting = pytest.mark.parametrize("setting", SETTINGS)


@each_setting
def test_divergences_are_the_areas_of_the_integrands(setting: tuple[float, ...]) -> None:
    x = np.linspace(-60, 60, 240_001)
    q, p = setting[:2], setting[2:]
    kl = kl_both_ways(*setting)
    assert kl.q_to_p == pytest.approx(np.trapezoid(integrand(x, *q, *p), x), rel=1e-6, abs=1e-9)
    assert kl.p_to_q == pytest.approx(np.trapezoid(integrand(x, *p, *q), x), rel=1e-6, abs=1e-9)


@each_setting
def test_divergences_change_places_with_the_gaussians(setting: tuple[float, ...]) -> None:
    assert kl_both_ways(*setting) == kl_both_ways(*setting[2:], *setting[:2])[::-1]
    assert min(kl_both_ways(*setting)) >= 0


def test_equal_widths_make_both_directions_equal() -> None:
    kl = kl_both_ways(-1.0, 0.7, 2.0, 0.7)
    assert kl.q_to_p == pytest.approx(kl.p_to_q) == pytest.approx(0.5 * (3 / 0.7) ** 2)


def test_integrand_is_negative_where_q_is_below_p_and_zero_where_q_underflows() -> None:
    values = integrand(np.array([0.0, 2.0, 40.0]), 0.0, 0.4, 0.0, 2.0)
    assert values[0] > 0
    assert values[1] < 0
    assert values[2] == 0


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"standard deviations must be positive, got 0\.0 and 1\.0"):
        kl_both_ways(0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("setting", "ending"),
    [
        ((0.0, 1.0, 0.0, 1.0), "the two are the same distribution."),
        ((0.0, 1.0, 1.0, 1.0), "Equal widths make the two directions equal."),
        ((0.0, 0.5, 0.0, 1.0), "KL(p || q) is 2.5 times the other."),
    ],
)
def test_sentence_compares_the_directions(setting: tuple[float, ...], ending: str) -> None:
    _, update = make_figure()
    assert update(*setting).endswith(ending)


@pytest.mark.parametrize("setting", [(0.5, 0.6, -0.5, 1.6), (0.0, 1.0, 0.0, 1.0), (1.0, 1.2, -1.0, 0.8)])
def test_shaded_areas_are_the_divergence(setting: tuple[float, ...]) -> None:
    figure, update = make_figure()
    update(*setting)
    expected = kl_both_ways(*setting)
    for axes, name in zip(figure.axes[1:], ("q_to_p", "p_to_q"), strict=True):
        outlines = [area.get_paths()[0].vertices[:-1] for area in axes.collections]
        drawn = sum(np.trapezoid(outline[:, 1], outline[:, 0]) for outline in outlines)
        assert drawn == pytest.approx(getattr(expected, name), rel=0.01, abs=1e-3)


def test_playground_redraws_as_its_controls_move(capsys) -> None:
    explorer = kl_playground()
    first = explorer.png
    assert explorer.set(q_mean=-0.5, q_std=1.6) != first
    assert explorer.message.value.endswith("the two are the same distribution.</p>")
    assert explorer.canvas.n_backgrounds == 1  # no slow redraw was needed
