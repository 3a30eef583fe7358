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
# # 4 · KL divergence between Gaussians
#
# Lecture 3 left one term of the ELBO standing: the divergence from the encoder's Gaussian to the prior. It is paid
# for every image, in every step of training. So the question of this lecture is
#
# > **What does one Gaussian cost in terms of another, exactly, in nats, and what does that price make a model do?**

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## What you will be able to do
#
# * derive the KL divergence between two Gaussians from the integral, on one line and in many dimensions,
# * check any such formula by two independent routes, one of them with an error bar,
# * say what the two *directions* of KL do when a model cannot match its target,
# * read the VAE's KL term dimension by dimension: what it charges for, and what it gives away for free,
# * write it so that it survives 40 dimensions and variances of $10^{-10}$,
# * find misprints in other people's formulas, of which there are many.
#
# **You need** lecture 3 (KL, ELBO), expectations, and matrices as far as Cholesky's factor.
# **Time:** 90 minutes of lecture, about 65 minutes of exercises; the notebook itself runs in a few seconds.

# %% [markdown] slideshow={"slide_type": "notes"}
# **Timing (90 min):** integrand 8, derivation 15, Monte Carlo 10, two directions with the playground 17, the VAE's
# term 10, what it rewards 12, full covariances and traps 12, misprints 6.
#
# *Ask first:* "You may describe samples of one Gaussian with a code made for another. Which mismatch is worse: your
# code expects too narrow a spread, or too wide?" Vote. Return to the vote at the figure of the cost of a width.

# %% slideshow={"slide_type": "skip"}
import math

import torch
from matplotlib.patches import Ellipse
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from course_utils.exercises import check
from course_utils.plotting import COLOURS, new_figure, show, use_course_style
from course_utils.runtime import seed_everything
from course_utils.widgets import kl_playground

use_course_style()

# %% slideshow={"slide_type": "skip"}
generator = seed_everything(0)

MU1, SIGMA1 = 0.5, 0.6  # q, the Gaussian under which we take expectations
MU2, SIGMA2 = -0.5, 1.6  # p, the Gaussian it is compared with
GRID = 4801  # points for integrals over one dimension
DRAWS = 100_000  # samples for estimates

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 · An area, part of it negative
#
# For two densities on the line
#
# $$D_{KL}(q \,\|\, p) = \int q(x) \, \log\frac{q(x)}{p(x)} \, dx .$$
#
# The first argument, $q$, is the one the expectation is taken under. Before any algebra, let a computer add up the
# area of thin strips, and compare with the number that `torch.distributions` gives.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
mu1, sigma1, mu2, sigma2 = torch.tensor([MU1, SIGMA1, MU2, SIGMA2], dtype=torch.float64)
x = torch.linspace(-12, 12, GRID, dtype=torch.float64)
q, p = Normal(mu1, sigma1), Normal(mu2, sigma2)
log_q, log_p = q.log_prob(x), p.log_prob(x)  # each (GRID,)


def integral(values: Tensor) -> float:
    return torch.trapezoid(values, x).item()


area = integral(log_q.exp() * (log_q - log_p))
print(f"area of the strips: {area:.4f} nats, torch.distributions: {kl_divergence(q, p):.4f} nats")

