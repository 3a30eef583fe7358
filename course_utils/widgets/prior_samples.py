r"""Most codes explain nothing: a Monte Carlo estimate of log p(x) as the code's dimension grows (lecture 1).

The model is so simple that everything is known: :math:`z \sim N(0, I)` in D dimensions and
:math:`x \mid z \sim N(z, s^2 I)`, hence :math:`x \sim N(0, (1 + s^2) I)` and
:math:`z \mid x \sim N(x / (1 + s^2), s^2 / (1 + s^2) I)`. The x that is shown is a typical one, with
:math:`x_j^2 = 1 + s^2` in each dimension.
"""

import math

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor

from course_utils.plotting import COLOURS, new_figure
from course_utils.widgets.controls import choice, slider
from course_utils.widgets.explorer import Explorer, explore

__all__ = [
    "codes_needed",
    "effective_number",
    "estimates",
    "exact_log_evidence",
    "make_figure",
    "prior_playground",
    "spread_per_dimension",
]

MAX_DIM = 16
N_REPEATS = 10
SIZES = (10, 100, 1000, 4000)
N_DRAWN = 1000  # dots on the left: what is drawn, not what is computed, takes the time
N_USEFUL = 40
ALT = (
    "Two panels. Left: codes drawn from the prior in the first two dimensions, each with a dot as large as its "
    "share of the estimate: a few inside a small circle, the posterior, hold nearly all of it. Right: ten estimates "
    "of log p(x) minus the exact value for 1 to 16 dimensions: they agree with the truth for the first few and fall "
    "further and further below it after that. Sliders choose the dimension, the noise and the number of codes."
)


def exact_log_evidence(dim: int, std: float) -> float:
    r"""Exact log p(x) of the typical x in nats: :math:`-\tfrac{D}{2} (\log 2\pi(1 + s^2) + 1)`.

    >>> round(exact_log_evidence(1, 0.0), 4)
    -1.4189
    """
    return -0.5 * dim * (math.log(2 * math.pi * (1 + std**2)) + 1)


def estimates(noise: Tensor, std: float) -> tuple[Tensor, Tensor]:
    """Estimates of log p(x) in 1, 2, ..., D dimensions from the same standard normal codes.

    Parameters: ``noise`` (repeats, n, D), draws from the prior; ``std`` s of the likelihood, positive.
    Returns: the estimates (repeats, D), in nats, and the log-likelihoods they average, (repeats, n, D).
    Raises: ValueError if ``std`` is not positive.
    """
    if std <= 0:
        raise ValueError(f"std must be positive, got {std}")
    typical = math.sqrt(1 + std**2)
    per_dimension = -0.5 * ((typical - noise) / std).square() - math.log(std) - 0.5 * math.log(2 * math.pi)
    log_likelihoods = per_dimension.cumsum(2)
    return log_likelihoods.logsumexp(1) - math.log(noise.shape[1]), log_likelihoods


def effective_number(log_likelihoods: Tensor) -> Tensor:
    r"""How many equally good codes would be worth these: :math:`(\sum_i w_i)^2 / \sum_i w_i^2`.

    Parameters: ``log_likelihoods`` (..., n), the logarithms of the weights. Returns: (...), between 1 and n.

    >>> effective_number(torch.tensor([[-3.0, -3.0], [0.0, -900.0]]))
    tensor([2., 1.])
    """
    return 1 / log_likelihoods.softmax(-1).square().sum(-1)


def spread_per_dimension(std: float) -> float:
    r"""By which factor :math:`E[p(x|z)^2] / E[p(x|z)]^2` grows with each dimension, for the typical x.

    With :math:`v = 1 + s^2` and :math:`u = 1 + s^2/2` it is :math:`r = v e^{1 - v / 2u} / (s \sqrt{2u})`, because the
    square of a Gaussian is a narrower Gaussian: :math:`N(x; z, s^2)^2 = N(x; z, s^2/2) / (2 s \sqrt\pi)`.
    """
    v, u = 1 + std**2, 1 + std**2 / 2
    return v * math.exp(1 - v / (2 * u)) / (std * math.sqrt(2 * u))


def codes_needed(dim: int, std: float, relative_error: float = 0.1) -> float:
    r"""How many codes give p(x) to within a relative standard error: :math:`(r^D - 1) / \delta^2`."""
    return (spread_per_dimension(std) ** dim - 1) / relative_error**2


