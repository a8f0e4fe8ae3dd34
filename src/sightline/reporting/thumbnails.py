"""Small copies of images for a page: upright, decoded by the product's own decoder.

Copies are made anew from pixels, so that nothing of a file but its picture enters the page: no
place where a photo was taken, no comment, no code.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from PIL import Image

from sightline.errors import ImageError
from sightline.images import Source, decode
from sightline.machine import threads

SIDE = 144
"""The longer side in pixels; shown at up to half of that on dense screens."""
MOST_BYTES = 3 * 2**20
"""Of all thumbnails together; in base64 they take a third more."""

_QUALITY = 72
_PART = 32


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """What a page may show; names are those of the facts.

    Attributes:
        thumbnails: From an image's name to a JPEG file.
        overlays: From an image's name to a JPEG file of its heatmap.
    """

    thumbnails: Mapping[str, bytes] = field(default_factory=dict)
    overlays: Mapping[str, bytes] = field(default_factory=dict)


def thumbnail(source: Source, *, side: int = SIDE) -> bytes | None:
    """Return a small JPEG of `source`, None where it cannot be decoded.

    Args:
        source: The image.
        side: Its longer side in pixels; a smaller image keeps its size.
    """
    try:
        pixels = decode(source.read(), at_least=(side, side)).pixels
    except ImageError:
        return None
    picture = Image.fromarray(pixels)
    picture.thumbnail((side, side), Image.Resampling.BOX, reducing_gap=None)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=_QUALITY, optimize=True)
    return stream.getvalue()


def thumbnails(
    names: Iterable[str], sources: Mapping[str, Source], *, most_bytes: int = MOST_BYTES
) -> dict[str, bytes]:
    """Return thumbnails by name, in the order asked for, until `most_bytes` are spent.

    A name without a source, or whose image cannot be decoded, has none.
    """
    wanted = [name for name in dict.fromkeys(names) if name in sources]
    made: dict[str, bytes] = {}
    spent = 0
    with ThreadPoolExecutor(threads()) as pool:
        for start in range(0, len(wanted), _PART):
            part = wanted[start : start + _PART]
            for name, picture in zip(
                part, pool.map(thumbnail, [sources[name] for name in part]), strict=True
            ):
                if picture is None:
                    continue
                spent += len(picture)
                if spent > most_bytes:
                    return made
                made[name] = picture
    return made
