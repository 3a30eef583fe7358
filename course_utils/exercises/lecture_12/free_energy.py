"""Exercise 12.1: the energy of an image when the hidden units are summed out."""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.observers import Arrays, Inputs
from course_utils.models import free_energy

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _machine(
    n_images: int,
    n_visible: int,
    n_hidden: int,
    generator: Generator,
    dtype: torch.dtype = torch.float32,
    scale: float = 1.0,
) -> Inputs:
    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=dtype)

    on = (torch.rand(n_images, n_visible, generator=generator) < 0.6).to(dtype)
    on[:, 0] = 1.0  # no image is empty, so every bias of the visible units shows
    return {
        "v": on,
        "W": scale * normal(n_visible, n_hidden),
        "b": scale * (0.6 + 0.5 * normal(n_visible)),
        "c": scale * (0.7 + 0.5 * normal(n_hidden)),
    }


def six_images(generator: Generator) -> Inputs:
    return _machine(6, 7, 5, generator)


def small_enough_to_add_up(generator: Generator) -> Inputs:
    return _machine(4, 5, 3, generator, torch.float64, 1.5)


def one_image(generator: Generator) -> Inputs:
    return _machine(1, 9, 4, generator, torch.float64)


def as_many_hidden_as_visible(generator: Generator) -> Inputs:
    return _machine(5, 6, 6, generator)


def sure_units(generator: Generator) -> Inputs:
    inputs = _machine(3, 6, 4, generator)
    signs = torch.tensor([300.0, -300.0, 120.0, 1.0])
    return inputs | {"c": signs - inputs["v"][0] @ inputs["W"]}


def by_enumeration(inputs: Inputs) -> Arrays:
    """-log of the sum of e^(-E(v, h)) over all states of the hidden layer."""
    v, W, b, c = (inputs[name].double() for name in ("v", "W", "b", "c"))
    n_hidden = W.shape[1]
    h = (torch.arange(2**n_hidden)[:, None] >> torch.arange(n_hidden) & 1).double()  # (2^H, H)
    minus_energy = v @ W @ h.T + (v @ b)[:, None] + h @ c  # (B, 2^H)
    return {"result": -minus_energy.logsumexp(1)}


# --- wrong answers that students give -------------------------------------------------------------


