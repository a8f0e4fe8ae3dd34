"""The threshold of a yes-or-no decision for a stated aim, chosen on held-out images.

For one label of a multi-label model, or the class that matters of a model with two. The images
must not have trained or chosen the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sightline.errors import CheckFailedError, ConfigError
from sightline.evaluation.abstaining import CONFIDENCE_LEVEL, check_share, tail
from sightline.evaluation.estimates import Estimate, f1_estimate, wilson


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """The probability from which the answer is yes.

    Attributes:
        value: The threshold.
        promise: What it was chosen for, in words.
        precision: On the images that chose it, so it flatters; as do the others.
        recall: Of the images that have the class.
        f1: Harmonic mean of the two.
    """

    value: float
    promise: str
    precision: Estimate
    recall: Estimate
    f1: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return the threshold and its figures."""
        return {
            "value": self.value,
            "promise": self.promise,
            "precision": self.precision.to_json(),
            "recall": self.recall.to_json(),
            "f1": self.f1.to_json(),
        }


def threshold_for_f1(
    probabilities: np.ndarray, has: np.ndarray, *, unit: str = "images"
) -> Threshold:
    """Return the threshold with the highest F1; of equal ones the middle of the widest gap.

    Args:
        probabilities: float32 (n,), of the class.
        has: bool (n,), whether each image has it.
        unit: What n counts, for the words.

    Raises:
        CheckFailedError: No image has the class, or all have.
    """
    _check_both(has)
    order = np.argsort(-probabilities, kind="stable")
    falling = probabilities[order].astype(np.float64)
    hits = np.cumsum(has[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + has.sum())
    # Only between different probabilities can a threshold lie; below the last one lies 0.
    ends = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)
    below = np.append(falling[1:], 0.0)[ends]
    best = ends[f1[ends] == f1[ends].max()]
    gaps = falling[best] - below[np.isin(ends, best)]
    place = int(best[gaps.argmax()])
    value = float((falling[place] + below[ends == place][0]) / 2)
    return _threshold(value, probabilities, has, f"the highest F1 on {len(has)} {unit}")


def threshold_for_recall(
    probabilities: np.ndarray, has: np.ndarray, recall: float, *, unit: str = "images"
) -> Threshold:
    """Return the highest threshold that is shown to keep the recall.

    Args:
        probabilities: float32 (n,), of the class.
        has: bool (n,), whether each image has it.
        recall: The least share of images with the class that must be given it.
        unit: What n counts, for the words.

    Raises:
        ConfigError: `recall` is not above 0 and below 1.
        CheckFailedError: Too few images have the class to show it.

    Source: S. S. Wilks, "Determination of Sample Sizes for Setting Tolerance Limits", Annals of
    Mathematical Statistics 12 (1941), 91-96: exact, whatever the distribution.
    """
    check_share("recall", recall)
    own = np.sort(probabilities[has])
    # If more than 1 - recall of all images lie below the place-th smallest of these n, then at
    # most place - 1 of the n fell into that part: the binomial says how probable that is.
    place = 0
    while place < len(own) and tail(len(own), place, 1 - recall) <= 1 - CONFIDENCE_LEVEL:
        place += 1
    if place == 0:
        needed = int(np.ceil(np.log(1 - CONFIDENCE_LEVEL) / np.log(recall)))
        raise CheckFailedError(
            f"{len(own)} {unit} of the class cannot show a recall of {recall:.4g}.",
            expected=f"at least {needed} validation images of it that did not choose the model",
            fix="give more validation images of the class, or ask for less",
            code="not_shown",
        )
    promise = (
        f'a recall of at least {recall:.4g} before "unsure" (with {CONFIDENCE_LEVEL:.0%} '
        f"confidence, shown on "
        f"{len(own)} {unit})"
    )
    return _threshold(float(own[place - 1]), probabilities, has, promise)


def threshold_for_costs(miss: float, false_alarm: float) -> float:
    """Return the threshold with the least expected cost, given calibrated probabilities.

    Args:
        miss: What it costs to overlook an image of the class.
        false_alarm: What it costs to give the class to another image.

    Raises:
        ConfigError: A cost is not above 0.

    Source: C. Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001.
    """
    for name, cost in (("miss", miss), ("false alarm", false_alarm)):
        if not 0 < cost < float("inf"):
            raise ConfigError(
                f"A {name} costs {cost}.", expected="a number above 0", code="out_of_range"
            )
    return false_alarm / (miss + false_alarm)


def _threshold(value: float, probabilities: np.ndarray, has: np.ndarray, promise: str) -> Threshold:
    given = probabilities >= np.float32(value)
    hits, answered, support = int((given & has).sum()), int(given.sum()), int(has.sum())
    return Threshold(
        value=value,
        promise=promise,
        precision=wilson(hits, answered),
        recall=wilson(hits, support),
        f1=f1_estimate(wilson(hits, answered + support - hits)),
    )


def _check_both(has: np.ndarray) -> None:
    if has.all() or not has.any():
        raise CheckFailedError(
            f"{int(has.sum())} of {len(has)} images have the class.",
            expected="images with it and images without it",
            fix="give validation images of both kinds",
            code="not_shown",
        )
