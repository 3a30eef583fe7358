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
# # 5 · Gradients through sampling
#
# In lecture 3 the ELBO became an average over draws $z \sim q(z|x)$. To train $q$ we need the derivative of that
# average with respect to the mean and the width of $q$. But a draw is a throw of dice:
#
# > **How do you differentiate through a throw of dice?**
#
# There are two honest answers. One asks almost nothing of the problem and pays in noise; the other made the
# variational autoencoder possible.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## What you will be able to do
#
# * say why a sampling node blocks the gradient, and draw the computation graph that does not,
# * write the reparameterised draw of a VAE without any of its classic bugs,
# * derive two unbiased gradient estimators, and predict which one is noisier, and by how much,
# * subtract a baseline without cheating,
# * explain why one draw per example is enough to train a VAE, and what to do when $z$ is discrete.
#
# **You need** lectures 3 and 4, and the chain rule. **Time:** 90 minutes of lecture, about 70 minutes of exercises;
# the notebook itself runs in well under half a minute.

# %% [markdown] slideshow={"slide_type": "notes"}
# **Timing (90 min):** the problem 8, the graph and the player 15, score function 15, pathwise 12, baselines 12,
# dimension 8, one draw in a VAE 8, discrete latents 10, wrap-up 2. The bug hunt is good homework.
#
# *Ask first, before any slide:* "`z = torch.randn(1) + mu`: what is dz/dmu?" (1.) "And of `z = Normal(mu,
# 1).sample()`?" Leave the second open. The two lines draw from the same distribution.

# %% slideshow={"slide_type": "skip"}
import math

import torch
from torch import Generator, Tensor
from torch.distributions import Normal

from course_utils.exercises import check
from course_utils.plotting import CLASS_COLOURS, COLOURS, new_figure, show, use_course_style
from course_utils.plotting.graphs import computation_graph
from course_utils.runtime import seed_everything
from course_utils.widgets import reparameterization_player

use_course_style()

# %% slideshow={"slide_type": "skip"}
generator = seed_everything(0)

N_ESTIMATES = 1500  # single-draw gradients in a histogram
DIMENSIONS = 1, 2, 4, 8, 16, 32, 64, 128  # of z, in the comparison of variances
N_REPEATS = 6000  # repeats behind every measured variance
TEMPERATURES = 0.1, 0.2, 0.4, 0.7, 1.0, 2.0, 4.0  # of the relaxed categorical

LOOK = {  # one colour and one marker for each estimator
    "score function": {"color": CLASS_COLOURS[6], "marker": "s"},
    "with a baseline": {"color": CLASS_COLOURS[8], "marker": "^"},
    "pathwise": {"color": CLASS_COLOURS[5], "marker": "o"},
}

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 · A gradient that stops
#
# We want the gradient of an **expectation** with respect to the parameters of the **distribution**:
#
# $$\nabla_{\mu, \sigma} \; E_{z \sim N(\mu, \sigma^2)}[\, f(z) \,] .$$
#
# In a VAE $f$ is $\log p(x|z)$, a neural network. Here it is something we can solve by hand, so that we know when we
# are right. For $f(z) = z^2$,
#
# $$E[z^2] = \mu^2 + \sigma^2, \qquad \frac{\partial}{\partial \mu} = 2\mu, \qquad \frac{\partial}{\partial \sigma} =
# 2\sigma .$$


# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
def square(z: Tensor) -> Tensor:
    return z**2


def expectation(f, mu, sigma):
    """E[f(z)] for z ~ N(mu, sigma^2), by the trapezoidal rule: our referee for anything in one dimension."""
    eps = torch.linspace(-10, 10, 4001, dtype=torch.float64)
    density = (-0.5 * eps**2).exp() / math.sqrt(2 * math.pi)
    return torch.trapezoid(density * f(mu + sigma * eps), eps)


leaves = torch.tensor([1.0, 0.5], dtype=torch.float64, requires_grad=True)  # mu and sigma
mean_square = expectation(square, leaves[0], leaves[1])
(exact,) = torch.autograd.grad(mean_square, leaves)
print(f"E[z^2] = {mean_square:.4f}, and mu^2 + sigma^2 = {1.0**2 + 0.5**2}")
print(f"its gradient = ({exact[0]:.4f}, {exact[1]:.4f}), and (2 mu, 2 sigma) = (2, 1)")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The obvious attempt
#
# Draw many $z$, average $f(z)$, differentiate the average. PyTorch can draw, and PyTorch can differentiate. Yet:

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
mu = torch.tensor(1.0, requires_grad=True)
sigma = torch.tensor(0.5, requires_grad=True)

z = Normal(mu, sigma).sample((1000,))
print("z knows where it came from:", z.requires_grad)

# %% [markdown] slideshow={"slide_type": "fragment"}
# `sample()` hands out numbers, and numbers have no past. There is a more treacherous version, which pretends to have
# one:

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
z = torch.normal(mu.expand(1000), sigma.expand(1000))
print("z knows where it came from:", z.requires_grad)
square(z).mean().backward()
print(f"its gradient: ({mu.grad:.1f}, {sigma.grad:.1f}), which should be near (2, 1)")

# %% [markdown]
# No error, no warning, and a gradient of exactly zero. The encoder would never hear from the decoder: the model would
# look as if it trained, and never learn where to put $z$.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Is zero perhaps the right answer? For one fixed z, nothing about z changes when mu changes..." This is the
# point: the sampler says nothing about what z *would have been* at another mu. The derivative is not zero, it is
# undefined until we say how the randomness is kept while mu moves.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 · Move the dice out of the way
#
# Every normal variable is a standard normal one, stretched and moved:
#
# $$\epsilon \sim N(0, 1), \qquad z = \mu + \sigma \epsilon \quad\Longrightarrow\quad z \sim N(\mu, \sigma^2) .$$
#
# Nothing about the distribution of $z$ has changed. What has changed is the **graph**: the dice are now thrown beside
# it, and $z$ is ordinary arithmetic.

# %% slideshow={"slide_type": "subslide"}
inputs = {"mu": (r"$\mu$", 0.0, 1.5, "input"), "sigma": (r"$\sigma$", 0.0, 0.0, "input")}
objective = {"f": ("$f(z)$", 4.2, 0.75, "computed")}
noise = {"eps": (r"$\epsilon$", 2.2, 2.4, "random")}
into_z = [("mu", "z"), ("sigma", "z")]

