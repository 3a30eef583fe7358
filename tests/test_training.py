import math

import pytest
import torch
from torch import Tensor, nn

from course_utils import training
from course_utils.training import DivergedError, History, evaluate, fit, minibatches


@pytest.fixture(autouse=True)
def _no_bar(monkeypatch):
    monkeypatch.setattr(training, "tqdm", lambda steps, **_: _QuietBar(steps))


class _QuietBar(list):
    def set_postfix(self, shown):
        self.shown = shown


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def line(n=103, seed=0):
    """Noisy values of a plane: inputs (n, 3), targets (n,)."""
    g = generator(seed)
    x = torch.randn(n, 3, generator=g)
    return x, x @ torch.tensor([1.0, -2.0, 3.0]) + 0.5 + 0.1 * torch.randn(n, generator=g)


def linear(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(3, 1)


def squared_error(model, x, y):
    return (model(x)[:, 0] - y).square().mean()


# --- minibatches ---


def test_an_epoch_holds_every_example_exactly_once_and_keeps_rows_together():
    x = torch.arange(103)
    batches = list(minibatches(x, 10 * x, batch_size=10, generator=generator()))
    assert [len(a) for a, _ in batches] == [10] * 10 + [3]
    order = torch.cat([a for a, _ in batches])
    assert order.tolist() != x.tolist()
    assert order.sort().values.tolist() == x.tolist()
    assert torch.cat([b for _, b in batches]).tolist() == (10 * order).tolist()


def test_minibatches_draw_a_new_order_each_epoch_and_the_same_for_the_same_seed():
    x = torch.arange(50)

    def two_epochs(seed):
        g = generator(seed)
        return [
            torch.cat([b for (b,) in minibatches(x, batch_size=7, generator=g)]).tolist() for _ in range(2)
        ]

    first, second = two_epochs(1)
    assert first != second
    assert two_epochs(1) == [first, second]
    assert two_epochs(2) != [first, second]


@pytest.mark.parametrize(
    ("tensors", "batch_size", "message"),
    [
        ((), 4, r"same number of examples, got lengths \[\]"),
        ((torch.zeros(3), torch.zeros(4)), 4, r"got lengths \[3, 4\]"),
        ((torch.zeros(0),), 4, r"got lengths \[0\]"),
        ((torch.zeros(3),), 0, "batch_size must be at least 1, got 0"),
    ],
)
def test_minibatches_refuse_bad_input_at_once(tensors, batch_size, message):
    with pytest.raises(ValueError, match=message):
        minibatches(*tensors, batch_size=batch_size, generator=None)


# --- fit ---


def test_linear_regression_reaches_the_closed_form_solution():
    x, y = line()
    model = linear()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    fit(
        model,
        squared_error,
        (x, y),
        epochs=300,
        batch_size=len(x),
        optimizer=optimizer,
        generator=generator(),
    )
    with_ones = torch.cat([x, torch.ones(len(x), 1)], dim=1)
    exact = torch.linalg.lstsq(with_ones, y[:, None]).solution[:, 0]
    # full batches: plain gradient descent on a quadratic, which converges to machine precision in 300 steps
    torch.testing.assert_close(torch.cat([model.weight[0], model.bias]), exact, atol=1e-5, rtol=0)


def test_the_default_optimizer_is_adam_and_learns():
    x, y = line()
    history = fit(linear(), squared_error, (x, y), epochs=60, lr=0.05, batch_size=32, generator=generator())
    assert history.column("loss")[-1] < 0.02 < 1 < history.column("loss")[0]  # noise variance is 0.01


def test_the_first_step_is_the_one_written_out_by_hand():
    x, y = line(n=20)
    by_hand, fitted = linear(), linear()
    optimizer = torch.optim.Adam(by_hand.parameters(), lr=1e-3)
    squared_error(by_hand, x, y).backward()
    optimizer.step()
    fit(fitted, squared_error, (x, y), epochs=1, batch_size=20, generator=generator())
    torch.testing.assert_close(fitted.weight, by_hand.weight, rtol=1e-6, atol=1e-7)  # rows in another order


def test_adams_mean_of_a_gradient_that_has_vanished_becomes_zero_and_not_denormal():
    x, y = line(n=8)
    model = linear()
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    steps = 0

    def loss_fn(model, x, y):
        nonlocal steps
        steps += 1
        return squared_error(model, x, y) * (steps == 1)

    fit(model, loss_fn, (x, y), epochs=1000, batch_size=8, optimizer=optimizer, generator=generator())
    assert optimizer.state[model.weight]["exp_avg"].tolist() == [[0, 0, 0]]
    assert torch.tensor(1e-40) * 1 > 0, "outside of the step, denormal numbers are numbers"


def test_a_scheduler_moves_the_learning_rate_after_every_batch():
    x, y = line(n=25)
    model = linear()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.1 * (step < 4))
    seen = []

    def loss_fn(model, x, y):
        seen.append(optimizer.param_groups[0]["lr"])
        return squared_error(model, x, y)

    fit(
        model,
        loss_fn,
        (x, y),
        epochs=2,
        batch_size=10,
        optimizer=optimizer,
        scheduler=scheduler,
        generator=generator(),
    )
    assert seen == [0.1] * 4 + [0.0] * 2  # three batches in each epoch


