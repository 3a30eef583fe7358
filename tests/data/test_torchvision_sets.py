"""MNIST and Fashion-MNIST: from a given folder, from the cache, by download, and every way that can fail.

The files are tiny ones in the same format; torchvision's own checking, unpacking and reading runs
on them, with only the network replaced.
"""

import errno
import gzip
import hashlib
import http.client
import io
import shutil
import socket
import struct
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import torch

from course_utils import data
from course_utils.data import torchvision_sets
from course_utils.runtime import CourseError, torchvision

REAL_MNIST = Path(__file__).parents[3] / "shared" / "data" / "mnist"
N_TRAIN, N_TEST = 40, 20


def tiny_files():
    """The four files of a small set: image i is grey value i everywhere, its label is i mod 10."""
    files = {}
    for part, n in (("train", N_TRAIN), ("t10k", N_TEST)):
        images = b"".join(bytes([i]) * 784 for i in range(n))
        labels = bytes(i % 10 for i in range(n))
        for kind, content in (
            ("images-idx3", struct.pack(">4i", 0x803, n, 28, 28) + images),
            ("labels-idx1", struct.pack(">2i", 0x801, n) + labels),
        ):
            files[f"{part}-{kind}-ubyte.gz"] = gzip.compress(content, mtime=0)
    return files


class Network:
    """Stands in for urllib's: serves files by their last name, or fails as told, and counts."""

    def __init__(self, files):
        self.files = files
        self.requests = []
        self.failure = None

    def urlopen(self, request, *arguments, **options):
        self.requests.append(request.full_url)
        if self.failure is not None:
            raise self.failure
        response = io.BytesIO(self.files[request.full_url.rpartition("/")[2]])
        response.url, response.length = request.full_url, len(response.getvalue())
        return response


@pytest.fixture
def files(monkeypatch):
    files = tiny_files()
    sums = [(name, hashlib.md5(content).hexdigest()) for name, content in files.items()]
    for title in ("MNIST", "FashionMNIST"):
        monkeypatch.setattr(getattr(torchvision().datasets, title), "resources", sums)
    return files


@pytest.fixture
def network(monkeypatch, files):
    network = Network(dict(files))
    monkeypatch.setattr(urllib.request, "urlopen", network.urlopen)
    return network


@pytest.fixture
def cache(monkeypatch, tmp_path, network):
    folder = tmp_path / "cache" / "data"
    monkeypatch.setattr(torchvision_sets, "cache_folder", lambda: folder)
    return folder


@pytest.fixture
def given(monkeypatch, tmp_path, files, network):
    """A folder as COURSE_DATA_DIR names it, and a network that must not be asked."""
    network.failure = AssertionError("the network was asked although COURSE_DATA_DIR is set")
    raw = tmp_path / "given" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in files.items():
        (raw / name).write_bytes(content)
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "given"))
    return raw


def listing(folder):
    return sorted((str(path.relative_to(folder)), path.stat().st_mtime_ns) for path in folder.rglob("*"))


def assert_is_the_tiny_set(loaded):
    for images, labels, n in (
        (loaded.train_images, loaded.train_labels, N_TRAIN),
        (loaded.test_images, loaded.test_labels, N_TEST),
    ):
        assert images.shape == (n, 1, 28, 28)
        grey = (images[:, 0, 0, 0] * 255).round().long()
        assert torch.equal(grey.sort().values, torch.arange(n))  # every image once
        assert not torch.equal(grey, torch.arange(n))  # shuffled
        assert torch.equal(labels, grey % 10)  # each with its label
        torch.testing.assert_close(images, (grey / 255).view(-1, 1, 1, 1).expand_as(images))


def test_given_folder_is_read_and_left_alone(given):
    folder = given.parents[1]
    for path in (given, given.parent, folder):
        path.chmod(0o555)
    before = listing(folder)
    try:
        assert_is_the_tiny_set(data.load("mnist"))
        assert listing(folder) == before
    finally:
        for path in (folder, given.parent, given):
            path.chmod(0o755)


