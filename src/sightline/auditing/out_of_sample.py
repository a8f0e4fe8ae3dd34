"""What images are, by the others: probabilities from which each image was left out.

A model that learned an image's label believes it, right or wrong. Here the images fall into
folds, and each fold is judged by Gaussians fitted to the others, twice: the second time without
the images that the first contradicted with confidence, so that wrong labels teach no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sightline.auditing.folds import stratified_folds
from sightline.auditing.gaussian import Gaussians, Moments

FOLDS = 10
_SHARPEST = 1.0
_BLUNTEST = 1e-3
_HALVINGS = 30
_IMPOSSIBLE = -1e9


def out_of_sample(
    features: np.ndarray, labels: np.ndarray, groups: Sequence[str], *, classes: int
) -> np.ndarray:
    """Return the probabilities of classes for images, from fits that did not see them.

    Args:
        features: float (n, d); finite where there is a label.
        labels: int64 (n,) from 0 to `classes` - 1; negative for images that have none.
        groups: The key of each image; images with the same key are never judged by each other.
        classes: How many.

    Returns:
        float32 (n, k); NaN for images without a label, and for those whose class has no image
        outside their fold.
    """
    folds = stratified_folds(labels, groups, folds=FOLDS)
    logits = _logits(features, labels, folds, classes=classes)
    probabilities = _calibrated(logits, labels, judged=_own(logits, labels) > _IMPOSSIBLE)
    believed = np.where(confident_labels(probabilities, labels) == labels, labels, -1)
    logits = _logits(features, believed, folds, classes=classes, judged=labels >= 0)
    judged = (labels >= 0) & (_own(logits, labels) > _IMPOSSIBLE)
    probabilities = _calibrated(logits, labels, judged=judged & (believed >= 0))
    probabilities[~judged] = np.nan
    return probabilities.astype(np.float32)


def leave_fold_out(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    *,
    classes: int,
    judged: np.ndarray | None = None,
) -> Iterator[tuple[np.ndarray, Gaussians]]:
    """Yield the rows of each fold and the Gaussians fitted to the other folds.

    Args:
        features: float (n, d).
        labels: int64 (n,); those with a negative one teach nothing.
        folds: int64 (n,).
        classes: How many.
        judged: bool (n,), the rows to yield; by default those with a label.
    """
    judged = labels >= 0 if judged is None else judged
    parts = [
        Moments.of(
            features, labels, np.flatnonzero((folds == fold) & (labels >= 0)), classes=classes
        )
        for fold in range(int(folds.max(initial=-1)) + 1)
    ]
    for fold, part in enumerate(parts):
        rows = np.flatnonzero((folds == fold) & judged)
        others = sum(parts[1:], start=parts[0]) - part
        if len(rows) and others.counts.sum():
            yield rows, Gaussians(others)


def confident_labels(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the label of each image that the probabilities are confident of.

    Confident learning (Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating
    Uncertainty in Dataset Labels"): confident of a class is what is at least as probable as the
    class is, on average, for the images that bear its label. Of several such classes the most
    probable counts; where there is none, the given label stands.

    Args:
        probabilities: (n, k), out of sample; NaN in rows that have none.
        labels: int64 (n,); negative for images without.
    """
    answered = np.isfinite(probabilities).all(axis=1) & (labels >= 0)
    found = labels.copy()
    given, answers = labels[answered], probabilities[answered].astype(np.float64)
    size = probabilities.shape[1]
    sums = np.bincount(given, answers[np.arange(len(given)), given], minlength=size)
    counts = np.bincount(given, minlength=size)
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    confident = np.where(answers >= thresholds, answers, -1)
    found[answered] = np.where((confident >= 0).any(axis=1), confident.argmax(axis=1), given)
    return found


def _logits(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    *,
    classes: int,
    judged: np.ndarray | None = None,
) -> np.ndarray:
    found = np.full((len(features), classes), _IMPOSSIBLE)
    for rows, gaussians in leave_fold_out(features, labels, folds, classes=classes, judged=judged):
        found[rows] = np.maximum(gaussians.logits(features[rows]), _IMPOSSIBLE)
    return found


def _own(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.take_along_axis(logits, np.maximum(labels, 0)[:, None], axis=1)[:, 0]


def _calibrated(logits: np.ndarray, labels: np.ndarray, *, judged: np.ndarray) -> np.ndarray:
    """Return probabilities at the temperature that suits the labels of the judged rows best.

    Guo et al. 2017, "On Calibration of Modern Neural Networks". The loss is convex in the
    inverse temperature: its slope is halved in on. Never surer than the Gaussians themselves.
    """
    chosen, own = logits[judged], _own(logits, labels)[judged]
    low, high = np.log(_BLUNTEST), np.log(_SHARPEST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        expected = (_softmax(chosen * np.exp(middle)) * chosen).sum(axis=1)
        low, high = (low, middle) if (expected - own).sum() > 0 else (middle, high)
    return _softmax(logits * np.exp(high))


def _softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: np.ndarray = raised / raised.sum(axis=1, keepdims=True)
    return found
