from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.weights import named_weights
from sightline.training.fast_layers import (
    FusedBatchNormalization,
    PatchConvolution,
    with_fast_layers,
)


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
    fused = with_fast_layers(model)
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
    fused = with_fast_layers(model)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 16, 16, 3), dtype=np.uint8)
    for network in (model, fused):
        network(pixels, training=True)
    expected, given = named_weights(model), named_weights(fused)
    assert given.keys() == expected.keys()
    for name, value in expected.items():
        # The smallest map has 4 values in each of 32 images: unbiased by one part in 128.
        assert given[name] == pytest.approx(value, rel=0.01, abs=1e-4), name


def test_frozen_layers_use_their_averages(model: keras.Model) -> None:
    fused = with_fast_layers(model)
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
    fused = with_fast_layers(keras.Model(pixels, keras.layers.BatchNormalization(name="vector")(x)))
    kinds = {layer.name: type(layer) is FusedBatchNormalization for layer in fused.layers}
    assert {name for name, is_fused in kinds.items() if is_fused} == {"plain"}


@pytest.mark.parametrize("size", [(8, 8), (3, 5), (1, 1)])
@pytest.mark.parametrize("kernel", [3, (1, 5)])
def test_a_convolution_has_the_gradients_that_keras_gives_in_float32(size, kernel) -> None:
    rng = np.random.default_rng(0)
    images = tf.cast(rng.normal(size=(4, *size, 6)), tf.bfloat16)
    keras.utils.set_random_seed(2)
    options = {"padding": "same", "use_bias": False}
    own = PatchConvolution(128, kernel, dtype="mixed_bfloat16", **options)
    # Keras's own kernels of bfloat16 are off by 0.015 on CPUs that have no instructions for it.
    witness = keras.layers.Conv2D(128, kernel, dtype="float32", **options)
    found = []
    for layer, inputs in ((own, images), (witness, tf.cast(images, tf.float32))):
        layer.build(images.shape)
        if layer is witness:
            layer.kernel.assign(tf.cast(tf.cast(own.kernel.value, tf.bfloat16), tf.float32))
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs)
            loss = tf.reduce_sum(tf.cast(outputs, tf.float32) ** 2)
        found.append([outputs, *tape.gradient(loss, [inputs, layer.kernel.value])])
    assert [value.dtype.name for value in found[0]] == ["bfloat16", "bfloat16", "float32"]
    for given, expected in zip(*found, strict=True):
        given, expected = (tf.cast(value, tf.float32).numpy() for value in (given, expected))
        # bfloat16 holds 8 bits.
        assert np.linalg.norm(given - expected) < 0.01 * np.linalg.norm(expected)


def _uses_patches(layer: keras.layers.Conv2D, size: int, dtype: str = "bfloat16") -> bool:
    pixels = keras.Input((size, size, 4), dtype=dtype)
    fast = with_fast_layers(keras.Model(pixels, layer(pixels)))
    graph = tf.function(lambda x: tf.gradients(fast(x), fast.trainable_variables[0].value))
    concrete = graph.get_concrete_function(tf.TensorSpec((2, size, size, 4), dtype))
    return any(node.type == "MatMul" for node in concrete.graph.get_operations())


def test_patches_are_used_where_they_are_faster() -> None:
    def layer(**changes: object) -> keras.layers.Conv2D:
        given = {"padding": "same", "use_bias": False, "dtype": "mixed_bfloat16", **changes}
        return keras.layers.Conv2D(given.pop("filters", 128), 3, **given)

    assert _uses_patches(layer(), 8)
    assert not _uses_patches(layer(), 9)
    assert not _uses_patches(layer(filters=64), 8)
    assert not _uses_patches(layer(dtype="float32"), 8, "float32")
    for changes in ({"strides": 2}, {"padding": "valid"}, {"use_bias": True}, {"groups": 2}):
        assert not _uses_patches(layer(**changes), 8), changes
    assert not _uses_patches(layer(activation="relu"), 8)
