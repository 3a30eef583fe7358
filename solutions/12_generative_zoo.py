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
# # 12 · Hybrids, and everything side by side
#
# We have met models that say how likely an image is, models that only draw, and models that also read. Today we
# cross them, and then let all of them run on one track:
#
# > **Can one model do everything? And if not, which one should you take?**
#
# First we go back to the oldest of them, the Boltzmann machine. Then three hybrids: a GAN with an encoder, an
# autoencoder whose prior is imposed by a game, and a VAE whose posterior has no density. Last, one table.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## What you will be able to do
#
# * compute with energies: free energy, Gibbs sampling, contrastive divergence, and say where each is exact,
# * train an encoder together with a GAN, and say why it must invert the generator,
# * give codes any shape you like, with a game in place of a KL term,
# * get a KL term out of a classifier, for a posterior that can only be sampled,
# * read a comparison of generative models: which number says what, and which numbers don't exist.
#
# **You need** lectures 3, 6 and 10. **Time:** 100 minutes of lecture, about 45 minutes of exercises; the notebook
# itself runs in about 40 seconds.

# %% [markdown] slideshow={"slide_type": "notes"}
# **Timing (100 min):** energies and Gibbs sampling 20, contrastive divergence 15, BiGAN 12, adversarial autoencoder
# 13, adversarial variational Bayes 18, the table 17, wrap-up 5.
#
# *Ask first:* "Write down three things that you would like a generative model to do." Collect on the board: draw,
# judge (likelihood), read (encode), fast. Tick them off for each model as it comes; the last table is this board.

# %% slideshow={"slide_type": "skip"}
import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn

from course_utils.adversarial import coverage, diversity, endless_minibatches, frozen, name_failures
from course_utils.data import load
from course_utils.exercises import check
from course_utils.gaussian import kl_standard_normal
from course_utils.likelihoods import bernoulli_log_likelihood
from course_utils.metrics import feature_net
from course_utils.models import RBM, ImageEncoder, MLPDecoder, MLPDiscriminator, log_partition
from course_utils.plotting import (
    CLASS_COLOURS,
    COLOURS,
    image_grid,
    latent_plane,
    new_figure,
    show,
    use_course_style,
)
from course_utils.runtime import seed_everything
from course_utils.training import minibatches
from course_utils.widgets import gibbs_player
from course_utils.zoo import CONTESTANTS, Budget, annealed_log_partition, measure, train

use_course_style()

# %% slideshow={"slide_type": "skip"}
generator = seed_everything(0)

CD_STEPS, CD_SEEDS = 480, 3  # of the small machine's training
RBM_EPOCHS = 3
BIGAN_STEPS, AAE_STEPS, T_STEPS, AVB_STEPS = 700, 300, 500, 400
ZOO_SEEDS = 3
SMALL_BUDGET = Budget(steps=50, batch_size=16, latent_dim=8, hidden_dim=128, width=8)

# %% slideshow={"slide_type": "subslide"}
all_data = load()
data = all_data.subset(1400, 300)
x, labels = data.train_images, data.train_labels
x_test, test_labels = data.test_images, data.test_labels
net = feature_net(all_data)  # a small classifier, whose features measure samples (lecture 10)

