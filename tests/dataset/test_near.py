from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.dataset import near, near_pairs
from sightline.images.hashing import NEAR_DUPLICATE_DISTANCE


def brute_force(hashes: np.ndarray, most: int) -> list[list[int]]:
    distances = np.bitwise_count(hashes[:, None] ^ hashes[None]).sum(-1)
    return [
        [i, j, int(distances[i, j])]
        for i in range(len(hashes))
        for j in range(i + 1, len(hashes))
        if distances[i, j] <= most
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([(1, 3), (5, 7), (8, 10), (8, 0), (16, 21), (32, 48), (32, 56)]),
    st.integers(0, 2**32 - 1),
    st.integers(0, 120),
)
def test_near_pairs_are_those_of_brute_force(shape, seed, count):
    width, most = shape
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 256, (count, width), dtype=np.uint8)
    # Half of them are versions of the others, at distances around the limit.
    for i in range(count // 2, count):
        flips = rng.choice(width * 8, rng.integers(0, min(most + 4, width * 8)), replace=False)
        hashes[i] = hashes[i - count // 2] ^ np.packbits(np.isin(np.arange(width * 8), flips))
    hashes = np.unique(hashes, axis=0)
    assert near_pairs(hashes, most).tolist() == brute_force(hashes, most)


def test_nearest_keeps_the_nearest_of_each():
    rng = np.random.default_rng(0)
    hashes = np.unique(rng.integers(0, 256, (200, 2), dtype=np.uint8), axis=0)
    kept = {tuple(pair) for pair in near_pairs(hashes, 16, nearest=5).tolist()}
    every = brute_force(hashes, 16)
    assert kept < {tuple(pair) for pair in every}
    for node in range(len(hashes)):
        own = sorted((pair for pair in every if node in pair[:2]), key=lambda pair: pair[2])
        # Whatever is nearer than the fifth must be there; among equals any will do.
        assert all(tuple(pair) in kept for pair in own if pair[2] < own[4][2])


def test_near_pairs_of_many_hashes_take_seconds():
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 256, (12_000, 32), dtype=np.uint8)
    hashes[6000:6050] = hashes[:50] ^ np.uint8(1)
    start = time.process_time()
    assert len(near_pairs(hashes, NEAR_DUPLICATE_DISTANCE)) == 50
    assert time.process_time() - start < 20


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    monkeypatch.setattr(near, "_WORTH_KEEPING", 10)
    return np.random.default_rng(0).integers(0, 256, (40, 2), dtype=np.uint8)


def test_pairs_are_kept_and_found_again(hashes, cache, monkeypatch):
    found = near.kept_pairs(hashes, 4)
    assert (found == near_pairs(hashes, 4)).all() and len(found)
    assert (near.kept_pairs(hashes, 5) == near_pairs(hashes, 5)).all()
    monkeypatch.setattr(near, "near_pairs", None)
    assert (near.kept_pairs(hashes, 4) == found).all()


@pytest.mark.parametrize("damage", [b"", b"x" * 56, None])
def test_damaged_pairs_are_found_anew(hashes, cache, damage):
    found = near.kept_pairs(hashes, 4)
    (path,) = cache.rglob("*.pairs")
    path.write_bytes(path.read_bytes()[:-24] if damage is None else damage)
    assert (near.kept_pairs(hashes, 4) == found).all()


def test_few_are_kept(hashes, cache):
    for most in range(near._KEPT + 3):
        near.kept_pairs(hashes, most)
    assert len(list(cache.rglob("*.pairs"))) == near._KEPT


def test_a_cache_that_cannot_be_written_costs_time_only(hashes, cache, monkeypatch):
    (cache / near._FOLDER).write_text("in the way")
    assert (near.kept_pairs(hashes, 4) == near_pairs(hashes, 4)).all()
    monkeypatch.setenv("SIGHTLINE_CACHE", str(cache / near._FOLDER))
    assert (near.kept_pairs(hashes, 4) == near_pairs(hashes, 4)).all()
