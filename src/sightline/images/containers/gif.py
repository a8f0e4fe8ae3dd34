"""The structure of a GIF file (GIF89a specification)."""

from __future__ import annotations

from sightline.images.headers import Container
from sightline.images.refusals import refusal

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B


def scan(data: bytes) -> Container:
    """Read the structure of the GIF file `data`; the first frame alone goes to the decoder.

    Raises:
        ImageError: `truncated` (also where only the trailer is missing: later frames may be
            gone with it) or `corrupt`.
    """
    if len(data) < 13:
        raise _cut(data)
    width, height = _two(data, 6), _two(data, 8)
    at = 13 + _table_bytes(data[10])
    frames, first_end = 0, 0
    while True:
        if at >= len(data):
            raise _cut(data)
        kind = data[at]
        if kind == _TRAILER:
            break
        if kind == _EXTENSION:
            at = _skip_blocks(data, at + 2)
        elif kind == _IMAGE and at + 10 < len(data):
            if not frames:
                # The picture grows with a first frame that reaches over the screen's edge.
                width = max(width, _two(data, at + 1) + _two(data, at + 5))
                height = max(height, _two(data, at + 3) + _two(data, at + 7))
            at = _skip_blocks(data, at + 11 + _table_bytes(data[at + 9]))
            frames += 1
            first_end = first_end or at
        elif kind == _IMAGE:
            raise _cut(data)
        else:
            raise refusal("corrupt", f"The GIF has an unknown block {kind:#04x}.")
    if not frames:
        raise refusal("corrupt", "The GIF has no picture.")
    return Container(
        width=width,
        height=height,
        stream=data[:first_end] + b";",
        frames=frames,
        notes=("trailing_bytes",) if at + 1 < len(data) else (),
    )


def _two(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "little")


def _table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_blocks(data: bytes, at: int) -> int:
    """Return the position behind a chain of data blocks."""
    while at < len(data):
        size = data[at]
        at += size + 1
        if not size:
            return at
    raise _cut(data)


def _cut(data: bytes) -> Exception:
    return refusal("truncated", f"The GIF ends after {len(data)} bytes without end marker.")
