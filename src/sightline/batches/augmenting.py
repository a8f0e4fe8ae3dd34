"""Augmentation applied to `uint8` pixels: one composed warp, one composed colour step.

What happens to an image depends on (seed, epoch, content digest) and on nothing else, so
one image alone and the same image in any batch on any thread come out the same. The pixels
passed in are never modified.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from sightline.batches.augmentation import Augmentation
from sightline.batches.drawing import (
    Draw,
    Floats,
    colour_matrices,
    draw,
    lookup_tables,
    warp_matrices,
)
from sightline.batches.randomness import digest_keys

Pixels = npt.NDArray[np.uint8]


def augment(
    pixels: Pixels, augmentation: Augmentation, *, seed: int, epoch: int, digest: str
) -> Pixels:
    """Return one image as it is seen in one epoch.

    Args:
        pixels: uint8 (height, width, channels), channels 1 or 3.
        augmentation: The ranges; `mixup` and `cutmix` are for batches (`mix`).
        seed: The run's seed.
        epoch: From 0.
        digest: Hexadecimal digest of the image's content.

    Returns:
        The same shape and dtype; a view of `pixels` where nothing is asked.
    """
    keys = digest_keys([digest])
    batch = augment_batch(pixels[None], augmentation, seed=seed, epoch=epoch, keys=keys)
    return np.asarray(batch[0])


def augment_batch(
    pixels: Pixels,
    augmentation: Augmentation,
    *,
    seed: int,
    epoch: int,
    keys: npt.NDArray[np.uint64],
) -> Pixels:
    """Return n images as they are seen in one epoch, each as `augment` gives it.

    Args:
        pixels: uint8 (n, height, width, channels), channels 1 or 3.
        augmentation: The ranges.
        seed: The run's seed.
        epoch: From 0.
        keys: `digest_keys` of the n content digests, uint64 (n,).

    Returns:
        The same shape and dtype; `pixels` itself where nothing is asked.
    """
    if not augmentation.changes_images:
        return pixels
    _, height, width, _ = pixels.shape
    drawn = draw(augmentation, keys, seed=seed, epoch=epoch, height=height, width=width)
    if augmentation.moves and not augmentation.warps:
        pixels = shift_batch(pixels, drawn, reach=augmentation.shift_pixels)
    return _image_by_image(pixels, augmentation, drawn)


def warp(image: Pixels, matrix: Floats) -> Pixels:
    """Return an image moved by an affine map, bilinear, mirrored beyond its edges.

    Mirroring leaves no corners of one colour, which a network would learn to know.

    Args:
        image: uint8 (height, width, channels), channels 1 or 3.
        matrix: From source to result (x, y), float64 (2, 3).
    """
    height, width, channels = image.shape
    colour = channels == 3
    moved = cv2.warpAffine(
        # OpenCV moves four bytes twice as fast as three; the result is the same.
        cv2.cvtColor(image, cv2.COLOR_RGB2RGBA) if colour else image,
        matrix,
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return _uint8(cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB) if colour else moved, image)


def shift_batch(pixels: Pixels, drawn: Draw, *, reach: int) -> Pixels:
    """Do what `warp` does for flips and whole pixels, for all images at once.

    At 32 pixels a call for each image would cost more than the work.

    Args:
        pixels: uint8 (n, height, width, channels).
        drawn: Whole shifts, and flips.
        reach: The largest shift.
    """
    count, height, width, _ = pixels.shape
    flips = drawn.flip
    # The window is cut before it is mirrored, so a mirrored image shifts the other way.
    start = reach - np.where(flips, -1, 1) * drawn.shift.astype(np.int64)
    padded = np.pad(pixels, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    # One index for each image copies whole windows; the view puts channels before them.
    windows = windows.transpose(0, 1, 2, 4, 5, 3)
    shifted: Pixels = windows[np.arange(count), start[:, 1], start[:, 0]]
    shifted[flips[:, 0]] = shifted[flips[:, 0], :, ::-1]
    shifted[flips[:, 1]] = shifted[flips[:, 1], ::-1]
    return shifted


def shrink(pixels: Pixels, *, height: int, width: int) -> Pixels:
    """Return images made smaller, each pixel the mean of those it covers.

    Args:
        pixels: uint8 (n, rows, columns, channels), rows and columns no smaller than the result.
        height: Of the result.
        width: Of the result.
    """
    smaller = np.empty((len(pixels), height, width, pixels.shape[3]), np.uint8)
    for index, image in enumerate(pixels):
        resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        smaller[index] = resized.reshape(smaller.shape[1:])
    return smaller


def _image_by_image(pixels: Pixels, augmentation: Augmentation, drawn: Draw) -> Pixels:
    """Take each image through all its steps in turn: it stays in the processor's cache."""
    _, height, width, channels = pixels.shape
    recolours = augmentation.recolours and channels == 3
    matrices = warp_matrices(drawn, height=height, width=width) if augmentation.warps else None
    tables = lookup_tables(drawn) if augmentation.relights else None
    colours = colour_matrices(drawn) if recolours else None
    if matrices is None and tables is None and colours is None and not augmentation.erases:
        return pixels
    result = np.empty_like(pixels, order="C")
    for index, image in enumerate(pixels):
        if matrices is not None:
            image = warp(image, matrices[index])
        if tables is not None:
            image = _uint8(cv2.LUT(image, tables[index]), image)
        if colours is not None:
            image = _uint8(cv2.transform(image, colours[index]), image)
        result[index] = image
        if drawn.erase[index].any():
            _erase(result[index], drawn.erase[index])
    return result


def _erase(image: Pixels, box: npt.NDArray[np.int64]) -> None:
    top, left, height, width = box
    mean = cv2.mean(image)[: image.shape[2]]
    image[top : top + height, left : left + width] = np.rint(mean)


def _uint8(result: npt.NDArray[np.generic], image: Pixels) -> Pixels:
    """Give back the axis that OpenCV takes from images of one channel."""
    return np.asarray(result, dtype=np.uint8).reshape(image.shape)