def test_a_scheduler_without_its_optimizer_is_refused():
    model = linear()
    scheduler = torch.optim.lr_scheduler.ConstantLR(torch.optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(ValueError, match="made for another optimizer"):
        fit(model, squared_error, line(), epochs=1, scheduler=scheduler, generator=generator())


def test_the_same_seed_gives_bitwise_the_same_history():
    x, y = line()

    def run(seed):
        return fit(
            linear(), squared_error, (x, y), test=(x, y), epochs=3, batch_size=10, generator=generator(seed)
        )

    assert run(3) == run(3)
    assert run(3) != run(4)


def test_gradients_do_not_pile_up_from_step_to_step():
    seen = []

    def loss_fn(model, x, y):
        if model.training and model.weight.grad is not None:
            seen.append(model.weight.grad.clone())
        return squared_error(model, x, y)

    x, y = line(n=8)
    model = linear()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)  # the model stands still, so must its gradient
    fit(model, loss_fn, (x, y), epochs=3, batch_size=8, optimizer=optimizer, generator=generator())
    torch.testing.assert_close(seen[0], seen[1], rtol=1e-5, atol=1e-6)


def test_history_holds_means_over_examples_with_a_ragged_last_batch():
    x = torch.arange(10.0)[:, None] * torch.ones(1, 3)
    y = torch.arange(10.0)
    parts = {"first": lambda x: x[:, 0].mean(), "constant": lambda x: 2.5}

    def loss_fn(model, x, y):
        loss = 0 * model(x).sum() + (y**2).mean()
        return loss, {name: part(x) for name, part in parts.items()}

    history = fit(
        linear(), loss_fn, (x, y), test=(x[:7], y[:7]), epochs=2, batch_size=4, generator=generator()
    )
    assert history.column("loss") == pytest.approx([28.5, 28.5])  # mean of 0, 1, 4, ..., 81
    assert history.column("first") == pytest.approx([4.5, 4.5])
    assert history.column("constant", "test") == pytest.approx([2.5, 2.5])
    assert history.column("loss", "test") == pytest.approx(
        [13.0, 13.0]
    )  # mean of 0, 1, ..., 36; batches 4 + 3


def test_test_data_is_seen_in_evaluation_mode_without_gradients_and_training_data_is_not():
    modes = set()

    def loss_fn(model, x, y):
        modes.add((len(x), model.training, torch.is_grad_enabled()))
        return squared_error(model, x, y)

    x, y = line(n=12)
    model = nn.Sequential(nn.Linear(3, 1), nn.Dropout(0.5))
    fit(model, loss_fn, (x, y), test=(x[:5], y[:5]), epochs=2, batch_size=12, generator=generator())
    assert modes == {(12, True, True), (5, False, False)}
    assert not model.training


