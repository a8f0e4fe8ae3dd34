"""Is one classifier better than another on the same images? Compared image by image.

Two accuracies with overlapping intervals may still differ beyond doubt, because most images
are right or wrong for both. Only the images where they disagree carry the answer.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np

from sightline.errors import DataError
from sightline.evaluation.changes import Change, ClassChange, Difference, changes, with_columns
from sightline.evaluation.clusters import Clusters, share_estimate
from sightline.evaluation.counts import Counts, Labels, label_matrix
from sightline.evaluation.estimates import Estimate, wilson_limits
from sightline.evaluation.grouping import Groups, group_sums, independent, numbered
from sightline.evaluation.resampling import percentile_estimate, resample_sums
from sightline.evaluation.scores import Marginals
from sightline.evaluation.significance import SIGNIFICANT, holm, images_needed, sign_flip
from sightline.files import printable
from sightline.predictions import Predictions, Task

Verdict = Literal["better", "worse", "not_told_apart"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two classifiers on the same images.

    Attributes:
        n: Images that both answered.
        failed: Images that at least one of them could not answer; they are in no figure.
        groups: How many groups the images fall into, where some share one.
        independent: How many independent images they are worth, where whole groups turn together:
            (sum of sizes)² / sum of squared sizes.
        before: Accuracy of the first.
        after: Accuracy of the second.
        gain: `after` minus `before`, with the interval of the paired bootstrap.
        only_before: Images that only the first has right.
        only_after: Images that only the second has right.
        p_value: How probable so uneven a split is if neither is better: McNemar's exact test,
            or with groups its form for groups (`significance.sign_flip`).
        images_needed: How many images would probably show a difference of this size; None where
            none was seen.
        macro_f1: Of both.
        log_loss: Of both, in nats: a negative gain is better.
        per_class: The recall of each class.
        changes: The images whose answer differs.
    """

    n: int
    failed: int
    groups: int | None
    before: Estimate
    after: Estimate
    gain: Estimate
    only_before: int
    only_after: int
    p_value: float
    images_needed: int | None
    macro_f1: Difference
    log_loss: Difference
    per_class: tuple[ClassChange, ...]
    changes: tuple[Change, ...]
    independent: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """Whether the second is better or worse; only where test and interval both say so."""
        # With few disagreements the bootstrap is too sure of itself, and the exact test is not.
        if self.p_value >= SIGNIFICANT or self.gain.low <= 0 <= self.gain.high:
            return "not_told_apart"
        return "better" if self.gain.value > 0 else "worse"

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            "verdict": self.verdict,
            "n": self.n,
            "failed": self.failed,
            "groups": self.groups,
            "independent": self.independent,
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "gain": self.gain.to_json(),
            "only_before": self.only_before,
            "only_after": self.only_after,
            "p_value": self.p_value,
            "images_needed": self.images_needed,
            "macro_f1": self.macro_f1.to_json(),
            "log_loss": self.log_loss.to_json(),
            "per_class": [change.to_json() for change in self.per_class],
            "changes": [change.to_json() for change in self.changes],
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class _Paired:
    """The answers to the images that both classifiers answered.

    Attributes:
        classes: The k class names, in the first one's order.
        clusters: Which images hang together.
        truth: Which classes each image has, bool (n, k).
        before: Which the first gives it, bool (n, k).
        after: Which the second gives it, bool (n, k).
        seed: Of the bootstrap.
    """

    classes: tuple[str, ...]
    clusters: Clusters | None
    truth: np.ndarray
    before: np.ndarray
    after: np.ndarray
    seed: int

    @property
    def units(self) -> np.ndarray:
        """The number of each image's group, int64 (n,); of its own without groups."""
        return np.arange(len(self.truth)) if self.clusters is None else self.clusters.of

    def share(self, right: np.ndarray, rows: np.ndarray) -> Estimate:
        """Return the share of right answers (n,) over `rows`, a bool mask (n,)."""
        return share_estimate(right & rows, rows, self.clusters)

    def gain(self, before: np.ndarray, after: np.ndarray, rows: np.ndarray) -> Estimate:
        """Return the mean gain over `rows`, a bool mask (n,), of scores (n,)."""
        units = self.units[rows].tolist()
        gain = paired_gain(before[rows], after[rows], images=units, seed=self.seed)
        return replace(gain, n=int(rows.sum()))

    def p_value(self, before: np.ndarray, after: np.ndarray, rows: np.ndarray) -> float:
        """Return the exact p-value over `rows`, a bool mask (n,), of right answers (n,)."""
        return sign_flip(group_sums(after[rows].astype(np.int64) - before[rows], self.units[rows]))


