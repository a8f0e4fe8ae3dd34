"""Pillow's resizing as TensorFlow operations, to the last bit.

`tf.image.resize` is another function: without `antialias` photos differ by up to a hundred levels,
with it still by one, and one level moves answers. Pillow resizes columns, rounds to levels, then
rows; weights have 22 bits behind the point (Pillow, `src/libImaging/Resample.c`). Integers make the
order of additions irrelevant.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from sightline.images import Preprocessing

_BITS = 22
Box = tuple[Any, Any]
"""First and last coordinate along one side: scalars, float64."""


@dataclass(frozen=True, kw_only=True)
class _Filter:
    """How much a pixel counts by its distance, and from which distance on not at all."""

    support: float
    weigh: Callable[[Any], Any]


def _box(x: Any) -> Any:
    return tf.cast((x > -0.5) & (x <= 0.5), tf.float64)


def _bilinear(x: Any) -> Any:
    return tf.maximum(1 - tf.abs(x), 0)


def _sinc(x: Any) -> Any:
    turns = math.pi * x
    return tf.where(x == 0, tf.ones_like(x), tf.math.divide_no_nan(tf.sin(turns), turns))


def _hamming(x: Any) -> Any:
    window = 0.54 + 0.46 * tf.cos(math.pi * x)
    return tf.where(tf.abs(x) < 1, _sinc(x) * window, tf.zeros_like(x))


def _bicubic(x: Any) -> Any:
    a, x = -0.5, tf.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return tf.where(x < 1, near, tf.where(x < 2, far, tf.zeros_like(x)))


def _lanczos(x: Any) -> Any:
    return tf.where((x >= -3) & (x < 3), _sinc(x) * _sinc(x / 3), tf.zeros_like(x))


_FILTERS: Mapping[str, _Filter] = {
    "box": _Filter(support=0.5, weigh=_box),
    "bilinear": _Filter(support=1.0, weigh=_bilinear),
    "hamming": _Filter(support=1.0, weigh=_hamming),
    "bicubic": _Filter(support=2.0, weigh=_bicubic),
    "lanczos": _Filter(support=3.0, weigh=_lanczos),
}


def fit(picture: Any, preprocessing: Preprocessing) -> Any:
    """Do what `images.preprocessing` does to make an upright picture fit.

    Args:
        picture: uint8 (H, W, channels), of any height and width.
        preprocessing: Says how.

    Returns:
        uint8 (height, width, channels).
    """
    shape = tf.shape(picture)
    rows, columns = shape[0], shape[1]
    fitted = _FITS[preprocessing.fit](picture, rows, columns, preprocessing)
    wanted = (preprocessing.height, preprocessing.width, preprocessing.channels)
    return tf.ensure_shape(fitted, wanted)


def _squash(picture: Any, rows: Any, columns: Any, wanted: Preprocessing) -> Any:
    down, across = _whole(rows), _whole(columns)
    return _resized(picture, (down, across), (wanted.height, wanted.width), wanted.interpolation)


def _crop(picture: Any, rows: Any, columns: Any, wanted: Preprocessing) -> Any:
    height, width = tf.cast(rows, tf.float64), tf.cast(columns, tf.float64)
    scale = tf.minimum(width / wanted.width, height / wanted.height)
    boxes = tuple(
        (tf.maximum(start, 0), tf.minimum(side, side - start))
        for side, part in ((height, wanted.height), (width, wanted.width))
        for start in ((side - part * scale) / 2,)
    )
    down, across = boxes
    return _resized(picture, (down, across), (wanted.height, wanted.width), wanted.interpolation)


def _pad(picture: Any, rows: Any, columns: Any, wanted: Preprocessing) -> Any:
    height, width = tf.cast(rows, tf.float64), tf.cast(columns, tf.float64)
    scale = tf.minimum(wanted.width / width, wanted.height / height)
    # Both Python and `tf.round` take a half to the even number.
    inner = tuple(
        tf.clip_by_value(tf.cast(tf.round(side * scale), tf.int32), 1, most)
        for side, most in ((height, wanted.height), (width, wanted.width))
    )
    fitted = _resized(picture, (_whole(rows), _whole(columns)), inner, wanted.interpolation)
    left_over = wanted.height - inner[0], wanted.width - inner[1]
    around = [[left // 2, left - left // 2] for left in left_over]
    mask = tf.pad(tf.ones((*inner, 1), tf.bool), [*around, [0, 0]])
    return tf.where(mask, tf.pad(fitted, [*around, [0, 0]]), background(wanted))


_FITS: Mapping[str, Callable[[Any, Any, Any, Preprocessing], Any]] = {
    "squash": _squash,
    "crop": _crop,
    "pad": _pad,
}


def background(wanted: Preprocessing) -> Any:
    """Return the background in the model's channels, uint8 (channels,)."""
    colour = tf.constant(wanted.background, tf.uint8)
    return colour if wanted.channels == 3 else luma(colour[None, None])[0, 0]


