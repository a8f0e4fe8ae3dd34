from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sightline.explanation.resampling import enlarge, put_back
from sightline.images import FITS, Preprocessing, placement, preprocess_pixels


@pytest.mark.parametrize(("height", "width"), [(7, 7), (14, 21), (56, 40)])
def test_enlarging_is_pillows_bilinear(height, width):
    values = np.random.default_rng(0).random((7, 7), np.float32)
    expected = Image.fromarray(values).resize((width, height), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(enlarge(values, height, width), expected, atol=1e-6)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize(("height", "width"), [(90, 60), (60, 90), (64, 64), (37, 201)])
def test_what_is_seen_in_the_input_comes_back_where_it_was(fit, height, width):
    """A slope survives resizing, so the input put back is the picture itself."""
    across = np.linspace(0, 250, width)[None, :].repeat(height, axis=0)
    down = np.linspace(0, 250, height)[:, None].repeat(width, axis=1)
    record = Preprocessing(height=48, width=64, channels=1, fit=fit, interpolation="bilinear")
    place = placement(height, width, record)
    for picture in (across, down):
        pixels = preprocess_pixels(np.rint(picture).astype(np.uint8), record)
        found = put_back(pixels[:, :, 0].astype(np.float32), place, height, width)
        seen = np.isfinite(found)
        # Levels are whole, and at the edges, where interpolation holds still, a pixel is lost.
        steepest = 250 / (min(height, width) - 1)
        largest = np.abs(found - picture)[seen].max()
        assert largest <= 1.5 + 2 * steepest
        assert np.median(np.abs(found - picture)[seen]) <= 1.5
        assert seen.all() == (fit != "crop" or height * 64 == width * 48)


def test_of_a_crop_the_borders_are_not_seen():
    record = Preprocessing(height=10, width=10, fit="crop")
    found = put_back(np.ones((10, 10), np.float32), placement(20, 60, record), 20, 60)
    assert np.isnan(found[:, :20]).all() and np.isnan(found[:, 40:]).all()
    assert (found[:, 20:40] == 1).all()


def test_of_a_pad_the_background_is_left_behind():
    record = Preprocessing(height=10, width=10, fit="pad")
    values = np.zeros((10, 10), np.float32)
    values[3:7] = 1  # where a picture of 2 to 5 stands
    assert (put_back(values, placement(20, 50, record), 20, 50) == 1).all()


def test_a_picture_of_one_pixel_is_one_value():
    for fit in FITS:
        record = Preprocessing(height=9, width=5, fit=fit)
        assert put_back(np.ones((9, 5)), placement(1, 1, record), 1, 1).tolist() == [[1.0]]
