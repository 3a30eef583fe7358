"""Exercise 7.3: a floor under the KL term of each dimension."""

import torch
from torch import Generator, Tensor

from course_utils.elbo import free_bits
from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises import observers as common
from course_utils.exercises.observers import Inputs

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _divergences(
    batch: int, means: list[float], lam: float, generator: Generator, *, dtype: torch.dtype = torch.float32
) -> Inputs:
    """Batch means near the given multiples of lam; single examples lie on both sides of the floor."""
    near = 0.95 + 0.1 * torch.rand(len(means), generator=generator, dtype=dtype)
    spread = torch.rand(batch, len(means), generator=generator, dtype=dtype)
    spread = 0.1 + 3 * spread / 2  # 0.1 to 1.6
    kl = torch.tensor(means, dtype=dtype) * near * lam * spread / spread.mean(0)
    return {"kl_per_dim": kl, "lam": lam, "_gradients_of": ["kl_per_dim"]}


def three_below_two_above(generator: Generator) -> Inputs:
    return _divergences(8, [0.7, 2.2, 0.02, 0.85, 1.3], 0.5, generator)


def a_high_floor(generator: Generator) -> Inputs:
    return _divergences(6, [1.2, 0.8, 0.4, 1.9], 2.5, generator)


def no_floor(generator: Generator) -> Inputs:
    inputs = _divergences(5, [0.7, 2.2, 0.1], 1.0, generator)
    return {**inputs, "lam": 0.0}


def all_below(generator: Generator) -> Inputs:
    # Lively and quiet examples: the total of an example lies on either side of the floor.
    spread = torch.linspace(0.2, 1.8, 7)[torch.randperm(7, generator=generator), None]
    jitter = 0.8 + 0.4 * torch.rand(7, 3, generator=generator)
    return {"kl_per_dim": spread * jitter * torch.tensor([0.2, 0.25, 0.35]), "lam": 1.0}


def one_example_in_float64(generator: Generator) -> Inputs:
    return _divergences(1, [0.5, 1.7, 3.0], 0.25, generator, dtype=torch.float64)


# --- wrong answers that students give -------------------------------------------------------------


def floor_for_each_example(kl: Tensor, lam: float) -> Tensor:
    return kl.clamp(min=lam).sum(1).mean()


def floor_for_the_total(kl: Tensor, lam: float) -> Tensor:
    return kl.mean(0).sum().clamp(min=lam)


def floor_for_each_examples_total(kl: Tensor, lam: float) -> Tensor:
    return kl.sum(1).clamp(min=lam).mean()


def floor_of_d_lam_for_the_total(kl: Tensor, lam: float) -> Tensor:
    return kl.mean(0).sum().clamp(min=lam * kl.shape[1])


def averaged_over_dimensions(kl: Tensor, lam: float) -> Tensor:
    return kl.mean(0).clamp(min=lam).mean()


def summed_over_the_batch(kl: Tensor, lam: float) -> Tensor:
    return kl.sum(0).clamp(min=lam).sum()


def a_ceiling(kl: Tensor, lam: float) -> Tensor:
    return kl.mean(0).clamp(max=lam).sum()


def floor_subtracted(kl: Tensor, lam: float) -> Tensor:
    return (kl.mean(0) - lam).clamp(min=0).sum()


def floor_added(kl: Tensor, lam: float) -> Tensor:
    return (kl.mean(0) + lam).sum()


def nothing_below(kl: Tensor, lam: float) -> Tensor:
    mean = kl.mean(0)
    return mean[mean > lam].sum()


def no_floor_at_all(kl: Tensor, lam: float) -> Tensor:
    return kl.mean(0).sum()


def one_per_dimension(kl: Tensor, lam: float) -> Tensor:
    return kl.mean(0).clamp(min=lam)


def gradient_below_the_floor(kl: Tensor, lam: float) -> Tensor:
    mean = kl.mean(0)
    return (mean + (mean.clamp(min=lam) - mean).detach()).sum()


def gradient_nowhere(kl: Tensor, lam: float) -> Tensor:
    return free_bits(kl.detach(), lam)


def floor_in_bits(kl: Tensor, lam: float) -> Tensor:
    return free_bits(kl, lam * 0.6931471805599453)


def floor_over_the_wrong_axis(kl: Tensor, lam: float) -> Tensor:
    return kl.mean(1).clamp(min=lam).sum()


def in_place(kl: Tensor, lam: float) -> Tensor:
    total = free_bits(kl, lam)
    kl.data.clamp_(min=lam)
    return total


# --- right answers, written independently ---------------------------------------------------------


