"""Exercise 11.3: wipe out the style of every map, and paint on another."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake, close
from course_utils.exercises.observers import Inputs, value, value_and_gradients
from course_utils.models import adaptive_instance_norm

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _inputs(
    batch: int, channels: int, side: int, generator: Generator, dtype: torch.dtype = torch.float32
) -> Inputs:
    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator, dtype=dtype)

    # every map has a mean and a size of its own; and brightens downwards, as the weights of the gradient do, which
    # therefore depends on its way through the variance
    size = 0.7 + torch.rand(batch, channels, 1, 1, generator=generator, dtype=dtype)
    brighter = torch.linspace(-1.5, 1.5, side, dtype=dtype)[:, None]
    maps = 0.5 * normal(batch, channels, side, side) + brighter
    return {
        "x": size * maps + 2 * normal(batch, channels, 1, 1),
        "scale": 1 + 0.7 * normal(batch, channels),
        "bias": 2 * normal(batch, channels),
        "_gradients_of": ["x", "scale", "bias"],
    }


def four_examples_of_three_maps(generator: Generator) -> Inputs:
    return _inputs(4, 3, 28, generator)


def one_example_in_float64(generator: Generator) -> Inputs:
    return _inputs(1, 5, 26, generator, torch.float64)


def as_many_maps_as_examples(generator: Generator) -> Inputs:
    inputs = _inputs(3, 3, 28, generator)
    return {"x": inputs["x"][..., :24].contiguous(), "scale": inputs["scale"], "bias": inputs["bias"]}


def hardly_any_contrast(generator: Generator) -> Inputs:
    inputs = _inputs(2, 3, 26, generator)
    inputs["x"][0, 2] = 0.5 + 0.003 * inputs["x"][0, 2]  # a variance of the size of eps
    inputs["x"][0, 1] = 0.5  # exact in binary, so that its variance is exactly 0
    inputs["x"][1, 2] = 0.0
    return inputs


# --- wrong answers that students give -------------------------------------------------------------


def _normalised(x: Tensor, dims: tuple[int, ...], eps: float = 1e-5) -> Tensor:
    variance, mean = torch.var_mean(x, dims, correction=0, keepdim=True)
    return (x - mean) / (variance + eps).sqrt()


def _paint(x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    return scale[:, :, None, None] * x + bias[:, :, None, None]


def batch_norm(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return _paint(_normalised(x, (0, 2, 3), eps), scale, bias)


def layer_norm(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return _paint(_normalised(x, (1, 2, 3), eps), scale, bias)


def pixel_norm(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return _paint(_normalised(x, (1,), eps), scale, bias)


def everything_at_once(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return _paint(_normalised(x, (0, 1, 2, 3), eps), scale, bias)


def row_by_row(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return _paint(_normalised(x, (3,), eps), scale, bias)


def column_by_column(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return _paint(_normalised(x, (2,), eps), scale, bias)


def divided_by_the_variance(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
    return _paint((x - mean) / (variance + eps), scale, bias)


def mean_kept(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    variance = x.var((2, 3), correction=0, keepdim=True)
    return _paint(x / (variance + eps).sqrt(), scale, bias)


def size_kept(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return _paint(x - x.mean((2, 3), keepdim=True), scale, bias)


def root_mean_square(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return _paint(x / (x.square().mean((2, 3), keepdim=True) + eps).sqrt(), scale, bias)


def not_normalised(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return _paint(x, scale, bias)


def style_forgotten(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return F.instance_norm(x, eps=eps)


def scale_forgotten(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return _normalised(x, (2, 3), eps) + bias[:, :, None, None]


def bias_forgotten(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return _normalised(x, (2, 3), eps) * scale[:, :, None, None]


def scale_and_bias_swapped(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return _paint(_normalised(x, (2, 3), eps), bias, scale)


def bias_scaled(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return scale[:, :, None, None] * (_normalised(x, (2, 3), eps) + bias[:, :, None, None])


def one_added_to_scale(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return adaptive_instance_norm(x, 1 + scale, bias, eps)


def exponential_of_scale(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return adaptive_instance_norm(x, scale.exp(), bias, eps)


def style_of_the_first(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return adaptive_instance_norm(x, scale[:1].expand_as(scale), bias[:1].expand_as(bias), eps)


def old_mean_put_back(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return adaptive_instance_norm(x, scale, bias, eps) + x.mean((2, 3), keepdim=True)


def eps_forgotten(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return _paint(_normalised(x, (2, 3), 0.0), scale, bias)


def eps_outside_the_root(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
    return _paint((x - mean) / (variance.sqrt() + eps), scale, bias)


def eps_added_to_the_deviation(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return _paint((x - x.mean((2, 3), keepdim=True)) / (x.std((2, 3), keepdim=True) + eps), scale, bias)


def eps_as_a_floor(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
    return _paint((x - mean) / variance.clamp_min(eps).sqrt(), scale, bias)


def deviation_detached(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
    return _paint((x - mean) / (variance.detach() + eps).sqrt(), scale, bias)


def statistics_detached(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    variance, mean = torch.var_mean(x.detach(), (2, 3), correction=0, keepdim=True)
    return _paint((x - mean) / (variance + eps).sqrt(), scale, bias)


def style_detached(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return adaptive_instance_norm(x, scale.detach(), bias.detach(), eps)


def in_place(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    with torch.no_grad():
        x -= x.mean((2, 3), keepdim=True)
    return adaptive_instance_norm(x, scale, bias, eps)


# --- right answers, written independently ---------------------------------------------------------


def by_mean_and_unbiased_variance(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    mean = x.mean(dim=(2, 3), keepdim=True)
    deviation = torch.sqrt(x.var(dim=(2, 3), keepdim=True) + eps)
    return scale.unsqueeze(-1).unsqueeze(-1) * (x - mean) / deviation + bias.unsqueeze(-1).unsqueeze(-1)


def on_rows_of_pixels(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    pixels = x.flatten(2)
    centred = pixels - pixels.mean(2, keepdim=True)
    size = (centred.pow(2).mean(2, keepdim=True) + eps).rsqrt()
    return torch.addcmul(bias[..., None], centred * size, scale[..., None]).view(x.shape)


def by_instance_norm(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return torch.einsum("bc,bchw->bchw", scale, F.instance_norm(x, eps=eps)) + bias[..., None, None]


# Dividing by n or by n - 1, with n = 672 pixels or more, makes a difference of at most 0.08 %.
_COMPARE = close(rtol=1.2e-2, atol=1.2e-2)
_FLAT = close(rtol=1.2e-2, atol=3e-2)

exercise = Exercise(
    id="adaptive_instance_norm",
    lecture=11,
    position=3,
    title="Wipe, and paint",
    points=3,
    minutes=12,
    difficulty=2,
    reference=adaptive_instance_norm,
    cases=(
        Case("four examples of three maps", four_examples_of_three_maps, value_and_gradients, _COMPARE),
        Case("a batch of one in float64", one_example_in_float64, value_and_gradients, _COMPARE),
        Case("maps of 28x24, as many as examples", as_many_maps_as_examples, value, _COMPARE),
        Case("maps with hardly any contrast, or none", hardly_any_contrast, value_and_gradients, _FLAT),
    ),
    mistakes=(
        Mistake(
            "batch_norm",
            "This is batch normalisation: mean and variance are taken over the examples too, so that images of a "
            "batch leave traces in each other. Take them over the pixels, dimensions 2 and 3.",
            batch_norm,
        ),
        Mistake(
            "layer_norm",
            "Mean and variance are taken over the channels too. Each map has its own: dimensions 2 and 3 only.",
            layer_norm,
        ),
        Mistake(
            "pixel_norm",
            "Each pixel is normalised over its channels. Each map is normalised over its pixels: dimensions 2 and 3.",
            pixel_norm,
        ),
        Mistake(
            "everything_at_once",
            "There is one mean and one variance for the whole batch. Each map of each example has its own.",
            everything_at_once,
        ),
        Mistake(
            "row_by_row",
            "Each row of pixels is normalised by itself. A map has two dimensions: 2 and 3.",
            row_by_row,
        ),
        Mistake(
            "column_by_column",
            "Each column of pixels is normalised by itself. A map has two dimensions: 2 and 3.",
            column_by_column,
        ),
        Mistake(
            "divided_by_the_variance",
            "The maps are divided by their variance. Divide by its square root, the standard deviation.",
            divided_by_the_variance,
        ),
        Mistake(
            "mean_kept",
            "The mean of each map is not subtracted, so the old style shines through.",
            mean_kept,
        ),
        Mistake(
            "size_kept",
            "The maps are centred but not divided by their standard deviation.",
            size_kept,
        ),
        Mistake(
            "root_mean_square",
            "The maps are divided by their root mean square, without being centred. Subtract the mean first.",
            root_mean_square,
        ),
        Mistake(
            "not_normalised",
            "Nothing is wiped out: the new style is painted over the old one. Normalise every map first.",
            not_normalised,
        ),
        Mistake(
            "style_forgotten",
            "The maps are normalised, and no style is painted on: scale and bias are not used.",
            style_forgotten,
        ),
        Mistake("scale_forgotten", "scale is not used.", scale_forgotten),
        Mistake("bias_forgotten", "bias is not used.", bias_forgotten),
        Mistake("scale_and_bias_swapped", "scale and bias have changed places.", scale_and_bias_swapped),
        Mistake(
            "bias_scaled",
            "The bias is added before the scale multiplies, so it is scaled too. Multiply first, then add.",
            bias_scaled,
        ),
        Mistake(
            "one_added_to_scale",
            "The maps are multiplied by 1 + scale. Whether styles start around 1 is the caller's affair: use scale as "
            "it is.",
            one_added_to_scale,
        ),
        Mistake(
            "exponential_of_scale",
            "The maps are multiplied by exp(scale). Use scale as it is; it may be negative.",
            exponential_of_scale,
        ),
        Mistake(
            "style_of_the_first",
            "All examples get the style of the first. Each has a row of scale and bias of its own.",
            style_of_the_first,
        ),
        Mistake(
            "old_mean_put_back",
            "The old mean is added again at the end. It belongs to the old style: leave it out.",
            old_mean_put_back,
        ),
        Mistake(
            "eps_forgotten",
            "A map without contrast gives 0 / 0. Add eps to the variance.",
            eps_forgotten,
        ),
        Mistake(
            "eps_outside_the_root",
            "eps does not stand inside the root. The root of a variance of 0 has an infinite slope: the gradient of a "
            "map without contrast is not a number. Add eps to the variance.",
            eps_outside_the_root,
        ),
        Mistake(
            "eps_added_to_the_deviation",
            "eps is added to the standard deviation, outside the root: a map with hardly any contrast is then divided "
            "by 0.00001, and its gradient explodes. Add eps to the variance.",
            eps_added_to_the_deviation,
        ),
        Mistake(
            "eps_as_a_floor",
            "eps is the least variance here. It is added to the variance, however large that is.",
            eps_as_a_floor,
        ),
        Mistake(
            "deviation_detached",
            "The standard deviation is detached, as if it did not depend on x: the gradient is wrong.",
            deviation_detached,
        ),
        Mistake(
            "statistics_detached",
            "Mean and standard deviation are detached, as if they did not depend on x: the gradient is wrong.",
            statistics_detached,
        ),
        Mistake(
            "style_detached",
            "No gradient reaches scale and bias, so no style is ever learned. Do not detach them.",
            style_detached,
        ),
        Mistake(
            "in_place",
            "Your answer writes into x: -= changes the tensor that was handed in. Write x - mean.",
            in_place,
        ),
    ),
    accepted=(by_mean_and_unbiased_variance, on_rows_of_pixels, by_instance_norm),
    hints=(
        "Over which dimensions of `(B, C, H, W)` does one map of one example extend? Only these are averaged.",
        "`x.mean((2, 3), keepdim=True)` and `x.var((2, 3), keepdim=True)` have shape `(B, C, 1, 1)`, and eps is added "
        "to the variance before the square root.",
        "`scale[:, :, None, None]` has shape `(B, C, 1, 1)` too: multiply the normalised maps by it, and add the bias "
        "likewise.",
    ),
)
