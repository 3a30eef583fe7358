"""The games of lectures 10 and 11. Their samples are those of a running mean of the generator's weights."""

from collections.abc import Callable, Iterator
from itertools import accumulate, pairwise

import torch
from torch import Generator, Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from course_utils.adversarial import (
    adam,
    critic_generator_loss,
    critic_loss,
    discriminator_loss,
    frozen,
    generator_loss,
    gradient_penalty,
)
from course_utils.data import ImageData
from course_utils.models import (
    ConditionalGenerator,
    ConvDiscriminator,
    ConvGenerator,
    ProgressiveDiscriminator,
    ProgressiveGenerator,
    ProjectionDiscriminator,
    StyleGenerator,
    fade_in,
    shrink,
)
from course_utils.models.progressive import STAGES
from course_utils.zoo.contest import Budget, Contestant, Trained, batches, draw_labels

__all__ = ["average_of", "conditional_gan", "gan", "progressive_gan", "style_gan", "wasserstein_gan"]

LR = 2e-3

# A round of a game: real images, how to make as many, and how both kinds are judged. It is this that tells games apart.
Round = tuple[Tensor, Callable[[int], Tensor], Callable[[Tensor], Tensor]]


def gan(data: ImageData, budget: Budget, generator: Generator) -> Trained:
    """The game of lecture 10, with the non-saturating loss."""
    g, d = ConvGenerator(budget.noise_dim, budget.width), ConvDiscriminator(budget.width)

    def make(n: int) -> Tensor:
        return g(torch.randn(n, budget.noise_dim, generator=generator))

    rounds = ((x, make, d) for (x,) in batches(data.train_images, budget=budget, generator=generator))
    average = _play(rounds, g, d, budget)
    return Trained("GAN", sample=_from_noise(average, budget, generator))


def conditional_gan(data: ImageData, budget: Budget, generator: Generator) -> Trained:
    """Lecture 11's: both players see the label, the discriminator by projection. Samples draw their labels first."""
    dim, labels = budget.noise_dim, data.train_labels
    g = ConditionalGenerator(dim, data.n_classes, budget.width)
    d = ProjectionDiscriminator(data.n_classes, budget.width)

    def round_of(x: Tensor, y: Tensor) -> Round:
        return (
            x,
            lambda n: g(torch.randn(n, dim, generator=generator), y),
            lambda images: d(images, y),
        )

    rounds = (round_of(*b) for b in batches(data.train_images, labels, budget=budget, generator=generator))
    average = _play(rounds, g, d, budget)

    def sample(n: int) -> Tensor:
        return average(torch.randn(n, dim, generator=generator), draw_labels(labels, n, generator))

    return Trained("conditional GAN", sample=sample)


