"""From a Keras model to a frozen graph of few operations, for what reads TensorFlow's graphs.

Variables become constants, and what follows from constants alone is computed now. Batch
normalisation then goes into the convolution before it, and bias and activation are fused with it
(`_FusedConv2D`): a browser's runtime pays for every operation.

TensorFlow's own optimiser folds a scale into a full convolution, but not into a depthwise one, and
fuses depthwise convolutions under a name that TensorFlow.js does not know. So that is done here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
from tensorflow.python.framework import tensor_util
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tensorflow.python.grappler import tf_optimizer
from tensorflow.python.training.saver import export_meta_graph

from sightline.errors import ModelError

_FUSED = {"Conv2D": "_FusedConv2D", "DepthwiseConv2dNative": "FusedDepthwiseConv2dNative"}
_ACTIVATIONS = ("Relu", "Relu6")
_KEPT = frozenset(("T", "strides", "padding", "data_format", "dilations", "explicit_paddings"))


@dataclass(frozen=True, kw_only=True)
class FrozenGraph:
    """A graph without its constants, and these.

    Attributes:
        graph: A GraphDef in protobuf's JSON form; its `Const` nodes hold no values.
        constants: The values by node name: float32, int32 or bool.
        input: Name of the tensor of uint8 pixels (n, height, width, channels).
        outputs: Name of the tensor for each output.
        producer: What made it, for records.
    """

    graph: Mapping[str, Any]
    constants: Mapping[str, np.ndarray]
    input: str
    outputs: Mapping[str, str]
    producer: str


def freeze(
    model: keras.Model, *, outputs: Sequence[str] = ("probabilities", "logits", "embedding")
) -> FrozenGraph:
    """Return a model's graph with its weights as constants; any number of images at once.

    Args:
        model: Built by `models.build`, with a dict of outputs.
        outputs: The outputs to keep; what only others need is cut away.

    Raises:
        ModelError: The graph cannot be frozen.
    """
    names = sorted(outputs)

    def answer(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        given = model(pixels, training=False)
        return {name: given[name] for name in names}

    shape = (None, *model.inputs[0].shape[1:])
    function = tf.function(answer, input_signature=[tf.TensorSpec(shape, tf.uint8, name="pixels")])
    try:
        frozen = convert_variables_to_constants_v2(function.get_concrete_function())
        tensors = [tensor.name for tensor in frozen.outputs]
        nodes = _Nodes(_without_the_computable(frozen.graph, tensors))
    except Exception as error:  # TensorFlow raises several untyped families here
        raise ModelError(
            f"The model's graph cannot be frozen: {str(error)[:500]}",
            fix="report this with the backbone and options you used",
            code="not_convertible",
        ) from error
    nodes.spell_out()
    nodes.fold_scales()
    nodes.fuse()
    return FrozenGraph(
        graph=nodes.to_json(),
        constants=nodes.constants,
        input=frozen.inputs[0].name,
        outputs=dict(zip(names, tensors, strict=True)),
        producer=f"tensorflow {tf.__version__}",
    )


def _without_the_computable(graph: tf.Graph, outputs: Sequence[str]) -> Any:
    """Return a GraphDef in which nothing is computed that follows from constants alone."""
    config = config_pb2.ConfigProto()
    config.graph_options.rewrite_options.optimizers[:] = [
        *("debug_stripper", "constfold", "dependency", "constfold", "dependency")
    ]
    described = export_meta_graph(graph_def=graph.as_graph_def(), graph=graph)
    wanted = meta_graph_pb2.CollectionDef()
    wanted.node_list.value.extend(outputs)
    described.collection_def["train_op"].CopyFrom(wanted)
    return tf_optimizer.OptimizeGraph(config, described)


class _Nodes:
    """The nodes of a graph, in an order in which each comes after what it reads."""

    def __init__(self, graph: Any) -> None:
        self._versions = graph.versions
        self._nodes = {node.name: node for node in graph.node}
        self.constants = {
            node.name: _narrow(tensor_util.MakeNdarray(node.attr["value"].tensor))
            for node in graph.node
            if node.op == "Const"
        }

    def spell_out(self) -> None:
        """Say 1 - Erf(x) where the graph says Erfc(x), which TensorFlow.js does not know."""
        spelt: dict[str, Any] = {}
        for node in self._nodes.values():
            if node.op == "Erfc":
                one = type(node)(name=f"{node.name}/one", op="Const")
                inner = type(node)(name=f"{node.name}/erf", op="Erf", input=list(node.input))
                outer = type(node)(name=node.name, op="Sub", input=[one.name, inner.name])
                for made in (inner, outer):
                    made.attr["T"].CopyFrom(node.attr["T"])
                self.constants[one.name] = np.ones((), np.float32)
                spelt |= {one.name: one, inner.name: inner, outer.name: outer}
            else:
                spelt[node.name] = node
        self._nodes = spelt

    def fold_scales(self) -> None:
        """Multiply the weights of a convolution by the constant scale of its channels after it."""
        for multiply, convolution, scale in self._after_convolutions("Mul"):
            name = convolution.input[1]
            weights = self.constants[name]
            last = weights.shape[2:] if convolution.op.startswith("Depth") else weights.shape[3:]
            self.constants[name] = weights * scale.reshape(last)
            self._replace(multiply, convolution)

    def fuse(self) -> None:
        """Give a convolution the bias and the activation that follow it."""
        for add, convolution, bias in self._after_convolutions("AddV2", "BiasAdd"):
            bias_name = next(name for name in add.input if name in self.constants)
            self.constants[bias_name] = bias.reshape(-1)
            self._replace(add, convolution, operations=["BiasAdd"], bias=bias_name)
        readers = self._readers()
        for node in list(self._nodes.values()):
            before = self._nodes.get(node.input[0]) if node.op in _ACTIVATIONS else None
            if before is None or before.op not in _FUSED.values() or readers[before.name] > 1:
                continue
            if list(before.attr["fused_ops"].list.s) == [b"BiasAdd"]:
                self._replace(node, before, operations=["BiasAdd", node.op], bias=before.input[2])

    def to_json(self) -> Mapping[str, Any]:
        """Return the GraphDef as JSON values, without values and private attributes."""
        graph = tf.compat.v1.GraphDef(versions=self._versions)
        read = set(self._readers())
        for node in self._nodes.values():
            if node.op == "Const" and node.name not in read:
                continue  # Folded into another.
            kept = graph.node.add()
            kept.CopyFrom(node)
            for name in [name for name in kept.attr if name.startswith("_")]:
                del kept.attr[name]
            if node.op == "Const":
                value = self.constants[node.name]
                empty = tf.make_tensor_proto(value.reshape(-1)[:0], shape=(0,))
                empty.tensor_shape.CopyFrom(tf.TensorShape(value.shape).as_proto())
                kept.attr["value"].tensor.CopyFrom(empty)
                kept.attr["dtype"].type = empty.dtype
        self.constants = {name: value for name, value in self.constants.items() if name in read}
        found: Mapping[str, Any] = MessageToDict(graph)
        return found

    def _after_convolutions(self, *operations: str) -> Iterator[tuple[Any, Any, np.ndarray]]:
        """Yield operations with a constant for each channel, and the convolution they alone read.

        The graph may change between two of them.
        """
        for node in list(self._nodes.values()):
            if node.op not in operations:
                continue
            readers = self._readers()
            data, constant = sorted(node.input, key=lambda name: name in self.constants)[:2]
            before, value = self._nodes.get(data), self.constants.get(constant)
            if (
                before is None
                or value is None
                or before.op not in _FUSED
                or readers[before.name] > 1
                or readers[before.input[1]] > 1  # The same weights in two places.
                or before.input[1] not in self.constants
            ):
                continue
            weights = self.constants[before.input[1]]
            depthwise = before.op.startswith("Depth")
            channels = weights.shape[2] * weights.shape[3] if depthwise else weights.shape[3]
            if value.shape and value.size == value.shape[-1] == channels:
                yield node, before, value

    def _readers(self) -> Counter[str]:
        """Return how many inputs name each node."""
        return Counter(name.lstrip("^") for node in self._nodes.values() for name in node.input)

    def _replace(
        self, node: Any, convolution: Any, *, operations: Sequence[str] = (), bias: str = ""
    ) -> None:
        """Let a convolution stand where `node` stood, under its name, and its own place go."""
        made = type(node)(name=node.name, op=convolution.op, input=list(convolution.input[:2]))
        for name in sorted(_KEPT & set(convolution.attr)):
            made.attr[name].CopyFrom(convolution.attr[name])
        if operations:
            made.op = _FUSED.get(convolution.op, convolution.op)
            made.input.append(bias)
            made.attr["fused_ops"].list.s.extend(one.encode() for one in operations)
            made.attr["num_args"].i = 1
        self._nodes[node.name] = made
        del self._nodes[convolution.name]


def _narrow(value: np.ndarray) -> np.ndarray:
    """Return a constant in a type that browsers' runtimes have."""
    return value.astype(np.int32) if value.dtype == np.int64 else value
