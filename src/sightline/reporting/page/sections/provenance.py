"""What must be the same for the figures to be the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sightline.reporting.facts import Facts
from sightline.reporting.page.blocks import Album, Block, Heading, Pairs, Sentence
from sightline.reporting.page.markup import tag
from sightline.reporting.page.section import Content, NotRun, Section


def _fill(facts: Facts, album: Album) -> Content:
    given = facts.provenance
    if given is None:
        return NotRun(reason="the figures were given without a model.")
    blocks: list[Block] = [
        Sentence(text="The same model, data and versions give the same figures again.")
    ]
    hashes = [(f"SHA-256 of {what}", tag("code", {}, one)) for what, one in given.hashes.items()]
    seeds = [(f"Seed of {what}", str(seed)) for what, seed in given.seeds.items()]
    if hashes or seeds:
        blocks.append(Pairs(items=(*hashes, *seeds)))
    for title, environment in (
        ("Trained with", given.trained_with),
        ("Judged with", given.judged_with),
    ):
        if environment:
            blocks += [Heading(text=title), Pairs(items=_versions(environment))]
    return tuple(blocks)


def _versions(environment: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    items: list[tuple[str, str]] = []
    for key, value in environment.items():
        if isinstance(value, Mapping):
            items += [(str(name), str(version)) for name, version in value.items()]
        else:
            items.append((str(key), str(value)))
    return tuple(items)


PROVENANCE = Section(id="provenance", title="To get the same again", fill=_fill)
