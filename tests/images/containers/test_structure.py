"""Files bent on purpose, one structure at a time: what `scan` refuses before any decoder runs."""

from __future__ import annotations

import struct

import pytest
from PIL import Image

from sightline.errors import ImageError
from sightline.images import decode
from sightline.images.containers import bmp, gif, jpeg, png, tiff, webp
from sightline.images.containers.directory import exif_orientation, picture_count
from tests.images.pictures import encoded, exif, noise, smooth, with_chunk


def _refused(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decode(data)
    return caught.value.code


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def test_metadata_never_reaches_the_decoder() -> None:
    jpg = encoded(smooth(16, 16), "JPEG", exif=exif(3), comment=b"hello")
    assert b"Exif" in jpg and b"hello" in jpg
    stream = jpeg.scan(jpg).stream
    assert b"Exif" not in stream and b"hello" not in stream and b"JFIF" in stream
    picture = with_chunk(encoded(smooth(16, 16), "PNG"), b"zTXt", b"bomb\0\0" + b"x" * 50)
    assert b"zTXt" not in png.scan(picture).stream
    frames = encoded(
        noise(4, 4), "GIF", save_all=True, append_images=[Image.fromarray(smooth(4, 4))]
    )
    assert len(gif.scan(frames).stream) < len(frames) and gif.scan(frames).frames == 2


def test_a_plain_jpeg_is_not_copied() -> None:
    data = encoded(smooth(16, 16), "JPEG")
    assert jpeg.scan(data).stream is data


def test_jpeg_structure() -> None:
    whole = encoded(smooth(16, 16), "JPEG")
    frame = whole.index(b"\xff\xc0")
    second = whole[frame : frame + 19]
    assert _refused(whole[:frame] + second + whole[frame:]) == "corrupt"
    assert _refused(whole[:2] + b"\xff\xe5\x00\x01" + whole[2:]) == "corrupt"
    assert _refused(b"\xff\xd8\xff\xd9" + bytes(8)) == "corrupt"
    twelve_bits = whole[: frame + 4] + b"\x0c" + whole[frame + 5 :]
    assert _refused(twelve_bits) == "unsupported_pixels"
    # Fill bytes and stray bytes between segments are legal or common: ignored.
    loose = whole[:20] + b"junk\xff\xff" + whole[20:]
    assert (decode(loose).pixels == decode(whole).pixels).all()


def test_pictures_behind_a_jpeg_are_counted_unless_they_are_light() -> None:
    whole = encoded(smooth(16, 16), "JPEG")
    index = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0xB001, 4, 1, 2) + bytes(4)
    several = whole[:2] + _segment(0xE2, b"MPF\0" + index) + whole[2:] + whole
    decoded = decode(several)
    assert decoded.header.frames == 2 and decoded.notes == ("first_frame_of_many",)
    light = _segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0 hdrgm:Version="1.0"')
    assert decode(several[:2] + light + several[2:]).header.frames == 1
    damaged = whole[:2] + _segment(0xE2, b"MPF\0rubbish") + whole[2:]
    assert decode(damaged).notes == ("metadata_ignored",)


def test_png_structure() -> None:
    whole = encoded(noise(4, 4), "PNG")
    assert _refused(whole[:8] + whole[33:]) == "corrupt"
    assert _refused(whole[:8] + struct.pack(">I", 4) + b"CgBIabcdwxyz" + whole[8:]) == (
        "unsupported_format"
    )
    assert _refused(whole[:33] + whole[-12:]) == "corrupt"
    bent = bytearray(whole)
    bent[20] ^= 1
    assert _refused(bytes(bent)) == "corrupt"


def test_gif_structure() -> None:
    whole = encoded(noise(4, 4), "GIF")
    assert gif.scan(whole).frames == 1
    assert _refused(whole[:-1]) == "truncated"
    assert _refused(whole[:-1] + b"\x99") == "corrupt"
    assert _refused(whole[:13] + bytes(3 << ((whole[10] & 7) + 1)) + b";") == "corrupt"


def test_a_gif_frame_beyond_the_screen_counts_with_its_reach() -> None:
    screen = b"GIF89a" + struct.pack("<HHBBB", 10, 10, 0, 0, 0)
    image = b"," + struct.pack("<HHHHB", 60_000, 60_000, 5_000, 5_000, 0) + b"\x02\x01\x00\x00"
    container = gif.scan(screen + image + b";")
    assert (container.width, container.height) == (65_000, 65_000)
    assert _refused(screen + image + b";") == "too_many_pixels"


