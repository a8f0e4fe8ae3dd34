"""From a bundle back to a Keras model: built by our own code, weights set by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np

from sightline.models.build import build
from sightline.models.bundle import Bundle
from sightline.models.members import TEMPERATURE
from sightline.models.weights import assign_weights


def restore(bundle: Bundle) -> keras.Model:
    """Return the bundle's network with its weights, computing in float32.

    Raises:
        ModelError: A weight is missing, left over, of another shape or type, or not finite.
    """
    with float32():
        model = build(bundle.architecture)
    weights = bundle.weights()
    temperature = weights.get(TEMPERATURE)
    if bundle.architecture.task == "multi_label" and temperature is not None:
        # In format 1.0 all labels shared one.
        weights[TEMPERATURE] = np.broadcast_to(temperature, (bundle.architecture.classes,))
    assign_weights(model, weights)
    return model


@contextmanager
def float32() -> Iterator[None]:
    """Build in float32, whatever policy training or a notebook set for the process."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
