"""What is known of an image before a pixel is decoded, and the caps that are checked on it."""

from __future__ import annotations

from dataclasses import dataclass

from sightline.images.refusals import refusal


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one image may cost. All are checked from the header, before any allocation.

    Attributes:
        max_bytes: Size of the file.
        max_side: Largest width or height.
        max_pixels: Pixels that may be decoded; each costs up to 16 bytes for a moment.
        max_jpeg_pixels: Pixels of a JPEG whose scaled decoding stays within `max_pixels`.
        max_frame_pixels: Frames times width times height of an animation or of pages.
    """

    max_bytes: int = 64 * 1024 * 1024
    max_side: int = 16_384
    max_pixels: int = 40_000_000
    max_jpeg_pixels: int = 200_000_000
    max_frame_pixels: int = 2_000_000_000


@dataclass(frozen=True, kw_only=True)
class ImageHeader:
    """What the header of an image file says.

    Attributes:
        format: `"JPEG"`, `"PNG"`, `"WEBP"`, `"GIF"`, `"BMP"`, `"TIFF"`, `"HEIC"`, or `"PIXELS"`
            for an array.
        width: Columns as shown, after rotation.
        height: Rows as shown, after rotation.
        frames: Frames of an animation, or pages; only the first is decoded.
        mode: Pillow's word for the stored pixels, such as `"RGB"`, `"CMYK"` or `"I;16"`.
        orientation: EXIF orientation 1 to 8; 1 is upright.
    """

    format: str
    width: int
    height: int
    frames: int
    mode: str
    orientation: int


@dataclass(frozen=True, kw_only=True)
class Container:
    """What a file's structure says, before any decoder is asked.

    Attributes:
        width: Columns as stored.
        height: Rows as stored.
        stream: A file with the first frame and nothing that its pixels do not need: no
            metadata, later frames or trailing bytes for the decoder to trip over.
        mode: Pillow's word for the stored pixels; empty where only its plugin knows.
        frames: Frames or pages in the file.
        orientation: EXIF orientation 1 to 8.
        depth: Bits per sample.
        inverted: Zero is white in a 16-bit grey picture.
        work_bytes: What the decoder allocates beside the pixels.
        notes: What was met on the way; see `decode`.
        exif: The EXIF block, or a TIFF file as it is: unchecked, for `traces`.
        tables: The bodies of a JPEG's quantisation segments, joined: unchecked.
    """

    width: int
    height: int
    stream: bytes
    mode: str = ""
    frames: int = 1
    orientation: int = 1
    depth: int = 8
    inverted: bool = False
    work_bytes: int = 0
    notes: tuple[str, ...] = ()
    exif: bytes = b""
    tables: bytes = b""


_WORK_BYTES_PER_PIXEL = 6
"""A progressive JPEG keeps its coefficients, two bytes each: three planes at full size."""


def check_limits(container: Container, limits: Limits, *, scale: int = 1) -> None:
    """Refuse what would cost more than `limits` when decoded at 1/`scale` of its size.

    Raises:
        ImageError: `bad_dimensions` or `too_many_pixels`.
    """
    width, height = container.width, container.height
    size = f"{width} x {height} pixels"
    if width < 1 or height < 1:
        raise refusal("bad_dimensions", f"The header says {size}.")
    if max(width, height) > limits.max_side:
        raise refusal("too_many_pixels", f"{size}; Limits.max_side is {limits.max_side}.")
    allowed = limits.max_pixels if scale == 1 else limits.max_jpeg_pixels
    decoded = -(-width // scale) * -(-height // scale)
    if width * height > allowed or decoded > limits.max_pixels:
        field = "max_pixels" if scale == 1 else "max_jpeg_pixels"
        raise refusal("too_many_pixels", f"{size}; Limits.{field} is {allowed}.")
    if width * height * container.frames > limits.max_frame_pixels:
        raise refusal(
            "too_many_pixels",
            f"{container.frames} frames of {size}; "
            f"Limits.max_frame_pixels is {limits.max_frame_pixels}.",
        )
    if container.work_bytes > _WORK_BYTES_PER_PIXEL * limits.max_pixels:
        raise refusal(
            "too_many_pixels",
            f"{size} stored progressively need {container.work_bytes} bytes to decode; "
            f"Limits.max_pixels is {limits.max_pixels}.",
        )
