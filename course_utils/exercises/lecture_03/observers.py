"""What lecture 3's checks watch beyond the plain value: a log joint handed to the answer, and an estimate's error.

Every log joint here is a sum of bumps over a scalar latent, ``log p(x, z) = log sum_k c_k N(z; m_k, s_k^2)``. Its
evidence is exactly ``sum_k c_k``, and one bump is the linear-Gaussian model (the mass is p(x), the bump the posterior).
"""

import math

import torch
from torch import Tensor

from course_utils.exercises import observers
from course_utils.exercises.observers import (
    ADVANCES,
    ONLY_SOURCE,
    SPREAD,
    UNCHANGED,
    Answer,
    Arrays,
    Inputs,
    NonsenseError,
)

N_DRAWS = "number of draws that log_joint was asked about"
SAME_SEED = "the same seed gives the same estimate"
ERROR_FITS = "logarithm of the estimates' spread over the standard error you give"


class LogJoint:
    """log p(x, z) for one x as a function of z, element-wise; counts the values of z it has seen."""

    def __init__(self, inputs: Inputs) -> None:
        bumps = zip(inputs["_log_masses"], inputs["_bump_means"], inputs["_bump_stds"], strict=True)
        self._bumps = [(c - math.log(s) - 0.5 * math.log(2 * math.pi), m, s) for c, m, s in bumps]
        self.n_seen = 0

    def __call__(self, z: Tensor) -> Tensor:
        """Log joint of the shape and dtype of ``z``, in nats."""
        self.n_seen += z.numel()
        heights = [top - ((z - mean) / std).square() / 2 for top, mean, std in self._bumps]
        return heights[0] if len(heights) == 1 else torch.logsumexp(torch.stack(heights), dim=0)


def evidence_on_a_grid(answer: Answer, inputs: Inputs) -> Arrays:
    """The answer for a log joint made from plain numbers and a grid, and whether it left the grid alone."""
    arguments = observers.positional(inputs)
    result = observers.as_array(answer(LogJoint(inputs), *arguments))
    return {"result": result, UNCHANGED: _unchanged(arguments, inputs)}


def repeated_elbo(answer: Answer, inputs: Inputs) -> Arrays:
    """Repeat an estimate that comes with a standard error, to see whether both are right on average.

    The mean square of estimate - exact is the mean square of an honest standard error, whatever the estimator.
    """
    generator = torch.Generator().manual_seed(inputs["_seed"])
    global_state = torch.random.get_rng_state()
    log_joint = LogJoint(inputs)
    rows = [
        _pair(answer(log_joint, *observers.positional(inputs), generator)) for _ in range(inputs["_repeats"])
    ]
    arguments = observers.positional(inputs)
    again = _pair(answer(LogJoint(inputs), *arguments, torch.Generator().manual_seed(inputs["_seed"])))
    estimates, errors = torch.tensor(rows, dtype=torch.float64).T
    spread = (estimates - exact_elbo(inputs)).square().mean()
    return {
        N_DRAWS: torch.tensor(log_joint.n_seen / inputs["_repeats"]),
        ADVANCES: torch.tensor(rows[0] != rows[1]),
        ONLY_SOURCE: torch.tensor(torch.equal(global_state, torch.random.get_rng_state())),
        SAME_SEED: torch.tensor(again == rows[0]),
        "estimate": estimates,
        SPREAD: estimates.std(),
        # The terms differ wherever q is not the posterior, and it never is here; 1e-4 is well above rounding.
        "every standard error is a positive number": torch.tensor(bool((errors > 1e-4).all())),
        ERROR_FITS: 0.5 * torch.log(spread / errors.square().mean()).clamp(-20, 20),
        UNCHANGED: _unchanged(arguments, inputs),
    }


def exact_elbo(inputs: Inputs) -> float:
    """E_q[log p(x, z) - log q(z)] by the trapezoidal rule over ten standard deviations on either side."""
    mean, std = float(inputs["q_mean"]), float(inputs["q_std"])
    eps = torch.linspace(-10, 10, 4001, dtype=torch.float64)
    log_q = -0.5 * (eps**2 + math.log(2 * math.pi)) - math.log(std)
    integrand = log_q.exp() * std * (LogJoint(inputs)(mean + std * eps) - log_q)
    return torch.trapezoid(integrand, eps).item()


def posterior_of_each_example(answer: Answer, inputs: Inputs) -> Arrays:
    """Mean (B,) and variance, which may be 0-d (it is the same for all x) or (B,)."""
    arguments = observers.positional(inputs)
    result = answer(*arguments)
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise NonsenseError("it should return two things, (mean, var)")
    mean, var = (observers.as_array(part) for part in result)
    n = len(inputs["x"])
    if tuple(var.shape) not in ((), (n,)):
        raise NonsenseError(f"its var has shape {tuple(var.shape)} where () or ({n},) is expected")
    return {"mean": mean, "var": var.expand(n).clone(), UNCHANGED: _unchanged(arguments, inputs)}


def _pair(result: object) -> tuple[float, float]:
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise NonsenseError("it should return two numbers, (estimate, standard_error)")
    numbers = [observers.as_array(part) for part in result]
    for name, number in zip(("estimate", "standard error"), numbers, strict=True):
        if number.shape != ():
            raise NonsenseError(f"its {name} has shape {tuple(number.shape)} where one number is expected")
    return numbers[0].item(), numbers[1].item()


def _unchanged(arguments: list, inputs: Inputs) -> Tensor:
    pairs = zip(arguments, observers.positional(inputs), strict=True)
    return torch.tensor(all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in pairs))
