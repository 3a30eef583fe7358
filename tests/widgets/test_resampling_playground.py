"""The resampling playground: its histograms and shares against what can be counted, its picture and sentence."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from course_utils.widgets import Explorer, resampling_playground
from course_utils.widgets.resampling_playground import example_codes, make_figure, resampled


def test_without_smoothing_every_occupied_bin_is_shown_alike() -> None:
    codes, is_rare = example_codes()
    now = resampled(codes, is_rare, bins=9, alpha=0.0)
    assert (now.before > 0).all()
    np.testing.assert_allclose(now.after, now.after.mean(), rtol=1e-9)


def test_the_rare_share_falls_with_smoothing_down_to_what_it_was() -> None:
    codes, is_rare = example_codes()
    shares = [resampled(codes, is_rare, 12, alpha).rare_share for alpha in (0.0, 0.01, 0.1, 1.0, 1e6)]
    assert all(a > b for a, b in pairwise(shares))
    assert shares[-1] == pytest.approx(0.03, abs=1e-4)
    assert shares[0] > 0.2


def test_effective_examples_count_equal_weights_fully_and_one_of_two_kinds_by_hand() -> None:
    codes, is_rare = torch.tensor([0.0] * 6 + [1.0] * 2), torch.tensor([False] * 6 + [True] * 2)
    assert resampled(codes, is_rare, 2, 1e9).n_effective == pytest.approx(8)
    now = resampled(codes, is_rare, 2, 0.0)  # weights 1/12 and 1/4
    assert now.n_effective == pytest.approx(1 / (6 / 144 + 2 / 16))
    assert now.rare_share == pytest.approx(0.5)


def test_the_picture_follows_the_sliders() -> None:
    codes, is_rare = example_codes()
    figure, update = make_figure(codes, is_rare)
    sentence = update(-1.0, 10)
    now = resampled(codes, is_rare, 10, 0.1)
    after = figure.axes[0].patches[1]
    np.testing.assert_allclose(after.get_data().values, now.after)
    assert figure.axes[1].patches[1].get_height() == pytest.approx(now.rare_share)
    assert sentence.startswith("alpha = 0.1, 10 bins: the rare group's share goes from 3% to ")
    assert f"worth {now.n_effective:.0f} equally" in sentence


def test_moving_a_slider_redraws() -> None:
    explorer = resampling_playground()
    assert isinstance(explorer, Explorer)
    assert explorer.set(log10_alpha=-3.0) != explorer.set(log10_alpha=1.0)
