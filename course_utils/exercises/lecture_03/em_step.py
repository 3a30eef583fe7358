"""Exercise 3.5: one step of expectation maximisation for a mixture of Gaussians."""

import math

import torch
from torch import Tensor

from course_utils.elbo import em_step
from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.observers import Inputs

Triple = tuple[Tensor, Tensor, Tensor]

# --- inputs: plain data from a seeded generator -----------------------------------------------------------------
# Overlapping components of unequal weight and width, away from a fixed point: every shortcut shows.


def _mixture(
    n: int, weights: tuple[float, ...], generator: torch.Generator, dtype: torch.dtype = torch.float32
) -> Inputs:
    k = len(weights)
    jitter = torch.rand(2, k, generator=generator)
    means = torch.linspace(-1.5, 1.5, k) if k > 1 else torch.tensor([0.7])
    return {
        "x": (0.5 + 1.5 * torch.randn(n, generator=generator)).to(dtype),
        "weights": torch.tensor(weights, dtype=dtype),
        "means": (means + 0.4 * jitter[0]).to(dtype),
        "stds": (torch.linspace(0.6, 1.5, k) + 0.3 * jitter[1]).to(dtype),
    }


def two_components(generator: torch.Generator) -> Inputs:
    return _mixture(40, (0.25, 0.75), generator)


def three_in_float64(generator: torch.Generator) -> Inputs:
    return _mixture(60, (0.2, 0.5, 0.3), generator, torch.float64)


def few_points(generator: torch.Generator) -> Inputs:
    return _mixture(6, (0.7, 0.3), generator)


def one_component(generator: torch.Generator) -> Inputs:
    return _mixture(10, (1.0,), generator)


# --- wrong answers that students give ---------------------------------------------------------------------------


