"""Which of the images that a split keeps together are really copies of each other.

A split joins what may be a copy, to be on the safe side; an audit accuses, and must be right. So of
two images whose hashes are not very near the pixels are compared, and crowds of look-alikes are
left alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import combinations

from PIL import Image

from sightline.dataset import Content, Row
from sightline.dataset.leaks import near_sets
from sightline.dataset.sets import Sets
from sightline.errors import ImageError
from sightline.images import NEAR_DUPLICATE_DISTANCE, hash_distance, is_same_picture
from sightline.images.colours import WHITE
from sightline.images.decoding import open_image
from sightline.images.headers import Limits

_SURE = 40
"""Differing bits up to which no two different photos were seen (hands: 44, clothes: 50)."""
_LEAST = 96
_LIMITS = Limits()

Pair = tuple[Row, Content]


def near_copies(pairs: Sequence[Pair], *, crowded: Collection[str]) -> tuple[tuple[Pair, ...], ...]:
    """Return sets of nearly identical images, not all of them identical.

    Args:
        pairs: Rows and their contents.
        crowded: The digests that look like many others.
    """
    return tuple(
        part
        for members in near_sets(pairs)
        if not any(content.digest in crowded for _, content in members)
        for part in _proven(members)
    )


def _proven(members: Sequence[Pair]) -> Iterator[tuple[Pair, ...]]:
    """Yield the parts of a set that hang together by copies."""
    by_digest = {content.digest: (row, content) for row, content in members}
    joined = Sets()
    for (first, one), (second, two) in combinations(by_digest.values(), 2):
        distance = _distance(one, two)
        near = distance <= NEAR_DUPLICATE_DISTANCE
        if distance <= _SURE or (near and _look_the_same(first, second)):
            joined.union(one.digest, two.digest)
    parts: dict[str, list[Pair]] = defaultdict(list)
    for row, content in members:
        parts[joined.smallest(content.digest)].append((row, content))
    for part in parts.values():
        if len({content.digest for _, content in part}) > 1:
            yield tuple(part)


def _distance(one: Content, two: Content) -> int:
    """Return the distance of two pictures, or of one and the other without its margin."""
    compared = (
        (one.perceptual_hash, two.perceptual_hash),
        (one.inner_hash, two.perceptual_hash),
        (one.perceptual_hash, two.inner_hash),
    )
    return min(hash_distance(a, b) for a, b in compared if a is not None and b is not None)


def _look_the_same(first: Row, second: Row) -> bool:
    try:
        return is_same_picture(_opened(first), _opened(second))
    except ImageError:  # gone or changed since it was read
        return False


def _opened(row: Row) -> Image.Image:
    return open_image(
        row.source.read(),
        channels=1,
        background=WHITE,
        at_least=(_LEAST, _LEAST),
        limits=_LIMITS,
    ).image
