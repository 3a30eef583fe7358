"""The feature network and its cache; and with it, every measure of sample quality on digits damaged on purpose."""

import itertools
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from course_utils.data import load
from course_utils.metrics import features as module
from course_utils.metrics import frechet_distance, precision_recall

DATA = load("digits")
N = len(DATA.test_images)  # 300


CACHE_FOLDER = module._cache_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache") / "not yet there"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_cache_folder", lambda: folder)
        patch.setenv("TQDM_DISABLE", "1")
        yield folder


@pytest.fixture(scope="module")
def net(folder):
    before = torch.get_rng_state()
    net = module.feature_net(DATA)
    assert torch.equal(torch.get_rng_state(), before)
    return net


@pytest.fixture
def trainings(monkeypatch):
    """The data of every training, which is cut short."""
    seen = []

    def train(net, images, labels):
        seen.append(len(images))
        monkeypatch.setattr(module, "N_STEPS", 2)
        original(net, images, labels)

    original = module._train
    monkeypatch.setattr(module, "_train", train)
    return seen


# ---------------------------------------------------------------------------------------------- the network


def test_it_has_learnt_the_classes(net):
    accuracy = (net.logits(DATA.test_images).argmax(1) == DATA.test_labels).double().mean()
    assert accuracy > 0.95
    assert not net.training
    assert not any(p.requires_grad for p in net.parameters())


def test_features_of_the_data_have_variance_one_half_of_it_in_either_half(net, monkeypatch):
    features = net(DATA.train_images)
    assert features.shape == (len(DATA.train_images), 64)
    assert features.var(0).view(2, 32).sum(1).tolist() == pytest.approx([0.5, 0.5], abs=1e-4)
    monkeypatch.setattr(module, "CHUNK", 100)
    torch.testing.assert_close(net(DATA.train_images), features)


# -------------------------------------------------------------------------------------------------- the cache


def test_trained_once_and_then_read(net, folder, trainings):
    again = module.feature_net(DATA)
    assert trainings == []
    assert torch.equal(again(DATA.test_images), net(DATA.test_images))
    assert not again.training
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda data: replace(data, train_labels=data.train_labels.flip(0)),
        lambda data: replace(data, train_images=1 - data.train_images),
        lambda data: data.subset(100, 10),
    ],
)
def test_other_data_are_another_file(net, folder, trainings, change):
    before = set(folder.iterdir())
    module.feature_net(change(DATA))
    assert len(trainings) == 1
    (new,) = set(folder.iterdir()) - before
    new.unlink()


def test_other_code_is_another_file(net, folder, trainings, monkeypatch, tmp_path):
    changed = tmp_path / "features.py"
    changed.write_bytes(Path(module.__file__).read_bytes() + b"# changed\n")
    before = set(folder.iterdir())
    monkeypatch.setattr(module, "__file__", str(changed))
    module.feature_net(DATA)
    assert len(trainings) == 1
    (new,) = set(folder.iterdir()) - before
    new.unlink()


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[: len(raw) // 2], lambda raw: raw[:-99] + b"?" * 99, lambda raw: b""]
)
def test_a_damaged_file_is_made_anew(net, folder, trainings, damage):
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    module.feature_net(DATA)
    assert len(trainings) == 1
    module.feature_net(DATA)
    assert len(trainings) == 1
    path.write_bytes(whole)


def test_an_interrupted_write_leaves_nothing(trainings, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_cache_folder", lambda: tmp_path)

    def disk_full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", disk_full)
    module.feature_net(DATA.subset(100, 10))
    assert trainings == [100]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_no_error(trainings, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(module, "_cache_folder", lambda: tmp_path / "file" / "folder")
    module.feature_net(DATA.subset(100, 10))
    assert trainings == [100]


def test_large_sets_are_cut(trainings, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_cache_folder", lambda: tmp_path)
    monkeypatch.setattr(module, "N_TRAIN", 90)
    module.feature_net(DATA)
    assert trainings == [90]


def test_the_cache_is_the_users():
    assert CACHE_FOLDER().parts[-2:] == ("course_utils", "feature_nets")


# -------------------------------------------------------------- the measures on digits damaged on purpose

REAL = DATA.train_images[:N]  # other images than those compared with
NOISE = torch.randn(REAL.shape, generator=torch.Generator().manual_seed(0))


def blurred(images, sigma):
    offsets = torch.arange(-6.0, 7.0)
    kernel = torch.exp(-(offsets**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    rows = F.conv2d(F.pad(images, (6, 6, 6, 6)), kernel.view(1, 1, 1, -1))
    return F.conv2d(rows, kernel.view(1, 1, -1, 1))


def only_classes(n_kept):
    kept = DATA.train_images[DATA.train_labels < n_kept]
    return kept[torch.randperm(len(kept), generator=torch.Generator().manual_seed(0))[:N]]


@pytest.fixture(scope="module")
def measured(net):
    """(distance, precision, recall) of samples against the test images."""
    real = net(DATA.test_images)

    def measure(samples):
        return frechet_distance(real, net(samples)), *precision_recall(real, net(samples))

    return measure


def test_real_against_real_is_near_the_floor_and_noise_is_far_off(measured):
    distance, precision, recall = measured(REAL)
    assert distance < 0.05
    assert min(precision, recall) > 0.85
    distance, precision, recall = measured(torch.rand(REAL.shape, generator=torch.Generator().manual_seed(0)))
    assert distance > 1
    assert max(precision, recall) < 0.02
    distance, precision, recall = measured(REAL.mean(0).expand_as(REAL))
    assert distance > 1
    assert recall == 0


def falling(values, by):
    return all(a - b > by for a, b in itertools.pairwise(values))


def test_growing_noise_moves_away_and_costs_precision(measured):
    rows = [measured((REAL + s * NOISE).clamp(0, 1)) for s in (0.0, 0.1, 0.15, 0.2)]
    distances, precisions, _ = zip(*rows, strict=True)
    assert falling([-d for d in distances], by=0.05)
    assert falling(precisions, by=0.1)


def test_growing_blur_moves_away_and_costs_precision(measured):
    distances, precisions, _ = zip(*(measured(blurred(REAL, s)) for s in (0.1, 1.0, 1.5, 2.0)), strict=True)
    assert falling([-d for d in distances], by=0.05)
    assert falling(precisions, by=0.1)


def test_dropped_classes_move_away_and_cost_recall_but_not_precision(measured):
    distances, precisions, recalls = zip(*(measured(only_classes(c)) for c in (10, 7, 4, 2)), strict=True)
    assert falling([-d for d in distances], by=0.02)
    assert falling(recalls, by=0.1)
    assert min(precisions) > 0.85
