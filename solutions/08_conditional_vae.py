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
# # 8 · The conditional VAE
#
# A VAE draws *some* image. It cannot be asked for a seven, and not for a seven *in this hand*. Two questions:
#
# > **How do you tell a generative model what to draw? And what does its code no longer have to say, once you did?**
#
# The answer to the first is one extra argument. The answer to the second is worth more: a code of **style**, a way to
# finish half an image, and a classifier that knows when it has not been shown a digit.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## What you will be able to do
#
# * derive the conditional ELBO, and say which of its parts see the label,
# * feed a label to a fully connected and to a convolutional network,
# * draw images of a class to order, and change the class of an image in the same style,
# * say what happens to $z$ when encoder or decoder are not told, and measure it,
# * complete half an image in several plausible ways,
# * turn the model round with Bayes' rule into a classifier, and use its evidence to reject what is no digit.
#
# **You need** lectures 3 to 6. **Time:** 90 minutes of lecture, about 55 minutes of exercises; the notebook itself
# runs in about half a minute.

# %% [markdown] slideshow={"slide_type": "notes"}
# **Timing (90 min):** the model and its bound 12, the smallest example 12, where the label enters 10, training and who
# is told 16, images to order 8, style and class 12, completion 10, classifier and rejection 15. Rest: questions.
#
# *Ask first, before any slide:* "You have a VAE trained on digits, and a classifier. How do you draw a hundred
# sevens?" (Draw a thousand digits, keep the sevens.) "And a seven in the handwriting of this four?" Leave that open.

# %% slideshow={"slide_type": "skip"}
import math

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from course_utils import models
from course_utils.data import draw_shapes, load
from course_utils.data.shapes import sample_factors
from course_utils.elbo import elbo_monte_carlo, elbo_terms, importance_weighted_bound, negative_elbo
from course_utils.exercises import check
from course_utils.gaussian import kl_univariate, log_density, log_density_standard_normal, reparameterize
from course_utils.likelihoods import bernoulli_log_likelihood
from course_utils.models import ConditionalVAE, label_maps
from course_utils.plotting import (
    CLASS_COLOURS,
    COLOURS,
    image_grid,
    latent_plane,
    new_figure,
    show,
    use_course_style,
)
from course_utils.plotting.graphs import computation_graph
from course_utils.runtime import seed_everything
from course_utils.training import evaluate, fit
from course_utils.widgets import class_style_playground

use_course_style()

# %% slideshow={"slide_type": "skip"}
generator = seed_everything(0)

LATENT_DIM = 5  # numbers in z
HIDDEN = 200  # units of the fully connected networks
EPOCHS = 16  # of the two models that stay with us
CONV_EPOCHS = 8  # convolutions learn faster, and take longer
SMALL_LATENT_DIM = 2  # of the twelve small models of section 5, so that their codes can be drawn
SHORT_EPOCHS = 6  # of these
SEEDS = 0, 1, 2  # of these as well
BATCH_SIZE = 32
LR = 4e-3  # learning rate
LABEL = CLASS_COLOURS[6]  # the colour of the label in drawings

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The data
#
# The images of lecture 2 again, and this time their labels are used.

# %% slideshow={"slide_type": "fragment"}
data = load().subset(1497, 300)
x, y = data.train_images, data.train_labels
x_test, y_test = data.test_images, data.test_labels
N_CLASSES = data.n_classes

