"""What one training step takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class Batch:
    """b images with what they should be.

    Attributes:
        pixels: uint8 (b, height, width, channels), or what `TrainingBatches.prepare` made of it.
        targets: float32 (b, k), 0 and 1, or between them after mixing.
        weights: float32 (b,), how much each image counts in the loss.
    """

    pixels: npt.NDArray[np.uint8]
    targets: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
