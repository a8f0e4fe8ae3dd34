"""A bundle as a teacher: its twin answers for the batches of another network while they are made.

The twin says what the Keras model says (it was compared before it was packed) in a third of the
time, in the threads that augment.
"""

from __future__ import annotations

import threading

import numpy as np

from sightline.images import Preprocessing
from sightline.inference import LiteRTModel
from sightline.models.bundle import Bundle


class Teacher:
    """A trained network that another one learns from; safe in threads.

    Args:
        bundle: Of the network.

    Attributes:
        preprocessing: What makes its pixels.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.preprocessing: Preprocessing = bundle.preprocessing
        self._content = bundle.twin()
        self._tensors = {"logits": bundle.twin_outputs["logits"]}
        self._local = threading.local()

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Return logits, float32 (n, k), for pixels, uint8 (n, height, width, channels)."""
        if not hasattr(self._local, "model"):
            # One thread each: batches are made in several.
            self._local.model = LiteRTModel(self._content, self._tensors, threads=1)
        logits: np.ndarray = self._local.model.run(pixels)["logits"]
        return logits
