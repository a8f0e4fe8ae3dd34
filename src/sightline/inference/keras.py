"""Run a Keras model that `models.build` made. The one runner here that needs TensorFlow."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from sightline.images import Preprocessing
from sightline.inference.runner import Outputs, check_pixels
from sightline.models.rules import Rules
from sightline.predictions import Task

_PLAIN = Rules()
_OUTPUTS = ("probabilities", "logits", "embedding")


class KerasRunner:
    """Runs a Keras model through one concrete function (see `inference.runner.Runner`).

    `model.predict` costs ten times as much for one image and `model(x)` three times.

    Args:
        model: Gives a dict of probabilities, logits and embedding.
        classes: Class names in the order of the outputs.
        task: `"multi_class"` or `"multi_label"`.
        preprocessing: What makes the model's pixels.
        rules: From probabilities to answers.
        batch_size: Images run at once.
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        classes: tuple[str, ...],
        task: Task,
        preprocessing: Preprocessing,
        rules: Rules = _PLAIN,
        batch_size: int = 32,
    ) -> None:
        self.classes = classes
        self.task = task
        self.preprocessing = preprocessing
        self.rules = rules
        self._batch_size = batch_size
        self._shape = (preprocessing.height, preprocessing.width, preprocessing.channels)
        self._widths = {name: int(model.output[name].shape[-1]) for name in _OUTPUTS}
        self._function = tf.function(
            lambda pixels: model(pixels, training=False),
            input_signature=[tf.TensorSpec((None, *self._shape), tf.uint8)],
        )

    def run(self, pixels: np.ndarray) -> Outputs:
        """Classify uint8 pixels (n, height, width, channels)."""
        check_pixels(pixels, self._shape)
        answers = {
            name: np.empty((len(pixels), width), np.float32) for name, width in self._widths.items()
        }
        for start in range(0, len(pixels), self._batch_size):
            rows = slice(start, start + self._batch_size)
            given = self._function(pixels[rows])
            for name, answer in answers.items():
                answer[rows] = given[name].numpy()
        return Outputs(**answers)
