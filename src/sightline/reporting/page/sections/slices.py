"""Whether some part of the data fares worse than the rest."""

from __future__ import annotations

from sightline.reporting.facts import Facts, SliceRow
from sightline.reporting.page.blocks import Album, Column, Sentence, Table, TableCell
from sightline.reporting.page.charts import interval_bar
from sightline.reporting.page.markup import name
from sightline.reporting.page.section import Content, NotRun, Section
from sightline.reporting.page.sentences import counted, interval, signed, value

_COLUMNS = (
    Column(title="By", look="name"),
    Column(title="Part", look="name"),
    Column(title="Images", look="number"),
    Column(title="Accuracy", look="number"),
    Column(title="Accuracy and its interval", look="bar"),
    Column(title="To the others", look="number"),
)


def _fill(facts: Facts, album: Album) -> Content:
    if not facts.slices:
        return NotRun(reason="the images were not divided by any property.")
    flagged = sum(row.flagged for row in facts.slices)
    lead = (
        f"{counted(len(facts.slices), 'part')} of the images, judged apart. Worse than the others "
        f"by more than chance explains: {flagged or 'none'}."
    )
    rows = tuple(_row(row, marked=flagged > 0) for row in facts.slices)
    columns = (*_COLUMNS, Column(title="Beyond chance")) if flagged else _COLUMNS
    table = Table(title="Accuracy by part", columns=columns, rows=rows, sortable=True)
    return (Sentence(text=lead), table)


def _row(row: SliceRow, *, marked: bool) -> tuple[TableCell, ...]:
    accuracy, difference = row.accuracy, row.difference
    order = accuracy.value if accuracy.defined else -1.0
    told = (
        TableCell(text="–", order=0.0)
        if difference is None or not difference.defined
        else TableCell(
            text=signed(difference),
            order=difference.value,
            detail=interval(difference).replace("-", "−"),
        )
    )
    return (
        TableCell(text=name(row.column)),
        TableCell(text=name(row.value)),
        TableCell(text=f"{accuracy.n:,}", order=accuracy.n),
        TableCell(text=value(accuracy), order=order, detail=interval(accuracy)),
        TableCell(text=interval_bar(accuracy), order=order),
        told,
        *((TableCell(text="worse" if row.flagged else ""),) if marked else ()),
    )


SLICES = Section[Facts](id="slices", title="Parts of the data", fill=_fill)
