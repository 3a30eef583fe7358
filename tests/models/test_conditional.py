"""The conditional VAE's modules: the label arrives where it should, and changes what it should."""

import pytest
import torch
from torch import Tensor, nn

from course_utils.elbo import negative_elbo
from course_utils.models import (
    ConditionalConvDecoder,
    ConditionalConvEncoder,
    ConditionalMLPDecoder,
    ConditionalMLPEncoder,
    ConditionalVAE,
    condition,
    label_maps,
)

N_CLASSES, LATENT_DIM = 4, 3


@pytest.fixture(params=["mlp", "conv"])
def model(request: pytest.FixtureRequest) -> ConditionalVAE:
    torch.manual_seed(0)
    if request.param == "mlp":
        pair = (
            ConditionalMLPEncoder(LATENT_DIM, N_CLASSES, 16),
            ConditionalMLPDecoder(LATENT_DIM, N_CLASSES, 16),
        )
    else:
        pair = (
            ConditionalConvEncoder(LATENT_DIM, N_CLASSES, 4),
            ConditionalConvDecoder(LATENT_DIM, N_CLASSES, 4),
        )
    return ConditionalVAE(*pair)


@pytest.fixture
def batch() -> tuple[Tensor, Tensor]:
    return torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(1)), torch.tensor(
        [0, 1, 2, 3, 0, 2]
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_condition_puts_a_one_hot_vector_behind_the_features(dtype: torch.dtype) -> None:
    features, y = torch.rand(5, 2, dtype=dtype), torch.tensor([3, 0, 0, 1, 2])
    joined = condition(features, y, N_CLASSES)
    assert joined.dtype == dtype
    assert torch.equal(joined[:, :2], features)
    assert torch.equal(joined[:, 2:], torch.eye(N_CLASSES, dtype=dtype)[y])


def test_condition_keeps_classes_that_are_not_in_the_batch() -> None:
    assert condition(torch.zeros(1, 1), torch.tensor([0]), 10).shape == (1, 11)


def test_condition_refuses_a_label_that_is_no_class() -> None:
    with pytest.raises(RuntimeError, match="smaller than num_classes"):
        condition(torch.zeros(1, 1), torch.tensor([3]), 3)


def test_label_maps_are_constant_and_leave_the_image_alone(batch: tuple[Tensor, Tensor]) -> None:
    x, y = batch
    maps = label_maps(x, y, N_CLASSES)
    assert torch.equal(maps[:, :1], x)
    assert torch.equal(maps[:, 1:].amax((2, 3)), maps[:, 1:].amin((2, 3)))
    assert torch.equal(maps[:, 1:].amax((2, 3)).argmax(1), y)


def test_a_one_hot_vector_before_a_linear_layer_is_a_bias_for_each_class(
    batch: tuple[Tensor, Tensor],
) -> None:
    x, y = batch
    layer = nn.Linear(784 + N_CLASSES, 5)
    by_hand = x.flatten(1) @ layer.weight[:, :784].T + layer.bias + layer.weight[:, 784:].T[y]
    torch.testing.assert_close(layer(condition(x.flatten(1), y, N_CLASSES)), by_hand)


def test_shapes(model: ConditionalVAE, batch: tuple[Tensor, Tensor]) -> None:
    logits, mu, logvar = model(*batch)
    assert logits.shape == batch[0].shape
    assert mu.shape == logvar.shape == (6, LATENT_DIM)


def test_the_label_changes_both_posterior_and_image(
    model: ConditionalVAE, batch: tuple[Tensor, Tensor]
) -> None:
    x, y = batch
    other = (y + 1) % N_CLASSES
    for one, two in zip(model.encode(x, y), model.encode(x, other), strict=True):
        assert ((one - two).abs().amax(1) > 1e-6).all()
    z = torch.randn(6, LATENT_DIM)
    assert ((model.decode(z, y) - model.decode(z, other)).abs().amax((1, 2, 3)) > 1e-6).all()


def test_examples_do_not_see_each_others_labels(model: ConditionalVAE, batch: tuple[Tensor, Tensor]) -> None:
    x, y = batch
    together = model.encode(x, y)[0]
    alone = torch.cat([model.encode(x[i : i + 1], y[i : i + 1])[0] for i in range(len(x))])
    torch.testing.assert_close(together, alone)


def test_the_generator_alone_decides_the_draw(model: ConditionalVAE, batch: tuple[Tensor, Tensor]) -> None:
    first, again, other = (model(*batch, torch.Generator().manual_seed(s))[0] for s in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_loss_sends_a_gradient_to_every_parameter(
    model: ConditionalVAE, batch: tuple[Tensor, Tensor]
) -> None:
    negative_elbo(batch[0], *model(*batch)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
