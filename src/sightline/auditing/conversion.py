"""Images that decoding had to change or take a part of, counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from sightline.auditing.check import Check, Evidence
from sightline.dataset import Finding
from sightline.dataset.records import counted

_WORDS: Mapping[str, str] = {
    "alpha_composited": "transparent, composited on white",
    "cmyk_converted": "CMYK, converted to RGB",
    "exif_rotated": "turned upright as their EXIF says",
    "first_frame_of_many": "animated or of many pages: only the first is used",
    "metadata_ignored": "with damaged metadata, ignored",
    "palette_converted": "with a palette, converted to RGB",
    "sixteen_bit_narrow": "of 16 bits that use only a few: they will look black",
    "sixteen_bit_reduced": "of 16 bits, reduced to 8",
    "trailing_bytes": "with bytes after their end, ignored",
}
_WARNED = frozenset({"first_frame_of_many", "sixteen_bit_narrow", "trailing_bytes"})


def find_conversions(evidence: Evidence) -> Iterator[Finding]:
    """Yield one finding for each kind of change, listing the images."""
    changed: dict[str, list[str]] = defaultdict(list)
    for row, content in evidence.pairs:
        for note in content.notes:
            changed[note].append(row.name)
    for note, names in sorted(changed.items()):
        yield Finding(
            check=CONVERSION.name,
            severity="warning" if note in _WARNED else "info",
            message=f"{counted(len(names), 'image')} {_WORDS.get(note, note)}.",
            paths=tuple(names),
        )


CONVERSION = Check(
    name="conversion",
    title="images that decoding changes",
    find=find_conversions,
)
