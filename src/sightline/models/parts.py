"""The parts of a built model that training treats differently.

The seam: the layer `embedding` ends the backbone; `head_dropout`, `logits`, `temperature`
and `probabilities` follow it. Parts share their layers with the whole, so training a part
trains the whole.
"""

from __future__ import annotations

import math

import keras

from sightline.errors import ConfigError

HEAD = ("head_dropout", "logits", "temperature", "probabilities")


def backbone_layers(model: keras.Model) -> list[keras.Layer]:
    """Return the layers with weights before the head, from pixels to embedding."""
    return [layer for layer in model.layers if layer.weights and layer.name not in HEAD]


def head_layers(model: keras.Model) -> list[keras.Layer]:
    """Return the layers after the embedding."""
    return [model.get_layer(name) for name in HEAD]


def batch_normalization_layers(model: keras.Model) -> list[keras.Layer]:
    """Return the layers that keep moving averages."""
    kind = keras.layers.BatchNormalization
    return [layer for layer in model.layers if isinstance(layer, kind)]


def freeze_batch_normalization(model: keras.Model) -> None:
    """Put batch normalisation into inference mode for good, also under `training=True`.

    Fine-tuning with small batches would otherwise replace ImageNet's averages by noise.
    """
    for layer in batch_normalization_layers(model):
        layer.trainable = False


def freeze_backbone(model: keras.Model) -> None:
    """Leave only the head trainable."""
    for layer in backbone_layers(model):
        layer.trainable = False


def embedding_model(model: keras.Model) -> keras.Model:
    """Return the part from pixels to the embedding, as a dict with that one output."""
    return keras.Model(model.inputs[0], {"embedding": model.output["embedding"]}, name="backbone")


def at_size(model: keras.Model, *, height: int, width: int) -> keras.Model:
    """Return the same network for images of another size; layers and weights are shared.

    Raises:
        ConfigError: The network takes images of one size only.
    """
    channels = model.inputs[0].shape[-1]
    pixels = keras.Input((height, width, channels), dtype=model.inputs[0].dtype, name="pixels")
    try:
        return keras.models.clone_model(
            model, input_tensors=pixels, clone_function=lambda layer: layer
        )
    except ValueError as error:
        raise ConfigError(
            f"{model.name} cannot see images of {height}x{width}: it was made for "
            f"{model.inputs[0].shape[1]}x{model.inputs[0].shape[2]}.",
            expected="a network whose layers fit every size",
            fix="leave out --grow-from, or choose a larger --image-size or another --backbone",
            code="one_size",
        ) from error


def waist(model: keras.Model, *, stride: int) -> str | None:
    """Return the best layer to cut at: what comes before it can be frozen.

    All of the network passes through it, one position of it stands for at most `stride`
    pixels, and of the layers at that depth it is the last among those with the least to
    pass on. `None` where there is no such layer.

    Args:
        model: Built by `models.build`.
        stride: 1 or more.
    """
    height = model.inputs[0].shape[1]
    places = [layer for layer in _passages(model) if layer.output.shape[1] * stride >= height]
    if not places:
        return None
    # Padding layers have a row or three more than their neighbours of the same depth.
    least = 1.2 * min(layer.output.shape[1] for layer in places)
    deep = [layer for layer in places if layer.output.shape[1] <= least]
    return str(min(reversed(deep), key=lambda layer: math.prod(layer.output.shape[1:])).name)


def _passages(model: keras.Model) -> list[keras.Layer]:
    """Return the layers with maps (n, h, w, c) that no path through the network avoids."""
    place = {layer.name: index for index, layer in enumerate(model.layers)}
    found = []
    furthest_use = 0  # by any layer seen so far: beyond it, nothing earlier is read any more
    for index, layer in enumerate(model.layers):
        if 0 < index and furthest_use <= index and layer.output.ndim == 4:
            found.append(layer)
        # Keras names no public way to ask which layers read a layer's output.
        readers = [node.operation.name for node in layer._outbound_nodes]
        furthest_use = max([furthest_use, *(place[name] for name in readers if name in place)])
    return found


def below(model: keras.Model, name: str) -> keras.Model:
    """Return the part from pixels to the layer `name`, as a dict with the output `features`."""
    features = model.get_layer(name).output
    return keras.Model(model.inputs[0], {"features": features}, name="below")


def above(model: keras.Model, name: str) -> keras.Model:
    """Return the part from the layer `name` to the outputs."""
    return keras.Model(model.get_layer(name).output, model.output, name="above")


def head_model(model: keras.Model) -> keras.Model:
    """Return the part from embeddings (n, d) float32 to probabilities and logits."""
    embedding = keras.Input(model.output["embedding"].shape[1:], name="embedding")
    dropout, dense, temperature, activation = head_layers(model)
    logits = dense(dropout(embedding))
    probabilities = activation(temperature(logits))
    return keras.Model(embedding, {"probabilities": probabilities, "logits": logits}, name="head")
