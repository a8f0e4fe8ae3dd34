"""What a section is: an id, a title, and one function from facts to blocks or to why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sightline.reporting.facts import Facts
from sightline.reporting.page.blocks import Album, Block


@dataclass(frozen=True, kw_only=True)
class NotRun:
    """Why a section has nothing to show, and what would fill it.

    Attributes:
        reason: A sentence.
    """

    reason: str


Content = tuple[Block, ...] | NotRun


@dataclass(frozen=True, kw_only=True)
class Section:
    """One part of the page.

    Attributes:
        id: What a link leads to; unique, lower-case words with hyphens.
        title: Its heading.
        fill: Its content, a pure function of the facts; pictures come from the album.
        picture_bytes: What its pictures may take.
        names: The images that it would show, the most wanted first.
    """

    id: str
    title: str
    fill: Callable[[Facts, Album], Content]
    picture_bytes: int = 0
    names: Callable[[Facts], tuple[str, ...]] = lambda facts: ()
