"""How a picture looks, in a few numbers: bright or dark, plain, blurred, and what its border is.

Measured on the picture that the content pass has decoded small anyway, mostly on samples of it:
0.17 ms for a photo, where that pass takes about 1 ms. The numbers are evidence for checks; they
judge nothing.

Sharpness compares how much the luma changes over one step and over two, a step being 1/128 of
the short side: s = 1 - E(2) / (4 E(1)), where E(k) is the mean squared difference at k steps.
E(2) = 4 E(1) - L, with L the energy of the second difference, so s = L / (4 E(1)): the variance
of the Laplacian (Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000)
divided by the energy of the gradient, which frees it of contrast, as the step does of size. Sharp
edges give 0.5, noise 0.75, a smooth ramp 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

_GRID = (32, 32)
_RING = 2
_STEPS = 128
_LINES = 32
_SMALL = 64 * 64
_ROUNDING = 1 / 6
"""The mean squared difference that rounding to whole levels adds to a smooth surface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a picture looks like.

    Args:
        brightness: Mean luma, 0 to 255.
        contrast: Standard deviation of the luma, 0 to 127.5.
        sharpness: 0 (smooth) to about 1; edges in focus are at 0.5. 0 for a plain surface.
        border: Mean red, green and blue of the outermost sixteenth at the top, bottom, left and
            right: 12 bytes.
    """

    brightness: float
    contrast: float
    sharpness: float
    border: bytes


def picture_looks(pictures: Sequence[Image.Image], lumas: Sequence[Image.Image]) -> list[Look]:
    """Return how pictures look.

    Args:
        pictures: Decoded, mode L or RGB.
        lumas: The same in mode L.
    """
    places = defaultdict(list)
    for place, picture in enumerate(pictures):
        places[picture.size, picture.mode].append(place)
    found: dict[int, Look] = {}
    for same in places.values():
        grey = _Samples([lumas[place] for place in same])
        colour = _Samples([pictures[place] for place in same])
        found |= zip(same, _looks_of_one_size(grey, colour), strict=True)
    return [found[place] for place in range(len(pictures))]


def _looks_of_one_size(grey: _Samples, colour: _Samples) -> Iterator[Look]:
    levels = grey.at(*_GRID)
    levels = levels.reshape(len(levels), -1)
    for bright, spread, sharp, border in zip(
        levels.mean(1).tolist(),
        levels.std(1).tolist(),
        _sharpness(grey).tolist(),
        _borders(colour),
        strict=True,
    ):
        yield Look(
            brightness=round(bright, 1),
            contrast=round(spread, 1),
            sharpness=round(sharp, 3),
            border=border.tobytes(),
        )


class _Samples:
    """Pictures of one size and mode, sampled: the nearest pixel to the middle of each cell.

    Small pictures become one array, once: a call of Pillow for each costs more than the work.
    """

    def __init__(self, pictures: Sequence[Image.Image]) -> None:
        self._pictures = pictures
        self.width, self.height = pictures[0].size
        self._whole = None
        if self.width * self.height <= _SMALL:
            self._whole = _joined(pictures)

    def at(self, width: int, height: int) -> np.ndarray:
        """Return samples: float32 (n, height, width, channels)."""
        if self._whole is None:
            size = (width, height)
            small = _joined([one.resize(size, Image.Resampling.NEAREST) for one in self._pictures])
            return small.astype(np.float32)
        found = self._whole
        if height != self.height:
            found = found.take(_middles(height, self.height), axis=1)
        if width != self.width:
            found = found.take(_middles(width, self.width), axis=2)
        return found.astype(np.float32)


def _middles(count: int, length: int) -> np.ndarray:
    return ((2 * np.arange(count) + 1) * length) // (2 * count)


def _joined(pictures: Sequence[Image.Image]) -> np.ndarray:
    """Return the levels of pictures of one size: uint8 (n, height, width, channels)."""
    width, height = pictures[0].size
    raw = b"".join(picture.tobytes() for picture in pictures)
    return np.frombuffer(raw, np.uint8).reshape(len(pictures), height, width, -1)


def _borders(colour: _Samples) -> np.ndarray:
    """Return the mean colours of the four sides: uint8 (n, 12)."""
    samples = colour.at(*_GRID)
    if samples.shape[3] == 1:
        samples = np.repeat(samples, 3, axis=3)
    means = samples.reshape(len(samples), -1) @ _SIDES
    borders: np.ndarray = np.rint(means).astype(np.uint8)
    return borders


def _side_weights() -> np.ndarray:
    """Return what samples add to the means of sides and channels: float32 (g * g * 3, 12)."""
    ring, share = slice(None, _RING), 1 / (_RING * _GRID[0])
    weights = np.zeros((*_GRID, 3, 4, 3), np.float32)
    for channel in range(3):
        for side, grid in enumerate((weights, weights[::-1])):
            grid[ring, :, channel, side, channel] = share
            grid.swapaxes(0, 1)[ring, :, channel, 2 + side, channel] = share
    return weights.reshape(-1, 12)


def _sharpness(grey: _Samples) -> np.ndarray:
    """Return the sharpness of each picture: float64 (n,)."""
    width, height = grey.width, grey.height
    step = max(1, round(min(width, height) / _STEPS))
    rows = grey.at(width, min(height, _LINES))
    if min(width, height) <= 2 * step:
        return np.zeros(len(rows))
    columns = grey.at(min(width, _LINES), height)
    near, far = (
        _energy(rows[:, :, lag:] - rows[:, :, :-lag])
        + _energy(columns[:, lag:] - columns[:, :-lag])
        + 2 * _ROUNDING
        for lag in (step, 2 * step)
    )
    return np.asarray(np.clip(1 - far / (4 * near), 0, 1), np.float64)


def _energy(changes: np.ndarray) -> np.ndarray:
    """Return the mean square of each picture's changes: float (n,)."""
    flat = changes.reshape(len(changes), -1)
    energy: np.ndarray = np.einsum("ni,ni->n", flat, flat) / flat.shape[1]
    return energy


_SIDES = _side_weights()
