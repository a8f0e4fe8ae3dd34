"""Probabilities that mean what they say: temperature scaling, fitted on held-out images.

One number divides the logits before softmax or sigmoid, so the answers stay the same and only
their probabilities move. After Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural
Networks", ICML 2017.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sightline.errors import DataError
from sightline.evaluation.clusters import Clusters
from sightline.evaluation.counts import LOG_LOSS, Labels, label_matrix, log_losses
from sightline.evaluation.estimates import Estimate
from sightline.evaluation.grouping import Groups
from sightline.evaluation.resampling import mean_estimate
from sightline.predictions import Predictions, Task

OWN_TEMPERATURE_FROM = 50
"""Images with a label, and images without it, from which on it has a temperature of its own."""

_WIDEST = 3.0
"""Of the logarithm of a temperature: from 0.05 to 20."""
_HALVINGS = 40
_PRIOR_SPREAD = 1.0
"""Of the logarithm, around no change. It weighs as much as one image would: without it, a few
images that are all right would make the model infinitely sure."""


def fit_temperature(logits: np.ndarray, truth: np.ndarray, *, task: Task) -> np.ndarray:
    """Return the temperature with the least log loss, float64: () or, for multi-label, (k,).

    Labels that fewer than `OWN_TEMPERATURE_FROM` images have, or lack, share one.

    Args:
        logits: float32 (n, k), of images that neither trained nor chose the model.
        truth: bool (n, k), the classes that each image has.
        task: Softmax over classes, or one sigmoid for each.

    Raises:
        DataError: There is no image, or the shapes differ.
    """
    if logits.shape != truth.shape or not len(logits):
        raise DataError(
            f"Logits of shape {logits.shape} for labels of shape {truth.shape}.",
            expected="one row for each image in both, and at least one image",
            code="different_lengths",
        )
    logits = logits.astype(np.float64)
    if task == "multi_class":
        return np.array(_fit(_softmax_slope, logits, truth))
    positives = truth.sum(axis=0)
    alone = np.minimum(positives, len(truth) - positives) >= OWN_TEMPERATURE_FROM
    temperatures = np.ones(truth.shape[1])
    if not alone.all():
        temperatures[~alone] = _fit(_sigmoid_slope, logits[:, ~alone], truth[:, ~alone])
    for column in np.flatnonzero(alone):
        temperatures[column] = _fit(_sigmoid_slope, logits[:, [column]], truth[:, [column]])
    return temperatures


def _fit(slope: Any, logits: np.ndarray, truth: np.ndarray) -> float:
    """Return where the penalised loss, as a function of the temperature's logarithm, is least."""
    low, high = -_WIDEST, _WIDEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        # The loss falls in 1 / temperature until it rises: its slope changes sign once.
        rising = -math.exp(-middle) * slope(logits * math.exp(-middle), logits, truth)
        if rising + middle / (_PRIOR_SPREAD**2 * len(logits)) < 0:
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def _softmax_slope(tempered: np.ndarray, logits: np.ndarray, truth: np.ndarray) -> float:
    """Return the derivative of the mean log loss by 1 / temperature."""
    weights = np.exp(tempered - tempered.max(axis=1, keepdims=True))
    expected = (weights * logits).sum(axis=1) / weights.sum(axis=1)
    return float((expected - (logits * truth).sum(axis=1)).mean())


def _sigmoid_slope(tempered: np.ndarray, logits: np.ndarray, truth: np.ndarray) -> float:
    probabilities = 0.5 * (1 + np.tanh(tempered / 2))  # a sigmoid that cannot overflow
    return float((logits * (probabilities - truth)).sum(axis=1).mean())


def probabilities_of(
    logits: np.ndarray, temperature: float | np.ndarray, *, task: Task
) -> np.ndarray:
    """Return float64 probabilities (n, k) of logits at a temperature."""
    tempered = logits.astype(np.float64) / temperature
    if task == "multi_label":
        return np.asarray(0.5 * (1 + np.tanh(tempered / 2)))
    weights = np.exp(tempered - tempered.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


@dataclass(frozen=True, kw_only=True)
class CalibrationGain:
    """What the temperature did, measured on images that it was not fitted on.

    Attributes:
        log_loss_before: At temperature 1.
        log_loss_after: With the temperature.
        gain: Before minus after, image by image; above 0 where the temperature helps.
    """

    log_loss_before: Estimate
    log_loss_after: Estimate
    gain: Estimate

    def to_json(self) -> Mapping[str, Any]:
        """Return the figures."""
        return {
            "log_loss_before": self.log_loss_before.to_json(),
            "log_loss_after": self.log_loss_after.to_json(),
            "gain": self.gain.to_json(),
        }


def calibration_gain(
    predictions: Predictions, labels: Labels, *, groups: Groups | None = None, seed: int = 0
) -> CalibrationGain | None:
    """Compare the log loss of the probabilities with that of the bare logits.

    Args:
        predictions: With logits before temperature.
        labels: The class names of each image.
        groups: What each image belongs to, None for one of its own.
        seed: Of the bootstrap.

    Returns:
        The figures; None where the logits are not known.

    Raises:
        DataError: The labels or the groups do not fit.
    """
    if predictions.logits is None:
        return None
    ok = predictions.ok
    truth = label_matrix(predictions, labels)[ok]
    plain = probabilities_of(predictions.logits[ok], 1.0, task=predictions.task)
    before = log_losses(plain, truth, task=predictions.task)
    after = log_losses(predictions.probabilities[ok], truth, task=predictions.task)
    clusters = Clusters.among(ok, groups)
    # A temperature of 1 moves nothing, in no image.
    most = LOG_LOSS[1] if (before != after).any() else 0.0
    return CalibrationGain(
        log_loss_before=mean_estimate(before, within=LOG_LOSS, clusters=clusters, seed=seed),
        log_loss_after=mean_estimate(after, within=LOG_LOSS, clusters=clusters, seed=seed),
        gain=mean_estimate(before - after, within=(-most, most), clusters=clusters, seed=seed),
    )
