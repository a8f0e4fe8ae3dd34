"""How many images there are of what, and which part each was for."""

from __future__ import annotations

from sightline.reporting.facts import Facts
from sightline.reporting.page.blocks import Album, Column, Sentence, Table, TableCell
from sightline.reporting.page.markup import name
from sightline.reporting.page.section import Content, NotRun, Section
from sightline.reporting.page.sentences import counted


def _fill(facts: Facts, album: Album) -> Content:
    counts = facts.counts
    if not counts:
        return NotRun(reason="the model has no record of the images it was made with.")
    splits = tuple(dict.fromkeys(split for one in counts for split in one.images))
    rows = [
        (
            TableCell(text=name(one.name)),
            *(_number(one.images.get(split, 0)) for split in splits),
            _number(sum(one.images.values())),
        )
        for one in counts
    ]
    totals = {split: sum(one.images.get(split, 0) for one in counts) for split in splits}
    every = sum(totals.values())
    said = ", ".join(f"{total:,} {split}" for split, total in totals.items())
    columns = (
        Column(title="Class", look="name"),
        *(Column(title=split.capitalize(), look="number") for split in splits),
        Column(title="All", look="number"),
    )
    single = facts.evaluation.task == "multi_class"
    what = f"{counted(every, 'image')} of" if single else "Images of"
    lead = f"{what} {counted(len(counts), 'class', 'classes')}: {said}."
    if not single:
        lead = f"{lead} An image with several labels is counted with each."
    return (
        Sentence(text=lead),
        Table(title="Images by class", columns=columns, rows=tuple(rows), sortable=True),
    )


def _number(count: int) -> TableCell:
    return TableCell(text=f"{count:,}", order=count)


DATA = Section(id="data", title="The data", fill=_fill)
