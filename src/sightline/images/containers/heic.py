"""HEIC files, through the optional package `pillow-heif`.

The package is imported on first use: it brings a video decoder of tens of megabytes that
most users never need. The library applies rotation itself.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from PIL import Image

from sightline.errors import ImageError
from sightline.images.headers import Container


def scan(data: bytes) -> Container:
    """Read the structure of the HEIC file `data`.

    Raises:
        ImageError: `unsupported_format` where the extra package is missing, or `corrupt`.
    """
    file = _library().open_heif(data)
    width, height = file.size
    return Container(
        width=width,
        height=height,
        stream=data,
        frames=len(file),
        depth=int(file.info.get("bit_depth", 8)),
    )


def open_image(container: Container) -> Image.Image:
    """Return the primary picture, upright, 8 bits per channel."""
    image: Image.Image = _library().open_heif(container.stream).to_pillow()
    return image


def _library() -> ModuleType:
    try:
        return importlib.import_module("pillow_heif")
    except ImportError as error:
        raise ImageError(
            "This is a HEIC picture, and the package that reads it is not installed.",
            expected="the extra 'heic'",
            fix="pip install 'sightline[heic]', or convert the file to JPEG",
            code="unsupported_format",
        ) from error
