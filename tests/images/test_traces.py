from __future__ import annotations

import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sightline.dataset import Content, read_content
from sightline.images import BytesSource, Trace
from sightline.images.traces import read_trace

WHEN = "2023:07:08 09:10:11"


def exif(make: str = "Canon", model: str = "Canon EOS 550D", taken: str = WHEN) -> Image.Exif:
    block = Image.Exif()
    block[271], block[272] = make, model
    block.get_ifd(0x8769)[0x9003] = taken
    return block


def saved(kind: str = "JPEG", **options) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (64, 48), (90, 120, 30)).save(stream, kind, **options)
    return stream.getvalue()


def trace_of(data: bytes) -> Trace | None:
    content = read_content(BytesSource(data, "x"))
    assert content.ok, content.error
    return content.trace


@pytest.mark.parametrize("quality", [1, 10, 30, 50, 75, 90, 95, 100])
def test_the_quality_that_libjpeg_was_asked_for_is_known_again(quality: int):
    trace = trace_of(saved(quality=quality))
    assert trace.quality == pytest.approx(quality, abs=0 if quality > 10 else 9)
    assert len(trace.tables) == 8


def test_other_tables_have_another_digest():
    digests = {trace_of(saved(quality=quality)).tables for quality in (30, 60, 90, 90)}
    assert len(digests) == 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_camera_and_date_are_read_from_every_format(kind: str):
    trace = trace_of(saved(kind, exif=exif()))
    assert trace.camera == "Canon EOS 550D"
    if kind != "TIFF":  # Pillow writes no EXIF directory there
        assert trace.taken == "2023-07-08T09:10:11"


def test_make_and_model_are_joined_where_the_model_does_not_repeat_it():
    assert trace_of(saved(exif=exif("Apple", "iPhone 7"))).camera == "Apple iPhone 7"


@pytest.mark.parametrize(
    "taken", ["", "0000:00:00 00:00:00", "2023:13:40 99:99:99", "yesterday", "2023-07-08 09:10:11"]
)
def test_what_is_no_date_counts_as_absent(taken: str):
    assert trace_of(saved(exif=exif(taken=taken))).taken == ""


def test_a_file_that_tells_nothing_has_no_trace():
    assert trace_of(saved("PNG")) is None
    assert trace_of(b"BM" + saved("BMP")[2:]) is None


def test_a_long_camera_name_is_cut_and_controls_stay_data():
    trace = trace_of(saved(exif=exif("", "x" * 5000)))
    assert trace.camera == "x" * 64


def test_damaged_exif_never_breaks_reading():
    """Every block that differs from a good one in some bytes gives a trace or none."""
    good = exif().tobytes()
    rng = random.Random(0)
    for _ in range(2000):
        block = bytearray(good)
        for _ in range(rng.randint(1, 6)):
            block[rng.randrange(len(block))] = rng.randrange(256)
        made = read_trace(exif=bytes(block[: rng.randint(0, len(block))]), tables=b"")
        assert made is None or (len(made.camera) <= 200 and len(made.taken) in (0, 19))


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_any_bytes_are_survived(exif: bytes, tables: bytes):
    made = read_trace(exif=b"II*\0\x08\0\0\0" + exif, tables=tables)
    assert made is None or made.quality is None or 1 <= made.quality <= 100


def test_files_that_tell_the_same_share_one_record():
    data = saved(quality=80)
    assert trace_of(data) is trace_of(saved(quality=80, comment=b"another file"))


def test_looks_and_traces_survive_the_index():
    content = read_content(BytesSource(saved(exif=exif()), "x"))
    assert content.look is not None and content.trace is not None
    assert Content.from_json(content.to_json()) == content
