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
# # 2 · Autoencoders
#
# A digit in this course is 784 numbers. You could describe it over the telephone in far fewer: *a seven, slanted,
# with a bar*. So two questions:
#
# > **How few numbers can carry an image, and can we draw a new image by making the numbers up?**
#
# The first has a happy answer. The second has not, and why it has not is the reason for the rest of the course.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ## What you will be able to do
#
# * compute the best *linear* code of a data set, and say exactly what it loses,
# * show that a linear autoencoder learns the same thing, by measuring angles between subspaces,
# * build deep, convolutional and denoising autoencoders, and work out the size of every layer beforehand,
# * use a code: to walk from one image to another, to classify, to notice a stranger,
# * explain why an autoencoder is **not** a generative model.
#
# **You need** lecture 1, matrices and gradients, a first course on neural networks.
# **Time:** 90 minutes of lecture, about 65 minutes of exercises; the notebook itself runs in under half a minute.

# %% [markdown] slideshow={"slide_type": "notes"}
# **Timing (90 min):** bottleneck 8, PCA 15, linear autoencoder 10, deep 15, convolutions 15, denoising 10, what the
# squared error misses 5, latent space and random codes 12.
#
# *Ask first, before any slide:* "How many numbers would you need to describe a handwritten digit to somebody who must
# draw it?" Collect guesses on the board; come back to them at the figure of error against code size.

# %% slideshow={"slide_type": "skip"}
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import models
from course_utils.data import load
from course_utils.exercises import check
from course_utils.plotting import (
    COLOURS,
    curves,
    image_grid,
    latent_plane,
    new_figure,
    show,
    use_course_style,
)
from course_utils.runtime import seed_everything
from course_utils.training import fit, minibatches
from course_utils.widgets import homotopy_playground

use_course_style()

# %% slideshow={"slide_type": "skip"}
generator = seed_everything(0)

CODE_SIZES = 2, 5, 16  # numbers in the code of the deep autoencoders
EPOCHS = 20  # for these
CONV_EPOCHS = 8  # convolutions learn faster, and take longer
BATCH_SIZE = 64
NOISE_STD = 0.5  # standard deviation of the Gaussian noise, in units of the pixel range
MASKED = 0.5  # part of the pixels that masking noise sets to black

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The data
#
# Real handwritten digits, 28 x 28 pixels, each pixel in [0, 1]. Shapes and ranges first, always.

# %% slideshow={"slide_type": "fragment"}
data = load().subset(1497, 300)
x, labels = data.train_images, data.train_labels
x_test, test_labels = data.test_images, data.test_labels

print(data)
print(f"x: {tuple(x.shape)}, {x.dtype}, from {x.min():.0f} to {x.max():.0f}")

