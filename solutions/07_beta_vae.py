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
# # 7 · Beta-VAE and disentanglement
#
# Somebody drew ellipses: chose a size, a place from left to right, a place from top to bottom, and drew. We get the
# pictures, and nobody tells us about the three choices.
#
# > **Can a model find out, without labels, what its images are made of?**
#
# The answer is yes, no, and "look at the error bars". This lecture gives all three, in this order.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## What you will be able to do
#
# * say what $\beta$ is: the price of a nat, with a curve of offers to choose from,
# * predict, in a case solved by hand, which latent dimensions a given $\beta$ switches off,
# * take the KL term apart into information, total correlation and the rest, and measure all three,
# * implement a measure of disentanglement, and name codes that fool it,
# * explain why no such method can work on likelihood alone, and what makes them work all the same, sometimes.
#
# **You need** lectures 3, 4 and 6, and a little information theory (entropy, mutual information).
# **Time:** 90 minutes of lecture, about 60 minutes of exercises; the notebook itself runs in half a minute.

# %% [markdown] slideshow={"slide_type": "notes"}
# **Timing (90 min):** the data 4, the constraint 8, water-filling 12, warming up and free bits 10, the sweep 12,
# traversals and player 10, three parts of the KL term 12, metrics 12, impossibility 10.
#
# *Ask first, before any slide:* "You see ten thousand pictures of ellipses. Which numbers would you use to describe
# one?" Most say x, y, size. "Why not x + y and x - y?" Keep the answers on the board until section 9.

# %% slideshow={"slide_type": "skip"}
import math

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.data import few_shapes
from course_utils.exercises import check
from course_utils.gaussian import LOG_2PI, kl_standard_normal, kl_standard_normal_per_dim, reparameterize
from course_utils.metrics import dci, factor_vae_score, gaussian_total_correlation, mutual_information, sap
from course_utils.models import VAEEnsemble
from course_utils.plotting import CLASS_COLOURS, COLOURS, image_grid, new_figure, show, use_course_style
from course_utils.runtime import seed_everything
from course_utils.widgets import traversal_playground

use_course_style()

# %% slideshow={"slide_type": "skip"}
generator = seed_everything(0)

BETAS = 0.5, 1.0, 2.0, 4.0, 8.0  # the sweep
N_SEEDS = 6  # models for each setting
LATENT_DIM = 6  # twice as many as there are factors
STEPS = 1400  # of Adam, for all models together
WARMUP = 350  # steps until beta is reached
BATCH_SIZE, LR = 64, 1e-2
FACTORS = "scale", "x", "y"

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The data: few shapes, all factors known
#
# To say whether a code is "right" we need to know what the images were made from. So this lecture uses drawn shapes
# whatever `COURSE_DATASET` says, and few of them: flat ellipses of 4 scales at 8 x 8 places, all 256 combinations,
# on 12 x 12 pixels. They are so small because we shall train 42 models, to have error bars.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
x, factors = few_shapes()
print(f"x: {tuple(x.shape)}, {x.dtype}, all in [0, 1]: {bool(((x >= 0) & (x <= 1)).all())}")
print(
    "factors:",
    {name: len(column.unique()) for name, column in zip(FACTORS, factors.T, strict=True)},
    "levels",
)
print(f"entropy of the images: log 256 = {math.log(256):.3f} nats")

# %% slideshow={"slide_type": "subslide"}
number = torch.arange(256).view(4, 8, 8)  # of the image with a given scale, x and y
middle = (2, 3, 3)


def row_of(factor: int) -> Tensor:
    """Eight images in which one factor takes its levels in turn, the others being middling."""
    at = list(middle)
    at[factor] = slice(None)
    return x[number[tuple(at)]][torch.linspace(0, number.shape[factor] - 1, 8).long()]


