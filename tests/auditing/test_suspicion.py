from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.auditing import doubtful_labels
from sightline.auditing.out_of_sample import out_of_sample
from sightline.errors import ConfigError, DataError
from sightline.predictions import Predictions

CLASSES = ("a", "b", "c", "d")


def predicted(
    probabilities: np.ndarray, classes: tuple[str, ...] = CLASSES, **other
) -> Predictions:
    return Predictions(
        task="multi_class",
        classes=classes,
        names=tuple(f"{row:04}.jpg" for row in range(len(probabilities))),
        probabilities=np.asarray(probabilities, np.float32),
        **other,
    )


def drawn(count: int, seed: int, *, apart: float) -> tuple[Predictions, list[str]]:
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    features = apart * np.eye(4, 8)[labels] + generator.normal(size=(count, 8))
    groups = [f"{i:04}" for i in range(count)]
    found = out_of_sample(features.astype(np.float32), labels, groups, classes=4)
    return predicted(found), [CLASSES[label] for label in labels]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(60, 400))
def test_classes_that_are_well_apart_raise_no_alarm(seed, count):
    assert doubtful_labels(*drawn(count, seed, apart=9.0)) == ()


@pytest.mark.parametrize("apart", [2.0, 3.0])
@pytest.mark.parametrize("seed", range(5))
def test_classes_that_overlap_raise_few(apart, seed):
    # Up to a fifth of these are on the wrong side, and none of their labels is wrong.
    assert len(doubtful_labels(*drawn(1000, seed, apart=apart))) <= 10


def test_planted_errors_are_found_named_and_put_first():
    generator = np.random.default_rng(0)
    truth = np.arange(400) % 4
    labels = truth.copy()
    wrong = generator.choice(400, 20, replace=False)
    labels[wrong] = (truth[wrong] + 1) % 4
    features = (8 * np.eye(4, 8)[truth] + generator.normal(size=(400, 8))).astype(np.float32)
    answers = out_of_sample(features, labels, [f"{i:03}" for i in range(400)], classes=4)
    found = doubtful_labels(predicted(answers), [CLASSES[label] for label in labels])
    assert {suspicion.name for suspicion in found} == {f"{row:04}.jpg" for row in wrong}
    for suspicion in found:
        row = int(suspicion.name[:4])
        assert (suspicion.given, suspicion.suggested) == (CLASSES[labels[row]], CLASSES[truth[row]])
        assert suspicion.given_probability == pytest.approx(float(answers[row, labels[row]]))
    doubts = [suspicion.wrong for suspicion in found]
    assert np.mean(doubts) > 0.9
    assert doubts == sorted(doubts, reverse=True)


def test_what_is_often_mistaken_weighs_more():
    sure, torn = [0.98, 0.01, 0.01], [0.5, 0.25, 0.25]
    # Many images of `a` are called `b`, none `c`: of two that are as improbable, `b` is doubted.
    answers = np.array([sure] * 100 + [sure[::-1]] * 100 + [[0.01, 0.98, 0.01]] * 100 + [torn] * 2)
    labels = ["a"] * 70 + ["b"] * 30 + ["c"] * 100 + ["b"] * 100 + ["b", "c"]
    found = doubtful_labels(predicted(answers, ("a", "b", "c")), labels, least=0)
    doubts = {suspicion.name: suspicion.wrong for suspicion in found}
    assert doubts["0300.jpg"] > doubts["0301.jpg"] + 0.1
    assert len(found) == 302


def test_one_step_by_hand(monkeypatch):
    monkeypatch.setattr("sightline.auditing.suspicion._ROUNDS", 0)
    (found,) = doubtful_labels(predicted([[0.2, 0.8]], ("a", "b")), ["a"], least=0)
    assert (found.name, found.given, found.suggested) == ("0000.jpg", "a", "b")
    # Flips of 5 %: 0.2 * 0.95 against 0.8 * 0.05.
    assert found.wrong == pytest.approx(0.04 / 0.23)
    assert found.given_probability == pytest.approx(0.2)
    assert found.suggested_probability == pytest.approx(0.8)


def test_rows_without_an_answer_are_passed_over():
    answers = np.array([[0.0, 1.0], [np.nan, np.nan], [1.0, 0.0]])
    given_ = predicted(answers, ("a", "b"), errors={1: DataError("no image")})
    found = doubtful_labels(given_, ["a", "a", "a"], least=0)
    assert [suspicion.name for suspicion in found] == ["0000.jpg", "0002.jpg"]
    assert doubtful_labels(given_[[1]], ["a"]) == ()


def test_one_class_cannot_be_doubted():
    assert doubtful_labels(predicted([[1.0]], ("a",)), ["a"]) == ()


@pytest.mark.parametrize("labels", [["a"], ["a", "e"]])
def test_labels_must_fit(labels):
    with pytest.raises(ConfigError, match="cannot be compared"):
        doubtful_labels(predicted([[0.5, 0.5], [0.5, 0.5]], ("a", "b")), labels)


def test_json_is_printable():
    (found,) = doubtful_labels(
        Predictions(
            task="multi_class",
            classes=("a", "b"),
            names=("x\n.jpg",),
            probabilities=np.array([[0, 1]], np.float32),
        ),
        ["a"],
    )
    assert found.to_json()["name"] == "x\\n.jpg"
