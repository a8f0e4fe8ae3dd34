"""The shape that every classifier runtime takes, so that its callers need to know none of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sightline.errors import ModelError
from sightline.images import Preprocessing
from sightline.models.rules import Rules
from sightline.predictions import Task


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What a classifier gives for n images.

    Attributes:
        probabilities: float32 (n, k); rows add up to one for multi-class.
        logits: float32 (n, k), before temperature.
        embedding: float32 (n, d), the input of the last layer; `None` where the format lost it.
        distance: float32 (n,), how far each image is from those of the training
            (`models.familiarity`); `None` where the model does not know.
    """

    probabilities: np.ndarray
    logits: np.ndarray
    embedding: np.ndarray | None = None
    distance: np.ndarray | None = None


class Runner(Protocol):
    """A classifier ready to run on pixels."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the outputs."""
        ...

    @property
    def task(self) -> Task:
        """`"multi_class"` or `"multi_label"`."""
        ...

    @property
    def rules(self) -> Rules:
        """From probabilities to answers."""
        ...

    @property
    def preprocessing(self) -> Preprocessing:
        """What makes the pixels that `run` takes."""
        ...

    def run(self, pixels: np.ndarray) -> Outputs:
        """Classify uint8 pixels (n, height, width, channels)."""
        ...


def check_pixels(pixels: np.ndarray, shape: Sequence[int]) -> None:
    """Refuse what is not uint8 (n, height, width, channels) with `shape` for the last three.

    Raises:
        ModelError: `pixels` are of another type or shape.
    """
    if pixels.dtype != np.uint8 or pixels.shape[1:] != tuple(shape):
        raise ModelError(
            f"The model was given {pixels.dtype} pixels of shape {pixels.shape}.",
            expected=f"uint8 of shape (n, {', '.join(map(str, shape))})",
            fix="make them with the model's own preprocessing",
            code="wrong_shape",
        )
