"""The numbers for each image's augmentation, and the matrices and tables they make.

Apart from the pixels, so that they can be checked by hand. Each number has a fixed place in
the image's random sequence: switching one option on never alters what another one draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sightline.batches.augmentation import Augmentation
from sightline.batches.randomness import uniforms

Floats = npt.NDArray[np.float64]

_PURPOSE = 0xA06
_FLIPS = 0xF11
_PLACES = (
    "rotation",
    "shear",
    "zoom",
    "aspect",
    "translation_x",
    "translation_y",
    "pixels_x",
    "pixels_y",
    "brightness",
    "contrast",
    "gamma",
    "saturation",
    "hue",
    "erase",
    "erase_area",
    "erase_aspect",
    "erase_top",
    "erase_left",
)
_LEAST_ERASED = 0.02
_ERASED_ASPECT = 3.3

# NTSC luma and chroma (ITU-R BT.470, FCC 1953): the first row is brightness, which neither
# saturation nor hue may change.
_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_FROM_YIQ = np.linalg.inv(_TO_YIQ)


@dataclass(frozen=True, kw_only=True)
class Draw:
    """What happens to each of n images; every array has n rows.

    Attributes:
        rotation: Degrees, counter-clockwise as seen.
        shear: Degrees.
        scale: (n, 2), magnification of width and height.
        shift: (n, 2), pixels to the right and down; whole where no warp is asked.
        flip: (n, 2) bool, left with right and top with bottom.
        brightness: Share of white that is added.
        contrast: Factor.
        gamma: Exponent.
        saturation: Factor.
        hue: Degrees, from red towards yellow.
        erase: (n, 4) int, top, left, height and width; height 0 where nothing is erased.
    """

    rotation: Floats
    shear: Floats
    scale: Floats
    shift: Floats
    flip: npt.NDArray[np.bool_]
    brightness: Floats
    contrast: Floats
    gamma: Floats
    saturation: Floats
    hue: Floats
    erase: npt.NDArray[np.int64]


def draw(
    augmentation: Augmentation,
    keys: npt.NDArray[np.uint64],
    *,
    seed: int,
    epoch: int,
    height: int,
    width: int,
) -> Draw:
    """Draw the changes for n images of `height` x `width`.

    Args:
        augmentation: The ranges.
        keys: From `digest_keys`, uint64 (n,).
        seed: The run's seed.
        epoch: From 0.
        height: Pixels.
        width: Pixels.
    """
    numbers = uniforms(keys, len(_PLACES), context=(_PURPOSE, seed, epoch))
    unit = dict(zip(_PLACES, numbers.T, strict=True))

    def around(name: str, reach: float) -> Floats:
        return np.asarray((2 * unit[name] - 1) * reach)

    def times(name: str, factor: float) -> Floats:
        return np.asarray(np.exp(around(name, np.log(factor))))

    def whole(name: str) -> Floats:
        reach = augmentation.shift_pixels
        return np.asarray(np.floor(unit[name] * (2 * reach + 1)) - reach)

    zoom = times("zoom", augmentation.zoom)
    stretch = np.sqrt(times("aspect", augmentation.aspect))
    right = around("translation_x", augmentation.translation) * width + whole("pixels_x")
    down = around("translation_y", augmentation.translation) * height + whole("pixels_y")
    wanted = np.array([augmentation.horizontal_flip, augmentation.vertical_flip])
    return Draw(
        rotation=around("rotation", augmentation.rotation),
        shear=around("shear", augmentation.shear),
        scale=np.stack([zoom * stretch, zoom / stretch], axis=1),
        shift=np.stack([right, down], axis=1),
        flip=wanted & _flips(keys, seed=seed, epoch=epoch),
        brightness=around("brightness", augmentation.brightness),
        contrast=1 + around("contrast", augmentation.contrast),
        gamma=times("gamma", augmentation.gamma),
        saturation=1 + around("saturation", augmentation.saturation),
        hue=around("hue", augmentation.hue),
        erase=_erased(augmentation, unit, height, width),
    )


def _flips(keys: npt.NDArray[np.uint64], *, seed: int, epoch: int) -> npt.NDArray[np.bool_]:
    """Return whether each image is mirrored left to right, and top to bottom: bool (n, 2).

    Drawn for the first epoch only; then left and right alternate with each epoch, top and
    bottom with every second. So two epochs see an image both ways round and four all four
    ways, where independent draws would show many images one way again and again (Jordan
    2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU", section 3.6).
    """
    first = uniforms(keys, 2, context=(_FLIPS, seed)) < 0.5
    return np.asarray(first ^ np.array([epoch % 2 == 1, epoch // 2 % 2 == 1]))


def warp_matrices(drawn: Draw, *, height: int, width: int) -> Floats:
    """Return the one affine map of each image, from source to result (x, y): (n, 2, 3).

    Flip, scale, shear and rotate about the centre of the image, in this order; then shift.
    """
    angle, slant = np.deg2rad(drawn.rotation), np.tan(np.deg2rad(drawn.shear))
    cosine, sine = np.cos(angle), np.sin(angle)
    scale = drawn.scale * np.where(drawn.flip, -1.0, 1.0)
    # y points down, so this is counter-clockwise to the eye.
    linear = np.empty((len(angle), 2, 2))
    linear[:, 0, 0] = cosine * scale[:, 0]
    linear[:, 0, 1] = (cosine * slant + sine) * scale[:, 1]
    linear[:, 1, 0] = -sine * scale[:, 0]
    linear[:, 1, 1] = (-sine * slant + cosine) * scale[:, 1]
    # Pixel centres have whole coordinates: the middle of two pixels is at 0.5.
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    offset = centre + drawn.shift - linear @ centre
    return np.concatenate([linear, offset[:, :, None]], axis=2)


def lookup_tables(drawn: Draw) -> npt.NDArray[np.uint8]:
    """Return gamma, contrast and brightness, in this order, as one table: uint8 (n, 256)."""
    level = np.linspace(0.0, 1.0, 256) ** drawn.gamma[:, None]
    level = (level - 0.5) * drawn.contrast[:, None] + 0.5 + drawn.brightness[:, None]
    table: npt.NDArray[np.uint8] = np.rint(level.clip(0, 1) * 255).astype(np.uint8)
    return table


def colour_matrices(drawn: Draw) -> Floats:
    """Return saturation and hue as one matrix for (red, green, blue): (n, 3, 3).

    Chroma is scaled and turned in the YIQ plane; brightness stays, and greys stay grey.
    """
    angle = np.deg2rad(drawn.hue)
    turned = np.zeros((len(angle), 3, 3))
    turned[:, 0, 0] = 1
    turned[:, 1, 1] = turned[:, 2, 2] = drawn.saturation * np.cos(angle)
    turned[:, 1, 2] = drawn.saturation * np.sin(angle)
    turned[:, 2, 1] = -drawn.saturation * np.sin(angle)
    return np.asarray(_FROM_YIQ @ turned @ _TO_YIQ)


def _erased(
    augmentation: Augmentation, unit: dict[str, Floats], height: int, width: int
) -> npt.NDArray[np.int64]:
    least = _LEAST_ERASED
    area = least + unit["erase_area"] * (augmentation.erase_area - least)
    ratio = np.exp((2 * unit["erase_aspect"] - 1) * np.log(_ERASED_ASPECT))
    tall = np.rint(np.sqrt(area * height * width * ratio)).clip(1, height)
    wide = np.rint(np.sqrt(area * height * width / ratio)).clip(1, width)
    top = np.floor(unit["erase_top"] * (height - tall + 1))
    left = np.floor(unit["erase_left"] * (width - wide + 1))
    chosen = unit["erase"] < augmentation.erase_probability
    box = np.stack([top, left, tall, wide], axis=1)
    return np.where(chosen[:, None], box, 0).astype(np.int64)
