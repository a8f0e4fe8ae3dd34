"""An ONNX graph in 8 bits, in the QDQ form: kernels by channel, values by the ranges that occur.

From the pooling that gives the embedding on, values stay in float, and weights are widened when the
file is opened: what the graph gives in 8 bits would end where the ranges do, so that the most
certain images of all would look alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

from sightline import machine
from sightline.errors import ModelError
from sightline.exporting.formats import Precision
from sightline.exporting.kernels import prepare
from sightline.exporting.onnx import PURPOSE, float_graph
from sightline.exporting.onnx_kernels import KERNELS, channel_axis, depthwise_kernels, layers_of
from sightline.exporting.tuning import Layer, Statistics, TensorStatistics, Tuning, over_images
from sightline.files import load_attribute, load_module
from sightline.inference.onnx import OnnxModel
from sightline.models.bundle import Bundle

_POOLING = (
    *("GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax"),
    *("Squeeze", "Flatten", "Reshape"),
)
_ACTIVATIONS = ("Clip", "Relu")  # what a grid of 8 bits holds by where it ends
_EMBEDDING = "embedding"
_LIBRARY = "onnxruntime.quantization"


class Tunable:
    """A bundle's network, which can be given 8 bits in several ways (`tuning.TunableGraph`).

    Args:
        bundle: The model.
        precision: That of 8 bits.
    """

    def __init__(self, bundle: Bundle, precision: Precision) -> None:
        self._graph = partial(float_graph, bundle, precision.outputs)
        self.layers: tuple[Layer, ...] = layers(self._graph())

    def statistics(self, samples: Iterable[np.ndarray]) -> Statistics:
        """Return those of all values."""
        return tensor_statistics(self._graph(), samples)

    def logits(self, pixels: np.ndarray, tuning: Tuning | None = None) -> np.ndarray:
        """Return logits, float32 (n, k); raises as `to_int8`."""
        graph = self._graph()
        if tuning is not None:
            graph = to_int8(graph, tuning.statistics or {}, tuning)
        return OnnxModel(graph.SerializeToString(), {"logits": "logits"}).run(pixels)["logits"]


def layers(model: Any) -> tuple[Layer, ...]:
    """Return the operations of an `onnx.ModelProto` that may have 8 bits, in their order."""
    nodes = _quantisable(model)
    return tuple(
        Layer(
            name=node.name,
            kind=node.op_type,
            title=_title(node),
            weighted=node.op_type in KERNELS,
            joined=tuple(
                one.name
                for one in nodes
                if one.op_type in _ACTIVATIONS and one.input[0] in node.output
            ),
        )
        for node in nodes
    )


def _quantisable(model: Any) -> list[Any]:
    kinds = load_attribute(f"{_LIBRARY}.registry:QDQRegistry")
    plain = {*_up_to_first_convolution(model.graph), *_from_embedding(model.graph)}
    return [node for node in model.graph.node if node.op_type in kinds and node.name not in plain]


def tensor_statistics(model: Any, samples: Iterable[np.ndarray]) -> Statistics:
    """Return what images show of all values (`tuning.over_images`).

    Args:
        model: An `onnx.ModelProto` in float32.
        samples: Real pixels, uint8 (height, width, channels).
    """
    session, names = _telling_all(model)
    (pixels,) = session.get_inputs()

    def shown(image: np.ndarray) -> list[TensorStatistics]:
        values = session.run(names, {pixels.name: image[None]})
        return [TensorStatistics.of(value, channels=1) for value in values]

    return over_images(names, map(shown, samples))


def _telling_all(model: Any) -> tuple[Any, list[str]]:
    """Return a session that gives all that a graph computes in float32, and the names of that."""
    onnx, runtime = (load_module(name, purpose=PURPOSE) for name in ("onnx", "onnxruntime"))
    inferred = onnx.shape_inference.infer_shapes(model)
    known = {value.name: value for value in inferred.graph.value_info}
    given = {name for node in inferred.graph.node for name in node.output}
    named = {output.name for output in inferred.graph.output}
    inner = [known[name] for name in sorted(given & set(known) - named)]
    inferred.graph.output.extend(inner)
    names = [
        output.name
        for output in inferred.graph.output
        if output.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    ]
    options = runtime.SessionOptions()
    options.intra_op_num_threads = machine.threads()
    # As it stands: operations that are fused into one hide what is between them.
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    content = inferred.SerializeToString()
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session, names


def to_int8(model: Any, statistics: Statistics, tuning: Tuning) -> Any:
    """Return an `onnx.ModelProto` whose kernels and values have 8 bits, but for its start.

    Args:
        model: In float32; its kernels and biases are changed.
        statistics: Of `tensor_statistics`.
        tuning: How else.

    Raises:
        MissingPackageError: ONNX or ONNX Runtime is not installed.
        ModelError: The graph cannot be quantised.
    """
    onnx = load_module("onnx", purpose=PURPOSE)
    kinds = load_module(f"{_LIBRARY}.quant_utils", purpose=PURPOSE).QuantType
    kernels = [node for node in _quantisable(model) if node.op_type in KERNELS]
    if not statistics.keys() >= {name for node in kernels for name in node.output}:
        raise ValueError("these are statistics of another graph")
    ends = _from_embedding(model.graph)
    in_float = {*_up_to_first_convolution(model.graph), *ends, *tuning.in_float}
    prepare(layers_of(model.graph, in_float), statistics, tuning.rounding)
    of_8_bits = {"quant_type": kinds.QInt8, "symmetric": True, "reduce_range": False}
    quantizer = load_attribute(f"{_LIBRARY}.qdq_quantizer:QDQQuantizer")(
        onnx.shape_inference.infer_shapes(model),
        per_channel=True,
        reduce_range=True,  # as `onnx_kernels` has it
        weight_qType=kinds.QInt8,
        activation_qType=kinds.QUInt8,
        tensors_range=_as_calibrated(statistics),
        nodes_to_quantize=[],
        nodes_to_exclude=sorted(in_float),
        op_types_to_quantize=list(load_attribute(f"{_LIBRARY}.registry:QDQRegistry")),
        extra_options={
            "WeightSymmetric": True,
            "ActivationSymmetric": False,
            "TensorQuantOverrides": {
                name: [{**of_8_bits, "axis": 0}] for name in depthwise_kernels(model.graph)
            },
        },
    )
    try:
        quantizer.quantize_model()
        quantizer.model.topological_sort()  # as the standard wants it
    except Exception as error:  # it raises whatever it meets
        raise ModelError(
            f"The network cannot be quantised: {str(error)[:500]}",
            expected="operators that ONNX Runtime can quantise",
            fix="export in float16, or report this with the backbone that you used",
            code="not_convertible",
        ) from error
    quantised = quantizer.model.model
    _keep_in_8_bits(quantised, ends)
    return quantised


def _as_calibrated(statistics: Statistics) -> Any:
    words = load_module(f"{_LIBRARY}.calibrate", purpose=PURPOSE)
    limits = {name: (np.float32(one.low), np.float32(one.high)) for name, one in statistics.items()}
    return words.TensorsData(words.CalibrationMethod.MinMax, limits)


def _keep_in_8_bits(model: Any, names: Iterable[str]) -> None:
    """Keep weights in 8 bits of dense layers that compute in float: a grid for each channel."""
    onnx = load_module("onnx", purpose=PURPOSE)
    kernels = {tensor.name: tensor for tensor in model.graph.initializer}
    widen = []
    for node in model.graph.node:
        if node.name not in names or node.op_type not in KERNELS or node.input[1] not in kernels:
            continue
        tensor = kernels[node.input[1]]
        values = onnx.numpy_helper.to_array(tensor)
        axis = channel_axis(node, values)
        others = tuple(one for one in range(values.ndim) if one != axis)
        steps = np.maximum(np.abs(values).max(axis=others, keepdims=True), 1e-12) / 127
        parts = {
            "int8": np.round(values / steps).astype(np.int8),
            "scale": steps.reshape(-1).astype(np.float32),
            "zero": np.zeros(steps.size, np.int8),
        }
        name = tensor.name
        model.graph.initializer.remove(tensor)
        model.graph.initializer.extend(
            onnx.numpy_helper.from_array(value, f"{name}/{kind}") for kind, value in parts.items()
        )
        widen.append(
            onnx.helper.make_node(
                "DequantizeLinear",
                [f"{name}/{kind}" for kind in parts],
                [name],
                name=f"{name}/widen",
                axis=axis,
            )
        )
    nodes = [*widen, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _title(node: Any) -> str:
    """Return what the network calls an operation; the converter renames some."""
    names = [name for name in (node.name, *node.output, *node.input[1:]) if "/" in name]
    parts = names[0].split("/") if names else ["", node.name]
    return "/".join(parts[1:-1]) or parts[-1]


def _up_to_first_convolution(graph: Any) -> list[str]:
    """Return the names of the operators on the pixels, the first convolution among them.

    They stay in float: pixels are whole numbers already, and the first convolution has a hundredth
    of the weights and no more speed in 8 bits.
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


def _from_embedding(graph: Any) -> list[str]:
    """Return the names of the operators that give the embedding, and of all after them."""
    makers = {name: node for node in graph.node for name in node.output}
    found, given, name = [], {_EMBEDDING}, _EMBEDDING
    # A dense layer that gives the embedding has many weights, and computes in 8 bits all the same.
    while name in makers and makers[name].op_type in _POOLING:
        found.append(makers[name].name)
        name = makers[name].input[0]
    for node in graph.node:
        if given & set(node.input):
            found.append(node.name)
            given |= set(node.output)
    return found
