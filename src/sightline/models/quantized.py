"""A network as 8 bits compute it: batch normalisation folded away, the ranges of values known.

After Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", arXiv:1712.05877. `foldable` rewrites any network that
`models.build` makes: each normalisation becomes part of the convolution before it, and a `Range`
stands wherever an int8 runtime keeps 8 bits. In use a `Range` does nothing: the network computes
in float. `simulated` gives the same network with the rounding done, which is what learns, and
what a converter reads the ranges from.

What gives the embedding and all that follows stay in float: the map before it is the last that is
rounded, unless the embedding is itself made by a layer that multiplies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from sightline.errors import ConfigError
from sightline.models.layers import GREY, CaffeScaling, MeanOfViews, MirrorViews, Temperature
from sightline.models.parts import HEAD

LEVELS = 127
"""Of a kernel on each side of zero: symmetric, so that zero is a level and -128 is not used."""

_CHANNEL_AXES: Mapping[type[keras.Layer], tuple[int, ...]] = {
    keras.layers.Conv2D: (3,),
    keras.layers.DepthwiseConv2D: (2, 3),
    keras.layers.Dense: (1,),
}
"""For each kind of layer with a kernel, the kernel's axes that its output channels are."""

_FUSED = ("relu", "relu6")
"""Activations that a runtime computes together with the layer before them."""

_SCALINGS = (keras.layers.Rescaling, keras.layers.Normalization, CaffeScaling)
# They choose among values or move them, or work on pixels: what comes out spans what went in.
_PASSING = (
    keras.layers.InputLayer,
    keras.layers.MaxPooling2D,
    keras.layers.AveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.ZeroPadding2D,
    keras.layers.Flatten,
    keras.layers.Reshape,
    keras.layers.Dropout,
    MirrorViews,
    MeanOfViews,
    Temperature,
)
_ACTIVATING = (keras.layers.Activation, keras.layers.ReLU)
_COMPUTING = (
    *_CHANNEL_AXES,
    keras.layers.BatchNormalization,
    keras.layers.Add,
    keras.layers.Concatenate,
    *_ACTIVATING,
    keras.layers.GlobalAveragePooling2D,
)