def make_figure() -> tuple[Figure, "Update"]:
    """The figure and its update function, ``update(dim, n, std)``."""
    figure, axes = new_figure(1, 2, figsize=(10.0, 4.2), width_ratios=(1, 1.5))
    return figure, Update(*axes)


class Update:
    """Redraws for a dimension, a number of codes and a noise; the estimates are computed once for n and noise."""

    def __init__(self, plane, axes) -> None:  # noqa: ANN001
        generator = torch.Generator().manual_seed(1)
        self.noise = torch.randn(N_REPEATS, max(SIZES), MAX_DIM, generator=generator)
        self.key = None
        (self.prior,) = plane.plot([], [], "o", ms=2.5, color=COLOURS["prior"], alpha=0.5)
        self.useful = plane.scatter([], [], color=COLOURS["posterior"], alpha=0.7)
        self.circle = plane.add_patch(Circle((0, 0), 1, fill=False, lw=2.4, color=COLOURS["posterior"]))
        plane.set(title="Few codes carry the sum", xlabel="code, dimension 1", ylabel="code, dimension 2")
        plane.set(xlim=(-3.4, 3.4), ylim=(-3.4, 3.4), aspect="equal")
        dims = torch.arange(1, MAX_DIM + 1).repeat(N_REPEATS)
        (self.dots,) = axes.plot(dims, torch.zeros(len(dims)), "o", ms=4.5, color=COLOURS["model"], alpha=0.6)
        axes.axhline(0, color=COLOURS["truth"], ls="--")
        axes.text(MAX_DIM, 0.6, "exact", ha="right", va="bottom", fontsize=13)
        self.chosen = axes.axvline(2, color=COLOURS["neutral"], lw=8, alpha=0.5, zorder=0)
        axes.set(title="Too few codes: estimates far too low", xlabel="dimension of the code")
        axes.set(ylabel="estimate minus exact log p(x) (nats)", xlim=(0.5, MAX_DIM + 0.5), ylim=(-40, 6))

    def __call__(self, dim: int, n: int, std: float) -> str:
        """Draw; returns a sentence about what is there."""
        if self.key != (n, std):
            self.key = (n, std)
            self.estimated, self.log_likelihoods = estimates(self.noise[:, :n], std)
            exact = torch.tensor([exact_log_evidence(d, std) for d in range(1, MAX_DIM + 1)])
            self.gap = self.estimated - exact
            self.dots.set_ydata(self.gap.flatten())
            mean, width = 1 / math.sqrt(1 + std**2), std / math.sqrt(1 + std**2)
            self.circle.set(center=(mean, mean), radius=2 * width)
        self.chosen.set_xdata([dim, dim])
        codes, weights = self.noise[0, :n, :2], self.log_likelihoods[0, :, dim - 1].softmax(0)
        largest = weights.topk(min(n, N_USEFUL))
        self.prior.set_data(*codes[:N_DRAWN].T)
        self.useful.set_offsets(codes[largest.indices])
        self.useful.set_sizes(900 * largest.values)
        effective = effective_number(self.log_likelihoods[:, :, dim - 1]).mean()
        return (
            f"D = {dim}, noise {std:.2f}: {n:,} codes are worth {effective:.1f} good ones; the estimates lie "
            f"{-self.gap[:, dim - 1].mean():.1f} nats below the truth on average. "
            f"For p(x) to within 10 % you would need {_in_words(codes_needed(dim, std))} codes."
        )


def prior_playground() -> Explorer:
    """Show the playground: the dimension of the code, the noise of the likelihood and the number of codes."""
    figure, update = make_figure()
    return explore(
        figure,
        update,
        alt=ALT,
        dim=slider(2, MAX_DIM, 8, 1, "dimension"),
        std=slider(0.1, 1.0, 0.3, 0.05, "noise"),
        n=choice({f"{n:,}": n for n in reversed(SIZES)}, "codes"),
    )


def _in_words(n: float) -> str:
    """A count that can be read: 1,540 or 5 x 10^11."""
    if n < 1e6:
        return f"{n:,.0f}"
    exponent = math.floor(math.log10(n))
    return f"{n / 10**exponent:.0f} x 10^{exponent}"
