"""How much worse could it be? The drop in accuracy that paired answers cannot exclude."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from sightline.evaluation.paired import Comparison

CONFIDENCE = 0.95
_HALVINGS = 60
_MOST_NEEDED = 10**7


@dataclass(frozen=True, kw_only=True)
class Turned:
    """Answers that turned from one classifier to another, counted in what is independent.

    Attributes:
        lost: How many only the first has right.
        won: How many only the second has right.
        n: How many were compared.
    """

    lost: float
    won: float
    n: float

    @classmethod
    def of(cls, comparison: Comparison) -> Turned:
        """Return what a comparison found, as if whole groups of images had turned together."""
        n = comparison.independent
        share = n / max(1, comparison.n)
        return cls(lost=comparison.only_before * share, won=comparison.only_after * share, n=n)

    def limit(self, confidence: float = CONFIDENCE) -> float:
        """Return the one-sided upper limit of the drop in accuracy; 1 if nothing was compared."""
        return drop_limit(self.lost, self.won, self.n, confidence) if self.n else 1.0

    def needed(self, most: float, confidence: float = CONFIDENCE) -> int | None:
        """Return how many images would show a drop of at most `most` (`images_to_show`)."""
        return images_to_show(self.lost, self.won, self.n, most, confidence) if self.n else None


def drop_limit(
    only_before: float, only_after: float, n: float, confidence: float = CONFIDENCE
) -> float:
    """Return the one-sided upper limit of the drop in accuracy, as a share.

    Where not one answer turned from right to wrong, the drop may still be z² / (n + z²): 0.008
    after 341 images, at 95 %.

    Args:
        only_before: Images that only the first classifier has right.
        only_after: Images that only the second has right.
        n: Images compared, above 0. Where images come in groups, numbers of what is independent:
            they need not be whole.
        confidence: Of the limit.

    Source: T. Tango, "Equivalence test and confidence interval for the difference in proportions
    for the paired-sample design", Statistics in Medicine 17 (1998), 891-908.
    """
    z = NormalDist().inv_cdf(confidence)
    low, high = (only_before - only_after) / n, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _score(only_before, only_after, n, middle) > -z:
            low = middle
        else:
            high = middle
    return high


def images_to_show(
    only_before: float,
    only_after: float,
    n: float,
    most: float,
    confidence: float = CONFIDENCE,
) -> int | None:
    """Return how many images would show a drop of at most `most`, if answers turn as often.

    Args:
        only_before: Images that only the first classifier has right.
        only_after: Images that only the second has right.
        n: Images compared.
        most: The drop that is to be excluded, above 0.
        confidence: Of the limit.

    Returns:
        None where the drop seen is as large as that, or where ten million would not do.
    """
    if (only_before - only_after) / n >= most:
        return None

    def shown(images: int) -> bool:
        times = images / n
        limit = drop_limit(only_before * times, only_after * times, images, confidence)
        return limit <= most

    high = 1
    while not shown(high):
        high *= 2
        if high > _MOST_NEEDED:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if shown(middle) else (middle, high)
    return high


def _score(only_before: float, only_after: float, n: float, drop: float) -> float:
    """Return how many standard errors the drop that was seen lies above `drop`."""
    gap = only_before - only_after
    # The share of images that only the second has right, most probable if the drop is `drop`.
    linear = -only_before - only_after + (2 * n - gap) * drop
    constant = -only_after * drop * (1 - drop)
    share = (math.sqrt(max(0.0, linear * linear - 8 * n * constant)) - linear) / (4 * n)
    variance = n * (2 * share + drop * (1 - drop))
    return (gap - n * drop) / math.sqrt(variance) if variance > 0 else math.copysign(1e9, -drop)
