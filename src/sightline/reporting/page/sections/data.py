"""How many images there are of what, and which part each was for."""

from __future__ import annotations

from sightline.reporting.facts import UNDIVIDED, DataFacts
from sightline.reporting.page.blocks import Album, Column, Sentence, Table, TableCell
from sightline.reporting.page.markup import name
from sightline.reporting.page.section import Content, NotRun, Section
from sightline.reporting.page.sentences import counted


def _fill(facts: DataFacts, album: Album) -> Content:
    counts, images = facts.counts, facts.splits
    if not counts or images is None:
        return NotRun(reason="the figures were given without the data.")
    divided = tuple(images) != (UNDIVIDED,)
    splits = tuple(images) if divided else ()
    rows = [
        (
            TableCell(text=name(one.name)),
            *(_number(one.images.get(split, 0)) for split in splits),
            _number(sum(one.images.values())),
        )
        for one in counts
    ]
    every = sum(images.values())
    lead = f"{counted(every, 'image')} of {counted(len(counts), 'class', 'classes')}"
    if divided:
        lead += ": " + ", ".join(f"{number:,} {split}" for split, number in images.items())
    lead += "." if divided else ", not divided into splits."
    if sum(sum(one.images.values()) for one in counts) != every:
        lead += " An image is counted with each of its labels."
    columns = (
        Column(title="Class", look="name"),
        *(Column(title=split.capitalize(), look="number") for split in splits),
        Column(title="All" if divided else "Images", look="number"),
    )
    return (
        Sentence(text=lead),
        Table(title="Images by class", columns=columns, rows=tuple(rows), sortable=True),
    )


def _number(count: int) -> TableCell:
    return TableCell(text=f"{count:,}", order=count)


DATA = Section[DataFacts](id="data", title="The data", fill=_fill)
