"""ONNX files in ONNX Runtime: named tensors, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sightline.errors import ModelError
from sightline.inference.onnx import OnnxModel, open_onnx

OUTPUTS = {"logits": "scores"}
WEIGHTS = np.arange(6, dtype=np.float32).reshape(3, 2)


def model(
    *,
    kind: int = TensorProto.UINT8,
    shape: tuple[int | str | None, ...] = ("n", 4, 5, 3),
    gives: tuple[int | str | None, ...] = ("n", 2),
) -> onnx.ModelProto:
    """Return a graph: the mean of each channel, times weights."""
    nodes = [
        helper.make_node("Cast", ["pixels"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info("pixels", kind, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, gives)],
        [numpy_helper.from_array(WEIGHTS, "weights")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_outputs_are_found_by_name_and_images_stay_apart(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(model().SerializeToString())
    graph = open_onnx(tmp_path / "a.onnx", OUTPUTS, threads=1)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 5, 3), np.uint8)
    given = graph.run(pixels)["logits"]
    assert given.dtype == np.float32
    assert given == pytest.approx(pixels.mean(axis=(1, 2)) @ WEIGHTS, rel=1e-5)
    assert graph.run(pixels[:0])["logits"].shape == (0, 2)
    with pytest.raises(ModelError, match="was given uint8 pixels of shape"):
        graph.run(pixels[:, :3])


def elsewhere(path: str) -> bytes:
    changed = model()
    tensor = changed.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=path)
    return changed.SerializeToString()


def operator(name: str) -> bytes:
    changed = model()
    changed.graph.node[2].op_type = name
    return changed.SerializeToString()


BROKEN: Mapping[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"<html>not a model</html>",
    "cut off": lambda: model().SerializeToString()[:-40],
    "no graph": lambda: model().SerializeToString()[:2],
    "zeros": lambda: bytes(1000),
    "an operator that is none": lambda: operator("Bogus"),
    "float pixels": lambda: model(kind=TensorProto.FLOAT).SerializeToString(),
    "one image only": lambda: model(shape=(1, 4, 5, 3)).SerializeToString(),
    "images of any size": lambda: model(shape=("n", "h", "w", 3)).SerializeToString(),
    "flat pixels": lambda: model(shape=("n", 60)).SerializeToString(),
    "weights in the system": lambda: elsewhere("../../../../etc/passwd"),
    "weights beside it": lambda: elsewhere("weights.bin"),
}


@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_such_graph_is_refused_in_three_parts(
    make: Callable[[], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.bin").write_bytes(WEIGHTS.tobytes())
    (tmp_path / "a.onnx").write_bytes(make())
    with pytest.raises(ModelError) as caught:
        open_onnx(tmp_path / "a.onnx", OUTPUTS)
    assert caught.value.code == "damaged_model"
    assert caught.value.expected and caught.value.fix


def test_the_graph_of_another_model_is_told_by_its_outputs() -> None:
    with pytest.raises(ModelError, match="has no output logits") as caught:
        OnnxModel(model().SerializeToString(), {"logits": "logits"})
    assert caught.value.expected == "one of scores"


def test_every_cut_is_refused_and_none_ends_the_process() -> None:
    content = model().SerializeToString()
    for length in range(len(content)):
        with pytest.raises(ModelError):
            OnnxModel(content[:length], OUTPUTS)


def test_running_one_reports_to_nobody_and_leaves_nothing_in_the_users_home(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "a.onnx").write_bytes(model().SerializeToString())
    code = (
        "import sys, pathlib, numpy as np\n"
        "from sightline.inference.onnx import open_onnx\n"
        "graph = open_onnx(pathlib.Path(sys.argv[1]), {'logits': 'scores'})\n"
        "graph.run(np.zeros((1, 4, 5, 3), np.uint8))"
    )
    # Nothing else of the environment: on a machine of a build service the runtime keeps quiet.
    environment = {
        "HOME": str(tmp_path / "home"),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.onnx"], env=environment, check=True, timeout=60
    )
    assert list((tmp_path / "home").rglob("*")) == []
