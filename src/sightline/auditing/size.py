"""Images that are very small, very large, or of quite another shape than the others.

Whatever the size of the others, a model sees all of them at one: a small one is blown up, a long
one squashed. None of the photos of clothing (400 pixels and more, aspect up to 2.3), hand signs
(100) and CIFAR-10 (32) is flagged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median

from sightline.auditing.check import Check, Evidence
from sightline.auditing.marking import mark
from sightline.dataset import Finding
from sightline.images import ImageHeader

_LEAST_SIDE = 16
_SMALL_SIDE, _MUCH_SMALLER = 64, 4
_MOST_PIXELS = 50_000_000
_MOST_ASPECT = 3.0


def _sizes(evidence: Evidence) -> list[tuple[str, ImageHeader]]:
    return [(row.name, content.header) for row, content in evidence.pairs if content.header]


def _shorter(header: ImageHeader) -> int:
    return min(header.width, header.height)


def find_tiny(evidence: Evidence) -> Iterable[Finding]:
    """Return a finding that lists images too small to show anything, here or among the others.

    With a side under 16 pixels, or under 64 and less than a quarter of the middle one's.
    """
    sizes = _sizes(evidence)
    usual = median(_shorter(header) for _, header in sizes) if sizes else 0
    least = max(_LEAST_SIDE, min(_SMALL_SIDE, usual / _MUCH_SMALLER))
    names = [name for name, header in sizes if _shorter(header) < least]
    what = f"with a side under {math.ceil(least)} pixels"
    fix = "look for the originals; these may be thumbnails"
    return mark(names, len(sizes), check=TINY.name, what=what, fix=fix)


def find_huge(evidence: Evidence) -> Iterable[Finding]:
    """Return a finding that lists images of more than 50 megapixels: slow to read, and no gain."""
    sizes = _sizes(evidence)
    names = [name for name, header in sizes if header.width * header.height > _MOST_PIXELS]
    what = f"of more than {_MOST_PIXELS // 1_000_000} megapixels, slow to read"
    fix = "scale them down once, before training and where they are predicted"
    return mark(names, len(sizes), check=HUGE.name, what=what, fix=fix)


def find_odd_shapes(evidence: Evidence) -> Iterable[Finding]:
    """Return a finding that lists images three times longer or taller than the middle shape."""
    sizes = _sizes(evidence)
    shapes = [math.log(header.width / header.height) for _, header in sizes]
    usual = median(shapes) if shapes else 0.0
    names = [
        name
        for (name, _), shape in zip(sizes, shapes, strict=True)
        if abs(shape - usual) > math.log(_MOST_ASPECT)
    ]
    what = f"more than {_MOST_ASPECT:.0f} times as long or as tall as the others, in proportion"
    fix = "crop them, or train with --fit pad"
    return mark(names, len(sizes), check=ODD_SHAPE.name, what=what, fix=fix)


TINY = Check(name="tiny", title="very small images", find=find_tiny, may_leave_out=True)
HUGE = Check(name="huge", title="very large images", find=find_huge, may_leave_out=True)
ODD_SHAPE = Check(
    name="odd_shape",
    title="images of another shape than the others",
    find=find_odd_shapes,
    may_leave_out=True,
)
