# %% [markdown] slideshow={"slide_type": "slide"}
# # 3 · The evidence lower bound
#
# **The question.** A latent-variable model explains an observation $x$ by something hidden, $z$. How probable
# is $x$ under the model, and what was $z$, when the integral over all $z$ cannot be done?
#
# **You will be able to**
#
# - derive the bound in two ways, and read it in two ways;
# - estimate it from samples, with an error bar;
# - say exactly how far below the truth it lies;
# - raise it (expectation maximisation) and tighten it (importance weights).
#
# **You need** lecture 1 (latent variables, Monte Carlo), logarithms, expectations, the Gaussian density.
#
# **Time** about 90 minutes for the lecture and 70 for the six exercises.

# %% [markdown] slideshow={"slide_type": "notes"}
# **Timing (two sessions of 45 minutes, without the exercises).** KL 8, model and evidence 8, why it is hard 5,
# Jensen 8, identity 8, two readings 8; break; sampling 8, best q and playground 12, EM 12, importance weights
# 8, questions 5.
#
# **To open:** "A friend claims that this data set has probability $e^{-94{,}000}$ under her model. How could
# she know?" Collect answers and come back to them at the end.

# %% slideshow={"slide_type": "skip"}
import math
from itertools import pairwise

import torch
from torch import Generator, Tensor

from course_utils.elbo import linear_gaussian_elbo, linear_gaussian_log_evidence
from course_utils.exercises import check
from course_utils.gaussian import log_density_univariate
from course_utils.likelihoods import mixture_log_likelihood
from course_utils.plotting import COLOURS, new_figure, show, use_course_style
from course_utils.runtime import seed_everything
from course_utils.widgets import elbo_playground

# %% slideshow={"slide_type": "skip"}
SEED = 3
X = torch.tensor(2.0, dtype=torch.float64)  # the observation that runs through the lecture
W, B, NOISE_VAR = 1.5, 0.5, 0.5  # the model: x = W z + B + noise, noise of variance NOISE_VAR
generator = seed_everything(SEED)
use_course_style()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 · How different are two distributions?
#
# Outcomes come from $q$, but you believe in $p$. Each outcome surprises you by $\log q_i - \log p_i$ more than
# it had to. The mean of this extra surprise, **under $q$**, is the Kullback-Leibler divergence:
#
# $$D_{\mathrm{KL}}(q \,\|\, p) = \sum_i q_i \log\frac{q_i}{p_i} = E_q[\log q - \log p]$$
#
# A fair coin, $q = (\tfrac12, \tfrac12)$, seen by someone who believes in $p = (\tfrac34, \tfrac14)$: two
# terms, by hand $\tfrac12\log\tfrac23 + \tfrac12\log 2 = \tfrac12\log\tfrac43$.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
by_terms = 0.5 * math.log(0.50 / 0.75) + 0.5 * math.log(0.50 / 0.25)
print(f"sum of the two terms {by_terms:.4f} nats, log(4/3) / 2 = {0.5 * math.log(4 / 3):.4f} nats")

# %% [markdown] exercise="kl_discrete"
# Write `kl_discrete(q, p)` for two 1-D tensors of probabilities over the same outcomes, each summing to 1. Return
# $D_{\mathrm{KL}}(q \,\|\, p)$ as a single number, in nats.
#
# Two cases need thought. An outcome that $q$ never produces contributes nothing, whatever $p$ says
# ($0 \log 0 = 0$). An outcome that $q$ does produce and $p$ excludes is an infinite surprise: the result is
# `inf`, never `nan`.


# %%
def kl_discrete(q: Tensor, p: Tensor) -> Tensor:
    """KL divergence of p from q, both (n_outcomes,), in nats."""
    ### BEGIN SOLUTION
    surprise = q.log() - p.log()
    return torch.where(q > 0, q * surprise, 0.0).sum()
    ### END SOLUTION


# %%
kl_discrete = check("kl_discrete", kl_discrete)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What KL can be relied on for
#
# 1. It is never negative.
# 2. It is zero only if $q = p$.
# 3. It is **not** symmetric, so not a distance: the expectation is taken under its first argument.
# 4. It is infinite as soon as $q$ has mass where $p$ has none.
#
# <details><summary>Why never negative? Two lines, from log t ≤ t − 1</summary>
#
# The logarithm lies below its tangent at 1: $\log t \le t - 1$, with equality only at $t = 1$. So
#
# $$-D_{\mathrm{KL}}(q \,\|\, p) = \sum_{i:\, q_i > 0} q_i \log\frac{p_i}{q_i}
# \;\le\; \sum_{i:\, q_i > 0} q_i \Big(\frac{p_i}{q_i} - 1\Big)
# = \sum_{i:\, q_i > 0} p_i - 1 \;\le\; 0.$$
#
# Equality needs $p_i = q_i$ wherever $q_i > 0$, and then nothing is left for the other outcomes.
# </details>

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
pairs = torch.randn(1000, 2, 6, generator=generator).softmax(-1)
smallest = min(kl_discrete(q, p) for q, p in pairs)
q, p = torch.tensor([0.8, 0.1, 0.1]), torch.tensor([0.4, 0.6, 0.0])
print(f"never negative in 1,000 random pairs: {bool(smallest >= 0)};  KL(q, q) = {kl_discrete(q, q):.1f}")
print(
    f"KL(q, p) = {kl_discrete(q, p):.4f} nats: p excludes an outcome of q;  KL(p, q) = {kl_discrete(p, q):.4f} nats"
)

# %% slideshow={"slide_type": "skip"}
heads = torch.linspace(-9, 7, 199).sigmoid()  # dense near 0 and 1
coin = torch.tensor([0.3, 0.7])
forward = [kl_discrete(coin, torch.stack([h, 1 - h])) for h in heads]
backward = [kl_discrete(torch.stack([h, 1 - h]), coin) for h in heads]
figure, axes = new_figure()
axes.plot(heads, forward, color=COLOURS["model"], label="KL(q, p): mean under q")
axes.plot(heads, backward, "--", color=COLOURS["data"], label="KL(p, q): mean under p")
axes.axvline(0.3, color=COLOURS["neutral"])
axes.set(title="Zero only where p = q, and the two directions differ", ylim=(0, 2))
axes.set(xlabel="probability of heads under p (under q it is 0.3)", ylabel="nats")
_ = axes.legend(loc="upper center")

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    "Both directions of KL between two coins touch zero at p = 0.3 only; KL(q, p) runs to infinity at "
    "both ends, KL(p, q) stays finite.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# **Ask:** "Which of the two curves stays finite when p never shows heads, and why?" (The mean under p never
# meets that outcome.) This asymmetry returns in lecture 4 as mode-covering and mode-seeking. For densities the
# sum becomes an integral, nothing else.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 · A model with something hidden
#
# An instrument shows $x$. What it measures, $z$, we do not see; beforehand we expect it near 0. The reading
# follows $z$ along a straight line, with noise. This is the **linear-Gaussian model**:
#
# $$p(z) = N(z;\, 0, 1), \qquad p(x \mid z) = N(x;\, w z + b,\, \sigma^2), \qquad p(x, z) = p(x \mid z)\, p(z)$$
#
# The instrument shows $x = 2$. Two questions:
#
# $$\text{evidence:}\quad p(x) = \int p(x, z)\, dz
# \qquad\qquad \text{posterior:}\quad p(z \mid x) = \frac{p(x, z)}{p(x)}$$
#
# The evidence says how good the model is, the posterior what $z$ was; both need the same integral.


# %% slideshow={"slide_type": "subslide"}
def log_joint(z: Tensor) -> Tensor:
    """log p(x, z) of the observation X, for any number of values of z at once."""
    log_prior = log_density_univariate(z, 0.0, 1.0)
    log_likelihood = log_density_univariate(X, W * z + B, NOISE_VAR**0.5)
    return log_likelihood + log_prior


grid = torch.linspace(-8, 8, 2001, dtype=torch.float64)
print("log p(x, z) at z = 0, 1, 2:", log_joint(torch.arange(3.0)))

