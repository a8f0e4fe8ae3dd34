"""Random numbers that are a pure function of what they are for.

A counter-based generator has no state that threads could take from in another order: the
number is the hash of its key. So an image's augmentation depends on (seed, epoch, content
digest) alone, never on its neighbours, the batch size or the worker that drew it. NumPy's
generators could be keyed too, but cost 20 µs to make and may change between versions.

The hash is SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
generators", OOPSLA 2014), vectorised over the keys. Not for secrets.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_WORD = 2**64
_DIGITS = 16


def digest_keys(digests: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Return the first 64 bits of each hexadecimal digest: uint64 (n,).

    Raises:
        ValueError: A digest is shorter than 16 hexadecimal digits.
    """
    for digest in digests:
        if len(digest) < _DIGITS:
            raise ValueError(f"digest {digest!r} is shorter than {_DIGITS} hexadecimal digits")
    return np.array([int(digest[:_DIGITS], 16) for digest in digests], dtype=np.uint64)


def random_words(
    keys: npt.NDArray[np.uint64], count: int, *, context: Sequence[int]
) -> npt.NDArray[np.uint64]:
    """Return `count` random 64-bit words for each key: uint64 (n, count).

    Args:
        keys: What the words are for, uint64 (n,).
        count: Words for each key.
        context: Integers that all keys share, for example (seed, epoch); order matters.
    """
    state = np.zeros(1, dtype=np.uint64)
    for number in context:
        state = _mixed((state ^ np.uint64(number % _WORD)) + _GAMMA)
    states = _mixed((keys ^ state) + _GAMMA)
    steps = np.arange(1, count + 1, dtype=np.uint64) * _GAMMA
    return _mixed(states[:, None] + steps)


def uniforms(
    keys: npt.NDArray[np.uint64], count: int, *, context: Sequence[int]
) -> npt.NDArray[np.float64]:
    """Return `count` numbers in [0, 1) for each key: float64 (n, count).

    Args:
        keys: As for `random_words`.
        count: As for `random_words`.
        context: As for `random_words`.
    """
    words = random_words(keys, count, context=context)
    # 53 bits are what a double holds exactly.
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mixed(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))
