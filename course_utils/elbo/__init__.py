"""The evidence lower bound: estimates and bounds for any model, and two models where all of it is exact.

`bounds` has what needs only a log joint or log weights; `tractable` has the linear-Gaussian model and the
one-dimensional mixture, whose posterior and evidence are known; `collapse` has two ways to keep a VAE from
ignoring its latents. Everything is in nats.
"""

from course_utils.elbo.bounds import (
    ElboTerms,
    elbo_monte_carlo,
    elbo_terms,
    importance_weighted_bound,
    kl_discrete,
    log_evidence_quadrature,
    marginal_by_monte_carlo,
    negative_elbo,
)
from course_utils.elbo.collapse import free_bits, kl_annealing
from course_utils.elbo.tractable import (
    em_step,
    linear_gaussian_elbo,
    linear_gaussian_log_evidence,
    linear_gaussian_log_joint,
    optimal_gaussian_posterior,
)

__all__ = [
    "ElboTerms",
    "elbo_monte_carlo",
    "elbo_terms",
    "em_step",
    "free_bits",
    "importance_weighted_bound",
    "kl_annealing",
    "kl_discrete",
    "linear_gaussian_elbo",
    "linear_gaussian_log_evidence",
    "linear_gaussian_log_joint",
    "log_evidence_quadrature",
    "marginal_by_monte_carlo",
    "negative_elbo",
    "optimal_gaussian_posterior",
]
