"""Weight files into a model: `.safetensors`, `.weights.h5` and the older `.h5`.

A file holds either the backbone or the whole model; anything between, and any tensor that
does not fit, is an error that names the tensor. Nothing in a file is executed.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from sightline.errors import ModelError
from sightline.files import printable
from sightline.models.hdf5 import StoredLayer, is_hdf5, read_layers
from sightline.models.layers import IMAGENET_DEVIATION, IMAGENET_MEAN
from sightline.models.parts import backbone_layers
from sightline.models.weights import assign_variables, layer_variables, listed

_CLASSIFIER = "logits"


def load_weights_file(model: keras.Model, path: str | os.PathLike[str]) -> bool:
    """Set the weights of `model` from a file, all that it holds or none.

    Args:
        model: Built by `models.build`.
        path: `.safetensors` with the names of `named_weights`, or what Keras's
            `save_weights` wrote for this model or for the `keras.applications` network
            without its classifier.

    Returns:
        Whether the head was set too, and not the backbone alone.

    Raises:
        ModelError: The file is missing, damaged, or does not fit; the tensor is named.
        UnsafeModelError: The file is built to do harm.
    """
    file = Path(path)
    if not file.is_file():
        raise ModelError(
            f"No weights at {printable(file)}.",
            expected="a .safetensors, .weights.h5 or .h5 file",
            fix='check the path, or use weights="imagenet" or "none"',
            code="no_such_weights",
        )
    if file.suffix == ".safetensors":
        weights = _read_safetensors(file)
        whole = any(name.startswith(f"{_CLASSIFIER}/") for name in weights)
        layers = _weighted(model) if whole else backbone_layers(model)
    else:
        layers, weights = _match(file, model)
        whole = any(layer.name == _CLASSIFIER for layer in layers)
    assign_variables(model, layer_variables(layers), weights)
    return whole


def load_published(model: keras.Model, path: Path, *, with_classifier: bool, head: bool) -> None:
    """Set the weights of `model` from a file that Keras publishes.

    Args:
        model: Built by `models.build`.
        path: The `.h5` file.
        with_classifier: Whether the file holds the classifier.
        head: Whether to set the model's head from that classifier.

    Raises:
        ModelError: The file is damaged or does not fit.
    """
    stored, _ = read_layers(path)
    layers = backbone_layers(model)
    if with_classifier and not head:
        stored = stored[:-1]
    elif with_classifier:
        stored = [*stored[:-1], _as_dense(stored[-1])]
        layers = [*layers, model.get_layer(_CLASSIFIER)]
    weights = _pair(stored, layers, {})
    if weights is None:
        raise _mismatch(path, stored, layers, {})
    assign_variables(model, layer_variables(layers), weights)


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{printable(path)} is not a readable safetensors file: {error}.",
            fix="take another copy of the file",
            code="damaged_model",
        ) from error


def _weighted(model: keras.Model) -> list[keras.Layer]:
    return [layer for layer in model.layers if layer.weights]


def _match(path: Path, model: keras.Model) -> tuple[list[keras.Layer], dict[str, np.ndarray]]:
    """Return the layers that the file holds, the whole model's or the backbone's, and weights."""
    if not is_hdf5(path):
        raise ModelError(
            f"{printable(path)} is not a weight file ({path.stat().st_size} bytes).",
            expected="a .safetensors, .weights.h5 or .h5 file",
            fix="save weights with model.save_weights('NAME.weights.h5')",
            code="damaged_model",
        )
    stored, own_names = read_layers(path)
    names = {} if own_names else _class_names(model)
    candidates = (_weighted(model), backbone_layers(model))
    for layers in candidates:
        weights = _pair(stored, layers, names)
        if weights is not None:
            return layers, weights
    found = {layer.name for layer in stored}
    nearest = min(
        candidates,
        key=lambda layers: len(found ^ {names.get(each.name, each.name) for each in layers}),
    )
    raise _mismatch(path, stored, nearest, names)


def _class_names(model: keras.Model) -> dict[str, str]:
    """Return the name that `.weights.h5` gives each layer: its class, numbered."""
    seen: Counter[str] = Counter()
    names = {}
    for layer in model.layers:
        kind = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", type(layer).__name__)
        kind = re.sub(r"([a-z])([A-Z])", r"\1_\2", kind).lower()
        names[layer.name] = f"{kind}_{seen[kind]}" if seen[kind] else kind
        seen[kind] += 1
    return names


def _pair(
    stored: Sequence[StoredLayer], layers: Sequence[keras.Layer], names: Mapping[str, str]
) -> dict[str, np.ndarray] | None:
    """Return the weights by our names, or None where layers and file do not correspond.

    By name where the names are the same. Else by order, as Keras does, where every shape
    agrees: the published files are older than some of today's layer names.

    Args:
        stored: The file's layers.
        layers: The model's layers with weights.
        names: The model's layer names as the file writes them, where they differ.
    """
    by_name = {layer.name: layer for layer in stored}
    keys = [names.get(layer.name, layer.name) for layer in layers]
    if len(by_name) == len(stored) and by_name.keys() == set(keys):
        pairs = [(layer, by_name[key]) for layer, key in zip(layers, keys, strict=True)]
    elif not names and _stored_shapes(stored) == _layer_shapes(layers):
        pairs = list(zip(layers, stored, strict=True))
    else:
        return None
    weights: dict[str, np.ndarray] = {}
    for layer, found in pairs:
        if len(found.tensors) != len(layer.weights):
            return None
        for variable, tensor in zip(layer.weights, _tensors(layer, found), strict=True):
            weights[f"{layer.name}/{variable.name}"] = tensor
    return weights


def _tensors(layer: keras.Layer, found: StoredLayer) -> Sequence[np.ndarray]:
    """Return a layer's tensors, those of EfficientNet's normalisation put right.

    Keras's file for EfficientNet V1 holds deviations where the layer takes variances, and
    Keras then divides by their root once more; here the layer gets the variances.
    """
    if not isinstance(layer, keras.layers.Normalization):
        return found.tensors
    mean, variance, seen = found.tensors
    published = np.allclose(mean, IMAGENET_MEAN) and np.allclose(variance, IMAGENET_DEVIATION)
    if published:
        variance = np.square(np.asarray(IMAGENET_DEVIATION)).astype(np.float32)
    return mean, variance, seen.astype(layer.count.dtype)


def _as_dense(classifier: StoredLayer) -> StoredLayer:
    """Return a classifier that is a 1x1 convolution (MobileNet V1 and V3) as a dense layer."""
    kernel, *rest = classifier.tensors
    if kernel.ndim == 4:
        kernel = kernel.reshape(kernel.shape[-2:])
    return StoredLayer(name=_CLASSIFIER, tensors=(kernel, *rest))


def _stored_shapes(stored: Sequence[StoredLayer]) -> list[list[tuple[int, ...]]]:
    return [[tensor.shape for tensor in layer.tensors] for layer in stored]


def _layer_shapes(layers: Sequence[keras.Layer]) -> list[list[tuple[int, ...]]]:
    return [[tuple(weight.shape) for weight in layer.weights] for layer in layers]


def _mismatch(
    path: Path,
    stored: Sequence[StoredLayer],
    layers: Sequence[keras.Layer],
    names: Mapping[str, str],
) -> ModelError:
    keys = {names.get(layer.name, layer.name): layer for layer in layers}
    found = {layer.name: layer for layer in stored}
    missing = [key for key in keys if key not in found]
    extra = [key for key in found if key not in keys]
    counts = [
        f"{len(found[key].tensors)} tensors for {key} (expected {len(layer.weights)})"
        for key, layer in keys.items()
        if key in found and len(found[key].tensors) != len(layer.weights)
    ]
    faults = [
        f"lacks {listed(missing)}" if missing else "",
        f"also holds {listed(extra)}" if extra else "",
        f"holds {listed(counts)}" if counts else "",
    ]
    return ModelError(
        f"{printable(path)} does not fit the network: it {'; it '.join(filter(None, faults))}.",
        expected=f"the weights of {len(keys)} layers, or of the whole model",
        fix="use a file of the same backbone and options, without another network's classifier",
        code="weights_do_not_fit",
    )
