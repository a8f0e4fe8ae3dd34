"""What a LiteRT file tells of itself."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.tools import flatbuffer_utils
from flatbuffers.number_types import Int8Flags, Uint32Flags
from flatbuffers.table import Table

from sightline.conversion import to_litert
from sightline.errors import ModelError
from sightline.exporting import FORMATS
from sightline.exporting.litert import SUFFIX, convert, described, embed
from sightline.images import Preprocessing
from sightline.inference.litert import LiteRTModel
from sightline.models import Architecture
from sightline.models.build import build
from sightline.models.bundle import TWIN, WEIGHTS, Bundle
from sightline.models.members import pack_weights
from sightline.models.quantized import ranges
from sightline.models.weights import named_weights

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)


def graph_of(task: str, temperature: Any) -> Any:
    keras.utils.set_random_seed(0)
    model = build(Architecture(backbone="small_cnn", classes=3, task=task, height=32, width=32))
    model.get_layer("temperature").temperature.assign(temperature)
    return to_litert(model)


def description(graph: Any, temperature: list[float]) -> str:
    told = {"classes": ["a", "b", "ü"], "outputs": dict(graph.outputs), "temperature": temperature}
    return json.dumps({**told, "preprocessing": {"height": 32, "width": 24, "channels": 3}})


def test_the_description_is_in_the_graph_and_in_an_archive_behind_it() -> None:
    graph = graph_of("multi_class", 2.0)
    text = description(graph, [2.0])
    content = embed({SUFFIX: graph.content}, text)[SUFFIX]
    assert described({SUFFIX: content}) == text and described({SUFFIX: graph.content}) is None
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert archive.read("labels.txt").decode() == "a\nb\nü\n"
        assert archive.read("sightline.json").decode() == text
    given, source = (
        LiteRTModel(one, graph.outputs).run(PIXELS) for one in (content, graph.content)
    )
    for name, values in source.items():
        np.testing.assert_array_equal(given[name], values)
    assert embed({SUFFIX: graph.content}, text)[SUFFIX] == content


def test_other_programs_are_told_in_the_words_of_tensorflow_lite() -> None:
    graph = graph_of("multi_class", 2.0)
    content = embed({SUFFIX: graph.content}, description(graph, [2.0]))[SUFFIX]
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    (place,) = (one.buffer for one in model.metadata if one.name == b"TFLITE_METADATA")
    data = bytes(model.buffers[place].data)
    assert data[4:8] == b"M001"
    root = Table(data, int.from_bytes(data[:4], "little"))
    (whole,) = tables(root, 3)
    (pixels,) = tables(whole, 2)
    assert text_of(pixels, 0) == "pixels"
    image = inner(inner(pixels, 3), 1)
    size = inner(image, 1)
    assert (number(image, 0, Int8Flags), number(size, 0), number(size, 1)) == (1, 24, 32)
    outputs = tables(whole, 3)
    names = [
        model.subgraphs[0].tensors[index].name.decode() for index in model.subgraphs[0].outputs
    ]
    assert [graph.outputs[text_of(one, 0)] for one in outputs] == names
    (labels,) = tables(next(one for one in outputs if text_of(one, 0) == "probabilities"), 6)
    assert text_of(labels, 0) == "labels.txt" and number(labels, 2, Int8Flags) == 2


def at(table: Table, field: int) -> int:
    """Return where a field of a FlatBuffers table stands, by its number in the schema."""
    return table.Pos + table.Offset(4 + 2 * field)


def inner(table: Table, field: int) -> Table:
    return Table(table.Bytes, table.Indirect(at(table, field)))


def tables(table: Table, field: int) -> list[Table]:
    offset = table.Offset(4 + 2 * field)
    first = table.Vector(offset)
    rows = range(table.VectorLen(offset))
    return [Table(table.Bytes, table.Indirect(first + 4 * row)) for row in rows]


def text_of(table: Table, field: int) -> str:
    return table.String(at(table, field)).decode()


def number(table: Table, field: int, kind: Any = Uint32Flags) -> int:
    return table.Get(kind, at(table, field))


def test_outputs_have_names_for_any_client() -> None:
    graph = graph_of("multi_class", 2.0)
    content = embed({SUFFIX: graph.content}, description(graph, [2.0]))[SUFFIX]
    run = Interpreter(model_content=content).get_signature_runner("serving_default")
    given = run(pixels=PIXELS[:1])
    expected = LiteRTModel(content, graph.outputs).run(PIXELS[:1])
    assert set(given) == {"probabilities", "logits", "embedding"}
    np.testing.assert_array_equal(given["probabilities"], expected["probabilities"])


@pytest.mark.parametrize("task", ["multi_class", "multi_label"])
def test_the_graph_takes_the_temperature_of_the_card(task: str) -> None:
    before = 2.0 if task == "multi_class" else [2.0, 3.0, 4.0]
    after = [5.0] if task == "multi_class" else [0.5, 1.0, 7.0]
    graph, witness = graph_of(task, before), graph_of(task, after if task != "multi_class" else 5.0)
    content = embed({SUFFIX: graph.content}, description(graph, after))[SUFFIX]
    given = LiteRTModel(content, graph.outputs).run(PIXELS)
    expected = LiteRTModel(witness.content, witness.outputs).run(PIXELS)
    np.testing.assert_allclose(given["probabilities"], expected["probabilities"], atol=1e-6)
    np.testing.assert_array_equal(given["logits"], expected["logits"])


def test_a_graph_without_a_place_for_the_temperature_is_refused() -> None:
    graph = graph_of("multi_class", 1.0)  # the converter leaves a division by one away
    embed({SUFFIX: graph.content}, description(graph, [1.0]))
    with pytest.raises(ModelError, match="no temperature"):
        embed({SUFFIX: graph.content}, description(graph, [3.0]))


def test_half_a_file_is_refused() -> None:
    graph = graph_of("multi_class", 2.0)
    with pytest.raises(ModelError, match="no LiteRT file"):
        described({SUFFIX: graph.content[: len(graph.content) // 2]})


def test_a_network_that_was_trained_for_8_bits_brings_its_ranges() -> None:
    architecture = Architecture(
        backbone="small_resnet", classes=3, height=32, width=32, quantized=True
    )
    keras.utils.set_random_seed(0)
    model = build(architecture)
    for place in ranges(model):
        place.low.assign(-3.0)
        place.high.assign(5.0)
    twin = to_litert(model)
    bundle = Bundle(
        classes=("a", "b", "c"),
        task="multi_class",
        preprocessing=Preprocessing(height=32, width=32),
        architecture=architecture,
        twin_outputs=twin.outputs,
        members={WEIGHTS: pack_weights(named_weights(model)), TWIN: twin.content},
    )
    precision = FORMATS["litert"].precisions["int8"]
    assert precision.samples_for(architecture) == 0
    assert precision.samples_for(replace(architecture, quantized=False)) == 200
    found = convert(bundle, precision, None)
    assert set(found.outputs) == {"probabilities", "logits", "embedding"}
    file = Interpreter(model_content=found.files[SUFFIX])
    scales = {
        round(float(tensor["quantization_parameters"]["scales"][0]), 6)
        for tensor in file.get_tensor_details()
        if tensor["dtype"] is np.int8 and len(tensor["quantization_parameters"]["scales"]) == 1
    }
    assert scales == {round(8 / 255, 6)}  # every map has the range that was set
