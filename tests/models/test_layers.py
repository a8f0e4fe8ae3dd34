from __future__ import annotations

import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from sightline.models.layers import SCALINGS, CaffeScaling, Temperature

WITNESSES = {
    "minus_one_to_one": ("mobilenet_v2", 0.0),
    "caffe": ("resnet", 0.0),
    "imagenet_mean_and_deviation": ("densenet", 1e-6),
}


def every_level() -> np.ndarray:
    levels = np.arange(256, dtype=np.uint8)
    return np.stack([levels, levels[::-1], np.roll(levels, 100)], axis=-1).reshape(1, 16, 16, 3)


@pytest.mark.parametrize("name", sorted(WITNESSES))
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_every_grey_level_is_scaled_as_keras_does(name: str, policy: str) -> None:
    module, tolerance = WITNESSES[name]
    witness = importlib.import_module(f"keras.applications.{module}").preprocess_input
    keras.config.set_dtype_policy(policy)
    try:
        layer = SCALINGS[name]()
    finally:
        keras.config.set_dtype_policy("float32")
    expected = witness(every_level().astype(np.float32))
    # A few units in the last place: the witness divides where we multiply.
    np.testing.assert_allclose(layer(every_level()), expected, atol=max(tolerance, 1e-5))


def test_the_other_scalings() -> None:
    np.testing.assert_allclose(
        SCALINGS["zero_to_one"]()(every_level()), every_level() / 255, atol=1e-6
    )
    np.testing.assert_array_equal(SCALINGS["inside"]()(every_level()), every_level())


def test_our_layers_run_in_litert() -> None:
    pixels = keras.Input((16, 16, 3), dtype="uint8", batch_size=1)
    scaled = Temperature()(CaffeScaling()(pixels))
    model = keras.Model(pixels, scaled)
    model.layers[-1].temperature.assign(2.0)
    function = tf.function(model, input_signature=[tf.TensorSpec((1, 16, 16, 3), tf.uint8)])
    content = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()]
    ).convert()
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], every_level())
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(found, model(every_level()), atol=1e-4)


def test_the_temperature_is_not_trained() -> None:
    layer = Temperature()
    layer.build((None, 3))
    assert layer.trainable_weights == []
    assert float(layer.temperature) == 1.0


def test_our_layers_are_known_to_keras_by_name() -> None:
    pixels = keras.Input((4, 4, 3), dtype="uint8")
    model = keras.Model(pixels, Temperature()(CaffeScaling()(pixels)))
    again = keras.Model.from_config(model.get_config())
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in model.layers]


def test_a_temperature_for_each_label_comes_back_as_one() -> None:
    layer = Temperature.from_config(Temperature(each=True, name="own").get_config())
    layer.build((None, 3))
    assert (layer.name, layer.temperature.shape) == ("own", (3,))
