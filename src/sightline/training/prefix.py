"""The frozen first part of a network, run in LiteRT while batches are made.

Fine-tuning leaves the early layers alone: they find edges and textures, which photos of all
kinds share. Frozen, they need no gradient, and LiteRT runs them about three times as fast
as `tf.function`, in the threads that augment.
"""

from __future__ import annotations

import threading

import keras
import numpy as np

from sightline.conversion import to_litert
from sightline.inference import LiteRTModel
from sightline.models.parts import below

_TENSORS = {"features": "Identity"}


class FrozenPrefix:
    """A network up to one layer, from pixels to that layer's features; safe in threads.

    Args:
        model: Built by `models.build`.
        layer: Where it ends (`models.parts.waist`).
    """

    def __init__(self, model: keras.Model, layer: str) -> None:
        self._content = to_litert(below(model, layer), outputs=("features",)).content
        self._local = threading.local()

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Return features, float32 (n, h, w, c), for pixels, uint8 (n, height, width, channels)."""
        if not hasattr(self._local, "model"):
            # One thread each: the batches are made in several, and the result must not
            # depend on how many.
            self._local.model = LiteRTModel(self._content, _TENSORS, threads=1)
        features: np.ndarray = self._local.model.run(pixels)["features"]
        return features
