"""The loop, and that every way of failing is called by its name."""

import pytest
import torch
from torch import nn

from course_utils.adversarial import (
    CollapsedError,
    adam,
    coverage,
    discriminator_step,
    diversity,
    endless_minibatches,
    fit_adversarial,
    generator_step,
    name_failures,
)
from course_utils.adversarial import training as loop
from course_utils.data import RING_CENTRES, toy2d
from course_utils.training import DivergedError


class _QuietBar(list):
    def set_postfix(self, shown):
        self.shown = shown


@pytest.fixture(autouse=True)
def _no_bar(monkeypatch):
    monkeypatch.setattr(loop, "tqdm", lambda steps, **_: _QuietBar(steps))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def still(loss=1.0):
    return lambda *batch: torch.tensor(loss)


RING = toy2d("ring", 2000, generator=seeded())


# --- the loop ---


def test_players_move_in_turn_the_discriminator_first_each_on_whole_fresh_batches():
    moves = []
    history = fit_adversarial(
        lambda x, y: moves.append(("d", x.tolist(), y.tolist())) or torch.tensor(1.0),
        lambda x, y: moves.append(("g", x.tolist(), y.tolist())) or torch.tensor(2.0),
        (torch.arange(10), 10 * torch.arange(10)),
        steps=6,
        batch_size=4,
        n_discriminator_steps=2,
        record_every=4,
        generator=seeded(),
    )
    assert "".join(player for player, *_ in moves) == "ddg" * 6
    assert all(len(x) == 4 and y == [10 * v for v in x] for _, x, y in moves)
    assert all(moves[i + 2][1] == moves[i + 1][1] != moves[i][1] for i in range(0, 18, 3))
    assert history.column("step") == [4, 6]  # the end is recorded too
    assert history.column("discriminator") == [1, 1]
    assert history.column("generator") == [2, 2]
    assert history.failures == []


def test_an_epoch_uses_no_example_twice():
    batches = endless_minibatches(torch.arange(11), batch_size=5, generator=seeded())
    for _ in range(4):
        epoch = torch.cat([next(batches)[0], next(batches)[0]])
        assert len(epoch.unique()) == 10
    (all_there_is,) = next(endless_minibatches(torch.arange(3), batch_size=8, generator=seeded()))
    assert all_there_is.sort().values.tolist() == [0, 1, 2]


def test_parts_are_recorded_as_means_over_the_stretch():
    values = iter([1.0, 3.0, 5.0])
    history = fit_adversarial(
        lambda x: (torch.tensor(1.0), {"penalty": torch.tensor(next(values))}), still(), (torch.zeros(4),),
        steps=3, record_every=2, generator=seeded(),
    )  # fmt: skip
    assert history.column("penalty") == [2, 5]


def test_the_same_seed_gives_bitwise_the_same_game():
    def play(seed):
        torch.manual_seed(seed)
        g = seeded(seed)
        generator = nn.Linear(2, 2)
        discriminator = nn.Sequential(nn.Linear(2, 16), nn.SiLU(), nn.Linear(16, 1))
        d_adam, g_adam = adam(discriminator, lr=1e-3), adam(generator, lr=1e-3)
        return fit_adversarial(
            lambda x: discriminator_step(discriminator, generator, d_adam, x, torch.randn(len(x), 2, generator=g)),
            lambda x: generator_step(generator, discriminator, g_adam, torch.randn(len(x), 2, generator=g)),
            (RING,), steps=20, record_every=5, generator=g,
            sample=lambda n: generator(torch.randn(n, 2, generator=g)),
        )  # fmt: skip

    assert play(1) == play(1)
    assert play(1) != play(2)


# --- failures by name ---


