"""The wrong answers that say most: those the model was surest of.

Often they are not the model's mistakes at all but wrong labels, which is why they are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sightline.evaluation.counts import Labels, label_matrix
from sightline.predictions import Predictions


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One wrong answer.

    Attributes:
        name: The image.
        answer: What it was given.
        labels: What it has.
        confidence: How probable the model thought what is wrong.
    """

    name: str
    answer: tuple[str, ...]
    labels: tuple[str, ...]
    confidence: float

    def to_json(self) -> dict[str, Any]:
        """Return the mistake."""
        return {
            "name": self.name,
            "answer": list(self.answer),
            "labels": list(self.labels),
            "confidence": self.confidence,
        }


def mistakes(predictions: Predictions, labels: Labels, n: int = 5) -> tuple[Mistake, ...]:
    """Return the n most confident wrong answers, the surest first, then in the images' order.

    Failed rows are no answers and so no mistakes. A multi-label answer is as confident as the
    surest of its wrong decisions.

    Raises:
        DataError: The labels do not fit the predictions.
    """
    truth, chosen = label_matrix(predictions, labels), predictions.chosen
    wrong = (truth != chosen) & predictions.ok[:, None]
    if predictions.task == "multi_class":
        wrong &= chosen  # the class that was given, not the one that was missed
    probabilities = predictions.probabilities
    believed = np.where(chosen, probabilities, 1 - probabilities)
    confidence = np.where(wrong, believed, -1).max(axis=1)
    surest = np.argsort(-confidence, kind="stable")[:n]
    return tuple(
        Mistake(
            name=predictions.names[row],
            answer=_names(predictions, chosen[row]),
            labels=_names(predictions, truth[row]),
            confidence=float(confidence[row]),
        )
        for row in surest
        if wrong[row].any()
    )


def _names(predictions: Predictions, mask: np.ndarray) -> tuple[str, ...]:
    return tuple(name for name, held in zip(predictions.classes, mask, strict=True) if held)
