"""The contract for every backbone of the catalogue, small, and their scaling against Keras's."""

from __future__ import annotations

import importlib

import keras
import numpy as np
import pytest

from sightline.models import BACKBONES, Architecture
from sightline.models.parts import backbone_layers
from sightline.testing.backbones import (
    BackboneContract,
    BackboneStructureContract,
    BuiltBackbone,
)

HEAVY = {
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_v2_b1",
    "efficientnet_v2_b2",
    "efficientnet_v2_b3",
    "resnet101",
    "resnet152",
    "resnet101_v2",
    "resnet152_v2",
    "vgg19",
}
# The module whose `preprocess_input` is the witness.
WITNESSES = {
    "mobilenet": "mobilenet",
    "mobilenet_v2": "mobilenet_v2",
    "mobilenet_v3_large": "mobilenet_v3",
    "mobilenet_v3_small": "mobilenet_v3",
    "resnet50": "resnet",
    "resnet50_v2": "resnet_v2",
    "inception_v3": "inception_v3",
    "vgg16": "vgg16",
    "efficientnet_b0": "efficientnet",
    "efficientnet_v2_b0": "efficientnet_v2",
}


def build(name: str) -> BuiltBackbone:
    card = BACKBONES[name]
    height, width = card.minimum_size
    width += 16
    if name == "tutorial_cnn":  # its parameters depend on the size of the image
        height, width = card.default_size
    return BuiltBackbone.of(Architecture(backbone=name, classes=3, height=height, width=width))


@pytest.fixture(scope="module")
def built(request: pytest.FixtureRequest) -> BuiltBackbone:
    """Build each backbone once; pytest groups the tests by it."""
    return build(request.param)


@pytest.mark.parametrize("built", sorted(HEAVY), indirect=True, scope="module")
class TestHeavyBackbone(BackboneStructureContract):
    pass


@pytest.mark.parametrize(
    "built", ["small_cnn", "small_resnet", "tutorial_cnn"], indirect=True, scope="module"
)
class TestOwnBackbone(BackboneContract):
    pass


@pytest.mark.parametrize("built", sorted(WITNESSES), indirect=True, scope="module")
class TestKerasBackbone(BackboneContract):
    def test_scaling_is_that_of_keras(self, built: BuiltBackbone) -> None:
        """Our uint8 pixels give the features that Keras's preprocessing and network give."""
        card = built.architecture.card
        module = importlib.import_module(f"keras.applications.{WITNESSES[card.name]}")
        attribute = card.builder.partition(":")[2]
        shape = built.model.input_shape[1:]
        reference = getattr(keras.applications, attribute)(
            include_top=False, weights=None, input_shape=shape, pooling="avg"
        )
        theirs_with_weights = [layer for layer in reference.layers if layer.weights]
        for mine, theirs in zip(backbone_layers(built.model), theirs_with_weights, strict=True):
            theirs.set_weights(mine.get_weights())
            if isinstance(theirs, keras.layers.Normalization):
                theirs.finalize_state()
        pixels = built.pixels(2)
        expected = reference(module.preprocess_input(pixels.astype(np.float32)), training=False)
        found = built.model(pixels, training=False)["embedding"]
        # float32 through up to 200 layers, in another order of operations at the entrance.
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_every_backbone_is_tested_here() -> None:
    assert set(BACKBONES) == {*HEAVY, *WITNESSES, "small_cnn", "small_resnet", "tutorial_cnn"}


@pytest.mark.parametrize("name", ["mobilenet", "vgg16"])
def test_grey_pixels_are_repeated_to_colour(name: str) -> None:
    grey = BuiltBackbone.of(Architecture(backbone=name, classes=2, height=32, width=40, channels=1))
    colour = BuiltBackbone.of(Architecture(backbone=name, classes=2, height=32, width=40))
    pixels = grey.pixels(1)
    answers = [
        np.asarray(grey.model(pixels)["logits"]),
        np.asarray(colour.model(pixels.repeat(3, axis=-1))["logits"]),
    ]
    np.testing.assert_allclose(*answers, atol=1e-4)


@pytest.mark.parametrize(("name", "embedding"), [("vgg16", 4096), ("mobilenet_v3_small", 1024)])
def test_the_layers_before_the_classifier_can_be_kept(name: str, embedding: int) -> None:
    architecture = Architecture(
        backbone=name, classes=2, height=32, width=32, options={"classifier_layers": True}
    )
    built = BuiltBackbone.of(architecture)
    assert built.model.output["embedding"].shape == (None, embedding)
    assert [layer.name for layer in built.model.layers].count("logits") == 1
