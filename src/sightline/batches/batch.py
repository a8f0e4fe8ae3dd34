"""What one training step takes, and what it is taken from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class Batch:
    """b images with what they should be.

    Attributes:
        pixels: uint8 (b, height, width, channels), or what `TrainingBatches.prepare` made of it.
        targets: float32 (b, k), 0 and 1, or between them after mixing.
        weights: float32 (b,), how much each image counts in the loss.
        taught: float32 (b, k), a teacher's logits for the same views; `None` without a teacher.
    """

    pixels: npt.NDArray[np.uint8]
    targets: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    taught: npt.NDArray[np.float32] | None = None


class Rows(Protocol):
    """Arrays of one shape, taken by index: a NumPy array, or `cache.CachedRows`."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def __getitem__(self, indices: npt.NDArray[np.int64], /) -> npt.NDArray[np.uint8]:
        """Return the rows at `indices` as one array (b, ...)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Examples:
    """n images with what they should be.

    Attributes:
        pixels: Gives uint8 (b, height, width, channels) for b indices; safe in threads.
        targets: float32 (n, k), 0 and 1.
        weights: float32 (n,), from `balance.image_weights`.
        keys: uint64 (n,), `randomness.digest_keys` of the content digests.
    """

    pixels: Rows
    targets: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    keys: npt.NDArray[np.uint64]

    def __post_init__(self) -> None:
        lengths = [len(self.pixels), len(self.targets), len(self.weights), len(self.keys)]
        if len(set(lengths)) > 1:
            raise ValueError(f"pixels, targets, weights and keys differ in length: {lengths}")

    def __len__(self) -> int:
        return len(self.targets)

    def batch(self, indices: npt.NDArray[np.int64]) -> Batch:
        """Return the examples at `indices` as they are."""
        return Batch(
            pixels=self.pixels[indices],
            targets=self.targets[indices],
            weights=self.weights[indices],
        )
