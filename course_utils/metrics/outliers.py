r"""Telling outliers from inliers by a score: the ROC curve, the area under it, and one corrected score.

A score is high where an image looks like an outlier. "Positive" means "called an outlier".
"""

import math

import torch
from torch import Tensor

from course_utils._arguments import require_same_shape

__all__ = ["auroc", "input_complexity_score", "roc_curve"]


def auroc(scores_in: Tensor, scores_out: Tensor) -> float:
    r"""Area under the ROC curve: how often an outlier scores higher than an inlier.

    .. math:: \mathrm{AUROC} = P(s_\mathrm{out} > s_\mathrm{in}) + \tfrac12 P(s_\mathrm{out} = s_\mathrm{in})

    1/2 for a score that knows nothing, 1 for one that separates the two; below 1/2 the score points the wrong
    way. Sorting makes it O(n log n), not one comparison per pair.

    Parameters: ``scores_in`` (n,) of the usual data, ``scores_out`` (m,) of the outliers; high = outlier;
    infinite scores are allowed.
    Returns: in [0, 1].
    Raises: ValueError if one of them is empty, not 1-D, or has a NaN.
    References: Hanley & McNeil 1982, The meaning and use of the area under a ROC curve; Fawcett 2006, An
    introduction to ROC analysis.

    >>> auroc(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0]))  # of four pairs three are right, one is a tie
    0.875
    """
    scores_in, scores_out = _scores(scores_in, scores_out)
    ordered = scores_in.sort().values
    below = torch.searchsorted(ordered, scores_out, right=False)  # inliers with a lower score
    not_above = torch.searchsorted(ordered, scores_out, right=True)  # ... with a lower or the same
    # sum of integers: exact, so that reversing the scores gives exactly one minus the area
    return (below + not_above).sum().item() / (2 * len(scores_in) * len(scores_out))


def roc_curve(scores_in: Tensor, scores_out: Tensor) -> tuple[Tensor, Tensor]:
    r"""Rates of false and true alarms, as the threshold falls from above all scores to the lowest.

    .. math:: \mathrm{FPR}(t) = P(s_\mathrm{in} \ge t), \qquad \mathrm{TPR}(t) = P(s_\mathrm{out} \ge t)

    Parameters and raises: as for `auroc`.
    Returns: ``(false_positive_rate, true_positive_rate)``, each float64 of shape (n_distinct_scores + 1,),
    from (0, 0) to (1, 1), neither ever falling. Straight lines between the points enclose `auroc`.
    References: Fawcett 2006, An introduction to ROC analysis, Algorithm 1.

    >>> roc_curve(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0]))[0].tolist()
    [0.0, 0.0, 0.5, 1.0]
    """
    scores_in, scores_out = _scores(scores_in, scores_out)
    thresholds = torch.cat([scores_in, scores_out]).unique().flip(0)

    def share_at_least(scores: Tensor) -> Tensor:
        reached = len(scores) - torch.searchsorted(scores.sort().values, thresholds, right=False)
        return torch.cat([reached.new_zeros(1), reached]).double() / len(scores)

    return share_at_least(scores_in), share_at_least(scores_out)


def input_complexity_score(log_likelihood: Tensor, compressed_bits: Tensor) -> Tensor:
    r"""Outlier score that does not take a simple image for a likely one.

    .. math:: S(x) = -\log_2 p(x) - L(x)

    A generative model gives simple images high likelihood, also those it has never seen. L(x), the length of
    x under a general compressor, stands for a model of all images; S is then the log of a likelihood ratio.

    Parameters: ``log_likelihood`` (batch,) in *nats*; ``compressed_bits`` (batch,) in *bits*.
    Returns: shape (batch,), in bits; high = outlier.
    Raises: ValueError if the shapes differ.
    References: Serrà et al. 2020, Input complexity and out-of-distribution detection with likelihood-based
    generative models, arXiv:1909.11480.

    >>> input_complexity_score(torch.tensor([-100 * math.log(2)]), torch.tensor([60.0]))
    tensor([40.])
    """
    require_same_shape(log_likelihood=log_likelihood, compressed_bits=compressed_bits)
    return -log_likelihood / math.log(2) - compressed_bits


def _scores(scores_in: Tensor, scores_out: Tensor) -> tuple[Tensor, Tensor]:
    for name, scores in (("scores_in", scores_in), ("scores_out", scores_out)):
        if scores.dim() != 1 or len(scores) == 0:
            raise ValueError(f"{name} must have shape (n,) with n >= 1, got {tuple(scores.shape)}")
        if scores.isnan().any():
            raise ValueError(f"{name} has {int(scores.isnan().sum())} NaN among its {len(scores)} scores")
    common = torch.promote_types(scores_in.dtype, scores_out.dtype)
    # contiguous, because searchsorted warns about a column of a matrix
    return scores_in.detach().to(common).contiguous(), scores_out.detach().to(common).contiguous()
