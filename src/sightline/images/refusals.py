"""Why an image is refused: the closed table of codes, and the one way to say each.

`ImageError.code` is one of these words wherever an image enters; reports and clients rely
on them. What was expected and what to do belong to the code, so they stand here once.
"""

from __future__ import annotations

from collections.abc import Mapping

from sightline.errors import ImageError

SUPPORTED_LIST = "JPEG, PNG, WebP, GIF, BMP or TIFF (HEIC with the extra 'heic')"

_ADVICE: Mapping[str, tuple[str, str]] = {
    "empty_file": ("an image file with content", "fetch the file again or leave it out"),
    "not_an_image": (SUPPORTED_LIST, "leave the file out or replace it by the image"),
    "unsupported_format": (SUPPORTED_LIST, "convert the file, for example to PNG or JPEG"),
    "unsupported_pixels": (
        "grey, colour or palette pixels of at most 16 bits, unsigned",
        "convert the picture to 8 or 16 bits per channel, grey or RGB",
    ),
    "truncated": ("the whole file, up to its end marker", "fetch or copy the file again"),
    "corrupt": ("an undamaged file", "fetch the file again or re-encode it"),
    "too_many_bytes": ("a smaller file", "re-encode it, or raise Limits.max_bytes"),
    "too_many_pixels": (
        "a smaller picture",
        "scale it down first, or raise the field of Limits named here",
    ),
    "bad_dimensions": ("a width and height of at least 1", "replace the file"),
    "out_of_memory": ("enough memory for the decoded picture", "decode fewer images at once"),
    "unreadable": ("a file that can be read", "check that it exists and may be read"),
    "unsafe_path": ("a regular file", "leave out pipes, devices and folders"),
    "bad_pixels": (
        "a uint8 array H×W, H×W×1, H×W×3 (RGB) or H×W×4 (RGBA), no side empty",
        "convert the array; floats in 0..1 need (a * 255).round().astype('uint8')",
    ),
}

CODES = frozenset(_ADVICE)
"""Every `code` that an `ImageError` of this layer can have."""


def refusal(code: str, what: str) -> ImageError:
    """Return the error for `code`, one of `CODES`, saying `what` happened."""
    expected, fix = _ADVICE[code]
    return ImageError(what, expected=expected, fix=fix, code=code)


def named(error: ImageError, name: str) -> ImageError:
    """Return `error` with the image's printable `name` in front, for a list of many images."""
    return ImageError(
        f"{name}: {error.what}",
        expected=error.expected,
        fix=error.fix,
        code=error.code,
        details={**error.details, "name": name},
    )
