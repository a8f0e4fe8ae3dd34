from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from sightline.errors import ConfigError, DataError
from sightline.evaluation.conformal import least_probability, prediction_sets
from sightline.predictions import Predictions


def drawn(n: int, k: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities of a poor, overconfident model, and labels."""
    truth = np.eye(k, dtype=bool)[rng.integers(0, k, n)]
    logits = rng.normal(0, 3, (n, k)) + 3 * truth
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32), truth


def predictions_of(probabilities: np.ndarray, task: str = "multi_class") -> Predictions:
    return Predictions(
        task=task,
        classes=tuple(f"c{column}" for column in range(probabilities.shape[1])),
        names=tuple(map(str, range(len(probabilities)))),
        probabilities=probabilities,
    )


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_mean_and_spread_of_the_coverage_are_those_of_theory(coverage):
    rng = np.random.default_rng(0)
    n, reached = 199, []
    for _ in range(300):
        limit = least_probability(*drawn(n, 5, rng), coverage)
        probabilities, truth = drawn(4_000, 5, rng)
        reached.append(prediction_sets(predictions_of(probabilities), limit)[truth].mean())
    place = round((n + 1) * (1 - coverage))
    theory = beta(n + 1 - place, place)
    assert np.mean(reached) == pytest.approx(theory.mean(), abs=0.004)
    assert np.std(reached) == pytest.approx(np.hypot(theory.std(), 0.004), rel=0.15)


def test_a_case_by_hand():
    probabilities = np.float32([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.7, 0.3]])
    truth = np.array([[True, False], [False, True], [True, False], [True, False]])
    # The right classes have 0.9, 0.8, 0.4, 0.7: of five places, 20 % lie below the smallest.
    assert least_probability(probabilities, truth, 0.8) == pytest.approx(0.4)
    assert least_probability(probabilities, truth, 0.6) == pytest.approx(0.7)
    assert least_probability(probabilities, truth, 0.9) == 0
    assert prediction_sets(predictions_of(probabilities), 0.4).tolist() == [
        [True, False],
        [False, True],
        [True, True],
        [True, False],
    ]


def test_what_is_not_defined_is_refused():
    with pytest.raises(DataError, match="multi-label"):
        prediction_sets(predictions_of(np.float32([[0.9, 0.8]]), "multi_label"), 0.5)
    with pytest.raises(ConfigError):
        least_probability(np.float32([[1.0]]), np.array([[True]]), 1)
