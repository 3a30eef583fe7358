"""What lecture 6 has to watch beyond values: an encoder at work, a training step, images from a decoder."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
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

# --- GaussianEncoder: a module, judged by what it does ---------------------------------------------

SIZES = "sizes of mu and of logvar"
SAME_MU = "in evaluation mode, the same image gives the same mu"
SAME_LOGVAR = "in evaluation mode, the same image gives the same logvar"
EACH_FOR_ITSELF = "in evaluation mode, an image's mu and logvar do not depend on the other images"
DIFFERENT = "mu and logvar are two different outputs"
FINITE = "all numbers are finite"
FOUND = "module.parameters() finds the layers"
REACHED = "gradients reach every parameter"
MU_SEES = "mu depends on the image"
LOGVAR_SEES = "logvar depends on the image"
MU_NEGATIVE, MU_LARGE = "mu can become negative", "mu can become larger than 1.5"
LOGVAR_FREE = "logvar can become negative, and positive"


def encodes(answer: Answer, inputs: Inputs) -> Arrays:
    """Shapes in evaluation mode, for ``inputs["_latent_dim"]`` latents, and what the outputs depend on."""
    x, dim = inputs["_x"], inputs["_latent_dim"]
    module, given = _encoder(answer, dim, inputs["_seed"]).eval(), x.clone()
    mu, logvar = _pair(module(given))
    again = _pair(module(x.clone()))
    alone = _pair(module(x[:1].clone()))
    return {
        SIZES: torch.tensor([list(mu.shape), list(logvar.shape)])
        if mu.ndim == logvar.ndim
        else torch.zeros(1),
        SAME_MU: torch.tensor(torch.equal(mu, again[0])),
        SAME_LOGVAR: torch.tensor(torch.equal(logvar, again[1])),
        EACH_FOR_ITSELF: _all(
            a.shape[1:] == b.shape[1:] and torch.allclose(a[:1], b, rtol=1e-3, atol=1e-4)
            for a, b in zip((mu, logvar), alone, strict=True)
        ),
        FINITE: _all(bool(part.isfinite().all()) for part in (mu, logvar)),
        UNCHANGED: torch.tensor(torch.equal(given, x)),
    }


def can_learn(answer: Answer, inputs: Inputs) -> Arrays:
    """Which parameters gradients reach, and what mu and logvar could become: looked at for many settings of these."""
    module, x = _encoder(answer, inputs["_latent_dim"], inputs["_seed"]), inputs["_x"]
    parameters = [p for p in module.parameters() if p.requires_grad]
    names = FOUND, REACHED, MU_SEES, LOGVAR_SEES, DIFFERENT, MU_NEGATIVE, MU_LARGE, LOGVAR_FREE
    if not parameters:
        return {name: torch.tensor(False) for name in names}
    total = sum(part.sum() for part in _pair(module.train()(x)))
    slopes = torch.autograd.grad(total, parameters, allow_unused=True) if total.requires_grad else (None,)
    settings = [_pair(module.eval()(x)) for _ in _disturbed(parameters, inputs["_seed"])]
    mu, logvar = (
        torch.stack([pair[i].detach() for pair in settings]) for i in (0, 1)
    )  # (settings, batch, dim)
    values = (
        True,
        all(slope is not None for slope in slopes),
        _varies(mu),
        _varies(logvar),
        not torch.equal(mu, logvar),
        mu.min() < -1.5,
        mu.max() > 1.5,
        logvar.min() < -0.5 and logvar.max() > 0.5,
    )
    return {name: torch.tensor(bool(value)) for name, value in zip(names, values, strict=True)}


def _disturbed(parameters: list[nn.Parameter], seed: int, n: int = 10) -> Iterator[int]:
    """Set the parameters to ``n`` random values, all about five times as large as they were born."""
    generator = torch.Generator().manual_seed(seed)
    born = [(p.detach().clone(), 5 * max(p.detach().std(correction=0).item(), 0.05)) for p in parameters]
    for i in range(n):
        for parameter, (value, scale) in zip(parameters, born, strict=True):
            noise = torch.empty_like(value).uniform_(-1.7 * scale, 1.7 * scale, generator=generator)
            parameter.data = value + noise
        yield i


def _encoder(answer: Answer, latent_dim: int, seed: int) -> nn.Module:
    torch.default_generator.manual_seed(seed)  # given back after every case
    module = answer(latent_dim)
    if not isinstance(module, nn.Module):
        raise NonsenseError(
            f"GaussianEncoder({latent_dim}) gives a {type(module).__name__} where an nn.Module is expected"
        )
    return module


def _pair(result: Any) -> tuple[Tensor, Tensor]:
    if not isinstance(result, tuple | list):
        raise NonsenseError(
            f"the module returns a {type(result).__name__} where a pair (mu, logvar) is expected"
        )
    if len(result) != 2 or not all(isinstance(part, Tensor) for part in result):
        raise NonsenseError(f"the module returns {len(result)} things where a pair of tensors is expected")
    return result[0], result[1]


def _varies(part: Tensor) -> bool:
    return bool(((part - part[:, :1]).abs() > 1e-4 * (1 + part.abs())).any())  # along the batch


def _all(statements: Iterable[bool]) -> Tensor:
    return torch.tensor(all(statements))


# --- vae_train_step --------------------------------------------------------------------------------

LOSS = "loss divided by what it should be"
DIRECTION = "direction of the step (cosine with the right one) for each parameter"
LENGTH = "length of the step divided by that of one step of the optimizer"
LOWER = "the step lowers the loss"
DETACHED = "the numbers returned are detached"
NOISE, OWN_NOISE, ANY_NOISE = (
    "z is drawn from q(z|x)",
    "every image has noise of its own",
    "z is not mu itself",
)

N_CANDIDATES = 4  # draws of z among which the one behind the step is looked for


class Witness(nn.Module):
    """A VAE of four parameters that remembers its noise, or the z that it was asked to decode.

    Images are averaged to 4x4 features and decoded by blocks of 4x4 pixels; all maps are linear.
    """

    def __init__(self, latent_dim: int, seed: int) -> None:
        super().__init__()
        self.noise = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> nn.Parameter:
            return torch.randn(*shape, generator=self.noise)

        # such that the KL term is about a fifth of the loss: neither half hides the other
        self.to_mu = nn.Parameter(0.5 * normal(16, latent_dim))
        self.to_logvar = nn.Parameter(0.25 * normal(16, latent_dim))
        self.to_pixels = nn.Parameter(0.25 * normal(latent_dim, 49))
        self.bias = nn.Parameter(normal(49) - 3)
        self.eps: list[Tensor] = []
        self.z: list[Tensor] = []

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(mu, logvar)."""
        return _encode(list(self.parameters()), x)

    def decode(self, z: Tensor) -> Tensor:
        """Logits; remembers z."""
        self.z.append(z.detach().clone())
        return _decode(list(self.parameters()), z)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(logits, mu, logvar); remembers the noise."""
        mu, logvar = self.encode(x)
        self.eps.append(torch.randn(mu.shape, generator=self.noise))
        return _decode(list(self.parameters()), mu + (0.5 * logvar).exp() * self.eps[-1]), mu, logvar


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

    def step(self, closure: Callable[[], Tensor] | None = None) -> None:
        """Go one step downhill. Torch's optimizers would take a closure; no function can be sent to the judge."""
        if closure is not None:
            raise NonsenseError(
                "it hands a closure to optimizer.step: call backward() yourself, and step() without arguments"
            )
        for parameter in self.param_groups[0]["params"]:
            if parameter.grad is not None:
                parameter.data -= self.param_groups[0]["lr"] * self.of(parameter.grad)


