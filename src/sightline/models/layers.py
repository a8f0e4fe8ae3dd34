"""What stands between uint8 pixels and a backbone, and the layers that Keras does not have.

Everything here converts to LiteRT and ONNX as ordinary operations. No Lambda, ever: it
would put code into a saved model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras

# Of the ImageNet training images: on 0 to 1, and (Caffe) blue, green, red on 0 to 255.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
GREY = "grey_to_colour"
"""The layer that repeats the one channel of grey pixels."""
CAFFE_MEAN = (103.939, 116.779, 123.68)


@keras.saving.register_keras_serializable(package="sightline")
class CaffeScaling(keras.layers.Layer):  # type: ignore[misc]
    """Red, green, blue to blue, green, red, minus the mean: what VGG and ResNet V1 were fed."""

    def call(self, pixels: Any) -> Any:
        """Return (n, h, w, 3) pixels in BGR order around zero, in the layer's dtype."""
        pixels = keras.ops.cast(pixels, self.compute_dtype)
        swapped = [pixels[..., channel : channel + 1] for channel in (2, 1, 0)]
        mean = keras.ops.convert_to_tensor(CAFFE_MEAN, self.compute_dtype)
        return keras.ops.concatenate(swapped, axis=-1) - mean

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape unchanged."""
        return input_shape


@keras.saving.register_keras_serializable(package="sightline")
class Temperature(keras.layers.Layer):  # type: ignore[misc]
    """Divide by what calibration sets and training leaves alone (Guo et al. 2017).

    Args:
        each: Each logit has a temperature of its own; one for all by default.
    """

    def __init__(self, *, each: bool = False, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.each = each

    def build(self, input_shape: Any) -> None:
        """Add the temperatures, one at first."""
        shape = (input_shape[-1],) if self.each else ()
        self.temperature = self.add_weight(
            name="temperature", shape=shape, initializer="ones", trainable=False
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        return {**super().get_config(), "each": self.each}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Temperature:
        """Return the layer that `get_config` describes."""
        return cls(
            each=config.get("each", False), name=config.get("name"), dtype=config.get("dtype")
        )

    def call(self, logits: Any) -> Any:
        """Return the logits over the temperature."""
        return logits / self.temperature

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape unchanged."""
        return input_shape


@keras.saving.register_keras_serializable(package="sightline")
class MirrorViews(keras.layers.Layer):  # type: ignore[misc]
    """Images, then their mirror images: the views that a network answers for together."""

    def call(self, pixels: Any) -> Any:
        """Return (2 n, h, w, c): first all images, then all mirrored left for right."""
        return keras.ops.concatenate([pixels, keras.ops.flip(pixels, axis=2)], axis=0)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of twice as many images."""
        count, *rest = input_shape
        return (None if count is None else 2 * count, *rest)


@keras.saving.register_keras_serializable(package="sightline")
class MeanOfViews(keras.layers.Layer):  # type: ignore[misc]
    """What `MirrorViews` doubled becomes one again."""

    def call(self, embeddings: Any) -> Any:
        """Return (n, d), the mean of both views of each image, from (2 n, d)."""
        return keras.ops.mean(keras.ops.reshape(embeddings, (2, -1, embeddings.shape[1])), axis=0)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of half as many embeddings."""
        count, *rest = input_shape
        return (None if count is None else count // 2, *rest)


def _rescaling(scale: Any, offset: Any = 0.0) -> keras.Layer:
    # float32 whatever the policy: bfloat16 cannot tell neighbouring grey levels apart.
    return keras.layers.Rescaling(scale, offset=offset, dtype="float32", name="scaling")


SCALINGS: Mapping[str, Callable[[], keras.Layer]] = {
    "minus_one_to_one": lambda: _rescaling(1 / 127.5, -1.0),
    "zero_to_one": lambda: _rescaling(1 / 255),
    "imagenet_mean_and_deviation": lambda: _rescaling(
        [1 / (255 * deviation) for deviation in IMAGENET_DEVIATION],
        [
            -mean / deviation
            for mean, deviation in zip(IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True)
        ],
    ),
    "caffe": lambda: CaffeScaling(dtype="float32", name="scaling"),
    "inside": lambda: _rescaling(1.0),
}