# %% slideshow={"slide_type": "skip"}
figure, axes = new_figure()
prior = log_density_univariate(grid, 0.0, 1.0).exp()
likelihood = log_density_univariate(X, W * grid + B, NOISE_VAR**0.5).exp()
axes.plot(grid, prior, ":", color=COLOURS["prior"], label="prior p(z)")
axes.plot(grid, likelihood, "--", color=COLOURS["reconstruction"], label="likelihood p(x|z), x = 2")
axes.plot(grid, log_joint(grid).exp(), color=COLOURS["model"], label="joint p(x, z) = their product")
axes.fill_between(grid, log_joint(grid).exp(), color=COLOURS["model"], alpha=0.2)
axes.annotate("area = p(x)", (0.85, 0.1), (2.3, 0.2), arrowprops={"arrowstyle": "->"}, fontsize=14)
axes.set(title="The evidence is the area under the joint", xlabel="latent z", ylabel="density", xlim=(-4, 4))
_ = axes.legend(loc="upper left")

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    "The joint, the product of a standard normal prior and a likelihood that peaks at z = 1, is a small "
    "bump; the area under it is the evidence p(x).",
)

# %% [markdown] exercise="log_evidence_quadrature"
# With one latent number the integral can simply be added up. Write `log_evidence_quadrature(log_joint, grid)`:
# `log_joint` is a function, to be called on the grid, that gives $\log p(x, z)$ at every point; `grid` is a
# uniform grid $(G,)$, wide enough and fine enough. Return $\log p(x)$ as a single number. Any quadrature rule
# will do.
#
# Real images have log evidences around $-100$ to $-1500$ nats, and densities of narrow models can have $+900$:
# both must come out right, and $e^{-1500}$ is 0 in floating point.


# %%
def log_evidence_quadrature(log_joint, grid: Tensor) -> Tensor:
    """log of the integral of exp(log_joint(z)) over z; grid (G,), uniform. Returns a 0-d tensor, in nats."""
    ### BEGIN SOLUTION
    step = grid[1] - grid[0]
    return torch.logsumexp(log_joint(grid), dim=0) + step.log()
    ### END SOLUTION


# %%
log_evidence_quadrature = check("log_evidence_quadrature", log_evidence_quadrature)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Here, and almost only here, the answer is known
#
# $w z + b$ is Gaussian, the noise is Gaussian and independent of it. Means and variances add:
#
# $$\log p(x) = \log N(x;\, b,\, w^2 + \sigma^2)$$
#
# <details><summary>The same by the integral</summary>
#
# In the exponent of $p(x \mid z)\,p(z)$ stands $-\frac{(x - b - wz)^2}{2\sigma^2} - \frac{z^2}{2}$. Collect
# powers of $z$: $-\frac{a}{2} z^2 + c z - \frac{(x-b)^2}{2\sigma^2}$ with $a = \frac{w^2}{\sigma^2} + 1$ and
# $c = \frac{w (x - b)}{\sigma^2}$. The integral over $z$ of $e^{-a z^2/2 + c z}$ is
# $\sqrt{2\pi / a}\; e^{c^2 / 2a}$. What is left in the exponent,
# $\frac{c^2}{2a} - \frac{(x - b)^2}{2\sigma^2}$, is $-\frac{(x-b)^2}{2(w^2 + \sigma^2)}$, and the factors in
# front make $1 / \sqrt{2\pi(w^2 + \sigma^2)}$.
# </details>

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
log_evidence = log_density_univariate(X, B, (W**2 + NOISE_VAR) ** 0.5)
by_quadrature = log_evidence_quadrature(log_joint, grid)
by_library = linear_gaussian_log_evidence(X, W, B, NOISE_VAR)
print(
    f"log p(x) at x = 2: closed form {log_evidence:.4f}, quadrature {by_quadrature:.4f}, library {by_library:.4f} nats"
)

# %% slideshow={"slide_type": "skip"}
log_posterior = log_joint(grid) - log_evidence
figure, axes = new_figure()
axes.plot(grid, prior, ":", color=COLOURS["prior"], label="prior p(z)")
axes.plot(grid, log_joint(grid).exp(), color=COLOURS["model"], label=f"joint, area {log_evidence.exp():.3f}")
axes.plot(grid, log_posterior.exp(), color=COLOURS["truth"], label="posterior p(z|x), area 1")
axes.set(
    title="Divided by its area, the joint is the posterior", xlabel="latent z", ylabel="density", xlim=(-4, 4)
)
_ = axes.legend(loc="upper left")

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    "The posterior has the shape of the joint, scaled up to area 1: a bump around z = 0.8, narrower than "
    "the prior.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 · Why this does not carry on
#
# **The formula ends where the line bends.** With $x = z^2 + \text{noise}$ nothing above has a closed form, and
# the posterior is not Gaussian: $z$ and $-z$ explain $x$ equally well. A neural network as decoder bends
# everywhere.


# %% slideshow={"slide_type": "skip"}
def log_joint_bent(z: Tensor) -> Tensor:
    """log p(x, z) of the observation X if the instrument shows the square of z."""
    return log_density_univariate(X, z**2, NOISE_VAR**0.5) + log_density_univariate(z, 0.0, 1.0)


log_posterior_bent = log_joint_bent(grid) - log_evidence_quadrature(log_joint_bent, grid)
figure, axes = new_figure(figsize=(10, 3.2))
axes.plot(grid, log_posterior_bent.exp(), color=COLOURS["truth"])
axes.set(title="A bent decoder: two explanations, a posterior with two bumps", xlim=(-4, 4))
_ = axes.set(xlabel="latent z", ylabel="p(z | x = 2)")

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    "The posterior for x = z squared plus noise has two equal bumps, at about -1.3 and 1.3, and hardly "
    "any mass between.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# **The grid ends where dimensions add up.** Fifty points per dimension are $50^D$ points. A variational
# autoencoder often has $D = 16$ or more. (And drawing $z$ from the prior fails for the reason of lecture 1: most $z$
# explain nothing.)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
for dim in (1, 2, 5, 10, 16):
    seconds = 50**dim / 1e9  # a billion evaluations of the joint per second
    print(f"D = {dim:2d}: {float(50**dim):8.1e} points, {seconds:8.1e} s = {seconds / 3.156e7:8.1e} years")

# %% [markdown] slideshow={"slide_type": "fragment"}
# > **The way out.** Choose a distribution $q(z)$ that we *can* handle, a Gaussian say, and ask two things at
# > once: how good a posterior is it, and what does it say about $\log p(x)$?

# %% [markdown] slideshow={"slide_type": "notes"}
# **Ask before going on:** "If I gave you the exact posterior as a black box that returns p(z|x), could you
# compute p(x)?" (Yes, from a single z: p(x) = p(x, z) / p(z|x).) So evidence and posterior are equally hard.
# That one line is the seed of the identity in section 5.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 · The bound, first way: Jensen's inequality
#
# The mean of logarithms is never above the logarithm of the mean:
#
# $$E[\log t] \le \log E[t] \qquad \text{for positive } t, \text{ with equality only if } t \text{ is constant}$$
#
# <details><summary>Why? The tangent at the mean</summary>
#
# The logarithm is concave: it lies below each of its tangents. Take the tangent at the mean $m = E[t]$:
# $\log t \le \log m + \frac{t - m}{m}$. Take expectations on both sides; the fraction becomes $0$. Equality
# needs $t = m$ always.
# </details>

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
t, chance = torch.tensor([0.3, 1.0, 4.0]), torch.tensor([0.3, 0.4, 0.3])
mean, mean_log = (chance * t).sum(), (chance * t.log()).sum()
print(
    f"log of the mean {mean.log():.3f}, mean of the logs {mean_log:.3f}: short by {mean.log() - mean_log:.3f} nats"
)

