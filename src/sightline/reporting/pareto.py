"""Latency against accuracy as a picture: what is worth having lies to the left and above.

Names stand in a column of their own beside the points, so that they never overlap, however close
two models are.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sightline.errors import DataError
from sightline.evaluation import Estimate
from sightline.files import load_module, printable, write_bytes
from sightline.reporting.columns import shortened

_LONGEST_NAME = 34
_INCHES_EACH = 0.42
_LARGEST = 900.0
"""Area of the largest point, in square points."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """A model in the picture.

    Attributes:
        name: What stands beside it.
        latency: Milliseconds for one image.
        accuracy: With its interval.
        size: Bytes on the disk.
    """

    name: str
    latency: float
    accuracy: Estimate
    size: int


def save_pareto(points: Sequence[Point], path: str | os.PathLike[str], *, title: str) -> None:
    """Write the picture as a PNG, atomically.

    Args:
        points: The models.
        path: Where it goes.
        title: On what machine and what images.

    Raises:
        DataError: There is no point.
        MissingPackageError: matplotlib is not installed.
        MachineError: The file cannot be written.
    """
    if not points:
        raise DataError("There is nothing to draw: no model has a speed and an accuracy.")
    figures = load_module("matplotlib.figure", purpose="draw the benchmark")
    figure = figures.Figure(figsize=(10, max(5.0, 1.5 + _INCHES_EACH * len(points))))
    figure.subplots_adjust(left=0.08, right=0.62, bottom=0.13, top=0.9)
    _draw(figure.subplots(), points, title)
    picture = io.BytesIO()
    # No program name in the file: the same figures give the same bytes.
    figure.savefig(picture, format="png", dpi=110, metadata={"Software": None})
    write_bytes(path, picture.getvalue())


def frontier(points: Sequence[Point]) -> tuple[Point, ...]:
    """Return the points that no other one beats in both, the fastest first."""
    best: list[Point] = []
    for point in sorted(points, key=lambda one: (one.latency, -one.accuracy.value)):
        if not best or point.accuracy.value > best[-1].accuracy.value:
            best.append(point)
    return tuple(best)


def spread(places: Sequence[float], *, gap: float, low: float, high: float) -> tuple[float, ...]:
    """Return places near those given, at least `gap` apart, in the same order.

    They lie between `low` and `high` where there is room for all of them.
    """
    order = sorted(range(len(places)), key=lambda place: places[place])
    found = [0.0] * len(places)
    least = low
    for place in order:
        found[place] = least = max(places[place], least)
        least += gap
    most = max(high, low + gap * (len(places) - 1))
    for place in reversed(order):
        found[place] = min(found[place], most)
        most = found[place] - gap
    return tuple(found)


def _draw(axes: Any, points: Sequence[Point], title: str) -> None:
    largest = max(point.size for point in points)
    for number, point in enumerate(points):
        value, low, high = point.accuracy.value, point.accuracy.low, point.accuracy.high
        colour = f"C{number % 10}"
        axes.vlines(point.latency, low, high, color=colour, linewidth=1.5)
        area = max(_LARGEST * point.size / largest, 8.0)
        axes.scatter([point.latency], [value], s=area, color=colour, alpha=0.55)
    best = frontier(points)
    axes.plot(
        [point.latency for point in best],
        [point.accuracy.value for point in best],
        color="grey",
        linestyle="--",
        linewidth=1,
        zorder=0,
    )
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("milliseconds for one image (median); less is better")
    axes.set_ylabel("accuracy, 95 % interval; the area is the size on disk")
    axes.set_xlim(0, 1.08 * max(point.latency for point in points))
    axes.grid(alpha=0.3)
    _label(axes, points)


def _label(axes: Any, points: Sequence[Point]) -> None:
    low, high = axes.get_ylim()
    shares = [(point.accuracy.value - low) / (high - low) for point in points]
    # Faster ones above slower ones of the same accuracy: lines to names cross less.
    order = sorted(range(len(points)), key=lambda one: (shares[one], -points[one].latency))
    gap = 0.9 / max(len(points), 12)
    heights = spread([shares[one] for one in order], gap=gap, low=0.03, high=0.97)
    for one, height in zip(order, heights, strict=True):
        point, colour = points[one], f"C{one % 10}"
        axes.annotate(
            f"{shortened(printable(point.name), _LONGEST_NAME)}  {point.size / 1e6:.1f} MB",
            xy=(point.latency, point.accuracy.value),
            xytext=(1.04, height),
            textcoords="axes fraction",
            va="center",
            fontsize=9,
            color="black",
            # A name may hold a dollar sign, which matplotlib would read as mathematics.
            parse_math=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "alpha": 0.6,
                "linewidth": 0.8,
                "relpos": (0, 0.5),
            },
            annotation_clip=False,
        )
