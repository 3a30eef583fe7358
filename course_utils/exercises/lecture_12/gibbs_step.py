"""Exercise 12.2: one step of a chain that visits images as often as the model says."""

import torch
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake, close, same_mean
from course_utils.exercises.lecture_12 import observers
from course_utils.exercises.lecture_12.observers import ALIKE, NEIGHBOURS, ON
from course_utils.exercises.observers import Arrays, Inputs
from course_utils.models import gibbs_step

# --- inputs: plain data from a seeded generator ---------------------------------------------------

N_VISIBLE, N_HIDDEN = 5, 3


def _machine(
    n_images: int,
    n_chains: int,
    generator: Generator,
    dtype: torch.dtype = torch.float32,
    n_hidden: int = N_HIDDEN,
) -> Inputs:
    """Strong couplings, and biases that balance them: no unit is sure, and the visible ones depend on each other."""
    signs = (torch.rand(N_VISIBLE, n_hidden, generator=generator) < 0.5).to(dtype) * 2 - 1
    signs[0] = 1.0  # at least two visible units hang on the first hidden one in the same way
    signs[1, 0] = 1.0
    W = signs * (2.0 + 0.6 * torch.rand(N_VISIBLE, n_hidden, generator=generator, dtype=dtype))
    images = (torch.rand(n_images, N_VISIBLE, generator=generator) < 0.5).to(dtype)
    images[:, 0] = 1.0
    images[0] = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0], dtype=dtype)
    shift = 0.9 * torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0], dtype=dtype)
    return {
        "v": images.repeat(n_chains, 1),
        "W": W,
        "b": -0.5 * W.sum(1) + 0.6 * torch.tensor([1.0, -1.0, 0.7, -0.8, 1.2], dtype=dtype),
        "c": -images[0] @ W + shift[:n_hidden],
        "_n_images": n_images,
        "_seed": int(torch.randint(2**31, (), generator=generator)),
    }


def at_one_image(generator: Generator) -> Inputs:
    return _machine(1, 3000, generator)


def at_two_images(generator: Generator) -> Inputs:
    return _machine(2, 2000, generator)


def as_many_hidden_as_visible(generator: Generator) -> Inputs:
    return _machine(1, 3000, generator, torch.float64, N_VISIBLE)


def nothing_left_to_chance(generator: Generator) -> Inputs:
    """One chain. Each hidden unit copies a visible one, and hands it on to another; all are driven with 300."""
    order = torch.randperm(N_VISIBLE, generator=generator)
    W = 600 * torch.eye(N_VISIBLE)[order]
    biases = torch.full((N_VISIBLE,), -300.0)
    v = torch.zeros(1, N_VISIBLE)
    v[0, torch.randperm(N_VISIBLE, generator=generator)[:2]] = 1.0
    return {"v": v, "W": W, "b": biases, "c": biases.clone(), "_seed": 0}


def _law(inputs: Inputs) -> Arrays:
    """The closed form, by adding up all states of the hidden layer."""
    v, W, b, c = (inputs[name].double() for name in ("v", "W", "b", "c"))
    n_hidden = W.shape[1]
    h = (torch.arange(2**n_hidden)[:, None] >> torch.arange(n_hidden) & 1).double()  # (2^H, H)
    on_given_h = (h @ W.T + b).sigmoid()  # (2^H, V)
    p_h = (v[: inputs["_n_images"]] @ W + c).sigmoid()  # (images, H)
    weights = (h * p_h[:, None] + (1 - h) * (1 - p_h[:, None])).prod(2)  # (images, 2^H)
    on = weights @ on_given_h  # (images, V)
    i, j = torch.combinations(torch.arange(v.shape[1])).T
    alike = on_given_h[:, i] * on_given_h[:, j] + (1 - on_given_h[:, i]) * (1 - on_given_h[:, j])
    return {
        ON: on.reshape(1, -1),
        ALIKE: weights[:1] @ alike,
        NEIGHBOURS: on[:1] ** 2 + (1 - on[:1]) ** 2,
    }


# --- wrong answers that students give -------------------------------------------------------------


def _coins(p: Tensor, generator: Generator | None) -> Tensor:
    return torch.bernoulli(p, generator=generator)


