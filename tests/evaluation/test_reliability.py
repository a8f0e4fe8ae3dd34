"""Bins have scikit-learn as their witness: test_against_scikit_learn.py."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.evaluation.clusters import Clusters
from sightline.evaluation.estimates import wilson
from sightline.evaluation.reliability import bin_numbers, calibration_error, reliability


def test_a_case_by_hand() -> None:
    confidence = np.array([0.6] * 10 + [0.9] * 10)
    right = np.array([True] * 5 + [False] * 5 + [True] * 8 + [False] * 2)
    low, high = reliability(confidence, right)
    assert (low.observed.value, high.observed.value) == (0.5, 0.8)
    assert (low.low, low.high, high.confidence) == (0.6, 0.6, pytest.approx(0.9))
    assert low.observed == wilson(5, 10)
    assert calibration_error(confidence, right, n=20).value == pytest.approx(0.1)


def test_equal_confidences_stay_in_one_bin() -> None:
    confidence = np.array([0.5] * 95 + [0.9] * 55)
    assert set(zip(confidence.tolist(), bin_numbers(confidence).tolist(), strict=True)) == {
        (0.5, bin_numbers(confidence)[0]),
        (0.9, bin_numbers(confidence)[-1]),
    }


def test_a_few_right_answers_do_not_prove_a_confidence() -> None:
    error = calibration_error(np.full(20, 0.99), np.ones(20, bool), n=20)
    assert error.value == pytest.approx(0.01)
    assert error.high == pytest.approx(0.99 - wilson(20, 20).low)


def test_decisions_about_one_image_hang_together() -> None:
    random = np.random.default_rng(0)
    confidence = random.random(100).repeat(8)
    right = (random.random(100) < 0.5).repeat(8)
    images = Clusters(of=np.arange(100).repeat(8), count=100)
    together = calibration_error(confidence, right, n=100, clusters=images)
    alone = calibration_error(confidence, right, n=800)
    assert together.value == alone.value
    assert together.high - together.low > 1.5 * (alone.high - alone.low)
    assert calibration_error(np.zeros(0), np.zeros(0, bool), n=0).defined is False
    assert reliability(np.zeros(0), np.zeros(0, bool)) == ()
