"""What a network costs to run: multiply-adds and parameters, counted from its layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import keras

_HEAD = ("logits",)
_VIEWS = "views"


def multiply_adds(model: keras.Model) -> int:
    """Return the multiplications, each with its addition, that one image takes.

    Convolutions and dense layers are counted. Normalisation, activations and pooling take a few
    per cent of them, and none where a converter folds them.

    Args:
        model: Built by `models.build`.
    """
    views = 2 if any(layer.name == _VIEWS for layer in model.layers) else 1
    return sum(
        layer_multiply_adds(layer) * (1 if layer.name in _HEAD else views) for layer in model.layers
    )


def layer_multiply_adds(layer: keras.Layer) -> int:
    """Return those of one layer for one image; 0 for kinds that are not counted."""
    count = _COUNTS.get(type(layer))
    return 0 if count is None else count(layer)


def positions_of(layer: keras.Layer) -> int:
    """Return at how many places a layer computes its outputs: rows times columns."""
    return math.prod(layer.output.shape[1:-1])


def _dense(layer: keras.Layer) -> int:
    return positions_of(layer) * math.prod(layer.kernel.shape)


def _convolution(layer: keras.Layer) -> int:
    # The kernel of a grouped convolution holds its share of the inputs only.
    return positions_of(layer) * math.prod(layer.kernel.shape)


def _separable(layer: keras.Layer) -> int:
    kernels = (layer.depthwise_kernel, layer.pointwise_kernel)
    return positions_of(layer) * sum(math.prod(kernel.shape) for kernel in kernels)


_COUNTS: Mapping[type[keras.Layer], Callable[[keras.Layer], int]] = {
    keras.layers.Conv2D: _convolution,
    keras.layers.DepthwiseConv2D: _convolution,
    keras.layers.SeparableConv2D: _separable,
    keras.layers.Dense: _dense,
}
