"""`decode`: pixels by the stated policies, or one typed error."""

from __future__ import annotations

import io
import os
import struct
import sys
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageFile

from sightline.errors import ImageError
from sightline.images import CODES, Limits, decode, decoder_version, read_header
from tests.images.pictures import encoded, exif, noise, smooth, with_chunk

LOSSLESS = ["PNG", "BMP", "TIFF"]
ALL = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"]
RED, WHITE = (255, 0, 0), (255, 255, 255)


def _code(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(ImageError) as caught:
        decode(data, limits=limits or Limits())
    assert caught.value.expected and caught.value.fix
    return caught.value.code


@pytest.mark.parametrize("kind", LOSSLESS)
@pytest.mark.parametrize("channels", [1, 3])
def test_lossless_formats_give_the_very_pixels(kind: str, channels: int) -> None:
    pixels = noise(4, 5, channels)
    decoded = decode(encoded(pixels, kind), channels=channels)
    np.testing.assert_array_equal(decoded.pixels, pixels.reshape(4, 5, channels))
    assert decoded.pixels.dtype == np.uint8
    assert (decoded.header.format, decoded.header.height, decoded.header.width) == (kind, 4, 5)
    assert decoded.notes == ()


def test_gif_and_lossless_webp_give_the_very_pixels() -> None:
    few = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]], np.uint8)
    gif = decode(encoded(few, "GIF"))
    np.testing.assert_array_equal(gif.pixels, few)
    assert gif.notes == ("palette_converted",)
    pixels = noise(6, 7)
    webp = decode(encoded(pixels, "WEBP", lossless=True))
    np.testing.assert_array_equal(webp.pixels, pixels)


def test_jpeg_gives_what_pillow_gives() -> None:
    data = encoded(smooth(40, 50), "JPEG")
    np.testing.assert_array_equal(decode(data).pixels, np.asarray(Image.open(io.BytesIO(data))))


def test_grey_becomes_rgb_and_rgb_grey() -> None:
    grey = decode(encoded(noise(3, 3, 1), "PNG"))
    assert grey.pixels.shape == (3, 3, 3)
    assert (grey.pixels == grey.pixels[:, :, :1]).all()
    assert grey.notes == ("grey_repeated",)
    # ITU-R 601: 0.299 R + 0.587 G + 0.114 B.
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [100, 150, 200]]], np.uint8)
    luma = decode(encoded(colours, "PNG"), channels=1)
    np.testing.assert_array_equal(luma.pixels[0, :, 0], [76, 150, 29, 141])
    assert luma.notes == ("colour_to_grey",)


def test_jpeg_for_a_grey_model_is_the_luma_of_its_colours() -> None:
    data = encoded(smooth(64, 48), "JPEG", quality=95)
    direct = decode(data, channels=1).pixels[:, :, 0].astype(int)
    by_colour = np.asarray(Image.fromarray(decode(data).pixels).convert("L")).astype(int)
    # Colours outside the range are clipped on one way only.
    assert np.abs(direct - by_colour).mean() < 0.2 and np.abs(direct - by_colour).max() <= 8


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_composited_on_the_background(mode: str) -> None:
    image = Image.new(mode, (4, 1))
    levels = [(0, 0), (0, 51), (200, 128), (200, 255)]
    for column, (level, alpha) in enumerate(levels):
        colour = (level, alpha) if mode == "LA" else (level, level, level, alpha)
        image.putpixel((column, 0), colour)
    data = encoded(image, "PNG")
    for background in (WHITE, RED):
        decoded = decode(data, background=background)
        by_hand = [
            [round((alpha * level + (255 - alpha) * behind) / 255) for behind in background]
            for level, alpha in levels
        ]
        assert decoded.pixels[0].tolist() == by_hand
        assert decoded.notes == ("alpha_composited",)


def test_transparent_palette_entry_and_colour_key_show_the_background() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((1, 0), 1)
    for kind in ("PNG", "GIF"):
        decoded = decode(encoded(palette, kind, transparency=0), background=RED)
        assert decoded.pixels[0].tolist() == [[255, 0, 0], [40, 50, 60]]
        assert decoded.notes == ("palette_converted", "alpha_composited")
    key = encoded(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8), "PNG", transparency=(1, 2, 3))
    assert decode(key, background=RED).pixels[0].tolist() == [[255, 0, 0], [4, 5, 6]]


