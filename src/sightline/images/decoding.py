"""Bytes from a stranger to upright pixels, or one typed error. The only decoder of Sightline.

The first bytes decide the format; the file's structure is walked by our own code
(`containers`), caps are checked from it, and Pillow's plugin gets a stream with nothing but
the first frame; a JPEG goes to its decoder without a plugin. `Image.open` is not used: its
bomb check has one process-wide limit, half of what a phone's JPEG may have, and its warnings
cannot be silenced for one thread alone.

Must never change a setting of Pillow or of `warnings`, print, or leave a handle open; any
number of threads may decode at once. The codes of `ImageError` are `refusals.CODES`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    features,
)
from PIL import __version__ as _pillow_version

from sightline.errors import ImageError
from sightline.images import colours
from sightline.images.colours import Background
from sightline.images.containers import bmp, gif, heic, jpeg, png, tiff, webp
from sightline.images.formats import SUPPORTED, is_picture, sniff
from sightline.images.headers import Container, ImageHeader, Limits, check_limits
from sightline.images.refusals import refusal

_DEFAULT_LIMITS = Limits()
_POLICY = 1
_SCALES = (8, 4, 2)


@dataclass(frozen=True, kw_only=True)
class DecodedImage:
    """The pixels of one image.

    Attributes:
        pixels: uint8 (height, width, channels), upright; may be read-only.
        header: What the file's header says; its size is before any scaling.
        notes: What was met and done: `exif_rotated`, `alpha_composited`, `cmyk_converted`,
            `palette_converted`, `grey_repeated`, `colour_to_grey`, `sixteen_bit_reduced`,
            `sixteen_bit_narrow` (16 bits that use only 12: will look black),
            `first_frame_of_many`, `trailing_bytes`, `scaled_while_decoding`,
            `metadata_ignored` (EXIF damaged).
    """

    pixels: np.ndarray
    header: ImageHeader
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class OpenedImage:
    """A decoded picture that is still Pillow's: upright, mode L or RGB; and raw metadata."""

    image: Image.Image
    header: ImageHeader
    notes: tuple[str, ...]
    exif: bytes
    tables: bytes


def _plugin(kind: type[ImageFile.ImageFile]) -> Callable[[Container], Image.Image]:
    return lambda container: kind(io.BytesIO(container.stream))


_SCANS: Mapping[str, Callable[[bytes], Container]] = {
    "JPEG": jpeg.scan,
    "PNG": png.scan,
    "WEBP": webp.scan,
    "GIF": gif.scan,
    "BMP": bmp.scan,
    "TIFF": tiff.scan,
    "HEIC": heic.scan,
}

_OPENERS: Mapping[str, Callable[[Container], Image.Image]] = {
    "PNG": _plugin(PngImagePlugin.PngImageFile),
    "WEBP": _plugin(WebPImagePlugin.WebPImageFile),
    "GIF": _plugin(GifImagePlugin.GifImageFile),
    "BMP": _plugin(BmpImagePlugin.BmpImageFile),
    "TIFF": _plugin(TiffImagePlugin.TiffImageFile),
    "HEIC": heic.open_image,
}


def decoder_version() -> str:
    """Return the names and versions of what turns bytes into pixels, for records and caches."""
    # Not zlib: what it inflates is exact, and which one is loaded depends on what else was
    # imported first; with it, training and prediction would not find each other's caches.
    libraries = ("libjpeg_turbo", "webp", "libtiff")
    found = [f"{name} {features.version(name)}" for name in libraries]
    return "; ".join([f"sightline {_POLICY}", f"pillow {_pillow_version}", *found])


def read_header(data: bytes, *, limits: Limits = _DEFAULT_LIMITS) -> ImageHeader:
    """Return what the header of an image file says, without decoding it.

    Raises:
        ImageError: No image, an unsupported or damaged one, or one that exceeds `limits`.
    """
    kind = _check_bytes(data, limits)
    try:
        container = _SCANS[kind](data)
        check_limits(container, limits, scale=_SCALES[0] if kind == "JPEG" else 1)
        return _header(kind, container, container.mode or _open(kind, container).mode)
    except Exception as error:
        raise _translated(error, kind, len(data)) from error


def decode(
    data: bytes,
    *,
    channels: int = 3,
    background: Background = colours.WHITE,
    at_least: tuple[int, int] | None = None,
    limits: Limits = _DEFAULT_LIMITS,
) -> DecodedImage:
    """Return the pixels of the first frame of an image file, upright.

    Args:
        data: The file's content.
        channels: 3 for RGB, 1 for grey.
        background: The colour behind transparent pixels.
        at_least: (height, width) that is enough. A JPEG may then come back at 1/2, 1/4 or 1/8
            of its size, scaled while decoding, but never smaller than this. A JPEG beyond
            `limits.max_pixels` is scaled under it in any case.
        limits: What the image may cost.

    Raises:
        ImageError: No image, an unsupported or damaged one, or one that exceeds `limits`.
    """
    opened = open_image(
        data, channels=channels, background=background, at_least=at_least, limits=limits
    )
    return DecodedImage(
        pixels=colours.to_pixels(opened.image, channels), header=opened.header, notes=opened.notes
    )