# %% slideshow={"slide_type": "skip"}
axis = torch.linspace(0.15, 4.6, 200)
figure, axes = new_figure()
axes.plot(axis, axis.log(), color=COLOURS["model"], label="log t")
axes.plot(
    axis, mean.log() + (axis - mean) / mean, "--", color=COLOURS["baseline"], label="tangent at the mean"
)
axes.scatter(
    t, t.log(), s=900 * chance, color=COLOURS["data"], zorder=3, label="three values (area: probability)"
)
axes.scatter(mean, mean.log(), s=90, marker="D", color=COLOURS["truth"], zorder=4, label="log of the mean")
axes.scatter(mean, mean_log, s=110, marker="v", color=COLOURS["kl"], zorder=4, label="mean of the logs")
axes.vlines(mean, mean_log, mean.log(), color=COLOURS["kl"], linewidth=3)
axes.set(
    title="The mean of the logs falls short of the log of the mean",
    xlabel="t",
    ylabel="log t",
    ylim=(-1.6, 2),
)
_ = axes.legend(loc="lower right")

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    "Three points on the logarithm: the mean of their logarithms lies below the curve, the logarithm of "
    "their mean on it.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Line by line
#
# $$\begin{aligned}
# \log p(x) &= \log \int p(x, z)\, dz && (1)\\[2pt]
# &= \log \int q(z)\, \frac{p(x, z)}{q(z)}\, dz && (2)\\[2pt]
# &= \log E_{q(z)}\!\left[\frac{p(x, z)}{q(z)}\right] && (3)\\[2pt]
# &\ge E_{q(z)}\!\left[\log \frac{p(x, z)}{q(z)}\right] \;=:\; \mathrm{ELBO}(q) && (4)
# \end{aligned}$$

# %% [markdown] slideshow={"slide_type": "skip"}
# <details><summary>(1) to (2): what may q be?</summary>
#
# We multiply and divide by $q(z)$, so $q$ must not be zero where $p(x, z)$ is not: wherever the joint has mass,
# $q$ has some. (If $q$ is zero somewhere, (3) becomes an inequality too, since the expectation misses that
# part; the bound stays a bound.)
# </details>
# <details><summary>(2) to (3): where did the integral go?</summary>
#
# $\int q(z) f(z)\, dz$ is what $E_{q(z)}[f(z)]$ means. Nothing was approximated: the evidence *is* the mean of
# $p(x,z)/q(z)$ under $q$, whichever $q$.
# </details>
# <details><summary>(3) to (4): when is nothing lost?</summary>
#
# Jensen, with $t = p(x, z)/q(z)$. Equality needs this ratio to be the same for all $z$: $q(z) = p(x, z) / c$.
# Since $q$ integrates to 1, $c$ is $p(x)$, and $q$ is the posterior.
# </details>

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Checked: four q, one evidence, four bounds
#
# On the grid every expectation is a sum, so (3) and (4) can be computed for any $q$, Gaussian or not.


# %% slideshow={"slide_type": "fragment"}
def expectation(values: Tensor, log_q: Tensor) -> Tensor:
    """E_q[values] on the grid, by the trapezoidal rule."""
    return torch.trapezoid(log_q.exp() * values, grid)


candidates = {
    "the prior": log_density_univariate(grid, 0.0, 1.0),
    "a wide bell": log_density_univariate(grid, 0.5, 0.8),
    "a double exponential": torch.distributions.Laplace(0.9, 0.4).log_prob(grid),
    "near the posterior": log_density_univariate(grid, 0.8, 0.5),
}

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
for name, log_q in candidates.items():
    log_ratio = log_joint(grid) - log_q  # log of p(x, z) / q(z)
    line_3, line_4 = expectation(log_ratio.exp(), log_q).log(), expectation(log_ratio, log_q)
    print(f"{name:20}  (3) log E[ratio] = {line_3:.3f}   (4) ELBO = {line_4:6.3f} nats")

# %% [markdown] slideshow={"slide_type": "notes"}
# **Point out:** line (3) is the same number for each q, the evidence; line (4) is not, and the better q
# resembles the posterior the higher it is. **Ask:** "Jensen tells us that something was lost. Does it tell us
# how much?" It does not. That is why we derive it a second time.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 · The bound, second way: an identity
#
# How far is $q$ from the posterior? Write it down and see what happens.
#
# $$\begin{aligned}
# D_{\mathrm{KL}}\big(q(z) \,\|\, p(z \mid x)\big) &= E_q\big[\log q(z) - \log p(z \mid x)\big] && (5)\\[2pt]
# &= E_q\big[\log q(z) - \log p(x, z) + \log p(x)\big] && (6)\\[2pt]
# &= -E_q\big[\log p(x, z) - \log q(z)\big] + \log p(x) && (7)
# \end{aligned}$$
#
# The first term of (7) is minus the ELBO. Put it on the other side:
#
# $$\boxed{\;\log p(x) = \mathrm{ELBO}(q) + D_{\mathrm{KL}}\big(q(z) \,\|\, p(z \mid x)\big)\;}\qquad (8)$$

# %% [markdown] slideshow={"slide_type": "skip"}
# <details><summary>(5) to (6): the posterior by Bayes' rule</summary>
#
# $p(z \mid x) = p(x, z) / p(x)$, so $-\log p(z \mid x) = -\log p(x, z) + \log p(x)$.
# </details>
# <details><summary>(6) to (7): what the expectation does to log p(x)</summary>
#
# $\log p(x)$ does not contain $z$: for the expectation under $q$ it is a constant, and the mean of a constant
# is the constant. This is the step in which the number we cannot compute comes out of the expectation.
# </details>

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
elbo, gap = {}, {}
for name, log_q in candidates.items():
    elbo[name] = expectation(log_joint(grid) - log_q, log_q).item()
    gap[name] = expectation(log_q - log_posterior, log_q).item()  # KL from the posterior, by its definition
    print(f"{name:20}  ELBO {elbo[name]:6.3f} + gap {gap[name]:.3f} = {elbo[name] + gap[name]:.3f} nats")
print(f"{'':20}  log p(x)                = {log_evidence:.3f} nats")

# %% slideshow={"slide_type": "skip"}
floor = -6.0
figure, axes = new_figure()
names, lower, upper = list(elbo), torch.tensor([*elbo.values()]), torch.tensor([*gap.values()])
axes.bar(names, lower - floor, bottom=floor, color=COLOURS["posterior"], label="ELBO(q)")
look = {"color": COLOURS["kl"], "hatch": "//", "edgecolor": "white"}
axes.bar(names, upper, bottom=lower, label="gap: KL(q, posterior)", **look)
axes.axhline(log_evidence, color=COLOURS["truth"], label="log p(x)")
axes.set(title="Whatever q is, ELBO and gap add up to the evidence", ylim=(floor, 0), ylabel="nats")
_ = axes.legend(loc="upper left", ncols=3)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    "Four stacked bars, one for each q: ELBO below, gap on top. All reach the same level, log p(x) = "
    "-1.83; the gap is largest for the prior and almost nothing for the q near the posterior.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Three things that (8) says and Jensen does not
#
# 1. **How loose the bound is**: by exactly the KL from $q$ to the posterior. KL is never negative, so it is a
#    bound.
# 2. **When it is tight**: only if $q$ is the posterior. Then the ELBO *is* the evidence.
# 3. **A way to the posterior without the evidence**: $\log p(x)$ does not depend on $q$. Raising the ELBO over
#    $q$ lowers the KL to a posterior that we cannot even write down.
#
# The ELBO is one number with two jobs: fitting $q$ (the gap shrinks) and fitting the model (the evidence rises).