rows = torch.cat([row_of(k) for k in range(3)])
show(
    image_grid(
        rows,
        n_columns=8,
        row_labels=FACTORS,
        cell_inches=0.85,
        title="Three numbers make every one of 256 images",
    ),
    alt="Three rows of small white ellipses on black. In the first the ellipse grows, in the second it moves from "
    "left to right, in the third, by less, from top to bottom.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 · A constraint, and its price
#
# A VAE's code costs something: the KL term, in nats per image, which we now call the **rate** $R$. What it buys is a
# small reconstruction error, the **distortion** $D = -E[\log p(x|z)]$. Put the rate on a budget:
#
# $$\max_{\theta, \phi}\; E\big[\log p_\theta(x|z)\big] \quad\text{subject to}\quad
# E_x\big[D_{KL}(q_\phi(z|x) \,\|\, p(z))\big] \le C .$$
#
# With a Lagrange multiplier $\beta \ge 0$ for the constraint, one minimises
#
# $$\mathcal{L} = \underbrace{-E[\log p(x|z)]}_{D} + \beta\,\big(\underbrace{E_x\, D_{KL}(q \,\|\, p)}_{R} - C\big),
# \qquad\text{that is}\qquad D + \beta R .$$

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What the multiplier says
#
# * $\beta$ is a **price**: at the optimum one more nat of rate would save $\beta$ nats of distortion, $dD/dR =
#   -\beta$.
# * The term $-\beta C$ has no gradient. So instead of choosing a budget $C$ one chooses a price $\beta$, trains, and
#   sees which budget it was.
# * $\beta = 1$ is the negative ELBO. For $\beta > 1$, $-(D + \beta R)$ is still a lower bound of $\log p(x)$, only a
#   looser one (the KL term is not negative). For $\beta < 1$ it is no bound at all.
#
# Higgins et al. (2017), who proposed it, wanted $\beta > 1$: a narrow channel, they argued, is used best by a code
# whose dimensions are independent. We shall measure it.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Somebody reports beta = 250 and somebody else beta = 4. Who presses harder?" (Can't say: it depends on the
# number of pixels, because D is summed over them. On 28 x 28 instead of 12 x 12 pixels the same pressure needs a beta
# about five times as large. If D is *averaged* over pixels, divide by their number.)

# %% [markdown] exercise="beta_vae_loss"
# Write `beta_vae_loss(x, logits, mu, logvar, beta)`: $D + \beta R$ for a batch, a scalar to be minimised, with
# Bernoulli pixels and one draw of $z$ per image, from which the logits were decoded.
#
# * `x` and `logits` have one shape `(B, 1, H, W)`; pixels may be grey. `mu` and `logvar` are `(B, D)`, `logvar` is
#   $\log\sigma^2$, the prior is $N(0, I)$, and `beta` is a number.
# * Per image both terms are **sums** (over pixels, over latent dimensions), in nats; then the mean over the batch.
# * Gradients flow to `logits`, `mu` and `logvar`. Logits of -300 and 300 must work, and `logvar` of -200.
#
# For example: one image of two white pixels, logits 0, `mu = [[1.0, 1.0]]`, `logvar = [[0.0, 0.0]]`, `beta = 4`. The
# pixels cost $2 \log 2 = 1.386$, the KL term is 1, so the loss is 5.386.


# %%
def beta_vae_loss(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> Tensor:
    """Distortion plus beta times rate, the mean over the batch: a scalar."""
    ### BEGIN SOLUTION
    pixels = F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)
    return (pixels + beta * kl_standard_normal(mu, logvar)).mean()
    ### END SOLUTION


# %%
beta_vae_loss = check("beta_vae_loss", beta_vae_loss)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 · A case solved by hand: water-filling
#
# Let the data be Gaussian with independent coordinates, $x_j \sim N(0, \lambda_j)$, pixels Gaussian with variance 1,
# encoder and decoder linear, one latent dimension for each coordinate:
#
# $$q(z_j|x) = N(a_j x_j,\, \tau_j^2), \qquad \hat x_j = w_j z_j .$$
#
# Per coordinate, with the squared error $e = (1 - wa)^2 \lambda + w^2\tau^2$, the two terms are
#
# $$D = \tfrac12\, e, \qquad R = \tfrac12\big(a^2\lambda + \tau^2 - 1 - \log \tau^2\big) .$$

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The optimum
#
# For $\lambda > \beta$ the best error is $e = \beta$, whatever $\lambda$ is; for $\lambda \le \beta$ it is not worth
# coding the coordinate at all, and $e = \lambda$:
#
# $$e_j = \min(\lambda_j, \beta), \qquad R_j = \tfrac12 \log\frac{\lambda_j}{e_j}, \qquad
# a = \sqrt{\tfrac{1 - e/\lambda}{\lambda}}, \quad \tau^2 = \tfrac{e}{\lambda}, \quad w = \lambda a .$$
#
# <details>
# <summary>Why, in four steps</summary>
#
# 1. The average KL term is at least the mutual information $I(x; z)$ (section 7), with equality when the codes of all
#    data together are distributed like the prior.
# 2. A Gaussian of variance $\lambda$ can't be told to a squared error $e$ in fewer than $\frac12 \log(\lambda/e)$ nats
#    (the rate-distortion function of a Gaussian, Shannon). So $D + \beta R \ge \frac12 e + \frac\beta2
#    \log\frac\lambda e$.
# 3. The right side has the derivative $\frac12 - \frac{\beta}{2e}$ in $e$: the minimum is at $e = \beta$, or at the
#    end, $e = \lambda$, if that comes first.
# 4. The $a$, $\tau^2$, $w$ above reach it: $a^2\lambda + \tau^2 = 1$, so the codes are distributed like the prior and
#    $R = -\frac12\log\tau^2 = \frac12\log\frac\lambda e$; and $wa = 1 - e/\lambda$ gives $(e/\lambda)^2\lambda + (1 -
#    e/\lambda)\, e = e$.
#
# </details>


# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
def objective(parameters: Tensor, variance: float, beta: float) -> Tensor:
    """D + beta R of one coordinate, from (a, w, log tau^2)."""
    a, w, log_tau2 = parameters
    error = (1 - w * a) ** 2 * variance + w**2 * log_tau2.exp()
    return error / 2 + beta / 2 * (a**2 * variance + log_tau2.exp() - 1 - log_tau2)


for variance, beta in (9.0, 1.0), (9.0, 4.0), (1.0, 4.0):
    e = min(variance, beta)
    a = math.sqrt((1 - e / variance) / variance)
    best = torch.tensor([a, variance * a, math.log(e / variance)], dtype=torch.float64, requires_grad=True)
    value = objective(best, variance, beta)
    (slope,) = torch.autograd.grad(value, best)
    bound = e / 2 + beta / 2 * math.log(variance / e)
    print(f"lambda {variance:.0f}, beta {beta:.0f}: D + beta R = {value:.4f}, formula {bound:.4f},",
          "gradient 0:", bool(slope.abs().max() < 1e-9))  # fmt: skip


# %% slideshow={"slide_type": "skip"}
def gaussian_curve(variances: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
    """Rate and distortion at the optimum, for each beta: (n,) each."""
    error = torch.minimum(variances, beta[:, None])  # (n, coordinates)
    return (variances / error).log().sum(1) / 2, error.sum(1) / 2


lambdas = torch.tensor([9.0, 4.0, 1.0, 0.25])
rate, distortion = gaussian_curve(lambdas, torch.logspace(-1.2, 1, 200))
figure, (bars, axes) = new_figure(1, 2, figsize=(10, 3.9), width_ratios=(1, 1.25))
bars.bar(range(1, 5), lambdas, color=COLOURS["reconstruction"], label="kept")
bars.bar(range(1, 5), lambdas.clamp(max=2), color=COLOURS["neutral"], label="given up")
bars.axhline(2, color=COLOURS["kl"], linestyle="--")
bars.annotate(
    "beta = 2", (4.5, 2), xytext=(-4, 5), textcoords="offset points", color=COLOURS["kl"], ha="right"
)
bars.set(title="Beta is the water level", xlabel="coordinate", ylabel="variance", xticks=range(1, 5))
bars.legend()
axes.plot(rate, distortion, color=COLOURS["model"])
for beta in (0.5, 2.0, 6.0):
    r, d = (v.item() for v in gaussian_curve(lambdas, torch.tensor([beta])))
    reach = torch.tensor([-0.9, 0.9]) / math.sqrt(1 + (beta / 2) ** 2)
    axes.plot(r + reach, d - beta * reach, color=COLOURS["kl"], linestyle="--", linewidth=1.8)
    axes.plot(r, d, "o", color=COLOURS["kl"], markersize=8)
    axes.annotate(f"beta = {beta:g}", (r, d), xytext=(9, 7), textcoords="offset points")
axes.set(title="and the slope of the curve is -beta", xlabel="rate in nats", ylabel="distortion in nats")
axes.set(ylim=(0, 7.5), xlim=(-0.2, 5))
show(
    figure,
    alt="Left: bars of height 9, 4, 1 and a quarter. Up to the dashed level beta = 2 they are grey, given up; the "
    "parts of the first two bars above it are kept; the last two are all under water. Right: distortion against "
    "rate, a falling convex curve, with dashed tangents at three points that get flatter as beta gets smaller.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Read it like this
#
# * Every coordinate that is coded at all has the **same** error $\beta$. More variance buys a longer code, not a
#   better one.
# * A coordinate with $\lambda_j \le \beta$ is **switched off**: its posterior is the prior. This is the posterior
#   collapse of lecture 6, and here it isn't a failure of training. It is the optimum.
# * $D$ and $R$ depend on $\beta$, and $\frac{dD}{d\beta} = \frac n2$, $\frac{dR}{d\beta} = -\frac{n}{2\beta}$ for $n$
#   active coordinates, so $\frac{dD}{dR} = -\beta$.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
for beta in (0.5, 2.0, 6.0):
    r, d = gaussian_curve(lambdas, torch.tensor([beta * 0.999, beta * 1.001]))
    n_active = int((lambdas > beta).sum())
    print(
        f"beta {beta}: {n_active} of 4 coordinates active, slope of the curve {(d.diff() / r.diff()).item():.2f}"
    )

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Two coordinates have exactly the same variance. Which codes are optimal?" (Any rotation of the two: the
# Gaussian is round, all pairs of axes are equally good. When all variances differ, the axes are forced. Remember this
# for section 9: it is the difference between what can be found and what can't.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 · Getting to the optimum: warm up, or set a floor
#
# An optimum is one thing, finding it another. Look at the state in which the code is unused, $a = w = 0$, $\tau = 1$:
# the gradient is zero there **for every** $\beta$. (A decoder that ignores the code gives the encoder no reason to
# write, and an encoder that writes nothing gives the decoder no reason to read.) Whether one gets away depends on the
# second derivatives in $(a, w)$,
#
# $$H = \begin{pmatrix} \beta\lambda & -\lambda \\ -\lambda & 1 \end{pmatrix}, \qquad
# \det H = \lambda\,(\beta - \lambda) .$$
#
# Negative for $\lambda > \beta$: a saddle, with a way out. But a nearly flat one if $\beta$ is only a little below.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
unused = torch.zeros(3, dtype=torch.float64)
for beta in (0.0, 1.0, 3.0, 8.0):
    hessian = torch.autograd.functional.hessian(lambda p, b=beta: objective(p, 4.0, b), unused)[:2, :2]
    formula = torch.tensor([[4.0 * beta, -4.0], [-4.0, 1.0]], dtype=torch.float64)
    lowest = torch.linalg.eigvalsh(hessian)[0]
    print(f"lambda 4, beta {beta:.0f}: formula holds: {torch.allclose(hessian, formula)},",
          f"lowest curvature {lowest:+.2f}:", "a way out" if lowest < 0 else "held fast")  # fmt: skip

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### KL annealing
#
# At $\beta = 0$ the way out is more than ten times steeper than at $\beta = 3$. So start there, and raise the price
# once the code is in use: from 0 at step 0 on a straight line to $\beta$ at the end of the warm-up. **The objective
# at the end is the same**; annealing changes only where one comes from.

# %% [markdown] exercise="kl_annealing"
# Write `kl_annealing(step, warmup, beta)`: the weight of the KL term at a step of training, a float.
#
# * 0 at step 0, a straight line, `beta` at step `warmup` and ever after.
# * `warmup = 0` means no warm-up: `beta` from step 0 on.
#
# For example: `kl_annealing(50, 100, 4.0)` is 2.0, and `kl_annealing(500, 100, 4.0)` is 4.0.


# %%
def kl_annealing(step: int, warmup: int, beta: float) -> float:
    """Weight of the KL term: a line from 0 to beta over ``warmup`` steps, then flat."""
    ### BEGIN SOLUTION
    if step >= warmup:
        return beta
    return beta * step / warmup
    ### END SOLUTION


# %%
kl_annealing = check("kl_annealing", kl_annealing)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Free bits
#
# The other way changes the objective: each dimension gets $\lambda$ nats **for nothing**. Only what it costs above
# this floor is paid for,
#
# $$R_\lambda = \sum_j \max\Big(\lambda,\; \frac1B \sum_b D_{KL}\big(q(z_j|x_b) \,\|\, p(z_j)\big)\Big) .$$
#
# A dimension below the floor feels no pressure from the KL term, so nothing pushes it back to the prior.

# %% [markdown] exercise="free_bits"
# Write `free_bits(kl_per_dim, lam)`: the formula above. `kl_per_dim` is `(B, D)`, the KL term of every example and
# dimension in nats; `lam` is a number of nats (in spite of the name). The result is a scalar.
#
# * Average over the batch **first**, then compare each dimension with the floor, then sum.
# * Gradients flow to `kl_per_dim` where a dimension is above the floor, and there is no gradient below it.
#
# For example: `kl_per_dim = [[0.0, 3.0], [0.2, 1.0]]` has the means 0.1 and 2.0. With `lam = 0.5` the result is 0.5 +
# 2.0 = 2.5.


# %%
def free_bits(kl_per_dim: Tensor, lam: float) -> Tensor:
    """The KL term with a floor of ``lam`` nats under each dimension's batch mean: a scalar."""
    ### BEGIN SOLUTION
    per_dimension = kl_per_dim.mean(0)
    return per_dimension.clamp(min=lam).sum()
    ### END SOLUTION


# %%
free_bits = check("free_bits", free_bits)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 · Forty-two models
#
# Now networks, on the shapes. One model shows nothing: we train six of each kind, from six initialisations.
#
# | kind | $\beta$ | warm-up | floor |
# |---|---|---|---|
# | the sweep | 0.5, 1, 2, 4, 8 | 350 steps | none |
# | cold start | 4 | none | none |
# | free bits | 8 | 350 steps | 0.3 nats per dimension |
#
# All are MLPs of the same size, 144 pixels, 32 hidden units, 6 latent dimensions and back. `VAEEnsemble` holds them
# side by side (every weight matrix has a leading dimension for the model), so that one loop trains them all.

# %% slideshow={"slide_type": "subslide"}
sweep = [(beta, WARMUP, 0.0) for beta in BETAS for _ in range(N_SEEDS)]
settings = sweep + [(4.0, 0, 0.0)] * N_SEEDS + [(8.0, WARMUP, 0.3)] * N_SEEDS  # (beta, warm-up, floor)
members = {beta: range(k * N_SEEDS, (k + 1) * N_SEEDS) for k, beta in enumerate(BETAS)}
members |= {"cold start": range(30, 36), "free bits": range(36, 42)}

beta_of, _, floor = torch.tensor(settings).T  # (42,) each
models = VAEEnsemble(len(settings), side=12, latent_dim=LATENT_DIM, hidden_dim=32, generator=generator)
optimizer = torch.optim.Adam(models.parameters(), lr=LR, fused=True)


# %% slideshow={"slide_type": "fragment"}
def run(batch: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Distortion of each image (M, B), and logits, mu and logvar, of all models; one draw of z."""
    mu, logvar = models.encode(batch)  # (M, B, D)
    logits = models.decode(reparameterize(mu, logvar, generator))  # (M, B, 1, 12, 12)
    pixels = F.binary_cross_entropy_with_logits(logits, batch.expand_as(logits), reduction="none")
    return pixels.flatten(2).sum(2), logits, mu, logvar


# %% slideshow={"slide_type": "subslide"}
nats_of_dimensions = []  # (M, D) at every step
torch.set_flush_denormal(True)  # numbers below 1e-38, which cost a CPU time, count as 0
for step in range(STEPS):
    optimizer.param_groups[0]["lr"] = LR * min(1.0, 2 * (1 - step / STEPS))  # falls in the second half
    batch = x[torch.randint(len(x), (BATCH_SIZE,), generator=generator)]
    pixel_cost, _, mu, logvar = run(batch)
    kl = kl_standard_normal_per_dim(mu, logvar).mean(1)  # (M, D), the batch mean
    price = torch.tensor([kl_annealing(step, warmup, beta) for beta, warmup, _ in settings])
    loss = pixel_cost.mean(1) + price * torch.maximum(kl, floor[:, None]).sum(1)  # (M,)
    optimizer.zero_grad()
    loss.sum().backward()
    optimizer.step()
    nats_of_dimensions.append(kl.detach())
torch.set_flush_denormal(False)
nats_of_dimensions = torch.stack(nats_of_dimensions)  # (STEPS, M, D)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The loop writes the loss of all models in one line. Is it yours? For one model of each kind:

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
with torch.no_grad():
    pixel_cost, logits, mu, logvar = run(x)  # all 256 images, for everything that follows
    kl = kl_standard_normal_per_dim(mu, logvar)  # (M, 256, D)
    for m in (0, 20, 33):
        ours = pixel_cost[m].mean() + beta_of[m] * kl[m].mean(0).sum()
        same = torch.isclose(ours, beta_vae_loss(x, logits[m], mu[m], logvar[m], settings[m][0]), rtol=1e-4)
        print(f"beta {settings[m][0]:g}: the loop's loss is beta_vae_loss: {bool(same)}")
    ours = torch.maximum(kl[40].mean(0), floor[40]).sum()
    print(
        "with a floor, its KL term is free_bits:",
        torch.isclose(ours, free_bits(kl[40], 0.3), rtol=1e-4).item(),
    )

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What warming up and free bits did
#
# A dimension is "in use" here if it costs more than 0.05 nats.

# %% slideshow={"slide_type": "fragment"}
in_use = (nats_of_dimensions > 0.05).sum(2).float()  # (STEPS, M)
final = kl.mean(1)  # (M, D) nats of each dimension
figure, (left, right) = new_figure(1, 2, figsize=(10, 3.8), width_ratios=(1.3, 1))
for label, kind, colour, style in (
    ("annealed", 4.0, "model", "-"),
    ("cold start", "cold start", "baseline", "--"),
):
    curve = in_use[:, members[kind]].mean(1)
    left.plot(curve, style, color=COLOURS[colour], label=label)
left.axvline(WARMUP, color=COLOURS["neutral"], linestyle=":")
left.set(title="A cold start loses its dimensions first", xlabel="training step", ylim=(-0.2, 6.3))
left.set(ylabel="dimensions in use, mean of 6")
left.legend(title="beta = 4", loc="upper right")
for kind, label, colour, shift in ((8.0, "plain", "kl", -0.2), ("free bits", "free bits", "posterior", 0.2)):
    heights = final[members[kind]].sort(1, descending=True).values.mean(0)
    right.bar(torch.arange(1, 7) + shift, heights, 0.38, color=COLOURS[colour], label=label)
right.axhline(0.3, color=COLOURS["truth"], linestyle=":", label="floor")
right.set(
    title="Free bits are spent, all of them",
    xlabel="dimension, busiest first",
    ylabel="nats",
    xticks=range(1, 7),
)
right.set_ylim(0, 0.62)
right.legend(title="beta = 8", loc="upper right", ncols=3, columnspacing=0.8, handlelength=1.2)
show(
    figure,
    alt="Left: the number of dimensions in use during training at beta 4. Annealed models start with all six and "
    "come down to three; models started cold lose all of them within some dozen steps and then climb to a mean a "
    "little below three. Right: nats per dimension at beta 8. Without a floor two dimensions carry about 0.3 nats "
    "each and four nothing; with free bits all six carry about 0.3.",
)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
early = in_use[20:60].mean(0)
print("steps 20 to 60: annealed models use more than 4 dimensions:", bool((early[members[4.0]] > 4).all()))
print("                models started cold use fewer than 3:", bool((early[members["cold start"]] < 3).all()))
with_floor = final[members["free bits"]]
print(
    "free bits: every dimension ends between 0.2 and 0.6 nats:",
    bool(((with_floor > 0.2) & (with_floor < 0.6)).all()),
)
plain, helped = (pixel_cost[members[kind]].mean() for kind in (8.0, "free bits"))
print("free bits at beta 8 save more than 3 nats of distortion:", bool(plain - helped > 3))

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Free bits keep six dimensions busy. The data has three factors. Is this good?" (For reconstruction yes. For
# reading the code, no: with a free allowance for everybody, each factor is spread over several dimensions. Section 8
# has the number.) "Can annealing save a dimension with lambda < beta?" (No: at the end the objective is the same.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 · The rate-distortion curve
#
# Each $\beta$ gives a point $(R, D)$. We count distortion from the best possible value (a grey pixel has an entropy
# of its own), so that 0 is a perfect reconstruction. One thing can be said before looking: if both models are
# optimal for their price, neither would gain by taking the other's offer, so for $\beta_1 < \beta_2$
#
# $$D_1 + \beta_1 R_1 \le D_2 + \beta_1 R_2, \quad D_2 + \beta_2 R_2 \le D_1 + \beta_2 R_1
# \quad\Longrightarrow\quad \beta_1 \;\le\; \frac{D_2 - D_1}{R_1 - R_2} \;\le\; \beta_2 .$$
#
# The chord between two points is as steep as a price between the two.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
entropy_of_grey = -(torch.xlogy(x, x) + torch.xlogy(1 - x, 1 - x)).sum((1, 2, 3)).mean()
D = pixel_cost.mean(1) - entropy_of_grey  # (M,)
R = final.sum(1)
by_beta = torch.tensor([list(members[beta]) for beta in BETAS])  # (5, 6) numbers of models
mean_D, mean_R = D[by_beta].mean(1), R[by_beta].mean(1)
chords = (mean_D.diff() / -mean_R.diff()).tolist()
print(
    "with beta the rate falls, the distortion rises:",
    bool((mean_R.diff() < 0).all() and (mean_D.diff() > 0).all()),
)
for low, high, chord in zip(BETAS[:-1], BETAS[1:], chords, strict=True):
    print(f"chord from beta {low:g} to {high:g}: slope between the two: {0.9 * low <= chord <= 1.1 * high}")

# %% [markdown] exercise="active_units"
# How many of the six dimensions does a model use? Write `active_units(mu, threshold)`: the number of dimensions whose
# posterior **mean** varies over the examples with a variance above `threshold`.
#
# * `mu` is `(N, D)`, the posterior means of N examples (N is large, so whether you divide by N or N - 1 is up to
#   you). The result is an `int`.
# * A dimension that always has the same mean tells nothing about the image, however far from 0 it is.
#
# For example: `mu = [[0.0, 5.0], [1.0, 5.0]]` with threshold 0.01 has one active unit, the first.


# %%
def active_units(mu: Tensor, threshold: float) -> int:
    """Number of latent dimensions whose mean depends on the image."""
    ### BEGIN SOLUTION
    spread = mu.var(dim=0)
    return int((spread > threshold).sum())
    ### END SOLUTION


# %%
active_units = check("active_units", active_units)

# %% slideshow={"slide_type": "subslide"}
units = torch.tensor([[active_units(mu[m], 0.01) for m in row] for row in by_beta.tolist()]).float()  # (5, 6)
figure, (axes, right) = new_figure(1, 2, figsize=(10, 4), width_ratios=(1.7, 1))
axes.plot(R[by_beta].flatten(), D[by_beta].flatten(), "o", color=COLOURS["model"], alpha=0.35, markersize=5)
error = [v[by_beta].std(1) / math.sqrt(N_SEEDS) for v in (R, D)]
axes.errorbar(
    mean_R,
    mean_D,
    xerr=error[0],
    yerr=error[1],
    color=COLOURS["model"],
    capsize=3,
    label="mean and s.e.",
)
for beta, r, d in zip(BETAS, mean_R, mean_D, strict=True):
    axes.annotate(f"beta = {beta:g}", (r, d), xytext=(8, 8), textcoords="offset points")
axes.axvline(math.log(256), color=COLOURS["truth"], linestyle=":")
axes.annotate("log 256", (math.log(256), 14), xytext=(5, 0), textcoords="offset points")
axes.set(title="Every beta buys at its own price", xlabel="rate R in nats", ylabel="distortion D in nats")
axes.set(xlim=(0, 7.8), ylim=(0, 20))
axes.legend(loc="upper left", bbox_to_anchor=(0.27, 1.0))
right.plot(BETAS, units, "o", color=COLOURS["posterior"], alpha=0.3)
right.plot(BETAS, units.mean(1), color=COLOURS["posterior"])
right.axhline(3, color=COLOURS["truth"], linestyle=":")
right.annotate("three factors", (0.5, 3), xytext=(0, -5), textcoords="offset points", va="top")
right.set(title="and switches units off", xlabel="beta", ylabel="active units", xscale="log", ylim=(0, 6.4))
right.set_xticks(BETAS, [f"{beta:g}" for beta in BETAS])
right.minorticks_off()
show(
    figure,
    alt="Left: distortion against rate for 30 models, a falling convex curve. From beta 8 at a rate of 0.6 nats and a "
    "distortion of 17 nats to beta one half at 7 nats and 1.4 nats, beyond a dotted line at log 256. The six seeds "
    "of each beta lie close together. Right: active units fall from between four and six at beta one half to three "
    "at beta 4 and two at beta 8.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What it looks like
#
# Reconstructions of eight images, by the first model of each $\beta$ (the posterior mean, decoded):

# %% slideshow={"slide_type": "fragment"}
shown = number[[0, 3, 1, 2, 3, 0, 2, 1], [0, 1, 7, 4, 6, 5, 2, 3], [4, 6, 0, 3, 7, 7, 1, 5]]
with torch.no_grad():
    rebuilt = [torch.sigmoid(models.decode_one(members[b][0], mu[members[b][0], shown])) for b in BETAS]
labels = ["images", *(f"beta = {beta:g}" for beta in BETAS)]
show(
    image_grid(
        torch.cat([x[shown], *rebuilt]), n_columns=8, row_labels=labels, cell_inches=0.68,
        title="Sharpness goes first, then the size",
    ),
    alt="Eight ellipses in the first row, and below their reconstructions at five values of beta. At one half and one "
    "they look like the originals, at 2 and 4 a little blurred, and at 8 all have about the same middling "
    "size and blurred edges, but they are in the right places.",
)  # fmt: skip

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Why is the size the first to go?" (Water-filling: of the three factors it changes the fewest pixels.) "At
# beta = 0.5 the rate is larger than log 256, the entropy of the data. Where do the extra nats go?" (They are not
# information about x. Section 7.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 · Traversals: what does each dimension do?
#
# Encode an image, take one latent coordinate, set it to one value after the other, leave the others alone, decode.
# This **traversal** is how disentanglement is usually shown, and it convinces at once. (Which is a reason to be
# careful: section 8.)

# %% [markdown] exercise="latent_traversal"
# Write `latent_traversal(decoder, z, index, values)`: the images along one latent coordinate.
#
# * `z` is one code, of shape `(D,)` or `(1, D)`; coordinate `index` (from 0) is **set to** each of `values`, a tensor
#   `(n,)`, in its order; nothing is added. `z` itself stays as it is.
# * `decoder` takes codes `(n, D)` to logits `(n, 1, 28, 28)`. You return **images**: probabilities in [0, 1], of the
#   same shape. (In this notebook they will be 12 x 12: leave the size to the decoder.)


# %%
def latent_traversal(decoder, z: Tensor, index: int, values: Tensor) -> Tensor:
    """Decoded images with one latent coordinate set to each value: (n, 1, H, W) in [0, 1]."""
    ### BEGIN SOLUTION
    copies = z.reshape(1, -1).repeat(len(values), 1)
    copies[:, index] = values
    return torch.sigmoid(decoder(copies))
    ### END SOLUTION


# %%
latent_traversal = check("latent_traversal", latent_traversal)

# %% [markdown] exercise="mutual_information_gap"
# Before we look, let us have a number too. A code is good, says the **mutual information gap** (Chen et al. 2018),
# if for every factor $v_k$ there is one dimension that knows it, and no second one that knows it nearly as well:
#
# $$\mathrm{MIG} = \frac1F \sum_k \frac{I(z_{j_1}; v_k) - I(z_{j_2}; v_k)}{H(v_k)},
# \qquad j_1, j_2: \text{the two dimensions with the most information about } v_k .$$
#
# Write `mutual_information_gap(codes, factors, bins=20)`: a float. `codes` is `(N, D)` with D at least 2, `factors`
# is `(N, F)`; the levels of a factor are whatever values occur, not necessarily whole numbers, nor equally often.
#
# * Each code is cut into `bins` **equally wide** bins between its own minimum and maximum, both included: the
#   maximum lies in the last bin, the minimum in the first. A code that never moves lies in one bin, and knows nothing.
# * From the counts of pairs (bin, level) come $I(z; v) = \sum p(b, l) \log \frac{p(b, l)}{p(b)\, p(l)}$, with $0 \log
#   0 = 0$, and $H(v) = -\sum p(l) \log p(l)$. The arguments stay as they were.


# %%
def mutual_information_gap(codes: Tensor, factors: Tensor, bins: int = 20) -> float:
    """Mean over factors of (best - second best) mutual information, in shares of the factor's entropy."""
    ### BEGIN SOLUTION
    lowest = codes.min(0).values
    span = codes.max(0).values - lowest
    bin_of = ((codes - lowest) / torch.where(span > 0, span, 1) * bins).long().clamp(max=bins - 1)
    gaps = []
    for factor in factors.T:
        level = factor.unique(return_inverse=True)[1]
        share = F.one_hot(level).double().mean(0)
        entropy = -torch.xlogy(share, share).sum()
        known = []
        for bin_numbers in bin_of.T:
            joint = torch.zeros(bins, len(share), dtype=torch.float64)
            joint.index_put_(
                (bin_numbers, level), torch.tensor(1 / len(codes), dtype=torch.float64), accumulate=True
            )
            independent = joint.sum(1, keepdim=True) * joint.sum(0)
            known.append((torch.xlogy(joint, joint) - torch.xlogy(joint, independent)).sum())
        first, second = torch.stack(known).topk(2).values
        gaps.append((first - second) / entropy)
    return torch.stack(gaps).mean().item()
    ### END SOLUTION


# %%
mutual_information_gap = check("mutual_information_gap", mutual_information_gap)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Two models, both the best of their six
#
# Of each $\beta$ we take the seed with the largest gap (so this is a best case; the others come in section 8), and
# walk along its busiest dimensions from -2 to 2.

# %% slideshow={"slide_type": "fragment"}
gap = torch.tensor([mutual_information_gap(mu[m], factors) for m in range(len(settings))])  # (42,)
best_of = {beta: members[beta][int(gap[members[beta]].argmax())] for beta in BETAS}
values = torch.linspace(-2, 2, 9)


def busiest(m: int, n: int) -> list[int]:
    """The n latent dimensions of model m that carry the most nats."""
    return final[m].argsort(descending=True)[:n].tolist()


@torch.no_grad()
def traversals(m: int, n: int) -> Tensor:
    """Rows of images along the busiest dimensions, around the code of the middling image."""
    z = mu[m, number[middle]]
    return torch.cat(
        [latent_traversal(lambda c: models.decode_one(m, c), z, j, values) for j in busiest(m, n)]
    )


# %% slideshow={"slide_type": "subslide"}
def show_traversals(beta: float, title: str, alt: str) -> None:
    """Draw the walks along the four busiest dimensions of the best model at one beta."""
    labels = [f"dim {k + 1}" for k in range(4)], [f"{value:g}" for value in values]
    look = {"n_columns": 9, "cell_inches": 0.72, "row_labels": labels[0], "column_labels": labels[1]}
    show(image_grid(traversals(best_of[beta], 4), title=title, **look), alt=alt)


show_traversals(
    0.5,
    "beta = 0.5: most dimensions do several things at once",
    alt="Walks along the four busiest dimensions at beta one half, nine images each, the value above the column. "
    "Along most rows the ellipse moves and changes its size at the same time.",
)

# %% slideshow={"slide_type": "subslide"}
show_traversals(
    4.0,
    "beta = 4: one thing each, and the fourth does nothing",
    alt="The same at beta 4. One row moves the ellipse from side to side, one up and down, in one it grows; in the "
    "last nothing changes.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Your turn
#
# Choose $\beta$ and a dimension (the busiest first), and walk. The sentence below the picture says what the dimension
# costs, and with which factor it goes.

# %% slideshow={"slide_type": "fragment"}
traversal_playground(models, {f"{beta:g}": best_of[beta] for beta in BETAS}, start="4")

# %% [markdown] slideshow={"slide_type": "notes"}
# Let the class call: "beta 8, second dimension?" Before moving, ask for a bet. At 0.5, look for a dimension that does
# one thing only: there is none, though the reconstruction is nearly perfect.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 · What the KL term is made of
#
# Why should a high price for *all* nats favour a code with *independent* dimensions? Let $q(z) = E_x[q(z|x)]$ be the
# codes of all data together. Then
#
# $$E_x\big[D_{KL}(q(z|x) \,\|\, p(z))\big] = \underbrace{I_q(x; z)}_{\text{information}}
# + \underbrace{D_{KL}\Big(q(z) \,\Big\|\, \prod_j q(z_j)\Big)}_{\text{total correlation}}
# + \underbrace{\sum_j D_{KL}(q(z_j) \,\|\, p(z_j))}_{\text{dimension-wise KL}} .$$
#
# <details>
# <summary>Its proof</summary>
#
# Write $\log\frac{q(z|x)}{p(z)} = \log\frac{q(z|x)}{q(z)} + \log\frac{q(z)}{\prod_j q(z_j)} + \log\frac{\prod_j
# q(z_j)}{\prod_j p(z_j)}$ and take the mean over $x$ and $z \sim q(z|x)$. The first term gives $I_q(x; z)$ by its
# definition. The others depend on $z$ only, whose distribution is then $q(z)$; the last is a sum over $j$, of which
# each term depends on $z_j$ only.
#
# </details>
#
# **Total correlation** (Watanabe 1960) is 0 if and only if the dimensions are independent. $\beta$ presses on all
# three terms alike.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Checked where everything is Gaussian
#
# Let $x \sim N(0, S)$ in two dimensions and $q(z|x) = N(x, \tau^2 I)$. Then $q(z) = N(0, V)$ with $V = S + \tau^2 I$,
# and all is known:
#
# $$I = \tfrac12 \log\frac{\det V}{\tau^4}, \qquad
# \mathrm{TC} = \tfrac12\Big(\sum_j \log V_{jj} - \log\det V\Big), \qquad
# \sum_j \tfrac12\,(V_{jj} - 1 - \log V_{jj}) .$$

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
S, tau2 = torch.tensor([[0.8, 0.5], [0.5, 0.6]], dtype=torch.float64), 0.3
V = S + tau2 * torch.eye(2, dtype=torch.float64)
information = 0.5 * (V.logdet() - 2 * math.log(tau2))
total_correlation = 0.5 * (V.diagonal().log().sum() - V.logdet())
dimension_wise = 0.5 * (V.diagonal() - 1 - V.diagonal().log()).sum()
whole = 0.5 * (S.diagonal() + tau2 - 1 - math.log(tau2)).sum()  # E_x of the KL term: E[mu^2] = S_jj
print(f"{information:.4f} + {total_correlation:.4f} + {dimension_wise:.4f} =",
      f"{information + total_correlation + dimension_wise:.4f}, and the averaged KL term is {whole:.4f}")  # fmt: skip

draws = torch.randn(50_000, 2, generator=generator, dtype=torch.float64) @ torch.linalg.cholesky(V).T
estimate = gaussian_total_correlation(draws)
print(
    "gaussian_total_correlation of 50,000 draws is within 0.01 of it:",
    bool(abs(estimate - total_correlation) < 0.01),
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Measured on our models
#
# With 256 images, $q(z) = \frac{1}{256}\sum_n q(z|x_n)$ is a mixture that we can write down, and so is each $q(z_j)$.
# Only the average over $z$ is by Monte Carlo.


# %% slideshow={"slide_type": "fragment"}
def three_parts(mu: Tensor, logvar: Tensor) -> Tensor:
    """Information, total correlation and dimension-wise KL, one draw of z per image: (3, N)."""
    z = reparameterize(mu, logvar, generator)
    log_q = -0.5 * (LOG_2PI + logvar + (z[:, None] - mu) ** 2 / logvar.exp())  # (draw, image, D)
    own = log_q.diagonal().sum(0)  # log q(z_n | x_n)
    together = log_q.sum(2).logsumexp(1) - math.log(len(mu))  # log q(z_n)
    apart = (log_q.logsumexp(1) - math.log(len(mu))).sum(1)  # sum_j log q(z_nj)
    prior = -0.5 * (LOG_2PI + z**2).sum(1)
    return torch.stack([own - together, together - apart, apart - prior])


# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
repeats = 3
terms = torch.stack(
    [torch.cat([three_parts(mu[m], logvar[m]) for _ in range(repeats)], 1) for m in range(30)]
)
parts = terms.mean(2)  # (30, 3)
error = terms.sum(1).std(1) / math.sqrt(terms.shape[2])  # of their sum
print(
    "the three parts add up to the rate, to five standard errors:",
    bool(((parts.sum(1) - R[:30]).abs() < 5 * error).all()),
)
print("information never exceeds log 256 = 5.545:", bool((parts[:, 0] < math.log(256) + 0.05).all()))
tc = parts[by_beta, 1]  # (5, 6)
print(
    "total correlation at beta 0.5 is above 1 nat, at beta 4 below 0.15:",
    bool((tc[0] > 1).all() and (tc[3] < 0.15).all()),
)

# %% slideshow={"slide_type": "subslide"}
names = "information I(x; z)", "total correlation", "dimension-wise KL"
figure, (axes, right) = new_figure(1, 2, figsize=(10, 3.9), width_ratios=(1.25, 1))
bottom = torch.zeros(len(BETAS))
for k, (name, colour) in enumerate(zip(names, ("reconstruction", "kl", "prior"), strict=True)):
    height = parts[by_beta, k].mean(1)
    axes.bar([f"{b:g}" for b in BETAS], height, bottom=bottom, color=COLOURS[colour], label=name)
    bottom += height
axes.axhline(math.log(256), color=COLOURS["truth"], linestyle=":")
axes.annotate(
    "log 256: all there is to know",
    (4.4, math.log(256)),
    xytext=(0, 5),
    textcoords="offset points",
    ha="right",
)
axes.set(
    title="A higher price drives out correlation first",
    xlabel="beta",
    ylabel="nats per image",
    ylim=(0, 10.5),
)
axes.legend(loc="upper right")
share = (parts[:, 1] / parts.sum(1))[by_beta]
right.errorbar(
    BETAS, 100 * share.mean(1), 100 * share.std(1) / math.sqrt(N_SEEDS), color=COLOURS["kl"], capsize=4
)
right.set(
    title="until none is left",
    xlabel="beta",
    ylabel="total correlation, % of the rate",
    xscale="log",
    ylim=(0, 30),
)
right.set_xticks(BETAS, [f"{beta:g}" for beta in BETAS])
right.minorticks_off()
show(
    figure,
    alt="Left: stacked bars of the rate at five betas. Information shrinks from just below log 256 at one half to "
    "below 1 nat at 8; total correlation is more than a nat at one half, and too thin to see from 4 on; dimension-wise "
    "KL is thin everywhere. Right: total correlation as a share of the rate falls from over 20 per cent to about none.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The trade
#
# * Total correlation is rate that buys no information, so an expensive rate saves on it **first**. This is why
#   $\beta$ works: independence is the cheap part of the KL term.
# * But the price is on information too. From $\beta = 4$ to $8$ there is no correlation left to save on, and what goes
#   is the image: **reconstruction is traded for independence**.
# * So why not press on the one term alone? FactorVAE (Kim & Mnih 2018) and $\beta$-TCVAE (Chen et al. 2018) do:
#   $D + R + (\beta - 1)\,\mathrm{TC}$. The difficulty is to estimate TC with a batch of a large data set, where our sum
#   over all $q(z|x_n)$ can't be afforded.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Total correlation 0, information 5 nats. Is the code disentangled?" Let them commit. (Independent of each
# other, yes. That each dimension belongs to one factor: nobody said so. Sections 8 and 9.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8 · Four ways to keep the score
#
# * **MIG** (Chen et al. 2018): is one dimension ahead of all others in information about each factor?
# * **FactorVAE score** (Kim & Mnih 2018): in a batch with one factor held fixed, which dimension stands still? Can
#   one guess the factor from it?
# * **DCI** (Eastwood & Williams 2018): forests predict each factor from the code. Does each dimension serve one factor
#   (*disentanglement*)? Is each factor served by one dimension (*completeness*)? How well is it predicted
#   (*informativeness*)?
# * **SAP** (Kumar et al. 2018): does one dimension predict the factor linearly, and the next best one not?
#
# All need the true factors. All are 1 for one factor per dimension (DCI nearly), and near 0 for noise. In between
# they disagree.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Codes made by hand
#
# Take the true factors as a code, each scaled to variance 1, with a little noise. Then spoil it: rotate $x$ and $y$ by
# 45 degrees; rotate all three; give $x$ twice; bend $x$ and $y$.


# %% slideshow={"slide_type": "fragment"}
def rotation(n: int, i: int, j: int, degrees: float) -> Tensor:
    """The rotation of n coordinates that turns i towards j."""
    turn = torch.eye(n)
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn[i, i], turn[j, j], turn[i, j], turn[j, i] = c, c, -s, s
    return turn


aligned = (factors - factors.mean(0)) / factors.std(0) + 0.05 * torch.randn(256, 3, generator=generator)
handmade = {
    "aligned": aligned,
    "x, y by 45°": aligned @ rotation(3, 1, 2, 45).T,
    "all three turned": aligned @ (rotation(3, 0, 1, 45) @ rotation(3, 1, 2, 45)).T,
    "x twice": torch.cat([aligned, aligned[:, 1:2] + 0.05 * torch.randn(256, 1, generator=generator)], 1),
    "x, y bent": torch.cat([aligned[:, :1], (2 * aligned[:, 1:]).exp()], 1),
    "noise": torch.randn(256, 3, generator=generator),
}

# %% slideshow={"slide_type": "subslide"}
SCORES = "MIG", "FactorVAE", "DCI dis.", "DCI com.", "SAP"


def all_scores(codes: Tensor) -> list[float]:
    """The five scores of one code, in the order of SCORES."""
    forest = dci(codes, factors)
    votes = factor_vae_score(codes, factors, generator=generator)
    return [
        mutual_information_gap(codes, factors),
        votes,
        forest.disentanglement,
        forest.completeness,
        sap(codes, factors),
    ]


table = torch.tensor([all_scores(code) for code in handmade.values()])  # (6, 5)

# %% slideshow={"slide_type": "subslide"}
figure, axes = new_figure(figsize=(9.5, 4.3))
axes.imshow(table, vmin=0, vmax=1.6, cmap="Greens", aspect="auto")
for i, row in enumerate(table.tolist()):
    for j, value in enumerate(row):
        axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=14)
axes.set_xticks(range(5), SCORES)
axes.set_yticks(range(6), handmade)
axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
axes.grid(False)
axes.set_title("Turned, doubled or bent: the same information, other scores")
show(
    figure,
    alt="A table of five scores for six codes. The aligned code scores above 0.9 everywhere. With x and y turned "
    "by 45 degrees MIG falls to about a third, DCI and SAP to about a half or less; FactorVAE falls less. With x "
    "twice MIG and SAP lose a third while FactorVAE stays at 1. Bent codes lose in MIG and SAP. "
    "Noise is near 0, in FactorVAE at about a third.",
)


# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
def explained(codes: Tensor) -> float:
    """R^2 of the best linear prediction of all factors from all dimensions together."""
    inputs = torch.cat([codes, torch.ones(len(codes), 1)], 1).double()
    targets = factors.double() - factors.double().mean(0)
    residual = targets - inputs @ torch.linalg.lstsq(inputs, targets).solution
    return 1 - (residual.square().sum(0) / targets.square().sum(0)).mean().item()


for name in ("aligned", "x, y by 45°", "all three turned"):
    print(f"{name}: linear R^2 of the factors is above 0.99: {explained(handmade[name]) > 0.99}")
scores = dict(zip(handmade, table.tolist(), strict=True))
halved = all(scores["all three turned"][k] < 0.5 * scores["aligned"][k] for k in (0, 2, 3, 4))
print("all three turned, MIG, DCI and SAP lose more than half:", halved)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The failures, one by one
#
# * **A rotated code** says exactly as much (any linear reader can undo it), and loses. This may be what you want: the
#   *axes* are what is being tested. But then don't call a low score "the model does not know the factors".
# * **A doubled code** loses MIG, SAP and completeness, not FactorVAE, nor DCI's disentanglement.
# * **A bent code** loses SAP, which is linear, and MIG, whose equally wide bins crowd where the bent code crowds.
# * **FactorVAE** only asks which dimension stands *stillest*. A half-turned code can win by a hair and score 1.
# * **Chance level** differs: FactorVAE of noise is 1/3 here, because it has three factors to guess from.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### On the trained models: seeds and betas
#
# Every model of the sweep, every score, with the mean over six seeds and its standard error.

# %% slideshow={"slide_type": "fragment"}
trained = torch.tensor([all_scores(mu[m]) for m in range(30)])  # (30, 5)
figure, panels = new_figure(1, 4, figsize=(11, 3.9), sharey=True)
for axes, name in zip(panels, ("MIG", "FactorVAE", "DCI dis.", "SAP"), strict=True):
    own = trained[by_beta, SCORES.index(name)]  # (5, 6)
    axes.plot(BETAS, own, "o", color=COLOURS["baseline"], alpha=0.45, markersize=5)
    axes.errorbar(BETAS, own.mean(1), own.std(1) / math.sqrt(N_SEEDS), color=COLOURS["model"], capsize=4)
    axes.set(title=name, xlabel="beta", xscale="log", ylim=(-0.03, 1.06))
    axes.set_xticks(BETAS, ["½" if beta == 0.5 else f"{beta:g}" for beta in BETAS])
    axes.minorticks_off()
panels[0].set_ylabel("score")
figure.suptitle("Beta matters, and the seed matters as much")
show(
    figure,
    alt="Four panels, MIG, FactorVAE, DCI disentanglement and SAP against beta from one half to 8: grey dots for six "
    "seeds each, a red line through the means with error bars. The means are highest at beta 4, and all but DCI's "
    "are lowest at 8. The dots of one beta are spread about as widely as the means.",
)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
mig = trained[by_beta, 0]  # (5, 6)
low, high, squeezed = mig[0], mig[3], mig[4]
print("mean MIG at beta 4 is above that at beta 0.5:", bool(high.mean() > low.mean()))
print("and above that at beta 8, where the size is lost:", bool(high.mean() > squeezed.mean()))
ranges, between = (mig.amax(1) - mig.amin(1)).max(), mig.mean(1).max() - mig.mean(1).min()
print("seeds of one beta differ by more than half of what betas do:", bool(ranges > 0.5 * between))
print(
    "free bits (beta 8) keep MIG below the best beta's mean:",
    bool(gap[members["free bits"]].mean() < mig.mean(1).max()),
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Can one pick the good seed without labels?
#
# The scores need the factors, which one does not have (or one would not need the method). What one has is the loss.
# Within one $\beta$ it differs by a few tenths of a nat to more than a nat. Does the smaller loss belong to the larger
# MIG? A rank correlation of -1 would say: always.


# %% slideshow={"slide_type": "fragment"}
def ranks(values: Tensor) -> Tensor:
    """0 for the smallest, and so on, as floats."""
    return values.argsort().argsort().float()


for beta in BETAS:
    loss = (D + beta * R)[members[beta]]
    pair = torch.stack([ranks(loss), ranks(gap[members[beta]])])
    width = loss.max() - loss.min()
    agreement = torch.corrcoef(pair)[0, 1]
    print(f"beta {beta:g}: losses differ by {width:.2f} nats, rank correlation with MIG {agreement:+.2f}")

# %% [markdown]
# A hint, mostly in the right direction: section 9 will say why the ELBO cares, a little, about the axes. But six seeds
# are few (a rank correlation has to be beyond 0.8 to be told from chance), and in the large study of Locatello et al.
# (2019) no unsupervised criterion picked the good models reliably.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "A paper shows one model with traversals as nice as ours at beta 4. What do you ask the authors?" (How many
# seeds, chosen how, and by whom. Ours was the best of six, and it said so.)
#
# The large study is Locatello et al. 2019: 12,000 models, six methods, six data sets. Seeds and hyperparameters
# mattered more than the method, and no unsupervised criterion picked the good ones.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9 · What cannot be learned at all
#
# > **Theorem** (Locatello et al. 2019, after Hyvärinen & Pajunen 1999). Let $D > 1$ and $p(z) = \prod_j p(z_j)$. Then
# > there are infinitely many smooth bijections $f$ with $f(z) \sim p(z)$, the same distribution, of which every output
# > depends on every input: $\partial f_i / \partial z_j \ne 0$ for all $i$, $j$, almost everywhere.
#
# So take a perfect model, whose $z$ are the true factors. Its twin uses $z' = f(z)$ with the decoder $g(f^{-1}(z'))$:
# **the same $p(x)$**, the same images, and every dimension entangled with every factor. From $x$ alone, nobody can
# tell the two apart.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The simplest twin: a rotation
#
# For a Gaussian prior, $f$ can be as simple as $z' = Uz$ with $U^\top U = I$:
#
# $$p(z') = N(z'; 0, I), \qquad p(x|z') = p(x \mid z = U^\top z'), \qquad q(z'|x) = N(U\mu,\; U \Sigma U^\top) .$$
#
# We turn the best model at $\beta = 4$ in the plane of two of its dimensions, and compute $\log p(x)$ by importance
# sampling, as in lecture 6, with the decoder and the posterior of the twin.

# %% slideshow={"slide_type": "fragment"}
m = best_of[4.0]
knows = mutual_information(mu[m], factors)  # (D, 3)
axis_of = dict(zip(FACTORS, knows.argmax(0).tolist(), strict=True))
eps = torch.randn(40, 256, LATENT_DIM, generator=generator)  # the same draws for all angles


@torch.no_grad()
def twin_log_likelihood(turn: Tensor) -> Tensor:
    """log p(x) of every image under the model turned by U, from 40 draws: (256,)."""
    z = mu[m] + (0.5 * logvar[m]).exp() * eps
    twin = z @ turn.T  # draws of the twin's posterior; |det U| = 1, so their density is that of z
    log_q = -0.5 * (LOG_2PI + logvar[m] + eps**2).sum(-1)
    log_p = -0.5 * (LOG_2PI + twin**2).sum(-1)
    logits = models.decode_one(m, (twin @ turn).flatten(0, 1)).view(40, *x.shape)
    log_x = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum((2, 3, 4))
    return (log_x + log_p - log_q).logsumexp(0) - math.log(40)


# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
turn = rotation(LATENT_DIM, axis_of["x"], axis_of["y"], 45)
before, after = twin_log_likelihood(torch.eye(LATENT_DIM)), twin_log_likelihood(turn)
print("log p(x) of all 256 images is the same to 0.001 nats:", bool((before - after).abs().max() < 1e-3))
gaps = [mutual_information_gap(codes, factors) for codes in (mu[m], mu[m] @ turn.T)]
print("the gap of the twin is less than two thirds of the model's:", gaps[1] < 2 / 3 * gaps[0])

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Then why did it work at all?
#
# Because our posterior is **diagonal**. The twin's covariance $U \Sigma U^\top$ is not, unless the two variances are
# equal; a diagonal Gaussian can only approximate it. The best one (in the direction of KL that the ELBO uses) has the
# variances $1 / (\Sigma'^{-1})_{jj}$, and misses
#
# $$D_{KL} = \tfrac12 \Big(\log\det \Sigma' + \sum_j \log\, (\Sigma'^{-1})_{jj}\Big), \qquad
# \Sigma' = U \Sigma U^\top .$$
#
# So the likelihood does not care about the axes, but the **ELBO does** (by exactly this if $q$ is the true posterior),
# and training follows the ELBO.


# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
def missed(logvar: Tensor, turn: Tensor) -> Tensor:
    """KL from the best diagonal Gaussian to the turned posterior, per image: (N,)."""
    precision = torch.einsum("ij,nj,kj->nik", turn, (-logvar).exp(), turn)
    return 0.5 * (logvar.sum(1) + precision.diagonal(dim1=1, dim2=2).log().sum(1))


two, turn45 = torch.tensor([[0.0, math.log(0.25)]]), rotation(2, 0, 1, 45)  # variances 1 and 1/4
turned = turn45 @ torch.diag(two[0].exp()) @ turn45.T
p = torch.distributions.MultivariateNormal(torch.zeros(2), turned)
q = torch.distributions.MultivariateNormal(torch.zeros(2), torch.diag(1 / turned.inverse().diagonal()))
print(
    f"formula {missed(two, turn45).item():.4f}, torch.distributions {torch.distributions.kl_divergence(q, p):.4f}"
)
print(f"equal variances: {missed(torch.zeros(1, 2), turn45).abs().item():.4f}")

# %% slideshow={"slide_type": "subslide"}
angles = torch.arange(0, 91, 7.5)
pairs = {"x and y": ("x", "y"), "x and scale": ("x", "scale")}
turns = {
    k: [rotation(LATENT_DIM, axis_of[a], axis_of[b], t) for t in angles.tolist()]
    for k, (a, b) in pairs.items()
}
figure, (left, right) = new_figure(1, 2, figsize=(10.5, 4.0))
drift = [(twin_log_likelihood(turn) - before).mean() for turn in turns["x and y"]]
left.plot(angles, drift, "o-", color=COLOURS["truth"], label="log p(x), either pair")
for (name, of_pair), style in zip(turns.items(), ("--", "-."), strict=True):
    left.plot(
        angles,
        [-missed(logvar[m], turn).mean() for turn in of_pair],
        style,
        color=COLOURS["posterior"],
        label=f"ELBO, {name} turned",
    )
left.set(
    title="The likelihood is blind, the ELBO nearly",
    xlabel="angle in degrees",
    ylabel="change in nats per image",
)
lowest = -missed(logvar[m], turns["x and scale"][6]).mean().item()  # at 45 degrees
left.set(xticks=range(0, 91, 15), ylim=(1.1 * lowest, -0.75 * lowest))
left.legend(loc="upper center", ncols=1)
turned_scores = torch.tensor([all_scores(mu[m] @ turn.T) for turn in turns["x and y"]])
for k, (name, style) in enumerate(
    zip(("MIG", "FactorVAE", "DCI dis.", "SAP"), ("-", ":", "--", "-."), strict=True)
):
    right.plot(
        angles, turned_scores[:, SCORES.index(name)], style, color=CLASS_COLOURS[(6, 5, 8, 3)[k]], label=name
    )
right.set(
    title="the scores are not (x and y turned)", xlabel="angle in degrees", ylabel="score", ylim=(0, 1.4)
)
right.set(xticks=range(0, 91, 15))
right.legend(loc="upper center", ncols=2)
show(
    figure,
    alt="Left, against the angle of rotation: log p(x) does not change at all; the ELBO of the best diagonal "
    "posterior falls by a tenth of a nat or two at 45 degrees if x and scale are turned, and hardly at all if x and "
    "y are turned. Right: MIG, DCI and SAP fall towards 45 degrees and come back at 90; FactorVAE hardly "
    "leaves 1.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
at_45 = int((angles == 45).nonzero())
cost = {name: missed(logvar[m], of_pair[at_45]).mean().item() for name, of_pair in turns.items()}
print("log p(x) stays, at all angles, to within 0.001 nats:", max(abs(v.item()) for v in drift) < 1e-3)
print("x and scale turned by 45 degrees: the ELBO loses more than 0.05 nats:", cost["x and scale"] > 0.05)
print("x and y: less than half of that:", cost["x and y"] < 0.5 * cost["x and scale"])
print("at 90 degrees MIG is back:", bool(abs(turned_scores[-1, 0] - turned_scores[0, 0]) < 0.02))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Hundredths of a nat decide
#
# * Scale takes fewer nats than $x$ and $y$, so its posterior is wider, and mixing it in costs a tenth of a nat or
#   more. $x$ and $y$ are nearly alike, and the axes of their plane are held by **hundredths**, of a loss of 17 nats.
#   No wonder that seeds differ.
# * We even helped: the shapes move less from top to bottom than from left to right, and lie flat. Water-filling says
#   why this helps: equal variances leave the axes free, different ones fix them.
# * So what disentangles is not the likelihood, and not "independence": both are blind to $U$. It is an accident of
#   the **inductive bias** (a diagonal posterior; Rolinek et al. 2019 show that it makes VAEs follow principal
#   directions) meeting **data** that fits it.

# %% slideshow={"slide_type": "subslide"}
figure, axes = new_figure(figsize=(9.5, 3.9))
for beta, colour, marker in zip(BETAS, CLASS_COLOURS[:5], "os^Dv", strict=True):
    axes.plot(
        parts[members[beta], 1].clamp(min=3e-4),
        gap[members[beta]],
        marker,
        color=colour,
        markersize=9,
        alpha=0.8,
        label=f"beta = {beta:g}",
    )
axes.set(xscale="log", xlabel="total correlation in nats", ylabel="MIG", ylim=(0, 0.8))
axes.set_title("Being independent does not make a code score")
axes.legend(ncols=1, loc="center left", bbox_to_anchor=(1.0, 0.5))
show(
    figure,
    alt="MIG against total correlation on a logarithmic scale, for 30 models. The more beta, the less total "
    "correlation, over four powers of ten; but at every beta the MIG of the six seeds ranges widely, and models "
    "with less than 0.2 nats of total correlation are found from nearly 0 to the highest MIG of all.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What is left to do
#
# * Give the model something that breaks the symmetry **on purpose**: a few labels, pairs of images that share a factor,
#   time order, known groups. With any of these, guarantees come back (Locatello et al. 2020; Khemakhem et al. 2020).
#   Lecture 8 gives it the class.
# * Say what you need a code *for*, and measure that. Informative, independent and axis-aligned are three different
#   wishes.
# * And report seeds.

# %% [markdown] slideshow={"slide_type": "notes"}
# Back to the board: "Why not x + y and x - y?" Now the class can answer: for the likelihood, no reason. For the ELBO,
# hundredths of a nat. For us, because we drew the pictures.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# * $D + \beta R$ is the Lagrangian of "reconstruct as well as a budget of nats allows". $\beta$ is the **price of a
#   nat**, and the slope of the rate-distortion curve is $-\beta$.
# * In the Gaussian case $\beta$ is a **water level**: what varies less is not coded. Collapse can be optimal.
# * **Annealing** changes the way, not the goal; **free bits** change the goal.
# * Averaged KL = **information + total correlation + dimension-wise KL**. A higher price saves on total correlation
#   first, then on information: hence a best $\beta$ in the middle.
# * MIG, FactorVAE, DCI and SAP need the factors, punish different things, and vary with the seed as much as with
#   $\beta$. Error bars, always.
# * **Without inductive bias it is impossible**: a rotation leaves $p(x)$ as it is, and ruins the axes.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Check yourself
#
# 1. You double the side of the images (four times as many pixels) and keep $\beta$. Do you press harder or less hard?
# 2. In the Gaussian case, with variances 9, 4, 1 and 1/4, how many nats does the optimal code take at $\beta = 3$?
# 3. Show that for optimal models $R$ can't rise with $\beta$.
# 4. The averaged KL term of a model is 9.7 nats on our 256 images. How much of this, at least, is not information?
# 5. A code has a total correlation of 0 and a linear $R^2$ of 1 for all factors, and a MIG of 0.02. What has happened?
# 6. Why does a rotation of $z$ by 90 degrees leave MIG alone?
# 7. Someone proposes to choose among seeds by the ELBO. What does section 9 say to this?
#
# <details>
# <summary>Answers</summary>
#
# 1. Less hard: the distortion, a sum over pixels, is about four times as large, so a nat of rate buys more.
# 2. $\frac12\log\frac93 + \frac12\log\frac43 = 0.549 + 0.144 = 0.693$ nats (exactly $\log 2$); the other two are
#    under water.
# 3. Add the two inequalities of section 5: $(\beta_2 - \beta_1)(R_1 - R_2) \ge 0$.
# 4. Information is at most $\log 256 = 5.55$ nats, so at least 4.15 nats are total correlation and dimension-wise KL:
#    paid for, and telling nothing about the image.
# 5. The axes are turned. All is known, and independent, but no single dimension knows a single factor.
# 6. It exchanges two dimensions and changes a sign. No score asks which dimension it is that knows a factor.
# 7. It is the one thing that might help (a diagonal posterior likes some axes better than others), but the differences
#    are hundredths of a nat, less than seeds differ for other reasons; and where two factors vary alike there are none.
#
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# ## References
#
# * I. Higgins et al. (2017). *beta-VAE: learning basic visual concepts with a constrained variational framework.* ICLR.
# * C. P. Burgess et al. (2018). *Understanding disentangling in beta-VAE.* arXiv:1804.03599.
# * A. A. Alemi et al. (2018). *Fixing a broken ELBO.* arXiv:1711.00464. Rate and distortion of VAEs.
# * C. E. Shannon (1959). *Coding theorems for a discrete source with a fidelity criterion.* Water-filling is in
#   T. Cover, J. Thomas, *Elements of information theory*, section 10.3.
# * J. Lucas, G. Tucker, R. Grosse, M. Norouzi (2019). *Don't blame the ELBO! A linear VAE perspective on posterior
#   collapse.* arXiv:1911.02469.
# * S. R. Bowman et al. (2016). *Generating sentences from a continuous space.* arXiv:1511.06349. KL annealing.
# * D. P. Kingma et al. (2016). *Improving variational inference with inverse autoregressive flow.* arXiv:1606.04934.
#   Free bits.
# * Y. Burda, R. Grosse, R. Salakhutdinov (2016). *Importance weighted autoencoders.* arXiv:1509.00519. Active units.
# * M. D. Hoffman, M. J. Johnson (2016). *ELBO surgery.* NIPS workshop. The averaged KL term taken apart.
# * R. T. Q. Chen, X. Li, R. Grosse, D. Duvenaud (2018). *Isolating sources of disentanglement in variational
#   autoencoders.* arXiv:1802.04942. Three parts, beta-TCVAE, MIG.
# * H. Kim, A. Mnih (2018). *Disentangling by factorising.* arXiv:1802.05983.
# * C. Eastwood, C. K. I. Williams (2018). *A framework for the quantitative evaluation of disentangled
#   representations.* ICLR. DCI.
# * A. Kumar, P. Sattigeri, A. Balakrishnan (2018). *Variational inference of disentangled latent concepts from
#   unlabeled observations.* arXiv:1711.00848. SAP.
# * S. Watanabe (1960). *Information theoretical analysis of multivariate correlation.* IBM Journal of Research and
#   Development 4, 66-82.
# * F. Locatello et al. (2019). *Challenging common assumptions in the unsupervised learning of disentangled
#   representations.* arXiv:1811.12359.
# * M. Rolinek, D. Zietlow, G. Martius (2019). *Variational autoencoders pursue PCA directions (by accident).*
#   arXiv:1812.06775.
# * A. Hyvärinen, P. Pajunen (1999). *Nonlinear independent component analysis: existence and uniqueness results.*
#   Neural Networks 12, 429-439.
# * F. Locatello et al. (2020). *Weakly-supervised disentanglement without compromises.* arXiv:2002.02886.
# * I. Khemakhem, D. P. Kingma, R. P. Monti, A. Hyvärinen (2020). *Variational autoencoders and nonlinear ICA: a
#   unifying framework.* arXiv:1907.04809.
