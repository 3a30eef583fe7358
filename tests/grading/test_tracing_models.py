"""Answers that are given models and optimizers, or are classes: a replay shows what they did, and no forgery."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.exercises.observers import Answer, Arrays, Inputs
from course_utils.grading.tracing import Recorder, Replay, ReplayError, Trace
from course_utils.grading.tracing.stacks import stacked, unstacked
from course_utils.grading.wire import decode, encode

INPUTS = {"x": torch.rand(6, 4, generator=torch.Generator().manual_seed(1)), "_seed": 5}


class Witness(nn.Module):
    """A little VAE that remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        made = torch.Generator().manual_seed(0)
        self.to_code = nn.Parameter(torch.randn(4, 4, generator=made))
        self.to_logits = nn.Parameter(torch.randn(2, 4, generator=made))
        self.register_buffer("n_calls", torch.zeros(()))
        self.seen: list[Tensor] = []

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.seen.append(x.detach().clone())
        return tuple((x @ self.to_code).chunk(2, dim=1))

    def decode(self, z: Tensor) -> Tensor:
        self.seen.append(z.detach().clone())
        return z @ self.to_logits

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor, Tensor]:
        self.n_calls += 1
        mu, logvar = self.encode(x)
        return (
            self.decode(mu + (logvar / 2).exp() * torch.randn(mu.shape, generator=generator)),
            mu,
            logvar,
        )


class Downhill(torch.optim.Optimizer):
    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, {})
        self.n_steps = 0

    def step(self) -> None:
        self.n_steps += 1
        for parameter in self.param_groups[0]["params"]:
            parameter.data -= 0.1 * parameter.grad


def loss_of(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    rec = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    return (rec + 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()) / len(x)


# --- observers, as the exercises' are -----------------------------------------------------------------------------


def one_step(answer: Answer, inputs: Inputs) -> Arrays:
    model = Witness()
    optimizer = Downhill(model.parameters())
    model.to_code.grad = torch.ones_like(model.to_code)  # stale
    torch.manual_seed(inputs["_seed"])
    result = answer(model, optimizer, inputs["x"].clone())
    return {
        "loss": torch.as_tensor(result["loss"]).detach(),
        "steps": torch.tensor(optimizer.n_steps),
        "calls": model.n_calls,
        "seen": torch.cat([part.flatten() for part in model.seen]) if model.seen else torch.zeros(0),
        "training": torch.tensor(model.training),
        "left": torch.tensor([p.grad is not None for p in model.parameters()]),
        **{f"new {name}": p.detach().clone() for name, p in model.named_parameters()},
        **{f"grad {name}": p.grad for name, p in model.named_parameters() if p.grad is not None},
    }


def loss_and_gradients(answer: Answer, inputs: Inputs) -> Arrays:
    model, x = Witness(), inputs["x"].clone().requires_grad_()
    torch.manual_seed(inputs["_seed"])
    loss = answer(model, x)
    first = torch.autograd.grad(loss, [x, *model.parameters()], retain_graph=True, allow_unused=True)
    second = torch.autograd.grad(3 * loss, list(model.parameters()), allow_unused=True)
    arrays = {f"{i}": g for i, g in enumerate((*first, *second)) if g is not None}
    return {"loss": loss.detach(), "seen": torch.cat([s.flatten() for s in model.seen]), **arrays}


def a_network(answer: Answer, inputs: Inputs) -> Arrays:
    """A class: a constructor, objects called and trained, per-parameter gradients, modes."""
    torch.manual_seed(inputs["_seed"])
    net, x = answer(2), inputs["x"]
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    losses = []
    for _ in range(3):
        mu, logvar = net(x)
        loss = (mu - x[:, :2]).square().sum() + logvar.square().sum()
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.detach())
        optimizer.step()
    gradients = torch.stack([(p.grad != 0).any() for p in net.parameters()])
    again = net.train()(x)[0].detach()
    net.eval()
    return {
        "losses": torch.stack(losses),
        "gradients": gradients,
        "again": again,
        "quiet": torch.tensor(torch.equal(net(x)[0], net(x)[0])),
        "encode": net.encode(x).detach(),
        "no such method": torch.tensor(hasattr(net, "decode")),
        "training": torch.tensor(net.training),
    }


# --- answers ------------------------------------------------------------------------------------------------------


