"""What a LiteRT file tells of itself."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from sightline.conversion import to_litert
from sightline.errors import ModelError
from sightline.exporting.litert import SUFFIX, described, embed
from sightline.inference.litert import LiteRTModel
from sightline.models import Architecture
from sightline.models.build import build

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)


def graph_of(task: str, temperature: Any) -> Any:
    keras.utils.set_random_seed(0)
    model = build(Architecture(backbone="small_cnn", classes=3, task=task, height=32, width=32))
    model.get_layer("temperature").temperature.assign(temperature)
    return to_litert(model)


def description(graph: Any, temperature: list[float]) -> str:
    told = {"classes": ["a", "b", "ü"], "outputs": dict(graph.outputs), "temperature": temperature}
    return json.dumps(told)


def test_the_description_is_in_the_graph_and_in_an_archive_behind_it() -> None:
    graph = graph_of("multi_class", 2.0)
    text = description(graph, [2.0])
    content = embed({SUFFIX: graph.content}, text)[SUFFIX]
    assert described(content) == text and described(graph.content) is None
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
        described(graph.content[: len(graph.content) // 2])
