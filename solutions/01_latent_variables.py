# ---
# jupyter:
#   title: Generative models and latent variables
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # 1 · Generative models and latent variables
#
# > **How can one give a probability to something as complicated as a picture, and draw new ones?**
#
# Everything in this course answers that question. This lecture says what the answer must look like, and
# why it is hard to get.

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Afterwards you will be able to**
#
# - say what a discriminative, a generative and a conditional generative model each spread their
#   probability over, and compute one from the others;
# - evaluate and draw from a latent-variable model: exactly, by quadrature, by Monte Carlo;
# - say why the last two fail when the latent variable has more than a few dimensions;
# - use a density to reject what does not belong, and know when that goes wrong;
# - place every model of this course on one map.
#
# **You need** probability densities, expectations, the Gaussian; a little PyTorch (tensors, broadcasting).
#
# **Time** 90 minutes of lecture, about 45 minutes of exercises; the notebook itself runs in under half a
# minute.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Timing: opening 5, section 1: 18, section 2: 10, section 3: 12, section 4: 15, section 5: 15, section 6:
# 5, section 7: 5, section 8: 5.*
#
# *Ask before anything else:* "I give you a photograph and you give me a number, its probability. What
# would you need to know?" Collect answers; come back to them with the map at the end.

# %% slideshow={"slide_type": "skip"}
import math
from functools import partial

import torch
from sklearn.decomposition import PCA
from sklearn.manifold import Isomap
from sklearn.neighbors import KernelDensity
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from course_utils.data import draw_shapes, load, load_shapes, swiss_roll, toy2d
from course_utils.exercises import check
from course_utils.plotting import COLOURS, curves, image_grid, new_figure, show, use_course_style
from course_utils.plotting.model_map import ABILITIES_ALT, MAP_ALT, draw_abilities, draw_map
from course_utils.runtime import seed_everything
from course_utils.widgets.prior_samples import codes_needed, prior_playground, spread_per_dimension

# %% slideshow={"slide_type": "skip"}
use_course_style()
generator = seed_everything(1)  # everything random below draws from here: the same notebook every time

N_CODES = 10_000  # codes per Monte Carlo estimate
CODE_DIM = 64  # latent dimensions of our model of the digits

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The conventions of the whole course
#
# | thing | convention |
# |---|---|
# | image batch `x` | float32, shape `(B, 1, 28, 28)`, values in [0, 1] |
# | latent `z` | shape `(B, D)`; some texts write h. Encoder parameters are $\phi$, decoder parameters $\theta$ |
# | Gaussian posterior | `mu, logvar`, each `(B, D)`; **`logvar` is $\log\sigma^2$**, never $\log\sigma$ |
# | per-example quantities | log-likelihood, KL, ELBO: shape `(B,)`, **summed** over pixels or latents, in nats |
# | losses | mean over the batch of a per-example quantity |
# | KL(q, p) | the first argument is the distribution the expectation is taken under |
# | direction | we say ELBO when it is maximised, `negative_elbo` when it is a loss |

# %% [markdown] slideshow={"slide_type": "subslide"}
# Two of these cause most of the bugs in this subject. $\sigma = \exp(\tfrac12 \texttt{logvar})$, not
# $\exp(\texttt{logvar})$; and the log-likelihood of a picture is the **sum** over its pixels, because the
# probability of all of them is the product.

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
mu, logvar = torch.tensor(0.0), torch.tensor(2 * math.log(3.0))  # a standard deviation of 3
print(f"sigma from logvar: {torch.exp(logvar / 2):.4f}")

pixels = torch.tensor([0.2, 0.9, 0.4])  # three independent pixels, each with density N(0, 3^2)
densities = Normal(mu, torch.exp(logvar / 2)).log_prob(pixels).exp()
print(f"log of the product {densities.prod().log():.4f}, sum of the logs {densities.log().sum():.4f} nats")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## The data: look before you model

# %% slideshow={"slide_type": "-"}
data = load().subset(1400, 300)  # the data set named by COURSE_DATASET, else "digits"; these will do
x_train, y_train, x_test = data.train_images, data.train_labels, data.test_images
print(data)
print(f"shape {tuple(x_train.shape)}, values from {x_train.min():.2f} to {x_train.max():.2f}")

# %% slideshow={"slide_type": "subslide"}
of_each_class = torch.cat([x_train[y_train == k][:3] for k in range(data.n_classes)]).unflatten(0, (-1, 3))
figure = image_grid(
    of_each_class.transpose(0, 1).flatten(0, 1),
    n_columns=data.n_classes,
    title="One name stands for many pictures",
    column_labels=data.class_names,
)
show(figure, alt="Three different handwritten examples of each class, one column per class")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 · Who competes for the probability?
#
# **Supervised** learning has pairs (x, y) and learns the name y of a picture x. **Unsupervised** learning
# has pictures alone and learns what they are like. In the language of probability there are three models
# one may want:
#
# | model | | must add up to 1 over | can say |
# |---|---|---|---|
# | discriminative | $p(y \mid x)$ | the **labels**, for each picture | which name fits best |
# | generative | $p(x)$ | all **pictures** | how plausible a picture is |
# | conditional generative | $p(x \mid y)$ | all **pictures**, for each label | what a 7 looks like |
#
# What adds up to 1 competes: one can only rise if another falls.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### All pictures with two pixels
#
# Two pixels, each black or white: there are four pictures. And two labels, *a* and *b*. Then everything
# there is to know is a table of eight numbers, the joint distribution $p(x, y)$.

# %% slideshow={"slide_type": "-"}
pictures = ["□□", "□■", "■□", "■■"]
p_xy = torch.tensor([[0.10, 0.30, 0.00, 0.10], [0.20, 0.05, 0.15, 0.10]])  # rows: labels a, b

p_a, p_b = p_xy.sum(dim=1)  # marginals: sum out what you don't ask about
per_picture = p_xy.sum(dim=0)
labels_compete = p_xy / per_picture
pictures_compete = torch.stack([p_xy[0] / p_a, p_xy[1] / p_b])

# %% slideshow={"slide_type": "skip"}
figure, axes = new_figure(1, 3, figsize=(10, 3.1))
figure.suptitle("Labels compete down a column, pictures along a row", x=0.01, ha="left")
titles = ["p(x, y): all share 1", "p(y|x): columns share 1", "p(x|y): rows share 1"]
for ax, table, title in zip(axes, [p_xy, labels_compete, pictures_compete], titles, strict=True):
    ax.imshow(table, vmin=0, vmax=2, cmap="Blues")
    for i in range(2):
        for j in range(4):
            ax.text(j, i, f"{table[i, j]:.2f}", ha="center", va="center", fontsize=13)
    ax.set(title=title, xticks=range(4), yticks=range(2), yticklabels=["a", "b"])
    ax.set_xticklabels(pictures, fontsize=17)
    ax.grid(False)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Three tables of two labels by four two-pixel pictures: the joint; the labels given the picture, "
    "where each column adds up to 1; the pictures given the label, where each row adds up to 1",
)

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
print("p(y|x), summed over labels:  ", [round(v, 4) for v in labels_compete.sum(0).tolist()])
print("p(x|y), summed over pictures:", [round(v, 4) for v in pictures_compete.sum(1).tolist()])
certainty, share = labels_compete[1, 2], per_picture[2]
print(f"picture ■□ is a b with probability {certainty:.2f}, but is only {share:.2f} of all pictures")

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "The discriminative model is certain that ■□ is a b. Is ■□ a common picture? Does that model
# know?" It does not: each column is normalised by itself, so how much mass a column had is forgotten.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A discriminative model must answer
#
# Labels compete for each picture *separately*. So a classifier spreads one unit of belief over the labels
# whatever it is shown. We train the simplest one, softmax regression, and show it things that are no
# digits.

# %% slideshow={"slide_type": "-"}
classifier = torch.nn.Linear(784, data.n_classes)
optimizer = torch.optim.Adam(classifier.parameters(), lr=0.01)
for _ in range(100):
    loss = torch.nn.functional.cross_entropy(classifier(x_train.flatten(1)), y_train)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

