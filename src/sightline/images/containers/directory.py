"""TIFF image file directories: how TIFF, EXIF and multi-picture JPEG write their tags.

Source: TIFF 6.0, section 2; BigTIFF for the 64-bit form. Everything read is checked against
the bytes that are there; what lies outside them raises `ValueError`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

# Type number: (bytes, struct letter of the unsigned integers).
_TYPES = {
    1: (1, "B"),
    2: (1, None),
    3: (2, "H"),
    4: (4, "I"),
    5: (8, None),
    6: (1, None),
    7: (1, "B"),
    8: (2, None),
    9: (4, None),
    10: (8, None),
    11: (4, None),
    12: (8, None),
    13: (4, "I"),
    16: (8, "Q"),
    17: (8, None),
    18: (8, "Q"),
}

ORIENTATION = 274
_PICTURE_COUNT = 0xB001
_MOST_VALUES = 1 << 20


@dataclass(frozen=True, slots=True)
class Layout:
    """Byte order, width of offsets, and where the first directory lies."""

    order: str
    big: bool
    first: int


@dataclass(frozen=True, slots=True)
class Field:
    """One tag: type number, count of values, the slot's bytes, where its values begin and end."""

    kind: int
    count: int
    slot: bytes
    position: int
    end: int


def read_layout(data: bytes) -> Layout:
    """Read the head of a TIFF structure.

    Raises:
        ValueError: It is none, or shorter than its head.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 16:
        raise ValueError("no TIFF structure")
    magic = struct.unpack_from(order + "H", data, 2)[0]
    if magic == 42:
        return Layout(order, False, struct.unpack_from(order + "I", data, 4)[0])
    if magic == 43:
        return Layout(order, True, struct.unpack_from(order + "Q", data, 8)[0])
    raise ValueError("no TIFF structure")


def read_directory(data: bytes, offset: int, layout: Layout) -> tuple[dict[int, Field], int]:
    """Return the fields of the directory at `offset` by tag, and the offset of the next (or 0).

    Fields without values, or of unknown type, are left out.

    Raises:
        ValueError: The directory itself lies outside `data`.
    """
    entries, width, slot = ("Q", 20, 8) if layout.big else ("H", 12, 4)
    head, entry, pointer = (
        struct.Struct(layout.order + form)
        for form in (entries, f"HH{'Q' if layout.big else 'I'}{slot}s", "Q" if layout.big else "I")
    )
    if offset + head.size > len(data):
        raise ValueError("a directory begins beyond the end")
    number = head.unpack_from(data, offset)[0]
    start = offset + head.size
    end = start + number * width
    if end + slot > len(data):
        raise ValueError("a directory ends beyond the end")
    fields: dict[int, Field] = {}
    for at in range(start, end, width):
        tag, kind, count, raw = entry.unpack_from(data, at)
        size = _TYPES.get(kind, (0, None))[0] * count
        position = at + width - slot if size <= slot else pointer.unpack(raw)[0]
        if size:
            # Of a tag that stands twice libtiff takes the first; so everything here must.
            fields.setdefault(tag, Field(kind, count, raw, position, position + size))
    return fields, pointer.unpack_from(data, end)[0]


def unsigned(data: bytes, field: Field | None, layout: Layout) -> tuple[int, ...]:
    """Return the unsigned integers of `field`; none if it is absent or of another type.

    Raises:
        ValueError: They lie outside `data`, or are more than any picture needs.
    """
    letter = _TYPES[field.kind][1] if field else None
    if field is None or letter is None:
        return ()
    if field.end > len(data) or field.count > _MOST_VALUES:
        raise ValueError("the values of a tag lie beyond the end")
    return struct.unpack_from(f"{layout.order}{field.count}{letter}", data, field.position)


def exif_orientation(exif: bytes) -> int:
    """Return the orientation, 1 to 8, that an EXIF block says; 1 where it says none.

    Raises:
        ValueError: The block is damaged, or says another number.
    """
    exif = exif.removeprefix(b"Exif\0\0")
    layout = read_layout(exif)
    fields, _ = read_directory(exif, layout.first, layout)
    if ORIENTATION not in fields:
        return 1
    values = unsigned(exif, fields[ORIENTATION], layout)
    if not values or not 1 <= values[0] <= 8:
        raise ValueError("no orientation from 1 to 8")
    return values[0]


def picture_count(index: bytes) -> int:
    """Return how many pictures the index of a multi-picture JPEG (CIPA DC-007) lists.

    Raises:
        ValueError: The index is damaged.
    """
    layout = read_layout(index)
    fields, _ = read_directory(index, layout.first, layout)
    values = unsigned(index, fields.get(_PICTURE_COUNT), layout)
    return max(1, values[0]) if values else 1
