"""Figures of the probabilities themselves: do they rank images rightly, do they mean what they say.

They need every probability and so, unlike counts, cannot be added up over a stream. Their
intervals come in closed form from each image's influence, because a bootstrap would have to
rank all images again thousands of times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sightline.evaluation.clusters import Clusters, linear_limits, worth_of
from sightline.evaluation.estimates import Estimate, auc_limits, mean_of, wider, wilson_limits
from sightline.evaluation.ranking import Curve, Ranked, coverage_depths, ranking_precisions
from sightline.evaluation.reliability import ReliabilityBin, calibration_error, reliability
from sightline.evaluation.resampling import SHARE, mean_estimate
from sightline.predictions import Task

_POINTS = 100


@dataclass(frozen=True, kw_only=True)
class ClassRanking:
    """How well the probability of one class ranks images.

    Attributes:
        roc_auc: Area under the ROC curve, this class against the rest; undefined unless some
            images have the class and some have not.
        average_precision: Mean precision at the images of the class; undefined without one.
        roc: The ROC curve, thinned to 100 points; None where undefined.
        precision_recall: Precision over recall, thinned likewise.
    """

    roc_auc: Estimate
    average_precision: Estimate
    roc: Curve | None
    precision_recall: Curve | None

    def to_json(self) -> dict[str, Any]:
        """Return the areas; curves are for pictures."""
        return {
            "roc_auc": self.roc_auc.to_json(),
            "average_precision": self.average_precision.to_json(),
        }


@dataclass(frozen=True, kw_only=True)
class Probabilistic:
    """What the probabilities are worth.

    Attributes:
        brier: Mean squared distance of the probabilities from the truth, as scikit-learn's
            `brier_score_loss`: summed over classes (0 to 2), halved for two classes;
            multi-label: mean over labels, 0 to 1.
        calibration_error: Expected calibration error of the answers (multi-label: of each
            label's probability) in at most 15 bins of equal mass.
        reliability: The bins.
        roc_auc: Mean over the classes for which it is defined.
        weighted_roc_auc: The same mean, weighted by the images of each class.
        average_precision: Mean over the classes that have images.
        classes: Each class against the rest.
        coverage_error: Multi-label: how many of the most probable labels it takes, on average,
            to have all right ones among them.
        ranking_precision: Multi-label: mean over images of the precision at their labels
            (scikit-learn's label ranking average precision).
    """

    brier: Estimate
    calibration_error: Estimate
    reliability: tuple[ReliabilityBin, ...]
    roc_auc: Estimate
    weighted_roc_auc: Estimate
    average_precision: Estimate
    classes: Mapping[str, ClassRanking]
    coverage_error: Estimate | None = None
    ranking_precision: Estimate | None = None

    def to_json(self) -> dict[str, Any]:
        """Return all but the curves."""
        ranking = (self.coverage_error, self.ranking_precision)
        coverage, precision = (None if one is None else one.to_json() for one in ranking)
        return {
            "brier": self.brier.to_json(),
            "calibration_error": self.calibration_error.to_json(),
            "reliability": [one.to_json() for one in self.reliability],
            "roc_auc": self.roc_auc.to_json(),
            "weighted_roc_auc": self.weighted_roc_auc.to_json(),
            "average_precision": self.average_precision.to_json(),
            "classes": [
                {"name": name, **ranking.to_json()} for name, ranking in self.classes.items()
            ],
            "coverage_error": coverage,
            "ranking_precision": precision,
        }


def judge_probabilities(
    task: Task,
    classes: tuple[str, ...],
    truth: np.ndarray,
    probabilities: np.ndarray,
    *,
    clusters: Clusters | None = None,
    seed: int = 0,
) -> Probabilistic:
    """Judge the probabilities of n images.

    Args:
        task: `"multi_class"` or `"multi_label"`.
        classes: The k class names.
        truth: Which classes each image has, bool (n, k).
        probabilities: Float32 (n, k).
        clusters: Which images hang together.
        seed: Of the bootstrap, for Brier score, calibration and coverage error.
    """
    several = task == "multi_label"
    areas = _Areas(truth, clusters)
    rankings = {
        name: areas.add(Ranked.of(truth[:, column], probabilities[:, column]))
        for column, name in enumerate(classes)
    }
    roc_auc, weighted, precision = areas.means()
    confidence, right, image = _decisions(task, truth, probabilities.astype(np.float64))
    if clusters is not None:
        of_decisions: Clusters | None = clusters.at(image)
    else:
        of_decisions = Clusters(of=image, count=len(truth)) if several else None
    brier = _squared(task, truth, probabilities.astype(np.float64))
    return Probabilistic(
        brier=mean_estimate(
            brier,
            within=SHARE if several or len(classes) == 2 else (0.0, 2.0),
            clusters=clusters,
            seed=seed,
        ),
        calibration_error=calibration_error(
            confidence, right, n=len(truth), clusters=of_decisions, seed=seed
        ),
        reliability=reliability(confidence, right, clusters=of_decisions),
        roc_auc=roc_auc,
        weighted_roc_auc=weighted,
        average_precision=precision,
        classes=rankings,
        coverage_error=mean_estimate(
            coverage_depths(truth, probabilities),
            within=(0.0, float(len(classes))),
            clusters=clusters,
            seed=seed,
        )
        if several
        else None,
        ranking_precision=mean_estimate(
            ranking_precisions(truth, probabilities), within=SHARE, clusters=clusters, seed=seed
        )
        if several
        else None,
    )


def _squared(task: Task, truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return each image's Brier score, (n,)."""
    squares = (probabilities - truth) ** 2
    if task == "multi_label" or truth.shape[1] == 2:
        return np.asarray(squares.mean(axis=1))
    return np.asarray(squares.sum(axis=1))


def _decisions(
    task: Task, truth: np.ndarray, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the confidence of each decision, whether it is right, and its image, each (m,)."""
    images = np.arange(len(truth))
    if task == "multi_class":
        answer = probabilities.argmax(axis=1)
        return probabilities[images, answer], truth[images, answer], images
    return probabilities.ravel(), truth.ravel(), images.repeat(truth.shape[1])


class _Areas:
    """Areas of the classes and their means.

    An image that is ranked badly for one class is often ranked badly for others: influences
    are added up image by image, so that the intervals of the means know it. Areas of few images
    have limits that do not believe the ranks alone; the wider limits count.
    """

    def __init__(self, truth: np.ndarray, clusters: Clusters | None) -> None:
        self._clusters = clusters
        self._areas, self._precisions = _Mean(len(truth)), _Mean(len(truth))

    def add(self, ranked: Ranked) -> ClassRanking:
        roc_auc = average_precision = Estimate.undefined()
        roc = precision_recall = None
        if ranked.present:
            value, influence = ranked.average_precision()
            few = wilson_limits(value, worth_of(ranked.truth, influence, self._clusters))
            average_precision = self._estimate(value, influence, few)
            self._precisions.add(ranked.truth, average_precision, influence)
            precision_recall = ranked.precision_recall().thinned(_POINTS)
        if ranked.present and ranked.absent:
            value, influence = ranked.auc()
            worths = [
                worth_of(some, influence, self._clusters) for some in (ranked.truth, ~ranked.truth)
            ]
            roc_auc = self._estimate(value, influence, auc_limits(value, *worths))
            self._areas.add(ranked.truth, roc_auc, influence)
            roc = ranked.roc().thinned(_POINTS)
        return ClassRanking(
            roc_auc=roc_auc,
            average_precision=average_precision,
            roc=roc,
            precision_recall=precision_recall,
        )

    def means(self) -> tuple[Estimate, Estimate, Estimate]:
        """Return the means of the ROC AUC, plain and weighted, and of the average precision."""
        if not self._precisions.estimates:
            return (Estimate.undefined(),) * 3
        precision = self._mean(*self._precisions.plain())
        if not self._areas.estimates:
            return Estimate.undefined(), Estimate.undefined(), precision
        return self._mean(*self._areas.plain()), self._mean(*self._areas.weighted()), precision

    def _mean(self, together: Estimate, influence: np.ndarray) -> Estimate:
        return self._estimate(together.value, influence, (together.low, together.high))

    def _estimate(self, value: float, influence: np.ndarray, few: tuple[float, float]) -> Estimate:
        limits = linear_limits(value, influence, self._clusters)
        return wider(value, limits, few, n=len(influence))


class _Mean:
    """The mean of the classes' figures; keeps sums, for a thousand influences fill the memory.

    Attributes:
        estimates: The figures.
    """

    def __init__(self, n: int) -> None:
        self.estimates: list[Estimate] = []
        self._support: list[float] = []
        self._influence, self._by_support = np.zeros(n), np.zeros(n)
        self._classes, self._values = np.zeros(n), np.zeros(n)

    def add(self, truth: np.ndarray, estimate: Estimate, influence: np.ndarray) -> None:
        """Take the figure of one class, and how much each image moves it, (n,)."""
        support = float(truth.sum())
        self.estimates.append(estimate)
        self._support.append(support)
        self._influence += influence
        self._by_support += support * influence
        self._classes += truth
        self._values += truth * estimate.value

    def plain(self) -> tuple[Estimate, np.ndarray]:
        """Return the mean and how much each image moves it."""
        count = len(self.estimates)
        mean = mean_of(self.estimates, n=len(self._influence))
        return mean, self._influence / count

    def weighted(self) -> tuple[Estimate, np.ndarray]:
        """Return the mean by support, and how much each image moves it."""
        total = sum(self._support)
        shares = [one / total for one in self._support]
        mean = mean_of(self.estimates, shares=shares, n=len(self._influence))
        # The weights are of the sample too.
        moved = self._values - mean.value * self._classes
        return mean, (self._by_support + moved) / total
