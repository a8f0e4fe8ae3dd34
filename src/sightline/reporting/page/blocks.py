"""What sections are made of. A section chooses blocks; one template draws each kind.

So all sections look alike, and a new one is one file without a line of HTML.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from markupsafe import Markup


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A paragraph.

    Attributes:
        text: Plain text, or inline markup made by `markup`.
        tone: `"lead"`, `"plain"` or `"note"`.
    """

    kind: ClassVar[str] = "sentence"
    text: str | Markup
    tone: str = "plain"


@dataclass(frozen=True, kw_only=True)
class Heading:
    """A heading within a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True, kw_only=True)
class Stat:
    """One large figure.

    Attributes:
        label: What it is.
        value: The figure.
        interval: Its limits; empty for none.
        bar: A drawing of them; empty for none.
    """

    label: str
    value: str
    interval: str = ""
    bar: Markup = Markup("")


@dataclass(frozen=True, kw_only=True)
class Stats:
    """Large figures side by side."""

    kind: ClassVar[str] = "stats"
    items: tuple[Stat, ...]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Something that holds or does not.

    Attributes:
        mark: `"good"`, `"bad"`, `"open"` or `"quiet"`; shown as a word too, not only as a colour.
        word: That word, for example `"passed"`.
        title: What was asked.
        text: Why.
        blocks: More on it, with images.
    """

    mark: str
    word: str
    title: str | Markup
    text: str | Markup = ""
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """A list of them."""

    kind: ClassVar[str] = "verdicts"
    items: tuple[Verdict, ...]


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Names and what belongs to them."""

    kind: ClassVar[str] = "pairs"
    items: tuple[tuple[str, str | Markup], ...]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table.

    Attributes:
        title: Its heading.
        look: `"name"`, `"number"`, `"bar"` or `"text"`.
    """

    title: str
    look: str = "text"


@dataclass(frozen=True, kw_only=True)
class TableCell:
    """One cell.

    Attributes:
        text: What it shows.
        order: What rows are sorted by; the text where None.
        detail: Smaller, after the text.
    """

    text: str | Markup
    order: float | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under headings.

    Attributes:
        title: What it lists, for those who do not see the page.
        columns: At least one.
        rows: One cell for each column.
        sortable: Whether a click on a heading sorts it.
    """

    kind: ClassVar[str] = "table"
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[TableCell, ...], ...]
    sortable: bool = False


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A chart with its legend.

    Attributes:
        title: Above it.
        svg: The chart.
        legend: Names of its lines in their order; empty for none.
        caption: Below it: how to read it.
    """

    title: str
    svg: Markup
    legend: tuple[str | Markup, ...] = ()
    caption: str | Markup = ""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Charts side by side where there is room."""

    kind: ClassVar[str] = "figures"
    items: tuple[Figure, ...]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One image.

    Attributes:
        uri: Its content as a `data:` address; empty where there is none to show.
        overlay: The same for its heatmap.
        name: What it is called, raw.
        lines: What is said of it.
    """

    uri: str
    name: str
    lines: tuple[str | Markup, ...] = ()
    overlay: str = ""


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Images side by side.

    Attributes:
        pictures: In order.
        more: How many are not shown.
        size: `"large"` or `"small"`.
    """

    kind: ClassVar[str] = "gallery"
    pictures: tuple[Picture, ...]
    more: int = 0
    size: str = "large"


@dataclass(frozen=True, kw_only=True)
class Raw:
    """Markup of our own making that no other block fits."""

    kind: ClassVar[str] = "raw"
    markup: Markup


@dataclass(frozen=True, kw_only=True)
class Folded:
    """Blocks that are seen when their heading is opened.

    Attributes:
        title: The heading.
        id: What a link leads to; a browser then opens it.
        blocks: What is folded away.
    """

    kind: ClassVar[str] = "folded"
    title: str | Markup
    blocks: tuple[Block, ...]
    id: str = ""


Block = Sentence | Heading | Stats | Verdicts | Pairs | Table | Figures | Gallery | Raw | Folded


@dataclass
class Album:
    """Hands out pictures until a section has spent its bytes, and counts what it could not show.

    Args:
        thumbnails: From an image's name to a JPEG file.
        overlays: The same for heatmaps.
        most_bytes: Of all that is handed out.
    """

    thumbnails: Mapping[str, bytes]
    overlays: Mapping[str, bytes] = field(default_factory=dict)
    most_bytes: int = 2**20
    spent: int = 0
    refused: int = 0

    def uri(self, name: str) -> str:
        """Return an image as a `data:` address; empty where there is none or no room is left."""
        return self._taken(self.thumbnails.get(name))

    def overlay(self, name: str) -> str:
        """Return an image's heatmap in the same way."""
        return self._taken(self.overlays.get(name))

    def _taken(self, picture: bytes | None) -> str:
        if picture is None:
            return ""
        if self.spent + len(picture) > self.most_bytes:
            self.refused += 1
            return ""
        self.spent += len(picture)
        return "data:image/jpeg;base64," + base64.b64encode(picture).decode("ascii")
