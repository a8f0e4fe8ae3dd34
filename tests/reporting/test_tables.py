from __future__ import annotations

import numpy as np
import pytest
from rich.cells import cell_len

from sightline.errors import ImageError
from sightline.evaluation import Evaluation, evaluate
from sightline.predictions import Predictions
from sightline.reporting import class_lines, confusion_lines, evaluation_lines, overall_lines


def evaluation(*classes: str, n: int = 400, task: str = "multi_class") -> Evaluation:
    random = np.random.default_rng(0)
    k = len(classes)
    truth = random.integers(0, k, n)
    probabilities = np.full((n, k), 0.1 / (k - 1), np.float32)
    probabilities[range(n), np.where(random.random(n) < 0.8, truth, (truth + 1) % k)] = 0.9
    predictions = Predictions(
        task=task,  # type: ignore[arg-type]
        classes=classes,
        names=tuple(map(str, range(n))),
        probabilities=probabilities,
    )
    return evaluate(predictions, [(classes[column],) for column in truth])


TEN = tuple(f"class number {number}" for number in range(1, 11))


def test_a_small_table_by_hand() -> None:
    predictions = Predictions(
        task="multi_class",
        classes=("cat", "dog", "owl"),
        names=("1", "2", "3", "4"),
        probabilities=np.array([(1, 0, 0), (1, 0, 0), (0, 1, 0), (np.nan,) * 3], np.float32),
        errors={3: ImageError("gone")},
    )
    result = evaluate(predictions, [("cat",), ("dog",), ("dog",), ("dog",)])
    assert confusion_lines(result) == (
        " answer 1 2 3",
        "1 cat   1 . .",
        "2 dog   1 1 .",
        "3 owl   . . .",
    )
    assert class_lines(result) == (
        "class  images  precision        recall           F1",
        "cat         1  0.500 0.09-0.91  1.000 0.20-1.00  0.667 0.17-0.96",
        "dog         2  1.000 0.20-1.00  0.500 0.09-0.91  0.667 0.17-0.96",
        "owl         0  -                -                -",
    )
    lines = overall_lines(result)
    assert lines[1].split() == ["Accuracy", "0.667", "0.20-0.94"]
    assert lines[-1] == "3 images; 1 more could not be answered and are in no figure"


def test_everything_about_ten_classes_fits_eighty_columns() -> None:
    lines = evaluation_lines(evaluation(*TEN))
    assert max(map(cell_len, lines)) <= 80
    assert len([line for line in lines if "class number 10" in line]) == 2
    assert "Top-3 accuracy" in "\n".join(lines)


def test_the_matrix_holds_every_count() -> None:
    result = evaluation(*TEN)
    cells = [line.split()[-10:] for line in confusion_lines(result)[1:]]
    found = [[0 if cell == "." else int(cell) for cell in row] for row in cells]
    assert found == result.confusion.tolist()


def test_too_many_classes_give_the_commonest_confusions() -> None:
    lines = confusion_lines(evaluation(*map(str, range(40)), n=2000))
    assert lines[0] == "The 10 commonest confusions of 40 classes"
    assert len(lines) == 12
    assert max(map(len, lines)) <= 80


def test_long_wide_and_hostile_names_keep_the_columns() -> None:
    names = ("x" * 60, "東京タワー" * 8, "evil\x1b[2J\u202e", "ok")
    for lines in (class_lines(evaluation(*names)), confusion_lines(evaluation(*names))):
        assert "\x1b" not in "".join(lines) and "\u202e" not in "".join(lines)
        assert max(map(cell_len, lines)) <= 80
    rows = confusion_lines(evaluation(*names))
    assert len({cell_len(row) for row in rows}) == 1


@pytest.mark.parametrize("task", ["multi_class", "multi_label"])
def test_no_images_give_lines_without_figures(task: str) -> None:
    empty = evaluation("a", "b", n=0, task=task)
    lines = evaluation_lines(empty)
    assert "0 images" in lines
    assert "nan" not in "".join(lines).lower()


def test_multi_label_tells_right_missed_and_false() -> None:
    result = evaluation("a", "b", task="multi_label")
    (_, false), (missed, right) = result.confusion[0].tolist()
    assert confusion_lines(result)[1].split() == ["a", str(right), str(missed), str(false)]
    text = "\n".join(overall_lines(result))
    assert "All labels right" in text and "Micro F1" in text and "Balanced" not in text