def luma(picture: Any) -> Any:
    """Return grey, uint8 (H, W, 1), of RGB (H, W, 3): ITU-R 601-2, in Pillow's 16 bits."""
    weights = tf.constant((19595, 38470, 7471), tf.int32)
    total = tf.reduce_sum(tf.cast(picture, tf.int32) * weights, axis=-1, keepdims=True)
    return tf.cast(tf.bitwise.right_shift(total + 0x8000, 16), tf.uint8)


def _whole(side: Any) -> Box:
    return tf.constant(0, tf.float64), tf.cast(side, tf.float64)


def _resized(
    picture: Any, boxes: tuple[Box, Box], sizes: tuple[Any, Any], interpolation: str
) -> Any:
    (down, across), (rows, columns) = boxes, sizes
    side = _nearest if interpolation == "nearest" else _resampled

    def by_rows(lines: Any) -> Any:
        return side(lines, down, rows, interpolation)

    def by_columns(lines: Any) -> Any:
        # The side to work on comes first, so that whole lines are gathered and added.
        turned = side(tf.transpose(lines, (1, 0, 2)), across, columns, interpolation)
        return tf.transpose(turned, (1, 0, 2))

    # Pillow 13 begins with rows where only they become fewer. (It also does where they shrink much
    # more than columns; for such pictures some values differ by a level.)
    height, width = tf.shape(picture)[0], tf.shape(picture)[1]
    return tf.cond(
        (rows < height) & (width <= columns),
        lambda: by_columns(by_rows(picture)),
        lambda: by_rows(by_columns(picture)),
    )


def _step(box: Box, size: Any) -> tuple[Any, Any]:
    """Return where the box begins and how far apart new pixels are, float64."""
    # Pillow holds boxes in float32.
    start, stop = (tf.cast(edge, tf.float32) for edge in box)
    return tf.cast(start, tf.float64), tf.cast(stop - start, tf.float64) / tf.cast(size, tf.float64)


def _nearest(lines: Any, box: Box, size: Any, interpolation: str) -> Any:
    start, step = _step(box, size)
    # Pillow adds up, one after the other; a product falls on the other side of a border at times.
    places = tf.scan(lambda place, _: place + step, tf.range(size - 1), start + step * 0.5)
    places = tf.concat([[start + step * 0.5], places], axis=0)
    return tf.gather(lines, tf.cast(places, tf.int32))


def _resampled(lines: Any, box: Box, size: Any, interpolation: str) -> Any:
    """Return `size` lines, uint8 (size, m, channels), of (n, m, channels)."""
    first, weights = _weights(tf.shape(lines)[0], box, size, _FILTERS[interpolation])
    last = tf.shape(lines)[0] - 1

    def add(tap: Any, total: Any) -> tuple[Any, Any]:
        line = tf.gather(lines, tf.minimum(first + tap, last))
        weight = tf.gather(weights, tap, axis=1)[:, None, None]
        return tap + 1, total + tf.cast(line, tf.int32) * weight

    shape = tf.concat([[size], tf.shape(lines)[1:]], axis=0)
    start = tf.fill(shape, tf.constant(1 << (_BITS - 1), tf.int32))
    taps = tf.shape(weights)[1]
    _, total = tf.while_loop(
        lambda tap, total: tap < taps,
        add,
        (tf.constant(0), start),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, None, lines.shape[2]])),
        parallel_iterations=1,
    )
    return tf.cast(tf.clip_by_value(tf.bitwise.right_shift(total, _BITS), 0, 255), tf.uint8)


def _weights(length: Any, box: Box, size: Any, kind: _Filter) -> tuple[Any, Any]:
    """Return each new pixel's first old one, int32 (size,), and weights, int32 (size, taps)."""
    start, step = _step(box, size)
    stretch = tf.maximum(step, 1.0)
    support = kind.support * stretch
    centre = start + (tf.cast(tf.range(size), tf.float64) + 0.5) * step
    first = tf.maximum(tf.cast(centre - support + 0.5, tf.int32), 0)
    after = tf.minimum(tf.cast(centre + support + 0.5, tf.int32), length)
    taps = tf.range(tf.cast(tf.math.ceil(support), tf.int32) * 2 + 1)
    place = first[:, None] + taps
    distance = (tf.cast(place, tf.float64) - centre[:, None] + 0.5) * (1 / stretch)
    weight = tf.where(place < after[:, None], kind.weigh(distance), tf.zeros_like(distance))
    share = tf.math.divide_no_nan(weight, tf.reduce_sum(weight, axis=1, keepdims=True))
    half = tf.where(share < 0, tf.constant(-0.5, tf.float64), tf.constant(0.5, tf.float64))
    return first, tf.cast(half + share * (1 << _BITS), tf.int32)