figure, (before, after) = new_figure(1, 2, figsize=(10.5, 4.0))
nodes = inputs | objective | {"z": ("$z$", 2.2, 0.75, "random")}
computation_graph(before, nodes, [*into_z, ("z", "f")], backward=[("z", "f")], blocked=into_z)
nodes = inputs | objective | noise | {"z": ("$z$", 2.2, 0.75, "computed")}
computation_graph(after, nodes, [*into_z, ("eps", "z"), ("z", "f")], backward=[("z", "f"), *into_z])
before.set(ylim=after.get_ylim(), title="Before: z is drawn, the gradient stops")
after.set_title("After: z is computed, the gradient flows")
show(
    figure,
    alt="Two computation graphs from mu and sigma over z to f(z). On the left z is a round, random "
    "node and the dashed gradient arrows coming back from f end in crosses before mu and sigma. "
    "On the right z is a square, computed node with a round noise node eps above it, and the "
    "gradient arrows reach mu and sigma.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# Round is random, square is computed, dashed red is the gradient on its way back. *Ask:* "Why is there no dashed
# arrow from z to eps? Could there be one?" (There could; nobody needs it: the noise has no parameters.)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What flows back
#
# $$\frac{\partial z}{\partial \mu} = 1, \qquad \frac{\partial z}{\partial \sigma} = \epsilon .$$
#
# If $\mu$ grows, every draw moves along with it. If $\sigma$ grows, draws above the mean move up and those below move
# down, in proportion to their own $\epsilon$.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
eps = torch.randn(100_000, generator=generator)
z = mu + sigma * eps
mean_fits, std_fits = (z.mean() - 1).abs() < 0.01, (z.std() - 0.5).abs() < 0.01
print("mean 1 and standard deviation 0.5, to within 0.01:", bool(mean_fits and std_fits))

d_mu, d_sigma = torch.autograd.grad(z[7], (mu, sigma))
print("dz/dmu is 1:", d_mu.item() == 1, "| dz/dsigma is this draw's eps:", torch.equal(d_sigma, eps[7]))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Follow one $\epsilon$
#
# Each string joins an $\epsilon$ to its $z$. Move $\mu$ and $\sigma$, or press play and let them sway: the strings
# move smoothly, so every $z$ has a derivative. Then choose *drawn anew at every move*. The distribution below is the
# same, and there is nothing left to follow.

# %% slideshow={"slide_type": "subslide"}
reparameterization_player()

# %% [markdown] slideshow={"slide_type": "notes"}
# Let the class predict first: "I raise sigma. Which strings move most?" (The outer ones; the one at eps = 0 stays.)
# Then "drawn anew", and play: the densities glide, the strings flicker. This flicker is the blocked gradient of the
# left graph.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### In a network: the logarithm of the variance
#
# A network's output may be any number, and a standard deviation must be positive. So the encoder of a VAE gives $\log
# \sigma^2$, called `logvar`, and we take
#
# $$\sigma = e^{\frac12 \log \sigma^2}, \qquad
# \frac{\partial z}{\partial \log\sigma^2} = \tfrac12\, \sigma\, \epsilon = \tfrac12 (z - \mu) .$$
#
# The one half is worth a second look: it is easily lost, and code without it still trains, only worse.

# %% [markdown] exercise="reparameterize"
# Write `reparameterize(mu, logvar, generator=None)`: one draw $z \sim N(\mu, \sigma^2)$ for every entry of `mu`,
# through which gradients pass to `mu` and to `logvar`. Both are tensors `(B, D)`, float32 or float64, and so is `z`.
# `logvar` is $\log\sigma^2$; values from -80 to 80 must work.
#
# * Every example and every dimension gets noise of its own.
# * `generator` is the only source of randomness. If it is `None`, torch's global generator is used (which is just
#   what `generator=None` means to `torch.randn`).
# * The arguments stay as they were.
#
# For example: with `mu = [[1.0, 2.0]]` and `logvar = [[-80.0, -80.0]]` there is almost no noise, and `z` is `[[1.0,
# 2.0]]`.


# %%
def reparameterize(mu: Tensor, logvar: Tensor, generator: Generator | None = None) -> Tensor:
    """Draw z ~ N(mu, exp(logvar)), differentiable in mu and logvar: shape (B, D)."""
    ### BEGIN SOLUTION
    unit_noise = torch.randn(mu.shape, generator=generator, dtype=mu.dtype, device=mu.device)
    return mu + (0.5 * logvar).exp() * unit_noise
    ### END SOLUTION


# %%
reparameterize = check("reparameterize", reparameterize)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The derivatives from above, on a batch of three examples with two latent dimensions:

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
m = torch.zeros(3, 2, requires_grad=True)
logvar = torch.tensor([[-2.0, 0.0], [1.0, 2.0], [0.5, -1.0]], requires_grad=True)
z = reparameterize(m, logvar, generator)
z.sum().backward()
print("dz/dmu = 1:", torch.equal(m.grad, torch.ones(3, 2)))
print("dz/dlogvar = (z - mu) / 2:", torch.allclose(logvar.grad, (z - m).detach() / 2, rtol=1e-5))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 · A way that needs no path: the score function
#
# What if $f$ has no derivative, or $z$ can't be written as something moved and stretched? Then don't move the draws.
# Keep them where they are, and ask how their **probabilities** change. Three lines:
#
# $$\begin{aligned}
# \nabla E[f(z)] &= \int f(z)\, \nabla q(z)\, dz && f \text{ does not depend on } \mu, \sigma \\
# &= \int f(z)\, q(z)\, \nabla \log q(z)\, dz && \nabla q = q \, \nabla \log q \\
# &= E\big[\, f(z)\, \nabla \log q(z) \,\big] && \text{an expectation again.}
# \end{aligned}$$

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The score
#
# $\nabla \log q$ is called the **score**. With $\epsilon = (z - \mu) / \sigma$,
#
# $$\log q(z) = -\log \sigma - \tfrac12 \epsilon^2 + \text{const}, \qquad
# \frac{\partial \log q}{\partial \mu} = \frac{\epsilon}{\sigma}, \qquad
# \frac{\partial \log q}{\partial \sigma} = \frac{\epsilon^2 - 1}{\sigma} .$$
#
# <details>
# <summary>The two derivatives, step by step</summary>
#
# $\epsilon$ depends on both parameters: $\partial \epsilon / \partial \mu = -1/\sigma$ and $\partial \epsilon /
# \partial \sigma = -(z - \mu)/\sigma^2 = -\epsilon/\sigma$. So
#
# * $\partial_\mu \log q = -\epsilon \cdot (-1/\sigma) = \epsilon / \sigma$,
# * $\partial_\sigma \log q = -1/\sigma - \epsilon \cdot (-\epsilon/\sigma) = (\epsilon^2 - 1)/\sigma$.
#
# The $-1/\sigma$ comes from the constant in front of the exponential, which is no constant for $\sigma$.
#
# </details>

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
m, s = torch.tensor(1.0, requires_grad=True), torch.tensor(0.5, requires_grad=True)
point = torch.tensor(1.8)
by_autograd = torch.autograd.grad(Normal(m, s).log_prob(point), (m, s))
e = ((point - m) / s).item()
print(f"score for mu:    {by_autograd[0]:.4f} by autograd, {e / 0.5:.4f} by the formula")
print(f"score for sigma: {by_autograd[1]:.4f} by autograd, {(e**2 - 1) / 0.5:.4f} by the formula")

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
weighted = expectation(lambda z: square(z) * (z - 1.0) / 0.5**2, 1.0, 0.5)
print(f"E[z^2 score_mu] by quadrature: {weighted:.4f}, and 2 mu = 2")

# %% [markdown] exercise="score_function_gradient"
# Write `score_function_gradient(f, mu, sigma, n, generator)`: the estimate of $\left(\frac{\partial}{\partial\mu},
# \frac{\partial}{\partial\sigma}\right) E[f(z)]$ from $n$ independent draws, by the score function. It returns a pair
# of numbers (0-d tensors or floats).
#
# * `mu` and `sigma` are 0-d tensors; `sigma` is the standard deviation, and the gradient is with respect to it.
# * `f` takes draws `(m,)` to values `(m,)`. It is **not assumed differentiable**: a step function must work.
# * The mean over the $n$ draws, plain: nothing is subtracted from $f$ yet. `generator` is the only source of
#   randomness.
#
# Your answer is called many times: its average must be the exact gradient, and its spread the right one.


# %%
def score_function_gradient(f, mu: Tensor, sigma: Tensor, n: int, generator: Generator):
    """Estimate (d/dmu, d/dsigma) of E[f(z)], z ~ N(mu, sigma^2), from values of f alone."""
    ### BEGIN SOLUTION
    standard = torch.randn(n, generator=generator, dtype=mu.dtype)
    values = f(mu + sigma * standard)
    return (values * standard / sigma).mean(), (values * (standard**2 - 1) / sigma).mean()
    ### END SOLUTION


# %%
score_function_gradient = check("score_function_gradient", score_function_gradient)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A function without a slope
#
# The step $f(z) = 1$ for $z > c$, else $0$, has the derivative 0 wherever it has one. But $E[f(z)] = P(z > c) =
# \Phi\!\left(\frac{\mu - c}{\sigma}\right)$ has a perfectly good gradient, $\frac{\partial}{\partial \mu} =
# \frac1\sigma\, \varphi\!\left(\frac{\mu - c}{\sigma}\right)$, and the score function finds it.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
mu, sigma = torch.tensor(1.0), torch.tensor(0.5)  # from here on plain numbers; the estimators do the rest


def step(z: Tensor) -> Tensor:
    return (z > 1.5).float()


a = (1.0 - 1.5) / 0.5
closed_form = math.exp(-(a**2) / 2) / math.sqrt(2 * math.pi) / 0.5
m = torch.tensor(1.0, requires_grad=True)
(referee,) = torch.autograd.grad(1 - Normal(m, 0.5).cdf(torch.tensor(1.5)), m)  # of P(z > 1.5)
estimate = score_function_gradient(step, mu, sigma, 200_000, generator)[0]
print(f"d/dmu of P(z > 1.5): {closed_form:.4f} by the formula, {referee:.4f} by autograd")
print(
    "the score function agrees to within 0.03:", bool(abs(estimate - closed_form) < 0.03)
)  # 8 standard errors

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Where have you met this estimator?" (REINFORCE: f is the reward, q the policy, and nobody can differentiate
# the world.) It is also how hard attention and discrete latents were trained before section 8.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 · The way along the path
#
# With $z = \mu + \sigma\epsilon$ the expectation is over $\epsilon$, whose distribution doesn't depend on the
# parameters, so derivative and expectation may change places, and the chain rule does the rest:
#
# $$\nabla E[f(z)] = E_{\epsilon}\big[\nabla f(\mu + \sigma\epsilon)\big]
# = E_\epsilon\big[\, f'(z)\, \nabla z \,\big] = E\big[\big(f'(z),\; f'(z)\, \epsilon\big)\big] .$$

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
for_mu = expectation(lambda z: 2 * z, 1.0, 0.5)
for_sigma = expectation(lambda z: 2 * z * (z - 1.0) / 0.5, 1.0, 0.5)
print(
    f"(E[f'(z)], E[f'(z) eps]) by quadrature: ({for_mu:.4f}, {for_sigma:.4f}), and (2 mu, 2 sigma) = (2, 1)"
)

# %% [markdown] exercise="pathwise_gradient"
# Write `pathwise_gradient(f, mu, sigma, n, generator)`: the estimate of the same pair
# $\left(\frac{\partial}{\partial\mu}, \frac{\partial}{\partial\sigma}\right) E[f(z)]$, from $n$ independent draws, by
# differentiating $f$ along $z = \mu + \sigma\epsilon$.
#
# Arguments and result are as before; now `f` is made of torch operations, so that autograd can differentiate it. `mu`
# and `sigma` may come without `requires_grad`: make leaves of your own from them. `generator` is the only source of
# randomness. Again it is the average and the spread over many calls that count.


# %%
def pathwise_gradient(f, mu: Tensor, sigma: Tensor, n: int, generator: Generator):
    """Estimate (d/dmu, d/dsigma) of E[f(z)], z ~ N(mu, sigma^2), by differentiating along the draw."""
    ### BEGIN SOLUTION
    leaf_mu, leaf_sigma = mu.detach().requires_grad_(), sigma.detach().requires_grad_()
    standard = torch.randn(n, generator=generator, dtype=mu.dtype)
    mean_value = f(leaf_mu + leaf_sigma * standard).mean()
    return torch.autograd.grad(mean_value, (leaf_mu, leaf_sigma))
    ### END SOLUTION


# %%
pathwise_gradient = check("pathwise_gradient", pathwise_gradient)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Both are right on average
#
# An estimator is **unbiased** if its mean is the exact gradient, however few draws it uses. We call both with a
# *single* draw, many times, and average:


# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
def repeat(estimator, f, n, times=N_ESTIMATES):
    """Independent estimates of d/dmu, each from n draws: shape (times,)."""
    return torch.tensor([float(estimator(f, mu, sigma, n, generator)[0]) for _ in range(times)])


single = {
    "score function": repeat(score_function_gradient, square, n=1),
    "pathwise": repeat(pathwise_gradient, square, n=1),
}
for name, estimates in single.items():
    error = estimates.std() / math.sqrt(len(estimates))
    print(f"{name}: within five standard errors of 2:", bool((estimates.mean() - 2).abs() < 5 * error))

# %% slideshow={"slide_type": "subslide"}
figure, axes = new_figure(figsize=(10, 3.8))
bins = torch.linspace(-3, 16, 96).numpy()
for name, estimates in single.items():
    label = f"{name}, standard deviation {estimates.std():.1f}"
    axes.hist(estimates.numpy(), bins, color=LOOK[name]["color"], alpha=0.7, density=True, label=label)
axes.axvline(2, color=COLOURS["truth"], linestyle="--", label="exact gradient")
axes.set(
    title="One mean: the score function jumps, the pathwise estimate stays close",
    xlabel="estimate of d/dmu from a single draw",
)
axes.set(ylabel="density", xlim=(-3, 16))
axes.legend()
show(
    figure,
    alt="Histograms of single-draw gradient estimates. Pathwise estimates form a narrow hill around "
    "the exact gradient of 2. Those of the score function pile up just below 0 and have a long "
    "thin tail to 16 and beyond, with the same mean.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Why they agree: integration by parts
#
# The two estimators average different things, $f(z)\,\epsilon/\sigma$ and $f'(z)$, with the same mean. This is
# Stein's identity:
#
# $$E\big[f(z)\, \tfrac{\epsilon}{\sigma}\big] = E\big[f'(z)\big] .$$
#
# <details>
# <summary>Its proof in one line</summary>
#
# $q'(z) = -\frac{\epsilon}{\sigma}\, q(z)$, so $E[f(z)\, \epsilon/\sigma] = -\int f(z)\, q'(z)\, dz = \int f'(z)\,
# q(z)\, dz = E[f'(z)]$; the boundary terms vanish because $q$ falls off faster than $f$ grows. A step is where this
# breaks: it has no $f'$ to carry the jump.
#
# </details>

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
left = expectation(lambda z: torch.sin(z) * (z - 1.0) / 0.5**2, 1.0, 0.5)
right = expectation(torch.cos, 1.0, 0.5)
print(f"f = sin: E[f eps / sigma] = {left:.6f}, E[f'] = {right:.6f}")

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "The pathwise estimator looks at the slope of f, the score function at its height. Add 1000 to f: what
# happens to each?" (Pathwise: nothing. Score function: same mean, and a million times $E[s^2]$ more variance.) This
# is the door to section 5.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 · A baseline
#
# The score function weights each score with the *height* of $f$, and a common height carries no information. For any
# number $b$ that does not depend on $z$,
#
# $$E\big[\, b\, \nabla \log q(z) \,\big] = b \int \nabla q(z)\, dz = b\, \nabla 1 = 0 ,$$
#
# so $b$ may be subtracted from $f$ without changing the mean: it is a **control variate**. The variance does change,
# as a parabola in $b$. With $s = \nabla \log q$,
#
# $$\operatorname{Var}\big[(f - b)\, s\big] = E[f^2 s^2] - 2b\, E[f s^2] + b^2\, E[s^2] - E[f s]^2, \qquad
# b^* = \frac{E[f s^2]}{E[s^2]} .$$

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
hill = 10.0  # f(z) = z^2 + 10: the gradient is still (2 mu, 2 sigma)


def moment(power: int) -> float:
    """E[f^power s^2] with f(z) = z^2 + hill and s the score for mu."""
    return expectation(lambda z: (z**2 + hill) ** power * ((z - 1.0) / 0.5**2) ** 2, 1.0, 0.5).item()


zero_mean = expectation(lambda z: (z - 1.0) / 0.5**2, 1.0, 0.5).item()
best = moment(1) / moment(0)
print(f"mean of the score: {abs(zero_mean):.6f}")
print(f"best baseline b* = {best:.4f}, E[f] = {1.0**2 + 0.5**2 + hill}")

# %% slideshow={"slide_type": "subslide"}
b = torch.linspace(0, 24, 200)
parabola = moment(2) - 2 * b * moment(1) + b**2 * moment(0) - 2.0**2
draws = torch.randn(40_000, generator=generator)
f_values, score = square(1 + 0.5 * draws) + hill, draws / 0.5
tried = torch.arange(0, 25, 3)

figure, axes = new_figure(figsize=(10, 3.8))
axes.plot(b, parabola, color=LOOK["with a baseline"]["color"], label="closed form")
measured = [((f_values - value) * score).var() for value in tried]
axes.plot(tried, measured, "o", color=COLOURS["truth"], markersize=7, label="measured, 40,000 draws")
axes.axvline(1.25 + hill, color=COLOURS["neutral"], linestyle="--")
axes.annotate("E[f]", (1.25 + hill, 250), xytext=(-44, 0), textcoords="offset points", fontsize=13)
axes.annotate(
    f"best: {best:.2f}", (best, parabola.min()), xytext=(14, 26), textcoords="offset points", fontsize=13
)
axes.set(title="A baseline near the mean of f takes nearly all the variance away", ylim=(0, 700))
axes.set(xlabel="baseline b", ylabel="variance for one draw")
axes.legend(loc="upper left", bbox_to_anchor=(0.52, 1.0))
show(
    figure,
    alt="Variance of the score-function estimate against the baseline b: a parabola, about 570 at b = "
    "0 and close to zero near b = 11.75, just right of the mean of f; measured points lie on it.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Where to take $b$ from
#
# $E[f]$ is unknown. The mean of our own $n$ values is a tempting stand-in, but mind the small print above: $b$ must
# **not depend on the draw** whose score it multiplies. The mean over *all* draws contains that very draw.
#
# So how can the draws help each other without looking at themselves? That is the next exercise.

# %% [markdown] exercise="score_function_with_baseline"
# Write `score_function_with_baseline(f, mu, sigma, n, generator)`: as `score_function_gradient`, with a baseline.
#
# * Unbiased, already at $n = 4$: the baseline of a draw never depends on that draw. What you make it from is up to
#   you.
# * Where $f$ has a large mean, the variance must be clearly lower than without the baseline (less than a fifth), for
#   $\mu$ and for $\sigma$.
# * `f` is still not assumed differentiable, and `generator` is still the only source of randomness.
#
# Bias and variance are measured over several hundred calls.


# %%
def score_function_with_baseline(f, mu: Tensor, sigma: Tensor, n: int, generator: Generator):
    """Estimate (d/dmu, d/dsigma) of E[f(z)] by the score function, less a baseline from the other draws."""
    ### BEGIN SOLUTION
    standard = torch.randn(n, generator=generator, dtype=mu.dtype)
    values = f(mu + sigma * standard)
    mean_of_others = (values.sum() - values) / (n - 1)
    advantage = values - mean_of_others
    return (advantage * standard / sigma).mean(), (advantage * (standard**2 - 1) / sigma).mean()
    ### END SOLUTION


# %%
score_function_with_baseline = check("score_function_with_baseline", score_function_with_baseline)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What cheating costs
#
# If the mean of all $n$ values is subtracted, each draw takes a share $1/n$ of its own value away, and on average
#
# $$E\Big[\frac1n \sum_i (f_i - \bar f)\, s_i\Big] = \Big(1 - \frac1n\Big)\, \nabla E[f] .$$
#
# <details>
# <summary>Why exactly this factor</summary>
#
# $\frac1n\sum_i \bar f s_i = \frac1{n^2} \sum_{i, j} f_j s_i$. For $i \ne j$ the draws are independent and $E[s_i] =
# 0$, so only the $n$ terms $i = j$ are left: $\frac1{n^2} \cdot n\, E[f s] = \frac1n \nabla E[f]$.
#
# Seen from afar: since $E[s] = 0$, the gradient is a **covariance**, $\nabla E[f] = \operatorname{Cov}(f, s)$. The
# plain estimator ignores that $s$ has mean zero and pays for it. Dividing the centred products by $n - 1$ instead of
# $n$ is the usual correction of a sample covariance, and it *is* the mean over the other draws.
#
# </details>

# %% slideshow={"slide_type": "fragment"}
sizes = 2, 3, 4, 6, 8, 16
factors = {"mean of all draws": [], "mean of the others": []}
for n in sizes:
    noise_n = torch.randn(60_000, n, generator=generator)
    f_n, s_n = square(1 + 0.5 * noise_n), noise_n / 0.5
    centred = ((f_n - f_n.mean(1, keepdim=True)) * s_n).mean(1)
    factors["mean of all draws"].append(centred / 2)
    # f - mean of the others = n / (n - 1) * (f - mean of all)
    factors["mean of the others"].append(centred / 2 * n / (n - 1))

# %% slideshow={"slide_type": "subslide"}
figure, axes = new_figure(figsize=(10, 3.6))
colours = dict(zip(factors, (COLOURS["baseline"], LOOK["with a baseline"]["color"]), strict=True))
for marker, (name, estimates) in zip("sv", factors.items(), strict=True):
    means, errors = [e.mean() for e in estimates], [5 * e.std() / math.sqrt(len(e)) for e in estimates]
    axes.errorbar(
        sizes, means, errors, color=colours[name], marker=marker, linestyle="", capsize=4, label=name
    )
curve = torch.linspace(2, 16, 100)
axes.plot(curve, 1 - 1 / curve, color=COLOURS["truth"], linewidth=1.2, label="1 - 1/n")
axes.axhline(1, color=COLOURS["truth"], linewidth=1.2, linestyle="--", label="exact")
axes.set(title="A draw in its own baseline shrinks the gradient: by half for two draws", ylim=(0.4, 1.1))
axes.set(xlabel="number of draws n", ylabel="mean estimate / exact")
axes.legend(ncols=2, loc="lower right")
show(
    figure,
    alt="Mean gradient estimate divided by the exact gradient, against the number of draws, with bars "
    "of five standard errors. With the mean of the others the points lie on 1; with the mean of "
    "all draws they follow 1 - 1/n, from one half at n = 2.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
at_n4 = {name: values[sizes.index(4)] for name, values in factors.items()}
at_n4["score_function_with_baseline"] = repeat(score_function_with_baseline, square, n=4) / 2
for (name, at_four), shrink in zip(at_n4.items(), (1 - 1 / 4, 1.0, 1.0), strict=True):
    error = at_four.std() / math.sqrt(len(at_four))
    print(f"n = 4, {name}: {shrink:.2f} of the gradient:", bool((at_four.mean() - shrink).abs() < 5 * error))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 · What dimension does to them
#
# Now let $z$ have $D$ independent dimensions, each $N(m, \sigma^2)$, and $f(z) = \lVert z \rVert^2$. Look at one
# number, the derivative by the first mean, whose exact value $2m$ has nothing to do with $D$. From $n$ draws:
#
# | estimator | variance, for large $D$ | grows like |
# |---|---|---|
# | score function | $\approx D^2\, (m^2 + \sigma^2)^2 / (n \sigma^2)$ | $D^2$ |
# | with a baseline | $\approx D\, (4m^2 + 2\sigma^2) / (n - 1)$ | $D$ |
# | pathwise | $= 4\sigma^2 / n$ | constant |
#
# To the score function the other $D - 1$ dimensions are noise in $f$. The slope in the first direction never hears of
# them.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The closed forms, exactly
#
# Split $f = z_1^2 + R$ with the rest $R$ independent of $z_1$: $E[R] = (D-1)(m^2 + \sigma^2)$, $\operatorname{Var}[R]
# = (D-1)(4m^2\sigma^2 + 2\sigma^4)$, and use the moments $1, 3, 15$ of $\epsilon^2,
# \epsilon^4, \epsilon^6$.
#
# <details>
# <summary>The three variances, step by step</summary>
#
# With $s = \epsilon_1 / \sigma$ and $z_1^2 = m^2 + 2m\sigma\epsilon_1 + \sigma^2\epsilon_1^2$:
#
# * **Score function:** $n \operatorname{Var} = E[f^2 s^2] - 4m^2$, where $\sigma^2 E[f^2 s^2] =
#   (m^4 + 18 m^2\sigma^2 + 15\sigma^4) + 2 (m^2 + 3\sigma^2)\, E[R] + \operatorname{Var}[R] + E[R]^2$.
# * **With a baseline** (the mean of the others): this is the sample covariance of $f$ and $s$, whose variance is
#   $\frac1n (\mu_{22} - 4m^2) + \frac{\operatorname{Var}[f] \operatorname{Var}[s] + 4m^2}{n(n-1)}$ with $\sigma^2
#   \mu_{22} = \sigma^2 E[(f - E f)^2 s^2] = 12 m^2\sigma^2 + 10\sigma^4 + \operatorname{Var}[R]$.
# * **Pathwise:** $\partial f / \partial z_1 = 2 z_1$, so $n \operatorname{Var} = 4\sigma^2$.
#
# </details>


# %% slideshow={"slide_type": "fragment"}
def closed_form_variances(dim: int, m: float, s: float, n: int) -> dict[str, float]:
    """Variance of the estimates of the derivative by the first mean, f(z) = |z|^2."""
    rest_mean, rest_var = (dim - 1) * (m**2 + s**2), (dim - 1) * (4 * m**2 * s**2 + 2 * s**4)
    raw = m**4 + 18 * m**2 * s**2 + 15 * s**4 + 2 * (m**2 + 3 * s**2) * rest_mean + rest_var + rest_mean**2
    mu22 = (12 * m**2 * s**2 + 10 * s**4 + rest_var) / s**2
    var_f, var_score = dim * (4 * m**2 * s**2 + 2 * s**4), 1 / s**2
    return {
        "score function": (raw / s**2 - 4 * m**2) / n,
        "with a baseline": (mu22 - 4 * m**2) / n + (var_f * var_score + 4 * m**2) / (n * (n - 1)),
        "pathwise": 4 * s**2 / n,
    }


# %% slideshow={"slide_type": "subslide"}
def measured_variances(dim: int, m: float, s: float, n: int) -> dict[str, Tensor]:
    """The same, each measured over N_REPEATS estimates from n draws."""
    noise_d = torch.randn(N_REPEATS, n, dim, generator=generator)
    heights, first = (m + s * noise_d).square().sum(-1), noise_d[..., 0]  # each (N_REPEATS, n)
    covariance = ((heights - heights.mean(1, keepdim=True)) * first / s).sum(1) / (n - 1)
    return {
        "score function": (heights * first / s).mean(1).var(),
        "with a baseline": covariance.var(),
        "pathwise": (2 * (m + s * first)).mean(1).var(),
    }


M, S, N = 1.0, 0.5, 8
theory = {dim: closed_form_variances(dim, M, S, N) for dim in DIMENSIONS}
measured = {dim: measured_variances(dim, M, S, N) for dim in DIMENSIONS}

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
ratios = torch.tensor([[measured[d][name] / theory[d][name] for name in LOOK] for d in DIMENSIONS])
print(
    f"all {ratios.numel()} measured variances within 30 % of the closed form:",
    bool(((ratios - 1).abs() < 0.3).all()),
)
far, large = 10**7, {"score function": 10**14 * (M**2 + S**2) ** 2 / (N * S**2)}
large |= {"with a baseline": far * (4 * M**2 + 2 * S**2) / (N - 1), "pathwise": 4 * S**2 / N}
last = closed_form_variances(far, M, S, N)
print("closed forms / table at D = 10^7:", [round(last[name] / large[name], 3) for name in LOOK])
for dim in (1, 16, 128):
    print(f"D = {dim:3d}: " + ", ".join(f"{name} {value:.4g}" for name, value in theory[dim].items()))

# %% slideshow={"slide_type": "subslide"}
figure, axes = new_figure(figsize=(10, 4.6))
for name, look in LOOK.items():
    axes.plot(DIMENSIONS, [theory[d][name] for d in DIMENSIONS], color=look["color"])
    axes.plot(
        DIMENSIONS, [measured[d][name] for d in DIMENSIONS], look["marker"], color=look["color"], markersize=8
    )
    height, growth = (
        theory[128][name],
        {"score function": "D squared", "with a baseline": "D", "pathwise": "constant"}[name],
    )
    axes.annotate(f"{name}\n({growth})", (128, height), xytext=(12, 0), textcoords="offset points", va="center",
                  color=look["color"], weight="bold", fontsize=13, annotation_clip=False)  # fmt: skip
axes.axhline((2 * M) ** 2, color=COLOURS["truth"], linewidth=1.2, linestyle="--")
axes.text(24, (2 * M) ** 2 * 0.45, "squared gradient", fontsize=12)
axes.set(xscale="log", yscale="log", title="Only the pathwise gradient does not suffer from dimension")
axes.set(xlabel="dimension D of z", ylabel="variance of the estimate, 8 draws")
axes.set_xticks(DIMENSIONS, DIMENSIONS)
axes.minorticks_off()
show(
    figure,
    alt="Variance against dimension from 1 to 128 on logarithmic axes, measured points on closed-form "
    "lines. The score function grows with the square of the dimension, with a baseline it grows "
    "linearly, the pathwise estimate stays constant, far below the squared gradient, which the "
    "score function exceeds from a few dimensions on.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "A VAE has, say, 32 latent dimensions. How many draws does the score function need to be as good as one
# pathwise draw?" Read it off: the ratio of the lines. It is thousands; with a baseline well over a hundred.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Is pathwise always better? No
#
# The pathwise estimate sees slopes, the score function heights. If $f$ is low but steep, slopes are the noisier
# thing. For $f(z) = \sin(kz)$ and one draw,
#
# $$\operatorname{Var}[f'(z)] = k^2\, E[\cos^2(kz)] - (E f')^2, \qquad
# \operatorname{Var}[f\,s] = \tfrac{1}{\sigma^2}\, E[\sin^2(kz)\, \epsilon^2] - (E f')^2 :$$

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
print(" k   pathwise   score function")
for k in (1, 2, 4, 16):
    slope = expectation(lambda z, k=k: k * torch.cos(k * z), 1.0, 0.5)
    pathwise_variance = expectation(lambda z, k=k: (k * torch.cos(k * z)) ** 2, 1.0, 0.5) - slope**2
    score_variance = (
        expectation(lambda z, k=k: (torch.sin(k * z) * (z - 1.0) / 0.25) ** 2, 1.0, 0.5) - slope**2
    )
    print(f"{k:2d} {pathwise_variance:10.2f} {score_variance:16.2f}")

# %% [markdown]
# The variance of the slope grows like $k^2$, that of the score function stays below $1/\sigma^2 = 4$. Decoders of
# VAEs are smooth, and their latent dimensions many: this is why the pathwise estimator is the one of lecture 6.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 · One draw is enough
#
# A VAE uses **one** $z$ per example and step. Is this not reckless? Average the gradient over $B$ examples with $L$
# draws each. By the law of total variance,
#
# $$\operatorname{Var} = \frac1B \Big( \underbrace{\operatorname{Var}_x\big[E_\epsilon\, g\big]}_{\text{which
# examples}}
# + \frac1L\, \underbrace{E_x\big[\operatorname{Var}_\epsilon\, g\big]}_{\text{which noise}} \Big) .$$
#
# More draws shrink only the second part. More examples shrink both. And for the decoder a draw costs as much as an
# example.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The smallest VAE, solved
#
# The linear model of lecture 3: $z \sim N(0, 1)$, $x = w z + \text{noise}$ with unit variance, so $x \sim N(0, S)$
# with $S = w^2 + 1$. The encoder $q(z|x) = N(a x, v)$ is exact at $a = w/S$, $v = 1/S$. Its decoder gradient is $g =
# -\partial_w \log p(x|z) = -(x - wz)\, z$, and both parts have closed forms:
#
# $$\operatorname{Var}_x[E_\epsilon g] = 2 S^2 (a - w a^2)^2, \qquad
# E_x[\operatorname{Var}_\epsilon g] = (1 - 2wa)^2 S v + 2 w^2 v^2 .$$

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
W = 1.5
SX = W**2 + 1
A, V = W / SX, 1 / SX
part_data = 2 * SX**2 * (A - W * A**2) ** 2
part_noise = (1 - 2 * W * A) ** 2 * SX * V + 2 * W**2 * V**2

x = math.sqrt(SX) * torch.randn(200_000, 1, generator=generator)
z = A * x + math.sqrt(V) * torch.randn(200_000, 2, generator=generator)  # two draws for every example
g = -(x - W * z) * z
print(f"closed forms: examples {part_data:.3f}, noise {part_noise:.3f}")
# two draws of one example share its part and nothing else: their covariance is that part
print("measured, to within 0.03:", abs(torch.cov(g.T)[0, 1].item() - part_data) < 0.03,
      abs(g[:, 0].var().item() - part_data - part_noise) < 0.03)  # fmt: skip

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### And trained
#
# All three parameters are learned from a stream of fresh data, $B = 32$ examples a step, with $L$ = 1, 8 or 64 draws
# each. The exact negative ELBO of this model is known, so we can plot its distance from the optimum, the entropy of
# the data.


# %% slideshow={"slide_type": "fragment"}
def negative_elbo_sampled(w, a, c, x, noise_l):
    """From draws, with log p(x|z) reparameterised; x (runs, B, 1), noise_l (runs, B, L)."""
    mean = a * x
    z = mean + (c / 2).exp() * noise_l
    log_likelihood = -0.5 * (x - w * z) ** 2 - 0.5 * math.log(2 * math.pi)
    kl = 0.5 * (mean**2 + c.exp() - 1 - c)
    return (kl - log_likelihood).mean((1, 2))  # (runs,)


def gap(w, a, c):
    """Exact negative ELBO, averaged over the data, minus its minimum, the entropy of N(0, S)."""
    reconstruction = 0.5 * (SX * (1 - w * a) ** 2 + w**2 * c.exp() + math.log(2 * math.pi))
    kl = 0.5 * (a**2 * SX + c.exp() - 1 - c)
    return (reconstruction + kl - 0.5 * math.log(2 * math.pi * math.e * SX)).flatten()


# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
at = [torch.tensor(value).view(1, 1, 1) for value in (0.8, 0.2, -0.5)]
x = math.sqrt(SX) * torch.randn(1, 100_000, 1, generator=generator)
sampled = negative_elbo_sampled(*at, x, torch.randn(1, 100_000, 4, generator=generator))
exact_there = gap(*at) + 0.5 * math.log(2 * math.pi * math.e * SX)
print("sampled and exact negative ELBO agree to within 0.03:", bool((sampled - exact_there).abs() < 0.03))
optimum = [torch.tensor(value).view(1, 1, 1) for value in (W, A, math.log(V))]
print(f"gap at w = {W}, a = w/S, v = 1/S: {gap(*optimum).abs().item():.4f}")


# %% slideshow={"slide_type": "subslide"}
def train(n_draws: int, n_steps: int, runs: int = 16, batch: int = 32) -> Tensor:
    """Gradient descent in `runs` independent runs at once. Returns the gap at every step: (n_steps, runs)."""
    parameters = [
        torch.full((runs, 1, 1), value, requires_grad=True) for value in (0.3, 0.0, 0.0)
    ]  # w, a, logvar
    gaps = []
    for t in range(n_steps):
        lr = 0.05 / (1 + t / 300)  # slower and slower, so that the noise averages out
        x = math.sqrt(SX) * torch.randn(runs, batch, 1, generator=generator)
        noise_l = torch.randn(runs, batch, n_draws, generator=generator)
        loss = negative_elbo_sampled(*parameters, x, noise_l).sum()  # the runs do not mix
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            gaps.append(gap(*parameters))
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter -= lr * gradient
    return torch.stack(gaps)


steps = {1: 2400, 8: 1000, 64: 500}  # by draws per example
gaps = {n_draws: train(n_draws, n_steps) for n_draws, n_steps in steps.items()}

# %% slideshow={"slide_type": "skip"}
figure, (left, right) = new_figure(1, 2, figsize=(10.5, 4.2))
draws = torch.tensor([1, 2, 4, 8, 16, 32, 64])
same_examples, same_work = (part_data + part_noise / draws) / 32, (part_data * draws + part_noise) / 64
left.plot(draws, same_examples, "o-", color=COLOURS["data"], label="32 examples a step")
left.plot(draws, same_work, "s--", color=COLOURS["model"], label="64 decoder passes a step")
left.axhline(part_data / 32, color=COLOURS["truth"], linewidth=1.2, linestyle=":")
left.text(1, part_data / 32 * 0.88, "infinitely many draws", fontsize=12, va="top")
left.set(xscale="log", yscale="log", ylim=(0.008, 0.7), title="Endless draws only halve the variance")
left.set(xlabel="draws per example L", ylabel="variance of the gradient for w")
left.legend(loc="upper left")
left.set_xticks(draws, draws.tolist())
left.minorticks_off()

# %% slideshow={"slide_type": "subslide"}
for (n_draws, values), k in zip(gaps.items(), (5, 3, 9), strict=True):
    passes = 32 * n_draws * torch.arange(1, len(values) + 1)
    right.plot(passes, values.mean(1), color=CLASS_COLOURS[k], label=f"L = {n_draws}")
right.set(xscale="log", yscale="log", ylim=(3e-4, 1), title="and cost as much as examples")
right.set(xlabel="decoder passes so far", ylabel="gap to the optimum, nats")
right.legend(loc="lower left")
show(
    figure,
    alt="Left: variance of the gradient against draws per example. With 32 examples it falls to a "
    "little less than half and levels off; with a fixed number of decoder passes it rises steadily. Right: gap to the "
    "best ELBO against decoder passes for 1, 8 and 64 draws; the curves have the same shape, each "
    "shifted to the right by its cost, so one draw gets there first.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
at_500 = {n_draws: values[400:500].mean().item() for n_draws, values in gaps.items()}
print("after 500 steps, every gap is below 0.02 nats:", all(value < 0.02 for value in at_500.values()))
print("64 times the work for less than 0.01 nats:", at_500[1] - at_500[64] < 0.01)
print("one draw, with less work still, gets below 0.002 nats:", gaps[1][-100:].mean().item() < 0.002)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "You may spend twice as much per step. Twice the draws, or twice the examples?" (Examples: left panel, rising
# line.) "When would you use more draws all the same?" (Importance-weighted bounds, lecture 3: there they change the
# objective.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8 · When $z$ is discrete
#
# Let $z$ be one of $K$ classes, with probabilities $p = \operatorname{softmax}(l)$. A draw jumps from class to class:
# there is no path, and no reparameterisation gives it a slope. The score function works as ever. And there is a way
# to bend the rules:
#
# $$g_k \sim \text{Gumbel}, \qquad \operatorname*{arg\,max}_k\; (l_k + g_k) \;\sim\; \operatorname{softmax}(l) .$$
#
# The noise is outside now, as before. Only the arg max has no slope.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
logits = torch.tensor([1.0, 0.0, -0.5])
p = logits.softmax(0)
gumbel = (
    -torch.empty(200_000, 3).exponential_(generator=generator).log()
)  # minus the log of an Exponential(1)
shares = torch.bincount((logits + gumbel).argmax(1), minlength=3) / 200_000
print("softmax of the logits:", [round(value, 2) for value in p.tolist()])
print(
    "shares of the arg max agree to within 0.01:", bool(((shares - p).abs() < 0.01).all())
)  # 9 standard errors

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Soften the arg max
#
# $$y = \operatorname{softmax}\!\Big(\frac{l + g}{\tau}\Big) .$$
#
# At temperature $\tau \to 0$ this is the one-hot draw; at larger $\tau$ it is a point inside the simplex, and smooth
# in $l$: the **Gumbel-softmax** (or Concrete) relaxation.


# %% slideshow={"slide_type": "fragment"}
def relaxed_draw(logits: Tensor, gumbel: Tensor, temperature: float) -> Tensor:
    """A point of the simplex, smooth in the logits: shape of ``gumbel``."""
    return ((logits + gumbel) / temperature).softmax(-1)


# %% slideshow={"slide_type": "subslide"}
corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, math.sqrt(3) / 2]])
figure, panels = new_figure(1, 3, figsize=(10.5, 3.6))
for axes, temperature in zip(panels, (0.1, 0.7, 4.0), strict=True):
    points = relaxed_draw(logits, gumbel[:600], temperature) @ corners
    axes.plot(*corners[[0, 1, 2, 0]].T, color=COLOURS["truth"], linewidth=1.2)
    axes.scatter(*points.T, s=10, color=COLOURS["posterior"], alpha=0.5)
    for k, (corner, shift) in enumerate(
        zip(corners, ((-0.09, -0.03), (0.09, -0.03), (0.0, 0.08)), strict=True)
    ):
        axes.text(*(corner + torch.tensor(shift)), str(k + 1), ha="center", va="center", fontsize=14)
    axes.text(0.5, -0.2, f"temperature {temperature}", ha="center", fontsize=14)
    axes.set(xlim=(-0.15, 1.15), ylim=(-0.22, 1.0), aspect="equal")
    axes.axis("off")
figure.suptitle("The colder, the closer to a true choice among three classes")
show(
    figure,
    alt="Three triangles whose corners are the classes, with 600 relaxed draws each. At temperature "
    "0.1 nearly all points sit in the corners, at 0.7 they spread along edges and interior, at 4 "
    "they gather in a cloud near the middle.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What it costs: bias against variance
#
# Take $f(y) = \lVert y - t \rVert^2$. On true, one-hot draws the gradient is a sum of $K$ terms,
#
# $$\frac{\partial}{\partial l_k} E[f(z)] = p_k \big( f(e_k) - E[f] \big) ,$$
#
# and the relaxed gradient estimates something else: the gradient of $E[f(y_\tau)]$. Cold is nearly right and noisy,
# warm is calm and wrong.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
target = torch.tensor([0.1, 0.6, 0.3])
f_classes = (torch.eye(3) - target).square().sum(1)  # f at each corner
exact_gradient = p * (f_classes - p @ f_classes)

leaf = logits.clone().requires_grad_()
(by_autograd,) = torch.autograd.grad(leaf.softmax(0) @ f_classes, leaf)
print("formula and autograd agree:", torch.allclose(by_autograd, exact_gradient, atol=1e-6))
print("exact gradient:", [round(value, 3) for value in exact_gradient.tolist()])


# %% slideshow={"slide_type": "subslide"}
def relaxed_gradients(temperature: float, n: int = 100_000) -> Tensor:
    """Single-draw estimates by the relaxation: (n, 3)."""
    leaf = logits.expand(n, 3).clone().requires_grad_()  # a copy of the logits for each draw
    y = relaxed_draw(leaf, gumbel[:n], temperature)
    return torch.autograd.grad((y - target).square().sum(), leaf)[0]


def score_gradients(n_latents: int, n: int = 100_000) -> Tensor:
    """Single-draw estimates for the first of several latents; d log p_z / dl = one-hot - p: (n, 3)."""
    z = torch.multinomial(p, n * n_latents, replacement=True, generator=generator).view(n, n_latents)
    advantage = (f_classes[z] - p @ f_classes).sum(1)  # the baseline is E[f]
    return advantage[:, None] * (torch.eye(3)[z[:, 0]] - p)


# %% [markdown] slideshow={"slide_type": "subslide"}
# The score function is unbiased. With the baseline $E[f]$ its estimate for one latent is $(f - E[f])(e_z - p)$, and
# $D$ such latents, whose values of $f$ add up, disturb each other as in section 6:
#
# $$\operatorname{Var}_D = \operatorname{Var}_1 + (D - 1)\, \operatorname{Var}[f]\, E\lVert e_z - p \rVert^2,
# \qquad E\lVert e_z - p \rVert^2 = 1 - \textstyle\sum_k p_k^2 .$$


# %% slideshow={"slide_type": "fragment"}
def score_variance(n_latents: int) -> Tensor:
    """Total variance of a single-draw estimate for the logits of one latent among several."""
    centred, spread = f_classes - p @ f_classes, (torch.eye(3) - p).square().sum(1)  # for each class z
    alone = p @ (centred**2 * spread) - exact_gradient.square().sum()
    return alone + (n_latents - 1) * (p @ centred**2) * (1 - p.square().sum())


# %% slideshow={"slide_type": "subslide"}
relaxed = {temperature: relaxed_gradients(temperature) for temperature in TEMPERATURES}
bias = [(g.mean(0) - exact_gradient).norm() for g in relaxed.values()]
noise_level = [g.var(0).sum().sqrt() for g in relaxed.values()]

levels = {n_latents: score_variance(n_latents).sqrt() for n_latents in (1, 16)}

# %% slideshow={"slide_type": "subslide"}
figure, axes = new_figure(figsize=(10, 4.0))
colour, other = LOOK["pathwise"]["color"], LOOK["score function"]["color"]
axes.plot(TEMPERATURES, noise_level, "o-", color=colour, label="relaxed: standard deviation")
axes.plot(TEMPERATURES, bias, "s--", color=COLOURS["model"], label="relaxed: bias")
axes.axhline(exact_gradient.norm(), color=COLOURS["truth"], linestyle=":", linewidth=1.6)
axes.text(4.6, 0.9 * exact_gradient.norm(), "exact gradient", va="top")
for n_latents, level in levels.items():
    axes.axhline(level, color=other, linestyle="-.")
    words = f"score function,\n{n_latents} latent{'s' * (n_latents > 1)}"
    axes.text(4.6, level, words, color=other, va="bottom", weight="bold")
axes.set(xscale="log", title="Cooling trades bias for variance", ylim=(0, 1.4), xlim=(0.09, 4.4))
axes.set(xlabel="temperature", ylabel="bias, or standard deviation")
axes.set_xticks(TEMPERATURES, TEMPERATURES)
axes.minorticks_off()
axes.legend(loc="upper right", bbox_to_anchor=(1.0, 0.8))
show(
    figure,
    alt="Against the temperature: the standard deviation of the relaxed gradient falls steadily as it "
    "gets warmer. Its bias is small up to temperature 1 and grows beyond it. The standard "
    "deviation of the score function, which has no bias, is a horizontal line at about the length "
    "of the exact gradient for one latent, and higher for 16 latents.",
)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
for n_latents in (1, 16):
    estimates = score_gradients(n_latents)
    error = 5 * (estimates.var(0) / len(estimates)).sqrt()
    unbiased = ((estimates.mean(0) - exact_gradient).abs() < error).all()
    variance_fits = (estimates.var(0).sum() / score_variance(n_latents) - 1).abs() < 0.05
    print(f"D = {n_latents:2d}: unbiased to five standard errors: {unbiased}, ", end="")
    print(f"variance as in the formula to within 5 %: {variance_fits}")
print("from the coldest to the warmest, the bias grows and the spread falls:", bool(bias[0] < bias[-1]),
      bool(noise_level[0] > noise_level[-1]))  # fmt: skip

# %% [markdown]
# Around $\tau = 1$ the relaxed gradient is calmer than the score function, for a small bias; and other latents do not
# disturb it. In practice one starts warm and cools down while training. (The *straight-through* variant uses the
# one-hot draw forwards and the relaxed slope backwards: honest values, a biased gradient.)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Why not tau = 0.01?" (The softmax is flat nearly everywhere and a cliff in between: most draws give no
# gradient, a few give a huge one. Look at the left end of the curve.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9 · Find the bug
#
# Five ways to draw $z$, in the styles in which one finds them in public code. Each is meant to return a draw from
# $N(\mu, \sigma^2)$ for a batch `(B, D)`, independent for all examples and dimensions, through which gradients pass
# to `mu` and `logvar` $= \log\sigma^2$. Some do, some don't. None raises an error.


# %% slideshow={"slide_type": "fragment"}
def snippet_a(mu, logvar):
    std = torch.exp(logvar)
    eps = torch.randn_like(std)
    return eps.mul(std).add_(mu)


def snippet_b(mu, logvar):
    inverse_std = torch.exp(-logvar / 2)
    return mu - torch.randn_like(mu) / inverse_std


def snippet_c(mu, logvar):
    std = (logvar / 2).exp()
    return torch.normal(mu, std)


# %% slideshow={"slide_type": "subslide"}
def snippet_d(mu, logvar):
    std = torch.exp(logvar / 2)
    eps = torch.randn(mu.shape[1])
    return mu + eps * std


def snippet_e(mu, logvar):
    return torch.randn_like(mu).mul(logvar.mul(0.5).exp()).add(mu)


# %% [markdown] exercise="find_the_bug"
# Write `find_the_bug()`, without arguments: it returns the set of the letters of the **wrong** snippets, for instance
# `{"A", "B"}`. Don't trust your eyes: call them, measure, and take gradients, in a cell of your own.


# %%
def find_the_bug() -> set[str]:
    """The letters, A to E, of the snippets that are wrong."""
    ### BEGIN SOLUTION
    return {"A", "C", "D"}
    ### END SOLUTION


# %%
find_the_bug = check("find_the_bug", find_the_bug)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# * A sampler hands out numbers without a past: **a sampling node blocks the gradient**, sometimes without an error.
# * **Pathwise**: put the noise beside the graph, $z = \mu + \sigma\epsilon$, and differentiate along the draw. Needs
#   a differentiable $f$; its variance does not grow with the dimension.
# * **Score function**: weight each draw's score by $f(z)$. Needs values only; its variance grows like $D^2$.
# * A **baseline** from the *other* draws takes a power of $D$ away and costs no bias; one from *all* draws costs the
#   factor $1 - 1/n$.
# * In a VAE **one draw per example** is enough: examples average the noise out as well, and more.
# * A **discrete** $z$ has no path. Score function, unbiased and noisy; or Gumbel-softmax, smooth and biased.
#
# Lecture 6 puts it all together: encoder, draw, decoder, ELBO.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Check yourself
#
# 1. The reconstruction term of your VAE sends no gradient to `logvar`, and there is no error. Name two lines of code
#    that do this. What will the KL term then do to `logvar`?
# 2. `eps = torch.randn(B, 1)` instead of `torch.randn(B, D)`. The mean and variance of every entry of `z` are right.
#    What is wrong?
# 3. You add 1000 to $f$. What happens to the mean and the variance of each of the three estimators?
# 4. Why does the pathwise estimator fail for a step, and does it say so?
# 5. With $n$ draws, you subtract the mean of the $n$ values from $f$. By which factor is the gradient off? Does
#    gradient descent care?
# 6. You have a budget of 128 decoder passes a step. How many examples, how many draws each?
#
# <details>
# <summary>Answers</summary>
#
# 1. `z = torch.normal(mu, sigma)`, whose gradient is zero; or a noise term that is detached, such as `mu + (sigma *
#    eps).detach()`. Nothing holds against the KL term then: it drives `logvar` to 0, the prior's.
# 2. The dimensions of one example are perfectly correlated: $z$ moves along a line. The KL term in closed form
#    assumes that they are independent, so the loss is no longer an ELBO.
# 3. The means stay. Variance: pathwise and with a baseline unchanged; the plain score function's grows by about
#    $10^6\, E[s^2] / n$, where $s$ is the score.
# 4. Its slope is 0 wherever it exists, so the estimate is exactly 0, without a warning. All of the gradient sits in
#    the jump.
# 5. By $1 - 1/n$: for a fixed $n$ this is only a smaller learning rate, so plain descent hardly notices. It matters
#    when the result is added to other gradients, as in a VAE, where the KL term would then weigh too much.
# 6. 128 examples with one draw each, as long as you have fresh examples.
#
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# ## References
#
# * R. J. Williams (1992). *Simple statistical gradient-following algorithms for connectionist reinforcement
#   learning.* Machine Learning 8, 229-256. The score function and its baseline.
# * D. P. Kingma, M. Welling (2014). *Auto-encoding variational Bayes.* arXiv:1312.6114. The reparameterisation trick;
#   one draw per example (section 2.3).
# * D. J. Rezende, S. Mohamed, D. Wierstra (2014). *Stochastic backpropagation and approximate inference in deep
#   generative models.* arXiv:1401.4082.
# * S. Mohamed, M. Rosca, M. Figurnov, A. Mnih (2020). *Monte Carlo gradient estimation in machine learning.*
#   arXiv:1906.10652. The survey to read next.
# * W. Kool, H. van Hoof, M. Welling (2019). *Buy 4 REINFORCE samples, get a baseline for free!* ICLR workshop on deep
#   reinforcement learning meets structured prediction. Leave-one-out baselines.
# * A. Mnih, D. J. Rezende (2016). *Variational inference for Monte Carlo objectives.* arXiv:1602.06725.
# * E. Jang, S. Gu, B. Poole (2017). *Categorical reparameterization with Gumbel-softmax.* arXiv:1611.01144.
# * C. J. Maddison, A. Mnih, Y. W. Teh (2017). *The Concrete distribution: a continuous relaxation of discrete random
#   variables.* arXiv:1611.00712.
# * C. M. Stein (1981). *Estimation of the mean of a multivariate normal distribution.* Annals of Statistics 9,
#   1135-1151. The identity of section 4.
