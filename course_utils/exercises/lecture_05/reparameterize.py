"""Exercise 5.1: a draw of the posterior that gradients pass through."""

import torch
from torch import Generator, Tensor
from torch.distributions import Normal

from course_utils.exercises import Case, Exercise, Mistake, close, same_mean
from course_utils.exercises.lecture_05 import observers
from course_utils.exercises.observers import ADVANCES, ONLY_SOURCE, UNCHANGED, Arrays, Inputs
from course_utils.gaussian import reparameterize

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _encoder_output(
    batch: int,
    dim: int,
    generator: Generator,
    *,
    dtype: torch.dtype = torch.float32,
    calls: tuple[int, int] = (2, 2),
) -> Inputs:
    # sigma between 0.4 and 2.2: far enough from 1 for every wrong power of it to show
    size = torch.rand(batch, dim, generator=generator, dtype=dtype)
    sign = torch.rand(batch, dim, generator=generator).lt(0.5).to(dtype) * 2 - 1
    return {
        "mu": 1.0 + torch.randn(batch, dim, generator=generator, dtype=dtype),
        "logvar": sign * (0.7 + 0.9 * size),
        "_first": calls[0],
        "_most": calls[1],
        "_seed": int(torch.randint(2**31, (), generator=generator)),
    }


def a_batch(generator: Generator) -> Inputs:
    return _encoder_output(30, 30, generator, calls=(4, 4))


def one_example_in_float64(generator: Generator) -> Inputs:
    return _encoder_output(1, 1, generator, dtype=torch.float64, calls=(16, 256))


def a_batch_in_float64(generator: Generator) -> Inputs:
    return _encoder_output(4, 3, generator, dtype=torch.float64)


def without_a_generator(generator: Generator) -> Inputs:
    return _encoder_output(30, 30, generator, calls=(3, 3))


def far_out(generator: Generator) -> Inputs:
    logvar = torch.tensor([[-80.0, 80.0, -40.0, 40.0], [0.0, 60.0, -60.0, 80.0]]).repeat(12, 6)
    return {**_encoder_output(24, 24, generator), "mu": torch.zeros(24, 24), "logvar": logvar}


def standard_normal_noise(inputs: Inputs) -> Arrays:
    return observers.STANDARD_NORMAL


# --- wrong answers that students give -------------------------------------------------------------


def _eps(mu: Tensor, generator: Generator | None) -> Tensor:
    return torch.randn(mu.shape, generator=generator, dtype=mu.dtype)


