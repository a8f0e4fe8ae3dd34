"""A bundle's network opened for gradients: float pixels in, feature maps and logits out.

Gradients start from the logits: after temperature and softmax, classes that lose would speak
for the one that wins, and sure answers would have no gradient at all. Needs TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from sightline.explanation.subject import Subject
from sightline.inference.keras import KerasRunner
from sightline.models.architecture import Architecture
from sightline.models.build import build
from sightline.models.bundle import Bundle
from sightline.models.pretrained import imagenet_classifier
from sightline.models.weights import assign_weights, named_weights

_BATCH_PIXELS = 8 * 224 * 224  # a gradient keeps every layer's output


class Network:
    """A network that tells how its logits depend on pixels and on feature maps.

    Built for single views: where the model answers for an image and its mirror image
    together, `mirrored` says so, and a method takes the mean of both.

    Args:
        architecture: Which network.
        weights: By name, as `models.weights.named_weights` gives them.

    Attributes:
        architecture: As given.
        weights: As given.
        mirrored: Whether the model also looks at the mirror image.

    Raises:
        ModelError: The weights do not fit.
    """

    def __init__(self, architecture: Architecture, weights: Mapping[str, np.ndarray]) -> None:
        self.architecture = architecture
        self.weights = weights
        self.mirrored = architecture.tta == "flip"
        model = build(replace(architecture, tta="none"))
        assign_weights(model, weights)
        self._model = _on_floats(model, architecture.card.feature_layer)

    def feature_gradients(self, pixels: np.ndarray, target: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the last convolutional maps, and the gradient of a logit with respect to them.

        Args:
            pixels: (n, height, width, channels) on 0 to 255.
            target: Index of the class.

        Returns:
            Both float32 (n, h, w, d).
        """
        # Not traced: a few batches cost less than the graph that would save time on many.
        with tf.GradientTape() as tape:
            outputs = self._model(tf.constant(pixels, tf.float32), training=False)
            total = tf.reduce_sum(outputs["logits"][:, target])
        maps = outputs["features"]
        return _array(maps), _array(tape.gradient(total, maps))

    def pixel_gradients(self, pixels: np.ndarray, target: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a logit, and its gradient with respect to each pixel.

        Args:
            pixels: (n, height, width, channels) on 0 to 255.
            target: Index of the class.

        Returns:
            The logits, float32 (n,), and float32 (n, height, width, channels).
        """
        inputs = tf.constant(pixels, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            logits = self._model(inputs, training=False)["logits"][:, target]
            total = tf.reduce_sum(logits)
        return _array(logits), _array(tape.gradient(total, inputs))

    @property
    def batch(self) -> int:
        """How many images to differentiate at once, so that memory stays bounded."""
        return max(1, _BATCH_PIXELS // (self.architecture.height * self.architecture.width))


def network_of(bundle: Bundle) -> Network:
    """Return a bundle's network.

    Raises:
        ModelError: Its weights are damaged or do not fit.
    """
    return Network(bundle.architecture, bundle.weights())


def ready_made(backbone: str) -> Subject:
    """Return a ready-made ImageNet classifier as a subject.

    Raises:
        ConfigError, MachineError: Its weights cannot be had.
    """
    made = imagenet_classifier(backbone)
    runner = KerasRunner(
        made.model, classes=made.classes, task="multi_class", preprocessing=made.preprocessing
    )
    return Subject(runner, lambda: Network(made.architecture, named_weights(made.model)))


def randomised(subject: Subject, *, share: float, seed: int) -> Subject:
    """Return the same network with weights that have learned nothing, from the head downwards.

    Args:
        subject: The model.
        share: How many of the layers with weights, counted from the answer: 0 is the head
            alone, 1 is all of them.
        seed: Of the random weights.
    """
    network: Network = subject.network
    architecture = network.architecture
    keras.utils.set_random_seed(seed)
    fresh = named_weights(build(architecture))
    layers = list(dict.fromkeys(name.rpartition("/")[0] for name in fresh))
    layers = [name for name in layers if name != "temperature"]
    replaced = set(layers[len(layers) - max(1, round(share * len(layers))) :])
    weights = {
        name: fresh[name] if name.rpartition("/")[0] in replaced else value
        for name, value in network.weights.items()
    }
    changed = build(architecture)
    assign_weights(changed, weights)
    runner = KerasRunner(
        changed,
        classes=subject.runner.classes,
        task=subject.runner.task,
        preprocessing=subject.runner.preprocessing,
    )
    return Subject(runner, lambda: Network(architecture, weights))


def _on_floats(model: keras.Model, feature_layer: str) -> keras.Model:
    """Return the part up to the logits for float pixels; layers and weights are shared."""
    outputs = {
        "features": model.get_layer(feature_layer).output,
        "logits": model.output["logits"],
    }
    part = keras.Model(model.inputs[0], outputs)
    pixels = keras.Input(model.inputs[0].shape[1:], dtype="float32", name="pixels")
    return keras.models.clone_model(part, input_tensors=pixels, clone_function=lambda layer: layer)


def _array(tensor: tf.Tensor) -> np.ndarray:
    return np.asarray(tensor, np.float32)
