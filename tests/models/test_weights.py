from __future__ import annotations

import keras
import numpy as np
import pytest
from safetensors.numpy import load, save

from sightline.errors import ModelError
from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.weights import assign_weights, named_weights

ARCHITECTURE = Architecture(
    backbone="small_resnet",
    classes=3,
    height=16,
    width=16,
    options={"widths": [4], "stem": "fine"},
)


@pytest.fixture
def model() -> keras.Model:
    return build(ARCHITECTURE)


def test_safetensors_and_back_gives_the_same_answers(model: keras.Model) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    other = build(ARCHITECTURE)
    assign_weights(other, load(save(named_weights(model))))
    answers = [np.asarray(each(images)["logits"]) for each in (model, other)]
    np.testing.assert_array_equal(*answers)


def test_names_are_those_of_layers_and_hold_the_temperature(model: keras.Model) -> None:
    names = list(named_weights(model))
    assert len(set(names)) == len(names) == len(model.weights)
    assert {"stem/kernel", "logits/bias", "temperature/temperature"} <= set(names)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (lambda w: w.pop("stem/kernel"), "missing_weight", "lack stem/kernel"),
        (lambda w: w.update(more=np.zeros(1)), "extra_weight", "also hold more"),
        (
            lambda w: w.update({"logits/bias": np.zeros(4, np.float32)}),
            "weight_shape",
            "logits/bias of shape (3,)",
        ),
        (
            lambda w: w.update({"logits/bias": np.zeros(3, np.float64)}),
            "weight_dtype",
            "logits/bias as float32",
        ),
        (
            lambda w: w.update({"logits/bias": np.array([0, np.nan, np.inf], np.float32)}),
            "non_finite_weight",
            "logits/bias with 2 of 3 values",
        ),
    ],
)
def test_a_tensor_that_does_not_fit_is_named_and_nothing_changes(
    model: keras.Model, change: object, code: str, message: str
) -> None:
    before = named_weights(model)
    weights = {name: value + 1 for name, value in before.items()}
    change(weights)
    with pytest.raises(ModelError) as caught:
        assign_weights(model, weights)
    assert caught.value.code == code
    assert message in str(caught.value)
    for name, value in named_weights(model).items():
        np.testing.assert_array_equal(value, before[name])