def test_several_transparent_palette_entries_do_not_warn() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((1, 0), 1)
    data = encoded(palette, "PNG", transparency=bytes([0, 51]))
    assert decode(data, background=RED).pixels[0].tolist() == [[255, 0, 0], [212, 10, 12]]


def test_one_bit_is_black_and_white() -> None:
    image = Image.fromarray(np.array([[0, 255, 255, 0]], np.uint8)).convert("1")
    for kind in ("PNG", "BMP", "TIFF"):
        assert decode(encoded(image, kind), channels=1).pixels[0, :, 0].tolist() == [0, 255, 255, 0]


def test_cmyk_becomes_rgb() -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    decoded = decode(encoded(image, "JPEG", quality=100))
    assert np.abs(decoded.pixels.astype(int) - RED).max() <= 3
    assert "cmyk_converted" in decoded.notes


LEVELS = [0, 255, 256, 4095, 32768, 65279, 65280, 65535]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_give_their_high_byte(kind: str) -> None:
    decoded = decode(encoded(np.array([LEVELS], np.uint16), kind), channels=1)
    assert decoded.pixels[0, :, 0].tolist() == [0, 0, 1, 15, 128, 254, 255, 255]
    assert decoded.notes == ("sixteen_bit_reduced",)
    assert decoded.header.mode == "I;16"


def test_sixteen_bits_of_colour_give_their_high_byte() -> None:
    data = _tiff(
        np.array([[[0, 256, 65535], [4095, 32768, 65279]]], np.uint16),
        bits=(16, 16, 16),
        photometric=2,
    )
    decoded = decode(data)
    assert decoded.pixels[0].tolist() == [[0, 1, 255], [15, 128, 254]]
    assert decoded.notes == ("sixteen_bit_reduced",)


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bits_of_either_byte_order(order: str) -> None:
    data = _tiff(np.array([LEVELS], order + "u2"), bits=(16,), photometric=1)
    expected = [0, 0, 1, 15, 128, 254, 255, 255]
    assert decode(data, channels=1).pixels[0, :, 0].tolist() == expected


def test_zero_is_white_in_sixteen_bits() -> None:
    data = _tiff(np.array([LEVELS], np.uint16), bits=(16,), photometric=0)
    expected = [255, 255, 254, 240, 127, 1, 0, 0]
    assert decode(data, channels=1).pixels[0, :, 0].tolist() == expected


def test_twelve_declared_bits_are_scaled_from_twelve() -> None:
    # 4095, 0x800, 0x010, 0 packed as two twelve-bit samples in three bytes.
    packed = np.frombuffer(bytes([0xFF, 0xF8, 0x00, 0x01, 0x00, 0x00]), np.uint8)
    data = _tiff(packed.reshape(1, 6), bits=(12,), photometric=1, width=4)
    decoded = decode(data, channels=1)
    assert decoded.pixels[0, :, 0].tolist() == [255, 128, 1, 0]
    assert decoded.notes == ("sixteen_bit_reduced",)


def test_twelve_bits_disguised_as_sixteen_are_noted() -> None:
    decoded = decode(encoded(np.array([[0, 4095]], np.uint16), "PNG"), channels=1)
    assert decoded.pixels[0, :, 0].tolist() == [0, 15]
    assert decoded.notes == ("sixteen_bit_reduced", "sixteen_bit_narrow")


def test_sixteen_bit_colour_key_shows_the_background() -> None:
    png = encoded(np.array([[256, 257]], np.uint16), "PNG")
    decoded = decode(with_chunk(png, b"tRNS", (257).to_bytes(2, "big")), background=RED)
    assert decoded.pixels[0].tolist() == [[1, 1, 1], [255, 0, 0]]


def test_sixteen_bit_colour_with_a_key_shows_the_background() -> None:
    row = b"\0" + struct.pack(">6H", 256, 512, 65535, 4095, 32768, 65279)
    png = encoded(np.zeros((1, 2), np.uint8), "PNG")
    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    data = png[:8]
    for kind, body in (
        (b"IHDR", header),
        (b"tRNS", struct.pack(">3H", 256, 512, 65535)),
        (b"IDAT", zlib.compress(row)),
        (b"IEND", b""),
    ):
        data += struct.pack(">I", len(body)) + kind + body + _crc(kind + body)
    decoded = decode(data, background=(9, 8, 7))
    assert decoded.pixels[0].tolist() == [[9, 8, 7], [15, 128, 254]]
    assert decoded.notes == ("sixteen_bit_reduced", "alpha_composited")


