"""The parts of a built model that training treats differently.

The seam: the layer `embedding` ends the backbone; `head_dropout`, `logits`, `temperature`
and `probabilities` follow it. Parts share their layers with the whole, so training a part
trains the whole.
"""

from __future__ import annotations

import keras

_HEAD = ("head_dropout", "logits", "temperature", "probabilities")


def backbone_layers(model: keras.Model) -> list[keras.Layer]:
    """Return the layers with weights before the head, from pixels to embedding."""
    return [layer for layer in model.layers if layer.weights and layer.name not in _HEAD]


def head_layers(model: keras.Model) -> list[keras.Layer]:
    """Return the layers after the embedding."""
    return [model.get_layer(name) for name in _HEAD]


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


def head_model(model: keras.Model) -> keras.Model:
    """Return the part from embeddings (n, d) float32 to probabilities and logits."""
    embedding = keras.Input(model.output["embedding"].shape[1:], name="embedding")
    dropout, dense, temperature, activation = head_layers(model)
    logits = dense(dropout(embedding))
    probabilities = activation(temperature(logits))
    return keras.Model(embedding, {"probabilities": probabilities, "logits": logits}, name="head")
