"""What lecture 12 has to watch beyond values: the law of a step of a chain; and logits for its games."""

import torch
from torch import Generator

from course_utils.exercises.observers import (
    ADVANCES,
    ONLY_SOURCE,
    UNCHANGED,
    Answer,
    Arrays,
    Inputs,
    NonsenseError,
    as_array,
    positional,
)

# --- gibbs_step -------------------------------------------------------------------------------------

SHAPE = "shape of the next v"
BINARY = "every unit is 0 or 1"
FLOATING = "the units are numbers of the dtype of v"
ON = "share of chains in which a visible unit is on, by unit and by the image that the chain was at"
ALIKE = "share of chains in which two visible units are equal, by pair"
NEIGHBOURS = "share of pairs of chains in which a visible unit is equal, by unit"


def one_step(answer: Answer, inputs: Inputs) -> Arrays:
    """One step of many chains at once, and what is the law of it.

    ``v`` holds ``inputs["_n_images"]`` different images again and again: chain i is at image i modulo that number.
    """
    generator = Generator().manual_seed(inputs["_seed"])
    state = torch.random.get_rng_state()
    arguments, originals = positional(inputs), positional(inputs)
    first = as_array(answer(*arguments, generator))
    again = as_array(answer(*positional(inputs), generator))
    v, n = inputs["v"], inputs["_n_images"]
    if first.shape != v.shape or again.shape != v.shape:
        raise NonsenseError(f"it returns shape {tuple(first.shape)} for chains of shape {tuple(v.shape)}")
    on = first.double()
    pairs = torch.combinations(torch.arange(v.shape[1]))
    return {
        SHAPE: torch.tensor(first.shape),
        BINARY: torch.tensor(bool(((on == 0) | (on == 1)).all())),
        FLOATING: torch.tensor(first.dtype == v.dtype),
        ON: on.reshape(-1, n * v.shape[1]),  # (chains / n, n * V)
        ALIKE: (on[::n, pairs[:, 0]] == on[::n, pairs[:, 1]]).double(),  # (chains / n, pairs)
        NEIGHBOURS: (on[: n * (len(on) // (2 * n))] == on[-n * (len(on) // (2 * n)) :])[::n].double(),
        ADVANCES: torch.tensor(not torch.equal(first, again)),
        ONLY_SOURCE: torch.tensor(torch.equal(state, torch.random.get_rng_state())),
        UNCHANGED: torch.tensor(all(torch.equal(a, b) for a, b in zip(arguments, originals, strict=True))),
    }


def one_certain_step(answer: Answer, inputs: Inputs) -> Arrays:
    """One step in which nothing is left to chance: the next v."""
    return {"result": as_array(answer(*positional(inputs), Generator().manual_seed(inputs["_seed"])))}
