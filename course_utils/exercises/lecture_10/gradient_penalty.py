"""Exercise 10.7: the gradient penalty of a Wasserstein critic."""

import warnings

import torch
from torch import Generator, Tensor, nn

from course_utils.adversarial import gradient_penalty
from course_utils.exercises import Case, Exercise, Mistake, close
from course_utils.exercises.comparisons import same_mean
from course_utils.exercises.lecture_10.observers import DIRECTION, LENGTH, POINTS, RATIO, SHARES, penalised
from course_utils.exercises.observers import Arrays, Inputs

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _two_batches(
    batch: int,
    *shape: int,
    generator: Generator,
    repeats: int = 2,
    column: bool = False,
    dtype: torch.dtype = torch.float32,
) -> Inputs:
    """Real and fake examples, and a critic whose slope is below 1 for some examples and above it for others."""
    dim, hidden = torch.Size(shape).numel(), 8

    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator, dtype=dtype)

    return {
        "_real": normal(batch, *shape) + 0.5,
        "_fake": normal(batch, *shape) - 0.5,
        "_x_to_hidden": 1.2 * normal(dim, hidden) / dim**0.5,
        "_hidden_to_score": 0.65
        * normal(hidden).sign()
        * (0.7 + 0.6 * torch.rand(hidden, generator=generator)),
        "_column": column,
        "_repeats": repeats,
        "_seed": int(torch.randint(2**31, (), generator=generator)),
    }


def points_in_space(generator: Generator) -> Inputs:
    return _two_batches(80, 5, generator=generator, repeats=4)


def scores_in_a_column(generator: Generator) -> Inputs:
    return _two_batches(12, 3, generator=generator, column=True)


def images(generator: Generator) -> Inputs:
    return _two_batches(6, 1, 8, 8, generator=generator)


def one_example_in_float64(generator: Generator) -> Inputs:
    inputs = _two_batches(1, 4, generator=generator, dtype=torch.float64)
    return inputs | {"_hidden_to_score": inputs["_hidden_to_score"].double()}


def uniform_shares(inputs: Inputs) -> Arrays:
    return {SHARES: POINTS[None]}


# --- wrong answers that students give -------------------------------------------------------------


def _weights(real: Tensor, generator: Generator | None) -> Tensor:
    u = torch.rand(len(real), generator=generator, dtype=real.dtype)
    return u.view(-1, *[1] * (real.dim() - 1))


def _slopes(critic: nn.Module, x: Tensor, *, create_graph: bool = True) -> Tensor:
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=create_graph)
    return gradient


def _at(x: Tensor, critic: nn.Module) -> Tensor:
    return (_slopes(critic, x).flatten(1).norm(dim=1) - 1).square().mean()


def _between(real: Tensor, fake: Tensor, generator: Generator | None) -> Tensor:
    u = _weights(real, generator)
    return u * real + (1 - u) * fake