def wrong_sign(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return -free_energy(v, W, b, c)


def hidden_part_alone(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return -F.softplus(v @ W + c).sum(1)


def without_hidden_bias(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return -v @ b - F.softplus(v @ W).sum(1)


def hidden_bias_beside(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return -v @ b - c.sum() - F.softplus(v @ W).sum(1)


def sign_of_the_visible_part(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return v @ b - F.softplus(v @ W + c).sum(1)


def sign_of_the_hidden_part(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return -v @ b + F.softplus(v @ W + c).sum(1)


def sign_of_the_activation(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return -v @ b - F.softplus(-(v @ W + c)).sum(1)


def naive(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return -v @ b - torch.log(1 + torch.exp(v @ W + c)).sum(1)


def clamped(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return -v @ b - torch.log(1 + torch.exp((v @ W + c).clamp(-80, 80))).sum(1)


def hidden_averaged(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return -v @ b - F.softplus(v @ W + c).mean(1)


def batch_averaged(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return free_energy(v, W, b, c).mean()


def batch_summed(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return free_energy(v, W, b, c).sum()


def energy_at_the_probabilities(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    a = v @ W + c
    return -v @ b - (a.sigmoid() * a).sum(1)


def energy_at_the_likeliest(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return -v @ b - (v @ W + c).relu().sum(1)


def hidden_all_on(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return -v @ b - (v @ W + c).sum(1)


def log_of_the_sum(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    a = v @ W + c
    return -v @ b - F.softplus(a.logsumexp(1))


def without_the_one(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return -v @ b - (v @ W + c).logsumexp(1)


def averaged_over_states(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return free_energy(v, W, b, c) + W.shape[1] * math.log(2)


def spins(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    a = v @ W + c
    return -v @ b - torch.logaddexp(a, -a).sum(1)


def probability(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return (-free_energy(v, W, b, c)).clamp_max(300).exp()


def a_column(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return free_energy(v, W, b, c)[:, None]


def in_place(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    hidden = F.softplus(v @ W + c).sum(1)
    return -v.mul_(b).sum(1) - hidden


# --- right answers, written independently ---------------------------------------------------------


def by_logaddexp(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    activation = torch.addmm(c, v, W)
    return -(v * b).sum(-1) - torch.logaddexp(activation, torch.zeros_like(activation)).sum(-1)


def unit_after_unit(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    total = -(v * b).sum(1)
    for j in range(W.shape[1]):
        a = (v * W[:, j]).sum(1) + c[j]
        total = total - (a.clamp_min(0) + torch.log1p(torch.exp(-a.abs())))
    return total


def by_the_sigmoid(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return F.logsigmoid(-(v @ W) - c).sum(1) - torch.mv(v, b)


exercise = Exercise(
    id="free_energy",
    lecture=12,
    position=1,
    title="The free energy of an image",
    points=2,
    minutes=8,
    difficulty=1,
    reference=free_energy,
    cases=(
        Case("six images, seven visible and five hidden units", six_images),
        Case(
            "against a sum over all hidden states, in float64",
            small_enough_to_add_up,
            expected=by_enumeration,
        ),
        Case("one image", one_image),
        Case("as many hidden units as visible ones", as_many_hidden_as_visible),
        Case("hidden units that are sure: activations of 300 and -300", sure_units),
    ),
    mistakes=(
        Mistake(
            "wrong_sign",
            "The sign is turned round: this is log p(v) + log Z, and the free energy is low where p(v) is high.",
            wrong_sign,
        ),
        Mistake("hidden_part_alone", "The visible units' own part, -b·v, is missing.", hidden_part_alone),
        Mistake(
            "without_hidden_bias",
            "The hidden biases c are missing: unit j is driven by c_j and by what comes from v.",
            without_hidden_bias,
        ),
        Mistake(
            "hidden_bias_beside",
            "The hidden biases are added as if every hidden unit were on. They belong inside the exponential: a unit "
            "that is off pays nothing.",
            hidden_bias_beside,
        ),
        Mistake(
            "sign_of_the_visible_part",
            "The visible part has the wrong sign: a positive bias makes a unit that is on cheaper, so it is -b·v.",
            sign_of_the_visible_part,
        ),
        Mistake(
            "sign_of_the_hidden_part",
            "The hidden part has the wrong sign: every state that is summed over makes v likelier, so it lowers F.",
            sign_of_the_hidden_part,
        ),
        Mistake(
            "sign_of_the_activation",
            "Inside the exponential the sign is turned round. For h_j = 1 the energy holds -(c_j + (vW)_j), and it "
            "is e to the power of minus the energy that is summed.",
            sign_of_the_activation,
        ),
        Mistake(
            "naive",
            "e to the power of 300 is infinite in float32. F.softplus(a) is log(1 + e^a) without forming e^a.",
            naive,
        ),
        Mistake(
            "clamped",
            "Clamped activations are finite, and wrong where a unit is driven with 300. F.softplus needs no clamp.",
            clamped,
        ),
        Mistake(
            "hidden_averaged",
            "The hidden units are averaged over. Their sums multiply, so their logarithms are added.",
            hidden_averaged,
        ),
        Mistake(
            "batch_averaged",
            "This is the mean over the batch. Return one number for each image.",
            batch_averaged,
        ),
        Mistake("batch_summed", "The batch is added up. Return one number for each image.", batch_summed),
        Mistake(
            "energy_at_the_probabilities",
            "This is the energy with the probabilities of the hidden units put in. The sum over their states also "
            "counts how many states there are: an entropy is missing.",
            energy_at_the_probabilities,
        ),
        Mistake(
            "energy_at_the_likeliest",
            "This is the energy of the likeliest hidden state alone. The free energy sums over all of them: log(1 + "
            "e^a) and not max(0, a).",
            energy_at_the_likeliest,
        ),
        Mistake(
            "hidden_all_on",
            "This is the energy with all hidden units on. Sum over both values of each: 1 + e^a.",
            hidden_all_on,
        ),
        Mistake(
            "log_of_the_sum",
            "Here one 1 + a sum over the units stands in the logarithm. Each unit has a factor of its own: a sum of "
            "logarithms.",
            log_of_the_sum,
        ),
        Mistake(
            "without_the_one",
            "This sums over states in which exactly one hidden unit is on. Each unit may be on or off, independently "
            "of the others: a product of factors 1 + e^a.",
            without_the_one,
        ),
        Mistake(
            "averaged_over_states",
            "The states of the hidden layer are averaged, not added: off by log 2 for every hidden unit.",
            averaged_over_states,
        ),
        Mistake("spins", "Here units are -1 or 1. Ours are 0 or 1: the factor of a unit is 1 + e^a.", spins),
        Mistake(
            "probability",
            "This is e to the power of -F. Return F itself: nothing overflows then.",
            probability,
        ),
        Mistake("a_column", "The shape should be (B,), one number for each image, not (B, 1).", a_column),
        Mistake(
            "in_place",
            "Your answer writes into v: methods that end in an underscore change the tensor that was handed in.",
            in_place,
        ),
    ),
    accepted=(by_logaddexp, unit_after_unit, by_the_sigmoid),
    hints=(
        "Given v the hidden units do not know of each other. So the sum over all states of the layer is a product, "
        "one factor for each unit. Which two terms does a factor have?",
        "The factor of unit j is 1 + e^(a_j), with a = v @ W + c of shape (B, H). What becomes of a product in a "
        "logarithm, and which function is log(1 + e^a) without overflow?",
        "Minus v @ b, minus F.softplus(a) summed over the hidden units, dimension 1.",
    ),
)
