"""Keyed random numbers: known answers, uniformity, independence of order."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.batches import randomness
from sightline.batches.randomness import digest_keys, random_words, uniforms
from sightline.files import sha256_bytes

KEYS = digest_keys([sha256_bytes(str(number).encode()) for number in range(2000)])


def test_words_are_those_of_splitmix64():
    # The published first outputs of SplitMix64 for the state 1234567.
    state = np.uint64(1234567)
    steps = np.arange(1, 6, dtype=np.uint64) * randomness._GAMMA
    assert randomness._mixed(state + steps).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_words_do_not_depend_on_the_other_keys():
    whole = random_words(KEYS, 3, context=(7, 1))
    assert (random_words(KEYS[::-1], 3, context=(7, 1)) == whole[::-1]).all()
    assert (random_words(KEYS[5:6], 3, context=(7, 1))[0] == whole[5]).all()


def test_more_words_begin_with_the_fewer():
    assert (random_words(KEYS, 9, context=(1,))[:, :4] == random_words(KEYS, 4, context=(1,))).all()


def test_each_part_of_the_context_matters():
    contexts = [(0, 0), (0, 1), (1, 0), (0,), (0, 0, 0), (-1, 0), (2**64 - 1, 1)]
    seen = {tuple(random_words(KEYS[:2], 2, context=context).flat) for context in contexts}
    assert len(seen) == len(contexts)


def test_numbers_are_uniform_and_uncorrelated():
    numbers = uniforms(KEYS, 4, context=(3, 0))
    assert numbers.min() >= 0 and numbers.max() < 1
    # Four standard errors of the mean, the variance and the correlation of 2,000 numbers.
    assert np.abs(numbers.mean(axis=0) - 0.5).max() < 4 * np.sqrt(1 / 12 / 2000)
    assert np.abs(numbers.var(axis=0) - 1 / 12).max() < 4 * np.sqrt(1 / 180 / 2000)
    following = uniforms(KEYS, 4, context=(3, 1))
    both = np.corrcoef(np.concatenate([numbers, following], axis=1).T) - np.eye(8)
    assert np.abs(both).max() < 4 / np.sqrt(2000)


def test_short_digests_are_refused():
    with pytest.raises(ValueError, match="shorter than 16"):
        digest_keys(["abc"])
