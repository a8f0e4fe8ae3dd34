"""Every figure equals that of scikit-learn or SciPy, ties and absent classes included.

Tolerance: 1e-9, the rounding of float64 sums.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics
from sklearn.calibration import calibration_curve

from sightline.evaluation import (
    Averages,
    Counts,
    Evaluation,
    evaluate,
    mcnemar,
    summarise,
    wilson,
)
from sightline.evaluation.ranking import Ranked
from sightline.evaluation.reliability import calibration_error, reliability
from sightline.predictions import Predictions

EPS = float(np.finfo(np.float32).eps)
SETTINGS = settings(max_examples=60, deadline=None)


@st.composite
def problems(draw: st.DrawFn, task: str) -> tuple[Predictions, np.ndarray]:
    """Draw answers from few values, so that ties are common, and bool labels (n, k)."""
    n, k = draw(st.integers(1, 25)), draw(st.integers(2, 6))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    used = draw(st.integers(1, k))
    weights = random.integers(0, 4, (n, k)).astype(float)
    if task == "multi_class":
        weights[weights.sum(axis=1) == 0] = 1
        probabilities = weights / weights.sum(axis=1, keepdims=True)
        truth = np.eye(k, dtype=bool)[random.integers(0, used, n)]
    else:
        probabilities = weights / 3
        truth = random.random((n, k)) < 0.4
        truth[:, used:] = False
    predictions = Predictions(
        task=task,  # type: ignore[arg-type]
        classes=tuple("abcdef"[:k]),
        names=tuple(map(str, range(n))),
        probabilities=probabilities.astype(np.float32),
    )
    return predictions, truth


def named(predictions: Predictions, truth: np.ndarray) -> list[tuple[str, ...]]:
    names = np.array(predictions.classes)
    return [tuple(str(name) for name in names[row]) for row in truth]


def scores(averages: Averages) -> list[float]:
    return [averages.precision.value, averages.recall.value, averages.f1.value]


@pytest.fixture(autouse=True)
def quiet_scikit_learn() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true")
        # Clipping moves the sums by 1e-7.
        warnings.filterwarnings("ignore", message="The y_prob values do not sum to one")
        warnings.filterwarnings("ignore", message="A single label was found")
        warnings.filterwarnings("ignore", message="`y1`, `y2` and `labels` have only one")
        yield


def approx(value: object) -> object:
    return pytest.approx(value, abs=1e-9, nan_ok=True)


@SETTINGS
@given(problems("multi_class"))
def test_multi_class(problem: tuple[Predictions, np.ndarray]) -> None:
    predictions, matrix = problem
    truth, answer = matrix.argmax(axis=1), predictions.probabilities.argmax(axis=1)
    k = len(predictions.classes)
    everything = range(k)
    evaluation = evaluate(predictions, named(predictions, matrix), top=range(1, k + 1))

    assert evaluation.accuracy.value == approx(metrics.accuracy_score(truth, answer))
    assert evaluation.balanced_accuracy.value == approx(
        metrics.balanced_accuracy_score(truth, answer)
    )
    np.testing.assert_array_equal(
        evaluation.confusion, metrics.confusion_matrix(truth, answer, labels=everything)
    )
    expected = metrics.precision_recall_fscore_support(
        truth, answer, labels=everything, zero_division=np.nan
    )
    found = [[one.precision.value, one.recall.value, one.f1.value] for one in evaluation.per_class]
    for column, values in enumerate(expected[:3]):
        assert [row[column] for row in found] == approx(values.tolist())
    assert [one.support for one in evaluation.per_class] == expected[3].tolist()
    for kind in ("macro", "micro", "weighted"):
        averages = metrics.precision_recall_fscore_support(
            truth, answer, average=kind, zero_division=0
        )
        assert scores(getattr(evaluation, kind)) == approx(list(averages[:3]))
    clipped = np.clip(predictions.probabilities.astype(np.float64), EPS, 1 - EPS)
    assert evaluation.log_loss.value == approx(
        metrics.log_loss(truth, y_proba=clipped, labels=everything)
    )


@SETTINGS
@given(problems("multi_class"))
def test_top_k(problem: tuple[Predictions, np.ndarray]) -> None:
    predictions, matrix = problem
    k = len(predictions.classes)
    evaluation = evaluate(predictions, named(predictions, matrix), top=range(1, k + 1))
    assert evaluation.top_k[1] == evaluation.accuracy
    if k == 2:
        return  # scikit-learn then wants one column
    # Of equal probabilities scikit-learn takes the last class first, argmax and we the first.
    last_first = predictions.probabilities[:, ::-1]
    for top, estimate in evaluation.top_k.items():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="'k'")
            expected = metrics.top_k_accuracy_score(
                k - 1 - matrix.argmax(axis=1), last_first, k=top, labels=range(k)
            )
        assert estimate.value == approx(expected)


@SETTINGS
@given(problems("multi_label"))
def test_multi_label(problem: tuple[Predictions, np.ndarray]) -> None:
    predictions, truth = problem
    answer = predictions.probabilities >= 0.5
    evaluation = evaluate(predictions, named(predictions, truth))
    assert evaluation.hamming_loss is not None and evaluation.samples_f1 is not None

    assert evaluation.accuracy.value == approx(metrics.accuracy_score(truth, answer))
    assert evaluation.hamming_loss.value == approx(metrics.hamming_loss(truth, answer))
    np.testing.assert_array_equal(
        evaluation.confusion, metrics.multilabel_confusion_matrix(truth, answer)
    )
    per_label = metrics.precision_recall_fscore_support(
        truth, answer, average=None, zero_division=np.nan
    )
    found = [[one.precision.value, one.recall.value, one.f1.value] for one in evaluation.per_class]
    for column, values in enumerate(per_label[:3]):
        assert [row[column] for row in found] == approx(values.tolist())
    assert evaluation.samples_f1.value == approx(
        metrics.f1_score(truth, answer, average="samples", zero_division=1)
    )
    occurs = np.flatnonzero((truth | answer).any(axis=0))
    for kind in ("macro", "micro", "weighted"):
        if kind == "weighted" and not truth.any():  # weights of 0, of which scikit-learn makes 0
            assert not evaluation.weighted.f1.defined
        elif occurs.size:  # scikit-learn has no average over no label
            averages = metrics.precision_recall_fscore_support(
                truth, answer, labels=occurs, average=kind, zero_division=0
            )
            assert scores(getattr(evaluation, kind)) == approx(list(averages[:3]))
    clipped = np.clip(predictions.probabilities.astype(np.float64), EPS, 1 - EPS)
    losses = [
        metrics.log_loss(truth[:, column], y_proba=clipped[:, column], labels=[False, True])
        for column in range(truth.shape[1])
    ]
    assert evaluation.log_loss.value == approx(np.mean(losses))


@SETTINGS
@given(problems("multi_class"), st.integers(0, 25))
def test_counts_of_halves_add_up(problem: tuple[Predictions, np.ndarray], cut: int) -> None:
    predictions, matrix = problem
    labels = named(predictions, matrix)
    halves = Counts.of(predictions[:cut], labels[:cut]) + Counts.of(predictions[cut:], labels[cut:])
    whole = summarise(Counts.of(predictions, labels))
    assert summarise(halves).to_json() == whole.to_json()


@SETTINGS
@given(problems("multi_label"), st.integers(0, 25))
def test_counts_of_multi_label_halves_add_up(
    problem: tuple[Predictions, np.ndarray], cut: int
) -> None:
    predictions, matrix = problem
    labels = named(predictions, matrix)
    halves = Counts.of(predictions[:cut], labels[:cut]) + Counts.of(predictions[cut:], labels[cut:])
    whole = summarise(Counts.of(predictions, labels))
    assert summarise(halves).to_json() == whole.to_json()


@SETTINGS
@given(problems("multi_class"))
def test_agreement_beyond_chance(problem: tuple[Predictions, np.ndarray]) -> None:
    predictions, matrix = problem
    truth, answer = matrix.argmax(axis=1), predictions.probabilities.argmax(axis=1)
    evaluation = evaluate(predictions, named(predictions, matrix))
    assert evaluation.matthews is not None and evaluation.kappa is not None
    if len(set(truth)) > 1 and len(set(answer)) > 1:
        assert evaluation.matthews.value == approx(metrics.matthews_corrcoef(truth, answer))
    else:  # scikit-learn says 0, which would be a figure
        assert not evaluation.matthews.defined
    assert evaluation.kappa.value == approx(metrics.cohen_kappa_score(truth, answer))
    check_agreement_of_classes(evaluation, matrix, predictions.chosen)


def check_agreement_of_classes(
    evaluation: Evaluation, truth: np.ndarray, answer: np.ndarray
) -> None:
    for column, scores in enumerate(evaluation.per_class):
        one, other = truth[:, column], answer[:, column]
        assert scores.kappa.value == approx(metrics.cohen_kappa_score(one, other))
        if one.min() != one.max() and other.min() != other.max():
            assert scores.matthews.value == approx(metrics.matthews_corrcoef(one, other))
        else:
            assert not scores.matthews.defined


def ranking_means(
    truth: np.ndarray, probabilities: np.ndarray
) -> tuple[list[float], list[float], list[int]]:
    """Return scikit-learn's ROC AUC and average precision of each class, and its images."""
    areas, precisions = [], []
    for one, scores_of_one in zip(truth.T, probabilities.T, strict=True):
        defined = one.any() and not one.all()
        areas.append(metrics.roc_auc_score(one, scores_of_one) if defined else np.nan)
        precisions.append(
            metrics.average_precision_score(one, scores_of_one) if one.any() else np.nan
        )
    return areas, precisions, truth.sum(axis=0).tolist()


