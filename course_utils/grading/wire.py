"""Plain data over a pipe: a JSON header with raw bytes behind it, under caps; nothing in it is ever executed.

A message is a JSON value with ``{"tensor": [dtype, shape]}`` in a tensor's place (``{"tuple": [...]}`` and
``{"dict": {...}}`` for those); the tensors' bytes follow in the order of their appearance. The reader treats each
byte as hostile: sizes are checked before anything is allocated, dtypes stand in a list, and what does not fit raises
``WireError``.
"""

import json
import os
import select
import time
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor

MAX_HEADER = 1 << 22  # bytes: 4 MiB, for a few ten thousand tensors
MAX_PAYLOAD = 1 << 25  # bytes: 32 MiB
MAX_TENSORS = 50_000
MAX_NDIM = 8
MAX_DEPTH = 24

_SCALARS = (bool, int, float, str)

DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float16,
        torch.float32,
        torch.float64,
        torch.bool,
        torch.uint8,
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
    )
}


class WireError(Exception):
    """The other side sent something that is no message, or nothing any more."""


class WireTimeoutError(WireError):
    """The other side did not send a whole message in time."""


@dataclass
class Channel:
    """One end of a conversation: a descriptor to read from and one to write to."""

    reading: int
    writing: int

    def send(self, message: Any) -> None:
        """Write one message.

        Raises: WireError if the other side is gone; ValueError for what a message cannot hold.
        """
        header, payload = encode(message)
        lengths = len(header).to_bytes(4, "big") + len(payload).to_bytes(4, "big")
        data = memoryview(lengths + header + payload)
        try:
            while data:
                data = data[os.write(self.writing, data) :]
        except OSError as error:
            raise WireError("the other side is gone") from error

    def receive(self, seconds: float | None = None) -> Any:
        """Read one message; wait at most ``seconds`` for all of it.

        Raises: WireTimeoutError, WireError.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        lengths = self._read(8, deadline)
        n_header, n_payload = int.from_bytes(lengths[:4], "big"), int.from_bytes(lengths[4:], "big")
        if n_header > MAX_HEADER or n_payload > MAX_PAYLOAD:
            raise WireError(f"a message of {n_header + n_payload:,} bytes is too long")
        return decode(self._read(n_header, deadline), self._read(n_payload, deadline))

    def close(self) -> None:
        """Close both descriptors."""
        for descriptor in {self.reading, self.writing}:
            os.close(descriptor)

    def _read(self, n: int, deadline: float | None) -> bytes:
        data = bytearray()
        while len(data) < n:
            if deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([self.reading], [], [], left)[0]:
                    raise WireTimeoutError("no answer in time")
            try:
                part = os.read(self.reading, min(n - len(data), 1 << 16))
            except OSError as error:
                raise WireError("the other side is gone") from error
            if not part:
                raise WireError("the other side is gone")
            data += part
        return bytes(data)


def encode(message: Any) -> tuple[bytes, bytes]:
    """A message of plain data as header and payload.

    Raises: ValueError for anything but None, bool, int, float, str, list, tuple, dict with string keys, and tensors.
    """
    tensors: list[bytes] = []
    header = json.dumps(_to_json(message, tensors, MAX_DEPTH)).encode()
    payload = b"".join(tensors)
    if len(header) > MAX_HEADER or len(payload) > MAX_PAYLOAD or len(tensors) > MAX_TENSORS:
        raise ValueError("the message is too long")
    return header, payload


def decode(header: bytes, payload: bytes) -> Any:
    """The message of a header and its payload; the inverse of ``encode``.

    Raises: WireError for anything that ``encode`` does not write.
    """
    try:
        value = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise WireError("the header is not JSON") from error
    reader = _Payload(payload)
    message = _from_json(value, reader, MAX_DEPTH)
    if reader.rest:
        raise WireError("there are bytes left over")
    return message


class _Payload:
    """Takes tensors off the front of the payload; they share its memory and do not overlap."""

    def __init__(self, data: bytes) -> None:
        self._data = bytearray(data)
        self._at = self._n_taken = 0

    @property
    def rest(self) -> int:
        """Bytes not taken yet."""
        return len(self._data) - self._at

    def take(self, description: Any) -> Tensor:
        dtype, shape = _checked(description)
        self._n_taken += 1
        count, at = prod(shape), self._at
        self._at += _padded(count * dtype.itemsize)
        if self._n_taken > MAX_TENSORS or self.rest < 0:
            raise WireError("a tensor is longer than its bytes")
        if not count:
            return torch.empty(shape, dtype=dtype)
        if dtype is torch.bool:  # one of any other byte than 0 and 1 would be undefined behaviour
            return (torch.frombuffer(self._data, dtype=torch.uint8, count=count, offset=at) != 0).reshape(
                shape
            )
        return torch.frombuffer(self._data, dtype=dtype, count=count, offset=at).reshape(shape)


def _padded(n_bytes: int) -> int:
    return -(-n_bytes // 8) * 8


def _checked(description: Any) -> tuple[torch.dtype, tuple[int, ...]]:
    match description:
        case [str(name), list(shape)] if name in DTYPES and len(shape) <= MAX_NDIM:
            if all(type(n) is int and 0 <= n <= MAX_PAYLOAD for n in shape):
                return DTYPES[name], tuple(shape)
    raise WireError("a tensor's description is not one")


def _to_json(value: Any, tensors: list[bytes], depth: int) -> Any:
    if depth == 0:
        raise ValueError("the message is nested too deeply")
    if value is None or type(value) in _SCALARS:
        return value
    if type(value) is list:
        return [_to_json(part, tensors, depth - 1) for part in value]
    if type(value) is tuple:
        return {"tuple": [_to_json(part, tensors, depth - 1) for part in value]}
    if isinstance(value, dict) and all(type(key) is str for key in value):
        return {"dict": {key: _to_json(part, tensors, depth - 1) for key, part in value.items()}}
    if isinstance(value, Tensor):
        return {"tensor": _tensor(value, tensors)}
    raise ValueError(f"a {type(value).__name__} is not plain data")


def _tensor(value: Tensor, tensors: list[bytes]) -> list[Any]:
    name = str(value.dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise ValueError(f"tensors of {name} are not plain data")
    data = value.detach().cpu().numpy().tobytes()
    tensors.append(data + bytes(_padded(len(data)) - len(data)))
    return [name, list(value.shape)]


def _from_json(value: Any, reader: _Payload, depth: int) -> Any:
    if depth == 0:
        raise WireError("the message is nested too deeply")
    if value is None or type(value) in _SCALARS:
        return value
    if type(value) is list:
        return [_from_json(part, reader, depth - 1) for part in value]
    match value:
        case {"tensor": description} if len(value) == 1:
            return reader.take(description)
        case {"dict": dict(parts)} if len(value) == 1:
            return {key: _from_json(part, reader, depth - 1) for key, part in parts.items()}
        case {"tuple": list(parts)} if len(value) == 1:
            return tuple(_from_json(part, reader, depth - 1) for part in parts)
    raise WireError("the message is not plain data")
