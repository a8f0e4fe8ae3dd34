"""How far the accuracy falls as images get worse: each degree against the clean answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sightline.evaluation.clusters import Clusters, share_estimate
from sightline.evaluation.counts import Labels
from sightline.evaluation.estimates import Estimate
from sightline.evaluation.grouping import Groups, group_sums
from sightline.evaluation.paired import paired_gain, right_answers
from sightline.evaluation.significance import SIGNIFICANT, holm, sign_flip
from sightline.predictions import Predictions


@dataclass(frozen=True, kw_only=True)
class StressPoint:
    """The answers to images that are worse by one degree.

    Attributes:
        level: How bad.
        accuracy: On the images made worse.
        change: `accuracy` minus that of the clean images, paired.
        p_value: How probable so large a change is by chance (exact paired test).
        adjusted: The same, corrected for all points of all curves (Holm).
    """

    level: float
    accuracy: Estimate
    change: Estimate
    p_value: float
    adjusted: float

    @property
    def falls(self) -> bool:
        """Whether the answers are worse than those to the clean images, beyond chance."""
        return self.adjusted < SIGNIFICANT and self.change.value < 0

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            "level": self.level,
            "accuracy": self.accuracy.to_json(),
            "change": self.change.to_json(),
            "p_value": self.p_value,
            "adjusted": self.adjusted,
            "falls": self.falls,
        }


@dataclass(frozen=True, kw_only=True)
class StressCurve:
    """One way to be worse, the mildest degree first.

    Attributes:
        name: What it is called.
        unit: What a level means.
        points: One for each level.
    """

    name: str
    unit: str
    points: tuple[StressPoint, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the curve."""
        return {
            "name": self.name,
            "unit": self.unit,
            "points": [point.to_json() for point in self.points],
        }


@dataclass(frozen=True, kw_only=True)
class Stressed:
    """All curves, and what they start from.

    Attributes:
        clean: Accuracy on the same images as they are.
        failed: Images that cannot be decoded; they are in no figure.
        curves: One for each way to be worse.
    """

    clean: Estimate
    failed: int
    curves: tuple[StressCurve, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the curves."""
        return {
            "clean": self.clean.to_json(),
            "failed": self.failed,
            "curves": [curve.to_json() for curve in self.curves],
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Worse:
    """The answers to the same images made worse in one way.

    Attributes:
        name: What it is called.
        unit: What a level means.
        levels: How bad, the mildest first.
        answers: One record for each level, aligned with the clean answers.
    """

    name: str
    unit: str
    levels: tuple[float, ...]
    answers: tuple[Predictions, ...]


def judge_stress(
    clean: Predictions,
    worse: Sequence[Worse],
    labels: Labels,
    *,
    groups: Groups | None = None,
    failed: int = 0,
    seed: int = 0,
) -> Stressed:
    """Compare the answers to worse images with those to the clean ones, image by image.

    Args:
        clean: The answers to the images as they are.
        worse: The answers to the same images made worse.
        labels: The right answers, aligned with both.
        groups: What each image belongs to, None for one of its own.
        failed: Images that could not be asked about.
        seed: Of the bootstrap.

    Raises:
        DataError: The labels or the groups do not fit.
    """
    everything = np.ones(len(clean), bool)
    clusters = Clusters.among(everything, groups)
    units = np.arange(len(clean)) if clusters is None else clusters.of
    right = right_answers(clean, labels)
    after = [[right_answers(one, labels) for one in way.answers] for way in worse]
    gains = [one.astype(np.int64) - right for way in after for one in way]
    p_values = [sign_flip(group_sums(gain, units)) for gain in gains]
    found = iter(zip(p_values, holm(p_values), strict=True))
    curves = []
    for way, answers in zip(worse, after, strict=True):
        points = []
        for level, one in zip(way.levels, answers, strict=True):
            p_value, adjusted = next(found)
            points.append(
                StressPoint(
                    level=level,
                    accuracy=share_estimate(one, everything, clusters),
                    change=paired_gain(right, one, images=units.tolist(), seed=seed),
                    p_value=p_value,
                    adjusted=adjusted,
                )
            )
        curves.append(StressCurve(name=way.name, unit=way.unit, points=tuple(points)))
    accuracy = share_estimate(right, everything, clusters)
    return Stressed(clean=accuracy, failed=failed, curves=tuple(curves))