def mean(values: list[float], weights: list[int] | None = None) -> float:
    numbers, defined = np.array(values), ~np.isnan(values)
    if not defined.any():
        return np.nan
    return np.average(
        numbers[defined], weights=None if weights is None else np.array(weights)[defined]
    )


@SETTINGS
@given(st.sampled_from(["multi_class", "multi_label"]).flatmap(problems))
def test_ranking(problem: tuple[Predictions, np.ndarray]) -> None:
    predictions, truth = problem
    probabilities = predictions.probabilities
    found = evaluate(predictions, named(predictions, truth)).probabilistic
    assert found is not None
    areas, precisions, support = ranking_means(truth, probabilities)
    rankings = [found.classes[name] for name in predictions.classes]
    assert [one.roc_auc.value for one in rankings] == approx(areas)
    assert [one.average_precision.value for one in rankings] == approx(precisions)
    assert found.roc_auc.value == approx(mean(areas))
    assert found.weighted_roc_auc.value == approx(mean(areas, support))
    assert found.average_precision.value == approx(mean(precisions))


@SETTINGS
@given(problems("multi_class"))
def test_means_of_roc_auc(problem: tuple[Predictions, np.ndarray]) -> None:
    """scikit-learn has these means itself, where every class occurs."""
    predictions, matrix = problem
    if not matrix.any(axis=0).all() or len(predictions.classes) < 3:
        return
    truth = matrix.argmax(axis=1)
    found = evaluate(predictions, named(predictions, matrix)).probabilistic
    assert found is not None
    for average, estimate in (("macro", found.roc_auc), ("weighted", found.weighted_roc_auc)):
        expected = metrics.roc_auc_score(
            matrix, predictions.probabilities.astype(np.float64), average=average
        )
        assert estimate.value == approx(expected)
    assert len(set(truth)) == len(predictions.classes)


