"""Networks with fewer outputs in some layers."""

from __future__ import annotations

import json
from dataclasses import replace

import keras
import numpy as np
import pytest

from sightline.conversion import to_litert
from sightline.errors import ConfigError
from sightline.inference import LiteRTModel
from sightline.models import Architecture
from sightline.models.build import build

RESIDUAL = Architecture(
    backbone="small_resnet",
    classes=3,
    height=32,
    width=32,
    options={"widths": [16, 32], "blocks": 1},
)
FREE = {"stage_1_block_1_1": 5}


def test_widths_are_absent_where_there_are_none() -> None:
    assert "widths" not in RESIDUAL.to_json()
    narrow = replace(RESIDUAL, widths={"b": 2, "a": 1})
    document = json.loads(json.dumps(narrow.to_json()))
    assert list(document["widths"]) == ["a", "b"]
    assert Architecture.from_json(document) == narrow


@pytest.mark.parametrize("widths", [{"a": 0}, {"a": True}, {"a": 1.5}, {1: 2}, [1], "wide"])
def test_widths_are_numbers_by_name(widths: object) -> None:
    with pytest.raises(ConfigError):
        replace(RESIDUAL, widths=widths)  # type: ignore[arg-type]


@pytest.mark.parametrize("tta", ["none", "flip"])
def test_a_narrow_layer_runs_in_its_twin(tta: str) -> None:
    keras.utils.set_random_seed(0)
    model = build(replace(RESIDUAL, widths=FREE, tta=tta))
    assert model.get_layer("stage_1_block_1_1").kernel.shape[-1] == 5
    assert model.get_layer("stage_1_block_1_2").kernel.shape[-2] == 5
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    graph = to_litert(model)
    twin = LiteRTModel(graph.content, graph.outputs).run(pixels)
    assert np.abs(twin["logits"] - model(pixels)["logits"].numpy()).max() < 1e-4


@pytest.mark.parametrize(
    "widths",
    [
        {"stage_9": 4},
        {"stem_norm": 4},
        {"stage_1_block_1_1": 17},
        {"stem": 8},  # tied to the block that adds to it
    ],
)
def test_widths_that_do_not_fit_are_refused(widths: dict[str, int]) -> None:
    with pytest.raises(ConfigError) as caught:
        build(replace(RESIDUAL, widths=widths))
    assert caught.value.code == "bad_widths"