def train_step(answer: Answer, inputs: Inputs) -> Arrays:
    """One step on a witness, held against the step that its noise should have led to.

    What is drawn is the answer's affair: loss and step are compared with those for *this* z, whether ``model(x)``
    drew it or the answer itself did between ``encode`` and ``decode``.
    """
    x, lr = inputs["_x"], inputs["_lr"]
    model = Witness(inputs["_latent_dim"], inputs["_seed"])
    of: Callable[[Tensor], Tensor] = torch.sign if inputs["_by_sign"] else torch.clone
    for parameter in model.parameters():  # stale gradients, as the batch before would have left them
        parameter.grad = 50 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(7))
    before, given = [p.detach().clone() for p in model.parameters()], x.clone()
    result = answer(model, Descent(model.parameters(), lr, of), given)
    after = [p.detach().clone() for p in model.parameters()]
    moved = [b - a for a, b in zip(before, after, strict=True)]
    loss = _reported(result)

    candidates = [_wanted(before, x, eps) for eps in _noise(model, before, x)]
    wanted_loss = min((c[0] for c in candidates), key=lambda wanted: abs(loss.double().sum() - wanted))
    cosines = [
        torch.stack([_cosine(-m, of(g)) for m, g in zip(moved, c[1], strict=True)]) for c in candidates
    ]
    best = max(range(len(candidates)), key=lambda i: cosines[i].sum().item())
    one_step = lr * _norm([of(g) for g in candidates[best][1]])
    eps = candidates[best][2]
    own = len(x) == 1 or not torch.allclose(eps[0], eps[-1], atol=1e-3)
    return {
        "result['loss'] is a scalar": torch.tensor(loss.ndim == 0),
        LOSS: loss.double().sum() / wanted_loss,
        DETACHED: _all(not (isinstance(part, Tensor) and part.requires_grad) for part in result.values()),
        DIRECTION: cosines[best],
        LENGTH: _norm(moved) / one_step,
        LOWER: torch.tensor(bool(_loss(after, x, eps) < _loss(before, x, eps))),
        ANY_NOISE: torch.tensor(bool(eps.abs().max() > 1e-3)),
        OWN_NOISE: torch.tensor(own),
        # of one image, or of one noise for all, there are too few numbers to say
        NOISE: torch.tensor(len(x) == 1 or not own or bool(0.75 < eps.square().mean().sqrt() < 1.25)),
        UNCHANGED: torch.tensor(torch.equal(given, x)),
    }


