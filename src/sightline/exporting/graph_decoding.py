"""From the bytes of JPEG and PNG files to a model's pixels, in a TensorFlow graph.

Does what `images.preprocess` does, with `Preprocessing` as data: the same policies, limits, scaled
decoding and resizing. Not the same: other formats are refused; of CMYK the conversion rounds
otherwise, and it needs Adobe's marker; a transparent colour of 2, 4 or 16 bits per channel is
compared as PNG says, where Pillow compares other numbers; progressive JPEG may have 40 million
pixels.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from sightline.exporting.graph_headers import Head, jpeg_head, png_head
from sightline.exporting.graph_resizing import fit, luma
from sightline.images import Preprocessing
from sightline.images.headers import Limits

_SCALES = (8, 4, 2, 1)
_LIMITS = Limits()
_AT_ONCE = 4


def decode(images: Any, preprocessing: Preprocessing) -> Any:
    """Return the pixels of encoded images; an error names what was wrong with which.

    Args:
        images: The content of JPEG and PNG files, strings (n,).
        preprocessing: The model's.

    Returns:
        uint8 (n, height, width, channels).
    """
    wanted = (preprocessing.height, preprocessing.width, preprocessing.channels)
    return tf.map_fn(
        lambda pair: _decode_one(pair[0], pair[1], preprocessing),
        (tf.range(tf.size(images)), images),
        fn_output_signature=tf.TensorSpec(wanted, tf.uint8),
        parallel_iterations=_AT_ONCE,
    )


def _decode_one(index: Any, data: Any, preprocessing: Preprocessing) -> Any:
    size = tf.strings.length(data)
    is_jpeg = tf.strings.substr(data, 0, 3) == b"\xff\xd8\xff"
    is_png = tf.strings.substr(data, 0, 8) == b"\x89PNG\r\n\x1a\n"
    checks = [
        _require(size > 0, index, "it is empty"),
        _require(size <= _LIMITS.max_bytes, index, f"it has more than {_LIMITS.max_bytes} bytes"),
        _require(is_jpeg | is_png, index, "it is neither JPEG nor PNG (by its first bytes)"),
    ]
    with tf.control_dependencies(checks):
        raw = tf.io.decode_raw(data, tf.uint8)
    picture, orientation = tf.cond(
        is_jpeg,
        lambda: _jpeg(index, data, raw, preprocessing),
        lambda: _png(index, data, raw, preprocessing),
    )
    return fit(_upright(picture, orientation), preprocessing)


def _require(condition: Any, index: Any, what: str) -> Any:
    return tf.debugging.Assert(
        condition, [tf.strings.join(["image ", tf.strings.as_string(index), f": {what}"])]
    )


def _jpeg(index: Any, data: Any, raw: Any, preprocessing: Preprocessing) -> tuple[Any, Any]:
    head = jpeg_head(raw)
    scale = _scale(head, preprocessing)
    many = _LIMITS.max_jpeg_pixels
    checks = [
        *_check_size(head, index, many),
        _require(
            (head.progressive == 0) | _within(head, _LIMITS.max_pixels),
            index,
            f"it is progressive and has more than {_LIMITS.max_pixels} pixels",
        ),
        _require(
            (head.components == 1)
            | (head.components == 3)
            | ((head.components == 4) & (head.adobe == 1)),
            index,
            "its colours are neither grey, nor three, nor Adobe's four",
        ),
    ]
    with tf.control_dependencies(checks):
        ratio = tf.identity(scale)

    def read(channels: int, at: int) -> Any:
        return tf.io.decode_jpeg(data, channels, at, dct_method="INTEGER_ACCURATE")

    def read_in(channels: int) -> Any:
        branches = [lambda at=at: read(channels, at) for at in _SCALES]
        place = tf.argmax(tf.cast(tf.constant(_SCALES) == ratio, tf.int32), output_type=tf.int32)
        return tf.switch_case(place, branches)

    if preprocessing.channels == 3:
        return read_in(3), head.orientation
    # The decoder makes no grey of four colours.
    picture = tf.cond(head.components == 4, lambda: luma(read_in(3)), lambda: read_in(1))
    return picture, head.orientation


def _scale(head: Head, preprocessing: Preprocessing) -> Any:
    """Return 8, 4, 2 or 1, as `images.decoding` chooses it."""
    turned = head.orientation >= 5
    scale = tf.constant(1)
    if preprocessing.draft:
        rows, columns = -(-3 * preprocessing.height // 2), -(-3 * preprocessing.width // 2)
        height, width = tf.where(turned, columns, rows), tf.where(turned, rows, columns)
        for each in (2, 4, 8):
            enough = (head.height >= each * height) & (head.width >= each * width)
            scale = tf.where(enough, each, scale)
    for each in (2, 4, 8):
        half = tf.constant(each // 2)
        large = ~_within(head, _LIMITS.max_pixels, half)
        scale = tf.where((scale == half) & large, each, scale)
    return scale


def _within(head: Head, pixels: int, scale: Any = 1) -> Any:
    sides = [tf.cast(-(-side // scale), tf.int64) for side in (head.height, head.width)]
    return sides[0] * sides[1] <= pixels


def _check_size(head: Head, index: Any, pixels: int) -> list[Any]:
    largest = tf.maximum(head.height, head.width)
    return [
        _require(tf.minimum(head.height, head.width) > 0, index, "it has no header with a size"),
        _require(
            (largest <= _LIMITS.max_side) & _within(head, pixels),
            index,
            f"it is larger than {_LIMITS.max_side} on a side or {pixels} pixels",
        ),
    ]


def _png(index: Any, data: Any, raw: Any, preprocessing: Preprocessing) -> tuple[Any, Any]:
    head = png_head(raw)
    with tf.control_dependencies(_check_size(head, index, _LIMITS.max_pixels)):
        content = tf.identity(data)

    # The decoder repeats grey and takes the high byte of 16 bits. Asked for alpha that is not
    # there, it would make up a wrong one for pictures of 1, 2 and 4 bits.
    plain = tf.cond(
        head.transparent == 1,
        lambda: _composited(tf.io.decode_png(content, channels=4), preprocessing),
        lambda: tf.io.decode_png(content, channels=3),
    )
    return (plain if preprocessing.channels == 3 else luma(plain)), head.orientation


def _composited(picture: Any, preprocessing: Preprocessing) -> Any:
    """Return RGBA over the background, divided by 255 as Pillow rounds it."""
    colours, alpha = (tf.cast(part, tf.int32) for part in (picture[..., :3], picture[..., 3:]))
    behind = tf.constant(preprocessing.background, tf.int32)
    total = colours * alpha + behind * (255 - alpha) + 128
    shifted = tf.bitwise.right_shift(total, 8)
    return tf.cast(tf.bitwise.right_shift(shifted + total, 8), tf.uint8)


def _upright(picture: Any, orientation: Any) -> Any:
    """Turn as the EXIF orientation says (EXIF 2.32, tag 274): first transposed, then mirrored."""

    def among(*numbers: int) -> Any:
        return tf.reduce_any(orientation == tf.constant(numbers))

    steps = (
        ((5, 6, 7, 8), lambda image: tf.transpose(image, (1, 0, 2))),
        ((2, 3, 6, 7), lambda image: image[:, ::-1]),
        ((3, 4, 7, 8), lambda image: image[::-1]),
    )
    for numbers, turn in steps:
        picture = tf.cond(
            among(*numbers),
            lambda turn=turn, image=picture: turn(image),
            lambda image=picture: image,
        )
    return picture
