"""The one door to the data sets, and the one form they come in."""

import dataclasses

import pytest
import torch

from course_utils import data
from course_utils.data import image_data
from course_utils.runtime import CourseError


@pytest.mark.parametrize("name", ["digits", "shapes"])
def test_every_set_has_the_same_form(name):
    loaded = data.load(name)
    assert loaded.name == name
    for images, labels in (
        (loaded.train_images, loaded.train_labels),
        (loaded.test_images, loaded.test_labels),
    ):
        assert images.dtype == torch.float32
        assert images.shape == (len(labels), 1, 28, 28)
        assert images.min() == 0
        assert 0.9 < images.max() <= 1
        assert labels.dtype == torch.int64
        assert set(labels.tolist()) == set(range(loaded.n_classes))


@pytest.mark.parametrize("name", ["digits", "shapes"])
def test_loading_twice_gives_the_same_set_and_leaves_global_seeds_alone(name):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first = data.load(name)
    assert torch.equal(torch.rand(3), expected)
    second = data.load(name)
    for field in ("train_images", "train_labels", "test_images", "test_labels"):
        assert torch.equal(getattr(first, field), getattr(second, field))
        assert getattr(first, field).data_ptr() != getattr(second, field).data_ptr()


def test_environment_chooses_the_set(monkeypatch):
    assert data.load().name == "digits"
    monkeypatch.setenv("COURSE_DATASET", "shapes")
    assert data.load().name == "shapes"
    assert data.load("digits").name == "digits"  # the argument wins
    monkeypatch.setenv("COURSE_DATASET", "")
    assert data.load().name == "digits"


def test_unknown_name_lists_the_valid_ones(monkeypatch):
    with pytest.raises(
        CourseError, match=r"no data set 'cifar'; choose one of digits, shapes, mnist, fashion_mnist\."
    ):
        data.load("cifar")
    with pytest.raises(CourseError, match=r"no data set 3; choose"):
        data.load(3)
    monkeypatch.setenv("COURSE_DATASET", "imagenet")
    with pytest.raises(CourseError, match=r"no data set 'imagenet' \(from COURSE_DATASET\)"):
        data.load()


def test_name_may_be_written_like_its_title():
    assert data.load("Digits").name == "digits"


def test_subset_takes_the_first_of_each_with_their_factors():
    whole = data.load("shapes")
    part = whole.subset(50, 20)
    assert torch.equal(part.train_images, whole.train_images[:50])
    assert torch.equal(part.test_labels, whole.test_labels[:20])
    assert torch.equal(part.train_factors, whole.train_factors[:50])
    assert torch.equal(part.test_factors, whole.test_factors[:20])
    assert part.class_names == whole.class_names


@pytest.mark.parametrize("name", ["digits", "shapes"])
def test_subset_has_its_classes_mixed(name):
    loaded = data.load(name)
    counts = loaded.subset(200, 0).train_labels.bincount(minlength=loaded.n_classes).double()
    share = loaded.train_labels.bincount().double() / len(loaded.train_labels)
    # Binomial with n = 200: five standard deviations.
    assert ((counts - 200 * share).abs() < 5 * (200 * share * (1 - share)).sqrt()).all()
    # No long runs of one class either: neighbours agree as often as chance has it.
    labels = loaded.train_labels
    agree = (labels[1:] == labels[:-1]).double().mean()
    chance = (share**2).sum()
    assert (agree - chance).abs() < 5 * (chance * (1 - chance) / len(labels)).sqrt()


def test_subset_larger_than_the_set_is_refused():
    digits = data.load("digits")
    with pytest.raises(CourseError, match=r"digits has 1497 training images, so a subset of 2000 cannot"):
        digits.subset(2000, 10)
    with pytest.raises(CourseError, match=r"digits has 300 test images, so a subset of 301 cannot"):
        digits.subset(10, 301)
    with pytest.raises(CourseError, match="ask for 0 to 300"):
        digits.subset(10, -1)


def test_repr_is_one_short_line():
    assert repr(data.load("digits")) == (
        "ImageData('digits': 1497 train + 300 test images 1x28x28 in [0, 1], 10 classes)"
    )
    assert repr(data.load("shapes")).endswith("3 classes, factors shape, scale, orientation, x, y)")


def test_image_data_refuses_what_it_does_not_promise():
    good = data.load("shapes").subset(10, 5)
    change = dataclasses.replace
    with pytest.raises(ValueError, match=r"train_images must be float32 .* torch.float64"):
        change(good, train_images=good.train_images.double())
    with pytest.raises(ValueError, match=r"test_images must be .* \(5, 28, 28\)"):
        change(good, test_images=good.test_images[:, 0])
    with pytest.raises(ValueError, match=r"train_images must lie in \[0, 1\]"):
        change(good, train_images=good.train_images * 2)
    with pytest.raises(ValueError, match=r"train_images must lie in \[0, 1\]"):
        change(good, train_images=good.train_images * float("nan"))
    with pytest.raises(ValueError, match=r"test_labels must be int64 of shape \(5,\)"):
        change(good, test_labels=good.test_labels[:4])
    with pytest.raises(ValueError, match=r"train_labels must lie in 0 \.\. 2"):
        change(good, train_labels=good.train_labels + 3)
    with pytest.raises(ValueError, match=r"train_factors must have shape \(10, 5\), but they have None"):
        change(good, train_factors=None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        good.name = "other"


def test_public_names_exist():
    assert all(hasattr(data, name) for name in data.__all__)
    assert data.ImageData is image_data.ImageData
