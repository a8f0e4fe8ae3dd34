from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import matplotlib.figure
import pytest
from matplotlib.text import Text
from PIL import Image

from sightline.errors import DataError
from sightline.evaluation import Estimate
from sightline.reporting import pareto
from sightline.reporting.pareto import Point, frontier, save_pareto, spread


def point(name: str, latency: float, accuracy: float) -> Point:
    estimate = Estimate(value=accuracy, low=accuracy - 0.03, high=accuracy + 0.03, n=300)
    return Point(name=name, latency=latency, accuracy=estimate, size=5_000_000)


def test_places_are_kept_where_there_is_room_and_else_moved_apart() -> None:
    assert spread([0.5, 0.1], gap=0.2, low=0, high=1) == (0.5, 0.1)
    assert spread([0.5, 0.5, 0.5], gap=0.1, low=0, high=1) == pytest.approx((0.5, 0.6, 0.7))
    assert spread([0.95, 1.0, 0.2], gap=0.25, low=0, high=1) == pytest.approx((0.75, 1.0, 0.2))


def test_the_frontier_is_what_nothing_beats() -> None:
    points = [point("slow", 9, 0.9), point("fast", 1, 0.8), point("bad", 5, 0.7)]
    assert [one.name for one in frontier(points)] == ["fast", "slow"]


@pytest.mark.parametrize("count", [2, 9, 25])
def test_labels_never_overlap(count: int) -> None:
    figure = matplotlib.figure.Figure(figsize=(10, max(5.0, 1.5 + 0.42 * count)))
    figure.subplots_adjust(left=0.08, right=0.62, bottom=0.13, top=0.9)
    axes = figure.subplots()
    pareto._draw(axes, [point(f"clothing-$x{n}" * 4, 3.0, 0.9) for n in range(count)], "here")
    figure.draw_without_rendering()
    # The extent of an annotation would have its line too.
    boxes = sorted((Text.get_window_extent(text) for text in axes.texts), key=lambda box: box.y0)
    assert len(boxes) == count
    assert all(under.y1 <= over.y0 for under, over in pairwise(boxes))
    assert all(0 <= box.x0 and box.x1 <= figure.bbox.x1 for box in boxes)


def test_the_picture(tmp_path: Path) -> None:
    points = [point("a", 3.0, 0.9), point("b", 1.0, 0.85)]
    for name in ("1.png", "2.png"):
        save_pareto(points, tmp_path / name, title="here")
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()
    with Image.open(tmp_path / "1.png") as picture:
        assert picture.width == 1100
    with pytest.raises(DataError):
        save_pareto([], tmp_path / "3.png", title="here")
