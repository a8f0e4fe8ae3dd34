"""Pictures that say nothing: what stands for a pixel that is taken away."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageFilter

_BLUR = 8
"""The blur's radius is the shorter side over this: shapes go, colours and light stay."""


def _black(pixels: np.ndarray) -> np.ndarray:
    return np.zeros_like(pixels)


def _mean(pixels: np.ndarray) -> np.ndarray:
    colour = np.rint(pixels.mean(axis=(0, 1))).astype(np.uint8)
    return np.broadcast_to(colour, pixels.shape)


def _blurred(pixels: np.ndarray) -> np.ndarray:
    grey = pixels.shape[2] == 1
    image = Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if grey else pixels))
    blurred = np.asarray(image.filter(ImageFilter.GaussianBlur(min(image.size) / _BLUR)))
    return blurred[:, :, None] if grey else blurred


BASELINES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "black": _black,
    "blurred": _blurred,
    "mean": _mean,
}
"""From uint8 pixels (h, w, c) to others of the same shape."""
