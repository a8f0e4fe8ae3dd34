"""How well a probability ranks images: ROC and precision-recall curves and what lies below them.

Images of equal probability are one step of a curve: which of them comes first is chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """A curve, from the strictest threshold to the laxest.

    Attributes:
        x: Float64 (m,): the false positive rate, or the recall.
        y: Float64 (m,): the true positive rate, or the precision.
        thresholds: Float64 (m,): the class is given from this probability on; the first point
            has infinity, nothing is given.
    """

    x: np.ndarray
    y: np.ndarray
    thresholds: np.ndarray

    def thinned(self, points: int) -> Curve:
        """Return at most so many of the points, evenly spaced along the curve, ends included."""
        if len(self.x) <= points:
            return self
        way = np.abs(np.diff(self.x)) + np.abs(np.diff(self.y))
        gone = np.concatenate([[0.0], way.cumsum()])
        which = np.unique(np.searchsorted(gone, np.linspace(0, gone[-1], points - 1)))
        which = np.unique(np.append(which, [0, len(gone) - 1]))
        return Curve(x=self.x[which], y=self.y[which], thresholds=self.thresholds[which])


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranked:
    """Images in the order of their probability, those of equal probability on one level.

    Attributes:
        truth: Which images have the class, bool (n,).
        level: Of each image, 0 for the most probable, int64 (n,).
        thresholds: The probability of each level, float64 (m,).
        hits: Images of the class down to each level, int64 (m + 1,), 0 first.
        false: Other images down to each level, int64 (m + 1,), 0 first.
    """

    truth: np.ndarray
    level: np.ndarray
    thresholds: np.ndarray
    hits: np.ndarray
    false: np.ndarray

    @classmethod
    def of(cls, truth: np.ndarray, probabilities: np.ndarray) -> Ranked:
        """Rank images by the probability of one class, both (n,)."""
        falling, level = np.unique(-probabilities, return_inverse=True)
        hits = np.bincount(level[truth], minlength=len(falling)).cumsum()
        reached = np.bincount(level, minlength=len(falling)).cumsum()
        return cls(
            truth=truth,
            level=level,
            thresholds=-falling.astype(np.float64),
            hits=np.concatenate([[0], hits]),
            false=np.concatenate([[0], reached - hits]),
        )

    @property
    def present(self) -> int:
        """How many images have the class."""
        return int(self.hits[-1])

    @property
    def absent(self) -> int:
        """How many have not."""
        return int(self.false[-1])

    def roc(self) -> Curve:
        """Return the ROC curve; both kinds of image must occur."""
        return Curve(
            x=self.false / self.absent,
            y=self.hits / self.present,
            thresholds=np.concatenate([[np.inf], self.thresholds]),
        )

    def precision_recall(self) -> Curve:
        """Return precision over recall, from (0, 1); the class must occur."""
        precision = self.hits[1:] / (self.hits[1:] + self.false[1:])
        return Curve(
            x=self.hits / self.present,
            y=np.concatenate([[1.0], precision]),
            thresholds=np.concatenate([[np.inf], self.thresholds]),
        )

    def auc(self) -> tuple[float, np.ndarray]:
        """Return the area under the ROC curve and each image's influence on it, (n,).

        The area is the chance that an image with the class is ranked above one without, ties
        counting half; the influences are those of DeLong et al. (1988).
        """
        won = 1 - (self.false[:-1] + self.false[1:]) / 2 / self.absent
        lost = (self.hits[:-1] + self.hits[1:]) / 2 / self.present
        area = float(won[self.level[self.truth]].mean())
        influence = np.where(
            self.truth,
            (won[self.level] - area) / self.present,
            (lost[self.level] - area) / self.absent,
        )
        return area, influence

    def average_precision(self) -> tuple[float, np.ndarray]:
        """Return the mean precision at the images of the class and each image's influence, (n,).

        An image moves the mean by its own precision and by that of all images below it; the
        influences sum to zero.
        """
        hits, false = self.hits[1:].astype(np.float64), self.false[1:]
        weight = np.diff(self.hits) / self.present
        precision = hits / (hits + false)
        mean = float((weight * precision).sum())
        slope = weight / (hits + false) ** 2
        by_hit, by_false = (np.cumsum((slope * part)[::-1])[::-1] for part in (false, hits))
        influence = np.where(
            self.truth,
            (precision - mean)[self.level] / self.present + by_hit[self.level],
            -by_false[self.level],
        )
        return mean, influence


def coverage_depths(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return how many labels must be given so that all of the image's are among them, (n,).

    Its mean is scikit-learn's `coverage_error`; 0 for an image without labels.
    """
    least = np.where(truth, probabilities, np.inf).min(axis=1, initial=np.inf)
    return np.asarray((probabilities >= least[:, None]).sum(axis=1), np.float64)


def ranking_precisions(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return for each image the mean precision at its labels, (n,); 1 where there is no choice.

    Its mean is scikit-learn's `label_ranking_average_precision_score`.
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")
    sorted_truth = np.take_along_axis(truth, order, axis=1)
    falling = np.take_along_axis(probabilities, order, axis=1)
    width = truth.shape[1]
    # The last place of those that are equally probable stands for all of them.
    last = np.append(falling[:, 1:] != falling[:, :-1], np.ones((len(truth), 1), bool), axis=1)
    places = np.where(last, np.arange(width), width)
    places = np.minimum.accumulate(places[:, ::-1], axis=1)[:, ::-1]
    found = np.take_along_axis(sorted_truth.cumsum(axis=1), places, axis=1)
    labels = truth.sum(axis=1)
    sums = np.where(sorted_truth, found / (places + 1), 0.0).sum(axis=1)
    choice = (labels > 0) & (labels < width)
    return np.where(choice, sums / np.maximum(labels, 1), 1.0)
