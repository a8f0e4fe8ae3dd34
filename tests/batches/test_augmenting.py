"""Augmented pixels: exact where they can be, and independent of company, order and threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.batches.augmentation import PRESETS, Augmentation
from sightline.batches.augmenting import augment, augment_batch, shift_batch, warp
from sightline.batches.drawing import draw, warp_matrices
from sightline.batches.randomness import digest_keys
from sightline.files import sha256_bytes

EVERYTHING = replace(PRESETS["strong"], horizontal_flip=True, vertical_flip=True, shift_pixels=2)


def images(count: int, height: int = 24, width: int = 31, channels: int = 3) -> np.ndarray:
    generator = np.random.default_rng([count, height, width, channels])
    return generator.integers(0, 256, (count, height, width, channels), dtype=np.uint8)


def digests(count: int) -> list[str]:
    return [sha256_bytes(str(number).encode()) for number in range(count)]


def smooth(size: int = 64) -> np.ndarray:
    """Return an image of slow waves, which interpolation hardly alters."""
    y, x = np.mgrid[:size, :size] / size * 2 * np.pi
    waves = np.stack([np.sin(x), np.cos(y), np.sin(x + y)], axis=-1)
    return np.rint(127 + 100 * waves).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_none_is_bit_equal(channels):
    pixels = images(4, channels=channels)
    keys = digest_keys(digests(4))
    assert augment_batch(pixels, PRESETS["none"], seed=1, epoch=1, keys=keys) is pixels


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ([[1, 0, 0], [0, 1, 0]], lambda image: image),
        ([[-1, 0, 30], [0, 1, 0]], lambda image: image[:, ::-1]),
        ([[1, 0, 0], [0, -1, 23]], lambda image: image[::-1]),
        (
            [[1, 0, 2], [0, 1, -3]],
            lambda image: np.pad(image, ((3, 3), (2, 2), (0, 0)), "reflect")[6:30, :31],
        ),
    ],
)
def test_whole_pixel_warps_are_exact(channels, matrix, expected):
    image = images(1, channels=channels)[0]
    moved = warp(image, np.array(matrix, np.float64))
    np.testing.assert_array_equal(moved, expected(image))


def test_a_quarter_turn_is_that_of_numpy():
    image = images(1, 32, 32)[0]
    still = draw(Augmentation(), digest_keys(digests(1)), seed=0, epoch=0, height=32, width=32)
    matrix = warp_matrices(replace(still, rotation=np.array([90.0])), height=32, width=32)[0]
    np.testing.assert_array_equal(warp(image, matrix), np.rot90(image))


def test_bilinear_samples_are_those_of_the_formula():
    image = images(1, 8, 8, 1)[0]
    # A shift by a quarter pixel: each result is 3/4 of its pixel and 1/4 of the one before.
    moved = warp(image, np.array([[1, 0, 0.25], [0, 1, 0]]))[:, 1:]
    expected = 0.75 * image[:, 1:].astype(float) + 0.25 * image[:, :-1]
    assert np.abs(moved - expected).max() <= 0.5 + 1e-9


@settings(max_examples=60)
@given(
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    channels=st.sampled_from([1, 3]),
    reach=st.integers(0, 15),
    flips=st.tuples(st.booleans(), st.booleans()),
    epoch=st.integers(0, 50),
)
def test_the_batch_path_is_the_warp(height, width, channels, reach, flips, epoch):
    augmentation = Augmentation(
        shift_pixels=reach, horizontal_flip=flips[0], vertical_flip=flips[1]
    )
    pixels, keys = images(5, height, width, channels), digest_keys(digests(5))
    drawn = draw(augmentation, keys, seed=0, epoch=epoch, height=height, width=width)
    matrices = warp_matrices(drawn, height=height, width=width)
    expected = np.stack([warp(*pair) for pair in zip(pixels, matrices, strict=True)])
    np.testing.assert_array_equal(shift_batch(pixels, drawn, reach=reach), expected)
    result = augment_batch(pixels, augmentation, seed=0, epoch=epoch, keys=keys)
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "augmentation",
    [PRESETS["light"], EVERYTHING, Augmentation(shift_pixels=3, horizontal_flip=True, gamma=1.2)],
)
def test_an_image_comes_out_the_same_in_any_company(augmentation, channels):
    pixels, names = images(9, channels=channels), digests(9)
    before = pixels.copy()
    keys = digest_keys(names)
    whole = augment_batch(pixels, augmentation, seed=5, epoch=3, keys=keys)
    assert whole.shape == pixels.shape and whole.dtype == np.uint8
    np.testing.assert_array_equal(pixels, before)
    backwards = augment_batch(pixels[::-1], augmentation, seed=5, epoch=3, keys=keys[::-1])
    np.testing.assert_array_equal(backwards[::-1], whole)

    def alone(index: int) -> np.ndarray:
        return augment(pixels[index], augmentation, seed=5, epoch=3, digest=names[index])

    with ThreadPoolExecutor(4) as pool:
        singles = list(pool.map(alone, reversed(range(9))))
    np.testing.assert_array_equal(np.stack(singles[::-1]), whole)


def test_epochs_and_seeds_differ():
    image, name = smooth(), digests(1)[0]
    seen = {
        augment(image, PRESETS["light"], seed=seed, epoch=epoch, digest=name).tobytes()
        for seed in (0, 1)
        for epoch in (0, 1, 2)
    }
    assert len(seen) == 6


def test_strong_keeps_the_picture_recognisable():
    image = smooth()
    for name in digests(40):
        result = augment(image, PRESETS["strong"], seed=0, epoch=0, digest=name)
        assert result.std() > 20 and 30 < result.mean() < 225


def test_the_lookup_is_applied_to_each_level():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    only_light = Augmentation(brightness=0.2, contrast=0.2, gamma=1.5)
    result = augment(ramp, only_light, seed=0, epoch=0, digest=digests(1)[0])
    assert (result[..., 0] == result[..., 2]).all()
    assert (np.diff(result[..., 0].ravel().astype(int)) >= 0).all()
    assert not np.array_equal(result, ramp)


def test_colour_leaves_grey_images_alone():
    colour = Augmentation(saturation=0.9, hue=90)
    name = digests(1)[0]
    grey = images(1, channels=1)[0]
    np.testing.assert_array_equal(augment(grey, colour, seed=0, epoch=0, digest=name), grey)
    same = grey.repeat(3, axis=2)
    recoloured = augment(same, colour, seed=0, epoch=0, digest=name)
    assert np.abs(recoloured.astype(int) - same).max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_erasing_paints_one_rectangle_of_the_mean(channels):
    pixels, names = images(30, channels=channels), digests(30)
    erasing = Augmentation(erase_probability=1)
    drawn = draw(erasing, digest_keys(names), seed=0, epoch=0, height=24, width=31)
    result = augment_batch(pixels, erasing, seed=0, epoch=0, keys=digest_keys(names))
    for before, after, (top, left, tall, wide) in zip(pixels, result, drawn.erase, strict=True):
        inside = np.zeros((24, 31), bool)
        inside[top : top + tall, left : left + wide] = True
        np.testing.assert_array_equal(after[~inside], before[~inside])
        painted = np.unique(after[inside], axis=0)
        assert len(painted) == 1
        assert np.abs(painted[0] - before.mean(axis=(0, 1))).max() <= 0.5 + 1e-9


def test_no_images_give_no_images():
    none = np.empty((0, 24, 31, 3), np.uint8)
    keys = np.empty(0, np.uint64)
    for augmentation in (EVERYTHING, Augmentation(shift_pixels=2)):
        assert augment_batch(none, augmentation, seed=0, epoch=0, keys=keys).shape == none.shape


def test_read_only_and_strided_pixels_are_taken():
    pixels = images(6)[::2, :, ::-1]
    pixels.flags.writeable = False
    keys = digest_keys(digests(3))
    result = augment_batch(pixels, EVERYTHING, seed=0, epoch=0, keys=keys)
    expected = augment_batch(pixels.copy(), EVERYTHING, seed=0, epoch=0, keys=keys)
    np.testing.assert_array_equal(result, expected)
