"""Layers that compute what Keras's do in less time, for learning from scratch on a CPU.

Batch normalisation: Keras takes a dozen operations, each of which reads and writes the whole
map; as one operation it saves a fifth of a step of `small_cnn`. Convolutions of small maps in
bfloat16: oneDNN takes up to four times as long for the gradient of the kernel as one product of
matrices; this saves another tenth. The model that comes out has Keras's own layers: only the
learner has these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

_MOST_POSITIONS = 64
_LEAST_FILTERS = 128


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer with TensorFlow's fused operation in training.

    The moving variance is of the unbiased variances of batches, where Keras takes the biased
    ones: the same to one part in the number of values that a channel has.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise by the batch in training, by the moving averages otherwise."""
        if not (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            tf.convert_to_tensor(self.gamma),
            tf.convert_to_tensor(self.beta),
            epsilon=self.epsilon,
            is_training=True,
        )
        for average, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(self.momentum * average + (1 - self.momentum) * value)
        return outputs


class PatchConvolution(keras.layers.Conv2D):
    """Keras's layer whose kernel's gradient is one product of matrices where that is faster."""

    def call(self, inputs: Any) -> Any:
        """Convolve as Keras does."""
        if not _is_faster_by_patches(self, inputs):
            return super().call(inputs)
        return _convolution(inputs, tf.cast(self.kernel, inputs.dtype))


@tf.custom_gradient
def _convolution(inputs: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Any]:
    def gradients(outer: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        inner = tf.raw_ops.Conv2DBackpropInput(
            input_sizes=tf.shape(inputs),
            filter=kernel,
            out_backprop=outer,
            strides=[1, 1, 1, 1],
            padding="SAME",
        )
        rows, columns, channels, filters = kernel.shape
        patches = tf.reshape(_patches(inputs, rows, columns), (-1, rows * columns * channels))
        product = tf.matmul(patches, tf.reshape(outer, (-1, filters)), transpose_a=True)
        return inner, tf.reshape(product, kernel.shape)

    return tf.nn.conv2d(inputs, kernel, strides=1, padding="SAME"), gradients


def _patches(inputs: tf.Tensor, rows: int, columns: int) -> tf.Tensor:
    """Return what the kernel sees at each position: (n, h, w, rows * columns * c)."""
    height, width = inputs.shape[1:3]
    above, left = rows // 2, columns // 2
    padded = tf.pad(inputs, ((0, 0), (above, above), (left, left), (0, 0)))
    seen = [
        padded[:, row : row + height, column : column + width]
        for row in range(rows)
        for column in range(columns)
    ]
    return tf.concat(seen, axis=-1)


def with_fast_layers(model: keras.Model) -> keras.Model:
    """Return the same network with the layers of this module where they can be.

    Their weights are copies, under the same names; all other layers are shared.
    """

    def replaced(layer: keras.Layer) -> keras.Layer:
        for kind, fast_kind, can_be_replaced in _FAST:
            if type(layer) is kind and can_be_replaced(layer):
                return fast_kind.from_config(layer.get_config())
        return layer

    fast = keras.models.clone_model(model, clone_function=replaced)
    for layer in fast.layers:
        if isinstance(layer, (FusedBatchNormalization, PatchConvolution)):
            layer.set_weights(model.get_layer(layer.name).get_weights())
    return fast


def _can_be_fused(layer: keras.layers.BatchNormalization) -> bool:
    return bool(layer.scale and layer.center and layer.input.ndim == 4)


def _can_be_patched(layer: keras.layers.Conv2D) -> bool:
    plain = {"strides": (1, 1), "dilation_rate": (1, 1), "groups": 1, "padding": "same"}
    odd = all(side % 2 for side in layer.kernel_size)
    bare = not layer.use_bias and layer.activation is keras.activations.linear
    return odd and bare and all(getattr(layer, name) == value for name, value in plain.items())


def _is_faster_by_patches(layer: keras.layers.Conv2D, inputs: tf.Tensor) -> bool:
    # Measured on a CPU with AVX512-BF16: 0.3 of the time for maps of 2x2, 0.6 for 4x4 and 0.8
    # for 8x8 with 256, 256 and 128 filters; no less for larger maps, fewer filters or float32.
    # A GPU has kernels of its own.
    if tf.config.list_logical_devices("GPU"):
        return False
    height, width = inputs.shape[1:3]
    return bool(
        inputs.dtype == tf.bfloat16
        and height * width <= _MOST_POSITIONS
        and layer.filters >= _LEAST_FILTERS
    )


_FAST: tuple[tuple[type[keras.Layer], type[keras.Layer], Callable[[Any], bool]], ...] = (
    (keras.layers.BatchNormalization, FusedBatchNormalization, _can_be_fused),
    (keras.layers.Conv2D, PatchConvolution, _can_be_patched),
)
