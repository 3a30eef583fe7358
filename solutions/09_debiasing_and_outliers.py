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
# # 9 · Two uses of a latent space
#
# A trained VAE knows which of its examples are usual and which are rare. So far we have only drawn samples from it.
# But somebody who knows what is rare can do two more things:
#
# > **Show the rare ones more often, so that a classifier learns them. Or refuse what is too rare to be true.**
#
# The first is called debiasing, the second outlier detection. Both work, and both fail in ways that one has to know.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## What you will be able to do
#
# * find a group that a classifier fails, and measure the gap with error bars,
# * compute resampling weights from a latent histogram, and say what the smoothing does,
# * train a classifier that rebalances its own data, and name the price,
# * compare outlier scores by ROC curve and AUROC,
# * explain why a high likelihood does not mean "one of ours", and correct for it.
#
# **You need** lecture 6 (the VAE) and the importance-weighted bound of lecture 3. **Time:** 90 minutes of lecture,
# about 35 minutes of exercises; the notebook itself runs in about half a minute.

# %% [markdown] slideshow={"slide_type": "notes"}
# **Timing (90 min):** the gap 8, weights on one line 15, the debiasing VAE 12, before and after 12, outlier scores and
# ROC 18, the failure 12, the correction 10, wrap-up 3.
#
# *Ask first:* "A face detector is 99 % right on the test set. What would you want to know before you use it?" (Right
# for whom. Buolamwini and Gebru (2018) found commercial systems with error rates below 1 % for one group and above
# 30 % for another.)

# %% slideshow={"slide_type": "skip"}
import math
import zlib
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.data import augment, load
from course_utils.elbo import elbo_terms, negative_elbo
from course_utils.exercises import check
from course_utils.metrics import importance_log_likelihood, roc_curve
from course_utils.models import VAE, DebiasingVAE, MLPDecoder, MLPEncoder
from course_utils.plotting import COLOURS, image_grid, new_figure, show, use_course_style
from course_utils.runtime import seed_everything
from course_utils.training import fit, minibatches
from course_utils.widgets import rejection_playground, resampling_playground

use_course_style()

# %% slideshow={"slide_type": "skip"}
generator = seed_everything(0)
data = load()
data = data.subset(min(4000, len(data.train_images)), min(600, len(data.test_images)))

TARGETS = torch.tensor([2, 3, 5])  # "is it one of these?"
RARE_SHARE = 0.03  # of thick strokes among the targets
N_EXAMPLES = 800  # targets, and as many others
LATENT_DIM, BINS = 3, 10
ALPHAS = 0.01, 0.07, 0.5  # smoothing of the latent histogram
SEEDS = range(5)
VAE_WEIGHT = 0.05  # hundreds of nats for pixels beside less than one for the class

GRAIN = 0.08  # share of pixels that a bad scanner flips
N_DRAWS = 20  # of the importance-weighted likelihood

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 · A gap
#
# The task: is this digit a 2, a 3 or a 5, yes or no? The images of the other seven digits are written with a fine pen
# or with a broad marker, half and half. But of the targets, **only 3 % are written with a marker**. Nobody meant any
# harm; somebody collected the 2s, 3s and 5s with one pen.


# %% slideshow={"slide_type": "fragment"}
def thicken(images: Tensor) -> Tensor:
    """The same digit, written with a broad marker: each pixel becomes the brightest of its 5 x 5 neighbours."""
    return F.max_pool2d(images, kernel_size=5, stride=1, padding=2)


