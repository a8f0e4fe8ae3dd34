"""ONNX: the network as a graph, with weights of 16 bits, or in 8 bits (QDQ)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from sightline.errors import ModelError
from sightline.exporting.formats import Converted, Precision, Samples
from sightline.files import load_attribute, load_module
from sightline.models.bundle import Bundle

SUFFIX = ".onnx"
DESCRIPTION = "sightline"
"""Key of the description in the file's own metadata."""

_PURPOSE = "export to ONNX"
_FEWEST = 2048
"""Numbers in a tensor from which on they keep 16 bits. The small ones, first and depthwise
convolutions, have few products over which rounding evens out: leaving them takes |Δp| from 2.7e-2
to 2.3e-3 for 0.3 % of the size (fine-tuned MobileNetV2)."""
_AT_ONCE = 8
"""Calibration images whose values are in memory at one time."""


def convert(bundle: Bundle, precision: Precision, samples: Samples | None) -> Converted:
    """Return a bundle's network as an ONNX file.

    Args:
        bundle: The model.
        precision: One of the format's.
        samples: Training images, for `"int8"`.

    Raises:
        MissingPackageError: TensorFlow, onnx or tf2onnx is not installed.
        ModelError: The converter cannot express the network.
        ValueError: `"int8"` without samples.
    """
    graph = float_graph(bundle, precision.outputs)
    content = _PRECISIONS[precision.name](graph, samples).SerializeToString()
    return Converted(files={SUFFIX: content}, outputs={name: name for name in precision.outputs})


def float_graph(bundle: Bundle, outputs: tuple[str, ...]) -> Any:
    """Return a bundle's network as an `onnx.ModelProto` in float32; raises as `convert`."""
    load_module("tf2onnx", purpose=_PURPOSE)
    model = load_attribute("sightline.models.restore:restore")(bundle)
    return load_attribute("sightline.conversion.onnx:to_onnx")(model, outputs=outputs)


def embed(files: Mapping[str, bytes], description: str) -> Mapping[str, bytes]:
    """Return the file with its description and classes in `metadata_props`.

    Args:
        files: The ONNX file, by its suffix.
        description: JSON text.

    Raises:
        MissingPackageError: onnx is not installed.
    """
    onnx = load_module("onnx", purpose=_PURPOSE)
    model = onnx.load_model_from_string(files[SUFFIX])
    classes = json.loads(description)["classes"]
    # "names" is the key that other programs read, with JSON of numbers and names.
    names = json.dumps({str(number): name for number, name in enumerate(classes)})
    onnx.helper.set_model_props(model, {DESCRIPTION: description, "names": names})
    return {**files, SUFFIX: model.SerializeToString()}


def _as_it_is(model: Any, samples: Samples | None) -> Any:
    return model


def _float16(model: Any, samples: Samples | None) -> Any:
    """Keep weights in 16 bits, and widen each once, when the file is opened.

    Computing in 16 bits would not be faster: ONNX Runtime has no such convolutions for x86 CPUs
    and converts before and after each. Biases, and what does not fit 16 bits, stay as they are.
    """
    onnx = load_module("onnx", purpose=_PURPOSE)
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


def _int8(model: Any, samples: Samples | None) -> Any:
    """Quantise to 8 bits in the QDQ form, weights by channel, from the values that samples show."""
    if samples is None:
        raise ValueError("int8 needs samples")
    onnx = load_module("onnx", purpose=_PURPOSE)
    load = "onnxruntime.quantization"
    kinds = load_module(f"{load}.quant_utils", purpose=_PURPOSE).QuantType
    quantizer = load_attribute(f"{load}.qdq_quantizer:QDQQuantizer")(
        onnx.shape_inference.infer_shapes(model),
        per_channel=True,
        reduce_range=False,
        weight_qType=kinds.QInt8,
        activation_qType=kinds.QUInt8,
        tensors_range=_ranges(model, samples),
        nodes_to_quantize=[],
        nodes_to_exclude=_up_to_first_convolution(model.graph),
        op_types_to_quantize=list(load_attribute(f"{load}.registry:QDQRegistry")),
        extra_options={"WeightSymmetric": True, "ActivationSymmetric": False},
    )
    try:
        quantizer.quantize_model()
    except Exception as error:  # it raises whatever it meets
        raise ModelError(
            f"The network cannot be quantised: {str(error)[:500]}",
            expected="operators that ONNX Runtime can quantise",
            fix="export in float16, or report this with the backbone that you used",
            code="not_convertible",
        ) from error
    return quantizer.model.model


_PRECISIONS: Mapping[str, Callable[[Any, Samples | None], Any]] = {
    "float32": _as_it_is,
    "float16": _float16,
    "int8": _int8,
}


def _ranges(model: Any, samples: Samples) -> Any:
    """Return the least and the greatest value of each tensor over the samples.

    Percentiles (99.99 and 99.999) gave the same mean |Δp|, 0.0075 and 0.0076, for four times the
    time (fine-tuned MobileNetV2, 341 validation images).
    """
    calibrate = load_module("onnxruntime.quantization.calibrate", purpose=_PURPOSE)
    with TemporaryDirectory(prefix="sightline-") as folder:
        path = Path(folder) / "plain.onnx"
        path.write_bytes(model.SerializeToString())
        calibrator = calibrate.create_calibrator(
            path, None, augmented_model_path=str(Path(folder) / "augmented.onnx")
        )
        given = iter(samples())
        while some := list(islice(given, _AT_ONCE)):
            calibrator.collect_data(_Reader(some, model.graph.input[0].name))
        return calibrator.compute_data()


class _Reader:
    """What ONNX Runtime's calibration asks for the next image."""

    def __init__(self, images: list[np.ndarray], name: str) -> None:
        self._left: Iterator[np.ndarray] = iter(images)
        self._name = name

    def get_next(self) -> dict[str, np.ndarray] | None:
        image = next(self._left, None)
        return None if image is None else {self._name: image[None]}


def _up_to_first_convolution(graph: Any) -> list[str]:
    """Return the names of the operators on the pixels, the first convolution among them.

    They stay in float: pixels use the whole range, and 8-bit products of such values overflow in
    the instructions of CPUs without VNNI (mean |Δp| 0.0105 with the first convolution in 8 bits,
    0.0076 without; equal where weights keep 7 bits, which cannot overflow, but at 0.0115).
    """
    constant = {tensor.name for tensor in graph.initializer} | {""}
    plain = {graph.input[0].name} | constant
    found = []
    for node in graph.node:
        if not set(node.input) <= plain or set(node.input) <= constant:
            continue
        found.append(node.name)
        if node.op_type != "Conv":
            plain |= set(node.output)
    return found
