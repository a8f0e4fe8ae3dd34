"""ONNX files: what they compute, say of themselves, and keep in how many bits."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import cache

import numpy as np
import onnx
import pytest

from sightline.exporting import FORMATS
from sightline.exporting.formats import Converted
from sightline.exporting.onnx import _float16, convert, embed
from sightline.inference.onnx import OnnxModel
from sightline.models.bundle import Bundle

from .networks import NETWORKS, bundle_of, expected, pixels_for

FORM = FORMATS["onnx"]


@cache
def bundle_for(kind: str) -> Bundle:
    return bundle_of(NETWORKS[kind])


@cache
def made(kind: str, name: str) -> Converted:
    bundle = bundle_for(kind)
    samples = pixels_for(bundle.architecture, images=12)
    return convert(bundle, FORM.precisions[name], lambda: iter(samples))


def graph_of(converted: Converted) -> onnx.ModelProto:
    return onnx.load_model_from_string(converted.files[".onnx"])


@pytest.mark.parametrize("kind", NETWORKS)
def test_each_kind_of_network_answers_as_in_keras(kind: str) -> None:
    bundle = bundle_for(kind)
    pixels = pixels_for(bundle.architecture)
    wanted = expected(bundle, pixels)
    converted = made(kind, "float32")
    given = OnnxModel(converted.files[".onnx"], converted.outputs).run(pixels)
    assert given.keys() == wanted.keys()
    for name, value in given.items():
        scale = max(1.0, float(np.abs(wanted[name]).max()))
        assert value == pytest.approx(wanted[name], abs=1e-5 * scale), name


def test_its_tensors_have_plain_names_and_take_any_number_of_images() -> None:
    graph = graph_of(made("classes", "float32"))
    tensors = {
        tensor.name: [
            size.dim_param or size.dim_value for size in tensor.type.tensor_type.shape.dim
        ]
        for tensor in (*graph.graph.input, *graph.graph.output)
    }
    assert tensors == {
        "pixels": ["n", 16, 20, 3],
        "probabilities": ["n", 3],
        "logits": ["n", 3],
        "embedding": ["n", 8],
    }
    assert [(one.domain, one.version) for one in graph.opset_import] == [("", 17)]


def test_a_batch_in_another_program_gives_what_single_images_give() -> None:
    converted = made("flip", "float32")
    pixels = pixels_for(NETWORKS["flip"])
    single = OnnxModel(converted.files[".onnx"], converted.outputs)
    together = single._session.run(["logits"], {"pixels": pixels})[0]
    assert together == pytest.approx(single.run(pixels)["logits"], abs=1e-5)


def test_batch_normalisation_is_folded_into_every_convolution() -> None:
    operators = Counter(node.op_type for node in graph_of(made("grey", "float32")).graph.node)
    assert operators["Conv"] == 52
    assert operators["Mul"] == 2, "the scaling of the pixels, and the temperature"
    assert operators["BatchNormalization"] == operators["Pad"] == 0


def test_16_bits_halve_large_weights_and_nothing_else() -> None:
    bundle = bundle_for("flip")
    pixels = pixels_for(bundle.architecture)
    converted = made("flip", "float16")
    graph = graph_of(converted).graph
    kinds = {(tensor.data_type, len(tensor.dims)) for tensor in graph.initializer}
    assert (onnx.TensorProto.FLOAT16, 4) in kinds
    assert all(rank > 1 for kind, rank in kinds if kind == onnx.TensorProto.FLOAT16)
    size = len(converted.files[".onnx"]) / len(made("flip", "float32").files[".onnx"])
    assert 0.49 < size < 0.52
    wanted = expected(bundle, pixels)["probabilities"]
    given = OnnxModel(converted.files[".onnx"], converted.outputs).run(pixels)["probabilities"]
    assert 0 < np.abs(given - wanted).max() < 2e-2


def test_weights_that_16_bits_cannot_hold_stay_as_they_are() -> None:
    graph = graph_of(made("flip", "float32"))
    widest = max(graph.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    values = onnx.numpy_helper.to_array(widest).copy()
    values.flat[0] = 1e6
    widest.CopyFrom(onnx.numpy_helper.from_array(values, widest.name))
    kinds = {
        tensor.name: tensor.data_type
        for tensor in _float16(graph, FORM.precisions["float16"], None).graph.initializer
    }
    assert kinds[widest.name] == onnx.TensorProto.FLOAT


@pytest.mark.parametrize("kind", ["classes", "labels", "flip"])
def test_8_bits_end_in_logits_that_are_near(kind: str) -> None:
    bundle = bundle_for(kind)
    pixels = pixels_for(bundle.architecture)
    converted = made(kind, "int8")
    assert converted.outputs == {"embedding": "embedding", "logits": "logits"}
    given = OnnxModel(converted.files[".onnx"], converted.outputs).run(pixels)
    wanted = expected(bundle, pixels)
    for name, value in given.items():
        assert np.abs(value - wanted[name]).max() < 0.15 * np.abs(wanted[name]).max(), name
    onnx.checker.check_model(graph_of(converted), full_check=True)


def test_8_bits_leave_what_reads_the_pixels_in_float_and_quantise_by_channel() -> None:
    graph = graph_of(made("flip", "int8")).graph
    makers = {output: node for node in graph.node for output in node.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    first, *others = convolutions
    assert first.input[1] in constants, "the first convolution has float weights"
    for node in others:
        widen = makers[node.input[1]]
        assert widen.op_type == "DequantizeLinear"
        weights, scale = (constants[name] for name in widen.input[:2])
        assert weights.data_type == onnx.TensorProto.INT8
        assert list(scale.dims) == [weights.dims[0]], "one scale for each channel"
        assert not onnx.numpy_helper.to_array(constants[widen.input[2]]).any(), "symmetric"


def test_calibration_images_are_read_one_after_the_other() -> None:
    bundle = bundle_for("classes")
    alive, most = 0, 0

    class Counted(np.ndarray):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def samples() -> Iterator[np.ndarray]:
        nonlocal alive, most
        for image in pixels_for(bundle.architecture, images=60):
            alive, counted = alive + 1, image.view(Counted)
            most = max(most, alive)
            yield counted

    convert(bundle, FORM.precisions["int8"], samples)
    assert 0 < most < 30


def test_8_bits_need_samples() -> None:
    with pytest.raises(ValueError, match="needs samples"):
        convert(bundle_for("classes"), FORM.precisions["int8"], None)


def test_the_description_and_the_classes_are_in_its_own_metadata() -> None:
    converted = made("classes", "float32")
    description = json.dumps({"classes": ["é", 'b"', "c"], "task": "multi_class"})
    files = embed(embed(converted.files, '{"classes": []}'), description)
    model = OnnxModel(files[".onnx"], converted.outputs)
    found = model._session.get_modelmeta().custom_metadata_map
    assert found["sightline"] == description
    assert json.loads(found["names"]) == {"0": "é", "1": 'b"', "2": "c"}
    pixels = pixels_for(NETWORKS["classes"])
    before = OnnxModel(converted.files[".onnx"], converted.outputs).run(pixels)
    assert np.array_equal(model.run(pixels)["logits"], before["logits"])


def test_converting_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    bundle = bundle_for("classes")
    capfd.readouterr()
    for precision in FORM.precisions.values():
        convert(bundle, precision, lambda: iter(pixels_for(NETWORKS["classes"])))
    out, err = capfd.readouterr()
    assert out == ""
    assert "deprecated" not in err and "WARNING" not in err
