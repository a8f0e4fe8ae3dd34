"""What must be known of a JPEG or PNG file before it is decoded, read by TensorFlow operations.

The counterpart of `images.containers`: size, EXIF orientation, kind of pixels. TensorFlow's
decoders honour no orientation and have no limits of their own. Loops walk segments, never the bytes
of a picture, and no more of them than a real file has: each takes a quarter of a millisecond.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

_ORIENTATION = 274
_MOST_SEGMENTS = 4096
_MOST_CHUNKS = 16384
"""Of a PNG; libpng writes chunks of 8 kB, and 64 MB is the most that is taken."""
_AT_ONCE = 4096
"""Bytes between two segments that are looked through in one step."""
# Bytes of each TIFF type (`images.containers.directory`), 0 where there is no such type.
_SIZES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4)
_UNSIGNED = (0, 1, 0, 2, 4, 0, 0, 1, 0, 0, 0, 0, 0, 4)


class Head(NamedTuple):
    """What the structure of a file says; scalars, int32.

    Attributes:
        height: Rows as stored; 0 where the structure is broken.
        width: Columns as stored.
        orientation: EXIF, 1 to 8.
        components: Of a JPEG.
        adobe: 1 where a JPEG has Adobe's marker.
        progressive: 1 where a JPEG is stored in several scans.
        transparent: 1 where a PNG has alpha or a transparent colour.
    """

    height: Any
    width: Any
    orientation: Any
    components: Any
    adobe: Any
    progressive: Any
    transparent: Any


def _integer(raw: Any, at: Any, size: int, little: Any = None) -> Any:
    """Return `size` bytes of `raw` at `at` as one unsigned number, int64."""
    digits = tf.cast(raw[at : at + size], tf.int64)
    digits = digits if little is None else tf.cond(little, lambda: digits[::-1], lambda: digits)
    return tf.reduce_sum(digits * tf.constant([256**i for i in reversed(range(size))], tf.int64))


def _has(raw: Any, at: Any, word: bytes) -> Any:
    part = raw[at : at + len(word)]
    return tf.cond(
        tf.size(part) == len(word),
        lambda: tf.reduce_all(part == tf.constant(list(word), tf.uint8)),
        lambda: tf.constant(False),
    )


def jpeg_head(raw: Any) -> Head:
    """Return what the segments before the first scan of a JPEG say.

    Args:
        raw: The file's bytes, uint8 (n,).
    """
    size = tf.size(raw)

    def step(at: Any, over: Any, head: Head) -> tuple[Any, Any, Head]:
        marker = tf.cast(raw[at + 1], tf.int32)
        alone = (marker == 0) | (marker == 1) | ((marker >= 0xD0) & (marker < 0xD9))
        to_next = tf.where(
            raw[at] != 0xFF, _to_marker(raw, at), tf.where(marker == 0xFF, 1, tf.where(alone, 2, 0))
        )
        ends = (to_next == 0) & ((marker == 0xDA) | (marker == 0xD9))
        length = tf.cast(_integer(raw, at + 2, 2), tf.int32)
        broken = (to_next == 0) & ((length < 2) | (at + 2 + length > size))
        segment = raw[at + 4 : at + 2 + length]
        taken = tf.cond(
            (to_next > 0) | ends | broken,
            lambda: head,
            lambda: _with_segment(head, marker, segment),
        )
        return at + tf.where(to_next > 0, to_next, 2 + length), ends | broken, taken

    nothing = Head(*(tf.constant(0) for _ in Head._fields))
    at, over, head = tf.while_loop(
        lambda at, over, head: (at + 4 <= size) & ~over,
        step,
        (tf.constant(2), tf.constant(False), nothing),
        parallel_iterations=1,
        maximum_iterations=_MOST_SEGMENTS,
    )
    endless = (at + 4 <= size) & ~over
    return head._replace(
        height=tf.where(endless, 0, head.height), orientation=tf.maximum(head.orientation, 1)
    )


def _to_marker(raw: Any, at: Any) -> Any:
    """Return how far it is from `at` to the next byte that may begin a marker, or a part of it."""
    found = tf.cast(raw[at : at + _AT_ONCE] == 0xFF, tf.int32)
    ahead = tf.argmax(found, output_type=tf.int32)
    return tf.where(tf.reduce_any(found > 0), ahead, tf.size(found))


def _with_segment(head: Head, marker: Any, body: Any) -> Head:
    """Return `head` with what a segment adds to it."""
    frames = (marker >= 0xC0) & (marker < 0xD0)
    frame = frames & (marker != 0xC4) & (marker != 0xC8) & (marker != 0xCC) & (tf.size(body) >= 6)
    size = tf.cond(
        frame,
        lambda: [
            tf.cast(_integer(body, 1, 2), tf.int32),
            tf.cast(_integer(body, 3, 2), tf.int32),
            tf.cast(body[5], tf.int32),
        ],
        lambda: [head.height, head.width, head.components],
    )
    exif = (marker == 0xE1) & (head.orientation == 0) & _has(body, 0, b"Exif\0\0")
    adobe = (marker == 0xEE) & _has(body, 0, b"Adobe")
    in_scans = frame & tf.reduce_any(marker == tf.constant([0xC2, 0xC6, 0xCA, 0xCE]))
    return Head(
        height=size[0],
        width=size[1],
        orientation=tf.cond(exif, lambda: orientation(body), lambda: head.orientation),
        components=size[2],
        adobe=tf.where(adobe, 1, head.adobe),
        progressive=tf.where(in_scans, 1, head.progressive),
        transparent=head.transparent,
    )


def png_head(raw: Any) -> Head:
    """Return what the chunks of a PNG say; height 0 where the first is no header.

    Args:
        raw: The file's bytes, uint8 (n,).
    """
    size = tf.size(raw)

    def step(at: Any, over: Any, turn: Any, clear: Any) -> tuple[Any, Any, Any, Any]:
        length = _integer(raw, at, 4)
        stop = tf.cast(tf.minimum(length, tf.cast(size, tf.int64)), tf.int32) + at + 12
        exif = _has(raw, at + 4, b"eXIf") & (stop <= size)
        turn = tf.cond(exif, lambda: orientation(raw[at + 8 : stop - 4]), lambda: turn)
        clear = clear | _has(raw, at + 4, b"tRNS")
        return stop, _has(raw, at + 4, b"IEND"), turn, clear

    at, over, turn, clear = tf.while_loop(
        lambda at, over, turn, clear: (at + 12 <= size) & ~over,
        step,
        (tf.constant(8), tf.constant(False), tf.constant(1), tf.constant(False)),
        parallel_iterations=1,
        maximum_iterations=_MOST_CHUNKS,
    )
    endless = (at + 12 <= size) & ~over
    zero = tf.constant(0)
    whole = (size >= 33) & _has(raw, 8, b"\0\0\0\x0dIHDR") & ~endless
    sides = tf.cond(
        whole,
        lambda: [
            *(tf.cast(tf.minimum(_integer(raw, at, 4), 2**31 - 1), tf.int32) for at in (20, 16)),
            tf.cast(raw[25] // 4 % 2, tf.int32),  # PNG, 11.2.1: 4 and 6 are with alpha
        ],
        lambda: [zero, zero, zero],
    )
    transparent = tf.maximum(sides[2], tf.cast(clear, tf.int32))
    return Head(sides[0], sides[1], turn, zero, zero, zero, transparent)


def orientation(exif: Any) -> Any:
    """Return the orientation, 1 to 8, that an EXIF block says; 1 where it says none or is damaged.

    Args:
        exif: With or without its prefix, uint8 (n,).
    """
    block = tf.cond(_has(exif, 0, b"Exif\0\0"), lambda: exif[6:], lambda: exif)
    size = tf.size(block)
    little = _has(block, 0, b"II*\0")
    known = (size >= 16) & (little | _has(block, 0, b"MM\0*"))

    def at(place: Any, width: int) -> Any:
        return _integer(block, place, width, little)

    def read() -> Any:
        first = at(4, 4)
        inside = first + 6 <= tf.cast(size, tf.int64)
        return _when(inside, lambda: _entry(at, tf.cast(first, tf.int32), size))

    found = tf.cast(_when(known, read), tf.int32)
    return tf.where((found >= 1) & (found <= 8), found, 1)


def _when(condition: Any, read: Callable[[], Any]) -> Any:
    return tf.cond(condition, read, lambda: tf.constant(1, tf.int64))


def _entry(at: Callable[[Any, int], Any], first: Any, size: Any) -> Any:
    """Return the value of the directory's first entry of an orientation, int64; else 1."""
    count = tf.cast(at(first, 2), tf.int32)

    def step(index: Any, over: Any, value: Any) -> tuple[Any, Any, Any]:
        place = first + 2 + index * 12
        kind = tf.minimum(at(place + 2, 2), len(_SIZES))
        width = tf.gather((*_SIZES, 0), kind)
        number = at(place + 4, 4)
        mine = (at(place, 2) == _ORIENTATION) & (width > 0) & (number > 0)
        value = tf.cond(mine, lambda: _value(at, place + 8, kind, number, size), lambda: value)
        return index + 1, mine, value

    _, _, value = tf.while_loop(
        lambda index, over, value: (index < count) & ~over,
        step,
        (tf.constant(0), first + 2 + count * 12 + 4 > size, tf.constant(1, tf.int64)),
        parallel_iterations=1,
    )
    return value


def _value(at: Callable[[Any, int], Any], slot: Any, kind: Any, number: Any, size: Any) -> Any:
    """Return the first of an entry's values, int64; 1 where it is none or lies outside."""
    width = tf.gather((*_UNSIGNED, 0), kind)
    length = tf.cast(width, tf.int64) * number
    place = tf.where(length > 4, at(slot, 4), tf.cast(slot, tf.int64))
    inside = (width > 0) & (place + length <= tf.cast(size, tf.int64))
    start = tf.cast(tf.where(inside, place, tf.zeros_like(place)), tf.int32)
    read = [lambda: at(start, 1), lambda: at(start, 2), lambda: at(start, 4)]
    return _when(inside, lambda: tf.switch_case(width // 2, read))
