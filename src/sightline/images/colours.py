"""From any kind of stored pixel to plain grey or RGB: the stated policies, one table.

Alpha is composited on a background before anything is resized. 16 bits give their high
byte (10, 12 or 14 bits: the high eight of those declared). CMYK, YCbCr and palettes become
RGB. Grey for a colour picture is ITU-R 601 luma. Pixels without a defined range (32 bits,
floats) or colour space (Lab) are refused rather than guessed. ICC profiles are not applied.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PIL import Image

from sightline.images.refusals import refusal

Background = tuple[int, int, int]

WHITE: Background = (255, 255, 255)

_TRANSPARENCY = "transparency"
_WITH_ALPHA = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})


def plain(
    image: Image.Image, *, depth: int, inverted: bool, background: Background
) -> tuple[Image.Image, tuple[str, ...]]:
    """Return `image` as mode L or RGB, and notes on what that took.

    Args:
        image: A decoded picture of any mode.
        depth: Bits per sample in its file.
        inverted: In 16-bit grey, zero is white.
        background: What shows through transparency.

    Raises:
        ImageError: `unsupported_pixels`.
    """
    notes: tuple[str, ...] = ("sixteen_bit_reduced",) if depth > 8 else ()
    if image.mode in ("L", "RGB") and _TRANSPARENCY not in image.info:
        return image, notes
    if image.mode.startswith("I;16"):
        return _from_sixteen_bit(image, depth, inverted=inverted, background=background)
    if image.mode in ("P", "PA"):
        notes += ("palette_converted",)
    if image.mode in _WITH_ALPHA or _TRANSPARENCY in image.info:
        if depth > 8:
            _shorten_key(image)
        # A copy of forty million pixels costs 160 MB: none where the mode is right already.
        clear = image if image.mode == "RGBA" else image.convert("RGBA")
        return _composited(clear, background), (*notes, "alpha_composited")
    target = _TARGETS.get(image.mode)
    if target is None:
        raise refusal("unsupported_pixels", f"The pixels are of kind {image.mode!r}.")
    mode, note = target
    return image.convert(mode), (*notes, note) if note else notes


_TARGETS: Mapping[str, tuple[str, str]] = {
    "1": ("L", ""),
    "P": ("RGB", ""),
    "RGBX": ("RGB", ""),
    "CMYK": ("RGB", "cmyk_converted"),
    "YCbCr": ("RGB", ""),
}


def _composited(image: Image.Image, background: Background) -> Image.Image:
    """Return RGBA `image` over `background`: round((alpha * colour + (255 - alpha) * b) / 255)."""
    canvas = Image.new("RGB", image.size, background)
    canvas.paste(image, mask=image)
    return canvas


def _shorten_key(image: Image.Image) -> None:
    """Cut a 16-bit transparent colour to the high byte, as its RGB pixels have been cut."""
    key = image.info.get(_TRANSPARENCY)
    if isinstance(key, tuple):
        image.info[_TRANSPARENCY] = tuple(value >> 8 for value in key)


def _from_sixteen_bit(
    image: Image.Image, depth: int, *, inverted: bool, background: Background
) -> tuple[Image.Image, tuple[str, ...]]:
    # Pillow's own conversion clips at 255: a picture in two colours.
    levels = np.asarray(image)
    notes = ["sixteen_bit_reduced"]
    if depth == 16 and int(levels.max(initial=0)) < _NARROW:
        notes.append("sixteen_bit_narrow")
    grey = (levels >> max(0, depth - 8)).astype(np.uint8)
    grey = 255 - grey if inverted else grey
    key = image.info.get(_TRANSPARENCY)
    if not isinstance(key, int):
        return Image.fromarray(grey), tuple(notes)
    canvas = Image.new("RGB", image.size, background)
    canvas.paste(Image.fromarray(grey).convert("RGB"), mask=Image.fromarray(levels != key))
    return canvas, (*notes, "alpha_composited")


_NARROW = 4096
"""A 16-bit picture with nothing above 12 bits is probably a 12-bit one in disguise. It is
scaled like any other, since a scale that depends on the content would make pixels of two
pictures incomparable, but it is noted: it will look black."""


def with_channels(image: Image.Image, channels: int) -> tuple[Image.Image, tuple[str, ...]]:
    """Reduce RGB to grey where one channel is wanted; grey stays grey until `to_pixels`."""
    if channels == 1 and image.mode == "RGB":
        return image.convert("L"), ("colour_to_grey",)
    if channels == 3 and image.mode == "L":
        return image, ("grey_repeated",)
    return image, ()


def to_pixels(image: Image.Image, channels: int) -> np.ndarray:
    """Return a mode L or RGB image as uint8 (height, width, channels), grey repeated."""
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
        if channels == 3:
            pixels = np.repeat(pixels, 3, axis=2)
    return pixels


_ARRAY_MODES: Mapping[int, str] = {1: "L", 3: "RGB", 4: "RGBA"}


def from_pixels(pixels: np.ndarray) -> Image.Image:
    """Return an array as an image of mode L, RGB or RGBA.

    Args:
        pixels: uint8 (H, W), (H, W, 1), (H, W, 3) or (H, W, 4).

    Raises:
        ImageError: `bad_pixels`.
    """
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        kind = getattr(pixels, "dtype", type(pixels).__name__)
        raise refusal("bad_pixels", f"The pixels are of type {kind}.")
    flat = pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    channels = 1 if flat.ndim == 2 else flat.shape[-1]
    if flat.ndim not in (2, 3) or channels not in _ARRAY_MODES or 0 in flat.shape:
        raise refusal("bad_pixels", f"The pixels have the shape {pixels.shape}.")
    return Image.fromarray(np.ascontiguousarray(flat))


# EXIF 2.32, tag 274: what the stored picture needs to be upright.
_TURNS: Mapping[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return `image` turned as its EXIF orientation, 1 to 8, says."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def turned(orientation: int) -> bool:
    """Return whether `orientation` swaps width and height."""
    return orientation >= 5
