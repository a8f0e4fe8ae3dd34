"""Which channels of a network belong together, read off its graph.

Layers whose outputs are added or multiplied share their channels: a channel can only be cut out
of all of them, and of whatever passes it on unchanged (normalisation, activation, pooling,
depthwise convolution). Such a set of channels is a *space*. What the walk does not know keeps
its channels: a space that touches it is closed.

After the dependency graphs of Fang et al. 2023, "DepGraph: Towards Any Structural Pruning"
(arXiv:2301.12900), for the layers that networks of the catalogue have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from sightline.models.layers import MeanOfViews, MirrorViews
from sightline.models.narrow import outputs_of

Kept = Mapping[int, np.ndarray]
"""For a space the channels that stay, int64, ascending; spaces not named keep all."""


@dataclass(frozen=True)
class Layout:
    """Whose channels lie along the last axis of a tensor.

    Attributes:
        spaces: One after the other: a concatenation has several.
        repeats: How often they follow each other: flattening repeats them at every position.
    """

    spaces: tuple[int, ...]
    repeats: int = 1


@dataclass(frozen=True)
class Place:
    """A layer with weights, and whose channels it reads and writes.

    Attributes:
        layer: The layer.
        reads: Of its inputs.
        writes: Of its outputs.
    """

    layer: keras.Layer
    reads: Layout
    writes: Layout


@dataclass
class Channels:
    """The spaces of a network.

    Attributes:
        places: Its layers with weights, from pixels to the head.
        widths: The number of channels of each space.
    """

    places: list[Place] = field(default_factory=list)
    widths: dict[int, int] = field(default_factory=dict)
    _same: dict[int, int] = field(default_factory=dict)
    _closed: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, model: keras.Model) -> Channels:
        """Return the spaces of a model that `models.build` made."""
        channels = cls()
        layouts: dict[int, Layout] = {}
        for operation in model.operations:
            inputs = _tensors(operation.input) if _is_used_once(operation) else []
            known = [layouts[id(tensor)] for tensor in inputs if id(tensor) in layouts]
            written = channels._written(operation, inputs, known)
            for node in operation._inbound_nodes:
                for tensor in node.output_tensors:
                    layouts[id(tensor)] = written or channels._new(tensor.shape[-1], closed=True)
            if written is None:
                channels._close(known)
        for tensor in model.outputs:
            if tensor is not model.output.get("embedding"):
                channels._close([layouts[id(tensor)]])
        channels._settle()
        return channels

    @property
    def open(self) -> tuple[int, ...]:
        """The spaces that may lose channels."""
        closed = {self._root(space) for space in self._closed}
        return tuple(space for space in self.widths if space not in closed)

    def kept(self, layout: Layout, kept: Kept) -> np.ndarray:
        """Return which places along an axis of this layout stay: int64, ascending."""
        parts, offset = [], 0
        for space in layout.spaces:
            width = self.widths[space]
            parts.append(offset + kept.get(space, np.arange(width)))
            offset += width
        once = np.concatenate(parts)
        return np.concatenate([once + turn * offset for turn in range(layout.repeats)])

    def _written(
        self, operation: Any, inputs: Sequence[Any], known: Sequence[Layout]
    ) -> Layout | None:
        """Return whose channels an operation gives; None where that is not known."""
        if isinstance(operation, keras.layers.InputLayer):
            return self._new(operation.output.shape[-1], closed=True)
        if len(known) != len(inputs) or not known:
            return None
        if isinstance(operation, keras.layers.Concatenate):
            return _joined(operation, known)
        if len(known) > 1:
            return self._tied(operation, inputs, known)
        layout = self._of_one(operation, inputs[0], known[0])
        if layout is not None and getattr(operation, "weights", None):
            self.places.append(Place(operation, known[0], layout))
        return layout

    def _of_one(self, operation: Any, tensor: Any, read: Layout) -> Layout | None:
        if outputs_of(operation) is not None and getattr(operation, "groups", 1) == 1:
            return self._new(operation.output.shape[-1], closed=False)
        if isinstance(operation, keras.layers.Flatten):
            positions = int(np.prod(tensor.shape[1:-1]))
            return Layout(read.spaces, read.repeats * positions)
        passes = type(operation) in _PASSING and _PASSING[type(operation)](operation)
        return read if passes or _is_scalar_arithmetic(operation) else None

    def _tied(
        self, operation: Any, inputs: Sequence[Any], known: Sequence[Layout]
    ) -> Layout | None:
        """Return the layout of a sum or product, whose operands must lose the same channels."""
        if type(operation).__name__ not in _TYING:
            return None
        full = [
            layout for tensor, layout in zip(inputs, known, strict=True) if tensor.shape[-1] != 1
        ]
        if not full:
            return None
        widths = {(tuple(self.widths[space] for space in one.spaces), one.repeats) for one in full}
        if len(widths) > 1:
            return None
        for other in full[1:]:
            for one, two in zip(full[0].spaces, other.spaces, strict=True):
                self._same[self._root(two)] = self._root(one)
        return full[0]

    def _new(self, width: int, *, closed: bool) -> Layout:
        space = len(self._same)
        self._same[space] = space
        self.widths[space] = width
        if closed:
            self._closed.add(space)
        return Layout((space,))

    def _close(self, layouts: Iterable[Layout]) -> None:
        self._closed.update(space for layout in layouts for space in layout.spaces)

    def _root(self, space: int) -> int:
        while self._same[space] != space:
            space = self._same[space]
        return space

    def _settle(self) -> None:
        """Name every space by its root."""

        def settled(layout: Layout) -> Layout:
            return Layout(tuple(map(self._root, layout.spaces)), layout.repeats)

        self.places = [
            Place(place.layer, settled(place.reads), settled(place.writes)) for place in self.places
        ]
        self.widths = {s: width for s, width in self.widths.items() if self._root(s) == s}


def _joined(operation: Any, known: Sequence[Layout]) -> Layout | None:
    rank = len(operation.output.shape)
    if operation.axis not in (-1, rank - 1) or any(layout.repeats != 1 for layout in known):
        return None
    return Layout(tuple(space for layout in known for space in layout.spaces))


def _tensors(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _is_used_once(operation: Any) -> bool:
    return len(operation._inbound_nodes) == 1 and not isinstance(operation, keras.layers.InputLayer)


def _always(operation: Any) -> bool:
    return True


def _is_over_channels(operation: Any) -> bool:
    return operation.axis in (-1, [-1], (-1,), len(operation.output.shape) - 1)


_PASSING: Mapping[type, Callable[[Any], bool]] = {
    keras.layers.Activation: lambda layer: layer.get_config()["activation"] != "softmax",
    keras.layers.AveragePooling2D: _always,
    keras.layers.BatchNormalization: _is_over_channels,
    keras.layers.Cropping2D: _always,
    keras.layers.DepthwiseConv2D: lambda layer: layer.depth_multiplier == 1,
    keras.layers.Dropout: _always,
    keras.layers.GlobalAveragePooling2D: _always,
    keras.layers.GlobalMaxPooling2D: _always,
    keras.layers.MaxPooling2D: _always,
    keras.layers.ReLU: _always,
    keras.layers.Rescaling: lambda layer: np.ndim(layer.scale) == np.ndim(layer.offset) == 0,
    keras.layers.Reshape: lambda layer: layer.target_shape[:-1] == (1, 1),
    keras.layers.SpatialDropout2D: _always,
    keras.layers.UpSampling2D: _always,
    keras.layers.ZeroPadding2D: _always,
    MeanOfViews: _always,
    MirrorViews: _always,
}
"""Layers that give for each channel one channel, and when they do."""

_TYING = ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract")
"""Layers, and operations of `keras.ops`, that combine channels of the same number."""


def _is_scalar_arithmetic(operation: Any) -> bool:
    """Return whether an operation of `keras.ops` computes with a tensor and single numbers."""
    if isinstance(operation, keras.Layer) or type(operation).__name__ not in _TYING:
        return False
    arguments = operation._inbound_nodes[0].arguments
    values = keras.tree.flatten([arguments.args, arguments.kwargs])
    others = [value for value in values if not isinstance(value, keras.KerasTensor)]
    return all(np.ndim(value) == 0 for value in others)
