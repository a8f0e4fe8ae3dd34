"""From a bundle back to a Keras model: built by our own code, weights set by name."""

from __future__ import annotations

import keras

from sightline.models.build import build
from sightline.models.bundle import Bundle
from sightline.models.weights import assign_weights


def restore(bundle: Bundle) -> keras.Model:
    """Return the bundle's network with its weights.

    Raises:
        ModelError: A weight is missing, left over, of another shape or type, or not finite.
    """
    model = build(bundle.architecture)
    assign_weights(model, bundle.weights())
    return model
