"""Prediction sets: the classes that an image may have, so that the right one is nearly always in.

Split conformal prediction. For a new image from the same source the set holds the right class with
at least the promised probability, whatever the model is and however badly it is calibrated; a
poor model only gives larger sets. Defined for one class per image.
"""

from __future__ import annotations

import math

import numpy as np

from sightline.errors import DataError
from sightline.evaluation.abstaining import check_share
from sightline.predictions import Predictions


def least_probability(probabilities: np.ndarray, truth: np.ndarray, coverage: float) -> float:
    """Return the probability from which a class is in the set.

    Args:
        probabilities: float32 (n, k), of images that neither trained nor chose the model.
        truth: bool (n, k), one class for each image.
        coverage: How often the right class is to be in the set, above 0 and below 1.

    Returns:
        The limit; 0 (all classes) where n is too small to promise more.

    Raises:
        ConfigError: `coverage` is no such share.

    Source: V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World", 2005; the
    score is that of M. Sadinle, J. Lei, L. Wasserman, "Least Ambiguous Set-Valued Classifiers with
    Bounded Error Levels", JASA 114 (2019), 223-234.
    """
    check_share("coverage", coverage)
    own = np.sort(probabilities[truth])
    place = math.floor((len(own) + 1) * (1 - coverage) + 1e-9)
    return float(own[place - 1]) if place >= 1 else 0.0


def prediction_sets(predictions: Predictions, limit: float) -> np.ndarray:
    """Return which classes are in each image's set: bool (n, k); none in failed rows.

    A set may be empty: no class is as probable as the right one usually is.

    Args:
        predictions: The answers.
        limit: From `least_probability`.

    Raises:
        DataError: The task is multi-label: an image has any number of labels there, so that
            "the right one" does not exist; each label has a threshold of its own instead.
    """
    if predictions.task == "multi_label":
        raise DataError(
            "Prediction sets are not defined for multi-label models.",
            expected="one class for each image",
            fix="use a limit for each label: see unsure_below",
            code="not_defined",
        )
    with np.errstate(invalid="ignore"):  # NaN is in no set
        return np.asarray(predictions.probabilities >= np.float32(limit))
