"""A bundle's network with nothing but Keras's own layers, in float32.

What loads the file must not need Sightline: a layer of ours would have to be registered there, and
an operation (`keras.ops`) is unknown to readers of HDF5. So each of our layers is said in stock
ones, which compute the same, to the last bit but for the temperature (a product in place of a
quotient).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from sightline.models.bundle import Bundle
from sightline.models.layers import CAFFE_MEAN, CaffeScaling, MeanOfViews, MirrorViews, Temperature
from sightline.models.restore import float32, restore


def stock_model(bundle: Bundle) -> keras.Model:
    """Return the network: uint8 pixels in, a dict of probabilities, logits and embedding out.

    Args:
        bundle: The model.

    Raises:
        ModelError: Its weights do not fit its architecture.
    """
    with float32():
        model = restore(bundle)
        pixels = keras.Input(model.inputs[0].shape[1:], dtype="uint8", name="pixels")
        # Layers are shared with `model`, which is of no other use.
        return keras.models.clone_model(
            model,
            input_tensors=pixels,
            clone_function=lambda layer: layer,
            call_function=_Translation(),
        )


class _Translation:
    """Calls each layer of a network again, and stock layers in place of ours.

    Between `MirrorViews` and `MeanOfViews` each layer is called twice, once for each view: a
    reader of HDF5 knows nothing that doubles a batch. The second view goes beside the first.
    """

    def __init__(self) -> None:
        self._mirrored: dict[int, Any] = {}

    def __call__(self, layer: keras.Layer, *inputs: Any, **keywords: Any) -> Any:
        """Return what `layer`, or what stands for it, makes of the inputs."""
        if isinstance(layer, MirrorViews):
            (pixels,) = inputs
            self._mirrored[id(pixels)] = _mirror(pixels)
            return pixels
        others = keras.tree.map_structure(lambda tensor: self._mirrored.get(id(tensor)), inputs)
        if isinstance(layer, MeanOfViews):
            return keras.layers.Average(name=layer.name)([*inputs, *others])
        stock = _STOCK[type(layer)](layer) if type(layer) in _STOCK else layer
        output = stock(*inputs, **keywords)
        if any(other is not None for other in keras.tree.flatten(others)):
            self._mirrored[id(output)] = stock(*others, **keywords)
        return output


def _temperature(layer: Temperature) -> Callable[[Any], Any]:
    scale = 1 / np.asarray(layer.temperature, np.float64)
    return keras.layers.Rescaling(scale.tolist(), dtype="float32", name="temperature")


def _caffe_scaling(layer: CaffeScaling) -> Callable[[Any], Any]:
    offset = [-mean for mean in reversed(CAFFE_MEAN)]
    centre = keras.layers.Rescaling(1.0, offset=offset, dtype="float32", name="centre")
    swap = keras.layers.Conv2D(3, 1, use_bias=False, trainable=False, name=layer.name)
    swap.build((None, None, None, 3))
    swap.set_weights([np.eye(3, dtype=np.float32)[::-1][None, None]])
    return lambda pixels: swap(centre(pixels))


_STOCK: Mapping[type, Callable[[Any], Callable[[Any], Any]]] = {
    Temperature: _temperature,
    CaffeScaling: _caffe_scaling,
}


def _mirror(pixels: Any) -> Any:
    """Return the pixels left for right, float32: a product with a matrix of one 1 in each row."""
    width = pixels.shape[2]
    columns_last = keras.layers.Permute((1, 3, 2), name="columns_last")
    mirror = keras.layers.Dense(width, use_bias=False, trainable=False, name="mirror")
    columns_first = keras.layers.Permute((1, 3, 2), name="columns_first")
    as_float = keras.layers.Rescaling(1.0, dtype="float32", name="as_float")
    mirrored = columns_first(mirror(columns_last(as_float(pixels))))
    mirror.set_weights([np.eye(width, dtype=np.float32)[::-1]])
    return mirrored
