"""Images that were taken together, as numbers and sums over them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from sightline.errors import DataError

Groups = Sequence[Hashable | None]
"""What each image belongs to (a patient, a film); None for an image of its own."""


def numbered(names: Groups) -> np.ndarray:
    """Return for each name its number in order of first sight, each None its own: int64 (m,)."""
    numbers: dict[Hashable, int] = {}
    own = (object() if name is None else name for name in names)
    return np.array([numbers.setdefault(name, len(numbers)) for name in own], np.int64)


def check_groups(groups: Groups, images: int) -> None:
    """Refuse groups that are not one for each image.

    Raises:
        DataError: `bad_groups`.
    """
    if len(groups) != images:
        raise DataError(
            f"{len(groups)} groups for {images} images.",
            expected="one group, or None, for each image",
            code="bad_groups",
        )


def group_sums(values: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Return the sums (u,) of values (n,) over units (n,), in the type of the values."""
    return np.bincount(units, weights=values).astype(values.dtype)


def independent(units: np.ndarray) -> float:
    """Return how many independent images these are worth, where whole groups turn together.

    Args:
        units: int64 (n,), the number of each image's group.
    """
    sizes = np.unique(units, return_counts=True)[1].astype(np.float64)
    return float(sizes.sum() ** 2 / (sizes**2).sum()) if len(sizes) else 0.0
