from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sightline.errors import DataError
from sightline.evaluation import Counts, Evaluation, evaluate, mean_estimate, summarise, wilson
from sightline.evaluation.clusters import Clusters, linear_limits, share_estimate, student95
from sightline.predictions import Predictions


def test_student95() -> None:
    for freedom in (1, 2, 3, 5, 10, 100, 10_000):
        within = 1e-9 if freedom < 3 else 2e-3
        assert student95(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=within)
    assert student95(0) == student95(1)


def blocks(groups: int, size: int) -> Clusters:
    clusters = Clusters.named([row // size for row in range(groups * size)])
    assert clusters is not None
    return clusters


def test_images_without_a_common_group_are_on_their_own() -> None:
    assert Clusters.named([None, None, "a"]) is None
    clusters = Clusters.named(["b", None, "b", None])
    assert clusters is not None
    assert (clusters.of.tolist(), clusters.count) == ([0, 1, 0, 2], 3)


def test_copies_are_worth_no_more_than_one() -> None:
    right = np.random.default_rng(0).random(200) < 0.8
    copied = share_estimate(right.repeat(10), np.ones(2000, bool), blocks(200, 10))
    once = wilson(int(right.sum()), 200)
    assert (copied.value, copied.n) == (once.value, 2000)
    # Student's t instead of the normal distribution makes the difference.
    assert copied.low == pytest.approx(once.low, abs=2e-3)
    assert copied.high == pytest.approx(once.high, abs=2e-3)


def test_groups_that_do_not_hang_together_cost_little() -> None:
    right = np.random.default_rng(0).random(2000) < 0.8
    grouped = share_estimate(right, np.ones(2000, bool), blocks(200, 10))
    alone = wilson(int(right.sum()), 2000)
    assert grouped.high - grouped.low < 1.25 * (alone.high - alone.low)


@pytest.mark.parametrize("right", [0, 100])
def test_without_an_error_groups_count_as_one_each(right: int) -> None:
    estimate = share_estimate(np.arange(100) < right, np.ones(100, bool), blocks(10, 10))
    few = wilson(right // 10, 10)
    assert estimate.low <= few.low and estimate.high >= few.high
    assert estimate.high - estimate.low < 0.5


def test_nothing_moves_where_nothing_varies() -> None:
    assert linear_limits(1.0, np.zeros(5), None) == (1.0, 1.0)


def test_the_mean_of_groups_is_drawn_by_groups() -> None:
    values = np.random.default_rng(0).normal(3, 1, 100)
    copied = mean_estimate(values.repeat(10), clusters=blocks(100, 10))
    once = mean_estimate(values)
    assert copied.value == pytest.approx(once.value)
    assert copied.low == pytest.approx(once.low, abs=0.01)
    assert copied.high == pytest.approx(once.high, abs=0.01)


def sample(n: int, copies: int = 1) -> tuple[Predictions, list[tuple[str, ...]]]:
    random = np.random.default_rng(1)
    truth = random.integers(0, 3, n).repeat(copies)
    scores = random.normal(size=(n, 3)).repeat(copies, axis=0)
    scores[range(len(truth)), truth] += 2
    weights = np.exp(scores)
    predictions = Predictions(
        task="multi_class",
        classes=("a", "b", "c"),
        names=tuple(map(str, range(len(truth)))),
        probabilities=(weights / weights.sum(axis=1, keepdims=True)).astype(np.float32),
    )
    return predictions, [("abc"[column],) for column in truth]


def widths(evaluation: Evaluation) -> dict[str, float]:
    found = evaluation.probabilistic
    assert found is not None and evaluation.matthews is not None
    figures = {
        "accuracy": evaluation.accuracy,
        "balanced": evaluation.balanced_accuracy,
        "macro": evaluation.macro.f1,
        "matthews": evaluation.matthews,
        "log loss": evaluation.log_loss,
        "top": evaluation.top_k[2],
        "brier": found.brier,
        "auc": found.roc_auc,
        "precision": found.average_precision,
        "f1": evaluation["a"].f1,
    }
    return {name: one.high - one.low for name, one in figures.items()}


def test_every_figure_knows_the_groups() -> None:
    once = evaluate(*sample(150), top=(2,))
    predictions, labels = sample(150, copies=8)
    groups = [row // 8 for row in range(1200)]
    grouped = evaluate(predictions, labels, groups=groups, top=(2,))
    believed = evaluate(predictions, labels, top=(2,))
    assert (grouped.n, grouped.groups) == (1200, 150)
    assert (once.groups, believed.groups) == (None, None)
    for name, width in widths(grouped).items():
        # A part of a figure that has few groups has the worst design effect mixed in.
        assert width == pytest.approx(widths(once)[name], rel=0.25), name
        assert width > 2 * widths(believed)[name], name


def test_groups_survive_adding_up_and_failed_images() -> None:
    predictions, labels = sample(40)
    groups = [row // 4 if row < 30 else None for row in range(40)]
    whole = Counts.of(predictions, labels, groups=groups)
    first = Counts.of(predictions[:18], labels[:18], groups=groups[:18])
    second = Counts.of(predictions[18:], labels[18:], groups=groups[18:])
    assert summarise(first + second).to_json() == summarise(whole).to_json()
    ungrouped = Counts.of(predictions[30:], labels[30:])
    mixed = Counts.of(predictions[:30], labels[:30], groups=groups[:30]) + ungrouped
    assert summarise(mixed).to_json() == summarise(whole).to_json()
    with pytest.raises(DataError, match="3 groups for 40"):
        evaluate(predictions, labels, groups=[1, 2, 3])
