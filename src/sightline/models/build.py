"""From an `Architecture` to a flat `keras.Model`: uint8 pixels in, probabilities out.

Scaling to the backbone's range, grey to three channels, temperature and softmax are all
inside, so every exported file takes plain pixels. The model is flat (no model inside a
model), so that Grad-CAM and converters reach every layer by name, and layer names do not
depend on what else was built in the process. This module never loads weights.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import keras

from sightline.files import load_attribute
from sightline.models.architecture import Architecture
from sightline.models.layers import (
    GREY,
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    SCALINGS,
    MeanOfViews,
    MirrorViews,
    Temperature,
)
from sightline.models.narrow import narrow
from sightline.models.quantized import foldable

_ACTIVATIONS: Mapping[str, str] = {"multi_class": "softmax", "multi_label": "sigmoid"}
_NUMBERED_NAME = re.compile(r"(?P<kind>\w+?)(_(?P<number>\d+))?")


def build(architecture: Architecture) -> keras.Model:
    """Build a network with random weights; repeatable after `keras.utils.set_random_seed`.

    Args:
        architecture: Which network.

    Returns:
        A model with the input `pixels`, uint8 (n, height, width, channels), and a dict of
        float32 outputs: `probabilities` (n, classes), `logits` (n, classes), before the
        temperature, and `embedding` (n, d).

    Raises:
        ConfigError: The options do not fit the image size, the widths the network, or the network
            8 bits.
    """
    shape = (architecture.height, architecture.width, architecture.channels)
    pixels = keras.Input(shape, dtype="uint8", name="pixels")
    pretrained_kind = architecture.card.builder.startswith("keras.")
    make = _application if pretrained_kind else _scratch
    if architecture.tta == "flip":
        both = make(MirrorViews(dtype="uint8", name="views")(pixels), architecture)
        # The head is linear: of the mean embedding it gives the mean logits.
        embedding = MeanOfViews(dtype="float32", name="mean_of_views")(both)
    else:
        embedding = make(pixels, architecture)
    model = keras.Model(pixels, _head(embedding, architecture), name=architecture.backbone)
    if architecture.widths:
        model = narrow(model, architecture.widths)
    return foldable(model) if architecture.quantized else model


def _head(embedding: Any, architecture: Architecture) -> dict[str, Any]:
    # float32 whatever the policy: probabilities in half precision are wrong in the tails.
    x = keras.layers.Dropout(architecture.dropout, dtype="float32", name="head_dropout")(embedding)
    logits = keras.layers.Dense(architecture.classes, dtype="float32", name="logits")(x)
    each = architecture.task == "multi_label"
    tempered = Temperature(each=each, dtype="float32", name="temperature")(logits)
    activation = _ACTIVATIONS[architecture.task]
    probabilities = keras.layers.Activation(activation, dtype="float32", name="probabilities")
    return {
        "probabilities": probabilities(tempered),
        "logits": logits,
        "embedding": embedding,
    }


def _scratch(pixels: Any, architecture: Architecture) -> Any:
    builder = load_attribute(architecture.card.builder)
    return builder(SCALINGS[architecture.card.scaling]()(pixels), architecture)


def _application(pixels: Any, architecture: Architecture) -> Any:
    card = architecture.card
    x = pixels
    if architecture.channels == 1:
        x = keras.layers.Concatenate(name=GREY)([x, x, x])
    x = SCALINGS[card.scaling]()(x)
    options: dict[str, Any] = dict(architecture.options)
    with_layers = options.pop("classifier_layers", False)
    base = load_attribute(card.builder)(
        include_top=with_layers, weights=None, input_tensor=x, **card.arguments, **options
    )
    _name_layers(base)
    _set_normalization(base)
    if with_layers:
        return _before_classifier(base)
    pooling = keras.layers.GlobalAveragePooling2D(dtype="float32", name="embedding")
    return pooling(base.output)


def _before_classifier(base: keras.Model) -> Any:
    """Return what the network's own classifier reads, as vectors."""
    classifier = next(layer for layer in reversed(base.layers) if layer.weights)
    return keras.layers.Flatten(dtype="float32", name="embedding")(classifier.input)


def _name_layers(base: keras.Model) -> None:
    """Number automatic names within the model, where Keras numbers them within the process.

    Without this the second InceptionV3 of a process would have other weight names than
    the first. Must run before the layers become part of another model.
    """
    kinds: dict[str, list[tuple[int, keras.Layer]]] = defaultdict(list)
    for layer in base.layers:
        match = _NUMBERED_NAME.fullmatch(layer.name)
        if match and match["kind"].replace("_", "") == type(layer).__name__.lower():
            kinds[match["kind"]].append((int(match["number"] or 0), layer))
    for kind, numbered in kinds.items():
        for rank, (_, layer) in enumerate(sorted(numbered, key=lambda pair: pair[0])):
            layer.name = f"{kind}_{rank}" if rank else kind


def _set_normalization(base: keras.Model) -> None:
    """Give EfficientNet V1 its constants, which Keras keeps among the weights.

    Keras leaves them at "no change" for random weights, and for ImageNet weights adds a
    layer; here the network is the same one in both cases.
    """
    for layer in base.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.adapt_mean.assign(IMAGENET_MEAN)
            layer.adapt_variance.assign([deviation**2 for deviation in IMAGENET_DEVIATION])
            layer.finalize_state()
