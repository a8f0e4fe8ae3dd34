from __future__ import annotations

import numpy as np

from sightline.explanation.colours import blend

PHOTO = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def luma(picture: np.ndarray) -> np.ndarray:
    return picture @ np.array([0.299, 0.587, 0.114])


def test_where_nothing_is_found_the_photo_keeps_its_light():
    for signed in (True, False):
        found = blend(PHOTO, np.zeros((20, 30), np.float32), signed=signed)
        np.testing.assert_allclose(luma(found), luma(PHOTO), atol=1)


def test_more_is_brighter():
    values = np.tile(np.linspace(0, 1, 30, dtype=np.float32), (20, 1))
    found = luma(blend(np.zeros((20, 30, 3), np.uint8), values, signed=False))[0]
    assert (np.diff(found) > -1e-9).all() and found[-1] > 150


def test_the_scale_does_not_matter_and_one_extreme_pixel_hides_nothing():
    values = np.random.default_rng(1).random((20, 30), dtype=np.float32)
    plain = blend(PHOTO, values, signed=False)
    np.testing.assert_allclose(plain, blend(PHOTO, values * 1e-6, signed=False), atol=1)
    values[0, 0] = 1e6
    far = blend(PHOTO, values, signed=False)
    assert np.abs(far.astype(int) - plain)[1:].max() <= 2


def test_red_speaks_for_and_blue_against():
    values = np.ones((20, 30), np.float32)
    values[:, 15:] = -1
    found = blend(np.full((20, 30, 3), 128, np.uint8), values, signed=True).astype(int)
    assert (found[:, :15, 0] > found[:, :15, 2] + 50).all()
    assert (found[:, 15:, 2] > found[:, 15:, 0] + 50).all()


def test_what_was_not_seen_is_pale():
    values = np.zeros((20, 30), np.float32)
    values[:, :10] = np.nan
    found = luma(blend(np.zeros((20, 30, 3), np.uint8), values, signed=False))
    assert (found[:, :10] > 120).all() and (found[:, 10:] == 0).all()
    assert blend(PHOTO, np.full((20, 30), np.nan, np.float32), signed=True).shape == PHOTO.shape