def _step(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator | None) -> Tensor:
    return _coins((_coins((v @ W + c).sigmoid(), generator) @ W.T + b).sigmoid(), generator)


def hidden_probabilities(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    return _coins(((v @ W + c).sigmoid() @ W.T + b).sigmoid(), generator)


def visible_probabilities(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    return (_coins((v @ W + c).sigmoid(), generator) @ W.T + b).sigmoid()


def nothing_drawn(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    return ((v @ W + c).sigmoid() @ W.T + b).sigmoid()


def hidden_rounded(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    return _coins(((v @ W + c > 0).to(v.dtype) @ W.T + b).sigmoid(), generator)


def visible_rounded(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    h = _coins((v @ W + c).sigmoid(), generator)
    return (h @ W.T + b > 0).to(v.dtype)


def both_rounded(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    return ((v @ W + c > 0).to(v.dtype) @ W.T + b > 0).to(v.dtype)


def without_hidden_bias(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    return _step(v, W, b, torch.zeros_like(c), generator)


def without_visible_bias(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    return _step(v, W, torch.zeros_like(b), c, generator)


def comparison_turned_round(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    h = 1 - _coins((v @ W + c).sigmoid(), generator)
    return 1 - _coins((h @ W.T + b).sigmoid(), generator)


def shared_by_units(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    u, w = (torch.rand(len(v), 1, generator=generator, dtype=v.dtype) for _ in range(2))
    h = (u < (v @ W + c).sigmoid()).to(v.dtype)
    return (w < (h @ W.T + b).sigmoid()).to(v.dtype)


def shared_by_chains(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    u, w = (torch.rand(1, n, generator=generator, dtype=v.dtype) for n in (len(c), len(b)))
    h = (u < (v @ W + c).sigmoid()).to(v.dtype)
    return (w < (h @ W.T + b).sigmoid()).to(v.dtype)


def normal_noise(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    h = (torch.randn(len(v), len(c), generator=generator, dtype=v.dtype) < (v @ W + c).sigmoid()).to(v.dtype)
    noise = torch.randn(v.shape, generator=generator, dtype=v.dtype)
    return (noise < (h @ W.T + b).sigmoid()).to(v.dtype)


def two_steps(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    return _step(_step(v, W, b, c, generator), W, b, c, generator)


def sigmoid_twice(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    h = _coins((v @ W + c).sigmoid().sigmoid(), generator)
    return _coins((h @ W.T + b).sigmoid().sigmoid(), generator)


def spins(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    return 2 * _step(v, W, b, c, generator) - 1


def booleans(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    return _step(v, W, b, c, generator).bool()


def global_generator(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    return _step(v, W, b, c, None)


def own_seed(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    return _step(v, W, b, c, Generator().manual_seed(0))


def in_place(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    return v.copy_(_step(v, W, b, c, generator)).clone()


def hidden_returned(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    return _coins((v @ W + c).sigmoid(), generator)


# --- right answers, written independently ---------------------------------------------------------


def by_bernoulli(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    h = torch.bernoulli(torch.sigmoid(v @ W + c), generator=generator)
    return torch.bernoulli(torch.sigmoid(h @ W.T + b), generator=generator)


def by_logistic_noise(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    def draw(activation: Tensor) -> Tensor:
        u = torch.rand(activation.shape, generator=generator, dtype=torch.float64)
        return (activation + torch.logit(u) > 0).to(v.dtype)

    return draw(draw(v @ W + c) @ W.T + b)


def unit_after_unit(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    def layer(below: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
        units = []
        for column, one in zip(weights.unbind(1), bias, strict=True):
            p = 1 / (1 + torch.exp(-(below * column).sum(1) - one))
            units.append((torch.rand(len(below), generator=generator) <= p).to(below.dtype))
        return torch.stack(units, dim=1)

    return layer(layer(v, W, c), W.t(), b)


_LAW = {name: same_mean(6.0) for name in (ON, ALIKE, NEIGHBOURS)}

exercise = Exercise(
    id="gibbs_step",
    lecture=12,
    position=2,
    title="One step of Gibbs sampling",
    points=3,
    minutes=12,
    difficulty=2,
    reference=gibbs_step,
    cases=(
        Case("3,000 chains at one image", at_one_image, observers.one_step, _LAW, _law),
        Case("4,000 chains at two different images", at_two_images, observers.one_step, _LAW, _law),
        Case(
            "as many hidden units as visible ones, in float64",
            as_many_hidden_as_visible,
            observers.one_step,
            _LAW,
            _law,
        ),
        Case(
            "one chain, units driven with 300",
            nothing_left_to_chance,
            observers.one_certain_step,
            close(),
        ),
    ),
    mistakes=(
        Mistake(
            "hidden_probabilities",
            "The hidden layer is not drawn: its probabilities are handed on. Then the visible units no longer hang "
            "together, and the chain's law is not the model's. Draw 0 or 1 for each hidden unit.",
            hidden_probabilities,
        ),
        Mistake(
            "visible_probabilities",
            "The last layer is not drawn: these are probabilities, fine to look at, but the chain goes on from 0 "
            "and 1.",
            visible_probabilities,
        ),
        Mistake(
            "nothing_drawn",
            "Nothing is drawn at all: this is the mean-field reconstruction. Draw each unit of both layers.",
            nothing_drawn,
        ),
        Mistake(
            "hidden_rounded",
            "The hidden units are rounded: on whenever that is likelier than off. Draw them: on with their "
            "probability.",
            hidden_rounded,
        ),
        Mistake(
            "visible_rounded",
            "The visible units are rounded: on whenever that is likelier than off. Draw them: on with their "
            "probability.",
            visible_rounded,
        ),
        Mistake(
            "both_rounded",
            "Both layers are rounded, and nothing is drawn: a chain without chance. A unit is on with its probability.",
            both_rounded,
        ),
        Mistake("without_hidden_bias", "The hidden biases c are missing.", without_hidden_bias),
        Mistake("without_visible_bias", "The visible biases b are missing.", without_visible_bias),
        Mistake(
            "comparison_turned_round",
            "On and off are exchanged: a unit is on when the uniform number is *below* its probability, sigmoid(c "
            "+ vW) with a plus sign.",
            comparison_turned_round,
        ),
        Mistake(
            "shared_by_units",
            "All units of a layer share one random number, so they switch together. Given the other layer they are "
            "independent: one number for each.",
            shared_by_units,
        ),
        Mistake(
            "shared_by_chains",
            "All chains share their random numbers. Each row of v is a chain of its own.",
            shared_by_chains,
        ),
        Mistake(
            "normal_noise",
            "torch.randn is compared with the probabilities. P(u < p) = p holds for uniform numbers: torch.rand.",
            normal_noise,
        ),
        Mistake("two_steps", "These are two steps. Once to the hidden layer, and once back.", two_steps),
        Mistake(
            "sigmoid_twice",
            "The sigmoid is taken twice: with probabilities for logits every unit is on more often than not.",
            sigmoid_twice,
        ),
        Mistake("spins", "The units here are -1 and 1. Ours are 0 and 1.", spins),
        Mistake(
            "booleans",
            "The result is of another dtype than v. Turn True and False into numbers, so that the next step can "
            "multiply with them: .to(v.dtype).",
            booleans,
        ),
        Mistake(
            "own_seed",
            "Every call draws the same numbers, because you seed a generator inside. Use the one that is handed in.",
            own_seed,
        ),
        Mistake(
            "global_generator",
            "The law is right, but `generator` is not used: these are draws of torch's global generator.",
            global_generator,
        ),
        Mistake(
            "in_place",
            "The chain is right, but the v that was handed in is overwritten. Return a new tensor.",
            in_place,
        ),
        Mistake(
            "hidden_returned",
            "This is the hidden layer. One more half step: draw the visible units, given the hidden ones.",
            hidden_returned,
        ),
    ),
    accepted=(by_bernoulli, by_logistic_noise, unit_after_unit),
    hints=(
        "Given one layer, the units of the other are independent coins. Which probability has each, and which matrix "
        "leads back?",
        "p(h = 1 | v) is the sigmoid of v @ W + c, shape (B, H). Draw 0 or 1 for every entry; then the same with W.T "
        "and b.",
        "torch.bernoulli(p, generator=generator) draws 0 or 1 with probability p, entry by entry and in the dtype "
        "of p. Call it twice.",
    ),
)
