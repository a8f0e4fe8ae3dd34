"""The answer of a method for one image and class, with all that is needed to draw or judge it."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sightline.errors import unknown_name
from sightline.explanation.colours import blend
from sightline.explanation.resampling import enlarge, put_back
from sightline.files import free_path, printable, write_bytes
from sightline.images import Preprocessing, placement
from sightline.models.options import Value
from sightline.predictions import Label

SUFFIXES = (".png", ".npy")
_CELLS = 28
"""A signed map is drawn in means over this many cells along the shorter side: the sign of single
pixels changes from neighbour to neighbour, and a picture of them shows grey."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Heatmap:
    """Where a model looked.

    Attributes:
        name: The image.
        answer: What the model says of it by its rules, as `Predictions.answers`: it may be unsure.
        method: Name of the method.
        label: The class that is explained.
        probability: What the model gives that class.
        values: float32 (height, width), for each pixel of the model's input how much it speaks
            for the class; below zero against it, where `signed`. In the method's own unit.
        signed: Whether values may be below zero.
        options: The method's, all of them.
        facts: What the method says of its own work, by name.
        pixels: uint8 (height, width, channels): the model's input.
        photo: uint8 (H, W, 3): the upright picture that the input was made of.
        preprocessing: How.
    """

    name: str
    answer: Label
    method: str
    label: str
    probability: float
    values: np.ndarray
    signed: bool
    options: Mapping[str, Value]
    facts: Mapping[str, float]
    pixels: np.ndarray
    photo: np.ndarray
    preprocessing: Preprocessing

    @property
    def empty(self) -> bool:
        """Whether the method found nothing: all values are zero."""
        return not self.values.any()

    def on_photo(self) -> np.ndarray:
        """Return the values where they are in the photo: float32 (H, W), NaN outside the input."""
        return self._put_back(self.values)

    def coarse(self) -> np.ndarray:
        """Return the values as means over cells of a 28th of the shorter side, same shape."""
        height, width = self.values.shape
        cell = max(1, min(height, width) // _CELLS)
        small = Image.fromarray(self.values).reduce(cell)
        return enlarge(np.asarray(small), height, width)

    def overlay(self, on: str = "photo") -> np.ndarray:
        """Return the picture with the map over it, uint8 (H, W, 3).

        Args:
            on: `"photo"`, the picture as it was given, or `"input"`, as the model saw it. What
                the model did not see of a photo is pale.

        Raises:
            ConfigError: `on` is neither.
        """
        if on not in ("photo", "input"):
            raise unknown_name("picture", on, ("photo", "input"))
        values = self.coarse() if self.signed else self.values
        if on == "photo":
            return blend(self.photo, self._put_back(values), signed=self.signed)
        picture = np.broadcast_to(self.pixels, (*self.pixels.shape[:2], 3))
        return blend(picture, values, signed=self.signed)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the overlay on the photo (`.png`) or the values (`.npy`), atomically.

        Raises:
            ConfigError: The suffix is another, or the file exists and `overwrite` is false.
            MachineError: The file cannot be written.
        """
        target = free_path(
            Path(path), suffixes=SUFFIXES, overwrite=overwrite, option="overwrite=True"
        )
        content = io.BytesIO()
        if target.suffix.lower() == ".npy":
            np.save(content, self.values, allow_pickle=False)
        else:
            Image.fromarray(self.overlay()).save(content, "PNG")
        write_bytes(target, content.getvalue())
        return target

    def to_json(self) -> dict[str, Any]:
        """Return everything but the arrays, as JSON values."""
        return {
            "name": printable(self.name),
            "answer": list(self.answer) if isinstance(self.answer, tuple) else self.answer,
            "method": self.method,
            "class": self.label,
            "probability": _shortest(self.probability),
            "signed": self.signed,
            "empty": self.empty,
            "height": self.values.shape[0],
            "width": self.values.shape[1],
            "lowest": _shortest(self.values.min()),
            "highest": _shortest(self.values.max()),
            "options": dict(self.options),
            "facts": dict(self.facts),
        }

    def _put_back(self, values: np.ndarray) -> np.ndarray:
        height, width, _ = self.photo.shape
        return put_back(values, placement(height, width, self.preprocessing), height, width)


def _shortest(value: float) -> float:
    return float(str(np.float32(value)))
