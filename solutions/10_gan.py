# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # 10 · Generative adversarial networks
#
# All models so far were trained on a likelihood, or on a bound of one. For that a model must say how probable an image
# is. But we only want to *draw*. So turn the question round:
#
# > **How do you train a sampler whose density nobody can write down?**
#
# With an opponent. One network makes fakes, another learns to tell them from the data, and each is the other's
# teacher. There is no likelihood in it anywhere.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## What you will be able to do
#
# * derive the best discriminator and what the game then measures, and check both on a line,
# * say why the generator's own loss gives it no gradient when it needs one, and what is minimised instead,
# * write both losses and a training step in which neither player disturbs the other,
# * count the modes that a generator found, and measure which tricks help it to find more,
# * train a convolutional GAN on digits, and put a name to a failure,
# * write the gradient penalty, and say what a critic measures that a discriminator cannot,
# * judge samples by Frechet distance, precision and recall, and say what each overlooks.
#
# **You need** lectures 3 to 6. **Time:** 100 minutes of lecture, about 55 minutes of exercises; the notebook itself
# runs in about half a minute.

# %% [markdown] slideshow={"slide_type": "notes"}
# **Timing (100 min):** the game on a line 15, what it measures 12, the generator's gradient 12, taking turns 10, ring
# and player 14, tricks 8, failures 4, digits 8, Wasserstein 12, measuring samples 8, likelihood or game 7.
#
# *Ask first, before any slide:* "You can tell forged banknotes from real ones, and you tell the forger *why* each time.
# Where does this end?" (With notes that you can't tell apart; your best answer is then to toss a coin.) Keep the coin:
# it is D = 1/2, and its loss is log 4.

# %% slideshow={"slide_type": "skip"}
import math

import torch
from torch import Generator, Tensor, nn
from torch.distributions import Categorical, MixtureSameFamily, Normal
from torch.nn import functional as F

from course_utils import adversarial
from course_utils.adversarial import (
    Rules,
    critic_generator_loss,
    critic_loss,
    fit_adversarial,
    frozen,
    generator_step,
    jensen_shannon,
    kl_on_grid,
    play_games,
    value_on_grid,
    wasserstein_on_grid,
)
from course_utils.data import augment, load, toy2d, toy2d_centres
from course_utils.elbo import negative_elbo
from course_utils.exercises import check
from course_utils.metrics import feature_net, frechet_distance, high_quality_share, precision_recall
from course_utils.models import (
    VAE,
    ConvDiscriminator,
    ConvGenerator,
    MLPDecoder,
    MLPDiscriminator,
    MLPEncoder,
    MLPGenerator,
)
from course_utils.plotting import (
    COLOURS,
    curves,
    density_1d,
    image_grid,
    new_figure,
    show,
    use_course_style,
)
from course_utils.runtime import seed_everything
from course_utils.training import fit
from course_utils.widgets import toy_game_player

use_course_style()

# %% slideshow={"slide_type": "skip"}
generator = seed_everything(0)

LATENT_DIM = 64  # of the generator of images
N_IMAGES = 4000  # to train on
N_JUDGED = 600  # images, and samples, that are compared
N_SEEDS = 6  # games for each trick
N_STEPS_RING = 700
SMOOTH = 0.9  # the label of real points, where it is softened

GRID = torch.linspace(-12, 12, 4801, dtype=torch.float64)  # for integrals on a line

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 · A game on a line
#
# The smallest case: the data are numbers, with a density $p$ that has two humps. The **generator** has a density $q$,
# here a standard normal. A **discriminator** looks at a number $x$ and says with which probability $D(x)$ it is real.

# %% slideshow={"slide_type": "fragment"}
HUMPS = MixtureSameFamily(
    Categorical(torch.tensor([0.6, 0.4], dtype=torch.float64)),
    Normal(torch.tensor([-1.5, 1.5], dtype=torch.float64), torch.tensor([0.5, 0.5], dtype=torch.float64)),
)


def draw_humps(n: int) -> Tensor:
    """Data on a line: (n, 1)."""
    right = (torch.rand(n, 1, generator=generator) < 0.4).float()
    return -1.5 + 3 * right + 0.5 * torch.randn(n, 1, generator=generator)


def normal_density(mean: float, std: float = 1.0) -> Tensor:
    """On the grid."""
    return torch.exp(-0.5 * ((GRID - mean) / std) ** 2) / (std * math.sqrt(2 * math.pi))


p, q = HUMPS.log_prob(GRID).exp(), normal_density(0.0)

