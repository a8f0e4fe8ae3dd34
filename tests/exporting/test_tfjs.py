"""TensorFlow.js graph models: the files by their rules, and the numbers in the real runtime."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np
import pytest

from sightline.conversion.frozen import freeze
from sightline.errors import ModelError
from sightline.exporting import FORMATS, export_bundle
from sightline.exporting.export import Material
from sightline.exporting.tfjs import convert, embed, graph_model
from sightline.inference.exported import open_export
from sightline.inference.tfjs import open_tfjs
from sightline.models.layers import SCALINGS, MeanOfViews, MirrorViews

from .javascript import need_packages
from .small import ARCHITECTURES, pictures, randomise, small_bundle

FORM = FORMATS["tfjs"]
FLOAT32 = FORM.precisions["float32"]


@pytest.fixture
def packages() -> Path:
    return need_packages("tfjs")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_kind_of_model_is_proven_in_the_real_runtime(
    packages: Path, tmp_path: Path, name: str
) -> None:
    bundle = small_bundle(name)
    pixels = pictures(bundle, 6)
    export = export_bundle(bundle, FORM, FLOAT32, Material(pixels=pixels))
    assert export.proven is not None and export.proven.verification.passed
    path = tmp_path / "a.tfjs"
    export.write(path)
    given, (expected, _) = open_export(path).run(pixels), export.proven.answers
    assert given.probabilities == pytest.approx(expected.probabilities, abs=1e-5)
    assert given.embedding == pytest.approx(expected.embedding, rel=1e-4, abs=1e-5)
    assert given.distance == pytest.approx(expected.distance, abs=1e-4)


def test_weights_outside_of_the_folder_are_not_read(packages: Path, tmp_path: Path) -> None:
    bundle = small_bundle("three classes")
    path = tmp_path / "a.tfjs"
    export_bundle(bundle, FORM, FLOAT32, Material()).write(path)
    graph = json.loads((path / "model.json").read_text())
    shard = graph["weightsManifest"][0]["paths"][0]
    (path / shard).rename(tmp_path / "outside.bin")
    graph["weightsManifest"][0]["paths"][0] = "../outside.bin"
    (path / "model.json").write_text(json.dumps(graph))
    with pytest.raises(ModelError, match="said to be elsewhere"):
        open_tfjs(path, {"logits": "logits"})


def test_half_the_size_is_as_near_as_the_table_says(packages: Path) -> None:
    bundle = small_bundle("three classes")
    pixels = pictures(bundle, 6)
    half = export_bundle(bundle, FORM, FORM.precisions["float16"], Material(pixels=pixels))
    whole = convert(bundle, FLOAT32, None)
    shards = [
        sum(len(files[name]) for name in files if name.endswith(".bin"))
        for files in (half.files, whole.files)
    ]
    assert shards[0] < 0.6 * shards[1]
    assert half.proven is not None and half.proven.verification.max_difference > 0


def test_the_files_are_those_of_the_format(tmp_path: Path) -> None:
    constants = {
        "weights": (np.arange(2**21) % 2048).astype(np.float32).reshape(2, -1),
        "sizes": np.array([1, 2], np.int32),
        "huge": np.full((2, 2), 1e30, np.float32),
    }
    files = graph_model({"node": []}, constants, signature={}, producer="a test", half=True)
    model = json.loads(files["model.json"])
    assert model["format"] == "graph-model"
    group = model["weightsManifest"][0]
    content = b"".join(files[path] for path in group["paths"])
    assert [len(files[path]) for path in group["paths"]] == [2**22, 24]
    assert set(files) == {"model.json", *group["paths"]}
    kinds = [one.get("quantization", {}).get("dtype") for one in group["weights"]]
    assert kinds == ["float16", None, None]  # What float16 cannot hold stays as it is.
    half = np.frombuffer(content[: 2**22], "<f2")
    assert np.array_equal(half.astype(np.float32)[:2048], np.arange(2048))
    assert np.frombuffer(content[2**22 : 2**22 + 8], "<i4").tolist() == [1, 2]
    told = embed(files, '{"classes": ["a"]}')
    assert json.loads(told["model.json"])["userDefinedMetadata"] == {
        "sightline": '{"classes": ["a"]}'
    }


def layers(*given: Callable[[object], object]) -> Callable[[object], object]:
    def through(x: object) -> object:
        for layer in given:
            x = layer(x)
        return x

    return through


def squeezed(x: object) -> object:
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    return keras.layers.multiply([x, keras.layers.Conv2D(4, 1, activation="hard_sigmoid")(gate)])


def twice(x: object) -> object:
    """The same convolution in two places: neither scale may go into its weights."""
    shared = keras.layers.Conv2D(3, 3, padding="same")
    one = keras.layers.BatchNormalization()(shared(x))
    other = keras.layers.BatchNormalization()(shared(keras.layers.ReLU()(one)))
    return keras.layers.add([one, other])


def read_twice(x: object) -> object:
    """What reads a convolution beside the normalisation still sees it unscaled."""
    raw = keras.layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
    return keras.layers.add([raw, keras.layers.ReLU()(keras.layers.BatchNormalization()(raw))])


def mirrored(x: object) -> object:
    pooled = keras.layers.GlobalAveragePooling2D()(MirrorViews()(x))
    return MeanOfViews()(pooled)


L = keras.layers
PARTS: Mapping[str, Callable[[object], object]] = {
    "depthwise, normalised": layers(
        L.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2, use_bias=False),
        L.BatchNormalization(),
        L.ReLU(6),
    ),
    "two activations": layers(L.Conv2D(4, 3, activation="relu"), L.ReLU(6), L.BatchNormalization()),
    "padded, dilated": layers(
        L.ZeroPadding2D(((0, 1), (0, 1))), L.Conv2D(4, 3, dilation_rate=2), L.BatchNormalization()
    ),
    "no activation": layers(L.Conv2D(4, 3, use_bias=False), L.BatchNormalization()),
    "other activations": layers(
        L.Conv2D(4, 3), L.Activation("hard_swish"), L.Conv2D(4, 1), L.Activation("gelu"),
        L.Conv2D(4, 1), L.Activation("silu"), L.LayerNormalization(),
    ),
    "squeeze and excite": layers(L.Conv2D(4, 3), squeezed),
    "shared weights": twice,
    "read twice": read_twice,
    "mirrored": mirrored,
    "caffe": layers(SCALINGS["caffe"](), L.Conv2D(4, 3)),
    "flattened": layers(L.AveragePooling2D(2), L.Flatten(), L.Dense(5, activation="relu")),
}  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_a_frozen_graph_computes_what_keras_does(packages: Path, tmp_path: Path, name: str) -> None:
    pixels = keras.Input((8, 10, 3), dtype="uint8", name="pixels")
    scaled = pixels if name == "caffe" else keras.layers.Rescaling(1 / 127.5, -1.0)(pixels)
    output = PARTS[name](scaled)
    model = randomise(keras.Model(pixels, {"logits": output, "embedding": output}))
    frozen = freeze(model, outputs=("logits",))
    dims = {"dim": [{"size": str(size)} for size in (-1, 8, 10, 3)]}
    files = graph_model(
        frozen.graph,
        frozen.constants,
        signature={
            "inputs": {"pixels": {"name": frozen.input, "dtype": "DT_UINT8", "tensorShape": dims}},
            "outputs": {name: {"name": tensor} for name, tensor in frozen.outputs.items()},
        },
        producer=frozen.producer,
        half=False,
    )
    for path, content in files.items():
        (tmp_path / path).write_bytes(content)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 8, 10, 3), np.uint8)
    given = open_tfjs(tmp_path, frozen.outputs, threads=1).run(pictures)["logits"]
    expected = np.array(model(pictures, training=False)["logits"]).reshape(2, -1)
    assert given == pytest.approx(expected, rel=1e-4, abs=1e-4 * float(np.abs(expected).max()))
