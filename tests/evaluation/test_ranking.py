"""Areas have scikit-learn as their witness: test_against_scikit_learn.py. Here: the rest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics

from sightline.evaluation.estimates import auc_limits, wilson_limits
from sightline.evaluation.ranking import Ranked


def ties(n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    truth = random.random(n) < 0.4
    return truth, (random.integers(0, 12, n) + 3 * truth) / 20


@pytest.mark.parametrize(
    ("of", "witness"),
    [
        (Ranked.auc, metrics.roc_auc_score),
        (Ranked.average_precision, metrics.average_precision_score),
    ],
)
def test_an_influence_is_what_a_heavier_image_does(
    of: Callable[[Ranked], tuple[float, np.ndarray]], witness: Callable[..., float]
) -> None:
    truth, probabilities = ties()
    value, influence = of(Ranked.of(truth, probabilities))
    assert value == pytest.approx(witness(truth, probabilities))
    assert influence.sum() == pytest.approx(0, abs=1e-12)
    step = 1e-6
    for row in range(len(truth)):
        weights = np.ones(len(truth))
        weights[row] += step
        heavier = witness(truth, probabilities, sample_weight=weights)
        assert influence[row] == pytest.approx((heavier - value) / step, abs=1e-6)


def test_a_thinned_curve_keeps_its_ends_and_its_points() -> None:
    random = np.random.default_rng(0)
    truth = random.random(5000) < 0.3
    curve = Ranked.of(truth, random.random(5000) + 0.5 * truth).roc()
    thin = curve.thinned(100)
    assert 50 < len(thin.x) <= 100
    assert (thin.x[0], thin.y[0], thin.x[-1], thin.y[-1]) == (0, 0, 1, 1)
    assert set(zip(thin.x, thin.y, strict=True)) <= set(zip(curve.x, curve.y, strict=True))
    # A step is at most a fiftieth of the way, so the area hardly changes.
    assert np.trapezoid(thin.y, thin.x) == pytest.approx(np.trapezoid(curve.y, curve.x), abs=1e-3)
    assert curve.thinned(10_000) is curve


def test_limits_of_an_area_that_know_only_numbers() -> None:
    low, high = auc_limits(1.0, 10, 10)
    assert high == 1 and 0.65 < low < 0.85
    assert auc_limits(1.0, 10, 1000)[0] > low
    # Of one image each there is one pair, right or wrong.
    assert auc_limits(0.5, 1, 1) == pytest.approx(wilson_limits(0.5, 1))
    low, high = auc_limits(0.8, 30, 50)
    # Hanley and McNeil's standard error at the area itself (1982): 0.0543.
    assert (high - low) / 2 == pytest.approx(1.96 * 0.0543, rel=0.1)
    assert low < 0.8 < high