def test_class_names(given, cache, monkeypatch, network):
    assert data.load("mnist").class_names == tuple("0123456789")
    monkeypatch.delenv("COURSE_DATA_DIR")
    network.failure = None
    fashion = data.load("fashion_mnist")
    assert fashion.name == "fashion_mnist"
    assert fashion.class_names[0] == "T-shirt/top"
    assert fashion.class_names[9] == "Ankle boot"
    assert (cache / "FashionMNIST").is_dir()


def test_missing_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(
        CourseError, match=r"COURSE_DATA_DIR names .*nowhere, which is not a folder; correct it"
    ):
        data.load("mnist")


def test_missing_files_are_named(given):
    (given / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(
        CourseError,
        match=r"MNIST is not complete in .*raw: t10k-labels-idx1-ubyte\.gz missing; put the original",
    ):
        data.load("mnist")
    with pytest.raises(
        CourseError, match=r"Fashion-MNIST is not complete in .*FashionMNIST.raw: train-images"
    ):
        data.load("fashion_mnist")


@pytest.mark.parametrize("name", sorted(tiny_files()))
def test_each_truncated_file_is_refused_by_name(given, name):
    (given / name).write_bytes((given / name).read_bytes()[:-7])
    with pytest.raises(
        CourseError, match=rf"{name} is damaged or cut short \(\d+ bytes, .*replace it with the orig"
    ):
        data.load("mnist")


@pytest.mark.parametrize("content", [b"", b"<html>404 not found</html>"])
def test_empty_or_foreign_file_is_refused(given, content):
    (given / "train-labels-idx1-ubyte.gz").write_bytes(content)
    with pytest.raises(CourseError, match=rf"train-labels.* cut short \({len(content)} bytes"):
        data.load("mnist")


def test_unreadable_file(given, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(CourseError, match=r"cannot be read \(Permission denied\); replace it"):
        data.load("mnist")


def test_download_is_kept_checked_and_used_again(cache, network, files):
    assert_is_the_tiny_set(data.load("mnist"))
    assert network.requests
    assert sorted(path.name for path in cache.iterdir()) == ["MNIST"]  # nothing temporary is left
    assert sorted(path.name for path in (cache / "MNIST" / "raw").iterdir()) == sorted(files)
    network.failure = AssertionError("downloaded twice")
    before = listing(cache)
    assert_is_the_tiny_set(data.load("mnist"))
    assert listing(cache) == before


def test_damaged_cache_says_what_to_delete(cache, network):
    data.load("mnist")
    path = cache / "MNIST" / "raw" / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(CourseError, match=r"damaged or cut short .*; delete .*MNIST and load MNIST again"):
        data.load("mnist")
    path.unlink()
    with pytest.raises(
        CourseError, match=r"cannot be read \(No such file.*; delete .*MNIST and load MNIST again"
    ):
        data.load("mnist")


@pytest.mark.parametrize(
    "failure",
    [
        urllib.error.URLError(OSError(errno.ENETUNREACH, "Network is unreachable")),
        urllib.error.HTTPError("http://x", 503, "Service Unavailable", None, None),
        TimeoutError("timed out"),
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
        http.client.RemoteDisconnected("closed"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_no_network_is_one_sentence_and_leaves_nothing(cache, network, failure):
    network.failure = failure
    with pytest.raises(
        CourseError,
        match=r"^MNIST was not downloaded: its server cannot be reached; check the network and try again, "
        r"set COURSE_DATA_DIR to a folder that holds it, or use the built-in data set 'digits'\.$",
    ):
        data.load("mnist")
    assert list(cache.iterdir()) == []
    network.failure = None  # the network is back: nothing stands in the way
    assert_is_the_tiny_set(data.load("mnist"))


@pytest.mark.parametrize("name", sorted(tiny_files()))
def test_truncated_download_leaves_nothing(cache, network, name):
    network.files[name] = network.files[name][:-5]
    with pytest.raises(CourseError, match="the download was cut short or changed on its way; try again"):
        data.load("mnist")
    assert list(cache.iterdir()) == []


def test_connection_that_breaks_off_leaves_nothing(cache, network, monkeypatch):
    network.failure = http.client.IncompleteRead(b"abc", 1000)
    with pytest.raises(CourseError, match="cut short"):
        data.load("mnist")
    assert list(cache.iterdir()) == []


def test_full_disk_is_named(cache, network):
    network.failure = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(CourseError, match=r"the disk that holds .* is full; make room"):
        data.load("mnist")


def test_interrupted_download_leaves_nothing(cache, network):
    network.failure = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        data.load("mnist")
    assert list(cache.iterdir()) == []


def test_cache_that_cannot_be_written(cache, network):
    cache.parent.write_text("a file where the folder should be")
    with pytest.raises(CourseError, match=r"MNIST cannot be stored in .*; make that folder writable, or put"):
        data.load("mnist")
    assert not network.requests


def test_two_processes_may_download_at_once(cache, network, monkeypatch):
    """The other one finishes first: its files stay, ours are dropped, both go on."""
    rename = Path.rename

    def other_was_faster(path, target):
        shutil.copytree(path, target)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", other_was_faster)
    assert_is_the_tiny_set(data.load("mnist"))
    assert sorted(path.name for path in cache.iterdir()) == ["MNIST"]


def test_download_waits_a_limited_time_and_gives_the_limit_back(cache, network, monkeypatch):
    limits = []
    serve = network.urlopen

    def watching(request, *arguments, **options):
        limits.append(socket.getdefaulttimeout())
        return serve(request)

    monkeypatch.setattr(urllib.request, "urlopen", watching)
    before = socket.getdefaulttimeout()
    data.load("mnist")
    assert set(limits) == {30.0}
    assert socket.getdefaulttimeout() == before


def test_where_tells_what_is_complete(cache, network, given, monkeypatch):
    assert torchvision_sets.where("mnist") == given
    assert torchvision_sets.where("fashion_mnist") is None
    monkeypatch.delenv("COURSE_DATA_DIR")
    assert torchvision_sets.where("mnist") is None


def test_cache_folder_is_the_users():
    assert "course_utils" in str(torchvision_sets.cache_folder())


@pytest.mark.skipif(not REAL_MNIST.is_dir(), reason="the original MNIST files are not beside the repository")
def test_real_mnist(monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", str(REAL_MNIST))
    before = listing(REAL_MNIST)
    loaded = data.load("mnist")
    assert listing(REAL_MNIST) == before
    assert loaded.train_images.shape == (60000, 1, 28, 28)
    assert loaded.test_images.shape == (10000, 1, 28, 28)
    # Known figures of the set: class counts, and the mean grey value that everybody normalises by.
    assert loaded.train_labels.bincount().tolist() == [
        5923,
        6742,
        5958,
        6131,
        5842,
        5421,
        5918,
        6265,
        5851,
        5949,
    ]
    assert loaded.test_labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert loaded.train_images.mean().item() == pytest.approx(0.1307, abs=1e-4)
    counts = loaded.subset(1000, 0).train_labels.bincount(minlength=10)
    assert counts.min() > 60  # mixed; the rarest class expects 90 of 1000
    # Images go with their labels: the class means of train read most of the test images.
    means = torch.stack([loaded.train_images[loaded.train_labels == k].mean(0) for k in range(10)]).flatten(1)
    guess = torch.cdist(loaded.test_images[:1000].flatten(1), means).argmin(1)
    assert (guess == loaded.test_labels[:1000]).double().mean() > 0.75


@pytest.mark.skipif(not REAL_MNIST.is_dir(), reason="the original MNIST files are not beside the repository")
def test_real_mnist_truncated(monkeypatch, tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    shutil.copytree(REAL_MNIST / "MNIST" / "raw", raw, copy_function=shutil.copyfile)
    images = raw / "t10k-images-idx3-ubyte.gz"
    images.write_bytes(images.read_bytes()[:1_000_000])
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    with pytest.raises(
        CourseError, match=r"t10k-images-idx3-ubyte\.gz is damaged or cut short \(1000000 bytes"
    ):
        data.load("mnist")
