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
# # 11 · Conditional and modern GANs
#
# The game of lecture 10 makes *some* image. A generator that is of use must take orders: a class, a size, a style, a
# picture to be changed.
#
# > **What can you put into a game between two networks, so that the images that come out are the ones you asked for?**
#
# Four answers: a **label** for both players, images that **grow**, a **style** for every layer, and a second game that
# plays the first one **backwards**. Each is trained here, and measured against the plain game.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## What you will be able to do
#
# * say why the judge, too, must see the label, and write a projection discriminator,
# * grow a pair of networks from 7x7 to 28x28 pixels without a jump,
# * wipe the style out of a feature map and paint another one on,
# * mix two images: the coarse features of one, the fine ones of the other,
# * train a translation without a single translated example, and say what cycle consistency does *not* promise,
# * compare generators at equal budget, and not believe a difference that one seed shows.
#
# **You need** lecture 10. **Time:** 90 minutes of lecture, about 45 minutes of exercises; the notebook itself runs in
# about half a minute.

# %% [markdown] slideshow={"slide_type": "notes"}
# **Timing (90 min):** ruler and plain game 8, labels 18, growing 12, styles 20, without pairs 18, mixing 8, side by
# side
# 6.
#
# *Ask first, before any slide:* "A colleague's GAN makes perfect faces. You want them with glasses. What do you
# change?" Collect: sort the outputs (works, and costs a classifier); give the generator a switch (will it use it?
# nobody makes it); give the switch to both. Keep the three on the board for section 2.

# %% slideshow={"slide_type": "skip"}
import math
import time
from itertools import product
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from course_utils import models
from course_utils.adversarial import adam, discriminator_loss, fit_adversarial, frozen, generator_loss
from course_utils.data import load
from course_utils.exercises import check
from course_utils.metrics import feature_net, frechet_distance, precision_recall
from course_utils.models import outline, shrink
from course_utils.plotting import CLASS_COLOURS, COLOURS, image_grid, new_figure, show, use_course_style
from course_utils.runtime import seed_everything
from course_utils.widgets import style_mixing_playground

use_course_style()

# %% slideshow={"slide_type": "skip"}
generator = seed_everything(0)

LATENT_DIM = 64  # numbers in z
STEPS = 200  # of the generator, the same for all four models
BATCH_SIZE = 32
LR = 2e-3  # learning rate of both players
AVERAGE = 0.98  # the generator we look at is an average over about the last 50 steps
N_SAMPLES = 600  # images of each model that are measured
TRANSLATION_STEPS = 120
TRANSLATION_BATCH = 16

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The data, and the ruler
#
# The images of lecture 10, and its measures, in the features of a small classifier of our own: the **Frechet distance**
# (low is good), **precision** (how many samples look real) and **recall** (how much of the data could be a sample).

# %% slideshow={"slide_type": "fragment"}
data = load().subset(1497, 300)
x, y = data.train_images, data.train_labels
x_test, y_test = data.test_images, data.test_labels
N_CLASSES = data.n_classes
ruler = feature_net(data)
test_features = ruler(x_test)


class Scores(NamedTuple):
    frechet: float
    precision: float
    recall: float


def measure(images: Tensor) -> Scores:
    features = ruler(images)
    return Scores(frechet_distance(test_features, features), *precision_recall(test_features, features))


def told(s: Scores) -> str:
    return f"distance {s.frechet:.2f}, precision {s.precision:.2f}, recall {s.recall:.2f}"


print(data)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
real, noise = measure(x[:N_SAMPLES]), measure(torch.rand(N_SAMPLES, 1, 28, 28, generator=generator))
print("training images: distance below 0.05:", real.frechet < 0.05)
print("training images: precision and recall above 0.8:", min(real.precision, real.recall) > 0.8)
print("noise: distance above 5, precision and recall 0:", noise.frechet > 5, noise.precision, noise.recall)

# %% [markdown]
# So much for the ends of the scale. No model can be expected to do better than the training images do.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 · The plain game, once more
#
# One loop for all models of today. What differs between them is only how images are **made**, and how they are
# **judged**; so these two are its arguments.
#
# And one batch of fakes serves both players: first the judge learns from it, cut off from its graph, then the maker.
# In lecture 10 the maker drew a second batch for its own step, as Goodfellow's Algorithm 1 says. Shared, the images are
# still the maker's own, since it has not moved in between, and a pass through it is saved. The price: it is judged on
# the very images that the judge has just seen. Over ten seeds the plain game did not notice; the conditional one ended
# a little further from the data.


# %% slideshow={"slide_type": "subslide"}
class Players:
    """Two networks, an optimizer for each, and an average of the generator over its last steps."""

    def __init__(self, maker: nn.Module, judge: nn.Module, lrs=(LR, LR), betas=(0.5, 0.999)) -> None:
        self.maker, self.judge = maker, judge
        self.adams = [adam(net, lr=lr, betas=betas) for net, lr in zip((maker, judge), lrs, strict=True)]
        self.average = AveragedModel(maker, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE), use_buffers=True)


def move(loss: Tensor, optimizer: torch.optim.Optimizer) -> Tensor:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


# %% slideshow={"slide_type": "fragment"}
def play(label, players, make, score, train, *, steps=STEPS, look=lambda images: images):
    """``make(n, *labels)`` gives images, ``score(images, *labels)`` logits; ``look`` is how real ones are shown."""
    fake = None

    def discriminator_step(images, *labels):
        nonlocal fake
        real, fake = look(images), make(len(images), *labels)
        loss = discriminator_loss(score(real, *labels), score(fake.detach(), *labels))
        return move(loss, players.adams[1])

    def generator_step(images, *labels):
        with frozen(players.judge):
            loss = move(generator_loss(score(fake, *labels)), players.adams[0])
        players.average.update_parameters(players.maker)
        return loss

    return fit_adversarial(
        discriminator_step, generator_step, train, steps=steps, batch_size=BATCH_SIZE, record_every=steps,
        sample=lambda n: make(n, *(part[:n] for part in train[1:])), generator=generator, label=label,
    )  # fmt: skip


def z(n: int) -> Tensor:
    return torch.randn(n, LATENT_DIM, generator=generator)


# %% [markdown] slideshow={"slide_type": "subslide"}
# `fit_adversarial` looks at samples in the end, and prints a sentence when a game has failed or has not got far.
# After 200 steps expect some. **No sentence is good news, not proof.**

# %% slideshow={"slide_type": "fragment"}
samples, seconds = {}, {}

start = time.process_time()
plain = Players(models.ConvGenerator(LATENT_DIM), models.ConvDiscriminator())
play("plain game", plain, lambda n: plain.maker(z(n)), plain.judge, (x,))
seconds["plain"] = time.process_time() - start

