"""The structure of a PNG file (W3C Portable Network Graphics, third edition)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from sightline.images.containers.directory import exif_orientation
from sightline.images.headers import Container
from sightline.images.refusals import refusal

_SIGNATURE = 8
_NEEDED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})


def scan(data: bytes) -> Container:
    """Read the structure of the PNG file `data`, checking the sums of the chunks that matter.

    Of an animation the default picture is kept: what a viewer without animation shows.

    Raises:
        ImageError: `truncated`, `corrupt` or `unsupported_format`.
    """
    kept = [data[:_SIGNATURE]]
    frames, orientation, end = 0, 1, len(data)
    notes: list[str] = []
    header = exif = b""
    for kind, start, stop in _chunks(data):
        if kind in _NEEDED:
            _check_sum(data, kind, start, stop)
            kept.append(data[start:stop])
        if kind == b"IHDR" and not header:
            header = data[start + 8 : stop - 4]
        elif not header:
            raise _not_first(kind)
        elif kind == b"fcTL":
            frames += 1
        elif kind == b"eXIf":
            exif = data[start + 8 : stop - 4]
            orientation = _orientation(exif, notes)
        elif kind == b"IEND":
            end = stop
    if len(header) != 13:
        raise refusal("corrupt", f"The PNG's header has {len(header)} bytes, not 13.")
    if end < len(data):
        notes.append("trailing_bytes")
    return Container(
        width=int.from_bytes(header[:4], "big"),
        height=int.from_bytes(header[4:8], "big"),
        stream=b"".join(kept),
        frames=max(1, frames),
        orientation=orientation,
        depth=header[8],
        notes=tuple(notes),
        exif=exif,
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind, start and end of each chunk up to the end marker."""
    at = _SIGNATURE
    while True:
        stop = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if stop > len(data):
            raise refusal("truncated", f"The PNG ends after {len(data)} bytes without end marker.")
        kind = data[at + 4 : at + 8]
        yield kind, at, stop
        if kind == b"IEND":
            return
        at = stop


def _check_sum(data: bytes, kind: bytes, start: int, stop: int) -> None:
    if zlib.crc32(data[start + 4 : stop - 4]) != int.from_bytes(data[stop - 4 : stop], "big"):
        raise refusal("corrupt", f"The PNG's {kind.decode()} chunk has a wrong check sum.")


def _not_first(kind: bytes) -> Exception:
    if kind == b"CgBI":
        return refusal("unsupported_format", "This is Apple's own variant of PNG (CgBI).")
    return refusal("corrupt", f"The PNG begins with {kind!r} instead of its header.")


def _orientation(exif: bytes, notes: list[str]) -> int:
    try:
        return exif_orientation(exif)
    except ValueError:
        notes.append("metadata_ignored")
        return 1
