"""What a section is: an id, a title, and one function from facts to blocks or to why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from sightline.reporting.facts import DataFacts
from sightline.reporting.page.blocks import Album, Block


@dataclass(frozen=True, kw_only=True)
class NotRun:
    """Why a section has nothing to show, and what would fill it.

    Attributes:
        reason: A sentence.
    """

    reason: str


Content = tuple[Block, ...] | NotRun
Known = TypeVar("Known", bound=DataFacts, contravariant=True)


@dataclass(frozen=True, kw_only=True)
class Section(Generic[Known]):
    """One part of a page; what it needs to know says on which pages it can stand.

    Attributes:
        id: What a link leads to; unique, lower-case words with hyphens.
        title: Its heading.
        fill: Its content, a pure function of the facts; pictures come from the album.
        picture_bytes: What its pictures may take.
        names: The images that it would show, the most wanted first.
    """

    id: str
    title: str
    fill: Callable[[Known, Album], Content]
    picture_bytes: int = 0
    names: Callable[[Known], tuple[str, ...]] = lambda facts: ()


@dataclass(frozen=True, kw_only=True)
class Page(Generic[Known]):
    """One kind of page.

    Attributes:
        kind: What it is called.
        sections: By their ids, in order.
        closing: What is said at the end.
    """

    kind: str
    sections: Mapping[str, Section[Known]]
    closing: str = ""
