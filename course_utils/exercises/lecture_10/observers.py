"""What lecture 10 has to watch beyond values: a move of one player, modes counted, a critic asked for its slope."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.exercises.observers import (
    ONLY_SOURCE,
    UNCHANGED,
    Answer,
    Arrays,
    Inputs,
    NonsenseError,
    as_array,
)

# --- discriminator_step: both players are watched ---------------------------------------------------

LOSS = "loss before the step"
STEP = "change of the discriminator's parameters"
SAME_GENERATOR = "the generator's parameters are where they were"
SAME_GRADIENTS = "the generator's gradients are what they were"
NOT_CLEARED = "the generator's gradients are not cleared"
STILL_LEARNS = "the generator's parameters still require gradients afterwards"
SAME_FREEZE = "a parameter that was frozen before is frozen afterwards"
SAME_MODE = "the generator is in train mode afterwards, as it was before"
ITS_OWN_Z = "the generator is asked for the samples of the given z"


class Points(nn.Module):
    """A generator of three parameters, the last of which is frozen from the start."""

    def __init__(self, inputs: Inputs) -> None:
        super().__init__()
        self.shape = inputs["_real"].shape[1:]
        self.inner = nn.Parameter(inputs["_z_to_hidden"].clone())
        self.outer = nn.Parameter(inputs["_hidden_to_x"].clone())
        self.shift = nn.Parameter(inputs["_x_shift"].clone(), requires_grad=False)
        self.asked: list[Tensor] = []

    def forward(self, z: Tensor) -> Tensor:
        """Samples; remembers z."""
        self.asked.append(z.detach().clone())
        return ((z @ self.inner).tanh() @ self.outer + self.shift).unflatten(1, self.shape)


class Judge(nn.Module):
    """A discriminator of three parameters; its logits are (B,), or (B, 1) if ``inputs["_column"]``."""

    def __init__(self, inputs: Inputs) -> None:
        super().__init__()
        self.inner = nn.Parameter(inputs["_x_to_hidden"].clone())
        self.outer = nn.Parameter(inputs["_hidden_to_logit"].clone())
        self.shift = nn.Parameter(inputs["_logit_shift"].clone())
        self.column = inputs["_column"]

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        logits = (x.flatten(1) @ self.inner).tanh() @ self.outer + self.shift
        return logits.unsqueeze(1) if self.column else logits


class Descent:
    """The smallest optimizer there is; ``of`` makes the step's direction from a gradient.

    torch.optim's own would cost two seconds at their first use, for a compiler that nobody needs here.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, of: Callable[[Tensor], Tensor]) -> None:
        self.param_groups: list[dict[str, Any]] = [{"params": list(parameters), "lr": lr}]
        self.of = of

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients, as torch's optimizers do."""
        for parameter in self.param_groups[0]["params"]:
            parameter.grad = None if set_to_none else torch.zeros_like(parameter)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Go one step downhill; a closure, which computes the gradients, is called first, and its value returned."""
        loss = closure() if closure else None
        for parameter in self.param_groups[0]["params"]:
            if parameter.grad is not None:
                parameter.data -= self.param_groups[0]["lr"] * self.of(parameter.grad)
        return loss


def discriminator_moves(answer: Answer, inputs: Inputs) -> Arrays:
    """One step of a discriminator: where it went, and what became of the generator.

    Both players come with gradients left over from before; the generator's are to be found again.
    """
    torch.default_generator.manual_seed(inputs["_seed"])  # for answers that draw; given back after every case
    judge, points = Judge(inputs), Points(inputs)
    of: Callable[[Tensor], Tensor] = torch.sign if inputs["_by_sign"] else torch.clone
    for parameter in (*judge.parameters(), points.inner, points.outer):
        parameter.grad = torch.linspace(-1, 2, parameter.numel()).reshape(parameter.shape)
    players = [*judge.parameters(), *points.parameters()]
    required = [p.requires_grad for p in players]
    left = [None if p.grad is None else p.grad.clone() for p in points.parameters()]
    at = [p.detach().clone() for p in players]

    real, z = inputs["_real"].clone(), inputs["_z"].clone()
    loss = as_array(answer(judge, points, Descent(judge.parameters(), inputs["_lr"], of), real, z))
    n = len(list(judge.parameters()))
    now = [p.detach() for p in players]
    freezes = [(before, p.requires_grad) for before, p in zip(required, players, strict=True)]
    moved = [
        (after - before).flatten() / inputs["_lr"] for before, after in zip(at[:n], now[:n], strict=True)
    ]
    return {
        LOSS: loss.double() if loss.ndim == 0 else loss,
        STEP: torch.cat(moved),
        SAME_GENERATOR: torch.tensor(all(map(torch.equal, at[n:], now[n:]))),
        SAME_GRADIENTS: torch.tensor(all(map(_same, left, [p.grad for p in points.parameters()]))),
        NOT_CLEARED: torch.tensor(
            all(p.grad is not None and bool(p.grad.any()) for p in (points.inner, points.outer))
        ),
        STILL_LEARNS: torch.tensor((True, False) not in freezes),
        SAME_FREEZE: torch.tensor((False, True) not in freezes),
        SAME_MODE: torch.tensor(points.training),
        ITS_OWN_Z: torch.tensor(bool(points.asked) and all(torch.equal(asked, z) for asked in points.asked)),
        UNCHANGED: torch.tensor(torch.equal(real, inputs["_real"]) and torch.equal(z, inputs["_z"])),
    }


def _same(a: Tensor | None, b: Tensor | None) -> bool:
    return a is b or (a is not None and b is not None and torch.equal(a, b))


# --- count_modes -----------------------------------------------------------------------------------

WHOLE = "every result is an int"


def counts(answer: Answer, inputs: Inputs) -> Arrays:
    """One count per set: ``"_samples 0"`` with ``"_centres 0"``..., radii and least counts in lists."""
    rows = range(len(inputs["_radii"]))
    originals = [[inputs[f"_samples {i}"], inputs[f"_centres {i}"]] for i in rows]
    given = [[part.clone() for part in pair] for pair in originals]
    results = [answer(*given[i], inputs["_radii"][i], inputs["_min_counts"][i]) for i in rows]
    whole = [isinstance(r, int | np.integer) and not isinstance(r, bool | np.bool_) for r in results]
    pairs = [pair for both in zip(given, originals, strict=True) for pair in zip(*both, strict=True)]
    return {
        "result": torch.stack([_number(result) for result in results]),
        WHOLE: torch.tensor(all(whole)),
        UNCHANGED: torch.tensor(all(torch.equal(a, b) for a, b in pairs)),
    }


def _number(result: Any) -> Tensor:
    array = as_array(result)
    if array.shape != ():
        raise NonsenseError(
            f"it returns something of shape {tuple(array.shape)} where one number is expected"
        )
    return array.double()


# --- gradient_penalty: a critic that remembers where it was asked ------------------------------------

RATIO = "penalty divided by what it should be at these points"
LEFT_ALONE = "the critic's own gradients, for its optimizer, are left alone"
NO_GRAPH = "real and fake require no gradients afterwards"
REACHES = "a gradient of the penalty reaches the critic's parameters"
DIRECTION = "direction of that gradient (cosine with the right one)"
LENGTH = "length of that gradient divided by what it should be"
ON_THE_LINE = "every point lies on the line between its real and its fake example"
BETWEEN = "no point lies beyond them"
OWN_WEIGHT = "every example has an interpolation weight of its own"
NOT_REAL, NOT_FAKE = "the points are not the real examples", "the points are not the fake examples"
DRAWN = "the weights are drawn at random"
SHARES = "shares of the weights below 0.2, 0.4, 0.6 and 0.8"
ANEW = "another call with the same generator gives other weights"
POINTS = torch.tensor([0.2, 0.4, 0.6, 0.8], dtype=torch.float64)


class Critic(nn.Module):
    """Two layers with a bend between them, so that the slope differs from point to point."""

    def __init__(self, inputs: Inputs) -> None:
        super().__init__()
        self.inner = nn.Parameter(inputs["_x_to_hidden"].clone())
        self.outer = nn.Parameter(inputs["_hidden_to_score"].clone())
        self.column = inputs["_column"]
        self.asked: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        """Scores; remembers the points, all of a batch that vmap shows one by one."""
        self.asked.append(torch.func.debug_unwrap(x, recurse=True).detach().clone())
        scores = (x.flatten(1) @ self.inner).tanh() @ self.outer
        return scores.unsqueeze(1) if self.column else scores


def penalised(answer: Answer, inputs: Inputs) -> Arrays:
    """The penalty at the points the answer chose, held against the right one there; and how it chose them."""
    critic = Critic(inputs)
    generator = torch.Generator().manual_seed(inputs["_seed"])
    state = torch.random.get_rng_state()
    rows: list[list[Tensor]] = []
    weights, residuals, reached, unchanged, left_alone, no_graph = [], [], True, True, True, True
    for _ in range(inputs["_repeats"]):
        real, fake = inputs["_real"].clone(), inputs["_fake"].clone()
        critic.asked.clear()
        penalty = answer(critic, real, fake, generator)
        if not critic.asked:
            raise NonsenseError("it never calls the critic")
        points = critic.asked[-1]
        if len(critic.asked) == len(real):  # example by example
            points = torch.cat(critic.asked)
        if points.numel() == real.numel():
            points = points.reshape(real.shape)
        else:
            raise NonsenseError(
                f"the critic is asked at {tuple(points.shape)} where {tuple(real.shape)} is expected"
            )
        left_alone &= all(parameter.grad is None for parameter in critic.parameters())
        no_graph &= not (real.requires_grad or fake.requires_grad)
        wanted, slopes = _right_penalty(critic, points)
        found = _gradients(penalty, list(critic.parameters()))
        reached &= found is not None
        rows.append([_number(penalty) / wanted.double(), *_compared(found, slopes)])
        unchanged &= torch.equal(real, inputs["_real"]) and torch.equal(fake, inputs["_fake"])
        u, residual = _weights(points, inputs["_real"], inputs["_fake"])
        weights.append(u)
        residuals.append(residual)
    u = torch.stack(weights)  # (repeats, B)
    ratio, cosine, length = (torch.stack(column) for column in zip(*rows, strict=True))
    on_the_line = max(residuals) < 1e-3
    own = u.shape[1] == 1 or bool((u - u[:, :1]).abs().max() > 1e-4)
    # of a few weights, or of weights that are none, there is nothing to say
    shares = (u.flatten()[:, None] < POINTS).double() if own and on_the_line else torch.zeros(2, len(POINTS))
    varies = bool((u - u[0, 0]).abs().max() > 1e-4)
    return {
        **({SHARES: shares} if u.numel() > 100 else {}),
        RATIO: ratio,
        REACHES: torch.tensor(reached),
        DIRECTION: cosine,
        LENGTH: length,
        ON_THE_LINE: torch.tensor(on_the_line),
        NOT_REAL: torch.tensor(varies or bool((u[0, 0] - 1).abs() > 1e-4)),
        NOT_FAKE: torch.tensor(varies or bool(u[0, 0].abs() > 1e-4)),
        DRAWN: torch.tensor(varies),
        OWN_WEIGHT: torch.tensor(own),
        BETWEEN: torch.tensor(bool(u.min() > -1e-4) and bool(u.max() < 1 + 1e-4)),
        ANEW: torch.tensor(not torch.allclose(u[0], u[-1], rtol=0, atol=1e-4)),
        ONLY_SOURCE: torch.tensor(torch.equal(state, torch.random.get_rng_state())),
        LEFT_ALONE: torch.tensor(left_alone),
        NO_GRAPH: torch.tensor(no_graph),
        UNCHANGED: torch.tensor(unchanged),
    }


def _right_penalty(critic: Critic, points: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The penalty at given points and its gradient, by the chain rule instead of a second backward pass."""
    leaves = [p.detach().requires_grad_() for p in critic.parameters()]
    inner, outer = leaves
    bend = 1 - (points.flatten(1) @ inner).tanh() ** 2  # (B, H)
    slope = (bend * outer) @ inner.T  # (B, D)
    penalty = (slope.norm(dim=1) - 1).square().mean()
    return penalty.detach(), list(torch.autograd.grad(penalty, leaves))


def _gradients(penalty: Any, parameters: list[Tensor]) -> list[Tensor] | None:
    if not isinstance(penalty, Tensor) or not penalty.requires_grad:
        return None
    found = torch.autograd.grad(penalty.sum(), parameters, allow_unused=True)
    return None if None in found else list(found)


def _compared(found: list[Tensor] | None, wanted: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Cosine, and ratio of lengths, of two gradients."""
    if found is None:
        return torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    a, b = (torch.cat([part.flatten() for part in parts]).double() for parts in (found, wanted))
    return a @ b / (a.norm() * b.norm()).clamp_min(1e-12), a.norm() / b.norm()


def _weights(points: Tensor, real: Tensor, fake: Tensor) -> tuple[Tensor, float]:
    """The share of the real example in each point, (B,), and how far off the line the points lie."""
    points, real, fake = (part.flatten(1).double() for part in (points, real, fake))
    across = real - fake
    u = ((points - fake) * across).sum(1) / across.square().sum(1)
    residual = (points - fake - u[:, None] * across).norm(dim=1) / across.norm(dim=1)
    return u, residual.max().item()
