"""What every backbone must do, as a suite of tests to inherit.

    @pytest.fixture(scope="module")
    def built() -> BuiltBackbone:
        return BuiltBackbone.of(Architecture(backbone="mine", classes=3, height=64, width=96))

    class TestMine(BackboneContract):
        pass

Choose height and width that differ: a swapped pair then shows. Needs TensorFlow.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property

import keras
import numpy as np
import tensorflow as tf

from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.parts import above, backbone_layers
from sightline.models.weights import layer_variables


@dataclass(frozen=True, kw_only=True)
class BuiltBackbone:
    """A network under test.

    Attributes:
        architecture: What was asked for.
        model: What `build` made of it.
    """

    architecture: Architecture
    model: keras.Model

    @classmethod
    def of(cls, architecture: Architecture) -> BuiltBackbone:
        """Build a network for the tests, the same one each time."""
        keras.utils.set_random_seed(0)
        return cls(architecture=architecture, model=build(architecture))

    def pixels(self, images: int) -> np.ndarray:
        """Return random uint8 images that fit the network."""
        wanted = self.architecture
        shape = (images, wanted.height, wanted.width, wanted.channels)
        return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)

    @cached_property
    def answer(self) -> dict[str, np.ndarray]:
        """What the network says of `pixels(2)`."""
        answer = self.model(self.pixels(2), training=False)
        return {name: np.asarray(value) for name, value in answer.items()}


class BackboneStructureContract:
    """What can be seen without running the network: enough for the heaviest ones."""

    def test_pixels_go_in(self, built: BuiltBackbone) -> None:
        """The one input is uint8 pixels of the size asked for, any number of images."""
        wanted = built.architecture
        (entry,) = built.model.inputs
        _equal(entry.name, "pixels")
        _equal(entry.dtype, "uint8")
        _equal(tuple(entry.shape), (None, wanted.height, wanted.width, wanted.channels))

    def test_probabilities_logits_and_embedding_come_out(self, built: BuiltBackbone) -> None:
        """The outputs have their names, shapes and float32."""
        classes = built.architecture.classes
        outputs = built.model.output
        shapes = {name: tuple(output.shape) for name, output in outputs.items()}
        length = shapes["embedding"][1]
        expected = {
            "probabilities": (None, classes),
            "logits": (None, classes),
            "embedding": (None, length),
        }
        _equal(shapes, expected)
        _equal({output.dtype for output in outputs.values()}, {"float32"})

    def test_the_card_is_true(self, built: BuiltBackbone) -> None:
        """Parameters, embedding and feature layer are what the card says."""
        card = built.architecture.card
        layers = backbone_layers(built.model)
        _equal(built.model.output["embedding"].shape[1], card.embedding)
        _equal(len(built.model.get_layer(card.feature_layer).output.shape), 4)
        if built.architecture == replace(built.architecture, options={}):
            _equal(sum(layer.count_params() for layer in layers), card.parameters)

    def test_the_feature_layer_is_the_last_map(self, built: BuiltBackbone) -> None:
        """All of the network passes through it, and no convolution follows: Grad-CAM sees all."""
        rest = above(built.model, built.architecture.card.feature_layer)
        kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
        _equal([layer.name for layer in rest.layers if isinstance(layer, kinds)], [])

    def test_the_model_is_flat_and_holds_no_code(self, built: BuiltBackbone) -> None:
        """Converters and Grad-CAM reach every layer, and saving it saves no Python."""
        refused = (keras.Model, keras.layers.Lambda)
        _equal([x.name for x in built.model.layers if isinstance(x, refused)], [])

    def test_weight_names_are_unique(self, built: BuiltBackbone) -> None:
        """No weight hides another in `named_weights`."""
        _equal(len(layer_variables(built.model.layers)), len(built.model.weights))

    def test_the_architecture_survives_json(self, built: BuiltBackbone) -> None:
        """What a bundle records builds the same network."""
        text = json.dumps(built.architecture.to_json())
        _equal(Architecture.from_json(json.loads(text)), built.architecture)


class BackboneContract(BackboneStructureContract):
    """What every backbone must do."""

    def test_probabilities_are_probabilities(self, built: BuiltBackbone) -> None:
        """They are finite, from 0 to 1, and those of exclusive classes sum to one."""
        answer = built.answer
        probabilities = answer["probabilities"]
        _true(np.isfinite(probabilities).all() and np.isfinite(answer["embedding"]).all())
        _true((probabilities >= 0).all() and (probabilities <= 1).all())
        if built.architecture.task == "multi_class":
            np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)

    def test_an_image_is_judged_alone(self, built: BuiltBackbone) -> None:
        """Its answer does not depend on the images beside it; small differences are rounding."""
        together = built.answer["logits"][1]
        alone = np.asarray(built.model(built.pixels(2)[1:], training=False)["logits"])[0]
        np.testing.assert_allclose(alone, together, atol=1e-3, rtol=1e-3)

    def test_the_image_matters(self, built: BuiltBackbone) -> None:
        """Two different images have different embeddings."""
        first, second = built.answer["embedding"]
        _true(not np.array_equal(first, second))

    def test_every_trainable_weight_gets_a_gradient(self, built: BuiltBackbone) -> None:
        """Training reaches all of the network."""
        model = built.model
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(model(built.pixels(2), training=True)["logits"])
        variables = model.trainable_variables
        gradients = tape.gradient(total, [variable.value for variable in variables])
        pairs = zip(variables, gradients, strict=True)
        _equal([variable.path for variable, gradient in pairs if gradient is None], [])


def _equal(found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"Found {found!r}, expected {expected!r}.")


def _true(condition: object) -> None:
    if not condition:
        raise AssertionError("The condition of this test does not hold.")