def open_image(
    data: bytes,
    *,
    channels: int,
    background: Background,
    at_least: tuple[int, int] | None,
    limits: Limits,
) -> OpenedImage:
    """Do what `decode` does, leaving the picture with Pillow for resizing.

    Grey stays mode L when `channels` is 3: repeating it after resizing gives the same pixels.
    """
    kind = _check_bytes(data, limits)
    try:
        container = _SCANS[kind](data)
        scale = _scale(container, at_least, limits) if kind == "JPEG" else 1
        check_limits(container, limits, scale=scale)
        image, mode = _pixels(kind, container, scale, channels)
        plain, colour_notes = colours.plain(
            image, depth=container.depth, inverted=container.inverted, background=background
        )
        plain, channel_notes = colours.with_channels(plain, channels)
        return OpenedImage(
            image=colours.upright(plain, container.orientation),
            header=_header(kind, container, mode),
            notes=(
                *container.notes,
                *(("exif_rotated",) if container.orientation > 1 else ()),
                *(("first_frame_of_many",) if container.frames > 1 else ()),
                *(("scaled_while_decoding",) if scale > 1 else ()),
                *colour_notes,
                *channel_notes,
            ),
            exif=container.exif,
            tables=container.tables,
        )
    except Exception as error:
        raise _translated(error, kind, len(data)) from error


def _check_bytes(data: bytes, limits: Limits) -> str:
    """Return the format of `data`, which is one of `_SCANS`."""
    if not data:
        raise refusal("empty_file", "The file is empty (0 bytes).")
    if len(data) > limits.max_bytes:
        raise refusal(
            "too_many_bytes", f"{len(data)} bytes; Limits.max_bytes is {limits.max_bytes}."
        )
    kind = sniff(data)
    if kind in SUPPORTED:
        return kind
    if is_picture(kind):
        raise refusal("unsupported_format", f"The file is {kind}, which is not supported.")
    content = kind or "of no known kind"
    raise refusal("not_an_image", f"The file is not an image: {len(data)} bytes, {content}.")


def _pixels(kind: str, container: Container, scale: int, channels: int) -> tuple[Image.Image, str]:
    """Return the decoded picture, and the mode that its file stores."""
    if kind == "JPEG":
        return jpeg.decode(container, scale=scale, channels=channels), container.mode
    image = _open(kind, container)
    mode = image.mode
    image.load()
    return image, mode


def _open(kind: str, container: Container) -> Image.Image:
    """Let the plugin read its header, and hold it to the size that the limits allowed."""
    image = _OPENERS[kind](container)
    if image.size != (container.width, container.height):
        raise refusal(
            "corrupt",
            f"The {kind} says {container.width} x {container.height} pixels, "
            f"and its decoder found {image.size[0]} x {image.size[1]}.",
        )
    return image


def _header(kind: str, container: Container, mode: str) -> ImageHeader:
    sides = (container.width, container.height)
    width, height = reversed(sides) if colours.turned(container.orientation) else sides
    return ImageHeader(
        format=kind,
        width=width,
        height=height,
        frames=container.frames,
        mode=mode,
        orientation=container.orientation,
    )


def _scale(container: Container, at_least: tuple[int, int] | None, limits: Limits) -> int:
    """Return 8, 4, 2 or 1: what divides the picture while it is decoded."""
    width, height = container.width, container.height
    scale = 1
    if at_least is not None:
        rows, columns = at_least
        if colours.turned(container.orientation):
            rows, columns = columns, rows
        enough = (each for each in _SCALES if width >= each * columns and height >= each * rows)
        scale = next(enough, 1)
    while scale < _SCALES[0] and -(-width // scale) * -(-height // scale) > limits.max_pixels:
        scale *= 2
    return scale


def _translated(error: Exception, kind: str, size: int) -> ImageError:
    """Return the one typed error for whatever Pillow raised: its plugins raise a dozen types."""
    if isinstance(error, ImageError):
        return error
    if isinstance(error, MemoryError):
        return refusal("out_of_memory", f"No memory to decode the {kind} of {size} bytes.")
    if isinstance(error, Image.DecompressionBombError):
        return refusal("too_many_pixels", f"{error} (Pillow's own limit, as this process set it)")
    reason = str(error) or type(error).__name__
    if "truncated" in reason.lower():
        return refusal("truncated", f"The {kind} of {size} bytes ends too early: {reason}.")
    if "unknown pixel mode" in reason:
        return refusal("unsupported_pixels", f"The {kind} has pixels of an unknown kind.")
    return refusal("corrupt", f"The {kind} of {size} bytes cannot be decoded: {reason}.")
