"""Which images are copies of each other, exactly or nearly, and which therefore stay together.

Exact copies share a digest. Near copies (bursts, recompressions, resizes) have perceptual hashes
within a few bits, or the hash of one is that near to the hash of the other without its margin: a
crop.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sightline.dataset.content import Content
from sightline.dataset.near import kept_pairs
from sightline.dataset.records import Finding, counted
from sightline.dataset.sets import Chains, Sets
from sightline.images.hashing import NEAR_DUPLICATE_DISTANCE

LARGEST_FAMILY = 32
"""Digests that near duplicates may join; more that look alike are a kind of picture."""
# Keys of named groups sort before those of digests.
_NAMED, _DIGEST = "0", "1"


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
    by_hash: dict[bytes, dict[str, bytes | None]] = defaultdict(dict)
    for content in contents:
        if content.perceptual_hash is not None:
            by_hash[content.perceptual_hash][content.digest] = content.inner_hash
    if not by_hash:
        return _Families(pairs=(), crowded=frozenset())
    digests = [sorted(same) for same in by_hash.values()]
    hashes = _stacked(by_hash)
    # Each hash needs no more pairs than make a crowd of it.
    pairs = kept_pairs(hashes, NEAR_DUPLICATE_DISTANCE, nearest=LARGEST_FAMILY)
    families = _joined(digests, pairs)
    inner = [same[names[0]] for same, names in zip(by_hash.values(), digests, strict=True)]
    crops = _crops(
        hashes,
        {
            node: hashed
            for node, (hashed, names) in enumerate(zip(inner, digests, strict=True))
            if hashed is not None and names[0] not in families.crowded
        },
    )
    return _joined(digests, np.concatenate([pairs, crops])) if len(crops) else families


def _crops(hashes: np.ndarray, inner: Mapping[int, bytes]) -> np.ndarray:
    """Return pairs of which one is near to what the other is without its margin.

    Args:
        hashes: Of whole pictures, one for each node.
        inner: Hashes of their inner parts, by node; of those in no crowd.

    Returns:
        int64 (m, 3): nodes i != j, and their distance.
    """
    if not inner:
        return np.zeros((0, 3), np.int64)
    nodes = np.array(list(inner))
    both = np.concatenate([hashes[nodes], _stacked(inner.values())])
    pairs = kept_pairs(both, NEAR_DUPLICATE_DISTANCE, nearest=LARGEST_FAMILY)
    is_inner = pairs[:, :2] >= len(nodes)
    ends = nodes[pairs[:, :2] % len(nodes)]
    crossing = (is_inner[:, 0] != is_inner[:, 1]) & (ends[:, 0] != ends[:, 1])
    found: np.ndarray = np.column_stack([ends, pairs[:, 2]])[crossing]
    return found


def _stacked(hashes: Iterable[bytes | None]) -> np.ndarray:
    every = [hashed for hashed in hashes if hashed is not None]
    return np.frombuffer(b"".join(every), np.uint8).reshape(len(every), -1)


def _joined(digests: Sequence[Sequence[str]], pairs: np.ndarray) -> _Families:
    """Return the families that pairs of nodes make, nearest first; a node is one hash."""
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
