"""Golden vectors: what lets any client, on any platform, check itself against a bundle.

Three kinds. Pixels to outputs: does this runtime compute the same function? PNG files to
pixels: are decoding, orientation, colour policy and resizing the same (exact with the
pinned decoder, within one level elsewhere)? JPEG files to pixels: the same where decoders
may differ, so with a tolerance; the bundle's environment has the decoder's version.

All are drawn, not taken from the training data: an artefact that travels must not carry
its owner's images.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image
from safetensors.numpy import save as save_tensors

from sightline.errors import ModelError
from sightline.files import printable
from sightline.images import preprocess
from sightline.inference.runner import Outputs, Runner
from sightline.verification.compare import (
    FLOAT32_TOLERANCE,
    RELATIVE_TOLERANCE,
    Tolerance,
    Verification,
    compare_outputs,
    largest_difference,
    relative_difference,
)

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
    """

    tensors: bytes
    files: Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True)
class GoldenCheck:
    """Largest differences found against golden vectors.

    Attributes:
        probabilities: Largest |Δp|; infinite where there is NaN.
        logits: Largest difference of logits as a share of the largest logit.
        png: Largest difference in levels over the PNG files.
        jpeg: Largest difference in levels over the JPEG files.
    """

    probabilities: float
    logits: float
    png: int
    jpeg: int

    @property
    def passed(self) -> bool:
        """Whether runtime, decoding and preprocessing do what they did."""
        computed = self.probabilities <= FLOAT32_TOLERANCE and self.logits <= RELATIVE_TOLERANCE
        return computed and self.png <= PNG_TOLERANCE and self.jpeg <= JPEG_TOLERANCE


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
    return Golden(tensors=save_tensors(tensors), files=files)


def drawn_pixels(
    tensors: Mapping[str, np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pixels of golden vectors, and the probabilities and logits on record for them.

    Raises:
        ModelError: They are not there.
    """
    names = (_PIXELS, "probabilities", "logits")
    missing = [name for name in names if name not in tensors]
    if missing:
        raise _not_whole(missing)
    pixels, probabilities, logits = (tensors[name] for name in names)
    if not len(pixels) or not len(pixels) == len(probabilities) == len(logits):
        raise _not_whole([])
    if probabilities.ndim != 2 or probabilities.shape != logits.shape:
        raise _not_whole([])
    return pixels, probabilities, logits


def compare_drawn(
    runner: Runner, tensors: Mapping[str, np.ndarray], allowed: Tolerance
) -> Verification:
    """Run the pixels of golden vectors, and compare with the answers on record.

    Args:
        runner: To be checked.
        tensors: The golden vectors.
        allowed: How far numbers may be apart. Four drawings do not say how often answers differ,
            so that is not judged.

    Raises:
        ModelError: The vectors are not whole, or the runner takes other pixels.
    """
    pixels, probabilities, logits = drawn_pixels(tensors)
    expected = Outputs(probabilities=probabilities, logits=logits)
    given = runner.run(pixels)
    return compare_outputs(
        (runner, runner), (expected, given), tolerance=replace(allowed, agreement=0.0)
    )


def _not_whole(missing: Sequence[str]) -> ModelError:
    return ModelError(
        "The golden vectors are not whole"
        + (f": {', '.join(map(printable, missing))} missing." if missing else "."),
        expected="what make_golden made",
        fix="take another copy of the model",
        code="damaged_model",
    )


def check_golden(
    runner: Runner, tensors: Mapping[str, np.ndarray], files: Mapping[str, bytes]
) -> GoldenCheck:
    """Run the golden vectors again and return the largest differences.

    Raises:
        ModelError: The vectors are not whole, or the runner takes other pixels.
    """
    kinds = {name.rpartition(".")[2] for name in files}
    missing = sorted({_PIXELS, "probabilities", "logits", *files} - set(tensors))
    if missing or kinds != {"png", "jpg"}:
        raise _not_whole(missing)
    outputs = runner.run(tensors[_PIXELS])
    levels = {
        name: _levels(preprocess(data, runner.preprocessing).pixels, tensors[name])
        for name, data in files.items()
    }
    return GoldenCheck(
        probabilities=largest_difference(tensors["probabilities"], outputs.probabilities),
        logits=relative_difference(tensors["logits"], outputs.logits),
        png=max(value for name, value in levels.items() if name.endswith(".png")),
        jpeg=max(value for name, value in levels.items() if name.endswith(".jpg")),
    )


def _levels(given: np.ndarray, expected: np.ndarray) -> int:
    return int(min(largest_difference(expected, given), 255))


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
