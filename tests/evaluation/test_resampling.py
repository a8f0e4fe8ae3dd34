from __future__ import annotations

import numpy as np
import pytest

from sightline.evaluation import mean_estimate
from sightline.evaluation.resampling import (
    RESAMPLES,
    percentile_estimate,
    resample_confusion,
    resample_sums,
)


def test_the_bootstrap_of_a_mean_has_the_textbook_width() -> None:
    values = np.random.default_rng(0).normal(3, 2, 400)
    estimate = mean_estimate(values)
    half = 1.96 * values.std() / 20
    assert estimate.value == pytest.approx(values.mean())
    # 2,000 resamples give a limit to about 5 % of the half-width.
    assert estimate.low == pytest.approx(estimate.value - half, abs=0.15 * half)
    assert estimate.high == pytest.approx(estimate.value + half, abs=0.15 * half)


def test_few_and_many_values_give_intervals_of_one_kind() -> None:
    values = np.random.default_rng(0).exponential(1, 10_000)
    closed, drawn = mean_estimate(values), mean_estimate(values[:-1])
    assert closed.low == pytest.approx(drawn.low, abs=2e-3)
    assert closed.high == pytest.approx(drawn.high, abs=2e-3)


def test_resampled_confusions_keep_the_number_of_images_and_the_shares() -> None:
    confusion = np.array([[30, 5, 0], [2, 10, 1], [0, 0, 0]])
    drawn = resample_confusion(confusion)
    assert drawn.hits.shape == (RESAMPLES, 3)
    assert (drawn.support.sum(axis=1) == 48).all() and (drawn.answered.sum(axis=1) == 48).all()
    assert (drawn.hits <= np.minimum(drawn.support, drawn.answered)).all()
    np.testing.assert_allclose(drawn.hits.mean(axis=0), [30, 10, 0], atol=0.4)
    np.testing.assert_allclose(drawn.support.mean(axis=0), [35, 13, 0], atol=0.4)
    np.testing.assert_allclose(drawn.answered.mean(axis=0), [32, 15, 1], atol=0.4)


def test_the_seed_decides() -> None:
    table = np.arange(20.0).reshape(10, 2)
    np.testing.assert_array_equal(resample_sums(table, seed=3), resample_sums(table, seed=3))
    assert (resample_sums(table, seed=3) != resample_sums(table, seed=4)).any()


def test_columns_of_one_row_are_drawn_together() -> None:
    table = np.stack([np.arange(9.0), 2 * np.arange(9.0)], axis=1)
    sums = resample_sums(table)
    np.testing.assert_allclose(sums[:, 1], 2 * sums[:, 0])


def test_a_collapsed_bootstrap_gives_way_to_wilson() -> None:
    flat = np.ones(RESAMPLES)
    assert percentile_estimate(1.0, flat, n=20).low == 1
    guarded = percentile_estimate(1.0, flat, n=20, effective_n=20)
    assert guarded.low == pytest.approx(20 / 23.841459, abs=1e-6)


def test_the_interval_always_holds_the_value() -> None:
    estimate = percentile_estimate(0.9, np.linspace(0.1, 0.5, RESAMPLES), n=5)
    assert estimate.low < estimate.value == estimate.high