def train_step(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, float]:
    optimizer.zero_grad()
    loss = loss_of(x, *model(x))
    loss.backward()
    optimizer.step()
    return {"loss": loss.item()}


def train_step_with_parts(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    model.train()
    mu, logvar = model.encode(x)
    loss = loss_of(x, model.decode(mu + (logvar / 2).exp() * torch.randn_like(mu)), mu, logvar)
    for p, g in zip(model.parameters(), torch.autograd.grad(loss, list(model.parameters())), strict=True):
        p.grad = g
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return {"loss": loss.detach(), "kl": mu.mean().detach()}


def by_hand(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, float]:
    loss = loss_of(x, *model.eval()(x))
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.1 * parameter.grad
            parameter.grad = None
    return {"loss": loss.item()}


def drawing(model: nn.Module, x: Tensor) -> Tensor:
    torch.rand(3)  # draws of the answer's own, between those of the model
    return loss_of(x.detach(), *model(x * 1))


def with_a_penalty(model: nn.Module, x: Tensor) -> Tensor:
    mixed = (x.detach() * torch.rand(len(x), 1)).requires_grad_()
    slope = torch.autograd.grad(model.encode(mixed)[0].square().sum(), mixed, create_graph=True)[0]
    return (slope.norm(dim=1) - 1).square().mean()


def under_no_grad(model: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        code = model.encode(x)[0]
    return model.decode(code).square().mean()


class Encoder(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 600), nn.BatchNorm1d(600), nn.Dropout(0.5), nn.ReLU())
        self.head = nn.Linear(600, 2 * dim)

    def encode(self, x: Tensor) -> Tensor:
        return self.forward(x)[0]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = self.head(self.body(x)).chunk(2, dim=1)
        return mu, logvar


class Lazy(Encoder):
    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.head = nn.LazyLinear(2 * dim)


def same(one: Arrays, other: Arrays) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def record(observer: Callable, answer: Answer) -> tuple[Arrays, Trace]:
    recorder = Recorder(answer)
    arrays = observer(recorder, INPUTS)
    return arrays, decode(*encode(recorder.trace()))


@pytest.mark.parametrize(
    ("observer", "answer"),
    [
        (one_step, train_step),
        (one_step, train_step_with_parts),
        (one_step, by_hand),
        (loss_and_gradients, drawing),
        (loss_and_gradients, with_a_penalty),
        (loss_and_gradients, under_no_grad),
        (a_network, Encoder),
        (a_network, Lazy),
    ],
    ids=lambda part: part.__name__,
)
def test_a_replay_shows_what_was_seen(observer: Callable, answer: Answer) -> None:
    torch.manual_seed(3)
    direct = observer(answer, INPUTS)
    recorded, trace = record(observer, answer)
    torch.manual_seed(4)
    assert same(direct, recorded)
    assert same(recorded, observer(Replay(trace), INPUTS))


# --- forgeries: what is patched in the jail is not patched outside ------------------------------------------------


def forged(monkeypatch: pytest.MonkeyPatch, observer: Callable, answer: Answer, **patches: Any) -> Arrays:
    """The judge's arrays, for an answer that patches Witness and Downhill where it runs."""
    with monkeypatch.context() as jail:
        for name, value in patches.items():
            jail.setattr(Downhill if name == "step" else Witness, name, value)
        _, trace = record(observer, answer)
    return observer(Replay(trace), INPUTS)


def test_a_claimed_loss_is_held_against_what_the_model_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A patched model would show any loss to be right; the judge's own model remembers other things."""

    def nothing(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, float]:
        model.seen = [x.flatten(), torch.zeros(12)]
        model.n_calls += 1
        return {"loss": 0.0}

    arrays = forged(monkeypatch, one_step, nothing)
    assert not len(arrays["seen"])
    assert arrays["steps"] == 0


def test_a_step_of_a_patched_optimizer_is_a_step_of_the_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def two_in_one(self: Downhill) -> None:
        self.n_steps += 1
        for parameter in self.param_groups[0]["params"]:
            parameter.data -= 0.2 * parameter.grad

    arrays = forged(monkeypatch, one_step, train_step, step=two_in_one)
    assert same(arrays, one_step(train_step, INPUTS))


def test_two_steps_are_two_whatever_the_jail_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, float]:
        result = train_step(model, optimizer, x)
        optimizer.step()
        optimizer.n_steps = 1
        return result

    assert forged(monkeypatch, one_step, twice)["steps"] == 2


