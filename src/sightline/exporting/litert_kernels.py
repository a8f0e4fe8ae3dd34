"""The layers of a LiteRT graph in float as its quantiser needs them for 8 bits.

The quantiser can cut off kernels, too, but gives a channel of nothing but zeros steps of 0; and
XNNPACK, which computes all others, leaves such a layer to slow code: three of them made MobileNetV2
take 1.5 times as long. Of biases it takes what fits, and it leaves them as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from sightline.exporting.kernels import Grid, Steps, prepare
from sightline.exporting.tflite_file import read_graph, written
from sightline.exporting.tuning import Rounding, Statistics

_GRID = Grid(bits=8, levels=127)


def prepared(
    content: bytes,
    names: Collection[str],
    statistics: Statistics,
    rounding: Rounding,
    *,
    whole_biases: bool = True,
) -> bytes:
    """Return the graph with some layers as they have to be for 8 bits (`kernels.prepare`).

    Args:
        content: A LiteRT file in float32.
        names: Of the layers with weights that get 8 bits, as `tuning.Layer` has them.
        statistics: Of all values.
        rounding: Whether kernels are cut off.
        whole_biases: Whether biases become whole numbers, too.
    """
    model = read_graph(content)
    layers = _layers(model)
    kept = {one.place for one in layers if one.name not in names}
    own = [one for one in layers if one.place not in kept]
    prepare(own, statistics, rounding, whole_biases=whole_biases)
    return written(model)


def _layers(model: Any) -> list[_Layer]:
    graph, found = model.subgraphs[0], []
    for operation in graph.operators:
        code = model.operatorCodes[operation.opcodeIndex].builtinCode
        if code in _CHANNELS:
            tensor = graph.tensors[operation.inputs[1]]
            constant = model.buffers[tensor.buffer].data is not None
            if constant and tensor.type == schema.TensorType.FLOAT32:
                found.append(_Layer(model=model, operation=operation, channels=_CHANNELS[code]))
    return found


_CHANNELS = {
    schema.BuiltinOperator.CONV_2D: (0, 3),
    schema.BuiltinOperator.DEPTHWISE_CONV_2D: (3, 0),
    schema.BuiltinOperator.FULLY_CONNECTED: (0, 1),
}
"""Axes of a kernel: of its own channels, and of those of the values."""


@dataclass(frozen=True, kw_only=True)
class _Layer:
    """A `kernels.KernelLayer`.

    Attributes:
        model: `ModelT`.
        operation: Of its one graph.
        channels: Of `_CHANNELS`.
    """

    model: Any
    operation: Any
    channels: tuple[int, int]

    @property
    def name(self) -> str:
        return self._name(self.operation.outputs[0])

    @property
    def grid(self) -> Grid:
        return _GRID

    @property
    def values(self) -> str:
        return self._name(self.operation.inputs[0])

    @property
    def place(self) -> int:
        return int(self._tensor(1).buffer)

    @property
    def kernel(self) -> np.ndarray:
        return np.moveaxis(self._array(1), self.channels, (0, 1))

    def steps(self, sizes: Sequence[int]) -> list[Steps]:
        options = self.operation.builtinOptions
        if not hasattr(options, "padding"):
            return []
        strides = (options.strideH, options.strideW)
        dilations = (options.dilationHFactor, options.dilationWFactor)
        if options.padding == schema.Padding.VALID:
            return [Steps(stride=a, dilation=b) for a, b in zip(strides, dilations, strict=True)]
        return [
            Steps.same(size, count, stride=stride, dilation=dilation)
            for size, count, stride, dilation in zip(
                sizes, self.kernel.shape[2:], strides, dilations, strict=True
            )
        ]

    def set_kernel(self, kernel: np.ndarray) -> None:
        array = np.ascontiguousarray(np.moveaxis(kernel, (0, 1), self.channels))
        self.model.buffers[self.place].data = array.reshape(-1).view(np.uint8)

    @property
    def biased(self) -> bool:
        return True

    @property
    def bias(self) -> np.ndarray:
        if len(self.operation.inputs) < 3 or self.operation.inputs[2] < 0:
            return np.zeros(len(self.kernel), np.float32)
        return self._array(2)

    def set_bias(self, bias: np.ndarray) -> None:
        data = bias.astype(np.float32).view(np.uint8)
        graph, inputs = self.model.subgraphs[0], self.operation.inputs
        if len(inputs) > 2 and inputs[2] >= 0 and not self._shared(inputs[2]):
            self.model.buffers[graph.tensors[inputs[2]].buffer].data = data
            return
        buffer, tensor = schema.BufferT(), schema.TensorT()
        buffer.data = data
        tensor.name = f"{self.name}/bias".encode()
        tensor.shape, tensor.type = [len(bias)], schema.TensorType.FLOAT32
        tensor.buffer = len(self.model.buffers)
        self.model.buffers.append(buffer)
        self.operation.inputs = [*inputs[:2], len(graph.tensors)]
        graph.tensors.append(tensor)

    def _shared(self, index: int) -> bool:
        """Whether other layers have a tensor, too, or its buffer: those that are alike are one."""
        graph = self.model.subgraphs[0]
        buffer = graph.tensors[index].buffer
        places = [number for number, one in enumerate(graph.tensors) if one.buffer == buffer]
        uses = sum(list(one.inputs).count(place) for one in graph.operators for place in places)
        return uses > 1

    def _tensor(self, place: int) -> Any:
        return self.model.subgraphs[0].tensors[self.operation.inputs[place]]

    def _name(self, index: int) -> str:
        return str(self.model.subgraphs[0].tensors[index].name.decode())

    def _array(self, place: int) -> np.ndarray:
        tensor = self._tensor(place)
        data = self.model.buffers[tensor.buffer].data
        array: np.ndarray = data.view(np.float32).reshape(tensor.shape)
        return array
