"""MixUp and CutMix: images and targets of one batch mixed with each other.

A pure function of the batch and of the integers that key it, (seed, epoch, step, host).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from sightline.batches.augmentation import Augmentation
from sightline.batches.batch import Batch

_PURPOSE = 0x313C


def mix(batch: Batch, augmentation: Augmentation, *, key: Sequence[int]) -> Batch:
    """Return the batch with each image mixed with another of it, targets and weights alike.

    One share and one partner order for the whole batch. MixUp (Zhang et al. 2018) blends
    pixels; CutMix (Yun et al. 2019) pastes a rectangle of the partner, and the share is
    what of the image is still seen.

    Args:
        batch: Not modified.
        augmentation: `mixup` and `cutmix` are the alphas; with both, one is drawn.
        key: Integers of 0 or more that tell this batch from all others.

    Returns:
        A new batch; `batch` itself where no mixing is asked.
    """
    if not augmentation.mixes:
        return batch
    # Seldom enough that a NumPy generator costs nothing, and only it has the beta law.
    generator = np.random.default_rng([_PURPOSE, *key])
    cuts = bool(augmentation.cutmix) and (not augmentation.mixup or generator.random() < 0.5)
    alpha = augmentation.cutmix if cuts else augmentation.mixup
    share = float(generator.beta(alpha, alpha))
    partners = generator.permutation(len(batch.pixels))
    if cuts:
        pixels, share = cut(batch.pixels, partners, share, centre=generator.random(2))
    else:
        pixels = blend(batch.pixels, partners, share)
    return Batch(
        pixels=pixels,
        targets=_between(batch.targets, partners, share),
        weights=_between(batch.weights, partners, share),
    )


def blend(
    pixels: npt.NDArray[np.uint8], partners: npt.NDArray[np.int64], share: float
) -> npt.NDArray[np.uint8]:
    """Return `share` of each image plus the rest of its partner, rounded."""
    flat = pixels.reshape(len(pixels), -1)
    mixed = cv2.addWeighted(flat, share, flat[partners], 1 - share, 0)
    return np.asarray(mixed, dtype=np.uint8).reshape(pixels.shape)


def cut(
    pixels: npt.NDArray[np.uint8],
    partners: npt.NDArray[np.int64],
    share: float,
    *,
    centre: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.uint8], float]:
    """Return each image with one rectangle of its partner, and the share that is left of it.

    Args:
        pixels: uint8 (n, height, width, channels).
        partners: The other image's index for each, (n,).
        share: What should be left of an image; a rectangle across the edge leaves more.
        centre: The rectangle's centre as shares of height and width.
    """
    size = np.array(pixels.shape[1:3])
    half = np.sqrt(1 - share) * size / 2
    top, left = np.rint(centre * size - half).clip(0, size).astype(int)
    bottom, right = np.rint(centre * size + half).clip(0, size).astype(int)
    mixed = pixels.copy()
    mixed[:, top:bottom, left:right] = pixels[partners, top:bottom, left:right]
    return mixed, 1 - float((bottom - top) * (right - left) / size.prod())


def _between(
    values: npt.NDArray[np.float32], partners: npt.NDArray[np.int64], share: float
) -> npt.NDArray[np.float32]:
    return (share * values + (1 - share) * values[partners]).astype(np.float32)
