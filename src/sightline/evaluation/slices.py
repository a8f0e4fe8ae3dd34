"""Where a classifier is weak: the accuracy of parts of the images, each against the rest.

One accuracy hides the camera, the hospital or the dark half of the pictures on which a model
fails. Whoever looks at many parts will find one that is bad by chance, so every p-value is
corrected for all that were looked at: by Holm's method, which holds however the parts overlap.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sightline.errors import DataError
from sightline.evaluation.clusters import Clusters, effective_n, share_estimate
from sightline.evaluation.estimates import Estimate
from sightline.evaluation.grouping import Groups
from sightline.evaluation.significance import SIGNIFICANT, fisher, holm
from sightline.files import printable

SMALLEST = 10
"""Images below which a slice is counted and not judged: its interval would span half of all."""
_PARTS = 4
_PART_NAMES = ("lowest", "lower", "higher", "highest")
UNKNOWN = "not known"

Attribute = Sequence[str] | np.ndarray
"""One value for each image: text, or float64 (n,) with NaN where it is not known."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The images that share one value.

    Attributes:
        attribute: What was looked at, for example `"camera"`.
        value: The value they share, or the range of numbers.
        n: How many images.
        accuracy: Of these images.
        rest: Of all others of which the attribute is known.
        difference: `accuracy` minus `rest`.
        p_value: How probable so large a difference is by chance (Fisher's exact test).
        adjusted: The same, corrected for all slices that were looked at (Holm).
    """

    attribute: str
    value: str
    n: int
    accuracy: Estimate
    rest: Estimate
    difference: Estimate
    p_value: float
    adjusted: float

    @property
    def is_weak(self) -> bool:
        """Whether the classifier is worse here than elsewhere, beyond chance."""
        return self.adjusted < SIGNIFICANT and self.difference.value < 0

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            "attribute": self.attribute,
            "value": self.value,
            "n": self.n,
            "accuracy": self.accuracy.to_json(),
            "rest": self.rest.to_json(),
            "difference": self.difference.to_json(),
            "p_value": self.p_value,
            "adjusted": self.adjusted,
            "is_weak": self.is_weak,
        }


@dataclass(frozen=True, kw_only=True)
class Slices:
    """All slices that were looked at.

    Attributes:
        slices: Those large enough to judge, the worst first: by difference.
        small: For each attribute how many values are shared by too few images, and how many
            images that concerns.
        smallest: Images from which a slice is judged.
    """

    slices: tuple[Slice, ...]
    small: Mapping[str, tuple[int, int]]
    smallest: int

    @property
    def weak(self) -> tuple[Slice, ...]:
        """The slices on which the classifier is worse beyond chance, the worst first."""
        return tuple(one for one in self.slices if one.is_weak)

    def to_json(self) -> dict[str, Any]:
        """Return the slices and what was too small to judge."""
        return {
            "slices": [one.to_json() for one in self.slices],
            "small": [
                {"attribute": name, "values": values, "images": images}
                for name, (values, images) in self.small.items()
            ],
            "smallest": self.smallest,
        }


def slices(
    right: np.ndarray,
    attributes: Mapping[str, Attribute],
    *,
    groups: Groups | None = None,
    smallest: int = SMALLEST,
) -> Slices:
    """Judge the images that share a value, for each value of each attribute.

    Numbers are cut into four ranges of equally many images. Images that were taken together
    (`groups`) say less than as many apart: Wilson's interval and Fisher's test are given as many
    as they are worth (`clusters.effective_n`).

    Args:
        right: Which images are answered right, bool (n,).
        attributes: What is known of them, by name.
        groups: What each image belongs to, None for one of its own.
        smallest: Images from which a slice is judged.

    Raises:
        DataError: An attribute or the groups have another length.

    Source: J. N. K. Rao and A. J. Scott, Biometrics 48 (1992), 577-585, for the groups;
    R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890, method 10, for the difference.
    """
    _check_lengths(len(right), attributes)
    clusters = Clusters.among(np.ones(len(right), bool), groups)
    found: list[Slice] = []
    small: dict[str, tuple[int, int]] = {}
    for name, given in attributes.items():
        values = _named(given)
        known = values != UNKNOWN
        counts = Counter(values.tolist())
        few = [n for value, n in counts.items() if n < smallest and value != UNKNOWN]
        if few:
            small[name] = (len(few), sum(few))
        for value, n in counts.items():
            inside = values == value
            if n >= smallest and value != UNKNOWN and (known & ~inside).any():
                parts = inside, known & ~inside
                found.append(_slice((name, value), right, parts, clusters))
    adjusted = holm([one.p_value for one in found])
    whole = [replace(one, adjusted=p) for one, p in zip(found, adjusted, strict=True)]
    return Slices(
        slices=tuple(sorted(whole, key=lambda one: one.difference.value)),
        small=small,
        smallest=smallest,
    )


def _slice(
    named: tuple[str, str],
    right: np.ndarray,
    parts: tuple[np.ndarray, np.ndarray],
    clusters: Clusters | None,
) -> Slice:
    """Judge a part of the images against the rest.

    Args:
        named: Attribute and value.
        right: Which images are answered right, bool (n,).
        parts: The images inside, and the rest, bool (n,) each.
        clusters: Which images hang together.
    """
    accuracy, other = (share_estimate(right & part, part, clusters) for part in parts)
    gain = accuracy.value - other.value
    # Each limit is as far as the nearer limit of one share and the farther of the other allow.
    below = math.hypot(accuracy.value - accuracy.low, other.high - other.value)
    above = math.hypot(accuracy.high - accuracy.value, other.value - other.low)
    worths = [max(1, round(effective_n(right & part, part, clusters))) for part in parts]
    rights = [round(one.value * n) for one, n in zip((accuracy, other), worths, strict=True)]
    p_value = fisher(rights[0], worths[0], rights[1], worths[1])
    n = accuracy.n + other.n
    return Slice(
        attribute=named[0],
        value=named[1],
        n=accuracy.n,
        accuracy=accuracy,
        rest=other,
        difference=Estimate(value=gain, low=gain - below, high=gain + above, n=n),
        p_value=p_value,
        adjusted=p_value,
    )


def _named(given: Attribute) -> np.ndarray:
    """Return the word for each image's value: object (n,)."""
    if not isinstance(given, np.ndarray):
        return np.array([value or UNKNOWN for value in given], object)
    names = np.full(len(given), UNKNOWN, object)
    known = np.isfinite(given)
    numbers = np.unique(given[known])
    if len(numbers) <= _PARTS:
        names[known] = [_digits(number) for number in given[known].tolist()]
        return names
    edges = np.quantile(given[known], np.arange(1, _PARTS) / _PARTS)
    # What equals an edge falls below it, so that equal numbers are never torn apart.
    places = np.searchsorted(edges, given, side="left")
    for place, name in enumerate(_PART_NAMES):
        inside = known & (places == place)
        if inside.any():
            low, high = given[inside].min(), given[inside].max()
            names[inside] = f"{name} ({_digits(low)} to {_digits(high)})"
    return names


def _digits(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"


def _check_lengths(n: int, given: Mapping[str, Attribute]) -> None:
    for name, values in given.items():
        if len(values) != n:
            raise DataError(
                f"{len(values)} values of {printable(name)} for {n} images.",
                expected="one value for each image",
                code="different_lengths",
            )