@keras.saving.register_keras_serializable(package="sightline")
class Range(keras.layers.Layer):  # type: ignore[misc]
    """The values that 8 bits span here: the weights `low` and `high`.

    Args:
        simulates: Round to the 256 levels from `low` to `high`, moved so that zero is one of
            them; the gradient passes inside of them and is zero outside (Jacob et al. 2018,
            section 3). Otherwise values pass as they are.
    """

    def __init__(
        self, *, simulates: bool = False, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.simulates = simulates

    def build(self, input_shape: Any) -> None:
        """Add the two ends."""
        for name, first in (("low", -1.0), ("high", 1.0)):
            end = self.add_weight(
                name=name,
                shape=(),
                initializer=keras.initializers.Constant(first),
                trainable=False,
                dtype="float32",
            )
            setattr(self, name, end)

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        return {**super().get_config(), "simulates": self.simulates}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Range:
        """Return the layer that `get_config` describes."""
        return cls(
            simulates=config["simulates"], name=config.get("name"), dtype=config.get("dtype")
        )

    def call(self, values: Any) -> Any:
        """Return the values, rounded if the layer simulates."""
        if not self.simulates:
            return values
        return keras.quantizers.fake_quant_with_min_max_vars(values, self.low, self.high)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape unchanged."""
        return input_shape


def on_grid(kernel: Any, axes: tuple[int, ...]) -> Any:
    """Return a kernel rounded to 255 levels around zero for each output channel.

    The gradient passes straight through (Bengio et al. 2013, arXiv:1308.3432). The largest weight
    of a channel is the last level, so a converter that looks for it finds the same grid, and what
    was rounded stays as it is.

    Args:
        kernel: float32.
        axes: Those of its axes that are the output channels.
    """
    others = [axis for axis in range(len(kernel.shape)) if axis not in axes]
    step = keras.ops.max(keras.ops.abs(kernel), axis=others, keepdims=True) / LEVELS
    step = keras.ops.where(step > 0, step, 1.0)
    rounded = keras.ops.round(kernel / step) * step
    return kernel + keras.ops.stop_gradient(rounded - kernel)


class _RoundedConv2D(keras.layers.Conv2D):  # type: ignore[misc]
    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        return super().convolution_op(inputs, on_grid(kernel, _CHANNEL_AXES[keras.layers.Conv2D]))


class _RoundedDepthwiseConv2D(keras.layers.DepthwiseConv2D):  # type: ignore[misc]
    def call(self, inputs: Any) -> Any:
        outputs = keras.ops.depthwise_conv(
            inputs,
            on_grid(self.kernel, _CHANNEL_AXES[keras.layers.DepthwiseConv2D]),
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
        )
        return self.activation(outputs + self.bias)


class _RoundedDense(keras.layers.Dense):  # type: ignore[misc]
    def call(self, inputs: Any) -> Any:
        kernel = on_grid(self.kernel, _CHANNEL_AXES[keras.layers.Dense])
        return self.activation(keras.ops.matmul(inputs, kernel) + self.bias)


_ROUNDED: Mapping[type[keras.Layer], type[keras.Layer]] = {
    keras.layers.Conv2D: _RoundedConv2D,
    keras.layers.DepthwiseConv2D: _RoundedDepthwiseConv2D,
    keras.layers.Dense: _RoundedDense,
}


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What becomes of a network's layers.

    Attributes:
        folds: For each layer with a kernel that a normalisation follows, that normalisation.
        ranges: Layers whose output 8 bits keep.
    """

    folds: Mapping[str, str]
    ranges: frozenset[str]


def foldable(model: keras.Model) -> keras.Model:
    """Return the same network without batch normalisation, with a `Range` where 8 bits are kept.

    Weights are new; `fold` sets them. A normalisation that follows no convolution of its own
    becomes a depthwise convolution of one pixel under its name, which computes the same.

    Args:
        model: Built by `models.build`.

    Raises:
        ConfigError: It has a layer that int8 runtimes do not compute.
    """
    plan = _plan(model)
    gone = set(plan.folds.values())

    def made(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        if layer.name in plan.folds:
            return type(layer).from_config({**config, "use_bias": True})
        if isinstance(layer, keras.layers.BatchNormalization) and layer.name not in gone:
            return keras.layers.DepthwiseConv2D(1, name=layer.name)
        return type(layer).from_config(config)

    # Keras hands on what each call was given: neither is ever set in `models.build`.
    def applied(layer: keras.Layer, *inputs: Any, mask: Any = None, training: Any = None) -> Any:
        outputs = inputs[0] if layer.name in gone else layer(*inputs)
        if layer.name in plan.ranges:
            return Range(name=f"{layer.name}_range")(outputs)
        return outputs

    return keras.models.clone_model(model, clone_function=made, call_function=applied)


def fold(model: keras.Model, folded: keras.Model) -> None:
    """Set the weights of `foldable(model)` so that it computes what `model` does.

    Normalisation by moving averages is a product and a sum for each channel: the kernel takes
    the product, the bias the sum (Jacob et al. 2018, section 3.2). Ranges are left alone.
    """
    plan = _plan(model)
    gone = set(plan.folds.values())
    for layer in model.layers:
        if not layer.weights or layer.name in gone:
            continue
        twin = folded.get_layer(layer.name)
        if layer.name in plan.folds:
            scale, shift = _affine(model.get_layer(plan.folds[layer.name]))
            kernel, *bias = layer.get_weights()
            if isinstance(layer, keras.layers.DepthwiseConv2D):
                kernel = kernel * scale.reshape(kernel.shape[2:])
            else:
                kernel = kernel * scale
            twin.set_weights([kernel, shift + scale * (bias[0] if bias else 0)])
        elif isinstance(layer, keras.layers.BatchNormalization):
            scale, shift = _affine(layer)
            twin.set_weights([scale.reshape(1, 1, -1, 1), shift])
        else:
            twin.set_weights(layer.get_weights())


def ranges(model: keras.Model) -> list[Range]:
    """Return the places where 8 bits are kept, from pixels to embedding."""
    return [layer for layer in model.layers if isinstance(layer, Range)]


def simulated(model: keras.Model) -> keras.Model:
    """Return `foldable`'s network with all rounding done; its weights are copies.

    Kernels are rounded where they are used and stay as they are, so that small steps add up.
    """

    def made(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        if isinstance(layer, Range):
            return Range.from_config({**config, "simulates": True})
        if layer.name in HEAD:
            return type(layer).from_config(config)
        return _ROUNDED.get(type(layer), type(layer)).from_config(config)

    clone = keras.models.clone_model(model, clone_function=made)
    for layer in model.layers:
        clone.get_layer(layer.name).set_weights(layer.get_weights())
    return clone


def round_kernels(model: keras.Model) -> None:
    """Set the kernels of `foldable`'s network to the levels that 8 bits have for them."""
    for layer in model.layers:
        axes = _CHANNEL_AXES.get(type(layer))
        if axes is not None and layer.name not in HEAD:
            layer.kernel.assign(on_grid(layer.kernel, axes))


def _affine(normalization: keras.layers.BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    """Return what a normalisation by moving averages multiplies by, and what it adds."""
    mean, variance = (
        np.asarray(value, np.float64)
        for value in (normalization.moving_mean, normalization.moving_variance)
    )
    scale = 1 / np.sqrt(variance + normalization.epsilon)
    if normalization.scale:
        scale = scale * np.asarray(normalization.gamma, np.float64)
    shift = -mean * scale
    if normalization.center:
        shift = shift + np.asarray(normalization.beta, np.float64)
    return scale.astype(np.float32), shift.astype(np.float32)


def _plan(model: keras.Model) -> _Plan:
    following = _following(model)
    folds: dict[str, str] = {}
    kept: set[str] = set()
    for layer in model.layers:
        if layer.name in HEAD or layer.name == GREY:  # in float, or still pixels
            continue
        _require_known(layer)
        after = following[layer.name]
        if _is_normalized(layer, after):
            folds[layer.name] = after[0].name
        elif _is_kept(layer, after):
            kept.add(layer.name)
    return _Plan(folds=folds, ranges=frozenset(kept))


def _following(model: keras.Model) -> dict[str, list[keras.Layer]]:
    """Return for each layer those of the model that read its output."""
    layers = {layer.name: layer for layer in model.layers}
    return {
        # Keras names no public way to ask which layers read a layer's output.
        name: [
            layers[node.operation.name]
            for node in layer._outbound_nodes
            if node.operation.name in layers
        ]
        for name, layer in layers.items()
    }


def _is_normalized(layer: keras.Layer, after: list[keras.Layer]) -> bool:
    if type(layer) not in _CHANNEL_AXES or _activation(layer) != "linear":
        return False
    return len(after) == 1 and isinstance(after[0], keras.layers.BatchNormalization)


def _is_kept(layer: keras.Layer, after: list[keras.Layer]) -> bool:
    """Return whether an int8 runtime keeps the layer's output in bits of its own."""
    if isinstance(layer, _SCALINGS):
        return not any(isinstance(reader, _SCALINGS) for reader in after)
    if isinstance(layer, _PASSING):
        return False
    if isinstance(layer, _ACTIVATING):
        return _activation(layer) != "linear"
    return not (len(after) == 1 and isinstance(after[0], _ACTIVATING) and _is_fused(after[0]))


def _is_fused(layer: keras.Layer) -> bool:
    return _activation(layer) in _FUSED


def _activation(layer: keras.Layer) -> str:
    """Return the name of what a layer applies to each value."""
    if not isinstance(layer, keras.layers.ReLU):
        return str(layer.activation.__name__)
    plain = layer.negative_slope == 0 and layer.threshold == 0
    names = {None: "relu", 6.0: "relu6"}
    return names.get(layer.max_value, "relu_to_other") if plain else "leaky_relu"


def _require_known(layer: keras.Layer) -> None:
    kind, activates = type(layer), (*_ACTIVATING, *_CHANNEL_AXES)
    known = kind in (*_SCALINGS, *_PASSING, *_COMPUTING)
    if known and (kind not in activates or _activation(layer) in ("linear", *_FUSED)):
        return
    what = f"{_activation(layer)}, in {kind.__name__}" if known else kind.__name__
    raise ConfigError(
        f"{what} ({layer.name}) is not computed in 8 bits.",
        expected="a network of convolutions, batch normalisation and ReLU",
        fix="choose another backbone, or export with --quantize int8 as it is",
        code="not_quantizable",
    )