def compare(
    before: Predictions,
    after: Predictions,
    labels: Labels,
    *,
    groups: Groups | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare the answers of two classifiers for the same images.

    Args:
        before: Answers of the one.
        after: Answers of the other, for the same names in the same order; its classes may
            stand in another order.
        labels: The right answers, aligned with both.
        groups: What each image belongs to (a patient, a camera), None for one of its own. Whole
            groups are then resampled and tested; by default each image stands for itself.
        seed: Of the bootstrap.

    Raises:
        DataError: The names, classes or tasks differ, or labels or groups do not fit.
    """
    _check_alike(before, after)
    both = before.ok & after.ok
    n, rows = int(both.sum()), np.flatnonzero(both).tolist()
    paired = _Paired(
        classes=before.classes,
        clusters=Clusters.among(both, groups),
        truth=label_matrix(before, labels)[both],
        before=before.chosen[both],
        after=with_columns(after, before.classes)[both],
        seed=seed,
    )
    first, second = ((paired.truth == one).all(axis=1) for one in (paired.before, paired.after))
    only_before, only_after = int((first & ~second).sum()), int((second & ~first).sum())
    kept = [labels[row] for row in rows]
    losses = [Counts.of(one[both], kept).losses for one in (before, after)]
    every = np.ones(n, bool)
    needed = images_needed(only_before, only_after, n)
    return Comparison(
        n=n,
        failed=len(before) - n,
        groups=None if paired.clusters is None else paired.clusters.count,
        before=paired.share(first, every),
        after=paired.share(second, every),
        gain=paired.gain(first, second, every),
        only_before=only_before,
        only_after=only_after,
        p_value=paired.p_value(first, second, every),
        images_needed=needed and math.ceil(needed * _inflation(first, second, paired.units)),
        macro_f1=_macro_f1(paired),
        log_loss=_log_loss(paired, losses[0], losses[1]),
        per_class=_per_class(paired),
        changes=changes(
            [before.names[row] for row in rows],
            before.classes,
            truth=paired.truth,
            before=paired.before,
            after=paired.after,
        ),
        independent=independent(paired.units),
    )


def _check_alike(before: Predictions, after: Predictions) -> None:
    if before.names != after.names:
        differing = [a for a, b in zip(before.names, after.names, strict=False) if a != b]
        where = f", first at {printable(differing[0])!r}" if differing else ""
        raise DataError(
            f"The two predictions are of different images: {len(before)} and {len(after)}{where}.",
            expected="the same names in the same order",
            code="different_images",
        )
    check_same_classes(before, after)


class _Answering(Protocol):
    """What has classes and a task: predictions, or what makes them."""

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def task(self) -> Task: ...


def check_same_classes(before: _Answering, after: _Answering) -> None:
    """Refuse two that do not tell the same classes apart; their order plays no part.

    Raises:
        DataError: `different_classes`.
    """
    lacking = [printable(name) for name in before.classes if name not in after.classes]
    further = [printable(name) for name in after.classes if name not in before.classes]
    if before.task == after.task and not lacking and not further:
        return
    found = [f"the first answers {before.task}, the second {after.task}"]
    if before.task == after.task:
        parts = (("first", lacking), ("second", further))
        found = [f"only the {one} knows {', '.join(names)}" for one, names in parts if names]
    raise DataError(
        f"The two models do not tell the same classes apart: {'; '.join(found)}.",
        expected="the same classes, in any order, and the same task",
        fix="judge each on its own: sightline evaluate MODEL DATA",
        code="different_classes",
    )


def right_answers(predictions: Predictions, labels: Labels) -> np.ndarray:
    """Return which images are answered wholly right: bool (n,); failed rows are not.

    Raises:
        DataError: The labels do not fit.
    """
    same = predictions.chosen == label_matrix(predictions, labels)
    return np.asarray(same.all(axis=1) & predictions.ok)


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
    if not np.ptp(gains):
        # Never seen to be otherwise: how rare that may be is Wilson's question.
        rarest, most = wilson_limits(0.0, n)[1], max(1.0, abs(value))
        low, high = max(-most, value - rarest), min(most, value + rarest)
        return Estimate(value=value, low=low, high=high, n=n)
    # A run's answers to one image, and how many: sums over a table of images and runs.
    cells = image_of * run_count + run_of
    shape, size = (n, run_count), n * run_count
    totals = np.bincount(cells, weights=gains, minlength=size).reshape(shape)
    counts = np.bincount(cells, minlength=size).reshape(shape).astype(np.float64)
    return percentile_estimate(value, _resample_means(totals, counts, seed), n=n)


def _per_class(paired: _Paired) -> tuple[ClassChange, ...]:
    found = []
    for column, name in enumerate(paired.classes):
        has = paired.truth[:, column]
        first, second = paired.before[:, column], paired.after[:, column]
        found.append(
            ClassChange(
                name=name,
                support=int(has.sum()),
                before=paired.share(first, has),
                after=paired.share(second, has),
                gain=paired.gain(first, second, has),
                only_before=int((first & ~second & has).sum()),
                only_after=int((second & ~first & has).sum()),
                p_value=paired.p_value(first, second, has),
                adjusted=1.0,
            )
        )
    adjusted = holm([change.p_value for change in found])
    return tuple(replace(one, adjusted=p) for one, p in zip(found, adjusted, strict=True))


def _macro_f1(paired: _Paired) -> Difference:
    n = len(paired.truth)
    if n == 0:
        return Difference(before=math.nan, after=math.nan, gain=Estimate.undefined())
    truth, before, after = paired.truth, paired.before, paired.after
    masks = (truth & before, before, truth & after, after, truth)
    table = np.concatenate(masks, axis=1).astype(np.float64)

    def both(sums: np.ndarray) -> np.ndarray:
        hits, answered, hits_after, answered_after, support = np.split(sums, 5, axis=-1)
        first = Marginals(hits=hits, answered=answered, support=support)
        second = Marginals(hits=hits_after, answered=answered_after, support=support)
        return np.stack([first.macro("f1"), second.macro("f1")])

    value, value_after = both(table.sum(axis=0)).tolist()
    by_unit = table if paired.clusters is None else paired.clusters.sums(table)
    if np.array_equal(before, after):
        # As in `paired_gain`, with the trials that a mean over classes is worth.
        has = by_unit[:, -truth.shape[1] :] > 0
        support = has.sum(axis=0)[has.any(axis=0)]
        worth = len(support) ** 2 / np.sum(1 / support) if len(support) else 1.0
        rarest = wilson_limits(0.0, float(worth))[1]
        gain = Estimate(value=0.0, low=-rarest, high=rarest, n=n)
    else:
        drawn, drawn_after = both(resample_sums(by_unit, seed=paired.seed))
        gained = drawn_after - drawn
        gain = percentile_estimate(value_after - value, gained, n=n, units=len(by_unit))
    return Difference(before=value, after=value_after, gain=gain)


def _log_loss(paired: _Paired, before: np.ndarray, after: np.ndarray) -> Difference:
    n = len(before)
    if n and np.array_equal(before, after):
        gain = Estimate(value=0.0, low=0.0, high=0.0, n=n)
    else:
        gain = paired.gain(before, after, np.ones(n, bool))
    first, second = (float(one.mean()) if n else math.nan for one in (before, after))
    return Difference(before=first, after=second, gain=gain)


def _inflation(before: np.ndarray, after: np.ndarray, units: np.ndarray) -> float:
    """Return how many times as many images are needed because they come in groups."""
    apart = after.astype(np.float64) - before
    apart -= apart.mean()
    if not apart.any():
        return len(units) / len(set(units.tolist()))
    return max(1.0, float((group_sums(apart, units) ** 2).sum() / (apart**2).sum()))


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
