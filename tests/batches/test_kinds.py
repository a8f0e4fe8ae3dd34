"""Cached pixels are what `images.load` gives, and what keys depend on."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from sightline.batches.cache import ArrayCache
from sightline.batches.kinds import cached_pixels, feature_kind, pixel_kind
from sightline.errors import ImageError
from sightline.files import sha256_bytes
from sightline.images import BytesSource, Preprocessing, load

PREPROCESSING = Preprocessing(height=12, width=16)


def jpegs(count: int) -> list[BytesSource]:
    generator = np.random.default_rng(0)
    sources = []
    for number in range(count):
        pixels = generator.integers(0, 256, (30, 40, 3), dtype=np.uint8)
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG")
        sources.append(BytesSource(stream.getvalue(), f"{number}.jpg"))
    return sources


def digests(sources: list[BytesSource]) -> list[str]:
    return [sha256_bytes(source.data) for source in sources]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("directory", [True, False])
def test_cached_pixels_are_those_that_load_gives(tmp_path, channels, directory):
    sources = jpegs(5)
    preprocessing = replace(PREPROCESSING, channels=channels)
    expected = np.stack([load(source, preprocessing).pixels for source in sources])
    cache = ArrayCache(tmp_path if directory else None)
    for _ in range(2):
        rows = cached_pixels(cache, sources, digests(sources), preprocessing=preprocessing)
        np.testing.assert_array_equal(rows[:], expected)
        assert rows.shape == (5, 12, 16, channels)


def test_streamed_pixels_are_the_same(tmp_path):
    sources = jpegs(5)
    cache = ArrayCache(None, memory_bytes=0)
    rows = cached_pixels(cache, sources, digests(sources), preprocessing=PREPROCESSING, workers=2)
    assert rows.streamed == 5
    expected = np.stack([load(source, PREPROCESSING).pixels for source in sources])
    np.testing.assert_array_equal(rows[np.array([3, 0])], expected[[3, 0]])


def test_a_broken_image_is_named_and_the_others_are_kept(tmp_path):
    sources = jpegs(70)
    broken = BytesSource(sources[66].data[:300], "broken.jpg")
    given = [*sources[:66], broken]
    with pytest.raises(ImageError, match=r"broken\.jpg"):
        cached_pixels(ArrayCache(tmp_path), given, digests(given), preprocessing=PREPROCESSING)
    seen: list[tuple[int, int]] = []
    cached_pixels(
        ArrayCache(tmp_path),
        sources,
        digests(sources),
        preprocessing=PREPROCESSING,
        progress=lambda *pair: seen.append(pair),
    )
    assert seen == [(64, 70), (70, 70)]


def test_rows_depend_on_all_that_makes_them():
    other = replace(PREPROCESSING, fit="pad")
    assert pixel_kind(PREPROCESSING).digest != pixel_kind(other).digest
    kinds = [
        feature_kind(preprocessing, weights_digest=weights, shape=(1, 7))
        for preprocessing in (PREPROCESSING, other)
        for weights in ("aa", "bb")
    ]
    kinds.append(feature_kind(PREPROCESSING, weights_digest="aa", shape=(2, 7)))
    assert len({kind.digest for kind in kinds}) == 5
    assert (kinds[0].shape, kinds[0].dtype) == ((1, 7), "float32")