def without_create_graph(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    gradient = _slopes(critic, _between(real, fake, generator), create_graph=False)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def backward_inside(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    x = _between(real, fake, generator).requires_grad_()
    with warnings.catch_warnings(action="ignore"):  # torch warns of the reference cycle that this makes
        critic(x).sum().backward(create_graph=True)
    return (x.grad.flatten(1).norm(dim=1) - 1).square().mean()


def real_made_a_leaf(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    x = _between(real.requires_grad_(), fake, generator)
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def one_weight_for_all(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    u = torch.rand(1, generator=generator, dtype=real.dtype)
    return _at(u * real + (1 - u) * fake, critic)


def one_weight_for_each_entry(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    u = torch.rand(real.shape, generator=generator, dtype=real.dtype)
    return _at(u * real + (1 - u) * fake, critic)


def normal_weights(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    u = torch.randn(len(real), generator=generator, dtype=real.dtype).view(-1, *[1] * (real.dim() - 1))
    return _at(u * real + (1 - u) * fake, critic)


def at_the_real(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    return _at(real, critic)


def at_the_fake(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    return _at(fake, critic)


def halfway(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    return _at(0.5 * (real + fake), critic)


def global_randomness(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    return _at(_between(real, fake, None), critic)


def fixed_weights(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    own = torch.Generator().manual_seed(0)
    return _at(_between(real, fake, own), critic)


def one_sided(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    norm = _slopes(critic, _between(real, fake, generator)).flatten(1).norm(dim=1)
    return (norm - 1).clamp(min=0).square().mean()


def without_the_one(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    return _slopes(critic, _between(real, fake, generator)).flatten(1).square().sum(1).mean()


def squared_norm_minus_one(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    squared = _slopes(critic, _between(real, fake, generator)).flatten(1).square().sum(1)
    return (squared - 1).square().mean()


def absolute_value(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    norm = _slopes(critic, _between(real, fake, generator)).flatten(1).norm(dim=1)
    return (norm - 1).abs().mean()


def norm_of_the_batch(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    return (_slopes(critic, _between(real, fake, generator)).norm() - 1) ** 2


def square_of_the_mean(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    norm = _slopes(critic, _between(real, fake, generator)).flatten(1).norm(dim=1)
    return (norm.mean() - 1) ** 2


def entry_by_entry(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    return (_slopes(critic, _between(real, fake, generator)).abs() - 1).square().mean()


def slope_of_the_mean_score(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    x = _between(real, fake, generator).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).mean(), x, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def along_the_channels(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    gradient = _slopes(critic, _between(real, fake, generator))
    return (gradient.norm(2, dim=1) - 1).square().mean()


def with_the_weight(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    return 10 * gradient_penalty(critic, real, fake, generator)


def summed(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    return len(real) * gradient_penalty(critic, real, fake, generator)


def sign(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    return -gradient_penalty(critic, real, fake, generator)


# --- right answers, written independently ---------------------------------------------------------


def by_lerp_and_ones(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    t = torch.rand((real.shape[0],) + (1,) * (real.ndim - 1), generator=generator, dtype=real.dtype)
    x_hat = torch.lerp(real, fake, t).requires_grad_(True)
    score = critic(x_hat)
    slope = torch.autograd.grad(score, x_hat, torch.ones_like(score), create_graph=True, retain_graph=True)[0]
    return ((slope.reshape(real.shape[0], -1).norm(2, dim=1) - 1) ** 2).mean()


def uniform_in_place(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    u = torch.empty(len(real), dtype=real.dtype).uniform_(generator=generator)
    flat_real, flat_fake = real.flatten(1), fake.flatten(1)
    mixed = flat_fake + u[:, None] * (flat_real - flat_fake)
    mixed = mixed.view_as(real).clone().requires_grad_()
    total = critic(mixed).sum()
    gradient = torch.autograd.grad(total, mixed, create_graph=True)[0]
    length = gradient.pow(2).sum(dim=tuple(range(1, real.dim()))).sqrt()
    return nn.functional.mse_loss(length, torch.ones_like(length))


def one_draw_after_the_other(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    rows = []
    for r, f in zip(real, fake, strict=True):
        u = torch.rand((), generator=generator, dtype=real.dtype)
        rows.append(r * u + f * (1 - u))
    return _at(torch.stack(rows), critic)


def example_by_example(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    total = 0.0
    for r, f in zip(real.split(1), fake.split(1), strict=True):
        total = total + _at(_between(r, f, generator), critic)
    return total / len(real)


def slope_by_slope(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    slope = torch.func.vmap(torch.func.grad(lambda x: critic(x.unsqueeze(0)).sum()))
    return (slope(_between(real, fake, generator)).flatten(1).norm(dim=1) - 1).square().mean()


_COMPARE = {
    RATIO: close(rtol=5e-3),
    DIRECTION: close(atol=5e-3),
    LENGTH: close(rtol=1e-2),
    SHARES: same_mean(6.0),
}

exercise = Exercise(
    id="gradient_penalty",
    lecture=10,
    position=7,
    title="The gradient penalty",
    points=3,
    minutes=15,
    difficulty=3,
    reference=gradient_penalty,
    cases=(
        Case("points in space, several times", points_in_space, penalised, _COMPARE, uniform_shares),
        Case("scores of shape (B, 1)", scores_in_a_column, penalised, _COMPARE),
        Case("images", images, penalised, _COMPARE),
        Case("one example, in float64", one_example_in_float64, penalised, _COMPARE),
    ),
    mistakes=(
        Mistake(
            "without_create_graph",
            "The slope has no graph of its own, so the critic learns nothing from the penalty: create_graph=True.",
            without_create_graph,
        ),
        Mistake(
            "backward_inside",
            "backward() leaves gradients of the scores in the critic's parameters, where its optimizer would take them "
            "for gradients of the loss. torch.autograd.grad gives the slope alone.",
            backward_inside,
        ),
        Mistake(
            "real_made_a_leaf",
            "The argument requires gradients from now on, and all that is computed from it drags a graph along. It is "
            "the points between that need requires_grad_().",
            real_made_a_leaf,
        ),
        Mistake(
            "one_weight_for_all",
            "The whole batch shares one interpolation weight. Draw one for each example, of shape (B, 1, ...).",
            one_weight_for_all,
        ),
        Mistake(
            "one_weight_for_each_entry",
            "Every entry has a weight of its own, so the points leave the line between real and fake. One weight for "
            "each example.",
            one_weight_for_each_entry,
        ),
        Mistake(
            "normal_weights",
            "The weights are normal draws, which reach beyond both ends. Draw them uniformly between 0 and 1.",
            normal_weights,
        ),
        Mistake(
            "at_the_real",
            "The slope is taken at the real examples (another penalty, R1). Take it between real and fake.",
            at_the_real,
        ),
        Mistake(
            "at_the_fake", "The slope is taken at the fakes. Take it between real and fake.", at_the_fake
        ),
        Mistake(
            "halfway",
            "The slope is always taken halfway. Draw a weight between 0 and 1 for each example.",
            halfway,
        ),
        Mistake(
            "global_randomness",
            "The weights do not come from the generator that is given: torch.rand(..., generator=generator).",
            global_randomness,
        ),
        Mistake(
            "fixed_weights",
            "Every call uses the same weights. Draw them from the generator that is given.",
            fixed_weights,
        ),
        Mistake(
            "one_sided",
            "Only slopes above 1 are punished. Ours is two-sided: slopes below 1 cost as well.",
            one_sided,
        ),
        Mistake(
            "without_the_one",
            "The slope is pulled to 0: this is the mean of norm^2. It is the mean of (norm - 1)^2.",
            without_the_one,
        ),
        Mistake(
            "squared_norm_minus_one",
            "This is (norm^2 - 1)^2: a square root is missing.",
            squared_norm_minus_one,
        ),
        Mistake("absolute_value", "This is the mean of |norm - 1|. It is squared.", absolute_value),
        Mistake(
            "norm_of_the_batch",
            "One norm is taken over the whole batch. Each example has a slope, so each has a norm of its own.",
            norm_of_the_batch,
        ),
        Mistake(
            "square_of_the_mean",
            "The norms are averaged before 1 is subtracted and the square taken: a steep example hides behind a flat "
            "one.",
            square_of_the_mean,
        ),
        Mistake(
            "entry_by_entry",
            "1 is subtracted from each partial derivative. Take the norm of each example's gradient first.",
            entry_by_entry,
        ),
        Mistake(
            "slope_of_the_mean_score",
            "The gradient is that of the mean score, too small by the size of the batch. Differentiate the sum of the "
            "scores: no example's score depends on another example.",
            slope_of_the_mean_score,
        ),
        Mistake(
            "along_the_channels",
            "The norm is taken along dimension 1 only, in an image the channels. Flatten each example first.",
            along_the_channels,
        ),
        Mistake(
            "with_the_weight",
            "There is a factor of 10. The weight is the caller's affair: return the plain mean.",
            with_the_weight,
        ),
        Mistake("summed", "The batch is summed over. Take the mean.", summed),
        Mistake("sign", "The sign is wrong: the penalty is never negative.", sign),
    ),
    accepted=(
        by_lerp_and_ones,
        uniform_in_place,
        one_draw_after_the_other,
        example_by_example,
        slope_by_slope,
    ),
    hints=(
        "Four parts: random points between real and fake, one weight per example; the critic's scores there; the "
        "gradient of the scores with respect to the points; its norm for each example.",
        "The points need requires_grad_(), and torch.autograd.grad(scores.sum(), points, create_graph=True) gives the "
        "gradients in a tuple.",
        "u = torch.rand(B, generator=generator), viewed as (B, 1, ...); points = u * real + (1 - u) * fake; then the "
        "mean of (gradient.flatten(1).norm(dim=1) - 1) ** 2.",
    ),
)