# %% slideshow={"slide_type": "fragment"}
# One image of each class
examples = torch.stack([x_test[test_labels == c][0] for c in range(data.n_classes)])
show(
    image_grid(
        examples,
        n_columns=data.n_classes,
        title="These images shall pass through a few numbers, and come back",
    ),
    alt="One example of each of the ten digits, white strokes on black, all clearly readable.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 · A bottleneck
#
# An **autoencoder** is two functions with a narrow place between them:
#
# $$x \in \mathbb{R}^{D} \;\xrightarrow{\;\text{encoder } e_\phi\;}\; z \in \mathbb{R}^{K}
# \;\xrightarrow{\;\text{decoder } d_\theta\;}\; \hat x \in \mathbb{R}^{D}, \qquad K < D .$$
#
# No labels are needed: the input is its own target. Both are trained to make the **reconstruction error** small,
#
# $$\mathcal{L}(\phi, \theta) = \frac1N \sum_{n=1}^{N} \lVert x_n - \hat x_n \rVert^2,
# \qquad \lVert x - \hat x \rVert^2 = \sum_{i=1}^{D} (x_i - \hat x_i)^2 .$$
#
# (In this lecture $D$ counts pixels and $K$ the numbers in the code; from lecture 3 on $D$ is the dimension of $z$.)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "What would happen with K = D?" (The identity: nothing is learned.) "And what is the best you can do with
# K = 0?" (Answer the same image for everybody: the mean. Its error is the total variance; we compute it below.)

# %% [markdown] exercise="reconstruction_error"
# Write `reconstruction_error(x, x_hat)`: for each example of a batch, the squared difference **summed over everything
# but the batch**. There is no factor one half. It takes images `(B, 1, 28, 28)` as well as vectors `(B, D)`, or any
# other shape that begins with the batch, and returns a tensor of shape `(B,)`.
#
# For example: an image of two pixels `[[1.0, 3.0]]`, reconstructed as `[[0.0, 1.0]]`, has the error `[5.0]`.


# %%
def reconstruction_error(x: Tensor, x_hat: Tensor) -> Tensor:
    """Squared error of each example, summed over pixels: shape (B,)."""
    ### BEGIN SOLUTION
    return (x - x_hat).square().flatten(1).sum(1)
    ### END SOLUTION


# %%
reconstruction_error = check("reconstruction_error", reconstruction_error)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A code of no numbers at all
#
# With $K = 0$ the decoder must give the same image to everybody. The best it can do is the mean $\bar x$, and what
# remains is the **total variance**, the sum of the variances of all pixels:
#
# $$\frac1N \sum_n \lVert x_n - \bar x \rVert^2 = \sum_{i=1}^{D} \operatorname{var}(x_i) .$$

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
by_hand = reconstruction_error(torch.tensor([[1.0, 3.0]]), torch.tensor([[0.0, 1.0]]))  # 1 + 4
print("two pixels, by hand 5:", by_hand.tolist())

mean = x.mean(0, keepdim=True)  # (1, 1, 28, 28)
error_of_the_mean = reconstruction_error(x, mean.expand_as(x)).mean()
total_variance = x.var(0, correction=0).sum()
print("the two sides agree:", torch.isclose(error_of_the_mean, total_variance, rtol=1e-4).item())
print(f"with no code at all, the squared error is {error_of_the_mean:.1f} per image")

# %% [markdown]
# Keep that number in mind: it is the error to beat, and every number we allow into the code should buy a part of it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 · The best linear code: PCA
#
# Let encoder and decoder be linear. With one number for points in a plane, "linear" means: choose a line, and replace
# each point by the nearest point on it. Which line loses least?
#
# We turn a line through a cloud of 400 points and watch the mean squared distance to it.

# %% slideshow={"slide_type": "fragment"}
points = torch.randn(400, 2, generator=generator) @ torch.tensor([[2.0, 1.0], [0.0, 0.6]])
points = points - points.mean(0)
covariance_2d = points.T @ points / len(points)

degrees = torch.arange(181.0)
angle = degrees.deg2rad()
across = torch.stack([-angle.sin(), angle.cos()])  # (2, 181): the direction across each line
lost = (points @ across).square().mean(0)  # (181,): mean squared distance to each line

# %% slideshow={"slide_type": "skip"}
best = degrees[lost.argmin()]
figure, (left, right) = new_figure(1, 2, width_ratios=(1, 1.2))
left.scatter(*points.T, s=10, color=COLOURS["data"], alpha=0.5)
left.axline((0, 0), slope=math.tan(best.deg2rad()), color=COLOURS["model"])
left.set(
    title="The best line", xlabel="$x_1$", ylabel="$x_2$", xlim=(-6, 6), ylim=(-4.5, 4.5), aspect="equal"
)
right.plot(degrees, lost, color=COLOURS["model"])
right.set(title="What it loses is the smaller eigenvalue", xlabel="angle of the line (degrees)")
right.set(ylabel="mean squared distance", ylim=(0, 5.4), xticks=range(0, 181, 45))
for eigenvalue, name in zip(torch.linalg.eigvalsh(covariance_2d), ("smaller", "larger"), strict=True):
    right.axhline(eigenvalue, color=COLOURS["truth"], ls=":")
    right.text(180, eigenvalue + 0.1, f"{name} eigenvalue", ha="right")

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Left: an oblong cloud of points with the best line along its long axis. Right: the mean squared distance to "
    "a line against its angle, a wave that touches the smaller eigenvalue of the covariance at its minimum and the "
    "larger one at its maximum.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# Let the class predict the right-hand figure before showing it: where is the minimum, what is its height, and how far
# apart are minimum and maximum? (90 degrees: eigenvectors of a symmetric matrix are orthogonal.)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What the picture says, in any dimension
#
# Let $C = \frac1N \sum_n (x_n - \bar x)(x_n - \bar x)^\top$ have the eigenvalues
# $\lambda_1 \ge \lambda_2 \ge \dots \ge \lambda_D$ with eigenvectors $u_1, \dots, u_D$.
#
# Among all pairs of a linear encoder and a linear decoder with $K$ numbers between them, the best keep the
# coordinates along $u_1, \dots, u_K$, and
#
# $$\hat x = \bar x + \sum_{j=1}^{K} u_j\, u_j^\top (x - \bar x), \qquad
# \min \frac1N \sum_n \lVert x_n - \hat x_n \rVert^2 = \sum_{j=K+1}^{D} \lambda_j .$$
#
# This is **principal component analysis** (Pearson 1901; as a statement about matrices, Eckart and Young 1936).

# %% [markdown] slideshow={"slide_type": "skip"}
# <details>
# <summary>Why the eigenvectors? A short proof</summary>
#
# Let the columns of $W$, $D \times K$, be an orthonormal basis of the subspace in which reconstructions lie. The
# nearest point of a subspace is the projection, so the error of the centred $y = x - \bar x$ is $\lVert y - W W^\top
# y \rVert^2 = \lVert y \rVert^2 - \lVert W^\top y \rVert^2$ by Pythagoras. On average this is
#
# $$\operatorname{tr} C - \operatorname{tr}(W^\top C W) .$$
#
# So we maximise $\operatorname{tr}(W^\top C W) = \sum_j \lambda_j\, p_j$ with $p_j = \lVert W^\top u_j \rVert^2$.
# Each $p_j$ lies between 0 and 1, since it is the squared length of a projected unit vector, and they add up to
# $\lVert W \rVert^2 = K$. The most that weights like these can collect is $\lambda_1 + \dots + \lambda_K$: full weight
# on the K largest. That leaves $\lambda_{K+1} + \dots + \lambda_D$.
#
# Is it restrictive that the mean is put back? No: for a given $W$ the offset that minimises a mean of squares is a
# mean.
#
# </details>

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
smaller, larger = torch.linalg.eigvalsh(covariance_2d)
print("least loss is the smaller eigenvalue, to 0.1 %:", torch.isclose(lost.min(), smaller, rtol=1e-3).item())
print("most loss is the larger one, to 0.1 %:         ", torch.isclose(lost.max(), larger, rtol=1e-3).item())

four = torch.tensor([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])  # small enough to do by hand
print("four points, by hand 2 and 1/2:", torch.linalg.eigvalsh(four.T @ four / 4).flip(0).tolist())

# %% [markdown] exercise="pca_reconstruct"
# Write `pca_reconstruct(x, k)`. It takes points `x` of shape `(N, D)`, finds **their own** mean and first `k` principal
# directions, and returns the reconstruction `x_hat` of shape `(N, D)`: centred, projected, and the mean added back.
# Any way of finding the directions is fine: `torch.linalg.svd` of the centred points, or `torch.linalg.eigh` of their
# covariance. `x` itself must stay as it is.


# %%
def pca_reconstruct(x: Tensor, k: int) -> Tensor:
    """Reconstruct x (N, D) from its mean and its first k principal components: (N, D)."""
    ### BEGIN SOLUTION
    centre = x.mean(0)
    directions = torch.linalg.svd(x - centre, full_matrices=False).Vh[:k]  # (k, D), largest first
    return centre + (x - centre) @ directions.T @ directions
    ### END SOLUTION


# %%
pca_reconstruct = check("pca_reconstruct", pca_reconstruct)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Digits from 16 numbers
#
# Sixteen components instead of 784 pixels. The formula promises an error: the sum of the 768 eigenvalues we drop.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
pixels = x.flatten(1)  # (N, 784)
eigenvalues, eigenvectors = torch.linalg.eigh(
    (pixels - pixels.mean(0)).T @ (pixels - pixels.mean(0)) / len(x)
)
eigenvalues, eigenvectors = eigenvalues.flip(0), eigenvectors.flip(1)  # largest first

x_pca = pca_reconstruct(pixels, 16)
promised, found = eigenvalues[16:].sum(), reconstruction_error(pixels, x_pca).mean()
print("the error is the sum of the dropped eigenvalues:", torch.isclose(promised, found, rtol=1e-3).item())
print(f"16 numbers of 784 explain {100 * (1 - found / total_variance):.0f} % of the variance")

# %% slideshow={"slide_type": "subslide"}
one_of_each = torch.stack([(labels == c).nonzero()[0, 0] for c in range(data.n_classes)])
show(
    image_grid(
        torch.cat([x[one_of_each], x_pca[one_of_each].view(-1, 1, 28, 28)]),
        n_columns=data.n_classes,
        row_labels=["image", "16 numbers"],
        title="Sixteen numbers keep the digit and lose the sharp edges",
    ),
    alt="Ten digits above their reconstructions from 16 principal components: readable, but blurred, with grey "
    "shadows where strokes of other digits would be.",
)

# %% slideshow={"slide_type": "subslide"}
show(
    image_grid(
        eigenvectors[:, :16].T.reshape(-1, 28, 28),
        n_columns=8,
        value_range=(-0.12, 0.12),
        title="The 16 directions: every reconstruction is the mean plus a mixture of these",
    ),
    alt="Sixteen grey pictures with light and dark stroke patterns, coarse ones first and finer ones later; none of "
    "them is a digit.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Why do some reconstructions have grey ghosts?" (They are sums of the sixteen patterns, and a linear decoder
# cannot switch a pattern off where it does not fit.) That is the limit that the next sections remove.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 · A linear autoencoder finds the PCA subspace
#
# Now the same as a network: $z = W_e\,(x - \bar x)$ and $\hat x = \bar x + W_d\, z$, two matrices without constraints,
# trained by gradient descent from a random start. It knows nothing of eigenvectors.
#
# It cannot find the eigenvectors themselves: for any invertible $A$, the pair $(A W_e,\; W_d A^{-1})$ gives the same
# $\hat x$. Only the **subspace** spanned by the columns of $W_d$ is determined.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
W_e, W_d, A = (torch.randn(*size, generator=generator).double() for size in ((3, 8), (8, 3), (3, 3)))
same = torch.allclose(W_d @ W_e, (W_d @ A.inverse()) @ (A @ W_e))
print("another code, the same reconstruction:", same)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### How to compare subspaces: principal angles
#
# Take orthonormal bases $Q_1, Q_2$ of two $K$-dimensional subspaces. The **principal angles**
# $\theta_1, \dots, \theta_K$ between them are given by singular values,
#
# $$\cos \theta_j = \sigma_j(Q_1^\top Q_2) .$$
#
# All of them are 0 exactly when the subspaces are the same.


# %% slideshow={"slide_type": "fragment"}
def principal_angles(a: Tensor, b: Tensor) -> Tensor:
    """Angles in degrees, smallest first, between the spaces spanned by the columns of a and of b, both (D, K)."""
    q_a, q_b = torch.linalg.qr(a).Q, torch.linalg.qr(b).Q
    return torch.linalg.svdvals(q_a.T @ q_b).clamp(max=1).acos().rad2deg()


# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
tilt = math.radians(30)  # two planes in space that share one axis; one is turned by 30 degrees around it
flat = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
tilted = torch.tensor([[1.0, 0.0], [0.0, math.cos(tilt)], [0.0, math.sin(tilt)]])
angles = principal_angles(flat, tilted)
print("angles between the planes:", [round(a, 1) + 0.0 for a in angles.tolist()], "degrees")

other_basis = tilted @ torch.tensor([[2.0, 1.0], [1.0, 1.0]])  # of the same plane
same = torch.allclose(principal_angles(flat, other_basis), angles, atol=0.1)
print("another basis of a plane has the same angles:", same)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The training loop, written out once
#
# This is all there is to training. From the next section on we call `course_utils.training.fit`, which is this loop
# with a progress bar.


# %% slideshow={"slide_type": "fragment"}
class LinearAutoencoder(nn.Module):
    def __init__(self, n_inputs: int, code_dim: int) -> None:
        super().__init__()
        self.encode = nn.Linear(n_inputs, code_dim, bias=False)
        self.decode = nn.Linear(code_dim, n_inputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))


# %% slideshow={"slide_type": "subslide"}
def train_linear(centred: Tensor, code_dim: int, epochs: int) -> list[Tensor]:
    """Train on centred data; return the principal angles to the PCA subspace after every epoch."""
    model = LinearAutoencoder(centred.shape[1], code_dim)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    angles = []
    for _ in range(epochs):
        for (batch,) in minibatches(centred, batch_size=BATCH_SIZE, generator=generator):
            x_hat = model(batch)
            loss = F.mse_loss(x_hat, batch, reduction="sum") / len(batch)  # mean over the batch
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        angles.append(principal_angles(model.decode.weight.detach(), eigenvectors[:, :code_dim]))
    return angles


# %% slideshow={"slide_type": "subslide"}
angles = torch.stack(train_linear(pixels - pixels.mean(0), code_dim=4, epochs=40))  # (epochs, 4)

figure = curves(
    {"largest": angles[:, -1], "smallest": angles[:, 0]},
    title="Gradient descent turns the learned subspace into that of PCA",
    xlabel="epoch",
    ylabel="principal angle (degrees)",
    colours={"largest": "model", "smallest": "data"},
)
show(
    figure,
    alt="Largest and smallest of the four principal angles between the learned subspace and the PCA subspace. Both "
    "start near 90 degrees and fall to about one degree within 40 epochs.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
print("all four angles are below 3 degrees:", bool((angles[-1] < 3).all()))

# %% [markdown] slideshow={"slide_type": "subslide"}
# <details>
# <summary>Would it find all 16? Look at the gaps between eigenvalues</summary>
#
# What pulls the learned subspace into place is the difference between an eigenvalue that should be in and one that
# should be out. Between $\lambda_4$ and $\lambda_5$ the gap is wide. Between $\lambda_{16}$ and $\lambda_{17}$ there is
# almost none, so that the sixteenth direction is a tie that gradient descent takes very long to decide. It also hardly
# matters: exchanging the two costs $\lambda_{16} - \lambda_{17}$ in error. The cell below prints both gaps, relative to
# the eigenvalue.
#
# </details>

# %% slideshow={"slide_type": "fragment"}
for k in (4, 16):
    gap = 1 - eigenvalues[k] / eigenvalues[k - 1]
    print(f"from eigenvalue {k} to {k + 1}: down by {100 * gap:.0f} %")

# %% [markdown] slideshow={"slide_type": "notes"}
# The theorem behind the figure: Baldi and Hornik (1989) show that the squared error of a linear autoencoder has no
# local minima other than the PCA subspace; all other critical points are saddles. That is why a random start is enough.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 · Bend the subspace: deep autoencoders
#
# Points on a half-circle need **one** number, the angle. A line cannot follow. With $\alpha$ uniform on $[0, \pi]$,
#
# $$\operatorname{var}(\cos\alpha) = \tfrac12, \qquad
# \operatorname{var}(\sin\alpha) = \tfrac12 - \tfrac{4}{\pi^2} \approx 0.095,$$
#
# so the best line is horizontal and loses 0.095. The non-linear code $z = \operatorname{atan2}(x_2, x_1)$,
# $\hat x = (\cos z, \sin z)$ loses nothing.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
alpha = (torch.arange(2000) + 0.5) / 2000 * math.pi
arc = torch.stack([alpha.cos(), alpha.sin()], dim=1)  # (2000, 2)
z = torch.atan2(arc[:, 1], arc[:, 0])
bent = torch.stack([z.cos(), z.sin()], dim=1)
straight = pca_reconstruct(arc, 1)
print(
    f"one number, straight: {reconstruction_error(arc, straight).mean():.3f}  (formula {0.5 - 4 / math.pi**2:.3f})"
)
print(f"one number, bent:     {reconstruction_error(arc, bent).mean():.3f}")

# %% slideshow={"slide_type": "skip"}
figure, axes = new_figure(figsize=(10, 3.6))
some = torch.arange(20, 2000, 70)
axes.plot(*arc.T, color=COLOURS["model"], lw=6, alpha=0.35, label="bent code: loses nothing")
axes.plot(*straight.T, color=COLOURS["baseline"], label="PCA: the best line")
axes.plot(*arc[some].T, "o", color=COLOURS["data"], label="data")
axes.set(
    title="A line loses what a curve keeps, with one number each",
    aspect="equal",
    xlabel="$x_1$",
    ylabel="$x_2$",
)
axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
for point, foot in zip(arc[some], straight[some], strict=True):
    axes.plot(*torch.stack([point, foot]).T, color=COLOURS["neutral"], lw=1.2, zorder=1)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Points on a half-circle. A horizontal line is the best linear code of one number, with grey segments "
    "from each point to its foot on the line; the curve through the points is the bent code and touches all of them.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A deep autoencoder
#
# For digits nobody knows the curve, so it is learned: put non-linear layers before and after the bottleneck
# (Hinton and Salakhutdinov 2006).


# %% slideshow={"slide_type": "fragment"}
def dense(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_in, n_out), nn.LayerNorm(n_out), nn.SiLU())


class MLPAutoencoder(nn.Module):
    def __init__(self, code_dim: int) -> None:
        super().__init__()
        self.encode = nn.Sequential(
            nn.Flatten(), dense(784, 256), dense(256, 128), nn.Linear(128, code_dim)
        )  # fmt: skip
        self.decode = nn.Sequential(
            dense(code_dim, 128), dense(128, 256), nn.Linear(256, 784),
            nn.Sigmoid(), nn.Unflatten(1, (1, 28, 28)),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))


# %% [markdown] slideshow={"slide_type": "fragment"}
# The sigmoid keeps pixels in [0, 1]. The normalisation lets us train fast, with a large learning rate. The code itself
# is *not* squashed: it may be any number. Remember this for later.


# %% slideshow={"slide_type": "subslide"}
def squared_error(model: nn.Module, x: Tensor) -> Tensor:
    """The loss: summed over pixels, averaged over the batch."""
    return F.mse_loss(model(x), x, reduction="sum") / len(x)


@torch.no_grad()
def reconstruct(model: nn.Module, x: Tensor) -> Tensor:
    return model(x)


deep = {}
for size in CODE_SIZES:
    deep[size] = MLPAutoencoder(size)
    settings = {"epochs": EPOCHS, "batch_size": BATCH_SIZE, "lr": 1.5e-3, "generator": generator}
    history = fit(deep[size], squared_error, (x,), test=(x_test,), label=f"{size} numbers", **settings)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Against PCA, number for number
#
# PCA as a fair opponent: directions learned from the training images and applied to test images, and pixels clamped to
# [0, 1], since its sums know nothing of that range.


# %% slideshow={"slide_type": "fragment"}
def pca_of_train(images: Tensor, k: int) -> Tensor:
    """Reconstruct any images from the first k principal components of the training images."""
    basis = eigenvectors[:, :k]  # (784, k)
    shifted = images.flatten(1) - pixels.mean(0)
    return (pixels.mean(0) + (shifted @ basis) @ basis.T).view_as(images).clamp(0, 1)


rows, names = [examples], ["image"]
for size in CODE_SIZES:
    rows += [pca_of_train(examples, size), reconstruct(deep[size], examples)]
    names += [f"PCA, {size}", f"deep, {size}"]

# %% slideshow={"slide_type": "subslide"}
show(
    image_grid(
        torch.cat(rows),
        n_columns=data.n_classes,
        row_labels=names,
        cell_inches=0.68,
        title="Equal code size: the deep decoder draws strokes, PCA draws fog",
    ),
    alt="Ten test digits and below them reconstructions from 2, 5 and 16 numbers, by PCA and by the deep "
    "autoencoder. With 2 numbers PCA gives the same grey blob for most digits; the deep one gives digit-like "
    "shapes, some of the wrong class. With 16 the deep reconstructions are almost the originals.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Two numbers are too few for either. With five the deep code has most digits right, where PCA still adds up fog; with
# sixteen it keeps even the endings of strokes.

# %% slideshow={"slide_type": "skip"}
sizes = [1, 2, 3, 4, 5, 8, 12, 16, 24, 32]
pca_errors = [reconstruction_error(x_test, pca_of_train(x_test, k)).mean() for k in sizes]
deep_errors = [reconstruction_error(x_test, reconstruct(deep[k], x_test)).mean() for k in CODE_SIZES]

figure, axes = new_figure()
axes.axhline(error_of_the_mean, color=COLOURS["truth"], ls=":", label="the mean image (no code)")
axes.plot(sizes, pca_errors, "s--", color=COLOURS["baseline"], label="PCA")
axes.plot(CODE_SIZES, deep_errors, "o-", color=COLOURS["model"], label="deep autoencoder")
axes.set(
    title="At every size, a bent code loses less than a straight one",
    xlabel="numbers in the code",
    xscale="log",
)
axes.set(ylabel="squared error (test)", ylim=(0, None), xticks=sizes, xticklabels=sizes)
axes.legend()
axes.minorticks_off()

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Test error against the number of code dimensions on a logarithmic axis. Both curves fall; the deep "
    "autoencoder lies clearly below PCA at 2, 5 and 16 numbers; at 5 it does about as well as PCA at 12.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# Compare with the guesses from the start. *Ask:* "The deep network has half a million weights and PCA sixteen
# directions. Is the comparison fair?" (Equal *code*, not equal capacity. Fair as a statement about codes: the error
# is on test images. The price shows when data are few: train error is lower than test error, see below.)

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
for size, deep_error in zip(CODE_SIZES, deep_errors, strict=True):
    pca_error = reconstruction_error(x_test, pca_of_train(x_test, size)).mean()
    print(
        f"{size:2d} numbers: the deep code loses at least a tenth less: {bool(deep_error < 0.9 * pca_error)}"
    )

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 · Convolutions, and the way back
#
# An image is not a list of 784 unrelated numbers: neighbours belong together, and a stroke looks the same wherever it
# is. A **convolution** uses both facts: the same small filter, applied at every place.
#
# Before building anything, the arithmetic. A 3 x 3 filter fits into a 6 x 6 image in 4 x 4 places:


# %% slideshow={"slide_type": "skip"}
def draw_grid(axes, n: int, colour: str, row: int, column: int, patch: int) -> None:
    """An n x n grid of pixels with a filled patch x patch square at (row, column)."""
    axes.fill_between([column, column + patch], row, row + patch, color=colour, alpha=0.45, lw=0)
    for i in range(n + 1):
        axes.plot([0, n], [i, i], [i, i], [0, n], color=COLOURS["baseline"], lw=1)
    axes.set(xlim=(-0.1, n + 0.1), ylim=(n + 0.1, -0.1), aspect="equal", xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def draw_places(title: str, sizes: tuple[int, int], patches: tuple[int, int]):
    """Input above, output below, for four places of the filter."""
    places = {"first place": (0, 0), "one step right": (0, 1), "one step down": (1, 0), "last place": (3, 3)}
    figure, grid = new_figure(2, 4, figsize=(10, 5), height_ratios=sizes)
    for (name, place), (above, below) in zip(places.items(), grid.T, strict=True):
        draw_grid(above, sizes[0], COLOURS["data"], *place, patches[0])
        draw_grid(below, sizes[1], COLOURS["model"], *place, patches[1])
        above.set_title(name, fontsize=13, loc="center")
    for axes, what, n in zip(grid[:, 0], ("input", "output"), sizes, strict=True):
        axes.set_ylabel(f"{what} {n} x {n}", fontsize=14)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


# %% slideshow={"slide_type": "skip"}
forward_figure = draw_places(
    "Convolution: a 3 x 3 filter reads nine pixels and writes one", sizes=(6, 4), patches=(3, 1)
)
backward_figure = draw_places(
    "Transposed convolution: each pixel stamps a 3 x 3 filter, overlaps add up", sizes=(4, 6), patches=(1, 3)
)

# %% slideshow={"slide_type": "subslide"}
show(
    forward_figure,
    alt="Four panels. In each, a 3 by 3 patch is filled in a 6 by 6 grid, and below it the cell of a 4 by 4 grid to "
    "which it is reduced: at the first place, one step to the right, one step down, and at the last place.",
)

# %% slideshow={"slide_type": "subslide"}
show(
    backward_figure,
    alt="Four panels, the same upside down. In each, one cell is filled in a 4 by 4 grid, and below it the 3 by 3 "
    "patch of a 6 by 6 grid into which it is stamped; stamps overlap, and overlapping values are added.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# Stay here until everybody can do it with a pencil. *Ask:* "Which pixels of the 6 x 6 are read most often?" (The inner
# ones, nine times; the corners once.) "So which are written most often on the way back?" (The same. With a stride the
# counts differ from pixel to pixel inside, too: this is where checkerboard patterns come from.)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Why "transposed"
#
# A convolution is linear, so it is a matrix: $M$ has a row for each of the 16 output pixels and a column for each of
# the 36 input pixels. The way back uses $M^\top$, with the same nine weights: it takes 16 numbers to 36.
#
# It undoes the *shape* of the convolution, not its effect: $M^\top M \neq I$.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
kernel = torch.randn(1, 1, 3, 3, generator=generator, dtype=torch.float64)
one_hot = torch.eye(36, dtype=torch.float64).view(36, 1, 6, 6)  # each of the 36 pixels once
M = F.conv2d(one_hot, kernel).view(36, 16).T  # (16, 36): column i is what pixel i causes
small = torch.randn(1, 1, 4, 4, generator=generator, dtype=torch.float64)
back = F.conv_transpose2d(small, kernel)

print("matrix:", tuple(M.shape), "with", int((M != 0).sum()), "entries that are not zero, 9 in each row")
print("the transposed convolution is M transposed:", torch.allclose(M.T @ small.flatten(), back.flatten()))
print("and not the inverse:", not torch.allclose(M.T @ M, torch.eye(36, dtype=torch.float64)))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Stride and padding
#
# * **stride** $s$: the filter moves in steps of $s$ pixels. Where the last step would leave the image, it is not taken.
# * **padding** $p$: the image gets $p$ rows of zeros on each of its four sides first.
#
# | image | kernel | stride | padding | output |
# |---|---|---|---|---|
# | 6 | 3 | 1 | 0 | 4 |
# | 7 | 3 | 2 | 0 | 3 |
# | 8 | 3 | 2 | 0 | 3 (one column is never read) |
# | 28 | 3 | 1 | 1 | 28 |
# | 28 | 4 | 2 | 1 | 14 |

# %% [markdown] exercise="conv_output_size"
# Write `conv_output_size(n, kernel, stride=1, padding=0)`: the side of the output of a convolution on an image of
# `n` x `n` pixels with a square kernel. Count the places where the kernel fits, as in the drawing and the table above.
# Return an `int`. (No PyTorch needed; there is no dilation. The kernel is never larger than the padded image.)


# %%
def conv_output_size(n: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """Side of a convolution's output for an n x n input."""
    ### BEGIN SOLUTION
    return (n + 2 * padding - kernel) // stride + 1
    ### END SOLUTION


# %%
conv_output_size = check("conv_output_size", conv_output_size)

# %% [markdown] exercise="conv_transpose_output_size"
# Now the way back: `conv_transpose_output_size(n, kernel, stride=1, padding=0, output_padding=0)`, again an `int`.
#
# Each of the `n` pixels of a row stamps a whole kernel, and the stamps start `stride` pixels apart. Then `padding`
# pixels are **cut off** at both ends (they are where the convolution had put its zeros), and last, `output_padding`
# pixels are added at one end. With kernel 3 and stride 1, 4 becomes 6; with kernel 3, stride 2, padding 1 and output
# padding 1, 7 becomes 14.


# %%
def conv_transpose_output_size(
    n: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0
) -> int:
    """Side of a transposed convolution's output for an n x n input."""
    ### BEGIN SOLUTION
    return (n - 1) * stride + kernel - 2 * padding + output_padding
    ### END SOLUTION


# %%
conv_transpose_output_size = check("conv_transpose_output_size", conv_transpose_output_size)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Down to 7 x 7, and back up to 28
#
# $$n_{\text{out}} = \left\lfloor \frac{n + 2p - k}{s} \right\rfloor + 1
# \qquad\qquad
# n_{\text{out}} = (n - 1)\, s - 2p + k + p_{\text{out}}$$
#
# The floor is why the way back needs an output padding: 13 and 14 both shrink to 7 under kernel 3, stride 2, padding 1,
# and 7 alone cannot know from which of them it came.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
for k, s, p, extra in ((3, 2, 1, 1), (4, 2, 1, 0)):
    down = [28, conv_output_size(28, k, s, p), conv_output_size(conv_output_size(28, k, s, p), k, s, p)]
    up = [7, conv_transpose_output_size(7, k, s, p, extra)]
    up.append(conv_transpose_output_size(up[-1], k, s, p, extra))
    layer = nn.ConvTranspose2d(1, 1, k, s, p, extra)
    agrees = layer(torch.zeros(1, 1, 7, 7)).shape[-1] == up[1]
    print(
        f"kernel {k}, stride {s}, padding {p}, output padding {extra}: {down}, {up}; PyTorch agrees: {agrees}"
    )

# %% [markdown] exercise="ConvAutoencoder"
# Write the module `ConvAutoencoder`. It is made without arguments, and has
#
# * `encode(x)`: images `(B, 1, 28, 28)` to a code that is a **map**, `(B, C, 7, 7)`; how many channels `C` is up to you
#   (4 is a good choice: 196 numbers),
# * `forward(x)`: one tensor, the reconstruction, of the same shape as `x`.
#
# Everything that reaches the reconstruction must pass through the code. Layers, their sizes and their names are your
# own affair; the check looks at shapes (in a batch of one, too), that the loss reaches every parameter, that a few
# training steps lower the squared error, and that there is no path around the code.


# %%
class ConvAutoencoder(nn.Module):
    """Images (B, 1, 28, 28) to a code (B, C, 7, 7), and back."""

    def __init__(self) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        sizes = {"kernel_size": 4, "stride": 2, "padding": 1}  # 28 -> 14 -> 7, and transposed 7 -> 14 -> 28
        self.down = nn.Sequential(nn.Conv2d(1, 16, **sizes), nn.SiLU(), nn.Conv2d(16, 4, **sizes))
        self.up = nn.Sequential(
            nn.ConvTranspose2d(4, 16, **sizes), nn.SiLU(), nn.ConvTranspose2d(16, 1, **sizes), nn.Sigmoid()
        )
        ### END SOLUTION

    def encode(self, x: Tensor) -> Tensor:
        """The code: (B, C, 7, 7)."""
        ### BEGIN SOLUTION
        return self.down(x)
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction, the shape of x."""
        ### BEGIN SOLUTION
        return self.up(self.down(x))
        ### END SOLUTION


# %%
ConvAutoencoder = check("ConvAutoencoder", ConvAutoencoder)

# %% slideshow={"slide_type": "subslide"}
conv_settings = {"epochs": CONV_EPOCHS, "batch_size": BATCH_SIZE, "lr": 5e-3, "generator": generator}
conv = ConvAutoencoder()
history = fit(conv, squared_error, (x,), test=(x_test,), label="convolutional", **conv_settings)

for name, model in (("deep, 16 numbers", deep[16]), ("convolutional", conv)):
    n_weights = sum(p.numel() for p in model.parameters())
    error = [reconstruction_error(images, reconstruct(model, images)).mean() for images in (x, x_test)]
    print(
        f"{name:17s} {n_weights:7,d} weights, squared error {error[0]:5.2f} on train, {error[1]:5.2f} on test"
    )

# %% [markdown] slideshow={"slide_type": "fragment"}
# A few thousand weights instead of half a million, and train and test error are nearly equal: a filter that is used at
# every place of every image has seen far too much to learn images by heart. The price is a larger code.

# %% slideshow={"slide_type": "skip"}
with torch.no_grad():
    code = conv.encode(examples)[:, :4]  # (10, C, 7, 7), at most four channels of it
low, high = code.amin((0, 2, 3), keepdim=True), code.amax((0, 2, 3), keepdim=True)
maps = F.interpolate((code - low) / (high - low + 1e-6), size=28, mode="nearest")  # as large as the images
panels = torch.cat([examples, maps, reconstruct(conv, examples)], dim=1)  # (10, C + 2, 28, 28)
names = ["image", *(f"channel {c + 1}" for c in range(code.shape[1])), "output"]

# %% slideshow={"slide_type": "subslide"}
show(
    image_grid(
        panels.transpose(0, 1).reshape(-1, 1, 28, 28),
        n_columns=len(examples),
        row_labels=names,
        cell_inches=0.78,
        title="The code is a map: each channel is a coarse picture of the digit",
    ),
    alt="Ten digits, the channels of their codes as coarse 7 by 7 pictures in which the digit can still be made out, "
    "and the reconstructions, which look like the digits.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Move the image, and the map moves along
#
# Two strides of 2 make one cell of the map out of 4 x 4 pixels. Shift the image by 4 pixels, and away from the border
# the code is the same, one cell further. That holds for **any** weights: it is a property of convolutions.
#
# (From here on we use the course's own `models.ConvAutoencoder`, so that the demonstrations know what is inside.)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
untrained = models.ConvAutoencoder()
shifted = torch.roll(examples, 4, dims=3)  # 4 pixels to the right
with torch.no_grad():
    code, code_of_shifted = untrained.encode(examples), untrained.encode(shifted)
inside = torch.allclose(code[:, :, 1:-1, 1:-2], code_of_shifted[:, :, 1:-1, 2:-1], atol=1e-5)
print("shifted by 4 pixels, the code moves by 1 cell:", inside)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 · Denoising: do not copy, repair
#
# A code of 196 numbers comes close to copying. There is another way to keep a network from learning the identity:
# spoil the input, and ask for the clean image (Vincent et al. 2008),
#
# $$\mathcal{L} = \mathbb{E}\,\lVert x - d(e(\tilde x)) \rVert^2, \qquad \tilde x \sim q(\tilde x \mid x) .$$
#
# Nothing can bring back what is lost, so what is the best answer? Under squared error it is always the **posterior
# mean** $\mathbb{E}[x \mid \tilde x]$: the average of all clean images that could have led to this noisy one.

# %% [markdown] slideshow={"slide_type": "skip"}
# <details>
# <summary>Why the posterior mean?</summary>
#
# Fix one noisy image $\tilde x$ and write $m = \mathbb{E}[x \mid \tilde x]$. For any answer $g$,
#
# $$\mathbb{E}\big[\lVert x - g \rVert^2 \mid \tilde x\big]
# = \mathbb{E}\big[\lVert x - m \rVert^2 \mid \tilde x\big] + \lVert m - g \rVert^2 ,$$
#
# since the mixed term $2\, \mathbb{E}[x - m \mid \tilde x]^\top (m - g)$ is zero. The first part is not ours to change,
# and the second is smallest for $g = m$. Section 7 uses the same identity for an average of two images.
#
# </details>

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### One pixel, all known
#
# Let $x \sim \mathcal N(0, 1)$ and $\tilde x = x + \sigma\varepsilon$. Then
#
# $$\mathbb{E}[x \mid \tilde x] = \frac{\tilde x}{1 + \sigma^2}, \qquad
# \text{with error}\quad \frac{\sigma^2}{1 + \sigma^2} \;<\; \sigma^2 .$$
#
# The best denoiser shrinks towards the mean of the data, the more so the stronger the noise. Nobody told it the data's
# distribution; a regression on pairs finds out.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
sigma, n = 0.8, 1_000_000
clean = torch.randn(n, generator=generator, dtype=torch.float64)
noisy = clean + sigma * torch.randn(n, generator=generator, dtype=torch.float64)
slope = (noisy @ clean) / (noisy @ noisy)  # least squares: the best clean = slope * noisy
error = (clean - slope * noisy).square().mean()
print(f"slope {slope:.2f}, by the formula {1 / (1 + sigma**2):.2f}")
print(
    f"error {error:.2f}, by the formula {sigma**2 / (1 + sigma**2):.2f} and without any repair {sigma**2:.2f}"
)

# %% [markdown] exercise="denoising_loss"
# Write `denoising_loss(model, x, noise_std, generator)`:
#
# 1. corrupt the batch `x` with `noise_std` times standard normal noise, fresh for every pixel and every call, drawn
#    from `generator` and from nowhere else (clamp the result to [0, 1] or leave it, both are right);
# 2. give the noisy images to `model`, called as `model(images)`, which returns reconstructions;
# 3. return the squared error against the **clean** images: summed over pixels, averaged over the batch. A scalar
#    tensor through which gradients reach the model. `x` must stay as it is, and may be float32 or float64.


# %%
def denoising_loss(model: nn.Module, x: Tensor, noise_std: float, generator: torch.Generator) -> Tensor:
    """Mean over the batch of the summed squared error of the repaired images: a scalar."""
    ### BEGIN SOLUTION
    noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
    repaired = model(x + noise_std * noise)
    return reconstruction_error(x, repaired).mean()
    ### END SOLUTION


# %%
denoising_loss = check("denoising_loss", denoising_loss)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Two kinds of damage
#
# *Gaussian noise* changes every pixel a little; *masking noise* turns half of the pixels black and leaves the others
# alone. One network for each, of the same make as before.


# %% slideshow={"slide_type": "fragment"}
def mask(x: Tensor) -> Tensor:
    """Each pixel is set to black with probability MASKED."""
    return x * (torch.rand(x.shape, generator=generator) >= MASKED)


def masking_loss(model: nn.Module, x: Tensor) -> Tensor:
    return F.mse_loss(model(mask(x)), x, reduction="sum") / len(x)


def gaussian_loss(model: nn.Module, x: Tensor) -> Tensor:
    return denoising_loss(model, x, NOISE_STD, generator)


# %% slideshow={"slide_type": "fragment"}
denoisers = {"clean": conv}
for name, loss in (("Gaussian", gaussian_loss), ("masked", masking_loss)):
    denoisers[name] = models.ConvAutoencoder()
    fit(denoisers[name], loss, (x,), label=name, **conv_settings)

# %% slideshow={"slide_type": "subslide"}
damaged = {
    "clean": x_test,
    "Gaussian": x_test + NOISE_STD * torch.randn(x_test.shape, generator=generator),
    "masked": mask(x_test),
}


def table_row(name: str, images: list[Tensor]) -> None:
    print(f"{name:22s}" + "".join(f"{reconstruction_error(x_test, i).mean():10.1f}" for i in images))


print("squared error (test)  " + "".join(f"{name:>10s}" for name in damaged))
table_row("as given", list(damaged.values()))
for name, model in denoisers.items():
    table_row(f"trained on {name}", [reconstruct(model, images) for images in damaged.values()])

# %% slideshow={"slide_type": "skip"}
two = [int((test_labels == c % data.n_classes).nonzero()[0]) for c in (3, 7)]
inputs = torch.stack([images[i] for i in two for images in damaged.values()])  # (6, 1, 28, 28)
panels = torch.cat([inputs, *(reconstruct(model, inputs) for model in denoisers.values())])

# %% slideshow={"slide_type": "subslide"}
show(
    image_grid(
        panels.clamp(0, 1),
        n_columns=6,
        row_labels=["given", *(f"{name} net" for name in denoisers)],
        column_labels=[*damaged] * 2,
        cell_inches=1.15,
        title="Each network repairs the damage it was trained on",
    ),
    alt="Two test digits clean, with Gaussian noise and with half of their pixels masked, and what three networks "
    "make of them. The network trained on clean images passes the damage on; the one trained on Gaussian noise "
    "gives a clean digit for the noisy one, the one trained on masking noise for the masked one.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "Why does the network trained on masking brighten the clean image?" (It has learnt that half of the light is
# missing.) A denoiser knows about its noise, and about the data. With small Gaussian noise, what it adds to its
# input, divided by the noise variance, estimates the gradient of log p(x) (Alain and Bengio 2014): that is the seed
# of diffusion models.

# %% [markdown] slideshow={"slide_type": "subslide"}
# Only convolutions inside, so the size of the image is nowhere in the weights. The denoiser has never seen anything but
# single digits, and cleans a whole row of them at once:

# %% slideshow={"slide_type": "fragment"}
strip = torch.cat(list(x_test[:6]), dim=-1)[None]  # (1, 1, 28, 168)
noisy_strip = strip + NOISE_STD * torch.randn(strip.shape, generator=generator)
cleaned = reconstruct(denoisers["Gaussian"], noisy_strip)
show(
    image_grid(
        torch.cat([noisy_strip, cleaned]).clamp(0, 1),
        n_columns=1,
        row_labels=["noisy", "repaired"],
        cell_inches=8,
        title="The same weights fit an image of any width",
    ),
    alt="A row of six digits in heavy noise, and the same row after the denoiser: the digits are clean and readable.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 · What squared error does not see
#
# We have measured everything by $\lVert x - \hat x \rVert^2$. Does it agree with your eyes? Shift a digit by two
# pixels: for you it is the same digit. Then look for the digit of **another class** that is nearest to the original.

# %% slideshow={"slide_type": "fragment"}
moved = torch.roll(x_test, 2, dims=3)
moved_error = reconstruction_error(x_test, moved)
distance = torch.cdist(x_test.flatten(1), pixels).square()  # (300, N) squared distances
distance[test_labels[:, None] == labels] = torch.inf  # only other classes
stranger_error, stranger = distance.min(1)
fooled = (moved_error > stranger_error).float().mean()
print(f"the shifted copy is 'further away' than another digit for {100 * fooled:.0f} % of the test images")

# %% slideshow={"slide_type": "subslide"}
shown = torch.stack([(test_labels == c).nonzero()[0, 0] for c in range(data.n_classes)])[:6]
numbers = [f"{moved_error[i]:.0f} against {stranger_error[i]:.0f}" for i in shown]  # of rows two and three
show(
    image_grid(
        torch.cat([x_test[shown], moved[shown], x[stranger[shown]]]),
        n_columns=len(shown),
        row_labels=["image", "shifted by 2", "other class"],
        column_labels=numbers,
        cell_inches=1.25,
        title="By squared error, a shifted copy is worse than another digit",
    ),
    alt="Six digits, their copies shifted by two pixels, and the most similar digits of other classes. The "
    "numbers above give the squared error of the shifted copy and that of the other digit: the shifted copy's is "
    "larger every time.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### And this is where the blur comes from
#
# A bar is either at the left or at the right, each with probability one half, and the code does not say which. The best
# guess under squared error is the mean of the two: **two bars in grey**, an image that never occurs.
#
# $$\tfrac12 \lVert a - \hat x \rVert^2 + \tfrac12 \lVert b - \hat x \rVert^2
# = \lVert \hat x - \tfrac{a + b}{2} \rVert^2 + \tfrac14 \lVert a - b \rVert^2$$

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
a, b = torch.zeros(1, 6, 6), torch.zeros(1, 6, 6)
a[:, :, 1], b[:, :, 4] = 1.0, 1.0  # a bar at the left, a bar at the right
identity = reconstruction_error((a + b) / 2, b) + reconstruction_error(a, b) / 4  # right-hand side, guess b
print("both sides for the guess b:", (reconstruction_error(a, b) / 2).item(), identity.item())
for name, guess in (("left", a), ("right", b), ("both, grey", (a + b) / 2), ("black", torch.zeros(1, 6, 6))):
    expected = (reconstruction_error(a, guess) + reconstruction_error(b, guess)) / 2
    print(f"guess {name:11s} expected squared error {expected.item():.1f}")

# %% [markdown] slideshow={"slide_type": "notes"}
# A third way to see it: squared error is the log-likelihood of independent Gaussian pixels (lecture 6), and independent
# pixels know nothing of "shifted". Lecture 10 exchanges the error for a judge that is learned.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8 · Inside the latent space
#
# With two numbers the whole code can be looked at. The autoencoder has never seen a label; the colours are ours.

# %% slideshow={"slide_type": "subslide"}
with torch.no_grad():
    plane = deep[2].encode(x)  # (N, 2)
show(
    latent_plane(
        plane,
        labels,
        title="Nobody told it about classes, and yet they form regions",
        class_names=data.class_names,
        xlabel="first number of the code",
        ylabel="second number of the code",
    ),
    alt="Codes of all training images in the plane, one colour and marker for each digit. Most digits form elongated "
    "regions of their own; some overlap, and there are empty gaps between regions.",
)

# %% [markdown] slideshow={"slide_type": "notes"}
# *Ask:* "What is in the gaps?" and "What are the units of the axes?" (Nothing was ever trained there; and there are
# none: any bending of the plane, undone by the decoder, is as good. The axes mean nothing by themselves.)

# %% [markdown] exercise="interpolate"
# A **homotopy** deforms one thing into another step by step. Write `interpolate(a, b, steps)`: points at equal
# distances on the straight line from `a` to `b`, **both ends included**, stacked along a new first dimension. `a` and
# `b` are tensors of the same shape, whatever it is (a code, an image, a batch); the result has shape `(steps, ...)`,
# and `steps` is at least 2.


# %%
def interpolate(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Equally spaced points from a to b, both included: (steps, *a.shape)."""
    ### BEGIN SOLUTION
    weight = torch.linspace(0, 1, steps, dtype=a.dtype).view(-1, *[1] * a.ndim)  # broadcasts over a and b
    return (1 - weight) * a + weight * b
    ### END SOLUTION


# %%
interpolate = check("interpolate", interpolate)

# %% slideshow={"slide_type": "skip"}
# NBVAL_CHECK_OUTPUT
path = interpolate(torch.tensor([0.0, 8.0]), torch.tensor([4.0, 0.0]), 5)
print("five steps from (0, 8) to (4, 0):", path.tolist())

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### From one image to another in ten steps
#
# Once with the pixels, once with the codes of five numbers, decoded:
#
# $$x_t = (1 - t)\, x_a + t\, x_b \qquad\text{against}\qquad
# x_t = d\big((1 - t)\, e(x_a) + t\, e(x_b)\big) .$$


# %% slideshow={"slide_type": "fragment"}
@torch.no_grad()
def homotopies(model: nn.Module, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Ten steps from a to b, through pixel space and through latent space."""
    code_a, code_b = model.encode(torch.stack([a, b]))
    return interpolate(a, b, 10), model.decode(interpolate(code_a, code_b, 10))


# %% slideshow={"slide_type": "subslide"}
rows = []
for i, j in ((3, 5), (1, 2)):
    rows += homotopies(deep[5], examples[i % data.n_classes], examples[j % data.n_classes])
show(
    image_grid(
        torch.cat(rows),
        n_columns=10,
        row_labels=["pixels", "codes"] * 2,
        column_labels=[f"step {t}" for t in range(1, 11)],
        title="Pixels fade one digit out and another in; codes bend one into the other",
    ),
    alt="Two walks in ten steps. In pixel space the middle images are double exposures of both digits. In latent "
    "space the strokes move, and nearly every image on the way looks like a digit.",
)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Is it true beyond two examples?
#
# A measure: the squared error between the midpoint and the **nearest training image**. Far from all real images
# means: not a digit anybody wrote.


# %% slideshow={"slide_type": "fragment"}
def to_nearest_real(images: Tensor) -> Tensor:
    """Squared error to the nearest training image, (B,)."""
    return torch.cdist(images.flatten(1), pixels).min(1).values.square()


first, second = x_test[:150], x_test[150:]
with torch.no_grad():
    between = deep[5].decode((deep[5].encode(first) + deep[5].encode(second)) / 2)
pixel_distance, latent_distance = to_nearest_real((first + second) / 2), to_nearest_real(between)
closer = (latent_distance < pixel_distance).float().mean()
print("midpoints of 150 pairs, squared error to the nearest training image:")
print(f"pixels mixed {pixel_distance.mean():.0f}, codes mixed {latent_distance.mean():.0f}")
print(f"the mixture of codes is nearer for {100 * closer:.0f} % of the pairs")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Try it
#
# Choose two test images and walk between them. Where does the latent path leave the digits, too?

# %% slideshow={"slide_type": "fragment"}
homotopy_playground(deep[5], data)
# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9 · So, can we make the numbers up?
#
# The second question from the beginning. The decoder turns 16 numbers into an image. Throw dice for the 16 numbers:
#
# * from $\mathcal N(0, I)$, as one would without knowing anything;
# * from a Gaussian with the **mean and covariance of the codes** of the training images.

# %% slideshow={"slide_type": "fragment"}
with torch.no_grad():
    codes = deep[16].encode(x)  # (N, 16)
    dice = torch.randn(300, 16, generator=generator)
    fitted = codes.mean(0) + dice @ torch.linalg.cholesky(torch.cov(codes.T)).T
    from_dice, from_fitted = deep[16].decode(dice), deep[16].decode(fitted)
    from_images = deep[16].decode(deep[16].encode(x_test))

# %% slideshow={"slide_type": "subslide"}
panels = torch.cat([from_images[:10], from_dice[:10], from_fitted[:10]])
show(
    image_grid(
        panels,
        n_columns=10,
        row_labels=["code of an image", "N(0, I)", "fitted Gaussian"],
        title="Codes of digits decode to digits; codes from dice mostly do not",
    ),
    alt="Top row: ten decoded codes of test images, clear digits. Middle row: ten decoded standard normal codes, "
    "tangles of strokes. Bottom row: codes from a Gaussian fitted to the training codes, a few near digits among "
    "broken shapes.",
)

# %% slideshow={"slide_type": "skip"}
figure, axes = new_figure()
groups = {"codes of test images": from_images, "fitted Gaussian": from_fitted, "N(0, I)": from_dice}
for (name, images), colour in zip(groups.items(), ("data", "kl", "model"), strict=True):
    distance = to_nearest_real(images)
    look = {"bins": range(0, 82, 2), "color": COLOURS[colour], "label": f"{name}: mean {distance.mean():.0f}"}
    axes.hist(distance.clamp(max=80), **look, histtype="stepfilled", alpha=0.3)
    axes.hist(distance.clamp(max=80), **look | {"label": None}, histtype="step", lw=2)
axes.set(title="Made-up codes decode to images further from all real ones", ylabel="images out of 300")
axes.set(xlabel="squared error to the nearest training image")
axes.legend()
axes.grid(axis="x", visible=False)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Histograms of the squared error to the nearest training image. Decoded codes of test images lie at small "
    "errors, those from the fitted Gaussian at about twice as much, those from the standard normal further still.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Why it fails
#
# The loss only ever asked: *what comes out for the codes of training images?* It says nothing about
#
# * **where** the codes lie: they may be anywhere, at any scale, on a thin curved set;
# * what the decoder does **between and outside** them.
#
# To draw a new image we would have to know the distribution $p(z)$ of the codes. An autoencoder has none.
#
# > **What is missing is a distribution over z that is part of the model, and a decoder trained on all of it.**
#
# Lecture 3 builds the bound that makes this possible, lecture 6 the autoencoder that comes out of it.

# %% [markdown] slideshow={"slide_type": "notes"}
# The most important slide of the lecture. *Ask before showing the bullets:* "Where did the training signal ever touch a
# random z?" Leave time. Then: "Would a larger network help?" (No. It reconstructs better, and the codes are as free as
# before.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 10 · What codes are good for
#
# ### Features for a classifier with few labels
#
# 1,497 images without labels taught the encoder. Now somebody labels a few. The simplest linear classifier assigns an
# image to the class with the **nearest mean**. We give it pixels or learned codes.


# %% slideshow={"slide_type": "fragment"}
def accuracy(features: Tensor, test_features: Tensor, n_labels: int) -> float:
    """Nearest class mean, learned from n_labels examples of each class."""
    means = []
    for c in range(data.n_classes):
        members = (labels == c).nonzero()[:, 0]
        chosen = members[torch.randperm(len(members), generator=generator)[:n_labels]]
        means.append(features[chosen].mean(0))
    return (torch.cdist(test_features, torch.stack(means)).argmin(1) == test_labels).float().mean().item()


# %% slideshow={"slide_type": "subslide"}
with torch.no_grad():
    features = {f"{k} learned numbers": (deep[k].encode(x), deep[k].encode(x_test)) for k in (16, 2)}
features["784 pixels"] = pixels, x_test.flatten(1)
counts = [1, 2, 5, 10, 20, 50]
scores = {
    name: torch.tensor([[accuracy(*pair, n) for _ in range(20)] for n in counts])
    for name, pair in features.items()
}

# %% slideshow={"slide_type": "skip"}
figure = curves(
    {name: 100 * score.mean(1) for name, score in scores.items()},
    x=counts,
    bands={name: 200 * score.std(1) / math.sqrt(20) for name, score in scores.items()},  # two standard errors
    log_x=True,
    title="Sixteen learned numbers classify about as well as 784 pixels",
    xlabel="labelled examples of each class",
    ylabel="test accuracy (%)",
    colours={"784 pixels": "data", "16 learned numbers": "model", "2 learned numbers": "baseline"},
    direct_labels=False,
)
figure.axes[0].set_xticks(counts, counts)
figure.axes[0].minorticks_off()

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Test accuracy against the number of labels per class. The curves for 784 pixels and for 16 learned "
    "numbers lie on top of each other, from about 60 percent with one label to nearly 90 with fifty; two learned "
    "numbers stay lower.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Bands are two standard errors over 20 choices of the labelled images. Fifty times fewer numbers, nothing lost; but
# do not expect wonders either. The code keeps what explains *pixels*, and nobody asked it for what separates classes.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Noticing strangers
#
# An autoencoder has learned to pass digits through a narrow place. What is not a digit should get stuck there: call an
# image an **outlier** when its reconstruction error exceeds that of 95 % of the digits.

# %% slideshow={"slide_type": "fragment"}
strangers = {
    "mirrored": x_test.flip(3),
    "on its side": x_test.rot90(1, (2, 3)),
    "negative": 1 - x_test,
    "noise": torch.rand(x_test.shape, generator=generator),
    "blank": torch.zeros_like(x_test),
}
show(
    image_grid(
        torch.stack([images[two[1]] for images in (x_test, *strangers.values())]),
        n_columns=6,
        column_labels=["digit", *strangers],
        title="Five kinds of strangers",
    ),
    alt="A digit, the same mirrored, on its side and as a negative, an image of pure noise and a blank image.",
)


# %% slideshow={"slide_type": "fragment"}
def caught(model: nn.Module) -> list[float]:
    """Percentage of each kind of image whose error exceeds that of 95 % of the test digits."""
    errors = [
        reconstruction_error(images, reconstruct(model, images)) for images in (x_test, *strangers.values())
    ]
    return [100 * (e > errors[0].quantile(0.95)).float().mean().item() for e in errors]


# %% slideshow={"slide_type": "skip"}
rates = {"narrow: 5 numbers": caught(deep[5]), "wide: a 7 x 7 map": caught(conv)}
figure, axes = new_figure()
for shift, (name, rate), colour in zip((-0.2, 0.2), rates.items(), ("model", "baseline"), strict=True):
    bars = axes.bar(torch.arange(6) + shift, rate, width=0.38, color=COLOURS[colour], label=name)
    axes.bar_label(bars, fmt="%.0f", fontsize=12)
axes.set(title="A narrow code stops strangers; a wide one lets a blank page through", ylim=(0, 118))
axes.set(ylabel="called outliers (%)", xticks=range(6), xticklabels=["digit", *strangers])
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
axes.grid(axis="x", visible=False)

# %% slideshow={"slide_type": "subslide"}
show(
    figure,
    alt="Bars: how many images of each kind are called outliers. Both codes reject 5 percent of the digits. The "
    "code of 5 numbers rejects nearly all others except some of the mirrored ones; the wide convolutional code "
    "lets most mirrored digits and all blank images pass.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Reconstruction error asks *can I copy this?* and not *is this probable?* A blank page is easy to copy, and no digit.
# For the better question we need $p(x)$, and lecture 9 comes back to it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Summary
#
# * An autoencoder squeezes $x$ through a code $z$ and is trained on the squared error of what comes back.
# * The best linear code is PCA; it loses the eigenvalues it drops. A linear autoencoder finds the same subspace, not
#   the same axes.
# * Bending the subspace pays: a deep code of 5 numbers loses about as much as 12 principal components.
# * Convolutions: $\lfloor (n + 2p - k)/s \rfloor + 1$ down, $(n - 1)s - 2p + k + p_{\text{out}}$ back up; the
#   transpose restores the shape. Few weights, any image size, and the code moves with the image.
# * A denoising autoencoder estimates $\mathbb{E}[x \mid \tilde x]$ for the damage it was trained on.
# * Squared error does not see that a shifted digit is the same digit, and it answers doubt with blur.
# * Codes of images decode to images, codes thrown with dice do not: **there is no $p(z)$ in an autoencoder**.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Check yourself
#
# <details>
# <summary>1. PCA with 16 components has the squared error 10. A linear autoencoder with 16 numbers, on the same
# training data, has 9.8. What happened?</summary>
#
# A mistake, in one of the two. No linear code of 16 numbers has a smaller error *on the data it was fitted to* than
# PCA. Perhaps one was measured on other images, or the code is larger than you think (a bias is a direction more for
# data that are not centred).
#
# </details>
#
# <details>
# <summary>2. Two linear autoencoders are trained from different seeds until nothing changes. Are their codes the same?
# Their reconstructions?</summary>
#
# The reconstructions are, provided that eigenvalue K is larger than eigenvalue K + 1. The codes are not: they differ
# by an invertible matrix.
#
# </details>
#
# <details>
# <summary>3. An image of 32 x 32 goes through three convolutions with kernel 4, stride 2, padding 1. What is the size
# of the map? And with kernel 3 in place of 4?</summary>
#
# 32, 16, 8, 4 with kernel 4. With kernel 3, (32 + 2 - 3) // 2 + 1 = 16, then 8, then 4: the same, because of the floor;
# but on the way back kernel 3 needs an output padding of 1.
#
# </details>
#
# <details>
# <summary>4. The noise on the input becomes so strong that nothing can be seen any more. What does a perfectly trained
# denoiser answer?</summary>
#
# The posterior mean when the input says nothing: the mean image, whatever it is given.
#
# </details>
#
# <details>
# <summary>5. Multiply all codes by 1,000 and let the decoder divide by 1,000 first. How does the training loss
# change? What does that say about drawing codes from a standard normal?</summary>
#
# It does not change at all. So nothing in the loss ties the scale of the codes to that of a standard normal, or to any
# other; a standard normal draw may lie in a tiny corner of the codes, or far away from all of them.
#
# </details>
#
# <details>
# <summary>6. Your outlier detector has a code of 784 numbers. What does it catch?</summary>
#
# Nothing: it can learn to copy every image, and all errors are near 0.
#
# </details>

# %% [markdown] slideshow={"slide_type": "skip"}
# ## References
#
# * K. Pearson (1901). On lines and planes of closest fit to systems of points in space. *Philosophical Magazine* 2(11).
# * C. Eckart, G. Young (1936). The approximation of one matrix by another of lower rank. *Psychometrika* 1(3).
# * P. Baldi, K. Hornik (1989). Neural networks and principal component analysis: learning from examples without local
#   minima. *Neural Networks* 2(1).
# * G. Hinton, R. Salakhutdinov (2006). Reducing the dimensionality of data with neural networks. *Science* 313(5786).
# * P. Vincent, H. Larochelle, Y. Bengio, P.-A. Manzagol (2008). Extracting and composing robust features with denoising
#   autoencoders. *ICML*.
# * G. Alain, Y. Bengio (2014). What regularized auto-encoders learn from the data-generating distribution. *JMLR* 15.
#   arXiv:1211.4246.
# * V. Dumoulin, F. Visin (2016). A guide to convolution arithmetic for deep learning. arXiv:1603.07285.
# * I. Goodfellow, Y. Bengio, A. Courville (2016). *Deep Learning*, chapter 14. MIT Press.