@cache  # each rule gets the same images
def training_set(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Targets and others, each (N_EXAMPLES, 1, 28, 28), and which targets are rare, a mask (N_EXAMPLES,)."""
    draw = Generator().manual_seed(seed)
    wanted = torch.isin(data.train_labels, TARGETS)
    targets, _ = augment(data.train_images[wanted], N_EXAMPLES, generator=draw)
    others, _ = augment(data.train_images[~wanted], N_EXAMPLES, generator=draw)
    is_rare = torch.arange(N_EXAMPLES) < RARE_SHARE * N_EXAMPLES
    targets[is_rare] = thicken(targets[is_rare])
    others[: N_EXAMPLES // 2] = thicken(others[: N_EXAMPLES // 2])
    return targets, others, is_rare


# %% slideshow={"slide_type": "subslide"}
targets, others, is_rare = training_set(0)
rows = [targets[~is_rare][:9], targets[is_rare][:9], others[-9:], others[:9]]
names = ["97 % of targets", "3 % of targets", "half of others", "half of others"]
show(
    image_grid(
        torch.cat(rows), n_columns=9, row_labels=names, title="Thick targets are rare, thick others are not"
    ),
    alt="Four rows of nine digits: thin 2s, 3s and 5s; thick 2s, 3s and 5s; thin other digits; thick other digits.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# With the rule *thick means no* a classifier would be wrong about 3 in 100 of its targets, and right about half of the
# others without looking any further.
# We shall measure it on **each group by itself**: test images that are thin, and the same ones thickened.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
print("thick targets to learn from:", int(is_rare.sum()), "of", len(targets))
print("thick among thick and thin others:", len(others[: N_EXAMPLES // 2]), "of", len(others))
n_thick = len(others) // 2 + int(is_rare.sum())
print(f"always 'no' to a thick digit: right for {len(others) / 2 / n_thick:.0%} of the thick training images")

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "You may not use the group labels: in practice nobody has written down which pen was used. What can you do?"
# Let the class collect ideas. The answer of this lecture: let the model find out itself what is rare.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 · The smallest example: ten codes on a line
#
# Suppose each image has one latent code $z$, and ten codes are these: eight of them between 0 and 1 (common), two
# between 1 and 2 (rare). A histogram with two bins of width 1 has the **densities**
#
# $$\hat q = \frac{8}{10 \cdot 1} = 0.8 \quad\text{and}\quad \hat q = \frac{2}{10 \cdot 1} = 0.2 .$$
#
# Show each example with a probability proportional to $1 / \hat q$. The common ones together get $8 / 0.8 = 10$
# shares, the rare ones $2 / 0.2 = 10$: **half of what is shown is rare**, instead of a fifth.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Smoothing
#
# A single odd code would be shown very often indeed: $1/\hat q$ has no bound. So one adds a constant,
#
# $$w \;\propto\; \frac{1}{\hat q(z) + \alpha}, \qquad
# \text{share of the rare} = \frac{\dfrac{0.2}{0.2 + \alpha}}{\dfrac{0.2}{0.2 + \alpha} + \dfrac{0.8}{0.8 + \alpha}} .$$
#
# $\alpha = 0$: all bins alike. $\alpha \to \infty$: all examples alike, and the share is 0.2 again. The number of
# examples that really count is the **effective sample size** $1 / \sum_i w_i^2$.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
for a in (0.0, 0.1, 1.0, 100.0):
    parts = torch.tensor([8 * [1 / (0.8 + a)] + 2 * [1 / (0.2 + a)]])
    parts = parts / parts.sum()
    rare_share, effective = parts[0, 8:].sum(), 1 / parts.square().sum()
    formula = (0.2 / (0.2 + a)) / (0.2 / (0.2 + a) + 0.8 / (0.8 + a))
    print(f"alpha = {a:5.1f}: rare share {rare_share:.3f}, formula {formula:.3f}, ", end="")
    print(f"effective examples {effective:.2f} of 10")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Several latent dimensions
#
# A histogram over a grid of 10 bins in each of $D$ dimensions has $10^D$ cells, nearly all of them empty. The debiasing
# VAE (Amini et al. 2019) takes each dimension by itself and multiplies:
#
# $$w_i \;\propto\; \prod_{d=1}^{D} \frac{1}{\hat q_d(\mu_{id}) + \alpha}, \qquad \sum_i w_i = 1 .$$
#
# Without $\alpha$, the product is one over the density of the whole code, *if* the dimensions are independent. For the
# code of image $i$ we take the mean $\mu_i$ of its posterior.

# %% [markdown] exercise="resampling_weights"
# Write `resampling_weights(mu, bins, alpha)`: the weights above, shape `(N,)`, for codes `mu` of shape `(N, D)`,
# float32 or float64.
#
# * Each dimension has a histogram of its own, with `bins` bins of equal width from its smallest to its largest code
#   (the largest belongs to the last bin).
# * $\hat q_d$ is a **density**: the count of a bin, divided by $N$ and by the width of a bin.
# * `alpha` $\ge 0$ is added to every density. The weights sum to 1.
# * A single example ($N = 1$) has the weight 1. `mu` stays as it was.
#
# For example: the codes `[[0.0], [0.1], [0.2], [1.0]]` with 2 bins and `alpha = 0` have the weights
# `[1/6, 1/6, 1/6, 1/2]`.


# %%
def resampling_weights(mu: Tensor, bins: int, alpha: float) -> Tensor:
    """How often to show each example: shape (N,), sums to 1."""
    ### BEGIN SOLUTION
    log_weights = torch.zeros(len(mu), dtype=torch.float64)
    for column in mu.double().T.contiguous():
        heights, edges = torch.histogram(column, bins, density=True)
        which_bin = torch.bucketize(column, edges[1:-1].contiguous(), right=True)
        log_weights -= (heights[which_bin] + alpha).log()
    return torch.softmax(log_weights, dim=0).to(mu.dtype)
    ### END SOLUTION


# %%
resampling_weights = check("resampling_weights", resampling_weights)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The ten codes again, and what a product cannot see
#
# Now put 100 codes on the corners of a square: 48 at (0, 0), 48 at (1, 1), and 2 on each of the two other corners. Each
# dimension *by itself* is split half and half.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
ten = torch.tensor([0.0, 0.1, 0.2, 0.3, 0.5, 0.6, 0.7, 0.8, 1.5, 2.0])[:, None]  # the ten codes, (10, 1)
for a in (0.0, 0.1):
    print(f"alpha = {a}: the rare share is {resampling_weights(ten, 2, a)[8:].sum():.3f}")

corners = torch.tensor([[0.0, 0.0]] * 48 + [[1.0, 1.0]] * 48 + [[0.0, 1.0]] * 2 + [[1.0, 0.0]] * 2)
weights = resampling_weights(corners, 2, 0.0)
print(f"share of the rare corners: {weights[96:].sum():.3f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# **A rare combination of common values stays rare.** What is to be found must stick out along at least one dimension.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Try it
#
# A thousand codes on a line, 30 of them from a rare group. Move $\alpha$ and the number of bins. Can you bring the rare
# group's share to one half? What happens to the number of examples that count?

# %% slideshow={"slide_type": "fragment"}
resampling_playground()

# %% [markdown] slideshow={"slide_type": "notes"}
# Let the class find out that even alpha = 0.001 does not bring the rare group to one half here: it makes *bins* alike,
# and the common group owns more bins. *Ask:* "What do many narrow bins do?" (Empty or single-code bins: the loners of
# the common group are shown most. The histogram sees codes, not groups.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 · A classifier with a latent space
#
# One encoder, two tasks. For every image it gives one number for the class, and for a VAE `mu` and `logvar`. The
# decoder reconstructs **targets only**, so that the latent space describes the differences *between targets*:
#
# $$L = \frac1B \sum_{b=1}^{B} \Big( L^{\text{class}}_b + t_b \, L^{\text{VAE}}_b \Big), \qquad
# t_b = 1 \text{ for a target, else } 0 .$$
#
# Both parts are per example; $L^\text{VAE}$ is a weight times the negative ELBO.

# %% [markdown] exercise="debiasing_vae_loss"
# Write `debiasing_vae_loss(classification_loss, vae_loss, is_target)`: the loss above, a scalar, through which
# gradients flow. All three are of shape `(B,)`, and both losses are per example. `is_target` is boolean, or 0.0 and
# 1.0.
#
# The mean is over the **whole** batch. There may be batches without any target.
#
# For example: `[1.0, 3.0]`, `[10.0, 20.0]` and `[True, False]` give 7.


# %%
def debiasing_vae_loss(classification_loss: Tensor, vae_loss: Tensor, is_target: Tensor) -> Tensor:
    """Everybody is classified, only targets are reconstructed: the mean over the batch."""
    ### BEGIN SOLUTION
    both_tasks = classification_loss + is_target * vae_loss
    return both_tasks.mean()
    ### END SOLUTION


# %%
debiasing_vae_loss = check("debiasing_vae_loss", debiasing_vae_loss)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The training loop
#
# Before every epoch a **rule** looks at the codes of all targets and says how often to show each of them. The others
# are shown as they are. The rule *as they come* makes this an ordinary classifier; *groups known* uses the labels that
# in practice nobody has, and shows what there is to gain.


# %% slideshow={"slide_type": "fragment"}
def as_they_come(mu: Tensor, is_rare: Tensor) -> Tensor:
    return torch.full((len(mu),), 1 / len(mu))


def groups_known(mu: Tensor, is_rare: Tensor) -> Tensor:
    return torch.where(is_rare, 0.5 / is_rare.sum(), 0.5 / (~is_rare).sum())


def by_histogram(alpha: float):
    return lambda mu, is_rare: resampling_weights(mu, BINS, alpha)  # never looks at is_rare


# %% slideshow={"slide_type": "subslide"}
def loss_of(model: DebiasingVAE, x: Tensor, is_target: Tensor, draw: Generator) -> Tensor:
    class_logit, logits, mu, logvar = model(x, draw)
    classification = F.binary_cross_entropy_with_logits(class_logit, is_target.float(), reduction="none")
    vae = -VAE_WEIGHT * elbo_terms(x, logits, mu, logvar).elbo
    return debiasing_vae_loss(classification, vae, is_target)


def epoch_of_batches(targets: Tensor, others: Tensor, weights: Tensor, draw: Generator):
    """Batches of 50 targets, drawn by their weights, and 50 others."""
    shown = torch.multinomial(weights, len(targets), replacement=True, generator=draw)
    pairs = zip(
        minibatches(targets[shown], batch_size=50, generator=draw),
        minibatches(others, batch_size=50, generator=draw),
        strict=True,
    )
    return (torch.cat([t, o]) for (t,), (o,) in pairs)


# %% slideshow={"slide_type": "subslide"}
def train(seed: int, rule, epochs: int = 8) -> tuple[DebiasingVAE, Tensor]:
    """The trained model, and the weights of the last epoch, (N_EXAMPLES,)."""
    targets, others, is_rare = training_set(seed)
    torch.manual_seed(seed)
    draw, model = Generator().manual_seed(seed), DebiasingVAE(LATENT_DIM, hidden_dim=64)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, fused=True)
    is_target = torch.arange(100) < 50
    for _ in range(epochs):
        with torch.no_grad():
            _, mu, _ = model.encode(targets)
        weights = rule(mu, is_rare)
        for x in epoch_of_batches(targets, others, weights, draw):
            loss = loss_of(model, x, is_target, draw)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model, weights


# %% [markdown] slideshow={"slide_type": "notes"}
# Where we depart from Amini et al. (2019): they detect faces among other photographs with a convolutional encoder and
# judge skin colour and gender; here the target class is three digits, the network an MLP, and the group is known
# exactly because we made it. As there, weights come from all targets at every epoch, and the other class is drawn
# uniformly. Their code as taught at MIT takes the largest factor over the latent dimensions; the paper, and we, take
# the product.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 · Before and after
#
# Every rule is trained from five seeds, which change the training images, the first weights of the network and all
# draws. Accuracy is measured on the test images of each group by itself.


# %% slideshow={"slide_type": "fragment"}
is_target = torch.isin(data.test_labels, TARGETS)
test_targets, test_others = data.test_images[is_target], data.test_images[~is_target]
GROUPS = {  # images, and whether "yes" is right
    "thin targets": (test_targets, True),
    "thick targets": (thicken(test_targets), True),
    "thin others": (test_others, False),
    "thick others": (thicken(test_others), False),
}


@torch.no_grad()
def accuracy(model: DebiasingVAE) -> list[float]:
    """Share of right answers in each of the GROUPS."""
    return [((model.encode(x)[0] > 0) == yes).float().mean().item() for x, yes in GROUPS.values()]


# %% slideshow={"slide_type": "subslide"}
rules = {"as they come": as_they_come}
rules |= {f"alpha {alpha}": by_histogram(alpha) for alpha in ALPHAS} | {"groups known": groups_known}

accuracies, rare_shares, effective = {}, {}, {}
for name, rule in rules.items():
    runs = [train(seed, rule) for seed in SEEDS]
    accuracies[name] = torch.tensor([accuracy(model) for model, _ in runs])  # (seeds, groups)
    rare_shares[name] = torch.stack([w[is_rare].sum() for _, w in runs])  # (seeds,)
    effective[name] = torch.stack([1 / w.square().sum() for _, w in runs])
    if name == "alpha 0.07":
        _, debiased_weights = runs[0]


def mean_and_error(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over seeds and its standard error."""
    return values.mean(0), values.std(0) / math.sqrt(len(values))


# %% slideshow={"slide_type": "skip"}
figure, axes = new_figure(figsize=(10.5, 4.2))
compared = {"as they come": "baseline", "alpha 0.07": "posterior", "groups known": "truth"}
for k, (name, colour) in enumerate(compared.items()):
    mean, error = mean_and_error(accuracies[name])
    at = torch.arange(4) + 0.26 * (k - 1)
    label = "resampled, alpha 0.07" if name.startswith("alpha") else name
    hatch = "//" if name == "groups known" else None
    style = {"color": "white", "edgecolor": COLOURS["truth"]} if hatch else {"color": COLOURS[colour]}
    axes.bar(at, mean, 0.24, yerr=2 * error, capsize=4, label=label, hatch=hatch, **style)
    for x, y, e in zip(at, mean, error, strict=True):
        axes.text(x, min(y + 2 * e, 1.0) + 0.03, f"{y:.2f}", ha="center", fontsize=11)
axes.set(title="Resampling by the latent histogram lifts the rare group", ylabel="accuracy", ylim=(0, 1.3))
axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
axes.set_xticks(range(4), GROUPS)
axes.legend(ncols=3, loc="upper right")
axes.grid(axis="x", visible=False)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Bars with error bars: accuracy of three training rules on thin targets, thick targets, thin others and thick "
    "others. Thick targets, the rare group, are recognised about half the time without resampling, much more often "
    "with it, and about as often as with known groups; the other three groups change less.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Error bars are two standard errors over five seeds. The **gap** is thin minus thick, among targets:

# %% slideshow={"slide_type": "subslide"}
gap = {name: values[:, 0] - values[:, 1] for name, values in accuracies.items()}  # (seeds,) each
for name in accuracies:
    mean, error = mean_and_error(gap[name])
    print(
        f"{name:13s} gap {mean:5.2f} +- {2 * error:.2f}, rare share {rare_shares[name].mean():3.0%}, ", end=""
    )
    print(f"effective examples {effective[name].mean():3.0f} of {N_EXAMPLES}")

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
change, error = mean_and_error(gap["as they come"] - gap["alpha 0.07"])
rise = (accuracies["alpha 0.07"][:, 1] - accuracies["as they come"][:, 1]).mean()
print("without resampling the gap is above 0.25:", bool(gap["as they come"].mean() > 0.25))
print("resampling takes away more than 0.1 of it:", bool(change > 0.1))
print("by more than two standard errors:", bool(change > 2 * error))
print("the accuracy of the rare group rises by more than 0.05:", bool(rise > 0.05))
print("the rare share rises from 0.03 to above 0.15:", bool(rare_shares["alpha 0.07"].mean() > 0.15))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Too little smoothing, too much smoothing

# %% slideshow={"slide_type": "skip"}
swept = [f"alpha {alpha}" for alpha in ALPHAS] + ["as they come"]
figure, axes = new_figure(figsize=(10, 4.0))
for column, (label, colour, marker) in enumerate(
    [("thin targets", "data", "o-"), ("thick targets", "model", "s--")]
):
    mean, error = zip(*(mean_and_error(accuracies[name][:, column]) for name in swept), strict=True)
    style = {"fmt": marker, "color": COLOURS[colour], "capsize": 4, "label": label}
    axes.errorbar(range(4), mean, 2 * torch.stack(error), **style)
for k, name in enumerate(swept):
    axes.text(k, 0.12, f"{effective[name].mean():.0f} effective\nexamples", ha="center", fontsize=12)
axes.set(title="Alpha trades the common group against the rare one", ylabel="accuracy", ylim=(0.05, 1.05))
axes.set_xticks(range(4), [f"{alpha}" for alpha in ALPHAS] + ["infinite\n(as they come)"])
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
axes.set(xlabel="smoothing alpha", xlim=(-0.4, 3.4))
axes.grid(axis="x", visible=False)

# %% slideshow={"slide_type": "fragment"}
show(
    figure,
    alt="Accuracy of thin and of thick targets against the smoothing alpha. At 0.01 thin targets are recognised much "
    "less often, and only a handful of examples count. At 0.07 the two groups are close. At 0.5 and beyond thin "
    "targets are near the top, and thick ones fall back.",
)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
common = {name: values[:, 0].mean() for name, values in accuracies.items()}
print(
    "the smallest alpha costs the common group more than 0.15:",
    bool(common["as they come"] - common["alpha 0.01"] > 0.15),
)
print("it leaves fewer than 60 effective examples of 800:", bool(effective["alpha 0.01"].mean() < 60))
print(
    "the gap grows with alpha:",
    bool(gap["alpha 0.01"].mean() < gap["alpha 0.07"].mean() < gap["alpha 0.5"].mean()),
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Whom does it show?
#
# The images with the largest and with the smallest weights, in the last epoch of one run:

# %% slideshow={"slide_type": "fragment"}
targets, _, is_rare = training_set(0)
order = debiased_weights.argsort(descending=True)
show(
    image_grid(
        torch.cat([targets[order[:10]], targets[order[-10:]]]),
        n_columns=10,
        row_labels=["shown most", "shown least"],
        title="What is shown most is rare in one way or another",
    ),
    alt="Two rows of ten targets. The ones shown most are thick or oddly shaped digits; the ones shown least are "
    "ordinary thin ones.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What was seen, and what was not
#
# * The gap became much smaller, without anybody telling the model about pens. **Rare in the latent space** and **in the
#   rare group** are not the same, though: odd thin digits are shown more often, too.
# * It is paid for. The common group may lose a little, and more thick others are taken for targets: look at the last
#   group of bars.
# * No new images come into being. 24 thick targets, shown often, are still 24.
# * $\alpha$ was chosen here by looking at the groups, which needs at least *some* images whose group is known.
# * It only works for what the latent space notices. A group whose codes lie among the others' stays unseen.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Try at home:* replace `thicken` by `images.rot90(1, (2, 3))`, digits on their side. On the default digits the gap is
# larger and falls as well; on MNIST, whose slants vary more, the codes of turned digits lie among the others, and the
# gap hardly moves. *Ask:* "Is the gap of zero what we want, if it is reached by failing both groups?" (Look at alpha =
# 0.01.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 · The other use: refuse what does not belong
#
# A reader of digits will be given things that are no digits. Whatever its classes are, its answer is wrong then. It
# should rather say "not one of mine". For this one needs a **score** that is high for outliers. A VAE offers four:
#
# | score | question |
# |---|---|
# | reconstruction, $-\log p(x \mid z)$ | can the model copy it? |
# | negative ELBO | and is its code usual as well? |
# | importance-weighted $-\log p(x)$ | how likely is the image itself? |
# | distance of the code, $\lVert \mu \rVert^2$ | how far from the prior's centre? |

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The model and the strangers
#
# We make all images black and white. Then $p(x)$ is the **probability** of one of $2^{784}$ images, and $-\log_2 p(x)$
# is the length in bits of the best code for $x$ that the model offers. With grey values, $p$ would be a density, whose
# value depends on the units.


# %% slideshow={"slide_type": "fragment"}
def black_and_white(images: Tensor) -> Tensor:
    return (images > 0.5).float()


def train_vae(x: Tensor, epochs: int = 10) -> VAE:
    model = VAE(MLPEncoder(10, hidden_dim=200), MLPDecoder(10, hidden_dim=200))

    def loss(model: VAE, x: Tensor) -> Tensor:
        logits, mu, logvar = model(x, generator)
        return negative_elbo(x, logits, mu, logvar)

    fit(model, loss, (x,), epochs=epochs, batch_size=100, lr=2e-3, generator=generator)
    return model


torch.manual_seed(0)
clean_train = black_and_white(augment(data.train_images, 2000, generator=generator)[0])
vae = train_vae(clean_train)


# %% slideshow={"slide_type": "subslide"}
def half_size(images: Tensor) -> Tensor:
    return F.pad(F.avg_pool2d(1.5 * images, 2), (7, 7, 7, 7))


def bars(n: int) -> Tensor:
    """Black images with one upright or lying bar, 2 pixels broad, somewhere near the middle."""
    images = torch.zeros(n, 1, 28, 28)
    for image in images:
        row, column, length = (
            int(torch.randint(*limits, (), generator=generator)) for limits in ((8, 19), (8, 19), (5, 12))
        )
        if torch.rand((), generator=generator) < 0.5:
            image[0, row : row + 2, column - length // 2 : column + length // 2] = 1
        else:
            image[0, row - length // 2 : row + length // 2, column : column + 2] = 1
    return images


digits = black_and_white(data.test_images[:300])
ink = clean_train.mean().item()
strangers = {
    "on their side": digits.rot90(1, (2, 3)),
    "noise": (torch.rand(300, 1, 28, 28, generator=generator) < ink).float(),
    "shapes": black_and_white(load("shapes").test_images[:300]),
    "half size": black_and_white(half_size(data.test_images[:300])),
    "bars": bars(300),
}

# %% slideshow={"slide_type": "subslide"}
show(
    image_grid(
        torch.cat([images[:9] for images in (digits, *strangers.values())]),
        n_columns=9,
        row_labels=["digits", *strangers],
        title="Who belongs, and five kinds of strangers",
        cell_inches=0.6,
    ),
    alt="Six rows of nine black and white images: digits; digits on their side; noise; squares, ellipses and hearts; "
    "digits of half the size; single bars.",
)


# %% slideshow={"slide_type": "subslide"}
@torch.no_grad()
def scores(model: VAE, x: Tensor) -> dict[str, Tensor]:
    """Four outlier scores, each (B,), high = outlier; the first three in nats."""
    logits, mu, logvar = model(x, generator)
    terms = elbo_terms(x, logits, mu, logvar)
    return {
        "reconstruction": -terms.log_likelihood,
        "negative ELBO": -terms.elbo,
        "-log p(x)": -importance_log_likelihood(model, x, N_DRAWS, generator),
        "code distance": mu.square().sum(1),
    }


scored = {name: scores(vae, images) for name, images in {"digits": digits, **strangers}.items()}

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
same_way = scored["digits"]["-log p(x)"].mean() < scored["digits"]["negative ELBO"].mean()
print("-log p(x) lies below the negative ELBO, its upper bound, on average:", bool(same_way))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### One threshold, two kinds of error
#
# Reject everything above a threshold $t$. Two shares say how well this works: outliers rejected, and usual images
# rejected by mistake. As $t$ falls from above all scores to the lowest, the pair draws the **ROC curve**. Move the
# threshold, and look at what is accepted and rejected near it:

# %% slideshow={"slide_type": "fragment"}
rejection_playground(
    scored["digits"]["negative ELBO"], scored["half size"]["negative ELBO"], digits, strangers["half size"]
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The area under it
#
# The area under the ROC curve needs no threshold, and has a meaning of its own. Draw one outlier and one usual image:
#
# $$\text{AUROC} = P(s_\text{out} > s_\text{in}) + \tfrac12 P(s_\text{out} = s_\text{in}) .$$
#
# 1: perfect. One half: a coin. **Below one half: the score points the wrong way.** Among $n$ usual images and $m$
# outliers it is a sum of ranks $R_j$ (of the outliers, among all): $\big(\sum_j R_j - m(m+1)/2\big) / (nm)$.
#
# <details>
# <summary>Why the rank sum?</summary>
#
# The rank of an outlier is one, plus how many scores lie below its own: usual ones and other outliers. Summed over all
# outliers, the part among themselves is $1 + 2 + \dots + m = m(m+1)/2$, whatever the scores are. What is left counts
# the pairs (usual, outlier) in the right order. Ties share the mean of their ranks, which counts such a pair one half.
#
# </details>

# %% [markdown] exercise="auroc"
# Write `auroc(scores_in, scores_out)`: the share of pairs in which the outlier has the higher score, ties counted one
# half. `scores_in` `(n,)` are those of usual images, `scores_out` `(m,)` those of outliers; high = outlier; $n$ and $m$
# may differ. It returns a number between 0 and 1.
#
# For example: `[0.0, 1.0]` and `[1.0, 2.0]` give 0.875: of four pairs three are in order, and one is a tie.


# %%
def auroc(scores_in: Tensor, scores_out: Tensor) -> float:
    """How often an outlier scores higher than a usual image."""
    ### BEGIN SOLUTION
    higher = scores_out[:, None] > scores_in[None, :]
    equal = scores_out[:, None] == scores_in[None, :]
    return (higher.double() + 0.5 * equal.double()).mean().item()
    ### END SOLUTION


# %%
auroc = check("auroc", auroc)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
s_in, s_out = torch.tensor([3.0, 1.0, 4.0, 1.5]), torch.tensor([5.0, 9.0, 2.0])
ranks = torch.cat([s_in, s_out]).argsort().argsort() + 1  # no ties here
by_ranks = (ranks[4:].sum().item() - 3 * 4 / 2) / (4 * 3)
false_alarms, caught = roc_curve(s_in, s_out)
print(f"pairs: {auroc(s_in, s_out):.4f}, rank sum: {by_ranks:.4f}, ", end="")
print(f"area under the curve: {torch.trapezoid(caught, false_alarms):.4f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Four scores, five kinds of strangers

# %% slideshow={"slide_type": "skip"}
LOOK = {
    "reconstruction": (COLOURS["reconstruction"], "--"),
    "negative ELBO": (COLOURS["kl"], "-."),
    "-log p(x)": (COLOURS["model"], "-"),
    "code distance": (COLOURS["posterior"], ":"),
}


def areas_of(scored: dict[str, dict[str, Tensor]], usual: str) -> Tensor:
    """AUROC of every score (rows) for every kind of stranger (columns)."""
    kinds = [kind for kind in scored if kind != usual]
    return torch.tensor([[auroc(scored[usual][s], scored[k][s]) for k in kinds] for s in scored[usual]])


def table(axes, areas: Tensor, rows, columns) -> None:
    """A table of AUROCs, red below one half and blue above; every number written in."""
    axes.imshow(areas, cmap="RdBu", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.grid(False)
    for (i, j), area in np.ndenumerate(areas.numpy()):
        colour = "white" if abs(area - 0.5) > 0.3 else "black"
        axes.text(j, i, f"{area:.2f}", ha="center", va="center", color=colour, weight="bold")


areas = areas_of(scored, "digits")

# %% slideshow={"slide_type": "skip"}
figure, panels = new_figure(1, 3, figsize=(10.5, 4.4))
for axes, kind in zip(panels, ("noise", "half size", "bars"), strict=True):
    axes.plot([0, 1], [0, 1], color=COLOURS["neutral"], linewidth=1)
    for name, (colour, dashes) in LOOK.items():
        curve = roc_curve(scored["digits"][name], scored[kind][name])
        axes.plot(*curve, color=colour, linestyle=dashes, label=name)
    axes.set(
        title=f"against {kind}",
        xlabel="digits rejected",
        aspect="equal",
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
    )
panels[0].set_ylabel("strangers rejected")
figure.suptitle("The distance of the code points the wrong way; the others depend on the stranger")
legend = figure.legend(*panels[0].get_legend_handles_labels(), ncols=4, loc="outside lower center")

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="ROC curves of four scores against noise, half-size digits and bars. Reconstruction, negative ELBO and "
    "importance-weighted likelihood are near the upper left corner for noise and lower for half-size digits and bars. "
    "The distance of the code runs below the diagonal in all three.",
)

# %% slideshow={"slide_type": "subslide"}
figure, axes = new_figure(figsize=(10, 3.6))
axes.set_title("AUROC: noise is found at once, simple strangers less surely")
table(axes, areas, scored["digits"], strangers)
show(
    figure,
    alt="A table of AUROC values, four scores by five kinds of strangers. Reconstruction, negative ELBO and -log p(x) "
    "are highest for digits on their side and noise, and lower for shapes, half-size digits and bars. The distance of "
    "the code is far below one half for most.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# * **The distance of the code** is nearly useless, or worse: what the encoder does not know lands *near the centre*,
#   where the prior is densest. A code says where an image lies among the training images, not whether it is one.
# * The other three find what is strange **and complicated** at once.
# * For simple strangers, **$-\log p(x)$, the most exact of them, is the weakest.** This is no accident.

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
print("against noise, the first three scores are above 0.95:", bool((areas[:3, 1] > 0.95).all()))
print("against digits on their side, above 0.8:", bool((areas[:3, 0] > 0.8).all()))
print("the distance of the code is below 0.5 for at least four kinds:", bool((areas[3] < 0.5).sum() >= 4))
print(
    "shapes, half size, bars: -log p(x) is below reconstruction:", bool((areas[2, 2:] < areas[0, 2:]).all())
)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask before the table:* "Which score will win?" Most vote for log p(x): it is the very thing we have been after since
# lecture 3. *Then:* "Why do unknown images land near the centre?" (Nothing in the loss says where they
# go. A guess to be tested: hints at many different digits cancel.) On MNIST, where simple strangers are simpler still
# than the digits, the AUROC of log p(x) is below 0.1 for half-size digits and bars: section 6 without any grain.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 · Likelihood prefers the simple
#
# Nalisnick et al. (2019) trained deep generative models on photographs of animals and vehicles, and found that they
# give a **higher** likelihood to house numbers; models of clothes prefer handwritten digits. The outlier is likelier
# than the training data themselves. The smallest example has 784 coins.
#
# Images whose pixels are white with probability $\varepsilon = 0.08$, independently. The model is *exactly right*:
#
# $$\log_2 p(x) = k \log_2 \varepsilon + (784 - k) \log_2 (1 - \varepsilon), \qquad k = \text{white pixels} .$$
#
# A usual image has $k \approx 63$ white pixels and costs about $784\, H(\varepsilon)$ bits, with the entropy $H$ of one
# coin. The **black** image has $k = 0$.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
entropy = -(GRAIN * math.log2(GRAIN) + (1 - GRAIN) * math.log2(1 - GRAIN))
print(f"a usual image costs 784 x {entropy:.3f} = {784 * entropy:.0f} bits, ", end="")
print(f"the black image {-784 * math.log2(1 - GRAIN):.0f} bits")
print(f"a black image among the usual ones: one in 10^{-784 * math.log10(1 - GRAIN):.0f}")

k_usual = torch.binomial(torch.full((1000,), 784.0), torch.tensor(GRAIN), generator=generator)
cost = -(k_usual * math.log2(GRAIN) + (784 - k_usual) * math.log2(1 - GRAIN))
black = torch.full((1000,), -784 * math.log2(1 - GRAIN))
print(f"AUROC of -log p against black images, with the true model: {auroc(cost, black):.3f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The black image is the **single most probable one**, and it never occurs: the usual images are each far less probable,
# but there are so many of them that they have nearly all of the probability. This is called the *typical set*. A better
# model does not help, since this one is the truth.

# %% [markdown] slideshow={"slide_type": "notes"}
# A comparison that stays in memory: of all sequences of 1000 throws of a loaded die that shows 6 a quarter of the time
# (the rest shared alike), the most probable one is 6, 6, 6, ..., and whoever sees it should call the police.
# In many dimensions, the mode is not where the mass is: in a 784-dimensional standard normal it lies at a distance of
# 28 from the mode.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Digits from a bad scanner
#
# Now with a network. Every training image comes from a scanner that flips 8 % of the pixels. The strangers are
# **clean**, and no digit; for comparison there are strangers with the same grain.


# %% slideshow={"slide_type": "fragment"}
def scanned(images: Tensor) -> Tensor:
    """Flip each pixel with probability GRAIN."""
    return (images - (torch.rand(images.shape, generator=generator) < GRAIN).float()).abs()


usual = scanned(digits)
grainy_strangers = {
    "bars": strangers["bars"],
    "shapes": strangers["shapes"],
    "half size": strangers["half size"],
    "black": torch.zeros(300, 1, 28, 28),
    "on their side\nwith grain": scanned(strangers["on their side"]),
    "shapes\nwith grain": scanned(strangers["shapes"]),
}
torch.manual_seed(1)
scanner_vae = train_vae(scanned(clean_train))

# %% slideshow={"slide_type": "fragment"}
sets = {"digits": usual, **grainy_strangers}
log_p = {name: importance_log_likelihood(scanner_vae, x, N_DRAWS, generator) for name, x in sets.items()}

# %% slideshow={"slide_type": "skip"}
figure, (left, right) = new_figure(1, 2, figsize=(10.5, 4.0), width_ratios=(1, 1.9))
pairs = [
    torch.cat([*images[:4]], 2) for images in (usual, strangers["shapes"], strangers["bars"])
]  # (1, 28, 112)
left.imshow(torch.cat(pairs, 1)[0], cmap="gray")
left.set(title="Which are likelier?", xticks=[], yticks=[13.5, 41.5, 69.5])
left.set_yticklabels(["scanned\ndigits", "clean\nshapes", "clean\nbars"])
bins = torch.linspace(100, 650, 60)
for name, colour, dashes in (("digits", "data", "-"), ("shapes", "model", "--"), ("bars", "kl", "-.")):
    bits = -log_p[name] / math.log(2)
    label = "scanned digits" if name == "digits" else f"clean {name}"
    right.hist(bits, bins, histtype="stepfilled", alpha=0.25, color=COLOURS[colour])
    right.hist(bits, bins, histtype="step", color=COLOURS[colour], linestyle=dashes, linewidth=2, label=label)
right.set(title="Clean strangers are likelier than the model's own kind", ylabel="images")
right.set(xlabel="$-\\log_2 p(x)$ in bits (left is likelier)")
right.legend()
left.grid(False)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Left: four noisy digits above four clean shapes and four bars. Right: histograms of -log2 p(x) in bits. The "
    "clean shapes and bars lie to the left of the scanned digits, so the model gives them a higher likelihood, "
    "although it was trained on scanned digits.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
by_likelihood = {name: auroc(-log_p["digits"], -log_p[name]) for name in grainy_strangers}
for name in ("bars", "shapes", "half size", "black"):
    print(f"AUROC of -log p(x) against clean {name}: below 0.25:", by_likelihood[name] < 0.25)
print(
    "digits on their side, with the same grain: above 0.65:",
    by_likelihood["on their side\nwith grain"] > 0.65,
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# An AUROC near 0 is *information*: the score knows very well which is which, and says it the wrong way round. We cannot
# simply turn it round, for then it would fail for complicated strangers.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 · Take the complexity away
#
# $-\log_2 p(x)$ is what it costs to tell somebody $x$ in the model's code. It has two parts: what *any* reasonable code
# would have to pay, because the image is complicated; and what this model pays more, or less, because it expects
# something else. Serrà et al. (2020) measure the first by a general compressor, whose output for $x$ has $L(x)$ bits:
#
# $$S(x) = -\log_2 p(x) - L(x) .$$
#
# Low: the model knows more about this image than a general compressor does. **High: outlier.**


# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
def zlib_bits(images: Tensor) -> Tensor:
    """Bits of each image, eight pixels packed into a byte, after zlib (as in PNG files): (B,)."""
    packed = np.packbits(images.flatten(1).numpy().astype(bool), axis=1)
    return torch.tensor([8.0 * len(zlib.compress(row.tobytes(), 9)) for row in packed])


sizes = {name: zlib_bits(x).mean() for name, x in sets.items()}
print("a scanned digit takes more bits than any clean stranger:",
      all(sizes["digits"] > sizes[name] for name in ("bars", "shapes", "half size", "black")))  # fmt: skip
print("a black image still takes more than 50 bits (zlib's own overhead):", bool(sizes["black"] > 50))

# %% [markdown] exercise="input_complexity_score"
# Write `input_complexity_score(log_likelihood, compressed_bits)`: the score $S$ **in bits**, high = outlier, shape
# `(B,)`. `log_likelihood` `(B,)` is $\ln p(x)$, in **nats**; `compressed_bits` `(B,)` is $L(x)$, in bits.
#
# For example: for $\ln p(x) = -100 \ln 2$ and 60 bits the score is 40.


# %%
def input_complexity_score(log_likelihood: Tensor, compressed_bits: Tensor) -> Tensor:
    """Bits that the model needs for x, less those that a general compressor needs: shape (B,)."""
    ### BEGIN SOLUTION
    model_bits = log_likelihood / -math.log(2)
    return model_bits - compressed_bits
    ### END SOLUTION


# %%
input_complexity_score = check("input_complexity_score", input_complexity_score)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A compressor is a model
#
# Why should a difference of code lengths mean anything? A code with lengths $L(x)$ belongs to a distribution, $p_0(x) =
# 2^{-L(x)}$ (if it wastes nothing). So
#
# $$S(x) = \log_2 \frac{p_0(x)}{p(x)} ,$$
#
# a **likelihood ratio** between a background model $p_0$ of all sorts of images and the model of ours. Ren et al.
# (2019) train such a background model on perturbed data; a compressor comes for free.
#
# We can also write a compressor down that wastes nothing. It goes through the pixels row by row and bets on the next by
# what it has seen *in this image so far* behind the same six neighbours: with $n_1$ ones and $n_0$ zeros, a one gets
# $(n_1 + \frac12)/(n_0 + n_1 + 1)$ (Krichevsky and Trofimov 1981).

# %% [markdown] slideshow={"slide_type": "subslide"}
# Multiplied up, the bets in one context (behind the same neighbours) depend only on its final counts,
#
# $$p_0 = \prod_{\text{contexts}} \frac{\Gamma(n_0 + \frac12)\, \Gamma(n_1 + \frac12)}{\pi\, \Gamma(n_0 + n_1 + 1)} .$$


# %% slideshow={"slide_type": "fragment"}
def context_bits(images: Tensor) -> Tensor:
    """-log2 of the probability by adaptive bets on each pixel, given six pixels before it: (B,)."""
    height, width = images.shape[-2:]
    padded = F.pad(images[:, 0], (2, 2, 2, 0)).long()
    before = [(0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0)]
    shifted = [padded[:, 2 + r : 2 + r + height, 2 + c : 2 + c + width] for r, c in before]
    context = sum(2**k * pixels for k, pixels in enumerate(shifted))  # 0 to 63
    cell = (2 * context + images[:, 0].long()).flatten(1)
    counts = torch.zeros(len(images), 128).scatter_add_(1, cell, torch.ones(cell.shape)).double()
    n0, n1 = counts.view(-1, 64, 2).unbind(2)
    bets = torch.lgamma(n0 + 0.5) + torch.lgamma(n1 + 0.5) - math.log(math.pi) - torch.lgamma(n0 + n1 + 1)
    return (-bets.sum(1) / math.log(2)).float()


# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
all_3x3 = torch.tensor([[(k >> i) & 1 for i in range(9)] for k in range(512)]).float().view(512, 1, 3, 3)
total = (-context_bits(all_3x3).double() * math.log(2)).exp().sum()
print(f"p0 summed over all 512 images of 3 x 3 pixels: {total:.4f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# $p_0$ is a probability distribution over images, so $S$ with this code is a likelihood ratio to the letter.

# %% slideshow={"slide_type": "skip"}
corrected = {
    "-log p(x)": {name: -log_p[name] for name in sets},
    "S with zlib": {name: input_complexity_score(log_p[name], zlib_bits(x)) for name, x in sets.items()},
    "S as a ratio": {name: input_complexity_score(log_p[name], context_bits(x)) for name, x in sets.items()},
}
after = torch.tensor(
    [[auroc(score["digits"], score[name]) for name in grainy_strangers] for score in corrected.values()]
)
figure, axes = new_figure(figsize=(10.5, 3.4))
axes.set_title("AUROC: with the complexity taken away, the simple strangers are found")
table(axes, after, corrected, grainy_strangers)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="A table of AUROC values for scanned digits against six kinds of strangers. The row of -log p(x) is near 0 for "
    "clean bars, shapes, half-size digits and black images, and higher for strangers with grain. In the two "
    "rows of the corrected score all values are near 1.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
for row, name in enumerate(corrected):
    clean, grainy = after[row, :4], after[row, 4:]
    if row == 0:
        print(f"{name}: all four clean strangers below 0.25:", bool((clean < 0.25).all()))
    else:
        print(f"{name}: all clean strangers above 0.95:", bool((clean > 0.95).all()), end=", ")
        print("those with grain above 0.8:", bool((grainy > 0.8).all()))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What was seen, and what was not
#
# * Corrected, one score finds simple *and* complicated strangers here.
# * Both corrections come from *outside* the data: a compressor brings its own idea of what is simple. Where it
#   compresses badly (28 x 28 pixels are hardly more than zlib's own overhead), $L$ is a crude measure.
# * It is no cure for everything. A clean **digit** is strange to the scanner's model too, in its lack of grain:
#   should it be refused? Only you can say. *Outlier* means nothing without "compared with what".

# %% slideshow={"slide_type": "fragment"}
log_p_clean = importance_log_likelihood(scanner_vae, digits, N_DRAWS, generator)
for name, bits in (("zlib", zlib_bits), ("the ratio", context_bits)):
    own, other = (
        input_complexity_score(p, bits(x)) for p, x in ((log_p["digits"], usual), (log_p_clean, digits))
    )
    print(f"clean digits against scanned ones, S with {name}: AUROC {auroc(own, other):.2f}")

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Would you use S in a hospital?" Collect what one would need: strangers of the kinds one expects, a threshold
# chosen on held-out usual images, and somebody who looks at what is rejected. Zhang et al. (2021) argue that in the end
# every such score fails for some kind of outlier, unless one says which.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# * Accuracy on average hides groups. **Measure each group**, with error bars.
# * **Resampling** by $\prod_d 1 / (\hat q_d + \alpha)$ shows rare codes more often. Small $\alpha$: few examples count;
#   large $\alpha$: nothing changes. It sees what is rare in *some* latent dimension, and nothing else.
# * Here it took most of the gap away, without group labels, and let a little of the other groups' accuracy go.
# * **AUROC** is the share of pairs in the right order; below one half the score points the wrong way.
# * The distance of the code is a poor outlier score: the unknown lands near the centre.
# * **The most probable image need not be a typical one.** Likelihood prefers simple strangers, even with the true
#   model.
# * $-\log_2 p(x) - L(x)$ takes the complexity away: a likelihood ratio against a compressor.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Check yourself
#
# 1. A group makes up 20 % of the examples and fills one of five equally wide bins, alone; the others fill the other
#    four, evenly. What does resampling with $\alpha = 0$ do to its share?
# 2. You double the latent dimension from 3 to 6 and keep $\alpha$. What happens to the effective number of examples?
# 3. A score has an AUROC of 0.02. Your colleague says: useless. Your other colleague says: perfect, just turn it round.
# 4. Why does the histogram use *targets* only?
# 5. A standard normal in 784 dimensions is the true model. Which $x$ has the smallest $-\log p(x)$, and what does a
#    typical $x$ look like?
# 6. Somebody uses $L(x) = 784$ bits for every image. What does $S$ measure then?
#
# <details>
# <summary>Answers</summary>
#
# 1. Nothing: every bin has 20 % already. Resampling makes *bins* alike, not groups.
# 2. It falls: weights are products of twice as many factors, so they differ more. A larger $\alpha$ makes up for it.
# 3. Neither. It separates these two kinds very well, in the wrong direction; turned round it would fail for strangers
#    that now have the higher score, noise for instance. Find out what it measures instead.
# 4. The weights are for targets: rare among *them* is what the classifier has seen too little of. Codes of other
#    digits, which the decoder was never trained on, would blur the histogram.
# 5. $x = 0$. A typical one has a length close to $\sqrt{784} = 28$: the mode is not typical.
# 6. The likelihood alone, shifted by a constant: the AUROC is that of $-\log p(x)$. ($L = 784$ is the code of a model
#    in which all $2^{784}$ images are alike.)
#
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# ## References
#
# * A. Amini, A. P. Soleimany, W. Schwarting, S. N. Bhatia, D. Rus (2019). *Uncovering and mitigating algorithmic bias
#   through learned latent structure.* AAAI/ACM Conference on AI, Ethics, and Society.
#   https://doi.org/10.1145/3306618.3314243. The debiasing VAE.
# * J. Buolamwini, T. Gebru (2018). *Gender shades: intersectional accuracy disparities in commercial gender
#   classification.* Proceedings of Machine Learning Research 81, 77-91.
# * J. A. Hanley, B. J. McNeil (1982). *The meaning and use of the area under a receiver operating characteristic (ROC)
#   curve.* Radiology 143, 29-36.
# * E. Nalisnick, A. Matsukawa, Y. W. Teh, D. Gorur, B. Lakshminarayanan (2019). *Do deep generative models know what
#   they don't know?* arXiv:1810.09136.
# * J. Serrà, D. Álvarez, V. Gómez, O. Slizovskaia, J. F. Núñez, J. Luque (2020). *Input complexity and
#   out-of-distribution detection with likelihood-based generative models.* arXiv:1909.11480.
# * J. Ren, P. J. Liu, E. Fertig, J. Snoek, R. Poplin, M. A. DePristo, J. V. Dillon, B. Lakshminarayanan (2019).
#   *Likelihood ratios for out-of-distribution detection.* arXiv:1906.02845.
# * R. E. Krichevsky, V. K. Trofimov (1981). *The performance of universal encoding.* IEEE Transactions on Information
#   Theory 27(2), 199-207.
# * L. Zhang, M. Goldstein, R. Ranganath (2021). *Understanding failures in out-of-distribution detection with deep
#   generative models.* arXiv:2107.06908.
