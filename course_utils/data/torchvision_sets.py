"""MNIST and Fashion-MNIST through torchvision: checksummed, cached, or one sentence why not."""

import contextlib
import errno
import gzip
import http.client
import os
import shutil
import socket
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_utils.data.image_data import ImageData
from course_utils.runtime import CourseError, torchvision

DATA_DIR_VARIABLE = "COURSE_DATA_DIR"
SHUFFLE_SEED = 0
_TIMEOUT = 30.0  # seconds without a byte before a download counts as failed


@dataclass(frozen=True)
class _Source:
    title: str
    torchvision_class: str


_SOURCES = {
    "mnist": _Source("MNIST", "MNIST"),
    "fashion_mnist": _Source("Fashion-MNIST", "FashionMNIST"),
}


def load_torchvision_set(name: str) -> ImageData:
    """Load ``"mnist"`` or ``"fashion_mnist"``: 60,000 train and 10,000 test images.

    The four original ``.gz`` files are looked for in the folder that ``COURSE_DATA_DIR`` names, in
    torchvision's layout (``MNIST/raw/train-images-idx3-ubyte.gz`` and so on); this folder is only
    read. Without the variable they come from the user's cache, where they are downloaded to once.
    Either way each file is checked against torchvision's MD5 sum every time. A download goes to a
    temporary folder and is moved into place when it is complete.

    Returns: ImageData; each half is shuffled with a fixed seed. 220 MB in memory.
    Raises: CourseError, one sentence, if a file is missing, cut short or changed, if there is no
    network, or if the cache cannot be written.

    References: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner 1998, Gradient-based learning applied
    to document recognition, Proc. IEEE 86(11) (MNIST). H. Xiao, K. Rasul and R. Vollgraf 2017,
    Fashion-MNIST, arXiv:1708.07747.
    """
    source = _SOURCES[name]
    dataset_class = getattr(torchvision().datasets, source.torchvision_class)
    given = os.environ.get(DATA_DIR_VARIABLE)
    if given:
        root = Path(given).expanduser()
        _check_given_folder(root, source, dataset_class)
    else:
        root = cache_folder()
        if not (root / source.torchvision_class).exists():
            _download(root, source, dataset_class)
    halves = _read(root, source, dataset_class)
    class_names = tuple(label.partition(" - ")[0] for label in dataset_class.classes)  # "0 - zero" is "0"
    return ImageData(name, *halves[0], *halves[1], class_names=class_names)


def cache_folder() -> Path:
    """The user's cache folder for downloaded data sets; it need not exist."""
    from platformdirs import user_cache_path  # here: a notebook on digits never needs it

    return user_cache_path("course_utils", appauthor=False) / "data"


def where(name: str) -> Path | None:
    """The folder that holds all files of a set (not yet checked), or None if some are missing."""
    source = _SOURCES[name]
    given = os.environ.get(DATA_DIR_VARIABLE)
    root = Path(given).expanduser() if given else cache_folder()
    folder = root / source.torchvision_class / "raw"
    files = getattr(torchvision().datasets, source.torchvision_class).resources
    return folder if all((folder / file).is_file() for file, _ in files) else None


def _check_given_folder(root: Path, source: _Source, dataset_class: Any) -> None:
    if not root.is_dir():
        raise CourseError(
            f"{DATA_DIR_VARIABLE} names {root}, which is not a folder; correct it, or unset it to download "
            f"{source.title}."
        )
    folder = root / source.torchvision_class / "raw"
    missing = [file for file, _ in dataset_class.resources if not (folder / file).is_file()]
    if missing:
        raise CourseError(
            f"{source.title} is not complete in {folder}: {', '.join(missing)} missing; put the original .gz "
            f"files there, or unset {DATA_DIR_VARIABLE} to download them."
        )


def _read(root: Path, source: _Source, dataset_class: Any) -> list[tuple[Tensor, Tensor]]:
    """Check and unpack the four files into a temporary folder, and let torchvision read them there."""
    packed = root / source.torchvision_class / "raw"
    with tempfile.TemporaryDirectory(prefix="course-data-") as temporary:
        unpacked = Path(temporary) / source.torchvision_class / "raw"
        unpacked.mkdir(parents=True)
        for file, checksum in dataset_class.resources:
            content = _checked_bytes(packed / file, checksum, source)
            (unpacked / file.removesuffix(".gz")).write_bytes(content)
        halves = [dataset_class(temporary, train=train, download=False) for train in (True, False)]
    return [_to_tensors(half.data, half.targets) for half in halves]


def _checked_bytes(path: Path, checksum: str, source: _Source) -> bytes:
    advice = (
        "replace it with the original file"
        if os.environ.get(DATA_DIR_VARIABLE)
        else f"delete {path.parents[1]} and load {source.title} again"
    )
    try:
        packed = path.read_bytes()
        if md5(packed, usedforsecurity=False).hexdigest() != checksum:
            raise CourseError(
                f"{path} is damaged or cut short ({len(packed)} bytes, wrong MD5 checksum); {advice}."
            )
        return gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise CourseError(f"{path} cannot be read ({reason}); {advice}.") from error


def _to_tensors(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    # Shuffled as bytes, before the conversion makes them four times as large.
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(SHUFFLE_SEED))
    return images[order].unsqueeze(1).float().div_(255), labels[order].long()


def _download(root: Path, source: _Source, dataset_class: Any) -> None:
    """Download into a temporary folder beside the destination, check, then move in one step."""
    destination = root / source.torchvision_class
    try:
        root.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{source.torchvision_class}-", dir=root))
    except OSError as error:
        raise CourseError(
            f"{source.title} cannot be stored in {root} ({error.strerror}); make that folder writable, or "
            f"put the files elsewhere and set {DATA_DIR_VARIABLE}."
        ) from error
    try:
        with _socket_timeout(_TIMEOUT):
            dataset_class(temporary, download=True)
        for file, _ in dataset_class.resources:  # torchvision unpacks too; we keep what has a checksum
            (temporary / source.torchvision_class / "raw" / file.removesuffix(".gz")).unlink()
        try:
            (temporary / source.torchvision_class).rename(destination)
        except OSError:
            if not destination.exists():  # else another process was faster, and its files are as good
                raise
    except (RuntimeError, OSError, EOFError, zlib.error, http.client.HTTPException) as error:
        if "corrupted" in str(error) or isinstance(error, EOFError | zlib.error | http.client.IncompleteRead):
            reason = "the download was cut short or changed on its way; try again"
        elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            reason = f"the disk that holds {root} is full; make room"
        else:
            reason = "its server cannot be reached; check the network and try again"
        raise CourseError(
            f"{source.title} was not downloaded: {reason}, set {DATA_DIR_VARIABLE} to a folder that holds "
            "it, or use the built-in data set 'digits'."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    # urllib waits for ever by default, and torchvision has no setting for it.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
