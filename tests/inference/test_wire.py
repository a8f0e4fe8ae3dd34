"""References to other files inside an ONNX model, written by hand byte for byte."""

from __future__ import annotations

import pytest

from sightline.inference.wire import refers_elsewhere


def varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def inside(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


OUTSIDE = number(1, 4) + inside(8, b"weights") + inside(13, inside(1, b"location")) + number(14, 1)
HERE = number(1, 4) + inside(8, b"weights") + inside(9, bytes(400)) + number(14, 0)
PLACES = {
    "a weight": (7, 5),
    "a sparse weight": (7, 15, 1),
    "a constant": (7, 1, 5, 5),
    "a list of constants": (7, 1, 5, 10),
    "a branch": (7, 1, 5, 6, 5),
    "one of several branches": (7, 1, 5, 11, 1, 5, 5),
    "a function": (25, 7, 5, 5),
    "a training graph": (20, 1, 5),
}


def model(path: tuple[int, ...], tensor: bytes) -> bytes:
    for field in reversed(path):
        tensor = inside(field, tensor)
    return number(1, 8) + inside(2, b"maker") + tensor


@pytest.mark.parametrize("path", PLACES.values(), ids=PLACES.keys())
def test_a_tensor_elsewhere_is_found_wherever_a_tensor_may_be(path: tuple[int, ...]) -> None:
    assert refers_elsewhere(model(path, OUTSIDE))
    assert refers_elsewhere(model(path, HERE) + model(path, OUTSIDE))
    assert not refers_elsewhere(model(path, HERE))


def test_either_sign_is_enough() -> None:
    assert refers_elsewhere(model((7, 5), inside(13, b"")))
    assert refers_elsewhere(model((7, 5), number(14, 1)))


def test_a_longer_spelling_of_a_field_is_the_same_field() -> None:
    # A parser that keeps 32 bits of the tag reads field 14 here.
    spelled = varint(14 << 3 | 1 << 34) + b"\x01"
    assert refers_elsewhere(model((7, 5), spelled))


def test_numbers_of_fixed_size_are_passed_over() -> None:
    tensor = varint(99 << 3 | 5) + bytes(4) + varint(99 << 3 | 1) + bytes(8) + number(14, 1)
    assert refers_elsewhere(model((7, 5), tensor))


@pytest.mark.parametrize(
    "content",
    [b"hello", b"\xff" * 20, inside(7, b"abc"), inside(7, b"a" * 9)[:-3], b"\x0b\x00", b"\x08"],
)
def test_what_is_no_message_is_told(content: bytes) -> None:
    with pytest.raises(ValueError):
        refers_elsewhere(content)


def test_graphs_nested_without_end_are_refused() -> None:
    content = OUTSIDE
    for _ in range(40):
        content = inside(1, inside(5, inside(6, content)))
    with pytest.raises(ValueError, match="nested too deep"):
        refers_elsewhere(inside(7, content))
