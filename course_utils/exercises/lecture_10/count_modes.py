"""Exercise 10.6: how many modes the samples reach."""

import torch
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake, exact
from course_utils.exercises.lecture_10.observers import counts
from course_utils.exercises.observers import Inputs
from course_utils.metrics import count_modes

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _around(centre: Tensor, n: int, low: float, high: float, generator: Generator) -> Tensor:
    """``n`` points at a distance between ``low`` and ``high`` from the centre."""
    direction = torch.randn(n, len(centre), generator=generator)
    distance = low + (high - low) * torch.rand(n, 1, generator=generator)
    return centre + distance * direction / direction.norm(dim=1, keepdim=True)


def _set(
    n_centres: int, dim: int, radius: float, min_count: int, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Modes hit exactly as often as asked, once less, and much more often; and missed by little or by much.

    Slips about the distance move the circle, each by a factor of its own: the rings of samples tell them apart.
    """
    centres = 6.0 * torch.cartesian_prod(*[torch.arange(4.0)] * dim).reshape(-1, dim)
    centres = centres[torch.randperm(len(centres), generator=generator)[:n_centres]]
    parts = []
    for i, centre in enumerate(centres):
        kind = (i + int(torch.randint(2, (), generator=generator))) % 5
        n_inside = (min_count, min_count - 1, 3 * min_count, min_count, 0)[kind]
        inner, outer = (0.1, 0.45) if kind == 2 else (0.72, 0.9)  # in units of the radius
        parts += [_around(centre, n_inside, inner * radius, outer * radius, generator)]
        beyond = (1.15, 1.5, 1.88, 2.2)[i % 4]
        parts += [_around(centre, min_count + 1, beyond * radius, (beyond + 0.1) * radius, generator)]
    samples = torch.cat(parts)
    return samples[torch.randperm(len(samples), generator=generator)], centres


def _sets(*settings: tuple[int, int, float, int], generator: Generator) -> Inputs:
    found = [_set(*setting, generator) for setting in settings]
    inputs: Inputs = {f"_samples {i}": samples for i, (samples, _) in enumerate(found)}
    inputs |= {f"_centres {i}": centres for i, (_, centres) in enumerate(found)}
    radii, least = [setting[2] for setting in settings], [setting[3] for setting in settings]
    return {**inputs, "_radii": radii, "_min_counts": least}


def in_the_plane(generator: Generator) -> Inputs:
    return _sets((8, 2, 0.3, 4), (10, 2, 0.5, 7), (6, 2, 0.4, 2), (12, 2, 0.6, 3), generator=generator)


def on_a_line_and_in_space(generator: Generator) -> Inputs:
    return _sets((4, 1, 0.3, 5), (9, 3, 0.7, 6), (8, 3, 0.35, 3), generator=generator)


def within_reach_of_two(generator: Generator) -> Inputs:
    """Pairs of centres so close that the samples between them count for both."""
    middles = torch.tensor([[0.0, 0.0], [5.0, 1.0], [-4.0, 3.0]])
    shift = torch.tensor([[0.25, 0.0]])
    n_pairs = 1 + int(torch.randint(3, (), generator=generator))
    near = torch.cat(
        [m + 0.05 * torch.randn(6, 2, generator=generator).clamp(-2, 2) for m in middles[:n_pairs]]
    )
    centres = torch.cat([middles - shift, middles + shift])
    return {"_samples 0": near, "_centres 0": centres, "_radii": [0.6], "_min_counts": [5]}


def nothing_near_and_one_sample(generator: Generator) -> Inputs:
    far = 40 + torch.rand(20, 2, generator=generator)
    one = 0.1 * torch.rand(1, 2, generator=generator)
    centres = 3 * torch.cartesian_prod(torch.arange(2.0), torch.arange(2.0))
    sets = {"_samples 0": far, "_samples 1": one, "_samples 2": one.double()}
    sets |= {"_centres 0": centres, "_centres 1": centres, "_centres 2": centres[:1].double()}
    return {**sets, "_radii": [0.5, 0.5, 0.5], "_min_counts": [1, 1, 2]}


# --- wrong answers that students give -------------------------------------------------------------


def _distances(samples: Tensor, centres: Tensor) -> Tensor:
    return (samples[:, None] - centres).norm(dim=2)  # (n, n_modes)


def strictly_more(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> int:
    return int(((_distances(samples, centres) <= radius).sum(0) > min_count).sum())


def any_sample_will_do(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> int:
    return int((_distances(samples, centres) <= radius).any(0).sum())


def squared_distance(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> int:
    return int(((_distances(samples, centres) ** 2 <= radius).sum(0) >= min_count).sum())


def as_a_diameter(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> int:
    return int(((_distances(samples, centres) <= radius / 2).sum(0) >= min_count).sum())


def twice_the_radius(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> int:
    return int(((_distances(samples, centres) <= 2 * radius).sum(0) >= min_count).sum())


def root_mean_square(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> int:
    distances = _distances(samples, centres) / samples.shape[1] ** 0.5
    return int(((distances <= radius).sum(0) >= min_count).sum())


def wrong_dimension(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> int:
    return int(((_distances(samples, centres) <= radius).sum(1) >= min_count).sum())


def samples_not_modes(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> int:
    return int((_distances(samples, centres) <= radius).any(1).sum())


def radius_ignored(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> int:
    nearest = _distances(samples, centres).argmin(1)
    return int((torch.bincount(nearest, minlength=len(centres)) >= min_count).sum())


def nearest_only(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> int:
    distance, nearest = _distances(samples, centres).min(1)
    found = torch.bincount(nearest[distance <= radius], minlength=len(centres))
    return int((found >= min_count).sum())


def coordinate_by_coordinate(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> int:
    inside = ((samples[:, None] - centres).abs() <= radius).all(2)
    return int((inside.sum(0) >= min_count).sum())


def sum_of_coordinates(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> int:
    inside = (samples[:, None] - centres).abs().sum(2) <= radius
    return int((inside.sum(0) >= min_count).sum())


def outside(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> int:
    return int(((_distances(samples, centres) > radius).sum(0) >= min_count).sum())


def missed_modes(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> int:
    return len(centres) - count_modes(samples, centres, radius, min_count)


def a_share(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> float:
    return count_modes(samples, centres, radius, min_count) / len(centres)


def a_tensor(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> Tensor:
    return torch.tensor(count_modes(samples, centres, radius, min_count))


def a_mask(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> Tensor:
    return (_distances(samples, centres) <= radius).sum(0) >= min_count


def counts_per_mode(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> list[int]:
    return (_distances(samples, centres) <= radius).sum(0).tolist()


# --- right answers, written independently ---------------------------------------------------------


def mode_by_mode(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> int:
    n_found = 0
    for centre in centres:
        squared = ((samples - centre) ** 2).sum(1)
        n_found += int((squared <= radius**2).sum()) >= min_count
    return n_found


def by_cdist(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> int:
    near = torch.cdist(samples, centres) < radius
    return torch.count_nonzero(near.sum(0) >= min_count).item()


def by_sorting(samples: Tensor, centres: Tensor, radius: float, min_count: int) -> int:
    if len(samples) < min_count:
        return 0
    distance = torch.linalg.vector_norm(samples.unsqueeze(0) - centres.unsqueeze(1), dim=2)
    return int((distance.sort(dim=1).values[:, min_count - 1] <= radius).sum())


exercise = Exercise(
    id="count_modes",
    lecture=10,
    position=6,
    title="Count the modes",
    points=2,
    minutes=8,
    difficulty=1,
    reference=count_modes,
    cases=(
        Case("four sets of points in the plane", in_the_plane, counts, exact()),
        Case("on a line, and in space", on_a_line_and_in_space, counts, exact()),
        Case("samples within reach of two centres", within_reach_of_two, counts, exact()),
        Case("nothing near, and a single sample", nothing_near_and_one_sample, counts, exact()),
    ),
    mistakes=(
        Mistake(
            "strictly_more",
            "A mode counts already with exactly min_count samples: at least, not more than.",
            strictly_more,
        ),
        Mistake(
            "any_sample_will_do",
            "A single sample near a centre makes it count here. It needs min_count of them: strays are no mode.",
            any_sample_will_do,
        ),
        Mistake(
            "squared_distance",
            "The squared distance is compared with the radius. Take the root, or square the radius.",
            squared_distance,
        ),
        Mistake(
            "as_a_diameter",
            "Samples count only up to half the radius. The radius is the largest distance from the centre.",
            as_a_diameter,
        ),
        Mistake(
            "twice_the_radius",
            "Samples count up to twice the radius. The radius is the largest distance from the centre.",
            twice_the_radius,
        ),
        Mistake(
            "root_mean_square",
            "The squared differences are averaged over the coordinates. The Euclidean distance adds them up.",
            root_mean_square,
        ),
        Mistake(
            "wrong_dimension",
            "The hits are added up over the centres. Of a table (n, number of centres) it is the samples, dimension 0, "
            "that are counted for each centre.",
            wrong_dimension,
        ),
        Mistake(
            "samples_not_modes",
            "Samples are counted, those near some centre. Count the centres.",
            samples_not_modes,
        ),
        Mistake(
            "radius_ignored",
            "Every sample is given to its nearest centre, however far away. Only those within the radius count.",
            radius_ignored,
        ),
        Mistake(
            "nearest_only",
            "A sample is counted for its nearest centre only. One within reach of two counts for both.",
            nearest_only,
        ),
        Mistake(
            "coordinate_by_coordinate",
            "Each coordinate is compared by itself, which makes a square of the circle. Take the Euclidean distance.",
            coordinate_by_coordinate,
        ),
        Mistake(
            "sum_of_coordinates",
            "The absolute differences of the coordinates are added up. Take the Euclidean distance.",
            sum_of_coordinates,
        ),
        Mistake(
            "outside", "Samples farther away than the radius are counted. Turn the comparison round.", outside
        ),
        Mistake(
            "missed_modes", "These are the modes that are missed. Count those that are reached.", missed_modes
        ),
        Mistake("a_share", "This is a share of the modes. Return their number.", a_share),
        Mistake("a_tensor", "The number is right, and no int: int(...) makes it one.", a_tensor),
        Mistake("a_mask", "This says which modes are reached. Count them.", a_mask),
        Mistake(
            "counts_per_mode",
            "These are the samples of each mode. Return one number: how many modes have enough.",
            counts_per_mode,
        ),
    ),
    accepted=(mode_by_mode, by_cdist, by_sorting),
    hints=(
        "You need all distances between samples and centres: a table of shape (n, number of centres).",
        "torch.cdist(samples, centres) is that table. Compare it with the radius, and add up over the samples.",
        "How many of these sums are at least min_count? int(...) of that.",
    ),
)
