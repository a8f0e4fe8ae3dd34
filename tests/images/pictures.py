"""Pictures that the tests of this layer draw for themselves."""

from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np
from PIL import Image


def noise(height: int, width: int, channels: int = 3, *, seed: int = 0) -> np.ndarray:
    """Return random pixels: nothing compresses away, so every byte of a file carries some."""
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def smooth(height: int, width: int) -> np.ndarray:
    """Return an RGB gradient with a dark corner: survives JPEG, and has no symmetry."""
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    picture = np.stack([255 * across, 255 * down, 255 * (1 - across)], axis=2)
    picture[: height // 3, : width // 4] *= 0.25
    return picture.round().astype(np.uint8)


def encoded(picture: Image.Image | np.ndarray, kind: str, **options: Any) -> bytes:
    """Return `picture` as a file of the format `kind`."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def exif(orientation: int) -> Image.Exif:
    """Return EXIF metadata that says how to turn the picture."""
    block = Image.Exif()
    block[274] = orientation
    return block


def with_chunk(png: bytes, kind: bytes, content: bytes) -> bytes:
    """Return the PNG file `png` with one more chunk behind its header."""
    chunk = kind + content
    whole = len(content).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    return png[:33] + whole + png[33:]
