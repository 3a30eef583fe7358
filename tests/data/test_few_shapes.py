"""The small shapes of lecture 7: every combination once, nothing cut off, the factors true."""

import torch

from course_utils.data import draw_shapes, few_shapes

IMAGES, FACTORS = few_shapes()


def test_every_combination_comes_once() -> None:
    assert IMAGES.shape == (256, 1, 12, 12)
    assert [len(column.unique()) for column in FACTORS.T] == [4, 8, 8]
    assert len(FACTORS.unique(dim=0)) == len(IMAGES.unique(dim=0)) == 256
    assert 0 <= IMAGES.min() < IMAGES.max() <= 1


def test_nothing_is_cut_off() -> None:
    full = torch.zeros(256, 5)
    full[:, 0], full[:, [1, 3, 4]] = 1, FACTORS
    torch.testing.assert_close(4 * IMAGES.sum((1, 2, 3)), draw_shapes(full).sum((1, 2, 3)))


def test_the_centroid_and_the_area_are_those_of_the_factors() -> None:
    ticks = 2 * (torch.arange(12) + 0.5) + 2  # centres of the large pixels, in small ones
    mass = IMAGES.sum((1, 2, 3))
    right = (IMAGES.sum((1, 2)) * ticks).sum(1) / mass
    down = (IMAGES.sum((1, 3)) * ticks).sum(1) / mass
    assert (right - (8 + 12 * FACTORS[:, 1])).abs().max() < 0.1
    assert (down - (8 + 12 * FACTORS[:, 2])).abs().max() < 0.1
    assert (4 * mass / (10 * FACTORS[:, 0]) ** 2 - 1).abs().max() < 0.06
