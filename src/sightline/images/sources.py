"""Where an image comes from: something with a name that can be read, not only a path.

`load` is the one function through which all of the product gets pixels.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from sightline.errors import ConfigError, ImageError
from sightline.files import printable
from sightline.images import colours
from sightline.images.containers.directory import exif_orientation
from sightline.images.headers import ImageHeader, Limits
from sightline.images.preprocessing import (
    PreprocessedImage,
    Preprocessing,
    preprocess,
    preprocess_pixels,
    upright,
    upright_pixels,
)
from sightline.images.refusals import named, refusal

_DEFAULT_LIMITS = Limits()
_PIECE = 65_536


class Source(Protocol):
    """One image that can be read, as often as asked and from any thread."""

    @property
    def name(self) -> str:
        """What is shown to people; need not be printable as it is."""
        ...

    def read(self, *, max_bytes: int = ...) -> bytes:
        """Return the content of an image file.

        Raises:
            ImageError: `unreadable`, `unsafe_path`, or `too_many_bytes` before more than
                `max_bytes` are read.
        """
        ...


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file on this machine."""

    path: Path
    name: str

    def read(self, *, max_bytes: int = _DEFAULT_LIMITS.max_bytes) -> bytes:
        """Return the file's content; never waits for a pipe or a device."""
        try:
            # Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
            handle = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                return _read_regular(handle, max_bytes)
            finally:
                os.close(handle)
        except OSError as error:
            word = errno.errorcode.get(error.errno or 0, "EIO")
            why = f"{error.strerror or error} ({word})"
        except ValueError as error:
            why = str(error)  # A NUL in the name.
        raise refusal("unreadable", f"Cannot be read: {why}.")


@dataclass(frozen=True, slots=True)
class BytesSource:
    """An image file's content in memory."""

    data: bytes
    name: str

    def read(self, *, max_bytes: int = _DEFAULT_LIMITS.max_bytes) -> bytes:
        """Return the content."""
        if len(self.data) > max_bytes:
            raise _too_large(len(self.data), max_bytes)
        return self.data


@dataclass(frozen=True, slots=True, eq=False)
class ArraySource:
    """Upright pixels in memory: uint8 (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)."""

    pixels: np.ndarray
    name: str
    notes: tuple[str, ...] = ()

    def read(self, *, max_bytes: int = _DEFAULT_LIMITS.max_bytes) -> bytes:
        """Return the pixels as a PNG file, which decodes to the same pixels."""
        stream = io.BytesIO()
        colours.from_pixels(self.pixels).save(stream, "PNG", compress_level=1)
        data = stream.getvalue()
        if len(data) > max_bytes:
            raise _too_large(len(data), max_bytes)
        return data


def are_files(sources: Iterable[Source]) -> bool:
    """Return whether all of them are files: little to send to another process."""
    return all(isinstance(source, FileSource) for source in sources)


def as_source(
    thing: str | os.PathLike[str] | bytes | Image.Image | np.ndarray | Source,
    *,
    name: str | None = None,
) -> Source:
    """Return whatever a user calls an image as a `Source`.

    Args:
        thing: A path, an image file's content, a Pillow image, an array, or a `Source`, which
            is returned as it is.
        name: What to call it; a path names itself.

    Raises:
        ConfigError: `thing` is of another type.
        ImageError: A Pillow image or array whose pixels cannot be used.
    """
    if isinstance(thing, (str, os.PathLike)):
        path = Path(os.fspath(thing))
        return FileSource(path, name if name is not None else str(path))
    if isinstance(thing, (bytes, bytearray, memoryview)):
        return BytesSource(bytes(thing), name or "bytes")
    if isinstance(thing, Image.Image):
        return _from_pillow(thing, name or "image")
    if isinstance(thing, np.ndarray):
        colours.from_pixels(thing)
        return ArraySource(thing, name or "array")
    if hasattr(thing, "read") and hasattr(thing, "name") and not isinstance(thing, io.IOBase):
        return thing
    raise ConfigError(
        f"Cannot read an image from {type(thing).__name__}.",
        expected="a path, bytes, a Pillow image or a uint8 array",
        fix="for an open file, pass its content: file.read()",
        code="bad_source",
    )


def load(
    source: Source, preprocessing: Preprocessing, *, limits: Limits = _DEFAULT_LIMITS
) -> PreprocessedImage:
    """Return the model's input for `source`.

    Raises:
        ImageError: The image cannot be read or decoded; the message begins with its name.
    """
    try:
        if isinstance(source, ArraySource):
            return PreprocessedImage(
                pixels=preprocess_pixels(source.pixels, preprocessing),
                header=_pixels_header(source.pixels),
                notes=source.notes,
            )
        return preprocess(source.read(max_bytes=limits.max_bytes), preprocessing, limits=limits)
    except ImageError as error:
        raise named(error, printable(source.name)) from error


def load_upright(
    source: Source, preprocessing: Preprocessing, *, limits: Limits = _DEFAULT_LIMITS
) -> np.ndarray:
    """Return the upright picture that `load` makes fit: uint8 (H, W, channels).

    `preprocess_pixels` makes of it what `load` gives.

    Raises:
        ImageError: As `load` does.
    """
    try:
        if isinstance(source, ArraySource):
            return upright_pixels(source.pixels, preprocessing)
        return upright(source.read(max_bytes=limits.max_bytes), preprocessing, limits=limits)
    except ImageError as error:
        raise named(error, printable(source.name)) from error


def _pixels_header(pixels: np.ndarray) -> ImageHeader:
    image = colours.from_pixels(pixels)
    return ImageHeader(
        format="PIXELS",
        width=image.width,
        height=image.height,
        frames=1,
        mode=image.mode,
        orientation=1,
    )


def _from_pillow(image: Image.Image, name: str) -> ArraySource:
    """Decode a Pillow image by the policies for files; alpha stays until it is composited."""
    try:
        image.load()
    except Exception as error:
        raise refusal("corrupt", f"{printable(name)}: Pillow cannot load it: {error}.") from error
    orientation, notes = _exif_of(image)
    deep = image.mode.startswith("I;16")
    if not deep and (image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info):
        upright = colours.upright(image.convert("RGBA"), orientation)
        return ArraySource(np.asarray(upright), name, notes)
    plain, more = colours.plain(
        image, depth=16 if deep else 8, inverted=False, background=colours.WHITE
    )
    return ArraySource(np.asarray(colours.upright(plain, orientation)), name, (*notes, *more))


def _exif_of(image: Image.Image) -> tuple[int, tuple[str, ...]]:
    """Return the orientation that an image's EXIF says, and notes on it."""
    block = image.info.get("exif")
    if not block:
        return 1, ()
    try:
        orientation = exif_orientation(block)
    except ValueError:
        return 1, ("metadata_ignored",)
    return orientation, ("exif_rotated",) if orientation > 1 else ()


def _read_regular(handle: int, most: int) -> bytes:
    """Return all that the open file holds, or refuse it before more than `most` are read."""
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        raise refusal("unsafe_path", "Not a regular file.")
    if status.st_size > most:
        raise _too_large(status.st_size, most)
    data = b""
    # Usually one turn and no copy; a file that grows meanwhile takes another.
    while piece := os.read(handle, max(status.st_size, _PIECE)):
        data = data + piece if data else piece
        if len(data) > most:
            raise _too_large(len(data), most)
    return data


def _too_large(size: int, most: int) -> ImageError:
    return refusal("too_many_bytes", f"{size} bytes or more; Limits.max_bytes is {most}.")