@SETTINGS
@given(problems("multi_label"))
def test_curves(problem: tuple[Predictions, np.ndarray]) -> None:
    predictions, truth = problem
    one, probabilities = truth[:, 0], predictions.probabilities[:, 0]
    ranked = Ranked.of(one, probabilities)
    if one.any() and not one.all():
        x, y, thresholds = metrics.roc_curve(one, probabilities, drop_intermediate=False)
        roc = ranked.roc()
        for found, expected in zip((roc.x, roc.y, roc.thresholds), (x, y, thresholds), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-9)
    if one.any():
        precision, recall, thresholds = metrics.precision_recall_curve(one, probabilities)
        curve = ranked.precision_recall()
        np.testing.assert_allclose(curve.x, recall[::-1], atol=1e-9)
        np.testing.assert_allclose(curve.y, precision[::-1], atol=1e-9)
        np.testing.assert_allclose(curve.thresholds[1:], thresholds[::-1], atol=1e-9)


@SETTINGS
@given(problems("multi_class"))
def test_brier(problem: tuple[Predictions, np.ndarray]) -> None:
    predictions, matrix = problem
    classes = range(len(predictions.classes))
    found = evaluate(predictions, named(predictions, matrix)).probabilistic
    assert found is not None
    probabilities = predictions.probabilities.astype(np.float64)
    # scikit-learn wants one column of probabilities where there are two classes.
    two = {"pos_label": 1} if len(classes) == 2 else {"labels": classes}
    expected = metrics.brier_score_loss(
        matrix.argmax(axis=1), probabilities[:, 1] if len(classes) == 2 else probabilities, **two
    )
    # Two float32 probabilities add up to 1 only within 1e-7.
    assert found.brier.value == pytest.approx(expected, abs=1e-7 if len(classes) == 2 else 1e-9)