accuracy = (classifier(x_test.flatten(1)).argmax(1) == data.test_labels).float().mean()
print(f"Right on {accuracy:.0%} of the held-out pictures")

# %% slideshow={"slide_type": "subslide"}
noise = torch.rand(1, 1, 28, 28, generator=generator)
heart = draw_shapes(torch.tensor([[2.0, 1.0, 0.0, 0.5, 0.5]]))
stripes = (torch.arange(28) % 4 < 2).float().expand(1, 1, 28, 28)
strangers = torch.cat([x_test[:1], x_test[1:2].flip(2), 1 - x_test[2:3], heart, stripes, noise])

belief = classifier(strangers.flatten(1)).softmax(1).max(1)
names = [data.class_names[k] for k in belief.indices]
answers = [f"{name}: {p:.0%}" for name, p in zip(names, belief.values.tolist(), strict=True)]
title = "Only the first is a digit, but every one gets a name"
figure = image_grid(strangers, n_columns=6, title=title, column_labels=answers)
show(
    figure,
    alt="A digit, a digit upside down, a negative, a heart, stripes and noise, each with the label and the "
    "confidence of the classifier, which is high for most of them",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "What should the classifier have said?" It has no word for "none of these": the labels'
# probabilities must add up to 1. A density over pictures can say it, by being low. We keep `strangers` for
# section 7.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Bayes' rule builds one model from the others
#
# $$p(x \mid y) = \frac{p(y \mid x)\; p(x)}{p(y)}, \qquad p(y) = \sum_x p(y \mid x)\, p(x)$$
#
# A classifier, which never learnt what pictures look like, and a density, which never saw a label,
# together make a model that draws pictures *of a given class*.
#
# We try it where everything is known: "pictures" with two real-valued pixels on a fine grid, three classes.

# %% slideshow={"slide_type": "subslide"}
ticks = torch.linspace(-4, 4, 81)
grid = torch.cartesian_prod(ticks, ticks)  # (81 * 81, 2): every picture on the grid
cell = (ticks[1] - ticks[0]) ** 2


def gaussian_density(points: Tensor, mean: list[float], std: float) -> Tensor:
    """Density of N(mean, std^2 I) in the plane, (n,)."""
    return Normal(torch.tensor(mean), std).log_prob(points).sum(1).exp()


# Class 0 has two parts; the last two classes one each.
classes = torch.stack([
    0.5 * gaussian_density(grid, [-2.0, 1.0], 0.4) + 0.5 * gaussian_density(grid, [0.0, 2.0], 0.4),
    gaussian_density(grid, [1.5, -0.5], 0.6),
    gaussian_density(grid, [-1.0, -1.5], 0.5),
])  # fmt: skip
true_p_x_given_y = classes / classes.sum(1, keepdim=True)  # (3, 6561), each row a distribution over the grid
true_p_y = torch.tensor([0.5, 0.3, 0.2])

# %% [markdown] slideshow={"slide_type": "subslide"}
# From now on we pretend to know only what a generative model without labels and a classifier would tell us:
# $p(x)$ and $p(y \mid x)$.

# %% slideshow={"slide_type": "-"}
p_x = true_p_y @ true_p_x_given_y  # (6561,) sums to 1 over the grid
p_y_given_x = (
    true_p_y[:, None] * true_p_x_given_y / p_x.clamp_min(1e-38)
)  # (3, 6561) sums to 1 over the labels


# %% slideshow={"slide_type": "skip"}
def three_planes(claim: str, titles: list[str], limit: float):
    """Three square panels side by side with the same limits; returns the figure and its axes."""
    figure, axes = new_figure(1, 3, figsize=(10, 4.2), sharey=True)
    figure.suptitle(claim, x=0.01, ha="left")
    for ax, title in zip(axes, titles, strict=True):
        ax.set(title=title, xlabel="$x_1$", xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
        ax.grid(False)
    axes[0].set(ylabel="$x_2$")
    return figure, axes


def shade(ax, values: Tensor, scale: float = 1.0) -> None:
    """Shade the plane by values on the grid, (6561,); the grid's axes are multiplied by `scale`."""
    ax.contourf(scale * ticks, scale * ticks, values.reshape(81, 81).T, levels=12, cmap="Blues")


claim = "The classifier is sure even where no picture ever falls"
figure, axes = three_planes(claim, ["p(x)", "p(y=0|x)", "p(x|y=0)"], limit=4)
for ax, values in zip(axes, [p_x, p_y_given_x[0], true_p_x_given_y[0]], strict=True):
    shade(ax, values)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Three maps of the plane: the density p(x) with four hills; the classifier's p(y=0|x), which is near "
    "1 in a whole half of the plane, empty regions included; the density p(x|y=0) with the two hills of "
    "class 0",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "The middle map is 1 in the upper corner, and no x ever falls there. Why is that not a
# contradiction?" Because it is a statement about labels *given* that something is there.

# %% [markdown] exercise="class_conditional_density"
# Write `class_conditional_density(p_x, p_y_given_x)`: Bayes' rule on a grid, for **one** class.
#
# `p_x` is a tensor of any shape that sums to 1, the probability of each point of the grid. `p_y_given_x`
# has the same shape and holds the classifier's probability of our class at each point. Return
# $p(x \mid y)$: the same shape, summing to 1 over the whole grid. It must also work for a very rare class
# ($p(y)$ about $10^{-12}$), and leave its arguments as they were.


# %%
def class_conditional_density(p_x: Tensor, p_y_given_x: Tensor) -> Tensor:
    """p(x|y) on a grid of any shape, from p(x) and one class's p(y|x) on the same grid."""
    ### BEGIN SOLUTION
    joint = p_x * p_y_given_x
    return joint / joint.sum()
    ### END SOLUTION


# %%
class_conditional_density = check("class_conditional_density", class_conditional_density)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Does it give back the three class densities that we started from, and do the three make up $p(x)$ again?

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
rebuilt = torch.stack([class_conditional_density(p_x, p_y) for p_y in p_y_given_x])
print(f"largest error below 1e-6: {(rebuilt - true_p_x_given_y).abs().max().item() < 1e-6}")
print("p(y) = sum of p(y|x) p(x):", [round(v, 4) for v in (p_y_given_x @ p_x).tolist()])
print(f"p(x) = sum of p(x|y) p(y): {torch.allclose(true_p_y @ rebuilt, p_x, atol=1e-6)}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The same with learnt parts
#
# 800 points **without** labels give a density; 30 points **with** labels give a classifier. Their product
# is a conditional generative model, mostly learnt without supervision. Later in this field the same
# product steers diffusion models towards a class ("classifier guidance").

# %% slideshow={"slide_type": "-"}
unlabelled = grid[torch.multinomial(p_x, 800, replacement=True, generator=generator)]
labelled_at = torch.multinomial(p_x, 30, replacement=True, generator=generator)
labels = torch.multinomial(p_y_given_x.T[labelled_at], 1, generator=generator).flatten()

learnt_p_x = torch.tensor(KernelDensity(bandwidth=0.25).fit(unlabelled).score_samples(grid)).exp() * cell
distance = torch.cdist(grid, grid[labelled_at])  # a kernel classifier: near labels vote
votes = torch.exp(-(distance**2) / 0.5) @ torch.nn.functional.one_hot(labels, 3).float() + 1e-6
learnt_p_y_given_x = votes / votes.sum(1, keepdim=True)  # (6561, 3)
learnt = class_conditional_density(learnt_p_x.float(), learnt_p_y_given_x[:, 0])

# %% slideshow={"slide_type": "skip"}
claim = "Few labels are enough when p(x) is learnt without them"
figure, axes = three_planes(claim, ["800 points, 30 labels", "p(x|y=0), built", "p(x|y=0), true"], limit=4)
axes[0].plot(*unlabelled.T, ".", ms=3, color=COLOURS["neutral"])
for k, marker in enumerate("o^s"):
    axes[0].plot(*grid[labelled_at][labels == k].T, marker, ms=7, label=f"class {k}")
legend = axes[0].legend(loc="upper right", handletextpad=0, borderpad=0)
shade(axes[1], learnt)
shade(axes[2], true_p_x_given_y[0])

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Left: 800 grey points and 30 labelled ones of three classes. Middle and right: the density of class "
    "0 built from both, and the true one; both have two hills in the same places",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 · Density estimation and sampling are two abilities
#
# A generative model may be asked two things:
#
# - **density estimation**: here is an x, how probable is it? $x \mapsto \log p(x)$
# - **sampling**: give me a new x. $\varnothing \mapsto x \sim p(x)$
#
# Neither comes with the other for free.

# %% slideshow={"slide_type": "subslide"}
moons = toy2d("moons", 400, generator=generator)
both = KernelDensity(bandwidth=0.15).fit(moons)  # a small Gaussian around each point
score_both = torch.tensor(both.score_samples(grid / 2))

energy = ((grid / 2).norm(dim=1) - 1.2) ** 2 / 0.02  # low on a ring; exp(-energy) has an unknown constant
z = torch.randn(3, 400, generator=generator)  # three random numbers for each point of the plane
pushed = torch.stack([1.1 * z[0], torch.sin(2.5 * z[0])], 1) + 0.15 * z[1:].T  # easy to draw; its density?

# %% slideshow={"slide_type": "skip"}
claim = "Being able to score is not being able to draw"
figure, axes = three_planes(claim, ["score and draw", "score, up to a constant", "draw only"], limit=2)
shade(axes[0], score_both.exp(), scale=0.5)
axes[0].plot(*both.sample(150, random_state=0).T, ".", ms=4, color=COLOURS["model"])
shade(axes[1], (-energy).exp(), scale=0.5)
drawn = axes[2].plot(*pushed.T, ".", ms=4, color=COLOURS["model"])

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Three panels: a kernel density estimate of two moons with its own samples; a ring given by an "
    "energy, with no samples; samples along a wave, with no density",
)

# %% [markdown] slideshow={"slide_type": "-"}
# - left: a kernel density estimate scores and draws;
# - middle: an energy $E$ gives $p(x) = e^{-E(x)} / Z$, but $Z = \int e^{-E}$ needs *every* x;
# - right: noise pushed through a function is easy to draw, and its density is not written anywhere.

# %% [markdown] slideshow={"slide_type": "subslide"}
# In the plane $Z$ is a sum over a grid (for our ring it is $2\pi \cdot 1.2\, \sqrt{0.02\,\pi}$ by hand).
# But how many terms are that with more pixels, at 81 values each?

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
Z = ((-energy).exp() * cell / 4).sum()  # the plane is drawn at half scale, so a cell is a quarter
by_hand = 2 * math.pi * 1.2 * math.sqrt(0.02 * math.pi)
print(f"Z of the ring: {Z:.3f} on the grid, {by_hand:.3f} by hand")
for n_pixels in (2, 4, 784):
    print(f"{n_pixels:3d} pixels: 10^{n_pixels * math.log10(81):.0f} terms")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Held-out likelihood tells a model from a memory
#
# How good is a density? Ask for its average log-density on pictures **it has not seen**. On its own
# training points a kernel density estimate improves without end as the kernels shrink: it remembers.

# %% slideshow={"slide_type": "-"}
fresh = toy2d("moons", 400, generator=generator)
bandwidths = torch.logspace(-2, 0, 15)
estimators = [KernelDensity(bandwidth=float(h)).fit(moons) for h in bandwidths]
scores = {
    "its own points": [e.score(moons) / 400 for e in estimators],
    "fresh points": [e.score(fresh) / 400 for e in estimators],
}
# %% slideshow={"slide_type": "subslide"}
figure = curves(scores, x=bandwidths, log_x=True, title="Narrow kernels remember, held-out points tell",
                xlabel="bandwidth of the kernels", ylabel="mean log-density (nats)")  # fmt: skip
figure.axes[0].set_ylim(-5, 2)
show(
    figure,
    alt="Mean log-density against bandwidth: on its own points it rises without end as kernels narrow; on "
    "fresh points it has a maximum at a bandwidth of about 0.1 and falls steeply below that",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "A model copies its training pictures exactly. How are its samples? How is its held-out
# likelihood?" Samples perfect, likelihood minus infinity. Good samples and good likelihood are different
# things; lecture 10 comes back to it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 · The manifold assumption
#
# Are pictures hard because there are 784 pixels? Draw random ones:

# %% slideshow={"slide_type": "-"}
flat = x_train.flatten(1)
shuffled = flat.gather(0, torch.rand(flat.shape, generator=generator).argsort(0))  # each pixel by itself
rows = torch.cat([torch.rand(10, 784, generator=generator), shuffled[:10], flat[:10]]).reshape(-1, 28, 28)
figure = image_grid(
    rows,
    n_columns=10,
    title="Each pixel alone may be right: the picture is in how they hang together",
    row_labels=["uniform noise", "right pixels", "digits"],
    cell_inches=0.82,
)
show(
    figure,
    alt="Ten pictures of uniform noise, ten with every pixel drawn from that pixel's own values in the data, "
    "a grey cloud in the middle, and ten real digits",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The **manifold assumption**: real pictures lie near a surface of far fewer dimensions than there are
# pixels, bent through the space of all pictures. The number of dimensions *of the surface* is its
# **intrinsic dimension**: how many numbers it takes to say which digit this is, how slanted, how thick.
#
# The classical example is a sheet rolled up in space: three coordinates, intrinsic dimension 2.

# %% slideshow={"slide_type": "-"}
roll, position = swiss_roll(800, generator=generator)  # position: distance along the rolled-up sheet
by_pca = PCA(2).fit_transform(roll)  # the best flat shadow
by_isomap = Isomap(n_neighbors=8, n_components=2).fit_transform(roll)  # distances measured along the sheet

# %% slideshow={"slide_type": "skip"}
figure, axes = new_figure(1, 3, figsize=(10, 3.6))
axes[0].remove()
in_space = figure.add_subplot(131, projection="3d")
in_space.scatter(*roll.T, c=position, s=8, cmap="viridis")
in_space.view_init(12, -75)
in_space.set_box_aspect(None, zoom=1.25)
in_space.set(title="Rolled up in space", xticklabels=[], yticklabels=[], zticklabels=[])
flat_views = {"PCA: still rolled up": by_pca, "Isomap: unrolled": by_isomap}
for ax, (title, codes) in zip(axes[1:], flat_views.items(), strict=True):
    ax.scatter(*codes.T, c=position, s=8, cmap="viridis")
    ax.set(title=title, xlabel="code 1", ylabel="code 2", aspect="equal")

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="A Swiss roll in space coloured by position along the sheet; its PCA projection, a spiral in which "
    "neighbouring layers have different colours; its Isomap embedding, a flat rectangle with the colours in order",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Isomap (Tenenbaum et al. 2000) joins each point to its neighbours and measures distance along these
# joints, so it follows the sheet. PCA can only look from one side: it drops the height and keeps the roll.
# How well does each code tell the position on the sheet, by the best linear fit?

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
for name, codes in {"PCA": by_pca, "Isomap": by_isomap}.items():
    inputs = torch.cat([torch.as_tensor(codes).float(), torch.ones(len(codes), 1)], 1)
    residual = position - inputs @ torch.linalg.lstsq(inputs, position[:, None]).solution[:, 0]
    explained = 1 - residual.var() / position.var()
    print(f"{name}: explains more than 0.99 of the position's variance: {explained.item() > 0.99}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Measuring the intrinsic dimension
#
# Take each point's nearest and second-nearest neighbour, at distances $r_1 < r_2$. On a $d$-dimensional
# surface,
#
# $$P\!\left(\frac{r_2}{r_1} > m\right) = m^{-d}
# \quad\Longrightarrow\quad \hat d = \frac{N}{\sum_i \log (r_2 / r_1)_i}$$
#
# (Facco et al. 2017): in many dimensions almost all of a ball lies near its rim, so the second neighbour
# is hardly further away than the first.
#
# <details><summary>Why?</summary>
#
# Given the second neighbour at distance $r_2$, the first falls uniformly into the ball of that radius. So
# $P(r_1 < r_2 / m)$ is the volume ratio $(1/m)^d$. Then $\log(r_2 / r_1)$ is exponential with rate $d$,
# and one over the mean is the maximum-likelihood estimate of a rate.
#
# </details>


# %% slideshow={"slide_type": "subslide"}
def log_neighbour_ratio(points: Tensor) -> Tensor:
    """log(r2 / r1) of each point, (n,), points that occur twice left out."""
    distances = torch.cdist(points.double(), points.double()).fill_diagonal_(math.inf)
    r1, r2 = distances.topk(2, largest=False).values.T
    return (r2 / r1).log()[r1 > 0]


clouds = {f"a cloud in {d}-D": torch.randn(1500, d, generator=generator) for d in (1, 5)}
ratios = {name: log_neighbour_ratio(points) for name, points in clouds.items()}
ratios |= {"Swiss roll": log_neighbour_ratio(roll), "pictures": log_neighbour_ratio(flat)}
for name, log_ratio in ratios.items():
    print(f"{name:12s} intrinsic dimension about {1 / log_ratio.mean():.1f}")

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
estimated = [1 / ratios[f"a cloud in {d}-D"].mean().item() for d in (1, 5)]
print(
    "known dimensions 1 and 5 recovered to within 10 %:",
    [abs(e / d - 1) < 0.1 for e, d in zip(estimated, (1, 5), strict=True)],
)

# %% slideshow={"slide_type": "subslide"}
figure, ax = new_figure(figsize=(9, 3.8))
for name, log_ratio in ratios.items():
    survivors = torch.linspace(1, 1 / len(log_ratio), len(log_ratio))
    ax.plot(log_ratio.sort().values, survivors.log(), label=f"{name}: {1 / log_ratio.mean():.1f}")
ax.set(title="The slope is the dimension: the pictures' is near 9, not 784", xlim=(0, 1.5), ylim=(-6, 0.2))
ax.set(xlabel="$\\log (r_2 / r_1)$", ylabel="log of the share above it")
ax.legend(title="minus the slope")
show(
    figure,
    alt="Four straight lines that fall from the origin: slope 1 for points on a line, 2 for the Swiss roll, 5 "
    "for a five-dimensional cloud, and steepest, near 9, for the pictures of digits",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Nine numbers describe a digit. Which would you choose?" Class, slant, thickness, width, ... That
# is the idea of a latent variable. *Honest remark:* the estimate grows a little with more data and less
# smoothing; it is an order of magnitude, not a law.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 · A latent variable is a label nobody wrote down
#
# If few numbers decide what a picture looks like, let the model have them. First draw these, then the
# picture:
#
# $$z \sim p(z), \qquad x \sim p(x \mid z).$$
#
# $z$ is never observed: it is **latent**. What is observed has the **marginal** density
#
# $$p(x) = \sum_z p(x \mid z)\, p(z) \qquad\text{or}\qquad p(x) = \int p(x \mid z)\, p(z)\, dz .$$
#
# Two simple ingredients make a rich $p(x)$. It is section 1 again, with one difference: nobody has told us
# $z$.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The smallest example: two Gaussians
#
# $z$ is 0 or 1 with probability one half, and $x \mid z \sim N(\pm 1, 1)$. By hand:
#
# $$p(x{=}0) = \tfrac12 N(0; -1, 1) + \tfrac12 N(0; 1, 1) = \frac{e^{-1/2}}{\sqrt{2\pi}} = 0.2420$$
#
# And which $z$ was it? Bayes' rule again, and a familiar function appears:
#
# $$p(z{=}1 \mid x) = \frac{e^{-(x-1)^2/2}}{e^{-(x-1)^2/2} + e^{-(x+1)^2/2}} = \frac{1}{1 + e^{-2x}}$$

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
left, right = Normal(-1.0, 1.0), Normal(1.0, 1.0)
zero, one = torch.tensor(0.0), torch.tensor(1.0)
print(f"p(0) = {0.5 * left.log_prob(zero).exp() + 0.5 * right.log_prob(zero).exp():.4f}")

likelihoods = torch.stack([left.log_prob(one), right.log_prob(one)]).exp()
print(
    f"p(z=1|x=1) = {likelihoods[1] / likelihoods.sum():.4f}, sigmoid(2) = {torch.sigmoid(torch.tensor(2.0)):.4f}"
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# With three components: the terms $p(x, z) = p(z)\, p(x \mid z)$ stacked on each other make $p(x)$. Each
# one's share of the sum is $p(z \mid x)$.

# %% slideshow={"slide_type": "-"}
weights = torch.tensor([0.2, 0.5, 0.3])
means, stds = torch.tensor([-3.0, 0.0, 2.5]), torch.tensor([0.5, 1.0, 0.4])
x = torch.linspace(-6, 5, 500)
parts = weights[:, None] * Normal(means[:, None], stds[:, None]).log_prob(x).exp()  # (3, 500): p(x, z)

# %% slideshow={"slide_type": "skip"}
figure, (top, bottom) = new_figure(2, 1, figsize=(9, 4.2), sharex=True, height_ratios=(2, 1))
top.stackplot(x, parts, labels=["z = 0", "z = 1", "z = 2"], alpha=0.75)
top.plot(x, parts.sum(0), color=COLOURS["truth"], label="p(x)")
top.set(title="Stacked, the parts make p(x); divided by it, they tell z", ylabel="density")
top.legend()
bottom.set(ylabel="p(z|x)", xlabel="x", ylim=(0, 1), xlim=(-6, 5))
shares = bottom.stackplot(x, parts / parts.sum(0), alpha=0.75)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Top: three Gaussian parts stacked into a density with three humps. Bottom: the probability of each "
    "part given x, three coloured regions that always add up to 1",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Stay in logarithms
#
# Real pictures have log-densities of hundreds or thousands of nats, and $e^{-1500}$ is 0 in floating
# point. The remedy takes the largest term out of the sum:
#
# $$\log \sum_k e^{a_k} = m + \log \sum_k e^{a_k - m}, \qquad m = \max_k a_k$$
#
# The largest exponential is then $e^0 = 1$. PyTorch has it as `torch.logsumexp`.

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
a = torch.tensor([-1500.0, -1501.0], dtype=torch.float64)
print(f"naively:               {math.log(a.exp().sum()) if a.exp().sum() > 0 else -math.inf}")
print(f"largest term first:    {a.max() + (a - a.max()).exp().sum().log():.4f}")
print(f"by hand, from -1500:   {-1500 + math.log(1 + math.exp(-1)):.4f}")

# %% [markdown] exercise="mixture_log_likelihood"
# Write `mixture_log_likelihood(x, log_weights, means, stds)`: $\log p(x)$ in nats under a one-dimensional
# mixture of Gaussians, for each point of a batch.
#
# `x` has shape `(B,)`; `log_weights` (logarithms of weights that sum to 1), `means` and `stds` (standard
# deviations) have shape `(K,)`. Return shape `(B,)`. The result must stay finite and right far from the
# data, where $\log p(x)$ is about -1500. Write the Gaussian out;
# `torch.distributions` makes a good second opinion.


# %%
def mixture_log_likelihood(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    """log p(x) = log sum_k w_k N(x; m_k, s_k^2), shape (B,), in nats."""
    ### BEGIN SOLUTION
    standardised = (x[:, None] - means) / stds  # (B, K)
    log_densities = -0.5 * standardised.square() - stds.log() - 0.5 * math.log(2 * math.pi)
    return torch.logsumexp(log_weights + log_densities, dim=1)
    ### END SOLUTION


# %%
mixture_log_likelihood = check("mixture_log_likelihood", mixture_log_likelihood)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Three things that must hold: it integrates to 1; a mixture of one is a Gaussian; and a kernel density
# estimate *is* a mixture, with one component per data point and equal weights.

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
line = torch.linspace(-12, 12, 4001)
total = torch.trapezoid(mixture_log_likelihood(line, weights.log(), means, stds).exp(), line)
print(f"integral over the line: {total:.4f}")
print(f"log p(60): {mixture_log_likelihood(torch.tensor([60.0]), zero[None], zero[None], one[None]).item():.4f}"
      f" = -1800 - log(2 pi)/2 = {-1800 - 0.5 * math.log(2 * math.pi):.4f}")  # fmt: skip

points = moons[:50, 0]
kde = torch.tensor(KernelDensity(bandwidth=0.3).fit(points[:, None]).score_samples(line[:, None]))
as_mixture = mixture_log_likelihood(line, torch.full((50,), -math.log(50)), points, torch.full((50,), 0.3))
print(
    f"the kernel density estimate is a mixture: {torch.allclose(kde.float(), as_mixture, rtol=1e-4, atol=1e-3)}"
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Drawing follows the arrow
#
# To evaluate $p(x)$ we had to sum over all $z$. To **draw** from it there is nothing to sum: draw a $z$,
# draw an $x$ given that $z$, and forget the $z$. This is **ancestral sampling**: parents first, then
# children.
#
# $$z \to x$$

# %% [markdown] exercise="ancestral_sample"
# Write `ancestral_sample(weights, means, stds, n, generator)`: `n` independent draws from the mixture,
# shape `(n,)`.
#
# `weights` (summing to 1), `means` and `stds` have shape `(K,)`. All randomness comes from `generator`, so
# that a seed repeats the draws. The draws are independent of each other: each has a label of its own, and
# they come in no particular order.


# %%
def ancestral_sample(
    weights: Tensor, means: Tensor, stds: Tensor, n: int, generator: torch.Generator
) -> Tensor:
    """Draw n times: a label z with probabilities `weights`, then x ~ N(means[z], stds[z]^2). Shape (n,)."""
    ### BEGIN SOLUTION
    z = torch.multinomial(weights, n, replacement=True, generator=generator)
    noise = torch.randn(n, dtype=means.dtype, generator=generator)
    return means[z] + stds[z] * noise
    ### END SOLUTION


# %%
ancestral_sample = check("ancestral_sample", ancestral_sample)

# %% slideshow={"slide_type": "subslide"}
drawn = ancestral_sample(weights, means, stds, 5000, generator)
figure, ax = new_figure(figsize=(9, 3.6))
ax.hist(drawn.numpy(), bins=80, density=True, color=COLOURS["model"], alpha=0.35, label="5,000 draws")
ax.plot(x, parts.sum(0), color=COLOURS["truth"], label="p(x)")
ax.set(title="Draw a label, draw x, forget the label: what remains is p(x)", xlabel="x", ylabel="density")
ax.legend()
show(
    figure,
    alt="A histogram of 5,000 draws with three humps, under the curve of the mixture's density: they agree",
)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
mean, variance = weights @ means, weights @ (stds**2 + means**2) - (weights @ means) ** 2
standard_error = (variance / len(drawn)).sqrt()
print(f"mean of the mixture, sum of w m: {mean:.4f}; variance {variance:.4f}")
error = (drawn.mean() - mean).abs()
print(f"mean of the draws within 5 standard errors: {bool(error < 5 * standard_error)}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 · When the latent variable is continuous
#
# Slant and thickness are not labels but numbers. Then the sum becomes an integral:
#
# $$p(x) = \int p(x \mid z)\, p(z)\, dz, \qquad z \sim N(0, 1)$$
#
# The **linear-Gaussian** model has a closed form: if $x = w z + b + \sigma \varepsilon$ with
# $\varepsilon \sim N(0, 1)$, a sum of independent Gaussians is Gaussian, so
# $p(x) = N(x;\, b,\, w^2 + \sigma^2)$.
#
# In one dimension a **quadrature** does the integral too: values on a fine grid, times the width of a step.

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
w, b, sigma, seen = 1.5, 0.3, 0.4, torch.tensor(2.0)
z_grid = torch.linspace(-8, 8, 2001, dtype=torch.float64)
joint_density = Normal(w * z_grid + b, sigma).log_prob(seen).exp() * Normal(0.0, 1.0).log_prob(z_grid).exp()
print(f"quadrature:  log p(2) = {math.log(joint_density.sum() * (z_grid[1] - z_grid[0])):.6f}")
print(f"closed form: log p(2) = {Normal(b, math.sqrt(w**2 + sigma**2)).log_prob(seen):.6f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### One hidden number bends a line into a density
#
# Now a decoder that is *not* linear, the wave of section 2:
# $x = (1.1\, z,\ \sin 2.5 z) + 0.15\, \varepsilon$. There we could draw from it and not score it. With
# quadrature over its single $z$ we can do both.

# %% slideshow={"slide_type": "-"}
z_line = torch.linspace(-5, 5, 1001)
curve = torch.stack([1.1 * z_line, torch.sin(2.5 * z_line)], 1)  # (1001, 2): the decoded line
plane = torch.cartesian_prod(torch.linspace(-4, 4, 81), torch.linspace(-2, 2, 41))
log_likelihood = Normal(curve[:, None], 0.15).log_prob(plane).sum(2)  # (1001, 3321): log p(x|z)
log_terms = log_likelihood + Normal(0.0, 1.0).log_prob(z_line)[:, None]
density = log_terms.exp().sum(0) * 0.01  # steps of 0.01 in z
print(f"mass on the plane: {density.sum() * 0.1 * 0.1:.3f}")

# %% slideshow={"slide_type": "skip"}
drawn_z = torch.randn(300, 1, generator=generator)
noise_of_x = 0.15 * torch.randn(300, 2, generator=generator)
drawn_x = torch.cat([1.1 * drawn_z, torch.sin(2.5 * drawn_z)], 1) + noise_of_x

figure, ax = new_figure(figsize=(9, 4))
ax.set(title="A straight z, bent by the decoder: a density that no Gaussian has", aspect="equal")
ax.set(xlabel="$x_1$", ylabel="$x_2$", xlim=(-3.5, 3.5), ylim=(-1.8, 1.8))
x_1, x_2 = torch.linspace(-4, 4, 81), torch.linspace(-2, 2, 41)
ax.contourf(x_1, x_2, density.reshape(81, 41).T, levels=14, cmap="Blues")
dots = ax.scatter(*drawn_x.T, c=drawn_z, s=12, cmap="viridis", edgecolors="white", linewidths=0.4)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="A wave-shaped density in the plane computed by quadrature, with 300 samples on it coloured by their "
    "hidden z, which runs from one end of the wave to the other",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "This z has one dimension. What would the same grid cost with 16?" 1001 to the 16th. The class
# usually proposes random points instead of a grid; that is the next slide.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Monte Carlo: don't visit all z, draw some
#
# The integral is an expectation, and an expectation is estimated by an average:
#
# $$p(x) = \mathbb{E}_{z \sim p(z)}\bigl[p(x \mid z)\bigr] \;\approx\; \frac1n \sum_{i=1}^n p(x \mid z_i),
# \qquad z_i \sim p(z)$$
#
# The average is unbiased for $p(x)$, in any dimension. We need its **logarithm**, computed in logarithms:
# the largest term first, as before.

# %% [markdown] exercise="marginal_by_monte_carlo"
# Write `marginal_by_monte_carlo(log_likelihood_fn, n, dim, generator)`: an estimate of $\log p(x)$ for
# **one** x, a scalar, from `n` codes drawn from the prior $N(0, I)$ in `dim` dimensions.
#
# `log_likelihood_fn` takes codes of shape `(m, dim)` and returns their $\log p(x \mid z)$, shape `(m,)`;
# ask it about `n` codes in all, at once or in chunks. The log-likelihoods may lie around -1500 or around
# +900 (densities may be large). All randomness comes from `generator`.


# %%
def marginal_by_monte_carlo(log_likelihood_fn, n: int, dim: int, generator: torch.Generator) -> Tensor:
    """log of the average of p(x|z) over n codes z ~ N(0, I), shape (), in nats."""
    ### BEGIN SOLUTION
    z = torch.randn(n, dim, generator=generator)
    return torch.logsumexp(log_likelihood_fn(z), dim=0) - math.log(n)
    ### END SOLUTION


# %%
marginal_by_monte_carlo = check("marginal_by_monte_carlo", marginal_by_monte_carlo)


# %% [markdown] slideshow={"slide_type": "subslide"}
# In one dimension, where the truth is known, the error falls like $1/\sqrt n$:


# %% slideshow={"slide_type": "-"}
def linear_log_likelihood(z: Tensor) -> Tensor:
    """log p(x = 2 | z) of the linear-Gaussian model above, (m,)."""
    return Normal(w * z[:, 0] + b, sigma).log_prob(seen)


exact = Normal(b, math.sqrt(w**2 + sigma**2)).log_prob(seen)
sizes = [10, 100, 1000, 10_000]
errors = {
    n: torch.stack(
        [marginal_by_monte_carlo(linear_log_likelihood, n, 1, generator) - exact for _ in range(100)]
    )
    for n in sizes
}
for n, error in errors.items():
    print(f"n = {n:6,}: typical error {error.square().mean().sqrt():.4f} nats")

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
ratio = errors[1000].square().mean().sqrt() / errors[10_000].square().mean().sqrt()
print(f"ten times the codes, error divided by about sqrt(10): {2 < ratio.item() < 5}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Most z explain nothing
#
# Take the simplest model in $D$ dimensions, $x = z + s\,\varepsilon$. It is known exactly:
# $x \sim N(0, (1+s^2) I)$. The codes that matter for one x lie within about $s$ of it in **every**
# dimension, so with each further dimension a random code must be lucky once more. The squared relative
# error of the average multiplies:
#
# $$\frac{\operatorname{Var}[\hat p]}{p(x)^2} = \frac{r^D - 1}{n}, \qquad
# r = \frac{\mathbb{E}[p(x_j|z_j)^2]}{p(x_j)^2} = \frac{(1+s^2)\,e^{1 - (1+s^2)/(2+s^2)}}{s \sqrt{2 +
# s^2}}$$
#
# for a typical x, $x_j^2 = 1 + s^2$. With $s = 0.3$, $r$ is 4: **every dimension costs four times the
# codes**.
#
# <details><summary>Where does r come from?</summary>
#
# The square of a Gaussian density is a narrower Gaussian,
# $N(x; z, s^2)^2 = N(x; z, s^2/2) / (2 s \sqrt\pi)$. Its expectation over $z \sim N(0, 1)$ is
# $N(x; 0, 1 + s^2/2) / (2 s \sqrt\pi)$. Divide by $N(x; 0, 1 + s^2)^2$ and put $x^2 = 1 + s^2$.
#
# </details>

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
s, n = 0.3, 200_000
typical = math.sqrt(1 + s**2)
p_x_given_z = (
    Normal(torch.randn(n, 2, generator=generator), s).log_prob(torch.tensor(typical)).exp()
)  # (n, 2)
for D in (1, 2):
    p = p_x_given_z[:, :D].prod(1)
    measured, predicted = (p.var() / p.mean() ** 2).item(), spread_per_dimension(s) ** D - 1
    print(
        f"D = {D}: predicted r^D - 1 = {predicted:.3f}, measured within 10 %: {abs(measured / predicted - 1) < 0.1}"
    )
for D in (2, 8, 16, 32):
    print(f"D = {D:2d}: {codes_needed(D, s):.1e} codes for p(x) to within 10 %")

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Try it.** Left, the codes: each dot's area is its share of the sum. Right, ten estimates for each
# dimension, against the truth. First guess, then look: how does less noise change the picture?

# %% slideshow={"slide_type": "-"}
prior_playground()

# %% [markdown] slideshow={"slide_type": "notes"}
# *Play:* start at D = 2, where the estimates sit on the line, and move right. Then change the noise: a
# sharper likelihood (a more precise decoder!) makes it *worse*. Then ask: "The estimate is unbiased. Why
# do all dots lie below the line?" Because p(x) is rarely and hugely overestimated, and otherwise
# underestimated; the logarithm hides the rare part.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The same on real digits, with the truth known
#
# **Probabilistic PCA** (Tipping & Bishop 1999) is the linear-Gaussian model for pictures:
# $x = W z + \mu + \sigma\varepsilon$ with $z \sim N(0, I)$ in $D$ dimensions. Its maximum-likelihood fit
# is PCA, and everything about it is exact:
#
# $$p(x) = N(x;\, \mu,\, W W^\top + \sigma^2 I), \qquad
# \mathbb{E}[z \mid x] = (W^\top W + \sigma^2 I)^{-1} W^\top (x - \mu)$$
#
# $W$ holds the $D$ leading eigenvectors $u_j$, scaled by $\sqrt{\lambda_j - \sigma^2}$; $\sigma^2$ is the
# mean of the eigenvalues that are left out.


# %% slideshow={"slide_type": "subslide"}
class ProbabilisticPCA:
    """Linear-Gaussian latent-variable model of flat pictures (N, 784), fitted in closed form."""

    def __init__(self, images: Tensor, dim: int) -> None:
        flat = images.flatten(1).double()
        self.mean = flat.mean(0)
        _, singular, directions = torch.linalg.svd(flat - self.mean, full_matrices=False)
        variances = singular**2 / len(flat)  # eigenvalues of the covariance, largest first
        self.noise = variances[dim:].sum() / (flat.shape[1] - dim)  # sigma^2
        self.W = directions[:dim].T * (variances[:dim] - self.noise).sqrt()  # (784, D)
        covariance = self.W @ self.W.T + self.noise * torch.eye(flat.shape[1])
        self.marginal = MultivariateNormal(self.mean, covariance)

    def log_density(self, images: Tensor) -> Tensor:
        """Exact log p(x), (B,), in nats."""
        return self.marginal.log_prob(images.flatten(1).double())

    def encode(self, images: Tensor) -> Tensor:
        """Posterior mean E[z|x], (B, D)."""
        precision = self.W.T @ self.W + self.noise * torch.eye(self.W.shape[1])
        return torch.linalg.solve(precision, self.W.T @ (images.flatten(1).double() - self.mean).T).T

    def decode(self, z: Tensor) -> Tensor:
        """The mean picture E[x|z], (B, 1, 28, 28)."""
        return (z.double() @ self.W.T + self.mean).reshape(-1, 1, 28, 28)

    def log_likelihood(self, image: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) of one image for each code, (m,), in nats, summed over pixels."""
        squared = torch.cdist(self.decode(z).flatten(1), image.flatten()[None].double())[:, 0] ** 2
        return -0.5 * squared / self.noise - 392 * torch.log(2 * math.pi * self.noise)  # 392 = 784 / 2


# %% [markdown] slideshow={"slide_type": "subslide"}
# Check the pieces against each other: Bayes' rule $\log p(x) = \log p(x|z) + \log p(z) - \log p(z|x)$ must
# hold at *every* z. The posterior is Gaussian with mean $\mathbb{E}[z|x]$ and covariance
# $\sigma^2 (W^\top W + \sigma^2 I)^{-1}$.

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
model, picture = ProbabilisticPCA(x_train, CODE_DIM), x_test[:1]
covariance = model.noise * torch.linalg.inv(model.W.T @ model.W + model.noise * torch.eye(CODE_DIM))
posterior = MultivariateNormal(model.encode(picture)[0], covariance)

z = torch.randn(3, CODE_DIM, generator=generator).double()  # any three codes
by_bayes = model.log_likelihood(picture, z) + Normal(0.0, 1.0).log_prob(z).sum(1) - posterior.log_prob(z)
print(
    f"the same log p(x) at every z, to 1e-4 nats: {(by_bayes - model.log_density(picture)).abs().max().item() < 1e-4}"
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Now the contest: 10,000 random codes against the exact $\log p(x)$, for one digit and more and more
# latent dimensions.

# %% slideshow={"slide_type": "-"}
contest = {"exact": [], "10,000 random codes": []}
dims = [1, 2, 4, 8, 16, 32, 64]
for dim in dims:
    ppca = ProbabilisticPCA(x_train, dim)
    log_likelihood_fn = partial(ppca.log_likelihood, picture)  # a function of the codes alone
    estimate = marginal_by_monte_carlo(log_likelihood_fn, N_CODES, dim, generator)
    contest["exact"].append(ppca.log_density(picture).item())
    contest["10,000 random codes"].append(float(estimate))
# %% slideshow={"slide_type": "subslide"}
figure = curves(contest, x=dims, log_x=True, title="Past a few dimensions, random codes are hundreds of nats off",
                xlabel="latent dimensions (logarithmic)", ylabel="log p(x) of one picture (nats)",
                colours={"exact": "truth", "10,000 random codes": "prior"})  # fmt: skip
figure.axes[0].set_xticks(dims, dims, minor=False)
show(
    figure,
    alt="Log-density of one digit against the number of latent dimensions: the exact curve rises, the Monte "
    "Carlo estimate follows it up to four dimensions and then falls hundreds of nats below",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Look at the codes themselves: what is the best picture among 10, 100, ... random codes? And where does
# Bayes' rule, which looks at x first, go at once?

# %% slideshow={"slide_type": "-"}
codes = torch.randn(N_CODES, CODE_DIM, generator=generator)
rows = []
for x in x_test[:3]:
    fit = model.log_likelihood(x, codes)
    best = [codes[fit[:n].argmax()] for n in (1, 10, 100, 1000, N_CODES)]
    rows += [x[None], *(model.decode(z[None]) for z in best), model.decode(model.encode(x[None]))]
# %% slideshow={"slide_type": "subslide"}
figure = image_grid(
    torch.cat(rows).clamp(0, 1),
    n_columns=7,
    title="The best of 10,000 random codes still misses the digit",
    column_labels=["x", "1 code", "best of 10", "of 100", "of 1,000", "of 10,000", "E[z|x]"],
    cell_inches=1.15,
)
show(
    figure,
    alt="Three digits, the pictures of the best of 1 to 10,000 random codes, which become similar but stay "
    "wrong in detail, and the picture of the posterior mean, which is close to the digit",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# That last column is the way out. Don't wait for a good code: **look at x and propose one**. A function
# from x to its codes is an *encoder* (lecture 2); a proposal distribution $q(z \mid x)$ with a guarantee
# is the ELBO (lecture 3).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 · Directions in a latent space
#
# If codes are good coordinates, a *difference* of codes should mean something: "thicker", "more slanted".
# Then analogies become arithmetic: a is to b as ? is to c,
#
# $$z_? = z_a - z_b + z_c$$
#
# First two properties that we can measure on each picture, to have something to steer by:

# %% slideshow={"slide_type": "-"}
axis = torch.arange(28.0) - 13.5


def slant(images: Tensor) -> Tensor:
    """Horizontal shift per pixel of height, from the second moments of the ink, (B,); right-leaning is positive."""
    ink, mass = images[:, 0], images.sum((1, 2, 3)).clamp_min(1e-6)
    row, column = (ink.sum(2) @ axis) / mass, (ink.sum(1) @ axis) / mass
    dy, dx = axis[:, None] - row[:, None, None], axis - column[:, None, None]
    return -(ink * dy * dx).sum((1, 2)) / (ink * dy**2).sum((1, 2)).clamp_min(1e-6)


properties = {"thickness": x_train.sum((1, 2, 3)), "slant": slant(x_train)}

# %% [markdown] slideshow={"slide_type": "subslide"}
# The direction "thickness" is the mean code of the thick minus the mean code of the thin pictures, class
# by class so that the class drops out. **We leave one class out**, and use the direction on that one.

# %% slideshow={"slide_type": "-"}
train_codes = model.encode(x_train)


def direction(values: Tensor, left_out: int) -> Tensor:
    """Mean code of the upper minus that of the lower third by `values`, averaged over the other classes, (D,)."""
    differences = []
    for k in set(range(data.n_classes)) - {left_out}:
        own, code = values[y_train == k], train_codes[y_train == k]
        high, low = code[own >= own.quantile(2 / 3)], code[own <= own.quantile(1 / 3)]
        differences.append(high.mean(0) - low.mean(0))
    return torch.stack(differences).mean(0)


# %% slideshow={"slide_type": "subslide"}
examples = [(name, k) for name in properties for k in (0, min(3, data.n_classes - 1))]
steps = torch.arange(-3, 4) * 0.6
strips = []
for name, k in examples:
    start = train_codes[y_train == k][5]
    strips.append(model.decode(start + steps[:, None] * direction(properties[name], left_out=k)))
# %% slideshow={"slide_type": "subslide"}
figure = image_grid(
    torch.cat(strips).clamp(0, 1),
    n_columns=7,
    title="Directions from the other classes work on a new one",
    row_labels=[f"{name}, {data.class_names[k]}" for name, k in examples],
    column_labels=[f"{t:+.1f}" for t in steps.tolist()],
    cell_inches=0.82,
)
show(
    figure,
    alt="Four rows of seven digits: a zero and a three made from thin to thick, and from leaning left to "
    "leaning right, by moving along a direction that was computed without their class",
)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
for (name, k), strip in zip(examples, strips, strict=True):
    drawn = strip.float().clamp(0, 1)
    moved = drawn.sum((1, 2, 3)) if name == "thickness" else slant(drawn)
    print(f"{name} of class {data.class_names[k]} grows at every step: {bool((moved.diff() > 0).all())}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# As an analogy, with mean codes of groups: **thick 0 : thin 0 :: ? : thin 3**.

# %% slideshow={"slide_type": "-"}
first, second = 0, min(3, data.n_classes - 1)


def mean_code(k: int, *, thick: bool) -> Tensor:
    """Mean code of the thick or thin third of class k, (1, D)."""
    own, code = properties["thickness"][y_train == k], train_codes[y_train == k]
    chosen = own >= own.quantile(2 / 3) if thick else own <= own.quantile(1 / 3)
    return code[chosen].mean(0, keepdim=True)


z_a, z_b, z_c = mean_code(first, thick=True), mean_code(first, thick=False), mean_code(second, thick=False)
four = model.decode(torch.cat([z_a, z_b, z_c, z_a - z_b + z_c, mean_code(second, thick=True)]))
a, c = data.class_names[first], data.class_names[second]
figure = image_grid(four.clamp(0, 1), n_columns=5, title=f"Thick {a} minus thin {a} plus thin {c} is a thick {c}",
                    column_labels=["a", "b", "c", "a - b + c", f"real thick {c}"])  # fmt: skip
show(
    figure,
    alt="A thick zero, a thin zero, a thin three, the result of the arithmetic, which is a thick three, and "
    "the mean of the real thick threes for comparison",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Be honest:* this decoder is linear, so the arithmetic of codes is the arithmetic of (smoothed) pixels,
# and the thick 3 is thin ink plus a grey rim. *Ask:* "What can it never do?" Move a stroke. Lecture 6
# repeats the analogy with a decoder that bends.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 · Rejecting what does not belong
#
# In section 1 a classifier gave a name to noise. A density can refuse: reject x if
#
# $$\log p(x) < t, \qquad t = \text{the } \alpha\text{-quantile of } \log p \text{ on training data}.$$
#
# By construction a share $\alpha$ of the training pictures would be rejected, and about as many new ones,
# if the model has not overfitted.

# %% [markdown] exercise="reject_outliers"
# Write `reject_outliers(log_density, train_log_density, quantile)`.
#
# `log_density` has shape `(B,)`, the new points; `train_log_density` has shape `(N,)`; `quantile` lies
# between 0 and 1. Return a **boolean** tensor of shape `(B,)`: True where a point is rejected, because its
# log-density lies below the training log-densities' quantile. A tie with the threshold may go either way.
# Log-densities may be as low as -1500 or as high as +700.


# %%
def reject_outliers(log_density: Tensor, train_log_density: Tensor, quantile: float) -> Tensor:
    """True where log_density lies below the quantile of train_log_density. Shape (B,), bool."""
    ### BEGIN SOLUTION
    return log_density < torch.quantile(train_log_density, quantile)
    ### END SOLUTION


# %%
reject_outliers = check("reject_outliers", reject_outliers)

# %% slideshow={"slide_type": "subslide"}
train_density = model.log_density(x_train)
suspects = {
    "training pictures": x_train,
    "held-out pictures": x_test,
    "upside down": x_test.flip(2),
    "shifted by 6 pixels": x_test.roll(6, 3),
    "shapes": load_shapes().test_images[:300],
    "noise": torch.rand(300, 1, 28, 28, generator=generator),
}
rejected = {}
for name, images in suspects.items():
    rejected[name] = reject_outliers(model.log_density(images), train_density, 0.02).float().mean().item()
    print(f"{name:20s} rejected: {rejected[name]:4.0%}")

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
print(f"rejected of the training pictures, by construction: {rejected['training pictures']:.2f}")
print(f"at most one in ten held-out pictures is rejected: {rejected['held-out pictures'] < 0.1}")
print(f"all noise is rejected: {rejected['noise'] == 1}")
print(f"upside-down pictures are rejected more often than held-out ones: "
      f"{rejected['upside down'] > 2 * rejected['held-out pictures']}")  # fmt: skip

# %% slideshow={"slide_type": "subslide"}
mean_picture = model.mean.reshape(1, 1, 28, 28).float()
gallery = torch.cat([strangers, mean_picture, torch.zeros(1, 1, 28, 28)])
log_p = model.log_density(gallery)
verdicts = reject_outliers(log_p, train_density, 0.02)
captions = [f"{v:,.0f} {'✗' if r else '✓'}" for v, r in zip(log_p.tolist(), verdicts, strict=True)]
figure = image_grid(gallery, n_columns=8, title="log p(x) refuses strangers (✗), yet likes the dullest pictures best",
                    column_labels=captions)  # fmt: skip
show(
    figure,
    alt="Eight pictures with their log-density: the digit is kept; the upside-down digit, negative, heart, "
    "stripes and noise are rejected; the mean picture and an empty one, no digits, score highest and are "
    "kept",
)

# %% [markdown] slideshow={"slide_type": "-"}
# **Notice the last two**, and the small shapes that slipped through above. The mean of all digits is no
# digit, and no picture has a higher density under this model. High density is not the same as being
# typical: in many dimensions the peak holds next to no mass, and plain pictures lie near it. Lecture 9
# takes this failure seriously and repairs part of it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8 · The map
#
# How a model gets round the integral of section 5, or does without $p(x)$ altogether, sorts the families
# (after Goodfellow 2016), and the lectures of this course.

# %% slideshow={"slide_type": "subslide"}
show(draw_map(), alt=MAP_ALT)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Walk the map once from left to right, and ask for each fork:* "what do we gain, what do we give up?"
# Come back to the class's answers from the first slide: where on the map is each of them?

# %% slideshow={"slide_type": "subslide"}
show(draw_abilities(), alt=ABILITIES_ALT)

# %% [markdown] slideshow={"slide_type": "-"}
# Likelihood, sampling, latent code: the course is about what can be had together, and at what price.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# - Discriminative models let **labels** compete for each picture, generative ones let **pictures**
#   compete. Bayes' rule turns $p(y|x)$ and $p(x)$ into $p(x|y)$.
# - Scoring and drawing are two abilities; held-out likelihood tells a model from a memory.
# - Pictures have few intrinsic dimensions (digits: about 9). Latent variables are a model's words for them.
# - $p(x) = \int p(x|z) p(z) dz$: exact for mixtures and linear-Gaussian models, quadrature in one
#   dimension. **Random codes fail**: the number needed grows as $r^D$. The remedy is to look at x first.
# - Directions in a latent space can carry meaning; densities can refuse, but a high density is not
#   typicality.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Check yourself
#
# 1. A classifier says $p(\text{cat} \mid x) = 0.99$. Does x look like a cat?
# <details><summary>Answer</summary>
#
# Not necessarily: it says that among the labels, cat is by far the best. If x is nothing the classifier
# ever saw, the probabilities still add up to 1. Only $p(x)$ can tell that x is strange.
#
# </details>
#
# 2. You have $p(x \mid y)$ for two classes and want $p(y \mid x)$. What is missing?
# <details><summary>Answer</summary>
#
# $p(y)$, how common the classes are. Then $p(y|x) = p(x|y) p(y) / \sum_{y'} p(x|y') p(y')$.
#
# </details>
#
# 3. Why is the average of $\log p(x \mid z_i)$ over prior samples not an estimate of $\log p(x)$?
# <details><summary>Answer</summary>
#
# The logarithm of an average is at least the average of the logarithms (Jensen), so it estimates a lower
# bound. The gap is large, because most codes explain x badly and their logarithms are hugely negative.
#
# </details>

# %% [markdown] slideshow={"slide_type": "subslide"}
# 4. The Monte Carlo average is unbiased for $p(x)$ in every dimension. What is wrong with it, then?
# <details><summary>Answer</summary>
#
# Its variance: relative to $p(x)^2$ it is $(r^D - 1)/n$. Nearly always no code comes close and the
# estimate is far too small; once in a great while one does and it is huge. The average is right, what you
# see is not.
#
# </details>
#
# 5. A decoder becomes more precise: its noise $\sigma$ shrinks. Do fewer prior samples suffice?
# <details><summary>Answer</summary>
#
# No, more are needed: the ball of codes that explain x shrinks with $\sigma$, so $r$ grows.
#
# </details>
#
# 6. In 784 dimensions, why does no sample of a standard normal look like its mode, the point 0?
# <details><summary>Answer</summary>
#
# The squared length of a sample is a sum of 784 squares, each 1 on average, so all samples lie at a
# distance near $\sqrt{784} = 28$ from the mode. Density is highest at 0, but there is hardly any volume
# there.
#
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## References
#
# - C. Bishop 2006, *Pattern Recognition and Machine Learning*, chapters 1, 9 and 12: Bayes' rule,
#   mixtures, continuous latent variables.
# - M. Tipping & C. Bishop 1999, *Probabilistic principal component analysis*, J. R. Statist. Soc. B 61(3).
# - J. Tenenbaum, V. de Silva & J. Langford 2000, *A global geometric framework for nonlinear
#   dimensionality reduction*, Science 290 (Isomap).
# - E. Facco, M. d'Errico, A. Rodriguez & A. Laio 2017, *Estimating the intrinsic dimension of datasets by
#   a minimal neighborhood information*, Scientific Reports 7, arXiv:1803.06992.
# - A. Radford, L. Metz & S. Chintala 2016, *Unsupervised representation learning with deep convolutional
#   generative adversarial networks*, arXiv:1511.06434 (arithmetic on mean codes).
# - I. Goodfellow 2016, *NIPS 2016 tutorial: generative adversarial networks*, arXiv:1701.00160 (the
#   taxonomy).
# - P. Dhariwal & A. Nichol 2021, *Diffusion models beat GANs on image synthesis*, arXiv:2105.05233
#   (classifier guidance).
# - E. Nalisnick et al. 2019, *Do deep generative models know what they don't know?*, arXiv:1810.09136
#   (density and outliers).
#
# **Next: lecture 2, autoencoders.** A function that looks at x and proposes its code.
