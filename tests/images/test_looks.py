from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from sightline.images.looks import Look, picture_looks


def look(picture: Image.Image) -> Look:
    return picture_looks([picture], [picture.convert("L")])[0]


def noise(side: int, seed: int = 0) -> Image.Image:
    levels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(levels)


def blocks(side: int, seed: int = 0, cells: int = 16) -> Image.Image:
    return noise(cells, seed).resize((side, side), Image.Resampling.NEAREST)


@pytest.mark.parametrize("level", [0, 17, 128, 255])
def test_a_plain_surface(level: int):
    seen = look(Image.new("RGB", (200, 150), (level,) * 3))
    assert (seen.brightness, seen.contrast, seen.sharpness) == (level, 0, pytest.approx(0.75))
    assert seen.border == bytes([level] * 12)


def test_brightness_and_contrast_are_mean_and_deviation_of_the_luma():
    picture = blocks(128)
    levels = np.asarray(picture.convert("L"), float)
    assert look(picture).brightness == pytest.approx(levels.mean(), abs=0.1)
    assert look(picture).contrast == pytest.approx(levels.std(), abs=0.1)


def test_sharpness_of_known_surfaces():
    edge = np.zeros((128, 128), np.uint8)
    edge[:, 64:] = 255
    ramp = np.tile(np.arange(128, dtype=np.uint8) * 2, (128, 1))
    assert look(Image.fromarray(edge)).sharpness == pytest.approx(0.5, abs=0.01)
    assert look(Image.fromarray(ramp)).sharpness < 0.1
    assert look(noise(128)).sharpness == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize("side", [128, 200, 320])
def test_blur_is_seen_at_every_size_and_contrast(side: int):
    for seed in range(3):
        sharp = blocks(side, seed)
        faint = sharp.point(lambda level: 100 + level // 4)
        blurred = sharp.filter(ImageFilter.GaussianBlur(side / 60))
        assert look(sharp).sharpness > 0.4
        assert look(faint).sharpness == pytest.approx(look(sharp).sharpness, abs=0.05)
        assert look(blurred).sharpness < 0.14


def test_the_border_is_told_side_by_side():
    picture = Image.new("RGB", (160, 160), (90, 90, 90))
    picture.paste((255, 0, 0), (0, 0, 160, 10))
    picture.paste((0, 0, 255), (0, 150, 160, 160))
    top, bottom, left, right = np.frombuffer(look(picture).border, np.uint8).reshape(4, 3)
    assert top.tolist() == [255, 0, 0] and bottom.tolist() == [0, 0, 255]
    assert left.tolist() == right.tolist() and 75 < left[1] < 90


@given(st.integers(1, 80), st.integers(1, 80), st.booleans(), st.integers(0, 9))
def test_every_size_has_a_look(width: int, height: int, grey: bool, seed: int):
    levels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    picture = Image.fromarray(levels)
    picture = picture.convert("L") if grey else picture
    seen = look(picture)
    assert 0 <= seen.brightness <= 255 and 0 <= seen.contrast <= 128
    assert 0 <= seen.sharpness <= 1 and len(seen.border) == 12


def test_together_they_are_measured_as_alone():
    pictures = [noise(40), blocks(128), noise(40, 1), Image.new("L", (50, 128), 7)]
    together = picture_looks(pictures, [picture.convert("L") for picture in pictures])
    assert together == [look(picture) for picture in pictures]
    assert picture_looks([], []) == []
