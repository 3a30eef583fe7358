"""The zoo: every contestant trains and is measured at a tiny budget; annealing against an exact sum."""

import pytest
import torch

from course_utils.data import load
from course_utils.metrics import FeatureNet
from course_utils.models import log_partition
from course_utils.zoo import CONTESTANTS, Budget, annealed_log_partition, measure, train

TINY = Budget(steps=2, batch_size=8, latent_dim=3, hidden_dim=8, width=2)


@pytest.fixture(scope="module")
def data():
    return load("digits").subset(40, 20)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return FeatureNet(10).eval()


@pytest.mark.parametrize("name", CONTESTANTS)
def test_each_contestant_has_the_numbers_that_it_should(name, data, net):
    trained = train(name, data.train_images, TINY, seed=0)
    score = measure(trained, data, net, n=20)
    assert trained.name == name
    assert trained.sample(3).shape == (3, 1, 28, 28)
    assert 0 <= trained.sample(3).min() <= trained.sample(3).max() <= 1
    assert (score.bound < 0) == (name in {"VAE", "beta-VAE", "AVB", "RBM"})
    assert (score.error > 0) == (name not in {"GAN", "WGAN-GP"})
    assert score.infers == (name not in {"GAN", "WGAN-GP"})
    assert score.frechet > 0
    assert 1 <= score.classes <= 10
    assert score.tensor().shape == (7,)


def test_training_follows_the_seed_and_leaves_torch_alone(data):
    state = torch.random.get_rng_state()
    a, b, c = (
        train("VAE", data.train_images, TINY, seed=seed).encode(data.test_images) for seed in (0, 0, 1)
    )
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(state, torch.random.get_rng_state())


def test_an_unknown_contestant_is_refused(data):
    with pytest.raises(ValueError, match="no contestant 'PixelCNN'; there are AE"):
        train("PixelCNN", data.train_images, TINY, seed=0)


def test_annealing_finds_the_exact_partition_function_of_a_small_machine():
    generator = torch.Generator().manual_seed(0)
    W, b, c = (torch.randn(*shape, generator=generator) for shape in ((12, 8), (12,), (8,)))
    estimates = torch.stack(
        [annealed_log_partition(W, b, c, torch.zeros(12), generator=generator) for _ in range(10)]
    )
    error = estimates.std() / 10**0.5
    assert estimates.std() < 0.2
    # the logarithm of a mean of weights is a little low: by half its variance
    assert abs(estimates.mean() + estimates.var() / 2 - log_partition(W, b, c)) < 5 * error + 0.02
