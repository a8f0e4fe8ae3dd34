"""The structure of a TIFF file (TIFF 6.0), and a rewrite of it that holds the first page only.

The decoder is given the same bytes with a new directory at their end: the tags that pixels
need, checked, in canonical form. Everything else that a stranger can write into a TIFF
(metadata, loops of pages, values beyond the end) is behind no pointer any more.
"""

from __future__ import annotations

import struct

from sightline.images.containers.directory import (
    ORIENTATION,
    Field,
    Layout,
    read_directory,
    read_layout,
    unsigned,
)
from sightline.images.headers import Container
from sightline.images.refusals import refusal

_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC = 256, 257, 258, 262
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
# One number each: compression, fill order, samples, rows per strip, planes, predictor ...
_NUMBERS = frozenset(
    {256, 257, 259, 262, 266, ORIENTATION, 277, 278, 284, 292, 293, 317, 322, 323, 332}
    | {512, 513, 514, 515, 531}
)
# Many numbers each: offsets and lengths, colour map, sample formats, JPEG and YCbCr tables ...
_LISTS = frozenset({258, 273, 279, 320, 324, 325, 338, 339, 347, 519, 520, 521, 529, 530, 532})
_MOST_PAGES = 65_536


def scan(data: bytes) -> Container:
    """Read the structure of the TIFF file `data`.

    Raises:
        ImageError: `truncated`, `corrupt` or `too_many_pixels` (a tile larger than the
            largest picture).
    """
    try:
        layout = read_layout(data)
        fields, following = read_directory(data, layout.first, layout)
        pages, notes = _count_pages(data, following, layout)
        values = {tag: unsigned(data, fields[tag], layout)[0] for tag in _NUMBERS & fields.keys()}
        _check_places(data, fields, layout)
        bits = unsigned(data, fields.get(_BITS), layout)
    except (ValueError, IndexError) as error:
        raise refusal("truncated", f"The TIFF ends after {len(data)} bytes: {error}.") from error
    if _WIDTH not in values or _HEIGHT not in values:
        raise refusal("corrupt", "The TIFF's first page says no width and height.")
    _check_tiles(values)
    orientation = values.get(ORIENTATION, 1)
    if not 1 <= orientation <= 8:
        orientation, notes = 1, (*notes, "metadata_ignored")
    return Container(
        width=values[_WIDTH],
        height=values[_HEIGHT],
        stream=_rewrite(data, fields, values, layout),
        frames=pages,
        orientation=orientation,
        depth=max(bits, default=1),
        inverted=values.get(_PHOTOMETRIC, 0) == 0,
        notes=notes,
        exif=data,
    )


def _count_pages(data: bytes, following: int, layout: Layout) -> tuple[int, tuple[str, ...]]:
    """Return the number of pages and a note if their chain is a loop."""
    seen = {layout.first}
    while following:
        if following in seen or len(seen) >= _MOST_PAGES:
            return len(seen), ("metadata_ignored",)
        seen.add(following)
        _, following = read_directory(data, following, layout)
    return len(seen), ()


def _check_places(data: bytes, fields: dict[int, Field], layout: Layout) -> None:
    """Refuse a file that ends before its pixels do: decoders fill up what is missing.

    Raises:
        ValueError: It does.
    """
    for offsets, lengths in ((273, 279), (324, 325)):
        places = unsigned(data, fields.get(offsets), layout)
        sizes = unsigned(data, fields.get(lengths), layout) or (1,) * len(places)
        if any(place + size > len(data) for place, size in zip(places, sizes, strict=False)):
            raise ValueError("its pixels lie beyond the end")
    if any(fields[tag].end > len(data) for tag in _LISTS & fields.keys()):
        raise ValueError("the values of a tag lie beyond the end")


def _check_tiles(values: dict[int, int]) -> None:
    # A tile may reach over the edge of a small picture, but not by whole multiples.
    for side, tile in ((_WIDTH, _TILE_WIDTH), (_HEIGHT, _TILE_HEIGHT)):
        if values.get(tile, 1) > 2 * max(values[side], 1024):
            raise refusal("too_many_pixels", f"The TIFF has tiles of {values[tile]} pixels a side.")


def _rewrite(
    data: bytes, fields: dict[int, Field], values: dict[int, int], layout: Layout
) -> bytes:
    """Return `data` with a directory of the needed tags behind it, and a head that points there."""
    slot, form = (8, "Q") if layout.big else (4, "I")
    entries = []
    for tag in sorted(_NUMBERS | _LISTS):
        if tag == ORIENTATION:
            continue  # Turning is done once, and not by the decoder.
        if tag in values:
            number = struct.pack(layout.order + form, values[tag])
            entries.append(
                struct.pack(f"{layout.order}HH{form}", tag, 16 if layout.big else 4, 1) + number
            )
        elif tag in _LISTS and tag in fields:
            field = fields[tag]
            head = struct.pack(f"{layout.order}HH{form}", tag, field.kind, field.count)
            entries.append(head + field.slot)
    body = data[16:] if layout.big else data[8:]
    place = (16 if layout.big else 8) + len(body) + len(body) % 2
    head = data[:8] if layout.big else data[:4]
    count = struct.pack(layout.order + ("Q" if layout.big else "H"), len(entries))
    return b"".join(
        [
            head,
            struct.pack(layout.order + form, place),
            body,
            b"\0" * (len(body) % 2),
            count,
            *entries,
            bytes(slot),
        ]
    )
