"""What could be worse about a photo: blur, compression, light, tilt, size, noise, by degrees.

Each operation changes an upright picture before it is made to fit the model, so that the result
is what a worse photo of the same thing would have been. Reaches are shares of the picture, so
that large and small photos are made equally bad. Pillow and NumPy only; the same picture, level
and key give the same pixels.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from sightline.images import colours

Pixels = np.ndarray
"""uint8 (height, width, channels), 1 or 3 channels."""


@dataclass(frozen=True, kw_only=True)
class Stress:
    """One way for a photo to be worse.

    Attributes:
        name: What it is called.
        levels: How bad, the mildest first.
        unit: What a level means.
        apply: Takes pixels, a level and a key (a number of 64 bits for what is random) and
            returns pixels of the same shape.
    """

    name: str
    levels: tuple[float, ...]
    unit: str
    apply: Callable[[Pixels, float, int], Pixels]


def _blur(pixels: Pixels, percent: float, key: int) -> Pixels:
    radius = percent / 100 * min(pixels.shape[:2])
    return _pixels(_image(pixels).filter(ImageFilter.GaussianBlur(radius)), pixels)


def _jpeg(pixels: Pixels, quality: float, key: int) -> Pixels:
    stream = io.BytesIO()
    _image(pixels).save(stream, "JPEG", quality=int(quality))
    with Image.open(stream, formats=("JPEG",)) as image:
        return _pixels(image, pixels)


def _light(pixels: Pixels, factor: float, key: int) -> Pixels:
    """Multiply the light: in a linear scale, as an exposure does, and not in coded levels."""
    linear = (np.arange(256) / 255) ** _GAMMA * factor
    table = np.round(255 * np.minimum(linear, 1) ** (1 / _GAMMA)).astype(np.uint8)
    return np.asarray(table[pixels])


def _rotate(pixels: Pixels, degrees: float, key: int) -> Pixels:
    """Tilt to the left or the right; the corners that open show the picture's own reflection."""
    height, width = pixels.shape[:2]
    # What a corner can reach: half the diagonal less half the shorter side, and one for rounding.
    margin = int(np.hypot(height, width) / 2 - min(height, width) / 2) + 2
    padded = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
    turned = _image(padded).rotate(
        degrees if key % 2 else -degrees, resample=Image.Resampling.BICUBIC
    )
    inner = turned.crop((margin, margin, margin + width, margin + height))
    return _pixels(inner, pixels)


def _shrink(pixels: Pixels, share: float, key: int) -> Pixels:
    height, width = pixels.shape[:2]
    small = (max(1, round(width * share)), max(1, round(height * share)))
    image = _image(pixels).resize(small, Image.Resampling.BOX)
    return _pixels(image.resize((width, height), Image.Resampling.BICUBIC), pixels)


def _noise(pixels: Pixels, spread: float, key: int) -> Pixels:
    noise = np.random.default_rng(key).standard_normal(pixels.shape, np.float32) * spread
    return np.asarray(np.clip(np.round(pixels + noise), 0, 255), np.uint8)


_GAMMA = 2.2


def _table(*stresses: Stress) -> Mapping[str, Stress]:
    table = {stress.name: stress for stress in stresses}
    if len(table) != len(stresses):
        raise ValueError("a stress stands twice in the table")
    return table


STRESSES = _table(
    Stress(
        name="blur",
        levels=(0.5, 1, 2, 4),
        unit="spread of a Gaussian blur, in % of the shorter side",
        apply=_blur,
    ),
    Stress(name="jpeg", levels=(50, 25, 10, 5), unit="quality of JPEG compression", apply=_jpeg),
    Stress(name="darker", levels=(0.5, 0.25, 0.1, 0.05), unit="share of the light", apply=_light),
    Stress(name="brighter", levels=(1.5, 2, 4, 8), unit="times the light", apply=_light),
    Stress(
        name="rotation",
        levels=(5, 10, 20, 45),
        unit="degrees, to the left or the right",
        apply=_rotate,
    ),
    Stress(
        name="scale",
        levels=(0.5, 0.25, 0.125, 0.0625),
        unit="share of the rows and columns, enlarged again",
        apply=_shrink,
    ),
    Stress(
        name="noise",
        levels=(5, 10, 20, 40),
        unit="spread of Gaussian noise, in levels of 255",
        apply=_noise,
    ),
)


def _image(pixels: Pixels) -> Image.Image:
    return colours.from_pixels(pixels)


def _pixels(image: Image.Image, like: Pixels) -> Pixels:
    return colours.to_pixels(image, like.shape[2])