# %% [markdown] slideshow={"slide_type": "notes"}
# **Ask:** "The ELBO rose by 1 nat in training. Did the model become better?" One cannot tell from the ELBO
# alone: the evidence rose, or the gap shrank, or both. This confusion is common in published comparisons;
# lecture 6 measures both parts.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 · Two readings of one number
#
# **Reading 1: expected joint, plus entropy.** Split the logarithm of the ratio:
#
# $$\mathrm{ELBO}(q) = \underbrace{E_q[\log p(x, z)]}_{\text{go where the joint is high}}
# \; + \underbrace{H(q)}_{\text{but stay spread out}}
# \qquad H(q) = -E_q[\log q(z)]$$
#
# **Reading 2: reconstruction, minus KL to the prior.** Split the joint,
# $\log p(x, z) = \log p(x \mid z) + \log p(z)$, and give the prior to $q$:
#
# $$\mathrm{ELBO}(q) = \underbrace{E_q[\log p(x \mid z)]}_{\text{explain } x}
# \; - \underbrace{D_{\mathrm{KL}}(q(z) \,\|\, p(z))}_{\text{but stay near the prior}}$$
#
# Physicists turn reading 1 round: minus the ELBO is expected energy minus entropy, a free energy. The loss of a
# variational autoencoder is reading 2.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### All four terms in closed form
#
# For a Gaussian $q = N(m, v)$ in the linear-Gaussian model ($v$ is the variance):
#
# $$\begin{aligned}
# E_q[\log p(x \mid z)] &= \log N(x;\, w m + b,\, \sigma^2) - \frac{w^2 v}{2\sigma^2}
# & D_{\mathrm{KL}}(q \,\|\, p(z)) &= \tfrac12\,(m^2 + v - 1 - \log v)\\[4pt]
# E_q[\log p(x, z)] &= E_q[\log p(x \mid z)] - \tfrac12\,(\log 2\pi + m^2 + v)
# & H(q) &= \tfrac12\,(1 + \log 2\pi + \log v)
# \end{aligned}$$
#
# <details><summary>Where do they come from?</summary>
#
# All four use $E_q[z] = m$ and $E_q[z^2] = m^2 + v$ only. For the first, write $z = m + u$ with $E[u] = 0$,
# $E[u^2] = v$: then $E_q[(x - b - wz)^2] = (x - b - wm)^2 + w^2 v$; divide by $-2\sigma^2$ and add the
# constant. For the third, $E_q[\log p(z)] = -\frac12 \log 2\pi - \frac12 E_q[z^2]$. For the entropy,
# $-E_q[\log q(z)] = \frac12\log 2\pi v + \frac{1}{2v} E_q[(z - m)^2]$, and the last expectation is $v$. The KL
# is $-H(q) - E_q[\log p(z)]$; lecture 4 does it step by step.
# </details>


# %% slideshow={"slide_type": "subslide"}
def exact_terms(m: Tensor, v: Tensor) -> dict[str, Tensor]:
    """The four terms of the two readings for q = N(m, v), in nats."""
    reconstruction = log_density_univariate(X, W * m + B, NOISE_VAR**0.5) - W**2 * v / (2 * NOISE_VAR)
    return {
        "reconstruction": reconstruction,
        "KL to the prior": 0.5 * (m**2 + v - 1 - v.log()),
        "expected log joint": reconstruction - 0.5 * (math.log(2 * math.pi) + m**2 + v),
        "entropy": 0.5 * (1 + math.log(2 * math.pi) + v.log()),
    }


m, v = torch.tensor(0.5, dtype=torch.float64), torch.tensor(0.8**2, dtype=torch.float64)  # the wide bell
terms = exact_terms(m, v)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
log_q = candidates["a wide bell"]
log_prior = candidates["the prior"]
on_the_grid = {
    "reconstruction": log_joint(grid) - log_prior,
    "KL to the prior": log_q - log_prior,
    "expected log joint": log_joint(grid),
    "entropy": -log_q,
}
for name, values in on_the_grid.items():
    print(f"{name:18}  closed form {terms[name]:7.4f}   on the grid {expectation(values, log_q):7.4f} nats")
print(f"reading 1 gives {terms['expected log joint'] + terms['entropy']:.4f},", end=" ")
print(f"reading 2 {terms['reconstruction'] - terms['KL to the prior']:.4f},", end=" ")
print(f"the library {linear_gaussian_elbo(X, m, v, W, B, NOISE_VAR):.4f} nats")

# %% slideshow={"slide_type": "skip"}
widths = torch.linspace(0.08, 1.2, 200, dtype=torch.float64)
terms = exact_terms(torch.tensor(9 / 11, dtype=torch.float64), widths**2)  # q centred on the posterior
total = terms["reconstruction"] - terms["KL to the prior"]
posterior_width = widths[total.argmax()]
figure, both = new_figure(1, 2, sharey=True)
splits = (
    ("expected log joint", "entropy", 1, ("model", "baseline")),
    ("reconstruction", "KL to the prior", -1, ("reconstruction", "kl")),
)
for axes, (first, second, sign, colours) in zip(both, splits, strict=True):
    axes.plot(widths, terms[first], "--", color=COLOURS[colours[0]], label=first)
    label = f"{'+' if sign > 0 else '-'} {second}"
    axes.plot(widths, sign * terms[second], ":", color=COLOURS[colours[1]], label=label)
    axes.plot(widths, total, color=COLOURS["posterior"], label="= ELBO")
    axes.axvline(posterior_width, color=COLOURS["neutral"], zorder=0)
    axes.set(xlabel="width of q (standard deviation)", ylim=(-7, 2))
    axes.legend(loc="lower left")
both[0].set(ylabel="nats", title="Both readings pull in two directions ...")
_ = both[1].set(title="... and agree on the width")

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    "Left: the expected log joint falls with the width of q, the entropy rises. Right: the reconstruction "
    "falls, minus the KL to the prior rises. Both sums are the same curve, highest at a width of 0.43.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# **Ask, before showing the figure:** "Delete the entropy. What does q do?" (It collapses to a spike on the
# highest point of the joint.) "Delete the KL to the prior. What does q do?" (A spike on the z that explains x
# best: an autoencoder, lecture 2.) Students meet both again in lecture 6, in three latent clouds.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 · The ELBO from samples
#
# Expectations under $q$ need no grid: draw and average. That is all a neural network will need, in any dimension.
#
# $$\widehat{\mathrm{ELBO}} = \frac1n \sum_{i=1}^n \ell_i, \qquad \ell_i = \log p(x, z_i) - \log q(z_i),
# \quad z_i \sim q,
# \qquad\quad \mathrm{SE} = \frac{s}{\sqrt n}$$
#
# with $s$ the standard deviation of the $\ell_i$. Note what is averaged: logarithms, so the mean of the
# estimate is the ELBO itself, at any $n$. An estimate without a standard error is only half of an answer.

# %% [markdown] exercise="elbo_monte_carlo"
# Write `elbo_monte_carlo(log_joint, q_mean, q_std, n, generator)` for a scalar latent and a Gaussian $q$.
# `log_joint` takes $(n,)$ values of $z$ to $(n,)$ values of $\log p(x, z)$; `q_mean` and `q_std` (a standard
# deviation) are 0-d tensors. Draw $n$ independent values of $z$ from $q$ with the `generator` and nothing else,
# and return the pair `(estimate, standard_error)`.
#
# You may use the closed form of the entropy or sample it too; dividing by $n$ or $n - 1$ in the standard
# deviation is up to you. The check repeats your estimate many times: its mean must be the exact ELBO, and its
# spread what your standard error says.


