from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sightline.auditing import audit, gate
from sightline.auditing.label_error import NOT_JUDGED
from sightline.dataset import Dataset
from sightline.errors import DataError
from sightline.predictions import Predictions


def images(count: int = 30) -> Dataset:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return Dataset.from_arrays(pixels, [("cat", "dog")[i % 2] for i in range(count)])


def answers(dataset: Dataset, *, wrong: tuple[int, ...] = (), **other) -> Predictions:
    """Return predictions that agree with all labels but those of some rows."""
    agreed = dataset.label_matrix() * 0.98 + 0.01
    for row in wrong:
        agreed[row] = [1, 0] if row % 2 else [0, 1]
    return Predictions(
        task="multi_class",
        classes=dataset.classes,
        names=dataset.names,
        probabilities=agreed.astype(np.float32),
        **other,
    )


def test_doubtful_labels_are_one_warning_the_most_suspicious_first():
    dataset = images()
    given = answers(dataset, wrong=(3, 8))
    probabilities = given.probabilities.copy()
    probabilities[8] = [1e-4, 1 - 1e-4]
    findings = audit(dataset, predictions=replace(given, probabilities=probabilities))
    (found,) = findings.of("label_error")
    assert found.severity == "warning"
    assert found.paths == found.surplus == (dataset.names[3], dataset.names[8])
    assert found.message.startswith(
        f"2 labels look wrong: {dataset.names[3]} is 'dog', rather 'cat' (1.00); "
    )
    assert gate(findings, without=["label_error"]) == found.paths
    assert "outlier" in {item.check for item in findings.not_run}


def test_right_labels_are_no_finding():
    dataset = images()
    assert audit(dataset, predictions=answers(dataset)).of("label_error") == ()


def test_what_could_not_be_judged_is_said():
    dataset = images()
    given = answers(dataset)
    probabilities = given.probabilities.copy()
    probabilities[[4, 5]] = np.nan
    errors = {4: DataError("alone", code=NOT_JUDGED), 5: DataError("broken", code="unreadable")}
    (found,) = audit(
        dataset, predictions=replace(given, probabilities=probabilities, errors=errors)
    ).of("label_error")
    assert (found.severity, found.paths) == ("info", (dataset.names[4],))
    assert found.message.startswith("1 label could not be judged")


def test_without_answers_it_is_not_run():
    not_run = {item.check: item.reason for item in audit(images()).not_run}
    assert (
        not_run["label_error"]
        == not_run["outlier"]
        == "needs the answers of a model: `sightline audit DATA --with MODEL`"
    )


def test_several_labels_for_an_image_are_not_compared():
    pixels = np.zeros((2, 8, 8, 3), np.uint8)
    dataset = Dataset.from_arrays(pixels, [("a", "b"), ("a",)])
    given = Predictions(
        task="multi_label",
        classes=("a", "b"),
        names=dataset.names,
        probabilities=np.ones((2, 2), np.float32),
    )
    not_run = {item.check: item.reason for item in audit(dataset, predictions=given).not_run}
    assert "only labels of which each image has one" in not_run["label_error"]


@pytest.mark.parametrize("order", [("dog", "cat"), ("bird", "cat", "dog")])
def test_classes_are_matched_by_name(order):
    dataset = images()
    columns = np.zeros((len(dataset), len(order)), np.float32)
    for row, name in enumerate(dataset.label_indices()):
        columns[row, order.index(dataset.classes[name])] = 1
    given = Predictions(
        task="multi_class", classes=order, names=dataset.names, probabilities=columns
    )
    assert audit(dataset, predictions=given).of("label_error") == ()
