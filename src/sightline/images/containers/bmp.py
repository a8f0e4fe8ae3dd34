"""The structure of a BMP file (Windows bitmap, OS/2 variants included)."""

from __future__ import annotations

import struct

from sightline.images.headers import Container
from sightline.images.refusals import refusal

_RUN_LENGTH = (1, 2)
_MOST_RUN_LENGTH_BYTES = 8 * 1024 * 1024
"""Pillow expands run lengths in Python, run by run: more would take many seconds."""


def scan(data: bytes) -> Container:
    """Read the header of the BMP file `data`.

    Raises:
        ImageError: `truncated` or `too_many_bytes`.
    """
    if len(data) < 26 or len(data) < 14 + int.from_bytes(data[14:18], "little"):
        raise refusal("truncated", f"The BMP ends in its header, after {len(data)} bytes.")
    if data[14] == 12:
        width, height = struct.unpack_from("<HH", data, 18)
        return Container(width=width, height=height, stream=data)
    width, height = struct.unpack_from("<ii", data, 18)
    compression = int.from_bytes(data[30:34], "little")
    if compression in _RUN_LENGTH and len(data) > _MOST_RUN_LENGTH_BYTES:
        raise refusal(
            "too_many_bytes",
            f"{len(data)} bytes of run-length BMP; at most {_MOST_RUN_LENGTH_BYTES} are decoded.",
        )
    return Container(width=width, height=abs(height), stream=data)
