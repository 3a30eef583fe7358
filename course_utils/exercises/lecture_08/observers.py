"""Observers of lecture 8: models that remember which codes and which labels they were given.

A `Witness` is a conditional VAE of six matrices. What an answer draws is its own affair: the loss is held against
what *these* codes should cost, and the noise is read off the codes.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.exercises.observers import (
    ADVANCES,
    ONLY_SOURCE,
    UNCHANGED,
    Answer,
    Arrays,
    Inputs,
    NonsenseError,
    as_array,
    named,
    positional,
)

FLOATING = "the result holds floating-point numbers"
IS_SCALAR = "the result is a scalar"
ENCODER_LABELS = "encode is given the images with their own labels"
DECODER_LABELS = "decode is given the labels of the images"
LOSS_RATIO = "loss divided by what it should be for these codes"
DECODER_WEIGHT = "weight of the log-likelihood in the decoder's gradient"
MU_WEIGHTS = "weights of log-likelihood and KL in the gradient that reaches mu"
LOGVAR_WEIGHTS = "weights of log-likelihood and KL in the gradient that reaches logvar"
NOISE_MEAN = "mean of (z - mu) / sigma"
NOISE_STD = "standard deviation of (z - mu) / sigma"
NOISE_FOURTH = "fourth moment of (z - mu) / sigma"
FRESH = "two calls draw different codes"
OWN_NOISE = "every example and every dimension has noise of its own"
EXACT_LOSS = "the loss is the negative conditional ELBO, in nats per example"
EXACT_GRADIENT = "the gradient is that of the negative conditional ELBO"

REQUESTED = "share of the codes that are decoded as the requested class"
CODE_MEAN = "mean of the codes"
CODE_STD = "standard deviation of the codes"
CODE_FOURTH = "fourth moment of the codes"
OWN_CODES = "every image and every dimension has a code of its own"
EXTREME = "share of the pixels that are exactly 0 or 1"
BRIGHTNESS = "mean of the images divided by that of the decoder's probabilities"
FROM_CODES = "mean distance of the images from the decoder's probabilities"
N_DECODED = "number of codes decoded"

SAME_IMAGES = "every call gives the same images"


Gradients = list[Tensor | None]


class Witness(nn.Module):
    """A conditional VAE in six matrices, which remembers every call: ``encode(x, y)`` and ``decode(z, y)``."""

    def __init__(self, inputs: Inputs) -> None:
        super().__init__()
        for name in ("x_to_mu", "y_to_mu", "x_to_logvar", "y_to_logvar", "z_to_logits", "y_to_logits"):
            setattr(self, name, nn.Parameter(inputs[f"_{name}"].clone()))
        self.size = inputs["x"].shape[2:]
        self.forget()

    def forget(self) -> None:
        """Start a new record."""
        self.encoded: list[tuple[Tensor, Tensor]] = []
        self.decoded: list[tuple[Tensor, Tensor]] = []

    def encode(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z|x, y), each (B, D)."""
        _check_labels("encode", x, y)
        self.encoded.append((x.detach().clone(), y.clone()))
        return self.posterior(x, y)

    def decode(self, z: Tensor, y: Tensor) -> Tensor:
        """Logits, of the size of the images."""
        _check_labels("decode", z, y)
        self.decoded.append((z.detach().clone(), y.clone()))
        return self.logits(z, y)

    def forward(self, *_: Any) -> Tensor:
        """Not there: a student's model may have any forward, or none."""
        raise NonsenseError("it calls model(...), and only model.encode and model.decode are promised")

    def posterior(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """What ``encode`` gives, off the record."""
        pixels = x.flatten(1)
        return pixels @ self.x_to_mu + self.y_to_mu[y], pixels @ self.x_to_logvar + self.y_to_logvar[y]

    def logits(self, z: Tensor, y: Tensor) -> Tensor:
        """What ``decode`` gives, off the record."""
        return (z @ self.z_to_logits + self.y_to_logits[y]).view(-1, 1, *self.size)


def _check_labels(method: str, rows: Tensor, y: Any) -> None:
    """A label that is no class index would index rows of weights by chance, or raise deep inside torch."""
    if not isinstance(y, Tensor) or y.dtype != torch.int64 or y.ndim != 1:
        what = f"{str(y.dtype)[6:]} {tuple(y.shape)}" if isinstance(y, Tensor) else f"a {type(y).__name__}"
        raise NonsenseError(f"it calls {method} with labels that are {what} where int64 (B,) is expected")
    if len(y) != len(rows):
        raise NonsenseError(f"it calls {method} with {len(y)} labels for a batch of {len(rows)}")


# --- condition ------------------------------------------------------------------------------------


def joined(answer: Answer, inputs: Inputs) -> Arrays:
    """The joined features, whether they are floats, and the gradient that comes back through them."""
    arguments = positional(inputs)
    features = arguments[0].requires_grad_()
    result = answer(*arguments)
    seen = as_array(result)
    graph = isinstance(result, Tensor) and result.requires_grad
    gradient = torch.zeros_like(features)
    if graph:
        weights = torch.linspace(0.5, 1.5, seen.numel(), dtype=seen.dtype).view(seen.shape)
        found = torch.autograd.grad((result * weights).sum(), features, allow_unused=True)[0]
        gradient, graph = (gradient, False) if found is None else (found, True)
    return {
        "result": seen.to(features.dtype),
        FLOATING: torch.tensor(seen.is_floating_point()),
        UNCHANGED: _unchanged(arguments, inputs),
        "a gradient reaches the features": torch.tensor(graph),
        "gradient with respect to the features": gradient.detach(),
    }


# --- cvae_loss ------------------------------------------------------------------------------------


def loss_of_a_witness(answer: Answer, inputs: Inputs) -> Arrays:
    """Loss, gradients, labels and noise of one call, and the noise of ``inputs["_repeats"]`` more."""
    witness, arguments = Witness(inputs), positional(inputs)
    torch.default_generator.manual_seed(inputs["_seed"])  # given back after every case
    loss = answer(witness, *arguments)
    value = as_array(loss)
    labels_reach = _labels_reach(witness, inputs)
    z = _codes(witness, inputs)
    gradients = _gradients(loss, witness)
    reconstruction, kl = _two_terms(witness, z, inputs)
    of_reconstruction, of_kl = _gradients(reconstruction, witness), _gradients(kl, witness)
    noise = [_noise(witness, z, inputs)]
    for _ in range(inputs["_repeats"]):
        witness.forget()
        with torch.no_grad():
            answer(witness, *arguments)
        noise.append(_noise(witness, _codes(witness, inputs), inputs))
    wanted = (reconstruction + kl).detach().double()
    return {
        IS_SCALAR: torch.tensor(value.ndim == 0),
        **labels_reach,
        "gradients reach every parameter": torch.tensor(all(g is not None for g in gradients)),
        **_moments(torch.stack(noise)),
        **_weights(gradients, of_reconstruction, of_kl, witness),
        LOSS_RATIO: value.double().sum() / wanted,
        EXACT_LOSS: torch.isclose(value.double().sum(), wanted, rtol=1e-3, atol=1e-4),
        EXACT_GRADIENT: _same_gradient(gradients, of_reconstruction, of_kl),
        FRESH: torch.tensor(len(noise) < 2 or not torch.equal(noise[0], noise[1])),
        UNCHANGED: _unchanged(arguments, inputs),
    }


def _labels_reach(witness: Witness, inputs: Inputs) -> Arrays:
    n = len(inputs["y"])
    encoded, decoded = _batches(witness.encoded, n, "encode"), _batches(witness.decoded, n, "decode")
    images_too = all(_equal(x, inputs["x"]) and _equal(y, inputs["y"]) for x, y in encoded)
    return {
        ENCODER_LABELS: torch.tensor(images_too),
        DECODER_LABELS: torch.tensor(all(_equal(y, inputs["y"]) for _, y in decoded)),
    }


def _codes(witness: Witness, inputs: Inputs) -> Tensor:
    """The one z of each example that the decoder saw: (B, D)."""
    batches = _batches(witness.decoded, len(inputs["y"]), "decode")
    z = batches[0][0]
    others = [other for other, _ in batches if not _equal(z, other)]  # the same code again is the same draw
    if others:
        raise NonsenseError(f"it decodes {1 + len(others)} codes for each example where one is expected")
    wanted = (len(inputs["y"]), inputs["_z_to_logits"].shape[0])
    if z.shape != wanted:
        raise NonsenseError(f"it decodes codes of shape {tuple(z.shape)} where {wanted} is expected")
    return z


def _batches(calls: Sequence[tuple[Tensor, Tensor]], n: int, method: str) -> list[tuple[Tensor, Tensor]]:
    """The calls on a whole batch; calls on parts of it, put together, are one more."""
    if not calls:
        raise NonsenseError(f"it never calls model.{method}")
    whole = [call for call in calls if len(call[0]) == n]
    parts = [call for call in calls if len(call[0]) != n]
    return whole + ([tuple(torch.cat(column) for column in zip(*parts, strict=True))] if parts else [])


def _two_terms(witness: Witness, z: Tensor, inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Minus the log-likelihood and the KL term for these codes, each a mean over the batch, with a graph."""
    x, y = inputs["x"], inputs["y"]
    mu, logvar = witness.posterior(x, y)
    sigma = (0.5 * logvar).exp()
    eps = ((z - mu) / sigma).detach()
    logits = witness.logits(mu + sigma * eps, y)
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum() / len(x)
    return reconstruction, kl


def _noise(witness: Witness, z: Tensor, inputs: Inputs) -> Tensor:
    """What multiplies sigma in each code: (B, D)."""
    with torch.no_grad():
        mu, logvar = witness.posterior(inputs["x"], inputs["y"])
    return ((z - mu) * (-0.5 * logvar).exp()).double()


def _moments(eps: Tensor) -> Arrays:
    """Of the noise of several calls, (calls, B, D)."""
    return {
        NOISE_STD: eps.std(),
        NOISE_MEAN: eps.mean(),
        NOISE_FOURTH: eps.pow(4).mean(),
        OWN_NOISE: _all_different(eps[0]),
    }


def _weights(
    gradients: Gradients, of_reconstruction: Gradients, of_kl: Gradients, witness: Witness
) -> Arrays:
    """The seen gradient as a combination of those of the two terms, for decoder, mu and logvar apart."""
    parameters = list(witness.parameters())

    def flat(parts: Gradients, where: slice) -> Tensor:
        pairs = zip(parts[where], parameters[where], strict=True)
        return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs]).double()

    def combination(where: slice, *terms: Gradients) -> Tensor:
        return _combination(flat(gradients, where), *(flat(term, where) for term in terms))

    return {
        DECODER_WEIGHT: combination(slice(4, 6), of_reconstruction)[0],
        MU_WEIGHTS: combination(slice(0, 2), of_reconstruction, of_kl),
        LOGVAR_WEIGHTS: combination(slice(2, 4), of_reconstruction, of_kl),
    }


def _combination(seen: Tensor, *columns: Tensor) -> Tensor:
    """Least squares: how much of each column there is in ``seen``; 0 of a column that is 0."""
    matrix = torch.stack(columns, 1)
    gram = matrix.T @ matrix
    ridge = 1e-12 * gram.diagonal().max().clamp_min(1e-12)
    return torch.linalg.solve(gram + ridge * torch.eye(len(gram), dtype=gram.dtype), matrix.T @ seen)


def _gradients(loss: Any, witness: Witness) -> Gradients:
    parameters = list(witness.parameters())
    if not (isinstance(loss, Tensor) and loss.requires_grad):
        return [None] * len(parameters)
    return list(torch.autograd.grad(loss.sum(), parameters, retain_graph=True, allow_unused=True))


def _same_gradient(gradients: Gradients, of_reconstruction: Gradients, of_kl: Gradients) -> Tensor:
    wanted = [r if k is None else r + k for r, k in zip(of_reconstruction, of_kl, strict=True)]
    pairs = zip(gradients, wanted, strict=True)
    return torch.tensor(all(g is not None and bool((g - w).norm() <= 2e-3 * w.norm()) for g, w in pairs))


# --- sample_class ---------------------------------------------------------------------------------


def images_of_a_class(answer: Answer, inputs: Inputs) -> Arrays:
    """Call ``answer(decode, y, n, latent_dim, generator)`` and describe codes, labels and images."""
    y, n, dim = inputs["y"], inputs["n"], inputs["latent_dim"]
    weights, offsets = inputs["_z_to_logits"], inputs["_y_to_logits"]
    calls: list[tuple[Tensor, Tensor]] = []

    def logits(z: Tensor, labels: Tensor) -> Tensor:
        return (z @ weights + offsets[labels]).view(-1, 1, 28, 28)

    def decode(z: Tensor, labels: Tensor) -> Tensor:
        _check_labels("decode", z, labels)
        if z.ndim != 2 or z.shape[1] != dim:
            raise NonsenseError(f"it decodes codes of shape {tuple(z.shape)} where ({n}, {dim}) is expected")
        calls.append((z.detach().clone(), labels.clone()))
        return logits(z, labels)

    generator, global_state = torch.Generator().manual_seed(inputs["_seed"]), torch.random.get_rng_state()
    images = as_array(answer(decode, y, n, dim, generator))
    z, labels = _together(calls)
    calls.clear()
    answer(decode, y, n, dim, generator)
    again = _together(calls)[0]
    wanted = logits(z, labels).sigmoid()
    same = images.numel() == wanted.numel()
    distance = (images.reshape(wanted.shape) - wanted).abs().mean() if same else torch.tensor(torch.inf)
    return {
        N_DECODED: torch.tensor(len(z)),
        REQUESTED: (labels == y).double().mean(),
        ADVANCES: torch.tensor(not torch.equal(z, again)),
        ONLY_SOURCE: torch.tensor(torch.equal(global_state, torch.random.get_rng_state())),
        OWN_CODES: _all_different(z.double()),
        CODE_STD: z.double().std(correction=0),
        CODE_MEAN: z.double().mean(),
        CODE_FOURTH: z.double().pow(4).mean(),
        "shape of the images": torch.tensor(images.shape),
        FROM_CODES: distance.double(),
        EXTREME: ((images == 0) | (images == 1)).double().mean(),
        BRIGHTNESS: images.double().mean() / wanted.double().mean(),
    }


def _together(calls: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    if not calls:
        raise NonsenseError("it never calls decode")
    z, labels = (torch.cat(column) for column in zip(*calls, strict=True))
    return z, labels


# --- style_transfer -------------------------------------------------------------------------------


def transferred(answer: Answer, inputs: Inputs) -> Arrays:
    """The images, and whether a second call gives them again; drawing is seen as a difference between the two."""
    witness, arguments = Witness(inputs), positional(inputs)
    torch.default_generator.manual_seed(inputs["_seed"])
    first = answer(witness, *arguments)
    second = answer(witness, *arguments)
    return {
        **named(first),
        SAME_IMAGES: torch.tensor(_equal(as_array(first), as_array(second))),
        UNCHANGED: _unchanged(arguments, inputs),
    }


# --- what they share ------------------------------------------------------------------------------


def _all_different(noise: Tensor) -> Tensor:
    """Whether no two rows and no two columns of (n, D) numbers are the same, up to rounding."""
    closest = [_closest(part) for part in (noise, noise.T)]
    return torch.tensor(all(distance > tolerance for distance, tolerance in closest))


def _closest(rows: Tensor) -> tuple[float, float]:
    """The least distance between two rows, and what is nothing: single numbers come near each other by chance."""
    if len(rows) < 2:
        return torch.inf, 0.0
    return torch.pdist(rows).min().item(), 1e-6 if rows.shape[1] == 1 else 1e-3


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.equal(a, b)


def _unchanged(arguments: Sequence[Any], inputs: Inputs) -> Tensor:
    pairs = zip(arguments, positional(inputs), strict=True)
    return torch.tensor(all(torch.equal(a, b) for a, b in pairs if isinstance(b, Tensor)))