@SETTINGS
@given(problems("multi_label"))
def test_multi_label_ranking(problem: tuple[Predictions, np.ndarray]) -> None:
    predictions, truth = problem
    probabilities = predictions.probabilities.astype(np.float64)
    evaluation = evaluate(predictions, named(predictions, truth))
    found = evaluation.probabilistic
    assert found is not None and found.coverage_error and found.ranking_precision
    assert found.coverage_error.value == approx(metrics.coverage_error(truth, probabilities))
    assert found.ranking_precision.value == approx(
        metrics.label_ranking_average_precision_score(truth, probabilities)
    )
    briers = [
        metrics.brier_score_loss(one, p, pos_label=True, labels=[False, True])
        for one, p in zip(truth.T, probabilities.T, strict=True)
    ]
    assert found.brier.value == approx(np.mean(briers))
    check_agreement_of_classes(evaluation, truth, predictions.chosen)


@SETTINGS
@given(st.integers(1, 400), st.integers(0, 2**32), st.sampled_from([2, 7, 1000]))
def test_reliability(n: int, seed: int, values: int) -> None:
    random = np.random.default_rng(seed)
    confidence = random.integers(0, values + 1, n) / values
    right = random.random(n) < confidence
    bins = reliability(confidence, right)
    count = max(1, min(15, n // 10))
    observed, predicted = calibration_curve(right, confidence, n_bins=count, strategy="quantile")
    assert [one.observed.value for one in bins] == approx(observed.tolist())
    assert [one.confidence for one in bins] == approx(predicted.tolist())
    assert sum(one.observed.n for one in bins) == n
    gaps = [abs(one.observed.value - one.confidence) * one.observed.n / n for one in bins]
    error = calibration_error(confidence, right, n=n)
    assert error.value == approx(sum(gaps))


@given(st.integers(1, 5000), st.data())
def test_wilson(n: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, n))
    witness = stats.binomtest(successes, n).proportion_ci(method="wilson")
    found = wilson(successes, n)
    assert [found.low, found.high] == approx([witness.low, witness.high])


@given(st.integers(0, 500), st.integers(0, 500))
def test_mcnemar(first: int, second: int) -> None:
    expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, rel=1e-8)