def _densities(x: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return torch.exp(-0.5 * ((x[:, None] - means) / stds) ** 2) / (stds * math.sqrt(2 * math.pi))


def _responsibilities(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    joint = weights * _densities(x, means, stds)
    return joint / joint.sum(1, keepdim=True)


def _m_step(x: Tensor, r: Tensor) -> Triple:
    n_k = r.sum(0)
    means = (r * x[:, None]).sum(0) / n_k
    return n_k / len(x), means, ((r * (x[:, None] - means) ** 2).sum(0) / n_k).sqrt()


def around_old_means(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Triple:
    r = _responsibilities(x, weights, means, stds)
    new_weights, new_means, _ = _m_step(x, r)
    return new_weights, new_means, ((r * (x[:, None] - means) ** 2).sum(0) / r.sum(0)).sqrt()


def one_degree_less(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Triple:
    r = _responsibilities(x, weights, means, stds)
    new_weights, new_means, new_stds = _m_step(x, r)
    return new_weights, new_means, new_stds * (r.sum(0) / (r.sum(0) - 1).clamp_min(1e-3)).sqrt()


def variance_returned(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Triple:
    new_weights, new_means, new_stds = em_step(x, weights, means, stds)
    return new_weights, new_means, new_stds**2


def std_as_variance(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Triple:
    return em_step(x, weights, means, stds.sqrt())


def weights_ignored(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Triple:
    return em_step(x, torch.ones_like(weights) / len(weights), means, stds)


def widths_ignored(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Triple:
    joint = weights * _densities(x, means, stds) * stds
    return _m_step(x, joint / joint.sum(1, keepdim=True))


def no_half(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Triple:
    return em_step(x, weights / stds / (weights / stds).sum(), means, stds / math.sqrt(2))


def winner_takes_all(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Triple:
    r = _responsibilities(x, weights, means, stds)
    return _m_step(x, (r == r.max(1, keepdim=True).values).to(x.dtype))


def normalised_over_examples(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Triple:
    joint = weights * _densities(x, means, stds)
    return _m_step(x, joint / joint.sum(0))


def not_normalised(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Triple:
    return _m_step(x, weights * _densities(x, means, stds))


def counts_for_weights(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Triple:
    new_weights, new_means, new_stds = em_step(x, weights, means, stds)
    return new_weights * len(x), new_means, new_stds


def divided_by_all(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Triple:
    r = _responsibilities(x, weights, means, stds)
    new_means = (r * x[:, None]).mean(0)
    return r.mean(0), new_means, (r * (x[:, None] - new_means) ** 2).mean(0).sqrt()


def weights_kept(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Triple:
    return weights, *em_step(x, weights, means, stds)[1:]


def nothing_moves(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Triple:
    return weights, means, stds


# --- right answers, written independently -----------------------------------------------------------------------


def by_densities(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Triple:
    return _m_step(x, _responsibilities(x, weights, means, stds))


def with_matrix_products(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Triple:
    components = torch.distributions.Normal(means, stds)
    r = torch.softmax(components.log_prob(x.unsqueeze(-1)) + torch.log(weights), dim=-1)
    n_k = r.sum(dim=0)
    first, second = x @ r / n_k, x**2 @ r / n_k
    return n_k / n_k.sum(), first, torch.sqrt(second - first**2)


def in_plain_loops(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> list[Tensor]:
    parameters = list(zip(weights.tolist(), means.tolist(), stds.tolist(), strict=True))
    r = []
    for value in x.tolist():
        joint = [w / s * math.exp(-((value - m) ** 2) / (2 * s * s)) for w, m, s in parameters]
        r.append([p / sum(joint) for p in joint])
    rows = []
    for k in range(len(parameters)):
        n_k = sum(row[k] for row in r)
        mean = sum(row[k] * value for row, value in zip(r, x.tolist(), strict=True)) / n_k
        var = sum(row[k] * (value - mean) ** 2 for row, value in zip(r, x.tolist(), strict=True)) / n_k
        rows.append((n_k / len(r), mean, math.sqrt(var)))
    return list(torch.tensor(rows).T)


exercise = Exercise(
    id="em_step",
    lecture=3,
    position=5,
    title="One step of expectation maximisation",
    points=4,
    minutes=20,
    difficulty=3,
    reference=em_step,
    cases=(
        Case("40 points, two components", two_components),
        Case("60 points, three components, in float64", three_in_float64),
        Case("six points", few_points),
        Case("a single component", one_component),
    ),
    mistakes=(
        Mistake(
            "old_means",
            "The variance is taken around the old means. The M step maximises over all parameters at "
            "once: use the new means.",
            around_old_means,
        ),
        Mistake(
            "one_degree_less",
            "The variance is divided by N_k - 1. Maximum likelihood divides by N_k, and only that is sure "
            "to climb.",
            one_degree_less,
        ),
        Mistake(
            "variance_returned",
            "These are variances. The step takes and returns standard deviations.",
            variance_returned,
        ),
        Mistake(
            "std_as_variance",
            "The densities take `stds` for variances: divide (x - mean)^2 by 2 std^2.",
            std_as_variance,
        ),
        Mistake(
            "weights_ignored",
            "The responsibilities ignore the weights: by Bayes' rule each density counts pi_k times.",
            weights_ignored,
        ),
        Mistake(
            "widths_ignored",
            "The densities lack the factor 1 / std. It cancels only where all components are equally wide.",
            widths_ignored,
        ),
        Mistake(
            "no_half", "The exponent of a Gaussian has a factor one half: -(x - mean)^2 / (2 std^2).", no_half
        ),
        Mistake(
            "winner_takes_all",
            "Each point is given wholly to its likeliest component, which is k-means' step. EM shares "
            "each point out.",
            winner_takes_all,
        ),
        Mistake(
            "over_examples",
            "The responsibilities are normalised over the points. For each point they sum to 1 over the "
            "components.",
            normalised_over_examples,
        ),
        Mistake(
            "not_normalised",
            "These are joint densities, not responsibilities: divide each point's row by its sum, which "
            "is p(x).",
            not_normalised,
        ),
        Mistake(
            "counts_for_weights",
            "These weights are the counts N_k. Divide by N, so that they sum to 1.",
            counts_for_weights,
        ),
        Mistake(
            "divided_by_all",
            "Means and variances are averages within a component: divide by N_k, not by N.",
            divided_by_all,
        ),
        Mistake(
            "weights_kept", "The weights stay what they were. The best new ones are N_k / N.", weights_kept
        ),
        Mistake("nothing_moves", "The parameters come back as they went in.", nothing_moves),
    ),
    accepted=(by_densities, with_matrix_products, in_plain_loops),
    hints=(
        "Two halves. E: how much of each point belongs to each component, a table (N, K) whose rows sum to "
        "1. "
        "M: weighted averages with the columns of that table.",
        "E: Bayes' rule, `weights` times the Gaussian densities, divided by the row's sum (a softmax of "
        "log weight plus log "
        "density). Broadcast `x[:, None]` of shape (N, 1) against (K,).",
        "M: with r of shape (N, K) and n_k = r.sum(0), the weights are n_k / N, the means the r-weighted "
        "sums of x divided "
        "by n_k, the variances the r-weighted sums of (x - new mean)^2 divided by n_k. Return their "
        "square roots.",
    ),
)
