"""How much each channel matters: what its loss would do to the loss, to first order.

After Molchanov et al. 2019, "Importance Estimation for Neural Network Pruning"
(arXiv:1906.10771), section 3.1: the squared first-order change of the loss if something is set to
zero, averaged over batches. A channel is gone when every layer that reads it reads zero, so its
change is the sum of weight times gradient over the slices of kernels that read it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from sightline.compression.layout import Channels, Place
from sightline.models.narrow import outputs_of
from sightline.predictions import Task
from sightline.training.parts import Part

_BATCH = 16


def channel_importance(
    model: keras.Model,
    channels: Channels,
    part: Part,
    *,
    task: Task,
    progress: Callable[[int, int], None],
) -> dict[int, np.ndarray]:
    """Return for each open space how much each of its channels matters, float64 (width,).

    Args:
        model: The network.
        channels: Its spaces.
        part: Images with their labels.
        task: Softmax or sigmoid cross-entropy.
        progress: Called with (done, total); may raise.
    """
    readers = [place for place in channels.places if outputs_of(place.layer) is not None]
    kernels = [_reading_kernel(place.layer) for place in readers]
    gradients_of = _gradients(model, kernels, task)
    total = {space: np.zeros(channels.widths[space]) for space in channels.open}
    for start in range(0, len(part), _BATCH):
        rows = np.arange(start, min(start + _BATCH, len(part)))
        given = gradients_of(tf.constant(part.decode(rows)), tf.constant(part.targets[rows]))
        change: defaultdict[int, np.ndarray] = defaultdict(lambda: np.zeros(1))
        for place, kernel, gradient in zip(readers, kernels, given, strict=True):
            for space, value in _by_space(channels, place, kernel.numpy() * gradient.numpy()):
                change[space] = change[space] + value
        for space in total:
            total[space] += change[space].astype(np.float64) ** 2
        progress(int(rows[-1]) + 1, len(part))
    return total


def _reading_kernel(layer: keras.Layer) -> keras.Variable:
    """Return the weights that read the inputs, with inputs on the last axis but one."""
    separable = isinstance(layer, keras.layers.SeparableConv2D)
    return layer.pointwise_kernel if separable else layer.kernel


def _gradients(
    model: keras.Model, kernels: list[keras.Variable], task: Task
) -> Callable[[tf.Tensor, tf.Tensor], list[tf.Tensor]]:
    @tf.function(reduce_retracing=True)
    def gradients(pixels: tf.Tensor, targets: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = model(pixels, training=False)["logits"]
            if task == "multi_class":
                losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            else:
                losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits)
            loss = tf.reduce_mean(losses)
        given: list[tf.Tensor] = tape.gradient(loss, [kernel.value for kernel in kernels])
        return given

    return gradients


def _by_space(
    channels: Channels, place: Place, product: np.ndarray
) -> list[tuple[int, np.ndarray]]:
    """Return the share that each channel read by a layer has in the change of the loss."""
    inputs = np.moveaxis(product, -2, 0).reshape(product.shape[-2], -1).sum(axis=1)
    once = inputs.reshape(place.reads.repeats, -1).sum(axis=0)
    widths = [channels.widths[space] for space in place.reads.spaces]
    parts = np.split(once, np.cumsum(widths)[:-1])
    return list(zip(place.reads.spaces, parts, strict=True))
