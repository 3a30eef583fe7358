"""The embedded digits: the right ones, enlarged well, split cleanly."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from course_utils import data
from course_utils.data import digits
from course_utils.runtime import CourseError


@pytest.fixture(scope="module")
def loaded():
    return data.load("digits")


def nearest_mean_accuracy(train_images, train_labels, images, labels):
    means = torch.stack([train_images[train_labels == k].mean(0) for k in range(10)]).flatten(1)
    return (torch.cdist(images.flatten(1), means).argmin(1) == labels).double().mean()


def test_file_read_directly_equals_scikit_learn_loader():
    from sklearn.datasets import load_digits

    reference = load_digits()
    images, labels = digits.read_uci_digits()
    assert np.array_equal(images.numpy() * 16, reference.images)
    assert np.array_equal(labels.numpy(), reference.target)


def test_split_has_thirty_test_images_a_class_and_every_index_once():
    _, labels = digits.read_uci_digits()
    train, test = digits.split_by_class(labels, n_test_per_class=30, seed=0)
    assert labels[test].bincount().tolist() == [30] * 10
    assert torch.equal(torch.cat([train, test]).sort().values, torch.arange(1797))
    other_train, other_test = digits.split_by_class(labels, n_test_per_class=30, seed=1)
    assert not torch.equal(test.sort().values, other_test.sort().values)
    assert len(other_train) == len(train) == 1497


def test_halves_are_the_images_of_the_split(loaded):
    small, labels = digits.read_uci_digits()
    train, test = digits.split_by_class(labels, n_test_per_class=30, seed=digits.SPLIT_SEED)
    assert torch.equal(loaded.train_labels, labels[train])
    assert torch.equal(loaded.test_images, digits.enlarge(small[test]))


def test_no_test_image_is_in_train_nor_made_from_one(loaded):
    train_rows = {image.numpy().tobytes() for image in loaded.train_images}
    assert len(train_rows) == 1497
    assert not any(image.numpy().tobytes() in train_rows for image in loaded.test_images)


def test_enlarged_images_look_like_mnist(loaded):
    """MNIST: 81 % dark, 9 % between, 8 % full ink (within 0.05 of white); ours are a little larger."""
    images = loaded.train_images
    dark, ink = (images < 0.01).double().mean(), (images > 0.95).double().mean()
    between = ((images > 0.1) & (images < 0.9)).double().mean()
    assert 0.6 < dark < 0.85
    assert 0.06 < ink < 0.12
    assert between < 0.16
    frame = torch.ones(28, 28, dtype=torch.bool)
    frame[2:-2, 2:-2] = False
    assert images[:, 0, frame].mean() < 0.02
    assert (images.flatten(1).max(1).values > 0.9).all()  # every digit has full ink somewhere


def test_enlarging_keeps_place_and_ends_of_the_scale():
    small = torch.zeros(2, 8, 8)
    small[1] = 1
    black, white = digits.enlarge(small)
    assert (black == 0).all()
    torch.testing.assert_close(white[:, 6:-6, 6:-6], torch.ones(1, 16, 16))
    # One bright cell (row 2, column 5) lands in rows 8-10, columns 17-19.
    small = torch.zeros(1, 8, 8)
    small[0, 2, 5] = 1
    assert digits.enlarge(small)[0, 0].argmax() == 9 * 28 + 18


def test_enlarged_digits_can_be_told_apart(loaded):
    accuracy = nearest_mean_accuracy(
        loaded.train_images, loaded.train_labels, loaded.test_images, loaded.test_labels
    )
    assert accuracy > 0.85


def test_enlarging_loses_little_of_the_original(loaded):
    small, labels = digits.read_uci_digits()
    _, test = digits.split_by_class(labels, n_test_per_class=30, seed=digits.SPLIT_SEED)
    back = functional.avg_pool2d(loaded.test_images[:, :, 2:-2, 2:-2], 3).flatten()
    correlation = torch.corrcoef(torch.stack([back, small[test].flatten()]))[0, 1]
    assert correlation > 0.93


def test_augment_uses_every_image_equally_often_and_none_else(loaded):
    generator = torch.Generator().manual_seed(0)
    images, index = data.augment(loaded.train_images, 4000, generator=generator)
    assert images.shape == (4000, 1, 28, 28)
    assert images.min() >= 0
    assert images.max() <= 1
    counts = index.bincount(minlength=1497)
    assert counts.min() == 2
    assert counts.max() == 3
    first_round = index[:1497]
    assert not torch.equal(first_round, first_round.sort().values)  # mixed


def test_augment_keeps_the_class_and_changes_the_image(loaded):
    generator = torch.Generator().manual_seed(0)
    images, index = data.augment(loaded.train_images, 3000, generator=generator)
    # Labels handed on by the index serve to read real test images: the nearest augmented image decides.
    nearest = torch.cdist(loaded.test_images.flatten(1), images.flatten(1)).argmin(1)
    assert (loaded.train_labels[index][nearest] == loaded.test_labels).double().mean() > 0.95
    # Closer to its source than to another image of the same set, yet not the source.
    error = (images - loaded.train_images[index]).square().flatten(1).sum(1)
    to_others = (images - loaded.train_images[index.roll(1)]).square().flatten(1).sum(1)
    assert (error > 0.5).double().mean() > 0.99
    assert error.mean() < 0.6 * to_others.mean()


def test_augment_moves_a_dot_by_at_most_a_few_pixels_in_every_direction():
    dot = torch.zeros(1, 1, 28, 28)
    dot[0, 0, 13:15, 13:15] = 1  # about the centre, which turning and scaling leave in place
    images, _ = data.augment(dot, 2000, generator=torch.Generator().manual_seed(0))
    ticks = torch.arange(28) + 0.5 - 14
    mass = images.sum((1, 2, 3))
    right = (images.sum((1, 2)) * ticks).sum(1) / mass
    down = (images.sum((1, 3)) * ticks).sum(1) / mass
    for shift in (right, down):
        assert shift.abs().max() < 2.2  # 1.5 pixels, scaled by at most 1.1, sheared and turned
        # Uniform on about +-1.5: mean 0, standard deviation 0.87; five standard errors of 2000.
        assert shift.mean().abs() < 5 * 0.87 / 2000**0.5
        assert 0.75 < shift.std() < 1.0


def test_augment_is_repeatable_and_driven_by_its_generator_only(loaded):
    draws = []
    for seed in (3, 3, 4):
        torch.manual_seed(len(draws))
        draws.append(data.augment(loaded.train_images, 100, generator=torch.Generator().manual_seed(seed)))
    assert torch.equal(draws[0][0], draws[1][0])
    assert torch.equal(draws[0][1], draws[1][1])
    assert not torch.equal(draws[0][0], draws[2][0])


def test_augment_refuses_nonsense(loaded):
    assert data.augment(loaded.train_images, 0, generator=None)[0].shape == (0, 1, 28, 28)
    with pytest.raises(ValueError, match=r"shape \(N, 1, H, W\) with N > 0, not \(0, 1, 28, 28\)"):
        data.augment(loaded.train_images[:0], 3, generator=None)
    with pytest.raises(ValueError, match=r"not \(28, 28\)"):
        data.augment(loaded.train_images[0, 0], 3, generator=None)
    with pytest.raises(ValueError, match="n must not be negative, but it is -1"):
        data.augment(loaded.train_images, -1, generator=None)


def test_missing_or_damaged_scikit_learn_file_says_what_to_do(monkeypatch, tmp_path):
    class Package:
        origin = str(tmp_path / "__init__.py")

    monkeypatch.setattr(digits.importlib.util, "find_spec", lambda name: Package)
    with pytest.raises(CourseError, match=r"cannot be read from .*digits\.csv\.gz; run: pip install"):
        data.load("digits")
    folder = tmp_path / "datasets" / "data"
    folder.mkdir(parents=True)
    (folder / "digits.csv.gz").write_bytes(digits.gzip.compress(b"1,2,3\n4,5,6\n"))
    with pytest.raises(CourseError, match=r"table of shape \(2, 3\) where the 1797 digits should be"):
        data.load("digits")
    (folder / "digits.csv.gz").write_bytes(digits.gzip.compress(b"1,2,3\n" * 999)[:20])
    with pytest.raises(CourseError, match="cannot be read"):
        data.load("digits")
    monkeypatch.setattr(digits.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CourseError, match="pip install scikit-learn"):
        data.load("digits")
