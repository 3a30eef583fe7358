"""Where an estimate is right on average, pure noise must not pass for one, however large."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor

from course_utils.exercises import evaluate


def kl_noise(scale: float) -> Callable:
    def answer(
        mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: Generator
    ) -> tuple:
        error = scale / math.sqrt(n)
        return error * torch.randn((), generator=generator).item(), error

    return answer


def elbo_noise(scale: float) -> Callable:
    def answer(log_joint: Callable, q_mean: Tensor, q_std: Tensor, n: int, generator: Generator) -> tuple:
        log_joint(torch.zeros(n))
        error = scale / math.sqrt(n)
        return error * torch.randn((), generator=generator).item(), error

    return answer


def gradient_noise(scale: float) -> Callable:
    def answer(f: Callable, mu: Tensor, sigma: Tensor, n: int, generator: Generator) -> tuple:
        return tuple((scale * torch.randn(2, generator=generator, dtype=torch.float64)).tolist())

    return answer


def evidence_noise(scale: float) -> Callable:
    def answer(log_likelihood_fn: Callable, n: int, dim: int, generator: Generator) -> float:
        log_likelihood_fn(torch.zeros(n, dim))
        return scale * torch.randn((), generator=generator).item()

    return answer


NOISES = {
    "kl_monte_carlo": kl_noise,
    "elbo_monte_carlo": elbo_noise,
    "score_function_gradient": gradient_noise,
    "pathwise_gradient": gradient_noise,
    "score_function_with_baseline": gradient_noise,
    "marginal_by_monte_carlo": evidence_noise,
}


@pytest.mark.parametrize("scale", [3.0, 1e2, 1e6])
@pytest.mark.parametrize("exercise_id", NOISES)
def test_noise_earns_nothing(exercise_id: str, scale: float) -> None:
    for seed in range(3):
        verdict = evaluate(exercise_id, NOISES[exercise_id](scale), seed)
        assert verdict.points == 0, f"seed {seed}: {verdict.message}"