@pytest.mark.parametrize("training_before", [True, False])
def test_evaluate_is_the_exact_mean_and_puts_the_mode_back(training_before):
    x, y = line(n=103)
    model = linear().train(training_before)
    whole = squared_error(model, x, y).item()
    assert evaluate(model, squared_error, (x, y), batch_size=10)["loss"] == pytest.approx(whole, rel=1e-6)
    assert model.training is training_before


def test_evaluate_puts_the_mode_back_after_an_error():
    model = linear()

    def broken(model, x):
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        evaluate(model, broken, (torch.zeros(4, 3),))
    assert model.training


def test_divergence_stops_at_once_says_where_and_leaves_the_model_finite():
    x, y = line(n=30)
    calls = 0

    def loss_fn(model, x, y):
        nonlocal calls
        calls += 1
        return squared_error(model, x, y) if calls < 5 else squared_error(model, x, y) * math.nan

    model = linear()
    sentence = r"my model stopped: .* nan in epoch 2, step 2; the last finite loss was \d.*learning rate"
    with pytest.raises(DivergedError, match=sentence):
        fit(model, loss_fn, (x, y), epochs=9, batch_size=10, generator=generator(), label="my model")
    assert calls == 5
    assert all(p.isfinite().all() for p in model.parameters())


def test_a_loss_that_never_was_finite_points_at_the_data():
    x, y = line(n=30)
    x[0, 0] = math.nan
    with pytest.raises(
        DivergedError, match=r"epoch 1, step 1; it never was finite; look for NaN in the data"
    ):
        fit(linear(), squared_error, (x, y), epochs=1, batch_size=30, generator=generator())


def test_where_looking_is_dear_the_step_reported_is_still_exact():
    watch = training._Watch("training")
    losses = [torch.tensor(v) for v in [1.0, 2.0, math.inf, 4.0]]
    for loss in losses:
        watch.unseen.append(loss)  # what look() does on an accelerator
    with pytest.raises(DivergedError, match="inf in epoch 1, step 3; the last finite loss was 2;"):
        watch.close_epoch()


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (torch.zeros(3), r"scalar tensor.*got shape \(3,\)"),
        (1.0, "got float"),
        ((torch.zeros(2), {}), r"shape \(2,\)"),
    ],
)
def test_a_loss_that_is_not_a_scalar_is_refused(result, message):
    with pytest.raises(ValueError, match=message):
        fit(linear(), lambda model, x: result, (torch.zeros(4, 3),), epochs=1, generator=generator())


def test_the_bar_shows_loss_parts_and_test_loss(monkeypatch):
    bars = []

    def bar(steps, **options):
        bars.append((_QuietBar(steps), options))
        return bars[-1][0]

    monkeypatch.setattr(training, "tqdm", bar)
    data = line(n=10)

    def loss_fn(model, x, y):
        return squared_error(model, x, y), {"kl": Tensor([0.25])[0]}

    history = fit(linear(), loss_fn, data, test=data, epochs=1, generator=generator(), label="line")
    ((quiet, options),) = bars
    assert options["desc"] == "line"
    assert quiet.shown["kl"] == "0.25"
    assert float(quiet.shown["test loss"]) == pytest.approx(history.test[0]["loss"], rel=1e-3)


def test_history_names_what_it_has():
    history = History(train=[{"loss": 1.0, "kl": 0.5}])
    assert history.column("loss", "test") == []
    with pytest.raises(
        ValueError, match=r"nothing named 'recon' was recorded on train; there are \['kl', 'loss'\]"
    ):
        history.column("recon")
    with pytest.raises(ValueError, match="split must be 'train' or 'test', got 'val'"):
        history.column("loss", "val")
