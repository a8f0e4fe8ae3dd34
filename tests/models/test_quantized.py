"""Networks without normalisation that compute the same, and rounding done by hand."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from sightline.errors import ConfigError
from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.parts import batch_normalization_layers
from sightline.models.quantized import (
    Range,
    fold,
    on_grid,
    ranges,
    round_kernels,
    simulated,
)
from sightline.models.weights import assign_weights, named_weights

NETWORKS = {
    # Depthwise convolutions, activations that a runtime fuses, sums without one.
    "mobilenet_v2": {"backbone": "mobilenet_v2", "options": {"alpha": 0.35}},
    # Normalisation after pooling: no convolution can take it.
    "small_cnn": {"backbone": "small_cnn", "options": {"widths": [8, 16], "shortcuts": True}},
    "small_resnet": {"backbone": "small_resnet", "tta": "flip", "options": {"widths": [4, 8]}},
    "tutorial_cnn": {"backbone": "tutorial_cnn", "channels": 1, "options": {"filters": [4, 8]}},
}


def network(**given: object) -> tuple[Architecture, keras.Model]:
    """Return a network with moving averages and scales that are not those of the beginning."""
    architecture = Architecture(classes=3, height=32, width=32, **given)  # type: ignore[arg-type]
    keras.utils.set_random_seed(0)
    model = build(architecture)
    rng = np.random.default_rng(1)
    for layer in batch_normalization_layers(model):
        size = layer.moving_mean.shape
        layer.moving_mean.assign(rng.normal(0, 0.3, size))
        layer.moving_variance.assign(rng.uniform(0.3, 2, size))
        layer.gamma.assign(rng.normal(1, 0.5, size))  # some below zero
        layer.beta.assign(rng.normal(0, 0.3, size))
    return architecture, model


def folded(architecture: Architecture, model: keras.Model) -> keras.Model:
    without = build(replace(architecture, quantized=True))
    fold(model, without)
    return without


def pixels(architecture: Architecture) -> np.ndarray:
    shape = (4, architecture.height, architecture.width, architecture.channels)
    return np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("given", NETWORKS.values(), ids=NETWORKS.keys())
def test_a_folded_network_computes_the_same(given: dict[str, object]) -> None:
    architecture, model = network(**given)
    without = folded(architecture, model)
    assert not batch_normalization_layers(without)
    expected, found = (one(pixels(architecture), training=False) for one in (model, without))
    for name, value in expected.items():
        largest = float(np.abs(value).max())
        np.testing.assert_allclose(found[name], value, atol=2e-5 * largest, err_msg=name)


def test_a_normalisation_is_folded_as_by_hand() -> None:
    architecture, model = network(**NETWORKS["mobilenet_v2"])
    without = folded(architecture, model)
    for convolution, normalization in (
        ("Conv1", "bn_Conv1"),
        ("expanded_conv_depthwise", "expanded_conv_depthwise_BN"),
    ):
        kernel = np.asarray(model.get_layer(convolution).kernel)
        gamma, beta, mean, variance = model.get_layer(normalization).get_weights()
        scale = gamma / np.sqrt(variance + 1e-3)
        axis = -2 if "depthwise" in convolution else -1
        shape = [1] * 4
        shape[axis] = -1
        found, bias = without.get_layer(convolution).get_weights()
        np.testing.assert_allclose(found, kernel * scale.reshape(shape), rtol=1e-5)
        np.testing.assert_allclose(bias, beta - mean * scale, rtol=1e-5, atol=1e-6)


def test_ranges_stand_where_a_runtime_keeps_8_bits() -> None:
    architecture, model = network(backbone="small_resnet", options={"widths": [4, 8]})
    names = [layer.name.removesuffix("_range") for layer in ranges(folded(architecture, model))]
    assert names[:5] == [
        "scaling",
        "stem_out",  # after the activation, which is computed with the convolution before it
        "stage_1_block_1_1_out",
        "stage_1_block_1_2_norm",  # nothing but a sum follows
        "stage_1_block_1_out",
    ]
    assert names[-1] == "embedding"


def test_in_use_a_range_changes_nothing_and_simulated_it_rounds() -> None:
    values = np.float32([-1.0, -0.5, 0.0, 0.004, 0.0102, 2.0, 5.0])
    for simulates in (False, True):
        layer = Range(simulates=simulates)
        layer.build(values.shape)
        layer.low.assign(-0.5)
        layer.high.assign(2.05)
        # 255 steps of 0.01; zero is level 50 of them.
        expected = np.float32([-0.5, -0.5, 0, 0, 0.01, 2.0, 2.05]) if simulates else values
        np.testing.assert_allclose(layer(values), expected, atol=1e-6)


def test_the_gradient_passes_inside_the_range_and_not_outside() -> None:
    layer = Range(simulates=True)
    layer.build(())
    values = tf.constant([-2.0, -0.3, 0.7, 1.5])
    with tf.GradientTape() as tape:
        tape.watch(values)
        total = tf.reduce_sum(layer(values) * [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(tape.gradient(total, values), [0, 2, 3, 0])


@pytest.mark.parametrize(("axes", "axis"), [((3,), 3), ((2, 3), 2)])
def test_kernels_are_rounded_as_keras_rounds_them(axes: tuple[int, ...], axis: int) -> None:
    kernel = np.random.default_rng(0).normal(size=(3, 3, 5, 1 if axis == 2 else 4))
    kernel = kernel.astype(np.float32)
    found = np.asarray(on_grid(tf.constant(kernel), axes))
    largest = np.abs(kernel).max(axis=tuple(a for a in range(4) if a not in axes)).ravel()
    expected = keras.quantizers.fake_quant_with_min_max_vars(
        kernel, -largest, largest, narrow_range=True, axis=axis
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(on_grid(tf.constant(found), axes), found, atol=1e-6)


def test_the_gradient_of_rounded_kernels_passes_straight_through() -> None:
    kernel = tf.constant([[0.3, -1.0], [0.111, 0.5]])
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        total = tf.reduce_sum(on_grid(kernel, (1,)) * [[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(tape.gradient(total, kernel), [[1, 2], [3, 4]])


def test_a_channel_of_zeros_stays_one() -> None:
    assert not np.asarray(on_grid(tf.zeros((3, 3, 2, 2)), (3,))).any()


def test_the_simulated_network_has_the_weights_and_rounds_its_kernels() -> None:
    architecture, model = network(**NETWORKS["small_resnet"])
    without = folded(architecture, model)
    rounding = simulated(without)
    assert named_weights(rounding).keys() == named_weights(without).keys()
    for place in [*ranges(without), *ranges(rounding)]:
        place.low.assign(-1e3)  # so wide that ...
        place.high.assign(1e3)
        place.simulates = False  # ... and off: only kernels are rounded
    images = pixels(architecture)
    before = np.asarray(without(images, training=False)["logits"])
    round_kernels(without)
    after = np.asarray(without(images, training=False)["logits"])
    assert np.abs(after - before).max() > 1e-4
    np.testing.assert_allclose(
        rounding(images, training=False)["logits"], after, atol=1e-5 * np.abs(after).max()
    )


def test_architectures_of_before_keep_their_bytes() -> None:
    plain = Architecture(backbone="small_cnn", classes=3, height=32, width=32)
    assert "quantized" not in plain.to_json()
    trained = replace(plain, quantized=True)
    assert Architecture.from_json(trained.to_json()) == trained
    with pytest.raises(ConfigError, match="quantized is 'yes'"):
        replace(plain, quantized="yes")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "named"),
    [({"norm": "group"}, "GroupNormalization"), ({"activation": "elu"}, "elu")],
)
def test_what_8_bits_do_not_compute_is_refused(options: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        build(
            Architecture(
                backbone="small_resnet",
                classes=3,
                height=32,
                width=32,
                quantized=True,
                options=options,
            )
        )


def test_grey_pixels_are_not_rounded_before_they_are_scaled() -> None:
    grey = Architecture(
        backbone="mobilenet_v2", classes=3, height=32, width=32, channels=1, quantized=True
    )
    assert ranges(build(grey))[0].name == "scaling_range"


def test_weights_go_from_one_view_to_two() -> None:
    architecture, model = network(backbone="small_resnet", options={"widths": [4, 8]})
    without = folded(architecture, model)
    both = build(replace(architecture, quantized=True, tta="flip"))
    assign_weights(both, named_weights(without))
