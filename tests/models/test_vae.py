"""The VAE's networks: sizes, what depends on what, and that one objective trains them all."""

import pytest
import torch
from torch import nn

from course_utils.elbo import negative_elbo
from course_utils.gaussian import reparameterize
from course_utils.likelihoods import gaussian_log_likelihood
from course_utils.models import (
    VAE,
    ConvDecoder,
    ConvEncoder,
    GaussianVAE,
    MLPDecoder,
    MLPEncoder,
    RNNDecoder,
    RNNEncoder,
)

ENCODERS = {"MLP": MLPEncoder, "CNN": ConvEncoder, "RNN": RNNEncoder}
DECODERS = {"MLP": MLPDecoder, "CNN": ConvDecoder, "RNN": RNNDecoder}
LATENT_DIM = 3

each_encoder = pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
each_decoder = pytest.mark.parametrize("decoder", DECODERS.values(), ids=DECODERS)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@each_decoder
@each_encoder
def test_any_encoder_goes_with_any_decoder(encoder: type, decoder: type, images: torch.Tensor) -> None:
    logits, mu, logvar = VAE(encoder(LATENT_DIM), decoder(LATENT_DIM))(images)
    assert logits.shape == images.shape
    assert mu.shape == logvar.shape == (5, LATENT_DIM)


@pytest.mark.parametrize("name", ENCODERS)
def test_one_step_of_the_objective_reaches_every_parameter(name: str, images: torch.Tensor) -> None:
    torch.manual_seed(1)
    model = VAE(ENCODERS[name](LATENT_DIM), DECODERS[name](LATENT_DIM))
    negative_elbo(images, *model(images)).backward()
    still = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not still


@each_encoder
def test_every_pixel_matters_to_mu_and_to_logvar(encoder: type, images: torch.Tensor) -> None:
    torch.manual_seed(1)
    images = images.requires_grad_()
    network = encoder(LATENT_DIM)
    for which in (0, 1):
        (gradient,) = torch.autograd.grad(network(images)[which].sum(), images)
        assert (gradient[0] != 0).float().mean() > 0.95


@each_encoder
def test_mu_and_logvar_are_not_one_thing(encoder: type, images: torch.Tensor) -> None:
    mu, logvar = encoder(LATENT_DIM)(images)
    assert not torch.allclose(mu, logvar)


@each_decoder
def test_every_latent_moves_the_whole_image(decoder: type) -> None:
    torch.manual_seed(1)
    z = torch.randn(1, LATENT_DIM)
    for j in range(LATENT_DIM):
        network, moved = decoder(LATENT_DIM), z.clone()
        moved[0, j] += 1
        assert (network(moved) != network(z)).float().mean() > 0.95


@each_decoder
def test_a_decoder_gives_logits_not_probabilities(decoder: type) -> None:
    logits = decoder(LATENT_DIM)(50 * torch.randn(20, LATENT_DIM, generator=torch.Generator().manual_seed(0)))
    assert logits.min() < 0
    assert logits.max() > 1


def test_images_of_a_batch_do_not_see_each_other(images: torch.Tensor) -> None:
    for encoder in ENCODERS.values():
        network = encoder(LATENT_DIM)
        torch.testing.assert_close(network(images)[0][:1], network(images[:1])[0])


def test_the_row_decoder_writes_the_first_row_from_z_too() -> None:
    torch.manual_seed(1)
    z = torch.randn(2, LATENT_DIM)
    first = RNNDecoder(LATENT_DIM)(z)[:, 0, 0]
    assert not torch.allclose(first[0], first[1])


def test_forward_draws_one_z_for_each_image_from_the_generator(images: torch.Tensor) -> None:
    model = VAE(MLPEncoder(LATENT_DIM), MLPDecoder(LATENT_DIM))
    logits, mu, logvar = model(images, torch.Generator().manual_seed(7))
    wanted = model.decode(reparameterize(mu, logvar, torch.Generator().manual_seed(7)))
    torch.testing.assert_close(logits, wanted)
    assert not torch.allclose(model(images)[0], model(images)[0])


def test_the_mlp_has_the_parameters_of_the_usual_784_400_20() -> None:
    n_parameters = sum(p.numel() for p in VAE(MLPEncoder(20), MLPDecoder(20)).parameters())
    assert n_parameters == (784 * 400 + 400) + 2 * (400 * 20 + 20) + (20 * 400 + 400) + (400 * 784 + 784)


def test_a_fixed_sigma_is_no_parameter_to_train_and_a_learned_one_finds_the_residuals() -> None:
    fixed = GaussianVAE(MLPEncoder(2, 8), MLPDecoder(2, 8), sigma=0.3)
    assert not fixed.log_sigma.requires_grad
    model = GaussianVAE(MLPEncoder(2, 8), MLPDecoder(2, 8), learn_sigma=True)
    residuals = 0.2 * torch.randn(50, 784, generator=torch.Generator().manual_seed(0))
    for _ in range(200):  # plain gradient descent on log sigma alone: its minimum is known
        loss = -gaussian_log_likelihood(torch.zeros_like(residuals), residuals, model.sigma).mean()
        (gradient,) = torch.autograd.grad(loss, model.log_sigma)
        with torch.no_grad():
            model.log_sigma -= 2e-4 * gradient
    torch.testing.assert_close(model.sigma, residuals.square().mean().sqrt(), rtol=1e-3, atol=0)


def test_a_vae_is_a_module_whose_state_can_be_stored() -> None:
    model, other = (VAE(ConvEncoder(2, 4), ConvDecoder(2, 4)) for _ in range(2))
    other.load_state_dict(model.state_dict())
    z = torch.zeros(1, 2)
    torch.testing.assert_close(model.decode(z), other.decode(z))
    assert isinstance(model, nn.Module)
