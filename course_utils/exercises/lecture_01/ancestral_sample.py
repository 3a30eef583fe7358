"""Exercise 1.3: drawing from a one-dimensional Gaussian mixture, the label first."""

import torch
from torch import Tensor

from course_utils.exercises import Case, Exercise, Mistake, same_law, same_mean
from course_utils.exercises.lecture_01 import observers
from course_utils.exercises.lecture_01.observers import LEVELS
from course_utils.exercises.observers import Arrays, Inputs


def ancestral_sample(
    weights: Tensor, means: Tensor, stds: Tensor, n: int, generator: torch.Generator
) -> Tensor:
    """The reference: n labels, then one Gaussian draw for each label."""
    z = torch.multinomial(weights, n, replacement=True, generator=generator)
    noise = torch.randn(n, dtype=means.dtype, generator=generator)
    return means[z] + stds[z] * noise


# --- inputs: plain data from a seeded generator -----------------------------------------------------------------

SHARES = "shares of draws below the 10 %, 30 %, ..., 90 % points"
BY_POSITION = "share of draws left of the gap, position by position"
BY_CALL = "share of draws left of the gap, call by call"


def _seed(generator: torch.Generator) -> int:
    return int(torch.randint(2**31, (), generator=generator))


def _between(low: float, high: float, n: int, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(n, generator=generator)


def three_components(generator: torch.Generator) -> Inputs:
    return {
        "weights": torch.tensor([0.55, 0.15, 0.30])[torch.randperm(3, generator=generator)],
        "means": torch.tensor([-3.0, 0.0, 2.5]) + _between(-0.3, 0.3, 3, generator),
        "stds": _between(0.15, 0.4, 3, generator),
        "n": 20_000,
        "_seed": _seed(generator),
    }


def one_component_is_never_drawn(generator: torch.Generator) -> Inputs:
    return {
        "weights": torch.tensor([0.25, 0.0, 0.75], dtype=torch.float64),
        "means": torch.tensor([-100.0, 0.0, 40.0], dtype=torch.float64),
        "stds": _between(0.01, 0.03, 3, generator).double(),
        "n": 4_000,
        "_seed": _seed(generator),
    }


def two_far_components(generator: torch.Generator) -> Inputs:
    return {
        "weights": torch.tensor([0.3, 0.7]),
        "means": torch.tensor([-5.0, 5.0]) + _between(-0.5, 0.5, 2, generator),
        "stds": _between(0.2, 0.5, 2, generator),
        "n": 20,
        "_seed": _seed(generator),
        "_repeats": 150,
        "_gap": 0.0,
    }


def one_at_a_time(generator: torch.Generator) -> Inputs:
    return two_far_components(generator) | {"n": 1, "_repeats": 80}


def levels(_: Inputs) -> Arrays:
    """By definition of the 10 %, 30 %, ..., 90 % points."""
    return {SHARES: LEVELS[None]}


def left_weight(inputs: Inputs) -> Arrays:
    """Each position of the sample falls left of the gap with the weight of the left component."""
    return {BY_POSITION: inputs["weights"][0].double().expand(1, inputs["n"])}


# --- wrong answers that students give ---------------------------------------------------------------------------


def blended(weights: Tensor, means: Tensor, stds: Tensor, n: int, generator: torch.Generator) -> Tensor:
    every = means + stds * torch.randn(n, len(means), dtype=means.dtype, generator=generator)  # (n, K)
    return every @ weights


def one_label(weights: Tensor, means: Tensor, stds: Tensor, n: int, generator: torch.Generator) -> Tensor:
    z = torch.multinomial(weights, 1, generator=generator)
    return means[z] + stds[z] * torch.randn(n, dtype=means.dtype, generator=generator)


def equal_weights(weights: Tensor, means: Tensor, stds: Tensor, n: int, generator: torch.Generator) -> Tensor:
    z = torch.randint(len(weights), (n,), generator=generator)
    return means[z] + stds[z] * torch.randn(n, dtype=means.dtype, generator=generator)


def likeliest_component(
    weights: Tensor, means: Tensor, stds: Tensor, n: int, generator: torch.Generator
) -> Tensor:
    z = weights.argmax()
    return means[z] + stds[z] * torch.randn(n, dtype=means.dtype, generator=generator)


def only_means(weights: Tensor, means: Tensor, stds: Tensor, n: int, generator: torch.Generator) -> Tensor:
    return means[torch.multinomial(weights, n, replacement=True, generator=generator)]


def unit_noise(weights: Tensor, means: Tensor, stds: Tensor, n: int, generator: torch.Generator) -> Tensor:
    return ancestral_sample(weights, means, torch.ones_like(stds), n, generator)


def variances(weights: Tensor, means: Tensor, stds: Tensor, n: int, generator: torch.Generator) -> Tensor:
    return ancestral_sample(weights, means, stds**2, n, generator)


def square_roots(weights: Tensor, means: Tensor, stds: Tensor, n: int, generator: torch.Generator) -> Tensor:
    return ancestral_sample(weights, means, stds.sqrt(), n, generator)


def one_gaussian(weights: Tensor, means: Tensor, stds: Tensor, n: int, generator: torch.Generator) -> Tensor:
    mean = (weights * means).sum()
    variance = (weights * (stds**2 + means**2)).sum() - mean**2
    return mean + variance.sqrt() * torch.randn(n, dtype=means.dtype, generator=generator)


def rounded_counts(
    weights: Tensor, means: Tensor, stds: Tensor, n: int, generator: torch.Generator
) -> Tensor:
    edges = (weights.double().cumsum(0) * n).round()
    z = torch.searchsorted(edges, torch.arange(n) + 0.5).clamp_max(len(weights) - 1)
    z = z[torch.randperm(n, generator=generator)]
    return means[z] + stds[z] * torch.randn(n, dtype=means.dtype, generator=generator)


def sorted_by_label(
    weights: Tensor, means: Tensor, stds: Tensor, n: int, generator: torch.Generator
) -> Tensor:
    z = torch.multinomial(weights, n, replacement=True, generator=generator).sort().values
    return means[z] + stds[z] * torch.randn(n, dtype=means.dtype, generator=generator)


def global_generator(
    weights: Tensor, means: Tensor, stds: Tensor, n: int, generator: torch.Generator
) -> Tensor:
    z = torch.multinomial(weights, n, replacement=True)
    return means[z] + stds[z] * torch.randn(n, dtype=means.dtype)


def own_seed(weights: Tensor, means: Tensor, stds: Tensor, n: int, generator: torch.Generator) -> Tensor:
    return ancestral_sample(weights, means, stds, n, torch.Generator().manual_seed(0))


def column(weights: Tensor, means: Tensor, stds: Tensor, n: int, generator: torch.Generator) -> Tensor:
    return ancestral_sample(weights, means, stds, n, generator)[:, None]


# --- right answers, written independently -----------------------------------------------------------------------


def by_inverting_the_distribution_of_labels(
    weights: Tensor, means: Tensor, stds: Tensor, n: int, generator: torch.Generator
) -> Tensor:
    noise = torch.randn(n, generator=generator).to(means)
    uniform = torch.rand(n, generator=generator, dtype=torch.float64)
    edges = weights.double().cumsum(0)
    z = torch.searchsorted(edges / edges[-1], uniform, right=True).clamp_max(len(weights) - 1)
    return torch.addcmul(means[z], stds[z], noise)


def all_components_then_choose(
    weights: Tensor, means: Tensor, stds: Tensor, n: int, generator: torch.Generator
) -> Tensor:
    candidates = torch.normal(means.expand(n, -1), stds.expand(n, -1), generator=generator)  # (n, K)
    chosen = weights.expand(n, -1).multinomial(1, generator=generator)
    return candidates.gather(1, chosen).squeeze(1)


def counts_then_shuffled(
    weights: Tensor, means: Tensor, stds: Tensor, n: int, generator: torch.Generator
) -> Tensor:
    labels = torch.multinomial(weights, n, replacement=True, generator=generator)
    parts = []
    for k, count in enumerate(torch.bincount(labels, minlength=len(weights)).tolist()):
        parts.append(means[k] + stds[k] * torch.randn(count, generator=generator))
    return torch.cat(parts)[torch.randperm(n, generator=generator)]


exercise = Exercise(
    id="ancestral_sample",
    lecture=1,
    position=3,
    title="Ancestral sampling",
    points=2,
    minutes=8,
    difficulty=1,
    reference=ancestral_sample,
    cases=(
        Case(
            "20,000 draws from three components",
            three_components,
            observers.law_of_a_large_sample,
            {SHARES: same_mean()},
            levels,
        ),
        Case(
            "20 draws at a time are independent",
            two_far_components,
            observers.independence_of_small_samples,
            {BY_POSITION: same_mean(), BY_CALL: same_law()},
            left_weight,
        ),
        Case(
            "narrow components in float64, one of weight zero",
            one_component_is_never_drawn,
            observers.law_of_a_large_sample,
            {SHARES: same_mean()},
            levels,
        ),
        Case(
            "one draw at a time",
            one_at_a_time,
            observers.independence_of_small_samples,
            {BY_POSITION: same_mean(), BY_CALL: same_law()},
            left_weight,
        ),
    ),
    mistakes=(
        Mistake(
            "blended",
            "You average the components' draws with the weights. A draw from a mixture comes from ONE component, "
            "chosen with probability w_k; the average of a cat and a dog is neither.",
            blended,
        ),
        Mistake(
            "one_label",
            "All draws of a call share one label, so each sample sits in a single component. Every draw needs a z "
            "of its own.",
            one_label,
        ),
        Mistake("equal_weights", "The weights are ignored: z must be k with probability w_k.", equal_weights),
        Mistake(
            "likeliest_component",
            "Everything comes from the component with the largest weight. Choose z at random, with the weights as "
            "its probabilities.",
            likeliest_component,
        ),
        Mistake(
            "no_noise",
            "Each component gives the same x again and again: the second step, x given z, is missing, or all draws "
            "of a call share one noise number.",
            only_means,
        ),
        Mistake(
            "unit_noise",
            "The noise has standard deviation 1 in every component: scale it by the std of its own.",
            unit_noise,
        ),
        Mistake(
            "variance_for_std",
            "The noise is scaled by std squared: multiply by the standard deviation itself.",
            variances,
        ),
        Mistake(
            "root_of_std",
            "The noise is scaled by the square root of `stds`; they are standard deviations already, not variances.",
            square_roots,
        ),
        Mistake(
            "one_gaussian",
            "Right mean and right variance, wrong distribution: one broad Gaussian puts most draws where the "
            "mixture has hardly any. Draw the label first.",
            one_gaussian,
        ),
        Mistake(
            "rounded_counts",
            "Each component gets exactly n times its weight. Independent draws have random counts: draw every label "
            "by itself.",
            rounded_counts,
        ),
        Mistake(
            "sorted",
            "The draws come sorted by component, so the first ones are always from the first. Independent draws "
            "have no order.",
            sorted_by_label,
        ),
        Mistake(
            "global_generator",
            "The draws ignore `generator`, so a seed doesn't repeat them. Pass generator=generator to every random "
            "call.",
            global_generator,
        ),
        Mistake(
            "own_seed",
            "Every call gives the same draws: you seed a generator of your own inside. Use the one that is passed.",
            own_seed,
        ),
        Mistake(
            "column", "The shape should be (n,): one number per draw, not a column of shape (n, 1).", column
        ),
    ),
    accepted=(by_inverting_the_distribution_of_labels, all_components_then_choose, counts_then_shuffled),
    hints=(
        "Ancestral sampling follows the arrow of the model: first the parent z, then the child x given z.",
        "`torch.multinomial(weights, ...)` draws labels with given probabilities; read what its `replacement` means. "
        "Indexing `means` with n labels gives n means.",
        "With labels `z` of shape (n,): the draw is the mean of its component plus the std of its component times a "
        "standard normal number. Give `generator` to both random calls.",
    ),
)