def test_pixels_without_a_range_or_colour_space_are_refused() -> None:
    floats = Image.fromarray(np.zeros((2, 2), np.float32))
    whole = Image.fromarray(np.zeros((2, 2), np.int32))
    for image in (floats, whole, Image.new("LAB", (2, 2))):
        assert _code(encoded(image, "TIFF")) == "unsupported_pixels"


def _tiff(samples: np.ndarray, *, bits: tuple[int, ...], photometric: int, **sides: int) -> bytes:
    """Return an uncompressed TIFF as the specification lays it out, byte by byte."""
    order = ">" if samples.dtype.byteorder == ">" else "<"
    height, width = samples.shape[0], sides.get("width", samples.shape[1])
    body = samples.tobytes()
    wide = struct.pack(f"{order}{len(bits)}H", *bits)
    strip, table = 8, 8 + len(body)
    entries = [
        (256, 4, 1, struct.pack(order + "I", width)),
        (257, 4, 1, struct.pack(order + "I", height)),
        (258, 3, len(bits), wide.ljust(4, b"\0") if len(wide) <= 4 else None),
        (259, 3, 1, struct.pack(order + "HH", 1, 0)),
        (262, 3, 1, struct.pack(order + "HH", photometric, 0)),
        (273, 4, 1, struct.pack(order + "I", strip)),
        (277, 3, 1, struct.pack(order + "HH", len(bits), 0)),
        (278, 4, 1, struct.pack(order + "I", height)),
        (279, 4, 1, struct.pack(order + "I", len(body))),
    ]
    directory = struct.pack(order + "H", len(entries))
    for tag, kind, count, slot in entries:
        place = struct.pack(order + "I", table)
        directory += struct.pack(order + "HHI", tag, kind, count) + (slot or place)
    head = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(order + "I", table + len(wide))
    return head + body + wide + directory + bytes(4)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_gives_the_upright_picture(kind: str, orientation: int) -> None:
    upright = smooth(48, 80)
    image = Image.fromarray(upright)
    # What a camera stores: the inverse of the turn that a viewer applies.
    stored = image.transpose(_STORED[orientation]) if orientation > 1 else image
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    options |= {"lossless": True} if kind == "WEBP" else {}
    data = encoded(stored, kind, exif=exif(orientation), **options)
    decoded = decode(data)
    assert (decoded.header.height, decoded.header.width) == (48, 80)
    assert decoded.header.orientation == orientation
    assert ("exif_rotated" in decoded.notes) == (orientation > 1)
    tolerance = 12 if kind == "JPEG" else 0
    assert np.abs(decoded.pixels.astype(int) - upright).max() <= tolerance
    assert read_header(data) == decoded.header


_STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_is_ignored_and_noted(kind: str) -> None:
    block = b"Exif\0\0II*\0\xff\xff\xff\xff" + b"rubbish " * 3
    data = encoded(smooth(8, 8), kind, exif=block)
    decoded = decode(data)
    assert decoded.pixels.shape == (8, 8, 3)
    assert decoded.notes == ("metadata_ignored",)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_is_taken_and_the_others_counted(kind: str) -> None:
    frames = [Image.new("RGB", (6, 5), colour) for colour in (RED, (0, 255, 0), (0, 0, 255))]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    decoded = decode(data)
    assert (decoded.pixels == RED).all()
    assert decoded.header.frames == 3
    assert "first_frame_of_many" in decoded.notes


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_trailing_bytes_are_noted_and_harmless(kind: str) -> None:
    data = encoded(smooth(8, 8), kind)
    decoded = decode(data + b"PK\x03\x04 something else")
    np.testing.assert_array_equal(decoded.pixels, decode(data).pixels)
    assert "trailing_bytes" in decoded.notes


