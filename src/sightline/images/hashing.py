"""Digests of pictures: one for the same pixels, one for the same picture."""

from __future__ import annotations

import hashlib

import numpy as np


def pixel_digest(pixels: np.ndarray) -> str:
    """Return the SHA-256 of a picture's shape and pixels (uint8, any layout)."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
