"""Numbers that say how good a model is: of its likelihood, its codes, its outlier scores and its samples."""

from course_utils.metrics.codes import active_units, gaussian_total_correlation
from course_utils.metrics.disentanglement import (
    DCI,
    dci,
    factor_vae_score,
    mutual_information,
    mutual_information_gap,
    sap,
)
from course_utils.metrics.likelihood import bits_per_dim, importance_log_likelihood
from course_utils.metrics.outliers import auroc, input_complexity_score, roc_curve

__all__ = [
    "DCI",
    "active_units",
    "auroc",
    "bits_per_dim",
    "dci",
    "factor_vae_score",
    "gaussian_total_correlation",
    "importance_log_likelihood",
    "input_complexity_score",
    "mutual_information",
    "mutual_information_gap",
    "roc_curve",
    "sap",
]
