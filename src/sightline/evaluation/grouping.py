"""Images that were taken together, as numbers and sums over them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np


def numbered(names: Sequence[Hashable]) -> np.ndarray:
    """Return for each name its number in order of first sight: int64 (m,)."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)


def group_sums(values: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Return the sums (u,) of values (n,) over units (n,), in the type of the values."""
    return np.bincount(units, weights=values).astype(values.dtype)
