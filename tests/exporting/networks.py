"""Small bundles of each kind that an export must carry."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np
from safetensors.numpy import save

from sightline.images import Preprocessing
from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.bundle import WEIGHTS, Bundle
from sightline.models.weights import named_weights

SMALL = {"filters": [4, 8], "dense_units": 8}
NETWORKS: Mapping[str, Architecture] = {
    "multi-class": Architecture(
        backbone="tutorial_cnn", classes=3, height=16, width=20, options=SMALL
    ),
    "labels, grey, mirrored": Architecture(
        backbone="tutorial_cnn",
        classes=3,
        task="multi_label",
        height=16,
        width=20,
        channels=1,
        tta="flip",
        options=SMALL,
    ),
    "two classes, small_cnn": Architecture(backbone="small_cnn", classes=2, height=32, width=32),
    "caffe, mirrored": Architecture(
        backbone="vgg16", classes=3, height=32, width=32, tta="flip", options={}
    ),
    "mobilenet_v2": Architecture(
        backbone="mobilenet_v2", classes=5, height=32, width=32, options={"alpha": 0.35}
    ),
}


def make_bundle(architecture: Architecture) -> tuple[Bundle, keras.Model]:
    """Return a bundle of random weights with temperatures that are not 1, and its network."""
    keras.utils.set_random_seed(3)
    model = build(architecture)
    temperature = model.get_layer("temperature").temperature
    temperature.assign(np.linspace(0.6, 1.7, temperature.numpy().size).reshape(temperature.shape))
    bundle = Bundle(
        classes=tuple("abcde"[: architecture.classes]),
        task=architecture.task,
        preprocessing=Preprocessing(
            height=architecture.height, width=architecture.width, channels=architecture.channels
        ),
        architecture=architecture,
        members={WEIGHTS: save(named_weights(model))},
    )
    return bundle, model


def pixels_for(architecture: Architecture, *, n: int = 3) -> np.ndarray:
    shape = (n, architecture.height, architecture.width, architecture.channels)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)