def test_parameters_without_a_step_are_seen_to_be_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = one_step(train_step, INPUTS)

    def written(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, float]:
        for name, parameter in model.named_parameters():
            parameter.data.copy_(wanted[f"new {name}"])
        optimizer.n_steps = 1
        return {"loss": float(wanted["loss"])}

    arrays = forged(monkeypatch, one_step, written)
    assert torch.equal(arrays["new to_code"], wanted["new to_code"])
    assert arrays["steps"] == 0
    assert arrays["calls"] == 0


def test_a_patched_model_does_not_make_a_loss_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the jail the model gives zeros, so that a constant is the right loss; outside it does not."""
    zeros = lambda self, x, g=None: 3 * [x.new_zeros(len(x), 2) + 0 * self.to_code.sum()]  # noqa: E731

    def constant(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, float]:
        model(x)
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        return {"loss": 0.0}

    arrays = forged(monkeypatch, one_step, constant, forward=zeros)
    honest = one_step(train_step, INPUTS)
    assert arrays["calls"] == honest["calls"]
    assert not torch.equal(arrays["loss"], honest["loss"])
    assert not torch.equal(arrays["new to_code"], honest["new to_code"])


def test_gradients_with_respect_to_a_model_are_held_against_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = loss_and_gradients(under_no_grad, INPUTS)

    def detached(model: nn.Module, x: Tensor) -> Tensor:
        return under_no_grad(model, x).detach() + 0 * model.to_logits.sum()

    arrays = forged(monkeypatch, loss_and_gradients, detached)
    assert torch.equal(arrays["loss"], honest["loss"])
    assert arrays.keys() == honest.keys()
    assert not same(arrays, honest)


def test_forged_calls_of_an_object_are_errors_and_no_statements() -> None:
    calls = list(unstacked(record(a_network, Encoder)[1]))

    def replayed(forgery: list[dict]) -> Arrays:
        return a_network(Replay(stacked(forgery)), INPUTS)

    with pytest.raises(ReplayError, match="something else"):
        replayed([calls[0], *reversed(calls[1:])])
    with pytest.raises(ReplayError, match="fewer results"):
        replayed(calls[:3])
    with pytest.raises(ReplayError, match="fewer gradients"):
        replayed([{**call, "gradients": []} for call in calls])
    with pytest.raises(AttributeError):
        replayed([{**calls[0], "made": {**calls[0]["made"], "names": []}}, *calls[1:]])
    own_names = ["_call", "_parameters", "train", "put_in"]
    with pytest.raises(AttributeError):
        replayed([{**calls[0], "made": {**calls[0]["made"], "names": own_names}}, *calls[1:]])


def test_a_frozen_network_that_claims_to_be_none_has_no_gradients() -> None:
    class Frozen(Encoder):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return tuple(part.detach().requires_grad_() for part in super().forward(x))

    _, trace = record(lambda answer, inputs: a_frozen_one(answer, inputs), Frozen)
    assert not a_frozen_one(Replay(trace), INPUTS)["reached"].any()


def a_frozen_one(answer: Answer, inputs: Inputs) -> Arrays:
    net = answer(2)
    mu, _ = net(inputs["x"])
    found = torch.autograd.grad(mu.sum(), list(net.parameters()), allow_unused=True)
    return {"reached": torch.tensor([g is not None for g in found])}


def test_an_object_too_large_is_refused_without_being_made() -> None:
    _, trace = record(a_network, Encoder)
    trace["runs"][0]["form"]["made"]["parameters"][0][0][1] = [1 << 20, 1 << 20]  # a shape
    with pytest.raises(ReplayError, match="that shape"):
        a_network(Replay(trace), INPUTS)


def test_messages_stay_small_for_large_networks() -> None:
    class Large(nn.Module):
        def __init__(self, dim: int) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 5000), nn.Linear(5000, 200)
            self.head = nn.Linear(200, 2 * dim)

        def encode(self, x: Tensor) -> Tensor:
            return self(x)[0]

        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            return self.head(self.second(self.first(x))).chunk(2, dim=1)

    recorder = Recorder(Large)
    a_network(recorder, INPUTS)
    assert sum(map(len, encode(recorder.trace()))) < 200_000
