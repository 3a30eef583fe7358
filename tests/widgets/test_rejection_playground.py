"""The rejection playground: its threshold by counting, its picture and its sentence."""

import pytest
import torch

from course_utils.widgets import Explorer, rejection_playground
from course_utils.widgets.rejection_playground import decide, make_figure


@pytest.fixture
def scored() -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    scores_in, scores_out = torch.randn(40, generator=generator), 1 + torch.randn(30, generator=generator)
    return scores_in, scores_out, torch.rand(40, 1, 28, 28), torch.rand(30, 1, 28, 28)


def test_the_threshold_accepts_what_was_asked_for(scored) -> None:
    scores_in, scores_out, *_ = scored
    for accepted in (0.5, 0.9, 1.0):
        now = decide(scores_in, scores_out, accepted)
        assert now.false_alarms == pytest.approx(1 - accepted, abs=1 / 40)
        assert now.caught == (scores_out > now.threshold).double().mean()
    assert decide(scores_in, scores_out, 1.0).false_alarms == 0


def test_the_dot_lies_on_the_decision_and_stars_mark_outliers(scored) -> None:
    scores_in, scores_out, *images = scored
    figure, update = make_figure(*scored)
    sentence = update(80)
    now = decide(scores_in, scores_out, 0.8)
    dot = figure.axes[0].lines[2]
    assert (dot.get_xdata()[0], dot.get_ydata()[0]) == (now.false_alarms, now.caught)
    assert (
        sentence == f"With 80% of the usual images accepted, {now.caught:.0%} of the outliers are rejected."
    )
    shown = figure.axes[1].images[0].get_array()
    first_rejected = torch.cat([scores_in, scores_out])
    first_rejected[first_rejected <= now.threshold] = torch.inf
    which = first_rejected.argmin()
    torch.testing.assert_close(torch.as_tensor(shown.data[:28, :28]), torch.cat(images)[which, 0])
    assert figure.axes[1].texts[0].get_text() == ("*" if which >= 40 else "")


def test_at_the_end_nothing_usual_is_rejected_and_the_picture_still_draws(scored) -> None:
    _, update = make_figure(*scored)
    assert update(100).startswith("With 100% of the usual images accepted")


def test_moving_the_slider_redraws() -> None:
    explorer = rejection_playground()
    assert isinstance(explorer, Explorer)
    assert explorer.set(accepted=60) != explorer.set(accepted=95)