def test_webp_structure() -> None:
    lossy, lossless = encoded(noise(6, 4), "WEBP"), encoded(noise(6, 4), "WEBP", lossless=True)
    extended = encoded(noise(6, 4), "WEBP", exif=exif(1))
    for data in (lossy, lossless, extended):
        container = webp.scan(data)
        assert (container.height, container.width) == (6, 4)
    assert _refused(lossy[:8] + b"WEBPJUNK" + bytes(4) + bytes(len(lossy))) in (
        "corrupt",
        "truncated",
    )
    longer = bytearray(lossy)
    longer[16:20] = struct.pack("<I", 10**6)
    assert _refused(bytes(longer)) == "truncated"


def test_bmp_structure() -> None:
    whole = encoded(noise(4, 6), "BMP")
    upside_down = bytearray(whole)
    upside_down[22:26] = struct.pack("<i", -4)
    container = bmp.scan(bytes(upside_down))
    assert (container.height, container.width) == (4, 6)
    assert (decode(bytes(upside_down)).pixels == decode(whole).pixels[::-1]).all()
    runs = bytearray(whole)
    runs[30:34] = struct.pack("<I", 1)
    assert _refused(bytes(runs) + bytes(9 * 1024 * 1024)) == "too_many_bytes"
    old = b"BM" + bytes(8) + struct.pack("<IIHHHH", 26, 12, 1, 1, 1, 24) + b"\x03\x02\x01\0"
    assert decode(old).pixels.tolist() == [[[1, 2, 3]]]


def _bent_tag(
    data: bytes, tag: int, *, name: int | None = None, value: int | None = None, kind: int = 4
) -> bytes:
    """Return the little-endian TIFF `data` with another name, type or value of one tag."""
    bent = bytearray(data)
    first = struct.unpack_from("<I", data, 4)[0]
    for at in range(first + 2, first + 2 + 12 * struct.unpack_from("<H", data, first)[0], 12):
        if struct.unpack_from("<H", data, at)[0] == tag:
            struct.pack_into("<HHI", bent, at, name or tag, kind, 1)
            if value is not None:
                struct.pack_into("<I", bent, at + 8, value)
    assert bytes(bent) != data
    return bytes(bent)


def test_tiff_structure() -> None:
    whole = encoded(noise(4, 6), "TIFF", tiffinfo={274: 1})
    assert _refused(_bent_tag(whole, 256, kind=99)) == "corrupt"
    assert _refused(_bent_tag(whole, 256, value=0)) == "bad_dimensions"
    assert _refused(_bent_tag(whole, 273, value=10**6)) == "truncated"
    assert _refused(_bent_tag(whole, 279, value=10**6)) == "truncated"
    assert _refused(_bent_tag(whole, 259, value=60_000)) == "corrupt"
    odd = decode(_bent_tag(whole, 274, value=77))
    assert odd.notes == ("metadata_ignored",)
    assert (odd.pixels == decode(whole).pixels).all()


def test_pages_in_a_circle_end() -> None:
    whole = bytearray(encoded(noise(4, 6), "TIFF"))
    first = struct.unpack_from("<I", whole, 4)[0]
    after = first + 2 + 12 * struct.unpack_from("<H", whole, first)[0]
    struct.pack_into("<I", whole, after, first)
    container = tiff.scan(bytes(whole))
    assert container.frames == 1 and container.notes == ("metadata_ignored",)


def test_tiles_larger_than_any_picture_are_refused() -> None:
    whole = encoded(noise(4, 6), "TIFF")
    assert _refused(_bent_tag(whole, 278, name=322, value=10**6)) == "too_many_pixels"


def test_bigtiff_gives_the_very_pixels() -> None:
    pixels = noise(4, 6)
    for options in ({}, {"compression": "tiff_lzw"}):
        data = encoded(pixels, "TIFF", big_tiff=True, **options)
        assert (decode(data).pixels == pixels).all()


def test_directories_say_what_they_hold_or_raise() -> None:
    turned = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 274, 3, 1, 6, 0) + bytes(4)
    assert exif_orientation(turned) == exif_orientation(b"Exif\0\0" + turned) == 6
    assert exif_orientation(turned.replace(b"\x12\x01", b"\x13\x01")) == 1
    assert picture_count(turned) == 1
    for bad in (b"", b"II", b"XX*\0" + bytes(20), b"II+\1" + bytes(20), turned[:12]):
        with pytest.raises(ValueError):
            exif_orientation(bad)
    with pytest.raises(ValueError, match="1 to 8"):
        exif_orientation(turned.replace(b"\x06\0\0\0", b"\x09\0\0\0"))
    with pytest.raises(ValueError, match="beyond"):
        exif_orientation(turned.replace(b"\x03\0\x01\0\0\0", b"\x03\0\xff\0\0\0"))
