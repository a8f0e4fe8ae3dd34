from __future__ import annotations

import keras
import numpy as np
import pytest

from sightline.conversion.onnx import to_onnx
from sightline.errors import ModelError
from sightline.inference.onnx import OnnxModel
from sightline.models import Architecture
from sightline.models.build import build

SMALL_CNN = {"filters": [4, 8], "dense_units": 8}


def small() -> keras.Model:
    return build(
        Architecture(backbone="tutorial_cnn", classes=3, height=16, width=20, options=SMALL_CNN)
    )


def test_only_the_outputs_asked_for_are_kept() -> None:
    model = small()
    whole, part = to_onnx(model), to_onnx(model, outputs=("embedding",))
    assert [tensor.name for tensor in part.graph.output] == ["embedding"]
    assert part.ByteSize() < whole.ByteSize()


def test_constants_that_are_no_weights_are_in_the_graph() -> None:
    pixels = keras.Input((4, 4, 3), dtype="uint8", name="pixels")
    scaled = keras.layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 9.0, 16.0])(pixels)
    model = keras.Model(pixels, {"logits": keras.layers.GlobalAveragePooling2D()(scaled)})
    graph = to_onnx(model, outputs=("logits",))
    assert [tensor.name for tensor in graph.graph.input] == ["pixels"]
    given = OnnxModel(graph.SerializeToString(), {"logits": "logits"}).run(
        np.full((1, 4, 4, 3), 7, np.uint8)
    )
    assert given["logits"] == pytest.approx(np.array([[3, 5 / 3, 1]]), abs=1e-6)


def test_a_network_in_half_precision_gives_float32() -> None:
    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = small()
    finally:
        keras.mixed_precision.set_global_policy("float32")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 20, 3), np.uint8)
    names = {name: name for name in ("probabilities", "logits", "embedding")}
    given = OnnxModel(to_onnx(model).SerializeToString(), names).run(pixels)
    expected = model(pixels, training=False)
    for name, value in given.items():
        assert value == pytest.approx(np.asarray(expected[name]), abs=5e-3), name


def test_a_model_that_cannot_be_expressed_is_an_error_of_ours() -> None:
    pixels = keras.Input((8, 8, 3), dtype="uint8")
    flat = keras.layers.Flatten()(keras.ops.cast(pixels, "float32"))
    logits = keras.ops.slogdet(keras.ops.reshape(flat[:, :64], (-1, 8, 8)))[1]
    with pytest.raises(ModelError) as caught:
        to_onnx(keras.Model(pixels, {"logits": logits}), outputs=("logits",))
    assert caught.value.code == "not_convertible"
    assert caught.value.expected and len(caught.value.what) < 700
