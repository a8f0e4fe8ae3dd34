"""Which images are copies of each other, exactly or nearly, and which therefore stay together.

Exact copies share a digest. Near copies (bursts, recompressions, resizes) have perceptual hashes
within a few bits. Pairs are found through an index, never by comparing all with all: multi-index
hashing after Norouzi, Punjani and Fleet, "Fast Exact Search in Hamming Space with Multi-Index
Hashing", 2014.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

import numpy as np

from sightline.dataset.content import Content
from sightline.dataset.sets import Sets
from sightline.images.hashing import NEAR_DUPLICATE_DISTANCE

_BLOCK = 1 << 18
"""Candidate pairs compared at once: bounds the memory to some megabytes."""
# Keys of named groups sort before those of digests.
_NAMED, _DIGEST = "0", "1"
_BAND_BITS = 18
"""The widest band: its 262,144 buckets are a table."""
_LOOKUP_COST = 2.0
"""Of one bucket, in comparisons of a pair."""


def near_pairs(hashes: np.ndarray, max_distance: int) -> np.ndarray:
    """Return every pair of hashes that differ in at most `max_distance` bits.

    If m bands of two hashes differ in d bits together, and d < m (r + 1), then some band differs
    in at most r. So each band is looked up with every choice of up to r bits turned, and only
    what is met there is compared in full. No pair is missed.

    Args:
        hashes: `uint8` (n, bytes). Should hold no equal rows: k equal ones give k² / 2 pairs.
        max_distance: In bits.

    Returns:
        `int64` (m, 2): indices i < j, in order.
    """
    count, width = hashes.shape
    padded = np.zeros((count, -(-width // 8) * 8), np.uint8)
    padded[:, :width] = hashes
    words = [np.ascontiguousarray(word) for word in padded.view(np.uint64).T]
    bits = np.unpackbits(hashes, axis=1)
    bands, radius = _cheapest(count, width * 8, max_distance)
    found = [np.zeros(0, np.int64)]
    for band in range(bands):
        # Strided, not consecutive: neighbouring bits of a perceptual hash are alike.
        own = bits[:, band::bands]
        keys = own @ (1 << np.arange(own.shape[1]))
        for first, second in _lookups(keys, own.shape[1], radius):
            first, second = _near(words, first, second, max_distance)
            low, high = np.minimum(first, second), np.maximum(first, second)
            found.append(low.astype(np.int64) * count + high)
    pairs = np.unique(np.concatenate(found))
    return np.stack([pairs // max(count, 1), pairs % max(count, 1)], axis=1)


def _cheapest(count: int, bits: int, max_distance: int) -> tuple[int, int]:
    """Return the number of bands and the radius that need the least work."""

    def work(choice: tuple[int, int]) -> float:
        bands, radius = choice
        wide = bits / bands
        turned = sum(math.comb(math.ceil(wide), r) for r in range(radius + 1))
        return bands * turned * (_LOOKUP_COST + count / 2**wide)

    choices = []
    for radius in range(4):
        bands = max(max_distance // (radius + 1) + 1, -(-bits // _BAND_BITS))
        choices.append((min(bands, bits), radius))
    return min(choices, key=work)


def _near(
    words: Sequence[np.ndarray], first: np.ndarray, second: np.ndarray, max_distance: int
) -> tuple[np.ndarray, np.ndarray]:
    distance = np.zeros(len(first), np.uint16)
    for place, word in enumerate(words, start=1):
        distance += np.bitwise_count(word[first] ^ word[second])
        if place % 2 == 0:
            # Half of a hash rules out most pairs.
            near = np.flatnonzero(distance <= max_distance)
            first, second, distance = first[near], second[near], distance[near]
    near = np.flatnonzero(distance <= max_distance)
    return first[near], second[near]


def _lookups(keys: np.ndarray, bits: int, radius: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield blocks of pairs of indices whose keys differ in at most `radius` bits, each once."""
    order = np.argsort(keys, kind="stable").astype(np.int32)
    keys = keys[order]
    sizes = np.bincount(keys, minlength=1 << bits)
    begins = np.cumsum(sizes) - sizes
    places = np.arange(len(keys))
    yield from _joined(order, order, places + 1, begins[keys] + sizes[keys] - places - 1)
    for turned in range(1, radius + 1):
        for chosen in combinations(range(bits), turned):
            # Of two keys that differ in these bits, only one has the first of them unset.
            asking = np.flatnonzero(keys & (1 << chosen[0]) == 0)
            met = keys[asking] ^ sum(1 << place for place in chosen)
            yield from _joined(order[asking], order, begins[met], sizes[met])


def _joined(
    first: np.ndarray, order: np.ndarray, low: np.ndarray, counts: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs of each `first[k]` with the `counts[k]` entries of `order` from `low[k]` on."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        done = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _BLOCK, "right")))
        part = slice(start, stop)
        repeated = np.repeat(first[part], counts[part])
        shift = np.repeat(low[part] - (ends[part] - counts[part] - done), counts[part])
        yield repeated, order[np.arange(len(repeated)) + shift]
        start = stop


def content_groups(
    contents: Sequence[Content],
    groups: Sequence[str | None],
    *,
    near_duplicates: bool = True,
) -> tuple[str, ...]:
    """Return a key for each image; images with the same key must stay in one split.

    Joined are images of the same digest, of the same named group, and near duplicates. The key of
    a joined set is its smallest named group, else its smallest digest: it depends on nothing but
    the set's own members. Images that cannot be read share the key `"unreadable"`.

    Args:
        contents: Of each image.
        groups: The named group of each image, or None.
        near_duplicates: Whether near duplicates are joined, not only identical files.
    """
    joined = Sets()
    keys = []
    for content, group in zip(contents, groups, strict=True):
        own = _DIGEST + (content.digest or "unreadable")
        named = own if group is None else _NAMED + group
        if content.digest:
            joined.union(own, named)
        keys.append(named)
    if near_duplicates:
        for first, second in near_copies(contents):
            joined.union(_DIGEST + first, _DIGEST + second)
    return tuple(joined.smallest(key)[1:] for key in keys)


def near_copies(contents: Sequence[Content]) -> Iterator[tuple[str, str]]:
    """Yield pairs of digests that join near duplicates.

    Args:
        contents: Of images; those without a perceptual hash have no near duplicates.
    """
    by_hash: dict[bytes, set[str]] = defaultdict(set)
    for content in contents:
        if content.perceptual_hash is not None:
            by_hash[content.perceptual_hash].add(content.digest)
    if not by_hash:
        return
    digests = [sorted(same) for same in by_hash.values()]
    for same in digests:
        yield from pairwise(same)
    hashes = np.frombuffer(b"".join(by_hash), np.uint8).reshape(len(by_hash), -1)
    for first, second in near_pairs(hashes, NEAR_DUPLICATE_DISTANCE).tolist():
        yield digests[first][0], digests[second][0]
