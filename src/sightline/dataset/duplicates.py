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
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from sightline.dataset.content import Content
from sightline.dataset.records import Finding, counted
from sightline.dataset.sets import Chains, Sets
from sightline.images.hashing import NEAR_DUPLICATE_DISTANCE

LARGEST_FAMILY = 32
"""Digests that near duplicates may join; more that look alike are a kind of picture."""

_BLOCK = 1 << 18
"""Candidate pairs compared at once: bounds the memory to some megabytes."""
# Keys of named groups sort before those of digests.
_NAMED, _DIGEST = "0", "1"
_BAND_BITS = 18
"""The widest band: its 262,144 buckets are a table."""
_LOOKUP_COST = 2.0
"""Of one bucket, in comparisons of a pair."""
_MANY = 4_000_000
"""Pairs found before repeated and needless ones are dropped."""


def near_pairs(hashes: np.ndarray, max_distance: int, *, nearest: int | None = None) -> np.ndarray:
    """Return the pairs of hashes that differ in at most `max_distance` bits.

    If m bands of two hashes differ in d bits together, and d < m (r + 1), then some band differs
    in at most r. So each band is looked up with every choice of up to r bits turned, and only
    what is met there is compared in full. No pair is missed.

    Args:
        hashes: `uint8` (n, bytes), all different.
        max_distance: In bits.
        nearest: Keep a pair only if it is among so many nearest of one of its two: bounds the
            result where all look alike. All pairs by default.

    Returns:
        `int64` (m, 3): indices i < j and their distance, in order of (i, j).
    """
    count, width = hashes.shape
    padded = np.zeros((count, -(-width // 8) * 8), np.uint8)
    padded[:, :width] = hashes
    words = [np.ascontiguousarray(word) for word in padded.view(np.uint64).T]
    bits = np.unpackbits(hashes, axis=1)
    bands, radius = _cheapest(count, width * 8, max_distance)
    found = np.zeros((0, 3), np.int64)
    fresh: list[np.ndarray] = []
    for band in range(bands):
        # Strided, not consecutive: neighbouring bits of a perceptual hash are alike.
        own = bits[:, band::bands]
        keys = own @ (1 << np.arange(own.shape[1]))
        for first, second in _lookups(keys, own.shape[1], radius):
            fresh.append(_near(words, first, second, max_distance))
            if sum(map(len, fresh)) > _MANY:
                found, fresh = _merged([found, *fresh], count, nearest), []
    return _merged([found, *fresh], count, nearest)


def _merged(parts: Sequence[np.ndarray], count: int, nearest: int | None) -> np.ndarray:
    pairs = np.concatenate(parts)
    _, once = np.unique(pairs[:, 0] * count + pairs[:, 1], return_index=True)
    pairs = pairs[once]
    if nearest is None or len(pairs) <= nearest:
        return pairs
    kept = np.zeros(len(pairs), bool)
    for end in (0, 1):
        own = np.lexsort((pairs[:, 2], pairs[:, end]))
        nodes = pairs[own, end]
        # The place of each pair among those of its node, nearest first. The two ends of one
        # node are ranked apart, which keeps a few pairs too many and none too few.
        place = np.arange(len(own)) - np.searchsorted(nodes, nodes, "left")
        kept[own[place < nearest]] = True
    return pairs[kept]


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
) -> np.ndarray:
    """Return (low, high, distance) of those pairs that are near."""
    distance = np.zeros(len(first), np.uint16)
    for place, word in enumerate(words, start=1):
        distance += np.bitwise_count(word[first] ^ word[second])
        if place % 2 == 0 or place == len(words):
            # Half of a hash rules out most pairs.
            near = np.flatnonzero(distance <= max_distance)
            first, second, distance = first[near], second[near], distance[near]
    low, high = np.minimum(first, second), np.maximum(first, second)
    return np.stack([low, high, distance], axis=1).astype(np.int64)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """What must stay together.

    Args:
        keys: One for each image; images with the same key must stay in one split.
        crowded: For each image, whether it looks like more than `LARGEST_FAMILY` others, so that
            looks alone were not taken for a sign of copying.
    """

    keys: tuple[str, ...]
    crowded: tuple[bool, ...]

    def notices(self, names: Sequence[str]) -> tuple[Finding, ...]:
        """Return a notice if there are crowds, naming the images in them."""
        paths = tuple(name for name, is_in in zip(names, self.crowded, strict=True) if is_in)
        if not paths:
            return ()
        return (
            Finding(
                check="look_alikes",
                severity="info",
                message=f"{counted(len(paths), 'image')} look like so many others that only the "
                "most alike were kept together.",
                paths=paths,
                fix="give images that belong together (frames of a film) a group in a manifest",
            ),
        )


def content_groups(
    contents: Sequence[Content],
    groups: Sequence[str | None],
    *,
    near_duplicates: bool = True,
) -> Groups:
    """Return what must stay together: same digest, same named group, near duplicates.

    The key of a joined set is its smallest named group, else its smallest digest: it depends on
    nothing but the set's own members. Images that cannot be read share a key.

    Near duplicates are joined from the nearest on, as long as the family stays within
    `LARGEST_FAMILY`: where a chain of likenesses would join more, it is a kind of picture (X-rays,
    parts before one camera, drawn digits), and only what is more alike is joined. Formally: the
    largest single-linkage clusters of at most that many digests. Larger families that do belong
    together, such as the frames of a film, need a named group.

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
    families = _families(contents if near_duplicates else ())
    for first, second in families.pairs:
        joined.union(_DIGEST + first, _DIGEST + second)
    return Groups(
        keys=tuple(joined.smallest(key)[1:] for key in keys),
        crowded=tuple(content.digest in families.crowded for content in contents),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Families:
    pairs: Sequence[tuple[str, str]]
    crowded: frozenset[str]


def _families(contents: Sequence[Content]) -> _Families:
    """Return pairs of digests that join near duplicates, and the digests in crowds."""
    by_hash: dict[bytes, set[str]] = defaultdict(set)
    for content in contents:
        if content.perceptual_hash is not None:
            by_hash[content.perceptual_hash].add(content.digest)
    if not by_hash:
        return _Families(pairs=(), crowded=frozenset())
    digests = [sorted(same) for same in by_hash.values()]
    hashes = np.frombuffer(b"".join(by_hash), np.uint8).reshape(len(by_hash), -1)
    # Each hash needs no more pairs than make a crowd of it.
    pairs = near_pairs(hashes, NEAR_DUPLICATE_DISTANCE, nearest=LARGEST_FAMILY)
    chains = Chains([len(same) for same in digests])
    families = []
    for distance in np.unique(pairs[:, 2]):
        level = pairs[pairs[:, 2] == distance, :2].tolist()
        for first, second in level:
            chains.union(first, second)
        # Sizes are looked at when the whole distance is joined: no order among equals.
        families += [pair for pair in level if chains.size(pair[0]) <= LARGEST_FAMILY]
    within = [pair for same in digests if len(same) <= LARGEST_FAMILY for pair in pairwise(same)]
    return _Families(
        pairs=[*within, *((digests[first][0], digests[second][0]) for first, second in families)],
        crowded=frozenset(
            digest
            for node, same in enumerate(digests)
            if chains.size(node) > LARGEST_FAMILY
            for digest in same
        ),
    )
