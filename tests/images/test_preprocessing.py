"""`Preprocessing` and what it does to pixels."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sightline.errors import ConfigError, ImageError
from sightline.files import canonical_json, parse_json
from sightline.images import (
    FITS,
    INTERPOLATIONS,
    Preprocessing,
    decode,
    preprocess,
    preprocess_pixels,
)
from tests.images.pictures import encoded, exif, noise, smooth

levels = st.integers(0, 255)
records = st.builds(
    Preprocessing,
    height=st.integers(1, 4096),
    width=st.integers(1, 4096),
    channels=st.sampled_from([1, 3]),
    fit=st.sampled_from(sorted(FITS)),
    interpolation=st.sampled_from(sorted(INTERPOLATIONS)),
    background=st.tuples(levels, levels, levels),
    draft=st.booleans(),
)


@given(records)
def test_a_record_survives_json(record: Preprocessing) -> None:
    text = canonical_json(record.to_json())
    again = Preprocessing.from_json(parse_json(text, name="record"))
    assert again == record
    assert again.digest == record.digest


@given(records, records)
def test_digests_differ_when_records_do(first: Preprocessing, second: Preprocessing) -> None:
    assert (first.digest == second.digest) == (first == second)


@pytest.mark.parametrize(
    "value",
    [
        {"heigth": 224},
        {"height": 0},
        {"height": 5000},
        {"height": 224.0},
        {"height": True},
        {"height": "224"},
        {"channels": 2},
        {"channels": 4},
        {"fit": "stretch"},
        {"fit": ["squash"]},
        {"interpolation": "cubic"},
        {"background": [0, 0]},
        {"background": [0, 0, 256]},
        {"background": [0, 0, 0.5]},
        {"background": "white"},
        {"alpha": "drop"},
        {"sixteen_bit": "clip"},
        {"frames": "all"},
        {"draft": 1},
        {"version": 2},
        {"version": 0},
        [],
        None,
    ],
)
def test_what_is_not_a_record_is_refused(value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        Preprocessing.from_json(value)
    assert caught.value.expected


def test_a_misspelt_key_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'height'"):
        Preprocessing.from_json({"heigth": 224})


def _record(**changes: object) -> Preprocessing:
    return dataclasses.replace(Preprocessing(height=2, width=2), **changes)  # type: ignore[arg-type]


COLUMNS = np.array([[0, 10, 20, 30], [40, 50, 60, 70]], np.uint8)


def test_squash_by_hand() -> None:
    # Halving the width with a box averages pairs: (0 + 10) / 2, (20 + 30) / 2, ...
    result = preprocess_pixels(COLUMNS, _record(channels=1, interpolation="box"))
    assert result[:, :, 0].tolist() == [[5, 25], [45, 65]]


def test_bilinear_is_antialiased() -> None:
    # Triangle of radius two, centres at 1 and 3 (in pixels 0.5, 1.5, 2.5, 3.5): weights 3, 3, 1.
    result = preprocess_pixels(COLUMNS, _record(channels=1))
    left = (3 * 0 + 3 * 10 + 1 * 20) / 7
    right = (1 * 10 + 3 * 20 + 3 * 30) / 7
    assert result[0, :, 0].tolist() == [round(left), round(right)]


def test_crop_by_hand() -> None:
    result = preprocess_pixels(COLUMNS, _record(channels=1, fit="crop"))
    assert result[:, :, 0].tolist() == [[10, 20], [50, 60]]


def test_crop_of_a_tall_picture_by_hand() -> None:
    result = preprocess_pixels(COLUMNS.T.copy(), _record(channels=1, fit="crop"))
    assert result[:, :, 0].tolist() == [[10, 50], [20, 60]]


def test_pad_by_hand() -> None:
    record = _record(height=4, width=4, fit="pad", background=(1, 2, 3))
    result = preprocess_pixels(COLUMNS, record)
    assert result[0].tolist() == [[1, 2, 3]] * 4
    assert result[1].tolist() == [[0] * 3, [10] * 3, [20] * 3, [30] * 3]
    assert result[2].tolist() == [[40] * 3, [50] * 3, [60] * 3, [70] * 3]
    assert result[3].tolist() == [[1, 2, 3]] * 4


def test_pad_of_a_grey_model_uses_the_luma_of_the_background() -> None:
    record = _record(height=4, width=4, channels=1, fit="pad", background=(255, 0, 0))
    assert preprocess_pixels(COLUMNS, record)[0, :, 0].tolist() == [76] * 4


def test_pad_keeps_a_thread_of_a_picture_visible() -> None:
    record = _record(height=8, width=8, fit="pad", background=(0, 0, 0))
    result = preprocess_pixels(np.full((2, 2000), 255, np.uint8), record)
    assert (result.max(axis=(1, 2)) == 255).sum() == 1


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 24),
    st.integers(1, 24),
    st.sampled_from([1, 3]),
    st.sampled_from([1, 3, 4]),
    st.sampled_from(sorted(FITS)),
    st.sampled_from(sorted(INTERPOLATIONS)),
)
def test_any_picture_fits_any_model(
    height: int,
    width: int,
    rows: int,
    columns: int,
    channels: int,
    given_channels: int,
    fit: str,
    interpolation: str,
) -> None:
    record = Preprocessing(
        height=rows, width=columns, channels=channels, fit=fit, interpolation=interpolation
    )
    result = preprocess_pixels(noise(height, width, given_channels), record)
    assert result.shape == (rows, columns, channels)
    assert result.dtype == np.uint8


@pytest.mark.parametrize("fit", sorted(FITS))
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_of_the_right_size_come_back_bit_for_bit(fit: str, channels: int) -> None:
    pixels = noise(9, 7, channels)
    record = Preprocessing(height=9, width=7, channels=channels, fit=fit)
    np.testing.assert_array_equal(preprocess_pixels(pixels, record), pixels.reshape(9, 7, channels))


@pytest.mark.parametrize("fit", sorted(FITS))
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("stored", [1, 3, 4])
def test_a_file_and_its_pixels_give_the_same(fit: str, channels: int, stored: int) -> None:
    record = Preprocessing(
        height=11, width=17, channels=channels, fit=fit, background=(10, 200, 90)
    )
    pixels = noise(30, 40, stored)
    np.testing.assert_array_equal(
        preprocess(encoded(pixels, "PNG"), record).pixels, preprocess_pixels(pixels, record)
    )


def test_rotation_comes_before_fitting() -> None:
    upright = smooth(60, 90)
    stored = Image.fromarray(upright).transpose(Image.Transpose.ROTATE_90)
    record = Preprocessing(height=20, width=50, fit="crop")
    np.testing.assert_array_equal(
        preprocess(encoded(stored, "PNG", exif=exif(6)), record).pixels,
        preprocess_pixels(upright, record),
    )


def test_draft_scales_only_what_leaves_half_as_much_again() -> None:
    data = encoded(smooth(96, 96), "JPEG", quality=95)
    for side, scaled in [(64, False), (33, False), (32, True)]:
        drafted = preprocess(data, Preprocessing(height=side, width=side))
        assert ("scaled_while_decoding" in drafted.notes) == scaled
        full = preprocess(data, Preprocessing(height=side, width=side, draft=False))
        assert "scaled_while_decoding" not in full.notes
        difference = np.abs(drafted.pixels.astype(int) - full.pixels)
        assert difference.mean() < 1.5
        assert scaled or not difference.any()


def test_without_draft_a_jpeg_is_its_pixels() -> None:
    data = encoded(smooth(96, 128), "JPEG")
    record = Preprocessing(height=16, width=16, draft=False)
    np.testing.assert_array_equal(
        preprocess(data, record).pixels, preprocess_pixels(decode(data).pixels, record)
    )


def test_a_golden_picture() -> None:
    """What any client must reproduce: a PNG with alpha, squashed to two by two."""
    picture = np.array(
        [
            [[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [0, 0, 0, 0]],
            [[255, 255, 255, 255], [128, 128, 128, 255], [0, 0, 0, 255], [9, 9, 9, 128]],
        ],
        np.uint8,
    )
    result = preprocess(encoded(picture, "PNG"), _record(interpolation="box"))
    # The transparent pixel is white; the half transparent: (128 * 9 + 127 * 255) / 255 = 132.
    assert result.pixels.tolist() == [
        [[128, 128, 0], [128, 128, 255]],
        [[192, 192, 192], [66, 66, 66]],
    ]


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((2, 2), np.float32),
        np.zeros((2, 2), bool),
        np.zeros((2, 2), np.uint16),
        np.zeros((2,), np.uint8),
        np.zeros((2, 2, 2), np.uint8),
        np.zeros((2, 2, 5), np.uint8),
        np.zeros((1, 2, 2, 3), np.uint8),
        np.zeros((0, 2, 3), np.uint8),
        np.zeros((2, 0), np.uint8),
        [[1, 2]],
    ],
)
def test_arrays_that_are_no_picture_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ImageError) as caught:
        preprocess_pixels(pixels, Preprocessing())
    assert caught.value.code == "bad_pixels"


def test_arrays_need_not_lie_in_one_piece() -> None:
    pixels = noise(8, 8)
    record = Preprocessing(height=8, width=8)
    np.testing.assert_array_equal(preprocess_pixels(pixels[::-1, ::-1], record), pixels[::-1, ::-1])
    assert preprocess_pixels(np.asfortranarray(pixels), record).tolist() == pixels.tolist()
