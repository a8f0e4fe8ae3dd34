from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.weights import named_weights
from sightline.training.fused import FusedBatchNormalization, with_fused_normalization


@pytest.fixture
def model() -> keras.Model:
    keras.utils.set_random_seed(1)
    return build(
        Architecture(
            backbone="small_cnn",
            classes=3,
            height=16,
            width=16,
            options={"stem_width": 4, "widths": [8]},
        )
    )


def gradients(model: keras.Model, pixels: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    with tf.GradientTape() as tape:
        logits = model(pixels, training=True)["logits"]
        loss = tf.reduce_mean(tf.square(logits - 1))
    found = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
    names = [variable.path for variable in model.trainable_variables]
    return logits.numpy(), {n: g.numpy() for n, g in zip(names, found, strict=True)}


def test_it_computes_what_keras_computes(model: keras.Model) -> None:
    fused = with_fused_normalization(model)
    kinds = [type(layer) for layer in fused.layers]
    assert kinds.count(FusedBatchNormalization) == 3
    assert keras.layers.BatchNormalization not in kinds
    pixels = np.random.default_rng(0).integers(0, 256, (32, 16, 16, 3), dtype=np.uint8)
    expected, expected_gradients = gradients(model, pixels)
    given, given_gradients = gradients(fused, pixels)
    assert np.abs(given - expected).max() < 1e-4
    assert given_gradients.keys() == expected_gradients.keys()
    for name, gradient in expected_gradients.items():
        scale = np.abs(gradient).max() + 1e-3
        assert np.abs(given_gradients[name] - gradient).max() < 1e-3 * scale, name


def test_the_averages_move_alike_and_bear_the_same_names(model: keras.Model) -> None:
    fused = with_fused_normalization(model)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 16, 16, 3), dtype=np.uint8)
    for network in (model, fused):
        network(pixels, training=True)
    expected, given = named_weights(model), named_weights(fused)
    assert given.keys() == expected.keys()
    for name, value in expected.items():
        # The smallest map has 4 values in each of 32 images: unbiased by one part in 128.
        assert given[name] == pytest.approx(value, rel=0.01, abs=1e-4), name


def test_frozen_layers_use_their_averages(model: keras.Model) -> None:
    fused = with_fused_normalization(model)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    expected = model(pixels, training=False)["logits"]
    for layer in fused.layers:
        if isinstance(layer, FusedBatchNormalization):
            layer.trainable = False
    assert np.abs(fused(pixels, training=True)["logits"] - expected).max() < 1e-5


def test_what_the_operation_cannot_do_is_left_to_keras() -> None:
    pixels = keras.Input((8, 8, 3))
    x = keras.layers.BatchNormalization(scale=False, name="unscaled")(pixels)
    x = keras.layers.BatchNormalization(name="plain")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    fused = with_fused_normalization(
        keras.Model(pixels, keras.layers.BatchNormalization(name="vector")(x))
    )
    kinds = {layer.name: type(layer) is FusedBatchNormalization for layer in fused.layers}
    assert {name for name, is_fused in kinds.items() if is_fused} == {"plain"}
