"""What can be set when a LiteRT graph gets 8 bits: the ways that `export --quantize auto` tries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Rounding = Literal["minmax", "octav"]
"""How the grid of a kernel is chosen: from its largest value, or where the error is least (C. Sakr
et al., "Optimal Clipping and Magnitude-aware Differentiation for Improved Quantization-aware
Training", ICML 2022)."""

Ranges = Mapping[str, tuple[float, float]]
"""The least and the greatest value of each tensor."""


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
