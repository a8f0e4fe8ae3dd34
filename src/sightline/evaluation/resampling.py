"""Intervals by the bootstrap: seeded, so that the same answers always give the same limits.

Resampling images with replacement is resampling counts: the cells of a confusion matrix are
multinomial, so its bootstrap costs the same for a thousand images and for a million.

Source: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from sightline.evaluation.clusters import Clusters, student95
from sightline.evaluation.estimates import Z95, Estimate, wilson_limits
from sightline.evaluation.scores import Marginals

RESAMPLES = 2000
EVERYTHING = (-math.inf, math.inf)
SHARE = (0.0, 1.0)
CORRELATION = (-1.0, 1.0)
_CELLS_AT_ONCE = 4_000_000
# From so many images on, drawing them is slow and every mean is as good as normal: its closed
# form, or few resamples that only give the spread, take over.
_MANY = 10_000
_FEW = 400
_LEAST_ERROR = 0.05


def percentile_estimate(
    value: float,
    resampled: np.ndarray,
    *,
    n: int,
    units: int | None = None,
    effective_n: float | None = None,
    within: tuple[float, float] = EVERYTHING,
) -> Estimate:
    """Return `value` with the middle 95 % of `resampled` as its interval, for few units widened.

    Args:
        value: The figure of the sample itself.
        resampled: The figure of each resample, (b,).
        n: Images.
        units: How many images or groups were there to draw; n by default. A bootstrap of few
            is too narrow by the factor that tells Student's t from the normal distribution.
        effective_n: For a share: how many trials it is worth. A sample without an error gives
            resamples without one; Wilson's limits then stand in for a bootstrap that collapsed
            to a point.
        within: What the figure can be.

    Source: T. C. Hesterberg, "What teachers should know about the bootstrap", The American
    Statistician 69 (2015), 371-386 (the expanded percentile interval).
    """
    if math.isnan(value):
        return Estimate.undefined()
    low, high = np.quantile(resampled, [0.025, 0.975])
    if len(resampled) <= _FEW:  # too few for the tails, enough for the spread
        low, high = value + np.array([-Z95, Z95]) * resampled.std(ddof=1)
    drawn = max(2, n if units is None else units)
    factor = student95(drawn - 1) / Z95 * math.sqrt(drawn / (drawn - 1))
    low, high = value - (value - low) * factor, value + (high - value) * factor
    low, high = max(low, within[0]), min(high, within[1])
    if effective_n is not None and high - low < 1e-12:
        low, high = wilson_limits(min(1.0, max(0.0, value)), effective_n)
    return Estimate(value=value, low=float(min(low, value)), high=float(max(high, value)), n=n)


def mean_estimate(
    values: np.ndarray,
    *,
    within: tuple[float, float] = EVERYTHING,
    clusters: Clusters | None = None,
    seed: int = 0,
) -> Estimate:
    """Return the mean of one float64 value per image, (n,), with the interval of the bootstrap-t.

    A loss is small for most images and great for a few. Whether such a few are in a sample
    decides its mean and its spread at once, which only a bootstrap of both at once knows.

    Args:
        values: One for each image.
        within: What the mean can be.
        clusters: Which images hang together; whole groups are drawn then.
        seed: Of the bootstrap.

    Source: B. Efron and R. Tibshirani, as above, chapter 12.5.
    """
    n = len(values)
    if n == 0:
        return Estimate.undefined()
    value = float(values.mean())
    sums, sizes = values, np.ones(n)
    if clusters is not None:
        sums, sizes = clusters.sums(np.column_stack([values, sizes])).T
    error = math.sqrt(float(((sums - value * sizes) ** 2).sum())) / n
    if len(sums) < _MANY:
        # Of a resample: its mean, and the standard error that it would be given.
        products = (sums, sizes, sums * sums, sums * sizes, sizes * sizes)
        total, count, squares, mixed, square_sizes = resample_sums(
            np.stack(products, axis=1), seed=seed
        ).T
        means = total / count
        spread = squares - 2 * means * mixed + means * means * square_sizes
        # A resample without any of the few would be sure of itself beyond reason.
        errors = np.maximum(np.sqrt(np.maximum(0.0, spread)) / count, _LEAST_ERROR * error)
        last, first = np.quantile((means - value) / np.maximum(errors, 1e-300), [0.025, 0.975])
    else:
        last, first = -Z95, Z95
    low, high = value - first * error, value - last * error
    if error <= 1e-12 * max(1.0, abs(value)) and math.isfinite(within[1] - within[0]):
        # All the same, or one group: how rare another value may be is Wilson's question, and it
        # may be the worst.
        rarest = wilson_limits(0.0, len(sums))[1]
        low, high = (value + rarest * (bound - value) for bound in within)
    low, high = max(low, within[0]), min(high, within[1])
    return Estimate(value=value, low=float(min(low, value)), high=float(max(high, value)), n=n)


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
