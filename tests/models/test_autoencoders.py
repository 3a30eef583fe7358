"""The autoencoders: sizes, what they can and cannot do, and that the lecture shows the same code."""

import ast
from pathlib import Path

import pytest
import torch
from torch import nn

from course_utils.models import ConvAutoencoder, LinearAutoencoder, MLPAutoencoder, autoencoders

LECTURE = Path(__file__).parents[2] / "solutions" / "02_autoencoders.py"
IMAGES = torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("model", "code_shape"),
    [
        (MLPAutoencoder(code_dim=3), (3,)),
        (ConvAutoencoder(), (4, 7, 7)),
        (ConvAutoencoder(code_channels=2, width=5), (2, 7, 7)),
    ],
    ids=["mlp", "conv", "small conv"],
)
@pytest.mark.parametrize("n", [1, 5])
def test_images_go_in_and_images_come_out(model: nn.Module, code_shape: tuple[int, ...], n: int) -> None:
    x = IMAGES[:n]
    code, x_hat = model.encode(x), model(x)
    assert code.shape == (n, *code_shape)
    assert x_hat.shape == x.shape
    assert (x_hat > 0).all()
    assert (x_hat < 1).all()
    torch.testing.assert_close(x_hat, model.decode(code))


@pytest.mark.parametrize("model", [MLPAutoencoder(2), ConvAutoencoder(), LinearAutoencoder(784, 2)])
def test_the_loss_reaches_every_parameter(model: nn.Module) -> None:
    x = IMAGES.flatten(1) if isinstance(model, LinearAutoencoder) else IMAGES
    (model(x) - x).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_the_linear_autoencoder_is_a_matrix_of_rank_k() -> None:
    model = LinearAutoencoder(n_inputs=9, code_dim=3).double()
    whole = model(torch.eye(9, dtype=torch.float64)).detach().T  # column i is the image of basis vector i
    assert torch.linalg.matrix_rank(whole) == 3
    torch.testing.assert_close(whole, (model.decode.weight @ model.encode.weight).detach())


def test_a_convolutional_code_moves_with_the_image() -> None:
    model = ConvAutoencoder()
    code, moved = model.encode(IMAGES), model.encode(IMAGES.roll(4, dims=2))
    torch.testing.assert_close(code[:, :, 1:-2, 1:-1], moved[:, :, 2:-1, 1:-1])


def test_a_convolutional_autoencoder_takes_any_multiple_of_four() -> None:
    x = torch.rand(2, 1, 20, 44)
    assert ConvAutoencoder()(x).shape == x.shape


def test_sizes_are_as_advertised() -> None:
    """Weights and biases: 16 filters of 4x4, 4 of 16x4x4, and the same back."""
    count = sum(p.numel() for p in ConvAutoencoder().parameters())
    assert count == (16 * 16 + 16) + (4 * 16 * 16 + 4) + (4 * 16 * 16 + 16) + (16 * 16 + 1)


def definitions(source: str) -> dict[str, str]:
    """Functions and classes of a module by name, without docstrings and annotations of sizes."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            for inner in ast.walk(node):
                if isinstance(inner, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(inner) is not None:
                    inner.body = inner.body[1:]
            found[node.name] = ast.unparse(node)
    return found


@pytest.mark.parametrize("name", ["LinearAutoencoder", "MLPAutoencoder", "dense"])
def test_the_lecture_shows_what_the_package_holds(name: str) -> None:
    package = definitions(Path(autoencoders.__file__).read_text(encoding="utf-8"))[name]
    package = package.replace("N_PIXELS", "784").replace("SIDE", "28")
    assert definitions(LECTURE.read_text(encoding="utf-8"))[name] == package
