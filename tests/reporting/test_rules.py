from __future__ import annotations

import pytest

from sightline.models.rules import Rules
from sightline.reporting.rules import rule_lines

CLASSES = ("a\n", "b")


@pytest.mark.parametrize(
    ("rules", "lines"),
    [
        (Rules(), ["every image is answered by what is most probable"]),
        (Rules(thresholds=(0.5, 0.5)), ["every image is answered by what is most probable"]),
        (Rules(thresholds=(0.5, 0.25)), ["b from 0.25"]),
        (Rules(positive=("b", 0.125)), ["b from 0.125"]),
        (
            Rules(unsure_below=(0.75,), promises={"unsure_below": "few are wrong"}),
            ['"unsure" below a confidence of 0.75: few are wrong'],
        ),
        (Rules(unsure_below=(0.75, 0.5)), ['"unsure" below a confidence of 0.75 (a\\n), 0.5 (b)']),
        (
            Rules(positive=("b", 0.5), unlike_above=0.25),
            ["b from 0.5", '"unlike the training data" beyond a distance of 0.25'],
        ),
    ],
)
def test_each_rule_is_a_line(rules, lines):
    assert list(rule_lines(rules, CLASSES)) == lines
