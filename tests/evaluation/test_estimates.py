from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import ConfigError
from sightline.evaluation import Estimate, wilson
from sightline.evaluation.estimates import f1_estimate


def test_wilson_by_hand() -> None:
    # z = 1.959964: centre (0.8 + z²/20) / (1 + z²/10) = 0.716740,
    # half-width z / (1 + z²/10) * sqrt(0.8 * 0.2 / 10 + z² / 400) = 0.226578.
    estimate = wilson(8, 10)
    assert (estimate.value, estimate.n) == (0.8, 10)
    assert estimate.low == pytest.approx(0.490162, abs=1e-6)
    assert estimate.high == pytest.approx(0.943318, abs=1e-6)


def test_none_and_all_are_never_certain() -> None:
    # At the ends the formula is z² / (n + z²).
    assert wilson(0, 20).low == 0
    assert wilson(0, 20).high == pytest.approx(3.841459 / 23.841459, abs=1e-6)
    assert wilson(20, 20).high == 1
    assert wilson(20, 20).low == pytest.approx(20 / 23.841459, abs=1e-6)


@given(st.integers(1, 10_000), st.data())
def test_the_interval_holds_the_value_and_is_symmetric(n: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, n))
    one, other = wilson(successes, n), wilson(n - successes, n)
    assert 0 <= one.low <= one.value <= one.high <= 1
    assert one.low < one.high
    assert one.low == pytest.approx(1 - other.high, abs=1e-12)


@pytest.mark.parametrize(
    ("share", "n", "lowest", "highest"),
    [
        (0.5, 10, 0.97851, 0.97852),  # covers 2 to 8 successes: 1 - 2 * (1 + 10) / 1024
        (0.5, 50, 0.93, 0.97),
        (0.9, 100, 0.93, 0.97),
        (0.87, 372, 0.94, 0.96),
        (0.99, 60, 0.93, 0.99),  # where the textbook interval covers 0.45
    ],
)
def test_coverage_by_enumeration(share: float, n: int, lowest: float, highest: float) -> None:
    covered = sum(
        math.comb(n, successes) * share**successes * (1 - share) ** (n - successes)
        for successes in range(n + 1)
        if wilson(successes, n).low <= share <= wilson(successes, n).high
    )
    assert lowest < covered < highest


@pytest.mark.parametrize(("hits", "errors", "n"), [(0.6, 0.2, 40), (0.3, 0.02, 60)])
def test_the_interval_of_f1_covers_by_enumeration(hits: float, errors: float, n: int) -> None:
    """Hits, misses-or-false-alarms and the rest of the images are trinomial."""
    true = 2 * hits / (2 * hits + errors)
    covered = 0.0
    for right in range(n + 1):
        for wrong in range(n + 1 - right):
            weight = math.comb(n, right) * math.comb(n - right, wrong)
            rest = n - right - wrong
            chance = weight * hits**right * errors**wrong * (1 - hits - errors) ** rest
            estimate = f1_estimate(wilson(right, right + wrong))
            covered += chance * (estimate.low <= true <= estimate.high)
    assert 0.93 < covered < 0.99


def test_f1_of_a_faultless_class_is_not_certain() -> None:
    estimate = f1_estimate(wilson(5, 5))
    assert (estimate.value, estimate.high) == (1, 1)
    assert 0.5 < estimate.low < 0.8
    assert f1_estimate(wilson(0, 7)).value == 0
    assert not f1_estimate(wilson(0, 0)).defined


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (wilson(323, 372), "0.868 (0.83-0.90, n=372)"),
        (wilson(9990, 10000), "0.999 (0.998-1.000, n=10000)"),
        (wilson(99_990, 100_000), "0.9999 (0.9998-1.0000, n=100000)"),
        (wilson(0, 0), "undefined (n=0)"),
        (wilson(5, 5), "1.000 (0.56-1.00, n=5)"),
        (Estimate(value=0.038, low=-0.004, high=0.08, n=90), "0.038 (-0.01 to 0.08, n=90)"),
        (Estimate(value=0.5, low=0.5, high=0.5, n=9), "0.500 (0.50-0.50, n=9)"),
    ],
)
def test_text(estimate: Estimate, text: str) -> None:
    assert str(estimate) == text


def test_json_has_null_where_there_is_nothing() -> None:
    assert wilson(0, 0).to_json() == {"value": None, "low": None, "high": None, "n": 0}
    assert wilson(1, 2).to_json()["value"] == 0.5


@pytest.mark.parametrize(("successes", "n"), [(-1, 3), (4, 3), (0, -1)])
def test_more_successes_than_trials_are_refused(successes: int, n: int) -> None:
    with pytest.raises(ConfigError, match="successes"):
        wilson(successes, n)
