"""Charts as inline SVG: lines with bands, points with whiskers, bars with intervals.

No library and no script. Colours are classes that the style sheet fills, so that a chart follows
light, dark and paper; lines differ in dash as well as in colour, for eyes that do not tell
colours apart. Each chart has a title and a description that say what it shows in words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from sightline.evaluation import Estimate
from sightline.reporting.facts import Bin, Curve
from sightline.reporting.page.markup import joined, number, tag

SERIES = 6
"""How many lines have a look of their own; the style sheet has a class `s0` to `s5` for each."""

_WIDTH, _HEIGHT = 420, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 12, 42
_MOST_POINTS = 300
_TICKS = 5


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One direction of a chart.

    Attributes:
        label: What is measured, with its unit.
        low: Where it begins.
        high: Where it ends.
        whole: Ticks only at whole numbers.
        names: What 0, 1, 2 and so on stand for, in place of ticks at round numbers.
    """

    label: str
    low: float = 0.0
    high: float = 1.0
    whole: bool = False
    names: tuple[str, ...] = ()

    @property
    def ticks(self) -> tuple[float, ...]:
        """Round numbers, about five of them."""
        if self.names:
            return tuple(float(place) for place in range(len(self.names)))
        rough = max((self.high - self.low) / _TICKS, 1e-12)
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * k for k in (1, 2, 5, 10) if unit * k >= rough * 0.999)
        if self.whole:
            step = max(1.0, round(step))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return tuple(round(k * step, 10) for k in range(first, last + 1))

    def word(self, tick: float) -> str:
        """Return what stands at a tick."""
        return self.names[int(tick)] if self.names else f"{tick:g}"


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a chart says to those who do not see it.

    Attributes:
        id: Unique on the page.
        title: What it shows.
        description: What is to be seen in it.
    """

    id: str
    title: str
    description: str


def axis_over(values: Sequence[float], *, label: str, whole: bool = False) -> Axis:
    """Return an axis that holds all finite values."""
    finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return Axis(label=label, low=low, high=high, whole=whole)


def line_chart(
    curves: Sequence[Curve], *, x: Axis, y: Axis, words: Words, diagonal: bool = False
) -> Markup:
    """Return lines over a common frame, with bands where the curves have limits.

    Args:
        curves: In the order of the legend; looks repeat after `SERIES`.
        x: The horizontal axis.
        y: The vertical axis.
        words: For screen readers.
        diagonal: Draw y = x for comparison.
    """
    frame = _Frame(x=x, y=y)
    marks = [_band(frame, curve, place) for place, curve in enumerate(curves) if curve.low]
    marks += [_line(frame, curve, place) for place, curve in enumerate(curves)]
    return _chart(frame, words, joined([_diagonal(frame) if diagonal else "", *marks]))


def reliability_chart(
    series: Sequence[Sequence[Bin]],
    *,
    words: Words,
    x: str = "confidence",
    y: str = "share right",
) -> Markup:
    """Return accuracy over confidence, a point with a whisker for each bin, the ideal dashed.

    Args:
        series: The bins of each diagram; the area of a point grows with their number of images.
        words: For screen readers.
        x: What confidence is called.
        y: What accuracy is called.
    """
    frame = _Frame(x=Axis(label=x), y=Axis(label=y))
    most = max((one.accuracy.n for bins in series for one in bins), default=1) or 1
    marks = [
        joined(_point(frame, one, most, place) for one in bins if one.accuracy.defined)
        for place, bins in enumerate(series)
    ]
    return _chart(frame, words, joined([_diagonal(frame), *marks]))


def interval_bar(estimate: Estimate) -> Markup:
    """Return a bar from 0 to the value, with its interval as a whisker, for a cell of a table."""
    if not estimate.defined:
        return Markup("")
    value, low, high = (
        100 * min(max(number, 0.0), 1.0) for number in (estimate.value, estimate.low, estimate.high)
    )
    shapes = (
        tag("rect", {"class": "track", "width": 100, "height": 12}),
        tag("rect", {"class": "bar", "width": value, "height": 12}),
        tag("path", {"class": "whisker", "d": f"M{number(low)} 6H{number(high)}"}),
    )
    frame = {"class": "interval", "viewBox": "0 0 100 12", "preserveAspectRatio": "none"}
    return tag("svg", {**frame, "aria-hidden": "true"}, *shapes)


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """From values to places on the canvas."""

    x: Axis
    y: Axis

    def across(self, value: float) -> float:
        share = (value - self.x.low) / (self.x.high - self.x.low)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def down(self, value: float) -> float:
        share = (value - self.y.low) / (self.y.high - self.y.low)
        return _TOP + (1 - min(max(share, 0.0), 1.0)) * (_HEIGHT - _TOP - _BOTTOM)

    def path(self, xs: Sequence[float], ys: Sequence[float]) -> str:
        """Return a path through the points; what is not finite breaks it."""
        pen, steps = "M", []
        for one, other in zip(xs, ys, strict=True):
            if math.isfinite(other):
                steps.append(f"{pen}{number(self.across(one))} {number(self.down(other))}")
                pen = "L"
            else:
                pen = "M"
        return "".join(steps)


def _chart(frame: _Frame, words: Words, marks: Markup) -> Markup:
    labels = (f"{words.id}-title", f"{words.id}-text")
    attributes = {
        "class": "chart",
        "viewBox": f"0 0 {_WIDTH} {_HEIGHT}",
        "role": "img",
        "aria-labelledby": " ".join(labels),
    }
    return tag(
        "svg",
        attributes,
        tag("title", {"id": labels[0]}, words.title),
        tag("desc", {"id": labels[1]}, words.description),
        _axes(frame),
        marks,
    )


def _axes(frame: _Frame) -> Markup:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = []
    for value in frame.y.ticks:
        level = frame.down(value)
        parts.append(tag("path", {"class": "grid", "d": f"M{_LEFT} {number(level)}H{right}"}))
        at = {"class": "tick", "x": _LEFT - 7, "y": level + 4, "text-anchor": "end"}
        parts.append(tag("text", at, frame.y.word(value)))
    for value in frame.x.ticks:
        place = frame.across(value)
        stroke = f"M{number(place)} {bottom}v4"
        parts.append(tag("path", {"class": "axis", "d": stroke}))
        at = {"class": "tick", "x": place, "y": bottom + 17, "text-anchor": "middle"}
        parts.append(tag("text", at, frame.x.word(value)))
    parts.append(tag("path", {"class": "axis", "d": f"M{_LEFT} {bottom}H{right}"}))
    middle = {"x": (_LEFT + right) / 2, "y": _HEIGHT - 5, "text-anchor": "middle"}
    parts.append(tag("text", {"class": "label", **middle}, frame.x.label))
    turned = {"transform": f"translate(7 {(_TOP + bottom) / 2}) rotate(-90)"}
    parts.append(tag("text", {"class": "label", "text-anchor": "middle", **turned}, frame.y.label))
    return joined(parts)


def _line(frame: _Frame, curve: Curve, place: int) -> Markup:
    keep = _thinned(len(curve.x))
    xs, ys = ([values[index] for index in keep] for values in (curve.x, curve.y))
    shapes = [tag("path", {"class": f"line s{place % SERIES}", "d": frame.path(xs, ys)})]
    if len(xs) <= 12:
        shapes += [
            tag(
                "circle",
                {
                    "class": f"dot s{place % SERIES}",
                    "cx": frame.across(one),
                    "cy": frame.down(other),
                    "r": 3,
                },
            )
            for one, other in zip(xs, ys, strict=True)
            if math.isfinite(other)
        ]
    return joined(shapes)


def _band(frame: _Frame, curve: Curve, place: int) -> Markup:
    keep = [
        index
        for index in _thinned(len(curve.x))
        if math.isfinite(curve.low[index]) and math.isfinite(curve.high[index])
    ]
    if len(keep) < 2:
        return Markup("")
    forth = frame.path([curve.x[i] for i in keep], [curve.low[i] for i in keep])
    back = frame.path([curve.x[i] for i in keep[::-1]], [curve.high[i] for i in keep[::-1]])
    outline = f"{forth}L{back.removeprefix('M')}Z"
    return tag("path", {"class": f"band s{place % SERIES}", "d": outline})


def _point(frame: _Frame, one: Bin, most: int, place: int) -> Markup:
    x, share = frame.across(one.confidence), one.accuracy
    whisker = f"M{number(x)} {number(frame.down(share.low))}V{number(frame.down(share.high))}"
    told = f"confidence {one.confidence:.2f}: right for {share}"
    look = f"s{place % SERIES}"
    radius = 2 + 3.5 * math.sqrt(share.n / most)
    dot = {"class": f"dot {look}", "cx": x, "cy": frame.down(share.value), "r": radius}
    return joined(
        (
            tag("path", {"class": f"error {look}", "d": whisker}),
            tag("circle", dot, tag("title", {}, told)),
        )
    )


def _diagonal(frame: _Frame) -> Markup:
    low = max(frame.x.low, frame.y.low)
    high = min(frame.x.high, frame.y.high)
    return tag("path", {"class": "ideal", "d": frame.path((low, high), (low, high))})


def _thinned(count: int) -> list[int]:
    """Return at most so many places of a long line as a chart can show, both ends among them."""
    if count <= _MOST_POINTS:
        return list(range(count))
    return [int(place) for place in np.linspace(0, count - 1, _MOST_POINTS).round()]
