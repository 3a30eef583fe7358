"""The map of generative models: the taxonomy with the course's lectures on it, and what each family can do.

The tree is that of I. Goodfellow 2016, NIPS 2016 tutorial: generative adversarial networks, arXiv:1701.00160,
section 2; the places of this course's lectures, the families that came later and the table are ours.
"""

from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.plotting.style import COLOURS, STYLE, new_figure

__all__ = ["ABILITIES_ALT", "FAMILIES", "MAP_ALT", "TREE", "Branch", "Family", "draw_abilities", "draw_map"]

MAP_ALT = (
    "A tree of generative models. Those that write down a density do it exactly (mixtures and probabilistic PCA, "
    "lecture 1; autoregressive models and flows), by a bound (variational autoencoders, lectures 3 to 6; beta and "
    "conditional ones, 7 to 9; diffusion) or by a chain (Boltzmann machines, 12). Those that only draw samples do "
    "it in one pass (adversarial networks, 10 and 11) or by a chain. Hybrids, lecture 12, join the two sides. The "
    "autoencoder, lecture 2, stands apart: codes, but no p(x)."
)
ABILITIES_ALT = (
    "A table of nine families with filled, half-filled or empty circles for log p(x), drawing x and finding the "
    "code of x, and the price of each: mixtures have all three but are too simple for pictures; variational "
    "autoencoders have a bound, one pass and approximate codes; adversarial networks draw in one pass and have "
    "neither density nor codes; flows have all three at the price of a code as large as the picture."
)


@dataclass(frozen=True)
class Branch:
    """A box of the tree: its text, its left edge, centre height and width, the box it hangs from, its lectures.

    A box with ``parent`` but without ``family`` is a fork of the taxonomy.
    """

    text: str
    x: float
    y: float
    width: float
    parent: str = ""
    family: bool = False
    lectures: str = ""


def _family(text: str, y: float, parent: str, lectures: str = "") -> Branch:
    return Branch(text, 7.65, y, 3.35, parent, True, lectures)


TREE: dict[str, Branch] = {
    "root": Branch("a model\nof p(x)", 0.0, 3.9, 1.0),
    "explicit": Branch("writes down\na density", 1.55, 5.25, 1.5, "root"),
    "implicit": Branch("only draws\nsamples", 1.55, 1.95, 1.5, "root"),
    "tractable": Branch("exact", 3.65, 6.65, 1.6, "explicit"),
    "approximate": Branch("approximate", 3.65, 4.35, 1.6, "explicit"),
    "bound": Branch("by a bound", 5.7, 4.95, 1.45, "approximate"),
    "chain": Branch("by a chain", 5.7, 3.45, 1.45, "approximate"),
    "direct": Branch("in one pass", 5.7, 2.2, 1.45, "implicit"),
    "steps": Branch("by a chain", 5.7, 1.05, 1.45, "implicit"),
    "mixture": _family("mixtures, PPCA", 7.0, "tractable", "1"),
    "flow": _family("autoregressive, flows", 6.3, "tractable"),
    "vae": _family("variational autoencoder", 5.6, "bound", "3-6"),
    "beta": _family("beta-VAE, cond. VAE", 4.9, "bound", "7-9"),
    "diffusion": _family("diffusion", 4.2, "bound"),
    "rbm": _family("Boltzmann machine", 3.45, "chain", "12"),
    "gan": _family("adversarial network", 2.6, "direct", "10"),
    "style": _family("conditional, style-based", 1.85, "direct", "11"),
    "gsn": _family("stochastic networks", 1.05, "steps"),
    "hybrid": Branch("BiGAN, AAE,\nAVB", 11.75, 3.45, 1.9, "", True, "12"),
    "autoencoder": Branch("autoencoder:\ncodes, but no p(x)", 0.3, 0.35, 2.6, "", True, "2"),
}


@dataclass(frozen=True)
class Family:
    """A row of the table: three abilities as (grade 0 to 2, words), the price, and the lectures."""

    name: str
    likelihood: tuple[int, str]
    sampling: tuple[int, str]
    code: tuple[int, str]
    price: str
    lectures: str = ""


FAMILIES: tuple[Family, ...] = (
    Family("mixture, PPCA", (2, "exact"), (2, "one pass"), (2, "exact"), "too simple for pictures", "1"),
    Family("autoencoder", (0, "none"), (0, "none"), (2, "one pass"), "codes without a prior", "2"),
    Family("VAE", (1, "lower bound"), (2, "one pass"), (1, "approximate"), "samples look soft", "3-9"),
    Family("GAN", (0, "none"), (2, "one pass"), (0, "none"), "unstable game, drops modes", "10-11"),
    Family(
        "Boltzmann machine",
        (1, "up to a constant"),
        (0, "a long chain"),
        (2, "exact"),
        "chains mix slowly",
        "12",
    ),
    Family(
        "BiGAN, AAE, AVB",
        (0, "none, or bound"),
        (2, "one pass"),
        (1, "learned"),
        "both games to balance",
        "12",
    ),
    Family("autoregressive", (2, "exact"), (0, "pixel by pixel"), (0, "none"), "no code, slow drawing"),
    Family("flow", (2, "exact"), (2, "one pass"), (2, "exact"), "z as large as x, layers invertible"),
    Family("diffusion", (1, "lower bound"), (0, "many passes"), (1, "noise, large as x"), "slow drawing"),
)


