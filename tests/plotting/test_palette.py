"""The palettes, seen through the eyes of readers with each kind of dichromacy.

Simulation: Machado, Oliveira & Fernandes 2009, "A physiologically-based model for simulation of color vision
deficiency", their matrices for severity 1.0, applied to linear RGB. Distances are CIE 1976 Delta E in CIELAB (D65);
2.3 is a just noticeable difference, and 20 is plain to see for points and lines a few pixels wide.
"""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from course_utils.plotting import CLASS_COLOURS, CLASS_MARKERS, COLOURS

MACHADO = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
RGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
# the same concept under two names, and the grey that is meant to recede
CONCEPTS = {name: c for name, c in COLOURS.items() if name not in ("real", "fake", "neutral")}


def linear(colour):
    """sRGB to linear light, (3,)."""
    c = np.array(to_rgb(colour))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def cielab(rgb):
    """Linear RGB to CIELAB under D65, (3,)."""
    t = RGB_TO_XYZ @ rgb / RGB_TO_XYZ.sum(1)
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def smallest_distance(colours, vision):
    seen = [cielab(np.clip(MACHADO[vision] @ linear(c), 0, 1)) for c in colours]
    return min(np.linalg.norm(a - b) for a, b in combinations(seen, 2))


def contrast_with_white(colour):
    """WCAG 2.1 contrast ratio."""
    return 1.05 / (RGB_TO_XYZ[1] @ linear(colour) + 0.05)


def test_the_measures_agree_with_published_values():
    assert contrast_with_white("#767676") == pytest.approx(4.54, abs=0.01)  # the usual example of AA grey
    assert cielab(linear("#ff0000")) == pytest.approx([53.24, 80.09, 67.20], abs=0.02)
    # red and green of equal lightness are the classic failure; the simulation must see it
    assert smallest_distance(["#d62728", "#2ca02c"], "normal") > 100
    assert smallest_distance(["#d62728", "#2ca02c"], "deuteranopia") < 30


@pytest.mark.parametrize("vision", MACHADO)
def test_concepts_and_classes_are_told_apart(vision):
    assert smallest_distance(CONCEPTS.values(), vision) > 20
    assert smallest_distance(CLASS_COLOURS, vision) > 20


@pytest.mark.parametrize("colour", [*CONCEPTS.values(), *CLASS_COLOURS])
def test_colours_stand_out_from_white(colour):
    assert contrast_with_white(colour) >= 2.999  # WCAG 1.4.11, and 1.4.3 for bold text of 14 points


def test_ten_classes_have_ten_colours_and_markers():
    assert len(set(CLASS_COLOURS)) == len(set(CLASS_MARKERS)) == 10
    assert {"data", "model", "prior", "posterior", "reconstruction", "kl", "truth", "baseline"} <= set(
        COLOURS
    )
    assert COLOURS["real"] == COLOURS["data"]
    assert COLOURS["fake"] == COLOURS["model"]
