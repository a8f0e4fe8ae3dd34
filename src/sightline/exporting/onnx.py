"""ONNX: the network as a graph, with weights of 16 bits, or in 8 bits (`onnx_int8`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from sightline.exporting.formats import Converted, Precision, Samples
from sightline.files import load_attribute, load_module
from sightline.inference.onnx import OnnxModel
from sightline.models.bundle import Bundle

SUFFIX = ".onnx"
DESCRIPTION = "sightline"
"""Key of the description in the file's own metadata."""

PURPOSE = "export to ONNX"
_FEWEST = 2048
"""Numbers in a tensor from which on they keep 16 bits. The small ones, first and depthwise
convolutions, have few products over which rounding evens out: leaving them takes |Δp| from 2.7e-2
to 2.3e-3 for 0.3 % of the size (fine-tuned MobileNetV2)."""


def convert(bundle: Bundle, precision: Precision, samples: Samples | None) -> Converted:
    """Return a bundle's network as an ONNX file.

    Args:
        bundle: The model.
        precision: One of the format's.
        samples: Training images; only `"int8"` needs them.

    Raises:
        MissingPackageError: TensorFlow, onnx or tf2onnx is not installed.
        ModelError: The converter cannot express the network.
        ValueError: `"int8"` without samples.
    """
    graph = float_graph(bundle, precision.outputs)
    content = _PRECISIONS[precision.name](graph, precision, samples).SerializeToString()
    return Converted(files={SUFFIX: content}, outputs={name: name for name in precision.outputs})


def float_graph(bundle: Bundle, outputs: tuple[str, ...]) -> Any:
    """Return a bundle's network as an `onnx.ModelProto` in float32; raises as `convert`.

    It is the caller's to change.
    """
    onnx = load_module("onnx", purpose=PURPOSE)
    return onnx.load_model_from_string(_float_content(bundle, outputs))


@lru_cache(maxsize=2)  # of each set of outputs the last
def _float_content(bundle: Bundle, outputs: tuple[str, ...]) -> bytes:
    """Return the graph as bytes; the same each time, while converting anew gives other names."""
    load_module("tf2onnx", purpose=PURPOSE)
    model = load_attribute("sightline.models.restore:restore")(bundle)
    graph = load_attribute("sightline.conversion.onnx:to_onnx")(model, outputs=outputs)
    content: bytes = graph.SerializeToString()
    return content


def embed(files: Mapping[str, bytes], description: str) -> Mapping[str, bytes]:
    """Return the file with its description and classes in `metadata_props`.

    Args:
        files: The ONNX file, by its suffix.
        description: JSON text.

    Raises:
        MissingPackageError: onnx is not installed.
    """
    onnx = load_module("onnx", purpose=PURPOSE)
    model = onnx.load_model_from_string(files[SUFFIX])
    classes = json.loads(description)["classes"]
    # "names" is the key that other programs read, with JSON of numbers and names.
    names = json.dumps({str(number): name for number, name in enumerate(classes)})
    onnx.helper.set_model_props(model, {DESCRIPTION: description, "names": names})
    return {**files, SUFFIX: model.SerializeToString()}


def described(files: Mapping[str, bytes]) -> str | None:
    """Return the description that an ONNX file holds; None where it holds none.

    Args:
        files: The file, by its suffix.

    Raises:
        ModelError: ONNX Runtime cannot open it.
    """
    return OnnxModel(files[SUFFIX], {}).metadata.get(DESCRIPTION)


def _as_it_is(model: Any, precision: Precision, samples: Samples | None) -> Any:
    return model


def _float16(model: Any, precision: Precision, samples: Samples | None) -> Any:
    """Keep weights in 16 bits, and widen each once, when the file is opened.

    Computing in 16 bits would not be faster: ONNX Runtime has no such convolutions for x86 CPUs
    and converts before and after each. Biases, and what does not fit 16 bits, stay as they are.
    """
    onnx = load_module("onnx", purpose=PURPOSE)
    graph = model.graph
    widen = []
    for tensor in graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or len(tensor.dims) < 2:
            continue
        values = onnx.numpy_helper.to_array(tensor)
        if values.size < _FEWEST or np.abs(values).max() > np.finfo(np.float16).max:
            continue
        name = tensor.name
        narrow = onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}/float16")
        tensor.CopyFrom(narrow)
        widen.append(
            onnx.helper.make_node(
                "Cast", [narrow.name], [name], name=f"{name}/widen", to=onnx.TensorProto.FLOAT
            )
        )
    nodes = [*widen, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def _int8(model: Any, precision: Precision, samples: Samples | None) -> Any:
    quantizing = load_module("sightline.exporting.onnx_int8")
    tuning = precision.tuning
    statistics = tuning.statistics
    if statistics is None:
        if samples is None:
            raise ValueError("int8 needs samples")
        statistics = quantizing.tensor_statistics(model, samples())
    return quantizing.to_int8(model, statistics, tuning)


_PRECISIONS: Mapping[str, Callable[[Any, Precision, Samples | None], Any]] = {
    "float32": _as_it_is,
    "float16": _float16,
    "int8": _int8,
}
