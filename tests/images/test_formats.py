"""What a file is by its first bytes, and what its name promises."""

from __future__ import annotations

import pytest

from sightline.images import SUPPORTED, promised_format, sniff
from sightline.images.formats import is_picture
from tests.images.pictures import encoded, noise


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_what_is_written_is_recognised(kind: str) -> None:
    assert sniff(encoded(noise(3, 3), kind)) == kind
    assert kind in SUPPORTED and is_picture(kind)


def test_bigtiff_is_tiff() -> None:
    assert sniff(encoded(noise(3, 3), "TIFF", big_tiff=True)) == "TIFF"


@pytest.mark.parametrize(
    ("data", "name", "picture"),
    [
        (b"", None, False),
        (b"\0" * 100, None, False),
        (b"RIFF\x10\0\0\0WAVEfmt ", None, False),
        (b"PK\x03\x04rest", "ZIP archive", False),
        (b"%PDF-1.4", "PDF", True),
        (b"\xff\x0a\0", "JPEG XL", True),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC", True),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "AVIF", True),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "MP4 video", True),
        (b"<?xml version='1.0'?>\n<svg>", "SVG", True),
        (b"\xef\xbb\xbf  <HTML>", "HTML", False),
        (b"<?xml version='1.0'?><a/>", "XML", False),
        ("naïve".encode() * 200, "text", False),
        (b"x" * 511 + "é".encode(), "text", False),
        (b"\xff\xfe\xfd words", None, False),
        (b" " * 127 + b" DICM", "DICOM", True),
    ],
)
def test_other_things_are_named(data: bytes, name: str | None, picture: bool) -> None:
    assert sniff(data) == name
    assert is_picture(name) == picture


def test_names_promise_formats() -> None:
    assert promised_format("a/b/Photo.JPEG") == "JPEG"
    assert promised_format("scan.Tif") == "TIFF"
    assert promised_format("notes.txt") is None
    assert promised_format("jpg") is None
