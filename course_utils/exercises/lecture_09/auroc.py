"""Exercise 9.3: the area under the ROC curve, by counting pairs."""

import numpy as np
import torch
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake, close
from course_utils.exercises.observers import Arrays, Inputs
from course_utils.metrics import auroc

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def ties_everywhere(generator: Generator) -> Inputs:
    """Whole numbers, some twenty different ones: a good part of all pairs are ties."""
    scores_in = (3 * torch.randn(70, generator=generator)).round()
    scores_out = (3 * torch.randn(45, generator=generator) + 2.5).round()
    return {"scores_in": scores_in, "scores_out": scores_out}


def real_scores_in_float64(generator: Generator) -> Inputs:
    scores_in = torch.randn(80, generator=generator, dtype=torch.float64)
    scores_out = 0.8 + 1.5 * torch.randn(40, generator=generator, dtype=torch.float64)
    return {"scores_in": 100 + 20 * scores_in, "scores_out": 100 + 20 * scores_out}


def the_wrong_way(generator: Generator) -> Inputs:
    """Outliers score lower: an area well below one half, and some ties."""
    scores_in = torch.randint(0, 40, (50,), generator=generator).float() - 10
    scores_out = torch.randint(0, 25, (70,), generator=generator).float() - 20
    return {"scores_in": scores_in, "scores_out": scores_out}


def one_of_each(generator: Generator) -> Inputs:
    same = torch.randn(1, generator=generator)
    return {"scores_in": same, "scores_out": same.clone()}


def perfectly_separated(generator: Generator) -> Inputs:
    return {
        "scores_in": -torch.rand(9, generator=generator),
        "scores_out": 1 + torch.rand(13, generator=generator),
    }


def by_rank_sum(inputs: Inputs) -> Arrays:
    """The closed form by Wilcoxon's rank sum, midranks for ties."""
    scores_in, scores_out = (inputs[name].double().numpy() for name in ("scores_in", "scores_out"))
    _, group, counts = np.unique(
        np.concatenate([scores_in, scores_out]), return_inverse=True, return_counts=True
    )
    midranks = (counts.cumsum() - (counts - 1) / 2)[group]
    n, m = len(scores_in), len(scores_out)
    return {"result": torch.tensor((midranks[n:].sum() - m * (m + 1) / 2) / (n * m))}


# --- wrong answers that students give -------------------------------------------------------------


def _difference(scores_in: Tensor, scores_out: Tensor) -> Tensor:
    """Outlier minus inlier, for every pair: (m, n)."""
    return scores_out.double()[:, None] - scores_in.double()[None, :]


def _area(scores_in: Tensor, scores_out: Tensor) -> float:
    return _difference(scores_in, scores_out).sign().mean().item() / 2 + 0.5


def reversed_roles(scores_in: Tensor, scores_out: Tensor) -> float:
    return _area(scores_out, scores_in)


def never_below_one_half(scores_in: Tensor, scores_out: Tensor) -> float:
    area = _area(scores_in, scores_out)
    return max(area, 1 - area)


def ties_lost(scores_in: Tensor, scores_out: Tensor) -> float:
    return (_difference(scores_in, scores_out) > 0).double().mean().item()


def ties_won(scores_in: Tensor, scores_out: Tensor) -> float:
    return (_difference(scores_in, scores_out) >= 0).double().mean().item()


def pairs_in_order(scores_in: Tensor, scores_out: Tensor) -> float:
    n = min(len(scores_in), len(scores_out))
    difference = scores_out[:n] - scores_in[:n]
    return ((difference > 0).double() + 0.5 * (difference == 0)).mean().item()


def accuracy_at_the_middle(scores_in: Tensor, scores_out: Tensor) -> float:
    threshold = torch.cat([scores_in, scores_out]).median()
    right = (scores_in <= threshold).sum() + (scores_out > threshold).sum()
    return right.item() / (len(scores_in) + len(scores_out))


def best_accuracy(scores_in: Tensor, scores_out: Tensor) -> float:
    thresholds = torch.cat([scores_in, scores_out])
    right = (scores_in < thresholds[:, None]).sum(1) + (scores_out >= thresholds[:, None]).sum(1)
    return right.max().item() / len(thresholds)


def true_positives_only(scores_in: Tensor, scores_out: Tensor) -> float:
    return (scores_out > scores_in.quantile(0.95)).double().mean().item()


def pairs_not_divided(scores_in: Tensor, scores_out: Tensor) -> float:
    return _area(scores_in, scores_out) * len(scores_in) * len(scores_out)


def divided_by_one_size(scores_in: Tensor, scores_out: Tensor) -> float:
    return _area(scores_in, scores_out) * len(scores_out) / len(scores_in)


def gini(scores_in: Tensor, scores_out: Tensor) -> float:
    return 2 * _area(scores_in, scores_out) - 1


def in_percent(scores_in: Tensor, scores_out: Tensor) -> float:
    return 100 * _area(scores_in, scores_out)


def rank_sum_not_corrected(scores_in: Tensor, scores_out: Tensor) -> float:
    n, m = len(scores_in), len(scores_out)
    return _area(scores_in, scores_out) + (m + 1) / (2 * n)


def difference_of_means(scores_in: Tensor, scores_out: Tensor) -> float:
    return (scores_out.mean() - scores_in.mean()).item()


def largest_gap_of_the_curve(scores_in: Tensor, scores_out: Tensor) -> float:
    thresholds = torch.cat([scores_in, scores_out])
    gap = (scores_out >= thresholds[:, None]).double().mean(1) - (
        scores_in >= thresholds[:, None]
    ).double().mean(1)
    return gap.max().item()


