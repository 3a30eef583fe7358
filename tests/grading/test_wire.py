"""What goes in comes out; what is anything else is refused, without being executed and without taking memory."""

import json
import os
import random
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.exercises.evaluation import Outcome
from course_utils.grading.jail import read_outcome
from course_utils.grading.wire import DTYPES, MAX_DEPTH, Channel, WireError, WireTimeoutError, decode, encode

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner)
    ),
    max_leaves=12,
)


@given(plain)
@settings(max_examples=150, deadline=None)
def test_plain_data_survive(value: object) -> None:
    assert decode(*encode(value)) == value


@pytest.mark.parametrize("dtype", DTYPES.values())
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (1, 2, 3)])
def test_tensors_survive(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    tensor = (torch.rand(shape) * 5).to(dtype)
    message = decode(*encode({"one": tensor, "two": [tensor, 1]}))
    for seen in (message["one"], message["two"][0]):
        assert seen.dtype == dtype
        assert torch.equal(seen, tensor)


@pytest.mark.parametrize(
    "value", [object(), {1: 2}, {"x": {1, 2}}, torch.tensor(1j), torch.ones(2).to(torch.bfloat16)]
)
def test_only_plain_data_are_sent(value: object) -> None:
    with pytest.raises(ValueError, match="plain data"):
        encode(value)


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        (b"", b""),
        (b"\xff", b""),
        (b"[" * 100_000, b""),
        (b"{}", b""),
        (b'{"dict": []}', b""),
        (b'{"dict": {}, "x": 1}', b""),
        (b'{"tensor": ["float32", [2]]}', b"1234"),
        (b'{"tensor": ["float32", [1]]}', b"12345678" * 2),
        (b'{"tensor": ["float32", [1099511627776, 1099511627776]]}', b""),
        (b'{"tensor": ["float32", [-1]]}', b"12345678"),
        (b'{"tensor": ["float32", [true]]}', b"12345678"),
        (b'{"tensor": ["float32", [1.0]]}', b"12345678"),
        (b'{"tensor": ["object", [1]]}', b"12345678"),
        (b'{"tensor": ["float32", [0,0,0,0,0,0,0,0,0]]}', b""),
        (b'{"tensor": {"dict": {}}}', b""),
        (b"1" * 10_000, b""),
        (("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)).encode(), b""),
    ],
)
def test_anything_else_is_refused(header: bytes, payload: bytes) -> None:
    with pytest.raises(WireError):
        decode(header, payload)


def test_mutated_messages_are_refused_or_plain() -> None:
    dice = random.Random(0)
    header, payload = encode({"arrays": {"result": torch.ones(3)}, "calls": [(1, 2.5, None)], "n": "x"})
    for _ in range(3000):
        broken = bytearray(header)
        for _ in range(dice.randint(1, 4)):
            broken[dice.randrange(len(broken))] = dice.randrange(256)
        try:
            decode(bytes(broken), payload)
        except WireError:
            continue


def test_booleans_of_strange_bytes_are_made_proper() -> None:
    tensor = decode(b'{"tensor": ["bool", [8]]}', bytes(range(8)))
    assert tensor.tolist() == [False] + [True] * 7
    assert int(tensor.sum()) == 7


def test_a_message_of_announced_size_only_is_not_waited_for_in_memory() -> None:
    reading, writing = os.pipe()
    os.write(writing, (2**31).to_bytes(4, "big") * 2)
    with pytest.raises(WireError, match="too long"):
        Channel(reading, writing).receive(1)


def test_silence_ends_after_the_agreed_time() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"\0\0\0\5\0\0\0\0123")  # and never the rest
    began = time.monotonic()
    with pytest.raises(WireTimeoutError):
        Channel(reading, writing).receive(0.2)
    assert time.monotonic() - began < 5


GOOD = {"trouble": None, "message": "", "printed": "", "n_printed": 0}


def test_an_outcome_is_read() -> None:
    assert isinstance(read_outcome(GOOD), Outcome)
    assert read_outcome({**GOOD, "message": "x" * 10_000, "n_printed": -5}).n_printed == 0
    assert len(read_outcome({**GOOD, "message": "x" * 10_000}).message) == 2000


@pytest.mark.parametrize(
    "change",
    [
        {"trouble": "right"},
        {"trouble": 0},
        {"message": 3},
        {"n_printed": "3"},
        {"printed": None},
    ],
)
def test_an_outcome_in_another_form_is_refused(change: dict) -> None:
    with pytest.raises(WireError):
        read_outcome({**GOOD, **change})


def test_the_header_is_json() -> None:
    header, _ = encode({"x": torch.ones(1)})
    assert json.loads(header) == {"dict": {"x": {"tensor": ["float32", [1]]}}}
