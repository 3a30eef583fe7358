"""Exercise 4.4: KL divergence between Gaussians with full covariances, without a determinant."""

import numpy as np
import torch
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.observers import Inputs
from course_utils.gaussian import kl_full_covariance

# --- inputs: plain data from a seeded generator ---------------------------------------------------------


def _covariances(batch: int, dim: int, size: float, generator: Generator) -> Tensor:
    a = torch.randn(batch, dim, dim, generator=generator)
    cov = size * (a @ a.mT / dim + 0.4 * torch.eye(dim))
    return (cov + cov.mT) / 2


def _pairs(batch: int, dim: int, scale: float, generator: Generator) -> Inputs:
    """Two Gaussians of comparable size; ``scale`` is that of the covariances."""
    mu1, mu2 = (scale**0.5 * torch.randn(batch, dim, generator=generator) for _ in range(2))
    cov1, cov2 = (_covariances(batch, dim, size * scale, generator) for size in (1.0, 1.8))
    return {"mu1": mu1, "cov1": cov1, "mu2": mu2, "cov2": cov2}


def four_pairs(generator: Generator) -> Inputs:
    return _pairs(4, 3, 1.0, generator)


def batch_of_one_in_float64(generator: Generator) -> Inputs:
    return {name: value.double() for name, value in _pairs(1, 2, 1.0, generator).items()}


def one_dimension(generator: Generator) -> Inputs:
    return _pairs(3, 1, 1.0, generator)


def ten_tiny_dimensions(generator: Generator) -> Inputs:
    return _pairs(2, 10, 1e-10, generator)


def forty_tiny_dimensions(generator: Generator) -> Inputs:
    return _pairs(2, 40, 1e-10, generator)


def forty_huge_dimensions(generator: Generator) -> Inputs:
    return _pairs(2, 40, 1e10, generator)


# --- wrong answers that students give -------------------------------------------------------------------


