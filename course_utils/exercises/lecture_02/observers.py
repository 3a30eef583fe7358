"""What lecture 2 has to watch beyond values: tables of sizes, a model at work, a model being trained."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.exercises.observers import (
    ADVANCES,
    ONLY_SOURCE,
    UNCHANGED,
    Answer,
    Arrays,
    Inputs,
    NonsenseError,
    as_array,
)

# --- sizes ----------------------------------------------------------------------------------------


def sizes(answer: Answer, inputs: Inputs) -> Arrays:
    """One result per call in ``inputs["_calls"]``, a list of lists of positional arguments."""
    results = [answer(*arguments) for arguments in inputs["_calls"]]
    whole = [isinstance(r, int | np.integer) and not isinstance(r, bool) for r in results]
    return {
        "result": torch.stack([as_array(r).double().reshape(()) for r in results]),
        "every result is an int": torch.tensor(all(whole)),
    }


# --- denoising ------------------------------------------------------------------------------------


class Witness(nn.Module):
    """A model of two parameters that remembers what it was given: it answers ``gain * input + shift``."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(0.9, dtype=dtype))
        self.shift = nn.Parameter(torch.tensor(0.02, dtype=dtype))
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        """Remember, and answer."""
        self.seen.append(x.detach().clone())
        return self.gain * x + self.shift


def denoising(answer: Answer, inputs: Inputs) -> Arrays:
    """Call a denoising loss twice on a witness and describe loss, noise, gradients and use of the generator.

    What is drawn is the answer's affair: the loss is held against what *this* input to the model should cost.
    """
    x, noise_std = inputs["x"], inputs["noise_std"]
    generator, global_state = torch.Generator().manual_seed(inputs["_seed"]), torch.random.get_rng_state()
    witness, given = Witness(x.dtype), x.clone()
    loss = answer(witness, given, noise_std, generator)
    if not witness.seen:
        raise NonsenseError("it never calls the model")
    noisy = witness.seen[-1]
    if noisy.shape != x.shape:
        raise NonsenseError(
            f"it calls the model on a tensor of shape {tuple(noisy.shape)} where x has {tuple(x.shape)}"
        )
    wanted = (witness.gain * noisy + witness.shift - x).square().sum() / len(x)
    gradients = _gradients(loss, witness)
    answer(witness, given, noise_std, generator)
    return {
        "the result is a scalar": torch.tensor(as_array(loss).ndim == 0),
        "gradients reach the model's parameters": torch.tensor(gradients is not None),
        "loss divided by what it should be": as_array(loss).double().sum() / wanted.double().detach(),
        "gradient divided by what it should be": _ratio(gradients, _gradients(wanted, witness)),
        "the loss is the summed squared error against the clean images": _agree(as_array(loss), wanted),
        **_noise(noisy - x, noise_std),
        UNCHANGED: torch.tensor(torch.equal(given, x)),
        ADVANCES: torch.tensor(not torch.equal(noisy, witness.seen[-1])),
        ONLY_SOURCE: torch.tensor(torch.equal(global_state, torch.random.get_rng_state())),
    }


def _noise(noise: Tensor, noise_std: float) -> Arrays:
    """Moments of the noise in units of noise_std, and whether images and pixels have noise of their own."""
    unit = noise.double().flatten(1) / noise_std  # (B, D)
    one, other = unit[0], unit[-1]
    alike = (one * other).sum() / (one.norm() * other.norm()).clamp_min(1e-12)
    return {
        "standard deviation of the noise divided by noise_std": unit.std(),
        "mean of the noise divided by noise_std": unit.mean(),
        "fourth moment of the noise (3 for a normal law)": unit.pow(4).mean(),
        "each image has noise of its own": torch.tensor(len(unit) == 1 or bool(alike.abs() < 0.3)),
        "each pixel has noise of its own": torch.tensor(
            bool((unit.std(1) > 0.01 * unit.abs().mean(1)).all())
        ),
    }


def _agree(seen: Tensor, wanted: Tensor) -> Tensor:
    return torch.tensor(
        bool(torch.isclose(seen.double().sum(), wanted.double().detach(), rtol=1e-3, atol=1e-5))
    )


def _gradients(loss: Any, model: nn.Module) -> Tensor | None:
    if not (isinstance(loss, Tensor) and loss.requires_grad):
        return None
    found = torch.autograd.grad(loss.sum(), list(model.parameters()), retain_graph=True, allow_unused=True)
    return None if any(g is None for g in found) else torch.stack(found).double()


def _ratio(seen: Tensor | None, wanted: Tensor) -> Tensor:
    return torch.zeros(len(wanted)) if seen is None else seen / wanted


# --- a module, judged by what it does -------------------------------------------------------------


def shapes(answer: Answer, inputs: Inputs) -> Arrays:
    """Shapes of the code and of the reconstruction; nothing is asked of the number of channels."""
    model, x = _build(answer, inputs), inputs["_x"]
    code, x_hat = model.encode(x.clone()), model(x.clone())
    if not isinstance(code, Tensor):
        raise NonsenseError(f"encode returns a {type(code).__name__} where a tensor is expected")
    one_tensor = isinstance(x_hat, Tensor)
    return {
        "encode(x) has shape (B, C, 7, 7)": torch.tensor(_is_map(code, len(x))),
        "sizes of encode(x), channels left out": _sizes(code),
        "model(x) is one tensor": torch.tensor(one_tensor),
        "sizes of model(x)": torch.tensor(x_hat.shape if one_tensor else [len(x_hat)]),
        "the code depends on the image": torch.tensor(not torch.equal(code[0], code[-1]) or len(x) == 1),
        "the reconstruction depends on the image": torch.tensor(
            len(x) == 1 or not all(torch.equal(t[0], t[-1]) for t in _tensors(x_hat))
        ),
        "numbers are finite": torch.tensor(
            bool(code.isfinite().all()) and all(t.isfinite().all() for t in _tensors(x_hat))
        ),
    }