@pytest.mark.parametrize("kind", ALL)
def test_a_cut_file_is_refused_unless_nothing_is_lost(kind: str) -> None:
    whole = encoded(noise(40, 33), kind)
    expected = decode(whole).pixels
    step = max(1, len(whole) // 150)
    cuts = [*range(1, len(whole), step), *range(len(whole) - 12, len(whole))]
    for cut in cuts:
        try:
            np.testing.assert_array_equal(decode(whole[:cut]).pixels, expected)
        except ImageError as error:
            assert error.code in ("truncated", "corrupt", "not_an_image"), (cut, error)
        else:
            assert kind in ("BMP", "TIFF"), f"{kind} cut at {cut} of {len(whole)} was accepted"


@pytest.mark.parametrize("options", [{"progressive": True}, {"quality": 30}, {"restart": 1}])
def test_a_cut_jpeg_of_any_kind_is_refused(options: dict[str, int]) -> None:
    restart = {"restart_marker_blocks": 2} if "restart" in options else options
    whole = encoded(noise(64, 64), "JPEG", **restart)
    for cut in range(4, len(whole), max(1, len(whole) // 60)):
        assert _code(whole[:cut]) == "truncated"


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"])
def test_a_cut_compressed_tiff_is_refused_unless_nothing_is_lost(compression: str) -> None:
    whole = encoded(noise(40, 33), "TIFF", compression=compression)
    expected = decode(whole).pixels
    for cut in range(1, len(whole), max(1, len(whole) // 60)):
        try:
            np.testing.assert_array_equal(decode(whole[:cut]).pixels, expected)
        except ImageError as error:
            assert error.code in ("truncated", "corrupt", "not_an_image"), (cut, error)


@pytest.mark.parametrize("kind", ALL)
def test_mutated_bytes_give_pixels_or_one_typed_error(kind: str) -> None:
    whole = encoded(smooth(24, 24), kind)
    rng = np.random.default_rng(5)
    refused = 0
    for _ in range(150):
        bent = bytearray(whole)
        for at in rng.integers(0, len(whole), rng.integers(1, 6)):
            bent[at] = rng.integers(0, 256)
        try:
            assert decode(bytes(bent)).pixels.shape[2] == 3
        except ImageError as error:
            assert error.code in CODES
            refused += 1
    assert refused


def test_flipped_bits_of_a_png_never_pass() -> None:
    whole = encoded(noise(12, 12), "PNG")
    for at in range(41, len(whole) - 12, 7):
        bent = bytearray(whole)
        bent[at] ^= 0x10
        assert _code(bytes(bent)) in ("corrupt", "truncated")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"\0" * 4096, "not_an_image"),
        (b"just some words\n", "not_an_image"),
        (b"<!DOCTYPE html><html></html>", "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_format"),
        (b"%PDF-1.7\n", "unsupported_format"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", "unsupported_format"),
        (b"\xff\xd8\xff", "truncated"),
        (b"GIF89a", "truncated"),
        (b"II*\0", "truncated"),
        (b"BMX is a way of riding a bicycle", "not_an_image"),
        (b"BM" + bytes(12) + b"(", "truncated"),
    ],
)
def test_what_is_no_image_is_named(data: bytes, code: str) -> None:
    assert _code(data) == code
    with pytest.raises(ImageError) as caught:
        read_header(data)
    assert caught.value.code == code


def _png_header(width: int, height: int) -> bytes:
    """Return a PNG that claims a size and has next to no pixels."""
    whole = encoded(np.zeros((1, 1), np.uint8), "PNG")
    body = b"IHDR" + struct.pack(">II", width, height) + whole[24:29]
    return whole[:8] + struct.pack(">I", 13) + body + _crc(body) + whole[33:]


def _crc(body: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(body))


@pytest.mark.parametrize(
    ("size", "code"),
    [
        ((60_000, 60_000), "too_many_pixels"),
        ((16_385, 1), "too_many_pixels"),
        ((8_000, 6_000), "too_many_pixels"),
        ((0, 5), "bad_dimensions"),
        ((5, 0), "bad_dimensions"),
    ],
)
def test_sizes_are_refused_from_the_header(size: tuple[int, int], code: str) -> None:
    data = _png_header(*size)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        assert _code(data) == code
        times.append(time.perf_counter() - start)
    assert min(times) < 0.01


def test_limits_can_be_moved() -> None:
    data = encoded(noise(10, 20), "PNG")
    assert decode(data, limits=Limits(max_pixels=200)).pixels.shape == (10, 20, 3)
    assert _code(data, Limits(max_pixels=199)) == "too_many_pixels"
    assert _code(data, Limits(max_side=19)) == "too_many_pixels"
    assert _code(data, Limits(max_bytes=len(data) - 1)) == "too_many_bytes"
    gif = encoded(noise(10, 20), "GIF", save_all=True, append_images=[Image.new("RGB", (20, 10))])
    assert _code(gif, Limits(max_frame_pixels=399)) == "too_many_pixels"


def test_a_large_jpeg_is_scaled_under_the_limit_and_not_below_what_is_wanted() -> None:
    data = encoded(smooth(300, 400), "JPEG", quality=90)
    for limits, at_least, shape in [
        (Limits(), None, (300, 400)),
        (Limits(), (150, 200), (150, 200)),
        (Limits(), (151, 200), (300, 400)),
        (Limits(), (37, 50), (38, 50)),
        (Limits(max_pixels=119_999), None, (150, 200)),
        (Limits(max_pixels=29_999), (200, 200), (75, 100)),
    ]:
        decoded = decode(data, at_least=at_least, limits=limits)
        assert decoded.pixels.shape[:2] == shape
        assert ("scaled_while_decoding" in decoded.notes) == (shape != (300, 400))
        assert (decoded.header.height, decoded.header.width) == (300, 400)
    assert _code(data, Limits(max_pixels=29_999, max_jpeg_pixels=100_000)) == "too_many_pixels"


def test_wanted_size_is_of_the_upright_picture() -> None:
    data = encoded(smooth(100, 400), "JPEG", exif=exif(6))
    assert decode(data, at_least=(200, 50)).pixels.shape == (200, 50, 3)
    assert decode(data, at_least=(50, 51)).pixels.shape == (400, 100, 3)


def test_scaled_pixels_are_the_picture() -> None:
    picture = smooth(256, 256)
    scaled = decode(encoded(picture, "JPEG", quality=95), at_least=(64, 64)).pixels
    expected = np.asarray(Image.fromarray(picture).resize((64, 64), Image.Resampling.BOX))
    assert np.abs(scaled.astype(int) - expected).mean() < 2


def test_a_progressive_jpeg_is_held_to_what_its_coefficients_cost() -> None:
    data = encoded(smooth(128, 128), "JPEG", progressive=True, subsampling=0)
    assert _code(data, Limits(max_pixels=128 * 128 // 2)) == "too_many_pixels"
    assert decode(data, limits=Limits(max_pixels=128 * 128)).pixels.shape == (128, 128, 3)


def test_a_jpeg_of_a_thousand_scans_is_refused() -> None:
    data = encoded(smooth(32, 32), "JPEG", progressive=True)
    last = data.rfind(b"\xff\xda")
    assert _code(data[:last] + data[last:-2] * 1000 + data[-2:]) == "corrupt"


def test_threads_agree_and_nothing_global_changes() -> None:
    files = [encoded(noise(50, 60, seed=seed), kind) for seed, kind in enumerate(ALL * 8)]
    expected = [decode(data).pixels for data in files]
    before = (list(warnings.filters), Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    handles = len(os.listdir("/proc/self/fd"))
    with ThreadPoolExecutor(8) as pool:
        for given, pixels in zip(pool.map(decode, files), expected, strict=True):
            np.testing.assert_array_equal(given.pixels, pixels)
    after = (list(warnings.filters), Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    assert after == before
    assert len(os.listdir("/proc/self/fd")) == handles


def test_the_host_programs_smaller_limit_is_one_typed_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert decode(encoded(noise(20, 20), "JPEG")).pixels.shape == (20, 20, 3)
    assert _code(encoded(noise(20, 20), "WEBP")) == "too_many_pixels"


@pytest.mark.parametrize(
    "raised", [ValueError, SyntaxError, TypeError, struct.error, RecursionError, MemoryError]
)
def test_whatever_pillow_raises_becomes_one_type(
    raised: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: ImageFile.ImageFile) -> None:
        raise raised("inside")

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    code = _code(encoded(noise(4, 4), "PNG"))
    assert code == ("out_of_memory" if raised is MemoryError else "corrupt")


def test_an_interrupt_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: ImageFile.ImageFile) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ImageFile.ImageFile, "load", interrupt)
    with pytest.raises(KeyboardInterrupt):
        decode(encoded(noise(4, 4), "PNG"))


def test_heic_is_decoded_with_its_extra() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    stream = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(smooth(64, 96))).save(stream, quality=95)
    decoded = decode(stream.getvalue())
    assert (decoded.header.format, decoded.header.height, decoded.header.width) == ("HEIC", 64, 96)
    assert np.abs(decoded.pixels.astype(int) - smooth(64, 96)).mean() < 4
    assert _code(stream.getvalue()[:-200]) in ("truncated", "corrupt")


def test_heic_without_its_extra_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match=r"sightline\[heic\]") as caught:
        decode(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64))
    assert caught.value.code == "unsupported_format"


def test_decoder_version_names_what_decides_pixels() -> None:
    version = decoder_version()
    assert "pillow " in version and "libjpeg_turbo " in version
