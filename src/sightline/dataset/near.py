"""Pairs of perceptual hashes that differ in few bits, found without comparing all with all.

Multi-index hashing after Norouzi, Punjani and Fleet, "Fast Exact Search in Hamming Space with
Multi-Index Hashing", 2014. The pairs of many hashes are kept in the cache directory: the audit
and the split ask for the same ones, and so does the next run.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from threading import Lock

import numpy as np

from sightline import machine
from sightline.errors import MachineError
from sightline.files import cache_directory, write_bytes

_BLOCK = 1 << 18
"""Candidate pairs compared at once: bounds the memory to some megabytes."""
_BAND_BITS = 18
"""The widest band: its 262,144 buckets are a table."""
_LOOKUP_COST = 2.0
"""Of one bucket, in comparisons of a pair."""
_MANY = 4_000_000
"""Pairs found before repeated and needless ones are dropped."""
_FOLDER = "near-1"
_SUFFIX = ".pairs"
_WORTH_KEEPING = 5_000
"""Hashes whose pairs take longer to find than to read."""
_KEPT = 16
_DIGEST_BYTES = 32


def kept_pairs(hashes: np.ndarray, max_distance: int, *, nearest: int | None = None) -> np.ndarray:
    """Return what `near_pairs` does, from the cache directory if it was found before."""
    if len(hashes) < _WORTH_KEEPING:
        return near_pairs(hashes, max_distance, nearest=nearest)
    asked = f"{hashes.shape} {max_distance} {nearest}".encode()
    name = hashlib.sha256(asked + hashes.tobytes()).hexdigest()
    try:
        path = cache_directory() / _FOLDER / f"{name}{_SUFFIX}"
    except OSError:
        return near_pairs(hashes, max_distance, nearest=nearest)
    pairs = _recalled(path)
    if pairs is None:
        pairs = near_pairs(hashes, max_distance, nearest=nearest)
        with suppress(OSError, MachineError):  # a cache that cannot be written costs time only
            _keep(path, pairs)
    return pairs


def _recalled(path: Path) -> np.ndarray | None:
    try:
        kept = path.read_bytes()
        os.utime(path)
    except OSError:
        return None
    digest, content = kept[:_DIGEST_BYTES], kept[_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        return None
    return np.frombuffer(content, np.int64).reshape(-1, 3)


def _keep(path: Path, pairs: np.ndarray) -> None:
    """Write pairs, and drop those that have not been used for longest."""
    path.parent.mkdir(exist_ok=True)
    content = pairs.tobytes()
    write_bytes(path, hashlib.sha256(content).digest() + content)
    used = sorted(path.parent.glob(f"*{_SUFFIX}"), key=lambda each: each.stat().st_mtime)
    for oldest in used[:-_KEPT]:
        oldest.unlink(missing_ok=True)


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
    bands, radius = _cheapest(count, width * 8, max_distance)
    found = [np.zeros((0, 3), np.int64)]
    merging = Lock()

    def search(band: int) -> None:
        # Strided, not consecutive: neighbouring bits of a perceptual hash are alike.
        chosen = range(band, width * 8, bands)
        for first, second in _lookups(_keys(hashes, chosen), len(chosen), radius):
            pairs = _near(words, first, second, max_distance)
            # One list for all bands: each finds the same pairs where pictures are alike.
            with merging:
                found.append(pairs)
                if sum(map(len, found[1:])) > _MANY:
                    found[:] = [_merged(found, count, nearest)]

    with ThreadPoolExecutor(machine.threads()) as pool:
        for done in [pool.submit(search, band) for band in range(bands)]:
            done.result()
    return _merged(found, count, nearest)


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


def _keys(hashes: np.ndarray, chosen: Sequence[int]) -> np.ndarray:
    """Return the chosen bits of each hash as one number, int32 (n,).

    Bit by bit: all bits as an array of their own would take eight times the memory of the hashes.
    """
    keys = np.zeros(len(hashes), np.int32)
    for place, bit in enumerate(chosen):
        byte, shift = divmod(bit, 8)
        keys |= ((hashes[:, byte] >> (7 - shift)) & 1).astype(np.int32) << place
    return keys


def _near(
    words: Sequence[np.ndarray], first: np.ndarray, second: np.ndarray, max_distance: int
) -> np.ndarray:
    """Return (low, high, distance) of those pairs that are near."""
    distance = np.zeros(len(first), np.uint16)
    for place, word in enumerate(words, start=1):
        # `take` that clips is twice as fast as indexing, and no index is out of range.
        distance += np.bitwise_count(word.take(first, mode="clip") ^ word.take(second, mode="clip"))
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
