"""Is one classifier better than another on the same images? Compared image by image.

Two accuracies with overlapping intervals may still differ beyond doubt, because most images
are right or wrong for both. Only the images where they disagree carry the answer.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sightline.errors import DataError
from sightline.evaluation.clusters import numbered
from sightline.evaluation.counts import Labels, label_matrix
from sightline.evaluation.estimates import Estimate, wilson, wilson_limits
from sightline.evaluation.resampling import percentile_estimate, resample_sums
from sightline.files import printable
from sightline.predictions import Predictions


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two classifiers on the same images.

    Attributes:
        n: Images that both answered.
        failed: Images that at least one of them could not answer; they are in no figure.
        before: Accuracy of the first.
        after: Accuracy of the second.
        gain: `after` minus `before`, with the interval of the paired bootstrap.
        only_before: Images that only the first has right.
        only_after: Images that only the second has right.
        p_value: McNemar's exact: how probable so uneven a split is if neither is better.
    """

    n: int
    failed: int
    before: Estimate
    after: Estimate
    gain: Estimate
    only_before: int
    only_after: int
    p_value: float

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            "n": self.n,
            "failed": self.failed,
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "gain": self.gain.to_json(),
            "only_before": self.only_before,
            "only_after": self.only_after,
            "p_value": self.p_value,
        }


def compare(
    before: Predictions, after: Predictions, labels: Labels, *, seed: int = 0
) -> Comparison:
    """Compare the answers of two classifiers for the same images.

    Args:
        before: Answers of the one.
        after: Answers of the other, for the same names in the same order; its classes may
            stand in another order.
        labels: The right answers, aligned with both.
        seed: Of the bootstrap.

    Raises:
        DataError: The names differ, or the labels do not fit.
    """
    if before.names != after.names:
        differing = [a for a, b in zip(before.names, after.names, strict=False) if a != b]
        where = f", first at {printable(differing[0])!r}" if differing else ""
        raise DataError(
            f"The two predictions are of different images: {len(before)} and {len(after)}{where}.",
            expected="the same names in the same order",
            code="different_images",
        )
    both = before.ok & after.ok
    first, second = (right_answers(one, labels)[both] for one in (before, after))
    n = len(first)
    only_before, only_after = int((first & ~second).sum()), int((second & ~first).sum())
    return Comparison(
        n=n,
        failed=len(before) - n,
        before=wilson(int(first.sum()), n),
        after=wilson(int(second.sum()), n),
        gain=paired_gain(first, second, seed=seed),
        only_before=only_before,
        only_after=only_after,
        p_value=mcnemar(only_before, only_after),
    )


def right_answers(predictions: Predictions, labels: Labels) -> np.ndarray:
    """Return which images are answered wholly right: bool (n,); failed rows are not.

    Raises:
        DataError: The labels do not fit.
    """
    same = predictions.chosen == label_matrix(predictions, labels)
    return np.asarray(same.all(axis=1) & predictions.ok)


def mcnemar(only_before: int, only_after: int) -> float:
    """Return the exact two-sided p-value of McNemar's test; 1 where nothing differs.

    Args:
        only_before: Images that only the first classifier has right.
        only_after: Images that only the second has right.

    Source: Q. McNemar, Psychometrika 12 (1947), 153-157; exact form: the binomial test.
    """
    n, fewer = only_before + only_after, min(only_before, only_after)
    if n == 0:
        return 1.0
    # Binomial weights as running sums of logarithms: 2**-n itself is 0 from n = 1075 on.
    steps = np.arange(fewer, dtype=np.float64)
    logs = np.concatenate([[0.0], np.cumsum(np.log((n - steps) / (steps + 1)))])
    return float(min(1.0, 2 * np.exp(logs - n * np.log(2)).sum()))


def paired_gain(
    before: np.ndarray,
    after: np.ndarray,
    *,
    images: Sequence[Hashable] | None = None,
    runs: Sequence[Hashable] | None = None,
    seed: int = 0,
) -> Estimate:
    """Return the mean of `after - before` with its bootstrap interval.

    Answers to one image hang together, and so do those of one run (a split and a training
    seed). Where images recur in several runs, whole images and whole runs are drawn, both at
    once, and an answer counts as often as its image times its run were drawn. Leaving either
    out would count the same evidence many times.

    Args:
        before: Score of each answer, (m,): bool for right or wrong, or float64.
        after: Score of the other classifier for the same image in the same run, (m,).
        images: Which image each answer is of, (m,); by default each is of its own.
        runs: Which run each answer is from, (m,); by default all are from one.
        seed: Of the resampling.

    Returns:
        The gain; its n is the number of different images.

    Raises:
        DataError: The arguments are of different lengths.

    Source: A. B. Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1 (2007),
    386-411; its intervals are somewhat too wide, never too narrow in the limit.
    """
    m = len(before)
    lengths = {len(given) for given in (before, after, images, runs) if given is not None}
    if len(lengths) > 1:
        raise DataError(
            f"Paired scores of different lengths: {sorted(lengths)}.",
            expected="one entry for each answer in all arguments",
            code="different_lengths",
        )
    if m == 0:
        return Estimate.undefined()
    gains = np.asarray(after, np.float64) - np.asarray(before, np.float64)
    image_of = numbered(images if images is not None else range(m))
    run_of = numbered(runs if runs is not None else [0] * m)
    n, run_count = int(image_of.max()) + 1, int(run_of.max()) + 1
    value = float(gains.mean())
    if not gains.any():
        # Never seen to differ: how rare a difference may be is Wilson's question.
        rarest = wilson_limits(0.0, n)[1]
        return Estimate(value=0.0, low=-rarest, high=rarest, n=n)
    # A run's answers to one image, and how many: sums over a table of images and runs.
    cells = image_of * run_count + run_of
    shape, size = (n, run_count), n * run_count
    totals = np.bincount(cells, weights=gains, minlength=size).reshape(shape)
    counts = np.bincount(cells, minlength=size).reshape(shape).astype(np.float64)
    return percentile_estimate(value, _resample_means(totals, counts, seed), n=n)


def _resample_means(totals: np.ndarray, counts: np.ndarray, seed: int) -> np.ndarray:
    """Return the mean gain (b,) when rows and columns of (images, runs) are both resampled."""
    runs = totals.shape[1]
    sums = resample_sums(np.concatenate([totals, counts], axis=1), seed=seed)
    random = np.random.default_rng([seed, 1])
    run_times = random.multinomial(runs, [1 / runs] * runs, size=len(sums))
    gained = (sums[:, :runs] * run_times).sum(axis=1)
    drawn = (sums[:, runs:] * run_times).sum(axis=1)
    # A resample may miss every image of the runs that it drew.
    return np.asarray(gained[drawn > 0] / drawn[drawn > 0])
