"""What became of each image and of each class when one classifier took another's place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sightline.evaluation.estimates import Estimate
from sightline.predictions import Predictions

ChangeKind = Literal["broken", "fixed", "still_wrong"]
KINDS: tuple[ChangeKind, ...] = ("broken", "fixed", "still_wrong")


@dataclass(frozen=True, kw_only=True)
class Change:
    """An image that is answered otherwise than before.

    Attributes:
        name: The image.
        kind: `"fixed"` wrong before and right now, `"broken"` the reverse, `"still_wrong"`
            another wrong answer.
        labels: What it has.
        before: What the first classifier says.
        after: What the second says.
    """

    name: str
    kind: ChangeKind
    labels: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the change."""
        return {
            "name": self.name,
            "kind": self.kind,
            "labels": list(self.labels),
            "before": list(self.before),
            "after": list(self.after),
        }


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A figure of both classifiers, and how far they are apart.

    Attributes:
        before: Of the first.
        after: Of the second.
        gain: `after` minus `before`, with the interval of the paired bootstrap.
    """

    before: float
    after: float
    gain: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return the figures, null where they are not defined."""
        before, after = (
            number if math.isfinite(number) else None for number in (self.before, self.after)
        )
        return {"before": before, "after": after, "gain": self.gain.to_json()}


@dataclass(frozen=True, kw_only=True)
class ClassChange:
    """How the recall of one class differs.

    Attributes:
        name: The class.
        support: Images that have it and that both classifiers answered.
        before: Recall of the first.
        after: Recall of the second.
        gain: `after` minus `before`, with the interval of the paired bootstrap.
        only_before: Images of the class that only the first gives it.
        only_after: Images of the class that only the second gives it.
        p_value: Of the exact paired test.
        adjusted: The same, corrected for looking at all classes (Holm).
    """

    name: str
    support: int
    before: Estimate
    after: Estimate
    gain: Estimate
    only_before: int
    only_after: int
    p_value: float
    adjusted: float

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            "name": self.name,
            "support": self.support,
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "gain": self.gain.to_json(),
            "only_before": self.only_before,
            "only_after": self.only_after,
            "p_value": self.p_value,
            "adjusted": self.adjusted,
        }


def changes(
    names: Sequence[str],
    classes: Sequence[str],
    *,
    truth: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
) -> tuple[Change, ...]:
    """Return the images whose answer differs: broken, fixed, still wrong, each in their order.

    Args:
        names: The n images.
        classes: The k class names.
        truth: Which classes each image has, bool (n, k).
        before: Which the first classifier gives it, bool (n, k).
        after: Which the second gives it, bool (n, k).
    """

    def words(mask: np.ndarray) -> tuple[str, ...]:
        return tuple(classes[column] for column in np.flatnonzero(mask).tolist())

    was_right, is_right = (truth == before).all(axis=1), (truth == after).all(axis=1)
    differs = (before != after).any(axis=1)
    which = {"broken": was_right, "fixed": is_right, "still_wrong": ~was_right & ~is_right}
    return tuple(
        Change(
            name=names[row],
            kind=kind,
            labels=words(truth[row]),
            before=words(before[row]),
            after=words(after[row]),
        )
        for kind in KINDS
        for row in np.flatnonzero(differs & which[kind]).tolist()
    )


def with_columns(predictions: Predictions, classes: Sequence[str]) -> np.ndarray:
    """Return `predictions.chosen` with the columns in the order of `classes`: bool (n, k)."""
    return predictions.chosen[:, [predictions.classes.index(name) for name in classes]]
