"""Look for references to other files in an ONNX model, before a runtime follows them.

An ONNX file may keep tensors outside ("external data"), at any path that it names: reading one
would read that file. Sightline never writes such a model, so it runs none. The base install has no
`onnx`; this walks the protobuf encoding itself, only as far as tensors can be.

Sources: https://protobuf.dev/programming-guides/encoding/ and onnx.proto of ONNX 1.23.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_INSIDE: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
"""Of each message, the fields that can hold a tensor, and what message each of them is."""
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
"""Fields of a tensor: where it is, and whether that is outside."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DEEPEST = 64


def refers_elsewhere(content: bytes) -> bool:
    """Return whether a tensor of an ONNX model is kept in another file.

    Args:
        content: The model.

    Raises:
        ValueError: The bytes are no protobuf message, or graphs are nested too deep.
    """
    pending = [("model", memoryview(content), 0)]
    while pending:
        kind, message, depth = pending.pop()
        if depth > _DEEPEST:
            raise ValueError("graphs are nested too deep")
        for field, value in _fields(message):
            if kind == "tensor" and (
                field == _EXTERNAL_DATA or (field == _DATA_LOCATION and value != 0)
            ):
                return True
            inner = _INSIDE[kind].get(field)
            if inner is not None and isinstance(value, memoryview):
                pending.append((inner, value, depth + 1))
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        tag &= 0xFFFFFFFF  # as the runtime's own parser, which keeps 32 bits of it
        wire = tag & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if wire == _BYTES:
            size, at = _varint(message, at)
        elif wire in _SIZES:
            size = _SIZES[wire]
        else:
            raise ValueError("a field is of no kind that ONNX has")
        if size > len(message) - at:
            raise ValueError("a field is longer than what holds it")
        yield tag >> 3, message[at : at + size]
        at += size


_SIZES: Mapping[int, int] = {_FIXED64: 8, _FIXED32: 4}


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for position in range(10):
        if at + position >= len(message):
            break
        byte = message[at + position]
        value |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:
            return value, at + position + 1
    raise ValueError("a number is cut off, or too long")
