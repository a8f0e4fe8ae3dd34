"""OpenVINO IR in float32: the ONNX graph, read and written again by OpenVINO itself.

Not `openvino.convert_model`, which has a second way from TensorFlow with outputs of its own making,
and reports to its maker that it ran.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sightline.errors import ModelError
from sightline.exporting.formats import Converted, Precision, Samples
from sightline.exporting.onnx import DESCRIPTION, float_graph
from sightline.files import load_module
from sightline.models.bundle import Bundle

XML, BIN = ".xml", ".bin"
"""The graph and its weights."""

_PURPOSE = "export to OpenVINO"


def convert(bundle: Bundle, precision: Precision, samples: Samples | None) -> Converted:
    """Return a bundle's network as OpenVINO IR.

    Args:
        bundle: The model.
        precision: One of the format's.
        samples: Not needed.

    Raises:
        MissingPackageError: TensorFlow, openvino, onnx or tf2onnx is not installed.
        ModelError: The converters cannot express the network.
    """
    openvino = load_module("openvino", purpose=_PURPOSE)
    graph = float_graph(bundle, precision.outputs)
    try:
        with TemporaryDirectory(prefix="sightline-") as folder:
            path = Path(folder) / "graph.onnx"
            path.write_bytes(graph.SerializeToString())
            files = _written(openvino, openvino.Core().read_model(path), Path(folder))
    except RuntimeError as error:
        raise ModelError(
            f"The model cannot be converted to OpenVINO: {str(error)[:500]}",
            expected="a network of operators that OpenVINO has",
            fix="report this with the backbone and options you used",
            code="not_convertible",
        ) from error
    return Converted(files=files, outputs={name: name for name in precision.outputs})


def embed(files: Mapping[str, bytes], description: str) -> Mapping[str, bytes]:
    """Return the files with the description in the graph's `rt_info`.

    Args:
        files: Graph and weights, by their suffixes.
        description: JSON text.

    Raises:
        MissingPackageError: openvino is not installed.
    """
    openvino = load_module("openvino", purpose=_PURPOSE)
    with TemporaryDirectory(prefix="sightline-") as folder:
        path = Path(folder) / f"given{XML}"
        for suffix, content in files.items():
            path.with_suffix(suffix).write_bytes(content)
        model = openvino.Core().read_model(path)
        model.set_rt_info(description, [DESCRIPTION])
        return {**files, **_written(openvino, model, Path(folder))}


def _written(openvino: Any, model: Any, folder: Path) -> dict[str, bytes]:
    path = folder / f"written{XML}"
    openvino.serialize(model, path, path.with_suffix(BIN))
    return {suffix: path.with_suffix(suffix).read_bytes() for suffix in (XML, BIN)}
