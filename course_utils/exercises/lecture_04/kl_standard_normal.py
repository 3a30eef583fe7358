"""Exercise 4.3: KL divergence from a diagonal Gaussian to N(0, I), the KL term of the VAE."""

import torch
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises import observers as common
from course_utils.exercises.observers import Inputs
from course_utils.gaussian import kl_standard_normal

# --- inputs: plain data from a seeded generator ---------------------------------------------------------


def _codes(batch: int, dim: int, generator: Generator) -> dict:
    # No log-variance near 0, where many slips make no difference; both signs in every row.
    size = 0.4 + torch.rand(batch, dim, generator=generator)
    sign = torch.where(torch.arange(dim) % 2 == 0, 1.0, -1.0)
    return {"mu": 1.5 * torch.randn(batch, dim, generator=generator), "logvar": size * sign}


def five_codes(generator: Generator) -> Inputs:
    return _codes(5, 3, generator)


def with_gradients(generator: Generator) -> Inputs:
    return _codes(4, 3, generator) | {"_gradients_of": ["mu", "logvar"]}


def batch_of_one_in_float64(generator: Generator) -> Inputs:
    return {name: value.double() for name, value in _codes(1, 2, generator).items()}


def as_many_codes_as_dimensions(generator: Generator) -> Inputs:
    return _codes(4, 4, generator)


def many_dimensions(generator: Generator) -> Inputs:
    codes = _codes(3, 300, generator)
    return codes | {"logvar": -1.5 + 0.5 * codes["logvar"]}


def extreme_log_variances(generator: Generator) -> Inputs:
    logvar = torch.tensor([[-200.0, -120.0], [-150.0, 3.0], [40.0, 80.0], [-3.0, 60.0]])
    mu = torch.randn(logvar.shape, generator=generator)
    return {"mu": mu, "logvar": logvar, "_gradients_of": ["mu", "logvar"]}


# --- wrong answers that students give -------------------------------------------------------------------


