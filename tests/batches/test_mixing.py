"""MixUp and CutMix: by hand, and keyed."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.batches.augmentation import PRESETS, Augmentation
from sightline.batches.batch import Batch
from sightline.batches.mixing import blend, cut, mix


def batch(count: int = 6) -> Batch:
    generator = np.random.default_rng(count)
    return Batch(
        pixels=generator.integers(0, 256, (count, 10, 12, 3), dtype=np.uint8),
        targets=np.eye(8, dtype=np.float32)[:count],
        weights=np.arange(1, count + 1, dtype=np.float32),
    )


def test_nothing_asked_changes_nothing():
    given = batch()
    assert mix(given, PRESETS["strong"], key=(0, 0, 0)) is given


def test_blend_by_hand():
    pixels = np.array([[[[100]]], [[[200]]]], np.uint8)
    assert blend(pixels, np.array([1, 0]), 0.75).ravel().tolist() == [125, 175]


def test_cut_by_hand():
    pixels = np.zeros((2, 4, 4, 1), np.uint8)
    pixels[1] = 9
    mixed, share = cut(pixels, np.array([1, 0]), 0.75, centre=np.array([0.5, 0.5]))
    assert mixed[0, :, :, 0].tolist() == [[0, 0, 0, 0], [0, 9, 9, 0], [0, 9, 9, 0], [0, 0, 0, 0]]
    assert share == 0.75
    mixed, share = cut(pixels, np.array([1, 0]), 0.75, centre=np.array([0.0, 1.0]))
    assert mixed[0].sum() == 9 and mixed[0, 0, 3, 0] == 9  # three quarters lie outside
    assert share == 15 / 16


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_targets_and_weights_say_what_is_seen(kind):
    given = batch()
    before = given.pixels.copy()
    mixed = mix(given, Augmentation(**{kind: 1.0}), key=(0, 0, 4))
    np.testing.assert_array_equal(given.pixels, before)
    np.testing.assert_allclose(mixed.targets.sum(axis=1), 1, rtol=1e-6)
    assert mixed.targets.dtype == mixed.weights.dtype == np.float32
    for index, row in enumerate(mixed.targets):
        shares = np.flatnonzero(row)
        assert index in shares
        partner = next((other for other in shares if other != index), index)
        weight = row[index] * given.weights[index] + (1 - row[index]) * given.weights[partner]
        assert mixed.weights[index] == pytest.approx(weight)
        if kind == "cutmix":
            own = (mixed.pixels[index] == before[index]).all(axis=-1).mean()
            assert own == pytest.approx(row[index], abs=1e-6)


def test_mixing_is_keyed():
    both = Augmentation(mixup=0.4, cutmix=1.0)
    first = mix(batch(), both, key=(1, 2, 3))
    np.testing.assert_array_equal(first.pixels, mix(batch(), both, key=(1, 2, 3)).pixels)
    assert not np.array_equal(first.pixels, mix(batch(), both, key=(1, 2, 4)).pixels)


def test_one_image_is_mixed_with_itself():
    mixed = mix(batch(1), Augmentation(mixup=1.0), key=(0,))
    assert np.abs(mixed.pixels.astype(int) - batch(1).pixels).max() <= 1
    np.testing.assert_allclose(mixed.targets, batch(1).targets)
