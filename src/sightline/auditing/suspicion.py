"""Which labels are probably wrong: Bayes' rule on out-of-sample answers and estimated flips.

A hard image and a wrong label both look improbable. They differ in what else is known: how often
each class is mislabelled as which other. Those rates are estimated from all the images together,
by expectation maximisation as in Dawid and Skene 1979, "Maximum Likelihood Estimation of Observer
Error-Rates", with the model's answer in place of repeated observers. A prior keeps them near
flips that are alike for all classes, as many as there seem to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sightline.errors import ConfigError
from sightline.files import printable
from sightline.predictions import Predictions

PROBABLY = 0.5
"""From this probability on a label is called probably wrong: more likely so than not."""

_PRIOR_CLASSES = 3.0
"""The weight of the prior, in images of an average class (docs/benchmarks.md)."""
_FIRST_RATE = 0.05
_ROUNDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """One label that is doubted.

    Args:
        name: Of the image, raw.
        given: Its label.
        suggested: The class that it most probably is, if the label is wrong.
        wrong: The probability that the label is wrong, from 0 to 1.
        given_probability: What the model gives the label, without having seen the image.
        suggested_probability: What it gives the class suggested.
    """

    name: str
    given: str
    suggested: str
    wrong: float
    given_probability: float
    suggested_probability: float

    def to_json(self) -> dict[str, Any]:
        """Return the suspicion as JSON-serialisable data, its names made printable."""
        return {
            "name": printable(self.name),
            "given": printable(self.given),
            "suggested": printable(self.suggested),
            "wrong": self.wrong,
            "given_probability": self.given_probability,
            "suggested_probability": self.suggested_probability,
        }


def doubtful_labels(
    predictions: Predictions, labels: Sequence[str], *, least: float = PROBABLY
) -> tuple[Suspicion, ...]:
    """Return the labels that are wrong with at least a given probability, most suspicious first.

    Args:
        predictions: Multi-class, of a model that did not learn from these labels.
        labels: The label of each row.
        least: The least probability of being wrong; 0 returns every label in order.

    Raises:
        ConfigError: The predictions are multi-label, of another number of images, or know not
            all the labels.
    """
    rows, given = _judged(predictions, labels)
    answers = predictions.probabilities[rows].astype(np.float64)
    truths = _truths(answers, given)
    own = np.arange(len(rows)), given
    wrong = 1 - truths[own]
    others = truths.copy()
    others[own] = -1
    suggested = others.argmax(axis=1)
    # Of labels that are equally wrong in float64, the least probable first.
    order = np.lexsort((answers[own], -wrong))
    return tuple(
        Suspicion(
            name=predictions.names[rows[at]],
            given=predictions.classes[given[at]],
            suggested=predictions.classes[suggested[at]],
            wrong=float(wrong[at]),
            given_probability=float(answers[at, given[at]]),
            suggested_probability=float(answers[at, suggested[at]]),
        )
        for at in order
        if wrong[at] >= least
    )


def _truths(answers: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return the probability of each class to be the right one, the label known: (n, k)."""
    size = answers.shape[1]
    if not len(given) or size < 2:
        return np.ones_like(answers)
    weight = _PRIOR_CLASSES * len(given) / size
    flips = _even_flips(_FIRST_RATE, size)
    is_given = np.eye(size)[given]
    for _ in range(_ROUNDS):
        truths = _posterior(answers, flips[given])
        counts = is_given.T @ truths
        rate = 1 - np.trace(counts) / len(given)
        flips = counts + weight * _even_flips(rate, size)
        flips /= flips.sum(axis=0)
    return _posterior(answers, flips[given])


def _even_flips(rate: float, size: int) -> np.ndarray:
    """Return P(label = row | truth = column) if each class is flipped to all others alike."""
    flips = np.full((size, size), rate / (size - 1))
    np.fill_diagonal(flips, 1 - rate)
    return flips


def _posterior(answers: np.ndarray, likelihood: np.ndarray) -> np.ndarray:
    # An answer of exactly 0 for all classes that could have led to the label decides nothing.
    product = np.maximum(answers, np.finfo(np.float64).tiny) * np.maximum(likelihood, 1e-12)
    found: np.ndarray = product / product.sum(axis=1, keepdims=True)
    return found


def _judged(predictions: Predictions, labels: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that have an answer, and the column of each one's label."""
    unknown = sorted(set(labels) - set(predictions.classes))
    if predictions.task != "multi_class" or len(labels) != len(predictions) or unknown:
        raise ConfigError(
            f"{len(labels)} labels cannot be compared with {len(predictions)} "
            f"{predictions.task} predictions"
            + (f" that do not know {unknown[0]!a}." if unknown else "."),
            expected="a label for each row, among the classes of multi-class predictions",
            code="not_comparable",
        )
    columns = {name: column for column, name in enumerate(predictions.classes)}
    rows = np.flatnonzero(predictions.ok)
    return rows, np.array([columns[labels[row]] for row in rows.tolist()], np.int64)
