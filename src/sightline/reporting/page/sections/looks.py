"""How often these images have judged: each look at them makes the next figure flatter a little."""

from __future__ import annotations

from sightline.reporting.facts import Facts
from sightline.reporting.page.blocks import Album, Column, Sentence, Table, TableCell
from sightline.reporting.page.section import Content, NotRun, Section
from sightline.reporting.page.sentences import counted, readable


def _fill(facts: Facts, album: Album) -> Content:
    if facts.looks is None:
        return NotRun(reason="it is not recorded how often these images were judged before.")
    part = facts.part or "judged"
    lead = (
        f"The {part} part was read {counted(len(facts.looks), 'time')}. Whoever changes a model "
        "after looking at a figure, and looks again, begins to fit the model to these images."
    )
    rows = tuple(
        (TableCell(text=readable(look.when)), TableCell(text=look.command)) for look in facts.looks
    )
    columns = (Column(title="When"), Column(title="What was run"))
    return (Sentence(text=lead), Table(title="Looks", columns=columns, rows=rows))


LOOKS = Section[Facts](id="looks", title="How often the images judged", fill=_fill)
