"""What one side makes of image files: the shape that comparing two decoders needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one side made of one image file.

    Attributes:
        pixels: What the network was given, uint8 (height, width, channels); `None` where that
            side does not show it.
        probabilities: Its answer, float32 (k,); `None` where it gives none.
        refused: Why it took no such file; empty where it took it.
    """

    pixels: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    refused: str = ""


FileReader = Callable[[Sequence[bytes]], Sequence[Reading]]
"""Reads the content of some files: one `Reading` for each, in their order. Never raises for a file
that it does not take."""