with torch.no_grad():
    samples["plain"] = plain.average.eval()(z(N_SAMPLES))
print(f"{STEPS} steps in {seconds['plain']:.1f} s: {told(measure(samples['plain']))}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 · A label for both players
#
# The generator gets $z$ **and** a class $y$. Will it use $y$? Only if somebody minds when it does not. So the judge
# sees pairs: a real image with its label, a generated image with the label it was ordered for. By lecture 10 the best
# logit of a judge is the log ratio of the two densities, now of pairs, with $p(y)$ the same in both:
#
# $$l^*(x, y) = \log \frac{p(x, y)}{q(x, y)}
# = \underbrace{\log \frac{p(x)}{q(x)}}_{\text{does it look real?}}
# + \underbrace{\log \frac{p(y\,|\,x)}{q(y\,|\,x)}}_{\text{does it look like a } y?} .$$

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The smallest example with a known answer
#
# Two classes, $y = \pm 1$, equally frequent; one pixel, $x \sim N(y, 1)$. A lazy generator draws from the right mixture
# and **ignores the order**: $q(x\,|\,y) = p(x)$.
#
# * A judge who sees only $x$ has $l^* = \log p(x) / q(x) = 0$: it is content.
# * A judge who sees the pair has $l^* = \log p(y\,|\,x) / \tfrac12$, and with $p(y\,|\,x) = \frac{e^{xy}}{e^x +
#   e^{-x}}$,
#
# $$l^*(x, y) = \underbrace{x\,y}_{\text{label} \times \text{feature}} \; - \; \underbrace{\log \cosh x}_{\text{feature
# alone}} .$$

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
grid = torch.linspace(-12, 12, 4801, dtype=torch.float64)
normal = {k: (-0.5 * (grid - k) ** 2).exp() / math.sqrt(2 * math.pi) for k in (-1, 1)}  # p(x|y)
mixture = (normal[-1] + normal[1]) / 2  # p(x), and q(x|y) of the lazy generator
best = {k: grid * k - grid.cosh().log() for k in (-1, 1)}
inside = grid.abs() < 6
worst = max((best[k] - (normal[k] / mixture).log())[inside].abs().max() for k in (-1, 1))
print("the formula is the log ratio of the densities, to within 1e-9:", bool(worst < 1e-9))

values = {"shown x alone": -math.log(4)}
values["shown the pair"] = sum(
    0.5 * torch.trapezoid(normal[k] * F.logsigmoid(best[k]) + mixture * F.logsigmoid(-best[k]), grid).item()
    for k in (-1, 1)
)
for who, value in values.items():
    print(
        f"value of the game for a judge {who}: {value:.4f} nats, {value + math.log(4):.4f} above knowing nothing"
    )

# %% slideshow={"slide_type": "skip"}
figure, axes = new_figure(figsize=(9.5, 3.6))
part = grid.abs() <= 4
for k, colour, style in ((1, "real", "-"), (-1, "fake", "--")):
    axes.plot(grid[part], best[k][part], style, color=COLOURS[colour], label=f"shown the pair, y = {k:+d}")
axes.axhline(0, color=COLOURS["baseline"], ls=":", label="shown x alone")
axes.set(title="Only a judge who sees the label can tell that the order was ignored", ylim=(-5, 1.6))
axes.set(xlabel="x", ylabel="best logit")
axes.legend(loc="lower center")
axes.grid(axis="x", visible=False)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="The best logit against x. For a judge who sees x alone it is zero everywhere. For one who sees the pair it "
    "rises to log 2 where the sign of x agrees with y, and falls below minus five where it does not.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "The lazy generator's marginal is perfect. Which term of the formula is 0?" (The first.) "And where does the
# gradient of the second one push a sample that was ordered as +1?" (To larger x.) That push is the whole point: without
# it the generator has no reason to read the label.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The projection
#
# In the example the label meets the feature in **one product**. It is so whenever $p(y|x)$ and $q(y|x)$ are softmax
# functions of features $\phi(x)$: their log ratio is $(v^p_y - v^q_y)^\top \phi(x)$, plus something that does not
# depend on $y$. So a discriminator needs only one vector $v_y$ for each class:
#
# $$l(x, y) = \underbrace{w^\top \phi(x) + b}_{\text{does it look real?}}
# + \underbrace{v_y^\top \phi(x)}_{\text{like a } y?} .$$

# %% [markdown] exercise="projection_logits"
# Write `projection_logits(features, class_embedding, weight, bias)`: the logits $l(x, y)$, of shape `(B,)`.
#
# * `features` is $\phi(x)$, `(B, F)`. `class_embedding` holds $v_y$ of each example's own label, already looked up,
#   `(B, F)`. `weight` is $w$, `(F,)`, and `bias` is $b$, of shape `()`.
# * Gradients reach all four; none of them is changed.
#
# For example: with features `[[1., 2.]]`, class vector `[[10., 100.]]`, weight `[1., 1.]` and bias `0.5` the logit is
# $3 + 210 + 0.5 = 213.5$.


# %%
def projection_logits(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Logits of images with labels: how real, and how much like the class: (B,)."""
    ### BEGIN SOLUTION
    real = features @ weight + bias
    return real + (class_embedding * features).sum(dim=1)
    ### END SOLUTION


# %%
projection_logits = check("projection_logits", projection_logits)

# %% [markdown] slideshow={"slide_type": "subslide"}
# In the example, $\phi(x) = (x, \log\cosh x)$, $v_y = (y, 0)$, $w = (0, -1)$ and $b = 0$:

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
points = torch.tensor([-2.0, -0.5, 0.0, 1.0, 3.0])
phi = torch.stack([points, points.cosh().log()], 1)
for k in (1, -1):
    vectors = torch.tensor([k, 0.0]).expand(5, 2)
    logits = projection_logits(phi, vectors, torch.tensor([0.0, -1.0]), torch.tensor(0.0))
    own, other = (-0.5 * (points - k) ** 2).exp(), (-0.5 * (points + k) ** 2).exp()
    wanted = (2 * own / (own + other)).log()  # log p(x|y) / p(x)
    right = torch.allclose(logits, wanted, atol=1e-5)
    print(f"y = {k:+d}: the projection is the best logit, to within 1e-5:", right)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Digits to order
#
# The generator gets the label as in lecture 8, one-hot behind $z$; the discriminator by projection.

# %% slideshow={"slide_type": "fragment"}
start = time.process_time()
ordered = Players(
    models.ConditionalGenerator(LATENT_DIM, N_CLASSES), models.ProjectionDiscriminator(N_CLASSES)
)
play("conditional game", ordered, lambda n, labels: ordered.maker(z(n), labels), ordered.judge, (x, y))
seconds["conditional"] = time.process_time() - start

orders = torch.arange(N_SAMPLES) % N_CLASSES
with torch.no_grad():
    samples["conditional"] = ordered.average.eval()(z(N_SAMPLES), orders)
    shared = z(5).repeat_interleave(N_CLASSES, 0)  # each z is used for all classes
    sheet = ordered.average(shared, torch.arange(N_CLASSES).repeat(5))
obeyed = (ruler.logits(samples["conditional"]).argmax(1) == orders).float().mean()
print(
    f"{STEPS} steps in {seconds['conditional']:.1f} s; a classifier finds the class ordered in {100 * obeyed:.0f} %"
)

# %% slideshow={"slide_type": "subslide"}
show(
    image_grid(
        sheet,
        n_columns=N_CLASSES,
        column_labels=list(data.class_names),
        cell_inches=0.72,
        title=f"One class a column; of many samples {100 * obeyed:.0f} % obey",
    ),
    alt="Five rows of ten generated images. Each column was ordered as one class, and many images in it look like that "
    "class; each row shares one noise vector.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
print("at least 30 % of the samples are of the class ordered (by chance: 10 %):", bool(obeyed >= 0.3))
print(
    "their distance to the data is below 0.8, where noise has over 5:",
    measure(samples["conditional"]).frechet < 0.8,
)

# %% [markdown]
# The label does more than take orders. It breaks one hard problem into ten easier ones, and it tells both players, for
# free, what the ten modes of the data are. Section 7 measures what that is worth.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Why do the rows not show one handwriting each, as in lecture 8?" (They may, a little: slant and thickness
# often agree along a row. But nothing in the loss asks for it, while the ELBO's KL term did.) "And what happens to a
# wrongly labelled training image?" (The judge learns to accept it; a share of orders is then delivered wrong, on
# purpose.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 · Growing: 7, then 14, then 28 pixels
#
# A game over $28 \times 28$ pixels is hard to begin: at first every sample is absurd, and the judge wins by trifles. At
# $7 \times 7$ there are 49 numbers, and little but the coarse shape to be wrong about.
#
# **Progressive growing** plays there first, then adds a layer to both networks. A new layer starts from random
# weights; let in at once, it would wreck what was learned. So it is **faded in**: from $\alpha = 0$ to $1$, image and
# judge are blends of the old and the new,
#
# $$x_\alpha = (1 - \alpha)\; \mathrm{up}(x_{\text{low}}) + \alpha\; x_{\text{high}} .$$

# %% [markdown] exercise="fade_in"
# Write `fade_in(low, high, alpha)`: the blend above.
#
# * `low` is `(B, C, h, w)`, `high` is `(B, C, H, W)`, `alpha` a number from 0 to 1. The result has the shape of `high`.
#   Both may be feature maps as well as images, of numbers below 0 or above 1.
# * `low` is enlarged to the size of `high`, whatever it is: by repeating pixels or bilinearly, as you like.
# * Gradients reach both images; neither is changed.
#
# For example: with ones of 2x2 as `low`, zeros of 4x4 as `high` and `alpha` 0.25, all pixels are 0.75.


# %%
def fade_in(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    """Blend of an enlarged small image and a large one: the shape of ``high``."""
    ### BEGIN SOLUTION
    enlarged = F.interpolate(low, size=high.shape[2:], mode="nearest")
    return (1 - alpha) * enlarged + alpha * high
    ### END SOLUTION


# %%
fade_in = check("fade_in", fade_in)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### No jump
#
# At $\alpha = 0$ the grown generator draws, pixel for pixel, what it drew before, only larger. And the gradient that
# reaches the new layer is proportional to $\alpha$: it is let in as slowly as it is heard.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
growing = models.ProgressiveGenerator(LATENT_DIM).eval()
code = z(3)
with torch.no_grad():
    small, grown = growing(code, stage=0), growing(code, stage=1, alpha=0.0)
print("sides:", small.shape[-1], "and", grown.shape[-1], "pixels")
print("at alpha = 0 the small image comes back, exactly:", torch.equal(shrink(grown, 7), small))

new = torch.rand(3, 1, 14, 14, generator=generator, requires_grad=True)
heard = [
    torch.autograd.grad(fade_in(small, new, a).sum(), new)[0].mean().item() for a in (0.0, 0.25, 0.5, 1.0)
]
print("gradient that reaches a pixel of the new layer:", [round(g, 4) for g in heard])

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The schedule
#
# A fifth of the steps at 7x7, a fifth at 14x14, the rest at 28x28; in each stage the new layer is faded in over the
# first half. The judge grows with the maker, and **real images are faded as well**, else it would know them by their
# sharpness.


# %% slideshow={"slide_type": "fragment"}
def grow(players: Players, stage: int, steps: int) -> None:
    progress = 0.0

    def alpha() -> float:
        return 1.0 if stage == 0 else min(1.0, 2 * progress)

    def look(images: Tensor) -> Tensor:
        nonlocal progress
        progress += 1 / steps
        before = models.progressive.STAGES[max(stage - 1, 0)]
        return images if alpha() == 1 else fade_in(shrink(images, before), images, alpha())

    side = models.progressive.STAGES[stage]
    play(
        f"{side}x{side}", players, lambda n: players.maker(z(n), stage, alpha()),
        lambda images: players.judge(images, stage, alpha()), (shrink(x, side),), steps=steps, look=look,
    )  # fmt: skip


# %% slideshow={"slide_type": "fragment"}
start = time.process_time()
progressive = Players(models.ProgressiveGenerator(LATENT_DIM), models.ProgressiveDiscriminator())
code, stages, milliseconds = z(64), [], []
for stage, share in enumerate((0.2, 0.2, 0.6)):
    since = time.process_time()
    grow(progressive, stage, round(share * STEPS))
    milliseconds.append(1000 * (time.process_time() - since) / (share * STEPS))
    with torch.no_grad():  # batch normalisation as in training: its running means lag behind in a short stage
        stages.append(F.interpolate(progressive.maker(code, stage)[:10], size=28))
seconds["progressive"] = time.process_time() - start

with torch.no_grad():
    samples["progressive"] = progressive.average.eval()(z(N_SAMPLES))
print("milliseconds for a step at 7x7, 14x14 and 28x28:", [round(m) for m in milliseconds])

# %% slideshow={"slide_type": "subslide"}
show(
    image_grid(
        torch.cat(stages),
        n_columns=10,
        row_labels=["7x7", "14x14", "28x28"],
        cell_inches=0.8,
        title="The same ten codes at 7, 14 and 28 pixels: detail comes last",
    ),
    alt="Three rows of ten generated images from the same noise vectors: blocks of 7 by 7 pixels, then 14 by 14, "
    "then 28 by 28. The first are blurred blobs, the last have strokes with clear edges.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The early steps cost a fraction of the last ones: 49 pixels, then 196, then 784. At 28 pixels that is all there is to
# gain, and section 7 shows what it is worth; the method was made for images of 1,024 pixels, where it decided between
# success and failure.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Why fade the real images?" (Let someone propose the test the judge would find: sharp edges mean real.) "Could
# one reach the same without growing?" (Yes: skip connections or residual blocks give every resolution a direct path
# from the first step on; StyleGAN2 replaced growing by them.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 · A style for every layer
#
# In all generators so far $z$ enters at the bottom, and must hold everything: shape, slant, width of the stroke. A
# **style-based generator** starts from a learned constant and lets $z$ in at *every* layer, as the **style** of its
# feature maps: their means and sizes.
#
# Style is painted on by **adaptive instance normalisation**. Map $c$ of example $b$, with $\mu$ and $\sigma^2$ over its
# own pixels:
#
# $$\mathrm{AdaIN}(x)_{bc} = s_{bc}\; \frac{x_{bc} - \mu(x_{bc})}{\sqrt{\sigma^2(x_{bc}) + \epsilon}} \;+\; t_{bc} .$$

# %% [markdown] exercise="adaptive_instance_norm"
# Write `adaptive_instance_norm(x, scale, bias, eps=1e-5)`: the formula above, with `scale` for $s$ and `bias` for $t$.
#
# * `x` is `(B, C, H, W)`; `scale` and `bias` are `(B, C)`. The result has the shape of `x`.
# * Mean and variance are over the pixels of one map of one example. The biased variance or the unbiased one, as you
#   like; `eps` stands inside the root.
# * A map without any contrast must give finite values, and finite gradients. Gradients reach `x`, `scale` and `bias`;
#   none is changed.
#
# For example: a map of two pixels, 1 and 3, with scale 10 and bias 5, becomes -5 and 15 (with the biased variance, 1).


# %%
def adaptive_instance_norm(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    """Every map normalised over its own pixels, then scaled and shifted: the shape of ``x``."""
    ### BEGIN SOLUTION
    variance, mean = torch.var_mean(x, dim=(2, 3), correction=0, keepdim=True)
    normalised = (x - mean) / torch.sqrt(variance + eps)
    return scale[:, :, None, None] * normalised + bias[:, :, None, None]
    ### END SOLUTION


# %%
adaptive_instance_norm = check("adaptive_instance_norm", adaptive_instance_norm)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Wiped out, and painted on
#
# Afterwards each map has mean $t$ and standard deviation $|s|$, whatever it had before. And a map that was made
# brighter or stronger first comes out the same: **no style of an earlier layer gets past this one.**

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
maps = torch.randn(2, 3, 28, 28, generator=generator)
scale, shift = torch.tensor([[1.0, -2.0, 0.5]] * 2), torch.tensor([[0.0, 3.0, -1.0]] * 2)
painted = adaptive_instance_norm(maps, scale, shift)
print("means are the shifts, to within 0.001:", bool((painted.mean((2, 3)) - shift).abs().max() < 1e-3))
spread = painted.std((2, 3))
print(
    "standard deviations are the scales' sizes, to within 1 %:",
    torch.allclose(spread, scale.abs(), rtol=0.01),
)
restyled = adaptive_instance_norm(5 * maps + 7, scale, shift)
print("5 x + 7 comes out like x, to within 0.001:", bool((restyled - painted).abs().max() < 1e-3))
negated = adaptive_instance_norm(-maps, -scale, shift)
print(
    "-x with the scales turned round as well comes out like x:", torch.allclose(negated, painted, atol=1e-4)
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Why a mapping network
#
# The style is not $z$ itself but $w = f(z)$, from a small **mapping network**. Why? Because $z$ must be Gaussian and
# the factors of the data are not. A case with a known answer: two factors in $[0, 1]^2$, uniform, except that one
# combination, both above $\tfrac12$, **never occurs**. The exact map from two Gaussian numbers $(u, v = \Phi(z))$:
#
# $$f_1 = \begin{cases} \tfrac34 u & u < \tfrac23 \\ \tfrac12 + \tfrac32 (u - \tfrac23) & \text{else} \end{cases}
# \qquad
# f_2 = \begin{cases} v & f_1 < \tfrac12 \\ \tfrac12 v & \text{else} \end{cases}$$


# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
def factors_of(codes: Tensor) -> Tensor:
    """Two factors, uniform on the unit square without its upper right quarter, from two Gaussian numbers."""
    u, v = torch.special.ndtr(codes).unbind(-1)
    first = torch.where(u < 2 / 3, 0.75 * u, 0.5 + 1.5 * (u - 2 / 3))
    return torch.stack([first, torch.where(first < 0.5, v, v / 2)], -1)


drawn = factors_of(torch.randn(90_000, 2, generator=generator))
right, upper = drawn.T > 0.5
quarters = {
    "left below": ~right & ~upper, "left above": ~right & upper,
    "right below": right & ~upper, "right above": right & upper,
}  # fmt: skip
for name, members in quarters.items():
    share = members.float().mean().item()
    wanted = 0.0 if name == "right above" else 1 / 3
    print(f"{name}: a share of {wanted:.3f}, to within 0.01: {abs(share - wanted) < 0.01}")

# %% slideshow={"slide_type": "skip"}
figure, panels = new_figure(1, 2, figsize=(9.5, 4.2))
figure.suptitle("To leave out what never occurs, a Gaussian code has to be torn or bent", x=0.01, ha="left")
line = torch.linspace(-2.2, 2.2, 300)
for level in torch.linspace(-2, 2, 11):
    for straight, colour in (
        (torch.stack([line, level.expand(300)], 1), COLOURS["prior"]),
        (torch.stack([level.expand(300), line], 1), COLOURS["neutral"]),
    ):
        panels[0].plot(*straight.T, color=colour, lw=1.5)
        mapped = factors_of(straight)
        for half in (mapped[:, 0] < 0.5, mapped[:, 0] >= 0.5):
            panels[1].plot(*mapped[half].T, color=colour, lw=1.5)
panels[1].fill_between([0.5, 1], 0.5, 1, color=COLOURS["neutral"], alpha=0.35, lw=0)
panels[1].text(0.75, 0.75, "never\noccurs", ha="center", va="center")
panels[0].set(title="codes z: a Gaussian's grid", xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
panels[1].set(title="factors: the same grid", xlabel="factor 1", ylabel="factor 2")
panels[1].set(aspect="equal", xlim=(0, 1), ylim=(0, 1))
for panel in panels:
    panel.grid(False)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Left: a regular grid of lines in the plane of two Gaussian codes. Right: where these lines lie in the plane "
    "of the two factors. They fill an L-shaped region without the upper right quarter, and horizontal lines jump where "
    "the region becomes half as high.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Someone has to do the bending. If $z$ is fed to the layers as it is, they all must; a mapping network does it once,
# and the distribution of $w$ may have whatever shape the data want.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The generator
#
# | layer | size | work | then |
# |---|---|---|---|
# | 0 | 7x7 | a learned constant | noise, leaky ReLU, AdaIN with the style of layer 0 |
# | 1 | 7x7 | convolution | noise, leaky ReLU, AdaIN, layer 1 |
# | 2 | 14x14 | transposed convolution | noise, leaky ReLU, AdaIN, layer 2 |
# | 3 | 14x14 | convolution | noise, leaky ReLU, AdaIN, layer 3 |
# | image | 28x28 | transposed convolution | sigmoid |
#
# **Noise** is drawn anew for every pixel and every image, with a learned strength: what is accidental need not be in
# $w$. (The paper has eighteen layers; ours has four, few channels, and does not grow.)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A failure first
#
# Since the constant is the same for all images, variety can only come through the styles, and a generator that ignores
# them is the first thing this game finds. A short run, without a remedy:

# %% slideshow={"slide_type": "fragment"}
collapsed = Players(models.StyleGenerator(LATENT_DIM, width=8), models.ConvDiscriminator())
history = play(
    "style, no remedy", collapsed, lambda n: collapsed.maker(z(n), generator), collapsed.judge, (x,), steps=80
)
with torch.no_grad():
    alike = collapsed.maker(z(10), generator)
print(f"diversity {history.column('diversity')[-1]:.2f}, where the data have 1")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Two remedies. The judge is shown **how much the images of a batch differ**, as one more feature map
# (`MinibatchDeviation`), and a batch of look-alikes is then easy to spot. And both players go without momentum, as in
# the paper, so that neither overshoots. (More differs: the judge learns twice as fast, the generator is wider, the game
# longer. So the figure shows a collapse and a game without one, not which of the changes was the cure.)

# %% slideshow={"slide_type": "skip"}
start = time.process_time()
style = Players(
    models.StyleGenerator(LATENT_DIM),
    models.ConvDiscriminator(minibatch_deviation=True),
    (LR, 2 * LR),
    (0.0, 0.99),
)
play("style", style, lambda n: style.maker(z(n), generator), style.judge, (x,))
seconds["style"] = time.process_time() - start

artist = style.average.module.eval()
with torch.no_grad():
    samples["style"] = artist(z(N_SAMPLES), generator)

# %% slideshow={"slide_type": "subslide"}
show(
    image_grid(
        torch.cat([alike, samples["style"][:20]]),
        n_columns=10,
        row_labels=["no remedy", "remedies", "remedies"],
        cell_inches=0.8,
        title="Without a remedy all samples are alike, with the remedies they differ",
    ),
    alt="Three rows of ten generated images. In the first, from a game without a remedy, all images look alike. In the "
    "second and third, from the game with remedies, they differ.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What the noise does
#
# One style, many draws of the noise: it changes little, and only what does not matter.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
with torch.no_grad():
    one_style = artist.styles(z(1)).expand(100, -1, -1)
    over_noise = artist.synthesise(one_style, generator).std(0).mean()
    over_styles = samples["style"].std(0).mean()
less = bool(over_noise < over_styles / 2)
print("over draws of the noise a pixel varies less than half as much as over styles:", less)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "In the original paper noise makes single hairs and freckles. What is there for it to do in our digits?"
# (Hardly anything; at this resolution nothing is accidental, and the learned strengths stay small.) "Where does a
# *class* live in this network?" Take bets for section 6: layers 0 and 1, or 2 and 3?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 · Translation without pairs
#
# Photographs to paintings, summer to winter: two heaps of images, $X$ and $Y$, and **no pair** of an image and its
# translation. Two translators, $G: X \to Y$ and $F: Y \to X$, and two judges, one for each heap. But that a translation
# *looks like* a $Y$ says nothing about whether it is the translation of *this* $x$. So there is a second condition,
# **cycle consistency**: there and back again, one arrives where one began,
#
# $$\lambda \Big( E\,\lVert F(G(x)) - x \rVert_1 + E\,\lVert G(F(y)) - y \rVert_1 \Big) .$$

# %% [markdown] exercise="cycle_loss"
# Write `cycle_loss(x, x_cycled, y, y_cycled, weight)`: `weight` times (the mean absolute error of `x_cycled` plus
# that of `y_cycled`), a scalar. Each mean is over all pixels and images of its own batch; the batches may differ in
# size.
#
# `x_cycled` is $F(G(x))$, of the shape of `x`; `y_cycled` is $G(F(y))$, of the shape of `y`. Gradients reach both.
#
# For example: if every pixel of `x_cycled` is off by 0.5, every pixel of `y_cycled` by 0.25, and the weight is 10, the
# loss is 7.5.


# %%
def cycle_loss(x: Tensor, x_cycled: Tensor, y: Tensor, y_cycled: Tensor, weight: float) -> Tensor:
    """Weighted mean absolute errors of two journeys there and back: a scalar."""
    ### BEGIN SOLUTION
    there_and_back = (x_cycled - x).abs().mean()
    back_and_there = (y_cycled - y).abs().mean()
    return weight * (there_and_back + back_and_there)
    ### END SOLUTION


# %%
cycle_loss = check("cycle_loss", cycle_loss)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The smallest example, enumerated
#
# Three words in one language, three in another, known only by how often they are used. There are $3^3 = 27$ maps in
# each direction, so $729$ pairs of translators: few enough to try **all**. Which of them win their games (the words
# come out as often as they should), and which are cycle-consistent as well?


# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
def perfect_pairs(frequencies, *, cycles: bool) -> int:
    """How many of the 729 pairs of translators win both games and, if asked, lose nothing on the way back."""
    found = 0
    for there, back in product(product(range(3), repeat=3), repeat=2):
        wins = all(
            math.isclose(sum(f for f, to in zip(frequencies, one, strict=True) if to == k), frequencies[k])
            for one in (there, back)
            for k in range(3)
        )
        found += wins and (not cycles or all(back[there[k]] == k for k in range(3)))
    return found


for frequencies in ((1 / 2, 1 / 3, 1 / 6), (1 / 3, 1 / 3, 1 / 3)):
    won, consistent = (perfect_pairs(frequencies, cycles=cycles) for cycles in (False, True))
    rounded = [round(f, 2) for f in frequencies]
    print(f"frequencies {rounded}: pairs that win both games: {won}, consistent too: {consistent}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Cycle consistency takes 36 pairs down to 6, not to 1: **any** permutation can be undone. With frequencies all
# different there is one, but then there was one before. What tells the six apart must come from elsewhere: from what
# the networks find easy. For images that is: *keep things in their place.*

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Digits to outlines, and back
#
# A task whose truth we know, so that errors can be measured: $Y$ holds the **outlines** of digits. The first half of
# the images is used for $X$, the second half for $Y$: no image is in both, and the players never see a pair.


# %% slideshow={"slide_type": "fragment"}
half = len(x) // 2
digits_only, outlines_only = x[:half], outline(x[half : 2 * half])


def translate(label: str, weight: float) -> tuple[nn.Module, nn.Module]:
    """Translators to outlines and back; ``weight`` 0 leaves two plain games."""
    there, back = models.Translator(), models.Translator()
    judges = [models.ConvDiscriminator(width=8) for _ in range(2)]  # of digits, of outlines
    adam_t, adam_j = adam(there, back, lr=2 * LR), adam(*judges, lr=2 * LR)

    fakes = ()

    def judges_step(a: Tensor, b: Tensor) -> Tensor:
        nonlocal fakes
        fakes = back(b), there(a)
        losses = [
            discriminator_loss(j(r), j(f.detach())) for j, r, f in zip(judges, (a, b), fakes, strict=True)
        ]
        return move(sum(losses), adam_j)

    def translators_step(a: Tensor, b: Tensor) -> Tensor:
        to_a, to_b = fakes
        with frozen(*judges):
            loss = generator_loss(judges[0](to_a)) + generator_loss(judges[1](to_b))
            if weight:
                loss = loss + cycle_loss(a, back(to_b), b, there(to_a), weight)
            return move(loss, adam_t)

    fit_adversarial(
        judges_step, translators_step, (digits_only, outlines_only), steps=TRANSLATION_STEPS,
        batch_size=TRANSLATION_BATCH, record_every=TRANSLATION_STEPS, generator=generator, label=label,
    )  # fmt: skip
    return there.eval(), back.eval()


# %% slideshow={"slide_type": "subslide"}
start = time.process_time()
translators = {"two plain games": translate("two plain games", 0.0)}
between = time.process_time()
translators["with cycles"] = translate("with cycles", 10.0)
after = time.process_time()
print(f"{TRANSLATION_STEPS} steps: {between - start:.1f} s without cycles, {after - between:.1f} s with them")

true_outlines = outline(x_test)
outline_features = ruler(true_outlines)


def off(images: Tensor, wanted: Tensor) -> float:
    """Mean absolute error of a pixel."""
    return (images - wanted).abs().mean().item()


# %% slideshow={"slide_type": "subslide"}
report, pictures = {}, [x_test[:10], true_outlines[:10]]
for name, (there, back) in translators.items():
    with torch.no_grad():
        outlined, filled = there(x_test), back(true_outlines)
        returned = back(outlined)
    features = ruler(outlined)
    report[name] = {
        "outline": off(outlined, true_outlines), "fill": off(filled, x_test), "and back": off(returned, x_test),
        "frechet": frechet_distance(outline_features, features),
        **precision_recall(outline_features, features)._asdict(),
    }  # fmt: skip
    pictures += [outlined[:10]]
pictures += [returned[:10], filled[:10]]
print(f"{'':16s}" + "".join(f"{column:>11s}" for column in report["with cycles"]))
for name, row in report.items():
    print(f"{name:16s}" + "".join(f"{value:11.3f}" for value in row.values()))
print(f"copying the image instead of outlining it is off by {off(x_test, true_outlines):.3f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# `outline`, `fill`: error of a pixel against the truth, which the players never saw. `and back`: of a digit that was
# outlined and then filled, both by the translators. The last three compare the outlines made with true outlines, as
# clouds.

# %% slideshow={"slide_type": "subslide"}
show(
    image_grid(
        torch.cat(pictures),
        n_columns=10,
        row_labels=[
            "test image",
            "true outline",
            "plain games",
            "with cycles",
            "... and back",
            "true one filled",
        ],
        cell_inches=0.68,
        title="No pair was ever shown, and every stroke stays in its place",
    ),
    alt="Six rows of ten images: test digits; their true outlines; outlines made by two plain games; outlines made "
    "with the cycle loss; these, translated back to digits; and digits made from the true outlines.",
)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
with_cycles, without = report["with cycles"], report["two plain games"]
copied = off(x_test, true_outlines)
print(
    "with cycles, outlines are nearer the truth than a copy of the digit is:",
    with_cycles["outline"] < 0.75 * copied,
)
print("cycles bring the journey back nearer home than two plain games do:",
      with_cycles["and back"] < 0.8 * without["and back"])  # fmt: skip
print("but the way back is better from its own outlines than from true ones:",
      with_cycles["and back"] < 0.8 * with_cycles["fill"])  # fmt: skip

# %% [markdown] slideshow={"slide_type": "fragment"}
# Read the last line twice. Its own outlines are *worse* outlines, and yet more can be recovered from them: the
# translator has learned to **hide** in them what a true outline does not show. Compare the second row with the fourth:
# inside the strokes, where true outlines are black, its own are grey. A small cycle loss is no evidence of a good
# translation.
#
# And the plain games? They too keep things in place. That is the doing of the architecture: a convolutional network of
# few layers *cannot* easily move a stroke elsewhere. Here cycles are insurance; where networks are deep enough to
# permute images, they are indispensable.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "How would you find hidden marks?" (Add a little noise to the translation before going back; feed true
# outlines, as here.) "In the example with three words, which of the six would a network find?" (Whatever is simplest
# for it; for images, near the identity.) "What if X has more cats than Y?" (The plain games then ask for cats to be
# turned into dogs: the frequencies are matched at any price.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 · Coarse of one, fine of the other
#
# Back to the style-based generator. Its four layers need not all get the same $w$. Give the first ones that of image
# $a$, the others that of image $b$:

# %% [markdown] exercise="style_mix"
# Write `style_mix(w_a, w_b, crossover)`: the styles `(B, layers, D)` in which the layers before number `crossover`
# (counted from 0) are those of `w_a` and the rest those of `w_b`. With `crossover` 0 all are b's, with `crossover`
# equal to the number of layers all are a's.
#
# `w_a` and `w_b` are `(B, layers, D)` and stay as they are.


# %%
def style_mix(w_a: Tensor, w_b: Tensor, crossover: int) -> Tensor:
    """Styles of a up to a layer, those of b from there on: (B, layers, D)."""
    ### BEGIN SOLUTION
    coarse, fine = w_a[:, :crossover], w_b[:, crossover:]
    return torch.cat([coarse, fine], dim=1)
    ### END SOLUTION


# %%
style_mix = check("style_mix", style_mix)

# %% slideshow={"slide_type": "skip"}
with torch.no_grad():
    w_rows, w_columns = artist.styles(z(4)), artist.styles(z(8))
    pairs = [(row, column) for row in w_rows for column in w_columns]
    w_a, w_b = (torch.stack(part) for part in zip(*pairs, strict=True))


def paint(w: Tensor) -> Tensor:
    """Images of styles, always with the same noise."""
    with torch.no_grad():
        return artist.synthesise(w, Generator().manual_seed(0))


mixed = paint(style_mix(w_a, w_b, 2)).view(4, 8, 1, 28, 28)
blank = torch.ones(1, 1, 28, 28)
table = [blank, paint(w_columns)]
for source, row in zip(paint(w_rows), mixed, strict=True):
    table += [source[None], row]

# %% slideshow={"slide_type": "subslide"}
show(
    image_grid(
        torch.cat(table),
        n_columns=9,
        row_labels=["b", "a", "a", "a", "a"],
        column_labels=["a", *["b"] * 8],
        cell_inches=0.8,
        title="Rows share their coarse styles, columns their fine ones",
    ),
    alt="A table of images. The top row holds eight sources b, the left column four sources a; each other image has "
    "the coarse styles of its row's a and the fine styles of its column's b.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Which layer decides?
#
# Move the crossover from 0 to 4, over many pairs, and see how far the mixture is from both sources.

# %% slideshow={"slide_type": "fragment"}
with torch.no_grad():
    w_a, w_b = artist.styles(z(200)), artist.styles(z(200))
images_a, images_b = paint(w_a), paint(w_b)
mixtures = [paint(style_mix(w_a, w_b, crossover)) for crossover in range(5)]
from_a, from_b = (torch.tensor([off(m, source) for m in mixtures]) for source in (images_a, images_b))

# %% slideshow={"slide_type": "skip"}
figure, axes = new_figure(figsize=(9.5, 3.6))
axes.plot(from_a, "o-", color=COLOURS["data"], label="from a")
axes.plot(from_b, "s--", color=COLOURS["model"], label="from b")
axes.set(title="Each layer handed over brings the mixture nearer to its new owner", xticks=range(5))
axes.set(xlabel="number of layers that have the style of a", ylabel="distance of a pixel", ylim=(0, None))
axes.legend(loc="center right")
axes.grid(axis="x", visible=False)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Distance of the mixture from source a and from source b against the number of layers that have the style "
    "of a. The distance from a falls to zero at four layers, the distance from b rises from zero.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
print(
    "no layer of a: the image is b; all of them: the image is a:",
    bool(from_b[0] < 1e-5),
    bool(from_a[4] < 1e-5),
)
print("no layer takes the mixture away from a by more than 0.01:", bool((from_a.diff() < 0.01).all()))
print("or nearer to b by more than that:", bool((from_b.diff() > -0.01).all()))
print("three layers of a outweigh the last one of b:", bool(from_a[3] < from_b[3]))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Try it
#
# Order a class on the left; on the right, choose two sources of style, and where the one gives way to the other.

# %% slideshow={"slide_type": "fragment"}
conditional_artist = ordered.average.module.eval()
style_mixing_playground(conditional_artist, artist, data)

# %% [markdown] slideshow={"slide_type": "notes"}
# Let the class find two sources of different digits and move the crossover one layer at a time. *Ask:* "Is there a
# layer at which the digit changes, and what changes at the others?" In large models pose and shape are coarse, colour
# is fine. Here there is no colour to be had, and four layers share the work less cleanly.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 · Side by side
#
# The same data, the same number of steps, the same ruler; one run each, here in your notebook:

# %% slideshow={"slide_type": "fragment"}
print(f"{'':14s}{'seconds':>9s}{'distance':>10s}{'precision':>11s}{'recall':>8s}")
print(f"{'training data':14s}{'':9s}{real.frechet:10.3f}{real.precision:11.2f}{real.recall:8.2f}")
for name, images in samples.items():
    s = measure(images)
    print(f"{name:14s}{seconds[name]:9.1f}{s.frechet:10.3f}{s.precision:11.2f}{s.recall:8.2f}")

# %% slideshow={"slide_type": "subslide"}
show(
    image_grid(
        torch.cat([images[:12] for images in samples.values()]),
        n_columns=12,
        row_labels=list(samples),
        cell_inches=0.7,
        title=f"Four games after {STEPS} steps, first images, none selected",
    ),
    alt="Four rows of twelve generated images: plain, conditional, progressive and style-based game. None were "
    "selected.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### And with more seeds
#
# One run proves little: another seed, another table. So a benchmark (`python -m tests.benchmarks modern_gans`) has
# played these games, in their short forms from `course_utils/zoo`, on the default digits: with three seeds for 200
# steps, with two for 1,000. **The numbers that follow are the benchmark's, not this notebook's.**

# %% slideshow={"slide_type": "skip"}
BENCHMARK = {  # steps -> model -> for each seed: (distance, precision, recall) of 1,000 samples
    200: {
        "plain": [(0.130, 0.50, 0.56), (0.165, 0.55, 0.39), (0.278, 0.46, 0.14)],
        "conditional": [(0.088, 0.88, 0.39), (0.078, 0.87, 0.51), (0.187, 0.56, 0.44)],
        "progressive": [(0.232, 0.35, 0.38), (0.207, 0.44, 0.40), (3.058, 0.00, 0.00)],
        "style": [(0.263, 0.53, 0.07), (0.359, 0.56, 0.07), (0.252, 0.55, 0.10)],
    },
    1000: {
        "plain": [(0.055, 0.59, 0.86), (0.058, 0.58, 0.81)],
        "conditional": [(0.065, 0.92, 0.73), (0.056, 0.88, 0.77)],
        "progressive": [(0.123, 0.58, 0.75), (0.070, 0.58, 0.83)],
        "style": [(0.130, 0.69, 0.11), (0.143, 0.68, 0.14)],
    },
}
LOOK = dict(zip(BENCHMARK[200], zip((0, 6, 8, 5), "osD^", strict=True), strict=True))  # colour, marker

figure, (left_panel, right_panel) = new_figure(1, 2, figsize=(10.5, 4.2))
figure.suptitle("Five times the steps help every game; a label buys precision", x=0.01, ha="left")
for i, (name, (colour, marker)) in enumerate(LOOK.items()):
    look = {"color": CLASS_COLOURS[colour], "marker": marker, "ms": 8, "lw": 1.5}
    for shift, (steps, runs) in zip((-0.15, 0.15), BENCHMARK.items(), strict=True):
        fill = {"mfc": "white"} if steps == 200 else {}
        distances, precisions, recalls = zip(*runs[name], strict=True)
        left_panel.plot([i + shift] * len(runs[name]), distances, ls="", **look, **fill)
        right_panel.plot(recalls, precisions, ls="", **look, **fill, label=f"{name}, {steps} steps")
left_panel.axhline(0.013, color=COLOURS["truth"], ls=":")
left_panel.text(3.4, 0.0145, "training images", ha="right", va="bottom", fontsize=12)
left_panel.set(
    yscale="log", ylabel="Frechet distance", xticks=range(4), title="hollow: 200 steps; full: 1,000"
)
left_panel.set_xticks(range(4), list(LOOK), fontsize=12)
right_panel.set(xlabel="recall", ylabel="precision", xlim=(-0.03, 1), ylim=(-0.03, 1))
right_panel.set(title="up: better; right: more of it")
left_panel.grid(axis="x", visible=False)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Left: Frechet distances on a logarithmic scale, for plain, conditional, progressive and style-based game. "
    "After 1,000 steps all are lower than after 200, and all are above that of training images. Right: precision "
    "against recall. The conditional game is highest in precision after 1,000 steps; the style-based one has the "
    "least recall.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
print(f"{'':12s}{'distances after 200 steps':>28s}{'after 1,000':>16s}{'precision':>14s}{'recall':>12s}")
for name in LOOK:
    short, long = ([f"{run[0]:.2f}" for run in runs[name]] for runs in BENCHMARK.values())
    late = [" ".join(f"{run[k]:.2f}" for run in BENCHMARK[1000][name]) for k in (1, 2)]
    print(f"{name:12s}{' '.join(short):>28s}{' '.join(long):>16s}{late[0]:>14s}{late[1]:>12s}")
# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What can be read off, and what cannot
#
# * **Steps beat ideas.** From 200 to 1,000 every game improves with every seed that played both. At 200 steps the
#   order of the games depends on the seed, but for the first place, which is the label's with each.
# * **The label buys precision** against the plain game, with every seed and at both budgets. Remember that this game is
#   told something that the others are not.
# * **The style-based generator is narrow**: more precise than the plain one after 1,000 steps, with little recall, and
#   not for lack of steps.
# * **Does growing help? These numbers can't tell.** The same networks at 28x28 from the first step on had distances of
#   6.78, 0.57 and 0.17 after 200 steps, against 0.23, 0.21 and 3.06 when grown. Better with two seeds and worse with
#   one, and either way one of three games was lost: precision 0.00, recall 0.00.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Your paper's new GAN beats the old one by 20 % in the table on the last slide but one. What does the reviewer
# ask?" (How many seeds? Was the old one tuned as long? Same number of samples in the metric? Steps or seconds?) Then:
# "Which of the four would you take if the labels were free?"

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# * **Conditional:** the judge must see the label, else nobody minds when the order is ignored. The best logit is
#   $\log \frac{p(x)}{q(x)} + \log \frac{p(y|x)}{q(y|x)}$; its second part is an inner product of a class vector with
#   features.
# * **Progressive:** play at 7x7 first, then grow, and fade each new layer in: $(1 - \alpha)\,\mathrm{up}(low) +
#   \alpha\, high$, for the real images as well.
# * **Style-based:** a constant, painted over by adaptive instance normalisation, which wipes out the style that was
#   there. A mapping network bends Gaussian codes into the shape of the data; noise takes care of the accidental; styles
#   of two images can be mixed by layers.
# * **Unpaired:** two games and a cycle. Consistency excludes what cannot be undone, not what is wrong: six of six
#   permutations pass, and networks hide what they need for the way back.
# * **Comparing:** equal budget, one ruler, several seeds. A game's outcome varies with the seed as much as between
#   methods.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Check yourself
#
# 1. You give the label to the generator only. The samples are excellent. What happens when you order a seven?
# 2. In the projection, the class vectors are all set to 0. Which discriminator is left?
# 3. While a layer is faded in, you show the judge real images at full sharpness. Who wins, and how?
# 4. You apply AdaIN twice in a row, with two styles. Which one is seen?
# 5. Your translator turns horses into zebras and inverts left and right as well. Which loss complains?
# 6. A generator makes one perfect image of each class, over and over. What do precision, recall and Frechet distance
#    say?
#
# <details>
# <summary>Answers</summary>
#
# 1. Any digit may come: no loss depends on whether it is a seven.
# 2. The plain one, $w^\top \phi(x) + b$.
# 3. The judge: sharp means real. It learns nothing about digits, and the generator only that it should be sharp,
#    which it cannot be while $\alpha$ is small.
# 4. The second alone, up to the signs of the first's scales: the first mean and size are wiped out. (Only if a scale
#    of the first is 0 is a map lost for good.)
# 5. None, if the way back inverts them again and mirrored zebras look like zebras. Only a loss that compares with the
#    source itself would, or networks that find mirroring hard.
# 6. Precision 1, recall near 0; the distance is middling: the means may agree, the covariances within the classes are
#    missing.
#
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# ## References
#
# * M. Mirza, S. Osindero (2014). *Conditional generative adversarial nets.* arXiv:1411.1784.
# * T. Miyato, M. Koyama (2018). *cGANs with projection discriminator.* arXiv:1802.05637.
# * T. Karras, T. Aila, S. Laine, J. Lehtinen (2018). *Progressive growing of GANs for improved quality, stability, and
#   variation.* arXiv:1710.10196. Fading in; the deviation of a minibatch.
# * X. Huang, S. Belongie (2017). *Arbitrary style transfer in real-time with adaptive instance normalization.*
#   arXiv:1703.06868.
# * T. Karras, S. Laine, T. Aila (2019). *A style-based generator architecture for generative adversarial networks.*
#   arXiv:1812.04948. Mapping network, noise inputs, style mixing.
# * T. Karras, S. Laine, M. Aittala, J. Hellsten, J. Lehtinen, T. Aila (2020). *Analyzing and improving the image
#   quality of StyleGAN.* arXiv:1912.04958. What took the place of growing and of AdaIN.
# * J.-Y. Zhu, T. Park, P. Isola, A. A. Efros (2017). *Unpaired image-to-image translation using cycle-consistent
#   adversarial networks.* arXiv:1703.10593.
# * C. Chu, A. Zhmoginov, M. Sandler (2017). *CycleGAN, a master of steganography.* arXiv:1712.02950. The hidden marks.
# * M. Heusel, H. Ramsauer, T. Unterthiner, B. Nessler, S. Hochreiter (2017). *GANs trained by a two time-scale update
#   rule converge to a local Nash equilibrium.* arXiv:1706.08500. The Frechet distance.
# * T. Kynkäänniemi, T. Karras, S. Laine, J. Lehtinen, T. Aila (2019). *Improved precision and recall metric for
#   assessing generative models.* arXiv:1904.06991.
# * M. Lucic, K. Kurach, M. Michalski, S. Gelly, O. Bousquet (2018). *Are GANs created equal? A large-scale study.*
#   arXiv:1711.10337. Budget and seeds matter more than most inventions.
