"""Averages over classes, of the sample and of its resamples, and the intervals they give.

A mean over classes has the intervals of the classes put together (MOVER): the bootstrap of a
class of three images knows only what three images showed. Where figures of classes move
together, as two classes that are taken for each other, the bootstrap knows it and MOVER does
not; so the limit that is further out counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sightline.evaluation.clusters import Clusters
from sightline.evaluation.counts import Counts
from sightline.evaluation.estimates import Estimate, mean_of, wider
from sightline.evaluation.records import Averages, ClassScores
from sightline.evaluation.resampling import (
    CORRELATION,
    SHARE,
    percentile_estimate,
    resample_confusion,
    resample_sums,
)
from sightline.evaluation.scores import Marginals, Rate


@dataclass(frozen=True, kw_only=True, eq=False)
class Resamples:
    """What b resamples of the images, or of whole groups of them, gave.

    Attributes:
        marginals: Of each resample, (b, k); None where there is no image.
        totals: Images in each resample, (b,).
        means: Means over the images of each resample, (b, m).
        units: How many images, or groups, were there to draw.
    """

    marginals: Marginals | None
    totals: np.ndarray
    means: np.ndarray
    units: int

    @classmethod
    def of_confusion(cls, counts: Counts, *, seed: int) -> Resamples:
        """Resample answers of one class each."""
        nothing = np.zeros((counts.n, 0))
        if counts.clusters is not None or not counts.n:
            truth, answer = counts.truth_and_answer
            return cls.of_images(truth, answer, nothing, clusters=counts.clusters, seed=seed)
        # As good and much cheaper: the cells of the confusion matrix are multinomial.
        drawn = resample_confusion(counts.confusion, seed=seed)
        totals = np.full(len(drawn.hits), counts.n)
        return cls(marginals=drawn, totals=totals, means=nothing, units=counts.n)

    @classmethod
    def of_images(
        cls,
        truth: np.ndarray,
        answer: np.ndarray,
        means: np.ndarray,
        *,
        clusters: Clusters | None,
        seed: int,
    ) -> Resamples:
        """Resample whole images, or whole groups of them.

        Labels are never drawn apart: those of one image are not independent of each other.

        Args:
            truth: Which classes each image has, bool (n, k).
            answer: Which it is given, bool (n, k).
            means: What else to take the mean of, (n, m).
            clusters: Which images hang together.
            seed: Of the bootstrap.
        """
        n, width = truth.shape
        if not n:
            return cls(marginals=None, totals=np.zeros(0), means=means, units=0)
        table = np.concatenate([truth & answer, answer, truth, means, np.ones((n, 1))], axis=1)
        table = table if clusters is None else clusters.sums(table)
        drawn = resample_sums(table, seed=seed)
        hits, answered, support = np.split(drawn[:, : 3 * width], 3, axis=1)
        totals = drawn[:, -1]
        return cls(
            marginals=Marginals(hits=hits, answered=answered, support=support),
            totals=totals,
            means=drawn[:, 3 * width : -1] / totals[:, None],
            units=len(table),
        )

    def agreements(self, sample: Marginals, *, n: int) -> list[tuple[Estimate, Estimate]]:
        """Return Matthews' correlation and Cohen's kappa of each class against the rest."""
        if self.marginals is None:
            return [(Estimate.undefined(), Estimate.undefined())] * len(sample.hits)
        own, drawn = sample.against_the_rest(n), self.marginals.against_the_rest(self.totals)
        rarest = np.minimum(sample.support, n - sample.support)
        columns = [
            [
                _estimate(
                    float(value),
                    resampled,
                    n=n,
                    units=self.units,
                    effective_n=max(1.0, float(least)),
                    within=CORRELATION,
                )
                for value, resampled, least in zip(of(own), of(drawn).T, rarest, strict=True)
            ]
            for of in (Marginals.matthews, Marginals.kappa)
        ]
        return list(zip(*columns, strict=True))


@dataclass(frozen=True, kw_only=True)
class Averaging:
    """Averages of the sample and of its resamples; undefined where there is no image.

    Attributes:
        n: Images.
        sample: What was counted.
        resamples: What was drawn.
        per_class: The classes with their intervals.
    """

    n: int
    sample: Marginals
    resamples: Resamples
    per_class: tuple[ClassScores, ...]

    def balanced_accuracy(self) -> Estimate:
        """Return the mean recall of the classes that have images."""
        parts = [scores.recall for scores in self.per_class if scores.support]
        return self._wider(Marginals.balanced_accuracy, parts)

    def macro(self) -> Averages:
        """Return the means over the classes that occur in labels or answers."""

        def one(rate: Rate) -> Estimate:
            parts = [
                getattr(scores, rate)
                for scores in self.per_class
                if scores.support or scores.answered
            ]
            return self._wider(lambda marginals: marginals.macro(rate), parts)

        return _averages(one)

    def micro(self) -> Averages:
        """Return the rates of all classes counted together."""
        return _averages(
            lambda rate: self._bootstrap(lambda one: one.micro(rate), self.resamples.units, SHARE)
        )

    def weighted(self) -> Averages:
        """Return the means weighted by support."""
        present = [scores for scores in self.per_class if scores.support]
        total = sum(scores.support for scores in present)
        shares = [scores.support / total for scores in present]

        def one(rate: Rate) -> Estimate:
            parts = [getattr(scores, rate) for scores in present]
            return self._wider(lambda marginals: marginals.weighted(rate), parts, shares)

        return _averages(one)

    def matthews(self) -> Estimate:
        """Return Matthews' correlation."""
        return self._bootstrap(Marginals.matthews, self._rarest(), CORRELATION)

    def kappa(self) -> Estimate:
        """Return Cohen's kappa."""
        return self._bootstrap(Marginals.kappa, self._rarest(), CORRELATION)

    def _wider(
        self,
        average: Callable[[Marginals], np.ndarray],
        parts: list[Estimate],
        shares: list[float] | None = None,
    ) -> Estimate:
        if not parts:
            return Estimate.undefined()
        drawn = self._bootstrap(average, None, SHARE)
        together = mean_of(parts, n=self.n, shares=shares)
        limits = ((one.low, one.high) for one in (drawn, together))
        return wider(drawn.value, *limits, n=self.n)

    def _bootstrap(
        self,
        average: Callable[[Marginals], np.ndarray],
        effective_n: float | None,
        within: tuple[float, float],
    ) -> Estimate:
        drawn = self.resamples.marginals
        if drawn is None:
            return Estimate.undefined()
        return _estimate(
            float(average(self.sample)),
            average(drawn),
            n=self.n,
            units=self.resamples.units,
            effective_n=effective_n,
            within=within,
        )

    def _rarest(self) -> float:
        """Return the trials that a perfect agreement is worth: images of the rarer classes."""
        rare = self.n - self.sample.support.max(initial=0)
        return float(max(1.0, rare * self.resamples.units / max(1, self.n)))


def _averages(one: Callable[[Rate], Estimate]) -> Averages:
    return Averages(precision=one("precision"), recall=one("recall"), f1=one("f1"))


def _estimate(
    value: float,
    resampled: np.ndarray,
    *,
    n: int,
    units: int,
    effective_n: float | None,
    within: tuple[float, float],
) -> Estimate:
    if np.isnan(value):
        return Estimate.undefined()
    return percentile_estimate(
        value,
        # A resample in which nothing varies shows no correlation.
        np.nan_to_num(resampled, nan=0.0),
        n=n,
        units=units,
        effective_n=effective_n,
        within=within,
    )