print(data)
print(f"x: {tuple(x.shape)}, {x.dtype}, from {x.min():.0f} to {x.max():.0f}")
print(f"y: {tuple(y.shape)}, {y.dtype}, {y.min()} to {y.max()}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 · A label beside everything
#
# Two causes make an image: the class $y$, which we are told, and everything else, $z$, which we are not.
#
# $$z \sim N(0, I), \qquad x \sim p_\theta(x \,|\, z, y), \qquad
# p_\theta(x \,|\, y) = \int p_\theta(x \,|\, z, y)\, p(z)\, dz .$$
#
# The prior of $z$ is the same for every class: **a priori, $z$ knows nothing of $y$.** What is left for it to say is
# what the class leaves open: slant, width, thickness of the stroke.

# %% slideshow={"slide_type": "subslide"}
figure, (generation, inference) = new_figure(1, 2, figsize=(9.5, 3.6))
image, code, label = ("$x$", 2.2, 0.75), ("$z$", 0.0, 1.5), ("$y$", 0.0, 0.0, "input")
arrows = [("z", "x"), ("y", "x")]
computation_graph(generation, {"z": (*code, "random"), "y": label, "x": (*image, "random")}, arrows)
image, code = ("$x$", 0.0, 1.5, "input"), ("$z$", 2.2, 0.75, "random")
computation_graph(inference, {"x": image, "y": label, "z": code}, [("x", "z"), ("y", "z")])
generation.set_title("Decoder: draw x for a given y")
inference.set_title("Encoder: guess z from x and y")
show(
    figure,
    alt="Two small graphs. In the first, the decoder, arrows lead from a round node z and a square node y to x. In "
    "the second, the encoder, arrows lead from x and y to z. The label is an input to both.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# Round nodes are random, square ones are given. *Ask:* "In the left graph, are z and y independent? And once x is
# known?" (Independent before; not after: explaining away. A steep stroke is a one, or a slanted seven.) This is why the
# encoder should be told y.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The conditional ELBO
#
# For a fixed label, nothing of lecture 3 changes; $y$ is a bystander in every line:
#
# $$\begin{aligned}
# \log p(x|y) &= \log \int q(z|x,y)\; \frac{p(x|z,y)\, p(z)}{q(z|x,y)}\; dz \\
# &\ge \int q(z|x,y)\, \log \frac{p(x|z,y)\, p(z)}{q(z|x,y)}\; dz && \text{(Jensen)} \\
# &= \underbrace{E_{q(z|x,y)}\big[\log p(x|z,y)\big] - D_{KL}\big(q(z|x,y) \,\|\, p(z)\big)}
# _{\mathrm{ELBO}(x, y)} .
# \end{aligned}$$
#
# The label reaches **both** networks, and **not** the prior. What Jensen loses is again a divergence:
#
# $$\log p(x|y) = \mathrm{ELBO}(x, y) + D_{KL}\big(q(z|x,y) \,\|\, p(z|x,y)\big) .$$

# %% [markdown] slideshow={"slide_type": "skip"}
# <details>
# <summary>The gap, step by step</summary>
#
# By Bayes' rule under the condition $y$, $\;p(z|x,y) = p(x|z,y)\, p(z|y) / p(x|y)$, and $p(z|y) = p(z)$ in our model.
# Solve for $p(x|y)$, take the logarithm, and average over $z \sim q(z|x,y)$, on which the left side does not depend:
#
# $$\log p(x|y) = E_q\Big[\log \frac{p(x|z,y)\, p(z)}{p(z|x,y)}\Big]
# = E_q\Big[\log \frac{p(x|z,y)\, p(z)}{q(z|x,y)}\Big] + E_q\Big[\log \frac{q(z|x,y)}{p(z|x,y)}\Big] .$$
#
# The first term is the ELBO, the second the divergence. It is 0 exactly if $q(z|x,y) = p(z|x,y)$, and the true
# posterior does depend on $y$: an encoder that is not told pays for it.
#
# **A prior for each class?** One may use $p(z|y)$ with learned means. Then the KL term changes, and $z$ is no longer
# free of the class. With a conditional prior the same bound is that of Sohn, Lee and Yan (2015).
#
# </details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 · The smallest example with a known answer
#
# Two classes, one pixel, one latent number, everything Gaussian:
#
# $$z \sim N(0, 1), \qquad x = w z + b_y + s\,\epsilon, \qquad w = 2,\; s = 1,\; b_0 = -1,\; b_1 = 1 .$$
#
# All of it is known (lecture 3, with $x - b_y$ in the place of $x$):
#
# $$p(x|y) = N(b_y,\; w^2 + s^2), \qquad
# p(z|x,y) = N\Big(\tfrac{w}{w^2 + s^2} (x - b_y),\; \tfrac{s^2}{w^2 + s^2}\Big) .$$

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
w, s, b = 2.0, 1.0, torch.tensor([-1.0, 1.0])
gain, variance = w / (w**2 + s**2), s**2 / (w**2 + s**2)  # of the posterior: 2/5 and 1/5


def log_normal(value, mean, var):
    return -0.5 * (torch.log(2 * math.pi * torch.as_tensor(var)) + (value - mean) ** 2 / var)


def toy_elbo(point, k, q_mean, q_var):
    """ELBO(x, y = k) of q = N(q_mean, q_var), in closed form."""
    fit_term = log_normal(point, b[k] + w * q_mean, s**2) - w**2 * q_var / (2 * s**2)
    return fit_term - kl_univariate(q_mean, q_var**0.5, 0.0, 1.0)


point = torch.tensor(1.5)
exact = log_normal(point, b[1], w**2 + s**2)
at_posterior = toy_elbo(point, 1, gain * (point - b[1]), torch.tensor(variance))
print(f"log p(x = 1.5 | y = 1) = {exact:.4f}, the ELBO at the true posterior = {at_posterior:.4f}")

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
q_mean, q_var = torch.tensor(0.5), torch.tensor(0.4)  # some other q
elbo = toy_elbo(point, 1, q_mean, q_var)
gap = kl_univariate(q_mean, q_var**0.5, gain * (point - b[1]), variance**0.5)
print(f"for another q, ELBO + KL(q || posterior) = {elbo:.4f} + {gap:.4f} = {elbo + gap:.4f}")


def log_joint(z):
    return log_normal(point, w * z + b[1], s**2) + log_normal(z, 0.0, 1.0)


estimate, error = elbo_monte_carlo(log_joint, q_mean, q_var**0.5, 20_000, generator)
print("and by sampling, to within five standard errors:", bool((estimate - elbo).abs() < 5 * error))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### An encoder that is not told
#
# The two true posteriors differ by $\frac{w}{w^2 + s^2}(b_1 - b_0) = 0.8$. Who sees only $x$ must give one answer for
# both; the best one lies between, at their mean under $r = p(y{=}1|x)$, and it costs, on average over the classes,
#
# $$\text{gap}(x) = \frac{r (1 - r)\; 0.8^2}{2 \cdot \frac15} = 1.6\; r\,(1 - r) \text{ nats}, \qquad
# r = \frac{1}{1 + e^{-0.4 x}} .$$
#
# It costs most where the class is most in doubt.

# %% slideshow={"slide_type": "skip"}
xs = torch.linspace(-12, 12, 97)
r = torch.sigmoid(0.4 * xs)  # p(y = 1 | x): log p(x|1) - log p(x|0) = 0.4 x
formula = 1.6 * r * (1 - r)

means = torch.linspace(-6, 6, 1201)[:, None]  # candidates for the mean of a q that is not told
kl_to = [kl_univariate(means, variance**0.5, gain * (xs - b[k]), variance**0.5) for k in (0, 1)]
searched = ((1 - r) * kl_to[0] + r * kl_to[1]).min(0).values

figure, axes = new_figure(figsize=(9.5, 3.6))
axes.plot(xs, formula, color=COLOURS["kl"], label="encoder not told: formula")
axes.plot(
    xs[::6], searched[::6], "o", color=COLOURS["truth"], mfc="white", label="encoder not told: best of 1,201"
)
axes.axhline(0, color=COLOURS["posterior"], ls="--", label="encoder told")
axes.set(title="Not telling the encoder costs most where the class is in doubt", xlabel="x")
axes.set(ylabel="gap to log p(x|y) (nats)", ylim=(-0.03, 0.52))
axes.legend(loc="upper right")
axes.grid(axis="x", visible=False)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="The gap of the bound against x. For an encoder that is not told the class it is a bump of height 0.4 nats "
    "at x = 0 and falls towards zero on both sides; a search over many means lies on the formula. For an encoder "
    "that is told, the gap is zero everywhere.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
print("a search finds nothing better, to within 0.001:", bool((searched - formula).abs().max() < 1e-3))
print(f"the gap at x = 0, where r = 1/2: {formula[48]:.2f} nats")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A decoder that is not told
#
# Now $p(x|z)$ has one offset for both classes. To explain both humps it must make $w$ larger: the best is
# $w'^2 = w^2 + 1 = 5$, so that the variances agree. Two consequences, both exact:
#
# | | told | not told |
# |---|---|---|
# | average log-likelihood of $x$, in nats | $-\frac12 \log(2 \pi e\, 5)$ | $-\frac12 \log(2 \pi e\, 6)$ |
# | mean of the codes of class 1 minus that of class 0 | $0$ | $\frac{w'}{w'^2 + s^2} \cdot 2 = 0.745$ |
#
# **What nobody tells the decoder, $z$ must say.** And what it is told, $z$ need not say.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
n = 200_000
labels = torch.randint(2, (n,), generator=generator)
noise = torch.randn(3, n, generator=generator)
xs_toy = w * noise[0] + b[labels] + s * noise[1]
w_alone = math.sqrt(5.0)
codes_toy = {  # draws from the exact posteriors
    "told": gain * (xs_toy - b[labels]) + variance**0.5 * noise[2],
    "not told": w_alone / 6 * xs_toy + (1 / 6) ** 0.5 * noise[2],
}
apart = [z[labels == 1].mean() - z[labels == 0].mean() for z in codes_toy.values()]
print("told: the classes' codes are 0 apart, to within 0.02:", bool(apart[0].abs() < 0.02))
print("not told: 0.745 apart, to within 0.02:", bool((apart[1] - 0.745).abs() < 0.02))
cost = log_normal(xs_toy, b[labels], 5.0) - log_normal(xs_toy, 0.0, 6.0)
print(f"the cost of not telling, log(6/5)/2 = {math.log(6 / 5) / 2:.3f} nats;", end=" ")
print("measured, to within 0.01:", bool((cost.mean() - math.log(6 / 5) / 2).abs() < 0.01))

# %% slideshow={"slide_type": "skip"}
figure, panels = new_figure(1, 2, figsize=(10, 3.5), sharey=True)
figure.suptitle("A decoder that knows the class leaves the code free of it", x=0.01, ha="left")
for axes, (name, z) in zip(panels, codes_toy.items(), strict=True):
    for k, (colour, style) in enumerate((("data", "-"), ("model", "--"))):
        heights, edges = torch.histogram(z[labels == k], 60, range=(-4.0, 4.0), density=True)
        middle = (edges[1:] + edges[:-1]) / 2
        axes.plot(middle, heights, style, color=COLOURS[colour], label=f"codes of class {k}")
    axes.set(title=f"Decoder {name}", xlabel="z", ylabel="density", ylim=(0, 0.52))
    axes.legend(loc="upper right")

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Two panels with the densities of the codes of class 0 and class 1. With a decoder that is told the class the "
    "two curves lie on each other; with one that is not told they are shifted against each other by 0.75.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "If the decoder is told and the encoder is not, do the codes carry the class?" (Hardly: it would cost KL and
# buy nothing. Not telling the encoder makes the bound loose, not the code.) They will see it measured in section 5.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 · Where the label enters
#
# A class is not a quantity: 3 does not lie between 2 and 4. So it becomes a **one-hot** vector, with a 1 in the place
# of the class and 0 elsewhere, and is joined to what the layer gets anyway.

# %% [markdown] exercise="condition"
# Write `condition(features, y, num_classes)`: the features and, **behind** them, the label as a one-hot vector.
#
# `features` is `(B, F)`, float32 or float64; `y` is `(B,)`, int64, with labels from 0 to `num_classes - 1`. The result
# is `(B, F + num_classes)`, of floats, and gradients pass through it to `features`. Neither argument is changed.
#
# For example: `condition([[0.5, 0.2]], [1], 3)`, with tensors for the lists, is `[[0.5, 0.2, 0.0, 1.0, 0.0]]`.


# %%
def condition(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    """Join features (B, F) and labels (B,), one-hot: (B, F + num_classes)."""
    ### BEGIN SOLUTION
    one_hot = F.one_hot(y, num_classes)
    return torch.cat([features, one_hot.to(features.dtype)], dim=1)
    ### END SOLUTION


# %%
condition = check("condition", condition)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What a one-hot vector does to a linear layer
#
# Split the weights into those for the features and those for the label, $W = (W_f \;\; W_y)$:
#
# $$W \begin{pmatrix} f \\ e_y \end{pmatrix} + c = W_f f + \big(c + W_y e_y\big) ,$$
#
# and $W_y e_y$ is a column of $W_y$. So **each class has a bias of its own**; the other weights are shared by all.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
layer = nn.Linear(4 + 3, 2)  # four features, three classes
features, classes = torch.randn(5, 4, generator=generator), torch.tensor([0, 2, 1, 1, 0])
W_f, W_y = layer.weight[:, :4], layer.weight[:, 4:]
with_own_bias = features @ W_f.T + (layer.bias + W_y.T[classes])
print(
    "a bias for each class:",
    torch.allclose(layer(condition(features, classes, 3)), with_own_bias, atol=1e-6),
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### In a convolutional network
#
# A convolution takes maps, not vectors. The label becomes **one constant map per class**: all ones for the image's
# own class, all zeros for the others. They stand beside the image as further channels.

# %% slideshow={"slide_type": "fragment"}
channels = label_maps(x_test[:1], y_test[:1], N_CLASSES)[0]  # (1 + N_CLASSES, 28, 28)
show(
    image_grid(
        channels[:, None],
        n_columns=1 + N_CLASSES,
        column_labels=["image", *data.class_names],
        value_range=(0.0, 1.25),  # so that a map of ones is grey, and not the colour of the page
        title="What the first convolution sees: the image, and a light map in the place of its class",
    ),
    alt="An image followed by ten maps of the same size, one for each class: all are black except the map of the "
    "class to which the image belongs, which is light.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
convolution = nn.Conv2d(1 + N_CLASSES, 4, kernel_size=4, stride=2, padding=1)
difference = convolution(label_maps(x[:1], y[:1], N_CLASSES)) - F.conv2d(
    x[:1], convolution.weight[:, :1], convolution.bias, stride=2, padding=1
)
inside = difference[0, :, 1:-1, 1:-1].flatten(1)  # (4, 12 * 12)
edge = difference[0, :, 0, 0]
constant = torch.allclose(inside, inside[:, :1].expand_as(inside), atol=1e-6)
print("inside, again one bias for each class and filter:", constant)
print(
    "not at the frame, where the padding's zeros are seen:", not torch.allclose(edge, inside[:, 0], atol=1e-3)
)

# %% slideshow={"slide_type": "skip"}
ROWS = {  # the parts that are joined at the entrance, then the layers
    "MLP encoder": ([("784 pixels", 3.0, "data"), ("y", 0.8, "")], ["hidden layer", "mu, logvar"]),
    "MLP decoder": ([("z", 1.4, "posterior"), ("y", 0.8, "")], ["hidden layer", "784 logits"]),
    "CNN encoder": (
        [("1 image", 1.6, "data"), ("10 maps of y", 2.6, "")],
        ["14 x 14", "7 x 7", "mu, logvar"],
    ),
    "CNN decoder": ([("z", 1.4, "posterior"), ("y", 0.8, "")], ["7 x 7", "14 x 14", "28 x 28 logits"]),
}


def box(axes, left: float, row: float, width: float, text: str, colour: str) -> float:
    """Draw a box with its text; returns where it ends."""
    is_layer = colour == "white"
    axes.barh(row, width, 0.6, left, color=colour, edgecolor="black", linewidth=1.4)
    axes.text(left + width / 2, row, text, ha="center", va="center", color="black" if is_layer else "white")
    return left + width


figure, axes = new_figure(figsize=(10.2, 3.9))
for row, (name, (parts, layers)) in enumerate(ROWS.items()):
    axes.text(-0.3, row, name, ha="right", va="center", weight="bold")
    end = 0.0
    for text, width, concept in parts:
        end = box(axes, end, row, width, text, COLOURS.get(concept, LABEL))
    for k, text in enumerate(layers):
        start = 5.2 + 3.1 * k
        axes.annotate("", (start, row), (end, row), arrowprops={"arrowstyle": "-|>", "linewidth": 1.6})
        end = box(axes, start, row, 2.4, text, "white")
axes.set(
    xlim=(-3.1, 14.2), ylim=(3.6, -0.6), title="The label enters once in the encoder, once in the decoder"
)
axes.set_axis_off()

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Four rows of boxes. MLP encoder: 784 pixels joined with y, hidden layer, mu and logvar. MLP decoder: z joined "
    "with y, hidden layer, 784 logits. CNN encoder: one image joined with ten maps of y, 14 by 14, 7 by 7, mu and "
    "logvar. CNN decoder: z joined with y, 7 by 7, 14 by 14, 28 by 28 logits.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "In the CNN decoder the label stands beside z, a vector. Could it enter later, as maps?" (Yes, at any layer,
# and in large models at every layer; what counts is that there is a path.) "What would the network lose if y entered as
# one number from 0 to 9?" (Class effects would have to be linear in that number, before the first non-linearity.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 · Training
#
# The loss is that of lecture 6 with one more argument. All the differences are in what the networks are given.

# %% [markdown] exercise="cvae_loss"
# Write `cvae_loss(model, x, y)`: the negative conditional ELBO, in nats, a scalar tensor with a graph.
#
# * `model.encode(x, y)` gives `mu, logvar` of $q(z|x,y)$, each `(B, D)`, and `model.decode(z, y)` gives logits in the
#   shape of `x`. Nothing else of the model may be used; both get the labels as they are.
# * One $z$ per example, drawn by reparameterisation from torch's global generator, anew on every call.
# * Bernoulli pixels (grey values allowed), **summed** over all pixels, however many: section 8 uses the same loss on
#   half images. The prior is $N(0, I)$ for every class; the KL term is summed over dimensions and has weight 1.
# * The **mean** over the batch. Logits of several hundred must be no problem.
#
# You may use what earlier lectures built: `reparameterize` and `negative_elbo(x, logits, mu, logvar)` are imported.


# %%
def cvae_loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Negative conditional ELBO, the mean over the batch: a scalar, in nats."""
    ### BEGIN SOLUTION
    mu, logvar = model.encode(x, y)
    logits = model.decode(reparameterize(mu, logvar), y)
    return negative_elbo(x, logits, mu, logvar)
    ### END SOLUTION


# %%
cvae_loss = check("cvae_loss", cvae_loss)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Two architectures, one loss
#
# The modules are in `course_utils/models/conditional.py`, each a few lines around `condition` or `label_maps`.

# %% slideshow={"slide_type": "fragment"}
torch.manual_seed(0)
sizes = LATENT_DIM, N_CLASSES
mlp = ConditionalVAE(
    models.ConditionalMLPEncoder(*sizes, HIDDEN), models.ConditionalMLPDecoder(*sizes, HIDDEN)
)
cnn = ConditionalVAE(models.ConditionalConvEncoder(*sizes, 12), models.ConditionalConvDecoder(*sizes, 12))

settings = {"batch_size": BATCH_SIZE, "lr": LR, "generator": generator}
fit(mlp, cvae_loss, (x, y), epochs=EPOCHS, **settings, label="MLP")
fit(cnn, cvae_loss, (x, y), epochs=CONV_EPOCHS, **settings | {"lr": 3e-3}, label="CNN")

for name, model in {"MLP": mlp, "CNN": cnn}.items():
    n_parameters = sum(p.numel() for p in model.parameters())
    train, test = (evaluate(model, cvae_loss, pair)["loss"] for pair in ((x, y), (x_test, y_test)))
    print(
        f"{name}: {n_parameters:7,} parameters, negative ELBO {train:.0f} (train), {test:.0f} (test) nats per image"
    )

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A referee
#
# To measure what models draw, we train an ordinary classifier $p(y|x)$ on the real images. It will judge drawings
# now, and compete in section 9.


# %% slideshow={"slide_type": "fragment"}
def classification_loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(model(x), y)


def new_classifier(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    layers = nn.Flatten(), nn.Linear(784, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, N_CLASSES)
    classifier = nn.Sequential(*layers)
    fit(classifier, classification_loss, (x, y), epochs=10, **settings, label=f"classifier {seed}")
    return classifier


referee = new_classifier(seed=0)


@torch.no_grad()
def recognised(images: Tensor, labels: Tensor) -> Tensor:
    """Whether the referee sees each image as its label: (B,)."""
    return referee(images).argmax(1) == labels


print(f"the referee is right on {100 * recognised(x_test, y_test).float().mean():.0f} % of the test images")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 · Who is told?
#
# The small example made predictions. We train the same network four times: encoder and decoder told the class, one of
# them, or neither (which is the plain VAE). Who is not told hears "class 0" for every image.


# %% slideshow={"slide_type": "fragment"}
class PartlyTold(ConditionalVAE):
    """A conditional VAE of which only the parts in ``told`` hear the label."""

    def __init__(self, told: str) -> None:
        encoder = models.ConditionalMLPEncoder(SMALL_LATENT_DIM, N_CLASSES, 100)
        super().__init__(encoder, models.ConditionalMLPDecoder(SMALL_LATENT_DIM, N_CLASSES, 100))
        self.told = told

    def encode(self, x, y):
        return super().encode(x, y if "encoder" in self.told else torch.zeros_like(y))

    def decode(self, z, y):
        return super().decode(z, y if "decoder" in self.told else torch.zeros_like(y))


# %% [markdown] slideshow={"slide_type": "subslide"}
# Two measurements on each:
#
# * **Is the class in the code?** Draw $z \sim q(z|x,y)$ for train and test images, and guess the class of each test
#   code by a vote of its ten nearest training codes. Chance is 10 %.
# * **Is an order carried out?** Draw $z \sim N(0, I)$, decode it as class $y$, and ask the referee.


# %% slideshow={"slide_type": "fragment"}
@torch.no_grad()
def measure(model: ConditionalVAE) -> tuple[float, float, float]:
    """Class found in z (%), orders carried out (%), negative ELBO on the test images (nats)."""
    codes, test_codes = (
        reparameterize(*model.encode(*pair), generator) for pair in ((x, y), (x_test, y_test))
    )
    nearest = torch.cdist(test_codes, codes).topk(10, largest=False).indices
    in_code = (y[nearest].mode(1).values == y_test).float().mean()
    ordered = torch.arange(N_CLASSES).repeat(40)
    drawn = model.decode(torch.randn(len(ordered), SMALL_LATENT_DIM, generator=generator), ordered).sigmoid()
    loss = evaluate(model, cvae_loss, (x_test.repeat(4, 1, 1, 1), y_test.repeat(4)))[
        "loss"
    ]  # four draws each
    return 100 * in_code.item(), 100 * recognised(drawn, ordered).float().mean().item(), loss


# %% slideshow={"slide_type": "subslide"}
who = "neither", "encoder", "decoder", "encoder and decoder"
results, small_models = {}, {}
for told in who:
    rows = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        model = PartlyTold(told)
        fit(model, cvae_loss, (x, y), epochs=SHORT_EPOCHS, **settings, label=f"told: {told}")
        rows.append(measure(model))
        small_models[told] = model  # the last seed's, for a look at its codes
    results[told] = torch.tensor(rows)  # (seeds, 3)

# %% slideshow={"slide_type": "skip"}
figure, panels = new_figure(1, 2, figsize=(10, 3.9), sharey=True)
panels[0].set_ylabel("% of test codes, of drawings")
figure.suptitle(
    "Told the class, the decoder carries out orders, and the code says less of it", x=0.01, ha="left"
)
for column, (axes, title) in enumerate(
    zip(panels, ("Class found in the code", "Orders carried out"), strict=True)
):
    heights = [results[told][:, column].mean() for told in who]
    errors = [2 * results[told][:, column].std() / math.sqrt(len(SEEDS)) for told in who]
    colours = [COLOURS["model" if "decoder" in told else "baseline"] for told in who]
    bars = axes.bar(range(4), heights, yerr=errors, capsize=6, color=colours, width=0.65)
    axes.bar_label(bars, fmt="%.0f", padding=3, fontsize=12)
    axes.axhline(10, color=COLOURS["truth"], ls=":", label="chance")
    axes.legend(loc="upper left")
    axes.set(title=title, ylim=(0, 112), xticks=range(4), xlabel="who is told the class")
    axes.set_xticklabels(["neither", "encoder", "decoder", "both"])
    axes.grid(axis="x", visible=False)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Two bar charts over who is told the class: neither, encoder, decoder, both. The share of test codes whose "
    "class is found is high for neither and encoder, and low for decoder and both. The share of drawings "
    "recognised as the class ordered is near chance for the first two and high for the last two.",
)

# %% slideshow={"slide_type": "skip"}
figure, panels = new_figure(1, 2, figsize=(10.2, 5.0))
figure.suptitle(
    "Classes lie apart in the code when nobody is told, and overlap when both are", x=0.01, ha="left"
)
for axes, told in zip(panels, ("neither", "encoder and decoder"), strict=True):
    with torch.no_grad():
        z = reparameterize(*small_models[told].encode(x_test, y_test), generator)
    latent_plane(z, y_test, title=f"told: {told}", class_names=data.class_names, ax=axes)
    axes.set_adjustable("box")
    axes.set(xlabel="z, first number", ylabel="z, second number", xlim=(-3.6, 3.6), ylim=(-3.6, 3.6))

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Two scatter plots of the codes of the test images, one colour and marker for each class. Where neither "
    "network is told, each class has a region of its own. Where both are told, the classes overlap around the "
    "origin.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Bars above: means over three seeds, with two standard errors. *Encoder told* is the instructive one: it looks right,
# it trains, and the decoder has to find the class in $z$, so $z$ must carry it. When $z$ comes from the prior,
# the order is lost.
#
# The code of a model whose decoder is told says less of the class, and not nothing, as in the small example. There the
# optimum was exact; here the loss only *charges* for what $z$ says, and a flexible decoder may well read the same $z$
# differently in different classes.

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
in_code, orders, losses = (torch.stack([results[told][:, k] for told in who]) for k in range(3))  # (4, seeds)
fewer = in_code[:2].mean() - in_code[2:].mean()
print("decoder told: the class is found in at least 10 points fewer of the codes:", bool(fewer >= 10))
print("orders, decoder not told: at most 25 %:", bool(orders[:2].max() <= 25))
print("orders, decoder told: at least 70 %:", bool(orders[2:].min() >= 70))
print("whether the encoder is told makes less than 5 nats:", bool((losses[2] - losses[3]).mean().abs() < 5))

# %% slideshow={"slide_type": "fragment"}
for told, row in zip(who, losses, strict=True):
    print(
        f"told {told:20s} negative ELBO {row.mean():.1f} nats, standard error {row.std() / math.sqrt(len(row)):.1f}"
    )

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What is it worth?
#
# **To tell the encoder:** next to nothing here. In the small example the cost was $1.6\, r (1 - r)$, and the image of a
# digit leaves little doubt about its class: $r$ is near 0 or 1, and the encoder can see what it is not told.
#
# **To tell the decoder:** a lot. Of exact likelihoods, $E[\log p(x|y) - \log p(x)]$ is the mutual information of $x$
# and $y$, and it cannot exceed the entropy of the label, $\log 10 = 2.3$ nats. Our bounds gain more than that. There is
# no contradiction: the bound of a code of 2 numbers, trained briefly, is short of the likelihood by many nats, and
# being told the class frees room in the code and makes the posterior simpler. **A label is cheap to say, and saves a
# small model much work.**

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "The codes of the fourth model still tell the class better than chance. Why?" (The aggregate posterior
# of each class only resembles N(0, I); where the match is imperfect, something of the class remains. Nothing in the
# loss forbids it, it is merely paid for.) Lecture 12's adversarial autoencoder forbids it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 · Images to order

# %% [markdown] exercise="sample_class"
# Write `sample_class(decode, y, n, latent_dim, generator)`: `n` images of class `y`.
#
# * `decode(z, labels)` takes codes `(n, latent_dim)` and labels `(n,)`, int64, and gives logits `(n, 1, 28, 28)`.
# * `y` is an `int`. The codes come from the prior $N(0, I)$, one for each image; `generator` is the only source of
#   randomness.
# * Return probabilities, `(n, 1, 28, 28)`, in [0, 1]. They are not rounded, and no pixels are drawn.


# %%
def sample_class(decode, y: int, n: int, latent_dim: int, generator: Generator) -> Tensor:
    """Draw n images of class y: probabilities (n, 1, 28, 28)."""
    ### BEGIN SOLUTION
    z = torch.randn(n, latent_dim, generator=generator)
    return decode(z, torch.full((n,), y)).sigmoid()
    ### END SOLUTION


# %%
sample_class = check("sample_class", sample_class)

# %% slideshow={"slide_type": "subslide"}
with torch.no_grad():
    orders_of = {
        name: torch.stack(
            [sample_class(model.decode, c, 100, LATENT_DIM, generator) for c in range(N_CLASSES)]
        )
        for name, model in (("MLP", mlp), ("CNN", cnn))
    }  # each (classes, 100, 1, 28, 28)
rows = torch.cat([images[:, :3].transpose(0, 1).flatten(0, 1) for images in orders_of.values()])
show(
    image_grid(
        rows,
        n_columns=N_CLASSES,
        row_labels=["MLP", "", "", "CNN", "", ""],
        column_labels=list(data.class_names),
        cell_inches=0.72,
        title="Ordered by class, drawn from the prior: every column is one class",
    ),
    alt="A grid of generated images with one column for each class, three rows by the fully connected and three by "
    "the convolutional model. Nearly every image is readable as the class of its column, in varying styles.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
ordered = torch.arange(N_CLASSES).repeat_interleave(100)
for name, images in orders_of.items():
    right = recognised(images.flatten(0, 1), ordered).float().mean()
    print(f"{name}: the referee recognises at least 75 % of 1,000 drawings as ordered: {bool(right >= 0.75)}")

# %% [markdown] slideshow={"slide_type": "notes"}
# These are means of pixels, not draws of pixels, hence smooth. *Ask:* "Which columns fail most often? Whose fault is
# it, the drawer's or the referee's?" (Both are trained on the same 1,497 images and share their blind spots.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 · The same style, another class
#
# If $z$ is style alone, it can be carried from one class to another: *encode with the class the image has, decode with
# the class you want.*

# %% [markdown] exercise="style_transfer"
# Write `style_transfer(model, x, y_from, y_to)`: images `x`, `(B, 1, 28, 28)`, of classes `y_from`, as they would look
# in class `y_to` and in the same style. Both labels are `(B,)`, int64.
#
# * `model.encode(x, y)` gives `(mu, logvar)`, `model.decode(z, y)` gives logits. Use nothing else of the model.
# * The style of an image is the **posterior mean**: nothing is drawn.
# * Return probabilities, `(B, 1, 28, 28)`. The arguments stay as they are.


# %%
def style_transfer(model: nn.Module, x: Tensor, y_from: Tensor, y_to: Tensor) -> Tensor:
    """Images of class y_to in the style of x, which is of class y_from: (B, 1, 28, 28)."""
    ### BEGIN SOLUTION
    style, _ = model.encode(x, y_from)
    return model.decode(style, y_to).sigmoid()
    ### END SOLUTION


# %%
style_transfer = check("style_transfer", style_transfer)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The analogy grid
#
# Two properties of a style can be computed: the **slant**, by how many pixels a stroke moves to the left for each row
# it goes down (a regression of column on row, weighted by ink), and the **width**, the standard deviation of the
# columns that the ink stands in. We take test images that are extreme in either.


# %% slideshow={"slide_type": "fragment"}
def ink_position(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Share of the ink in each pixel, and its row and column seen from the centre of the ink: each (B, 784)."""
    ink = images.flatten(1) / images.flatten(1).sum(1, keepdim=True).clamp_min(1e-6)
    row, column = torch.arange(784.0) // 28, torch.arange(784.0) % 28
    return ink, row - (ink @ row)[:, None], column - (ink @ column)[:, None]


def slant(images: Tensor) -> Tensor:
    """Columns to the left for each row down: (B,)."""
    ink, row, column = ink_position(images)
    return -(ink * row * column).sum(1) / (ink * row.square()).sum(1).clamp_min(1e-6)


def width(images: Tensor) -> Tensor:
    """Standard deviation of the column, in pixels: (B,)."""
    ink, _, column = ink_position(images)
    return (ink * column.square()).sum(1).sqrt()


# %% slideshow={"slide_type": "skip"}
with torch.no_grad():
    every_class = torch.stack(
        [style_transfer(mlp, x_test, y_test, torch.full_like(y_test, c)) for c in range(N_CLASSES)], 1
    )  # (300, classes, 1, 28, 28)
by_slant, by_width = slant(x_test).argsort(), width(x_test).argsort()
chosen = torch.stack([by_slant[2], by_slant[-3], by_width[2], by_width[-3], torch.tensor(0), torch.tensor(1)])
grid = torch.cat([x_test[chosen][:, None], every_class[chosen]], 1).flatten(0, 1)
figure = image_grid(
    grid,
    n_columns=1 + N_CLASSES,
    row_labels=["leans left", "leans right", "narrow", "wide", "any", "any"],
    column_labels=["original", *data.class_names],
    cell_inches=0.72,
    title="Each row is one style, each column one class",
)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="The analogy grid. The first column holds six originals: one that leans left, one that leans right, a narrow "
    "one, a wide one and two others. In each row the same style is drawn in all ten classes: the slanted rows stay "
    "slanted, the narrow row narrow and the wide row wide.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Is it true beyond six examples?
#
# For all 300 test images and all classes: is the new class recognised, and do slant and width of the result follow
# those of the original? For comparison, styles drawn from the prior, which follow nobody.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT


def correlation(measure_of, images: Tensor) -> float:
    """Between a property of the originals and of their versions in each class, the mean over the classes."""
    original = measure_of(x_test)
    columns = [measure_of(images[:, c]) for c in range(N_CLASSES)]
    return sum(torch.corrcoef(torch.stack([original, c]))[0, 1].item() for c in columns) / N_CLASSES


targets = torch.arange(N_CLASSES).repeat(len(x_test))
new_class = recognised(every_class.flatten(0, 1), targets).float().mean().item()
with torch.no_grad():
    strangers = mlp.decode(torch.randn(len(targets), LATENT_DIM, generator=generator), targets).sigmoid()
strangers = strangers.view_as(every_class)
kept = {p.__name__: (correlation(p, every_class), correlation(p, strangers)) for p in (slant, width)}

print("the new class is recognised in at least 75 % of 3,000 images:", new_class >= 0.75)
for name, (same_style, any_style) in kept.items():
    print(f"{name}: correlation with the original's above 0.5: {same_style > 0.5}, ", end="")
    print(f"below 0.1 with a style from the prior: {abs(any_style) < 0.1}")

# %% slideshow={"slide_type": "skip"}
figure, panels = new_figure(1, 2, figsize=(10, 3.9))
figure.suptitle(
    "Slanted images stay slanted and wide ones wide, whatever their class becomes", x=0.01, ha="left"
)
for axes, measure_of in zip(panels, (slant, width), strict=True):
    original, mean_of_others = (
        measure_of(x_test),
        measure_of(every_class.flatten(0, 1)).view(-1, N_CLASSES).mean(1),
    )
    axes.scatter(original, mean_of_others, s=14, color=COLOURS["model"], alpha=0.6)
    together = torch.corrcoef(torch.stack([original, mean_of_others]))[0, 1]
    axes.text(0.03, 0.95, f"correlation {together:.2f}", transform=axes.transAxes, va="top")
    axes.set(
        xlabel=f"{measure_of.__name__} of the original", ylabel=f"mean {measure_of.__name__} over ten classes"
    )

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Two scatter plots over the test images: the slant, and the width, of the original against the mean of its "
    "ten versions. Both clouds rise from the lower left to the upper right.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Try it
#
# One code, all classes. Choose the class, and move the two latent dimensions that change the images most. Which of them
# is slant, which is width? Does a dimension mean the same in every class?

# %% slideshow={"slide_type": "fragment"}
class_style_playground(mlp, LATENT_DIM, data)

# %% [markdown] slideshow={"slide_type": "notes"}
# Let the class name the two dimensions. *Ask:* "Who told the model that slant exists?" (Nobody. It is what a code of
# five numbers finds worth saying once the class is known.) "And who told it that the slant of a four and of a seven
# are the same coordinate?" (Nobody either, and nothing in the loss requires it! The decoder shares its weights between
# classes, so it is the lazy solution. With a decoder per class, no style would transfer.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8 · Half an image, and several ways to finish it
#
# Nothing in the loss asks that $y$ be a label. Let the condition be the **left half** of an image, and $x$ the right:
#
# $$p(\text{right} \,|\, \text{left}) = \int p(\text{right} \,|\, z, \text{left})\; p(z)\, dz .$$
#
# An ordinary network that predicts the right half gives *one* answer. But one left half may become several images, and
# who must give one answer for all of them gives their average.

# %% slideshow={"slide_type": "subslide"}
left, right = x[..., :14], x[..., 14:]  # (N, 1, 28, 14)
left_test, right_test = x_test[..., :14], x_test[..., 14:]
half = nn.Unflatten(1, (1, 28, 14))


class Completion(nn.Module):
    """A conditional VAE for the right half given the left: encode(right, left), decode(z, left)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = models.MLPEncoder(LATENT_DIM, HIDDEN)
        self.decoder = nn.Sequential(
            nn.Linear(LATENT_DIM + 392, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 392), half
        )

    def encode(self, right, left):
        return self.encoder(torch.cat([left, right], dim=3))

    def decode(self, z, left):
        return self.decoder(torch.cat([z, left.flatten(1)], dim=1))


# %% slideshow={"slide_type": "subslide"}
torch.manual_seed(0)
completion = Completion()
fit(completion, cvae_loss, (right, left), epochs=EPOCHS, **settings, label="completion")

predictor = nn.Sequential(nn.Flatten(), nn.Linear(392, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 392), half)


def prediction_loss(model: nn.Module, right: Tensor, left: Tensor) -> Tensor:
    return -bernoulli_log_likelihood(model(left), right).mean()


history = fit(predictor, prediction_loss, (right, left), epochs=10, **settings, label="one answer")

# %% slideshow={"slide_type": "fragment"}
N_COMPLETIONS = 20
with torch.no_grad():
    draws = torch.randn(N_COMPLETIONS, len(x_test), LATENT_DIM, generator=generator)
    finished = torch.stack([completion.decode(z, left_test).sigmoid() for z in draws])  # (20, 300, 1, 28, 14)
    single = predictor(left_test).sigmoid()

# %% slideshow={"slide_type": "skip"}
variety = finished.var(0).flatten(1).sum(1)  # (300,)
order = variety.argsort(descending=True)
shown = torch.stack([order[(y_test[order] == c).nonzero()[0, 0]] for c in y_test[order].unique()[:6]])
five_ways = finished[:5, shown]  # (5, 6, 1, 28, 14)
whole = torch.stack(
    [torch.cat([left_test[shown], part], 3) for part in (*five_ways, single[shown], right_test[shown])]
)
given = torch.cat([left_test[shown], torch.full_like(right_test[shown], 0.35)], 3)
panels = torch.cat([given[None], whole]).transpose(0, 1).flatten(0, 1)
figure = image_grid(
    panels,
    n_columns=8,
    column_labels=["given", *(f"z no. {k}" for k in range(1, 6)), "one answer", "truth"],
    cell_inches=0.9,
    title="One left half, several completions; the single answer is their blur",
)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Six rows, each with a left half whose right half is covered, five completions drawn by the conditional VAE, "
    "the single answer of an ordinary network, and the true image. The completions differ from each other and "
    "continue the given strokes; the single answer is greyer where they differ.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Do they fit, and do they differ?
#
# * **Fit:** the jump across the seam, $\lVert x_{\cdot, 13} - x_{\cdot, 14} \rVert^2$, the squared difference of the
#   two columns that meet. For comparison: right halves taken from *other* test images.
# * **Differ:** the squared error of the *best* of $K$ completions to the true half. If all were alike, $K$ would not
#   matter.
# * **Believe:** $\log p(\text{right}|\text{left})$ of the test halves, by importance sampling with 50 draws, against
#   the predictor's, which has no $z$ to average over.

# %% slideshow={"slide_type": "fragment"}


def seam(left: Tensor, right: Tensor) -> float:
    """Mean squared jump between the columns that meet."""
    return (left[..., -1] - right[..., 0]).square().flatten(1).sum(1).mean().item()


other = right_test[torch.randperm(len(right_test), generator=generator)]
seams = {
    "true halves": seam(left_test, right_test),
    "completions": sum(seam(left_test, part) for part in finished) / N_COMPLETIONS,
    "halves of other images": seam(left_test, other),
}
for name, value in seams.items():
    print(f"squared jump at the seam, {name}: {value:.2f}")

# %% slideshow={"slide_type": "subslide"}


@torch.no_grad()
def completion_log_likelihood(n_draws: int = 50) -> Tensor:
    """Importance-weighted bound on log p(right | left) of the test halves: (300,)."""
    m, v = completion.encode(right_test, left_test)
    log_w = []
    for _ in range(n_draws):
        z = reparameterize(m, v, generator)
        log_p = bernoulli_log_likelihood(completion.decode(z, left_test), right_test)
        log_w.append(log_p + log_density_standard_normal(z) - log_density(z, m, v))
    return importance_weighted_bound(torch.stack(log_w))


with torch.no_grad():
    by_predictor = bernoulli_log_likelihood(predictor(left_test), right_test)
gain_nats = completion_log_likelihood() - by_predictor
print(
    f"log p(right|left): the conditional VAE gains {gain_nats.mean():.1f} nats per image over one answer,",
    end=" ",
)
print(f"standard error {gain_nats.std() / math.sqrt(len(gain_nats)):.1f}")

# %% slideshow={"slide_type": "skip"}
squared_errors = (finished - right_test).square().flatten(2).sum(2)  # (20, 300)
best = squared_errors.cummin(0).values.mean(1)  # (20,): the best of the first K
single_error = (single - right_test).square().flatten(1).sum(1).mean()
ks = torch.arange(1, N_COMPLETIONS + 1)
figure, axes = new_figure(figsize=(9.5, 3.8))
axes.plot(ks, best, "o-", color=COLOURS["model"], label="best of K completions")
axes.axhline(single_error, color=COLOURS["baseline"], ls="--", label="the single answer")
axes.set(title="One completion is a worse guess than the average; a few contain a better one", ylim=(0, None))
axes.set(xlabel="number of completions K", ylabel="squared error of the right half", xticks=ks[::3])
axes.legend(loc="lower left")
axes.grid(axis="x", visible=False)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Squared error to the true right half against the number K of completions of which the best one counts. It "
    "starts above the dashed line of the single answer at K = 1, falls below it within a few completions and keeps "
    "falling.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
print("the completions' seam is at most half as wide as that of other halves:",
      seams["completions"] < seams["halves of other images"] / 2)  # fmt: skip
print("one completion is further from the truth than the single answer:", bool(best[0] > single_error))
print("the best of twenty is nearer:", bool(best[-1] < single_error))
print("the conditional VAE believes more in the truth, by over five standard errors:",
      bool(gain_nats.mean() > 5 * gain_nats.std() / math.sqrt(len(gain_nats))))  # fmt: skip

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "By squared error the single answer beats one completion. Which of the two would you show a user?" The average
# is the best guess and no plausible image; squared error cannot see that (lecture 2). *And:* "Why does the predictor
# lose on log-likelihood?" (Given the left half it must call the pixels independent, and they are not: they move
# together. z is what lets them move together.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9 · Turn it round: a classifier by Bayes' rule
#
# The model says how probable an image is **for each class**. Bayes' rule asks the reverse:
#
# $$p(y|x) = \frac{p(x|y)\, p(y)}{\sum_{c} p(x|c)\, p(c)}, \qquad
# \log p(x|y) \approx \mathrm{ELBO}(x, y) .$$
#
# Ten bounds per image, one for each label we could have told it. No classifier was trained.

# %% [markdown] exercise="classify_by_elbo"
# Write `classify_by_elbo(elbo, log_prior)`: $\log p(y|x)$ for every class, `(B, C)`, with each row normalised
# (its exponentials sum to 1).
#
# `elbo` is `(B, C)`: the bounds on $\log p(x|y)$. `log_prior` is `(C,)`: $\log p(y)$, not the same for all classes.
# Bounds of images are hundreds of nats apart, and densities may be larger than 1: values from -1500 to 900 must work,
# to the last class. The arguments stay as they are.


# %%
def classify_by_elbo(elbo: Tensor, log_prior: Tensor) -> Tensor:
    """Log p(y|x) of every class from bounds on log p(x|y): (B, C)."""
    ### BEGIN SOLUTION
    return (elbo + log_prior).log_softmax(dim=1)
    ### END SOLUTION


# %%
classify_by_elbo = check("classify_by_elbo", classify_by_elbo)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The small example first
#
# There the bounds can be made exact, and $\log p(x|1) - \log p(x|0) = 0.4\,x$, so $p(y{=}1|x) = \sigma(0.4\,x + \log
# \frac{p(1)}{p(0)})$.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
points = torch.tensor([-3.0, 0.0, 2.0, 30.0])
exact_elbo = torch.stack(
    [toy_elbo(points, k, gain * (points - b[k]), torch.tensor(variance)) for k in (0, 1)], 1
)
log_odds = math.log(0.2 / 0.8)
posterior = classify_by_elbo(exact_elbo, torch.tensor([0.8, 0.2]).log()).exp()[:, 1]
print("p(y = 1 | x) from two bounds:", [round(p, 4) for p in posterior.tolist()])
print("the logistic function:       ", [round(p, 4) for p in torch.sigmoid(0.4 * points + log_odds).tolist()])


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Digits
#
# For each image and each class: encode as that class, decode as that class, average the ELBO over a few draws.


# %% slideshow={"slide_type": "fragment"}
@torch.no_grad()
def elbo_of_every_class(images: Tensor, n_draws: int = 4) -> Tensor:
    """ELBO(x, y) for all labels y: (B, C)."""
    asked = torch.arange(N_CLASSES).repeat(len(images))
    repeated = images.repeat_interleave(N_CLASSES, 0)
    m, v = mlp.encode(repeated, asked)
    total = sum(
        elbo_terms(repeated, mlp.decode(reparameterize(m, v, generator), asked), m, v).elbo
        for _ in range(n_draws)
    )
    return (total / n_draws).view(len(images), N_CLASSES)


log_prior = torch.bincount(y, minlength=N_CLASSES).div(len(y)).log()
bounds = elbo_of_every_class(x_test)  # (300, C)
log_posterior = classify_by_elbo(bounds, log_prior)

# %% slideshow={"slide_type": "subslide"}
generative = log_posterior.argmax(1) == y_test
discriminative = recognised(x_test, y_test)
for name, is_right in {"Bayes' rule on ELBOs": generative, "classifier": discriminative}.items():
    share = is_right.float().mean()
    error = math.sqrt(share * (1 - share) / len(is_right))
    print(
        f"{name:20s} {100 * share:.1f} % of {len(is_right)} test images right, standard error {100 * error:.1f}"
    )
top_two = bounds.topk(2).values
print(f"median lead of the best class over the second: {(top_two[:, 0] - top_two[:, 1]).median():.0f} nats")

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
print(
    "a model that was never trained to classify is right on at least 78 %:",
    bool(generative.float().mean() >= 0.78),
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What only the generative classifier knows
#
# The denominator of Bayes' rule, thrown away by the classifier, is the **evidence** of the image:
#
# $$\log p(x) \;\ge\; \log \sum_y p(y)\, e^{\mathrm{ELBO}(x, y)} .$$
#
# A classifier must answer one of ten classes whatever it is shown; its ten numbers sum to 1. The evidence can be low
# for all classes at once: *none of the above.* We show both of them things that are no digits.

# %% slideshow={"slide_type": "fragment"}
calibration, rest = x_test[:150], x_test[150:]
factors = sample_factors(150, generator=generator)
outliers = {
    "digits": rest,
    "shapes": draw_shapes(factors),
    "noise": torch.rand(150, 1, 28, 28, generator=generator),
    "negatives": 1 - rest,
    "on its side": rest.rot90(1, (2, 3)),
    "two at once": torch.maximum(rest, rest.roll(1, 0)),
}
show(
    image_grid(
        torch.cat([torch.stack([images[k] for images in outliers.values()]) for k in (3, 5)]),
        n_columns=len(outliers),
        column_labels=list(outliers),
        cell_inches=1.1,
        value_range=(0.0, 1.25),
        title="Test images, and five kinds of images that belong to no class",
    ),
    alt="Two rows of six images: a test image, a geometric shape, pure noise, a negative, an image turned on its "
    "side, and two images laid over each other.",
)


# %% slideshow={"slide_type": "subslide"}
classifiers = [referee, *(new_classifier(seed) for seed in range(1, 5))]


@torch.no_grad()
def trust(images: Tensor) -> Tensor:
    """Evidence, largest p(y|x) by Bayes' rule, and largest p(y|x) of five classifiers: (B, 7)."""
    own = elbo_of_every_class(images)
    by_bayes = classify_by_elbo(own, log_prior).exp().amax(1)
    others = [classifier(images).softmax(1).amax(1) for classifier in classifiers]
    return torch.stack([(own + log_prior).logsumexp(1), by_bayes, *others], 1)


thresholds = trust(calibration).quantile(0.05, dim=0)  # rejects 5 % of 150 test images
rejected = torch.stack([100 * (trust(images) < thresholds).float().mean(0) for images in outliers.values()])
by_evidence, by_bayes, by_confidence = rejected[:, 0], rejected[:, 1], rejected[:, 2:]  # (6,), (6,), (6, 5)

# %% slideshow={"slide_type": "skip"}
figure, axes = new_figure(figsize=(10.2, 4.4))
five = by_confidence.mean(1), 2 * by_confidence.std(1) / math.sqrt(5)
bars_of = {
    "low evidence": (by_evidence, None, "model"),
    "low confidence of Bayes' rule": (by_bayes, None, "kl"),
    "low confidence of a classifier": (*five, "baseline"),
}
for shift, (name, (heights, errors, colour)) in zip((-0.27, 0, 0.27), bars_of.items(), strict=True):
    look = {"width": 0.25, "color": COLOURS[colour], "label": name, "capsize": 4}
    bars = axes.bar(torch.arange(6) + shift, heights, yerr=errors, **look)
    axes.bar_label(bars, fmt="%.0f", fontsize=12, padding=2)
axes.set(title="Low evidence stops noise and negatives; low confidence lets many of them pass", ylim=(0, 122))
axes.set(ylabel="rejected (%)", xticks=range(6), xticklabels=list(outliers))
axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3)
axes.grid(axis="x", visible=False)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Bars for six kinds of images: how many are rejected for low evidence, for low confidence of Bayes' rule and "
    "for low confidence of a classifier, at thresholds that reject 5 percent of the calibration images. Evidence "
    "rejects all of the noise and the negatives, where either confidence lets many pass. Evidence is worst at the "
    "shapes.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Grey bars: the mean over five classifiers trained from different seeds, with two standard errors. Whether a classifier
# hesitates before something it has never seen is a matter of luck: nothing in its training asks for it.

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
print("digits rejected for low evidence, at most 12 %:", bool(by_evidence[0] <= 12))
print("noise and negatives, at least 95 %:", bool(by_evidence[2:4].min() >= 95))
print(
    "the same for low confidence, mean of five classifiers, at most 70 %:",
    bool(by_confidence[2:4].mean() <= 70),
)
lead = by_evidence[1:].mean() - by_confidence[1:].mean()
print("mean over the five kinds: evidence rejects at least 15 points more:", bool(lead >= 15))
print("shapes get past the evidence more often than noise:", bool(by_evidence[1] < by_evidence[2]))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Three cautions
#
# * **Bayes' rule is confident too.** The bounds of two classes are tens of nats apart, even for noise, so $p(y|x)$ is
#   near 0 or 1. That is the price of pixels that count as independent evidence: its confidence is not calibrated.
# * **Bounds are compared, not likelihoods.** If the gap is wider for one class than for another, the comparison tilts.
#   More draws in an importance-weighted bound narrow both.
# * **Evidence is no oracle.** It stops what is *hard to draw* for this model. Simple things on a black page, such as
#   the shapes, get past it more easily, and on other data nearly all of them may. Lecture 9 takes this up.

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Ten passes through the model for every image instead of one. When is that worth it?" (Few labels, classes that
# change, inputs that may be nonsense, a reason wanted: the reconstruction shows *why* it thinks of a seven.) "What
# would you need to add an eleventh class?" (A model of that class; the other ten need no retraining in principle, and
# a discriminative classifier does.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# * $\log p(x|y) \ge E_{q(z|x,y)}[\log p(x|z,y)] - D_{KL}(q(z|x,y) \,\|\, p(z))$: the label reaches encoder and decoder,
#   and the prior is the same for all classes.
# * A one-hot vector beside the input of a layer is **a bias for each class**; in a convolutional network it is a
#   constant map per class.
# * What the decoder is told, $z$ need not say: it becomes **style**. If the decoder is not told, $z$ carries the class
#   and orders are lost. Not telling the encoder costs only where $x$ leaves the class in doubt.
# * Encode with one class, decode with another: style stays, class changes.
# * The condition may be anything, half an image for instance. $z$ then holds what the condition leaves open, and
#   several draws give several completions.
# * Bayes' rule on ELBOs classifies; its denominator, the evidence, **rejects**, which a classifier's confidence does
#   badly.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Check yourself
#
# 1. Your conditional VAE reconstructs well, and whatever class you order, you get any digit. Name the first line of
#    code to look at.
# 2. You order a seven with $z = 0$. Is the result the mean of all sevens?
# 3. What becomes of `style_transfer(model, x, y, y)`?
# 4. A colleague gives the decoder the label and, to be safe, adds the class mean to $\mu$ in the encoder's output. What
#    does the KL term say to that?
# 5. The ELBO of every class of an image falls by 40 nats. How does $p(y|x)$ change, and how does the evidence?
# 6. You add a constant map with the *correct* label at test time to classify. What did you measure?
#
# <details>
# <summary>Answers</summary>
#
# 1. The call of the decoder: it does not get $y$ (or the same $y$ for all), so $z$ carries the class.
# 2. No. It is the decoder's picture of the most typical style. The mean of all sevens is the *average* of the images
#    over $z$, and it is blurred.
# 3. A reconstruction, by the posterior mean.
# 4. It charges $\frac12 \lVert m_y \rVert^2$ nats, on average over the images, and buys nothing, because the decoder
#    knows the class. Training will unlearn it.
# 5. $p(y|x)$ not at all, since the rows are normalised; the evidence falls by 40 nats. This is why the one can reject
#    and the other cannot.
# 6. Nothing: the model was told the answer. Every class must be tried on every image.
#
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# ## References
#
# * D. P. Kingma, D. J. Rezende, S. Mohamed, M. Welling (2014). *Semi-supervised learning with deep generative models.*
#   arXiv:1406.5298. The label as a second latent variable; style and class; analogies.
# * K. Sohn, H. Lee, X. Yan (2015). *Learning structured output representation using deep conditional generative
#   models.* NeurIPS 28. The conditional VAE, with a prior that depends on the condition; completing images from a
#   quarter.
# * O. Ivanov, M. Figurnov, D. Vetrov (2019). *Variational autoencoder with arbitrary conditioning.* arXiv:1806.02382.
#   Any part of the image given, any other part drawn.
# * A. Y. Ng, M. I. Jordan (2001). *On discriminative vs. generative classifiers: a comparison of logistic regression
#   and naive Bayes.* NeurIPS 14.
# * L. Schott, J. Rauber, M. Bethge, W. Brendel (2019). *Towards the first adversarially robust neural network model on
#   MNIST.* arXiv:1805.09190. A VAE per class, and Bayes' rule on their bounds.
# * Y. Li, J. Bradshaw, Y. Sharma (2019). *Are generative classifiers more robust to adversarial attacks?*
#   arXiv:1802.06552.
# * E. Nalisnick, A. Matsukawa, Y. W. Teh, D. Gorur, B. Lakshminarayanan (2019). *Do deep generative models know what
#   they don't know?* arXiv:1810.09136. Where evidence fails.
# * Y. Burda, R. Grosse, R. Salakhutdinov (2016). *Importance weighted autoencoders.* arXiv:1509.00519.