def trained(answer: Answer, inputs: Inputs) -> Arrays:
    """Which parameters the squared error reaches, and whether ten small steps downhill lower it.

    Of three initialisations one has to learn: a network that ends in a ReLU is now and then born dead.
    """
    for seed in range(inputs["_seed"], inputs["_seed"] + 3):
        values = _ten_steps(_build(answer, {**inputs, "_seed": seed}), inputs["_x"])
        if all(values):
            break
    return {name: torch.tensor(value) for name, value in zip(_TRAINED, values, strict=True)}


def _ten_steps(model: nn.Module, x: Tensor) -> tuple[bool, bool, bool]:
    """Whether there are parameters, whether the loss reaches them all, and whether ten steps lower it."""
    parameters = list(model.parameters())
    if not parameters:
        return False, False, False
    before = _loss(model, x)
    slopes = _slopes(before, parameters)
    reached = all(slope is not None for slope in slopes)
    for _ in range(10):
        for parameter, slope in zip(parameters, slopes, strict=True):
            # The size of Adam's first step. torch.optim itself would cost two seconds at its first use.
            parameter.data -= 1e-3 * (0 if slope is None else slope.sign())
        after = _loss(model, x)
        slopes = _slopes(after, parameters)
    return True, reached, bool(after < before)


def _slopes(loss: Tensor, parameters: list[nn.Parameter]) -> tuple[Tensor | None, ...]:
    if not loss.requires_grad:
        return (None,) * len(parameters)
    return torch.autograd.grad(loss, parameters, allow_unused=True)


_TRAINED = (
    "model.parameters() finds the layers",
    "the loss reaches every parameter",
    "ten training steps lower the squared error",
)


def only_through_the_code(answer: Answer, inputs: Inputs) -> Arrays:
    """Whether the reconstruction can be told from the code alone.

    Two looks. If forward calls ``encode``, its result is exchanged for the code of another image: then the
    reconstruction must be that of the other image. If it does not, the output is followed along directions in
    which the code does not change (to first order): then it may not change either.
    """
    model, x = _build(answer, inputs).eval(), inputs["_x"]
    statement = "images with the same code have the same reconstruction"
    original, calls = model.encode, []

    def exchanged(images: Tensor) -> Tensor:
        calls.append(original(images))  # the real thing runs too: it may put something aside on its way
        return code

    with torch.no_grad():
        code, wanted = original(x[:1]), _first(model(x[:1]))
        vars(model)["encode"] = exchanged  # before class and submodules, whichever holds the real one
        seen = _first(model(x[1:2]))
        del vars(model)["encode"]
    if calls:
        return {statement: torch.tensor(bool(torch.allclose(seen, wanted, atol=1e-5)))}
    return {statement: torch.tensor(_follows_the_code(model, x[:1], inputs["_seed"]))}


def _follows_the_code(model: nn.Module, x: Tensor, seed: int) -> bool:
    n_code = model.encode(x).numel()
    if n_code >= x.numel():
        return True  # no direction leaves such a code unchanged, so there is nothing to see
    jacobian = _vector_jacobian(model.encode, x, torch.eye(n_code))  # (n_code, D)
    noticed = torch.linalg.qr(jacobian.T).Q  # directions along which the code changes, (D, n_code)
    probes = torch.randn(8, x.numel(), generator=torch.Generator().manual_seed(seed))
    slopes = _vector_jacobian(model, x, probes)  # (8, D)
    return bool((slopes - slopes @ noticed @ noticed.T).norm() <= 0.01 * slopes.norm())


def _vector_jacobian(function: Answer, x: Tensor, rows: Tensor) -> Tensor:
    """``rows @ Jacobian``, all rows in one pass: the image is repeated, once for each row."""
    repeated = x.expand(len(rows), *x.shape[1:]).clone().requires_grad_()
    output = _first(function(repeated)).flatten(1)
    return torch.autograd.grad((output * rows[:, : output.shape[1]]).sum(), repeated)[0].flatten(1)


def _build(answer: Answer, inputs: Inputs) -> nn.Module:
    torch.default_generator.manual_seed(inputs["_seed"])  # given back after every case
    model = answer()
    if not isinstance(model, nn.Module):
        raise NonsenseError(
            f"ConvAutoencoder() gives a {type(model).__name__} where an nn.Module is expected"
        )
    if not callable(getattr(model, "encode", None)):
        raise NonsenseError("the module has no method encode")
    return model


def _loss(model: nn.Module, x: Tensor) -> Tensor:
    x_hat = _first(model(x)).flatten()
    n = min(len(x_hat), x.numel())  # a wrong size is another case's business
    return (x_hat[:n] - x.flatten()[:n]).square().sum() / len(x)


def _first(result: Any) -> Tensor:
    return _tensors(result)[0]


def _tensors(result: Any) -> list[Tensor]:
    parts = list(result) if isinstance(result, tuple | list) else [result]
    if not parts or not all(isinstance(part, Tensor) for part in parts):
        raise NonsenseError(f"the module returns a {type(result).__name__} where a tensor is expected")
    return parts


def _is_map(code: Tensor, n: int) -> bool:
    return code.ndim == 4 and code.shape[0] == n and tuple(code.shape[2:]) == (7, 7)


def _sizes(code: Tensor) -> Tensor:
    return torch.tensor([code.shape[0], *code.shape[2:]]) if code.ndim == 4 else torch.tensor([code.ndim])
