from __future__ import annotations

import keras
import numpy as np
import pytest

from sightline.conversion import LiteRTGraph, to_litert
from sightline.errors import ModelError
from sightline.images import Preprocessing
from sightline.inference import LiteRTModel
from sightline.inference.keras import KerasRunner
from sightline.models import Architecture
from sightline.models.build import build

SMALL_CNN = {"filters": [4, 8], "dense_units": 8}
NETWORKS = {
    "tutorial_cnn": Architecture(
        backbone="tutorial_cnn", classes=3, height=16, width=20, options=SMALL_CNN
    ),
    "two classes": Architecture(
        backbone="tutorial_cnn", classes=2, height=16, width=16, options=SMALL_CNN
    ),
    "multi-label": Architecture(
        backbone="tutorial_cnn",
        classes=3,
        task="multi_label",
        height=16,
        width=16,
        options=SMALL_CNN,
    ),
    "one label": Architecture(
        backbone="tutorial_cnn",
        classes=1,
        task="multi_label",
        height=16,
        width=16,
        options=SMALL_CNN,
    ),
    "grey": Architecture(
        backbone="tutorial_cnn", classes=3, height=16, width=16, channels=1, options=SMALL_CNN
    ),
    "small_cnn": Architecture(backbone="small_cnn", classes=4, height=32, width=32),
    "tta": Architecture(
        backbone="tutorial_cnn", classes=3, height=16, width=20, tta="flip", options=SMALL_CNN
    ),
    "small_resnet": Architecture(backbone="small_resnet", classes=4, height=32, width=32),
    "mobilenet_v2": Architecture(
        backbone="mobilenet_v2", classes=5, height=96, width=96, options={"alpha": 0.35}
    ),
}


@pytest.mark.parametrize("architecture", NETWORKS.values(), ids=NETWORKS.keys())
def test_the_graph_computes_what_the_network_does(architecture: Architecture) -> None:
    keras.utils.set_random_seed(2)
    model = build(architecture)
    graph = to_litert(model)
    height, width, channels = architecture.height, architecture.width, architecture.channels
    pixels = np.random.default_rng(0).integers(0, 256, (3, height, width, channels), np.uint8)
    expected = KerasRunner(
        model,
        classes=tuple("abcde"[: architecture.classes]),
        task=architecture.task,
        preprocessing=Preprocessing(height=height, width=width, channels=channels),
    ).run(pixels)
    given = LiteRTModel(graph.content, graph.outputs).run(pixels)
    assert given.keys() == {"probabilities", "logits", "embedding"}
    for name, value in given.items():
        scale = float(np.abs(getattr(expected, name)).max())
        assert value == pytest.approx(getattr(expected, name), abs=1e-4 * max(scale, 1)), name


def test_only_the_outputs_asked_for_are_kept() -> None:
    model = build(NETWORKS["tutorial_cnn"])
    whole, part = to_litert(model), to_litert(model, outputs=("embedding",))
    assert part.outputs == {"embedding": "Identity"}
    assert len(part.content) < len(whole.content)


def test_dropout_does_nothing_in_the_graph() -> None:
    architecture = Architecture(
        backbone="tutorial_cnn",
        classes=2,
        height=16,
        width=16,
        dropout=0.9,
        options={**SMALL_CNN, "dropout": 0.9},
    )
    graph = to_litert(build(architecture))
    pixels = np.full((2, 16, 16, 3), 99, np.uint8)
    one, other = LiteRTModel(graph.content, graph.outputs).run(pixels)["logits"]
    assert np.array_equal(one, other)


def test_the_same_model_gives_the_same_bytes() -> None:
    model = build(NETWORKS["tutorial_cnn"])
    assert to_litert(model) == to_litert(model)
    assert isinstance(to_litert(model), LiteRTGraph)


def test_converting_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    model = build(NETWORKS["tutorial_cnn"])
    capfd.readouterr()
    to_litert(model)
    out, _ = capfd.readouterr()  # C++ writes a line to standard error; `cli.quiet` keeps it back
    assert out == ""


def test_a_model_that_cannot_be_expressed_is_an_error_of_ours() -> None:
    pixels = keras.Input((8, 8, 3), dtype="uint8")
    flat = keras.layers.Flatten()(keras.ops.cast(pixels, "float32"))
    logits = keras.ops.slogdet(keras.ops.reshape(flat[:, :64], (-1, 8, 8)))[1]
    model = keras.Model(pixels, {"logits": logits})
    with pytest.raises(ModelError) as caught:
        to_litert(model, outputs=("logits",))
    assert caught.value.code == "not_convertible"
    assert len(caught.value.what) < 700
