"""The networks of our own, for training from scratch: small enough for a CPU.

A builder takes the scaled input and the architecture, and returns the last convolutional
activation (a layer named `features`) and the embedding. It reads no global state, and
options reach it already checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras

from sightline.errors import ConfigError
from sightline.models.architecture import Architecture

_COARSE_FROM = 96  # pixels; a fine stem on larger images costs more than it gives


def tutorial_cnn(inputs: Any, architecture: Architecture) -> Any:
    """Return the embedding of the CNN that tutorials teach.

    Blocks of convolution (no padding), activation and pooling; flattened; dropout; one
    dense layer, whose activation is the embedding.

    Args:
        inputs: Scaled pixels (n, h, w, c).
        architecture: Gives filters, kernel_size, activation, pooling, dense_units, dropout.

    Raises:
        ConfigError: The image is too small for so many blocks.
    """
    options: Mapping[str, Any] = architecture.options
    pool = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}
    last = len(options["filters"])
    x = inputs
    for number, filters in enumerate(options["filters"], start=1):
        if min(x.shape[1:3]) < options["kernel_size"] + 1:
            raise _too_small(architecture, number)
        x = keras.layers.Conv2D(filters, options["kernel_size"], name=f"conv_{number}")(x)
        name = "features" if number == last else f"activation_{number}"
        x = keras.layers.Activation(options["activation"], name=name)(x)
        x = pool[options["pooling"]](2, name=f"pool_{number}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dropout(options["dropout"], name="dropout")(x)
    x = keras.layers.Dense(options["dense_units"], name="dense")(x)
    return keras.layers.Activation(options["activation"], dtype="float32", name="embedding")(x)


def small_resnet(inputs: Any, architecture: Architecture) -> Any:
    """Return the embedding of a small residual network.

    A stem, then stages of basic blocks (two 3x3 convolutions and a shortcut); every stage
    but the first halves the map. Global average pooling gives the embedding.

    Args:
        inputs: Scaled pixels (n, h, w, c).
        architecture: Gives widths, blocks, stem, norm and activation.
    """
    options: Mapping[str, Any] = architecture.options
    x = _stem(inputs, architecture)
    for stage, width in enumerate(options["widths"], start=1):
        for block in range(1, options["blocks"] + 1):
            halve = stage > 1 and block == 1
            final = stage == len(options["widths"]) and block == options["blocks"]
            name = f"stage_{stage}_block_{block}"
            x = _basic_block(x, width, options, strides=2 if halve else 1, name=name)
            output = "features" if final else f"{name}_out"
            x = keras.layers.Activation(options["activation"], name=output)(x)
    return keras.layers.GlobalAveragePooling2D(dtype="float32", name="embedding")(x)


def small_cnn(inputs: Any, architecture: Architecture) -> Any:
    """Return the embedding of a small network that learns small images fast.

    A stem, then stages of two convolutions. The stem and each stage halve the map at once
    after their first convolution, before normalisation, so that all that follows works on a
    quarter. The maximum over the last map gives the embedding. After Page 2018, "How to
    train your ResNet", and Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU".

    Args:
        inputs: Scaled pixels (n, h, w, c).
        architecture: Gives stem_width, widths, shortcuts and activation.
    """
    options: Mapping[str, Any] = architecture.options
    activation = options["activation"]
    x = _halving(inputs, options["stem_width"], activation=activation, name="stem")
    for stage, width in enumerate(options["widths"], start=1):
        name = f"stage_{stage}"
        last = stage == len(options["widths"])
        x = _halving(x, width, activation=activation, name=f"{name}_1")
        y = _convolution(x, width, norm="batch", name=f"{name}_2")
        output = "features" if last and not options["shortcuts"] else f"{name}_2_out"
        y = keras.layers.Activation(activation, name=output)(y)
        output = "features" if last else f"{name}_sum"
        x = keras.layers.Add(name=output)([x, y]) if options["shortcuts"] else y
    return keras.layers.GlobalMaxPooling2D(dtype="float32", name="embedding")(x)


def _halving(inputs: Any, width: int, *, activation: str, name: str) -> Any:
    x = keras.layers.Conv2D(
        width,
        3,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(inputs)
    x = keras.layers.MaxPooling2D(2, name=f"{name}_pool")(x)
    x = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return keras.layers.Activation(activation, name=f"{name}_out")(x)


def _stem(inputs: Any, architecture: Architecture) -> Any:
    options: Mapping[str, Any] = architecture.options
    large = min(architecture.height, architecture.width) >= _COARSE_FROM
    coarse = options["stem"] == "coarse" or (options["stem"] == "auto" and large)
    x = _convolution(
        inputs, options["widths"][0], strides=2 if coarse else 1, norm=options["norm"], name="stem"
    )
    x = keras.layers.Activation(options["activation"], name="stem_out")(x)
    return keras.layers.MaxPooling2D(2, name="stem_pool")(x) if coarse else x


def _basic_block(
    inputs: Any, width: int, options: Mapping[str, Any], *, strides: int, name: str
) -> Any:
    """Return the sum of a block before its activation."""
    norm = options["norm"]
    x = _convolution(inputs, width, strides=strides, norm=norm, name=f"{name}_1")
    x = keras.layers.Activation(options["activation"], name=f"{name}_1_out")(x)
    # The last scale of a branch starts at zero: every block is the identity at first, which
    # trains faster (Goyal et al. 2017, arXiv:1706.02677, section 5.1).
    x = _convolution(x, width, norm=norm, name=f"{name}_2", first_scale="zeros")
    shortcut = inputs
    if strides != 1 or inputs.shape[-1] != width:
        if strides != 1:
            # The same as a 1x1 convolution with strides, whose gradient writes past its
            # buffer for one image of few channels (TensorFlow 2.21 with oneDNN).
            shortcut = keras.layers.MaxPooling2D(1, strides=strides, name=f"{name}_halve")(inputs)
        shortcut = _convolution(shortcut, width, kernel_size=1, norm=norm, name=f"{name}_shortcut")
    return keras.layers.Add(name=f"{name}_sum")([x, shortcut])


def _convolution(
    inputs: Any,
    width: int,
    *,
    norm: str,
    name: str,
    kernel_size: int = 3,
    strides: int = 1,
    first_scale: str = "ones",
) -> Any:
    x = keras.layers.Conv2D(
        width,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=norm == "none",
        kernel_initializer="he_normal",
        name=name,
    )(inputs)
    return _NORMS[norm](first_scale, f"{name}_norm")(x)


def _batch(first_scale: str, name: str) -> Any:
    return keras.layers.BatchNormalization(gamma_initializer=first_scale, momentum=0.9, name=name)


def _group(first_scale: str, name: str) -> Any:
    # One group (layer normalisation over the map) fits any width.
    return keras.layers.GroupNormalization(groups=1, gamma_initializer=first_scale, name=name)


def _none(first_scale: str, name: str) -> Any:
    return keras.layers.Activation("linear", name=name)


_NORMS: Mapping[str, Callable[[str, str], Any]] = {"batch": _batch, "group": _group, "none": _none}


def _too_small(architecture: Architecture, number: int) -> ConfigError:
    return ConfigError(
        f"Images of {architecture.height}x{architecture.width} vanish in block {number} of "
        "tutorial_cnn.",
        expected="larger images, fewer filters or a smaller kernel_size",
        fix="pass fewer numbers in the option filters",
        code="image_too_small",
    )
