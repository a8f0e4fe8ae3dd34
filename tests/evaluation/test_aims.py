from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from sightline.errors import CheckFailedError, ConfigError
from sightline.evaluation.aims import (
    threshold_for_costs,
    threshold_for_f1,
    threshold_for_recall,
)


def drawn(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return calibrated probabilities and what they are of."""
    probabilities = rng.beta(0.5, 1.5, n).astype(np.float32)
    return probabilities, rng.random(n) < probabilities


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 20).map(lambda v: v / 20), st.booleans()), min_size=2, max_size=60
    )
)
def test_no_threshold_has_a_higher_f1(pairs):
    probabilities = np.array([pair[0] for pair in pairs], np.float32)
    has = np.array([pair[1] for pair in pairs], bool)
    if has.all() or not has.any():
        with pytest.raises(CheckFailedError):
            threshold_for_f1(probabilities, has)
        return
    found = threshold_for_f1(probabilities, has)
    # Probabilities are twentieths: thresholds between them are all that there are.
    given_it = probabilities >= (np.arange(-1, 40, 2)[:, None] / 40)
    best = (2 * (given_it & has).sum(axis=1) / (given_it.sum(axis=1) + has.sum())).max()
    assert found.f1.value == pytest.approx(f1_score(has, probabilities >= np.float32(found.value)))
    assert found.f1.value == pytest.approx(best)


@pytest.mark.parametrize(("n", "recall"), [(200, 0.9), (800, 0.95)])
def test_the_recall_is_kept_in_nineteen_of_twenty_cases(n, recall):
    rng = np.random.default_rng(0)
    probabilities, has = drawn(400_000, rng)
    everywhere = np.sort(probabilities[has])
    broken = 0
    for _ in range(400):
        chosen = rng.integers(0, len(probabilities), n)
        value = threshold_for_recall(probabilities[chosen], has[chosen], recall).value
        kept = 1 - np.searchsorted(everywhere, np.float32(value)) / len(everywhere)
        broken += kept < recall
    assert 2 <= broken <= 32


def test_the_fewest_images_are_those_of_wilks():
    rng = np.random.default_rng(1)
    # 0.95 ** 59 is the first below 0.05.
    has = np.append(np.ones(59, bool), False)
    probabilities = rng.random(60).astype(np.float32)
    found = threshold_for_recall(probabilities, has, 0.95)
    assert found.value == pytest.approx(probabilities[has].min())
    with pytest.raises(CheckFailedError, match="58 images") as caught:
        threshold_for_recall(probabilities[1:], has[1:], 0.95)
    assert "at least 59" in caught.value.expected


def test_costs_of_a_case_by_hand():
    # A miss costs nine times as much: yes from one in ten on.
    assert threshold_for_costs(9, 1) == pytest.approx(0.1)
    assert threshold_for_costs(1, 1) == 0.5
    with pytest.raises(ConfigError):
        threshold_for_costs(0, 1)


def test_the_threshold_of_costs_has_the_least_cost_where_probabilities_are_right():
    probabilities, has = drawn(200_000, np.random.default_rng(2))

    def cost(threshold: float) -> float:
        given_it = probabilities >= threshold
        return 5 * (has & ~given_it).mean() + 2 * (~has & given_it).mean()

    chosen = cost(threshold_for_costs(5, 2))
    assert chosen <= min(cost(t) for t in np.linspace(0.05, 0.95, 19)) + 1e-3
