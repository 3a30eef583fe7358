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
# # 6 · The variational autoencoder
#
# Lecture 3 gave a bound on $\log p(x)$, lecture 4 its KL term in closed form, lecture 5 a gradient through its draw.
# Today we put the three together, in about forty lines, and train:
#
# > **How do you learn to draw digits that nobody ever wrote?**
#
# Then we look at what was learned: at its latent space, at its likelihood, and at the ways in which it fails.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## What you will be able to do
#
# * write a VAE from nothing: likelihood, encoder, decoder, loss, training step,
# * choose a likelihood for the pixels, and say what the choice implies,
# * read the three numbers of a VAE (negative ELBO, reconstruction, KL), and tell a healthy one from a collapsed one,
# * draw new images, walk through a latent space, and find the latents that are used,
# * estimate the log-likelihood of a test image better than by the ELBO, and reject images that don't belong.
#
# **You need** lectures 3, 4 and 5. **Time:** 120 minutes of lecture, about 65 minutes of exercises; the notebook
# itself runs in about half a minute.

# %% [markdown] slideshow={"slide_type": "notes"}
# **Timing (120 min):** the model in one picture 8, likelihoods 15, encoder and loss 12, training 12, sampling 8, what
# the likelihood implies 8, architectures 8, three clouds 10, manifold and latents 14, aggregate posterior and active
# units 8, collapse 10, importance sampling 8, outliers 6, wrap-up 3. It divides well after "three clouds".
#
# *Ask first:* "You have an autoencoder from lecture 2. Why can't you draw a code and decode it?" (Nobody said where
# codes lie.) Keep the answer on the board: the KL term is the reply to it.

# %% slideshow={"slide_type": "skip"}
import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from course_utils.data import load, toy2d
from course_utils.data.shapes import load_shapes
from course_utils.elbo import kl_annealing, log_evidence_quadrature
from course_utils.exercises import check
from course_utils.gaussian import (
    kl_standard_normal,
    kl_standard_normal_per_dim,
    log_density,
    log_density_standard_normal,
    reparameterize,
)
from course_utils.metrics import active_units
from course_utils.models import (
    VAE,
    ConvDecoder,
    ConvEncoder,
    GaussianVAE,
    MLPDecoder,
    RNNDecoder,
    RNNEncoder,
)
from course_utils.plotting import (
    COLOURS,
    curves,
    image_grid,
    latent_plane,
    new_figure,
    show,
    stacked_terms,
    use_course_style,
)
from course_utils.plotting.graphs import computation_graph
from course_utils.runtime import seed_everything
from course_utils.training import evaluate, fit, minibatches
from course_utils.widgets import latent_plane_playground, latent_sliders

use_course_style()

# %% slideshow={"slide_type": "skip"}
generator = seed_everything(0)

N_PIXELS = 28 * 28
LATENT_DIM = 10
HIDDEN_DIM = 128
BATCH_SIZE = 32
EPOCHS = 8
PLANE_EPOCHS = 12  # of the model with two latents
N_DRAWS = 256  # of z per image, for the likelihood by importance sampling

# %% slideshow={"slide_type": "subslide"}
data = load().subset(1400, 300)
x, labels = data.train_images, data.train_labels
x_test, test_labels = data.test_images, data.test_labels

