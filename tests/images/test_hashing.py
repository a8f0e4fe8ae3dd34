"""Digests of pictures."""

from __future__ import annotations

import io
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from sightline.errors import ImageError
from sightline.images import (
    HASH_SIDE,
    NEAR_DUPLICATE_DISTANCE,
    decode,
    hash_distance,
    perceptual_hash,
    pixel_digest,
)
from tests.images.pictures import encoded, noise


def _picture(seed: int) -> Image.Image:
    """Return a picture with coarse and fine parts, as photographs have."""
    fine = Image.fromarray(noise(24, 24, seed=seed)).resize((320, 240), Image.Resampling.BICUBIC)
    coarse = Image.fromarray(noise(5, 5, seed=seed + 100)).resize((320, 240))
    return Image.blend(fine, coarse, 0.6)


def _versions(image: Image.Image) -> list[Image.Image]:
    width, height = image.size
    return [
        image.resize((width // 2, height // 2)),
        image.resize((int(width * 0.9), int(height * 0.9))),
        Image.open(io.BytesIO(encoded(image, "JPEG", quality=30))),
        ImageEnhance.Brightness(image).enhance(0.7),
        image.convert("L"),
        image.crop((4, 3, width - 3, height - 4)),
    ]


def _hash(image: Image.Image) -> bytes:
    return perceptual_hash(np.asarray(image))


@pytest.mark.parametrize("seed", range(5))
def test_versions_of_a_picture_are_near(seed: int) -> None:
    image = _picture(seed)
    for version in _versions(image):
        assert hash_distance(_hash(image), _hash(version)) <= NEAR_DUPLICATE_DISTANCE


def test_other_pictures_are_far() -> None:
    hashes = [_hash(_picture(seed)) for seed in range(20)]
    assert {len(each) for each in hashes} == {32}
    distances = [hash_distance(first, second) for first, second in combinations(hashes, 2)]
    assert min(distances) > NEAR_DUPLICATE_DISTANCE


def test_small_and_plain_pictures_are_near_only_to_themselves() -> None:
    plain = [np.full((100, 100, 3), level, np.uint8) for level in (0, 128, 255)]
    small = [noise(8, 8, 1, seed=seed) // 128 * 255 for seed in range(20)]
    hashes = [perceptual_hash(pixels) for pixels in (*plain, *small)]
    for first, second in combinations(hashes, 2):
        assert hash_distance(first, second) > NEAR_DUPLICATE_DISTANCE
    assert perceptual_hash(plain[0].copy()) == hashes[0]


def test_hash_does_not_depend_on_layout_or_channels() -> None:
    grey = np.asarray(_picture(1).convert("L"))
    expected = perceptual_hash(grey)
    assert perceptual_hash(grey[:, :, None]) == expected
    assert perceptual_hash(np.repeat(grey[:, :, None], 3, axis=2)) == expected
    assert perceptual_hash(np.asfortranarray(grey)) == expected
    small = noise(8, 8, 1)
    assert perceptual_hash(small[:, :, None].repeat(3, axis=2)) == perceptual_hash(small)


def test_hash_refuses_what_is_no_picture() -> None:
    with pytest.raises(ImageError):
        perceptual_hash(np.zeros((4, 4), np.float32))


def test_distance_counts_bits() -> None:
    assert hash_distance(b"\x00\xff", b"\x01\x0f") == 5
    assert hash_distance(b"\x00\xff", b"\x00\xff") == 0


def test_pixel_digest_is_of_shape_and_pixels() -> None:
    pixels = noise(4, 6)
    assert pixel_digest(pixels) == pixel_digest(np.asfortranarray(pixels))
    assert pixel_digest(pixels) != pixel_digest(pixels.reshape(6, 4, 3))
    assert pixel_digest(pixels) != pixel_digest(255 - pixels)
    assert len(pixel_digest(pixels)) == 64


@pytest.mark.shared
def test_photographs_laid_out_alike_are_told_apart(shared: Path) -> None:
    files = sorted((shared / "data" / "clothing" / "test").rglob("*.jpg"))
    side = (HASH_SIDE, HASH_SIDE)
    hashes = [
        perceptual_hash(decode(path.read_bytes(), channels=1, at_least=side).pixels)
        for path in files
    ]
    near = [
        pair for pair in combinations(hashes, 2) if hash_distance(*pair) <= NEAR_DUPLICATE_DISTANCE
    ]
    assert len(files) == 372
    assert not near
    recompressed = 0
    for path, expected in zip(files[::8], hashes[::8], strict=True):
        with Image.open(path) as image:
            smaller = image.resize((int(image.width * 0.7), int(image.height * 0.7)))
        data = encoded(smaller, "JPEG", quality=40)
        given = perceptual_hash(decode(data, channels=1, at_least=side).pixels)
        recompressed += hash_distance(given, expected) <= NEAR_DUPLICATE_DISTANCE
    assert recompressed >= len(files[::8]) - 1
