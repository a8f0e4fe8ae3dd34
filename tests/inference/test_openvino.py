"""OpenVINO IR in OpenVINO: named tensors, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from sightline.errors import MissingPackageError, ModelError
from sightline.files import load_module
from sightline.inference.openvino import open_openvino

from .test_onnx import OUTPUTS, WEIGHTS, elsewhere, model

openvino = load_module("openvino")


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    (tmp_path / "a.onnx").write_bytes(model().SerializeToString())
    path = tmp_path / "a.xml"
    read = openvino.Core().read_model(tmp_path / "a.onnx")
    openvino.serialize(read, path, path.with_suffix(".bin"))
    return path


def test_outputs_are_found_by_name_and_images_stay_apart(graph: Path) -> None:
    opened = open_openvino(graph, OUTPUTS, threads=1)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 5, 3), np.uint8)
    given = opened.run(pixels)["logits"]
    assert given.dtype == np.float32
    assert given == pytest.approx(pixels.mean(axis=(1, 2)) @ WEIGHTS, rel=1e-5)
    assert opened.run(pixels[:0])["logits"].shape == (0, 2)
    with pytest.raises(ModelError, match="was given uint8 pixels of shape"):
        opened.run(pixels[:, :3])


XML: Mapping[str, bytes] = {
    "empty": b"",
    "text": b"not a model",
    "another document": b'<?xml version="1.0"?><page>hello</page>',
    # OpenVINO would recognise it, and read the file that it names.
    "ONNX with weights elsewhere": elsewhere("../../../../etc/passwd"),
    "ONNX": model().SerializeToString(),
}


@pytest.mark.parametrize("content", XML.values(), ids=XML.keys())
def test_another_file_is_refused_in_three_parts(graph: Path, content: bytes) -> None:
    graph.write_bytes(content)
    refused(graph)


def refused(graph: Path) -> None:
    with pytest.raises(ModelError) as caught:
        open_openvino(graph, OUTPUTS)
    assert caught.value.code == "damaged_model"
    assert caught.value.expected and caught.value.fix


def test_files_that_are_cut_off_are_refused(graph: Path) -> None:
    text, weights = graph.read_bytes(), graph.with_suffix(".bin").read_bytes()
    graph.write_bytes(text[: len(text) // 2])
    refused(graph)
    graph.write_bytes(text)
    for length in (0, len(weights) // 2):
        graph.with_suffix(".bin").write_bytes(weights[:length])
        refused(graph)
    graph.with_suffix(".bin").unlink()
    refused(graph)


def test_weights_beyond_the_file_are_not_read(graph: Path) -> None:
    text = graph.read_bytes()
    assert b'offset="0"' in text
    graph.write_bytes(text.replace(b'offset="0"', b'offset="4096"'))
    refused(graph)


def test_the_graph_of_another_model_is_told_by_its_outputs(graph: Path) -> None:
    with pytest.raises(ModelError, match="has no output logits") as caught:
        open_openvino(graph, {"logits": "logits"})
    assert caught.value.expected == "one of scores"


def test_without_the_package_its_extra_is_named(
    graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingPackageError, match="run a model in OpenVINO's format") as caught:
        open_openvino(graph, OUTPUTS)
    assert caught.value.fix == "pip install 'sightline[openvino]'"


def test_running_one_reports_to_nobody_and_leaves_nothing_in_the_users_home(
    graph: Path, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    code = (
        "import sys, pathlib\n"
        "from sightline.inference.openvino import open_openvino\n"
        "open_openvino(pathlib.Path(sys.argv[1]), {'logits': 'scores'})\n"
        "assert not [name for name in sys.modules if name.startswith('openvino_telemetry')]"
    )
    environment = {
        "HOME": str(tmp_path / "home"),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    subprocess.run([sys.executable, "-c", code, graph], env=environment, check=True, timeout=60)
    assert list((tmp_path / "home").rglob("*")) == []


SIGNALLED = """
import os, signal, sys
from pathlib import Path
from threading import Thread
from sightline.inference.openvino import open_openvino
opened = [open_openvino(Path(sys.argv[1]), {"logits": "scores"}, threads=1) for _ in range(2)]
opened.pop(0)
thread = Thread(target=opened.clear)
thread.start()
thread.join()
signal.signal(signal.SIGTERM, lambda *_: print("handled"))
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_signal_after_models_have_gone_in_any_order_does_not_end_the_process(graph: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-c", SIGNALLED, str(graph)], capture_output=True, text=True, check=False
    )
    assert (child.returncode, child.stdout) == (0, "handled\n"), child.stderr
