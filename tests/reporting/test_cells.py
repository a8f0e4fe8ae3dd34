from __future__ import annotations

import numpy as np
import pytest

from sightline.errors import ImageError
from sightline.evaluation import evaluate
from sightline.predictions import Predictions
from sightline.reporting.cells import matrix_cells

from .page.samples import FINE, answers


@pytest.mark.parametrize("seed", range(5))
def test_the_cells_are_those_of_the_confusion_matrix(seed: int) -> None:
    predictions, labels = answers(n=150, seed=seed)
    confusion = np.zeros((len(FINE), len(FINE)), np.int64)
    cells = matrix_cells(predictions, labels, most=1000)
    assert cells is not None
    of_name = dict(
        zip(predictions.names, zip(labels, predictions.labels, strict=True), strict=True)
    )
    for cell in cells:
        confusion[FINE.index(cell.truth), FINE.index(cell.answer)] = cell.count
        assert len(cell.names) == cell.count
        assert {of_name[name] for name in cell.names} == {((cell.truth,), cell.answer)}
    assert (confusion == evaluate(predictions, labels).confusion).all()


def test_mistakes_are_the_surest_and_right_answers_the_least_sure() -> None:
    predictions = Predictions(
        task="multi_class",
        classes=("a", "b"),
        names=tuple("pqrstu"),
        probabilities=np.float32(
            [[0.6, 0.4], [0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.1, 0.9], [np.nan, np.nan]]
        ),
        errors={5: ImageError("broken")},
    )
    cells = matrix_cells(predictions, [("a",), ("a",), ("b",), ("a",), ("a",), ("a",)], most=1)
    assert cells is not None
    found = [(cell.truth, cell.answer, cell.count, cell.names) for cell in cells]
    assert found == [("a", "a", 2, ("p",)), ("a", "b", 2, ("t",)), ("b", "a", 1, ("r",))]


def test_there_are_fewer_names_where_there_are_many_classes() -> None:
    for k, most in ((10, 6), (30, 3)):
        classes = tuple(f"{number:02}" for number in range(k))
        cells = matrix_cells(*answers(classes, n=60 * k, skill=9.0))
        assert cells is not None
        assert max(len(cell.names) for cell in cells) == most


def test_without_images_there_are_no_cells_and_labels_have_none() -> None:
    predictions, _ = answers(n=3)
    assert matrix_cells(predictions[:0], []) == ()
    many = Predictions(
        task="multi_label",
        classes=("a", "b"),
        names=("x",),
        probabilities=np.float32([[0.9, 0.1]]),
    )
    assert matrix_cells(many, [("a",)]) is None
