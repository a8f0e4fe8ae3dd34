"""Choosing which channels go, and cutting them out of the weights.

The choice is greedy: of all blocks of channels, the one that matters least for what it costs goes
first, until few enough multiply-adds are left.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from typing import NamedTuple

import keras
import numpy as np

from sightline.compression.layout import Channels, Kept, Layout, Place
from sightline.models.costs import positions_of
from sightline.models.narrow import outputs_of

_BLOCK = 8
"""Channels that go together: runtimes compute eight at a time, and fewer save little."""
_LEAST_SHARE = 1 / 8
"""Of a space that stays, whatever its channels seem to matter: none is cut through."""


class _Block(NamedTuple):
    """The channels that a space would lose next, ordered by what is lost for what is saved."""

    price: float
    space: int
    size: int
    saved: int


def choose(channels: Channels, importance: Mapping[int, np.ndarray], *, keep: float) -> Kept:
    """Return which channels stay.

    Args:
        channels: The spaces of a network.
        importance: For each open space how much each channel matters, float64 (width,).
        keep: Share of the multiply-adds that stays, at most; if the least that each space
            keeps allows it.
    """
    market = _Market(channels, importance)
    total = remaining = sum(_multiply_adds(place, market.left) for place in channels.places)
    heap = [block for space in importance if (block := market.next(space)) is not None]
    heapq.heapify(heap)
    while remaining > keep * total and heap:
        block = market.next(heapq.heappop(heap).space)
        if block is None:
            continue
        # Prices rise as neighbours become narrower: one that is still the least is the least.
        if not heap or block.price <= heap[0].price:
            market.left[block.space] -= block.size
            remaining -= block.saved
            block = market.next(block.space)
        if block is not None:
            heapq.heappush(heap, block)
    return market.kept()


class _Market:
    """What every space would lose next, given what is left of all.

    Attributes:
        left: For each space how many channels are left.
    """

    def __init__(self, channels: Channels, importance: Mapping[int, np.ndarray]) -> None:
        self.left = dict(channels.widths)
        self._widths = channels.widths
        self._importance = importance
        self._order = {s: np.argsort(values, kind="stable") for s, values in importance.items()}
        self._touching = {
            space: [
                place
                for place in channels.places
                if space in (*place.reads.spaces, *place.writes.spaces)
            ]
            for space in importance
        }

    def next(self, space: int) -> _Block | None:
        """Return the next block of a space; None where it is as narrow as it may be."""
        width, now = self._widths[space], self.left[space]
        block = min(_BLOCK, max(1, width // 4))
        size = now % block or block  # what is over goes first: then whole blocks are left
        if now - size < max(1, math.ceil(width * _LEAST_SHARE)):
            return None
        gone = self._order[space][width - now : width - now + size]
        fewer = {**self.left, space: now - size}
        saved = sum(
            _multiply_adds(place, self.left) - _multiply_adds(place, fewer)
            for place in self._touching[space]
        )
        return _Block(
            float(self._importance[space][gone].sum()) / max(saved, 1), space, size, saved
        )

    def kept(self) -> Kept:
        """Return the channels that are left, of the spaces that lost some."""
        return {
            space: np.sort(order[self._widths[space] - self.left[space] :])
            for space, order in self._order.items()
            if self.left[space] < self._widths[space]
        }


def cut(
    channels: Channels, weights: Mapping[str, np.ndarray], kept: Kept
) -> tuple[dict[str, int], dict[str, np.ndarray]]:
    """Return the widths of the narrower network (`models.architecture`) and its weights.

    Args:
        channels: The spaces of the network.
        weights: Its weights by name.
        kept: The channels that stay.
    """
    widths, narrower = {}, dict(weights)
    for place in channels.places:
        reads, writes = (channels.kept(one, kept) for one in (place.reads, place.writes))
        outputs = outputs_of(place.layer)
        if outputs is not None and len(writes) < outputs:
            widths[place.layer.name] = len(writes)
        for variable in place.layer.weights:
            name = f"{place.layer.name}/{variable.name}"
            narrower[name] = _sliced(weights[name], variable.name, place, reads, writes)
    return widths, narrower


def _sliced(
    value: np.ndarray, name: str, place: Place, reads: np.ndarray, writes: np.ndarray
) -> np.ndarray:
    if name in ("kernel", "pointwise_kernel") and outputs_of(place.layer) is not None:
        return np.ascontiguousarray(value[..., reads, :][..., writes])
    if value.ndim == 4:  # depthwise: (rows, columns, channels, 1)
        return np.ascontiguousarray(value[:, :, reads, :])
    return value[writes]  # a number for each output


def _multiply_adds(place: Place, left: Mapping[int, int]) -> int:
    """Return the multiply-adds of one layer with so many channels left."""
    layer = place.layer
    reads, writes = _count(place.reads, left), _count(place.writes, left)
    if isinstance(layer, keras.layers.SeparableConv2D):
        return positions_of(layer) * reads * (math.prod(layer.kernel_size) + writes)
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return positions_of(layer) * math.prod(layer.kernel_size) * reads
    if outputs_of(layer) is None:
        return 0
    return positions_of(layer) * math.prod(getattr(layer, "kernel_size", ())) * reads * writes


def _count(layout: Layout, left: Mapping[int, int]) -> int:
    return layout.repeats * sum(left[space] for space in layout.spaces)
