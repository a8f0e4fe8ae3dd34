"""Frozen graphs: few operations, no values left in the graph."""

from __future__ import annotations

from collections import Counter

import keras
import numpy as np

from sightline.conversion.frozen import freeze

L = keras.layers


def test_normalisation_bias_and_activation_become_part_of_the_convolution() -> None:
    pixels = keras.Input((8, 8, 3), dtype="uint8", name="pixels")
    x = L.Rescaling(1 / 127.5, -1.0)(pixels)
    for layer in (L.Conv2D(4, 3, use_bias=False), L.DepthwiseConv2D(3, use_bias=False)):
        x = L.ReLU(6)(L.BatchNormalization()(layer(x)))
    model = keras.Model(pixels, {"embedding": x, "logits": L.Dense(2)(L.Flatten()(x))})
    rng = np.random.default_rng(0)
    for variable in model.weights:  # Zeros and ones would fold away of themselves.
        variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    frozen = freeze(model, outputs=("embedding",))
    operations = Counter(node["op"] for node in frozen.graph["node"])
    # One of each is left of the scaling of pixels.
    assert operations["Mul"] == 1 and operations["AddV2"] == 1 and operations["Relu6"] == 0
    assert operations["_FusedConv2D"] == operations["FusedDepthwiseConv2dNative"] == 1
    assert operations["MatMul"] == 0  # Only the logits needed it.
    names = {node["name"] for node in frozen.graph["node"] if node["op"] == "Const"}
    assert names == set(frozen.constants)
    assert {value.dtype for value in frozen.constants.values()} <= {
        np.dtype(kind) for kind in (np.float32, np.int32, bool)
    }
    assert set(frozen.outputs) == {"embedding"} and frozen.input == "pixels:0"
