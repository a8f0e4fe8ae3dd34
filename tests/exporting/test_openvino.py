"""OpenVINO IR: what it computes and says of itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sightline.exporting import FORMATS
from sightline.exporting.openvino import convert, embed
from sightline.files import load_module
from sightline.inference.openvino import open_openvino

from .networks import NETWORKS, bundle_of, expected, pixels_for

PRECISION = FORMATS["openvino"].precisions["float32"]


# The graph is the ONNX file's; tests/exporting/test_onnx.py sees to the other kinds.
@pytest.mark.parametrize("kind", ["classes", "labels", "flip"])
def test_each_kind_of_network_answers_as_in_keras(kind: str, tmp_path: Path) -> None:
    bundle = bundle_of(NETWORKS[kind])
    converted = convert(bundle, PRECISION, None)
    description = json.dumps({"classes": ["<é>", '&"']})
    files = embed(embed(converted.files, "{}"), description)
    assert list(files) == [".xml", ".bin"]
    for suffix, content in files.items():
        (tmp_path / f"graph{suffix}").write_bytes(content)
    # Never `import openvino`: it reports that it was imported.
    graph = load_module("openvino").Core().read_model(tmp_path / "graph.xml")
    assert graph.get_rt_info(["sightline"]).astype(str) == description

    pixels = pixels_for(bundle.architecture)
    wanted = expected(bundle, pixels)
    given = open_openvino(tmp_path / "graph.xml", converted.outputs, threads=1).run(pixels)
    assert given.keys() == wanted.keys()
    for name, value in given.items():
        scale = max(1.0, float(np.abs(wanted[name]).max()))
        assert value == pytest.approx(wanted[name], abs=1e-5 * scale), name
