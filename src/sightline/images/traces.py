"""What a file tells beside its picture: how it was compressed, by which camera, and when.

None of it reaches the pixels, but all of it may tell classes apart (the positives from one
hospital's scanner), which is why audits look at it. Metadata is a stranger's: whatever is damaged,
too long or no date counts as absent. The place where a photo was taken is never read.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sightline.files import sha256_bytes
from sightline.images.containers.directory import (
    Field,
    Layout,
    read_directory,
    read_layout,
    unsigned,
)

_MAKE, _MODEL, _CHANGED, _EXIF, _TAKEN = 271, 272, 306, 0x8769, 0x9003
_ASCII = 2
_LONGEST = 64
_DATE = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)")
# The sum of the luminance table of ITU-R T.81, annex K, scaled as libjpeg does for a quality.
_STANDARD = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)


def _sum_at(quality: int) -> int:
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return sum(min(255, max(1, (step * scale + 50) // 100)) for step in _STANDARD)


_SUMS = tuple(_sum_at(quality) for quality in range(100, 0, -1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What a file tells beside its picture; empty or None where it tells nothing.

    Args:
        tables: The first 8 hex digits of the SHA-256 of a JPEG's quantisation tables.
        quality: The quality of libjpeg, 1 to 100, whose luminance table is nearest in sum.
        camera: Make and model from EXIF, raw.
        taken: When, as the camera's clock said: `YYYY-MM-DDTHH:MM:SS`.
    """

    tables: str = ""
    quality: int | None = None
    camera: str = ""
    taken: str = ""


@lru_cache(maxsize=4096)
def make_trace(tables: str, quality: int | None, camera: str, taken: str) -> Trace | None:
    """Return the trace, one object for the same words: sets of files share them; or None."""
    if not (tables or camera or taken):
        return None
    return Trace(tables=tables, quality=quality, camera=camera, taken=taken)


def read_trace(*, exif: bytes, tables: bytes) -> Trace | None:
    """Return what the metadata of a file tells, or None; never raises for what it is.

    Args:
        exif: An EXIF block or a TIFF file; may be empty or damaged.
        tables: The bodies of a JPEG's DQT segments, joined.
    """
    camera, taken = _read_exif(exif) if exif else ("", "")
    return make_trace(*_read_tables(tables), camera, taken)


@lru_cache(maxsize=256)
def _read_tables(tables: bytes) -> tuple[str, int | None]:
    """Return digest and quality of the tables; ("", None) without any."""
    if not tables:
        return "", None
    # The first table is that of luminance: one byte of precision and number, then 64 steps.
    wide = tables[0] >> 4 == 1
    body = tables[1 : 1 + (128 if wide else 64)]
    steps = [body[i] << 8 | body[i + 1] for i in range(0, len(body) - 1, 2)] if wide else list(body)
    quality = None
    if len(steps) == len(_STANDARD):
        total = sum(steps)
        after = bisect_left(_SUMS, total)
        near = [at for at in (after - 1, after) if 0 <= at < len(_SUMS)]
        quality = 100 - min(near, key=lambda at: abs(_SUMS[at] - total))
    return sha256_bytes(tables)[:8], quality


def _read_exif(exif: bytes) -> tuple[str, str]:
    """Return camera and time."""
    exif = exif.removeprefix(b"Exif\0\0")
    try:
        layout = read_layout(exif)
        fields, _ = read_directory(exif, layout.first, layout)
    except ValueError:
        return "", ""
    make, model = _text(exif, fields.get(_MAKE)), _text(exif, fields.get(_MODEL))
    # Many cameras repeat the make in the model.
    camera = model if model.startswith(make) else f"{make} {model}".strip()
    taken = _time(_text(exif, _taken_field(exif, fields, layout)))
    return camera, taken or _time(_text(exif, fields.get(_CHANGED)))


def _taken_field(exif: bytes, fields: dict[int, Field], layout: Layout) -> Field | None:
    try:
        places = unsigned(exif, fields.get(_EXIF), layout)
        return read_directory(exif, places[0], layout)[0].get(_TAKEN) if places else None
    except ValueError:
        return None


def _text(data: bytes, field: Field | None) -> str:
    if field is None or field.kind != _ASCII or field.end > len(data):
        return ""
    raw = data[field.position : min(field.end, field.position + _LONGEST)]
    return raw.partition(b"\0")[0].decode("utf-8", "replace").strip()


def _time(text: str) -> str:
    match = _DATE.match(text)
    try:
        if match is None:
            return ""
        year, month, day, hour, minute, second = map(int, match.groups())
        return datetime(year, month, day, hour, minute, second).isoformat()
    except ValueError:
        return ""