@mpl.rc_context(STYLE)
def draw_map() -> Figure:
    """The tree, with the number of the lecture on every family that the course builds."""
    figure, axes = new_figure(figsize=(10.4, 5.5))
    for branch in TREE.values():
        if branch.parent:
            _connect(axes, TREE[branch.parent], branch)
    for family in ("beta", "gan"):
        _connect(axes, TREE[family], TREE["hybrid"], style="--")
    for branch in TREE.values():
        _box(axes, branch)
    _badge(axes, 4.35, 0.2, "2")
    axes.text(
        4.6, 0.2, "red: the lecture that builds it · grey: not built in this course", va="center", fontsize=12
    )
    axes.set_title("Families differ in what they give up: the density, or an easy way to draw from it")
    axes.set(xlim=(-0.1, 13.75), ylim=(-0.15, 7.4))
    axes.axis("off")
    return figure


@mpl.rc_context(STYLE)
def draw_abilities() -> Figure:
    """The table: likelihood, sampling and code of each family, filled circles for what it does well."""
    figure, axes = new_figure(figsize=(10.4, 5.0))
    columns = (("log p(x)", 3.5), ("drawing x", 5.55), ("code z for x", 7.45), ("the price", 9.45))
    for text, x in columns:
        axes.text(x, -0.95, text, weight="bold", va="center")
    for row, family in enumerate(FAMILIES):
        _badge(axes, 0.3, row, family.lectures)
        axes.text(
            0.85, row, family.name, va="center", color="black" if family.lectures else COLOURS["baseline"]
        )
        cells = (family.likelihood, family.sampling, family.code)
        for (grade, words), (_, x) in zip(cells, columns, strict=False):
            _circle(axes, x - 0.17, row, grade)
            axes.text(x, row, words, va="center", fontsize=12)
        axes.text(columns[-1][1], row, family.price, va="center", fontsize=12, style="italic")
        axes.axhline(row - 0.5, color=COLOURS["neutral"], lw=0.6)
    axes.set_title("No family has density, drawing and codes for nothing")
    axes.set(xlim=(-0.15, 13.0), ylim=(len(FAMILIES) - 0.4, -1.4))
    axes.axis("off")
    return figure


def _connect(axes: Axes, start: Branch, end: Branch, style: str = "-") -> None:
    """A cubic that leaves and arrives horizontally."""
    left, right = start.x + start.width, end.x
    middle = (left + right) / 2
    path = mpl.path.Path([(left, start.y), (middle, start.y), (middle, end.y), (right, end.y)], [1, 4, 4, 4])
    look = {"fill": False, "lw": 1.8, "ls": style, "color": COLOURS["neutral"], "zorder": 1}
    axes.add_patch(mpl.patches.PathPatch(path, **look))


def _box(axes: Axes, branch: Branch) -> None:
    height = 0.78 if "\n" in branch.text else 0.5
    if not branch.family:
        face, edge, colour = COLOURS["data"], COLOURS["data"], "white"
    elif branch.lectures:
        face, edge, colour = "white", COLOURS["model"], "black"
    else:
        face, edge, colour = "white", COLOURS["neutral"], COLOURS["baseline"]
    corner = (branch.x, branch.y - height / 2)
    shape = "round,pad=0,rounding_size=0.12"
    look = {"boxstyle": shape, "facecolor": face, "edgecolor": edge, "lw": 1.8, "zorder": 2}
    axes.add_patch(mpl.patches.FancyBboxPatch(corner, branch.width, height, **look))
    centre = branch.x + branch.width / 2 + (0.16 if branch.lectures else 0)  # the badge sits on the left edge
    text = {"ha": "center", "va": "center", "color": colour, "fontsize": 12, "zorder": 3, "linespacing": 1.1}
    axes.text(centre, branch.y, branch.text, **text)
    _badge(axes, branch.x, branch.y, branch.lectures)


def _badge(axes: Axes, x: float, y: float, lectures: str) -> None:
    if lectures:
        look = {"boxstyle": "round,pad=0.22", "facecolor": COLOURS["model"], "edgecolor": "white", "lw": 1.2}
        axes.text(
            x, y, lectures.replace("-", "–"), ha="center", va="center", color="white", weight="bold", bbox=look,
            fontsize=12, zorder=4,
        )  # fmt: skip


def _circle(axes: Axes, x: float, y: float, grade: int) -> None:
    fill = {0: "none", 1: "left", 2: "full"}[grade]
    axes.plot(x, y, "o", ms=11, fillstyle=fill, color=COLOURS["data"], markerfacecoloralt="white", mew=1.6)
