from __future__ import annotations

import keras
import numpy as np
import pytest

from sightline.errors import ConfigError
from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.parts import (
    backbone_layers,
    batch_normalization_layers,
    embedding_model,
    freeze_backbone,
    freeze_batch_normalization,
    head_model,
)
from sightline.models.weights import assign_weights, named_weights


def small(**changes: object) -> Architecture:
    given = {"backbone": "small_resnet", "classes": 3, "height": 16, "width": 16, **changes}
    return Architecture(**given)


def pixels(architecture: Architecture, images: int = 2) -> np.ndarray:
    shape = (images, architecture.height, architecture.width, architecture.channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def run(model: keras.Model, images: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in model(images, training=False).items()}


def test_multi_class_probabilities_are_the_softmax_of_the_logits() -> None:
    architecture = small()
    answer = run(build(architecture), pixels(architecture))
    powers = np.exp(answer["logits"] - answer["logits"].max(axis=1, keepdims=True))
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-6)


def test_multi_label_probabilities_are_sigmoids() -> None:
    architecture = small(task="multi_label")
    answer = run(build(architecture), pixels(architecture))
    np.testing.assert_allclose(
        answer["probabilities"], 1 / (1 + np.exp(-answer["logits"])), atol=1e-6
    )


def test_temperature_divides_the_logits_that_become_probabilities_and_no_others() -> None:
    model = build(small())
    before = run(model, pixels(small()))
    model.get_layer("temperature").temperature.assign(2.0)
    after = run(model, pixels(small()))
    np.testing.assert_array_equal(after["logits"], before["logits"])
    weights = np.exp(before["logits"] / 2)
    expected = weights / weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(after["probabilities"], expected, atol=1e-6)


def test_each_label_has_a_temperature_of_its_own() -> None:
    architecture = small(task="multi_label")
    model = build(architecture)
    before = run(model, pixels(architecture))
    own = np.float32([0.5, 1, 2])
    model.get_layer("temperature").temperature.assign(own)
    after = run(model, pixels(architecture))
    expected = 1 / (1 + np.exp(-before["logits"] / own))
    np.testing.assert_allclose(after["probabilities"], expected, atol=1e-6)


def test_test_time_augmentation_is_the_mean_of_both_views() -> None:
    plain, both = build(small()), build(small(tta="flip"))
    assign_weights(both, named_weights(plain))
    images = pixels(small(), images=3)
    one, other, found = run(plain, images), run(plain, images[:, :, ::-1]), run(both, images)
    for name in ("embedding", "logits"):
        np.testing.assert_allclose(found[name], (one[name] + other[name]) / 2, atol=1e-5)
    assert np.abs(one["logits"] - other["logits"]).max() > 1e-3
    np.testing.assert_allclose(found["probabilities"].sum(axis=1), 1, atol=1e-6)


def test_the_same_seed_builds_the_same_weights() -> None:
    keras.utils.set_random_seed(7)
    first = named_weights(build(small()))
    keras.utils.set_random_seed(7)
    second = named_weights(build(small()))
    assert list(first) == list(second)
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])


def test_dropout_acts_in_training_only() -> None:
    architecture = small(dropout=0.9)
    model = build(architecture)
    freeze_batch_normalization(model)
    images = pixels(architecture)
    quiet = run(model, images)
    np.testing.assert_array_equal(run(model, images)["logits"], quiet["logits"])
    assert not np.array_equal(np.asarray(model(images, training=True)["logits"]), quiet["logits"])


def test_frozen_batch_normalization_answers_in_training_as_in_inference() -> None:
    architecture = small()
    model = build(architecture)
    images = pixels(architecture)
    quiet = run(model, images)["embedding"]
    moving = np.asarray(model(images, training=True)["embedding"])
    assert not np.allclose(moving, quiet)
    model = build(architecture)
    freeze_batch_normalization(model)
    before = named_weights(model)
    model(images, training=True)
    after = named_weights(model)
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert batch_normalization_layers(model)


