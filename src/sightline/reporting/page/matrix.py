"""The confusion matrix as inline SVG: readable with ten classes, and still with hundreds.

Only cells that hold something are drawn, each with a title (hover) that names it and counts it,
and a link to its images where there are some. The shade of a cell is its share of its row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from sightline.reporting.page.markup import joined, shortened, tag

SHADES = 6
"""Steps of each colour: classes `hit1` to `hit6` for the diagonal, `miss1` to `miss6` beside it."""
MOST_CELLS = 6000
"""Drawn in one matrix; beyond it the rarest confusions are left out, and this is said."""

_MOST_COUNTS = 24
_MOST_LABELS = 150
_LONGEST_LABEL = 22
_LETTER = 0.56  # of the size of a letter, on average
_NEVER = -1.0  # less alike than any two classes


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A matrix and what it leaves out.

    Attributes:
        svg: The drawing.
        width: What it is wide at its natural size, in pixels.
        left_out: Images in cells that are not drawn.
    """

    svg: Markup
    width: int
    left_out: int


def draw_matrix(
    confusion: np.ndarray,
    classes: Sequence[str],
    *,
    order: Sequence[int],
    link: Callable[[int, int], str | None],
    id: str,
) -> Drawing:
    """Return the matrix, rows the truth and columns the answers.

    Args:
        confusion: Integers (k, k).
        classes: Their k names.
        order: The classes in the order in which they are drawn.
        link: From (row, column) to what a click leads to, None for nothing.
        id: Unique on the page.
    """
    layout = _Layout.of(classes, confusion)
    places = {index: place for place, index in enumerate(order)}
    chosen = _cells(confusion)
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    shapes = [
        layout.cell(
            (places[row], places[column]),
            look=_look(row == column, share[row, column]),
            count=int(confusion[row, column]),
            told=_told(confusion, classes, row, column),
            link=link(row, column),
        )
        for row, column in chosen
    ]
    drawn = sum(int(confusion[cell]) for cell in chosen)
    total = int(confusion.sum())
    names = [classes[index] for index in order]
    attributes = {
        "class": "matrix",
        "viewBox": f"0 0 {layout.width} {layout.height}",
        "style": f"--natural:{layout.width}",
        "role": "img",
        "aria-labelledby": f"{id}-title {id}-text",
    }
    words = (
        tag("title", {"id": f"{id}-title"}, "Confusion matrix"),
        tag(
            "desc",
            {"id": f"{id}-text"},
            f"Rows are the true classes, columns the answers; {int(np.trace(confusion)):,} of "
            f"{total:,} images lie on the diagonal. The list below has the same counts.",
        ),
    )
    svg = tag("svg", attributes, *words, layout.frame(), layout.labels(names), joined(shapes))
    return Drawing(svg=svg, width=layout.width, left_out=total - drawn)


