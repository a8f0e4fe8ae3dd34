from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sightline.evaluation import fisher, holm, mcnemar, sign_flip, significance
from sightline.evaluation.significance import images_needed


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_the_binomial_test(before: int, after: int) -> None:
    wanted = stats.binomtest(before, before + after).pvalue if before + after else 1.0
    assert mcnemar(before, after) == pytest.approx(wanted)


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 9))
def test_groups_of_one_image_are_mcnemar(before: int, after: int, same: int) -> None:
    sums = np.array([-1] * before + [1] * after + [0] * same, np.int64)
    assert sign_flip(sums) == pytest.approx(mcnemar(before, after))


@settings(deadline=None)
@given(st.lists(st.integers(-5, 5), max_size=9))
def test_sign_flips_are_those_that_can_be_counted(sums: list[int]) -> None:
    seen = abs(sum(sums))
    flips = itertools.product((-1, 1), repeat=len(sums))
    totals = [abs(sum(a * b for a, b in zip(signs, sums, strict=True))) for signs in flips]
    wanted = np.mean([total >= seen for total in totals])
    assert sign_flip(np.array(sums, np.int64)) == pytest.approx(wanted)


@pytest.mark.parametrize(
    "sums",
    [
        np.random.default_rng(0).integers(-200, 230, 300),
        np.random.default_rng(1).integers(-3, 4, 5_000),
        np.append(np.ones(3_000, np.int64), -4_000),  # nothing like normal
    ],
)
def test_sign_flips_are_the_same_by_fouriers_transform(
    sums: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = sign_flip(sums)
    monkeypatch.setattr(significance, "_MANY", 0)
    assert sign_flip(sums) == pytest.approx(plain, rel=0, abs=1e-12)


def test_sign_flips_of_many_large_groups_are_nearly_normal_and_take_no_time() -> None:
    sums = np.random.default_rng(0).integers(-200, 201, 2_000)
    started = time.perf_counter()
    found = sign_flip(sums)
    # Some 0.3 seconds; by plain convolution it took 12.
    assert time.perf_counter() - started < 5
    # The totals of all flips have one parity: they are 2 apart, and the correction is 1.
    wanted = 2 * stats.norm.sf((abs(sums.sum()) - 1) / np.sqrt((sums**2).sum()))
    assert found == pytest.approx(wanted, abs=1e-4)


@settings(deadline=None)
@given(st.data())
def test_fisher_is_scipys(data: st.DataObject) -> None:
    n, other = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 60))
    right, other_right = data.draw(st.integers(0, n)), data.draw(st.integers(0, other))
    table = [[right, n - right], [other_right, other - other_right]]
    assert fisher(right, n, other_right, other) == pytest.approx(stats.fisher_exact(table).pvalue)


def test_fisher_of_many_images_neither_overflows_nor_vanishes() -> None:
    table = [[90_000, 10_000], [89_500, 10_500]]
    wanted = stats.fisher_exact(table).pvalue
    assert fisher(90_000, 100_000, 89_500, 100_000) == pytest.approx(wanted, rel=1e-6)


def test_holm_by_hand() -> None:
    # Sorted: 0.01 x 4, 0.02 x 3, 0.03 x 2 = 0.06, 0.04 x 1, never smaller than the one before.
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx((0.06, 0.04, 0.06, 0.06))
    assert holm([0.9, 0.6]) == (1.0, 1.0)
    assert holm([]) == ()


def test_the_images_needed_by_hand() -> None:
    # 30 and 50 of 1000: apart 0.08, gain 0.02: (1.96 √.08 + 0.8416 √.0796)² / .02²
    assert images_needed(30, 50, 1000) == images_needed(50, 30, 1000) == 1568
    assert images_needed(7, 7, 100) is None


def test_so_many_images_do_show_the_difference_four_times_out_of_five() -> None:
    n = images_needed(30, 50, 1000)
    random = np.random.default_rng(0)
    drawn = random.multinomial(n, [0.03, 0.05, 0.92], size=400)
    found = np.mean([mcnemar(before, after) < 0.05 for before, after, _ in drawn.tolist()])
    assert found == pytest.approx(0.8, abs=0.08)  # the exact test is a little cautious


def test_groups_that_swing_raise_no_more_false_alarms_than_they_may() -> None:
    """Eight groups of 15 images whose own difference scatters by 0.1 around none."""
    random = np.random.default_rng(0)
    unit = np.repeat(np.arange(8), 15)
    grouped, ignored = [], []
    for _ in range(400):
        swing = random.normal(0, 0.1, 8) / 2
        gain, loss = (np.clip(0.1 + sign * swing, 0, 0.5)[unit] for sign in (1, -1))
        drawn = random.random(len(unit))
        apart = np.where(drawn < gain, 1, np.where(drawn < gain + loss, -1, 0))
        sums = np.bincount(unit, weights=apart).astype(np.int64)
        grouped.append(sign_flip(sums) < 0.05)
        ignored.append(mcnemar(int((apart < 0).sum()), int((apart > 0).sum())) < 0.05)
    assert np.mean(grouped) <= 0.06
    assert np.mean(ignored) > 1.5 * np.mean(grouped)
