"""The model card, in its makers' words."""

from __future__ import annotations

from dataclasses import fields

from markupsafe import Markup

from sightline.reporting.card import Card
from sightline.reporting.facts import Facts
from sightline.reporting.page.blocks import Album, Pairs
from sightline.reporting.page.markup import joined, tag
from sightline.reporting.page.section import Content, NotRun, Section

_TITLES = {"ethics": "Ethical considerations", "out_of_scope": "Not to be used for"}


def _fill(facts: Facts, album: Album) -> Content:
    filled = _filled(facts.card) if facts.card is not None else ()
    if not filled:
        return NotRun(
            reason="no model card was given; `sightline report --card-template > card.toml` makes "
            "one to fill in, `--card card.toml` adds it."
        )
    return (Pairs(items=filled),)


def _filled(card: Card) -> tuple[tuple[str, Markup], ...]:
    given = [(item.name, getattr(card, item.name)) for item in fields(card)]
    return tuple((_title(key), _points(texts)) for key, texts in given if texts)


def _title(key: str) -> str:
    return _TITLES.get(key, key.replace("_", " ").capitalize())


def _points(texts: tuple[str, ...]) -> Markup:
    if len(texts) == 1:
        return joined(texts)
    return tag("ul", {}, *(tag("li", {}, text) for text in texts))


INTENDED_USE = Section[Facts](id="intended-use", title="Intended use and limits", fill=_fill)
