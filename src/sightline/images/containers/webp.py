"""The structure of a WebP file (RFC 9649)."""

from __future__ import annotations

from collections.abc import Iterator

from sightline.images.containers.directory import exif_orientation
from sightline.images.headers import Container
from sightline.images.refusals import refusal


def scan(data: bytes) -> Container:
    """Read the structure of the WebP file `data`.

    Raises:
        ImageError: `truncated` or `corrupt`.
    """
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data) or len(data) < 20:
        raise refusal("truncated", f"The WebP says {end} bytes and has {len(data)}.")
    size: tuple[int, int] | None = None
    frames, orientation = 0, 1
    notes: list[str] = []
    exif = b""
    for kind, start, stop in _chunks(data, end):
        body = data[start : min(stop, start + 10)]
        if size is None and kind in _SIZES:
            size = _SIZES[kind](body)
        elif kind == b"ANMF":
            frames += 1
        elif kind == b"EXIF":
            exif = data[start:stop]
            try:
                orientation = exif_orientation(exif)
            except ValueError:
                notes.append("metadata_ignored")
    if size is None:
        raise refusal("corrupt", "The WebP has no picture.")
    if end < len(data):
        notes.append("trailing_bytes")
    return Container(
        width=size[0],
        height=size[1],
        stream=data[:end],
        frames=max(1, frames),
        orientation=orientation,
        notes=tuple(notes),
        exif=exif,
    )


def _chunks(data: bytes, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind of each chunk, and where its content starts and ends."""
    at = 12
    while at + 8 <= end:
        start = at + 8
        stop = start + int.from_bytes(data[at + 4 : start], "little")
        if stop > end:
            raise refusal("truncated", f"A chunk of the WebP ends beyond its {end} bytes.")
        yield data[at : at + 4], start, stop
        at = stop + (stop & 1)


def _extended(body: bytes) -> tuple[int, int]:
    return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")


def _lossy(body: bytes) -> tuple[int, int]:
    size = int.from_bytes(body[6:10], "little")
    return size & 0x3FFF, size >> 16 & 0x3FFF


def _lossless(body: bytes) -> tuple[int, int]:
    bits = int.from_bytes(body[1:5], "little")
    return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)


_SIZES = {b"VP8X": _extended, b"VP8 ": _lossy, b"VP8L": _lossless}
