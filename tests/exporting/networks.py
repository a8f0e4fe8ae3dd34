"""Small networks, one for each kind that every format must be able to carry."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

from sightline.images import Preprocessing
from sightline.inference.keras import KerasRunner
from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.bundle import WEIGHTS, Bundle
from sightline.models.members import pack_weights
from sightline.models.restore import restore
from sightline.models.weights import named_weights

_TINY = {"filters": [4, 8], "dense_units": 8}

NETWORKS: Mapping[str, Architecture] = {
    "classes": Architecture(backbone="tutorial_cnn", classes=3, height=16, width=20, options=_TINY),
    "two classes": Architecture(backbone="small_cnn", classes=2, height=32, width=32),
    "labels": Architecture(
        backbone="tutorial_cnn",
        classes=3,
        task="multi_label",
        height=16,
        width=20,
        channels=1,
        tta="flip",
        options=_TINY,
    ),
    "grey": Architecture(
        backbone="mobilenet_v2",
        classes=3,
        height=32,
        width=48,
        channels=1,
        options={"alpha": 0.35},
    ),
    "flip": Architecture(backbone="small_cnn", classes=3, height=32, width=48, tta="flip"),
    "caffe": Architecture(backbone="vgg16", classes=3, height=32, width=32, tta="flip"),
}


def bundle_of(architecture: Architecture, *, seed: int = 0) -> Bundle:
    """Return a bundle with random weights, statistics and temperatures, and without a twin."""
    keras.utils.set_random_seed(seed)
    model = build(architecture)
    random = np.random.default_rng(seed)
    weights = {
        name: random.uniform(0.5, 1.5, value.shape).astype(np.float32)
        if name.endswith(("variance", "gamma", "temperature"))
        else value
        for name, value in named_weights(model).items()
    }
    return Bundle(
        classes=tuple("abc"[: architecture.classes]),
        task=architecture.task,
        preprocessing=Preprocessing(
            height=architecture.height, width=architecture.width, channels=architecture.channels
        ),
        architecture=architecture,
        members={WEIGHTS: pack_weights(weights)},
    )


def pixels_for(architecture: Architecture, *, images: int = 4) -> np.ndarray:
    """Return random uint8 images that fit a network."""
    shape = (images, architecture.height, architecture.width, architecture.channels)
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


def expected(bundle: Bundle, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Return what Keras itself says."""
    runner = KerasRunner(
        restore(bundle),
        classes=bundle.classes,
        task=bundle.architecture.task,
        preprocessing=bundle.preprocessing,
    )
    given = runner.run(pixels)
    return {
        "probabilities": given.probabilities,
        "logits": given.logits,
        "embedding": given.embedding,
    }