# %% slideshow={"slide_type": "subslide"}
on_screen = GRID.abs() < 4
figure = density_1d(
    GRID[on_screen],
    {"data": p[on_screen], "generator": q[on_screen]},
    samples=draw_humps(60)[:, 0],
    title="Where would you bet on real, and where on fake?",
    xlabel="x",
    colours={"data": "real", "generator": "fake"},
)
show(
    figure,
    alt="The density of the data has a hump at -1.5 and a lower one at 1.5; the generator's is a single hump at 0. "
    "Ticks for 60 data points lie under the two humps.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The value of the game
#
# Both players argue about one number, the discriminator's average log score:
#
# $$V(D, G) = E_{x \sim p}\big[\log D(x)\big] + E_{x \sim q}\big[\log(1 - D(x))\big], \qquad
# \min_G \max_D V(D, G) .$$
#
# The discriminator wants it large: $D$ near 1 on data, near 0 on fakes. The generator wants it small. Knowing nothing,
# $D = \frac12$ everywhere, gives $-\log 4$ whatever $p$ and $q$ are.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
coin = torch.full_like(GRID, 0.5)
guess = torch.sigmoid(GRID.abs() - 0.75)  # "far from 0 is real"
print(f"a coin:           V = {value_on_grid(coin, p, q, GRID):.4f}, and -log 4 = {-math.log(4):.4f}")
print(f"a sensible guess: V = {value_on_grid(guess, p, q, GRID):.4f}")

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "What is the largest V could ever be?" (0, when no point could be both.) "Who has to move for that?" (p and q
# must not overlap. Remember it: this is where the trouble of section 3 comes from.)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The best discriminator
#
# $V$ is an integral, and $D(x)$ can be chosen at each $x$ by itself. So maximise under the integral sign:
#
# $$p \log D + q \log(1 - D) \;\to\; \max, \qquad \frac{p}{D} - \frac{q}{1 - D} = 0 .$$
#
# <details>
# <summary>Why this is a maximum, and the only one</summary>
#
# The second derivative is $-p / D^2 - q / (1 - D)^2 < 0$ wherever $p + q > 0$: the function is strictly concave in $D$.
# Where $p = q = 0$ any $D$ will do, since nobody ever looks there.
#
# </details>

# %% [markdown] exercise="optimal_discriminator"
# Write `optimal_discriminator(p, q)`: the probability $D^*(x)$ that solves this equation, for the densities of data and
# generator at the same points. Both are tensors of one shape, not negative, and never both 0 at a point; the result has
# their shape.
#
# Densities may be as small as $10^{-20}$, so add no small number to be on the safe side. The arguments stay as they
# were.
#
# For example: `p = [3.0, 1.0]` and `q = [1.0, 1.0]` give `[0.75, 0.5]`.


# %%
def optimal_discriminator(p: Tensor, q: Tensor) -> Tensor:
    """The best D(x) against a fixed generator, shape of p."""
    ### BEGIN SOLUTION
    return p / (p + q)
    ### END SOLUTION


# %%
optimal_discriminator = check("optimal_discriminator", optimal_discriminator)

# %% slideshow={"slide_type": "subslide"}
best = optimal_discriminator(p[on_screen], q[on_screen])
figure, axes = new_figure(figsize=(10, 3.8))
axes.fill_between(GRID[on_screen], p[on_screen], color=COLOURS["real"], alpha=0.2, label="data p")
axes.fill_between(GRID[on_screen], q[on_screen], color=COLOURS["fake"], alpha=0.2, label="generator q")
axes.plot(GRID[on_screen], best, color=COLOURS["truth"], label="best discriminator D*")
axes.plot(GRID[on_screen], guess[on_screen], "--", color=COLOURS["baseline"], label="the guess from above")
axes.axhline(0.5, color=COLOURS["neutral"], linestyle=":")
axes.set(title="D* is one half where the two densities cross", xlabel="x", ylabel="density, or probability")
axes.set(ylim=(0, 1.05), xlim=(-4, 4))
axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
show(
    figure,
    alt="The densities of data and generator as shaded areas, and over them the best discriminator: near 1 "
    "under the "
    "two humps of the data, near 0.02 in the middle, and crossing one half exactly where the two densities cross.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# No discriminator does better. Move $D^*$ a little, anywhere, by any pattern, and the value falls:

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
star = optimal_discriminator(p, q)
highest = value_on_grid(star, p, q, GRID)
patterns = [torch.sin(k * GRID) for k in range(1, 30)] + [torch.cos(k * GRID) for k in range(30)]
worse = [
    value_on_grid(star + s * 0.02 * star * (1 - star) * f, p, q, GRID) for f in patterns for s in (1, -1)
]
print(f"V(D*) = {highest:.4f}")
print(f"all {len(worse)} others are below it:", all(bool(v < highest) for v in worse))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 · What the game measures
#
# Put $D^*$ into the value. With the mixture $m = \frac12 (p + q)$, $D^* = \frac{p}{2m}$ and $1 - D^* = \frac{q}{2m}$:
#
# $$\begin{aligned}
# V(D^*, G) &= \int p \log \frac{p}{2m} + \int q \log \frac{q}{2m} \\
# &= D_{KL}(p \| m) + D_{KL}(q \| m) - 2 \log 2 \;=\; 2\, JSD(p, q) - \log 4 .
# \end{aligned}$$
#
# The **Jensen-Shannon divergence** is 0 only for $q = p$, and at most $\log 2$. So the generator that wins the game is
# the one with the density of the data, and then $D^* = \frac12$: nobody can tell.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
for mean, std in ((0.0, 1.0), (2.0, 0.5), (0.0, 2.0), (4.0, 0.5)):
    other = normal_density(mean, std)
    d, one_minus_d = optimal_discriminator(p, other), optimal_discriminator(other, p)  # q / (p + q) = 1 - D*
    value = torch.trapezoid(torch.xlogy(p, d) + torch.xlogy(other, one_minus_d), GRID)
    divergence = jensen_shannon(p, other, GRID)
    print(f"q = N({mean}, {std}^2): V(D*) = {value:.4f}, 2 JSD - log 4 = {2 * divergence - math.log(4):.4f}")

# %% [markdown]
# The last one hardly overlaps with the data: its divergence is close to $\log 2$, and the value close to its ceiling,
# 0.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### From samples, and from logits
#
# In practice there are no densities, only a batch of real and a batch of fake examples: expectations become means. And
# the network does not give $D$ but a **logit** $l$, with $D = \operatorname{sigmoid}(l)$. This matters more than it
# seems: at $l = 20$ a float32 has already rounded $D$ to 1.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
sure = torch.tensor(20.0)
print(
    "1 - sigmoid(20) =", (1 - sure.sigmoid()).item(), "and its logarithm:", (1 - sure.sigmoid()).log().item()
)
print(f"but log(1 - D) = -log(1 + e^20) = {-math.log1p(math.exp(20)):.4f}")

# %% [markdown] exercise="gan_value"
# Write `gan_value(real_logits, fake_logits)`: the value of the game, estimated from the logits of a real and a fake
# batch,
#
# $$V = \text{mean of } \log D \text{ (real batch)} \;+\; \text{mean of } \log(1 - D) \text{ (fake batch)} .$$
#
# * Logits are `(B,)` or `(B, 1)`, float32 or float64; the batches may differ in size, and each has a mean of its own.
# * It returns a 0-d tensor, in nats, through which gradients pass to both (minus it will be a loss).
# * Logits up to 300 in size must give the exact value and gradient: form no probabilities.
#
# For example: `gan_value(torch.zeros(4), torch.zeros(4))` is $-\log 4 = -1.3863$.


# %%
def gan_value(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Estimate V from logits: 0-d, in nats, at most 0."""
    ### BEGIN SOLUTION
    return F.logsigmoid(real_logits).mean() + F.logsigmoid(-fake_logits).mean()
    ### END SOLUTION


# %%
gan_value = check("gan_value", gan_value)

# %% [markdown] slideshow={"slide_type": "subslide"}
# With the logit of $D^*$, which is $\log p - \log q$, a large sample must give the value that we know:

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
n = 20_000
real, fake = draw_humps(n)[:, 0].double(), torch.randn(n, generator=generator, dtype=torch.float64)


def best_logit(x: Tensor) -> Tensor:
    return HUMPS.log_prob(x) - Normal(0.0, 1.0).log_prob(x)


estimate = gan_value(best_logit(real), best_logit(fake))
spread = F.logsigmoid(best_logit(real)).var() + F.logsigmoid(-best_logit(fake)).var()
agrees = (estimate - highest).abs() < 5 * (spread / n).sqrt()
print("the estimate agrees with quadrature to within five standard errors:", bool(agrees))

# %% [markdown] exercise="discriminator_loss"
# Write `discriminator_loss(real_logits, fake_logits)`: what the discriminator **minimises**, so that it maximises the
# value. Use `gan_value` if you like. No factor one half; everything else is as above: `(B,)` or `(B, 1)`, each batch
# with its own mean, a 0-d tensor with gradients, logits up to 300.
#
# A discriminator that knows nothing has the loss $\log 4 = 1.3863$. Remember this number: it is the first thing to
# look at in any GAN's curves.


# %%
def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Loss of the discriminator: 0-d, in nats, at least 0."""
    ### BEGIN SOLUTION
    return -gan_value(real_logits, fake_logits)
    ### END SOLUTION


# %%
discriminator_loss = check("discriminator_loss", discriminator_loss)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Does a network find $D^*$?
#
# It sees samples only. Nobody tells it $p$ or $q$.

# %% slideshow={"slide_type": "fragment"}
network = MLPDiscriminator(data_dim=1, hidden_dim=64)
of_network = adversarial.adam(network, lr=3e-3, betas=(0.9, 0.999))
for _ in range(300):
    real, fake = draw_humps(256), torch.randn(256, 1, generator=generator)
    loss = discriminator_loss(network(real), network(fake))
    of_network.zero_grad()
    loss.backward()
    of_network.step()

with torch.no_grad():
    found = network(GRID.float()[:, None]).sigmoid().double()

# %% slideshow={"slide_type": "subslide"}
figure, axes = new_figure(figsize=(10, 3.4))
seen = 0.5 * (p + q)
axes.fill_between(
    GRID[on_screen], seen[on_screen], color=COLOURS["neutral"], alpha=0.5, label="mixture (p + q) / 2"
)
axes.plot(GRID[on_screen], star[on_screen], color=COLOURS["truth"], label="D* = p / (p + q)")
axes.plot(GRID[on_screen], found[on_screen], "--", color=COLOURS["posterior"], label="network, from samples")
axes.set(title="Trained on samples, a network finds the ratio of two densities", xlabel="x", ylabel="D(x)")
axes.set(ylim=(0, 1.05), xlim=(-4, 4))
axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
show(
    figure,
    alt="The best discriminator from the densities and the one trained on samples lie nearly on each other "
    "wherever the "
    "mixture of data and generator, a shaded area, has mass.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
gap = torch.trapezoid(seen * (found - star).abs(), GRID)
print("mean distance from D*, over the points that are seen, below 0.06:", bool(gap < 0.06))
shortfall = highest - value_on_grid(found, p, q, GRID)
print("its value is below V(D*), by less than 0.05 nats:", bool(0 < shortfall < 0.05))

# %% [markdown]
# This is worth more than a GAN: a classifier between two sets of samples estimates $\log p / q$, its logit. Lecture 12
# will train a VAE with it whose posterior has no density.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Where do you trust the dashed line, and where not?" (Only where there are samples of either kind. Beyond +-4
# it says whatever the network extrapolates; a generator may wander there.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 · The generator's turn, and a gradient that vanishes
#
# Let the data be $N(0, 1)$ and the generator a shifted copy, $x = z + b$. The best discriminator's logit is a straight
# line: $l^*(x) = \log p - \log q = -b x + \frac12 b^2$.
#
# The generator minimises $E[\log(1 - D(x))]$. With $\frac{d}{dl} \log(1 - \operatorname{sigmoid}(l)) = -D$ and
# $l' = -b$,
#
# $$\frac{d}{db} = E_q\big[-D \cdot (-b)\big] = b \, E_q[D] .$$
#
# Far away, $E_q[D]$ falls like $e^{-b^2/8}$: the better the discriminator sees through the fakes, the *less* it tells
# the generator.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
data = normal_density(0.0)
for b in (0.5, 1.0, 2.0, 4.0, 6.0):
    shifted = normal_density(b)
    slope = b * torch.trapezoid(shifted * optimal_discriminator(data, shifted), GRID)
    h = 1e-4
    ends = [jensen_shannon(data, normal_density(b + s * h), GRID) for s in (-1, 1)]
    print(f"b = {b}: b E[D] = {slope:.5f}, derivative of 2 JSD = {(ends[1] - ends[0]) / h:.5f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# It is the derivative of the divergence itself, as it must be. The Jensen-Shannon divergence is flat at $\log 2$ once
# the two are apart: "no overlap" looks the same from near and far.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A loss that does not saturate
#
# Goodfellow's way out keeps the game's fixed point and changes its slope. Instead of making $\log(1 - D)$ small, make
# $\log D$ large:
#
# | the generator minimises | gradient with respect to the logit | where $D \to 0$ |
# |---|---|---|
# | $E[\log(1 - D)]$, saturating | $-D$ | none |
# | $-E[\log D]$, non-saturating | $-(1 - D)$ | full strength |
#
# <details>
# <summary>The two derivatives</summary>
#
# $\log D = -\log(1 + e^{-l})$ has the derivative $\frac{e^{-l}}{1 + e^{-l}} = 1 - D$, and
# $\log(1 - D) = -\log(1 + e^{l})$ has $-\frac{e^l}{1 + e^l} = -D$.
#
# </details>

# %% [markdown] exercise="generator_loss"
# Write `generator_loss(fake_logits, saturating=False)`: what the generator **minimises**, from the discriminator's
# logits of its samples.
#
# * By default the non-saturating loss: minus the mean of $\log D$.
# * With `saturating=True` the game's own: plus the mean of $\log(1 - D)$.
# * `(B,)` or `(B, 1)` logits up to 300, float32 or float64; a 0-d tensor with gradients.
#
# For example: at logit 0 the two are $\log 2$ and $-\log 2$.


# %%
def generator_loss(fake_logits: Tensor, saturating: bool = False) -> Tensor:
    """Loss of the generator: 0-d, in nats."""
    ### BEGIN SOLUTION
    if saturating:
        return F.logsigmoid(-fake_logits).mean()
    return -F.logsigmoid(fake_logits).mean()
    ### END SOLUTION


# %%
generator_loss = check("generator_loss", generator_loss)

# %% slideshow={"slide_type": "subslide"}
shifts = torch.linspace(0.2, 8, 40)
noise = torch.randn(20_000, generator=generator)
measured = {"saturating": [], "non-saturating": []}
for b in shifts:
    for name in measured:
        leaf = b.clone().requires_grad_()
        logits = -b * (noise + leaf) + 0.5 * b**2  # D* does not move while the generator does
        measured[name].append(torch.autograd.grad(generator_loss(logits, name == "saturating"), leaf)[0])

figure = curves(
    measured,
    x=shifts,
    title="Far from the data one loss pulls harder, the other lets go",
    xlabel="distance b between generator and data",
    ylabel="gradient towards the data",
    colours={"saturating": COLOURS["baseline"], "non-saturating": COLOURS["fake"]},
    log_y=True,
)
show(
    figure,
    alt="Gradient against the distance of the generator from the data, on a logarithmic scale. The "
    "non-saturating one "
    "rises steadily to 8. The saturating one rises to about 0.5 near distance 2 and then falls off ever faster, "
    "below "
    "a thousandth at distance 8.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
far, near = measured["saturating"][-1], measured["saturating"][int((shifts - 2).abs().argmin())]
print("saturating: at b = 8 the gradient is less than a hundredth of that at b = 2:", bool(far < near / 100))
print(
    f"non-saturating, at b = 8: {measured['non-saturating'][-1]:.2f}, and b E[1 - D] = 8 (1 - 0.00005) = 8.00"
)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Early in training, which side of this figure are we on?" (The right: fakes are noise, and any discriminator
# sees it.) "So why does anybody write down the minimax loss?" (Because it is what can be analysed. The non-saturating
# game has the same fixed point, and no divergence that it minimises on the way.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 · Taking turns
#
# Neither player waits until the other is done. The discriminator takes a step on a fresh batch, then the generator
# takes one, and so on. What makes this error-prone is that both losses go through *both* networks:
#
# * in the discriminator's step, gradients must **stop** at the fakes, or they pile up in the generator,
# * in the generator's step they must pass **through** the discriminator, and leave nothing there.

# %% [markdown] exercise="discriminator_step"
# Write `discriminator_step(discriminator, generator, optimizer, real, z)`: make fakes from `z`, and move the
# discriminator **one** step of `optimizer`, which holds its parameters, down `discriminator_loss`. Return the loss from
# before the step (a 0-d tensor or a float).
#
# * `discriminator(x)` gives logits, `generator(z)` samples; `real` and `z` have the same number of rows.
# * The generator's parameters, their gradients (there may be some from before: not even set to zero), their
#   `requires_grad` and its mode (train or eval) are afterwards as you found them.
# * The discriminator may have gradients from before, too. They must not count.
# * Use the `z` that is given, all of it, and leave `real` and `z` as they are.


# %%
def discriminator_step(
    discriminator: nn.Module, generator: nn.Module, optimizer: torch.optim.Optimizer, real: Tensor, z: Tensor
) -> Tensor:
    """One step of the discriminator; returns its loss before the step."""
    ### BEGIN SOLUTION
    made_up = generator(z).detach()
    loss_now = discriminator_loss(discriminator(real), discriminator(made_up))
    optimizer.zero_grad()
    loss_now.backward()
    optimizer.step()
    return loss_now.detach()
    ### END SOLUTION


# %%
discriminator_step = check("discriminator_step", discriminator_step)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The generator's step is the mirror image. `frozen` switches off `requires_grad` of the discriminator's parameters for
# a moment: gradients run through its layers and collect nowhere. The whole game then fits into one short loop.


# %% slideshow={"slide_type": "fragment"}
def play(maker, judge, draw, *, steps, lr_judge, lr_maker, batch=128, look=lambda step: None):
    """Alternate; returns both losses, (steps, 2). ``look(step)`` is called after each step."""
    of_judge, of_maker = adversarial.adam(judge, lr=lr_judge), adversarial.adam(maker, lr=lr_maker)
    losses = []
    for step in range(1, steps + 1):
        z, other_z = torch.randn(2, batch, maker.latent_dim, generator=generator)
        judge_loss = discriminator_step(judge, maker, of_judge, draw(batch), z)
        with frozen(judge):
            maker_loss = generator_loss(judge(maker(other_z)))
            of_maker.zero_grad()
            maker_loss.backward()
        of_maker.step()
        losses.append(torch.stack([torch.as_tensor(judge_loss), maker_loss.detach()]))
        look(step)
    return torch.stack(losses)


# %% slideshow={"slide_type": "subslide"}
maker, judge = (
    MLPGenerator(latent_dim=1, data_dim=1, hidden_dim=32),
    MLPDiscriminator(data_dim=1, hidden_dim=32),
)
z_line = torch.randn(4000, 1, generator=generator)
shots = {}


def photograph(step: int) -> None:
    if step in (1, 60, 600):
        with torch.no_grad():
            shots[step] = maker(z_line)[:, 0], judge(GRID.float()[on_screen, None]).sigmoid()


line_losses = play(maker, judge, draw_humps, steps=600, lr_judge=2e-3, lr_maker=1e-3, look=photograph)

# %% slideshow={"slide_type": "subslide"}
figure, panels = new_figure(1, 3, figsize=(11, 3.6), sharey=True)
bins = torch.linspace(-4, 4, 65).numpy()
for axes, (step, (samples, seen_as_real)) in zip(panels, shots.items(), strict=True):
    axes.hist(samples.numpy(), bins, density=True, color=COLOURS["fake"], alpha=0.5, label="samples")
    axes.plot(GRID[on_screen], p[on_screen], color=COLOURS["real"], label="data")
    axes.plot(GRID[on_screen], seen_as_real, "--", color=COLOURS["truth"], label="D(x)")
    axes.axhline(0.5, color=COLOURS["neutral"], linestyle=":")
    axes.text(0, 1.26, f"after step {step}", ha="center", fontsize=14)
    axes.set(xlabel="x", ylim=(0, 1.4), xlim=(-4, 4))
panels[0].set_ylabel("density, or probability")
panels[0].legend(loc="upper left", bbox_to_anchor=(0, 0.9))
figure.suptitle("The samples split into two humps, and the discriminator ends near one half")
show(
    figure,
    alt="Three panels after 1, 60 and 600 steps: a histogram of samples, the density of the data and the "
    "discriminator. "
    "At first all samples lie in a narrow pile, later they are on the move, and at the end there is a pile under "
    "either hump and the discriminator is close to one half across both.",
)

# %% slideshow={"slide_type": "subslide"}
in_steps = line_losses.view(-1, 20, 2).mean(1)
figure = curves(
    {"discriminator": in_steps[:, 0], "generator": in_steps[:, 1]},
    x=torch.arange(20, 601, 20),
    title="When nobody can tell, the losses stand at log 4 and log 2",
    xlabel="step (means over 20)",
    ylabel="loss in nats",
    colours={"discriminator": COLOURS["truth"], "generator": COLOURS["fake"]},
)
for level, name in ((math.log(4), "log 4"), (math.log(2), "log 2")):
    figure.axes[0].axhline(level, color=COLOURS["baseline"], linestyle=":")
    figure.axes[0].text(320, level - 0.06, name, color=COLOURS["baseline"])
show(
    figure,
    alt="Losses of both players against the step: after early swings the discriminator's settles at log 4, 1.39 "
    "nats, and "
    "the generator's at log 2, 0.69 nats.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
end = line_losses[-200:].mean(0)
print("discriminator's loss within 0.1 of log 4 at the end:", bool((end[0] - math.log(4)).abs() < 0.1))
share_left = (shots[600][0] < 0).float().mean()
print("share of samples left of 0 within 0.15 of the data's 0.6:", bool((share_left - 0.6).abs() < 0.15))

# %% [markdown]
# Notice what the curves do **not** say. A loss that stands still is an equilibrium, not a success: it would look the
# same if both players were equally bad. So look at the samples, and measure *them*.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 · Eight modes, and a generator that likes one
#
# Eight small Gaussians on a ring: the standard test of whether a generator reaches *all* of the data.

# %% [markdown] exercise="count_modes"
# Write `count_modes(samples, centres, radius, min_count)`: how many of the `centres` are reached. A centre counts
# when **at least** `min_count` samples lie within the Euclidean distance `radius` of it; a sample within reach of two
# centres counts for both.
#
# `samples` is `(n, dim)`, `centres` `(n_modes, dim)`. Return an `int`; leave the arguments as they are.


# %%
def count_modes(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> int:
    """How many modes have min_count samples or more within the radius."""
    ### BEGIN SOLUTION
    within_reach = torch.cdist(samples, centres) <= radius
    return int((within_reach.sum(0) >= min_count).sum())
    ### END SOLUTION


# %%
count_modes = check("count_modes", count_modes)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
centres = toy2d_centres("ring")


def found_modes(samples: Tensor) -> int:
    """Modes with one sample in a hundred, or more, within three standard deviations."""
    return count_modes(samples, centres, 0.3, len(samples) // 100)


ring = toy2d("ring", 2000, generator=generator)
print("modes in the data:", found_modes(ring), "| in its left half:", found_modes(ring[ring[:, 0] < -0.5]))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A generator that is too quick
#
# Now let the generator learn twice as fast as the discriminator: learning rates 0.002 and 0.001.

# %% slideshow={"slide_type": "fragment"}
maker, judge = MLPGenerator(latent_dim=2, hidden_dim=32), MLPDiscriminator(hidden_dim=32)
z_ring = torch.randn(1000, 2, generator=generator)
chase = {}


def look_at_ring(step: int) -> None:
    if step in (300, 400, 500, 600):
        with torch.no_grad():
            chase[step] = maker(z_ring)


ring_losses = play(
    maker, judge, lambda n: toy2d("ring", n, generator=generator), steps=600, batch=64,
    lr_judge=1e-3, lr_maker=2e-3, look=look_at_ring,
)  # fmt: skip

# %% slideshow={"slide_type": "subslide"}
figure, panels = new_figure(1, 4, figsize=(11, 3.2), sharey=True)
for axes, (step, samples) in zip(panels, chase.items(), strict=True):
    axes.scatter(*ring[:400].T, s=8, color=COLOURS["real"], label="data")
    axes.scatter(*samples[:300].T, s=12, color=COLOURS["fake"], marker="x", linewidths=1, label="samples")
    axes.set(xlim=(-3.9, 3.9), ylim=(-3.9, 3.9), aspect="equal", xlabel="$x_1$")
    axes.set_title(f"step {step}: {found_modes(samples)} of 8", fontsize=13)
panels[0].set_ylabel("$x_2$")
panels[0].legend(loc="center", handletextpad=0.1, fontsize=11)
figure.suptitle("A quick generator chases after single modes: collapse")
show(
    figure,
    alt="Four panels, 100 steps apart, of eight blue clusters on a ring and red samples. The samples are a "
    "short smear "
    "that covers few of the clusters or none, and lies elsewhere in each panel.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# This is **mode collapse**, and how it comes about can be read off the game. For a discriminator that stands still,
# the generator's best answer is to put *all* samples at its highest point: $\min_G$ inside, $\max_D$ outside. Nothing
# in the loss of one sample says "somebody else is here already". Then the discriminator learns that this place is all
# fake, and the generator moves on to the next.

# %% slideshow={"slide_type": "fragment"}
late = ring_losses[-200:].mean(0)
print(f"modes reached at the end: {found_modes(chase[600])} of 8")
print(
    f"mean losses of the last 200 steps: {late[0]:.2f} and {late[1]:.2f} nats; nobody can tell: 1.39 and 0.69"
)

# %% [markdown]
# And the losses? They look like those of the good game of section 4.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Play it
#
# Both games were played beforehand. Play, pause, or go step by step; watch the grey spot follow the samples around.
# Then choose the game in which the *discriminator* moves faster.

# %% slideshow={"slide_type": "subslide"}
toy_game_player()

# %% [markdown] slideshow={"slide_type": "notes"}
# Let the class predict where the samples will go from the background alone (to the whitest place). Step with the
# button. *Ask:* "From the loss curves only: which of the two games went well?" (One cannot tell. The curves of the
# collapsed one even stand nearer to log 4.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 · Tricks, each measured
#
# Three of the usual tricks. The first two make the discriminator milder, the third makes it faster.
#
# **One-sided label smoothing.** Real points are to be called real with probability $t = 0.9$ only. Then $t\, p \log D +
# ((1 - t)\, p + q) \log(1 - D)$ is maximised, and
#
# $$D^*_t = \frac{t\, p}{p + q}, \quad\text{never above } t: \text{ no logit wants to grow without end.}$$

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
leaf = torch.zeros_like(
    GRID, requires_grad=True
)  # a logit for each point of the line, moved by Newton's method
for _ in range(30):
    d = leaf.sigmoid()
    slope = SMOOTH * p * (1 - d) - ((1 - SMOOTH) * p + q) * d
    leaf = leaf + slope / ((p + q) * d * (1 - d)).clamp_min(1e-300)
inside = GRID.abs() < 3
off = (leaf.sigmoid() - SMOOTH * optimal_discriminator(p, q))[inside].abs().max()
print("the maximiser is 0.9 p / (p + q), to within 1e-9:", bool(off < 1e-9))

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Spectral normalisation.** Every weight matrix of the discriminator is divided by its largest singular value. No
# layer can stretch a distance any more, so the whole has a slope of at most 1: no cliffs.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
smooth = MLPDiscriminator(hidden_dim=32, spectral=True)
for _ in range(200):  # one power iteration for each call
    smooth(torch.zeros(1, 2))
smooth.eval()
largest = [torch.linalg.matrix_norm(m.weight, 2).item() for m in smooth.net if isinstance(m, nn.Linear)]
x = (3 * torch.randn(2000, 2, generator=generator)).requires_grad_()
steepest = torch.autograd.grad(smooth(x).sum(), x)[0].norm(dim=1).max()
print("largest singular value of each layer:", [round(value, 2) for value in largest])
print("steepest slope among 2,000 points is at most 1:", bool(steepest <= 1.001))

# %% [markdown] slideshow={"slide_type": "fragment"}
# **Two time scales.** Each player has a learning rate of its own, and the discriminator's is the larger: it should be
# near its best answer when the generator asks.

# %% [markdown] slideshow={"slide_type": "subslide"}
# One game proves nothing: the next seed may be luckier. So `play_games` plays many small ones at once, each with rules,
# weights, data and noise of its own: six for each trick.

# %% slideshow={"slide_type": "fragment"}
quick = {"lr_generator": 2e-3, "lr_discriminator": 1e-3}
tricks = {
    "plain": Rules(**quick),
    "label smoothing": Rules(**quick, label=SMOOTH),
    "spectral norm": Rules(**quick, spectral=True),
    "two time scales": Rules(lr_generator=2e-3, lr_discriminator=4e-3),
}
sample_all = play_games(
    [rules for rules in tricks.values() for _ in range(N_SEEDS)],
    lambda n: toy2d("ring", n, generator=generator),
    steps=N_STEPS_RING, hidden_dim=32, generator=generator,
)  # fmt: skip
clouds = sample_all(2000).view(len(tricks), N_SEEDS, 2000, 2)
modes = torch.tensor([[found_modes(cloud) for cloud in row] for row in clouds], dtype=torch.float64)
good = torch.tensor([[high_quality_share(cloud, centres, 0.3) for cloud in row] for row in clouds])

# %% slideshow={"slide_type": "subslide"}
figure, panels = new_figure(1, 2, figsize=(11, 3.8))
units = (("modes reached, of 8", modes, 8.0), ("share of samples near a mode", good, 1.0))
for axes, (label, values, top) in zip(panels, units, strict=True):
    for k, row in enumerate(values):
        colour = COLOURS["fake"] if k else COLOURS["baseline"]
        error = row.std() / math.sqrt(N_SEEDS)
        axes.barh(k, row.mean(), height=0.55, color=colour, alpha=0.45)
        axes.errorbar(row.mean(), k, xerr=error, color=COLOURS["truth"], capsize=5)
        axes.plot(row, k + torch.linspace(-0.16, 0.16, N_SEEDS), "o", color=colour, markersize=5)
    axes.set(xlabel=label, xlim=(0, 1.05 * top), yticks=range(len(tricks)))
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
panels[0].set_yticklabels(tricks)
panels[1].set_yticklabels([])
figure.suptitle("Against a quick generator, a quick discriminator helps, a milder one does not")
show(
    figure,
    alt="Two bar charts with a dot for each of six seeds and bars of one standard error. Modes reached: about "
    "one or two "
    "of 8 for the plain game, label smoothing and spectral norm, and nearly all 8 with two time scales. Share "
    "of samples "
    "near a mode: about a tenth for the first three, more than a half for two time scales.",
)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
average = dict(zip(tricks, modes.mean(1).tolist(), strict=True))
print("two time scales reach 6 modes or more on average:", average["two time scales"] >= 6)
others = [average[name] for name in tricks if name != "two time scales"]
print(
    "each of the other three reaches at least one mode less:", max(others) <= average["two time scales"] - 1
)
shares = good.mean(1)
print("and has less than two thirds of its share near a mode:", bool((shares[:3] < shares[3] / 1.5).all()))

# %% [markdown]
# This is no verdict on smoothing and spectral norm. They are cures for a discriminator that is *too sure*, and here it
# is too slow: medicine for another illness. **Find out which player is ahead before you choose a trick.** With a
# learning rate of 0.002 for both, most plain games on this ring find most modes, too. Change `quick` and see.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Why does a faster discriminator help?" (The generator's gradient is that of a divergence only at D*. A slow
# discriminator is an old map: all samples run to the same place that was good a while ago.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 · What makes training fail, and what to call it
#
# | failure | what one sees | what to try |
# |---|---|---|
# | **mode collapse** | samples alike, or data missing | a faster discriminator, a penalty on its slope |
# | **the discriminator has won** | its loss near 0, the other's grows | non-saturating loss, smoothing, spectral norm |
# | **divergence** | a loss that is no number | smaller learning rates; logits, never probabilities |
# | **circling** | losses and samples that swing without end | smaller rates, less momentum, average of the weights |
#
# None of the first three should ever be silently plotted, so `fit_adversarial` looks at the samples while it trains,
# and says so. Here is a game that is lost on purpose: a quick discriminator against a generator with the saturating
# loss and next to no learning rate.

# %% slideshow={"slide_type": "subslide"}
maker, judge = MLPGenerator(latent_dim=2, hidden_dim=32), MLPDiscriminator(hidden_dim=32)
of_judge, of_maker = adversarial.adam(judge, lr=2e-2), adversarial.adam(maker, lr=1e-5)


def noise_for(batch: Tensor, dim: int = 2) -> Tensor:
    return torch.randn(len(batch), dim, generator=generator)


# %% slideshow={"slide_type": "subslide"}
lost = fit_adversarial(
    lambda x: discriminator_step(judge, maker, of_judge, x, noise_for(x)),
    lambda x: generator_step(maker, judge, of_maker, noise_for(x), saturating=True),
    (ring,),
    steps=200,
    sample=lambda n: maker(torch.randn(n, 2, generator=generator)),
    generator=generator,
    label="a game lost on purpose",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
for sentence in lost.failures:
    print("named:", sentence.split(":")[0])

# %% [markdown]
# The samples stayed where the untrained generator had put them, and the discriminator tells them all from the data.
# Which of the two faults was it? At a rate of 0.0005 this generator does move, saturating loss or not: Adam divides
# every gradient by its usual size, so a small one still makes steps, if not always good ones. Try it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8 · Images
#
# Now the real thing. The generator starts from noise and doubles twice, 7 to 14 to 28, by transposed convolutions; the
# discriminator halves twice. Apart from the networks, not a line of the game changes.
#
# But who is ahead? Fake strokes are easily told from real ones: here it is the *discriminator*. So this time the
# generator gets the larger learning rate, 0.004 against 0.002.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
maker, judge = ConvGenerator(LATENT_DIM), ConvDiscriminator()
with torch.no_grad():
    first_images = maker(torch.randn(5, LATENT_DIM, generator=generator))
    print("images:", tuple(first_images.shape), "| logits:", tuple(judge(first_images).shape))
print("pixels lie in [0, 1]:", bool(first_images.min() >= 0 and first_images.max() <= 1))
n_maker, n_judge = (sum(w.numel() for w in net.parameters()) for net in (maker, judge))
print(f"parameters: {n_maker:,} and {n_judge:,}")

# %% slideshow={"slide_type": "subslide"}
data = load()


def plenty(images: Tensor, n: int) -> Tensor:
    """The first n images; of a small data set, n that are shifted, turned and scaled a little."""
    return images[:n] if len(images) >= n else augment(images, n, generator=generator)[0]


images = plenty(data.train_images, N_IMAGES)
of_judge, of_maker = adversarial.adam(judge, lr=2e-3), adversarial.adam(maker, lr=4e-3)
image_game = fit_adversarial(
    lambda x: discriminator_step(judge, maker, of_judge, x, noise_for(x, LATENT_DIM)),
    lambda x: generator_step(maker, judge, of_maker, noise_for(x, LATENT_DIM)),
    (images,),
    steps=300,
    batch_size=32,
    record_every=20,
    generator=generator,
    label="images",
)

# %% slideshow={"slide_type": "subslide"}
maker.eval()  # batch normalisation uses its running means from here on
with torch.no_grad():
    game_samples = maker(torch.randn(N_JUDGED, LATENT_DIM, generator=generator))
figure = image_grid(
    torch.cat([images[:12], game_samples[:24]]),
    n_columns=12,
    row_labels=["data", "samples", "samples"],
    title="After 300 steps: strokes as sharp as the data's, some digits, some scrawls",
)
show(
    figure,
    alt="A row of twelve images from the data above two rows of twelve samples. The samples have the sharp "
    "white strokes "
    "of the data; some are clear digits, many are strokes that do not belong together.",
)

# %% slideshow={"slide_type": "subslide"}
figure = curves(
    {name: image_game.column(name) for name in ("discriminator", "generator")},
    x=image_game.column("step"),
    title="The curves tell who is ahead, not how good the images are",
    xlabel="step (means over 20)",
    ylabel="loss in nats",
    colours={"discriminator": COLOURS["truth"], "generator": COLOURS["fake"]},
)
figure.axes[0].axhline(math.log(4), color=COLOURS["baseline"], linestyle=":")
figure.axes[0].text(20, math.log(4) + 0.03, "log 4", color=COLOURS["baseline"])
show(
    figure,
    alt="Losses of both players against the step, with a dotted line at log 4. The discriminator is ahead at "
    "first, with a "
    "loss well below log 4, and the generator catches up.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Why does nothing in this loss forbid half a three?" (Each image is judged alone, by a network of three layers
# that sees patches.) "And what would a VAE with the same budget have made?" Keep it for section 11.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9 · A distance that knows near from far
#
# The trouble of section 3 was the divergence itself. Here is another way to compare: how far must mass be **carried**
# to turn one distribution into the other? On a line this *Wasserstein distance* is the area between the two
# distribution functions,
#
# $$W_1(p, q) = \int |F_p(x) - F_q(x)|\, dx , \qquad\text{for a shift by } b: \quad W_1 = |b| .$$

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
standard = normal_density(0.0)
distances = {"JSD": [], "W1": []}
for b in torch.linspace(0, 8, 33):
    distances["JSD"].append(jensen_shannon(standard, normal_density(b.item()), GRID))
    distances["W1"].append(wasserstein_on_grid(standard, normal_density(b.item()), GRID))
for k in (4, 16, 32):
    print(
        f"b = {k / 4:.0f}: W1 = {distances['W1'][k]:.3f}, JSD = {distances['JSD'][k]:.3f}, log 2 = {math.log(2):.3f}"
    )

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A critic
#
# In higher dimensions nobody can carry mass. But there is a second way to see it (Kantorovich and Rubinstein):
#
# $$W_1(p, q) = \max_{f:\ \text{slope} \le 1}\; E_p[f(x)] - E_q[f(x)] .$$
#
# That is a game again! A **critic** $f$ scores, without any sigmoid, real examples high and fakes low; the generator
# raises the scores of its samples:
#
# $$L_C = E_q[f] - E_p[f], \qquad L_G = -E_q[f] .$$
#
# Mind the signs: the critic's loss is *minus* the distance. A published training curve that falls to large negative
# numbers is a critic that gets better, not a generator.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
b = 3.0
for name, scores in {"f(x) = -x": -GRID, "f(x) = sin x": GRID.sin(), "f(x) = |x|": GRID.abs()}.items():
    bound = torch.trapezoid((standard - normal_density(b)) * scores, GRID)
    print(f"{name}: E_p[f] - E_q[f] = {bound:.3f}, not above W1 = {b}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### How to keep the slope at 1
#
# At the best critic, the slope *is* 1 along the ways on which mass is carried. So ask for that, at random points
# between a real and a fake example:
#
# $$\text{penalty} = E\Big[\big(\lVert \nabla_{\hat x} f(\hat x) \rVert - 1\big)^2\Big], \qquad
# \hat x = u\, x_{\text{real}} + (1 - u)\, x_{\text{fake}}, \quad u \sim U(0, 1) .$$
#
# A gradient inside the loss must itself be differentiated, or the critic learns nothing from it.

# %% [markdown] exercise="gradient_penalty"
# Write `gradient_penalty(critic, real, fake, generator)`: this penalty, a 0-d tensor without a weight.
#
# * `critic(x)` gives scores `(B,)` or `(B, 1)`, and scores each example by itself. `real` and `fake` have one shape,
#   `(B, D)` or images `(B, C, H, W)`, float32 or float64; they stay as they are.
# * One $u$ for **each example**, uniform in [0, 1], the same for all its entries; drawn from `generator`, the only
#   source of randomness.
# * Two-sided: slopes below 1 cost as much as slopes above. The norm is over all entries of an example, then the mean
#   over the batch.
# * Gradients of the penalty must reach the critic's parameters. Yet calling your function leaves nothing in their
#   `.grad`, which is the optimizer's, and `real` and `fake` require no gradients afterwards.
#
# Your answer is called several times, and judged at the points at which it asks the critic.


# %%
def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, generator: Generator) -> Tensor:
    """Mean of (slope - 1)^2 at random points between real and fake: 0-d."""
    ### BEGIN SOLUTION
    u = torch.rand(len(real), generator=generator, dtype=real.dtype).view(-1, *[1] * (real.dim() - 1))
    between = (u * real + (1 - u) * fake).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (slopes.flatten(1).norm(dim=1) - 1).square().mean()
    ### END SOLUTION


# %%
gradient_penalty = check("gradient_penalty", gradient_penalty)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What the critic then measures
#
# The penalty is soft: it is added to the critic's loss with a weight $\lambda$, commonly 10. On two clouds a distance
# $W$ apart, a critic of slope $s$ along the way has the loss $-sW + \lambda (s - 1)^2$, which is smallest at
#
# $$s = 1 + \frac{W}{2\lambda}, \qquad\text{so it reports } W + \frac{W^2}{2\lambda} .$$


# %% slideshow={"slide_type": "fragment"}
def train_critic(critic, of_critic, real, fake, weight=10.0):
    """One step of the critic."""
    loss = critic_loss(critic(real), critic(fake)) + weight * gradient_penalty(critic, real, fake, generator)
    of_critic.zero_grad()
    loss.backward()
    of_critic.step()


def plane(n: int, shift: float = 0.0) -> Tensor:
    return torch.randn(n, 2, generator=generator) + torch.tensor([shift, 0.0])


reported = {}
for shift in (1.0, 2.0, 4.0, 6.0):
    critic = MLPDiscriminator(hidden_dim=32)
    of_critic = adversarial.adam(critic, lr=5e-3)
    for _ in range(150):
        train_critic(critic, of_critic, plane(64), plane(64, shift))
    with torch.no_grad():
        reported[shift] = -critic_loss(critic(plane(4000)), critic(plane(4000, shift))).item()

# %% slideshow={"slide_type": "subslide"}
figure, axes = new_figure(figsize=(10, 3.8))
b = torch.linspace(0, 8, 33)
axes.plot(b, distances["W1"], color=COLOURS["truth"], label="$W_1$, exact")
axes.plot(
    b, b + b**2 / 20, "--", color=COLOURS["posterior"], label="$W + W^2 / 2\\lambda$: a soft penalty's report"
)
axes.plot(list(reported), list(reported.values()), "o", color=COLOURS["posterior"], label="trained critics")
axes.plot(b, distances["JSD"], "-.", color=COLOURS["baseline"], label="Jensen-Shannon divergence")
axes.set(title="The Wasserstein distance grows with the distance, the divergence stands still")
axes.set(xlabel="shift b", ylabel="distance, or nats", xlim=(0, 8))
axes.legend(loc="upper left")
show(
    figure,
    alt="Against the shift b: the exact Wasserstein distance is the diagonal; the reports of four trained "
    "critics lie on a "
    "slightly steeper, bent curve, W + W squared over 20. The Jensen-Shannon divergence has nearly reached "
    "log 2 at b = 4 and is flat from there on.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
for shift, value in reported.items():
    print(f"b = {shift:.0f}: within 15 % of W + W^2 / 20 = {shift + shift**2 / 20:.2f}:",
          abs(value / (shift + shift**2 / 20) - 1) < 0.15)  # fmt: skip

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Three generators on their way
#
# A generator $x = z + b$ in the plane starts at distance 6. Only $b$ is learned, by plain gradient descent; the
# discriminator, or critic, takes three steps for each of its own.


# %% slideshow={"slide_type": "fragment"}
def train_either(kind, judge, of_judge, real, fake):
    """One step of the critic, or of the discriminator."""
    if kind == "Wasserstein":
        return train_critic(judge, of_judge, real, fake)
    loss = discriminator_loss(judge(real), judge(fake))
    of_judge.zero_grad()
    loss.backward()
    of_judge.step()


# %% slideshow={"slide_type": "subslide"}
def walk(kind: str, steps: int = 90) -> list[float]:
    """Distance of the generator from the data, step by step."""
    b, way = torch.tensor([6.0, 0.0], requires_grad=True), []
    judge = MLPDiscriminator(hidden_dim=32)
    of_judge = adversarial.adam(judge, lr=5e-3)
    for step in range(steps):
        for _ in range(3 if step else 100):
            train_either(kind, judge, of_judge, plane(64), plane(64) + b.detach())
        scores = judge(plane(64) + b)
        loss = critic_generator_loss(scores)
        if kind != "Wasserstein":
            loss = generator_loss(scores, kind == "saturating")
        (slope,) = torch.autograd.grad(loss, b)
        way.append(b.detach().norm().item())
        b = (b.detach() - 0.1 * slope).requires_grad_()
    return way


ways = {kind: walk(kind) for kind in ("saturating", "non-saturating", "Wasserstein")}

# %% slideshow={"slide_type": "subslide"}
figure = curves(
    ways,
    title="The critic pulls evenly from any distance, and never quite comes to rest",
    xlabel="step of the generator",
    ylabel="distance from the data",
    colours={
        "saturating": COLOURS["baseline"],
        "non-saturating": COLOURS["fake"],
        "Wasserstein": COLOURS["posterior"],
    },
)
show(
    figure,
    alt="Distance from the data against the generator's steps. The saturating game stays at 6. The "
    "non-saturating one "
    "starts fast and slows down towards 0. Against the critic the distance falls in a straight line to about 0, "
    "and then "
    "swings between 0 and 1.",
)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
print("after 90 steps the saturating game is still farther away than 5:", ways["saturating"][-1] > 5)
print("the non-saturating one is closer than 0.5:", ways["non-saturating"][-1] < 0.5)
speeds = [(ways["Wasserstein"][k] - ways["Wasserstein"][k + 15]) / 1.5 for k in (0, 15)]
print(
    "the critic's pull is between 1 and 1.5 on either half of the first 30 steps:",
    all(1 < s < 1.5 for s in speeds),
)

# %% [markdown]
# A slope of 1 does not shrink near the goal, so the generator overshoots: smaller steps at the end help. Images are
# trained with $\lambda = 10$ and five steps of the critic for each of the generator's; the penalty costs a second
# backward pass. What it buys is a curve that means something: minus the critic's loss falls as the samples get better.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Why no batch normalisation in a critic?" (The score of one example would depend on the others; the penalty
# differentiates each score with respect to its own example.) "A student's penalty is always 1. What did they forget?"
# (Nothing flows to x: a detach in the wrong place, or a critic that is constant.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 10 · How good are samples?
#
# A GAN has no likelihood to report. Pixels are of no use either: a shifted digit is far from itself. So compare the two
# clouds, real and generated, in the **feature space** of a small classifier of our own images (the habit is to take one
# trained on photographs; ours has 64 features and is trained here in seconds).
#
# **Frechet distance**: fit a Gaussian to each cloud of features, and compare those:
#
# $$d^2 = \lVert \mu_a - \mu_b \rVert^2 + \operatorname{tr}\big(\Sigma_a + \Sigma_b
# - 2 (\Sigma_a^{1/2} \Sigma_b \Sigma_a^{1/2})^{1/2}\big) .$$
#
# In one dimension this is $(\mu_a - \mu_b)^2 + (\sigma_a - \sigma_b)^2$:

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
cloud = torch.randn(500, 1, generator=generator, dtype=torch.float64)
a, b = (cloud - cloud.mean()) / cloud.std(), 3 + 2 * (cloud - cloud.mean()) / cloud.std()
print(f"N(0, 1) and N(3, 2^2): {frechet_distance(a, b):.4f}, by the formula 3^2 + (2 - 1)^2 = 10")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Two numbers instead of one
#
# **Precision**: which share of the samples lies inside the region of the data (within the distance of some real
# example's third nearest neighbour)? **Recall**: which share of the data lies inside the region of the samples? Before
# we trust any of it, we damage real images on purpose:

# %% slideshow={"slide_type": "fragment"}
net = feature_net(data)
judged, again = plenty(data.test_images, 2 * N_JUDGED).split(N_JUDGED)
real_features = net(judged)
labels = net.logits(again).argmax(1)


def three_numbers(samples: Tensor) -> tuple[float, float, float]:
    """Frechet distance, precision and recall against the data."""
    features = net(samples)
    return frechet_distance(real_features, features), *precision_recall(real_features, features)


noisy = (again + 0.25 * torch.randn(again.shape, generator=generator)).clamp(0, 1)
half_the_classes = again[labels < 5]
few = again[:20].repeat(N_JUDGED // 20, 1, 1, 1)  # twenty images, over and over
scores = {
    "other real images": three_numbers(again),
    "with noise": three_numbers(noisy),
    "five classes only": three_numbers(half_the_classes),
    "twenty images only": three_numbers(few),
    "pure noise": three_numbers(torch.rand(again.shape, generator=generator)),
}

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
real, with_noise, five, twenty, pure = scores.values()
print("real against real has the lowest Frechet distance, pure noise the highest:",
      real[0] == min(s[0] for s in scores.values()) and pure[0] == max(s[0] for s in scores.values()))  # fmt: skip
print("noise costs more precision than leaving out half the classes:", with_noise[1] < five[1] - 0.1)
print(
    "leaving out classes, or all but twenty images, costs recall:", five[2] < real[2] - 0.08, twenty[2] < 0.2
)
print("and the precision of the twenty stays above 0.7:", twenty[1] > 0.7)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 11 · Likelihood or game?
#
# Maximum likelihood minimises $D_{KL}(p \| q)$, the game (with its best discriminator) $JSD(p, q)$. What difference
# does it make when the model can't have both? The smallest case: data with two modes, a model with one,
#
# $$p = \tfrac12 N(-2, 0.4^2) + \tfrac12 N(2, 0.4^2), \qquad q = N(\mu, \sigma^2) .$$
#
# Maximum likelihood matches the moments: $\mu = 0$ and $\sigma^2 = 4 + 0.4^2$, closed form. A $q$ equal to *one* of the
# modes has $JSD = \frac12\big(\frac12 \log\frac23 + \frac12 \log 2 + \log\frac43\big) = 0.2158$.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
two = 0.5 * normal_density(-2.0, 0.4) + 0.5 * normal_density(2.0, 0.4)
candidates = [(m / 10, s / 10) for m in range(26) for s in range(3, 26)]  # means from 0: the left is the same
by_likelihood = min(candidates, key=lambda c: kl_on_grid(two, normal_density(*c).clamp_min(1e-300), GRID))
by_game = min(candidates, key=lambda c: jensen_shannon(two, normal_density(*c), GRID))
print(
    f"in tenths, maximum likelihood: mu, sigma = {by_likelihood}; closed form: 0, {math.sqrt(4 + 0.4**2):.2f}"
)
print(f"in tenths, the game:           mu, sigma = {by_game}: one of the two modes")
closed = 0.5 * (0.5 * math.log(2 / 3) + 0.5 * math.log(2) + math.log(4 / 3))
print(f"JSD of one mode: {jensen_shannon(two, normal_density(2.0, 0.4), GRID):.4f}, closed form {closed:.4f}")
print(f"JSD of the one that covers both: {jensen_shannon(two, normal_density(*by_likelihood), GRID):.4f}")

# %% slideshow={"slide_type": "subslide"}
inner = GRID.abs() < 6
figure = density_1d(
    GRID[inner],
    {
        "data": two[inner],
        "maximum likelihood": normal_density(*by_likelihood)[inner],
        "game": normal_density(*by_game)[inner],
    },
    title="Likelihood covers both modes and the gap between, the game takes one",
    xlabel="x",
    colours={"data": "real", "maximum likelihood": COLOURS["reconstruction"], "game": "fake"},
)
show(
    figure,
    alt="The data have two narrow modes at -2 and 2. The fit by maximum likelihood is one wide hump over both "
    "and over the "
    "gap; the fit by the game is a narrow hump that lies on the right mode.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### On the same images
#
# A VAE of lecture 6, on the images that our GAN was trained on. It is fast, and it has what the GAN lacks, a bound on
# the likelihood of *every* image. Then both are judged by the same three numbers.

# %% slideshow={"slide_type": "fragment"}
vae = VAE(MLPEncoder(16, 256), MLPDecoder(16, 256))
fit(
    vae,
    lambda vae, x: negative_elbo(x, *vae(x)),
    (images,),
    epochs=8,
    lr=2e-3,
    batch_size=64,
    generator=generator,
)
with torch.no_grad():
    vae_samples = vae.decode(torch.randn(N_JUDGED, 16, generator=generator)).sigmoid()
scores["GAN"], scores["VAE"] = three_numbers(game_samples), three_numbers(vae_samples)

# %% slideshow={"slide_type": "subslide"}
figure = image_grid(
    torch.cat([images[:12], game_samples[24:36], vae_samples[:12]]),
    n_columns=12,
    row_labels=["data", "GAN", "VAE"],
    title="The VAE's samples are blurred, the GAN's are sharp and often broken",
)
show(
    figure,
    alt="Rows of twelve images: data, samples of the GAN, samples of the VAE. The GAN's have sharp edges, and "
    "many fall to "
    "pieces; the VAE's are soft and grey at the edges, and most hang together.",
)

# %% slideshow={"slide_type": "subslide"}
places = {
    "other real images": (0, 9, "right"),
    "five classes only": (0, -20, "right"),
    "pure noise": (10, -16, "left"),
    "VAE": (-12, 4, "right"),
}


def mark(axes, name: str, distance: float, precision: float, recall: float) -> None:
    """One set of samples in the plane of recall and precision."""
    colour = {"GAN": COLOURS["fake"], "VAE": COLOURS["reconstruction"]}.get(name, COLOURS["baseline"])
    axes.plot(recall, precision, "D" if name in ("GAN", "VAE") else "o", color=colour, markersize=9)
    right, up, side = places.get(name, (12, 4, "left"))
    look = {"textcoords": "offset points", "ha": side, "color": colour, "fontsize": 13}
    axes.annotate(f"{name} ({distance:.2g})", (recall, precision), xytext=(right, up), **look)


# %% slideshow={"slide_type": "subslide"}
figure, axes = new_figure(figsize=(10, 4.6))
for name, numbers in scores.items():
    mark(axes, name, *numbers)
axes.set(title="Precision and recall tell apart what one number mixes (in brackets: Frechet distance)")
axes.title.set_fontsize(14)
axes.set(xlabel="recall: share of the data that could be drawn", ylabel="precision: share of good samples")
axes.set(xlim=(-0.05, 1.05), ylim=(-0.12, 1.14))
show(
    figure,
    alt="Precision against recall, with the Frechet distance in brackets. Other real images are at the upper "
    "right. Twenty "
    "images only are at the upper left, five classes only in between, with high precision; images with noise "
    "and pure noise "
    "are at the lower left. The GAN and the VAE lie between these, with Frechet distances in brackets.",
)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
grey = {
    name: ((x > 0.2) & (x < 0.8)).float().mean().item()
    for name, x in {"data": judged, "GAN": game_samples, "VAE": vae_samples}.items()
}
most_grey = max(grey["data"], grey["GAN"])
print("the VAE's samples have at least a fifth more grey than data or GAN:", grey["VAE"] > 1.2 * most_grey)
print("the GAN's samples have the smaller Frechet distance:", scores["GAN"][0] < scores["VAE"][0])

# %% [markdown]
# One run of each, at a budget of seconds; the table at the end of lecture 12 compares all models of the course over
# several seeds. And mind the slogan: *likelihood covers* is about densities. Recall asks whether the **samples** come
# near every image, and blurred samples come near few.
#
# Mind also what was *not* compared: the VAE can say how probable an image is, can encode it, and can be told when it is
# wrong. The game gave all of this away for sharp edges.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Is the blur the fault of maximum likelihood, or of the VAE?" (Of both: a per-pixel likelihood pays for *mean*
# images, and the posterior's noise blurs what neighbouring codes should draw. Autoregressive models are maximum
# likelihood, and sharp.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# * A sampler can be trained without a density: against a **discriminator**, whose best answer is $D^* = p / (p + q)$.
# * With it the game measures $2\, JSD - \log 4$. Knowing nothing costs $\log 4$; equilibrium is no proof of quality.
# * Far from the data the **saturating** gradient vanishes like $D$; the **non-saturating** loss pulls with $1 - D$.
# * In the discriminator's step gradients stop at the fakes, in the generator's they pass through a frozen
#   discriminator.
# * **Mode collapse** is what a quick generator does to a slow discriminator. Count modes, over several seeds, and ask
#   who is ahead before choosing a trick.
# * A **critic** of slope 1 measures how far mass is carried, and pulls evenly from any distance. The penalty is on each
#   example's own slope, and must be differentiable itself.
# * **Frechet distance** mixes fidelity and variety, **precision and recall** keep them apart. Validate both first.
# * Likelihood covers and blurs; the game is sharp and drops modes.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Check yourself
#
# 1. Your discriminator's loss is 1.386 after 10,000 steps. Name two very different situations that this may be.
# 2. A colleague's network ends with a sigmoid, and is trained with `BCEWithLogitsLoss`. What is the smallest loss
#    that the discriminator can reach, and what happens to the generator's gradient?
# 3. You forgot `detach` in the discriminator's step, but call `zero_grad` on the generator before its own step. What
#    does the slip cost?
# 4. Why does $E_q[D]$ fall like $e^{-b^2/8}$ for two unit Gaussians a distance $b$ apart?
# 5. Your critic's loss is -40 and falling. Is that good? What would you look at?
# 6. Precision 0.95, recall 0.05. Precision 0.05, recall 0.95. What do the samples look like?
#
# <details>
# <summary>Answers</summary>
#
# 1. The game is won: fakes like data. Or the discriminator learns nothing (a learning rate of 0, a dead network, real
#    and fake from the same batch). The samples tell which.
# 2. Its "logits" lie in [0, 1], so $D$ between $0.5$ and $0.73$: at best $-\log 0.731 - \log 0.5 = 1.006$. The gradient
#    is damped by the extra sigmoid's slope, at most 1/4, and vanishes where the first one saturates.
# 3. Time and memory only: the backward pass through the generator. It becomes a bug when gradients are kept, for
#    instance accumulated over several batches, or when its optimizer is never cleared.
# 4. $E_q[D] = \int \frac{pq}{p + q}$, and $p + q \ge 2\sqrt{pq}$, so it is at most $\frac12 \int \sqrt{pq} = \frac12
#    e^{-b^2/8}$. Nearly all of it comes from midway, where $p \approx q$, out of a strip of a width like $1/b$.
# 5. The critic gets better at telling apart, or its slope grows because the penalty is too weak. Look at the penalty
#    (near 0?) and at the samples.
# 6. Few images, good ones (collapse, or copies of some of the data). Then: nearly every image is bad, yet so widely
#    scattered that the data lie among them.
#
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# ## References
#
# * I. Goodfellow et al. (2014). *Generative adversarial nets.* arXiv:1406.2661. Proposition 1 and Theorem 1 are
#   sections 1 and 2; the non-saturating loss is its section 3.
# * A. Radford, L. Metz, S. Chintala (2016). *Unsupervised representation learning with deep convolutional generative
#   adversarial networks.* arXiv:1511.06434.
# * T. Salimans et al. (2016). *Improved techniques for training GANs.* arXiv:1606.03498. One-sided label smoothing.
# * T. Miyato et al. (2018). *Spectral normalization for generative adversarial networks.* arXiv:1802.05957.
# * M. Heusel et al. (2017). *GANs trained by a two time-scale update rule converge to a local Nash equilibrium.*
#   arXiv:1706.08500. Also the Frechet distance.
# * M. Arjovsky, L. Bottou (2017). *Towards principled methods for training generative adversarial networks.*
#   arXiv:1701.04862. Why the gradient vanishes.
# * M. Arjovsky, S. Chintala, L. Bottou (2017). *Wasserstein GAN.* arXiv:1701.07875.
# * I. Gulrajani et al. (2017). *Improved training of Wasserstein GANs.* arXiv:1704.00028. The gradient penalty.
# * A. Srivastava et al. (2017). *VEEGAN.* arXiv:1705.07761. Modes counted on the ring.
# * T. Kynkäänniemi et al. (2019). *Improved precision and recall metric for assessing generative models.*
#   arXiv:1904.06991.
# * L. Theis, A. van den Oord, M. Bethge (2016). *A note on the evaluation of generative models.* arXiv:1511.01844. What
#   each divergence makes of a model that is too small.