print(f"x: {tuple(x.shape)}, {x.dtype}, from {x.min():.0f} to {x.max():.0f}; mean {x.mean():.2f}")
show(
    image_grid(
        x[:20], n_columns=10, title="The data: images with grey pixels, mostly black", cell_inches=0.9
    ),
    alt="Twenty training images in two rows: white strokes on black, with grey pixels at their edges.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 · The whole model in one picture
#
# **Generative model** (parameters $\theta$): draw $z \sim p(z) = N(0, I)$, then $x \sim p_\theta(x|z)$.
#
# **Inference model** (parameters $\phi$):
# $q_\phi(z|x) = N\big(\mu_\phi(x), \operatorname{diag} \sigma_\phi^2(x)\big)$, our stand-in for the posterior that
# nobody can compute.
#
# Both are trained on the ELBO at once:
#
# $$\log p_\theta(x) \;\ge\; \underbrace{E_{q_\phi(z|x)}[\log p_\theta(x|z)]}_{\text{reconstruction}}
# \;-\; \underbrace{D_{KL}\big(q_\phi(z|x) \,\|\, p(z)\big)}_{\text{what } z \text{ says about } x \text{, in nats}} .$$

# %% slideshow={"slide_type": "subslide"}
nodes = {
    "x": ("$x$", 0.0, 0.8, "input"), "mu": (r"$\mu$", 1.8, 1.7, "computed"),
    "logvar": (r"$\log\sigma^2$", 1.8, -0.1, "computed"), "eps": (r"$\epsilon$", 3.6, 2.4, "random"),
    "z": ("$z$", 3.6, 0.8, "computed"), "logits": ("logits", 5.4, 0.8, "computed"),
    "fit": (r"$\log p$", 7.3, 0.8, "computed"), "kl": ("KL", 3.6, -1.0, "computed"),
}  # fmt: skip
edges = [
    ("x", "mu"), ("x", "logvar"), ("mu", "z"), ("logvar", "z"), ("z", "logits"), ("logits", "fit"),
    ("logvar", "kl"), ("mu", "kl"),
]  # fmt: skip
figure, axes = new_figure(figsize=(10, 4.6))
computation_graph(axes, nodes, [*edges, ("eps", "z")], backward=edges)
axes.text(0.9, 2.2, "encoder", ha="center", color=COLOURS["posterior"], weight="bold")
axes.text(4.5, 1.4, "decoder", ha="center", color=COLOURS["model"], weight="bold")
axes.set_title("One pass forward, one draw, two terms; gradients reach everything but the dice")
show(
    figure,
    alt="Computation graph: the image x leads to mu and log sigma squared (encoder); these and the noise eps lead "
    "to z; z leads to the logits (decoder) and they to log p(x given z). mu and log sigma squared also lead to "
    "the KL term. "
    "Dashed gradient arrows run back along every edge except the one from eps.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Point at the three lectures in this picture." (The two terms on the right and below: lecture 3; KL box:
# lecture 4; the round node beside the graph: lecture 5.) "Which part do we throw away to draw new images?" (All on
# the left of z.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 · What the decoder's numbers mean
#
# A decoder gives 784 numbers. They become a distribution $p(x|z)$ by a choice of ours, and the choice decides what
# counts as a good reconstruction. Given $z$, pixels are independent in all three of our choices:
#
# | likelihood | a pixel's law | the decoder gives | what is left to choose |
# |---|---|---|---|
# | Bernoulli | white with probability $p$ | logits $l$, $p = s(l) = 1/(1 + e^{-l})$ | nothing |
# | Gaussian, fixed | $N(m, \sigma^2)$ | means $m$ | $\sigma$ |
# | Gaussian, learned | $N(m, \sigma^2)$ | means $m$, and one $\sigma$ for all pixels | nothing |

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Bernoulli pixels
#
# $$\log p(x|z) = \sum_{i=1}^{784} \big( x_i \log s(l_i) + (1 - x_i) \log(1 - s(l_i)) \big) .$$
#
# It is a **sum** over pixels, the log-probability of the whole image, in nats.

# %% [markdown] exercise="bernoulli_log_likelihood"
# Write `bernoulli_log_likelihood(logits, x)`: the log-likelihood of each image, shape `(B,)`, from logits and
# images of one shape `(B, 1, 28, 28)`, float32 or float64.
#
# * **Summed** over the pixels, in nats; nothing is averaged. Never positive.
# * Pixels may be **grey**: any value in [0, 1] goes into the formula as it stands.
# * Logits of -300 or 300 must give finite, right values; a pixel that is surely wrong then costs 300 nats.
# * Gradients reach the logits.
#
# For example: with all logits 0 every pixel costs $\log 2$, whatever its value.


# %%
def bernoulli_log_likelihood(logits: Tensor, x: Tensor) -> Tensor:
    """Log-likelihood of images under Bernoulli pixels, in nats: shape (B,)."""
    ### BEGIN SOLUTION
    per_pixel = x * logits - F.softplus(logits)  # x l - log(1 + e^l)
    return per_pixel.flatten(1).sum(1)
    ### END SOLUTION


# %%
bernoulli_log_likelihood = check("bernoulli_log_likelihood", bernoulli_log_likelihood)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Grey pixels: useful, and not quite a likelihood
#
# For a grey pixel the best $p$ is $p = x$, just as we want. But then it still costs its entropy, and
# $e^{\log p(x)}$ is no density on [0, 1] any more: its integral is not 1,
#
# $$\int_0^1 e^{x l} \, \frac{1}{1 + e^{l}} \, dx = \frac{\tanh(l / 2)}{l}\; \le \tfrac12 .$$

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
grid = torch.linspace(0, 1, 2001, dtype=torch.float64)  # values of one pixel
one_pixel = grid.view(-1, 1, 1, 1)
for logit in (0.001, 2.0, 6.0):
    density = bernoulli_log_likelihood(torch.full_like(one_pixel, logit), one_pixel).exp()
    print(f"l = {logit:5.3f}: integral {torch.trapezoid(density, grid):.4f}, ", end="")
    print(f"formula {math.tanh(logit / 2) / logit:.4f}")

values = bernoulli_log_likelihood(torch.logit(one_pixel[1:-1]), torch.full_like(one_pixel[1:-1], 0.3))
print(
    f"a pixel of 0.3 is best explained by p = {grid[1:-1][values.argmax()]:.1f}, at {-values.max():.3f} nats"
)

# %% [markdown]
# So with grey pixels "nats per image" compare Bernoulli VAEs with each other, on the same images, and with nothing
# else. Two honest ways out: draw black and white pixels from the grey ones, or put the missing factor in (the
# *continuous Bernoulli*, Loaiza-Ganem and Cunningham 2019).

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Gaussian pixels
#
# $$\log p(x|z) = \sum_{i=1}^{784} \Big( -\frac{(x_i - m_i)^2}{2 \sigma^2} - \log \sigma - \tfrac12 \log 2\pi \Big) .$$
#
# With $\sigma = 1$ this is minus half the squared error of lecture 2, and a constant. The constant has no gradient, so
# public code leaves it out, and then the numbers are no log-likelihoods any more. (Leave $\log\sigma$ out as well, and
# a $\sigma$ that is learned runs away to infinity.)

# %% [markdown] exercise="gaussian_log_likelihood"
# Write `gaussian_log_likelihood(mean, x, sigma)`: the log-likelihood of each image, shape `(B,)`, **with** its
# constant. `mean` and `x` are `(B, 1, 28, 28)`, float32 or float64. `sigma` is a standard deviation: a number, a
# 0-d tensor, or a tensor of the shape of `x` with one for each pixel.
#
# * Summed over pixels, in nats. Every pixel has a normaliser of its own.
# * Gradients reach `mean`, and `sigma` where it is a tensor.
# * A `sigma` of 0.0001 must give finite, right values.
#
# For example: a perfect reconstruction at $\sigma = 1$ has $-\tfrac{784}{2} \log 2\pi = -720.45$ nats.


# %%
def gaussian_log_likelihood(mean: Tensor, x: Tensor, sigma: Tensor | float) -> Tensor:
    """Log-likelihood of images under Gaussian pixels, with the constant, in nats: shape (B,)."""
    ### BEGIN SOLUTION
    sigma = torch.as_tensor(sigma, dtype=x.dtype)
    per_pixel = -0.5 * ((x - mean) / sigma) ** 2 - sigma.log() - 0.5 * math.log(2 * math.pi)
    return per_pixel.flatten(1).sum(1)
    ### END SOLUTION


# %%
gaussian_log_likelihood = check("gaussian_log_likelihood", gaussian_log_likelihood)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Which $\sigma$? The data know
#
# Set the derivative with respect to $\sigma$ to zero, with $N \cdot 784$ pixels and reconstructions $m$ given:
#
# $$\frac{\partial}{\partial \sigma} \sum \Big( -\frac{(x_i - m_i)^2}{2\sigma^2} - \log\sigma \Big) = 0
# \quad\Longrightarrow\quad \sigma^2 = \text{mean squared error of a pixel} .$$

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
mean_image = x.mean(0, keepdim=True).expand_as(x)  # the reconstruction of somebody who knows nothing
best = (x - mean_image).square().mean().sqrt()
candidates = best * torch.tensor([0.5, 0.8, 0.95, 1.0, 1.05, 1.25, 2.0])
scores = torch.stack([gaussian_log_likelihood(mean_image, x, s).mean() for s in candidates])
print(
    "the root of the mean squared error is the best of these sigmas:",
    bool(candidates[scores.argmax()] == best),
)
perfect = gaussian_log_likelihood(x[:1], x[:1], 1.0).item()
print(f"a perfect reconstruction at sigma = 1: {perfect:.2f} nats")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What a mistake costs
#
# The likelihood is the exchange rate between pixels and the KL term: **both are in nats**.

# %% slideshow={"slide_type": "fragment"}
p = torch.linspace(0.002, 1, 400)
figure = curves(
    {"Bernoulli": -p.log(), "σ = 1": (1 - p) ** 2 / 2, "σ = 0.25": (1 - p) ** 2 / (2 * 0.25**2)},
    x=p,
    title="A Gaussian of σ = 1 hardly minds a wrong pixel",
    xlabel="predicted value of a pixel that is white",
    ylabel="extra cost (nats)",
    colours={"Bernoulli": "model", "σ = 1": "baseline", "σ = 0.25": "data"},
)
show(
    figure,
    alt="Cost in nats of a white pixel against its predicted value. Under sigma 1 the worst mistake costs half a nat; "
    "under sigma 0.25 it costs 8 nats; under the Bernoulli the cost grows without bound towards a prediction of 0.",
)

# %% [markdown]
# At $\sigma = 1$ a pixel that is black where it should be white costs half a nat. To tell ten digits apart costs
# $\log 10 = 2.3$ nats of KL: it has to save five such pixels before it pays. In section 7 we see what comes of it.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "What is the unit of the y axis, and why may we compare it with a KL divergence?" Then: "Someone divides the
# squared error by 784. Which sigma is that?" ($2 \sigma^2 = 784$, so about 20: no
# mistake costs anything, and the KL term wins.) This is the most common VAE bug there is.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 · Encoder and decoder
#
# The encoder maps an image to **two** vectors, the mean and the logarithm of the variance of $q(z|x)$. Neither may be
# squeezed: means are negative as often as positive, and so is $\log\sigma^2$.

# %% [markdown] exercise="GaussianEncoder"
# Write the module `GaussianEncoder(latent_dim)`: `module(x)` takes images `(B, 1, 28, 28)` and returns the pair
# `(mu, logvar)`, each `(B, latent_dim)`. Layers, sizes and names are your own affair: one hidden layer is plenty.
# What the check looks at:
#
# * shapes, also for a batch of one and for one latent; finite numbers,
# * both outputs depend on the image, and not on the other images of the batch,
# * in evaluation mode (`module.eval()`) the same image always gives the same pair: there is no draw in here,
# * gradients reach every parameter,
# * `mu` can become negative, and larger than 1.5; `logvar` can become negative, and positive. (Clamping `logvar` to
#   a sane range, say from -10 to 10, is fine.)


# %%
class GaussianEncoder(nn.Module):
    """Images (B, 1, 28, 28) to mu and logvar, each (B, latent_dim)."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(N_PIXELS, HIDDEN_DIM), nn.ReLU())
        self.mean_head = nn.Linear(HIDDEN_DIM, latent_dim)
        self.logvar_head = nn.Linear(HIDDEN_DIM, latent_dim)
        ### END SOLUTION

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(mu, logvar) of q(z|x)."""
        ### BEGIN SOLUTION
        hidden = self.features(x)
        return self.mean_head(hidden), self.logvar_head(hidden)
        ### END SOLUTION


# %%
GaussianEncoder = check("GaussianEncoder", GaussianEncoder)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The decoder, and the whole
#
# Nothing new: a network from `(B, D)` to logits, and the draw of lecture 5 between the two.


# %% slideshow={"slide_type": "fragment"}
class Decoder(nn.Sequential):
    """z (B, latent_dim) to logits (B, 1, 28, 28); course_utils.models.MLPDecoder is the same."""

    def __init__(self, latent_dim: int) -> None:
        hidden, pixels = nn.Linear(latent_dim, 200), nn.Linear(200, 784)
        super().__init__(hidden, nn.ReLU(), pixels, nn.Unflatten(1, (1, 28, 28)))


class Model(nn.Module):
    """Encoder, draw, decoder; course_utils.models.VAE is the same."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encode, self.decode = encoder, decoder

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encode(x)
        z = reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
vae = Model(GaussianEncoder(LATENT_DIM), Decoder(LATENT_DIM))
logits, mu, logvar = vae(x[:5])
print("logits", tuple(logits.shape), "| mu", tuple(mu.shape), "| logvar", tuple(logvar.shape))
print("two passes of the same images differ (the draw):", not torch.equal(logits, vae(x[:5])[0]))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 · The loss
#
# $$L(\theta, \phi) = \frac1B \sum_{b=1}^{B} \Big( -\log p_\theta(x_b|z_b)
# + D_{KL}\big(q_\phi(z|x_b) \,\|\, N(0, I)\big) \Big), \qquad z_b \sim q_\phi(z|x_b) ,$$
#
# $$D_{KL} = \tfrac12 \sum_{j=1}^{D} \big( \mu_j^2 + \sigma_j^2 - 1 - \log \sigma_j^2 \big) .$$
#
# One draw per example (lecture 5); sums over pixels and over latents, and a mean over the batch only.

# %% [markdown] exercise="negative_elbo"
# Write `negative_elbo(x, logits, mu, logvar)`: the loss of a VAE with Bernoulli pixels, a scalar. `x` and `logits`
# are `(B, 1, 28, 28)`, the logits decoded from one draw of z for each image; `mu` and `logvar` are `(B, D)`.
#
# * Summed over pixels and over latents, averaged over the batch only. In nats, to be **minimised**.
# * Gradients reach `logits`, `mu` and `logvar`. Float32 and float64, batches of one.
# * Logits of ±300 and a `logvar` of -200 must give finite, right values.
#
# `bernoulli_log_likelihood` from above and `kl_standard_normal(mu, logvar) -> (B,)` of lecture 4 are at hand.


# %%
def negative_elbo(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Mean negative ELBO over the batch, in nats per image: a scalar."""
    ### BEGIN SOLUTION
    log_likelihood = bernoulli_log_likelihood(logits, x)
    return (kl_standard_normal(mu, logvar) - log_likelihood).mean()
    ### END SOLUTION


# %%
negative_elbo = check("negative_elbo", negative_elbo)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Is it a bound? A model with one latent, by quadrature
#
# With a scalar $z$ we know everything. Let the decoder be a straight line through logit space, $l(z) = a + z\,b$,
# and $q$ a Gaussian that is *not* the posterior. Then (lecture 3)
#
# $$E[L] = -\log p(x) + D_{KL}\big(q(z) \,\|\, p(z|x)\big) .$$

# %% slideshow={"slide_type": "fragment"}
image = x[:1].double()
a, b = 6 * x[1:2].double() - 3, 2 * (x[2:3] - x[3:4]).double()  # (1, 1, 28, 28) each


def line_logits(z: Tensor) -> Tensor:
    return a + z.view(-1, 1, 1, 1) * b


def log_joint(z: Tensor) -> Tensor:
    return bernoulli_log_likelihood(line_logits(z), image.expand(len(z), -1, -1, -1)) + log_normal(z, 0, 1)


def log_normal(z: Tensor, mean: float, std: float) -> Tensor:
    return -0.5 * ((z - mean) / std) ** 2 - math.log(std) - 0.5 * math.log(2 * math.pi)


# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
z_grid = torch.linspace(-6, 6, 1201, dtype=torch.float64)
log_evidence = log_evidence_quadrature(log_joint, z_grid)
peak = z_grid[log_joint(z_grid).argmax()].item()
q_mean, q_std = peak + 0.3, 0.2

log_posterior, log_q = log_joint(z_grid) - log_evidence, log_normal(z_grid, q_mean, q_std)
gap = torch.trapezoid(log_q.exp() * (log_q - log_posterior), z_grid)

z = q_mean + q_std * torch.randn(3000, generator=generator, dtype=torch.float64)
draws = torch.stack([
    negative_elbo(image, line_logits(one), torch.full((1, 1), q_mean), torch.full((1, 1), 2 * math.log(q_std)))
    for one in z
])  # fmt: skip
error = draws.std() / math.sqrt(len(draws))
print("the gap is positive:", gap.item() > 0.05)
agrees = (draws.mean() - (gap - log_evidence)).abs() < 5 * error
print("mean loss = -log p(x) + KL(q || posterior), to five standard errors:", agrees.item())

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 · Training
#
# One step: loss, gradients, step. You have written it in every lecture so far; this time it goes into a function.

# %% [markdown] exercise="vae_train_step"
# Write `vae_train_step(model, optimizer, x)`: **one** training step on the batch `x`.
#
# * `model(x)` returns `(logits, mu, logvar)`, with one draw of z inside; `model.encode` and `model.decode` are there,
#   too.
# * The loss is `negative_elbo`. Exactly one step of the given `optimizer`. Gradients that are left from the batch
#   before must play no part. (Clipping the norm of the gradients is fine.)
# * Return a dictionary with at least the entry `"loss"`, the loss **before** the step: a number, or a tensor that is
#   detached.


# %%
def vae_train_step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor) -> dict:
    """One step on a batch: {"loss": negative ELBO before the step, in nats per image}."""
    ### BEGIN SOLUTION
    logits, mu, logvar = model(x)  # one draw of z for each image
    loss = negative_elbo(x, logits, mu, logvar)
    optimizer.zero_grad()  # what the batch before has left
    loss.backward()
    optimizer.step()  # downhill, once
    return {"loss": loss.item()}
    ### END SOLUTION


# %%
vae_train_step = check("vae_train_step", vae_train_step)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Three numbers
#
# A VAE is watched by three numbers, in nats per image: the negative ELBO, and the two terms that it is the sum of.


# %% slideshow={"slide_type": "fragment"}
def three_numbers(model: nn.Module, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Negative ELBO, and its parts; what `fit` and `evaluate` take as a loss."""
    logits, mu, logvar = model(x)
    kl = kl_standard_normal(mu, logvar).mean()
    reconstruction = -bernoulli_log_likelihood(logits, x).mean()
    return reconstruction + kl, {"reconstruction": reconstruction, "kl": kl}


# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
state = torch.random.get_rng_state()
loss = negative_elbo(x[:50], *vae(x[:50]))
torch.random.set_rng_state(state)  # the same draw again
total, parts = three_numbers(vae, x[:50])
print("the parts add up to the loss:", torch.isclose(loss, total, rtol=1e-4).item())
fair_coins = N_PIXELS * math.log(2)
print(
    f"784 fair coins cost {fair_coins:.0f} nats; untrained, within 20 %:",
    abs(total / fair_coins - 1).item() < 0.2,
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The training loop, all of it

# %% slideshow={"slide_type": "fragment"}
optimizer = torch.optim.Adam(vae.parameters(), lr=2e-3, fused=True)
record = {"train": [evaluate(vae, three_numbers, (x,))], "test": [evaluate(vae, three_numbers, (x_test,))]}

for _ in range(EPOCHS):
    vae.train()
    for (batch,) in minibatches(x, batch_size=BATCH_SIZE, generator=generator):
        vae_train_step(vae, optimizer, batch)
    record["train"].append(evaluate(vae, three_numbers, (x,)))
    record["test"].append(evaluate(vae, three_numbers, (x_test,)))
_ = vae.eval()

# %% slideshow={"slide_type": "subslide"}
figure, panels = new_figure(1, 3, figsize=(10, 3.8))
for axes, name in zip(panels, ("loss", "reconstruction", "kl"), strict=True):
    for split, style in (("train", "-"), ("test", "--")):
        colour = COLOURS.get(name, COLOURS["model"])
        axes.plot([row[name] for row in record[split]][1:], style, marker="o", color=colour, label=split)
    axes.set(xlabel="epoch", title={"loss": "negative ELBO", "kl": "KL"}.get(name, name))
    axes.set_xticks(range(EPOCHS), range(1, EPOCHS + 1))
    axes.legend()
panels[0].set_ylabel("nats per image")
figure.suptitle("Better reconstructions are bought with KL: one falls, the other rises", x=0.01, ha="left")
show(
    figure,
    alt="Three panels against the epoch, train and test: the negative ELBO and the reconstruction term fall steeply, "
    "then slowly; the KL term rises by several nats. Train and test lie close together.",
)

# %% slideshow={"slide_type": "fragment"}
for split in ("train", "test"):
    last = record[split][-1]
    print(
        f"{split:5}: negative ELBO {last['loss']:.1f} = {last['reconstruction']:.1f} + {last['kl']:.1f} nats"
    )

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
first, last = record["test"][0], record["test"][-1]
print("the test loss is less than a third of what it was:", last["loss"] < first["loss"] / 3)
print("KL has risen since epoch 2:", last["kl"] > record["test"][2]["kl"])
print("train and test differ by less than 10 %:", abs(last["loss"] / record["train"][-1]["loss"] - 1) < 0.1)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Reconstructions

# %% slideshow={"slide_type": "fragment"}
one_of_each = torch.stack([(test_labels == c).nonzero()[0, 0] for c in range(data.n_classes)])
with torch.no_grad():
    mu, logvar = vae.encode(x_test[one_of_each])
    from_mean = vae.decode(mu).sigmoid()
    from_draw = vae.decode(reparameterize(mu, logvar, generator)).sigmoid()
show(
    image_grid(
        torch.cat([x_test[one_of_each], from_mean, from_draw]),
        n_columns=data.n_classes,
        row_labels=["image", "from the mean", "from a draw"],
        title="Ten numbers carry the image; the noise in z hardly shows",
        cell_inches=0.7,
    ),
    alt="Three rows of ten test images, one for each class: the images, their reconstructions from the posterior mean "
    "and from a draw of the posterior. All are readable, a little blurred; the last two rows are nearly alike.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Which of the two terms would you expect to overfit?" (The reconstruction.) "Why is the test curve not far
# above the train curve after so few epochs?" Tell them what a real run looks like: MNIST, 60,000 images, MLP 400,
# 20 latents, 10 epochs: about 105 nats.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 · New images
#
# To draw from the model, follow the generative story; the encoder has no part in it.
#
# $$z \sim N(0, I), \qquad \text{image} = s\big(\text{decoder}(z)\big) .$$

# %% [markdown] exercise="sample_prior"
# Write `sample_prior(decoder, n, dim, generator)`: `n` new images `(n, 1, 28, 28)`. `decoder` takes codes
# `(m, dim)` and gives **logits** `(m, 1, 28, 28)`; the prior is $N(0, I)$ in `dim` dimensions.
#
# * Return probabilities in [0, 1] (the means of the pixels, as one always shows them), not black and white draws.
# * `generator` is the only source of randomness, and every image has a code of its own.


# %%
def sample_prior(decoder: nn.Module, n: int, dim: int, generator: Generator) -> Tensor:
    """Images decoded from draws of the prior, probabilities: shape (n, 1, 28, 28)."""
    ### BEGIN SOLUTION
    codes = torch.randn(n, dim, generator=generator)
    return torch.sigmoid(decoder(codes))
    ### END SOLUTION


# %%
sample_prior = check("sample_prior", sample_prior)

# %% slideshow={"slide_type": "subslide"}
new_images = sample_prior(vae.decode, 10, LATENT_DIM, generator).detach()
distance = torch.cdist(new_images.flatten(1), x.flatten(1))  # (10, N)
show(
    image_grid(
        torch.cat([new_images, x[distance.argmin(1)]]),
        n_columns=10,
        row_labels=["new", "nearest in training"],
        title="Images that nobody wrote, and none of them a copy",
        cell_inches=0.8,
    ),
    alt="Ten images drawn from the model above the training image that is nearest to each: most new ones look like "
    "digits, some like something between two; each differs from its nearest neighbour in shape and slant.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
among_training = torch.cdist(x[:200].flatten(1), x[200:].flatten(1)).min(1).values.median()
print("further from the training images than a tenth of the distance between two of them:",
      bool((distance.min(1).values > 0.1 * among_training).all()))  # fmt: skip
flat = sample_prior(lambda z: torch.zeros(len(z), 1, 28, 28), 3, LATENT_DIM, generator)
print("a decoder that knows nothing gives grey images of", flat.unique().item())

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 · What the likelihood implies
#
# The same network, four likelihoods: Bernoulli, and Gaussians with $\sigma = 1$, $\sigma = 0.1$, and $\sigma$
# learned. (With $\sigma$ a parameter, training is lecture 3's: maximise the ELBO in everything.)


# %% slideshow={"slide_type": "fragment"}
def gaussian_numbers(model: GaussianVAE, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """As `three_numbers`, for Gaussian pixels whose mean is the sigmoid of the logits."""
    logits, mu, logvar = model(x)
    kl = kl_standard_normal(mu, logvar).mean()
    reconstruction = -gaussian_log_likelihood(logits.sigmoid(), x, model.sigma).mean()
    return reconstruction + kl, {"reconstruction": reconstruction, "kl": kl}


settings = {
    "σ = 1": {"sigma": 1.0},
    "σ = 0.1": {"sigma": 0.1},
    "σ learned": {"sigma": 0.4, "learn_sigma": True},
}
likelihoods = {"Bernoulli": vae}
for name, sigma in settings.items():
    model = GaussianVAE(GaussianEncoder(LATENT_DIM), MLPDecoder(LATENT_DIM, 200), **sigma)
    fit(
        model,
        gaussian_numbers,
        (x,),
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        lr=3e-3,
        generator=generator,
        label=name,
    )
    likelihoods[name] = model


# %% slideshow={"slide_type": "subslide"}
@torch.no_grad()
def squared_error_and_kl(model: nn.Module, x: Tensor) -> tuple[float, float]:
    """Per image, summed over pixels and latents: two numbers that all four have in common."""
    logits, mu, logvar = model(x)
    return (logits.sigmoid() - x).square().sum().item() / len(x), kl_standard_normal(mu, logvar).mean().item()


common = {name: squared_error_and_kl(model, x_test) for name, model in likelihoods.items()}
for name, (squared_error, kl) in common.items():
    print(f"{name:10}: squared error {squared_error:4.1f} per image, KL {kl:4.1f} nats")

# %% slideshow={"slide_type": "subslide"}
with torch.no_grad():
    rows = [model.decode(model.encode(x_test[one_of_each])[0]).sigmoid() for model in likelihoods.values()]
show(
    image_grid(
        torch.cat([x_test[one_of_each], *rows]),
        n_columns=data.n_classes,
        row_labels=["image", *likelihoods],
        title="σ = 1 blurs: at that price, detail is not worth its nats",
        cell_inches=0.62,
    ),
    alt="Test images and their reconstructions under four likelihoods. With sigma 1 they are blurred and grey, several "
    "digits hard to tell apart; with Bernoulli pixels, sigma 0.1 and learned sigma they are sharp and right.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
learned = likelihoods["σ learned"].sigma.item()
print(
    "sigma = 1 has more than 1.3 times the squared error of sigma = 0.1:",
    common["σ = 1"][0] > 1.3 * common["σ = 0.1"][0],
)
print("and uses less than half as many nats of KL:", common["σ = 1"][1] < 0.5 * common["σ = 0.1"][1])
root_mse = math.sqrt(common["σ learned"][0] / N_PIXELS)
print("the learned sigma is the root mean squared error, to within 25 %:", abs(learned / root_mse - 1) < 0.25)

# %% [markdown] slideshow={"slide_type": "subslide"}
# * **Fixed $\sigma$** is a knob: it sets how many nats a squared error is worth. $\sigma = 1$ is a poor setting for
#   pixels in [0, 1], and the most common one, hidden in a plain `mse_loss`.
# * **Learned $\sigma$** turns the knob by itself, to the size of its own errors (Rybkin et al. 2021).
# * The negative ELBOs of the two families can't be compared: one is a density of real numbers, the other is not.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask before showing the figure:* "Which of the four will have the highest KL?" (sigma = 0.1: an error is
# expensive, so it pays for many nats. Its prior samples are then worse; have someone try.) "A student multiplies
# the KL term by 0.01 and gets sharper images. What sigma has he chosen?" (With sigma = 1 before: 0.1.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8 · Three architectures, one objective
#
# Nothing in the loss knows what is inside. Any module that gives `mu` and `logvar`, and any that gives logits, will
# do:
#
# * **MLP**: the image as one long vector.
# * **CNN**: 28 → 14 → 7 by convolutions of stride 2, and back by transposed ones.
# * **RNN**: the image as a sequence of 28 rows, read by a GRU whose last state gives `mu` and `logvar`; written by
#   another GRU that is shown z at every row.
#
# They are in `course_utils.models`, each in a dozen lines.

# %% slideshow={"slide_type": "fragment"}
architectures = {"MLP": vae}
cnn = VAE(ConvEncoder(LATENT_DIM, width=8), ConvDecoder(LATENT_DIM, width=8))
rnn = VAE(RNNEncoder(LATENT_DIM, hidden_dim=64), RNNDecoder(LATENT_DIM, hidden_dim=64))
for name, model, lr, epochs in (("CNN", cnn, 3e-3, EPOCHS), ("RNN", rnn, 6e-3, 5)):
    fit(
        model,
        three_numbers,
        (x,),
        epochs=epochs,
        batch_size=BATCH_SIZE,
        lr=lr,
        generator=generator,
        label=name,
    )
    architectures[name] = model

bars = {}
for name, model in architectures.items():
    for split, images in (("train", x), ("test", x_test)):
        row = evaluate(model, three_numbers, (images,))
        bars[f"{name}, {split}"] = {"reconstruction": row["reconstruction"], "KL": row["kl"]}

# %% slideshow={"slide_type": "subslide"}
show(
    stacked_terms(
        bars,
        title="MLP and CNN end close together; the RNN hardly uses z yet",
        ylabel="negative ELBO = reconstruction + KL (nats per image)",
        colours={"KL": "kl"},
    ),
    alt="Horizontal bars for MLP, CNN and RNN, each on train and test, divided into reconstruction and KL. MLP and CNN "
    "are of nearly the same length, with a KL part of 15 to 18 nats; the RNN's are much longer, with hardly any KL.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
test_loss = {name: sum(bars[f"{name}, test"].values()) for name in architectures}
test_kl = {name: bars[f"{name}, test"]["KL"] for name in architectures}
behind = test_loss["RNN"] - max(test_loss["MLP"], test_loss["CNN"])
print("the RNN is more than 30 nats behind both others:", behind > 30)
print("and its KL is less than half of theirs:", test_kl["RNN"] < 0.5 * min(test_kl["MLP"], test_kl["CNN"]))

# %% [markdown] slideshow={"slide_type": "subslide"}
# These are single runs of a few seconds. We repeated them with three seeds on the digits: the test loss of one
# architecture varies by about 3 nats, so the few nats between MLP and CNN are no ranking. The RNN is behind by 85
# nats or more on each seed (it has fewer epochs, each of which takes longer): a gradient must pass through 28 steps
# of reading and 28 of writing, and until it does, the decoder does better by ignoring z. Section 13 gives that a
# name.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Where in the RNN could you help?" (More epochs; KL annealing, as for text in Bowman et al. 2016, which is
# where it was invented; a bidirectional encoder.) *Ask:* "Why is its reconstruction term about 240, and not 540?"
# (It has learned the mean image: which pixels are usually black.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9 · What each of the two terms wants
#
# Two latents, so that we can look at all of it. Three models: trained on the **reconstruction alone**, on the **KL
# term alone**, and on **both**.


# %% slideshow={"slide_type": "fragment"}
def weighted(reconstruction_weight: float, kl_weight: float):
    """A loss with the two terms weighted; (1, 1) is the negative ELBO."""

    def loss(model: nn.Module, x: Tensor) -> Tensor:
        _, parts = three_numbers(model, x)
        return reconstruction_weight * parts["reconstruction"] + kl_weight * parts["kl"]

    return loss


planes = {}
for name, weights, epochs in (
    ("only reconstruction", (1, 0), 8), ("only KL", (0, 1), 3), ("both", (1, 1), PLANE_EPOCHS),
):  # fmt: skip
    model = VAE(GaussianEncoder(2), MLPDecoder(2, 200))
    fit(
        model,
        weighted(*weights),
        (x,),
        epochs=epochs,
        batch_size=BATCH_SIZE,
        lr=3e-3,
        generator=generator,
        label=name,
    )
    planes[name] = model
plane_vae = planes["both"]

# %% slideshow={"slide_type": "subslide"}
circle = torch.linspace(0, 2 * math.pi, 100)
figure, panels = new_figure(1, 3, figsize=(10.5, 4.2))
with torch.no_grad():
    codes = {name: model.encode(x_test) for name, model in planes.items()}
for axes, (name, (mu, logvar)) in zip(panels, codes.items(), strict=True):
    draws = reparameterize(mu, logvar, generator)
    latent_plane(
        draws, test_labels, title=name, class_names=data.class_names, xlabel="$z_1$", ylabel="$z_2$", ax=axes
    )
    axes.plot(
        2.45 * circle.cos(), 2.45 * circle.sin(), color=COLOURS["prior"], linewidth=2.5
    )  # 95 % of N(0, I)
    axes.set_aspect("equal", adjustable="box")
    reach = 11 if name == "only reconstruction" else 4
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
figure.suptitle("Apart and anywhere · all in one heap · apart, and where the prior is", x=0.01, ha="left")
show(
    figure,
    alt="Draws from the posteriors of test images in three latent planes with a circle that holds 95 per cent of the "
    "prior. Only reconstruction: classes apart, spread far outside the circle. Only KL: one round heap in which all "
    "classes lie on top of each other. Both: classes apart, and together they fill the circle.",
)

# %% slideshow={"slide_type": "subslide"}
show(
    image_grid(
        torch.cat([sample_prior(model.decode, 10, 2, generator).detach() for model in planes.values()]),
        n_columns=10,
        row_labels=list(planes),
        title="Only both terms together make new digits",
        cell_inches=0.6,
    ),
    alt="Images decoded from draws of the prior. Only reconstruction: few different shapes, many of them blurred "
    "mixtures. Only KL: grey noise. Both: a variety of readable digits.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
kl = {name: kl_standard_normal(*pair).mean().item() for name, pair in codes.items()}
spread = {name: pair[0].std(0).mean().item() for name, pair in codes.items()}
print("KL alone: the posterior is the prior, to within 0.01 nats:", kl["only KL"] < 0.01)
print(
    "reconstruction alone: the KL term is more than twice that of both:",
    kl["only reconstruction"] > 2 * kl["both"],
)
print("and its means are spread wider:", spread["only reconstruction"] > 1.3 * spread["both"])

# %% [markdown]
# Reconstruction alone drives the means apart and the variances to 0: an autoencoder, whose codes lie where they
# like. KL alone makes $q(z|x) = p(z)$ for every $x$: then z says nothing. Together, each image takes as much room
# as it needs and no more.

# %% [markdown] slideshow={"slide_type": "notes"}
# Show the first figure without titles and let the class assign them. *Ask:* "In the left panel, how large is the
# share of prior draws that meet a code they know?" Then the second figure: row one is the answer.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 10 · The whole manifold at a glance
#
# Every image this model can make lies on a sheet with two coordinates. To see it in proportion to the prior, take a
# uniform grid of the unit square and map it through the inverse Gaussian CDF:
#
# $$u \sim U(0, 1) \;\Longrightarrow\; z = \Phi^{-1}(u) \sim N(0, 1) .$$

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
u = torch.tensor([0.025, 0.25, 0.5, 0.975], dtype=torch.float64)
print("quantiles:", [round(value, 2) for value in torch.special.ndtri(u).tolist()])
uniform = torch.rand(100_000, generator=generator, dtype=torch.float64)
through = torch.special.ndtri(uniform)
print(
    "mean 0, variance 1 to within 0.03:",
    abs(through.mean().item()) < 0.03,
    abs(through.var().item() - 1) < 0.03,
)

# %% slideshow={"slide_type": "subslide"}
SIDE = 12
quantiles = torch.special.ndtri((torch.arange(SIDE) + 0.5) / SIDE)
z2, z1 = torch.meshgrid(quantiles.flip(0), quantiles, indexing="ij")  # z2 upwards, z1 to the right
with torch.no_grad():
    sheet = plane_vae.decode(torch.stack([z1.flatten(), z2.flatten()], 1)).sigmoid()
show(
    image_grid(sheet, n_columns=SIDE, title="Neighbours look alike", cell_inches=0.31),
    alt="A 12 by 12 grid of decoded images: neighbouring images look alike, and regions of different digits "
    "pass smoothly "
    "into each other.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Click the plane
#
# The test images' codes on the left; click anywhere (or move the sliders) and see the image that lives there. Find
# a place between two classes; then one outside the circle of 95 %.

# %% slideshow={"slide_type": "fragment"}
latent_plane_playground(plane_vae, data)

# %% [markdown] slideshow={"slide_type": "notes"}
# Let students call out points. *Ask:* "Can you find a spot that decodes to nothing like a digit?" (Between regions;
# far outside.) "Is that a flaw?" (The prior has mass there, so yes: q(z), averaged over images, is not quite p(z).
# Section 12 measures it.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 11 · One latent at a time
#
# In the model with ten latents there is no plane to look at. Instead: encode an image, **change one latent and hold
# the others**, decode.

# %% slideshow={"slide_type": "fragment"}
with torch.no_grad():
    start, _ = vae.encode(x_test[one_of_each[2:3]])  # (1, 10)
    all_mu, all_logvar = vae.encode(x_test)
    busiest = kl_standard_normal_per_dim(all_mu, all_logvar).mean(0).argsort(descending=True)[:4]
    values = torch.linspace(-2.4, 2.4, 9)
    walks = []
    for j in busiest:
        z = start.repeat(len(values), 1)
        z[:, j] = values
        walks.append(vae.decode(z).sigmoid())

# %% slideshow={"slide_type": "subslide"}
show(
    image_grid(
        torch.cat(walks),
        n_columns=9,
        row_labels=[f"latent {j + 1}" for j in busiest.tolist()],
        column_labels=[f"{value:.1f}" for value in values.tolist()],
        title="One latent changes several things at once",
        cell_inches=0.66,
    ),
    alt="Four rows of nine images: in each row one latent runs from -2.4 to 2.4 and the others stay. Stroke, "
    "slant and "
    "shape change smoothly, in most rows several at once, until another digit appears.",
)

# %% slideshow={"slide_type": "subslide"}
latent_sliders(vae, data)

# %% [markdown]
# Nothing in the ELBO asks for one meaning per latent: turn $z$ by any rotation, and the prior stays the same.
# Lecture 7 asks for more.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### From one image to another: pixels against latents


# %% slideshow={"slide_type": "fragment"}
def to_nearest(images: Tensor) -> Tensor:
    """Squared error to the training image that is most alike: (B,)."""
    return torch.cdist(images.flatten(1), x.flatten(1)).min(1).values ** 2


examples = x_test[one_of_each]
first, second = torch.triu_indices(data.n_classes, data.n_classes, offset=1)  # all pairs of classes
with torch.no_grad():
    ends, _ = vae.encode(examples)
    half_way = vae.decode((ends[first] + ends[second]) / 2).sigmoid()
pixels_off, latents_off = to_nearest((examples[first] + examples[second]) / 2), to_nearest(half_way)

best = (pixels_off - latents_off).argmax()  # the pair that shows it best
a, b = first[best], second[best]
t = torch.linspace(0, 1, 9).view(-1, 1, 1, 1)
by_pixels = torch.lerp(examples[a], examples[b], t)
with torch.no_grad():
    by_latents = vae.decode(torch.lerp(ends[a], ends[b], t.flatten(1))).sigmoid()

# %% slideshow={"slide_type": "subslide"}
show(
    image_grid(
        torch.cat([by_pixels, by_latents]),
        n_columns=9,
        row_labels=["pixels mixed", "latents mixed"],
        title="Mixed pixels are a double exposure; mixed latents bend the strokes",
        cell_inches=0.9,
    ),
    alt="Two rows of nine images from one digit to another. Mixing pixels shows both digits on top of each "
    "other in the "
    "middle; mixing latents bends the strokes of one into the other.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
print("half way, averaged over all pairs of classes, mixed latents are nearer to a real image than")
print("mixed pixels:", bool(latents_off.mean() < pixels_off.mean()))

# %% slideshow={"slide_type": "fragment"}
print(
    f"squared error to the nearest: {pixels_off.mean():.1f} for mixed pixels, {latents_off.mean():.1f} for latents"
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 12 · All posteriors together: does $q(z)$ meet $p(z)$?
#
# We draw codes from $p(z)$. The decoder was trained on codes from the **aggregate posterior**
# $q(z) = \frac1N \sum_n q(z|x_n)$. How far apart are they? The KL term knows (Hoffman and Johnson 2016):
#
# $$\underbrace{\frac1N \sum_n D_{KL}\big(q(z|x_n) \,\|\, p(z)\big)}_{\text{the KL term}}
# = \underbrace{\frac1N \sum_n D_{KL}\big(q(z|x_n) \,\|\, q(z)\big)}_{\text{what } z \text{ says about which image}}
# + \underbrace{D_{KL}\big(q(z) \,\|\, p(z)\big)}_{\text{how far we are from the prior}} .$$
#
# <details>
# <summary>Why</summary>
#
# Write $\log \frac{q(z|x_n)}{p(z)} = \log \frac{q(z|x_n)}{q(z)} + \log \frac{q(z)}{p(z)}$ and take the expectation
# under $q(z|x_n)$ and over $n$. The second term depends on $z$ only, so its expectation is one under $q(z)$. The
# first term is the mutual information of $z$ and the number of the image, at most $\log N$.
#
# </details>

# %% [markdown] slideshow={"slide_type": "subslide"}
# In the plane, all three are integrals that we can do on a grid.

# %% slideshow={"slide_type": "fragment"}
with torch.no_grad():
    mu, logvar = plane_vae.encode(x[:500])
ticks = torch.linspace(-4.5, 4.5, 151)
points = torch.cartesian_prod(ticks, ticks)  # (G, 2)
cell = (ticks[1] - ticks[0]) ** 2
log_each = torch.cat(
    [log_density(part[:, None].expand(-1, len(mu), -1), mu, logvar) for part in points.split(4096)]
)
log_aggregate = log_each.logsumexp(1) - math.log(len(mu))  # (G,)
log_prior = log_density_standard_normal(points)

kl_term = kl_standard_normal(mu, logvar).mean()
from_prior = (log_aggregate.exp() * (log_aggregate - log_prior)).sum() * cell
information = (log_each.exp() * (log_each - log_aggregate[:, None])).sum() * cell / len(mu)

# %% slideshow={"slide_type": "subslide"}
figure, panels = new_figure(1, 2, figsize=(10, 4.3), width_ratios=(1, 1), sharey=True)
extent = (-4.5, 4.5, -4.5, 4.5)
for axes, log_p, title in (
    (panels[0], log_aggregate, "aggregate posterior q(z)"),
    (panels[1], log_prior, "prior p(z)"),
):
    picture = log_p.exp().view(151, 151).T
    axes.imshow(picture, origin="lower", extent=extent, cmap="Purples", vmin=0, vmax=0.25)
    axes.plot(2.45 * circle.cos(), 2.45 * circle.sin(), color=COLOURS["prior"])
    axes.set(title=title, xlabel="$z_1$", xlim=(-3.6, 3.6), ylim=(-3.6, 3.6))
    axes.grid(False)
panels[0].set_ylabel("$z_2$")
figure.suptitle("The posteriors cover the prior unevenly: crowded here, empty there", x=0.01, ha="left")
show(
    figure,
    alt="Two densities in the latent plane. The aggregate posterior is a patchwork of darker spots and lighter "
    "gaps within "
    "the circle that holds 95 per cent of the prior; the prior is one smooth round hill.",
)

# %% slideshow={"slide_type": "fragment"}
print(
    f"KL term {kl_term:.2f} = information {information:.2f} + distance from the prior {from_prior:.2f} nats"
)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
print(
    "the two parts add up to the KL term, to within 3 %:",
    abs((information + from_prior) / kl_term - 1).item() < 0.03,
)
print(
    "the distance from the prior is positive, and less than a quarter of the KL term:",
    0 < from_prior.item() < kl_term.item() / 4,
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Active units: which latents are used?
#
# Per latent: how much does its mean move from image to image? A latent is called **active** if
# $\operatorname{Var}_x[\mu_j(x)] > 0.01$ (Burda et al. 2016). The others stay at the prior and cost nothing.

# %% slideshow={"slide_type": "fragment"}
watched = {"Bernoulli, MLP": vae, "Gaussian, σ = 1": likelihoods["σ = 1"], "Bernoulli, RNN": rnn}
figure, axes = new_figure(figsize=(10, 3.8))
latents = torch.arange(1, LATENT_DIM + 1)
active, moving = {}, {}
for (name, model), marker, colour in zip(watched.items(), "os^", ("model", "data", "baseline"), strict=True):
    with torch.no_grad():
        mu, _ = model.encode(x_test)
    moving[name], active[name] = mu.var(0).sort(descending=True).values, active_units(mu, 0.01)
    axes.plot(
        latents, moving[name], marker=marker, color=COLOURS[colour], label=f"{name}: {active[name]} active"
    )
axes.axhline(0.01, color=COLOURS["truth"], linestyle=":")
axes.text(LATENT_DIM, 0.012, "threshold", ha="right")
axes.set(
    yscale="log",
    xlabel="latent, the busiest first",
    xticks=latents,
    ylabel=r"variance of $\mu_j$ over images",
)
axes.set_title("The latents of the MLP are all busy; those of the RNN sleep")
axes.legend(loc="center left", bbox_to_anchor=(0.0, 0.6))
show(
    figure,
    alt="Variance of the posterior mean over test images for each of ten latents, sorted, on a logarithmic scale. The "
    "Bernoulli MLP uses all ten nearly equally; the Gaussian with sigma 1 falls off; the RNN's are lowest.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
print("all latents of the MLP with Bernoulli pixels are active:", active["Bernoulli, MLP"] == LATENT_DIM)
last = {name: values[-1].item() for name, values in moving.items()}
print(
    "its idlest latent moves more than that of the two others:",
    last["Bernoulli, MLP"] > max(last["Gaussian, σ = 1"], last["Bernoulli, RNN"]),
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 13 · Posterior collapse, and two cures
#
# When **no** latent is used, $q(z|x) = p(z)$ for all $x$: the posterior has **collapsed**. It is a local optimum
# that gradient descent walks into: early in training z is noise to the decoder, so the decoder ignores it, so the
# encoder gains nothing by speaking, and the KL term silences it.
#
# The smallest case: points $x$ of variance $\lambda$, one latent, decoder $N(wz, \sigma^2)$. Then
# $p(x) = N(0, w^2 + \sigma^2)$, and the best $w$ is
#
# $$w^2 = \max(0, \; \lambda - \sigma^2) \;:$$
#
# **while $\sigma^2 > \lambda$, ignoring z is not laziness, it is optimal** (Lucas et al. 2019).

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
w_squared = torch.linspace(0, 4, 4001, dtype=torch.float64)
for noise in (0.5, 1.9, 2.1, 4.0):
    total = w_squared + noise  # variance of p(x); the data have variance 2
    best = w_squared[(-0.5 * total.log() - 2.0 / (2 * total)).argmax()]
    print(f"sigma^2 = {noise}: best w^2 = {best:.2f}, formula {max(0.0, 2 - noise):.2f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A ring of eight points
#
# Eight narrow Gaussians on a ring of radius 2: variance 2 in each direction. Decoder $N(m(z), \sigma^2 I)$ with
# $\sigma$ learned, **starting at $\sigma = 2$**: $\sigma^2 = 4 > 2$. Three ways of training, four seeds each:
#
# * **plain**: the negative ELBO from the first step,
# * **KL annealing**: the KL term's weight rises from 0 to 1 over the first half,
# * **free bits**: each latent may cost $\lambda = 0.5$ nats without paying,
#   $\sum_j \max(\lambda, \overline{D_{KL}}_j)$.
#
# All twelve models train side by side: every weight has a first dimension of runs.


# %% slideshow={"slide_type": "subslide"}
class Side(nn.Module):
    """Twelve small networks side by side: (runs, B, n_in) to (runs, B, n_out)."""

    def __init__(self, n_runs: int, *sizes: int) -> None:
        super().__init__()
        pairs = list(pairwise(sizes))
        self.weights = nn.ParameterList([torch.randn(n_runs, i, o) / i**0.5 for i, o in pairs])
        self.biases = nn.ParameterList([torch.zeros(n_runs, 1, o) for _, o in pairs])

    def forward(self, h: Tensor) -> Tensor:
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = torch.baddbmm(bias, h.tanh() if k else h, weight)
        return h


# %% slideshow={"slide_type": "fragment"}
WAYS, SEEDS, STEPS = ("plain", "KL annealing", "free bits"), 4, 700
ring = toy2d("ring", 2000, generator=generator)
encoder, decoder = Side(12, 2, 24, 24, 4), Side(12, 2, 24, 24, 2)
for network in (encoder, decoder):  # seed k starts alike in all three ways
    for parameter in network.parameters():
        parameter.data = parameter.data[:SEEDS].repeat(3, 1, 1)
log_sigma = nn.Parameter(torch.full((12, 1), math.log(2.0)))

# %% slideshow={"slide_type": "subslide"}
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters(), log_sigma], lr=6e-3, fused=True)
course = []
for step in range(STEPS):
    batch = ring[torch.randint(len(ring), (SEEDS, 96), generator=generator)].repeat(3, 1, 1)  # (12, 96, 2)
    mu, logvar = encoder(batch).chunk(2, -1)
    z = reparameterize(mu, logvar, generator)
    square = ((batch - decoder(z)) / log_sigma.exp().unsqueeze(-1)).square()
    pixels = 0.5 * square + log_sigma.unsqueeze(-1) + 0.5 * math.log(2 * math.pi)
    reconstruction = pixels.sum(-1).mean(1)  # (12,)
    kl = kl_standard_normal_per_dim(mu.flatten(0, 1), logvar.flatten(0, 1)).view(12, -1, 2).mean(1)  # (12, 2)
    plain, annealed, free = kl.split(SEEDS)
    paid = torch.cat([plain, kl_annealing(step, STEPS // 2) * annealed, free.clamp(min=0.5)]).sum(1)
    optimizer.zero_grad()
    (reconstruction + paid).sum().backward()
    optimizer.step()
    course.append(torch.stack([reconstruction.detach(), kl.detach().sum(1)]))
terms = torch.stack(course).view(STEPS, 2, 3, SEEDS)  # reconstruction and KL, of each way and seed

# %% slideshow={"slide_type": "subslide"}
figure, (left, right) = new_figure(1, 2, figsize=(10.5, 4.1))
smooth = terms.unfold(0, 20, 5).mean(-1)  # averages over 20 steps
steps = torch.arange(len(smooth)) * 5 + 10
for way, name, colour, style in zip(
    range(3), WAYS, ("baseline", "kl", "posterior"), ("-", "--", "-."), strict=True
):
    for seed in range(SEEDS):
        for axes, y in ((left, smooth[:, 1, way, seed]), (right, smooth[:, :, way, seed].sum(1))):
            label = name if seed == 0 else None
            axes.plot(steps, y, style, color=COLOURS[colour], linewidth=1.8, label=label)
left.set(xlabel="step", ylabel="KL (nats)", title="Plain training stays silent", ylim=(-0.3, 8))
right.set(xlabel="step", ylabel="negative ELBO (nats)", title="Both cures end lower", ylim=(1.5, 6))
left.legend()
show(
    figure,
    alt="KL and negative ELBO against the training step for twelve runs. In plain training the KL stays near 0 "
    "in most of "
    "the four runs and the negative ELBO at 3.5 nats; with KL annealing and with free bits all runs reach a KL above 3 "
    "nats and a negative ELBO near 2.",
)

# %% slideshow={"slide_type": "subslide"}
with torch.no_grad():
    drawn = decoder(torch.randn(12, 400, 2, generator=generator)).view(3, SEEDS, 400, 2)
    noise_level = log_sigma.exp().view(3, SEEDS, 1)
quiet = terms[-50:, 1, 0].mean(0).argmin()  # the seed with the least KL in plain training
figure, panels = new_figure(1, 3, figsize=(10, 3.6), sharex=True, sharey=True)
for way, axes in enumerate(panels):
    noisy = drawn[way, quiet] + noise_level[way, quiet] * torch.randn(400, 2, generator=generator)
    axes.scatter(*ring[:400].T, s=8, color=COLOURS["data"], alpha=0.35, label="data")
    axes.scatter(*noisy.T, s=8, color=COLOURS["model"], alpha=0.35, label="model")
    axes.set(title=WAYS[way], xlim=(-4.5, 4.5), ylim=(-4.5, 4.5), aspect="equal", xlabel="$x_1$")
panels[0].set_ylabel("$x_2$")
panels[0].legend(loc="upper left", markerscale=2, ncols=2)
figure.suptitle("From one start: a blob without z, a ring with it", x=0.01, ha="left")
show(
    figure,
    alt="Samples of three models over the data, eight clusters on a ring. Plain: one round blob that covers the "
    "ring and its "
    "middle. KL annealing and free bits: samples on the ring, gathered at the eight clusters.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
end = terms[-50:].mean(0)  # (2, 3, seeds)
collapsed = (end[1] < 0.5).sum(1).tolist()
print("plain: at least two of four runs have less than 0.5 nats of KL:", collapsed[0] >= 2)
print("with a cure, runs below 0.5 nats:", collapsed[1:])
nats = end.sum(0)
print(
    "the worst cured run is more than 0.5 nats better than a collapsed one:",
    bool(nats[1:].max() < nats[0].max() - 0.5),
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Annealing lets the encoder speak first and pay later; by then $\sigma$ is small, and z is worth its price. Free
# bits make the first nats free, at the cost of a small bias: the floor is paid whether it is used or not. Neither
# helps where the *optimum* ignores z: a decoder strong enough to model $x$ alone, pixel after pixel, needs more
# than a schedule.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "What is the exact height of the plateau at 3.5 nats?" (Two dimensions of a Gaussian with variance 2.01:
# log(2 pi e 2.01) = 3.54.) "What would you change first in practice?" (Start with a small sigma: sigma = 1 never
# collapses here. The cure depends on the cause.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 14 · How likely is a test image, really?
#
# The ELBO is a bound. With many draws of one $q(z|x)$ we get closer (lecture 3's importance-weighted bound, now as
# a measurement):
#
# $$\log p(x) \approx \log \frac1K \sum_{k=1}^{K} \frac{p(x, z_k)}{q(z_k|x)}, \qquad z_k \sim q(z|x) .$$
#
# $K = 1$ is the ELBO; in expectation it rises with $K$, and tends to $\log p(x)$.

# %% [markdown] exercise="importance_log_likelihood"
# Write `importance_log_likelihood(log_joint, log_q)`: both are `(K, B)`, for K draws $z_k \sim q(z|x)$ of each of B
# images: $\log p(x, z_k)$ and $\log q(z_k|x)$. Return the estimate of $\log p(x)$ for each image, `(B,)`.
#
# The log densities of images lie anywhere between -1500 and 900: all of these must work, in float32.


# %%
def importance_log_likelihood(log_joint: Tensor, log_q: Tensor) -> Tensor:
    """Log-likelihood of each image by importance sampling, in nats: (K, B), (K, B) to (B,)."""
    ### BEGIN SOLUTION
    log_weights = log_joint - log_q
    return torch.logsumexp(log_weights, dim=0) - math.log(len(log_weights))
    ### END SOLUTION


# %%
importance_log_likelihood = check("importance_log_likelihood", importance_log_likelihood)


# %% slideshow={"slide_type": "subslide"}
@torch.no_grad()
def log_densities(model: nn.Module, x: Tensor, n_draws: int) -> tuple[Tensor, Tensor]:
    """log p(x, z) and log q(z|x) for draws of z, each (n_draws, B)."""
    mu, logvar = model.encode(x)
    joint, q = [], []
    for _ in range(n_draws):
        z = reparameterize(mu, logvar, generator)
        joint.append(bernoulli_log_likelihood(model.decode(z), x) + log_density_standard_normal(z))
        q.append(log_density(z, mu, logvar))
    return torch.stack(joint), torch.stack(q)


images = x_test[:100]
log_joint_plane, log_q_plane = log_densities(plane_vae, images, N_DRAWS)

# %% [markdown] slideshow={"slide_type": "subslide"}
# With two latents the truth can be had by a grid over the plane: $\log p(x) = \log \int p(x|z)\,p(z)\,dz$. The
# 40,000 points are decoded once, for all images.

# %% slideshow={"slide_type": "fragment"}
ticks = torch.linspace(-5, 5, 201)
points = torch.cartesian_prod(ticks, ticks)
pieces = []
with torch.no_grad():
    for part in points.split(8192):
        logits = plane_vae.decode(part).flatten(
            1
        )  # log p(x|z) = x . l - sum softplus(l), for all pairs at once
        log_p = images.flatten(1) @ logits.T - F.softplus(logits).sum(1) + log_density_standard_normal(part)
        pieces.append(log_p.logsumexp(1))
exact = torch.stack(pieces).logsumexp(0) + 2 * (ticks[1] - ticks[0]).log()  # (100,)

# %% slideshow={"slide_type": "subslide"}
sizes = [2**k for k in range(9)]  # 1 to 256 draws
short = []
for k in sizes:  # the draws, cut into groups of k: an estimate from each, averaged
    groups = zip(log_joint_plane.split(k), log_q_plane.split(k), strict=True)
    short.append(exact - torch.stack([importance_log_likelihood(joint, q) for joint, q in groups]).mean(0))
short = torch.stack(short)  # (9, 100): how much is missing
error = 2 * short.std(1) / math.sqrt(len(images))

figure, axes = new_figure(figsize=(10, 4))
axes.errorbar(sizes, short.mean(1), yerr=error, color=COLOURS["model"], marker="o", capsize=4)
axes.axhline(0, color=COLOURS["truth"], linestyle=":")
axes.text(256, 0.02, "log p(x), by quadrature", ha="right", va="bottom")
axes.set(
    xscale="log",
    xlabel="draws K (bars: two standard errors over 100 images)",
    ylabel="nats below log p(x)",
    title="Each doubling of the draws recovers part of what the ELBO misses",
)
axes.set_xticks(sizes, sizes)
axes.minorticks_off()
show(
    figure,
    alt="How far the importance-weighted estimate lies below the exact log-likelihood, against the number of "
    "draws from 1 to "
    "256, with error bars over 100 images: largest at one draw, the ELBO, and falling towards zero.",
)

# %% slideshow={"slide_type": "fragment"}
bound, estimate = (exact - short[0]).mean(), (exact - short[-1]).mean()
print(f"two latents: ELBO {bound:.1f}, K = {N_DRAWS}: {estimate:.1f}, exact {exact.mean():.1f} nats")
ten = importance_log_likelihood(*log_densities(vae, images, N_DRAWS)).mean()
elbo_ten = -evaluate(vae, three_numbers, (images,))["loss"]
print(f"ten latents: ELBO {elbo_ten:.1f}, K = {N_DRAWS}: {ten:.1f} nats")

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
missing = short.mean(1)
print(
    "the ELBO misses more than 0.2 nats, and 256 draws less than half of that:",
    bool(missing[0] > 0.2 and missing[-1] < missing[0] / 2),
)
print("more draws never do worse (to 0.02 nats):", bool((missing.diff() < 0.02).all()))
print("with ten latents, too, the estimate is above the ELBO by more than 1 nat:", bool(ten - elbo_ten > 1))

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "May we report K = 256 for one model and K = 1 for another?" (No.) "Which way is the error, and is it
# honest?" (Down: the estimate is a lower bound in expectation, so nobody looks better than he is.) "Why does the
# gap at K = 1 tell us about the encoder?" (It is KL(q || posterior): lecture 3.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 15 · Images that don't belong
#
# A density knows the usual; so reject what is less likely than nearly all training images. Threshold: the 2 %
# quantile of the training images' ELBOs. Then we offer it things it has not seen.


# %% slideshow={"slide_type": "fragment"}
@torch.no_grad()
def elbo(model: nn.Module, x: Tensor, n_draws: int = 8) -> Tensor:
    """ELBO of each image, averaged over a few draws: (B,)."""
    mu, logvar = model.encode(x)
    draws = [
        bernoulli_log_likelihood(model.decode(reparameterize(mu, logvar, generator)), x)
        for _ in range(n_draws)
    ]
    return torch.stack(draws).mean(0) - kl_standard_normal(mu, logvar)


shuffled = x_test.flatten(1)[:, torch.randperm(N_PIXELS, generator=generator)].view_as(x_test)
offered = {
    "test images": x_test,
    "turned by 90°": x_test.rot90(1, (2, 3)),
    "shapes": load_shapes(1, 200).test_images,
    "inverted": 1 - x_test,
    "pixels shuffled": shuffled,
}
threshold = elbo(vae, x).quantile(0.02)
scores = {name: elbo(vae, images) for name, images in offered.items()}
rejected = {name: (score < threshold).float().mean().item() for name, score in scores.items()}

# %% slideshow={"slide_type": "subslide"}
figure, axes = new_figure(figsize=(10, 4.3))
for row, (name, score) in enumerate(scores.items()):
    colour = COLOURS["data"] if row == 0 else COLOURS["fake"]
    heights = row + 0.5 * (torch.rand(len(score[:150]), generator=generator) - 0.5)
    axes.scatter(-score[:150], heights, s=12, color=colour, alpha=0.5)
    axes.text(5500, row, f"{100 * rejected[name]:.0f} % rejected", va="center")
axes.axvline(-threshold, color=COLOURS["truth"], linestyle=":")
axes.set(xscale="log", xlabel="negative ELBO (nats per image)", xlim=(60, 16000), yticks=range(len(scores)))
axes.set_yticklabels(scores)
axes.invert_yaxis()
axes.set_title("Strange pixels cost many nats; simple images pass most easily")
show(
    figure,
    alt="Negative ELBOs on a logarithmic scale for five groups of images, with the threshold as a dotted line. Nearly "
    "all test images lie below it; inverted and shuffled images lie above it; of the others the shapes lie lowest, and "
    "some of them pass.",
)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
print("fewer than 15 % of the test images are rejected:", rejected["test images"] < 0.15)
strangest = min(rejected["inverted"], rejected["pixels shuffled"])
print("at least 95 % of inverted and shuffled images are:", strangest >= 0.95)
upright, turned = scores["test images"].mean(), scores["turned by 90°"].mean()
print("turned, an image costs at least 30 nats more, on average:", bool(upright - turned > 30))
cheapest = min(("turned by 90°", "shapes", "inverted", "pixels shuffled"), key=rejected.get)
print("the group of which most pass:", cheapest)

# %% [markdown]
# The shapes are the nearest to passing, although nothing like them is in the training data: a small white patch on
# black is *simple*, and simple images cost few nats, belonging or not. The ELBO answers "how many nats?", not "does
# it belong?". Lecture 9 shows data for which this fails altogether, and corrects it.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask before the figure:* "Rank these five groups." Take a vote. Then: "Why does an inverted digit cost twenty
# times as much as a digit?" (The decoder has learned that the border is black, with logits of -6 and less; 600
# white pixels at 6 nats each.) "How would you choose the threshold if you had to be sure?" (By the share of good
# images you may lose.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# * A VAE is lectures 3, 4 and 5 in one loss: $-\log p(x|z) + D_{KL}(q(z|x) \,\|\, p(z))$, **summed** over pixels
#   and latents, averaged over the batch.
# * **The likelihood is the price list.** $\sigma = 1$ for pixels in [0, 1] makes detail worthless; a learned
#   $\sigma$ is the root mean squared error.
# * The objective doesn't know the architecture; MLP, CNN and RNN differ in how fast they come to use z.
# * **Reconstruction alone** scatters codes, **KL alone** erases them; together they fill the prior, and one can draw.
# * KL term = information in z + distance of $q(z)$ from the prior.
# * **Collapse**: while $\sigma^2$ exceeds the data's variance, silence is optimal. Annealing and free bits let z be
#   heard first.
# * **Importance sampling** closes part of the gap between the ELBO and $\log p(x)$; an ELBO threshold rejects the
#   unusual, not the too simple.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Check yourself
#
# 1. Your colleague's loss is `F.mse_loss(x_hat, x) + kl.mean()`. His samples are all the same blurred image. Why?
# 2. Of a trained VAE you see: negative ELBO 205, reconstruction 204.9, KL 0.1. What has happened?
# 3. KL is 40 nats, reconstructions are perfect, samples from the prior are nonsense. What do you change, and which
#    way?
# 4. Why is the encoder given *two* heads, and what would happen if `logvar` were a constant -20?
# 5. Which terms of the loss change when you double the number of latents? May the negative ELBO get worse on
#    training data?
# 6. The test ELBO is -100 nats, the importance estimate with K = 1000 is -97. What do you know about the encoder?
#
# <details>
# <summary>Answers</summary>
#
# 1. `mse_loss` averages over pixels and batch: the error weighs 784 times less than a sum, as if $\sigma$ were about
#    20. No detail is worth a nat of KL, so the posterior collapses, and the decoder gives the mean image.
# 2. Posterior collapse: z says nothing. Try annealing, free bits, a smaller $\sigma$; look at whether the decoder
#    needs z at all.
# 3. The codes are far from the prior: an error is too dear. Larger $\sigma$ (or a larger weight on KL, lecture 7).
# 4. The variance says how precisely an image needs to be placed. At -20 there is hardly any noise ($\sigma =
#    e^{-10}$): every image has a point of its own and nothing between the points is trained; and each latent costs at
#    least 9.5 nats of KL.
# 5. Directly only the KL term, a sum over twice as many latents; the reconstruction changes by what the new ones say.
#    The best negative ELBO can't get worse: a latent whose posterior is the prior, and which the decoder ignores, costs
#    nothing. The one that training finds can.
# 6. On average $D_{KL}(q(z|x) \,\|\, p(z|x))$ is at least about 3 nats: that much is lost by q being Gaussian,
#    diagonal, and given by one network for all images.
#
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# ## References
#
# * D. P. Kingma, M. Welling (2014). *Auto-encoding variational Bayes.* arXiv:1312.6114.
# * D. J. Rezende, S. Mohamed, D. Wierstra (2014). *Stochastic backpropagation and approximate inference in deep
#   generative models.* arXiv:1401.4082.
# * Y. Burda, R. Grosse, R. Salakhutdinov (2016). *Importance weighted autoencoders.* arXiv:1509.00519. Active
#   units, and the likelihood by importance sampling.
# * S. R. Bowman et al. (2016). *Generating sentences from a continuous space.* arXiv:1511.06349. Recurrent VAEs,
#   collapse, annealing.
# * D. P. Kingma et al. (2016). *Improving variational inference with inverse autoregressive flow.*
#   arXiv:1606.04934. Free bits.
# * M. Hoffman, M. Johnson (2016). *ELBO surgery: yet another way to carve up the variational evidence lower bound.*
#   NIPS workshop on advances in approximate Bayesian inference.
# * J. Lucas, G. Tucker, R. Grosse, M. Norouzi (2019). *Don't blame the ELBO! A linear VAE perspective on posterior
#   collapse.* arXiv:1911.02469.
# * G. Loaiza-Ganem, J. P. Cunningham (2019). *The continuous Bernoulli: fixing a pervasive error in variational
#   autoencoders.* arXiv:1907.06845.
# * O. Rybkin, K. Daniilidis, S. Levine (2021). *Simple and effective VAE training with calibrated decoders.*
#   arXiv:2006.13202.
# * E. Nalisnick et al. (2019). *Do deep generative models know what they don't know?* arXiv:1810.09136.
# * D. P. Kingma, M. Welling (2019). *An introduction to variational autoencoders.* arXiv:1906.02691. The review to
#   read next.
