"""Lecture 2's checks on answers that no list of mistakes foresees: what they must see, and what they must not mind."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from course_utils.exercises import evaluate
from course_utils.models import ConvAutoencoder


class SkipsBesideTheCode(ConvAutoencoder):
    """A U-Net: encode puts features aside, and forward uses them."""

    def encode(self, x: Tensor) -> Tensor:
        self.aside = x.mean((1, 2, 3), keepdim=True)
        return self.encoder(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encode(x)) * self.aside


class SkipsWithoutCallingEncode(ConvAutoencoder):
    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x)) + 0.3 * x.flip(-1)


class NeverCallsEncode(ConvAutoencoder):
    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))


class OneSharedModel:
    """Not a class but a function that hands out modules: allowed, it is called without arguments too."""

    def __call__(self) -> nn.Module:
        return ConvAutoencoder(code_channels=7, width=3)


class ManyChannels(ConvAutoencoder):
    """More numbers than the image has pixels: a poor code, and not forbidden."""

    def __init__(self) -> None:
        super().__init__(code_channels=20, width=8)


class WithoutEncode(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


class FlatOutput(ConvAutoencoder):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).flatten(1)


@pytest.mark.parametrize("answer", [SkipsBesideTheCode, SkipsWithoutCallingEncode])
def test_a_path_around_the_code_is_seen_however_it_is_laid(answer: type) -> None:
    for seed in range(5):
        verdict = evaluate("ConvAutoencoder", answer, seed)
        assert verdict.mistake == "around_the_code", verdict.message


@pytest.mark.parametrize("answer", [NeverCallsEncode, OneSharedModel(), ManyChannels])
def test_what_was_not_asked_is_not_minded(answer: Callable) -> None:
    for seed in range(5):
        verdict = evaluate("ConvAutoencoder", answer, seed)
        assert verdict.passed, verdict.message


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (WithoutEncode, "has no method encode"),
        (FlatOutput, "sizes of model(x)"),
        (lambda: 3, "gives a int where an nn.Module is expected"),
    ],
)
def test_what_is_missing_is_said_in_one_clause(answer: Callable, words: str) -> None:
    verdict = evaluate("ConvAutoencoder", answer)
    assert words in verdict.message
    assert verdict.points == 0


def test_a_numpy_integer_is_an_integer_and_a_float_is_not() -> None:
    right = lambda n, k, s=1, p=0: np.int64((n + 2 * p - k) // s + 1)  # noqa: E731
    assert evaluate("conv_output_size", right).passed
    verdict = evaluate("conv_output_size", lambda *a: float(right(*a)))
    assert not verdict.passed
    assert "every result is an int" in verdict.message


def test_a_loss_that_never_calls_the_model_is_told_so() -> None:
    verdict = evaluate("denoising_loss", lambda model, x, s, g: torch.randn(1, generator=g).sum())
    assert "it never calls the model" in verdict.message


def test_a_loss_may_call_the_model_in_any_mode_and_more_than_once() -> None:
    def answer(model: nn.Module, x: Tensor, noise_std: float, generator: torch.Generator) -> Tensor:
        model.train()
        with torch.no_grad():
            model(x)
        noisy = x + torch.normal(0.0, noise_std, x.shape, generator=generator, dtype=x.dtype)
        return torch.stack(
            [((out - image) ** 2).sum() for out, image in zip(model(noisy), x, strict=True)]
        ).mean()

    assert all(evaluate("denoising_loss", answer, seed).passed for seed in range(5))
