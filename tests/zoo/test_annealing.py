"""Annealing against an exact sum."""

import torch

from course_utils.models import log_partition
from course_utils.zoo import annealed_log_partition


def test_annealing_finds_the_exact_partition_function_of_a_small_machine():
    generator = torch.Generator().manual_seed(0)
    W, b, c = (torch.randn(*shape, generator=generator) for shape in ((12, 8), (12,), (8,)))
    estimates = torch.stack(
        [annealed_log_partition(W, b, c, torch.zeros(12), generator=generator) for _ in range(10)]
    )
    error = estimates.std() / 10**0.5
    assert estimates.std() < 0.2
    # the logarithm of a mean of weights is a little low: by half its variance
    assert abs(estimates.mean() + estimates.var() / 2 - log_partition(W, b, c)) < 5 * error + 0.02