def _parts(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Trace, log(det cov2 / det cov1) and Mahalanobis distance, each (B,)."""
    trace = torch.linalg.solve(cov2, cov1).diagonal(dim1=1, dim2=2).sum(1)
    log_ratio = torch.linalg.slogdet(cov2)[1] - torch.linalg.slogdet(cov1)[1]
    difference = (mu1 - mu2)[:, :, None]
    distance = (difference * torch.linalg.solve(cov2, difference)).sum((1, 2))
    return trace, log_ratio, distance


def _from_parts(trace: Tensor, log_ratio: Tensor, distance: Tensor, dim: float) -> Tensor:
    return 0.5 * (trace - dim + log_ratio + distance)


def swapped(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    return _from_parts(*_parts(mu2, cov2, mu1, cov1), mu1.shape[1])


def without_one_half(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    return 2 * _from_parts(*_parts(mu1, cov1, mu2, cov2), mu1.shape[1])


def without_the_dimension(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    return _from_parts(*_parts(mu1, cov1, mu2, cov2), 0)


def one_for_the_dimension(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    return _from_parts(*_parts(mu1, cov1, mu2, cov2), 1)


def log_ratio_flipped(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    trace, log_ratio, distance = _parts(mu1, cov1, mu2, cov2)
    return _from_parts(trace, -log_ratio, distance, mu1.shape[1])


def log_diagonal_not_doubled(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    trace, log_ratio, distance = _parts(mu1, cov1, mu2, cov2)
    return _from_parts(trace, log_ratio / 2, distance, mu1.shape[1])


def distance_not_squared(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    trace, log_ratio, distance = _parts(mu1, cov1, mu2, cov2)
    return _from_parts(trace, log_ratio, distance.sqrt(), mu1.shape[1])


def means_left_out(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    trace, log_ratio, _ = _parts(mu1, cov1, mu2, cov2)
    return _from_parts(trace, log_ratio, torch.zeros_like(trace), mu1.shape[1])


def distance_under_the_first(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    trace, log_ratio, _ = _parts(mu1, cov1, mu2, cov2)
    return _from_parts(trace, log_ratio, _parts(mu1, cov2, mu2, cov1)[2], mu1.shape[1])


def plain_distance(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    trace, log_ratio, _ = _parts(mu1, cov1, mu2, cov2)
    return _from_parts(trace, log_ratio, (mu1 - mu2).square().sum(1), mu1.shape[1])


def diagonals_only(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    var1, var2 = (cov.diagonal(dim1=1, dim2=2) for cov in (cov1, cov2))
    return 0.5 * (var1 / var2 - 1 + (var2 / var1).log() + (mu1 - mu2) ** 2 / var2).sum(1)


def covariances_taken_for_factors(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    return _from_parts(*_parts(mu1, cov1 @ cov1.mT, mu2, cov2 @ cov2.mT), mu1.shape[1])


def factors_taken_for_covariances(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    l1, l2 = torch.linalg.cholesky(cov1), torch.linalg.cholesky(cov2)
    return _from_parts(*_parts(mu1, l1, mu2, l2), mu1.shape[1])


def averaged_over_dimensions(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    return _from_parts(*_parts(mu1, cov1, mu2, cov2), mu1.shape[1]) / mu1.shape[1]


def averaged_over_the_batch(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    return _from_parts(*_parts(mu1, cov1, mu2, cov2), mu1.shape[1]).mean()


def first_example_for_all(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    n = len(mu1)
    return _from_parts(
        *_parts(mu1, cov1[:1].expand(n, -1, -1), mu2, cov2[:1].expand(n, -1, -1)), mu1.shape[1]
    )


def wrong_sign(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    return -_from_parts(*_parts(mu1, cov1, mu2, cov2), mu1.shape[1])


def determinants(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    trace, _, distance = _parts(mu1, cov1, mu2, cov2)
    log_ratio = torch.log(torch.linalg.det(cov2) / torch.linalg.det(cov1))
    return _from_parts(trace, log_ratio, distance, mu1.shape[1])


def determinants_in_float64(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    return determinants(mu1.double(), cov1.double(), mu2.double(), cov2.double()).to(mu1.dtype)


def guarded_determinants(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    trace, _, distance = _parts(mu1, cov1, mu2, cov2)
    log_det1, log_det2 = (torch.log(torch.linalg.det(cov) + 1e-12) for cov in (cov1, cov2))
    return _from_parts(trace, log_det2 - log_det1, distance, mu1.shape[1])


def jittered(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    jitter = 1e-6 * torch.eye(mu1.shape[1], dtype=mu1.dtype)
    return _from_parts(*_parts(mu1, cov1 + jitter, mu2, cov2 + jitter), mu1.shape[1])


# --- right answers, written independently ---------------------------------------------------------------


def with_inverse_and_slogdet(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    precision = torch.linalg.inv(cov2)
    d = mu2 - mu1
    # both are symmetric, so the trace of the product is the sum of all products
    quadratic = torch.einsum("bi,bij,bj->b", d, precision, d) + (precision * cov1).sum((-1, -2))
    return (quadratic - mu1.shape[-1] + torch.logdet(cov2) - torch.logdet(cov1)) / 2


def with_cholesky_solve(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    l1, l2 = torch.linalg.cholesky(cov1), torch.linalg.cholesky(cov2)
    difference = (mu1 - mu2).unsqueeze(-1)
    second_moment = torch.cholesky_solve(cov1 + difference @ difference.mT, l2)
    log_dets = [2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1) for factor in (l1, l2)]
    return 0.5 * (
        second_moment.diagonal(dim1=-2, dim2=-1).sum(-1) + log_dets[1] - log_dets[0] - mu1.shape[-1]
    )


def one_by_one_in_numpy(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    values = []
    for m1, s1, m2, s2 in zip(*(t.double().numpy() for t in (mu1, cov1, mu2, cov2)), strict=True):
        ratios = np.linalg.eigvals(np.linalg.solve(s2, s1)).real  # widths of q in units of p, squared
        distance = (m1 - m2) @ np.linalg.solve(s2, m1 - m2)
        values.append(0.5 * (np.sum(ratios - 1 - np.log(ratios)) + distance))
    return torch.tensor(values)


exercise = Exercise(
    id="kl_full_covariance",
    lecture=4,
    position=4,
    title="Full covariances through Cholesky",
    points=4,
    minutes=18,
    difficulty=3,
    reference=kl_full_covariance,
    cases=(
        Case("four pairs in three dimensions", four_pairs),
        Case("a batch of one in float64", batch_of_one_in_float64),
        Case("one dimension", one_dimension),
        Case("10 dimensions, covariances of size 1e-10", ten_tiny_dimensions),
        Case("40 dimensions, covariances of size 1e-10", forty_tiny_dimensions),
        Case("40 dimensions, covariances of size 1e10", forty_huge_dimensions),
    ),
    mistakes=(
        Mistake(
            "swapped_direction",
            "This is KL(N2 || N1). The expectation is under the first Gaussian, so it is the second "
            "covariance that is inverted.",
            swapped,
        ),
        Mistake(
            "without_one_half",
            "This is exactly twice the KL: the one half in front of everything is missing.",
            without_one_half,
        ),
        Mistake(
            "without_the_dimension",
            "The -D is missing: for two equal Gaussians the trace is D and the KL has to be 0.",
            without_the_dimension,
        ),
        Mistake(
            "one_for_the_dimension",
            "You subtract 1, as in one dimension. Each of the D dimensions brings its own: subtract D.",
            one_for_the_dimension,
        ),
        Mistake(
            "log_ratio_flipped",
            "The log-determinants have changed places: it is log det cov2 minus log det cov1.",
            log_ratio_flipped,
        ),
        Mistake(
            "log_diagonal_not_doubled",
            "The log-determinants are half of what they should be: det cov = (det L)^2, so log det cov is "
            "twice the sum of log L_ii.",
            log_diagonal_not_doubled,
        ),
        Mistake(
            "distance_not_squared",
            "The distance of the means enters squared, without a root.",
            distance_not_squared,
        ),
        Mistake(
            "means_left_out",
            "The means make no difference to your result. Add their distance, measured by the second "
            "covariance.",
            means_left_out,
        ),
        Mistake(
            "distance_by_the_first",
            "The distance of the means is measured by the first covariance. What counts is how unlikely p "
            "finds it: use cov2.",
            distance_under_the_first,
        ),
        Mistake(
            "plain_distance",
            "The distance of the means is not measured by any covariance. It is d^T inverse(cov2) d.",
            plain_distance,
        ),
        Mistake(
            "diagonals_only",
            "Only the variances on the diagonals are used. Correlations count too: the trace of "
            "inverse(cov2) cov1 sees every entry.",
            diagonals_only,
        ),
        Mistake(
            "covariance_as_factor",
            "You use the covariances as if they were their Cholesky factors. Factor them first: cov = L L^T.",
            covariances_taken_for_factors,
        ),
        Mistake(
            "factor_as_covariance",
            "The factors stand where covariances belong: tr(inverse(cov2) cov1) is the sum of the squares "
            "of inverse(L2) L1, not its trace.",
            factors_taken_for_covariances,
        ),
        Mistake(
            "averaged_over_dimensions",
            "You divide by the number of dimensions. A KL is in nats for the whole vector: it is never "
            "averaged over them.",
            averaged_over_dimensions,
        ),
        Mistake(
            "averaged_over_batch",
            "One number comes back for the whole batch. Keep the batch: one KL for each pair, shape (B,).",
            averaged_over_the_batch,
        ),
        Mistake(
            "first_example_for_all",
            "All pairs are measured with the covariances of the first one. Let torch.linalg work on the "
            "whole batch.",
            first_example_for_all,
        ),
        Mistake("wrong_sign", "The sign is turned round: a KL is never negative.", wrong_sign),
        Mistake(
            "determinant",
            "The determinants leave the range of floating point: 40 dimensions of size 1e-10 give 1e-400, "
            "which is 0, and log 0 is no number. Add up logarithms of the diagonal of L instead.",
            determinants,
        ),
        Mistake(
            "determinant_in_float64",
            "float64 holds determinants down to 1e-324 only, and 40 dimensions of size 1e-10 give 1e-400. "
            "More digits do not help: never form the determinant.",
            determinants_in_float64,
        ),
        Mistake(
            "guarded_determinant",
            "The small number beside the determinant hides it: 1e-400 + 1e-12 says nothing about the "
            "covariance. Add up logarithms of the diagonal of L instead.",
            guarded_determinants,
        ),
        Mistake(
            "jitter",
            "The jitter added to the diagonal is far larger than covariances of size 1e-10, so the answer "
            "is that of other Gaussians. These matrices need none.",
            jittered,
        ),
    ),
    accepted=(with_inverse_and_slogdet, with_cholesky_solve, one_by_one_in_numpy),
    hints=(
        "Four terms. Which of them need an inverse, which a determinant, and what replaces both once you "
        "have L1 and L2?",
        "With `M = L2^-1 L1` the trace is the sum of all squared entries of M. A log-determinant is twice "
        "the sum of the logarithms of the factor's diagonal.",
        "`torch.linalg.cholesky` takes the batch. `torch.linalg.solve_triangular(L2, B, upper=False)` "
        "solves L2 X = B: once for B = L1, once for the column `(mu1 - mu2).unsqueeze(-1)`. Diagonals come "
        "from `.diagonal(dim1=1, dim2=2)`.",
    ),
    forbidden=("course_utils.gaussian.kl_full_covariance",),
)
