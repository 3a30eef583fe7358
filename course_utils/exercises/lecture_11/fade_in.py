"""Exercise 11.2: a new layer, faded in."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake, close
from course_utils.exercises.lecture_11 import observers
from course_utils.exercises.lecture_11.observers import LEFT_OVER, SHARES
from course_utils.exercises.observers import Inputs
from course_utils.models import fade_in

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _inputs(
    batch: int,
    channels: int,
    low_size: tuple[int, int],
    high_size: tuple[int, int],
    alpha: float,
    generator: Generator,
    dtype: torch.dtype = torch.float32,
) -> Inputs:
    def images(size: tuple[int, int]) -> Tensor:
        return torch.rand(batch, channels, *size, generator=generator, dtype=dtype)

    return {"low": images(low_size), "high": images(high_size), "alpha": alpha}


def a_quarter(generator: Generator) -> Inputs:
    return _inputs(3, 2, (4, 4), (8, 8), 0.25, generator)


def nothing_of_high(generator: Generator) -> Inputs:
    return _inputs(2, 1, (7, 7), (14, 14), 0.0, generator)


def nothing_of_low(generator: Generator) -> Inputs:
    return _inputs(2, 1, (7, 7), (14, 14), 1.0, generator)


def four_times_the_side(generator: Generator) -> Inputs:
    return _inputs(2, 1, (7, 7), (28, 28), 0.6, generator)


def a_wide_map_in_float64(generator: Generator) -> Inputs:
    """Of numbers below 0 and above 1, as features are."""
    inputs = _inputs(1, 1, (3, 5), (6, 10), 0.7, generator, torch.float64)
    return inputs | {name: 4 * inputs[name] - 1.5 for name in ("low", "high")}


# --- wrong answers that students give -------------------------------------------------------------


def _up(low: Tensor, high: Tensor) -> Tensor:
    return F.interpolate(low, size=high.shape[-2:], mode="nearest")


def shares_swapped(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    return alpha * _up(low, high) + (1 - alpha) * high


def high_shrunk(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    return (1 - alpha) * low + alpha * F.adaptive_avg_pool2d(high, low.shape[2:])


def low_not_faded_out(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    return _up(low, high) + alpha * high


def high_not_faded_in(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    return (1 - alpha) * _up(low, high) + high


def half_and_half(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    return (_up(low, high) + high) / 2


def switched(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    return high if alpha > 0.5 else _up(low, high)


def sign(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    up = _up(low, high)
    return up + alpha * (up - high)


def squared_shares(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    return (1 - alpha) ** 2 * _up(low, high) + alpha**2 * high


def geometric(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    return _up(low, high) ** (1 - alpha) * high**alpha


def clamped(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    return torch.lerp(_up(low, high), high, alpha).clamp(0, 1)


def zeros_between(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    up = torch.zeros_like(high)
    factor = high.shape[-1] // low.shape[-1]
    up[..., ::factor, ::factor] = low
    return (1 - alpha) * up + alpha * high


def tiled(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    factor = high.shape[-1] // low.shape[-1]
    return (1 - alpha) * low.repeat(1, 1, factor, factor) + alpha * high


def padded(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    margins = []
    for side in (3, 2):
        before = (high.shape[side] - low.shape[side]) // 2
        margins += [before, high.shape[side] - low.shape[side] - before]
    return (1 - alpha) * F.pad(low, margins) + alpha * high


def energy_spread_out(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    factor = high.shape[-1] // low.shape[-1]
    return (1 - alpha) * _up(low, high) / factor**2 + alpha * high


def always_doubled(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    return (1 - alpha) * F.interpolate(low, scale_factor=2) + alpha * high


def bicubic(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    up = F.interpolate(low, size=high.shape[-2:], mode="bicubic", align_corners=False)
    return (1 - alpha) * up + alpha * high


def low_detached(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    return (1 - alpha) * _up(low.detach(), high) + alpha * high


def high_detached(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    return (1 - alpha) * _up(low, high) + alpha * high.detach()


def in_place(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    with torch.no_grad():
        high *= alpha
    return (1 - alpha) * _up(low, high) + high


# --- right answers, written independently ---------------------------------------------------------


def by_repeating(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    rows, columns = (high.shape[d] // low.shape[d] for d in (2, 3))
    up = low.repeat_interleave(rows, dim=2).repeat_interleave(columns, dim=3)
    return torch.lerp(up, high, alpha)


def bilinear(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    up = torch.nn.Upsample(size=tuple(high.shape[2:]), mode="bilinear")(low)
    return up + alpha * (high - up)


def corners_aligned(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    up = F.interpolate(low, size=tuple(high.shape[2:]), mode="bilinear", align_corners=True)
    return alpha * high + up - alpha * up


def by_broadcasting(low: Tensor, high: Tensor, alpha: float) -> Tensor:
    batch, channels, height, width = low.shape
    k = high.shape[-1] // width
    up = low[:, :, :, None, :, None].expand(-1, -1, -1, k, -1, k)
    return (1 - alpha) * up.reshape(batch, channels, k * height, k * width) + alpha * high


_COMPARE = {SHARES: close(atol=1e-3), LEFT_OVER: close(rtol=0.02, atol=1e-3)}

exercise = Exercise(
    id="fade_in",
    lecture=11,
    position=2,
    title="Fade in",
    points=2,
    minutes=8,
    difficulty=1,
    reference=fade_in,
    cases=(
        Case("a quarter of the new, twice the side", a_quarter, observers.faded, _COMPARE),
        Case("alpha 0: only low", nothing_of_high, observers.faded, _COMPARE),
        Case("alpha 1: only high", nothing_of_low, observers.faded, _COMPARE),
        Case("four times the side", four_times_the_side, observers.faded, _COMPARE),
        Case("one wide map of features, in float64", a_wide_map_in_float64, observers.faded, _COMPARE),
    ),
    mistakes=(
        Mistake(
            "shares_swapped",
            "The two shares have changed places. alpha is the share of the new layer, high; at 0 nothing of it is "
            "seen.",
            shares_swapped,
        ),
        Mistake(
            "high_shrunk",
            "high is shrunk to the size of low, so the network never grows. Enlarge low to the size of high.",
            high_shrunk,
        ),
        Mistake(
            "low_not_faded_out",
            "low stays at its full strength while high comes in: the sum leaves [0, 1]. Its share is 1 - alpha.",
            low_not_faded_out,
        ),
        Mistake(
            "high_not_faded_in",
            "high comes in at full strength at once, which is the jump that fading in should avoid. Its share is "
            "alpha.",
            high_not_faded_in,
        ),
        Mistake("half_and_half", "alpha has no effect: this is always half and half.", half_and_half),
        Mistake(
            "switched",
            "This switches from one to the other. The shares change gradually, 1 - alpha and alpha.",
            switched,
        ),
        Mistake(
            "sign",
            "The difference has the wrong sign: growing alpha leads away from high. From low to high it is high - "
            "low.",
            sign,
        ),
        Mistake(
            "squared_shares",
            "The shares are squared, and sum to less than 1: halfway, the image is dark. Use 1 - alpha and alpha.",
            squared_shares,
        ),
        Mistake(
            "geometric",
            "The images are multiplied, as powers. A blend is a weighted sum.",
            geometric,
        ),
        Mistake(
            "clamped",
            "The blend is clamped to [0, 1]. Networks blend feature maps as well, and no gradient passes where it is "
            "clamped: return the weighted sum.",
            clamped,
        ),
        Mistake(
            "zeros_between",
            "The pixels of low are set apart, with zeros between. Fill the gaps: repeat each pixel, or interpolate.",
            zeros_between,
        ),
        Mistake(
            "tiled",
            "low is tiled: repeat sets whole copies of the image side by side. Each pixel should become a block "
            "(repeat_interleave does that, or F.interpolate).",
            tiled,
        ),
        Mistake(
            "padded",
            "low is set into the middle of a black frame. It has to be enlarged.",
            padded,
        ),
        Mistake(
            "energy_spread_out",
            "Each pixel of low is divided by the number of pixels it becomes, so the image darkens. Repeat its value "
            "as it is.",
            energy_spread_out,
        ),
        Mistake(
            "always_doubled",
            "low is always enlarged by 2. Enlarge it to the size of high, whatever that is: size=high.shape[-2:].",
            always_doubled,
        ),
        Mistake(
            "bicubic",
            "Bicubic enlargement overshoots at edges, and pixels leave [0, 1]. Use nearest or bilinear.",
            bicubic,
        ),
        Mistake(
            "low_detached",
            "No gradient reaches low: while the new layer comes in, the old ones stop learning. Do not detach.",
            low_detached,
        ),
        Mistake(
            "high_detached",
            "No gradient reaches high, so the new layer never learns. Do not detach.",
            high_detached,
        ),
        Mistake(
            "in_place",
            "Your answer writes into an argument: *= changes the tensor that was handed in. Write alpha * high.",
            in_place,
        ),
    ),
    accepted=(by_repeating, bilinear, corners_aligned, by_broadcasting),
    hints=(
        "Two images of one size are blended with shares that sum to 1. First they must be of one size.",
        "`torch.nn.functional.interpolate(low, size=high.shape[-2:])` repeats pixels.",
        "The share of the enlarged `low` is `1 - alpha`, that of `high` is `alpha`.",
    ),
)
