"""Weighing images by class: by hand, and as scikit-learn does with `sample_weight`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from sightline.errors import ConfigError, DataError
from sightline.evaluation import AtPrevalence, adjusted, evaluate
from sightline.predictions import Predictions


def predictions(answers: np.ndarray, k: int, *, sure: float = 0.8) -> Predictions:
    probabilities = np.full((len(answers), k), (1 - sure) / (k - 1), np.float32)
    probabilities[range(len(answers)), answers] = sure
    return Predictions(
        task="multi_class",
        classes=tuple("abcdef"[:k]),
        names=tuple(map(str, range(len(answers)))),
        probabilities=probabilities,
    )


def two_classes(found: int, false: int, n: int = 100) -> AtPrevalence:
    """Of n images of "a", `found` are found; of n of "b", `false` are taken for "a"."""
    answers = np.array([0] * found + [1] * (n - found) + [0] * false + [1] * (n - false))
    evaluation = evaluate(
        predictions(answers, 2), [("a",)] * n + [("b",)] * n, prevalence={"a": 0.01}
    )
    assert evaluation.in_use is not None
    return evaluation.in_use


def test_a_case_by_hand() -> None:
    one = two_classes(80, 10)
    assert one.shares == pytest.approx({"a": 0.01, "b": 0.99})
    assert one.accuracy.value == pytest.approx(0.01 * 0.8 + 0.99 * 0.9)
    assert one.precision["a"].value == pytest.approx(0.008 / (0.008 + 0.099))
    assert one.f1["a"].value == pytest.approx(2 * 0.008 / (0.01 + 0.008 + 0.099))
    f1_of_b = 2 * 0.891 / (0.99 + 0.891 + 0.002)
    assert one.macro_f1.value == pytest.approx((one.f1["a"].value + f1_of_b) / 2)
    assert one.weighted_f1.value == pytest.approx(0.01 * one.f1["a"].value + 0.99 * f1_of_b)
    right, wrong = -np.log(0.8), -np.log(0.2)
    assert one.log_loss.value == pytest.approx(
        0.01 * (0.8 * right + 0.2 * wrong) + 0.99 * (0.9 * right + 0.1 * wrong), rel=1e-6
    )
    # (sum w)^2 / sum w^2 with weights 0.0001 and 0.0099, a hundred of each.
    assert one.effective_n == pytest.approx(1 / (100 * 1e-8 + 100 * 0.0099**2))


def test_no_false_alarm_in_a_hundred_says_little_where_one_in_a_hundred_is_faulty() -> None:
    one = two_classes(100, 0).precision["a"]
    assert one.value == one.high == 1
    # Up to 3.7 false alarms in a hundred are not ruled out, and 0.01 / (0.01 + 0.0367) = 0.21.
    assert one.low == pytest.approx(0.21, abs=0.02)


def test_a_class_that_is_never_found_has_precision_0_with_an_upper_limit() -> None:
    one = two_classes(0, 50)
    assert one.precision["a"].value == one.precision["a"].low == 0
    assert 0 < one.precision["a"].high < 0.01
    assert not two_classes(0, 0).precision["a"].defined


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 5))
def test_figures_equal_those_of_weighted_images(seed: int, k: int) -> None:
    random = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(k), random.integers(0, k, 40)])
    answers = np.where(random.random(len(truth)) < 0.6, truth, random.integers(0, k, len(truth)))
    shares = random.dirichlet(np.ones(k) * 3)
    given_answers = predictions(answers, k)
    labels = [("abcdef"[column],) for column in truth]
    names = given_answers.classes
    one = evaluate(
        given_answers, labels, prevalence=dict(zip(names, shares.tolist(), strict=True))
    ).in_use
    assert one is not None
    weights = (shares / np.bincount(truth, minlength=k))[truth]
    assert one.accuracy.value == pytest.approx(
        metrics.accuracy_score(truth, answers, sample_weight=weights)
    )
    precision, _, f1, _ = metrics.precision_recall_fscore_support(
        truth, answers, sample_weight=weights, labels=range(k), zero_division=np.nan
    )
    found = [one.precision[name].value for name in names]
    assert found == pytest.approx(precision.tolist(), abs=1e-9, nan_ok=True)
    assert [one.f1[name].value for name in names] == pytest.approx(f1.tolist(), abs=1e-9)
    for average, estimate in (("macro", one.macro_f1), ("weighted", one.weighted_f1)):
        expected = metrics.f1_score(truth, answers, sample_weight=weights, average=average)
        assert estimate.value == pytest.approx(expected, abs=1e-9)
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    probabilities = given_answers.probabilities.astype(np.float64)
    expected = metrics.log_loss(
        truth,
        probabilities / probabilities.sum(axis=1, keepdims=True),
        sample_weight=weights,
        labels=range(k),
    )
    assert one.log_loss.value == pytest.approx(expected, abs=1e-6)


def test_the_rest_keeps_its_balance() -> None:
    truth = np.array([0] * 5 + [1] * 30 + [2] * 10)
    labels = [("abc"[column],) for column in truth]
    evaluation = evaluate(predictions(truth, 3), labels, prevalence={"a": 0.2})
    assert evaluation.in_use is not None
    assert evaluation.in_use.shares == pytest.approx({"a": 0.2, "b": 0.6, "c": 0.2})


@pytest.mark.parametrize(
    ("shares", "message", "kind"),
    [
        ({"a": 0.0}, "share of a is 0", ConfigError),
        ({"a": 1.5}, "share of a is 1.5", ConfigError),
        ({"a": 0.5, "b": 0.5}, "leave nothing", ConfigError),
        ({"a": 0.5, "b": 0.2, "c": 0.2}, "add up to 0.9", ConfigError),
        ({"aa": 0.5}, "Did you mean|Unknown class", ConfigError),
        ({"c": 0.5}, "no image of c", DataError),
    ],
)
def test_shares_that_cannot_be_are_refused(
    shares: dict[str, float], message: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=message):
        evaluate(predictions(np.array([0, 1]), 3), [("a",), ("b",)], prevalence=shares)


def test_probabilities_are_adjusted_by_the_ratio_of_the_shares() -> None:
    one = adjusted(
        predictions(np.array([0]), 2), {"a": 0.1, "b": 0.9}, trained={"a": 0.5, "b": 0.5}
    )
    assert one.probabilities[0].tolist() == pytest.approx([0.08 / 0.26, 0.18 / 0.26])
    with pytest.raises(ConfigError, match="No share is given of b"):
        adjusted(predictions(np.array([0]), 2), {"a": 0.1}, trained={"a": 0.5, "b": 0.5})


def test_groups_widen_the_limits() -> None:
    random = np.random.default_rng(0)
    truth = np.repeat([0, 1], 100)
    answers = np.where(random.random(200) < 0.8, truth, 1 - truth)
    labels = [("ab"[column],) for column in truth]
    blocks = [row // 10 for row in range(200)]
    alone, together = (
        evaluate(predictions(answers, 2), labels, prevalence={"a": 0.1}, groups=groups).in_use
        for groups in (None, blocks)
    )
    assert alone is not None and together is not None
    assert together.accuracy.value == alone.accuracy.value
    assert together.accuracy.low < alone.accuracy.low
