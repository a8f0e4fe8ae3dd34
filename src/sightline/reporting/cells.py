"""Which images lie in which cell of the confusion matrix, a few of each."""

from __future__ import annotations

import numpy as np

from sightline.evaluation import Labels, label_matrix
from sightline.predictions import Predictions
from sightline.reporting.facts import Cell

_MOST_NAMES = 6
_FEW_CLASSES = 20


def matrix_cells(
    predictions: Predictions, labels: Labels, *, most: int | None = None
) -> tuple[Cell, ...] | None:
    """Return the cells that hold images, in the order of the classes; None for multi-label.

    Args:
        predictions: The answers; failed rows lie in no cell.
        labels: The right answers, one tuple for each image.
        most: Names in a cell: of mistakes the surest, of right answers the least sure. By default
            6; half as many where there are more than 20 classes.

    Raises:
        DataError: The labels do not fit the predictions.
    """
    if predictions.task == "multi_label":
        return None
    if most is None:
        most = _MOST_NAMES if len(predictions.classes) <= _FEW_CLASSES else _MOST_NAMES // 2
    rows = np.flatnonzero(predictions.ok)
    truth = label_matrix(predictions, labels)[rows].argmax(axis=1)
    answer = predictions.chosen[rows].argmax(axis=1)
    doubt = np.where(truth == answer, 1, -1) * predictions.confidence[rows]
    classes = predictions.classes
    number = truth * len(classes) + answer
    order = np.lexsort((doubt, number))
    starts = np.flatnonzero(np.diff(number[order], prepend=-1))
    return tuple(
        Cell(
            truth=classes[truth[places[0]]],
            answer=classes[answer[places[0]]],
            count=len(places),
            names=tuple(predictions.names[rows[place]] for place in places[:most]),
        )
        for places in np.split(order, starts[1:])
        if len(places)
    )
