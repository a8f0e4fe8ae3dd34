from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from sightline.images import is_same_picture


def photo(seed: int, side: int = 200) -> Image.Image:
    levels = np.random.default_rng(seed).integers(0, 256, (14, 14, 3), dtype=np.uint8)
    return Image.fromarray(levels).resize((side, side), Image.Resampling.BICUBIC)


def recompressed(picture: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=30)
    return Image.open(stream)


@pytest.mark.parametrize(
    "edit",
    [
        lambda picture: picture,
        recompressed,
        lambda picture: picture.resize((110, 110), Image.Resampling.BICUBIC),
        lambda picture: ImageEnhance.Brightness(picture).enhance(0.7),
        lambda picture: picture.crop((0, 0, 192, 192)),
        lambda picture: picture.crop((10, 5, 200, 195)),
        lambda picture: picture.convert("L"),
    ],
)
def test_versions_of_a_picture_are_the_same_both_ways(edit):
    for seed in range(4):
        assert is_same_picture(photo(seed), edit(photo(seed)))
        assert is_same_picture(edit(photo(seed)), photo(seed))


def test_other_pictures_are_not():
    assert not any(is_same_picture(photo(seed), photo(seed + 1)) for seed in range(10))


def test_a_plain_surface_is_like_nothing():
    plain = Image.new("RGB", (100, 100), "grey")
    assert not is_same_picture(plain, plain)
    assert not is_same_picture(plain, photo(0))
