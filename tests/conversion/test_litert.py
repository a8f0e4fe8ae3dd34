from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from sightline.conversion import LiteRTGraph, to_litert, to_litert_int8
from sightline.errors import ModelError
from sightline.images import Preprocessing
from sightline.inference import LiteRTModel
from sightline.inference.keras import KerasRunner
from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.quantized import ranges, round_kernels, simulated

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


IMAGES = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), np.uint8)
IN_8_BITS = {
    "mobilenet_v2": {"backbone": "mobilenet_v2", "options": {"alpha": 0.35}},
    "small_cnn": {"backbone": "small_cnn", "options": {"widths": [8, 16], "shortcuts": True}},
    "small_resnet": {"backbone": "small_resnet", "options": {"widths": [8, 16]}},
    "tutorial_cnn": {"backbone": "tutorial_cnn", "options": SMALL_CNN},
}


@pytest.fixture(scope="module", params=IN_8_BITS.values(), ids=IN_8_BITS.keys())
def trained_for_8_bits(request: pytest.FixtureRequest) -> tuple[keras.Model, LiteRTGraph]:
    """A network that knows its ranges, its kernels on their levels, and its file in 8 bits."""
    keras.utils.set_random_seed(0)
    model = build(Architecture(classes=3, height=32, width=32, quantized=True, **request.param))
    rng = np.random.default_rng(1)
    for layer in model.layers:  # without normalisation, smaller kernels would let all values vanish
        if hasattr(layer, "kernel"):
            shape = layer.kernel.shape
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            inputs = np.prod(shape[:2] if depthwise else shape[:-1])
            layer.kernel.assign(rng.normal(0, np.sqrt(2 / inputs), shape))
    seen = keras.Model(model.inputs[0], [place.output for place in ranges(model)])(IMAGES)
    for place, values in zip(ranges(model), seen, strict=True):
        place.low.assign(1.01 * min(0.0, float(np.min(values))))
        place.high.assign(1.01 * max(0.0, float(np.max(values))))
    round_kernels(model)
    return model, to_litert_int8(model)


def test_what_was_trained_for_8_bits_computes_in_them(
    trained_for_8_bits: tuple[keras.Model, LiteRTGraph],
) -> None:
    model, graph = trained_for_8_bits
    file = Interpreter(model_content=graph.content)
    tensors = {tensor["index"]: tensor["dtype"] for tensor in file.get_tensor_details()}
    counts: Counter[str] = Counter()
    for operation in file._get_ops_details():
        inputs, outputs = operation["inputs"], operation["outputs"]
        kinds = [tensors[index] for index in [*inputs, *outputs] if index >= 0]
        counts[operation["op_name"]] += np.int8 in kinds and np.float32 not in kinds
    layers = Counter(type(layer).__name__ for layer in model.layers)
    assert counts["CONV_2D"] == layers["Conv2D"] > 0
    assert counts["DEPTHWISE_CONV_2D"] == layers["DepthwiseConv2D"]
    assert counts["FULLY_CONNECTED"] == layers["Dense"] - 1  # the last is in float
    assert counts["ADD"] == layers["Add"]


def test_the_levels_of_the_file_are_those_that_were_learned(
    trained_for_8_bits: tuple[keras.Model, LiteRTGraph],
) -> None:
    model, graph = trained_for_8_bits
    file = Interpreter(model_content=graph.content)
    grids = [tensor["quantization_parameters"] for tensor in file.get_tensor_details()]
    levels = [
        (float(grid["scales"][0]), int(grid["zero_points"][0]))
        for grid in grids
        if len(grid["scales"]) == 1
    ]
    for place in ranges(model):  # Jacob et al. 2018, section 3: 255 steps, zero on one of them
        step = (float(place.high) - float(place.low)) / 255
        zero = round(-128 - float(place.low) / step)
        assert any(
            scale == pytest.approx(step, rel=1e-5) and point == zero for scale, point in levels
        ), place.name
    for layer in model.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            kernel = np.asarray(layer.kernel).reshape(1, *layer.kernel.shape[:2], -1)
        elif isinstance(layer, keras.layers.Conv2D):
            kernel = np.moveaxis(np.asarray(layer.kernel), 3, 0)
        else:
            continue
        found = constants(file, kernel.shape)
        assert any(np.allclose(kernel, one, atol=1e-6) for one in found), layer.name


def constants(file: Interpreter, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Yield the int8 constants of a shape, as the numbers that they stand for."""
    for tensor in file.get_tensor_details():
        given = tensor["quantization_parameters"]
        if tensor["dtype"] is np.int8 and tuple(tensor["shape"]) == shape and len(given["scales"]):
            try:
                levels = file.get_tensor(tensor["index"])
            except ValueError:  # not a constant
                continue
            axis = [1] * len(shape)
            axis[given["quantized_dimension"]] = -1
            yield levels * given["scales"].reshape(axis if len(given["scales"]) > 1 else ())


def test_the_file_in_8_bits_computes_what_training_simulated(
    trained_for_8_bits: tuple[keras.Model, LiteRTGraph],
) -> None:
    model, graph = trained_for_8_bits
    found = LiteRTModel(graph.content, graph.outputs).run(IMAGES)["logits"]
    plain, expected = (
        np.asarray(one(IMAGES, training=False)["logits"]) for one in (model, simulated(model))
    )
    # Runtimes round a few values to the other side, and in 50 layers of random weights these move
    # others: 0.029 of the largest measured for MobileNetV2, less for the small ones.
    assert np.abs(found - expected).max() < 0.05 * np.abs(plain).max()
    assert np.abs(expected - plain).max() > 0


def test_8_bits_need_a_network_that_was_trained_for_them() -> None:
    with pytest.raises(ValueError, match="not trained for 8 bits"):
        to_litert_int8(build(NETWORKS["tutorial_cnn"]))