def similarity_order(confusion: np.ndarray) -> list[int]:
    """Return the classes so that those taken for each other stand side by side.

    Average linkage on how often two classes are taken for each other; of the four ways to join
    two groups end to end, the one whose classes at the seam are most alike. On a noisy chain of
    100 shuffled classes, 0.34 of the confusions come to lie within three places of the diagonal
    (0.35 in the true order); spectral seriation, which a few chance confusions mislead, has 0.10.

    Source: G. Gruvaeus, H. Wainer, "Two additions to hierarchical cluster analysis", British
    Journal of Mathematical and Statistical Psychology 25 (1972), 200-206.
    """
    width = len(confusion)
    rates = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    alike = rates + rates.T
    groups: dict[int, list[int]] = {index: [index] for index in range(width)}
    between = alike.copy()
    np.fill_diagonal(between, _NEVER)
    for _ in range(width - 1):
        kept, gone = sorted(int(i) for i in np.unravel_index(between.argmax(), between.shape))
        sizes = len(groups[kept]), len(groups[gone])
        mean = (between[kept] * sizes[0] + between[gone] * sizes[1]) / sum(sizes)
        between[kept], between[:, kept] = mean, mean
        between[kept, kept] = between[gone] = between[:, gone] = _NEVER
        groups[kept] = _joined(groups[kept], groups.pop(gone), alike)
    order = next(iter(groups.values()), [])
    # Either direction is as good: the first class stands in the first half.
    return order if order[: (width + 1) // 2].count(0) else order[::-1]


def _joined(one: list[int], other: list[int], alike: np.ndarray) -> list[int]:
    ways = ((one, other), (one, other[::-1]), (one[::-1], other), (one[::-1], other[::-1]))
    first, second = max(ways, key=lambda way: alike[way[0][-1], way[1][0]])
    return first + second


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """Sizes, in pixels at the drawing's natural size."""

    side: int
    count: int
    room: int
    labelled: bool
    counted: bool

    @classmethod
    def of(cls, classes: Sequence[str], confusion: np.ndarray) -> _Layout:
        count = len(classes)
        counted = count <= _MOST_COUNTS
        labelled = count <= _MOST_LABELS
        side = max(34, 12 + 8 * len(str(confusion.max(initial=0)))) if counted else 13
        side = side if labelled else 6
        longest = max((len(shortened(name, _LONGEST_LABEL)) for name in classes), default=1)
        room = int(longest * _LETTER * cls._size(counted)) + 14 if labelled else 4
        return cls(side=side, count=count, room=room + 22, labelled=labelled, counted=counted)

    @staticmethod
    def _size(counted: bool) -> int:
        return 13 if counted else 10

    @property
    def width(self) -> int:
        # The last column's slanted name needs room on the right.
        return self.room + self.side * self.count + (self.room * 7 // 10 if self.labelled else 8)

    @property
    def height(self) -> int:
        return self.head + self.side * self.count + 8

    @property
    def head(self) -> int:
        # Names above the columns are slanted by 50 degrees, so that they need less room.
        return self.room * 85 // 100 if self.labelled else self.room

    def frame(self) -> Markup:
        """Return the field, its axes' names and, in small matrices, its lines."""
        extent = self.side * self.count
        at = {"x": self.room, "y": self.head, "width": extent, "height": extent}
        return joined(
            (
                tag("rect", {"class": "field", **at}),
                tag(
                    "text",
                    {"class": "way", "x": self.room, "y": 14},
                    "answer →",
                ),
                tag(
                    "text",
                    {
                        "class": "way",
                        "text-anchor": "end",
                        "transform": f"translate(14 {self.head}) rotate(-90)",
                    },
                    "← truth",
                ),
            )
        )

    def labels(self, names: Sequence[str]) -> Markup:
        """Return the names beside the rows and, slanted, above the columns."""
        if not self.labelled:
            return Markup("")
        parts = []
        size = f"font-size:{self._size(self.counted)}px"
        for place, name in enumerate(names):
            short = shortened(name, _LONGEST_LABEL)
            middle = self.side * (place + 0.5)
            row = {"x": self.room - 7, "y": self.head + middle + 4, "text-anchor": "end"}
            turn = f"translate({self.room + middle + 3:g} {self.head - 7}) rotate(-50)"
            column = {"transform": turn, "style": size}
            whole = tag("title", {}, name)
            parts.append(tag("text", {"class": "tick", **row, "style": size}, whole, short))
            parts.append(tag("text", {"class": "tick", **column}, whole, short))
        return joined(parts)

    def cell(
        self, place: tuple[int, int], *, look: str, count: int, told: str, link: str | None
    ) -> Markup:
        """Return one cell."""
        row, column = place
        x, y = self.room + self.side * column, self.head + self.side * row
        gap = 1 if self.labelled else 0
        at = {"x": x, "y": y, "width": self.side - gap, "height": self.side - gap}
        shape = tag("rect", at, tag("title", {}, told))
        if self.counted:
            middle = {"x": x + (self.side - 1) / 2, "y": y + self.side / 2 + 4}
            shape += tag("text", {**middle, "text-anchor": "middle"}, f"{count}")
        if link is None:
            return tag("g", {"class": look}, shape)
        # Hundreds of stops for the Tab key would hide the rest of the page from it; the list
        # below the matrix leads to the same images.
        return tag("a", {"class": look, "href": f"#{link}", "tabindex": -1}, shape)


def _cells(confusion: np.ndarray) -> list[tuple[int, int]]:
    """Return the cells to draw: those that hold something, the commonest if there are too many."""
    rows, columns = np.nonzero(confusion)
    if len(rows) > MOST_CELLS:
        keep = np.argsort(-confusion[rows, columns], kind="stable")[:MOST_CELLS]
        rows, columns = rows[np.sort(keep)], columns[np.sort(keep)]
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True)]


def _look(hit: bool, share: float) -> str:
    # Mistakes are rare: the square root keeps a cell of 2 % visible.
    level = share if hit else float(np.sqrt(share))
    return f"{'hit' if hit else 'miss'}{min(SHADES, 1 + int(level * SHADES))}"


def _told(confusion: np.ndarray, classes: Sequence[str], row: int, column: int) -> str:
    count, support = int(confusion[row, column]), int(confusion[row].sum())
    of = f"{count:,} of {support:,} ({count / support:.0%})"
    if row == column:
        return f"{classes[row]}: {of} right"
    return f"{classes[row]} taken for {classes[column]}: {of}"
