r"""What goes wrong in a game, measured: samples that are all alike, parts of the data left out, a game that is over.

A loss curve shows none of it: a collapsed generator can have a fine loss. So the samples are looked at.
"""

import torch
from torch import Tensor

__all__ = ["COLLAPSED", "UNCOVERED", "WON", "coverage", "diversity", "name_failures"]

COLLAPSED = 0.1  # diversity below this: the samples are nearly all the same
UNCOVERED = 0.3  # coverage below this: most of the data has no sample near it
WON = 0.05  # nats, discriminator's loss below this (it starts at log 4): it errs on hardly any image


def diversity(samples: Tensor, data: Tensor) -> float:
    r"""How much samples differ from one another, as a share of how much the data does.

    .. math:: \frac{E\lVert g - g' \rVert^2}{E\lVert x - x' \rVert^2}

    for independent samples g, g' and data x, x'; that is the ratio of the total variances. About 1 for good
    samples, 0 when all are the same. It sees a collapse onto one mode, not one onto two modes far apart: for
    that there is :func:`coverage`.

    Parameters: ``samples`` and ``data`` of shapes (n, ...) and (m, ...), n and m at least 2.
    Raises: ValueError with fewer than two of either.

    >>> diversity(torch.ones(4, 2), torch.tensor([[0.0, 0.0], [2.0, 0.0]]))
    0.0
    """
    if min(len(samples), len(data)) < 2:
        raise ValueError(f"differences need two of each, got {len(samples)} samples and {len(data)} examples")
    spread, expected = (x.detach().flatten(1).var(0).sum() for x in (samples, data))
    return (spread / expected).item()


def coverage(samples: Tensor, data: Tensor, *, n_neighbours: int = 5) -> float:
    r"""Share of the data that has a sample nearby, where "nearby" is measured by the data itself.

    An example is covered when some sample is closer to it than its k-th nearest neighbour in the data. With as many
    samples as examples, samples as good as data cover :math:`1 - 2^{-k}` of it (0.97 for k = 5): an example goes
    uncovered only when its k nearest, among all the others, are all data.

    Parameters: ``samples`` (n, ...) and ``data`` (m, ...) with n close to m; ``n_neighbours`` is k < m.
    Returns: a number in [0, 1].
    Raises: ValueError if the data has no k-th neighbour.
    References: Naeem et al. 2020, arXiv:2002.09797, Section 3 (the expectation is derived there too).

    >>> data = torch.tensor([[0.0], [1.0], [10.0], [11.0]])
    >>> coverage(torch.tensor([[0.2], [0.4], [0.6], [0.8]]), data, n_neighbours=1)
    0.5
    """
    if len(data) <= n_neighbours:
        raise ValueError(f"{len(data)} examples have no neighbour number {n_neighbours}; take more data")
    samples, data = samples.detach().flatten(1), data.detach().flatten(1)
    # the nearest of all is the example itself, at distance 0
    radius = torch.cdist(data, data).kthvalue(n_neighbours + 1, dim=1).values  # (m,)
    nearest = torch.cdist(data, samples).amin(1)  # (m,)
    return (nearest < radius).double().mean().item()


def name_failures(measured: dict[str, float], *, won_below: float | None = WON) -> list[str]:
    """Put what was measured into sentences: one for each way in which the game failed, none if it went well.

    Parameters: ``measured`` may hold ``"discriminator"`` (its loss, in nats), ``"diversity"`` and ``"coverage"``;
    ``won_below`` is the loss below which the discriminator has won (None: its loss is no cross-entropy).

    >>> name_failures({"discriminator": 1.2, "diversity": 0.02, "coverage": 0.05})
    ['mode collapse: the samples differ from one another 0.02 times as much as the data (below 0.1)']
    """
    loss = measured.get("discriminator", float("inf"))
    found = []
    if measured.get("diversity", 1.0) < COLLAPSED:
        found.append(
            "mode collapse: the samples differ from one another "
            f"{measured['diversity']:.2g} times as much as the data (below {COLLAPSED})"
        )
    elif measured.get("coverage", 1.0) < UNCOVERED:
        found.append(
            f"partial mode collapse, or samples unlike the data: only {measured['coverage']:.0%} of the data "
            f"has a sample nearby (below {UNCOVERED:.0%})"
        )
    if won_below is not None and loss < won_below:
        found.append(
            f"the discriminator has won: its loss is {loss:.2g} nats (below {won_below}; knowing nothing is 1.39), "
            "so it tells nearly every sample from the data"
        )
    return found