print(f"x: {tuple(x.shape)}, {x.dtype}, from {x.min():.0f} to {x.max():.0f}; mean {x.mean():.2f}")
show(
    image_grid(
        x[:20], n_columns=10, title="The data: images with grey pixels, mostly black", cell_inches=0.9
    ),
    alt="Twenty training images in two rows: white strokes on black, with grey pixels at their edges.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 · A model made of energy
#
# Visible units $v$ (the pixels, 0 or 1), hidden units $h$ (0 or 1), and one number, the **energy**, for every state of
# both. Low energy is likely:
#
# $$p(v, h) = \frac{1}{Z}\, e^{-E(v, h)}, \qquad E(v, h) = -v^\top W h - b^\top v - c^\top h .$$
#
# *Restricted* means: no weights within a layer. So given one layer, the units of the other are independent coins,
#
# $$p(h_j = 1 | v) = s\big(c_j + (v^\top W)_j\big), \qquad p(v_i = 1 | h) = s\big(b_i + (W h)_i\big), \qquad
# s(a) = \frac{1}{1 + e^{-a}} .$$

# %% slideshow={"slide_type": "subslide"}
figure, axes = new_figure(figsize=(10, 3.4))
visible, hidden = [(1.6 * i, 0.0) for i in range(6)], [(1.6 * j + 1.6, 1.6) for j in range(4)]
for a in visible:
    for b in hidden:
        axes.plot(*zip(a, b, strict=True), color=COLOURS["neutral"], linewidth=1.5, zorder=1)
axes.scatter(*zip(*visible, strict=True), s=700, color=COLOURS["data"], zorder=2)
axes.scatter(*zip(*hidden, strict=True), s=700, color=COLOURS["posterior"], zorder=2)
axes.text(-4.4, 0.0, "visible v, biases b", va="center", color=COLOURS["data"], weight="bold")
axes.text(-4.4, 1.6, "hidden h, biases c", va="center", color=COLOURS["posterior"], weight="bold")
axes.text(8.3, 0.8, "weights W", va="center")
axes.set(
    xlim=(-4.5, 9.8), ylim=(-0.5, 2.1), title="Every line joins the layers: within a layer there is none"
)
axes.axis("off")
show(
    figure,
    alt="Six visible units in a row below four hidden units; lines join every visible unit with every hidden one, and "
    "none joins two units of one layer.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Summing the hidden layer out
#
# We want $p(v)$. The sum over all $2^H$ hidden states is a product, because the energy is a sum over hidden units:
#
# $$p(v) = \frac1Z \sum_h e^{-E(v, h)} = \frac1Z\, e^{b^\top v} \prod_j \big(1 + e^{a_j}\big) = \frac1Z\, e^{-F(v)},
# \qquad a_j = c_j + (v^\top W)_j .$$
#
# $F$ is the **free energy**, $F(v) = -\log \sum_h e^{-E(v, h)}$. It has no $Z$ in it, and costs one matrix product.
#
# <details>
# <summary>Why the sum becomes a product</summary>
#
# $\sum_{h_1} \cdots \sum_{h_H} e^{\sum_j a_j h_j} = \prod_j \sum_{h_j \in \{0, 1\}} e^{a_j h_j}
# = \prod_j (1 + e^{a_j})$: every factor depends on one $h_j$ alone, so each sum can be done by itself.
#
# </details>

# %% [markdown] exercise="free_energy"
# Write `free_energy(v, W, b, c)`: the free energy of each image, shape `(B,)`, in nats. `v` is `(B, V)` with entries 0
# or 1, `W` is `(V, H)`, `b` is `(V,)` and `c` is `(H,)`; float32 or float64.
#
# * In closed form, without going through the $2^H$ states.
# * Activations $a_j$ of 300 and -300 must give finite, right values.
# * The arguments stay as they were.
#
# For example: with all weights and biases 0 and three hidden units, every image has $F = -3 \log 2$.


# %%
def free_energy(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """-log of the sum over h of e^(-E(v, h)), in nats: shape (B,)."""
    ### BEGIN SOLUTION
    activation = v @ W + c  # (B, H)
    log_factors = nn.functional.softplus(activation)  # log(1 + e^a)
    return -(v @ b) - log_factors.sum(dim=1)
    ### END SOLUTION


# %%
free_energy = check("free_energy", free_energy)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A world small enough to know: bars and stripes
#
# Images of 3x3 pixels in which whole rows are on, or whole columns: 14 images out of $2^9 = 512$. With 8 hidden units
# we can add up everything. The best log-likelihood that anybody can reach is $-\log 14 = -2.64$ nats.


# %% slideshow={"slide_type": "fragment"}
def all_states(n: int) -> Tensor:
    """All 2^n states of n units, (2^n, n)."""
    return (torch.arange(2**n)[:, None] >> torch.arange(n) & 1).float()


lines = all_states(3)
rows = lines[:, :, None].expand(-1, 3, 3).reshape(-1, 9)
columns = lines[:, None, :].expand(-1, 3, 3).reshape(-1, 9)
bars = torch.unique(torch.cat([rows, columns]), dim=0)  # (14, 9)
world, hidden_states = all_states(9), all_states(8)  # (512, 9), (256, 8)
show(
    image_grid(
        0.1 + 0.65 * bars.view(-1, 3, 3), n_columns=14, title="All the data there is: 14 bars and stripes"
    ),
    alt="Fourteen small images of three by three pixels: empty, full, and every pattern of whole rows or columns.",
)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
W, b, c = (torch.randn(*shape, generator=generator) for shape in ((9, 8), (9,), (8,)))
minus_energy = world @ W @ hidden_states.T + (world @ b)[:, None] + hidden_states @ c  # (512, 256)
by_enumeration = -minus_energy.logsumexp(1)
worst = (free_energy(world, W, b, c) - by_enumeration).abs().max()
print(
    "free energy of all 512 images against a sum over 256 hidden states, to 0.0001 nats:", bool(worst < 1e-4)
)

log_z = (-free_energy(world, W, b, c)).logsumexp(0)
print(
    "log Z from the visible side = log Z from the hidden side:",
    bool((log_z - log_partition(W, b, c)).abs() < 1e-4),
)
print(f"the best possible log-likelihood: -log {len(bars)} = {-math.log(len(bars)):.4f} nats")

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "For MNIST, how many terms has Z?" ($2^{784}$ from one side, $2^H$ from the other: 20 hidden units are
# feasible, 128 not.) "What can we say about two images without knowing Z?" (Their ratio: $e^{F(v') - F(v)}$.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 · Gibbs sampling
#
# There is no $z$ to draw first, as in a VAE or a GAN. But each layer is easy given the other, so draw them in turn:
#
# $$v^{(0)} \to h^{(0)} \sim p(h|v^{(0)}) \to v^{(1)} \sim p(v|h^{(0)}) \to h^{(1)} \to \cdots$$
#
# If $v^{(t)} \sim p$ then $v^{(t+1)} \sim p$: the model is the **stationary** law of this chain. Run it long enough,
# and it visits every image as often as the model says.

# %% [markdown] exercise="gibbs_step"
# Write `gibbs_step(v, W, b, c, generator)`: from visible units `v` `(B, V)`, each row a chain of its own, to the next
# ones, `(B, V)`.
#
# * **Both** layers are drawn, 0 or 1: the hidden units given `v`, then the visible units given the hidden ones.
# * The result holds the numbers 0 and 1 in the dtype of `v`; `v` itself stays as it was.
# * `generator` is the only source of randomness. Every unit of every chain has a coin of its own.
#
# The law of your draws is compared with the exact one, over thousands of chains.


# %%
def gibbs_step(v: Tensor, W: Tensor, b: Tensor, c: Tensor, generator: Generator) -> Tensor:
    """Visible units after one step of Gibbs sampling, 0 or 1: shape (B, V)."""
    ### BEGIN SOLUTION
    h = torch.bernoulli(torch.sigmoid(v @ W + c), generator=generator)  # (B, H)
    return torch.bernoulli(torch.sigmoid(h @ W.T + b), generator=generator)
    ### END SOLUTION


# %%
gibbs_step = check("gibbs_step", gibbs_step)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The whole chain, as one matrix
#
# In our small world the probability of going from any image to any other is a 512 x 512 matrix $T$, and
# $p\, T = p$ can be checked exactly.


# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
def transition_matrix(W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Probabilities of a step from each image to each, (512, 512)."""

    def coins(states: Tensor, activation: Tensor) -> Tensor:  # p(state | activation), (n, n_states)
        log_p = activation @ states.T - nn.functional.softplus(activation).sum(1, keepdim=True)
        return log_p.exp()

    return coins(hidden_states, world @ W + c) @ coins(world, hidden_states @ W.T + b)


def log_p(W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Exact log-probability of all 512 images."""
    return -free_energy(world, W, b, c) - log_partition(W, b, c)


T, p = transition_matrix(W, b, c), log_p(W, b, c).exp()
print("the rows of T sum to 1:", bool((T.sum(1) - 1).abs().max() < 1e-4))
print("p T = p, the model is stationary:", bool((p @ T - p).abs().max() < 1e-5))

chains = gibbs_step(bars[:1].repeat(20_000, 1), W, b, c, generator)
seen = (chains @ 2.0 ** torch.arange(9)).long().bincount(minlength=512) / len(chains)
wanted = T[(bars[0] @ 2.0 ** torch.arange(9)).long()]
print(
    "20,000 draws of gibbs_step follow that row of T, to within 0.02:",
    bool((seen - wanted).abs().max() < 0.02),
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 · Contrastive divergence
#
# The gradient of the log-likelihood is a difference of two means, one at the data and one at the model:
#
# $$-\nabla \log p(v) = \nabla F(v) + \nabla \log Z = \nabla F(v) - E_{v' \sim p}\big[\nabla F(v')\big] .$$
#
# The second mean needs draws of the model, an endless chain for every step. **Contrastive divergence** (Hinton 2002)
# starts the chain at the data and stops after $k$ steps:
#
# $$\text{CD-}k: \qquad \nabla F(v) - E_{v' \sim \text{data},\ k \text{ steps}}\big[\nabla F(v')\big] .$$
#
# It lowers the energy of the data, and raises that of what the model makes of them.

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
machine = RBM(9, 8, generator)
p = log_p(*machine.parameters()).detach().exp()
objective = machine.free_energy(bars).mean() - (p * machine.free_energy(world)).sum()
by_difference = torch.autograd.grad(objective, list(machine.parameters()))
log_likelihood = (-machine.free_energy(bars)).mean() - (-machine.free_energy(world)).logsumexp(0)
by_autograd = torch.autograd.grad(-log_likelihood, list(machine.parameters()))
gap = max((u - v).abs().max() for u, v in zip(by_difference, by_autograd, strict=True))
print("difference of two means = gradient of -log p, to 0.00001:", bool(gap < 1e-5))


# %% slideshow={"slide_type": "subslide"}
def train_on_bars(kind: str, seed: int) -> tuple[RBM, list[float]]:
    """Train by the exact gradient ("exact") or by CD-k ("1", "10"); exact log-likelihood on the way."""
    rng = Generator().manual_seed(seed)
    machine = RBM(9, 8, rng)
    optimizer = torch.optim.SGD(machine.parameters(), lr=0.5, momentum=0.5)
    batch, record = bars.repeat(10, 1), []
    for step in range(CD_STEPS + 1):
        if step % 48 == 0:
            with torch.no_grad():
                mean_log_p = -machine.free_energy(bars).mean() - log_partition(*machine.parameters())
            record.append(mean_log_p.item())
        if kind == "exact":
            with torch.no_grad():
                p = (-machine.free_energy(world)).softmax(0)
            loss = machine.free_energy(bars).mean() - (p * machine.free_energy(world)).sum()
        else:
            loss, _ = machine.contrastive_divergence(batch, n_steps=int(kind), generator=rng)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return machine, record


runs = {kind: [train_on_bars(kind, seed) for seed in range(CD_SEEDS)] for kind in ("exact", "1", "10")}

# %% slideshow={"slide_type": "subslide"}
names = {"exact": "exact gradient", "10": "CD-10", "1": "CD-1"}
looks = {"exact": COLOURS["truth"], "10": COLOURS["posterior"], "1": COLOURS["model"]}
figure, (left, right) = new_figure(1, 2, figsize=(10.5, 4.2), width_ratios=(1.25, 1))
for kind, name in names.items():
    record = torch.tensor([run[1] for run in runs[kind]])
    error = 2 * record.std(0) / math.sqrt(CD_SEEDS)
    steps = torch.arange(record.shape[1]) * 48
    left.errorbar(steps, record.mean(0), yerr=error, color=looks[kind], capsize=3, label=name)
left.axhline(-math.log(14), color=COLOURS["neutral"], linestyle="--", label="best possible, -log 14")
left.set(title="CD stops short; longer chains, less so", xlabel="step of training", ylim=(-5, -2.4))
left.set_ylabel("log-likelihood (nats)")
left.legend(loc="lower right")

n_steps = 200
start = torch.zeros(512)
start[(bars[3] @ 2.0 ** torch.arange(9)).long()] = 1.0
distances = {}
untrained = RBM(9, 8, Generator().manual_seed(0))
for name, m in {"untrained": untrained, "trained, CD-10": runs["10"][0][0]}.items():
    with torch.no_grad():
        T, p = transition_matrix(*m.parameters()), log_p(*m.parameters()).exp()
    law, distances[name] = start, []
    for _ in range(n_steps):
        distances[name].append(0.5 * (law - p).abs().sum().item())
        law = law @ T
for (name, values), colour in zip(
    distances.items(), (COLOURS["baseline"], COLOURS["posterior"]), strict=True
):
    right.plot(values, color=colour, label=name)
right.set(title="Learning slows the chain down", xlabel="Gibbs step from one image", ylim=(0, 1.02))
right.set_ylabel("total variation to the model")
right.legend(loc="center right", bbox_to_anchor=(1.0, 0.3))
show(
    figure,
    alt="Left: exact log-likelihood against the training step with error bars of two standard errors over three seeds. "
    "The exact gradient comes closest to the best possible value, CD-10 stays a little below it, CD-1 clearly below. "
    "Right: total variation distance between the law of the chain and the model. Untrained it is 0 after one step; "
    "trained, it falls slowly over two hundred steps.",
)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
final = {kind: torch.tensor([run[1][-1] for run in runs[kind]]) for kind in runs}
print(
    "exact gradient: within 0.3 nats of the best possible, each seed:",
    bool((final["exact"] > -math.log(14) - 0.3).all()),
)
print(
    "CD-1 is more than 0.2 nats worse than the exact gradient, each seed:",
    bool((final["1"] < final["exact"] - 0.2).all()),
)
print("CD-10 is better than CD-1, on average over seeds:", bool(final["10"].mean() > final["1"].mean()))
print("untrained, one step mixes (distance below 0.01):", distances["untrained"][1] < 0.01)
print("trained, ten steps do not (distance above 0.5):", distances["trained, CD-10"][10] > 0.5)

# %% [markdown]
# The two panels are one story. As the machine learns, its images become islands; a chain that starts at the data
# stays on its island; so the places between the islands, and islands where no data lie, are never visited and their
# energy is never raised. The better the model, the worse the approximation that trains it.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Why does the error bar of CD-1 not shrink with more steps?" (It is bias, not noise: the exact expectation of
# CD-1 has another fixed point.) Persistent chains (Tieleman 2008) are the usual cure: don't restart at the data. With
# a learning rate as large as ours they diverge, because the chains can't keep up: have someone try `chain=`.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Images
#
# The same machine with 784 visible and 128 hidden units, trained by CD-1 on black and white pixels drawn from the grey
# ones. The whole loop:

# %% slideshow={"slide_type": "fragment"}
rbm = RBM(784, 128, generator)
rbm.start_from(x.flatten(1))  # biases: the log odds of each pixel
optimizer = torch.optim.SGD(rbm.parameters(), lr=0.05, momentum=0.5)
for _ in range(RBM_EPOCHS):
    for (batch,) in minibatches(x.flatten(1), batch_size=32, generator=generator):
        v = torch.bernoulli(batch, generator=generator)
        loss, _ = rbm.contrastive_divergence(v, generator=generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

# %% slideshow={"slide_type": "subslide"}
parameters = [parameter.detach() for parameter in rbm.parameters()]
n_chains = 10
v = torch.cat([
    torch.bernoulli(x_test[:n_chains].flatten(1), generator=generator),
    torch.rand(n_chains, 784, generator=generator).round(),
])  # fmt: skip
frames = [v]
for step in range(1, 101):
    v = gibbs_step(v, *parameters, generator)
    if step in (1, 10, 100):
        frames.append(v)
images = [rbm.mean_field(frame).view(-1, 1, 28, 28) for frame in frames[1:]]
first = frames[0].view(-1, 1, 28, 28)
chosen = torch.cat(
    [*(part[:n_chains] for part in [first, *images]), *(part[n_chains:] for part in [first, *images])]
)
show(
    image_grid(
        chosen,
        n_columns=n_chains,
        row_labels=[
            "from data",
            "1 step",
            "10 steps",
            "100 steps",
            "from noise",
            "1 step",
            "10 steps",
            "100 steps",
        ],
        title="One step repairs an image; a hundred steps from noise arrive at digits, few different ones",
        cell_inches=0.55,
    ),
    alt="Two blocks of four rows with ten chains each. Chains from test images keep their digit for a step and drift "
    "within a hundred. Chains from noise look like strokes after ten steps and like digits after a hundred, many of "
    "them like the same digit.",
)

# %% slideshow={"slide_type": "subslide"}
gibbs_player(rbm, {"a test image": frames[0][0], "noise": frames[0][n_chains]})

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
real = torch.bernoulli(x_test.flatten(1), generator=generator)
shuffled = real[:, torch.randperm(784, generator=generator)]
f_real, f_shuffled = (free_energy(u, *parameters) for u in (real, shuffled))
print("every test image has a lower free energy than its shuffled pixels:", bool((f_real < f_shuffled).all()))
W8, b8, c8 = (parameter.detach() for parameter in runs["exact"][0][0].parameters())
annealed = annealed_log_partition(
    W8, b8, c8, torch.zeros(9), n_chains=500, n_temperatures=500, generator=generator
)
print(
    "log Z by annealing, within 0.3 nats of the exact sum:",
    bool((annealed - log_partition(W8, b8, c8)).abs() < 0.3),
)

# %% [markdown]
# Free energies rank images at once; a likelihood needs $\log Z$. For the table at the end we estimate it by **annealed
# importance sampling**: from independent pixels, whose $Z$ is known, to the machine in many small steps.

# %% [markdown] slideshow={"slide_type": "notes"}
# Play the chain from noise with the class. *Ask:* "Why does the free energy fall, and then tremble?" (From noise the
# chain runs downhill; then it is at its stationary law, where energy fluctuates: a sampler, no optimiser.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 · BiGAN: a GAN that can read
#
# A GAN has no encoder. BiGAN (Donahue et al. 2017) and ALI (Dumoulin et al. 2017) train one, without any
# reconstruction error: the discriminator sees **pairs**,
#
# $$\underbrace{(x, E(x))}_{\text{image and its code}} \quad\text{or}\quad \underbrace{(G(z), z)}_{\text{latent and its
# image}} \; ?$$
#
# If no discriminator can tell the pairs apart, both joint laws are one, $p(x)\, q(z|x) = p(z)\, p(x|z)$. With maps
# without noise this means $E(G(z)) = z$ and $G(E(x)) = x$: **the encoder inverts the generator**.

# %% [markdown] exercise="bigan_losses"
# Write `bigan_losses(encoder_pair_logits, generator_pair_logits)`: the pair `(d_loss, ge_loss)`, each a scalar.
#
# * For the discriminator the **encoder's** pairs are the real ones:
#   `d_loss` is $-E[\log D(x, E(x))] - E[\log(1 - D(G(z), z))]$, with $D$ the sigmoid of the logit.
# * Encoder and generator play together against it. `ge_loss` is the **non-saturating** loss: the same with both labels
#   swapped. It has two terms as well.
# * Each mean over its own batch (they may differ in size; logits are `(B,)` or `(B, 1)`), summed, without a factor one
#   half. Logits of 300 and -300 must give finite values and gradients.


# %%
def bigan_losses(encoder_pair_logits: Tensor, generator_pair_logits: Tensor) -> tuple[Tensor, Tensor]:
    """Losses of the discriminator, and of encoder and generator together, in nats."""

    ### BEGIN SOLUTION
    def told_apart(real: Tensor, fake: Tensor) -> Tensor:
        return nn.functional.softplus(-real).mean() + nn.functional.softplus(fake).mean()

    d_loss = told_apart(encoder_pair_logits, generator_pair_logits)
    return d_loss, told_apart(generator_pair_logits, encoder_pair_logits)
    ### END SOLUTION


# %%
bigan_losses = check("bigan_losses", bigan_losses)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Where the answer is known: one dimension
#
# Data from two Gaussians on a line, one latent. Many $G$ turn $N(0, 1)$ into the data; but one that an encoder inverts,
# and that is continuous, has to be monotone. So there are just two: $G^*(z) = F^{-1}(\Phi(z))$ and its mirror image
# $G^*(-z)$. The encoder has to be $E^*(x) = \Phi^{-1}(F(x))$, or minus that.


# %% slideshow={"slide_type": "fragment"}
def two_hills(n: int) -> Tensor:
    """Half N(-1, 0.5^2), half N(1, 0.5^2): shape (n, 1)."""
    side = 2.0 * torch.randint(2, (n, 1), generator=generator) - 1
    return side + 0.5 * torch.randn(n, 1, generator=generator)


def best_encoder(x: Tensor) -> Tensor:
    cdf = 0.5 * torch.special.ndtr((x + 1) / 0.5) + 0.5 * torch.special.ndtr((x - 1) / 0.5)
    return torch.special.ndtri(cdf)


def small_net(n_in: int, activation: Callable[[], nn.Module], width: int = 48) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(n_in, width), activation(), nn.Linear(width, width), activation(), nn.Linear(width, 1)
    )


# %% slideshow={"slide_type": "subslide"}
G, E = small_net(1, nn.ReLU), small_net(1, nn.ReLU)
D = small_net(2, lambda: nn.LeakyReLU(0.2), 64)
d_adam = torch.optim.Adam(D.parameters(), lr=2e-3, betas=(0.0, 0.9), fused=True)
ge_adam = torch.optim.Adam([*G.parameters(), *E.parameters()], lr=2e-3, betas=(0.0, 0.9), fused=True)
decay = [torch.optim.lr_scheduler.LinearLR(adam, 1.0, 0.05, BIGAN_STEPS) for adam in (d_adam, ge_adam)]

for _ in range(BIGAN_STEPS):
    real, z = two_hills(256), torch.randn(256, 1, generator=generator)
    code, fake = E(real), G(z)
    d_loss, _ = bigan_losses(D(torch.cat([real, code.detach()], 1)), D(torch.cat([fake.detach(), z], 1)))
    d_adam.zero_grad()
    d_loss.backward()
    d_adam.step()
    with frozen(D):
        _, ge_loss = bigan_losses(D(torch.cat([real, code], 1)), D(torch.cat([fake, z], 1)))
        ge_adam.zero_grad()
        ge_loss.backward()
    ge_adam.step()
    for schedule in decay:
        schedule.step()

# %% slideshow={"slide_type": "subslide"}
line = torch.linspace(-2.2, 2.2, 200)[:, None]
points, z = two_hills(400), torch.randn(400, 1, generator=generator)
with torch.no_grad():
    sign = torch.sign((E(points) * points).mean())  # the solution or its mirror image
    figure, (left, right) = new_figure(1, 2, figsize=(10.5, 4.0))
    left.plot(
        line, sign * best_encoder(line), color=COLOURS["truth"], linestyle="--", label="the known solution"
    )
    left.scatter(points, E(points), s=10, color=COLOURS["posterior"], label="(x, E(x))")
    left.scatter(G(z), z, s=10, color=COLOURS["model"], label="(G(z), z)")
    right.scatter(points, G(E(points)), s=10, color=COLOURS["reconstruction"])
    off_data, off_latent = (G(E(points)) - points).abs().mean(), (E(G(z)) - z).abs().mean()
    off_truth = (E(points) - sign * best_encoder(points)).abs().mean()
left.set(title="Both kinds of pairs lie on one curve", xlabel="x", ylabel="z", xlim=(-3, 3), ylim=(-3.5, 3.5))
left.legend(loc="best", markerscale=2)
right.plot([-2.5, 2.5], [-2.5, 2.5], color=COLOURS["truth"], linestyle="--")
right.set(title="so G undoes E, unasked", xlabel="x", ylabel="G(E(x))")
show(
    figure,
    alt="Left: pairs of x and its code, and of generated x and its latent, as two clouds of points close to one "
    "monotone dashed curve, the known solution. Right: G of E of x against x, close to the diagonal.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
print("mean distance of G(E(x)) from x below 0.4 (data: standard deviation 1.1):", bool(off_data < 0.4))
print("mean distance of E(G(z)) from z below 0.4 (prior: standard deviation 1):", bool(off_latent < 0.4))
print("mean distance of E from the only solution below 0.5:", bool(off_truth < 0.5))

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Nowhere did we ask for G(E(x)) = x. Who did?" (The discriminator: any pair off the curve gives itself away.)
# "Why are BiGAN's reconstructions of images so loose, then?" (At the optimum they would be exact; the game ends long
# before, and pairs that are nearly right give hardly any signal. Look at the table's error column later.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 · The adversarial autoencoder: any prior you like
#
# The KL term of a VAE needs a posterior and a prior with densities. An adversarial autoencoder (Makhzani et al. 2016)
# keeps the reconstruction and replaces the KL term by a **game over codes**: a discriminator is shown draws of the
# prior and codes, and the encoder wants its codes taken for draws. Only samples of the prior are needed, so it may
# have any shape, and a different one for each class.

# %% [markdown] exercise="aae_losses"
# Write `aae_losses(prior_logits, code_logits)`: the pair `(d_loss, encoder_loss)`, each a scalar.
#
# * Draws of the **prior** are the real ones: `d_loss` is $-E[\log D(z)] - E[\log(1 - D(E(x)))]$, without a factor one
#   half.
# * `encoder_loss` is the non-saturating one, $-E[\log D(E(x))]$.
# * Each mean over its own batch (they may differ in size; logits are `(B,)` or `(B, 1)`). Logits of 300 and -300 must
#   give finite values and gradients.


# %%
def aae_losses(prior_logits: Tensor, code_logits: Tensor) -> tuple[Tensor, Tensor]:
    """Losses of the code discriminator and of the encoder, in nats."""
    ### BEGIN SOLUTION
    cost_of_prior = -nn.functional.logsigmoid(prior_logits).mean()
    cost_of_codes = -nn.functional.logsigmoid(-code_logits).mean()
    return cost_of_prior + cost_of_codes, -nn.functional.logsigmoid(code_logits).mean()
    ### END SOLUTION


# %%
aae_losses = check("aae_losses", aae_losses)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Three priors in the plane
#
# A Gaussian; a **bounded** one, uniform on a square; and a **label-aware** one, in which each class has a blob of its
# own on a ring. For the last, a code is compared with its own class's blob: the discriminator sees $z - m_y$, the code
# relative to the centre of its class.

# %% slideshow={"slide_type": "fragment"}
angles = 2 * math.pi * torch.arange(data.n_classes) / data.n_classes
ring = 3 * torch.stack([angles.cos(), angles.sin()], dim=1)  # (classes, 2): centres
nowhere = torch.zeros_like(ring)
priors = {
    "Gaussian": (lambda n: torch.randn(n, 2, generator=generator), nowhere),
    "square": (lambda n: 4 * torch.rand(n, 2, generator=generator) - 2, nowhere),
    "a blob for each class": (lambda n: 0.5 * torch.randn(n, 2, generator=generator), ring),
}


# %% slideshow={"slide_type": "subslide"}
def train_aae(draw_prior: Callable[[int], Tensor], centres: Tensor) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder of an adversarial autoencoder with two latents."""
    encoder, decoder = ImageEncoder(2, 128), MLPDecoder(2, 128)
    judge = MLPDiscriminator(2, 128)
    judge_adam = torch.optim.Adam(judge.parameters(), lr=3e-3, betas=(0.5, 0.999), fused=True)
    adam = torch.optim.Adam(
        [*encoder.parameters(), *decoder.parameters()], lr=3e-3, betas=(0.5, 0.999), fused=True
    )
    batches = endless_minibatches(x, labels, batch_size=64, generator=generator)
    for _ in range(AAE_STEPS):
        images, y = next(batches)
        codes = encoder(images)
        drawn, relative = judge(draw_prior(len(images))), codes - centres[y]
        d_loss, _ = aae_losses(drawn, judge(relative.detach()))
        judge_adam.zero_grad()
        d_loss.backward()
        judge_adam.step()
        with frozen(judge):
            nats = -bernoulli_log_likelihood(decoder(codes), images).mean()
            _, encoder_loss = aae_losses(drawn.detach(), judge(relative))
            adam.zero_grad()
            (nats + 20 * encoder_loss).backward()  # 20: a code out of place costs what 20 nats of pixels do
        adam.step()
    return encoder.eval(), decoder


aaes = {name: train_aae(*prior) for name, prior in priors.items()}

# %% slideshow={"slide_type": "subslide"}
figure, panels = new_figure(1, 3, figsize=(11, 4.2))
with torch.no_grad():
    codes = {name: encoder(x_test) for name, (encoder, _) in aaes.items()}
circle = torch.linspace(0, 2 * math.pi, 100)
outlines = {
    "Gaussian": [(2.45 * circle.cos(), 2.45 * circle.sin())],  # 95 % of N(0, I)
    "square": [(torch.tensor([-2.0, 2, 2, -2, -2]), torch.tensor([-2.0, -2, 2, 2, -2]))],
    "a blob for each class": [(m[0] + 1.22 * circle.cos(), m[1] + 1.22 * circle.sin()) for m in ring],
}
for axes, (name, z) in zip(panels, codes.items(), strict=True):
    latent_plane(
        z, test_labels, title=name, class_names=data.class_names, xlabel="$z_1$", ylabel="$z_2$", ax=axes
    )
    for outline in outlines[name]:
        axes.plot(*outline, color=COLOURS["prior"], linewidth=2)
    axes.set_aspect("equal", adjustable="box")
    axes.set(xlim=(-4.8, 4.8), ylim=(-4.8, 4.8))
figure.suptitle("The codes of test images take the shape that the game asks for", x=0.01, ha="left")
show(
    figure,
    alt="Codes of test images in three planes with the outline of the prior. Gaussian: a round cloud. Square: a cloud "
    "that fills a square. A blob for each class: ten groups on a ring, most codes near the blob of their own class.",
)

# %% slideshow={"slide_type": "subslide"}
decoder = aaes["a blob for each class"][1]
with torch.no_grad():
    walk = decoder(
        torch.cat([ring + 0.5 * torch.randn(10, 2, generator=generator) for _ in range(3)])
    ).sigmoid()
show(
    image_grid(
        walk,
        n_columns=data.n_classes,
        column_labels=list(data.class_names),
        title="To draw a class, draw from its blob",
        cell_inches=0.8,
    ),
    alt="Three rows of ten images decoded from draws of the ten blobs, each column of one class: most look like the "
    "class they were drawn for, blurred.",
)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
z = codes["square"]
inside = (z.abs() < 2.4).all(1).float().mean()
print("square: more than 75 % of test codes inside it (with a margin of 0.4):", bool(inside > 0.75))
own = (torch.cdist(codes["a blob for each class"], ring).argmin(1) == test_labels).float().mean()
alike = (torch.cdist(codes["Gaussian"], ring).argmin(1) == test_labels).float().mean()
print("a blob for each class: more than half of the test codes nearest to their own:", bool(own > 0.5))
print("of the Gaussian codes, which know no labels, less than 35 % are:", bool(alike < 0.35))
with torch.no_grad():
    drawn = decoder(ring.repeat(40, 1) + 0.5 * torch.randn(40 * len(ring), 2, generator=generator)).sigmoid()
taken_for = net.logits(drawn).argmax(1)
right = (taken_for == torch.arange(len(ring)).repeat(40)).float().mean()
print(
    "images drawn from a blob are taken for its class at least four times as often as by chance:",
    bool(right > 0.4),
)

# %% [markdown]
# The price: there is no bound on $\log p(x)$ any more, and no number that says how far the codes are from the prior.
# The gain: a prior is whatever you can draw from.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Labels were used in training. At test time the encoder gets none: how can it know the blob?" (It had to learn
# to classify, or its codes would be seen through.) This is the semi-supervised use in the paper.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 · Adversarial variational Bayes: a posterior without a density
#
# A Gaussian $q(z|x)$ has one hill. Let a network bend noise instead, $z = f(x, \epsilon)$: any shape, and easy to
# draw. But the ELBO needs $\log q(z|x)$, which nobody can write down:
#
# $$\text{ELBO} = E_q\Big[\log p(x|z) - \big(\underbrace{\log q(z|x) - \log p(z)}_{?}\big)\Big] .$$
#
# Mescheder et al. (2017): ask a **classifier**. Let $T(x, z)$ be the logit of "z came from the posterior of x, not
# from the prior". The best one is
#
# $$T^*(x, z) = \log q(z|x) - \log p(z) .$$
#
# <details>
# <summary>Lecture 10's optimal discriminator, once more</summary>
#
# For one x, the loss $-E_q[\log s(T)] - E_p[\log(1 - s(T))]$ is minimal where $s(T) = q / (q + p)$ (lecture 10). The
# logit of $q/(q + p)$ is $\log \frac{q}{q + p} - \log \frac{p}{q + p} = \log q - \log p$.
#
# </details>

# %% [markdown] exercise="avb_discriminator_loss"
# Write `avb_discriminator_loss(t_posterior, t_prior)`: the loss of $T$, a scalar,
# $-E_{x, z \sim q(z|x)}[\log s(T(x, z))] - E_{x, z \sim p(z)}[\log(1 - s(T(x, z)))]$.
#
# * Draws of the **posterior** are the positive class. No factor one half; each mean over its own batch (they may
#   differ in size; `(B,)` or `(B, 1)`).
# * T is a logit. T of 300 and -300 must give finite values and gradients.


# %%
def avb_discriminator_loss(t_posterior: Tensor, t_prior: Tensor) -> Tensor:
    """Logistic loss of T, posterior against prior, in nats."""
    ### BEGIN SOLUTION
    missed_posterior = nn.functional.softplus(-t_posterior).mean()
    missed_prior = nn.functional.softplus(t_prior).mean()
    return missed_posterior + missed_prior
    ### END SOLUTION


# %%
avb_discriminator_loss = check("avb_discriminator_loss", avb_discriminator_loss)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Is it true? A case where everything is known
#
# $q(z|x) = N(0.8\,x,\ 0.5^2)$ and the prior $N(0, 1)$: then $T^*$ is a parabola in $z$ for each $x$, and its mean
# under $q$ is the KL divergence of lecture 4. Train a small network on draws alone and look:

# %% slideshow={"slide_type": "fragment"}
T_net = small_net(2, nn.Tanh, 32)
optimizer = torch.optim.Adam(T_net.parameters(), lr=5e-3, fused=True)
schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, T_STEPS)
for _ in range(T_STEPS):
    cause = 4 * torch.rand(1024, 1, generator=generator) - 2
    posterior = 0.8 * cause + 0.5 * torch.randn(1024, 1, generator=generator)
    prior = torch.randn(1024, 1, generator=generator)
    loss = avb_discriminator_loss(
        T_net(torch.cat([cause, posterior], 1)), T_net(torch.cat([cause, prior], 1))
    )
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()


# %% slideshow={"slide_type": "subslide"}
def t_star(x: float, z: Tensor) -> Tensor:
    """log N(z; 0.8 x, 0.5^2) - log N(z; 0, 1)."""
    return -0.5 * ((z - 0.8 * x) / 0.5) ** 2 - math.log(0.5) + 0.5 * z**2


@torch.no_grad()
def t_learned(x: float, z: Tensor) -> Tensor:
    return T_net(torch.stack([torch.full_like(z, x), z], dim=1)).squeeze(1)


figure, axes = new_figure(figsize=(10, 4.0))
misses, kls = [], []
for k, where in enumerate((-1.5, 0.0, 1.0)):
    z = 0.8 * where + torch.linspace(-1.25, 1.25, 101)  # where q has 99 % of its mass
    axes.plot(
        z, t_star(where, z), color=COLOURS["truth"], linestyle="--", label="log q - log p" if k == 0 else None
    )
    axes.plot(z, t_learned(where, z), color=CLASS_COLOURS[k], label=f"T, x = {where}")
    draws = 0.8 * where + 0.5 * torch.randn(20_000, generator=generator)
    misses.append((t_learned(where, draws) - t_star(where, draws)).square().mean().sqrt().item())
    kl = 0.5 * ((0.8 * where) ** 2 + 0.25 - 1 - math.log(0.25))
    kls.append((t_learned(where, draws).mean().item(), kl))
axes.set(
    title="A classifier finds the log ratio of two densities from draws alone", xlabel="z", ylabel="nats"
)
axes.legend(ncols=2)
show(
    figure,
    alt="Three parabolas, T* as dashed lines for three values of x, and on them the learned T, which follows them "
    "closely over the range where q has its mass.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
print("root mean squared error of T under q below 0.25 nats, for each x:", max(misses) < 0.25)
for (mean_t, kl), where in zip(kls, (-1.5, 0.0, 1.0), strict=True):
    print(f"x = {where:4}: KL = {kl:.4f}; mean of T within 0.15 of it:", abs(mean_t - kl) < 0.15)

# %% [markdown] exercise="avb_elbo"
# Write `avb_elbo(t_posterior, log_likelihood)`: the ELBO, a scalar, **to be maximised**. `t_posterior` is $T(x, z)$
# and `log_likelihood` is $\log p(x|z)$ in nats, for one draw $z \sim q(z|x)$ of each example; both are `(B,)` or `(B,
# 1)`.
#
# * The mean over the batch. Gradients reach both arguments: through T the encoder hears of the KL term.
# * T and log-likelihoods of any size, and either sign, are taken as they are.


# %%
def avb_elbo(t_posterior: Tensor, log_likelihood: Tensor) -> Tensor:
    """ELBO with T in place of log q - log p, in nats per example."""
    ### BEGIN SOLUTION
    reconstruction, kl = log_likelihood.mean(), t_posterior.mean()
    return reconstruction - kl
    ### END SOLUTION


# %%
avb_elbo = check("avb_elbo", avb_elbo)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Two causes for one effect
#
# $z \sim N(0, 1)$ and $x = z^2 + \text{noise}$, $\sigma = 0.7$. We see $x = 1.5$: was $z$ positive or negative? The
# exact posterior has two hills. On a grid we know it, and $\log p(x)$, and the best that a Gaussian $q$ can do.

# %% slideshow={"slide_type": "fragment"}
z_grid = torch.linspace(-3.5, 3.5, 701)
dz = 0.01


def log_lik(z: Tensor) -> Tensor:
    return -0.5 * ((1.5 - z**2) / 0.7) ** 2 - math.log(0.7) - 0.5 * math.log(2 * math.pi)


def log_normal(z: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return -0.5 * ((z - mean) / std) ** 2 - torch.log(std) - 0.5 * math.log(2 * math.pi)


log_joint = log_lik(z_grid) + log_normal(z_grid, torch.tensor(0.0), torch.tensor(1.0))
log_evidence = log_joint.logsumexp(0) + math.log(dz)
log_posterior = log_joint - log_evidence
means, stds = torch.meshgrid(torch.linspace(0, 1.5, 61), torch.linspace(0.1, 1.5, 57), indexing="ij")
log_q = log_normal(z_grid, means[..., None], stds[..., None])  # (61, 57, 701)
gaps = (log_q.exp() * (log_q - log_posterior)).sum(-1) * dz
gaussian_gap, best = gaps.min(), gaps.argmin()

# %% slideshow={"slide_type": "subslide"}
f, T_net = small_net(2, nn.ReLU, 32), small_net(1, nn.Tanh, 32)


def black_box(n: int) -> Tensor:
    """Draws of q, (n, 1): noise, bent by a network."""
    eps = torch.randn(n, 2, generator=generator)
    return 1.2 * eps[:, :1] + f(eps)


t_adam = torch.optim.Adam(T_net.parameters(), lr=2e-2, fused=True)
f_adam = torch.optim.Adam(f.parameters(), lr=1e-3, betas=(0.5, 0.999), fused=True)
decay = [torch.optim.lr_scheduler.LinearLR(adam, 1.0, 0.05, AVB_STEPS) for adam in (t_adam, f_adam)]
for step in range(AVB_STEPS):
    for _ in range(3):  # T has to keep ahead: a T that lags behind understates the KL term
        drawn, prior = black_box(256).detach(), torch.randn(256, 1, generator=generator)
        t_loss = avb_discriminator_loss(T_net(drawn), T_net(prior))
        t_adam.zero_grad()
        t_loss.backward()
        t_adam.step()
    z = black_box(256)
    heat = min(1.0, 1.25 * step / AVB_STEPS)  # the likelihood comes in slowly, so that both hills are found
    with frozen(T_net):
        elbo = avb_elbo(T_net(z), heat * log_lik(z))
        f_adam.zero_grad()
        (-elbo).backward()
    f_adam.step()
    for schedule in decay:
        schedule.step()

# %% slideshow={"slide_type": "subslide"}
with torch.no_grad():
    draws = black_box(40_000).squeeze(1)
counts = torch.histc(draws, 70, -3.5, 3.5) / len(draws)  # bins of width 0.1
middle = torch.linspace(-3.45, 3.45, 70)
log_p_bin = log_lik(middle) - 0.5 * middle**2 - 0.5 * math.log(2 * math.pi) - log_evidence + math.log(0.1)
avb_gap = torch.where(counts > 0, counts * (counts.clamp_min(1e-12).log() - log_p_bin), 0.0).sum()
q_best = log_normal(z_grid, means.flatten()[best], stds.flatten()[best]).exp()

figure, axes = new_figure(figsize=(10, 4.0))
axes.stairs(counts / 0.1, torch.linspace(-3.5, 3.5, 71), fill=True, color=COLOURS["posterior"], alpha=0.5,
            label=f"black box: {avb_gap:.2f} nats short")  # fmt: skip
axes.plot(
    z_grid,
    q_best,
    color=COLOURS["baseline"],
    linestyle="-.",
    label=f"best Gaussian: {gaussian_gap:.2f} nats short",
)
axes.plot(z_grid, log_posterior.exp(), color=COLOURS["truth"], linestyle="--", label="exact posterior")
axes.set(
    title="A black box takes the shape of both hills, which a Gaussian cannot",
    xlabel="z",
    ylabel="density",
    xlim=(-3, 4.5),
)
axes.legend(loc="right")
show(
    figure,
    alt="The exact posterior with hills near plus and minus one, a histogram of the black box's draws with both hills, "
    "and the best Gaussian, which cannot follow them. The legend says how many nats each ELBO falls short of log p(x).",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
print(f"log p(x) = {log_evidence:.3f}; the best Gaussian's ELBO falls {gaussian_gap:.2f} nats short")
right_half = (draws > 0).float().mean()
print("the black box has at least a fifth of its draws on either side:", bool(0.2 < right_half < 0.8))
print("and falls less short than three quarters of that:", bool(avb_gap < 0.75 * gaussian_gap))

# %% [markdown]
# Two warnings. The ELBO is a bound only with $T = T^*$: while T lags behind, the reported number is too good, and
# its loss does not show it. And the encoder follows a moving target, as in any game: here T takes three steps for each
# of its, at twenty times the learning rate, and the likelihood is let in slowly. Without this the black box falls onto
# one hill.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "The gradient of the ELBO with respect to q's parameters goes through z, but T* itself depends on q too. Why
#   may
# we hold T fixed?" (Proposition 2: the expectation of the gradient of log q is 0. Lecture 5's score has mean 0.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 · Everything side by side
#
# Thirteen models, the same images, the same number of steps and batch size, small networks, three seeds each. Every
# one is the short form of its lecture (`course_utils/zoo`); "AE + Gaussian" is lecture 2's autoencoder, with a
# Gaussian fitted to its codes to draw from. What is measured:
#
# * **bound**: nats per black and white test image. VAEs: the ELBO, the conditional one's without labels (next slide).
#   AVB: a part of the KL is as T says. RBM: estimated by annealing. The others have none.
# * **error**: squared error of a reconstruction, where there is an encoder.
# * **Frechet**: distance of 300 samples from the test images, in the features of a small classifier (lecture 10).
# * **classes** that at least 2 % of the samples belong to; CPU seconds to train, and to draw 100 images.
#
# Two things stay out. Translation with cycles (lecture 11) makes images from images, not from noise, so there is
# nothing to sample. And VAEs with recurrent networks or Gaussian pixels (lecture 6) are still VAEs.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A bound without the label
#
# The conditional VAE was trained on bounds of $\log p(x|y)$: it is told the label, the others are not. To compare, sum
# the label out, with the frequencies $p(y)$ of the training labels:
#
# $$\log p(x) = \log \sum_y p(y)\, p(x|y) \;\ge\; \log \sum_y p(y)\, e^{\mathrm{ELBO}(x|y)}
# = \log p(x) + \log \sum_y p(y|x)\, e^{-\mathrm{gap}_y} ,$$
#
# with $\mathrm{gap}_y \ge 0$ the KL divergence from $q(z|x, y)$ to the posterior. Not being told costs little: the
# sum is at least its term of the right label, so at most $-\log p(y)$ is lost, 2.3 nats with ten equal classes. (For
# samples, labels are drawn from the same frequencies.)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
log_prior, log_given_label = torch.tensor([0.8, 0.2]).log(), torch.tensor([-101.0, -99.0])  # a made-up image
gaps = torch.tensor([4.0, 2.5])
evidence = (log_prior + log_given_label).logsumexp(0)
bound = (log_prior + log_given_label - gaps).logsumexp(0)
p_label = (log_prior + log_given_label).softmax(0)
print(f"log p(x) = {evidence:.4f}, the bound is {bound:.4f}, {evidence - bound:.4f} nats below")
print(f"by the formula: {-(p_label * (-gaps).exp()).sum().log():.4f} nats, between the two gaps")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The race
#
# A model is trained by one line and measured by another; the seed decides weights, batches and noise.

# %% slideshow={"slide_type": "fragment"}
COLUMNS = "bound", "error", "Frechet", "classes", "train s", "sample s", "reads"
zoo, scores = {}, {}
for name in CONTESTANTS:
    zoo[name] = [train(name, data, SMALL_BUDGET, seed=seed) for seed in range(ZOO_SEEDS)]
    scores[name] = torch.stack([measure(trained, data, net).tensor() for trained in zoo[name]])  # (seeds, 7)

# %% slideshow={"slide_type": "subslide"}
print(f"SMALL BUDGET: {SMALL_BUDGET.steps} steps, mean ± standard error over {ZOO_SEEDS} seeds")
print(f"{'':15}" + "".join(f"{column:>14}" for column in COLUMNS))
for name, table in scores.items():
    cells = []
    for column, digits in zip(table.T[:-1], (0, 1, 2, 1, 2, 3), strict=True):
        error = column.std() / math.sqrt(len(column))
        cells.append("-" if column.isnan().any() else f"{column.mean():.{digits}f} ± {error:.{digits}f}")
    print(f"{name:15}" + "".join(f"{cell:>14}" for cell in [*cells, "yes" if table[0, -1] else "no"]))

# %% slideshow={"slide_type": "subslide"}
with torch.no_grad():
    samples = torch.cat([zoo[name][0].sample(20) for name in CONTESTANTS])
show(
    image_grid(
        samples,
        n_columns=20,
        row_labels=list(CONTESTANTS),
        title=f"After {SMALL_BUDGET.steps} steps the games have hardly begun",
        cell_inches=0.44,
    ),
    alt="Twenty samples of each of thirteen models after a short training. The rows of "
    "autoencoder, VAEs, machine and AAE show blurred digits, the machine's all the same one. The style-based GAN makes "
    "white blobs; AVB has faint digits in noise, and BiGAN and the other GANs grey patches and noise.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# A game that has failed, or not begun, should say so. Lecture 10's two numbers, diversity and coverage, put it in
# words:

# %% slideshow={"slide_type": "fragment"}
for name in ("GAN", "BiGAN", "AE + Gaussian"):
    with torch.no_grad():
        made = zoo[name][0].sample(256)
    found = name_failures({"diversity": diversity(made, x[:256]), "coverage": coverage(made, x[:256])})
    print(f"{name}: " + (found[0] if found else "nothing is found wrong"))

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
mean = {name: dict(zip(COLUMNS, table.mean(0).tolist(), strict=True)) for name, table in scores.items()}
print("models with a bound:", [name for name in CONTESTANTS if not math.isnan(mean[name]["bound"])])
print("models without an encoder:", [name for name in CONTESTANTS if mean[name]["reads"] == 0])
trained_on_error = max(mean[name]["error"] for name in ("AE + Gaussian", "VAE", "AAE"))
print(
    "BiGAN, never trained on an error, has a larger one than AE, VAE and AAE:",
    mean["BiGAN"]["error"] > trained_on_error,
)
others = max(mean[name]["sample s"] for name in CONTESTANTS if name != "RBM")
print("the machine, with its chain, takes longest to draw:", mean["RBM"]["sample s"] > others)
ae, gan = mean["AE + Gaussian"]["Frechet"], mean["GAN"]["Frechet"]
print("at this budget the autoencoder's samples are closer to the data than the GAN's:", ae < gan)
furthest = mean["BiGAN"]["Frechet"] > mean["VAE"]["Frechet"]
print("and the VAE's are closer than BiGAN's, other than in the benchmark below:", furthest)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Less for T to do: adaptive contrast
#
# Where $q(z|x)$ is far from the prior, T tells them apart long before it knows their ratio. So AVB in this race takes
# its authors' remedy (section 4). With $r(z|x)$ the Gaussian of the mean and covariance of $q(z|x)$, from draws,
#
# $$D_{KL}(q\,\|\,p) = D_{KL}(q\,\|\,r) + E_q\Big[\log \frac{r}{p}\Big] = D_{KL}(q\,\|\,r) + D_{KL}(r\,\|\,p)
# \;\ge\; D_{KL}(r\,\|\,p) .$$
#
# T has only to tell $q$ from $r$; the rest is computed. And there is a **floor** for what a T may say: $\log r/p$ is
# quadratic in $z$, so its mean is the same under $q$ and $r$, and $D_{KL}(r\,\|\,p)$ is lecture 4's closed form. (For
# a floor, variances alone will do: take $r$ with independent coordinates.)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
v = (x_test > 0.5).float()
share_of_floor = []
with torch.no_grad():
    for avb in zoo["AVB"]:
        pixels = avb.reconstruct(v).clamp(1e-6, 1 - 1e-6)
        kl_counted = (bernoulli_log_likelihood(pixels.logit(), v) - avb.bound(v)).mean()
        draws = torch.stack([avb.encode(v) for _ in range(50)])  # (50, n, 8)
        floor = kl_standard_normal(draws.mean(0), draws.var(0).log()).mean()
        share_of_floor.append((kl_counted / floor).item())
print("AVB's number counts at least 0.9 of the floor as KL, for each seed:", min(share_of_floor) > 0.9)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The same race, longer
#
# 50 steps are what a lecture has time for. The benchmark (`python -m tests.benchmarks zoo`) runs the same functions
# for **800 steps**, with batches of 32, on all training images of the course's digits, with three seeds. **The
# following numbers are from the benchmark, not from this notebook:**

# %% slideshow={"slide_type": "skip"}
BENCHMARK = """
model           | bound        | error      | Frechet     | classes    | train s    | sample s        | reads
AE + Gaussian   | -            | 10.9 ± 0.2 | 0.09 ± 0.01 | 10.0 ± 0.0 | 2.0 ± 0.5  | 0.0003 ± 0.0001 | yes
VAE             | -110.1 ± 0.2 | 12.6 ± 0.0 | 0.39 ± 0.03 | 10.0 ± 0.0 | 1.6 ± 0.0  | 0.0003 ± 0.0000 | yes
beta-VAE        | -126.8 ± 0.6 | 16.4 ± 0.0 | 0.36 ± 0.02 | 10.0 ± 0.0 | 1.6 ± 0.1  | 0.0003 ± 0.0000 | yes
conditional VAE | -105.9 ± 0.1 | 11.3 ± 0.1 | 0.33 ± 0.03 | 10.0 ± 0.0 | 1.8 ± 0.1  | 0.0003 ± 0.0000 | yes
RBM             | -103.6 ± 1.9 | 8.1 ± 0.0  | 0.50 ± 0.07 | 7.3 ± 0.7  | 1.4 ± 0.1  | 0.1022 ± 0.0106 | yes
AAE             | -            | 12.6 ± 0.2 | 0.14 ± 0.00 | 10.0 ± 0.0 | 2.9 ± 0.1  | 0.0003 ± 0.0000 | yes
AVB             | -117.2 ± 0.5 | 16.5 ± 0.2 | 0.73 ± 0.03 | 10.0 ± 0.0 | 8.0 ± 0.3  | 0.0003 ± 0.0001 | yes
GAN             | -            | -          | 0.17 ± 0.02 | 10.0 ± 0.0 | 7.0 ± 0.3  | 0.0028 ± 0.0003 | no
WGAN-GP         | -            | -          | 0.12 ± 0.03 | 9.7 ± 0.3  | 11.6 ± 1.1 | 0.0026 ± 0.0001 | no
conditional GAN | -            | -          | 0.07 ± 0.01 | 10.0 ± 0.0 | 8.9 ± 0.4  | 0.0031 ± 0.0003 | no
progressive GAN | -            | -          | 0.21 ± 0.01 | 9.7 ± 0.3  | 15.6 ± 0.7 | 0.0084 ± 0.0018 | no
style GAN       | -            | -          | 0.22 ± 0.02 | 9.7 ± 0.3  | 14.6 ± 0.4 | 0.0062 ± 0.0003 | no
BiGAN           | -            | 61.0 ± 1.6 | 0.09 ± 0.00 | 10.0 ± 0.0 | 10.3 ± 0.7 | 0.0030 ± 0.0005 | yes
"""

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
print("FULL BUDGET, from the benchmark: 800 steps, digits, mean ± standard error over 3 seeds")
print(BENCHMARK.strip())

# %% slideshow={"slide_type": "subslide"}
full = {}
for row in BENCHMARK.strip().splitlines()[1:]:
    cells = [cell.strip() for cell in row.split("|")]
    full[cells[0]] = [float(number) for number in cells[3].split("±")]  # Frechet: mean, error

figure, axes = new_figure(figsize=(10, 5.6))
for height, name in enumerate(full):
    column = scores[name][:, COLUMNS.index("Frechet")]
    small_error = 2 * column.std() / math.sqrt(len(column))
    axes.plot([column.mean(), full[name][0]], [height, height], color=COLOURS["neutral"], zorder=1)
    first = height == 0
    axes.errorbar(column.mean(), height, xerr=small_error, fmt="o", color=COLOURS["baseline"], capsize=4,
                  label=f"this notebook, {SMALL_BUDGET.steps} steps" if first else None)  # fmt: skip
    axes.errorbar(full[name][0], height, xerr=2 * full[name][1], fmt="s", color=COLOURS["model"], capsize=4,
                  label="benchmark on the digits, 800 steps" if first else None)  # fmt: skip
axes.set_yticks(range(len(full)), full)
axes.set_ylim(len(full) + 0.8, -0.6)
axes.set(
    xscale="log",
    xlabel="Frechet distance of samples (bars: two standard errors over 3 seeds; left is better)",
)
axes.set_title("A ranking at one budget is no ranking at another")
axes.legend(loc="lower center", ncols=2)
show(
    figure,
    alt="Frechet distances of the models on a logarithmic axis, at the small budget as circles, at the full one "
    "as squares. BiGAN goes from the far right at the small budget to nearly the left end at the full one, where only "
    "the conditional GAN is further left; AVB and the machine stay behind.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Reading the table
#
# * **Likelihood and samples don't rank alike.** At 800 steps the best Frechet distances are those of the conditional
#   GAN, BiGAN and the autoencoder, which have no bound at all. The best number of nats is the machine's, with samples
#   among the worst.
# * **A number of nats is as good as what it rests on.** The machine's estimate of $\log Z$ tends to be too low, which
#   flatters it. A part of AVB's is still T's word.
# * **Labels help** those that are told: 4 nats for the VAE, though the label is summed out, and a Frechet distance less
#   than half as large for the GAN.
# * **Growing and styles** don't beat the plain GAN here, in no less time. They were made for large images.
# * **Reconstruction** is best where it was trained for, and from large codes: the machine's has 128 numbers, the
#   others' have 8. BiGAN's game asks for it only in the limit.
# * **Reading** (an encoder) is free in an autoencoder, needs a second player in BiGAN, and is missing in a GAN.
# * **Sampling** takes one pass, except for the machine, which takes a chain, and stays in few classes.
# * **Error bars:** three seeds tell apart what differs by several bars (BiGAN from VAE), no more (GAN from WGAN-GP).

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask, before the table is shown:* "Which cells will be empty?" (No bound for games, no error without an encoder.)
#   *Ask
# after:* "Somebody publishes a new model with the best Frechet distance. What would you ask?" (Budget, seeds, number
# of samples, whether training images were copied, whose feature network.) Go back to the board from the beginning.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# * A **Boltzmann machine** has energies instead of a decoder. $F(v)$ is exact and cheap, $Z$ is not; Gibbs sampling is
#   exact in the end, contrastive divergence is biased, and both suffer as the model gets better.
# * **BiGAN**: a game over pairs $(x, E(x))$ and $(G(z), z)$. Where it ends, E inverts G, though nobody asked for it.
# * **Adversarial autoencoder**: a game over codes gives them the shape of any prior one can draw from; no bound is
#   left.
# * **Adversarial variational Bayes**: a classifier's logit is $\log q - \log p$, so a posterior that can only be
#   sampled has its KL term, as long as the classifier keeps up.
# * **No model wins every column.** Decide first which columns you need.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Check yourself
#
# 1. Why does $F(v)$ need $H$ terms and $Z$ needs $2^H$?
# 2. Your machine's reconstructions after one Gibbs step are perfect. Is the model good?
# 3. In BiGAN, why may the encoder not be trained by itself, against the same discriminator, after the generator?
# 4. You want codes that are uniform on a ball in three dimensions. Which lines of the adversarial autoencoder change?
# 5. T's loss is $\log 4$ at the end of training. What is the KL divergence? Two explanations.
# 6. A GAN has a Frechet distance of 0.10, a VAE of 0.40. Somebody wants to detect outliers. Which one do you
#    hand over?
#
# <details>
# <summary>Answers</summary>
#
# 1. Given v the hidden units are independent, so the sum is a product. In Z v is summed out as well, and then they are
#    coupled by it.
# 2. It shows that data are local minima of the energy, not that there are no others. Start chains at noise.
# 3. It may: if G stays fixed, its pairs are one joint law and E is fitted to it. But then G doesn't profit from E.
#    What may not be dropped is the pair: a discriminator of x alone has nothing to tell E.
# 4. Only the function that draws from the prior.
# 5. KL = 0, posterior and prior are alike (the posterior has collapsed); or T is too weak, or too slow, to see the
#    difference. Train T alone for longer: only in the first case its loss stays.
# 6. The VAE: the GAN gives no likelihood and has no encoder. (And mind lecture 9.)
#
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# ## References
#
# * P. Smolensky (1986). *Information processing in dynamical systems: foundations of harmony theory.* In Parallel
#   Distributed Processing, vol. 1. The restricted Boltzmann machine.
# * G. E. Hinton (2002). *Training products of experts by minimizing contrastive divergence.* Neural Computation 14.
#   https://doi.org/10.1162/089976602760128018
# * G. E. Hinton (2012). *A practical guide to training restricted Boltzmann machines.* In Neural Networks: Tricks of
#   the Trade.
# * T. Tieleman (2008). *Training restricted Boltzmann machines using approximations to the likelihood gradient.* ICML.
#   https://doi.org/10.1145/1390156.1390290
# * R. Salakhutdinov, I. Murray (2008). *On the quantitative analysis of deep belief networks.* ICML.
#   https://doi.org/10.1145/1390156.1390266. Annealed importance sampling.
# * J. Donahue, P. Krähenbühl, T. Darrell (2017). *Adversarial feature learning.* arXiv:1605.09782. BiGAN.
# * V. Dumoulin et al. (2017). *Adversarially learned inference.* arXiv:1606.00704. ALI.
# * A. Makhzani, J. Shlens, N. Jaitly, I. Goodfellow, B. Frey (2016). *Adversarial autoencoders.* arXiv:1511.05644.
# * L. Mescheder, S. Nowozin, A. Geiger (2017). *Adversarial variational Bayes.* arXiv:1701.04722.
# * M. Heusel et al. (2017). *GANs trained by a two time-scale update rule converge to a local Nash equilibrium.*
#   arXiv:1706.08500. The Frechet distance.
# * L. Theis, A. van den Oord, M. Bethge (2016). *A note on the evaluation of generative models.* arXiv:1511.01844. Why
#   likelihood, samples and reconstructions may disagree.
