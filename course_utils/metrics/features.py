"""The feature space for sample quality: a small classifier of the course's own images, trained once.

Features of a network trained on photographs would need a download, and know little of digits. This network is
shipped as code: the first call trains it with a fixed seed in a few seconds and keeps its weights in the user's
cache, where every later call finds them.

Its last hidden layer alone is not enough. A classifier learns to overlook what does not change the class: with
the last layer only, noise of standard deviation 0.2 on real digits does not lower precision at all. So the
features also hold what the second convolution sees on average over the image, which is strokes and texture.
"""

import contextlib
import os
import tempfile
from hashlib import blake2b
from io import BytesIO
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.data import ImageData

__all__ = ["FeatureNet", "feature_net"]

WIDTH = 32  # of either half of the features
N_TRAIN = 6000  # images at most: the time to train does not grow with the data set
N_STEPS = 300
BATCH_SIZE = 64
SEED = 0
CHUNK = 1000  # images at a time


class FeatureNet(nn.Module):
    """Two convolutions and two linear layers; the features are halfway, and just before the last layer.

    Parameters: ``n_classes`` is the number of classes it tells apart.

    >>> FeatureNet(n_classes=10)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 64])
    """

    scale: Tensor  # (2,) divides the two halves

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.strokes = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.SiLU(),  # 28 -> 14
            nn.Conv2d(16, WIDTH, 5, stride=2, padding=2), nn.SiLU(),  # 14 -> 7
        )  # fmt: skip
        self.meaning = nn.Sequential(nn.Flatten(), nn.Linear(WIDTH * 7 * 7, WIDTH), nn.SiLU())
        self.head = nn.Linear(WIDTH, n_classes)
        self.register_buffer("scale", torch.ones(2))

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Features (n, 64) of images (n, 1, 28, 28) in [0, 1]: 32 for the texture, 32 for the meaning.

        Either half is scaled so that its variances over the training images sum to 1/2. So in units of these
        features the data as a whole have variance 1.
        """
        return torch.cat([self._features(chunk) for chunk in images.split(CHUNK)])

    def _features(self, images: Tensor) -> Tensor:
        maps = self.strokes(images)  # (n, 32, 7, 7)
        return torch.cat([maps.mean((2, 3)) / self.scale[0], self.meaning(maps) / self.scale[1]], dim=1)

    def logits(self, images: Tensor) -> Tensor:
        """Class logits (n, n_classes); their argmax says which classes a model's samples cover."""
        return self.head(self.meaning(self.strokes(images)))


def feature_net(data: ImageData) -> FeatureNet:
    """The network whose features measure samples of ``data``; trained on the first call, then read from the cache.

    It is trained on up to 6,000 training images and their labels, so measure samples against test images. The
    cached file belongs to exactly these images and this file of code, carries a checksum, and is moved into
    place when complete; a damaged one is made anew. Without a cache that can be written the network is trained
    on every call. torch's global random state is left as it is.

    Parameters: ``data`` with its labels.
    Returns: a `FeatureNet` in evaluation mode, on the CPU, its parameters frozen.
    """
    images, labels = data.train_images[:N_TRAIN], data.train_labels[:N_TRAIN]
    path = _cache_folder() / f"{_key(images, labels)}.pt"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        net = FeatureNet(data.n_classes)
    state = _read(path)
    if state is None:
        _train(net, images, labels)
        _write(path, net.state_dict())
    else:
        net.load_state_dict(state)
    return net.eval().requires_grad_(False)


def _train(net: FeatureNet, images: Tensor, labels: Tensor) -> None:
    from course_utils.training import fit

    def loss(net: FeatureNet, images: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(net.logits(images), labels)

    epochs = max(1, round(N_STEPS * BATCH_SIZE / len(images)))
    generator = torch.Generator().manual_seed(SEED)
    fit(
        net, loss, (images, labels), epochs=epochs, batch_size=BATCH_SIZE, lr=2e-3,
        generator=generator, label="training the feature network",
    )  # fmt: skip
    variance = net(images).var(0).view(2, WIDTH).sum(1)
    net.scale.copy_((2 * variance).sqrt())


# ------------------------------------------------------------------------------------------------- cache


def _cache_folder() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("course_utils", appauthor=False) / "feature_nets"


def _key(images: Tensor, labels: Tensor) -> str:
    """Name of the file for this data, this code and this torch: whatever could change the weights."""
    digest = blake2b(Path(__file__).read_bytes(), digest_size=16)
    digest.update(torch.__version__.encode())
    for tensor in (images, labels):
        digest.update(f"{tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()


def _write(path: Path, state: dict[str, Tensor]) -> None:
    buffer = BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    # a cache that cannot be written costs time on the next call, and nothing else
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".unfinished-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_checksum(content) + content)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise


def _read(path: Path) -> dict[str, Tensor] | None:
    try:
        raw = path.read_bytes()
    except OSError:
        return None
    checksum, content = raw[:16], raw[16:]
    return torch.load(BytesIO(content), weights_only=True) if checksum == _checksum(content) else None


def _checksum(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()