def averaged_over_dimensions(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean(1)


def averaged_over_the_batch(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1).mean()


def averaged_over_everything(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean()


def summed_over_everything(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()


def summed_over_the_batch(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(0)


def not_summed(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar)


def without_one_half(mu: Tensor, logvar: Tensor) -> Tensor:
    return (mu**2 + logvar.exp() - 1 - logvar).sum(1)


def without_minus_one(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu**2 + logvar.exp() - logvar).sum(1)


def minus_one_only_once(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * ((mu**2 + logvar.exp() - logvar).sum(1) - 1)


def wrong_sign(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1)


def logvar_taken_for_log_sigma(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu**2 + (2 * logvar).exp() - 1 - 2 * logvar).sum(1)


def exp_taken_for_sigma(mu: Tensor, logvar: Tensor) -> Tensor:
    sigma = logvar.exp()
    return 0.5 * (mu**2 + sigma**2 - 1 - logvar).sum(1)


def sigma_not_squared(mu: Tensor, logvar: Tensor) -> Tensor:
    sigma = (0.5 * logvar).exp()
    return 0.5 * (mu**2 + sigma - 1 - logvar).sum(1)


def logvar_taken_for_variance(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu**2 + logvar - 1 - logvar.log()).sum(1)


def log_sigma_for_log_variance(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu**2 + logvar.exp() - 1 - 0.5 * logvar).sum(1)


def swapped(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (logvar - 1 + (1 + mu**2) / logvar.exp()).sum(1)


def mean_not_squared(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu + logvar.exp() - 1 - logvar).sum(1)


def detached(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1).detach()


def logarithm_of_exp(mu: Tensor, logvar: Tensor) -> Tensor:
    variance = logvar.exp()
    return 0.5 * (mu**2 + variance - 1 - variance.log()).sum(1)


def small_number_in_the_logarithm(mu: Tensor, logvar: Tensor) -> Tensor:
    variance = logvar.exp()
    return 0.5 * (mu**2 + variance - 1 - (variance + 1e-8).log()).sum(1)


def logarithm_of_the_determinant(mu: Tensor, logvar: Tensor) -> Tensor:
    variance = logvar.exp()
    return 0.5 * ((mu**2 + variance - 1).sum(1) - variance.prod(1).log())


def clamped(mu: Tensor, logvar: Tensor) -> Tensor:
    logvar = logvar.clamp(-20, 20)
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)


# --- right answers, written independently ---------------------------------------------------------------


def as_in_the_paper(mu: Tensor, logvar: Tensor) -> Tensor:
    return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)


def with_sigma(mu: Tensor, logvar: Tensor) -> Tensor:
    sigma = torch.exp(logvar / 2)
    per_dimension = (mu * mu + sigma * sigma) / 2 - 0.5 - logvar / 2
    return torch.einsum("bd->b", per_dimension)


def cross_entropy_less_entropy(mu: Tensor, logvar: Tensor) -> Tensor:
    constant = torch.log(torch.tensor(2 * torch.pi, dtype=mu.dtype))
    cross_entropy = 0.5 * (constant + mu**2 + torch.exp(logvar)).sum(-1)
    return cross_entropy - 0.5 * (constant + 1 + logvar).sum(-1)


exercise = Exercise(
    id="kl_standard_normal",
    lecture=4,
    position=3,
    title="The KL term of the VAE",
    points=3,
    minutes=10,
    difficulty=2,
    reference=kl_standard_normal,
    cases=(
        Case("five codes of three dimensions", five_codes),
        Case("gradients with respect to mu and logvar", with_gradients, common.value_and_gradients),
        Case("a batch of one in float64", batch_of_one_in_float64),
        Case("four codes of four dimensions", as_many_codes_as_dimensions),
        Case("300 latent dimensions", many_dimensions),
        Case("log-variances from -200 to 80", extreme_log_variances, common.value_and_gradients),
    ),
    mistakes=(
        Mistake(
            "averaged_over_dimensions",
            "You average over the latent dimensions. The divergences of independent dimensions add up: sum "
            "over dim 1, or a VAE's KL term is weighed down by the number of dimensions.",
            averaged_over_dimensions,
        ),
        Mistake(
            "averaged_over_batch",
            "One number comes back for the whole batch. Per-example quantities keep the batch, shape (B,); "
            "the mean belongs in the loss.",
            averaged_over_the_batch,
        ),
        Mistake(
            "averaged_over_everything",
            "A single mean over batch and dimensions divides the KL by the number of latent dimensions. Sum "
            "over dim 1, and keep the batch.",
            averaged_over_everything,
        ),
        Mistake(
            "summed_over_everything",
            "The sum runs over the batch as well. Sum over the latent dimensions only, dim 1: shape (B,).",
            summed_over_everything,
        ),
        Mistake(
            "summed_over_batch",
            "The sum runs over the wrong dimension: over the examples. Sum over the latent dimensions, dim "
            "1.",
            summed_over_the_batch,
        ),
        Mistake(
            "not_summed",
            "These are the terms by dimension. Add them up over dim 1: one KL per example.",
            not_summed,
        ),
        Mistake(
            "without_one_half",
            "This is exactly twice the KL: the one half is missing. At mu = 1, logvar = 0 each dimension "
            "costs 0.5 nats.",
            without_one_half,
        ),
        Mistake(
            "without_minus_one",
            "The -1 of each dimension is missing: at mu = 0, logvar = 0 this gives D/2, and the KL of N(0, "
            "I) to itself is 0.",
            without_minus_one,
        ),
        Mistake(
            "minus_one_only_once",
            "The -1 is subtracted once and belongs to every dimension: in all it is -D. Put it inside the "
            "sum.",
            minus_one_only_once,
        ),
        Mistake(
            "wrong_sign",
            "The sign is turned round: this is -KL, the term as it stands in the ELBO. A KL is never "
            "negative.",
            wrong_sign,
        ),
        Mistake(
            "logvar_as_log_sigma",
            "You take logvar for log sigma. It is log sigma squared: exp(logvar) is the variance already.",
            logvar_taken_for_log_sigma,
        ),
        Mistake(
            "sigma_is_exp_logvar",
            "exp(logvar) is the variance; you take it for the standard deviation and square it once more.",
            exp_taken_for_sigma,
        ),
        Mistake(
            "sigma_not_squared",
            "The formula asks for the variance, and exp(logvar / 2) is the standard deviation: square it, "
            "or use exp(logvar).",
            sigma_not_squared,
        ),
        Mistake(
            "logvar_as_variance",
            "You use logvar as if it were the variance. It is its logarithm, and may be negative: the "
            "variance is exp(logvar).",
            logvar_taken_for_variance,
        ),
        Mistake(
            "log_sigma_for_log_variance",
            "The last term is log sigma where log sigma^2 belongs: logvar enters whole, under the common "
            "one half.",
            log_sigma_for_log_variance,
        ),
        Mistake(
            "swapped_direction",
            "This is KL(N(0, I) || q), with the variance in the denominator. The expectation is under q, "
            "the first argument.",
            swapped,
        ),
        Mistake(
            "mean_not_squared",
            "mu enters squared: a mean of -1 costs as much as a mean of 1.",
            mean_not_squared,
        ),
        Mistake(
            "detached",
            "The value is right, but no gradient reaches mu and logvar (a detach, .item(), no_grad or a new tensor?): "
            "as a loss it would train nothing.",
            detached,
        ),
        Mistake(
            "log_of_exp",
            "exp(logvar) underflows to 0 in float32 below about -104, and its logarithm is then minus "
            "infinity. The log-variance is what you were given: use it.",
            logarithm_of_exp,
        ),
        Mistake(
            "epsilon_in_log",
            "The small number inside the logarithm hides small variances: at logvar = -200 the term is 18 "
            "instead of 200. logvar itself needs no guard.",
            small_number_in_the_logarithm,
        ),
        Mistake(
            "log_of_determinant",
            "The determinant, a product over all dimensions, runs out of range: exp(-1.5) to the 300th is 0 "
            "in float32. The logarithm of a product is the sum of the logarithms.",
            logarithm_of_the_determinant,
        ),
        Mistake(
            "clamped",
            "Clamping logvar changes the value and stops the gradient just where the KL should pull "
            "hardest. Nothing overflows up to logvar = 80: leave it as it is.",
            clamped,
        ),
    ),
    accepted=(as_in_the_paper, with_sigma, cross_entropy_less_entropy),
    hints=(
        "Take the univariate formula with mu2 = 0 and sigma2 = 1. Which terms are left, and what are they "
        "in terms of logvar?",
        "Per dimension: half of (the squared mean, plus the variance, minus one, minus the log-variance). "
        "Then sum.",
        "The variance is `logvar.exp()`, the log-variance is `logvar` itself, never the logarithm of the "
        "exponential. Sum with `.sum(1)` and leave the batch alone.",
    ),
    forbidden=("course_utils.gaussian.kl_standard_normal",),
)