@pytest.mark.parametrize("player", ["discriminator", "generator"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_divergence_names_the_player_the_step_and_the_last_finite_loss(player, bad):
    losses = iter([0.5, 0.25, bad])

    def failing(x):
        return torch.tensor(next(losses))

    moves = {"discriminator": still(), "generator": still(), player: failing}
    message = rf"toy diverged: the {player}'s loss became {bad} in step 3; before it was 0.25; try"
    with pytest.raises(DivergedError, match=message):
        fit_adversarial(
            moves["discriminator"], moves["generator"], (RING,), steps=9, generator=seeded(), label="toy"
        )


def test_a_loss_that_never_was_finite_points_at_data_and_logs():
    with pytest.raises(DivergedError, match=r"never was finite; look for NaN in the data"):
        fit_adversarial(still(float("nan")), still(), (RING,), steps=1, generator=seeded())


def all_in(n_modes):
    """Samples that are right in everything but that they come from the first few of eight modes only."""

    def sample(n):
        mode = torch.randint(n_modes, (n,), generator=seeded(1))
        return RING_CENTRES[mode] + 0.1 * torch.randn(n, 2, generator=seeded(2))

    return sample


@pytest.mark.parametrize(
    ("sample", "d_loss", "said"),
    [
        (all_in(8), 1.3, None),
        (all_in(7), 1.3, None),
        (lambda n: torch.zeros(n, 2), 1.3, "mode collapse: the samples differ from one another 0 times"),
        (all_in(1), 1.3, "mode collapse: the samples differ from one another 0.00"),
        (all_in(2), 1.3, "partial mode collapse, or samples unlike the data: only 2"),
        (lambda n: 50 + 2 * torch.randn(n, 2, generator=seeded()), 1.3, "only 0% of the data"),
        (all_in(8), 0.01, "the discriminator has won: its loss is 0.01 nats"),
    ],
    ids=["all", "seven", "a point", "one mode", "two modes", "elsewhere", "won"],
)
def test_failures_are_printed_kept_and_on_request_raised(sample, d_loss, said, capsys):
    def play(**settings):
        return fit_adversarial(
            still(d_loss),
            still(),
            (RING,),
            steps=3,
            sample=sample,
            generator=seeded(),
            label="toy",
            **settings,
        )

    history, printed = play(), capsys.readouterr().out
    if said is None:
        assert (history.failures, printed) == ([], "")
        play(strict=True)
        return
    assert len(history.failures) == 1
    assert said in history.failures[0]
    assert " ".join(printed.split()) == f"toy failed by step 3: {history.failures[0]}."
    assert max(map(len, printed.split("\n"))) <= 100  # a slide holds no longer lines
    with pytest.raises(CollapsedError, match=r"toy failed by step 3"):
        play(strict=True)


def test_a_critics_loss_says_nothing_about_winning():
    history = fit_adversarial(still(-3.0), still(), (RING,), steps=1, won_below=None, generator=seeded())
    assert history.failures == []
    assert name_failures({"discriminator": -3.0}, won_below=None) == []
    assert len(name_failures({"discriminator": 0.0, "diversity": 0.0})) == 2


# --- what is measured ---


def test_diversity_is_the_ratio_of_squared_distances_between_pairs():
    a, b = torch.randn(40, 3, 2, generator=seeded()), 3 * torch.randn(30, 3, 2, generator=seeded(1))
    squared = [torch.pdist(x.flatten(1)).square().mean().item() for x in (a, b)]
    assert diversity(a, b) == pytest.approx(squared[0] / squared[1], rel=1e-5)
    assert diversity(b, b + 7) == pytest.approx(1, rel=1e-4)
    with pytest.raises(ValueError, match="1 samples and 30 examples"):
        diversity(a[:1], b)


def test_coverage_of_good_samples_is_what_theory_says_and_falls_with_every_mode_lost():
    """Expectation 1 - 2^-k, whatever the distribution (Naeem et al. 2020); averaged over 40 data sets."""
    g = seeded()
    for k in (1, 3):
        pairs = [torch.randn(2, 128, 3, generator=g) for _ in range(40)]
        mean = sum(coverage(s, d, n_neighbours=k) for s, d in pairs) / len(pairs)
        assert mean == pytest.approx(1 - 2**-k, abs=0.02)
    covered = [coverage(all_in(n)(512), RING[:512]) for n in (1, 2, 4, 8)]
    assert covered == pytest.approx([n / 8 for n in (1, 2, 4, 8)], abs=0.08)


def test_coverage_is_not_fooled_by_many_copies_and_needs_neighbours():
    data = torch.randn(100, 2, generator=seeded())
    assert coverage(data[:1].expand(100, 2), data) < 0.15
    assert coverage(data, data) == 1
    with pytest.raises(ValueError, match="5 examples have no neighbour number 5"):
        coverage(data, data[:5])