# %% slideshow={"slide_type": "subslide"}
integrand = log_q.exp() * (log_q - log_p)
figure, (left, right) = new_figure(1, 2, sharex=True)
left.plot(x, log_q.exp(), color=COLOURS["posterior"], label="q")
left.plot(x, log_p.exp(), "--", color=COLOURS["prior"], label="p")
left.set(title="A narrow q inside a wide p", xlabel="x", ylabel="density", xlim=(-5, 4))
left.legend()
right.fill_between(x, integrand.clamp(min=0), color=COLOURS["kl"], label="q above p")
right.fill_between(x, integrand.clamp(max=0), color=COLOURS["baseline"], label="q below p")
right.set(title=f"The areas leave {area:.2f} nats", xlabel="x", ylabel="q log(q / p)")
right.legend()
show(
    figure,
    alt="Left: a narrow Gaussian q inside a wide p. Right: the integrand q log(q/p), a tall positive hump where q "
    "lies above p and two shallow negative dips at its sides; the hump is much larger than the dips.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "The integrand is negative in places. Could the area be?" No: Jensen, lecture 3. And where p is wide, nothing
# is paid at all: beyond |x - 0.5| > 2 there is no q, so p's tails do not matter. That asymmetry is section 4.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 · The formula, from the integral
#
# **Step 1.** Write out both log-densities. The $\tfrac12 \log 2\pi$ is in both and drops out:
#
# $$\log\frac{q(x)}{p(x)} = \log\frac{\sigma_2}{\sigma_1} -
# \frac{(x - \mu_1)^2}{2\sigma_1^2} + \frac{(x - \mu_2)^2}{2\sigma_2^2} .$$

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
written_out = (sigma2 / sigma1).log() - (x - mu1) ** 2 / (2 * sigma1**2) + (x - mu2) ** 2 / (2 * sigma2**2)
print("step 1 holds at every x, to 1e-9:", torch.allclose(written_out, log_q - log_p, atol=1e-9))

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Step 2.** Take the expectation under $q$, term by term. The first term is a number. The second is the variance of
# $q$ over twice itself:
#
# $$\mathbb{E}_q\big[(x - \mu_1)^2\big] = \sigma_1^2
# \quad\Longrightarrow\quad - \frac{\mathbb{E}_q[(x - \mu_1)^2]}{2\sigma_1^2} = -\frac12 .$$
#
# **Step 3.** The third asks how far $q$'s samples fall from the *other* mean:
#
# $$\mathbb{E}_q\big[(x - \mu_2)^2\big] = \sigma_1^2 + (\mu_1 - \mu_2)^2 .$$
#
# <details>
# <summary>Why step 3 has no cross term</summary>
#
# Add and subtract $\mu_1$: $(x - \mu_2)^2 = (x - \mu_1)^2 + 2 (x - \mu_1)(\mu_1 - \mu_2) + (\mu_1 - \mu_2)^2$. Under
# $q$ the first has the expectation $\sigma_1^2$, the last is a number, and the middle one vanishes because
# $\mathbb{E}_q[x - \mu_1] = 0$.
#
# </details>

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
own = integral(log_q.exp() * (x - mu1) ** 2)
other = integral(log_q.exp() * (x - mu2) ** 2)
print(f"step 2: {own:.4f} against sigma1^2 = {SIGMA1**2:.4f}")
print(f"step 3: {other:.4f} against sigma1^2 + (mu1 - mu2)^2 = {SIGMA1**2 + (MU1 - MU2) ** 2:.4f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Step 4.** Put the three together:
#
# $$\boxed{\;D_{KL}\big(N(\mu_1, \sigma_1^2) \,\big\|\, N(\mu_2, \sigma_2^2)\big) =
# \log\frac{\sigma_2}{\sigma_1} + \frac{\sigma_1^2 + (\mu_1 - \mu_2)^2}{2 \sigma_2^2} - \frac12\;}$$
#
# * $\log(\sigma_2 / \sigma_1)$: what $p$ wastes by being wide, or gains by being narrow;
# * the fraction: what $q$'s samples cost under $p$'s square, in units of $\sigma_2$;
# * $-\tfrac12$: what they would cost under $q$'s own.
#
# Both $\sigma$ are **standard deviations**. Texts that print variances have a one half before the logarithm.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
waste, square, own_square = math.log(SIGMA2 / SIGMA1), other / (2 * SIGMA2**2), own / (2 * SIGMA1**2)
print(f"{waste:.4f} + {square:.4f} - {own_square:.4f} = {waste + square - own_square:.4f} nats")

# %% [markdown] slideshow={"slide_type": "notes"}
# Let the class do step 3 themselves (two minutes, in pairs). Most slips of the misprint hunt are made between step 3
# and step 4: a lost one half, a sigma that is a variance, a ratio upside down. Say so, and let them look for a test
# that would catch each.

# %% [markdown] exercise="kl_univariate"
# Write `kl_univariate(mu1, sigma1, mu2, sigma2)`, the divergence from the first Gaussian to the second, in nats.
# All four are tensors of one shape, 0-d or `(B,)`; `sigma1` and `sigma2` are standard deviations. The
# result is **element-wise**: one number for each pair, nothing summed or averaged.
#
# For example: means 0 and 1 with both standard deviations 1 give 0.5; two equal Gaussians give 0.


# %%
def kl_univariate(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    """KL(N(mu1, sigma1^2) || N(mu2, sigma2^2)), element-wise, in nats."""
    ### BEGIN SOLUTION
    cost_under_p = (sigma1**2 + (mu1 - mu2) ** 2) / (2 * sigma2**2)
    return torch.log(sigma2 / sigma1) + cost_under_p - 0.5
    ### END SOLUTION


# %%
kl_univariate = check("kl_univariate", kl_univariate)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What any KL must satisfy
#
# $$D_{KL}(q \| p) \ge 0, \qquad D_{KL}(q \| q) = 0, \qquad
# D_{KL} \text{ does not change if } x \mapsto a x + b .$$
#
# The last says that it has no units: metres or inches, the answer in nats is the same. Three cheap tests for
# every formula you meet.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
draw = torch.rand(4, 10_000, generator=generator, dtype=torch.float64)
m1, s1, m2, s2 = 6 * draw[0] - 3, 0.1 + 3 * draw[1], 6 * draw[2] - 3, 0.1 + 3 * draw[3]
kl = kl_univariate(m1, s1, m2, s2).double()
stretched = kl_univariate(-7 * m1 + 3, 7 * s1, -7 * m2 + 3, 7 * s2).double()
reference = kl_divergence(Normal(m1, s1), Normal(m2, s2))
print("10,000 random pairs: never below zero:", (kl > -1e-6).all().item())
print("zero for equal ones:", (kl_univariate(m1, s1, m1, s1).abs() < 1e-6).all().item())
print("the same after x -> -7 x + 3:", torch.allclose(kl, stretched, rtol=1e-4, atol=1e-6))
print("the same as torch.distributions:", torch.allclose(kl, reference, rtol=1e-4, atol=1e-6))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 · The same number from samples
#
# A closed form can be wrong in ways that look right. An **independent route** finds out. KL is an
# expectation, so samples from $q$ estimate it, and they bring their own error bar:
#
# $$\hat D = \frac1n \sum_{i=1}^n r_i, \qquad r_i = \log\frac{q(x_i)}{p(x_i)}, \quad x_i \sim q,
# \qquad\qquad \mathrm{SE} = \frac{s_r}{\sqrt n},$$
#
# where $s_r$ is the standard deviation of the $n$ log-ratios. About 95 % of the intervals $\hat D \pm 2\,\mathrm{SE}$
# hold the truth. **A Monte Carlo number without its standard error is not a result.**

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Why average log q - log p and not its absolute value, when KL cannot be negative?" Single terms may be
# negative, see the grey areas of the first figure; without them the sum is too large.
# *Ask:* "To halve the error bar, how many more samples?" Four times.

# %% [markdown] exercise="kl_monte_carlo"
# Write `kl_monte_carlo(mu1, sigma1, mu2, sigma2, n, generator)`: estimate the divergence from the first
# Gaussian to the second from `n` draws, and return the pair `(estimate, standard_error)`, two numbers in nats
# (floats or 0-d tensors).
#
# The four parameters are 0-d tensors. `generator` is the only source of randomness. Any unbiased estimator of finite
# variance is right as long as it samples, as long as the standard error is that of *your* estimator, and as long as
# it shrinks like one over the root of `n`. Two or more draws, `n >= 2`, can be expected.


# %%
def kl_monte_carlo(
    mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor, n: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Estimate KL(N(mu1, sigma1^2) || N(mu2, sigma2^2)) from n samples: (estimate, standard error)."""
    ### BEGIN SOLUTION
    eps = torch.randn(n, generator=generator, dtype=mu1.dtype)
    samples = mu1 + sigma1 * eps  # from q: (n,)
    squares = ((samples - mu2) / sigma2) ** 2 - ((samples - mu1) / sigma1) ** 2
    log_ratio = torch.log(sigma2 / sigma1) + 0.5 * squares
    return log_ratio.mean(), log_ratio.std() / math.sqrt(n)
    ### END SOLUTION


# %%
kl_monte_carlo = check("kl_monte_carlo", kl_monte_carlo)

# %% slideshow={"slide_type": "subslide"}
gaussians = mu1, sigma1, mu2, sigma2
sizes = [10, 30, 100, 300, 1000, 3000, 10_000, 30_000, DRAWS]
estimates, errors = zip(*(kl_monte_carlo(*gaussians, n, generator) for n in sizes), strict=True)
figure, axes = new_figure()
axes.axhline(area, color=COLOURS["truth"], linewidth=1.5, label="closed form")
axes.errorbar(sizes, [float(e) for e in estimates], [2 * float(e) for e in errors], fmt="o", capsize=5,
              color=COLOURS["kl"], label="estimate, 2 standard errors either way")  # fmt: skip
axes.set(xscale="log", xlabel="number of samples n", ylabel="nats")
axes.set_title("The error bar says how far to trust each estimate")
axes.legend(loc="lower right")
show(
    figure,
    alt="Estimates of one KL divergence from 10 to 100,000 samples, with error bars of two standard errors that shrink "
    "towards a horizontal line, the closed form.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Is the error bar honest?
#
# Repeat the whole experiment 400 times and count how often the interval holds the closed form. An honest one
# does so in 95 % of the repeats, give or take $\sqrt{0.95 \cdot 0.05 / 400} \approx 1.1$ %.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
repeats = [kl_monte_carlo(*gaussians, 1000, generator) for _ in range(400)]
inside = sum(abs(float(d) - area) < 2 * float(se) for d, se in repeats) / len(repeats)
print("share of the intervals that hold the truth lies between 90 % and 99 %:", 0.90 < inside < 0.99)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 · Two directions
#
# KL is not a distance: in general $D_{KL}(q \| p) \ne D_{KL}(p \| q)$. Equal means show it best,
#
# $$D_{KL}\big(N(0, r^2) \,\|\, N(0, 1)\big) = \tfrac12 (r^2 - 1) - \log r, \qquad
# D_{KL}\big(N(0, 1) \,\|\, N(0, r^2)\big) = \tfrac12 (r^{-2} - 1) + \log r .$$
#
# Being *wider* than the target is punished by a square, being *narrower* by a mere logarithm; the other way round,
# the reverse.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
zero, one = torch.zeros(2), torch.ones(2)
r = torch.tensor([0.2, 5.0])
print("KL(N(0, r^2) || N(0, 1)) for r = 1/5 and 5:", [f"{v:.2f}" for v in kl_univariate(zero, r, zero, one)])
print("by the formula:                           ", [f"{v:.2f}" for v in 0.5 * (r**2 - 1) - r.log()])
print("KL(N(0, 1) || N(0, r^2)) for r = 1/5 and 5:", [f"{v:.2f}" for v in kl_univariate(zero, one, zero, r)])
print("by the formula:                           ", [f"{v:.2f}" for v in 0.5 * (r**-2 - 1) + r.log()])

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Play with it
#
# Predict first, then move the sliders:
#
# 1. Make both widths equal. What happens to the two numbers, wherever the means are?
# 2. Leave q narrow and move it through p. Which of the two numbers hardly cares?
# 3. Find a pair where one direction costs at least ten times the other.

# %% slideshow={"slide_type": "subslide"}
kl_playground()

# %% [markdown] slideshow={"slide_type": "notes"}
# Five minutes. Answer to 2: KL(q || p) stays small as long as q sits where p has mass. Answer to 3: q narrow
# (0.4) and p wide (3) at equal means is 1.5 against 25.6 nats. The lesson: the *first* argument decides where to
# look, and there the second may not be small.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### When the model cannot match
#
# A target with two bumps, and one Gaussian $q$ to describe it. Both directions are 0 at a perfect match, but none
# exists. What does each choose?
#
# $$\text{covering:}\;\; \min_q D_{KL}(p \,\|\, q) \qquad\qquad \text{seeking:}\;\; \min_q D_{KL}(q \,\|\, p)$$
#
# We find both numerically: integrals on the grid, gradients by autograd, a few steps of LBFGS.

# %% slideshow={"slide_type": "fragment"}
weights = torch.tensor([0.65, 0.35], dtype=torch.float64)
bumps = Normal(torch.tensor([-2.0, 2.4], dtype=torch.float64), torch.tensor([0.8, 0.6], dtype=torch.float64))
log_target = torch.logsumexp(weights.log() + bumps.log_prob(x[:, None]), 1)  # (GRID,)


def divergence(first: Tensor, second: Tensor) -> Tensor:
    """KL between log-densities on the grid, the first deciding where to look."""
    return torch.trapezoid(first.exp() * (first - second), x)


# %% slideshow={"slide_type": "subslide"}
def best_gaussian(covering: bool, mean: float) -> tuple[float, float, float]:
    """Mean, standard deviation and divergence of the best Gaussian, starting from `mean` and width 1."""
    theta = torch.tensor([mean, 0.0], dtype=torch.float64, requires_grad=True)  # mean, log of the std
    optimizer = torch.optim.LBFGS([theta], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        log_q = Normal(theta[0], theta[1].exp()).log_prob(x)
        value = divergence(log_target, log_q) if covering else divergence(log_q, log_target)
        value.backward()
        return value

    optimizer.step(loss)
    return theta[0].item(), theta[1].exp().item(), loss().item()


covering = best_gaussian(covering=True, mean=0.0)
seeking_left, seeking_right = (best_gaussian(covering=False, mean=start) for start in (-3.0, 3.0))

# %% slideshow={"slide_type": "subslide"}
figure, axes = new_figure(figsize=(10, 3.9))
axes.fill_between(x, log_target.exp(), color=COLOURS["neutral"], alpha=0.6, linewidth=0, label="target p")
for (m, s, d), colour, dash, name in [
    (covering, COLOURS["model"], "-", "KL(p || q) covers"),
    (seeking_left, COLOURS["posterior"], "--", "KL(q || p) seeks, from the left"),
    (seeking_right, COLOURS["prior"], "-.", "KL(q || p) seeks, from the right"),
]:
    axes.plot(x, Normal(m, s).log_prob(x).exp(), dash, color=colour, label=f"{name}: {d:.2f} nats")
axes.set(xlim=(-6, 6), ylim=(0, 0.85), xlabel="x", ylabel="density")
axes.set_title("One direction covers both bumps, the other settles on one")
axes.legend(loc="upper center", ncols=2)
show(
    figure,
    alt="A target with a large bump at -2 and a smaller one at 2.4. The covering Gaussian is wide, centred between "
    "them, highest where the target has a valley. The seeking fits sit on one bump each; which one depends "
    "on the start.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Both answers can be predicted
#
# **Covering** is maximum likelihood, and for a Gaussian that means matching the target's two moments:
#
# $$\mu^\star = \mathbb{E}_p[x], \qquad \sigma^{\star 2} = \operatorname{Var}_p[x] .$$
#
# **Seeking** with bumps far apart means *being* one of them. There $p \approx w_k\, q$, so it costs about
#
# $$D_{KL}(q \,\|\, p) \approx \log\frac{1}{w_k} .$$
#
# <details>
# <summary>Why covering matches moments</summary>
#
# $D_{KL}(p \| q) = \text{const} - \mathbb{E}_p[\log q(x)] =
# \text{const} + \log \sigma + \mathbb{E}_p[(x - \mu)^2] / (2
# \sigma^2)$. Setting the derivative by $\mu$ to zero gives $\mu = \mathbb{E}_p[x]$; that by $\sigma$ gives $\sigma^2 =
# \mathbb{E}_p[(x - \mu)^2]$.
#
# </details>

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
mean = integral(log_target.exp() * x)
std = math.sqrt(integral(log_target.exp() * (x - mean) ** 2))
print(
    f"covering: mean {covering[0]:.2f}, width {covering[1]:.2f}; the target's own: {mean:.2f} and {std:.2f}"
)
for name, (m, _, d), weight in [("left", seeking_left, 0.65), ("right", seeking_right, 0.35)]:
    print(
        f"seeking, {name}: mean {m:.1f}, {d:.2f} nats against log(1 / {weight}) = {math.log(1 / weight):.2f}"
    )

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Which direction is maximum likelihood?" KL(data || model): covering. That is why likelihood models put mass
# between the bumps and blur. "Which one is inside the ELBO, between q(z|x) and the true posterior?" KL(q ||
# posterior): seeking. So a VAE's posterior is too narrow rather than too wide. GANs come back to this in lecture 10.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Where we meet each of them
#
# | direction | q is ... | error it avoids | error it accepts | where |
# |---|---|---|---|---|
# | $D_{KL}(p \Vert q)$, covering | large wherever p is | missing a bump | mass where p has none | maximum likelihood |
# | $D_{KL}(q \Vert p)$, seeking | small wherever p is | mass where p has none | missing a bump | gap of the ELBO |
#
# Which bump a seeking fit ends on depends on the start. Every local minimum is a legitimate answer to a
# question with more than one.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 · The VAE's KL term
#
# Independent dimensions: densities multiply, logarithms add, so **divergences add up**. With
# $q = N(\mu, \operatorname{diag} \sigma^2)$ and $p = N(0, I)$ in $D$ dimensions, set $\mu_2 = 0$, $\sigma_2 = 1$ in
# each:
#
# $$D_{KL}(q \,\|\, p) = \sum_{j=1}^{D} D_{KL}\big(N(\mu_j, \sigma_j^2) \,\big\|\, N(0, 1)\big) =
# \frac12 \sum_{j=1}^{D} \big( \mu_j^2 + \sigma_j^2 - 1 - \log \sigma_j^2 \big) .$$
#
# An encoder gives $\log\sigma^2$ and not $\sigma$: any real number is allowed, and the last term comes for free.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
code_mean, code_std = torch.tensor([1.2, -0.4, 0.0]), torch.tensor([0.3, 0.9, 1.0])
by_dimension = kl_univariate(code_mean, code_std, torch.zeros(3), torch.ones(3))
joint = kl_divergence(
    Independent(Normal(code_mean, code_std), 1), Independent(Normal(torch.zeros(3), torch.ones(3)), 1)
)
print("by dimension:", [f"{value:.3f}" for value in by_dimension], f"sum {by_dimension.sum():.3f}")
print(f"torch.distributions, jointly: {joint:.3f} nats")

# %% [markdown] exercise="kl_standard_normal"
# Write `kl_standard_normal(mu, logvar)`: both `(B, D)`, where **`logvar` is the logarithm of the variance**, natural
# log. Return one KL to $N(0, I)$ per example, shape `(B,)`, **summed** over the latent dimensions, in nats.
#
# It is a loss: gradients must reach `mu` and `logvar`. It has to stay exact in float32 for any `logvar` from -200 to
# 80 and in hundreds of dimensions: there `log(exp(logvar))`, a small number inside a logarithm, clamping, and a
# product over dimensions all give another answer.
#
# For example: `mu = [[1.0, 0.0]]`, `logvar = [[0.0, 0.0]]` gives `[0.5]`.


# %%
def kl_standard_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, diag exp(logvar)) || N(0, I)) of each example: (B, D), (B, D) -> (B,), in nats."""
    ### BEGIN SOLUTION
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)
    ### END SOLUTION


# %%
kl_standard_normal = check("kl_standard_normal", kl_standard_normal)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Checked by samples, in 16 dimensions
#
# $$\hat D = \frac1n \sum_i \big[\log q(z_i) - \log p(z_i)\big], \qquad z_i \sim q .$$
#
# Five codes, each with its own error bar. The closed form must lie within a few standard errors of every one.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
mu, logvar = torch.randn(2, 5, 16, generator=generator)
z = mu + (logvar / 2).exp() * torch.randn(20_000, 5, 16, generator=generator)
log_ratio = (Normal(mu, (logvar / 2).exp()).log_prob(z) - Normal(0.0, 1.0).log_prob(z)).sum(2)  # (n, 5)
standard_error = log_ratio.std(0) / math.sqrt(len(log_ratio))
distance = (log_ratio.mean(0) - kl_standard_normal(mu, logvar)).abs() / standard_error
print("all five within 4 standard errors:", (distance < 4).all().item())
print(
    "each error bar below 1 % of its KL:",
    (standard_error < 0.01 * kl_standard_normal(mu, logvar)).all().item(),
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 · What the KL term rewards
#
# Per dimension it is a price list, $\tfrac12\mu^2$ for the position and $\tfrac12(\sigma^2 - 1 - \log\sigma^2)$ for
# the width:

# %% slideshow={"slide_type": "subslide"}
position, width = torch.linspace(-3, 3, 121), torch.logspace(-1.5, 0.5, 121)
price_of_position = kl_standard_normal(position[:, None], torch.zeros(121, 1))
price_of_width = kl_standard_normal(torch.zeros(121, 1), 2 * width.log()[:, None])
figure, (left, right) = new_figure(1, 2, sharey=True, figsize=(10, 3.6))
left.plot(position, price_of_position.detach(), color=COLOURS["kl"])
left.set(title="Distance costs its square", xlabel="mean of the code", ylabel="nats per dimension")
right.plot(width, price_of_width.detach(), color=COLOURS["kl"])
right.set(title="Precision costs a logarithm", xlabel="standard deviation of the code", xscale="log")
right.axvline(1, color=COLOURS["prior"], linestyle="--")
right.text(0.93, 2.6, "the prior's width: free", color=COLOURS["prior"], ha="right", weight="bold")
show(
    figure,
    alt="Left: the cost of the mean is a parabola, 4.5 nats at 3. Right: the cost of the width is zero at 1, rises "
    "like a straight line on the logarithmic axis for narrow codes and much faster for wide ones.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Which way it pulls
#
# The gradient of one dimension, by the mean and by the log-variance $v = \log\sigma^2$:
#
# $$\frac{\partial D_{KL}}{\partial \mu} = \mu, \qquad
# \frac{\partial D_{KL}}{\partial v} = \tfrac12\,(\sigma^2 - 1) .$$
#
# A very narrow code ($\sigma \to 0$) is pulled apart with a force of one half at most; a wide one is pushed together
# exponentially hard.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
m = torch.tensor([[-2.0], [0.5], [1.0]], requires_grad=True)
v = torch.tensor([[-4.0], [0.0], [2.0]], requires_grad=True)
by_mean, by_logvar = torch.autograd.grad(kl_standard_normal(m, v).sum(), (m, v))
print("by the mean:        ", [f"{g:.3f}" for g in by_mean.flatten()], "= the mean")
print("by the log-variance:", [f"{g:.3f}" for g in by_logvar.flatten()])
print("half of (var - 1):  ", [f"{g:.3f}" for g in 0.5 * (v.exp() - 1).flatten()])

# %% slideshow={"slide_type": "subslide"}
start_mean, start_logvar = (
    torch.tensor([-2.5, -1.5, 1.0, 2.6, 2.0]),
    torch.tensor([-5.0, 1.6, -4.5, -2.0, 1.9]),
)
m, v = start_mean[:, None].requires_grad_(), start_logvar[:, None].requires_grad_()
path = [(m.detach().flatten(), v.detach().flatten())]
for _ in range(150):  # gradient descent on nothing but the KL term, step 0.1
    step = torch.autograd.grad(kl_standard_normal(m, v).sum(), (m, v))
    m, v = ((a - 0.1 * g).detach().requires_grad_() for a, g in zip((m, v), step, strict=True))
    path.append((m.detach().flatten(), v.detach().flatten()))
means, logvars = (torch.stack(part) for part in zip(*path, strict=True))  # each (151, 5)

# %% slideshow={"slide_type": "fragment"}
grid_mean, grid_logvar = torch.meshgrid(
    torch.linspace(-3, 3, 101), torch.linspace(-6, 2.5, 101), indexing="xy"
)
cost = kl_standard_normal(grid_mean.reshape(-1, 1), grid_logvar.reshape(-1, 1)).detach().reshape(101, 101)

# %% slideshow={"slide_type": "subslide"}
figure, axes = new_figure(figsize=(9, 4.2))
levels = [0.1, 0.5, 1, 2, 3, 4, 6]
lines = axes.contour(grid_mean, grid_logvar, cost, levels=levels, colors=COLOURS["baseline"], linewidths=1.4)
axes.clabel(lines, fmt="%g nats", fontsize=12)
axes.plot(means, logvars, color=COLOURS["posterior"])
axes.plot(means[0], logvars[0], "o", color=COLOURS["posterior"], label="five codes")
axes.plot(0, 0, "*", markersize=20, color=COLOURS["prior"], label="the prior")
axes.set(xlabel="mean of the code", ylabel="log-variance of the code")
axes.set_title("Left alone, the KL term pulls every code into the prior")
axes.legend(loc="lower right", framealpha=1, frameon=True)
show(
    figure,
    alt="Contours of the KL per dimension over mean and log-variance. Five paths of gradient descent start in all "
    "corners and end in one point, mean 0 and log-variance 0, where nothing of an image is left in the code.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "If this were the whole loss, what would the encoder learn?" To ignore x. Reconstruction pulls the other way,
# and a dimension survives only if it earns more nats of reconstruction than it costs. Dimensions that do not are the
# "collapsed" ones of lecture 6. Return to the vote from the start: too wide under KL(q || p) is far worse.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### A nat of KL buys a nat of information
#
# Average the term over the data and it splits in two (Hoffman and Johnson, 2016). With $q(z) = \mathbb{E}_x[q(z|x)]$,
# the cloud of all codes,
#
# $$\mathbb{E}_x\, D_{KL}\big(q(z|x) \,\|\, p(z)\big) = \underbrace{I(x; z)}_{\text{what the code says about } x} +
# \underbrace{D_{KL}\big(q(z) \,\|\, p(z)\big)}_{\text{cloud against prior}} .$$
#
# A case where everything is known: $x \sim N(0, 1)$, $q(z|x) = N(a x, s^2)$. The cloud is $N(0, a^2 + s^2)$, and
# $I = \tfrac12 \log(1 + a^2 / s^2)$.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
a, s = torch.tensor(1.1), torch.tensor(0.4)
data = torch.randn(DRAWS, 1, generator=generator)
costs = kl_standard_normal(a * data, torch.full_like(data, 2 * s.log()))
information = 0.5 * torch.log(1 + a**2 / s**2)
cloud = kl_univariate(torch.tensor(0.0), (a**2 + s**2).sqrt(), torch.tensor(0.0), torch.tensor(1.0))
error = costs.std() / math.sqrt(DRAWS)
print(f"information {information:.3f} + cloud {cloud:.3f} = {information + cloud:.3f} nats")
print(
    "average KL within 4 standard errors of that:",
    (abs(costs.mean() - information - cloud) < 4 * error).item(),
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# When the cloud *is* the prior ($a^2 + s^2 = 1$), the KL term is the information and nothing else, $-\log s$ per
# dimension. Four dimensions that say a lot, something, little and nothing about $x$:

# %% slideshow={"slide_type": "subslide"}
gains = torch.tensor([0.99, 0.9, 0.5, 0.0])
data = torch.randn(2000, 4, generator=generator)
prices = [kl_standard_normal(g * data[:, [j]], (1 - g**2).log().expand(2000, 1)) for j, g in enumerate(gains)]
figure, axes = new_figure(figsize=(10, 3.8))
names = [f"dimension {j}\nz = {g:g} x + noise" for j, g in enumerate(gains.tolist(), start=1)]
axes.bar(names, [c.mean().item() for c in prices], yerr=[2 * c.std().item() / math.sqrt(2000) for c in prices],
         capsize=6, color=COLOURS["kl"], width=0.6, label="average KL, 2 standard errors either way")  # fmt: skip
axes.plot(names, -0.5 * (1 - gains**2).log(), "D", color=COLOURS["truth"], label="information -log s")
axes.set(ylabel="nats per example", title="Only a dimension that says something costs something")
axes.legend()
axes.grid(axis="x", visible=False)
show(
    figure,
    alt="Bars of the average KL of four dimensions: 1.96, 0.83, 0.14 and 0 nats. Diamonds for the information that "
    "each carries about x sit on top of the bars, within their error bars.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 · Numerical traps, part one: the exponential
#
# float32 holds numbers from about $10^{-45}$ to $3 \cdot 10^{38}$, so $e^{v}$ is 0 below $v \approx -104$ and
# infinite above $v \approx 88.7$. The logarithm of it does not bring $v$ back.

# %% slideshow={"slide_type": "fragment"}
v = torch.linspace(-200, 120, 641)
round_trip, guarded = v.exp().log(), (v.exp() + 1e-8).log()
print(
    f"log(exp(v)) is finite from {v[round_trip.isfinite()].min():.0f} to {v[round_trip.isfinite()].max():.0f}"
)

# %% slideshow={"slide_type": "subslide"}
figure, axes = new_figure(figsize=(10, 3.7))
axes.plot(v, v, color=COLOURS["truth"], label="logvar, as it is")
for kept, colour, name in [
    (guarded, "model", "log(exp(logvar) + 1e-8)"),
    (round_trip, "kl", "log(exp(logvar))"),
]:
    (finite,) = kept.isfinite().nonzero(as_tuple=True)
    axes.plot(v[finite], kept[finite], color=COLOURS[colour], linewidth=7, alpha=0.6, label=name)
    axes.plot(v[finite[-1]], kept[finite[-1]], "X", color=COLOURS[colour], markersize=13)
axes.plot(v[finite[0]], kept[finite[0]], "X", color=COLOURS["kl"], markersize=13)
axes.set_title("A round trip through exp loses the log-variance")
axes.set(xlabel="logvar in float32", ylabel="what is left")
axes.legend()
show(
    figure,
    alt="Three curves against logvar: the straight line logvar itself from -200 to 120; log(exp(logvar)), "
    "which breaks off near -104 and 89; and the version with 1e-8 inside, flat at -18 on the left.",
)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
for value in (-150.0, 40.0, 80.0, 100.0):
    v = torch.tensor(value)
    print(f"logvar {value:6.0f}:  log(exp) {v.exp().log().item():6.0f}   exp {v.exp().item():8.1e}"
          f"   exp squared {(v.exp() ** 2).item():8.1e}   exp(logvar / 2) {(v / 2).exp().item():8.1e}")  # fmt: skip

# %% [markdown] slideshow={"slide_type": "fragment"}
# * **Keep the logarithm** where a logarithm is wanted. It was given to you.
# * $\sigma = e^{v/2}$, never $e^{v}$: that is the variance, and its square overflows at $v = 45$ already.
# * An infinite KL, here from $v \approx 88.7$ on, is at least honest. A NaN is not.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A divergence below zero?
#
# Near the prior, $\sigma^2 - 1 - \log\sigma^2$ is a small difference of large numbers. With $v = \log\sigma^2$,
#
# $$\tfrac12 \big(e^v - 1 - v\big) = \tfrac14 v^2 + O(v^3),$$
#
# and float32 rounds $e^v$ to steps of $10^{-7}$. `torch.expm1(v)` computes $e^v - 1$ without that loss. For training
# it hardly matters; for a test that says "never negative" it does.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
v = torch.linspace(-2e-4, 2e-4, 1001)
plain, careful, exact = 0.5 * (v.exp() - 1 - v), 0.5 * (torch.expm1(v) - v), 0.25 * v.double() ** 2
print("exp(v) - 1 - v goes below zero:  ", (plain < 0).any().item())
print("expm1(v) - v goes below -1e-12:  ", (careful < -1e-12).any().item())
print("plain is wrong by more than 1e-8: ", ((plain - exact).abs().max() > 1e-8).item())
print("expm1 is within 1e-10 everywhere:", ((careful - exact).abs().max() < 1e-10).item())

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8 · Full covariances
#
# The same four steps in $D$ dimensions. Only step 3 needs a new tool, and it is one line:
#
# $$\mathbb{E}_q\big[(x - \mu_2)^\top \Sigma_2^{-1} (x - \mu_2)\big] =
# \operatorname{tr}\big(\Sigma_2^{-1} \Sigma_1\big) + (\mu_1 - \mu_2)^\top \Sigma_2^{-1} (\mu_1 - \mu_2) .$$
#
# <details>
# <summary>Where the trace comes from</summary>
#
# A number is its own trace, and a trace may be turned round:
# $(x - \mu_1)^\top \Sigma_2^{-1} (x - \mu_1) = \operatorname{tr}\big(\Sigma_2^{-1} (x - \mu_1)(x - \mu_1)^\top\big)$.
# The expectation goes inside, onto $\mathbb{E}_q[(x - \mu_1)(x - \mu_1)^\top] = \Sigma_1$. The cross term vanishes as
# it did on the line. With $\mu_2 = \mu_1$ and $\Sigma_2 = \Sigma_1$ the same line gives
# $\operatorname{tr}(I) = D$: the $-\tfrac12$ of one dimension becomes $-\tfrac{D}{2}$.
#
# </details>

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
mean_q, mean_p = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 0.5])
cov_q, cov_p = torch.tensor([[0.5, -0.3], [-0.3, 0.6]]), torch.tensor([[1.5, 0.9], [0.9, 1.0]])
samples = mean_q + torch.randn(DRAWS, 2, generator=generator) @ torch.linalg.cholesky(cov_q).T
precision, gap = torch.linalg.inv(cov_p), mean_q - mean_p
squares = ((samples - mean_p) @ precision * (samples - mean_p)).sum(1)  # (n,)
formula = torch.trace(precision @ cov_q) + gap @ precision @ gap
deviation = (squares.mean() - formula).abs() / (squares.std() / math.sqrt(DRAWS))
print(f"trace + distance: {formula:.3f}; samples agree within 4 standard errors: {(deviation < 4).item()}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Together with the normalisers, $\log N$ has $-\tfrac{D}{2} \log 2\pi - \tfrac12 \log\det\Sigma$, this gives
#
# $$\boxed{\;D_{KL} = \frac12 \Big( \operatorname{tr}(\Sigma_2^{-1} \Sigma_1) - D +
# \log\frac{\det \Sigma_2}{\det \Sigma_1} + (\mu_1 - \mu_2)^\top \Sigma_2^{-1} (\mu_1 - \mu_2) \Big)\;}$$

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
by_formula = 0.5 * (formula - 2 + torch.log(torch.linalg.det(cov_p) / torch.linalg.det(cov_q)))
by_torch = kl_divergence(MultivariateNormal(mean_q, cov_q), MultivariateNormal(mean_p, cov_p))
print(f"formula {by_formula:.3f}, torch.distributions {by_torch:.3f} nats")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Traps, part two: the determinant
#
# That line has two determinants in it. A determinant is a product of $D$ numbers. If all are $10^{-10}$, it is
# $10^{-10 D}$, and no float holds that for long. Its *logarithm* is a harmless sum:

# %% slideshow={"slide_type": "fragment"}
dims = range(1, 41)
by_det = {
    dtype: [torch.linalg.det(1e-10 * torch.eye(d, dtype=dtype)).log().item() for d in dims]
    for dtype in (torch.float64, torch.float32)
}
last = {dtype: max(d for d, value in zip(dims, values, strict=True) if math.isfinite(value))
        for dtype, values in by_det.items()}  # fmt: skip

# %% slideshow={"slide_type": "subslide"}
figure, axes = new_figure()
axes.plot(dims, [d * math.log(1e-10) for d in dims], color=COLOURS["truth"], label="sum of logarithms")
for dtype, colour in [(torch.float64, "model"), (torch.float32, "kl")]:
    n = last[dtype]
    name = f"log of det in {str(dtype)[6:]}: gone after D = {n}"
    axes.plot(dims[:n], by_det[dtype][:n], color=COLOURS[colour], linewidth=7, alpha=0.6, label=name)
    axes.plot(n, by_det[dtype][n - 1], "X", color=COLOURS[colour], markersize=13)
axes.set_title("Determinants of small covariances run out of numbers")
axes.set(xlabel="dimensions D", ylabel="log-determinant")
axes.legend()
show(
    figure,
    alt="The log-determinant of 1e-10 times the identity against the dimension: a straight line down to -921 at 40. "
    "Computed as the logarithm of a determinant it follows the line only to D = 4 in float32 and D = 32 in float64.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Cholesky does both
#
# Factor each covariance once, $\Sigma = L L^\top$ with $L$ lower triangular. Then with $M = L_2^{-1} L_1$ and
# $y = L_2^{-1} (\mu_1 - \mu_2)$
#
# $$\operatorname{tr}(\Sigma_2^{-1} \Sigma_1) = \sum_{ij} M_{ij}^2, \qquad
# (\mu_1 - \mu_2)^\top \Sigma_2^{-1} (\mu_1 - \mu_2) = \sum_i y_i^2, \qquad
# \log\det\Sigma = 2 \sum_i \log L_{ii} .$$
#
# No inverse, no determinant, and $M$ and $y$ by forward substitution, which is cheaper and more accurate than an
# inverse.
#
# <details>
# <summary>Why the trace is a sum of squares</summary>
#
# $\Sigma_2^{-1} = L_2^{-\top} L_2^{-1}$, so $\operatorname{tr}(\Sigma_2^{-1} \Sigma_1) =
# \operatorname{tr}(L_2^{-\top} L_2^{-1} L_1 L_1^\top) = \operatorname{tr}(L_2^{-1} L_1 L_1^\top L_2^{-\top}) =
# \operatorname{tr}(M M^\top)$, and the trace of $M M^\top$ is the sum of the squares of all entries of $M$.
#
# </details>

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
root_q, root_p = torch.linalg.cholesky(cov_q), torch.linalg.cholesky(cov_p)
ratio = torch.linalg.inv(root_p) @ root_q
print(f"trace    {torch.trace(precision @ cov_q):.3f} = {ratio.square().sum():.3f}")
print(f"distance {gap @ precision @ gap:.3f} = {(torch.linalg.inv(root_p) @ gap).square().sum():.3f}")
print(f"log det  {torch.linalg.det(cov_p).log():.3f} = {2 * root_p.diagonal().log().sum():.3f}")

# %% [markdown] exercise="kl_full_covariance"
# Write `kl_full_covariance(mu1, cov1, mu2, cov2)` for a batch of pairs: means `(B, D)`, covariances `(B, D, D)`
# (the covariances themselves, not their factors; symmetric and positive definite). Return shape `(B,)`, in nats.
#
# It must hold for 40 dimensions with covariances of size $10^{-10}$ or $10^{10}$, in float32 too: form no
# determinant, and add nothing to the diagonal.
#
# For example: equal means, `cov1` twice the identity and `cov2` the identity in two dimensions give
# $1 - \log 2 \approx 0.307$.


# %%
def kl_full_covariance(mu1: Tensor, cov1: Tensor, mu2: Tensor, cov2: Tensor) -> Tensor:
    """KL(N(mu1, cov1) || N(mu2, cov2)) of each pair: means (B, D), covariances (B, D, D) -> (B,), in nats."""
    ### BEGIN SOLUTION
    factor1, factor2 = torch.linalg.cholesky(cov1), torch.linalg.cholesky(cov2)
    m = torch.linalg.solve_triangular(factor2, factor1, upper=False)  # (B, D, D)
    y = torch.linalg.solve_triangular(factor2, (mu1 - mu2).unsqueeze(-1), upper=False)  # (B, D, 1)
    log_diagonals = [factor.diagonal(dim1=1, dim2=2).log().sum(1) for factor in (factor1, factor2)]
    log_det_ratio = 2 * (log_diagonals[1] - log_diagonals[0])
    return 0.5 * (m.square().sum((1, 2)) - mu1.shape[1] + log_det_ratio + y.square().sum((1, 2)))
    ### END SOLUTION


# %%
kl_full_covariance = check("kl_full_covariance", kl_full_covariance)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Three routes again, and 40 tiny dimensions

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
pair = mean_q[None], cov_q[None], mean_p[None], cov_p[None]
closed_form = kl_full_covariance(*pair)[0]
full_q, full_p = MultivariateNormal(mean_q, cov_q), MultivariateNormal(mean_p, cov_p)
log_ratio = full_q.log_prob(samples) - full_p.log_prob(samples)
error = log_ratio.std() / math.sqrt(DRAWS)
print(f"closed form {closed_form:.3f}, torch.distributions {kl_divergence(full_q, full_p):.3f} nats")
print("samples agree within 4 standard errors:", (abs(log_ratio.mean() - closed_form) < 4 * error).item())
mean40, cov40 = torch.zeros(1, 40), 1e-10 * torch.eye(40)[None]
tiny = kl_full_covariance(mean40, 2 * cov40, mean40, cov40)[0]
print(f"40 dimensions, 2e-10 against 1e-10: {tiny:.3f} nats; 20 (1 - log 2) = {20 * (1 - math.log(2)):.3f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### What a diagonal q must leave out
#
# A VAE's encoder usually has no correlations: $q = N(0, s^2 I)$, say. Let the target have some,
# $p = N(0, \Sigma)$ with $\Sigma = \begin{pmatrix} 1 & \rho \\ \rho & 1 \end{pmatrix}$. The best $s^2$ is
#
# $$\text{covering: } s^2 = \Sigma_{ii} = 1, \qquad\qquad
# \text{seeking: } s^2 = \frac{1}{(\Sigma^{-1})_{ii}} = 1 - \rho^2 ,$$
#
# and either way the loss is $-\tfrac12 \log(1 - \rho^2)$ nats, the mutual information of the two coordinates.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
rho = 0.9
variances = torch.linspace(0.05, 1.5, 1451)  # candidates for s^2, in steps of 0.001
diagonal = variances[:, None, None] * torch.eye(2)
correlated = torch.tensor([[1.0, rho], [rho, 1.0]]).expand(1451, 2, 2)
origin = torch.zeros(1451, 2)
cover, seek = (
    kl_full_covariance(origin, correlated, origin, diagonal),
    kl_full_covariance(origin, diagonal, origin, correlated),
)
best_cover, best_seek = variances[cover.argmin()].item(), variances[seek.argmin()].item()
print(f"covering: best s^2 = {best_cover:.2f}, {cover.min():.3f} nats")
print(f"seeking:  best s^2 = {best_seek:.2f}, {seek.min():.3f} nats; 1 - rho^2 = {1 - rho**2:.2f}")
print(f"mutual information: {-0.5 * math.log(1 - rho**2):.3f} nats")

# %% slideshow={"slide_type": "subslide"}
figure, axes = new_figure(figsize=(9, 3.9))
shapes = [
    (math.sqrt(1 + rho), math.sqrt(1 - rho), 45, COLOURS["truth"], "-", "target p"),
    (best_cover**0.5, best_cover**0.5, 0, COLOURS["model"], "--", "KL(p || q) covers"),
    (best_seek**0.5, best_seek**0.5, 0, COLOURS["posterior"], "-.", "KL(q || p) seeks"),
]
for a, b, angle, colour, dash, name in shapes:  # half axes of the ellipse at two standard deviations
    axes.add_patch(Ellipse((0, 0), 4 * a, 4 * b, angle=angle, fill=False, edgecolor=colour, linestyle=dash,
                           linewidth=2.6, label=name))  # fmt: skip
axes.set(xlim=(-5.2, 5.2), ylim=(-2.3, 2.3), xlabel="z1", ylabel="z2", aspect="equal")
axes.set_title("Without correlations, q is either too wide or too narrow")
axes.legend(loc="upper left")
show(
    figure,
    alt="Lines at two standard deviations: the target, a long thin ellipse along the diagonal; the covering circle, as "
    "wide as the ellipse is long in each coordinate; and the seeking circle, small enough to stay nearly inside it.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "The VAE minimises KL(q || posterior). Will its error bars be too large or too small?" Too small: the seeking
# circle. This is the standard warning about factorised variational posteriors (Bishop 2006, section 10.1.2).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9 · Find the misprint
#
# Formulas like these are copied from slide to slide. Three tests catch nearly every slip; here is one, the
# logarithm's ratio upside down, taking them:
#
# 1. **Zero:** is it 0 for two equal Gaussians?
# 2. **Sign:** is it ever negative?
# 3. **A number:** does it agree at one setting that is known by another route?


# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
def upside_down(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> Tensor:
    return (sigma1 / sigma2).log() + (sigma1**2 + (mu1 - mu2) ** 2) / (2 * sigma2**2) - 0.5


zeros, widths = torch.zeros(50), torch.linspace(0.1, 3, 50)
for name, formula in [("the boxed formula", kl_univariate), ("ratio upside down", upside_down)]:
    equal = formula(zeros, widths, zeros, widths).abs().max() < 1e-5
    positive = formula(zeros, widths, zeros, zeros + 1).min() > -1e-6
    known = abs(formula(mu1, sigma1, mu2, sigma2) - kl_divergence(q, p)) < 1e-4
    print(f"{name}: zero {'passed' if equal else 'FAILED'}, sign {'passed' if positive else 'FAILED'}, "
          f"number {'passed' if known else 'FAILED'}")  # fmt: skip

# %% [markdown] slideshow={"slide_type": "notes"}
# Do the hunt in groups of three, ten minutes, on paper first and in code second. All three are kinds of
# slip that are common on slides and in code. Let the groups defend a formula that *looks* wrong and is not.

# %% [markdown] exercise="misprints"
# Six formulas, as you might find them in six places. **Three are wrong.** In all of them $\sigma$ is a standard
# deviation, $D$ the number of dimensions, and logarithms are natural.
#
# **A.**
# $$D_{KL}\big(N(\mu_1, \sigma_1^2) \,\|\, N(\mu_2, \sigma_2^2)\big) =
# \frac12 \Big( \frac{\sigma_1^2 + (\mu_1 - \mu_2)^2}{\sigma_2^2} - 1 - \log \frac{\sigma_1^2}{\sigma_2^2} \Big)$$
#
# **B.**
# $$D_{KL}\big(N(\mu, \operatorname{diag} \sigma^2) \,\|\, N(0, I)\big) =
# {-\frac12} \sum_{j=1}^D \big( 1 + \log \sigma_j - \mu_j^2 - \sigma_j^2 \big)$$
#
# **C.**
# $$D_{KL}\big(N(\mu_1, \operatorname{diag} \sigma_1^2) \,\|\, N(\mu_2, \operatorname{diag} \sigma_2^2)\big) =
# \sum_{j=1}^D \Big( \log \frac{\sigma_{2j}^2}{\sigma_{1j}^2} +
# \frac{\sigma_{1j}^2 + (\mu_{1j} - \mu_{2j})^2}{\sigma_{2j}^2} - 1 \Big)$$
#
# **D.** With $\rho_j = \log \sigma_j$:
# $$D_{KL}\big(N(\mu, \operatorname{diag} \sigma^2) \,\|\, N(0, I)\big) =
# \sum_{j=1}^D \Big( \frac{\mu_j^2}{2} + \frac{e^{2 \rho_j}}{2} - \rho_j - \frac12 \Big)$$
#
# **E.**
# $$D_{KL}\big(N(\mu_1, \Sigma_1) \,\|\, N(\mu_2, \Sigma_2)\big) =
# \frac12 \Big( \operatorname{tr}(\Sigma_2^{-1} \Sigma_1) + \log \frac{\det \Sigma_2}{\det \Sigma_1} +
# (\mu_1 - \mu_2)^\top \Sigma_2^{-1} (\mu_1 - \mu_2) \Big)$$
#
# **F.**
# $$D_{KL}\big(N(\mu_1, \Sigma) \,\|\, N(\mu_2, \Sigma)\big) =
# \frac12 (\mu_2 - \mu_1)^\top \Sigma^{-1} (\mu_2 - \mu_1) =
# D_{KL}\big(N(\mu_2, \Sigma) \,\|\, N(\mu_1, \Sigma)\big)$$
#
# Write `misprints()`, which returns the letters of the **wrong** ones as a set of strings, such as `{"X", "Y", "Z"}`.
# There are points for all three and none for a part; a wrong answer is told about one formula at a time, and why.


# %%
def misprints() -> set[str]:
    """The letters of the formulas that are wrong."""

    ### BEGIN SOLUTION
    # In one dimension, D = 1, every formula can be tried on plain numbers; the truth is kl_univariate's.
    def truth(mu1: float, s1: float, mu2: float, s2: float) -> float:
        return float(kl_univariate(*torch.tensor([mu1, s1, mu2, s2], dtype=torch.float64)))

    mu1, s1, mu2, s2 = 0.3, 0.6, -0.4, 1.2
    d, log, rho = mu1 - mu2, math.log, math.log(s1)
    printed = {
        "A": ((s1**2 + d**2) / s2**2 / 2 - 0.5 - log(s1**2 / s2**2) / 2, truth(mu1, s1, mu2, s2)),
        "B": (-0.5 * (1 + log(s1) - mu1**2 - s1**2), truth(mu1, s1, 0, 1)),
        "C": (log(s2**2 / s1**2) + (s1**2 + d**2) / s2**2 - 1, truth(mu1, s1, mu2, s2)),
        "D": (mu1**2 / 2 + math.exp(2 * rho) / 2 - rho - 0.5, truth(mu1, s1, 0, 1)),
        "E": (0.5 * (s1**2 / s2**2 + log(s2**2 / s1**2) + d**2 / s2**2), truth(mu1, s1, mu2, s2)),
        "F": (0.5 * d**2 / s2**2, truth(mu1, s2, mu2, s2)),
    }
    return {letter for letter, (value, true) in printed.items() if abs(value - true) > 1e-4}
    ### END SOLUTION


# %%
misprints = check("misprints", misprints)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# * The KL divergence of two Gaussians is a closed form: a ratio of widths, a square in units of the *second* width, a
#   constant. In $D$ dimensions the constant is $-D/2$.
# * Check a formula by an independent route, and a sample by its standard error.
# * The first argument decides where to look. $D_{KL}(p \| q)$ covers and matches moments; $D_{KL}(q \| p)$ seeks,
#   settles on one bump, and makes factorised posteriors too narrow.
# * The VAE's term charges $\tfrac12 \mu^2$ for position and a logarithm for precision, summed over dimensions, per
#   example. Left alone it erases the code; what it charges on average is information about $x$, plus the mismatch of
#   the cloud.
# * Stay in logarithms: use `logvar` itself, and Cholesky's diagonal in place of determinants.
#
# **Next:** the other term of the ELBO is an expectation under $q$, and we need its *gradient*. Sampling seems to
# stand in the way: lecture 5.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Check yourself
#
# **1.** A code has $\mu = 0$ and $\sigma = 1$ in every dimension, for every image. What is its KL term, and what
# does it say about the image?
#
# <details>
# <summary>Answer</summary>
#
# 0 nats, and nothing: every image has the same code distribution, so the information is 0 too.
#
# </details>
#
# **2.** A colleague's KL term is `0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean()` with 32 latent dimensions. By
# what is it too small, and which hyperparameter of a later lecture does this slip amount to?
#
# <details>
# <summary>Answer</summary>
#
# By a factor of 32: `.mean()` divides by batch *and* dimensions. It trains with weight 1/32 on the KL term, which is
# the beta of lecture 7 without its name.
#
# </details>
#
# **3.** Which is larger, $D_{KL}(N(0, 0.1^2) \| N(0, 1))$ or $D_{KL}(N(0, 1) \| N(0, 0.1^2))$? Guess, then compute.
#
# <details>
# <summary>Answer</summary>
#
# The second, by far: 1.81 against 47.2 nats. Under the wide first argument, most samples fall ten standard deviations
# away from where the narrow one expects them.
#
# </details>
#
# **4.** Your Monte Carlo estimate is $-0.02 \pm 0.03$ (one standard error). KL is never negative. Is the code wrong?
#
# <details>
# <summary>Answer</summary>
#
# Not necessarily: the estimate is within one standard error of 0 and above. The *mean* of the log-ratios
# is never negative, a sample mean can be. At $-0.02 \pm 0.002$ something is wrong.
#
# </details>
#
# **5.** Why does casting to float64 not rescue `torch.log(torch.linalg.det(cov))`?
#
# <details>
# <summary>Answer</summary>
#
# It moves the limit from about $10^{-45}$ to $10^{-324}$, which is $D = 32$ at size $10^{-10}$ instead of 4. The
# number of dimensions has no such limit; the sum of logarithms has none either.
#
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# ## References
#
# * S. Kullback and R. A. Leibler (1951), On information and sufficiency. *Annals of Mathematical Statistics* 22.
# * D. P. Kingma and M. Welling (2014), Auto-encoding variational Bayes, Appendix B: the VAE's term. arXiv:1312.6114.
# * C. M. Bishop (2006), *Pattern Recognition and Machine Learning*, exercise 1.30 (univariate) and section 10.1.2
#   (factorised approximations, both directions).
# * T. Minka (2005), Divergence measures and message passing, Microsoft Research MSR-TR-2005-173: covering and
#   seeking.
# * M. D. Hoffman and M. J. Johnson (2016), ELBO surgery, NIPS workshop on approximate inference: the split of the KL
#   term.
# * N. J. Higham (2002), *Accuracy and Stability of Numerical Algorithms*, chapters 8 and 10: triangular systems,
#   Cholesky.
# * T. M. Cover and J. A. Thomas (2006), *Elements of Information Theory*, chapters 2 and 8.
