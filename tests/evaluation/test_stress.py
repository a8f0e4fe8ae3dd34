from __future__ import annotations

import numpy as np
import pytest

from sightline.evaluation import mcnemar, wilson
from sightline.evaluation.stress import Worse, judge_stress
from sightline.predictions import Predictions

N = 40
LABELS = [("cat",)] * N


def answers(wrong: int) -> Predictions:
    """Answer cat, but for the first `wrong` images."""
    return Predictions(
        task="multi_class",
        classes=("cat", "dog"),
        names=tuple(map(str, range(N))),
        probabilities=np.eye(2, dtype=np.float32)[[1] * wrong + [0] * (N - wrong)],
    )


def ways(*wrong: int) -> list[Worse]:
    levels = tuple(float(i) for i in range(len(wrong)))
    return [Worse(name="blur", unit="x", levels=levels, answers=tuple(map(answers, wrong)))]


def test_each_degree_is_compared_with_the_clean_answers() -> None:
    stressed = judge_stress(answers(4), ways(4, 6, 24), LABELS)
    assert stressed.clean == wilson(36, 40)
    same, mild, bad = stressed.curves[0].points
    assert [point.accuracy for point in (same, mild, bad)] == [
        wilson(36, 40),
        wilson(34, 40),
        wilson(16, 40),
    ]
    assert bad.change.value == pytest.approx(-0.5)
    assert bad.p_value == pytest.approx(mcnemar(20, 0))
    assert bad.adjusted == pytest.approx(3 * bad.p_value)
    assert [point.falls for point in (same, mild, bad)] == [False, False, True]


def test_a_gain_is_no_fall() -> None:
    (point,) = judge_stress(answers(24), ways(4), LABELS).curves[0].points
    assert point.adjusted < 0.05
    assert not point.falls


def test_all_curves_are_corrected_together() -> None:
    alone = judge_stress(answers(0), ways(7), LABELS)
    (first,) = alone.curves[0].points
    assert first.falls  # 2 / 2**7 = 0.016
    many = judge_stress(answers(0), [*ways(7), *ways(0, 0, 0)], LABELS)
    assert not many.curves[0].points[0].falls


def test_images_taken_together_count_together() -> None:
    groups = [i // 10 for i in range(N)]
    (point,) = judge_stress(answers(0), ways(20), LABELS, groups=groups).curves[0].points
    assert point.p_value == pytest.approx(2 / 2**2)
    assert not point.falls