def test_the_head_after_the_embedding_is_the_whole() -> None:
    architecture = small()
    model = build(architecture)
    images = pixels(architecture)
    whole = run(model, images)
    embedding = run(embedding_model(model), images)["embedding"]
    np.testing.assert_array_equal(embedding, whole["embedding"])
    answer = run(head_model(model), embedding)
    np.testing.assert_allclose(answer["probabilities"], whole["probabilities"], atol=1e-6)
    np.testing.assert_allclose(answer["logits"], whole["logits"], atol=1e-5)


def test_freezing_the_backbone_leaves_the_last_layer() -> None:
    model = build(small())
    freeze_backbone(model)
    assert [variable.path for variable in model.trainable_variables] == [
        "logits/kernel",
        "logits/bias",
    ]
    assert "logits" not in [layer.name for layer in backbone_layers(model)]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_outputs_are_float32_under_mixed_precision(policy: str) -> None:
    architecture = small()
    keras.config.set_dtype_policy(policy)
    try:
        model = build(architecture)
    finally:
        keras.config.set_dtype_policy("float32")
    answer = run(model, pixels(architecture))
    assert {value.dtype.name for value in answer.values()} == {"float32"}
    np.testing.assert_allclose(answer["probabilities"].sum(axis=1), 1, atol=1e-6)
    assert model.get_layer("stage_1_block_1_1").compute_dtype == policy.removeprefix("mixed_")


def test_names_do_not_depend_on_what_was_built_before() -> None:
    # Most of its activations have no name of their own; Keras counts them in the process.
    architecture = Architecture(backbone="mobilenet_v3_small", classes=2, height=32, width=32)
    first, second = ([layer.name for layer in build(architecture).layers] for _ in range(2))
    assert first == second
    assert "activation_17" in first


def test_tutorial_cnn_follows_its_options() -> None:
    options = {
        "filters": [4, 8],
        "kernel_size": 5,
        "activation": "tanh",
        "pooling": "average",
        "dense_units": 10,
        "dropout": 0.25,
    }
    model = build(small(backbone="tutorial_cnn", height=24, width=32, options=options))
    assert model.get_layer("conv_2").kernel.shape == (5, 5, 4, 8)
    assert isinstance(model.get_layer("pool_2"), keras.layers.AveragePooling2D)
    assert model.get_layer("features").output.shape == (None, 6, 10, 8)
    assert model.get_layer("dropout").rate == 0.25
    assert model.output["embedding"].shape == (None, 10)
    answer = run(model, np.full((1, 24, 32, 3), 200, np.uint8))
    assert np.abs(answer["embedding"]).max() <= 1


def test_tutorial_cnn_says_when_the_image_vanishes() -> None:
    with pytest.raises(ConfigError, match="16x16 vanish in block 3"):
        build(small(backbone="tutorial_cnn"))


@pytest.mark.parametrize("norm", ["batch", "group", "none"])
@pytest.mark.parametrize("stem", ["fine", "coarse"])
def test_small_resnet_follows_its_options(norm: str, stem: str) -> None:
    options = {"widths": [4, 6], "blocks": 2, "norm": norm, "stem": stem, "activation": "silu"}
    architecture = small(options=options)
    model = build(architecture)
    side = 8 if stem == "fine" else 2
    assert model.get_layer("features").output.shape == (None, side, side, 6)
    assert bool(batch_normalization_layers(model)) == (norm == "batch")
    assert np.isfinite(run(model, pixels(architecture))["logits"]).all()


@pytest.mark.parametrize("shortcuts", [True, False])
def test_small_cnn_follows_its_options(shortcuts: bool) -> None:
    options = {"stem_width": 5, "widths": [4, 6], "shortcuts": shortcuts, "activation": "gelu"}
    architecture = small(backbone="small_cnn", options=options)
    model = build(architecture)
    assert model.get_layer("stem").output.shape == (None, 16, 16, 5)
    assert model.get_layer("features").output.shape == (None, 2, 2, 6)
    sums = [layer for layer in model.layers if isinstance(layer, keras.layers.Add)]
    assert len(sums) == (2 if shortcuts else 0)
    assert np.isfinite(run(model, pixels(architecture))["logits"]).all()


def test_the_stem_of_small_resnet_goes_by_the_image_size() -> None:
    sides = {
        side: build(small(height=side, width=side)).get_layer("features").output.shape[1]
        for side in (64, 96)
    }
    assert sides == {64: 16, 96: 6}
