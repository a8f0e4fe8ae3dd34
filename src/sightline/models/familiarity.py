"""Is an image like those of the training? The distance of its embedding from theirs.

A classifier is as sure of a cat as of a shirt, if shirts are all it was taught. The embedding is
not: what is unlike all training images lies far from them. Measured on a MobileNetV2 of clothing
photos, images of other things (hand signs, CIFAR-10, street and animal photos, noise) lie farther
from it than test photos in 0.99 of pairs; for the probability of the answer it is 0.81 to 0.98,
for a Mahalanobis distance 0.85 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sightline.errors import ModelError

MOST_REFERENCES = 1000
"""Training images whose embeddings are kept; half of them do nearly as well."""
FALSE_ALARMS = 0.01
"""Share of images like the training data that may be called unlike it."""

_NEAREST = 3
"""The one whose distance counts: the first may be a copy."""
_FEWEST = 30
_AT_ONCE = 1024


@dataclass(frozen=True, kw_only=True, eq=False)
class Familiarity:
    """Embeddings of training images, and the distance of others from them.

    Attributes:
        reference: int8 (m, d), each row an embedding at a scale of its own: only its direction
            counts.

    Raises:
        ModelError: `reference` is of another type or shape, or all zeros: then every image would
            be unlike it.

    Source: Y. Sun, Y. Ming, X. Zhu, Y. Li, "Out-of-Distribution Detection with Deep Nearest
    Neighbors", ICML 2022.
    """

    reference: np.ndarray

    def __post_init__(self) -> None:
        given = self.reference
        if given.dtype != np.int8 or given.ndim != 2 or len(given) < _NEAREST or not given.any():
            raise ModelError(
                f"The reference embeddings are {given.dtype} of shape {given.shape}"
                f"{'' if given.any() else ', all zeros'}.",
                expected=f"int8 of shape (m, d), m at least {_NEAREST}, not all zeros",
                fix="take another copy of the model, or train again",
                code="damaged_model",
            )
        object.__setattr__(self, "_directions", _directions(given))

    @classmethod
    def of(cls, embeddings: np.ndarray) -> Familiarity | None:
        """Return what is kept of training embeddings, float32 (n, d).

        None if there are too few, or if all are zero.
        """
        if len(embeddings) < _NEAREST or not embeddings.any():
            return None
        largest = np.maximum(np.abs(embeddings).max(axis=1, keepdims=True), 1e-12)
        return cls(reference=np.rint(embeddings * (127 / largest)).astype(np.int8))

    @property
    def width(self) -> int:
        """How many numbers an embedding has."""
        return int(self.reference.shape[1])

    def distances(self, embeddings: np.ndarray) -> np.ndarray:
        """Return how far embeddings are from those of the training: float32 (n,), 0 to 2.

        The cosine distance from the third nearest one.
        """
        directions: np.ndarray = self._directions  # type: ignore[attr-defined]
        found = []
        for start in range(0, len(embeddings), _AT_ONCE):
            likeness = _directions(embeddings[start : start + _AT_ONCE]) @ directions.T
            found.append(1 - np.partition(likeness, -_NEAREST, axis=1)[:, -_NEAREST])
        return np.concatenate(found) if found else np.zeros(0, np.float32)


def references(labels: Sequence[tuple[str, ...]], digests: Sequence[str]) -> list[int]:
    """Return the rows to keep the embeddings of: classes in turn, by digest, the same each time."""
    queues: dict[tuple[str, ...], list[int]] = {}
    for row in sorted(range(len(digests)), key=lambda row: digests[row], reverse=True):
        queues.setdefault(tuple(sorted(labels[row])), []).append(row)
    chosen: list[int] = []
    while queues and len(chosen) < MOST_REFERENCES:
        for kind in sorted(queues):
            chosen.append(queues[kind].pop())
            if not queues[kind]:
                del queues[kind]
    return chosen[:MOST_REFERENCES]


def unlike_limit(distances: np.ndarray) -> tuple[float, float] | None:
    """Return the distance above which an image is unlike the training data.

    Args:
        distances: float32 (n,), of images like those of the training but not among them.

    Returns:
        The distance, and the share of such images that lie above it, on average over models:
        `FALSE_ALARMS`, or what n images can tell; None if that is too little.
    """
    n = len(distances)
    if n < _FEWEST:
        return None
    place = min(n, math.ceil((n + 1) * (1 - FALSE_ALARMS) - 1e-9))
    return float(np.sort(distances)[place - 1]), (n + 1 - place) / (n + 1)


def _directions(embeddings: np.ndarray) -> np.ndarray:
    """Return rows of length one, float32; zeros stay zeros and are near nothing."""
    wide = embeddings.astype(np.float32)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(wide / np.where(length > 0, length, 1))
