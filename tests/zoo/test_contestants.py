"""The zoo: every contestant trains and is measured at a tiny budget."""

from dataclasses import replace

import pytest
import torch

from course_utils.data import load
from course_utils.gaussian import kl_standard_normal
from course_utils.likelihoods import bernoulli_log_likelihood
from course_utils.metrics import FeatureNet
from course_utils.models import ConditionalGenerator, ConditionalMLPDecoder
from course_utils.zoo import CONTESTANTS, Budget, measure, train
from course_utils.zoo.games import _growth

TINY = Budget(steps=5, batch_size=8, latent_dim=3, hidden_dim=8, width=2)
WITH_BOUND = {"VAE", "beta-VAE", "conditional VAE", "AVB", "RBM"}
WITHOUT_ENCODER = {"GAN", "WGAN-GP", "conditional GAN", "progressive GAN", "style GAN"}


@pytest.fixture(scope="module")
def data():
    return load("digits").subset(40, 20)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return FeatureNet(10).eval()


def test_the_models_of_seven_lectures_take_part():
    assert len(CONTESTANTS) == 13
    assert set(CONTESTANTS) > WITH_BOUND | WITHOUT_ENCODER


@pytest.mark.parametrize("name", CONTESTANTS)
def test_each_contestant_has_the_numbers_that_it_should(name, data, net):
    trained = train(name, data, TINY, seed=0)
    score = measure(trained, data, net, n=20)
    assert trained.name == name
    assert (score.bound < 0) == (name in WITH_BOUND)
    assert (score.error > 0) == (name not in WITHOUT_ENCODER)
    assert score.infers == (name not in WITHOUT_ENCODER)
    assert score.frechet > 0
    assert 1 <= score.classes <= 10
    assert score.tensor().shape == (7,)


@pytest.mark.parametrize("name", CONTESTANTS)
def test_what_each_contestant_makes_has_the_shape_that_it_should(name, data):
    trained, v = train(name, data, TINY, seed=0), (data.test_images > 0.5).float()
    with torch.no_grad():
        images, more = trained.sample(3), trained.sample(3)
        bound, back, codes = (f and f(v) for f in (trained.bound, trained.reconstruct, trained.encode))
    assert images.shape == (3, 1, 28, 28)
    assert 0 <= images.min() < images.max() <= 1
    assert not torch.equal(images, more)
    if bound is not None:
        assert bound.shape == (20,)
    if back is not None:
        assert back.shape == v.shape
        assert 0 <= back.min() < back.max() <= 1
    if codes is not None:
        assert codes.shape == (20, TINY.hidden_dim if name == "RBM" else TINY.latent_dim)


@pytest.mark.parametrize("name", CONTESTANTS)
def test_training_follows_the_seed_and_leaves_torch_alone(name, data):
    state = torch.random.get_rng_state()
    a, b, c = (train(name, data, TINY, seed=seed).sample(4) for seed in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("name", ["conditional VAE", "conditional GAN"])
def test_labels_are_drawn_as_often_as_they_occur(name, data, monkeypatch):
    """From data of two classes only those two are ordered."""
    rare = data.train_labels < 2
    ordered = []

    def watch(model, z, y):
        ordered.append(y)

    two = replace(data, train_images=data.train_images[rare], train_labels=data.train_labels[rare])
    trained = train(name, two, TINY, seed=0)
    decoder = ConditionalMLPDecoder if name == "conditional VAE" else ConditionalGenerator
    forward = decoder.forward
    monkeypatch.setattr(decoder, "forward", lambda self, z, y: watch(self, z, y) or forward(self, z, y))
    with torch.no_grad():
        trained.sample(400)
    share = (two.train_labels == 1).float().mean()
    assert set(ordered[0].tolist()) == {0, 1}
    assert abs((ordered[0] == 1).float().mean() - share) < 4 * (share * (1 - share) / 400) ** 0.5


def test_growing_goes_through_the_sizes_and_fades_each_new_layer_in():
    schedule = list(_growth((0.2, 0.2, 0.6), 20))
    assert [stage for stage, _ in schedule] == [0] * 4 + [1] * 4 + [2] * 12
    assert [alpha for stage, alpha in schedule if stage == 0] == [1.0] * 4
    assert [alpha for stage, alpha in schedule if stage == 1] == [0.5, 1.0, 1.0, 1.0]
    assert [alpha for stage, alpha in schedule if stage == 2] == pytest.approx(
        [k / 6 for k in range(1, 7)] + [1.0] * 6
    )
    assert list(_growth((0, 0, 1), 3)) == [(2, 1.0)] * 3  # not grown: nothing to fade


def test_an_unknown_contestant_is_refused(data):
    with pytest.raises(ValueError, match="no contestant 'PixelCNN'; there are AE"):
        train("PixelCNN", data, TINY, seed=0)


def test_the_kl_term_of_avb_is_not_below_what_any_posterior_with_its_moments_has(data):
    """The Gaussian with independent coordinates has the smallest KL to the prior; a T that lags would say less."""
    trained = train("AVB", data, Budget(steps=60, batch_size=16, latent_dim=4, hidden_dim=64), seed=0)
    v = (data.test_images > 0.5).float()
    with torch.no_grad():
        pixels = torch.stack([trained.reconstruct(v) for _ in range(50)]).clamp(1e-6, 1 - 1e-6)
        log_likelihood = torch.stack([bernoulli_log_likelihood(p.logit(), v) for p in pixels]).mean()
        bound = torch.stack([trained.bound(v) for _ in range(50)]).mean()
        codes = torch.stack([trained.encode(v) for _ in range(200)])
    least = kl_standard_normal(codes.mean(0), codes.var(0).log()).mean()
    assert least > 2  # else there would be nothing to understate
    assert log_likelihood - bound > 0.9 * least
