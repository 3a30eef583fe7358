"""Mode counts on samples placed by hand and on the course's ring."""

import math

import pytest
import torch

from course_utils.data import RING_STD, toy2d, toy2d_centres
from course_utils.metrics import count_modes, high_quality_share

LINE = torch.tensor([[0.0, 0.0], [10.0, 0.0], [20.0, 0.0]])
# distances to the nearest centre: 0, 1 above; 1 to the right; 2 beside; 5 from two centres
SAMPLES = torch.tensor([[0.0, 0.0], [0.0, 1.0], [11.0, 0.0], [10.0, -2.0], [15.0, 0.0]])


@pytest.mark.parametrize(
    ("radius", "min_count", "modes", "share"),
    [
        (0.0, 1, 1, 0.2),
        (0.99, 1, 1, 0.2),
        (1.0, 1, 2, 0.6),
        (1.0, 2, 1, 0.6),
        (2.0, 2, 2, 0.8),
        (5.0, 1, 3, 1.0),
    ],
)
def test_counted_by_hand(radius, min_count, modes, share):
    assert count_modes(SAMPLES, LINE, radius, min_count) == modes
    assert high_quality_share(SAMPLES, LINE, radius) == pytest.approx(share)


def test_a_sample_between_two_centres_counts_for_both_but_once_as_a_share():
    assert count_modes(SAMPLES[4:], LINE, 5.0, 1) == 2
    assert high_quality_share(SAMPLES[4:], LINE, 5.0) == 1


def test_the_ring_has_all_its_modes_and_the_share_that_a_gaussian_has_within_three_deviations():
    generator = torch.Generator().manual_seed(0)
    ring, centres = toy2d("ring", 4000, generator=generator), toy2d_centres("ring")
    assert count_modes(ring, centres, 3 * RING_STD, 100) == 8
    within = 1 - math.exp(-4.5)
    assert high_quality_share(ring, centres, 3 * RING_STD) == pytest.approx(
        within, abs=4 * math.sqrt(0.011 / 4000)
    )
    half = ring[ring[:, 1] > 0.3]  # the three modes above the axis
    assert count_modes(half, centres, 3 * RING_STD, 100) == 3
    assert count_modes(ring, centres, 3 * RING_STD, 1000) == 0
    noise = 6 * torch.rand(4000, 2, generator=generator) - 3
    assert high_quality_share(noise, centres, 3 * RING_STD) == pytest.approx(
        8 * math.pi * 0.09 / 36, abs=0.02
    )


def test_small_distances_keep_their_digits_far_from_the_origin():
    samples = torch.tensor([[1000.0, 1000.0]]).expand(100, 2)
    assert count_modes(samples, torch.tensor([[1000.0, 1000.25]]), 0.2, 1) == 0
    assert count_modes(samples, torch.tensor([[1000.0, 1000.25]]), 0.25, 100) == 1


def test_no_samples_reach_no_mode():
    assert count_modes(SAMPLES[:0], LINE, 1.0, 1) == 0
    with pytest.raises(ValueError, match="a share of no samples"):
        high_quality_share(SAMPLES[:0], LINE, 1.0)


def test_refused():
    with pytest.raises(ValueError, match="min_count must be at least 1, got 0"):
        count_modes(SAMPLES, LINE, 1.0, 0)
    for function, more in ((count_modes, (1,)), (high_quality_share, ())):
        with pytest.raises(ValueError, match=r"got \(5, 2\) and \(3, 1\)"):
            function(SAMPLES, LINE[:, :1], 1.0, *more)
        with pytest.raises(ValueError, match=r"radius must not be negative, got -1\.0"):
            function(SAMPLES, LINE, -1.0, *more)