def torchs_sample(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return Normal(mu, torch.exp(0.5 * logvar)).sample()


def torchs_rsample(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return Normal(mu, torch.exp(0.5 * logvar)).rsample()


def torchs_normal(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return torch.normal(mu, torch.exp(0.5 * logvar), generator=generator)


def z_detached(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return reparameterize(mu, logvar, generator).detach()


def noise_term_detached(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return mu + (torch.exp(0.5 * logvar) * _eps(mu, generator)).detach()


def mean_detached(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return mu.detach() + torch.exp(0.5 * logvar) * _eps(mu, generator)


def shared_by_dimensions(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return mu + torch.exp(0.5 * logvar) * _eps(mu[:, :1], generator)


def shared_by_examples(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return mu + torch.exp(0.5 * logvar) * _eps(mu[:1], generator)


def shared_by_all(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return mu + torch.exp(0.5 * logvar) * _eps(mu[:1, :1], generator)


def variance_as_std(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return mu + torch.exp(logvar) * _eps(mu, generator)


def doubled(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return mu + torch.exp(2 * logvar) * _eps(mu, generator)


def logvar_as_std(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return mu + logvar * _eps(mu, generator)


def root_of_logvar(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return mu + logvar.abs().sqrt() * _eps(mu, generator)


def sigma_ignored(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return mu + _eps(mu, generator)


def mu_ignored(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return torch.exp(0.5 * logvar) * _eps(mu, generator)


def mean_scaled_too(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return (mu + _eps(mu, generator)) * torch.exp(0.5 * logvar)


def no_noise(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return mu + torch.exp(0.5 * logvar)


def uniform_noise(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return mu + torch.exp(0.5 * logvar) * torch.rand(mu.shape, generator=generator, dtype=mu.dtype)


def centred_uniform_noise(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    u = torch.rand(mu.shape, generator=generator, dtype=mu.dtype)
    return mu + torch.exp(0.5 * logvar) * (2 * u - 1) * 3**0.5


def own_seed(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return reparameterize(mu, logvar, Generator().manual_seed(0))


def own_seed_without_generator(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return reparameterize(mu, logvar, generator or Generator().manual_seed(0))


def global_generator(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


def in_place(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    return logvar.data.mul_(0.5).exp_() * _eps(mu, generator) + mu


# --- right answers, written independently ---------------------------------------------------------


def root_of_the_variance(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    eps = torch.empty_like(mu).normal_(generator=generator)
    return mu - logvar.exp().sqrt() * eps


def in_one_call(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    eps = torch.normal(0.0, 1.0, tuple(mu.shape), generator=generator, dtype=mu.dtype)
    return torch.addcmul(mu, torch.exp(logvar / 2), eps)


def example_by_example(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    rows = [
        m + torch.special.ndtri(torch.rand(len(m), generator=generator, dtype=torch.float64)) * v.exp() ** 0.5
        for m, v in zip(mu, logvar, strict=True)
    ]
    return torch.stack(rows).to(mu.dtype)


_LAW = {name: close() for name in (ADVANCES, ONLY_SOURCE, UNCHANGED, observers.SAME_SEED)}
_LAW |= {name: close() for name in (observers.FRESH, observers.FOLLOWS_GLOBAL, observers.FINITE)}
_LAW |= {name: same_mean(6.0) for name in observers.STANDARD_NORMAL}
_LAW_OF_ONE = _LAW | {
    observers.SHARES: lambda _seen, _wanted: None
}  # of so few draws, there may be none in a tail

exercise = Exercise(
    id="reparameterize",
    lecture=5,
    position=1,
    title="A draw that gradients pass through",
    points=3,
    minutes=10,
    difficulty=1,
    reference=reparameterize,
    cases=(
        Case(
            "the law of z for 30 examples in 30 dimensions",
            a_batch,
            observers.law_of_the_noise,
            _LAW_OF_ONE,
            standard_normal_noise,
        ),
        Case("gradients reach mu and logvar", a_batch_in_float64, observers.gradients_of_a_draw),
        Case(
            "a batch of one, one dimension, float64",
            one_example_in_float64,
            observers.law_of_the_noise,
            _LAW_OF_ONE,
            standard_normal_noise,
        ),
        Case(
            "no generator given",
            without_a_generator,
            observers.law_without_a_generator,
            _LAW,
            standard_normal_noise,
        ),
        Case("logvar of -80 and 80", far_out, observers.extreme_draws, _LAW, standard_normal_noise),
    ),
    mistakes=(
        Mistake(
            "sample",
            ".sample() draws without a graph, so no gradient reaches mu or logvar, and the encoder never hears from "
            "the decoder. Write the draw as arithmetic on mu and logvar, with the noise from torch.randn and "
            "`generator`.",
            torchs_sample,
        ),
        Mistake(
            "torch_normal",
            "torch.normal(mu, sigma) has a gradient, but a treacherous one: it is zero everywhere, "
            "without an error. "
            "Draw eps from N(0, 1) first, and make z from mu, sigma and eps by arithmetic.",
            torchs_normal,
        ),
        Mistake(
            "detached",
            "z is cut off from mu and logvar (by .detach() or torch.no_grad()): the values are right "
            "and no gradient "
            "arrives. Only eps needs no gradient, and it has none anyway.",
            z_detached,
        ),
        Mistake(
            "no_gradient_to_logvar",
            "A gradient reaches mu but none reaches logvar: the noise term is cut off from the graph, "
            "so the model can "
            "never learn its own uncertainty. Leave sigma in the graph.",
            noise_term_detached,
        ),
        Mistake(
            "no_gradient_to_mu",
            "A gradient reaches logvar but none reaches mu. Use mu itself, not mu.detach() or mu.data.",
            mean_detached,
        ),
        Mistake(
            "one_eps_for_all_dimensions",
            "All latent dimensions of an example share one eps, so they move in lockstep and the "
            "posterior is a line. "
            "Draw eps with the full shape of mu, (B, D).",
            shared_by_dimensions,
        ),
        Mistake(
            "one_eps_for_all_examples",
            "All examples of the batch share one eps: each z alone looks right, but the batch no "
            "longer averages the "
            "noise out. Draw eps with the full shape of mu, (B, D).",
            shared_by_examples,
        ),
        Mistake(
            "one_eps",
            "A single number is drawn and broadcast to every example and dimension. Draw eps with the "
            "shape of mu.",
            shared_by_all,
        ),
        Mistake(
            "variance_as_std",
            "exp(logvar) is the variance; the standard deviation is exp(logvar / 2).",
            variance_as_std,
        ),
        Mistake(
            "doubled",
            "sigma is exp(2 logvar) here. The factor is one half, not two: logvar is log sigma^2 = 2 "
            "log sigma.",
            doubled,
        ),
        Mistake(
            "no_exponential",
            "logvar itself multiplies the noise. It is a logarithm, negative as often as not: sigma = "
            "exp(logvar / 2).",
            logvar_as_std,
        ),
        Mistake(
            "root_of_logarithm",
            "The square root of logvar is taken, but logvar is a logarithm: sigma = exp(logvar / 2), "
            "or sqrt(exp(logvar)).",
            root_of_logvar,
        ),
        Mistake(
            "sigma_ignored",
            "z = mu + eps has variance 1 whatever logvar says. Scale eps by sigma.",
            sigma_ignored,
        ),
        Mistake(
            "mu_ignored", "The draws are centred at 0: mu is missing from z = mu + sigma * eps.", mu_ignored
        ),
        Mistake(
            "mean_scaled_too",
            "The whole of mu + eps is multiplied by sigma, which moves the mean. Only the noise is scaled.",
            mean_scaled_too,
        ),
        Mistake(
            "no_noise", "Nothing is drawn: z is the same number every time. eps comes from N(0, 1).", no_noise
        ),
        Mistake(
            "uniform_noise",
            "torch.rand draws uniformly between 0 and 1. The noise is standard normal: torch.randn.",
            uniform_noise,
        ),
        Mistake(
            "centred_uniform_noise",
            "The noise has mean 0 and variance 1 but is uniform, not normal. KL terms in closed form "
            "assume a Gaussian.",
            centred_uniform_noise,
        ),
        Mistake(
            "own_seed",
            "Every call draws the same noise: a generator is seeded inside. Training would see one eps "
            "for ever.",
            own_seed,
        ),
        Mistake(
            "own_seed_without_generator",
            "Without a generator every call draws the same noise, because you seed one of your own. "
            "None means torch's "
            "global generator: torch.randn(..., generator=None) does just that.",
            own_seed_without_generator,
        ),
        Mistake(
            "rsample",
            "The gradients are right, but `generator` is not used: Normal(...).rsample() and "
            "torch.randn_like draw from "
            "torch's global generator. Use torch.randn(mu.shape, generator=generator).",
            torchs_rsample,
        ),
        Mistake(
            "in_place",
            "Your answer writes into mu or logvar: methods that end in an underscore change the tensor that "
            "was handed in.",
            in_place,
        ),
    ),
    accepted=(root_of_the_variance, in_one_call, example_by_example),
    hints=(
        "A draw from N(mu, sigma^2) can be made from a draw of N(0, 1) by moving and stretching it. "
        "Which of the two "
        "numbers moves, which stretches?",
        "logvar is log sigma^2. Take half of it before the exponential: exp(logvar / 2) = sqrt(sigma^2).",
        "Draw `eps` with torch.randn: the shape of mu, dtype=mu.dtype, generator=generator. Then add "
        "mu and sigma * eps.",
    ),
)
