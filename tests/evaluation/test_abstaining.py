from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from sightline.errors import CheckFailedError, ConfigError
from sightline.evaluation.abstaining import (
    limit_for_coverage,
    limit_for_error,
    risk_coverage,
    tail,
)


def drawn(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return confidences, and answers that are wrong the more often the less confident."""
    confidence = rng.uniform(0.5, 1, n).astype(np.float32)
    return confidence, rng.random(n) >= 2 * (1 - confidence) ** 3


def error_beyond(limit: float) -> float:
    """Return how often those answers are wrong from a confidence on: a mean of the curve above."""
    return (1 - limit) ** 3 / 2


@pytest.mark.parametrize(("n", "errors", "share"), [(1, 0, 0.1), (150, 3, 0.02), (5000, 90, 0.02)])
def test_the_tail_is_the_binomial_one(n, errors, share):
    assert tail(n, errors, share) == pytest.approx(binom.cdf(errors, n, share), rel=1e-9)


@pytest.mark.parametrize(("n", "max_error"), [(150, 0.05), (400, 0.05), (1500, 0.02)])
def test_the_promise_is_kept_in_nineteen_of_twenty_cases(n, max_error):
    rng = np.random.default_rng(0)
    broken = shown = 0
    for _ in range(400):
        try:
            limit = limit_for_error(*drawn(n, rng), max_error)
        except CheckFailedError:
            continue
        shown += 1
        broken += error_beyond(limit.unsure_below) > max_error
    assert shown > 200
    # 5 % of 400 is 20; more than 32 has a chance of less than one in two hundred.
    assert broken <= 32


def test_the_limit_answers_most_of_what_it_may():
    rng = np.random.default_rng(1)
    confidence, right = drawn(20_000, rng)
    limit = limit_for_error(confidence, right, 0.02)
    ideal = 1 - 0.04 ** (1 / 3)
    assert ideal < limit.unsure_below < ideal + 0.03
    assert limit.error.value <= 0.02
    assert "at most 0.02 are wrong" in limit.promise


def test_the_fewest_answers_that_can_show_it_are_known():
    # (1 - 0.02) ** 149 is the first below 0.05; one more image defines the limit.
    ones = np.linspace(0.9, 1, 150).astype(np.float32)
    assert limit_for_error(ones, np.ones(150, bool), 0.02).coverage.value == 1
    with pytest.raises(CheckFailedError, match="149 images cannot show") as caught:
        limit_for_error(ones[:149], np.ones(149, bool), 0.02)
    assert "at least 150 confident answers" in caught.value.expected


def test_one_early_mistake_does_not_end_the_search():
    confidence = np.linspace(1, 0.5, 1_000).astype(np.float32)
    right = np.ones(1_000, bool)
    right[0] = False
    assert limit_for_error(confidence, right, 0.02).coverage.value > 0.9


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.5, 0.7, 0.9]), st.booleans()), max_size=400))
def test_images_of_the_same_confidence_share_their_fate(pairs):
    confidence = np.array([pair[0] for pair in pairs], np.float32)
    right = np.array([pair[1] for pair in pairs], bool)
    try:
        limit = limit_for_error(confidence, right, 0.1)
    except CheckFailedError:
        return
    answered = confidence >= np.float32(limit.unsure_below)
    assert limit.coverage.value == answered.mean()
    assert (~right[answered]).mean() <= 0.1


@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.99])
def test_the_coverage_is_kept_on_average(coverage):
    rng = np.random.default_rng(2)
    reached = []
    for _ in range(400):
        confidence, right = drawn(199, rng)
        limit = limit_for_coverage(confidence, right, coverage)
        reached.append(1 - (limit.unsure_below - 0.5) / 0.5)
    assert coverage - 0.003 <= np.mean(reached) <= coverage + 1 / 200 + 0.003


def test_too_few_images_show_no_coverage():
    with pytest.raises(CheckFailedError, match="8 images"):
        limit_for_coverage(np.ones(8, np.float32), np.ones(8, bool), 0.9)
    limit_for_coverage(np.ones(9, np.float32), np.ones(9, bool), 0.9)


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan")])
def test_shares_are_checked(share):
    with pytest.raises(ConfigError):
        limit_for_error(np.ones(9, np.float32), np.ones(9, bool), share)
    with pytest.raises(ConfigError):
        limit_for_coverage(np.ones(9, np.float32), np.ones(9, bool), share)


def test_the_curve_of_a_case_by_hand():
    confidence = np.float32([0.9, 0.8, 0.8, 0.6])
    right = np.array([True, False, True, False])
    curve = risk_coverage(confidence, right)
    assert curve is not None
    assert curve.coverage.tolist() == [0.25, 0.75, 1]
    assert curve.risk.tolist() == pytest.approx([0, 1 / 3, 0.5])
    assert curve.area == pytest.approx((0 + 1 / 3 + 1 / 3 + 0.5) / 4)
    assert curve.unsure_below.tolist() == pytest.approx([0.9, 0.8, 0.6])
    assert (curve.low <= curve.risk).all() and (curve.risk <= curve.high).all()
    assert curve.high[0] > 0.5  # none of one is not never
    assert risk_coverage(confidence[:0], right[:0]) is None


def test_a_long_curve_is_thinned_and_ends_at_all_images():
    confidence, right = drawn(5_000, np.random.default_rng(3))
    curve = risk_coverage(confidence, right, points=50)
    assert curve is not None
    assert len(curve.coverage) == 50
    assert curve.coverage[-1] == 1
    assert curve.risk[-1] == pytest.approx((~right).mean())