def _encode(parameters: list[Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    features = 12 * F.avg_pool2d(x, 7).flatten(1)
    return features @ parameters[0], features @ parameters[1]


def _decode(parameters: list[Tensor], z: Tensor) -> Tensor:
    blocks = (z @ parameters[2] + parameters[3]).view(-1, 1, 7, 7)
    return F.interpolate(blocks, scale_factor=4)


def _loss(parameters: list[Tensor], x: Tensor, eps: Tensor) -> Tensor:
    mu, logvar = _encode(parameters, x)
    logits = _decode(parameters, mu + (0.5 * logvar).exp() * eps)
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()
    return (F.binary_cross_entropy_with_logits(logits, x, reduction="sum") + kl) / len(x)


def _wanted(parameters: list[Tensor], x: Tensor, eps: Tensor) -> tuple[Tensor, tuple[Tensor, ...], Tensor]:
    """Loss and gradients for one draw of the noise, which stands beside them."""
    leaves = [p.clone().requires_grad_() for p in parameters]
    loss = _loss(leaves, x, eps)
    return loss.detach().double(), torch.autograd.grad(loss, leaves), eps


def _noise(model: Witness, before: list[Tensor], x: Tensor) -> list[Tensor]:
    mu, logvar = _encode(before, x)
    own = [(z - mu) * (-0.5 * logvar).exp() for z in model.z[-N_CANDIDATES:] if z.shape == mu.shape]
    candidates = model.eps[-N_CANDIDATES:] + own
    if not candidates:
        raise NonsenseError(
            "it decodes no z for these images: call model(x), or model.encode and model.decode"
        )
    return candidates


def _reported(result: Any) -> Tensor:
    if not isinstance(result, dict):
        raise NonsenseError(f"it returns a {type(result).__name__} where a dictionary is expected")
    if "loss" not in result:
        raise NonsenseError(f"its dictionary has no entry 'loss'; it has {sorted(map(str, result))}")
    return as_array(result["loss"])


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum() / (a.norm() * b.norm()).clamp_min(1e-12)


def _norm(parts: list[Tensor]) -> Tensor:
    return torch.stack([part.norm() for part in parts]).norm()


# --- sample_prior ----------------------------------------------------------------------------------

SHAPE = "the images have shape (n, 1, 28, 28)"
SIGMOID = "the images are the sigmoid of the decoder's logits"
SEES_Z = "the decoder is given n codes of the right dimension, in one call or in several"
OWN_CODES = "every image has a code of its own"
FRACTION = "images in units of the sigmoid: their value where the logit is 0.4, and where it is -4"
MEAN, SQUARE, SHARES, NEIGHBOURS = (
    "mean of the codes",
    "mean square of the codes",
    "shares of the codes below -1.5, -0.7, 0, 0.7 and 1.5",
    "product of neighbouring entries of a code",
)
STATISTICS = MEAN, SQUARE, SHARES, NEIGHBOURS
POINTS = torch.tensor([-1.5, -0.7, 0.0, 0.7, 1.5])


class WitnessDecoder(nn.Module):
    """A linear decoder that remembers its codes; the logits of its first two pixels are always 0.4 and -4."""

    def __init__(self, dim: int, seed: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(
            torch.randn(dim, 784, generator=torch.Generator().manual_seed(seed)) / dim**0.5
        )
        self.codes: list[Tensor] = []

    def forward(self, z: Tensor) -> Tensor:
        """Logits (n, 1, 28, 28)."""
        if z.ndim != 2 or z.shape[1] != len(self.weight):
            raise ValueError(f"expected codes of shape (n, {len(self.weight)}), got {tuple(z.shape)}")
        self.codes.append(z.detach().clone())
        fixed = torch.tensor([0.4, -4.0]).expand(len(z), 2)
        return torch.cat([fixed, (z @ self.weight)[:, 2:]], 1).view(-1, 1, 28, 28)


def prior_samples(answer: Answer, inputs: Inputs) -> Arrays:
    """Call twice with one generator: what the decoder was given, and what became of its logits."""
    n, dim = inputs["n"], inputs["dim"]
    decoder = WitnessDecoder(dim, inputs["_seed"])
    generator, state = torch.Generator().manual_seed(inputs["_seed"]), torch.random.get_rng_state()
    images = as_array(answer(decoder, n, dim, generator)).float()
    if not decoder.codes:
        raise NonsenseError("it never calls the decoder")
    codes = torch.cat(decoder.codes)
    decoder.codes.clear()
    answer(decoder, n, dim, generator)
    again = torch.cat(decoder.codes)
    with torch.no_grad():
        wanted = torch.sigmoid(decoder(codes))
    fits = images.shape == wanted.shape
    return {
        SHAPE: torch.tensor(images.shape == (n, 1, 28, 28)),
        SEES_Z: torch.tensor(codes.shape == (n, dim)),
        FRACTION: images.flatten(1)[:, :2].mean(0) if images.ndim == 4 else torch.zeros(2),
        SIGMOID: torch.tensor(fits and bool(torch.allclose(images, wanted, atol=1e-4))),
        OWN_CODES: torch.tensor(len(codes[:, 0].unique()) == len(codes)),
        **_law(codes),
        ADVANCES: torch.tensor(not torch.equal(codes, again)),
        ONLY_SOURCE: torch.tensor(torch.equal(state, torch.random.get_rng_state())),
    }


def _law(codes: Tensor) -> Arrays:
    """Rows whose means and spreads say that the codes are standard normal, one row per code."""
    codes = codes.double().expand(max(2, len(codes)), -1)  # a single code has a mean, and no spread
    return {
        MEAN: codes.mean(1),
        SQUARE: codes.square().mean(1),
        SHARES: (codes.unsqueeze(-1) < POINTS).double().mean(1),
        NEIGHBOURS: (codes * codes.roll(1, dims=1)).mean(1),
    }
