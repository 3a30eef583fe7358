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
from course_utils.metrics.features import FeatureNet, feature_net
from course_utils.metrics.likelihood import bits_per_dim, importance_log_likelihood
from course_utils.metrics.modes import count_modes, high_quality_share
from course_utils.metrics.outliers import auroc, input_complexity_score, roc_curve
from course_utils.metrics.sample_quality import PrecisionRecall, frechet_distance, precision_recall

__all__ = [
    "DCI",
    "FeatureNet",
    "PrecisionRecall",
    "active_units",
    "auroc",
    "bits_per_dim",
    "count_modes",
    "dci",
    "factor_vae_score",
    "feature_net",
    "frechet_distance",
    "gaussian_total_correlation",
    "high_quality_share",
    "importance_log_likelihood",
    "input_complexity_score",
    "mutual_information",
    "mutual_information_gap",
    "precision_recall",
    "roc_curve",
    "sap",
]
