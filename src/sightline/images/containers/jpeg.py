"""The structure of a JPEG file (ITU-T T.81, annex B), and its pixels.

Pillow's plugin would read in Python the same head again, which costs twice what the decoder
takes for a small picture. Its decoder is therefore called with what `scan` found. It trusts the
size it is given; the stream holds segments and nothing between them, and one frame header, so
libjpeg cannot find another size in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from PIL import Image

from sightline.images.containers.directory import exif_orientation, picture_count
from sightline.images.headers import Container
from sightline.images.refusals import refusal

_START, _END, _SCAN, _TABLES, _COMMENT = 0xD8, 0xD9, 0xDA, 0xDB, 0xFE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_MOST_SCANS = 500
"""Each scan of a progressive file walks the whole picture, however few bytes it has: without a
cap, kilobytes cost minutes. The figure is libjpeg-turbo's advice; encoders write about ten."""
_MODES: Mapping[int, str] = {1: "L", 3: "RGB", 4: "CMYK"}
_INVERTED = "CMYK;I"
"""Adobe's programs store CMYK inverted, and they are those that write it."""


@dataclass
class _Walk:
    """What has been met so far."""

    kept: list[bytes] = field(default_factory=lambda: [b"\xff\xd8"])
    dropped: bool = False
    frame: bytes = b""
    progressive: bool = False
    orientation: int | None = None
    pictures: int = 1
    gain_map: bool = False
    notes: list[str] = field(default_factory=list)
    exif: bytes = b""
    tables: list[bytes] = field(default_factory=list)


def scan(data: bytes) -> Container:
    """Read the structure of the JPEG file `data`.

    Raises:
        ImageError: `truncated`, `corrupt` or `unsupported_pixels`.
    """
    walk = _Walk()
    start = _walk_segments(data, walk)
    end = data.rfind(b"\xff\xd9", start) + 2
    if end < start:
        raise refusal("truncated", f"The JPEG ends after {len(data)} bytes without end marker.")
    height, width, components = _frame_size(walk.frame)
    if walk.progressive and data.count(b"\xff\xda", start, end) > _MOST_SCANS:
        raise refusal("corrupt", f"The progressive JPEG has more than {_MOST_SCANS} scans.")
    pictures = 1 if walk.gain_map else walk.pictures
    if end < len(data) and pictures == 1:
        walk.notes.append("trailing_bytes")
    return Container(
        width=width,
        height=height,
        stream=b"".join([*walk.kept, data[start:]]) if walk.dropped else data,
        mode=_MODES[components],
        frames=pictures,
        orientation=walk.orientation or 1,
        work_bytes=_coefficient_bytes(walk.frame, components) if walk.progressive else 0,
        notes=tuple(dict.fromkeys(walk.notes)),
        exif=walk.exif,
        tables=b"".join(walk.tables),
    )


def decode(container: Container, *, scale: int, channels: int) -> Image.Image:
    """Return the pixels of a scanned file, of its mode, or grey if one channel is wanted.

    Args:
        container: What `scan` gave.
        scale: 1, 2, 4 or 8: what libjpeg divides the sides by, in the frequency domain.
        channels: 1 to have libjpeg skip the colour of an RGB picture: luma is stored apart.

    Raises:
        ImageError: `truncated`.
        ValueError: The data cannot be decoded.
    """
    grey = channels == 1 and container.mode == "RGB"
    mode = "L" if grey else container.mode
    stored = _INVERTED if mode == "CMYK" else mode
    image = Image.new(mode, (-(-container.width // scale), -(-container.height // scale)), None)
    try:
        image.frombytes(container.stream, "jpeg", (stored, "", scale, 0))
    except ValueError as error:
        if "not enough" in str(error):
            size = len(container.stream)
            raise refusal("truncated", f"The JPEG of {size} bytes ends too early.") from error
        raise
    return image


def _walk_segments(data: bytes, walk: _Walk) -> int:
    """Walk to the first scan, filling `walk`; return the scan's position."""
    at = 2
    while True:
        found = data.find(b"\xff", at)
        if found < 0 or found + 4 > len(data):
            raise refusal("truncated", f"The JPEG ends in its head, after {len(data)} bytes.")
        walk.dropped |= found > at
        marker = data[found + 1]
        if marker in (0x00, 0xFF) or marker in _ALONE:
            walk.dropped = True
            at = found + (1 if marker == 0xFF else 2)
            continue
        if marker == _END:
            raise refusal("corrupt", "The JPEG has no picture between its start and end.")
        if marker == _SCAN:
            return found
        length = int.from_bytes(data[found + 2 : found + 4], "big")
        at = found + 2 + length
        if at > len(data):
            raise refusal("truncated", f"The JPEG ends in its head, after {len(data)} bytes.")
        if length < 2:
            raise refusal("corrupt", f"The JPEG has a segment of length {length}.")
        _take(marker, data[found:at], walk)


def _take(marker: int, segment: bytes, walk: _Walk) -> None:
    """Keep a segment if the decoder needs it; read it if it is metadata that matters."""
    body = segment[4:]
    if marker in _FRAMES:
        if walk.frame:
            raise refusal("corrupt", "The JPEG has two frame headers.")
        walk.frame = body
        walk.progressive = marker in _PROGRESSIVE
    if marker == 0xE1 and body.startswith(b"Exif\0\0") and walk.orientation is None:
        walk.orientation = _orientation(body, walk)
        walk.exif = body
    elif marker == 0xE1 and b'hdrgm:Version="' in body:
        walk.gain_map = True  # The second picture is light information, not a view.
    elif marker == 0xE2 and body.startswith(b"MPF\0"):
        walk.pictures = _pictures(body[4:], walk)
    elif marker == _TABLES:
        walk.tables.append(body)
    # JFIF and Adobe segments tell the decoder the colour space; the rest is metadata.
    needed = body.startswith((b"JFIF\0", b"Adobe"))
    if (0xE0 <= marker <= 0xEF and not needed) or marker == _COMMENT:
        walk.dropped = True
    else:
        walk.kept.append(segment)


def _orientation(exif: bytes, walk: _Walk) -> int:
    try:
        return exif_orientation(exif)
    except ValueError:
        walk.notes.append("metadata_ignored")
        return 1


def _pictures(index: bytes, walk: _Walk) -> int:
    try:
        return picture_count(index)
    except ValueError:
        walk.notes.append("metadata_ignored")
        return 1


def _frame_size(frame: bytes) -> tuple[int, int, int]:
    """Return height, width and components of a frame header's body."""
    if len(frame) < 6 or len(frame) < 6 + 3 * frame[5]:
        raise refusal("corrupt", "The JPEG has no whole frame header before its first scan.")
    if frame[0] != 8:
        raise refusal("unsupported_pixels", f"The JPEG has {frame[0]} bits per sample.")
    if frame[5] not in _MODES:
        raise refusal("unsupported_pixels", f"The JPEG has {frame[5]} colour components.")
    return int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big"), frame[5]


def _coefficient_bytes(frame: bytes, components: int) -> int:
    """Return what a progressive decoder keeps: two bytes per sample, at the planes' sizes."""
    sampling = [divmod(frame[7 + 3 * index], 16) for index in range(components)]
    widest = max((across for across, _ in sampling), default=1) or 1
    tallest = max((down for _, down in sampling), default=1) or 1
    height, width, _ = _frame_size(frame)
    planes = sum(across * down for across, down in sampling)
    return 2 * width * height * planes // (widest * tallest)
