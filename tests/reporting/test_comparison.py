from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sightline.evaluation import Estimate, compare
from sightline.predictions import Predictions
from sightline.reporting import comparison_lines
from sightline.reporting.columns import chance, signed
from sightline.reporting.comparison import verdict_line


def answers(columns: list[int], classes: tuple[str, ...] = ("cat", "dog")) -> Predictions:
    return Predictions(
        task="multi_class",
        classes=classes,
        names=tuple(f"{number}.jpg" for number in range(len(columns))),
        probabilities=np.eye(len(classes), dtype=np.float32)[columns],
    )


LABELS = [("cat",)] * 20 + [("dog",)] * 20
POOR = [0] * 8 + [1] * 12 + [1] * 20
GOOD = [0] * 20 + [1] * 19 + [0]


def test_a_difference_is_rounded_outward_and_signed() -> None:
    estimate = Estimate(value=0.04, low=0.0121, high=0.0679, n=9)
    assert signed(estimate) == "+0.040 (+0.012 to +0.068)"
    assert signed(replace(estimate, low=-0.02, value=-0.0001)) == "0.000 (-0.020 to +0.068)"
    assert signed(Estimate.undefined()) == "-"


@pytest.mark.parametrize(
    ("p_value", "text"), [(0.0004, "<0.001"), (0.0044, "0.004"), (0.31, "0.31"), (1.0, "1.00")]
)
def test_a_chance_has_no_more_digits_than_it_needs(p_value: float, text: str) -> None:
    assert chance(p_value) == text


def test_the_verdict_is_one_sentence() -> None:
    better = compare(answers(POOR), answers(GOOD), LABELS)
    assert verdict_line(better).startswith("B is better: +0.275 (+0.1")
    assert verdict_line(better).endswith(", p = 0.003")
    worse = compare(answers(GOOD), answers(POOR), LABELS)
    assert verdict_line(worse).startswith("B is worse: -0.275 (-0.4")


def test_what_cannot_be_told_apart_says_how_many_images_might() -> None:
    one_off = [*POOR[:7], 1, *POOR[8:]]
    line = verdict_line(compare(answers(POOR), answers(one_off), LABELS))
    assert line.startswith("Not told apart: the difference lies between -0.")
    assert "p = 1.00;\nabout 310 images would be needed" in line
    same = verdict_line(compare(answers(POOR), answers(POOR), LABELS))
    assert "needed" not in same


def test_every_line_but_names_fits_80_columns() -> None:
    classes = ("a class of a very long name that nobody can print", "日本語の長い長い名前")
    labels = [(classes[0],)] * 20 + [(classes[1],)] * 20
    lines = comparison_lines(compare(answers(POOR, classes), answers(GOOD, classes), labels))
    figures = [line for line in lines if ".jpg" not in line]
    assert max(map(len, figures)) <= 80
    assert "40 images; only A has 1 right, only B 12" in lines


def test_only_the_first_changes_of_each_kind_are_named() -> None:
    lines = comparison_lines(compare(answers(POOR), answers(GOOD), LABELS), shown=3)
    start = lines.index("12 wrong before, right now")
    assert lines[start + 1] == "  8.jpg: dog -> cat"
    assert lines[start + 4] == "  … and 9 more (--json has all)"
    assert lines[start + 5] == "0 wrong otherwise than before"


def test_names_cannot_move_the_cursor() -> None:
    harmful = replace(answers(POOR), names=tuple(f"\x1b[2J{n}" for n in range(40)))
    other = replace(answers(GOOD), names=harmful.names)
    assert "\x1b" not in "".join(comparison_lines(compare(harmful, other, LABELS)))
