"""Exact tests of whether a difference could be chance, and the correction for many of them.

All are exact: no test here needs many images to be right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

SIGNIFICANT = 0.05
_POWER = 0.8
# Tables whose probabilities are equal but for rounding count as equally extreme.
_SAME = 1 + 1e-7
# Products from which on a convolution is done by Fourier's transform.
_MANY = 10**8


def mcnemar(only_before: int, only_after: int) -> float:
    """Return the exact two-sided p-value of McNemar's test; 1 where nothing differs.

    Args:
        only_before: Images that only the first classifier has right.
        only_after: Images that only the second has right.

    Source: Q. McNemar, Psychometrika 12 (1947), 153-157; exact form: the binomial test.
    """
    n, fewer = only_before + only_after, min(only_before, only_after)
    if n == 0:
        return 1.0
    return float(min(1.0, 2 * _binomial(n)[: fewer + 1].sum()))


def sign_flip(sums: np.ndarray) -> float:
    """Return the exact two-sided p-value of a paired test whose units are groups of images.

    If neither classifier is better, each group's balance is as likely to be turned round: all
    2**g ways to sign the g balances are equally probable. Where each group is one image this
    is McNemar's exact test.

    All of them are counted, however many the groups are: a great many by Fourier's transform,
    with an error below 1e-12. An approximation by the normal distribution would fail where one
    group is far larger than the others.

    Args:
        sums: For each group the images that only the second classifier has right minus those
            that only the first has right, int64 (g,).

    Source: R. A. Fisher, "The Design of Experiments", 1935, section 21; counted as by
    M. Pagano and D. Tritchler, JASA 78 (1983), 435-440.
    """
    sizes, counts = np.unique(np.abs(sums[sums != 0]), return_counts=True)
    odds = np.ones(1)
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        # Of `count` groups with a balance of ±size, j positive ones add j * size.
        odds = _convolved(odds, _binomial(count), size)
    whole = len(odds) - 1
    balance = np.abs(2 * np.arange(len(odds)) - whole)
    return float(min(1.0, odds[balance >= abs(int(sums.sum()))].sum()))


def fisher(right: int, n: int, other_right: int, other_n: int) -> float:
    """Return the exact two-sided p-value for two shares of different images being the same.

    Args:
        right: Successes in the one sample.
        n: Its size.
        other_right: Successes in the other.
        other_n: Its size.

    Source: R. A. Fisher, JRSS 85 (1922), 87-94; two-sided: tables that are no more probable.
    """
    successes, whole = right + other_right, n + other_n
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, whole + 1)))])

    def choose(top: int, bottom: np.ndarray | int) -> np.ndarray:
        return np.asarray(factorials[top] - factorials[bottom] - factorials[top - bottom])

    cells = np.arange(max(0, successes - other_n), min(successes, n) + 1)
    odds = np.exp(choose(n, cells) + choose(other_n, successes - cells) - choose(whole, successes))
    seen = odds[right - int(cells[0])]
    return float(min(1.0, odds[odds <= seen * _SAME].sum()))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return p-values corrected for having looked at all of them.

    Below 0.05 after the correction, the chance that even one of them is a false alarm is at
    most 5 %, however the tests hang together.

    Source: S. Holm, Scandinavian Journal of Statistics 6 (1979), 65-70.
    """
    m = len(p_values)
    order = np.argsort(p_values, kind="stable")
    stepped = np.asarray(p_values, np.float64)[order] * (m - np.arange(m))
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(stepped))
    return tuple(adjusted.tolist())


def images_needed(only_before: int, only_after: int, n: int) -> int | None:
    """Return how many images would show the difference seen, at 5 % and with a power of 80 %.

    Args:
        only_before: Images that only the first classifier has right.
        only_after: Images that only the second has right.
        n: Images compared.

    Returns:
        None where no difference was seen: no number of images shows that.

    Source: R. J. Connor, Biometrics 43 (1987), 207-211.
    """
    if only_before == only_after:
        return None
    apart, gain = (only_before + only_after) / n, (only_after - only_before) / n
    sure, found = (NormalDist().inv_cdf(share) for share in (1 - SIGNIFICANT / 2, _POWER))
    root = sure * math.sqrt(apart) + found * math.sqrt(apart - gain * gain)
    return math.ceil(root * root / (gain * gain))


def _convolved(odds: np.ndarray, others: np.ndarray, size: int) -> np.ndarray:
    """Return the probabilities of i + size * j, for independent i and j, float64."""
    length = len(odds) + size * (len(others) - 1)
    if len(odds) * len(others) > _MANY:
        spread = np.zeros(size * (len(others) - 1) + 1)
        spread[::size] = others
        room = 1 << length.bit_length()  # a power of two is quickest
        product = np.fft.rfft(odds, room) * np.fft.rfft(spread, room)
        return np.maximum(0.0, np.fft.irfft(product, room)[:length])
    found = np.zeros(length)
    if len(odds) < len(others):
        for i, share in enumerate(odds.tolist()):
            found[i : i + size * (len(others) - 1) + 1 : size] += share * others
    else:
        for j, share in enumerate(others.tolist()):
            found[size * j : size * j + len(odds)] += share * odds
    return found


def _binomial(n: int) -> np.ndarray:
    """Return the probabilities of 0 to n heads in n throws, float64 (n + 1,)."""
    # As running sums of logarithms: 2**-n itself is 0 from n = 1075 on.
    steps = np.arange(n, dtype=np.float64)
    logs = np.concatenate([[0.0], np.cumsum(np.log((n - steps) / (steps + 1)))])
    return np.asarray(np.exp(logs - n * np.log(2)))
