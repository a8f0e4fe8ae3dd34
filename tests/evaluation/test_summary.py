"""The figures themselves have scikit-learn as their witness: test_against_scikit_learn.py."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sightline.errors import ConfigError, DataError, ImageError
from sightline.evaluation import Counts, Evaluation, evaluate, summarise
from sightline.files import pretty_json
from sightline.predictions import Predictions

CLASSES = ("cat", "dog", "fox", "owl")


def one_hot(*answers: str, sure: float = 0.7) -> Predictions:
    probabilities = np.full((len(answers), 4), (1 - sure) / 3, np.float32)
    probabilities[range(len(answers)), [CLASSES.index(name) for name in answers]] = sure
    return Predictions(
        task="multi_class",
        classes=CLASSES,
        names=tuple(f"{i}.jpg" for i in range(len(answers))),
        probabilities=probabilities,
    )


def small() -> Evaluation:
    """Three cats, one taken for a dog; two dogs, both for cats; no fox, one answered; no owl."""
    answers = one_hot("cat", "cat", "dog", "cat", "cat", "fox")
    labels = [(name,) for name in ("cat", "cat", "cat", "dog", "dog", "dog")]
    return evaluate(answers, labels)


def multi_label(rows: list[list[float]]) -> Predictions:
    return Predictions(
        task="multi_label",
        classes=("a", "b"),
        names=tuple(map(str, range(len(rows)))),
        probabilities=np.array(rows, np.float32).reshape(-1, 2),
    )


def test_a_case_by_hand() -> None:
    evaluation = small()
    assert (evaluation.n, evaluation.failed) == (6, 0)
    assert evaluation.accuracy.value == pytest.approx(2 / 6)
    assert evaluation.confusion.tolist() == [
        [2, 1, 0, 0],
        [2, 0, 1, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
    ]
    cat = evaluation["cat"]
    assert (cat.precision.value, cat.precision.n) == (2 / 4, 4)
    assert (cat.recall.value, cat.recall.n) == (pytest.approx(2 / 3), 3)
    assert cat.f1.value == pytest.approx(4 / 7)
    # Cat, dog and fox occur, owl does not.
    assert evaluation.macro.f1.value == pytest.approx((4 / 7 + 0 + 0) / 3)
    assert evaluation.balanced_accuracy.value == pytest.approx((2 / 3 + 0) / 2)
    assert evaluation.weakest_class is not None and evaluation.weakest_class.name == "dog"


def test_a_figure_without_data_is_flagged_and_null_never_zero() -> None:
    evaluation = small()
    assert evaluation["cat"].flags == ()
    assert evaluation["fox"].flags == ("absent",)
    assert evaluation["owl"].flags == ("absent", "never_answered")
    assert math.isnan(evaluation["owl"].f1.value)
    assert math.isnan(evaluation["fox"].recall.value)
    assert evaluation["fox"].precision.value == 0  # answered once, wrongly
    assert evaluation["fox"].f1.value == 0
    assert evaluation.to_json()["per_class"][3]["f1"] == {
        "value": None,
        "low": None,
        "high": None,
        "n": 0,
    }
    assert "NaN" not in pretty_json(evaluation.to_json())


def test_the_worst_confusions_come_first_with_their_share() -> None:
    found = small().worst_confusions[:2]
    assert [(one.truth, one.answer, one.count) for one in found] == [
        ("dog", "cat", 2),
        ("cat", "dog", 1),
    ]
    assert found[0].share.value == pytest.approx(2 / 3)
    assert len(small().worst_confusions) == 3


def test_failed_images_are_counted_and_in_no_figure() -> None:
    good = one_hot("cat", "dog")
    failed = Predictions(
        task="multi_class",
        classes=CLASSES,
        names=("x", "y"),
        probabilities=np.full((2, 4), np.nan, np.float32),
        errors={0: ImageError("x"), 1: ImageError("y")},
    )
    evaluation = evaluate(
        Predictions.concatenate([failed, good]), [("owl",), ("owl",), ("cat",), ("dog",)]
    )
    assert (evaluation.n, evaluation.failed) == (2, 2)
    assert evaluation.accuracy.value == 1
    assert evaluation["owl"].support == 0


def test_nothing_to_judge_gives_no_figure() -> None:
    for predictions in (one_hot(), multi_label([])):
        evaluation = evaluate(predictions, [])
        assert evaluation.n == 0
        assert not evaluation.accuracy.defined
        assert not evaluation.macro.f1.defined
        assert not evaluation.log_loss.defined
        assert evaluation.weakest_class is None
        pretty_json(evaluation.to_json())


def test_averages_of_a_faultless_sample_do_not_claim_certainty() -> None:
    answers = ["cat"] * 40 + ["dog"] * 4
    evaluation = evaluate(one_hot(*answers), [(name,) for name in answers])
    assert evaluation.macro.f1.value == 1
    assert evaluation.macro.f1.high == 1
    assert evaluation.macro.f1.low < 0.85  # four dogs say little
    assert evaluation.weighted.f1.low > evaluation.macro.f1.low
    labels = [("a",)] * 30
    perfect = evaluate(multi_label([[0.9, 0.1]] * 30), labels)
    assert perfect.hamming_loss is not None and perfect.samples_f1 is not None
    assert perfect.hamming_loss.value == 0 and perfect.hamming_loss.high > 0.05
    assert perfect.samples_f1.low < 0.95
    assert perfect.micro.f1.low < 0.95


def test_the_same_seed_gives_the_same_interval_and_another_one_does_not() -> None:
    predictions = one_hot(*("cat", "dog", "fox") * 20)
    labels = [(name,) for name in ("cat", "dog", "cat") * 20]
    first, again = (evaluate(predictions, labels).to_json() for _ in range(2))
    assert first == again
    one, other = (evaluate(predictions, labels, seed=seed) for seed in (0, 1))
    assert one.weighted.f1 != other.weighted.f1


def test_top_k_defaults_to_what_says_something() -> None:
    assert list(small().top_k) == [3]
    predictions = one_hot("cat", "dog")
    assert evaluate(predictions, [("dog",), ("dog",)], top=(1, 2, 4)).top_k[4].value == 1
    for wrong in (0, 5):
        with pytest.raises(ConfigError, match=f"Top-{wrong}"):
            evaluate(predictions, [("dog",), ("dog",)], top=(wrong,))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([("cat",)], "1 labels for 2"),
        ([("cat",), ("cow",)], r"cow.*"),
        ([("cat",), ("cat", "dog")], "labels"),
        ([("cat",), ()], "labels"),
        ([("cat",), "dog"], "labels"),
        ([("cat",), 1], "has the labels 1"),
        ([("cat",), ("dgo",)], "Did you mean 'dog'"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        evaluate(one_hot("cat", "dog"), labels)  # type: ignore[arg-type]
    assert caught.value.code == "bad_labels" and caught.value.expected


def test_thresholds_decide_multi_label_answers_and_are_on_record() -> None:
    predictions = replace(multi_label([[0.6, 0.6], [0.2, 0.9]]), threshold={"b": 0.7})
    evaluation = evaluate(predictions, [("a",), ("b",)])
    assert evaluation.accuracy.value == 1
    assert evaluation.thresholds == pytest.approx((0.5, 0.7))
    assert evaluation.worst_confusions == ()
    assert evaluation.top_k == {}


def test_counts_of_different_models_are_not_added() -> None:
    cats = Counts.of(one_hot("cat"), [("cat",)])
    with pytest.raises(DataError, match="different models"):
        cats + Counts.of(multi_label([[0.1, 0.2]]), [()])


def test_many_images_take_the_closed_form() -> None:
    random = np.random.default_rng(0)
    truth = random.random((12_000, 2)) < 0.4
    predictions = multi_label(np.where(truth, 0.8, 0.3).tolist())
    labels = [
        tuple(name for name, has in zip("ab", row, strict=True) if has) for row in truth[::-1]
    ]
    evaluation = summarise(Counts.of(predictions, labels))
    assert evaluation.hamming_loss is not None
    loss = evaluation.hamming_loss
    spread = np.std((truth != truth[::-1]).mean(axis=1)) / math.sqrt(12_000)
    assert loss.high - loss.low == pytest.approx(2 * 1.96 * spread, rel=0.15)


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("grouped", [False, True])
def test_a_handful_of_sure_and_right_answers_proves_nothing(n: int, grouped: bool) -> None:
    """Every figure of a faultless sample must leave room, or a gate would open for one image."""
    groups = ["one film"] * n if grouped else None
    single = evaluate(one_hot(*["cat"] * n, sure=0.99), [("cat",)] * n, groups=groups)
    several = evaluate(multi_label([[0.99, 0.01]] * n), [("a",)] * n, groups=groups)
    for evaluation in (single, several):
        found = evaluation.probabilistic
        assert found is not None
        losses = [evaluation.log_loss, found.brier, found.calibration_error]
        shares = [evaluation.accuracy, evaluation.macro.f1, evaluation.weighted.f1]
        shares += [evaluation.micro.f1, evaluation.balanced_accuracy, found.average_precision]
        if evaluation is several:
            assert evaluation.samples_f1 and evaluation.hamming_loss and found.ranking_precision
            shares += [evaluation.samples_f1, found.ranking_precision]
            losses += [evaluation.hamming_loss]
        for loss in losses:
            assert loss.high > loss.value + 0.1
        for share in shares:
            assert share.low < 0.8