# %%
def elbo_monte_carlo(
    log_joint, q_mean: Tensor, q_std: Tensor, n: int, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Estimate of the ELBO of q = N(q_mean, q_std^2) from n draws, and its standard error, in nats."""
    ### BEGIN SOLUTION
    eps = torch.randn(n, generator=generator, dtype=q_mean.dtype)
    log_q = -0.5 * math.log(2 * math.pi) - q_std.log() - 0.5 * eps**2
    samples = log_joint(q_mean + q_std * eps) - log_q
    return samples.mean(), samples.std() / math.sqrt(n)
    ### END SOLUTION


# %%
elbo_monte_carlo = check("elbo_monte_carlo", elbo_monte_carlo)

# %% slideshow={"slide_type": "skip"}
sizes = [10, 30, 100, 300, 1000, 3000, 10_000, 30_000]
estimates, errors = zip(*[elbo_monte_carlo(log_joint, m, v.sqrt(), n, generator) for n in sizes], strict=True)
exact = linear_gaussian_elbo(X, m, v, W, B, NOISE_VAR)
figure, axes = new_figure()
look = {"fmt": "o", "capsize": 4, "color": COLOURS["posterior"]}
axes.errorbar(sizes, estimates, 2 * torch.stack(errors), label="estimate, 2 standard errors", **look)
axes.axhline(exact, color=COLOURS["truth"], label="exact ELBO")
axes.set(
    title="A hundred times the draws, a tenth of the error", xscale="log", xlabel="draws n", ylabel="nats"
)
_ = axes.legend(loc="lower right")

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    "Estimates of the ELBO from 10 to 30,000 draws: the error bars shrink like one over the square root "
    "of n and cover the exact value.",
)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
runs = torch.tensor([elbo_monte_carlo(log_joint, m, v.sqrt(), 200, generator) for _ in range(1000)])
covered = ((runs[:, 0] - exact).abs() < 2 * runs[:, 1]).double().mean()
bias, noise = (runs[:, 0].mean() - exact).abs(), runs[:, 0].std() / 1000**0.5
print(f"within 2 standard errors in 92 to 98 % of 1,000 runs: {bool(0.92 < covered < 0.98)}")
print(f"mean of the runs within 5 standard errors of the exact ELBO: {bool(bias < 5 * noise)}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8 · The best q
#
# By (8) the best $q$ is the posterior. Where the posterior is Gaussian, a Gaussian $q$ closes the gap
# completely, and pencil and paper find it: seen as a function of $z$, the log joint is a parabola.
#
# $$\log p(x, z) = -\tfrac{a}{2}\, z^2 + c\, z + \text{const}
# \quad\Longrightarrow\quad p(z \mid x) = N\Big(z;\, \frac{c}{a},\, \frac1a\Big)$$
#
# <details><summary>Why? Complete the square</summary>
#
# $-\frac{a}{2} z^2 + c z = -\frac{a}{2}\big(z - \frac{c}{a}\big)^2 + \frac{c^2}{2a}$. The posterior is
# proportional to the joint; a density proportional to $e^{-\frac{a}{2}(z - c/a)^2}$ is the Gaussian with mean
# $c/a$ and variance $1/a$.
# </details>

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
at = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
left, middle, right = log_joint(at)
a, c = -(left - 2 * middle + right), (right - left) / 2  # curvature and slope of a parabola from three points
moments = [expectation(grid**k, log_posterior) for k in (1, 2)]
print(f"from three points of the parabola: mean {c / a:.4f}, variance {1 / a:.4f}")
print(
    f"from the posterior on the grid:    mean {moments[0]:.4f}, variance {moments[1] - moments[0] ** 2:.4f}"
)

# %% [markdown] exercise="optimal_gaussian_posterior"
# Find $a$ and $c$ with pencil and paper for $x = w z + b + \text{noise}$, $z \sim N(0, 1)$ and noise of
# **variance** `noise_var`. Then write `optimal_gaussian_posterior(x, w, b, noise_var)`, which returns the pair
# `(mean, var)` of the exact posterior.
#
# `x` has shape $(B,)$, one observation per example; `w`, `b` and `noise_var` are 0-d tensors. `mean` has shape
# $(B,)$; `var` is a variance, 0-d or $(B,)$. It must also work for $w = 0$, where $x$ says nothing about $z$.


# %%
def optimal_gaussian_posterior(x: Tensor, w: Tensor, b: Tensor, noise_var: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (B,) and variance of p(z|x) in the linear-Gaussian model."""
    ### BEGIN SOLUTION
    total = w**2 + noise_var
    return w * (x - b) / total, noise_var / total
    ### END SOLUTION


# %%
optimal_gaussian_posterior = check("optimal_gaussian_posterior", optimal_gaussian_posterior)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
model = [torch.tensor(value, dtype=torch.float64) for value in (W, B, NOISE_VAR)]
xs = torch.tensor([-3.0, 0.5, 2.0, 6.0], dtype=torch.float64)
mean, var = optimal_gaussian_posterior(xs, *model)
best = linear_gaussian_elbo(xs, mean, var, *model)
for x_n, m_n, bound, truth in zip(xs, mean, best, linear_gaussian_log_evidence(xs, *model), strict=True):
    print(f"x = {x_n:4.1f}: posterior mean {m_n:6.3f}, ELBO {bound:7.4f}, log p(x) {truth:7.4f} nats")
print(f"posterior variance {float(var):.4f} for every x")

# %% slideshow={"slide_type": "skip"}
means, stds = torch.linspace(-0.5, 2.1, 131).double(), torch.linspace(0.15, 1.2, 106).double()
surface = linear_gaussian_elbo(X, means[None, :], stds[:, None] ** 2, W, B, NOISE_VAR)  # (widths, means)
best_mean, best_var = optimal_gaussian_posterior(X[None], *model)
figure, axes = new_figure()
levels = log_evidence.item() - torch.tensor([6, 4, 3, 2, 1.5, 1, 0.5, 0.25, 0.1, 0.03])
lines = axes.contour(means, stds, surface, levels=levels, cmap="Purples", vmin=-9)
axes.clabel(lines, fmt="%.2f", fontsize=12)
look = {"markersize": 18, "color": COLOURS["truth"], "label": "posterior: ELBO = log p(x) = -1.83"}
axes.plot(best_mean, best_var.sqrt(), "*", **look)
axes.set(title="The ELBO has one summit, the posterior, and its height is the evidence")
axes.set(xlabel="mean of q", ylabel="width of q")
_ = axes.legend(loc="upper left", frameon=True)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    "Contour lines of the ELBO over mean and width of q close in on one summit, at mean 0.82 and width "
    "0.43, the exact posterior.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Play: find the posterior by hand
#
# Move the mean and the width of $q$ until the gap is gone. Then switch to the **parabola** of section 3 and try
# again.

# %% slideshow={"slide_type": "subslide"}
playground = elbo_playground()

# %% [markdown] slideshow={"slide_type": "notes"}
# **Before anyone moves a slider, ask for a prediction:** "q is centred right but twice too wide, or twice too
# narrow: which gap is larger?" (Too narrow costs 0.318, too wide 0.807 nats; KL punishes q for mass where the
# posterior has none.) On the parabola: "How small can the gap get?" About log 2 plus a little.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### When q cannot be the posterior
#
# On the parabola no Gaussian closes the gap. The best one sits on **one** of the two bumps, and what it loses
# is close to $\log 2$: it says "this one", when the truth is "one of two".

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
trial_means, trial_stds = torch.linspace(-2, 2, 81), torch.linspace(0.1, 1.5, 71)
gaps = {
    (round(a.item(), 2), round(s.item(), 2)): expectation(log_q - log_posterior_bent, log_q).item()
    for a in trial_means
    for s in trial_stds
    for log_q in [log_density_univariate(grid, a.double(), s.double())]
}
(best_mean, best_std), smallest_gap = min(gaps.items(), key=lambda item: item[1])
print(
    f"best Gaussian: mean {abs(best_mean):.2f} (or its mirror image), width {best_std:.2f}, "
    f"gap {smallest_gap:.3f} nats; log 2 = {math.log(2):.3f}"
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9 · Climbing the bound: expectation maximisation
#
# So far the model was given. Now its parameters $\theta$ are unknown, and with them the ELBO has two arguments.
# Raise it in one at a time:
#
# **E step**, given $\theta$ fit $q$. The best $q$ is the posterior; the gap closes:
#
# $$q \leftarrow \arg\max_q \mathrm{ELBO}(q, \theta) = p_\theta(z \mid x)$$
#
# **M step**, given $q$ fit $\theta$. The entropy of $q$ does not depend on $\theta$; the evidence rises:
#
# $$\theta \leftarrow \arg\max_\theta \mathrm{ELBO}(q, \theta) = \arg\max_\theta E_q[\log p_\theta(x, z)]$$
#
# One chain shows that the evidence never falls:
#
# $$\log p_{\theta_\text{new}}(x) \;\ge\; \mathrm{ELBO}(q, \theta_\text{new})
# \;\ge\; \mathrm{ELBO}(q, \theta) \;=\; \log p_\theta(x)$$
#
# (a bound; the M step; the E step made it tight).

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The smallest example: one observation, one unknown parameter
#
# Suppose only the offset $b$ is unknown. $q = N(m, v)$ keeps the posterior's variance, which does not depend on
# $b$. The E step is Exercise 3.4. For the M step, set the derivative with respect to $b$ of the reconstruction
# term to zero:
#
# $$\frac{\partial}{\partial b}\,\mathrm{ELBO} = \frac{x - w m - b}{\sigma^2} = 0
# \quad\Longrightarrow\quad b = x - w m$$

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
offset = torch.tensor(0.2, dtype=torch.float64, requires_grad=True)
(slope,) = torch.autograd.grad(linear_gaussian_elbo(X, m, v, W, offset, NOISE_VAR), offset)
print(f"derivative at b = 0.2: formula {(X - W * m - 0.2) / NOISE_VAR:.4f}, autograd {slope:.4f}")
offset = (X - W * m).requires_grad_()
(slope,) = torch.autograd.grad(linear_gaussian_elbo(X, m, v, W, offset, NOISE_VAR), offset)
print(f"derivative at b = x - w m: within 1e-9 of zero: {bool(slope.abs() < 1e-9)}")

# %% slideshow={"slide_type": "subslide"}
b = torch.tensor(-1.0, dtype=torch.float64)
path, heights = [], []
for _ in range(8):
    m, v = optimal_gaussian_posterior(X[None], model[0], b, model[2])  # E: across
    m = m[0]
    path.append((m, b))
    heights.append(linear_gaussian_elbo(X, m, v, W, b, NOISE_VAR).item())
    b = X - W * m  # M: upwards
    path.append((m, b))
    heights.append(linear_gaussian_elbo(X, m, v, W, b, NOISE_VAR).item())
path = torch.tensor(path)

# %% slideshow={"slide_type": "skip"}
ms, bs = torch.linspace(-0.6, 2.1, 109).double(), torch.linspace(-1.4, 2.6, 101).double()
surface = linear_gaussian_elbo(X, ms[None, :], v, W, bs[:, None], NOISE_VAR)
figure, axes = new_figure(figsize=(10, 4.6))
levels = surface.max().item() - torch.tensor([8, 5, 3, 2, 1, 0.5, 0.2, 0.05])
axes.contour(ms, bs, surface, levels=levels, cmap="Purples", vmin=-12)
axes.plot(*path.T, "o-", color=COLOURS["model"], markersize=4, label="EM: E steps across, M steps upwards")
axes.plot(0, X, "*", markersize=18, color=COLOURS["truth"], label="summit: b = x, q = prior's mean")
axes.set(title="Two questions in turn, each answered exactly: a staircase to one summit")
axes.set(xlabel="mean m of q", ylabel="offset b of the model")
_ = axes.legend(loc="lower left", frameon=True)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    "On contour lines of the ELBO over q's mean and the model's offset, EM is a staircase: a horizontal E "
    "step, a vertical M step, again and again towards the summit at m = 0, b = 2.",
)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
climbs = torch.tensor(heights).diff()
print(
    f"16 half steps, none goes down: {bool((climbs >= 0).all())}; ELBO from {heights[0]:.4f} to {heights[-1]:.4f} nats"
)
shrink = ((path[-1, 1] - X) / (path[-3, 1] - X)).item()
print(
    f"b's distance from the summit, one round to the next: factor {shrink:.4f}, "
    f"w^2 / (w^2 + sigma^2) = {W**2 / (W**2 + NOISE_VAR):.4f}"
)

# %% [markdown] slideshow={"slide_type": "notes"}
# **Ask:** "When is EM slow?" Read it off the factor: when the noise is small, so that q follows theta and theta
# follows q, each a little. The staircase runs in a narrow valley. A variational autoencoder climbs both at
# once, by gradient steps: no staircase, and no guarantee either.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### A mixture of Gaussians
#
# Now $z \in \{1, \dots, K\}$ says which of $K$ Gaussians $x$ comes from: $p(z = k) = \pi_k$,
# $p(x \mid z = k) = N(x; \mu_k, \sigma_k^2)$. The posterior is a table of **responsibilities**, one row per
# data point:
#
# $$\text{E:}\quad r_{nk} = \frac{\pi_k N(x_n; \mu_k, \sigma_k^2)}{\sum_j \pi_j N(x_n; \mu_j, \sigma_j^2)}$$
#
# $$\text{M:}\quad N_k = \sum_n r_{nk}, \qquad \pi_k = \frac{N_k}{N},
# \qquad \mu_k = \frac{1}{N_k}\sum_n r_{nk} x_n,
# \qquad \sigma_k^2 = \frac{1}{N_k}\sum_n r_{nk} (x_n - \mu_k)^2$$

# %% [markdown] slideshow={"slide_type": "skip"}
# <details><summary>Why these averages? The M step, derived</summary>
#
# The M step maximises
# $\sum_n \sum_k r_{nk}\big(\log \pi_k - \log\sigma_k - \frac{(x_n - \mu_k)^2}{2\sigma_k^2}\big)$ with $r$ held
# fixed.
#
# *Means.* $\partial/\partial\mu_k$: $\sum_n r_{nk}\frac{x_n - \mu_k}{\sigma_k^2} = 0$, so $\mu_k$ is the
# $r$-weighted mean, whatever $\sigma_k$ is.
#
# *Variances.* $\partial/\partial\sigma_k$:
# $\sum_n r_{nk}\big(-\frac{1}{\sigma_k} + \frac{(x_n - \mu_k)^2}{\sigma_k^3}\big) = 0$, so $\sigma_k^2$ is the
# $r$-weighted mean square around the maximising, that is the **new**, $\mu_k$.
#
# *Weights.* Maximise $\sum_k N_k \log \pi_k$ with $\sum_k \pi_k = 1$: with a multiplier, $N_k / \pi_k$ is the
# same for all $k$, so $\pi_k = N_k / N$. The same without calculus:
# $\sum_k \frac{N_k}{N} \log\frac{\pi_k}{N_k / N}$ is minus a KL divergence, highest where it is zero.
# </details>

# %% [markdown] exercise="em_step"
# Write `em_step(x, weights, means, stds)`: one E step and one M step for a mixture of one-dimensional
# Gaussians. `x` has shape $(N,)$; `weights` (summing to 1), `means` and `stds` (standard deviations) have shape
# $(K,)$. Return the new `(weights, means, stds)`, each $(K,)$, in the same order of components, and change no
# argument.
#
# The variance is the maximum-likelihood one, divided by $N_k$, around the new means. You need not care for data
# so far out that all densities vanish.


# %%
def em_step(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """New (weights, means, stds), each (K,), after one step of EM on the data x (N,)."""
    ### BEGIN SOLUTION
    log_densities = log_density_univariate(x[:, None], means, stds)  # (N, K)
    r = torch.softmax(weights.log() + log_densities, dim=1)
    counts = r.sum(0)
    new_means = (r * x[:, None]).sum(0) / counts
    variances = (r * (x[:, None] - new_means) ** 2).sum(0) / counts
    return counts / len(x), new_means, variances.sqrt()
    ### END SOLUTION


# %%
em_step = check("em_step", em_step)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Four hundred numbers from two Gaussians, and a bad first guess

# %% slideshow={"slide_type": "fragment"}
true_weights = torch.tensor([0.35, 0.65], dtype=torch.float64)
true_means, true_stds = torch.tensor([-2.0, 1.5]).double(), torch.tensor([0.6, 1.0]).double()
which = torch.multinomial(true_weights, 400, replacement=True, generator=generator)
data = true_means[which] + true_stds[which] * torch.randn(400, generator=generator, dtype=torch.float64)

history = [
    (torch.tensor([0.5, 0.5]).double(), torch.tensor([-1.0, 0.0]).double(), torch.tensor([1.0, 1.0]).double())
]
for _ in range(60):
    history.append(em_step(data, *history[-1]))


def log_likelihood(parameters: tuple[Tensor, Tensor, Tensor]) -> float:
    """Mean of log p(x) over the data, in nats per number."""
    mixture_weights, mixture_means, mixture_stds = parameters
    return mixture_log_likelihood(data, mixture_weights.log(), mixture_means, mixture_stds).mean().item()


# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
climb = torch.tensor([log_likelihood(parameters) for parameters in history])
print(f"60 steps, log p(x) never falls: {bool((climb.diff() > -1e-6).all())}")
tolerance = 3 / (0.35 * 400) ** 0.5  # three over the root of the smaller component's count
recovered = (history[-1][1] - true_means).abs() < tolerance
print(f"means within {tolerance:.2f} of the truth: {bool(recovered.all())}")

# %% slideshow={"slide_type": "skip"}
axis = torch.linspace(-5, 5, 300, dtype=torch.float64)
truth = mixture_log_likelihood(axis, true_weights.log(), true_means, true_stds).exp()
figure, panels = new_figure(1, 4, figsize=(11, 3.6), sharey=True)
figure.suptitle("Step by step the two guesses part, find the bumps, and log p(x) rises", x=0.01, ha="left")
for panel, n_steps in zip(panels, (0, 1, 3, 60), strict=True):
    mixture_weights, mixture_means, mixture_stds = history[n_steps]
    panel.hist(data, bins=40, range=(-5, 5), density=True, color=COLOURS["neutral"])
    panel.plot(axis, truth, color=COLOURS["truth"], linewidth=1.5, label="truth")
    for pi, mu, sigma, dashes in zip(*history[n_steps], ("--", "-."), strict=True):
        panel.plot(axis, pi * log_density_univariate(axis, mu, sigma).exp(), dashes, color=COLOURS["model"])
    panel.set(xlabel="x", title=f"after {n_steps}: {climb[n_steps]:.3f} nats")
panels[0].set_ylabel("density")
_ = panels[0].legend(loc="upper left")

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    "Four panels, after 0, 1, 3 and 60 steps of EM: two components that overlap at first part and settle "
    "on the two bumps of the data.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The same climb, half step by half step
#
# For the mixture the ELBO per data point is
# $\sum_k r_{nk}\,\big(\log \pi_k N(x_n; \mu_k, \sigma_k^2) - \log r_{nk}\big)$: reading 1, with a sum for the
# expectation. After an E step it touches $\log p$; after an M step both have risen, $\log p$ by more.


# %% slideshow={"slide_type": "fragment"}
def log_joint_table(parameters: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """log p(x_n, z = k) for all data points and components, (N, K)."""
    return parameters[0].log() + log_density_univariate(data[:, None], *parameters[1:])


def mixture_elbo(log_r: Tensor, parameters: tuple[Tensor, Tensor, Tensor]) -> float:
    """Mean ELBO over the data for responsibilities exp(log_r), shape (N, K)."""
    return (log_r.exp() * (log_joint_table(parameters) - log_r)).sum(1).mean().item()


bound, evidence = [], []
for old, new in pairwise(history[:9]):
    log_r = log_joint_table(old).log_softmax(1)
    bound += [mixture_elbo(log_r, old), mixture_elbo(log_r, new)]  # after E, after M
    evidence += [log_likelihood(old), log_likelihood(new)]

# %% slideshow={"slide_type": "skip"}
half_steps = torch.arange(16) / 2 + 1
figure, axes = new_figure()
axes.plot(half_steps, evidence, "o--", color=COLOURS["truth"], label="log p(x)")
axes.plot(half_steps, bound, "s-", color=COLOURS["posterior"], label="ELBO")
axes.vlines(half_steps, bound, evidence, color=COLOURS["kl"], linewidth=3, label="gap, opened by the M step")
axes.set(
    title="The E step lifts the ELBO to log p(x), the M step lifts both",
    xlabel="step of EM: E at whole numbers, M at halves",
)
axes.set_ylabel("nats per data point")
axes.set(ylim=(-2.01, -1.81), xlim=(1.4, 7.7))  # the first M step comes from far below
_ = axes.legend(loc="lower right")

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    "Two rising curves: at every E step the ELBO touches the log-likelihood, at every M step both rise "
    "and a small gap opens, closed by the next E step.",
)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
bound, evidence = torch.tensor(bound), torch.tensor(evidence)
print(f"the ELBO never falls, half step by half step: {bool((bound.diff() > -1e-6).all())}")
print(f"after each E step the gap is below 1e-6 nats: {bool(((evidence - bound)[0::2].abs() < 1e-6).all())}")
print(f"after each M step it is open: {bool(((evidence - bound)[1::2] > 1e-6).all())}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 10 · A tighter bound: importance weights
#
# Line (3) of the first derivation was an equality: the evidence is the mean of $w = p(x, z) / q(z)$ under $q$.
# Jensen loses the less, the less $w$ varies; and a mean of $K$ weights varies less than one. So take $K$ draws,
# average **before** the logarithm:
#
# $$L_K = E\Big[\log \frac1K \sum_{k=1}^K w_k\Big], \qquad w_k = \frac{p(x, z_k)}{q(z_k)}, \quad z_k \sim q$$
#
# $$\mathrm{ELBO} = L_1 \;\le\; L_2 \;\le\; \dots \;\le\; L_K \;\le\; \dots \;\le\; \log p(x)$$

# %% [markdown] slideshow={"slide_type": "skip"}
# <details><summary>Why is every L_K below the evidence?</summary>
#
# The mean of the average of $K$ weights is still $p(x)$, so Jensen gives
# $L_K \le \log E\big[\frac1K \sum_k w_k\big] = \log p(x)$.
# </details>
# <details><summary>Why does it never fall as K grows?</summary>
#
# The mean of $K + 1$ weights is the mean, over the $K + 1$ ways of leaving one out, of the means of the $K$
# others. Apply Jensen to **that** outer mean: the logarithm of the mean of all is at least the mean of the
# logarithms of the means of $K$. Each of these has expectation $L_K$, and so has their mean. Hence
# $L_{K+1} \ge L_K$.
# </details>
# <details><summary>And how fast does the gap close?</summary>
#
# Write the mean of $K$ weights as $p(x)(1 + \delta)$. Then $E[\delta] = 0$ and $E[\delta^2] = \chi^2 / K$ with
# $\chi^2 = \mathrm{Var}(w) / p(x)^2$. From $\log(1 + \delta) \approx \delta - \delta^2/2$ the gap is about
# $\chi^2 / 2K$, provided that $\chi^2$ is finite: $q$ must have the heavier tails. For Gaussians its variance
# must exceed **half** of the posterior's.
# </details>

# %% [markdown] exercise="importance_weighted_bound"
# Write `importance_weighted_bound(log_w)`: from log weights $\log w_k$ of shape $(K, B)$, $K$ draws for each of
# $B$ examples, compute $\log \frac1K \sum_k w_k$ for each example, shape $(B,)$. Log weights between $-1500$
# and $+900$ must come out right.


# %%
def importance_weighted_bound(log_w: Tensor) -> Tensor:
    """Importance-weighted bound per example, (B,), from log weights (K, B), in nats."""
    ### BEGIN SOLUTION
    return torch.logsumexp(log_w, dim=0) - math.log(log_w.shape[0])
    ### END SOLUTION


# %%
importance_weighted_bound = check("importance_weighted_bound", importance_weighted_bound)

# %% slideshow={"slide_type": "subslide"}
KS = [1, 2, 4, 8, 16, 32, 64]
N_DRAWS = 2**20


def bounds_by_k(q_mean: float, q_std: float) -> tuple[Tensor, Tensor]:
    """L_K for each K in KS and its standard error: the same million draws, in groups of K."""
    z = q_mean + q_std * torch.randn(N_DRAWS, generator=generator, dtype=torch.float64)
    weights_of_draws = log_joint(z) - log_density_univariate(z, q_mean, q_std)
    groups = [importance_weighted_bound(weights_of_draws.view(k, -1)) for k in KS]  # each (N_DRAWS / k,)
    return torch.stack([g.mean() for g in groups]), torch.stack([g.std() / len(g) ** 0.5 for g in groups])


fair, fair_error = bounds_by_k(0.5, 0.8)  # the wide bell
poor, poor_error = bounds_by_k(0.0, 1.0)  # the prior

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
first = linear_gaussian_elbo(X, 0.5, 0.8**2, W, B, NOISE_VAR)
rises = fair.diff() / (fair_error[1:] ** 2 + fair_error[:-1] ** 2).sqrt()
print(f"L_1 is the exact ELBO, within 5 standard errors: {bool((fair[0] - first).abs() < 5 * fair_error[0])}")
print(f"L_K rises with every doubling of K, by 3 standard errors or more: {bool((rises > 3).all())}")


def chi_squared(log_q: Tensor) -> Tensor:
    """Variance of the weights p(x, z) / q(z) under q, over the square of their mean p(x)."""
    return expectation((log_posterior - log_q).exp() ** 2, log_q) - 1


limits = [chi_squared(candidates[name]).item() / 2 for name in ("a wide bell", "the prior")]
print(f"chi^2 / 2, which K times the gap tends to: {limits[0]:.3f} (wide bell), {limits[1]:.3f} (prior)")
close = (16 * (log_evidence - fair[4]) - limits[0]).abs() < 5 * 16 * fair_error[4] + 0.05
print(f"16 times the gap at K = 16 agrees, within 5 standard errors + 0.05: {bool(close)}")

# %% slideshow={"slide_type": "skip"}
figure, (level, distance) = new_figure(1, 2)
level.axhline(log_evidence, color=COLOURS["truth"], label="log p(x), exact")
for name, bounds, errors, limit, colour, marker in (
    ("q: the wide bell", fair, fair_error, limits[0], "posterior", "o"),
    ("q: the prior", poor, poor_error, limits[1], "prior", "s"),
):
    level.plot(KS, bounds, marker + "-", color=COLOURS[colour], label=name)
    distance.errorbar(KS, log_evidence - bounds, 2 * errors, fmt=marker, color=COLOURS[colour], label=name)
    distance.plot(KS, limit / torch.tensor(KS), "--", color=COLOURS[colour])
level.set(title="More draws inside the log tighten the bound", ylabel="bound L_K in nats")
distance.set(title="The gap goes like 1/K (dashed: theory)", ylabel="log p(x) - L_K in nats", yscale="log")
for axes in (level, distance):
    axes.set(xscale="log", xlabel="draws K")
    axes.set_xticks(KS, KS)
    axes.minorticks_off()
_ = level.legend(loc="lower right")

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    "Left: the importance-weighted bound for K from 1 to 64 rises towards log p(x) = -1.83, from the ELBO "
    "at K = 1. Right: the gap on logarithmic axes falls along the dashed lines of chi squared over 2K.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# **Ask:** "Why not always use K = 1000?" Each example costs K decodings, and a tighter bound is not always a
# better *training signal* for q (Rainforth et al. 2018): lecture 6 uses large K to **measure** a trained model
# and K = 1 to train it. **Return to the opening question:** her number is an importance-weighted bound, per
# image, summed.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# | | |
# |---|---|
# | **KL** | $D_{\mathrm{KL}}(q \,\|\, p) = E_q[\log q - \log p] \ge 0$, zero only if equal, not symmetric |
# | **Bound** | $\mathrm{ELBO}(q) = E_q[\log p(x, z) - \log q(z)] \le \log p(x)$, by Jensen |
# | **Identity** | $\log p(x) = \mathrm{ELBO}(q) + D_{\mathrm{KL}}(q \,\|\, p(z \mid x))$: the gap is known by name |
# | **Reading 1** | expected log joint plus entropy |
# | **Reading 2** | reconstruction minus KL to the prior |
# | **Estimate** | draw from $q$, average $\log p(x, z) - \log q(z)$; always with a standard error |
# | **EM** | raise it in $q$ (gap closes), then in $\theta$ (evidence rises): never down |
# | **Importance weights** | average $K$ weights before the logarithm: tighter with $K$, gap about $\chi^2 / 2K$ |
#
# Next: lecture 4 computes the KL terms between Gaussians, lecture 5 sends gradients through the draws, lecture
# 6 makes $q$ a network.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Check yourself
#
# **1.** The ELBO of a model is $-90$ nats on a data point, that of another $-95$. Which model gives the point
# the higher probability?
#
# <details><summary>Answer</summary>
#
# One cannot tell. Both are lower bounds with unknown gaps: the second model may have $\log p(x) = -80$ and a
# poor $q$. With the gaps (or importance-weighted bounds with large $K$) one can.
# </details>
#
# **2.** What is the standard error of `elbo_monte_carlo` if $q$ is the exact posterior and $\log q$ is sampled?
#
# <details><summary>Answer</summary>
#
# Zero. Then $\log p(x, z) - \log q(z) = \log p(x)$ for every $z$: each draw gives the evidence.
# </details>
#
# **3.** $q$ is uniform on $[0, 1]$ and the posterior is Gaussian. Is the ELBO finite? And the other way round,
# $q$ Gaussian and the posterior uniform on $[0, 1]$?
#
# <details><summary>Answer</summary>
#
# Finite in the first case: where $q$ has mass, so has the posterior. In the second $q$ has mass where the joint
# is zero: the gap is infinite, the ELBO is $-\infty$.
# </details>

# %% [markdown] slideshow={"slide_type": "subslide"}
# **4.** In which of the two steps of EM does $\log p(x)$ change?
#
# <details><summary>Answer</summary>
#
# In the M step only. The E step changes $q$, and $\log p_\theta(x)$ knows nothing of $q$; it lifts the ELBO to
# where $\log p$ already is.
# </details>
#
# **5.** Someone estimates $\log p(x)$ by averaging $K$ importance weights and taking the logarithm. Is the
# estimate right on average?
#
# <details><summary>Answer</summary>
#
# The average weight is right on average for $p(x)$; its logarithm is too low on average for $\log p(x)$, by
# about $\chi^2 / 2K$. It is a bound in expectation: a single run can lie above.
# </details>
#
# **6.** Reading 2 without its KL term: which model of the course is that?
#
# <details><summary>Answer</summary>
#
# An autoencoder (lecture 2): $q$ shrinks to a point, the code that reconstructs best, and nothing keeps the
# codes near the prior, so that decoding draws of the prior fails.
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## References
#
# - Kullback, S., Leibler, R. A. (1951). *On information and sufficiency.* Annals of Mathematical Statistics 22.
#   The divergence.
# - Dempster, A. P., Laird, N. M., Rubin, D. B. (1977). *Maximum likelihood from incomplete data via the EM
#   algorithm.* Journal of the Royal Statistical Society B 39.
# - Neal, R. M., Hinton, G. E. (1998). *A view of the EM algorithm that justifies incremental, sparse, and other
#   variants.* In: Learning in Graphical Models. EM as coordinate ascent.
# - Jordan, M. I., Ghahramani, Z., Jaakkola, T. S., Saul, L. K. (1999). *An introduction to variational methods
#   for graphical models.* Machine Learning 37.
# - Bishop, C. M. (2006). *Pattern Recognition and Machine Learning.* Springer. Chapters 9 and 10.
# - Kingma, D. P., Welling, M. (2014). *Auto-encoding variational Bayes.* arXiv:1312.6114. Reading 2 with
#   networks.
# - Burda, Y., Grosse, R., Salakhutdinov, R. (2016). *Importance weighted autoencoders.* arXiv:1509.00519.
#   Section 10 of this lecture.
# - Blei, D. M., Kucukelbir, A., McAuliffe, J. D. (2017). *Variational inference: a review for statisticians.*
#   arXiv:1601.00670.
# - Rainforth, T., et al. (2018). *Tighter variational bounds are not necessarily better.* arXiv:1802.04537.