def normal_scores(scores_in: Tensor, scores_out: Tensor) -> float:
    spread = (
        (scores_in.double().var(unbiased=False) + scores_out.double().var(unbiased=False))
        .sqrt()
        .clamp_min(1e-9)
    )
    return torch.special.ndtr((scores_out.double().mean() - scores_in.double().mean()) / spread).item()


# --- right answers, written independently ---------------------------------------------------------


def every_pair(scores_in: Tensor, scores_out: Tensor) -> float:
    wins = (scores_out[:, None] > scores_in[None, :]).float()
    ties = (scores_out[:, None] == scores_in[None, :]).float()
    return float((wins + ties / 2).mean())


def under_the_curve(scores_in: Tensor, scores_out: Tensor) -> Tensor:
    thresholds = torch.cat([scores_in, scores_out]).unique().flip(0)
    false_alarms = (scores_in >= thresholds[:, None]).double().mean(1)
    caught = (scores_out >= thresholds[:, None]).double().mean(1)
    start = torch.zeros(1, dtype=torch.float64)
    return torch.trapezoid(torch.cat([start, caught]), torch.cat([start, false_alarms]))


def one_outlier_at_a_time(scores_in: Tensor, scores_out: Tensor) -> float:
    total = 0.0
    for score in scores_out.tolist():
        total += (scores_in < score).sum().item() + 0.5 * (scores_in == score).sum().item()
    return total / (len(scores_in) * len(scores_out))


_CLOSE = close(rtol=0.0, atol=1e-5)

exercise = Exercise(
    id="auroc",
    lecture=9,
    position=3,
    title="One number for a score",
    points=2,
    minutes=10,
    difficulty=2,
    reference=auroc,
    cases=(
        Case("many ties", ties_everywhere, compare=_CLOSE, expected=by_rank_sum),
        Case(
            "80 inliers and 40 outliers in float64",
            real_scores_in_float64,
            compare=_CLOSE,
            expected=by_rank_sum,
        ),
        Case("a score that points the wrong way", the_wrong_way, compare=_CLOSE, expected=by_rank_sum),
        Case("one inlier, one outlier, one score", one_of_each, compare=_CLOSE),
        Case("perfectly separated", perfectly_separated, compare=_CLOSE),
    ),
    mistakes=(
        Mistake(
            "reversed",
            "This is the share of pairs in which the inlier scores higher. A high score says outlier: count the pairs "
            "in which the outlier does.",
            reversed_roles,
        ),
        Mistake(
            "never_below_one_half",
            "An area below one half is turned round. Leave it: it says that the score points the wrong way, which is "
            "just what we want to find out.",
            never_below_one_half,
        ),
        Mistake(
            "ties_lost",
            "A tie counts nothing here (as with ranks by argsort, which puts equal scores in some order). "
            "It counts one half.",
            ties_lost,
        ),
        Mistake(
            "ties_won",
            "A tie counts as a success here (as with ranks by argsort, which puts equal scores in some order). "
            "It counts one half.",
            ties_won,
        ),
        Mistake(
            "pairs_in_order",
            "The first outlier is compared with the first inlier only, the second with the second, and so on. Compare "
            "every outlier with every inlier.",
            pairs_in_order,
        ),
        Mistake(
            "accuracy",
            "This is the accuracy at one threshold, the median of all scores. The area is over all thresholds.",
            accuracy_at_the_middle,
        ),
        Mistake(
            "best_accuracy",
            "This is the best accuracy that any one threshold reaches. It depends on how many outliers there are; the "
            "area does not.",
            best_accuracy,
        ),
        Mistake(
            "one_point_of_the_curve",
            "This is a single point of the curve: the outliers caught while 5 % of the inliers are rejected.",
            true_positives_only,
        ),
        Mistake(
            "not_divided",
            "These are pairs counted. Divide by the number of pairs.",
            pairs_not_divided,
        ),
        Mistake(
            "divided_by_one_size",
            "Divide by the number of pairs, inliers times outliers, not by the square of one of them.",
            divided_by_one_size,
        ),
        Mistake("gini", "This is 2 AUROC - 1, the Gini coefficient, 0 for a score that knows nothing.", gini),
        Mistake("percent", "A number between 0 and 1 is asked, not per cent.", in_percent),
        Mistake(
            "rank_sum_not_corrected",
            "From the sum of the outliers' ranks, take away what they would sum to among themselves: m (m + 1) / 2.",
            rank_sum_not_corrected,
        ),
        Mistake(
            "difference_of_means",
            "The means' difference depends on the scale of the scores. Count pairs: only the order matters.",
            difference_of_means,
        ),
        Mistake(
            "largest_gap",
            "This is the largest distance between the two rates (the Kolmogorov-Smirnov statistic), not an area.",
            largest_gap_of_the_curve,
        ),
        Mistake(
            "normal_scores",
            "This would be the area if both kinds of scores were Gaussian. Count the pairs themselves.",
            normal_scores,
        ),
    ),
    accepted=(every_pair, under_the_curve, one_outlier_at_a_time),
    hints=(
        "Draw one outlier and one inlier at random. How often does the outlier have the higher score?",
        "`scores_out[:, None]` against `scores_in[None, :]` compares every outlier with every inlier.",
        "The mean over all pairs of (higher) + 0.5 * (equal).",
    ),
    forbidden=("course_utils.metrics.auroc",),
)
