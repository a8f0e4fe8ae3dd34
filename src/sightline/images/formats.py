"""What a file is, by its first bytes. The file's name decides nothing.

Knows many more formats than it allows: "this is an AVIF picture" helps, "cannot identify"
does not. Never opens a decoder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

SUPPORTED = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIC")
"""The allow-list. HEIC needs the extra package `pillow-heif`."""

SUFFIXES: Mapping[str, str] = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".apng": "PNG",
    ".webp": "WEBP",
    ".gif": "GIF",
    ".bmp": "BMP",
    ".dib": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".heic": "HEIC",
    ".heif": "HEIC",
    ".hif": "HEIC",
}
"""File name endings, lower case, and the format each one promises."""

# (offset, magic, name); the first that fits wins. Sources: the formats' specifications.
_MAGICS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"%PDF-", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"8BPS", "Photoshop"),
    (0, b"\0\0\x01\0", "ICO"),
    (0, b"\0\0\x02\0", "CUR"),
    (0, b"icns", "ICNS"),
    (0, b"DDS ", "DDS"),
    (0, b"qoif", "QOI"),
    (0, b"v/1\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"\x01\xda", "SGI"),
    (0, b"BLP", "BLP"),
    (0, b"P1\n", "PNM"),
    (0, b"P2\n", "PNM"),
    (0, b"P3\n", "PNM"),
    (0, b"P4\n", "PNM"),
    (0, b"P5\n", "PNM"),
    (0, b"P6\n", "PNM"),
    (128, b"DICM", "DICOM"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5"),
    (0, b"\x93NUMPY", "NumPy array"),
    (0, b"PK\x03\x04", "ZIP archive"),
    (0, b"\x1f\x8b", "gzip archive"),
    (0, b"\xfd7zXZ\0", "xz archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z archive"),
    (0, b"Rar!", "RAR archive"),
    (0, b"SQLite format 3\0", "SQLite database"),
    (0, b"\x7fELF", "program"),
    (0, b"\x1aE\xdf\xa3", "Matroska video"),
)

_PICTURES = frozenset(
    "JPEG XL|JPEG 2000|PDF|PostScript|Photoshop|ICO|CUR|ICNS|DDS|QOI|OpenEXR|Radiance HDR|FITS"
    "|SGI|BLP|PNM|DICOM|AVIF|SVG|MP4 video|Matroska video".split("|")
)
_BMP_HEADER_SIZES = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_STILL_BRANDS = frozenset({b"mif1", b"msf1", b"mif2"})


def sniff(data: bytes) -> str | None:
    """Return the name of the format that `data` begins like, or None if it is unknown.

    `SUPPORTED` names are those that `decode` takes; any other name is for the message.
    """
    for offset, magic, name in _MAGICS:
        if data.startswith(magic, offset):
            return name
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith(b"BM") and int.from_bytes(data[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    if data[4:8] == b"ftyp":
        return _media_brand(data)
    return _text_kind(data[:512])


def is_picture(name: str | None) -> bool:
    """Return whether `name`, an answer of `sniff`, is a picture, supported or not."""
    return name in SUPPORTED or name in _PICTURES


def promised_format(path: str | os.PathLike[str]) -> str | None:
    """Return the format that the ending of `path` promises, or None for any other ending."""
    return SUFFIXES.get(os.path.splitext(os.fspath(path))[1].lower())


def _media_brand(data: bytes) -> str:
    """Return the format of an ISO base media file (ISO 14496-12) by its brands."""
    end = min(int.from_bytes(data[:4], "big"), 256)
    # Bytes 12 to 16 are the minor version, not a brand.
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, end, 4))]
    for brand in brands:
        if brand in _AVIF_BRANDS:
            return "AVIF"
        if brand in _HEIC_BRANDS:
            return "HEIC"
    return "HEIC" if brands[0] in _STILL_BRANDS else "MP4 video"


def _text_kind(head: bytes) -> str | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"<svg") or (text.startswith(b"<?xml") and b"<svg" in text):
        return "SVG"
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "HTML"
    if text.startswith(b"<?xml"):
        return "XML"
    if not text or any(byte < 9 or 13 < byte < 32 for byte in text):
        return None
    try:
        # Up to three bytes of a letter may be cut off at the end of the head.
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return "text" if error.start >= len(head) - 3 and len(head) == 512 else None
    return "text"
