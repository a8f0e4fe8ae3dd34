"""How much each class, and so each image, counts in the loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from sightline.errors import ConfigError, unknown_name

ClassWeight = Literal["balanced"] | Mapping[str, float] | None
Floats = npt.NDArray[np.float32]


def class_weights(class_weight: ClassWeight, targets: Floats, classes: Sequence[str]) -> Floats:
    """Return the weight of each class: float32 (k,).

    Args:
        class_weight: `None`: all 1. `"balanced"`: n / (k · images of the class), as in
            scikit-learn, which makes the mean weight of the images 1; a class without an
            image gets 1. A mapping from class name to weight; a class not named gets 1.
        targets: 0 and 1, float32 (n, k).
        classes: The k names.

    Raises:
        ConfigError: Another word, an unknown class, or a weight that is not a finite
            number of 0 or more.
    """
    weights = np.ones(len(classes), dtype=np.float32)
    if class_weight is None:
        return weights
    if isinstance(class_weight, Mapping):
        for name, weight in class_weight.items():
            if name not in classes:
                raise unknown_name("class", str(name), classes)
            weights[classes.index(name)] = _checked(name, weight)
        return weights
    if class_weight != "balanced":
        raise ConfigError(
            f"class_weight is {class_weight!r}.",
            expected="'balanced', or a weight for each class name",
            code="bad_class_weight",
        )
    counts = targets.sum(axis=0, dtype=np.float64)
    seen = counts > 0
    weights[seen] = len(targets) / (len(classes) * counts[seen])
    return weights


def image_weights(weights: Floats, targets: Floats) -> Floats:
    """Return the weight of each image: the mean over its classes, 1 if it has none.

    Args:
        weights: From `class_weights`, float32 (k,).
        targets: 0 and 1, float32 (n, k); one class in a row, or with multi-label any number.

    Returns:
        float32 (n,).
    """
    labels = targets.sum(axis=1)
    return np.where(labels > 0, targets @ weights / np.maximum(labels, 1), 1).astype(np.float32)


def _checked(name: str, weight: object) -> float:
    number = isinstance(weight, int | float) and not isinstance(weight, bool)
    if not number or not math.isfinite(float(weight)) or float(weight) < 0:  # type: ignore[arg-type]
        raise ConfigError(
            f"The weight of class {name!r} is {weight!r}.",
            expected="a finite number of 0 or more",
            code="bad_class_weight",
        )
    return float(weight)  # type: ignore[arg-type]
