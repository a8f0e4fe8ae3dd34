from __future__ import annotations

import keras
import numpy as np
import pytest

from sightline.models import Architecture
from sightline.models.build import build


@pytest.mark.parametrize("side", [16, 17])
def test_halving_before_a_convolution_is_the_same_as_its_strides(side: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, side, side, 3)).astype(np.float32)
    strided = keras.layers.Conv2D(5, 1, strides=2, padding="same")
    plain = keras.layers.Conv2D(5, 1, padding="same")
    expected = strided(x)
    plain.build(x.shape)
    plain.set_weights(strided.get_weights())
    given = plain(keras.layers.MaxPooling2D(1, strides=2)(x))
    assert given.shape == expected.shape
    assert np.asarray(given) == pytest.approx(np.asarray(expected), abs=1e-6)


@pytest.mark.parametrize("backbone", ["small_cnn", "small_resnet", "tutorial_cnn"])
def test_no_pointwise_convolution_has_strides(backbone: str) -> None:
    """Their gradient corrupts memory where a batch has one image of few channels."""
    model = build(Architecture(backbone=backbone, classes=2, height=32, width=32))
    wrong = [
        layer.name
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D)
        and layer.kernel_size == (1, 1)
        and layer.strides != (1, 1)
    ]
    assert wrong == []
