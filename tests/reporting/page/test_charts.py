from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.evaluation import Estimate, wilson
from sightline.reporting.facts import Bin, Curve
from sightline.reporting.page.charts import (
    Axis,
    Words,
    axis_over,
    interval_bar,
    line_chart,
    reliability_chart,
)

WORDS = Words(id="it", title="A <title>", description="What is seen")


def parts(svg: str, look: str) -> list[ET.Element]:
    return [one for one in ET.fromstring(svg).iter() if look in one.get("class", "").split()]


def numbers(path: str) -> list[float]:
    return [float(word) for word in re.findall(r"-?[\d.]+", path)]


def test_a_line_goes_through_its_points() -> None:
    svg = line_chart(
        [Curve(name="a", x=(0, 0.5, 1), y=(0, 1, 0.5))],
        x=Axis(label="x"),
        y=Axis(label="y"),
        words=WORDS,
    )
    (line,) = parts(svg, "line")
    # The frame is 420 by 270 with margins 46, 12, 12 and 42: 362 by 216.
    assert numbers(line.get("d", "")) == [46, 228, 227, 12, 408, 120]
    assert [(float(dot.get("cx", "")), float(dot.get("cy", ""))) for dot in parts(svg, "dot")] == [
        (46, 228),
        (227, 12),
        (408, 120),
    ]


def test_a_chart_says_in_words_what_it_shows() -> None:
    root = ET.fromstring(line_chart([], x=Axis(label="x"), y=Axis(label="y"), words=WORDS))
    assert root.get("role") == "img"
    labels = root.get("aria-labelledby", "").split()
    words = {one.get("id"): one.text for one in root.iter() if one.get("id")}
    assert [words[label] for label in labels] == ["A <title>", "What is seen"]


def test_a_gap_breaks_the_line_and_a_band_runs_there_and_back() -> None:
    curve = Curve(
        name="a", x=(0, 0.25, 0.5, 1), y=(0, math.nan, 1, 1),
        low=(0, math.nan, 0.5, 0.5), high=(0, math.nan, 1, 1),
    )  # fmt: skip
    svg = line_chart([curve], x=Axis(label="x"), y=Axis(label="y"), words=WORDS)
    assert parts(svg, "line")[0].get("d", "").count("M") == 2
    band = parts(svg, "band")[0].get("d", "")
    assert band.endswith("Z")
    assert len(numbers(band)) == 12
    assert len(parts(svg, "dot")) == 3


def test_a_long_line_is_thinned_and_keeps_its_ends() -> None:
    xs = tuple(k / 5000 for k in range(5001))
    svg = line_chart(
        [Curve(name="a", x=xs, y=xs)], x=Axis(label="x"), y=Axis(label="y"), words=WORDS
    )
    found = numbers(parts(svg, "line")[0].get("d", ""))
    assert len(found) == 600
    assert (found[:2], found[-2:]) == ([46, 228], [408, 12])


@settings(deadline=None)  # a loaded machine is no failure
@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.booleans())
def test_ticks_are_a_few_round_numbers_inside(low: float, width: float, whole: bool) -> None:
    axis = Axis(label="x", low=low, high=low + width, whole=whole)
    ticks = axis.ticks
    slack = max(abs(low), width) * 1e-6
    assert all(axis.low - slack <= tick <= axis.high + slack for tick in ticks)
    assert len(ticks) <= 7
    assert not whole or all(tick == int(tick) for tick in ticks)
    assert len(set(ticks)) == len(ticks)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 1, (0, 0.2, 0.4, 0.6, 0.8, 1)), (1, 12, (5, 10)), (0, 1.43, (0, 0.5, 1))],
)
def test_ticks_by_hand(low: float, high: float, ticks: tuple[float, ...]) -> None:
    assert Axis(label="x", low=low, high=high).ticks == ticks


def test_an_axis_over_values_holds_them_all() -> None:
    axis = axis_over([3, math.nan, -1], label="x")
    assert (axis.low, axis.high) == (-1, 3)
    assert axis_over([2, 2], label="x").low < 2 < axis_over([2, 2], label="x").high
    assert axis_over([], label="x").ticks


def test_reliability_shows_each_bin_with_its_number() -> None:
    bins = [
        Bin(low=0.5, high=1, confidence=0.75, accuracy=wilson(30, 40)),
        Bin(low=0, high=0.5, confidence=0.25, accuracy=Estimate.undefined()),
    ]
    svg = reliability_chart([bins], words=WORDS)
    (dot,) = parts(svg, "dot")
    assert float(dot.get("cx", "")) == pytest.approx(46 + 0.75 * 362)
    assert float(dot.get("cy", "")) == pytest.approx(12 + 0.25 * 216)
    assert "n=40" in "".join(dot.itertext())
    assert len(parts(svg, "ideal")) == 1


def test_the_bar_of_an_estimate() -> None:
    root = ET.fromstring(interval_bar(Estimate(value=0.5, low=0.4, high=0.65, n=9)))
    assert root.get("aria-hidden") == "true"
    assert float(parts(ET.tostring(root, "unicode"), "bar")[0].get("width", "")) == 50
    assert numbers(parts(ET.tostring(root, "unicode"), "whisker")[0].get("d", "")) == [40, 6, 65]
    assert interval_bar(Estimate.undefined()) == ""
