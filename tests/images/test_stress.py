"""What makes a photo worse."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.images import Preprocessing, as_source, load, load_upright, preprocess_pixels
from sightline.images.stress import STRESSES
from tests.images.pictures import encoded, exif, noise, smooth

EVERY = [(name, level) for name, stress in STRESSES.items() for level in stress.levels]


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


@pytest.mark.parametrize(("name", "level"), EVERY)
@pytest.mark.parametrize("shape", [(40, 30, 3), (30, 40, 1), (1, 1, 3), (2, 37, 1)])
def test_a_worse_picture_has_the_same_shape_and_the_same_pixels_each_time(
    name: str, level: float, shape: tuple[int, int, int]
) -> None:
    pixels = np.resize(smooth(40, 40), shape)
    kept = pixels.copy()
    worse = STRESSES[name].apply(pixels, level, 7)
    assert (worse.shape, worse.dtype) == (shape, np.uint8)
    assert np.array_equal(worse, STRESSES[name].apply(pixels, level, 7))
    assert np.array_equal(pixels, kept)


@pytest.mark.parametrize("name", STRESSES)
def test_levels_go_from_mild_to_bad(name: str) -> None:
    stress = STRESSES[name]
    picture = (smooth(96, 80) * 0.75 + noise(96, 80) * 0.25).astype(np.uint8)
    far = [distance(stress.apply(picture, level, 7), picture) for level in stress.levels]
    assert 0 < far[0]
    assert far == sorted(far)


def test_light_by_hand() -> None:
    # Half the light of 200: 255 ((200 / 255)**2.2 / 2)**(1 / 2.2) = 200 / 2**(1 / 2.2) = 145.95
    grey = np.full((2, 2, 1), 200, np.uint8)
    assert STRESSES["darker"].apply(grey, 0.5, 0).tolist() == [[[146]] * 2] * 2
    assert (STRESSES["brighter"].apply(grey, 8, 0) == 255).all()


def test_blur_spreads_a_point_as_a_gaussian_does() -> None:
    point = np.zeros((201, 201, 1), np.uint8)
    point[100, 100] = 255
    point[90:111, 90:111] = 255
    blurred = STRESSES["blur"].apply(point, 2, 0).astype(float)[:, :, 0]
    # A square of side 21 has the variance (21² - 1) / 12, the blur adds (2 % of 201)².
    across = blurred.sum(axis=0)
    places = np.arange(201) - 100
    variance = (across * places**2).sum() / across.sum()
    assert variance == pytest.approx((21**2 - 1) / 12 + 4.02**2, rel=0.05)


def test_noise_has_its_spread_and_no_bias() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    apart = STRESSES["noise"].apply(grey, 10, 1).astype(float) - 128
    assert apart.std() == pytest.approx(10, rel=0.02)
    assert apart.mean() == pytest.approx(0, abs=0.1)
    assert not np.array_equal(apart + 128, STRESSES["noise"].apply(grey, 10, 2))


def test_a_tilt_turns_to_both_sides_and_opens_no_corner() -> None:
    stripes = np.zeros((60, 60, 1), np.uint8)
    stripes[28:32] = 255
    left, right = (STRESSES["rotation"].apply(stripes, 45, key)[:, :, 0] for key in (1, 2))
    assert left[10, 49] > 200 > 50 > left[10, 10]
    assert right[10, 10] > 200 > 50 > right[10, 49]
    white = np.full((33, 50, 3), 255, np.uint8)
    for level in STRESSES["rotation"].levels:
        assert (STRESSES["rotation"].apply(white, level, 0) == 255).all()


def test_scale_leaves_a_mean_of_each_block() -> None:
    board = np.indices((16, 16)).sum(axis=0)[:, :, None].astype(np.uint8) % 2 * 200
    assert (STRESSES["scale"].apply(board, 0.5, 0) == 100).all()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("fit", ["squash", "pad", "crop"])
def test_the_upright_picture_is_what_preprocessing_makes_fit(fit: str, channels: int) -> None:
    preprocessing = Preprocessing(height=24, width=32, fit=fit, channels=channels)
    clear = np.dstack([smooth(50, 40), np.full((50, 40), 128, np.uint8)])
    for thing in (
        encoded(smooth(200, 300), "JPEG", exif=exif(6)),
        encoded(smooth(40, 60)[:, :, 0], "PNG"),
        encoded(clear, "PNG"),
        clear,
        smooth(24, 32),
        smooth(60, 60)[:, :, 0],
    ):
        source = as_source(thing)
        picture = load_upright(source, preprocessing)
        assert picture.shape[2] == channels
        fitted = preprocess_pixels(picture, preprocessing)
        assert np.array_equal(fitted, load(source, preprocessing).pixels)
