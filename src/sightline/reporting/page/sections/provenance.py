"""What must be the same for the figures to be the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sightline.reporting.facts import Facts, Provenance
from sightline.reporting.page.blocks import (
    Album,
    Block,
    Column,
    Heading,
    Pairs,
    Sentence,
    Table,
    TableCell,
)
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
    if given.trained_with or given.judged_with:
        blocks += [Heading(text="Versions"), _versions(given)]
    return tuple(blocks)


def _versions(given: Provenance) -> Table:
    trained, judged = _flat(given.trained_with), _flat(given.judged_with)
    rows = tuple(
        (
            TableCell(text=what),
            TableCell(text=trained.get(what, "–")),
            TableCell(text=judged.get(what, "–")),
        )
        for what in dict.fromkeys([*trained, *judged])
    )
    columns = (Column(title="What"), Column(title="Trained with"), Column(title="Judged with"))
    return Table(title="Versions", columns=columns, rows=rows)


def _flat(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return names and versions, packages under one spelling of their names."""
    flat: dict[str, str] = {}
    for key, value in environment.items():
        if isinstance(value, Mapping):
            flat |= {str(name).lower().replace("_", "-"): str(one) for name, one in value.items()}
        else:
            flat[str(key)] = str(value)
    return flat


PROVENANCE = Section[Facts](id="provenance", title="To get the same again", fill=_fill)
