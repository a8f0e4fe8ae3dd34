"""Golden vectors: what lets any client, on any platform, check itself against a bundle.

Three kinds. Pixels to outputs: does this runtime compute the same function? PNG files to
pixels: are decoding, orientation, colour policy and resizing the same (exact with the
pinned decoder, within one level elsewhere)? JPEG files to pixels: the same where decoders
may differ, so with a tolerance and the decoder's version.

All are drawn, not taken from the training data: an artefact that travels must not carry
its owner's images.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image
from safetensors.numpy import save as save_tensors

from sightline.images import decoder_version, preprocess
from sightline.inference.runner import Runner

PNG_TOLERANCE = 1
JPEG_TOLERANCE = 12
"""Levels of 255. Inverse DCTs may differ by one level before colour conversion and chroma
upsampling, and scaled decoding at sharp edges by more; a swapped channel or a missed rotation
moves pixels by a hundred."""

_PIXELS = "pixels"
_PER_KIND = 4


@dataclass(frozen=True, kw_only=True)
class Golden:
    """Golden vectors ready to be stored.

    Attributes:
        tensors: safetensors bytes: `pixels`, `probabilities`, `logits`, and for each file
            `<file name>` → uint8 (height, width, channels).
        files: The image files by member name.
        decoder: The decoder's version when the pixels were made.
    """

    tensors: bytes
    files: Mapping[str, bytes]
    decoder: str


@dataclass(frozen=True, kw_only=True)
class GoldenCheck:
    """Largest differences found against golden vectors.

    Attributes:
        probabilities: Largest |Δp|.
        png: Largest difference in levels over the PNG files.
        jpeg: Largest difference in levels over the JPEG files.
    """

    probabilities: float
    png: int
    jpeg: int


def make_golden(runner: Runner) -> Golden:
    """Draw pictures and record what `runner` and its preprocessing make of them."""
    preprocessing = runner.preprocessing
    shape = (_PER_KIND, preprocessing.height, preprocessing.width, preprocessing.channels)
    pixels = np.stack([_drawing(shape[1], shape[2], shape[3], seed) for seed in range(_PER_KIND)])
    outputs = runner.run(pixels)
    files = _files()
    tensors = {name: preprocess(data, preprocessing).pixels for name, data in files.items()}
    tensors |= {
        _PIXELS: pixels,
        "probabilities": outputs.probabilities,
        "logits": outputs.logits,
    }
    return Golden(tensors=save_tensors(tensors), files=files, decoder=decoder_version())


def check_golden(
    runner: Runner, tensors: Mapping[str, np.ndarray], files: Mapping[str, bytes]
) -> GoldenCheck:
    """Run the golden vectors again and return the largest differences."""
    outputs = runner.run(tensors[_PIXELS])
    levels = {
        name: _levels(preprocess(data, runner.preprocessing).pixels, tensors[name])
        for name, data in files.items()
    }
    return GoldenCheck(
        probabilities=float(np.abs(outputs.probabilities - tensors["probabilities"]).max()),
        png=max(value for name, value in levels.items() if name.endswith(".png")),
        jpeg=max(value for name, value in levels.items() if name.endswith(".jpg")),
    )


def _levels(given: np.ndarray, expected: np.ndarray) -> int:
    return int(np.abs(given.astype(np.int16) - expected.astype(np.int16)).max())


def _drawing(height: int, width: int, channels: int, seed: int) -> np.ndarray:
    """Return a gradient with blocks and noise: smooth, sharp and rough parts in one picture."""
    rng = np.random.Generator(np.random.PCG64(seed))
    across = np.linspace(0, 255, width)[None, :, None]
    down = np.linspace(255, 0, height)[:, None, None]
    slope = rng.uniform(0, 1, channels)
    picture = across * slope + down * (1 - slope)
    for _ in range(6):
        top, left = int(rng.integers(0, height)), int(rng.integers(0, width))
        picture[top : top + height // 3 + 1, left : left + width // 3 + 1] = rng.uniform(
            0, 255, channels
        )
    picture = picture + rng.normal(0, 12, picture.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _files() -> dict[str, bytes]:
    """Return small files that catch what clients get wrong: orientation, alpha, 16 bit, grey."""
    colour = Image.fromarray(_drawing(48, 64, 3, seed=10))
    alpha = Image.fromarray(_drawing(40, 40, 4, seed=11))
    grey = Image.fromarray(_drawing(33, 57, 1, seed=12)[:, :, 0])
    deep = Image.fromarray(_drawing(30, 30, 1, seed=13)[:, :, 0].astype(np.uint16) * 257)
    rotated = Image.Exif()
    rotated[0x0112] = 6  # TIFF tag Orientation: turn clockwise to show
    large = Image.fromarray(_drawing(480, 640, 3, seed=14))
    return {
        "golden/colour.png": _encode(colour, "PNG"),
        "golden/alpha.png": _encode(alpha, "PNG"),
        "golden/grey.png": _encode(grey, "PNG"),
        "golden/sixteen_bit.png": _encode(deep, "PNG"),
        "golden/rotated.png": _encode(colour, "PNG", exif=rotated),
        "golden/colour.jpg": _encode(colour, "JPEG"),
        "golden/rotated.jpg": _encode(colour, "JPEG", exif=rotated),
        "golden/grey.jpg": _encode(grey, "JPEG"),
        "golden/large.jpg": _encode(large, "JPEG"),
    }


def _encode(image: Image.Image, kind: str, *, exif: Image.Exif | None = None) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, exif=exif if exif is not None else Image.Exif(), **_ENCODING[kind])
    return stream.getvalue()


_ENCODING = {"PNG": {"compress_level": 9}, "JPEG": {"quality": 90}}