def by_maximum(kl: Tensor, lam: float) -> Tensor:
    mean = kl.mean(dim=0)
    return torch.maximum(mean, torch.full_like(mean, lam)).sum()


def lam_plus_the_excess(kl: Tensor, lam: float) -> Tensor:
    return (lam + torch.relu(kl.mean(0) - lam)).sum()


def one_by_one(kl: Tensor, lam: float) -> Tensor:
    total = kl.new_zeros(())
    for column in kl.unbind(1):
        mean = column.sum() / len(column)
        total = total + (mean if mean > lam else lam)
    return total


exercise = Exercise(
    id="free_bits",
    lecture=7,
    position=3,
    title="Free bits",
    points=2,
    minutes=8,
    difficulty=2,
    reference=free_bits,
    cases=(
        Case(
            "eight examples, three of five dimensions below the floor",
            three_below_two_above,
            common.value_and_gradients,
        ),
        Case("a floor of 2.5 nats", a_high_floor, common.value_and_gradients),
        Case("a floor of 0", no_floor, common.value_and_gradients),
        Case("all dimensions below the floor", all_below),
        Case("a batch of one in float64", one_example_in_float64, common.value_and_gradients),
    ),
    mistakes=(
        Mistake(
            "floor_for_each_example",
            "Each example is lifted to the floor by itself. The floor is for the batch mean of a dimension: "
            "average over the batch first.",
            floor_for_each_example,
        ),
        Mistake(
            "floor_for_the_total",
            "One floor lies under the sum over the dimensions. Each dimension has a floor of its own: compare "
            "before you sum.",
            floor_for_the_total,
        ),
        Mistake(
            "floor_for_each_examples_total",
            "The floor lies under the total of each example. It is for the batch mean of each dimension.",
            floor_for_each_examples_total,
        ),
        Mistake(
            "floor_of_d_lam",
            "A floor of D times lam lies under the sum, so that one lively dimension pays for all the dead "
            "ones. Each dimension has a floor of its own: compare before you sum.",
            floor_of_d_lam_for_the_total,
        ),
        Mistake(
            "averaged_over_dimensions",
            "The dimensions are averaged in the end. Sum them.",
            averaged_over_dimensions,
        ),
        Mistake(
            "summed_over_the_batch",
            "The batch is summed where it should be averaged: the larger the batch, the lower the floor.",
            summed_over_the_batch,
        ),
        Mistake(
            "a_ceiling",
            "This is a ceiling: the smaller of the mean and lam. The floor asks for the larger.",
            a_ceiling,
        ),
        Mistake(
            "floor_subtracted",
            "The gradients are right, but the value counts from the floor. Below it a dimension contributes "
            "lam, not 0.",
            floor_subtracted,
        ),
        Mistake("floor_added", "lam is added to each dimension. The larger of the two counts.", floor_added),
        Mistake(
            "nothing_below",
            "A dimension below the floor contributes nothing here. It contributes lam (so the loss does not "
            "jump when it crosses the floor).",
            nothing_below,
        ),
        Mistake("no_floor", "This is the KL term without a floor.", no_floor_at_all),
        Mistake(
            "one_per_dimension",
            "This is one number per dimension. Their sum is asked for.",
            one_per_dimension,
        ),
        Mistake(
            "gradient_below_the_floor",
            "The value is right, but a gradient still pushes dimensions below the floor towards the prior. "
            "There must be none.",
            gradient_below_the_floor,
        ),
        Mistake(
            "gradient_nowhere",
            "No gradient reaches the divergences: the result is cut off from the graph.",
            gradient_nowhere,
        ),
        Mistake(
            "floor_in_bits",
            "lam is converted from bits. Despite the name, lam is in nats, as everything here is.",
            floor_in_bits,
        ),
        Mistake(
            "over_the_wrong_axis",
            "The mean is taken over the dimensions. kl_per_dim is (B, D): average over the batch, dimension 0.",
            floor_over_the_wrong_axis,
        ),
        Mistake(
            "in_place",
            "Your answer writes into kl_per_dim: methods that end in an underscore change the tensor that was "
            "handed in.",
            in_place,
        ),
    ),
    accepted=(by_maximum, lam_plus_the_excess, one_by_one),
    hints=(
        "Three operations: an average, a comparison, a sum. In which order, and over what?",
        "Average over the batch (dimension 0); take the larger of that mean and lam; sum over the dimensions.",
        "`clamp(min=lam)` of a tensor is the larger of the two, entry by entry, and passes no gradient where "
        "lam wins.",
    ),
)
