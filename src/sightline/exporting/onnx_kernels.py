"""The layers of an ONNX graph that have kernels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sightline.exporting.kernels import Grid, Steps
from sightline.exporting.onnx import PURPOSE
from sightline.files import load_module

KERNELS = ("Conv", "Gemm", "MatMul")
_BIASED = ("Conv", "Gemm")
_USUAL = Grid(bits=7, levels=64)
"""With 8 bits, sums of two products overflow in the 8-bit instructions of CPUs without VNNI, so
that one file gives other answers there: embeddings were off by 0.82 of their spread, and 0.32 with
7 bits (0.25 with 8 bits where nothing overflows, which is as slow as float there)."""
_DEPTHWISE = Grid(bits=8, levels=127)
"""Depthwise convolutions add up in 32 bits everywhere. Few weights make up each of their sums, so
that the eighth bit counts: embeddings off by 0.19 instead of 0.35 (fine-tuned MobileNetV2)."""


def layers_of(graph: Any, in_float: Collection[str]) -> list[_Layer]:
    """Return the layers of an `onnx.GraphProto` whose kernels get few bits.

    Args:
        graph: In float32.
        in_float: Names of nodes that stay so, and with them the kernels that they share.
    """
    depthwise = depthwise_kernels(graph)
    kept = {name for node in graph.node if node.name in in_float for name in node.input}
    kernels = {tensor.name: tensor for tensor in graph.initializer if tensor.name not in kept}
    return [
        _Layer(
            graph=graph,
            node=node,
            tensor=kernels[node.input[1]],
            grid=_DEPTHWISE if node.input[1] in depthwise else _USUAL,
        )
        for node in graph.node
        if node.op_type in KERNELS and node.name not in in_float and node.input[1] in kernels
    ]


def depthwise_kernels(graph: Any) -> set[str]:
    """Return the names of kernels that have one plane for each channel."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    found = set()
    for node in graph.node:
        shape = shapes.get(node.input[1]) if node.op_type == "Conv" else None
        groups = next((one.i for one in node.attribute if one.name == "group"), 1)
        if shape is not None and shape[0] == groups > 1 and shape[1] == 1:
            found.add(node.input[1])
    return found


def channel_axis(node: Any, kernel: np.ndarray) -> int:
    """Return which axis of a node's kernel counts its own channels."""
    transposed = any(one.name == "transB" and one.i for one in node.attribute)
    return 0 if node.op_type == "Conv" or transposed else kernel.ndim - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class _Layer:
    """A `kernels.KernelLayer`.

    Attributes:
        graph: `onnx.GraphProto`.
        node: Of it.
        tensor: Its kernel.
        grid: That of its kernel.
    """

    graph: Any
    node: Any
    tensor: Any
    grid: Grid

    @property
    def values(self) -> str:
        return str(self.node.input[0])

    @property
    def place(self) -> str:
        return str(self.tensor.name)

    @property
    def kernel(self) -> np.ndarray:
        array: np.ndarray = _helper().to_array(self.tensor)
        return np.moveaxis(array, channel_axis(self.node, array), 0)

    def steps(self, sizes: Sequence[int]) -> list[Steps]:
        if self.node.op_type != "Conv":
            return []
        helper = load_module("onnx.helper", purpose=PURPOSE)
        given = {one.name: helper.get_attribute_value(one) for one in self.node.attribute}
        taps = self.kernel.shape[2:]
        ones = [1] * len(taps)
        strides, dilations = given.get("strides", ones), given.get("dilations", ones)
        if given.get("auto_pad", b"NOTSET") == b"SAME_UPPER":  # as TensorFlow's
            return [
                Steps.same(*one, stride=stride, dilation=dilation)
                for one, stride, dilation in zip(
                    zip(sizes, taps, strict=True), strides, dilations, strict=True
                )
            ]
        pads = given.get("pads", [0] * 2 * len(taps))
        before, after = pads[: len(taps)], pads[len(taps) :]
        names = ("stride", "dilation", "before", "after")
        return [
            Steps(**dict(zip(names, one, strict=True)))
            for one in zip(strides, dilations, before, after, strict=True)
        ]

    def set_kernel(self, kernel: np.ndarray) -> None:
        array = np.moveaxis(kernel, 0, channel_axis(self.node, kernel))
        self.tensor.CopyFrom(_helper().from_array(np.ascontiguousarray(array), self.place))

    @property
    def biased(self) -> bool:
        computed = {name for node in self.graph.node for name in node.output}
        scaled = any(one.name in ("alpha", "beta") and one.f != 1 for one in self.node.attribute)
        return self.node.op_type in _BIASED and not (scaled or computed & set(self.node.input[2:]))

    @property
    def bias(self) -> np.ndarray:
        channels = len(self.kernel)
        for tensor in self.graph.initializer:
            if tensor.name in self.node.input[2:]:
                return np.broadcast_to(_helper().to_array(tensor).reshape(-1), channels)
        return np.zeros(channels, np.float32)

    def set_bias(self, bias: np.ndarray) -> None:
        # In a tensor of its own: layers share those that are alike.
        name = f"{self.node.output[0]}/bias"
        self.graph.initializer.append(_helper().from_array(bias.astype(np.float32), name))
        self.node.input[:] = [*self.node.input[:2], name]


def _helper() -> Any:
    return load_module("onnx.numpy_helper", purpose=PURPOSE)
