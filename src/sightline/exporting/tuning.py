"""What can be set when a graph gets 8 bits: the ways that `export --quantize auto` tries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

Rounding = Literal["minmax", "octav"]
"""How the grid of a kernel is chosen: from its largest value, or where the error is least (C. Sakr
et al., "Optimal Clipping and Magnitude-aware Differentiation for Improved Quantization-aware
Training", ICML 2022)."""

Ranges = Mapping[str, tuple[float, float]]
"""The least and the greatest value of each tensor."""


_COVERED = 0.95
"""Share of the images whose values are not cut off. One odd image would make the grid of all others
coarse; and where images differ much, means of their ranges would cut off half of them. On photos
that hardly matters: mean |Δp| 0.0095 with means, 0.0096 with 0.95 and 0.0101 with all (ONNX,
fine-tuned MobileNetV2, 341 validation images)."""


def ranges_of(names: Sequence[str], limits: Iterable[np.ndarray]) -> Ranges:
    """Return the range of each tensor, from what images show.

    Args:
        names: Of the tensors.
        limits: For each image, the least and the greatest value of each tensor, (tensors, 2).

    Raises:
        ValueError: There is no image.
    """
    shown = list(limits)
    if not shown:
        raise ValueError("no samples")
    lowest, highest = np.moveaxis(np.stack(shown), 2, 0)
    low = np.quantile(lowest, 1 - _COVERED, axis=0)
    high = np.quantile(highest, _COVERED, axis=0)
    return dict(zip(names, zip(low.tolist(), high.tolist(), strict=True), strict=True))


@dataclass(frozen=True, kw_only=True, eq=False)
class Tuning:
    """How a graph is given 8 bits.

    Attributes:
        rounding: How the grid of a kernel is chosen.
        in_float: Names of layers that stay in float.
        ranges: Which values occur; found from training images where it is None.
    """

    rounding: Rounding = "octav"
    in_float: tuple[str, ...] = ()
    ranges: Ranges | None = None


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One operation of a graph.

    Attributes:
        name: What `Tuning.in_float` takes.
        kind: As its format calls it, for example `"CONV_2D"`.
        title: For people, as its network calls it.
        weighted: Whether it has weights.
        after: Whether it comes after the embedding, or gives it, and keeps values in float.
    """

    name: str
    kind: str
    title: str
    weighted: bool
    after: bool = False


class TunableGraph(Protocol):
    """A network as a graph in float32, which can be given 8 bits in several ways."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The operations that may have 8 bits, in their order."""

    def ranges(self, samples: Iterable[np.ndarray]) -> Ranges:
        """Return which values occur for real pixels, uint8 (height, width, channels)."""

    def logits(self, pixels: np.ndarray, tuning: Tuning | None = None) -> np.ndarray:
        """Return logits, float32 (n, k), in 8 bits as tuned; in float where it is None."""
