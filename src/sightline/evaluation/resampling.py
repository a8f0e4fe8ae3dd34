"""Intervals by the bootstrap: seeded, so that the same answers always give the same limits.

Resampling images with replacement is resampling counts: the cells of a confusion matrix are
multinomial, so its bootstrap costs the same for a thousand images and for a million.

Source: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from sightline.evaluation.clusters import Clusters
from sightline.evaluation.estimates import Z95, Estimate, wilson_limits
from sightline.evaluation.scores import Marginals

RESAMPLES = 2000
_CELLS_AT_ONCE = 4_000_000
# From so many images on, drawing them is slow and every mean is as good as normal: its closed
# form, or few resamples that only give the spread, take over.
_MANY = 10_000
_FEW = 400


def percentile_estimate(
    value: float, resampled: np.ndarray, *, n: int, effective_n: float | None = None
) -> Estimate:
    """Return `value` with the middle 95 % of `resampled` as its interval.

    Args:
        value: The figure of the sample itself.
        resampled: The figure of each resample, (b,).
        n: Images.
        effective_n: For a share in [0, 1]: how many trials it is worth. A sample without an
            error gives resamples without one; Wilson's limits then stand in for a bootstrap
            that collapsed to a point.
    """
    if math.isnan(value):
        return Estimate.undefined()
    low, high = np.quantile(resampled, [0.025, 0.975])
    if len(resampled) <= _FEW:  # too few for the tails, enough for the spread
        low, high = value + np.array([-Z95, Z95]) * resampled.std(ddof=1)
    if effective_n is not None and high - low < 1e-12:
        low, high = wilson_limits(min(1.0, max(0.0, value)), effective_n)
    return Estimate(value=value, low=float(min(low, value)), high=float(max(high, value)), n=n)


def mean_estimate(
    values: np.ndarray, *, clusters: Clusters | None = None, seed: int = 0
) -> Estimate:
    """Return the mean of one float64 value per image, (n,), with its bootstrap interval.

    Args:
        values: One for each image.
        clusters: Which images hang together; whole groups are drawn then.
        seed: Of the bootstrap.
    """
    n = len(values)
    if n == 0:
        return Estimate.undefined()
    value = float(values.mean())
    if clusters is not None:
        sums = resample_sums(clusters.sums(np.column_stack([values, np.ones(n)])), seed=seed)
        return percentile_estimate(value, sums[:, 0] / sums[:, 1], n=n)
    if n < _MANY:
        return percentile_estimate(value, resample_sums(values[:, None], seed=seed)[:, 0] / n, n=n)
    half = Z95 * float(values.std(ddof=1)) / math.sqrt(n)
    return Estimate(value=value, low=value - half, high=value + half, n=n)


def resample_sums(table: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Return the column sums (b, m) of a float64 table (n, m) in resamples of its rows."""
    n = len(table)
    random = np.random.default_rng(seed)
    sums = []
    for size in _chunks(n, resamples=RESAMPLES if n < _MANY else _FEW):
        drawn = random.integers(0, n, (size, n)) + np.arange(size)[:, None] * n
        times = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
        sums.append(times.astype(np.float64) @ table)
    return np.concatenate(sums)


def resample_confusion(confusion: np.ndarray, *, seed: int = 0) -> Marginals:
    """Return the marginals (b, k) of resamples of a confusion matrix (k, k), rows the truth."""
    classes, n = len(confusion), int(confusion.sum())
    truth, answer = np.nonzero(confusion)
    shares = confusion[truth, answer] / n
    random = np.random.default_rng(seed)
    resamples = RESAMPLES if len(shares) < _MANY else _FEW
    parts = []
    for size in _chunks(len(shares), resamples=resamples):
        drawn = random.multinomial(n, shares, size=size)
        right = np.where(truth == answer, drawn, 0)
        pairs = ((truth, right), (answer, drawn), (truth, drawn))
        parts.append([_sums_by(group, columns, classes) for group, columns in pairs])
    hits, answered, support = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Marginals(hits=hits, answered=answered, support=support)


def _sums_by(group: np.ndarray, columns: np.ndarray, groups: int) -> np.ndarray:
    """Return the sums (b, groups) of the columns (b, m) that belong to each group, group (m,)."""
    order = np.argsort(group, kind="stable")
    present, starts = np.unique(group[order], return_index=True)
    sums = np.zeros((len(columns), groups), np.int64)
    sums[:, present] = np.add.reduceat(columns[:, order], starts, axis=1)
    return sums


def _chunks(cells: int, *, resamples: int) -> Iterator[int]:
    """Yield the sizes of chunks of resamples that fit in memory and add up to all of them."""
    at_once = max(1, min(resamples, _CELLS_AT_ONCE // max(1, cells)))
    for start in range(0, resamples, at_once):
        yield min(at_once, resamples - start)
