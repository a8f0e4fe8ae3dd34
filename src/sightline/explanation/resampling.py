"""Maps made larger or put back where they are in the picture: bilinear, centre on centre."""

from __future__ import annotations

import numpy as np

from sightline.images import Placement


def enlarge(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a map (h, w) at another size, float32 (height, width)."""
    rows = (np.arange(height) + 0.5) * values.shape[0] / height - 0.5
    columns = (np.arange(width) + 0.5) * values.shape[1] / width - 0.5
    return _sample(values, rows, columns)


def put_back(values: np.ndarray, place: Placement, height: int, width: int) -> np.ndarray:
    """Return a map of a model's input as one of the picture that the input was made of.

    Args:
        values: Of the input, (h, w).
        place: Where the picture stands in it, for a picture of this size.
        height: Of the picture.
        width: Of the picture.

    Returns:
        float32 (height, width), NaN where the input shows nothing of the picture.
    """
    left, top, right, bottom = place.target
    shown = values[top:bottom, left:right]
    found = np.full((height, width), np.nan, np.float32)
    x_from, y_from, x_to, y_to = place.source
    columns = _inside(width, x_from, x_to)
    rows = _inside(height, y_from, y_to)
    found[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = _sample(
        shown,
        (rows + 0.5 - y_from) * shown.shape[0] / (y_to - y_from) - 0.5,
        (columns + 0.5 - x_from) * shown.shape[1] / (x_to - x_from) - 0.5,
    )
    return found


def _inside(count: int, start: float, end: float) -> np.ndarray:
    """Return the pixels whose centre lies between; at least one."""
    centres = np.arange(count) + 0.5
    inside = np.flatnonzero((centres >= start) & (centres <= end))
    return inside if len(inside) else np.array([min(count - 1, int(start))])


def _sample(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    between = _interpolate(_interpolate(values.astype(np.float64), rows).T, columns).T
    return np.ascontiguousarray(between, np.float32)


def _interpolate(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return rows of `values` at fractional `places`; beyond an edge, the edge."""
    inner = np.clip(places, 0, len(values) - 1)
    lower = np.floor(inner).astype(np.int64)
    upper = np.minimum(lower + 1, len(values) - 1)
    share = (inner - lower)[:, None]
    return np.asarray(values[lower] * (1 - share) + values[upper] * share)