def progressive_gan(shares: tuple[float, ...] = (0.2, 0.2, 0.6)) -> Contestant:
    """Lecture 11's: a share of the steps at 7x7, one at 14x14, the rest at 28x28, each new layer faded in.

    Parameters: ``shares`` of the steps for each stage; (0, 0, 1) is the same pair of networks without growing.
    """

    def contestant(data: ImageData, budget: Budget, generator: Generator) -> Trained:
        # a stage's width is counted at 28x28 pixels, where the other games have their images already
        g, d = (
            ProgressiveGenerator(budget.noise_dim, budget.width // 2),
            ProgressiveDiscriminator(budget.width // 2),
        )

        def round_of(x: Tensor, stage: int, alpha: float) -> Round:
            real = shrink(x, STAGES[stage])
            if alpha < 1:  # real images are faded as well, or their sharpness would tell
                real = fade_in(shrink(x, STAGES[stage - 1]), real, alpha)

            def make(n: int) -> Tensor:
                return g(torch.randn(n, budget.noise_dim, generator=generator), stage, alpha)

            return real, make, lambda images: d(images, stage, alpha)

        images = batches(data.train_images, budget=budget, generator=generator)
        schedule = _growth(shares, budget.steps)
        average = _play((round_of(x, *now) for (x,), now in zip(images, schedule, strict=True)), g, d, budget)
        return Trained("progressive GAN", sample=_from_noise(average, budget, generator))

    return contestant


def _growth(shares: tuple[float, ...], steps: int) -> Iterator[tuple[int, float]]:
    """Stage and alpha of every step: a new layer is faded in over the first half of its stage."""
    ends = [0, *(round(share * steps) for share in accumulate(shares))]
    for stage, (start, end) in enumerate(pairwise(ends)):
        for step in range(start, end):
            yield stage, min(1.0, 2 * (step + 1 - start) / (end - start)) if start else 1.0


def style_gan(data: ImageData, budget: Budget, generator: Generator) -> Trained:
    """Lecture 11's: a style for every layer. Without its two remedies all images soon look alike."""
    g = StyleGenerator(budget.noise_dim, budget.width)
    d = ConvDiscriminator(budget.width, minibatch_deviation=True)

    def make(n: int) -> Tensor:
        return g(torch.randn(n, budget.noise_dim, generator=generator), generator)

    rounds = ((x, make, d) for (x,) in batches(data.train_images, budget=budget, generator=generator))
    average = _play(rounds, g, d, budget, d_lr=2 * LR, betas=(0.0, 0.99))
    return Trained(
        "style GAN",
        sample=lambda n: average(torch.randn(n, budget.noise_dim, generator=generator), generator),
    )


def wasserstein_gan(data: ImageData, budget: Budget, generator: Generator) -> Trained:
    """Lecture 10's critic with a gradient penalty, one step of it for each of the generator."""
    g, critic = ConvGenerator(budget.noise_dim, budget.width), ConvDiscriminator(budget.width)
    c_adam, g_adam, average = adam(critic, lr=LR), adam(g, lr=LR), average_of(g, budget)
    for (batch,) in batches(data.train_images, budget=budget, generator=generator):
        fake = g(torch.randn(len(batch), budget.noise_dim, generator=generator))
        c_adam.zero_grad()
        penalty = gradient_penalty(critic, batch, fake.detach(), generator)
        (critic_loss(critic(batch), critic(fake.detach())) + penalty).backward()
        c_adam.step()
        with frozen(critic):
            g_adam.zero_grad()
            critic_generator_loss(critic(fake)).backward()
        g_adam.step()
        average.update_parameters(g)
    return Trained("WGAN-GP", sample=_from_noise(average.eval(), budget, generator))


def average_of(model: nn.Module, budget: Budget) -> AveragedModel:
    """A running mean of the weights, whose samples are better than those of the last step.

    It reaches back over about 33 steps, and in a short game over a sixth of it, not to where the game began.
    """
    decay = min(0.97, budget.steps / (budget.steps + 6))
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)


def _play(
    rounds: Iterator[Round],
    g: nn.Module,
    d: nn.Module,
    budget: Budget,
    *,
    d_lr: float = LR,
    betas: tuple[float, float] = (0.5, 0.999),
) -> AveragedModel:
    """One step of each player a round; the running mean of the generator, ready to be sampled."""
    g_adam, d_adam = adam(g, lr=LR, betas=betas), adam(d, lr=d_lr, betas=betas)
    average = average_of(g, budget)
    for real, make, judge in rounds:
        fake = make(len(real))  # one batch for both players: half the work of the generator
        d_adam.zero_grad()
        discriminator_loss(judge(real), judge(fake.detach())).backward()
        d_adam.step()
        with frozen(d):
            g_adam.zero_grad()
            generator_loss(judge(fake)).backward()
        g_adam.step()
        average.update_parameters(g)
    return average.eval()


def _from_noise(g: nn.Module, budget: Budget, generator: Generator) -> Callable[[int], Tensor]:
    return lambda n: g(torch.randn(n, budget.noise_dim, generator=generator))
