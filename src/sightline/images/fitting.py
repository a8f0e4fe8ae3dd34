"""Where a picture stands in a model's input: the geometry of each way to make it fit.

One place for it, so that what is found in the input can be put back where it is in the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Size = tuple[int, int]
"""(width, height), as Pillow has it."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Which part of a picture fills which part of the input.

    Attributes:
        source: (left, top, right, bottom) of the part in the upright picture's pixels.
        target: (left, top, right, bottom) of what it fills, in the input's pixels.
    """

    source: tuple[float, float, float, float]
    target: tuple[int, int, int, int]


def _squash(picture: Size, wanted: Size) -> Placement:
    """Take all of the picture and ignore its aspect ratio."""
    return Placement(source=(0, 0, *picture), target=(0, 0, *wanted))


def _crop(picture: Size, wanted: Size) -> Placement:
    """Take the largest middle part that has the wanted aspect ratio."""
    (width, height), (columns, rows) = picture, wanted
    scale = min(width / columns, height / rows)
    left = (width - columns * scale) / 2
    top = (height - rows * scale) / 2
    # Rounding may put the far edge a hair outside the picture, which Pillow refuses.
    source = (
        max(0.0, left),
        max(0.0, top),
        min(float(width), width - left),
        min(float(height), height - top),
    )
    return Placement(source=source, target=(0, 0, *wanted))


def _pad(picture: Size, wanted: Size) -> Placement:
    """Put the whole picture into the middle, its aspect ratio kept."""
    (width, height), (columns, rows) = picture, wanted
    scale = min(columns / width, rows / height)
    inner_width = min(columns, max(1, round(width * scale)))
    inner_height = min(rows, max(1, round(height * scale)))
    left, top = (columns - inner_width) // 2, (rows - inner_height) // 2
    target = (left, top, left + inner_width, top + inner_height)
    return Placement(source=(0, 0, *picture), target=target)


FITS: Mapping[str, Callable[[Size, Size], Placement]] = {
    "squash": _squash,
    "pad": _pad,
    "crop": _crop,
}
